use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;

use super::{
    super::super::socket::tests::{Client, pair},
    *,
};
use crate::{
    auth::grants::{Device, Grants},
    runtime::clock,
};

fn actor(user: u64, session: u64) -> Actor {
    Actor {
        user: UserId::from_parts(user, 0),
        username: "u".into(),
        name: "U".into(),
        session: SessionId::from_parts(session, 0),
        device: Device::Desktop,
        grants: Arc::new(Grants::default()),
        login: None,
        from: Default::default(),
    }
}

fn registry() -> Arc<Registry> {
    Registry::new(Arc::new(Metrics::new()))
}

fn open(registry: &Registry, user: u64, session: u64) -> Attachment {
    registry.open(Arc::new(actor(user, session)), u64::MAX).unwrap()
}

fn received(attachment: &Attachment) -> Vec<String> {
    let mut names = Vec::new();
    while let Ok(Some(frame)) = attachment.session.next(attachment.generation) {
        let json: Value = serde_json::from_str(&frame.to_text()).unwrap();
        names.push(json["ev"].as_str().unwrap().to_owned());
    }
    names
}

fn event(name: &'static str) -> OutEvent {
    OutEvent { name, reliable: true, data: Value::Null }
}

fn woken(attachment: &Attachment) -> bool {
    attachment.wake.notified().now_or_never().is_some()
}

/// Sixteen sessions with sockets, and the other ends.
async fn crowd(registry: &Registry) -> (Vec<Attachment>, Vec<(Writer, Client)>, Arc<[UserId]>) {
    let (mut crowd, mut sockets) = (Vec::new(), Vec::new());
    for n in 1..=pace::CROWD as u64 {
        let one = open(registry, n, 100 + n);
        let (writer, _, client) = pair().await;
        one.session.lend(one.generation, &writer);
        crowd.push(one);
        sockets.push((writer, client));
    }
    let users = crowd.iter().map(|one| one.session.user).collect();
    (crowd, sockets, users)
}

/// Later than any round of a test.
fn later() -> Instant {
    clock::now() + Duration::from_secs(3600)
}

#[tokio::test]
async fn a_busy_socket_is_woken_only_by_what_cannot_wait() {
    let registry = registry();
    let (crowd, _sockets, users) = crowd(&registry).await;
    let to_all = || registry.emit(Audience::Users(Arc::clone(&users)), event("all"));
    let (one, other) = (&crowd[0], &crowd[1]);
    let has_work = || one.session.has_work(one.generation);

    one.session.wrote(one.generation, later());
    to_all();
    assert_eq!((woken(one), woken(other)), (false, true), "only one of them was written to a moment ago");
    assert!(!has_work(), "a round will write it");
    registry.emit(Audience::Users(Arc::from([one.session.user])), event("mine"));
    assert!(woken(one) && has_work(), "an event of few people does not wait");
    assert_eq!(received(one), ["all", "mine"]);

    (1..pace::GATHERED).for_each(|_| to_all());
    assert!(!woken(one));
    to_all();
    assert!(woken(one) && has_work(), "enough is gathered");
    assert_eq!(received(one).len(), pace::GATHERED);

    one.session.wrote(one.generation, clock::now());
    one.session.turn(one.generation, later());
    to_all();
    assert!(woken(one) && has_work(), "the first event after a quiet moment does not wait");
    assert_eq!(received(one), ["all"]);

    one.session.wrote(one.generation, later());
    one.session.update(|state| state.cut(Cut::EXPIRED));
    assert!(woken(one) && has_work(), "nor does an end");
}

#[tokio::test]
async fn what_follows_an_event_that_waits_waits_with_it() {
    let registry = registry();
    let (crowd, _sockets, users) = crowd(&registry).await;
    let to_all = || registry.emit(Audience::Users(Arc::clone(&users)), event("all"));
    let one = &crowd[0];
    one.session.wrote(one.generation, later());
    to_all();
    one.session.wrote(one.generation, clock::now());
    to_all();
    assert!(!woken(one), "a round is on its way already");
    one.session.turn(one.generation, clock::now());
    to_all();
    assert!(woken(one));
}

#[tokio::test]
async fn a_new_socket_does_not_inherit_what_the_old_one_gathered() {
    let registry = registry();
    let (crowd, sockets, users) = crowd(&registry).await;
    let to_all = || registry.emit(Audience::Users(Arc::clone(&users)), event("all"));
    let old = &crowd[0];
    old.session.wrote(old.generation, later());
    to_all();
    let new = registry.resume(old.session.id, 0, &actor(1, 101), u64::MAX).unwrap();
    new.session.wrote(new.generation, later());
    to_all();
    assert!(woken(&new), "without a socket there is no round");
    new.session.lend(new.generation, &sockets[0].0);
    new.session.wrote(old.generation, later());
    to_all();
    assert!(woken(&new), "the old socket's write says nothing of the new one");
    new.session.wrote(new.generation, later());
    assert_eq!(received(&new), ["all", "all"]);
    to_all();
    assert!(new.session.shared().listed && !woken(&new), "it is listed anew");
    assert_eq!(old.session.turn(old.generation, clock::now()), None);
    assert!(new.session.shared().listed && !woken(&new), "the old round is not that of the new socket");
    old.session.take_back(old.generation);
    assert!(new.session.shared().writer.is_some(), "nor takes its socket");
}

#[tokio::test]
async fn a_round_writes_what_was_gathered() {
    let registry = registry();
    let (crowd, mut sockets, users) = crowd(&registry).await;
    let to_all = || registry.emit(Audience::Users(Arc::clone(&users)), event("all"));
    let one = &crowd[0];
    let turn = |until| one.session.turn(one.generation, until);
    one.session.wrote(one.generation, later());
    to_all();
    to_all();
    assert_eq!(turn(clock::now()), Some(2));
    for s in 1..=2 {
        let text = sockets[0].1.next().await.unwrap().unwrap().into_text().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["s"], s);
    }
    assert_eq!(turn(later()), None, "there is nothing more");
    to_all();
    assert!(woken(one), "after a quiet moment the next event wakes the task");
    assert_eq!(received(one).len(), 1);

    one.session.wrote(one.generation, later());
    to_all();
    one.session.update(|state| state.cut(Cut::EXPIRED));
    assert!(woken(one));
    assert_eq!(turn(later()), None, "the last frames are written, the end is left to the task");
    assert!(woken(one) && one.session.has_work(one.generation));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_left_to_its_task() {
    let registry = registry();
    let (crowd, sockets, users) = crowd(&registry).await;
    let one = &crowd[0];
    let (frames, writer) = (pace::GATHERED - 1, &sockets[0].0);
    let big = || OutEvent { data: Value::String("x".repeat(20_000)), ..event("all") };
    for _ in 0..1000 {
        one.session.wrote(one.generation, later());
        (0..frames).for_each(|_| registry.emit(Audience::Users(Arc::clone(&users)), big()));
        let is_over = one.session.turn(one.generation, later()).is_none() && woken(one);
        if is_over && writer.drained().now_or_never().is_none_or(|drained| drained.is_err()) {
            break;
        }
        while let Ok(Wrote { more: true, .. }) = one.session.write(one.generation, writer) {}
    }
    assert!(writer.drained().now_or_never().is_none(), "the kernel is full");
    assert!(one.session.shared().busy_until.is_none() && !one.session.shared().listed);
}

#[tokio::test]
async fn the_loops_write_without_the_tasks() {
    let registry = registry();
    let (crowd, mut sockets, users) = crowd(&registry).await;
    let _rounds: tokio::task::JoinSet<()> = registry.rounds().collect();
    // Long enough that a machine that is busy elsewhere finds nobody quiet before the first event.
    registry.gather_us.store(150_000, Relaxed);
    for one in &crowd {
        registry.wrote(&one.session, one.generation, 1);
    }
    for _ in 0..20 {
        registry.emit(Audience::Users(Arc::clone(&users)), event("all"));
    }
    for s in 1..=20 {
        for (_, client) in &mut sockets {
            let text = client.next().await.unwrap().unwrap().into_text().unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["s"], s);
        }
    }
    assert!(!crowd.iter().any(woken), "no task was needed");
    assert!(!crowd.iter().any(|one| one.session.shared().listed), "and nobody is written to in vain");
}

#[tokio::test]
async fn who_is_due_first_is_next_however_late_it_came() {
    let registry = registry();
    let (turns, mut taken) = tokio::sync::mpsc::channel(8);
    let rounds = Arc::new(Rounds::new(1));
    let (now, hour) = (clock::now(), Duration::from_secs(3600));
    let add = |user, due| {
        let one = open(&registry, user, user);
        rounds.add(Gathering { due, session: one.session, generation: one.generation });
    };
    add(1, now + hour);
    add(2, now + Duration::from_millis(2));
    add(3, now);
    let walking = Arc::clone(&rounds);
    let walk = async move {
        let turn = |one: Gathering, at: Instant| {
            assert!(one.due <= at, "it gathers");
            turns.try_send(one.session.user).unwrap();
        };
        walking.walk(0, turn).await;
    };
    let mut loops = tokio::task::JoinSet::new();
    loops.spawn(walk);
    for user in [3, 2] {
        assert_eq!(taken.recv().await, Some(UserId::from_parts(user, 0)));
    }
    // The loop is about to sleep for an hour.
    add(4, now);
    assert_eq!(taken.recv().await, Some(UserId::from_parts(4, 0)));
}

#[test]
fn audiences_reach_exactly_their_sessions() {
    let registry = registry();
    let (a1, a2, b) = (open(&registry, 1, 11), open(&registry, 1, 12), open(&registry, 2, 21));
    let channel = ChannelId::from_parts(9, 9);
    assert!(registry.focus(a1.session.id, channel) && registry.focus(b.session.id, channel));
    registry.emit(Audience::Users(Arc::from([a1.session.user])), event("users"));
    registry.emit(
        Audience::UsersExcept(Arc::from([a1.session.user, b.session.user]), a1.session.id),
        event("except"),
    );
    registry.emit(Audience::Session(a2.session.id), event("session"));
    registry.emit(Audience::OtherSessions { user: a1.session.user, except: a2.session.id }, event("others"));
    registry.emit(Audience::Focused { channel, except: [b.session.user].into() }, event("focused"));
    registry.unfocus(a1.session.id, channel);
    registry.emit(Audience::Focused { channel, except: [].into() }, event("focused2"));
    registry.emit(Audience::Everyone, event("everyone"));
    assert_eq!(received(&a1), ["users", "others", "focused", "everyone"]);
    assert_eq!(received(&a2), ["users", "except", "session", "everyone"]);
    assert_eq!(received(&b), ["except", "focused2", "everyone"]);
}

#[test]
fn who_is_expelled_loses_focus_and_interest_in_that_channel_only() {
    let registry = registry();
    let (a1, a2, b) = (open(&registry, 1, 11), open(&registry, 1, 12), open(&registry, 2, 21));
    let (left, kept) = (ChannelId::from_parts(9, 1), ChannelId::from_parts(9, 2));
    for attachment in [&a1, &a2, &b] {
        for channel in [left, kept] {
            registry.focus(attachment.session.id, channel);
        }
    }
    let (one, other) = (UserId::from_parts(7, 1), UserId::from_parts(7, 2));
    registry.watch_presence(a1.session.id, &left.to_string(), &[one]);
    registry.watch_presence(a1.session.id, &kept.to_string(), &[other]);
    registry.expel(a1.session.user, left);
    registry.emit(Audience::Focused { channel: left, except: [].into() }, event("left"));
    registry.emit(Audience::Focused { channel: kept, except: [].into() }, event("kept"));
    registry.presence_changed(one, Value::Null, &|_| false);
    registry.flush_presence();
    assert_eq!((received(&a1), received(&a2)), (vec!["kept".into()], vec!["kept".to_owned()]));
    assert_eq!(received(&b), ["left", "kept"]);
    registry.presence_changed(other, Value::Null, &|_| false);
    registry.flush_presence();
    assert_eq!(received(&a1), ["presence:changed"]);
}

#[test]
fn a_session_focuses_eight_channels() {
    let registry = registry();
    let a = open(&registry, 1, 1);
    let channel = |n| ChannelId::from_parts(n, 0);
    assert!((0..8).all(|n| registry.focus(a.session.id, channel(n))));
    assert!(registry.focus(a.session.id, channel(3)));
    assert!(!registry.focus(a.session.id, channel(8)));
    registry.unfocus(a.session.id, channel(0));
    assert!(registry.focus(a.session.id, channel(8)));
}

#[test]
fn presence_is_batched_and_the_latest_wins() {
    let registry = registry();
    let a = open(&registry, 1, 1);
    let (x, y) = (UserId::from_parts(7, 0), UserId::from_parts(8, 0));
    registry.watch_presence(a.session.id, "users", &[x, y]);
    registry.watch_presence(a.session.id, "channel", &[x]);
    registry.presence_changed(x, json!({"userId": x, "status": "away"}), &|_| false);
    registry.presence_changed(x, json!({"userId": x, "status": "online"}), &|_| false);
    registry.presence_changed(y, json!({"userId": y, "status": "online"}), &|_| false);
    registry.flush_presence();
    registry.flush_presence();
    let frame = a.session.next(1).unwrap().unwrap();
    let json: Value = serde_json::from_str(&frame.to_text()).unwrap();
    assert_eq!(json["d"].as_array().unwrap().len(), 2);
    assert_eq!(json["d"][0]["status"], "online");
    assert!(json.get("s").is_none());
    assert!(a.session.next(1).unwrap().is_none());
    registry.unwatch_presence(a.session.id, "users");
    registry.presence_changed(y, json!({}), &|_| false);
    registry.presence_changed(x, json!({"userId": x}), &|_| false);
    registry.flush_presence();
    let json: Value = serde_json::from_str(&a.session.next(1).unwrap().unwrap().to_text()).unwrap();
    assert_eq!(json["d"], json!([{"userId": x}]), "x is still watched under the other key, y is not");
}

#[test]
fn only_the_same_user_resumes() {
    let registry = registry();
    let a = open(&registry, 1, 1);
    registry.emit(Audience::Everyone, event("one"));
    assert!(registry.resume(a.session.id, 0, &actor(2, 5), 1).is_none());
    let again = registry.resume(a.session.id, 0, &actor(1, 5), 1).unwrap();
    assert_eq!(again.replay.len(), 1);
    assert_eq!(again.session.actor().session, a.session.id);
    assert!(registry.resume(SessionId::from_parts(99, 0), 0, &actor(1, 5), 1).is_none());
}

#[test]
fn nothing_remains_of_a_closed_session() {
    let registry = registry();
    let a = open(&registry, 1, 1);
    registry.focus(a.session.id, ChannelId::from_parts(1, 0));
    registry.watch_presence(a.session.id, "users", &[UserId::from_parts(7, 0)]);
    registry.presence_changed(UserId::from_parts(7, 0), json!({}), &|_| false);
    a.session.update(|state| state.detach(1, clock::now()));
    let later = clock::now() + Duration::from_secs(200);
    let gone = registry.sweep(later, 0, Duration::from_secs(120));
    assert_eq!(gone.len(), 1);
    let index = registry.read();
    assert!(index.sessions.is_empty() && index.by_user.is_empty() && index.focused.is_empty());
    assert!(index.focus_of.is_empty() && index.watchers.is_empty() && index.interest_of.is_empty());
    drop(index);
    assert!(registry.pending_presence().is_empty());
}

#[test]
fn a_disconnected_user_cannot_resume() {
    let registry = registry();
    let a = open(&registry, 1, 1);
    registry.disconnect_user(a.session.user, 4003, "auth.banned");
    assert_eq!(a.session.next(1).unwrap_err().invalid, Some("auth.banned"));
    a.session.update(|state| state.detach(1, clock::now()));
    assert!(registry.resume(a.session.id, 0, &actor(1, 1), 1).is_none());
    assert_eq!(registry.sweep(clock::now(), 0, Duration::from_secs(120)).len(), 1);
}

#[test]
fn an_expired_token_cuts_the_socket() {
    let registry = registry();
    let a = registry.open(Arc::new(actor(1, 1)), 500).unwrap();
    assert!(registry.sweep(clock::now(), 499, Duration::from_secs(1)).is_empty());
    assert!(a.session.next(1).is_ok());
    registry.sweep(clock::now(), 500, Duration::from_secs(1));
    assert_eq!(a.session.next(1).unwrap_err(), Cut::EXPIRED);
}

#[test]
fn whom_a_presence_is_hidden_from_is_told_apart_from_the_others() {
    let registry = registry();
    let (a1, a2, b) = (open(&registry, 1, 11), open(&registry, 1, 12), open(&registry, 2, 21));
    let (x, y) = (UserId::from_parts(7, 0), UserId::from_parts(8, 0));
    for one in [&a1, &b] {
        registry.watch_presence(one.session.id, "users", &[x, y]);
    }
    let told = |one: &Attachment| {
        let frame = one.session.next(one.generation).unwrap()?;
        let json: Value = serde_json::from_str(&frame.to_text()).unwrap();
        Some(json["d"].as_array().unwrap().iter().map(|row| row["is"].clone()).collect::<Vec<_>>())
    };
    let blocked = a1.session.user;
    registry.presence_changed(x, json!({"is": "away"}), &|_| false);
    registry.presence_shown(x, json!({"is": "hidden"}), blocked);
    registry.presence_changed(x, json!({"is": "dnd"}), &|watcher| watcher == blocked);
    registry.flush_presence();
    assert_eq!(told(&a1), Some(vec![json!("hidden")]), "nothing of before and nothing of after");
    assert_eq!(told(&b), Some(vec![json!("dnd")]));
    assert_eq!(told(&a2), None, "it follows nobody");

    let crowd: Vec<UserId> = (0..MAX_PRESENCE_BATCH as u64).map(|n| UserId::from_parts(100 + n, 0)).collect();
    registry.watch_presence(a1.session.id, "crowd", &crowd);
    for one in crowd.iter().chain([&y]) {
        registry.presence_changed(*one, json!({"is": "online"}), &|_| false);
    }
    registry.presence_shown(x, json!({"is": "hidden"}), blocked);
    registry.flush_presence();
    let told = told(&a1).unwrap();
    assert_eq!(told.len(), MAX_PRESENCE_BATCH + 1, "a full batch still hides");
    assert!(told.contains(&json!("hidden")));
}
