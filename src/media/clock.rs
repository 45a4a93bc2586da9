//! What sender reports say of a stream: which moment of the publisher's clock its timestamps mean (RFC 3550 6.4.1).
//! And what some packets say of themselves (abs-capture-time), by the clock of who captured, which may be another.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use arrayvec::ArrayVec;

use super::packet::Facts;
use crate::proto::ext::CaptureTime;

/// Reports that a line is drawn through: 40 s of a browser's sound, in which clocks drift by 4 ms at most.
const REMEMBERED: usize = 8;
/// 100 ms: a report that is this far from the others is of another source, or of another clock.
const JUMP: u64 = (1 << 32) / 10;
/// 30 ms: what the wait for a packet's samples (20 ms) and a slow moment do not explain. The sender has lost samples:
/// its timestamps fell behind for good, and what it reported before tells nothing any more.
const LOST: i64 = (1 << 32) * 3 / 100;
/// 10 ms: how late such a report is in the middle.
const USUALLY_LATE: i64 = (1 << 32) / 100;
/// Receivers work out no more from one packet: clocks drift.
const CARRIED_SECONDS: u32 = 5;

/// The newest report of one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceClock {
    /// The publisher's wall clock, 32.32 fixed point. All its streams share it, and nobody else does.
    pub ntp: u64,
    pub rtp: u32,
    /// When the report came.
    pub at: Instant,
}

impl SourceClock {
    /// What the publisher would report now.
    pub fn extrapolate(&self, now: Instant, rate: u32) -> (u64, u32) {
        let elapsed = now.saturating_duration_since(self.at);
        let ticks = elapsed.as_micros() * u128::from(rate) / 1_000_000;
        (self.ntp.wrapping_add(fixed_point(elapsed)), self.rtp.wrapping_add(low32(ticks)))
    }

    /// The timestamp of this stream at a moment of the publisher's clock.
    pub fn timestamp_at(&self, ntp: u64, rate: u32) -> u32 {
        let apart = ntp.wrapping_sub(self.ntp).cast_signed();
        let ticks = (i128::from(apart) * i128::from(rate) + (1 << 31)) >> 32;
        self.rtp.wrapping_add(low32(ticks.cast_unsigned()))
    }

    /// The moment of the publisher's clock that a timestamp of this stream means.
    fn ntp_at(&self, rtp: u32, rate: u32) -> u64 {
        let ticks = i64::from(rtp.wrapping_sub(self.rtp).cast_signed());
        self.ntp.wrapping_add_signed((ticks << 32) / i64::from(rate.max(1)))
    }

    /// The offset that gives `other`, a layer of the same picture, the timestamps that this one has with `offset`:
    /// what was captured together then carries one timestamp, whatever layer it comes from.
    pub fn offset_for(&self, offset: u32, other: &Self, rate: u32) -> u32 {
        self.timestamp_at(other.ntp, rate).wrapping_add(offset).wrapping_sub(other.rtp)
    }
}

/// What a publisher reports of one encoding, put onto a line.
///
/// A browser reports its sound as of the packet that it sent last, which waited up to 20 ms for its samples: its reports
/// scatter that far. Receivers extend a line through the last few, some seconds ahead, and then are tens of ms off. A
/// report may be late but never early, so the earliest of the last ones are right.
#[derive(Debug, Default)]
pub struct SteadyClock {
    line: Option<SourceClock>,
    /// How much later than the line the last reports were, in the format of NTP timestamps.
    late: ArrayVec<i64, REMEMBERED>,
    breaks: u32,
}

impl SteadyClock {
    /// Takes the next report.
    pub fn report(&mut self, now: Instant, ntp: u64, rtp: u32, rate: u32) {
        let late = self.line.map(|line| ntp.wrapping_sub(line.ntp_at(rtp, rate)).cast_signed());
        let (Some(line), Some(late)) = (self.line, late.filter(|late| late.unsigned_abs() < JUMP)) else {
            self.breaks = self.breaks.wrapping_add(self.line.is_some().into());
            self.line = Some(SourceClock { ntp, rtp, at: now });
            self.late.clear();
            self.late.push(0);
            return;
        };
        if late > LOST {
            self.breaks = self.breaks.wrapping_add(1);
            let rtp = line.timestamp_at(ntp.wrapping_add_signed(USUALLY_LATE - late), rate);
            self.line = Some(SourceClock { ntp, rtp, at: now });
            self.late.clear();
            self.late.push(USUALLY_LATE);
            return;
        }
        if self.late.is_full() {
            self.late.remove(0);
        }
        self.late.push(late);
        let least = self.late.iter().copied().min().unwrap_or(0);
        for late in &mut self.late {
            *late -= least;
        }
        let rtp = line.timestamp_at(ntp.wrapping_add_signed(-least), rate);
        self.line = Some(SourceClock { ntp, rtp, at: now });
    }

    /// How often the line went on somewhere else: receivers should forget what they were told before.
    pub fn breaks(&self) -> u32 {
        self.breaks
    }

    /// The newest report, as it should have been.
    pub fn newest(&self) -> Option<&SourceClock> {
        self.line.as_ref()
    }
}

/// The newest time of capture of one encoding, and the timestamp it is of.
#[derive(Debug, Default)]
pub struct CaptureClock {
    newest: Option<(CaptureTime, u32)>,
}

impl CaptureClock {
    /// The time of capture that a packet is forwarded with, if it says its own or is one that subscribers begin with.
    /// Publishers say it about once a second; until then a receiver would know nothing, or go on with what it knows
    /// of the track that the stream carried before.
    pub fn of(&mut self, facts: &Facts, said: Option<CaptureTime>, rate: u32) -> Option<CaptureTime> {
        if let Some(time) = said {
            self.newest = Some((time, facts.timestamp));
            return said;
        }
        let (time, timestamp) = self.newest.filter(|_| facts.keyframe)?;
        let ticks = facts.timestamp.wrapping_sub(timestamp).cast_signed();
        if ticks.unsigned_abs() > CARRIED_SECONDS * rate {
            return None;
        }
        let apart = (i64::from(ticks) << 32) / i64::from(rate);
        Some(CaptureTime { ntp: NonZeroU64::new(time.ntp.get().wrapping_add_signed(apart))?, ..time })
    }
}

/// A time span in the format of NTP timestamps.
pub fn fixed_point(span: Duration) -> u64 {
    (span.as_secs() << 32) | ((u64::from(span.subsec_nanos()) << 32) / 1_000_000_000)
}

/// The middle of an NTP timestamp, which reception reports echo.
#[expect(clippy::cast_possible_truncation, reason = "the middle 32 bits by definition")]
pub const fn compact(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// A span in units of 1/65536 s.
pub fn from_compact(units: u32) -> Duration {
    Duration::from_micros(u64::from(units) * 1_000_000 / 65_536)
}

#[expect(clippy::cast_possible_truncation, reason = "RTP time wraps by definition")]
const fn low32(ticks: u128) -> u32 {
    ticks as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    const SECOND: u64 = 1 << 32;

    #[test]
    fn a_report_is_carried_forward_in_both_clocks() {
        let at = origin();
        let clock = SourceClock { ntp: 7 * SECOND, rtp: u32::MAX - 44_999, at };
        let (ntp, rtp) = clock.extrapolate(at + Duration::from_millis(1_500), 90_000);
        assert_eq!((ntp, rtp), (8 * SECOND + SECOND / 2, 90_000), "and timestamps wrap");
        assert_eq!(clock.timestamp_at(8 * SECOND + SECOND / 2, 90_000), 90_000);
        assert_eq!(clock.timestamp_at(6 * SECOND, 90_000), clock.rtp - 90_000, "backwards too");
    }

    #[test]
    fn layers_with_different_bases_meet_in_one_timestamp() {
        let at = origin();
        let low = SourceClock { ntp: 100 * SECOND, rtp: 5_000, at };
        let high = SourceClock { ntp: 102 * SECOND, rtp: 4_000_000_000, at };
        let offset = low.offset_for(77, &high, 90_000);
        // The picture of second 101 in both layers.
        let from_low = low.timestamp_at(101 * SECOND, 90_000).wrapping_add(77);
        let from_high = high.timestamp_at(101 * SECOND, 90_000).wrapping_add(offset);
        assert_eq!(from_low, from_high);
    }

    /// Reports of a second each, late by so many ms; how late the line is after each.
    fn lateness(of_reports: &[i64]) -> Vec<i64> {
        let (at, mut clock) = (origin(), SteadyClock::default());
        let mut seconds = 0;
        let follow = |late: &i64| {
            seconds += 1;
            let ntp = (seconds * SECOND).wrapping_add_signed(late * SECOND.cast_signed() / 1_000);
            let base = u32::MAX - 99_999;
            clock.report(at, ntp, base.wrapping_add(48_000 * low32(seconds.into())), 48_000);
            let line = clock.newest().unwrap();
            assert_eq!((line.ntp, line.at), (ntp, at), "what the publisher is told came");
            let meant = line.ntp_at(base, 48_000).cast_signed();
            (meant * 1_000 + SECOND.cast_signed() / 2) >> 32
        };
        of_reports.iter().map(follow).collect()
    }

    #[test]
    fn late_reports_do_not_move_the_line() {
        assert_eq!(lateness(&[0, 14, 0, 11, 3, 20]), [0; 6]);
        assert_eq!(lateness(&[14, 11, 0, 11, 14]), [14, 11, 0, 0, 0], "earlier ones do");
    }

    #[test]
    fn the_line_follows_clocks_that_drift_or_jump() {
        let drifting: Vec<i64> = (0..40).collect();
        let behind = |(index, line): (usize, i64)| index as i64 - line;
        assert_eq!(lateness(&drifting).into_iter().enumerate().map(behind).max(), Some(7));
        assert_eq!(lateness(&[0, 5, 500, 505, 510]), [0, 0, 500, 500, 500]);
        assert_eq!(lateness(&[0, 29, 5, 0]), [0; 4], "a slow moment");
        assert_eq!(lateness(&[0, 14, 58, 54, 48, 63, 49]), [0, 0, 48, 54, 48, 48, 48], "lost samples");
        assert_eq!(
            lateness(&[0, 14, 58, 65, 60, 57]),
            [0, 0, 48, 58, 58, 57],
            "and the middle was too early"
        );
        assert_eq!(lateness(&[0, 45, 0]), [0, 35, 0], "it was a slow moment after all");
        assert_eq!(lateness(&[900, 5, 0]), [900, 5, 0]);
    }

    #[test]
    fn the_time_of_capture_is_carried_to_keyframes_and_no_further() {
        let mut clock = CaptureClock::default();
        let packet = |timestamp, keyframe| Facts { timestamp, keyframe, ..Facts::default() };
        assert_eq!(clock.of(&packet(0, true), None, 90_000), None, "nothing was said");
        let said = CaptureTime { ntp: NonZeroU64::new(100 * SECOND).unwrap(), offset: -7 };
        let base = u32::MAX - 44_999;
        assert_eq!(clock.of(&packet(base, false), Some(said), 90_000), Some(said));
        assert_eq!(clock.of(&packet(45_000, false), None, 90_000), None, "receivers work it out");
        let second = CaptureTime { ntp: NonZeroU64::new(101 * SECOND).unwrap(), ..said };
        assert_eq!(clock.of(&packet(45_000, true), None, 90_000), Some(second), "over the wrap");
        let before = CaptureTime { ntp: NonZeroU64::new(99 * SECOND).unwrap(), ..said };
        assert_eq!(clock.of(&packet(base - 90_000, true), None, 90_000), Some(before), "late packets");
        assert_eq!(clock.of(&packet(45_000 + 5 * 90_000, true), None, 90_000), None, "too long ago");
    }

    #[test]
    fn compact_time_is_the_middle_of_ntp() {
        let ntp = (3 << 32) | (1 << 31);
        assert_eq!(compact(ntp), 3 * 65_536 + 32_768);
        assert_eq!(from_compact(compact(ntp)), Duration::from_millis(3_500));
        assert_eq!(fixed_point(Duration::from_millis(3_500)), ntp);
    }
}
