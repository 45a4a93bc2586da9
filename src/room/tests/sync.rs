//! Lips and voices: timestamps and sender reports across switches, pauses and shards.

use std::time::Duration;

use super::{
    super::command::{AutoSubscribe, Command, MediaGrants, Source, Wish},
    CAMERA, MIC, SEES_ONE, call,
    world::{Section, World},
};
use crate::base::id::ShardId;

const RATE: u64 = 90_000;

/// The publisher's wall clock at the capture of its newest frame.
fn capture_time(world: &mut World, who: usize) -> u64 {
    (u64::from(world.peer(who).timestamp) << 32) / RATE
}

fn report_all(world: &mut World, who: usize, layers: &[u8]) {
    let ntp = capture_time(world, who);
    for layer in layers {
        world.send_report(who, *layer, ntp);
    }
}

fn wish(world: &mut World, who: usize, layer: Option<u8>) {
    let track = world.tracks(who)[1];
    world
        .command(who, Command::Subscribe { wishes: vec![Wish { track, layer, max_fps: None, priority: 0 }] });
}

/// How far the newest frame is from where the last report puts it, in ticks.
fn error_of_report(world: &mut World, publisher: usize, who: usize) -> i64 {
    let capture = capture_time(world, publisher);
    let (reports, newest) = world.reports(who);
    let (ntp, rtp) = *reports.last().expect("a report");
    let apart = (i128::from(capture.wrapping_sub(ntp).cast_signed()) * i128::from(RATE)) >> 32;
    let told = rtp.wrapping_add((apart as i64 & 0xFFFF_FFFF) as u32);
    i64::from(newest.wrapping_sub(told).cast_signed())
}

fn switches(world: &mut World, ana: usize, bo: usize) {
    // Each layer counts from a base of its own, as browsers do.
    world.peer(ana).bases = [1_000_000, 3_999_999_000, 77];
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    report_all(world, ana, &[0, 1, 2]);
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    let mut last = world.take_video(bo).last().expect("a picture").timestamp;
    for layer in [2, 0, 1, 2, 1, 0] {
        let reports = world.reports(bo).0.len();
        wish(world, bo, Some(layer));
        world.send_frames(ana, 1, 10, &[0, 1, 2]);
        let frames = world.take_video(bo);
        assert_eq!(frames.last().unwrap().layer, layer);
        for frame in frames {
            let step = frame.timestamp.wrapping_sub(last);
            // 30 frames a second; the frame of a switch may be the second of its picture, one tick later.
            assert!(step == 1 || (2_998..=3_002).contains(&step), "{step} ticks on layer {}", frame.layer);
            last = frame.timestamp;
        }
        assert!(world.reports(bo).0.len() > reports, "a report follows the switch");
        let error = error_of_report(world, ana, bo);
        assert!(error.abs() <= 180, "layer {layer}: the report is {error} ticks off");
    }
}

#[test]
fn switches_keep_the_time_of_capture_and_are_reported() {
    let mut world = World::new(60);
    let (ana, bo) = call(&mut world);
    switches(&mut world, ana, bo);
}

#[test]
fn so_they_do_on_another_shard() {
    let mut world = World::new(61);
    let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(ana, &[MIC, CAMERA]);
    world.connect(ana);
    let bo = world.join_on(ShardId(1), MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(bo, &SEES_ONE);
    world.connect(bo);
    switches(&mut world, ana, bo);
}

#[test]
fn a_switch_is_reported_within_a_tenth_of_a_second() {
    let mut world = World::new(62);
    let (ana, bo) = call(&mut world);
    world.peer(ana).bases = [5, 500, 5_000];
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    report_all(&mut world, ana, &[0, 1, 2]);
    wish(&mut world, bo, Some(2));
    world.take_video(bo);
    let mut waited = 0;
    while world.take_video(bo).iter().all(|frame| frame.layer != 2) {
        world.send_frames(ana, 1, 1, &[0, 1, 2]);
        waited += 1;
        assert!(waited < 20, "the layer arrives");
    }
    let reports = world.reports(bo).0.len();
    world.advance(Duration::from_millis(60));
    assert_eq!(world.reports(bo).0.len(), reports.max(2));
    assert!(error_of_report(&mut world, ana, bo).abs() <= 180);
}

#[test]
fn a_pause_and_a_mute_keep_the_time_of_capture() {
    let mut world = World::new(63);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 10, &[0]);
    report_all(&mut world, ana, &[0]);
    let before = world.take_video(bo).last().unwrap().timestamp;
    wish(&mut world, bo, None);
    world.send_frames(ana, 1, 30, &[0]);
    wish(&mut world, bo, Some(0));
    world.send_frames(ana, 1, 10, &[0]);
    let resumed = world.take_video(bo);
    let frames = resumed[0].timestamp.wrapping_sub(before);
    assert_eq!(frames % 3_000, 0, "a whole number of frames later");
    assert!(frames >= 31 * 3_000, "and not earlier than captured: {frames}");
    let before = resumed.last().unwrap().timestamp;
    world.command(ana, Command::Mute { source: Source::Camera, muted: true });
    world.send_frames(ana, 1, 30, &[0]);
    world.command(ana, Command::Mute { source: Source::Camera, muted: false });
    world.send_frames(ana, 1, 10, &[0]);
    let frames = world.take_video(bo)[0].timestamp.wrapping_sub(before);
    assert_eq!((frames % 3_000, frames >= 31 * 3_000), (0, true), "{frames}");
    assert!(error_of_report(&mut world, ana, bo).abs() <= 180);
    world.assert_dense(bo);
}

#[test]
fn without_reports_time_goes_on_as_it_passes() {
    let mut world = World::new(64);
    let (ana, bo) = call(&mut world);
    world.peer(ana).bases = [5, 500_000_000, 4_000_000_000];
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    let before = world.take_video(bo).last().unwrap().timestamp;
    wish(&mut world, bo, Some(2));
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    let after = world.take_video(bo).last().unwrap().timestamp;
    assert!(
        (20_000..40_000).contains(&after.wrapping_sub(before)),
        "ten frames: {}",
        after.wrapping_sub(before)
    );
    assert_eq!(world.reports(bo).0, []);
}

#[test]
fn a_newcomer_can_pair_sound_and_picture_within_half_a_second() {
    let mut world = World::new(65);
    let (ana, _) = call(&mut world);
    world.peer(ana).bases = [12_345, 0, 0];
    world.send_frames(ana, 1, 10, &[0]);
    report_all(&mut world, ana, &[0]);
    let cy = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(cy, &SEES_ONE);
    world.connect(cy);
    world.send_frames(ana, 1, 30, &[0]);
    // The publisher has said nothing more.
    let (reports, _) = world.reports(cy);
    let [(first, _), (second, _)] = *reports else { panic!("{reports:?}") };
    let apart = ((second - first) * 1_000) >> 32;
    assert!((290..=420).contains(&apart), "{apart} ms apart");
    assert!(error_of_report(&mut world, ana, cy).abs() <= 180);
}

fn scattered(world: &mut World, others: ShardId) {
    let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(ana, &[MIC, CAMERA]);
    world.connect(ana);
    let bo = world.join_on(others, MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(bo, &SEES_ONE);
    world.connect(bo);
    for late_ms in [0, 14, 3, 0, 11, 8] {
        world.send_frames(ana, 1, 30, &[0]);
        let ntp = capture_time(world, ana) + (late_ms << 32) / 1_000;
        world.send_report(ana, 0, ntp);
        assert_eq!(world.reports(bo).0.last().expect("it is passed on").0, ntp, "at once");
        let error = error_of_report(world, ana, bo);
        assert!(error.abs() <= 5, "{error} ticks off after a report that was {late_ms} ms late");
    }
}

/// A receiver that draws a line through its last twenty reports.
fn broken(world: &mut World, others: ShardId) {
    let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(ana, &[MIC, CAMERA]);
    world.connect(ana);
    let bo = world.join_on(others, MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(bo, &SEES_ONE);
    world.connect(bo);
    let mut report = |late_ms: u64| {
        world.send_frames(ana, 1, 30, &[0]);
        let ntp = capture_time(world, ana) + (late_ms << 32) / 1_000;
        world.send_report(ana, 0, ntp);
        let before = world.reports(bo).0.len();
        let at_once = error_of_report(world, ana, bo) / 90;
        world.send_frames(ana, 1, 150, &[0]);
        (at_once, error_of_report(world, ana, bo) / 90, world.reports(bo).0.len() - before)
    };
    assert_eq!(report(0), (0, 0, 1), "the first is told twice");
    assert_eq!([14, 29, 0].map(&mut report), [(0, 0, 0); 3], "what is late for a moment changes nothing");
    let (at_once, later, told) = report(60);
    assert_eq!((at_once, later), (50, 50), "lost samples: the middle of what it can mean");
    assert_eq!(told, 19, "the old ones are forgotten");
    assert_eq!(report(48), (48, 48, 0), "an earlier report is right, and moves the line a little");
    assert_eq!(report(63), (48, 48, 0));
}

#[test]
fn a_sender_that_lost_samples_is_believed_and_its_old_reports_are_forgotten() {
    broken(&mut World::new(70), ShardId(0));
}

#[test]
fn so_they_are_on_another_shard() {
    broken(&mut World::new(71), ShardId(1));
}

#[test]
fn reports_that_scatter_are_passed_on_along_a_line() {
    scattered(&mut World::new(68), ShardId(0));
}

#[test]
fn so_they_are_to_another_shard() {
    scattered(&mut World::new(69), ShardId(1));
}

const STAMP: u8 = 10;

/// Somebody who offers times of capture, under an id of its own.
fn stamped(world: &mut World, shard: ShardId, id: u8, sections: &[Section]) -> usize {
    let who = world.join_on(shard, MediaGrants::ALL, AutoSubscribe::Everything);
    world.peer(who).capture_ext = id;
    let answer = world.offer(who, sections);
    let line = format!("a=extmap:{id} http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time");
    assert_eq!(answer.matches(&line).count(), sections.len(), "it is answered in sound and picture");
    world.connect(who);
    who
}

/// A frame on all layers and a sound that say when they were captured, and with which offset of clocks.
fn send_stamped(world: &mut World, who: usize, offset: &[u8]) {
    let next = (u64::from(world.peer(who).timestamp + 3_000) << 32) / RATE;
    world.peer(who).stamp = [&next.to_be_bytes(), offset].concat();
    world.send_frames(who, 1, 1, &[0, 1, 2]);
    world.send_audio(who, 1, 30);
    world.peer(who).stamp.clear();
}

/// The times of capture that came since the last call, after checking each picture's against the sender reports.
fn take_stamps(world: &mut World, who: usize) -> Vec<(u8, u64, i64)> {
    let stamps = std::mem::take(&mut world.peer(who).captured);
    let (ntp, rtp) = *world.reports(who).0.last().expect("a report");
    let read = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
    let look = |(kind, timestamp, value): (u8, u32, Vec<u8>)| {
        let (captured, offset) = (read(&value[..8]), read(&value[8..]).cast_signed());
        let ticks = i64::from(timestamp.wrapping_sub(rtp).cast_signed());
        let told = ntp.wrapping_add_signed((ticks << 32) / 90_000);
        let apart = (captured.wrapping_sub(told).cast_signed() * 1_000) >> 32;
        assert!(kind == 111 || apart.abs() <= 2, "{apart} ms from what the reports say");
        (kind, captured, offset)
    };
    stamps.into_iter().map(look).collect()
}

fn times_of_capture(world: &mut World, others: ShardId) {
    let ana = stamped(world, ShardId(0), STAMP, &[MIC, CAMERA]);
    let bo = stamped(world, others, STAMP + 2, &SEES_ONE);
    let cy = world.join_on(others, MediaGrants::ALL, AutoSubscribe::Everything);
    let answer = world.offer(cy, &SEES_ONE);
    assert!(!answer.contains("abs-capture-time"));
    world.connect(cy);
    world.peer(cy).capture_ext = STAMP + 2; // it looks, though it did not offer
    world.peer(ana).bases = [1_000_000, 3_999_999_000, 77];
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    report_all(world, ana, &[0, 1, 2]);
    assert_eq!(world.peer(bo).captured, [], "nothing is made up");

    // Without an offset the publisher's clock is the one of the reports.
    send_stamped(world, ana, &[]);
    let now = capture_time(world, ana);
    assert_eq!(take_stamps(world, bo), [(96, now, 0), (111, now, 0)]);
    // With one it captured nothing itself, and knows how the clocks differ.
    send_stamped(world, ana, &(-3_i64 << 30).to_be_bytes());
    let now = capture_time(world, ana);
    assert_eq!(take_stamps(world, bo), [(96, now, -3 << 30), (111, now, -3 << 30)]);

    // Another layer begins with it, whatever its timestamps are.
    world.send_frames(ana, 1, 5, &[0, 1, 2]);
    for layer in [2, 1, 0] {
        wish(world, bo, Some(layer));
        let before = capture_time(world, ana);
        world.send_frames(ana, 1, 10, &[0, 1, 2]);
        let stamps = take_stamps(world, bo);
        assert!(!stamps.is_empty(), "layer {layer}");
        for (kind, captured, offset) in stamps {
            assert_eq!((kind, offset), (96, -3 << 30));
            assert!((before..capture_time(world, ana)).contains(&captured), "layer {layer}");
        }
    }
    // What is lost comes again as it was: `Wire` compares the bytes of the sound.
    world.lose_next_downlink(bo, 2);
    send_stamped(world, ana, &[]);
    world.send_frames(ana, 1, 1, &[0, 1, 2]);
    world.send_audio(ana, 1, 30);
    assert_eq!(take_stamps(world, bo), []);
    world.peer(bo).nack_missing();
    world.settle();
    let kinds: Vec<u8> = take_stamps(world, bo).iter().map(|(kind, ..)| *kind).collect();
    assert!(kinds == [97, 111] || kinds == [111, 97], "{kinds:?}");
    assert!(!world.take_video(cy).is_empty() && world.take_audio(cy) > 0);
    assert_eq!(world.peer(cy).captured, [], "who does not offer it does not get it");
}

#[test]
fn times_of_capture_pass_to_those_who_take_them() {
    times_of_capture(&mut World::new(66), ShardId(0));
}

#[test]
fn so_they_do_to_another_shard() {
    times_of_capture(&mut World::new(67), ShardId(1));
}
