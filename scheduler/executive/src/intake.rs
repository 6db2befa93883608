//! What comes from outside: received messages become samples, at once or on a thread of their own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::error::ExecutiveError;

/// Makes a sample of a received message.
pub trait Decode: Send + Sync {
    /// Writes every byte of every tensor of `slot`, or says why the message is none, in a text that begins with
    /// `error[area/name]`; then the slot holds nothing of use.
    fn decode(&self, raw: &[u8], slot: &mut [u8]) -> Result<(), String>;
}

/// One decoder per channel; none where nothing is received.
pub type Decoders = Vec<Option<Arc<dyn Decode>>>;

/// The slot of a message, or why it is none.
pub fn decode(decoder: &dyn Decode, raw: &[u8], slot_bytes: usize) -> Result<Vec<u8>, String> {
    let mut slot = vec![0; slot_bytes];
    decoder.decode(raw, &mut slot).map(|()| slot)
}

/// A decoded message with the hash of its slot.
pub struct Decoded {
    pub slot: Vec<u8>,
    pub hash: [u8; 32],
}

impl Decoded {
    pub fn of(slot: Vec<u8>) -> Self {
        Self { hash: *blake3::hash(&slot).as_bytes(), slot }
    }
}

/// What became of the messages of one channel, for those who observe it.
#[derive(Default)]
pub struct Outcomes {
    /// Messages that a thread is at, or that wait for it.
    undecided: VecDeque<u64>,
    rejected: VecDeque<u64>,
}

/// Rejected messages that are remembered: more than an observer is behind.
const MOST_REMEMBERED: usize = 4096;

impl Outcomes {
    /// A message was handed to the channel's thread.
    pub fn wait(&mut self, number: u64) {
        self.undecided.push_back(number);
    }

    /// A message is a sample.
    pub fn stand(&mut self, number: u64) {
        self.undecided.retain(|each| *each != number);
    }

    /// A message is none.
    pub fn reject(&mut self, number: u64) {
        self.stand(number);
        if self.rejected.len() == MOST_REMEMBERED {
            self.rejected.pop_front();
        }
        self.rejected.push_back(number);
    }

    /// Whether a message is a sample; none while that is not known.
    pub fn of(&self, number: u64) -> Option<bool> {
        (!self.undecided.contains(&number)).then(|| !self.rejected.contains(&number))
    }
}

/// Why a message was not even decoded: too many waited before it.
pub const BACKLOG: &str = "error[input/backlog]: the decoder is behind; messages that wait already were too many";

/// A thread that decodes one channel's messages in their order.
pub struct DecodeThread<M: Send + 'static> {
    messages: Option<SyncSender<M>>,
    thread: Option<JoinHandle<()>>,
}

impl<M: Send + 'static> DecodeThread<M> {
    /// `waiting` messages may wait before the one that `decode` is at.
    pub fn start(name: &str, waiting: usize, decode: impl FnMut(M) + Send + 'static) -> Result<Self, ExecutiveError> {
        let (messages, received): (_, Receiver<M>) = sync_channel(waiting);
        let thread = std::thread::Builder::new()
            .name(format!("iso:decode:{name}"))
            .spawn(move || received.into_iter().for_each(decode))
            .map_err(|error| ExecutiveError::Threads(error.to_string()))?;
        Ok(Self { messages: Some(messages), thread: Some(thread) })
    }

    /// Hands a message over, waiting for room.
    pub fn send(&self, message: M) {
        if let Some(messages) = &self.messages {
            // Fails only where the thread has ended, which it does when `self` is dropped.
            let _taken = messages.send(message);
        }
    }

    /// Hands a message over; false where too many wait.
    pub fn try_send(&self, message: M) -> bool {
        self.messages.as_ref().is_some_and(|messages| {
            !matches!(messages.try_send(message), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))
        })
    }
}

impl<M: Send + 'static> Drop for DecodeThread<M> {
    /// Waits for what was handed over.
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ended = thread.join();
        }
    }
}
