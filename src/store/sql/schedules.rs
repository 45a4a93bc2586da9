//! Messages that wait for their time.
//!
//! One is sent in the transaction that marks it as sent, and only if it is still what was read: neither a crash nor
//! another process on the same database sends it twice, and who edits or cancels at the last moment wins or loses as a
//! whole.

use async_trait::async_trait;

use super::{
    SqlStore,
    db::{Db, Row, args},
    messages::{self, SendMessage},
    rules::{self, Touch},
    users::by_id,
    writer::{Tx, Write},
};
use crate::{
    base::{
        id::{ChannelId, MessageId, ScheduleId, UserId},
        origin::Origin,
    },
    chat::{
        model::WallMs,
        schedule::{ScheduleState, ScheduledRecord},
    },
    store::{
        ChangedSchedule, DueMessage, FiredMessage, MAX_SCHEDULED, MessageChange, NewMessage, NewScheduled,
        Result, ScheduleChange, ScheduleStore, Scheduled, StoreError, Then, Unsent, nothing,
    },
};

macro_rules! scheduled_sql {
    ($tail:literal) => {
        concat!(
            "SELECT s.id, s.author_id, s.channel_id, s.thread_id, s.reply_to, s.content, s.mentions, s.nonce_hash, ",
            "s.send_at, s.state, s.error, s.message_id, s.rev, s.created_at, s.updated_at, u.name AS author_name ",
            "FROM scheduled_messages s JOIN users u ON u.id = s.author_id ",
            $tail
        )
    };
}

#[async_trait]
impl ScheduleStore for SqlStore {
    async fn schedule(&self, new: NewScheduled, then: Then<Option<Scheduled>>) -> Result<Option<Scheduled>> {
        self.writer.submit(Schedule(new), then).await
    }

    async fn scheduled(&self, id: ScheduleId, author: UserId) -> Result<ScheduledRecord> {
        let mut reader = self.readers.take().await?;
        of_author(&mut reader.db(), id, author).await
    }

    async fn schedules(&self, author: UserId, channel: Option<ChannelId>) -> Result<Vec<ScheduledRecord>> {
        let mut reader = self.readers.take().await?;
        let found = reader
            .db()
            .all(
                scheduled_sql!(
                    "WHERE s.author_id = $1 AND s.state IN ('pending', 'failed') \
                     AND ($2 IS NULL OR s.channel_id = $2) ORDER BY s.send_at, s.id"
                ),
                args![author, channel],
            )
            .await?;
        found.iter().map(record).collect()
    }

    async fn change_schedule(
        &self,
        id: ScheduleId,
        author: UserId,
        change: ScheduleChange,
        now: WallMs,
        then: Then<ChangedSchedule>,
    ) -> Result<ChangedSchedule> {
        self.writer.submit(Change { id, author, change, now }, then).await
    }

    async fn due_schedules(&self, now: WallMs, limit: u32) -> Result<Vec<DueMessage>> {
        let mut reader = self.readers.take().await?;
        let sql =
            scheduled_sql!("WHERE s.state = 'pending' AND s.due_at <= $1 ORDER BY s.due_at, s.id LIMIT $2");
        let found = reader.db().all(sql, args![now, limit]).await?;
        let read =
            |row: &Row| Ok(DueMessage { scheduled: record(row)?, author_name: row.text("author_name")? });
        found.iter().map(read).collect()
    }

    async fn next_schedule(&self) -> Result<Option<WallMs>> {
        let mut reader = self.readers.take().await?;
        let sql = "SELECT MIN(due_at) AS due_at FROM scheduled_messages WHERE state = 'pending'";
        reader.db().one(sql, args![]).await?.maybe_int("due_at")
    }

    async fn fire_schedule(
        &self,
        id: ScheduleId,
        rev: u64,
        new: NewMessage,
        then: Then<FiredMessage>,
    ) -> Result<FiredMessage> {
        self.indexed(self.writer.submit(Fire { id, rev, new }, then).await)
    }

    async fn hold_schedule(
        &self,
        id: ScheduleId,
        rev: u64,
        why: Unsent,
        now: WallMs,
        then: Then<ScheduledRecord>,
    ) -> Result<ScheduledRecord> {
        self.writer.submit(Hold { id, rev, why, now }, then).await
    }

    async fn expire_schedules(&self, over: WallMs, failed: WallMs) -> Result<u64> {
        self.writer.submit(Expire { over, failed }, nothing()).await
    }
}

struct Schedule(NewScheduled);

#[async_trait]
impl Write for Schedule {
    type Out = Option<Scheduled>;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Option<Scheduled>> {
        let new = self.0;
        if !db.audience(new.channel).await?.contains(&new.author) {
            return Err(StoreError::NotFound);
        }
        if let Some(scheduled) = by_nonce(db, &new).await? {
            return Ok(Some(Scheduled { scheduled, duplicate: true }));
        }
        if !(new.within.0..=new.within.1).contains(&new.send_at) {
            return Ok(None);
        }
        // Whoever may not write now is told now; what holds then is seen then.
        let change = MessageChange {
            message: MessageId(new.id.0),
            by: new.author,
            moderator: false,
            from: Origin::default(),
            now: new.now,
        };
        rules::touch(db, &change, new.channel, Touch::Write).await?;
        answers_what_is_there(db, &new).await?;
        let waiting = db
            .conn
            .one(
                "SELECT COUNT(*) AS n FROM scheduled_messages \
                 WHERE author_id = $1 AND state IN ('pending', 'failed')",
                args![new.author],
            )
            .await?;
        if waiting.small("n")? >= MAX_SCHEDULED {
            return Err(StoreError::Full);
        }
        db.conn
            .run(
                "INSERT INTO scheduled_messages (id, author_id, channel_id, thread_id, reply_to, content, mentions, \
                   nonce, nonce_hash, send_at, due_at, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $11)",
                args![
                    new.id.to_string(),
                    new.author,
                    new.channel,
                    new.thread,
                    new.reply_to,
                    new.content,
                    as_json(&new.mentions),
                    new.nonce,
                    new.nonce_hash,
                    new.send_at,
                    new.now
                ],
            )
            .await?;
        let scheduled = find(&mut db.conn, new.id).await?;
        Ok(Some(Scheduled { scheduled, duplicate: false }))
    }
}

async fn by_nonce(db: &mut Tx<'_>, new: &NewScheduled) -> Result<Option<ScheduledRecord>> {
    let Some(nonce) = &new.nonce else { return Ok(None) };
    let row = db
        .conn
        .maybe(scheduled_sql!("WHERE s.author_id = $1 AND s.nonce = $2"), args![new.author, nonce])
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.maybe_text("nonce_hash")? != new.nonce_hash {
        return Err(StoreError::Duplicate);
    }
    Ok(Some(record(&row)?))
}

/// As of a message that is sent now.
async fn answers_what_is_there(db: &mut Tx<'_>, new: &NewScheduled) -> Result<()> {
    if let Some(quoted) = new.reply_to
        && messages::find(&mut db.conn, quoted).await?.channel != new.channel
    {
        return Err(StoreError::NotFound);
    }
    let Some(root) = new.thread else { return Ok(()) };
    let root = messages::find(&mut db.conn, root).await?;
    if root.channel != new.channel {
        return Err(StoreError::NotFound);
    }
    if root.thread.is_some() || root.deleted_at.is_some() {
        return Err(StoreError::State);
    }
    Ok(())
}

struct Change {
    id: ScheduleId,
    author: UserId,
    change: ScheduleChange,
    now: WallMs,
}

#[async_trait]
impl Write for Change {
    type Out = ChangedSchedule;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedSchedule> {
        let Self { id, author, change, now } = *self;
        let mut one = of_author(&mut db.conn, id, author).await?;
        let before = one.clone();
        match (one.state, change) {
            (ScheduleState::Cancelled, ScheduleChange::Cancel) => {}
            (ScheduleState::Sent | ScheduleState::Cancelled, _) => return Err(StoreError::State),
            (_, ScheduleChange::Cancel) => {
                one.state = ScheduleState::Cancelled;
                one.content.clear();
                one.mentions.clear();
            }
            // It would wait for a time that is over.
            (ScheduleState::Failed, ScheduleChange::Edit { send_at: None, .. }) => {
                return Err(StoreError::State);
            }
            (_, ScheduleChange::Edit { content, mentions, send_at }) => {
                one.state = ScheduleState::Pending;
                one.error = None;
                one.content = content.unwrap_or(one.content);
                one.mentions = mentions.unwrap_or(one.mentions);
                one.send_at = send_at.unwrap_or(one.send_at);
            }
        }
        if one == before {
            return Ok(ChangedSchedule { scheduled: one, changed: false });
        }
        let done = db
            .conn
            .run(
                "UPDATE scheduled_messages SET state = $1, error = $2, content = $3, mentions = $4, send_at = $5, \
                   due_at = $5, rev = rev + 1, updated_at = $6 WHERE id = $7 AND rev = $8",
                args![
                    one.state.as_str(),
                    one.error,
                    one.content,
                    as_json(&one.mentions),
                    one.send_at,
                    now,
                    id.to_string(),
                    before.rev
                ],
            )
            .await?;
        if done == 0 {
            return Err(StoreError::State);
        }
        Ok(ChangedSchedule { scheduled: find(&mut db.conn, id).await?, changed: true })
    }
}

struct Fire {
    id: ScheduleId,
    rev: u64,
    new: NewMessage,
}

#[async_trait]
impl Write for Fire {
    type Out = FiredMessage;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<FiredMessage> {
        let Self { id, rev, new } = *self;
        // First, so that another process waits for this row and then finds it taken.
        let taken = db
            .conn
            .run(
                "UPDATE scheduled_messages SET state = 'sent', content = '', mentions = '[]', rev = rev + 1, \
                   updated_at = $1 WHERE id = $2 AND rev = $3 AND state = 'pending'",
                args![new.now, id.to_string(), rev],
            )
            .await?;
        if taken == 0 {
            return Err(StoreError::State);
        }
        let author = by_id(&mut db.conn, new.author).await?;
        if !author.is_active || author.is_banned(new.now) {
            return Err(StoreError::Denied);
        }
        let sent = Box::new(SendMessage(new)).apply(db).await?;
        db.conn
            .run(
                "UPDATE scheduled_messages SET message_id = $1 WHERE id = $2",
                args![sent.message.id, id.to_string()],
            )
            .await?;
        Ok(FiredMessage { sent, scheduled: find(&mut db.conn, id).await? })
    }
}

struct Hold {
    id: ScheduleId,
    rev: u64,
    why: Unsent,
    now: WallMs,
}

#[async_trait]
impl Write for Hold {
    type Out = ScheduledRecord;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ScheduledRecord> {
        let Self { id, rev, why, now } = *self;
        let done = match why {
            Unsent::Later(due) => {
                // To its author nothing has changed.
                let sql = "UPDATE scheduled_messages SET due_at = $1 \
                           WHERE id = $2 AND rev = $3 AND state = 'pending'";
                db.conn.run(sql, args![due, id.to_string(), rev]).await?
            }
            Unsent::Failed(code) => {
                let sql = "UPDATE scheduled_messages SET state = 'failed', error = $1, rev = rev + 1, \
                             updated_at = $2 WHERE id = $3 AND rev = $4 AND state = 'pending'";
                db.conn.run(sql, args![code.as_str(), now, id.to_string(), rev]).await?
            }
        };
        if done == 0 {
            return Err(StoreError::State);
        }
        find(&mut db.conn, id).await
    }
}

struct Expire {
    over: WallMs,
    failed: WallMs,
}

#[async_trait]
impl Write for Expire {
    type Out = u64;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<u64> {
        // In portions: the writer must not be held for long.
        db.conn
            .run(
                "DELETE FROM scheduled_messages WHERE id IN (SELECT id FROM scheduled_messages \
                 WHERE state <> 'pending' AND ((state IN ('sent', 'cancelled') AND updated_at < $1) \
                   OR (state = 'failed' AND updated_at < $2)) LIMIT 1000)",
                args![self.over, self.failed],
            )
            .await
    }
}

async fn find(conn: &mut Db<'_>, id: ScheduleId) -> Result<ScheduledRecord> {
    record(&conn.one(scheduled_sql!("WHERE s.id = $1"), args![id.to_string()]).await?)
}

async fn of_author(conn: &mut Db<'_>, id: ScheduleId, author: UserId) -> Result<ScheduledRecord> {
    let sql = scheduled_sql!("WHERE s.id = $1 AND s.author_id = $2");
    record(&conn.one(sql, args![id.to_string(), author]).await?)
}

fn record(row: &Row) -> Result<ScheduledRecord> {
    Ok(ScheduledRecord {
        id: row.id("id")?,
        author: row.id("author_id")?,
        channel: row.id("channel_id")?,
        thread: row.maybe_id("thread_id")?,
        reply_to: row.maybe_id("reply_to")?,
        content: row.text("content")?,
        mentions: serde_json::from_str(&row.text("mentions")?).unwrap_or_default(),
        send_at: row.int("send_at")?,
        state: row.word("state", ScheduleState::parse)?,
        error: row.maybe_text("error")?,
        message: row.maybe_id("message_id")?,
        rev: row.unsigned("rev")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

fn as_json(users: &[UserId]) -> String {
    serde_json::to_string(users).unwrap_or_else(|_| "[]".into())
}
