//! Somebody may not be in a call any more, whatever its part in it is.

use super::{Book, CallError, Plan};
use crate::{
    base::id::{CallId, LoginId, SessionId, UserId},
    call::{
        live::Now,
        model::{InviteOutcome, LeaveReason},
    },
};

impl Book {
    /// Ends the stays of a user and stops its ring. Of the ring the user is told nothing: it may not hear of the
    /// channel any more.
    pub fn expel(&self, now: Now, call: CallId, user: UserId) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        let stays = work.stays_of(user);
        let rang = work.live.rings.remove(&user).is_some();
        if stays.is_empty() && !rang {
            return Err(CallError::NotInCall);
        }
        if rang {
            work.step.invites.push((user, InviteOutcome::Cancelled));
            // To the caller it is as if nobody had answered.
            work.live.missed += 1;
        }
        for stay in stays {
            work.remove(stay, LeaveReason::Kicked);
        }
        work.live.been.remove(&user);
        work.settle();
        Ok(work.finish())
    }

    /// The calls somebody is in by one of its sign-ins, and by which sessions.
    pub fn of_login(&self, login: LoginId) -> Vec<(CallId, SessionId)> {
        let lives = self.live().into_iter().filter_map(|id| self.get(id).ok());
        let seats = lives.flat_map(|call| call.participants.iter().map(|one| (call.id, one)));
        let mine = seats.filter(|(_, one)| one.person.login == Some(login));
        mine.map(|(call, one)| (call, one.session)).collect()
    }

    /// The calls a user is in or rung by.
    pub fn of_user(&self, user: UserId) -> Vec<CallId> {
        let part = |id: &CallId| {
            self.get(*id).is_ok_and(|live| live.has_user(user) || live.rings.contains_key(&user))
        };
        self.live().into_iter().filter(part).collect()
    }
}
