//! Presence and typing: soft state behind short locks, and the timer that lets it expire.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Inner, StoredResult, members_of};
use crate::{
    auth::grants::Actor,
    base::id::{ChannelId, MessageId, UserId},
    call::{live::LiveCall, model::LeaveReason},
    chat::{
        broadcast::Audience,
        command::{LastSeenTo, PresenceHeartbeat, PresenceOf, PresenceUpdate},
        error::{Code, ServiceError},
        limits::MAX_PRESENCE,
        presence::{Moment, Presence},
        typing::{Typing, Typist},
    },
    runtime::clock,
};

/// The interest set of `presence:subscribe {userIds}`.
const USERS_KEY: &str = "users";
/// Nonces are kept for a day, rate buckets while they are not full.
const HOUSEKEEPING: Duration = Duration::from_secs(600);
const NONCE_DAY_MS: i64 = 24 * 3600 * 1000;

impl Inner {
    pub(super) fn presence(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn typing(&self) -> MutexGuard<'_, Typing> {
        self.typing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attached(&self, actor: &Actor) {
        let flipped = self.presence().attached(actor.user, actor.session, actor.device);
        self.presence_changed(actor.user, flipped);
    }

    /// The socket is gone: stop typing at once, look offline after the grace.
    pub(super) fn detached(&self, actor: &Actor) {
        let flipped = self.presence().detached(moment(), actor.user, actor.session);
        self.presence_changed(actor.user, flipped);
        let stopped = self.typing().drop_session(actor.session);
        for (channel, user) in stopped {
            self.out.typing_stop(channel, user);
        }
        self.wake.notify_one();
    }

    pub(super) fn presence_changed(&self, user: UserId, flipped: bool) {
        if flipped {
            let presence = self.presence().seen_by_others(user);
            // Held until all are told: a block that comes now is told after this.
            let wishes = self.out.discretion.wishes();
            self.out.carrier.presence_changed(user, presence, &|watcher| wishes.hides(user, watcher));
        }
    }

    pub(super) fn presences(&self, me: UserId, users: &[UserId]) -> Vec<Value> {
        let (presence, wishes) = (self.presence(), self.out.discretion.wishes());
        let seen = |user: &UserId| match *user {
            user if user == me => presence.seen_by_self(user),
            user if wishes.hides(user, me) => Presence::hidden(user),
            user => presence.seen_by_others(user),
        };
        users.iter().map(seen).collect()
    }

    pub(super) async fn presence_update(
        self: &Arc<Self>,
        actor: &Actor,
        update: PresenceUpdate,
    ) -> Result<Value, ServiceError> {
        let now = moment();
        // From the row: over REST there may have been no session that brought it along.
        let user = self.user(actor.user).await?;
        self.know(&user).await?;
        let before = user.status;
        let mut said = before.clone();
        said.wish = update.status.or(said.wish);
        if update.custom_status.is_some() || update.emoji.is_some() {
            said.text = update.custom_status.unwrap_or_default();
            said.emoji = update.emoji.unwrap_or_default();
            said.until = update.until.map(|until| until.0);
            if said.until.is_some_and(|until| until <= now.wall_ms) {
                return Err(ServiceError::new(Code::ValidationFailed, "until: is over already"));
            }
        }
        if let Some(to) = update.last_seen_to {
            said.hides_last_seen = to == LastSeenTo::Nobody;
        }
        if said != before {
            let saved = self.store.set_status(actor.user, said.clone()).await;
            saved.or_not_found(Code::NotFoundUser)?;
        }
        let mut resettled = said.hides_last_seen != before.hides_last_seen;
        if let Some(on) = update.read_receipts {
            let (inner, me) = (Arc::clone(self), actor.user);
            let then = Box::new(move |_: &bool| inner.reading_changed(me, !on));
            let done = self.store.set_read_receipts(me, on, then).await;
            resettled |= done.or_not_found(Code::NotFoundUser)?;
        }
        let settings = said.settings_json(self.out.discretion.wishes().hides_reading(actor.user));
        if resettled {
            self.out.reliable(Audience::Users([actor.user].into()), "user:settings", settings.clone());
        }
        let changed = self.presence().update(now, actor.user, said, update.activity);
        self.presence_changed(actor.user, changed);
        self.wake.notify_one();
        Ok(json!({"presence": self.presence().seen_by_self(actor.user), "settings": settings}))
    }

    pub(super) fn presence_heartbeat(&self, actor: &Actor, told: PresenceHeartbeat) -> Value {
        let idle = Duration::from_millis(told.idle_ms);
        let flipped = self.presence().heartbeat(clock::now(), actor.user, actor.session, idle);
        self.presence_changed(actor.user, flipped);
        self.wake.notify_one();
        json!({})
    }

    pub(super) async fn presence_subscribe(
        &self,
        actor: &Actor,
        channel: Option<ChannelId>,
        ask: PresenceOf,
    ) -> Result<Value, ServiceError> {
        let mut told = Vec::new();
        let mut count = None;
        if let Some(channel) = channel {
            let mut members = members_of(&*self.store, channel).await?;
            count = Some({
                let (presence, wishes) = (self.presence(), self.out.discretion.wishes());
                presence.count(members.iter().copied().filter(|user| !wishes.hides(*user, actor.user)))
            });
            // Of a crowd nobody follows the single ones.
            if members.len() > MAX_PRESENCE {
                members.clear();
            }
            self.out.carrier.watch_presence(actor.session, &channel.to_string(), &members);
            // After the interest is noted, for the same reason as with focus.
            if let Err(error) = self.store.role(channel, actor.user).await.or_not_found(Code::NotFoundChannel)
            {
                self.out.carrier.unwatch_presence(actor.session, &channel.to_string());
                return Err(error);
            }
            told.extend(members);
        }
        if channel.is_none() || !ask.user_ids.is_empty() {
            let users = self.visible_users(actor, &ask.user_ids).await?;
            self.out.carrier.watch_presence(actor.session, USERS_KEY, &users);
            told.extend(users);
        }
        told.sort_unstable();
        told.dedup();
        Ok(json!({"presence": self.presences(actor.user, &told), "online": count}))
    }

    pub(super) fn presence_unsubscribe(&self, actor: &Actor, channel: Option<ChannelId>) -> Value {
        let key = channel.map_or_else(|| USERS_KEY.to_owned(), |id| id.to_string());
        self.out.carrier.unwatch_presence(actor.session, &key);
        json!({})
    }

    pub(super) async fn presence_bulk(
        &self,
        actor: &Actor,
        channel: Option<ChannelId>,
        ask: PresenceOf,
    ) -> Result<Value, ServiceError> {
        let mut users = self.visible_users(actor, &ask.user_ids).await?;
        if let Some(channel) = channel {
            users.extend(members_of(&*self.store, channel).await?);
            users.truncate(MAX_PRESENCE);
        }
        Ok(json!({"presence": self.presences(actor.user, &users)}))
    }

    /// Those the actor shares a channel with, or the room if the token is bound to one.
    async fn visible_users(&self, actor: &Actor, users: &[UserId]) -> Result<Vec<UserId>, ServiceError> {
        if let Some(room) = self.room_of(actor).await? {
            let members = members_of(&*self.store, room).await?;
            return Ok(users.iter().copied().filter(|user| members.contains(user)).collect());
        }
        self.store.sharing(actor.user, users).await.or_not_found(Code::NotFoundUser)
    }

    pub(super) fn typing_start(&self, actor: &Actor, channel: ChannelId, thread: Option<MessageId>) -> Value {
        let (username, name) = (actor.username.to_string(), actor.name.to_string());
        let typist = Typist { user: actor.user, username, name, thread };
        if self.typing().start(clock::now(), channel, actor.session, typist.clone()) {
            self.out.typing_start(channel, &typist);
            self.wake.notify_one();
        }
        json!({})
    }

    pub(super) fn typing_stopped(&self, channel: ChannelId, user: UserId) {
        if self.typing().stop(channel, user) {
            self.out.typing_stop(channel, user);
        }
    }

    /// Without whom one of the two blocks the other.
    pub(super) fn typing_json(&self, me: UserId, channel: ChannelId) -> Vec<Value> {
        let apart = self.out.discretion.wishes().apart(me);
        let typing = self.typing();
        let row = |who: &&Typist| json!({"userId": who.user, "username": who.username, "name": who.name, "threadId": who.thread});
        let shown = |who: &&&Typist| apart.binary_search(&who.user).is_err();
        typing.active(channel).iter().filter(shown).map(row).collect()
    }

    pub(super) async fn session_lost(&self, actor: &Actor, lost: bool) {
        for call in self.look(|book| book.of_session(actor.session)) {
            let session = actor.session;
            let told = self.desk.ask(None, move |book, now| book.detached(now, call, session, lost)).await;
            if let Err(error) = told {
                tracing::debug!(%call, %error, "a session's socket changed but its call did not care");
            }
        }
    }

    pub(super) async fn session_left(&self, actor: &Actor) {
        for call in self.look(|book| book.of_session(actor.session)) {
            let (session, reason) = (actor.session, LeaveReason::Disconnected);
            let told = self.desk.ask(None, move |book, now| book.leave(now, call, session, reason)).await;
            if let Err(error) = told {
                tracing::warn!(%call, %error, "a closed session could not leave its call");
            }
        }
    }
}

/// Lets typing and presence expire, and does the hourly chores. Ends when the services are dropped or drained.
pub(super) async fn tick(inner: std::sync::Weak<Inner>, wake: Arc<tokio::sync::Notify>) {
    let mut chores = clock::now() + HOUSEKEEPING;
    loop {
        let at = {
            let Some(inner) = inner.upgrade() else { return };
            if inner.is_closing() {
                return;
            }
            let gone = expire(&inner);
            remember(&inner, &gone).await;
            inner.forget_knocks().await;
            if clock::now() >= chores {
                chores = clock::now() + HOUSEKEEPING;
                housekeeping(&inner).await;
            }
            next(&inner, chores)
        };
        // Both arms are cancel-safe: a notification is kept for the next wait.
        tokio::select! {
            () = tokio::time::sleep_until(at.into()) => {}
            () = wake.notified() => {}
        }
    }
}

/// Tells people in a call how good it is for whom. Ends when the services are dropped or drained.
pub(super) async fn tell_quality(inner: std::sync::Weak<Inner>) {
    let Some(every) = inner.upgrade().map(|inner| inner.config.calls.quality_interval) else { return };
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_closing() {
            return;
        }
        let news = inner.quality().news();
        for (call, data) in news {
            let users = inner.look(|book| book.get(call).map(LiveCall::users).unwrap_or_default());
            inner.out.ephemeral(Audience::Users(users.into()), "call:quality", data);
        }
    }
}

fn next(inner: &Inner, chores: Instant) -> Instant {
    let (typing, presence) = (inner.typing().next_timeout(), inner.presence().next_timeout());
    let soft = typing.into_iter().chain(presence).chain(inner.waiting.next_timeout());
    soft.min().map_or(chores, |at| at.min(chores))
}

/// Returns whose last device is gone.
fn expire(inner: &Inner) -> Vec<UserId> {
    let now = clock::now();
    let silent = inner.typing().expire(now);
    for (channel, user) in silent {
        inner.out.typing_stop(channel, user);
    }
    let expired = inner.presence().expire(now);
    for user in expired.changed {
        inner.presence_changed(user, true);
    }
    expired.gone
}

/// Devices that are gone for good were there a moment ago; not for every reconnect.
async fn remember(inner: &Inner, gone: &[UserId]) {
    if gone.is_empty() {
        return;
    }
    if let Err(error) = inner.store.touch_users(gone, clock::wall_ms()).await {
        tracing::warn!(%error, people = gone.len(), "when they were last seen was not written");
    }
}

/// Now, on both clocks.
pub(super) fn moment() -> Moment {
    Moment { instant: clock::now(), wall_ms: clock::wall_ms() }
}

async fn housekeeping(inner: &Inner) {
    inner.rates.prune();
    inner.banned.prune();
    inner.ended.prune();
    let now = clock::wall_ms();
    loop {
        match inner.store.expire_nonces(now - NONCE_DAY_MS).await {
            Ok(0) => break,
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => {
                tracing::warn!(%error, "old nonces could not be forgotten");
                return;
            }
        }
    }
    loop {
        match inner.expire_schedules(now).await {
            Ok(0) => return,
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => {
                tracing::warn!(%error, "scheduled messages of the past could not be forgotten");
                return;
            }
        }
    }
}
