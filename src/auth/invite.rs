//! The codes in links for guests: secrets that are told once and known to the database by their hash.

use std::fmt;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Nobody guesses 128 bits, however often it asks.
pub const CODE_BYTES: usize = 16;
/// Characters of a code, of those that an address may have anywhere.
pub const CODE_CHARS: usize = 22;

/// A code. It does not print: whoever reads it may come in.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteCode(String);

impl InviteCode {
    pub fn new(secret: [u8; CODE_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(secret))
    }

    /// `None` for what cannot be a code.
    pub fn read(text: &str) -> Option<Self> {
        is_like_a_code(text).then(|| Self(text.to_owned()))
    }

    /// What the database knows it by.
    pub fn hash(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// For the one who made it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Whether a text has the form of a code, so that no log should show it.
pub fn is_like_a_code(text: &str) -> bool {
    text.len() == CODE_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_back_and_does_not_print() {
        let code = InviteCode::new([0xfb; CODE_BYTES]);
        assert_eq!(InviteCode::read(code.expose()), Some(code.clone()));
        assert_eq!(code.expose().len(), CODE_CHARS);
        assert_eq!(code.hash().len(), 64);
        assert_ne!(code.hash(), InviteCode::new([0xfa; CODE_BYTES]).hash());
        assert!(!format!("{code:?}").contains(&code.expose()[..4]));
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        let code = InviteCode::new([7; CODE_BYTES]);
        let long = format!("{}A", code.expose());
        let odd = format!("{}%", &code.expose()[1..]);
        for bad in ["", &code.expose()[1..], &long, &odd, "äääääääääää"] {
            assert_eq!(InviteCode::read(bad), None, "{bad}");
        }
    }
}
