//! Merges the objects of one compilation into a single relocatable ELF object in which every symbol is resolved.

use std::collections::{HashMap, HashSet};

use object::read::elf::ElfFile64;
use object::read::{ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolIndex};
use object::write::{
    Object, Relocation, SectionId, StandardSection, Symbol, SymbolId, SymbolSection,
};
use object::{
    Architecture, BinaryFormat, Endianness, Object as _, RelocationFlags, SectionKind, SymbolFlags,
    SymbolKind, SymbolScope, elf,
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
    CodegenError::Object {
        module: module.to_owned(),
        reason: reason.to_string(),
    }
}

/// Sections that carry no code or constants, and are left out.
fn is_dropped(name: &str, kind: SectionKind) -> bool {
    use SectionKind::{Metadata, Note, Other, OtherString};
    matches!(kind, Metadata | Note | Other | OtherString)
        || [".eh_frame", ".comment", ".llvm", ".note"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Merges `objects` in their order; symbols outside `exports` become local.
pub fn merge(objects: &[Compiled<'_>], exports: &[String]) -> Result<Vec<u8>, CodegenError> {
    let mut inputs = objects
        .iter()
        .map(|each| {
            let elf = ElfFile64::parse(each.object.as_slice())
                .map_err(|error| refuse(each.name, format!("it is not 64-bit ELF: {error}")))?;
            Ok(Input {
                name: each.name,
                elf,
                placed: HashMap::new(),
            })
        })
        .collect::<Result<Vec<_>, CodegenError>>()?;
    let architecture = inputs
        .first()
        .ok_or(CodegenError::Empty)?
        .elf
        .architecture();
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
    output
        .write()
        .map_err(|error| CodegenError::Merged(error.to_string()))
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
        placed.insert(
            section.index(),
            Placed {
                section: target,
                base,
            },
        );
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
        let place = symbol
            .section_index()
            .and_then(|index| input.placed.get(&index));
        let Some(place) = place else {
            return Err(input.refuse(format!("symbol \"{name}\" has neither code nor bytes")));
        };
        let is_exported = exported.contains(name);
        let id = output.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: place.base + symbol.address(),
            size: symbol.size(),
            kind: if symbol.kind() == SymbolKind::Text {
                SymbolKind::Text
            } else {
                SymbolKind::Data
            },
            scope: if is_exported {
                SymbolScope::Linkage
            } else {
                SymbolScope::Compilation
            },
            weak: false,
            section: SymbolSection::Section(place.section),
            flags: SymbolFlags::None,
        });
        let global = Global {
            id,
            module: input.name,
        };
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
    let symbol = input
        .elf
        .symbol_by_index(index)
        .map_err(|error| input.refuse(error))?;
    if symbol.is_undefined() || symbol.is_global() {
        let name = symbol.name().map_err(|error| input.refuse(error))?;
        return match globals.get(name) {
            Some(global) => Ok((global.id, 0)),
            None => Err(CodegenError::Undefined {
                module: input.name.to_owned(),
                symbol: name.to_owned(),
            }),
        };
    }
    let place = symbol
        .section_index()
        .and_then(|section| input.placed.get(&section))
        .ok_or_else(|| input.refuse("a relocation refers to a section that is left out"))?;
    let offset = i64::try_from(place.base + symbol.address())
        .map_err(|_| input.refuse("a section is too large"))?;
    Ok((output.section_symbol(place.section), offset))
}
