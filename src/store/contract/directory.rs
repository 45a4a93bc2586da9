//! What a directory says comes true as a whole or not at all, once, and who is not of the organisation stays out.

use serde_json::{Value, json};

use super::*;
use crate::chat::{
    directory::{DirectoryChange, DirectoryKind},
    line::Line,
    model::MessageRecord,
};

pub(super) async fn all(store: &dyn Store, [ana, bo]: [UserId; 2]) {
    people_come_and_go_with_their_departments(store).await;
    a_project_has_the_team_it_is_given(store).await;
    nothing_of_a_call_that_fails_remains(store).await;
    external_accounts_stay_out_of_what_is_internal(store, [ana, bo]).await;
    lines_are_nobodys_messages(store, [ana, bo]).await;
}

async fn call(store: &dyn Store, kind: DirectoryKind, body: Value) -> Result<DirectoryDone> {
    let signature = format!("{:x}", rand::random::<u128>());
    again(store, kind, body, &signature, 1_000).await
}

async fn again(
    store: &dyn Store,
    kind: DirectoryKind,
    body: Value,
    signature: &str,
    now: WallMs,
) -> Result<DirectoryDone> {
    let change = DirectoryChange::parse(kind, body).unwrap();
    let call = DirectoryCall { change, signature: signature.into(), from: Origin::default(), now };
    store.sync_directory(call, nothing()).await
}

async fn users(store: &dyn Store, users: Value) -> DirectoryDone {
    call(store, DirectoryKind::Users, json!({"users": users})).await.unwrap()
}

/// Name and role of everybody in the channel, by external id.
async fn team(store: &dyn Store, channel: &str) -> Vec<(String, String)> {
    let mut team = Vec::new();
    for member in store.members(channel.parse().unwrap()).await.unwrap() {
        let id = store.user(member.user).await.unwrap().external_id.unwrap_or_default();
        team.push((id, member.role));
    }
    team.sort_unstable();
    team
}

fn pairs(team: &[(&str, &str)]) -> Vec<(String, String)> {
    team.iter().map(|(id, role)| ((*id).to_owned(), (*role).to_owned())).collect()
}

async fn said(store: &dyn Store, channel: ChannelId) -> Vec<(u64, Line)> {
    let page = store.history(Timeline::Channel(channel), HistoryAt::Latest, 50).await.unwrap();
    let line = |message: MessageRecord| Some((message.seq, message.line?));
    page.messages.into_iter().filter_map(line).collect()
}

async fn people_come_and_go_with_their_departments(store: &dyn Store) {
    let made = users(
        store,
        json!([
            {"id": "hr-1", "name": "Mia", "role": "manager", "departmentId": "sales"},
            {"id": "hr-2", "name": "Noa", "username": "noa", "departmentId": "sales"},
            {"id": "hr-3", "name": "Oz", "departmentId": "it"},
        ]),
    )
    .await;
    assert!(made.items.iter().all(|item| item.created && item.changed));
    let sales = json!({"departments": [{"id": "sales", "name": "Sales"}, {"id": "it", "name": "IT"}]});
    let done = call(store, DirectoryKind::Departments, sales.clone()).await.unwrap();
    let (sales_id, it) = (done.items[0].target.clone(), done.items[1].target.clone());
    let sales_channel: ChannelId = sales_id.parse().unwrap();
    assert_eq!(team(store, &sales_id).await, pairs(&[("hr-1", "admin"), ("hr-2", "member")]));
    let record = store.shared_channel(sales_channel).await.unwrap();
    assert_eq!((record.kind, record.is_internal), (ChannelKind::Department, true));
    assert_eq!(store.resolve_channel("dept-sales").await.unwrap().0, sales_channel);
    let repeated = call(store, DirectoryKind::Departments, sales).await.unwrap();
    assert!(repeated.items.iter().all(|item| !item.created && !item.changed) && repeated.channels.is_empty());
    assert!(said(store, sales_channel).await.is_empty(), "who was there from the beginning did not come");

    // Another department, another role.
    let moved = users(
        store,
        json!([{"id": "hr-2", "departmentId": "it"}, {"id": "hr-3", "role": "manager"}, {"id": "hr-1"}]),
    )
    .await;
    assert_eq!(moved.items.iter().map(|item| item.changed).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(team(store, &sales_id).await, pairs(&[("hr-1", "admin")]));
    assert_eq!(team(store, &it).await, pairs(&[("hr-2", "member"), ("hr-3", "admin")]));
    let lines = said(store, sales_channel).await;
    assert!(matches!(&lines[..], [(1, Line::Left { users, count: 1 })] if users[0].name == "Noa"));

    // A list is the whole department; many who come are one line.
    let crowd: Vec<Value> =
        (0..30).map(|n| json!({"id": format!("c-{n}"), "name": format!("C {n}")})).collect();
    users(store, crowd.into()).await;
    let mut members: Vec<String> = (0..30).map(|n| format!("c-{n}")).collect();
    members.push("hr-3".into());
    let list = json!({"departments": [{"id": "sales", "name": "Sales & more", "members": members, "managers": ["c-0"]}]});
    let done = call(store, DirectoryKind::Departments, list).await.unwrap();
    let there = done.channels.iter().find(|one| one.channel.id == sales_channel).unwrap();
    assert_eq!((there.joined.len(), there.left.len(), there.updated), (31, 1, true));
    let now = team(store, &sales_id).await;
    assert_eq!((now.len(), now[0].clone()), (31, ("c-0".into(), "admin".into())));
    assert!(now.contains(&("hr-3".into(), "member".into())), "a manager there, not here");
    assert_eq!(team(store, &it).await, pairs(&[("hr-2", "member")]));
    let lines = said(store, sales_channel).await;
    let kinds: Vec<_> = lines.iter().map(|(_, line)| line.clone()).collect();
    assert!(
        matches!(&kinds[1..], [Line::Renamed { to, .. }, Line::Joined { users, count: 31 }, Line::Left { count: 1, .. }]
            if to == "Sales & more" && users.len() == 20),
        "{kinds:?}"
    );

    // Disabled: out of what is everybody's, and back.
    let general = store.resolve_channel("everybody").await.unwrap().0;
    let noa = store.user_by_external("hr-2").await.unwrap();
    store.role(general, noa.id).await.unwrap();
    let off = users(store, json!([{"id": "hr-2", "active": false}])).await;
    assert_eq!(off.cut, [Cut::Inactive(noa.id)]);
    assert_eq!(store.role(general, noa.id).await.unwrap_err(), StoreError::NotFound);
    assert!(team(store, &it).await.is_empty());
    let disabled = store.user(noa.id).await.unwrap();
    assert_eq!((disabled.is_active, disabled.token_epoch), (false, noa.token_epoch + 1));
    users(store, json!([{"id": "hr-2", "active": true}])).await;
    store.role(general, noa.id).await.unwrap();
    assert_eq!(team(store, &it).await, pairs(&[("hr-2", "member")]));

    let check = store.verify_audit().await.unwrap();
    assert!(check.whole);
    let latest = store.audit(None, 50).await.unwrap();
    assert_eq!(latest[0].action, "directory.user");
    assert!(latest.iter().any(|line| line.action == "directory.department" && line.target == sales_id));
    let by = store.user(latest[0].actor).await.unwrap();
    assert_eq!((by.kind.as_str(), by.is_active), ("bot", false), "nobody can be it");
}

async fn a_project_has_the_team_it_is_given(store: &dyn Store) {
    let project = |fields: Value| {
        let mut project = json!({"id": "p-9"});
        project.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"projects": [project]})
    };
    let first =
        json!({"name": "Moon", "members": ["hr-1", "hr-2"], "managers": ["hr-1"], "context": {"budget": 5}});
    let done = call(store, DirectoryKind::Projects, project(first)).await.unwrap();
    let (id, channel) = (done.items[0].target.clone(), done.channels[0].channel.id);
    assert_eq!(team(store, &id).await, pairs(&[("hr-1", "admin"), ("hr-2", "member")]));
    assert_eq!(done.channels[0].channel.context, r#"{"budget":5}"#);
    let next = json!({"name": "Mars", "members": ["hr-2", "hr-3"], "completed": true});
    let done = call(store, DirectoryKind::Projects, project(next.clone())).await.unwrap();
    assert!(done.channels[0].archived);
    assert_eq!(team(store, &id).await, pairs(&[("hr-2", "member"), ("hr-3", "member")]));
    let lines = said(store, channel).await;
    assert_eq!(lines.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 2, 3, 4], "dense");
    assert!(matches!(lines[1].1, Line::Archived {}));
    let same = call(store, DirectoryKind::Projects, project(next)).await.unwrap();
    assert!(!same.items[0].changed);
    let done = call(store, DirectoryKind::Projects, project(json!({"completed": false}))).await.unwrap();
    assert_eq!(done.channels[0].channel.archived_at, None);
    let query = ChannelQuery { project: Some("p-9".into()), limit: 9, ..ChannelQuery::default() };
    let member = store.user_by_external("hr-2").await.unwrap().id;
    assert_eq!(store.channels(member, query.clone()).await.unwrap()[0].id, channel);
    let other = ChannelQuery { project: Some("p-8".into()), ..query };
    assert!(store.channels(member, other).await.unwrap().is_empty());
    let department = ChannelQuery { department: Some("it".into()), limit: 9, ..ChannelQuery::default() };
    assert_eq!(store.channels(member, department).await.unwrap().len(), 1);
}

async fn nothing_of_a_call_that_fails_remains(store: &dyn Store) {
    for (kind, body, wrong) in [
        (
            DirectoryKind::Users,
            json!({"users": [{"id": "new-1", "name": "New"}, {"id": "new-2"}]}),
            "users[1].name",
        ),
        (
            DirectoryKind::Users,
            json!({"users": [{"id": "new-1", "name": "New"}, {"id": "new-2", "name": "X", "username": "user-1"}]}),
            "users[1].username",
        ),
        (
            DirectoryKind::Users,
            json!({"users": [{"id": "new-1", "name": "New", "kind": "client", "departmentId": "it"}]}),
            "users[0].kind",
        ),
        (
            DirectoryKind::Departments,
            json!({"departments": [{"id": "new", "name": "New", "members": ["hr-1", "nobody"]}]}),
            "departments[0].members[1]",
        ),
        (DirectoryKind::Projects, json!({"projects": [{"id": "new"}]}), "projects[0].name"),
        (DirectoryKind::Users, json!({"users": [{"id": "convene:directory", "name": "Me"}]}), "users[0].id"),
    ] {
        match call(store, kind, body).await.unwrap_err() {
            StoreError::Invalid { path, .. } => assert_eq!(path, wrong),
            other => panic!("{other}"),
        }
        assert_eq!(store.user_by_external("new-1").await.unwrap_err(), StoreError::NotFound);
        assert_eq!(store.resolve_channel("dept-new").await.unwrap_err(), StoreError::NotFound);
    }
    let body = json!({"users": [{"id": "hr-1", "name": "Mia M."}]});
    again(store, DirectoryKind::Users, body.clone(), "s", 5_000_000).await.unwrap();
    let replayed = again(store, DirectoryKind::Users, body.clone(), "s", 5_200_000).await;
    assert_eq!(replayed.unwrap_err(), StoreError::Duplicate);
    // Its time is over by then: nobody gets that far with it.
    again(store, DirectoryKind::Users, body, "s", 6_000_000).await.unwrap();
}

async fn external_accounts_stay_out_of_what_is_internal(store: &dyn Store, [ana, bo]: [UserId; 2]) {
    let general = store.resolve_channel("everybody").await.unwrap().0;
    users(store, json!([{"id": "ext", "name": "Guest", "kind": "client"}])).await;
    let guest = store.user_by_external("ext").await.unwrap();
    assert!(guest.is_external());
    assert_eq!(store.role(general, guest.id).await.unwrap_err(), StoreError::NotFound);
    assert_eq!(store.add_member(general, guest.id, 60, nothing()).await.unwrap_err(), StoreError::NotFound);
    let make = |n: u128, internal: bool, members: Vec<UserId>, owner: UserId| NewChannel {
        id: ChannelId::from_parts(80, n),
        slug: None,
        kind: ChannelKind::Group,
        name: "g".into(),
        description: String::new(),
        is_private: false,
        is_voice: false,
        owner: Some(owner),
        members,
        dm_key: None,
        department: None,
        project: None,
        is_internal: internal,
        context: "{}".into(),
        now: 1,
    };
    let with_guest = store.create_channel(make(1, true, vec![ana, guest.id], ana), nothing()).await;
    assert_eq!(with_guest.unwrap_err(), StoreError::Denied);
    let of_guest = store.create_channel(make(1, true, vec![guest.id], guest.id), nothing()).await;
    assert_eq!(of_guest.unwrap_err(), StoreError::Denied);
    let internal = store.create_channel(make(1, true, vec![ana], ana), nothing()).await.unwrap().channel.id;
    let open = store.create_channel(make(2, false, vec![ana, guest.id], ana), nothing()).await.unwrap();
    let act = |channel: ChannelId, by: UserId| ChannelAct {
        channel,
        by,
        host: true,
        from: Origin::default(),
        now: 60,
    };
    let invited = store.invite_member(act(internal, ana), guest.id, nothing()).await;
    assert_eq!(invited.unwrap_err(), StoreError::Denied);
    let topic = || ChannelSettings { topic: Some("t".into()), ..ChannelSettings::default() };
    let as_host = store.update_channel(act(internal, guest.id), topic(), nothing()).await;
    assert_eq!(as_host.unwrap_err(), StoreError::NotFound, "no token makes it an administrator");
    store.update_channel(act(open.channel.id, guest.id), topic(), nothing()).await.unwrap();
    let known = Within { known_to: Some(guest.id), ..Within::default() };
    let known: Vec<UserId> =
        store.users(None, None, known, 100).await.unwrap().iter().map(|user| user.id).collect();
    assert!(known.contains(&ana) && known.contains(&guest.id) && !known.contains(&bo), "{known:?}");

    // One of the house turns into a guest: out of everything internal, and its tokens with it.
    store.invite_member(act(internal, ana), bo, nothing()).await.unwrap();
    store.invite_member(act(open.channel.id, ana), bo, nothing()).await.unwrap();
    let epoch = store.user(bo).await.unwrap().token_epoch;
    let done = users(store, json!([{"id": "ext-2", "kind": "client"}])).await;
    assert_eq!(done.cut, [Cut::Less(bo)]);
    for channel in [general, internal] {
        assert_eq!(store.role(channel, bo).await.unwrap_err(), StoreError::NotFound);
        assert!(done.channels.iter().any(|one| one.channel.id == channel && one.left[0].user == bo));
    }
    store.role(open.channel.id, bo).await.unwrap();
    assert_eq!(store.user(bo).await.unwrap().token_epoch, epoch + 1);
    users(store, json!([{"id": "ext-2", "kind": "internal"}])).await;
    store.role(general, bo).await.unwrap();
}

async fn lines_are_nobodys_messages(store: &dyn Store, [ana, bo]: [UserId; 2]) {
    let channel = group(store, 811, ana, &[bo]).await;
    let act = ChannelAct { channel, by: ana, host: false, from: Origin::default(), now: 60 };
    let before = store.channel(channel, bo).await.unwrap();
    let name = ChannelSettings { name: Some("renamed".into()), ..ChannelSettings::default() };
    let done = store.update_channel(act, name, nothing()).await.unwrap();
    let line = &done.lines[0];
    assert_eq!(
        (line.kind.as_str(), line.seq, line.rev),
        ("system", before.last_seq + 1, done.channel.rev + 1)
    );
    let after = store.channel(channel, bo).await.unwrap();
    assert_eq!((after.unread, after.mentions, after.last_message_at), (0, 0, before.last_message_at));
    assert_eq!(after.last_seq, line.seq);
    for (by, moderator) in [(ana, false), (bo, false)] {
        let change = || MessageChange { message: line.id, by, moderator, from: Origin::default(), now: 61 };
        assert_eq!(
            [
                store.edit_message(change(), "x".into(), None, nothing()).await.err(),
                store.delete_message(change(), nothing()).await.err(),
                store.react(change(), "!".into(), true, nothing()).await.err(),
                store.pin(change(), true, nothing()).await.err(),
                store
                    .report(
                        NewReport {
                            id: ReportId::from_parts(80, 1),
                            message: line.id,
                            reporter: by,
                            reason: "spam".into(),
                            note: String::new(),
                            now: 61,
                        },
                        nothing(),
                    )
                    .await
                    .err(),
                store
                    .send_message(NewMessage { thread: Some(line.id), ..text(8_000, channel, by) }, nothing())
                    .await
                    .err(),
            ],
            [
                Some(StoreError::Denied),
                Some(StoreError::Denied),
                Some(StoreError::State),
                Some(StoreError::State),
                Some(StoreError::State),
                Some(StoreError::State),
            ]
        );
    }
    let synced = store.sync(channel, before.rev).await.unwrap();
    assert_eq!(synced.messages, done.lines);
}
