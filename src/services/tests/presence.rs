//! What people say of themselves, how long it lasts, and who learns of it.

use super::*;
use crate::base::time::rfc3339;

fn shown(house: &House) -> Vec<String> {
    let told = house.seen.presence.lock().unwrap();
    told.iter().map(|(_, presence)| presence["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_people_say_of_themselves_outlives_a_restart() {
    let first = house(quick()).await;
    let (ana, bo) = (first.person("ana").await, first.person("bo").await);
    first.services.session_opened(&ana).await.unwrap();
    let said =
        json!({"status": "invisible", "customStatus": "at the lake", "emoji": "🏊", "lastSeenTo": "nobody"});
    let mine = first.ok(&ana, "presence:update", said).await;
    assert_eq!(
        (&mine["presence"]["status"], &mine["presence"]["emoji"]),
        (&json!("invisible"), &json!("🏊"))
    );
    first.services.session_closed(&ana).await;
    first.store.close().await;

    let second = open(first.path.clone(), quick()).await;
    second.services.session_opened(&ana).await.unwrap();
    let seen = second.ok(&bo, "presence:get_bulk", json!({"userIds": [ana.user]})).await;
    let seen = &seen["presence"][0];
    assert_eq!(
        (&seen["status"], &seen["customStatus"]),
        (&json!("offline"), &json!("at the lake")),
        "{seen}"
    );
    assert!(seen["lastSeen"].is_null(), "{seen}");
    let user = second.ok(&bo, "user:get", json!({"userId": ana.user})).await;
    assert!(user["user"]["lastSeen"].is_null(), "not this way either: {user}");
    second
        .ok(&ana, "presence:update", json!({"status": "online", "customStatus": "", "lastSeenTo": "shared"}))
        .await;
    let seen = second.ok(&bo, "presence:get_bulk", json!({"userIds": [ana.user]})).await;
    assert_eq!(
        (&seen["presence"][0]["status"], &seen["presence"][0]["emoji"]),
        (&json!("online"), &json!(""))
    );
}

#[tokio::test]
async fn who_changes_one_thing_without_a_session_keeps_the_others() {
    let first = house(quick()).await;
    let ana = first.person("ana").await;
    let said = json!({"status": "dnd", "customStatus": "writing", "lastSeenTo": "nobody"});
    first.ok(&ana, "presence:update", said).await;
    first.store.close().await;
    // As over REST, after a restart.
    let second = open(first.path.clone(), quick()).await;
    let mine = second.ok(&ana, "presence:update", json!({"status": "away"})).await;
    assert_eq!(mine["presence"]["customStatus"], "writing");
    let user = second.ok(&ana, "user:get", json!({"userId": ana.user})).await;
    assert_eq!(user["user"]["customStatus"], "writing");
    assert!(user["user"]["lastSeen"].is_null());
}

#[tokio::test]
async fn a_status_ends_when_it_was_said_to_and_not_before_it_began() {
    let house = house(quick()).await;
    let ana = house.person("ana").await;
    house.services.session_opened(&ana).await.unwrap();
    let over = json!({"customStatus": "lunch", "until": rfc3339(clock::wall_ms() - 1)});
    assert_eq!(house.code(&ana, "presence:update", over).await, Code::ValidationFailed);
    let bare = json!({"until": rfc3339(clock::wall_ms() + 60_000)});
    assert_eq!(house.code(&ana, "presence:update", bare).await, Code::ValidationFailed);
    let words = json!({"emoji": "two words"});
    assert_eq!(house.code(&ana, "presence:update", words).await, Code::ValidationFailed);
    let soon = json!({"customStatus": "lunch", "emoji": ":soup:", "until": rfc3339(clock::wall_ms() + 150)});
    house.ok(&ana, "presence:update", soon).await;
    let ended = |seen: &Recorder| {
        seen.presence.lock().unwrap().last().is_some_and(|(_, last)| last["customStatus"] == "")
    };
    house.seen.until("lunch is over", ended).await;
    let told = house.seen.presence.lock().unwrap().clone();
    let texts: Vec<_> = told.iter().map(|(_, one)| one["customStatus"].as_str().unwrap()).collect();
    assert_eq!(texts, ["", "lunch", ""], "online, lunch, and its end");
    let user = house.ok(&ana, "user:get", json!({"userId": ana.user})).await;
    assert_eq!(user["user"]["customStatus"], "", "in the row it is over as well");
}

#[tokio::test]
async fn who_touches_nothing_is_away_and_comes_back() {
    let idle = Duration::from_millis(80);
    let house = house(ServicesConfig { presence_idle: idle, ..quick() }).await;
    let ana = house.person("ana").await;
    house.services.session_opened(&ana).await.unwrap();
    house.ok(&ana, "presence:heartbeat", json!({"idleMs": 0})).await;
    house.seen.until("away", |seen| seen.presence.lock().unwrap().len() == 2).await;
    house.ok(&ana, "presence:heartbeat", json!({"idleMs": 0})).await;
    assert_eq!(shown(&house), ["online", "away", "online"]);
}

#[tokio::test]
async fn a_channel_says_how_many_are_there() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    house.person("cy").await;
    for one in [&ana, &bo] {
        house.services.session_opened(one).await.unwrap();
    }
    let answer = house.ok(&ana, "presence:subscribe", json!({"channelId": "general"})).await;
    assert_eq!((&answer["online"], answer["presence"].as_array().unwrap().len()), (&json!(2), 3));
    house.ok(&bo, "presence:update", json!({"status": "invisible"})).await;
    let answer = house.ok(&ana, "presence:subscribe", json!({"channelId": "general"})).await;
    assert_eq!(answer["online"], 1);
}
