//! Marks on messages: reactions and pins.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{
    messages::{bump, find, visible},
    rows::{self, message_sql, row_id, text, unavailable},
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, MessageId, UserId},
    chat::model::{MessageRecord, ReactionSummary},
    store::{ChangedMessage, MAX_PINS, MAX_REACTIONS, MessageChange, Result, StoreError},
};

/// Of a summary; all others are in the table.
const NAMED: i64 = 5;

pub(super) struct React {
    pub change: MessageChange,
    pub emoji: String,
    pub add: bool,
}

#[async_trait]
impl Write for React {
    type Out = ChangedMessage;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedMessage> {
        let Self { change, emoji, add } = *self;
        let (message, audience) = visible(db, &change).await?;
        if message.deleted_at.is_some() {
            return Err(StoreError::State);
        }
        let known = message.reactions.iter().any(|one| one.emoji == emoji);
        if add && !known && message.reactions.len() >= MAX_REACTIONS {
            return Err(StoreError::Full);
        }
        let sql = if add {
            "INSERT OR IGNORE INTO reactions (message_id, emoji, user_id, at) VALUES (?, ?, ?, ?)"
        } else {
            "DELETE FROM reactions WHERE message_id = ? AND emoji = ? AND user_id = ?"
        };
        let query =
            sqlx::query(sql).bind(change.message.to_string()).bind(&emoji).bind(change.by.to_string());
        let query = if add { query.bind(change.now) } else { query };
        let done = query.execute(&mut *db.conn).await.map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Ok(ChangedMessage { message, changed: false, audience });
        }
        let reactions = summarise(db.conn, &message, &emoji).await?;
        let rev = bump(db, message.channel).await?;
        sqlx::query("UPDATE messages SET reactions = ?, rev = ? WHERE id = ?")
            .bind(serde_json::to_string(&reactions).unwrap_or_else(|_| "[]".into()))
            .bind(rev)
            .bind(change.message.to_string())
            .execute(&mut *db.conn)
            .await
            .map_err(unavailable)?;
        Ok(ChangedMessage { message: find(db.conn, change.message).await?, changed: true, audience })
    }
}

/// The message's summary with one emoji counted again.
async fn summarise(
    conn: &mut SqliteConnection,
    message: &MessageRecord,
    emoji: &str,
) -> Result<Vec<ReactionSummary>> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM reactions WHERE message_id = ? AND emoji = ?")
        .bind(message.id.to_string())
        .bind(emoji)
        .fetch_one(&mut *conn)
        .await
        .map_err(unavailable)?;
    let first =
        sqlx::query("SELECT user_id FROM reactions WHERE message_id = ? AND emoji = ? ORDER BY n LIMIT ?")
            .bind(message.id.to_string())
            .bind(emoji)
            .bind(NAMED)
            .fetch_all(&mut *conn)
            .await
            .map_err(unavailable)?;
    let users = first.iter().map(|row| row_id(row, "user_id")).collect::<Result<_>>()?;
    let counted =
        ReactionSummary { emoji: emoji.to_owned(), count: u32::try_from(count).unwrap_or(u32::MAX), users };
    let mut all = message.reactions.clone();
    match all.iter_mut().find(|one| one.emoji == emoji) {
        Some(one) => *one = counted,
        None => all.push(counted),
    }
    all.retain(|one| one.count > 0);
    Ok(all)
}

pub(super) struct Pin {
    pub change: MessageChange,
    pub pinned: bool,
}

#[async_trait]
impl Write for Pin {
    type Out = ChangedMessage;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedMessage> {
        let Self { change, pinned } = *self;
        let (message, audience) = visible(db, &change).await?;
        if message.pinned_at.is_some() == pinned {
            return Ok(ChangedMessage { message, changed: false, audience });
        }
        if pinned {
            if message.deleted_at.is_some() {
                return Err(StoreError::State);
            }
            let count: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM messages WHERE channel_id = ? AND pinned_at IS NOT NULL",
            )
            .bind(message.channel.to_string())
            .fetch_one(&mut *db.conn)
            .await
            .map_err(unavailable)?;
            if count >= i64::from(MAX_PINS) {
                return Err(StoreError::Full);
            }
        }
        let rev = bump(db, message.channel).await?;
        sqlx::query("UPDATE messages SET pinned_at = ?, pinned_by = ?, rev = ? WHERE id = ?")
            .bind(pinned.then_some(change.now))
            .bind(pinned.then(|| change.by.to_string()))
            .bind(rev)
            .bind(change.message.to_string())
            .execute(&mut *db.conn)
            .await
            .map_err(unavailable)?;
        Ok(ChangedMessage { message: find(db.conn, change.message).await?, changed: true, audience })
    }
}

/// What remains of a message that is deleted.
pub(super) async fn forget(conn: &mut SqliteConnection, message: MessageId) -> Result<()> {
    sqlx::query("DELETE FROM reactions WHERE message_id = ?")
        .bind(message.to_string())
        .execute(&mut *conn)
        .await
        .map_err(unavailable)?;
    sqlx::query("UPDATE messages SET reactions = '[]', pinned_at = NULL, pinned_by = NULL WHERE id = ?")
        .bind(message.to_string())
        .execute(&mut *conn)
        .await
        .map_err(unavailable)?;
    Ok(())
}

pub(super) async fn pins(conn: &mut SqliteConnection, channel: ChannelId) -> Result<Vec<MessageRecord>> {
    let found = sqlx::query(message_sql!(
        "WHERE m.channel_id = ? AND m.pinned_at IS NOT NULL ORDER BY m.pinned_at DESC, m.seq DESC LIMIT ?"
    ))
    .bind(channel.to_string())
    .bind(MAX_PINS)
    .fetch_all(conn)
    .await
    .map_err(unavailable)?;
    found.iter().map(rows::message).collect()
}

pub(super) async fn own_reactions(
    conn: &mut SqliteConnection,
    user: UserId,
    messages: &[MessageId],
) -> Result<Vec<(MessageId, String)>> {
    let ids: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let found = sqlx::query(
        "SELECT message_id, emoji FROM reactions \
         WHERE user_id = ? AND message_id IN (SELECT value FROM json_each(?))",
    )
    .bind(user.to_string())
    .bind(serde_json::to_string(&ids).unwrap_or_else(|_| "[]".into()))
    .fetch_all(conn)
    .await
    .map_err(unavailable)?;
    found.iter().map(|row| Ok((row_id(row, "message_id")?, text(row, "emoji")?))).collect()
}
