//! Messages that wait for their time, and the task that sends them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Inner, StoredResult as _, accounts::active, filtering::Suspicion, permit::Place, store_error};
use crate::{
    auth::grants::Actor,
    base::{
        id::{ChannelId, ScheduleId},
        time::DAY_MS,
    },
    chat::{
        command::{ChannelRef, MessageSend, ScheduleUpdate},
        error::{Code, ServiceError},
        model::WallMs,
        schedule::ScheduledRecord,
    },
    runtime::clock,
    store::{
        self, ChangedSchedule, DueMessage, FiredMessage, NewMessage, NewScheduled, ScheduleChange, Scheduled,
        StoreError, Unsent,
    },
};

/// What is nearer than this is sent, not scheduled.
const MIN_AHEAD_MS: i64 = 2_000;
/// A leap year, so that the same day of next year is always possible.
const MAX_AHEAD_MS: i64 = 366 * DAY_MS;
/// Messages read at once when their time has come.
const BATCH: u32 = 50;
/// Nobody says when the wall clock is set, or when another process on the same database dies with messages due.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// After the database failed.
const RETRY: Duration = Duration::from_secs(5);
/// Of one message that the database refuses while it takes others.
const RETRY_ONE_MS: i64 = 60_000;
/// As long as nonces are kept.
const OVER_MS: i64 = DAY_MS;
/// Who has not looked for so long does not miss it.
const FAILED_MS: i64 = 30 * DAY_MS;

impl Inner {
    /// `message:send` with a time.
    pub(super) async fn schedule(
        &self,
        actor: &Actor,
        channel: ChannelId,
        send: MessageSend,
        (send_at, hash): (WallMs, Option<String>),
    ) -> Result<Value, ServiceError> {
        let now = clock::wall_ms();
        // What may not be said is refused now; what else is done about it is done when it is said.
        self.filtered(send.content.clone())?;
        let new = NewScheduled {
            id: self.ids.schedule(),
            channel,
            author: actor.user,
            nonce: send.nonce,
            // At another time it is another message.
            nonce_hash: hash.map(|hash| format!("{hash}@{send_at}")),
            content: send.content,
            reply_to: send.reply_to,
            thread: send.thread_id,
            mentions: send.mentions,
            send_at,
            within: within(now),
            now,
        };
        let (out, news) = (self.out.clone(), self.schedules.clone());
        let then = Box::new(move |done: &Option<Scheduled>| {
            if let Some(Scheduled { scheduled, duplicate: false }) = done {
                out.schedule_changed(scheduled);
                news.notify_one();
            }
        });
        let done = self.store.schedule(new, then).await.map_err(|error| match error {
            StoreError::Duplicate => {
                ServiceError::new(Code::ConflictDuplicate, "the nonce was used for another message")
            }
            other => store_error(other, Code::NotFoundChannel),
        })?;
        let done = done.ok_or_else(not_then)?;
        self.typing_stopped(channel, actor.user);
        Ok(json!({"scheduled": done.scheduled.to_json(), "duplicate": done.duplicate}))
    }

    pub(super) async fn schedule_list(
        &self,
        actor: &Actor,
        channel: Option<ChannelId>,
    ) -> Result<Value, ServiceError> {
        let channel = self.room_of(actor).await?.or(channel);
        let found = self.store.schedules(actor.user, channel).await.or_not_found(Code::NotFoundMessage)?;
        Ok(json!({"scheduled": found.iter().map(ScheduledRecord::to_json).collect::<Vec<_>>()}))
    }

    pub(super) async fn schedule_update(
        &self,
        actor: &Actor,
        update: ScheduleUpdate,
    ) -> Result<Value, ServiceError> {
        let send_at = update.send_at.map(|at| at.0);
        let (first, last) = within(clock::wall_ms());
        if send_at.is_some_and(|at| !(first..=last).contains(&at)) {
            return Err(not_then());
        }
        if let Some(content) = &update.content {
            self.filtered(content.clone())?;
        }
        let change = ScheduleChange::Edit { content: update.content, mentions: update.mentions, send_at };
        self.change_schedule(actor, update.schedule_id, change).await
    }

    pub(super) async fn schedule_cancel(&self, actor: &Actor, id: ScheduleId) -> Result<Value, ServiceError> {
        self.change_schedule(actor, id, ScheduleChange::Cancel).await
    }

    async fn change_schedule(
        &self,
        actor: &Actor,
        id: ScheduleId,
        change: ScheduleChange,
    ) -> Result<Value, ServiceError> {
        let (out, news) = (self.out.clone(), self.schedules.clone());
        let then = Box::new(move |done: &ChangedSchedule| {
            if done.changed {
                out.schedule_changed(&done.scheduled);
                news.notify_one();
            }
        });
        let done = self.store.change_schedule(id, actor.user, change, clock::wall_ms(), then).await;
        Ok(json!({"scheduled": done.or_not_found(Code::NotFoundMessage)?.scheduled.to_json()}))
    }

    /// The channel it is meant for.
    pub(super) async fn of_schedule(&self, actor: &Actor, id: ScheduleId) -> Result<Place, ServiceError> {
        let one = self.store.scheduled(id, actor.user).await.or_not_found(Code::NotFoundMessage)?;
        self.named(actor, &ChannelRef(one.channel.to_string())).await
    }

    /// Sends everything that is due at `now`; when the next one is, if there is one.
    pub(super) async fn fire_due(&self, now: WallMs) -> store::Result<Option<WallMs>> {
        loop {
            let due = self.store.due_schedules(now, BATCH).await?;
            for one in &due {
                if self.is_closing() {
                    return Ok(None);
                }
                self.fire(one, now).await?;
            }
            if due.len() < BATCH as usize {
                return self.store.next_schedule().await;
            }
        }
    }

    /// Sent, failed or put off: in any case not due any more. An error means that the database took none of it.
    async fn fire(&self, due: &DueMessage, now: WallMs) -> store::Result<()> {
        let (id, rev) = (due.scheduled.id, due.scheduled.rev);
        let error = match self.due_message(due, now).await {
            Ok((new, suspicion)) => {
                let out = self.out.clone();
                let then = Box::new(move |fired: &FiredMessage| {
                    out.message_new(&fired.sent);
                    suspicion.report(fired.sent.message.id);
                    out.schedule_changed(&fired.scheduled);
                });
                match self.store.fire_schedule(id, rev, new, then).await {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                }
            }
            Err(error) if error.code == Code::ValidationFiltered => {
                return self.hold(due, Unsent::Failed(error.code), now).await;
            }
            Err(error) => StoreError::Unavailable(error.message),
        };
        let why = match error {
            StoreError::Slow(wait) => Unsent::Later(now.saturating_add_unsigned(wait)),
            StoreError::Unavailable(error) => {
                tracing::error!(%id, %error, "a scheduled message could not be sent; it is tried again");
                Unsent::Later(now.saturating_add(RETRY_ONE_MS))
            }
            StoreError::Denied => {
                let author = self.user(due.scheduled.author).await.and_then(active);
                Unsent::Failed(author.err().map_or(Code::PermDenied, |error| error.code))
            }
            other => Unsent::Failed(store_error(other, Code::NotFoundChannel).code),
        };
        self.hold(due, why, now).await
    }

    async fn hold(&self, due: &DueMessage, why: Unsent, now: WallMs) -> store::Result<()> {
        let (id, rev) = (due.scheduled.id, due.scheduled.rev);
        let out = self.out.clone();
        let then = Box::new(move |held: &ScheduledRecord| {
            if matches!(why, Unsent::Failed(_)) {
                out.schedule_changed(held);
            }
        });
        match self.store.hold_schedule(id, rev, why, now, then).await {
            // Its author, or another process, was faster.
            Ok(_) | Err(StoreError::State) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The message that it becomes. Its nonce is its id, so that it cannot become two.
    async fn due_message(
        &self,
        due: &DueMessage,
        now: WallMs,
    ) -> Result<(NewMessage, Suspicion), ServiceError> {
        let one = &due.scheduled;
        let (content, suspicion) = self.filtered(one.content.clone())?;
        let mut new = NewMessage {
            id: self.ids.message(),
            channel: one.channel,
            author: one.author,
            author_name: due.author_name.clone(),
            // What a token gave is over with the token.
            host: false,
            nonce: Some(one.id.to_string()),
            nonce_hash: Some("scheduled".into()),
            content,
            reply_to: one.reply_to,
            thread: one.thread,
            mentions: one.mentions.clone(),
            mentions_all: false,
            here: Vec::new(),
            now,
        };
        self.address(&mut new).await?;
        Ok((new, suspicion))
    }

    pub(super) async fn expire_schedules(&self, now: WallMs) -> store::Result<u64> {
        self.store.expire_schedules(now - OVER_MS, now - FAILED_MS).await
    }
}

/// The first and the last time that may be asked for.
fn within(now: WallMs) -> (WallMs, WallMs) {
    (now + MIN_AHEAD_MS, now + MAX_AHEAD_MS)
}

fn not_then() -> ServiceError {
    ServiceError::invalid("sendAt", "from 2 s to 366 days ahead")
}

/// Sends what is due, at once what came due while nobody looked. Sleeps until the next one; ends when the services are
/// dropped or drained.
pub(super) async fn run(inner: Weak<Inner>, news: Arc<Notify>) {
    loop {
        let wait = {
            let Some(inner) = inner.upgrade() else { return };
            if inner.is_closing() {
                return;
            }
            match inner.fire_due(clock::wall_ms()).await {
                Ok(next) => next.map_or(LOOK_AGAIN, until),
                Err(error) => {
                    tracing::error!(%error, "scheduled messages have to wait");
                    RETRY
                }
            }
        };
        // Both arms are cancel-safe: a notification is kept for the next wait.
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = news.notified() => {}
        }
    }
}

fn until(at: WallMs) -> Duration {
    let ms = at.saturating_sub(clock::wall_ms()).max(0);
    Duration::from_millis(ms.unsigned_abs()).min(LOOK_AGAIN)
}
