//! The databases: SQLite inside the process (WAL, a pool of readers), or PostgreSQL. One writer task with group commit.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use self::{
    connection::Connection,
    db::{Db, Readers, args, unavailable},
    indexer::Indexer,
    local::Local,
    writer::Writer,
};
use super::*;

mod administration;
mod audit;
pub mod backup;
mod calls;
mod catalog;
mod channels;
mod connection;
pub mod copy;
mod db;
mod directory;
pub mod export;
mod filters;
mod guests;
mod indexer;
mod invites;
mod lines;
mod local;
mod logins;
mod marks;
mod messages;
mod moderation;
mod notices;
mod quality;
mod receipts;
mod retention;
mod rows;
mod rules;
mod schedules;
mod search;
pub mod source;
#[cfg(test)]
mod tests;
mod threads;
mod timeline;
mod users;
mod writer;

static SQLITE_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// Readers of SQLite; more would only compete with the media threads for the processor.
const SQLITE_READERS: u32 = 4;
/// They wait for the network as well.
const POSTGRES_READERS: u32 = 16;
/// Another process (a backup) may hold the file for a moment; a pool may be busy.
const BUSY: Duration = Duration::from_secs(5);
const STATEMENTS: usize = 256;
/// Messages wait while they are written.
const TOUCHED_AT_ONCE: usize = 64;
/// Rows of one `sync` answer; beyond it the client is better off with a fresh page.
const SYNC_ROWS: u32 = 1000;

#[derive(Debug, Clone)]
pub struct SqliteConfig {
    pub path: PathBuf,
    /// `synchronous=FULL`: survives power loss, not only a crash, at about half the write rate.
    pub full_sync: bool,
}

/// Implements `Store`.
pub struct SqlStore {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    indexer: Indexer,
    cleared: AtomicU64,
}

impl SqlStore {
    /// Opens or creates the file and brings its schema up to date.
    pub async fn sqlite(config: SqliteConfig) -> Result<Self> {
        let sync = if config.full_sync { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
        let options = SqliteConnectOptions::new()
            .filename(&config.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(sync)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        migrate_sqlite(options.clone()).await?;
        let conn = Local::open(&config)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS)
            .acquire_timeout(BUSY)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(unavailable)?;
        Ok(Self::new(Connection::Sqlite(Box::new(conn)), Readers::Sqlite(readers)))
    }

    /// Connects to `postgres://user:password@host/database` and brings its schema up to date. The database must exist.
    pub async fn postgres(url: &str) -> Result<Self> {
        let options: PgConnectOptions = url.parse().map_err(unavailable)?;
        let options = options
            .application_name("convene")
            // A writer that hangs must not keep the rows of its channels locked for good.
            .options([("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "30s")])
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let mut conn = options.connect().await.map_err(unavailable)?;
        POSTGRES_MIGRATIONS
            .run(&mut conn)
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let readers = PgPoolOptions::new()
            .max_connections(POSTGRES_READERS)
            .acquire_timeout(BUSY)
            .connect_with(options.clone())
            .await
            .map_err(unavailable)?;
        Ok(Self::new(Connection::postgres(options, conn), Readers::Postgres(readers)))
    }

    fn new(conn: Connection, readers: Readers) -> Self {
        let (writer, readers) = (Arc::new(Writer::start(conn)), Arc::new(readers));
        let indexer = Indexer::start(&writer, &readers);
        Self { writer, readers, indexer, cleared: AtomicU64::new(0) }
    }

    /// What a write said, after the index was told that there is something for it.
    fn indexed<T>(&self, written: Result<T>) -> Result<T> {
        if written.is_ok() {
            self.indexer.wake();
        }
        written
    }
}

/// Some migrations build a table again, which SQLite does not allow while others refer to it.
async fn migrate_sqlite(options: SqliteConnectOptions) -> Result<()> {
    let mut conn = options.foreign_keys(false).connect().await.map_err(unavailable)?;
    SQLITE_MIGRATIONS.run(&mut conn).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let broken = Db::Sqlite(&mut conn).all("PRAGMA foreign_key_check", args![]).await?;
    if !broken.is_empty() {
        return Err(StoreError::Unavailable("rows refer to others that do not exist".into()));
    }
    conn.close().await.map_err(unavailable)
}

#[async_trait]
impl Store for SqlStore {
    async fn create_user(&self, new: NewUser, then: Then<CreatedUser>) -> Result<CreatedUser> {
        self.writer.submit(users::CreateUser(new), then).await
    }

    async fn user(&self, id: UserId) -> Result<UserRecord> {
        let mut reader = self.readers.take().await?;
        users::by_id(&mut reader.db(), id).await
    }

    async fn user_by_username(&self, username: &str) -> Result<UserRecord> {
        let mut reader = self.readers.take().await?;
        Ok(users::by_username(&mut reader.db(), username).await?.0)
    }

    async fn user_by_external(&self, external_id: &str) -> Result<UserRecord> {
        let mut reader = self.readers.take().await?;
        users::by_external(&mut reader.db(), external_id).await
    }

    async fn credentials(&self, username: &str) -> Result<(UserRecord, Option<String>)> {
        let mut reader = self.readers.take().await?;
        users::by_username(&mut reader.db(), username).await
    }

    async fn users(
        &self,
        search: Option<&str>,
        after: Option<&str>,
        within: Within,
        limit: u32,
    ) -> Result<Vec<UserRecord>> {
        let mut reader = self.readers.take().await?;
        users::list(&mut reader.db(), search, after, within, limit).await
    }

    async fn touch_users(&self, ids: &[UserId], now: WallMs) -> Result<()> {
        for users in ids.chunks(TOUCHED_AT_ONCE) {
            self.writer.submit(users::TouchUsers { users: users.to_vec(), now }, nothing()).await?;
        }
        Ok(())
    }

    async fn set_status(&self, id: UserId, status: SelfStatus) -> Result<()> {
        self.writer.submit(users::SetStatus { user: id, status }, nothing()).await
    }

    async fn set_read_receipts(&self, id: UserId, on: bool, then: Then<bool>) -> Result<bool> {
        self.writer.submit(users::SetReadReceipts { user: id, on }, then).await
    }

    async fn sharing(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
        let mut reader = self.readers.take().await?;
        users::sharing(&mut reader.db(), user, others).await
    }

    async fn dm_peers(&self, user: UserId) -> Result<Vec<UserId>> {
        let mut reader = self.readers.take().await?;
        users::dm_peers(&mut reader.db(), user).await
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
        let mut reader = self.readers.take().await?;
        channels::resolve(&mut reader.db(), id_or_slug).await
    }

    async fn role(&self, channel: ChannelId, user: UserId) -> Result<String> {
        let mut reader = self.readers.take().await?;
        channels::role(&mut reader.db(), channel, user).await
    }

    async fn channel(&self, id: ChannelId, user: UserId) -> Result<ChannelRecord> {
        let mut reader = self.readers.snapshot().await?;
        channels::load(&mut reader.db(), id, user).await
    }

    async fn shared_channel(&self, id: ChannelId) -> Result<ChannelRecord> {
        let mut reader = self.readers.take().await?;
        channels::shared(&mut reader.db(), id).await
    }

    async fn channels(&self, user: UserId, query: ChannelQuery) -> Result<Vec<ChannelRecord>> {
        let mut reader = self.readers.snapshot().await?;
        channels::list(&mut reader.db(), user, query).await
    }

    async fn members(&self, channel: ChannelId) -> Result<Vec<MemberRecord>> {
        let mut reader = self.readers.take().await?;
        channels::members(&mut reader.db(), channel).await
    }

    async fn update_channel(
        &self,
        act: ChannelAct,
        settings: ChannelSettings,
        then: Then<ChangedChannel>,
    ) -> Result<ChangedChannel> {
        self.writer.submit(administration::UpdateChannel { act, settings }, then).await
    }

    async fn archive_channel(
        &self,
        act: ChannelAct,
        archived: bool,
        then: Then<ChangedChannel>,
    ) -> Result<ChangedChannel> {
        self.writer.submit(administration::ArchiveChannel { act, archived }, then).await
    }

    async fn invite_member(
        &self,
        act: ChannelAct,
        user: UserId,
        then: Then<JoinedChannel>,
    ) -> Result<JoinedChannel> {
        self.writer.submit(administration::InviteMember { act, user }, then).await
    }

    async fn change_member(
        &self,
        act: ChannelAct,
        user: UserId,
        change: MemberChange,
        then: Then<ChangedMember>,
    ) -> Result<ChangedMember> {
        self.writer.submit(administration::ChangeMember { act, user, change }, then).await
    }

    async fn set_notify(
        &self,
        channel: ChannelId,
        user: UserId,
        pref: NotifyPref,
        muted_until: Option<WallMs>,
        then: Then<()>,
    ) -> Result<()> {
        self.writer.submit(administration::SetNotify { channel, user, pref, muted_until }, then).await
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

    async fn block(
        &self,
        user: UserId,
        other: UserId,
        blocked: bool,
        now: WallMs,
        then: Then<bool>,
    ) -> Result<bool> {
        self.writer.submit(moderation::Block { user, other, blocked, now }, then).await
    }

    async fn blocks(&self, user: UserId, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>> {
        let mut reader = self.readers.take().await?;
        moderation::blocks(&mut reader.db(), user, after, limit).await
    }

    async fn blocked(&self, user: UserId) -> Result<Vec<UserId>> {
        let mut reader = self.readers.take().await?;
        moderation::blocked(&mut reader.db(), user).await
    }

    async fn blocking(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
        let mut reader = self.readers.take().await?;
        moderation::blocking(&mut reader.db(), user, others).await
    }

    async fn blockers(&self, channel: ChannelId, user: UserId) -> Result<Vec<UserId>> {
        let mut reader = self.readers.take().await?;
        moderation::blockers(&mut reader.db(), channel, user).await
    }

    async fn report(&self, new: NewReport, then: Then<Reported>) -> Result<Reported> {
        self.writer.submit(moderation::Report(new), then).await
    }

    async fn reports(
        &self,
        state: Option<ReportState>,
        before: Option<ReportId>,
        limit: u32,
    ) -> Result<Vec<ReportRecord>> {
        let mut reader = self.readers.take().await?;
        moderation::reports(&mut reader.db(), state, before, limit).await
    }

    async fn resolve_report(&self, resolution: Resolution) -> Result<ReportRecord> {
        self.writer.submit(moderation::Resolve(resolution), nothing()).await
    }

    async fn ban(&self, new: NewBan, then: Then<Banned>) -> Result<Banned> {
        self.writer.submit(moderation::Ban(new), then).await
    }

    async fn unban(&self, unban: Unban, then: Then<()>) -> Result<()> {
        self.writer.submit(moderation::Lift(unban), then).await
    }

    async fn bans(&self, now: WallMs, after: Option<UserId>, limit: u32) -> Result<Vec<BanRecord>> {
        let mut reader = self.readers.take().await?;
        moderation::bans(&mut reader.db(), now, after, limit).await
    }

    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRecord>> {
        let mut reader = self.readers.take().await?;
        audit::page(&mut reader.db(), before, limit).await
    }

    async fn verify_audit(&self) -> Result<AuditCheck> {
        let mut reader = self.readers.snapshot().await?;
        audit::verify(&mut reader.db()).await
    }

    async fn send_message(&self, new: NewMessage, then: Then<SentMessage>) -> Result<SentMessage> {
        self.indexed(self.writer.submit(messages::SendMessage(new), then).await)
    }

    async fn edit_message(
        &self,
        change: MessageChange,
        content: String,
        base_rev: Option<u64>,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage> {
        self.indexed(self.writer.submit(messages::EditMessage { change, content, base_rev }, then).await)
    }

    async fn delete_message(
        &self,
        change: MessageChange,
        then: Then<ChangedMessage>,
    ) -> Result<ChangedMessage> {
        self.indexed(self.writer.submit(messages::DeleteMessage(change), then).await)
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
        let mut reader = self.readers.take().await?;
        marks::pins(&mut reader.db(), channel).await
    }

    async fn own_reactions(&self, user: UserId, messages: &[MessageId]) -> Result<Vec<(MessageId, String)>> {
        let mut reader = self.readers.take().await?;
        marks::own_reactions(&mut reader.db(), user, messages).await
    }

    async fn message(&self, id: MessageId) -> Result<MessageRecord> {
        let mut reader = self.readers.take().await?;
        messages::find(&mut reader.db(), id).await
    }

    async fn revisions(&self, id: MessageId) -> Result<Vec<RevisionRecord>> {
        let mut reader = self.readers.take().await?;
        messages::revisions(&mut reader.db(), id).await
    }

    async fn history(&self, of: Timeline, at: HistoryAt, limit: u32) -> Result<HistoryPage> {
        let mut reader = self.readers.snapshot().await?;
        timeline::history(&mut reader.db(), of, at, limit).await
    }

    async fn sync(&self, channel: ChannelId, after_rev: u64) -> Result<SyncPage> {
        let mut reader = self.readers.snapshot().await?;
        timeline::sync(&mut reader.db(), channel, after_rev, SYNC_ROWS).await
    }

    async fn follow_thread(
        &self,
        root: MessageId,
        user: UserId,
        following: bool,
        then: Then<FollowedThread>,
    ) -> Result<FollowedThread> {
        self.writer.submit(threads::Follow { root, user, following }, then).await
    }

    async fn mark_thread_read(
        &self,
        root: MessageId,
        user: UserId,
        to: ReadMove,
        now: WallMs,
        then: Then<ReadMark>,
    ) -> Result<ReadMark> {
        self.writer.submit(threads::MarkThreadRead { root, user, to, now }, then).await
    }

    async fn threads(&self, user: UserId, query: ThreadQuery) -> Result<Vec<ThreadRecord>> {
        let mut reader = self.readers.snapshot().await?;
        threads::list(&mut reader.db(), user, query).await
    }

    async fn thread(&self, root: MessageId, user: UserId) -> Result<ThreadRecord> {
        let mut reader = self.readers.snapshot().await?;
        threads::find_one(&mut reader.db(), root, user).await
    }

    async fn search(&self, query: SearchQuery) -> Result<Found> {
        let mut reader = self.readers.snapshot().await?;
        search::find(&mut reader.db(), query).await
    }

    async fn read_receipts(&self, id: MessageId, viewer: UserId, named_up_to: u32) -> Result<Receipts> {
        let mut reader = self.readers.snapshot().await?;
        receipts::of(&mut reader.db(), id, viewer, named_up_to).await
    }

    async fn expire_nonces(&self, before: WallMs) -> Result<u64> {
        self.writer.submit(messages::ExpireNonces(before), nothing()).await
    }

    async fn clear(
        &self,
        rule: ClearRule,
        pass: ClearPass,
        then: Then<Vec<ClearedChannel>>,
    ) -> Result<Cleared> {
        let done = retention::portion(&self.readers, &self.writer, (rule, pass), then).await;
        if let Ok(Cleared { messages: 1.., .. }) = done {
            self.indexer.wake();
        }
        self.cleared.fetch_add(done.as_ref().map_or(0, |done| done.messages), Relaxed);
        done
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
        let mut reader = self.readers.take().await?;
        calls::find(&mut reader.db(), id).await
    }

    async fn calls(&self, query: CallQuery) -> Result<Vec<CallRecord>> {
        let mut reader = self.readers.snapshot().await?;
        calls::list(&mut reader.db(), query).await
    }

    async fn ping(&self) -> Result<()> {
        self.readers.take().await?.db().run("SELECT 1", args![]).await.map(|_| ())
    }

    fn stats(&self) -> StoreStats {
        let counters = &self.writer.counters;
        let search = self.indexer.health();
        StoreStats {
            queue_depth: self.writer.depth(),
            commits: counters.commits.load(Relaxed),
            writes: counters.writes.load(Relaxed),
            failed_writes: counters.failed.load(Relaxed),
            commit_us_total: counters.commit_us_total.load(Relaxed),
            commit_us_max: counters.commit_us_max.load(Relaxed),
            search_lag_us: u64::try_from(search.lag.as_micros()).unwrap_or(u64::MAX),
            search_indexed: search.indexed,
            search_failures: search.failures,
            cleared: self.cleared.load(Relaxed),
        }
    }

    async fn close(&self) {
        self.indexer.stop();
        self.writer.close().await;
        self.readers.close().await;
    }
}
