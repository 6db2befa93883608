//! BLAKE3 hashes, of bytes at once or piece by piece.
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

/// The BLAKE3 hash of some bytes, in hex.
#[napi]
pub fn blake3(bytes: Uint8Array) -> String {
    ::blake3::hash(&bytes).to_hex().to_string()
}

/// The BLAKE3 hash of bytes that come piece by piece.
#[napi]
#[derive(Default)]
pub struct Blake3(::blake3::Hasher);

#[napi]
impl Blake3 {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    #[napi]
    pub fn update(&mut self, bytes: Uint8Array) {
        self.0.update(&bytes);
    }

    /// The hash of all bytes so far, in hex.
    #[napi]
    pub fn hex(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}
