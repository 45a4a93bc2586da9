//! Which packets of an incoming stream to ask for again (RFC 4585 6.2.1).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::base::seq::low16;

/// A gap may be reordering: wait this long before the first request. Every millisecond more makes repaired frames
/// later, and late frames are skipped by decoders.
pub const REORDER_WAIT: Duration = Duration::from_millis(2);
/// Between two requests for one packet while the round trip is unknown.
const RETRY_AFTER: Duration = Duration::from_millis(40);
/// Browsers repeat a packet once per round trip, however often they are asked. Asked this much later than that, they
/// do; a moment earlier costs a whole round trip more.
const MARGIN: Duration = Duration::from_millis(5);
/// Requests are lost too: on a long path a packet is asked for several times per round trip.
const LONGEST_RETRY: Duration = Duration::from_millis(100);
/// Where much is lost each request is made twice, this far apart: further than a burst of loss, and not so far that
/// the second comes too late.
const TWICE_AFTER: Duration = Duration::from_millis(8);
const MAX_TRIES: u8 = 20;
/// A packet this late helps no decoder, and no ear.
const GIVE_UP_AFTER: Duration = Duration::from_millis(1_200);
const GIVE_UP_AUDIO_AFTER: Duration = Duration::from_millis(400);
/// More missing packets than this is an outage, cured by a keyframe.
const MAX_MISSING: usize = 300;

/// How to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// To the sender and back, if it is known.
    pub round_trip: Option<Duration>,
    /// Much is lost on that path, requests among it.
    pub lossy: bool,
}

impl Manner {
    /// Between two requests: the round trip, or a whole fraction of it.
    fn interval(self) -> Duration {
        let Some(round_trip) = self.round_trip else { return RETRY_AFTER };
        let whole = round_trip + MARGIN;
        let parts = whole.as_micros().div_ceil(LONGEST_RETRY.as_micros());
        let interval = whole / u32::try_from(parts).unwrap_or(1).max(1);
        interval.max(RETRY_AFTER / 2)
    }
}

#[derive(Debug)]
struct Missing {
    since: Instant,
    last_asked: Option<Instant>,
    /// The last request may be made once more.
    once: bool,
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
            self.missing.insert(sequence, Missing { since: now, last_asked: None, once: false, tries: 0 });
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
    pub fn poll(&mut self, now: Instant, manner: Manner) -> (Vec<u16>, bool) {
        let before = self.missing.len();
        self.missing.retain(|_, missing| {
            missing.tries < MAX_TRIES && now.saturating_duration_since(missing.since) < self.give_up_after
        });
        let gave_up = self.missing.len() < before;
        let interval = manner.interval();
        let mut wanted = Vec::new();
        for (sequence, missing) in &mut self.missing {
            let (due, again) = match missing.last_asked {
                None => (now.saturating_duration_since(missing.since) >= REORDER_WAIT, false),
                Some(asked) => {
                    let since = now.saturating_duration_since(asked);
                    (since >= interval, missing.once && manner.lossy && since >= TWICE_AFTER)
                }
            };
            if due {
                (missing.last_asked, missing.once) = (Some(now), true);
                missing.tries += 1;
            } else if again {
                missing.once = false;
            } else {
                continue;
            }
            wanted.push(low16(*sequence));
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
        assert_eq!(nack.poll(at(1), Manner::default()).0, Vec::<u16>::new());
        assert!(nack.arrived(70_001).is_some());
        assert!(nack.arrived(70_001).is_none());
        assert_eq!(nack.poll(at(10), Manner::default()).0, vec![4464, 4466]);
        assert!(nack.poll(at(40), Manner::default()).0.is_empty());
        assert_eq!(nack.poll(at(50), Manner::default()).0, vec![4464, 4466]);
        assert_eq!(nack.poll(at(1_300), Manner::default()), (vec![], true));
        assert!(nack.is_empty());
        assert!(!nack.skipped(at(2_000), 80_000, 81_000), "an outage is not repaired packet by packet");
    }

    /// When requests for one lost packet are made within 300 ms, looked at every millisecond.
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn asked(round_trip: Option<u64>, lossy: bool) -> Vec<u64> {
        let start = Instant::now();
        let mut nack = NackGenerator::new(true);
        nack.skipped(start, 1, 2);
        let manner = Manner { round_trip: round_trip.map(Duration::from_millis), lossy };
        (0..300).filter(|ms| !nack.poll(start + Duration::from_millis(*ms), manner).0.is_empty()).collect()
    }

    #[test]
    fn a_request_falls_right_behind_each_round_trip() {
        assert_eq!(asked(Some(50), false), [2, 57, 112, 167, 222, 277]);
        assert_eq!(asked(Some(50), true), [2, 10, 57, 65, 112, 120, 167, 175, 222, 230, 277, 285]);
        assert_eq!(asked(Some(195), false), [2, 102, 202], "and in between where that is long");
        assert_eq!(asked(Some(1), false).len(), 15, "but not more often than makes sense");
        assert_eq!(asked(None, false), [2, 42, 82, 122, 162, 202, 242, 282]);
    }
}
