//! Channels are administered: who may, what it does to writing, and that every change has its revision.

use super::*;
use crate::chat::model::MemberRole;

pub(super) async fn all(store: &Arc<dyn Store>, [ana, bo, cy]: [UserId; 3]) {
    settings_have_revisions_of_their_own(&**store, [ana, bo, cy]).await;
    archived_channels_are_read_and_not_written(&**store, ana, bo).await;
    only_hosts_write_where_it_is_read_only(&**store, ana, bo).await;
    slow_mode_holds_for_members_however_many_sockets(store, ana, bo).await;
    ranks_decide_who_moves_whom(&**store, [ana, bo, cy]).await;
    an_owner_stays_while_others_do(&**store, ana, bo).await;
    who_is_gone_is_gone(&**store, ana, bo).await;
    direct_and_general_channels_keep_their_members(&**store, ana, bo).await;
    wishes_are_ones_own(&**store, ana, bo).await;
}

fn act(channel: ChannelId, by: UserId) -> ChannelAct {
    ChannelAct { channel, by, host: false, from: Origin::default(), now: 50 }
}

fn at(n: u128, channel: ChannelId, author: UserId, now: WallMs) -> NewMessage {
    NewMessage { now, ..text(n, channel, author) }
}

async fn update(store: &dyn Store, by: ChannelAct, settings: ChannelSettings) -> Result<ChangedChannel> {
    store.update_channel(by, settings, nothing()).await
}

async fn remove(store: &dyn Store, by: ChannelAct, user: UserId) -> Result<ChangedMember> {
    store.change_member(by, user, MemberChange::Remove, nothing()).await
}

async fn make(store: &dyn Store, by: ChannelAct, user: UserId, role: MemberRole) -> Result<ChangedMember> {
    store.change_member(by, user, MemberChange::Role(role), nothing()).await
}

async fn settings_have_revisions_of_their_own(store: &dyn Store, [ana, bo, stranger]: [UserId; 3]) {
    let channel = group(store, 20, ana, &[bo]).await;
    let known = store.channel(channel, ana).await.unwrap().rev;
    let name = |text: &str, base_rev: u64| ChannelSettings {
        name: Some(text.into()),
        base_rev: Some(base_rev),
        ..ChannelSettings::default()
    };
    assert_eq!(update(store, act(channel, bo), name("x", known)).await.unwrap_err(), StoreError::Denied);
    let strange = update(store, act(channel, stranger), name("x", known)).await;
    assert_eq!(strange.unwrap_err(), StoreError::NotFound);
    store.send_message(text(3_000, channel, bo), nothing()).await.unwrap();
    let first = update(store, act(channel, ana), name("one", known)).await.unwrap();
    assert_eq!((first.channel.rev, first.channel.name.as_str()), (known + 2, "one"), "dense");
    assert_eq!(first.audience.len(), 2);
    let stale = update(store, act(channel, ana), name("two", known)).await;
    assert_eq!(stale.unwrap_err(), StoreError::StaleRev(known + 3), "a message made nothing stale, this did");
    let same = update(store, act(channel, ana), name("one", known + 2)).await.unwrap();
    assert_eq!((same.changed, same.channel.rev), (false, known + 3), "a line said so");
    let host = ChannelAct { host: true, ..act(channel, stranger) };
    let topic = ChannelSettings { topic: Some("t".into()), ..ChannelSettings::default() };
    assert!(update(store, host, topic).await.unwrap().changed);
}

async fn archived_channels_are_read_and_not_written(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 21, ana, &[bo]).await;
    let id = store.send_message(text(3_010, channel, ana), nothing()).await.unwrap().message.id;
    let archive = |by: UserId, archived: bool| store.archive_channel(act(channel, by), archived, nothing());
    assert_eq!(archive(bo, true).await.unwrap_err(), StoreError::Denied);
    make(store, act(channel, ana), bo, MemberRole::Admin).await.unwrap();
    assert_eq!(archive(bo, true).await.unwrap_err(), StoreError::Denied, "administrators do not");
    let done = archive(ana, true).await.unwrap();
    assert_eq!((done.changed, done.channel.archived_at), (true, Some(50)));
    assert!(!archive(ana, true).await.unwrap().changed);
    let change = || MessageChange { message: id, by: ana, moderator: true, from: Origin::default(), now: 51 };
    let refused = [
        store.send_message(text(3_011, channel, ana), nothing()).await.err(),
        store.edit_message(change(), "x".into(), None, nothing()).await.err(),
        store.react(change(), "!".into(), true, nothing()).await.err(),
        store.pin(change(), true, nothing()).await.err(),
        store.delete_message(change(), nothing()).await.err(),
        update(store, act(channel, ana), ChannelSettings { name: Some("n".into()), ..Default::default() })
            .await
            .err(),
        make(store, act(channel, ana), bo, MemberRole::Member).await.err(),
        store.call_step(start(50, channel, ana, 7, 1), nothing()).await.err(),
    ];
    assert_eq!(refused, [const { Some(StoreError::ReadOnly) }; 8]);
    assert_eq!(
        store.history(Timeline::Channel(channel), HistoryAt::Latest, 9).await.unwrap().messages.len(),
        2,
        "and a line that says so"
    );
    let listed = async |archived: bool| {
        let query = ChannelQuery { archived, limit: 100, ..ChannelQuery::default() };
        store.channels(ana, query).await.unwrap().iter().any(|one| one.id == channel)
    };
    assert_eq!((listed(false).await, listed(true).await), (false, true));
    archive(ana, false).await.unwrap();
    assert_eq!((listed(false).await, listed(true).await), (true, false));
    store.send_message(text(3_011, channel, ana), nothing()).await.unwrap();
}

async fn only_hosts_write_where_it_is_read_only(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 22, ana, &[bo]).await;
    let id = store.send_message(text(3_020, channel, bo), nothing()).await.unwrap().message.id;
    let read_only = ChannelSettings { read_only: Some(true), ..ChannelSettings::default() };
    update(store, act(channel, ana), read_only).await.unwrap();
    let before = store.channel(channel, bo).await.unwrap();
    let refused = store.send_message(text(3_021, channel, bo), Box::new(|_| panic!("told"))).await;
    assert_eq!(refused.unwrap_err(), StoreError::ReadOnly);
    let change = || MessageChange { message: id, by: bo, moderator: false, from: Origin::default(), now: 51 };
    let edit = store.edit_message(change(), "x".into(), None, nothing()).await;
    assert_eq!(edit.unwrap_err(), StoreError::ReadOnly);
    assert_eq!(store.channel(channel, bo).await.unwrap(), before, "nothing of it remains");
    store.react(change(), "!".into(), true, nothing()).await.unwrap();
    store.send_message(text(3_021, channel, ana), nothing()).await.unwrap();
    let by_token = NewMessage { host: true, ..text(3_022, channel, bo) };
    store.send_message(by_token, nothing()).await.unwrap();
    make(store, act(channel, ana), bo, MemberRole::Admin).await.unwrap();
    store.send_message(text(3_023, channel, bo), nothing()).await.unwrap();
}

async fn slow_mode_holds_for_members_however_many_sockets(store: &Arc<dyn Store>, ana: UserId, bo: UserId) {
    let channel = group(&**store, 23, ana, &[bo]).await;
    store.send_message(at(3_029, channel, bo, 99_000), nothing()).await.unwrap();
    let slow = ChannelSettings { slow_mode_s: Some(10), ..ChannelSettings::default() };
    update(&**store, act(channel, ana), slow).await.unwrap();
    let early = store.send_message(at(3_030, channel, bo, 100_000), nothing()).await;
    assert_eq!(early.unwrap_err(), StoreError::Slow(9_000), "what came before slow mode counts as well");
    let mut tasks = Vec::new();
    for n in 0..20 {
        let store = store.clone();
        let new = at(3_030 + n, channel, bo, 109_000);
        tasks.push(tokio::spawn(async move { store.send_message(new, nothing()).await }));
    }
    let mut sent = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => sent += 1,
            Err(error) => assert_eq!(error, StoreError::Slow(10_000)),
        }
    }
    assert_eq!(sent, 1);
    let set_back = store.send_message(at(3_050, channel, bo, 5_000), nothing()).await;
    assert_eq!(set_back.unwrap_err(), StoreError::Slow(10_000), "a clock set back silences nobody for long");
    for n in 0..3 {
        store.send_message(at(3_060 + n, channel, ana, 109_000), nothing()).await.unwrap();
    }
    let nonce = |hash: &str| NewMessage {
        nonce: Some("slow".into()),
        nonce_hash: Some(hash.into()),
        ..at(3_070, channel, bo, 119_000)
    };
    store.send_message(nonce("h"), nothing()).await.unwrap();
    assert!(
        store.send_message(nonce("h"), nothing()).await.unwrap().duplicate,
        "a retry is no second message"
    );
    assert_eq!(store.expire_nonces(i64::MAX).await.unwrap(), 1);
}

async fn ranks_decide_who_moves_whom(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    let channel = group(store, 24, ana, &[bo]).await;
    let invite = |by: UserId, who: UserId| store.invite_member(act(channel, by), who, nothing());
    assert_eq!(invite(bo, cy).await.unwrap_err(), StoreError::Denied, "the group is private");
    assert_eq!(invite(cy, cy).await.unwrap_err(), StoreError::NotFound);
    let public = ChannelSettings { private: Some(false), ..ChannelSettings::default() };
    update(store, act(channel, ana), public).await.unwrap();
    assert_eq!(invite(bo, UserId::from_parts(9, 9)).await.unwrap_err(), StoreError::NoUser);
    let joined = invite(bo, cy).await.unwrap();
    assert!(joined.added && joined.audience.contains(&cy));
    assert_eq!(joined.channel.rev, joined.member.rev);
    let again = invite(bo, cy).await.unwrap();
    assert_eq!((again.added, again.channel.rev), (false, joined.channel.rev + 1), "after the line");
    assert_eq!(make(store, act(channel, bo), cy, MemberRole::Admin).await.unwrap_err(), StoreError::Denied);
    let made = make(store, act(channel, ana), bo, MemberRole::Admin).await.unwrap();
    assert_eq!((made.member.role.as_str(), made.member.rev), ("admin", joined.channel.rev + 2));
    assert!(!make(store, act(channel, ana), bo, MemberRole::Admin).await.unwrap().changed);
    assert_eq!(make(store, act(channel, bo), cy, MemberRole::Admin).await.unwrap_err(), StoreError::Denied);
    make(store, act(channel, ana), cy, MemberRole::Admin).await.unwrap();
    assert_eq!(remove(store, act(channel, bo), cy).await.unwrap_err(), StoreError::Denied, "of equal rank");
    assert_eq!(remove(store, act(channel, bo), ana).await.unwrap_err(), StoreError::Denied);
    make(store, act(channel, ana), cy, MemberRole::Member).await.unwrap();
    let removed = remove(store, act(channel, bo), cy).await.unwrap();
    assert_eq!((removed.member.left_at, removed.audience.contains(&cy)), (Some(50), false));
    assert_eq!(remove(store, act(channel, bo), cy).await.unwrap_err(), StoreError::NoUser);
}

async fn an_owner_stays_while_others_do(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 25, ana, &[bo]).await;
    assert_eq!(remove(store, act(channel, ana), ana).await.unwrap_err(), StoreError::State);
    let step_down = make(store, act(channel, ana), ana, MemberRole::Member).await;
    assert_eq!(step_down.unwrap_err(), StoreError::State);
    make(store, act(channel, ana), bo, MemberRole::Owner).await.unwrap();
    remove(store, act(channel, ana), ana).await.unwrap();
    let gone = remove(store, act(channel, bo), bo).await.unwrap();
    assert!(gone.audience.is_empty(), "alone one may leave");
}

async fn who_is_gone_is_gone(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 26, ana, &[bo]).await;
    make(store, act(channel, ana), bo, MemberRole::Admin).await.unwrap();
    let id = store.send_message(text(3_080, channel, bo), nothing()).await.unwrap().message.id;
    let before = store.channel(channel, ana).await.unwrap().rev;
    let removed = remove(store, act(channel, ana), bo).await.unwrap();
    assert_eq!(removed.member.rev, before + 1);
    let change = || MessageChange { message: id, by: bo, moderator: true, from: Origin::default(), now: 60 };
    let refused = [
        store.send_message(text(3_081, channel, bo), nothing()).await.err(),
        store.edit_message(change(), "x".into(), None, nothing()).await.err(),
        store.delete_message(change(), nothing()).await.err(),
        store.react(change(), "!".into(), true, nothing()).await.err(),
        store.pin(change(), true, nothing()).await.err(),
        store.mark_read(channel, bo, ReadMove::UpTo(1), 60, nothing()).await.err(),
        store.role(channel, bo).await.err(),
        store.channel(channel, bo).await.err(),
        store.set_notify(channel, bo, NotifyPref::None, None, nothing()).await.err(),
        store.add_member(channel, bo, 60, nothing()).await.err(),
        store.call_step(start(51, channel, bo, 7, 60), nothing()).await.err(),
    ];
    assert_eq!(refused, [const { Some(StoreError::NotFound) }; 11]);
    let synced = store.sync(channel, before).await.unwrap();
    assert_eq!(synced.members, [removed.member], "those who left are told");
    let back = store.invite_member(act(channel, ana), bo, nothing()).await.unwrap();
    assert_eq!((back.added, back.member.role.as_str(), back.member.left_at), (true, "member", None));
    assert_eq!(back.channel.unread, 0);
}

async fn direct_and_general_channels_keep_their_members(store: &dyn Store, ana: UserId, bo: UserId) {
    let (dm, ..) = {
        let query = ChannelQuery { kind: Some(ChannelKind::Dm), limit: 1, ..ChannelQuery::default() };
        let found = store.channels(ana, query).await.unwrap();
        (found[0].id, ())
    };
    let general = NewChannel {
        id: ChannelId::from_parts(1, 27),
        slug: Some("everybody".into()),
        kind: ChannelKind::General,
        name: "everybody".into(),
        description: String::new(),
        is_private: false,
        is_voice: false,
        owner: None,
        members: Vec::new(),
        dm_key: None,
        department: None,
        project: None,
        is_internal: false,
        context: "{}".into(),
        now: 1,
    };
    let everybody = store.create_channel(general, nothing()).await.unwrap().channel.id;
    for channel in [dm, everybody] {
        let host = ChannelAct { host: true, ..act(channel, ana) };
        assert_eq!(remove(store, host.clone(), bo).await.unwrap_err(), StoreError::Denied);
        assert_eq!(remove(store, act(channel, bo), bo).await.unwrap_err(), StoreError::Denied);
        let invited = store.invite_member(host.clone(), bo, nothing()).await;
        assert_eq!(invited.unwrap_err(), StoreError::Denied);
        let private = ChannelSettings { private: Some(true), ..ChannelSettings::default() };
        assert_eq!(update(store, host, private).await.unwrap_err(), StoreError::Denied);
    }
    let host = ChannelAct { host: true, ..act(dm, ana) };
    assert_eq!(store.archive_channel(host, true, nothing()).await.unwrap_err(), StoreError::Denied);
    let outsider = ChannelAct { host: true, ..act(dm, UserId::from_parts(9, 9)) };
    let hidden = store.archive_channel(outsider, true, nothing()).await;
    assert_eq!(hidden.unwrap_err(), StoreError::NotFound, "not even administrators see it");
    let project = NewChannel {
        id: ChannelId::from_parts(1, 28),
        kind: ChannelKind::Project,
        slug: None,
        name: "p".into(),
        description: String::new(),
        is_private: false,
        is_voice: false,
        owner: Some(ana),
        members: vec![ana],
        dm_key: None,
        department: None,
        project: None,
        is_internal: false,
        context: "{}".into(),
        now: 1,
    };
    let nameless = store.create_channel(project.clone(), nothing()).await;
    assert!(matches!(nameless, Err(StoreError::Unavailable(_))), "a project is named");
    let made = store.create_channel(NewChannel { project: Some("p1".into()), ..project }, nothing()).await;
    assert_eq!(made.unwrap().channel.project_id.as_deref(), Some("p1"));
}

async fn wishes_are_ones_own(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 29, ana, &[bo]).await;
    let before = store.channel(channel, ana).await.unwrap();
    store.set_notify(channel, bo, NotifyPref::Mentions, Some(900), nothing()).await.unwrap();
    let seen = store.channel(channel, bo).await.unwrap();
    assert_eq!((seen.notify.as_str(), seen.muted_until), ("mentions", Some(900)));
    assert_eq!(store.channel(channel, ana).await.unwrap(), before);
}
