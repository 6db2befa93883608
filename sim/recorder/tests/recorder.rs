//! What the recorder's thread writes: read back by the crate that reads MCAP, whole, cut and compressed.

use std::path::{Path, PathBuf};

use isochron_executive::journal::Record;
use isochron_executive::records::{Pin, Writer};
use isochron_recorder::{Attachment, Begin, Compression, Ended, Facts, Layout, Recorder};

const LAYOUT: &str = r#"{ "topics": [
    { "topic": "/in", "schema": "a/msg/In", "schemaEncoding": "ros2msg", "schemaText": "float32 data", "messageEncoding": "cdr" },
    { "topic": "/out", "schema": "a/msg/Out", "schemaEncoding": "ros2msg", "schemaText": "float64 data", "messageEncoding": "cdr" },
    { "topic": "/records", "schema": "a/msg/F", "schemaEncoding": "ros2msg", "schemaText": "uint64 job", "messageEncoding": "cdr" },
    { "topic": "/events", "schema": "Event", "schemaEncoding": "jsonschema", "schemaText": "{}", "messageEncoding": "json" } ],
  "inputs": [0, null], "outputs": [1], "publications": [1],
  "tasks": [ { "topic": 2, "length": 60, "fields": [ { "offset": 64, "bytes": 8, "start": 52 } ] } ],
  "events": 3, "names": { "tasks": ["f"], "channels": ["/in", "f"] } }"#;

/// A file of this process's own that is not there.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("isochron-recorder-{}-{name}.mcap", std::process::id()));
    let _was_there = std::fs::remove_file(&path);
    path
}

fn recorder(path: &Path, compression: Option<Compression>) -> Recorder {
    let layout = Layout::parse(LAYOUT).expect("it is sound");
    let attachment = Attachment { name: "a".to_owned(), media_type: "b".to_owned(), data: vec![7; 100] };
    let recorder = Recorder::create(path, layout, vec![attachment], compression).expect("the file is made");
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
    let hash = blake3::hash(b"what was received").to_hex();
    let sum = crc32fast::hash(b"what was received");
    let log = [
        format!(
            r#"{{"kind":"admit","channel":"/in","sequence":4,"time":30,"bytes":17,"blake3":"{hash}","crc32":{sum}}}"#
        ),
        r#"{"kind":"release","task":"f","job":3,"time":30,"pins":[{"channel":"/in","sequence":4,"held":false}]}"#
            .to_owned(),
        r#"{"kind":"verdict","task":"f","job":3,"time":35,"overrun":false,"ended":33}"#.to_owned(),
    ];
    let logged = |number: u32, time| ("/events".to_owned(), number, time, log[number as usize].clone().into_bytes());
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
    let refused = Recorder::create(&path, layout, Vec::new(), None).err().expect("it is refused");
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).expect("it is there"), b"mine");
    std::fs::remove_file(path).expect("it is there");
}
