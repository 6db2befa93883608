//! What is wrong with an artifact is said by name before anything of it is mapped.
#![cfg(target_arch = "x86_64")]

mod common;

use common::{Flaw, archive, artifact, artifact_with, manifest, manifest_1, object_with, weights};
use isochron_engine::Artifact;
use isochron_engine::loader::Code;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What is made wrong in a manifest.
type Edit = fn(&mut Value);

fn refusal(bytes: &[u8]) -> String {
    match Artifact::open(bytes) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn refusal_of(edit: impl FnOnce(&mut Value)) -> String {
    refusal(&artifact_with(manifest, 0.0, edit))
}

fn refusal_of_version_1(edit: impl FnOnce(&mut Value)) -> String {
    refusal(&artifact_with(manifest_1, 0.0, edit))
}

#[track_caller]
fn says(text: &str, code: &str, thing: &str) {
    assert!(text.starts_with(&format!("error[{code}]: ")), "{text}");
    assert!(text.contains(thing) && text.contains("\nhelp: "), "{text}");
}

#[test]
fn the_whole_artifact_is_accepted() {
    assert_eq!(refusal(&artifact(0.0)), "accepted");
    assert_eq!(refusal_of_version_1(|_| {}), "accepted");
}

#[test]
fn what_is_no_artifact_is_refused() {
    says(&refusal(b""), "artifact/not-an-artifact", "no ZIP");
    says(&refusal(b"PK\x03\x04 and then nothing"), "artifact/not-an-artifact", "no ZIP");
    says(&refusal(&archive(&[("readme", b"hello")], 64)), "artifact/not-an-artifact", "manifest.json");
    says(&refusal_of(|m| m["format"] = json!("tar")), "artifact/not-an-artifact", "\"tar\"");
    says(
        &refusal_of(|m| m["version"] = json!(3)),
        "artifact/not-an-artifact",
        "version is 3, this runtime reads 1 and 2",
    );
    for refusal in [refusal_of, refusal_of_version_1] as [fn(Edit) -> String; 2] {
        says(&refusal(|m| m["surprise"] = json!(1)), "artifact/not-an-artifact", "surprise");
        says(&refusal(|m| m["weights"]["file"] = json!("other")), "artifact/not-an-artifact", "other");
    }
    // Neither version is read as the other.
    says(&refusal_of(|m| m["version"] = json!(1)), "artifact/not-an-artifact", "manifest.json");
    says(&refusal_of_version_1(|m| m["version"] = json!(2)), "artifact/not-an-artifact", "manifest.json");
    let graph: Edit = |m| m["methods"]["count"]["graph"]["file"] = json!("other.json");
    says(&refusal_of(graph), "artifact/not-an-artifact", "other.json");
}

#[test]
fn a_changed_entry_is_refused_by_name_wherever_it_was_changed() {
    let (object, weights, graph) = (object_with(Flaw::None), weights(0.0), b"{}".as_slice());
    let mut text = manifest(&object, &weights, graph);
    // Code for another machine is held to its hash too.
    let mut other = text["targets"]["x86-64-v3"].clone();
    other["file"] = json!("code/x86-64-v4.o");
    text["targets"]["x86-64-v4"] = other;
    let text = text.to_string();
    let good = [
        ("manifest.json", text.as_bytes()),
        ("graph.json", graph),
        ("graphs/count.json", graph),
        ("weights.bin", &weights),
        ("code/x86-64-v3.o", &object),
        ("code/x86-64-v4.o", &object),
    ];
    assert_eq!(refusal(&archive(&good, 64)), "accepted");
    for at in 1..good.len() {
        let (name, bytes) = good[at];
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.to_vec();
            changed[place] ^= 1;
            let mut entries = good;
            entries[at].1 = &changed;
            says(&refusal(&archive(&entries, 64)), "artifact/hash", name);
        }
    }
}

#[test]
fn bounds_that_do_not_hold_are_refused() {
    let cases: [(&str, Edit); 14] = [
        ("input \"x\"", |m| m["methods"]["forward"]["inputs"][0]["bytes"] = json!(8)),
        ("unknown dtype f17", |m| m["methods"]["count"]["outputs"][0]["dtype"] = json!("f17")),
        ("output \"y\"", |m| m["methods"]["forward"]["outputs"][0]["shape"] = json!([u64::MAX, u64::MAX])),
        ("input \"x\"", |m| {
            let large = json!({ "name": "x", "dtype": "u8", "shape": [1u64 << 40], "bytes": 1u64 << 40 });
            m["methods"]["count"]["inputs"][0] = large;
        }),
        ("state \"total\" begins outside", |m| m["states"][1]["initial"] = json!(61)),
        ("state \"counted\" begins outside", |m| m["states"][0]["initial"] = json!(u64::MAX)),
        ("weights.bin holds 64 bytes", |m| m["weights"]["bytes"] = json!(65)),
        ("method \"count\" of target x86-64-v3 asks for", |m| {
            m["targets"]["x86-64-v3"]["methods"]["count"]["scratchBytes"] = json!(1u64 << 50)
        }),
        ("no method", |m| m["methods"] = json!({})),
        ("target x86-64-v3 has other methods", |m| {
            m["targets"]["x86-64-v3"]["methods"].as_object_mut().unwrap().remove("count");
        }),
        ("target x86-64-v3 has other methods", |m| m["methods"]["third"] = m["methods"]["count"].clone()),
        ("a state \"sum\" that is not there", |m| m["methods"]["count"]["states"] = json!(["sum"])),
        ("state \"total\" is there twice", |m| m["methods"]["forward"]["states"] = json!(["total", "total"])),
        ("input \"x\" is there twice", |m| {
            let inputs = &mut m["methods"]["forward"]["inputs"];
            *inputs = json!([inputs[0], inputs[0]]);
        }),
    ];
    for (thing, edit) in cases {
        says(&refusal_of(edit), "artifact/bounds", thing);
    }
    let cases: [(&str, Edit); 5] = [
        ("input \"x\"", |m| m["inputs"][0]["bytes"] = json!(8)),
        ("output \"y\" is there twice", |m| m["outputs"] = json!([m["outputs"][0], m["outputs"][0]])),
        ("state \"total\" begins outside", |m| m["states"][0]["initial"] = json!(61)),
        ("scratch", |m| m["targets"]["x86-64-v3"]["scratchBytes"] = json!(1u64 << 50)),
        ("no method \"forward\"", |m| m["methods"] = json!({})),
    ];
    for (thing, edit) in cases {
        says(&refusal_of_version_1(edit), "artifact/bounds", thing);
    }
}

#[test]
fn entries_that_are_not_aligned_are_refused() {
    let (object, weights) = (object_with(Flaw::None), weights(0.0));
    let text = manifest(&object, &weights, b"{}").to_string();
    let entries = [
        ("manifest.json", text.as_bytes()),
        ("graph.json", b"{}".as_slice()),
        ("graphs/count.json", b"{}".as_slice()),
        ("weights.bin", &weights),
        ("code/x86-64-v3.o", &object),
    ];
    says(&refusal(&archive(&entries, 1)), "artifact/bounds", "manifest.json does not start");
}

#[test]
fn an_object_that_needs_more_than_our_relocations_is_refused() {
    let refusal =
        |flaw| Code::load("code/x.o", &object_with(flaw)).err().map(|error| error.to_string()).unwrap_or_default();
    says(&refusal(Flaw::Undefined), "artifact/code", "symbol \"memcpy\" is not defined");
    says(&refusal(Flaw::Absolute), "artifact/code", "relocations of type");
    says(&refusal(Flaw::FarAddend), "artifact/code", "a relocation adds 1099511627776");
    says(&refusal(Flaw::Writable), "artifact/code", ".data");
}

#[test]
fn functions_and_targets_of_relocations_outside_their_sections_are_refused_by_name() {
    let refusal =
        |flaw| Code::load("code/x.o", &object_with(flaw)).err().map(|error| error.to_string()).unwrap_or_default();
    says(&refusal(Flaw::FunctionOutside), "artifact/code", "code/x.o: function \"beyond\" lies outside its section");
    says(&refusal(Flaw::TargetOutside), "artifact/code", "code/x.o: symbol \"behind\" lies outside its section");
    says(&refusal(Flaw::FieldOutside), "artifact/code", "lies outside its section");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_artifact_is_refused_or_means_the_same(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let good = artifact(1.5);
        let mut bytes = good.clone();
        for (at, bits) in &flips {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(opened) = Artifact::open(&bytes) {
            let whole = Artifact::open(&good).unwrap();
            prop_assert_eq!(&opened.manifest_text, &whole.manifest_text);
            prop_assert_eq!(&opened.weights, &whole.weights);
            prop_assert_eq!(opened.code_for(&[common::TARGET]).unwrap().1, whole.code_for(&[common::TARGET]).unwrap().1);
        }
    }

    #[test]
    fn a_damaged_object_never_makes_the_loader_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = object_with(Flaw::None);
        for (at, bits) in &flips {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = Code::load("code/x.o", &bytes) {
            prop_assert!(error.to_string().starts_with("error[artifact/code]: code/x.o: "), "{}", error);
        }
    }
}
