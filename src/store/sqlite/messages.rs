//! Messages: dense `seq`, `rev`, nonces, edits, tombstones, paging, sync.

use async_trait::async_trait;
use sqlx::{SqliteConnection, SqlitePool};

use super::{
    channels::signed,
    marks,
    rows::{
        self, flag, int, maybe_text, member_sql, message_sql, row_id, small, text, unavailable, unsigned,
    },
    writer::{Tx, Write},
};
use crate::{
    base::id::{CallId, ChannelId, MessageId, UserId},
    chat::model::{MessageRecord, RevisionRecord, WallMs},
    store::{
        Audience, ChangedMessage, HistoryAt, HistoryPage, MessageChange, NewMessage, Result, SentMessage,
        StoreError, SyncPage,
    },
};

pub(super) struct SendMessage(pub NewMessage);

#[async_trait]
impl Write for SendMessage {
    type Out = SentMessage;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<SentMessage> {
        let new = self.0;
        let audience = db.audience(new.channel).await?;
        if !audience.contains(&new.author) {
            return Err(StoreError::NotFound);
        }
        if let Some(original) = by_nonce(db, &new).await? {
            return Ok(SentMessage { message: original, duplicate: true, audience });
        }
        if let Some(reply_to) = new.reply_to {
            let target = find(db.conn, reply_to).await?;
            if target.channel != new.channel {
                return Err(StoreError::NotFound);
            }
        }
        let message = append(db, new, &audience, None).await?;
        Ok(SentMessage { message, duplicate: false, audience })
    }
}

async fn by_nonce(db: &mut Tx<'_>, new: &NewMessage) -> Result<Option<MessageRecord>> {
    let Some(nonce) = &new.nonce else { return Ok(None) };
    let row = sqlx::query("SELECT id, nonce_hash FROM messages WHERE author_id = ? AND nonce = ?")
        .bind(new.author.to_string())
        .bind(nonce)
        .fetch_optional(&mut *db.conn)
        .await
        .map_err(unavailable)?;
    let Some(row) = row else { return Ok(None) };
    if maybe_text(&row, "nonce_hash")? != new.nonce_hash {
        return Err(StoreError::Duplicate);
    }
    Ok(Some(find(db.conn, row_id(&row, "id")?).await?))
}

/// Gives the message its place in the channel and writes it.
async fn append(
    db: &mut Tx<'_>,
    new: NewMessage,
    audience: &Audience,
    call: Option<CallId>,
) -> Result<MessageRecord> {
    let place = sqlx::query(
        "UPDATE channels SET last_seq = last_seq + 1, rev = rev + 1, last_message_at = ? \
         WHERE id = ? AND archived_at IS NULL RETURNING last_seq, rev, is_read_only",
    )
    .bind(new.now)
    .bind(new.channel.to_string())
    .fetch_one(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    if call.is_none() && flag(&place, "is_read_only")? {
        return Err(StoreError::ReadOnly);
    }
    let (seq, rev) = (int(&place, "last_seq")?, int(&place, "rev")?);
    let mentions: Vec<UserId> = new.mentions.iter().copied().filter(|user| audience.contains(user)).collect();
    let kind = if call.is_some() { "call" } else { "text" };
    sqlx::query(
        "INSERT INTO messages (id, channel_id, seq, rev, author_id, nonce, nonce_hash, type, content, reply_to, \
         call_id, mentions, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(new.id.to_string())
    .bind(new.channel.to_string())
    .bind(seq)
    .bind(rev)
    .bind(new.author.to_string())
    .bind(&new.nonce)
    .bind(&new.nonce_hash)
    .bind(kind)
    .bind(&new.content)
    .bind(new.reply_to.map(|id| id.to_string()))
    .bind(call.map(|id| id.to_string()))
    .bind(serde_json::to_string(&mentions).unwrap_or_else(|_| "[]".into()))
    .bind(new.now)
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    for user in mentions.iter().filter(|user| **user != new.author) {
        sqlx::query(
            "INSERT OR IGNORE INTO mentions (user_id, channel_id, message_id, seq) VALUES (?, ?, ?, ?)",
        )
        .bind(user.to_string())
        .bind(new.channel.to_string())
        .bind(new.id.to_string())
        .bind(seq)
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
    }
    if call.is_some() {
        return find(db.conn, new.id).await;
    }
    // Who writes has read.
    sqlx::query("UPDATE channel_members SET read_seq = ?, read_at = ? WHERE channel_id = ? AND user_id = ?")
        .bind(seq)
        .bind(new.now)
        .bind(new.channel.to_string())
        .bind(new.author.to_string())
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
    Ok(MessageRecord {
        id: new.id,
        channel: new.channel,
        seq: u64::try_from(seq).unwrap_or(0),
        rev: u64::try_from(rev).unwrap_or(0),
        author: new.author,
        author_name: new.author_name,
        nonce: new.nonce,
        kind: kind.into(),
        content: new.content,
        reply_to: new.reply_to,
        mentions,
        call: None,
        call_summary: None,
        edit_count: 0,
        edited_at: None,
        deleted_at: None,
        deleted_by: None,
        reactions: Vec::new(),
        pinned_at: None,
        pinned_by: None,
        created_at: new.now,
    })
}

/// The line a finished call leaves in its channel.
pub(super) async fn append_call_line(
    db: &mut Tx<'_>,
    id: MessageId,
    call: CallId,
    channel: ChannelId,
    initiator: UserId,
    now: WallMs,
) -> Result<MessageRecord> {
    let audience = db.audience(channel).await?;
    let line = NewMessage {
        id,
        channel,
        author: initiator,
        author_name: String::new(),
        nonce: None,
        nonce_hash: None,
        content: String::new(),
        reply_to: None,
        mentions: Vec::new(),
        now,
    };
    append(db, line, &audience, Some(call)).await
}

pub(super) struct EditMessage {
    pub change: MessageChange,
    pub content: String,
    pub base_rev: Option<u64>,
}

#[async_trait]
impl Write for EditMessage {
    type Out = ChangedMessage;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedMessage> {
        let Self { change, content, base_rev } = *self;
        let (message, audience) = visible(db, &change).await?;
        if message.author != change.by || message.kind != "text" {
            return Err(StoreError::Denied);
        }
        if message.deleted_at.is_some() {
            return Err(StoreError::State);
        }
        if base_rev.is_some_and(|rev| rev != message.rev) {
            return Err(StoreError::StaleRev(Box::new(message)));
        }
        if message.content == content {
            return Ok(ChangedMessage { message, changed: false, audience });
        }
        let rev = bump(db, message.channel).await?;
        sqlx::query("INSERT INTO message_revisions (message_id, edit_no, content, edited_by, edited_at) VALUES (?, ?, ?, ?, ?)")
            .bind(change.message.to_string())
            .bind(message.edit_count + 1)
            .bind(&message.content)
            .bind(change.by.to_string())
            .bind(change.now)
            .execute(&mut *db.conn)
            .await
            .map_err(unavailable)?;
        sqlx::query("UPDATE messages SET content = ?, rev = ?, edited_at = ?, edit_count = edit_count + 1 WHERE id = ?")
            .bind(&content)
            .bind(rev)
            .bind(change.now)
            .bind(change.message.to_string())
            .execute(&mut *db.conn)
            .await
            .map_err(unavailable)?;
        Ok(ChangedMessage { message: find(db.conn, change.message).await?, changed: true, audience })
    }
}

pub(super) struct DeleteMessage(pub MessageChange);

#[async_trait]
impl Write for DeleteMessage {
    type Out = ChangedMessage;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedMessage> {
        let change = self.0;
        let (message, audience) = visible(db, &change).await?;
        if message.author != change.by && !change.moderator {
            return Err(StoreError::Denied);
        }
        if message.deleted_at.is_some() {
            return Ok(ChangedMessage { message, changed: false, audience });
        }
        let rev = bump(db, message.channel).await?;
        sqlx::query("UPDATE messages SET rev = ?, deleted_at = ?, deleted_by = ? WHERE id = ?")
            .bind(rev)
            .bind(change.now)
            .bind(change.by.to_string())
            .bind(change.message.to_string())
            .execute(&mut *db.conn)
            .await
            .map_err(unavailable)?;
        marks::forget(db.conn, change.message).await?;
        sqlx::query("DELETE FROM mentions WHERE channel_id = ? AND seq = ?")
            .bind(message.channel.to_string())
            .bind(signed(message.seq))
            .execute(&mut *db.conn)
            .await
            .map_err(unavailable)?;
        Ok(ChangedMessage { message: find(db.conn, change.message).await?, changed: true, audience })
    }
}

pub(super) struct ExpireNonces(pub WallMs);

#[async_trait]
impl Write for ExpireNonces {
    type Out = u64;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<u64> {
        // In portions: the writer must not be held for long.
        let done = sqlx::query(
            "UPDATE messages SET nonce = NULL, nonce_hash = NULL WHERE n IN \
             (SELECT n FROM messages WHERE nonce IS NOT NULL AND created_at < ? LIMIT 1000)",
        )
        .bind(self.0)
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

/// The message, if the one who wants to change it is a member of its channel.
pub(super) async fn visible(db: &mut Tx<'_>, change: &MessageChange) -> Result<(MessageRecord, Audience)> {
    let message = find(db.conn, change.message).await?;
    let audience = db.audience(message.channel).await?;
    if audience.contains(&change.by) { Ok((message, audience)) } else { Err(StoreError::NotFound) }
}

pub(super) async fn bump(db: &mut Tx<'_>, channel: ChannelId) -> Result<i64> {
    sqlx::query_scalar("UPDATE channels SET rev = rev + 1 WHERE id = ? RETURNING rev")
        .bind(channel.to_string())
        .fetch_one(&mut *db.conn)
        .await
        .map_err(unavailable)
}

pub(super) async fn find(conn: &mut SqliteConnection, id: MessageId) -> Result<MessageRecord> {
    let row = sqlx::query(message_sql!("WHERE m.id = ?")).bind(id.to_string()).fetch_one(conn).await;
    rows::message(&row.map_err(unavailable)?)
}

pub(super) async fn revisions(pool: &SqlitePool, id: MessageId) -> Result<Vec<RevisionRecord>> {
    let found = sqlx::query(
        "SELECT edit_no, content, edited_by, edited_at FROM message_revisions WHERE message_id = ? ORDER BY edit_no",
    )
    .bind(id.to_string())
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        Ok(RevisionRecord {
            edit_no: small(row, "edit_no")?,
            content: text(row, "content")?,
            edited_by: row_id(row, "edited_by")?,
            edited_at: int(row, "edited_at")?,
        })
    };
    found.iter().map(read).collect()
}

pub(super) async fn history(
    conn: &mut SqliteConnection,
    channel: ChannelId,
    at: HistoryAt,
    limit: u32,
) -> Result<HistoryPage> {
    match at {
        HistoryAt::Latest => before(conn, channel, u64::MAX, limit).await,
        HistoryAt::Before(seq) => before(conn, channel, seq, limit).await,
        HistoryAt::After(seq) => after(conn, channel, seq, limit).await,
        HistoryAt::Around(seq) => {
            let half = limit / 2;
            let mut page = before(conn, channel, seq, half).await?;
            let newer = after(conn, channel, seq.saturating_sub(1), limit - half).await?;
            page.messages.extend(newer.messages);
            page.more_after = newer.more_after;
            Ok(page)
        }
    }
}

async fn before(
    conn: &mut SqliteConnection,
    channel: ChannelId,
    seq: u64,
    limit: u32,
) -> Result<HistoryPage> {
    let found = sqlx::query(message_sql!("WHERE m.channel_id = ? AND m.seq < ? ORDER BY m.seq DESC LIMIT ?"))
        .bind(channel.to_string())
        .bind(signed(seq))
        .bind(limit + 1)
        .fetch_all(&mut *conn)
        .await
        .map_err(unavailable)?;
    let mut messages = found.iter().map(rows::message).collect::<Result<Vec<_>>>()?;
    let more_before = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    messages.reverse();
    let newest = messages.last().map_or(seq.saturating_sub(1), |message| message.seq);
    let more_after = last_seq(conn, channel).await? > newest;
    Ok(HistoryPage { messages, more_before, more_after })
}

async fn after(conn: &mut SqliteConnection, channel: ChannelId, seq: u64, limit: u32) -> Result<HistoryPage> {
    let found = sqlx::query(message_sql!("WHERE m.channel_id = ? AND m.seq > ? ORDER BY m.seq LIMIT ?"))
        .bind(channel.to_string())
        .bind(signed(seq))
        .bind(limit + 1)
        .fetch_all(&mut *conn)
        .await
        .map_err(unavailable)?;
    let mut messages = found.iter().map(rows::message).collect::<Result<Vec<_>>>()?;
    let more_after = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    // `seq` starts at 1 and has no gaps.
    let more_before = messages.first().map_or(seq > 0, |message| message.seq > 1);
    Ok(HistoryPage { messages, more_before, more_after })
}

async fn last_seq(conn: &mut SqliteConnection, channel: ChannelId) -> Result<u64> {
    let row =
        sqlx::query("SELECT last_seq FROM channels WHERE id = ?").bind(channel.to_string()).fetch_one(conn);
    unsigned(&row.await.map_err(unavailable)?, "last_seq")
}

/// Must run inside one read transaction: `rev` and the rows belong together.
pub(super) async fn sync(
    conn: &mut SqliteConnection,
    channel: ChannelId,
    after_rev: u64,
    limit: u32,
) -> Result<SyncPage> {
    let row = sqlx::query("SELECT last_seq, rev FROM channels WHERE id = ?")
        .bind(channel.to_string())
        .fetch_one(&mut *conn)
        .await
        .map_err(unavailable)?;
    let (last_seq, rev) = (unsigned(&row, "last_seq")?, unsigned(&row, "rev")?);
    let found = sqlx::query(message_sql!("WHERE m.channel_id = ? AND m.rev > ? ORDER BY m.rev LIMIT ?"))
        .bind(channel.to_string())
        .bind(signed(after_rev))
        .bind(limit + 1)
        .fetch_all(&mut *conn)
        .await
        .map_err(unavailable)?;
    if found.len() > limit as usize {
        return Ok(SyncPage { messages: Vec::new(), members: Vec::new(), rev, last_seq, truncated: true });
    }
    let changed = sqlx::query(member_sql!("WHERE m.channel_id = ? AND m.rev > ? ORDER BY m.rev LIMIT 1000"))
        .bind(channel.to_string())
        .bind(signed(after_rev))
        .fetch_all(&mut *conn)
        .await
        .map_err(unavailable)?;
    Ok(SyncPage {
        messages: found.iter().map(rows::message).collect::<Result<_>>()?,
        members: changed.iter().map(rows::member).collect::<Result<_>>()?,
        rev,
        last_seq,
        truncated: false,
    })
}
