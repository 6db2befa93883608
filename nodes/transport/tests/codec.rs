//! Properties of the codec: both byte orders, every message that a plan describes, and any bytes at all.

use isochron_transport::{CodecError, DecodePlan, EncodePlan};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A field of a made-up message, with its value.
#[derive(Debug, Clone)]
enum Field {
    Number { kind: &'static str, bits: u64 },
    Text(String),
    Bytes(Vec<u8>),
    Passed { kind: &'static str, bits: u64 },
    PassedText(String),
    Fixed(u32),
    FixedText(String),
}

const KINDS: [(&str, usize); 10] = [
    ("u8", 1),
    ("i8", 1),
    ("u16", 2),
    ("i16", 2),
    ("u32", 4),
    ("i32", 4),
    ("u64", 8),
    ("i64", 8),
    ("f32", 4),
    ("f64", 8),
];

fn size_of(kind: &str) -> usize {
    KINDS.iter().find(|(name, _)| *name == kind).map_or(0, |(_, size)| *size)
}

/// A kind with bits that stand for a number of it.
fn number() -> impl Strategy<Value = (&'static str, u64)> {
    (0..KINDS.len(), any::<u64>()).prop_map(|(at, bits)| {
        let (kind, size) = KINDS[at];
        let bits = if size == 8 { bits } else { bits & ((1 << (size * 8)) - 1) };
        match kind {
            "f32" if f32::from_bits(bits as u32).is_nan() => (kind, u64::from(1.5_f32.to_bits())),
            "f64" if f64::from_bits(bits).is_nan() => (kind, 1.5_f64.to_bits()),
            _ => (kind, bits),
        }
    })
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        number().prop_map(|(kind, bits)| Field::Number { kind, bits }),
        number().prop_map(|(kind, bits)| Field::Passed { kind, bits }),
        "[a-z0-9/]{0,12}".prop_map(Field::Text),
        "[a-z0-9/]{0,12}".prop_map(Field::PassedText),
        "[a-z0-9/]{0,12}".prop_map(Field::FixedText),
        any::<u32>().prop_map(Field::Fixed),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Field::Bytes),
    ]
}

fn message() -> impl Strategy<Value = Vec<Field>> {
    prop::collection::vec(field(), 1..14)
}

/// CDR by the letter of XCDR1, apart from the codec's own writer.
fn write(fields: &[Field], big_endian: bool) -> Vec<u8> {
    let mut body: Vec<u8> = Vec::new();
    let number = |body: &mut Vec<u8>, size: usize, bits: u64| {
        while !body.len().is_multiple_of(size) {
            body.push(0);
        }
        let little = bits.to_le_bytes();
        if big_endian { body.extend(little[..size].iter().rev()) } else { body.extend(&little[..size]) }
    };
    for field in fields {
        match field {
            Field::Number { kind, bits } | Field::Passed { kind, bits } => number(&mut body, size_of(kind), *bits),
            Field::Fixed(value) => number(&mut body, 4, u64::from(*value)),
            Field::Text(text) | Field::PassedText(text) | Field::FixedText(text) => {
                number(&mut body, 4, text.len() as u64 + 1);
                body.extend(text.as_bytes());
                body.push(0);
            }
            Field::Bytes(bytes) => {
                number(&mut body, 4, bytes.len() as u64);
                body.extend(bytes);
            }
        }
    }
    [&[0, u8::from(!big_endian), 0, 0], body.as_slice()].concat()
}

/// The slot that the fields are to give, and the plans that carry them there and back.
fn plans(fields: &[Field]) -> (Vec<u8>, DecodePlan, EncodePlan) {
    let mut slot = Vec::new();
    let mut place = |bytes: &[u8]| {
        let offset = slot.len();
        slot.extend_from_slice(bytes);
        offset
    };
    let mut decode: Vec<Value> = Vec::new();
    let mut encode: Vec<Value> = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let path = format!("field{at}");
        match field {
            Field::Number { kind, bits } => {
                let offset = place(&bits.to_le_bytes()[..size_of(kind)]);
                decode.push(json!({ "op": "scalar", "from": kind, "to": kind, "offset": offset, "path": path }));
                encode.push(json!({ "op": "scalar", "from": kind, "to": kind, "offset": offset }));
            }
            Field::Passed { kind, bits } => {
                decode.push(json!({ "op": "skip", "type": kind, "path": path }));
                let offset = place(&bits.to_le_bytes()[..size_of(kind)]);
                encode.push(json!({ "op": "scalar", "from": kind, "to": kind, "offset": offset }));
            }
            Field::Text(text) | Field::PassedText(text) => {
                decode.push(json!({ "op": "skipString", "path": path }));
                encode.push(json!({ "op": "string", "value": text }));
            }
            Field::FixedText(text) => {
                decode.push(json!({ "op": "expectString", "value": text, "path": path }));
                encode.push(json!({ "op": "string", "value": text }));
            }
            Field::Fixed(value) => {
                decode.push(json!({ "op": "expect", "value": value, "path": path }));
                encode.push(json!({ "op": "constant", "type": "u32", "value": f64::from(*value) }));
            }
            Field::Bytes(bytes) => {
                let offset = place(bytes);
                decode.push(json!({ "op": "bytes", "count": bytes.len(), "offset": offset, "path": path }));
                encode.push(json!({ "op": "bytes", "count": bytes.len(), "offset": offset }));
            }
        }
    }
    let plan = |steps: Vec<Value>| json!({ "message": "m", "slotBytes": slot.len(), "steps": steps }).to_string();
    (slot.clone(), DecodePlan::parse(&plan(decode)).unwrap(), EncodePlan::parse(&plan(encode)).unwrap())
}

/// The slot as decoding leaves it: what is only passed over stays zero.
fn decoded(fields: &[Field], slot: &[u8]) -> Vec<u8> {
    let mut expected = slot.to_vec();
    let mut at = 0;
    for field in fields {
        match field {
            Field::Number { kind, .. } => at += size_of(kind),
            Field::Passed { kind, .. } => {
                expected[at..at + size_of(kind)].fill(0);
                at += size_of(kind);
            }
            Field::Bytes(bytes) => at += bytes.len(),
            _ => {}
        }
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_of_either_byte_order_decodes_to_its_slot(fields in message()) {
        let (slot, decode, _) = plans(&fields);
        for big_endian in [false, true] {
            let mut found = vec![0; slot.len()];
            decode.decode(&write(&fields, big_endian), &mut found).unwrap();
            prop_assert_eq!(&found, &decoded(&fields, &slot));
        }
    }

    #[test]
    fn a_slot_encodes_to_the_bytes_that_the_standard_asks_for(fields in message()) {
        let (slot, _, encode) = plans(&fields);
        prop_assert_eq!(encode.encode(&slot, 0).unwrap(), write(&fields, false));
    }

    #[test]
    fn every_message_that_is_cut_off_is_an_error_that_says_so(fields in message(), share in 0.0..1.0_f64) {
        let (slot, decode, _) = plans(&fields);
        let bytes = write(&fields, false);
        let length = (bytes.len() as f64 * share) as usize;
        let outcome = decode.decode(&bytes[..length], &mut vec![0; slot.len()]);
        let truncated = matches!(outcome, Err(CodecError::Truncated { .. }));
        prop_assert!(truncated, "{outcome:?}");
    }

    #[test]
    fn no_bytes_at_all_make_decoding_panic(fields in message(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (slot, decode, _) = plans(&fields);
        let mut found = vec![0; slot.len()];
        let _ = decode.decode(&bytes, &mut found);
        let _ = decode.decode(&[&[0, 1, 0, 0], bytes.as_slice()].concat(), &mut found);
        let _ = decode.decode(&[&[0, 0, 0, 0], bytes.as_slice()].concat(), &mut found);
    }

    #[test]
    fn no_change_to_a_message_makes_decoding_panic(
        fields in message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (slot, decode, _) = plans(&fields);
        let mut bytes = write(&fields, false);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = decode.decode(&bytes, &mut vec![0; slot.len()]);
    }

    #[test]
    fn reals_become_whole_numbers_as_the_language_casts_them(real in any::<f64>()) {
        let check = |to: &str, expected: &[u8]| {
            let plan = json!({ "message": "m", "slotBytes": expected.len(), "steps": [
                { "op": "scalar", "from": "f64", "to": to, "offset": 0, "path": "x" }] });
            let mut slot = vec![0; expected.len()];
            let bytes = [&[0, 1, 0, 0], real.to_le_bytes().as_slice()].concat();
            DecodePlan::parse(&plan.to_string()).unwrap().decode(&bytes, &mut slot).unwrap();
            assert_eq!(slot, expected, "{real} as {to}");
        };
        check("u8", &(real as u8).to_le_bytes());
        check("i8", &(real as i8).to_le_bytes());
        check("u16", &(real as u16).to_le_bytes());
        check("i16", &(real as i16).to_le_bytes());
        check("u32", &(real as u32).to_le_bytes());
        check("i32", &(real as i32).to_le_bytes());
        check("u64", &(real as u64).to_le_bytes());
        check("i64", &(real as i64).to_le_bytes());
    }
}

#[test]
fn a_length_beyond_the_message_is_an_error_and_reserves_nothing() {
    let plan = json!({ "message": "m", "slotBytes": 0, "steps": [{ "op": "skipString", "path": "frame_id" }] });
    let error = DecodePlan::parse(&plan.to_string())
        .unwrap()
        .decode(&[0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff], &mut [])
        .unwrap_err();
    assert_eq!(error.to_string(), "error[codec/truncated]: m.frame_id: the message ends after 8 bytes");
}

#[test]
fn an_encapsulation_other_than_plain_cdr_is_refused() {
    let plan = json!({ "message": "m", "slotBytes": 0, "steps": [] });
    let error = DecodePlan::parse(&plan.to_string()).unwrap().decode(&[0, 3, 0, 0], &mut []).unwrap_err();
    assert!(error.to_string().starts_with("error[codec/header]: m: the encapsulation header is [00, 03, 00, 00]"));
}
