//! What sockets hear of people who block them or keep their reading to themselves.

use std::time::Duration;

use convene::runtime::clock;
use serde_json::{Value, json};

use crate::support::{Client, Server};

fn id(ready: &Value) -> Value {
    ready["user"]["id"].clone()
}

/// The next change of the user's presence; nobody else's is expected.
async fn change(socket: &mut Client, of: &Value) -> Value {
    let mut rows = socket.event("presence:changed").await;
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows[0]["userId"], *of);
    rows[0].take()
}

async fn dm(socket: &mut Client, with: &Value) -> Value {
    socket.call(50, "dm:open", json!({"userId": with})).await.unwrap()["channel"]["id"].clone()
}

/// Names of the events until one's own message is there.
async fn until_echo(socket: &mut Client, text: &str) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let frame = socket.next().await.unwrap();
        if frame["ev"] == "message:new" && frame["d"]["message"]["content"] == text {
            return names;
        }
        names.extend(frame["ev"].as_str().map(str::to_owned));
    }
}

#[tokio::test]
async fn a_block_hides_presence_from_live_subscribers_at_once() {
    let server = Server::start().await;
    let (mut ana, ready) = server.session("ana").await;
    let ana_id = id(&ready);
    let (mut bo, ready) = server.session("bo").await;
    let bo_id = id(&ready);
    let (mut cy, _) = server.session("cy").await;
    ana.call(2, "presence:update", json!({"status": "dnd", "customStatus": "writing"})).await.unwrap();
    for socket in [&mut bo, &mut cy] {
        let seen = socket.call(2, "presence:subscribe", json!({"userIds": [ana_id]})).await.unwrap();
        assert_eq!(seen["presence"][0]["customStatus"], "writing");
    }

    ana.call(3, "user:block", json!({"userId": bo_id})).await.unwrap();
    let hidden = json!({
        "userId": ana_id, "status": "offline", "customStatus": "", "emoji": "", "until": null, "activity": null,
        "device": null, "lastSeen": null,
    });
    assert_eq!(change(&mut bo, &ana_id).await, hidden);
    let asked = bo.call(3, "presence:subscribe", json!({"userIds": [ana_id]})).await.unwrap();
    assert_eq!(asked["presence"], json!([hidden]));
    ana.call(4, "presence:update", json!({"status": "away"})).await.unwrap();
    assert_eq!(change(&mut cy, &ana_id).await["status"], "away");

    ana.call(5, "presence:update", json!({"status": "online"})).await.unwrap();
    ana.call(6, "user:unblock", json!({"userId": bo_id})).await.unwrap();
    let shown = change(&mut bo, &ana_id).await;
    assert_eq!(
        (&shown["status"], &shown["customStatus"]),
        (&json!("online"), &json!("writing")),
        "away was hidden"
    );
    ana.call(7, "presence:update", json!({"status": "dnd"})).await.unwrap();
    assert_eq!(change(&mut bo, &ana_id).await["status"], "dnd");
}

#[tokio::test]
async fn typing_stays_between_those_who_do_not_block_each_other() {
    let server = Server::start().await;
    let (mut ana, _) = server.session("ana").await;
    let (mut bo, ready) = server.session("bo").await;
    let bo_id = id(&ready);
    let (mut cy, _) = server.session("cy").await;
    let between = dm(&mut ana, &bo_id).await;
    for socket in [&mut ana, &mut bo] {
        socket.call(2, "channel:join", json!({"channelId": between})).await.unwrap();
    }
    for socket in [&mut ana, &mut bo, &mut cy] {
        socket.call(3, "channel:join", json!({"channelId": "general"})).await.unwrap();
    }
    ana.call(4, "user:block", json!({"userId": bo_id})).await.unwrap();
    types_unseen(&mut ana, &mut bo, &mut cy, (&between, "ana")).await;
    types_unseen(&mut bo, &mut ana, &mut cy, (&between, "bo")).await;
}

/// In both channels; `other` hears nothing of it, `witness` does.
async fn types_unseen(typist: &mut Client, other: &mut Client, witness: &mut Client, what: (&Value, &str)) {
    let (between, name) = what;
    for channel in [between, &json!("general")] {
        typist.call(5, "typing:start", json!({"channelId": channel})).await.unwrap();
    }
    assert_eq!(witness.event("typing:user_start").await["username"], name);
    let text = format!("after {name}");
    witness.call(6, "message:send", json!({"channelId": "general", "content": text})).await.unwrap();
    let names = until_echo(other, &text).await;
    assert!(!names.iter().any(|name| name.starts_with("typing:")), "{names:?}");
}

#[tokio::test]
async fn a_burst_of_reading_reaches_others_as_few_receipts_and_the_last() {
    const BURST: u64 = 30;
    let server = Server::start_with(|config| config.chat.rate_scale = 0).await;
    let (mut ana, _) = server.session("ana").await;
    let (mut bo, ready) = server.session("bo").await;
    let bo_id = id(&ready);
    let (mut phone, _) = server.session("bo").await;
    let between = dm(&mut ana, &bo_id).await;
    for _ in 0..BURST {
        ana.call(2, "message:send", json!({"channelId": between, "content": "x"})).await.unwrap();
    }
    let start = clock::now();
    for seq in 1..=BURST {
        bo.call(2, "message:mark_read", json!({"channelId": between, "seq": seq})).await.unwrap();
    }
    let mut heard = Vec::new();
    while heard.last() != Some(&BURST) {
        let receipt = ana.event("message:read_receipt").await;
        if receipt["userId"] == bo_id {
            heard.extend(receipt["seq"].as_u64());
        }
    }
    let span = clock::now() - start;
    let most = 2 + span.as_millis() / Duration::from_millis(500).as_millis();
    assert!(heard[0] == 1 && heard.is_sorted() && heard.len() as u128 <= most, "{heard:?} within {span:?}");
    for seq in 1..=BURST {
        let receipt = phone.event("message:read_receipt").await;
        assert_eq!(receipt["seq"], seq, "one's own sessions hear each");
    }
}

#[tokio::test]
async fn who_turns_receipts_off_over_rest_is_not_told_of() {
    let server = Server::start().await;
    let (mut ana, ready) = server.session("ana").await;
    let ana_id = id(&ready);
    let (mut bo, ready) = server.session("bo").await;
    assert_eq!(ready["settings"], json!({"lastSeenTo": "shared", "readReceipts": true}));
    let bo_id = id(&ready);
    let between = dm(&mut ana, &bo_id).await;
    ana.call(2, "message:send", json!({"channelId": between, "content": "x"})).await.unwrap();
    let off = json!({"readReceipts": false, "lastSeenTo": "nobody"});
    let put = reqwest::Client::new().put(server.url("/api/v1/presence")).bearer_auth(server.token("bo"));
    let answer: Value = put.json(&off).send().await.unwrap().json().await.unwrap();
    let settings = json!({"lastSeenTo": "nobody", "readReceipts": false});
    assert_eq!(answer["data"]["settings"], settings);
    assert_eq!(bo.event("user:settings").await, settings, "all of one's sessions know");
    bo.call(2, "message:mark_read", json!({"channelId": between, "seq": 1})).await.unwrap();
    bo.call(3, "message:send", json!({"channelId": "general", "content": "end"})).await.unwrap();
    assert!(!until_echo(&mut ana, "end").await.contains(&"message:read_receipt".to_owned()));
    let seen = ana.call(3, "channel:get", json!({"channelId": between})).await.unwrap();
    let mut members = seen["members"].as_array().unwrap().iter();
    assert!(members.all(|one| one["readSeq"].is_null() == (one["userId"] != ana_id)), "{seen}");
}
