//! Replays the fuzz corpora, and seeded mutations of every file, on a stable compiler. The targets are the
//! same functions that cargo-fuzz drives (fuzz/README.md).

#[path = "support/random.rs"]
#[allow(dead_code, reason = "shared with the e2e tests, which use all of it")]
mod random;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use convene::{chat::command::Command, proto::fuzz, runtime::clock::now};
use random::Random;

/// Per corpus file; the whole test takes a few seconds.
const MUTATIONS: usize = 3000;
/// A parser that thinks longer than this about one datagram is an attack surface.
const SLOW: Duration = Duration::from_millis(500);

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "the corpus of {name} has only {} files", files.len());
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("readable")).collect();
    let mut random = Random::from_env(name);
    for seed in &seeds {
        run(name, target, seed);
        for cut in 0..seed.len().min(300) {
            run(name, target, &seed[..cut]);
        }
        for _ in 0..MUTATIONS {
            let mut input = seed.clone();
            for _ in 0..=random.below(4) {
                mutate(&mut input, &seeds, &mut random);
            }
            run(name, target, &input);
        }
    }
}

fn run(name: &str, target: fn(&[u8]), input: &[u8]) {
    let started = now();
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{name} panicked on {} bytes: {hex}", input.len());
    }
    assert!(started.elapsed() < SLOW, "{name} took {:?} for {} bytes", started.elapsed(), input.len());
}

/// One small damage: what a fuzzer does first.
fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len().max(1) as u64) as usize;
    match random.below(8) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            let value = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random.below(6) as usize];
            if let Some(byte) = input.get_mut(at) {
                *byte = value;
            }
        }
        2 => input.truncate(at),
        3 => {
            let count = random.below(9) as usize;
            let noise = random.bytes(count);
            input.splice(at..at, noise);
        }
        4 => {
            let end = (at + random.below(32) as usize).min(input.len());
            let part = input[at.min(end)..end].to_vec();
            input.extend(part);
        }
        5 => {
            let end = (at + random.below(8) as usize).min(input.len());
            input.drain(at.min(end)..end);
        }
        6 => {
            let value = random.next().to_be_bytes();
            for (byte, new) in input.iter_mut().skip(at).take(2).zip(value) {
                *byte = new;
            }
        }
        _ => {
            let other = &seeds[random.below(seeds.len() as u64) as usize];
            let from = random.below(other.len().max(1) as u64) as usize;
            input.truncate(at);
            input.extend_from_slice(&other[from.min(other.len())..]);
        }
    }
    input.truncate(8192);
}

#[test]
fn demux() {
    replay("demux", fuzz::fuzz_demux);
}

#[test]
fn stun() {
    replay("stun", fuzz::fuzz_stun);
}

#[test]
fn framing() {
    replay("framing", fuzz::fuzz_framing);
}

#[test]
fn rtp() {
    replay("rtp", fuzz::fuzz_rtp);
}

#[test]
fn rtcp() {
    replay("rtcp", fuzz::fuzz_rtcp);
}

#[test]
fn vp8() {
    replay("vp8", fuzz::fuzz_vp8);
}

#[test]
fn vp9() {
    replay("vp9", fuzz::fuzz_vp9);
}

#[test]
fn av1() {
    replay("av1", fuzz::fuzz_av1);
}

#[test]
fn red() {
    replay("red", fuzz::fuzz_red);
}

#[test]
fn h264() {
    replay("h264", fuzz::fuzz_h264);
}

#[test]
fn sdp() {
    replay("sdp", fuzz::fuzz_sdp);
}

#[test]
fn client_hello() {
    replay("client_hello", fuzz::fuzz_client_hello);
}

/// A frame of the native door, down to the checked command.
fn signal_frame(bytes: &[u8]) {
    let Ok(mut frame) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let Some(op) = frame.get("op").and_then(serde_json::Value::as_str).map(str::to_owned) else { return };
    let _ = Command::parse(&op, frame.get_mut("d").map(serde_json::Value::take).unwrap_or_default());
}

#[test]
fn signal_json() {
    replay("signal_json", signal_frame);
}

/// The replay itself must notice a target that panics.
#[test]
#[should_panic(expected = "demux panicked on")]
fn a_panic_is_reported_with_its_input() {
    replay("demux", |bytes| assert!(bytes.first() != Some(&0x16), "not for this target"));
}
