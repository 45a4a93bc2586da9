//! Chat limits and the timers of calls.

use serde::{Deserialize, Serialize};

use super::span::Span;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Chat {
    /// Multiplies every command rate of the protocol; 0 = no rate limits (tests and load only).
    pub rate_scale: u32,
    /// `strict` for conversations that are to be slow: fewer messages and fewer of most commands.
    pub rate_profile: RateProfile,
    /// How long a user without a socket still counts as online.
    pub presence_grace: Span,
    /// A typing notice without repetition ends after this.
    pub typing_ttl: Span,
    /// Authors may edit a message for this long; `0ms` = for ever.
    pub edit_window: Span,
    /// Messages older than so many days lose their content; 0 = none. Channels may choose a shorter time.
    pub retention_days: u32,
    /// What was deleted is kept for this long before it is gone for good.
    pub deleted_grace: Span,
    /// Messages with one of these words or phrases are refused.
    pub filter_block: Vec<String>,
    /// These words are stored as stars.
    pub filter_mask: Vec<String>,
    /// Messages with one of these pass, and are reported to the administrators.
    pub filter_flag: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateProfile {
    Normal,
    Strict,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            rate_scale: 1,
            rate_profile: RateProfile::Normal,
            presence_grace: Span::secs(10),
            typing_ttl: Span::secs(6),
            edit_window: Span::secs(0),
            retention_days: 0,
            deleted_grace: Span::secs(30 * 86_400),
            filter_block: Vec::new(),
            filter_mask: Vec::new(),
            filter_flag: Vec::new(),
        }
    }
}

impl Chat {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        if self.typing_ttl.get().is_zero() {
            mistakes.push("chat.typing_ttl: must be longer than 0".into());
        }
        let lists = [("block", &self.filter_block), ("mask", &self.filter_mask), ("flag", &self.filter_flag)];
        for (name, list) in lists {
            for word in list.iter().filter(|word| !word.chars().any(char::is_alphanumeric)) {
                mistakes.push(format!("chat.filter_{name}: {word:?} has no letter and no digit"));
            }
        }
        if self.retention_days > MAX_RETENTION_DAYS {
            mistakes.push(format!("chat.retention_days: 0 to {MAX_RETENTION_DAYS}"));
        }
    }
}

/// Ten years, as for a channel.
const MAX_RETENTION_DAYS: u32 = 3650;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calls {
    /// An unanswered call is missed after this.
    pub ring_timeout: Span,
    /// A participant whose socket is lost keeps the seat for this long: as long as the session can be resumed.
    pub grace: Span,
    /// A call with one participant ends after this.
    pub alone_timeout: Span,
    /// No call is longer.
    pub max_duration: Span,
    /// How exactly the end of a call is known after a crash.
    pub heartbeat: Span,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            ring_timeout: Span::secs(45),
            grace: Span::secs(120),
            alone_timeout: Span::secs(300),
            max_duration: Span::secs(4 * 3600),
            heartbeat: Span::secs(5),
        }
    }
}

impl Calls {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        for (name, span) in [
            ("ring_timeout", self.ring_timeout),
            ("alone_timeout", self.alone_timeout),
            ("max_duration", self.max_duration),
            ("heartbeat", self.heartbeat),
        ] {
            if span.get().is_zero() {
                mistakes.push(format!("calls.{name}: must be longer than 0"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::server::Server;

    #[test]
    fn a_seat_is_kept_for_two_minutes_as_long_as_its_session() {
        assert_eq!(Calls::default().grace, Span::secs(120));
        assert_eq!(Calls::default().grace, Server::default().resume_window);
    }
}
