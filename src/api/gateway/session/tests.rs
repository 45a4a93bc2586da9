use serde_json::Value;

use super::{super::outbox::MAX_FRAMES, *};
use crate::{
    auth::grants::{Device, Grants},
    base::id::{SessionId, UserId},
    runtime::clock,
};

fn session() -> SessionState {
    let actor = Actor {
        user: UserId::from_parts(1, 1),
        username: "ana".into(),
        name: "Ana".into(),
        session: SessionId::from_parts(1, 1),
        device: Device::Desktop,
        grants: Arc::new(Grants::default()),
        login: None,
        from: Default::default(),
    };
    SessionState::new(Arc::new(actor), 1000)
}

fn event(class: Class) -> OutFrame {
    OutFrame::event("e", &Value::Null, class)
}

fn drain(session: &mut SessionState, generation: Generation) -> Vec<Option<u64>> {
    let mut seen = Vec::new();
    while let Ok(Some(frame)) = session.next(generation) {
        seen.push(frame.s());
    }
    seen
}

#[test]
fn reliable_frames_are_numbered_and_others_are_not() {
    let mut session = session();
    for class in [Class::Reliable, Class::Ephemeral, Class::Reply, Class::Reliable] {
        assert_eq!(session.push(&event(class)), Pushed::Queued);
    }
    assert_eq!(drain(&mut session, 1), [Some(1), None, None, Some(2)]);
}

#[test]
fn resume_from_zero_events_works_and_works_twice() {
    let mut session = session();
    let now = clock::now();
    assert!(session.detach(1, now));
    let (second, replay) = session.resume(0).unwrap();
    assert!(replay.is_empty());
    assert!(session.detach(second, now));
    session.push(&event(Class::Reliable));
    session.push(&event(Class::Ephemeral));
    let (third, replay) = session.resume(0).unwrap();
    assert_eq!(replay.iter().map(|f| f.s()).collect::<Vec<_>>(), [Some(1)]);
    session.push(&event(Class::Reliable));
    assert_eq!(drain(&mut session, third), [Some(2)]);
    let (_, replay) = session.resume(1).unwrap();
    assert_eq!(replay.iter().map(|f| f.s()).collect::<Vec<_>>(), [Some(2)]);
}

#[test]
fn a_half_open_socket_is_replaced() {
    let mut session = session();
    session.push(&event(Class::Reliable));
    let (second, replay) = session.resume(0).unwrap();
    assert_eq!(replay.len(), 1);
    assert_eq!(session.next(1).unwrap_err(), Cut::REPLACED);
    assert!(!session.detach(1, clock::now()), "the old socket's end must not detach the new one");
    assert!(session.is_attached());
    assert_eq!(drain(&mut session, second), [], "replayed frames are not queued again");
}

#[test]
fn a_slow_consumer_is_cut_and_resumes_without_a_gap() {
    let mut session = session();
    for _ in 0..MAX_FRAMES {
        assert_eq!(session.push(&event(Class::Reliable)), Pushed::Queued);
    }
    assert_eq!(session.push(&event(Class::Reliable)), Pushed::Full);
    assert_eq!(session.push(&event(Class::Reliable)), Pushed::Dropped);
    assert_eq!(session.next(1).unwrap_err(), Cut::SLOW);
    assert!(session.detach(1, clock::now()));
    let (_, replay) = session.resume(3).unwrap();
    let numbers: Vec<u64> = replay.iter().filter_map(|f| f.s()).collect();
    assert_eq!(numbers, (4..=MAX_FRAMES as u64 + 2).collect::<Vec<_>>());
}

#[test]
fn an_overrun_ring_refuses_to_resume() {
    let mut session = session();
    session.detach(1, clock::now());
    for _ in 0..600 {
        session.push(&event(Class::Reliable));
    }
    assert!(session.resume(0).is_none());
    assert!(session.resume(87).is_none());
    assert!(session.resume(601).is_none());
    assert_eq!(session.resume(88).unwrap().1.len(), 512);
}

#[test]
fn queued_frames_leave_before_a_polite_cut() {
    let mut session = session();
    session.push(&event(Class::Reply));
    session.cut(Cut::DRAINING);
    assert!(session.next(1).unwrap().is_some());
    assert_eq!(session.next(1).unwrap_err(), Cut::DRAINING);
}

#[test]
fn a_detached_session_ends_after_its_window() {
    let mut session = session();
    let (now, window) = (clock::now(), Duration::from_secs(120));
    assert!(!session.is_over(now + 2 * window, window));
    session.detach(1, now);
    assert!(!session.is_over(now + window - Duration::from_millis(1), window));
    assert!(session.is_over(now + window, window));
}
