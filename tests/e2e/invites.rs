//! A guest from the link to the call, over a crash of the server, until the link is taken back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    server::Server,
    socket::{Failure, Socket},
};

/// What a person calls "at once".
const AT_ONCE: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(5);

async fn show(server: &Server, code: &str) -> Value {
    let answer = reqwest::get(server.url(&format!("/api/v1/invites/{code}"))).await.expect("answer");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_guest_is_in_the_call_until_the_link_is_taken_back() {
    let mut server = Server::start(&[("CONVENE_LOG_FILTER", "debug")]).await;
    let mut ana = Socket::login(&server, "ana").await;
    let made = json!({"type": "group", "name": "standup", "private": true, "participants": []});
    let channel = ana.ok("channel:create", made).await["channel"]["id"].clone();
    let link = ana.ok("invite:create", json!({"channelId": channel, "maxUses": 3})).await;
    let (invite, code) = (link["invite"]["id"].clone(), link["code"].as_str().expect("a code").to_owned());
    ana.ok("voice:join", json!({"channelId": channel})).await;

    // From the link to the call: a look, a name, a socket, a seat.
    let shown = show(&server, &code).await;
    assert_eq!((&shown["data"]["channelName"], &shown["data"]["count"]), (&json!("standup"), &json!(1)));
    let entered = server.post(&format!("/api/v1/invites/{code}/guests"), None, &json!({"name": "Gil"})).await;
    let token =
        entered["data"]["token"].as_str().unwrap_or_else(|| panic!("no token in {entered}")).to_owned();
    let gil = entered["data"]["user"]["id"].clone();
    let mut guest = Socket::open(&server, &token).await;
    let ready = &guest.opening["d"];
    assert_eq!(ready["channels"][0]["call"]["participants"].as_array().map(Vec::len), Some(1), "{ready}");
    let seat = guest.ok("voice:join", json!({"channelId": channel})).await;
    assert_eq!(seat["existing"], true, "the call that runs");
    let joined =
        ana.event_where("voice:user_joined", AT_ONCE, |event| event["participant"]["userId"] == gil).await;
    assert_eq!(joined["participant"]["name"], "Gil");
    guest.ok("message:send", json!({"channelId": channel, "content": "can you hear me?"})).await;
    ana.event_where("message:new", AT_ONCE, |event| event["message"]["authorName"] == "Gil").await;
    assert_eq!(show(&server, &code).await["data"]["count"], 2);

    // Whatever crashes: the same token is the same guest, and the use is counted once.
    server.kill9();
    server.launch().await;
    let mut guest = Socket::open(&server, &token).await;
    assert_eq!(guest.opening["d"]["user"]["id"], gil);
    let mut ana = Socket::login(&server, "ana").await;
    let listed = ana.ok("invite:list", json!({"channelId": channel})).await;
    assert_eq!((&listed["invites"][0]["id"], &listed["invites"][0]["uses"]), (&invite, &json!(1)));
    ana.ok("voice:join", json!({"channelId": channel})).await;
    guest.ok("voice:join", json!({"channelId": channel})).await;

    ana.ok("invite:revoke", json!({"inviteId": invite})).await;
    assert_eq!(guest.closed(AT_ONCE).await, Some(4001));
    let left = ana.event_where("voice:user_left", AT_ONCE, |event| event["userId"] == gil).await;
    assert_eq!(left["channelId"], channel);
    match Socket::try_open(&server, &token, None).await {
        Err(Failure::Refused(error)) => assert_eq!(error["code"], "auth.revoked"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("the guest came back"),
    }
    assert_eq!(show(&server, &code).await["code"], "invite.gone");
    ana.event_where("channel:member_left", SOON, |event| event["userId"] == gil).await;
    // The log says all that happens, and not how to come in.
    let log = server.log();
    assert!(log.contains("/api/v1/invites/"), "requests are in the log");
    assert!(!log.contains(&code) && !log.contains(&token), "a secret is in the log");
    assert!(!server.metrics().await.contains(&code));
}

#[tokio::test]
async fn a_crash_forgets_nobody_who_waits() {
    let mut server = Server::start(&[]).await;
    let mut ana = Socket::login(&server, "ana").await;
    let made = json!({"type": "group", "name": "standup", "private": true, "participants": []});
    let channel = ana.ok("channel:create", made).await["channel"]["id"].clone();
    let link = ana.ok("invite:create", json!({"channelId": channel, "lobby": true})).await;
    let code = link["code"].as_str().expect("a code");
    let entered = server.post(&format!("/api/v1/invites/{code}/guests"), None, &json!({"name": "Gil"})).await;
    let token = entered["data"]["token"].as_str().expect("a token");
    let gil = entered["data"]["user"]["id"].clone();
    let guest = Socket::open(&server, token).await;
    assert_eq!(guest.opening["d"]["lobby"], "waiting");
    let knock = ana.event("invite:knock", AT_ONCE).await;

    server.kill9();
    server.launch().await;
    let mut ana = Socket::login(&server, "ana").await;
    let listed = ana.ok("invite:list", json!({"channelId": channel})).await;
    assert_eq!(listed["waiting"], json!([knock]), "the same knock");
    let mut guest = Socket::open(&server, token).await;
    assert_eq!(guest.opening["d"]["lobby"], "waiting");
    ana.ok("invite:admit", json!({"channelId": channel, "userId": gil})).await;
    guest.event("invite:admitted", AT_ONCE).await;
    guest.event("channel:created", AT_ONCE).await;
    guest.ok("voice:join", json!({"channelId": channel})).await;
}
