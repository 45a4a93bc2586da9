//! Tokens as an integrator's backend would mint them, right and wrong.

use convene::runtime::clock::wall_ms;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::server::{KEY_ID, KEY_SECRET};

/// Claims of a good token for the subject.
pub fn claims(sub: &str) -> Value {
    let now = wall_ms() / 1000;
    json!({"iss": "convene", "aud": "convene", "sub": sub, "name": sub, "iat": now, "exp": now + 600})
}

/// Signed with the server's key under its id.
pub fn good(sub: &str) -> String {
    sign(&claims(sub))
}

pub fn sign(claims: &Value) -> String {
    sign_with(Algorithm::HS256, Some(KEY_ID), KEY_SECRET, claims)
}

pub fn sign_with(algorithm: Algorithm, kid: Option<&str>, secret: &str, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("claims can be signed")
}
