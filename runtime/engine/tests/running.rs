//! Loaded code runs, states are committed when told, and the floating-point mode is the engine's.
#![cfg(target_arch = "x86_64")]

mod common;

use std::sync::Arc;

use common::{CONSTANT_VALUE, Flaw, artifact, artifact_with, manifest_1, object_with};
use isochron_engine::loader::Code;
use isochron_engine::{Artifact, Instance, Program, fpenv};

#[repr(align(64))]
struct Cell([f32; 16]);

fn program(initial: f32) -> Arc<Program> {
    Program::load(&Artifact::open(&artifact(initial)).unwrap(), Some(common::TARGET)).unwrap()
}

fn step_of(method: &str, instance: &mut Instance, x: f32) -> f32 {
    let (input, mut output) = (Cell([x; 16]), Cell([f32::NAN; 16]));
    let method = instance.program().method(method).unwrap();
    // SAFETY: one aligned cell per input and output, larger than four bytes.
    unsafe { instance.step(method, &[input.0.as_ptr().cast()], &[output.0.as_mut_ptr().cast()]) }.unwrap();
    output.0[0]
}

fn step(instance: &mut Instance, x: f32) -> f32 {
    step_of("forward", instance, x)
}

/// The states `counted` and `total`.
fn states(instance: &Instance) -> [f32; 2] {
    let mut bytes = [0; 8];
    instance.copy_states(&mut bytes);
    [0, 4].map(|at| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
}

#[test]
fn a_call_within_the_object_and_a_constant_are_reached_through_relocations() {
    let code = Code::load("x.o", &object_with(Flaw::None)).unwrap();
    let address = code.function("constant").unwrap();
    // SAFETY: `constant` takes nothing and returns what it loads.
    let constant = unsafe { std::mem::transmute::<*const u8, extern "C" fn() -> u32>(address) };
    assert_eq!(constant(), CONSTANT_VALUE);
}

#[test]
fn loaded_code_is_executable_and_never_writable() {
    let code = Code::load("x.o", &object_with(Flaw::None)).unwrap();
    let address = code.function("forward").unwrap() as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        (usize::from_str_radix(from, 16).unwrap()..usize::from_str_radix(to, 16).unwrap()).contains(&address)
    });
    assert_eq!(line.unwrap().split(' ').nth(1), Some("r-xp"));
}

#[test]
fn states_advance_only_when_committed_and_reset_to_their_initial_values() {
    let mut instance = Instance::new(program(10.0)).unwrap();
    assert_eq!(step(&mut instance, 1.0), 11.0);
    assert_eq!(step(&mut instance, 2.0), 12.0);
    instance.commit();
    assert_eq!(step(&mut instance, 2.0), 14.0);
    instance.commit();
    assert_eq!(states(&instance), [10.0, 14.0]);
    let mut kept = [0; 8];
    instance.copy_states(&mut kept);
    instance.reset();
    assert_eq!(step(&mut instance, 1.0), 11.0);
    instance.set_states(&kept).unwrap();
    assert_eq!(step(&mut instance, 1.0), 15.0);
    assert_eq!(instance.kernel_calls(), 5);
}

#[test]
fn a_method_leaves_the_states_of_others_as_they_are() {
    let mut instance = Instance::new(program(0.0)).unwrap();
    let mut expected = [0.0, 0.0];
    for (at, method) in ["forward", "count", "count", "forward", "forward", "count", "forward"].iter().enumerate() {
        let state = usize::from(*method == "forward");
        expected[state] += at as f32;
        assert_eq!(step_of(method, &mut instance, at as f32), expected[state]);
        instance.commit();
        assert_eq!(states(&instance), expected);
    }
}

#[test]
fn only_the_last_step_is_committed_and_once() {
    let mut instance = Instance::new(program(0.0)).unwrap();
    step_of("count", &mut instance, 3.0);
    step(&mut instance, 5.0);
    instance.commit();
    instance.commit();
    assert_eq!(states(&instance), [0.0, 5.0]);
}

#[test]
fn an_artifact_of_version_1_has_the_method_forward_and_runs() {
    let bytes = artifact_with(manifest_1, 2.0, |_| {});
    let artifact = Artifact::open(&bytes).unwrap();
    let program = Program::load(&artifact, Some(common::TARGET)).unwrap();
    let error = program.method("count").unwrap_err().to_string();
    assert_eq!(error, "error[program/method]: the program \"sum\" has no method \"count\"\nhelp: it has forward");
    let mut instance = Instance::new(program).unwrap();
    step(&mut instance, 1.0);
    instance.commit();
    assert_eq!(step(&mut instance, 1.0), 4.0);
}

#[test]
fn instances_of_one_program_have_states_of_their_own() {
    let program = program(0.0);
    let (mut one, mut other) = (Instance::new(program.clone()).unwrap(), Instance::new(program).unwrap());
    step(&mut one, 5.0);
    one.commit();
    assert_eq!((step(&mut one, 0.0), step(&mut other, 0.0)), (5.0, 0.0));
}

#[test]
fn nans_in_outputs_and_states_are_canonical() {
    let mut instance = Instance::new(program(0.0)).unwrap();
    assert_eq!(step(&mut instance, f32::from_bits(0xffc1_2345)).to_bits(), 0x7fc0_0000);
    instance.commit();
    assert_eq!(states(&instance)[1].to_bits(), 0x7fc0_0000);
}

#[test]
fn the_callers_floating_point_mode_changes_no_bit_and_is_restored() {
    const FLUSH_AND_UP: u64 = 0x1f80 | 0x8040 | 0x4000;
    let run = |x: f32, initial: f32| step(&mut Instance::new(program(initial)).unwrap(), x).to_bits();
    // One and a quarter of an ulp is one to nearest, not upwards; subnormals are added, not flushed.
    let cases = [(1.0, f32::EPSILON / 4.0, 1.0f32.to_bits()), (f32::from_bits(3), f32::from_bits(4), 7)];
    for (x, initial, expected) in cases {
        assert_eq!(run(x, initial), expected);
        let mut instance = Instance::new(program(initial)).unwrap();
        let original = fpenv::read();
        fpenv::write(FLUSH_AND_UP);
        let bits = step(&mut instance, x).to_bits();
        let after = fpenv::read() & fpenv::CONTROL;
        fpenv::write(original);
        assert_eq!((bits, after), (expected, FLUSH_AND_UP));
    }
}

#[test]
fn a_profile_calls_every_kernel_and_commits_nothing() {
    let program = program(3.0);
    let forward = program.method("forward").unwrap();
    assert_eq!(program.kernel_names(forward).collect::<Vec<_>>(), ["add %x %total"]);
    let mut instance = Instance::new(program).unwrap();
    let (input, mut output) = (Cell([4.0; 16]), Cell([0.0; 16]));
    let mut taken = [u64::MAX];
    // SAFETY: one aligned cell per input and output, larger than four bytes.
    unsafe { instance.profile(forward, &[input.0.as_ptr().cast()], &[output.0.as_mut_ptr().cast()], &mut taken) };
    assert_eq!((output.0[0], instance.kernel_calls()), (7.0, 1));
    assert_ne!(taken[0], u64::MAX);
    assert_eq!(step(&mut instance, 0.0), 3.0);
}
