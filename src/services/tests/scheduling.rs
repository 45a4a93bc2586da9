//! Messages that wait for their time: who hears of them, what is asked of them, and what came due while nobody looked.

use super::*;
use crate::{base::id::ScheduleId, chat::model::WallMs};

const HOUR: WallMs = 3_600_000;

fn later(text: &str, channel: &str, ahead: WallMs) -> Value {
    json!({"channelId": channel, "content": text, "sendAt": rfc3339(clock::wall_ms() + ahead)})
}

async fn scheduled(house: &House, who: &Actor, data: Value) -> String {
    let made = house.ok(who, "message:send", data).await;
    made["scheduled"]["id"].as_str().unwrap().to_owned()
}

/// Everything that is due in two hours. The services' own task sees none of it, since its clock is the real one.
async fn fire(house: &House) {
    let next = house.services.inner.fire_due(clock::wall_ms() + 2 * HOUR).await.unwrap();
    assert_eq!(next, None);
}

/// What its author was told last.
fn told(house: &House, who: &Actor) -> Value {
    house.seen.of(who, "schedule:changed").last().unwrap()["scheduled"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_message_is_sent_in_its_time_as_if_it_was_said_then() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let root = house.ok(&bo, "message:send", json!({"channelId": "general", "content": "lunch?"})).await;
    let root = root["message"]["id"].clone();
    let mut data = later("@here yes", "general", HOUR);
    data["threadId"] = root.clone();
    data["replyTo"] = root.clone();
    data["mentions"] = json!([cy.user]);
    data["nonce"] = "n1".into();
    let made = house.ok(&ana, "message:send", data.clone()).await;
    let id = made["scheduled"]["id"].clone();
    assert_eq!((&made["scheduled"]["state"], &made["duplicate"]), (&json!("pending"), &json!(false)));
    let again = house.ok(&ana, "message:send", data.clone()).await;
    assert_eq!((&again["scheduled"]["id"], &again["duplicate"]), (&id, &json!(true)));
    data["sendAt"] = rfc3339(clock::wall_ms() + 2 * HOUR).into();
    assert_eq!(house.code(&ana, "message:send", data).await, Code::ConflictDuplicate, "another time");
    let own = second_device(&ana);
    assert_eq!(house.seen.of(&own, "schedule:changed").len(), 1, "a retry is no news");
    assert!(house.seen.of(&bo, "schedule:changed").is_empty(), "nobody else's business");
    assert_eq!(house.seen.of(&bo, "message:new").len(), 1);
    let listed = house.ok(&own, "schedule:list", json!({"channelId": "general"})).await;
    assert_eq!(listed["scheduled"][0]["id"], id);
    assert_eq!(house.ok(&bo, "schedule:list", json!({})).await["scheduled"], json!([]));

    // Who is there when it is sent counts, not who was there when it was written.
    house.services.session_opened(&bo).await.unwrap();
    fire(&house).await;
    let heard = &house.seen.of(&bo, "message:new")[1];
    let message = &heard["message"];
    assert_eq!((&message["content"], &message["authorName"]), (&json!("@here yes"), &json!("ANA")));
    assert_eq!(
        (&message["threadId"], &message["replyTo"], &heard["thread"]["count"]),
        (&root, &root, &json!(1))
    );
    assert_eq!((&message["nonce"], &message["mentions"]), (&id, &json!([cy.user])));
    assert_eq!(house.seen.of(&bo, "message:mention").len(), 1, "by @here");
    assert_eq!(house.seen.of(&cy, "message:mention").len(), 1, "by name");
    let done = told(&house, &own);
    assert_eq!(
        (&done["state"], &done["messageId"], &done["content"]),
        (&json!("sent"), &message["id"], &json!(""))
    );
    fire(&house).await;
    assert_eq!(house.seen.of(&bo, "message:new").len(), 2, "once");
    assert_eq!(house.code(&ana, "schedule:cancel", json!({"scheduleId": id})).await, Code::ConflictState);
    assert_eq!(house.ok(&ana, "schedule:list", json!({})).await["scheduled"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn times_are_ahead_and_within_a_year() {
    let house = house(quick()).await;
    let ana = house.person("ana").await;
    let id = scheduled(&house, &ana, later("hi", "general", 365 * 24 * HOUR)).await;
    for ahead in [-HOUR, 0, 1_000, 367 * 24 * HOUR] {
        let refused = house.run(&ana, "message:send", later("hi", "general", ahead)).await.unwrap_err();
        assert_eq!((refused.code, refused.details[0].path.as_str()), (Code::ValidationFailed, "sendAt"));
        let update = json!({"scheduleId": id, "sendAt": rfc3339(clock::wall_ms() + ahead)});
        assert_eq!(house.code(&ana, "schedule:update", update).await, Code::ValidationFailed);
    }
    for bad in [json!({}), json!({"content": " "}), json!({"sendAt": "soon"})] {
        let mut update = bad;
        update["scheduleId"] = id.clone().into();
        assert_eq!(house.code(&ana, "schedule:update", update).await, Code::ValidationFailed);
    }
    let unknown = json!({"scheduleId": ScheduleId::from_parts(1, 1)});
    assert_eq!(house.code(&ana, "schedule:cancel", unknown).await, Code::NotFoundMessage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_may_not_be_said_then_fails_and_can_be_tried_again() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let made = json!({"type": "group", "name": "team", "participants": [bo.user]});
    let group = house.ok(&ana, "channel:create", made).await["channel"]["id"].as_str().unwrap().to_owned();
    let silence =
        |until: Option<WallMs>| json!({"channelId": group, "userId": bo.user, "until": until.map(rfc3339)});
    let id = scheduled(&house, &bo, later("hi", &group, HOUR)).await;
    house.ok(&ana, "moderation:timeout_user", silence(Some(clock::wall_ms() + 9 * HOUR))).await;
    fire(&house).await;
    let failed = told(&house, &bo);
    assert_eq!(
        (&failed["state"], &failed["error"], &failed["content"]),
        (&json!("failed"), &json!("perm.timeout"), &json!("hi"))
    );
    assert!(house.seen.of(&ana, "message:new").is_empty());
    let listed = house.ok(&bo, "schedule:list", json!({})).await;
    assert_eq!(listed["scheduled"][0]["state"], "failed");
    let new_text = json!({"scheduleId": id, "content": "ho"});
    assert_eq!(house.code(&bo, "schedule:update", new_text).await, Code::ConflictState, "it needs a time");
    house.ok(&ana, "moderation:timeout_user", silence(None)).await;
    let again = json!({"scheduleId": id, "content": "ho", "sendAt": rfc3339(clock::wall_ms() + HOUR)});
    assert_eq!(house.ok(&bo, "schedule:update", again).await["scheduled"]["state"], "pending");
    fire(&house).await;
    assert_eq!(house.seen.of(&ana, "message:new")[0]["message"]["content"], "ho");

    // One of those that are due together does not hold up the others.
    for text in ["a", "b"] {
        scheduled(&house, &bo, later(text, &group, HOUR)).await;
    }
    scheduled(&house, &ana, later("c", &group, HOUR)).await;
    house.ok(&ana, "channel:member_remove", json!({"channelId": group, "userId": bo.user})).await;
    fire(&house).await;
    assert_eq!(house.seen.of(&ana, "message:new").last().unwrap()["message"]["content"], "c");
    let changes = house.seen.of(&bo, "schedule:changed");
    let failed: Vec<_> = changes.iter().rev().take(2).map(|one| &one["scheduled"]["error"]).collect();
    assert_eq!(failed, ["not_found.channel"; 2]);
    // It is its author's still: not the channel, the words.
    let left = house.ok(&bo, "schedule:list", json!({})).await["scheduled"][0]["id"].clone();
    house.ok(&bo, "schedule:cancel", json!({"scheduleId": left})).await;
    assert_eq!(told(&house, &bo)["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slow_mode_puts_off_and_bans_fail() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let made = json!({"type": "group", "name": "slow", "participants": [bo.user]});
    let group = house.ok(&ana, "channel:create", made).await["channel"]["id"].as_str().unwrap().to_owned();
    house.ok(&ana, "channel:update", json!({"channelId": group, "slowMode": 600})).await;
    for text in ["one", "two"] {
        scheduled(&house, &bo, later(text, &group, HOUR)).await;
    }
    let then = clock::wall_ms() + 2 * HOUR;
    let inner = &house.services.inner;
    assert_eq!(inner.fire_due(then).await.unwrap(), Some(then + 600_000));
    let said = || house.seen.of(&ana, "message:new").len();
    assert_eq!((said(), told(&house, &bo)["state"].clone()), (1, json!("sent")));
    assert_eq!(inner.fire_due(then + 599_999).await.unwrap(), Some(then + 600_000));
    assert_eq!(inner.fire_due(then + 600_000).await.unwrap(), None);
    assert_eq!(said(), 2);

    scheduled(&house, &bo, later("three", &group, HOUR)).await;
    let admin = Actor { grants: Arc::new(Grants { admin: true, ..Grants::default() }), ..ana.clone() };
    house.ok(&admin, "moderation:ban_user", json!({"userId": bo.user})).await;
    fire(&house).await;
    assert_eq!((said(), told(&house, &bo)["error"].clone()), (2, json!("auth.banned")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_came_due_while_the_server_was_down_is_sent_at_the_start_and_the_next_in_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let before = open(path.clone(), quick()).await;
    let ana = before.person("ana").await;
    let (general, ..) = before.store.resolve_channel("general").await.unwrap();
    before.services.drain().await;
    drop(before);

    let store = SqlStore::sqlite(SqliteConfig { path: path.clone(), full_sync: false }).await.unwrap();
    let now = clock::wall_ms();
    let new = |n: u128, send_at: WallMs| store::NewScheduled {
        id: ScheduleId::from_parts(1, n),
        channel: general,
        author: ana.user,
        nonce: None,
        nonce_hash: None,
        content: format!("m{n}"),
        reply_to: None,
        thread: None,
        mentions: Vec::new(),
        send_at,
        within: (0, WallMs::MAX),
        now,
    };
    use crate::store::ScheduleStore as _;
    for (n, at) in [(2, now - 50), (1, now - 100), (3, now + 1_500), (4, now + 24 * HOUR)] {
        store.schedule(new(n, at), store::nothing()).await.unwrap();
    }
    store.close().await;
    drop(store);

    let house = open(path, quick()).await;
    house.seen.until("three of them", |seen| seen.of(&ana, "message:new").len() == 3).await;
    let texts: Vec<Value> =
        house.seen.of(&ana, "message:new").iter().map(|one| one["message"]["content"].clone()).collect();
    assert_eq!(texts, ["m1", "m2", "m3"]);
    assert!(clock::wall_ms() >= now + 1_500, "not before its time");
    assert_eq!(house.ok(&ana, "schedule:list", json!({})).await["scheduled"].as_array().unwrap().len(), 1);
    house.services.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_earlier_one_wakes_the_sender() {
    let house = house(quick()).await;
    let ana = house.person("ana").await;
    scheduled(&house, &ana, later("tomorrow", "general", 24 * HOUR)).await;
    let id = scheduled(&house, &ana, later("in an hour", "general", HOUR)).await;
    let soon = json!({"scheduleId": id, "sendAt": rfc3339(clock::wall_ms() + 2_100)});
    house.ok(&ana, "schedule:update", soon).await;
    house.seen.until("it is sent", |seen| seen.names(&ana).contains(&"message:new")).await;
    assert_eq!(house.seen.of(&ana, "message:new")[0]["message"]["content"], "in an hour");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_for_one_room_sees_only_what_is_meant_for_it() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let dm = house.dm(&ana, &bo).await;
    let there = scheduled(&house, &ana, later("dm", &dm, HOUR)).await;
    let here = scheduled(&house, &ana, later("general", "general", HOUR)).await;
    let grants = Arc::new(Grants { room: Some("general".into()), ..Grants::default() });
    let bound = Actor { grants, ..ana.clone() };
    let listed = house.ok(&bound, "schedule:list", json!({})).await;
    assert_eq!(listed["scheduled"].as_array().unwrap().len(), 1);
    assert_eq!(listed["scheduled"][0]["id"], here.as_str());
    assert_eq!(
        house.code(&bound, "schedule:cancel", json!({"scheduleId": there})).await,
        Code::NotFoundMessage
    );
    assert_eq!(house.code(&bo, "schedule:cancel", json!({"scheduleId": there})).await, Code::NotFoundMessage);
    house.ok(&bound, "schedule:cancel", json!({"scheduleId": here})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_are_named_where_receipts_are_and_counted_elsewhere() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let dm = house.dm(&ana, &bo).await;
    for (channel, named) in [(dm.as_str(), true), ("general", false)] {
        let sent = house.ok(&ana, "message:send", json!({"channelId": channel, "content": "seen?"})).await;
        let ask = json!({"messageId": sent["message"]["id"]});
        let nobody = house.ok(&ana, "message:get_read_receipts", ask.clone()).await;
        assert_eq!(nobody, json!({"readers": [], "count": 0}));
        house.ok(&bo, "message:mark_read", json!({"channelId": channel, "seq": 1})).await;
        let seen = house.ok(&bo, "message:get_read_receipts", ask.clone()).await;
        assert_eq!(seen["count"], 1, "any member may ask");
        let names: Vec<Value> =
            seen["readers"].as_array().unwrap().iter().map(|one| one["userId"].clone()).collect();
        assert_eq!(names, if named { vec![json!(bo.user)] } else { Vec::new() });
        if named {
            let at = house.seen.of(&ana, "message:read_receipt")[0]["at"].clone();
            assert_eq!(seen["readers"][0]["at"], at);
            assert_eq!(house.code(&cy, "message:get_read_receipts", ask).await, Code::NotFoundMessage);
        }
    }
}
