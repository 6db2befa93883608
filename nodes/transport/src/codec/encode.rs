//! Interprets encode plans: a slot to CDR bytes, little-endian.

use super::error::CodecError;
use super::number::{Number, Primitive, convert};
use super::plan::{At, ConstantValue, EncodePlan, EncodeStep, MAX_DEPTH, further};
use super::reader::HEADER;

impl EncodePlan {
    /// Encodes a slot of `slot_bytes` bytes, stamped with a logical time.
    pub fn encode(&self, slot: &[u8], stamp_ns: i64) -> Result<Vec<u8>, CodecError> {
        if slot.len() != self.slot_bytes {
            return Err(CodecError::Plan(format!("the slot has {} bytes, not {}", slot.len(), self.slot_bytes)));
        }
        let mut out = Vec::with_capacity(HEADER + self.most_bytes);
        out.extend_from_slice(&[0, 1, 0, 0]);
        let mut encoder = Encoder { out, slot, stamp_ns, indices: [0; MAX_DEPTH], depth: 0 };
        encoder.run(&self.steps)?;
        Ok(encoder.out)
    }
}

struct Encoder<'s> {
    out: Vec<u8>,
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
            EncodeStep::String { wide: false, value } => {
                self.count(value.len() + 1);
                self.out.extend_from_slice(value.as_bytes());
                self.out.push(0);
            }
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
            EncodeStep::Array { from, r#type, count, prefix, offset, strides } => {
                let part = self.part(*offset, strides, count.checked_mul(from.bytes()).ok_or_else(unsound)?)?;
                if *prefix {
                    self.count(*count);
                }
                let start = self.reserve(*r#type, *count);
                convert(*from, false, part, *r#type, &mut self.out[start..]);
            }
            EncodeStep::List { count, prefix, at, steps } => {
                if *prefix {
                    self.count(*count);
                }
                let depth = self.depth;
                if depth >= MAX_DEPTH {
                    return Err(unsound());
                }
                self.depth += 1;
                for index in 0..*count {
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

    fn count(&mut self, count: usize) {
        self.put(Primitive::U32, Number::Whole(count as i128));
    }

    fn time(&mut self, ns: i64) {
        self.put(Primitive::I32, Number::Whole(ns.div_euclid(1_000_000_000).into()));
        self.put(Primitive::U32, Number::Whole(ns.rem_euclid(1_000_000_000).into()));
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
