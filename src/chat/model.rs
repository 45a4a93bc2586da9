//! Users, channels, members and messages as the services see them, and their JSON on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    base::{
        id::{CallId, ChannelId, MessageId, UserId},
        time::rfc3339,
    },
    call::model::CallSummary,
};

/// Milliseconds since 1970.
pub type WallMs = i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    Dm,
    Group,
    /// Everyone with an account is a member.
    General,
}

impl ChannelKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dm => "dm",
            Self::Group => "group",
            Self::General => "general",
        }
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
    pub custom_status: String,
    pub created_at: WallMs,
    pub last_seen_at: Option<WallMs>,
    /// Bumping it revokes all tokens of the user.
    pub token_epoch: i64,
}

impl UserRecord {
    pub fn is_admin(&self) -> bool {
        self.role == "admin"
    }

    /// `{id, username, name, kind, role, isActive, customStatus, avatar, lastSeen, createdAt}`
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "username": self.username, "name": self.name, "kind": self.kind,
            "role": self.role, "isActive": self.is_active, "customStatus": self.custom_status,
            "avatar": null, "lastSeen": self.last_seen_at.map(rfc3339), "createdAt": rfc3339(self.created_at),
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
    /// The other side of a dm: id, username, name.
    pub peer: Option<(UserId, String, String)>,
}

impl ChannelRecord {
    /// `{id, slug, kind, name, description, topic, private, voice, readOnly, lastSeq, rev, lastMessageAt, createdAt,
    /// memberCount, members[ids; dm and group only], role, readSeq, unread, mentions, peer{id,username,name}|null,
    /// call}` where `call` is the live call (§ calls) or null. A dm carries the peer's name as `name`.
    pub fn to_json(&self, call: Value) -> Value {
        let peer = self.peer.as_ref();
        json!({
            "id": self.id, "slug": self.slug, "kind": self.kind,
            "name": peer.map_or(self.name.as_str(), |(_, _, name)| name.as_str()),
            "description": self.description, "topic": self.topic, "private": self.is_private,
            "voice": self.is_voice, "readOnly": self.is_read_only, "lastSeq": self.last_seq, "rev": self.rev,
            "lastMessageAt": self.last_message_at.map(rfc3339), "createdAt": rfc3339(self.created_at),
            "memberCount": self.member_count, "members": self.members, "role": self.role,
            "readSeq": self.read_seq, "unread": self.unread, "mentions": self.mentions,
            "peer": peer.map(|(id, username, name)| json!({"id": id, "username": username, "name": name})),
            "call": call,
        })
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
}

impl MemberRecord {
    /// `{userId, username, name, role, readSeq, rev, leftAt}`
    pub fn to_json(&self) -> Value {
        json!({
            "userId": self.user, "username": self.username, "name": self.name, "role": self.role,
            "readSeq": self.read_seq, "rev": self.rev, "leftAt": self.left_at.map(rfc3339),
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
    pub nonce: Option<String>,
    /// `text`, or `call` for the line a finished call leaves behind.
    pub kind: String,
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub mentions: Vec<UserId>,
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

    /// `{id, channelId, threadId:null, seq, rev, authorId, authorName, nonce, type, content, replyTo, mentions[], callId,
    /// call{state,mode,type,endReason,durationMs}|null, editedAt, editCount, deletedAt, deletedBy,
    /// reactions[{emoji, count, users[the first 5]}], pinnedAt, pinnedBy, createdAt}`.
    /// A tombstone (`deletedAt` set) has empty `content`, `mentions` and `reactions` but keeps `seq`.
    pub fn to_json(&self) -> Value {
        let deleted = self.deleted_at.is_some();
        let (content, mentions): (&str, &[UserId]) =
            if deleted { ("", &[]) } else { (&self.content, &self.mentions) };
        json!({
            "id": self.id, "channelId": self.channel, "threadId": null, "seq": self.seq, "rev": self.rev,
            "authorId": self.author, "authorName": self.author_name, "nonce": self.nonce, "type": self.kind,
            "content": content, "replyTo": self.reply_to, "mentions": mentions, "callId": self.call,
            "call": self.call_summary.as_ref().map(CallSummary::to_json),
            "editedAt": self.edited_at.map(rfc3339), "editCount": self.edit_count,
            "deletedAt": self.deleted_at.map(rfc3339), "deletedBy": self.deleted_by,
            "reactions": self.reactions, "pinnedAt": self.pinned_at.map(rfc3339), "pinnedBy": self.pinned_by,
            "createdAt": rfc3339(self.created_at),
        })
    }
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
