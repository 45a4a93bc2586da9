//! Rates keyframe requests towards one encoding of a publisher.

use std::time::{Duration, Instant};

/// Asking for a small picture more often than this wastes uplink and helps no viewer.
const LOW_INTERVAL: Duration = Duration::from_millis(500);
/// A keyframe of a large layer is a burst of several hundred kilobits.
const HIGH_INTERVAL: Duration = Duration::from_millis(1_000);
/// A request may be lost: repeat it while the keyframe has not come.
const REPEAT_AFTER: Duration = Duration::from_millis(600);
/// A layer the publisher does not send will never answer; somebody will ask again when it does.
const MAX_REPEATS: u8 = 5;

#[derive(Debug, Default)]
pub struct KeyframeGate {
    last_sent: Option<Instant>,
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
        let fresh = self.wanted && !self.awaiting && since.is_none_or(|since| since >= interval);
        let again = self.awaiting && since.is_some_and(|since| since >= REPEAT_AFTER);
        if again && self.repeats >= MAX_REPEATS {
            self.awaiting = false;
            return false;
        }
        if !fresh && !again {
            return false;
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
        gate.request();
        assert!(gate.poll(at(5_000), 1));
        gate.satisfied();
        gate.request();
        assert!(!gate.poll(at(5_700), 1), "large layers at most once per second");
        assert!(gate.poll(at(6_000), 1));
    }
}
