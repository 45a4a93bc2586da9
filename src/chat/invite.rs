//! Links that let people in who have no account, and the guests who came by them.

use serde_json::{Value, json};

use super::model::WallMs;
use crate::base::{
    id::{ChannelId, InviteId, LoginId, UserId},
    time::rfc3339,
};

/// A guest's token is good for so long at most, and never longer than its link.
pub const GUEST_STAY_MS: WallMs = 12 * 3600 * 1000;

/// A link for guests, without its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteRecord {
    pub id: InviteId,
    pub channel: ChannelId,
    pub by: UserId,
    pub created_at: WallMs,
    pub expires_at: WallMs,
    /// `None` = as often as one likes.
    pub max_uses: Option<u32>,
    pub uses: u32,
    pub revoked_at: Option<WallMs>,
    /// Guests wait until somebody lets them in.
    pub lobby: bool,
    /// Guests may send sound and pictures.
    pub publish: bool,
    /// Guests may read and write messages.
    pub chat: bool,
}

impl InviteRecord {
    /// Whether it still lets somebody in.
    pub fn is_open(&self, now: WallMs) -> bool {
        let used_up = self.max_uses.is_some_and(|most| self.uses >= most);
        self.revoked_at.is_none() && self.expires_at > now && !used_up
    }

    /// When the token of a guest who comes now is over.
    pub fn guest_until(&self, now: WallMs) -> WallMs {
        self.expires_at.min(now.saturating_add(GUEST_STAY_MS))
    }

    /// `{id, channelId, createdBy, createdAt, expiresAt, maxUses|null, uses, revokedAt|null, lobby, publish, chat}`
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "channelId": self.channel, "createdBy": self.by, "createdAt": rfc3339(self.created_at),
            "expiresAt": rfc3339(self.expires_at), "maxUses": self.max_uses, "uses": self.uses,
            "revokedAt": self.revoked_at.map(rfc3339), "lobby": self.lobby, "publish": self.publish,
            "chat": self.chat,
        })
    }
}

/// Whether a guest may be in its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestState {
    /// Until somebody lets it in.
    Waiting,
    Admitted,
    Refused,
}

impl GuestState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Admitted => "admitted",
            Self::Refused => "refused",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Admitted, Self::Refused].into_iter().find(|state| state.as_str() == text)
    }
}

/// Somebody who came by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestRecord {
    pub user: UserId,
    pub name: String,
    pub channel: ChannelId,
    /// The sign-in that its token is of.
    pub login: LoginId,
    pub state: GuestState,
    /// Since when it knocks; `None` = it does not.
    pub knocked_at: Option<WallMs>,
}

impl GuestRecord {
    /// `{userId, name}`
    pub fn to_json(&self) -> Value {
        json!({"userId": self.user, "name": self.name})
    }

    /// `{guest{userId, name}, channelId, at}`
    pub fn knock_json(&self) -> Value {
        json!({"guest": self.to_json(), "channelId": self.channel, "at": self.knocked_at.map(rfc3339)})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_open_until_one_of_its_ends() {
        let invite = InviteRecord {
            id: InviteId::from_parts(1, 1),
            channel: ChannelId::from_parts(1, 1),
            by: UserId::from_parts(1, 1),
            created_at: 0,
            expires_at: 100,
            max_uses: Some(2),
            uses: 1,
            revoked_at: None,
            lobby: false,
            publish: true,
            chat: true,
        };
        assert!(invite.is_open(99) && !invite.is_open(100));
        assert!(!InviteRecord { uses: 2, ..invite.clone() }.is_open(1));
        assert!(InviteRecord { uses: 2, max_uses: None, ..invite.clone() }.is_open(1));
        assert!(!InviteRecord { revoked_at: Some(5), ..invite.clone() }.is_open(99));
        assert_eq!(invite.guest_until(1), 100, "not longer than the link");
        let long = InviteRecord { expires_at: 2 * GUEST_STAY_MS, ..invite };
        assert_eq!(long.guest_until(1), 1 + GUEST_STAY_MS);
    }
}
