//! The tree of frames that `/tf` and `/tf_static` tell of: where one frame is in another, at the latest time that all between
//! them is known, as tf2 looks it up.

mod history;
mod transform;
mod wire;

use std::collections::HashMap;

use history::{Edge, History};
use transform::Transform;
use wire::{Told, read_transforms, write_transform};

/// A transform that is wanted: what carries points of `source` into `target`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub target: String,
    pub source: String,
}

/// News of a pair: a geometry_msgs/msg/TransformStamped.
///
/// Where there is no transform, it is of no frame: its `frame_id` says why.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The pair's place among those that are wanted.
    pub pair: usize,
    pub message: Vec<u8>,
}

/// More frames than any robot has: names could be made up without end.
const MOST_FRAMES: usize = 10_000;

struct Frame {
    name: String,
    history: History,
}

/// A transform and its time; 0 where all of it stands at any time.
type Found = (i64, Transform);

/// All that is known of frames.
pub struct FrameTree {
    pairs: Vec<Pair>,
    /// What was answered last.
    last: Vec<Option<Result<Found, String>>>,
    frames: Vec<Frame>,
    numbers: HashMap<String, usize>,
}

/// The edges from two frames up to the first that is above both.
struct Path {
    source: Vec<Edge>,
    target: Vec<Edge>,
}

impl FrameTree {
    pub fn new(pairs: Vec<Pair>) -> Self {
        let last = vec![None; pairs.len()];
        Self { pairs, last, frames: Vec::new(), numbers: HashMap::new() }
    }

    /// Takes a tf2_msgs/msg/TFMessage that came at `now_ns`; what it tells is of any time where it is `fixed`.
    ///
    /// Answers for each pair that is elsewhere than before, or no more anywhere. A transform that is none, or would close
    /// a loop, is left out, and answered to every pair.
    pub fn receive(&mut self, message: &[u8], fixed: bool, now_ns: i64) -> Vec<Answer> {
        let mut refused = Vec::new();
        match read_transforms(message) {
            Err(error) => refused.push(error.code().to_owned()),
            Ok(told) => refused.extend(told.into_iter().filter_map(|each| self.take(each, fixed).err())),
        }
        let mut answers = Vec::new();
        for pair in 0..self.pairs.len() {
            answers.extend(refused.iter().map(|why| Answer { pair, message: write_transform(0, why, "", None) }));
            let found = self.look_up(&self.pairs[pair], now_ns);
            if self.last[pair].as_ref() == Some(&found) {
                continue;
            }
            let Pair { target, source } = &self.pairs[pair];
            let message = match &found {
                Ok((time, transform)) => write_transform(*time, target, source, Some(transform)),
                Err(why) => write_transform(0, why, "", None),
            };
            self.last[pair] = Some(found);
            answers.push(Answer { pair, message });
        }
        answers
    }

    fn take(&mut self, told: Told, fixed: bool) -> Result<(), String> {
        let Told { time, parent, child, transform } = told;
        if parent.is_empty() || child.is_empty() {
            return Err("a frame without a name".to_owned());
        }
        if !transform.is_sound() {
            return Err(format!("no motion: {child}"));
        }
        let (parent, number) = (self.number(parent)?, self.number(child)?);
        // Up from the parent, by what was told last.
        let mut above = Some(parent);
        while let Some(at) = above {
            if at == number {
                return Err(format!("a loop: {} in {}", self.frames[number].name, self.frames[parent].name));
            }
            above = self.frames[at].history.newest().map(|edge| edge.parent);
        }
        self.frames[number].history.add(Edge { time, parent, transform }, fixed);
        Ok(())
    }

    fn number(&mut self, name: String) -> Result<usize, String> {
        if let Some(number) = self.numbers.get(&name) {
            return Ok(*number);
        }
        if self.frames.len() == MOST_FRAMES {
            return Err("too many frames".to_owned());
        }
        self.numbers.insert(name.clone(), self.frames.len());
        self.frames.push(Frame { name, history: History::default() });
        Ok(self.frames.len() - 1)
    }

    /// Where a pair's source is in its target at the latest time up to `now` at which every frame between is known.
    fn look_up(&self, pair: &Pair, now: i64) -> Result<Found, String> {
        let frame = |name: &String| self.numbers.get(name).copied().ok_or_else(|| format!("no frame {name}"));
        let (target, source) = (frame(&pair.target)?, frame(&pair.source)?);
        let newest = |at: usize| Ok(self.frames[at].history.newest());
        let Path { source: up, target: down } = self.path(target, source, newest)?;
        let moving = up.iter().chain(&down).filter(|edge| edge.time != History::ANY_TIME);
        let Some(latest) = moving.map(|edge| edge.time).min() else { return Ok((0, joined(&up, &down))) };
        let time = latest.min(now);
        let then =
            |at: usize| self.frames[at].history.at(time).map_err(|why| format!("{why}: {}", self.frames[at].name));
        let Path { source: up, target: down } = self.path(target, source, then)?;
        Ok((time, joined(&up, &down)))
    }

    /// The edges between two frames; `edge` says what is above a frame.
    fn path(
        &self,
        target: usize,
        source: usize,
        edge: impl Fn(usize) -> Result<Option<Edge>, String>,
    ) -> Result<Path, String> {
        let mut up: Vec<Edge> = Vec::new();
        // The frame that stands below each edge, and the last one above.
        let mut below = vec![source];
        let mut at = source;
        // What is above the frame that both are in does not matter.
        let mut unknown = None;
        while at != target {
            let next = match edge(at) {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(why) => {
                    unknown = Some(why);
                    break;
                }
            };
            at = next.parent;
            // Frames may have changed places: what was told last has no loop, what held before may.
            if up.len() > self.frames.len() {
                return Err(format!("a loop above {}", self.frames[source].name));
            }
            up.push(next);
            below.push(at);
        }
        let mut down: Vec<Edge> = Vec::new();
        let mut at = target;
        loop {
            if let Some(shared) = below.iter().position(|each| *each == at) {
                up.truncate(shared);
                return Ok(Path { source: up, target: down });
            }
            let Some(next) = edge(at)? else { break };
            if down.len() > self.frames.len() {
                return Err(format!("a loop above {}", self.frames[target].name));
            }
            at = next.parent;
            down.push(next);
        }
        let (one, other) = (&self.frames[source].name, &self.frames[target].name);
        Err(unknown.unwrap_or_else(|| format!("no chain: {one}, {other}")))
    }
}

/// One motion of those up from the source and down to the target.
fn joined(up: &[Edge], down: &[Edge]) -> Transform {
    let all = |edges: &[Edge]| edges.iter().fold(Transform::IDENTITY, |so_far, edge| edge.transform.after(&so_far));
    if down.is_empty() { all(up) } else { all(down).inverse().after(&all(up)) }
}
