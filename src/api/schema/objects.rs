//! What the objects of answers and events look like, field by field. These types are the contract: they are never
//! built, and the tests hold every answer and event against the schemas made from them.
//!
//! A field of an `Option` is always there and may be `null`; one with `skip_serializing_if` may be missing.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::{
    auth::grants::Device,
    base::{
        id::{
            CallId, ChannelId, FilterId, InviteId, LoginId, MessageId, ParticipantId, ReportId, ScheduleId,
            TrackId, UserId,
        },
        playout::PlayoutDelay,
    },
    call::model::{CallKind, CallMode, CallState, EndReason, InviteOutcome, LeaveReason, VoiceState},
    chat::{
        command::Activity,
        filter::FilterAction,
        line::Line,
        model::{ChannelKind, MemberRole, NotifyPref},
        moderation::{ReportKind, ReportState},
    },
    room::command::{Kind, Source},
};

/// A moment in UTC with milliseconds.
#[derive(Debug)]
pub struct Time;

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// Always `null`: a field that is kept for later.
#[derive(Debug)]
pub struct Never;

impl JsonSchema for Never {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Never".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "null"})
    }
}

/// No fields.
#[derive(Debug)]
pub struct Empty;

impl JsonSchema for Empty {
    fn schema_name() -> Cow<'static, str> {
        "Empty".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "properties": {}})
    }
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    Internal,
    Client,
    Bot,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountRole {
    Admin,
    Member,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub name: String,
    pub kind: AccountKind,
    pub role: AccountRole,
    /// In the words of the directory.
    pub department_id: Option<String>,
    pub is_active: bool,
    pub custom_status: String,
    pub avatar: Never,
    pub last_seen: Option<Time>,
    pub created_at: Time,
}

/// A person in few words.
#[derive(Debug, JsonSchema)]
pub struct Person {
    pub id: UserId,
    pub username: String,
    pub name: String,
}

/// A channel without what differs between its members.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharedChannel {
    pub id: ChannelId,
    pub slug: Option<String>,
    pub kind: ChannelKind,
    pub name: String,
    pub description: String,
    pub topic: String,
    pub private: bool,
    pub voice: bool,
    pub read_only: bool,
    /// Seconds between two messages of a member; 0 = off.
    pub slow_mode: u32,
    /// Messages older than this are cleared; 0 = as the server says.
    pub retention_days: u32,
    pub department_id: Option<String>,
    pub project_id: Option<String>,
    /// No external account is in it.
    pub is_internal: bool,
    /// What there is to know of the project or department.
    pub context: BTreeMap<String, Value>,
    pub archived_at: Option<Time>,
    pub last_seq: u64,
    pub rev: u64,
    pub last_message_at: Option<Time>,
    pub created_at: Time,
    pub member_count: u32,
}

/// A channel as one of its members sees it.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    #[serde(flatten)]
    pub shared: SharedChannel,
    /// The first 500; none of a general channel.
    pub members: Vec<UserId>,
    pub role: MemberRole,
    pub read_seq: u64,
    #[schemars(range(max = 100))]
    pub unread: u32,
    pub mentions: u32,
    pub threads: UnreadThreads,
    pub notify: NotifyPref,
    pub muted_until: Option<Time>,
    /// The other one of a dm.
    pub peer: Option<Person>,
    pub call: Option<LiveCall>,
}

/// Followed threads with something unread, and mentions in them.
#[derive(Debug, JsonSchema)]
pub struct UnreadThreads {
    pub unread: u32,
    pub mentions: u32,
}

/// Administrators who are no members see less.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "it is never built")]
pub enum SeenChannel {
    Member(Channel),
    Other(SharedChannel),
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub user_id: UserId,
    pub username: String,
    pub name: String,
    pub role: MemberRole,
    /// Null where it is hidden: theirs or mine.
    pub read_seq: Option<u64>,
    pub rev: u64,
    pub left_at: Option<Time>,
    pub timeout_until: Option<Time>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    Text,
    /// The line a finished call leaves behind.
    Call,
    /// What the channel says of itself.
    System,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: MessageId,
    pub channel_id: ChannelId,
    /// The root, of a reply.
    pub thread_id: Option<MessageId>,
    /// Of a root that was replied to.
    pub thread: Option<ThreadSummary>,
    pub seq: u64,
    pub rev: u64,
    pub author_id: UserId,
    pub author_name: String,
    pub nonce: Option<String>,
    #[serde(rename = "type")]
    pub kind: MessageKind,
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub mentions: Vec<UserId>,
    pub mentions_all: bool,
    pub call_id: Option<CallId>,
    pub call: Option<CallSummary>,
    /// Of a `system` message.
    pub system: Option<Line>,
    pub edited_at: Option<Time>,
    pub edit_count: u32,
    /// Set on a tombstone, which has no content any more.
    pub deleted_at: Option<Time>,
    pub deleted_by: Option<UserId>,
    pub reactions: Vec<Reaction>,
    pub pinned_at: Option<Time>,
    pub pinned_by: Option<UserId>,
    pub created_at: Time,
}

#[derive(Debug, JsonSchema)]
pub struct Reaction {
    pub emoji: String,
    pub count: u32,
    /// The first five.
    #[schemars(length(max = 5))]
    pub users: Vec<UserId>,
    /// Mine is among them; in answers only.
    #[schemars(skip_serializing_if = "absent")]
    pub me: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThreadSummary {
    pub id: MessageId,
    /// Replies that are not deleted.
    pub count: u32,
    pub last_seq: u64,
    pub last_at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    pub root: Message,
    pub following: bool,
    pub read_seq: u64,
    #[schemars(range(max = 100))]
    pub unread: u32,
    pub mentions: u32,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleState {
    Pending,
    Sent,
    Failed,
    Cancelled,
}

/// A message that waits for its time.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scheduled {
    pub id: ScheduleId,
    pub channel_id: ChannelId,
    pub thread_id: Option<MessageId>,
    pub reply_to: Option<MessageId>,
    /// Empty once it is sent or cancelled, as are the mentions.
    pub content: String,
    pub mentions: Vec<UserId>,
    pub send_at: Time,
    pub state: ScheduleState,
    /// Why it failed.
    pub error: Option<super::ErrorCode>,
    /// What became of it.
    pub message_id: Option<MessageId>,
    pub rev: u64,
    pub created_at: Time,
    pub updated_at: Time,
}

/// Who has read a message.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    pub user_id: UserId,
    /// When the cursor moved last, if that is known.
    pub at: Option<Time>,
}

/// One earlier text of an edited message.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    pub edit_no: u32,
    pub content: String,
    pub edited_by: UserId,
    pub edited_at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub id: ReportId,
    pub message_id: MessageId,
    pub channel_id: ChannelId,
    pub author_id: UserId,
    /// As it was when it was reported.
    pub content: String,
    pub kind: ReportKind,
    /// `null` for a filter.
    pub reporter_id: Option<UserId>,
    pub reason: String,
    pub note: String,
    pub state: ReportState,
    pub resolved_by: Option<UserId>,
    pub resolved_at: Option<Time>,
    pub resolution_note: String,
    pub created_at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ban {
    pub user_id: UserId,
    pub username: String,
    pub name: String,
    pub by: UserId,
    pub reason: String,
    pub at: Time,
    /// `null` = for good.
    pub until: Option<Time>,
}

/// A word that is not wanted.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilteredWord {
    pub id: FilterId,
    pub word: String,
    pub action: FilterAction,
    pub by: UserId,
    pub created_at: Time,
}

/// A link that lets people in who have no account.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteLink {
    pub id: InviteId,
    pub channel_id: ChannelId,
    pub created_by: UserId,
    pub created_at: Time,
    pub expires_at: Time,
    /// `null` = as often as one likes.
    pub max_uses: Option<u32>,
    pub uses: u32,
    pub revoked_at: Option<Time>,
    /// Guests wait until somebody lets them in.
    pub lobby: bool,
    /// Guests may send sound and pictures.
    pub publish: bool,
    /// Guests may read and write messages.
    pub chat: bool,
}

/// A guest who waits to be let in.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Knocking {
    pub guest: NamedUser,
    pub channel_id: ChannelId,
    pub at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedUser {
    pub user_id: UserId,
    pub name: String,
}

/// Where somebody is signed in.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    pub id: LoginId,
    pub device: Device,
    /// What the client calls itself.
    pub client: String,
    /// Where it was last refreshed from.
    pub ip: Option<String>,
    pub created_at: Time,
    /// When it was last refreshed.
    pub last_used_at: Time,
    pub expires_at: Time,
    /// The one that asks.
    pub current: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    pub n: u64,
    pub at: Time,
    pub actor: UserId,
    /// `noun.verb`
    pub action: String,
    pub target: String,
    pub ip: Option<String>,
    pub detail: BTreeMap<String, Value>,
    pub prev_hash: String,
    pub hash: String,
}

/// What following the audit log from its beginning has found.
#[derive(Debug, JsonSchema)]
pub struct Chain {
    pub whole: bool,
    pub intact: u64,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Connection {
    Connecting,
    Connected,
    Interrupted,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    pub user_id: UserId,
    pub name: String,
    pub participant_id: ParticipantId,
    pub voice_state: VoiceState,
    pub connection: Connection,
    pub joined_at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveCall {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    #[serde(rename = "type")]
    pub kind: CallKind,
    pub mode: CallMode,
    pub state: CallState,
    pub initiator_id: UserId,
    pub initiator_name: String,
    pub started_at: Time,
    pub answered_at: Option<Time>,
    /// While it still rings for somebody.
    pub expires_at: Option<Time>,
    pub ringing: Vec<UserId>,
    pub participants: Vec<Participant>,
    /// Who has a hand up, the first one first.
    pub hands: Vec<UserId>,
    /// Nobody new comes in.
    pub locked: bool,
    #[schemars(skip_serializing_if = "absent")]
    pub playout_delay: PlayoutDelay,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallSummary {
    pub state: CallState,
    pub mode: CallMode,
    #[serde(rename = "type")]
    pub kind: CallKind,
    pub end_reason: Option<EndReason>,
    pub duration_ms: Option<u64>,
}

/// A call as history keeps it.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    pub id: CallId,
    pub channel_id: ChannelId,
    #[serde(rename = "type")]
    pub kind: CallKind,
    pub mode: CallMode,
    pub state: CallState,
    pub initiator_id: UserId,
    pub initiator_name: String,
    pub started_at: Time,
    pub answered_at: Option<Time>,
    pub ended_at: Option<Time>,
    pub end_reason: Option<EndReason>,
    pub duration_ms: Option<u64>,
    pub peak_participants: u32,
    #[schemars(range(max = 100))]
    pub avg_quality: Option<u8>,
    pub network_issues: Vec<String>,
    pub message_id: Option<MessageId>,
    pub participants: Vec<Stint>,
    pub invites: Vec<Invite>,
}

/// One stay of one person in a call.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stint {
    pub participant_id: ParticipantId,
    pub user_id: UserId,
    pub name: String,
    pub stint: u32,
    pub joined_at: Time,
    pub left_at: Option<Time>,
    pub leave_reason: Option<LeaveReason>,
    pub had_video: bool,
    pub had_screen: bool,
    pub quality: Option<StintQuality>,
}

#[derive(Debug, JsonSchema)]
pub struct StintQuality {
    #[schemars(range(max = 100))]
    pub score: u8,
    pub mos: f64,
    /// Share of packets, 0 to 1.
    pub loss: f64,
    /// ms
    pub jitter: f64,
    /// ms
    pub rtt: Option<f64>,
    /// `high_loss_up`, `high_rtt` and so on; new ones may come.
    pub issues: Vec<String>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    pub user_id: UserId,
    pub name: String,
    pub outcome: InviteOutcome,
    pub at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Online,
    Away,
    Dnd,
    Offline,
    /// Of one's own presence only.
    Invisible,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    pub user_id: UserId,
    pub status: Status,
    pub custom_status: String,
    pub emoji: String,
    /// When the two before end.
    pub until: Option<Time>,
    pub activity: Option<Activity>,
    pub device: Option<crate::auth::grants::Device>,
    pub last_seen: Option<Time>,
}

/// What one shows of oneself; for oneself.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub last_seen_to: crate::chat::command::LastSeenTo,
    /// Without them one sees those of others neither.
    pub read_receipts: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Typist {
    pub user_id: UserId,
    pub username: String,
    pub name: String,
    pub thread_id: Option<MessageId>,
}

#[derive(Debug, JsonSchema)]
pub struct IceServer {
    pub urls: Vec<String>,
    #[schemars(skip_serializing_if = "absent")]
    pub username: String,
    #[schemars(skip_serializing_if = "absent")]
    pub credential: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrackState {
    Published,
    Unpublished,
    Muted,
    Unmuted,
}

/// A media track of somebody in the call.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    pub call_id: CallId,
    pub state: TrackState,
    pub track_id: TrackId,
    pub user_id: UserId,
    pub participant_id: ParticipantId,
    pub kind: Kind,
    pub source: Source,
    #[schemars(skip_serializing_if = "absent")]
    pub codec: String,
    #[schemars(skip_serializing_if = "absent")]
    pub layers: u8,
    #[schemars(skip_serializing_if = "absent")]
    pub muted: bool,
}
