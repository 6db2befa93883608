//! Runs single kernels of an object, for tests of generated code.

use isochron_engine::arena::{Arena, aligned};
use isochron_engine::fpenv::{self, FpGuard};
use isochron_engine::loader::Code;
use napi::bindgen_prelude::{Buffer, Uint8Array};
use napi_derive::napi;

use crate::{failure, guarded};

type P = *mut u8;
type Kernel = unsafe extern "C" fn(P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P);
const MAX_BUFFERS: usize = 16;

/// Calls one kernel on copies of the buffers, each 64-byte aligned, and copies them back.
///
/// `control`, if given, is put into the floating-point control register beforehand, to show that entry sets the mode and
/// leaving restores it; the register's control bits after the call are returned.
#[napi]
pub fn run_kernel(object: Buffer, symbol: String, buffers: Vec<Uint8Array>, control: Option<u32>) -> napi::Result<u32> {
    guarded(|| call(&object, &symbol, buffers, control))
}

fn call(object: &[u8], symbol: &str, mut buffers: Vec<Uint8Array>, control: Option<u32>) -> napi::Result<u32> {
    let code = Code::load("object", object).map_err(failure)?;
    let address = code.function(symbol).ok_or_else(|| {
        failure(format!("error[kernel/symbol]: the object has no function \"{symbol}\"\nhelp: name an exported kernel"))
    })?;
    if buffers.len() > MAX_BUFFERS {
        return Err(failure(format!(
            "error[kernel/buffers]: a kernel takes at most {MAX_BUFFERS} buffers here\nhelp: split the kernel"
        )));
    }
    let mut end = 0;
    let offsets: Vec<usize> = buffers
        .iter()
        .map(|bytes| {
            let offset = end;
            end += aligned(bytes.len().max(1));
            offset
        })
        .collect();
    let arena = Arena::new(end).map_err(failure)?;
    let mut pointers = [arena.at(0); MAX_BUFFERS];
    for ((bytes, offset), pointer) in buffers.iter().zip(&offsets).zip(&mut pointers) {
        *pointer = arena.at(*offset);
        // SAFETY: the arena was laid out for these lengths.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), *pointer, bytes.len()) };
    }
    // SAFETY: the caller names a kernel of generated code; surplus pointer arguments are ignored by the C calling convention.
    let kernel = unsafe { std::mem::transmute::<*const u8, Kernel>(address) };
    let original = fpenv::read();
    if let Some(control) = control {
        fpenv::write(u64::from(control));
    }
    {
        let _mode = FpGuard::enter();
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = pointers;
        // SAFETY: every buffer has the length that its holder declared for the kernel.
        unsafe { kernel(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) };
    }
    let after = fpenv::read() & fpenv::CONTROL;
    fpenv::write(original);
    for (bytes, offset) in buffers.iter_mut().zip(&offsets) {
        // SAFETY: JavaScript is waiting for this call, so nothing else touches the array's memory.
        unsafe { std::ptr::copy_nonoverlapping(arena.at(*offset), bytes.as_mut().as_mut_ptr(), bytes.len()) };
    }
    Ok(after as u32)
}
