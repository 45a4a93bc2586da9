//! The task that keeps the index of messages up with the messages: what was said and changed is read beside the
//! writer, cut into words, and written in portions like any other command. Where it ended is stored with each portion,
//! so a crash or an error costs nothing but time.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::{sync::Notify, task::JoinHandle};

use super::{
    db::Readers,
    search::{self, Backlog},
    writer::Writer,
};
use crate::{
    runtime::clock,
    store::{Result, StoreError, nothing},
};

/// For so long changes gather before a portion is written, on a busy server as well: a portion costs nearly the same
/// whether it is of one message or of fifty.
const GATHER: Duration = Duration::from_millis(50);
/// Between the portions of a long backlog others use the writer.
const BREATH: Duration = Duration::from_millis(5);
/// After an error, doubling. There is no last attempt: a message that is left out would never be found.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// Ends with it.
pub(super) struct Indexer {
    progress: Arc<Progress>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Progress {
    news: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the first change happened that the portion under way may not have seen.
    waiting: Option<Instant>,
    /// When the first change happened that it is about.
    working: Option<Instant>,
    indexed: u64,
    failures: u64,
}

/// How the index is doing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Health {
    /// For so long there has been something that a search does not find yet.
    pub lag: Duration,
    pub indexed: u64,
    pub failures: u64,
}

impl Indexer {
    pub fn start(writer: &Arc<Writer>, readers: &Arc<Readers>) -> Self {
        let progress = Arc::new(Progress::default());
        // Of what an earlier process left nobody knows the age.
        progress.state().waiting = Some(clock::now());
        let task = tokio::spawn(follow(progress.clone(), Arc::downgrade(writer), Arc::downgrade(readers)));
        Self { progress, task }
    }

    /// A message was stored or changed.
    pub fn wake(&self) {
        self.progress.state().waiting.get_or_insert_with(clock::now);
        self.progress.news.notify_one();
    }

    pub fn health(&self) -> Health {
        let state = self.progress.state();
        let since = state.working.or(state.waiting);
        let lag = since.map_or(Duration::ZERO, |since| clock::now().saturating_duration_since(since));
        Health { lag, indexed: state.indexed, failures: state.failures }
    }

    /// What is not indexed waits for the next start.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn follow(progress: Arc<Progress>, writer: Weak<Writer>, readers: Weak<Readers>) {
    let mut retry = RETRY_FIRST;
    loop {
        {
            let mut state = progress.state();
            let waiting = state.waiting.take();
            state.working = state.working.or(waiting);
        }
        let (Some(writing), Some(reading)) = (writer.upgrade(), readers.upgrade()) else { return };
        let outcome = portion(&writing, &reading).await;
        // Whoever closes the store does not wait for our next look.
        drop((writing, reading));
        match outcome {
            Ok(Some(Portion { indexed, more })) => {
                retry = RETRY_FIRST;
                progress.state().indexed += indexed;
                tokio::time::sleep(if more { BREATH } else { GATHER }).await;
            }
            Ok(None) => {
                retry = RETRY_FIRST;
                progress.state().working = None;
                progress.news.notified().await;
                tokio::time::sleep(GATHER).await;
            }
            Err(error) => {
                progress.state().failures += 1;
                tracing::error!(%error, ?retry, "messages could not be indexed; until they are, searches miss them");
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(RETRY_MOST);
            }
        }
    }
}

/// What was done at once.
struct Portion {
    indexed: u64,
    /// It was as much as goes into one, or somebody else did it.
    more: bool,
}

/// `None` if there was nothing to do.
async fn portion(writer: &Writer, readers: &Readers) -> Result<Option<Portion>> {
    let mut reader = readers.snapshot().await?;
    let backlog: Backlog = search::backlog(&mut reader.db()).await?;
    drop(reader);
    if backlog.is_empty() {
        return Ok(None);
    }
    let more = backlog.is_full();
    match writer.submit(backlog, nothing()).await {
        // Another process on the same database was faster.
        Err(StoreError::State) => Ok(Some(Portion { indexed: 0, more: true })),
        done => done.map(|indexed| Some(Portion { indexed, more })),
    }
}
