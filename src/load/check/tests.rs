use super::*;
use crate::{
    load::source::{AudioSource, OutPacket, VideoPlan, VideoSource},
    runtime::clock,
};

const PUBLISHER: u32 = 4;

/// Packets as a perfect network would deliver them.
fn packets(layers: usize, frames: u32) -> Vec<OutPacket> {
    let start = clock::now();
    let plan = VideoPlan { bitrate: 1_500_000, packet_size: 1200, fps: 30, layers, burst: true };
    let mut source = VideoSource::new(PUBLISHER, plan, start);
    let mut out = Vec::new();
    while source.next_frame() < frames {
        let now = source.next_timeout();
        out.extend(std::iter::from_fn(|| source.poll(now, 77)));
    }
    out
}

fn feed(check: &mut StreamCheck, packet: &OutPacket) -> Option<Accepted> {
    let received = Received {
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        marker: packet.marker,
        payload: &packet.payload,
    };
    check.receive(clock::now(), &received)
}

fn check_all<'a>(packets: impl IntoIterator<Item = &'a OutPacket>) -> StreamCheck {
    let mut check = StreamCheck::new(MediaKind::Video, PUBLISHER);
    check.open_window(0);
    for packet in packets {
        feed(&mut check, packet);
    }
    check
}

#[test]
fn a_perfect_stream_is_delivered_without_faults() {
    let check = check_all(&packets(1, 300));
    assert_eq!((check.delivered(), check.faults()), (300, Faults::default()), "{:?}", check.last_fault());
    assert_eq!(check.layers(), [300, 0, 0]);
}

#[test]
fn late_packets_still_complete_their_frame_and_lost_ones_do_not() {
    let packets = packets(1, 100);
    let mut shuffled: Vec<_> = packets.iter().collect();
    // Every tenth packet arrives 30 packets later, as a retransmission would.
    for at in (0..shuffled.len() - 40).step_by(10) {
        let late = shuffled.remove(at);
        shuffled.insert(at + 30, late);
    }
    let check = check_all(shuffled);
    assert_eq!((check.delivered(), check.faults()), (100, Faults::default()), "{:?}", check.last_fault());

    let check = check_all(packets.iter().enumerate().filter(|(n, _)| *n != 52).map(|(_, packet)| packet));
    assert_eq!((check.delivered(), check.faults()), (99, Faults::default()), "{:?}", check.last_fault());
}

#[test]
fn duplicates_are_counted_and_change_nothing_else() {
    let packets = packets(1, 10);
    let check = check_all(packets.iter().flat_map(|packet| [packet, packet]));
    assert_eq!((check.delivered(), check.faults().duplicates), (10, 50));
    assert_eq!(check.faults().misplaced + check.faults().corrupt, 0);
}

#[test]
fn swapped_frames_foreign_packets_and_broken_bytes_are_found() {
    let mut swapped = packets(1, 10);
    // The packets of frame 5 travel under the sequence numbers of frame 6 and the other way round.
    for n in 0..5 {
        let (a, b) = (swapped[25 + n].sequence, swapped[30 + n].sequence);
        swapped[25 + n].sequence = b;
        swapped[30 + n].sequence = a;
    }
    assert!(check_all(&swapped).faults().misplaced > 0);

    let mut torn = packets(1, 10);
    let (a, b) = (torn[26].sequence, torn[27].sequence);
    torn[26].sequence = b;
    torn[27].sequence = a;
    let check = check_all(&torn);
    assert!(check.faults().misplaced > 0 && check.delivered() < 10);

    let mut foreign = StreamCheck::new(MediaKind::Video, PUBLISHER + 1);
    assert_eq!(feed(&mut foreign, &packets(1, 1)[0]), None);
    assert_eq!(foreign.faults().misplaced, 1);

    let mut broken = packets(1, 1);
    let mut bytes = broken[0].payload.to_vec();
    bytes[100] ^= 1;
    broken[0].payload = bytes.into();
    assert_eq!(check_all(&broken).faults().corrupt, 1);
}

/// Forwards one layer and rewrites it as an SFU does, switching from `low` to `high` at frame 10.
fn switched(keyframe_at_switch: bool, picture_id_step: u16) -> StreamCheck {
    let start = clock::now();
    let plan = VideoPlan { bitrate: 1_500_000, packet_size: 1200, fps: 30, layers: 3, burst: true };
    let mut source = VideoSource::new(PUBLISHER, plan, start);
    let mut check = StreamCheck::new(MediaKind::Video, PUBLISHER);
    check.open_window(0);
    let (mut sequence, mut picture_id) = (0u16, 0u16);
    while source.next_frame() < 20 {
        if source.next_frame() == 10 && keyframe_at_switch {
            source.request_keyframe(2);
        }
        let layer = if source.next_frame() < 10 { 0 } else { 2 };
        let now = source.next_timeout();
        let frame: Vec<_> = std::iter::from_fn(|| source.poll(now, 0)).filter(|p| p.layer == layer).collect();
        picture_id += if source.next_frame() == 11 { picture_id_step } else { 1 };
        for mut packet in frame {
            let mut bytes = packet.payload.to_vec();
            bytes[2..4].copy_from_slice(&(0x8000 | picture_id).to_be_bytes());
            packet.payload = bytes.into();
            packet.sequence = sequence;
            sequence += 1;
            feed(&mut check, &packet);
        }
    }
    check
}

#[test]
fn a_layer_switch_needs_a_keyframe_and_continuous_picture_ids() {
    let good = switched(true, 1);
    assert_eq!((good.delivered(), good.faults().misplaced), (20, 0), "{:?}", good.last_fault());
    assert_eq!(good.layers(), [10, 0, 10]);
    assert_eq!(switched(false, 1).faults().misplaced, 1);
    assert_eq!(switched(true, 3).faults().misplaced, 1);
}

#[test]
fn only_frames_of_the_window_count() {
    let packets = packets(1, 30);
    let mut check = StreamCheck::new(MediaKind::Video, PUBLISHER);
    for (n, packet) in packets.iter().enumerate() {
        match n {
            50 => check.open_window(11),
            100 => check.close_window(20),
            _ => {}
        }
        feed(&mut check, packet);
    }
    assert_eq!(check.delivered(), 9);
}

#[test]
fn sequence_numbers_wrap() {
    let mut packets = packets(1, 60);
    for packet in &mut packets {
        packet.sequence = packet.sequence.wrapping_sub(100);
    }
    let check = check_all(&packets);
    assert_eq!((check.delivered(), check.faults()), (60, Faults::default()), "{:?}", check.last_fault());
}

#[test]
fn audio_is_checked_by_the_same_rules() {
    let start = clock::now();
    let mut source = AudioSource::new(PUBLISHER, start);
    let mut check = StreamCheck::new(MediaKind::Audio, PUBLISHER);
    check.open_window(0);
    while source.next_frame() < 100 {
        let packet = source.poll(source.next_timeout(), 0).unwrap();
        feed(&mut check, &packet);
    }
    assert_eq!((check.delivered(), check.faults()), (100, Faults::default()), "{:?}", check.last_fault());
}
