//! What is known of one frame: where it stood in its parent, at any time or over the last seconds.

use std::collections::VecDeque;

use super::transform::Transform;

/// Where a frame stands in its parent at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    pub time: i64,
    pub parent: usize,
    pub transform: Transform,
}

/// How long a frame's places are kept, as in tf2, and how many at most.
const KEPT_NS: i64 = 10_000_000_000;
const MOST_KEPT: usize = 16_384;

/// The places of a frame; the first that is told says whether it moves.
#[derive(Debug, Default)]
pub enum History {
    #[default]
    Unknown,
    Fixed(Edge),
    /// In the order of their times, which all differ.
    Moving(VecDeque<Edge>),
}

impl History {
    /// The time of what stands at any time.
    pub const ANY_TIME: i64 = i64::MIN;

    /// Adds a place; one that is too old, or of a time that is known, is passed over.
    pub fn add(&mut self, edge: Edge, fixed: bool) {
        match self {
            Self::Unknown if !fixed => *self = Self::Moving(VecDeque::from([edge])),
            Self::Unknown | Self::Fixed(_) => *self = Self::Fixed(Edge { time: Self::ANY_TIME, ..edge }),
            Self::Moving(edges) => {
                let newest = edges.back().map_or(edge.time, |last| last.time);
                if edge.time < newest.saturating_sub(KEPT_NS) {
                    return;
                }
                let at = edges.partition_point(|each| each.time < edge.time);
                if edges.get(at).is_some_and(|each| each.time == edge.time) {
                    return;
                }
                edges.insert(at, edge);
                let oldest = newest.max(edge.time).saturating_sub(KEPT_NS);
                while edges.len() > MOST_KEPT || edges.front().is_some_and(|first| first.time < oldest) {
                    edges.pop_front();
                }
            }
        }
    }

    /// The newest place; none of a frame that is in no other.
    pub fn newest(&self) -> Option<Edge> {
        match self {
            Self::Unknown => None,
            Self::Fixed(edge) => Some(*edge),
            Self::Moving(edges) => edges.back().copied(),
        }
    }

    /// The place at a time, between those before and after it; none of a frame that is in no other.
    pub fn at(&self, time: i64) -> Result<Option<Edge>, &'static str> {
        let Self::Moving(edges) = self else { return Ok(self.newest()) };
        let after = edges.partition_point(|each| each.time < time);
        let Some(next) = edges.get(after) else { return Err("not known so late") };
        if next.time == time {
            return Ok(Some(*next));
        }
        let Some(before) = after.checked_sub(1).and_then(|at| edges.get(at)) else {
            return Err("not known so early");
        };
        // A frame that changes its parent stays with the old one until the new one's time.
        if before.parent != next.parent {
            return Ok(Some(Edge { time, ..*before }));
        }
        let share = (time - before.time) as f64 / (next.time - before.time) as f64;
        let transform = before.transform.towards(&next.transform, share);
        Ok(Some(Edge { time, parent: before.parent, transform }))
    }
}
