//! The delay-based target: additive or multiplicative increase, multiplicative decrease.

use std::time::{Duration, Instant};

use super::{MAX_BPS, MIN_BPS, delay::Usage, probe::Measured};

/// Of what arrives, after overuse: leaves room for the queue to drain.
const BACK_OFF: f64 = 0.85;
/// What is left after one decrease at least, unless the queue grows and grows: what arrives in a moment may be little for
/// many reasons, and the next decrease is near.
const MOST: f64 = 0.4;
/// Growth per second while the capacity is unknown.
const GROWTH: f64 = 1.08;
/// Of the capacity: between these the path is known, and growth is by packets instead of shares.
const NEAR: f64 = 0.9;
const FAR: f64 = 1.1;
/// An estimate may be so far above what was proven to arrive.
const UNPROVEN: f64 = 1.5;
/// The same beside a flow that fills the queue, where no probe can prove anything: room for the next layer.
const UNPROVEN_COMPETING: f64 = 2.0;
/// Of what arrives: a rate over half a second is a little more or less than what the path was asked for.
const ARRIVES: f64 = 0.95;
/// The least distance of two decreases: the effect of the first has to show.
const DECREASE_GAP: Duration = Duration::from_millis(100);
/// How long a probe that found the path full is believed. Probes come every few seconds while more is wanted.
const FULL_FOR: Duration = Duration::from_secs(10);
/// How much one sample moves the known capacity.
const CAPACITY_GAIN: f64 = 0.2;
/// Bits of one packet.
const PACKET_BITS: f64 = 9_600.0;

/// What a report tells.
#[derive(Debug, Clone, Copy)]
pub struct Signals {
    pub usage: Usage,
    /// Bits per second of late.
    pub arrived: Option<u64>,
    pub sent: Option<u64>,
    pub round_trip: Duration,
    /// Somebody else keeps the queue full.
    pub competes: bool,
    /// Packets wait on the path.
    pub queued: bool,
    /// More and more of them, for several reports.
    pub grows: bool,
}

#[derive(Debug)]
pub struct RateControl {
    target: f64,
    /// What arrived when a queue grew, smoothed.
    capacity: Option<f64>,
    /// What a probe found the path to be full at, and when. Without proof the target does not grow beyond.
    full_at: Option<(f64, Instant)>,
    hold: bool,
    last_update: Instant,
    last_decrease: Option<Instant>,
}

impl RateControl {
    pub fn new(now: Instant, start_bps: u64) -> Self {
        Self {
            target: float(start_bps),
            capacity: None,
            full_at: None,
            hold: false,
            last_update: now,
            last_decrease: None,
        }
    }

    pub fn target(&self) -> u64 {
        whole(self.target)
    }

    pub fn has_decreased(&self) -> bool {
        self.last_decrease.is_some()
    }

    /// Whether less is sent than the path carried when a queue grew.
    pub fn is_yielding(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.target < capacity * NEAR)
    }

    pub fn update(&mut self, now: Instant, signals: &Signals) -> u64 {
        let elapsed = now.saturating_duration_since(self.last_update).min(Duration::from_secs(1));
        self.last_update = now;
        match signals.usage {
            Usage::Over => self.decrease(now, signals),
            Usage::Under => self.hold = true,
            // One report without a trend after a decrease: let the queue drain first.
            Usage::Normal if self.hold => self.hold = false,
            Usage::Normal => self.increase(now, elapsed, signals),
        }
        self.target = self.target.clamp(float(MIN_BPS), float(MAX_BPS));
        self.target()
    }

    fn decrease(&mut self, now: Instant, signals: &Signals) {
        self.hold = true;
        let gap = DECREASE_GAP + signals.round_trip.min(Duration::from_millis(300));
        if self.last_decrease.is_some_and(|last| now.saturating_duration_since(last) < gap) {
            return;
        }
        self.last_decrease = Some(now);
        let Some(arrived) = signals.arrived.map(float) else {
            self.target *= BACK_OFF;
            return;
        };
        let piles_up = signals.sent.is_some_and(|sent| arrived < 0.95 * float(sent));
        let mut lower = arrived * BACK_OFF;
        if piles_up || signals.queued || arrived > NEAR * self.target {
            let known = self.capacity.unwrap_or(arrived);
            self.capacity = Some(known + CAPACITY_GAIN * (arrived - known));
        } else {
            // Everything that was sent arrives, and that is little: the delay comes from elsewhere, or from a burst.
            lower = lower.max(self.target * BACK_OFF);
        }
        let least = if signals.grows { 0.0 } else { self.target * MOST };
        self.target = self.target.min(lower.max(least));
    }

    fn increase(&mut self, now: Instant, elapsed: Duration, signals: &Signals) {
        let seconds = elapsed.as_secs_f64();
        if self.capacity.is_some_and(|capacity| self.target > capacity * FAR) {
            self.capacity = None;
        }
        let near = self.capacity.is_some_and(|capacity| self.target > capacity * NEAR);
        let grown = if near || signals.competes {
            let response = signals.round_trip + Duration::from_millis(100);
            self.target + (PACKET_BITS / response.as_secs_f64()).max(4_000.0) * seconds
        } else {
            self.target * GROWTH.powf(seconds) + 1_000.0 * seconds
        };
        let unproven = if signals.competes { UNPROVEN_COMPETING } else { UNPROVEN };
        let proven = signals.arrived.map_or(f64::MAX, |arrived| float(arrived) * unproven + 10_000.0);
        let full = self.full_at.filter(|(_, at)| now.saturating_duration_since(*at) < FULL_FOR);
        // Beside a flow that fills the queue, a probe gets its share of it and not what there is to have.
        let full = full.filter(|_| !signals.competes).map_or(f64::MAX, |(bps, _)| bps);
        self.target = self.target.max(grown.min(proven).min(full));
        // What arrives without a queue is carried, whatever was believed: a stream that cannot be made smaller is sent
        // although the estimate is below it.
        if let Some(arrived) = signals.arrived.filter(|_| !signals.queued && !signals.competes) {
            self.target = self.target.max(float(arrived) * ARRIVES);
        }
    }

    /// A probe measured this much.
    pub fn probed(&mut self, now: Instant, probe: Measured) {
        let measured = float(probe.bps);
        self.full_at = probe.full.then_some((measured, now));
        if measured > self.target {
            if self.capacity.is_some_and(|capacity| measured > capacity * FAR) {
                self.capacity = None;
            }
            self.target = measured.min(float(MAX_BPS));
        }
    }

    /// Another judge allows no more.
    pub fn cap(&mut self, bps: u64) {
        self.target = self.target.min(float(bps));
    }

    pub fn halve(&mut self) {
        self.target = (self.target / 2.0).max(float(MIN_BPS));
        self.capacity = None;
    }
}

fn float(bps: u64) -> f64 {
    bps as f64
}

fn whole(bps: f64) -> u64 {
    bps as u64
}
