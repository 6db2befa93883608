//! Runs programs on a deterministic schedule: threads, clocks, channels, verdicts, decisions.
