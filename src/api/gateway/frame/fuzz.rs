//! Frames that were real before something happened to them: to their bytes, or to the values in them. `FUZZ_OPS=n` makes so
//! many, `FUZZ_SEED=n` other ones.

use std::{collections::BTreeSet, env, fs, path::Path};

use serde_json::{Value, json};

use super::{Fate, fuzz_frame};
use crate::{base::rng::Rng, chat::command::Command};

const DEFAULT_OPS: usize = 30_000;
/// Nesting that the decoder must refuse before the stack ends.
const DEEP: usize = 5_000;

fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/frame");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

fn below(rng: &mut Rng, end: usize) -> usize {
    usize::try_from(rng.u64() % end.max(1) as u64).unwrap()
}

/// Values that parsers stumble over.
fn odd(rng: &mut Rng) -> Value {
    match below(rng, 20) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(u64::MAX),
        5 => json!(i64::MIN),
        6 => json!(1.5e300),
        7 => json!(""),
        8 => json!("\0"),
        9 => json!("x".repeat(below(rng, 12_000))),
        10 => json!("é".repeat(below(rng, 6_000))),
        11 => json!("\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}".repeat(below(rng, 40))),
        12 => json!("\u{202E}\u{0301}\u{FEFF}\u{FFFF}"),
        13 => json!([]),
        14 => json!(vec![Value::Null; below(rng, 600)]),
        15 => json!({}),
        16 => json!("01J0000000000000000000000Z"),
        17 => json!("9999-12-31T23:59:60.999999999+23:59"),
        18 => json!("\"' from: in:# has: before:2026-02-30 after:-1 \"open"),
        _ => json!({"type": "x", "min": 40_950, "max": -10, "id": [[[[]]]]}),
    }
}

/// One value anywhere in it: changed, taken away, or put where it does not belong.
fn change(value: &mut Value, others: &[Value], rng: &mut Rng) {
    match value {
        Value::Object(map) if !map.is_empty() && below(rng, 8) > 0 => {
            let key = map.keys().nth(below(rng, map.len())).unwrap().clone();
            match below(rng, 6) {
                0 => {
                    map.remove(&key);
                }
                1 => {
                    let other = &others[below(rng, others.len())];
                    let Some(other) = other["d"].as_object().filter(|other| !other.is_empty()) else {
                        return;
                    };
                    let (key, stranger) = other.iter().nth(below(rng, other.len())).unwrap();
                    map.insert(key.clone(), stranger.clone());
                }
                _ => change(&mut map[&key], others, rng),
            }
        }
        Value::Array(list) if !list.is_empty() && below(rng, 8) > 0 => {
            let at = below(rng, list.len());
            match below(rng, 4) {
                0 => list.extend(vec![list[at].clone(); below(rng, 600)]),
                _ => change(&mut list[at], others, rng),
            }
        }
        Value::String(text) if below(rng, 2) > 0 && !text.is_empty() => {
            let mut letters: Vec<char> = text.chars().collect();
            let at = below(rng, letters.len());
            letters[at] = char::from_u32(rng.u32() % 0x11_0000).unwrap_or('\u{FFFD}');
            *text = letters.into_iter().collect();
        }
        other => *other = odd(rng),
    }
}

fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = below(rng, bytes.len());
    let byte = rng.u64().to_le_bytes()[0];
    match below(rng, 6) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, byte),
        2 => bytes.splice(at..at, b"[".repeat(below(rng, DEEP))).for_each(drop),
        3 => {
            let part = bytes[at..].to_vec();
            bytes.extend(part);
        }
        4 => {
            let structure = b"{}[]\",:\\u0e-";
            if let Some(place) = bytes.get_mut(at) {
                *place = structure[below(rng, structure.len())];
            }
        }
        _ => {
            if let Some(place) = bytes.get_mut(at) {
                *place ^= 1 << (byte % 8);
            }
        }
    }
}

#[test]
fn every_operation_has_a_real_frame_to_begin_with() {
    let fates: Vec<Fate> = corpus().iter().map(|frame| fuzz_frame(frame.as_bytes())).collect();
    let commands =
        fates.iter().filter_map(|fate| if let Fate::Command(op) = fate { Some(*op) } else { None });
    let known: BTreeSet<&str> = Command::OPS.iter().copied().collect();
    assert_eq!(commands.collect::<BTreeSet<_>>(), known);
}

#[test]
fn nothing_that_comes_as_a_frame_panics() {
    let number = |name: &str, default: usize| {
        env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (ops, seed) = (number("FUZZ_OPS", DEFAULT_OPS), number("FUZZ_SEED", 1));
    let texts = corpus();
    let frames: Vec<Value> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let mut rng = Rng::from_seed(seed as u64);
    let (mut none, mut refused, mut commands) = (0, 0, 0);
    for _ in 0..ops {
        let at = below(&mut rng, frames.len());
        let mut bytes = if below(&mut rng, 4) == 0 {
            texts[at].clone().into_bytes()
        } else {
            let mut frame = frames[at].clone();
            for _ in 0..=below(&mut rng, 3) {
                change(&mut frame["d"], &frames, &mut rng);
            }
            frame.to_string().into_bytes()
        };
        if below(&mut rng, 3) == 0 {
            damage(&mut bytes, &mut rng);
        }
        let shown = bytes.clone();
        let fate = std::panic::catch_unwind(move || fuzz_frame(&bytes));
        match fate {
            Ok(Fate::NoFrame) => none += 1,
            Ok(Fate::Refused(_)) => refused += 1,
            Ok(Fate::Command(_)) => commands += 1,
            Err(_) => panic!("seed {seed}: {}", String::from_utf8_lossy(&shown)),
        }
    }
    println!("{ops} frames, seed {seed}: {none} no frames, {refused} refused, {commands} commands");
    assert!([none, refused, commands].iter().all(|count| count * 20 > ops), "they do not go deep");
}
