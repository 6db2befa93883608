//! What makes interpreting a plan safe: every place lies within the slot, every loop reads, no message grows without end.

use super::number::Primitive;
use super::plan::{
    At, ConstantValue, Counted, DecodeStep, EncodeStep, Extent, FOUND, MAX_BYTES, MAX_DEPTH, Pick, Place, REGISTERS,
};

/// The slot that the steps of a list are held to: any, where it has no elements.
fn reachable(slot: usize, limit: Option<usize>) -> usize {
    if limit == Some(0) { usize::MAX } else { slot }
}

const OUTSIDE: &str = "reaches outside its slot";
const NOT_FOUND: &str = "looks for more names than there is room for";

/// Whether a list's count or an element that is found by name has a place there.
fn check_found(at: Option<usize>) -> Result<(), &'static str> {
    if at.is_none_or(|at| at < FOUND) { Ok(()) } else { Err(NOT_FOUND) }
}

/// Whether `bytes` at a place lie within the slot, whichever elements of the enclosing lists it is for; `indices` holds
/// the greatest index of each, if there is one.
fn within(
    slot: usize,
    offset: usize,
    strides: &[usize],
    indices: &[Option<usize>],
    bytes: usize,
) -> Result<(), &'static str> {
    if strides.len() > indices.len() {
        return Err("has a stride for a list that is not there");
    }
    let mut end = offset.checked_add(bytes).ok_or(OUTSIDE)?;
    for (stride, greatest) in strides.iter().zip(indices) {
        let greatest =
            if *stride == 0 { 0 } else { greatest.ok_or("writes the elements of a list without a limit")? };
        end = greatest.checked_mul(*stride).and_then(|further| end.checked_add(further)).ok_or(OUTSIDE)?;
    }
    if end <= slot { Ok(()) } else { Err(OUTSIDE) }
}

/// Checks steps; returns the fewest bytes that they read.
pub fn check_decode(
    steps: &[DecodeStep],
    slot: usize,
    indices: &mut Vec<Option<usize>>,
) -> Result<usize, &'static str> {
    let mut fewest = 0_usize;
    for step in steps {
        let all = |places: &[Place], indices: &[Option<usize>]| {
            places.iter().try_for_each(|place| within(slot, place.offset, &place.strides, indices, place.to.bytes()))
        };
        let length = |extent: &Extent, each: usize| match extent.fixed {
            Some(count) => count.saturating_mul(each),
            None => 4,
        };
        let reads = match step {
            DecodeStep::Clear { offset, bytes } => {
                within(slot, *offset, &[], &[], *bytes)?;
                0
            }
            DecodeStep::Skip { r#type, count, .. } => count.saturating_mul(r#type.bytes()),
            DecodeStep::Number { r#type, keep, places, .. } => {
                if keep.is_some_and(|register| register >= REGISTERS) {
                    return Err("keeps more numbers than there are registers");
                }
                all(places, indices)?;
                r#type.bytes()
            }
            DecodeStep::String { .. } => 4,
            DecodeStep::Time { places, .. } => {
                all(places, indices)?;
                8
            }
            DecodeStep::Names { extent, counts, wanted, first, .. } => {
                all(counts, indices)?;
                check_found(Some(first.saturating_add(wanted.len())))?;
                length(extent, 4)
            }
            DecodeStep::Array { r#type, extent, beside, counts, picks, .. } => {
                all(counts, indices)?;
                check_found(*beside)?;
                for Pick { index, named, count, to, offset, strides } in picks {
                    check_found(*named)?;
                    let reached = index.checked_add(*count).ok_or(OUTSIDE)?;
                    if extent.fixed.is_some_and(|fixed| reached > fixed) {
                        return Err("picks elements that an array does not have");
                    }
                    let bytes = count.checked_mul(to.bytes()).ok_or(OUTSIDE)?;
                    within(slot, *offset, strides, indices, bytes)?;
                }
                length(extent, r#type.bytes())
            }
            DecodeStep::List { extent, beside, counts, at, steps, .. } => {
                all(counts, indices)?;
                check_found(*beside)?;
                if indices.len() >= MAX_DEPTH {
                    return Err("has too many lists within lists");
                }
                let last = extent.limit().map(|limit| limit.saturating_sub(1));
                for At { index, named, steps } in at {
                    check_found(*named)?;
                    indices.push(if named.is_some() { last } else { Some(*index) });
                    let checked = check_decode(steps, slot, indices);
                    indices.pop();
                    checked?;
                }
                indices.push(last);
                let each = check_decode(steps, reachable(slot, extent.limit()), indices);
                indices.pop();
                let each = each?;
                if each == 0 {
                    return Err("has a list whose elements have no bytes");
                }
                // Elements with steps of their own may read less.
                if at.is_empty() { length(extent, each) } else { usize::from(extent.fixed.is_none()) * 4 }
            }
            DecodeStep::Rows { height, row, word, step, big_endian, offset, .. } => {
                if *step >= REGISTERS || *big_endian >= REGISTERS {
                    return Err("uses a register that is not there");
                }
                if !matches!(word, 1 | 2 | 4 | 8) || row % word != 0 {
                    return Err("has rows that are not made of whole words");
                }
                within(slot, *offset, &[], &[], height.checked_mul(*row).ok_or(OUTSIDE)?)?;
                4
            }
            DecodeStep::Picture { encoding, height, width, offset, .. } => {
                within(slot, *offset, &[], &[], encoding.bytes(*height, *width).ok_or(OUTSIDE)?)?;
                4
            }
        };
        fewest = fewest.saturating_add(reads);
    }
    Ok(fewest)
}

fn check_counted(slot: usize, counted: Option<&Counted>, indices: &[Option<usize>]) -> Result<(), &'static str> {
    let Some(Counted { from, offset, strides }) = counted else { return Ok(()) };
    within(slot, *offset, strides, indices, from.bytes())
}

/// Checks steps; returns the most bytes that they write, alignment counted as if always at its worst.
pub fn check_encode(
    steps: &[EncodeStep],
    slot: usize,
    indices: &mut Vec<Option<usize>>,
) -> Result<usize, &'static str> {
    const TOO_LONG: &str = "writes messages that are too long";
    let mut most = 0_usize;
    for step in steps {
        let aligned = |kind: Primitive, count: usize| {
            count.checked_mul(kind.bytes()).and_then(|bytes| bytes.checked_add(kind.bytes() - 1)).ok_or(TOO_LONG)
        };
        let writes = match step {
            EncodeStep::Stamp => 11,
            EncodeStep::Time { offset, strides } => {
                within(slot, *offset, strides, indices, 8)?;
                11
            }
            EncodeStep::Constant { r#type, value, count } => {
                if let ConstantValue::Text(text) = value
                    && text.parse::<i128>().is_err()
                    && text.parse::<f64>().is_err()
                {
                    return Err("has a constant that is not a number");
                }
                aligned(*r#type, *count)?
            }
            EncodeStep::String { wide, value } => value
                .len()
                .checked_mul(if *wide { 4 } else { 1 })
                .and_then(|bytes| bytes.checked_add(8))
                .ok_or(TOO_LONG)?,
            EncodeStep::Number { from, r#type, offset, strides } => {
                within(slot, *offset, strides, indices, from.bytes())?;
                aligned(*r#type, 1)?
            }
            EncodeStep::Choice { values, from, offset, strides } => {
                within(slot, *offset, strides, indices, from.bytes())?;
                let longest = values.iter().map(String::len).max().unwrap_or(0);
                longest.checked_add(8).ok_or(TOO_LONG)?
            }
            EncodeStep::Array { from, r#type, count, counted, offset, strides, .. } => {
                check_counted(slot, counted.as_ref(), indices)?;
                within(slot, *offset, strides, indices, count.checked_mul(from.bytes()).ok_or(OUTSIDE)?)?;
                aligned(*r#type, *count)?.checked_add(7).ok_or(TOO_LONG)?
            }
            EncodeStep::List { count, counted, at, steps, .. } => {
                check_counted(slot, counted.as_ref(), indices)?;
                if indices.len() >= MAX_DEPTH {
                    return Err("has too many lists within lists");
                }
                let mut bytes = 7_usize;
                for At { index, steps, .. } in at {
                    indices.push(Some(*index));
                    let each = check_encode(steps, slot, indices);
                    indices.pop();
                    bytes = bytes.checked_add(each?).ok_or(TOO_LONG)?;
                }
                indices.push(Some(count.saturating_sub(1)));
                let each = check_encode(steps, reachable(slot, Some(*count)), indices);
                indices.pop();
                let each = each?;
                if each == 0 {
                    return Err("has a list whose elements have no bytes");
                }
                each.checked_mul(*count).and_then(|all| all.checked_add(bytes)).ok_or(TOO_LONG)?
            }
        };
        most = most.checked_add(writes).filter(|most| *most <= MAX_BYTES).ok_or(TOO_LONG)?;
    }
    Ok(most)
}
