//! Codec plans: a flat list of steps between CDR and the tensors of a slot, interpreted with every bound checked.
//!
//! CDR as in DDS-XTypes 1.3 §7.4 (XCDR1, final types): a four-byte encapsulation header, then values aligned to their size
//! relative to the header's end.

use serde::Deserialize;
use thiserror::Error;

/// A primitive of the wire or of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Primitive {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Primitive {
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// One step from a message to a slot; `path` names the message's field in errors.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "op")]
pub enum DecodeStep {
    Skip {
        r#type: Primitive,
        path: String,
    },
    SkipString {
        path: String,
    },
    Expect {
        value: u32,
        path: String,
    },
    ExpectString {
        value: String,
        path: String,
    },
    /// A sequence of exactly `count` bytes, copied to `offset`.
    Bytes {
        count: usize,
        offset: usize,
        path: String,
    },
    /// One number, converted and written at `offset`.
    Scalar {
        from: Primitive,
        to: Primitive,
        offset: usize,
        path: String,
    },
}

/// From CDR bytes to a slot.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DecodePlan {
    pub message: String,
    pub slot_bytes: usize,
    pub steps: Vec<DecodeStep>,
}

/// One step from a slot to a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "op")]
pub enum EncodeStep {
    /// The logical publication time as builtin_interfaces/Time.
    Stamp,
    Constant {
        r#type: Primitive,
        value: f64,
    },
    String {
        value: String,
    },
    Scalar {
        from: Primitive,
        to: Primitive,
        offset: usize,
    },
    /// `count` bytes from `offset`, as a sequence.
    Bytes {
        count: usize,
        offset: usize,
    },
}

/// From a slot to CDR bytes, little-endian.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EncodePlan {
    pub message: String,
    pub slot_bytes: usize,
    pub steps: Vec<EncodeStep>,
}

#[derive(Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    #[error("error[codec/plan]: {0}")]
    Plan(String),
    #[error("error[codec/truncated]: {message}.{path}: the message ends after {length} bytes")]
    Truncated { message: String, path: String, length: usize },
    #[error(
        "error[codec/header]: {message}: the encapsulation header is {header:02x?}, not CDR\nhelp: the sender must use XCDR1 (00 01 or 00 00)"
    )]
    Header { message: String, header: Vec<u8> },
    #[error(
        "error[codec/value]: {message}.{path} is {found}, the application is built for {expected}\nhelp: make the sensor and the application's input agree"
    )]
    Value { message: String, path: String, found: String, expected: String },
}

impl DecodePlan {
    /// Parses a plan and checks that every write lies within the slot.
    pub fn parse(json: &str) -> Result<Self, CodecError> {
        let plan: Self = serde_json::from_str(json).map_err(|error| CodecError::Plan(error.to_string()))?;
        let fits = |offset: usize, bytes: usize| offset.checked_add(bytes).is_some_and(|end| end <= plan.slot_bytes);
        let sound = plan.steps.iter().all(|step| match step {
            DecodeStep::Bytes { count, offset, .. } => fits(*offset, *count),
            DecodeStep::Scalar { to, offset, .. } => fits(*offset, to.bytes()),
            _ => true,
        });
        if sound { Ok(plan) } else { Err(CodecError::Plan(format!("{} writes outside its slot", plan.message))) }
    }

    /// Decodes one message into `slot`, which has `slot_bytes` bytes.
    pub fn decode(&self, bytes: &[u8], slot: &mut [u8]) -> Result<(), CodecError> {
        if slot.len() != self.slot_bytes {
            return Err(CodecError::Plan(format!("the slot has {} bytes, not {}", slot.len(), self.slot_bytes)));
        }
        let mut reader = Reader::new(self, bytes)?;
        for step in &self.steps {
            match step {
                DecodeStep::Skip { r#type, path } => {
                    reader.primitive(*r#type, path)?;
                }
                DecodeStep::SkipString { path } => {
                    reader.string(path)?;
                }
                DecodeStep::Expect { value, path } => {
                    let found = reader.length(path)?;
                    if found != *value {
                        return Err(reader.value(path, found.to_string(), value.to_string()));
                    }
                }
                DecodeStep::ExpectString { value, path } => {
                    let found = reader.string(path)?;
                    if found != value.as_bytes() {
                        let found = format!("\"{}\"", String::from_utf8_lossy(found));
                        return Err(reader.value(path, found, format!("\"{value}\"")));
                    }
                }
                DecodeStep::Bytes { count, offset, path } => {
                    let found = reader.length(path)? as usize;
                    if found != *count {
                        return Err(reader.value(path, format!("{found} bytes"), format!("{count} bytes")));
                    }
                    let data = reader.take(*count, path)?;
                    slot[*offset..*offset + *count].copy_from_slice(data);
                }
                DecodeStep::Scalar { from, to, offset, path } => {
                    let value = reader.primitive(*from, path)?;
                    store(*to, value, &mut slot[*offset..*offset + to.bytes()]);
                }
            }
        }
        Ok(())
    }
}

/// A number on its way: whole numbers keep all their bits.
#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    fn real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    /// As a whole number of kind `to`: reals saturate and NaN becomes 0, as Rust's `as` has it.
    fn whole(self, to: Primitive) -> i128 {
        let real = match self {
            Self::Whole(whole) => return whole,
            Self::Real(real) => real,
        };
        match to {
            Primitive::Bool => i128::from(real != 0.0),
            Primitive::U8 => i128::from(real as u8),
            Primitive::I8 => i128::from(real as i8),
            Primitive::U16 => i128::from(real as u16),
            Primitive::I16 => i128::from(real as i16),
            Primitive::U32 => i128::from(real as u32),
            Primitive::I32 => i128::from(real as i32),
            Primitive::U64 => i128::from(real as u64),
            Primitive::I64 | Primitive::F32 | Primitive::F64 => i128::from(real as i64),
        }
    }
}

/// Writes a number as kind `to`, little-endian; of whole numbers that are too long the low bytes stay.
fn store(to: Primitive, value: Number, out: &mut [u8]) {
    match to {
        Primitive::F32 => out.copy_from_slice(&(value.real() as f32).to_le_bytes()),
        Primitive::F64 => out.copy_from_slice(&value.real().to_le_bytes()),
        Primitive::Bool => out[0] = u8::from(value.whole(to) != 0),
        _ => out.copy_from_slice(&value.whole(to).to_le_bytes()[..out.len()]),
    }
}

/// Reads a number of the given kind from bytes in little-endian order.
fn fetch(from: Primitive, bytes: [u8; 8]) -> Number {
    let whole = i64::from_le_bytes(bytes);
    match from {
        Primitive::F32 => Number::Real(f64::from(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))),
        Primitive::F64 => Number::Real(f64::from_le_bytes(bytes)),
        Primitive::Bool => Number::Whole(i128::from(bytes[0] != 0)),
        Primitive::U8 => Number::Whole(i128::from(bytes[0])),
        Primitive::I8 => Number::Whole(i128::from(bytes[0] as i8)),
        Primitive::U16 => Number::Whole(i128::from(whole as u16)),
        Primitive::I16 => Number::Whole(i128::from(whole as i16)),
        Primitive::U32 => Number::Whole(i128::from(whole as u32)),
        Primitive::I32 => Number::Whole(i128::from(whole as i32)),
        Primitive::U64 => Number::Whole(i128::from(whole as u64)),
        Primitive::I64 => Number::Whole(i128::from(whole)),
    }
}

const HEADER: usize = 4;

struct Reader<'a> {
    plan: &'a DecodePlan,
    body: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    fn new(plan: &'a DecodePlan, bytes: &'a [u8]) -> Result<Self, CodecError> {
        let Some((header, body)) = bytes.split_at_checked(HEADER) else {
            return Err(CodecError::Truncated {
                message: plan.message.clone(),
                path: "header".to_owned(),
                length: bytes.len(),
            });
        };
        let big_endian = match header[..2] {
            [0, 0] => true,
            [0, 1] => false,
            _ => return Err(CodecError::Header { message: plan.message.clone(), header: header.to_vec() }),
        };
        Ok(Self { plan, body, at: 0, big_endian })
    }

    fn value(&self, path: &str, found: String, expected: String) -> CodecError {
        CodecError::Value { message: self.plan.message.clone(), path: path.to_owned(), found, expected }
    }

    fn take(&mut self, count: usize, path: &str) -> Result<&'a [u8], CodecError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.body.len());
        let Some(end) = end else {
            let length = self.body.len() + HEADER;
            return Err(CodecError::Truncated { message: self.plan.message.clone(), path: path.to_owned(), length });
        };
        let taken = &self.body[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn primitive(&mut self, kind: Primitive, path: &str) -> Result<Number, CodecError> {
        let size = kind.bytes();
        self.at = self.at.next_multiple_of(size);
        let taken = self.take(size, path)?;
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(taken);
        if self.big_endian {
            bytes[..size].reverse();
        }
        Ok(fetch(kind, bytes))
    }

    fn length(&mut self, path: &str) -> Result<u32, CodecError> {
        match self.primitive(Primitive::U32, path)? {
            Number::Whole(whole) => Ok(whole as u32),
            Number::Real(_) => Ok(0),
        }
    }

    /// A string's bytes without its terminator; an empty string may come without one.
    fn string(&mut self, path: &str) -> Result<&'a [u8], CodecError> {
        let length = self.length(path)? as usize;
        let bytes = self.take(length, path)?;
        Ok(bytes.strip_suffix(&[0]).unwrap_or(bytes))
    }
}

impl EncodePlan {
    /// Parses a plan and checks that every read lies within the slot.
    pub fn parse(json: &str) -> Result<Self, CodecError> {
        let plan: Self = serde_json::from_str(json).map_err(|error| CodecError::Plan(error.to_string()))?;
        let fits = |offset: usize, bytes: usize| offset.checked_add(bytes).is_some_and(|end| end <= plan.slot_bytes);
        let sound = plan.steps.iter().all(|step| match step {
            EncodeStep::Scalar { from, offset, .. } => fits(*offset, from.bytes()),
            EncodeStep::Bytes { count, offset } => fits(*offset, *count),
            _ => true,
        });
        if sound { Ok(plan) } else { Err(CodecError::Plan(format!("{} reads outside its slot", plan.message))) }
    }

    /// Encodes a slot of `slot_bytes` bytes, stamped with a logical time.
    pub fn encode(&self, slot: &[u8], stamp_ns: i64) -> Result<Vec<u8>, CodecError> {
        if slot.len() != self.slot_bytes {
            return Err(CodecError::Plan(format!("the slot has {} bytes, not {}", slot.len(), self.slot_bytes)));
        }
        let mut out = vec![0, 1, 0, 0];
        for step in &self.steps {
            match step {
                EncodeStep::Stamp => {
                    let seconds = stamp_ns.div_euclid(1_000_000_000);
                    put(&mut out, Primitive::I32, Number::Whole(seconds.into()));
                    put(&mut out, Primitive::U32, Number::Whole(stamp_ns.rem_euclid(1_000_000_000).into()));
                }
                EncodeStep::Constant { r#type, value } => put(&mut out, *r#type, Number::Real(*value)),
                EncodeStep::String { value } => {
                    put(&mut out, Primitive::U32, Number::Whole(value.len() as i128 + 1));
                    out.extend_from_slice(value.as_bytes());
                    out.push(0);
                }
                EncodeStep::Scalar { from, to, offset } => {
                    let mut bytes = [0; 8];
                    bytes[..from.bytes()].copy_from_slice(&slot[*offset..*offset + from.bytes()]);
                    put(&mut out, *to, fetch(*from, bytes));
                }
                EncodeStep::Bytes { count, offset } => {
                    put(&mut out, Primitive::U32, Number::Whole(*count as i128));
                    out.extend_from_slice(&slot[*offset..*offset + *count]);
                }
            }
        }
        Ok(out)
    }
}

fn put(out: &mut Vec<u8>, kind: Primitive, value: Number) {
    let start = HEADER + (out.len() - HEADER).next_multiple_of(kind.bytes());
    out.resize(start + kind.bytes(), 0);
    store(kind, value, &mut out[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECODE: &str = r#"{ "message": "m", "slotBytes": 68, "steps": [
        { "op": "skip", "type": "i32", "path": "sec" },
        { "op": "skipString", "path": "frame_id" },
        { "op": "expect", "value": 2, "path": "height" },
        { "op": "expectString", "value": "mono8", "path": "encoding" },
        { "op": "bytes", "count": 3, "offset": 0, "path": "data" },
        { "op": "scalar", "from": "f64", "to": "f32", "offset": 64, "path": "gain" } ] }"#;
    const ENCODE: &str = r#"{ "message": "m", "slotBytes": 68, "steps": [
        { "op": "constant", "type": "i32", "value": -5 },
        { "op": "string", "value": "camera" },
        { "op": "constant", "type": "u32", "value": 2 },
        { "op": "string", "value": "mono8" },
        { "op": "bytes", "count": 3, "offset": 0 },
        { "op": "scalar", "from": "f32", "to": "f64", "offset": 64 } ] }"#;

    fn slot() -> Vec<u8> {
        let mut slot = vec![0; 68];
        slot[..3].copy_from_slice(&[7, 8, 9]);
        slot[64..].copy_from_slice(&1.25_f32.to_le_bytes());
        slot
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_slot() {
        let bytes = EncodePlan::parse(ENCODE).unwrap().encode(&slot(), 0).unwrap();
        let mut decoded = vec![0; 68];
        DecodePlan::parse(DECODE).unwrap().decode(&bytes, &mut decoded).unwrap();
        assert_eq!(decoded, slot());
    }

    #[test]
    fn every_truncation_and_every_changed_byte_is_an_error_or_a_value_and_never_a_panic() {
        let bytes = EncodePlan::parse(ENCODE).unwrap().encode(&slot(), 0).unwrap();
        let plan = DecodePlan::parse(DECODE).unwrap();
        let mut decoded = vec![0; 68];
        for length in 0..bytes.len() {
            assert!(matches!(plan.decode(&bytes[..length], &mut decoded), Err(CodecError::Truncated { .. })));
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _outcome = plan.decode(&changed, &mut decoded);
            }
        }
    }

    #[test]
    fn a_wrong_value_names_the_field_and_both_values() {
        let bytes = EncodePlan::parse(&ENCODE.replace("mono8", "rgb8")).unwrap().encode(&slot(), 0).unwrap();
        let error = DecodePlan::parse(DECODE).unwrap().decode(&bytes, &mut [0; 68]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("error[codec/value]: m.encoding is \"rgb8\", the application is built for \"mono8\"")
        );
    }

    #[test]
    fn a_plan_that_leaves_its_slot_is_refused() {
        assert!(matches!(DecodePlan::parse(&DECODE.replace("64, \"path", "65, \"path")), Err(CodecError::Plan(_))));
    }
}
