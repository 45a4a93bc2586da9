//! Other codecs than VP8: layers inside a stream, redundant audio, and subscribers who cannot decode what is published.

use std::time::Duration;

use super::{
    super::{
        command::{AutoSubscribe, Command, MediaGrants, Wish},
        event::Event,
    },
    CAMERA, MIC, SEES_ONE,
    peer::{Raw, payload_type},
    world::{FIRST, Section, World},
};
use crate::{
    base::id::ShardId,
    proto::codec::{Codec, av1, vp9},
};

const PLAIN_CAMERA: Section = Section::Camera { mid: "1", layers: &[] };

fn join(world: &mut World, shard: ShardId, codecs: &[Codec], sections: &[Section]) -> usize {
    let who = world.join_on(shard, MediaGrants::ALL, AutoSubscribe::Everything);
    world.peer(who).video_codecs = codecs.to_vec();
    world.offer(who, sections);
    world.connect(who);
    who
}

/// A superframe of VP9 with so many spatial layers in one packet each.
fn vp9_picture(number: u16, key: bool, count: u8) -> Vec<Raw> {
    (0..count)
        .map(|spatial| {
            let [high, low] = number.to_be_bytes();
            let announces = key && spatial == 0;
            let first = 0xAC | u8::from(!key) << 6 | u8::from(announces) << 1;
            let layers = spatial << 1 | u8::from(key && spatial > 0);
            let mut payload = vec![first, 0x80 | high, low, layers, 7];
            payload.extend(announces.then_some((count - 1) << 5));
            payload.resize(40 + 60 * usize::from(spatial), spatial);
            Raw {
                payload_type: payload_type(Codec::Vp9),
                sequence: 0,
                timestamp: u32::from(number) * 3_000,
                marker: spatial + 1 == count,
                payload,
                dependencies: Vec::new(),
            }
        })
        .collect()
}

fn send_vp9(world: &mut World, who: usize, pictures: std::ops::Range<u16>) {
    send_vp9_layers(world, who, pictures, 3);
}

fn send_vp9_layers(world: &mut World, who: usize, pictures: std::ops::Range<u16>, count: u8) {
    for number in pictures {
        let key = number == 0 || !world.peer(who).plis.is_empty();
        world.peer(who).plis.clear();
        world.send_raw(who, "1", &vp9_picture(number, key, count));
        world.advance(Duration::from_millis(33));
    }
}

fn wish(world: &mut World, who: usize, layer: u8) {
    let track = *world.tracks(who).last().unwrap();
    let wishes = vec![Wish { track, layer: Some(layer), max_fps: None, priority: 0 }];
    world.command(who, Command::Subscribe { wishes });
}

/// Spatial layers of the pictures that came, with each picture's marker on its last packet.
fn spatial_layers(packets: &[Raw]) -> Vec<u8> {
    let mut tops = Vec::new();
    for packet in packets {
        let descriptor = vp9::Descriptor::parse(&packet.payload).unwrap();
        if packet.marker {
            tops.push(descriptor.spatial);
        }
    }
    assert!(packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)), "dense");
    for picture in packets.chunk_by(|a, b| a.timestamp == b.timestamp) {
        assert_eq!(picture.iter().filter(|one| one.marker).count(), 1);
        assert!(picture.last().unwrap().marker);
    }
    tops
}

#[test]
fn layers_inside_a_vp9_stream_are_chosen_like_those_of_simulcast() {
    for shard in [FIRST, ShardId(1)] {
        let mut world = World::new(51);
        let ana = join(&mut world, FIRST, &[Codec::Vp9], &[PLAIN_CAMERA]);
        let bo = join(&mut world, shard, &[Codec::Vp8, Codec::Vp9], &SEES_ONE);
        send_vp9(&mut world, ana, 0..20);
        assert!(spatial_layers(&world.take_raw(bo)).iter().all(|top| *top == 0), "a camera starts small");
        wish(&mut world, bo, 2);
        send_vp9(&mut world, ana, 20..40);
        let tops = spatial_layers(&world.take_raw(bo));
        let joined = tops.iter().position(|top| *top == 2).expect("the upper layers arrive");
        assert!(joined < 10 && tops[joined..].iter().all(|top| *top == 2), "{shard:?}: {tops:?}");
        wish(&mut world, bo, 1);
        world.peer(ana).plis.clear();
        send_vp9(&mut world, ana, 40..50);
        let tops = spatial_layers(&world.take_raw(bo));
        assert_eq!(tops, [1; 10], "{shard:?}: down at once");
        assert!(world.peer(ana).plis.is_empty(), "and without a keyframe");
        let told = world.events(bo).into_iter().rev().find_map(|event| match event {
            Event::Layers { active, current, .. } => Some((active, current)),
            _ => None,
        });
        assert_eq!(told, Some((vec![0, 1, 2], Some(1))), "{shard:?}");
    }
}

#[test]
fn layers_that_come_back_are_joined_at_the_keyframe_that_brings_them() {
    for shard in [FIRST, ShardId(1)] {
        let mut world = World::new(58);
        let ana = join(&mut world, FIRST, &[Codec::Vp9], &[PLAIN_CAMERA]);
        let bo = join(&mut world, shard, &[Codec::Vp9], &SEES_ONE);
        wish(&mut world, bo, 2);
        send_vp9(&mut world, ana, 0..20);
        assert_eq!(spatial_layers(&world.take_raw(bo)).last(), Some(&2));
        send_vp9_layers(&mut world, ana, 20..50, 1);
        assert_eq!(spatial_layers(&world.take_raw(bo)).last(), Some(&0), "only the lowest is left");
        world.peer(ana).plis = vec![1]; // the encoder starts them again, with a keyframe
        send_vp9(&mut world, ana, 50..60);
        assert_eq!(spatial_layers(&world.take_raw(bo)), [2; 10], "{shard:?}");
        assert!(world.peer(ana).plis.is_empty(), "no other keyframe was needed");
    }
}

#[test]
fn a_publisher_hears_which_layers_of_its_stream_are_watched() {
    let mut world = World::new(52);
    let ana = join(&mut world, FIRST, &[Codec::Vp9], &[PLAIN_CAMERA]);
    let bo = join(&mut world, FIRST, &[Codec::Vp9], &SEES_ONE);
    let wanted = |world: &mut World, from: u16| {
        send_vp9(world, ana, from..from + 200);
        world.events(ana).into_iter().rev().find_map(|event| match event {
            Event::Wanted { layers, .. } => Some(layers),
            _ => None,
        })
    };
    assert_eq!(wanted(&mut world, 0), Some(vec![0]));
    wish(&mut world, bo, 1);
    assert_eq!(wanted(&mut world, 200), Some(vec![0, 1]));
}

#[test]
fn dependency_descriptors_cross_shards_and_are_repaired() {
    let mut world = World::new(53);
    let ana = join(&mut world, FIRST, &[Codec::Av1], &[PLAIN_CAMERA]);
    let bo = join(&mut world, ShardId(1), &[Codec::Av1], &SEES_ONE);
    wish(&mut world, bo, 1);
    let mut known = None;
    let mut number = 0;
    for picture in 0..30u32 {
        let key = picture == 0 || !world.peer(ana).plis.is_empty();
        world.peer(ana).plis.clear();
        let packets: Vec<Raw> = (0..2u8)
            .map(|spatial| {
                let template = match (key, spatial) {
                    (true, 0) => 0,
                    (true, _) => 3,
                    (false, 0) => 1,
                    (false, _) => 4,
                };
                number += 1;
                Raw {
                    payload_type: payload_type(Codec::Av1),
                    sequence: 0,
                    timestamp: picture * 3_000,
                    marker: spatial == 1,
                    payload: vec![0x10, spatial, 1, 2, 3],
                    dependencies: av1::tests::l2t2_key(template, number, true, true),
                }
            })
            .collect();
        world.send_raw(ana, "1", &packets);
        world.advance(Duration::from_millis(33));
    }
    let packets = world.take_raw(bo);
    assert!(packets.len() > 30, "{}", packets.len());
    let mut numbers = Vec::new();
    for packet in &packets {
        let descriptor = av1::Descriptor::parse(&packet.dependencies, known.as_ref()).expect("readable");
        if let Some(structure) = descriptor.structure {
            known = Some(structure);
        }
        assert_eq!(descriptor.frame.spatial, packet.payload[1], "it belongs to its payload");
        numbers.push(descriptor.frame.number);
    }
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "{numbers:?}");
    assert!(packets.iter().any(|one| one.payload[1] == 1), "the upper layer comes");
}

#[test]
fn dependency_descriptors_are_asked_of_av1_only() {
    for (codec, expected) in
        [(Codec::Vp8, false), (Codec::Vp9, false), (Codec::H264, false), (Codec::Av1, true)]
    {
        let mut world = World::new(57);
        let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.peer(ana).video_codecs = vec![codec, Codec::Vp8];
        let answer = world.offer(ana, &[PLAIN_CAMERA]);
        assert_eq!(answer.contains("dependency-descriptor"), expected, "{codec:?}: {answer}");
    }
}

/// Opus with a copy of the frame before.
fn red(number: u32, newest: u8, copy: Option<u8>) -> Raw {
    let mut payload = Vec::new();
    if copy.is_some() {
        payload.extend([0x80 | 111, 0x0F, 0x00, 4]); // 960 ticks ago, four bytes
    }
    payload.push(111);
    payload.extend(copy.into_iter().flat_map(|byte| [byte; 4]));
    payload.extend([newest; 4]);
    Raw {
        payload_type: 63,
        sequence: 0,
        timestamp: number * 960,
        marker: false,
        payload,
        dependencies: Vec::new(),
    }
}

/// A publisher who sends redundancy, one who takes it, and one who does not.
fn redundant_call(world: &mut World, shard: ShardId) -> (usize, usize, usize) {
    let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.peer(ana).takes_red = true;
    let answer = world.offer(ana, &[MIC]);
    assert!(answer.contains("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n"), "preferred: {answer}");
    assert!(answer.contains("a=fmtp:63 111/111\r\n"));
    assert!(answer.contains("a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n"), "FEC and DTX survive");
    world.connect(ana);
    let bo = world.join_on(shard, MediaGrants::ALL, AutoSubscribe::Everything);
    world.peer(bo).takes_red = true;
    world.offer(bo, &SEES_ONE);
    world.connect(bo);
    let cy = world.join_on(shard, MediaGrants::ALL, AutoSubscribe::Everything);
    let answer = world.offer(cy, &SEES_ONE);
    assert!(!answer.contains("red/48000"), "was not offered");
    world.connect(cy);
    (ana, bo, cy)
}

#[test]
fn redundant_audio_is_passed_on_or_unwrapped() {
    for shard in [FIRST, ShardId(1)] {
        let mut world = World::new(54);
        let (ana, bo, cy) = redundant_call(&mut world, shard);
        let packets: Vec<Raw> = (0..5).map(|n| red(u32::from(n), n, n.checked_sub(1))).collect();
        for packet in &packets {
            world.send_raw(ana, "0", std::slice::from_ref(packet));
            world.advance(Duration::from_millis(20));
        }
        let whole: Vec<_> =
            world.take_raw(bo).into_iter().map(|one| (one.payload_type, one.payload)).collect();
        assert_eq!(whole, packets.iter().map(|one| (63, one.payload.clone())).collect::<Vec<_>>());
        let plain: Vec<_> =
            world.take_raw(cy).into_iter().map(|one| (one.payload_type, one.payload)).collect();
        assert_eq!(plain, (0..5u8).map(|n| (111, vec![n; 4])).collect::<Vec<_>>());
    }
}

#[test]
fn who_takes_no_redundancy_gets_lost_frames_out_of_it() {
    for shard in [FIRST, ShardId(1)] {
        let mut world = World::new(55);
        let (ana, bo, cy) = redundant_call(&mut world, shard);
        world.peer(ana).repairs_audio = false;
        for n in 0..6u8 {
            if n == 2 || n == 4 {
                world.lose_next_uplink(ana, 1);
            }
            world.send_raw(ana, "0", &[red(u32::from(n), n, n.checked_sub(1))]);
            world.advance(Duration::from_millis(20));
        }
        let frames = world.take_raw(cy);
        let bodies: Vec<u8> = frames.iter().map(|one| one.payload[0]).collect();
        assert_eq!(bodies, [0, 1, 2, 3, 4, 5], "{shard:?}: nothing is missing");
        assert!(frames.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
        assert!(frames.windows(2).all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == 960));
        assert_eq!(world.take_raw(bo).len(), 4, "the other recovers by itself");
    }
}

#[test]
fn who_cannot_decode_a_track_is_told_and_so_is_its_publisher() {
    for shard in [FIRST, ShardId(1)] {
        let mut world = World::new(56);
        let ana = join(&mut world, FIRST, &[Codec::Vp9, Codec::H264, Codec::Vp8], &[PLAIN_CAMERA]);
        let bo = join(&mut world, FIRST, &[Codec::Vp9, Codec::Vp8], &SEES_ONE);
        let cy = world.join_on(shard, MediaGrants::ALL, AutoSubscribe::Everything);
        world.peer(cy).video_codecs = vec![Codec::Vp8, Codec::H264];
        world.offer(cy, &SEES_ONE);
        let events = world.events(cy);
        world.connect(cy);
        let unsupported = |event: &Event| match event {
            Event::TrackUnsupported { codec, .. } => Some(*codec),
            _ => None,
        };
        assert_eq!(events.iter().filter_map(unsupported).collect::<Vec<_>>(), ["VP9"], "{events:?}");
        let asks = |event: &&Event| matches!(event, Event::Sections { .. });
        assert_eq!(events.iter().filter(asks).count(), 0, "more sections would not help");
        assert!(!world.events(bo).iter().any(|event| unsupported(event).is_some()));
        let wanted = world.events(ana).into_iter().find_map(|event| match event {
            Event::CodecsWanted { codecs, .. } => Some(codecs),
            _ => None,
        });
        assert_eq!(wanted.as_deref(), Some(&["VP8"][..]), "{shard:?}: what all of them can decode");

        let before = world.tracks(bo);
        world.peer(ana).video_codecs = vec![Codec::Vp8, Codec::Vp9];
        world.offer(ana, &[PLAIN_CAMERA]);
        for who in [bo, cy] {
            world.offer(who, &SEES_ONE);
        }
        world.send_frames(ana, 1, 10, &[0]);
        assert_ne!(world.tracks(bo), before, "published anew");
        assert!(!world.take_video(bo).is_empty());
        assert!(world.take_video(cy).iter().any(|frame| frame.keyframe), "{shard:?}: now it can be seen");
    }
}

/// Its streams stay the same and do not say again which layers they are.
#[test]
fn a_camera_in_another_codec_keeps_the_layers_that_its_streams_were() {
    let mut world = World::new(57);
    let ana = join(&mut world, FIRST, &[Codec::H264, Codec::Vp8], &[CAMERA]);
    let bo = join(&mut world, FIRST, &[Codec::H264, Codec::Vp8], &SEES_ONE);
    let before = Raw {
        payload_type: payload_type(Codec::H264),
        sequence: 0,
        timestamp: 0,
        marker: true,
        payload: vec![0x65, 0x88, 0x80],
        dependencies: Vec::new(),
    };
    for layer in [0, 1, 2] {
        world.peer(ana).send_raw_layer("1", Some(layer), &before);
    }
    world.settle();
    world.peer(ana).video_codecs = vec![Codec::Vp8, Codec::H264];
    world.peer(ana).names_streams = false;
    world.offer(ana, &[CAMERA]);
    world.offer(bo, &SEES_ONE);
    wish(&mut world, bo, 2);
    world.peer(ana).plis = vec![5_000, 5_001, 5_002]; // an encoder of another codec starts with keyframes
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    let frames = world.take_video(bo);
    assert_eq!(frames.last().map(|frame| frame.layer), Some(2), "{frames:?}");
}
