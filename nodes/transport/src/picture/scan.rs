//! Walks all of a JPEG without making pixels: every segment, every block, every restart (ITU-T T.81).
//!
//! What a decoder would paper over is an error here: blocks that are missing, data left over, coefficients out of range.

use super::blocks::{Coder, History, Kind};
use super::standard::standard;
use super::tables::{Bits, Huffman};
use super::{PictureError, Size};

/// Blocks that may be coded together, one minimum coded unit (T.81, B.2.3).
const MOST_BLOCKS: usize = 10;

/// More scans than any encoder makes: each costs a pass over the picture.
pub const MOST_SCANS: usize = 64;

pub fn corrupt(what: impl Into<String>) -> PictureError {
    PictureError::Corrupt(what.into())
}

fn unsupported(what: impl Into<String>) -> PictureError {
    PictureError::Unsupported(what.into())
}

/// A component of the frame.
struct Component {
    id: u8,
    /// Blocks of one minimum coded unit, across and down.
    inner: [usize; 2],
    /// Blocks that hold samples, and blocks in whole minimum coded units.
    blocks: [usize; 2],
    padded: [usize; 2],
    quantisation: usize,
    history: History,
}

/// The frame header.
struct Frame {
    progressive: bool,
    size: Size,
    components: Vec<Component>,
    units: [usize; 2],
    /// Sampled, and so far coded, as cameras mostly do it.
    usual: bool,
}

/// Reads marker segments one after the other.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    fn truncated() -> PictureError {
        PictureError::Truncated("its data stop before the end-of-image marker".to_owned())
    }

    /// The next marker's code; bytes of 0xff may fill the gap before it.
    fn marker(&mut self) -> Result<u8, PictureError> {
        let start = self.at;
        loop {
            match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xff), Some(0xff)) => self.at += 1,
                (Some(0xff), Some(&code)) if code != 0 => {
                    self.at += 2;
                    return Ok(code);
                }
                (None, _) | (Some(0xff), None) => return Err(Self::truncated()),
                _ => return Err(corrupt(format!("there is no marker at byte {start}"))),
            }
        }
    }

    /// The bytes of a segment with a length.
    fn body(&mut self) -> Result<&'a [u8], PictureError> {
        let [high, low] = *self.bytes.get(self.at..self.at + 2).ok_or_else(Self::truncated)? else {
            return Err(Self::truncated());
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 2 {
            return Err(corrupt(format!("the segment at byte {} has length {length}", self.at)));
        }
        let body = self.bytes.get(self.at + 2..self.at + length).ok_or_else(Self::truncated)?;
        self.at += length;
        Ok(body)
    }
}

/// The frame header of a JPEG whose kind we decode.
fn frame(code: u8, body: &[u8]) -> Result<Frame, PictureError> {
    let progressive = match code {
        0xc0 | 0xc1 => false,
        0xc2 => true,
        0xc3 | 0xc7 | 0xcb | 0xcf => return Err(unsupported("it is a lossless JPEG")),
        0xc9 | 0xca | 0xcd | 0xce => {
            return Err(unsupported("it is a JPEG with arithmetic coding"));
        }
        _ => return Err(unsupported("it is a hierarchical JPEG")),
    };
    let &[bits, h1, h0, w1, w0, count, ref rows @ ..] = body else {
        return Err(corrupt("its frame header is too short"));
    };
    if bits != 8 {
        return Err(unsupported(format!("it is a JPEG of {bits} bits")));
    }
    let size = Size { height: u32::from(u16::from_be_bytes([h1, h0])), width: u32::from(u16::from_be_bytes([w1, w0])) };
    if size.width == 0 {
        return Err(corrupt("its width is 0"));
    }
    if size.height == 0 {
        return Err(unsupported("it is a JPEG whose height comes after its data"));
    }
    if count != 1 && count != 3 {
        return Err(unsupported(format!("it is a JPEG of {count} components")));
    }
    if rows.len() != 3 * usize::from(count) {
        return Err(corrupt("its frame header has another length than its components take"));
    }
    let rows: Vec<[u8; 3]> = rows.chunks_exact(3).map(|row| [row[0], row[1], row[2]]).collect();
    let factors: Vec<[usize; 2]> =
        rows.iter().map(|[_, factors, _]| [usize::from(factors >> 4), usize::from(factors & 15)]).collect();
    if factors.iter().flatten().any(|factor| !(1..=4).contains(factor)) {
        return Err(corrupt("a sampling factor is not from 1 to 4"));
    }
    let most = [0, 1].map(|axis| factors.iter().map(|pair| pair[axis]).max().unwrap_or(1));
    // No decoder makes one sample and a half of one: libjpeg refuses these too.
    if factors.iter().any(|own| (0..2).any(|axis| most[axis] % own[axis] != 0)) {
        let shown: Vec<String> =
            factors.iter().map(|[horizontal, vertical]| format!("{horizontal}x{vertical}")).collect();
        return Err(unsupported(format!("it is a JPEG with sampling factors {}", shown.join(" "))));
    }
    let usual = match factors.as_slice() {
        [[1, 1] | [2, 2]] => true,
        [luma, [1, 1], [1, 1]] => matches!(luma, [1 | 2 | 4, 1] | [1 | 2, 2]),
        _ => false,
    };
    let pixels = [size.width as usize, size.height as usize];
    let units = [0, 1].map(|axis| pixels[axis].div_ceil(8 * most[axis]));
    let components = rows
        .iter()
        .zip(&factors)
        .map(|(&[id, _, quantisation], &own)| {
            let blocks = [0, 1].map(|axis| (pixels[axis] * own[axis]).div_ceil(most[axis]).div_ceil(8));
            let padded = [0, 1].map(|axis| units[axis] * own[axis]);
            let quantisation = usize::from(quantisation);
            Component { id, inner: own, blocks, padded, quantisation, history: History::new() }
        })
        .collect();
    Ok(Frame { progressive, size, components, units, usual })
}

/// The size in the frame header.
pub fn size(bytes: &[u8]) -> Result<Size, PictureError> {
    let mut segments = Segments { bytes, at: 2 };
    loop {
        match segments.marker()? {
            0xd9 => return Err(corrupt("it ends before its frame header")),
            0xda => return Err(corrupt("its data come before its frame header")),
            0x01 | 0xd0..=0xd8 => return Err(corrupt("a marker stands where none may be")),
            code @ 0xc0..=0xcf if !matches!(code, 0xc4 | 0xc8 | 0xcc) => {
                return Ok(frame(code, segments.body()?)?.size);
            }
            _ => {
                segments.body()?;
            }
        }
    }
}

/// All that stands between two scans.
struct Tables {
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// Quantisation steps of each coefficient, in the order of the data.
    steps: [Option<[i32; 64]>; 4],
    restart: usize,
    /// Which of its Huffman tables the picture brings itself, first coefficients' and others'.
    own: [[bool; 4]; 2],
    /// A scan is coded by a standard table that the picture left out.
    left_out: bool,
}

impl Tables {
    /// What stands before the first segment: the standard Huffman tables, which cameras leave out (motion JPEG).
    fn new() -> Result<Self, PictureError> {
        let [dc, ac] = standard()?;
        Ok(Self { dc, ac, steps: [None; 4], restart: 0, own: [[false; 4]; 2], left_out: false })
    }

    fn huffman(&mut self, mut body: &[u8]) -> Result<(), PictureError> {
        while let [head, rest @ ..] = body {
            let short = || corrupt("a Huffman table is too short");
            let counts: &[u8; 16] = rest.first_chunk().ok_or_else(short)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
            let symbols = rest.get(16..16 + total).ok_or_else(short)?;
            let table = Huffman::new(counts, symbols)?;
            let (class, number) = (usize::from(head >> 4), usize::from(head & 15));
            let place = match class {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(corrupt("a Huffman table is of no known class")),
            };
            *place.get_mut(number).ok_or_else(|| corrupt("a Huffman table has a number above 3"))? = Some(table);
            self.own[class][number] = true;
            body = &rest[16 + total..];
        }
        Ok(())
    }

    /// The steps of 8-bit pictures have 8 bits.
    fn quantisation(&mut self, mut body: &[u8]) -> Result<(), PictureError> {
        while let [head, rest @ ..] = body {
            if head >> 4 != 0 {
                return Err(unsupported("it is a JPEG with 16-bit quantisation"));
            }
            let steps: &[u8; 64] = rest.first_chunk().ok_or_else(|| corrupt("a quantisation table is too short"))?;
            match self.steps.get_mut(usize::from(head & 15)) {
                Some(place) if !steps.contains(&0) => *place = Some(steps.map(i32::from)),
                _ => return Err(corrupt("a quantisation table is wrong")),
            }
            body = &rest[64..];
        }
        Ok(())
    }
}

/// What the walk found out.
pub struct Checked {
    /// The offset after the end-of-image marker.
    pub end: usize,
    /// The components are red, green and blue, not luma and two differences of colour.
    pub rgb: bool,
    /// There is one component.
    pub grey: bool,
    /// Sampled and coded as cameras mostly do it.
    pub usual: bool,
    /// Standard Huffman tables were left out.
    pub tables_left_out: bool,
}

/// The transform in an Adobe segment.
fn adobe(body: &[u8]) -> Option<u8> {
    body.starts_with(b"Adobe").then(|| body.get(11).copied()).flatten()
}

/// Whether the components are red, green and blue, as libjpeg tells it; what tells both ways is refused.
fn is_rgb(frame: &Frame, jfif: bool, adobe: Option<u8>) -> Result<bool, PictureError> {
    if frame.components.len() == 1 {
        return Ok(false);
    }
    let named = frame.components.iter().map(|component| component.id).eq(*b"RGB");
    match (adobe, jfif) {
        (None, _) => Ok(named),
        (Some(0), false) => Ok(true),
        (Some(1), _) if !named => Ok(false),
        _ => Err(unsupported("its colours are described in two ways that do not fit")),
    }
}

/// Checks everything up to the end-of-image marker.
pub fn check(bytes: &[u8]) -> Result<Checked, PictureError> {
    let mut segments = Segments { bytes, at: 2 };
    let mut tables = Tables::new()?;
    let mut found: Option<Frame> = None;
    let (mut scans, mut jfif, mut transform) = (0, false, None);
    loop {
        match segments.marker()? {
            0xd9 => break,
            0xc4 => tables.huffman(segments.body()?)?,
            0xdb => tables.quantisation(segments.body()?)?,
            0xdd => {
                let &[high, low] = segments.body()? else {
                    return Err(corrupt("its restart interval has no two bytes"));
                };
                tables.restart = usize::from(u16::from_be_bytes([high, low]));
            }
            0xda => {
                scans += 1;
                if scans > MOST_SCANS {
                    return Err(unsupported(format!("it has more than {MOST_SCANS} scans")));
                }
                let frame = found.as_mut().ok_or_else(|| corrupt("its data come before its frame header"))?;
                let header = segments.body()?;
                segments.at = scan(bytes, segments.at, header, frame, &mut tables)?;
            }
            0xe0 => jfif |= segments.body()?.starts_with(b"JFIF\0"),
            0xee => transform = adobe(segments.body()?).or(transform),
            0xcc => return Err(unsupported("it is a JPEG with arithmetic coding")),
            0xdc | 0xde | 0xdf => {
                return Err(unsupported("it is a hierarchical JPEG, or one with a late height"));
            }
            0x01 | 0xd0..=0xd8 => return Err(corrupt("a marker stands where none may be")),
            code @ 0xc0..=0xcf if code != 0xc8 => {
                if found.is_some() {
                    return Err(corrupt("it has two frame headers"));
                }
                found = Some(frame(code, segments.body()?)?);
            }
            _ => {
                segments.body()?;
            }
        }
    }
    let frame = found.ok_or_else(|| corrupt("it ends before its frame header"))?;
    if !frame.components.iter().all(|component| component.history.complete()) {
        return Err(corrupt("its last scans are missing"));
    }
    let rgb = is_rgb(&frame, jfif, transform)?;
    // What follows is no part of the picture: padding, a second one, a maker's notes, or what a buffer held before.
    Ok(Checked {
        end: segments.at,
        rgb,
        grey: frame.components.len() == 1,
        usual: frame.usual,
        tables_left_out: tables.left_out,
    })
}

/// A component in a scan, with what its blocks are coded by.
struct Member<'t> {
    component: usize,
    coder: Coder<'t>,
}

/// Checks one scan; the offset of the marker after it.
fn scan(bytes: &[u8], at: usize, header: &[u8], frame: &mut Frame, tables: &mut Tables) -> Result<usize, PictureError> {
    let wrong = || corrupt("a scan header is wrong");
    let (&count, rest) = header.split_first().ok_or_else(wrong)?;
    let (rows, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or_else(wrong)?;
    let &[first, last, bits] = rest else {
        return Err(wrong());
    };
    let kind = Kind::of(frame.progressive, first, last, bits).ok_or_else(wrong)?;
    let mut members: Vec<Member<'_>> = Vec::with_capacity(3);
    for row in rows.chunks_exact(2) {
        let index = frame.components.iter().position(|each| each.id == row[0]).ok_or_else(wrong)?;
        if members.last().is_some_and(|before| before.component >= index) {
            return Err(wrong());
        }
        let component = &mut frame.components[index];
        if !component.history.note(kind) {
            return Err(corrupt("its scans are not in order"));
        }
        if frame.progressive {
            component.history.known.resize(component.padded[0] * component.padded[1], 0);
        }
        let numbers = [row[1] >> 4, row[1] & 15].map(usize::from);
        let used = kind.tables().into_iter().zip(numbers).zip(&tables.own);
        tables.left_out |= used.into_iter().any(|((used, number), own)| used && own.get(number) == Some(&false));
        let dc = tables.dc.get(usize::from(row[1] >> 4)).and_then(Option::as_ref);
        let ac = tables.ac.get(usize::from(row[1] & 15)).and_then(Option::as_ref);
        let steps = tables.steps.get(component.quantisation).and_then(Option::as_ref);
        let coder = Coder::new(kind, dc, ac, steps).ok_or_else(|| corrupt("a scan uses a table that is not there"))?;
        members.push(Member { component: index, coder });
    }
    if members.is_empty() || (members.len() > 1 && !kind.may_interleave()) {
        return Err(wrong());
    }
    let blocks: usize =
        members.iter().map(|member| frame.components[member.component].inner.iter().product::<usize>()).sum();
    if members.len() > 1 && blocks > MOST_BLOCKS {
        return Err(corrupt(format!("{blocks} blocks are coded together")));
    }
    // zune-jpeg 0.5.15 puts the blocks of such pictures in wrong places.
    let subsampled = frame.components.iter().any(|component| component.inner != [1, 1]);
    if !frame.progressive && members.len() < frame.components.len() && (subsampled || members.len() > 1) {
        frame.usual = false;
    }
    let restart = tables.restart;
    walk(Bits::new(bytes, at), frame, &members, restart)
}

/// Every block of a scan, in order; the offset of the marker after it.
fn walk(mut bits: Bits<'_>, frame: &mut Frame, members: &[Member<'_>], restart: usize) -> Result<usize, PictureError> {
    let alone = members.len() == 1;
    let [across, down] = if alone { frame.components[members[0].component].blocks } else { frame.units };
    let bytes = bits.bytes();
    let mut run = 0;
    let (mut until_restart, mut restarts) = (restart, 0_u8);
    for unit in 0..across * down {
        if restart > 0 && until_restart == 0 {
            let at = next_segment(bytes, &mut bits, run)?;
            match bytes.get(at..at + 2) {
                Some(&[0xff, code]) if code == 0xd0 + restarts => bits = Bits::new(bytes, at + 2),
                Some(_) => {
                    return Err(corrupt(format!("there is no restart marker {restarts} at byte {at}")));
                }
                None => return Err(Segments::truncated()),
            }
            restarts = (restarts + 1) % 8;
            until_restart = restart;
            run = 0;
            frame.components.iter_mut().for_each(|component| component.history.prediction = 0);
        }
        until_restart = until_restart.wrapping_sub(1);
        for Member { component, coder } in members {
            let Component { inner, padded, history, .. } = &mut frame.components[*component];
            let [wide, high] = if alone { [1, 1] } else { *inner };
            for within in 0..wide * high {
                let (x, y) = (unit % across * wide + within % wide, unit / across * high + within / wide);
                coder.block(&mut bits, history, y * padded[0] + x, &mut run)?;
            }
        }
    }
    frame.components.iter_mut().for_each(|component| component.history.prediction = 0);
    next_segment(bytes, &mut bits, run)
}

/// Ends a segment, over bytes of 0xff that fill the gap before its marker.
fn next_segment(bytes: &[u8], bits: &mut Bits<'_>, run: u32) -> Result<usize, PictureError> {
    let mut at = bits.end()?;
    if run > 0 {
        return Err(corrupt(format!("a run of empty blocks goes beyond byte {at}")));
    }
    while bytes.get(at..at + 2) == Some(&[0xff, 0xff]) {
        at += 1;
    }
    Ok(at)
}
