//! Rooms whose subscribers sit behind slow and changing paths.

use std::time::Duration;

use super::{
    CAMERA, MIC, SEES_ONE,
    world::{Section, World},
};
use crate::room::{
    command::{AutoSubscribe, Command, MediaGrants, Wish},
    event::Event,
};

/// 100 kb/s, 400 kb/s and 1.6 Mb/s at 30 frames a second.
const SIZES: [usize; 3] = [420, 1_660, 6_660];
const FPS: usize = 30;

/// A publishes three layers; the others want the top one behind the paths given.
pub(super) fn gallery(seed: u64, paths: &[&str]) -> (World, usize, Vec<usize>) {
    gallery_in(World::new(seed), paths)
}

pub(super) fn gallery_in(mut world: World, paths: &[&str]) -> (World, usize, Vec<usize>) {
    world.step = Duration::from_millis(3);
    let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(ana, &[MIC, CAMERA]);
    world.connect(ana);
    world.frame_bytes(ana, SIZES);
    let mut viewers = Vec::new();
    for path in paths {
        let viewer = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.reports_arrivals(viewer);
        world.offer(viewer, &SEES_ONE);
        world.connect(viewer);
        world.impair(viewer, path);
        let track = world.tracks(viewer)[1];
        let wish = Wish { track, layer: Some(2), max_fps: None, priority: 0 };
        world.command(viewer, Command::Subscribe { wishes: vec![wish] });
        viewers.push(viewer);
    }
    (world, ana, viewers)
}

/// Frames for so many seconds; tells for each tenth of a second which layer the viewer saw last.
pub(super) fn watch(world: &mut World, ana: usize, viewer: usize, seconds: usize) -> Vec<Option<u8>> {
    let mut seen = Vec::new();
    for _ in 0..seconds * 10 {
        world.send_frames(ana, 1, FPS / 10, &[0, 1, 2]);
        seen.push(world.take_video(viewer).last().map(|frame| frame.layer));
    }
    seen
}

#[test]
fn a_narrow_path_gets_a_small_picture_and_a_wide_one_the_large() {
    for (path, bps, expected) in
        [("rate=300k", 300_000, 0), ("rate=1M", 1_000_000, 1), ("rate=5M", 5_000_000, 2)]
    {
        let (mut world, ana, viewers) = gallery(21, &[&format!("latency=25ms,{path}")]);
        watch(&mut world, ana, viewers[0], 6);
        let late_before = world.path(viewers[0]).late;
        let lost_before = world.path(viewers[0]).overflowed();
        let seen = watch(&mut world, ana, viewers[0], 10);
        let share = seen.iter().filter(|layer| **layer == Some(expected)).count();
        assert!(share >= 90, "{path}: {share} of 100 tenths of a second at layer {expected}: {seen:?}");
        let (estimate, _) = world.estimate(viewers[0]).expect("feedback");
        assert!(estimate <= bps + bps / 20, "{path}: believes {estimate}");
        assert_eq!(world.path(viewers[0]).late, late_before, "{path}: no queue");
        assert_eq!(world.path(viewers[0]).overflowed(), lost_before, "{path}: nothing lost to the queue");
    }
}

/// How one of so many viewers fares when its path becomes slow and fast again: tenths of a second until it has a
/// smaller picture, time with a queue above half a second, tenths until the large picture is back.
fn slow_for_a_while(seed: u64, others: usize) -> (usize, Duration, usize) {
    let path =
        |rate: &str, salt: u64| format!("latency=23ms,jitter=4ms,rate={rate},seed={}", seed * 100 + salt);
    let mut paths = vec![path("3M", 0)];
    paths.extend((1..).take(others).map(|other| path("20M", other)));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (mut world, ana, viewers) = gallery(seed, &paths);
    let before = watch(&mut world, ana, viewers[0], 8);
    assert_eq!(before.last(), Some(&Some(2)), "{before:?}");
    for other in &viewers[1..] {
        world.take_video(*other);
    }

    world.impair(viewers[0], &path("500k", 0));
    let narrow = watch(&mut world, ana, viewers[0], 10);
    let down = narrow.iter().position(|layer| layer.is_some_and(|layer| layer < 2)).expect("goes down");
    let late = world.path(viewers[0]).late;
    world.impair(viewers[0], &path("3M", 0));
    let wide = watch(&mut world, ana, viewers[0], 12);
    let up = wide.iter().position(|layer| *layer == Some(2)).expect("comes back");
    assert!(wide[(up + 10).min(119)..].iter().all(|layer| *layer == Some(2)), "and stays: {wide:?}");
    for other in &viewers[1..] {
        let frames = world.take_video(*other);
        assert!(frames.iter().all(|frame| frame.layer == 2), "the others see no change");
        // What is on its way when a measurement begins or ends.
        let expected = 22 * FPS * SIZES[2].div_ceil(1_100);
        assert!(frames.len().abs_diff(expected) < 30, "{} of {expected} packets", frames.len());
        world.assert_dense(*other);
    }
    (down, late, up)
}

#[test]
fn one_slow_viewer_goes_down_fast_and_up_again_and_nobody_else_notices() {
    let mut seen: Vec<_> =
        (31..36).map(|seed| slow_for_a_while(seed, if seed == 31 { 49 } else { 3 })).collect();
    println!("(tenths of a second until down, time above half a second of queue, until up): {seen:?}");
    seen.sort_unstable_by_key(|(_, _, up)| *up);
    assert!(seen.iter().all(|(down, late, _)| *down <= 10 && *late <= Duration::from_secs(2)));
    assert!(seen[2].2 <= 100, "the median is up again within ten seconds");
}

#[test]
fn who_comes_back_starts_where_it_left() {
    let wide = "latency=25ms,rate=20M";
    let (mut world, ana, viewers) = gallery(24, &[wide, wide]);
    watch(&mut world, ana, viewers[0], 8);
    let (before, _) = world.estimate(viewers[0]).expect("feedback");
    assert!(before > 2_000_000, "{before}");
    world.command(viewers[0], Command::Leave);
    let again = world.join_as(viewers[0]);
    world.reports_arrivals(again);
    world.offer(again, &SEES_ONE);
    world.connect(again);
    world.impair(again, wide);
    world.send_frames(ana, 1, 8, &[0, 1, 2]);
    let (after, _) = world.estimate(again).expect("feedback");
    assert!(after > before / 2, "{before} before, {after} after");
}

#[test]
fn what_does_not_fit_at_all_is_paused_and_told_and_comes_back() {
    let (mut world, ana, viewers) = gallery(23, &["latency=25ms,rate=5M"]);
    let viewer = viewers[0];
    watch(&mut world, ana, viewer, 4);
    world.impair(viewer, "latency=25ms,rate=60k,buffer=20k");
    world.events(viewer);
    watch(&mut world, ana, viewer, 12);
    let paused = |event: &Event| matches!(event, Event::Layers { paused: true, current: None, .. });
    assert!(world.events(viewer).iter().any(paused), "told of the pause");
    world.impair(viewer, "latency=25ms,rate=5M");
    let seen = watch(&mut world, ana, viewer, 15);
    assert_eq!(seen.last(), Some(&Some(2)), "{seen:?}");
    assert!(world.probes(viewer) > 0, "by probing");
}

#[test]
fn a_moment_of_too_little_pauses_nobody() {
    let (mut world, ana, viewers) = gallery(26, &["latency=25ms,rate=5M"]);
    let viewer = viewers[0];
    let track = world.tracks(viewer)[1];
    let wishes = vec![Wish { track, layer: Some(0), max_fps: None, priority: 0 }];
    world.command(viewer, Command::Subscribe { wishes });
    watch(&mut world, ana, viewer, 4);
    world.events(viewer);
    for _ in 0..3 {
        world.impair(viewer, "latency=25ms,rate=60k");
        world.send_frames(ana, 1, FPS * 8 / 10, &[0, 1, 2]);
        world.impair(viewer, "latency=25ms,rate=5M");
        world.send_frames(ana, 1, FPS * 5, &[0, 1, 2]);
    }
    let paused = |event: &Event| matches!(event, Event::Layers { paused: true, .. });
    let events = world.events(viewer);
    assert!(!events.iter().any(paused), "{events:?}");
}

#[test]
fn a_large_picture_without_layers_gets_through_a_good_path_at_once() {
    for path in ["latency=1ms", "latency=25ms,rate=20M", "latency=40ms,jitter=15ms,rate=20M,seed=3"] {
        let mut world = World::new(25);
        world.step = Duration::from_millis(3);
        let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.offer(ana, &[MIC, Section::Camera { mid: "1", layers: &[] }]);
        world.connect(ana);
        // 5.5 Mb/s: far more than an estimate starts with.
        world.frame_bytes(ana, [23_000; 3]);
        world.send_frames(ana, 1, 2 * FPS, &[0]); // what it costs is known before anybody watches
        let viewer = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.reports_arrivals(viewer);
        world.offer(viewer, &SEES_ONE);
        world.connect(viewer);
        world.impair(viewer, path);
        let (mut seen, mut keyframes) = (Vec::new(), 0);
        for _ in 0..80 {
            world.send_frames(ana, 1, FPS / 10, &[0]);
            let frames = world.take_video(viewer);
            keyframes += frames.iter().filter(|frame| frame.keyframe).count();
            seen.push(frames.len());
        }
        assert!(keyframes <= 2, "{path}: the first estimate stopped the picture: {keyframes} keyframes");
        let (estimate, _) = world.estimate(viewer).unwrap();
        let late = world.path(viewer).late;
        assert!(seen.iter().skip(1).all(|packets| *packets > 0), "{path}: {estimate} {late:?} {seen:?}");
        assert!(estimate > 5_000_000, "{path}: {estimate}");
    }
}
