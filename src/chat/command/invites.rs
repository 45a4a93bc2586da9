//! Commands about links for guests.

use schemars::JsonSchema;
use serde::Deserialize;

use super::ChannelRef;
use crate::{base::id::InviteId, chat::limits};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteCreate {
    pub channel_id: ChannelRef,
    /// Seconds; 7 days if it is not said.
    #[schemars(range(min = limits::MIN_INVITE_S, max = limits::MAX_INVITE_S))]
    pub expires_in: Option<u32>,
    /// How many guests may come by it; absent, there is no limit.
    #[schemars(range(min = 1, max = limits::MAX_INVITE_USES))]
    pub max_uses: Option<u32>,
    /// Guests wait until somebody lets them in.
    #[serde(default)]
    pub lobby: bool,
    /// Guests may send sound and pictures.
    #[serde(default = "yes")]
    pub publish: bool,
    /// Guests may read and write messages.
    #[serde(default = "yes")]
    pub chat: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteRevoke {
    pub invite_id: InviteId,
    /// If given, the link has to be of it.
    pub channel_id: Option<ChannelRef>,
}
