//! Credentials for TURN servers that share a secret with us (draft-uberti-behave-turn-rest, as coturn's
//! `use-auth-secret` wants them): the name says until when, the password proves that we said so.

use std::time::Duration;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use base64::{Engine as _, engine::general_purpose::STANDARD};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnCredentials {
    pub username: String,
    pub password: String,
}

/// For `user`, good for `ttl` from `now_s` (seconds since 1970) on. SHA-1 is what the protocol has; as a key of HMAC
/// it is not broken.
pub fn credentials(secret: &str, user: &str, now_s: u64, ttl: Duration) -> TurnCredentials {
    let username = format!("{}:{user}", now_s.saturating_add(ttl.as_secs()));
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let password = STANDARD.encode(sign(&key, username.as_bytes()));
    TurnCredentials { username, password }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_one_others_compute() {
        // printf 1700003600:ana | openssl dgst -sha1 -hmac 0123456789abcdef0123456789abcdef -binary | base64
        let found =
            credentials("0123456789abcdef0123456789abcdef", "ana", 1_700_000_000, Duration::from_secs(3600));
        assert_eq!(found.username, "1700003600:ana");
        assert_eq!(found.password, "hFYM5SGkOxPBRwU9bN+9zjJ7jKI=");
    }
}
