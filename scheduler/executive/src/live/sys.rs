//! The few things asked of Linux: the clock, one futex call for sleeping and waking, thread scheduling.

use std::ffi::CString;
use std::io;
use std::sync::atomic::AtomicU32;

/// Nanoseconds of CLOCK_MONOTONIC, read without a system call (vDSO).
///
/// Real-time.
pub fn monotonic() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// How far the system's clock is ahead of another, both read as closely together as a few tries allow.
pub fn clock_ahead_of(other: impl Fn() -> i64) -> i64 {
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

/// Sleeps until `word` is changed and woken, or CLOCK_MONOTONIC reaches `until`: the sleep and its wake-up in one call.
///
/// Real-time: one system call.
pub fn wait(word: &AtomicU32, expected: u32, until: i64) {
    let time = libc::timespec { tv_sec: until.div_euclid(1_000_000_000), tv_nsec: until.rem_euclid(1_000_000_000) };
    // SAFETY: the word and the timespec live through the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
            expected,
            &raw const time,
            std::ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
}

/// Wakes whoever waits on `word`.
pub fn wake(word: &AtomicU32) {
    // SAFETY: the word lives through the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, i32::MAX) };
}

/// Has the calling thread woken when its time has come, and not up to 50 µs later, as a thread of the ordinary policy is.
pub fn sleep_exactly() {
    // SAFETY: the call takes a number and changes nothing but the thread's timer slack.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}

/// Names the calling thread, as `top -H` shows it.
pub fn name_thread(name: &str) {
    if let Ok(name) = CString::new(name) {
        // SAFETY: the name is NUL-terminated and shorter than 16 bytes or cut by the kernel.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
}

/// Binds the calling thread to a core; false where the machine does not have it.
pub fn bind_to_core(core: usize) -> bool {
    // SAFETY: a zeroed cpu_set_t is the empty set; CPU_SET stays within it for cores below its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if core >= libc::CPU_SETSIZE as usize {
            return false;
        }
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0
    }
}

/// Asks for SCHED_FIFO for the calling thread; whether it was granted is read back separately.
pub fn ask_for_fifo(priority: i32) -> io::Result<()> {
    // SAFETY: a zeroed sched_param is valid, and lives through the call.
    unsafe {
        let mut parameters: libc::sched_param = std::mem::zeroed();
        parameters.sched_priority = priority;
        if libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The scheduling policy and priority in force for the calling thread.
pub fn policy() -> (&'static str, i32) {
    // SAFETY: a zeroed sched_param is valid, and lives through the call.
    unsafe {
        let mut parameters: libc::sched_param = std::mem::zeroed();
        libc::sched_getparam(0, &raw mut parameters);
        let name = match libc::sched_getscheduler(0) & !libc::SCHED_RESET_ON_FORK {
            libc::SCHED_FIFO => "SCHED_FIFO",
            libc::SCHED_RR => "SCHED_RR",
            libc::SCHED_OTHER => "SCHED_OTHER",
            libc::SCHED_BATCH => "SCHED_BATCH",
            libc::SCHED_IDLE => "SCHED_IDLE",
            _ => "another policy",
        };
        (name, parameters.sched_priority)
    }
}

/// Keeps memory from being paged out; false where that was not granted.
pub fn lock_memory(start: *const u8, bytes: usize) -> bool {
    // SAFETY: mlock changes no memory, and refuses what is not mapped.
    bytes == 0 || unsafe { libc::mlock(start.cast(), bytes) == 0 }
}

/// The part of a thread's stack that is touched and, where granted, locked until this is dropped.
pub struct StackLock {
    start: *const u8,
    bytes: usize,
    pub locked: bool,
}

/// Brings in and locks the code and data of this module and of the C library, so that a thread's first use of a page of
/// them causes no page fault: files are mapped page by page, as they happen to lie in the page cache.
pub fn lock_code() -> bool {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return false };
    let mapped: Vec<(usize, usize, &str)> = maps.lines().filter_map(mapping).collect();
    let here = lock_code as *const () as usize;
    let own = mapped.iter().find(|(start, end, _)| (*start..*end).contains(&here)).map(|(.., path)| *path);
    let wanted =
        |path: &str| Some(path) == own || path.rsplit('/').next().is_some_and(|name| name.starts_with("libc.so"));
    let mut locked = own.is_some();
    for (start, end, _) in mapped.iter().filter(|(.., path)| wanted(path)) {
        locked &= lock_memory(*start as *const u8, end - start);
        for page in (*start..*end).step_by(4096) {
            // SAFETY: the page is mapped and readable, as the kernel says; modules are not unloaded while threads run.
            unsafe { std::ptr::read_volatile(page as *const u8) };
        }
    }
    locked
}

/// Start, end and path of a readable mapping of a file, from a line of /proc/self/maps.
fn mapping(line: &str) -> Option<(usize, usize, &str)> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let readable = words.next()?.starts_with('r');
    let path = words.nth(3).filter(|path| path.starts_with('/'))?;
    let number = |text: &str| usize::from_str_radix(text, 16).ok();
    Some((number(start)?, number(end)?, path)).filter(|_| readable)
}

/// Touches and locks the stack that the calling thread may come to use, so that its first use causes no page fault.
#[inline(never)]
pub fn lock_stack() -> StackLock {
    let mut pages = [0_u8; 256 * 1024];
    for at in (0..pages.len()).step_by(4096) {
        // SAFETY: the index is within the array; the write must not be optimised away.
        unsafe { std::ptr::write_volatile(&raw mut pages[at], 1) };
    }
    let (start, bytes) = (pages.as_ptr(), pages.len());
    StackLock { start, bytes, locked: lock_memory(start, bytes) }
}

impl Drop for StackLock {
    fn drop(&mut self) {
        // SAFETY: the range is of the calling thread's own stack, which is still mapped; munlock changes no memory.
        unsafe { libc::munlock(self.start.cast(), self.bytes) };
    }
}
