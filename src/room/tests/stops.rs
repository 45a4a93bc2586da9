//! Layers that stop and start, and beginnings that are lost.

use std::time::Duration;

use super::{
    call,
    world::{Section, World},
};
use crate::room::{
    command::{AutoSubscribe, Command, MediaGrants, Source, Wish},
    event::Event,
};

fn wish(world: &mut World, who: usize, layer: u8) {
    let track = world.tracks(who)[1];
    let wish = Wish { track, layer: Some(layer), max_fps: None, priority: 0 };
    world.command(who, Command::Subscribe { wishes: vec![wish] });
}

/// What the publisher was told last to send of its camera.
fn wanted(world: &mut World, publisher: usize) -> Option<Vec<u8>> {
    world.events(publisher).into_iter().rev().find_map(|event| match event {
        Event::Wanted { source: Source::Camera, layers, .. } => Some(layers),
        _ => None,
    })
}

#[test]
fn a_viewer_of_a_layer_that_stops_gets_a_lower_one_soon() {
    let mut world = World::new(18);
    let (ana, bo) = call(&mut world);
    wish(&mut world, bo, 1);
    world.send_frames(ana, 1, 20, &[0, 1]);
    assert_eq!(world.take_video(bo).last().unwrap().layer, 1);

    // The publisher's bandwidth ran short: it stops the upper layer without a word.
    world.send_frames(ana, 1, 8, &[0]);
    let lower = world.take_video(bo);
    assert!(lower.len() >= 3 && lower[0].keyframe, "within five frames: {lower:?}");
    assert!(lower.iter().all(|frame| frame.layer == 0));

    // And starts it again. It is not trusted at once.
    world.send_frames(ana, 1, 10, &[0]);
    world.send_frames(ana, 1, 100, &[0, 1]);
    assert!(world.take_video(bo).iter().all(|frame| frame.layer == 0));
    world.send_frames(ana, 1, 60, &[0, 1]);
    let back = world.take_video(bo);
    let upper = back.iter().position(|frame| frame.layer == 1).expect("the upper layer is served again");
    assert!(back[upper].keyframe, "{back:?}");
    assert!(back[upper..].iter().all(|frame| frame.layer == 1));
    world.assert_dense(bo);

    // A source that stops as a whole is no reason to change anything.
    world.advance(Duration::from_millis(900));
    world.send_frames(ana, 1, 10, &[0, 1]);
    assert!(world.take_video(bo).iter().all(|frame| frame.layer == 1));
}

#[test]
fn while_a_layer_has_stopped_the_one_below_it_stands_in() {
    let mut world = World::new(19);
    let (ana, bo) = call(&mut world);
    wish(&mut world, bo, 2);
    world.send_frames(ana, 1, 200, &[0, 2]);
    assert_eq!(wanted(&mut world, ana), Some(vec![0, 2]), "the one between is not needed");

    world.send_frames(ana, 1, 20, &[0]);
    assert_eq!(wanted(&mut world, ana), Some(vec![0, 1, 2]));
    world.send_frames(ana, 1, 30, &[0, 1]);
    assert_eq!(wanted(&mut world, ana), Some(vec![0, 1]), "uplink for the top layer would be wasted for now");
    assert_eq!(world.take_video(bo).last().unwrap().layer, 1);

    world.send_frames(ana, 1, 150, &[0, 1]);
    assert_eq!(wanted(&mut world, ana), Some(vec![0, 1, 2]), "another try");
    world.send_frames(ana, 1, 30, &[0, 1, 2]);
    assert_eq!(world.take_video(bo).last().unwrap().layer, 2);
    world.assert_dense(bo);
}

#[test]
fn on_a_lossy_path_a_layer_that_fades_is_left_before_it_stops() {
    let mut world = World::new(24);
    let (ana, bo) = call(&mut world);
    wish(&mut world, bo, 2);
    let lossy = |world: &mut World, tenths: usize| {
        for _ in 0..tenths {
            world.lose_next_uplink(ana, 2);
            world.send_frames(ana, 1, 3, &[0, 1, 2]);
        }
    };
    world.frame_bytes(ana, [500, 2_000, 6_000]);
    lossy(&mut world, 100);
    assert_eq!(world.take_video(bo).last().unwrap().layer, 2);
    assert_eq!(wanted(&mut world, ana), None, "the one below is kept ready");
    // Bandwidth falls; the browser takes it from the top layer first.
    world.frame_bytes(ana, [500, 2_000, 2_500]);
    lossy(&mut world, 30);
    let frames = world.take_video(bo);
    let left = frames.iter().position(|frame| frame.layer == 1).expect("it is left for the one below");
    assert!(frames[left].keyframe && frames[..left].iter().all(|frame| frame.layer == 2));
    lossy(&mut world, 10);
    assert_eq!(wanted(&mut world, ana), Some(vec![0, 1]), "and switched off then");
}

#[test]
fn a_publisher_that_never_sends_its_top_layer_is_watched_in_the_next_one() {
    let mut world = World::new(20);
    let (ana, bo) = call(&mut world);
    wish(&mut world, bo, 2);
    // A browser with a small camera has no third layer, whatever it announced.
    world.send_frames(ana, 1, 400, &[0, 1]);
    assert_eq!(wanted(&mut world, ana), None, "all are still wanted");
    assert!(world.take_video(bo).iter().rev().take(300).all(|frame| frame.layer == 1));
}

#[test]
fn what_came_before_the_late_beginning_of_a_keyframe_follows_it() {
    let mut world = World::new(22);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 20, &[0, 1]);
    world.frame_bytes(ana, [10, 5_000, 10]);
    wish(&mut world, bo, 1);
    world.take_video(bo);
    // Of the first keyframe of the new layer the first packet is lost; the other four wait for its repair.
    world.lose_next_uplink(ana, 1);
    world.send_frames(ana, 1, 1, &[1]);
    world.send_frames(ana, 1, 5, &[0, 1]);
    let frames = world.take_video(bo);
    assert!(frames[0].keyframe && frames.iter().all(|frame| frame.layer == 1), "{frames:?}");
    assert_eq!(frames.len(), 6 * 5, "packets of six pictures: {frames:?}");
    assert_eq!(frames.iter().filter(|frame| frame.keyframe).count(), 1, "no second keyframe");
    world.assert_dense(bo);
}

#[test]
fn what_came_before_a_late_beginning_follows_on_other_shards_too() {
    let mut world = World::new(23);
    let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(ana, &[super::MIC, super::CAMERA]);
    world.connect(ana);
    let far = world.join_on(crate::base::id::ShardId(1), MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(far, &[Section::ReceiveAudio { mid: "0" }, Section::ReceiveVideo { mid: "1" }]);
    world.connect(far);
    world.send_frames(ana, 1, 20, &[0, 1]);
    world.frame_bytes(ana, [10, 5_000, 10]);
    wish(&mut world, far, 1);
    world.take_video(far);
    world.lose_next_uplink(ana, 1);
    world.send_frames(ana, 1, 1, &[1]);
    world.send_frames(ana, 1, 5, &[0, 1]);
    let frames = world.take_video(far);
    assert!(frames[0].keyframe && frames.iter().all(|frame| frame.layer == 1), "{frames:?}");
    world.assert_dense(far);
}

#[test]
fn a_sender_that_is_short_of_processor_keeps_its_layers() {
    let mut world = World::new(25);
    let (ana, bo) = call(&mut world);
    wish(&mut world, bo, 1);
    world.send_frames(ana, 1, 20, &[0, 1]);
    assert_eq!(world.take_video(bo).last().unwrap().layer, 1);
    // It encodes the layers of a picture one after the other, and has to wait in between.
    for _ in 0..20 {
        world.peer(ana).begin_picture();
        for layer in [0, 1] {
            world.peer(ana).send_layers(&[layer]);
            world.settle();
            world.advance(Duration::from_millis(180));
        }
    }
    let frames = world.take_video(bo);
    assert_eq!(frames.len(), 20);
    assert!(
        frames.iter().all(|frame| frame.layer == 1 && !frame.keyframe),
        "no keyframe was asked for: {frames:?}"
    );
}
