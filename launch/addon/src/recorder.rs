//! `Recorder`: a recording that is written on a thread of its own.

use std::path::Path;
use std::sync::Arc;

use isochron_recorder::{Attachment, Begin, Compression, Ended, Facts, Layout, Names, Recorder as Inner};
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

/// How the file ended: "flushed" (it goes on), "whole", "failed" (then `cut` is to end it), "cut" or "unended"; where the disk failed, its errno.
#[napi(object)]
pub struct RecordingEnd {
    pub kind: String,
    pub errno: Option<i32>,
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
        compression: Option<String>,
    ) -> napi::Result<Self> {
        guarded(|| {
            let layout = Layout::parse(&layout).map_err(failure)?;
            let compression = match compression.as_deref() {
                Some("zstd") => Some(Compression::Zstd),
                Some("lz4") => Some(Compression::Lz4),
                _ => None,
            };
            let attachment = |each: RecordingAttachment| Attachment {
                name: each.name,
                media_type: each.media_type,
                data: each.data.to_vec(),
            };
            let attachments = attachments.into_iter().map(attachment).collect();
            let inner = Inner::create(Path::new(&path), layout, attachments, compression)
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
            let failed = |errno: i32| RecordingEnd { kind: "failed".to_owned(), errno: Some(errno) };
            let ended = |ended: Ended| match ended {
                Ended::Flushed => RecordingEnd { kind: "flushed".to_owned(), errno: None },
                Ended::Whole => RecordingEnd { kind: "whole".to_owned(), errno: None },
                Ended::Failed(errno) => failed(errno),
                Ended::Cut => RecordingEnd { kind: "cut".to_owned(), errno: None },
                Ended::Unended => RecordingEnd { kind: "unended".to_owned(), errno: None },
            };
            Ok(match self.what.take() {
                None => None,
                Some(What::Opened) => self.recorder.opened().map(failed),
                Some(What::Drained) => {
                    self.recorder.drained();
                    self.recorder.failed().map(failed)
                }
                Some(What::Flush) => Some(ended(self.recorder.flush())),
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

/// Records of the log as a recording has them: JSON, each a text.
#[napi]
pub fn logged_records(tasks: Vec<String>, channels: Vec<String>, records: Buffer) -> napi::Result<Vec<String>> {
    guarded(|| isochron_recorder::log::all(&Names { tasks, channels }, &records).map_err(failure))
}
