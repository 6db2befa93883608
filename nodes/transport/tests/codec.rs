//! The codec's refusals, each with its code and field, and the conversions between kinds of numbers.

use isochron_transport::{CodecError, DecodePlan, EncodePlan};
use proptest::prelude::*;
use serde_json::{Value, json};

fn plan(slot_bytes: usize, steps: Value) -> Result<DecodePlan, CodecError> {
    DecodePlan::parse(&json!({ "message": "m", "slotBytes": slot_bytes, "steps": steps }).to_string())
}

/// Decodes a little-endian message of these bytes after the header.
fn decode(slot_bytes: usize, steps: Value, body: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut slot = vec![0xee; slot_bytes];
    let bytes = [&[0, 1, 0, 0], body].concat();
    plan(slot_bytes, steps)?.decode(&bytes, &mut slot).map(|()| slot)
}

#[test]
fn a_wrong_value_names_the_field_and_both_values() {
    let steps = json!([{ "op": "string", "expect": "mono8", "path": "encoding" }]);
    let error = decode(0, steps.clone(), b"\x05\0\0\0rgb8\0").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("error[codec/value]: m.encoding is \"rgb8\", the application is built for \"mono8\"")
    );
    assert_eq!((error.code(), error.path()), ("codec/value", Some("encoding")));
    assert_eq!(decode(0, steps, b"\x06\0\0\0mono8\0"), Ok(vec![]));
    let number = json!([{ "op": "number", "type": "u32", "expect": 120, "path": "height" }]);
    let error = decode(0, number, &240_u32.to_le_bytes()).unwrap_err();
    assert!(error.to_string().contains("m.height is 240, the application is built for 120"));
}

#[test]
fn a_list_of_another_length_is_refused_and_shorter_ones_that_are_allowed_are_filled_with_zeros() {
    let steps = |extent: Value| {
        json!([{ "op": "array", "type": "u16", "extent": extent, "path": "ranges",
        "picks": [{ "index": 0, "count": 3, "to": "u8", "offset": 0 }] }])
    };
    let two = b"\x02\0\0\0\x07\0\xff\xff";
    let error = decode(3, steps(json!({ "least": 3, "most": 3 })), two).unwrap_err();
    assert_eq!(
        error.to_string().lines().next(),
        Some("error[codec/length]: m.ranges has 2 elements, the application is built for 3")
    );
    assert_eq!(decode(3, steps(json!({ "most": 3 })), two), Ok(vec![7, 255, 0]));
    assert_eq!(decode(3, steps(json!({ "most": 1 })), two).unwrap_err().code(), "codec/length");
}

/// A list of strings in a message's body, aligned.
fn names(of: &[&str]) -> Vec<u8> {
    let mut body = (of.len() as u32).to_le_bytes().to_vec();
    for name in of {
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend((name.len() as u32 + 1).to_le_bytes());
        body.extend(name.as_bytes());
        body.push(0);
    }
    body.resize(body.len().next_multiple_of(4), 0);
    body
}

#[test]
fn elements_are_found_by_the_names_beside_them_in_any_order_and_a_name_that_is_not_there_once_is_an_error() {
    let steps = json!([
        { "op": "names", "wanted": ["hip", "knee"], "first": 3, "longest": 5, "path": "name" },
        { "op": "array", "type": "u16", "beside": 3, "path": "position", "picks": [
            { "index": 0, "named": 4, "count": 1, "to": "u8", "offset": 0 },
            { "index": 0, "named": 5, "count": 1, "to": "u8", "offset": 1 }] }]);
    let message = |of: &[&str], values: &[u8]| {
        let mut body = names(of);
        body.extend((values.len() as u32).to_le_bytes());
        values.iter().for_each(|value| body.extend([*value, 0]));
        body
    };
    let outcome = |of: &[&str], values: &[u8]| decode(2, steps.clone(), &message(of, values));
    assert_eq!(outcome(&["hip", "knee"], &[1, 2]), Ok(vec![1, 2]));
    assert_eq!(outcome(&["toe", "knee", "", "hip"], &[1, 2, 3, 4]), Ok(vec![4, 2]));
    let first_line = |of: &[&str], values: &[u8]| {
        let error = outcome(of, values).unwrap_err();
        (error.code(), error.to_string().lines().next().unwrap_or_default().to_owned())
    };
    let text = |code, text: &str| (code, format!("error[{code}]: m.{text}"));
    assert_eq!(first_line(&["knee", "toe"], &[1, 2]), text("codec/name", "name has no \"hip\""));
    assert_eq!(first_line(&["hip", "hip", "knee"], &[1, 2, 3]), text("codec/name", "name has more than one \"hip\""));
    assert_eq!(
        first_line(&["hip", "knee"], &[1]),
        text("codec/length", "position has 1 elements, the application is built for as many as names, 2")
    );
    assert_eq!(
        first_line(&["knee", "hip", "shoulder"], &[1, 2, 3]),
        text("codec/length", "name has 8 bytes, the application is built for at most 5")
    );
}

#[test]
fn an_element_that_is_found_by_name_has_steps_of_its_own_and_places_within_its_slot() {
    let steps = |extent: Value, stride: usize| {
        json!([
            { "op": "names", "wanted": ["b"], "first": 0, "path": "name" },
            { "op": "list", "beside": 0, "extent": extent, "path": "pose",
                "steps": [{ "op": "skip", "type": "u8", "count": 2, "path": "pose[*]" }],
                "at": [{ "index": 0, "named": 1, "steps": [
                    { "op": "skip", "type": "u8", "count": 1, "path": "x" },
                    { "op": "number", "type": "u8", "path": "y",
                        "places": [{ "to": "u8", "offset": 0, "strides": [stride] }] }] }] }])
    };
    let body = [names(&["a", "b"]), vec![2, 0, 0, 0, 1, 2, 3, 4]].concat();
    assert_eq!(decode(1, steps(json!({}), 0), &body), Ok(vec![4]));
    assert_eq!(decode(4, steps(json!({ "most": 4 }), 1), &body), Ok(vec![0xee, 4, 0xee, 0xee]));
    assert!(matches!(plan(4, steps(json!({}), 1)), Err(CodecError::Plan(_))), "no limit to where it goes");
    assert!(matches!(plan(3, steps(json!({ "most": 4 }), 1)), Err(CodecError::Plan(_))), "too far for its slot");
}

fn encode(steps: Value, slot: &[u8]) -> Result<Vec<u8>, CodecError> {
    let plan = json!({ "message": "m", "slotBytes": slot.len(), "steps": steps }).to_string();
    EncodePlan::parse(&plan)?.encode(slot, 0).map(|bytes| bytes[4..].to_vec())
}

#[test]
fn a_list_has_as_many_elements_as_a_number_of_the_slot_says_and_never_more_than_it_has_room_for() {
    let steps = json!([
        { "op": "list", "count": 2, "counted": { "from": "f32", "offset": 0 }, "prefix": true,
            "steps": [{ "op": "number", "from": "u8", "type": "u8", "offset": 4, "strides": [1] }] },
        { "op": "array", "count": 2, "counted": { "from": "i8", "offset": 6 }, "from": "u8", "type": "u8", "offset": 4 }]);
    let outcome = |list: f32, array: i8| {
        encode(steps.clone(), &[&list.to_le_bytes()[..], &[7, 8], &array.to_le_bytes()].concat()).unwrap()
    };
    assert_eq!(outcome(1.9, 2), [1, 0, 0, 0, 7, 7, 8]);
    assert_eq!(outcome(0.0, 0), [0, 0, 0, 0]);
    assert_eq!(outcome(f32::INFINITY, i8::MAX), [2, 0, 0, 0, 7, 8, 7, 8]);
    assert_eq!(outcome(f32::NAN, -1), [0, 0, 0, 0]);
    let outside = json!([{ "op": "array", "count": 1, "counted": { "from": "u32", "offset": 1 }, "from": "u8",
        "type": "u8", "offset": 0 }]);
    assert!(matches!(encode(outside, &[0; 4]), Err(CodecError::Plan(_))));
}

#[test]
fn a_number_chooses_one_of_several_texts_and_one_beyond_them_none() {
    let steps = json!([{ "op": "choice", "values": ["car", "traffic light"], "from": "i32", "offset": 0 }]);
    let outcome = |number: i32| encode(steps.clone(), &number.to_le_bytes()).unwrap();
    assert_eq!(outcome(0), b"\x04\0\0\0car\0");
    assert_eq!(outcome(1), b"\x0e\0\0\0traffic light\0");
    assert_eq!([outcome(2), outcome(-1)], [b"\x01\0\0\0\0", b"\x01\0\0\0\0"]);
}

#[test]
fn rows_are_copied_by_the_messages_own_step_and_a_step_that_does_not_fit_is_refused() {
    let steps = json!([
        { "op": "number", "type": "u8", "keep": 0, "path": "is_bigendian" },
        { "op": "number", "type": "u32", "keep": 1, "path": "step" },
        { "op": "rows", "height": 2, "row": 2, "word": 2, "step": 1, "bigEndian": 0, "offset": 0, "path": "data" }]);
    let message = |big: u8, step: u32, data: &[u8]| {
        let mut body = vec![big, 0, 0, 0];
        body.extend(step.to_le_bytes());
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(data);
        body
    };
    let padded = [1, 2, 9, 3, 4, 9];
    assert_eq!(decode(4, steps.clone(), &message(0, 3, &padded)), Ok(vec![1, 2, 3, 4]));
    assert_eq!(decode(4, steps.clone(), &message(1, 3, &padded)), Ok(vec![2, 1, 4, 3]));
    for (step, length) in [(1, 2), (2, 6), (3, 4), (0, 0), (u32::MAX, 6)] {
        let error = decode(4, steps.clone(), &message(0, step, &padded[..length])).unwrap_err();
        assert_eq!((error.code(), error.path()), ("codec/length", Some("data")), "{step}");
    }
}

#[test]
fn a_picture_that_cannot_be_decoded_has_the_pictures_own_code_and_the_fields_path() {
    let steps = json!([{ "op": "picture", "encoding": "rgb8", "height": 2, "width": 2, "offset": 0, "path": "data" }]);
    let error = decode(12, steps, b"\x04\0\0\0none").unwrap_err();
    assert_eq!((error.code(), error.path()), ("picture/form", Some("data")));
    assert!(error.to_string().starts_with("error[picture/form]: ") && error.to_string().ends_with("in m.data"));
}

#[test]
fn a_length_beyond_the_message_is_an_error_and_reserves_nothing() {
    for steps in [
        json!([{ "op": "string", "path": "x" }]),
        json!([{ "op": "string", "wide": true, "path": "x" }]),
        json!([{ "op": "array", "type": "f64", "path": "x" }]),
        json!([{ "op": "list", "steps": [{ "op": "skip", "type": "u8", "count": 1, "path": "x" }], "path": "x" }]),
        json!([{ "op": "picture", "encoding": "mono8", "height": 1, "width": 1, "offset": 0, "path": "x" }]),
    ] {
        let error = decode(1, steps, &[0xff; 4]).unwrap_err();
        assert_eq!(error.to_string(), "error[codec/truncated]: m.x: the message ends after 8 bytes");
    }
}

#[test]
fn an_encapsulation_other_than_plain_cdr_is_refused() {
    let error = plan(0, json!([])).unwrap().decode(&[0, 3, 0, 0], &mut []).unwrap_err();
    assert!(error.to_string().starts_with("error[codec/header]: m: the encapsulation header is [00, 03, 00, 00]"));
}

#[test]
fn a_plan_that_leaves_its_slot_or_loops_without_reading_is_refused() {
    let number = |offset: usize, strides: &[usize]| {
        json!({ "op": "number", "type": "u32", "path": "x",
        "places": [{ "to": "u32", "offset": offset, "strides": strides }] })
    };
    let list = |extent: Value, steps: Value| json!([{ "op": "list", "extent": extent, "steps": steps, "path": "l" }]);
    assert!(plan(8, json!([number(4, &[])])).is_ok());
    assert!(plan(12, list(json!({ "most": 3 }), json!([number(0, &[4])]))).is_ok());
    for (why, outcome) in [
        ("a number at the end", plan(8, json!([number(5, &[])]))),
        ("an offset that wraps", plan(8, json!([number(usize::MAX, &[])]))),
        ("an element too many", plan(11, list(json!({ "most": 3 }), json!([number(0, &[4])])))),
        ("a list without a limit", plan(1000, list(json!({}), json!([number(0, &[4])])))),
        ("a stride without a list", plan(8, json!([number(0, &[1])]))),
        ("elements without bytes", plan(8, list(json!({}), json!([{ "op": "clear", "offset": 0, "bytes": 1 }])))),
        ("a register too many", plan(8, json!([{ "op": "number", "type": "u8", "keep": 4, "path": "x" }]))),
        ("a slot too large", plan(usize::MAX, json!([]))),
        ("names too many", plan(8, json!([{ "op": "names", "wanted": ["a"], "first": 255, "path": "x" }]))),
    ] {
        assert!(matches!(outcome, Err(CodecError::Plan(_))), "{why}");
    }
}

#[test]
fn lists_within_lists_go_so_deep_and_no_deeper() {
    let nested = |depth: usize| {
        let (open, close) = (r#"[{ "op": "list", "path": "l", "steps": "#, "}]");
        let steps = r#"[{ "op": "skip", "type": "u8", "count": 1, "path": "x" }]"#;
        let all = format!("{}{steps}{}", open.repeat(depth), close.repeat(depth));
        DecodePlan::parse(&format!(r#"{{ "message": "m", "slotBytes": 0, "steps": {all} }}"#))
    };
    assert!(nested(8).is_ok());
    for depth in [9, 50, 1000, 100_000] {
        assert!(matches!(nested(depth), Err(CodecError::Plan(_))), "{depth}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reals_become_whole_numbers_as_the_language_casts_them(real in any::<f64>()) {
        let check = |to: &str, expected: &[u8]| {
            let steps = json!([{ "op": "number", "type": "f64", "places": [{ "to": to, "offset": 0 }], "path": "x" }]);
            assert_eq!(decode(expected.len(), steps, &real.to_le_bytes()).unwrap(), expected, "{real} as {to}");
        };
        check("u8", &(real as u8).to_le_bytes());
        check("i8", &(real as i8).to_le_bytes());
        check("u16", &(real as u16).to_le_bytes());
        check("i16", &(real as i16).to_le_bytes());
        check("u32", &(real as u32).to_le_bytes());
        check("i32", &(real as i32).to_le_bytes());
        check("u64", &(real as u64).to_le_bytes());
        check("i64", &(real as i64).to_le_bytes());
        check("f32", &(real as f32).to_le_bytes());
    }
}
