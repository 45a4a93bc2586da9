//! Signed calls of a backend that has no token: HMAC-SHA256 with a shared secret over the time and the body.

use std::time::Duration;

use aws_lc_rs::hmac;

/// So far may the clock of the caller be off. A signature is remembered for longer than it is good.
pub const WINDOW: Duration = Duration::from_secs(300);

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    #[error("the signature is not good")]
    Signature,
    #[error("the time is too far from now")]
    Time,
}

/// `timestamp` is seconds since 1970 in digits, `signature` is `sha256=` and 64 hex digits. Answers with the signature in
/// the one form that it is remembered by.
pub fn verify(
    secret: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now_s: u64,
) -> Result<String, HookError> {
    let digits = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let time: u64 = timestamp.parse().ok().filter(|_| digits).ok_or(HookError::Signature)?;
    let tag = signature.strip_prefix("sha256=").and_then(bytes).ok_or(HookError::Signature)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [timestamp.as_bytes(), b".", body].concat();
    // In constant time.
    hmac::verify(&key, &signed, &tag).map_err(|_| HookError::Signature)?;
    if now_s.abs_diff(time) > WINDOW.as_secs() {
        return Err(HookError::Time);
    }
    Ok(hex(&tag))
}

/// What `verify` accepts.
pub fn sign(secret: &str, timestamp: u64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [timestamp.to_string().as_bytes(), b".", body].concat();
    format!("sha256={}", hex(hmac::sign(&key, &signed).as_ref()))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..64).step_by(2).map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_signature_is_good_for_its_time_and_body_only() {
        let signature = sign(SECRET, 1_000, b"{}");
        let check = |time: &str, body: &[u8], now: u64| verify(SECRET, time, &signature, body, now);
        assert_eq!(check("1000", b"{}", 1_000), Ok(signature[7..].to_owned()));
        assert!(check("1000", b"{}", 1_300).is_ok() && check("1000", b"{}", 700).is_ok());
        assert_eq!(check("1000", b"{}", 1_301), Err(HookError::Time));
        assert_eq!(check("1000", b"{}", 699), Err(HookError::Time));
        assert_eq!(check("1001", b"{}", 1_000), Err(HookError::Signature));
        assert_eq!(check("1000", b"{ }", 1_000), Err(HookError::Signature));
        // The separator keeps digits of the time from passing as part of the body.
        assert_eq!(check("100", b"0{}", 1_000), Err(HookError::Signature));
        let other = verify("another secret of thirty-two bytes", "1000", &signature, b"{}", 1_000);
        assert_eq!(other, Err(HookError::Signature));
        let capital = signature.to_uppercase().replace("SHA256", "sha256");
        assert_eq!(verify(SECRET, "1000", &capital, b"{}", 1_000), Ok(signature[7..].to_owned()), "one form");
    }

    #[test]
    fn junk_is_no_signature() {
        for (time, signature) in [
            ("", "sha256="),
            ("+5", "sha256=00"),
            ("5", "00"),
            ("99999999999999999999", "sha256=00"),
            ("5", "sha256=é"),
            ("5", &format!("sha256={}", "+0".repeat(32))),
            ("5", &format!("sha256={}", "zz".repeat(32))),
        ] {
            assert_eq!(verify(SECRET, time, signature, b"", 5), Err(HookError::Signature), "{signature}");
        }
    }

    #[test]
    fn it_is_the_hmac_that_other_tools_make() {
        // printf '1000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let known = include_str!("hook/known.txt").trim();
        assert_eq!(sign(SECRET, 1_000, b"{}"), format!("sha256={known}"));
    }
}
