//! Hello, ready, resume in all its forms, refresh and expiry.

use convene::auth::grants::Grants;
use serde_json::json;

use crate::support::{Server, until};

#[tokio::test]
async fn hello_opens_a_session_with_its_snapshot() {
    let server = Server::start().await;
    let (mut client, ready) = server.session("ana").await;
    assert_eq!(ready["resumed"], false);
    assert_eq!(ready["user"]["username"], "ana");
    assert_eq!(ready["heartbeat"], 25_000);
    assert_eq!(ready["limits"]["frame"], 65_536);
    assert!(ready["sessionId"].as_str().is_some_and(|id| id.len() == 26));
    assert!(ready["channels"].as_array().is_some_and(|list| list.iter().any(|c| c["slug"] == "general")));
    let pong = client.call(7, "ping", json!({"t": 5})).await.unwrap();
    assert_eq!(pong["t"], 5);
    assert!(pong["serverTime"].is_string());
    let error = client.call(8, "no:such", json!({})).await.unwrap_err();
    assert_eq!(error["code"], "op.unknown");
    assert!(error["traceId"].is_string());
    let error = client.call(9, "session:hello", json!({"token": "x"})).await.unwrap_err();
    assert_eq!(error["code"], "conflict.state");
    let error =
        client.call(10, "rtc:offer", json!({"callId": ready["sessionId"], "sdp": "v=0", "gen": 1})).await;
    assert_eq!(error.unwrap_err()["code"], "call.not_in_call");
}

#[tokio::test]
async fn a_session_resumes_from_zero_repeatedly_and_without_a_gap() {
    let server = Server::start().await;
    let (ana, ready) = server.session("ana").await;
    let id = ready["sessionId"].as_str().unwrap().to_owned();
    let (mut bo, _) = server.session("bo").await;
    drop(ana);
    // Nothing had happened yet: resume from zero.
    let mut ana = server.resume("ana", &id, 0).await;
    let first = ana.event("session:resumed").await;
    assert_eq!(first["sessionId"], id.as_str());
    let ack = ana.ack(1).await.unwrap();
    assert_eq!((ack["resumed"].as_bool(), ack["sessionId"].as_str()), (Some(true), Some(id.as_str())));
    let seen = ana.last_s;
    drop(ana);
    for n in 0..5 {
        let data = json!({"channelId": "general", "content": format!("m{n}"), "nonce": format!("n{n}")});
        bo.call(100 + n, "message:send", data).await.unwrap();
    }
    // Twice in a row from the same point: the same five messages both times.
    for _ in 0..2 {
        let mut ana = server.resume("ana", &id, seen).await;
        ana.last_s = seen;
        let mut contents = Vec::new();
        let resumed = loop {
            let frame = ana.next().await.unwrap();
            match frame["ev"].as_str() {
                Some("message:new") => contents.push(frame["d"]["message"]["content"].clone()),
                Some("session:resumed") => break frame["d"].clone(),
                _ => {}
            }
        };
        assert_eq!(contents, ["m0", "m1", "m2", "m3", "m4"]);
        assert!(resumed["replayed"].as_u64() >= Some(5));
    }
}

#[tokio::test]
async fn a_half_open_socket_is_replaced() {
    let server = Server::start().await;
    let (mut old, ready) = server.session("ana").await;
    let id = ready["sessionId"].as_str().unwrap();
    let mut new = server.resume("ana", id, old.last_s).await;
    new.event("session:resumed").await;
    assert_eq!(old.closed().await.0, 4002);
    new.ack(1).await.unwrap();
    new.call(2, "ping", json!({})).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_resumed_gets_a_new_session() {
    let server = Server::start().await;
    let (_ana, ready) = server.session("ana").await;
    let id = ready["sessionId"].as_str().unwrap();
    for (user, session, s) in [
        ("bo", id, 0),
        ("ana", "01ARZ3NDEKTSV4RRFFQ69G5FAV", 0),
        ("ana", "not-an-id", 0),
        ("ana", id, 999_999),
        ("ana", id, u64::MAX),
    ] {
        let mut client = server.resume(user, session, s).await;
        let fresh = client.event("session:ready").await;
        assert_eq!(fresh["resumed"], false, "{user} {session} {s}");
        assert_ne!(fresh["sessionId"], id);
        assert_eq!(fresh["user"]["username"], user);
    }
}

#[tokio::test]
async fn a_lost_session_ends_after_its_window() {
    let server = Server::start_with(|config| config.server.resume_window = "1s".parse().unwrap()).await;
    let (client, ready) = server.session("ana").await;
    drop(client);
    until("the session is swept", async || server.app.front().registry.counts().0 == 0).await;
    let mut client = server.resume("ana", ready["sessionId"].as_str().unwrap(), 0).await;
    assert_eq!(client.event("session:ready").await["resumed"], false);
}

#[tokio::test]
async fn a_token_is_refreshed_or_expires() {
    let server = Server::start().await;
    let (mut client, _) = server.session("ana").await;
    let longer = server.token_with("ana", Grants::default(), 3000);
    assert!(
        client.call(2, "token:refresh", json!({"token": longer})).await.unwrap()["expiresAt"].is_string()
    );
    let foreign = client.call(3, "token:refresh", json!({"token": server.token("bo")})).await.unwrap_err();
    assert_eq!(foreign["code"], "auth.invalid");
    let junk = client.call(4, "token:refresh", json!({"token": "junk"})).await.unwrap_err();
    assert_eq!(junk["code"], "auth.invalid");
    let none = client.call(5, "token:refresh", json!({})).await.unwrap_err();
    assert_eq!(none["code"], "validation.failed");
    // Expired 28 s ago: within the skew, so the hello passes, and 2 s later the session is told.
    let nearly = NearlyExpired::token(&server);
    let mut client = server.socket().await;
    client.send(json!({"op": "session:hello", "d": {"token": nearly}})).await;
    client.event("session:ready").await;
    let (code, names) = client.closed().await;
    assert_eq!(code, 4001);
    assert_eq!(names.last().map(String::as_str), Some("session:invalid"));
}

struct NearlyExpired;

impl NearlyExpired {
    fn token(server: &Server) -> String {
        let new = convene::auth::token::NewToken {
            sub: "ana".into(),
            name: None,
            kind: Default::default(),
            grants: Grants::default(),
            epoch: None,
            login: None,
            ttl_s: 0,
        };
        server.tokens.mint(new, None, convene::api::identity::now_s() - 28).unwrap().0
    }
}

#[tokio::test]
async fn commands_keep_their_order_and_pings_overtake() {
    let server = Server::start_with(|config| config.chat.rate_scale = 0).await;
    let (mut client, _) = server.session("ana").await;
    for n in 0..40 {
        let data = json!({"channelId": "general", "content": format!("{n}"), "nonce": format!("o{n}")});
        client.send(json!({"op": "message:send", "id": n, "d": data})).await;
    }
    let mut seqs = Vec::new();
    for n in 0..40 {
        seqs.push(client.ack(n).await.unwrap()["message"]["seq"].as_u64().unwrap());
    }
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
}
