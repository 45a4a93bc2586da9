//! For tests: a flow that behaves like TCP and shares a link with what is tested. One packet per acknowledgement, a
//! half at each loss, but once per round trip (RFC 6582).

use std::time::Instant;

use super::link::Link;

pub const PACKET: usize = 1_200;
const SLOW_START_UNTIL: f64 = 64.0;

pub struct Tcp {
    window: f64,
    slow_start_until: f64,
    /// Packets that were not lost.
    sent: u64,
    acknowledged: u64,
    /// Losses are of one congestion until so many are acknowledged: all that were on their way at the first.
    recovers_at: u64,
}

impl Default for Tcp {
    fn default() -> Self {
        Self { window: 2.0, slow_start_until: SLOW_START_UNTIL, sent: 0, acknowledged: 0, recovers_at: 0 }
    }
}

impl Tcp {
    /// Bytes that came through.
    pub fn delivered(&self) -> u64 {
        self.acknowledged * PACKET as u64
    }

    /// Sends what its window allows; `packet` makes `PACKET` bytes that the caller knows again.
    pub fn send<T: AsRef<[u8]> + Clone>(&mut self, now: Instant, link: &mut Link<T>, packet: impl Fn() -> T) {
        while ((self.sent - self.acknowledged) as f64) < self.window {
            let before = link.counters();
            link.push(now, packet());
            let after = link.counters();
            if after.overflowed + after.lost == before.overflowed + before.lost {
                self.sent += 1;
                continue;
            }
            if self.acknowledged >= self.recovers_at {
                self.window = (self.window / 2.0).max(2.0);
                self.slow_start_until = self.window;
                self.recovers_at = self.sent;
            }
            break;
        }
    }

    /// One of its packets came through. The acknowledgement's way back is not emulated: half of the round trip is
    /// enough here.
    pub fn arrived(&mut self) {
        self.acknowledged += 1;
        self.window += if self.window < self.slow_start_until { 1.0 } else { 1.0 / self.window };
    }
}
