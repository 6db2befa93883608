//! A small artifact made by hand: `out = in + state; state = out`, in x86-64 machine code.
#![allow(dead_code)]

use std::io::{Cursor, Write};

use object::write::{Object, Relocation, StandardSection, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, RelocationFlags, SymbolFlags, SymbolKind, SymbolScope, elf};
use serde_json::{Value, json};
use zip::write::{SimpleFileOptions, ZipWriter};

pub const TARGET: &str = "x86-64-v3";

/// `call_0`: adds input 0 and state 0, single precision, and stores the sum as output 0 and as the next state 0.
const CALL_0: &[u8] = &[
    0x48, 0x8b, 0x07, 0x48, 0x8b, 0x00, 0xf3, 0x0f, 0x10, 0x00, // xmm0 = *inputs[0]
    0x48, 0x8b, 0x47, 0x10, 0x48, 0x8b, 0x00, 0xf3, 0x0f, 0x58, 0x00, // xmm0 += *states_in[0]
    0x48, 0x8b, 0x47, 0x08, 0x48, 0x8b, 0x00, 0xf3, 0x0f, 0x11, 0x00, // *outputs[0] = xmm0
    0x48, 0x8b, 0x47, 0x18, 0x48, 0x8b, 0x00, 0xf3, 0x0f, 0x11, 0x00, // *states_out[0] = xmm0
    0x48, 0xff, 0x47, 0x40, // kernel_calls += 1
    0xc3,
];
/// `forward`: call call_0; return 0.
const FORWARD: &[u8] = &[0xe8, 0, 0, 0, 0, 0x31, 0xc0, 0xc3];
/// `constant`: loads four bytes of read-only data through a relocation.
const CONSTANT: &[u8] = &[0x8b, 0x05, 0, 0, 0, 0, 0xc3];
/// What `constant` returns.
pub const CONSTANT_VALUE: u32 = 0x1234_5678;

/// What is made wrong in an object.
#[derive(Clone, Copy, PartialEq)]
pub enum Flaw {
    None,
    /// The call's target is defined nowhere.
    Undefined,
    /// The call has an absolute relocation.
    Absolute,
    /// The constant's relocation adds more than code can span.
    FarAddend,
    /// The object has initialised writable data.
    Writable,
    /// A function begins where its section ends.
    FunctionOutside,
    /// The call's target lies behind its section.
    TargetOutside,
    /// The call's field reaches over the end of its section.
    FieldOutside,
}

fn function(
    object: &mut Object<'_>,
    name: &str,
    code: &[u8],
) -> (object::write::SectionId, u64, object::write::SymbolId) {
    let section = object.section_id(StandardSection::Text);
    let symbol = object.add_symbol(Symbol {
        name: name.into(),
        value: 0,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    });
    let offset = object.add_symbol_data(symbol, section, code, 16);
    (section, offset, symbol)
}

/// A symbol at a place of a section, whether there is anything or not.
fn label(
    object: &mut Object<'_>,
    name: &str,
    kind: SymbolKind,
    section: object::write::SectionId,
    value: u64,
) -> object::write::SymbolId {
    object.add_symbol(Symbol {
        name: name.into(),
        value,
        size: 0,
        kind,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    })
}

/// The object as the compiler would write it, or one with a flaw.
pub fn object_with(flaw: Flaw) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let (_, _, call_0) = function(&mut object, "call_0", CALL_0);
    let (text, forward, _) = function(&mut object, "forward", FORWARD);
    let (_, constant, _) = function(&mut object, "constant", CONSTANT);
    let rodata = object.section_id(StandardSection::ReadOnlyData);
    let at = object.append_section_data(rodata, &CONSTANT_VALUE.to_le_bytes(), 64);
    if flaw == Flaw::Writable {
        let data = object.section_id(StandardSection::Data);
        object.append_section_data(data, &[1, 2, 3, 4], 4);
    }
    let callee = if flaw == Flaw::Undefined {
        object.add_symbol(Symbol {
            name: b"memcpy".to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        })
    } else {
        call_0
    };
    let r_type = if flaw == Flaw::Absolute { elf::R_X86_64_32S } else { elf::R_X86_64_PLT32 };
    let flags = RelocationFlags::Elf { r_type };
    let text_bytes = constant + CONSTANT.len() as u64;
    let (callee, offset) = match flaw {
        Flaw::FunctionOutside => {
            label(&mut object, "beyond", SymbolKind::Text, text, text_bytes);
            (callee, forward + 1)
        }
        // One behind the last byte is where a section ends, which a target may name.
        Flaw::TargetOutside => (label(&mut object, "behind", SymbolKind::Data, text, text_bytes + 1), forward + 1),
        Flaw::FieldOutside => (callee, text_bytes - 3),
        _ => (callee, forward + 1),
    };
    object.add_relocation(text, Relocation { offset, symbol: callee, addend: -4, flags }).unwrap();
    let symbol = object.section_symbol(rodata);
    let addend = if flaw == Flaw::FarAddend { 1 << 40 } else { at as i64 - 4 };
    let flags = RelocationFlags::Elf { r_type: elf::R_X86_64_PC32 };
    object.add_relocation(text, Relocation { offset: constant + 2, symbol, addend, flags }).unwrap();
    object.write().unwrap()
}

/// Weights: 64 bytes, whose first four are the initial value of each state.
pub fn weights(initial: f32) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..4].copy_from_slice(&initial.to_le_bytes());
    bytes
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Two methods of one code: `forward` adds to the state `total`, `count` to the state `counted`.
pub fn manifest(object: &[u8], weights: &[u8], graph: &[u8]) -> Value {
    let method = |state: &str, file: &str| {
        json!({
            "symbol": "forward", "states": [state], "graph": { "file": file, "blake3": hash(graph) },
            "inputs": [{ "name": "x", "dtype": "f32", "shape": [], "bytes": 4 }],
            "outputs": [{ "name": "y", "dtype": "f32", "shape": [1], "bytes": 4 }],
        })
    };
    let state = |name: &str| json!({ "name": name, "dtype": "f32", "shape": [1], "bytes": 4, "initial": 0 });
    let code = |bytes: usize, kernel: &str| json!({ "scratchBytes": bytes, "kernels": [{ "symbol": "call_0", "name": kernel }] });
    json!({
        "format": "isochron-artifact", "version": 2, "name": "sum", "provenance": { "isochron": "0.1.0" },
        "states": [state("counted"), state("total")],
        "methods": { "forward": method("total", "graph.json"), "count": method("counted", "graphs/count.json") },
        "weights": { "file": "weights.bin", "bytes": weights.len(), "blake3": hash(weights) },
        "targets": { TARGET: { "file": "code/x86-64-v3.o", "blake3": hash(object),
            "methods": { "forward": code(128, "add %x %total"), "count": code(64, "add %x %counted") } } }
    })
}

/// The manifest of version 1, with `forward` alone.
pub fn manifest_1(object: &[u8], weights: &[u8], graph: &[u8]) -> Value {
    json!({
        "format": "isochron-artifact", "version": 1, "name": "sum", "provenance": { "isochron": "0.1.0" },
        "inputs": [{ "name": "x", "dtype": "f32", "shape": [], "bytes": 4 }],
        "outputs": [{ "name": "y", "dtype": "f32", "shape": [1], "bytes": 4 }],
        "states": [{ "name": "total", "dtype": "f32", "shape": [1], "bytes": 4, "initial": 0 }],
        "methods": { "forward": { "symbol": "forward" } },
        "graph": { "file": "graph.json", "blake3": hash(graph) },
        "weights": { "file": "weights.bin", "bytes": weights.len(), "blake3": hash(weights) },
        "targets": { TARGET: { "file": "code/x86-64-v3.o", "blake3": hash(object), "scratchBytes": 128,
            "kernels": [{ "symbol": "call_0", "name": "add %x %total" }] } }
    })
}

/// A ZIP of stored entries at multiples of `align` bytes.
pub fn archive(entries: &[(&str, &[u8])], align: u16) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).with_alignment(align);
    for (name, bytes) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

type MakeManifest = fn(object: &[u8], weights: &[u8], graph: &[u8]) -> Value;

/// The artifact, its manifest changed by `edit` before it is written.
pub fn artifact_with(make: MakeManifest, initial: f32, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (object, weights, graph) = (object_with(Flaw::None), weights(initial), b"{}");
    let mut manifest = make(&object, &weights, graph);
    edit(&mut manifest);
    let text = manifest.to_string();
    archive(
        &[
            ("manifest.json", text.as_bytes()),
            ("graph.json", graph),
            ("graphs/count.json", graph),
            ("weights.bin", &weights),
            ("code/x86-64-v3.o", &object),
        ],
        64,
    )
}

pub fn artifact(initial: f32) -> Vec<u8> {
    artifact_with(manifest, initial, |_| {})
}
