//! How long a socket gathers the events of crowds before it writes again. Pure.
//!
//! A write costs the kernel more than everything else of a delivery. Who was written to a moment ago gets what comes
//! next together with what follows it; the first event after a quiet moment, answers, and the events of few people
//! never wait. The busier the server, the longer the gathering.

use std::time::{Duration, Instant};

/// An event to fewer people than this does not wait.
pub const CROWD: usize = 16;
/// Frames that are written however short the rest was; far below what cuts a slow client.
pub const GATHERED: usize = 32;
/// Without load: not to be felt.
pub const SHORTEST: Duration = Duration::from_millis(3);
/// A busy server whose rounds come in time: still below what anybody sees, and a quarter of the writes.
pub const LONG: Duration = Duration::from_millis(12);
/// A server that has more to do than its cores get done in time: what fewer writes save makes all of them come sooner.
pub const LONGEST: Duration = Duration::from_millis(18);
/// Rounds that come later than this in the mean come too late.
const LATE: Duration = Duration::from_millis(1);
/// How much longer after each look at late rounds; back in steps of a quarter.
const STEP: Duration = Duration::from_millis(2);
/// Writes per second that are aimed at; at 10 µs each a fifth of a core.
const AIM: f64 = 20_000.0;

#[derive(Debug)]
pub struct Pace {
    rest: Duration,
    /// The longest rest for now.
    longest: Duration,
    writes: u64,
    since: Instant,
}

impl Pace {
    pub fn new(now: Instant) -> Self {
        Self { rest: SHORTEST, longest: LONG, writes: 0, since: now }
    }

    /// The rest from now on, given all writes so far and how late rounds came since the last look, in the mean. More
    /// writes than aimed at make it longer in proportion.
    pub fn adjust(&mut self, writes: u64, late: Duration, now: Instant) -> Duration {
        let span = now.saturating_duration_since(self.since);
        if span < SHORTEST {
            return self.rest;
        }
        let rate = writes.saturating_sub(self.writes) as f64 / span.as_secs_f64();
        let longest = if late > LATE { self.longest + STEP } else { self.longest.saturating_sub(STEP / 4) };
        self.longest = longest.clamp(LONG, LONGEST);
        self.rest = self.rest.mul_f64((rate / AIM).min(8.0)).clamp(SHORTEST, self.longest);
        (self.writes, self.since) = (writes, now);
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    /// A server of which a second goes by: writes, how late its rounds were, the rest from then on.
    fn running() -> impl FnMut(u64, Duration) -> Duration {
        let mut now = clock::now();
        let (mut pace, mut writes) = (Pace::new(now), 0);
        move |per_second, late| {
            now += Duration::from_secs(1);
            writes += per_second;
            pace.adjust(writes, late, now)
        }
    }

    #[test]
    fn a_busy_server_gathers_longer_and_a_quiet_one_stops() {
        let mut second = running();
        let in_time = Duration::ZERO;
        assert_eq!(second(5_000, in_time), SHORTEST);
        assert_eq!(second(40_000, in_time), 2 * SHORTEST, "twice the aim");
        assert_eq!(second(20_000, in_time), 2 * SHORTEST, "just right");
        assert_eq!(second(1_000_000, in_time), LONG);
        assert_eq!(second(0, in_time), SHORTEST);
    }

    #[test]
    fn who_comes_late_writes_less_often_and_comes_back_slowly() {
        let mut second = running();
        let mut busy = |late| second(1_000_000, late);
        assert_eq!(busy(LATE), LONG, "not late yet");
        assert_eq!(busy(2 * LATE), LONG + STEP);
        for _ in 0..10 {
            busy(2 * LATE);
        }
        assert_eq!(busy(2 * LATE), LONGEST);
        assert_eq!(busy(LATE), LONGEST - STEP / 4);
        for _ in 0..20 {
            busy(Duration::ZERO);
        }
        assert_eq!(busy(Duration::ZERO), LONG);
        assert_eq!(second(5_000, 9 * LATE), SHORTEST, "few writes wait for nobody, whatever else is late");
    }

    #[test]
    fn two_looks_at_the_same_time_change_nothing() {
        let now = clock::now();
        let mut pace = Pace::new(now);
        assert_eq!(pace.adjust(1_000_000, Duration::ZERO, now), SHORTEST);
        assert_eq!(pace.adjust(1_000_000, Duration::ZERO, now + Duration::from_secs(1)), LONG);
    }
}
