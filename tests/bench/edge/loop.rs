//! What the native edge is measured against, and by: a bare loop with the same sleeps, wake-ups and copies, and the other side.
//!
//! `loop bare DIR SECONDS` receives at DIR/in.sock, passes each message on over two threads and sends it to DIR/out.sock;
//! beside it, every 2 ms, it sends a message to DIR/beat.sock and measures how late. `loop measure DIR SECONDS` sends the time to
//! DIR/in.sock every 5 ms and measures when it comes back. Both print JSON; no crate is needed: `rustc -O loop.rs`.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    fn syscall(number: i64, ...) -> i64;
    fn prctl(option: i32, ...) -> i32;
    fn sched_setscheduler(pid: i32, policy: i32, parameters: *const i32) -> i32;
}

const MONOTONIC: i32 = 1;
const FIFO: i32 = 1;
const TIMER_SLACK: i32 = 29;
const FUTEX: i64 = if cfg!(target_arch = "aarch64") { 98 } else { 202 };
const WAIT_UNTIL: i32 = 9 | 128;
const WAKE: i32 = 1 | 128;
const PERIOD: i64 = 2_000_000;

fn now() -> i64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the pointer is to a live timespec.
    unsafe { clock_gettime(MONOTONIC, &mut time) };
    time.seconds * 1_000_000_000 + time.nanoseconds
}

fn wait(word: &AtomicU32, expected: u32, until: i64) {
    let time = Timespec { seconds: until / 1_000_000_000, nanoseconds: until % 1_000_000_000 };
    // SAFETY: the word and the timespec live through the call.
    unsafe { syscall(FUTEX, word.as_ptr(), WAIT_UNTIL, expected, &raw const time, std::ptr::null::<u32>(), u32::MAX) };
}

fn wake(word: &AtomicU32) {
    word.fetch_add(1, Ordering::Release);
    // SAFETY: the word lives through the call.
    unsafe { syscall(FUTEX, word.as_ptr(), WAKE, i32::MAX) };
}

/// The scheduling of the executive's threads, where it is granted.
fn real_time(priority: i32) {
    // SAFETY: the calls change the calling thread alone.
    unsafe {
        prctl(TIMER_SLACK, 1_u64);
        sched_setscheduler(0, FIFO, &priority);
    }
}

fn told(name: &str, mut all: Vec<i64>) -> String {
    all.sort_unstable();
    let at = |share: f64| all.get(((all.len() as f64 * share) as usize).min(all.len().saturating_sub(1))).copied().unwrap_or(-1);
    format!("\"{name}\":{{\"count\":{},\"medianNs\":{},\"p99Ns\":{}}}", all.len(), at(0.5), at(0.99))
}

/// A step on the way: eight bytes, and the word by which its reader is woken.
#[derive(Default)]
struct Step {
    value: AtomicU64,
    word: AtomicU32,
}

fn bare(dir: &str, seconds: u64) {
    let (job, out) = (Arc::new(Step::default()), Arc::new(Step::default()));
    let over = Arc::new(AtomicBool::new(false));
    let connect = |name: &str| {
        let socket = UnixDatagram::unbound().expect("a socket");
        socket.connect(format!("{dir}/{name}")).expect("the other side is there");
        socket.set_nonblocking(true).expect("it does not wait");
        socket
    };
    let (to_out, to_beat) = (connect("out.sock"), connect("beat.sock"));
    let from = UnixDatagram::bind(format!("{dir}/in.sock")).expect("the name is free");
    from.set_read_timeout(Some(Duration::from_millis(50))).expect("it does not wait for ever");
    let mut threads = Vec::new();
    let ended = over.clone();
    let next = job.clone();
    threads.push(std::thread::spawn(move || {
        real_time(59);
        let mut buffer = vec![0; 1 << 16];
        while !ended.load(Ordering::Acquire) {
            if from.recv(&mut buffer).is_ok() {
                next.value.store(u64::from_le_bytes(buffer[4..12].try_into().expect("eight")), Ordering::Release);
                wake(&next.word);
            }
        }
    }));
    let pass = |from: Arc<Step>, priority: i32, then: Box<dyn Fn(u64) + Send>| {
        let over = over.clone();
        std::thread::spawn(move || {
            real_time(priority);
            let mut seen = 0;
            while !over.load(Ordering::Acquire) {
                let word = from.word.load(Ordering::Acquire);
                if word == seen {
                    wait(&from.word, word, now() + 50_000_000);
                    continue;
                }
                seen = word;
                then(from.value.load(Ordering::Acquire));
            }
        })
    };
    let last = out.clone();
    threads.push(pass(job, 60, Box::new(move |value| {
        last.value.store(value, Ordering::Release);
        wake(&last.word);
    })));
    threads.push(pass(out, 59, Box::new(move |value| {
        let mut message = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        message[4..].copy_from_slice(&value.to_le_bytes());
        let _sent = to_out.send(&message);
    })));
    let beat = std::thread::spawn(move || {
        real_time(59);
        let word = AtomicU32::new(0);
        let mut late = Vec::with_capacity((seconds * 1_000_000_000) as usize / PERIOD as usize + 16);
        let (slot, start) = ([7_u8; 64], now());
        for at in 1..seconds as i64 * 1_000_000_000 / PERIOD {
            let instant = start + at * PERIOD;
            while now() < instant {
                wait(&word, 0, instant);
            }
            let mut message = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            message[4..].copy_from_slice(&slot[..8]);
            let _sent = to_beat.send(&message);
            late.push(now() - instant);
        }
        late
    });
    let late = beat.join().expect("it has measured");
    over.store(true, Ordering::Release);
    threads.into_iter().for_each(|thread| thread.join().expect("it has ended"));
    println!("{{{}}}", told("beat", late));
}

fn measure(dir: &str, seconds: u64) {
    let bind = |name: &str| {
        let socket = UnixDatagram::bind(format!("{dir}/{name}")).expect("the name is free");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("it does not wait for ever");
        socket
    };
    let (out, beat) = (bind("out.sock"), bind("beat.sock"));
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        loop {
            let _came = beat.recv(&mut buffer);
        }
    });
    println!("ready");
    let to = UnixDatagram::unbound().expect("a socket");
    while to.connect(format!("{dir}/in.sock")).is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
    real_time(70);
    let mut buffer = [0; 64];
    let mut round = Vec::new();
    let mut start = None;
    let mut sent = 0_u64;
    while start.is_none_or(|start| now() - start < seconds as i64 * 1_000_000_000) {
        std::thread::sleep(Duration::from_millis(5));
        let time = now();
        let mut message = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        message[4..].copy_from_slice(&(time as f64).to_le_bytes());
        if to.send(&message).is_err() {
            break;
        }
        sent += u64::from(start.is_some());
        while let Ok(bytes) = out.recv(&mut buffer) {
            let came = now();
            let value = f64::from_le_bytes(buffer[4..12].try_into().expect("eight")) as i64;
            if bytes == 12 && value == time {
                // The first hundred warm both sides up.
                if round.len() == 100 && start.is_none() {
                    start = Some(came);
                    round.clear();
                }
                round.push(came - time);
                break;
            }
        }
    }
    println!("{{\"sent\":{sent},{}}}", told("round", round));
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seconds = args[3].parse().expect("SECONDS is a number");
    match args[1].as_str() {
        "bare" => bare(&args[2], seconds),
        _ => measure(&args[2], seconds),
    }
}
