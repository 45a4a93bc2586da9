//! Bearer tokens: JWT, HS256 only, the key chosen by `kid` (RFC 7519, RFC 8725).
//!
//! Knows no clock: the caller says what time it is. What a `sub` means is the services' business.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::grants::Grants;
use crate::base::id::LoginId;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// A user id of ours, or the identity in the integrator's world.
    pub sub: String,
    /// Display name; for users created on first sight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub iss: String,
    pub aud: String,
    /// Seconds since 1970.
    pub exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// Whether somebody who is new here is of the organisation.
    #[serde(default, skip_serializing_if = "TokenKind::is_internal")]
    pub kind: TokenKind,
    #[serde(default)]
    pub grants: Grants,
    /// The user's token epoch when it was issued; an older one is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Of a login of ours: the session it was made for. An ended one takes its tokens along. Nobody else's claim has this
    /// name.
    #[serde(rename = "convene_session", default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginId>,
}

/// The kind of account that a token makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    #[default]
    Internal,
    Client,
}

impl TokenKind {
    fn is_internal(&self) -> bool {
        *self == Self::Internal
    }
}

/// Why a token is refused. Callers see no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is not valid")]
    Invalid,
    #[error("the token has expired")]
    Expired,
}

/// Reasons a token could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    #[error("no signing key is configured")]
    NoKey,
    #[error("no signing key has the id {0:?}")]
    UnknownKey(String),
    #[error("signing failed")]
    Signing,
}

/// What a new token should say.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub sub: String,
    pub name: Option<String>,
    pub kind: TokenKind,
    pub grants: Grants,
    pub epoch: Option<i64>,
    pub login: Option<LoginId>,
    pub ttl_s: u64,
}

/// The configured keys. The first one signs.
pub struct Tokens {
    keys: BTreeMap<String, Key>,
    signer: Option<String>,
    issuer: String,
    audience: String,
}

/// HS256 is the only algorithm of this type of key; the header is compared, never obeyed.
struct Key {
    verify: DecodingKey,
    sign: EncodingKey,
}

impl Tokens {
    /// `keys` are pairs of id and secret.
    pub fn new<'a>(
        keys: impl IntoIterator<Item = (&'a str, &'a str)>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Self {
        let mut tokens =
            Self { keys: BTreeMap::new(), signer: None, issuer: issuer.into(), audience: audience.into() };
        for (id, secret) in keys {
            tokens.signer.get_or_insert_with(|| id.to_owned());
            let key = Key {
                verify: DecodingKey::from_secret(secret.as_bytes()),
                sign: EncodingKey::from_secret(secret.as_bytes()),
            };
            tokens.keys.insert(id.to_owned(), key);
        }
        tokens
    }

    /// Checks a token at the time `now_s` (seconds since 1970).
    pub fn verify(&self, token: &str, now_s: u64) -> Result<Claims, TokenError> {
        let header = header_of(token).ok_or(TokenError::Invalid)?;
        // An unknown `kid` still costs one HMAC, so that timing does not tell the key ids.
        let (key, known) = match self.keys.get(&header.kid) {
            Some(key) => (key, true),
            None => (self.keys.values().next().ok_or(TokenError::Invalid)?, false),
        };
        let mut rules = Validation::new(Algorithm::HS256);
        // Times are checked below, against the time we were given.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key.verify, &rules)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        if !known || !claims.is_sane() {
            return Err(TokenError::Invalid);
        }
        if claims.exp.saturating_add(SKEW_S) <= now_s {
            return Err(TokenError::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf > now_s.saturating_add(SKEW_S)) {
            return Err(TokenError::Invalid);
        }
        Ok(claims)
    }

    /// Signs with the first key, or with the one named.
    pub fn mint(
        &self,
        new: NewToken,
        key_id: Option<&str>,
        now_s: u64,
    ) -> Result<(String, Claims), MintError> {
        let id = key_id.or(self.signer.as_deref()).ok_or(MintError::NoKey)?;
        let key = self.keys.get(id).ok_or_else(|| MintError::UnknownKey(id.to_owned()))?;
        let claims = Claims {
            sub: new.sub,
            name: new.name,
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            exp: now_s.saturating_add(new.ttl_s),
            nbf: None,
            iat: Some(now_s),
            kind: new.kind,
            grants: new.grants,
            epoch: new.epoch,
            login: new.login,
        };
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(id.to_owned());
        let token = jsonwebtoken::encode(&header, &claims, &key.sign).map_err(|_| MintError::Signing)?;
        Ok((token, claims))
    }

    pub fn can_sign(&self) -> bool {
        self.signer.is_some()
    }
}

impl Claims {
    fn is_sane(&self) -> bool {
        let text_ok = |text: &str, max: usize| {
            !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control)
        };
        text_ok(&self.sub, MAX_SUB_CHARS)
            && self.name.as_deref().is_none_or(|name| text_ok(name, MAX_NAME_CHARS))
            && self.grants.room.as_deref().is_none_or(|room| text_ok(room, MAX_NAME_CHARS))
    }

    /// When the bearer must be gone, skew included.
    pub fn dead_at_s(&self) -> u64 {
        self.exp.saturating_add(SKEW_S)
    }
}

struct TokenHeader {
    kid: String,
}

/// Reads the header strictly: only `alg`, `typ`, `kid`, each of one meaning, before anything is verified.
fn header_of(token: &str) -> Option<TokenHeader> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let mut parts = token.split('.');
    let (header, _, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || signature.is_empty() {
        return None;
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        alg: String,
        #[serde(default)]
        typ: Option<String>,
        kid: String,
    }
    let header: Strict = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let typ_ok = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    (header.alg == "HS256" && typ_ok).then_some(TokenHeader { kid: header.kid })
}

/// A token larger than this is refused before it is decoded.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Clocks of an integrator's servers differ from ours; more than this is their problem.
pub const SKEW_S: u64 = 30;
const MAX_SUB_CHARS: usize = 128;
const MAX_NAME_CHARS: usize = 100;

#[cfg(test)]
mod tests;
