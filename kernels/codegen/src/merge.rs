//! Merges the objects of one compilation into a single relocatable ELF object in which every symbol is resolved.

use std::collections::{HashMap, HashSet};

use object::read::elf::ElfFile64;
use object::read::{ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolIndex};
use object::write::{Object, Relocation, SectionId, StandardSection, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, Object as _, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

use crate::error::CodegenError;

/// Relocations that the engine's loader applies; code that needs another kind is refused here, at the desk.
const X86_64: &[elf::RelocationType] = &[elf::R_X86_64_PC32, elf::R_X86_64_PLT32];
const AARCH64: &[elf::RelocationType] = &[
    elf::R_AARCH64_PREL32,
    elf::R_AARCH64_ADR_PREL_PG_HI21,
    elf::R_AARCH64_ADD_ABS_LO12_NC,
    elf::R_AARCH64_LDST8_ABS_LO12_NC,
    elf::R_AARCH64_LDST16_ABS_LO12_NC,
    elf::R_AARCH64_LDST32_ABS_LO12_NC,
    elf::R_AARCH64_LDST64_ABS_LO12_NC,
    elf::R_AARCH64_LDST128_ABS_LO12_NC,
    elf::R_AARCH64_CALL26,
    elf::R_AARCH64_JUMP26,
];

/// One module's object.
pub struct Compiled<'a> {
    pub name: &'a str,
    pub object: Vec<u8>,
}

/// A module's object while it is merged.
struct Input<'data> {
    name: &'data str,
    elf: ElfFile64<'data>,
    /// Where its sections have gone; what is not here is left out.
    placed: HashMap<SectionIndex, Placed>,
}

/// Where a section of an input has gone.
#[derive(Clone, Copy)]
struct Placed {
    section: SectionId,
    base: u64,
}

/// A symbol that other modules see.
struct Global<'data> {
    id: SymbolId,
    module: &'data str,
}

impl Input<'_> {
    fn refuse(&self, reason: impl ToString) -> CodegenError {
        refuse(self.name, reason)
    }
}

fn refuse(module: &str, reason: impl ToString) -> CodegenError {
    CodegenError::Object { module: module.to_owned(), reason: reason.to_string() }
}

/// Sections that carry no code or constants, and are left out.
fn is_dropped(name: &str, kind: SectionKind) -> bool {
    use SectionKind::{Metadata, Note, Other, OtherString};
    matches!(kind, Metadata | Note | Other | OtherString)
        || [".eh_frame", ".comment", ".llvm", ".note"].iter().any(|prefix| name.starts_with(prefix))
}

/// Merges `objects` in their order; symbols outside `exports` become local.
pub fn merge(objects: &[Compiled<'_>], exports: &[String]) -> Result<Vec<u8>, CodegenError> {
    let mut inputs = objects
        .iter()
        .map(|each| {
            let elf = ElfFile64::parse(each.object.as_slice())
                .map_err(|error| refuse(each.name, format!("it is not 64-bit ELF: {error}")))?;
            Ok(Input { name: each.name, elf, placed: HashMap::new() })
        })
        .collect::<Result<Vec<_>, CodegenError>>()?;
    let architecture = inputs.first().ok_or(CodegenError::Empty)?.elf.architecture();
    let exported: HashSet<&str> = exports.iter().map(String::as_str).collect();

    let mut output = Object::new(BinaryFormat::Elf, architecture, Endianness::Little);
    let mut globals = HashMap::new();
    for input in &mut inputs {
        place_sections(input, &mut output)?;
        define_symbols(input, &exported, &mut output, &mut globals)?;
    }
    for input in &inputs {
        relocate(input, architecture, &globals, &mut output)?;
    }
    if let Some(missing) = exports.iter().find(|name| !globals.contains_key(*name)) {
        return Err(CodegenError::Export(missing.clone()));
    }
    output.write().map_err(|error| CodegenError::Merged(error.to_string()))
}

fn place_sections(input: &mut Input<'_>, output: &mut Object<'_>) -> Result<(), CodegenError> {
    let text = output.section_id(StandardSection::Text);
    let rodata = output.section_id(StandardSection::ReadOnlyData);
    let mut placed = HashMap::new();
    for section in input.elf.sections() {
        let name = section.name().map_err(|error| input.refuse(error))?;
        if section.size() == 0 || is_dropped(name, section.kind()) {
            continue;
        }
        let target = match section.kind() {
            SectionKind::Text => text,
            SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => rodata,
            _ => {
                return Err(input.refuse(format!(
                    "section {name} is neither code nor constants\n  help: pass memory as an argument; an object has no variables"
                )));
            }
        };
        let data = section.data().map_err(|error| input.refuse(error))?;
        let base = output.append_section_data(target, data, section.align().max(1));
        placed.insert(section.index(), Placed { section: target, base });
    }
    input.placed = placed;
    Ok(())
}

fn define_symbols<'data>(
    input: &Input<'data>,
    exported: &HashSet<&str>,
    output: &mut Object<'_>,
    globals: &mut HashMap<String, Global<'data>>,
) -> Result<(), CodegenError> {
    for symbol in input.elf.symbols() {
        if !symbol.is_definition() || !symbol.is_global() {
            continue;
        }
        let name = symbol.name().map_err(|error| input.refuse(error))?;
        let place = symbol.section_index().and_then(|index| input.placed.get(&index));
        let Some(place) = place else {
            return Err(input.refuse(format!("symbol \"{name}\" has neither code nor bytes")));
        };
        let is_exported = exported.contains(name);
        let id = output.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: place.base + symbol.address(),
            size: symbol.size(),
            kind: if symbol.kind() == SymbolKind::Text { SymbolKind::Text } else { SymbolKind::Data },
            scope: if is_exported { SymbolScope::Linkage } else { SymbolScope::Compilation },
            weak: false,
            section: SymbolSection::Section(place.section),
            flags: SymbolFlags::None,
        });
        let global = Global { id, module: input.name };
        if let Some(first) = globals.insert(name.to_owned(), global) {
            return Err(CodegenError::Twice {
                symbol: name.to_owned(),
                first: first.module.to_owned(),
                second: input.name.to_owned(),
            });
        }
    }
    Ok(())
}

fn relocate(
    input: &Input<'_>,
    architecture: Architecture,
    globals: &HashMap<String, Global<'_>>,
    output: &mut Object<'_>,
) -> Result<(), CodegenError> {
    let known = match architecture {
        Architecture::Aarch64 => AARCH64,
        _ => X86_64,
    };
    for section in input.elf.sections() {
        let Some(place) = input.placed.get(&section.index()) else {
            continue;
        };
        for (offset, relocation) in section.relocations() {
            let (RelocationFlags::Elf { r_type }, RelocationTarget::Symbol(index)) =
                (relocation.flags(), relocation.target())
            else {
                return Err(input.refuse("a relocation names no symbol"));
            };
            let (symbol, base) = resolve(input, index, globals, output)?;
            if !known.contains(&r_type) {
                return Err(input.refuse(format!(
                    "the loader applies no relocation of type {} ({architecture:?})\n  help: declare what another module defines as \"hidden\"",
                    r_type.0
                )));
            }
            output
                .add_relocation(
                    place.section,
                    Relocation {
                        offset: place.base + offset,
                        symbol,
                        addend: relocation.addend() + base,
                        flags: RelocationFlags::Elf { r_type },
                    },
                )
                .map_err(|error| input.refuse(error))?;
        }
    }
    Ok(())
}

/// The merged symbol behind an input's symbol, and what its place adds to the addend.
fn resolve(
    input: &Input<'_>,
    index: SymbolIndex,
    globals: &HashMap<String, Global<'_>>,
    output: &mut Object<'_>,
) -> Result<(SymbolId, i64), CodegenError> {
    let symbol = input.elf.symbol_by_index(index).map_err(|error| input.refuse(error))?;
    if symbol.is_undefined() || symbol.is_global() {
        let name = symbol.name().map_err(|error| input.refuse(error))?;
        return match globals.get(name) {
            Some(global) => Ok((global.id, 0)),
            None => Err(CodegenError::Undefined { module: input.name.to_owned(), symbol: name.to_owned() }),
        };
    }
    let place = symbol
        .section_index()
        .and_then(|section| input.placed.get(&section))
        .ok_or_else(|| input.refuse("a relocation refers to a section that is left out"))?;
    let offset = i64::try_from(place.base + symbol.address()).map_err(|_| input.refuse("a section is too large"))?;
    Ok((output.section_symbol(place.section), offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llvm::{self, Machine, Output};
    use crate::testing::{ARM, X86};

    fn merged(
        machine: &Machine<'_>,
        modules: &[(&'static str, &str)],
        exports: &[&str],
    ) -> Result<Vec<u8>, CodegenError> {
        let objects: Vec<_> = modules
            .iter()
            .map(|(name, text)| Compiled { name, object: llvm::compile(machine, name, text, Output::Object).unwrap() })
            .collect();
        let exports: Vec<_> = exports.iter().map(|&name| name.to_owned()).collect();
        merge(&objects, &exports)
    }

    fn error(machine: &Machine<'_>, modules: &[(&'static str, &str)], exports: &[&str]) -> String {
        merged(machine, modules, exports).unwrap_err().to_string()
    }

    fn adding(name: &str, constants: [u32; 4]) -> String {
        let list = constants.map(|each| format!("i32 {each}")).join(", ");
        format!(
            "define void @{name}(ptr %p) nounwind {{\n  %v = load <4 x i32>, ptr %p, align 16\n  %s = mul <4 x i32> %v, <{list}>\n  store <4 x i32> %s, ptr %p, align 16\n  ret void\n}}\n"
        )
    }

    /// What each relocation of .text refers to: type, and the bytes at symbol + addend (+ 4 where it counts from the field's end).
    fn referred(object: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let elf = ElfFile64::<Endianness>::parse(object).unwrap();
        let text = elf.section_by_name(".text").unwrap();
        text.relocations()
            .map(|(_, relocation)| {
                let (RelocationFlags::Elf { r_type }, RelocationTarget::Symbol(index)) =
                    (relocation.flags(), relocation.target())
                else {
                    panic!("not a relocation of ELF to a symbol")
                };
                let symbol = elf.symbol_by_index(index).unwrap();
                let section = elf.section_by_index(symbol.section_index().unwrap()).unwrap();
                let from_end = if r_type == elf::R_X86_64_PC32 { 4 } else { 0 };
                let at = usize::try_from(symbol.address() as i64 + relocation.addend() + from_end).unwrap();
                let data = section.data().unwrap();
                (r_type.0, data[at..data.len().min(at + 16)].to_vec())
            })
            .collect()
    }

    #[test]
    fn constants_of_every_module_are_found_after_the_merge() {
        let (first, second) = ([3, 5, 7, 11], [13, 17, 19, 23]);
        let bytes = |constants: [u32; 4]| constants.map(u32::to_le_bytes).concat();
        let texts = (adding("first", first), adding("second", second));
        for machine in [&X86, &ARM] {
            let object = merged(machine, &[("a", &texts.0), ("b", &texts.1)], &["first", "second"]).unwrap();
            let referred = referred(&object);
            let (in_first, in_second) = referred.split_at(referred.len() / 2);
            assert!(!in_first.is_empty() && in_first.iter().all(|(_, found)| *found == bytes(first)), "{in_first:?}");
            assert!(in_second.iter().all(|(_, found)| *found == bytes(second)), "{in_second:?}");
        }
    }

    #[test]
    fn sections_keep_their_alignment() {
        let odd = "@text = hidden constant [3 x i8] c\"abc\", align 1\n";
        let wide = "@wide = hidden constant [4 x i64] [i64 1, i64 2, i64 3, i64 4], align 64\n";
        let object = merged(&X86, &[("a", odd), ("b", wide)], &[]).unwrap();
        let elf = ElfFile64::<Endianness>::parse(object.as_slice()).unwrap();
        let wide = elf.symbols().find(|symbol| symbol.name() == Ok("wide")).unwrap();
        assert_eq!(wide.address() % 64, 0);
        assert_eq!(elf.section_by_name(".rodata").unwrap().align(), 64);
    }

    #[test]
    fn calls_between_modules_reach_their_function_and_only_exports_are_global() {
        let caller = "declare hidden void @callee(ptr)\ndefine void @caller(ptr %a) nounwind {\n  call void @callee(ptr %a)\n  store i32 2, ptr %a\n  ret void\n}\n";
        let callee = adding("callee", [3, 5, 7, 11]);
        for (machine, call) in [(&X86, elf::R_X86_64_PLT32), (&ARM, elf::R_AARCH64_CALL26)] {
            let object = merged(machine, &[("a", caller), ("b", &callee)], &["caller"]).unwrap();
            let elf = ElfFile64::<Endianness>::parse(object.as_slice()).unwrap();
            let named = |name| elf.symbols().find(|symbol| symbol.name() == Ok(name)).unwrap();
            assert!(named("caller").is_global() && !named("callee").is_global());
            assert_ne!(named("caller").address(), named("callee").address());
            assert!(elf.symbols().skip(1).all(|symbol| !symbol.is_undefined()));
            let targets: Vec<_> = elf
                .section_by_name(".text")
                .unwrap()
                .relocations()
                .filter(|(_, relocation)| relocation.flags() == RelocationFlags::Elf { r_type: call })
                .map(|(_, relocation)| relocation.target())
                .collect();
            assert_eq!(targets, [RelocationTarget::Symbol(named("callee").index())]);
        }
    }

    #[test]
    fn only_code_and_constants_are_left() {
        let text = "define void @f(ptr %g) uwtable {\n  call void %g()\n  ret void\n}\n!llvm.ident = !{!0}\n!0 = !{!\"a comment\"}\n";
        let object = merged(&X86, &[("a", text)], &["f"]).unwrap();
        let elf = ElfFile64::<Endianness>::parse(object.as_slice()).unwrap();
        let names: Vec<_> =
            elf.sections().filter(|section| section.size() > 0).map(|section| section.name().unwrap()).collect();
        assert!(names.contains(&".text"));
        assert!(
            names.iter().all(|name| [".text", ".rodata", ".symtab", ".strtab", ".shstrtab"].contains(name)),
            "{names:?}"
        );
    }

    #[test]
    fn a_symbol_that_no_module_defines_is_named_with_its_user() {
        for machine in [&X86, &ARM] {
            let text = "declare void @elsewhere()\ndefine void @f() {\n  call void @elsewhere()\n  ret void\n}\n";
            let error = error(machine, &[("m", text)], &["f"]);
            assert!(error.starts_with("error[codegen/symbol]: module \"m\" uses \"elsewhere\""), "{error}");
        }
    }

    #[test]
    fn an_export_that_no_module_defines_is_named() {
        let error = error(&X86, &[("m", &adding("f", [1, 2, 3, 4]))], &["f", "g"]);
        assert!(error.contains("\"g\" is to be exported"), "{error}");
    }

    #[test]
    fn a_symbol_of_two_modules_is_named_with_both() {
        let text = adding("f", [1, 2, 3, 4]);
        let error = error(&X86, &[("a", &text), ("b", &text)], &["f"]);
        assert!(error.contains("modules \"a\" and \"b\" both define \"f\""), "{error}");
    }

    #[test]
    fn memory_of_an_objects_own_is_refused() {
        let variables = [
            (".data", "@v = global i32 1"),
            (".bss", "@v = global i32 0"),
            (".tdata", "@v = thread_local global i32 1"),
            (
                ".ctors",
                "@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [{ i32, ptr, ptr } { i32 65535, ptr @f, ptr null }]\ndefine void @f() {\n  call void asm sideeffect \"nop\", \"\"()\n  ret void\n}",
            ),
            (".data.rel.ro", "define void @f() {\n  ret void\n}\n@v = constant ptr @f"),
        ];
        for (section, text) in variables {
            for machine in [&X86, &ARM] {
                let error = error(machine, &[("m", text)], &[]);
                assert!(error.contains(&format!("section {section}")), "{section}: {error}");
            }
        }
    }

    #[test]
    fn a_relocation_that_the_loader_does_not_apply_is_refused() {
        let table = "@table = constant [4 x i32] [i32 1, i32 2, i32 3, i32 4]\n";
        let user = "@table = external constant [4 x i32]\ndefine i32 @f(i64 %i) {\n  %p = getelementptr i32, ptr @table, i64 %i\n  %v = load i32, ptr %p\n  ret i32 %v\n}\n";
        for (machine, number) in [(&X86, 42), (&ARM, 311)] {
            let error = error(machine, &[("user", user), ("table", table)], &["f"]);
            assert!(
                error.contains(&format!(
                    "module \"user\" cannot be merged: the loader applies no relocation of type {number}"
                )),
                "{error}"
            );
            let hidden = user.replace("external", "external hidden");
            merged(machine, &[("user", &hidden), ("table", table)], &["f"]).unwrap();
        }
    }
}
