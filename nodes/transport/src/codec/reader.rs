//! Reads CDR, every bound checked.

use super::error::CodecError;
use super::number::{Number, Primitive};

pub const HEADER: usize = 4;

/// A place in a message's bytes.
pub struct Reader<'a> {
    message: &'a str,
    body: &'a [u8],
    at: usize,
    pub big_endian: bool,
}

impl<'a> Reader<'a> {
    /// `message` is the type's name, for errors.
    pub fn new(message: &'a str, bytes: &'a [u8]) -> Result<Self, CodecError> {
        let Some((header, body)) = bytes.split_at_checked(HEADER) else {
            let (message, path) = (message.to_owned(), "header".to_owned());
            return Err(CodecError::Truncated { message, path, length: bytes.len() });
        };
        let big_endian = match header[..2] {
            [0, 0] => true,
            [0, 1] => false,
            _ => return Err(CodecError::Header { message: message.to_owned(), header: header.to_vec() }),
        };
        Ok(Self { message, body, at: 0, big_endian })
    }

    pub fn message(&self) -> &'a str {
        self.message
    }

    pub fn value(&self, path: &str, found: String, expected: String) -> CodecError {
        CodecError::Value { message: self.message.to_owned(), path: path.to_owned(), found, expected }
    }

    pub fn wrong_length(&self, path: &str, found: String, expected: String) -> CodecError {
        CodecError::Length { message: self.message.to_owned(), path: path.to_owned(), found, expected }
    }

    pub fn name(&self, path: &str, found: &'static str, wanted: &str) -> CodecError {
        let (message, path) = (self.message.to_owned(), path.to_owned());
        CodecError::Name { message, path, found, wanted: wanted.to_owned() }
    }

    pub fn take(&mut self, count: usize, path: &str) -> Result<&'a [u8], CodecError> {
        let taken = self.at.checked_add(count).and_then(|end| self.body.get(self.at..end));
        let Some(taken) = taken else {
            let length = self.body.len() + HEADER;
            return Err(CodecError::Truncated { message: self.message.to_owned(), path: path.to_owned(), length });
        };
        self.at += count;
        Ok(taken)
    }

    /// The bytes of `count` numbers; none have no alignment either.
    pub fn numbers(&mut self, kind: Primitive, count: usize, path: &str) -> Result<&'a [u8], CodecError> {
        if count == 0 {
            return Ok(&[]);
        }
        self.at = self.at.next_multiple_of(kind.bytes());
        // A product that overflows is more than any message has.
        self.take(count.saturating_mul(kind.bytes()), path)
    }

    pub fn number(&mut self, kind: Primitive, path: &str) -> Result<Number, CodecError> {
        let taken = self.numbers(kind, 1, path)?;
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..taken.len()];
        bytes.copy_from_slice(taken);
        if self.big_endian {
            bytes.reverse();
        }
        Ok(Number::fetch(kind, bytes))
    }

    pub fn length(&mut self, path: &str) -> Result<usize, CodecError> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.numbers(Primitive::U32, 1, path)?);
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) } as usize)
    }

    /// A string's bytes without its terminator; an empty string may come without one.
    pub fn string(&mut self, path: &str) -> Result<&'a [u8], CodecError> {
        let length = self.length(path)?;
        let bytes = self.take(length, path)?;
        Ok(bytes.strip_suffix(&[0]).unwrap_or(bytes))
    }
}
