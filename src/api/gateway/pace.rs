//! How long a socket gathers the events of crowds before it writes again. Pure.
//!
//! A write costs the kernel more than everything else of a delivery. Who was written to a moment ago gets what comes
//! next together with what follows it; the first event after a quiet moment, answers, and the events of few people
//! never wait. The busier the server, the longer the gathering. It begins with the first event that waits, not with the
//! write before: for the same longest wait that makes the fewest writes.

use std::time::{Duration, Instant};

/// An event to fewer people than this does not wait.
pub const CROWD: usize = 16;
/// Frames that are written however short they were gathered; far below what cuts a slow client.
pub const GATHERED: usize = 32;
/// Without load: not to be felt.
pub const SHORTEST: Duration = Duration::from_millis(3);
/// A busy server: still below what anybody sees. Longer ones cost less, and are felt at the 99th percentile.
pub const LONGEST: Duration = Duration::from_millis(9);
/// A socket is quiet when it was not written to for so many times the gathering.
pub const QUIET: u32 = 2;
/// Writes per second that are aimed at; at 10 µs each a fifth of a core.
const AIM: f64 = 20_000.0;

#[derive(Debug)]
pub struct Pace {
    gather: Duration,
    writes: u64,
    since: Instant,
}

impl Pace {
    pub fn new(now: Instant) -> Self {
        Self { gather: SHORTEST, writes: 0, since: now }
    }

    /// How long to gather from now on, given all writes so far. More writes than aimed at make it longer in proportion.
    pub fn adjust(&mut self, writes: u64, now: Instant) -> Duration {
        let span = now.saturating_duration_since(self.since);
        if span < SHORTEST {
            return self.gather;
        }
        let rate = writes.saturating_sub(self.writes) as f64 / span.as_secs_f64();
        self.gather = self.gather.mul_f64((rate / AIM).min(8.0)).clamp(SHORTEST, LONGEST);
        (self.writes, self.since) = (writes, now);
        self.gather
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn a_busy_server_gathers_longer_and_a_quiet_one_stops() {
        let mut now = clock::now();
        let (mut pace, mut writes) = (Pace::new(now), 0);
        let mut second = |per_second: u64| {
            now += Duration::from_secs(1);
            writes += per_second;
            pace.adjust(writes, now)
        };
        assert_eq!(second(5_000), SHORTEST);
        assert_eq!(second(40_000), 2 * SHORTEST, "twice the aim");
        assert_eq!(second(20_000), 2 * SHORTEST, "just right");
        assert_eq!(second(1_000_000), LONGEST);
        assert_eq!(second(0), SHORTEST);
    }

    #[test]
    fn two_looks_at_the_same_time_change_nothing() {
        let now = clock::now();
        let mut pace = Pace::new(now);
        assert_eq!(pace.adjust(1_000_000, now), SHORTEST);
        assert_eq!(pace.adjust(1_000_000, now + Duration::from_secs(1)), LONGEST);
    }
}
