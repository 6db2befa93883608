//! Interprets decode plans: CDR bytes to a slot.

use super::error::CodecError;
use super::number::{Number, Primitive, convert};
use super::plan::{At, DecodePlan, DecodeStep, Extent, FOUND, MAX_DEPTH, Pick, Place, REGISTERS, further};
use super::reader::Reader;
use crate::picture::decode_picture;

impl DecodePlan {
    /// Decodes one message into `slot`, which has `slot_bytes` bytes.
    ///
    /// Every byte of every tensor is written when this succeeds; after an error the slot holds nothing of use.
    pub fn decode(&self, bytes: &[u8], slot: &mut [u8]) -> Result<(), CodecError> {
        if slot.len() != self.slot_bytes {
            return Err(CodecError::Plan(format!("the slot has {} bytes, not {}", slot.len(), self.slot_bytes)));
        }
        let reader = Reader::new(&self.message, bytes)?;
        let (registers, found, indices) = ([0; REGISTERS], [0; FOUND], [0; MAX_DEPTH]);
        Decoder { reader, slot, registers, found, indices, depth: 0 }.run(&self.steps)
    }
}

struct Decoder<'a, 's> {
    reader: Reader<'a>,
    slot: &'s mut [u8],
    registers: [usize; REGISTERS],
    /// How many names lists have, and where those that are wanted stand.
    found: [usize; FOUND],
    /// Of the enclosing lists, outermost first.
    indices: [usize; MAX_DEPTH],
    depth: usize,
}

/// A plan that was not made by `parse` may lead here.
fn unsound() -> CodecError {
    CodecError::Plan("a step reaches outside its slot".to_owned())
}

impl Decoder<'_, '_> {
    fn run(&mut self, steps: &[DecodeStep]) -> Result<(), CodecError> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &DecodeStep) -> Result<(), CodecError> {
        match step {
            DecodeStep::Clear { offset, bytes } => self.part(*offset, *bytes)?.fill(0),
            DecodeStep::Skip { r#type, count, path } => {
                self.reader.numbers(*r#type, *count, path)?;
            }
            DecodeStep::Number { r#type, expect, keep, places, path } => {
                let number = self.reader.number(*r#type, path)?;
                if let Some(expected) = expect
                    && !equal(number, *r#type, *expected)
                {
                    return Err(self.reader.value(path, number.to_string(), expected.to_string()));
                }
                if let Some(register) = keep {
                    self.registers[*register] = match number {
                        Number::Whole(whole) => usize::try_from(whole).unwrap_or(usize::MAX),
                        Number::Single(_) | Number::Real(_) => 0,
                    };
                }
                self.store(number, places)?;
            }
            DecodeStep::String { wide, most, expect, never, path } => {
                self.string(*wide, *most, expect.as_deref(), never.as_deref(), path)?;
            }
            DecodeStep::Time { places, path } => {
                let seconds = self.reader.number(Primitive::I32, path)?;
                let nanoseconds = self.reader.number(Primitive::U32, path)?;
                if let (Number::Whole(seconds), Number::Whole(nanoseconds)) = (seconds, nanoseconds) {
                    self.store(Number::Whole(seconds * 1_000_000_000 + nanoseconds), places)?;
                }
            }
            DecodeStep::Names { extent, longest, counts, wanted, first, path } => {
                let count = self.count(*extent, path)?;
                self.store(Number::Whole(count as i128), counts)?;
                self.names(count, *longest, wanted, *first, path)?;
            }
            DecodeStep::Array { r#type, extent, beside, counts, picks, path } => {
                let count = self.count(*extent, path)?;
                self.expect_beside(count, *beside, path)?;
                self.store(Number::Whole(count as i128), counts)?;
                let bytes = self.reader.numbers(*r#type, count, path)?;
                for pick in picks {
                    self.pick(*r#type, bytes, pick)?;
                }
            }
            DecodeStep::List { extent, beside, counts, at, steps, path } => {
                let count = self.count(*extent, path)?;
                self.expect_beside(count, *beside, path)?;
                self.store(Number::Whole(count as i128), counts)?;
                let depth = self.depth;
                if depth >= MAX_DEPTH {
                    return Err(unsound());
                }
                self.depth += 1;
                for index in 0..count {
                    self.indices[depth] = index;
                    let own = at.iter().find(|each: &&At<DecodeStep>| self.element(each.index, each.named) == index);
                    self.run(own.map_or(steps, |own| &own.steps))?;
                }
                self.depth = depth;
            }
            DecodeStep::Rows { height, row, word, step, big_endian, offset, path } => {
                let step = self.registers[*step];
                let swapped = self.registers[*big_endian] != 0;
                self.rows(*height, *row, *word, step, swapped, *offset, path)?;
            }
            DecodeStep::Picture { encoding, height, width, offset, path } => {
                let length = self.reader.length(path)?;
                let bytes = self.reader.take(length, path)?;
                let size = encoding.bytes(*height, *width).ok_or_else(unsound)?;
                let message = self.reader.message().to_owned();
                let out = self.part(*offset, size)?;
                decode_picture(bytes, encoding.0, *height, *width, out).map_err(|error| CodecError::Picture {
                    message,
                    path: path.clone(),
                    error,
                })?;
            }
        }
        Ok(())
    }

    fn part(&mut self, offset: usize, bytes: usize) -> Result<&mut [u8], CodecError> {
        let end = offset.checked_add(bytes).ok_or_else(unsound)?;
        self.slot.get_mut(offset..end).ok_or_else(unsound)
    }

    fn offset(&self, offset: usize, strides: &[usize]) -> usize {
        further(offset, strides, &self.indices[..self.depth])
    }

    fn store(&mut self, number: Number, places: &[Place]) -> Result<(), CodecError> {
        for place in places {
            let offset = self.offset(place.offset, &place.strides);
            number.store(place.to, self.part(offset, place.to.bytes())?);
        }
        Ok(())
    }

    /// A list's count, held to its limits.
    fn count(&mut self, extent: Extent, path: &str) -> Result<usize, CodecError> {
        if let Some(fixed) = extent.fixed {
            return Ok(fixed);
        }
        let found = self.reader.length(path)?;
        if extent.least.is_some_and(|least| found < least) || extent.most.is_some_and(|most| found > most) {
            let expected = match (extent.least, extent.most) {
                (Some(least), Some(most)) if least == most => format!("{most}"),
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("{least} or more"),
                (None, most) => format!("at most {}", most.unwrap_or(usize::MAX)),
            };
            return Err(self.reader.wrong_length(path, format!("{found} elements"), expected));
        }
        Ok(found)
    }

    /// Finds where the wanted names stand in a list of `count`.
    fn names(
        &mut self,
        count: usize,
        longest: Option<usize>,
        wanted: &[String],
        first: usize,
        path: &str,
    ) -> Result<(), CodecError> {
        const NOWHERE: usize = usize::MAX;
        let end = first.checked_add(1 + wanted.len()).ok_or_else(unsound)?;
        let places = self.found.get_mut(first..end).ok_or_else(unsound)?;
        let (counted, places) = places.split_first_mut().ok_or_else(unsound)?;
        *counted = count;
        places.fill(NOWHERE);
        for index in 0..count {
            let name = self.reader.string(path)?;
            if let Some(longest) = longest
                && name.len() > longest
            {
                return Err(self.reader.wrong_length(
                    path,
                    format!("{} bytes", name.len()),
                    format!("at most {longest}"),
                ));
            }
            // Most senders keep to one order, which often is the one that is asked for.
            let same = |at: &usize| wanted.get(*at).is_some_and(|each| each.as_bytes() == name);
            let Some(at) = Some(index).filter(same).or_else(|| (0..wanted.len()).find(same)) else { continue };
            if places[at] != NOWHERE {
                return Err(self.reader.name(path, "more than one", &wanted[at]));
            }
            places[at] = index;
        }
        match places.iter().position(|place| *place == NOWHERE) {
            Some(missing) => Err(self.reader.name(path, "no", &wanted[missing])),
            None => Ok(()),
        }
    }

    /// Refuses a list that has not as many elements as the names beside it.
    fn expect_beside(&self, count: usize, names: Option<usize>, path: &str) -> Result<(), CodecError> {
        let expected = names.map_or(Ok(count), |at| self.found.get(at).copied().ok_or_else(unsound))?;
        if count == expected {
            return Ok(());
        }
        Err(self.reader.wrong_length(path, format!("{count} elements"), format!("as many as names, {expected}")))
    }

    /// An element's index, counted from one that was found by name.
    fn element(&self, index: usize, named: Option<usize>) -> usize {
        let found = named.map_or(0, |at| self.found.get(at).copied().unwrap_or(usize::MAX));
        index.saturating_add(found)
    }

    /// Copies a run of elements; of those that the message does not have, zeros.
    fn pick(&mut self, from: Primitive, bytes: &[u8], pick: &Pick) -> Result<(), CodecError> {
        let Pick { index, named, count, to, offset, strides } = pick;
        let swapped = self.reader.big_endian;
        let start = self.element(*index, *named).saturating_mul(from.bytes()).min(bytes.len());
        let end = start.saturating_add(count.saturating_mul(from.bytes())).min(bytes.len());
        let source = &bytes[start..end];
        let offset = self.offset(*offset, strides);
        let size = count.checked_mul(to.bytes()).ok_or_else(unsound)?;
        let (out, rest) = self.part(offset, size)?.split_at_mut(source.len() / from.bytes() * to.bytes());
        convert(from, swapped, source, *to, out);
        rest.fill(0);
        Ok(())
    }

    fn string(
        &mut self,
        wide: bool,
        most: Option<usize>,
        expect: Option<&str>,
        never: Option<&str>,
        path: &str,
    ) -> Result<(), CodecError> {
        let (length, unit) = if wide {
            let length = self.reader.length(path)?;
            let bytes = self.reader.take(length.saturating_mul(4), path)?;
            if let Some(expected) = expect {
                self.expect_wide(bytes, expected, path)?;
            }
            (length, "characters")
        } else {
            let bytes = self.reader.string(path)?;
            if let Some(expected) = expect
                && bytes != expected.as_bytes()
            {
                let found = format!("\"{}\"", shortened(&String::from_utf8_lossy(bytes)));
                return Err(self.reader.value(path, found, format!("\"{expected}\"")));
            }
            if let Some(start) = never
                && bytes.starts_with(start.as_bytes())
            {
                let found = format!("\"{}\"", shortened(&String::from_utf8_lossy(bytes)));
                return Err(self.reader.value(path, found, format!("anything but {start}")));
            }
            (bytes.len(), "bytes")
        };
        match most {
            Some(most) if length > most => {
                Err(self.reader.wrong_length(path, format!("{length} {unit}"), format!("at most {most}")))
            }
            _ => Ok(()),
        }
    }

    fn expect_wide(&self, bytes: &[u8], expected: &str, path: &str) -> Result<(), CodecError> {
        let found: String = bytes
            .chunks_exact(4)
            .map(|unit| {
                let unit = [unit[0], unit[1], unit[2], unit[3]];
                let unit = if self.reader.big_endian { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) };
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            })
            .collect();
        if found == expected {
            return Ok(());
        }
        Err(self.reader.value(path, format!("\"{}\"", shortened(&found)), format!("\"{expected}\"")))
    }

    #[expect(clippy::too_many_arguments, reason = "a step's own fields, and two registers")]
    fn rows(
        &mut self,
        height: usize,
        row: usize,
        word: usize,
        step: usize,
        swapped: bool,
        offset: usize,
        path: &str,
    ) -> Result<(), CodecError> {
        let length = self.reader.length(path)?;
        if step < row || step.checked_mul(height) != Some(length) {
            let found = format!("{length} bytes in rows of {step}");
            let expected = format!("{height} rows of at least {row} bytes");
            return Err(self.reader.wrong_length(path, found, expected));
        }
        let bytes = self.reader.take(length, path)?;
        let out = self.part(offset, height.checked_mul(row).ok_or_else(unsound)?)?;
        if row == 0 {
            return Ok(());
        }
        if step == row {
            out.copy_from_slice(bytes);
        } else {
            for (from, to) in bytes.chunks_exact(step).zip(out.chunks_exact_mut(row)) {
                to.copy_from_slice(&from[..row]);
            }
        }
        if swapped && word > 1 {
            out.chunks_exact_mut(word).for_each(<[u8]>::reverse);
        }
        Ok(())
    }
}

/// Whether a number of the wire is the one that a plan names, as the wire's kind holds it.
fn equal(number: Number, kind: Primitive, expected: f64) -> bool {
    let mut bytes = [0; 8];
    let bytes = &mut bytes[..kind.bytes()];
    Number::Real(expected).store(kind, bytes);
    Number::fetch(kind, bytes) == number
}

/// Text from a message, short enough to show.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(40).collect::<String>())
    }
}
