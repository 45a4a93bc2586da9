//! Counters of the rooms of one shard. Plain numbers: one thread writes, a copy is handed out.

use std::time::{Duration, Instant};

use crate::{base::quality::Quality, transport::session::DropReason};

/// Upper bounds of the join-time histogram, in seconds.
pub const JOIN_BOUNDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Of the quality score.
pub const SCORE_BOUNDS: [f64; 8] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0];
/// Of the share of packets that never came.
pub const LOSS_BOUNDS: [f64; 8] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];
/// Of round trips, in seconds.
pub const RTT_BOUNDS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0];

/// Values by bound, with one more slot for everything above.
#[derive(Debug, Clone)]
pub struct Tally<const SLOTS: usize> {
    pub counts: [u64; SLOTS],
    pub sum: f64,
}

impl<const SLOTS: usize> Default for Tally<SLOTS> {
    fn default() -> Self {
        Self { counts: [0; SLOTS], sum: 0.0 }
    }
}

impl<const SLOTS: usize> Tally<SLOTS> {
    fn record(&mut self, bounds: &[f64], value: f64) {
        let bucket = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
    }
}

#[derive(Debug, Default, Clone)]
pub struct RoomStats {
    pub rtp_received: u64,
    pub rtp_forwarded: u64,
    pub nacks_received: u64,
    pub nacks_sent: u64,
    pub rtx_received: u64,
    pub rtx_sent: u64,
    pub plis_received: u64,
    pub plis_sent: u64,
    /// RTP packets that came from other shards, and went to them.
    pub relay_received: u64,
    pub relay_sent: u64,
    /// Transport-wide feedback of subscribers.
    pub arrival_reports: u64,
    pub probe_packets_sent: u64,
    /// Pictures that got a better or worse layer because of a subscriber's bandwidth.
    pub shares_raised: u64,
    pub shares_lowered: u64,
    pub drops: [u64; DropReason::ALL.len()],
    /// One more than the bounds, for everything slower.
    pub join_counts: [u64; JOIN_BOUNDS.len() + 1],
    pub join_sum: f64,
    /// Of participants, one value each every five seconds.
    pub quality_score: Tally<{ SCORE_BOUNDS.len() + 1 }>,
    pub quality_loss: Tally<{ LOSS_BOUNDS.len() + 1 }>,
    pub quality_rtt: Tally<{ RTT_BOUNDS.len() + 1 }>,
    /// When the packet came that waited longest of those flushed since the shard last looked.
    pub oldest_flushed: Option<Instant>,
}

impl RoomStats {
    pub fn drop(&mut self, reason: DropReason) {
        self.drop_many(reason, 1);
    }

    pub fn drop_many(&mut self, reason: DropReason, count: u64) {
        if let Some(slot) = self.drops.get_mut(reason as usize) {
            *slot += count;
        }
    }

    pub fn quality(&mut self, quality: &Quality) {
        self.quality_score.record(&SCORE_BOUNDS, quality.score.into());
        self.quality_loss.record(&LOSS_BOUNDS, quality.loss.into());
        if let Some(rtt) = quality.rtt_ms {
            self.quality_rtt.record(&RTT_BOUNDS, f64::from(rtt) / 1_000.0);
        }
    }

    pub fn joined(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = JOIN_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(JOIN_BOUNDS.len());
        if let Some(count) = self.join_counts.get_mut(bucket) {
            *count += 1;
        }
        self.join_sum += seconds;
    }
}
