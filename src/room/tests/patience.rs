//! How long viewers are told to wait: for repairs, and as the room says.

use super::{
    MIC, SEES_ONE,
    bandwidth::{gallery, gallery_in, watch},
    peer::Raw,
    world::{Section, World},
};
use crate::{
    base::{id::ShardId, playout::PlayoutDelay},
    proto::codec::Codec,
    room::command::{AutoSubscribe, MediaGrants},
};

#[test]
fn viewers_are_told_to_wait_for_repairs_of_the_publishers_path() {
    let (mut world, ana, viewers) = gallery(26, &["latency=5ms"]);
    let viewer = viewers[0];
    watch(&mut world, ana, viewer, 3);
    assert_eq!(world.peer(viewer).playout_delay, None, "nobody waits on a good network");
    for _ in 0..20 {
        // A picture of all layers, and the first two repairs.
        world.lose_next_uplink(ana, 12);
        world.send_frames(ana, 1, 3, &[0, 1, 2]);
    }
    // How long is another test's matter: here, repairs take no time.
    assert!(world.peer(viewer).playout_delay.is_some(), "it is told");
}

#[test]
fn on_a_lossy_path_a_repair_is_sent_twice() {
    let (mut world, ana, viewers) = gallery(27, &["latency=25ms"]);
    let viewer = viewers[0];
    world.peer(viewer).forgiving = true;
    watch(&mut world, ana, viewer, 3);
    world.impair(viewer, "latency=25ms,loss=0.05,seed=4");
    watch(&mut world, ana, viewer, 4);
    let (asked, sent) = (world.stats().nacks_received, world.stats().rtx_sent);
    watch(&mut world, ana, viewer, 4);
    let (asked, sent) = (world.stats().nacks_received - asked, world.stats().rtx_sent - sent);
    assert!(asked > 20 && sent > asked * 3 / 2, "{asked} asked for, {sent} sent");
    assert!(world.peer(viewer).playout_delay.is_some_and(|told| told.min >= 50), "a round trip");
    world.impair(viewer, "latency=25ms");
    watch(&mut world, ana, viewer, 15);
    assert_eq!(
        world.peer(viewer).playout_delay,
        Some(PlayoutDelay::default()),
        "and no longer when it is over"
    );
}

#[test]
fn a_room_says_how_long_its_viewers_wait() {
    let told = |seed, shard, playout_delay, codec| {
        let mut world = World::new(seed);
        world.playout_delay = playout_delay;
        let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.peer(ana).video_codecs = vec![codec];
        world.offer(ana, &[MIC, Section::Camera { mid: "1", layers: &[] }]);
        world.connect(ana);
        let viewer = world.join_on(ShardId(shard), MediaGrants::ALL, AutoSubscribe::Everything);
        world.peer(viewer).video_codecs = vec![codec];
        world.reports_arrivals(viewer);
        world.offer(viewer, &SEES_ONE);
        world.connect(viewer);
        world.send_audio(ana, 20, 30);
        assert_eq!(world.take_audio(viewer), 20);
        assert_eq!(world.peer(viewer).playout_delay, None, "sound is repeated byte for byte");
        if codec == Codec::Vp8 {
            world.send_frames(ana, 1, 1, &[0]);
            assert!(!world.take_video(viewer).is_empty());
        } else {
            let payload = vec![0x67; 20];
            world.send_raw(ana, "1", &[Raw { payload_type: 102, payload, ..Raw::default() }]);
            assert_eq!(world.take_raw(viewer).iter().filter(|one| one.payload_type == 102).count(), 1);
        }
        world.peer(viewer).playout_delay
    };
    let asked = Some(PlayoutDelay { min: 200, max: 400 });
    assert_eq!(told(28, 0, asked, Codec::Vp8), asked, "the first picture says it");
    assert_eq!(told(29, 1, asked, Codec::Vp8), asked, "on any shard");
    let at_once = Some(PlayoutDelay { min: 0, max: 0 });
    assert_eq!(told(30, 0, at_once, Codec::Vp8), at_once);
    assert_eq!(
        told(31, 0, Some(PlayoutDelay::default()), Codec::Vp8),
        None,
        "what all do anyhow is not said"
    );
    assert_eq!(told(32, 0, asked, Codec::H264), None, "without RTX it could never change");
}

#[test]
fn waiting_for_repairs_stays_within_what_the_room_says() {
    for (asked, longest) in
        [(PlayoutDelay { min: 40, max: 60 }, 60), (PlayoutDelay { min: 150, max: 400 }, 150)]
    {
        let mut world = World::new(33);
        world.playout_delay = Some(asked);
        let (mut world, ana, viewers) = gallery_in(world, &["latency=25ms"]);
        let viewer = viewers[0];
        world.peer(viewer).forgiving = true;
        watch(&mut world, ana, viewer, 3);
        assert_eq!(world.peer(viewer).playout_delay, Some(asked));
        world.impair(viewer, "latency=25ms,loss=0.05,seed=4");
        watch(&mut world, ana, viewer, 8);
        assert_eq!(world.peer(viewer).playout_delay, Some(PlayoutDelay { min: longest, ..asked }));
        world.impair(viewer, "latency=25ms");
        watch(&mut world, ana, viewer, 15);
        assert_eq!(world.peer(viewer).playout_delay, Some(asked));
    }
}
