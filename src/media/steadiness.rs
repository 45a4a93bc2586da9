//! Layers that their publisher sends now and then.
//!
//! A browser whose uplink is short or lossy stops its upper layers and starts them again as its estimate moves. Every
//! stop leaves the viewers with a picture that stands still until the keyframe of another layer has come, and every
//! start costs a keyframe of its own. So a layer that stopped is left alone for a while, and for longer each time; and
//! one that is about to stop is left in time, while it still comes.

use std::time::{Duration, Instant};

/// After the first stop: long enough for the estimate to have moved, short enough for an accident.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// Who was steady for so long has earned a fresh start.
const STEADY: Duration = Duration::from_secs(60);
/// A layer that was asked for comes within a second or does not come: the sender has no uplink for it, or no such layer.
const EXPECTED_WITHIN: Duration = Duration::from_secs(1);

/// Absent for so long it has stopped. Encoders that are short of time skip pictures, and go on.
const GONE_AFTER: Duration = Duration::from_millis(400);
/// A layer starts thin and grows within that time if it can.
const GROWS_WITHIN: Duration = Duration::from_secs(3);
/// Viewers of a layer that is given up take so long at most to be on another: keyframe requests are lost, too.
const LEFT_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Steadiness {
    /// Since when it comes; `None` while it does not.
    since: Option<Instant>,
    /// Since when it pauses, if it came before.
    paused: Option<Instant>,
    /// Since when it does not come although it was asked for.
    missing_since: Option<Instant>,
    /// From when to when it is left alone.
    avoided: Option<(Instant, Instant)>,
    /// How long it was avoided last.
    last: Duration,
}

impl Steadiness {
    /// To be called often. `missed`: it was asked for, and the sender does send others.
    pub fn observe(&mut self, now: Instant, comes: bool, missed: bool) {
        self.missing_since = if missed && !comes { self.missing_since.or(Some(now)) } else { None };
        if comes {
            self.since.get_or_insert(now);
            self.paused = None;
            return;
        }
        let Some(since) = self.since else { return };
        let paused = *self.paused.get_or_insert(now);
        if !missed || now.saturating_duration_since(paused) >= GONE_AFTER {
            (self.since, self.paused) = (None, None);
            if missed && !self.is_avoided(now) {
                self.avoid(now, since);
            }
        }
    }

    /// Comes, or would come soon if it were asked for.
    pub fn is_expected(&self, now: Instant) -> bool {
        self.missing_since.is_none_or(|since| now.saturating_duration_since(since) < EXPECTED_WITHIN)
    }

    /// It comes, but with so little that it will soon stop.
    pub fn fades(&mut self, now: Instant) {
        let grown = self.since.filter(|since| now.saturating_duration_since(*since) >= GROWS_WITHIN);
        if let Some(since) = grown.filter(|_| !self.is_avoided(now)) {
            self.avoid(now, since);
        }
    }

    fn avoid(&mut self, now: Instant, since: Instant) {
        let steady = now.saturating_duration_since(since) >= STEADY;
        self.last = if steady { FIRST } else { (self.last * 2).clamp(FIRST, LONGEST) };
        self.avoided = Some((now, now + self.last));
    }

    pub fn is_avoided(&self, now: Instant) -> bool {
        self.avoided.is_some_and(|(_, until)| now < until)
    }

    /// Avoided, and its viewers have had time to leave it.
    pub fn is_given_up(&self, now: Instant) -> bool {
        self.avoided.is_some_and(|(since, until)| now >= since + LEFT_WITHIN && now < until)
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
        *now += GONE_AFTER;
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
    fn a_pause_is_no_stop() {
        let now = origin();
        let mut steadiness = Steadiness::default();
        for pause in 0..10 {
            let at = now + GONE_AFTER * pause;
            steadiness.observe(at, true, true);
            steadiness.observe(at + GONE_AFTER / 4, false, true);
            steadiness.observe(at + GONE_AFTER * 9 / 10, false, true);
        }
        assert!(!steadiness.is_avoided(now + GONE_AFTER * 10));
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
    fn a_thin_layer_may_grow_first_and_is_given_up_after_its_viewers_left() {
        let start = origin();
        let mut steadiness = Steadiness::default();
        steadiness.observe(start, true, true);
        steadiness.fades(start + GROWS_WITHIN / 2);
        assert!(!steadiness.is_avoided(start + GROWS_WITHIN / 2));
        let now = start + GROWS_WITHIN;
        steadiness.fades(now);
        assert!(steadiness.is_avoided(now) && !steadiness.is_given_up(now));
        assert!(steadiness.is_given_up(now + LEFT_WITHIN));
        // That it stops then is nothing new.
        steadiness.observe(now + LEFT_WITHIN, false, true);
        assert!(!steadiness.is_avoided(now + FIRST) && !steadiness.is_given_up(now + FIRST));
    }

    #[test]
    fn what_was_switched_off_on_purpose_is_welcome_back() {
        let mut now = origin();
        let mut steadiness = Steadiness::default();
        spell(&mut steadiness, &mut now, 10, false);
        assert!(!steadiness.is_avoided(now));
    }
}
