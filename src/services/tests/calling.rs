//! Ringing on several devices, missed calls, history, the sweep after a crash.

use super::*;

fn short_ring() -> ServicesConfig {
    let mut config = quick();
    config.calls.ring_timeout = Duration::from_millis(80);
    config
}

async fn history(house: &House, actor: &Actor) -> Vec<Value> {
    let found = house.ok(actor, "call:history", json!({})).await;
    found["calls"].as_array().unwrap().clone()
}

#[tokio::test]
async fn answering_on_one_device_stops_the_other() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let phone = second_device(&bo);
    let dm = house.dm(&ana, &bo).await;
    let started = house.ok(&ana, "call:start", json!({"channelId": dm, "type": "video"})).await;
    let call = json!({"callId": started["callId"]});
    assert_eq!(started["existing"], false);
    assert_eq!(house.seen.of(&phone, "call:incoming")[0]["initiator"]["name"], "ANA");
    assert!(house.seen.of(&ana, "call:incoming").is_empty());

    house.services.incoming_acked(&phone, started["callId"].as_str().unwrap().parse().unwrap()).await;
    house.ok(&bo, "call:ringing", call.clone()).await;
    assert_eq!(house.seen.of(&ana, "call:ringing").len(), 1, "true ringing, once");

    let joined = house.ok(&phone, "call:accept", call.clone()).await;
    assert_eq!(joined["participants"].as_array().unwrap().len(), 2);
    assert_eq!(house.seen.of(&bo, "call:accepted")[0]["userId"], json!(bo.user), "the desktop stops");
    assert!(house.seen.of(&phone, "call:accepted").is_empty());
    assert_eq!(house.seen.of(&ana, "call:accepted").len(), 1);
    assert_eq!(house.code(&bo, "call:accept", call.clone()).await, Code::ConflictState);

    house.ok(&phone, "voice:update", json!({"video": true, "muted": true})).await;
    house.ok(&phone, "call:leave", call.clone()).await;
    house.ok(&ana, "call:leave", call.clone()).await;
    assert_eq!(house.code(&ana, "call:leave", call).await, Code::CallEnded);
    let rows = history(&house, &bo).await;
    assert_eq!((&rows[0]["state"], &rows[0]["endReason"]), (&json!("completed"), &json!("last_left")));
    assert_eq!(rows[0]["invites"][0]["outcome"], "accepted");
    assert_eq!(rows[0]["peakParticipants"], 2);
    assert!(rows[0]["durationMs"].is_i64());
    let stints = rows[0]["participants"].as_array().unwrap();
    assert!(stints.iter().all(|stint| stint["leftAt"].is_string() && stint["leaveReason"] == "left"));
    assert!(stints.iter().any(|stint| stint["userId"] == json!(bo.user) && stint["hadVideo"] == true));
    let line = house.seen.of(&bo, "message:new");
    assert_eq!(
        (&line[0]["message"]["type"], &line[0]["message"]["call"]["state"]),
        (&json!("call"), &json!("completed"))
    );
    let seats = house.seen.seats.lock().unwrap();
    assert_eq!(
        seats.iter().filter(|(_, taken)| *taken).count(),
        seats.iter().filter(|(_, taken)| !*taken).count()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_devices_that_answer_at_once_one_wins() {
    let house = Arc::new(house(quick()).await);
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let dm = house.dm(&ana, &bo).await;
    let started = house.ok(&ana, "call:start", json!({"channelId": dm})).await;
    let tasks: Vec<_> = [bo.clone(), second_device(&bo), second_device(&bo)]
        .into_iter()
        .map(|device| {
            let (house, call) = (house.clone(), json!({"callId": started["callId"]}));
            tokio::spawn(async move { house.run(&device, "call:accept", call).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn an_unanswered_call_is_missed_for_good() {
    let house = house(short_ring()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let dm = house.dm(&ana, &bo).await;
    let started = house.ok(&ana, "call:start", json!({"channelId": dm})).await;
    house.seen.until("missed", |seen| seen.names(&bo).contains(&"message:new")).await;
    let names = house.seen.names(&bo);
    let at = |name| names.iter().position(|n| *n == name).unwrap();
    assert!(at("call:incoming") < at("call:missed") && at("call:missed") < at("call:ended"));
    assert!(!house.seen.names(&ana).contains(&"call:missed"));
    let missed = house.ok(&bo, "call:history", json!({"filter": "missed"})).await;
    assert_eq!(missed["calls"][0]["id"], started["callId"]);
    assert_eq!(missed["calls"][0]["state"], "missed");
    assert_eq!(missed["calls"][0]["durationMs"], Value::Null);
    assert!(
        house.ok(&ana, "call:history", json!({"filter": "missed"})).await["calls"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let unread = house.ok(&bo, "channel:get", json!({"channelId": dm})).await["channel"]["unread"].clone();
    assert_eq!(unread, 0, "a call line is not something to read");
}

#[tokio::test]
async fn decline_busy_and_cancel_leave_their_rows() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let dm = house.dm(&ana, &bo).await;
    let start = || house.ok(&ana, "call:start", json!({"channelId": dm}));
    let call = start().await["callId"].clone();
    house.ok(&bo, "call:decline", json!({"callId": call})).await;
    assert_eq!(house.seen.of(&second_device(&bo), "call:declined").len(), 1, "the other device stops too");
    let call = start().await["callId"].clone();
    house.ok(&bo, "call:decline", json!({"callId": call, "reason": "busy"})).await;
    let call = start().await["callId"].clone();
    assert_eq!(house.code(&bo, "call:cancel", json!({"callId": call})).await, Code::PermDenied);
    house.ok(&ana, "call:cancel", json!({"callId": call})).await;
    assert_eq!(house.seen.of(&bo, "call:cancelled").len(), 1);
    let rows = history(&house, &ana).await;
    let states: Vec<_> = rows.iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["cancelled", "busy", "rejected"]);
    let outcomes: Vec<_> = rows.iter().map(|row| row["invites"][0]["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["cancelled", "busy", "declined"]);
}

#[tokio::test]
async fn one_live_call_per_channel_and_the_second_start_joins_it() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let room = house.ok(&ana, "voice:join", json!({"channelId": "general", "muted": true})).await;
    let again = house.ok(&bo, "call:start", json!({"channelId": "general"})).await;
    assert_eq!((&again["callId"], &again["existing"]), (&room["callId"], &json!(true)));
    let who = house.ok(&ana, "voice:get_participants", json!({"channelId": "general"})).await;
    assert_eq!(who["participants"].as_array().unwrap().len(), 2);
    assert_eq!(who["participants"][0]["voiceState"]["muted"], true);
    assert_eq!(house.seen.of(&ana, "voice:user_joined").len(), 2);
    let ready = house.services.session_opened(&second_device(&ana)).await.unwrap();
    assert_eq!(ready["activeCalls"][0]["callId"], room["callId"]);
    house.ok(&ana, "voice:leave", json!({"channelId": "general"})).await;
    assert_eq!(house.code(&ana, "voice:update", json!({"muted": false})).await, Code::CallNotInCall);
    house.services.session_closed(&bo).await;
    assert_eq!(history(&house, &ana).await[0]["endReason"], "last_left");
}

#[tokio::test]
async fn who_starts_a_call_says_how_long_its_viewers_wait() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let asked = |min| json!({"channelId": "general", "playoutDelay": {"min": min, "max": 400}});
    assert_eq!(house.code(&ana, "voice:join", asked(500)).await, Code::ValidationFailed);
    let started = house.ok(&ana, "voice:join", asked(200)).await;
    assert_eq!(started["call"]["playoutDelay"], json!({"min": 200, "max": 400}));
    let joined = house.ok(&bo, "voice:join", asked(300)).await;
    assert_eq!(joined["call"]["playoutDelay"], started["call"]["playoutDelay"], "the call runs already");
    for one in [&ana, &bo] {
        house.ok(one, "voice:leave", json!({"channelId": "general"})).await;
    }
    let plain = house.ok(&ana, "voice:join", json!({"channelId": "general"})).await;
    assert_eq!(plain["call"].get("playoutDelay"), None);
    let delay = Some(PlayoutDelay { min: 200, max: 400 });
    assert_eq!(*house.seen.playout_delays.lock().unwrap(), [delay, delay, None]);
}

#[tokio::test]
async fn a_full_media_plane_refuses_and_leaves_no_trace() {
    let house = house(quick()).await;
    let ana = house.person("ana").await;
    house.seen.full.store(true, Relaxed);
    assert_eq!(house.code(&ana, "voice:join", json!({"channelId": "general"})).await, Code::ServerFull);
    assert!(history(&house, &ana).await.is_empty());
    house.seen.full.store(false, Relaxed);
    house.ok(&ana, "voice:join", json!({"channelId": "general"})).await;
}

#[tokio::test]
async fn a_lost_socket_leaves_the_call_after_the_grace() {
    let mut config = quick();
    config.calls.disconnect_grace = Duration::from_millis(60);
    let house = house(config).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    house.ok(&ana, "voice:join", json!({"channelId": "general"})).await;
    house.ok(&bo, "voice:join", json!({"channelId": "general"})).await;
    house.services.session_detached(&bo).await;
    house.services.session_attached(&bo).await;
    house.services.session_detached(&ana).await;
    house.seen.until("ana left", |seen| seen.of(&bo, "voice:user_left").len() == 1).await;
    let left = &house.seen.of(&bo, "voice:user_left")[0];
    assert_eq!((&left["userId"], &left["reason"]), (&json!(ana.user), &json!("disconnected")));
}

#[tokio::test]
async fn calls_of_a_dead_process_end_when_it_was_last_alive() {
    let first = house(quick()).await;
    let (ana, bo, cy) = (first.person("ana").await, first.person("bo").await, first.person("cy").await);
    let talk = first.dm(&ana, &bo).await;
    let ring = first.dm(&ana, &cy).await;
    let call = first.ok(&ana, "call:start", json!({"channelId": talk})).await["callId"].clone();
    first.ok(&bo, "call:accept", json!({"callId": call})).await;
    let ringing =
        first.ok(&second_device(&ana), "call:start", json!({"channelId": ring})).await["callId"].clone();
    let beats = first.store.stats().writes + 3;
    let alive = async {
        while first.store.stats().writes < beats {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), alive).await.unwrap();
    // As after `kill -9`: the file stays as it is, nothing of the calls is closed.
    first.store.close().await;

    let second = open(first.path.clone(), quick()).await;
    let rows = history(&second, &ana).await;
    let row = |id: &Value| rows.iter().find(|row| row["id"] == *id).unwrap();
    let talked = row(&call);
    assert_eq!((&talked["state"], &talked["endReason"]), (&json!("completed"), &json!("node_lost")));
    assert!(talked["durationMs"].as_i64().unwrap() > 0, "the heartbeat moved the end: {talked}");
    for stint in talked["participants"].as_array().unwrap() {
        assert_eq!((&stint["leaveReason"], &stint["leftAt"]), (&json!("node_lost"), &talked["endedAt"]));
    }
    let missed = row(&ringing);
    assert_eq!((&missed["state"], &missed["endReason"]), (&json!("missed"), &json!("node_lost")));
    assert_eq!(missed["invites"][0]["outcome"], "missed");
    let list = second.ok(&cy, "call:history", json!({"filter": "missed"})).await;
    assert_eq!(list["calls"][0]["id"], ringing);
    let page = second.ok(&bo, "channel:get_history", json!({"channelId": talk})).await;
    assert_eq!(page["messages"][0]["callId"], call);
    second.ok(&ana, "call:start", json!({"channelId": talk})).await;
}

#[tokio::test]
async fn a_drain_closes_the_calls_that_live() {
    let first = house(quick()).await;
    let (ana, bo) = (first.person("ana").await, first.person("bo").await);
    let dm = first.dm(&ana, &bo).await;
    first.ok(&ana, "call:start", json!({"channelId": dm})).await;
    first.ok(&bo, "voice:join", json!({"channelId": "general"})).await;
    first.services.drain().await;
    assert_eq!(first.seen.of(&bo, "call:missed").len(), 1);
    let second = open(first.path.clone(), quick()).await;
    let rows = history(&second, &ana).await;
    let ends: Vec<_> =
        rows.iter().map(|row| (row["state"].as_str().unwrap(), row["endReason"].as_str())).collect();
    assert_eq!(ends, [("completed", Some("node_lost")), ("missed", Some("node_lost"))]);
    assert!(rows.iter().all(|row| row["participants"][0]["leftAt"].is_string()));
}

/// Three people of a group in its room; ana opened it.
async fn room(house: &House) -> (Actor, Actor, Actor, Value) {
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let members = json!([bo.user, cy.user]);
    let made = json!({"type": "group", "name": "team", "participants": members});
    let channel = house.ok(&ana, "channel:create", made).await["channel"]["id"].clone();
    let joined = house.ok(&ana, "voice:join", json!({"channelId": channel})).await;
    house.ok(&bo, "voice:join", json!({"channelId": channel})).await;
    (ana, bo, cy, joined["callId"].clone())
}

#[tokio::test]
async fn hands_are_told_to_the_call_and_found_by_who_comes_later() {
    let house = house(quick()).await;
    let (ana, bo, cy, call) = room(&house).await;
    let raised = house.ok(&bo, "call:hand", json!({"callId": call, "raised": true})).await;
    assert_eq!(raised["hands"], json!([bo.user]));
    assert_eq!(house.seen.of(&ana, "call:hands")[0]["hands"], json!([bo.user]));
    assert!(house.seen.of(&cy, "call:hands").is_empty(), "only people in the call");
    let joined = house.ok(&cy, "call:join", json!({"callId": call})).await;
    assert_eq!(joined["call"]["hands"], json!([bo.user]));
    let other = json!({"callId": call, "raised": true, "userId": cy.user});
    assert_eq!(house.code(&ana, "call:hand", other).await, Code::ValidationFailed);
    let down = json!({"callId": call, "raised": false, "userId": bo.user});
    assert_eq!(house.code(&cy, "call:hand", down.clone()).await, Code::PermDenied);
    assert_eq!(house.ok(&ana, "call:hand", down).await["hands"], json!([]));
    assert_eq!(house.seen.of(&bo, "call:hands").last().unwrap()["by"], json!(ana.user));
}

#[tokio::test]
async fn reactions_of_a_moment_are_told_together_and_only_in_the_call() {
    let house = house(quick()).await;
    let (ana, bo, cy, call) = room(&house).await;
    let react = |emoji: &str| json!({"callId": call, "emoji": emoji});
    assert_eq!(house.code(&cy, "call:react", react("👏")).await, Code::CallNotInCall);
    for bad in ["", "hi", "👏👏", "a", ":clap:", &"👏".repeat(20)] {
        assert_eq!(house.code(&ana, "call:react", react(bad)).await, Code::ValidationFailed, "{bad:?}");
    }
    for emoji in ["👏", "👏", "❤️", "👍🏽"] {
        house.ok(&bo, "call:react", react(emoji)).await;
    }
    house.ok(&ana, "call:react", react("👏")).await;
    house.seen.until("told", |seen| !seen.of(&ana, "call:reactions").is_empty()).await;
    let told = house.seen.of(&ana, "call:reactions");
    assert_eq!(told.len(), 1, "together");
    let of = |actor: &Actor, emoji: &str, count: u32| json!({"userId": actor.user, "emoji": emoji, "count": count});
    assert_eq!(
        told[0]["reactions"],
        json!([of(&bo, "👏", 2), of(&bo, "❤️", 1), of(&bo, "👍🏽", 1), of(&ana, "👏", 1)])
    );
    assert_eq!(told[0]["more"], 0);
    assert!(house.seen.of(&cy, "call:reactions").is_empty());
    let events = house.seen.events.lock().unwrap();
    assert!(events.iter().all(|(_, event)| event.name != "call:reactions" || !event.reliable));
}

#[tokio::test]
async fn a_locked_call_keeps_newcomers_out_over_every_way_in() {
    let house = house(quick()).await;
    let (ana, bo, cy, call) = room(&house).await;
    let channel = house.seen.of(&cy, "call:started")[0]["channelId"].clone();
    let lock = |locked: bool| json!({"callId": call, "locked": locked});
    assert_eq!(house.code(&bo, "call:lock", lock(true)).await, Code::PermDenied);
    house.ok(&ana, "call:lock", lock(true)).await;
    assert_eq!(house.seen.of(&cy, "call:locked")[0]["locked"], true, "whoever may join knows before");
    for (op, data) in [
        ("call:join", json!({"callId": call})),
        ("call:accept", json!({"callId": call})),
        ("voice:join", json!({"channelId": channel})),
        ("call:start", json!({"channelId": channel})),
    ] {
        assert_eq!(house.code(&cy, op, data).await, Code::CallLocked, "{op}");
    }
    assert_eq!(
        house.code(&bo, "call:invite", json!({"callId": call, "userIds": [cy.user]})).await,
        Code::CallLocked
    );
    let live = house.ok(&cy, "channel:join", json!({"channelId": channel})).await["call"].clone();
    assert_eq!(live["locked"], true);
    house.ok(&bo, "call:leave", json!({"callId": call})).await;
    house.ok(&bo, "call:join", json!({"callId": call})).await;
    house.ok(&ana, "call:lock", lock(false)).await;
    house.ok(&cy, "call:join", json!({"callId": call})).await;
}

#[tokio::test]
async fn who_is_asked_to_unmute_hears_by_whom_and_a_mute_can_be_taken_back() {
    let house = house(quick()).await;
    let (ana, bo, _, call) = room(&house).await;
    let of_bo = json!({"callId": call, "userId": bo.user});
    assert_eq!(
        house.code(&bo, "call:ask_unmute", json!({"callId": call, "userId": ana.user})).await,
        Code::PermDenied
    );
    house.ok(&ana, "call:ask_unmute", of_bo.clone()).await;
    assert_eq!(house.seen.of(&bo, "call:unmute_asked")[0]["by"]["name"], "ANA");
    assert!(house.seen.of(&ana, "call:unmute_asked").is_empty());
    let back = json!({"callId": call, "userId": bo.user, "muted": false});
    assert_eq!(house.code(&ana, "call:mute_participant", back.clone()).await, Code::ConflictState);
    house.ok(&ana, "call:mute_participant", of_bo).await;
    house.ok(&ana, "call:mute_participant", back).await;
    let told: Vec<_> = house.seen.of(&bo, "call:muted").iter().map(|one| one["muted"].clone()).collect();
    assert_eq!(told, [true, false]);
}
