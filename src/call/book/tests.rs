//! The state machine on a clock of its own.

use super::*;
use crate::{call::step::CallAct, runtime::clock};

const ANA: u128 = 1;
const BO: u128 = 2;
const CY: u128 = 3;

struct Bench {
    book: Book,
    start: Instant,
    ms: u64,
    next: u128,
}

impl Bench {
    fn new() -> Self {
        let timing = Timing {
            ring: Duration::from_secs(45),
            alone: Duration::from_secs(300),
            max: Duration::from_secs(4 * 3600),
            grace: Duration::from_secs(15),
            max_participants: 3,
        };
        Self { book: Book::new(timing), start: clock::now(), ms: 0, next: 100 }
    }

    fn now(&self) -> Now {
        let wall_ms = 1_700_000_000_000 + i64::try_from(self.ms).unwrap();
        Now { instant: self.start + Duration::from_millis(self.ms), wall_ms }
    }

    fn user(n: u128) -> UserId {
        UserId::from_parts(1, n)
    }

    fn session(n: u128) -> SessionId {
        SessionId::from_parts(1, n)
    }

    fn joiner(&mut self, user: u128, session: u128) -> Joiner {
        self.next += 1;
        let person = Person {
            id: Self::user(user),
            username: format!("u{user}"),
            name: format!("U{user}"),
            login: None,
        };
        let participant = ParticipantId::from_parts(1, self.next);
        Joiner {
            person,
            session: Self::session(session),
            participant,
            muted: false,
            deafened: false,
            fresh: false,
            host: false,
        }
    }

    fn start(&mut self, mode: CallMode, by: u128, ring: &[u128]) -> (CallId, Plan) {
        self.next += 1;
        let start = Start {
            call: CallId::from_parts(1, self.next),
            channel: ChannelId::from_parts(1, 1),
            channel_kind: "group",
            channel_name: "team".into(),
            kind: CallKind::Voice,
            mode,
            ring: ring.iter().map(|n| Self::user(*n)).collect(),
            playout_delay: None,
            by: self.joiner(by, by * 10),
        };
        let plan = self.book.start(self.now(), start).unwrap();
        self.book.apply(&plan);
        (plan.call, plan)
    }

    fn accept(&mut self, call: CallId, user: u128, session: u128) -> Result<Plan, CallError> {
        let by = self.joiner(user, session);
        let plan = self.book.accept(self.now(), call, by)?;
        self.book.apply(&plan);
        Ok(plan)
    }

    fn join(&mut self, call: CallId, user: u128, session: u128) -> Result<Plan, CallError> {
        let by = self.joiner(user, session);
        let plan = self.book.join(self.now(), call, by)?;
        self.book.apply(&plan);
        Ok(plan)
    }

    fn run(&mut self, act: impl FnOnce(&Book, Now) -> Result<Plan, CallError>) -> Result<Plan, CallError> {
        let plan = act(&self.book, self.now())?;
        self.book.apply(&plan);
        Ok(plan)
    }

    /// Lets time pass and returns what became due, one plan per call and moment.
    fn wait(&mut self, seconds: u64) -> Vec<Plan> {
        self.ms += seconds * 1000;
        let mut plans = Vec::new();
        while let Some(plan) = self.book.due(self.now()) {
            self.book.apply(&plan);
            plans.push(plan);
            assert!(plans.len() < 50, "the book is never done");
        }
        plans
    }
}

fn names(plan: &Plan) -> Vec<&'static str> {
    plan.notices.iter().map(|notice| notice.name).collect()
}

fn ended(plan: &Plan) -> Option<(CallState, EndReason)> {
    let step = plan.step.as_ref()?;
    Some((step.state?, step.ended?))
}

#[test]
fn an_answer_makes_it_ongoing_and_silences_the_other_devices() {
    let mut b = Bench::new();
    let (call, plan) = b.start(CallMode::Ring, ANA, &[BO]);
    assert_eq!(names(&plan), ["call:started", "call:participant_joined", "call:incoming"]);
    assert_eq!(plan.step.as_ref().unwrap().invites, [(Bench::user(BO), InviteOutcome::Ringing)]);
    assert!(!plan.step.as_ref().unwrap().answered);

    b.ms += 3000;
    let plan = b.accept(call, BO, 20).unwrap();
    let accepted = plan.notices.iter().find(|n| n.name == "call:accepted").unwrap();
    assert_eq!(accepted.to, To::UsersExcept(vec![Bench::user(ANA), Bench::user(BO)], Bench::session(20)));
    let step = plan.step.unwrap();
    assert_eq!((step.state, step.answered), (Some(CallState::Ongoing), true));
    assert_eq!(step.expect, [CallState::Ringing]);
    assert_eq!(step.invites, [(Bench::user(BO), InviteOutcome::Accepted)]);

    assert_eq!(b.accept(call, BO, 21).unwrap_err(), CallError::State("answered on another device"));
    assert!(b.wait(46).is_empty(), "nothing rings any more");
}

#[test]
fn only_the_first_ringing_device_is_told_to_those_who_wait_for_it() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    let first = b.run(|book, now| book.ringing(now, call, Bench::user(BO))).unwrap();
    assert_eq!(names(&first), ["call:ringing"]);
    assert!(first.step.is_none());
    let second = b.run(|book, now| book.ringing(now, call, Bench::user(BO))).unwrap();
    assert!(second.notices.is_empty());
    assert!(b.run(|book, now| book.ringing(now, call, Bench::user(CY))).is_err());

    b.accept(call, BO, 20).unwrap();
    b.run(|book, now| book.invite(now, call, Bench::user(BO), false, &[Bench::user(CY)])).unwrap();
    let of_bo = b.run(|book, now| book.ringing(now, call, Bench::user(CY))).unwrap();
    assert_eq!(of_bo.notices[0].to, To::Users(vec![Bench::user(ANA), Bench::user(BO)]), "whoever rang");
}

#[test]
fn how_the_rung_answer_decides_the_final_state() {
    for (answers, state, reason) in [
        (vec![false, false], CallState::Rejected, EndReason::Declined),
        (vec![true, false], CallState::Rejected, EndReason::Declined),
        (vec![true, true], CallState::Busy, EndReason::Busy),
    ] {
        let mut b = Bench::new();
        let (call, _) = b.start(CallMode::Ring, ANA, &[BO, CY]);
        let one = b.run(|book, now| book.decline(now, call, Bench::user(BO), answers[0])).unwrap();
        assert_eq!(names(&one), ["call:declined"]);
        assert_eq!(ended(&one), None);
        let two = b.run(|book, now| book.decline(now, call, Bench::user(CY), answers[1])).unwrap();
        assert_eq!(names(&two), ["call:declined", "call:ended"]);
        assert_eq!(ended(&two), Some((state, reason)));
        assert_eq!(two.step.as_ref().unwrap().left.len(), 1, "the initiator's stint is closed");
        assert!(b.book.is_empty());
    }
}

#[test]
fn nobody_answers_is_missed_at_the_ring_timeout() {
    let mut b = Bench::new();
    let (_, _) = b.start(CallMode::Ring, ANA, &[BO]);
    assert!(b.wait(44).is_empty());
    let plans = b.wait(1);
    assert_eq!(plans.len(), 1);
    assert_eq!(names(&plans[0]), ["call:missed", "call:unanswered", "call:ended"]);
    assert_eq!(ended(&plans[0]), Some((CallState::Missed, EndReason::NoAnswer)));
    assert_eq!(plans[0].step.as_ref().unwrap().invites, [(Bench::user(BO), InviteOutcome::Missed)]);
    assert!(plans[0].leaves_line);
}

#[test]
fn in_a_group_the_late_ones_miss_while_the_call_goes_on() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO, CY]);
    b.accept(call, BO, 20).unwrap();
    let plans = b.wait(45);
    assert_eq!(names(&plans[0]), ["call:missed", "call:unanswered"]);
    let told = |name| plans[0].notices.iter().find(|n| n.name == name).unwrap();
    assert_eq!(told("call:missed").to, To::Users(vec![Bench::user(CY)]));
    assert_eq!(told("call:unanswered").to, To::Users(vec![Bench::user(ANA), Bench::user(BO)]));
    assert_eq!(told("call:unanswered").data["userId"], json!(Bench::user(CY)));
    assert_eq!(ended(&plans[0]), None);
    assert_eq!(b.book.get(call).unwrap().state, CallState::Ongoing);
    b.join(call, CY, 30).unwrap();
    assert_eq!(b.book.get(call).unwrap().peak, 3);
}

#[test]
fn only_the_initiator_cancels_and_only_while_it_rings() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO, CY]);
    assert_eq!(b.run(|k, now| k.cancel(now, call, Bench::user(BO))).unwrap_err(), CallError::NotHost);
    b.accept(call, BO, 20).unwrap();
    assert!(matches!(b.run(|k, now| k.cancel(now, call, Bench::user(ANA))), Err(CallError::State(_))));

    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    let plan = b.run(|k, now| k.cancel(now, call, Bench::user(ANA))).unwrap();
    assert_eq!(names(&plan), ["call:cancelled", "call:ended"]);
    assert_eq!(ended(&plan), Some((CallState::Cancelled, EndReason::Cancelled)));
    assert_eq!(b.run(|k, now| k.cancel(now, call, Bench::user(ANA))).unwrap_err(), CallError::Unknown);
}

#[test]
fn a_caller_who_goes_away_while_it_rings_has_cancelled_or_failed() {
    for (media, state) in [
        (None, CallState::Cancelled),
        (Some(MediaState::HungUp), CallState::Cancelled),
        (Some(MediaState::Closed), CallState::Failed),
    ] {
        let mut b = Bench::new();
        let (call, plan) = b.start(CallMode::Ring, ANA, &[BO]);
        let who = plan.joined.unwrap();
        let plan = b
            .run(|book, now| match media {
                Some(state) => book.media(now, call, who, state),
                None => book.leave(now, call, Bench::session(10), LeaveReason::Left),
            })
            .unwrap();
        assert_eq!(ended(&plan).unwrap().0, state);
        assert_eq!(names(&plan), ["call:participant_left", "call:cancelled", "call:ended"]);
    }
}

#[test]
fn a_seat_is_given_up_for_a_fresh_one_without_an_end_of_the_call() {
    let mut b = Bench::new();
    let (call, plan) = b.start(CallMode::Ring, ANA, &[BO]);
    b.accept(call, BO, 20).unwrap();
    b.run(|book, now| book.leave(now, call, Bench::session(20), LeaveReason::Left)).unwrap();
    let first = plan.joined.unwrap();
    let again = b.join(call, ANA, 10).unwrap();
    assert_eq!(again.joined, Some(first), "asked twice, it is one seat");

    let by = Joiner { fresh: true, ..b.joiner(ANA, 10) };
    let second = by.participant;
    let plan = b.run(|book, now| book.join(now, call, by)).unwrap();
    assert_eq!(plan.joined, Some(second));
    assert_eq!(plan.media, [MediaAction::Leave(first), MediaAction::Join(second)]);
    assert_eq!(names(&plan), ["call:participant_left", "call:participant_joined"]);
    assert_eq!(plan.step.as_ref().unwrap().left[0].reason, LeaveReason::Replaced);
    let seats: Vec<_> = b.book.get(call).unwrap().participants.iter().map(|one| one.id).collect();
    assert_eq!(seats, [second], "alone before, alone after");
}

#[test]
fn two_who_call_each_other_meet_in_one_call() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    let (same, plan) = b.start(CallMode::Ring, BO, &[ANA]);
    assert_eq!(same, call);
    assert!(plan.existing && plan.step.as_ref().unwrap().create.is_none());
    assert_eq!(b.book.get(call).unwrap().state, CallState::Ongoing);
    assert!(b.book.get(call).unwrap().rings.is_empty());
}

#[test]
fn a_lost_socket_is_a_leave_only_after_the_grace() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    b.accept(call, BO, 20).unwrap();
    b.run(|k, now| k.detached(now, call, Bench::session(20), true)).unwrap();
    assert!(b.wait(14).is_empty());
    b.run(|k, now| k.detached(now, call, Bench::session(20), false)).unwrap();
    assert!(b.wait(60).is_empty(), "it came back in time");
    b.run(|k, now| k.detached(now, call, Bench::session(20), true)).unwrap();
    let plans = b.wait(15);
    assert_eq!(names(&plans[0]), ["call:participant_left"]);
    assert_eq!(plans[0].step.as_ref().unwrap().left[0].reason, LeaveReason::Disconnected);
}

#[test]
fn a_reloaded_page_takes_over_at_once_but_a_second_device_stands_beside() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    b.accept(call, BO, 20).unwrap();
    b.join(call, BO, 21).unwrap();
    assert_eq!(b.book.get(call).unwrap().participants.len(), 3);
    b.run(|k, now| k.detached(now, call, Bench::session(21), true)).unwrap();
    let plan = b.join(call, BO, 22).unwrap();
    assert_eq!(plan.step.as_ref().unwrap().left[0].reason, LeaveReason::Replaced);
    assert_eq!(b.book.get(call).unwrap().participants.len(), 3);
    assert_eq!(b.book.get(call).unwrap().peak, 2, "two people, however many devices");
    assert_eq!(b.join(call, CY, 30).unwrap_err(), CallError::Full);
}

#[test]
fn leaving_and_coming_back_is_a_second_stint_and_the_same_session_joins_once() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    let first = b.accept(call, BO, 20).unwrap().joined;
    let again = b.join(call, BO, 20).unwrap();
    assert_eq!(again.joined, first);
    assert!(again.step.is_none() && again.media.is_empty());
    b.run(|k, now| k.leave(now, call, Bench::session(20), LeaveReason::Left)).unwrap();
    let back = b.join(call, BO, 20).unwrap();
    assert_ne!(back.joined, first);
    assert_eq!(back.step.unwrap().joined.len(), 1);
}

#[test]
fn one_left_alone_ends_a_call_but_not_a_room() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    b.accept(call, BO, 20).unwrap();
    b.run(|k, now| k.leave(now, call, Bench::session(20), LeaveReason::Left)).unwrap();
    assert!(b.wait(299).is_empty());
    let plans = b.wait(1);
    assert_eq!(ended(&plans[0]), Some((CallState::Completed, EndReason::AloneTimeout)));

    let mut b = Bench::new();
    let (call, plan) = b.start(CallMode::Room, ANA, &[]);
    assert_eq!(names(&plan), ["call:started", "voice:user_joined"]);
    assert!(b.wait(3600).is_empty());
    let plan = b.run(|k, now| k.leave(now, call, Bench::session(10), LeaveReason::Left)).unwrap();
    assert_eq!(names(&plan), ["voice:user_left", "call:ended"]);
    assert_eq!(ended(&plan), Some((CallState::Completed, EndReason::LastLeft)));
    assert!(!plan.leaves_line, "nobody met");
}

#[test]
fn the_longest_call_ends_by_itself() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    b.accept(call, BO, 20).unwrap();
    let plans = b.wait(4 * 3600);
    assert_eq!(ended(&plans[0]), Some((CallState::Completed, EndReason::MaxDuration)));
    assert_eq!(plans[0].step.as_ref().unwrap().left.len(), 2);
    assert!(b.book.next_timeout().is_none());
}

#[test]
fn hosts_mute_kick_and_end_others_do_not() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO, CY]);
    b.accept(call, BO, 20).unwrap();
    let (ana, bo, cy) = (Bench::user(ANA), Bench::user(BO), Bench::user(CY));
    assert_eq!(b.run(|k, now| k.mute(now, call, bo, false, ana)).unwrap_err(), CallError::NotHost);
    assert_eq!(b.run(|k, now| k.mute(now, call, ana, false, cy)).unwrap_err(), CallError::NotInCall);
    let muted = b.run(|k, now| k.mute(now, call, ana, false, bo)).unwrap();
    assert_eq!(names(&muted), ["call:muted", "voice:state_update"]);
    assert!(matches!(muted.media[..], [MediaAction::ForceMute(_)]));
    let kicked = b.run(|k, now| k.kick(now, call, cy, true, bo)).unwrap();
    assert_eq!(kicked.step.as_ref().unwrap().left[0].reason, LeaveReason::Kicked);
    let done = b.run(|k, now| k.end(now, call, ana, false)).unwrap();
    assert_eq!(ended(&done), Some((CallState::Completed, EndReason::HostEnded)));
    assert_eq!(names(&done), ["call:cancelled", "call:ended"], "cy was still ringing");
}

#[test]
fn a_plan_that_was_not_carried_out_changes_nothing() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    let before = b.book.get(call).unwrap().clone();
    let by = b.joiner(BO, 20);
    let lost = b.book.accept(b.now(), call, by).unwrap();
    assert!(lost.next.is_some());
    assert_eq!(b.book.get(call).unwrap(), &before);
    b.accept(call, BO, 21).unwrap();
}

#[test]
fn a_mute_is_told_once_and_video_is_remembered_for_the_history() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Room, ANA, &[]);
    let change = VoiceChange { muted: Some(true), video: Some(true), ..VoiceChange::default() };
    let plan = b.run(|k, now| k.update(now, call, Bench::session(10), change)).unwrap();
    assert_eq!(names(&plan), ["voice:state_update"]);
    assert!(matches!(plan.media[..], [MediaAction::SetMuted(_, true)]));
    let again = b.run(|k, now| k.update(now, call, Bench::session(10), change)).unwrap();
    assert!(again.notices.is_empty(), "people are told once");
    assert!(matches!(again.media[..], [MediaAction::SetMuted(_, true)]), "the media plane every time");
    let off = VoiceChange { video: Some(false), ..VoiceChange::default() };
    b.run(|k, now| k.update(now, call, Bench::session(10), off)).unwrap();
    let plan = b.run(|k, now| k.leave(now, call, Bench::session(10), LeaveReason::Left)).unwrap();
    assert!(plan.step.unwrap().left[0].had_video);
}

fn by_root(action: &'static str) -> CallAct {
    CallAct { by: Bench::user(99), from: Default::default(), action, user: None }
}

#[test]
fn an_administrator_who_is_not_in_it_ends_a_call_and_it_is_written_down() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    b.accept(call, BO, 20).unwrap();
    let plan = b.run(|book, now| book.close(now, call, by_root("call.end"))).unwrap();
    assert_eq!(ended(&plan), Some((CallState::Completed, EndReason::AdminEnded)));
    assert_eq!(names(&plan), ["call:ended"]);
    assert_eq!(plan.notices[0].data["reason"], "admin_ended");
    assert_eq!(plan.step.unwrap().act, Some(by_root("call.end")));
    assert_eq!(plan.media.len(), 2, "both seats are given back");
    assert_eq!(
        b.run(|book, now| book.close(now, call, by_root("call.end"))).unwrap_err(),
        CallError::Unknown
    );

    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    let plan = b.run(|book, now| book.close(now, call, by_root("call.end"))).unwrap();
    assert_eq!(ended(&plan), Some((CallState::Cancelled, EndReason::AdminEnded)));
    assert_eq!(names(&plan), ["call:cancelled", "call:ended"], "it rings no more before it is over");
}

#[test]
fn rings_are_cancelled_one_by_one_or_all_and_the_last_one_ends_the_call() {
    let mut b = Bench::new();
    let cancel = |user: Option<u128>| {
        move |book: &Book, now: Now, call| {
            book.cancel_rings(now, call, user.map(Bench::user), by_root("ring.cancel"))
        }
    };
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO, CY]);
    let plan = b.run(|book, now| cancel(Some(BO))(book, now, call)).unwrap();
    assert_eq!(names(&plan), ["call:cancelled"]);
    assert_eq!(plan.notices[0].to, To::Users(vec![Bench::user(BO)]), "nobody else is told");
    assert_eq!(ended(&plan), None);
    let again = b.run(|book, now| cancel(Some(BO))(book, now, call)).unwrap_err();
    assert_eq!(again, CallError::State("it does not ring"));
    let plan = b.run(|book, now| cancel(None)(book, now, call)).unwrap();
    assert_eq!(ended(&plan), Some((CallState::Cancelled, EndReason::Cancelled)));
    assert_eq!(plan.step.unwrap().invites, [(Bench::user(CY), InviteOutcome::Cancelled)]);

    // In a call that goes on the others stay.
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO, CY]);
    b.accept(call, BO, 20).unwrap();
    let plan = b.run(|book, now| cancel(None)(book, now, call)).unwrap();
    assert_eq!((ended(&plan), plan.next.unwrap().participants.len()), (None, 2));
    let end = b.wait(60);
    assert_eq!(end.iter().map(ended).collect::<Vec<_>>(), [], "nothing is due of the ring that is no more");
}

fn told<'a>(plan: &'a Plan, name: &str) -> Option<&'a Value> {
    plan.notices.iter().find(|notice| notice.name == name).map(|notice| &notice.data)
}

/// Three people in a room that ana opened.
fn three() -> (Bench, CallId) {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Room, ANA, &[]);
    b.join(call, BO, 20).unwrap();
    b.join(call, CY, 30).unwrap();
    (b, call)
}

#[test]
fn hands_are_a_queue_that_keeps_its_order_and_forgets_who_leaves() {
    let (mut b, call) = three();
    let (ana, bo, cy) = (Bench::user(ANA), Bench::user(BO), Bench::user(CY));
    b.run(|k, now| k.hand(now, call, cy, false, cy, true)).unwrap();
    let plan = b.run(|k, now| k.hand(now, call, bo, false, bo, true)).unwrap();
    assert_eq!(names(&plan), ["voice:state_update", "call:hands"]);
    assert_eq!(told(&plan, "call:hands").unwrap()["hands"], json!([cy, bo]));
    assert!(plan.step.is_none(), "nothing to store");
    let again = b.run(|k, now| k.hand(now, call, cy, false, cy, true)).unwrap();
    assert!(again.notices.is_empty(), "a hand that is up keeps its place");
    assert_eq!(b.run(|k, now| k.hand(now, call, bo, false, cy, false)).unwrap_err(), CallError::NotHost);
    let plan = b.run(|k, now| k.leave(now, call, Bench::session(30), LeaveReason::Left)).unwrap();
    assert_eq!(names(&plan), ["voice:user_left", "call:hands"]);
    let hands = told(&plan, "call:hands").unwrap();
    assert_eq!((&hands["hands"], &hands["by"]), (&json!([bo]), &Value::Null));
    let plan = b.run(|k, now| k.hand(now, call, ana, false, bo, false)).unwrap();
    let hands = told(&plan, "call:hands").unwrap();
    assert_eq!((&hands["hands"], &hands["by"]), (&json!([]), &json!(ana)));
    assert_eq!(b.run(|k, now| k.hand(now, call, cy, false, cy, true)).unwrap_err(), CallError::NotInCall);
}

#[test]
fn a_hand_survives_a_reload_and_newcomers_see_it() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Room, ANA, &[]);
    b.join(call, BO, 20).unwrap();
    let raise = VoiceChange { hand_raised: Some(true), ..VoiceChange::default() };
    b.run(|k, now| k.update(now, call, Bench::session(20), raise)).unwrap();
    b.run(|k, now| k.detached(now, call, Bench::session(20), true)).unwrap();
    let plan = b.join(call, BO, 21).unwrap();
    assert!(told(&plan, "call:hands").is_none(), "it was never down");
    let back = told(&plan, "voice:user_joined").unwrap();
    assert_eq!(back["participant"]["voiceState"]["handRaised"], true);
    let plan = b.join(call, CY, 30).unwrap();
    assert_eq!(plan.next.unwrap().to_json()["hands"], json!([Bench::user(BO)]));
}

#[test]
fn a_mute_is_taken_back_only_at_once_and_by_whom_it_was() {
    let (mut b, call) = three();
    let (ana, bo, cy) = (Bench::user(ANA), Bench::user(BO), Bench::user(CY));
    let nothing = CallError::State("there is no mute of yours to take back");
    assert_eq!(b.run(|k, now| k.take_mute_back(now, call, ana, false, bo)).unwrap_err(), nothing);
    b.run(|k, now| k.mute(now, call, ana, false, bo)).unwrap();
    assert_eq!(
        b.run(|k, now| k.take_mute_back(now, call, cy, true, bo)).unwrap_err(),
        nothing,
        "another host"
    );
    // What the page of whoever was muted says by itself.
    let silent = VoiceChange { muted: Some(true), ..VoiceChange::default() };
    b.run(|k, now| k.update(now, call, Bench::session(20), silent)).unwrap();
    b.wait(5);
    let plan = b.run(|k, now| k.take_mute_back(now, call, ana, false, bo)).unwrap();
    assert_eq!(names(&plan), ["call:muted"]);
    assert_eq!(told(&plan, "call:muted").unwrap()["muted"], false);
    assert!(plan.media.is_empty(), "nobody is unmuted by somebody else");
    assert_eq!(b.run(|k, now| k.take_mute_back(now, call, ana, false, bo)).unwrap_err(), nothing, "once");

    let speaks = VoiceChange { muted: Some(false), ..VoiceChange::default() };
    b.run(|k, now| k.update(now, call, Bench::session(20), speaks)).unwrap();
    b.run(|k, now| k.mute(now, call, ana, false, bo)).unwrap();
    b.wait(8);
    assert_eq!(b.run(|k, now| k.take_mute_back(now, call, ana, false, bo)).unwrap_err(), nothing, "too late");

    b.run(|k, now| k.update(now, call, Bench::session(20), silent)).unwrap();
    b.run(|k, now| k.mute(now, call, ana, false, bo)).unwrap();
    b.run(|k, now| k.update(now, call, Bench::session(20), speaks)).unwrap();
    b.run(|k, now| k.update(now, call, Bench::session(20), silent)).unwrap();
    b.run(|k, now| k.mute(now, call, ana, false, bo)).unwrap();
    let taken = b.run(|k, now| k.take_mute_back(now, call, ana, false, bo));
    assert_eq!(taken.unwrap_err(), nothing, "who was silent anyway stays so");
}

#[test]
fn one_is_asked_to_unmute_by_hosts_alone() {
    let (mut b, call) = three();
    let asked = |b: &mut Bench, by: u128, host: bool| {
        let person = b.joiner(by, by).person;
        b.run(|k, now| k.ask_unmute(now, call, &person, host, Bench::user(BO)))
    };
    assert_eq!(asked(&mut b, CY, false).unwrap_err(), CallError::NotHost);
    let plan = asked(&mut b, ANA, false).unwrap();
    assert!(plan.media.is_empty());
    assert_eq!(plan.notices[0].to, To::Users(vec![Bench::user(BO)]), "nobody else hears of it");
    assert_eq!(plan.notices[0].data["by"]["name"], "U1");
}

#[test]
fn a_locked_call_is_open_to_hosts_to_the_rung_and_to_those_who_were_in_it() {
    let mut b = Bench::new();
    let (call, _) = b.start(CallMode::Ring, ANA, &[BO]);
    let (ana, bo, cy) = (Bench::user(ANA), Bench::user(BO), Bench::user(CY));
    assert_eq!(b.run(|k, now| k.lock(now, call, bo, false, true)).unwrap_err(), CallError::NotHost);
    let plan = b.run(|k, now| k.lock(now, call, ana, false, true)).unwrap();
    assert_eq!((names(&plan), &plan.notices[0].to), (vec!["call:locked"], &To::Members));
    assert_eq!(plan.next.unwrap().to_json()["locked"], true);
    assert!(b.run(|k, now| k.lock(now, call, ana, false, true)).unwrap().notices.is_empty(), "told once");

    assert_eq!(b.join(call, CY, 30).unwrap_err(), CallError::Locked);
    b.accept(call, BO, 20).unwrap();
    let ring = |b: &mut Bench, by| b.run(move |k, now| k.invite(now, call, by, false, &[cy]));
    assert_eq!(ring(&mut b, bo).unwrap_err(), CallError::Locked, "a way around it");
    b.run(|k, now| k.leave(now, call, Bench::session(20), LeaveReason::Left)).unwrap();
    b.join(call, BO, 20).unwrap();
    let mut host = b.joiner(CY, 31);
    host.host = true;
    let plan = b.book.join(b.now(), call, host).unwrap();
    assert!(plan.joined.is_some());

    b.run(|k, now| k.kick(now, call, ana, false, bo)).unwrap();
    assert_eq!(b.join(call, BO, 21).unwrap_err(), CallError::Locked, "who was removed is somebody new");
    ring(&mut b, ana).unwrap();
    b.accept(call, CY, 30).unwrap();
    b.run(|k, now| k.lock(now, call, ana, false, false)).unwrap();
    b.join(call, BO, 21).unwrap();
}

#[test]
fn who_was_muted_by_a_host_is_heard_again_by_switching_the_microphone_on() {
    let (mut b, call) = three();
    let (ana, bo) = (Bench::user(ANA), Bench::user(BO));
    let says = |muted: bool| VoiceChange { muted: Some(muted), ..VoiceChange::default() };
    b.run(|k, now| k.mute(now, call, ana, false, bo)).unwrap();
    let silent = b.run(|k, now| k.update(now, call, Bench::session(20), says(true))).unwrap();
    assert!(matches!(silent.media[..], [MediaAction::SetMuted(_, true)]), "the mute stays");
    let heard = b.run(|k, now| k.update(now, call, Bench::session(20), says(false))).unwrap();
    assert!(matches!(heard.media[..], [MediaAction::LiftMute(_), MediaAction::SetMuted(_, false)]));
    let again = b.run(|k, now| k.update(now, call, Bench::session(20), says(false))).unwrap();
    assert!(matches!(again.media[..], [MediaAction::SetMuted(_, false)]), "once");
}
