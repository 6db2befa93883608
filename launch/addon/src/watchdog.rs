//! Watches the application's own code from a thread of its own: names what does not return, and lets a second signal end the
//! process though JavaScript stands still.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use napi_derive::napi;

use crate::failure;

/// How often the thread looks.
const LOOK: Duration = Duration::from_millis(100);
/// Processor time that code may take before it is named, and time where it waits for something.
const PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE_ASLEEP: Duration = Duration::from_secs(10);
/// How long JavaScript may take to end the process by itself after the second signal.
const GRACE: Duration = Duration::from_millis(300);
/// Signals have smaller numbers.
const SIGNALS: usize = 32;

/// What is being run: the place of its name, counted from 1; 0 where nothing is watched.
static RUNNING: AtomicU32 = AtomicU32::new(0);
/// Counts what begins and ends.
static CHANGES: AtomicU64 = AtomicU64::new(0);
static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Signals since they were watched, and the last one.
static HEARD: AtomicU32 = AtomicU32::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);
/// The handlers that were there before, as addresses: Node's own.
static BEFORE: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];
/// The clock of the processor time of the thread that runs JavaScript.
static CLOCK: AtomicI32 = AtomicI32::new(0);
static THREAD: Once = Once::new();

/// Gives some code a name to be watched by; returns its number.
#[napi]
pub fn watch_name(name: String) -> u32 {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.push(name);
    names.len() as u32
}

/// Says that the code with this number runs from now on, or none with 0; returns what ran before.
#[napi]
pub fn watch_running(number: u32) -> u32 {
    THREAD.call_once(start);
    CHANGES.fetch_add(1, Ordering::Relaxed);
    RUNNING.swap(number, Ordering::Relaxed)
}

/// Counts these signals before Node hears of them; from the second on the process ends, whatever JavaScript does.
#[napi]
pub fn watch_signals(signals: Vec<i32>) -> napi::Result<()> {
    THREAD.call_once(start);
    HEARD.store(0, Ordering::Relaxed);
    for signal in signals {
        let Some(before) = usize::try_from(signal).ok().and_then(|at| BEFORE.get(at)) else { continue };
        // SAFETY: a zeroed sigaction is one, and both are this function's own.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &raw mut action) != 0 {
                return Err(failure(std::io::Error::last_os_error()));
            }
            // Only a handler of the plain kind is called on; Node's is one.
            let plain = action.sa_flags & libc::SA_SIGINFO == 0;
            let theirs = action.sa_sigaction;
            if !plain || theirs == libc::SIG_DFL || theirs == libc::SIG_IGN || theirs == heard as *const () as usize {
                continue;
            }
            before.store(theirs, Ordering::Release);
            action.sa_sigaction = heard as *const () as usize;
            if libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0 {
                return Err(failure(std::io::Error::last_os_error()));
            }
        }
    }
    Ok(())
}

/// Async-signal-safe: atomics, and the handler that was there.
extern "C" fn heard(signal: libc::c_int) {
    LAST.store(signal, Ordering::Relaxed);
    HEARD.fetch_add(1, Ordering::Release);
    let Some(before) = usize::try_from(signal).ok().and_then(|at| BEFORE.get(at)) else { return };
    let address = before.load(Ordering::Acquire);
    if address != 0 {
        // SAFETY: the address is that of a handler of the plain kind, which the system would have called itself.
        let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(address) };
        handler(signal);
    }
}

/// Without the thread nothing is watched, and all else works.
fn start() {
    let mut clock = 0;
    // SAFETY: the thread is this one, and the clock's number is the function's own.
    if unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) } == 0 {
        CLOCK.store(clock, Ordering::Relaxed);
    }
    let _started = std::thread::Builder::new().name("iso:watchdog".to_owned()).spawn(watch);
}

/// Processor time of the thread that runs JavaScript; none where its clock is not known.
fn processor_time() -> Duration {
    let clock = CLOCK.load(Ordering::Relaxed);
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is the function's own.
    if clock == 0 || unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Duration::ZERO;
    }
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn watch() {
    let mut changes = 0;
    let (mut since, mut worked) = (Instant::now(), processor_time());
    let mut told = false;
    let mut second: Option<Instant> = None;
    loop {
        std::thread::sleep(LOOK);
        if HEARD.load(Ordering::Acquire) < 2 {
            second = None;
        } else if second.get_or_insert_with(Instant::now).elapsed() >= GRACE {
            // SAFETY: ends the process without running anything more of it.
            unsafe { libc::_exit(128 + LAST.load(Ordering::Relaxed)) };
        }
        let now = CHANGES.load(Ordering::Relaxed);
        if now != changes {
            (changes, since, worked, told) = (now, Instant::now(), processor_time(), false);
            continue;
        }
        let running = RUNNING.load(Ordering::Relaxed);
        let works = processor_time().saturating_sub(worked) >= PATIENCE;
        if running == 0 || told || !(works || since.elapsed() >= PATIENCE_ASLEEP) {
            continue;
        }
        told = true;
        let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(name) = names.get(running as usize - 1) else { continue };
        let text = format!(
            "{name} has not come to an end for {} s; Ctrl-C twice ends the process\n",
            since.elapsed().as_secs().max(1)
        );
        // Written past Node, whose own thread is busy.
        // SAFETY: the bytes are the text's.
        let _written = unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
}
