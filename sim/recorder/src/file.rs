//! The file of a recording while it is written: it ends with whole records even where the disk does not take all of it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes that are gathered before they are written.
const GATHERED: usize = 256 << 10;
/// How often what was written is waited for, so that it outlives the machine's power.
const SYNC_TIME: Duration = Duration::from_secs(1);
/// Ends of whole records that are kept in mind, to go back to.
const KEPT_ENDS: usize = 8;

pub struct RecordingFile {
    file: File,
    gathered: Vec<u8>,
    /// With what is gathered.
    position: u64,
    /// The same for who has given the file away.
    size: Arc<AtomicU64>,
    /// Where whole records end on the disk, the newest last.
    ends: VecDeque<u64>,
    synced: Instant,
}

impl RecordingFile {
    /// Fails where the file exists.
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self {
            file,
            gathered: Vec::with_capacity(GATHERED),
            position: 0,
            size: Arc::default(),
            ends: VecDeque::new(),
            synced: Instant::now(),
        })
    }

    /// The file's size, with what is gathered, as long as it is written.
    pub fn size(&self) -> Arc<AtomicU64> {
        self.size.clone()
    }

    /// After a write that failed: cuts what it left.
    pub fn cut_back(&mut self) {
        self.gathered.clear();
        let _best_that_can_be = self.shorten(self.ends.back().copied().unwrap_or(0));
    }

    /// After a write that failed: ends the file with `bytes`; where there is no room even for them, in the place of the last
    /// whole records. False where that does not help either.
    pub fn end_with(&mut self, bytes: &[u8]) -> bool {
        let ends: Vec<u64> = self.ends.iter().rev().copied().collect();
        if ends.iter().any(|end| self.shorten(*end).and_then(|()| self.file.write_all(bytes)).is_ok()) {
            return true;
        }
        self.cut_back();
        false
    }

    /// Waits until the bytes are on the disk.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data()
    }

    fn shorten(&mut self, end: u64) -> Result<()> {
        self.file.set_len(end)?;
        self.position = self.file.seek(SeekFrom::Start(end))?;
        Ok(())
    }

    fn write_gathered(&mut self) -> Result<()> {
        self.file.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}

impl Write for RecordingFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.gathered.len() + bytes.len() > GATHERED {
            self.write_gathered()?;
        }
        if bytes.len() > GATHERED {
            self.file.write_all(bytes)?;
        } else {
            self.gathered.extend_from_slice(bytes);
        }
        self.position += bytes.len() as u64;
        self.size.store(self.position, Ordering::Relaxed);
        Ok(bytes.len())
    }

    /// Called where whole records end.
    fn flush(&mut self) -> Result<()> {
        self.write_gathered()?;
        if self.ends.len() == KEPT_ENDS {
            self.ends.pop_front();
        }
        self.ends.push_back(self.position);
        if self.synced.elapsed() >= SYNC_TIME {
            self.file.sync_data()?;
            self.synced = Instant::now();
        }
        Ok(())
    }
}

/// Tells its position; it goes nowhere.
impl Seek for RecordingFile {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        match to {
            SeekFrom::Current(0) => Ok(self.position),
            _ => Err(Error::new(ErrorKind::Unsupported, "a recording is written in order")),
        }
    }
}
