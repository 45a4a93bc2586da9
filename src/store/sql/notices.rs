//! Who is to be told of what, and what waits for whom.

use async_trait::async_trait;

use super::{
    SqlStore,
    db::{Row, args},
    rows, threads,
};
use crate::{
    base::id::{MessageId, UserId},
    chat::model::{NotifyPref, WallMs},
    store::{NoticeStore, Result, StoreError, Waiting, Wishes},
};

#[async_trait]
impl NoticeStore for SqlStore {
    async fn wishes(&self, wishes: Wishes) -> Result<Vec<(UserId, NotifyPref)>> {
        let users =
            serde_json::to_string(&wishes.users).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let mut reader = self.readers.take().await?;
        let conn = &mut reader.db();
        let sql = conn.pick(
            "SELECT m.user_id, m.notify FROM json_each($1) w JOIN channel_members m ON m.user_id = w.value \
             WHERE m.channel_id = $2 AND m.left_at IS NULL AND m.notify <> 'none' \
             AND (m.muted_until IS NULL OR m.muted_until <= $3) AND NOT EXISTS (SELECT 1 FROM user_blocks k \
               WHERE k.user_id = m.user_id AND k.blocked_id = $4) ORDER BY m.user_id",
            "SELECT m.user_id, m.notify FROM jsonb_array_elements_text($1::jsonb) AS w (value) \
             JOIN channel_members m ON m.user_id = w.value \
             WHERE m.channel_id = $2 AND m.left_at IS NULL AND m.notify <> 'none' \
             AND (m.muted_until IS NULL OR m.muted_until <= $3) AND NOT EXISTS (SELECT 1 FROM user_blocks k \
               WHERE k.user_id = m.user_id AND k.blocked_id = $4) ORDER BY m.user_id",
        );
        let found = conn.all(sql, args![users, wishes.channel, wishes.now, wishes.from]).await?;
        found.iter().map(|row| Ok((row.id("user_id")?, row.word("notify", NotifyPref::parse)?))).collect()
    }

    async fn waiting(&self, user: UserId, now: WallMs) -> Result<Vec<Waiting>> {
        let mut reader = self.readers.snapshot().await?;
        let found = reader
            .db()
            .all(
                "SELECT c.kind, m.notify, \
                   CASE WHEN c.kind = 'dm' THEN (SELECT COUNT(*) FROM (SELECT 1 FROM messages s \
                     WHERE s.channel_id = c.id AND s.thread_id IS NULL AND s.seq > m.read_seq \
                     AND s.deleted_at IS NULL AND s.author_id <> m.user_id \
                     AND s.type NOT IN ('call', 'system') LIMIT 100) AS few) ELSE 0 END AS unread, \
                   (SELECT COUNT(*) FROM mentions t WHERE t.user_id = m.user_id AND t.channel_id = c.id \
                     AND t.thread_id IS NULL AND t.seq > m.read_seq) \
                   + (SELECT COUNT(*) FROM messages a WHERE a.channel_id = c.id AND a.mentions_all \
                     AND a.thread_id IS NULL AND a.seq > m.read_seq AND a.author_id <> m.user_id \
                     AND a.deleted_at IS NULL) AS mentions, \
                   (SELECT COUNT(*) FROM mentions t JOIN thread_members f ON f.user_id = t.user_id \
                     AND f.channel_id = t.channel_id AND f.thread_id = t.thread_id \
                     WHERE t.user_id = m.user_id AND t.channel_id = c.id AND t.seq > f.read_seq) AS thread_mentions \
                 FROM channel_members m JOIN channels c ON c.id = m.channel_id \
                 WHERE m.user_id = $1 AND m.left_at IS NULL AND c.archived_at IS NULL AND m.notify <> 'none' \
                 AND (m.muted_until IS NULL OR m.muted_until <= $2)",
                args![user, now],
            )
            .await?;
        let read = |row: &Row| {
            Ok(Waiting {
                kind: rows::kind(row)?,
                pref: row.word("notify", NotifyPref::parse)?,
                unread: row.small("unread")?,
                mentions: row.small("mentions")?,
                thread_mentions: row.small("thread_mentions")?,
            })
        };
        let waits = |one: &Result<Waiting>| {
            one.as_ref().map_or(true, |one| one.unread + one.mentions + one.thread_mentions > 0)
        };
        found.iter().map(read).filter(waits).collect()
    }

    async fn thread_followers(&self, root: MessageId) -> Result<Vec<UserId>> {
        let mut reader = self.readers.take().await?;
        threads::followers(&mut reader.db(), root).await
    }
}
