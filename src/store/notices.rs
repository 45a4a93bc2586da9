//! Who wants to be told of what, as the store is asked and answers.

use async_trait::async_trait;

use super::Result;
use crate::{
    base::id::{ChannelId, MessageId, UserId},
    chat::model::{ChannelKind, NotifyPref, WallMs},
};

/// Asks who of these wants to hear of the channel.
#[derive(Debug, Clone)]
pub struct Wishes {
    pub channel: ChannelId,
    pub users: Vec<UserId>,
    /// Whoever blocks this one does not.
    pub from: Option<UserId>,
    pub now: WallMs,
}

/// What waits for somebody in a channel of which it wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub kind: ChannelKind,
    pub pref: NotifyPref,
    /// Up to 100; of direct conversations only.
    pub unread: u32,
    pub mentions: u32,
    pub thread_mentions: u32,
}

#[async_trait]
pub trait NoticeStore {
    /// Members who are neither muted nor want nothing, by id.
    async fn wishes(&self, wishes: Wishes) -> Result<Vec<(UserId, NotifyPref)>>;
    /// Channels in which something waits for the user, those left out of which it wants to hear nothing.
    async fn waiting(&self, user: UserId, now: WallMs) -> Result<Vec<Waiting>>;
    async fn thread_followers(&self, root: MessageId) -> Result<Vec<UserId>>;
}
