//! A directory speaks: live sessions hear of it, and lose what is not theirs any more.

use super::*;
use crate::chat::directory::{DirectoryChange, DirectoryKind};

async fn tell(house: &House, kind: DirectoryKind, body: Value) -> Value {
    let change = DirectoryChange::parse(kind, body).unwrap();
    let signature = format!("{:x}", rand::random::<u128>());
    house.services.sync_directory(change, signature, Default::default()).await.unwrap()
}

async fn actor(house: &House, sub: &str) -> Actor {
    let external = ExternalUser { sub: sub.into(), ..ExternalUser::default() };
    device(&house.services.ensure_user(&external).await.unwrap())
}

fn people(count: usize) -> Value {
    let one = |n: usize| json!({"id": format!("p{n}"), "name": format!("P {n}"), "departmentId": "d"});
    json!({"users": (0..count).map(one).collect::<Vec<_>>()})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn departments_are_joined_and_left_before_the_eyes_of_live_sessions() {
    let house = house(quick()).await;
    tell(&house, DirectoryKind::Users, people(2)).await;
    let (one, two) = (actor(&house, "p0").await, actor(&house, "p1").await);
    let made = json!({"departments": [{"id": "d", "name": "Dept", "managers": ["p0"]}]});
    let answer = tell(&house, DirectoryKind::Departments, made).await;
    let channel = answer["results"][0]["target"].clone();
    for (who, role) in [(&one, "admin"), (&two, "member")] {
        let created = house.seen.of(who, "channel:created");
        let mine = created.iter().find(|data| data["channel"]["id"] == channel).unwrap();
        assert_eq!(
            (&mine["channel"]["role"], &mine["channel"]["kind"]),
            (&json!(role), &json!("department"))
        );
        assert_eq!(
            (&mine["channel"]["isInternal"], &mine["channel"]["memberCount"]),
            (&json!(true), &json!(2))
        );
    }
    house.ok(&two, "voice:join", json!({"channelId": channel})).await;
    tell(&house, DirectoryKind::Users, json!({"users": [{"id": "p1", "departmentId": null}]})).await;
    let left = house.seen.of(&two, "channel:member_left");
    assert_eq!((&left[0]["channelId"], &left[0]["userId"]), (&channel, &json!(two.user)));
    assert!(
        house.seen.expelled.lock().unwrap().contains(&(two.user, channel.as_str().unwrap().parse().unwrap()))
    );
    assert!(
        house.seen.seats.lock().unwrap().iter().any(|(_, taken)| !taken),
        "the seat in the call is given back"
    );
    assert_eq!(house.code(&two, "channel:get", json!({"channelId": channel})).await, Code::NotFoundChannel);
    let line = house.seen.of(&one, "message:new").last().unwrap()["message"].clone();
    assert_eq!((&line["type"], &line["system"]["event"]), (&json!("system"), &json!("left")));
    assert_eq!(line["system"]["users"][0]["id"], json!(two.user));
    assert!(!house.seen.of(&two, "message:new").iter().any(|data| data["message"]["id"] == line["id"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_comes_in_one_line_and_one_event() {
    let house = house(quick()).await;
    let first = json!({"users": [{"id": "boss", "name": "Boss", "departmentId": "d", "role": "manager"}]});
    tell(&house, DirectoryKind::Users, first).await;
    let boss = actor(&house, "boss").await;
    tell(&house, DirectoryKind::Departments, json!({"departments": [{"id": "d", "name": "Dept"}]})).await;
    tell(&house, DirectoryKind::Users, people(100)).await;
    let changed = house.seen.of(&boss, "channel:members_changed");
    let there: Vec<_> = changed.iter().filter(|data| data["joined"] == 100 && data["left"] == 0).collect();
    assert_eq!(there.len(), 2, "the department and the general channel");
    let lines = house.seen.of(&boss, "message:new");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message"]["system"]["count"], 100);
    assert!(
        house
            .seen
            .of(&boss, "channel:member_joined")
            .iter()
            .all(|data| data["member"]["userId"] == json!(boss.user))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_disabled_or_demoted_is_cut_off() {
    let house = house(quick()).await;
    let made = json!({"users": [
        {"id": "a", "name": "A", "role": "admin"}, {"id": "b", "name": "B"}, {"id": "c", "name": "C"},
    ]});
    tell(&house, DirectoryKind::Users, made).await;
    let (a, b, c) = (actor(&house, "a").await, actor(&house, "b").await, actor(&house, "c").await);
    house.ok(&a, "moderation:bans", json!({})).await;
    let less = json!({"users": [
        {"id": "a", "role": "member"}, {"id": "b", "active": false}, {"id": "c", "kind": "client"},
    ]});
    tell(&house, DirectoryKind::Users, less).await;
    let cut = house.seen.cut.lock().unwrap().clone();
    assert_eq!(
        cut,
        [
            (a.user, 4001, "auth.invalid"),
            (b.user, 4001, "auth.user_inactive"),
            (c.user, 4001, "auth.invalid")
        ]
    );
    assert_eq!(house.code(&a, "moderation:bans", json!({})).await, Code::PermDenied);
    let external = ExternalUser { sub: "b".into(), ..ExternalUser::default() };
    assert_eq!(house.services.ensure_user(&external).await.unwrap_err().code, Code::AuthUserInactive);
    assert_eq!(house.code(&c, "channel:get", json!({"channelId": "general"})).await, Code::NotFoundChannel);
}
