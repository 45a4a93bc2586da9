//! Which packets of an incoming stream to ask for again (RFC 4585 6.2.1).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::base::seq::low16;

/// A gap may be reordering: wait this long before the first request. Every millisecond more makes repaired frames
/// later, and late frames are skipped by decoders.
pub const REORDER_WAIT: Duration = Duration::from_millis(2);
/// Between two requests for one packet. Requests are lost too; senders repeat a packet once per round trip, however
/// often they are asked.
const RETRY_AFTER: Duration = Duration::from_millis(40);
const MAX_TRIES: u8 = 20;
/// A packet this late helps no decoder, and no ear.
const GIVE_UP_AFTER: Duration = Duration::from_millis(1_200);
const GIVE_UP_AUDIO_AFTER: Duration = Duration::from_millis(400);
/// More missing packets than this is an outage, cured by a keyframe.
const MAX_MISSING: usize = 300;

#[derive(Debug)]
struct Missing {
    since: Instant,
    last_asked: Option<Instant>,
    tries: u8,
}

#[derive(Debug)]
pub struct NackGenerator {
    missing: BTreeMap<u64, Missing>,
    give_up_after: Duration,
}

impl NackGenerator {
    pub fn new(video: bool) -> Self {
        let give_up_after = if video { GIVE_UP_AFTER } else { GIVE_UP_AUDIO_AFTER };
        Self { missing: BTreeMap::new(), give_up_after }
    }

    /// Sequences `from..to` were skipped. Returns `false` if the gap is beyond repair.
    pub fn skipped(&mut self, now: Instant, from: u64, to: u64) -> bool {
        let gap = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        if gap.saturating_add(self.missing.len()) > MAX_MISSING {
            self.missing.clear();
            return false;
        }
        for sequence in from..to {
            self.missing.insert(sequence, Missing { since: now, last_asked: None, tries: 0 });
        }
        true
    }

    /// A packet arrived. If it had been missing: since when.
    pub fn arrived(&mut self, sequence: u64) -> Option<Instant> {
        self.missing.remove(&sequence).map(|missing| missing.since)
    }

    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Sequence numbers to ask for now. `true` as second value if some were given up.
    pub fn poll(&mut self, now: Instant) -> (Vec<u16>, bool) {
        let before = self.missing.len();
        self.missing.retain(|_, missing| {
            missing.tries < MAX_TRIES && now.saturating_duration_since(missing.since) < self.give_up_after
        });
        let gave_up = self.missing.len() < before;
        let mut wanted = Vec::new();
        for (sequence, missing) in &mut self.missing {
            let due = match missing.last_asked {
                None => now.saturating_duration_since(missing.since) >= REORDER_WAIT,
                Some(asked) => now.saturating_duration_since(asked) >= RETRY_AFTER,
            };
            if due {
                missing.last_asked = Some(now);
                missing.tries += 1;
                wanted.push(low16(*sequence));
            }
        }
        (wanted, gave_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn asks_after_the_reorder_wait_then_retries_then_gives_up() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut nack = NackGenerator::new(true);
        assert!(nack.skipped(start, 70_000, 70_003));
        assert_eq!(nack.poll(at(1)).0, Vec::<u16>::new());
        assert!(nack.arrived(70_001).is_some());
        assert!(nack.arrived(70_001).is_none());
        assert_eq!(nack.poll(at(10)).0, vec![4464, 4466]);
        assert!(nack.poll(at(40)).0.is_empty());
        assert_eq!(nack.poll(at(50)).0, vec![4464, 4466]);
        assert_eq!(nack.poll(at(1_300)), (vec![], true));
        assert!(nack.is_empty());
        assert!(!nack.skipped(at(2_000), 80_000, 81_000), "an outage is not repaired packet by packet");
    }
}
