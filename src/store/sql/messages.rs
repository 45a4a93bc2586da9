//! Messages: dense `seq`, `rev`, nonces, edits, tombstones, paging, sync.

use super::{
    audit::{self, Entry},
    db::{Db, Row, args},
    marks,
    rows::{self, message_sql},
    rules::{self, Touch},
    search, threads,
    writer::{Tx, Write},
};
use crate::{
    base::id::{CallId, ChannelId, MessageId, UserId},
    chat::model::{ChannelKind, MessageRecord, RevisionRecord, ThreadSummary, WallMs},
    store::{Audience, ChangedMessage, MessageChange, NewMessage, Result, SentMessage, StoreError},
};
use async_trait::async_trait;
use serde_json::json;

pub(super) struct SendMessage(pub NewMessage);

#[async_trait]
impl Write for SendMessage {
    type Out = SentMessage;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<SentMessage> {
        let new = self.0;
        let audience = db.audience(new.channel).await?;
        if audience.binary_search(&new.author).is_err() {
            return Err(StoreError::NotFound);
        }
        if let Some(original) = by_nonce(db, &new).await? {
            return Ok(SentMessage {
                message: original,
                thread: None,
                mentioned: Vec::new(),
                direct: false,
                duplicate: true,
                audience,
            });
        }
        if let Some(reply_to) = new.reply_to {
            let target = find(&mut db.conn, reply_to).await?;
            if target.channel != new.channel {
                return Err(StoreError::NotFound);
            }
        }
        let Appended { message, thread, mentioned, direct } = append(db, new, &audience, None).await?;
        Ok(SentMessage { message, thread, mentioned, direct, duplicate: false, audience })
    }
}

async fn by_nonce(db: &mut Tx<'_>, new: &NewMessage) -> Result<Option<MessageRecord>> {
    let Some(nonce) = &new.nonce else { return Ok(None) };
    let row = db
        .conn
        .maybe(
            "SELECT id, nonce_hash FROM messages WHERE author_id = $1 AND nonce = $2",
            args![new.author, nonce],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.maybe_text("nonce_hash")? != new.nonce_hash {
        return Err(StoreError::Duplicate);
    }
    Ok(Some(find(&mut db.conn, row.id("id")?).await?))
}

/// A message in its place.
struct Appended {
    message: MessageRecord,
    thread: Option<ThreadSummary>,
    mentioned: Vec<UserId>,
    direct: bool,
}

/// Gives the message its place in its timeline and writes it.
async fn append(
    db: &mut Tx<'_>,
    mut new: NewMessage,
    audience: &Audience,
    call: Option<CallId>,
) -> Result<Appended> {
    let place = db
        .conn
        .one(
            "UPDATE channels SET rev = rev + 1, last_message_at = $1, \
               last_seq = CASE WHEN $2 THEN last_seq ELSE last_seq + 1 END \
             WHERE id = $3 RETURNING last_seq, rev, kind, is_read_only, slow_mode_s, archived_at",
            args![new.now, new.thread.is_some(), new.channel],
        )
        .await?;
    let rev = place.int("rev")?;
    let thread = match new.thread {
        Some(root) => Some(threads::place_reply(db, new.channel, root, rev, new.now).await?),
        None => None,
    };
    let seq = thread.map_or_else(|| place.unsigned("last_seq"), |thread| Ok(thread.last_seq))?;
    new.mentions.retain(|user| audience.contains(user));
    let mentions = mentioned(db, &new, audience).await?;
    let kind = if call.is_some() { "call" } else { "text" };
    db.conn
        .run(
            "INSERT INTO messages (id, channel_id, thread_id, seq, rev, author_id, nonce, nonce_hash, type, content, \
               reply_to, call_id, mentions, mentions_all, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            args![
                new.id,
                new.channel,
                new.thread,
                seq,
                rev,
                new.author,
                &new.nonce,
                &new.nonce_hash,
                kind,
                &new.content,
                new.reply_to,
                call,
                serde_json::to_string(&new.mentions).unwrap_or_else(|_| "[]".into()),
                new.mentions_all,
                new.now
            ],
        )
        .await?;
    for user in &mentions {
        db.conn
            .run(
                "INSERT INTO mentions (user_id, channel_id, thread_id, message_id, seq) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT DO NOTHING",
                args![*user, new.channel, new.thread, new.id, seq],
            )
            .await?;
    }
    let direct = rows::kind(&place)? == ChannelKind::Dm;
    if call.is_some() {
        let message = find(&mut db.conn, new.id).await?;
        return Ok(Appended { message, thread: None, mentioned: mentions, direct });
    }
    rules::sent(db, &new, &place).await?;
    if let Some(root) = new.thread {
        let reply = (new.author, i64::try_from(seq).unwrap_or(i64::MAX));
        threads::follow_by_reply(db, (new.channel, root), reply, new.now, &mentions).await?;
    }
    let message = MessageRecord {
        id: new.id,
        channel: new.channel,
        thread: new.thread,
        seq,
        rev: u64::try_from(rev).unwrap_or(0),
        author: new.author,
        author_name: new.author_name,
        nonce: new.nonce,
        kind: kind.into(),
        line: None,
        content: new.content,
        reply_to: new.reply_to,
        mentions: new.mentions,
        mentions_all: new.mentions_all,
        thread_count: 0,
        thread_last_seq: 0,
        thread_last_at: None,
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
    };
    Ok(Appended { message, thread, mentioned: mentions, direct })
}

/// Whose mention is written down: the members that are named, in a thread all its followers for `@channel`.
async fn mentioned(db: &mut Tx<'_>, new: &NewMessage, audience: &Audience) -> Result<Vec<UserId>> {
    let mut users: Vec<UserId> = match new.thread {
        Some(root) if new.mentions_all => threads::followers(&mut db.conn, root).await?,
        // In a channel the message itself counts for everybody.
        None if new.mentions_all => return Ok(Vec::new()),
        _ => Vec::new(),
    };
    users.extend(new.mentions.iter().chain(&new.here));
    users.retain(|user| audience.contains(user) && *user != new.author);
    users.sort_unstable();
    users.dedup();
    Ok(users)
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
        host: false,
        nonce: None,
        nonce_hash: None,
        content: String::new(),
        reply_to: None,
        thread: None,
        mentions: Vec::new(),
        mentions_all: false,
        here: Vec::new(),
        now,
    };
    Ok(append(db, line, &audience, Some(call)).await?.message)
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
            return Err(StoreError::StaleRev(message.rev));
        }
        rules::touch(db, &change, message.channel, Touch::Write).await?;
        if message.content == content {
            return Ok(ChangedMessage { message, thread: None, changed: false, audience });
        }
        let rev = bump(db, message.channel).await?;
        db.conn
            .run(
                "INSERT INTO message_revisions (message_id, edit_no, content, edited_by, edited_at) VALUES \
            ($1, $2, $3, $4, $5)",
                args![change.message, message.edit_count + 1, &message.content, change.by, change.now],
            )
            .await?;
        db.conn
            .run(
                "UPDATE messages SET content = $1, rev = $2, edited_at = $3, edit_count = edit_count + 1 \
            WHERE id = $4",
                args![&content, rev, change.now, change.message],
            )
            .await?;
        search::mark_dirty(&mut db.conn, change.message).await?;
        let message = find(&mut db.conn, change.message).await?;
        Ok(ChangedMessage { message, thread: None, changed: true, audience })
    }
}

pub(super) struct DeleteMessage(pub MessageChange);

#[async_trait]
impl Write for DeleteMessage {
    type Out = ChangedMessage;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedMessage> {
        let change = self.0;
        let (message, audience) = visible(db, &change).await?;
        // What the channel says of itself is nobody's own.
        if (message.author != change.by || message.kind == "system") && !change.moderator {
            return Err(StoreError::Denied);
        }
        if message.deleted_at.is_some() {
            return Ok(ChangedMessage { message, thread: None, changed: false, audience });
        }
        rules::touch(db, &change, message.channel, Touch::Delete).await?;
        let rev = bump(db, message.channel).await?;
        db.conn
            .run(
                "UPDATE messages SET rev = $1, deleted_at = $2, deleted_by = $3 WHERE id = $4",
                args![rev, change.now, change.by, change.message],
            )
            .await?;
        if message.author != change.by {
            let entry = Entry {
                actor: change.by,
                from: change.from,
                action: "message.delete",
                target: change.message.to_string(),
                detail: json!({"channelId": message.channel, "authorId": message.author}),
                now: change.now,
            };
            audit::append(db, entry).await?;
        }
        marks::forget(&mut db.conn, change.message).await?;
        search::mark_dirty(&mut db.conn, change.message).await?;
        db.conn.run("DELETE FROM mentions WHERE message_id = $1", args![change.message]).await?;
        let thread = match message.thread {
            Some(root) => Some(threads::forget_reply(db, root, rev).await?),
            None => None,
        };
        let message = find(&mut db.conn, change.message).await?;
        Ok(ChangedMessage { message, thread, changed: true, audience })
    }
}

pub(super) struct ExpireNonces(pub WallMs);

#[async_trait]
impl Write for ExpireNonces {
    type Out = u64;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<u64> {
        // In portions: the writer must not be held for long.
        let done = db
            .conn
            .run(
                "UPDATE messages SET nonce = NULL, nonce_hash = NULL WHERE n IN \
             (SELECT n FROM messages WHERE nonce IS NOT NULL AND created_at < $1 LIMIT 1000)",
                args![self.0],
            )
            .await?;
        Ok(done)
    }
}

/// The message, if the one who wants to change it is a member of its channel.
pub(super) async fn visible(db: &mut Tx<'_>, change: &MessageChange) -> Result<(MessageRecord, Audience)> {
    let message = find(&mut db.conn, change.message).await?;
    let audience = db.audience(message.channel).await?;
    if audience.contains(&change.by) { Ok((message, audience)) } else { Err(StoreError::NotFound) }
}

pub(super) async fn bump(db: &mut Tx<'_>, channel: ChannelId) -> Result<i64> {
    let row =
        db.conn.one("UPDATE channels SET rev = rev + 1 WHERE id = $1 RETURNING rev", args![channel]).await?;
    row.int("rev")
}

pub(super) async fn find(conn: &mut Db<'_>, id: MessageId) -> Result<MessageRecord> {
    let row = conn.one(message_sql!("WHERE m.id = $1"), args![id]).await?;
    rows::message(&row)
}

pub(super) async fn revisions(conn: &mut Db<'_>, id: MessageId) -> Result<Vec<RevisionRecord>> {
    let found = conn
        .all(
            "SELECT edit_no, content, edited_by, edited_at FROM message_revisions WHERE message_id = $1 \
        ORDER BY edit_no",
            args![id],
        )
        .await?;
    let read = |row: &Row| {
        Ok(RevisionRecord {
            edit_no: row.small("edit_no")?,
            content: row.text("content")?,
            edited_by: row.id("edited_by")?,
            edited_at: row.int("edited_at")?,
        })
    };
    found.iter().map(read).collect()
}
