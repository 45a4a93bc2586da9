//! What a publishing bot sends and when, sans I/O: frames in simulcast layers, and audio packets.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::payload::{self, MIN_PAYLOAD, Marker, MediaKind, Vp8Descriptor};

/// RTP header, header extensions and authentication tag around a payload; the packet size the user asks for
/// is that of the UDP payload.
const PACKET_OVERHEAD: usize = 48;
/// Audio frames are 20 ms long, as browsers send them.
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
const AUDIO_CLOCK_PER_PACKET: u32 = 960;
/// About 32 kb/s, Opus speech.
const AUDIO_PAYLOAD: usize = 80;
const VIDEO_CLOCK_RATE: u32 = 90_000;
/// The top layer; smaller ones are halved in each dimension.
const TOP_DIMENSIONS: (u16, u16) = (1280, 720);

/// One RTP packet to send, without what only the connection knows (payload type, extensions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutPacket {
    pub kind: MediaKind,
    pub layer: usize,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    /// Whether the packet begins a keyframe.
    pub keyframe_start: bool,
    pub payload: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VideoPlan {
    pub bitrate: u64,
    pub packet_size: usize,
    pub fps: u32,
    /// 1, or 3 for simulcast at 1/16, 1/4 and 1 of the bitrate.
    pub layers: usize,
    /// Send the packets of a frame at once instead of spread over the frame's time.
    pub burst: bool,
}

/// A camera.
#[derive(Debug)]
pub struct VideoSource {
    publisher: u32,
    plan: VideoPlan,
    layers: Vec<Layer>,
    start: Instant,
    next_frame: u32,
    /// Sorted by time.
    pending: VecDeque<Pending>,
}

#[derive(Debug)]
struct Layer {
    sequence: u16,
    picture_id: u16,
    tl0_picture_index: u8,
    payload_sizes: Vec<usize>,
    dimensions: (u16, u16),
    keyframe_wanted: bool,
}

#[derive(Debug)]
struct Pending {
    due: Instant,
    layer: usize,
    timestamp: u32,
    frame: u32,
    keyframe: bool,
    index: usize,
    picture_id: u16,
    tl0_picture_index: u8,
}

impl VideoSource {
    /// `start` of the first frame; sources started at different moments do not send in step.
    pub fn new(publisher: u32, plan: VideoPlan, start: Instant) -> Self {
        let layers = (0..plan.layers.max(1))
            .map(|layer| {
                let below_top = (plan.layers.max(1) - 1 - layer) as u32;
                let frame_bytes = (plan.bitrate / (8 * u64::from(plan.fps.max(1)))) >> (2 * below_top);
                Layer {
                    sequence: 1000 * layer as u16,
                    // Different starts in every layer: a switch has to translate.
                    picture_id: 100 + 7000 * layer as u16,
                    tl0_picture_index: 50 * layer as u8,
                    payload_sizes: payload_sizes(frame_bytes as usize, plan.packet_size),
                    dimensions: (TOP_DIMENSIONS.0 >> below_top, TOP_DIMENSIONS.1 >> below_top),
                    keyframe_wanted: true,
                }
            })
            .collect();
        Self { publisher, plan, layers, start, next_frame: 0, pending: VecDeque::new() }
    }

    /// A PLI or FIR arrived: the next frame of the layer is a keyframe.
    pub fn request_keyframe(&mut self, layer: usize) {
        if let Some(layer) = self.layers.get_mut(layer) {
            layer.keyframe_wanted = true;
        }
    }

    /// Number of the frame that comes next; all before it are out or on their way.
    pub fn next_frame(&self) -> u32 {
        self.next_frame
    }

    pub fn next_timeout(&self) -> Instant {
        let frame = self.frame_time(self.next_frame);
        self.pending.front().map_or(frame, |pending| pending.due.min(frame))
    }

    /// The next packet that is due.
    pub fn poll(&mut self, now: Instant, sent_us: u64) -> Option<OutPacket> {
        while self.frame_time(self.next_frame) <= now {
            self.begin_frame();
        }
        let pending = self.pending.pop_front_if(|pending| pending.due <= now)?;
        let layer = self.layers.get_mut(pending.layer)?;
        let count = layer.payload_sizes.len();
        let size = *layer.payload_sizes.get(pending.index)?;
        let marker = Marker {
            publisher: self.publisher,
            kind: MediaKind::Video,
            layer: pending.layer as u8,
            keyframe: pending.keyframe,
            frame: pending.frame,
            index: pending.index as u16,
            count: count as u16,
            sent_us,
        };
        let descriptor = Vp8Descriptor {
            picture_id: pending.picture_id,
            tl0_picture_index: pending.tl0_picture_index,
            start: pending.index == 0,
        };
        let sequence = layer.sequence;
        layer.sequence = sequence.wrapping_add(1);
        Some(OutPacket {
            kind: MediaKind::Video,
            layer: pending.layer,
            sequence,
            timestamp: pending.timestamp,
            marker: pending.index + 1 == count,
            keyframe_start: pending.keyframe && pending.index == 0,
            payload: payload::video_packet(&marker, &descriptor, layer.dimensions, size),
        })
    }

    fn frame_time(&self, frame: u32) -> Instant {
        self.start + Duration::from_secs(1) * frame / self.plan.fps.max(1)
    }

    fn begin_frame(&mut self) {
        let frame = self.next_frame;
        self.next_frame += 1;
        let begin = self.frame_time(frame);
        let interval = self.frame_time(self.next_frame).saturating_duration_since(begin);
        let timestamp =
            (u64::from(frame) * u64::from(VIDEO_CLOCK_RATE) / u64::from(self.plan.fps.max(1))) as u32;
        let mut packets = Vec::new();
        for (at, layer) in self.layers.iter_mut().enumerate() {
            let keyframe = std::mem::take(&mut layer.keyframe_wanted);
            layer.picture_id = (layer.picture_id + 1) & 0x7fff;
            layer.tl0_picture_index = layer.tl0_picture_index.wrapping_add(1);
            let count = layer.payload_sizes.len();
            packets.extend((0..count).map(|index| Pending {
                due: if self.plan.burst { begin } else { begin + interval * index as u32 / count as u32 },
                layer: at,
                timestamp,
                frame,
                keyframe,
                index,
                picture_id: layer.picture_id,
                tl0_picture_index: layer.tl0_picture_index,
            }));
        }
        // Stable: within a layer the order stays.
        packets.sort_by_key(|packet| packet.due);
        self.pending.extend(packets);
    }
}

/// A microphone.
#[derive(Debug)]
pub struct AudioSource {
    publisher: u32,
    start: Instant,
    next: u32,
}

impl AudioSource {
    pub fn new(publisher: u32, start: Instant) -> Self {
        Self { publisher, start, next: 0 }
    }

    pub fn next_frame(&self) -> u32 {
        self.next
    }

    pub fn next_timeout(&self) -> Instant {
        self.start + AUDIO_INTERVAL * self.next
    }

    pub fn poll(&mut self, now: Instant, sent_us: u64) -> Option<OutPacket> {
        if self.next_timeout() > now {
            return None;
        }
        let frame = self.next;
        self.next += 1;
        let marker = Marker {
            publisher: self.publisher,
            kind: MediaKind::Audio,
            layer: 0,
            keyframe: false,
            frame,
            index: 0,
            count: 1,
            sent_us,
        };
        Some(OutPacket {
            kind: MediaKind::Audio,
            layer: 0,
            sequence: frame as u16,
            timestamp: frame.wrapping_mul(AUDIO_CLOCK_PER_PACKET),
            // Opus without DTX: only the very first packet begins a talkspurt.
            marker: frame == 0,
            keyframe_start: false,
            payload: payload::audio_packet(&marker, AUDIO_PAYLOAD),
        })
    }
}

/// Whole packets of the asked size, as many as come closest to the bitrate; a frame smaller than one packet
/// is one smaller packet.
fn payload_sizes(frame_bytes: usize, packet_size: usize) -> Vec<usize> {
    let full = packet_size.saturating_sub(PACKET_OVERHEAD).max(MIN_PAYLOAD);
    let count = (frame_bytes + packet_size / 2) / packet_size.max(1);
    match count {
        0 => vec![frame_bytes.saturating_sub(PACKET_OVERHEAD).clamp(MIN_PAYLOAD, full)],
        count => vec![full; count],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const PLAN: VideoPlan =
        VideoPlan { bitrate: 1_500_000, packet_size: 1200, fps: 30, layers: 1, burst: false };

    fn drain(source: &mut VideoSource, until: Instant) -> Vec<(Instant, OutPacket)> {
        let mut out = Vec::new();
        while source.next_timeout() < until {
            let now = source.next_timeout();
            while let Some(packet) = source.poll(now, 0) {
                out.push((now, packet));
            }
        }
        out
    }

    #[test]
    fn the_rivals_workload_is_150_full_packets_a_second() {
        let start = clock::now();
        let mut source = VideoSource::new(1, PLAN, start);
        let out = drain(&mut source, start + Duration::from_secs(10));
        assert_eq!(out.len(), 1500);
        assert!(out.iter().all(|(_, packet)| packet.payload.len() == 1200 - PACKET_OVERHEAD));
        assert!(out.iter().enumerate().all(|(n, (_, packet))| packet.sequence == n as u16));
        assert_eq!(source.next_frame(), 300);
    }

    #[test]
    fn packets_of_a_frame_are_spread_or_in_one_burst() {
        let start = clock::now();
        let times = |burst| {
            let mut source = VideoSource::new(1, VideoPlan { burst, ..PLAN }, start);
            let out = drain(&mut source, start + Duration::from_millis(33));
            out.into_iter()
                .map(|(at, _)| (at - start).as_secs_f64() * 1000.0)
                .map(f64::round)
                .collect::<Vec<_>>()
        };
        assert_eq!(times(true), [0.0; 5]);
        assert_eq!(times(false), [0.0, 7.0, 13.0, 20.0, 27.0]);
    }

    #[test]
    fn layers_share_frame_numbers_and_times_and_have_their_own_sequence() {
        let start = clock::now();
        let mut source = VideoSource::new(1, VideoPlan { layers: 3, ..PLAN }, start);
        let out = drain(&mut source, start + Duration::from_secs(1));
        let per_layer = [0, 1, 2].map(|layer| out.iter().filter(|(_, p)| p.layer == layer).count());
        assert_eq!(per_layer, [30, 30, 150]);
        for layer in 0..3 {
            let of_layer: Vec<_> = out.iter().filter(|(_, p)| p.layer == layer).map(|(_, p)| p).collect();
            assert!(of_layer.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
            assert!(of_layer.is_sorted_by_key(|packet| packet.timestamp));
        }
    }

    #[test]
    fn a_keyframe_starts_every_layer_and_answers_a_request() {
        let start = clock::now();
        let mut source = VideoSource::new(1, VideoPlan { layers: 3, ..PLAN }, start);
        let keys = |out: Vec<(Instant, OutPacket)>| {
            out.iter().filter(|(_, p)| p.keyframe_start).map(|(_, p)| p.layer).collect::<Vec<_>>()
        };
        assert_eq!(keys(drain(&mut source, start + Duration::from_millis(500))), [0, 1, 2]);
        source.request_keyframe(1);
        assert_eq!(keys(drain(&mut source, start + Duration::from_millis(600))), [1]);
    }

    #[test]
    fn audio_has_fifty_packets_a_second() {
        let start = clock::now();
        let mut source = AudioSource::new(1, start);
        let mut count = 0;
        while source.next_timeout() < start + Duration::from_secs(2) {
            assert!(source.poll(source.next_timeout(), 0).is_some());
            count += 1;
        }
        assert_eq!(count, 100);
    }
}
