//! What calls are asked for.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{super::limits, ChannelRef};
use crate::{
    base::{
        id::{CallId, UserId},
        playout::PlayoutDelay,
    },
    call::model::CallKind,
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoiceJoin {
    pub channel_id: ChannelRef,
    #[serde(default)]
    pub muted: bool,
    #[serde(default)]
    pub deafened: bool,
    /// Of the call that it starts.
    pub playout_delay: Option<PlayoutDelay>,
}

/// Which of my calls: by call, by channel, or (neither) the only one this session is in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnMyCall {
    pub call_id: Option<CallId>,
    pub channel_id: Option<ChannelRef>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoiceUpdate {
    #[serde(flatten)]
    pub which: OnMyCall,
    pub muted: Option<bool>,
    pub deafened: Option<bool>,
    pub video: Option<bool>,
    pub screen: Option<bool>,
    pub hand_raised: Option<bool>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallStart {
    pub channel_id: ChannelRef,
    #[serde(rename = "type", default)]
    pub kind: CallKind,
    #[serde(default)]
    #[schemars(length(max = limits::MAX_RUNG))]
    pub participant_ids: Vec<UserId>,
    #[serde(default)]
    pub muted: bool,
    #[serde(default)]
    pub deafened: bool,
    /// Of the call that it starts.
    pub playout_delay: Option<PlayoutDelay>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnCall {
    pub call_id: CallId,
}

/// `call:accept` and `call:join`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallJoin {
    pub call_id: CallId,
    #[serde(default)]
    pub muted: bool,
    #[serde(default)]
    pub deafened: bool,
    /// A new seat even where this session has one: its media is broken, and a new connection needs a new seat.
    #[serde(default)]
    pub fresh: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeclineReason {
    #[default]
    Declined,
    Busy,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallDecline {
    pub call_id: CallId,
    #[serde(default)]
    pub reason: DeclineReason,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallInvite {
    pub call_id: CallId,
    #[schemars(length(min = 1, max = limits::MAX_RUNG))]
    pub user_ids: Vec<UserId>,
}

/// `call:kick_participant` and `call:ask_unmute`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallTarget {
    pub call_id: CallId,
    pub user_id: UserId,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallMute {
    pub call_id: CallId,
    pub user_id: UserId,
    /// `false` takes back one's own mute of a moment ago.
    #[serde(default = "yes")]
    pub muted: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallHand {
    pub call_id: CallId,
    pub raised: bool,
    /// Whose hand a host lowers; none is one's own.
    pub user_id: Option<UserId>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallReact {
    pub call_id: CallId,
    /// One emoji.
    #[schemars(length(min = 1, max = limits::MAX_EMOJI))]
    pub emoji: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallLock {
    pub call_id: CallId,
    pub locked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HistoryFilter {
    #[default]
    All,
    Missed,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallHistory {
    #[schemars(length(max = limits::MAX_CURSOR))]
    pub cursor: Option<String>,
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
    pub channel_id: Option<ChannelRef>,
    #[serde(default)]
    pub filter: HistoryFilter,
}
