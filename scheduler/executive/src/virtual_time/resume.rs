//! Goes on from a keyframe: the executive stands where the run stood.

use std::cmp::Reverse;

use super::{Event, History, VirtualExecutive, put};
use crate::error::ExecutiveError;
use crate::intake;
use crate::past::{Past, TaskPast};
use crate::rules;
use crate::table::{Source, Trigger};

impl VirtualExecutive {
    /// Goes on from a keyframe instead of beginning at 0: what is computed from here on is what the run computed, whose log
    /// decides.
    pub fn resume(&mut self, past: Past) -> Result<(), ExecutiveError> {
        past.check()?;
        (self.now, self.next_keyframe) = (past.time, past.time);
        self.events.clear();
        for (id, task) in past.tasks.iter().enumerate() {
            let row = &self.table.tasks[id];
            if !self.tasks[id].job.set_states(&task.states) {
                let (name, time) = (&row.name, past.time);
                return Err(ExecutiveError::Keyframe(format!(
                    "the states of \"{name}\" at {time} ns have another size"
                )));
            }
            self.journal.resume(id, task.chain);
            let channel = &self.channels[row.output];
            for output in &task.outputs {
                put(channel, output.job + 1, output.time, &output.bytes)?;
                self.journal.outlet.resume(row.output, &output.bytes);
            }
            let progress = &mut self.progress[id];
            progress.releases = History { count: task.releases, recent: task.newest.clone() };
            progress.standing = task.outputs.iter().any(|output| output.time < past.time);
            progress.done = task.outputs.iter().map(|output| output.job).collect();
            if let Some(release) = task.newest.back() {
                let publication = rules::publication(row, *release);
                if publication >= past.time {
                    self.events.push(Reverse((publication, Event::Publication { task: id, job: task.releases - 1 })));
                }
            }
            if matches!(row.trigger, Trigger::Periodic { .. })
                && let Some(next) = rules::release(row, &progress.releases, task.releases)
            {
                self.events.push(Reverse((next, Event::Release { task: id })));
            }
        }
        for (id, channel) in past.channels.into_iter().enumerate() {
            self.admitted[id] = channel.admitted;
            self.newest_admission[id] = channel.newest;
            if let Some((arrived, time)) = channel.standing {
                let decoder = self.decoders.get(id).and_then(Option::as_ref);
                let decoder = decoder.ok_or_else(|| self.nothing_decodes(id))?;
                // It was decoded once.
                let slot = intake::decode(decoder.as_ref(), &arrived.raw, self.table.channels[id].slot_bytes)
                    .map_err(ExecutiveError::Admission)?;
                put(&self.channels[id], arrived.sequence, time, &slot)?;
            }
            for arrived in channel.decoding {
                self.intend(id, arrived.sequence, arrived.time, &arrived.raw)?;
            }
        }
        self.resume_arrivals(past.time, &past.tasks);
        Ok(())
    }

    /// Releases on arrival go on; one that was put off to an instant after the keyframe is still to come.
    fn resume_arrivals(&mut self, now: i64, tasks: &[TaskPast]) {
        for (id, past) in tasks.iter().enumerate() {
            let Trigger::Arrival { channel, .. } = self.table.tasks[id].trigger else { continue };
            let arrived = self.newest_arrival(channel, now, tasks);
            let Some(arrivals) = &mut self.progress[id].arrivals else { continue };
            let newest = past.newest.back().copied();
            arrivals.resume(past.releases, newest, past.nominal);
            // What stands since after the newest release has put one off, where it was not dropped.
            if let Some(arrived) = arrived
                && newest.is_none_or(|newest| newest < arrived)
                && let Some(release) = arrivals.arrive(arrived)
            {
                self.events.push(Reverse((release, Event::Release { task: id })));
            }
        }
    }

    /// When something last came to stand on a channel before `now`.
    fn newest_arrival(&self, channel: usize, now: i64, tasks: &[TaskPast]) -> Option<i64> {
        let sample = self.channels[channel].pin_at(now - 1);
        self.channels[channel].unpin(sample.slot);
        let standing = (sample.sequence > 0).then_some(sample.time)?;
        let Source::Task { task } = self.table.channels[channel].source else { return Some(standing) };
        let row = &self.table.tasks[task];
        let instants = tasks[task].newest.iter().map(|release| rules::publication(row, *release));
        // Under `hold` it stands again at later instants.
        instants.filter(|time| *time < now && rules::publishes(row, *time == standing, true)).max().or(Some(standing))
    }
}
