//! `VirtualExecutive` and `LiveExecutive`: a schedule with its programs and codecs, run from JavaScript.

use std::sync::Arc;

use isochron_engine::{Artifact, Program};
use isochron_executive::authority::Authority;
use isochron_executive::intake::{Decode, Decoders};
use isochron_executive::job::{Job, MethodJob};
use isochron_executive::live::ThreadHooks;
use isochron_executive::outlet::{Departing, Encode, Output};
use isochron_executive::table::Table;
use isochron_executive::task::Stall;
use isochron_executive::{LiveExecutive as Live, Past, VirtualExecutive as Virtual};
use isochron_transport::{CodecError, DecodePlan, EncodePlan};
use napi::bindgen_prelude::{BigInt, Buffer};
use napi_derive::napi;
use serde::Deserialize;

use crate::edge::{Bell, DatagramCarrier, Receiving};
use crate::recorder::Recorder;
use crate::{failure, guarded};

/// A stall to inject into every `every`-th job of a task.
#[napi(object)]
pub struct Fault {
    pub task: u32,
    pub every: i64,
    pub duration_ns: i64,
}

/// What both kinds of executives are made of.
#[napi(object)]
pub struct Application {
    /// The schedule table, as JSON.
    pub table: String,
    /// One artifact per program index.
    pub artifacts: Vec<Buffer>,
    /// Codec plans, as JSON: `{ decode: (plan | null)[], encode: { channel, plan }[] }`.
    pub codecs: String,
    pub faults: Vec<Fault>,
    /// The target whose code runs instead of the best for this machine.
    pub target: Option<String>,
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
    #[serde(default)]
    send: SendJson,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum SendJson {
    #[default]
    Publication,
    Completion,
}

/// A codec plan as the executive uses it.
struct PlanDecoder(DecodePlan);

impl Decode for PlanDecoder {
    fn decode(&self, raw: &[u8], slot: &mut [u8]) -> Result<(), String> {
        self.0.decode(raw, slot).map_err(|error| error.to_string())
    }
}

struct PlanEncoder(EncodePlan);

impl Encode for PlanEncoder {
    fn encode(&self, slot: &[u8], stamp_ns: i64, out: &mut Vec<u8>) -> Result<(), String> {
        self.0.encode_into(slot, stamp_ns, out).map_err(|error| error.to_string())
    }
    fn most_bytes(&self) -> usize {
        self.0.longest()
    }
}

/// An application as executives take it.
struct Parts {
    table: Table,
    jobs: Vec<Box<dyn Job>>,
    stalls: Vec<Stall>,
    decoders: Decoders,
    outputs: Vec<Output>,
}

impl Parts {
    fn of(application: &Application) -> napi::Result<Self> {
        let table = Table::parse(&application.table).map_err(failure)?;
        let programs = application
            .artifacts
            .iter()
            .map(|bytes| Program::load(&Artifact::open(bytes)?, application.target.as_deref()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failure)?;
        let jobs = table
            .tasks
            .iter()
            .map(|task| {
                let program = programs.get(task.program).ok_or_else(|| {
                    failure(format!("error[schedule/table]: task \"{}\" names a program that is not there", task.name))
                })?;
                Ok(Box::new(MethodJob::new(program, &task.method).map_err(failure)?) as Box<dyn Job>)
            })
            .collect::<napi::Result<Vec<_>>>()?;
        let stall = |fault: &Fault| Stall {
            task: fault.task as usize,
            every: fault.every.unsigned_abs(),
            duration_ns: fault.duration_ns,
        };
        let stalls = application.faults.iter().map(stall).collect();
        let codecs: CodecsJson = serde_json::from_str(&application.codecs)
            .map_err(|error| failure(format!("error[codec/plan]: {error}")))?;
        let decoder = |plan: serde_json::Value| {
            Ok(Arc::new(PlanDecoder(DecodePlan::parse(&plan.to_string())?)) as Arc<dyn Decode>)
        };
        let output = |EncodeJson { channel, plan, send }| {
            let encoder = Arc::new(PlanEncoder(EncodePlan::parse(&plan.to_string())?));
            let departing = match send {
                SendJson::Publication => Departing::Publication,
                SendJson::Completion => Departing::Completion,
            };
            Ok(Output { channel, encoder, departing })
        };
        let decoders = codecs.decode.into_iter().map(|plan| plan.map(decoder).transpose());
        let decoders = decoders.collect::<Result<_, CodecError>>().map_err(failure)?;
        let outputs = codecs.encode.into_iter().map(output).collect::<Result<_, CodecError>>().map_err(failure)?;
        Ok(Self { table, jobs, stalls, decoders, outputs })
    }
}

/// An epoch as JavaScript says it.
pub(crate) fn epoch(epoch_ns: &BigInt) -> napi::Result<i64> {
    match epoch_ns.get_i64() {
        (epoch_ns, true) => Ok(epoch_ns),
        _ => Err(failure("error[executive/epoch]: an epoch is nanoseconds since 1970, in 64 bits")),
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

/// A schedule in virtual time, as fast as the machine can.
#[napi]
pub struct VirtualExecutive(Virtual, Option<Past>);

#[napi]
impl VirtualExecutive {
    /// With `replay`, recorder records decide verdicts, skips and stalls.
    #[napi(constructor)]
    pub fn new(application: Application, replay: Option<Buffer>, keyframe_every_ns: Option<i64>) -> napi::Result<Self> {
        guarded(|| {
            let Parts { table, jobs, stalls, decoders, outputs } = Parts::of(&application)?;
            let authority = replay.map(|bytes| Authority::parse(&bytes)).transpose().map_err(failure)?;
            let mut inner =
                Virtual::new(table, jobs, &stalls, authority, keyframe_every_ns.unwrap_or(0)).map_err(failure)?;
            inner.decode_with(decoders).map_err(failure)?;
            inner.encode_with(outputs).map_err(failure)?;
            Ok(Self(inner, None))
        })
    }

    #[napi(getter)]
    pub fn mode(&self) -> &'static str {
        "virtual"
    }

    /// Says which ROS time logical 0 has, nanoseconds since 1970, before the first event: stamps are counted from it.
    #[napi]
    pub fn set_epoch(&mut self, epoch_ns: BigInt) -> napi::Result<()> {
        self.0.set_epoch(epoch(&epoch_ns)?);
        Ok(())
    }

    /// Is told the records of a keyframe, which `resume` goes on from; records of what was before it follow with `remember`.
    #[napi]
    pub fn recall(&mut self, keyframe: Buffer) -> napi::Result<()> {
        guarded(|| {
            self.1 = Some(Past::at(self.0.table(), &keyframe).map_err(failure)?);
            Ok(())
        })
    }

    /// Takes records of what was before the keyframe, those of each task and of each channel in their order.
    #[napi]
    pub fn remember(&mut self, records: Buffer) -> napi::Result<()> {
        guarded(|| {
            let (Some(past), Some(authority)) = (&mut self.1, self.0.authority()) else { return Ok(()) };
            past.take(&records, authority).map_err(failure)
        })
    }

    /// Goes on from the keyframe instead of beginning at 0; throws where records of what was before it are missing.
    #[napi]
    pub fn resume(&mut self) -> napi::Result<()> {
        guarded(|| self.1.take().map_or(Ok(()), |past| self.0.resume(past).map_err(failure)))
    }

    /// Admits a message, as received, to a channel. Returns its number. One that cannot be decoded is recorded as rejected;
    /// that is no error.
    #[napi]
    pub fn admit(&mut self, channel: u32, time_ns: i64, bytes: Buffer) -> napi::Result<i64> {
        guarded(|| Ok(self.0.receive(channel as usize, time_ns, &bytes).map_err(failure)? as i64))
    }

    /// Whether a received message is a sample, or will be; waits for its decoding.
    #[napi]
    pub fn is_sample(&mut self, channel: u32, number: i64) -> napi::Result<bool> {
        guarded(|| self.0.is_sample(channel as usize, number.unsigned_abs()).map_err(failure))
    }

    /// Processes every event with a time up to and including `until`; returns the time up to which all are.
    ///
    /// That is earlier where a message that will stand by `until` on an observed output has become known.
    #[napi]
    pub fn advance(&mut self, until_ns: i64) -> napi::Result<i64> {
        guarded(|| self.0.advance(until_ns).map_err(failure))
    }

    /// Begins or ends an observation of an output's messages; observations are counted.
    #[napi]
    pub fn observe(&mut self, output: u32, on: bool) -> napi::Result<()> {
        guarded(|| self.0.observe(output as usize, on).map_err(failure))
    }

    /// The newest message of an output with a tag not after `time`; null before the first.
    #[napi]
    pub fn latest_message(&self, output: u32, time_ns: i64) -> napi::Result<Option<Observed>> {
        guarded(|| {
            let found = self.0.latest_message(output as usize, time_ns).map_err(failure)?;
            Ok(found.map(|found| Observed {
                sequence: found.sequence as i64,
                time_ns: found.time,
                held: found.held,
                bytes: found.bytes.into(),
            }))
        })
    }

    /// The records since the last call, the messages of the outputs among them.
    #[napi]
    pub fn drain(&mut self) -> napi::Result<Buffer> {
        guarded(|| Ok(self.0.drain().map_err(failure)?.into()))
    }

    /// Kernels called since the start.
    #[napi]
    pub fn kernel_calls(&self) -> napi::Result<i64> {
        guarded(|| Ok(self.0.kernel_calls() as i64))
    }

    /// BLAKE3 over the tasks' hash chains.
    #[napi]
    pub fn hash(&self) -> napi::Result<String> {
        guarded(|| Ok(self.0.hash()))
    }
}

/// A schedule on real threads and the real clock.
#[napi]
pub struct LiveExecutive {
    live: Live,
    /// Per channel that datagrams come to; they end with the run.
    receiving: Vec<(u32, Receiving)>,
    /// What was counted of them.
    received: Vec<Received>,
    bell: Option<Arc<Bell>>,
}

/// What came to a channel as datagrams.
#[napi(object)]
#[derive(Clone)]
pub struct Received {
    pub channel: u32,
    pub received: i64,
    pub too_long: i64,
}

/// How the messages of an output left a live run; times are nanoseconds.
#[napi(object)]
pub struct Departed {
    pub left: i64,
    pub median_ns: i64,
    pub p99_ns: i64,
    pub latest_ns: i64,
    pub latest_at_ns: i64,
    pub unsent: i64,
    pub missed: i64,
}

#[napi]
impl LiveExecutive {
    /// `realtime` asks for SCHED_FIFO.
    #[napi(constructor)]
    pub fn new(application: Application, realtime: bool) -> napi::Result<Self> {
        guarded(|| {
            let Parts { table, jobs, stalls, decoders, outputs } = Parts::of(&application)?;
            let mut live =
                Live::with_outputs(table, jobs, &stalls, outputs, realtime, thread_hooks()).map_err(failure)?;
            live.decode_with(decoders).map_err(failure)?;
            Ok(Self { live, receiving: Vec::new(), received: Vec::new(), bell: None })
        })
    }

    #[napi(getter)]
    pub fn mode(&self) -> &'static str {
        "live"
    }

    /// Starts the threads. Stamps are counted from the ROS time of logical 0, nanoseconds since 1970, the system's unless
    /// given; returns it.
    #[napi]
    pub fn start(&mut self, epoch_ns: Option<BigInt>) -> napi::Result<BigInt> {
        guarded(|| {
            let epoch_ns = epoch_ns.as_ref().map(epoch).transpose()?;
            Ok(BigInt::from(self.live.start(epoch_ns).map_err(failure)?))
        })
    }

    /// Logical time now, negative until the run has begun.
    #[napi]
    pub fn now(&self) -> i64 {
        self.live.now()
    }

    /// The time of the system's clock at logical 0, nanoseconds since 1970, as that clock has it now. It changes where the
    /// clock is stepped.
    #[napi]
    pub fn clock_at_zero(&self) -> BigInt {
        BigInt::from(self.live.clock_at_zero())
    }

    /// Admits a message, as received, to a channel. Returns its number.
    ///
    /// Its tag is its time, or now where that is earlier, but later than all that a release has read. A message that cannot
    /// be decoded is recorded as rejected; that is no error.
    #[napi]
    pub fn admit(&self, channel: u32, time_ns: i64, bytes: Buffer) -> napi::Result<i64> {
        guarded(|| Ok(self.live.receive(channel as usize, time_ns, &bytes).map_err(failure)? as i64))
    }

    /// Whether a received message is a sample; null while it is being decoded.
    #[napi]
    pub fn is_sample(&self, channel: u32, number: i64) -> napi::Result<Option<bool>> {
        guarded(|| Ok(self.live.is_sample(channel as usize, number.unsigned_abs())))
    }

    /// Hands a recorder every record from here on, without JavaScript on the way.
    #[napi]
    pub fn record_to(&mut self, recorder: &Recorder) -> napi::Result<()> {
        guarded(|| {
            self.live.record_to(recorder.0.clone());
            Ok(())
        })
    }

    /// Has an output's messages sent as datagrams, too, without JavaScript on the way. Before the start.
    #[napi]
    pub fn send_to(&mut self, output: u32, address: String) -> napi::Result<()> {
        guarded(|| {
            let carrier = Arc::new(DatagramCarrier::to(&address).map_err(failure)?);
            self.live.carry_with(output as usize, carrier).map_err(failure)
        })
    }

    /// Admits to a channel what comes as datagrams at an address from here on, without JavaScript on the way. Returns the port.
    #[napi]
    pub fn receive_at(&mut self, channel: u32, address: String) -> napi::Result<u32> {
        guarded(|| {
            let entrance = self.live.entrance(channel as usize);
            let receiving =
                Receiving::at(&address, entrance, self.live.edge_priority(), thread_hooks()).map_err(failure)?;
            let port = receiving.port();
            self.receiving.push((channel, receiving));
            Ok(u32::from(port))
        })
    }

    /// What came as datagrams so far.
    #[napi]
    pub fn received(&self) -> Vec<Received> {
        let now = self.receiving.iter().map(|(channel, receiving)| {
            let (received, too_long) = receiving.counts();
            Received { channel: *channel, received: received as i64, too_long: too_long as i64 }
        });
        self.received.iter().cloned().chain(now).collect()
    }

    /// Has the messages of all outputs kept for `messages`. Returns the end of a pipe, the caller's own, in which there is a byte
    /// where an awaited message came since `messages` was called last. Before the start.
    #[napi]
    pub fn hand_on(&mut self) -> napi::Result<i32> {
        guarded(|| {
            let (bell, end) = Bell::new().map_err(failure)?;
            let rung = bell.clone();
            self.live.hand_on(Arc::new(move || rung.ring()));
            self.bell = Some(bell);
            Ok(end)
        })
    }

    /// Begins or ends the wait for an output's messages.
    #[napi]
    pub fn await_messages(&self, output: u32, on: bool) -> napi::Result<()> {
        guarded(|| self.live.await_messages(output as usize, on).map_err(failure))
    }

    /// The messages of outputs that have left since the last call, as records.
    #[napi]
    pub fn messages(&mut self) -> napi::Result<Buffer> {
        guarded(|| {
            if let Some(bell) = &self.bell {
                bell.look();
            }
            Ok(self.live.messages().into())
        })
    }

    /// How messages left, per output, once the run has ended.
    #[napi]
    pub fn departures(&self) -> napi::Result<Vec<Departed>> {
        guarded(|| {
            let departed = self.live.departures().into_iter().map(|each| Departed {
                left: each.left as i64,
                median_ns: each.median_ns,
                p99_ns: each.p99_ns,
                latest_ns: each.latest_ns,
                latest_at_ns: each.latest_at,
                unsent: each.unsent as i64,
                missed: each.missed as i64,
            });
            Ok(departed.collect())
        })
    }

    /// Ends the run after running jobs; returns the logical time at which it ended.
    #[napi]
    pub fn stop(&mut self) -> napi::Result<i64> {
        guarded(|| {
            let end = self.live.stop();
            self.received = self.received();
            self.receiving.clear();
            Ok(end)
        })
    }

    /// Throws where a job has ended with a fault, or a thread has broken off.
    #[napi]
    pub fn check_jobs(&self) -> napi::Result<()> {
        guarded(|| self.live.check().map_err(failure))
    }

    /// When the first job that ended with a fault was released.
    #[napi]
    pub fn faulted_ns(&self) -> napi::Result<Option<i64>> {
        guarded(|| Ok(self.live.fault().map(|fault| fault.release)))
    }

    /// The threads with the policy in force.
    #[napi]
    pub fn threads(&self) -> napi::Result<Vec<Thread>> {
        guarded(|| {
            let threads = self.live.threads().into_iter().map(|thread| Thread {
                name: thread.name,
                core: thread.core as u32,
                bound: thread.bound,
                priority: thread.priority,
                policy: thread.policy.to_owned(),
            });
            Ok(threads.collect())
        })
    }

    /// Whether the memory that the threads use was locked.
    #[napi]
    pub fn memory_locked(&self) -> napi::Result<bool> {
        guarded(|| Ok(self.live.memory_locked()))
    }

    /// The newest message of an output with a tag not after `time`; null before the first.
    #[napi]
    pub fn latest_message(&self, output: u32, time_ns: i64) -> napi::Result<Option<Observed>> {
        guarded(|| {
            let found = self.live.latest_message(output as usize, time_ns).map_err(failure)?;
            Ok(found.map(|found| Observed {
                sequence: found.sequence as i64,
                time_ns: found.time,
                held: false,
                bytes: found.bytes.into(),
            }))
        })
    }

    /// The records since the last call, the messages of the outputs among them.
    #[napi]
    pub fn drain(&self) -> napi::Result<Buffer> {
        guarded(|| Ok(self.live.drain().map_err(failure)?.into()))
    }

    /// Kernels called by jobs of threads that have ended.
    #[napi]
    pub fn kernel_calls(&self) -> napi::Result<i64> {
        guarded(|| Ok(self.live.kernel_calls() as i64))
    }

    /// BLAKE3 over the tasks' hash chains.
    #[napi]
    pub fn hash(&self) -> napi::Result<String> {
        guarded(|| Ok(self.live.hash()))
    }
}
