//! Whole rooms behind fixed bottlenecks: how much of one is used for pictures, and what that does to its queue and to
//! others who share it.
//!
//! Three cameras want more than any of the bottlenecks carries: their layers are 8, 20 and 45 % of what the voice
//! leaves. As everybody is to be seen before anybody is seen large, the best that fits is one large and two middle
//! pictures, 85 %.

use std::time::{Duration, Instant};

use super::{
    CAMERA, MIC,
    nacks::Nacks,
    world::{Section, World},
};
use crate::{
    netem::tcp::Tcp,
    room::command::{AutoSubscribe, Command, MediaGrants, Wish},
};

const CAMERAS: usize = 3;
const SHARES: [f64; 3] = [0.08, 0.20, 0.45];
const BEST: f64 = 0.85;
/// Of the best that is possible.
const ENOUGH: f64 = 0.8;
const FRAMES_PER_SECOND: f64 = 30.0;
const FRAME: Duration = Duration::from_micros(33_333);
const WORD: Duration = Duration::from_millis(20);
/// 22 kb/s of sound, 40 with what is around it.
const WORD_BYTES: usize = 56;
const VOICE: f64 = 40_000.0;
/// SRTP header, extensions and tag around a payload.
const AROUND: f64 = 44.0;
const FULL: f64 = 1_100.0;
const SECTIONS: [Section; 5] = [
    Section::ReceiveAudio { mid: "0" },
    Section::ReceiveVideo { mid: "1" },
    Section::ReceiveVideo { mid: "2" },
    Section::ReceiveVideo { mid: "3" },
    Section::ReceiveAudio { mid: "4" },
];

struct Gallery {
    world: World,
    viewer: usize,
    next_frame: Instant,
    next_word: Instant,
}

impl Gallery {
    fn new(seed: u64, bps: f64, text: &str) -> Self {
        let mut world = World::new(seed);
        world.step = Duration::from_millis(2);
        let sizes = SHARES.map(|share| frame_bytes(share * (bps - VOICE)));
        for tag in 0..CAMERAS {
            let who = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
            world.prepare(who, u8::try_from(tag).unwrap(), sizes);
            let sections: &[Section] = if tag == 0 { &[MIC, CAMERA] } else { &[CAMERA] };
            world.peer(who).word_bytes = WORD_BYTES;
            world.offer(who, sections);
            world.connect(who);
        }
        let now = world.now();
        let mut gallery = Self { world, viewer: CAMERAS, next_frame: now, next_word: now };
        gallery.run(Duration::from_secs(3)); // what everything costs is known before anybody watches
        let world = &mut gallery.world;
        let viewer = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.prepare(viewer, 9, sizes);
        world.peer(viewer).nacks = Some(Nacks::new(Duration::from_millis(50)));
        world.offer(viewer, &SECTIONS);
        world.connect(viewer);
        let path = |salt| format!("latency=23ms,jitter=4ms,seed={}", seed * 2 + salt);
        world.impair(viewer, &format!("{},rate={text}", path(0)));
        world.impair_up(viewer, &path(1));
        let wishes = world.tracks(viewer).into_iter();
        let wishes = wishes.map(|track| Wish { track, layer: Some(2), max_fps: None, priority: 0 }).collect();
        world.command(viewer, Command::Subscribe { wishes });
        gallery
    }

    fn run(&mut self, time: Duration) {
        let until = self.world.now() + time;
        while self.world.now() < until {
            let now = self.world.now();
            if now >= self.next_frame {
                self.next_frame += FRAME;
                for who in 0..CAMERAS {
                    self.world.put_frame(who, &[0, 1, 2]);
                }
            }
            if now >= self.next_word {
                self.next_word += WORD;
                self.world.put_audio(0, 30);
            }
            self.world.settle();
            self.world.advance(self.world.step);
        }
    }

    /// Bytes of sound and pictures that came, without probes.
    fn useful(&mut self) -> u64 {
        self.world.path(self.viewer).bytes - self.world.peer(self.viewer).probed
    }
}

/// The share of the bottleneck that fits best, the voice included.
fn best(bps: f64) -> f64 {
    (VOICE + BEST * (bps - VOICE)) / bps
}

fn frame_bytes(bps: f64) -> usize {
    let whole = bps / 8.0 / FRAMES_PER_SECOND;
    let packets = (whole / (FULL + AROUND)).ceil();
    (whole - packets * AROUND) as usize
}

/// What the viewer had of its bottleneck from the sixth second on.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    /// Of the bottleneck, for sound and pictures.
    used: f64,
    /// Of what was sent, to its queue.
    lost: f64,
    /// The longest.
    queue: Duration,
    /// Seconds until enough was used, once and for all.
    steady_after: usize,
}

fn outcome(seed: u64, bps: f64, text: &str) -> Outcome {
    let mut gallery = Gallery::new(seed, bps, text);
    let viewer = gallery.viewer;
    let best = best(bps);
    let mut before = gallery.useful();
    let mut second = |gallery: &mut Gallery| {
        gallery.run(Duration::from_secs(1));
        let now = gallery.useful();
        (now - std::mem::replace(&mut before, now)) as f64 * 8.0 / bps
    };
    let early: Vec<f64> = (0..5).map(|_| second(&mut gallery)).collect();
    let counters = gallery.world.path(viewer).counters();
    gallery.world.path_mut(viewer).longest = Duration::ZERO;
    let later: Vec<f64> = (0..20).map(|_| second(&mut gallery)).collect();
    let after = gallery.world.path(viewer).counters();
    let enough = |used: &f64| *used >= ENOUGH * best;
    let seconds: Vec<f64> = early.into_iter().chain(later.iter().copied()).collect();
    Outcome {
        used: later.iter().sum::<f64>() / later.len() as f64,
        lost: (after.overflowed - counters.overflowed) as f64 / (after.received - counters.received) as f64,
        queue: gallery.world.path(viewer).longest.saturating_sub(Duration::from_millis(27)),
        steady_after: seconds.iter().rposition(|used| !enough(used)).map_or(0, |last| last + 1),
    }
}

fn median<T: PartialOrd + Copy>(outcomes: &[Outcome], of: impl Fn(&Outcome) -> T) -> T {
    let mut values: Vec<T> = outcomes.iter().map(of).collect();
    values.sort_by(|one, other| one.partial_cmp(other).unwrap());
    values[values.len() / 2]
}

#[test]
fn a_room_uses_a_bottleneck_without_filling_its_queue() {
    for (bps, text) in [(300e3, "300k"), (1e6, "1M"), (2.5e6, "2.5M"), (5e6, "5M")] {
        let outcomes: Vec<Outcome> = (1..=5).map(|seed| outcome(seed, bps, text)).collect();
        let of_best = |one: &Outcome| one.used / best(bps);
        println!("{text}: {outcomes:.3?}, of the best {:.2}", median(&outcomes, of_best));
        assert!(median(&outcomes, of_best) >= ENOUGH, "{text}: {outcomes:?}");
        assert!(median(&outcomes, |one| one.used) >= 0.8, "{text}: {outcomes:?}");
        assert!(median(&outcomes, |one| one.lost) < 0.01, "{text}: {outcomes:?}");
        assert!(median(&outcomes, |one| one.queue) < Duration::from_millis(200), "{text}: {outcomes:?}");
        assert!(median(&outcomes, |one| one.steady_after) <= 5, "{text}: {outcomes:?}");
    }
}

#[test]
fn a_room_and_tcp_share_a_bottleneck() {
    for (bps, text, seconds) in [(300e3, "300k", 150), (1e6, "1M", 60), (2.5e6, "2.5M", 40), (5e6, "5M", 40)]
    {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for seed in 1..=5 {
            let mut gallery = Gallery::new(seed, bps, text);
            let viewer = gallery.viewer;
            gallery.run(Duration::from_secs(10));
            gallery.world.path_mut(viewer).tcp = Some(Tcp::default());
            gallery.run(Duration::from_secs(20));
            let delivered = |gallery: &Gallery| gallery.world.path(viewer).tcp.as_ref().unwrap().delivered();
            let (before, tcp_before) = (gallery.useful(), delivered(&gallery));
            gallery.run(Duration::from_secs(seconds));
            let share = |bytes: u64| bytes as f64 * 8.0 / seconds as f64 / bps;
            ours.push(share(gallery.useful() - before));
            theirs.push(share(delivered(&gallery) - tcp_before));
        }
        println!("{text}: ours {ours:.2?}, TCP {theirs:.2?}");
        for mut shares in [ours, theirs] {
            shares.sort_by(f64::total_cmp);
            assert!(shares[shares.len() / 2] >= 0.3, "{text}: {shares:?}");
        }
    }
}
