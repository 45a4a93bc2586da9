//! Commands about where somebody is signed in.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::id::{LoginId, UserId};

/// Payload of every op that needs nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Nothing {}

/// One of one's own sessions, or all but the one that asks.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionRevoke {
    pub session_id: Option<LoginId>,
    #[serde(default)]
    pub others: bool,
}

/// Sessions of somebody else: one of them, or all.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokeSessions {
    pub user_id: UserId,
    pub session_id: Option<LoginId>,
}
