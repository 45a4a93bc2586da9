//! How much one path carries: a sender-side estimate from transport-wide feedback.
//!
//! Google congestion control as published (draft-ietf-rmcat-gcc-02; Carlucci et al., "Analysis and Design of the
//! Google Congestion Control for WebRTC", 2016) with a trend line instead of the Kalman filter, and what an SFU
//! needs beyond it: layers make the traffic application-limited most of the time, so growth comes from probes.
//! Receivers without transport-wide feedback say REMB instead.

mod competition;
mod delay;
mod loss;
mod outstanding;
mod probe;
mod rate;
mod throughput;

use std::time::{Duration, Instant};

pub use self::probe::Cluster;
use self::{
    competition::Competition,
    delay::{DelayDetector, Usage},
    loss::LossControl,
    outstanding::Outstanding,
    probe::ProbeResults,
    rate::{RateControl, Signals},
    throughput::Throughput,
};
use crate::proto::twcc::report::{ArrivalReport, REFERENCE_TICK};

/// Before anything is known: the two lower layers of a camera. Twice that floods a slow phone for its first second.
pub const START_BPS: u64 = 1_000_000;
/// One voice and the smallest picture.
pub const MIN_BPS: u64 = 60_000;
/// More than a room of full pictures.
pub const MAX_BPS: u64 = 200_000_000;
/// A path that reports nothing for so long carries nothing.
const SILENCE: Duration = Duration::from_secs(2);
/// The least delay is forgotten after one to two of these, since clocks drift and routes change.
const BASE_WINDOW: Duration = Duration::from_secs(15);

/// What is known of a path.
#[derive(Debug)]
pub struct Estimator {
    epoch: Instant,
    /// Of the newest packet, also in µs since the epoch.
    last_sent: (Instant, i64),
    outstanding: Outstanding,
    delay: DelayDetector,
    rate: RateControl,
    loss: LossControl,
    probes: ProbeResults,
    /// What was sent before then stands in the queue of a probe. In µs since the epoch.
    disturbed_until: i64,
    arrived: Throughput,
    sent: Throughput,
    base: BaseDelay,
    competition: Competition,
    /// Of the newest packet that arrived.
    queue_delay: Duration,
    /// The same, one report before.
    queue_before: Duration,
    /// Reports in a row whose queue had grown.
    growing: u32,
    rtt: Option<Duration>,
    /// Unwrapped reference time of the last report.
    reference: Option<i64>,
    last_report: Option<Instant>,
    /// Silence was answered up to here.
    decayed: Option<Instant>,
    remb: Option<u64>,
    estimate: u64,
}

impl Estimator {
    pub fn new(now: Instant, start_bps: u64) -> Self {
        Self {
            epoch: now,
            last_sent: (now, 0),
            outstanding: Outstanding::default(),
            delay: DelayDetector::default(),
            rate: RateControl::new(now, start_bps),
            loss: LossControl::default(),
            probes: ProbeResults::default(),
            disturbed_until: 0,
            arrived: Throughput::default(),
            sent: Throughput::default(),
            base: BaseDelay::default(),
            competition: Competition::default(),
            queue_delay: Duration::ZERO,
            queue_before: Duration::ZERO,
            growing: 0,
            rtt: None,
            reference: None,
            last_report: None,
            decayed: None,
            remb: None,
            estimate: start_bps,
        }
    }

    /// The transport-wide sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.outstanding.next_sequence()
    }

    /// The packet with `next_sequence` was sent.
    pub fn sent(&mut self, now: Instant, bytes: usize, cluster: Cluster) {
        // Packets of one flush share their time, and dividing it costs more than all the rest.
        let (last, mut at) = self.last_sent;
        if last != now {
            at = self.micros(now);
            self.last_sent = (now, at);
            if self.decayed.is_none() {
                self.decayed = Some(now);
            }
        }
        self.outstanding.push(at, bytes, cluster);
        self.sent.add(at, bytes);
    }

    /// The packet with this transport-wide number was sent once more as it was.
    pub fn repeated(&mut self, sequence: u16) {
        self.outstanding.repeated(sequence);
    }

    /// Takes a report. Returns how many packets it told of for the first time.
    pub fn report(&mut self, now: Instant, report: &ArrivalReport<'_>) -> usize {
        let Some(packets) = report.packets() else { return 0 };
        let reference = self.unwrap_reference(report.reference);
        let now_us = self.micros(now);
        let (mut told, mut lost) = (0, 0);
        let mut newest = None;
        let queue_before = self.queue_delay;
        self.base.turn(now);
        let (mut queued_us, mut shortest_us) = (None, i64::MAX);
        for (sequence, arrival) in packets {
            let Some(packet) = self.outstanding.settle(sequence, now_us, arrival.is_some()) else { continue };
            // A packet that was reported lost and came late is no news but for the books of loss.
            if packet.revived {
                lost -= 1;
                continue;
            }
            told += 1;
            let Some(arrival) = arrival else {
                lost += 1;
                continue;
            };
            let arrived = reference + arrival;
            self.arrived.add(arrived, packet.bytes);
            // A repair under its old number looks like a packet that waited for a round trip.
            if packet.repeated {
                continue;
            }
            // A probe fills a queue on purpose. That says what the path carries, not that too much is sent.
            if packet.cluster != Cluster::NONE {
                self.disturbed_until = packet.sent + PROBE_DRAINS;
            }
            if packet.sent > self.disturbed_until {
                self.delay.packet(packet.sent, arrived);
            }
            self.probes.packet(&packet, arrived);
            let queued = self.base.queued(arrived - packet.sent);
            (queued_us, shortest_us) = (Some(queued), shortest_us.min(queued));
            newest = Some(packet.sent);
        }
        if let Some(queued) = queued_us {
            self.queue_delay = micros_long(queued);
            self.competition.report(now, micros_long(shortest_us), self.rate.is_yielding());
        }
        if let Some(sent) = newest {
            self.rtt = u64::try_from(now_us - sent).ok().map(Duration::from_micros);
        }
        if told == 0 && lost == 0 {
            return 0;
        }
        (self.last_report, self.decayed) = (Some(now), Some(now));
        self.queue_before = queue_before;
        self.growing = if self.has_grown() { self.growing + 1 } else { 0 };
        self.loss.count(told, lost);
        self.update(now);
        told
    }

    fn update(&mut self, now: Instant) {
        let competes = self.competition.is_active();
        let grows = self.growing >= GROWING;
        let usage = match self.delay.usage() {
            _ if competes => Usage::Normal,
            _ if grows => Usage::Over,
            usage => usage,
        };
        if let Some(measured) = self.probes.take()
            && usage != Usage::Over
        {
            self.rate.probed(now, measured);
            self.loss.probed(measured.bps);
        }
        let queued = self.queue_delay > NOTABLE_QUEUE;
        let arrived = self.arrived.rate_bps();
        let signals = Signals {
            usage,
            arrived: if grows { arrived.min(self.arrived.recent_bps()) } else { arrived },
            sent: self.sent.rate_bps(),
            round_trip: self.rtt.unwrap_or(Duration::from_millis(100)),
            competes,
            queued,
            grows,
        };
        let delay_based = self.rate.update(now, &signals);
        let loss_based = self.loss.update(now, delay_based, &signals);
        self.estimate = delay_based.min(loss_based).clamp(MIN_BPS, MAX_BPS);
        self.rate.cap(self.estimate);
    }

    /// Receivers that know no transport-wide feedback estimate themselves.
    pub fn remb(&mut self, bps: u64) {
        self.remb = Some(bps.clamp(MIN_BPS, MAX_BPS));
    }

    /// Longer than bursts explain, and longer than a moment ago.
    fn has_grown(&self) -> bool {
        self.queue_delay > NOTABLE_QUEUE && self.queue_delay > self.queue_before + GROWS
    }

    /// Notices silence. Call it a few times a second.
    pub fn tick(&mut self, now: Instant) {
        let last = self.last_report.unwrap_or(now);
        if now.saturating_duration_since(last) > STALE.max(self.queue_delay * 2) {
            // Whatever waited has gone; with nothing sent, nobody would ever say so.
            (self.queue_delay, self.queue_before, self.growing) = (Duration::ZERO, Duration::ZERO, 0);
            self.delay = DelayDetector::default();
            self.loss.forget();
        }
        let in_flight = self.outstanding.newest_unsettled().is_some();
        let Some(since) = self.decayed.filter(|_| in_flight && self.last_report.is_some()) else { return };
        if now.saturating_duration_since(since) >= SILENCE {
            self.decayed = Some(now);
            self.rate.halve();
            self.estimate = self.rate.target();
        }
    }

    /// Bits per second that the path should carry.
    pub fn bps(&self) -> u64 {
        match (self.last_report, self.remb) {
            (None, Some(remb)) => remb,
            _ => self.estimate,
        }
    }

    /// What to send now: less than the path carries while an own queue has to drain.
    pub fn usable_bps(&self) -> u64 {
        if self.last_report.is_some() && !self.competition.is_active() && self.queue_delay > LONG_QUEUE {
            self.bps() / 2
        } else {
            self.bps()
        }
    }

    /// Whether anything is known. Without feedback the estimate is a guess that must not pause anybody.
    pub fn is_informed(&self) -> bool {
        self.last_report.is_some() || self.remb.is_some()
    }

    /// Whether the path has shown a limit: until then an estimate only says what was tried.
    pub fn is_limited(&self) -> bool {
        (self.last_report.is_none() && self.remb.is_some())
            || self.rate.has_decreased()
            || self.loss.is_limiting()
    }

    /// Whether more could be tried: no queue grows and little is lost.
    pub fn may_probe(&self) -> bool {
        self.delay.usage() == Usage::Normal
            && self.last_report.is_some()
            && !self.loss.is_limiting()
            && self.queue_delay < NOTABLE_QUEUE
    }

    /// How much longer than at best the newest packet took.
    pub fn queue_delay(&self) -> Duration {
        self.queue_delay
    }

    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Share of packets lost lately, 0 to 1.
    pub fn loss(&self) -> f64 {
        self.loss.share()
    }

    /// Starts a group of packets whose arrival is to be measured.
    pub fn start_cluster(&mut self) -> Cluster {
        self.probes.start()
    }

    fn micros(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.epoch).as_micros()).unwrap_or(i64::MAX)
    }

    /// The receiver's reference times wrap after twelve days.
    fn unwrap_reference(&mut self, wire: u32) -> i64 {
        let unwrapped = match self.reference {
            None => i64::from(wire),
            Some(last) => {
                let difference = (i64::from(wire) - last).rem_euclid(1 << 24);
                last + if difference < 1 << 23 { difference } else { difference - (1 << 24) }
            }
        };
        self.reference = Some(unwrapped);
        unwrapped * i64::try_from(REFERENCE_TICK.as_micros()).unwrap_or(64_000)
    }
}

/// A queue that is more than bursts: a probe would measure it, and less arrives than the path carries.
const NOTABLE_QUEUE: Duration = Duration::from_millis(100);

/// Between two reports; less is noise.
const GROWS: Duration = Duration::from_millis(10);
/// A queue that was longer in so many reports than in the one before is overuse: no need to wait for the trend, which
/// sees few groups while a path that has become slow delivers few. One report alone may be of a receiver that was busy.
const GROWING: u32 = 2;
/// How long the queue of a probe takes to drain, in µs: it holds some 40 ms, and media goes on.
const PROBE_DRAINS: i64 = 150_000;
/// Without a report for so long, the last one says nothing of now.
const STALE: Duration = Duration::from_secs(1);

/// A queue that talk suffers from; at the usual back-off it would take seconds to drain.
const LONG_QUEUE: Duration = Duration::from_millis(200);

/// The least one-way delay of late; clocks of both ends differ, so only differences mean something.
#[derive(Debug, Default)]
struct BaseDelay {
    current: Option<i64>,
    previous: Option<i64>,
    since: Option<Instant>,
}

impl BaseDelay {
    /// Forgets what was long ago. To be called before the packets of a report.
    fn turn(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= BASE_WINDOW {
            self.previous = self.current.take();
            self.since = Some(now);
        }
    }

    /// µs that a packet took longer than the fastest.
    fn queued(&mut self, one_way_us: i64) -> i64 {
        let current = self.current.map_or(one_way_us, |least| least.min(one_way_us));
        self.current = Some(current);
        let least = self.previous.map_or(current, |least| least.min(current));
        one_way_us - least
    }
}

/// Nothing if negative.
fn micros_long(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

#[cfg(test)]
mod tests;
