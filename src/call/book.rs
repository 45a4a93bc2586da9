//! All live calls of this process: the state machine of protocol.md 5.6, without I/O.
//!
//! Every input is answered with a `Plan`: what must become durable, what the media plane must do, who must be told.
//! The book does not change until the plan was carried out (`apply`), so a failed commit leaves it as it was.
//! Inputs must be handled one after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    live::{Connection, LiveCall, LiveParticipant, Now, Person, Ring},
    media_plane::MediaState,
    model::{CallKind, CallMode, CallState, CallSummary, EndReason, InviteOutcome, LeaveReason, VoiceState},
    step::{CallStep, NewCall, StintEnd, StintStart},
};
use crate::base::{
    id::{CallId, ChannelId, ParticipantId, SessionId, UserId},
    playout::PlayoutDelay,
    time::rfc3339,
};

mod expel;
mod hosting;
mod oversee;

#[derive(Debug, Clone)]
pub struct Timing {
    pub ring: Duration,
    pub alone: Duration,
    pub max: Duration,
    pub grace: Duration,
    pub max_participants: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("no such live call")]
    Unknown,
    #[error("the call is full")]
    Full,
    #[error("not possible in this state: {0}")]
    State(&'static str),
    #[error("only a host may do this")]
    NotHost,
    #[error("you are not in this call")]
    NotInCall,
    #[error("the call is locked")]
    Locked,
}

/// Who gets a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// The members of the channel at the commit.
    Members,
    Users(Vec<UserId>),
    /// Not the session that caused it.
    UsersExcept(Vec<UserId>, SessionId),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub to: To,
    pub name: &'static str,
    pub data: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaAction {
    /// For the session that sent the command.
    Join(ParticipantId),
    Leave(ParticipantId),
    ForceMute(ParticipantId),
    /// The owner of the microphone has switched it on again.
    LiftMute(ParticipantId),
    SetMuted(ParticipantId, bool),
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub call: CallId,
    /// `None`: the call is over.
    pub next: Option<LiveCall>,
    /// `None`: nothing durable changed.
    pub step: Option<CallStep>,
    /// The end of the call is worth a line in its channel.
    pub leaves_line: bool,
    pub media: Vec<MediaAction>,
    pub notices: Vec<Notice>,
    /// The participant a join was about.
    pub joined: Option<ParticipantId>,
    /// `call:start` met a live call and joined it.
    pub existing: bool,
}

/// Someone at the door.
#[derive(Debug, Clone)]
pub struct Joiner {
    pub person: Person,
    pub session: SessionId,
    /// Used if a new stint begins.
    pub participant: ParticipantId,
    pub muted: bool,
    pub deafened: bool,
    /// Its session gives up the seat that it has in the call, whose media may be broken.
    pub fresh: bool,
    /// By rights in the channel or token: a locked call is open to it.
    pub host: bool,
}

#[derive(Debug, Clone)]
pub struct Start {
    /// Used if the channel has no live call.
    pub call: CallId,
    pub channel: ChannelId,
    pub channel_kind: &'static str,
    pub channel_name: String,
    pub kind: CallKind,
    pub mode: CallMode,
    /// Members to ring, the initiator not among them.
    pub ring: Vec<UserId>,
    pub playout_delay: Option<PlayoutDelay>,
    pub by: Joiner,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct VoiceChange {
    pub muted: Option<bool>,
    pub deafened: Option<bool>,
    pub video: Option<bool>,
    pub screen: Option<bool>,
    pub hand_raised: Option<bool>,
}

#[derive(Debug)]
pub struct Book {
    timing: Timing,
    calls: BTreeMap<CallId, LiveCall>,
    by_channel: BTreeMap<ChannelId, CallId>,
}

impl Book {
    pub fn new(timing: Timing) -> Self {
        Self { timing, calls: BTreeMap::new(), by_channel: BTreeMap::new() }
    }

    /// The plan was carried out.
    pub fn apply(&mut self, plan: &Plan) {
        match &plan.next {
            Some(next) => {
                self.by_channel.insert(next.channel, next.id);
                self.calls.insert(next.id, next.clone());
            }
            None => {
                if let Some(gone) = self.calls.remove(&plan.call) {
                    self.by_channel.remove(&gone.channel);
                }
            }
        }
    }

    /// Starts a call, or joins the one the channel has.
    pub fn start(&self, now: Now, start: Start) -> Result<Plan, CallError> {
        if let Some(live) = self.in_channel(start.channel) {
            let mut plan = self.join(now, live.id, start.by)?;
            plan.existing = true;
            return Ok(plan);
        }
        let until = now.instant + self.timing.ring;
        let expires_at = now.wall_after(self.timing.ring);
        let ring = Ring { until, expires_at, confirmed: false };
        let state = if start.ring.is_empty() { CallState::Ongoing } else { CallState::Ringing };
        let live = LiveCall {
            id: start.call,
            channel: start.channel,
            channel_kind: start.channel_kind,
            channel_name: start.channel_name,
            kind: start.kind,
            mode: start.mode,
            state,
            initiator: start.by.person.clone(),
            started_at: now.wall_ms,
            answered_at: (state == CallState::Ongoing).then_some(now.wall_ms),
            ends_at: now.instant + self.timing.max,
            playout_delay: start.playout_delay,
            alone_until: None,
            rings: start.ring.iter().map(|user| (*user, ring.clone())).collect(),
            participants: Vec::new(),
            hands: Vec::new(),
            locked: false,
            been: BTreeSet::new(),
            peak: 0,
            declined: 0,
            busy: 0,
            missed: 0,
        };
        let mut work = Work::new(live, now, &self.timing);
        work.step.create = Some(NewCall {
            kind: start.kind,
            mode: start.mode,
            state,
            initiator: start.by.person.id,
            node: String::new(),
            epoch: 0,
        });
        work.step.answered = state == CallState::Ongoing;
        work.step.invites = start.ring.iter().map(|user| (*user, InviteOutcome::Ringing)).collect();
        work.enter(start.by)?;
        work.announce_start(&start.ring);
        Ok(work.finish())
    }

    pub fn join(&self, now: Now, call: CallId, by: Joiner) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        work.enter(by)?;
        Ok(work.finish())
    }

    /// As `join`, but only one device of a user can answer the ring.
    pub fn accept(&self, now: Now, call: CallId, by: Joiner) -> Result<Plan, CallError> {
        let live = self.get(call)?;
        let user = by.person.id;
        if !live.rings.contains_key(&user) && live.has_user(user) && live.in_session(by.session).is_none() {
            return Err(CallError::State("answered on another device"));
        }
        self.join(now, call, by)
    }

    pub fn decline(&self, now: Now, call: CallId, user: UserId, busy: bool) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        if work.live.rings.remove(&user).is_none() {
            return Err(CallError::State("it does not ring for you"));
        }
        let (outcome, reason) =
            if busy { (InviteOutcome::Busy, "busy") } else { (InviteOutcome::Declined, "declined") };
        work.live.busy += u32::from(busy);
        work.live.declined += u32::from(!busy);
        work.step.invites.push((user, outcome));
        let to = work.concerned(Some(user));
        let data = json!({"callId": call, "channelId": work.live.channel, "userId": user, "reason": reason});
        work.notify(To::Users(to), "call:declined", data);
        work.settle();
        Ok(work.finish())
    }

    /// The initiator gives up before anyone answered.
    pub fn cancel(&self, now: Now, call: CallId, user: UserId) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        if work.live.initiator.id != user {
            return Err(CallError::NotHost);
        }
        if work.live.state != CallState::Ringing {
            return Err(CallError::State("the call was answered"));
        }
        work.end(CallState::Cancelled, EndReason::Cancelled);
        Ok(work.finish())
    }

    pub fn leave(
        &self,
        now: Now,
        call: CallId,
        session: SessionId,
        reason: LeaveReason,
    ) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        let who = work.live.in_session(session).ok_or(CallError::NotInCall)?.id;
        work.remove(who, reason);
        work.settle();
        Ok(work.finish())
    }

    /// Ends the call for everybody. `host`: by rights in the channel or token.
    pub fn end(&self, now: Now, call: CallId, user: UserId, host: bool) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        work.require_host(user, host)?;
        if work.live.state == CallState::Ringing {
            work.end(CallState::Cancelled, EndReason::Cancelled);
        } else {
            work.end(CallState::Completed, EndReason::HostEnded);
        }
        Ok(work.finish())
    }

    /// Rings more members; those in the call or already ringing are left alone.
    /// Whoever is in the call, from any of its devices; a ring opens a locked call, so that only hosts ring into one.
    pub fn invite(
        &self,
        now: Now,
        call: CallId,
        by: UserId,
        host: bool,
        users: &[UserId],
    ) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        if !work.live.has_user(by) {
            return Err(CallError::NotInCall);
        }
        if work.live.locked && work.require_host(by, host).is_err() {
            return Err(CallError::Locked);
        }
        let fresh: Vec<_> = users
            .iter()
            .copied()
            .filter(|user| !work.live.has_user(*user) && !work.live.rings.contains_key(user))
            .collect();
        let expires_at = now.wall_after(self.timing.ring);
        for user in &fresh {
            let ring = Ring { until: now.instant + self.timing.ring, expires_at, confirmed: false };
            work.live.rings.insert(*user, ring);
            work.step.invites.push((*user, InviteOutcome::Ringing));
        }
        if !fresh.is_empty() {
            work.durable = true;
            let data = work.incoming(expires_at);
            work.notify(To::Users(fresh), "call:incoming", data);
            work.watch_alone();
        }
        Ok(work.finish())
    }

    /// A device of a rung user shows the call.
    pub fn ringing(&self, now: Now, call: CallId, user: UserId) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        work.durable = false;
        let Some(ring) = work.live.rings.get_mut(&user) else {
            return Err(CallError::State("it does not ring for you"));
        };
        if !std::mem::replace(&mut ring.confirmed, true) {
            // Whoever is in the call may have rung: the initiator is not the only one who waits for it.
            let to = work.concerned(None);
            let data = json!({"callId": call, "channelId": work.live.channel, "userId": user});
            work.notify(To::Users(to), "call:ringing", data);
        }
        Ok(work.finish())
    }

    pub fn update(
        &self,
        now: Now,
        call: CallId,
        session: SessionId,
        change: VoiceChange,
    ) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        work.durable = false;
        let who =
            work.live.participants.iter_mut().find(|p| p.session == session).ok_or(CallError::NotInCall)?;
        let before = who.voice;
        let stated_mute = change.muted;
        let mut lifts = false;
        if stated_mute == Some(false) {
            // Whoever has spoken up again has answered the host already.
            who.host_mute = None;
            lifts = std::mem::take(&mut who.force_muted);
        }
        let voice = &mut who.voice;
        voice.muted = change.muted.unwrap_or(voice.muted);
        voice.deafened = change.deafened.unwrap_or(voice.deafened);
        voice.video = change.video.unwrap_or(voice.video);
        voice.screen = change.screen.unwrap_or(voice.screen);
        who.had_video |= who.voice.video;
        who.had_screen |= who.voice.screen;
        let (id, user, after) = (who.id, who.person.id, who.voice);
        work.joined = Some(id);
        if let Some(raised) = change.hand_raised {
            work.raise(user, raised, user);
        }
        if lifts {
            work.media.push(MediaAction::LiftMute(id));
        }
        // Even if it is no news here: the offer may have said otherwise, and saying it twice harms nobody.
        if stated_mute.is_some() {
            work.media.push(MediaAction::SetMuted(id, after.muted));
        }
        if after != before {
            work.tell_state(id);
        }
        Ok(work.finish())
    }

    /// The session lost its socket (`true`) or got it back (`false`). Nobody is told.
    pub fn detached(
        &self,
        now: Now,
        call: CallId,
        session: SessionId,
        lost: bool,
    ) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        work.durable = false;
        let until = lost.then(|| now.instant + self.timing.grace);
        let who =
            work.live.participants.iter_mut().find(|p| p.session == session).ok_or(CallError::NotInCall)?;
        who.leave_at = until;
        Ok(work.finish())
    }

    pub fn media(
        &self,
        now: Now,
        call: CallId,
        who: ParticipantId,
        state: MediaState,
    ) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        let known = work.live.participants.iter_mut().find(|p| p.id == who).ok_or(CallError::NotInCall)?;
        let connection = match state {
            MediaState::Connected => Connection::Connected,
            MediaState::Interrupted => Connection::Interrupted,
            MediaState::HungUp | MediaState::Closed => {
                let hung_up = state == MediaState::HungUp;
                work.remove(who, if hung_up { LeaveReason::Left } else { LeaveReason::MediaLost });
                work.settle();
                return Ok(work.finish());
            }
        };
        work.durable = false;
        let changed = std::mem::replace(&mut known.connection, connection) != connection;
        if changed {
            work.tell_state(who);
        }
        Ok(work.finish())
    }

    /// The server stops: whoever is still rung has missed it, everybody else was cut off.
    pub fn shut(&self, now: Now, call: CallId) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        let rung: Vec<_> = std::mem::take(&mut work.live.rings).into_keys().collect();
        for user in rung {
            work.miss(user);
        }
        let ringing = work.live.state == CallState::Ringing;
        work.end(if ringing { CallState::Missed } else { CallState::Completed }, EndReason::NodeLost);
        Ok(work.finish())
    }

    /// What time has brought for the first call that is due; call again after `apply` until `None`.
    pub fn due(&self, now: Now) -> Option<Plan> {
        let live = self.calls.values().find(|c| c.next_timeout().is_some_and(|at| at <= now.instant))?;
        let mut work = Work::new(live.clone(), now, &self.timing);
        work.expire();
        Some(work.finish())
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.calls.values().filter_map(LiveCall::next_timeout).min()
    }

    pub fn get(&self, call: CallId) -> Result<&LiveCall, CallError> {
        self.calls.get(&call).ok_or(CallError::Unknown)
    }

    pub fn in_channel(&self, channel: ChannelId) -> Option<&LiveCall> {
        self.calls.get(self.by_channel.get(&channel)?)
    }

    /// Calls the session is in.
    pub fn of_session(&self, session: SessionId) -> Vec<CallId> {
        self.calls.values().filter(|call| call.in_session(session).is_some()).map(|call| call.id).collect()
    }

    pub fn all(&self) -> impl Iterator<Item = &LiveCall> {
        self.calls.values()
    }

    pub fn live(&self) -> Vec<CallId> {
        self.calls.keys().copied().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    fn work(&self, now: Now, call: CallId) -> Result<Work<'_>, CallError> {
        Ok(Work::new(self.get(call)?.clone(), now, &self.timing))
    }
}

/// One transition in the making, on a copy of the call.
struct Work<'a> {
    live: LiveCall,
    now: Now,
    timing: &'a Timing,
    step: CallStep,
    durable: bool,
    over: bool,
    media: Vec<MediaAction>,
    notices: Vec<Notice>,
    joined: Option<ParticipantId>,
    /// The queue as it was, and who has changed it by a command.
    hands_before: Vec<UserId>,
    hands_by: Option<UserId>,
}

impl<'a> Work<'a> {
    fn new(live: LiveCall, now: Now, timing: &'a Timing) -> Self {
        let step = CallStep::new(live.id, live.channel, now.wall_ms);
        let hands_before = live.hands.clone();
        Self {
            hands_before,
            hands_by: None,
            live,
            now,
            timing,
            step,
            durable: true,
            over: false,
            media: Vec::new(),
            notices: Vec::new(),
            joined: None,
        }
    }

    fn enter(&mut self, by: Joiner) -> Result<(), CallError> {
        if let (Some(already), false) = (self.live.in_session(by.session), by.fresh) {
            self.joined = Some(already.id);
            self.durable = false;
            return Ok(());
        }
        let user = by.person.id;
        if !self.is_open_to(user, by.host) {
            return Err(CallError::Locked);
        }
        // A page that was reloaded is a new session; its predecessor waits for a socket that never comes.
        let stale =
            |p: &&LiveParticipant| p.session == by.session || (p.person.id == user && p.leave_at.is_some());
        for id in self.live.participants.iter().filter(stale).map(|p| p.id).collect::<Vec<_>>() {
            self.remove(id, LeaveReason::Replaced);
        }
        if self.live.participants.len() >= self.timing.max_participants {
            return Err(CallError::Full);
        }
        // A hand outlives the device it was raised with, as long as somebody is there.
        let hand_raised = self.live.hands.contains(&user);
        let voice =
            VoiceState { muted: by.muted, deafened: by.deafened, hand_raised, ..VoiceState::default() };
        self.live.been.insert(user);
        self.live.participants.push(LiveParticipant {
            id: by.participant,
            person: by.person,
            session: by.session,
            voice,
            connection: Connection::Connecting,
            joined_at: self.now.wall_ms,
            had_video: false,
            had_screen: false,
            leave_at: None,
            host_mute: None,
            force_muted: false,
        });
        self.joined = Some(by.participant);
        self.media.push(MediaAction::Join(by.participant));
        self.step.joined.push(StintStart { participant: by.participant, user });
        self.live.peak = self.live.peak.max(u32::try_from(self.live.users().len()).unwrap_or(u32::MAX));
        self.step.peak_participants = self.live.peak;
        if self.live.state == CallState::Ringing && user != self.live.initiator.id {
            self.live.state = CallState::Ongoing;
            self.live.answered_at = Some(self.now.wall_ms);
            self.step.state = Some(CallState::Ongoing);
            self.step.answered = true;
            // Of two processes or devices that try at once, only one finds the row still ringing.
            self.step.expect = &[CallState::Ringing];
        }
        if self.live.rings.remove(&user).is_some() {
            self.step.invites.push((user, InviteOutcome::Accepted));
            let data = json!({
                "callId": self.live.id, "channelId": self.live.channel, "userId": user,
                "participantId": by.participant, "answeredAt": self.live.answered_at.map(rfc3339),
            });
            let to = self.concerned(Some(user));
            self.notify(To::UsersExcept(to, by.session), "call:accepted", data);
        }
        if self.step.create.is_none() {
            self.tell_joined(by.participant);
        }
        self.watch_alone();
        Ok(())
    }

    fn announce_start(&mut self, ring: &[UserId]) {
        let data =
            json!({"callId": self.live.id, "channelId": self.live.channel, "call": self.live.to_json()});
        self.notify(To::Members, "call:started", data);
        if let Some(first) = self.joined {
            self.tell_joined(first);
        }
        if !ring.is_empty() {
            let data = self.incoming(self.now.wall_after(self.timing.ring));
            self.notify(To::Users(ring.to_vec()), "call:incoming", data);
        }
    }

    fn incoming(&self, expires_at: i64) -> Value {
        json!({
            "callId": self.live.id, "channelId": self.live.channel, "channelKind": self.live.channel_kind,
            "channelName": self.live.channel_name, "type": self.live.kind,
            "initiator": self.live.initiator.to_json(), "expiresAt": rfc3339(expires_at),
        })
    }

    fn remove(&mut self, who: ParticipantId, reason: LeaveReason) {
        let Some(at) = self.live.participants.iter().position(|p| p.id == who) else { return };
        let gone = self.live.participants.remove(at);
        self.close_stint(&gone, reason);
        let data = json!({
            "callId": self.live.id, "channelId": self.live.channel, "userId": gone.person.id,
            "participantId": gone.id, "reason": reason,
        });
        let name = if self.live.mode == CallMode::Room { "voice:user_left" } else { "call:participant_left" };
        self.notify(To::Members, name, data);
    }

    fn close_stint(&mut self, gone: &LiveParticipant, reason: LeaveReason) {
        self.media.push(MediaAction::Leave(gone.id));
        self.step.left.push(StintEnd {
            participant: gone.id,
            reason,
            voice: gone.voice,
            had_video: gone.had_video,
            had_screen: gone.had_screen,
            quality: None,
        });
    }

    /// After people left or rings stopped: is the call over?
    fn settle(&mut self) {
        if self.live.participants.is_empty() {
            let lost = self.step.left.iter().any(|stint| stint.reason == LeaveReason::MediaLost);
            match (self.live.state, lost) {
                (CallState::Ringing, true) => self.end(CallState::Failed, EndReason::Failed),
                (CallState::Ringing, false) => self.end(CallState::Cancelled, EndReason::Cancelled),
                _ => self.end(CallState::Completed, EndReason::LastLeft),
            }
        } else if self.live.state == CallState::Ringing && self.live.rings.is_empty() {
            let (state, reason) = match (self.live.declined, self.live.missed) {
                (0, 0) => (CallState::Busy, EndReason::Busy),
                (0, _) => (CallState::Missed, EndReason::NoAnswer),
                _ => (CallState::Rejected, EndReason::Declined),
            };
            self.end(state, reason);
        } else {
            self.watch_alone();
        }
    }

    fn watch_alone(&mut self) {
        let alone = self.live.mode == CallMode::Ring
            && self.live.state == CallState::Ongoing
            && self.live.rings.is_empty()
            && self.live.users().len() == 1;
        self.live.alone_until = match (alone, self.live.alone_until) {
            (true, None) => Some(self.now.instant + self.timing.alone),
            (true, since) => since,
            (false, _) => None,
        };
    }

    fn expire(&mut self) {
        let now = self.now.instant;
        let late: Vec<_> =
            self.live.rings.iter().filter(|(_, r)| r.until <= now).map(|(user, _)| *user).collect();
        for user in late {
            self.live.rings.remove(&user);
            self.live.missed += 1;
            self.miss(user);
        }
        let lost = self.live.participants.iter().filter(|p| p.leave_at.is_some_and(|at| at <= now));
        for id in lost.map(|p| p.id).collect::<Vec<_>>() {
            self.remove(id, LeaveReason::Disconnected);
        }
        if self.live.ends_at <= now {
            return self.end(CallState::Completed, EndReason::MaxDuration);
        }
        if self.live.alone_until.is_some_and(|at| at <= now) {
            return self.end(CallState::Completed, EndReason::AloneTimeout);
        }
        self.settle();
    }

    fn miss(&mut self, user: UserId) {
        self.step.invites.push((user, InviteOutcome::Missed));
        let data = json!({
            "callId": self.live.id, "channelId": self.live.channel, "from": self.live.initiator.to_json(),
        });
        self.notify(To::Users(vec![user]), "call:missed", data);
        let data = json!({"callId": self.live.id, "channelId": self.live.channel, "userId": user});
        let to = self.concerned(None);
        self.notify(To::Users(to), "call:unanswered", data);
    }

    fn end(&mut self, state: CallState, reason: EndReason) {
        if self.over {
            return;
        }
        self.over = true;
        let was = self.live.state;
        for gone in std::mem::take(&mut self.live.participants) {
            self.close_stint(&gone, LeaveReason::CallEnded);
        }
        let rung: Vec<_> = std::mem::take(&mut self.live.rings).into_keys().collect();
        for user in &rung {
            self.step.invites.push((*user, InviteOutcome::Cancelled));
        }
        if !rung.is_empty() {
            let data = json!({"callId": self.live.id, "channelId": self.live.channel, "reason": reason});
            self.notify(To::Users(rung), "call:cancelled", data);
        }
        self.live.state = state;
        self.step.state = Some(state);
        self.step.expect =
            if was == CallState::Ringing { &[CallState::Ringing] } else { &[CallState::Ongoing] };
        self.step.ended = Some(reason);
        let duration = self.live.answered_at.map(|at| (self.now.wall_ms - at).max(0));
        let summary = CallSummary {
            state,
            mode: self.live.mode,
            kind: self.live.kind,
            end_reason: Some(reason),
            duration_ms: duration,
        };
        let data = json!({
            "callId": self.live.id, "channelId": self.live.channel, "reason": reason, "state": state,
            "durationMs": duration, "summary": summary.to_json(),
        });
        self.notify(To::Members, "call:ended", data);
    }

    fn tell_joined(&mut self, who: ParticipantId) {
        let Some(participant) = self.live.participants.iter().find(|p| p.id == who) else { return };
        let data = json!({
            "callId": self.live.id, "channelId": self.live.channel, "participant": participant.to_json(),
        });
        let name =
            if self.live.mode == CallMode::Room { "voice:user_joined" } else { "call:participant_joined" };
        self.notify(To::Members, name, data);
    }

    fn tell_state(&mut self, who: ParticipantId) {
        let Some(p) = self.live.participants.iter().find(|p| p.id == who) else { return };
        let data = json!({
            "channelId": self.live.channel, "callId": self.live.id, "userId": p.person.id, "participantId": p.id,
            "voiceState": p.voice, "connection": p.connection.as_str(),
        });
        let to = self.live.users();
        self.notify(To::Users(to), "voice:state_update", data);
    }

    /// The initiator, those in the call, and one more.
    fn concerned(&self, also: Option<UserId>) -> Vec<UserId> {
        let mut users = self.live.users();
        users.push(self.live.initiator.id);
        users.extend(also);
        users.sort_unstable();
        users.dedup();
        users
    }

    fn stays_of(&self, user: UserId) -> Vec<ParticipantId> {
        self.live.participants.iter().filter(|p| p.person.id == user).map(|p| p.id).collect()
    }

    fn require_host(&self, user: UserId, host: bool) -> Result<(), CallError> {
        if host || self.live.initiator.id == user { Ok(()) } else { Err(CallError::NotHost) }
    }

    fn notify(&mut self, to: To, name: &'static str, data: Value) {
        self.notices.push(Notice { to, name, data });
    }

    fn finish(mut self) -> Plan {
        self.step.peak_participants = self.live.peak;
        if !self.over {
            self.settle_hands();
        }
        Plan {
            call: self.live.id,
            leaves_line: self.over && (self.live.mode == CallMode::Ring || self.live.peak > 1),
            next: (!self.over).then_some(self.live),
            step: self.durable.then_some(self.step),
            media: self.media,
            notices: self.notices,
            joined: self.joined,
            existing: false,
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod walk;
