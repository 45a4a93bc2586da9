//! Bodies of the fuzz targets: every parser of outside bytes, callable from `fuzz/` and from replay tests.

use super::{client_hello, codec, demux, dtls, ext, framing, rtcp, rtp, sdp, stun};

pub fn fuzz_demux(bytes: &[u8]) {
    let _ = demux::classify(bytes);
}

/// The first byte says how the stream is split.
pub fn fuzz_framing(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    let mut deframer = framing::Deframer::default();
    let mut total = 0;
    for chunk in stream.to_vec().chunks_mut(usize::from(*size).max(1)) {
        let verdict = deframer.push(chunk, |frame| {
            assert!(!frame.is_empty() && frame.len() <= framing::MAX_FRAME);
            total += framing::PREFIX + frame.len();
            framing::Verdict::GoOn
        });
        if verdict.is_err() {
            break;
        }
    }
    assert!(total <= stream.len(), "more came out than went in");
}

pub fn fuzz_stun(bytes: &[u8]) {
    let _ = stun::BindingRequest::parse(bytes);
}

pub fn fuzz_rtp(bytes: &[u8]) {
    let Some(header) = rtp::Header::parse(bytes) else { return };
    let ids = ext::ExtensionIds {
        mid: 1,
        rid: 2,
        repaired_rid: 3,
        audio_level: 4,
        video_orientation: 5,
        transport_cc: 6,
        dependency_descriptor: 7,
        playout_delay: 8,
        capture_time: 9,
    };
    let _ = ext::ExtensionValues::read(&ids, header.extensions(bytes));
    let _ = header.payload(bytes);
}

pub fn fuzz_rtcp(bytes: &[u8]) {
    let _ = rtcp::parse(bytes);
}

pub fn fuzz_vp8(bytes: &[u8]) {
    let Some(descriptor) = codec::vp8::Descriptor::parse(bytes) else { return };
    let mut copy = bytes.to_vec();
    descriptor.rewrite(&mut copy, 77, 5);
    assert_eq!(copy.len(), bytes.len());
    let again = codec::vp8::Descriptor::parse(&copy).expect("rewriting keeps the structure");
    assert_eq!(again.keyframe, descriptor.keyframe);
}

pub fn fuzz_vp9(bytes: &[u8]) {
    let Some(descriptor) = codec::vp9::Descriptor::parse(bytes) else { return };
    let mut copy = bytes.to_vec();
    descriptor.rewrite(&mut copy, 77, 5);
    assert_eq!(copy.len(), bytes.len());
    let again = codec::vp9::Descriptor::parse(&copy).expect("rewriting keeps the structure");
    assert_eq!((again.spatial, again.temporal), (descriptor.spatial, descriptor.temporal));
    assert_eq!(again.is_keyframe(), descriptor.is_keyframe());
}

/// A dependency descriptor, and behind its length another one that refers to its structure.
pub fn fuzz_av1(bytes: &[u8]) {
    let Some((&len, rest)) = bytes.split_first() else { return };
    let (first, second) = rest.split_at(usize::from(len).min(rest.len()));
    let structure = codec::av1::Descriptor::parse(first, None).and_then(|one| one.structure);
    for descriptor in [first, second] {
        let Some(before) = codec::av1::Descriptor::parse(descriptor, structure.as_ref()) else { continue };
        let current = before.structure.as_ref().or(structure.as_ref()).expect("nothing is read without one");
        for targets in [None, Some(current.targets_within(0, 0)), Some(current.targets_within(1, 9))] {
            let Some(out) = codec::av1::rewrite(descriptor, 77, targets) else { continue };
            let after =
                codec::av1::Descriptor::parse(&out, structure.as_ref()).expect("what is written is read");
            assert_eq!(after.frame.number, 77);
            assert_eq!(after.structure, before.structure);
            assert_eq!(after.frame.temporal_switch, before.frame.temporal_switch);
        }
    }
}

pub fn fuzz_red(bytes: &[u8]) {
    let primary = codec::red::primary(bytes);
    for age in 0..=codec::red::MAX_BLOCKS + 1 {
        if let Some(block) = codec::red::copy(bytes, age) {
            let newest = primary.map_or(0, <[u8]>::len);
            assert!(block.payload.len() + newest < bytes.len());
        }
    }
}

pub fn fuzz_h264(bytes: &[u8]) {
    let _ = codec::h264::starts_keyframe(bytes);
}

pub fn fuzz_sdp(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = sdp::Offer::parse(text);
}

pub fn fuzz_client_hello(bytes: &[u8]) {
    let mut messages = dtls::Messages::default();
    let mut sequence = 0;
    for chunk in bytes.to_vec().chunks_mut(600) {
        let count = dtls::records(chunk).count();
        for record in dtls::records(chunk) {
            for fragment in dtls::fragments(record.body) {
                messages.push(&fragment);
            }
        }
        while let Some(message) = messages.pop() {
            let _ = client_hello::srtp_profiles(message.body());
        }
        dtls::renumber(chunk, &mut sequence);
        assert_eq!(dtls::records(chunk).count(), count, "numbers move nothing");
    }
}
