//! Bad, expired and foreign tokens at every door that takes one.

use convene::runtime::clock::wall_ms;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{
    server::{KEY_ID, KEY_SECRET, Server},
    socket::Socket,
    token::{claims, good, sign, sign_with},
};

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims("mallory");
    change(&mut claims);
    claims
}

/// Base64url without padding, for tokens no library would make.
fn part(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(text)
}

/// (what is wrong, token, code)
fn bad_tokens() -> Vec<(&'static str, String, &'static str)> {
    let now = wall_ms() / 1000;
    let valid = good("mallory");
    let mut pieces = valid.split('.');
    let (head, body, signature) = (pieces.next().unwrap(), pieces.next().unwrap(), pieces.next().unwrap());
    let other_body = part(&with(|c| c["sub"] = json!("admin")).to_string());
    let plain = part(&claims("mallory").to_string());
    let headed = |header: Value| format!("{}.{plain}.{signature}", part(&header.to_string()));
    let invalid = "auth.invalid";
    vec![
        ("not a token", "hello".into(), invalid),
        ("three dots", "...".into(), invalid),
        ("8 KiB of letters", "a".repeat(8192), invalid),
        ("no signature", format!("{head}.{body}."), invalid),
        ("signature cut", format!("{head}.{body}.{}", &signature[..20]), invalid),
        ("changed body", format!("{head}.{other_body}.{signature}"), invalid),
        (
            "alg none",
            format!("{}.{plain}.", part(&json!({"alg": "none", "kid": KEY_ID}).to_string())),
            invalid,
        ),
        (
            "alg None",
            format!("{}.{plain}.", part(&json!({"alg": "None", "kid": KEY_ID}).to_string())),
            invalid,
        ),
        ("RS256 header over an HMAC key", headed(json!({"alg": "RS256", "kid": KEY_ID})), invalid),
        ("EdDSA header over an HMAC key", headed(json!({"alg": "EdDSA", "kid": KEY_ID})), invalid),
        ("a key in the header", headed(json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}})), invalid),
        (
            "a key address in the header",
            headed(json!({"alg": "HS256", "jku": "https://evil.example"})),
            invalid,
        ),
        ("HS384", sign_with(Algorithm::HS384, Some(KEY_ID), KEY_SECRET, &claims("mallory")), invalid),
        ("HS512", sign_with(Algorithm::HS512, Some(KEY_ID), KEY_SECRET, &claims("mallory")), invalid),
        ("another secret", sign_with(Algorithm::HS256, Some(KEY_ID), "x", &claims("mallory")), invalid),
        ("empty secret", sign_with(Algorithm::HS256, Some(KEY_ID), "", &claims("mallory")), invalid),
        (
            "unknown key id",
            sign_with(Algorithm::HS256, Some("other"), KEY_SECRET, &claims("mallory")),
            invalid,
        ),
        ("no key id", sign_with(Algorithm::HS256, None, KEY_SECRET, &claims("mallory")), invalid),
        ("expired", sign(&with(|c| c["exp"] = json!(now - 120))), "auth.expired"),
        ("no expiry", sign(&with(|c| drop(c.as_object_mut().map(|o| o.remove("exp"))))), invalid),
        ("not yet valid", sign(&with(|c| c["nbf"] = json!(now + 300))), invalid),
        ("another issuer", sign(&with(|c| c["iss"] = json!("someone-else"))), invalid),
        ("another audience", sign(&with(|c| c["aud"] = json!("billing"))), invalid),
        ("no subject", sign(&with(|c| drop(c.as_object_mut().map(|o| o.remove("sub"))))), invalid),
        ("empty subject", sign(&with(|c| c["sub"] = json!(""))), invalid),
        ("unknown grant", sign(&with(|c| c["grants"] = json!({"root": true}))), invalid),
        ("grants of a wrong type", sign(&with(|c| c["grants"] = json!("all"))), invalid),
    ]
}

#[tokio::test]
async fn every_bad_token_is_refused_at_every_door() {
    let mut server = Server::start(&[]).await;
    let http = reqwest::Client::new();
    for (what, token, code) in bad_tokens() {
        match Socket::try_open(&server, &token, None).await {
            Ok(_) => panic!("WebSocket took a token with {what}"),
            Err(failure) => assert_eq!(failure.code(), code, "WebSocket, {what}: {failure:?}"),
        }
        // Not a header value at all? Then HTTP cannot even carry it.
        for request in [
            http.get(server.url("/api/v1/channels")),
            http.post(server.url("/whip/general")).header("content-type", "application/sdp").body("v=0\r\n"),
            http.post(server.url("/whep/general")).header("content-type", "application/sdp").body("v=0\r\n"),
        ] {
            let answer = request.bearer_auth(&token).send().await.expect("an answer");
            assert_eq!(answer.status(), 401, "{}: {what}", answer.url().path());
        }
        let answer =
            http.get(server.url("/api/v1/channels")).bearer_auth(&token).send().await.expect("an answer");
        let problem: Value = answer.json().await.expect("problem+json");
        assert_eq!(problem["code"], code, "REST, {what}: {problem}");
    }
    let absent = http.get(server.url("/api/v1/channels")).send().await.expect("an answer");
    assert_eq!(absent.status(), 401);
    // The good one still works, so it is not simply everything that is refused.
    Socket::open(&server, &good("mallory")).await.ok("ping", json!({})).await;
    assert!(server.is_running());
}

#[tokio::test]
async fn grants_narrow_what_a_token_may_do() {
    let server = Server::start(&[("CONVENE_CHAT_RATE_SCALE", "0")]).await;
    let mut ana = Socket::login(&server, "ana").await;
    let made =
        ana.ok("channel:create", json!({"type": "group", "name": "Private", "participants": []})).await;
    let private = made.get("channel").unwrap_or(&made)["id"].clone();

    // Not a member: the channel does not exist for her, in every command.
    let mut eve = Socket::open(&server, &good("eve")).await;
    let body = json!({"channelId": private, "content": "hi", "nonce": "n"});
    eve.refused("channel:get", json!({"channelId": private}), "not_found.channel").await;
    eve.refused("channel:get_history", json!({"channelId": private}), "not_found.channel").await;
    eve.refused("message:send", body, "not_found.channel").await;
    eve.refused("voice:join", json!({"channelId": private}), "not_found.channel").await;
    eve.refused("call:start", json!({"channelId": private, "type": "voice"}), "not_found.channel").await;

    // A token for one room does not open another, although the person is a member there.
    let mut claims = claims("frank");
    claims["grants"] = json!({"room": private});
    let mut frank = Socket::open(&server, &sign(&claims)).await;
    frank.refused("channel:get", json!({"channelId": "general"}), "not_found.channel").await;

    // Read-only in chat.
    claims["grants"] = json!({"chat": false});
    let mut mute = Socket::open(&server, &sign(&claims)).await;
    let body = json!({"channelId": "general", "content": "hi", "nonce": "n"});
    mute.refused("message:send", body, "perm.denied").await;

    // May watch, may not speak: WHIP is refused, although the token is good.
    claims["grants"] = json!({"publish": false});
    let answer = reqwest::Client::new()
        .post(server.url("/whip/general"))
        .header("content-type", "application/sdp")
        .bearer_auth(sign(&claims))
        .body(include_str!("../../fuzz/corpus/sdp/browser_offer"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 403);
}
