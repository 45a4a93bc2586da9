//! Scalable video behind paths that change: frames go before the size does, and whatever goes, the rest is decodable.

use std::time::Duration;

use super::{
    CAMERA, MIC, SEES_ONE,
    peer::View,
    scalable::{Encoder, SPATIAL, Shown, Viewer},
    world::{Section, World},
};
use crate::{
    proto::codec::Codec,
    room::{
        command::{AutoSubscribe, Command, MediaGrants, Wish},
        event::Event,
    },
};

const PLAIN_CAMERA: Section = Section::Camera { mid: "1", layers: &[] };
/// (Codec, whether its layers are simulcast.)
const KINDS: [(Codec, bool); 5] =
    [(Codec::Vp8, true), (Codec::Vp9, false), (Codec::Av1, false), (Codec::Vp9, true), (Codec::Av1, true)];
const TOP: u8 = SPATIAL - 1;
const FPS: usize = 30;

/// A publisher and a viewer behind a path.
struct Stage {
    world: World,
    encoder: Encoder,
    viewer: Viewer,
    publisher: usize,
    subscriber: usize,
    reports: u32,
}

/// A tenth of a second: how many pictures were shown, and the highest layer of the last.
#[derive(Clone, Copy)]
struct Tenth {
    pictures: usize,
    layer: Option<u8>,
}

impl std::fmt::Debug for Tenth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.pictures, self.layer.map_or("-".to_owned(), |layer| layer.to_string()))
    }
}

impl Stage {
    fn new(seed: u64, (codec, simulcast): (Codec, bool), path: &str) -> Self {
        let camera = if simulcast { CAMERA } else { PLAIN_CAMERA };
        let mut world = World::new(seed);
        world.step = Duration::from_millis(3);
        let publisher = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.peer(publisher).video_codecs = vec![codec];
        world.offer(publisher, &[MIC, camera]);
        world.connect(publisher);
        let subscriber = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.peer(subscriber).video_codecs = vec![codec];
        world.peer(subscriber).keeps_raw = true;
        world.reports_arrivals(subscriber);
        world.offer(subscriber, &SEES_ONE);
        world.connect(subscriber);
        world.impair(subscriber, path);
        let mut stage = Self {
            world,
            encoder: Encoder::new(codec, simulcast),
            viewer: Viewer::default(),
            publisher,
            subscriber,
            reports: 0,
        };
        stage.wish(Some(TOP), None);
        stage
    }

    fn wish(&mut self, layer: Option<u8>, max_fps: Option<u8>) {
        let track = self.world.tracks(self.subscriber)[1];
        let wishes = vec![Wish { track, layer, max_fps, priority: 0 }];
        self.world.command(self.subscriber, Command::Subscribe { wishes });
    }

    fn impair(&mut self, path: &str) {
        self.world.impair(self.subscriber, path);
    }

    /// So many pictures, 33 ms apart.
    fn send(&mut self, pictures: usize) -> Vec<Shown> {
        for _ in 0..pictures {
            let asked = std::mem::take(&mut self.world.peer(self.publisher).plis);
            for (layer, packet) in self.encoder.encode(&asked) {
                self.world.peer(self.publisher).send_raw_layer("1", layer, &packet);
            }
            self.world.settle();
            self.world.advance(Duration::from_millis(33));
        }
        let packets = self.world.take_raw(self.subscriber);
        self.viewer.take(&self.encoder, &packets)
    }

    fn watch(&mut self, seconds: usize) -> Vec<Tenth> {
        (0..seconds * 10)
            .map(|tenth| {
                let shown = self.send(FPS / 10);
                if tenth % 10 == 9 {
                    self.report();
                }
                Tenth { pictures: shown.len(), layer: shown.last().map(|one| one.spatial) }
            })
            .collect()
    }

    /// A receiver report, without which nobody is told of its quality.
    fn report(&mut self) {
        self.reports += 1;
        let (now, view) = (self.world.now(), View { highest: 65_536 + self.reports, ..View::default() });
        let peer = self.world.peer(self.subscriber);
        peer.receiver_report(now, peer.video_ssrc, view);
    }

    /// Whether the subscriber was told lately that it gets less than it asked for.
    fn was_told(&mut self) -> bool {
        let events = self.world.events(self.subscriber);
        let limited = |event: &Event| match event {
            Event::Quality(quality) => quality.issues.codes().contains(&"low_bandwidth"),
            _ => false,
        };
        events.iter().any(limited)
    }

    fn late(&self) -> Duration {
        self.world.path(self.subscriber).late
    }
}

fn pictures(seen: &[Tenth]) -> usize {
    seen.iter().map(|tenth| tenth.pictures).sum()
}

#[test]
fn a_path_that_shrinks_takes_frames_before_it_takes_the_size() {
    for codec in KINDS {
        let mut stage = Stage::new(71, codec, "latency=25ms,rate=5M,buffer=400k");
        let wide = stage.watch(8);
        assert_eq!(wide[79].layer, Some(TOP), "{codec:?}: {wide:?}");
        assert!(pictures(&wide[50..]) >= 88, "{codec:?}: {wide:?}");

        stage.was_told();
        stage.watch(6);
        assert!(!stage.was_told(), "{codec:?}: it has all that it asked for");

        stage.impair("latency=25ms,rate=1500k,buffer=400k");
        let narrower = stage.watch(10);
        assert!(
            narrower.iter().all(|tenth| tenth.layer.is_none_or(|layer| layer == TOP)),
            "{codec:?}: {narrower:?}"
        );
        let found = pictures(&narrower[50..]);
        assert!((72..=78).contains(&found), "{codec:?}: half the pictures, not {found}: {narrower:?}");
        assert!(stage.was_told(), "{codec:?}: that is less than it asked for");

        stage.impair("latency=25ms,rate=700k,buffer=400k");
        let narrow = stage.watch(10);
        assert!(
            narrow[50..].iter().all(|tenth| tenth.layer.is_none_or(|layer| layer == 1)),
            "{codec:?}: {narrow:?}"
        );
        assert!(pictures(&narrow[50..]) >= 148, "{codec:?}: a small picture that moves: {narrow:?}");

        stage.impair("latency=25ms,rate=5M,buffer=400k");
        let wide = stage.watch(12);
        assert!(wide[100..].iter().all(|tenth| tenth.layer == Some(TOP)), "{codec:?}: {wide:?}");
        assert!(pictures(&wide[100..]) >= 58, "{codec:?}: all of it again: {wide:?}");
        assert_eq!(
            stage.world.path(stage.subscriber).overflowed(),
            0,
            "{codec:?}: what came is what was sent"
        );
    }
}

#[test]
fn a_step_to_a_sixth_of_the_path_and_back() {
    for codec in [(Codec::Vp9, false), (Codec::Av1, false)] {
        for seed in 81..84 {
            let path = |rate: &str| format!("latency=23ms,jitter=4ms,rate={rate},buffer=400k,seed={seed}");
            let mut stage = Stage::new(seed, codec, &path("3M"));
            let before = stage.watch(8);
            assert_eq!(before[79].layer, Some(TOP), "{codec:?} {seed}: {before:?}");

            stage.impair(&path("500k"));
            let late = stage.late();
            let narrow = stage.watch(10);
            let down = narrow.iter().position(|tenth| tenth.layer.is_some_and(|layer| layer < TOP));
            let late = stage.late() - late;

            stage.impair(&path("3M"));
            let wide = stage.watch(14);
            let whole = |tenths: &[Tenth]| {
                tenths.iter().all(|tenth| tenth.layer == Some(TOP)) && pictures(tenths) >= 28
            };
            let up = wide.windows(10).position(whole);
            println!("{codec:?} {seed}: down after {down:?} tenths, {late:?} late, up after {up:?}");
            assert!(down.is_some_and(|down| down <= 10), "{codec:?} {seed}: {narrow:?}");
            assert!(late <= Duration::from_secs(2), "{codec:?} {seed}: {late:?} of queue: {narrow:?}");
            assert!(up.is_some_and(|up| up <= 100), "{codec:?} {seed}: {wide:?}");
            assert_eq!(stage.world.path(stage.subscriber).overflowed(), 0, "{codec:?} {seed}");
        }
    }
}

#[test]
fn a_wish_for_fewer_frames_is_kept_and_not_paid_for() {
    for codec in KINDS {
        let mut stage = Stage::new(72, codec, "latency=25ms,rate=1500k,buffer=400k");
        stage.wish(Some(TOP), Some(15));
        stage.watch(8);
        let seen = stage.watch(4);
        assert!(seen.iter().all(|tenth| tenth.layer == Some(TOP)), "{codec:?}: it fits: {seen:?}");
        assert!((56..=62).contains(&pictures(&seen)), "{codec:?}: {seen:?}");
        stage.impair("latency=25ms,rate=5M,buffer=400k");
        stage.wish(Some(TOP), None);
        let seen = stage.watch(6);
        assert!(pictures(&seen[40..]) >= 58, "{codec:?}: {seen:?}");
    }
}

#[test]
fn an_encoder_that_says_no_joins_is_asked_for_a_keyframe_after_a_while() {
    let mut stage = Stage::new(73, (Codec::Vp8, true), "latency=25ms,rate=5M,buffer=400k");
    stage.encoder.tells_joins = false;
    stage.wish(Some(TOP), Some(15));
    let slow = stage.watch(6);
    assert!(pictures(&slow[40..]) <= 32, "{slow:?}");
    stage.wish(Some(TOP), None);
    let seen = stage.watch(20);
    assert!(pictures(&seen[..100]) <= 155, "a keyframe is dear: {seen:?}");
    assert!(pictures(&seen[150..]) >= 148, "{seen:?}");
}
