//! Quantiles of durations in constant memory: logarithmic buckets with 32 steps per power of two (3 % error).

use std::time::Duration;

const STEP_BITS: u32 = 5;
const STEPS: usize = 1 << STEP_BITS;
/// Up to 2^36 µs (19 hours).
const BUCKETS: usize = STEPS * 33;

#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max_us: 0 }
    }
}

impl Histogram {
    pub fn record(&mut self, value: Duration) {
        self.record_us(u64::try_from(value.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn record_us(&mut self, us: u64) {
        if let Some(bucket) = self.buckets.get_mut(bucket_of(us)) {
            *bucket += 1;
        }
        self.count += 1;
        self.max_us = self.max_us.max(us);
    }

    /// Takes in all records of another one.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max_us = self.max_us.max(other.max_us);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value below which a share `q` of the records lies, in milliseconds; `None` without records.
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        let rank = ((self.count as f64 * q).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let at = self.buckets.iter().position(|bucket| {
            seen += bucket;
            seen >= rank
        })?;
        Some(upper_edge_us(at).min(self.max_us) as f64 / 1000.0)
    }
}

fn bucket_of(us: u64) -> usize {
    if us < STEPS as u64 {
        return us as usize;
    }
    let shift = us.ilog2() - STEP_BITS;
    let at = (shift as usize + 1) * STEPS + ((us >> shift) as usize - STEPS);
    at.min(BUCKETS - 1)
}

fn upper_edge_us(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    (((bucket % STEPS + STEPS) as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_the_step_width() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ms(0.5), None);
        (1..=10_000).for_each(|us| histogram.record_us(us));
        for (q, expected) in [(0.5, 5.0), (0.99, 9.9), (1.0, 10.0)] {
            let got = histogram.quantile_ms(q).unwrap();
            assert!((got / expected - 1.0).abs() < 0.04, "{q}: {got}");
        }
    }

    #[test]
    fn merged_histograms_answer_as_one() {
        let (mut low, mut high, mut both) = <(Histogram, Histogram, Histogram)>::default();
        (1..=100).for_each(|us| low.record_us(us));
        (5_000..5_300).for_each(|us| high.record_us(us));
        (1..=100).chain(5_000..5_300).for_each(|us| both.record_us(us));
        low.merge(&high);
        assert_eq!(low.count(), 400);
        for q in [0.1, 0.25, 0.5, 0.99, 1.0] {
            assert_eq!(low.quantile_ms(q), both.quantile_ms(q), "{q}");
        }
    }

    #[test]
    fn edges_belong_to_their_buckets_over_the_whole_range() {
        for us in (0..20).map(|n| 1u64 << n).chain([0, 31, 32, 33, 63, 64, 65, 1000, 1 << 35]) {
            let bucket = bucket_of(us);
            assert!(upper_edge_us(bucket) >= us, "{us}");
            assert!(bucket == 0 || upper_edge_us(bucket - 1) < us, "{us}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }
}
