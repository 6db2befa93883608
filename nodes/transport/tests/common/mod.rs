//! Made-up message types with values, written as CDR by the letter of XCDR1, apart from the codec's own writer.

use serde_json::{Value, json};

/// SplitMix64: the same numbers for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

const KINDS: [(&str, usize); 11] = [
    ("bool", 1),
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

/// A part of a type. What is placed goes to the slot and differs from message to message; all else is constant.
pub enum Shape {
    Number {
        kind: usize,
        place: Option<Place>,
        constant: u64,
    },
    Text {
        wide: bool,
        text: String,
        expect: bool,
    },
    Time {
        place: Option<Place>,
    },
    Array {
        kind: usize,
        fixed: bool,
        constants: Vec<u64>,
        place: Option<Place>,
    },
    List {
        fixed: bool,
        count: usize,
        parts: Vec<Shape>,
    },
    /// Numbers, of which each message has as many as it likes, and their count.
    Some {
        kind: usize,
        most: usize,
        place: Place,
        count: Place,
    },
    /// Names, and as many numbers, of which those `wanted` are placed in that order.
    Named {
        kind: usize,
        names: Vec<&'static str>,
        wanted: Vec<usize>,
        register: usize,
        constant: u64,
        place: Place,
    },
}

pub struct Place {
    offset: usize,
    strides: Vec<usize>,
}

/// A type, the plans for it, and the slot that they are for.
pub struct Type {
    pub parts: Vec<Shape>,
    pub slot_bytes: usize,
    pub decode: String,
    pub encode: String,
}

impl Type {
    pub fn random(random: &mut Random) -> Self {
        let mut slot_bytes = 0;
        let parts = shapes(random, &mut Vec::new(), &mut slot_bytes);
        let plan = |steps: Vec<Value>| json!({ "message": "m", "slotBytes": slot_bytes, "steps": steps }).to_string();
        let decode = plan(parts.iter().flat_map(decode_steps).collect());
        let encode = plan(parts.iter().flat_map(encode_steps).collect());
        Self { parts, slot_bytes, decode, encode }
    }

    /// A message with random values, and the slot that it stands for.
    pub fn message(&self, random: &mut Random, big_endian: bool) -> (Vec<u8>, Vec<u8>) {
        let mut writer = Writer { body: Vec::new(), slot: vec![0; self.slot_bytes], big_endian };
        for part in &self.parts {
            writer.write(part, &mut Vec::new(), random);
        }
        ([&[0, u8::from(!big_endian), 0, 0], writer.body.as_slice()].concat(), writer.slot)
    }
}

fn shapes(random: &mut Random, lists: &mut Vec<usize>, slot: &mut usize) -> Vec<Shape> {
    let count = 1 + random.below(if lists.is_empty() { 9 } else { 4 });
    (0..count).map(|_| shape(random, lists, slot)).collect()
}

fn shape(random: &mut Random, lists: &mut Vec<usize>, slot: &mut usize) -> Shape {
    let place = |random: &mut Random, bytes: usize, slot: &mut usize| {
        (!random.one_in(3)).then(|| {
            let offset = *slot;
            let strides = (0..lists.len()).map(|at| lists[at + 1..].iter().product::<usize>() * bytes).collect();
            *slot += lists.iter().product::<usize>() * bytes;
            Place { offset, strides }
        })
    };
    let number = |random: &mut Random, kind: usize| match KINDS[kind] {
        ("bool", _) => random.next() & 1,
        // Whole numbers, so that JSON holds them exactly.
        ("f32", _) => u64::from((random.below(1000) as f32 - 500.0).to_bits()),
        ("f64", _) => (random.below(1000) as f64 / 8.0).to_bits(),
        _ => random.next() & 0x7f,
    };
    let always = |bytes: usize, random: &mut Random, slot: &mut usize| loop {
        if let Some(place) = place(random, bytes, slot) {
            return place;
        }
    };
    match random.below(if lists.len() < 3 { 9 } else { 7 }) {
        0 | 1 => {
            let kind = random.below(KINDS.len());
            let constant = number(random, kind);
            Shape::Number { kind, place: place(random, KINDS[kind].1, slot), constant }
        }
        2 => {
            let text = ["", "a", "mono8", "grüße", "camera/front"][random.below(5)].to_owned();
            Shape::Text { wide: random.one_in(4), text, expect: random.one_in(2) }
        }
        3 => Shape::Time { place: place(random, 8, slot) },
        4 => {
            let kind = random.below(KINDS.len());
            let constants: Vec<u64> = (0..random.below(6)).map(|_| number(random, kind)).collect();
            let place = place(random, KINDS[kind].1 * constants.len(), slot);
            Shape::Array { kind, fixed: random.one_in(2), constants, place }
        }
        5 => {
            let (kind, most) = (random.below(KINDS.len()), random.below(5));
            let place = always(KINDS[kind].1 * most, random, slot);
            Shape::Some { kind, most, place, count: always(4, random, slot) }
        }
        6 => {
            let kind = random.below(KINDS.len());
            let mut names = vec!["hip", "", "knee", "left_ankle/pitch", "k"];
            names.rotate_left(random.below(5));
            names.truncate(random.below(6));
            let wanted: Vec<usize> = (0..names.len()).rev().filter(|_| random.one_in(2)).collect();
            let place = always(KINDS[kind].1 * wanted.len(), random, slot);
            Shape::Named { kind, wanted, register: random.below(250), constant: number(random, kind), names, place }
        }
        _ => {
            let count = random.below(4);
            lists.push(count);
            let parts = shapes(random, lists, slot);
            lists.pop();
            // A list without bytes in its elements is no message's.
            let empty = parts.iter().all(|part| {
                matches!(part, Shape::Array { fixed: true, constants, .. } if constants.is_empty())
                    || matches!(part, Shape::List { fixed: true, count: 0, .. })
            });
            if empty { Shape::Time { place: None } } else { Shape::List { fixed: random.one_in(2), count, parts } }
        }
    }
}

fn extent(fixed: bool, count: usize) -> Value {
    if fixed { json!({ "fixed": count }) } else { json!({ "least": count, "most": count }) }
}

fn decode_step(shape: &Shape) -> Value {
    let place = |place: &Option<Place>, to: &str| match place {
        Some(Place { offset, strides }) => json!([{ "to": to, "offset": offset, "strides": strides }]),
        None => json!([]),
    };
    match shape {
        Shape::Number { kind, place: at, .. } => {
            let kind = KINDS[*kind].0;
            json!({ "op": "number", "type": kind, "places": place(at, kind), "path": "number" })
        }
        Shape::Text { wide, text, expect } => {
            let expect = expect.then_some(text);
            json!({ "op": "string", "wide": wide, "expect": expect, "path": "text" })
        }
        Shape::Time { place: at } => json!({ "op": "time", "places": place(at, "i64"), "path": "time" }),
        Shape::Array { kind, fixed, constants, place: at } => {
            let kind = KINDS[*kind].0;
            let mut picks = place(at, kind);
            if let Some(pick) = picks.get_mut(0) {
                pick["index"] = json!(0);
                pick["count"] = json!(constants.len());
            }
            let extent = extent(*fixed, constants.len());
            json!({ "op": "array", "type": kind, "extent": extent, "picks": picks, "path": "array" })
        }
        Shape::List { fixed, count, parts } => {
            let steps: Vec<Value> = parts.iter().flat_map(decode_steps).collect();
            json!({ "op": "list", "extent": extent(*fixed, *count), "steps": steps, "path": "list" })
        }
        Shape::Some { kind, most, place: Place { offset, strides }, count } => {
            let kind = KINDS[*kind].0;
            json!({ "op": "array", "type": kind, "extent": { "most": most }, "path": "some",
                "counts": [{ "to": "u32", "offset": count.offset, "strides": count.strides }],
                "picks": [{ "index": 0, "count": most, "to": kind, "offset": offset, "strides": strides }] })
        }
        Shape::Named { kind, wanted, register, place: Place { offset, strides }, .. } => {
            let (kind, bytes) = KINDS[*kind];
            let picks: Vec<Value> = (0..wanted.len())
                .map(|at| {
                    json!({ "index": 0, "named": register + 1 + at, "count": 1, "to": kind,
                        "offset": offset + at * bytes, "strides": strides })
                })
                .collect();
            json!({ "op": "array", "type": kind, "beside": register, "picks": picks, "path": "named" })
        }
    }
}

fn decode_steps(shape: &Shape) -> Vec<Value> {
    let names = match shape {
        Shape::Named { names, wanted, register, .. } => {
            let wanted: Vec<&str> = wanted.iter().map(|at| names[*at]).collect();
            Some(json!({ "op": "names", "wanted": wanted, "first": register, "path": "name" }))
        }
        _ => None,
    };
    names.into_iter().chain([decode_step(shape)]).collect()
}

fn constant(kind: usize, bits: u64) -> Value {
    let value = match KINDS[kind].0 {
        "f32" => json!(f32::from_bits(bits as u32)),
        "f64" => json!(f64::from_bits(bits)),
        _ => json!(bits),
    };
    json!({ "op": "constant", "type": KINDS[kind].0, "value": value, "count": 1 })
}

fn encode_steps(shape: &Shape) -> Vec<Value> {
    let length = |count: usize| json!({ "op": "constant", "type": "u32", "value": count, "count": 1 });
    match shape {
        Shape::Number { kind, place: Some(Place { offset, strides }), .. } => {
            let kind = KINDS[*kind].0;
            vec![json!({ "op": "number", "from": kind, "type": kind, "offset": offset, "strides": strides })]
        }
        Shape::Number { kind, place: None, constant: bits } => vec![constant(*kind, *bits)],
        Shape::Text { wide, text, .. } => vec![json!({ "op": "string", "wide": wide, "value": text })],
        Shape::Time { place: Some(Place { offset, strides }) } => {
            vec![json!({ "op": "time", "offset": offset, "strides": strides })]
        }
        Shape::Time { place: None } => vec![json!({ "op": "stamp" })],
        Shape::Array { kind, fixed, constants, place: Some(Place { offset, strides }) } => {
            let kind = KINDS[*kind].0;
            let count = constants.len();
            vec![json!({ "op": "array", "from": kind, "type": kind, "count": count, "prefix": !fixed,
                "offset": offset, "strides": strides })]
        }
        Shape::Array { kind, fixed, constants, place: None } => {
            let values = constants.iter().map(|bits| constant(*kind, *bits));
            (!fixed).then(|| length(constants.len())).into_iter().chain(values).collect()
        }
        Shape::List { fixed, count, parts } => {
            let steps: Vec<Value> = parts.iter().flat_map(encode_steps).collect();
            vec![json!({ "op": "list", "count": count, "prefix": !fixed, "steps": steps })]
        }
        Shape::Some { kind, most, place: Place { offset, strides }, count } => {
            let kind = KINDS[*kind].0;
            let counted = json!({ "from": "u32", "offset": count.offset, "strides": count.strides });
            vec![json!({ "op": "array", "from": kind, "type": kind, "count": most, "counted": counted, "prefix": true,
                "offset": offset, "strides": strides })]
        }
        Shape::Named { kind, names, wanted, constant: bits, place: Place { offset, strides }, .. } => {
            let (of, bytes) = KINDS[*kind];
            let texts = names.iter().map(|name| json!({ "op": "string", "value": name }));
            let at: Vec<Value> = wanted
                .iter()
                .enumerate()
                .map(|(at, index)| {
                    let number = json!({ "op": "number", "from": of, "type": of, "offset": offset + at * bytes,
                        "strides": strides });
                    json!({ "index": index, "steps": [number] })
                })
                .collect();
            let values = json!({ "op": "list", "count": names.len(), "prefix": true, "at": at,
                "steps": [constant(*kind, *bits)] });
            std::iter::once(length(names.len())).chain(texts).chain([values]).collect()
        }
    }
}

/// The time that constants of times have: what `encode` is called with.
pub const STAMP: i64 = 3_250_000_001;

struct Writer {
    body: Vec<u8>,
    slot: Vec<u8>,
    big_endian: bool,
}

impl Writer {
    fn number(&mut self, size: usize, bits: u64) {
        while !self.body.len().is_multiple_of(size) {
            self.body.push(0);
        }
        let little = bits.to_le_bytes();
        if self.big_endian { self.body.extend(little[..size].iter().rev()) } else { self.body.extend(&little[..size]) }
    }

    fn store(&mut self, Place { offset, strides }: &Place, indices: &[usize], skip: usize, bytes: &[u8]) {
        let further: usize = strides.iter().zip(indices).map(|(stride, index)| stride * index).sum();
        let start = offset + further + skip;
        self.slot[start..start + bytes.len()].copy_from_slice(bytes);
    }

    fn write(&mut self, shape: &Shape, indices: &mut Vec<usize>, random: &mut Random) {
        let bits = |random: &mut Random, kind: usize| match KINDS[kind] {
            ("bool", _) => random.next() & 1,
            (_, 8) => random.next(),
            (_, size) => random.next() & ((1 << (size * 8)) - 1),
        };
        match shape {
            Shape::Number { kind, place, constant } => {
                let size = KINDS[*kind].1;
                let value = if place.is_some() { bits(random, *kind) } else { *constant };
                self.number(size, value);
                if let Some(place) = place {
                    self.store(place, indices, 0, &value.to_le_bytes()[..size]);
                }
            }
            Shape::Text { wide: false, text, .. } => {
                self.number(4, text.len() as u64 + 1);
                self.body.extend(text.as_bytes());
                self.body.push(0);
            }
            Shape::Text { wide: true, text, .. } => {
                self.number(4, text.chars().count() as u64);
                for character in text.chars() {
                    self.number(4, u64::from(u32::from(character)));
                }
            }
            Shape::Time { place } => {
                let ns = if place.is_some() { random.next() as i64 >> random.below(30) } else { STAMP };
                self.number(4, ns.div_euclid(1_000_000_000) as u32 as u64);
                self.number(4, ns.rem_euclid(1_000_000_000) as u64);
                // Seconds beyond 32 bits wrap on the wire.
                let wire =
                    i64::from(ns.div_euclid(1_000_000_000) as i32) * 1_000_000_000 + ns.rem_euclid(1_000_000_000);
                if let Some(place) = place {
                    self.store(place, indices, 0, &wire.to_le_bytes());
                }
            }
            Shape::Array { kind, fixed, constants, place } => {
                let size = KINDS[*kind].1;
                if !fixed {
                    self.number(4, constants.len() as u64);
                }
                for (at, constant) in constants.iter().enumerate() {
                    let value = if place.is_some() { bits(random, *kind) } else { *constant };
                    self.number(size, value);
                    if let Some(place) = place {
                        self.store(place, indices, at * size, &value.to_le_bytes()[..size]);
                    }
                }
            }
            Shape::Some { kind, most, place, count } => {
                let size = KINDS[*kind].1;
                let found = random.below(most + 1);
                self.number(4, found as u64);
                self.store(count, indices, 0, &(found as u32).to_le_bytes());
                for at in 0..found {
                    let value = bits(random, *kind);
                    self.number(size, value);
                    self.store(place, indices, at * size, &value.to_le_bytes()[..size]);
                }
            }
            Shape::Named { kind, names, wanted, constant, place, .. } => {
                let size = KINDS[*kind].1;
                self.number(4, names.len() as u64);
                for name in names {
                    self.number(4, name.len() as u64 + 1);
                    self.body.extend(name.as_bytes());
                    self.body.push(0);
                }
                self.number(4, names.len() as u64);
                for index in 0..names.len() {
                    let at = wanted.iter().position(|each| *each == index);
                    let value = if at.is_some() { bits(random, *kind) } else { *constant };
                    self.number(size, value);
                    if let Some(at) = at {
                        self.store(place, indices, at * size, &value.to_le_bytes()[..size]);
                    }
                }
            }
            Shape::List { fixed, count, parts } => {
                if !fixed {
                    self.number(4, *count as u64);
                }
                for index in 0..*count {
                    indices.push(index);
                    for part in parts {
                        self.write(part, indices, random);
                    }
                    indices.pop();
                }
            }
        }
    }
}
