//! What the recorder's thread writes: read back by the crate that reads MCAP, whole, cut and compressed.

use std::path::{Path, PathBuf};

use isochron_executive::journal::Record;
use isochron_executive::records::{Losses, Pin, Writer};
use isochron_recorder::{Attachment, Begin, Compression, Ended, Facts, Form, Gaps, Layout, Options, Recorder};

const LAYOUT: &str = r#"{ "topics": [
    { "topic": "/in", "schema": "a/msg/In", "schemaEncoding": "ros2msg", "schemaText": "float32 data", "messageEncoding": "cdr" },
    { "topic": "/out", "schema": "a/msg/Out", "schemaEncoding": "ros2msg", "schemaText": "float64 data", "messageEncoding": "cdr" },
    { "topic": "/records", "schema": "a/msg/F", "schemaEncoding": "ros2msg", "schemaText": "uint64 job", "messageEncoding": "cdr" },
    { "topic": "/events/admit", "schema": "a/msg/A", "schemaEncoding": "ros2msg", "schemaText": "", "messageEncoding": "cdr" },
    { "topic": "/events/release", "schema": "a/msg/R", "schemaEncoding": "ros2msg", "schemaText": "", "messageEncoding": "cdr" },
    { "topic": "/events/verdict", "schema": "a/msg/V", "schemaEncoding": "ros2msg", "schemaText": "", "messageEncoding": "cdr" },
    { "topic": "/events/keyframe", "schema": "a/msg/K", "schemaEncoding": "ros2msg", "schemaText": "", "messageEncoding": "cdr" },
    { "topic": "/events/lost", "schema": "a/msg/L", "schemaEncoding": "ros2msg", "schemaText": "", "messageEncoding": "cdr" } ],
  "inputs": [0, null], "outputs": [1], "publications": [1],
  "tasks": [ { "topic": 2, "length": 60, "fields": [ { "offset": 64, "bytes": 8, "start": 52 } ] } ],
  "events": [ { "kind": 1, "topic": 3 }, { "kind": 2, "topic": 4 }, { "kind": 3, "topic": 5 }, { "kind": 9, "topic": 6 },
    { "kind": 10, "topic": 7 } ] }"#;

/// A file of this process's own that is not there.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("isochron-recorder-{}-{name}.mcap", std::process::id()));
    let _was_there = std::fs::remove_file(&path);
    path
}

fn recorder(path: &Path, compression: Option<Compression>) -> Recorder {
    recorder_of(Form::Whole(path.to_owned()), compression)
}

fn recorder_of(form: Form, compression: Option<Compression>) -> Recorder {
    let layout = Layout::parse(LAYOUT).expect("it is sound");
    let attachment = Attachment { name: "a".to_owned(), media_type: "b".to_owned(), data: vec![7; 100] };
    let options = Options { form, compression, run: "this run".to_owned() };
    let recorder = Recorder::create(options, layout, vec![attachment]).expect("the file is made");
    assert_eq!(recorder.opened(), None);
    recorder
}

/// One message in, and the job that it releases.
fn cycle(number: u64) -> Vec<u8> {
    let mut writer = Writer::default();
    let time = number as i64 * 10;
    writer.admit(0, number + 1, time, b"what was received");
    writer.release(0, number, time, &[Pin { channel: 0, sequence: number + 1, flags: 0 }]);
    writer.verdict(0, number, time + 5, false, time + 3);
    let mut slot = [0; 72];
    slot[64..].copy_from_slice(&number.to_le_bytes());
    writer.output(0, number, 1, number + 1, time + 5, &slot, &[9; 32]);
    writer.message(0, 0, number, time + 5, b"sent");
    writer.take()
}

/// Topic, number, time and bytes of every message that can be read.
fn messages(bytes: &[u8]) -> Vec<(String, u32, u64, Vec<u8>)> {
    let stream = mcap::MessageStream::new_with_options(bytes, mcap::read::Options::IgnoreEndMagic.into())
        .expect("it begins as MCAP does");
    let read = stream.map_while(Result::ok);
    read.map(|each| (each.channel.topic.clone(), each.sequence, each.log_time, each.data.into_owned())).collect()
}

fn facts() -> Facts {
    [("hash".to_owned(), "abc".to_owned())].into()
}

#[test]
fn every_record_goes_to_its_topic_at_its_time_counted_from_the_epoch() {
    let path = path("whole");
    let recorder = recorder(&path, None);
    recorder.begin(Begin { epoch_ns: 1000, is_live: true });
    recorder.add(&cycle(3));
    recorder.send(0, 36, b"of a pipeline");
    assert_eq!(recorder.finish(facts()), Ended::Whole);
    let bytes = std::fs::read(&path).expect("it is there");
    let mut output = [0; 60];
    output[1] = 1;
    output[4] = 3;
    output[12] = 4;
    output[20..52].fill(9);
    output[52] = 3;
    // Encapsulation, then task or channel, 4 bytes of padding, job or number, time.
    let head = |place: u32, number: u64, time: i64| {
        let mut bytes = vec![0, 1, 0, 0];
        bytes.extend_from_slice(&u64::from(place).to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&time.to_le_bytes());
        bytes
    };
    let mut admit = head(0, 4, 30);
    admit.extend_from_slice(&17_u64.to_le_bytes());
    admit.extend_from_slice(blake3::hash(b"what was received").as_bytes());
    admit.extend_from_slice(&crc32fast::hash(b"what was received").to_le_bytes());
    let mut release = head(0, 3, 30);
    // One pin: of channel 0 the sample 4, not held.
    release.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut verdict = head(0, 3, 35);
    // No overrun; then the clock, at a multiple of 8.
    verdict.extend_from_slice(&[0; 8]);
    verdict.extend_from_slice(&33_i64.to_le_bytes());
    let log = [admit, release, verdict];
    let kinds = ["admit", "release", "verdict"];
    let logged =
        |number: u32, time| (format!("/events/{}", kinds[number as usize]), number, time, log[number as usize].clone());
    assert_eq!(
        messages(&bytes),
        [
            ("/in".to_owned(), 4, 1030, b"what was received".to_vec()),
            logged(0, 1030),
            logged(1, 1030),
            logged(2, 1035),
            ("/records".to_owned(), 3, 1035, output.to_vec()),
            ("/out".to_owned(), 3, 1035, b"sent".to_vec()),
            ("/out".to_owned(), 0, 1036, b"of a pipeline".to_vec()),
        ]
    );
    let summary = mcap::Summary::read(&bytes).expect("it is whole").expect("it has an index");
    assert_eq!(summary.metadata_indexes.len(), 2);
    assert_eq!(summary.attachment_indexes.len(), 1);
    assert_eq!(summary.stats.expect("it counts").message_count, 7);
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn a_recording_that_goes_on_can_be_read_up_to_what_was_flushed_wherever_it_is_cut() {
    let path = path("cut");
    let recorder = recorder(&path, None);
    recorder.begin(Begin::default());
    let mut whole = Vec::new();
    for number in 0..20 {
        recorder.add(&cycle(number));
        assert_eq!(recorder.flush(), Ended::Flushed);
        whole.push(std::fs::metadata(&path).expect("it is there").len() as usize);
    }
    let bytes = std::fs::read(&path).expect("it is there");
    for (number, end) in whole.iter().enumerate() {
        assert_eq!(messages(&bytes[..*end]).len(), 6 * (number + 1));
        assert!(messages(&bytes[..*end - 7]).len() <= 6 * (number + 1));
    }
    recorder.close();
    assert_eq!(std::fs::read(&path).expect("it is there").len(), bytes.len());
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn chunks_are_compressed_as_they_are_asked_to_be() {
    let sizes = [None, Some(Compression::Lz4), Some(Compression::Zstd)].map(|compression| {
        let path = path(&format!("{compression:?}"));
        let recorder = recorder(&path, compression);
        for number in 0..500 {
            recorder.add(&cycle(number));
        }
        assert_eq!(recorder.finish(facts()), Ended::Whole);
        let bytes = std::fs::read(&path).expect("it is there");
        std::fs::remove_file(path).expect("it is there");
        assert_eq!(messages(&bytes).len(), 3000);
        bytes.len()
    });
    assert!(sizes[1] < sizes[0] && sizes[2] < sizes[0], "{sizes:?}");
}

#[test]
fn records_of_an_executive_wait_for_the_run_to_begin() {
    let path = path("waits");
    let recorder = recorder(&path, None);
    recorder.record(&cycle(0));
    recorder.begin(Begin { epoch_ns: 5, is_live: true });
    recorder.begin(Begin { epoch_ns: 7, is_live: true });
    recorder.drained();
    assert_eq!(recorder.finish(facts()), Ended::Whole);
    assert_eq!(messages(&std::fs::read(&path).expect("it is there"))[0].2, 5);
    // Nothing is taken any more, and nobody waits.
    recorder.record(&cycle(1));
    assert_eq!(recorder.finish(facts()), Ended::Unended);
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn what_is_no_record_ends_the_recording_and_not_the_process() {
    let path = path("damaged");
    let recorder = recorder(&path, None);
    recorder.add(&cycle(0));
    recorder.flush();
    recorder.add(&[5, 0, 0, 0, 2, 1]);
    recorder.drained();
    assert!(matches!(recorder.finish(facts()), Ended::Failed(_)));
    assert_eq!(recorder.cut(facts()), Ended::Cut);
    let bytes = std::fs::read(&path).expect("it is there");
    assert_eq!(messages(&bytes).len(), 6);
    assert!(bytes.ends_with(mcap::MAGIC));
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn a_file_that_is_there_is_not_replaced() {
    let path = path("there");
    std::fs::write(&path, b"mine").expect("it can be written");
    let layout = Layout::parse(LAYOUT).expect("it is sound");
    let options = Options { form: Form::Whole(path.clone()), compression: None, run: String::new() };
    let refused = Recorder::create(options, layout, Vec::new()).err().expect("it is refused");
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).expect("it is there"), b"mine");
    std::fs::remove_file(path).expect("it is there");
}

/// A folder of this process's own that is not there.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("isochron-recorder-{}-{name}", std::process::id()));
    let _was_there = std::fs::remove_dir_all(&folder);
    folder
}

/// A keyframe before the cycle of a number, then the cycle.
fn from_keyframe(number: u64) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.keyframe(0, number, number as i64 * 10, b"states");
    let mut records = writer.take();
    records.extend_from_slice(&cycle(number));
    records
}

/// What is in a folder, in the order of the names.
fn names(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).expect("it is there");
    let mut names: Vec<_> =
        all.map(|each| each.expect("it is read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The metadata of a name.
fn said(bytes: &[u8], name: &str) -> Facts {
    let reader = mcap::read::LinearReader::new_with_options(bytes, mcap::read::Options::IgnoreEndMagic.into());
    let found = reader.expect("it begins as MCAP does").filter_map(|each| match each {
        Ok(mcap::records::Record::Metadata(found)) if found.name == name => Some(found.metadata),
        _ => None,
    });
    found.last().unwrap_or_default()
}

fn part(folder: &Path, number: u32) -> Vec<u8> {
    std::fs::read(folder.join(format!("part-{number:04}.mcap"))).expect("it is there")
}

#[test]
fn a_part_begins_with_a_keyframe_and_carries_all_that_a_file_does() {
    let folder = folder("parts");
    let parts = Form::Parts { folder: folder.clone(), bytes: None, time_ns: Some(30), keep: None };
    let recorder = recorder_of(parts, None);
    recorder.begin(Begin { epoch_ns: 1000, is_live: false });
    for number in 0..8 {
        // Two of them keep the states, and only one is as far from the part's beginning as was asked.
        let records = if number % 2 == 0 { from_keyframe(number) } else { cycle(number) };
        recorder.add(&records);
        recorder.send(0, number as i64 * 10 + 6, b"of a pipeline");
    }
    assert_eq!(recorder.finish(facts()), Ended::Whole);
    assert_eq!(names(&folder), ["part-0001.mcap", "part-0002.mcap"]);
    let (first, second) = (part(&folder, 1), part(&folder, 2));
    assert_eq!(messages(&first).len() + messages(&second).len(), 8 * 7 + 4);
    assert_eq!(messages(&second)[0].0, "/events/keyframe");
    // Numbers of the log go on.
    let log = |bytes: &[u8]| -> Vec<u32> {
        messages(bytes).iter().filter(|each| each.0.starts_with("/events")).map(|each| each.1).collect()
    };
    assert_eq!([log(&first), log(&second)].concat(), (0..28).collect::<Vec<_>>());
    for (bytes, number, from, event) in [(&first, "1", "0", "0"), (&second, "2", "40", "14")] {
        let summary = mcap::Summary::read(bytes).expect("it is whole").expect("it has an index");
        assert_eq!(summary.attachment_indexes.len(), 1);
        assert_eq!(said(bytes, "isochron.epoch")["epochNs"], "1000");
        let place = said(bytes, "isochron.part");
        assert_eq!([&place["run"], &place["part"], &place["fromNs"]], ["this run", number, from]);
        assert_eq!(place["firstEvent"], event);
    }
    let end = said(&first, "isochron.goes-on");
    assert_eq!([&end["events"], &end["untilNs"]], ["14", "40"]);
    assert_eq!(said(&second, "isochron")["events"], "28");
    std::fs::remove_dir_all(folder).expect("it is there");
}

#[test]
fn the_oldest_parts_are_removed_before_all_are_larger_than_what_is_kept() {
    let folder = folder("kept");
    let (bytes, keep) = (4000, 20_000);
    let parts = Form::Parts { folder: folder.clone(), bytes: Some(bytes), time_ns: None, keep: Some(keep) };
    let recorder = recorder_of(parts, None);
    let mut most = 0;
    for number in 0..400 {
        recorder.add(&from_keyframe(number));
        recorder.flush();
        let sizes =
            names(&folder).into_iter().map(|name| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len()));
        most = most.max(sizes.sum());
    }
    assert_eq!(recorder.finish(facts()), Ended::Whole);
    let left = names(&folder);
    assert!(most <= keep && most > keep - 3 * bytes, "{most}");
    assert!(left.len() > 1 && !left.contains(&"part-0001.mcap".to_owned()), "{left:?}");
    let last = std::fs::read(folder.join(left.last().expect("there are some"))).expect("it is there");
    assert_eq!(messages(&last).last().expect("it has some").1, 399);
    std::fs::remove_dir_all(folder).expect("it is there");
}

#[test]
fn a_part_in_which_records_were_lost_ends_at_the_next_keyframe() {
    let folder = folder("losses");
    let parts = Form::Parts { folder: folder.clone(), bytes: None, time_ns: Some(1 << 40), keep: None };
    let recorder = recorder_of(parts, None);
    recorder.add(&from_keyframe(0));
    let mut writer = Writer::default();
    writer.lost(Losses::Traces, 3);
    recorder.add(&writer.take());
    recorder.add(&from_keyframe(1));
    recorder.flush();
    assert_eq!(names(&folder), ["part-0001.mcap.partial"], "traces only measure");
    writer.lost(Losses::Decisions, 3);
    recorder.add(&writer.take());
    recorder.add(&from_keyframe(2));
    assert_eq!(recorder.finish(facts()), Ended::Whole);
    assert_eq!(names(&folder), ["part-0001.mcap", "part-0002.mcap"]);
    assert_eq!(said(&part(&folder, 1), "isochron.goes-on")["lost"], "3");
    assert_eq!(said(&part(&folder, 2), "isochron")["lost"], "0");
    std::fs::remove_dir_all(folder).expect("it is there");
}

#[test]
fn where_the_disk_takes_no_part_the_run_goes_on_and_a_later_keyframe_begins_one() {
    let folder = folder("away");
    let parts = Form::Parts { folder: folder.clone(), bytes: None, time_ns: Some(20), keep: None };
    let recorder = recorder_of(parts, None);
    recorder.begin(Begin { epoch_ns: 0, is_live: true });
    for number in 0..2 {
        recorder.record(&from_keyframe(number));
    }
    recorder.flush();
    // What a file system that is gone says of names.
    let away = folder.with_extension("away");
    std::fs::rename(&folder, &away).expect("it is there");
    for number in 2..6 {
        recorder.record(&from_keyframe(number));
        assert!(matches!(recorder.flush(), Ended::Failed(_)));
        assert_eq!(recorder.failed(), None, "it may come back");
    }
    std::fs::rename(&away, &folder).expect("it is there");
    for number in 6..9 {
        recorder.record(&from_keyframe(number));
    }
    assert_eq!(recorder.finish(facts()), Ended::Whole);
    assert_eq!(recorder.gaps(), Gaps { count: 1, records: 4 * 6 });
    let left = names(&folder);
    let newest = std::fs::read(folder.join(left.last().expect("there are some"))).expect("it is there");
    let place = said(&newest, "isochron.part");
    assert_eq!((left.len(), place["fromNs"].as_str()), (3, "80"), "{left:?}");
    let second = std::fs::read(folder.join("part-0002.mcap")).expect("it is there");
    assert_eq!([&said(&second, "isochron.part")["fromNs"], &said(&second, "isochron.part")["missed"]], ["60", "24"]);
    std::fs::remove_dir_all(folder).expect("it is there");
}

#[test]
fn a_ring_is_written_when_it_is_asked_for_from_a_keyframe_on_that_is_old_enough() {
    let folder = folder("ring");
    let last = Form::Last { folder: folder.clone(), time_ns: 40, bytes: 1 << 20 };
    let recorder = recorder_of(last, None);
    recorder.begin(Begin { epoch_ns: 7, is_live: true });
    for number in 0..20 {
        recorder.record(&if number % 3 == 0 { from_keyframe(number) } else { cycle(number) });
    }
    assert_eq!(names(&folder), [] as [String; 0]);
    let path = folder.join("saved-0001-request.mcap");
    assert_eq!(recorder.save("request"), Ended::Saved(path.clone()));
    let bytes = std::fs::read(&path).expect("it is there");
    let place = said(&bytes, "isochron.part");
    assert_eq!([&place["fromNs"], &place["saved"], &place["firstEvent"]], ["120", "request", "40"]);
    assert_eq!(messages(&bytes)[0].0, "/events/keyframe");
    assert_eq!(messages(&bytes).len(), 6 * 8 + 3);
    assert!(said(&bytes, "isochron").is_empty() && !said(&bytes, "isochron.goes-on").is_empty());
    // It goes on, and a run that fails writes what it has with all that it says of itself.
    recorder.record(&from_keyframe(21));
    let failed = [("failure".to_owned(), "it fell".to_owned())].into();
    assert_eq!(recorder.finish(failed), Ended::Whole);
    assert_eq!(names(&folder), ["saved-0001-request.mcap", "saved-0002-fault.mcap"]);
    let bytes = std::fs::read(folder.join("saved-0002-fault.mcap")).expect("it is there");
    assert_eq!(said(&bytes, "isochron")["failure"], "it fell");
    assert_eq!(said(&bytes, "isochron.part")["fromNs"], "150");
    std::fs::remove_dir_all(folder).expect("it is there");
}

#[test]
fn a_ring_takes_no_more_memory_than_it_may() {
    let folder = folder("small-ring");
    let one = from_keyframe(0).len();
    let last = Form::Last { folder: folder.clone(), time_ns: 1 << 40, bytes: 5 * one };
    let recorder = recorder_of(last, None);
    recorder.begin(Begin::default());
    for number in 0..50 {
        recorder.record(&from_keyframe(number));
    }
    let Ended::Saved(path) = recorder.save("request") else { panic!("it is not saved") };
    assert_eq!(messages(&std::fs::read(path).expect("it is there")).len(), 7 * 5);
    // Without another keyframe all is forgotten, and from one on kept again.
    for number in 50..60 {
        recorder.record(&cycle(number));
    }
    assert_eq!(recorder.save("request"), Ended::NotSaved(12));
    recorder.record(&from_keyframe(60));
    let Ended::Saved(path) = recorder.save("request") else { panic!("it is not saved") };
    assert_eq!(messages(&std::fs::read(path).expect("it is there")).len(), 7);
    assert_eq!(recorder.finish(facts()), Ended::Whole);
    std::fs::remove_dir_all(folder).expect("it is there");
}
