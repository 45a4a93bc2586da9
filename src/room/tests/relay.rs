//! One room on two or three shards: what is true for subscribers beside the publisher is true for those elsewhere.

use std::time::Duration;

use super::{
    CAMERA, MIC, SEES_ONE,
    world::{FIRST, Section, World},
};
use crate::{
    base::id::{ParticipantId, ShardId, TrackId},
    proto::codec::Codec,
    room::{
        command::{AutoSubscribe, Command, Kind, MediaGrants, Source, Wish},
        event::Event,
        relay::{RelayMessage, RelayedTrack},
    },
};

const SECOND: ShardId = ShardId(1);
const THIRD: ShardId = ShardId(2);

fn publisher(world: &mut World, shard: ShardId) -> usize {
    let who = world.join_on(shard, MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(who, &[MIC, CAMERA]);
    world.connect(who);
    who
}

fn viewer(world: &mut World, shard: ShardId) -> usize {
    let who = world.join_on(shard, MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(who, &SEES_ONE);
    world.connect(who);
    who
}

/// A publishes on the first shard, B receives on the second.
fn far_call(world: &mut World) -> (usize, usize) {
    (publisher(world, FIRST), viewer(world, SECOND))
}

fn wish(world: &mut World, who: usize, layer: Option<u8>) {
    let track = world.tracks(who)[1];
    let wishes = vec![Wish { track, layer, max_fps: None, priority: 0 }];
    world.command(who, Command::Subscribe { wishes });
}

fn wanted(events: Vec<Event>) -> Option<Vec<u8>> {
    events.into_iter().rev().find_map(|event| match event {
        Event::Wanted { layers, .. } => Some(layers),
        _ => None,
    })
}

fn published(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::TrackPublished(_))).count()
}

fn unpublished(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::TrackUnpublished { .. })).count()
}

fn last_layers(events: Vec<Event>) -> Option<(Vec<u8>, Option<u8>)> {
    events.into_iter().rev().find_map(|event| match event {
        Event::Layers { active, current, .. } => Some((active, current)),
        _ => None,
    })
}

#[test]
fn media_crosses_once_for_all_subscribers_of_the_other_shard() {
    let mut world = World::new(101);
    let ana = publisher(&mut world, FIRST);
    let bo = world.join_on(SECOND, MediaGrants::ALL, AutoSubscribe::Everything);
    assert_eq!(published(&world.events(bo)), 2, "who makes the second part hears of what is there");
    world.offer(bo, &SEES_ONE);
    world.connect(bo);
    let cy = world.join_on(SECOND, MediaGrants::ALL, AutoSubscribe::Everything);
    let events = world.events(cy);
    assert!(matches!(&events[0], Event::Joined { tracks } if tracks.len() == 2), "{events:?}");
    assert_eq!(published(&events), 0);
    world.offer(cy, &SEES_ONE);
    world.connect(cy);

    world.take_crossed();
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    for who in [bo, cy] {
        let frames = world.take_video(who);
        assert!(frames.len() >= 9 && frames[0].keyframe, "{frames:?}");
        assert!(frames.iter().all(|frame| frame.layer == 0));
        world.assert_dense(who);
    }
    assert_eq!(world.take_crossed(), [0; 10], "one copy, and nothing of layers that nobody there wants");
    world.send_audio(ana, 10, 100);
    assert_eq!((world.take_audio(bo), world.take_audio(cy)), (10, 10));
    assert_eq!(world.counts(SECOND), (2, 0, 4), "a relay publication is counted where its publisher is");
}

#[test]
fn later_publications_of_either_shard_appear_on_the_other() {
    let mut world = World::new(102);
    let bo = viewer(&mut world, FIRST);
    let cy = viewer(&mut world, SECOND);
    world.events(bo);
    let ana = publisher(&mut world, SECOND);
    assert_eq!(published(&world.events(bo)), 2);
    assert_eq!(published(&world.events(cy)), 2);
    world.offer(bo, &SEES_ONE);
    world.offer(cy, &SEES_ONE);
    world.send_frames(ana, 1, 10, &[0]);
    assert!(world.take_video(bo).len() >= 9);
    assert_eq!(world.take_video(cy).len(), 10);
    world.send_audio(ana, 5, 100);
    assert_eq!((world.take_audio(bo), world.take_audio(cy)), (5, 5));
    let di = publisher(&mut world, FIRST);
    assert_eq!(published(&world.events(cy)), 2);
    world.events(ana);
    world.command(di, Command::Leave);
    assert_eq!((unpublished(&world.events(cy)), unpublished(&world.events(ana))), (2, 2));
}

#[test]
fn layers_switch_by_keyframe_across_the_relay() {
    let mut world = World::new(103);
    let (ana, bo) = far_call(&mut world);
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    world.take_video(bo);
    assert_eq!(last_layers(world.events(bo)).unwrap().0, [0, 1, 2], "what could be had, not what crosses");
    assert_eq!(world.plis_of_layer(ana, 2), 0);
    wish(&mut world, bo, Some(2));
    assert_eq!(world.plis_of_layer(ana, 2), 1);
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    let switched = world.take_video(bo);
    let high = switched.iter().position(|frame| frame.layer == 2).expect("the high layer arrives");
    assert!(switched[high].keyframe && high <= 2, "{switched:?}");
    assert!(switched[high..].iter().all(|frame| frame.layer == 2), "and stays");
    world.assert_dense(bo);
    world.send_frames(ana, 1, 200, &[0, 1, 2]);
    world.take_crossed();
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    let crossed = world.take_crossed();
    assert_eq!(crossed.iter().filter(|layer| **layer == 2).count(), 10);
    assert!(!crossed.contains(&1), "between the lowest and the wanted one nothing is relayed: {crossed:?}");
}

#[test]
fn a_layer_that_stops_is_replaced_by_one_that_was_not_relayed_before() {
    let mut world = World::new(104);
    let (ana, bo) = far_call(&mut world);
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    wish(&mut world, bo, Some(2));
    world.send_frames(ana, 1, 200, &[0, 1, 2]);
    assert_eq!(world.take_video(bo).last().unwrap().layer, 2);
    world.send_frames(ana, 1, 40, &[0, 1]);
    let lower = world.take_video(bo);
    assert!(lower.len() > 20 && lower[0].keyframe, "{lower:?}");
    assert_eq!(lower.last().unwrap().layer, 1, "the best of what is left");
    assert_eq!(last_layers(world.events(bo)), Some((vec![0, 1], Some(1))));
    world.send_frames(ana, 1, 40, &[0, 1, 2]);
    assert_eq!(world.take_video(bo).last().unwrap().layer, 2);
    world.assert_dense(bo);
}

#[test]
fn nacks_are_answered_on_the_shard_of_the_subscriber() {
    let mut world = World::new(105);
    let (ana, bo) = far_call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.lose_next_downlink(bo, 2);
    world.take_crossed();
    world.send_frames(ana, 1, 5, &[0]);
    let missing = world.missing_video(bo);
    assert_eq!(missing.len(), 2);
    world.nack(bo, &missing);
    assert_eq!(world.missing_video(bo), Vec::<u16>::new());
    assert_eq!((world.stats().rtx_sent, world.repairs_sent_by(ana)), (2, 0));
    assert_eq!(world.take_crossed().len(), 5, "nothing crossed again");
}

#[test]
fn uplink_loss_is_repaired_at_home_and_the_repair_crosses() {
    let mut world = World::new(106);
    let (ana, bo) = far_call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.take_video(bo);
    world.lose_next_uplink(ana, 2);
    world.send_frames(ana, 1, 10, &[0]);
    assert_eq!(world.repairs_sent_by(ana), 2);
    assert_eq!(world.take_video(bo).len(), 10);
    world.assert_dense(bo);
}

#[test]
fn packets_lost_between_shards_cost_a_keyframe_and_no_more() {
    let mut world = World::new(107);
    let (ana, bo) = far_call(&mut world);
    world.send_frames(ana, 1, 30, &[0]);
    world.take_video(bo);
    assert_eq!(world.plis_of_layer(ana, 0), 0);
    world.lose_relayed = 3;
    world.send_frames(ana, 1, 1, &[0]);
    assert_eq!(world.plis_of_layer(ana, 0), 1, "asked for at once, by the shard that could not send");
    world.send_frames(ana, 1, 10, &[0]);
    let frames = world.take_video(bo);
    assert_eq!(frames.len(), 8);
    assert!(frames.iter().any(|frame| frame.keyframe), "{frames:?}");
    let missing = world.missing_video(bo);
    assert_eq!(missing.len(), 3, "the receiver sees what it lacks");
    world.nack(bo, &missing);
    assert_eq!((world.missing_video(bo), world.stats().rtx_sent), (missing, 0), "nobody has them");
    world.send_frames(ana, 1, 10, &[0]);
    assert_eq!(world.take_video(bo).len(), 10);
}

#[test]
fn mutes_and_ends_of_tracks_are_the_same_on_every_shard() {
    let mut world = World::new(108);
    let (ana, bo) = far_call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.take_video(bo);
    world.events(bo);
    world.command(ana, Command::Mute { source: Source::Camera, muted: true });
    let told = |events: Vec<Event>, state: bool| {
        events.iter().any(|event| {
            matches!(event, Event::TrackMuted { source: Source::Camera, muted, identity, .. }
                if *muted == state && &**identity == "user0")
        })
    };
    assert!(told(world.events(bo), true));
    world.take_crossed();
    world.send_frames(ana, 1, 5, &[0]);
    assert_eq!((world.take_video(bo).len(), world.take_crossed().len()), (0, 0));
    let cy = world.join_on(THIRD, MediaGrants::ALL, AutoSubscribe::Everything);
    let muted = world.events(cy).into_iter().any(
        |event| matches!(event, Event::TrackPublished(info) if info.source == Source::Camera && info.muted),
    );
    assert!(muted, "a newcomer sees it muted");
    world.command(ana, Command::Mute { source: Source::Camera, muted: false });
    assert!(told(world.events(bo), false));
    world.send_frames(ana, 1, 5, &[0]);
    let frames = world.take_video(bo);
    assert!(frames.len() >= 4 && frames[0].keyframe, "{frames:?}");
    world.assert_dense(bo);

    world.offer(ana, &[MIC, Section::Inactive { mid: "1" }]);
    assert_eq!(unpublished(&world.events(bo)), 1);
    world.command(ana, Command::Leave);
    assert_eq!(unpublished(&world.events(bo)), 1, "the last of the part says goodbye");
    assert_eq!(world.counts(SECOND), (1, 0, 0));
}

#[test]
fn a_part_that_is_lost_takes_its_tracks_along_and_may_come_back() {
    let mut world = World::new(109);
    let (_, bo) = far_call(&mut world);
    let cy = viewer(&mut world, THIRD);
    world.events(bo);
    world.lose_shard(FIRST);
    assert_eq!((unpublished(&world.events(bo)), unpublished(&world.events(cy))), (2, 2));
    let ana = publisher(&mut world, FIRST);
    assert_eq!(published(&world.events(bo)), 2);
    world.offer(bo, &SEES_ONE);
    world.offer(cy, &SEES_ONE);
    world.take_crossed();
    world.send_frames(ana, 1, 10, &[0]);
    assert!(world.take_video(bo).len() >= 9 && world.take_video(cy).len() >= 9);
    assert_eq!(world.take_crossed().len(), 20, "one copy for each of two shards");
}

#[test]
fn a_link_that_starts_afresh_goes_on_with_one_copy() {
    let mut world = World::new(110);
    let (ana, bo) = far_call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    // The viewer's side starts afresh: nothing changes for its subscribers.
    world.events(bo);
    world.take_video(bo);
    world.greet(SECOND, FIRST);
    world.send_frames(ana, 1, 3, &[0]);
    // The publisher's side does: its tracks end and come again.
    world.greet(FIRST, SECOND);
    let events = world.events(bo);
    assert_eq!((unpublished(&events), published(&events)), (4, 4), "{events:?}");
    world.offer(bo, &SEES_ONE);
    world.take_video(bo);
    world.take_crossed();
    world.send_frames(ana, 1, 10, &[0]);
    assert!(world.take_video(bo).len() >= 9);
    assert_eq!(world.take_crossed(), [0; 10]);
    world.send_audio(ana, 5, 100);
    assert_eq!((world.take_audio(bo), world.take_crossed().len()), (5, 5));
}

#[test]
fn a_goodbye_counts_even_while_the_answer_to_a_new_beginning_is_awaited() {
    let mut world = World::new(117);
    let (_, bo) = far_call(&mut world);
    world.events(bo);
    world.hold_letters = true;
    world.greet(SECOND, FIRST);
    world.lose_shard(FIRST);
    world.hold_letters = false;
    world.settle();
    assert_eq!(unpublished(&world.events(bo)), 2);
}

#[test]
fn the_publisher_hears_what_is_wanted_on_all_shards_together() {
    let mut world = World::new(111);
    let (ana, bo) = far_call(&mut world);
    let cy = viewer(&mut world, FIRST);
    let di = viewer(&mut world, THIRD);
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    wish(&mut world, bo, Some(2));
    wish(&mut world, di, Some(1));
    world.events(ana);
    world.send_frames(ana, 1, 200, &[0, 1, 2]);
    assert_eq!(wanted(world.events(ana)), None, "all three are watched somewhere");
    assert_eq!(world.take_video(cy).last().unwrap().layer, 0);
    assert_eq!(world.take_video(di).last().unwrap().layer, 1);

    world.command(di, Command::Leave);
    world.send_frames(ana, 1, 360, &[0, 1, 2]);
    assert_eq!(wanted(world.events(ana)), Some(vec![0, 2]));
    wish(&mut world, bo, None);
    world.send_frames(ana, 1, 360, &[0, 2]);
    assert_eq!(wanted(world.events(ana)), Some(vec![0]));
    world.take_crossed();
    world.send_frames(ana, 1, 10, &[0]);
    assert_eq!(world.take_crossed(), [] as [u8; 0], "nobody there watches");

    world.take_video(bo);
    wish(&mut world, bo, Some(2));
    assert_eq!(wanted(world.events(ana)), Some(vec![0, 2]), "at once");
    world.send_frames(ana, 1, 10, &[0, 2]);
    let frames = world.take_video(bo);
    assert!(frames[0].keyframe && frames.last().unwrap().layer == 2, "{frames:?}");
    world.assert_dense(bo);
}

#[test]
fn speakers_are_known_on_every_shard_by_name() {
    let mut world = World::new(112);
    let (ana, bo) = far_call(&mut world);
    world.events(ana);
    world.send_audio(ana, 30, 20);
    let id = world.id(ana);
    for who in [ana, bo] {
        assert!(world.events(who).iter().any(|event| {
            match event {
                Event::Speakers { speakers, .. } => speakers
                    .first()
                    .is_some_and(|(speaker, identity, _)| *speaker == id && &**identity == "user0"),
                _ => false,
            }
        }));
    }
    world.command(ana, Command::Leave);
    world.advance(Duration::from_secs(1));
    let told: Vec<usize> = world
        .events(bo)
        .into_iter()
        .filter_map(|event| match event {
            Event::Speakers { speakers, .. } => Some(speakers.len()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [0], "who is gone is forgotten at once");
}

#[test]
fn data_channels_reach_the_same_name_on_other_shards_and_do_not_echo() {
    let mut world = World::new(113);
    let (ana, bo) = far_call(&mut world);
    let cy = viewer(&mut world, THIRD);
    world.open_channel(ana, "board");
    world.open_channel(bo, "board");
    world.open_channel(cy, "other");
    world.say(ana, "a line from 1,1 to 2,2");
    assert_eq!(world.heard(bo), ["a line from 1,1 to 2,2"]);
    assert_eq!((world.heard(ana).len(), world.heard(cy).len()), (0, 0));
    world.say(bo, "seen");
    assert_eq!(world.heard(ana), ["seen"]);
}

#[test]
fn whep_on_another_shard_receives_tracks_that_start_after_its_only_offer() {
    let mut world = World::new(114);
    let eve = world.join_on(SECOND, MediaGrants::ALL, AutoSubscribe::FirstOffer);
    world.offer(eve, &SEES_ONE);
    world.connect(eve);
    for _ in 0..2 {
        let ana = publisher(&mut world, FIRST);
        world.send_frames(ana, 1, 40, &[0, 1, 2]);
        assert_eq!(world.take_video(eve).last().unwrap().layer, 2, "it wants the best");
        world.command(ana, Command::Leave);
    }
    world.assert_dense(eve);
}

#[test]
fn clock_mappings_cross_in_the_timestamps_of_each_subscriber() {
    let mut world = World::new(115);
    let (ana, bo) = far_call(&mut world);
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    wish(&mut world, bo, Some(1));
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    world.send_report(ana, 0, 7 << 32);
    assert_eq!(world.reports(bo).0, [], "of a layer that this subscriber does not get");
    world.send_report(ana, 1, 8 << 32);
    let (reports, newest) = world.reports(bo);
    assert_eq!(reports, [(8 << 32, newest)]);
}

#[test]
fn what_comes_from_a_part_that_has_not_greeted_is_stale() {
    let mut world = World::new(116);
    let (_, bo) = far_call(&mut world);
    let track = RelayedTrack {
        track: TrackId::from_parts(9, 9),
        owner: ParticipantId::from_parts(9, 9),
        identity: "ghost".into(),
        kind: Kind::Audio,
        source: Source::Mic,
        codec: Codec::Opus,
        profile: None,
        layers: 1,
        flowing: vec![0],
        muted: false,
    };
    world.events(bo);
    world.post(THIRD, SECOND, RelayMessage::Published(track.clone()));
    world.post(THIRD, SECOND, RelayMessage::Tracks { tracks: vec![track.clone()] });
    assert_eq!(published(&world.events(bo)), 0);
    world.post(THIRD, SECOND, RelayMessage::Hello);
    world.post(THIRD, SECOND, RelayMessage::Published(track.clone()));
    world.post(THIRD, SECOND, RelayMessage::Published(track));
    assert_eq!(published(&world.events(bo)), 1, "once");
    world.post(FIRST, SECOND, RelayMessage::Unpublished { track: TrackId::from_parts(9, 9) });
    assert_eq!(unpublished(&world.events(bo)), 0, "each shard speaks for its own tracks");
    world.post(THIRD, SECOND, RelayMessage::Goodbye);
    assert_eq!(unpublished(&world.events(bo)), 1);
}
