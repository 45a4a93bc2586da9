//! Who is shown what of whom: blocks and presence, typing, how far people have read.

use super::*;

impl House {
    async fn opened(&self, name: &str) -> Actor {
        let actor = self.person(name).await;
        self.services.session_opened(&actor).await.unwrap();
        actor
    }

    async fn presence_of(&self, user: &Actor, by: &Actor) -> Value {
        let seen = self.ok(by, "presence:get_bulk", json!({"userIds": [user.user]})).await;
        seen["presence"][0].clone()
    }

    /// Read by others: who hears of whom, and where.
    fn receipts(&self, by: &Actor, of: &Actor) -> Vec<Value> {
        let all = self.seen.of(by, "message:read_receipt");
        all.into_iter().filter(|one| one["userId"] == json!(of.user)).map(|one| one["seq"].clone()).collect()
    }

    async fn say(&self, who: &Actor, channel: &str, times: usize) {
        for _ in 0..times {
            self.ok(who, "message:send", json!({"channelId": channel, "content": "x"})).await;
        }
    }

    async fn read(&self, who: &Actor, channel: &str, seq: u64) {
        self.ok(who, "message:mark_read", json!({"channelId": channel, "seq": seq})).await;
    }
}

fn hidden(user: &Actor) -> Value {
    json!({
        "userId": user.user, "status": "offline", "customStatus": "", "emoji": "", "until": null, "activity": null,
        "device": null, "lastSeen": null,
    })
}

#[tokio::test]
async fn whom_one_blocks_does_not_see_one_anywhere() {
    let house = house(quick()).await;
    let (ana, bo) = (house.opened("ana").await, house.opened("bo").await);
    let dm = house.dm(&ana, &bo).await;
    let said = json!({"status": "dnd", "customStatus": "writing", "activity": {"type": "doc", "name": "x"}});
    house.ok(&ana, "presence:update", said).await;
    assert_eq!(house.presence_of(&ana, &bo).await["status"], "dnd");
    let online = || house.ok(&bo, "presence:subscribe", json!({"channelId": "general"}));
    assert_eq!(online().await["online"], 2);

    house.ok(&ana, "user:block", json!({"userId": bo.user})).await;
    assert_eq!(house.presence_of(&ana, &bo).await, hidden(&ana));
    let subscribed = online().await;
    assert_eq!(subscribed["online"], 1, "not even as a number");
    assert!(subscribed["presence"].as_array().unwrap().contains(&hidden(&ana)));
    let joined = house.ok(&bo, "channel:join", json!({"channelId": dm})).await;
    assert!(joined["presence"].as_array().unwrap().contains(&hidden(&ana)));
    let ready = house.services.session_opened(&second_device(&bo)).await.unwrap();
    assert_eq!(ready["presence"], json!([hidden(&ana)]));
    let user = house.ok(&bo, "user:get", json!({"userId": ana.user})).await["user"].clone();
    assert_eq!((&user["customStatus"], &user["lastSeen"]), (&json!(""), &Value::Null));
    let users = house.ok(&bo, "user:list", json!({"search": "ana"})).await;
    assert_eq!(
        (&users["users"][0]["customStatus"], &users["users"][0]["lastSeen"]),
        (&json!(""), &Value::Null)
    );
    let found = house.ok(&bo, "search:suggest", json!({"q": "@ana"})).await;
    assert_eq!(found["users"][0]["customStatus"], "");

    // One way: the blocker sees the other one, and itself.
    assert_eq!(house.presence_of(&bo, &ana).await["status"], "online");
    assert_eq!(house.presence_of(&ana, &ana).await["status"], "dnd");
    let own = house.ok(&ana, "user:get", json!({"userId": ana.user})).await;
    assert_eq!(own["user"]["customStatus"], "writing");

    house.ok(&ana, "user:unblock", json!({"userId": bo.user})).await;
    assert_eq!(house.presence_of(&ana, &bo).await["status"], "dnd");
    let user = house.ok(&bo, "user:get", json!({"userId": ana.user})).await;
    assert_eq!(user["user"]["customStatus"], "writing");
    // A second block by the same person, or the end of none, is told to nobody.
    house.ok(&ana, "user:unblock", json!({"userId": bo.user})).await;
    let shown = house.seen.shown.lock().unwrap().clone();
    let told: Vec<_> =
        shown.iter().map(|(who, what, to)| (*who, what["status"].as_str().unwrap(), *to)).collect();
    assert_eq!(told, [(ana.user, "offline", bo.user), (ana.user, "dnd", bo.user)]);
}

#[tokio::test]
async fn a_block_of_before_the_start_hides_from_the_first_moment_on() {
    let first = house(quick()).await;
    let (ana, bo) = (first.person("ana").await, first.person("bo").await);
    // As over REST: nobody has a session.
    first.ok(&ana, "user:block", json!({"userId": bo.user})).await;
    first.ok(&ana, "presence:update", json!({"customStatus": "at the lake"})).await;
    assert_eq!(first.presence_of(&ana, &bo).await, hidden(&ana));
    first.store.close().await;
    let second = open(first.path.clone(), quick()).await;
    second.services.session_opened(&ana).await.unwrap();
    assert_eq!(second.presence_of(&ana, &bo).await, hidden(&ana));
    second.services.session_closed(&ana).await;
    assert_eq!(second.presence_of(&ana, &bo).await, hidden(&ana), "nor when it was last there");
}

#[tokio::test]
async fn who_blocks_and_who_is_blocked_do_not_see_each_other_type() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.opened("ana").await, house.opened("bo").await, house.opened("cy").await);
    let dm = house.dm(&ana, &bo).await;
    let group = json!({"type": "group", "name": "plans", "participants": [bo.user, cy.user]});
    let group = house.ok(&ana, "channel:create", group).await["channel"]["id"].as_str().unwrap().to_owned();
    house.ok(&ana, "user:block", json!({"userId": bo.user})).await;
    let types = async |who: &Actor, channel: &str| {
        house.ok(who, "typing:start", json!({"channelId": channel})).await;
    };
    let typing = async |who: &Actor, channel: &str| {
        let active = house.ok(who, "typing:get_active", json!({"channelId": channel})).await;
        let joined = house.ok(who, "channel:join", json!({"channelId": channel})).await;
        assert_eq!(active["users"], joined["typing"]);
        let names = active["users"].as_array().unwrap().iter().map(|one| one["username"].clone());
        names.collect::<Vec<_>>()
    };
    for (who, channel) in [(&ana, &dm), (&bo, &dm), (&ana, &group), (&bo, &group)] {
        types(who, channel).await;
    }
    assert!(typing(&ana, &dm).await == ["ana"] && typing(&bo, &dm).await == ["bo"]);
    assert!(typing(&ana, &group).await == ["ana"] && typing(&bo, &group).await == ["bo"]);
    assert_eq!(typing(&cy, &group).await, ["ana", "bo"]);
    house.services.session_closed(&bo).await;
    house.ok(&ana, "typing:stop", json!({"channelId": group})).await;
    let heard = |who: &Actor, name: &str| house.seen.of(who, name).len();
    for name in ["typing:user_start", "typing:user_stop"] {
        assert_eq!((heard(&ana, name), heard(&bo, name)), (0, 0), "{name}");
    }
    let of_group = |name: &str| {
        let heard = house.seen.of(&cy, name);
        heard
            .iter()
            .filter(|one| one["channelId"] == json!(group))
            .map(|one| one["userId"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of_group("typing:user_start"), [json!(ana.user), json!(bo.user)]);
    assert_eq!(of_group("typing:user_stop"), [json!(bo.user), json!(ana.user)]);

    house.ok(&ana, "user:unblock", json!({"userId": bo.user})).await;
    types(&ana, &group).await;
    assert_eq!(house.seen.of(&bo, "typing:user_start").len(), 1);
}

#[tokio::test]
async fn who_hides_its_reading_is_not_told_of_and_is_not_told() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.opened("ana").await, house.opened("bo").await, house.opened("cy").await);
    let group = json!({"type": "group", "name": "plans", "participants": [bo.user, cy.user]});
    let group = house.ok(&ana, "channel:create", group).await["channel"]["id"].as_str().unwrap().to_owned();
    house.say(&ana, &group, 3).await;
    let answer = house.ok(&bo, "presence:update", json!({"readReceipts": false})).await;
    assert_eq!(answer["settings"], json!({"lastSeenTo": "shared", "readReceipts": false}));
    for (who, seq) in [(&ana, 1), (&bo, 2), (&cy, 3)] {
        house.read(who, &group, seq).await;
    }
    let three = [&ana, &bo, &cy];
    let heard = three.map(|by| three.map(|of| house.receipts(by, of).len()));
    assert_eq!(heard, [[0, 0, 1], [0, 1, 0], [0, 0, 1]], "ana has read by writing");

    let cursors = async |who: &Actor| {
        let channel = house.ok(who, "channel:get", json!({"channelId": group})).await;
        let synced = house.ok(who, "channel:sync", json!({"channelId": group, "afterRev": 0})).await;
        assert_eq!(synced["members"], channel["members"]);
        three.map(|of| {
            let mut members = channel["members"].as_array().unwrap().iter();
            members.find(|one| one["userId"] == json!(of.user)).unwrap()["readSeq"].as_u64()
        })
    };
    assert_eq!(cursors(&ana).await, [Some(3), None, Some(3)]);
    assert_eq!(cursors(&bo).await, [None, Some(2), None]);
    let message =
        house.ok(&ana, "channel:get_history", json!({"channelId": group})).await["messages"][0].clone();
    let readers = async |who: &Actor| {
        let found = house.ok(who, "message:get_read_receipts", json!({"messageId": message["id"]})).await;
        let users: Vec<_> =
            found["readers"].as_array().unwrap().iter().map(|one| one["userId"].clone()).collect();
        assert_eq!(found["count"], users.len());
        users
    };
    assert_eq!((readers(&ana).await, readers(&bo).await), (vec![json!(cy.user)], vec![json!(bo.user)]));

    // What is told of a member, and what its administrator is answered.
    let role = json!({"channelId": group, "userId": bo.user, "role": "admin"});
    let answer = house.ok(&ana, "channel:member_role", role).await;
    assert_eq!(answer["member"]["readSeq"], Value::Null);
    let told = |who: &Actor| house.seen.of(who, "channel:member_updated")[0]["member"]["readSeq"].clone();
    assert_eq!(three.map(told), [Value::Null, json!(2), Value::Null]);
    let role = json!({"channelId": group, "userId": cy.user, "role": "admin"});
    assert_eq!(house.ok(&ana, "channel:member_role", role).await["member"]["readSeq"], 3);
    let told = |who: &Actor| house.seen.of(who, "channel:member_updated")[1]["member"]["readSeq"].clone();
    assert_eq!(three.map(told), [json!(3), Value::Null, json!(3)]);

    let ready = house.services.session_opened(&second_device(&bo)).await.unwrap();
    assert_eq!(ready["settings"], json!({"lastSeenTo": "shared", "readReceipts": false}));
    house.ok(&bo, "presence:update", json!({"readReceipts": true, "lastSeenTo": "nobody"})).await;
    house.ok(&bo, "presence:update", json!({"readReceipts": true, "status": "away"})).await;
    let settings = house.seen.of(&bo, "user:settings");
    assert_eq!(settings.len(), 2, "changes only: {settings:?}");
    assert_eq!(settings[1], json!({"lastSeenTo": "nobody", "readReceipts": true}));
    assert!(house.seen.of(&ana, "user:settings").is_empty());
    assert_eq!(cursors(&bo).await, [Some(3), Some(2), Some(3)]);
    house.read(&bo, &group, 3).await;
    assert_eq!((house.receipts(&ana, &bo), house.receipts(&cy, &bo)), (vec![json!(3)], vec![json!(3)]));
}

#[tokio::test]
async fn a_reader_without_a_session_hides_its_reading_after_a_restart_too() {
    let first = house(quick()).await;
    let (ana, bo) = (first.person("ana").await, first.person("bo").await);
    let dm = first.dm(&ana, &bo).await;
    first.say(&ana, &dm, 2).await;
    first.ok(&bo, "presence:update", json!({"readReceipts": false})).await;
    first.store.close().await;
    let second = open(first.path.clone(), quick()).await;
    second.services.session_opened(&ana).await.unwrap();
    second.read(&bo, &dm, 1).await;
    assert!(second.receipts(&ana, &bo).is_empty());
    assert_eq!(second.receipts(&bo, &bo), [1], "its own sessions hear it");
}

#[tokio::test]
async fn others_hear_the_first_and_the_last_of_a_burst_and_oneself_all() {
    let every = Duration::from_millis(120);
    let house = house(ServicesConfig { receipts_every: every, ..quick() }).await;
    let (ana, bo) = (house.opened("ana").await, house.opened("bo").await);
    let dm = house.dm(&ana, &bo).await;
    house.say(&ana, &dm, 6).await;
    let root = house.ok(&bo, "channel:get_history", json!({"channelId": dm})).await["messages"][0].clone();
    let reply = json!({"channelId": dm, "threadId": root["id"], "content": "y"});
    house.ok(&ana, "message:send", reply).await;
    let start = clock::now();
    for seq in 1..=6 {
        house.read(&bo, &dm, seq).await;
    }
    let thread = json!({"channelId": dm, "threadId": root["id"], "seq": 1});
    house.ok(&bo, "message:mark_read", thread).await;
    house.seen.until("the last one", |_| house.receipts(&ana, &bo).last() == Some(&json!(6))).await;
    let span = clock::now() - start;
    assert!(span >= every);
    let heard = house.receipts(&ana, &bo);
    // The first at once, the thread's cursor as one of its own, then one each interval.
    assert_eq!(heard[0], 1);
    let most = 2 + span.as_millis() / every.as_millis();
    assert!(heard.len() as u128 <= most, "{heard:?} within {span:?}");
    assert_eq!(house.receipts(&bo, &bo).len(), 7);
}

#[tokio::test]
async fn what_was_held_back_does_not_reach_who_was_removed() {
    let every = Duration::from_millis(200);
    let house = house(ServicesConfig { receipts_every: every, ..quick() }).await;
    let (ana, bo, cy) = (house.opened("ana").await, house.opened("bo").await, house.opened("cy").await);
    let group = json!({"type": "group", "name": "plans", "participants": [bo.user, cy.user]});
    let group = house.ok(&ana, "channel:create", group).await["channel"]["id"].as_str().unwrap().to_owned();
    house.say(&ana, &group, 2).await;
    for seq in [1, 2] {
        house.read(&bo, &group, seq).await;
    }
    house.ok(&ana, "channel:member_remove", json!({"channelId": group, "userId": cy.user})).await;
    house.seen.until("the last one", |_| house.receipts(&ana, &bo).last() == Some(&json!(2))).await;
    let names = house.seen.names(&cy);
    let left = names.iter().position(|name| *name == "channel:member_left").unwrap();
    assert!(!names[left..].contains(&"message:read_receipt"), "{names:?}");
}
