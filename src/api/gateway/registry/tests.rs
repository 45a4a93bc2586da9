use futures_util::FutureExt as _;
use serde_json::json;

use super::*;
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

#[test]
fn a_resting_socket_is_woken_only_by_what_cannot_wait() {
    let registry = registry();
    let crowd: Vec<_> = (1..=pace::CROWD as u64).map(|n| open(&registry, n, 100 + n)).collect();
    let users: Arc<[UserId]> = crowd.iter().map(|one| one.session.user).collect();
    let to_all = || registry.emit(Audience::Users(Arc::clone(&users)), event("all"));
    let (one, other) = (&crowd[0], &crowd[1]);

    assert!(one.session.rest(one.generation));
    to_all();
    assert_eq!((woken(one), woken(other)), (false, true), "only one of them rests");
    registry.emit(Audience::Users(Arc::from([one.session.user])), event("mine"));
    assert!(woken(one), "an event of few people does not wait");
    assert!(!one.session.rest(one.generation), "nor is there rest before it is written");
    assert_eq!(received(one), ["all", "mine"]);

    assert!(one.session.rest(one.generation));
    (1..pace::GATHERED).for_each(|_| to_all());
    assert!(!woken(one));
    to_all();
    assert!(woken(one), "enough is gathered");
    assert_eq!(received(one).len(), pace::GATHERED);

    assert!(one.session.rest(one.generation));
    one.session.stir(one.generation);
    to_all();
    assert!(woken(one), "the rest is over");
    received(one);
    assert!(one.session.rest(one.generation));
    one.session.update(|state| state.cut(Cut::EXPIRED));
    assert!(woken(one) && !one.session.rest(one.generation), "who must go does not rest");
}

#[test]
fn a_new_socket_does_not_inherit_the_rest_of_the_old_one() {
    let registry = registry();
    let crowd: Vec<_> = (1..=pace::CROWD as u64).map(|n| open(&registry, n, 100 + n)).collect();
    let users: Arc<[UserId]> = crowd.iter().map(|one| one.session.user).collect();
    let old = &crowd[0];
    assert!(old.session.rest(old.generation));
    let new = registry.resume(old.session.id, 0, &actor(1, 101), u64::MAX).unwrap();
    assert!(!woken(&new));
    registry.emit(Audience::Users(users), event("all"));
    assert!(woken(&new));
    assert!(new.session.rest(new.generation));
    old.session.stir(old.generation);
    registry.emit(Audience::Users((1..=16).map(|n| UserId::from_parts(n, 0)).collect()), event("all"));
    assert!(!woken(&new), "the old socket does not end the rest of the new one");
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
    registry.emit(Audience::Focused { channel, except: Some(b.session.user) }, event("focused"));
    registry.unfocus(a1.session.id, channel);
    registry.emit(Audience::Focused { channel, except: None }, event("focused2"));
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
    registry.emit(Audience::Focused { channel: left, except: None }, event("left"));
    registry.emit(Audience::Focused { channel: kept, except: None }, event("kept"));
    registry.presence_changed(one, Value::Null);
    registry.flush_presence();
    assert_eq!((received(&a1), received(&a2)), (vec!["kept".into()], vec!["kept".to_owned()]));
    assert_eq!(received(&b), ["left", "kept"]);
    registry.presence_changed(other, Value::Null);
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
    registry.presence_changed(x, json!({"userId": x, "status": "away"}));
    registry.presence_changed(x, json!({"userId": x, "status": "online"}));
    registry.presence_changed(y, json!({"userId": y, "status": "online"}));
    registry.flush_presence();
    registry.flush_presence();
    let frame = a.session.next(1).unwrap().unwrap();
    let json: Value = serde_json::from_str(&frame.to_text()).unwrap();
    assert_eq!(json["d"].as_array().unwrap().len(), 2);
    assert_eq!(json["d"][0]["status"], "online");
    assert!(json.get("s").is_none());
    assert!(a.session.next(1).unwrap().is_none());
    registry.unwatch_presence(a.session.id, "users");
    registry.presence_changed(y, json!({}));
    registry.presence_changed(x, json!({"userId": x}));
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
    registry.presence_changed(UserId::from_parts(7, 0), json!({}));
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
