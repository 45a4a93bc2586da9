//! Marks on messages: reactions and pins.

use super::{
    db::{Db, args},
    messages::{bump, find, visible},
    rows::{self, message_sql},
    rules::{self, Touch},
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, MessageId, UserId},
    chat::model::{MessageRecord, ReactionSummary},
    store::{ChangedMessage, MAX_PINS, MAX_REACTIONS, MessageChange, Result, StoreError},
};
use async_trait::async_trait;

/// Of a summary; all others are in the table.
const NAMED: u32 = 5;

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
        if message.deleted_at.is_some() || message.kind == "system" {
            return Err(StoreError::State);
        }
        rules::touch(db, &change, message.channel, Touch::React).await?;
        let known = message.reactions.iter().any(|one| one.emoji == emoji);
        if add && !known && message.reactions.len() >= MAX_REACTIONS {
            return Err(StoreError::Full);
        }
        let done = if add {
            db.conn
                .run(
                    "INSERT INTO reactions (message_id, emoji, user_id, at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT DO NOTHING",
                    args![change.message, &emoji, change.by, change.now],
                )
                .await?
        } else {
            db.conn
                .run(
                    "DELETE FROM reactions WHERE message_id = $1 AND emoji = $2 AND user_id = $3",
                    args![change.message, &emoji, change.by],
                )
                .await?
        };
        if done == 0 {
            return Ok(ChangedMessage { message, thread: None, changed: false, audience });
        }
        let reactions = summarise(&mut db.conn, &message, &emoji).await?;
        let rev = bump(db, message.channel).await?;
        db.conn
            .run(
                "UPDATE messages SET reactions = $1, rev = $2 WHERE id = $3",
                args![serde_json::to_string(&reactions).unwrap_or_else(|_| "[]".into()), rev, change.message],
            )
            .await?;
        let message = find(&mut db.conn, change.message).await?;
        Ok(ChangedMessage { message, thread: None, changed: true, audience })
    }
}

/// The message's summary with one emoji counted again.
async fn summarise(conn: &mut Db<'_>, message: &MessageRecord, emoji: &str) -> Result<Vec<ReactionSummary>> {
    let count = conn
        .one(
            "SELECT COUNT(*) AS n FROM reactions WHERE message_id = $1 AND emoji = $2",
            args![message.id, emoji],
        )
        .await?
        .small("n")?;
    let first = conn
        .all(
            "SELECT user_id FROM reactions WHERE message_id = $1 AND emoji = $2 ORDER BY n LIMIT $3",
            args![message.id, emoji, NAMED],
        )
        .await?;
    let users = first.iter().map(|row| row.id("user_id")).collect::<Result<_>>()?;
    let counted = ReactionSummary { emoji: emoji.to_owned(), count, users };
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
            return Ok(ChangedMessage { message, thread: None, changed: false, audience });
        }
        rules::touch(db, &change, message.channel, Touch::Write).await?;
        if pinned {
            if message.deleted_at.is_some() || message.kind == "system" {
                return Err(StoreError::State);
            }
            let count = db
                .conn
                .one(
                    "SELECT COUNT(*) AS n FROM messages WHERE channel_id = $1 AND pinned_at IS NOT NULL",
                    args![message.channel],
                )
                .await?
                .small("n")?;
            if count >= MAX_PINS {
                return Err(StoreError::Full);
            }
        }
        let rev = bump(db, message.channel).await?;
        db.conn
            .run(
                "UPDATE messages SET pinned_at = $1, pinned_by = $2, rev = $3 WHERE id = $4",
                args![pinned.then_some(change.now), pinned.then_some(change.by), rev, change.message],
            )
            .await?;
        let message = find(&mut db.conn, change.message).await?;
        Ok(ChangedMessage { message, thread: None, changed: true, audience })
    }
}

/// What remains of a message that is deleted.
pub(super) async fn forget(conn: &mut Db<'_>, message: MessageId) -> Result<()> {
    conn.run("DELETE FROM reactions WHERE message_id = $1", args![message]).await?;
    conn.run(
        "UPDATE messages SET reactions = '[]', pinned_at = NULL, pinned_by = NULL WHERE id = $1",
        args![message],
    )
    .await?;
    Ok(())
}

pub(super) async fn pins(conn: &mut Db<'_>, channel: ChannelId) -> Result<Vec<MessageRecord>> {
    let found = conn.all(message_sql!(
        "WHERE m.channel_id = $1 AND m.pinned_at IS NOT NULL ORDER BY m.pinned_at DESC, m.seq DESC LIMIT $2"
    ), args![channel, MAX_PINS]).await?;
    found.iter().map(rows::message).collect()
}

pub(super) async fn own_reactions(
    conn: &mut Db<'_>,
    user: UserId,
    messages: &[MessageId],
) -> Result<Vec<(MessageId, String)>> {
    let ids: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let sql = conn.pick(
        "SELECT message_id, emoji FROM reactions WHERE user_id = $1 \
         AND message_id IN (SELECT value FROM json_each($2))",
        "SELECT message_id, emoji FROM reactions WHERE user_id = $1 \
         AND message_id IN (SELECT jsonb_array_elements_text($2::jsonb))",
    );
    let found =
        conn.all(sql, args![user, serde_json::to_string(&ids).unwrap_or_else(|_| "[]".into())]).await?;
    found.iter().map(|row| Ok((row.id("message_id")?, row.text("emoji")?))).collect()
}
