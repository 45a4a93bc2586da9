//! Scheduled messages as the services see them, and their JSON on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::WallMs;
use crate::base::{
    id::{ChannelId, MessageId, ScheduleId, UserId},
    time::rfc3339,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleState {
    Pending,
    Sent,
    /// Its time came and it was not allowed; a new time makes it pending again.
    Failed,
    Cancelled,
}

impl ScheduleState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Sent, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A message that waits for its time, or what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledRecord {
    pub id: ScheduleId,
    pub author: UserId,
    pub channel: ChannelId,
    pub thread: Option<MessageId>,
    pub reply_to: Option<MessageId>,
    /// Empty once it is sent or cancelled.
    pub content: String,
    pub mentions: Vec<UserId>,
    pub send_at: WallMs,
    pub state: ScheduleState,
    /// Why it failed: a code of the wire.
    pub error: Option<String>,
    /// What it became.
    pub message: Option<MessageId>,
    /// Grows with each change.
    pub rev: u64,
    pub created_at: WallMs,
    pub updated_at: WallMs,
}

impl ScheduledRecord {
    /// `{id, channelId, threadId|null, replyTo|null, content, mentions[], sendAt, state, error|null, messageId|null, rev,
    /// createdAt, updatedAt}`
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "channelId": self.channel, "threadId": self.thread, "replyTo": self.reply_to,
            "content": self.content, "mentions": self.mentions, "sendAt": rfc3339(self.send_at),
            "state": self.state, "error": self.error, "messageId": self.message, "rev": self.rev,
            "createdAt": rfc3339(self.created_at), "updatedAt": rfc3339(self.updated_at),
        })
    }
}
