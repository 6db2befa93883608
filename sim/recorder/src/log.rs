//! The log of decisions: each record as JSON, tasks and channels by name, as `sim/records/json.ts` reads it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use isochron_executive::ExecutiveError;
use isochron_executive::records::{self, Fields, HELD};

use crate::layout::Names;

/// One object that is being written.
struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Object<'a> {
    fn of(kind: &str, out: &'a mut Vec<u8>) -> Self {
        out.clear();
        out.extend_from_slice(b"{\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        Self { out }
    }

    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn number(&mut self, key: &str, value: i64) {
        self.key(key);
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut left = value.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        if value < 0 {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        // Writing to memory does not fail, and a text is always JSON.
        let _written = serde_json::to_writer(&mut *self.out, value);
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

const SKIPS: [&str; 5] = ["busy", "early", "stopped", "late", "gone"];
const LOSSES: [&str; 3] = ["decisions", "traces", "outputs"];

fn name(names: &[String], id: u32) -> Result<&str, ExecutiveError> {
    names.get(id as usize).map(String::as_str).ok_or(ExecutiveError::Records(0))
}

fn one_of<'n>(names: &[&'n str], id: u8) -> Result<&'n str, ExecutiveError> {
    names.get(usize::from(id)).copied().ok_or(ExecutiveError::Records(0))
}

/// Replaces what is in `out` by the JSON of a record of the log; its time, where it has one of its own.
///
/// Of an admitted message, whose bytes are on its topic, there are the length, hash and CRC-32.
pub fn write(names: &Names, kind: u8, payload: &[u8], out: &mut Vec<u8>) -> Result<Option<i64>, ExecutiveError> {
    let mut fields = Fields::new(payload);
    let f = &mut fields;
    let task = |f: &mut Fields| name(&names.tasks, f.u32()?);
    let channel = |f: &mut Fields| name(&names.channels, f.u32()?);
    let count = |f: &mut Fields| Ok::<_, ExecutiveError>(f.u64()? as i64);
    let mut time = None;
    match kind {
        records::ADMIT => {
            let mut o = Object::of("admit", out);
            o.text("channel", channel(f)?);
            o.number("sequence", count(f)?);
            o.number("time", *time.insert(f.time()?));
            let bytes = f.bytes()?;
            o.number("bytes", bytes.len() as i64);
            o.text("blake3", &blake3::hash(bytes).to_hex());
            o.number("crc32", i64::from(crc32fast::hash(bytes)));
            o.end();
        }
        records::RELEASE => {
            let mut o = Object::of("release", out);
            o.text("task", task(f)?);
            o.number("job", count(f)?);
            o.number("time", *time.insert(f.time()?));
            o.key("pins");
            o.out.push(b'[');
            for at in 0..f.u32()? {
                o.out.extend_from_slice(if at == 0 { b"{" } else { b",{" });
                // The first key of an object has no comma before it.
                let start = o.out.len();
                o.text("channel", channel(f)?);
                o.out.remove(start);
                o.number("sequence", count(f)?);
                o.flag("held", f.u8()? & HELD == HELD);
                o.out.push(b'}');
            }
            o.out.push(b']');
            o.end();
        }
        records::VERDICT => {
            let mut o = Object::of("verdict", out);
            o.text("task", task(f)?);
            o.number("job", count(f)?);
            o.number("time", *time.insert(f.time()?));
            o.flag("overrun", f.u8()? == 1);
            o.number("ended", f.time()?);
            o.end();
        }
        records::SKIPPED => {
            let mut o = Object::of("skipped", out);
            o.text("task", task(f)?);
            o.number("job", count(f)?);
            o.number("time", *time.insert(f.time()?));
            o.text("reason", one_of(&SKIPS, f.u8()?)?);
            o.number("decided", f.time()?);
            o.end();
        }
        records::TRACE => {
            let mut o = Object::of("trace", out);
            o.text("task", task(f)?);
            o.number("job", count(f)?);
            o.number("release", *time.insert(f.time()?));
            o.number("start", f.time()?);
            o.number("end", f.time()?);
            o.end();
        }
        records::FAULT => {
            let mut o = Object::of("fault", out);
            o.text("task", task(f)?);
            o.number("job", count(f)?);
            o.number("duration", f.time()?);
            o.end();
        }
        records::KEYFRAME => {
            let mut o = Object::of("keyframe", out);
            o.text("task", task(f)?);
            o.number("job", count(f)?);
            o.number("time", *time.insert(f.time()?));
            o.text("states", &STANDARD.encode(f.bytes()?));
            o.end();
        }
        records::LOST => {
            let mut o = Object::of("lost", out);
            o.text("what", one_of(&LOSSES, f.u8()?)?);
            o.number("count", count(f)?);
            o.end();
        }
        records::VISIBLE => {
            let mut o = Object::of("visible", out);
            o.text("channel", channel(f)?);
            o.number("sequence", count(f)?);
            o.number("time", *time.insert(f.time()?));
            o.text("blake3", &blake3::Hash::from_bytes(f.take()?).to_hex());
            o.end();
        }
        records::REJECTED => {
            let mut o = Object::of("rejected", out);
            o.text("channel", channel(f)?);
            o.number("sequence", count(f)?);
            o.number("time", *time.insert(f.time()?));
            o.text("reason", &String::from_utf8_lossy(f.bytes()?));
            o.end();
        }
        _ => return Err(ExecutiveError::Records(0)),
    }
    Ok(time)
}

/// Records of the log, each as it is written.
pub fn all(names: &Names, bytes: &[u8]) -> Result<Vec<String>, ExecutiveError> {
    let mut text = Vec::new();
    let mut found = Vec::new();
    for (kind, payload) in records::read_all(bytes)? {
        write(names, kind, payload, &mut text)?;
        found.push(String::from_utf8_lossy(&text).into_owned());
    }
    Ok(found)
}
