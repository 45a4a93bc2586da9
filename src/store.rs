//! Durable state behind the `Store` trait. The only place that speaks SQL.
//!
//! Contract of every write method, whatever the database:
//! - it returns after COMMIT, never before ("ack means durable");
//! - `then` runs after COMMIT and before the method's future resolves, and the `then`s of writes that touch one
//!   channel run one at a time in the order of their `rev`. Broadcasting inside `then` therefore makes fan-out order
//!   equal to commit order, however many commands run at once;
//! - `then` is not run if the write failed, and still runs if the caller went away meanwhile;
//! - one failing write does not fail the others that were committed together with it.

use async_trait::async_trait;

use crate::{
    base::{
        id::{CallId, ChannelId, MessageId, ParticipantId, ReportId, UserId},
        origin::Origin,
    },
    call::model::{CallRecord, StintQuality},
    chat::{
        model::{
            ChannelKind, ChannelRecord, MemberRecord, MessageRecord, NotifyPref, RevisionRecord, SelfStatus,
            ThreadRecord, ThreadSummary, UserRecord, WallMs,
        },
        moderation::{AuditRecord, BanRecord, ReportRecord, ReportState},
        search::Term,
    },
};

mod administration;
#[cfg(test)]
mod contract;
mod directory;
mod filtering;
mod invites;
mod logins;
mod moderation;
mod notices;
mod retention;
mod scheduling;
pub mod sql;

pub use self::{
    administration::{ChangedChannel, ChangedMember, ChannelAct, ChannelSettings, MemberChange},
    directory::{
        Arrival, Cut, DirectoryCall, DirectoryChannel, DirectoryDone, DirectoryItem, DirectoryStore,
        REMEMBERED_MS,
    },
    filtering::{FilterStore, MAX_FILTERS, NewFilter, NewFlag, OldFilter},
    invites::{
        Decided, Departed, InviteStore, Knocked, LISTED_INVITES, MAX_INVITES, MAX_KNOCKING, NewGuest,
        NewInvite, RevokedInvite, Welcomed,
    },
    logins::{LoginStore, MAX_LOGINS, NewLogin, OpenedLogin, Revocation, Rotated, Rotation, Which},
    moderation::{AuditCheck, Banned, MAX_BLOCKS, NewBan, NewReport, Reported, Resolution, Unban},
    notices::{NoticeStore, Waiting, Wishes},
    retention::{ClearPass, ClearRule, Cleared, ClearedChannel},
    scheduling::{
        ChangedSchedule, DueMessage, FiredMessage, MAX_READERS, MAX_SCHEDULED, NewScheduled, Receipts,
        ScheduleChange, ScheduleStore, Scheduled, Unsent,
    },
};
pub use crate::call::step::{CallStep, NewCall, StintEnd, StintStart};

/// Runs after COMMIT, in commit order. Must not block.
pub type Then<T> = Box<dyn FnOnce(&T) + Send>;

/// A `Then` that does nothing.
pub fn nothing<T>() -> Then<T> {
    Box::new(|_| {})
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StoreError {
    #[error("no such row, or not visible to the caller")]
    NotFound,
    #[error("the row exists already")]
    Duplicate,
    /// An edit was based on an older revision than this one.
    #[error("it changed meanwhile, it is at revision {0}")]
    StaleRev(u64),
    /// A conditional transition lost.
    #[error("the row is in another state")]
    State,
    #[error("the caller may not do this")]
    Denied,
    /// Read-only for this caller, or archived.
    #[error("the channel is read-only")]
    ReadOnly,
    /// The caller may write again at this time.
    #[error("the caller is timed out")]
    TimedOut(WallMs),
    /// Slow mode: the caller may send again after so many milliseconds.
    #[error("the channel is in slow mode")]
    Slow(u64),
    /// By the other one of a direct conversation.
    #[error("the caller is blocked")]
    Blocked,
    /// Not the caller, whom it acts on.
    #[error("no such user")]
    NoUser,
    /// A field that only the database can judge.
    #[error("{path}: {rule}")]
    Invalid { path: String, rule: &'static str },
    /// A bounded set has no room left.
    #[error("there are as many as there may be")]
    Full,
    /// The queue of writes is full, the database is closed or broken. Details are logged, never sent.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
}

/// Different emoji on one message.
pub const MAX_REACTIONS: usize = 20;
/// Pinned messages of one channel.
pub const MAX_PINS: u32 = 100;

pub type Result<T> = std::result::Result<T, StoreError>;

#[derive(Debug, Clone)]
pub struct NewUser {
    pub id: UserId,
    pub username: String,
    pub name: String,
    pub role: String,
    pub kind: String,
    pub external_id: Option<String>,
    pub password_hash: Option<String>,
    pub now: WallMs,
}

/// Among whom people are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Within {
    /// Members of this channel.
    pub channel: Option<ChannelId>,
    /// This user, and who shares a channel with it.
    pub known_to: Option<UserId>,
}

/// A created user and the general channels that took it in.
#[derive(Debug, Clone)]
pub struct CreatedUser {
    pub user: UserRecord,
    pub joined: Vec<JoinedChannel>,
}

/// A member entered a channel: tell everybody in it.
#[derive(Debug, Clone)]
pub struct JoinedChannel {
    pub channel: ChannelRecord,
    pub member: MemberRecord,
    pub audience: Audience,
    /// False if the user was a member already.
    pub added: bool,
    /// What the channel says of it.
    pub line: Option<MessageRecord>,
}

/// The members of a channel at the moment of a commit.
pub type Audience = std::sync::Arc<[UserId]>;

#[derive(Debug, Clone)]
pub struct NewChannel {
    pub id: ChannelId,
    pub slug: Option<String>,
    pub kind: ChannelKind,
    pub name: String,
    pub description: String,
    pub is_private: bool,
    pub is_voice: bool,
    /// `None` for channels the server makes itself.
    pub owner: Option<UserId>,
    pub members: Vec<UserId>,
    /// `Some(low:high)` makes creation find-or-create.
    pub dm_key: Option<String>,
    pub department: Option<String>,
    pub project: Option<String>,
    /// External accounts are `Denied`.
    pub is_internal: bool,
    /// A JSON object.
    pub context: String,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct CreatedChannel {
    /// As the owner sees it.
    pub channel: ChannelRecord,
    pub audience: Audience,
    /// False if a dm existed already.
    pub created: bool,
}

#[derive(Debug, Clone)]
pub struct NewMessage {
    pub id: MessageId,
    pub channel: ChannelId,
    pub author: UserId,
    pub author_name: String,
    /// Has the rights of an owner without being one.
    pub host: bool,
    pub nonce: Option<String>,
    /// Tells a retry of the same body from misuse of the nonce.
    pub nonce_hash: Option<String>,
    pub content: String,
    pub reply_to: Option<MessageId>,
    /// The root, for a reply in its thread.
    pub thread: Option<MessageId>,
    pub mentions: Vec<UserId>,
    /// Everybody in the channel; in a thread, everybody who follows it.
    pub mentions_all: bool,
    /// Mentioned by `@here`; not named in the message.
    pub here: Vec<UserId>,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct SentMessage {
    pub message: MessageRecord,
    /// What the root of a reply says now, at the reply's `rev`.
    pub thread: Option<ThreadSummary>,
    /// Whose mention was written down; empty where `mentions_all` counts for everybody.
    pub mentioned: Vec<UserId>,
    /// In a direct conversation.
    pub direct: bool,
    /// The nonce was used before with the same body; `message` is the original and nobody must be told again.
    pub duplicate: bool,
    pub audience: Audience,
}

#[derive(Debug, Clone)]
pub struct MessageChange {
    pub message: MessageId,
    pub by: UserId,
    /// May delete and pin messages of others, and write where only hosts may.
    pub moderator: bool,
    pub from: Origin,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct ChangedMessage {
    pub message: MessageRecord,
    /// As in `SentMessage`, when a reply was deleted.
    pub thread: Option<ThreadSummary>,
    /// False if there was nothing to do (deleting a tombstone).
    pub changed: bool,
    pub audience: Audience,
}

/// A sequence of messages with a `seq` of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeline {
    /// The channel's roots.
    Channel(ChannelId),
    /// The replies of a root.
    Thread(MessageId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryAt {
    Latest,
    Before(u64),
    After(u64),
    Around(u64),
}

#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// Ascending by `seq`.
    pub messages: Vec<MessageRecord>,
    pub more_before: bool,
    pub more_after: bool,
}

#[derive(Debug, Clone)]
pub struct SyncPage {
    pub messages: Vec<MessageRecord>,
    pub members: Vec<MemberRecord>,
    pub rev: u64,
    pub last_seq: u64,
    pub truncated: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum ReadMove {
    /// Monotonic.
    UpTo(u64),
    /// Mark unread from here on.
    UnreadFrom(u64),
    /// To the end, and the followed threads of the channel too.
    All,
}

impl ReadMove {
    /// Where a cursor goes in a timeline that ends at `last`.
    pub fn target(self, read: u64, last: u64) -> u64 {
        match self {
            Self::UpTo(seq) => read.max(seq.min(last)),
            Self::UnreadFrom(seq) => seq.saturating_sub(1).min(last),
            Self::All => last,
        }
    }
}

#[derive(Debug, Clone)]
pub struct ReadMark {
    /// The thread it is about; the channel's own timeline if none.
    pub thread: Option<MessageId>,
    pub read_seq: u64,
    pub unread: u32,
    pub mentions: u32,
    pub changed: bool,
    pub kind: ChannelKind,
    pub audience: Audience,
}

#[derive(Debug, Clone, Default)]
pub struct ChannelQuery {
    pub kind: Option<ChannelKind>,
    pub project: Option<String>,
    pub department: Option<String>,
    pub search: Option<String>,
    /// These instead of those in use.
    pub archived: bool,
    /// Id of the last channel of the page before.
    pub after: Option<ChannelId>,
    pub limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowedThread {
    pub channel: ChannelId,
    pub root: MessageId,
    pub following: bool,
    pub changed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadQuery {
    pub channel: Option<ChannelId>,
    /// Only threads with something unread.
    pub unread: bool,
    /// When the last thread of the page before was replied to, and its root.
    pub before: Option<(WallMs, MessageId)>,
    pub limit: u32,
}

#[derive(Debug, Clone)]
pub struct CallStepDone {
    pub audience: Audience,
    /// The line in the channel, if one was asked for.
    pub message: Option<MessageRecord>,
    /// Set when the step ended the call and it had been answered (or was a room).
    pub duration_ms: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct CallQuery {
    /// Only calls of channels this user is a member of.
    pub user: Option<UserId>,
    pub channel: Option<ChannelId>,
    /// Only calls this user missed.
    pub missed_by: Option<UserId>,
    pub before: Option<CallId>,
    pub limit: u32,
}

/// All that is given has to hold.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    /// Who asks: only channels that this user is a member of now are looked at.
    pub user: UserId,
    pub terms: Vec<Term>,
    /// One of these; of an empty list nothing is.
    pub channels: Option<Vec<ChannelId>>,
    /// By one of these.
    pub authors: Option<Vec<UserId>>,
    /// With a link in it.
    pub links: bool,
    /// Created at or after this.
    pub since: Option<WallMs>,
    /// Created before this.
    pub until: Option<WallMs>,
    /// Stored before this one: the `next` of the page before.
    pub before: Option<MessageId>,
    pub limit: u32,
}

/// Messages, newest first.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub messages: Vec<MessageRecord>,
    /// Where to go on; there may be more.
    pub next: Option<MessageId>,
}

/// What `health` knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreStats {
    pub queue_depth: usize,
    pub commits: u64,
    pub writes: u64,
    pub failed_writes: u64,
    /// Sum of commit durations, for an average.
    pub commit_us_total: u64,
    /// Longest BEGIN..COMMIT so far.
    pub commit_us_max: u64,
    /// For so long there has been a message that a search does not find yet; 0 if there is none.
    pub search_lag_us: u64,
    pub search_indexed: u64,
    pub search_failures: u64,
    /// Messages that lost their content for good.
    pub cleared: u64,
}

#[async_trait]
pub trait Store:
    ScheduleStore + LoginStore + FilterStore + DirectoryStore + NoticeStore + InviteStore + Send + Sync
{
    // --- users ---
    async fn create_user(&self, new: NewUser, then: Then<CreatedUser>) -> Result<CreatedUser>;
    async fn user(&self, id: UserId) -> Result<UserRecord>;
    async fn user_by_username(&self, username: &str) -> Result<UserRecord>;
    async fn user_by_external(&self, external_id: &str) -> Result<UserRecord>;
    /// The user and its password hash, for login.
    async fn credentials(&self, username: &str) -> Result<(UserRecord, Option<String>)>;
    /// Ordered by username; `after` is the last username of the page before. `within` limits whom.
    async fn users(
        &self,
        search: Option<&str>,
        after: Option<&str>,
        within: Within,
        limit: u32,
    ) -> Result<Vec<UserRecord>>;
    /// They were there until now.
    async fn touch_users(&self, ids: &[UserId], now: WallMs) -> Result<()>;
    async fn set_status(&self, id: UserId, status: SelfStatus) -> Result<()>;
    /// Whether others learn how far the user has read; tells whether it changed anything.
    async fn set_read_receipts(&self, id: UserId, on: bool, then: Then<bool>) -> Result<bool>;
    /// Those of `others` who share a channel with `user`.
    async fn sharing(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>>;
    async fn dm_peers(&self, user: UserId) -> Result<Vec<UserId>>;

    // --- channels ---
    async fn create_channel(&self, new: NewChannel, then: Then<CreatedChannel>) -> Result<CreatedChannel>;
    /// By a token for the channel. `NotFound` for somebody who was a member before.
    async fn add_member(
        &self,
        channel: ChannelId,
        user: UserId,
        now: WallMs,
        then: Then<JoinedChannel>,
    ) -> Result<JoinedChannel>;
    /// By id or slug, membership not checked: id, slug, kind.
    async fn resolve_channel(&self, id_or_slug: &str) -> Result<(ChannelId, Option<String>, ChannelKind)>;
    /// The user's role in the channel; `NotFound` if it is not a member.
    async fn role(&self, channel: ChannelId, user: UserId) -> Result<String>;
    /// `NotFound` if the user is not a member.
    async fn channel(&self, id: ChannelId, user: UserId) -> Result<ChannelRecord>;
    /// As nobody in particular sees it, membership not checked.
    async fn shared_channel(&self, id: ChannelId) -> Result<ChannelRecord>;
    /// Channels of a member, ordered by id.
    async fn channels(&self, user: UserId, query: ChannelQuery) -> Result<Vec<ChannelRecord>>;
    async fn members(&self, channel: ChannelId) -> Result<Vec<MemberRecord>>;
    /// `Denied` below administrators, `StaleRev` if the settings changed after `base_rev`.
    async fn update_channel(
        &self,
        act: ChannelAct,
        settings: ChannelSettings,
        then: Then<ChangedChannel>,
    ) -> Result<ChangedChannel>;
    /// Owners only. What is archived can be read but not written to.
    async fn archive_channel(
        &self,
        act: ChannelAct,
        archived: bool,
        then: Then<ChangedChannel>,
    ) -> Result<ChangedChannel>;
    /// A member adds somebody: any of a public group, hosts of every other channel but dms and general ones.
    async fn invite_member(
        &self,
        act: ChannelAct,
        user: UserId,
        then: Then<JoinedChannel>,
    ) -> Result<JoinedChannel>;
    /// `NoUser` if the user is not a member, `Denied` unless it is of lower rank (owners: of any), `State` if the channel
    /// would lose its last owner while others remain.
    async fn change_member(
        &self,
        act: ChannelAct,
        user: UserId,
        change: MemberChange,
        then: Then<ChangedMember>,
    ) -> Result<ChangedMember>;
    /// What the member wants to be told of; nobody else sees it, so it is no change of the channel.
    async fn set_notify(
        &self,
        channel: ChannelId,
        user: UserId,
        pref: NotifyPref,
        muted_until: Option<WallMs>,
        then: Then<()>,
    ) -> Result<()>;
    async fn mark_read(
        &self,
        channel: ChannelId,
        user: UserId,
        to: ReadMove,
        now: WallMs,
        then: Then<ReadMark>,
    ) -> Result<ReadMark>;

    // --- moderation ---
    /// `user` wants nothing of `other` any more, or does again; tells whether it changed anything. `Full` beyond
    /// `MAX_BLOCKS`.
    async fn block(
        &self,
        user: UserId,
        other: UserId,
        blocked: bool,
        now: WallMs,
        then: Then<bool>,
    ) -> Result<bool>;
    /// Whom the user blocks, by id.
    async fn blocks(&self, user: UserId, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>>;
    /// Whom the user blocks, all of them.
    async fn blocked(&self, user: UserId) -> Result<Vec<UserId>>;
    /// Those of `others` who block the user.
    async fn blocking(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>>;
    /// Members of the channel who block the user.
    async fn blockers(&self, channel: ChannelId, user: UserId) -> Result<Vec<UserId>>;
    /// By a member of the channel; keeps what the message says now. `State` for a tombstone.
    async fn report(&self, new: NewReport, then: Then<Reported>) -> Result<Reported>;
    /// Newest first; `before` is the last report of the page before.
    async fn reports(
        &self,
        state: Option<ReportState>,
        before: Option<ReportId>,
        limit: u32,
    ) -> Result<Vec<ReportRecord>>;
    /// `State` if it is not open any more.
    async fn resolve_report(&self, resolution: Resolution) -> Result<ReportRecord>;
    /// Also revokes the user's tokens. `Denied` for administrators.
    async fn ban(&self, new: NewBan, then: Then<Banned>) -> Result<Banned>;
    /// `State` if the user is not banned. `then` runs after the commit, before any later ban's.
    async fn unban(&self, unban: Unban, then: Then<()>) -> Result<()>;
    /// In force at `now`, by user id.
    async fn bans(&self, now: WallMs, after: Option<UserId>, limit: u32) -> Result<Vec<BanRecord>>;
    /// Newest first; `before` is the number of the last line of the page before.
    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRecord>>;
    /// Reads the whole log and follows its chain.
    async fn verify_audit(&self) -> Result<AuditCheck>;

    // --- messages ---
    async fn send_message(&self, new: NewMessage, then: Then<SentMessage>) -> Result<SentMessage>;
    async fn edit_message(
        &self,
        change: MessageChange,
        content: String,
        base_rev: Option<u64>,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage>;
    async fn delete_message(
        &self,
        change: MessageChange,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage>;
    /// `Full` if it would be one emoji too many, `State` for a tombstone; `changed` tells whether it made a difference.
    async fn react(
        &self,
        change: MessageChange,
        emoji: String,
        add: bool,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage>;
    /// `Full` beyond `MAX_PINS`, `State` for a tombstone.
    async fn pin(
        &self,
        change: MessageChange,
        pinned: bool,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage>;
    /// Newest pin first.
    async fn pins(&self, channel: ChannelId) -> Result<Vec<MessageRecord>>;
    /// With what the user reacted to these messages.
    async fn own_reactions(&self, user: UserId, messages: &[MessageId]) -> Result<Vec<(MessageId, String)>>;
    async fn message(&self, id: MessageId) -> Result<MessageRecord>;
    async fn revisions(&self, id: MessageId) -> Result<Vec<RevisionRecord>>;
    async fn history(&self, of: Timeline, at: HistoryAt, limit: u32) -> Result<HistoryPage>;
    async fn sync(&self, channel: ChannelId, after_rev: u64) -> Result<SyncPage>;
    /// `State` if the message is a reply itself.
    async fn follow_thread(
        &self,
        root: MessageId,
        user: UserId,
        following: bool,
        then: Then<FollowedThread>,
    ) -> Result<FollowedThread>;
    async fn mark_thread_read(
        &self,
        root: MessageId,
        user: UserId,
        to: ReadMove,
        now: WallMs,
        then: Then<ReadMark>,
    ) -> Result<ReadMark>;
    /// Followed threads in channels the user is a member of, the last one replied to first.
    async fn threads(&self, user: UserId, query: ThreadQuery) -> Result<Vec<ThreadRecord>>;
    /// The root with the user's cursor.
    async fn thread(&self, root: MessageId, user: UserId) -> Result<ThreadRecord>;
    /// Messages are found within a second after they were stored, deleted ones and old texts at once no more.
    /// `NotFound` if `before` is no message.
    async fn search(&self, query: SearchQuery) -> Result<Found>;
    /// Who among the members now has read the message, its author left out. Names only where at most `named_up_to`
    /// people are, and never in a general channel. Whoever hides its reading counts for itself only, and `viewer` sees
    /// itself only if it does.
    async fn read_receipts(&self, id: MessageId, viewer: UserId, named_up_to: u32) -> Result<Receipts>;

    /// Forgets nonces older than a day.
    async fn expire_nonces(&self, before: WallMs) -> Result<u64>;
    /// One portion of a pass that takes the content of what is too old or was deleted: text, earlier texts, reactions,
    /// mentions, its entry in the index. What was not deleted before becomes a tombstone at a new `rev`; `seq` and
    /// `last_seq` stay.
    async fn clear(
        &self,
        rule: ClearRule,
        pass: ClearPass,
        then: Then<Vec<ClearedChannel>>,
    ) -> Result<Cleared>;

    // --- calls ---
    /// A number that grows with every start of this node; rows of smaller epochs are orphans.
    async fn next_epoch(&self, node: &str) -> Result<i64>;
    async fn call_step(&self, step: CallStep, then: Then<CallStepDone>) -> Result<CallStepDone>;
    /// Says that this process and its live calls were alive at `now`.
    async fn touch_calls(&self, node: &str, epoch: i64, now: WallMs) -> Result<()>;
    /// Averages of stays that go on; the end of a stay brings its own.
    async fn note_quality(&self, stints: Vec<(ParticipantId, StintQuality)>) -> Result<()>;
    /// Ends live calls of earlier epochs of this node at the last moment they were known to live; returns how many.
    async fn sweep_calls(&self, node: &str, epoch: i64, now: WallMs) -> Result<u32>;
    async fn call(&self, id: CallId) -> Result<CallRecord>;
    /// Newest first.
    async fn calls(&self, query: CallQuery) -> Result<Vec<CallRecord>>;

    // --- service ---
    /// A round trip to the database.
    async fn ping(&self) -> Result<()>;
    fn stats(&self) -> StoreStats;
    /// Lets queued writes finish, then refuses new ones. Idempotent.
    async fn close(&self);
}
