//! Hands, reactions, and what hosts do in a call.

use std::{
    collections::BTreeMap,
    mem::take,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Inner, calls::person, permit::is_host};
use crate::{
    auth::grants::Actor,
    base::id::{CallId, UserId},
    call::live::LiveCall,
    chat::{
        broadcast::Audience,
        command::{CallHand, CallLock, CallMute, CallReact, CallTarget},
        error::{Code, ServiceError},
    },
};

/// Reactions of this long are told together. Twice that, and clapping lags behind what is clapped for.
const GATHER: Duration = Duration::from_millis(250);
/// Different reactions of one go. More than a page shows at once; what goes beyond is told as a number.
const TOLD: usize = 64;

/// What people of calls have shown since they were last told. At most `TOLD` rows of a call, the rest is counted.
#[derive(Default)]
pub(super) struct Applause {
    shown: Mutex<BTreeMap<CallId, Shown>>,
    pub(super) news: Arc<Notify>,
}

impl Drop for Applause {
    /// The teller waits for news, and learns by this that there will be none.
    fn drop(&mut self) {
        self.news.notify_one();
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Shown {
    rows: Vec<(UserId, String, u32)>,
    more: u32,
}

impl Shown {
    fn add(&mut self, user: UserId, emoji: String) {
        if let Some(row) = self.rows.iter_mut().find(|(who, what, _)| *who == user && *what == emoji) {
            row.2 = row.2.saturating_add(1);
        } else if self.rows.len() < TOLD {
            self.rows.push((user, emoji, 1));
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn to_json(&self) -> Value {
        let row = |(user, emoji, count): &(UserId, String, u32)| json!({"userId": user, "emoji": emoji, "count": count});
        self.rows.iter().map(row).collect()
    }
}

impl Applause {
    fn shown(&self) -> MutexGuard<'_, BTreeMap<CallId, Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when the services are dropped or drained.
pub(super) async fn tell_reactions(inner: Weak<Inner>, news: Arc<Notify>) {
    loop {
        news.notified().await;
        tokio::time::sleep(GATHER).await;
        let Some(strong) = inner.upgrade() else { return };
        if strong.is_closing() {
            return;
        }
        let all = take(&mut *strong.applause.shown());
        for (call, shown) in all {
            let about = strong.look(|book| book.get(call).map(|live| (live.channel, LiveCall::users(live))));
            // The call is over, and so is the applause.
            let Ok((channel, users)) = about else { continue };
            let data = json!({
                "callId": call, "channelId": channel, "reactions": shown.to_json(), "more": shown.more,
            });
            strong.out.ephemeral(Audience::Users(users.into()), "call:reactions", data);
        }
    }
}

impl Inner {
    pub(super) async fn call_hand(
        &self,
        actor: &Actor,
        hand: CallHand,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let CallHand { call_id: call, raised, user_id } = hand;
        let (by, host) = (actor.user, is_host(actor, role));
        let target = user_id.unwrap_or(by);
        if raised && target != by {
            return Err(ServiceError::invalid("raised", "nobody raises the hand of somebody else"));
        }
        let change = self.desk.ask(None, move |book, now| book.hand(now, call, by, host, target, raised));
        Ok(json!({"hands": change.await?.call.map(|live| live.hands).unwrap_or_default()}))
    }

    /// Told to the call in a moment, with what else is shown in it.
    pub(super) fn call_react(&self, actor: &Actor, react: CallReact) -> Result<Value, ServiceError> {
        let there = self.look(|book| book.get(react.call_id).map(|live| live.has_user(actor.user)));
        match there {
            Err(_) => Err(ServiceError::new(Code::CallEnded, "the call is over")),
            Ok(false) => Err(ServiceError::new(Code::CallNotInCall, "you are not in this call")),
            Ok(true) => {
                self.applause.shown().entry(react.call_id).or_default().add(actor.user, react.emoji);
                self.applause.news.notify_one();
                Ok(json!({}))
            }
        }
    }

    pub(super) async fn call_mute(
        &self,
        actor: &Actor,
        mute: CallMute,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let (by, host) = (actor.user, is_host(actor, role));
        let CallMute { call_id: call, user_id: target, muted } = mute;
        self.desk
            .ask(None, move |book, now| {
                if muted {
                    book.mute(now, call, by, host, target)
                } else {
                    book.take_mute_back(now, call, by, host, target)
                }
            })
            .await?;
        Ok(json!({}))
    }

    pub(super) async fn call_ask_unmute(
        &self,
        actor: &Actor,
        ask: CallTarget,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let (by, host) = (person(actor), is_host(actor, role));
        let CallTarget { call_id: call, user_id: target } = ask;
        self.desk.ask(None, move |book, now| book.ask_unmute(now, call, &by, host, target)).await?;
        Ok(json!({}))
    }

    pub(super) async fn call_kick(
        &self,
        actor: &Actor,
        kick: CallTarget,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let (user, host) = (actor.user, is_host(actor, role));
        let CallTarget { call_id: call, user_id: target } = kick;
        self.desk.ask(None, move |book, now| book.kick(now, call, user, host, target)).await?;
        Ok(json!({}))
    }

    pub(super) async fn call_lock(
        &self,
        actor: &Actor,
        lock: CallLock,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let (user, host) = (actor.user, is_host(actor, role));
        let CallLock { call_id: call, locked } = lock;
        self.desk.ask(None, move |book, now| book.lock(now, call, user, host, locked)).await?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_again_is_a_number_and_too_much_is_one_too() {
        let mut shown = Shown::default();
        let user = |n| UserId::from_parts(1, n);
        for _ in 0..3 {
            shown.add(user(1), "👏".into());
        }
        shown.add(user(2), "👏".into());
        assert_eq!(shown.rows, [(user(1), "👏".to_owned(), 3), (user(2), "👏".to_owned(), 1)]);
        for n in 0..200 {
            shown.add(user(n + 10), "🎉".into());
        }
        assert_eq!((shown.rows.len(), shown.more), (TOLD, 200 + 2 - u32::try_from(TOLD).unwrap()));
        shown.add(user(1), "👏".into());
        assert_eq!(shown.rows[0].2, 4, "who is told already still counts");
    }
}
