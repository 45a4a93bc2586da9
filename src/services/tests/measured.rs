//! Quality of calls: told while they last, kept when they end.

use super::*;
use crate::base::quality::{Issue, Issues, score_of};

fn reading(mos: f32, issues: &[Issue]) -> Quality {
    let issues: Issues = issues.iter().copied().collect();
    Quality { score: score_of(mos), mos, loss: 0.02, jitter_ms: 7.5, rtt_ms: Some(120.0), issues }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

struct Running {
    ana: Actor,
    bo: Actor,
    call: CallId,
    seat_of_ana: ParticipantId,
    seat_of_bo: ParticipantId,
}

async fn call(house: &House) -> Running {
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let dm = house.dm(&ana, &bo).await;
    let started = house.ok(&ana, "call:start", json!({"channelId": dm, "type": "video"})).await;
    let joined = house.ok(&bo, "call:accept", json!({"callId": started["callId"]})).await;
    let (seat_of_ana, seat_of_bo) = (id(&started["participantId"]), id(&joined["participantId"]));
    Running { ana, bo, call: id(&started["callId"]), seat_of_ana, seat_of_bo }
}

async fn stored(house: &House, who: &Actor, call: CallId) -> Value {
    house.ok(who, "call:get", json!({"callId": call})).await["call"].clone()
}

fn stint(call: &Value, who: &Actor) -> Value {
    let stints = call["participants"].as_array().unwrap();
    stints.iter().find(|stint| stint["userId"] == json!(who.user)).unwrap()["quality"].clone()
}

#[tokio::test]
async fn people_in_a_call_are_told_how_good_it_is_for_whom() {
    let house = house(quick()).await;
    let outsider = house.person("cy").await;
    let Running { ana, bo, call, seat_of_ana, .. } = call(&house).await;
    house.services.media_quality(call, seat_of_ana, reading(3.4, &[Issue::HighLossUp]));
    house.seen.until("call:quality", |seen| !seen.of(&bo, "call:quality").is_empty()).await;
    let told = &house.seen.of(&bo, "call:quality")[0];
    assert_eq!(told["callId"], json!(call));
    let row = &told["participants"][0];
    assert_eq!((&row["participantId"], &row["userId"]), (&json!(seat_of_ana), &json!(ana.user)));
    assert_eq!((&row["score"], &row["mos"], &row["loss"]), (&json!(60), &json!(3.4), &json!(0.02)));
    assert_eq!((&row["jitter"], &row["rtt"]), (&json!(7.5), &json!(120.0)));
    assert_eq!(row["issues"], json!(["high_loss_up"]));
    assert!(house.seen.of(&outsider, "call:quality").is_empty(), "only people in the call");
    let events = house.seen.events.lock().unwrap();
    assert!(events.iter().all(|(_, event)| event.name != "call:quality" || !event.reliable));
}

#[tokio::test]
async fn averages_of_stays_and_of_the_call_are_in_the_history() {
    let house = house(quick()).await;
    let Running { ana, bo, call, seat_of_ana, seat_of_bo } = call(&house).await;
    for _ in 0..3 {
        house.services.media_quality(call, seat_of_ana, reading(4.0, &[]));
    }
    house.services.media_quality(call, seat_of_bo, reading(2.0, &[Issue::HighRtt, Issue::Freezes]));
    house.ok(&bo, "call:leave", json!({"callId": call})).await;
    house.services.media_quality(call, seat_of_bo, reading(1.0, &[]));
    // A second stay, without any measurement.
    house.ok(&bo, "call:join", json!({"callId": call})).await;
    house.ok(&ana, "call:leave", json!({"callId": call})).await;
    house.ok(&bo, "call:leave", json!({"callId": call})).await;
    let row = stored(&house, &ana, call).await;
    // Three samples of 4.0 and one of 2.0 make 3.5; what came after the leave does not count.
    assert_eq!((&row["avgQuality"], &row["networkIssues"]), (&json!(63), &json!([])));
    let of_ana = stint(&row, &ana);
    assert_eq!((&of_ana["score"], &of_ana["mos"], &of_ana["rtt"]), (&json!(75), &json!(4.0), &json!(120.0)));
    assert_eq!(stint(&row, &bo)["score"], 25);
    let again: Vec<_> =
        row["participants"].as_array().unwrap().iter().map(|one| one["quality"].is_null()).collect();
    assert_eq!(again.iter().filter(|none| **none).count(), 1);
    let listed = house.ok(&bo, "call:history", json!({})).await;
    assert_eq!(listed["calls"][0]["avgQuality"], 63);
}

#[tokio::test]
async fn what_was_measured_survives_the_process() {
    let house = house(quick()).await;
    let Running { bo, ana, call, seat_of_bo, .. } = call(&house).await;
    for _ in 0..4 {
        house.services.media_quality(call, seat_of_bo, reading(3.0, &[Issue::HighLossDown]));
    }
    // The heartbeat writes it while the call goes on.
    let written = async {
        while stint(&stored(&house, &bo, call).await, &bo).is_null() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), written).await.expect("written with the heartbeat");
    assert_eq!(stored(&house, &bo, call).await["avgQuality"], Value::Null, "while it lives");
    // The process dies without a word; its successor ends the call.
    let next = open(house.path.clone(), quick()).await;
    let row = stored(&next, &ana, call).await;
    assert_eq!((&row["endReason"], &row["avgQuality"]), (&json!("node_lost"), &json!(50)));
    assert_eq!(row["networkIssues"], json!(["high_loss_down"]));
    assert_eq!(stint(&row, &bo)["issues"], json!(["high_loss_down"]));
    assert_eq!(stint(&row, &ana), Value::Null);
}
