//! Blocks, reports, bans, and a log that cannot be changed unnoticed.

use super::*;
use crate::chat::moderation::ReportState;

pub(super) async fn all(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    blocks_close_direct_conversations_one_way(store, [ana, bo, cy]).await;
    reports_keep_the_words_and_are_decided_once(store, [ana, bo, cy]).await;
    time_outs_hold_in_the_transaction(store, ana, bo).await;
    bans_revoke_tokens_and_end_by_themselves(store, [ana, bo, cy]).await;
    every_act_is_a_line_of_the_chain(store, ana, bo).await;
}

async fn blocks_close_direct_conversations_one_way(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    let dm = |n: u128, owner: UserId, key: &str, members: Vec<UserId>| NewChannel {
        id: ChannelId::from_parts(8, n),
        slug: None,
        kind: ChannelKind::Dm,
        name: String::new(),
        description: String::new(),
        is_private: true,
        is_voice: false,
        owner: Some(owner),
        members,
        dm_key: Some(key.into()),
        department: None,
        project: None,
        is_internal: false,
        context: "{}".into(),
        now: 1,
    };
    let open = store.create_channel(dm(1, ana, "m:ana:bo", vec![ana, bo]), nothing()).await.unwrap();
    let channel = open.channel.id;
    let id = store.send_message(text(4_000, channel, bo), nothing()).await.unwrap().message.id;
    let block = |user, other, blocked| store.block(user, other, blocked, 5, nothing());
    assert!(block(ana, bo, true).await.unwrap());
    assert!(!block(ana, bo, true).await.unwrap());
    assert_eq!(block(ana, UserId::from_parts(9, 9), true).await.unwrap_err(), StoreError::NotFound);
    let before = store.channel(channel, ana).await.unwrap();
    let change = || MessageChange { message: id, by: bo, moderator: false, from: Origin::default(), now: 60 };
    let refused = [
        store.send_message(text(4_001, channel, bo), Box::new(|_| panic!("told"))).await.err(),
        store.edit_message(change(), "x".into(), None, nothing()).await.err(),
        store.react(change(), "!".into(), true, nothing()).await.err(),
        store.create_channel(dm(2, bo, "m:ana:bo", vec![ana, bo]), nothing()).await.err(),
    ];
    assert_eq!(refused, [const { Some(StoreError::Blocked) }; 4]);
    assert_eq!(store.channel(channel, ana).await.unwrap(), before);
    assert_eq!(store.blockers(channel, bo).await.unwrap(), [ana]);
    assert!(store.blockers(channel, ana).await.unwrap().is_empty());
    store.send_message(text(4_002, channel, ana), nothing()).await.unwrap();
    block(ana, cy, true).await.unwrap();
    let refused = store.create_channel(dm(3, cy, "m:ana:cy", vec![ana, cy]), nothing()).await;
    assert_eq!(refused.unwrap_err(), StoreError::Blocked);
    let first = store.blocks(ana, None, 1).await.unwrap();
    let rest = store.blocks(ana, Some(first[0].id), 9).await.unwrap();
    assert_eq!((first[0].id, rest.iter().map(|user| user.id).collect::<Vec<_>>()), (bo, vec![cy]));
    assert!(block(ana, bo, false).await.unwrap() && block(ana, cy, false).await.unwrap());
    assert!(!block(ana, cy, false).await.unwrap());
    store.send_message(text(4_001, channel, bo), nothing()).await.unwrap();
}

async fn reports_keep_the_words_and_are_decided_once(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    let channel = group(store, 40, ana, &[bo]).await;
    let id = store.send_message(text(4_010, channel, bo), nothing()).await.unwrap().message.id;
    let new = |n: u128, reporter: UserId| NewReport {
        id: ReportId::from_parts(1, n),
        message: id,
        reporter,
        reason: "spam".into(),
        note: String::new(),
        now: 70,
    };
    assert_eq!(store.report(new(1, cy), nothing()).await.unwrap_err(), StoreError::NotFound);
    let first = store.report(new(1, ana), nothing()).await.unwrap();
    assert!(first.fresh && first.report.content == "m4010" && first.admins.is_empty());
    let again = store.report(new(2, ana), nothing()).await.unwrap();
    assert_eq!((again.fresh, again.report), (false, first.report.clone()));
    store.report(new(3, bo), nothing()).await.unwrap();
    let change = MessageChange { message: id, by: bo, moderator: false, from: Origin::default(), now: 71 };
    store.delete_message(change, nothing()).await.unwrap();
    let newest = store.reports(Some(ReportState::Open), None, 1).await.unwrap();
    let older = store.reports(None, Some(newest[0].id), 9).await.unwrap();
    assert_eq!((newest[0].reporter, older), (Some(bo), vec![first.report.clone()]));
    let resolve = |state: ReportState| {
        let by = Resolution {
            report: first.report.id,
            by: cy,
            state,
            note: "n".into(),
            from: Origin::default(),
            now: 72,
        };
        store.resolve_report(by)
    };
    let done = resolve(ReportState::Dismissed).await.unwrap();
    assert_eq!(
        (done.state, done.resolved_by, done.resolved_at),
        (ReportState::Dismissed, Some(cy), Some(72))
    );
    assert_eq!(resolve(ReportState::Actioned).await.unwrap_err(), StoreError::State);
    let unknown = Resolution {
        report: ReportId::from_parts(9, 9),
        by: cy,
        state: ReportState::Actioned,
        note: String::new(),
        from: Origin::default(),
        now: 72,
    };
    assert_eq!(store.resolve_report(unknown).await.unwrap_err(), StoreError::NotFound);
    assert_eq!(store.reports(Some(ReportState::Open), None, 9).await.unwrap().len(), 1);
}

async fn time_outs_hold_in_the_transaction(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 41, ana, &[bo]).await;
    let act = |by: UserId| ChannelAct { channel, by, host: false, from: Origin::default(), now: 80 };
    let timeout = |by: UserId, user: UserId| {
        let change = MemberChange::Timeout { until: Some(1_000), reason: "r".into() };
        store.change_member(act(by), user, change, nothing())
    };
    assert_eq!(timeout(bo, ana).await.unwrap_err(), StoreError::Denied);
    assert_eq!(timeout(ana, ana).await.unwrap_err(), StoreError::Denied);
    let before = store.channel(channel, ana).await.unwrap().rev;
    let done = timeout(ana, bo).await.unwrap();
    assert_eq!((done.member.timeout_until, done.member.rev), (Some(1_000), before + 1));
    let send =
        |n: u128, now: WallMs| store.send_message(NewMessage { now, ..text(n, channel, bo) }, nothing());
    assert_eq!(send(4_020, 999).await.unwrap_err(), StoreError::TimedOut(1_000));
    send(4_020, 1_000).await.unwrap();
}

async fn bans_revoke_tokens_and_end_by_themselves(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    let channel = group(store, 42, ana, &[bo]).await;
    let ban = |user: UserId, until: Option<WallMs>| {
        store.ban(
            NewBan { user, by: cy, reason: "r".into(), until, from: Origin::default(), now: 90 },
            nothing(),
        )
    };
    let before = store.user(bo).await.unwrap();
    assert!(!before.is_banned(90));
    let done = ban(bo, Some(500)).await.unwrap();
    assert_eq!(done.user.token_epoch, before.token_epoch + 1);
    assert!(done.audience.contains(&ana) && !done.audience.contains(&bo));
    let user = store.user_by_username("user-2").await.unwrap();
    assert!(user.is_banned(499) && !user.is_banned(500));
    let enter = |n: u128, now: i64| store.call_step(start(n, channel, bo, 8, now), nothing());
    assert_eq!(enter(60, 400).await.unwrap_err(), StoreError::Denied, "no seat");
    assert_eq!(store.bans(499, None, 9).await.unwrap().len(), 1);
    assert!(store.bans(500, None, 9).await.unwrap().is_empty());
    assert_eq!(ban(bo, None).await.unwrap().user.banned_until, Some(WallMs::MAX));
    assert_eq!(ban(UserId::from_parts(9, 9), None).await.unwrap_err(), StoreError::NotFound);
    let admin = NewUser {
        id: UserId::from_parts(1, 77),
        username: "zoe".into(),
        name: "Zoe".into(),
        role: "admin".into(),
        kind: "internal".into(),
        external_id: None,
        password_hash: None,
        now: 1,
    };
    let admin = store.create_user(admin, nothing()).await.unwrap().user.id;
    assert_eq!(ban(admin, None).await.unwrap_err(), StoreError::Denied);
    let unban = Unban { user: bo, by: cy, from: Origin::default(), now: 91 };
    store.unban(unban.clone(), nothing()).await.unwrap();
    assert_eq!(store.unban(unban, nothing()).await.unwrap_err(), StoreError::State);
    let after = store.user(bo).await.unwrap();
    assert_eq!(
        (after.banned_until, after.token_epoch),
        (None, before.token_epoch + 2),
        "tokens stay revoked"
    );
}

async fn every_act_is_a_line_of_the_chain(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 43, ana, &[bo]).await;
    let id = store.send_message(text(4_030, channel, bo), nothing()).await.unwrap().message.id;
    let last = async || store.audit(None, 1).await.unwrap().first().map_or(0, |line| line.n);
    let before = last().await;
    let own = store.send_message(text(4_031, channel, ana), nothing()).await.unwrap().message.id;
    let delete = |message: MessageId| MessageChange {
        message,
        by: ana,
        moderator: true,
        from: Origin::default(),
        now: 95,
    };
    store.delete_message(delete(own), nothing()).await.unwrap();
    assert_eq!(last().await, before, "of one's own is no moderation");
    store.delete_message(delete(id), nothing()).await.unwrap();
    let act = |host: bool, by: UserId| ChannelAct { channel, by, host, from: Origin::default(), now: 96 };
    let kick = |user: UserId| {
        let change = MemberChange::Kick { reason: "r".into() };
        store.change_member(act(false, ana), user, change, nothing())
    };
    kick(bo).await.unwrap();
    assert_eq!(kick(bo).await.unwrap_err(), StoreError::NoUser);
    let outside = UserId::from_parts(1, 77);
    let settings = ChannelSettings { topic: Some("t".into()), ..ChannelSettings::default() };
    store.update_channel(act(true, outside), settings.clone(), nothing()).await.unwrap();
    let stale = ChannelSettings { base_rev: Some(0), ..settings };
    store.update_channel(act(true, outside), stale, nothing()).await.unwrap_err();
    let lines = store.audit(None, 3).await.unwrap();
    let said: Vec<_> = lines.iter().map(|line| (line.action.as_str(), line.n)).collect();
    let expected =
        [("channel.update", before + 3), ("member.kick", before + 2), ("message.delete", before + 1)];
    assert_eq!(said, expected, "what failed left no line");
    assert_eq!(lines[1].target, bo.to_string());
    assert_eq!(store.audit(Some(before + 2), 1).await.unwrap()[0].action, "message.delete");
    let check = store.verify_audit().await.unwrap();
    assert_eq!(check, AuditCheck { intact: before + 3, whole: true });
}
