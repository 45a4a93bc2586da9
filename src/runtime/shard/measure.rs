//! What a shard knows of its own work.

use std::time::{Duration, Instant};

use crate::runtime::stats::HistogramData;

pub(super) const FORWARD_BOUNDS: [f64; 11] =
    [0.000_1, 0.000_25, 0.000_5, 0.000_75, 0.001, 0.001_2, 0.001_5, 0.002, 0.003, 0.005, 0.01];
pub(super) const LOOP_BOUNDS: [f64; 9] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05];

/// Over how long the share is measured.
const BUSY_WINDOW: Duration = Duration::from_millis(100);

/// What a shard counts of its socket and its loop.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub packets_in: u64,
    pub bytes_in: u64,
    pub packets_out: u64,
    pub bytes_out: u64,
    pub sends: u64,
    pub room_panics: u64,
    pub forward: Histogram<{ FORWARD_BOUNDS.len() + 1 }>,
    pub loops: Histogram<{ LOOP_BOUNDS.len() + 1 }>,
}

/// `N` = bounds + 1: the last slot is for everything slower.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    counts: [u64; N],
    sum: f64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { counts: [0; N], sum: 0.0 }
    }
}

impl<const N: usize> Histogram<N> {
    pub fn record(&mut self, bounds: &[f64], took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = bounds.iter().position(|bound| seconds <= *bound).unwrap_or(bounds.len());
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += seconds;
    }

    pub fn data(&self, bounds: &'static [f64]) -> HistogramData {
        HistogramData { bounds, counts: self.counts.to_vec(), sum: self.sum }
    }
}

/// Which share of its time the shard works.
pub(super) struct Load {
    pub share: f64,
    since: Instant,
    worked: Duration,
}

impl Load {
    pub fn new(now: Instant) -> Self {
        Self { share: 0.0, since: now, worked: Duration::ZERO }
    }

    pub fn worked(&mut self, from: Instant, until: Instant) {
        self.worked += until.saturating_duration_since(from);
        let window = until.saturating_duration_since(self.since);
        if window >= BUSY_WINDOW {
            self.share = self.worked.as_secs_f64() / window.as_secs_f64();
            (self.since, self.worked) = (until, Duration::ZERO);
        }
    }
}
