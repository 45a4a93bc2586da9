//! Any sequence of operations: packets in and out of order, targets, frame rates, pauses, other tracks, repairs, probes.
//! `FUZZ_OPS=n` runs so many operations, `FUZZ_SEED=n` another sequence of them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    env,
};

use super::{config, origin};
use crate::{
    base::rng::Rng,
    media::{
        forwarder::{Forwarder, Placement, Verdict, Written},
        packet::{Facts, MediaPacket},
    },
    proto::{codec::Codec, rtp::Header},
};

const DEFAULT_OPS: usize = 400_000;
const ENCODINGS: usize = 3;
/// Packets remembered by the checks, and by a history.
const REMEMBERED: usize = 400;
/// Sequence numbers a stretch may skip upstream, beyond which the room calls the stream broken.
const MAX_LOST: u64 = 20;

#[derive(Clone)]
struct Packet {
    sequence: u64,
    timestamp: u32,
    payload: Vec<u8>,
    marker: bool,
    temporal: u8,
    /// Timestamp of the frame that its frame refers to.
    refers_to: Option<u32>,
}

impl Packet {
    fn media(&self) -> MediaPacket<'_> {
        let facts =
            Facts { timestamp: self.timestamp, marker: self.marker, ..Facts::of(Codec::Vp8, &self.payload) };
        MediaPacket { sequence: self.sequence, facts, payload: &self.payload, dependencies: &[] }
    }
}

/// One simulcast layer of a camera, with three temporal layers.
struct Encoding {
    next: u64,
    timestamp: u32,
    picture: u16,
    tl0: u8,
    frame: u64,
    /// Timestamps of the newest frames of the temporal layers.
    newest: [u32; 3],
    /// Sent, but not arrived yet.
    late: VecDeque<Packet>,
    history: VecDeque<Packet>,
}

impl Encoding {
    fn new(rng: &mut Rng) -> Self {
        Self {
            next: 70_000 + rng.u64() % 1_000_000,
            timestamp: rng.u32(),
            picture: rng.u16() & 0x7FFF,
            tl0: u8::try_from(rng.u16() & 0xFF).unwrap(),
            frame: 0,
            newest: [0; 3],
            late: VecDeque::new(),
            history: VecDeque::new(),
        }
    }

    /// The packets of the next frame.
    fn frame(&mut self, rng: &mut Rng) -> Vec<Packet> {
        let keyframe = rng.u64().is_multiple_of(8);
        let place = if keyframe { 0 } else { self.frame % 8 };
        let temporal = [0, 2, 1, 2][usize::try_from(place % 4).unwrap()];
        self.frame = place + 1;
        self.timestamp = self.timestamp.wrapping_add(3_000);
        self.picture = self.picture.wrapping_add(1) & 0x7FFF;
        self.tl0 = self.tl0.wrapping_add(u8::from(temporal == 0));
        // As libvpx: the upper layers start from the base in the first half of eight pictures, and go on from
        // themselves in the second.
        let (refers_to, sync) = match place {
            0 if keyframe => (None, false),
            1 | 2 => (Some(self.newest[0]), true),
            5 => (Some(self.newest[2]), false),
            3 | 6 | 7 => (Some(self.newest[1]), false),
            _ => (Some(self.newest[0]), false),
        };
        self.newest[usize::from(temporal)] = self.timestamp;
        let count = 1 + rng.u64() % 3;
        let [high, low] = self.picture.to_be_bytes();
        let packets = (0..count).map(|number| {
            let start = if number == 0 { 0x10 } else { 0 };
            let sync = if sync { 0x20 } else { 0 };
            let body = u8::from(!(keyframe && number == 0));
            let payload =
                vec![0x80 | start, 0xE0, 0x80 | high, low, self.tl0, temporal << 6 | sync, body, 9, 9];
            let marker = number + 1 == count;
            let (sequence, timestamp) = (self.next + number, self.timestamp);
            Packet { sequence, timestamp, payload, marker, temporal, refers_to }
        });
        let packets = packets.collect();
        self.next += count;
        packets
    }

    fn find(&self, sequence: u64) -> Option<&Packet> {
        self.history.iter().find(|one| one.sequence == sequence)
    }
}

struct Fuzz {
    rng: Rng,
    forwarder: Forwarder,
    encodings: Vec<Encoding>,
    /// What was sent under each index of the stream and of its repairs.
    sent: BTreeMap<u64, Vec<u8>>,
    repairs: BTreeMap<u64, Vec<u8>>,
    /// Of the newest packet of the stream: index, time, picture, encoding.
    newest: Option<(u64, u32, u16, u8)>,
    /// Its TL0PICIDX, and its picture.
    newest_tl0: Option<(u8, u16)>,
    /// The newest packet that arrived of each encoding.
    arrived: [u64; ENCODINGS],
    /// Frames of the encoding that is forwarded which were left out since it began.
    left_out: BTreeSet<u32>,
    max_temporal: (u8, u8),
    forwarded: usize,
}

impl Fuzz {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let encodings = (0..ENCODINGS).map(|_| Encoding::new(&mut rng)).collect();
        let forwarder =
            Forwarder::new(super::StreamConfig { transport_cc_ext: 5, ..config(true) }, rng.u16());
        let (sent, repairs) = (BTreeMap::new(), BTreeMap::new());
        Self {
            rng,
            forwarder,
            encodings,
            sent,
            repairs,
            newest: None,
            newest_tl0: None,
            arrived: [0; ENCODINGS],
            left_out: BTreeSet::new(),
            max_temporal: (u8::MAX, u8::MAX),
            forwarded: 0,
        }
    }

    fn step(&mut self, now: std::time::Instant) {
        match self.rng.u64() % 64 {
            0 => {
                let target = u8::try_from(self.rng.u64() % 4).unwrap();
                self.forwarder.set_target((target < 3).then_some(target));
            }
            1 => {
                let mut limit = || [0, 1, 2, u8::MAX][usize::try_from(self.rng.u64() % 4).unwrap()];
                self.max_temporal = (limit(), limit());
                self.forwarder.set_max_temporal(self.max_temporal.0, self.max_temporal.1);
            }
            2 => self.forwarder.suspend(),
            3 if self.rng.u64().is_multiple_of(8) => {
                let config = self.forwarder.config().clone();
                self.forwarder.resume_with(config);
                self.max_temporal = (u8::MAX, u8::MAX);
            }
            4..=11 => self.repair(),
            12 => self.probe(),
            _ => self.arrive(now),
        }
    }

    /// A frame arrives, whole or with holes, or something late does.
    fn arrive(&mut self, now: std::time::Instant) {
        let layer = usize::try_from(self.rng.u64() % ENCODINGS as u64).unwrap();
        let late = self.rng.u64().is_multiple_of(4);
        let packets = match self.encodings[layer].late.pop_front().filter(|_| late) {
            Some(packet) => vec![packet],
            None => self.encodings[layer].frame(&mut self.rng),
        };
        for packet in packets {
            match self.rng.u64() % 32 {
                0 => {} // lost for good
                1 if !late && self.encodings[layer].late.len() < 8 => {
                    self.encodings[layer].late.push_back(packet)
                }
                _ => self.deliver(now, layer, packet),
            }
        }
    }

    fn deliver(&mut self, now: std::time::Instant, layer: usize, packet: Packet) {
        let encoding = u8::try_from(layer).unwrap();
        let before = self.forwarder.encoding();
        let verdict = self.forwarder.decide(now, encoding, &packet.media());
        let in_order = packet.sequence > self.arrived[layer];
        self.arrived[layer] = self.arrived[layer].max(packet.sequence);
        let history = &mut self.encodings[layer].history;
        history.push_back(packet.clone());
        if history.len() > REMEMBERED {
            history.pop_front();
        }
        let Verdict::Forward(at) = verdict else {
            let waits = self.forwarder.target().is_some();
            assert!(verdict != Verdict::NeedKeyframe || waits, "nobody wants a keyframe while paused");
            if in_order && before == Some(encoding) {
                self.left_out.insert(packet.timestamp);
            }
            return;
        };
        assert!(self.forwarder.target().is_some(), "nothing is sent while paused");
        assert_eq!(at.layer, encoding);
        if before != Some(encoding) {
            assert!(packet.media().facts.keyframe, "a layer starts with a keyframe");
            self.left_out.clear();
        }
        if in_order {
            self.check_layers(&packet, encoding);
        }
        let mut slot = [0; 256];
        let written = self.forwarder.write(&mut slot, &packet.media(), at, 0, 77).unwrap();
        self.check(&at, &slot, written);
    }

    /// A packet that goes on has what it refers to, and is of no layer that is left out.
    fn check_layers(&mut self, packet: &Packet, encoding: u8) {
        assert!(!self.left_out.contains(&packet.timestamp), "a part of a frame");
        let refers_to = packet.refers_to.filter(|frame| self.left_out.contains(frame));
        assert_eq!(refers_to, None, "{} refers to what was left out", packet.timestamp);
        let (limit, meanwhile) = self.max_temporal;
        let limit = if self.forwarder.target() == Some(encoding) { limit } else { meanwhile };
        let begins = packet.media().facts.begins_frame();
        assert!(!begins || packet.temporal <= limit, "layer {} above {limit}", packet.temporal);
    }

    fn check(&mut self, at: &Placement, slot: &[u8], written: Written) {
        self.forwarded += 1;
        let bytes = slot[..written.len].to_vec();
        let header = Header::parse(&bytes).unwrap();
        assert_eq!(u64::from(header.sequence), at.index & 0xFFFF);
        assert!(self.sent.insert(at.index, bytes).is_none(), "index {} is used twice", at.index);
        if self.sent.len() > REMEMBERED {
            self.sent.pop_first();
        }
        // A blank only keeps the numbers together: it is of no picture.
        let picture = match self.newest {
            Some((_, _, picture, _)) if at.blank => picture,
            _ => at.picture_id,
        };
        let newest = (at.index, at.timestamp, picture, at.layer);
        let Some((index, timestamp, picture, layer)) = self.newest.replace(newest) else { return };
        if at.index < index {
            self.newest = Some((index, timestamp, picture, layer));
            return;
        }
        // Upstream gaps stay open for repairs; nothing else leaves one.
        let gap = at.index - index;
        assert!(gap == 1 || (layer == at.layer && gap <= MAX_LOST), "from {index} to {}", at.index);
        let elapsed = at.timestamp.wrapping_sub(timestamp);
        assert!(elapsed < 1 << 31, "time goes back");
        if !at.blank {
            let pictures = at.picture_id.wrapping_sub(picture) & 0x7FFF;
            assert!(pictures <= 64, "picture ids jump by {pictures}");
            assert!(pictures > 0 || elapsed == 0, "another picture with the same id");
            // What is left out is never of the base layer: that counts on with the pictures, or more slowly.
            let Some((tl0, picture)) = self.newest_tl0.replace((at.tl0_pic_idx, at.picture_id)) else {
                return;
            };
            let (bases, pictures) =
                (at.tl0_pic_idx.wrapping_sub(tl0), at.picture_id.wrapping_sub(picture) & 0x7FFF);
            assert!(u16::from(bases) <= pictures, "TL0PICIDX: {bases} more in {pictures} pictures");
        }
    }

    /// A NACK for something recent.
    fn repair(&mut self) {
        let Some((newest, ..)) = self.newest else { return };
        let index = newest.saturating_sub(self.rng.u64() % 64);
        let sequence = crate::base::seq::low16(index);
        let Some(sent) = self.forwarder.lookup(sequence) else { return };
        let encoding = &self.encodings[usize::from(sent.layer)];
        let Some(packet) = encoding.find(sent.source_near(encoding.next)) else { return };
        let mut slot = [0; 256];
        let repaired = self.forwarder.write_repair(&mut slot, sequence, &sent, &packet.media(), 78);
        let Some(written) = repaired else { return };
        let body = &slot[written.header_len..written.len];
        assert_eq!(body[..2], sequence.to_be_bytes());
        if let Some(original) = self.sent.get(&index) {
            let header = Header::parse(original).unwrap();
            assert_eq!(body[2..], original[header.payload_start..], "a repair is what was sent");
        }
        self.check_repair(&slot, written);
    }

    fn probe(&mut self) {
        let mut slot = [0; 1_500];
        let back = self.rng.u64() % 8;
        let encodings = &self.encodings;
        let history = |sent: &crate::media::sent::Sent| {
            let encoding = &encodings[usize::from(sent.layer)];
            encoding.find(sent.source_near(encoding.next)).map(Packet::media)
        };
        if let Some(written) = self.forwarder.write_probe(&mut slot, back, history, 79) {
            self.check_repair(&slot, written);
        }
    }

    fn check_repair(&mut self, slot: &[u8], written: Written) {
        assert_eq!(Some(written.ssrc), self.forwarder.config().rtx.map(|(ssrc, _)| ssrc));
        let bytes = slot[..written.len].to_vec();
        assert!(self.repairs.insert(written.index, bytes).is_none(), "repair {} twice", written.index);
        let newest = *self.repairs.last_key_value().unwrap().0;
        assert_eq!(newest, written.index, "repairs are numbered on");
        if self.repairs.len() > REMEMBERED {
            self.repairs.pop_first();
        }
    }
}

#[test]
fn any_operations_leave_a_stream_that_receivers_can_follow() {
    let number = |name: &str, default: usize| {
        env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (ops, seed) = (number("FUZZ_OPS", DEFAULT_OPS), number("FUZZ_SEED", 1));
    let mut now = origin();
    let (mut left, mut round) = (ops, 0);
    while left > 0 {
        let mut fuzz = Fuzz::new(seed as u64 * 1_000_003 + round);
        let count = left.min(20_000);
        for _ in 0..count {
            now += std::time::Duration::from_millis(fuzz.rng.u64() % 40);
            fuzz.step(now);
        }
        assert!(fuzz.forwarded > count / 50, "only {} of {count} were forwarded", fuzz.forwarded);
        (left, round) = (left - count, round + 1);
    }
    println!("{ops} operations, seed {seed}");
}
