//! What administrators of the server do to calls that need not be theirs. Each step carries its line for the audit log.

use serde_json::json;

use super::{Book, CallError, Plan, To};
use crate::{
    base::id::{CallId, UserId},
    call::{
        live::Now,
        model::{CallState, EndReason, InviteOutcome},
        step::CallAct,
    },
};

impl Book {
    /// Ends the call for everybody.
    pub fn close(&self, now: Now, call: CallId, act: CallAct) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        let ringing = work.live.state == CallState::Ringing;
        work.step.act = Some(act);
        work.end(if ringing { CallState::Cancelled } else { CallState::Completed }, EndReason::AdminEnded);
        Ok(work.finish())
    }

    /// It rings no more for one of them, or for anybody. A call that nobody has answered, and that rings nowhere, is over.
    pub fn cancel_rings(
        &self,
        now: Now,
        call: CallId,
        user: Option<UserId>,
        act: CallAct,
    ) -> Result<Plan, CallError> {
        let mut work = self.work(now, call)?;
        let rung: Vec<UserId> =
            work.live.rings.keys().copied().filter(|one| user.is_none_or(|user| user == *one)).collect();
        if rung.is_empty() {
            return Err(CallError::State("it does not ring"));
        }
        work.step.act = Some(act);
        for user in &rung {
            work.live.rings.remove(user);
            work.step.invites.push((*user, InviteOutcome::Cancelled));
        }
        let data = json!({"callId": call, "channelId": work.live.channel, "reason": EndReason::Cancelled});
        work.notify(To::Users(rung), "call:cancelled", data);
        if work.live.state == CallState::Ringing && work.live.rings.is_empty() {
            work.end(CallState::Cancelled, EndReason::Cancelled);
        } else {
            work.watch_alone();
        }
        Ok(work.finish())
    }
}
