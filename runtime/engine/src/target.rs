//! The instruction sets this machine can run, and the choice among those an artifact holds.

use crate::error::EngineError;

/// The environment variable that forces a target, for tests.
pub const OVERRIDE: &str = "ISOCHRON_TARGET";

/// A target of this machine's architecture, with what of it this machine lacks.
pub struct Target {
    pub name: &'static str,
    pub missing: Vec<&'static str>,
}

#[cfg(target_arch = "x86_64")]
macro_rules! missing {
    ($($feature:tt),*) => {
        [$((is_x86_feature_detected!($feature), $feature)),*].into_iter().filter(|(there, _)| !there).map(|(_, name)| name)
    };
}

/// The targets of this machine's architecture, best first, whether it runs them or not.
#[cfg(target_arch = "x86_64")]
pub fn known() -> Vec<Target> {
    let v3: Vec<&str> = missing!("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt").collect();
    let v4: Vec<&str> =
        v3.iter().copied().chain(missing!("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")).collect();
    let vnni = v4.iter().copied().chain(missing!("avx512vnni")).collect();
    vec![
        Target { name: "x86-64-v4+vnni", missing: vnni },
        Target { name: "x86-64-v4", missing: v4 },
        Target { name: "x86-64-v3", missing: v3 },
    ]
}

/// The targets of this machine's architecture, best first, whether it runs them or not.
#[cfg(target_arch = "aarch64")]
pub fn known() -> Vec<Target> {
    let dotprod = if std::arch::is_aarch64_feature_detected!("dotprod") { Vec::new() } else { vec!["dotprod"] };
    vec![Target { name: "aarch64+dotprod", missing: dotprod }, Target { name: "aarch64", missing: Vec::new() }]
}

/// The names of the targets that this machine can run, best first.
pub fn runnable() -> Vec<&'static str> {
    known().into_iter().filter(|target| target.missing.is_empty()).map(|target| target.name).collect()
}

/// The targets to look for in an artifact, best first: `wanted` alone if given, else what `ISOCHRON_TARGET` says, else all that run here.
pub fn preferred(wanted: Option<&str>) -> Result<Vec<&'static str>, EngineError> {
    match wanted.map(str::to_owned).or_else(|| std::env::var(OVERRIDE).ok().filter(|name| !name.is_empty())) {
        Some(name) => choose(&name, known()).map(|name| vec![name]),
        None => Ok(runnable()),
    }
}

fn choose(wanted: &str, known: Vec<Target>) -> Result<&'static str, EngineError> {
    let runs = || {
        let names =
            known.iter().filter(|target| target.missing.is_empty()).map(|target| target.name).collect::<Vec<_>>();
        if names.is_empty() { "none of ours".to_owned() } else { names.join(", ") }
    };
    match known.iter().find(|target| target.name == wanted) {
        Some(target) if target.missing.is_empty() => Ok(target.name),
        Some(target) => Err(EngineError::CannotRun {
            target: wanted.to_owned(),
            reason: format!("it lacks {}", target.missing.join(", ")),
            runs: runs(),
        }),
        None => Err(EngineError::CannotRun {
            target: wanted.to_owned(),
            reason: format!("that is no target of {}", std::env::consts::ARCH),
            runs: runs(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Vec<Target> {
        vec![Target { name: "wide", missing: vec!["avx512f", "avx512vl"] }, Target { name: "narrow", missing: vec![] }]
    }

    #[test]
    fn a_target_that_the_machine_runs_can_be_forced() {
        assert_eq!(choose("narrow", machine()).unwrap(), "narrow");
    }

    #[test]
    fn forcing_a_target_that_the_machine_cannot_run_names_what_it_lacks() {
        let text = choose("wide", machine()).unwrap_err().to_string();
        assert!(
            text.starts_with(
                "error[artifact/cannot-run]: this machine cannot run \"wide\": it lacks avx512f, avx512vl\n"
            ),
            "{text}"
        );
        assert!(text.contains("narrow"), "{text}");
    }

    #[test]
    fn forcing_a_target_of_another_architecture_says_so() {
        let text = choose("m68k", machine()).unwrap_err().to_string();
        assert!(text.contains("that is no target of"), "{text}");
    }

    #[test]
    fn what_runs_here_is_known_and_lacks_nothing() {
        for name in runnable() {
            assert!(known().iter().any(|target| target.name == name && target.missing.is_empty()));
            assert_eq!(preferred(Some(name)).unwrap(), [name]);
        }
    }
}
