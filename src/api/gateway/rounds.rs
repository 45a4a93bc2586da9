//! Sockets that rest are written to in rounds: whoever's rest is over gets at once what came meanwhile, from one loop.
//! A timer and a wake-up for each of them would cost half as much again as the write itself.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::Notify;

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
    /// In the order of their coming, which is that of their ends as long as all rest equally long; when the rest gets
    /// shorter, the first ones hold up the others for one rest.
    resting: Mutex<VecDeque<Resting>>,
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
        list.push_back(resting);
        if list.len() == 1 {
            lane.news.notify_one();
        }
    }

    /// Walks one lane for good. `turn` writes to a session, and says until when it rests again.
    pub async fn walk(&self, lane: usize, turn: impl Fn(&Resting, Instant) -> Option<Instant>) {
        let Some(lane) = self.lanes.get(lane) else { return };
        loop {
            let Some(until) = lane.list().front().map(|first| first.until) else {
                lane.news.notified().await;
                continue;
            };
            tokio::time::sleep_until(until.into()).await;
            let now = clock::now();
            let mut turns = 0;
            while let Some(resting) = lane.due(now) {
                if let Some(until) = turn(&resting, now) {
                    lane.list().push_back(Resting { until, ..resting });
                }
                turns += 1;
                if turns % TURNS == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

impl Lane {
    fn list(&self) -> MutexGuard<'_, VecDeque<Resting>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self, now: Instant) -> Option<Resting> {
        self.list().pop_front_if(|first| first.until <= now)
    }
}

/// Writes of a loop, some 10 µs each, before others have their turn on its thread.
const TURNS: usize = 32;
