//! Messages that wait for their time: once, in order, by the rules of the moment in which they are sent. And who has read.

use super::*;
use crate::chat::{
    error::Code,
    schedule::{ScheduleState, ScheduledRecord},
};

const YEAR: (WallMs, WallMs) = (0, 1_000_000);

pub(super) async fn all(store: &Arc<dyn Store>, [ana, bo, cy]: [UserId; 3]) {
    a_retry_gets_the_first_answer(&**store, [ana, bo, cy]).await;
    only_what_may_be_said_now_is_taken(&**store, [ana, bo, cy]).await;
    one_is_sent_once_and_in_order(store, ana, bo).await;
    the_rules_are_those_of_the_moment(&**store, ana, bo).await;
    edits_and_cancellations_win_or_lose_as_a_whole(&**store, ana, bo).await;
    what_is_over_is_forgotten(&**store, ana).await;
    receipts_count_who_was_there(&**store, [ana, bo, cy]).await;
}

fn wish(n: u128, channel: ChannelId, author: UserId, send_at: WallMs) -> NewScheduled {
    NewScheduled {
        id: ScheduleId::from_parts(1, n),
        channel,
        author,
        nonce: None,
        nonce_hash: None,
        content: format!("s{n}"),
        reply_to: None,
        thread: None,
        mentions: Vec::new(),
        send_at,
        within: YEAR,
        now: 10,
    }
}

async fn waits(store: &dyn Store, new: NewScheduled) -> ScheduledRecord {
    store.schedule(new, nothing()).await.unwrap().unwrap().scheduled
}

/// As the services make it.
fn message_of(one: &ScheduledRecord, n: u128, now: WallMs) -> NewMessage {
    NewMessage {
        nonce: Some(one.id.to_string()),
        nonce_hash: Some("scheduled".into()),
        content: one.content.clone(),
        thread: one.thread,
        now,
        ..text(n, one.channel, one.author)
    }
}

async fn fire(store: &dyn Store, one: &ScheduledRecord, n: u128, now: WallMs) -> Result<FiredMessage> {
    store.fire_schedule(one.id, one.rev, message_of(one, n, now), nothing()).await
}

async fn a_retry_gets_the_first_answer(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    let channel = group(store, 81, ana, &[bo]).await;
    let named = |n: u128, hash: &str| NewScheduled {
        nonce: Some("k".into()),
        nonce_hash: Some(hash.into()),
        ..wish(n, channel, ana, 500)
    };
    let first = store.schedule(named(1, "h"), nothing()).await.unwrap().unwrap();
    assert_eq!((first.duplicate, first.scheduled.state), (false, ScheduleState::Pending));
    let late = NewScheduled { within: (900, 901), ..named(2, "h") };
    let again = store.schedule(late, nothing()).await.unwrap().unwrap();
    assert_eq!((again.duplicate, &again.scheduled), (true, &first.scheduled), "even when its time is over");
    let misused = store.schedule(named(3, "other"), nothing()).await;
    assert_eq!(misused.unwrap_err(), StoreError::Duplicate);
    let of_bo = NewScheduled { author: bo, ..named(4, "h") };
    assert!(!store.schedule(of_bo, nothing()).await.unwrap().unwrap().duplicate, "nonces are one's own");
    assert_eq!(store.scheduled(first.scheduled.id, ana).await.unwrap(), first.scheduled);
    for stranger in [bo, cy] {
        assert_eq!(store.scheduled(first.scheduled.id, stranger).await.unwrap_err(), StoreError::NotFound);
    }
    assert_eq!(store.schedules(ana, Some(channel)).await.unwrap(), [first.scheduled]);
    assert_eq!(store.schedules(ana, Some(ChannelId::from_parts(9, 9))).await.unwrap(), []);
    for one in [ana, bo] {
        clear(store, one).await;
    }
}

async fn clear(store: &dyn Store, author: UserId) {
    for one in store.schedules(author, None).await.unwrap() {
        store.change_schedule(one.id, author, ScheduleChange::Cancel, 20, nothing()).await.unwrap();
    }
}

async fn only_what_may_be_said_now_is_taken(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    let channel = group(store, 82, ana, &[bo]).await;
    let root = store.send_message(text(80_000, channel, ana), nothing()).await.unwrap().message;
    let reply = NewMessage { thread: Some(root.id), ..text(80_001, channel, bo) };
    let reply = store.send_message(reply, nothing()).await.unwrap().message.id;
    let elsewhere = group(store, 83, ana, &[bo]).await;
    let other = store.send_message(text(80_002, elsewhere, ana), nothing()).await.unwrap().message.id;
    let refused = [
        (wish(20, channel, cy, 500), StoreError::NotFound),
        (NewScheduled { thread: Some(reply), ..wish(20, channel, ana, 500) }, StoreError::State),
        (NewScheduled { thread: Some(other), ..wish(20, channel, ana, 500) }, StoreError::NotFound),
        (NewScheduled { reply_to: Some(other), ..wish(20, channel, ana, 500) }, StoreError::NotFound),
    ];
    for (new, error) in refused {
        let told = Box::new(|_: &Option<Scheduled>| panic!("told"));
        assert_eq!(store.schedule(new, told).await.unwrap_err(), error);
    }
    for at in [YEAR.0 - 1, YEAR.1 + 1] {
        assert_eq!(store.schedule(wish(21, channel, ana, at), nothing()).await.unwrap(), None);
    }
    let act = ChannelAct { channel, by: ana, host: false, from: Origin::default(), now: 30 };
    let timeout = |until| MemberChange::Timeout { until, reason: String::new() };
    store.change_member(act.clone(), bo, timeout(Some(600)), nothing()).await.unwrap();
    let silenced = store.schedule(wish(22, channel, bo, 500), nothing()).await;
    assert_eq!(silenced.unwrap_err(), StoreError::TimedOut(600));
    store.change_member(act, bo, timeout(None), nothing()).await.unwrap();

    for n in 0..u128::from(MAX_SCHEDULED) {
        waits(store, wish(100 + n, channel, bo, 500)).await;
    }
    let full = store.schedule(wish(23, channel, bo, 500), nothing()).await;
    assert_eq!(full.unwrap_err(), StoreError::Full);
    let one = &store.schedules(bo, None).await.unwrap()[0];
    store.hold_schedule(one.id, one.rev, Unsent::Failed(Code::PermTimeout), 501, nothing()).await.unwrap();
    let full = store.schedule(wish(23, channel, bo, 500), nothing()).await;
    assert_eq!(full.unwrap_err(), StoreError::Full, "what failed is still kept");
    store.change_schedule(one.id, bo, ScheduleChange::Cancel, 502, nothing()).await.unwrap();
    waits(store, wish(23, channel, bo, 500)).await;
    clear(store, bo).await;
}

async fn one_is_sent_once_and_in_order(store: &Arc<dyn Store>, ana: UserId, bo: UserId) {
    let channel = group(&**store, 84, ana, &[bo]).await;
    let root = store.send_message(text(80_010, channel, bo), nothing()).await.unwrap().message.id;
    assert_eq!(store.next_schedule().await.unwrap(), None);
    let late = waits(&**store, wish(31, channel, ana, 300)).await;
    let first = waits(&**store, wish(33, channel, ana, 200)).await;
    let reply = NewScheduled { thread: Some(root), ..wish(32, channel, ana, 200) };
    let reply = waits(&**store, reply).await;
    assert_eq!(store.next_schedule().await.unwrap(), Some(200));
    assert_eq!(store.due_schedules(199, 9).await.unwrap().len(), 0);
    let due: Vec<ScheduleId> =
        store.due_schedules(200, 9).await.unwrap().iter().map(|due| due.scheduled.id).collect();
    assert_eq!(due, [reply.id, first.id], "of one moment the older one");
    let listed: Vec<ScheduleId> =
        store.schedules(ana, None).await.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(listed, [reply.id, first.id, late.id]);

    // Several that try at once, as two processes on one database may.
    let tries: Vec<_> = (0..8)
        .map(|n| {
            let (store, first) = (store.clone(), first.clone());
            tokio::spawn(async move { fire(&*store, &first, 80_020 + n, 210).await })
        })
        .collect();
    let mut sent = Vec::new();
    for one in tries {
        match one.await.unwrap() {
            Ok(fired) => sent.push(fired),
            Err(error) => assert_eq!(error, StoreError::State),
        }
    }
    let [fired] = &sent[..] else { panic!("sent {} times", sent.len()) };
    assert_eq!(fired.sent.message.content, "s33");
    assert_eq!((fired.sent.message.author, fired.sent.message.created_at), (ana, 210));
    assert_eq!(
        (fired.scheduled.state, fired.scheduled.message),
        (ScheduleState::Sent, Some(fired.sent.message.id))
    );
    assert_eq!((fired.scheduled.content.as_str(), fired.scheduled.rev), ("", first.rev + 1));
    let in_thread = fire(&**store, &reply, 80_030, 211).await.unwrap();
    assert_eq!(in_thread.sent.thread.map(|thread| thread.count), Some(1));
    let seen = store.channel(channel, ana).await.unwrap();
    assert_eq!((seen.last_seq, seen.read_seq), (2, 2), "who writes has read");
    assert_eq!(store.schedules(ana, None).await.unwrap(), [late]);
    clear(&**store, ana).await;
}

/// Stores on one database, as of several processes, that all try to send the same messages.
pub(in crate::store) async fn each_is_sent_by_one_of(stores: [Arc<dyn Store>; 2]) {
    let (users, channel) = people_in_a_group(&*stores[0], 1).await;
    let mut all = Vec::new();
    for n in 0..30 {
        all.push(waits(&*stores[0], wish(n, channel, users[0], 200)).await);
    }
    let tries = [(0, 81_000), (1, 82_000)].map(|(at, first): (usize, u128)| {
        let (store, all) = (stores[at].clone(), all.clone());
        tokio::spawn(async move {
            let mut sent = 0;
            for (n, one) in (first..).zip(&all) {
                match fire(&*store, one, n, 210).await {
                    Ok(_) => sent += 1,
                    Err(error) => assert_eq!(error, StoreError::State),
                }
            }
            sent
        })
    });
    let mut sent = 0;
    for one in tries {
        sent += one.await.unwrap();
    }
    let page = stores[1].history(Timeline::Channel(channel), HistoryAt::Latest, 100).await.unwrap();
    let said: Vec<String> = page.messages.into_iter().map(|message| message.content).collect();
    let wanted: Vec<String> = all.into_iter().map(|one| one.content).collect();
    assert_eq!((sent, said), (wanted.len(), wanted));
}

async fn the_rules_are_those_of_the_moment(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 85, ana, &[bo]).await;
    let dia = super::user(store, 85).await;
    store.add_member(channel, dia, 5, nothing()).await.unwrap();
    let one = waits(store, wish(41, channel, dia, 300)).await;
    let act = |now| ChannelAct { channel, by: ana, host: false, from: Origin::default(), now };
    let settings = |slow: Option<u32>, read_only: Option<bool>| ChannelSettings {
        slow_mode_s: slow,
        read_only,
        ..ChannelSettings::default()
    };
    let before = store.channel(channel, dia).await.unwrap();

    store.update_channel(act(20), settings(None, Some(true)), nothing()).await.unwrap();
    assert_eq!(fire(store, &one, 80_040, 300).await.unwrap_err(), StoreError::ReadOnly);
    store.update_channel(act(21), settings(Some(10), Some(false)), nothing()).await.unwrap();
    store.send_message(NewMessage { now: 5_000, ..text(80_041, channel, dia) }, nothing()).await.unwrap();
    assert_eq!(fire(store, &one, 80_042, 6_000).await.unwrap_err(), StoreError::Slow(9_000));
    store.update_channel(act(22), settings(Some(0), None), nothing()).await.unwrap();
    let ban = NewBan {
        user: dia,
        by: ana,
        reason: String::new(),
        until: Some(7_000),
        from: Origin::default(),
        now: 6_000,
    };
    store.ban(ban, nothing()).await.unwrap();
    assert_eq!(fire(store, &one, 80_043, 6_000).await.unwrap_err(), StoreError::Denied);
    let remove = MemberChange::Remove;
    store.change_member(act(6_500), dia, remove, nothing()).await.unwrap();
    assert_eq!(fire(store, &one, 80_044, 8_000).await.unwrap_err(), StoreError::NotFound);

    // Nothing of all that was left behind.
    assert_eq!(store.scheduled(one.id, dia).await.unwrap(), one);
    let said = 2; // A message, and the line that somebody was removed.
    assert_eq!(store.channel(channel, ana).await.unwrap().last_seq, before.last_seq + said);
    let put_off = store.hold_schedule(one.id, one.rev, Unsent::Later(9_000), 8_000, nothing()).await.unwrap();
    assert_eq!(put_off, one, "its author sees no difference");
    assert_eq!(
        (store.due_schedules(8_999, 9).await.unwrap().len(), store.next_schedule().await.unwrap()),
        (0, Some(9_000))
    );
    let why = Unsent::Failed(Code::NotFoundChannel);
    let failed = store.hold_schedule(one.id, one.rev, why, 9_000, nothing()).await.unwrap();
    assert_eq!((failed.state, failed.error.as_deref()), (ScheduleState::Failed, Some("not_found.channel")));
    assert_eq!((failed.content.as_str(), store.next_schedule().await.unwrap()), ("s41", None));
    let lost = store.hold_schedule(one.id, one.rev, why, 9_001, nothing()).await;
    assert_eq!(lost.unwrap_err(), StoreError::State);
    clear(store, dia).await;
}

async fn edits_and_cancellations_win_or_lose_as_a_whole(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 86, ana, &[bo]).await;
    let edit = |content: Option<&str>, send_at: Option<WallMs>| ScheduleChange::Edit {
        content: content.map(str::to_owned),
        mentions: None,
        send_at,
    };
    let change = |id, change| store.change_schedule(id, ana, change, 50, nothing());
    let mentions = vec![bo];
    let one = waits(store, NewScheduled { mentions, ..wish(51, channel, ana, 300) }).await;
    let foreign = store.change_schedule(one.id, bo, edit(Some("x"), None), 50, nothing()).await;
    assert_eq!(foreign.unwrap_err(), StoreError::NotFound);
    assert!(!change(one.id, edit(Some("s51"), Some(300))).await.unwrap().changed);
    let edited = change(one.id, edit(Some("better"), Some(400))).await.unwrap();
    assert!(edited.changed);
    let now = edited.scheduled;
    assert_eq!(
        (now.content.as_str(), now.send_at, now.rev, &now.mentions),
        ("better", 400, one.rev + 1, &vec![bo])
    );
    assert_eq!(fire(store, &one, 80_050, 300).await.unwrap_err(), StoreError::State, "not the old text");
    let why = Unsent::Failed(Code::PermReadOnly);
    let failed = store.hold_schedule(now.id, now.rev, why, 400, nothing()).await.unwrap();
    assert_eq!(change(one.id, edit(Some("again"), None)).await.unwrap_err(), StoreError::State);
    let again = change(one.id, edit(None, Some(500))).await.unwrap().scheduled;
    assert_eq!((again.state, &again.error, again.rev), (ScheduleState::Pending, &None, failed.rev + 1));
    fire(store, &again, 80_051, 500).await.unwrap();
    for late in [edit(Some("x"), Some(900)), ScheduleChange::Cancel] {
        assert_eq!(change(one.id, late).await.unwrap_err(), StoreError::State);
    }
    let two = waits(store, wish(52, channel, ana, 300)).await;
    let gone = change(two.id, ScheduleChange::Cancel).await.unwrap();
    assert_eq!((gone.changed, gone.scheduled.state), (true, ScheduleState::Cancelled));
    assert_eq!(gone.scheduled.content, "");
    assert!(!change(two.id, ScheduleChange::Cancel).await.unwrap().changed);
    assert_eq!(change(two.id, edit(None, Some(900))).await.unwrap_err(), StoreError::State);
    assert_eq!(fire(store, &two, 80_052, 300).await.unwrap_err(), StoreError::State);
}

async fn what_is_over_is_forgotten(store: &dyn Store, ana: UserId) {
    let channel = group(store, 87, ana, &[]).await;
    store.expire_schedules(YEAR.1, YEAR.1).await.unwrap();
    let [sent, failed, waiting] =
        [61, 62, 63].map(|n| NewScheduled { now: 1_000, ..wish(n, channel, ana, 2_000) });
    let (sent, failed) = (waits(store, sent).await, waits(store, failed).await);
    let waiting = waits(store, waiting).await;
    fire(store, &sent, 80_060, 2_000).await.unwrap();
    let why = Unsent::Failed(Code::PermBlocked);
    store.hold_schedule(failed.id, failed.rev, why, 2_000, nothing()).await.unwrap();
    assert_eq!(store.expire_schedules(2_000, 2_000).await.unwrap(), 0);
    assert_eq!(store.expire_schedules(2_001, 2_000).await.unwrap(), 1);
    assert_eq!(store.scheduled(sent.id, ana).await.unwrap_err(), StoreError::NotFound);
    assert_eq!(store.expire_schedules(2_001, 2_001).await.unwrap(), 1);
    assert_eq!(store.schedules(ana, None).await.unwrap(), [waiting]);
    clear(store, ana).await;
}

async fn receipts_count_who_was_there(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    let channel = group(store, 88, ana, &[bo]).await;
    let first = store.send_message(text(80_070, channel, ana), nothing()).await.unwrap().message;
    let second = store.send_message(text(80_071, channel, ana), nothing()).await.unwrap().message;
    let nobody = Receipts { readers: Vec::new(), count: 0 };
    assert_eq!(store.read_receipts(first.id, ana, 50).await.unwrap(), nobody, "not the author");
    store.mark_read(channel, bo, ReadMove::UpTo(1), 700, nothing()).await.unwrap();
    store.add_member(channel, cy, 701, nothing()).await.unwrap();
    let of_bo = Receipts { readers: vec![(bo, Some(700))], count: 1 };
    assert_eq!(store.read_receipts(first.id, ana, 50).await.unwrap(), of_bo, "cy came later");
    assert_eq!(store.read_receipts(second.id, ana, 50).await.unwrap(), nobody);
    let third = store.send_message(text(80_072, channel, ana), nothing()).await.unwrap().message;
    for (user, now) in [(cy, 710), (bo, 711)] {
        store.mark_read(channel, user, ReadMove::All, now, nothing()).await.unwrap();
    }
    let both = store.read_receipts(third.id, ana, 3).await.unwrap();
    assert_eq!(both, Receipts { readers: vec![(bo, Some(711)), (cy, Some(710))], count: 2 });
    assert_eq!(
        store.read_receipts(third.id, ana, 2).await.unwrap(),
        Receipts { readers: Vec::new(), count: 2 }
    );
    let reply = NewMessage { thread: Some(third.id), ..text(80_073, channel, bo) };
    let reply = store.send_message(NewMessage { now: 720, ..reply }, nothing()).await.unwrap().message;
    assert_eq!(store.read_receipts(reply.id, ana, 50).await.unwrap(), nobody);
    store.mark_thread_read(third.id, ana, ReadMove::UpTo(1), 725, nothing()).await.unwrap();
    let of_ana = Receipts { readers: vec![(ana, Some(725))], count: 1 };
    assert_eq!(store.read_receipts(reply.id, ana, 50).await.unwrap(), of_ana, "the thread's own cursor");
    // Reading the channel reads no thread that one does not follow.
    store.mark_read(channel, cy, ReadMove::All, 726, nothing()).await.unwrap();
    assert_eq!(store.read_receipts(reply.id, ana, 50).await.unwrap(), of_ana);
    store.follow_thread(third.id, cy, true, nothing()).await.unwrap();
    let both = Receipts { readers: vec![(ana, Some(725)), (cy, None)], count: 2 };
    assert_eq!(store.read_receipts(reply.id, ana, 50).await.unwrap(), both, "who knows when");
    let more = NewMessage { thread: Some(third.id), ..text(80_074, channel, bo) };
    let more = store.send_message(NewMessage { now: 727, ..more }, nothing()).await.unwrap().message;
    store.mark_read(channel, cy, ReadMove::All, 728, nothing()).await.unwrap();
    let of_cy = Receipts { readers: vec![(cy, Some(728))], count: 1 };
    assert_eq!(store.read_receipts(more.id, ana, 50).await.unwrap(), of_cy, "read with the channel");
    let act = ChannelAct { channel, by: ana, host: false, from: Origin::default(), now: 730 };
    store.change_member(act, cy, MemberChange::Remove, nothing()).await.unwrap();
    assert_eq!(store.read_receipts(third.id, ana, 50).await.unwrap().count, 1, "members only");
    let unknown = store.read_receipts(MessageId::from_parts(9, 9), ana, 50).await;
    assert_eq!(unknown.unwrap_err(), StoreError::NotFound);
}
