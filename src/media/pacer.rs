//! How much may leave at once towards one subscriber.
//!
//! A keyframe that is sent in one burst overflows the small queues of slow links. But trains are what makes sending
//! cheap, so a burst is allowed as long as it takes the path a few milliseconds only, which on fast paths is a whole
//! frame.

use std::time::{Duration, Instant};

/// Faster than the estimate, or a keyframe would be late.
const FACTOR: u64 = 5;
const FACTOR_OF: u64 = 2;
/// What may be sent in one piece, in time at the paced rate.
const BURST: Duration = Duration::from_millis(40);
/// Some packets may always go together.
const MIN_BURST: u64 = 6_000;
/// What waits longer is sent faster: late pictures are worse than a queue elsewhere.
const MAX_WAIT: Duration = Duration::from_millis(250);

/// A bucket of bytes.
#[derive(Debug, Default)]
pub struct Pacer {
    /// Bytes that may be sent now; negative after a burst.
    credit: i64,
    rate_bps: u64,
    last: Option<Instant>,
}

impl Pacer {
    /// Follows the estimate.
    pub fn set_rate(&mut self, now: Instant, estimate_bps: u64) {
        self.refill(now);
        self.rate_bps = estimate_bps.saturating_mul(FACTOR) / FACTOR_OF;
    }

    /// So many bytes wait: raises the rate if they would wait too long.
    pub fn expect(&mut self, now: Instant, waiting: u64) {
        let needed = waiting.saturating_mul(8_000) / MAX_WAIT.as_millis() as u64;
        if needed > self.rate_bps && self.rate_bps > 0 {
            self.refill(now);
            self.rate_bps = needed;
        }
    }

    /// Bytes that may leave now; a packet may overdraw them. `None` = unlimited, as long as no rate is set.
    pub fn credit(&mut self, now: Instant) -> Option<i64> {
        if self.rate_bps == 0 {
            return None;
        }
        self.refill(now);
        Some(self.credit)
    }

    pub fn sent(&mut self, bytes: usize) {
        if self.rate_bps > 0 {
            self.credit = self.credit.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    /// When the next packet may leave.
    pub fn next(&self, now: Instant) -> Instant {
        if self.rate_bps == 0 || self.credit > 0 {
            return now;
        }
        let missing = self.credit.unsigned_abs() + 1;
        let micros = missing.saturating_mul(8_000_000) / self.rate_bps;
        // A millisecond at least: waking up costs more than the packets of one.
        now + Duration::from_micros(micros.clamp(1_000, 1_000_000))
    }

    fn refill(&mut self, now: Instant) {
        let Some(last) = self.last.replace(now) else {
            self.credit = i64::try_from(MIN_BURST).unwrap_or(i64::MAX);
            return;
        };
        let micros = u64::try_from(now.saturating_duration_since(last).as_micros()).unwrap_or(u64::MAX);
        let earned = self.rate_bps.saturating_mul(micros) / 8_000_000;
        let burst = (self.rate_bps / 8 * BURST.as_millis() as u64 / 1_000).max(MIN_BURST);
        let credit = self.credit.saturating_add(i64::try_from(earned).unwrap_or(i64::MAX));
        self.credit = credit.min(i64::try_from(burst).unwrap_or(i64::MAX));
        if earned == 0 {
            // Too short to earn a byte: the time still counts.
            self.last = Some(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn may_send(pacer: &mut Pacer, now: Instant) -> bool {
        pacer.credit(now).is_none_or(|credit| credit > 0)
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let start = origin();
        let mut pacer = Pacer::default();
        assert!(may_send(&mut pacer, start), "without a rate everything goes");
        pacer.set_rate(start, 400_000); // paced at 1 Mb/s
        let mut now = start;
        let mut sent = Vec::new();
        for _ in 0..20 {
            while !may_send(&mut pacer, now) {
                now = pacer.next(now);
            }
            pacer.sent(1_250);
            sent.push((now - start).as_millis());
        }
        assert_eq!(sent.iter().take_while(|at| **at == 0).count(), 5, "{sent:?}");
        let last = *sent.last().unwrap();
        assert!((140..160).contains(&last), "15 packets of 10 ms each: {sent:?}");
    }

    #[test]
    fn what_would_wait_too_long_is_sent_faster() {
        let start = origin();
        let mut pacer = Pacer::default();
        pacer.set_rate(start, 100_000);
        pacer.expect(start, 100_000);
        let (mut now, mut left) = (start, 100_000i64);
        while left > 0 {
            while !may_send(&mut pacer, now) {
                now = pacer.next(now);
            }
            pacer.sent(1_000);
            left -= 1_000;
        }
        let took = now - start;
        assert!(took <= MAX_WAIT, "{took:?}");
    }
}
