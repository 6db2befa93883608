//! Which topics a recording has, and what of a run goes to which: `sim/recording.ts` says so.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Topic {
    pub topic: String,
    pub schema: String,
    pub schema_encoding: String,
    pub schema_text: String,
    pub message_encoding: String,
}

/// Where a field of a slot stands in its task's record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Field {
    pub offset: usize,
    pub bytes: usize,
    pub start: usize,
}

/// The record of a task's output, as a message: a header, job, sequence, chain, then its fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskRecord {
    pub topic: usize,
    pub length: usize,
    pub fields: Vec<Field>,
}

/// A kind of record of the log of decisions, which has a topic of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    pub kind: u8,
    pub topic: usize,
}

/// Topics are meant by their places in `topics`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Layout {
    pub topics: Vec<Topic>,
    /// Per channel of the schedule; none where nothing is received.
    pub inputs: Vec<Option<usize>>,
    pub outputs: Vec<usize>,
    pub publications: Vec<usize>,
    pub tasks: Vec<TaskRecord>,
    pub events: Vec<Kind>,
}

impl Layout {
    /// Says what is wrong with the text, or with a place that it names.
    pub fn parse(json: &str) -> Result<Self, String> {
        let layout: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut places = layout.inputs.iter().flatten().chain(&layout.outputs).chain(&layout.publications);
        let known = |place: &usize| *place < layout.topics.len();
        let all = places.all(known)
            && layout.tasks.iter().all(|task| known(&task.topic))
            && layout.events.iter().all(|each| known(&each.topic));
        all.then_some(layout).ok_or_else(|| "a topic's place lies outside the list".to_owned())
    }
}
