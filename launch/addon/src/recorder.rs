//! `Recorder`: a recording that is written on a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;

use isochron_recorder::{Attachment, Begin, Compression, Ended, Facts, Form, Layout, Options, Recorder as Inner};
use napi::bindgen_prelude::{AsyncTask, BigInt, Buffer};
use napi::{Env, Task};
use napi_derive::napi;

use crate::executive::epoch;
use crate::{failure, guarded};

/// What stands beside the messages.
#[napi(object)]
pub struct RecordingAttachment {
    pub name: String,
    pub media_type: String,
    pub data: Buffer,
}

/// What a recording is kept in: one file unless `split…` or `last…` says otherwise; then the path is that of a folder.
#[napi(object)]
#[derive(Default)]
pub struct RecorderOptions {
    pub compression: Option<String>,
    /// The run's own name.
    pub run: Option<String>,
    pub split_bytes: Option<i64>,
    pub split_ns: Option<i64>,
    pub keep_bytes: Option<i64>,
    pub last_ns: Option<i64>,
    /// Memory that the last of a run may take.
    pub last_bytes: Option<i64>,
}

/// How the file ended: "flushed" (it goes on), "whole", "failed" (then `cut` is to end it), "cut" or "unended"; "saved", with the
/// file's name, or "not saved"; where the disk failed, its errno.
#[napi(object)]
#[derive(Default)]
pub struct RecordingEnd {
    pub kind: String,
    pub errno: Option<i32>,
    pub path: Option<String>,
}

/// What the disk did not take between parts: how often, and how many records.
#[napi(object)]
pub struct RecordingGaps {
    pub count: i64,
    pub records: i64,
}

#[napi]
pub struct Recorder(pub(crate) Arc<Inner>);

#[napi]
impl Recorder {
    /// Makes the file and begins it; `layout` is JSON. Throws the errno, as a text, where the file cannot be made.
    #[napi(constructor)]
    pub fn new(
        path: String,
        layout: String,
        attachments: Vec<RecordingAttachment>,
        options: Option<RecorderOptions>,
    ) -> napi::Result<Self> {
        guarded(|| {
            let layout = Layout::parse(&layout).map_err(failure)?;
            let options = options.unwrap_or_default();
            let compression = match options.compression.as_deref() {
                Some("zstd") => Some(Compression::Zstd),
                Some("lz4") => Some(Compression::Lz4),
                _ => None,
            };
            let path = PathBuf::from(path);
            let form = if let Some(time_ns) = options.last_ns {
                Form::Last { folder: path, time_ns, bytes: options.last_bytes.unwrap_or(i64::MAX) as usize }
            } else if options.split_bytes.is_some() || options.split_ns.is_some() {
                Form::Parts {
                    folder: path,
                    bytes: options.split_bytes.map(|bytes| bytes as u64),
                    time_ns: options.split_ns,
                    keep: options.keep_bytes.map(|bytes| bytes as u64),
                }
            } else {
                Form::Whole(path)
            };
            let options = Options { form, compression, run: options.run.unwrap_or_default() };
            let attachment = |each: RecordingAttachment| Attachment {
                name: each.name,
                media_type: each.media_type,
                data: each.data.to_vec(),
            };
            let attachments = attachments.into_iter().map(attachment).collect();
            let inner = Inner::create(options, layout, attachments)
                .map_err(|error| failure(error.raw_os_error().unwrap_or(5)))?;
            Ok(Self(Arc::new(inner)))
        })
    }

    /// Waits until the file's beginning is written: "failed", with the errno, where it could not be.
    #[napi(ts_return_type = "Promise<RecordingEnd | null>")]
    pub fn opened(&self) -> AsyncTask<Wait> {
        self.wait(What::Opened)
    }

    /// Says which ROS time logical 0 has, nanoseconds since 1970, and whether the run is live; until then records wait.
    #[napi]
    pub fn begin(&self, epoch_ns: BigInt, is_live: bool) -> napi::Result<()> {
        guarded(|| {
            self.0.begin(Begin { epoch_ns: epoch(&epoch_ns)?, is_live });
            Ok(())
        })
    }

    /// Adds records; returns how many bytes wait for the disk now.
    #[napi]
    pub fn add(&self, records: Buffer) -> napi::Result<i64> {
        guarded(|| Ok(self.0.add(&records) as i64))
    }

    /// Adds what a pipeline has published; returns how many bytes wait for the disk now.
    #[napi]
    pub fn send(&self, publication: u32, time_ns: i64, bytes: Buffer) -> napi::Result<i64> {
        guarded(|| Ok(self.0.send(publication as usize, time_ns, &bytes) as i64))
    }

    /// The errno of the disk that took no more.
    #[napi]
    pub fn failed(&self) -> Option<i32> {
        self.0.failed()
    }

    /// Waits until everything that was added is written, or the disk takes no more.
    #[napi(ts_return_type = "Promise<RecordingEnd | null>")]
    pub fn drained(&self) -> AsyncTask<Wait> {
        self.wait(What::Drained)
    }

    /// Writes everything that was added, and waits for it.
    #[napi(ts_return_type = "Promise<RecordingEnd>")]
    pub fn flush(&self) -> AsyncTask<Wait> {
        self.wait(What::Flush)
    }

    /// Writes what the last of the run is, as far as it is kept in memory, to a file of its own: "saved" or "not saved".
    #[napi(ts_return_type = "Promise<RecordingEnd>")]
    pub fn save(&self, reason: String) -> AsyncTask<Wait> {
        self.wait(What::Save(reason))
    }

    /// What the disk did not take between parts.
    #[napi]
    pub fn gaps(&self) -> RecordingGaps {
        let gaps = self.0.gaps();
        RecordingGaps { count: gaps.count as i64, records: gaps.records as i64 }
    }

    /// Ends the file with what the run says.
    #[napi(ts_return_type = "Promise<RecordingEnd>")]
    pub fn finish(&self, facts: Facts) -> AsyncTask<Wait> {
        self.wait(What::Finish(facts))
    }

    /// Ends a file that the disk took no more of.
    #[napi(ts_return_type = "Promise<RecordingEnd>")]
    pub fn cut(&self, facts: Facts) -> AsyncTask<Wait> {
        self.wait(What::Cut(facts))
    }

    /// Closes the file as it is.
    #[napi(ts_return_type = "Promise<RecordingEnd | null>")]
    pub fn close(&self) -> AsyncTask<Wait> {
        self.wait(What::Close)
    }
}

impl Recorder {
    fn wait(&self, what: What) -> AsyncTask<Wait> {
        AsyncTask::new(Wait { recorder: self.0.clone(), what: Some(what) })
    }
}

enum What {
    Opened,
    Drained,
    Flush,
    Save(String),
    Finish(Facts),
    Cut(Facts),
    Close,
}

/// Waits for the recorder's thread, off the event loop.
pub struct Wait {
    recorder: Arc<Inner>,
    what: Option<What>,
}

impl Task for Wait {
    type Output = Option<RecordingEnd>;
    type JsValue = Option<RecordingEnd>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        guarded(|| {
            let end = |kind: &str, errno: Option<i32>| RecordingEnd { kind: kind.to_owned(), errno, path: None };
            let failed = |errno: i32| end("failed", Some(errno));
            let ended = |ended: Ended| match ended {
                Ended::Flushed => end("flushed", None),
                Ended::Whole => end("whole", None),
                Ended::Failed(errno) => failed(errno),
                Ended::Saved(path) => {
                    RecordingEnd { path: Some(path.to_string_lossy().into_owned()), ..end("saved", None) }
                }
                Ended::NotSaved(errno) => end("not saved", Some(errno)),
                Ended::Cut => end("cut", None),
                Ended::Unended => end("unended", None),
            };
            Ok(match self.what.take() {
                None => None,
                Some(What::Opened) => self.recorder.opened().map(failed),
                Some(What::Drained) => {
                    self.recorder.drained();
                    self.recorder.failed().map(failed)
                }
                Some(What::Flush) => Some(ended(self.recorder.flush())),
                Some(What::Save(reason)) => Some(ended(self.recorder.save(&reason))),
                Some(What::Finish(facts)) => Some(ended(self.recorder.finish(facts))),
                Some(What::Cut(facts)) => Some(ended(self.recorder.cut(facts))),
                Some(What::Close) => {
                    self.recorder.close();
                    None
                }
            })
        })
    }

    fn resolve(&mut self, _: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output)
    }
}

/// Records of the log as a recording has them: CDR, each a message.
#[napi]
pub fn logged_records(records: Buffer) -> napi::Result<Vec<Buffer>> {
    guarded(|| {
        let messages = isochron_recorder::log::all(&records).map_err(failure)?;
        Ok(messages.into_iter().map(Buffer::from).collect())
    })
}
