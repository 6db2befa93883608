//! Interprets encode plans: a slot to CDR bytes, little-endian.

use super::error::CodecError;
use super::number::{Number, Primitive, convert};
use super::plan::{At, ConstantValue, Counted, EncodePlan, EncodeStep, MAX_DEPTH, further};
use super::reader::HEADER;

impl EncodePlan {
    /// Encodes a slot of `slot_bytes` bytes, stamped with a time.
    pub fn encode(&self, slot: &[u8], stamp_ns: i64) -> Result<Vec<u8>, CodecError> {
        let mut out = Vec::new();
        self.encode_into(slot, stamp_ns, &mut out)?;
        Ok(out)
    }

    /// How long a message is at most.
    pub fn longest(&self) -> usize {
        HEADER + self.most_bytes
    }

    /// The same into `out`, in the place of what is there.
    pub fn encode_into(&self, slot: &[u8], stamp_ns: i64, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if slot.len() != self.slot_bytes {
            return Err(CodecError::Plan(format!("the slot has {} bytes, not {}", slot.len(), self.slot_bytes)));
        }
        out.clear();
        out.reserve(self.longest());
        out.extend_from_slice(&[0, 1, 0, 0]);
        let mut encoder = Encoder { out, slot, stamp_ns, indices: [0; MAX_DEPTH], depth: 0 };
        encoder.run(&self.steps)
    }
}

struct Encoder<'s> {
    out: &'s mut Vec<u8>,
    slot: &'s [u8],
    stamp_ns: i64,
    /// Of the enclosing lists, outermost first.
    indices: [usize; MAX_DEPTH],
    depth: usize,
}

fn unsound() -> CodecError {
    CodecError::Plan("a step reaches outside its slot".to_owned())
}

impl Encoder<'_> {
    fn run(&mut self, steps: &[EncodeStep]) -> Result<(), CodecError> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &EncodeStep) -> Result<(), CodecError> {
        match step {
            EncodeStep::Stamp => self.time(self.stamp_ns),
            EncodeStep::Time { offset, strides } => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(self.part(*offset, strides, 8)?);
                self.time(i64::from_le_bytes(bytes));
            }
            EncodeStep::Constant { r#type, value, count } => {
                let number = constant(value)?;
                (0..*count).for_each(|_| self.put(*r#type, number));
            }
            EncodeStep::String { wide: false, value } => self.text(value),
            EncodeStep::String { wide: true, value } => {
                self.count(value.chars().count());
                for character in value.chars() {
                    self.out.extend_from_slice(&u32::from(character).to_le_bytes());
                }
            }
            EncodeStep::Number { from, r#type, offset, strides } => {
                let part = self.part(*offset, strides, from.bytes())?;
                let start = self.reserve(*r#type, 1);
                convert(*from, false, part, *r#type, &mut self.out[start..]);
            }
            EncodeStep::Choice { values, from, offset, strides } => {
                let part = self.part(*offset, strides, from.bytes())?;
                let chosen = whole(Number::fetch(*from, part)).and_then(|at| values.get(at));
                self.text(chosen.map_or("", String::as_str));
            }
            EncodeStep::Array { from, r#type, count, counted, prefix, offset, strides } => {
                let count = self.counted(*count, counted.as_ref())?;
                let part = self.part(*offset, strides, count.checked_mul(from.bytes()).ok_or_else(unsound)?)?;
                if *prefix {
                    self.count(count);
                }
                let start = self.reserve(*r#type, count);
                convert(*from, false, part, *r#type, &mut self.out[start..]);
            }
            EncodeStep::List { count, counted, prefix, at, steps } => {
                let count = self.counted(*count, counted.as_ref())?;
                if *prefix {
                    self.count(count);
                }
                let depth = self.depth;
                if depth >= MAX_DEPTH {
                    return Err(unsound());
                }
                self.depth += 1;
                for index in 0..count {
                    self.indices[depth] = index;
                    let own = at.iter().find(|each: &&At<EncodeStep>| each.index == index);
                    self.run(own.map_or(steps, |own| &own.steps))?;
                }
                self.depth = depth;
            }
        }
        Ok(())
    }
}

impl<'s> Encoder<'s> {
    fn part(&self, offset: usize, strides: &[usize], bytes: usize) -> Result<&'s [u8], CodecError> {
        let start = further(offset, strides, &self.indices[..self.depth]);
        let end = start.checked_add(bytes).ok_or_else(unsound)?;
        self.slot.get(start..end).ok_or_else(unsound)
    }

    /// Makes room for numbers, aligned; none have no alignment either. Returns where they begin.
    fn reserve(&mut self, kind: Primitive, count: usize) -> usize {
        if count == 0 {
            return self.out.len();
        }
        let start = HEADER + (self.out.len() - HEADER).next_multiple_of(kind.bytes());
        self.out.resize(start + count * kind.bytes(), 0);
        start
    }

    fn put(&mut self, kind: Primitive, number: Number) {
        let start = self.reserve(kind, 1);
        number.store(kind, &mut self.out[start..]);
    }

    /// How many of at most `most` elements there are.
    fn counted(&self, most: usize, counted: Option<&Counted>) -> Result<usize, CodecError> {
        let Some(Counted { from, offset, strides }) = counted else { return Ok(most) };
        let number = Number::fetch(*from, self.part(*offset, strides, from.bytes())?);
        Ok(whole(number).unwrap_or(0).min(most))
    }

    fn text(&mut self, text: &str) {
        self.count(text.len() + 1);
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(0);
    }

    fn count(&mut self, count: usize) {
        self.put(Primitive::U32, Number::Whole(count as i128));
    }

    fn time(&mut self, ns: i64) {
        self.put(Primitive::I32, Number::Whole(ns.div_euclid(1_000_000_000).into()));
        self.put(Primitive::U32, Number::Whole(ns.rem_euclid(1_000_000_000).into()));
    }
}

/// A number as a count or an index: none below 0, the fraction left out.
fn whole(number: Number) -> Option<usize> {
    match number {
        Number::Whole(whole) if whole >= 0 => Some(usize::try_from(whole).unwrap_or(usize::MAX)),
        Number::Single(single) if single > -1.0 => Some(single as usize),
        Number::Real(real) if real > -1.0 => Some(real as usize),
        _ => None,
    }
}

fn constant(value: &ConstantValue) -> Result<Number, CodecError> {
    match value {
        ConstantValue::Real(real) => Ok(Number::Real(*real)),
        ConstantValue::Text(text) => text
            .parse()
            .map(Number::Whole)
            .or_else(|_| text.parse().map(Number::Real))
            .map_err(|_| CodecError::Plan("has a constant that is not a number".to_owned())),
    }
}
