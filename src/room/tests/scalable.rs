//! A publisher of scalable video, and a viewer that knows which frames can be decoded.
//!
//! It sends three layers as simulcast (L1T3 each) or, not of VP8, in one stream (L3T3_KEY). Pictures come in the order
//! 0 2 1 2 of temporal layers. Each packet ends in a trailer that says which frame it is a part of.

use std::collections::{BTreeMap, BTreeSet};

use super::peer::{self, Raw, payload_type};
use crate::proto::codec::{Codec, av1, vp8, vp9};

/// Payload of a full packet.
const FULL: usize = 1_100;
/// Frame, part, parts, spatial and temporal layer.
const TRAILER: usize = 8;
const ORDER: [u8; 4] = [0, 2, 1, 2];
/// What frames of each temporal layer have of the mean size, in percent: the base refers furthest back.
const SHARE: [usize; 3] = [160, 100, 70];
pub const SPATIAL: u8 = 3;

/// Bytes of a frame of each spatial layer, which make 100, 400 and 1600 kb/s at 30 frames a second. Of layers of one
/// stream the upper ones only need what is missing.
fn mean_bytes(simulcast: bool, spatial: u8) -> usize {
    let alone = [420, 1_660, 6_660];
    let below = spatial.checked_sub(1).filter(|_| !simulcast).map_or(0, |below| alone[usize::from(below)]);
    alone[usize::from(spatial)] - below
}

pub struct Encoder {
    codec: Codec,
    simulcast: bool,
    /// It says where upper temporal layers can be joined.
    pub tells_joins: bool,
    timestamp: u32,
    frame: u32,
    streams: Vec<Stream>,
    /// What each frame refers to.
    refers_to: BTreeMap<u32, Vec<u32>>,
}

/// One simulcast layer, or all of them together.
#[derive(Default)]
struct Stream {
    started: bool,
    picture: u16,
    tl0: u8,
    since_key: usize,
    /// Newest frames by spatial and temporal layer.
    newest: BTreeMap<(u8, u8), u32>,
}

impl Encoder {
    pub fn new(codec: Codec, simulcast: bool) -> Self {
        let count = if simulcast { SPATIAL } else { 1 };
        let stream = |number| Stream { picture: 0x7FF0 + u16::from(number), ..Stream::default() };
        let streams = (0..count).map(stream).collect();
        Self {
            codec,
            simulcast,
            tells_joins: true,
            timestamp: 90_000,
            frame: 0,
            streams,
            refers_to: BTreeMap::new(),
        }
    }

    /// The next picture of each stream. `asked` are the streams of which somebody wants a keyframe.
    pub fn encode(&mut self, asked: &[u32]) -> Vec<(Option<u8>, Raw)> {
        self.timestamp = self.timestamp.wrapping_add(3_000);
        let mut packets = Vec::new();
        for number in 0..self.streams.len() {
            let layer = u8::try_from(number).unwrap();
            let key = !self.streams[number].started || asked.contains(&peer::media_ssrc(layer));
            if self.simulcast {
                packets.extend(self.frame(number, key, layer).into_iter().map(|one| (Some(layer), one)));
                continue;
            }
            for spatial in 0..SPATIAL {
                packets.extend(self.frame(number, key, spatial).into_iter().map(|one| (None, one)));
            }
        }
        packets
    }

    /// The packets of one frame of a spatial layer.
    fn frame(&mut self, number: usize, key: bool, spatial: u8) -> Vec<Raw> {
        let simulcast = self.simulcast;
        let stream = &mut self.streams[number];
        if simulcast || spatial == 0 {
            stream.started = true;
            stream.since_key = if key { 0 } else { stream.since_key + 1 };
            stream.picture = (stream.picture + 1) & 0x7FFF;
            stream.tl0 = stream.tl0.wrapping_add(u8::from(stream.since_key.is_multiple_of(ORDER.len())));
        }
        let temporal = ORDER[stream.since_key % ORDER.len()];
        let refers_to: Vec<u32> = if key {
            let below = spatial.checked_sub(1).and_then(|below| stream.newest.get(&(below, 0)));
            below.filter(|_| !simulcast).copied().into_iter().collect()
        } else {
            let lower = (0..temporal.max(1)).filter_map(|one| stream.newest.get(&(spatial, one)));
            lower.max().copied().into_iter().collect()
        };
        let alone = refers_to.iter().all(|one| stream.newest.get(&(spatial, 0)) == Some(one));
        if key {
            stream.newest.retain(|(layer, _), _| *layer != spatial);
        }
        self.frame += 1;
        stream.newest.insert((spatial, temporal), self.frame);
        self.refers_to.insert(self.frame, refers_to);

        let mut left = mean_bytes(simulcast, spatial) * SHARE[usize::from(temporal)] / 100;
        let parts = left.div_ceil(FULL).max(1);
        let mut packets = Vec::new();
        for part in 0..parts {
            let (begins, ends) = (part == 0, part + 1 == parts);
            let (mut payload, dependencies) = self.head(
                number,
                key,
                (spatial, temporal),
                begins,
                ends,
                temporal > 0 && alone && self.tells_joins,
            );
            let size = left.min(FULL);
            left -= size;
            payload.resize((size.max(payload.len() + TRAILER)) - TRAILER, 0);
            payload.extend(self.frame.to_be_bytes());
            payload.extend([u8::try_from(part).unwrap(), u8::try_from(parts).unwrap(), spatial, temporal]);
            let marker = ends && (simulcast || spatial + 1 == SPATIAL);
            let (payload_type, timestamp) = (payload_type(self.codec), self.timestamp);
            packets.push(Raw { payload_type, sequence: 0, timestamp, marker, payload, dependencies });
        }
        packets
    }

    /// The codec's descriptor, and the dependency descriptor where it has one.
    fn head(
        &self,
        number: usize,
        key: bool,
        (spatial, temporal): (u8, u8),
        begins: bool,
        ends: bool,
        alone: bool,
    ) -> (Vec<u8>, Vec<u8>) {
        let stream = &self.streams[number];
        let [high, low] = stream.picture.to_be_bytes();
        match self.codec {
            Codec::Vp8 => {
                let start = 0x80 | u8::from(begins) << 4;
                let layer = temporal << 6 | u8::from(alone) << 5;
                (vec![start, 0xE0, 0x80 | high, low, stream.tl0, layer, u8::from(!key)], Vec::new())
            }
            Codec::Vp9 => {
                let inner = if self.simulcast { 0 } else { spatial };
                let announces = key && inner == 0 && begins;
                let flags = u8::from(begins) << 3 | u8::from(ends) << 2 | u8::from(announces) << 1;
                let up = u8::from(temporal > 0);
                let layers = temporal << 5 | up << 4 | inner << 1 | u8::from(key && inner > 0);
                let mut head = vec![0xA0 | u8::from(!key) << 6 | flags, 0x80 | high, low, layers, stream.tl0];
                let count = if self.simulcast { 1 } else { SPATIAL };
                head.extend(announces.then_some((count - 1) << 5));
                (head, Vec::new())
            }
            _ if self.simulcast => {
                (vec![0x10], av1::tests::l1t3_part(key, temporal, stream.picture, begins, ends))
            }
            _ => {
                let frame = u16::try_from(self.frame & 0xFFFF).unwrap();
                (vec![0x10], av1::tests::l3t3_key(key, (spatial, temporal), frame, begins, ends))
            }
        }
    }
}

/// A picture that was decoded: its highest layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub spatial: u8,
    pub temporal: u8,
}

/// Takes what comes, in the order in which it comes.
#[derive(Default)]
pub struct Viewer {
    /// Parts that came of the frame that is under way.
    parts: BTreeMap<u32, u8>,
    decoded: BTreeSet<u32>,
    /// Number and marker of the newest packet.
    newest: Option<(u16, bool)>,
    /// Timestamp, picture id and TL0PICIDX of the newest picture.
    picture: Option<(u32, u16, Option<u8>)>,
}

impl Viewer {
    /// The pictures that are whole. Fails if a frame cannot be decoded, or if the numbers do not go on.
    pub fn take(&mut self, encoder: &Encoder, packets: &[Raw]) -> Vec<Shown> {
        let mut shown = Vec::new();
        for packet in packets {
            if let Some((before, ended)) = self.newest.replace((packet.sequence, packet.marker)) {
                assert_eq!(packet.sequence, before.wrapping_add(1), "sequence numbers are dense");
                let same = self.picture.is_some_and(|(timestamp, ..)| timestamp == packet.timestamp);
                assert_eq!(same, !ended, "a marker ends each picture");
            }
            let (_, trailer) = packet.payload.split_at(packet.payload.len() - TRAILER);
            let frame = u32::from_be_bytes(trailer[..4].try_into().unwrap());
            let [part, parts, spatial, temporal] = trailer[4..].try_into().unwrap();
            self.follow(encoder.codec, packet, temporal);
            let came = self.parts.entry(frame).or_default();
            assert_eq!(part, *came, "frame {frame} from its beginning");
            *came += 1;
            if *came < parts {
                continue;
            }
            self.parts.remove(&frame);
            assert!(self.parts.is_empty(), "parts of frames only: {:?}", self.parts);
            for needed in &encoder.refers_to[&frame] {
                assert!(
                    self.decoded.contains(needed),
                    "frame {frame} (layer {spatial}/{temporal}) refers to {needed}, which was left out"
                );
            }
            self.decoded.insert(frame);
            shown.extend(packet.marker.then_some(Shown { spatial, temporal }));
        }
        shown
    }

    /// Picture ids of VP8 have no gap, TL0PICIDX counts base pictures, time goes on.
    fn follow(&mut self, codec: Codec, packet: &Raw, temporal: u8) {
        let (id, tl0) = match codec {
            Codec::Vp8 => {
                let descriptor = vp8::Descriptor::parse(&packet.payload).unwrap();
                (descriptor.picture_id.unwrap().value, descriptor.tl0_pic_idx)
            }
            Codec::Vp9 => {
                let descriptor = vp9::Descriptor::parse(&packet.payload).unwrap();
                (descriptor.picture_id.unwrap().value, descriptor.tl0_pic_idx)
            }
            _ => (0, None),
        };
        let Some((timestamp, last, last_tl0)) = self.picture.replace((packet.timestamp, id, tl0)) else {
            return;
        };
        let elapsed = packet.timestamp.wrapping_sub(timestamp);
        assert!(elapsed < 90_000 * 60, "time goes on");
        if elapsed == 0 {
            assert_eq!((id, tl0), (last, last_tl0), "of one picture");
            return;
        }
        if codec == Codec::Vp8 {
            assert_eq!(id, (last + 1) & 0x7FFF, "picture ids");
        }
        assert_eq!(tl0, last_tl0.map(|last| last.wrapping_add(u8::from(temporal == 0))), "TL0PICIDX");
    }
}
