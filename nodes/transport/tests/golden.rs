//! Golden messages, written by @foxglove/rosmsg2-serialization and kept fresh by `nodes/codec-plan.test.ts`.

use isochron_transport::{DecodePlan, EncodePlan};
use serde_json::Value;

fn golden(direction: &str) -> Vec<Value> {
    let golden: Value = serde_json::from_str(include_str!("golden.json")).unwrap();
    let cases = golden[direction].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn messages_of_another_implementation_decode_to_their_slots() {
    for case in golden("decode") {
        let expected = bytes(&case["slot"]);
        let mut slot = vec![0; expected.len()];
        DecodePlan::parse(&case["plan"].to_string()).unwrap().decode(&bytes(&case["message"]), &mut slot).unwrap();
        assert_eq!(slot, expected, "{}", case["name"]);
    }
}

#[test]
fn slots_encode_to_the_bytes_that_another_implementation_writes() {
    for case in golden("encode") {
        let plan = EncodePlan::parse(&case["plan"].to_string()).unwrap();
        let message = plan.encode(&bytes(&case["slot"]), case["stampNs"].as_i64().unwrap()).unwrap();
        assert_eq!(message, bytes(&case["message"]), "{}", case["name"]);
    }
}
