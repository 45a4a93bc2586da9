//! Sockets that rest are written to in rounds: whoever's rest is over gets at once what came meanwhile, from one loop.
//! A timer and a wake-up for each of them would cost half as much again as the write itself.

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

/// A session that rests, and until when.
pub struct Resting {
    pub until: Instant,
    pub session: Arc<Session>,
    pub generation: Generation,
}

/// Those who rest, in several lanes, each walked by a loop of its own. At most one entry per session and lane, since a
/// session is in the lane of its id and remembers that it is listed.
pub struct Rounds {
    lanes: Vec<Lane>,
}

#[derive(Default)]
struct Lane {
    /// Not in the order of their coming: whoever was written to out of turn rests from then on.
    resting: Mutex<BinaryHeap<Reverse<Resting>>>,
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

    pub fn add(&self, resting: Resting) {
        let place = resting.session.id.0.0 % self.lanes.len() as u128;
        let Some(lane) = usize::try_from(place).ok().and_then(|at| self.lanes.get(at)) else { return };
        let mut list = lane.list();
        let is_first = list.peek().is_none_or(|Reverse(first)| resting.until < first.until);
        list.push(Reverse(resting));
        if is_first {
            lane.news.notify_one();
        }
    }

    /// Walks one lane for good. `turn` writes to a session, and says until when it rests again.
    pub async fn walk(&self, lane: usize, turn: impl Fn(&Resting, Instant) -> Option<Instant>) {
        let Some(lane) = self.lanes.get(lane) else { return };
        loop {
            let Some(until) = lane.first() else {
                lane.news.notified().await;
                continue;
            };
            if timeout_at(until.into(), lane.news.notified()).await.is_ok() {
                continue;
            }
            let mut turns = 0;
            // The clock for each, so that those who came together do not do so for ever, all in one moment.
            while let Some((resting, now)) = lane.due() {
                if let Some(until) = turn(&resting, now) {
                    lane.list().push(Reverse(Resting { until, ..resting }));
                }
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
    fn list(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Resting>>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self) -> Option<Instant> {
        self.list().peek().map(|Reverse(first)| first.until)
    }

    fn due(&self) -> Option<(Resting, Instant)> {
        let now = clock::now();
        let mut list = self.list();
        list.peek().filter(|Reverse(first)| first.until <= now)?;
        list.pop().map(|Reverse(resting)| (resting, now))
    }
}

impl Ord for Resting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.until.cmp(&other.until)
    }
}

impl PartialOrd for Resting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Resting {
    fn eq(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

impl Eq for Resting {}

/// Writes of a loop, some 10 µs each, before others have their turn on its thread.
const TURNS: usize = 32;
