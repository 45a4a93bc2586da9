//! The receiving side of one encoding: order, loss, jitter, bitrate (RFC 3550 6.4.1 and appendix A).

use std::time::{Duration, Instant};

use rtc_rtcp::reception_report::ReceptionReport;

use super::{
    clock::{SourceClock, SteadyClock, compact},
    nack::{Manner, NackGenerator},
};
use crate::{base::seq::SeqExtender, proto::rtp::Header};

/// A jump beyond this is a restarted sender, not loss (RFC 3550 A.1 MAX_DROPOUT).
const MAX_GAP: u64 = 3_000;
/// An encoding without packets for this long is not a layer anybody can be served from.
const ALIVE_FOR: Duration = Duration::from_millis(1_500);
/// A layer this far behind its siblings has stopped: senders pause upper layers at once when bandwidth or processor
/// run short, and the viewer is better off with a smaller picture than with a frozen one.
const STALLED_AFTER: Duration = Duration::from_millis(100);
/// Layers of a low frame rate (screens) get as many of their own frame intervals as patience.
const STALLED_FRAMES: u32 = 4;
/// A frame whose end has not come this long after its last packet has probably lost it. Without this, the loss
/// shows only with the next frame, and the repair comes too late for pictures of the upper temporal layers.
const TAIL_WAIT: Duration = Duration::from_millis(10);
/// Packets of a frame that are no further apart than this come in a burst.
const BURST_GAP: Duration = Duration::from_millis(1);
/// Of 256: the share of packets with a close successor from which on it pays to wait for the successor.
const BURST_SHARE: u32 = 64;
const BITRATE_WINDOW: Duration = Duration::from_secs(1);

/// How a packet fits into its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub sequence: u64,
    /// The stream cannot be repaired from here: a keyframe is needed.
    pub broken: bool,
    /// Packets are missing before this one: `poll_nack` has something to ask after `nack::REORDER_WAIT`.
    pub gap: bool,
}

/// Packets of a stream since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub expected: u64,
    /// Retransmissions included.
    pub received: u64,
    pub repaired: u64,
}

#[derive(Debug)]
pub struct Ingest {
    clock_rate: u32,
    /// Pictures of several packets, whose end is marked.
    video: bool,
    nack: NackGenerator,
    repairs: Repairs,
    extender: SeqExtender,
    first: u64,
    received: u64,
    /// Of them, those that came by retransmission only.
    repaired: u64,
    expected_prior: u64,
    received_prior: u64,
    /// RFC 3550 A.8, in timestamp units × 16.
    jitter: u32,
    last_transit: Option<u32>,
    epoch: Instant,
    last_packet: Option<Instant>,
    /// Frames of other layers since then.
    overtaken: u32,
    /// When the newest packet came, while it is not the last of its frame.
    open_frame: Option<Instant>,
    last_frame: Option<Instant>,
    /// Of 256, smoothed over 16 packets: how many inside a frame follow the one before closely.
    close: u32,
    /// Smoothed distance of frames (markers).
    frame_interval: Duration,
    clock: SteadyClock,
    window_start: Instant,
    window_bytes: u64,
    bitrate_bps: u64,
}

impl Ingest {
    pub fn new(now: Instant, clock_rate: u32, video: bool) -> Self {
        Self {
            clock_rate,
            video,
            nack: NackGenerator::new(video),
            repairs: Repairs::default(),
            extender: SeqExtender::default(),
            first: 0,
            received: 0,
            repaired: 0,
            expected_prior: 0,
            received_prior: 0,
            jitter: 0,
            last_transit: None,
            epoch: now,
            last_packet: None,
            overtaken: 0,
            open_frame: None,
            last_frame: None,
            close: 256,
            frame_interval: Duration::ZERO,
            clock: SteadyClock::default(),
            window_start: now,
            window_bytes: 0,
            bitrate_bps: 0,
        }
    }

    /// A packet of the primary stream.
    pub fn arrived(&mut self, now: Instant, header: &Header, size: usize) -> Arrival {
        let previous = self.extender.highest();
        let extended = self.extender.extend(header.sequence);
        self.follow_frame(now, extended, header.marker);
        self.came(now);
        self.count(now, size);
        self.received += 1;
        self.measure_jitter(now, header.timestamp);
        let (mut broken, mut gap) = (false, false);
        match previous {
            None => self.first = extended,
            Some(highest) if extended > highest + 1 => {
                gap = true;
                broken = if extended - highest > MAX_GAP {
                    self.nack = NackGenerator::new(self.video);
                    true
                } else {
                    !self.nack.skipped(now, highest + 1, extended)
                };
            }
            Some(highest) => {
                let since = self.nack.arrived(extended);
                // Audio is repaired by the packet itself. Pictures are not: here it was only late.
                if let Some(since) = since.filter(|_| extended < highest && !self.video) {
                    self.repairs.took(now, now.saturating_duration_since(since));
                }
            }
        }
        Arrival { sequence: extended, broken, gap }
    }

    /// A packet that came by retransmission. `None` if nobody asked for it.
    pub fn repaired(&mut self, now: Instant, sequence: u16, marker: bool, size: usize) -> Option<u64> {
        let extended = self.extender.peek(sequence)?;
        let since = self.nack.arrived(extended)?;
        self.repairs.took(now, now.saturating_duration_since(since));
        // It may be the lost end of the newest frame. Else it says nothing of whether the sender goes on.
        if self.extender.highest().is_some_and(|highest| extended > highest) {
            self.came(now);
        }
        self.extender.extend(sequence);
        self.follow_frame(now, extended, marker);
        self.count(now, size);
        self.received += 1;
        self.repaired += 1;
        Some(extended)
    }

    /// A packet that another shard took from the publisher and repaired as far as it could.
    pub fn relayed(&mut self, now: Instant, sequence: u64, marker: bool, size: usize) {
        self.extender.follow(sequence);
        self.follow_frame(now, sequence, marker);
        self.came(now);
        self.count(now, size);
    }

    fn came(&mut self, now: Instant) {
        self.last_packet = Some(now);
        self.overtaken = 0;
    }

    /// Another layer has sent a frame.
    pub fn overtake(&mut self) {
        self.overtaken = self.overtaken.saturating_add(1);
    }

    /// How late repaired packets are, if there are many: who shows pictures has to wait so long for them.
    pub fn repair_delay(&self, now: Instant) -> Duration {
        self.repairs.delay(now)
    }

    /// So many packets had to be repaired of late that requests and repairs are lost too.
    pub fn is_lossy(&self, now: Instant) -> bool {
        self.repairs.are_many(now)
    }

    /// Sequence numbers to ask for; `true` if something was given up, so that a keyframe is needed.
    pub fn poll_nack(&mut self, now: Instant, manner: Manner) -> (Vec<u16>, bool) {
        let overdue = self.open_frame.is_some_and(|last| now.saturating_duration_since(last) >= TAIL_WAIT);
        if let (true, true, Some(highest)) = (overdue, self.video, self.extender.highest()) {
            self.open_frame = None;
            // Asked for as if it had been missing since the last packet; a sender ignores what it has not sent.
            self.nack.skipped(now.checked_sub(TAIL_WAIT).unwrap_or(now), highest + 1, highest + 2);
        }
        let (wanted, gave_up) = self.nack.poll(now, manner);
        // A word that is lost is lost; only pictures depend on each other.
        (wanted, gave_up && self.video)
    }

    pub fn sender_report(&mut self, now: Instant, ntp: u64, rtp: u32) {
        self.clock.report(now, ntp, rtp, self.clock_rate);
    }

    /// Another source goes on here: what the last one reported means nothing any more.
    pub fn forget_clock(&mut self) {
        self.clock = SteadyClock::default();
    }

    /// What the publisher last said of this stream's timestamps, without the scatter of its reports.
    pub fn clock(&self) -> Option<&SourceClock> {
        self.clock.newest()
    }

    /// See [`SteadyClock::breaks`].
    pub fn clock_breaks(&self) -> u32 {
        self.clock.breaks()
    }

    pub fn totals(&self) -> Totals {
        let expected = self.extender.highest().map_or(0, |highest| highest + 1 - self.first);
        Totals { expected, received: self.received, repaired: self.repaired }
    }

    /// Smoothed (RFC 3550 A.8).
    pub fn jitter(&self) -> Duration {
        let rate = u64::from(self.clock_rate.max(1));
        Duration::from_micros(u64::from(self.jitter >> 4) * 1_000_000 / rate)
    }

    /// Highest extended sequence so far.
    pub fn highest(&self) -> Option<u64> {
        self.extender.highest()
    }

    pub fn is_alive(&self, now: Instant) -> bool {
        Self::was_alive_at(now, self.last_packet)
    }

    /// The same for a part of the stream whose last packet came then.
    pub fn was_alive_at(now: Instant, last: Option<Instant>) -> bool {
        last.is_some_and(|last| now.saturating_duration_since(last) < ALIVE_FOR)
    }

    /// When the last packet came.
    pub fn last_packet(&self) -> Option<Instant> {
        self.last_packet
    }

    /// Packets come, and as late as `newest`, the last packet of any layer of the same picture. A sender that is short of
    /// processor sends nothing for a while and then its layers one after the other: a layer has stopped only when the
    /// others have gone on without it.
    pub fn keeps_up(&self, now: Instant, newest: Option<Instant>) -> bool {
        self.is_alive(now) && (self.overtaken < STALLED_FRAMES || self.kept_up(self.last_packet, newest))
    }

    /// Whether a part of the stream whose last packet came then is as late as `newest`.
    pub fn kept_up(&self, last: Option<Instant>, newest: Option<Instant>) -> bool {
        let patience = STALLED_AFTER.max(self.frame_interval * STALLED_FRAMES);
        let behind = newest.zip(last).map(|(newest, own)| newest.saturating_duration_since(own));
        behind.is_some_and(|behind| behind < patience)
    }

    /// Whether the next packet of an unfinished frame can be expected within a millisecond. Not with senders that
    /// spread a frame over its time: waiting for those would only delay.
    pub fn comes_in_bursts(&self) -> bool {
        self.close >= BURST_SHARE
    }

    pub fn has_started(&self) -> bool {
        self.last_packet.is_some()
    }

    /// Of the last full second.
    pub fn bitrate_bps(&self) -> u64 {
        self.bitrate_bps
    }

    /// The report block for this stream; resets the interval it covers.
    pub fn report(&mut self, now: Instant, ssrc: u32) -> Option<ReceptionReport> {
        let highest = self.extender.highest()?;
        let expected = highest + 1 - self.first;
        let lost = expected.saturating_sub(self.received);
        let expected_interval = expected - self.expected_prior;
        let received_interval = self.received - self.received_prior;
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval << 8).checked_div(expected_interval).unwrap_or(0);
        let (last_sender_report, delay) = self.clock.newest().map_or((0, 0), |clock| {
            let delay = now.saturating_duration_since(clock.at).as_millis() * 65_536 / 1_000;
            (compact(clock.ntp), u32::try_from(delay).unwrap_or(u32::MAX))
        });
        // The extended sequence starts in cycle 1 here, in cycle 0 on the wire.
        let wire_highest = (highest - (1 << 16)) & 0xFFFF_FFFF;
        Some(ReceptionReport {
            ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            total_lost: u32::try_from(lost).unwrap_or(u32::MAX).min(0x7F_FFFF),
            last_sequence_number: u32::try_from(wire_highest).unwrap_or_default(),
            jitter: self.jitter >> 4,
            last_sender_report,
            delay,
        })
    }

    fn follow_frame(&mut self, now: Instant, extended: u64, marker: bool) {
        if self.extender.highest() != Some(extended) {
            return;
        }
        if let Some(previous) = self.open_frame {
            let close = now.saturating_duration_since(previous) <= BURST_GAP;
            self.close = (self.close * 15 + u32::from(close) * 256) / 16;
        }
        self.open_frame = (!marker).then_some(now);
        if marker && let Some(last) = self.last_frame.replace(now) {
            // A pause is not a frame rate.
            let interval = now.saturating_duration_since(last).min(STALLED_AFTER);
            self.frame_interval = (self.frame_interval * 7 + interval) / 8;
        }
    }

    fn count(&mut self, now: Instant, size: usize) {
        self.window_bytes += size as u64;
        let elapsed = now.saturating_duration_since(self.window_start);
        if elapsed >= BITRATE_WINDOW {
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
            self.bitrate_bps = self.window_bytes * 8_000 / millis;
            self.window_start = now;
            self.window_bytes = 0;
        }
    }

    fn measure_jitter(&mut self, now: Instant, timestamp: u32) {
        let elapsed = now.saturating_duration_since(self.epoch).as_micros();
        #[expect(clippy::cast_possible_truncation, reason = "RTP time wraps by definition")]
        let arrival = (elapsed * u128::from(self.clock_rate) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(last) = self.last_transit.replace(transit) {
            let difference = transit.wrapping_sub(last).cast_signed().unsigned_abs();
            // A jump of seconds is a restarted clock, not jitter.
            if difference < self.clock_rate * 5 {
                let decay = (self.jitter + 8) >> 4;
                self.jitter = (self.jitter + difference).saturating_sub(decay);
            }
        }
    }
}

/// How long repairs of late took.
#[derive(Debug, Default)]
struct Repairs {
    delay: Duration,
    /// When the last few came.
    recent: [Option<Instant>; RECENT_REPAIRS],
    next: usize,
}

/// So many repairs within `REPAIRS_WITHIN` are a lossy path; fewer are accidents not worth waiting for.
const RECENT_REPAIRS: usize = 8;
const REPAIRS_WITHIN: Duration = Duration::from_secs(4);

impl Repairs {
    fn took(&mut self, now: Instant, delay: Duration) {
        // Up at once, down over some dozens of repairs.
        self.delay = if delay > self.delay { delay } else { (self.delay * 31 + delay) / 32 };
        if let Some(slot) = self.recent.get_mut(self.next % RECENT_REPAIRS) {
            *slot = Some(now);
        }
        self.next = self.next.wrapping_add(1);
    }

    fn delay(&self, now: Instant) -> Duration {
        if self.are_many(now) { self.delay } else { Duration::ZERO }
    }

    /// The path loses packets all the time.
    fn are_many(&self, now: Instant) -> bool {
        let recent =
            |at: &Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < REPAIRS_WITHIN);
        self.recent.iter().all(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::{ExtensionBlock, HeaderFields, write_header};

    fn header(sequence: u16, marker: bool) -> Header {
        let fields = HeaderFields { marker, payload_type: 96, sequence, timestamp: 0, ssrc: 1 };
        let mut packet = [0; 12];
        write_header(&mut packet, &fields, &ExtensionBlock::default()).unwrap();
        Header::parse(&packet).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn repairs_do_not_hide_that_a_layer_stopped() {
        let start = origin();
        let at = |ms| start + Duration::from_millis(ms);
        let mut ingest = Ingest::new(start, 90_000, true);
        for sequence in [10u16, 14] {
            ingest.arrived(start, &header(sequence, true), 100);
        }
        assert!(ingest.keeps_up(at(60), Some(at(60))));
        for (sequence, ms) in [(11, 50), (12, 80), (13, 110)] {
            assert!(ingest.repaired(at(ms), sequence, false, 100).is_some());
        }
        assert!(ingest.keeps_up(at(120), Some(at(120))), "the others may be no further");
        (0..STALLED_FRAMES).for_each(|_| ingest.overtake());
        assert!(!ingest.keeps_up(at(120), Some(at(120))), "nothing new came");
        // The last packets of a frame may come by repair only, and are new.
        ingest.poll_nack(at(120), Manner::default());
        ingest.arrived(at(200), &header(15, false), 100);
        ingest.poll_nack(at(215), Manner::default());
        assert!(ingest.repaired(at(250), 16, true, 100).is_some());
        (0..STALLED_FRAMES).for_each(|_| ingest.overtake());
        assert!(ingest.keeps_up(at(340), Some(at(340))));
    }

    #[test]
    fn reports_loss_per_interval_and_repairs_count_as_received() {
        let now = origin();
        let mut ingest = Ingest::new(now, 90_000, true);
        for sequence in [10u16, 11, 14, 15] {
            ingest.arrived(now, &header(sequence, true), 100);
        }
        let later = now + Duration::from_millis(20);
        assert_eq!(ingest.poll_nack(later, Manner::default()).0, vec![12, 13]);
        assert!(ingest.repaired(later, 12, true, 100).is_some());
        assert!(ingest.repaired(later, 12, true, 100).is_none(), "asked for once");
        assert!(ingest.repaired(later, 10, true, 100).is_none(), "never missing");
        let report = ingest.report(later, 1).unwrap();
        assert_eq!(report.total_lost, 1);
        assert_eq!(report.fraction_lost, 42); // 1 of 6, in 256ths
        assert_eq!(report.last_sequence_number, 15);
        let report = ingest.report(later, 1).unwrap();
        assert_eq!(report.fraction_lost, 0, "the interval was reset");
    }

    #[test]
    fn the_lost_end_of_a_frame_is_asked_for_before_the_next_frame() {
        let start = origin();
        let at = |ms| start + Duration::from_millis(ms);
        let mut ingest = Ingest::new(start, 90_000, true);
        ingest.arrived(start, &header(65_534, false), 100);
        assert!(ingest.poll_nack(at(5), Manner::default()).0.is_empty(), "it may still come");
        assert_eq!(ingest.poll_nack(at(10), Manner::default()).0, vec![65_535]);
        assert!(ingest.repaired(at(12), 65_535, false, 100).is_some(), "and it was not the end");
        assert_eq!(ingest.poll_nack(at(22), Manner::default()).0, vec![0]);
        assert!(ingest.repaired(at(24), 0, true, 100).is_some());
        assert!(!ingest.arrived(at(33), &header(1, true), 100).gap, "nothing is missing");
        assert!(ingest.poll_nack(at(60), Manner::default()).0.is_empty());
        // A slow sender: the packet that was asked for comes by itself.
        ingest.arrived(at(66), &header(2, false), 100);
        assert_eq!(ingest.poll_nack(at(80), Manner::default()).0, vec![3]);
        assert!(!ingest.arrived(at(81), &header(3, true), 100).gap);
        assert!(ingest.repaired(at(82), 3, true, 100).is_none(), "its repair is a duplicate");
    }

    #[test]
    fn repairs_are_waited_for_if_there_are_many_of_them() {
        let start = origin();
        let at = |ms| start + Duration::from_millis(ms);
        let mut ingest = Ingest::new(start, 90_000, true);
        let repair = |ingest: &mut Ingest, from: u64, first: u16| {
            ingest.arrived(at(from), &header(first, true), 100);
            ingest.arrived(at(from), &header(first + 2, true), 100);
            assert!(ingest.repaired(at(from + 120), first + 1, true, 100).is_some());
        };
        for number in 0..7u16 {
            repair(&mut ingest, u64::from(number) * 200, number * 3);
        }
        assert_eq!(ingest.repair_delay(at(1_400)), Duration::ZERO, "accidents are not worth it");
        repair(&mut ingest, 1_400, 21);
        assert_eq!(ingest.repair_delay(at(1_600)), Duration::from_millis(120));
        assert_eq!(ingest.repair_delay(at(9_000)), Duration::ZERO, "it is over");
    }

    #[test]
    fn bursts_and_spread_frames_are_told_apart() {
        let mut ingest = Ingest::new(origin(), 90_000, true);
        let mut now = origin();
        let mut sequence = 0;
        let mut frames = |ingest: &mut Ingest, count: u16, gap: Duration, pause: Duration| {
            for _ in 0..count {
                for position in 0..8 {
                    ingest.arrived(now, &header(sequence, position == 7), 1_200);
                    sequence += 1;
                    now += if position == 3 || position == 7 { pause } else { gap };
                }
            }
        };
        let (tight, wide) = (Duration::from_micros(20), Duration::from_millis(4));
        assert!(ingest.comes_in_bursts(), "until it is known better");
        frames(&mut ingest, 4, wide, wide);
        assert!(!ingest.comes_in_bursts(), "spread over the frame's time");
        frames(&mut ingest, 4, tight, wide);
        assert!(ingest.comes_in_bursts(), "a pacer's bursts of four");
        frames(&mut ingest, 4, wide, wide);
        assert!(!ingest.comes_in_bursts());
        frames(&mut ingest, 4, Duration::from_micros(480), Duration::from_micros(480));
        assert!(ingest.comes_in_bursts(), "an uplink of 20 Mb/s");
    }

    #[test]
    fn a_restarted_sender_breaks_the_stream() {
        let now = origin();
        let mut ingest = Ingest::new(now, 90_000, true);
        assert!(!ingest.arrived(now, &header(10, true), 100).broken);
        assert!(ingest.arrived(now, &header(20_000, true), 100).broken);
        assert!(ingest.is_alive(now));
        assert!(!ingest.is_alive(now + Duration::from_secs(2)));
    }
}
