//! Signing keys and the rules of logging in.

use serde::{Deserialize, Serialize};

use super::{secret::Secret, span::Span};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// HS256 keys. The first one signs; all of them verify, chosen by the token's `kid`.
    pub keys: Vec<AuthKey>,
    /// `iss` of every token.
    pub issuer: String,
    /// `aud` of every token.
    pub audience: String,
    /// How long a token from a login lives.
    pub token_ttl: Span,
    /// A session that is not refreshed for this long is over.
    pub session_ttl: Span,
    /// A token with an unknown `sub`, signed with a configured key, creates the user.
    pub allow_unknown_users: bool,
    /// Logins per minute from one address. 0 = no limit.
    pub login_per_ip: u32,
    /// Logins per minute to one account. 0 = no limit.
    pub login_per_account: u32,
    /// Refreshes of tokens per minute from one address. 0 = no limit.
    pub refresh_per_ip: u32,
    /// Requests about links for guests per minute from one address; each guest makes two. 0 = no limit.
    pub invites_per_ip: u32,
    /// Refused tokens per minute from one address before it is turned away. 0 = no limit.
    pub failures_per_ip: u32,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            issuer: "convene".into(),
            audience: "convene".into(),
            token_ttl: Span::secs(3600),
            session_ttl: Span::secs(30 * 86_400),
            allow_unknown_users: true,
            login_per_ip: 30,
            login_per_account: 10,
            refresh_per_ip: 300,
            invites_per_ip: 120,
            failures_per_ip: 30,
        }
    }
}

impl Auth {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        for (index, key) in self.keys.iter().enumerate() {
            let id_ok = (1..=64).contains(&key.id.len())
                && key.id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !id_ok {
                mistakes.push(format!("auth.keys[{index}].id: 1 to 64 of A-Z a-z 0-9 - _ ."));
            }
            if self.keys.iter().take(index).any(|other| other.id == key.id) {
                mistakes.push(format!("auth.keys[{index}].id: {:?} is used twice", key.id));
            }
            if key.secret.expose().len() < MIN_SECRET {
                mistakes.push(format!("auth.keys[{index}].secret: at least {MIN_SECRET} bytes"));
            }
        }
        for (name, text) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if text.is_empty() {
                mistakes.push(format!("auth.{name}: must not be empty"));
            }
        }
        if !(Span::secs(1)..=Span::secs(86_400)).contains(&self.token_ttl) {
            mistakes.push("auth.token_ttl: 1s to 1d".into());
        }
        if !(self.token_ttl..=Span::secs(366 * 86_400)).contains(&self.session_ttl) {
            mistakes.push("auth.session_ttl: from auth.token_ttl to 366d".into());
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthKey {
    /// The token's `kid`.
    pub id: String,
    pub secret: Secret,
}

/// The size of the hash: a shorter HMAC key would be the weakest part (RFC 7518 3.2).
pub const MIN_SECRET: usize = 32;
