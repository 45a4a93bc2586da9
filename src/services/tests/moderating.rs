//! Blocks, reports, kicks, time-outs and bans: who may, who hears, what is written down.

use super::*;

struct Scene {
    house: House,
    /// Administrator of the server, a member of nothing but the general channel.
    root: Actor,
    ana: Actor,
    bo: Actor,
    cy: Actor,
    /// A group of ana (owner) and bo.
    group: String,
}

async fn scene() -> Scene {
    let house = house(quick()).await;
    let account = NewAccount { username: "root".into(), admin: true, ..NewAccount::default() };
    let root = device(&house.services.create_user(account).await.unwrap());
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let body = json!({"type": "group", "name": "plans", "participants": [bo.user], "private": true});
    let made = house.ok(&ana, "channel:create", body).await;
    let group = made["channel"]["id"].as_str().unwrap().to_owned();
    Scene { house, root, ana, bo, cy, group }
}

impl Scene {
    async fn say(&self, who: &Actor, channel: &str) -> Result<Value, ServiceError> {
        self.house.run(who, "message:send", json!({"channelId": channel, "content": "hi"})).await
    }

    async fn actions(&self) -> Vec<String> {
        let log = self.house.ok(&self.root, "moderation:audit", json!({"verify": true})).await;
        assert_eq!(log["chain"]["whole"], true);
        let entries = log["entries"].as_array().unwrap();
        assert_eq!(log["chain"]["intact"], json!(entries.len()));
        entries.iter().rev().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_blocked_can_neither_write_nor_ring() {
    let Scene { house, ana, bo, cy, group, .. } = &scene().await;
    let scene = house;
    let dm = house.dm(ana, bo).await;
    let on_dm = json!({"channelId": dm});
    let send = json!({"channelId": dm, "content": "hi"});
    let mine = house.ok(bo, "message:send", send.clone()).await;
    house.ok(ana, "user:block", json!({"userId": bo.user})).await;
    house.ok(ana, "user:block", json!({"userId": bo.user})).await;
    assert_eq!(house.seen.of(&second_device(ana), "user:blocked"), [json!({"userId": bo.user})]);
    assert!(house.seen.of(bo, "user:blocked").is_empty(), "nobody else is told");
    let id = &mine["message"]["id"];
    for (op, data) in [
        ("message:send", send.clone()),
        ("message:edit", json!({"messageId": id, "content": "read this"})),
        ("message:react", json!({"messageId": id, "emoji": "!", "action": "add"})),
        ("call:start", on_dm.clone()),
        ("voice:join", on_dm.clone()),
        ("dm:open", json!({"userId": ana.user})),
    ] {
        assert_eq!(scene.code(bo, op, data).await, Code::PermBlocked, "{op}");
    }
    house.ok(bo, "message:delete", json!({"messageId": id})).await;
    house.ok(ana, "message:send", send.clone()).await;
    assert_eq!(house.ok(bo, "channel:get_history", on_dm).await["messages"].as_array().unwrap().len(), 2);
    let first = json!({"userId": cy.user});
    house.ok(ana, "user:block", first.clone()).await;
    assert_eq!(house.code(cy, "dm:open", json!({"userId": ana.user})).await, Code::PermBlocked);
    assert!(
        house
            .seen
            .of(ana, "channel:created")
            .iter()
            .all(|made| made["channel"]["peer"]["id"] != json!(cy.user))
    );
    // Groups stay as they are, but do not ring.
    house.ok(bo, "message:send", json!({"channelId": group, "content": "hello all"})).await;
    house.ok(bo, "call:start", json!({"channelId": group})).await;
    assert!(house.seen.of(ana, "call:incoming").is_empty());
    let call =
        house.ok(bo, "channel:get", json!({"channelId": group})).await["channel"]["call"]["callId"].clone();
    let invited = house.ok(bo, "call:invite", json!({"callId": call, "userIds": [ana.user]})).await;
    assert_eq!(invited["invited"], json!([]));
    let page = house.ok(ana, "user:blocks", json!({"limit": 1})).await;
    assert_eq!(page["users"][0]["id"], json!(bo.user));
    let rest = house.ok(ana, "user:blocks", json!({"cursor": page["next"]})).await;
    assert_eq!((&rest["users"][0]["id"], &rest["next"]), (&json!(cy.user), &Value::Null));
    house.ok(ana, "user:unblock", json!({"userId": bo.user})).await;
    assert_eq!(house.seen.of(ana, "user:unblocked").len(), 1);
    house.ok(bo, "message:send", send).await;
    assert_eq!(house.code(ana, "user:block", json!({"userId": ana.user})).await, Code::ValidationFailed);
    let nobody = json!({"userId": UserId::from_parts(1, 1)});
    assert_eq!(house.code(ana, "user:block", nobody).await, Code::NotFoundUser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_keeps_what_was_said_and_is_decided_once() {
    let scene = scene().await;
    let Scene { house, root, ana, bo, cy, group } = &scene;
    let sent = scene.say(bo, group).await.unwrap();
    let id = &sent["message"]["id"];
    let report = json!({"messageId": id, "reason": " spam ", "note": "third time"});
    assert_eq!(house.code(cy, "message:report", report.clone()).await, Code::NotFoundMessage);
    let first = house.ok(ana, "message:report", report.clone()).await;
    assert_eq!(house.ok(ana, "message:report", report).await, first, "once per person");
    house.ok(bo, "message:edit", json!({"messageId": id, "content": "innocent"})).await;
    house.ok(bo, "message:delete", json!({"messageId": id})).await;
    let heard = house.seen.of(root, "moderation:report");
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (&heard[0]["report"]["content"], &heard[0]["report"]["reason"]),
        (&json!("hi"), &json!("spam"))
    );
    for who in [ana, bo, cy] {
        assert!(house.seen.of(who, "moderation:report").is_empty());
        assert_eq!(house.code(who, "moderation:reports", json!({})).await, Code::PermDenied);
    }
    let open = house.ok(root, "moderation:reports", json!({"state": "open"})).await;
    assert_eq!(
        (&open["reports"][0]["id"], &open["reports"][0]["content"]),
        (&first["reportId"], &json!("hi"))
    );
    let resolve = json!({"reportId": first["reportId"], "resolution": "actioned", "note": "talked to him"});
    assert_eq!(house.code(ana, "moderation:resolve", resolve.clone()).await, Code::PermDenied);
    let done = house.ok(root, "moderation:resolve", resolve.clone()).await;
    assert_eq!(
        (&done["report"]["state"], &done["report"]["resolvedBy"]),
        (&json!("actioned"), &json!(root.user))
    );
    assert_eq!(house.code(root, "moderation:resolve", resolve).await, Code::ConflictState);
    assert!(
        house.ok(root, "moderation:reports", json!({"state": "open"})).await["reports"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let late = json!({"messageId": id, "reason": "spam"});
    assert_eq!(house.code(bo, "message:report", late).await, Code::ConflictState, "it is gone");
    assert_eq!(scene.actions().await, ["report.resolve"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kick_is_a_removal_that_is_written_down() {
    let scene = scene().await;
    let Scene { house, root, ana, bo, cy, group } = &scene;
    house.ok(ana, "channel:member_add", json!({"channelId": group, "userId": cy.user})).await;
    let kick = |who: &Actor| json!({"channelId": group, "userId": who.user, "reason": "enough"});
    assert_eq!(house.code(bo, "moderation:kick_user", kick(cy)).await, Code::PermDenied);
    assert_eq!(
        house.code(ana, "moderation:kick_user", kick(ana)).await,
        Code::PermDenied,
        "one leaves oneself"
    );
    assert_eq!(house.code(ana, "moderation:kick_user", kick(root)).await, Code::NotFoundUser);
    house.ok(ana, "moderation:kick_user", kick(bo)).await;
    let names = house.seen.names(bo);
    assert_eq!(names[names.len() - 2..], ["moderation:kicked", "channel:member_left"]);
    assert_eq!(house.seen.of(bo, "moderation:kicked")[0]["reason"], "enough");
    let heard = house.seen.of(cy, "moderation:user_kicked");
    assert_eq!((&heard[0]["userId"], &heard[0]["by"]), (&json!(bo.user), &json!(ana.user)));
    assert!(house.seen.of(bo, "moderation:user_kicked").is_empty());
    assert!(house.seen.of(root, "moderation:user_kicked").is_empty());
    assert_eq!(scene.say(bo, group).await.unwrap_err().code, Code::NotFoundChannel);
    // Where the administrator of the server is no member, that it acted is a line of its own.
    house.ok(root, "moderation:kick_user", kick(cy)).await;
    let sent = scene.say(ana, "general").await.unwrap();
    let host = Actor { grants: Arc::new(Grants { admin: true, ..Grants::default() }), ..root.clone() };
    house.ok(&host, "message:delete", json!({"messageId": sent["message"]["id"]})).await;
    let expected = ["member.kick", "channel.member_change", "member.kick", "message.delete"];
    assert_eq!(scene.actions().await, expected);
    assert_eq!(house.code(ana, "moderation:audit", json!({})).await, Code::PermDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_silences_until_it_is_over() {
    let scene = scene().await;
    let Scene { house, ana, bo, group, .. } = &scene;
    let sent = scene.say(bo, group).await.unwrap();
    let id = &sent["message"]["id"];
    let timeout = |who: &Actor, until: Value| json!({"channelId": group, "userId": who.user, "until": until});
    let long = json!("2999-01-01T00:00:00Z");
    assert_eq!(house.code(bo, "moderation:timeout_user", timeout(ana, long.clone())).await, Code::PermDenied);
    assert_eq!(
        house.code(ana, "moderation:timeout_user", timeout(ana, long.clone())).await,
        Code::PermDenied
    );
    house.ok(ana, "moderation:timeout_user", timeout(bo, long)).await;
    for who in [ana, bo] {
        let heard = house.seen.of(who, "channel:member_updated");
        assert_eq!(heard[0]["member"]["timeoutUntil"], "2999-01-01T00:00:00.000Z");
    }
    for (op, data) in [
        ("message:send", json!({"channelId": group, "content": "x"})),
        ("message:edit", json!({"messageId": id, "content": "x"})),
        ("message:react", json!({"messageId": id, "emoji": "!", "action": "add"})),
    ] {
        assert_eq!(house.code(bo, op, data).await, Code::PermTimeout, "{op}");
    }
    scene.say(bo, "general").await.unwrap();
    house.ok(bo, "channel:get_history", json!({"channelId": group})).await;
    // Leaving and coming back changes nothing.
    house.ok(bo, "channel:member_remove", json!({"channelId": group, "userId": bo.user})).await;
    house.ok(ana, "channel:member_add", json!({"channelId": group, "userId": bo.user})).await;
    assert_eq!(scene.say(bo, group).await.unwrap_err().code, Code::PermTimeout);
    house.ok(ana, "moderation:timeout_user", timeout(bo, json!("2001-01-01T00:00:00Z"))).await;
    scene.say(bo, group).await.unwrap();
    house.ok(ana, "moderation:timeout_user", timeout(bo, Value::Null)).await;
    scene.say(bo, group).await.unwrap();
    assert_eq!(scene.actions().await, ["member.timeout"; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_user_is_cut_off_everywhere() {
    let scene = scene().await;
    let Scene { house, root, ana, bo, cy, group } = &scene;
    let phone = second_device(bo);
    house.ok(ana, "voice:join", json!({"channelId": "general"})).await;
    let seat = house.ok(&phone, "voice:join", json!({"channelId": "general"})).await["participantId"].clone();
    house.ok(ana, "call:start", json!({"channelId": group})).await;
    let epoch = house.services.user(bo.user).await.unwrap().token_epoch;
    let ban = json!({"userId": bo.user, "reason": "spam"});
    for who in [ana, cy] {
        assert_eq!(house.code(who, "moderation:ban_user", ban.clone()).await, Code::PermDenied);
    }
    for (data, code) in [
        (json!({"userId": root.user}), Code::ValidationFailed),
        (json!({"userId": bo.user, "until": "2001-01-01T00:00:00Z"}), Code::ValidationFailed),
        (json!({"userId": UserId::from_parts(1, 1)}), Code::NotFoundUser),
    ] {
        assert_eq!(house.code(root, "moderation:ban_user", data).await, code);
    }
    house.ok(root, "moderation:ban_user", ban).await;
    assert_eq!(*house.seen.cut.lock().unwrap(), [(bo.user, 4003, "auth.banned")]);
    assert_eq!(house.seen.of(bo, "moderation:banned")[0]["reason"], "spam");
    for who in [ana, cy, root] {
        let heard = house.seen.of(who, "moderation:user_banned");
        assert_eq!(heard, [json!({"userId": bo.user, "until": null})], "why is nobody's business");
    }
    let seat: ParticipantId = seat.as_str().unwrap().parse().unwrap();
    assert!(house.seen.seats.lock().unwrap().contains(&(seat, false)));
    assert_eq!(house.seen.of(ana, "call:ended")[0]["reason"], "no_answer", "nor does it ring");
    // What was waiting in a queue does not run.
    assert_eq!(scene.say(bo, "general").await.unwrap_err().code, Code::AuthBanned);
    let user = house.services.user(bo.user).await.unwrap();
    assert_eq!(user.token_epoch, epoch + 1);
    assert_eq!(house.services.session_opened(bo).await.unwrap_err().code, Code::AuthBanned);
    let external = ExternalUser { sub: bo.user.to_string(), ..ExternalUser::default() };
    assert_eq!(house.services.ensure_user(&external).await.unwrap_err().code, Code::AuthBanned);
    let listed = house.ok(root, "moderation:bans", json!({})).await;
    assert_eq!(
        (&listed["bans"][0]["userId"], &listed["bans"][0]["reason"]),
        (&json!(bo.user), &json!("spam"))
    );
    let other = NewAccount { username: "root2".into(), admin: true, ..NewAccount::default() };
    let other = house.services.create_user(other).await.unwrap();
    assert_eq!(house.code(root, "moderation:ban_user", json!({"userId": other.id})).await, Code::PermDenied);
    house.ok(root, "moderation:unban_user", json!({"userId": bo.user})).await;
    assert_eq!(
        house.code(root, "moderation:unban_user", json!({"userId": bo.user})).await,
        Code::ConflictState
    );
    scene.say(bo, "general").await.unwrap();
    house.services.session_opened(bo).await.unwrap();
    assert_eq!(scene.actions().await, ["user.ban", "user.unban"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_ends_by_itself_and_holds_for_logins_until_then() {
    let scene = scene().await;
    let Scene { house, root, .. } = &scene;
    let account =
        NewAccount { username: "dee".into(), password: Some("right".into()), ..NewAccount::default() };
    let dee = house.services.create_user(account).await.unwrap();
    let until = clock::wall_ms() + 1_500;
    let ban = json!({"userId": dee.id, "until": rfc3339(until)});
    house.ok(root, "moderation:ban_user", ban).await;
    assert_eq!(house.services.login("dee", "right").await.unwrap_err().code, Code::AuthBanned);
    assert_eq!(house.services.login("dee", "wrong").await.unwrap_err().code, Code::AuthInvalid, "no oracle");
    let over = async {
        while house.services.login("dee", "right").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), over).await.unwrap();
    assert!(clock::wall_ms() >= until);
    scene.say(&device(&dee), "general").await.unwrap();
    let listed = house.ok(root, "moderation:bans", json!({})).await;
    assert_eq!(listed["bans"], json!([]));
}
