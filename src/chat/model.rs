//! Users, channels, members and messages as the services see them, and their JSON on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{command::PresenceStatus, line::Line};
/// Of a session, as its client says.
pub use crate::auth::grants::Device;
use crate::{
    base::{
        id::{CallId, ChannelId, LoginId, MessageId, UserId},
        origin::Origin,
        time::rfc3339,
    },
    call::model::CallSummary,
};

/// Milliseconds since 1970.
pub type WallMs = i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    Dm,
    Group,
    /// Everyone with an account is a member.
    General,
    Department,
    Project,
}

impl ChannelKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dm => "dm",
            Self::Group => "group",
            Self::General => "general",
            Self::Department => "department",
            Self::Project => "project",
        }
    }

    /// Never has anybody from outside in it.
    pub const fn is_internal(self) -> bool {
        matches!(self, Self::General | Self::Department)
    }

    /// Is of a department or a project, and internal unless something else is said.
    pub const fn is_of_a_unit(self) -> bool {
        matches!(self, Self::Department | Self::Project)
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Dm, Self::Group, Self::General, Self::Department, Self::Project]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// What a member may do; later ones may do more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    Member,
    Admin,
    Owner,
}

impl MemberRole {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner].into_iter().find(|role| role.as_str() == text)
    }
}

/// What of a channel a member wants to be told of when it does not look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NotifyPref {
    All,
    Mentions,
    None,
}

impl NotifyPref {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::None => "none",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::All, Self::Mentions, Self::None].into_iter().find(|pref| pref.as_str() == text)
    }
}

/// What a person says of itself; outlives restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelfStatus {
    pub wish: Option<PresenceStatus>,
    /// Up to 100 characters, and one emoji.
    pub text: String,
    pub emoji: String,
    /// When text and emoji end.
    pub until: Option<WallMs>,
    pub hides_last_seen: bool,
}

impl SelfStatus {
    /// `{lastSeenTo, readReceipts}`, for the person itself.
    pub fn settings_json(&self, hides_reading: bool) -> Value {
        let last_seen_to = if self.hides_last_seen { "nobody" } else { "shared" };
        json!({"lastSeenTo": last_seen_to, "readReceipts": !hides_reading})
    }

    pub fn clear_custom(&mut self) {
        self.text.clear();
        self.emoji.clear();
        self.until = None;
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    pub id: UserId,
    pub username: String,
    pub name: String,
    pub kind: String,
    /// `admin` or `member`.
    pub role: String,
    pub external_id: Option<String>,
    pub is_active: bool,
    /// In the words of the directory.
    pub department_id: Option<String>,
    pub status: SelfStatus,
    /// Others do not learn how far it has read, nor it how far they have.
    pub hides_reading: bool,
    pub created_at: WallMs,
    pub last_seen_at: Option<WallMs>,
    /// Bumping it revokes all tokens of the user.
    pub token_epoch: i64,
    /// The end of the last ban; `WallMs::MAX` = never.
    pub banned_until: Option<WallMs>,
}

impl UserRecord {
    pub fn is_admin(&self) -> bool {
        self.role == "admin"
    }

    /// Not of the organisation: sees nothing that is internal.
    pub fn is_external(&self) -> bool {
        self.kind == EXTERNAL
    }

    pub fn is_banned(&self, now: WallMs) -> bool {
        self.banned_until.is_some_and(|until| until > now)
    }

    /// `{id, username, name, kind, role, departmentId, isActive, customStatus, avatar, lastSeen, createdAt}`
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "username": self.username, "name": self.name, "kind": self.kind,
            "role": self.role, "departmentId": self.department_id, "isActive": self.is_active, "customStatus": self.status.text,
            "avatar": null, "lastSeen": self.last_seen_at.filter(|_| !self.status.hides_last_seen).map(rfc3339), "createdAt": rfc3339(self.created_at),
        })
    }

    /// The same for whom the user blocks: nothing that comes from being here.
    pub fn to_hidden_json(&self) -> Value {
        let mut json = self.to_json();
        json["customStatus"] = "".into();
        json["lastSeen"] = Value::Null;
        json
    }
}

/// The kind of accounts that are not of the organisation.
pub const EXTERNAL: &str = "client";

/// Somebody signs in.
#[derive(Debug, Clone)]
pub struct SignIn {
    pub id: LoginId,
    pub user: UserId,
    pub device: Device,
    /// What the client calls itself.
    pub client: String,
    pub from: Origin,
    /// Of its first refresh token.
    pub hash: String,
}

/// Somebody signed in somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    pub id: LoginId,
    pub user: UserId,
    pub device: Device,
    /// What the client calls itself.
    pub client: String,
    pub ip: Option<String>,
    pub created_at: WallMs,
    pub last_used_at: WallMs,
    pub expires_at: WallMs,
    pub revoked_at: Option<WallMs>,
}

impl LoginRecord {
    pub fn lives(&self, now: WallMs) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }

    /// `{id, device, client, ip|null, createdAt, lastUsedAt, expiresAt, current}`
    pub fn to_json(&self, current: bool) -> Value {
        json!({
            "id": self.id, "device": self.device, "client": self.client, "ip": self.ip,
            "createdAt": rfc3339(self.created_at), "lastUsedAt": rfc3339(self.last_used_at),
            "expiresAt": rfc3339(self.expires_at), "current": current,
        })
    }
}

/// A channel as one member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRecord {
    pub id: ChannelId,
    pub slug: Option<String>,
    pub kind: ChannelKind,
    pub name: String,
    pub description: String,
    pub topic: String,
    pub is_private: bool,
    pub is_voice: bool,
    pub is_read_only: bool,
    /// Seconds between two messages of a member; 0 = off.
    pub slow_mode_s: u32,
    /// Messages older than this are cleared; 0 = as the server says.
    pub retention_days: u32,
    pub department_id: Option<String>,
    pub project_id: Option<String>,
    /// No external account is in it.
    pub is_internal: bool,
    /// A JSON object.
    pub context: String,
    pub archived_at: Option<WallMs>,
    pub last_seq: u64,
    pub rev: u64,
    pub last_message_at: Option<WallMs>,
    pub created_at: WallMs,
    pub member_count: u32,
    /// Filled for dm and group channels of at most 500 people, else empty.
    pub members: Vec<UserId>,
    pub role: String,
    pub read_seq: u64,
    pub unread: u32,
    pub mentions: u32,
    /// Followed threads with something unread, and mentions in them.
    pub thread_unread: u32,
    pub thread_mentions: u32,
    /// A `NotifyPref`.
    pub notify: String,
    pub muted_until: Option<WallMs>,
    /// The other side of a dm: id, username, name.
    pub peer: Option<(UserId, String, String)>,
}

impl ChannelRecord {
    /// What is the same for all members: `{id, slug, kind, name, description, topic, private, voice, readOnly, slowMode,
    /// retentionDays, departmentId, projectId, isInternal, context{}, archivedAt, lastSeq, rev, lastMessageAt, createdAt, memberCount}`.
    pub fn to_shared_json(&self) -> Value {
        json!({
            "id": self.id, "slug": self.slug, "kind": self.kind, "name": self.name,
            "description": self.description, "topic": self.topic, "private": self.is_private,
            "voice": self.is_voice, "readOnly": self.is_read_only, "slowMode": self.slow_mode_s,
            "retentionDays": self.retention_days,
            "departmentId": self.department_id, "projectId": self.project_id, "isInternal": self.is_internal,
            "context": serde_json::from_str::<Value>(&self.context).unwrap_or_else(|_| json!({})),
            "archivedAt": self.archived_at.map(rfc3339), "lastSeq": self.last_seq, "rev": self.rev,
            "lastMessageAt": self.last_message_at.map(rfc3339), "createdAt": rfc3339(self.created_at),
            "memberCount": self.member_count,
        })
    }

    /// The shared fields and `{members[ids; not of general], role, readSeq, unread, mentions, threads{unread, mentions},
    /// notify, mutedUntil,
    /// peer{id,username,name}|null, call}` where `call` is the live call (§ calls) or null. A dm carries the peer's name
    /// as `name`.
    pub fn to_json(&self, call: Value) -> Value {
        let mut json = self.to_shared_json();
        let peer = self.peer.as_ref();
        let own = json!({
            "name": peer.map_or(self.name.as_str(), |(_, _, name)| name.as_str()), "members": self.members,
            "role": self.role, "readSeq": self.read_seq, "unread": self.unread, "mentions": self.mentions,
            "threads": {"unread": self.thread_unread, "mentions": self.thread_mentions}, "notify": self.notify, "mutedUntil": self.muted_until.map(rfc3339),
            "peer": peer.map(|(id, username, name)| json!({"id": id, "username": username, "name": name})),
            "call": call,
        });
        if let (Value::Object(json), Value::Object(own)) = (&mut json, own) {
            json.extend(own);
        }
        json
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    pub user: UserId,
    pub username: String,
    pub name: String,
    pub role: String,
    pub read_seq: u64,
    pub rev: u64,
    pub left_at: Option<WallMs>,
    /// May not write until then.
    pub timeout_until: Option<WallMs>,
    /// Nobody else learns `read_seq`.
    pub hides_reading: bool,
}

/// Who will look at what is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer {
    pub user: UserId,
    /// Who shows nobody how far it has read does not see it of others.
    pub hides_reading: bool,
}

impl MemberRecord {
    pub fn shows_reading_to(&self, viewer: Viewer) -> bool {
        viewer.user == self.user || !(self.hides_reading || viewer.hides_reading)
    }

    /// `{userId, username, name, role, readSeq|null, rev, leftAt, timeoutUntil}`
    pub fn to_json(&self, with_reading: bool) -> Value {
        json!({
            "userId": self.user, "username": self.username, "name": self.name, "role": self.role,
            "readSeq": with_reading.then_some(self.read_seq), "rev": self.rev, "leftAt": self.left_at.map(rfc3339),
            "timeoutUntil": self.timeout_until.map(rfc3339),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    pub id: MessageId,
    pub channel: ChannelId,
    pub seq: u64,
    pub rev: u64,
    pub author: UserId,
    pub author_name: String,
    /// The root whose thread this is a reply in; `seq` counts in that timeline then.
    pub thread: Option<MessageId>,
    pub nonce: Option<String>,
    /// `text`, `call` for the line a finished call leaves behind, or `system`.
    pub kind: String,
    /// What a `system` message says.
    pub line: Option<Line>,
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub mentions: Vec<UserId>,
    /// `@channel`: everybody is mentioned.
    pub mentions_all: bool,
    /// Of a root: replies that are not deleted, the last `seq` given out in the thread, when.
    pub thread_count: u32,
    pub thread_last_seq: u64,
    pub thread_last_at: Option<WallMs>,
    pub call: Option<CallId>,
    pub call_summary: Option<CallSummary>,
    pub edit_count: u32,
    pub edited_at: Option<WallMs>,
    pub deleted_at: Option<WallMs>,
    pub deleted_by: Option<UserId>,
    /// In the order in which the emoji first appeared.
    pub reactions: Vec<ReactionSummary>,
    pub pinned_at: Option<WallMs>,
    pub pinned_by: Option<UserId>,
    pub created_at: WallMs,
}

/// One emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionSummary {
    pub emoji: String,
    pub count: u32,
    /// The first five.
    pub users: Vec<UserId>,
}

impl MessageRecord {
    pub fn reaction_count(&self, emoji: &str) -> u32 {
        self.reactions.iter().find(|one| one.emoji == emoji).map_or(0, |one| one.count)
    }

    /// What a root says of its thread.
    pub fn thread_summary(&self) -> Option<ThreadSummary> {
        let last_at = self.thread_last_at?;
        let (count, last_seq) = (self.thread_count, self.thread_last_seq);
        Some(ThreadSummary { root: self.id, count, last_seq, last_at })
    }

    /// `{id, channelId, threadId|null, thread{id, count, lastSeq, lastAt}|null, seq, rev, authorId, authorName, nonce, type, content, replyTo, mentions[], mentionsAll, callId,
    /// call{state,mode,type,endReason,durationMs}|null, system{event, …}|null, editedAt, editCount, deletedAt, deletedBy,
    /// reactions[{emoji, count, users[the first 5]}], pinnedAt, pinnedBy, createdAt}`.
    /// A tombstone (`deletedAt` set) has empty `content`, `mentions` and `reactions` but keeps `seq`.
    pub fn to_json(&self) -> Value {
        let deleted = self.deleted_at.is_some();
        let (content, mentions): (&str, &[UserId]) =
            if deleted { ("", &[]) } else { (&self.content, &self.mentions) };
        let thread = self.thread_summary();
        json!({
            "id": self.id, "channelId": self.channel, "threadId": self.thread,
            "thread": thread.as_ref().map(ThreadSummary::to_json), "seq": self.seq, "rev": self.rev,
            "authorId": self.author, "authorName": self.author_name, "nonce": self.nonce, "type": self.kind,
            "content": content, "replyTo": self.reply_to, "mentions": mentions,
            "mentionsAll": self.mentions_all && !deleted, "callId": self.call,
            "call": self.call_summary.as_ref().map(CallSummary::to_json),
            "system": self.line.as_ref().filter(|_| !deleted),
            "editedAt": self.edited_at.map(rfc3339), "editCount": self.edit_count,
            "deletedAt": self.deleted_at.map(rfc3339), "deletedBy": self.deleted_by,
            "reactions": self.reactions, "pinnedAt": self.pinned_at.map(rfc3339), "pinnedBy": self.pinned_by,
            "createdAt": rfc3339(self.created_at),
        })
    }
}

/// What a root shows of its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadSummary {
    pub root: MessageId,
    /// Replies that are not deleted.
    pub count: u32,
    pub last_seq: u64,
    pub last_at: WallMs,
}

impl ThreadSummary {
    /// `{id, count, lastSeq, lastAt}`
    pub fn to_json(&self) -> Value {
        json!({"id": self.root, "count": self.count, "lastSeq": self.last_seq, "lastAt": rfc3339(self.last_at)})
    }
}

/// A thread as one reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadRecord {
    pub root: MessageRecord,
    pub following: bool,
    pub read_seq: u64,
    /// Up to 100.
    pub unread: u32,
    pub mentions: u32,
}

/// One earlier text of an edited message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRecord {
    pub edit_no: u32,
    pub content: String,
    pub edited_by: UserId,
    pub edited_at: WallMs,
}

impl RevisionRecord {
    /// `{editNo, content, editedBy, editedAt}`: `content` is what the text was before that edit.
    pub fn to_json(&self) -> Value {
        json!({
            "editNo": self.edit_no, "content": self.content, "editedBy": self.edited_by,
            "editedAt": rfc3339(self.edited_at),
        })
    }
}
