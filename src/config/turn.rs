//! The TURN server whose credentials clients get, derived from a secret it shares with us.

use serde::{Deserialize, Serialize};

use super::{secret::Secret, span::Span};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// `turn:host:3478?transport=udp`, `turn:host:3478?transport=tcp`, `turns:host:5349?transport=tcp`; empty = none.
    pub urls: Vec<String>,
    /// The same as coturn's `static-auth-secret`.
    pub secret: Secret,
    /// How long credentials are good for; clients in a call get new ones in time.
    pub ttl: Span,
}

impl Default for Turn {
    fn default() -> Self {
        Self { urls: Vec::new(), secret: Secret::default(), ttl: Span::secs(3600) }
    }
}

impl Turn {
    pub fn is_on(&self) -> bool {
        !self.urls.is_empty()
    }

    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        for url in &self.urls {
            let known = url.starts_with("turn:") || url.starts_with("turns:");
            if !known || url.contains(['"', '<', '>', ' ', '\r', '\n']) {
                mistakes.push(format!("turn.urls: {url:?} is not a turn: or turns: URL"));
            }
        }
        if self.is_on() && self.secret.expose().len() < MIN_SECRET {
            mistakes
                .push(format!("turn.secret: at least {MIN_SECRET} bytes, as `openssl rand -hex 32` makes"));
        }
        if !(MIN_TTL..=MAX_TTL).contains(&self.ttl) {
            mistakes.push(format!("turn.ttl: {MIN_TTL} to {MAX_TTL}"));
        }
    }
}

/// One known credential lets anybody try secrets on their own machine, as fast as it can: no shorter than a key.
const MIN_SECRET: usize = 32;
/// Below this clients would ask for new ones all the time, and clocks that differ by a minute would lock them out.
const MIN_TTL: Span = Span::secs(300);
/// Credentials cannot be taken back: a day is as long as one that leaked may work.
const MAX_TTL: Span = Span::secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(urls: &[&str], secret: &str, ttl: u64) -> usize {
        let urls = urls.iter().map(|one| (*one).to_owned()).collect();
        let mut found = Vec::new();
        Turn { urls, secret: Secret::new(secret), ttl: Span::secs(ttl) }.check(&mut found);
        assert!(secret.is_empty() || !found.join("").contains(secret), "{found:?}");
        found.len()
    }

    #[test]
    fn servers_need_a_secret_and_sensible_times() {
        let secret = "0123456789abcdef0123456789abcdef";
        assert_eq!(mistakes(&[], "", 3600), 0);
        assert_eq!(mistakes(&["turn:a.example?transport=tcp", "turns:a.example:443"], secret, 300), 0);
        assert_eq!(mistakes(&["turn:a.example"], "short", 3600), 1);
        assert_eq!(mistakes(&["stun:a.example", "turn:a b"], secret, 3600), 2);
        assert_eq!(mistakes(&["turn:a.example"], secret, 1), 1);
        assert_eq!(mistakes(&["turn:a.example"], secret, 90_000), 1);
    }
}
