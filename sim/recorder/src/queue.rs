//! What waits to be written, in its order: records of the executive, and what pipelines have published.

use crate::recording::Recording;

#[derive(Clone, Copy)]
enum Entry {
    /// Whole records, so many bytes of them.
    Records(usize),
    Sent {
        publication: usize,
        time: i64,
        bytes: usize,
    },
}

/// A part of a queue.
pub enum Waiting<'a> {
    Records(&'a [u8]),
    Sent { publication: usize, time: i64, bytes: &'a [u8] },
}

#[derive(Default)]
pub struct Queue {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Queue {
    pub fn records(&mut self, records: &[u8]) {
        self.bytes.extend_from_slice(records);
        match self.entries.last_mut() {
            Some(Entry::Records(bytes)) => *bytes += records.len(),
            _ => self.entries.push(Entry::Records(records.len())),
        }
    }

    pub fn send(&mut self, publication: usize, time: i64, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.entries.push(Entry::Sent { publication, time, bytes: bytes.len() });
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    pub fn parts(&self) -> impl Iterator<Item = Waiting<'_>> {
        let mut at = 0;
        self.entries.iter().map(move |entry| {
            let length = match entry {
                Entry::Records(bytes) | Entry::Sent { bytes, .. } => *bytes,
            };
            let bytes = &self.bytes[at..at + length];
            at += length;
            match *entry {
                Entry::Records(_) => Waiting::Records(bytes),
                Entry::Sent { publication, time, .. } => Waiting::Sent { publication, time, bytes },
            }
        })
    }

    /// Writes everything to a file.
    pub fn write_to(&self, recording: &mut Recording) {
        for part in self.parts() {
            match part {
                Waiting::Records(bytes) => recording.add(bytes),
                Waiting::Sent { publication, time, bytes } => recording.send(publication, time, bytes),
            }
        }
    }
}
