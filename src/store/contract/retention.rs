//! What is old or was deleted is gone for good, and nothing else is.

use super::*;

const DAY: WallMs = 86_400_000;
/// Everything here happens before all other messages of the contract, so that a server's rule does not reach those.
const START: WallMs = -100 * DAY;
const NEVER: WallMs = WallMs::MIN;

pub(super) async fn all(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    what_is_too_old_loses_its_content_and_keeps_its_place(store, ana, bo).await;
    the_shorter_time_of_channel_and_server_counts(store, ana, cy).await;
    what_was_deleted_stays_until_its_grace_is_over(store, ana, bo).await;
}

/// Passes until nothing is left to do; how many messages they cleared.
async fn cleared(store: &dyn Store, rule: ClearRule) -> u64 {
    let (mut pass, mut count) = (ClearPass::default(), 0);
    loop {
        let done = store.clear(rule, pass, nothing()).await.unwrap();
        assert!(done.messages <= 4, "a portion is small");
        count += done.messages;
        match done.next {
            Some(next) => pass = next,
            None => return count,
        }
    }
}

async fn old_group(store: &dyn Store, n: u128, owner: UserId, other: UserId) -> ChannelId {
    let new = NewChannel {
        id: ChannelId::from_parts(1, n),
        slug: None,
        kind: ChannelKind::Group,
        name: format!("old {n}"),
        description: String::new(),
        is_private: true,
        is_voice: false,
        owner: Some(owner),
        members: vec![owner, other],
        dm_key: None,
        department: None,
        project: None,
        is_internal: false,
        context: "{}".into(),
        now: START,
    };
    store.create_channel(new, nothing()).await.unwrap().channel.id
}

async fn keeps(store: &dyn Store, channel: ChannelId, by: UserId, days: u32) -> ChannelRecord {
    let settings = ChannelSettings { retention_days: Some(days), ..ChannelSettings::default() };
    let act = ChannelAct { channel, by, host: false, from: Origin::default(), now: START };
    store.update_channel(act, settings, nothing()).await.unwrap().channel
}

async fn what_is_too_old_loses_its_content_and_keeps_its_place(store: &dyn Store, ana: UserId, bo: UserId) {
    let (channel, other) = (old_group(store, 91, ana, bo).await, old_group(store, 92, ana, bo).await);
    let change =
        |message| MessageChange { message, by: ana, moderator: true, from: Origin::default(), now: START };
    let say =
        |n: u128, channel, at| NewMessage { now: at, mentions: vec![bo], ..text(90_000 + n, channel, ana) };
    let (old, young) = (START, START + 8 * DAY);
    let now = START + 10 * DAY;
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(store.send_message(say(n, channel, old), nothing()).await.unwrap().message.id);
    }
    store.edit_message(change(ids[0]), "what it said later".into(), None, nothing()).await.unwrap();
    store.react(change(ids[1]), "\u{1F44D}".into(), true, nothing()).await.unwrap();
    store.pin(change(ids[2]), true, nothing()).await.unwrap();
    let reply = |n, at| NewMessage { thread: Some(ids[3]), ..say(n, channel, at) };
    let old_reply = store.send_message(reply(10, old), nothing()).await.unwrap().message.id;
    let young_reply = store.send_message(reply(11, young), nothing()).await.unwrap().message.id;
    let young = store.send_message(say(12, channel, young), nothing()).await.unwrap().message.id;
    let elsewhere = store.send_message(say(13, other, old), nothing()).await.unwrap().message.id;
    let before = keeps(store, channel, ana, 5).await;
    assert_eq!(before.retention_days, 5);

    let rule = ClearRule { default_days: 0, deleted_before: NEVER, now };
    assert_eq!(cleared(store, rule).await, 7);
    assert_eq!(cleared(store, rule).await, 0, "once");
    for id in ids.iter().chain([&old_reply]) {
        let gone = store.message(*id).await.unwrap();
        assert_eq!((gone.content.as_str(), gone.deleted_at, gone.deleted_by), ("", Some(now), None));
        assert!(gone.mentions.is_empty() && gone.reactions.is_empty() && gone.pinned_at.is_none());
    }
    assert!(store.revisions(ids[0]).await.unwrap().is_empty());
    assert!(store.own_reactions(ana, &ids).await.unwrap().is_empty());
    assert!(store.pins(channel).await.unwrap().is_empty());
    for id in [young, young_reply, elsewhere] {
        let kept = store.message(id).await.unwrap();
        assert!(
            kept.deleted_at.is_none() && kept.content.starts_with('m') && kept.mentions == [bo],
            "{kept:?}"
        );
    }
    let root = store.message(ids[3]).await.unwrap();
    assert_eq!((root.thread_count, root.thread_last_seq), (1, 2), "the young reply is still there");

    let after = store.channel(channel, bo).await.unwrap();
    assert!(after.last_seq == before.last_seq && after.rev > before.rev);
    assert_eq!((after.unread, after.mentions), (1, 1), "only what can still be read");
    let page = store.history(Timeline::Channel(channel), HistoryAt::Latest, 50).await.unwrap();
    let seqs: Vec<u64> = page.messages.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=after.last_seq).collect::<Vec<_>>(), "no gap");
    // Who was away gets them like any other deletion.
    let sync = store.sync(channel, before.rev).await.unwrap();
    let told: std::collections::BTreeSet<MessageId> =
        sync.messages.iter().map(|message| message.id).collect();
    assert_eq!(told, ids.iter().copied().chain([old_reply]).collect());
    assert!(!sync.truncated && sync.rev == after.rev);

    // What becomes old later is found where the last pass ended.
    let rule = ClearRule { now: now + 5 * DAY, ..rule };
    assert_eq!(cleared(store, rule).await, 2);
    // A shorter time reaches what is there already.
    keeps(store, other, ana, 1).await;
    assert_eq!(cleared(store, rule).await, 1);
}

async fn the_shorter_time_of_channel_and_server_counts(store: &dyn Store, ana: UserId, cy: UserId) {
    let (short, long, none) = (
        old_group(store, 93, ana, cy).await,
        old_group(store, 94, ana, cy).await,
        old_group(store, 95, ana, cy).await,
    );
    keeps(store, short, ana, 2).await;
    keeps(store, long, ana, 3650).await;
    for (n, channel) in (0..).zip([short, long, none]) {
        for (at, day) in (0..).zip([0, 4, 9]) {
            let new = NewMessage { now: START + day * DAY, ..text(91_000 + 10 * n + at, channel, ana) };
            store.send_message(new, nothing()).await.unwrap();
        }
    }
    let rule = ClearRule { default_days: 7, deleted_before: NEVER, now: START + 10 * DAY };
    cleared(store, rule).await;
    let left = async |channel| {
        let page = store.history(Timeline::Channel(channel), HistoryAt::Latest, 9).await.unwrap();
        page.messages.iter().filter(|message| message.deleted_at.is_none()).count()
    };
    assert_eq!((left(short).await, left(long).await, left(none).await), (1, 2, 2));
}

async fn what_was_deleted_stays_until_its_grace_is_over(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = old_group(store, 96, ana, bo).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let new = NewMessage { now: START, ..text(92_000 + n, channel, ana) };
        ids.push(store.send_message(new, nothing()).await.unwrap().message.id);
    }
    let change = |message| MessageChange {
        message,
        by: ana,
        moderator: false,
        from: Origin::default(),
        now: START + 10,
    };
    store.edit_message(change(ids[1]), "regretted twice".into(), None, nothing()).await.unwrap();
    for id in &ids[1..] {
        store.delete_message(change(*id), nothing()).await.unwrap();
    }
    let rev = store.channel(channel, ana).await.unwrap().rev;
    let rule = |deleted_before| ClearRule { default_days: 0, deleted_before, now: START + DAY };
    assert_eq!(cleared(store, rule(START + 10)).await, 0, "not yet");
    assert_eq!(store.message(ids[1]).await.unwrap().content, "regretted twice");
    assert_eq!(cleared(store, rule(START + 11)).await, 4);
    for id in &ids[1..] {
        let gone = store.message(*id).await.unwrap();
        assert_eq!(
            (gone.content.as_str(), gone.deleted_at, gone.deleted_by),
            ("", Some(START + 10), Some(ana))
        );
    }
    assert!(store.revisions(ids[1]).await.unwrap().is_empty());
    assert_eq!(store.message(ids[0]).await.unwrap().content, "m92000");
    assert_eq!(store.channel(channel, ana).await.unwrap().rev, rev, "nobody sees a difference");
    assert!(store.stats().cleared >= 4);
}
