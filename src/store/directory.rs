//! What a directory outside brings, as the store takes and answers it.

use async_trait::async_trait;

use super::{Audience, Result, Then};
use crate::{
    base::{id::UserId, origin::Origin},
    chat::{
        directory::DirectoryChange,
        model::{ChannelRecord, MemberRecord, MessageRecord, WallMs},
    },
};

/// A signature that was used is known for so long.
pub const REMEMBERED_MS: i64 = 11 * 60 * 1000;

#[derive(Debug, Clone)]
pub struct DirectoryCall {
    pub change: DirectoryChange,
    /// No call is carried out twice.
    pub signature: String,
    pub from: Origin,
    pub now: WallMs,
}

/// What became of one entry of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryItem {
    /// In the words of the directory.
    pub id: String,
    /// Our id of the account or the channel.
    pub target: String,
    pub created: bool,
    pub changed: bool,
}

/// Somebody who came into a channel, and its wishes if it had been there before.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub member: MemberRecord,
    pub notify: String,
    pub muted_until: Option<WallMs>,
}

/// What a call changed in one channel.
#[derive(Debug, Clone)]
pub struct DirectoryChannel {
    /// As nobody in particular sees it, its members filled in.
    pub channel: ChannelRecord,
    pub created: bool,
    /// Its settings changed.
    pub updated: bool,
    /// It takes no more calls.
    pub archived: bool,
    pub joined: Vec<Arrival>,
    pub left: Vec<MemberRecord>,
    /// Another role than before.
    pub changed: Vec<MemberRecord>,
    pub lines: Vec<MessageRecord>,
    /// The members afterwards.
    pub audience: Audience,
}

/// Whose sessions are to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The account is disabled.
    Inactive(UserId),
    /// It may do less than its tokens say.
    Less(UserId),
}

#[derive(Debug, Clone)]
pub struct DirectoryDone {
    /// The account that acts for the directory.
    pub by: UserId,
    pub items: Vec<DirectoryItem>,
    pub channels: Vec<DirectoryChannel>,
    pub cut: Vec<Cut>,
}

#[async_trait]
pub trait DirectoryStore {
    /// All of it or nothing. `Duplicate` for a signature that was used, `Invalid` names the entry that cannot be.
    async fn sync_directory(&self, call: DirectoryCall, then: Then<DirectoryDone>) -> Result<DirectoryDone>;
}
