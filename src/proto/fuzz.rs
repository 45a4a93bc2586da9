//! Bodies of the fuzz targets: every parser of outside bytes, callable from `fuzz/` and from replay tests.

use super::{client_hello::HelloCollector, codec, demux, ext, rtcp, rtp, sdp, stun};

pub fn fuzz_demux(bytes: &[u8]) {
    let _ = demux::classify(bytes);
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

pub fn fuzz_h264(bytes: &[u8]) {
    let _ = codec::h264::starts_keyframe(bytes);
}

pub fn fuzz_sdp(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = sdp::Offer::parse(text);
}

pub fn fuzz_client_hello(bytes: &[u8]) {
    let mut collector = HelloCollector::default();
    for chunk in bytes.chunks(600) {
        let _ = collector.push(chunk);
    }
}
