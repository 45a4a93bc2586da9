//! Bits per second over the last while, by the time stamps of the packets.

use std::ops::Range;

const BUCKETS: usize = 8;
const BUCKET_US: i64 = 50_000;
/// Buckets that span a few frames at least.
const RECENT: i64 = 3;

/// Bytes in buckets of 50 ms.
#[derive(Debug, Default)]
pub struct Throughput {
    buckets: [u32; BUCKETS],
    /// Number of the newest bucket.
    newest: Option<i64>,
    first: i64,
    /// The time of the newest bucket, and what came in it but is not in its place yet: most packets need no more.
    current: Range<i64>,
    pending: u64,
}

impl Throughput {
    pub fn add(&mut self, at_us: i64, bytes: usize) {
        if self.current.contains(&at_us) {
            self.pending = self.pending.saturating_add(bytes as u64);
            return;
        }
        self.settle();
        let bucket = at_us.div_euclid(BUCKET_US);
        let newest = match self.newest {
            None => {
                self.first = bucket;
                bucket
            }
            // A long silence is not a low rate: begin anew.
            Some(newest) if bucket - newest > 4 * BUCKETS as i64 => {
                (self.buckets, self.first) = ([0; BUCKETS], bucket);
                bucket
            }
            Some(newest) => newest,
        };
        for skipped in newest + 1..=bucket {
            if let Some(place) = self.buckets.get_mut(index(skipped)) {
                *place = 0;
            }
        }
        self.newest = Some(newest.max(bucket));
        if bucket >= newest {
            self.current = bucket * BUCKET_US..(bucket + 1) * BUCKET_US;
        }
        if newest.max(bucket) - bucket < BUCKETS as i64
            && let Some(place) = self.buckets.get_mut(index(bucket))
        {
            *place = place.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Over the complete buckets; `None` until there are enough of them.
    pub fn rate_bps(&self) -> Option<u64> {
        self.over(BUCKETS as i64 - 1)
    }

    /// Over the last moments only: follows a path that has just become slow.
    pub fn recent_bps(&self) -> Option<u64> {
        self.over(RECENT)
    }

    fn settle(&mut self) {
        let pending = u32::try_from(std::mem::take(&mut self.pending)).unwrap_or(u32::MAX);
        if let Some(place) = self.newest.and_then(|newest| self.buckets.get_mut(index(newest))) {
            *place = place.saturating_add(pending);
        }
    }

    fn over(&self, buckets: i64) -> Option<u64> {
        let newest = self.newest?;
        let complete = (newest - self.first).min(buckets);
        if complete < RECENT {
            return None;
        }
        let bytes: u64 = (newest - complete..newest)
            .filter_map(|bucket| self.buckets.get(index(bucket)))
            .map(|bytes| u64::from(*bytes))
            .sum();
        let micros = u64::try_from(complete * BUCKET_US).ok()?;
        Some(bytes * 8 * 1_000_000 / micros)
    }
}

fn index(bucket: i64) -> usize {
    usize::try_from(bucket.rem_euclid(BUCKETS as i64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_seen_and_an_old_one_forgotten() {
        let mut throughput = Throughput::default();
        assert_eq!(throughput.rate_bps(), None);
        for millisecond in 0..1_000 {
            throughput.add(millisecond * 1_000, 125);
        }
        assert_eq!(throughput.rate_bps(), Some(1_000_000));
        for millisecond in 1_000..1_500 {
            throughput.add(millisecond * 1_000, 25);
        }
        assert_eq!(throughput.rate_bps(), Some(200_000));
        throughput.add(60_000_000, 25);
        assert_eq!(throughput.rate_bps(), None, "after a silence it begins anew");
    }

    #[test]
    fn late_packets_count_where_they_belong() {
        let mut throughput = Throughput::default();
        for millisecond in (0..350).rev() {
            throughput.add(millisecond * 1_000, 125);
        }
        throughput.add(350_000, 125);
        assert_eq!(throughput.rate_bps(), None, "what came first was the newest");
        for millisecond in 350..800 {
            throughput.add(millisecond * 1_000 - if millisecond % 7 == 0 { 60_000 } else { 0 }, 125);
        }
        let rate = throughput.rate_bps().unwrap();
        assert!((900_000..1_100_000).contains(&rate), "{rate}");
    }
}
