//! Chat limits and the timers of calls.

use serde::{Deserialize, Serialize};

use super::span::Span;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Chat {
    /// Multiplies every command rate of the protocol; 0 = no rate limits.
    pub rate_scale: f64,
    /// Characters in a message.
    pub max_message_chars: usize,
    /// How long a user without a socket still counts as online.
    pub presence_grace: Span,
    /// Without activity on any device for this long a user is away.
    pub away_after: Span,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            rate_scale: 1.0,
            max_message_chars: 10_000,
            presence_grace: Span::secs(10),
            away_after: Span::secs(300),
        }
    }
}

impl Chat {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        if !self.rate_scale.is_finite() || !(0.0..=1_000_000.0).contains(&self.rate_scale) {
            mistakes.push("chat.rate_scale: 0 to 1000000".into());
        }
        if !(1..=10_000).contains(&self.max_message_chars) {
            mistakes.push("chat.max_message_chars: 1 to 10000".into());
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calls {
    /// An unanswered call is missed after this.
    pub ring_timeout: Span,
    /// A participant whose socket or media is lost keeps the seat for this long.
    pub grace: Span,
    /// A call with one participant ends after this.
    pub alone_timeout: Span,
    /// No call is longer.
    pub max_duration: Span,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            ring_timeout: Span::secs(45),
            grace: Span::secs(15),
            alone_timeout: Span::secs(300),
            max_duration: Span::secs(4 * 3600),
        }
    }
}

impl Calls {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        for (name, span) in [
            ("ring_timeout", self.ring_timeout),
            ("alone_timeout", self.alone_timeout),
            ("max_duration", self.max_duration),
        ] {
            if span.get().is_zero() {
                mistakes.push(format!("calls.{name}: must be longer than 0"));
            }
        }
    }
}
