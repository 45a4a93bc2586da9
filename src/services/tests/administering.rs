//! Channels are administered: who may, who hears, and what a removal takes away.

use super::*;
use crate::store::ClearPass;

struct Group {
    house: House,
    ana: Actor,
    bo: Actor,
    cy: Actor,
    id: String,
}

/// A private group of ana (owner) and bo; cy is not in it.
async fn group() -> Group {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let body = json!({"type": "group", "name": "plans", "participants": [bo.user], "private": true});
    let made = house.ok(&ana, "channel:create", body).await;
    let id = made["channel"]["id"].as_str().unwrap().to_owned();
    Group { house, ana, bo, cy, id }
}

impl Group {
    fn on(&self, fields: Value) -> Value {
        let mut data = json!({"channelId": self.id});
        data.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        data
    }

    async fn ok(&self, who: &Actor, op: &str, fields: Value) -> Value {
        self.house.ok(who, op, self.on(fields)).await
    }

    async fn code(&self, who: &Actor, op: &str, fields: Value) -> Code {
        self.house.code(who, op, self.on(fields)).await
    }
}

fn administrator(actor: &Actor) -> Actor {
    Actor { grants: Arc::new(Grants { admin: true, ..Grants::default() }), ..actor.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_told_to_members_and_only_to_them() {
    let group = group().await;
    let Group { ana, bo, cy, house, .. } = &group;
    let rev = group.ok(ana, "channel:get", json!({})).await["channel"]["rev"].clone();
    let change =
        json!({"name": " Plans ", "topic": "now", "slowMode": 30, "retentionDays": 7, "baseRev": rev});
    assert_eq!(group.code(bo, "channel:update", change.clone()).await, Code::PermDenied);
    assert_eq!(group.code(cy, "channel:update", change.clone()).await, Code::NotFoundChannel);
    let done = group.ok(ana, "channel:update", change.clone()).await;
    assert_eq!(
        (&done["channel"]["name"], &done["channel"]["slowMode"], &done["channel"]["role"]),
        (&json!("Plans"), &json!(30), &json!("owner"))
    );
    for who in [ana, bo] {
        let heard = house.seen.of(who, "channel:updated");
        assert_eq!(heard.len(), 1);
        assert_eq!(
            (&heard[0]["channel"]["topic"], &heard[0]["channel"]["retentionDays"], heard[0]["rev"].as_u64()),
            (&json!("now"), &json!(7), rev.as_u64().map(|rev| rev + 1))
        );
        assert!(heard[0]["channel"].get("role").is_none(), "nobody's own view");
    }
    assert!(house.seen.of(cy, "channel:updated").is_empty());
    group.ok(ana, "channel:update", json!({"name": "Plans"})).await;
    assert_eq!(house.seen.of(bo, "channel:updated").len(), 1, "no change is no news");
    assert_eq!(group.code(ana, "channel:update", change).await, Code::ConflictRev);
    let slow = json!({"content": "one"});
    group.ok(bo, "message:send", slow.clone()).await;
    let refused = house.run(&second_device(bo), "message:send", group.on(slow)).await.unwrap_err();
    assert_eq!(refused.code, Code::LimitRate);
    assert!(refused.retry_after.is_some_and(|wait| wait > Duration::from_secs(20)));
    let dm = house.dm(ana, bo).await;
    let update = json!({"channelId": dm, "name": "our place"});
    assert_eq!(house.code(ana, "channel:update", update).await, Code::PermDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_read_only_channel_hosts_write() {
    let group = group().await;
    let Group { ana, bo, cy, house, .. } = &group;
    group.ok(ana, "channel:update", json!({"readOnly": true})).await;
    assert_eq!(group.code(bo, "message:send", json!({"content": "x"})).await, Code::PermReadOnly);
    group.ok(ana, "message:send", json!({"content": "x"})).await;
    group.ok(ana, "channel:member_role", json!({"userId": bo.user, "role": "admin"})).await;
    group.ok(bo, "message:send", json!({"content": "x"})).await;
    let heard = house.seen.of(ana, "channel:member_updated");
    assert_eq!(
        (&heard[0]["member"]["userId"], &heard[0]["member"]["role"]),
        (&json!(bo.user), &json!("admin"))
    );
    assert!(house.seen.of(cy, "channel:member_updated").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_is_read_but_not_written_and_ends_the_call() {
    let group = group().await;
    let Group { ana, bo, cy, house, .. } = &group;
    let sent = group.ok(ana, "message:send", json!({"content": "before"})).await;
    group.ok(bo, "voice:join", json!({})).await;
    group.ok(ana, "channel:member_role", json!({"userId": bo.user, "role": "admin"})).await;
    assert_eq!(group.code(bo, "channel:archive", json!({"archived": true})).await, Code::PermDenied);
    let done = group.ok(ana, "channel:archive", json!({"archived": true})).await;
    assert!(done["channel"]["archivedAt"].is_string());
    assert!(done["channel"]["call"].is_null());
    assert_eq!(house.seen.of(bo, "call:ended").len(), 1);
    assert_eq!(group.code(ana, "message:send", json!({"content": "x"})).await, Code::PermReadOnly);
    assert_eq!(group.code(ana, "voice:join", json!({})).await, Code::PermReadOnly);
    let edit = json!({"messageId": sent["message"]["id"], "content": "after"});
    assert_eq!(house.code(ana, "message:edit", edit).await, Code::PermReadOnly);
    let page = group.ok(bo, "channel:get_history", json!({})).await;
    assert_eq!(page["messages"][0]["content"], "before");
    let ids = async |who: &Actor, query: Value| -> Vec<String> {
        let list = house.ok(who, "channel:list", query).await;
        list["channels"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(!ids(bo, json!({})).await.contains(&group.id));
    assert_eq!(ids(bo, json!({"archived": true})).await, std::slice::from_ref(&group.id));
    let ready = house.services.session_opened(bo).await.unwrap();
    assert!(ready["channels"].as_array().unwrap().iter().all(|c| c["id"] != json!(group.id)));
    // An administrator of the server is no member and sees no more than everybody does.
    let done = group.ok(&administrator(cy), "channel:archive", json!({"archived": false})).await;
    assert!(done["channel"]["archivedAt"].is_null() && done["channel"].get("role").is_none());
    assert_eq!(house.seen.of(bo, "channel:updated").len(), 2);
    group.ok(bo, "message:send", json!({"content": "again"})).await;
    let dm = house.dm(ana, bo).await;
    let archive = json!({"channelId": dm, "archived": true});
    assert_eq!(house.code(ana, "channel:archive", archive.clone()).await, Code::PermDenied);
    assert_eq!(house.code(&administrator(cy), "channel:archive", archive).await, Code::NotFoundChannel);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_added_by_hosts_and_in_public_groups_by_all() {
    let group = group().await;
    let Group { ana, bo, cy, house, .. } = &group;
    let add = json!({"userId": cy.user});
    assert_eq!(group.code(bo, "channel:member_add", add.clone()).await, Code::PermDenied);
    assert_eq!(group.code(cy, "channel:member_add", add.clone()).await, Code::NotFoundChannel);
    let nobody = json!({"userId": UserId::from_parts(1, 1)});
    assert_eq!(group.code(ana, "channel:member_add", nobody).await, Code::NotFoundUser);
    group.ok(ana, "channel:update", json!({"private": false})).await;
    let added = group.ok(bo, "channel:member_add", add.clone()).await;
    assert_eq!((&added["member"]["userId"], &added["member"]["role"]), (&json!(cy.user), &json!("member")));
    group.ok(bo, "channel:member_add", add.clone()).await;
    for who in [ana, bo, cy] {
        let heard = house.seen.of(who, "channel:member_joined");
        let here = heard.iter().filter(|event| event["channelId"] == json!(group.id)).count();
        assert_eq!(here, 1, "told once");
    }
    let created = house.seen.of(cy, "channel:created");
    assert_eq!(created.last().unwrap()["channel"]["name"], "plans", "the new member learns what it is in");
    group.ok(cy, "message:send", json!({"content": "hello"})).await;
    let general = json!({"channelId": "general", "userId": cy.user});
    for op in ["channel:member_add", "channel:member_remove"] {
        assert_eq!(house.code(&administrator(ana), op, general.clone()).await, Code::PermDenied, "{op}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_member_hears_that_and_then_nothing() {
    let group = group().await;
    let Group { ana, bo, house, .. } = &group;
    let channel: ChannelId = group.id.parse().unwrap();
    let sent = group.ok(bo, "message:send", json!({"content": "mine"})).await;
    group.ok(ana, "voice:join", json!({})).await;
    let joined = group.ok(bo, "voice:join", json!({})).await;
    group.ok(bo, "typing:start", json!({})).await;
    let before = group.ok(ana, "channel:get", json!({})).await["channel"]["rev"].as_u64().unwrap();
    assert_eq!(group.code(bo, "channel:member_remove", json!({"userId": ana.user})).await, Code::PermDenied);
    group.ok(ana, "channel:member_remove", json!({"userId": bo.user})).await;
    group.ok(ana, "message:send", json!({"content": "at last"})).await;
    assert_eq!(house.seen.names(bo).last(), Some(&"channel:member_left"));
    assert_eq!(*house.seen.expelled.lock().unwrap(), [(bo.user, channel)]);
    let left = house.seen.of(ana, "channel:member_left");
    assert_eq!(
        (&left[0]["userId"], &left[0]["by"], &left[0]["rev"]),
        (&json!(bo.user), &json!(ana.user), &json!(before + 1))
    );
    assert_eq!(house.seen.of(ana, "typing:user_stop").len(), 1);
    assert_eq!(house.seen.of(ana, "voice:user_left")[0]["reason"], "kicked");
    let seat: ParticipantId = joined["participantId"].as_str().unwrap().parse().unwrap();
    assert!(house.seen.seats.lock().unwrap().contains(&(seat, false)), "the seat is given back");
    let here = json!({});
    for (op, data) in [
        ("channel:get", here.clone()),
        ("channel:join", here.clone()),
        ("channel:get_history", here.clone()),
        ("channel:sync", here.clone()),
        ("message:send", json!({"content": "x"})),
        ("message:mark_read", json!({"seq": 1})),
        ("typing:start", here.clone()),
        ("voice:join", here.clone()),
        ("call:start", here.clone()),
        ("presence:subscribe", here.clone()),
        ("channel:get_pins", here.clone()),
        ("channel:update", json!({"name": "xx"})),
        ("channel:archive", json!({"archived": true})),
        ("channel:member_add", json!({"userId": bo.user})),
        ("channel:member_remove", json!({"userId": bo.user})),
        ("channel:member_role", json!({"userId": bo.user, "role": "owner"})),
        ("channel:set_notify", json!({"pref": "none"})),
    ] {
        assert_eq!(group.code(bo, op, data).await, Code::NotFoundChannel, "{op}");
    }
    let id = &sent["message"]["id"];
    for (op, data) in [
        ("message:edit", json!({"messageId": id, "content": "x"})),
        ("message:delete", json!({"messageId": id})),
        ("message:react", json!({"messageId": id, "emoji": "!", "action": "add"})),
        ("message:get", json!({"messageId": id})),
    ] {
        assert_eq!(house.code(bo, op, data).await, Code::NotFoundMessage, "{op}");
    }
    assert_eq!(house.seen.names(bo).last(), Some(&"channel:member_left"));
    let synced = group.ok(ana, "channel:sync", json!({"afterRev": before})).await;
    assert!(synced["members"][0]["leftAt"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ring_ends_with_the_membership() {
    let group = group().await;
    let Group { ana, bo, house, .. } = &group;
    group.ok(ana, "call:start", json!({})).await;
    assert_eq!(house.seen.of(bo, "call:incoming").len(), 1);
    group.ok(ana, "channel:member_remove", json!({"userId": bo.user})).await;
    assert_eq!(house.seen.names(bo).last(), Some(&"channel:member_left"));
    assert_eq!(house.seen.of(ana, "call:ended")[0]["reason"], "no_answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leaves_by_oneself_but_the_last_owner_hands_over_first() {
    let group = group().await;
    let Group { ana, bo, house, .. } = &group;
    let leave = |who: &Actor| json!({"userId": who.user});
    assert_eq!(group.code(ana, "channel:member_remove", leave(ana)).await, Code::ConflictState);
    assert_eq!(
        group.code(ana, "channel:member_role", json!({"userId": ana.user, "role": "member"})).await,
        Code::ConflictState
    );
    group.ok(ana, "channel:member_role", json!({"userId": bo.user, "role": "owner"})).await;
    group.ok(ana, "channel:member_remove", leave(ana)).await;
    assert_eq!(house.seen.of(ana, "channel:member_left").len(), 1);
    group.ok(bo, "channel:member_remove", leave(bo)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_token_does_not_bring_back_who_was_removed() {
    let group = group().await;
    let Group { ana, cy, house, .. } = &group;
    let grants = Grants { room: Some(group.id.clone()), ..Grants::default() };
    let guest = Actor { grants: Arc::new(grants), ..cy.clone() };
    group.ok(&guest, "message:send", json!({"content": "let in by the token"})).await;
    group.ok(ana, "channel:member_remove", json!({"userId": cy.user})).await;
    assert_eq!(group.code(&guest, "message:send", json!({"content": "x"})).await, Code::NotFoundChannel);
    assert_eq!(group.code(&guest, "channel:get", json!({})).await, Code::NotFoundChannel);
    assert_eq!(house.services.session_opened(&guest).await.unwrap_err().code, Code::NotFoundChannel);
    group.ok(ana, "channel:member_add", json!({"userId": cy.user})).await;
    group.ok(&guest, "message:send", json!({"content": "again"})).await;
    // A token for one room makes nobody administrator of another.
    let grants = Grants { room: Some("general".into()), admin: true, ..Grants::default() };
    let elsewhere = Actor { grants: Arc::new(grants), ..cy.clone() };
    let archive = json!({"archived": true});
    assert_eq!(group.code(&elsewhere, "channel:archive", archive.clone()).await, Code::NotFoundChannel);
    let silent = Grants { chat: false, ..Grants::default() };
    let silent = Actor { grants: Arc::new(silent), ..ana.clone() };
    assert_eq!(group.code(&silent, "channel:archive", archive).await, Code::PermDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wishes_about_notifications_are_told_to_ones_own_devices() {
    let group = group().await;
    let Group { ana, bo, cy, house, .. } = &group;
    let wish = json!({"pref": "mentions", "mutedUntil": "2030-01-01T00:00:00Z"});
    let done = group.ok(bo, "channel:set_notify", wish.clone()).await;
    assert_eq!(done["mutedUntil"], "2030-01-01T00:00:00.000Z");
    assert_eq!(house.seen.of(&second_device(bo), "channel:notify_set"), [done]);
    assert!(house.seen.of(ana, "channel:notify_set").is_empty());
    let channel = group.ok(bo, "channel:get", json!({})).await["channel"].clone();
    assert_eq!(
        (&channel["notify"], &channel["mutedUntil"]),
        (&json!("mentions"), &json!("2030-01-01T00:00:00.000Z"))
    );
    assert_eq!(group.code(cy, "channel:set_notify", wish).await, Code::NotFoundChannel);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_of_units_are_made_by_administrators() {
    let group = group().await;
    let Group { ana, bo, cy, house, .. } = &group;
    let body =
        json!({"type": "department", "name": "Sales", "departmentId": "d1", "participants": [bo.user]});
    assert_eq!(house.code(ana, "channel:create", body.clone()).await, Code::PermDenied);
    let made = house.ok(&administrator(ana), "channel:create", body).await;
    let channel = &made["channel"];
    assert_eq!(
        (&channel["kind"], &channel["departmentId"], &channel["role"]),
        (&json!("department"), &json!("d1"), &json!("owner"))
    );
    let add = json!({"channelId": channel["id"], "userId": cy.user});
    assert_eq!(house.code(bo, "channel:member_add", add.clone()).await, Code::PermDenied, "only hosts");
    house.ok(ana, "channel:member_add", add).await;
    let listed = house.ok(cy, "channel:list", json!({"type": "department"})).await;
    assert_eq!(listed["channels"].as_array().unwrap().len(), 1);
}

/// The time that only passes in production is handed in here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_or_was_deleted_long_ago_is_cleared() {
    let group = group().await;
    let Group { ana, bo, house, .. } = &group;
    let kept = group.ok(ana, "message:send", json!({"content": "kept for a week"})).await;
    let gone = group.ok(ana, "message:send", json!({"content": "regretted"})).await;
    group.ok(ana, "message:delete", json!({"messageId": gone["message"]["id"]})).await;
    let before = group.ok(bo, "channel:get", json!({})).await["channel"]["rev"].clone();
    let store = &house.store;
    let content = async |message: &Value| {
        let id = message["message"]["id"].as_str().unwrap().parse().unwrap();
        store.message(id).await.unwrap().content
    };
    let later = async |days: i64| {
        let mut pass = Some(ClearPass::default());
        while let Some(at) = pass.take() {
            pass = house.services.inner.clear(at, clock::wall_ms() + days * 86_400_000).await.unwrap();
        }
    };
    later(29).await;
    assert_eq!(
        (content(&kept).await.as_str(), content(&gone).await.as_str()),
        ("kept for a week", "regretted")
    );
    later(31).await;
    assert_eq!((content(&kept).await.as_str(), content(&gone).await.as_str()), ("kept for a week", ""));
    group.ok(ana, "channel:update", json!({"retentionDays": 7})).await;
    later(6).await;
    assert_eq!(content(&kept).await, "kept for a week");
    later(8).await;
    assert_eq!(content(&kept).await, "");
    let heard = house.seen.of(bo, "channel:cleared");
    assert_eq!(heard.len(), 1, "of a tombstone that is emptied nobody hears: {heard:?}");
    assert_eq!(heard[0]["channelId"], kept["message"]["channelId"]);
    let rev = group.ok(bo, "channel:get", json!({})).await["channel"]["rev"].clone();
    assert_eq!(heard[0]["rev"], rev);
    let sync = group.ok(bo, "channel:sync", json!({"afterRev": before})).await;
    let told = &sync["messages"][0];
    assert_eq!((&told["id"], &told["content"]), (&kept["message"]["id"], &json!("")));
    assert!(told["deletedAt"].is_string() && told["deletedBy"].is_null() && sync["lastSeq"] == 2, "{sync}");
}
