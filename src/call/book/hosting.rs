//! What hosts do about a call, and how the others make themselves noticed: hands, mutes, the lock.

use std::time::Duration;

use serde_json::json;

use super::{Book, CallError, MediaAction, Plan, To, Work};
use crate::{
    base::id::{CallId, ParticipantId, UserId},
    call::{
        live::{HostMute, Now, Person},
        model::LeaveReason,
    },
};

/// Pages offer to take a mute back for five seconds; the rest is the way here. Much longer, and somebody who has got
/// used to being unheard would be heard again.
const TAKE_BACK: Duration = Duration::from_secs(8);

impl Book {
    /// What a host does to somebody in the call, and what leaves no row.
    fn work_on(
        &self,
        now: Now,
        call: CallId,
        by: UserId,
        host: bool,
        target: UserId,
    ) -> Result<Work<'_>, CallError> {
        let mut work = self.work(now, call)?;
        work.durable = false;
        work.require_host(by, host)?;
        if !work.live.has_user(target) {
            return Err(CallError::NotInCall);
        }
        Ok(work)
    }

    /// One's own hand, or, by a host, somebody else's down.
    pub fn hand(
        &self,
        now: Now,
        call: CallId,
        by: UserId,
        host: bool,
        target: UserId,
        raised: bool,
    ) -> Result<Plan, CallError> {
        let mut work = self.work_on(now, call, by, host || target == by, target)?;
        work.raise(target, raised, by);
        Ok(work.finish())
    }

    pub fn mute(
        &self,
        now: Now,
        call: CallId,
        by: UserId,
        host: bool,
        target: UserId,
    ) -> Result<Plan, CallError> {
        let mut work = self.work_on(now, call, by, host, target)?;
        for id in work.stays_of(target) {
            if let Some(who) = work.live.participants.iter_mut().find(|p| p.id == id) {
                // What was silent before has no mute that could be taken back.
                if !std::mem::replace(&mut who.voice.muted, true) {
                    who.host_mute = Some(HostMute { by, at: now.instant });
                }
                who.force_muted = true;
            }
            work.media.push(MediaAction::ForceMute(id));
            work.tell_muted(id, target, by, true);
            work.tell_state(id);
        }
        Ok(work.finish())
    }

    /// Takes one's own mute back. Nobody is unmuted by this: whether the microphone is on again says its owner's device,
    /// by what its owner wants.
    pub fn take_mute_back(
        &self,
        now: Now,
        call: CallId,
        by: UserId,
        host: bool,
        target: UserId,
    ) -> Result<Plan, CallError> {
        let mut work = self.work_on(now, call, by, host, target)?;
        let recent = |mute: HostMute| mute.by == by && now.instant < mute.at + TAKE_BACK;
        let mut taken = Vec::new();
        for who in work.live.participants.iter_mut().filter(|p| p.person.id == target) {
            if who.host_mute.is_some_and(recent) {
                who.host_mute = None;
                taken.push(who.id);
            }
        }
        if taken.is_empty() {
            return Err(CallError::State("there is no mute of yours to take back"));
        }
        for id in taken {
            work.tell_muted(id, target, by, false);
        }
        Ok(work.finish())
    }

    /// Nobody can be unmuted; one can be asked to.
    pub fn ask_unmute(
        &self,
        now: Now,
        call: CallId,
        by: &Person,
        host: bool,
        target: UserId,
    ) -> Result<Plan, CallError> {
        let mut work = self.work_on(now, call, by.id, host, target)?;
        let data = json!({"callId": call, "channelId": work.live.channel, "by": by.to_json()});
        work.notify(To::Users(vec![target]), "call:unmute_asked", data);
        Ok(work.finish())
    }

    pub fn kick(
        &self,
        now: Now,
        call: CallId,
        by: UserId,
        host: bool,
        target: UserId,
    ) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        work.require_host(by, host)?;
        let ids = work.stays_of(target);
        if ids.is_empty() {
            return Err(CallError::NotInCall);
        }
        for id in ids {
            work.remove(id, LeaveReason::Kicked);
        }
        // Whoever was removed is somebody new to a locked call.
        work.live.been.remove(&target);
        work.settle();
        Ok(work.finish())
    }

    /// Locked, a call is open to those who were in it, who are rung, and to hosts.
    pub fn lock(
        &self,
        now: Now,
        call: CallId,
        by: UserId,
        host: bool,
        locked: bool,
    ) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        work.require_host(by, host)?;
        if std::mem::replace(&mut work.live.locked, locked) == locked {
            work.durable = false;
            return Ok(work.finish());
        }
        let data = json!({"callId": call, "channelId": work.live.channel, "locked": locked, "by": by});
        // All members: a page that offers to join says first that it is in vain.
        work.notify(To::Members, "call:locked", data);
        Ok(work.finish())
    }
}

impl Work<'_> {
    /// A hand that is up already keeps its place.
    pub(super) fn raise(&mut self, user: UserId, raised: bool, by: UserId) {
        if raised == self.live.hands.contains(&user) {
            return;
        }
        if raised {
            self.live.hands.push(user);
        } else {
            self.live.hands.retain(|one| *one != user);
        }
        self.hands_by = Some(by);
    }

    /// After everything else: whoever is gone waits no more, and all who are there learn of the queue.
    pub(super) fn settle_hands(&mut self) {
        let mut hands = std::mem::take(&mut self.live.hands);
        hands.retain(|user| self.live.has_user(*user));
        self.live.hands = hands;
        if self.live.hands == self.hands_before {
            return;
        }
        let mut changed = Vec::new();
        for one in &mut self.live.participants {
            let raised = self.live.hands.contains(&one.person.id);
            if std::mem::replace(&mut one.voice.hand_raised, raised) != raised {
                changed.push(one.id);
            }
        }
        for id in changed {
            self.tell_state(id);
        }
        let data = json!({
            "callId": self.live.id, "channelId": self.live.channel, "hands": self.live.hands, "by": self.hands_by,
        });
        let to = self.live.users();
        self.notify(To::Users(to), "call:hands", data);
    }

    pub(super) fn is_open_to(&self, user: UserId, host: bool) -> bool {
        !self.live.locked
            || self.require_host(user, host).is_ok()
            || self.live.been.contains(&user)
            || self.live.rings.contains_key(&user)
    }

    fn tell_muted(&mut self, id: ParticipantId, user: UserId, by: UserId, muted: bool) {
        let data = json!({
            "callId": self.live.id, "channelId": self.live.channel, "participantId": id, "userId": user, "by": by,
            "muted": muted,
        });
        let to = self.live.users();
        self.notify(To::Users(to), "call:muted", data);
    }
}
