//! zstd as recorders use it: for single messages, and for whole files.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use napi::bindgen_prelude::{AsyncTask, Buffer, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use crate::{failure, guarded};

fn damaged(why: impl std::fmt::Display) -> napi::Error {
    failure(format!("error[log/zstd]: {why}"))
}

/// Passes what each frame of `source` holds to `out`, at most `most` bytes in all.
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
        let written = std::io::copy(&mut decoder.take(left.saturating_add(1)), out).map_err(damaged)?;
        if written > left {
            return Err(damaged(format!("it inflates to more than {most} bytes")));
        }
        left -= written;
    }
    Ok(())
}

/// What one compressed message holds. Throws `log/zstd`.
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

/// Writes what a compressed file holds to a new file. Rejects with `log/zstd`.
#[napi(ts_return_type = "Promise<void>")]
pub fn inflate_file(from: String, to: String) -> AsyncTask<InflateFile> {
    AsyncTask::new(InflateFile { from, to })
}
