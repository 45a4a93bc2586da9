//! What a token allows, and who is asking.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::{
    id::{LoginId, SessionId, UserId},
    origin::Origin,
};

/// The `grants` claim of a token. Absent fields take the defaults of a full member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Grants {
    /// Only this channel (id or slug) may be seen, spoken in and called; `None` = all memberships.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    pub publish: bool,
    pub subscribe: bool,
    /// Sources that may be published; `None` = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<GrantSource>>,
    /// May read and write chat.
    pub chat: bool,
    /// Host powers in every call and channel.
    pub admin: bool,
    /// Came by a link: looks for nobody, writes to nobody alone, rings and invites nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            room: None,
            publish: true,
            subscribe: true,
            sources: None,
            chat: true,
            admin: false,
            guest: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantSource {
    Mic,
    Camera,
    Screen,
    ScreenAudio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    #[default]
    Desktop,
    Mobile,
    Tablet,
}

impl Device {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Desktop, Self::Mobile, Self::Tablet].into_iter().find(|one| one.as_str() == text)
    }
}

/// Who runs a command. Built by a front door from a checked token, passed to the services.
#[derive(Debug, Clone)]
pub struct Actor {
    pub user: UserId,
    pub username: Arc<str>,
    pub name: Arc<str>,
    /// The signalling session. REST calls and WHIP/WHEP resources have one of their own, never shared.
    pub session: SessionId,
    pub device: Device,
    pub grants: Arc<Grants>,
    /// What the token was made for; tokens of integrators are for nothing of ours.
    pub login: Option<LoginId>,
    pub from: Origin,
}
