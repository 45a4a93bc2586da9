//! Reactions and pins: who may, who hears, who sees what as its own.

use super::*;

async fn said(house: &House, who: &Actor, channel: &str) -> String {
    let sent = house.ok(who, "message:send", json!({"channelId": channel, "content": "hi"})).await;
    sent["message"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reactions_are_heard_by_members_and_marked_as_ones_own() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let dm = house.dm(&ana, &bo).await;
    let id = said(&house, &ana, &dm).await;
    let react = |action: &str| json!({"messageId": id, "emoji": "👍", "action": action});
    assert_eq!(house.ok(&bo, "message:react", react("add")).await["count"], 1);
    assert_eq!(house.ok(&bo, "message:react", react("add")).await["count"], 1, "again changes nothing");
    assert_eq!(house.code(&cy, "message:react", react("add")).await, Code::NotFoundMessage);
    let heard = house.seen.of(&ana, "message:reaction");
    assert_eq!(heard.len(), 1);
    assert_eq!((&heard[0]["userId"], &heard[0]["action"]), (&json!(bo.user), &json!("add")));
    assert!(house.seen.of(&cy, "message:reaction").is_empty());
    for (who, me) in [(&ana, Value::Null), (&bo, json!(true))] {
        let page = house.ok(who, "channel:get_history", json!({"channelId": dm})).await;
        let reaction = &page["messages"][0]["reactions"][0];
        assert_eq!((&reaction["emoji"], &reaction["me"]), (&json!("👍"), &me));
    }
    assert_eq!(house.ok(&bo, "message:react", react("remove")).await["count"], 0);
    let page = house.ok(&bo, "channel:get_history", json!({"channelId": dm})).await;
    assert_eq!(page["messages"][0]["reactions"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ones_own_reaction_is_known_beyond_those_named() {
    let house = house(quick()).await;
    let mut people = Vec::new();
    for n in 0..7 {
        people.push(house.person(&format!("p{n}")).await);
    }
    let id = said(&house, &people[0], "general").await;
    for person in &people[..6] {
        house.ok(person, "message:react", json!({"messageId": id, "emoji": ":ok:", "action": "add"})).await;
    }
    for (n, person) in people.iter().enumerate() {
        let seen = house.ok(person, "message:get", json!({"messageId": id})).await;
        let reaction = &seen["message"]["reactions"][0];
        assert_eq!((&reaction["count"], reaction["users"].as_array().unwrap().len()), (&json!(6), 5));
        assert_eq!(reaction["me"] == true, n < 6, "person {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_pin_and_in_a_dm_both_do() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let group = json!({"type": "group", "name": "plans", "participants": [bo.user]});
    let made = house.ok(&ana, "channel:create", group).await;
    let group = made["channel"]["id"].as_str().unwrap();
    let id = said(&house, &bo, group).await;
    assert_eq!(house.code(&bo, "message:pin", json!({"messageId": id})).await, Code::PermDenied);
    let elsewhere = json!({"messageId": id, "channelId": "general"});
    assert_eq!(house.code(&ana, "message:pin", elsewhere).await, Code::NotFoundMessage);
    house.ok(&ana, "message:pin", json!({"messageId": id, "channelId": group})).await;
    let heard = house.seen.of(&bo, "message:pinned");
    assert_eq!((&heard[0]["isPinned"], &heard[0]["by"]), (&json!(true), &json!(ana.user)));
    let pins = house.ok(&bo, "channel:get_pins", json!({"channelId": group})).await;
    assert_eq!(
        (&pins["messages"][0]["id"], &pins["messages"][0]["pinnedBy"]),
        (&json!(id), &json!(ana.user))
    );
    assert_eq!(house.code(&bo, "message:unpin", json!({"messageId": id})).await, Code::PermDenied);
    house.ok(&ana, "message:unpin", json!({"messageId": id})).await;
    let pins = house.ok(&bo, "channel:get_pins", json!({"channelId": group})).await;
    assert_eq!(pins["messages"], json!([]));
    let dm = house.dm(&ana, &bo).await;
    let id = said(&house, &ana, &dm).await;
    house.ok(&bo, "message:pin", json!({"messageId": id})).await;
}
