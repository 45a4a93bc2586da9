//! Refresh tokens: opaque to clients, used once, known to the database by their hash.
//!
//! A token carries a mark that only we can make. What was made up is refused before anything is looked up, so that only
//! a token that we really issued can tell that somebody has a copy.

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::base::id::LoginId;

/// Begins every token, for people and programs that look for secrets where none should be.
const PREFIX: &str = "cvr_";
/// Keeps these marks apart from the signatures of tokens, whose texts have no such bytes.
const DOMAIN: &[u8] = b"convene refresh token:";
const SECRET_BYTES: usize = 32;
/// 4 + 26 + 1 + 43 + 1 + 43.
const LENGTH: usize = 118;

/// The keys that make and know the marks. The first one makes them.
#[derive(Default)]
pub struct RefreshTokens(Vec<hmac::Key>);

/// One that we issued; whether it is still good the database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub login: LoginId,
    pub hash: String,
}

impl RefreshTokens {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self(secrets.into_iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())).collect())
    }

    /// A new token and its hash; `None` without a key.
    pub fn mint(&self, login: LoginId, secret: [u8; SECRET_BYTES]) -> Option<(String, String)> {
        let body = format!("{PREFIX}{login}.{}", URL_SAFE_NO_PAD.encode(secret));
        let mark = hmac::sign(self.0.first()?, &marked(&body));
        let token = format!("{body}.{}", URL_SAFE_NO_PAD.encode(mark));
        let hash = hash(&token);
        Some((token, hash))
    }

    pub fn read(&self, token: &str) -> Option<Shown> {
        if token.len() != LENGTH || !token.is_ascii() {
            return None;
        }
        let (body, mark) = token.rsplit_once('.')?;
        let mark = URL_SAFE_NO_PAD.decode(mark).ok()?;
        let bytes = marked(body);
        // Every key is tried, whichever fits: how long it takes tells nothing.
        let known = self.0.iter().fold(false, |known, key| known | hmac::verify(key, &bytes, &mark).is_ok());
        let (login, _) = body.strip_prefix(PREFIX)?.split_once('.')?;
        let login = login.parse().ok().filter(|_| known)?;
        Some(Shown { login, hash: hash(token) })
    }
}

fn marked(body: &str) -> Vec<u8> {
    [DOMAIN, body.as_bytes()].concat()
}

fn hash(token: &str) -> String {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an-old-secret-of-more-than-32-bytes-for-tests";
    const NEW: &str = "a-new-secret-of-more-than-32-bytes-for-tests!";

    #[test]
    fn only_what_we_made_is_read() {
        let login = LoginId::from_parts(1, 7);
        let tokens = RefreshTokens::new([NEW, OLD]);
        let (token, hash) = tokens.mint(login, [9; 32]).unwrap();
        assert_eq!(token.len(), LENGTH);
        assert!(!token.contains(&hash));
        assert_eq!(tokens.read(&token), Some(Shown { login, hash: hash.clone() }));
        let (other, other_hash) = tokens.mint(login, [8; 32]).unwrap();
        assert_ne!((&other, &other_hash), (&token, &hash));
        // A key that does not sign any more still knows its own.
        let (old, _) = RefreshTokens::new([OLD]).mint(login, [9; 32]).unwrap();
        assert_eq!(tokens.read(&old).map(|shown| shown.login), Some(login));
        assert_eq!(RefreshTokens::new([NEW]).read(&old), None);
        assert_eq!(RefreshTokens::default().mint(login, [9; 32]), None);
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let tokens = RefreshTokens::new([NEW]);
        let (token, _) = tokens.mint(LoginId::from_parts(1, 7), [9; 32]).unwrap();
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(tokens.read(&String::from_utf8(bytes).unwrap()), None, "at {at}");
        }
        for bad in ["", "cvr_", &token[1..], &format!("{token}0"), &"é".repeat(59), &".".repeat(118)] {
            assert_eq!(tokens.read(bad), None, "{bad}");
        }
    }
}
