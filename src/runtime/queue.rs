//! Bounds of the queues between threads and tasks, with what happens when they are full.

use tokio::sync::mpsc;

use crate::room::event::Event;

/// Shard → one participant's signalling. Boxed: a channel keeps 32 slots for each of its participants.
pub type EventSender = mpsc::Sender<Box<Event>>;
pub type EventReceiver = mpsc::Receiver<Box<Event>>;

/// What a full queue does to a new entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The sender gets an error and says so to its client.
    Refuse,
    /// The consumer is disconnected; it resumes or joins again.
    CloseConsumer,
    /// The new entry is dropped and counted.
    DropNewest,
}

#[derive(Debug, Clone, Copy)]
pub struct QueueSpec {
    pub name: &'static str,
    pub capacity: usize,
    pub full: Full,
}

/// Signalling → shard. A shard that is this far behind takes no new work; metric `convene_shard_command_queue`.
pub const SHARD_COMMANDS: QueueSpec =
    QueueSpec { name: "shard_commands", capacity: 4_096, full: Full::Refuse };

/// Events of one participant. Events of a call are few; who cannot keep up with 1024 is gone. Counted
/// as drop reason `event_overflow`.
pub const PARTICIPANT_EVENTS: QueueSpec =
    QueueSpec { name: "participant_events", capacity: 1_024, full: Full::CloseConsumer };

/// Shard → shard: the parts of large rooms. 4096 packets are 80 ms of fifty full cameras; a shard further behind
/// loses its viewers anyway. Media uses three quarters of it, data channels one; the rest is for messages of state,
/// whose loss makes the link start afresh. Counted as drop reason `relay_overflow`, metric
/// `convene_shard_relay_queue_depth`.
pub const RELAY: QueueSpec = QueueSpec { name: "relay", capacity: 4_096, full: Full::DropNewest };

/// DTLS records of one shard that wait until its media is sent. Dropped records are sent again by the client;
/// counted as drop reason `handshake_overflow`.
pub const HANDSHAKES: QueueSpec = QueueSpec { name: "handshakes", capacity: 1_024, full: Full::DropNewest };
