//! Layers that their publisher sends now and then.
//!
//! A browser whose uplink is short or lossy stops its upper layers and starts them again as its estimate moves. Every
//! stop leaves the viewers with a picture that stands still until the keyframe of another layer has come, and every
//! start costs a keyframe of its own. So a layer that stopped is left alone for a while, and for longer each time.

use std::time::{Duration, Instant};

/// After the first stop: long enough for the estimate to have moved, short enough for an accident.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// Who was steady for so long has earned a fresh start.
const STEADY: Duration = Duration::from_secs(60);
/// A layer that was asked for comes within a second or does not come: the sender has no uplink for it, or no such layer.
const EXPECTED_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Steadiness {
    /// Since when it comes; `None` while it does not.
    since: Option<Instant>,
    /// Since when it does not come although it was asked for.
    missing_since: Option<Instant>,
    avoided_until: Option<Instant>,
    /// How long it was avoided last.
    last: Duration,
}

impl Steadiness {
    /// To be called often. `missed`: it was asked for, and the sender does send others.
    pub fn observe(&mut self, now: Instant, comes: bool, missed: bool) {
        self.missing_since = if missed && !comes { self.missing_since.or(Some(now)) } else { None };
        match self.since {
            None if comes => self.since = Some(now),
            Some(since) if !comes => {
                self.since = None;
                if missed {
                    let steady = now.saturating_duration_since(since) >= STEADY;
                    self.last = if steady { FIRST } else { (self.last * 2).clamp(FIRST, LONGEST) };
                    self.avoided_until = Some(now + self.last);
                }
            }
            _ => {}
        }
    }

    /// Comes, or would come soon if it were asked for.
    pub fn is_expected(&self, now: Instant) -> bool {
        self.missing_since.is_none_or(|since| now.saturating_duration_since(since) < EXPECTED_WITHIN)
    }

    pub fn is_avoided(&self, now: Instant) -> bool {
        self.avoided_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// Comes for `secs`, then stops.
    fn spell(steadiness: &mut Steadiness, now: &mut Instant, secs: u64, missed: bool) {
        steadiness.observe(*now, true, true);
        *now += Duration::from_secs(secs);
        steadiness.observe(*now, false, missed);
    }

    #[test]
    fn each_stop_is_avoided_for_longer_until_it_was_steady() {
        let mut now = origin();
        let mut steadiness = Steadiness::default();
        for wait in [5, 10, 20, 40, 60, 60] {
            spell(&mut steadiness, &mut now, 10, true);
            assert!(steadiness.is_avoided(now + Duration::from_secs(wait - 1)));
            now += Duration::from_secs(wait);
            assert!(!steadiness.is_avoided(now), "after {wait} s");
        }
        spell(&mut steadiness, &mut now, 61, true);
        assert!(!steadiness.is_avoided(now + FIRST), "it had been steady");
    }

    #[test]
    fn what_does_not_come_is_expected_for_a_moment_only() {
        let now = origin();
        let mut steadiness = Steadiness::default();
        assert!(steadiness.is_expected(now), "nobody asked for it yet");
        steadiness.observe(now, false, true);
        assert!(steadiness.is_expected(now + EXPECTED_WITHIN / 2));
        steadiness.observe(now + EXPECTED_WITHIN / 2, false, true);
        assert!(!steadiness.is_expected(now + EXPECTED_WITHIN));
        steadiness.observe(now + EXPECTED_WITHIN, true, true);
        assert!(steadiness.is_expected(now + EXPECTED_WITHIN));
    }

    #[test]
    fn what_was_switched_off_on_purpose_is_welcome_back() {
        let mut now = origin();
        let mut steadiness = Steadiness::default();
        spell(&mut steadiness, &mut now, 10, false);
        assert!(!steadiness.is_avoided(now));
    }
}
