//! What is forgotten when, as the store takes and answers it.

use super::Audience;
use crate::{base::id::ChannelId, chat::model::WallMs};

/// What has lost its right to stay at `now`.
#[derive(Debug, Clone, Copy)]
pub struct ClearRule {
    /// Messages older than this, in channels without a shorter time of their own; 0 = none.
    pub default_days: u32,
    /// Messages that were deleted before this.
    pub deleted_before: WallMs,
    pub now: WallMs,
}

/// Where a pass through the messages is. A new one starts at the beginning.
#[derive(Debug, Clone, Default)]
pub struct ClearPass {
    pub(super) stage: ClearStage,
}

#[derive(Debug, Clone, Default)]
pub(super) enum ClearStage {
    /// Messages that were deleted, by the time of it.
    #[default]
    Deleted,
    /// Which channels have something old?
    Look,
    /// Through `after < n <= last`; then the channels have nothing left from before their time.
    Walk { due: Vec<Due>, after: i64, last: i64 },
}

/// A channel in which something may be older than it should be.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub channel: ChannelId,
    /// Of the settings that said so.
    pub settings_rev: u64,
    /// Everything created before this has to go.
    pub cutoff: WallMs,
}

/// A channel whose members do not have what was said any more: `sync` has the tombstones.
#[derive(Debug, Clone)]
pub struct ClearedChannel {
    pub channel: ChannelId,
    pub rev: i64,
    pub audience: Audience,
}

#[derive(Debug, Clone, Default)]
pub struct Cleared {
    /// Messages that lost their content.
    pub messages: u64,
    /// What to go on with; `None` = there is nothing more.
    pub next: Option<ClearPass>,
}
