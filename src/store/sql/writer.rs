//! The one writer: group commit on demand, one savepoint per command, acknowledgement after COMMIT.
//!
//! Two tasks form a pipeline. The writer takes whatever is queued (waiting for more only where several came together a
//! moment ago, and at most two milliseconds), runs each command inside its own SAVEPOINT of one transaction and
//! commits. The notifier then finishes the committed commands one by one in commit order: first `then` (fan-out), then
//! the acknowledgement. While it does, the writer commits the next batch.
//!
//! PostgreSQL has one writer per process too: it keeps commit order and broadcast order the same without any further
//! agreement, and batches as well. When its connection breaks in a COMMIT, nobody knows whether the transaction took
//! place; the writer reconnects and asks (`pg_xact_status`), so that nothing is acknowledged that is not there, and
//! nothing that is there goes untold.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    connection::{Connection, Fate},
    db::{Db, Row, args, parse_id},
};
use crate::{
    base::id::{ChannelId, UserId},
    runtime::clock,
    store::{Audience, Result, StoreError, Then},
};

/// Commands waiting for the writer. Full: refuse (`server.unavailable`), the client retries with its nonce.
const QUEUE: usize = 1024;
/// Commands of one transaction; twice as many would double the latency of the first for a tenth more throughput.
const BATCH: usize = 64;
/// A batch stops growing after this, so that slow commands do not delay those before them.
const BATCH_TIME: Duration = Duration::from_millis(2);
/// From the beginning of a batch to that of the next, at least, while there are several who write, unless the queue
/// fills before: every commit writes some pages again, so that twice as many commands in one cost far less than twice.
/// Who writes alone never waits.
const GATHER: Duration = Duration::from_millis(3);
/// After so many batches of one there are no longer several who write.
const ALONE: u8 = 8;
/// Committed batches waiting for the notifier. Full: the writer waits, which is back-pressure, not loss.
const COMMITTED: usize = 8;
/// Channels whose members the writer remembers; on overflow all are forgotten and read again.
const CACHED_CHANNELS: usize = 4096;

/// A write: runs inside the savepoint.
#[async_trait]
pub(super) trait Write: Send + 'static {
    type Out: Clone + Send + 'static;
    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Self::Out>;
}

/// What a write may use.
pub(super) struct Tx<'a> {
    pub conn: Db<'a>,
    pub members: &'a mut MemberCache,
}

/// Members per channel, as of the writer's own transaction. Only the writer changes memberships, so it cannot be stale.
#[derive(Default)]
pub(super) struct MemberCache {
    channels: HashMap<ChannelId, Audience>,
    /// Channels read since the savepoint began: they may show what a rollback takes back.
    touched: Vec<ChannelId>,
}

impl MemberCache {
    pub(super) fn forget(&mut self, channel: ChannelId) {
        self.channels.remove(&channel);
        self.touched.push(channel);
    }

    /// Everybody with an account is in the general channel: reading its members again for each would be quadratic.
    pub(super) fn entered(&mut self, channel: ChannelId, user: UserId) {
        if let Some(known) = self.channels.get_mut(&channel)
            && let Err(at) = known.binary_search(&user)
        {
            let (before, after) = known.split_at(at);
            *known = [before, &[user], after].concat().into();
        }
        self.touched.push(channel);
    }

    fn rolled_back(&mut self) {
        for channel in self.touched.drain(..) {
            self.channels.remove(&channel);
        }
    }
}

impl Tx<'_> {
    /// Members of the channel now, sorted by id.
    pub(super) async fn audience(&mut self, channel: ChannelId) -> Result<Audience> {
        if let Some(known) = self.members.channels.get(&channel) {
            return Ok(known.clone());
        }
        let rows = self
            .conn
            .all(
                "SELECT user_id FROM channel_members WHERE channel_id = $1 AND left_at IS NULL ORDER BY user_id",
                args![channel],
            )
            .await?;
        let read = |row: &Row| parse_id(&row.text("user_id")?);
        let audience: Audience = rows.iter().map(read).collect::<Result<Vec<UserId>>>()?.into();
        if self.members.channels.len() >= CACHED_CHANNELS {
            self.members.channels.clear();
        }
        self.members.channels.insert(channel, audience.clone());
        self.members.touched.push(channel);
        Ok(audience)
    }
}

/// A command on its way through the pipeline, its types forgotten.
#[async_trait]
trait Job: Send {
    async fn run(&mut self, db: &mut Tx<'_>) -> bool;
    /// The transaction around it failed.
    fn fail(&mut self, error: StoreError);
    fn finish(self: Box<Self>);
}

struct Pending<W: Write> {
    write: Option<Box<W>>,
    outcome: Option<Result<W::Out>>,
    then: Then<W::Out>,
    ack: oneshot::Sender<Result<W::Out>>,
}

#[async_trait]
impl<W: Write> Job for Pending<W> {
    async fn run(&mut self, db: &mut Tx<'_>) -> bool {
        let Some(write) = self.write.take() else { return false };
        let outcome = write.apply(db).await;
        let ok = outcome.is_ok();
        self.outcome = Some(outcome);
        ok
    }

    fn fail(&mut self, error: StoreError) {
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(error));
        }
    }

    fn finish(self: Box<Self>) {
        let outcome =
            self.outcome.unwrap_or_else(|| Err(StoreError::Unavailable("the write did not run".into())));
        if let Ok(out) = &outcome {
            (self.then)(out);
        }
        // The caller may have gone away; the change is durable and announced all the same.
        let _ = self.ack.send(outcome);
    }
}

#[derive(Default)]
pub(super) struct Counters {
    pub commits: AtomicU64,
    pub writes: AtomicU64,
    pub failed: AtomicU64,
    pub commit_us_total: AtomicU64,
    pub commit_us_max: AtomicU64,
}

pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
    pub(super) counters: Arc<Counters>,
}

impl Writer {
    pub(super) fn start(conn: Connection) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (committed, done) = mpsc::channel(COMMITTED);
        let counters = Arc::new(Counters::default());
        let writing = write_loop(conn, jobs, committed, counters.clone());
        let tasks = vec![on_its_thread(writing), tokio::spawn(notify_loop(done))];
        Self { queue: Mutex::new(Some(queue)), tasks: tokio::sync::Mutex::new(tasks), counters }
    }

    pub(super) async fn submit<W: Write>(&self, write: W, then: Then<W::Out>) -> Result<W::Out> {
        let (ack, acked) = oneshot::channel();
        let job = Box::new(Pending { write: Some(Box::new(write)), outcome: None, then, ack });
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(queue) = queue else { return Err(StoreError::Unavailable("closed".into())) };
        queue.try_send(job).map_err(|_| StoreError::Unavailable("the write queue is full".into()))?;
        drop(queue);
        acked.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer stopped".into())))
    }

    pub(super) fn depth(&self) -> usize {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().map_or(0, |queue| QUEUE - queue.capacity())
    }

    /// Refuses new writes, finishes the queued ones.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        for task in self.tasks.lock().await.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a writer task failed");
            }
        }
    }
}

/// SQLite is called directly and waits for the disk: nothing else should wait with it.
fn on_its_thread(writing: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(writing))
}

async fn write_loop(
    mut conn: Connection,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    committed: mpsc::Sender<Vec<Box<dyn Job>>>,
    counters: Arc<Counters>,
) {
    let mut members = MemberCache::default();
    let mut gathers_until: Option<std::time::Instant> = None;
    let mut alone = ALONE;
    while let Some(first) = jobs.recv().await {
        if let Some(until) = gathers_until
            && jobs.len() + 1 < BATCH
        {
            // The thread is this loop's own.
            std::thread::sleep(until.saturating_duration_since(clock::now()));
        }
        let started = clock::now();
        let mut batch = Vec::with_capacity(BATCH);
        batch.push(first);
        let outcome = match transaction(&mut conn, &mut members, &mut jobs, &mut batch).await {
            Ok(End::Commit) => conn.commit().await,
            Ok(End::Rollback) => conn.rollback().await,
            Err(error) => Err((Fate::Lost, error)),
        };
        counters.writes.fetch_add(batch.len() as u64, Relaxed);
        counters.commits.fetch_add(1, Relaxed);
        let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        counters.commit_us_total.fetch_add(took, Relaxed);
        counters.commit_us_max.fetch_max(took, Relaxed);
        if let Err((fate, error)) = outcome {
            tracing::error!(%error, commands = batch.len(), "a transaction failed");
            members.channels.clear();
            if conn.recover(fate).await == Fate::Committed {
                tracing::warn!(commands = batch.len(), "it had been committed after all");
            } else {
                counters.failed.fetch_add(batch.len() as u64, Relaxed);
                for job in &mut batch {
                    job.fail(error.clone());
                }
            }
        }
        alone = if batch.len() > 1 { 0 } else { ALONE.min(alone + 1) };
        gathers_until = (alone < ALONE).then_some(started + GATHER);
        if committed.send(batch).await.is_err() {
            break;
        }
    }
    conn.close().await;
}

/// How the transaction around a batch is to end.
enum End {
    Commit,
    Rollback,
}

async fn transaction(
    conn: &mut Connection,
    members: &mut MemberCache,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<End> {
    if let Err(error) = conn.begin().await {
        // Out of reach for longer than anybody should wait: whoever is queued hears it too.
        batch.extend(std::iter::from_fn(|| jobs.try_recv().ok()));
        return Err(error);
    }
    run_batch(&mut Tx { conn: conn.db()?, members }, jobs, batch).await
}

async fn run_batch(
    tx: &mut Tx<'_>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<End> {
    let deadline = clock::now() + BATCH_TIME;
    let alone = jobs.is_empty();
    if let (true, Some(job)) = (alone, batch.first_mut()) {
        // Nobody to protect from its failure: the transaction itself is its savepoint.
        tx.members.touched.clear();
        if job.run(tx).await {
            return Ok(End::Commit);
        }
        tx.members.rolled_back();
        return Ok(End::Rollback);
    }
    let mut at = 0;
    while let Some(job) = batch.get_mut(at) {
        tx.members.touched.clear();
        tx.conn.run("SAVEPOINT one", args![]).await?;
        if !job.run(tx).await {
            tx.members.rolled_back();
            tx.conn.run("ROLLBACK TO SAVEPOINT one", args![]).await?;
        }
        tx.conn.run("RELEASE SAVEPOINT one", args![]).await?;
        at += 1;
        if at < BATCH && clock::now() < deadline {
            batch.extend(jobs.try_recv().ok());
        }
    }
    Ok(End::Commit)
}

async fn notify_loop(mut committed: mpsc::Receiver<Vec<Box<dyn Job>>>) {
    while let Some(batch) = committed.recv().await {
        for job in batch {
            job.finish();
        }
        tokio::task::yield_now().await;
    }
}
