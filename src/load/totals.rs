//! The measurement window, and what all bots together saw in it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    check::{Faults, StreamCheck},
    histogram::Histogram,
    payload::MediaKind,
    sink::Counted,
};

/// A source: bot and kind.
pub type SourceId = (u32, MediaKind);

#[derive(Debug)]
pub struct Window {
    opened: Instant,
    closed: Option<Instant>,
    firsts: HashMap<SourceId, u32>,
    ends: HashMap<SourceId, u32>,
    /// RTP packets and all bytes that reached the bots' sockets.
    pub packets: u64,
    pub bytes: u64,
    /// RTP packets the bots sent per layer, retransmissions not included.
    sent: HashMap<SourceId, [u64; 3]>,
    pub keyframe_requests: u64,
    latency: Histogram,
    /// How late a packet may be.
    deadline: Duration,
    /// Of the packets sent while the window was open: those that came, and those that came in time.
    came: u64,
    in_time: u64,
}

impl Window {
    /// `firsts`: the first frame of every source that counts.
    pub fn open(now: Instant, firsts: HashMap<SourceId, u32>) -> Self {
        Self {
            opened: now,
            closed: None,
            firsts,
            ends: HashMap::new(),
            packets: 0,
            bytes: 0,
            sent: HashMap::new(),
            keyframe_requests: 0,
            latency: Histogram::default(),
            deadline: Duration::MAX,
            came: 0,
            in_time: 0,
        }
    }

    /// From now on packets later than this are too late.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    pub fn close(&mut self, now: Instant, ends: HashMap<SourceId, u32>) {
        self.closed = Some(now);
        self.ends = ends;
    }

    pub fn first(&self, source: SourceId) -> Option<u32> {
        self.firsts.get(&source).copied()
    }

    pub fn received(&mut self, bytes: usize, is_media: bool) {
        if self.closed.is_none() {
            self.packets += u64::from(is_media);
            self.bytes += bytes as u64;
        }
    }

    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    pub fn sent(&mut self, source: SourceId, layer: usize) {
        if self.closed.is_none()
            && let Some(count) = self.sent.entry(source).or_default().get_mut(layer)
        {
            *count += 1;
        }
    }

    /// The fewest packets a receiver of the source can have been owed: those of its smallest layer.
    fn owed(&self, source: SourceId) -> u64 {
        let layers = self.sent.get(&source).copied().unwrap_or_default();
        layers.into_iter().filter(|count| *count > 0).min().unwrap_or(0)
    }

    /// A packet came for the first time, so long after it was sent.
    pub fn arrived(&mut self, now: Instant, took: Duration) {
        if self.closed.is_none() {
            self.latency.record(took);
        }
        let sent = now.checked_sub(took);
        if sent.is_some_and(|sent| sent >= self.opened && self.closed.is_none_or(|closed| sent < closed)) {
            self.came += 1;
            self.in_time += u64::from(took <= self.deadline);
        }
    }

    /// Packets of a source on all layers.
    fn sent_by(&self, source: SourceId) -> u64 {
        self.sent.get(&source).copied().unwrap_or_default().into_iter().sum()
    }

    /// Frames of a source that began inside the window.
    fn frames(&self, source: SourceId) -> u64 {
        match (self.firsts.get(&source), self.ends.get(&source)) {
            (Some(first), Some(end)) => u64::from(end.saturating_sub(*first)),
            _ => 0,
        }
    }
}

/// Frames that should have arrived and those that did, over all pairs of sender and receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Frames {
    pub expected: u64,
    pub delivered: u64,
}

impl Frames {
    /// 1 if nothing was expected.
    pub fn ratio(&self) -> f64 {
        if self.expected == 0 { 1.0 } else { self.delivered as f64 / self.expected as f64 }
    }
}

#[derive(Debug, Default)]
pub struct Totals {
    pub span: Duration,
    pub video: Frames,
    pub audio: Frames,
    /// Video frames per layer.
    pub layers: [u64; 3],
    pub faults: Faults,
    pub fault_samples: Vec<String>,
    pub unknown_packets: u64,
    pub packets: u64,
    pub bytes: u64,
    pub sent: u64,
    pub sinks: Sinks,
    pub punctual: Punctual,
    pub keyframe_requests: u64,
    pub longest_gap: Duration,
    pub latency: Histogram,
    /// Pairs of sender and receiver that saw less than everything, worst first: receiver, sender, ratio.
    pub incomplete: Vec<(u32, SourceId, f64)>,
}

/// Packets over all pairs of sender and receiver, as sent while the window was open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Punctual {
    pub owed: u64,
    pub came: u64,
    pub in_time: u64,
}

/// What all sinks together counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sinks {
    /// Pairs of sink and sender.
    pub streams: u64,
    /// Of those, how many brought nothing at all.
    pub silent: u64,
    pub counted: Counted,
    /// Decrypted and found to be what was sent.
    pub verified: u64,
    pub repairs: u64,
}

/// A stream without gaps that is this much shorter than what was sent ended early or began late. Packets on
/// their way at the edges of the window are far fewer.
const EDGE: u64 = 20;

/// Faults and incomplete pairs kept for the report; the counts are complete.
const SAMPLES: usize = 8;

impl Totals {
    pub fn of(window: &Window) -> Self {
        Self {
            span: window.closed.unwrap_or(window.opened).saturating_duration_since(window.opened),
            packets: window.packets,
            bytes: window.bytes,
            sent: window.sent.values().flatten().sum(),
            keyframe_requests: window.keyframe_requests,
            latency: window.latency.clone(),
            punctual: Punctual { owed: 0, came: window.came, in_time: window.in_time },
            ..Self::default()
        }
    }

    /// Everything that `receiver` should have seen.
    pub fn add_expected(&mut self, receiver: u32, window: &Window) {
        for source in window.firsts.keys().filter(|(publisher, _)| *publisher != receiver) {
            self.frames_of(source.1).expected += window.frames(*source);
            self.punctual.owed += window.sent_by(*source);
        }
    }

    /// What `receiver` saw of one source.
    pub fn add_check(&mut self, receiver: u32, check: &StreamCheck, window: Option<&Window>) {
        let source = check.source();
        let delivered = check.delivered();
        self.frames_of(source.1).delivered += delivered;
        self.add_faults(receiver, check);
        if source.1 == MediaKind::Video {
            for (total, layer) in self.layers.iter_mut().zip(check.layers()) {
                *total += layer;
            }
            self.longest_gap = self.longest_gap.max(check.longest_gap());
        }
        let frames = Frames { expected: window.map_or(0, |window| window.frames(source)), delivered };
        if delivered < frames.expected {
            self.incomplete.push((receiver, source, frames.ratio()));
            self.incomplete.sort_by(|a, b| a.2.total_cmp(&b.2));
            self.incomplete.truncate(SAMPLES);
        }
    }

    pub fn add_faults(&mut self, receiver: u32, check: &StreamCheck) {
        self.faults += check.faults();
        if let Some(fault) = check.last_fault()
            && self.fault_samples.len() < SAMPLES
        {
            self.fault_samples.push(format!("bot {receiver} from bot {}: {fault}", check.source().0));
        }
    }

    /// What a sink counted, held against what every source sent.
    pub fn add_counted(&mut self, receiver: u32, counted: &HashMap<SourceId, Counted>, window: &Window) {
        for source in window.firsts.keys().filter(|(publisher, _)| *publisher != receiver) {
            let mut one = counted.get(source).copied().unwrap_or_default();
            let owed = window.owed(*source);
            if one.expected < owed - owed / EDGE {
                one.expected = owed;
            }
            self.sinks.streams += 1;
            self.sinks.silent += u64::from(one.received == 0);
            self.sinks.counted += one;
        }
    }

    /// A stream that others sent: what is missing is a gap in its sequence numbers.
    pub fn add_foreign(&mut self, counted: Counted) {
        self.sinks.streams += 1;
        self.sinks.silent += u64::from(counted.received == 0);
        self.sinks.counted += counted;
    }

    pub fn frames(&self) -> Frames {
        Frames {
            expected: self.video.expected + self.audio.expected,
            delivered: self.video.delivered + self.audio.delivered,
        }
    }

    fn frames_of(&mut self, kind: MediaKind) -> &mut Frames {
        match kind {
            MediaKind::Audio => &mut self.audio,
            MediaKind::Video => &mut self.video,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const CAMERA: SourceId = (0, MediaKind::Video);

    fn window(sent: u64) -> Window {
        let mut window = Window::open(clock::now(), HashMap::from([(CAMERA, 0)]));
        (0..sent).for_each(|_| window.sent(CAMERA, 0));
        window.close(clock::now(), HashMap::from([(CAMERA, 100)]));
        window.sent(CAMERA, 0);
        window
    }

    fn counted(expected: u64, received: u64, sent: u64) -> Sinks {
        let mut totals = Totals::default();
        totals.add_counted(1, &HashMap::from([(CAMERA, Counted { expected, received })]), &window(sent));
        totals.sinks
    }

    #[test]
    fn gaps_are_what_a_sink_misses() {
        assert_eq!(counted(1000, 990, 1000).counted, Counted { expected: 1000, received: 990 });
        let edge = counted(980, 980, 1000).counted;
        assert_eq!(edge, Counted { expected: 980, received: 980 }, "20 packets were on their way");
    }

    #[test]
    fn only_what_was_sent_in_the_window_is_owed_and_can_be_late() {
        let ms = Duration::from_millis;
        let start = clock::now();
        let mut window = Window::open(start, HashMap::from([(CAMERA, 0)]));
        window.set_deadline(ms(200));
        (0..3).for_each(|_| window.sent(CAMERA, 0));
        window.arrived(start + ms(10), ms(50)); // sent before
        window.arrived(start + ms(300), ms(200));
        window.close(start + ms(1_000), HashMap::from([(CAMERA, 3)]));
        window.arrived(start + ms(1_100), ms(201));
        window.arrived(start + ms(1_100), ms(90)); // sent after
        let mut totals = Totals::of(&window);
        totals.add_expected(1, &window);
        assert_eq!(totals.punctual, Punctual { owed: 3, came: 2, in_time: 1 });
    }

    #[test]
    fn a_stream_that_ended_early_or_never_came_is_missed_too() {
        assert_eq!(counted(500, 500, 1000).counted, Counted { expected: 1000, received: 500 });
        let mut totals = Totals::default();
        totals.add_counted(1, &HashMap::new(), &window(1000));
        assert_eq!((totals.sinks.streams, totals.sinks.silent), (1, 1));
        assert_eq!(totals.sinks.counted, Counted { expected: 1000, received: 0 });
    }

    #[test]
    fn a_sink_owes_itself_nothing_and_the_smallest_layer_is_the_least_owed() {
        let mut totals = Totals::default();
        totals.add_counted(0, &HashMap::new(), &window(1000));
        assert_eq!(totals.sinks, Sinks::default());
        let mut window = Window::open(clock::now(), HashMap::new());
        [0, 2, 2, 2].into_iter().for_each(|layer| window.sent(CAMERA, layer));
        assert_eq!(window.owed(CAMERA), 1);
    }
}
