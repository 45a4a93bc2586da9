//! Threads: the timeline of a root, who follows it, how far they have read.

use async_trait::async_trait;

use super::{
    db::{Db, Row, args},
    messages::find,
    rows::{self, message_sql},
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, MessageId, UserId},
    chat::model::{MessageRecord, ThreadRecord, ThreadSummary, WallMs},
    store::{Audience, FollowedThread, ReadMark, ReadMove, Result, StoreError, ThreadQuery},
};

/// Gives a reply its place: the root counts it, and carries the reply's `rev`.
pub(super) async fn place_reply(
    db: &mut Tx<'_>,
    channel: ChannelId,
    root: MessageId,
    rev: i64,
    now: WallMs,
) -> Result<ThreadSummary> {
    let row = db
        .conn
        .maybe(
            "UPDATE messages SET thread_last_seq = thread_last_seq + 1, thread_count = thread_count + 1, \
               thread_last_at = $1, rev = $2 \
             WHERE id = $3 AND channel_id = $4 AND thread_id IS NULL AND deleted_at IS NULL \
               AND type <> 'system' \
             RETURNING id, thread_count, thread_last_seq, thread_last_at",
            args![now, rev, root, channel],
        )
        .await?;
    let Some(row) = row else {
        // A reply has no thread of its own, nor has what the channel says of itself; a tombstone gets no more of them.
        let target = find(&mut db.conn, root).await?;
        return Err(if target.channel == channel { StoreError::State } else { StoreError::NotFound });
    };
    rows::thread_summary(&row, "id")
}

/// One reply less. Its `seq` stays taken.
pub(super) async fn forget_reply(db: &mut Tx<'_>, root: MessageId, rev: i64) -> Result<ThreadSummary> {
    let row = db
        .conn
        .one(
            "UPDATE messages SET thread_count = thread_count - 1, rev = $1 WHERE id = $2 \
             RETURNING id, thread_count, thread_last_seq, thread_last_at",
            args![rev, root],
        )
        .await?;
    rows::thread_summary(&row, "id")
}

/// Who wrote the root, who replies and who is mentioned follow the thread. An earlier `unfollow` stands, except for
/// somebody who replies.
pub(super) async fn follow_by_reply(
    db: &mut Tx<'_>,
    (channel, root): (ChannelId, MessageId),
    reply: (UserId, i64),
    now: WallMs,
    mentions: &[UserId],
) -> Result<()> {
    let (author, seq) = reply;
    db.conn
        .run(
            "INSERT INTO thread_members (user_id, channel_id, thread_id, following, read_seq, read_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, channel_id, thread_id) \
             DO UPDATE SET following = excluded.following, read_seq = excluded.read_seq, read_at = excluded.read_at",
            args![author, channel, root, true, seq, now],
        )
        .await?;
    db.conn
        .run(
            "INSERT INTO thread_members (user_id, channel_id, thread_id, following, read_seq) \
             SELECT author_id, channel_id, id, $1, $2 FROM messages WHERE id = $3 ON CONFLICT DO NOTHING",
            args![true, 0_i64, root],
        )
        .await?;
    for user in mentions.iter().filter(|user| **user != author) {
        db.conn
            .run(
                "INSERT INTO thread_members (user_id, channel_id, thread_id, following, read_seq) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                args![*user, channel, root, true, seq - 1],
            )
            .await?;
    }
    Ok(())
}

pub(super) async fn followers(db: &mut Db<'_>, root: MessageId) -> Result<Vec<UserId>> {
    let found = db
        .all(
            "SELECT user_id FROM thread_members WHERE thread_id = $1 AND following ORDER BY user_id",
            args![root],
        )
        .await?;
    found.iter().map(|row| row.id("user_id")).collect()
}

/// The root, if it is one and the user may see it.
async fn visible_root(db: &mut Tx<'_>, root: MessageId, user: UserId) -> Result<(MessageRecord, Audience)> {
    let message = find(&mut db.conn, root).await?;
    let audience = db.audience(message.channel).await?;
    if !audience.contains(&user) {
        return Err(StoreError::NotFound);
    }
    if message.thread.is_some() {
        return Err(StoreError::State);
    }
    Ok((message, audience))
}

pub(super) struct Follow {
    pub root: MessageId,
    pub user: UserId,
    pub following: bool,
}

#[async_trait]
impl Write for Follow {
    type Out = FollowedThread;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<FollowedThread> {
        let (root, _) = visible_root(db, self.root, self.user).await?;
        let before = state(&mut db.conn, &root, self.user).await?;
        // Who begins to follow has read what is there.
        let read = if before.is_none() { root.thread_last_seq } else { before.map_or(0, |(_, read)| read) };
        db.conn
            .run(
                "INSERT INTO thread_members (user_id, channel_id, thread_id, following, read_seq) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, channel_id, thread_id) \
                 DO UPDATE SET following = excluded.following",
                args![self.user, root.channel, self.root, self.following, read],
            )
            .await?;
        let changed = before.is_some_and(|(following, _)| following) != self.following;
        Ok(FollowedThread { channel: root.channel, root: self.root, following: self.following, changed })
    }
}

async fn state(db: &mut Db<'_>, root: &MessageRecord, user: UserId) -> Result<Option<(bool, u64)>> {
    let row = db
        .maybe(
            "SELECT following, read_seq FROM thread_members \
             WHERE user_id = $1 AND channel_id = $2 AND thread_id = $3",
            args![user, root.channel, root.id],
        )
        .await?;
    row.map(|row| Ok((row.flag("following")?, row.unsigned("read_seq")?))).transpose()
}

pub(super) struct MarkThreadRead {
    pub root: MessageId,
    pub user: UserId,
    pub to: ReadMove,
    pub now: WallMs,
}

#[async_trait]
impl Write for MarkThreadRead {
    type Out = ReadMark;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ReadMark> {
        let (root, audience) = visible_root(db, self.root, self.user).await?;
        let before = state(&mut db.conn, &root, self.user).await?;
        let read = before.map_or(0, |(_, read)| read);
        let target = self.to.target(read, root.thread_last_seq);
        let changed = target != read;
        if changed {
            // Reading alone does not make a follower.
            db.conn
                .run(
                    "INSERT INTO thread_members (user_id, channel_id, thread_id, following, read_seq, read_at) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, channel_id, thread_id) \
                     DO UPDATE SET read_seq = excluded.read_seq, read_at = excluded.read_at",
                    args![self.user, root.channel, self.root, false, target, self.now],
                )
                .await?;
        }
        let (unread, mentions) = counts(&mut db.conn, &root, self.user, target).await?;
        let kind = db.conn.one("SELECT kind FROM channels WHERE id = $1", args![root.channel]).await?;
        Ok(ReadMark {
            thread: Some(self.root),
            read_seq: target,
            unread,
            mentions,
            changed,
            kind: rows::kind(&kind)?,
            audience,
        })
    }
}

/// What is unread after `read_seq`, up to 100, and the mentions among it.
async fn counts(db: &mut Db<'_>, root: &MessageRecord, user: UserId, read_seq: u64) -> Result<(u32, u32)> {
    let row = db
        .one(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM messages s WHERE s.thread_id = $1 AND s.seq > $2 \
               AND s.deleted_at IS NULL AND s.author_id <> $3 LIMIT 100) AS few) AS unread, \
             (SELECT COUNT(*) FROM mentions t WHERE t.user_id = $3 AND t.channel_id = $4 AND t.thread_id = $1 \
               AND t.seq > $2) AS mentions",
            args![root.id, read_seq, user, root.channel],
        )
        .await?;
    Ok((row.small("unread")?, row.small("mentions")?))
}

/// Followed threads of one channel are read to their ends.
pub(super) async fn read_all(db: &mut Tx<'_>, channel: ChannelId, user: UserId, now: WallMs) -> Result<bool> {
    let moved = db
        .conn
        .run(
            "UPDATE thread_members SET read_at = $3, read_seq = (SELECT r.thread_last_seq FROM messages r WHERE r.id = \
                thread_members.thread_id) WHERE user_id = $1 AND channel_id = $2 AND following AND read_seq \
                < (SELECT r.thread_last_seq FROM messages r WHERE r.id = thread_members.thread_id)",
            args![user, channel, now],
        )
        .await?;
    Ok(moved > 0)
}

/// Threads the user follows, the last one replied to first.
pub(super) async fn list(db: &mut Db<'_>, user: UserId, query: ThreadQuery) -> Result<Vec<ThreadRecord>> {
    let found = db
        .all(
            "SELECT f.thread_id, f.read_seq, (SELECT COUNT(*) FROM (SELECT 1 FROM messages s WHERE \
                s.thread_id = f.thread_id AND s.seq > f.read_seq AND s.deleted_at IS NULL AND s.author_id <> \
                f.user_id LIMIT 100) AS few) AS unread, (SELECT COUNT(*) FROM mentions t WHERE t.user_id = \
                f.user_id AND t.channel_id = f.channel_id AND t.thread_id = f.thread_id AND t.seq > \
                f.read_seq) AS mentions FROM thread_members f JOIN messages r ON r.id = f.thread_id JOIN \
                channel_members m ON m.channel_id = f.channel_id AND m.user_id = f.user_id AND m.left_at IS \
                NULL WHERE f.user_id = $1 AND f.following AND ($2 IS NULL OR f.channel_id = $2) AND ($3 OR \
                r.thread_last_seq > f.read_seq) AND ($4 IS NULL OR r.thread_last_at < $4 OR \
                (r.thread_last_at = $4 AND r.id < $5)) AND r.thread_last_seq > 0 ORDER BY r.thread_last_at \
                DESC, r.id DESC LIMIT $6",
            args![
                user,
                query.channel,
                !query.unread,
                query.before.map(|(at, _)| at),
                query.before.map(|(_, root)| root),
                query.limit
            ],
        )
        .await?;
    let mut threads = Vec::with_capacity(found.len());
    for row in &found {
        threads.push(record(db, row).await?);
    }
    Ok(threads)
}

async fn record(db: &mut Db<'_>, row: &Row) -> Result<ThreadRecord> {
    let root = db.one(message_sql!("WHERE m.id = $1"), args![row.text("thread_id")?]).await?;
    Ok(ThreadRecord {
        root: rows::message(&root)?,
        following: true,
        read_seq: row.unsigned("read_seq")?,
        unread: row.small("unread")?,
        mentions: row.small("mentions")?,
    })
}

/// What the user has to do with a thread, whether it follows it or not.
pub(super) async fn find_one(db: &mut Db<'_>, root: MessageId, user: UserId) -> Result<ThreadRecord> {
    let root = find(db, root).await?;
    let (following, read_seq) = state(db, &root, user).await?.unwrap_or((false, 0));
    let (unread, mentions) = counts(db, &root, user, read_seq).await?;
    Ok(ThreadRecord { root, following, read_seq, unread, mentions })
}
