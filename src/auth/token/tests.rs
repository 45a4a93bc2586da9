use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OTHER_SECRET: &str = "fedcba9876543210fedcba9876543210";

fn tokens() -> Tokens {
    Tokens::new([("main", SECRET), ("old", OTHER_SECRET)], "convene", "convene")
}

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": "main"})
}

fn claims() -> Value {
    json!({"sub": "alice", "name": "Alice", "iss": "convene", "aud": "convene", "exp": NOW + 600})
}

fn signed_text(header: &str, claims: &str, secret: &[u8], algorithm: Algorithm) -> String {
    let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature =
        jsonwebtoken::crypto::sign(body.as_bytes(), &EncodingKey::from_secret(secret), algorithm).unwrap();
    format!("{body}.{signature}")
}

fn signed(header: &Value, claims: &Value) -> String {
    signed_text(&header.to_string(), &claims.to_string(), SECRET.as_bytes(), Algorithm::HS256)
}

fn with(mut base: Value, key: &str, value: Value) -> Value {
    base[key] = value;
    base
}

fn without(mut base: Value, key: &str) -> Value {
    base.as_object_mut().unwrap().remove(key);
    base
}

#[test]
fn good_tokens_pass() {
    let tokens = tokens();
    let good = [
        signed(&header(), &claims()),
        signed(&without(header(), "typ"), &claims()),
        signed(&header(), &without(claims(), "name")),
        signed(&header(), &with(claims(), "exp", json!(NOW - 29))),
        signed(&header(), &with(claims(), "nbf", json!(NOW + 30))),
        signed(&header(), &with(claims(), "grants", json!({"publish": false, "sources": ["mic"]}))),
        signed(&header(), &with(claims(), "email", json!("unknown claims are tolerated"))),
        signed_text(
            &with(header(), "kid", json!("old")).to_string(),
            &claims().to_string(),
            OTHER_SECRET.as_bytes(),
            Algorithm::HS256,
        ),
    ];
    for (index, token) in good.iter().enumerate() {
        assert!(tokens.verify(token, NOW).is_ok(), "good token {index}: {:?}", tokens.verify(token, NOW));
    }
    let read = tokens.verify(&good[5], NOW).unwrap();
    assert!(!read.grants.publish && read.grants.subscribe && !read.grants.admin);
}

#[test]
fn minted_tokens_verify() {
    let tokens = tokens();
    let new = NewToken {
        sub: "bo".into(),
        name: Some("Bo".into()),
        kind: TokenKind::Client,
        grants: Grants { admin: true, ..Grants::default() },
        epoch: Some(3),
        login: None,
        ttl_s: 60,
    };
    for key in [None, Some("old")] {
        let (token, minted) = tokens.mint(new.clone(), key, NOW).unwrap();
        assert_eq!(tokens.verify(&token, NOW), Ok(minted.clone()));
        assert_eq!(minted.exp, NOW + 60);
        assert_eq!(tokens.verify(&token, NOW + 90), Err(TokenError::Expired));
        assert!(tokens.verify(&token, NOW + 89).is_ok());
    }
    assert_eq!(
        tokens.mint(new.clone(), Some("nope"), NOW).unwrap_err(),
        MintError::UnknownKey("nope".into())
    );
    assert_eq!(Tokens::new([], "i", "a").mint(new, None, NOW).unwrap_err(), MintError::NoKey);
}

#[test]
fn a_removed_key_no_longer_verifies() {
    let token = signed(&header(), &claims());
    let rotated = Tokens::new([("next", OTHER_SECRET)], "convene", "convene");
    assert_eq!(rotated.verify(&token, NOW), Err(TokenError::Invalid));
    assert_eq!(Tokens::new([], "convene", "convene").verify(&token, NOW), Err(TokenError::Invalid));
}

/// The matrix of bad tokens: each with the one thing that is wrong.
fn bad_tokens() -> Vec<(&'static str, String)> {
    let good = signed(&header(), &claims());
    let mut parts = good.split('.');
    let (h, c, s) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let unsigned = |header: Value, claims: Value| {
        format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        )
    };
    let raw = |header: &str, claims: &str| signed_text(header, claims, SECRET.as_bytes(), Algorithm::HS256);
    let head = |key: &str, value: Value| signed(&with(header(), key, value), &claims());
    let claim = |key: &str, value: Value| signed(&header(), &with(claims(), key, value));
    let plain = claims().to_string();
    let mut flipped = s.to_owned().into_bytes();
    flipped[0] = if flipped[0] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    vec![
        ("empty", String::new()),
        ("one part", "abc".into()),
        ("two parts", format!("{h}.{c}")),
        ("four parts", format!("{good}.x")),
        ("only dots", "..".into()),
        ("no signature", format!("{h}.{c}.")),
        ("flipped signature", format!("{h}.{c}.{flipped}")),
        ("truncated signature", format!("{h}.{c}.{}", &s[..s.len() - 4])),
        ("signature of nothing", format!("{h}.{c}.AAAA")),
        ("padded base64", format!("{h}=.{c}.{s}")),
        ("space in front", format!(" {good}")),
        ("line feed behind", format!("{good}\n")),
        ("bearer prefix", format!("Bearer {good}")),
        ("not base64", format!("{h}.%%%.{s}")),
        ("swapped claims", {
            let other = signed(&header(), &with(claims(), "sub", json!("bob")));
            format!("{h}.{}.{s}", other.split('.').nth(1).unwrap())
        }),
        (
            "foreign secret",
            signed_text(&header().to_string(), &plain, OTHER_SECRET.as_bytes(), Algorithm::HS256),
        ),
        ("empty secret", signed_text(&header().to_string(), &plain, b"", Algorithm::HS256)),
        ("key id as secret", signed_text(&header().to_string(), &plain, b"main", Algorithm::HS256)),
        ("alg none", unsigned(with(header(), "alg", json!("none")), claims())),
        ("alg None", unsigned(with(header(), "alg", json!("None")), claims())),
        ("alg NONE with signature", head("alg", json!("NONE"))),
        ("alg empty", head("alg", json!(""))),
        ("alg missing", signed(&without(header(), "alg"), &claims())),
        ("alg null", head("alg", Value::Null)),
        ("alg lower case", head("alg", json!("hs256"))),
        ("alg RS256 over HMAC", head("alg", json!("RS256"))),
        ("alg ES256 over HMAC", head("alg", json!("ES256"))),
        ("alg EdDSA over HMAC", head("alg", json!("EdDSA"))),
        (
            "HS384, honestly signed",
            signed_text(
                &with(header(), "alg", json!("HS384")).to_string(),
                &plain,
                SECRET.as_bytes(),
                Algorithm::HS384,
            ),
        ),
        (
            "HS512 signature under HS256",
            signed_text(&header().to_string(), &plain, SECRET.as_bytes(), Algorithm::HS512),
        ),
        ("kid missing", signed(&without(header(), "kid"), &claims())),
        ("kid unknown", head("kid", json!("nobody"))),
        ("kid of the other key", head("kid", json!("old"))),
        ("kid empty", head("kid", json!(""))),
        ("kid number", head("kid", json!(1))),
        ("kid as path", head("kid", json!("../../dev/null"))),
        ("kid as SQL", head("kid", json!("main' OR '1'='1"))),
        ("jku header", head("jku", json!("https://evil.example/keys"))),
        ("jwk header", head("jwk", json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}))),
        ("x5u header", head("x5u", json!("https://evil.example/cert"))),
        ("x5c header", head("x5c", json!(["AAAA"]))),
        ("crit header", head("crit", json!(["exp"]))),
        ("b64 header", head("b64", json!(false))),
        ("zip header", head("zip", json!("DEF"))),
        ("foreign typ", head("typ", json!("at+jwt"))),
        ("duplicate alg", raw(r#"{"alg":"none","alg":"HS256","typ":"JWT","kid":"main"}"#, &plain)),
        ("header not an object", raw("[]", &plain)),
        ("header not JSON", raw("alg=HS256", &plain)),
        ("claims not an object", raw(&header().to_string(), "[]")),
        ("claims not JSON", raw(&header().to_string(), "sub=alice")),
        ("claims empty", raw(&header().to_string(), "{}")),
        ("duplicate sub", raw(&header().to_string(), &plain.replacen('{', r#"{"sub":"root","#, 1))),
        ("sub missing", signed(&header(), &without(claims(), "sub"))),
        ("sub empty", claim("sub", json!(""))),
        ("sub blank", claim("sub", json!("  "))),
        ("sub number", claim("sub", json!(7))),
        ("sub null", claim("sub", Value::Null)),
        ("sub too long", claim("sub", json!("a".repeat(129)))),
        ("sub with control characters", claim("sub", json!("a\u{0}b"))),
        ("name too long", claim("name", json!("a".repeat(101)))),
        ("name with a line feed", claim("name", json!("a\nb"))),
        ("name not a text", claim("name", json!({"a": 1}))),
        ("iss missing", signed(&header(), &without(claims(), "iss"))),
        ("iss wrong", claim("iss", json!("someone"))),
        ("iss in other case", claim("iss", json!("Convene"))),
        ("iss list", claim("iss", json!(["convene", "evil"]))),
        ("aud missing", signed(&header(), &without(claims(), "aud"))),
        ("aud wrong", claim("aud", json!("other-service"))),
        ("aud prefix", claim("aud", json!("convene.evil"))),
        ("aud list", claim("aud", json!(["convene", "other"]))),
        ("aud null", claim("aud", Value::Null)),
        ("exp missing", signed(&header(), &without(claims(), "exp"))),
        ("exp text", claim("exp", json!("1900000000"))),
        ("exp null", claim("exp", Value::Null)),
        ("exp negative", claim("exp", json!(-1))),
        ("exp list", claim("exp", json!([NOW + 600]))),
        ("nbf in the future", claim("nbf", json!(NOW + 31))),
        ("nbf text", claim("nbf", json!("soon"))),
        ("grants not an object", claim("grants", json!("all"))),
        ("grants with an unknown field", claim("grants", json!({"superuser": true}))),
        ("grants with a wrong type", claim("grants", json!({"admin": "yes"}))),
        ("grants with an unknown source", claim("grants", json!({"sources": ["microphone-array"]}))),
        ("epoch text", claim("epoch", json!("latest"))),
        ("8 KiB and more", claim("pad", json!("x".repeat(8 * 1024)))),
        ("a megabyte", "a".repeat(1 << 20)),
        ("not ASCII", "ä.ö.ü".into()),
        ("NUL bytes", "\0.\0.\0".into()),
        ("a JWE of five parts", "a.b.c.d.e".into()),
    ]
}

#[test]
fn every_bad_token_is_refused_with_the_same_error() {
    let tokens = tokens();
    let bad = bad_tokens();
    assert!(bad.len() >= 80, "{}", bad.len());
    for (name, token) in bad {
        assert_eq!(tokens.verify(&token, NOW), Err(TokenError::Invalid), "{name}");
    }
}

#[test]
fn only_an_expired_token_says_so() {
    let tokens = tokens();
    for age in [30_u64, 31, 3600, NOW] {
        let token = signed(&header(), &with(claims(), "exp", json!(NOW - age)));
        assert_eq!(tokens.verify(&token, NOW), Err(TokenError::Expired), "{age}");
    }
    // The signature is judged first: a forger learns nothing about times.
    let forged = signed_text(
        &header().to_string(),
        &with(claims(), "exp", json!(1)).to_string(),
        OTHER_SECRET.as_bytes(),
        Algorithm::HS256,
    );
    assert_eq!(tokens.verify(&forged, NOW), Err(TokenError::Invalid));
    let forever = signed(&header(), &with(claims(), "exp", json!(u64::MAX)));
    assert!(tokens.verify(&forever, NOW).is_ok());
}
