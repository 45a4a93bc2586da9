//! What the token of a session lets it hear. Most hear everything that is for their user.

use std::{
    cell::LazyCell,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use serde_json::Value;

use crate::{auth::grants::Grants, base::id::ChannelId};

/// Changes with the token.
#[derive(Debug)]
pub(super) struct Hearing {
    /// Whether `limits` has to be looked at.
    limited: AtomicBool,
    limits: Mutex<Limits>,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bound to one room, and which; until it is known nothing of any channel is heard.
    room: Option<Option<ChannelId>>,
    chat: bool,
}

impl Hearing {
    pub(super) fn new(grants: &Grants, room: Option<ChannelId>) -> Self {
        let hearing = Self {
            limited: AtomicBool::new(true),
            limits: Mutex::new(Limits { room: Some(None), chat: false }),
        };
        hearing.set(grants, room);
        hearing
    }

    /// `room` is the channel that `grants.room` names.
    pub(super) fn set(&self, grants: &Grants, room: Option<ChannelId>) {
        let limits = Limits { room: grants.room.is_some().then_some(room), chat: grants.chat };
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
        self.limited.store(limits.room.is_some() || !limits.chat, Relaxed);
    }

    pub(super) fn hears(
        &self,
        name: &str,
        channel: &LazyCell<Option<ChannelId>, impl FnOnce() -> Option<ChannelId>>,
    ) -> bool {
        if !self.limited.load(Relaxed) {
            return true;
        }
        let limits = *self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let here = match (limits.room, **channel) {
            (Some(room), Some(channel)) => room == Some(channel),
            // Counted over all channels of the user.
            (Some(_), None) => name != "notification:badge",
            _ => true,
        };
        here && (limits.chat || !is_chat(name))
    }
}

fn is_chat(name: &str) -> bool {
    ["message:", "notification:", "schedule:", "thread:", "typing:"].iter().any(|noun| name.starts_with(noun))
}

/// The channel an event is about.
pub(super) fn channel_of(data: &Value) -> Option<ChannelId> {
    let id = data.get("channelId").or_else(|| data.get("channel")?.get("id"))?;
    id.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hears(hearing: &Hearing, name: &str, data: &Value) -> bool {
        hearing.hears(name, &LazyCell::new(|| channel_of(data)))
    }

    #[test]
    fn a_token_for_one_room_hears_of_no_other() {
        let (here, there) = (ChannelId::from_parts(1, 1), ChannelId::from_parts(1, 2));
        let bound = Grants { room: Some("standup".into()), ..Grants::default() };
        let hearing = Hearing::new(&bound, None);
        assert!(!hears(&hearing, "message:new", &json!({"channelId": here})), "not known yet");
        hearing.set(&bound, Some(here));
        assert!(hears(&hearing, "message:new", &json!({"channelId": here})));
        assert!(hears(&hearing, "channel:created", &json!({"channel": {"id": here}})));
        assert!(!hears(&hearing, "message:new", &json!({"channelId": there})));
        assert!(!hears(&hearing, "channel:created", &json!({"channel": {"id": there}})));
        assert!(hears(&hearing, "presence:changed", &json!([])), "of no channel");
        assert!(hears(&hearing, "notification:new", &json!({"channelId": here})));
        assert!(!hears(&hearing, "notification:new", &json!({"channelId": there})));
        assert!(!hears(&hearing, "notification:badge", &json!({"unreadTotal": 1, "mentions": 1})));
        hearing.set(&Grants::default(), None);
        assert!(hears(&hearing, "message:new", &json!({"channelId": there})));
    }

    #[test]
    fn a_token_without_chat_hears_calls_only() {
        let channel = json!({"channelId": ChannelId::from_parts(1, 1)});
        let hearing = Hearing::new(&Grants { chat: false, ..Grants::default() }, None);
        for name in [
            "message:new",
            "notification:new",
            "notification:badge",
            "schedule:changed",
            "thread:followed",
            "typing:user_start",
        ] {
            assert!(!hears(&hearing, name, &channel), "{name}");
        }
        assert!(hears(&hearing, "call:started", &channel));
    }
}
