//! The embedded database: WAL, one writer task with group commit, a pool of readers.

use std::{path::PathBuf, sync::atomic::Ordering::Relaxed, time::Duration};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use self::{rows::unavailable, writer::Writer};
use super::*;

mod calls;
mod channels;
mod marks;
mod messages;
mod quality;
mod rows;
mod users;
mod writer;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// Readers; more would only compete with the media threads for the processor.
const READERS: u32 = 4;
/// Another process (a backup) may hold the file for a moment.
const BUSY: Duration = Duration::from_secs(5);
/// Rows of one `sync` answer; beyond it the client is better off with a fresh page.
const SYNC_ROWS: u32 = 1000;

#[derive(Debug, Clone)]
pub struct SqliteConfig {
    pub path: PathBuf,
    /// `synchronous=FULL`: survives power loss, not only a crash, at about half the write rate.
    pub full_sync: bool,
}

/// Implements `Store`.
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens or creates the file and brings its schema up to date.
    pub async fn open(config: SqliteConfig) -> Result<Self> {
        let sync = if config.full_sync { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
        let options = SqliteConnectOptions::new()
            .filename(&config.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(sync)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .statement_cache_capacity(128)
            .disable_statement_logging();
        let mut conn = options.connect().await.map_err(unavailable)?;
        MIGRATIONS.run(&mut conn).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(unavailable)?;
        Ok(Self { writer: Writer::start(conn), readers })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_user(&self, new: NewUser, then: Then<CreatedUser>) -> Result<CreatedUser> {
        self.writer.submit(users::CreateUser(new), then).await
    }

    async fn user(&self, id: UserId) -> Result<UserRecord> {
        users::by_id(&self.readers, id).await
    }

    async fn user_by_username(&self, username: &str) -> Result<UserRecord> {
        Ok(users::by_username(&self.readers, username).await?.0)
    }

    async fn user_by_external(&self, external_id: &str) -> Result<UserRecord> {
        users::by_external(&self.readers, external_id).await
    }

    async fn credentials(&self, username: &str) -> Result<(UserRecord, Option<String>)> {
        users::by_username(&self.readers, username).await
    }

    async fn users(
        &self,
        search: Option<&str>,
        after: Option<&str>,
        within: Option<ChannelId>,
        limit: u32,
    ) -> Result<Vec<UserRecord>> {
        users::list(&self.readers, search, after, within, limit).await
    }

    async fn touch_user(&self, id: UserId, custom_status: Option<String>, now: WallMs) -> Result<()> {
        self.writer.submit(users::TouchUser { user: id, custom_status, now }, nothing()).await
    }

    async fn sharing(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
        users::sharing(&self.readers, user, others).await
    }

    async fn dm_peers(&self, user: UserId) -> Result<Vec<UserId>> {
        users::dm_peers(&self.readers, user).await
    }

    async fn create_channel(&self, new: NewChannel, then: Then<CreatedChannel>) -> Result<CreatedChannel> {
        self.writer.submit(channels::CreateChannel(new), then).await
    }

    async fn add_member(
        &self,
        channel: ChannelId,
        user: UserId,
        now: WallMs,
        then: Then<JoinedChannel>,
    ) -> Result<JoinedChannel> {
        self.writer.submit(channels::AddMember { channel, user, now }, then).await
    }

    async fn resolve_channel(&self, id_or_slug: &str) -> Result<(ChannelId, Option<String>, ChannelKind)> {
        channels::resolve(&self.readers, id_or_slug).await
    }

    async fn role(&self, channel: ChannelId, user: UserId) -> Result<String> {
        sqlx::query_scalar(
            "SELECT role FROM channel_members WHERE channel_id = ? AND user_id = ? AND left_at IS NULL",
        )
        .bind(channel.to_string())
        .bind(user.to_string())
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable)
    }

    async fn channel(&self, id: ChannelId, user: UserId) -> Result<ChannelRecord> {
        let mut snapshot = self.readers.begin().await.map_err(unavailable)?;
        channels::load(&mut snapshot, id, user).await
    }

    async fn channels(&self, user: UserId, query: ChannelQuery) -> Result<Vec<ChannelRecord>> {
        let mut snapshot = self.readers.begin().await.map_err(unavailable)?;
        channels::list(&mut snapshot, user, query).await
    }

    async fn members(&self, channel: ChannelId) -> Result<Vec<MemberRecord>> {
        let mut conn = self.readers.acquire().await.map_err(unavailable)?;
        channels::members(&mut conn, channel).await
    }

    async fn mark_read(
        &self,
        channel: ChannelId,
        user: UserId,
        to: ReadMove,
        now: WallMs,
        then: Then<ReadMark>,
    ) -> Result<ReadMark> {
        self.writer.submit(channels::MarkRead { channel, user, to, now }, then).await
    }

    async fn send_message(&self, new: NewMessage, then: Then<SentMessage>) -> Result<SentMessage> {
        self.writer.submit(messages::SendMessage(new), then).await
    }

    async fn edit_message(
        &self,
        change: MessageChange,
        content: String,
        base_rev: Option<u64>,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage> {
        self.writer.submit(messages::EditMessage { change, content, base_rev }, then).await
    }

    async fn delete_message(
        &self,
        change: MessageChange,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage> {
        self.writer.submit(messages::DeleteMessage(change), then).await
    }

    async fn react(
        &self,
        change: MessageChange,
        emoji: String,
        add: bool,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage> {
        self.writer.submit(marks::React { change, emoji, add }, then).await
    }

    async fn pin(
        &self,
        change: MessageChange,
        pinned: bool,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage> {
        self.writer.submit(marks::Pin { change, pinned }, then).await
    }

    async fn pins(&self, channel: ChannelId) -> Result<Vec<MessageRecord>> {
        let mut conn = self.readers.acquire().await.map_err(unavailable)?;
        marks::pins(&mut conn, channel).await
    }

    async fn own_reactions(&self, user: UserId, messages: &[MessageId]) -> Result<Vec<(MessageId, String)>> {
        let mut conn = self.readers.acquire().await.map_err(unavailable)?;
        marks::own_reactions(&mut conn, user, messages).await
    }

    async fn message(&self, id: MessageId) -> Result<MessageRecord> {
        let mut conn = self.readers.acquire().await.map_err(unavailable)?;
        messages::find(&mut conn, id).await
    }

    async fn revisions(&self, id: MessageId) -> Result<Vec<RevisionRecord>> {
        messages::revisions(&self.readers, id).await
    }

    async fn history(&self, channel: ChannelId, at: HistoryAt, limit: u32) -> Result<HistoryPage> {
        let mut snapshot = self.readers.begin().await.map_err(unavailable)?;
        messages::history(&mut snapshot, channel, at, limit).await
    }

    async fn sync(&self, channel: ChannelId, after_rev: u64) -> Result<SyncPage> {
        let mut snapshot = self.readers.begin().await.map_err(unavailable)?;
        messages::sync(&mut snapshot, channel, after_rev, SYNC_ROWS).await
    }

    async fn expire_nonces(&self, before: WallMs) -> Result<u64> {
        self.writer.submit(messages::ExpireNonces(before), nothing()).await
    }

    async fn next_epoch(&self, node: &str) -> Result<i64> {
        self.writer.submit(calls::NextEpoch(node.to_owned()), nothing()).await
    }

    async fn call_step(&self, step: CallStep, then: Then<CallStepDone>) -> Result<CallStepDone> {
        self.writer.submit(calls::Step(step), then).await
    }

    async fn touch_calls(&self, node: &str, epoch: i64, now: WallMs) -> Result<()> {
        self.writer.submit(calls::TouchCalls { node: node.to_owned(), epoch, now }, nothing()).await
    }

    async fn note_quality(&self, stints: Vec<(ParticipantId, StintQuality)>) -> Result<()> {
        self.writer.submit(quality::NoteQuality(stints), nothing()).await
    }

    async fn sweep_calls(&self, node: &str, epoch: i64, now: WallMs) -> Result<u32> {
        self.writer.submit(calls::Sweep { node: node.to_owned(), epoch, now }, nothing()).await
    }

    async fn call(&self, id: CallId) -> Result<CallRecord> {
        calls::find(&self.readers, id).await
    }

    async fn calls(&self, query: CallQuery) -> Result<Vec<CallRecord>> {
        let mut snapshot = self.readers.begin().await.map_err(unavailable)?;
        calls::list(&mut snapshot, query).await
    }

    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map_err(unavailable)?;
        Ok(())
    }

    fn stats(&self) -> StoreStats {
        let counters = &self.writer.counters;
        StoreStats {
            queue_depth: self.writer.depth(),
            commits: counters.commits.load(Relaxed),
            writes: counters.writes.load(Relaxed),
            failed_writes: counters.failed.load(Relaxed),
            commit_us_total: counters.commit_us_total.load(Relaxed),
            commit_us_max: counters.commit_us_max.load(Relaxed),
        }
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn sqlite_keeps_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        let store =
            SqliteStore::open(SqliteConfig { path: dir.path().join("c.db"), full_sync: true }).await.unwrap();
        crate::store::contract::all(Arc::new(store)).await;
    }
}
