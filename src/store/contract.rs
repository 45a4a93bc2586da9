//! What every implementation of `Store` must do. Each one runs `all` on an empty database of its own.
//!
//! There is no in-memory twin: the services are tested on SQLite files in temporary folders, which are as quick, and a
//! twin would have to imitate savepoints, unique indexes and commit order, the very things that go wrong.

use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    base::{id::ScheduleId, origin::Origin},
    call::step::CallAct,
    chat::moderation::AuditRecord,
};

pub(super) use self::scheduling::each_is_sent_by_one_of;

mod administration;
mod directory;
mod filtering;
mod invites;
mod logins;
mod moderation;
mod privacy;
mod retention;
use crate::call::model::{CallKind, CallMode, CallState, EndReason, InviteOutcome};

mod scheduling;
mod search;

pub(super) async fn all(store: Arc<dyn Store>) {
    let (ana, bo, cy) = (user(&*store, 1).await, user(&*store, 2).await, user(&*store, 3).await);
    let channel = group(&*store, 1, ana, &[bo]).await;
    then_runs_in_revision_order(&store, channel, &[ana, bo]).await;
    a_lost_write_leaves_no_gap(&*store, channel, ana, cy).await;
    a_dm_is_found_again(&*store, ana, bo).await;
    cursors_never_pass_the_end(&*store, channel, bo).await;
    reactions_are_counted_once(&*store, channel, [ana, bo, cy]).await;
    pins_are_bounded_and_end_with_the_message(&*store, ana, bo).await;
    replies_have_a_timeline_of_their_own(&*store, ana, bo, cy).await;
    everybody_is_mentioned_without_a_row_each(&*store, ana, bo).await;
    one_live_call_and_one_winner(&*store, channel, ana, bo).await;
    administration::all(&store, [ana, bo, cy]).await;
    only_orphans_are_swept(&*store, channel, ana).await;
    what_administrators_do_to_calls_is_written_down(&*store, channel, bo).await;
    lists_page_without_gaps(&*store, ana).await;
    directory::all(&*store, [ana, bo]).await;
    moderation::all(&*store, [ana, bo, cy]).await;
    privacy::all(&*store, [ana, bo, cy]).await;
    filtering::all(&*store, [ana, bo, cy]).await;
    logins::all(&*store, [ana, bo, cy]).await;
    invites::all(&store, [ana, bo, cy]).await;
    scheduling::all(&store, [ana, bo, cy]).await;
    search::all(&*store, [ana, bo, cy]).await;
    retention::all(&*store, [ana, bo, cy]).await;
    a_closed_store_refuses(&*store, channel, ana).await;
}

/// Users of their own, all in one new group.
pub(super) async fn people_in_a_group(store: &dyn Store, count: u128) -> (Vec<UserId>, ChannelId) {
    let mut users = Vec::new();
    for n in 0..count {
        users.push(user(store, n).await);
    }
    let channel = group(store, 1, users[0], &users[1..]).await;
    (users, channel)
}

async fn user(store: &dyn Store, n: u128) -> UserId {
    let new = NewUser {
        id: UserId::from_parts(1, n),
        username: format!("user-{n}"),
        name: format!("User {n}"),
        role: "member".into(),
        kind: "internal".into(),
        external_id: Some(format!("ext-{n}")),
        password_hash: None,
        now: 1,
    };
    let made = store.create_user(new.clone(), nothing()).await.unwrap();
    let again =
        NewUser { id: UserId::from_parts(2, n), username: format!("USER-{n}"), external_id: None, ..new };
    assert_eq!(
        store.create_user(again, nothing()).await.unwrap_err(),
        StoreError::Duplicate,
        "names ignore case"
    );
    assert_eq!(store.user_by_external(&format!("ext-{n}")).await.unwrap(), made.user);
    made.user.id
}

async fn group(store: &dyn Store, n: u128, owner: UserId, others: &[UserId]) -> ChannelId {
    let mut members = vec![owner];
    members.extend(others);
    let new = NewChannel {
        id: ChannelId::from_parts(1, n),
        slug: None,
        kind: ChannelKind::Group,
        name: format!("group {n}"),
        description: String::new(),
        is_private: true,
        is_voice: false,
        owner: Some(owner),
        members,
        dm_key: None,
        department: None,
        project: None,
        is_internal: false,
        context: "{}".into(),
        now: 1,
    };
    let made = store.create_channel(new, nothing()).await.unwrap();
    assert_eq!((made.created, made.channel.role.as_str()), (true, "owner"));
    assert_eq!(made.audience.len(), 1 + others.len());
    made.channel.id
}

pub(super) fn text(n: u128, channel: ChannelId, author: UserId) -> NewMessage {
    NewMessage {
        id: MessageId::from_parts(1, n),
        channel,
        author,
        author_name: "A".into(),
        host: false,
        nonce: None,
        nonce_hash: None,
        content: format!("m{n}"),
        reply_to: None,
        thread: None,
        mentions: Vec::new(),
        mentions_all: false,
        here: Vec::new(),
        now: 10,
    }
}

async fn then_runs_in_revision_order(store: &Arc<dyn Store>, channel: ChannelId, authors: &[UserId]) {
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for n in 0..200_u128 {
        let (store, order) = (store.clone(), order.clone());
        let author = authors[usize::try_from(n).unwrap() % authors.len()];
        tasks.push(tokio::spawn(async move {
            let seen = order.clone();
            let then: Then<SentMessage> = Box::new(move |sent| seen.lock().unwrap().push(sent.message.seq));
            let sent = store.send_message(text(n, channel, author), then).await.unwrap();
            assert!(order.lock().unwrap().contains(&sent.message.seq), "acknowledged before it was told");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (1..=200).collect::<Vec<u64>>());
}

async fn a_lost_write_leaves_no_gap(store: &dyn Store, channel: ChannelId, member: UserId, stranger: UserId) {
    let before = store.channel(channel, member).await.unwrap().last_seq;
    let refused = store.send_message(text(900, channel, stranger), Box::new(|_| panic!("told"))).await;
    assert_eq!(refused.unwrap_err(), StoreError::NotFound);
    // The id is taken, so the insert fails after `seq` was given out.
    let taken = store.send_message(text(1, channel, member), Box::new(|_| panic!("told"))).await;
    assert_eq!(taken.unwrap_err(), StoreError::Duplicate);
    let next = store.send_message(text(901, channel, member), nothing()).await.unwrap();
    assert_eq!(next.message.seq, before + 1);
    let joined = store.add_member(channel, stranger, 20, nothing()).await.unwrap();
    assert!(joined.added && joined.audience.contains(&stranger));
    assert_eq!(joined.channel.unread, 0, "what was said before is not unread");
    let sent = store.send_message(text(902, channel, stranger), nothing()).await.unwrap();
    assert_eq!(sent.audience, joined.audience);
}

async fn reactions_are_counted_once(store: &dyn Store, channel: ChannelId, users: [UserId; 3]) {
    let id = store.send_message(text(950, channel, users[0]), nothing()).await.unwrap().message.id;
    let change =
        |by: UserId| MessageChange { message: id, by, moderator: false, from: Origin::default(), now: 30 };
    for (user, emoji) in [(1, "b"), (0, "a"), (2, "b"), (0, "b")] {
        let done = store.react(change(users[user]), emoji.into(), true, nothing()).await.unwrap();
        assert!(done.changed);
        let again = store.react(change(users[user]), emoji.into(), true, nothing()).await.unwrap();
        assert!(!again.changed && again.message.rev == done.message.rev, "once each");
    }
    let seen = |message: &MessageRecord| -> Vec<(String, u32, Vec<UserId>)> {
        message.reactions.iter().map(|one| (one.emoji.clone(), one.count, one.users.clone())).collect()
    };
    let [ana, bo, cy] = users;
    let before = store.message(id).await.unwrap();
    assert_eq!(seen(&before), [("b".into(), 3, vec![bo, cy, ana]), ("a".into(), 1, vec![ana])]);
    let own = store.own_reactions(ana, &[id]).await.unwrap();
    assert_eq!(own.len(), 2);
    store.react(change(bo), "b".into(), false, nothing()).await.unwrap();
    let done = store.react(change(ana), "a".into(), false, nothing()).await.unwrap();
    assert_eq!(seen(&done.message), [("b".into(), 2, vec![cy, ana])]);
    let synced = store.sync(channel, before.rev).await.unwrap();
    assert!(synced.messages.contains(&done.message), "a reaction is a change");
    for n in 1..MAX_REACTIONS {
        store.react(change(ana), format!(":{n}:"), true, nothing()).await.unwrap();
    }
    let full = store.react(change(ana), ":more:".into(), true, nothing()).await;
    assert_eq!(full.unwrap_err(), StoreError::Full);
    assert!(store.react(change(bo), "b".into(), true, nothing()).await.unwrap().changed, "known ones go on");
    store.delete_message(change(ana), nothing()).await.unwrap();
    let gone = store.react(change(ana), "b".into(), true, nothing()).await;
    assert_eq!(gone.unwrap_err(), StoreError::State);
    assert_eq!(store.message(id).await.unwrap().reactions, []);
}

async fn pins_are_bounded_and_end_with_the_message(store: &dyn Store, a: UserId, stranger: UserId) {
    let channel = group(store, 7, a, &[]).await;
    let mut ids = Vec::new();
    for n in 0..=u128::from(MAX_PINS) {
        ids.push(store.send_message(text(2_000 + n, channel, a), nothing()).await.unwrap().message.id);
    }
    let pin = |id: MessageId, by: UserId, pinned: bool, now: WallMs| {
        store.pin(
            MessageChange { message: id, by, moderator: true, from: Origin::default(), now },
            pinned,
            nothing(),
        )
    };
    assert_eq!(pin(ids[0], stranger, true, 1).await.unwrap_err(), StoreError::NotFound);
    for (now, id) in (40..).zip(&ids[..ids.len() - 1]) {
        assert!(pin(*id, a, true, now).await.unwrap().changed);
        assert!(!pin(*id, a, true, now).await.unwrap().changed);
    }
    let last = ids[ids.len() - 1];
    assert_eq!(pin(last, a, true, 900).await.unwrap_err(), StoreError::Full);
    let first = ids[0];
    store
        .delete_message(
            MessageChange { message: first, by: a, moderator: false, from: Origin::default(), now: 901 },
            nothing(),
        )
        .await
        .unwrap();
    assert_eq!(pin(first, a, true, 902).await.unwrap_err(), StoreError::State);
    let pinned = pin(last, a, true, 903).await.unwrap().message;
    assert_eq!((pinned.pinned_at, pinned.pinned_by), (Some(903), Some(a)));
    assert!(pin(ids[1], a, false, 904).await.unwrap().changed);
    let listed: Vec<MessageId> = store.pins(channel).await.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(listed.len(), MAX_PINS as usize - 1);
    assert_eq!((listed[0], listed.contains(&first), listed.contains(&ids[1])), (last, false, false));
}

async fn replies_have_a_timeline_of_their_own(store: &dyn Store, ana: UserId, bo: UserId, cy: UserId) {
    let channel = group(store, 71, ana, &[bo]).await;
    let root = store.send_message(text(73_000, channel, ana), nothing()).await.unwrap().message;
    let reply = |n: u128, by: UserId, to: MessageId| {
        let mentions = vec![ana, cy];
        store.send_message(NewMessage { thread: Some(to), mentions, ..text(n, channel, by) }, nothing())
    };
    assert_eq!(reply(73_001, cy, root.id).await.unwrap_err(), StoreError::NotFound, "not a member");
    let first = reply(73_002, bo, root.id).await.unwrap();
    assert_eq!((first.message.seq, first.message.rev), (1, root.rev + 1));
    assert_eq!(first.mentioned, [ana], "only members are mentioned");
    let second = reply(73_003, ana, root.id).await.unwrap();
    let summary = second.thread.unwrap();
    assert_eq!((summary.count, summary.last_seq, summary.root), (2, 2, root.id));
    assert_eq!(
        reply(73_004, bo, first.message.id).await.unwrap_err(),
        StoreError::State,
        "no threads in threads"
    );

    // The channel's own timeline does not move, its revision does, and the root comes with the replies.
    let seen = store.channel(channel, bo).await.unwrap();
    assert_eq!((seen.last_seq, seen.rev), (1, second.message.rev));
    assert_eq!((seen.unread, seen.mentions, seen.thread_unread), (1, 0, 1));
    let main = store.history(Timeline::Channel(channel), HistoryAt::Latest, 10).await.unwrap();
    assert_eq!(main.messages.len(), 1);
    assert_eq!(main.messages[0].thread_summary(), Some(summary));
    let page = store.history(Timeline::Thread(root.id), HistoryAt::Before(2), 10).await.unwrap();
    assert_eq!((page.messages.len(), page.more_before, page.more_after), (1, false, true));
    let synced = store.sync(channel, root.rev).await.unwrap();
    let ids: Vec<MessageId> = synced.messages.iter().map(|one| one.id).collect();
    assert!(ids.contains(&root.id) && ids.contains(&first.message.id) && ids.len() == 3, "{ids:?}");

    // Both follow: one asked, one answered.
    let query = ThreadQuery { unread: true, limit: 10, ..ThreadQuery::default() };
    let listed = store.threads(bo, query).await.unwrap();
    assert_eq!((listed[0].root.id, listed[0].read_seq, listed[0].unread), (root.id, 1, 1));
    assert_eq!(store.threads(ana, query).await.unwrap(), [], "who wrote the last reply has read it");
    assert_eq!(store.thread(root.id, bo).await.unwrap(), listed[0]);
    let mark = store.mark_thread_read(root.id, bo, ReadMove::UpTo(9), 49, nothing()).await.unwrap();
    assert_eq!((mark.read_seq, mark.unread, mark.thread), (2, 0, Some(root.id)));
    assert_eq!(store.channel(channel, bo).await.unwrap().thread_unread, 0);
    let back = store.mark_thread_read(root.id, ana, ReadMove::UnreadFrom(1), 49, nothing()).await.unwrap();
    assert_eq!((back.read_seq, back.unread, back.mentions), (0, 1, 1));
    assert_eq!(store.channel(channel, ana).await.unwrap().thread_mentions, 1);
    let all = store.mark_read(channel, ana, ReadMove::All, 50, nothing()).await.unwrap();
    assert!(all.changed);
    let after = store.channel(channel, ana).await.unwrap();
    assert_eq!((after.thread_unread, after.thread_mentions), (0, 0), "read with the channel");

    assert!(store.follow_thread(root.id, bo, false, nothing()).await.unwrap().changed);
    reply(73_005, ana, root.id).await.unwrap();
    assert_eq!(store.threads(bo, query).await.unwrap(), []);
    reply(73_006, bo, root.id).await.unwrap();
    assert!(store.thread(root.id, bo).await.unwrap().following, "who replies follows again");

    let change = MessageChange {
        message: first.message.id,
        by: bo,
        moderator: false,
        from: Origin::default(),
        now: 60,
    };
    let gone = store.delete_message(change, nothing()).await.unwrap();
    let summary = gone.thread.unwrap();
    assert_eq!((summary.count, summary.last_seq), (3, 4), "the place stays taken");
    assert_eq!(store.message(root.id).await.unwrap().rev, gone.message.rev, "the root changed with it");
    let change =
        MessageChange { message: root.id, by: ana, moderator: false, from: Origin::default(), now: 61 };
    store.delete_message(change, nothing()).await.unwrap();
    assert_eq!(reply(73_007, bo, root.id).await.unwrap_err(), StoreError::State, "nothing under a tombstone");
}

async fn everybody_is_mentioned_without_a_row_each(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 72, ana, &[bo]).await;
    let all = NewMessage { mentions_all: true, ..text(74_000, channel, ana) };
    let sent = store.send_message(all, nothing()).await.unwrap();
    assert_eq!(sent.mentioned, []);
    assert!(sent.message.mentions_all);
    assert_eq!(store.channel(channel, bo).await.unwrap().mentions, 1);
    assert_eq!(store.channel(channel, ana).await.unwrap().mentions, 0, "not oneself");
    let here = NewMessage { here: vec![bo], ..text(74_001, channel, ana) };
    assert_eq!(store.send_message(here, nothing()).await.unwrap().mentioned, [bo]);
    assert_eq!(store.channel(channel, bo).await.unwrap().mentions, 2);
    let mark = store.mark_read(channel, bo, ReadMove::UpTo(2), 70, nothing()).await.unwrap();
    assert_eq!(mark.mentions, 0);
}

async fn a_dm_is_found_again(store: &dyn Store, a: UserId, b: UserId) {
    let new = |n: u128, owner: UserId| NewChannel {
        id: ChannelId::from_parts(9, n),
        slug: None,
        kind: ChannelKind::Dm,
        name: String::new(),
        description: String::new(),
        is_private: true,
        is_voice: false,
        owner: Some(owner),
        members: vec![a, b],
        dm_key: Some("a:b".into()),
        department: None,
        project: None,
        is_internal: false,
        context: "{}".into(),
        now: 1,
    };
    let first = store.create_channel(new(1, a), nothing()).await.unwrap();
    let second = store.create_channel(new(2, b), nothing()).await.unwrap();
    assert_eq!((first.created, second.created), (true, false));
    assert_eq!(first.channel.id, second.channel.id);
    assert_eq!(second.channel.peer.as_ref().unwrap().0, a, "each sees the other one");
    assert_eq!(store.dm_peers(a).await.unwrap(), [b]);
}

async fn cursors_never_pass_the_end(store: &dyn Store, channel: ChannelId, user: UserId) {
    let end = store.channel(channel, user).await.unwrap().last_seq;
    let mark = store.mark_read(channel, user, ReadMove::UpTo(u64::MAX), 30, nothing()).await.unwrap();
    assert_eq!((mark.read_seq, mark.unread), (end, 0));
    let all = store.mark_read(channel, user, ReadMove::UnreadFrom(0), 30, nothing()).await.unwrap();
    assert_eq!((all.read_seq, all.unread), (0, 100), "counting stops at 100");
}

fn start(n: u128, channel: ChannelId, by: UserId, epoch: i64, now: i64) -> CallStep {
    let mut step = CallStep::new(CallId::from_parts(1, n), channel, now);
    step.create = Some(NewCall {
        kind: CallKind::Voice,
        mode: CallMode::Ring,
        state: CallState::Ringing,
        initiator: by,
        node: "n".into(),
        epoch,
    });
    step.joined =
        vec![StintStart { participant: crate::base::id::ParticipantId::from_parts(1, n), user: by }];
    step
}

async fn one_live_call_and_one_winner(store: &dyn Store, channel: ChannelId, ana: UserId, bo: UserId) {
    store.call_step(start(1, channel, ana, 7, 100), nothing()).await.unwrap();
    let second = store.call_step(start(2, channel, bo, 7, 100), nothing()).await;
    assert_eq!(second.unwrap_err(), StoreError::Duplicate);
    let mut answer = CallStep::new(CallId::from_parts(1, 1), channel, 200);
    answer.state = Some(CallState::Ongoing);
    answer.answered = true;
    answer.expect = &[CallState::Ringing];
    answer.invites = vec![(bo, InviteOutcome::Accepted)];
    store.call_step(answer.clone(), nothing()).await.unwrap();
    assert_eq!(store.call_step(answer, nothing()).await.unwrap_err(), StoreError::State);
    let mut end = CallStep::new(CallId::from_parts(1, 1), channel, 1200);
    end.state = Some(CallState::Completed);
    end.ended = Some(EndReason::LastLeft);
    end.message = Some(MessageId::from_parts(3, 1));
    let done = store.call_step(end, nothing()).await.unwrap();
    assert_eq!(done.duration_ms, Some(1000));
    assert_eq!(done.message.unwrap().call_summary.unwrap().duration_ms, Some(1000));
    store.call_step(start(2, channel, bo, 7, 1300), nothing()).await.unwrap();
}

async fn only_orphans_are_swept(store: &dyn Store, channel: ChannelId, ana: UserId) {
    assert_eq!(store.sweep_calls("n", 7, 9000).await.unwrap(), 0, "our own calls live");
    assert_eq!(store.sweep_calls("other", 8, 9000).await.unwrap(), 0, "not our node");
    store.touch_calls("n", 7, 5000).await.unwrap();
    assert_eq!(store.sweep_calls("n", 8, 9000).await.unwrap(), 1);
    let swept = store.call(CallId::from_parts(1, 2)).await.unwrap();
    assert_eq!((swept.state, swept.ended_at), (CallState::Missed, Some(5000)));
    assert_eq!(swept.stints[0].left_at, Some(5000));
    store.call_step(start(3, channel, ana, 8, 9000), nothing()).await.unwrap();
    let (one, two) = (store.next_epoch("n").await.unwrap(), store.next_epoch("n").await.unwrap());
    assert_eq!(two, one + 1);
}

/// With the step, or not at all.
async fn what_administrators_do_to_calls_is_written_down(store: &dyn Store, channel: ChannelId, by: UserId) {
    let (call, rung) = (CallId::from_parts(1, 3), UserId::from_parts(1, 3));
    let before = store.audit(None, 1).await.unwrap().first().map_or(0, |line| line.n);
    let from: Origin = std::net::IpAddr::from([192, 0, 2, 7]).into();
    let act = |action, user| Some(CallAct { by, from, action, user });
    let mut late = CallStep::new(call, channel, 9_100);
    (late.expect, late.act) = (&[CallState::Ongoing], act("call.end", None));
    assert_eq!(store.call_step(late, nothing()).await.unwrap_err(), StoreError::State);
    let mut quiet = CallStep::new(call, channel, 9_200);
    (quiet.invites, quiet.act) = (vec![(rung, InviteOutcome::Cancelled)], act("ring.cancel", Some(rung)));
    store.call_step(quiet, nothing()).await.unwrap();
    let mut end = CallStep::new(call, channel, 9_300);
    (end.state, end.ended) = (Some(CallState::Cancelled), Some(EndReason::AdminEnded));
    end.act = act("call.end", None);
    store.call_step(end, nothing()).await.unwrap();
    assert_eq!(store.call(call).await.unwrap().end_reason, Some(EndReason::AdminEnded));
    let lines = store.audit(None, 2).await.unwrap();
    let said: Vec<_> = lines.iter().map(|line| (line.n, line.action.as_str(), line.at)).collect();
    assert_eq!(said, [(before + 2, "call.end", 9_300), (before + 1, "ring.cancel", 9_200)]);
    for line in &lines {
        let who = (line.actor, line.target.as_str(), line.ip.as_deref());
        assert_eq!(who, (by, call.to_string().as_str(), Some("192.0.2.7")));
    }
    let detail = |line: &AuditRecord| serde_json::from_str::<serde_json::Value>(&line.detail).unwrap();
    assert_eq!(detail(&lines[0]), serde_json::json!({"channelId": channel}));
    assert_eq!(detail(&lines[1]), serde_json::json!({"channelId": channel, "userId": rung}));
    assert!(store.verify_audit().await.unwrap().whole);
}

async fn lists_page_without_gaps(store: &dyn Store, ana: UserId) {
    let first = store.users(None, None, Within::default(), 2).await.unwrap();
    let rest = store.users(None, Some(&first[1].username), Within::default(), 2).await.unwrap();
    let names: Vec<_> = first.iter().chain(&rest).map(|user| user.username.as_str()).collect();
    assert_eq!(names, ["user-1", "user-2", "user-3"]);
    assert_eq!(store.users(Some("ER-2"), None, Within::default(), 9).await.unwrap().len(), 1);
    let query = CallQuery { user: Some(ana), limit: 2, ..CallQuery::default() };
    let newest = store.calls(query.clone()).await.unwrap();
    let older = store.calls(CallQuery { before: Some(newest[1].id), ..query }).await.unwrap();
    assert_eq!((newest.len(), older.len()), (2, 1));
    assert_eq!(store.expire_nonces(i64::MAX).await.unwrap(), 0);
}

async fn a_closed_store_refuses(store: &dyn Store, channel: ChannelId, ana: UserId) {
    store.close().await;
    store.close().await;
    let late = store.send_message(text(999, channel, ana), nothing()).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
}
