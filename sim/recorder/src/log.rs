//! The log of decisions: each record as CDR on its kind's own topic, as `sim/records/logged.ts` reads it.

use isochron_executive::ExecutiveError;
use isochron_executive::records::{self, ADMIT, Fields, HELD};

/// What of a record's field becomes which member of the message.
#[derive(Clone, Copy)]
enum Member {
    /// A number of so many bytes.
    Number(usize),
    Bytes,
    Text,
    Hash,
    Pins,
    /// Of a message as received, which is on its topic: its length, BLAKE3 and CRC-32.
    Sums,
}

/// A field of a record.
#[derive(Clone, Copy)]
struct Field {
    member: Member,
    /// It says when the record counts.
    is_time: bool,
}

/// How records of each kind are written, by the executive's own schema.
pub struct Log {
    /// By the number of the kind.
    kinds: Vec<Vec<Field>>,
}

/// The encapsulation: little-endian CDR, which members are aligned behind.
const HEAD: [u8; 4] = [0, 1, 0, 0];

impl Default for Log {
    fn default() -> Self {
        let mut kinds = Vec::new();
        for line in records::schema().lines() {
            let mut words = line.split(' ');
            let Some(Ok(kind)) = words.next().map(str::parse::<usize>) else { continue };
            let fields = words.skip(1).filter_map(|word| word.split_once(':'));
            let fields = fields.map(|(name, of)| Field {
                member: match of {
                    "u32" => Member::Number(4),
                    "u64" | "i64" => Member::Number(8),
                    "bytes" if kind == usize::from(ADMIT) => Member::Sums,
                    "bytes" => Member::Bytes,
                    "text" => Member::Text,
                    "hash" => Member::Hash,
                    "pins" => Member::Pins,
                    // A flag, or the place of a name in a list.
                    _ => Member::Number(1),
                },
                is_time: of == "i64" && (name == "time" || name == "release"),
            });
            if kinds.len() <= kind {
                kinds.resize_with(kind + 1, Vec::new);
            }
            kinds[kind] = fields.collect();
        }
        Self { kinds }
    }
}

/// Behind the encapsulation members stand at multiples of their size.
fn align(out: &mut Vec<u8>, size: usize) {
    let length = HEAD.len() + (out.len() - HEAD.len()).next_multiple_of(size);
    out.resize(length, 0);
}

fn put(out: &mut Vec<u8>, number: &[u8]) {
    align(out, number.len());
    out.extend_from_slice(number);
}

fn sized(out: &mut Vec<u8>, length: usize) {
    put(out, &(length as u32).to_le_bytes());
}

impl Log {
    /// Replaces what is in `out` by the message of a record; its time, where it has one of its own.
    pub fn write(&self, kind: u8, payload: &[u8], out: &mut Vec<u8>) -> Result<Option<i64>, ExecutiveError> {
        let row = self.kinds.get(usize::from(kind)).filter(|row| !row.is_empty()).ok_or(ExecutiveError::Records(0))?;
        let mut fields = Fields::new(payload);
        let mut time = None;
        out.clear();
        out.extend_from_slice(&HEAD);
        for Field { member, is_time } in row {
            match member {
                Member::Number(1) => put(out, &fields.take::<1>()?),
                Member::Number(4) => put(out, &fields.take::<4>()?),
                Member::Number(_) => {
                    let number = fields.take::<8>()?;
                    if *is_time && time.is_none() {
                        time = Some(i64::from_le_bytes(number));
                    }
                    put(out, &number);
                }
                Member::Bytes => {
                    let bytes = fields.bytes()?;
                    sized(out, bytes.len());
                    out.extend_from_slice(bytes);
                }
                Member::Text => {
                    let text = fields.bytes()?;
                    sized(out, text.len() + 1);
                    out.extend_from_slice(text);
                    out.push(0);
                }
                Member::Hash => out.extend_from_slice(&fields.take::<32>()?),
                Member::Pins => {
                    let count = fields.u32()?;
                    sized(out, count as usize);
                    for _ in 0..count {
                        put(out, &fields.take::<4>()?);
                        put(out, &fields.take::<8>()?);
                        out.push(u8::from(fields.u8()? & HELD == HELD));
                    }
                }
                Member::Sums => {
                    let bytes = fields.bytes()?;
                    put(out, &(bytes.len() as u64).to_le_bytes());
                    out.extend_from_slice(blake3::hash(bytes).as_bytes());
                    put(out, &crc32fast::hash(bytes).to_le_bytes());
                }
            }
        }
        Ok(time)
    }
}

/// The messages of records of the log.
pub fn all(bytes: &[u8]) -> Result<Vec<Vec<u8>>, ExecutiveError> {
    let log = Log::default();
    let mut found = Vec::new();
    for (kind, payload) in records::read_all(bytes)? {
        let mut message = Vec::new();
        log.write(kind, payload, &mut message)?;
        found.push(message);
    }
    Ok(found)
}
