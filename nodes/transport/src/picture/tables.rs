//! Huffman tables and the bits they read, for walking a JPEG's coded data (ITU-T T.81, Annexes C and F).

use super::PictureError;

/// Codes of up to this length are found in one look.
const QUICK: u32 = 9;

/// One Huffman table.
pub struct Huffman {
    /// `length << 8 | symbol` of every code of at most `QUICK` bits; 0 where none begins so.
    quick: [u16; 1 << QUICK],
    /// Per length, one past its last code, aligned to 16 bits.
    limit: [u32; 17],
    /// Per length, what to add to a code to find its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// From the counts of codes of 1 to 16 bits, and the symbols in order.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, PictureError> {
        let mut table = Self { quick: [0; 1 << QUICK], limit: [0; 17], offset: [0; 17], symbols: symbols.to_vec() };
        let (mut code, mut at) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = u32::from(counts[length as usize - 1]);
            table.offset[length as usize] = at as i32 - code as i32;
            for _ in 0..count {
                if length <= QUICK && code < 1 << length {
                    let first = (code << (QUICK - length)) as usize;
                    let entry = (length as u16) << 8 | u16::from(symbols[at]);
                    table.quick[first..first + (1 << (QUICK - length))].fill(entry);
                }
                code += 1;
                at += 1;
            }
            if code > 1 << length {
                return Err(PictureError::Corrupt(format!("a Huffman table has too many codes of {length} bits")));
            }
            table.limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }
}

/// Reads the bits of one entropy-coded segment, which ends at the first marker.
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the top down.
    buffer: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    pub const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, held: 0 }
    }

    /// All of the file that the segment is in.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Fills the buffer as far as the segment goes; beyond it there are zeros, which `held` does not count.
    #[inline]
    fn fill(&mut self) {
        // Four bytes at once where none of them is 0xff: then none is stuffed and no marker begins.
        if self.held <= 32
            && let Some(four) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk)
        {
            let word = u32::from_be_bytes(*four);
            if word & 0x8080_8080 & !word.wrapping_add(0x0101_0101) == 0 {
                self.buffer |= u64::from(word) << (32 - self.held);
                self.held += 32;
                self.at += 4;
                return;
            }
        }
        self.fill_bytes();
    }

    fn fill_bytes(&mut self) {
        while self.held <= 56 {
            match self.bytes.get(self.at) {
                Some(0xff) if self.bytes.get(self.at + 1) == Some(&0) => {
                    self.buffer |= 0xff << (56 - self.held);
                    self.at += 2;
                }
                Some(0xff) | None => return,
                Some(byte) => {
                    self.buffer |= u64::from(*byte) << (56 - self.held);
                    self.at += 1;
                }
            }
            self.held += 8;
        }
    }

    fn missing(&self) -> PictureError {
        if self.at + 1 >= self.bytes.len() {
            PictureError::Truncated("its coded data stop in the middle of a block".to_owned())
        } else {
            PictureError::Corrupt(format!("coded data are missing before byte {}", self.at))
        }
    }

    /// The next `count` bits as a number; at most 16.
    #[inline]
    pub fn take(&mut self, count: u32) -> Result<u32, PictureError> {
        if self.held < count {
            self.fill();
            if self.held < count {
                return Err(self.missing());
            }
        }
        // Two shifts, since a count of 0 would shift by 64.
        let value = (self.buffer >> 1 >> (63 - count)) as u32;
        self.buffer <<= count;
        self.held -= count;
        Ok(value)
    }

    /// The next symbol.
    #[inline]
    pub fn symbol(&mut self, table: &Huffman) -> Result<u8, PictureError> {
        if self.held < 16 {
            self.fill();
        }
        let entry = table.quick[(self.buffer >> (64 - QUICK)) as usize];
        if entry != 0 {
            let length = u32::from(entry >> 8);
            if self.held < length {
                return Err(self.missing());
            }
            self.buffer <<= length;
            self.held -= length;
            return Ok(entry as u8);
        }
        let next = (self.buffer >> 48) as u32;
        for length in QUICK + 1..=16 {
            if next < table.limit[length as usize] {
                let symbol = (next >> (16 - length)) as i32 + table.offset[length as usize];
                self.take(length)?;
                return Ok(table.symbols[symbol as usize]);
            }
        }
        if self.held < 16 {
            return Err(self.missing());
        }
        Err(PictureError::Corrupt(format!("there is no Huffman code {next:016b} (near byte {})", self.at)))
    }

    /// The value of `size` bits that a symbol announced (T.81, F.2.2.1).
    #[inline]
    pub fn value(&mut self, size: u8) -> Result<i32, PictureError> {
        let bits = self.take(u32::from(size))? as i32;
        let negative = size > 0 && bits >> (size - 1) == 0;
        Ok(if negative { bits - (1 << size) + 1 } else { bits })
    }

    /// Ends the segment: where its marker stands, if no more than the padding of the last byte was left over.
    pub fn end(&mut self) -> Result<usize, PictureError> {
        self.fill();
        if self.held >= 8 {
            return Err(PictureError::Corrupt(format!("more coded data than blocks before byte {}", self.at)));
        }
        (self.buffer, self.held) = (0, 0);
        Ok(self.at)
    }
}
