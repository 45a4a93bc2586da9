//! What one media packet costs before the kernel sees it: parse, open, seal. Budget: the seal with GCM well
//! under a microsecond, everything else in tens of nanoseconds.

use std::hint::black_box;

use convene::{
    proto::{
        codec::vp8::Descriptor,
        demux,
        ext::{ExtensionIds, ExtensionValues},
        rtp::{ExtensionBlock, Header, HeaderFields, write_header},
    },
    transport::srtp::{MAX_OVERHEAD, Profile, SrtpIn, SrtpOut},
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rtc_dtls::crypto_provider::{RTCCryptoProvider as _, providers::AwsLcRsProvider};
use rtc_srtp::config::SessionKeys;

/// A full-sized video packet.
const SIZE: usize = 1200;
const PROFILES: [(&str, Profile); 2] =
    [("gcm", Profile::AeadAes128Gcm), ("sha1_80", Profile::Aes128CmSha1_80)];

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

fn parse(c: &mut Criterion) {
    let (packet, header) = packet(1);
    let ids = ExtensionIds {
        mid: 1,
        rid: 2,
        repaired_rid: 3,
        audio_level: 4,
        video_orientation: 5,
        transport_cc: 6,
    };
    c.bench_function("parse/demux", |b| b.iter(|| demux::classify(black_box(&packet))));
    c.bench_function("parse/header and extensions", |b| {
        b.iter(|| {
            let header = Header::parse(black_box(&packet)).expect("valid");
            let found = ExtensionValues::read(&ids, header.extensions(&packet));
            black_box(found.mid.is_some())
        });
    });
    c.bench_function("parse/vp8 descriptor", |b| b.iter(|| Descriptor::parse(black_box(&packet[header..]))));
}

fn seal(c: &mut Criterion) {
    let provider = AwsLcRsProvider::new();
    let mut group = c.benchmark_group("seal");
    group.throughput(Throughput::Elements(1));
    for (name, profile) in PROFILES {
        let out = SrtpOut::new(profile, &keys(profile), provider.crypto()).expect("keys");
        let (packet, header) = packet(1);
        let mut slot = packet.clone();
        slot.resize(SIZE + MAX_OVERHEAD, 0);
        let mut index = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                index += 1;
                slot[..SIZE].copy_from_slice(&packet);
                out.seal(&mut slot, header, SIZE, 9, index).expect("sealed")
            });
        });
    }
    group.finish();
}

fn open(c: &mut Criterion) {
    let provider = AwsLcRsProvider::new();
    let mut group = c.benchmark_group("open");
    group.throughput(Throughput::Elements(1));
    for (name, profile) in PROFILES {
        let out = SrtpOut::new(profile, &keys(profile), provider.crypto()).expect("keys");
        let mut incoming = SrtpIn::new(profile, &keys(profile), provider.crypto()).expect("keys");
        let mut index: u64 = 0;
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    index += 1;
                    let (mut slot, header) = packet((index & 0xFFFF) as u16);
                    slot.resize(SIZE + MAX_OVERHEAD, 0);
                    let len = out.seal(&mut slot, header, SIZE, 9, index).expect("sealed");
                    slot.truncate(len);
                    slot
                },
                |mut slot| {
                    let header = Header::parse(&slot).expect("valid");
                    incoming.open(&header, &mut slot).expect("opened")
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, parse, seal, open);
criterion_main!(benches);
