//! What administrators see of live calls and rings, what is kept from them, and what they do.

use super::*;
use crate::base::quality::{Issue, Issues, score_of};

struct Scene {
    house: House,
    /// Administrator of the server, a member of nothing but the general channel.
    root: Actor,
    ana: Actor,
    bo: Actor,
    /// A private group of ana and bo, and a direct conversation of both.
    group: String,
    dm: String,
}

async fn scene() -> Scene {
    let house = house(quick()).await;
    let account = NewAccount { username: "root".into(), admin: true, ..NewAccount::default() };
    let root = device(&house.services.create_user(account).await.unwrap());
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let body = json!({"type": "group", "name": "plans", "participants": [bo.user], "private": true});
    let made = house.ok(&ana, "channel:create", body).await;
    let group = made["channel"]["id"].as_str().unwrap().to_owned();
    let dm = house.dm(&ana, &bo).await;
    Scene { house, root, ana, bo, group, dm }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

fn reading(mos: f32, issues: &[Issue]) -> Quality {
    let issues: Issues = issues.iter().copied().collect();
    Quality { score: score_of(mos), mos, loss: 0.02, jitter_ms: 7.5, rtt_ms: Some(120.0), issues }
}

impl Scene {
    /// A call of both in the channel; its id and the seat of ana.
    async fn call(&self, channel: &str) -> (CallId, ParticipantId) {
        let started = self.house.ok(&self.ana, "call:start", json!({"channelId": channel})).await;
        self.house.ok(&self.bo, "call:accept", json!({"callId": started["callId"]})).await;
        (id(&started["callId"]), id(&started["participantId"]))
    }

    async fn last_line(&self) -> Value {
        let log = self.house.ok(&self.root, "moderation:audit", json!({"limit": 1})).await;
        log["entries"][0].clone()
    }
}

#[tokio::test]
async fn the_worst_connection_comes_first_and_its_people_are_told() {
    let scene = scene().await;
    let Scene { house, root, ana, bo, group, dm } = &scene;
    let (good, seat) = scene.call(dm).await;
    house.services.media_quality(good, seat, reading(4.2, &[]));
    let (bad, seat) = scene.call(group).await;
    house.services.media_quality(bad, seat, reading(2.0, &[Issue::HighLossUp]));
    house.ok(ana, "voice:update", json!({"callId": bad, "video": true})).await;
    let unmeasured = house.ok(&second_device(ana), "voice:join", json!({"channelId": "general"})).await;

    let told = house.ok(root, "admin:calls", json!({})).await;
    let calls = told["calls"].as_array().unwrap();
    let ids: Vec<_> = calls.iter().map(|call| &call["callId"]).collect();
    assert_eq!(ids, [&json!(bad), &json!(good), &unmeasured["callId"]]);
    assert_eq!(told["count"], 3);
    let first = &calls[0];
    assert_eq!((&first["channelName"], &first["people"]), (&json!("plans"), &json!(2)));
    assert_eq!(
        (&first["microphones"], &first["cameras"], &first["screens"]),
        (&json!(2), &json!(1), &json!(0))
    );
    assert_eq!((&first["worst"]["score"], &first["worst"]["issues"]), (&json!(25), &json!(["high_loss_up"])));
    assert_eq!(calls[2]["worst"], Value::Null);
    let limited = house.ok(root, "admin:calls", json!({"limit": 1})).await;
    assert_eq!((limited["calls"].as_array().unwrap().len(), &limited["count"]), (1, &json!(3)));

    let one = house.ok(root, "admin:call", json!({"callId": bad})).await;
    let people = one["participants"].as_array().unwrap();
    assert_eq!((&people[0]["name"], &people[0]["quality"]["score"]), (&json!("ANA"), &json!(25)));
    assert_eq!((&people[1]["userId"], &people[1]["quality"]), (&json!(bo.user), &Value::Null));
    let overview = house.ok(root, "admin:overview", json!({})).await;
    assert_eq!(
        (&overview["calls"], &overview["ringing"], &overview["peopleInCalls"]),
        (&json!(3), &json!(0), &json!(2)),
        "people are counted once"
    );
}

#[tokio::test]
async fn a_direct_conversation_stays_closed() {
    let scene = scene().await;
    let Scene { house, root, ana, bo, dm, .. } = &scene;
    let started = house.ok(ana, "call:start", json!({"channelId": dm})).await;
    let call = json!({"callId": started["callId"]});
    let rings = house.ok(root, "admin:rings", json!({})).await;
    let ring = &rings["rings"][0];
    assert_eq!(ring["channelKind"], "dm");
    for hidden in ["channelName", "callerId", "callerName", "userId", "name"] {
        assert_eq!(ring[hidden], Value::Null, "{hidden}");
    }
    // Not even whether somebody in particular is rung.
    for user in [bo.user, root.user] {
        let one = json!({"callId": started["callId"], "userId": user});
        assert_eq!(house.code(root, "admin:cancel_ring", one).await, Code::PermDenied);
    }
    house.ok(bo, "call:accept", call.clone()).await;
    let one = house.ok(root, "admin:call", call.clone()).await;
    assert_eq!(one["call"]["channelName"], Value::Null);
    let text = one["participants"].to_string();
    for person in [ana, bo] {
        let name = format!("\"{}\"", person.name);
        assert!(!text.contains(&person.user.to_string()) && !text.contains(&name), "{text}");
    }
    assert_eq!(one["participants"].as_array().unwrap().len(), 2);
    house.ok(root, "admin:end_call", call).await;
    assert_eq!(house.seen.of(bo, "call:ended")[0]["reason"], "admin_ended");
}

#[tokio::test]
async fn rings_are_told_and_cancelled() {
    let scene = scene().await;
    let Scene { house, root, ana, bo, group, .. } = &scene;
    let started = house.ok(ana, "call:start", json!({"channelId": group})).await;
    house.ok(bo, "call:ringing", json!({"callId": started["callId"]})).await;
    let rings = house.ok(root, "admin:rings", json!({})).await;
    assert_eq!(rings["count"], 1);
    let ring = &rings["rings"][0];
    assert_eq!(
        (&ring["callerName"], &ring["name"], &ring["channelName"]),
        (&json!("ANA"), &json!("BO"), &json!("plans"))
    );
    assert_eq!((&ring["shown"], &ring["expiresAt"]), (&json!(true), &started["call"]["expiresAt"]));
    assert_eq!(ring["since"], started["call"]["startedAt"]);
    let other = json!({"callId": started["callId"], "userId": root.user});
    assert_eq!(house.code(root, "admin:cancel_ring", other).await, Code::ConflictState);
    house.ok(root, "admin:cancel_ring", json!({"callId": started["callId"], "userId": bo.user})).await;
    assert_eq!(house.seen.of(bo, "call:cancelled").len(), 1);
    assert_eq!(house.seen.of(ana, "call:ended")[0]["state"], "cancelled", "it rang nowhere else");
    let line = scene.last_line().await;
    assert_eq!((&line["action"], &line["target"]), (&json!("ring.cancel"), &started["callId"]));
    assert_eq!(line["detail"], json!({"channelId": group, "userId": bo.user}));
    let gone = json!({"callId": started["callId"]});
    assert_eq!(house.code(root, "admin:cancel_ring", gone).await, Code::NotFoundCall);
    assert_eq!(house.ok(root, "admin:rings", json!({})).await, json!({"rings": [], "count": 0}));
}

#[tokio::test]
async fn a_call_is_closed_by_an_administrator_only_and_it_is_written_down() {
    let scene = scene().await;
    let Scene { house, root, ana, bo, group, .. } = &scene;
    let (call, _) = scene.call(group).await;
    let on_call = json!({"callId": call});
    for op in ["admin:end_call", "admin:call", "admin:cancel_ring"] {
        assert_eq!(house.code(ana, op, on_call.clone()).await, Code::PermDenied, "{op} by its host");
    }
    for op in ["admin:overview", "admin:policy", "admin:calls", "admin:rings"] {
        assert_eq!(house.code(ana, op, json!({})).await, Code::PermDenied, "{op}");
    }
    house.ok(root, "admin:end_call", on_call.clone()).await;
    for person in [ana, bo] {
        assert_eq!(house.seen.of(person, "call:ended")[0]["reason"], "admin_ended");
    }
    let stored = house.ok(ana, "call:get", on_call.clone()).await;
    assert_eq!(
        (&stored["call"]["endReason"], &stored["call"]["state"]),
        (&json!("admin_ended"), &json!("completed"))
    );
    let line = scene.last_line().await;
    assert_eq!((&line["action"], &line["actor"]), (&json!("call.end"), &json!(root.user)));
    assert_eq!((&line["target"], &line["detail"]), (&json!(call), &json!({"channelId": group})));
    for op in ["admin:end_call", "admin:call"] {
        assert_eq!(house.code(root, op, on_call.clone()).await, Code::NotFoundCall, "{op}");
    }
}
