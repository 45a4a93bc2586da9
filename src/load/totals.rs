//! The measurement window, and what all bots together saw in it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    check::{Faults, StreamCheck},
    histogram::Histogram,
    payload::MediaKind,
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
    /// RTP packets the bots sent, retransmissions not included.
    pub sent: u64,
    pub keyframe_requests: u64,
    latency: Histogram,
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
            sent: 0,
            keyframe_requests: 0,
            latency: Histogram::default(),
        }
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

    pub fn latency(&mut self, us: u64) {
        if self.closed.is_none() {
            self.latency.record_us(us);
        }
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
    pub keyframe_requests: u64,
    pub longest_gap: Duration,
    pub latency: Histogram,
    /// Pairs of sender and receiver that saw less than everything, worst first: receiver, sender, ratio.
    pub incomplete: Vec<(u32, SourceId, f64)>,
}

/// Faults and incomplete pairs kept for the report; the counts are complete.
const SAMPLES: usize = 8;

impl Totals {
    pub fn of(window: &Window) -> Self {
        Self {
            span: window.closed.unwrap_or(window.opened).saturating_duration_since(window.opened),
            packets: window.packets,
            bytes: window.bytes,
            sent: window.sent,
            keyframe_requests: window.keyframe_requests,
            latency: window.latency.clone(),
            ..Self::default()
        }
    }

    /// Everything that `receiver` should have seen.
    pub fn add_expected(&mut self, receiver: u32, window: &Window) {
        for source in window.firsts.keys().filter(|(publisher, _)| *publisher != receiver) {
            self.frames_of(source.1).expected += window.frames(*source);
        }
    }

    /// What `receiver` saw of one source.
    pub fn add_check(&mut self, receiver: u32, check: &StreamCheck, window: Option<&Window>) {
        let source = check.source();
        let delivered = check.delivered();
        self.frames_of(source.1).delivered += delivered;
        self.faults += check.faults();
        if let Some(fault) = check.last_fault()
            && self.fault_samples.len() < SAMPLES
        {
            self.fault_samples.push(format!("bot {receiver} from bot {}: {fault}", source.0));
        }
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
