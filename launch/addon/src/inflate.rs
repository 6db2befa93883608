//! Compression as recorders use it: of the chunks of a log, of single messages, of whole files.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use lz4_flex::frame::FrameDecoder;
use napi::bindgen_prelude::{AsyncTask, Buffer, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use crate::{failure, guarded};

fn damaged(why: impl std::fmt::Display) -> napi::Error {
    failure(format!("error[log/inflate]: {why}"))
}

/// Passes what `source` holds to `out`, at most `left` bytes, and returns how many these were.
fn copy(source: impl Read, left: u64, out: &mut impl Write) -> napi::Result<u64> {
    let written = std::io::copy(&mut source.take(left.saturating_add(1)), out).map_err(damaged)?;
    if written > left {
        return Err(damaged("it inflates to more than it may"));
    }
    Ok(written)
}

/// Passes what each zstd frame of `source` holds to `out`, at most `most` bytes in all.
fn inflate(mut source: impl BufRead, most: u64, out: &mut impl Write) -> napi::Result<()> {
    let mut left = most;
    while !source.fill_buf().map_err(damaged)?.is_empty() {
        let decoder = match StreamingDecoder::new(&mut source) {
            Ok(decoder) => decoder,
            // A frame that holds nothing for us: it says how long it is.
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let skipped = std::io::copy(&mut source.by_ref().take(length.into()), &mut std::io::sink());
                if skipped.map_err(damaged)? != u64::from(length) {
                    return Err(damaged("the last frame is not whole"));
                }
                continue;
            }
            Err(error) => return Err(damaged(error)),
        };
        left -= copy(decoder, left, out)?;
    }
    Ok(())
}

/// What a chunk holds that is compressed by "lz4" or "zstd", the names of MCAP. Throws `log/inflate`, also where it is not
/// `size` bytes.
#[napi]
pub fn inflate_chunk(compression: String, bytes: Uint8Array, size: i64) -> napi::Result<Buffer> {
    guarded(|| {
        let size = u64::try_from(size).map_err(damaged)?;
        let mut out = Vec::new();
        match compression.as_str() {
            "lz4" => drop(copy(FrameDecoder::new(bytes.as_ref()), size, &mut out)?),
            "zstd" => inflate(bytes.as_ref(), size, &mut out)?,
            other => return Err(damaged(format!("its compression \"{other}\" is not known"))),
        }
        if out.len() as u64 != size {
            return Err(damaged(format!("it inflates to {} bytes, {size} are recorded", out.len())));
        }
        Ok(out.into())
    })
}

/// What one message holds that is compressed by zstd. Throws `log/inflate`.
#[napi]
pub fn inflate_message(bytes: Uint8Array, most: u32) -> napi::Result<Buffer> {
    guarded(|| {
        let mut out = Vec::new();
        inflate(bytes.as_ref(), most.into(), &mut out)?;
        Ok(out.into())
    })
}

pub struct InflateFile {
    from: String,
    to: String,
}

impl Task for InflateFile {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        guarded(|| {
            let source = File::open(&self.from).map_err(damaged)?;
            let target = OpenOptions::new().write(true).create_new(true).open(&self.to).map_err(damaged)?;
            let mut out = BufWriter::with_capacity(1 << 20, target);
            inflate(BufReader::with_capacity(1 << 20, source), u64::MAX, &mut out)?;
            out.flush().map_err(damaged)
        })
    }

    fn resolve(&mut self, _: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}

/// Writes what a file holds that is compressed by zstd to a new file. Rejects with `log/inflate`.
#[napi(ts_return_type = "Promise<void>")]
pub fn inflate_file(from: String, to: String) -> AsyncTask<InflateFile> {
    AsyncTask::new(InflateFile { from, to })
}
