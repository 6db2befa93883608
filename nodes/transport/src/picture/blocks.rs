//! What the coded data of one block may be, in sequential and progressive scans (ITU-T T.81, Annexes F and G).

use std::ops::RangeInclusive;

use super::PictureError;
use super::scan::corrupt;
use super::tables::{Bits, Huffman};

/// A block of 8-bit samples has coefficients of at most 1024; what a coarse quantisation adds stays below twice that.
const MOST: i32 = 2047;

/// Bits of a quantised coefficient, the first and the others (T.81, F.1.2).
const MOST_BITS: [u8; 2] = [11, 10];

/// What a scan codes: coefficients from `first` to `last`, shifted by `low`; `Later…` scans add one bit to each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sequential,
    FirstDc { low: u8 },
    LaterDc { low: u8 },
    FirstAc { first: usize, last: usize, low: u8 },
    LaterAc { first: usize, last: usize, low: u8 },
}

impl Kind {
    /// From a scan header; none where the header is not a legal one.
    pub fn of(progressive: bool, first: u8, last: u8, bits: u8) -> Option<Self> {
        let (high, low) = (bits >> 4, bits & 15);
        if !progressive {
            return ((first, last, bits) == (0, 63, 0)).then_some(Self::Sequential);
        }
        if low > 13 || (high != 0 && high != low + 1) || last > 63 || first > last || (first == 0 && last != 0) {
            return None;
        }
        let (first, last) = (usize::from(first), usize::from(last));
        Some(match (first, high) {
            (0, 0) => Self::FirstDc { low },
            (0, _) => Self::LaterDc { low },
            (_, 0) => Self::FirstAc { first, last, low },
            _ => Self::LaterAc { first, last, low },
        })
    }

    /// The coefficients it codes, the bits that must have been left for it (none for a first pass) and those it leaves.
    fn effect(self) -> (RangeInclusive<usize>, Option<u8>, u8) {
        match self {
            Self::Sequential => (0..=63, None, 0),
            Self::FirstDc { low } => (0..=0, None, low),
            Self::LaterDc { low } => (0..=0, Some(low + 1), low),
            Self::FirstAc { first, last, low } => (first..=last, None, low),
            Self::LaterAc { first, last, low } => (first..=last, Some(low + 1), low),
        }
    }

    /// Whether it is coded by a table of first coefficients, and by one of others.
    pub const fn tables(self) -> [bool; 2] {
        match self {
            Self::Sequential => [true, true],
            Self::FirstDc { .. } => [true, false],
            Self::LaterDc { .. } => [false, false],
            Self::FirstAc { .. } | Self::LaterAc { .. } => [false, true],
        }
    }

    /// Whether several components may share it.
    pub fn may_interleave(self) -> bool {
        !matches!(self, Self::FirstAc { .. } | Self::LaterAc { .. })
    }
}

/// What later blocks and scans of a component depend on.
pub struct History {
    /// Bits of each coefficient that are still to come; none before its first scan.
    left: [Option<u8>; 64],
    /// The first coefficient of the block before.
    pub prediction: i32,
    /// Progressive: one word a block, whose bit k says that coefficient k is not zero.
    pub known: Vec<u64>,
}

impl History {
    pub const fn new() -> Self {
        Self { left: [None; 64], prediction: 0, known: Vec::new() }
    }

    /// Notes a scan; false where it is out of order.
    pub fn note(&mut self, kind: Kind) -> bool {
        let (range, before, after) = kind.effect();
        // The first coefficient's scan opens a component.
        if *range.start() > 0 && self.left[0].is_none() {
            return false;
        }
        self.left[range].iter_mut().all(|left| left.replace(after) == before)
    }

    /// Whether every bit of every coefficient was coded.
    pub fn complete(&self) -> bool {
        self.left.iter().all(|&left| left == Some(0))
    }
}

/// Reads the blocks of one component in one scan.
pub struct Coder<'t> {
    kind: Kind,
    /// The table of the scan's symbols, and that of the other coefficients in a sequential scan.
    table: Option<&'t Huffman>,
    others: Option<&'t Huffman>,
    steps: &'t [i32; 64],
}

fn in_range(value: i32, step: i32) -> Result<(), PictureError> {
    if (value * step).abs() > MOST { Err(corrupt("a coefficient is out of range")) } else { Ok(()) }
}

fn too_many() -> PictureError {
    corrupt("a block has more coefficients than its scan")
}

/// Blocks to come, this one among them, that a run's symbol and its bits count.
fn run_length(bits: &mut Bits<'_>, exponent: u8) -> Result<u32, PictureError> {
    Ok((1 << exponent) + bits.take(u32::from(exponent))?)
}

impl<'t> Coder<'t> {
    /// None where a table that it needs is missing.
    pub fn new(
        kind: Kind,
        dc: Option<&'t Huffman>,
        ac: Option<&'t Huffman>,
        steps: Option<&'t [i32; 64]>,
    ) -> Option<Self> {
        let (table, others) = match kind {
            Kind::Sequential => (Some(dc?), Some(ac?)),
            Kind::FirstDc { .. } => (Some(dc?), None),
            Kind::LaterDc { .. } => (None, None),
            Kind::FirstAc { .. } | Kind::LaterAc { .. } => (Some(ac?), None),
        };
        Some(Self { kind, table, others, steps: steps? })
    }

    /// Reads block `at`; `run` counts blocks to come that hold nothing new.
    pub fn block(
        &self,
        bits: &mut Bits<'_>,
        history: &mut History,
        at: usize,
        run: &mut u32,
    ) -> Result<(), PictureError> {
        match (self.kind, self.table, self.others) {
            (Kind::Sequential, Some(dc), Some(ac)) => {
                self.first_coefficient(bits, &mut history.prediction, 0, dc)?;
                self.coefficients(bits, ac)
            }
            (Kind::FirstDc { low }, Some(dc), _) => self.first_coefficient(bits, &mut history.prediction, low, dc),
            (Kind::FirstAc { first, last, low }, Some(ac), _) => {
                self.first_pass(bits, &mut history.known[at], run, first, last, low, ac)
            }
            (Kind::LaterAc { first, last, .. }, Some(ac), _) => {
                later_pass(bits, &mut history.known[at], run, first, last, ac)
            }
            _ => bits.take(1).map(|_| ()),
        }
    }

    fn first_coefficient(
        &self,
        bits: &mut Bits<'_>,
        prediction: &mut i32,
        low: u8,
        dc: &Huffman,
    ) -> Result<(), PictureError> {
        let size = bits.symbol(dc)?;
        if size > MOST_BITS[0] {
            return Err(corrupt(format!("a first coefficient has {size} bits")));
        }
        *prediction += bits.value(size)?;
        in_range(*prediction, self.steps[0] << low)
    }

    /// All but the first coefficient of a sequential block.
    fn coefficients(&self, bits: &mut Bits<'_>, ac: &Huffman) -> Result<(), PictureError> {
        let mut at = 1;
        while at < 64 {
            let symbol = bits.symbol(ac)?;
            let (zeros, size) = (usize::from(symbol >> 4), symbol & 15);
            if size == 0 && zeros < 15 {
                // Only 0x00 ends a block here; runs of blocks are of progressive scans.
                return if zeros == 0 { Ok(()) } else { Err(corrupt("a run of empty blocks in a sequential scan")) };
            }
            at += zeros;
            if at > 63 {
                return Err(too_many());
            }
            if size > MOST_BITS[1] {
                return Err(corrupt(format!("a coefficient has {size} bits")));
            }
            in_range(bits.value(size)?, self.steps[at])?;
            at += 1;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn first_pass(
        &self,
        bits: &mut Bits<'_>,
        known: &mut u64,
        run: &mut u32,
        first: usize,
        last: usize,
        low: u8,
        ac: &Huffman,
    ) -> Result<(), PictureError> {
        if *run > 0 {
            *run -= 1;
            return Ok(());
        }
        let mut at = first;
        while at <= last {
            let symbol = bits.symbol(ac)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            if size == 0 && zeros < 15 {
                *run = run_length(bits, zeros)? - 1;
                return Ok(());
            }
            at += usize::from(zeros);
            if at > last {
                return Err(too_many());
            }
            if size + low > MOST_BITS[1] {
                return Err(corrupt(format!("a coefficient has {} bits", size + low)));
            }
            in_range(bits.value(size)? << low, self.steps[at])?;
            if size > 0 {
                *known |= 1 << at;
            }
            at += 1;
        }
        Ok(())
    }
}

fn later_pass(
    bits: &mut Bits<'_>,
    known: &mut u64,
    run: &mut u32,
    first: usize,
    last: usize,
    ac: &Huffman,
) -> Result<(), PictureError> {
    let mut at = first;
    while *run == 0 && at <= last {
        let symbol = bits.symbol(ac)?;
        let (mut zeros, size) = (symbol >> 4, symbol & 15);
        match size {
            0 if zeros < 15 => {
                *run = run_length(bits, zeros)?;
                break;
            }
            0 => {}
            1 => {
                bits.take(1)?;
            }
            _ => return Err(corrupt("a refined coefficient has more than one bit")),
        }
        // Each coefficient that was known takes a bit; the new one stands after `zeros` that stay unknown.
        while at <= last {
            if *known & (1 << at) != 0 {
                bits.take(1)?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            at += 1;
        }
        if at > last {
            return if size == 0 && zeros == 0 { Ok(()) } else { Err(too_many()) };
        }
        if size == 1 {
            *known |= 1 << at;
        }
        at += 1;
    }
    if *run > 0 {
        for later in at..=last {
            if *known & (1 << later) != 0 {
                bits.take(1)?;
            }
        }
        *run -= 1;
    }
    Ok(())
}
