//! Rates keyframe requests towards one encoding of a publisher.

use std::time::{Duration, Instant};

/// Mean distance of requests: asking for a small picture more often wastes uplink and helps no viewer.
const LOW_INTERVAL: Duration = Duration::from_millis(500);
/// A keyframe of a large layer is a burst of several hundred kilobits.
const HIGH_INTERVAL: Duration = Duration::from_millis(1_000);
/// Two requests may follow each other as fast as this: somebody whose picture stands still just after another's
/// keyframe does not wait for a whole interval. Browsers produce no keyframes faster than every 300 ms.
const MIN_SPACING: Duration = Duration::from_millis(300);
/// A request may be lost: repeat it while the keyframe has not come.
const REPEAT_AFTER: Duration = Duration::from_millis(600);
/// A layer the publisher does not send will never answer; somebody will ask again when it does.
const MAX_REPEATS: u8 = 5;

#[derive(Debug, Default)]
pub struct KeyframeGate {
    last_sent: Option<Instant>,
    /// Up to here the allowed mean rate is used up; one interval may be borrowed (GCRA).
    paid_until: Option<Instant>,
    wanted: bool,
    awaiting: bool,
    repeats: u8,
}

impl KeyframeGate {
    pub fn request(&mut self) {
        self.wanted = true;
    }

    /// A keyframe arrived.
    pub fn satisfied(&mut self) {
        self.wanted = false;
        self.awaiting = false;
    }

    /// True when a PLI should be sent now. `layer` 0 is the lowest.
    pub fn poll(&mut self, now: Instant, layer: u8) -> bool {
        let since = self.last_sent.map(|last| now.saturating_duration_since(last));
        let interval = if layer == 0 { LOW_INTERVAL } else { HIGH_INTERVAL };
        let spaced = since.is_none_or(|since| since >= MIN_SPACING);
        let affordable = self.paid_until.is_none_or(|paid| paid <= now + interval);
        let fresh = self.wanted && !self.awaiting && spaced && affordable;
        let again = self.awaiting && since.is_some_and(|since| since >= REPEAT_AFTER);
        if again && self.repeats >= MAX_REPEATS {
            self.awaiting = false;
            return false;
        }
        if !fresh && !again {
            return false;
        }
        if fresh {
            self.paid_until = Some(self.paid_until.unwrap_or(now).max(now) + interval);
        }
        self.repeats = if fresh { 0 } else { self.repeats + 1 };
        self.wanted = false;
        self.awaiting = true;
        self.last_sent = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn requests_are_coalesced_repeated_and_satisfied() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut gate = KeyframeGate::default();
        assert!(!gate.poll(start, 0));
        gate.request();
        assert!(gate.poll(start, 0));
        gate.request();
        assert!(!gate.poll(at(100), 0), "one is under way");
        assert!(gate.poll(at(650), 0), "lost, so repeated");
        gate.satisfied();
        assert!(!gate.poll(at(5_000), 0));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn two_requests_may_follow_closely_but_not_a_series() {
        let start = Instant::now();
        let mut gate = KeyframeGate::default();
        let sent: Vec<u64> = (0..5_000)
            .filter(|ms| {
                gate.request();
                let sent = gate.poll(start + Duration::from_millis(*ms), 1);
                if sent {
                    gate.satisfied();
                }
                sent
            })
            .collect();
        assert_eq!(sent, [0, 300, 1_000, 2_000, 3_000, 4_000]);
    }
}
