//! What sockets of crowds have gathered is written in rounds, by one loop. A timer and a wake-up for each of them would
//! cost half as much again as the write itself.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use tokio::{sync::Notify, time::timeout_at};

use super::{registry::Session, session::Generation};
use crate::runtime::clock;

/// A session that gathers, and when it is written to.
pub struct Gathering {
    pub due: Instant,
    pub session: Arc<Session>,
    pub generation: Generation,
}

/// Those who gather, in several lanes, each walked by a loop of its own. At most one entry per socket, which remembers
/// that it is listed.
pub struct Rounds {
    lanes: Vec<Lane>,
}

#[derive(Default)]
struct Lane {
    /// Not in the order of their coming: how long is gathered changes.
    gathering: Mutex<BinaryHeap<Reverse<Gathering>>>,
    /// There is a new first one.
    news: Notify,
}

impl Rounds {
    pub fn new(lanes: usize) -> Self {
        Self { lanes: (0..lanes.max(1)).map(|_| Lane::default()).collect() }
    }

    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    pub fn add(&self, gathering: Gathering) {
        let place = gathering.session.id.0.0 % self.lanes.len() as u128;
        let Some(lane) = usize::try_from(place).ok().and_then(|at| self.lanes.get(at)) else { return };
        let mut list = lane.list();
        let is_first = list.peek().is_none_or(|Reverse(first)| gathering.due < first.due);
        list.push(Reverse(gathering));
        if is_first {
            lane.news.notify_one();
        }
    }

    /// Walks one lane for good. `turn` writes to a session.
    pub async fn walk(&self, lane: usize, turn: impl Fn(Gathering, Instant)) {
        let Some(lane) = self.lanes.get(lane) else { return };
        loop {
            let Some(due) = lane.first() else {
                lane.news.notified().await;
                continue;
            };
            if timeout_at(due.into(), lane.news.notified()).await.is_ok() {
                continue;
            }
            let mut turns = 0;
            while let Some((gathering, now)) = lane.due() {
                turn(gathering, now);
                turns += 1;
                if turns % TURNS == 0 {
                    // Where this thread shares a core with the database's writer: without being asked, the kernel
                    // changes between two busy threads at a tick of its clock only, up to every 10 ms.
                    thread::yield_now();
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

impl Lane {
    fn list(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Gathering>>> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self) -> Option<Instant> {
        self.list().peek().map(|Reverse(first)| first.due)
    }

    fn due(&self) -> Option<(Gathering, Instant)> {
        let now = clock::now();
        let mut list = self.list();
        list.peek().filter(|Reverse(first)| first.due <= now)?;
        list.pop().map(|Reverse(gathering)| (gathering, now))
    }
}

impl Ord for Gathering {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due.cmp(&other.due)
    }
}

impl PartialOrd for Gathering {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Gathering {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Gathering {}

/// Writes of a loop, some 10 µs each, before others have their turn on its thread.
const TURNS: usize = 32;
