//! Every command a front door can pass to the services, one variant per client-to-server op of the protocol.
//!
//! `parse` is where the limits of the protocol tables are checked; a parsed command is well-formed but not yet
//! permitted. Unknown fields are ignored so that newer clients keep working.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    error::{Code, ServiceError},
    limits,
    model::{ChannelKind, MemberRole, NotifyPref},
    moderation::ReportState,
};
use crate::base::{
    id::{MessageId, ReportId, ScheduleId, UserId},
    time::Timestamp,
};

mod calls;
mod filters;
mod invites;
mod oversight;
mod sessions;

pub use calls::{
    CallDecline, CallHand, CallHistory, CallInvite, CallJoin, CallLock, CallMute, CallReact, CallStart,
    CallTarget, DeclineReason, HistoryFilter, OnCall, OnMyCall, VoiceJoin, VoiceUpdate,
};
pub use filters::{FilterAdd, OnFilter};
pub use invites::{InviteCreate, InviteRevoke};
pub use oversight::{AdminList, CancelRing};
pub use sessions::{Nothing, RevokeSessions, SessionRevoke};

/// A channel named by its id or its slug.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ChannelRef(#[schemars(length(min = 1, max = limits::MAX_REF))] pub String);

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelList {
    #[serde(rename = "type")]
    pub kind: Option<ChannelKind>,
    #[schemars(length(min = 1, max = limits::MAX_EXTERNAL_ID))]
    pub project_id: Option<String>,
    #[schemars(length(min = 1, max = limits::MAX_EXTERNAL_ID))]
    pub department_id: Option<String>,
    #[schemars(length(max = limits::MAX_SEARCH))]
    pub search: Option<String>,
    /// Those that are archived instead of those in use.
    #[serde(default)]
    pub archived: bool,
    #[schemars(length(max = limits::MAX_CURSOR))]
    pub cursor: Option<String>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelCreate {
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_NAME))]
    pub name: String,
    #[schemars(length(max = limits::MAX_DESCRIPTION))]
    pub description: Option<String>,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_PARTICIPANTS))]
    pub participants: Vec<UserId>,
    #[serde(default)]
    pub private: bool,
    #[serde(default)]
    pub voice: bool,
    /// Which department or project it is of, in the words of whoever keeps them.
    #[schemars(length(min = 1, max = limits::MAX_EXTERNAL_ID))]
    pub department_id: Option<String>,
    #[schemars(length(min = 1, max = limits::MAX_EXTERNAL_ID))]
    pub project_id: Option<String>,
    /// No external account is let in. Channels of departments and general ones are so always, those of projects unless
    /// this is `false`, groups if it is `true`.
    pub is_internal: Option<bool>,
    /// What there is to know of the project or department; at most 2048 bytes of JSON.
    pub context: Option<serde_json::Map<String, Value>>,
}

impl ChannelCreate {
    /// The name under which others may ask for the channel of a department or project.
    pub fn slug(&self) -> Option<String> {
        slug(self.department_id.as_deref(), self.project_id.as_deref())
    }
}

pub fn slug(department: Option<&str>, project: Option<&str>) -> Option<String> {
    department.map(|id| format!("dept-{id}")).or_else(|| project.map(|id| format!("project-{id}")))
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelUpdate {
    pub channel_id: ChannelRef,
    #[schemars(length(min = 2, max = limits::MAX_NAME))]
    pub name: Option<String>,
    #[schemars(length(max = limits::MAX_DESCRIPTION))]
    pub description: Option<String>,
    #[schemars(length(max = limits::MAX_TOPIC))]
    pub topic: Option<String>,
    pub read_only: Option<bool>,
    /// Seconds; 0 = off.
    #[schemars(range(max = limits::MAX_SLOW_MODE_S))]
    pub slow_mode: Option<u32>,
    /// 0 = as the server says.
    #[schemars(range(max = limits::MAX_RETENTION_DAYS))]
    pub retention_days: Option<u32>,
    pub private: Option<bool>,
    pub base_rev: Option<u64>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelArchive {
    pub channel_id: ChannelRef,
    pub archived: bool,
}

/// `channel:member_add` and `channel:member_remove`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelMember {
    pub channel_id: ChannelRef,
    pub user_id: UserId,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelMemberRole {
    pub channel_id: ChannelRef,
    pub user_id: UserId,
    pub role: MemberRole,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelSetNotify {
    pub channel_id: ChannelRef,
    pub pref: NotifyPref,
    pub muted_until: Option<Timestamp>,
}

/// Payload of every op that names nothing but a channel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnChannel {
    pub channel_id: ChannelRef,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelHistory {
    pub channel_id: ChannelRef,
    /// The root of a thread: its replies instead of the channel's own timeline.
    pub thread_id: Option<MessageId>,
    pub before: Option<u64>,
    pub after: Option<u64>,
    pub around: Option<u64>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelSync {
    pub channel_id: ChannelRef,
    #[serde(default)]
    pub after_rev: u64,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(transform = needs_content)]
#[serde(rename_all = "camelCase")]
pub struct MessageSend {
    pub channel_id: ChannelRef,
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::MAX_CONTENT), regex(pattern = r"\S"))]
    pub content: String,
    #[schemars(length(min = 1, max = limits::MAX_NONCE))]
    pub nonce: Option<String>,
    pub reply_to: Option<MessageId>,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_MENTIONS))]
    pub mentions: Vec<UserId>,
    /// The root, for a reply in its thread.
    pub thread_id: Option<MessageId>,
    /// Not now, but then.
    pub send_at: Option<Timestamp>,
    /// Files and encryption are not built yet: refused rather than silently ignored.
    #[serde(rename = "type")]
    #[schemars(skip)]
    pub kind: Option<String>,
    #[schemars(skip)]
    pub attachments: Option<Vec<Value>>,
    #[schemars(skip)]
    pub encrypted: Option<Value>,
}

/// An absent text is an empty one, which is refused.
fn needs_content(schema: &mut Schema) {
    if let Some(fields) = schema.pointer_mut("/properties/content").and_then(Value::as_object_mut) {
        fields.remove("default");
    }
    if let Some(required) = schema.ensure_object().get_mut("required").and_then(Value::as_array_mut) {
        required.push("content".into());
    }
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleList {
    pub channel_id: Option<ChannelRef>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnSchedule {
    pub schedule_id: ScheduleId,
}

/// What is absent stays as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleUpdate {
    pub schedule_id: ScheduleId,
    #[schemars(length(min = 1, max = limits::MAX_CONTENT), regex(pattern = r"\S"))]
    pub content: Option<String>,
    #[schemars(length(max = limits::MAX_MENTIONS))]
    pub mentions: Option<Vec<UserId>>,
    pub send_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageEdit {
    pub message_id: MessageId,
    #[schemars(length(min = 1, max = limits::MAX_CONTENT), regex(pattern = r"\S"))]
    pub content: String,
    pub base_rev: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReactAction {
    Add,
    Remove,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageReact {
    pub message_id: MessageId,
    /// One grapheme, or `:name:`.
    #[schemars(length(min = 1, max = limits::MAX_EMOJI))]
    pub emoji: String,
    pub action: ReactAction,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagePin {
    pub message_id: MessageId,
    /// If given, the message has to be in it.
    pub channel_id: Option<ChannelRef>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnMessage {
    pub message_id: MessageId,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarkRead {
    pub channel_id: ChannelRef,
    /// The cursor of a thread instead of the channel's.
    pub thread_id: Option<MessageId>,
    /// Read up to and including this position.
    pub seq: Option<u64>,
    pub message_id: Option<MessageId>,
    /// Explicit mark-unread: this position and everything after it is unread again.
    pub unread_from: Option<u64>,
    /// To the end, and the threads I follow in the channel too.
    #[serde(default)]
    pub all: bool,
}

/// Payload of every op that names nothing but a thread, by its root.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnThread {
    pub thread_id: MessageId,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThreadList {
    pub channel_id: Option<ChannelRef>,
    #[serde(default)]
    pub unread: bool,
    #[schemars(length(max = limits::MAX_CURSOR))]
    pub cursor: Option<String>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

/// `typing:start` and `typing:stop`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypingIn {
    pub channel_id: ChannelRef,
    pub thread_id: Option<MessageId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PresenceStatus {
    Online,
    Away,
    Dnd,
    Invisible,
}

impl PresenceStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Dnd => "dnd",
            Self::Invisible => "invisible",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Online, Self::Away, Self::Dnd, Self::Invisible].into_iter().find(|one| one.as_str() == text)
    }
}

/// Who is told when a person was last there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LastSeenTo {
    /// Everybody who sees the person's presence.
    Shared,
    Nobody,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceUpdate {
    pub status: Option<PresenceStatus>,
    /// Absent = unchanged, empty = cleared. Comes with its emoji and its end; without them it has none.
    #[schemars(length(max = limits::MAX_CUSTOM_STATUS))]
    pub custom_status: Option<String>,
    /// One grapheme, or `:name:`.
    #[schemars(length(max = limits::MAX_EMOJI))]
    pub emoji: Option<String>,
    pub until: Option<Timestamp>,
    pub last_seen_to: Option<LastSeenTo>,
    /// Whether others learn how far the person has read, and it how far they have.
    pub read_receipts: Option<bool>,
    /// Absent = unchanged, `null` is not told apart from absent; an empty `type` clears it.
    pub activity: Option<Activity>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    #[serde(rename = "type")]
    #[schemars(length(max = limits::MAX_ACTIVITY_TYPE))]
    pub kind: String,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_ACTIVITY_NAME))]
    pub name: String,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_ACTIVITY_DETAILS))]
    pub details: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceHeartbeat {
    #[serde(default)]
    pub idle_ms: u64,
}

/// `presence:subscribe`, `presence:unsubscribe`, `presence:get_bulk`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceOf {
    #[serde(default)]
    #[schemars(length(max = limits::MAX_PRESENCE))]
    pub user_ids: Vec<UserId>,
    pub channel_id: Option<ChannelRef>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnUser {
    pub user_id: UserId,
}

/// A page of a list that needs no more than that.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct PageOf {
    #[schemars(length(max = limits::MAX_CURSOR))]
    pub cursor: Option<String>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageReport {
    pub message_id: MessageId,
    #[schemars(length(min = 1, max = limits::MAX_REPORT_REASON), regex(pattern = r"\S"))]
    pub reason: String,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_NOTE))]
    pub note: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Reports {
    pub state: Option<ReportState>,
    #[schemars(length(max = limits::MAX_CURSOR))]
    pub cursor: Option<String>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportResolution {
    Dismissed,
    Actioned,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolveReport {
    pub report_id: ReportId,
    pub resolution: ReportResolution,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_NOTE))]
    pub note: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KickUser {
    pub channel_id: ChannelRef,
    pub user_id: UserId,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_REASON))]
    pub reason: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutUser {
    pub channel_id: ChannelRef,
    pub user_id: UserId,
    /// `null` lifts it.
    pub until: Option<Timestamp>,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_REASON))]
    pub reason: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BanUser {
    pub user_id: UserId,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_REASON))]
    pub reason: String,
    /// Absent = for good.
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct AuditLog {
    #[schemars(length(max = limits::MAX_CURSOR))]
    pub cursor: Option<String>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
    /// Also follow the chain from its beginning.
    #[serde(default)]
    pub verify: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserList {
    #[schemars(length(max = limits::MAX_SEARCH))]
    pub search: Option<String>,
    #[schemars(length(max = limits::MAX_CURSOR))]
    pub cursor: Option<String>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchMessages {
    /// Words, phrases and filters (`chat::search`).
    #[serde(default)]
    #[schemars(length(max = limits::MAX_SEARCH))]
    pub q: String,
    pub channel_id: Option<ChannelRef>,
    pub sender_id: Option<UserId>,
    /// RFC 3339 or a date, which means its beginning here and its end in `to`.
    pub from: Option<String>,
    pub to: Option<String>,
    #[schemars(length(max = limits::MAX_CURSOR))]
    pub cursor: Option<String>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchSuggest {
    /// The beginning of a name; `#` asks for channels only, `@` for people.
    #[schemars(length(max = limits::MAX_SEARCH))]
    pub q: String,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $op:literal),+ $(,)?) => {
        /// A well-formed command. The literal beside each variant is its op on the wire.
        #[derive(Debug, Clone)]
        pub enum Command {
            $($(#[$doc])* $variant($payload)),+
        }

        impl Command {
            /// All ops that `parse` knows.
            pub const OPS: &[&'static str] = &[$($op),+];

            /// Decodes and checks the payload of `op`; `op.unknown` or `validation.failed` otherwise.
            pub fn parse(op: &str, data: Value) -> Result<Self, ServiceError> {
                limits::no_nul(&data)?;
                let command = match op {
                    $($op => Self::$variant(decode::<$payload>(data)?),)+
                    _ => return Err(ServiceError::new(Code::OpUnknown, "unknown operation")),
                };
                limits::check(&command)?;
                Ok(command)
            }

            /// The JSON Schema of the payload of `op`, without references.
            pub fn schema(op: &str, generator: &mut SchemaGenerator) -> Option<Schema> {
                match op {
                    $($op => Some(<$payload>::json_schema(generator)),)+
                    _ => None,
                }
            }

            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $op),+
                }
            }
        }
    };
}

commands! {
    ChannelList(ChannelList) = "channel:list",
    ChannelCreate(ChannelCreate) = "channel:create",
    ChannelGet(OnChannel) = "channel:get",
    ChannelUpdate(ChannelUpdate) = "channel:update",
    ChannelArchive(ChannelArchive) = "channel:archive",
    /// Membership, not focus.
    MemberAdd(ChannelMember) = "channel:member_add",
    MemberRemove(ChannelMember) = "channel:member_remove",
    MemberRole(ChannelMemberRole) = "channel:member_role",
    SetNotify(ChannelSetNotify) = "channel:set_notify",
    /// Focus, not membership.
    ChannelJoin(OnChannel) = "channel:join",
    ChannelLeave(OnChannel) = "channel:leave",
    ChannelHistory(ChannelHistory) = "channel:get_history",
    ChannelSync(ChannelSync) = "channel:sync",
    MessageSend(MessageSend) = "message:send",
    MessageEdit(MessageEdit) = "message:edit",
    MessageDelete(OnMessage) = "message:delete",
    MessageReact(MessageReact) = "message:react",
    MessagePin(MessagePin) = "message:pin",
    MessageUnpin(MessagePin) = "message:unpin",
    ChannelPins(OnChannel) = "channel:get_pins",
    MessageGet(OnMessage) = "message:get",
    MessageRevisions(OnMessage) = "message:get_revisions",
    MarkRead(MarkRead) = "message:mark_read",
    ReadReceipts(OnMessage) = "message:get_read_receipts",
    ScheduleList(ScheduleList) = "schedule:list",
    ScheduleUpdate(ScheduleUpdate) = "schedule:update",
    ScheduleCancel(OnSchedule) = "schedule:cancel",
    ThreadGet(OnThread) = "thread:get",
    ThreadList(ThreadList) = "thread:list",
    ThreadFollow(OnThread) = "thread:follow",
    ThreadUnfollow(OnThread) = "thread:unfollow",
    TypingStart(TypingIn) = "typing:start",
    TypingStop(TypingIn) = "typing:stop",
    TypingActive(OnChannel) = "typing:get_active",
    PresenceUpdate(PresenceUpdate) = "presence:update",
    PresenceHeartbeat(PresenceHeartbeat) = "presence:heartbeat",
    PresenceSubscribe(PresenceOf) = "presence:subscribe",
    PresenceUnsubscribe(PresenceOf) = "presence:unsubscribe",
    PresenceBulk(PresenceOf) = "presence:get_bulk",
    VoiceJoin(VoiceJoin) = "voice:join",
    VoiceLeave(OnMyCall) = "voice:leave",
    VoiceUpdate(VoiceUpdate) = "voice:update",
    VoiceParticipants(OnChannel) = "voice:get_participants",
    CallStart(CallStart) = "call:start",
    /// A callee's page shows the incoming call.
    CallRinging(OnCall) = "call:ringing",
    CallAccept(CallJoin) = "call:accept",
    CallDecline(CallDecline) = "call:decline",
    CallCancel(OnCall) = "call:cancel",
    CallJoin(CallJoin) = "call:join",
    CallLeave(OnCall) = "call:leave",
    CallEnd(OnCall) = "call:end",
    CallInvite(CallInvite) = "call:invite",
    CallMute(CallMute) = "call:mute_participant",
    CallKick(CallTarget) = "call:kick_participant",
    CallAskUnmute(CallTarget) = "call:ask_unmute",
    CallHand(CallHand) = "call:hand",
    CallReact(CallReact) = "call:react",
    CallLock(CallLock) = "call:lock",
    CallGet(OnCall) = "call:get",
    CallHistory(CallHistory) = "call:history",
    DmOpen(OnUser) = "dm:open",
    UserList(UserList) = "user:list",
    UserGet(OnUser) = "user:get",
    UserBlock(OnUser) = "user:block",
    UserUnblock(OnUser) = "user:unblock",
    UserBlocks(PageOf) = "user:blocks",
    SessionList(Nothing) = "session:list",
    SessionRevoke(SessionRevoke) = "session:revoke",
    MessageReport(MessageReport) = "message:report",
    Reports(Reports) = "moderation:reports",
    ResolveReport(ResolveReport) = "moderation:resolve",
    KickUser(KickUser) = "moderation:kick_user",
    TimeoutUser(TimeoutUser) = "moderation:timeout_user",
    BanUser(BanUser) = "moderation:ban_user",
    UnbanUser(OnUser) = "moderation:unban_user",
    Bans(PageOf) = "moderation:bans",
    Filters(Nothing) = "moderation:filters",
    FilterAdd(FilterAdd) = "moderation:filter_add",
    FilterRemove(OnFilter) = "moderation:filter_remove",
    InviteCreate(InviteCreate) = "invite:create",
    InviteList(OnChannel) = "invite:list",
    InviteRevoke(InviteRevoke) = "invite:revoke",
    /// A guest who waits.
    InviteAdmit(ChannelMember) = "invite:admit",
    InviteRefuse(ChannelMember) = "invite:refuse",
    UserSessions(OnUser) = "moderation:sessions",
    RevokeSessions(RevokeSessions) = "moderation:revoke_sessions",
    AuditLog(AuditLog) = "moderation:audit",
    AdminOverview(Nothing) = "admin:overview",
    AdminPolicy(Nothing) = "admin:policy",
    AdminCalls(AdminList) = "admin:calls",
    AdminCall(OnCall) = "admin:call",
    /// By somebody who need not be in it.
    AdminEndCall(OnCall) = "admin:end_call",
    AdminRings(AdminList) = "admin:rings",
    AdminCancelRing(CancelRing) = "admin:cancel_ring",
    SearchMessages(SearchMessages) = "search:messages",
    SearchSuggest(SearchSuggest) = "search:suggest",
}

fn decode<T: DeserializeOwned>(data: Value) -> Result<T, ServiceError> {
    let data = if data.is_null() { Value::Object(serde_json::Map::new()) } else { data };
    serde_json::from_value(data).map_err(|error| ServiceError::invalid("d", error.to_string()))
}
