//! What each layer inside one encoding costs, and which of them arrive.

use std::time::{Duration, Instant};

use super::packet::{Facts, LayerId};

/// Spatial layers of one stream that are told apart; more count as the highest.
pub const MAX_SPATIAL: usize = 3;
/// Temporal layers likewise: two bits of VP8.
pub const MAX_TEMPORAL: usize = 4;
const WINDOW: Duration = Duration::from_secs(1);
/// Until the first window is full, this much of it is enough for an estimate.
const FIRST_ESTIMATE: Duration = Duration::from_millis(250);
/// After this long without packets the last window says nothing any more.
const STALE: Duration = Duration::from_secs(3);

type Table = [[u32; MAX_TEMPORAL]; MAX_SPATIAL];

#[derive(Debug)]
pub struct LayerMeter {
    started: Instant,
    bytes: Table,
    pictures: [u16; MAX_TEMPORAL],
    /// Bits per second in the last window; `None` before its end.
    rates: Option<Table>,
    picture_rates: [u16; MAX_TEMPORAL],
    last_packet: [Option<Instant>; MAX_SPATIAL],
    picture: Option<u32>,
    /// Highest layers seen.
    top: LayerId,
}

impl LayerMeter {
    pub fn new(now: Instant) -> Self {
        Self {
            started: now,
            bytes: Table::default(),
            pictures: [0; MAX_TEMPORAL],
            rates: None,
            picture_rates: [0; MAX_TEMPORAL],
            last_packet: [None; MAX_SPATIAL],
            picture: None,
            top: LayerId::default(),
        }
    }

    pub fn count(&mut self, now: Instant, facts: &Facts, size: usize) {
        let elapsed = now.saturating_duration_since(self.started);
        if elapsed >= STALE {
            self.restart(now);
        } else if elapsed >= WINDOW {
            self.turn(now, elapsed);
        }
        let layer = clamp(facts.layer());
        self.top = LayerId {
            spatial: self.top.spatial.max(layer.spatial),
            temporal: self.top.temporal.max(layer.temporal),
        };
        let (spatial, temporal) = (usize::from(layer.spatial), usize::from(layer.temporal));
        if let Some(bytes) = self.bytes.get_mut(spatial).and_then(|row| row.get_mut(temporal)) {
            *bytes = bytes.saturating_add(u32::try_from(size).unwrap_or(u32::MAX));
        }
        // What a keyframe announces is as good as there: who waits for it joins at this picture, not at another one.
        let top = usize::from(facts.announced_spatial()).max(spatial).min(MAX_SPATIAL - 1);
        for last in self.last_packet.iter_mut().take(top + 1).skip(spatial) {
            *last = Some(now);
        }
        self.top.spatial = self.top.spatial.max(u8::try_from(top).unwrap_or(0));
        if self.picture.replace(facts.timestamp) != Some(facts.timestamp)
            && let Some(pictures) = self.pictures.get_mut(temporal)
        {
            *pictures = pictures.saturating_add(1);
        }
    }

    /// After a pause: what came before it, spread over the pause, would make the layer look almost free.
    fn restart(&mut self, now: Instant) {
        self.rates = None;
        self.started = now;
        self.bytes = Table::default();
        self.pictures = [0; MAX_TEMPORAL];
    }

    fn turn(&mut self, now: Instant, elapsed: Duration) {
        self.rates = Some(per_second(&self.bytes, elapsed));
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        self.picture_rates = self
            .pictures
            .map(|one| u16::try_from((u64::from(one) * 1_000 + millis / 2) / millis).unwrap_or(u16::MAX));
        self.started = now;
        self.bytes = Table::default();
        self.pictures = [0; MAX_TEMPORAL];
    }

    /// Bits per second of a layer with those below that it needs.
    pub fn bitrate_bps(&self, now: Instant, spatial: u8, temporal: u8) -> u64 {
        let elapsed = now.saturating_duration_since(self.started);
        let rates = match &self.rates {
            Some(_) if elapsed >= STALE => return 0,
            Some(rates) => *rates,
            None if elapsed < FIRST_ESTIMATE => return 0,
            None => per_second(&self.bytes, elapsed),
        };
        let rows = rates.iter().take(usize::from(spatial) + 1);
        rows.flat_map(|row| row.iter().take(usize::from(temporal) + 1)).map(|rate| u64::from(*rate)).sum()
    }

    /// The highest temporal layer with which no more than so many pictures per second are shown; 0 at least, and
    /// `u8::MAX` if all of them may be.
    pub fn temporal_for(&self, max_fps: u8) -> u8 {
        // Cameras are a little off their nominal rate.
        let limit = u32::from(max_fps) + u32::from(max_fps) / 8;
        let mut shown = 0;
        for (temporal, rate) in (0u8..).zip(&self.picture_rates) {
            shown += u32::from(*rate);
            if shown > limit {
                return temporal.saturating_sub(1);
            }
        }
        u8::MAX
    }

    /// How many spatial layers were ever seen.
    pub fn spatial_layers(&self) -> u8 {
        self.top.spatial + 1
    }

    /// How many temporal layers were ever seen.
    pub fn temporal_layers(&self) -> u8 {
        self.top.temporal + 1
    }

    pub fn last_packet(&self, spatial: u8) -> Option<Instant> {
        self.last_packet.get(usize::from(spatial)).copied().flatten()
    }
}

fn clamp(layer: LayerId) -> LayerId {
    let limit = |value: u8, count: usize| value.min(u8::try_from(count - 1).unwrap_or(u8::MAX));
    LayerId { spatial: limit(layer.spatial, MAX_SPATIAL), temporal: limit(layer.temporal, MAX_TEMPORAL) }
}

fn per_second(bytes: &Table, elapsed: Duration) -> Table {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.map(|row| row.map(|one| u32::try_from(u64::from(one) * 8_000 / millis).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{media::packet::Descriptor, proto::codec::vp9};

    fn facts(timestamp: u32, spatial: u8, temporal: u8) -> Facts {
        let descriptor = vp9::Descriptor { spatial, temporal, ..vp9::Descriptor::default() };
        Facts { timestamp, descriptor: Descriptor::Vp9(descriptor), ..Facts::default() }
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// Two seconds of 30 pictures in three temporal layers and two spatial ones of 500 and 1000 bytes.
    fn fed(start: Instant) -> LayerMeter {
        let mut meter = LayerMeter::new(start);
        for n in 0..60u32 {
            let now = start + Duration::from_millis(u64::from(n) * 1_000 / 30);
            let temporal = [0, 2, 1, 2][n as usize % 4];
            meter.count(now, &facts(n * 3_000, 0, temporal), 500);
            meter.count(now, &facts(n * 3_000, 1, temporal), 1_000);
        }
        meter
    }

    #[test]
    fn rates_add_up_from_the_lowest_layer() {
        let start = origin();
        let meter = fed(start);
        let now = start + Duration::from_secs(2);
        let near = |spatial, temporal, expected: u64| {
            let rate = meter.bitrate_bps(now, spatial, temporal);
            assert!(
                rate.abs_diff(expected) < expected / 12,
                "{spatial}/{temporal}: {rate}, expected {expected}"
            );
        };
        near(0, 0, 30_000);
        near(0, 1, 60_000);
        near(0, 2, 120_000);
        near(1, 0, 90_000);
        near(1, u8::MAX, 360_000);
        assert_eq!((meter.spatial_layers(), meter.temporal_layers()), (2, 3));
        assert_eq!(meter.bitrate_bps(now + STALE, 1, 3), 0, "nothing comes any more");
    }

    #[test]
    fn there_is_an_estimate_before_the_first_second_is_over() {
        let start = origin();
        let mut meter = LayerMeter::new(start);
        for n in 0..15u32 {
            meter.count(start + Duration::from_millis(u64::from(n) * 33), &facts(n, 0, 0), 1_000);
        }
        let rate = meter.bitrate_bps(start + Duration::from_millis(500), 0, 0);
        assert!((220_000..260_000).contains(&rate), "{rate}");
        assert_eq!(meter.bitrate_bps(start + Duration::from_millis(100), 0, 0), 0, "too early to say");
    }

    #[test]
    fn after_a_pause_the_rate_is_measured_anew() {
        let start = origin();
        let mut meter = fed(start);
        let again = start + Duration::from_secs(12);
        for n in 0..30u32 {
            let now = again + Duration::from_millis(u64::from(n) * 1_000 / 30);
            meter.count(now, &facts(90_000 + n * 3_000, 0, 0), 1_000);
            let rate = meter.bitrate_bps(now, 0, 3);
            assert!(rate == 0 || rate > 200_000, "{rate} after {n} pictures");
        }
        assert!(meter.bitrate_bps(again + Duration::from_millis(900), 0, 3) > 200_000);
    }

    #[test]
    fn a_frame_rate_limit_names_a_temporal_layer() {
        let meter = fed(origin());
        let found = [60, 30, 20, 15, 10, 7, 1].map(|fps| meter.temporal_for(fps));
        assert_eq!(found, [u8::MAX, u8::MAX, 1, 1, 0, 0, 0]);
    }
}
