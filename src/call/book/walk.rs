//! A random walk through calls, watched from outside: what devices ring by what they are told, and what the rows say by
//! the steps that are written. Neither looks into the book.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::*;
use crate::{call::step::CallAct, runtime::clock};

const USERS: u128 = 5;
const DEVICES: u128 = 3;
const CHANNELS: u128 = 2;
const SEEDS: u64 = 24;
/// Together more than a hundred thousand.
const STEPS: usize = 5_000;

/// A call's row with its invites and stints, by the steps alone.
struct Row {
    state: CallState,
    initiator: UserId,
    answered: bool,
    ended: Option<EndReason>,
    invites: BTreeMap<UserId, InviteOutcome>,
    stints: BTreeMap<ParticipantId, (UserId, Option<LeaveReason>)>,
    /// How rings have ended so far.
    declined: u32,
    busy: u32,
    missed: u32,
    /// The latest step took rings back. Earlier ones were taken back by an administrator, and say nothing of the caller.
    given_up: bool,
    /// Rings that were answered, and by whom: never twice.
    accepted: BTreeMap<UserId, u32>,
    rung: BTreeMap<UserId, u32>,
}

/// What made the book act, as far as the outcome depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cause {
    Caller,
    Leaving,
    MediaLost,
    Other,
}

struct Walk {
    book: Book,
    rng: StdRng,
    start: Instant,
    ms: u64,
    next: u128,
    rows: BTreeMap<CallId, Row>,
    /// By what they were told: whose devices ring for which call.
    ringing: BTreeSet<(UserId, CallId)>,
    seats: BTreeSet<ParticipantId>,
    ended: BTreeMap<&'static str, u32>,
    /// By what was told: calls that let nobody new in, who was in them, and who waits with a hand up.
    locked: BTreeSet<CallId>,
    been: BTreeSet<(UserId, CallId)>,
    hands: BTreeMap<CallId, Vec<UserId>>,
    kept_out: u32,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let timing = Timing {
            ring: Duration::from_secs(45),
            alone: Duration::from_secs(300),
            max: Duration::from_secs(3600),
            grace: Duration::from_secs(15),
            max_participants: 6,
        };
        Self {
            book: Book::new(timing),
            rng: StdRng::seed_from_u64(seed),
            start: clock::now(),
            ms: 0,
            next: 100,
            rows: BTreeMap::new(),
            ringing: BTreeSet::new(),
            seats: BTreeSet::new(),
            ended: BTreeMap::new(),
            locked: BTreeSet::new(),
            been: BTreeSet::new(),
            hands: BTreeMap::new(),
            kept_out: 0,
        }
    }

    fn now(&self) -> Now {
        let wall_ms = 1_700_000_000_000 + i64::try_from(self.ms).unwrap();
        Now { instant: self.start + Duration::from_millis(self.ms), wall_ms }
    }

    fn fresh(&mut self) -> u128 {
        self.next += 1;
        self.next
    }

    fn user(&mut self) -> UserId {
        UserId::from_parts(1, self.rng.random_range(0..USERS))
    }

    fn others(&mut self) -> Vec<UserId> {
        let mut users: Vec<UserId> = (0..self.rng.random_range(0..4)).map(|_| self.user()).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// One of the user's devices.
    fn joiner(&mut self, user: UserId) -> Joiner {
        let device = self.rng.random_range(0..DEVICES);
        Joiner {
            person: Person { id: user, username: String::new(), name: String::new(), login: None },
            session: SessionId::from_parts(user.0.random() as u64, device),
            participant: ParticipantId::from_parts(1, self.fresh()),
            muted: false,
            deafened: false,
            fresh: false,
            host: false,
        }
    }

    /// A call, mostly one that lives.
    fn call(&mut self) -> CallId {
        let live = self.book.live();
        match live.choose(&mut self.rng) {
            Some(call) => *call,
            None => CallId::from_parts(1, 1),
        }
    }

    fn step(&mut self) {
        let (call, user, now) = (self.call(), self.user(), self.now());
        let by = self.joiner(user);
        let session = by.session;
        let (plan, cause) = match self.rng.random_range(0..100) {
            0..8 => {
                let ring = self.others().into_iter().filter(|other| *other != user).collect();
                let mode = if self.rng.random_bool(0.8) { CallMode::Ring } else { CallMode::Room };
                let start = Start {
                    call: CallId::from_parts(1, self.fresh()),
                    channel: ChannelId::from_parts(1, self.rng.random_range(0..CHANNELS)),
                    channel_kind: "group",
                    channel_name: String::new(),
                    kind: CallKind::Voice,
                    mode,
                    ring: if mode == CallMode::Ring { ring } else { Vec::new() },
                    playout_delay: None,
                    by,
                };
                (self.book.start(now, start), Cause::Other)
            }
            8..16 => {
                let before = self.ringing.contains(&(user, call));
                let elsewhere = self.book.get(call).is_ok_and(|live| {
                    live.has_user(user)
                        && live.in_session(session).is_none()
                        && !live.rings.contains_key(&user)
                });
                let plan = self.book.accept(now, call, by);
                assert!(!(elsewhere && plan.is_ok()), "two devices answered one ring");
                if let Ok(plan) = &plan {
                    let won = plan.step.iter().any(|s| s.invites.contains(&(user, InviteOutcome::Accepted)));
                    assert_eq!(won, before, "who hears a ring answers it, nobody else");
                }
                (plan, Cause::Other)
            }
            16..19 => {
                let by = Joiner { fresh: self.rng.random_bool(0.5), ..by };
                (self.book.join(now, call, by), Cause::Other)
            }
            19..35 => {
                let busy = self.rng.random_bool(0.4);
                (self.book.decline(now, call, user, busy), Cause::Other)
            }
            35..41 => (self.book.cancel(now, call, user), Cause::Caller),
            41..55 => (self.book.leave(now, call, session, LeaveReason::Left), Cause::Leaving),
            55..58 => (self.book.end(now, call, user, false), Cause::Caller),
            58 => {
                let act = CallAct { by: user, from: Default::default(), action: "call.end", user: None };
                let one = self.rng.random_bool(0.5).then_some(user);
                match self.rng.random_bool(0.3) {
                    true => (self.book.close(now, call, act), Cause::Caller),
                    false => (self.book.cancel_rings(now, call, one, act), Cause::Other),
                }
            }
            59..64 => {
                let users = self.others();
                (self.book.invite(now, call, user, false, &users), Cause::Other)
            }
            64..67 => (self.book.ringing(now, call, user), Cause::Other),
            67..69 => {
                let target = self.user();
                (self.book.kick(now, call, user, false, target), Cause::Leaving)
            }
            69..76 => {
                let lost = self.rng.random_bool(0.6);
                (self.book.detached(now, call, session, lost), Cause::Other)
            }
            76..81 => {
                let seats: Vec<ParticipantId> = self.seats.iter().copied().collect();
                let who = seats.choose(&mut self.rng).copied().unwrap_or(by.participant);
                let hung_up = self.rng.random_bool(0.5);
                let (state, cause) = match hung_up {
                    true => (MediaState::HungUp, Cause::Leaving),
                    false => (MediaState::Closed, Cause::MediaLost),
                };
                (self.book.media(now, call, who, state), cause)
            }
            81..85 => {
                let raised = self.rng.random_bool(0.7);
                (self.book.hand(now, call, user, false, user, raised), Cause::Other)
            }
            85..87 => {
                let locked = self.rng.random_bool(0.5);
                (self.book.lock(now, call, user, false, locked), Cause::Other)
            }
            _ => {
                let far = self.rng.random_bool(0.05);
                self.ms +=
                    if far { self.rng.random_range(0..600_000) } else { self.rng.random_range(0..9_000) };
                while let Some(plan) = self.book.due(self.now()) {
                    self.carry_out(plan, Cause::Leaving);
                }
                return;
            }
        };
        match plan {
            Ok(plan) => self.carry_out(plan, cause),
            // Refused: nothing has changed, so nothing is to be seen.
            Err(error) => {
                self.kept_out += u32::from(error == CallError::Locked);
                self.check();
            }
        }
    }

    fn carry_out(&mut self, plan: Plan, cause: Cause) {
        if let Some(step) = &plan.step {
            self.write(step, cause);
        }
        for notice in &plan.notices {
            self.tell(plan.call, notice);
        }
        for action in &plan.media {
            match action {
                MediaAction::Join(who) => assert!(self.seats.insert(*who), "seated twice"),
                MediaAction::Leave(who) => assert!(self.seats.remove(who), "left without a seat"),
                MediaAction::ForceMute(_) | MediaAction::LiftMute(_) | MediaAction::SetMuted(..) => {}
            }
        }
        self.book.apply(&plan);
        self.check();
    }

    /// What the store does with a step.
    fn write(&mut self, step: &CallStep, cause: Cause) {
        if let Some(new) = &step.create {
            let live = self.rows.values().filter(|row| row.ended.is_none()).count();
            assert!(live < CHANNELS as usize, "two live calls in one channel");
            let row = Row {
                state: new.state,
                initiator: new.initiator,
                answered: step.answered,
                ended: None,
                invites: BTreeMap::new(),
                stints: BTreeMap::new(),
                declined: 0,
                busy: 0,
                missed: 0,
                given_up: false,
                accepted: BTreeMap::new(),
                rung: BTreeMap::new(),
            };
            assert!(self.rows.insert(step.call, row).is_none());
        }
        let row = self.rows.get_mut(&step.call).expect("a step of a call without a row");
        if step.create.is_none() {
            assert!(step.expect.contains(&row.state), "{:?} is not {:?}", row.state, step.expect);
            assert!(!(step.answered && row.answered), "answered twice");
            row.answered |= step.answered;
            row.state = step.state.unwrap_or(row.state);
        }
        row.given_up = step.invites.iter().any(|(_, outcome)| *outcome == InviteOutcome::Cancelled);
        for (user, outcome) in &step.invites {
            match outcome {
                InviteOutcome::Ringing => *row.rung.entry(*user).or_default() += 1,
                InviteOutcome::Accepted => *row.accepted.entry(*user).or_default() += 1,
                InviteOutcome::Declined => row.declined += 1,
                InviteOutcome::Busy => row.busy += 1,
                InviteOutcome::Missed => row.missed += 1,
                InviteOutcome::Cancelled => {}
            }
            let before = row.invites.insert(*user, *outcome);
            let rang = before == Some(InviteOutcome::Ringing);
            assert_eq!(rang, *outcome != InviteOutcome::Ringing, "{before:?} became {outcome:?}");
        }
        for stint in &step.joined {
            assert!(row.stints.insert(stint.participant, (stint.user, None)).is_none());
        }
        for stint in &step.left {
            let (_, left) = row.stints.get_mut(&stint.participant).expect("left without having come");
            assert_eq!(left.replace(stint.reason), None, "left twice");
        }
        for (user, accepted) in &row.accepted {
            assert!(*accepted <= row.rung[user], "a ring had two winners");
        }
        if let Some(reason) = step.ended {
            row.ended = Some(reason);
            row.check_outcome(reason, cause);
            *self.ended.entry(row.state.as_str()).or_default() += 1;
        }
    }

    /// Who may come into a locked call, by what everybody was told.
    fn watch_door(&mut self, call: CallId, notice: &Notice) {
        let named = |value: &Value| value.as_str().and_then(|id| id.parse::<UserId>().ok());
        let user = named(&notice.data["userId"]);
        match notice.name {
            "call:locked" if notice.data["locked"] == true => drop(self.locked.insert(call)),
            "call:locked" => drop(self.locked.remove(&call)),
            "call:hands" => {
                let hands = notice.data["hands"].as_array().into_iter().flatten().filter_map(named);
                self.hands.insert(call, hands.collect());
            }
            "call:accepted" => drop(self.been.insert((user.unwrap(), call))),
            "call:participant_joined" | "voice:user_joined" => {
                let user = named(&notice.data["participant"]["userId"]).unwrap();
                let known = self.been.contains(&(user, call)) || self.rows[&call].initiator == user;
                assert!(known || !self.locked.contains(&call), "somebody new came into a locked call");
                self.been.insert((user, call));
            }
            "call:participant_left" | "voice:user_left" if notice.data["reason"] == "kicked" => {
                self.been.remove(&(user.unwrap(), call));
            }
            _ => {}
        }
    }

    /// What a user's devices do.
    fn tell(&mut self, call: CallId, notice: &Notice) {
        self.watch_door(call, notice);
        let user = notice.data["userId"].as_str().and_then(|id| id.parse::<UserId>().ok());
        let users = match &notice.to {
            To::Users(users) | To::UsersExcept(users, _) => users.clone(),
            To::Members => (0..USERS).map(|n| UserId::from_parts(1, n)).collect(),
        };
        for told in users {
            match notice.name {
                "call:incoming" => assert!(self.ringing.insert((told, call)), "it rings already"),
                "call:accepted" | "call:declined" if user == Some(told) => {
                    self.ringing.remove(&(told, call));
                }
                "call:missed" | "call:cancelled" => {
                    assert!(self.ringing.remove(&(told, call)), "{} without a ring", notice.name);
                }
                // Whoever rang was told before why it stops.
                "call:ended" => assert!(!self.ringing.contains(&(told, call)), "a ghost ring"),
                _ => {}
            }
        }
    }

    fn check(&self) {
        let mut rings = BTreeSet::new();
        let mut seats = BTreeSet::new();
        for call in self.book.live() {
            let live = self.book.get(call).unwrap();
            rings.extend(live.rings.keys().map(|user| (*user, call)));
            seats.extend(live.participants.iter().map(|one| one.id));
            let told = self.hands.get(&call).cloned().unwrap_or_default();
            assert_eq!(told, live.hands, "everybody knows the queue");
            assert_eq!(live.hands.iter().collect::<BTreeSet<_>>().len(), live.hands.len(), "a hand twice");
            assert!(live.hands.iter().all(|user| live.has_user(*user)), "a hand of nobody");
            let up = |one: &LiveParticipant| one.voice.hand_raised == live.hands.contains(&one.person.id);
            assert!(live.participants.iter().all(up), "every device shows the hand");
            let row = &self.rows[&call];
            assert_eq!((row.state, row.ended), (live.state, None));
            let open = row.stints.iter().filter(|(_, (_, left))| left.is_none()).map(|(id, _)| *id);
            assert_eq!(open.collect::<BTreeSet<_>>(), live.participants.iter().map(|p| p.id).collect());
        }
        assert_eq!(self.ringing, rings, "devices ring for what rings");
        assert_eq!(self.seats, seats, "the media plane has the seats of the calls");
        let open = self.rows.iter().filter(|(_, row)| row.ended.is_none()).map(|(id, _)| *id);
        assert_eq!(open.collect::<Vec<_>>(), self.book.live(), "rows that are open are calls that live");
    }
}

impl Row {
    /// Worked out from who came and what the rings came to.
    fn check_outcome(&self, reason: EndReason, cause: Cause) {
        assert!(
            self.stints.values().all(|(_, left)| left.is_some()),
            "somebody stays in a call that is over"
        );
        assert!(!self.invites.values().any(|one| *one == InviteOutcome::Ringing), "a ring outlives its call");
        let others = self.stints.values().any(|(user, _)| *user != self.initiator);
        assert!(!others || self.answered, "somebody came, and it was not answered");
        let expected = if self.answered {
            CallState::Completed
        } else if cause == Cause::MediaLost {
            CallState::Failed
        } else if cause == Cause::Caller || self.given_up {
            CallState::Cancelled
        } else if self.declined > 0 {
            CallState::Rejected
        } else if self.missed > 0 {
            CallState::Missed
        } else if self.busy > 0 {
            CallState::Busy
        } else {
            CallState::Cancelled
        };
        // The caller may be lost in the same moment in which the last ring runs out.
        let both = expected != self.state && self.state == CallState::Cancelled && cause == Cause::Leaving;
        assert!(
            self.state == expected || both,
            "{:?} for {reason:?} by {cause:?}, not {expected:?}",
            self.state
        );
    }
}

#[test]
fn a_hundred_thousand_steps_leave_no_ghost_and_no_second_winner() {
    let mut ended: BTreeMap<&'static str, u32> = BTreeMap::new();
    let mut kept_out = 0;
    for seed in 0..SEEDS {
        // A failure names the seed by the panic's output.
        println!("seed {seed}");
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS {
            walk.step();
        }
        kept_out += walk.kept_out;
        for (state, count) in walk.ended {
            *ended.entry(state).or_default() += count;
        }
    }
    assert!(kept_out > 100, "only {kept_out} met a locked call");
    for state in ["completed", "cancelled", "rejected", "missed", "busy", "failed"] {
        assert!(ended.get(state).is_some_and(|count| *count > 10), "too few ended {state}: {ended:?}");
    }
}
