//! Puts object code into fresh pages, applies the few relocations our own code contains, and makes the pages executable.

use std::collections::HashMap;
use std::ops::Range;

use object::read::elf::{ElfFile64, ElfSection64};
use object::read::{ObjectSection, ObjectSymbol, RelocationTarget};
use object::{Architecture, Object, RelocationFlags, SectionIndex, SectionKind, elf};

use crate::error::EngineError;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Architecture = Architecture::X86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Architecture = Architecture::Aarch64;

/// Sections are aligned to at most the smallest page that any of our machines has, so a mapping keeps their alignment.
const PAGE: usize = 4096;
/// What relocations reach without a table (aarch64: ±128 MiB).
const MAX_BYTES: usize = 1 << 27;

/// Loaded code: one mapping, readable and executable, never writable again.
pub struct Code {
    base: *mut u8,
    bytes: usize,
    symbols: HashMap<String, usize>,
}

// SAFETY: loaded code is never written again.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own; entry points borrow it.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}

impl Code {
    /// Loads a relocatable object of this machine's own architecture. `file` names it in errors.
    pub fn load(file: &str, object: &[u8]) -> Result<Self, EngineError> {
        let wrong = |reason: String| EngineError::Code { file: file.to_owned(), reason };
        let elf = ElfFile64::<object::Endianness>::parse(object)
            .map_err(|error| wrong(format!("not a 64-bit ELF object: {error}")))?;
        if elf.architecture() != ARCHITECTURE || elf.kind() != object::ObjectKind::Relocatable {
            return Err(wrong(format!("a {:?} for {:?}", elf.kind(), elf.architecture())));
        }
        let layout = place_sections(&elf).map_err(wrong)?;
        let mut code = Self::map(layout.bytes)?;
        for section in elf.sections() {
            let Some(range) = layout.ranges.get(&section.index()) else { continue };
            let data = section.data().map_err(|error| wrong(error.to_string()))?;
            code.slice_mut()[range.clone()].copy_from_slice(data);
        }
        for section in elf.sections() {
            let Some(range) = layout.ranges.get(&section.index()) else { continue };
            relocate(&elf, &section, range, &layout, &mut code).map_err(wrong)?;
        }
        for symbol in elf.symbols() {
            let (Ok(name), Some(section)) = (symbol.name(), symbol.section_index()) else { continue };
            let Some(range) = layout.ranges.get(&section) else { continue };
            if !symbol.is_definition() || symbol.kind() != object::SymbolKind::Text {
                continue;
            }
            if symbol.address() >= range.len() as u64 {
                return Err(wrong(format!("function \"{name}\" lies outside its section")));
            }
            code.symbols.insert(name.to_owned(), range.start + symbol.address() as usize);
        }
        code.make_executable()?;
        Ok(code)
    }

    /// The address of a function, if the object defines it.
    pub fn function(&self, name: &str) -> Option<*const u8> {
        let offset = *self.symbols.get(name)?;
        // SAFETY: the offset was checked against its section when the object was loaded, and the section lies in the mapping.
        Some(unsafe { self.base.add(offset).cast_const() })
    }

    fn map(bytes: usize) -> Result<Self, EngineError> {
        let bytes = bytes.max(1).div_ceil(PAGE) * PAGE;
        // SAFETY: a fresh anonymous mapping overlaps nothing.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(EngineError::Memory { bytes, reason: std::io::Error::last_os_error() });
        }
        Ok(Self { base: base.cast(), bytes, symbols: HashMap::new() })
    }

    fn slice_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is writable until make_executable, and borrowed mutably here.
        unsafe { std::slice::from_raw_parts_mut(self.base, self.bytes) }
    }

    fn make_executable(&mut self) -> Result<(), EngineError> {
        flush_instruction_cache(self.base, self.bytes);
        // SAFETY: the whole mapping is this value's own.
        if unsafe { libc::mprotect(self.base.cast(), self.bytes, libc::PROT_READ | libc::PROT_EXEC) } != 0 {
            return Err(EngineError::Memory { bytes: self.bytes, reason: std::io::Error::last_os_error() });
        }
        Ok(())
    }
}

/// Where each section lies in the mapping.
struct Layout {
    ranges: HashMap<SectionIndex, Range<usize>>,
    bytes: usize,
}

fn place_sections(elf: &ElfFile64<'_>) -> Result<Layout, String> {
    let mut layout = Layout { ranges: HashMap::new(), bytes: 0 };
    for section in elf.sections() {
        let name = section.name().map_err(|error| error.to_string())?;
        match section.kind() {
            SectionKind::Text | SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => {}
            SectionKind::Metadata | SectionKind::Note | SectionKind::Other | SectionKind::OtherString => continue,
            _ if section.size() == 0 => continue,
            other => return Err(format!("a section {name} of kind {other:?} is not code")),
        }
        let align = usize::try_from(section.align().max(1)).map_err(|_| "an alignment is too large".to_owned())?;
        if !align.is_power_of_two() || align > PAGE {
            return Err(format!("section {name} asks for an alignment of {align}"));
        }
        let data = section.data().map_err(|error| error.to_string())?;
        let offset = layout.bytes.next_multiple_of(align);
        layout.bytes = offset + data.len();
        if layout.bytes > MAX_BYTES {
            return Err(format!("the code is larger than {MAX_BYTES} bytes"));
        }
        layout.ranges.insert(section.index(), offset..layout.bytes);
    }
    Ok(layout)
}

fn relocate(
    elf: &ElfFile64<'_>,
    section: &ElfSection64<'_, '_>,
    range: &Range<usize>,
    layout: &Layout,
    code: &mut Code,
) -> Result<(), String> {
    for (offset, relocation) in section.relocations() {
        let RelocationFlags::Elf { r_type } = relocation.flags() else {
            return Err("a relocation is not of ELF".to_owned());
        };
        if relocation.has_implicit_addend() {
            return Err("a relocation keeps its addend in the code".to_owned());
        }
        let RelocationTarget::Symbol(index) = relocation.target() else {
            return Err("a relocation names no symbol".to_owned());
        };
        let symbol = elf.symbol_by_index(index).map_err(|error| error.to_string())?;
        let home = symbol.section_index().and_then(|section| layout.ranges.get(&section));
        let Some(home) = home else {
            return Err(format!("symbol \"{}\" is not defined in the object", symbol.name().unwrap_or("?")));
        };
        if symbol.address() > home.len() as u64 {
            return Err(format!("symbol \"{}\" lies outside its section", symbol.name().unwrap_or("?")));
        }
        // A PC-relative addend counts from the field, so it may point a few bytes before or behind the section.
        let addend = relocation.addend();
        if addend.unsigned_abs() > MAX_BYTES as u64 {
            return Err(format!("a relocation adds {addend}"));
        }
        let target = (home.start as u64 + symbol.address()) as i64 + addend;
        if offset.checked_add(4).is_none_or(|end| end > range.len() as u64) {
            return Err(format!("a relocation at {offset} lies outside its section"));
        }
        apply(code.slice_mut(), r_type, range.start + offset as usize, target)?;
    }
    Ok(())
}

/// Writes one relocated field at `place`; `target` and `place` are offsets in the mapping.
fn apply(code: &mut [u8], r_type: elf::RelocationType, place: usize, target: i64) -> Result<(), String> {
    let field: &mut [u8; 4] = code
        .get_mut(place..place + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| format!("a relocation at {place} lies outside the code"))?;
    let instruction = u32::from_le_bytes(*field);
    let relative = target - place as i64;
    let far = || format!("a relocation at {place} reaches too far");
    let value = match (ARCHITECTURE, r_type) {
        (Architecture::X86_64, elf::R_X86_64_PC32 | elf::R_X86_64_PLT32) => {
            i32::try_from(relative).map_err(|_| far())? as u32
        }
        (Architecture::Aarch64, elf::R_AARCH64_PREL32) => i32::try_from(relative).map_err(|_| far())? as u32,
        (Architecture::Aarch64, elf::R_AARCH64_CALL26 | elf::R_AARCH64_JUMP26) => {
            if relative & 3 != 0 || !(-(1 << 27)..1 << 27).contains(&relative) {
                return Err(far());
            }
            instruction & 0xfc00_0000 | (relative >> 2) as u32 & 0x03ff_ffff
        }
        (Architecture::Aarch64, elf::R_AARCH64_ADR_PREL_PG_HI21) => {
            let pages = (target >> 12) - (place as i64 >> 12);
            if !(-(1 << 20)..1 << 20).contains(&pages) {
                return Err(far());
            }
            let pages = pages as u32;
            instruction & 0x9f00_001f | (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5
        }
        (Architecture::Aarch64, elf::R_AARCH64_ADD_ABS_LO12_NC) => low12(instruction, target, 0)?,
        (Architecture::Aarch64, elf::R_AARCH64_LDST8_ABS_LO12_NC) => low12(instruction, target, 0)?,
        (Architecture::Aarch64, elf::R_AARCH64_LDST16_ABS_LO12_NC) => low12(instruction, target, 1)?,
        (Architecture::Aarch64, elf::R_AARCH64_LDST32_ABS_LO12_NC) => low12(instruction, target, 2)?,
        (Architecture::Aarch64, elf::R_AARCH64_LDST64_ABS_LO12_NC) => low12(instruction, target, 3)?,
        (Architecture::Aarch64, elf::R_AARCH64_LDST128_ABS_LO12_NC) => low12(instruction, target, 4)?,
        (_, other) => return Err(format!("relocations of type {other:?} are not accepted")),
    };
    *field = value.to_le_bytes();
    Ok(())
}

/// The low twelve bits of an address in the immediate field of an add, load or store of 2^scale bytes.
///
/// The mapping is aligned to a page, so an offset in it has the same low bits as the address.
fn low12(instruction: u32, target: i64, scale: u32) -> Result<u32, String> {
    let low = target as u32 & 0xfff;
    if low & ((1 << scale) - 1) != 0 {
        return Err(format!("a constant at {target} is not aligned to {} bytes", 1 << scale));
    }
    Ok(instruction & 0xffc0_03ff | low >> scale << 10)
}

#[cfg(target_arch = "x86_64")]
fn flush_instruction_cache(_base: *const u8, _bytes: usize) {}

/// Makes written code visible to instruction fetch (Arm ARM B2.7.4, with the smallest line size).
#[cfg(target_arch = "aarch64")]
fn flush_instruction_cache(base: *const u8, bytes: usize) {
    let lines = (0..bytes).step_by(16);
    for offset in lines.clone() {
        // SAFETY: cache maintenance by address on our own mapping.
        unsafe { std::arch::asm!("dc cvau, {}", in(reg) base.add(offset), options(nostack)) };
    }
    // SAFETY: barriers have no operand.
    unsafe { std::arch::asm!("dsb ish", options(nostack)) };
    for offset in lines {
        // SAFETY: cache maintenance by address on our own mapping.
        unsafe { std::arch::asm!("ic ivau, {}", in(reg) base.add(offset), options(nostack)) };
    }
    // SAFETY: barriers have no operand.
    unsafe { std::arch::asm!("dsb ish", "isb", options(nostack)) };
}
