//! Copies between JavaScript's byte arrays and native memory without allocating.

use isochron_engine::{EngineError, TensorSpec};
use napi::bindgen_prelude::{Array, Uint8ArraySlice};

use crate::failure;

/// The names of what is passed, for errors.
#[derive(Clone, Copy)]
pub struct Role {
    pub one: &'static str,
    pub many: &'static str,
}

pub const INPUTS: Role = Role { one: "input", many: "inputs" };
pub const OUTPUTS: Role = Role { one: "output", many: "outputs" };

/// The memory of the array at `index`, checked against its tensor.
fn memory(arrays: &Array<'_>, index: usize, spec: &TensorSpec, role: Role) -> napi::Result<*mut u8> {
    let wrong = || {
        let Role { one, many } = role;
        failure(format!(
            "error[program/arrays]: {one} {} is no Uint8Array\nhelp: pass an array of Uint8Array as {many}",
            spec.name
        ))
    };
    let found: Uint8ArraySlice<'_> = arrays.get(index as u32).map_err(|_| wrong())?.ok_or_else(wrong)?;
    if found.len() != spec.bytes {
        let (what, name) = (role.one, spec.name.clone());
        return Err(failure(EngineError::Length { what, name, expected: spec.bytes, found: found.len() }));
    }
    Ok(found.as_ptr().cast_mut())
}

/// Checks that there is one array of the right length for each tensor, before any is touched.
pub fn check(arrays: &Array<'_>, specs: &[TensorSpec], role: Role) -> napi::Result<()> {
    if arrays.len() as usize != specs.len() {
        let (expected, found) = (specs.len(), arrays.len() as usize);
        return Err(failure(EngineError::Count { what: role.many, expected, found }));
    }
    for (index, spec) in specs.iter().enumerate() {
        memory(arrays, index, spec, role)?;
    }
    Ok(())
}

/// Copies each array to its pointer.
///
/// # Safety
/// Each pointer is to writable memory of its tensor's bytes that no JavaScript array shares.
pub unsafe fn copy_in(arrays: &Array<'_>, specs: &[TensorSpec], to: &[*const u8]) -> napi::Result<()> {
    for (index, (spec, pointer)) in specs.iter().zip(to).enumerate() {
        let from = memory(arrays, index, spec, INPUTS)?;
        // SAFETY: the length was checked; the caller vouches for the pointer.
        unsafe { std::ptr::copy_nonoverlapping(from, pointer.cast_mut(), spec.bytes) };
    }
    Ok(())
}

/// Copies from each pointer to its array.
///
/// # Safety
/// Each pointer is to readable memory of its tensor's bytes that no JavaScript array shares.
pub unsafe fn copy_out(arrays: &Array<'_>, specs: &[TensorSpec], from: &[*mut u8]) -> napi::Result<()> {
    for (index, (spec, pointer)) in specs.iter().zip(from).enumerate() {
        let to = memory(arrays, index, spec, OUTPUTS)?;
        // SAFETY: the length was checked; JavaScript waits for this call; the caller vouches for the pointer.
        unsafe { std::ptr::copy_nonoverlapping(*pointer, to, spec.bytes) };
    }
    Ok(())
}
