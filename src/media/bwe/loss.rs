//! The loss-based limit: heavy loss means too much was sent, unless sending less does not help.

use std::time::{Duration, Instant};

use super::rate::Signals;

/// Below, loss is no reason to stop growing.
const LITTLE: f64 = 0.05;
/// Above, less is sent. A radio link that loses a tenth in bursts stays below: each change of layers costs a keyframe.
const MUCH: f64 = 0.15;
/// Beside flows that fill the queue, so much loss is the queue's overflow, and so much less is sent then.
const NOTICED: f64 = 0.01;
const YIELD: f64 = 0.75;
/// Packets that make a share meaningful.
const MIN_PACKETS: usize = 20;
/// A burst of loss is not a rate of loss. Queues are seen by their delay, long before.
const MIN_INTERVAL: Duration = Duration::from_millis(500);
const COMPETING_INTERVAL: Duration = Duration::from_millis(200);
/// Growth per second of a limit that no longer binds.
const GROWTH: f64 = 1.15;
/// Loss that stays although less is sent belongs to the path.
const UNCHANGED: f64 = 0.75;
/// For how long the loss of the path is believed to be its own.
const BELIEVED: Duration = Duration::from_secs(10);
/// Never below this share of what does arrive.
const FLOOR: f64 = 0.8;

#[derive(Debug, Default)]
pub struct LossControl {
    told: usize,
    lost: i64,
    /// Smoothed.
    share: f64,
    limit: Option<f64>,
    last_update: Option<Instant>,
    /// (rate, loss) when less was sent last.
    before: Option<(f64, f64, Instant)>,
    /// Loss that is the path's own.
    inherent: Option<(f64, Instant)>,
}

impl LossControl {
    /// `lost` may be negative: packets that were given up and came after all.
    pub fn count(&mut self, told: usize, lost: i64) {
        self.told += told;
        self.lost += lost;
    }

    pub fn share(&self) -> f64 {
        self.share
    }

    pub fn is_limiting(&self) -> bool {
        self.limit.is_some()
    }

    /// What was lost long ago says nothing of now.
    pub fn forget(&mut self) {
        (self.limit, self.before) = (None, None);
        (self.told, self.lost) = (0, 0);
    }

    /// A probe went through.
    pub fn probed(&mut self, bps: u64) {
        if let Some(limit) = &mut self.limit {
            *limit = limit.max(bps as f64);
        }
    }

    pub fn update(&mut self, now: Instant, target: u64, signals: &Signals) -> u64 {
        let least = if signals.competes { COMPETING_INTERVAL } else { MIN_INTERVAL };
        let interval = least.max(signals.round_trip);
        let last = *self.last_update.get_or_insert(now);
        let elapsed = now.saturating_duration_since(last);
        if self.told >= MIN_PACKETS && elapsed >= interval {
            let lost = self.lost.max(0) as f64;
            let sample = lost / self.told as f64;
            self.share = if self.told > 200 { sample } else { 0.6 * self.share + 0.4 * sample };
            (self.told, self.lost, self.last_update) = (0, 0, Some(now));
            if signals.competes && sample > NOTICED {
                self.limit = Some(target as f64 * YIELD);
            } else {
                self.judge(now, sample, elapsed, target as f64, signals.arrived);
            }
        }
        self.limit.map_or(u64::MAX, |limit| limit as u64)
    }

    fn judge(&mut self, now: Instant, sample: f64, elapsed: Duration, target: f64, arrived: Option<u64>) {
        if self.inherent.is_some_and(|(_, since)| now.saturating_duration_since(since) > BELIEVED) {
            self.inherent = None;
        }
        let share = self.share.min(sample);
        let own = self.inherent.map_or(0.0, |(own, _)| own);
        if share > MUCH && share > own * 1.5 {
            let limit = self.limit.unwrap_or(target).min(target);
            if let Some((rate, loss, at)) = self.before
                && now.saturating_duration_since(at) < BELIEVED
                && limit < rate * 0.9
                && self.share > loss * UNCHANGED
            {
                // Less was sent and as much is lost: the path loses by itself.
                (self.inherent, self.before) = (Some((self.share, now)), None);
                return;
            }
            if self.before.is_none_or(|(_, _, at)| now.saturating_duration_since(at) >= BELIEVED) {
                self.before = Some((limit, self.share, now));
            }
            let lowest = arrived.map_or(0.0, |arrived| arrived as f64 * FLOOR);
            self.limit = Some((limit * (1.0 - 0.5 * share)).max(lowest.min(limit)));
        } else if share < LITTLE || share <= own * 1.5 {
            // Growth is bounded by the delay-based target; a limit well above it limits nothing.
            let grown = self.limit.map(|limit| limit * GROWTH.powf(elapsed.as_secs_f64().min(1.0)));
            self.limit = grown.filter(|grown| *grown < target * 1.2);
        }
    }
}
