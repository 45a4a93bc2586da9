//! What one media packet costs before the kernel sees it: parse, open, seal. `make bench` prints the median
//! of many short runs. Budget: a seal with GCM well under a microsecond, parsing in tens of nanoseconds.

use std::{hint::black_box, time::Duration};

use convene::{
    proto::{
        codec::vp8::Descriptor,
        demux,
        ext::{ExtensionIds, ExtensionValues},
        rtp::{ExtensionBlock, Header, HeaderFields, write_header},
    },
    runtime::clock::now,
    transport::srtp::{MAX_OVERHEAD, Profile, SrtpIn, SrtpOut},
};
use rtc_srtp::config::SessionKeys;

/// A full-sized video packet.
const SIZE: usize = 1200;
/// Short runs whose median counts: one disturbed by the machine does not.
const RUNS: usize = 31;
const PER_RUN: usize = 4000;

fn measure(name: &str, mut run: impl FnMut() -> Duration) {
    let mut times: Vec<f64> = (0..RUNS).map(|_| run().as_nanos() as f64 / PER_RUN as f64).collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<32} {:>8.1} ns  (fastest {:.1})", times[RUNS / 2], times[0]);
}

fn repeat<T>(name: &str, mut step: impl FnMut() -> T) {
    measure(name, || {
        let started = now();
        for _ in 0..PER_RUN {
            black_box(step());
        }
        started.elapsed()
    });
}

fn keys(profile: Profile) -> SessionKeys {
    let salt = profile.rtc().salt_len();
    SessionKeys {
        local_master_key: (0..16).collect(),
        local_master_salt: (50..).take(salt).collect(),
        remote_master_key: (0..16).collect(),
        remote_master_salt: (50..).take(salt).collect(),
    }
}

/// Header with mid and rid, VP8 descriptor, picture data; returns (packet, header length).
fn packet(sequence: u16) -> (Vec<u8>, usize) {
    let mut extensions = ExtensionBlock::default();
    extensions.push(1, b"1");
    extensions.push(2, b"q");
    let fields = HeaderFields { marker: false, payload_type: 96, sequence, timestamp: 90_000, ssrc: 9 };
    let mut packet = vec![0; SIZE];
    let header = write_header(&mut packet, &fields, &extensions).expect("fits");
    packet[header..header + 6].copy_from_slice(&[0x90, 0xE0, 0x81, 0x23, 0x07, 0x41]);
    (packet, header)
}

fn main() {
    let (plain, header_len) = packet(1);
    let ids = ExtensionIds {
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
    repeat("demux", || demux::classify(black_box(&plain)));
    repeat("RTP header and extensions", || {
        let header = Header::parse(black_box(&plain)).expect("valid");
        ExtensionValues::read(&ids, header.extensions(&plain)).mid.is_some()
    });
    repeat("VP8 descriptor", || Descriptor::parse(black_box(&plain[header_len..])).is_some());

    for (name, profile) in [("GCM", Profile::AeadAes128Gcm), ("SHA1-80", Profile::Aes128CmSha1_80)] {
        let out = SrtpOut::new(profile, &keys(profile)).expect("keys");
        let mut slot = vec![0; SIZE + MAX_OVERHEAD];
        let mut index = 0;
        repeat(&format!("copy and seal, {name}"), || {
            index += 1;
            slot[..SIZE].copy_from_slice(&plain);
            out.seal(&mut slot, header_len, SIZE, 9, index).expect("sealed")
        });
        let mut incoming = SrtpIn::new(profile, &keys(profile)).expect("keys");
        let mut index = 0;
        measure(&format!("parse and open, {name}"), || {
            let mut sealed: Vec<Vec<u8>> = (0..PER_RUN)
                .map(|_| {
                    index += 1;
                    let (mut slot, header) = packet((index & 0xFFFF) as u16);
                    slot.resize(SIZE + MAX_OVERHEAD, 0);
                    let len = out.seal(&mut slot, header, SIZE, 9, index).expect("sealed");
                    slot.truncate(len);
                    slot
                })
                .collect();
            let started = now();
            for packet in &mut sealed {
                let header = Header::parse(packet).expect("valid");
                black_box(incoming.open(&header, packet).expect("opened"));
            }
            started.elapsed()
        });
    }
}
