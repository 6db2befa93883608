//! `Executive`: a schedule with its programs and codecs, run from JavaScript.

use std::sync::Arc;

use isochron_engine::{Artifact, Program};
use isochron_executive::authority::Authority;
use isochron_executive::intake::{Decode, Decoders};
use isochron_executive::job::{Job, MethodJob};
use isochron_executive::live::{LiveExecutive, ThreadHooks};
use isochron_executive::table::{OnOverrun, Table};
use isochron_executive::task::Stall;
use isochron_executive::{VirtualExecutive, records};
use isochron_transport::{DecodePlan, EncodePlan};
use napi::bindgen_prelude::{BigInt, Buffer};
use napi_derive::napi;
use serde::Deserialize;

use crate::{failure, guarded};

/// A stall to inject into every `every`-th job of a task.
#[napi(object)]
pub struct Fault {
    pub task: u32,
    pub every: i64,
    pub duration_ns: i64,
}

#[napi(object)]
pub struct ExecutiveOptions {
    /// The schedule table, as JSON.
    pub table: String,
    /// One artifact per program index.
    pub artifacts: Vec<Buffer>,
    /// Codec plans, as JSON: `{ decode: (plan | null)[], encode: { channel, plan }[] }`.
    pub codecs: String,
    pub faults: Vec<Fault>,
    /// Recorder records that decide verdicts, skips and stalls.
    pub replay: Option<Buffer>,
    pub keyframe_every_ns: Option<i64>,
    /// The target whose code runs instead of the best for this machine.
    pub target: Option<String>,
    /// Real clock and threads instead of virtual time.
    pub live: Option<bool>,
    /// Live runs: ask for SCHED_FIFO.
    pub realtime: Option<bool>,
}

/// A real-time thread; the policy is read back, not assumed.
#[napi(object)]
pub struct Thread {
    pub name: String,
    pub core: u32,
    pub bound: bool,
    pub priority: i32,
    pub policy: String,
}

/// A sample as an observer sees it.
#[napi(object)]
pub struct Observed {
    pub sequence: i64,
    pub time_ns: i64,
    pub held: bool,
    pub bytes: Buffer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodecsJson {
    decode: Vec<Option<serde_json::Value>>,
    encode: Vec<EncodeJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodeJson {
    channel: usize,
    plan: serde_json::Value,
}

/// An output topic: the channel it shows, and the value that stands on it.
struct Output {
    channel: usize,
    plan: EncodePlan,
    last: Option<Vec<u8>>,
}

/// A codec plan as the executive uses it.
struct PlanDecoder(DecodePlan);

impl Decode for PlanDecoder {
    fn decode(&self, raw: &[u8], slot: &mut [u8]) -> Result<(), String> {
        self.0.decode(raw, slot).map_err(|error| error.to_string())
    }
}

struct Codecs {
    decoders: Decoders,
    outputs: Vec<Output>,
}

impl Codecs {
    fn parse(json: &str) -> napi::Result<Self> {
        let parsed: CodecsJson =
            serde_json::from_str(json).map_err(|error| failure(format!("error[codec/plan]: {error}")))?;
        let decoders = parsed
            .decode
            .into_iter()
            .map(|plan| {
                let plan = plan.map(|plan| DecodePlan::parse(&plan.to_string())).transpose()?;
                Ok(plan.map(|plan| Arc::new(PlanDecoder(plan)) as Arc<dyn Decode>))
            })
            .collect::<Result<_, isochron_transport::CodecError>>()
            .map_err(failure)?;
        let outputs = parsed
            .encode
            .into_iter()
            .map(|EncodeJson { channel, plan }| {
                Ok(Output { channel, plan: EncodePlan::parse(&plan.to_string())?, last: None })
            })
            .collect::<Result<_, isochron_transport::CodecError>>()
            .map_err(failure)?;
        Ok(Self { decoders, outputs })
    }
}

/// One executive, in virtual time or on real threads.
enum Inner {
    Virtual(Box<VirtualExecutive>),
    Live(Box<LiveExecutive>),
}

impl Inner {
    fn table(&self) -> &Table {
        match self {
            Self::Virtual(inner) => inner.table(),
            Self::Live(inner) => inner.table(),
        }
    }
}

/// Functions that a preloaded library may define to watch real-time threads (`tests/realtime/shim.c`).
fn thread_hooks() -> ThreadHooks {
    // SAFETY: dlsym searches the libraries that are loaded already; what it finds under these names has these types.
    unsafe {
        let start = libc::dlsym(libc::RTLD_DEFAULT, c"isochron_thread_start".as_ptr());
        let stop = libc::dlsym(libc::RTLD_DEFAULT, c"isochron_thread_stop".as_ptr());
        ThreadHooks {
            start: (!start.is_null()).then(|| {
                std::mem::transmute::<*mut libc::c_void, unsafe extern "C" fn(*const std::ffi::c_char)>(start)
            }),
            stop: (!stop.is_null()).then(|| std::mem::transmute::<*mut libc::c_void, unsafe extern "C" fn()>(stop)),
        }
    }
}

const NOT_LIVE: &str = "error[executive/mode]: this executive is in virtual time\nhelp: create it with live: true";
const NOT_VIRTUAL: &str = "error[executive/mode]: this executive is live; its time passes by itself";

#[napi]
pub struct Executive {
    inner: Inner,
    outputs: Vec<Output>,
    /// The ROS time of logical 0, which stamps are counted from.
    epoch_ns: i64,
}

#[napi]
impl Executive {
    #[napi(constructor)]
    pub fn new(options: ExecutiveOptions) -> napi::Result<Self> {
        guarded(|| {
            let table = Table::parse(&options.table).map_err(failure)?;
            let programs = options
                .artifacts
                .iter()
                .map(|bytes| Program::load(&Artifact::open(bytes)?, options.target.as_deref()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(failure)?;
            let jobs = table
                .tasks
                .iter()
                .map(|task| {
                    let program = programs.get(task.program).ok_or_else(|| {
                        failure(format!(
                            "error[schedule/table]: task \"{}\" names a program that is not there",
                            task.name
                        ))
                    })?;
                    Ok(Box::new(MethodJob::new(program, &task.method).map_err(failure)?) as Box<dyn Job>)
                })
                .collect::<napi::Result<Vec<_>>>()?;
            let stalls: Vec<Stall> = options
                .faults
                .iter()
                .map(|fault| Stall {
                    task: fault.task as usize,
                    every: fault.every.unsigned_abs(),
                    duration_ns: fault.duration_ns,
                })
                .collect();
            let Codecs { decoders, outputs } = Codecs::parse(&options.codecs)?;
            let inner = if options.live == Some(true) {
                let realtime = options.realtime == Some(true);
                let mut live = LiveExecutive::new(table, jobs, &stalls, realtime, thread_hooks()).map_err(failure)?;
                live.decode_with(decoders).map_err(failure)?;
                Inner::Live(Box::new(live))
            } else {
                let authority = options.replay.map(|bytes| Authority::parse(&bytes)).transpose().map_err(failure)?;
                let keyframes = options.keyframe_every_ns.unwrap_or(0);
                let mut executive =
                    VirtualExecutive::new(table, jobs, &stalls, authority, keyframes).map_err(failure)?;
                executive.decode_with(decoders).map_err(failure)?;
                Inner::Virtual(Box::new(executive))
            };
            Ok(Self { inner, outputs, epoch_ns: 0 })
        })
    }

    /// Admits a message, as received, to a channel. Returns its number.
    ///
    /// Live runs tag it with its time, or with now where that is earlier, but later than all that a release has read.
    /// A message that cannot be decoded is recorded as rejected; that is no error.
    #[napi]
    pub fn admit(&mut self, channel: u32, time_ns: i64, bytes: Buffer) -> napi::Result<i64> {
        guarded(|| {
            let id = channel as usize;
            let sequence = match &mut self.inner {
                Inner::Virtual(inner) => inner.receive(id, time_ns, &bytes).map_err(failure)?,
                Inner::Live(inner) => inner.receive(id, time_ns, &bytes).map_err(failure)?,
            };
            Ok(sequence as i64)
        })
    }

    /// Whether a received message is a sample, or will be; null in live runs while it is being decoded.
    #[napi]
    pub fn is_sample(&mut self, channel: u32, number: i64) -> napi::Result<Option<bool>> {
        let (channel, number) = (channel as usize, number.unsigned_abs());
        match &mut self.inner {
            Inner::Virtual(inner) => inner.is_sample(channel, number).map(Some).map_err(failure),
            Inner::Live(inner) => Ok(inner.is_sample(channel, number)),
        }
    }

    /// Virtual time: processes every event with a time up to and including `until`; returns the time up to which all are.
    ///
    /// That is earlier where a message that will stand by `until` on an observed output has become known.
    #[napi]
    pub fn advance(&mut self, until_ns: i64) -> napi::Result<i64> {
        guarded(|| match &mut self.inner {
            Inner::Virtual(inner) => inner.advance(until_ns).map_err(failure),
            Inner::Live(_) => Err(failure(NOT_VIRTUAL)),
        })
    }

    /// Begins or ends an observation of an output's messages; observations are counted.
    #[napi]
    pub fn observe(&mut self, output: u32, on: bool) -> napi::Result<()> {
        guarded(|| {
            let channel = self.output(output)?.channel;
            if let Inner::Virtual(inner) = &mut self.inner {
                inner.observe(channel, on);
            }
            Ok(())
        })
    }

    /// Live: starts the threads.
    #[napi]
    pub fn start(&mut self) -> napi::Result<()> {
        guarded(|| match &mut self.inner {
            Inner::Live(inner) => inner.start().map_err(failure),
            Inner::Virtual(_) => Err(failure(NOT_LIVE)),
        })
    }

    /// Live: logical time now, negative until the run has begun.
    #[napi]
    pub fn now(&self) -> napi::Result<i64> {
        guarded(|| match &self.inner {
            Inner::Live(inner) => Ok(inner.now()),
            Inner::Virtual(_) => Err(failure(NOT_LIVE)),
        })
    }

    /// Says which ROS time logical 0 has, nanoseconds since 1970, before the first message is made: stamps are counted from it.
    #[napi]
    pub fn set_epoch(&mut self, epoch_ns: BigInt) -> napi::Result<()> {
        let (epoch_ns, lossless) = epoch_ns.get_i64();
        if !lossless {
            return Err(failure("error[executive/epoch]: an epoch is nanoseconds since 1970, in 64 bits"));
        }
        self.epoch_ns = epoch_ns;
        Ok(())
    }

    /// Live: the time of the system's clock at logical 0, nanoseconds since 1970, as that clock has it now. It changes where
    /// the clock is stepped.
    #[napi]
    pub fn clock_at_zero(&self) -> napi::Result<BigInt> {
        guarded(|| match &self.inner {
            Inner::Live(inner) => Ok(BigInt::from(clock_minus(|| inner.now()))),
            Inner::Virtual(_) => Err(failure(NOT_LIVE)),
        })
    }

    /// Live: ends the run after running jobs; returns the logical time at which it ended.
    #[napi]
    pub fn stop(&mut self) -> napi::Result<i64> {
        guarded(|| {
            let Inner::Live(inner) = &mut self.inner else { return Err(failure(NOT_LIVE)) };
            Ok(inner.stop())
        })
    }

    /// Live: throws where a job has ended with a fault, or a thread has broken off.
    #[napi]
    pub fn check_jobs(&self) -> napi::Result<()> {
        guarded(|| match &self.inner {
            Inner::Live(inner) => inner.check().map_err(failure),
            Inner::Virtual(_) => Err(failure(NOT_LIVE)),
        })
    }

    /// Live: when the first job that ended with a fault was released.
    #[napi]
    pub fn faulted_ns(&self) -> napi::Result<Option<i64>> {
        guarded(|| {
            Ok(match &self.inner {
                Inner::Live(inner) => inner.fault().map(|fault| fault.release),
                Inner::Virtual(_) => None,
            })
        })
    }

    /// Live: the threads with the policy in force.
    #[napi]
    pub fn threads(&self) -> napi::Result<Vec<Thread>> {
        guarded(|| {
            let Inner::Live(inner) = &self.inner else { return Ok(Vec::new()) };
            let threads = inner.threads().into_iter().map(|thread| Thread {
                name: thread.name,
                core: thread.core as u32,
                bound: thread.bound,
                priority: thread.priority,
                policy: thread.policy.to_owned(),
            });
            Ok(threads.collect())
        })
    }

    /// Live: whether the memory that the threads use was locked.
    #[napi]
    pub fn memory_locked(&self) -> napi::Result<bool> {
        guarded(|| Ok(matches!(&self.inner, Inner::Live(inner) if inner.memory_locked())))
    }

    /// The newest message of an output with a tag not after `time`; null before the first.
    #[napi]
    pub fn latest_message(&self, output: u32, time_ns: i64) -> napi::Result<Option<Observed>> {
        guarded(|| {
            let output = self.output(output)?;
            let (sequence, time, held, bytes) = match &self.inner {
                Inner::Virtual(inner) => {
                    let sample = inner.latest(output.channel, time_ns);
                    (sample.sequence, sample.time, sample.held, sample.bytes)
                }
                Inner::Live(inner) => {
                    let sample = inner.latest(output.channel, time_ns);
                    (sample.sequence, sample.time, false, sample.bytes)
                }
            };
            if sequence == 0 {
                return Ok(None);
            }
            let bytes = output.plan.encode(&bytes, self.epoch_ns.saturating_add(time)).map_err(failure)?;
            Ok(Some(Observed { sequence: sequence as i64, time_ns: time, held, bytes: bytes.into() }))
        })
    }

    /// The records since the last call, with the messages of the outputs among them.
    #[napi]
    pub fn drain(&mut self) -> napi::Result<Buffer> {
        guarded(|| {
            let bytes = match &mut self.inner {
                Inner::Virtual(inner) => inner.drain(),
                Inner::Live(inner) => inner.drain(),
            };
            if self.outputs.is_empty() {
                return Ok(bytes.into());
            }
            self.with_messages(&bytes).map(Into::into).map_err(failure)
        })
    }

    /// Kernels called since the start.
    #[napi]
    pub fn kernel_calls(&self) -> napi::Result<i64> {
        guarded(|| {
            Ok({
                match &self.inner {
                    Inner::Virtual(inner) => inner.kernel_calls() as i64,
                    Inner::Live(inner) => inner.kernel_calls() as i64,
                }
            })
        })
    }

    /// BLAKE3 over the tasks' hash chains.
    #[napi]
    pub fn hash(&self) -> napi::Result<String> {
        guarded(|| {
            Ok({
                match &self.inner {
                    Inner::Virtual(inner) => inner.hash(),
                    Inner::Live(inner) => inner.hash(),
                }
            })
        })
    }
}

impl Executive {
    fn output(&self, output: u32) -> napi::Result<&Output> {
        self.outputs
            .get(output as usize)
            .ok_or_else(|| failure(format!("error[schedule/output]: there is no output {output}")))
    }

    /// Adds a message record behind each record by which an output's value comes to stand.
    fn with_messages(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let mut out = records::Writer::default();
        for (kind, payload) in records::read_all(bytes).map_err(|error| text(&error))? {
            out.copy(kind, payload);
            let Some(standing) = self.standing(kind, payload).map_err(|error| text(&error))? else { continue };
            let stamp = self.epoch_ns.saturating_add(standing.time);
            for (id, output) in self.outputs.iter_mut().enumerate() {
                if output.channel != standing.channel {
                    continue;
                }
                if let Some(value) = standing.value {
                    output.last = Some(value.to_vec());
                }
                let Some(value) = &output.last else { continue };
                let message = output.plan.encode(value, stamp).map_err(|error| text(&error))?;
                out.message(id as u32, standing.task, standing.job, standing.time, &message);
            }
        }
        Ok(out.take())
    }

    /// What a record makes stand on a task's channel: a new value, or under `hold` the previous one again.
    fn standing<'a>(
        &self,
        kind: u8,
        payload: &'a [u8],
    ) -> Result<Option<Standing<'a>>, isochron_executive::ExecutiveError> {
        let mut fields = records::Fields::new(payload);
        if kind == records::OUTPUT {
            let (task, job, channel) = (fields.u32()?, fields.u64()?, fields.u32()? as usize);
            fields.u64()?;
            let time = fields.time()?;
            return Ok(Some(Standing { task, job, channel, time, value: Some(fields.bytes()?) }));
        }
        if kind != records::VERDICT && kind != records::SKIPPED {
            return Ok(None);
        }
        let (task, job, time, code) = (fields.u32()?, fields.u64()?, fields.time()?, fields.u8()?);
        let Some(row) = self.inner.table().tasks.get(task as usize) else { return Ok(None) };
        if row.on_overrun != OnOverrun::Hold {
            return Ok(None);
        }
        let (channel, value) = (row.output, None);
        Ok(match (kind, code) {
            (records::VERDICT, 1) => Some(Standing { task, job, channel, time, value }),
            (records::SKIPPED, 0 | 3 | 4) => Some(Standing { task, job, channel, time: time + row.let_ns, value }),
            _ => None,
        })
    }
}

/// How far the system's clock is ahead of another, both read as closely together as a few tries allow.
fn clock_minus(other: impl Fn() -> i64) -> i64 {
    let read = || {
        let before = other();
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a live timespec; this clock always exists.
        unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
        let after = other();
        (after - before, time.tv_sec * 1_000_000_000 + time.tv_nsec - before - (after - before) / 2)
    };
    let first = read();
    (0..4).map(|_| read()).fold(first, |best, next| if next.0 < best.0 { next } else { best }).1
}

struct Standing<'a> {
    task: u32,
    job: u64,
    channel: usize,
    time: i64,
    value: Option<&'a [u8]>,
}
