//! Random types, messages and damage: what a plan describes decodes and encodes exactly, and nothing makes the codec panic.
//!
//! Ten thousand inputs of each kind; a million with ISOCHRON_NIGHTLY=1.

mod common;

use common::{Random, STAMP, Type};
use isochron_transport::{CodecError, DecodePlan, EncodePlan};

/// Inputs that each test tries.
fn inputs() -> u64 {
    if std::env::var("ISOCHRON_NIGHTLY").is_ok_and(|value| value == "1") { 1_000_000 } else { 10_000 }
}

const GUARD: usize = 64;

/// Decodes into the middle of a larger buffer; what lies around the slot must stay as it was.
fn decode_guarded(plan: &DecodePlan, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut all = vec![0xa5; plan.slot_bytes() + 2 * GUARD];
    let end = GUARD + plan.slot_bytes();
    let outcome = plan.decode(bytes, &mut all[GUARD..end]);
    assert!(all[..GUARD].iter().chain(&all[end..]).all(|byte| *byte == 0xa5), "wrote outside of its slot");
    outcome.map(|()| all[GUARD..end].to_vec())
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    match random.below(6) {
        0 => bytes.truncate(random.below(bytes.len() + 1)),
        1 => (0..random.below(20)).for_each(|_| bytes.push(random.next() as u8)),
        2 if !bytes.is_empty() => drop(bytes.remove(random.below(bytes.len()))),
        3 => {
            // A length that is far too large, or another that is small.
            let at = random.below(bytes.len() + 1);
            let value = if random.one_in(2) { u32::MAX } else { random.below(9) as u32 };
            for (byte, new) in bytes[at..].iter_mut().zip(value.to_le_bytes()) {
                *byte = new;
            }
        }
        _ if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
        _ => {}
    }
}

#[test]
fn every_made_up_message_decodes_to_its_slot_in_either_byte_order_and_is_encoded_as_the_standard_asks() {
    for seed in 0..inputs() {
        let mut random = Random(seed);
        let made = Type::random(&mut random);
        let decode = DecodePlan::parse(&made.decode).unwrap_or_else(|error| panic!("{seed}: {error}: {}", made.decode));
        let encode = EncodePlan::parse(&made.encode).unwrap_or_else(|error| panic!("{seed}: {error}: {}", made.encode));
        for big_endian in [false, true] {
            let (bytes, slot) = made.message(&mut Random(seed), big_endian);
            let decoded = decode_guarded(&decode, &bytes).unwrap_or_else(|error| panic!("{seed}: {error}"));
            assert_eq!(decoded, slot, "{seed}: {}", made.decode);
            if !big_endian {
                assert_eq!(encode.encode(&slot, STAMP).unwrap(), bytes, "{seed}: {}", made.encode);
            }
            if !bytes[4..].is_empty() {
                let cut = &bytes[..random.below(bytes.len())];
                let outcome = decode_guarded(&decode, cut);
                assert!(matches!(outcome, Err(CodecError::Truncated { .. })), "{seed}: {outcome:?}");
            }
        }
    }
}

#[test]
fn no_damage_to_a_message_makes_decoding_panic_or_write_out_of_its_slot() {
    let mut refused = 0;
    for seed in 0..inputs() {
        let mut random = Random(seed ^ 0x5eed);
        let made = Type::random(&mut random);
        let plan = DecodePlan::parse(&made.decode).unwrap();
        let (mut bytes, _) = made.message(&mut random, seed % 2 == 1);
        for _ in 0..=random.below(4) {
            damage(&mut random, &mut bytes);
        }
        if let Err(error) = decode_guarded(&plan, &bytes) {
            assert!(error.code().starts_with("codec/"), "{error}");
            refused += 1;
        }
    }
    // Damage that is never noticed would be no damage.
    assert!(refused > inputs() / 5, "{refused}");
}

#[test]
fn no_change_to_a_plan_makes_it_panic_or_write_out_of_its_slot() {
    let mut sound = 0;
    for seed in 0..inputs() {
        let mut random = Random(seed ^ 0x91a9);
        let made = Type::random(&mut random);
        let (bytes, slot) = made.message(&mut random, false);
        if let Ok(plan) = DecodePlan::parse(&changed(&made.decode, &mut random)) {
            sound += 1;
            let _ = decode_guarded(&plan, &bytes);
            let noise: Vec<u8> =
                [0, 1, 0, 0].into_iter().chain((0..random.below(80)).map(|_| random.next() as u8)).collect();
            let _ = decode_guarded(&plan, &noise);
        }
        if let Ok(plan) = EncodePlan::parse(&changed(&made.encode, &mut random)) {
            sound += 1;
            let _ = plan.encode(&slot, STAMP);
        }
    }
    assert!(sound > inputs() / 2, "{sound}");
}

/// A plan with some of its numbers, kinds or brackets changed.
fn changed(plan: &str, random: &mut Random) -> String {
    let mut text = plan.to_owned();
    for _ in 0..=random.below(3) {
        let digits: Vec<usize> = text.match_indices(|letter: char| letter.is_ascii_digit()).map(|(at, _)| at).collect();
        let (from, to) =
            [("\"u8\"", "\"f64\""), ("i32", "u64"), ("true", "false"), ("fixed", "most"), ("least", "fixed")]
                [random.below(5)];
        match random.below(4) {
            0 => text = text.replacen(from, to, 1),
            1 if !digits.is_empty() => {
                let at = digits[random.below(digits.len())];
                text.replace_range(
                    at..=at,
                    ["0", "3", "64", "4000", "4000000000", "18446744073709551615"][random.below(6)],
                );
            }
            _ if !digits.is_empty() => {
                let at = digits[random.below(digits.len())];
                text.replace_range(at..=at, &random.below(10).to_string());
            }
            _ => {}
        }
    }
    text
}
