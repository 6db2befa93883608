//! The two kinds of codec plans as JSON has them; parsing checks that interpreting them is safe.

use serde::Deserialize;

use super::check::{check_decode, check_encode};
use super::error::CodecError;
use super::number::Primitive;
use crate::picture::{Encoding, PictureError};

/// Lists within lists, at most.
pub const MAX_DEPTH: usize = 8;
/// Numbers that a plan can keep for later steps.
pub const REGISTERS: usize = 4;
/// Elements, and lists of names, that a plan can find by name.
pub const FOUND: usize = 256;
/// Bytes of the largest slot, and of the longest message that a plan may write.
pub(super) const MAX_BYTES: usize = 1 << 30;

/// Where numbers go in the slot: at `offset`, further by `strides[d]` for each element passed of the d-th enclosing list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Place {
    pub to: Primitive,
    pub offset: usize,
    #[serde(default)]
    pub strides: Vec<usize>,
}

/// A run of a list's elements, and where it goes; `named`, from as many elements further as was found by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Pick {
    pub index: usize,
    pub named: Option<usize>,
    pub count: usize,
    pub to: Primitive,
    pub offset: usize,
    #[serde(default)]
    pub strides: Vec<usize>,
}

/// How many elements a list has: `fixed` many, or as many as its length on the wire says, within limits.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Extent {
    pub fixed: Option<usize>,
    pub least: Option<usize>,
    pub most: Option<usize>,
}

impl Extent {
    /// The most elements that decoding will visit, if that is limited.
    pub(super) fn limit(self) -> Option<usize> {
        self.fixed.or(self.most)
    }
}

/// Steps for one element of a list; `named`, for that one of those behind `index` that was found by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct At<S> {
    pub index: usize,
    pub named: Option<usize>,
    pub steps: Vec<S>,
}

/// One step from a message to a slot; `path` names the message's field in errors.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase", tag = "op")]
pub enum DecodeStep {
    /// Zeroes bytes of the slot that later steps may not reach.
    Clear { offset: usize, bytes: usize },
    /// Passes over numbers.
    Skip { r#type: Primitive, count: usize, path: String },
    /// One number: checked against `expect`, kept for later steps in a register, converted to places.
    Number {
        r#type: Primitive,
        expect: Option<f64>,
        keep: Option<usize>,
        #[serde(default)]
        places: Vec<Place>,
        path: String,
    },
    /// A string of at most `most` bytes (or, wide, characters of four bytes), checked against `expect`; or against how it may
    /// not begin.
    String {
        #[serde(default)]
        wide: bool,
        most: Option<usize>,
        expect: Option<String>,
        never: Option<String>,
        path: String,
    },
    /// Seconds and nanoseconds, as nanoseconds.
    Time { places: Vec<Place>, path: String },
    /// A list of strings of at most `longest` bytes. Its count is found at `first`, and behind it where each of `wanted` stands,
    /// once.
    Names {
        #[serde(default)]
        extent: Extent,
        longest: Option<usize>,
        #[serde(default)]
        counts: Vec<Place>,
        wanted: Vec<String>,
        first: usize,
        path: String,
    },
    /// A list of numbers, of which runs go to places, and the count too; `beside`, as many as the names found there.
    Array {
        r#type: Primitive,
        #[serde(default)]
        extent: Extent,
        beside: Option<usize>,
        #[serde(default)]
        counts: Vec<Place>,
        #[serde(default)]
        picks: Vec<Pick>,
        path: String,
    },
    /// A list of anything else: `steps` for each element, but for the elements `at`; `beside`, as many as the names found there.
    List {
        #[serde(default)]
        extent: Extent,
        beside: Option<usize>,
        #[serde(default)]
        counts: Vec<Place>,
        #[serde(default)]
        at: Vec<At<DecodeStep>>,
        steps: Vec<DecodeStep>,
        path: String,
    },
    /// A sequence of bytes that holds `height` rows of `row` bytes, each row as long as register `step` says; words of
    /// `word` bytes come to be little-endian, register `big_endian` telling how they are.
    Rows { height: usize, row: usize, word: usize, step: usize, big_endian: usize, offset: usize, path: String },
    /// A sequence of bytes that holds a compressed picture.
    Picture { encoding: PictureEncoding, height: u32, width: u32, offset: usize, path: String },
}

/// What a compressed picture becomes, by its name in ROS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PictureEncoding(pub Encoding);

impl TryFrom<String> for PictureEncoding {
    type Error = PictureError;

    fn try_from(name: String) -> Result<Self, PictureError> {
        Encoding::named(&name).map(Self)
    }
}

impl PictureEncoding {
    /// Bytes of a picture, or none where there are too many.
    pub fn bytes(self, height: u32, width: u32) -> Option<usize> {
        (height as usize).checked_mul(width as usize)?.checked_mul(self.0.pixel_bytes())
    }
}

/// From CDR bytes to a slot.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DecodePlan {
    pub(super) message: String,
    pub(super) slot_bytes: usize,
    pub(super) steps: Vec<DecodeStep>,
}

/// One step from a slot to a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase", tag = "op")]
pub enum EncodeStep {
    /// The logical publication time as builtin_interfaces/Time.
    Stamp,
    /// Nanoseconds of the slot, an i64, as seconds and nanoseconds.
    Time {
        offset: usize,
        #[serde(default)]
        strides: Vec<usize>,
    },
    /// The same number `count` times.
    Constant { r#type: Primitive, value: ConstantValue, count: usize },
    String {
        #[serde(default)]
        wide: bool,
        value: String,
    },
    Number {
        from: Primitive,
        r#type: Primitive,
        offset: usize,
        #[serde(default)]
        strides: Vec<usize>,
    },
    /// The text that a number of the slot chooses, from 0; none beyond the last.
    Choice {
        values: Vec<String>,
        from: Primitive,
        offset: usize,
        #[serde(default)]
        strides: Vec<usize>,
    },
    /// `count` numbers that lie together in the slot, or as many of them as `counted` says; `prefix`, their count before them.
    Array {
        from: Primitive,
        r#type: Primitive,
        count: usize,
        counted: Option<Counted>,
        #[serde(default)]
        prefix: bool,
        offset: usize,
        #[serde(default)]
        strides: Vec<usize>,
    },
    /// `count` elements, or as many of them as `counted` says, `steps` for each but the elements `at`; `prefix`, their count
    /// before them.
    List {
        count: usize,
        counted: Option<Counted>,
        #[serde(default)]
        prefix: bool,
        #[serde(default)]
        at: Vec<At<EncodeStep>>,
        steps: Vec<EncodeStep>,
    },
}

/// A number of the slot that says how many there are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Counted {
    pub from: Primitive,
    pub offset: usize,
    #[serde(default)]
    pub strides: Vec<usize>,
}

/// A number; as text where JSON's numbers would not hold it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum ConstantValue {
    Real(f64),
    Text(String),
}

/// From a slot to CDR bytes, little-endian.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EncodePlan {
    pub(super) message: String,
    pub(super) slot_bytes: usize,
    pub(super) steps: Vec<EncodeStep>,
    /// The most bytes that a message can have; found by `parse`.
    #[serde(skip)]
    pub(super) most_bytes: usize,
}

impl DecodePlan {
    /// Parses a plan and checks that every write lies within the slot, and that no loop runs on without reading.
    pub fn parse(json: &str) -> Result<Self, CodecError> {
        let plan: Self = serde_json::from_str(json).map_err(|error| CodecError::Plan(error.to_string()))?;
        let fault = |why: &str| CodecError::Plan(format!("{} {why}", plan.message));
        if plan.slot_bytes > MAX_BYTES {
            return Err(fault("has a slot that is too large"));
        }
        check_decode(&plan.steps, plan.slot_bytes, &mut Vec::new()).map_err(fault)?;
        Ok(plan)
    }

    /// Bytes of the slot that it fills.
    pub const fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }
}

impl EncodePlan {
    /// Parses a plan and checks that every read lies within the slot, and how long its messages can be.
    pub fn parse(json: &str) -> Result<Self, CodecError> {
        let mut plan: Self = serde_json::from_str(json).map_err(|error| CodecError::Plan(error.to_string()))?;
        let bytes = check_encode(&plan.steps, plan.slot_bytes, &mut Vec::new())
            .map_err(|why| CodecError::Plan(format!("{} {why}", plan.message)))?;
        plan.most_bytes = bytes;
        Ok(plan)
    }
}

/// An offset for the elements at `indices` of the enclosing lists; too far is past any slot.
pub(super) fn further(offset: usize, strides: &[usize], indices: &[usize]) -> usize {
    strides.iter().zip(indices).fold(offset, |at, (stride, index)| at.saturating_add(stride.saturating_mul(*index)))
}
