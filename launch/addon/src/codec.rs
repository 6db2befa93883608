//! Single messages through codec plans, for tests and tools.

use isochron_transport::{DecodePlan, EncodePlan};
use napi::bindgen_prelude::{Buffer, Uint8Array};
use napi_derive::napi;

use crate::{failure, guarded};

/// Decodes one message into a new slot of the plan's length, zeroed.
#[napi]
pub fn decode_message(plan: String, bytes: Uint8Array) -> napi::Result<Buffer> {
    guarded(|| {
        let plan = DecodePlan::parse(&plan).map_err(failure)?;
        let mut slot = vec![0; plan.slot_bytes()];
        plan.decode(&bytes, &mut slot).map_err(failure)?;
        Ok(slot.into())
    })
}

/// Encodes one slot, stamped with a logical time.
#[napi]
pub fn encode_message(plan: String, slot: Uint8Array, time_ns: i64) -> napi::Result<Buffer> {
    guarded(|| Ok(EncodePlan::parse(&plan).and_then(|plan| plan.encode(&slot, time_ns)).map_err(failure)?.into()))
}
