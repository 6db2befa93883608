//! Merges the objects of one compilation into a single relocatable ELF object in which every symbol is resolved.

use std::collections::HashMap;

use object::read::elf::ElfFile64;
use object::read::{ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolIndex};
use object::write::{Object, Relocation, SectionId, StandardSegment, Symbol, SymbolId, SymbolSection};
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

fn broken(error: object::Error) -> CodegenError {
    CodegenError::Object(format!("an object of LLVM cannot be read: {error}"))
}

/// Where a section of an input has gone.
#[derive(Clone, Copy)]
struct Placed {
    section: SectionId,
    base: u64,
}

type Input<'data> = ElfFile64<'data>;

/// Sections that carry no code or constants, and are left out.
fn is_dropped(name: &str, kind: SectionKind) -> bool {
    matches!(kind, SectionKind::Metadata | SectionKind::Note | SectionKind::Other | SectionKind::OtherString)
        || name.starts_with(".eh_frame")
        || name.starts_with(".comment")
        || name.starts_with(".llvm")
        || name.starts_with(".note")
}

/// Merges `objects` in their order; symbols outside `exports` become local.
pub fn merge(objects: &[Vec<u8>], exports: &[String]) -> Result<Vec<u8>, CodegenError> {
    let inputs = objects
        .iter()
        .map(|bytes| Input::parse(bytes.as_slice()).map_err(broken))
        .collect::<Result<Vec<_>, _>>()?;
    let architecture = inputs.first().map_or(Architecture::X86_64, |input| input.architecture());
    let mut output = Object::new(BinaryFormat::Elf, architecture, Endianness::Little);
    let text = output.add_section(output.segment_name(StandardSegment::Text).to_vec(), b".text".to_vec(), SectionKind::Text);
    let rodata =
        output.add_section(output.segment_name(StandardSegment::Data).to_vec(), b".rodata".to_vec(), SectionKind::ReadOnlyData);

    let mut placements = Vec::with_capacity(inputs.len());
    let mut globals: HashMap<String, SymbolId> = HashMap::new();
    for input in &inputs {
        let placed = place_sections(input, &mut output, text, rodata)?;
        define_symbols(input, &placed, exports, &mut output, &mut globals)?;
        placements.push(placed);
    }
    for (input, placed) in inputs.iter().zip(&placements) {
        relocate(input, placed, architecture, &globals, &mut output)?;
    }
    if let Some(missing) = exports.iter().find(|name| !globals.contains_key(*name)) {
        return Err(CodegenError::Undefined(missing.clone()));
    }
    output.write().map_err(|error| CodegenError::Object(format!("the merged object cannot be written: {error}")))
}

fn place_sections(
    input: &Input<'_>,
    output: &mut Object<'_>,
    text: SectionId,
    rodata: SectionId,
) -> Result<HashMap<SectionIndex, Placed>, CodegenError> {
    let mut placed = HashMap::new();
    for section in input.sections() {
        let name = section.name().map_err(broken)?;
        if section.size() == 0 || is_dropped(name, section.kind()) {
            continue;
        }
        let target = match section.kind() {
            SectionKind::Text => text,
            SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => rodata,
            other => return Err(CodegenError::Object(format!("code may not have a section {name} ({other:?})"))),
        };
        let base = output.append_section_data(target, section.data().map_err(broken)?, section.align().max(1));
        placed.insert(section.index(), Placed { section: target, base });
    }
    Ok(placed)
}

fn define_symbols(
    input: &Input<'_>,
    placed: &HashMap<SectionIndex, Placed>,
    exports: &[String],
    output: &mut Object<'_>,
    globals: &mut HashMap<String, SymbolId>,
) -> Result<(), CodegenError> {
    for symbol in input.symbols() {
        if !symbol.is_definition() || !symbol.is_global() {
            continue;
        }
        let name = symbol.name().map_err(broken)?.to_owned();
        let place = symbol.section_index().and_then(|index| placed.get(&index));
        let Some(place) = place else {
            return Err(CodegenError::Object(format!("symbol \"{name}\" is neither code nor a constant")));
        };
        let exported = exports.contains(&name);
        let id = output.add_symbol(Symbol {
            name: name.clone().into_bytes(),
            value: place.base + symbol.address(),
            size: symbol.size(),
            kind: if symbol.kind() == SymbolKind::Text { SymbolKind::Text } else { SymbolKind::Data },
            scope: if exported { SymbolScope::Linkage } else { SymbolScope::Compilation },
            weak: false,
            section: SymbolSection::Section(place.section),
            flags: SymbolFlags::None,
        });
        if globals.insert(name.clone(), id).is_some() {
            return Err(CodegenError::Object(format!("two modules define \"{name}\"")));
        }
    }
    Ok(())
}

fn relocate(
    input: &Input<'_>,
    placed: &HashMap<SectionIndex, Placed>,
    architecture: Architecture,
    globals: &HashMap<String, SymbolId>,
    output: &mut Object<'_>,
) -> Result<(), CodegenError> {
    let known = if architecture == Architecture::Aarch64 { AARCH64 } else { X86_64 };
    for section in input.sections() {
        let Some(place) = placed.get(&section.index()) else { continue };
        for (offset, relocation) in section.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else {
                return Err(CodegenError::Object("a relocation is not of ELF".to_owned()));
            };
            if !known.contains(&r_type) {
                return Err(CodegenError::Object(format!("the robot's loader has no relocation of type {r_type:?}")));
            }
            let RelocationTarget::Symbol(index) = relocation.target() else {
                return Err(CodegenError::Object("a relocation names no symbol".to_owned()));
            };
            let (symbol, base) = resolve(input, index, placed, globals, output)?;
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
                .map_err(|error| CodegenError::Object(error.to_string()))?;
        }
    }
    Ok(())
}

/// The merged symbol behind an input's symbol, and what its place adds to the addend.
fn resolve(
    input: &Input<'_>,
    index: SymbolIndex,
    placed: &HashMap<SectionIndex, Placed>,
    globals: &HashMap<String, SymbolId>,
    output: &mut Object<'_>,
) -> Result<(SymbolId, i64), CodegenError> {
    let symbol = input.symbol_by_index(index).map_err(broken)?;
    if symbol.is_undefined() || symbol.is_global() {
        let name = symbol.name().map_err(broken)?;
        return match globals.get(name) {
            Some(id) => Ok((*id, 0)),
            None => Err(CodegenError::Undefined(name.to_owned())),
        };
    }
    let place = symbol.section_index().and_then(|section| placed.get(&section));
    let Some(place) = place else {
        return Err(CodegenError::Object("a relocation refers to a section that is left out".to_owned()));
    };
    let offset = i64::try_from(place.base + symbol.address())
        .map_err(|_| CodegenError::Object("a section is too large".to_owned()))?;
    Ok((output.section_symbol(place.section), offset))
}
