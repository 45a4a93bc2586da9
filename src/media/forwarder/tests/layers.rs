//! Layers of one encoding: whatever is left out, switched, lost and reordered, what goes on can be decoded and its
//! numbers have no holes but those the publisher left.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{super::*, origin};
use crate::base::seq::low16;
use crate::proto::{
    codec::{av1, vp8, vp9},
    rtp::Header,
};

const AV1_ID: u8 = 12;

fn config(codec: Codec) -> StreamConfig {
    StreamConfig {
        codec,
        svc: codec.is_scalable(),
        ssrc: 100,
        payload_type: 96,
        red: None,
        rtx: Some((101, 97)),
        mid: "4".into(),
        mid_ext: 1,
        audio_level_ext: 0,
        orientation_ext: 0,
        transport_cc_ext: 0,
        dependency_ext: AV1_ID,
        playout_delay_ext: 0,
        capture_time_ext: 0,
        long_extensions: true,
    }
}

/// A packet as a publisher sends it.
#[derive(Debug, Clone)]
struct Packet {
    sequence: u64,
    frame: usize,
    facts: Facts,
    payload: Vec<u8>,
    dependencies: Vec<u8>,
}

impl Packet {
    fn media(&self) -> MediaPacket<'_> {
        MediaPacket {
            sequence: self.sequence,
            facts: self.facts,
            payload: &self.payload,
            dependencies: &self.dependencies,
        }
    }
}

/// A frame of one spatial layer: what it refers to, and its packets.
#[derive(Debug, Clone, Default)]
struct Frame {
    picture: usize,
    layer: LayerId,
    refers_to: Vec<usize>,
    packets: BTreeSet<u64>,
}

/// Encodes pictures of `spatial` layers in the pattern 0 2 1 2 (VP8, VP9) or 0 1 (AV1), upper spatial layers predicted
/// from lower ones in key pictures only.
#[derive(Debug)]
struct Encoder {
    codec: Codec,
    frames: Vec<Frame>,
    packets: Vec<Packet>,
    picture: usize,
    since_key: usize,
    structure: Option<Box<av1::Structure>>,
    /// Last frame by (spatial, temporal).
    last: BTreeMap<(u8, u8), usize>,
}

impl Encoder {
    fn new(codec: Codec) -> Self {
        Self {
            codec,
            frames: Vec::new(),
            packets: Vec::new(),
            picture: 0,
            since_key: 0,
            structure: None,
            last: BTreeMap::new(),
        }
    }

    fn spatial_layers(&self) -> u8 {
        match self.codec {
            Codec::Vp9 => 3,
            Codec::Av1 => 2,
            _ => 1,
        }
    }

    fn encode(&mut self, key: bool, sizes: usize) {
        let key = key || self.picture == 0;
        self.since_key = if key { 0 } else { self.since_key + 1 };
        let pattern: &[u8] = if self.codec == Codec::Av1 { &[0, 1] } else { &[0, 2, 1, 2] };
        let temporal = pattern[self.since_key % pattern.len()];
        let spatial_layers = self.spatial_layers();
        for spatial in 0..spatial_layers {
            let refers_to: Vec<usize> = if key {
                spatial.checked_sub(1).map(|below| self.last[&(below, 0)]).into_iter().collect()
            } else {
                // The newest frame of a lower temporal layer, or of the same if it is the base.
                let below = (0..temporal.max(1)).filter_map(|one| self.last.get(&(spatial, one)));
                below.max().copied().into_iter().collect()
            };
            let alone = refers_to.iter().all(|one| self.frames[*one].layer.temporal == 0);
            if key {
                self.last.retain(|(layer, _), _| *layer != spatial);
            }
            let frame = self.frames.len();
            self.last.insert((spatial, temporal), frame);
            let layer = LayerId { spatial, temporal };
            self.frames.push(Frame { picture: self.picture, layer, refers_to, packets: BTreeSet::new() });
            let count = 1 + (sizes + usize::from(spatial)) % 3;
            for n in 0..count {
                let (begins, ends) = (n == 0, n + 1 == count);
                let last_of_picture = ends && spatial + 1 == spatial_layers;
                self.pack(key, alone, frame, (begins, ends), last_of_picture);
            }
        }
        self.picture += 1;
    }

    fn pack(&mut self, key: bool, alone: bool, frame: usize, (begins, ends): (bool, bool), marker: bool) {
        let LayerId { spatial, temporal } = self.frames[frame].layer;
        let sequence = 100_000 + self.packets.len() as u64;
        let [high, low] = u16::try_from(self.picture & 0x7FFF).unwrap().to_be_bytes();
        let (mut payload, mut dependencies) = (Vec::new(), Vec::new());
        let mut facts = match self.codec {
            Codec::Vp8 => {
                let start = if begins { 0x90 } else { 0x80 };
                let sync = if temporal > 0 && alone { 0x20 } else { 0 };
                let tag = u8::from(!key);
                payload.extend([start, 0xE0, 0x80 | high, low, 7, temporal << 6 | sync, tag, 9]);
                Facts::of(Codec::Vp8, &payload)
            }
            Codec::Vp9 => {
                // Non-flexible mode; U as libvpx sets it: what it refers to is of lower layers only.
                let up = u8::from(temporal > 0);
                let first = 0xA0 | u8::from(!key) << 6 | u8::from(begins) << 3 | u8::from(ends) << 2;
                let layers = temporal << 5 | up << 4 | spatial << 1 | u8::from(key && spatial > 0);
                payload.extend([first, 0x80 | high, low, layers, 7, 9]);
                Facts::of(Codec::Vp9, &payload)
            }
            _ => {
                let template = match (key, spatial, temporal) {
                    (true, 0, _) => 0,
                    (true, ..) => 3,
                    (false, 0, 0) => 1,
                    (false, 0, _) => 2,
                    (false, _, 0) => 4,
                    (false, ..) => 5,
                };
                let number = u16::try_from(frame & 0xFFFF).unwrap();
                dependencies = av1::tests::l2t2_key(template, number, begins, ends);
                payload.extend([0x10, 9, 9]);
                Facts::of_av1(&payload, &dependencies, &mut self.structure)
            }
        };
        facts.timestamp = u32::try_from(self.picture).unwrap() * 3_000;
        facts.marker = marker;
        self.frames[frame].packets.insert(sequence);
        self.packets.push(Packet { sequence, frame, facts, payload, dependencies });
    }
}

/// What the subscriber got.
#[derive(Debug, Default)]
struct Received {
    /// By index: the publisher's sequence, and where it went.
    packets: BTreeMap<u64, (u64, Placement)>,
    real: BTreeSet<u64>,
}

impl Received {
    fn take(&mut self, packet: &Packet, at: Placement) {
        let before = self.packets.insert(at.index, (packet.sequence, at));
        assert!(before.is_none(), "index {} twice", at.index);
        if !at.blank {
            self.real.insert(packet.sequence);
        }
    }

    /// Frames of which every packet came.
    fn complete(&self, encoder: &Encoder) -> BTreeSet<usize> {
        let whole = |frame: &Frame| frame.packets.iter().all(|one| self.real.contains(one));
        encoder.frames.iter().enumerate().filter(|(_, one)| whole(one)).map(|(number, _)| number).collect()
    }
}

/// What happens before a picture is sent.
#[derive(Debug, Clone, Copy)]
struct Turn {
    key: bool,
    target: Option<u8>,
    max_temporal: u8,
    meanwhile: u8,
    sizes: usize,
}

fn turn() -> impl Strategy<Value = Turn> {
    let target = prop_oneof![8 => Just(None), 4 => (0u8..3).prop_map(Some)];
    (prop::bool::weighted(0.1), target, 0u8..12, 0u8..4, 0usize..3).prop_map(
        |(key, target, max_temporal, meanwhile, sizes)| Turn { key, target, max_temporal, meanwhile, sizes },
    )
}

/// Runs a stream; `fate` decides over each packet: 0 = lost, 1 = comes late, anything else = in time.
fn run(codec: Codec, turns: &[Turn], fates: &[u8]) -> (Encoder, Received, BTreeSet<u64>) {
    let start = origin();
    let mut encoder = Encoder::new(codec);
    let mut forwarder = Forwarder::new(config(codec), 9);
    let mut received = Received::default();
    let mut lost = BTreeSet::new();
    let mut late: Vec<Packet> = Vec::new();
    let mut fates = fates.iter().copied().cycle();
    forwarder.set_target(Some(0));
    for (tick, turn) in turns.iter().enumerate() {
        let now = start + Duration::from_millis(tick as u64 * 33);
        if let Some(target) = turn.target {
            let layer = if codec.is_scalable() { target.min(encoder.spatial_layers() - 1) } else { 0 };
            forwarder.set_target(Some(layer));
        }
        match turn.max_temporal {
            limit @ 0..3 => forwarder.set_max_temporal(limit, turn.meanwhile),
            3 => forwarder.set_max_temporal(u8::MAX, turn.meanwhile),
            _ => {}
        }
        let from = encoder.packets.len();
        encoder.encode(turn.key, turn.sizes);
        let mut arriving = std::mem::take(&mut late);
        for packet in &encoder.packets[from..] {
            match fates.next().unwrap_or(9) {
                0 => {
                    lost.insert(packet.sequence);
                }
                1 => late.push(packet.clone()),
                _ => arriving.insert(0, packet.clone()),
            }
        }
        arriving.sort_by_key(|packet| (packet.sequence < encoder.packets[from].sequence, packet.sequence));
        for packet in &arriving {
            if let Verdict::Forward(at) = forwarder.decide(now, 0, &packet.media()) {
                received.take(packet, at);
            }
        }
    }
    (encoder, received, lost)
}

fn assert_dense(received: &Received, missing: usize) {
    let indices: Vec<u64> = received.packets.keys().copied().collect();
    if let (Some(first), Some(last)) = (indices.first(), indices.last()) {
        let holes = usize::try_from(last - first + 1).unwrap() - indices.len();
        assert!(holes <= missing, "{holes} holes, the publisher left {missing}");
    }
    // In the order of the publisher.
    let order: Vec<u64> = received.packets.values().map(|(sequence, _)| *sequence).collect();
    assert!(order.is_sorted(), "{order:?}");
}

proptest! {
    /// Without loss, whatever layers come and go: every frame that is sent is whole and has what it refers to, each
    /// picture ends with its only marker, and numbers go up by one.
    #[test]
    fn what_is_forwarded_can_be_decoded(
        turns in prop::collection::vec(turn(), 1..160),
        codec in prop::sample::select(vec![Codec::Vp8, Codec::Vp9, Codec::Av1]),
    ) {
        let (encoder, received, _) = run(codec, &turns, &[9]);
        assert_dense(&received, 0);
        let complete = received.complete(&encoder);
        let mut pictures: BTreeMap<usize, Vec<(usize, Placement)>> = BTreeMap::new();
        for (sequence, at) in received.packets.values() {
            let packet = &encoder.packets[usize::try_from(sequence - 100_000).unwrap()];
            prop_assert!(!at.blank);
            prop_assert!(complete.contains(&packet.frame), "a part of frame {}", packet.frame);
            for needed in &encoder.frames[packet.frame].refers_to {
                prop_assert!(complete.contains(needed), "frame {} without {needed}", packet.frame);
            }
            pictures.entry(encoder.frames[packet.frame].picture).or_default().push((packet.frame, *at));
        }
        for packets in pictures.values() {
            let markers: Vec<bool> = packets.iter().map(|(_, at)| at.marker).collect();
            let (last, rest) = markers.split_last().unwrap();
            prop_assert!(*last && !rest.contains(&true), "{markers:?}");
            let ids: BTreeSet<u16> = packets.iter().map(|(_, at)| at.picture_id).collect();
            prop_assert!(codec == Codec::Av1 || ids.len() == 1, "one picture id: {ids:?}");
        }
        if codec == Codec::Vp8 {
            let ids: Vec<u16> = pictures.values().map(|packets| packets[0].1.picture_id).collect();
            for pair in ids.windows(2) {
                prop_assert_eq!(pair[1], (pair[0] + 1) & 0x7FFF, "continuous picture ids");
            }
        }
    }

    /// With loss and packets that come late: no number twice, none missing but those of lost packets, everything in
    /// the publisher's order, and complete frames only of what was let through.
    #[test]
    fn loss_and_reordering_leave_no_other_holes(
        turns in prop::collection::vec(turn(), 1..160),
        fates in prop::collection::vec(0u8..12, 1..40),
        codec in prop::sample::select(vec![Codec::Vp8, Codec::Vp9, Codec::Av1]),
    ) {
        let (encoder, received, lost) = run(codec, &turns, &fates);
        // What was still on its way at the end.
        let newest = received.packets.values().next_back().map_or(0, |(sequence, _)| *sequence);
        let sent: BTreeSet<u64> = received.packets.values().map(|(sequence, _)| *sequence).collect();
        let never = encoder.packets.iter().filter(|one| one.sequence <= newest && !sent.contains(&one.sequence));
        assert_dense(&received, never.count().max(lost.len()));
        for index in received.packets.keys().zip(received.packets.keys().skip(1)) {
            prop_assert!(index.0 < index.1);
        }
    }
}

fn steady(codec: Codec, changes: &[(usize, Option<u8>, u8)], pictures: usize) -> (Encoder, Received) {
    let quiet = Turn { key: false, target: None, max_temporal: 9, meanwhile: u8::MAX, sizes: 1 };
    let mut turns = vec![quiet; pictures];
    for (at, target, max_temporal) in changes {
        turns[*at] = Turn { key: target.is_some(), target: *target, max_temporal: *max_temporal, ..quiet };
    }
    let (encoder, received, _) = run(codec, &turns, &[9]);
    (encoder, received)
}

/// Highest layers per picture.
fn levels(encoder: &Encoder, received: &Received) -> Vec<Option<LayerId>> {
    let complete = received.complete(encoder);
    (0..encoder.picture)
        .map(|picture| {
            let frames =
                complete.iter().map(|one| &encoder.frames[*one]).filter(|one| one.picture == picture);
            frames.map(|one| one.layer).max()
        })
        .collect()
}

#[test]
fn temporal_layers_go_at_once_and_come_back_where_the_codec_allows() {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1] {
        let (encoder, received) = steady(codec, &[(8, None, 0), (24, None, 3)], 48);
        let shown = |range: std::ops::Range<usize>| {
            levels(&encoder, &received)[range].iter().filter(|one| one.is_some()).count()
        };
        let base = if codec == Codec::Av1 { 8 } else { 4 };
        assert_eq!(shown(8..24), base, "{codec:?}: only the base layer");
        assert_eq!(shown(32..48), 16, "{codec:?}: all of them again within a cycle");
    }
}

#[test]
fn a_larger_layer_is_awaited_at_the_frame_rate_of_the_smaller_one() {
    for codec in [Codec::Vp9, Codec::Av1] {
        let mut encoder = Encoder::new(codec);
        let mut forwarder = Forwarder::new(config(codec), 9);
        forwarder.set_target(Some(0));
        let mut send = |forwarder: &mut Forwarder, key: bool| {
            let from = encoder.packets.len();
            encoder.encode(key, 0);
            let packets = encoder.packets[from..].iter();
            let passed = packets.filter_map(|packet| match forwarder.decide(origin(), 0, &packet.media()) {
                Verdict::Forward(_) => Some(packet.facts.layer()),
                _ => None,
            });
            passed.max()
        };
        let small = |temporal| Some(LayerId { spatial: 0, temporal });
        assert_eq!(send(&mut forwarder, true), small(0));
        forwarder.set_target(Some(1));
        forwarder.set_max_temporal(0, u8::MAX);
        let upper = if codec == Codec::Av1 { 1 } else { 2 };
        assert_eq!(send(&mut forwarder, false), small(upper), "{codec:?}: nothing is left out yet");
        assert_eq!(send(&mut forwarder, true), Some(LayerId { spatial: 1, temporal: 0 }), "{codec:?}");
        assert_eq!(send(&mut forwarder, false), None, "{codec:?}: and now it is");
    }
}

#[test]
fn a_smaller_layer_is_awaited_at_the_base_frame_rate_of_the_larger_one() {
    let key = |picture| vec![0x90, 0xE0, 0x80, picture, 7, 0, 0, 9];
    let delta = |picture, temporal: u8| vec![0x90, 0xE0, 0x80, picture, 7, temporal << 6 | 0x20, 1, 9];
    let mut forwarder = Forwarder::new(config(Codec::Vp8), 9);
    forwarder.set_target(Some(2));
    let mut sequence = 100_000;
    let mut send = |forwarder: &mut Forwarder, layer: u8, payload: &[u8]| {
        sequence += 1;
        let facts = Facts {
            marker: true,
            timestamp: u32::from(payload[3]) * 3_000,
            ..Facts::of(Codec::Vp8, payload)
        };
        let packet = MediaPacket { sequence, facts, payload, dependencies: &[] };
        matches!(forwarder.decide(origin(), layer, &packet), Verdict::Forward(_))
    };
    assert!(send(&mut forwarder, 2, &key(1)));
    forwarder.set_target(Some(1));
    forwarder.set_max_temporal(u8::MAX, 0);
    assert!(!send(&mut forwarder, 2, &delta(2, 1)));
    assert!(send(&mut forwarder, 2, &delta(3, 0)));
    assert!(send(&mut forwarder, 1, &key(4)));
    assert!(send(&mut forwarder, 1, &delta(5, 1)), "all of the smaller one");
}

#[test]
fn spatial_layers_go_at_once_and_come_back_with_a_key_picture() {
    let start = origin();
    let mut encoder = Encoder::new(Codec::Vp9);
    let mut forwarder = Forwarder::new(config(Codec::Vp9), 9);
    forwarder.set_target(Some(2));
    let send = |forwarder: &mut Forwarder, encoder: &mut Encoder, key: bool| {
        let from = encoder.packets.len();
        encoder.encode(key, 1);
        let verdicts: Vec<Verdict> = encoder.packets[from..]
            .iter()
            .map(|packet| forwarder.decide(start + Duration::from_millis(from as u64), 0, &packet.media()))
            .collect();
        let waits = verdicts.contains(&Verdict::NeedKeyframe);
        (forwarder.current(), waits)
    };
    assert_eq!(send(&mut forwarder, &mut encoder, true), (Some(2), false));
    forwarder.set_target(Some(0));
    assert!(!forwarder.awaits_keyframe(), "down needs none");
    assert_eq!(send(&mut forwarder, &mut encoder, false), (Some(0), false));
    forwarder.set_target(Some(1));
    assert!(forwarder.awaits_keyframe());
    assert_eq!(send(&mut forwarder, &mut encoder, false), (Some(0), true), "asks for one");
    assert_eq!(send(&mut forwarder, &mut encoder, true), (Some(1), false));
    assert!(!forwarder.awaits_keyframe());
}

/// A header extension of a written packet.
fn dependencies_of(packet: &[u8]) -> Option<Vec<u8>> {
    let header = Header::parse(packet).unwrap();
    header.extensions(packet).find(|(id, _)| *id == AV1_ID).map(|(_, value)| value.to_vec())
}

#[test]
fn av1_packets_carry_their_descriptor_in_the_subscribers_numbering() {
    let start = origin();
    let mut encoder = Encoder::new(Codec::Av1);
    for _ in 0..6 {
        encoder.encode(false, 0);
    }
    let mut forwarder = Forwarder::new(config(Codec::Av1), 9);
    forwarder.set_target(Some(0));
    forwarder.set_max_temporal(0, 0);
    let mut known = None;
    let mut numbers = Vec::new();
    for packet in &encoder.packets {
        let Verdict::Forward(at) = forwarder.decide(start, 0, &packet.media()) else { continue };
        let mut slot = [0; 400];
        let written = forwarder.write(&mut slot, &packet.media(), at, 0, 0).unwrap();
        assert_eq!(written.header_len, forwarder.header_len(&packet.media(), at), "known before");
        let bytes = dependencies_of(&slot[..written.len]).unwrap();
        let descriptor = av1::Descriptor::parse(&bytes, known.as_ref()).unwrap();
        if let Some(structure) = descriptor.structure {
            known = Some(structure);
        }
        assert_eq!((descriptor.frame.spatial, descriptor.frame.temporal), (0, 0));
        if descriptor.frame.begins_frame {
            assert_eq!(descriptor.active, Some(0b0001), "the only decode target left");
        }
        numbers.push(descriptor.frame.number);

        let sequence = low16(written.index);
        let sent = forwarder.lookup(sequence).unwrap();
        let mut repair = [0; 400];
        let again = forwarder.write_repair(&mut repair, sequence, &sent, &packet.media(), 0).unwrap();
        assert_eq!(dependencies_of(&repair[..again.len]), Some(bytes), "a repair says the same");
        assert_eq!(Header::parse(&repair).unwrap().marker, Header::parse(&slot).unwrap().marker);
    }
    numbers.dedup();
    // Every second picture, two frames each: frame numbers count as the publisher does.
    assert_eq!(numbers, (0..3).map(|n| numbers[0] + 4 * n).collect::<Vec<u16>>());
}

#[test]
fn a_receiver_without_long_extensions_gets_no_long_descriptor() {
    let mut encoder = Encoder::new(Codec::Av1);
    encoder.encode(true, 0);
    encoder.encode(false, 0);
    let mut forwarder = Forwarder::new(StreamConfig { long_extensions: false, ..config(Codec::Av1) }, 9);
    forwarder.set_target(Some(1));
    for packet in &encoder.packets {
        let at = match forwarder.decide(origin(), 0, &packet.media()) {
            Verdict::Forward(at) => at,
            other => panic!("{other:?}"),
        };
        let mut slot = [0; 400];
        let written = forwarder.write(&mut slot, &packet.media(), at, 0, 0).unwrap();
        assert_eq!(written.header_len, forwarder.header_len(&packet.media(), at));
        let short = packet.dependencies.len() <= 16;
        assert_eq!(dependencies_of(&slot[..written.len]).is_some(), short);
    }
}

#[test]
fn a_late_packet_of_a_dropped_layer_fills_its_hole_without_payload() {
    let start = origin();
    let mut encoder = Encoder::new(Codec::Vp8);
    for _ in 0..4 {
        encoder.encode(false, 0);
    }
    let mut forwarder = Forwarder::new(config(Codec::Vp8), 9);
    forwarder.set_target(Some(0));
    forwarder.set_max_temporal(0, 0);
    let mut decide = |position: usize| forwarder.decide(start, 0, &encoder.packets[position].media());
    let Verdict::Forward(first) = decide(0) else { panic!("the keyframe") };
    assert_eq!(decide(2), Verdict::Drop, "temporal layer 1; number 1 was lost");
    let Verdict::Forward(late) = decide(1) else { panic!("the hole it left is filled") };
    assert_eq!((late.index, late.blank, late.marker), (first.index + 1, true, false));
    assert_eq!(decide(3), Verdict::Drop);
    let packet = encoder.packets[1].clone();
    let mut slot = [0; 100];
    let written = forwarder.write(&mut slot, &packet.media(), late, 0, 0).unwrap();
    assert_eq!(written.len, written.header_len, "nothing but a number");
    assert!(forwarder.lookup(low16(late.index)).is_none());
}

#[test]
fn simulcast_of_vp9_keeps_its_picture_ids_going() {
    let start = origin();
    let mut forwarder = Forwarder::new(StreamConfig { svc: false, ..config(Codec::Vp9) }, 9);
    let payload = |picture: u8, key: bool| vec![0x80 | u8::from(!key) << 6 | 0x0C, 0x80, picture, 9];
    let mut last = None;
    for (number, (layer, picture)) in [(0, 5), (0, 6), (2, 200), (2, 201), (0, 40)].into_iter().enumerate() {
        forwarder.set_target(Some(layer));
        let body = payload(picture, [5, 200, 40].contains(&picture));
        let facts = Facts { marker: true, timestamp: 3_000 * picture as u32, ..Facts::of(Codec::Vp9, &body) };
        let sequence = 100_000 * (u64::from(layer) + 1) + number as u64;
        let packet = MediaPacket { sequence, facts, payload: &body, dependencies: &[] };
        let now = start + Duration::from_millis(33 * number as u64);
        let Verdict::Forward(at) = forwarder.decide(now, layer, &packet) else { panic!("{number}") };
        let mut slot = [0; 100];
        let written = forwarder.write(&mut slot, &packet, at, 0, 0).unwrap();
        let out = vp9::Descriptor::parse(&slot[written.header_len..written.len]).unwrap();
        let id = out.picture_id.unwrap().value;
        assert_eq!(id, at.picture_id);
        assert!(last.is_none_or(|last| id == last + 1), "{id} after {last:?}");
        last = Some(id);
    }
    assert!(vp8::Descriptor::parse(&[]).is_none());
}

#[test]
fn a_limit_set_in_the_middle_of_a_stretch_changes_no_numbers() {
    let start = origin();
    let mut encoder = Encoder::new(Codec::Vp8);
    for _ in 0..16 {
        encoder.encode(false, 0);
    }
    let mut forwarder = Forwarder::new(config(Codec::Vp8), 9);
    forwarder.set_target(Some(0));
    let mut placed = Vec::new();
    for (number, packet) in encoder.packets.iter().enumerate() {
        if number == 5 {
            forwarder.set_max_temporal(0, 0);
        }
        if let Verdict::Forward(at) = forwarder.decide(start, 0, &packet.media()) {
            placed.push((at.index, at.picture_id));
        }
    }
    let (first, picture) = placed[0];
    let expected: Vec<_> = (0..placed.len() as u64)
        .map(|n| (first + n, picture.wrapping_add(u16::try_from(n).unwrap()) & 0x7FFF))
        .collect();
    assert_eq!(placed, expected);
    assert_eq!(placed.len(), 5 + 2, "of pictures 5 to 15, 8 and 12 are of the base layer");
}
