//! Order, idempotency, durability, visibility.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_are_heard_in_commit_order_without_gaps() {
    let house = Arc::new(house(quick()).await);
    let mut writers = Vec::new();
    for n in 0..8 {
        writers.push(house.person(&format!("writer-{n}")).await);
    }
    let reader = writers[0].clone();
    let mut tasks = Vec::new();
    for (n, writer) in writers.into_iter().enumerate() {
        for i in 0..40 {
            let (house, writer) = (house.clone(), writer.clone());
            tasks.push(tokio::spawn(async move {
                let body =
                    json!({"channelId": "general", "content": format!("{n}-{i}"), "nonce": format!("{i}")});
                house.ok(&writer, "message:send", body).await["message"]["seq"].as_u64().unwrap()
            }));
        }
    }
    let mut acked = Vec::new();
    for task in tasks {
        acked.push(task.await.unwrap());
    }
    acked.sort_unstable();
    assert_eq!(acked, (1..=320).collect::<Vec<u64>>());
    let heard = house.seen.of(&reader, "message:new");
    let seqs: Vec<u64> = heard.iter().map(|event| event["message"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=320).collect::<Vec<u64>>(), "fan-out is in commit order");
    let stats = house.store.stats();
    assert!(stats.commits < stats.writes, "commands were grouped: {stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_nonce_makes_one_message_however_often_it_is_sent() {
    let house = Arc::new(house(quick()).await);
    let ana = house.person("ana").await;
    let body = json!({"channelId": "general", "content": "once", "nonce": "n1"});
    let tries: Vec<_> = (0..10)
        .map(|_| {
            let (house, ana, body) = (house.clone(), ana.clone(), body.clone());
            tokio::spawn(async move { house.ok(&ana, "message:send", body).await })
        })
        .collect();
    let mut acks = Vec::new();
    for task in tries {
        acks.push(task.await.unwrap());
    }
    assert_eq!(acks.iter().filter(|ack| ack["duplicate"] == false).count(), 1);
    assert!(acks.iter().all(|ack| ack["message"]["id"] == acks[0]["message"]["id"]));
    assert_eq!(house.seen.of(&ana, "message:new").len(), 1);
    let other = json!({"channelId": "general", "content": "twice", "nonce": "n1"});
    assert_eq!(house.code(&ana, "message:send", other).await, Code::ConflictDuplicate);
    let bo = house.person("bo").await;
    assert_eq!(house.ok(&bo, "message:send", body).await["duplicate"], false, "nonces are per author");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failing_command_does_not_fail_those_committed_with_it() {
    let house = Arc::new(house(quick()).await);
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let elsewhere = house.dm(&ana, &bo).await;
    let alien = house.ok(&ana, "message:send", json!({"channelId": elsewhere, "content": "x"})).await;
    let tasks: Vec<_> = (0..100)
        .map(|i| {
            let (house, ana, alien) = (house.clone(), ana.clone(), alien["message"]["id"].clone());
            let reply = if i % 3 == 0 { alien } else { Value::Null };
            let body = json!({"channelId": "general", "content": "hi", "replyTo": reply});
            tokio::spawn(async move { house.run(&ana, "message:send", body).await.map(|_| ()) })
        })
        .collect();
    let (mut sent, mut failed) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => sent += 1,
            Err(_) => failed += 1,
        }
    }
    assert_eq!((sent, failed), (66, 34));
    let history = house.ok(&ana, "channel:get_history", json!({"channelId": "general", "limit": 100})).await;
    let seqs: Vec<_> =
        history["messages"].as_array().unwrap().iter().map(|m| m["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=66).collect::<Vec<_>>(), "a failed command leaves no gap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_and_acks_come_after_the_commit() {
    let house = house(quick()).await;
    let ana = house.person("ana").await;
    let (general, ..) = house.store.resolve_channel("general").await.unwrap();
    let path = house.path.clone();
    let durable = Arc::new(AtomicBool::new(false));
    let told = durable.clone();
    let id = MessageId::from_parts(5, 5);
    let new = store::NewMessage {
        id,
        channel: general,
        author: ana.user,
        author_name: "ANA".into(),
        host: false,
        nonce: None,
        nonce_hash: None,
        content: "durable".into(),
        reply_to: None,
        mentions: Vec::new(),
        thread: None,
        mentions_all: false,
        here: Vec::new(),
        now: 1,
    };
    // A reader of its own, on a thread of its own, must find the message while the event is being sent.
    let then = Box::new(move |_: &store::SentMessage| {
        let found = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let store = SqlStore::sqlite(SqliteConfig { path, full_sync: false }).await.unwrap();
                store.message(id).await.is_ok()
            })
        });
        told.store(found.join().unwrap(), Relaxed);
    });
    house.store.send_message(new, then).await.unwrap();
    assert!(durable.load(Relaxed), "the event ran before the commit");
}

#[tokio::test]
async fn history_pages_meet_and_sync_brings_what_changed() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let mut ids = Vec::new();
    for i in 1..=10 {
        let sent =
            house.ok(&ana, "message:send", json!({"channelId": "general", "content": format!("m{i}")})).await;
        ids.push(sent["message"]["id"].clone());
    }
    let page = |data: Value| house.ok(&bo, "channel:get_history", data);
    let seqs = |v: &Value| -> Vec<u64> {
        v["messages"].as_array().unwrap().iter().map(|m| m["seq"].as_u64().unwrap()).collect()
    };
    let last = page(json!({"channelId": "general", "limit": 4})).await;
    assert_eq!(
        (seqs(&last), &last["hasMoreBefore"], &last["hasMoreAfter"]),
        (vec![7, 8, 9, 10], &json!(true), &json!(false))
    );
    let older = page(json!({"channelId": "general", "limit": 6, "before": 7})).await;
    assert_eq!(
        (seqs(&older), &older["hasMoreBefore"], &older["hasMoreAfter"]),
        (vec![1, 2, 3, 4, 5, 6], &json!(false), &json!(true))
    );
    let newer = page(json!({"channelId": "general", "limit": 2, "after": 3})).await;
    assert_eq!((seqs(&newer), &newer["hasMoreAfter"]), (vec![4, 5], &json!(true)));
    let around = page(json!({"channelId": "general", "limit": 4, "around": 5})).await;
    assert_eq!(seqs(&around), [3, 4, 5, 6]);

    let rev =
        house.ok(&bo, "channel:sync", json!({"channelId": "general", "afterRev": 0})).await["rev"].clone();
    house.ok(&ana, "message:edit", json!({"messageId": ids[1], "content": "changed"})).await;
    house.ok(&ana, "message:delete", json!({"messageId": ids[2]})).await;
    let delta = house.ok(&bo, "channel:sync", json!({"channelId": "general", "afterRev": rev})).await;
    assert_eq!(seqs(&delta), [2, 3]);
    assert_eq!(delta["messages"][0]["content"], "changed");
    assert_eq!(delta["messages"][1]["content"], "");
    assert!(delta["messages"][1]["deletedAt"].is_string());
    assert_eq!(delta["rev"].as_u64(), Some(rev.as_u64().unwrap() + 2));
}

#[tokio::test]
async fn edits_need_the_current_revision_and_the_author() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let sent = house.ok(&ana, "message:send", json!({"channelId": "general", "content": "one"})).await;
    let (id, rev) = (&sent["message"]["id"], &sent["message"]["rev"]);
    assert_eq!(
        house.code(&bo, "message:edit", json!({"messageId": id, "content": "x"})).await,
        Code::PermDenied
    );
    let two =
        house.ok(&ana, "message:edit", json!({"messageId": id, "content": "two", "baseRev": rev})).await;
    assert_eq!(two["message"]["editCount"], 1);
    let stale = json!({"messageId": id, "content": "three", "baseRev": rev});
    assert_eq!(house.code(&ana, "message:edit", stale).await, Code::ConflictRev);
    let past = house.ok(&ana, "message:get_revisions", json!({"messageId": id})).await;
    assert_eq!(past["revisions"][0]["content"], "one");
    assert_eq!(house.code(&bo, "message:get_revisions", json!({"messageId": id})).await, Code::PermDenied);
    assert_eq!(house.code(&bo, "message:delete", json!({"messageId": id})).await, Code::PermDenied);
    let moderator = Actor { grants: Arc::new(Grants { admin: true, ..Grants::default() }), ..bo.clone() };
    house.ok(&moderator, "message:delete", json!({"messageId": id})).await;
    house.ok(&ana, "message:delete", json!({"messageId": id})).await;
    assert_eq!(house.seen.of(&bo, "message:deleted").len(), 1);
    assert_eq!(
        house.code(&ana, "message:edit", json!({"messageId": id, "content": "x"})).await,
        Code::ConflictState
    );
}

#[tokio::test]
async fn what_one_may_not_see_does_not_exist() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let dm = house.dm(&ana, &bo).await;
    assert_eq!(house.dm(&bo, &ana).await, dm, "one dm per pair");
    let sent = house.ok(&ana, "message:send", json!({"channelId": dm, "content": "secret"})).await;
    let id = &sent["message"]["id"];
    for (op, data) in [
        ("channel:get", json!({"channelId": dm})),
        ("channel:join", json!({"channelId": dm})),
        ("channel:get_history", json!({"channelId": dm})),
        ("channel:sync", json!({"channelId": dm})),
        ("message:send", json!({"channelId": dm, "content": "x"})),
        ("message:mark_read", json!({"channelId": dm, "seq": 1})),
        ("typing:start", json!({"channelId": dm})),
        ("voice:join", json!({"channelId": dm})),
        ("call:start", json!({"channelId": dm})),
        ("presence:subscribe", json!({"channelId": dm})),
        ("call:history", json!({"channelId": dm})),
    ] {
        assert_eq!(house.code(&cy, op, data).await, Code::NotFoundChannel, "{op}");
    }
    for (op, data) in [
        ("message:get", json!({"messageId": id})),
        ("message:edit", json!({"messageId": id, "content": "x"})),
        ("message:delete", json!({"messageId": id})),
        ("message:get_revisions", json!({"messageId": id})),
    ] {
        assert_eq!(house.code(&cy, op, data).await, Code::NotFoundMessage, "{op}");
    }
    let call = house.ok(&ana, "call:start", json!({"channelId": dm})).await["callId"].clone();
    for op in ["call:join", "call:accept", "call:leave", "call:end", "call:get", "call:decline"] {
        assert_eq!(house.code(&cy, op, json!({"callId": call})).await, Code::NotFoundCall, "{op}");
    }
    assert!(
        house
            .seen
            .names(&cy)
            .iter()
            .all(|name| *name == "channel:member_joined" || *name == "channel:created")
    );
}

#[tokio::test]
async fn reading_moves_a_cursor_that_only_an_explicit_wish_takes_back() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let dm = house.dm(&ana, &bo).await;
    for _ in 0..3 {
        house
            .ok(&ana, "message:send", json!({"channelId": dm, "content": "hi", "mentions": [bo.user]}))
            .await;
    }
    let channel = &house.ok(&bo, "channel:get", json!({"channelId": dm})).await["channel"];
    assert_eq!(
        (&channel["unread"], &channel["mentions"], &channel["readSeq"]),
        (&json!(3), &json!(3), &json!(0))
    );
    let read = house.ok(&bo, "message:mark_read", json!({"channelId": dm, "seq": 2})).await;
    assert_eq!(read, json!({"readSeq": 2, "unread": 1, "mentions": 1}));
    let back = house.ok(&bo, "message:mark_read", json!({"channelId": dm, "seq": 1})).await;
    assert_eq!(back["readSeq"], 2);
    assert_eq!(
        house.seen.of(&ana, "message:read_receipt").iter().filter(|r| r["userId"] == json!(bo.user)).count(),
        1
    );
    let unread = house.ok(&bo, "message:mark_read", json!({"channelId": dm, "unreadFrom": 1})).await;
    assert_eq!(unread["unread"], 3);
    let own = &house.ok(&ana, "channel:get", json!({"channelId": dm})).await["channel"];
    assert_eq!((&own["unread"], &own["readSeq"]), (&json!(0), &json!(3)), "who writes has read");
}

#[tokio::test]
async fn passwords_and_unknown_subjects() {
    let house = house(quick()).await;
    let account =
        NewAccount { username: "ana".into(), password: Some("right".into()), ..NewAccount::default() };
    let ana = house.services.create_user(account.clone()).await.unwrap();
    assert_eq!(house.services.create_user(account).await.unwrap_err().code, Code::ConflictDuplicate);
    assert_eq!(house.services.login("ANA", "right").await.unwrap().id, ana.id);
    for (name, password) in [("ana", "wrong"), ("nobody", "right"), ("", "")] {
        assert_eq!(house.services.login(name, password).await.unwrap_err().code, Code::AuthInvalid);
    }
    let external =
        |sub: &str| ExternalUser { sub: sub.into(), name: Some("Zed".into()), ..ExternalUser::default() };
    let zed = house.services.ensure_user(&external("crm|42")).await.unwrap();
    assert_eq!(zed.username, "crm-42");
    assert_eq!(house.services.ensure_user(&external("crm|42")).await.unwrap().id, zed.id);
    assert_eq!(house.services.ensure_user(&external(&ana.id.to_string())).await.unwrap().id, ana.id);
    let ready = house.services.session_opened(&device(&zed)).await.unwrap();
    assert_eq!(ready["channels"][0]["slug"], "general", "a newcomer is in the general channel");
}

#[tokio::test]
async fn typing_is_told_once_and_ends_by_itself() {
    let config = ServicesConfig { typing_ttl: Duration::from_millis(60), ..quick() };
    let house = house(config).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    house.ok(&ana, "typing:start", json!({"channelId": "general"})).await;
    house.ok(&ana, "typing:start", json!({"channelId": "general"})).await;
    assert_eq!(house.seen.of(&bo, "typing:user_start").len(), 1);
    house.seen.until("typing stopped", |seen| seen.of(&bo, "typing:user_stop").len() == 1).await;
    house.ok(&ana, "typing:start", json!({"channelId": "general"})).await;
    house.ok(&ana, "message:send", json!({"channelId": "general", "content": "done"})).await;
    assert_eq!(house.seen.of(&bo, "typing:user_stop").len(), 2, "sending ends typing");
}

#[tokio::test]
async fn a_person_goes_offline_a_moment_after_the_last_device() {
    let house = house(ServicesConfig { presence_grace: Duration::from_millis(60), ..quick() }).await;
    let ana = house.person("ana").await;
    let phone = second_device(&ana);
    house.services.session_opened(&ana).await.unwrap();
    house.services.session_opened(&phone).await.unwrap();
    house.services.session_closed(&ana).await;
    house.services.session_detached(&phone).await;
    assert_eq!(house.seen.presence.lock().unwrap().len(), 1, "still online");
    house.seen.until("offline", |seen| seen.presence.lock().unwrap().len() == 2).await;
    assert_eq!(house.seen.presence.lock().unwrap()[1].1["status"], "offline");
}

#[tokio::test]
async fn a_room_token_admits_to_its_room_and_to_nothing_else() {
    let house = house(quick()).await;
    let (ana, zed) = (house.person("ana").await, house.person("zed").await);
    let room = house.ok(&ana, "channel:create", json!({"type": "group", "name": "Interview"})).await;
    let room = room["channel"]["id"].as_str().unwrap().to_owned();
    let grants = Grants { room: Some(room.clone()), ..Grants::default() };
    let guest = Actor { grants: Arc::new(grants), ..zed };
    let ready = house.services.session_opened(&guest).await.unwrap();
    assert_eq!(ready["channels"].as_array().unwrap().len(), 1);
    assert_eq!(house.seen.of(&ana, "channel:member_joined").last().unwrap()["channelId"], json!(room));
    house.ok(&guest, "message:send", json!({"channelId": room, "content": "hello"})).await;
    let general = json!({"channelId": "general", "content": "hello"});
    assert_eq!(house.code(&guest, "message:send", general).await, Code::NotFoundChannel);
    assert_eq!(house.code(&guest, "dm:open", json!({"userId": ana.user})).await, Code::PermDenied);
    assert_eq!(house.ok(&guest, "user:list", json!({})).await["users"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn too_many_messages_are_refused_with_a_time_to_wait() {
    let house = house(ServicesConfig { rate: RateScale::Times(1), ..quick() }).await;
    let ana = house.person("ana").await;
    let body = json!({"channelId": "general", "content": "spam"});
    for _ in 0..10 {
        house.ok(&ana, "message:send", body.clone()).await;
    }
    let refused = house.run(&ana, "message:send", body).await.unwrap_err();
    assert_eq!(refused.code, Code::LimitRate);
    assert!(refused.retry_after.is_some());
}

#[tokio::test]
async fn after_drain_nothing_is_accepted_and_everything_acked_is_there() {
    let house = house(quick()).await;
    let ana = house.person("ana").await;
    house.ok(&ana, "message:send", json!({"channelId": "general", "content": "last words"})).await;
    house.services.drain().await;
    let late = json!({"channelId": "general", "content": "too late"});
    assert_eq!(house.code(&ana, "message:send", late).await, Code::ServerUnavailable);
    let again = open(house.path.clone(), quick()).await;
    let page = again.ok(&ana, "channel:get_history", json!({"channelId": "general"})).await;
    assert_eq!(page["messages"][0]["content"], "last words");
}
