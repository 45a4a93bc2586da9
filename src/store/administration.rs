//! Acts on channels and their members, as the store takes and answers them.

use super::Audience;
use crate::{
    base::{
        id::{ChannelId, UserId},
        origin::Origin,
    },
    chat::model::{ChannelRecord, MemberRecord, MemberRole, MessageRecord, WallMs},
};

/// Who acts on a channel.
#[derive(Debug, Clone)]
pub struct ChannelAct {
    pub channel: ChannelId,
    pub by: UserId,
    /// Has the rights of an owner without being one: by token, or as administrator of the server.
    pub host: bool,
    pub from: Origin,
    pub now: WallMs,
}

/// New settings; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ChannelSettings {
    pub name: Option<String>,
    pub description: Option<String>,
    pub topic: Option<String>,
    pub read_only: Option<bool>,
    pub slow_mode_s: Option<u32>,
    pub private: Option<bool>,
    /// 0 = as the server says.
    pub retention_days: Option<u32>,
    /// The revision at which the settings were read.
    pub base_rev: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct ChangedChannel {
    /// As nobody in particular sees it: `ChannelRecord::to_shared_json`.
    pub channel: ChannelRecord,
    /// False if everything was so already.
    pub changed: bool,
    pub audience: Audience,
    /// What the channel says of it.
    pub lines: Vec<MessageRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// Out of the channel; of oneself: leaving.
    Remove,
    Role(MemberRole),
    /// Out of the channel, and into the audit log.
    Kick {
        reason: String,
    },
    /// May not write until then; `None` lifts it.
    Timeout {
        until: Option<WallMs>,
        reason: String,
    },
}

#[derive(Debug, Clone)]
pub struct ChangedMember {
    pub channel: ChannelId,
    pub member: MemberRecord,
    pub changed: bool,
    /// The members after the change.
    pub audience: Audience,
    /// What the channel says of it.
    pub line: Option<MessageRecord>,
}
