//! Who is shown what of whom: blocks, and how far people have read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Inner, StoredResult, outbox::Outbox};
use crate::{
    auth::grants::Actor,
    base::{
        id::{ChannelId, UserId},
        time::rfc3339,
    },
    chat::{
        broadcast::Audience,
        error::{Code, ServiceError},
        model::{MemberRecord, UserRecord, Viewer},
        presence::Presence,
        privacy::Privacy,
        receipts::{Cursor, Receipt, Receipts},
    },
    runtime::clock,
    store,
};

/// Shared by the services and what they send out. Where two locks are held, the one of the wishes is the second.
pub(super) struct Discretion {
    wishes: RwLock<Privacy>,
    receipts: Mutex<Receipts>,
    /// A receipt was held back.
    held: Notify,
}

impl Discretion {
    pub(super) fn new(receipts: Receipts) -> Arc<Self> {
        Arc::new(Self { wishes: RwLock::default(), receipts: Mutex::new(receipts), held: Notify::new() })
    }

    pub(super) fn wishes(&self) -> RwLockReadGuard<'_, Privacy> {
        self.wishes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Privacy> {
        self.wishes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn receipts(&self) -> MutexGuard<'_, Receipts> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox {
    /// Somebody's cursor moved: others hear of it now or soon.
    pub(super) fn others_read(&self, cursor: Cursor, receipt: Receipt) {
        if self.discretion.wishes().hides_reading(cursor.user) {
            return;
        }
        // Told under the lock, here and below: what was held back does not overtake what is newer, and nothing
        // follows `expelled`.
        let mut receipts = self.discretion.receipts();
        match receipts.moved(clock::now(), cursor, receipt) {
            Some(receipt) => self.receipt(cursor, receipt),
            None => self.discretion.held.notify_one(),
        }
    }

    fn receipt(&self, cursor: Cursor, receipt: Receipt) {
        let Receipt { seq, at, mut to } = receipt;
        {
            let wishes = self.discretion.wishes();
            if wishes.hides_reading(cursor.user) {
                return;
            }
            if wishes.anybody_hides_reading() {
                to.retain(|other| !wishes.hides_reading(*other));
            }
        }
        if !to.is_empty() {
            let data = receipt_json(cursor, seq, at);
            self.ephemeral(Audience::Users(to.into()), "message:read_receipt", data);
        }
    }

    /// Nothing of the channel that was held back reaches the user any more.
    pub(super) fn expelled(&self, channel: ChannelId, user: UserId) {
        self.discretion.receipts().expel(channel, user);
    }

    /// An event of a member, `data` and its `member`, which not everybody may see alike.
    pub(super) fn of_member(
        &self,
        to: &store::Audience,
        name: &'static str,
        member: &MemberRecord,
        mut data: Value,
    ) {
        let everybody = {
            let wishes = self.discretion.wishes();
            let shown = |user: &UserId| {
                member.shows_reading_to(Viewer { user: *user, hides_reading: wishes.hides_reading(*user) })
            };
            match member.hides_reading || wishes.anybody_hides_reading() {
                true => Some(to.iter().copied().partition::<Vec<UserId>, _>(shown)),
                false => None,
            }
        };
        let Some((shown, others)) = everybody else {
            data["member"] = member.to_json(true);
            return self.reliable(Audience::Users(to.clone()), name, data);
        };
        for (users, with_reading) in [(shown, true), (others, false)] {
            if !users.is_empty() {
                data["member"] = member.to_json(with_reading);
                self.reliable(Audience::Users(users.into()), name, data.clone());
            }
        }
    }
}

pub(super) fn receipt_json(cursor: Cursor, seq: u64, at: i64) -> Value {
    json!({
        "channelId": cursor.channel, "threadId": cursor.thread, "userId": cursor.user, "seq": seq, "at": rfc3339(at),
    })
}

impl Inner {
    /// Before the user shows itself here or is told of others: what it wishes is known from then on.
    pub(super) async fn know(&self, user: &UserRecord) -> Result<(), ServiceError> {
        if self.out.discretion.wishes().knows(user.id) {
            return Ok(());
        }
        self.out.discretion.change().expect(user.id);
        let blocked = self.store.blocked(user.id).await.or_not_found(Code::NotFoundUser)?;
        self.out.discretion.change().learn(user.id, &blocked, user.hides_reading);
        Ok(())
    }

    /// Who asks, with what it wishes.
    pub(super) async fn viewer(&self, actor: &Actor) -> Result<Viewer, ServiceError> {
        let user = actor.user;
        if !self.out.discretion.wishes().knows(user) {
            self.know(&self.user(user).await?).await?;
        }
        Ok(Viewer { user, hides_reading: self.out.discretion.wishes().hides_reading(user) })
    }

    pub(super) async fn members_json<'a>(
        &self,
        actor: &Actor,
        members: impl IntoIterator<Item = &'a MemberRecord>,
    ) -> Result<Vec<Value>, ServiceError> {
        let viewer = self.viewer(actor).await?;
        let row = |member: &MemberRecord| member.to_json(member.shows_reading_to(viewer));
        Ok(members.into_iter().map(row).collect())
    }

    pub(super) async fn member_json(
        &self,
        actor: &Actor,
        member: &MemberRecord,
    ) -> Result<Value, ServiceError> {
        let viewer = self.viewer(actor).await?;
        Ok(member.to_json(member.shows_reading_to(viewer)))
    }

    /// Users as the actor may see them: whoever blocks it shows it nothing that comes from being here.
    pub(super) async fn users_json(
        &self,
        actor: &Actor,
        users: &[UserRecord],
    ) -> Result<Vec<Value>, ServiceError> {
        let others: Vec<UserId> = users.iter().map(|user| user.id).filter(|id| *id != actor.user).collect();
        let hidden = match others.is_empty() {
            true => Vec::new(),
            false => self.store.blocking(actor.user, &others).await.or_not_found(Code::NotFoundUser)?,
        };
        let row = |user: &UserRecord| match hidden.contains(&user.id) {
            true => user.to_hidden_json(),
            false => user.to_json(),
        };
        Ok(users.iter().map(row).collect())
    }

    /// The user blocks the other one from now on, or does not: it is seen so at once. Runs in commit order.
    pub(super) fn block_changed(&self, user: UserId, other: UserId, blocked: bool) {
        self.out.discretion.change().block(user, other, blocked);
        // Held while it is told: whoever changes it meanwhile tells it after this.
        let presence = self.presence();
        let shown = if blocked { Presence::hidden(user) } else { presence.seen_by_others(user) };
        self.out.carrier.presence_shown(user, shown, other);
    }

    /// What waits to be told of the reading of somebody who hides it now is not told.
    pub(super) fn reading_changed(&self, user: UserId, hides: bool) {
        self.out.discretion.change().set_hides_reading(user, hides);
        if hides {
            self.out.discretion.receipts().withdraw(user);
        }
    }
}

/// Tells what was held back. Ends when the services are dropped or drained.
pub(super) async fn tell_receipts(inner: Weak<Inner>) {
    let Some(discretion) = inner.upgrade().map(|inner| Arc::clone(&inner.out.discretion)) else { return };
    loop {
        let at = {
            let Some(inner) = inner.upgrade() else { return };
            if inner.is_closing() {
                return;
            }
            let mut receipts = discretion.receipts();
            for (cursor, receipt) in receipts.expire(clock::now()) {
                inner.out.receipt(cursor, receipt);
            }
            receipts.next_timeout()
        };
        // Both are cancel-safe: a notification is kept for the next wait.
        match at {
            Some(at) => tokio::select! {
                () = tokio::time::sleep_until(at.into()) => {}
                () = discretion.held.notified() => {}
            },
            None => discretion.held.notified().await,
        }
    }
}
