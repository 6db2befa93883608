//! The native edge of a live run: datagrams that a thread receives and sends, and the wake-up of JavaScript.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use isochron_executive::live::{Carry, Entrance, ThreadHooks, run_at_edge};
use isochron_transport::datagram::{Address, Came, DatagramReceiver, DatagramSender, LONGEST};

/// How long the end of a run waits for a receiver's thread at most.
const PATIENCE: Duration = Duration::from_millis(50);

/// Sends an output's messages as datagrams.
pub struct DatagramCarrier(DatagramSender);

impl DatagramCarrier {
    pub fn to(address: &str) -> Result<Self, String> {
        let parsed: Address = address.parse()?;
        DatagramSender::to(&parsed).map(Self).map_err(|error| format!("error[datagram/send]: {address}: {error}"))
    }
}

impl Carry for DatagramCarrier {
    fn carry(&self, message: &[u8]) -> bool {
        self.0.send(message)
    }
}

#[derive(Default)]
struct Counts {
    ended: AtomicBool,
    received: AtomicU64,
    too_long: AtomicU64,
}

/// A thread that admits to a channel what it receives.
pub struct Receiving {
    counts: Arc<Counts>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Receiving {
    /// Binds the address, and admits from now on; before logical 0 with that time.
    pub fn at(address: &str, entrance: Entrance, priority: Option<i32>, hooks: ThreadHooks) -> Result<Self, String> {
        let parsed: Address = address.parse()?;
        let failed = |error: std::io::Error| format!("error[datagram/receive]: {address}: {error}");
        let receiver = DatagramReceiver::at(&parsed, PATIENCE).map_err(failed)?;
        let port = receiver.port().unwrap_or(0);
        entrance.prepare(LONGEST);
        let counts = Arc::new(Counts::default());
        let of_thread = counts.clone();
        let thread = std::thread::Builder::new()
            .name("iso:in".to_owned())
            .spawn(move || run_at_edge("iso:in", priority, hooks, || receive(&receiver, &entrance, &of_thread)))
            .map_err(failed)?;
        Ok(Self { counts, port, thread: Some(thread) })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Messages that were received, and those that were too long to be.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.received.load(Ordering::Acquire), self.counts.too_long.load(Ordering::Acquire))
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.counts.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ended = thread.join();
        }
    }
}

/// Receives until the run has ended.
///
/// Real-time once each buffer has its memory, but for the receiving itself.
fn receive(receiver: &DatagramReceiver, entrance: &Entrance, counts: &Counts) {
    let Ok(mut message) = entrance.claim() else { return };
    while !counts.ended.load(Ordering::Acquire) {
        match receiver.receive(&mut message) {
            Ok(Came::Message) => {
                counts.received.fetch_add(1, Ordering::Relaxed);
                // None once the run has been stopped. An error is that every slot is being read, which no channel allows.
                let Ok(Some(_)) = entrance.receive(message) else { return };
                let Ok(next) = entrance.claim() else { return };
                message = next;
            }
            Ok(Came::TooLong) => drop(counts.too_long.fetch_add(1, Ordering::Relaxed)),
            Ok(Came::Nothing) => {}
            // A socket that is broken gives nothing any more.
            Err(_) => return,
        }
    }
}

/// A pipe whose reading end belongs to JavaScript: a byte in it wakes the event loop.
pub struct Bell {
    write: OwnedFd,
    /// It has been rung, and not looked after yet.
    rung: AtomicBool,
}

impl Bell {
    /// The bell, and the end that JavaScript reads and closes.
    pub fn new() -> Result<(Arc<Self>, RawFd), String> {
        let mut ends = [0; 2];
        // SAFETY: the array has room for the two ends.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) } != 0 {
            return Err(format!("error[executive/wake]: {}", std::io::Error::last_os_error()));
        }
        // SAFETY: both ends were opened just now, and belong to nobody else.
        let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        Ok((Arc::new(Self { write, rung: AtomicBool::new(false) }), read.into_raw_fd()))
    }

    /// Rings, unless it has rung already.
    ///
    /// Real-time, but for the one system call.
    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            use std::os::fd::AsRawFd;
            // SAFETY: the byte lives through the call. A pipe that is full, or closed, needs no more bytes.
            unsafe { libc::write(self.write.as_raw_fd(), [1_u8].as_ptr().cast(), 1) };
        }
    }

    /// What rings from here on rings anew; to be called before looking.
    pub fn look(&self) {
        self.rung.store(false, Ordering::Release);
    }
}
