//! Whether the queue on the path is somebody else's.
//!
//! A flow that yields to every growing queue starves beside flows that fill queues until they overflow, as TCP does.
//! If less is sent and the queue stays, it is not ours: then delay says nothing, and loss is the signal to yield to.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);
/// A queue that never was shorter than this.
const STANDING: Duration = Duration::from_millis(20);
/// A queue that was this short was drained: nobody keeps it full.
const DRAINED: Duration = Duration::from_millis(8);
/// Our own queue shrinks by more in a second once less is sent.
const SHRINKING: Duration = Duration::from_millis(40);
/// Windows that must agree before we compete, and before we stop.
const ENTER: u8 = 2;
const LEAVE: u8 = 3;

#[derive(Debug, Default)]
pub struct Competition {
    since: Option<Instant>,
    shortest: Option<Duration>,
    previous: Option<Duration>,
    standing: u8,
    drained: u8,
    active: bool,
}

impl Competition {
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// `queued` is the shortest queueing delay of a report's packets, `yielding` whether less is sent than the path
    /// carried lately.
    pub fn report(&mut self, now: Instant, queued: Duration, yielding: bool) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= WINDOW {
            if let Some(shortest) = self.shortest.take() {
                self.judge(shortest, yielding);
            }
            self.since = Some(now);
        }
        self.shortest = Some(self.shortest.map_or(queued, |shortest| shortest.min(queued)));
    }

    fn judge(&mut self, shortest: Duration, yielding: bool) {
        let shrinks = self.previous.is_some_and(|previous| shortest + SHRINKING.min(previous / 3) < previous);
        self.previous = Some(shortest);
        let stands = shortest >= STANDING && yielding && !shrinks;
        self.standing = if stands { self.standing.saturating_add(1) } else { 0 };
        self.drained = if shortest <= DRAINED { self.drained.saturating_add(1) } else { 0 };
        if self.active {
            self.active = self.drained < LEAVE;
        } else {
            self.active = self.standing >= ENTER;
        }
    }
}
