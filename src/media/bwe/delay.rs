//! Whether a queue grows on the path: the slope of the one-way delay against an adaptive threshold.

/// Packets sent within this time are one group: a burst arrives stretched and says nothing by itself.
const GROUP_US: i64 = 5_000;
/// Groups that arrive back to back belong together up to this long.
const MAX_BURST_US: i64 = 100_000;
/// Points of the trend line: 0.4–0.7 s of video frames. Fewer see noise, more see late.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// Steepness counts in full only after so many groups.
const MAX_DELTAS: f64 = 60.0;
/// A slope above the threshold for so long is overuse.
const OVERUSE_MS: f64 = 10.0;
/// Of the adaptive threshold: slow to rise keeps competing flows in check, quick to fall keeps delay low.
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;
const MIN_THRESHOLD: f64 = 6.0;
const MAX_THRESHOLD: f64 = 600.0;
const START_THRESHOLD: f64 = 12.5;
/// A spike this far above the threshold does not teach it.
const MAX_LESSON: f64 = 15.0;
/// Groups in the wrong order in a row: the receiver's clock jumped.
const MAX_REORDERED: u8 = 3;

/// What the delay says of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    #[default]
    Normal,
    /// A queue grows.
    Over,
    /// A queue drains.
    Under,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrived: i64,
    last_arrived: i64,
}

impl Group {
    fn takes(&self, sent: i64, arrived: i64) -> bool {
        if sent - self.first_sent <= GROUP_US {
            return true;
        }
        let gap = arrived - self.last_arrived;
        let faster = gap < sent - self.last_sent;
        faster && gap <= GROUP_US && arrived - self.first_arrived < MAX_BURST_US
    }
}

/// All times in µs; those of sending and those of arrival may be of different clocks.
#[derive(Debug)]
pub struct DelayDetector {
    current: Option<Group>,
    previous: Option<Group>,
    reordered: u8,
    /// (arrival, smoothed delay) in ms.
    points: [(f64, f64); WINDOW],
    count: usize,
    /// Of the first point.
    origin: i64,
    accumulated: f64,
    smoothed: f64,
    deltas: f64,
    threshold: f64,
    over_for: f64,
    over_count: u32,
    last_trend: f64,
    last_update: Option<f64>,
    usage: Usage,
}

impl Default for DelayDetector {
    fn default() -> Self {
        Self {
            current: None,
            previous: None,
            reordered: 0,
            points: [(0.0, 0.0); WINDOW],
            count: 0,
            origin: 0,
            accumulated: 0.0,
            smoothed: 0.0,
            deltas: 0.0,
            threshold: START_THRESHOLD,
            over_for: 0.0,
            over_count: 0,
            last_trend: 0.0,
            last_update: None,
            usage: Usage::Normal,
        }
    }
}

impl DelayDetector {
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// A packet that arrived, in the order of sending.
    pub fn packet(&mut self, sent: i64, arrived: i64) {
        let Some(current) = &mut self.current else {
            self.current = Some(Group::of(sent, arrived));
            return;
        };
        if sent < current.first_sent {
            return;
        }
        if current.takes(sent, arrived) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrived = current.last_arrived.max(arrived);
            return;
        }
        let complete = *current;
        self.current = Some(Group::of(sent, arrived));
        if let Some(previous) = self.previous {
            // Of the first packets: how long a group takes to arrive depends on its size, which for frames changes
            // with every switch of layers.
            let sent = complete.first_sent - previous.first_sent;
            let arrived = complete.first_arrived - previous.first_arrived;
            if arrived < 0 {
                self.reordered += 1;
                if self.reordered >= MAX_REORDERED {
                    *self = Self { threshold: self.threshold, ..Self::default() };
                }
                return;
            }
            self.reordered = 0;
            self.group(millis(sent), millis(arrived), complete.first_arrived);
        }
        self.previous = Some(complete);
    }

    fn group(&mut self, sent_ms: f64, arrived_ms: f64, at: i64) {
        if self.count == 0 {
            self.origin = at;
        }
        self.deltas = (self.deltas + 1.0).min(MAX_DELTAS);
        self.accumulated += arrived_ms - sent_ms;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        let x = millis(at - self.origin);
        if let Some(place) = self.points.get_mut(self.count % WINDOW) {
            *place = (x, self.smoothed);
        }
        self.count += 1;
        if self.count < WINDOW {
            return;
        }
        if let Some(slope) = slope(&self.points) {
            self.detect(slope * self.deltas * GAIN, sent_ms, x);
        }
    }

    fn detect(&mut self, trend: f64, sent_ms: f64, now_ms: f64) {
        if trend > self.threshold {
            // The first sample above counts half: the crossing was somewhere in between.
            self.over_for += if self.over_count == 0 { sent_ms / 2.0 } else { sent_ms };
            self.over_count += 1;
            if self.over_for > OVERUSE_MS && self.over_count > 1 && trend >= self.last_trend {
                (self.over_for, self.over_count) = (0.0, 0);
                self.usage = Usage::Over;
            }
        } else {
            (self.over_for, self.over_count) = (0.0, 0);
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.last_trend = trend;
        self.adapt(trend, now_ms);
    }

    fn adapt(&mut self, trend: f64, now_ms: f64) {
        let last = self.last_update.replace(now_ms).unwrap_or(now_ms);
        let size = trend.abs();
        if size > self.threshold + MAX_LESSON {
            return;
        }
        let gain = if size < self.threshold { FALL } else { RISE };
        let elapsed = (now_ms - last).clamp(0.0, 100.0);
        self.threshold =
            (self.threshold + gain * (size - self.threshold) * elapsed).clamp(MIN_THRESHOLD, MAX_THRESHOLD);
    }
}

impl Group {
    fn of(sent: i64, arrived: i64) -> Self {
        Self { first_sent: sent, last_sent: sent, first_arrived: arrived, last_arrived: arrived }
    }
}

/// Least squares.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (x_sum, y_sum) = points.iter().fold((0.0, 0.0), |(xs, ys), (x, y)| (xs + x, ys + y));
    let (x_mean, y_mean) = (x_sum / count, y_sum / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), (x, y)| {
        (above + (x - x_mean) * (y - y_mean), below + (x - x_mean) * (x - x_mean))
    });
    (below > 0.0).then(|| above / below)
}

fn millis(micros: i64) -> f64 {
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of three packets every 33 ms, `delay` says how long each packet takes.
    fn run(detector: &mut DelayDetector, from: i64, frames: i64, delay: impl Fn(i64) -> i64) -> Vec<Usage> {
        let mut seen = Vec::new();
        for frame in from..from + frames {
            for packet in 0..3 {
                let sent = frame * 33_000 + packet * 100;
                detector.packet(sent, sent + 7_000_000 + delay(frame) + packet * 900);
            }
            seen.push(detector.usage());
        }
        seen
    }

    #[test]
    fn a_growing_queue_is_overuse_and_a_draining_one_underuse() {
        let mut detector = DelayDetector::default();
        assert!(run(&mut detector, 0, 100, |_| 20_000).iter().all(|usage| *usage == Usage::Normal));
        let growing = run(&mut detector, 100, 30, |frame| 20_000 + (frame - 100) * 6_000);
        let first = growing.iter().position(|usage| *usage == Usage::Over).expect("seen");
        assert!(first < 12, "after {first} frames");
        let draining = run(&mut detector, 130, 30, |frame| 200_000 - (frame - 130) * 6_000);
        assert!(draining.contains(&Usage::Under));
        let calm = run(&mut detector, 160, 100, |_| 20_000);
        assert_eq!(calm.last(), Some(&Usage::Normal));
    }

    #[test]
    fn jitter_alone_is_not_overuse() {
        let mut detector = DelayDetector::default();
        let mut state = 1u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i64::from(state >> 16) % 10_000
        };
        let delays: Vec<i64> = (0..2_000).map(|_| noise()).collect();
        let seen = run(&mut detector, 0, 2_000, |frame| 20_000 + delays[usize::try_from(frame).unwrap()]);
        let over = seen.iter().filter(|usage| **usage == Usage::Over).count();
        assert!(over < 20, "{over} of 2000 frames");
    }

    #[test]
    fn a_clock_that_jumps_back_starts_anew() {
        let mut detector = DelayDetector::default();
        run(&mut detector, 0, 50, |_| 20_000);
        let after = run(&mut detector, 50, 60, |_| -3_000_000);
        assert!(after.iter().all(|usage| *usage == Usage::Normal), "{after:?}");
    }
}
