//! Ringing over several devices, and the rows it leaves in the call history.

use std::time::Duration;

use convene::runtime::clock::now;
use serde_json::{Value, json};

use crate::support::{server::Server, socket::Socket};

/// "At once" for a person: the other device stops, the caller learns.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Long enough for the short ring timeout of these tests.
const SOON: Duration = Duration::from_secs(5);

/// A server that gives up ringing after two seconds.
async fn server() -> Server {
    Server::start(&[("CONVENE_CALLS_RING_TIMEOUT", "2s"), ("CONVENE_CHAT_RATE_SCALE", "0")]).await
}

fn user_id(socket: &Socket) -> String {
    socket.opening["d"]["user"]["id"].as_str().expect("user id").to_owned()
}

/// Opens the direct conversation and starts a call in it; returns (call id, channel id).
async fn ring(caller: &mut Socket, callee: &str) -> (String, String) {
    let channel = caller.ok("dm:open", json!({"userId": callee})).await;
    let channel = channel.get("channel").unwrap_or(&channel)["id"].as_str().expect("channel id").to_owned();
    let started = caller.ok("call:start", json!({"channelId": channel, "type": "video"})).await;
    let call = started["callId"].as_str().unwrap_or_else(|| panic!("no callId in {started}")).to_owned();
    (call, channel)
}

/// The call's row as the user's history shows it.
async fn row(socket: &mut Socket, call: &str) -> Value {
    let history = socket.ok("call:history", json!({"limit": 50, "filter": "all"})).await;
    let calls = history["calls"].as_array().unwrap_or_else(|| panic!("no calls in {history}"));
    calls.iter().find(|c| c["id"] == call).unwrap_or_else(|| panic!("{call} is not in {history}")).clone()
}

fn invite<'a>(row: &'a Value, user: &str) -> &'a Value {
    let invites = row["invites"].as_array().expect("invites");
    invites.iter().find(|i| i["userId"] == user).unwrap_or_else(|| panic!("{user} was not invited: {row}"))
}

fn is_for(call: &str) -> impl Fn(&Value) -> bool {
    let call = call.to_owned();
    move |event| event["callId"] == call.as_str()
}

#[tokio::test]
async fn answering_on_one_device_stops_the_other() {
    let server = server().await;
    let mut ana = Socket::login(&server, "ana").await;
    let mut desk = Socket::login(&server, "bo").await;
    let mut phone = Socket::login(&server, "bo").await;
    let bo = user_id(&desk);
    let (call, _) = ring(&mut ana, &bo).await;

    for device in [&mut desk, &mut phone] {
        let incoming = device.event_where("call:incoming", AT_ONCE, is_for(&call)).await;
        assert_eq!(incoming["type"], "video");
        assert!(incoming["expiresAt"].is_string(), "{incoming}");
    }
    // True ringing: the caller hears of it only after a callee's device said so.
    desk.ok("call:ringing", json!({"callId": call})).await;
    let ringing = ana.event_where("call:ringing", AT_ONCE, is_for(&call)).await;
    assert_eq!(ringing["userId"], bo.as_str());

    let accepted_at = now();
    let joined = desk.ok("call:accept", json!({"callId": call})).await;
    assert!(joined["participantId"].is_string(), "{joined}");
    phone.event_where("call:accepted", AT_ONCE, is_for(&call)).await;
    ana.event_where("call:accepted", AT_ONCE, is_for(&call)).await;
    assert!(accepted_at.elapsed() < AT_ONCE, "took {:?}", accepted_at.elapsed());

    // The second device is too late; it does not win as well.
    let late = phone.call("call:decline", json!({"callId": call})).await;
    assert!(late.is_err(), "a second device changed an answered call: {late:?}");
    assert_eq!(row(&mut ana, &call).await["state"], "ongoing");

    desk.ok("call:leave", json!({"callId": call})).await;
    ana.ok("call:leave", json!({"callId": call})).await;
    ana.event_where("call:ended", SOON, is_for(&call)).await;
    let row = row(&mut ana, &call).await;
    assert_eq!(row["state"], "completed", "{row}");
    assert_eq!(invite(&row, &bo)["outcome"], "accepted");
    assert_eq!(row["participants"].as_array().map(Vec::len), Some(2), "one stint each: {row}");
    for stint in row["participants"].as_array().expect("stints") {
        assert!(stint["leftAt"].is_string(), "{stint}");
    }
}

#[tokio::test]
async fn a_declined_call_is_rejected() {
    let server = server().await;
    let mut ana = Socket::login(&server, "ana").await;
    let mut cy = Socket::login(&server, "cy").await;
    let mut other = Socket::login(&server, "cy").await;
    let id = user_id(&cy);
    let (call, _) = ring(&mut ana, &id).await;
    cy.event_where("call:incoming", AT_ONCE, is_for(&call)).await;
    other.event_where("call:incoming", AT_ONCE, is_for(&call)).await;
    cy.ok("call:decline", json!({"callId": call})).await;
    other.event_where("call:declined", AT_ONCE, is_for(&call)).await;
    ana.event_where("call:declined", AT_ONCE, is_for(&call)).await;
    let row = row(&mut ana, &call).await;
    assert_eq!((&row["state"], &row["endReason"]), (&json!("rejected"), &json!("declined")), "{row}");
    assert_eq!(invite(&row, &id)["outcome"], "declined");
    assert_eq!(row["answeredAt"], Value::Null);
}

#[tokio::test]
async fn an_unanswered_call_is_missed() {
    let server = server().await;
    let mut ana = Socket::login(&server, "ana").await;
    let mut di = Socket::login(&server, "di").await;
    let id = user_id(&di);
    let (call, channel) = ring(&mut ana, &id).await;
    di.event_where("call:incoming", AT_ONCE, is_for(&call)).await;
    let missed = di.event_where("call:missed", SOON, is_for(&call)).await;
    assert_eq!(missed["channelId"], channel.as_str());
    di.refused("call:accept", json!({"callId": call}), "call.ended").await;
    let row = row(&mut di, &call).await;
    assert_eq!((&row["state"], &row["endReason"]), (&json!("missed"), &json!("no_answer")), "{row}");
    assert_eq!(invite(&row, &id)["outcome"], "missed");
    let missed = di.ok("call:history", json!({"limit": 50, "filter": "missed"})).await;
    assert!(missed["calls"].as_array().is_some_and(|calls| calls.iter().any(|c| c["id"] == call.as_str())));
}

#[tokio::test]
async fn a_cancelled_call_stops_ringing() {
    let server = server().await;
    let mut ana = Socket::login(&server, "ana").await;
    let mut bo = Socket::login(&server, "bo").await;
    let id = user_id(&bo);
    let (call, _) = ring(&mut ana, &id).await;
    bo.event_where("call:incoming", AT_ONCE, is_for(&call)).await;
    ana.ok("call:cancel", json!({"callId": call})).await;
    bo.event_where("call:cancelled", AT_ONCE, is_for(&call)).await;
    let row = row(&mut bo, &call).await;
    assert_eq!(row["state"], "cancelled", "{row}");
}

#[tokio::test]
async fn calls_of_a_killed_server_are_ended_at_the_next_start() {
    let mut server = server().await;
    let mut ana = Socket::login(&server, "ana").await;
    let mut bo = Socket::login(&server, "bo").await;
    let mut cy = Socket::login(&server, "cy").await;
    let (bo_id, cy_id) = (user_id(&bo), user_id(&cy));
    let (answered, _) = ring(&mut ana, &bo_id).await;
    bo.event_where("call:incoming", AT_ONCE, is_for(&answered)).await;
    bo.ok("call:accept", json!({"callId": answered})).await;
    ana.event_where("call:accepted", AT_ONCE, is_for(&answered)).await;
    let mut di = Socket::login(&server, "di").await;
    let (ringing, _) = ring(&mut di, &cy_id).await;
    cy.event_where("call:incoming", AT_ONCE, is_for(&ringing)).await;

    server.kill9();
    server.launch().await;

    let mut ana = Socket::login(&server, "ana").await;
    assert_eq!(ana.opening["d"]["activeCalls"], json!([]), "no ghost call after the restart");
    let ended = row(&mut ana, &answered).await;
    assert_eq!((&ended["state"], &ended["endReason"]), (&json!("completed"), &json!("node_lost")), "{ended}");
    assert!(ended["endedAt"].is_string(), "{ended}");
    for stint in ended["participants"].as_array().expect("stints") {
        assert_eq!(stint["leaveReason"], "node_lost", "{stint}");
        assert!(stint["leftAt"].is_string(), "{stint}");
    }
    let mut cy = Socket::login(&server, "cy").await;
    let lost = row(&mut cy, &ringing).await;
    assert_ne!(lost["state"], "ringing", "{lost}");
    assert_eq!(lost["endReason"], "node_lost", "{lost}");
    assert!(lost["endedAt"].is_string(), "{lost}");
    // The channel is free again.
    let (again, _) = ring(&mut ana, &bo_id).await;
    assert_ne!(again, answered);
}
