mod fuzz;
mod layers;

use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::{
    base::seq::low16,
    proto::{codec::vp8, ext::CaptureTime, rtp::Header},
};

fn config(rtx: bool) -> StreamConfig {
    StreamConfig {
        codec: Codec::Vp8,
        svc: false,
        ssrc: 100,
        payload_type: 96,
        red: None,
        rtx: rtx.then_some((101, 97)),
        mid: "4".into(),
        mid_ext: 1,
        audio_level_ext: 0,
        orientation_ext: 0,
        transport_cc_ext: 0,
        dependency_ext: 0,
        playout_delay_ext: 0,
        capture_time_ext: 0,
        long_extensions: true,
    }
}

fn payload(keyframe: bool, picture: u16) -> Vec<u8> {
    let [high, low] = (picture & 0x7FFF).to_be_bytes();
    vec![0x90, 0xC0, 0x80 | high, low, 3, u8::from(!keyframe), 1, 2, 3]
}

fn packet(sequence: u64, timestamp: u32, payload: &[u8]) -> MediaPacket<'_> {
    let facts = Facts { timestamp, marker: true, ..Facts::of(Codec::Vp8, payload) };
    MediaPacket { sequence, facts, payload, dependencies: &[] }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
fn origin() -> Instant {
    Instant::now()
}

fn forwarded(verdict: Verdict) -> Placement {
    match verdict {
        Verdict::Forward(at) => at,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_layer_starts_only_with_a_keyframe_and_continues_the_stream() {
    let now = origin();
    let at = |ms| now + Duration::from_millis(ms);
    let mut forwarder = Forwarder::new(config(true), 500);
    forwarder.set_target(Some(0));
    let delta = payload(false, 9);
    assert_eq!(forwarder.decide(now, 0, &packet(70_000, 10, &delta)), Verdict::NeedKeyframe);
    let key = payload(true, 10);
    let first = forwarded(forwarder.decide(now, 0, &packet(70_001, 3_000, &key)));
    assert_eq!(first.index, 500);
    let next = payload(false, 11);
    let second = forwarded(forwarder.decide(at(33), 0, &packet(70_002, 6_000, &next)));
    assert_eq!(second.index, 501);
    assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 3_000);
    assert_eq!(second.picture_id, first.picture_id + 1);

    forwarder.set_target(Some(2));
    assert_eq!(forwarder.decide(at(40), 2, &packet(900_000, 77, &delta)), Verdict::NeedKeyframe);
    let still = forwarded(forwarder.decide(at(50), 0, &packet(70_003, 9_000, &payload(false, 12))));
    assert_eq!(still.index, 502, "the old layer goes on until the new one can start");
    let high_key = payload(true, 2_000);
    let switched = forwarded(forwarder.decide(at(83), 2, &packet(900_001, 1_000_000, &high_key)));
    assert_eq!(switched.index, 503);
    assert_eq!(switched.timestamp.wrapping_sub(still.timestamp), 33 * 90);
    assert_eq!(switched.picture_id, still.picture_id + 1);
    assert_eq!(switched.tl0_pic_idx, still.tl0_pic_idx.wrapping_add(1));
    assert_eq!(forwarder.decide(at(84), 0, &packet(70_004, 0, &delta)), Verdict::Drop);
    assert_eq!(
        forwarder.decide(at(84), 2, &packet(900_000, 0, &delta)),
        Verdict::Drop,
        "from before the switch"
    );
}

#[test]
fn upstream_gaps_stay_open_for_repairs() {
    let now = origin();
    let mut forwarder = Forwarder::new(config(true), 0);
    forwarder.set_target(Some(0));
    let key = payload(true, 1);
    let delta = payload(false, 2);
    assert_eq!(forwarded(forwarder.decide(now, 0, &packet(100_000, 0, &key))).index, 0);
    assert_eq!(forwarded(forwarder.decide(now, 0, &packet(100_003, 0, &delta))).index, 3);
    assert_eq!(forwarded(forwarder.decide(now, 0, &packet(100_001, 0, &delta))).index, 1);
}

#[test]
fn a_pause_leaves_no_gap() {
    let now = origin();
    let mut forwarder = Forwarder::new(config(true), 0);
    forwarder.set_target(Some(0));
    let key = payload(true, 1);
    assert_eq!(forwarded(forwarder.decide(now, 0, &packet(100_000, 0, &key))).index, 0);
    forwarder.set_target(None);
    assert_eq!(forwarder.decide(now, 0, &packet(100_001, 0, &key)), Verdict::Drop);
    forwarder.set_target(Some(0));
    assert_eq!(forwarded(forwarder.decide(now, 0, &packet(300_000, 0, &key))).index, 1);
}

#[test]
fn repairs_carry_the_rewritten_payload() {
    let now = origin();
    for rtx in [true, false] {
        let mut forwarder = Forwarder::new(config(rtx), 7);
        forwarder.set_target(Some(0));
        let key = payload(true, 1);
        let source = packet(100_000, 50, &key);
        let at = forwarded(forwarder.decide(now, 0, &source));
        let mut original = [0u8; 100];
        let written = forwarder.write(&mut original, &source, at, 0, 0).unwrap();
        let sequence = low16(written.index);
        let sent = forwarder.lookup(sequence).unwrap();
        assert_eq!(sent.source_near(100_500), 100_000);
        let mut repair = [0u8; 100];
        let again = forwarder.write_repair(&mut repair, sequence, &sent, &source, 0).unwrap();
        let header = Header::parse(&repair[..again.len]).unwrap();
        let body = &repair[again.header_len..again.len];
        if rtx {
            assert_eq!((header.ssrc, header.payload_type), (101, 97));
            assert_eq!(body[..2], sequence.to_be_bytes());
            assert_eq!(body[2..], original[written.header_len..written.len]);
        } else {
            assert_eq!(repair[..again.len], original[..written.len], "byte for byte");
            assert_eq!(again.index, written.index);
        }
        assert!(forwarder.lookup(sequence.wrapping_add(1)).is_none());
    }
}

#[test]
fn a_packet_written_after_the_next_switch_is_repaired_from_its_own_layer() {
    let now = origin();
    let mut forwarder = Forwarder::new(config(true), 7);
    forwarder.set_target(Some(0));
    let key = payload(true, 1);
    let low = packet(100_000, 50, &key);
    let low_at = forwarded(forwarder.decide(now, 0, &low));
    forwarder.set_target(Some(2));
    let high = packet(900_000, 99, &key);
    let high_at = forwarded(forwarder.decide(now, 2, &high));
    let mut slot = [0u8; 100];
    for (source, at, layer) in [(&low, low_at, 0), (&high, high_at, 2)] {
        let written = forwarder.write(&mut slot, source, at, 0, 0).unwrap();
        assert_eq!(forwarder.lookup(low16(written.index)).unwrap().layer, layer);
    }
}

#[test]
fn no_key_frame_index_jumps_at_a_switch() {
    let mut forwarder = Forwarder::new(config(true), 7);
    let mut slot = [0u8; 100];
    for (layer, index) in [(0, 30), (2, 4)] {
        forwarder.set_target(Some(layer));
        let body = vec![0x90, 0xF0, 0x80, 1, 3, index, 0, 1, 2, 3];
        let source = packet(100_000 * (u64::from(layer) + 1), 50, &body);
        let at = forwarded(forwarder.decide(origin(), layer, &source));
        let written = forwarder.write(&mut slot, &source, at, 0, 0).unwrap();
        let sent = &slot[written.header_len..written.len];
        let descriptor = vp8::Descriptor::parse(sent).unwrap();
        assert!(descriptor.keyframe && descriptor.key_index_at == 0 && sent.len() == body.len());
        let repaired = forwarder.lookup(low16(written.index)).unwrap();
        let mut repair = [0u8; 100];
        let again = forwarder.write_repair(&mut repair, low16(written.index), &repaired, &source, 0).unwrap();
        assert_eq!(repair[again.header_len + 2..again.len], *sent, "a repair says the same");
    }
}

#[test]
fn padding_fills_up_and_is_not_payload() {
    let captured = Some(CaptureTime { ntp: NonZeroU64::new(77 << 32).unwrap(), offset: -1 });
    for (mid, level, orientation, captured) in [
        ("4", None, None, None),
        ("audio-1", Some(9), None, None),
        ("", Some(9), Some(1), None),
        ("", None, None, None),
        ("", None, None, captured),
        ("video-1", Some(9), Some(1), captured),
    ] {
        let config = StreamConfig {
            mid: mid.into(),
            audio_level_ext: 2,
            orientation_ext: 3,
            capture_time_ext: 4,
            ..config(true)
        };
        let mut forwarder = Forwarder::new(config, 7);
        forwarder.set_target(Some(0));
        let body = payload(true, 1);
        let mut source = packet(100_000, 50, &body);
        (source.facts.audio_level, source.facts.orientation) = (level, orientation);
        source.facts.captured = captured;
        let at = forwarded(forwarder.decide(origin(), 0, &source));
        let plain_len = forwarder.header_len(&source, at) + body.len();
        for padding in [0, 1, 16] {
            let mut slot = [0xAA; 100];
            let written = forwarder.write(&mut slot, &source, at, padding, 0).unwrap();
            assert_eq!(written.len, plain_len + padding, "the length is known before");
            let header = Header::parse(&slot[..written.len]).unwrap();
            assert_eq!(header.padding, padding > 0);
            let said = header.extensions(&slot).find(|(id, _)| *id == 4).map(|(_, value)| value);
            assert_eq!(said, captured.map(CaptureTime::to_bytes).as_ref().map(|bytes| &bytes[..]));
            assert_eq!(header.payload(&slot[..written.len]).unwrap().len(), body.len());
        }
    }
    assert!(!Forwarder::new(config(false), 7).may_pad(), "repeated byte for byte");
}

#[test]
fn repairs_have_a_budget() {
    let mut forwarder = Forwarder::new(config(true), 7);
    forwarder.set_target(Some(0));
    let mut big = payload(true, 1);
    big.resize(1_100, 0);
    let source = packet(100_000, 50, &big);
    let at = forwarded(forwarder.decide(origin(), 0, &source));
    let mut slot = [0u8; 1_300];
    let written = forwarder.write(&mut slot, &source, at, 0, 0).unwrap();
    let sent = forwarder.lookup(low16(written.index)).unwrap();
    let (mut granted, mut twice) = (0, 0);
    while forwarder.write_repair(&mut slot, low16(written.index), &sent, &source, 0).is_some() {
        granted += 1;
        twice += usize::from(forwarder.may_repair_twice());
    }
    assert!((50..70).contains(&granted), "{granted}");
    assert!((25..35).contains(&twice), "second copies leave half of it for first ones: {twice}");

    // A third of all packets is lost on the way, repairs included: there is a repair for every one of them.
    for step in 1..1_000u64 {
        let source = packet(100_000 + step, 50, &big);
        let at = forwarded(forwarder.decide(origin(), 0, &source));
        let written = forwarder.write(&mut slot, &source, at, 0, 0).unwrap();
        let sent = forwarder.lookup(low16(written.index)).unwrap();
        if step.is_multiple_of(2) {
            let repaired = forwarder.write_repair(&mut slot, low16(written.index), &sent, &source, 0);
            assert!(repaired.is_some(), "{step}");
        }
    }
}

proptest! {
    /// Whatever switches, pauses, losses and reordering happen: no index twice, dense, timestamps forward at switches.
    #[test]
    fn the_outgoing_stream_is_dense_and_never_repeats(
        steps in proptest::collection::vec((0u8..3, 0u8..4, any::<bool>(), 0u64..3), 1..400)
    ) {
        let now = origin();
        let mut forwarder = Forwarder::new(config(true), 1);
        let mut next = [100_000u64, 200_000, 300_000];
        let mut seen = std::collections::BTreeSet::new();
        let mut lost = 0u64;
        let mut picture = 0u16;
        for (tick, (layer, target, keyframe, skip)) in steps.into_iter().enumerate() {
            forwarder.set_target((target < 3).then_some(target));
            let was = forwarder.current();
            let slot = &mut next[usize::from(layer)];
            *slot += skip + 1;
            picture = picture.wrapping_add(1);
            let body = payload(keyframe, picture);
            let at = now + Duration::from_millis(tick as u64 * 5);
            let source = packet(*slot, u32::try_from(tick).unwrap() * 450, &body);
            if let Verdict::Forward(placement) = forwarder.decide(at, layer, &source) {
                prop_assert!(seen.insert(placement.index), "index {} twice", placement.index);
                if was == Some(layer) { lost += skip } else { prop_assert!(keyframe) }
                let descriptor = vp8::Descriptor::parse(&body).unwrap();
                prop_assert!(descriptor.keyframe || was == Some(layer));
            } else if was == Some(layer) && forwarder.current() == Some(layer) {
                prop_assert!(false, "a packet of the current layer was dropped");
            } else if was == Some(layer) {
                lost += 0;
            }
        }
        if let (Some(first), Some(last)) = (seen.first(), seen.last()) {
            prop_assert!(last - first < seen.len() as u64 + lost, "gaps only where the publisher had them");
        }
    }
}
