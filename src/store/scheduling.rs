//! Scheduled messages and who has read, as the store takes and answers them.

use async_trait::async_trait;

use super::{NewMessage, Result, SentMessage, Then};
use crate::{
    base::id::{ChannelId, MessageId, ScheduleId, UserId},
    chat::{error::Code, model::WallMs, schedule::ScheduledRecord},
};

/// Messages of one person that wait for their time or failed.
pub const MAX_SCHEDULED: u32 = 100;
/// Names of those who have read a message.
pub const MAX_READERS: u32 = 100;

#[derive(Debug, Clone)]
pub struct NewScheduled {
    pub id: ScheduleId,
    pub channel: ChannelId,
    pub author: UserId,
    pub nonce: Option<String>,
    /// Tells a retry of the same body from misuse of the nonce.
    pub nonce_hash: Option<String>,
    pub content: String,
    pub reply_to: Option<MessageId>,
    /// The root, for a reply in its thread.
    pub thread: Option<MessageId>,
    pub mentions: Vec<UserId>,
    pub send_at: WallMs,
    /// First and last time that may be asked for.
    pub within: (WallMs, WallMs),
    pub now: WallMs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    pub scheduled: ScheduledRecord,
    /// The nonce was used before with the same body.
    pub duplicate: bool,
}

/// What its author does to a message that waits.
#[derive(Debug, Clone)]
pub enum ScheduleChange {
    /// What is not given stays as it is.
    Edit {
        content: Option<String>,
        mentions: Option<Vec<UserId>>,
        send_at: Option<WallMs>,
    },
    Cancel,
}

#[derive(Debug, Clone)]
pub struct ChangedSchedule {
    pub scheduled: ScheduledRecord,
    pub changed: bool,
}

/// A message whose time has come.
#[derive(Debug, Clone)]
pub struct DueMessage {
    pub scheduled: ScheduledRecord,
    pub author_name: String,
}

#[derive(Debug, Clone)]
pub struct FiredMessage {
    pub sent: SentMessage,
    pub scheduled: ScheduledRecord,
}

/// Why a message whose time has come was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// It is due again at this time.
    Later(WallMs),
    Failed(Code),
}

/// Who has read a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Who read last comes first; when the reader's cursor moved last, if that is known. Empty where names are not told.
    pub readers: Vec<(UserId, Option<WallMs>)>,
    pub count: u32,
}

/// The part of a store that keeps messages which wait for their time; its writes keep the contract of all writes.
#[async_trait]
pub trait ScheduleStore: Send + Sync {
    /// `None` if `send_at` is not `within`, unless it is a retry; `Full` beyond `MAX_SCHEDULED`; otherwise refused as the
    /// message would be now.
    async fn schedule(&self, new: NewScheduled, then: Then<Option<Scheduled>>) -> Result<Option<Scheduled>>;
    /// `NotFound` for everybody but its author.
    async fn scheduled(&self, id: ScheduleId, author: UserId) -> Result<ScheduledRecord>;
    /// Those that wait or failed, the next one first.
    async fn schedules(&self, author: UserId, channel: Option<ChannelId>) -> Result<Vec<ScheduledRecord>>;
    /// By its author. `State` if it was sent or cancelled before, or has failed and gets no new time.
    async fn change_schedule(
        &self,
        id: ScheduleId,
        author: UserId,
        change: ScheduleChange,
        now: WallMs,
        then: Then<ChangedSchedule>,
    ) -> Result<ChangedSchedule>;
    /// Those whose time has come, in the order of their times.
    async fn due_schedules(&self, now: WallMs, limit: u32) -> Result<Vec<DueMessage>>;
    /// When the next one is due.
    async fn next_schedule(&self) -> Result<Option<WallMs>>;
    /// Sends it, in one transaction with marking it as sent. `State` if it is not as it was at `rev`; `Denied` if its
    /// author may not use the server any more; otherwise refused like every message.
    async fn fire_schedule(
        &self,
        id: ScheduleId,
        rev: u64,
        new: NewMessage,
        then: Then<FiredMessage>,
    ) -> Result<FiredMessage>;
    /// `State` if it is not as it was at `rev`.
    async fn hold_schedule(
        &self,
        id: ScheduleId,
        rev: u64,
        why: Unsent,
        now: WallMs,
        then: Then<ScheduledRecord>,
    ) -> Result<ScheduledRecord>;
    /// Forgets what was sent or cancelled, and what failed, before these times.
    async fn expire_schedules(&self, over: WallMs, failed: WallMs) -> Result<u64>;
}
