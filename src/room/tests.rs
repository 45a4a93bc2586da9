//! Whole rooms on a virtual clock: real ICE checks, DTLS and SRTP of an independent client stack, no socket.

mod agreement;
mod audible;
mod bandwidth;
mod bottleneck;
mod codecs;
mod dynacast;
mod frame;
mod loss;
mod nacks;
mod offer;
mod path;
mod patience;
mod peer;
mod quality;
mod relay;
mod scalable;
mod sim;
mod steps;
mod stops;
mod sync;
mod world;

use std::time::Duration;

use world::{Section, World};

use super::{
    command::{AutoSubscribe, Command, MediaGrants, Source, Wish},
    event::{CloseReason, Event},
    train::HOLD,
};
use crate::transport::srtp::Profile;

const CAMERA: Section = Section::Camera { mid: "1", layers: &["q", "h", "f"] };
const MIC: Section = Section::Mic { mid: "0" };
const SEES_ONE: [Section; 2] = [Section::ReceiveAudio { mid: "0" }, Section::ReceiveVideo { mid: "1" }];

/// A publishes microphone and camera, B receives both.
fn call(world: &mut World) -> (usize, usize) {
    let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(ana, &[MIC, CAMERA]);
    world.connect(ana);
    let bo = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(bo, &SEES_ONE);
    world.connect(bo);
    (ana, bo)
}

#[test]
fn a_call_connects_on_gcm_and_layers_switch_at_keyframes() {
    let mut world = World::new(1);
    let (ana, bo) = call(&mut world);
    assert_eq!(world.profile(ana), Some(Profile::AeadAes128Gcm));
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    let low = world.take_video(bo);
    assert!(!low.is_empty() && low.iter().all(|frame| frame.layer == 0), "a camera starts small: {low:?}");
    assert!(low[0].keyframe, "the first frame can be decoded");

    let track = world.tracks(bo)[1];
    world.command(
        bo,
        Command::Subscribe { wishes: vec![Wish { track, layer: Some(2), max_fps: None, priority: 0 }] },
    );
    assert!(world.plis_of_layer(ana, 2) > 0, "the server asks the wanted layer for a keyframe");
    world.send_frames(ana, 1, 10, &[0, 1, 2]);
    let switched = world.take_video(bo);
    let first_high = switched.iter().position(|frame| frame.layer == 2).expect("the high layer arrives");
    assert!(switched[first_high].keyframe);
    assert!(switched[first_high..].iter().all(|frame| frame.layer == 2), "and stays");
    world.assert_dense(bo);
}

#[test]
fn a_client_without_gcm_is_served_with_aes_cm() {
    let mut world = World::new(2);
    world.only_aes_cm = true;
    let (ana, bo) = call(&mut world);
    assert_eq!(world.profile(ana), Some(Profile::Aes128CmSha1_80));
    world.send_frames(ana, 1, 5, &[0]);
    assert!(!world.take_video(bo).is_empty());
}

#[test]
fn lost_uplink_packets_come_back_by_repaired_rid() {
    let mut world = World::new(3);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.lose_next_uplink(ana, 2);
    world.send_frames(ana, 1, 10, &[0]);
    assert_eq!(world.repairs_sent_by(ana), 2, "the publisher was asked for exactly what was lost");
    let frames = world.take_video(bo);
    assert_eq!(frames.len(), 15);
    world.assert_dense(bo);
    assert_eq!(world.stats().rtx_received, 2);
}

#[test]
fn a_subscriber_gets_lost_packets_again() {
    let mut world = World::new(4);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.lose_next_downlink(bo, 2);
    world.send_frames(ana, 1, 5, &[0]);
    let missing = world.missing_video(bo);
    assert_eq!(missing.len(), 2);
    world.nack(bo, &missing);
    assert_eq!(world.missing_video(bo), Vec::<u16>::new());
    assert_eq!(world.stats().rtx_sent, 2);
}

#[test]
fn lost_words_come_back_both_ways_and_as_they_were() {
    let mut world = World::new(9);
    let (ana, bo) = call(&mut world);
    world.reports_arrivals(bo);
    world.offer(bo, &SEES_ONE); // now with transport-wide numbers
    world.send_audio(ana, 10, 30);
    world.lose_next_uplink(ana, 2);
    world.send_audio(ana, 10, 30);
    assert_eq!(world.repairs_sent_by(ana), 2, "the publisher was asked for what was lost");
    world.lose_next_downlink(bo, 3);
    world.send_audio(ana, 10, 30);
    assert_eq!(world.take_audio(bo), 27);
    world.peer(bo).nack_missing();
    world.settle();
    assert_eq!(world.take_audio(bo), 3, "and the subscriber got what it missed; `Wire` compares the bytes");
    world.peer(bo).nack_missing();
    world.settle();
    assert_eq!(world.take_audio(bo), 0);
}

#[test]
fn a_mute_is_announced_stops_media_and_leaves_no_gap() {
    let mut world = World::new(5);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.take_video(bo);
    world.command(ana, Command::Mute { source: Source::Camera, muted: true });
    assert!(world.events(bo).iter().any(|event| matches!(event, Event::TrackMuted { muted: true, .. })));
    world.send_frames(ana, 1, 5, &[0]);
    assert!(world.take_video(bo).is_empty());
    world.command(ana, Command::Mute { source: Source::Camera, muted: false });
    world.send_frames(ana, 1, 5, &[0]);
    assert!(!world.take_video(bo).is_empty());
    world.assert_dense(bo);
}

#[test]
fn a_host_mute_cannot_be_undone_by_its_target() {
    let mut world = World::new(6);
    let (ana, bo) = call(&mut world);
    world.command(ana, Command::ForceMute { source: Source::Mic, muted: true });
    world.command(ana, Command::Mute { source: Source::Mic, muted: false });
    world.send_audio(ana, 10, 20);
    assert_eq!(world.take_audio(bo), 0);
    world.command(ana, Command::ForceMute { source: Source::Mic, muted: false });
    world.send_audio(ana, 10, 20);
    assert!(world.take_audio(bo) > 0);
}

#[test]
fn loud_audio_makes_a_speaker() {
    let mut world = World::new(7);
    let (ana, bo) = call(&mut world);
    world.send_audio(ana, 30, 20);
    let id = world.id(ana);
    assert!(world.events(bo).iter().any(|event| match event {
        Event::Speakers { speakers, .. } => speakers.first().is_some_and(|(speaker, _, _)| *speaker == id),
        _ => false,
    }));
}

#[test]
fn sections_are_asked_for_once_and_screens_come_as_tracks_of_their_own() {
    let mut world = World::new(8);
    let (ana, bo) = call(&mut world);
    world.events(bo);
    let screen = Section::Screen { mid: "2" };
    world.offer(ana, &[MIC, CAMERA, screen]);
    let events = world.events(bo);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::TrackPublished(info) if info.source == Source::Screen))
    );
    let asked: Vec<_> = events.iter().filter(|event| matches!(event, Event::Sections { .. })).collect();
    assert!(matches!(asked[..], [Event::Sections { audio: 0, video: 1 }]), "{asked:?}");
    let [audio, video] = SEES_ONE;
    world.offer(bo, &[audio, video, Section::ReceiveVideo { mid: "2" }]);
    assert_eq!(world.tracks(bo).len(), 3);
    world.offer(ana, &[MIC, CAMERA, Section::Inactive { mid: "2" }]);
    assert!(
        world
            .events(bo)
            .iter()
            .any(|event| matches!(event, Event::TrackUnpublished { source: Source::Screen, .. }))
    );
}

#[test]
fn grants_decide_what_is_published() {
    let mut world = World::new(9);
    let grants = MediaGrants { publish_camera: false, ..MediaGrants::ALL };
    let ana = world.join(grants, AutoSubscribe::Everything);
    let answer = world.offer(ana, &[MIC, CAMERA]);
    assert!(answer.contains("m=video") && answer.contains("a=inactive"), "{answer}");
    let bo = world.join(MediaGrants { subscribe: false, ..MediaGrants::ALL }, AutoSubscribe::Everything);
    world.offer(bo, &SEES_ONE);
    assert_eq!(world.tracks(bo), []);
}

#[test]
fn whep_receives_tracks_that_start_after_its_only_offer() {
    let mut world = World::new(10);
    let viewer = world.join(MediaGrants::ALL, AutoSubscribe::FirstOffer);
    let answer = world.offer(viewer, &SEES_ONE);
    assert_eq!(answer.matches("a=sendonly").count(), 2, "{answer}");
    world.connect(viewer);
    let ana = world.join(MediaGrants::ALL, AutoSubscribe::Nothing);
    world.offer(ana, &[MIC, Section::Camera { mid: "1", layers: &[] }]);
    world.connect(ana);
    world.send_frames(ana, 1, 10, &[0]);
    assert!(!world.take_video(viewer).is_empty());
    world.command(ana, Command::Leave);
    let again = world.join(MediaGrants::ALL, AutoSubscribe::Nothing);
    world.offer(again, &[MIC, Section::Camera { mid: "1", layers: &[] }]);
    world.connect(again);
    world.send_frames(again, 1, 10, &[0]);
    assert!(!world.take_video(viewer).is_empty(), "the line goes on with the next publisher");
    world.assert_dense(viewer);
}

#[test]
fn datagrams_from_elsewhere_do_not_disturb_a_session() {
    let mut world = World::new(11);
    let (ana, bo) = call(&mut world);
    for attack in
        [world.forged_client_hello(), vec![0x80; 200], vec![0x80, 200, 0, 6, 1, 2, 3, 4, 5, 6], vec![22; 500]]
    {
        world.inject(ana, "203.0.113.9:666", &attack);
    }
    // And from the right address, without the keys.
    world.inject_own_address(ana, &[0x80; 200]);
    world.inject_own_address(ana, &[vec![0x81, 203, 0, 1], vec![0; 40]].concat());
    let hello = world.forged_client_hello();
    world.inject_own_address(ana, &hello);
    world.send_frames(ana, 1, 10, &[0]);
    assert_eq!(world.take_video(bo).len(), 10);
    assert!(!world.events(bo).iter().any(|event| matches!(event, Event::TrackUnpublished { .. })));
}

#[test]
fn a_silent_participant_is_interrupted_then_closed_and_leaves_nothing() {
    let mut world = World::new(12);
    let (ana, bo) = call(&mut world);
    world.silence(ana);
    world.advance(Duration::from_secs(6));
    assert!(world.events(ana).iter().any(|event| matches!(event, Event::Interrupted)));
    world.advance(Duration::from_secs(26));
    assert!(
        world
            .events(ana)
            .iter()
            .any(|event| matches!(event, Event::Closed { reason: CloseReason::ConsentExpired }))
    );
    assert!(world.events(bo).iter().any(|event| matches!(event, Event::TrackUnpublished { .. })));
    world.command(bo, Command::Leave);
    assert!(world.is_empty(), "no participant, address or ufrag is left");
}

#[test]
fn ice_restart_keeps_keys_and_media() {
    let mut world = World::new(13);
    let (ana, bo) = call(&mut world);
    world.restart_ice(ana, &[MIC, CAMERA], "127.0.0.1:47001");
    world.send_frames(ana, 1, 10, &[0]);
    assert_eq!(world.take_video(bo).len(), 10);
}

#[test]
fn a_client_whose_address_changed_is_followed_with_its_first_packets() {
    let mut world = World::new(23);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 2, &[0]);
    world.take_video(bo);
    world.advance(Duration::from_millis(110));
    world.rebind(ana, "127.0.0.1:47002");
    world.send_frames(ana, 1, 5, &[0]);
    assert_eq!(world.target(ana), "127.0.0.1:47002");
    // The packet that showed the way is lost, and asked for again.
    assert!(world.take_video(bo).len() >= 4);
    // Back to an address that is known, by media alone: no nomination is waited for.
    world.advance(Duration::from_millis(110));
    world.rebind(ana, "127.0.0.1:40000");
    world.send_frames(ana, 1, 1, &[0]);
    assert_eq!(world.target(ana), "127.0.0.1:40000");
    world.advance(Duration::from_millis(110));
    world.rebind(ana, "127.0.0.1:47002");
    world.send_frames(ana, 1, 1, &[0]);
    // Nobody else gets the session by showing what it has seen already, or something of its own.
    let stolen = world.steal_packet(ana);
    world.inject_own_address(ana, &stolen);
    world.advance(Duration::from_millis(110));
    let forged: Vec<u8> = stolen.iter().map(|byte| byte ^ 1).collect();
    for packet in [&stolen, &forged] {
        world.inject(ana, "127.0.0.1:50000", packet);
        assert_eq!(world.target(ana), "127.0.0.1:47002");
    }
    // Nor while the client speaks from where it is known.
    let (first, second) = (world.steal_packet(ana), world.steal_packet(ana));
    world.inject_own_address(ana, &first);
    world.inject(ana, "127.0.0.1:50000", &second);
    assert_eq!(world.target(ana), "127.0.0.1:47002");
}

#[test]
fn broken_offers_are_answered_with_a_reason_and_change_nothing() {
    let mut world = World::new(14);
    let (ana, bo) = call(&mut world);
    for sdp in ["", "v=0\r\n", "garbage", &"a=x\r\n".repeat(60_000)] {
        world.command(ana, Command::Offer { sdp: sdp.to_owned(), generation: 77, lines: vec![] });
        assert!(
            world
                .events(ana)
                .iter()
                .any(|event| matches!(event, Event::NegotiationFailed { generation: 77, .. }))
        );
    }
    world.send_frames(ana, 1, 10, &[0]);
    assert_eq!(world.take_video(bo).len(), 10);
}

#[test]
fn an_offer_can_mute_a_line_that_goes_on() {
    let mut world = World::new(15);
    let (ana, bo) = call(&mut world);
    world.offer_muted(ana, &[MIC, CAMERA], true);
    assert!(
        world
            .events(bo)
            .iter()
            .any(|event| matches!(event, Event::TrackMuted { source: Source::Camera, muted: true, .. }))
    );
    world.offer_muted(ana, &[MIC, CAMERA], false);
    assert!(
        world
            .events(bo)
            .iter()
            .any(|event| matches!(event, Event::TrackMuted { source: Source::Camera, muted: false, .. }))
    );
}

#[test]
fn data_channels_of_one_name_are_connected_and_others_are_not() {
    let mut world = World::new(16);
    let (ana, bo) = call(&mut world);
    let cy = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(cy, &SEES_ONE);
    world.connect(cy);
    world.open_channel(ana, "board");
    world.open_channel(bo, "board");
    world.open_channel(cy, "other");
    world.say(ana, "a line from 1,1 to 2,2");
    assert_eq!(world.heard(bo), ["a line from 1,1 to 2,2"]);
    assert_eq!(world.heard(cy), [] as [&str; 0]);
    assert_eq!(world.heard(ana), [] as [&str; 0]);
    world.say(bo, "seen");
    assert_eq!(world.heard(ana), ["seen"]);
}

#[test]
fn layers_nobody_watches_go_off_after_a_while_and_come_back_at_once() {
    let mut world = World::new(17);
    let (ana, bo) = call(&mut world);
    let wanted = |events: Vec<Event>| {
        events.into_iter().rev().find_map(|event| match event {
            Event::Wanted { layers, .. } => Some(layers),
            _ => None,
        })
    };
    world.send_frames(ana, 1, 60, &[0, 1, 2]);
    assert_eq!(wanted(world.events(ana)), None, "not yet");
    world.send_frames(ana, 1, 120, &[0, 1, 2]);
    assert_eq!(wanted(world.events(ana)), Some(vec![0]), "bo sees the lowest layer only");
    world.send_frames(ana, 1, 60, &[0]);
    world.take_video(bo);

    let track = world.tracks(bo)[1];
    world.command(
        bo,
        Command::Subscribe { wishes: vec![Wish { track, layer: Some(2), max_fps: None, priority: 0 }] },
    );
    assert_eq!(wanted(world.events(ana)), Some(vec![0, 2]));
    world.send_frames(ana, 1, 10, &[0, 2]);
    let frames = world.take_video(bo);
    let high =
        frames.iter().position(|frame| frame.layer == 2).expect("the layer that came back is forwarded");
    assert!(frames[high].keyframe && high <= 4, "{frames:?}");
    world.assert_dense(bo);
}

#[test]
fn a_frame_waits_for_its_end_but_not_for_long_and_audio_waits_for_nothing() {
    let mut world = World::new(19);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.take_video(bo);

    let start = world.now();
    assert_eq!(world.send_continuation(ana, &[false, false]), (0, Some(start + HOLD)), "the frame is open");
    assert_eq!(world.send_continuation(ana, &[true]), (3, None), "one train");

    let start = world.now();
    assert_eq!(world.send_continuation(ana, &[false]), (0, Some(start + HOLD)));
    world.pass(HOLD / 2);
    assert_eq!(world.flush(), (0, Some(start + HOLD)));
    world.pass(HOLD / 2);
    assert_eq!(world.flush(), (1, None), "the end did not come in time");

    assert_eq!(world.send_continuation(ana, &[false]).0, 0);
    world.send_audio(ana, 1, 30);
    assert_eq!(world.take_audio(bo), 1);
    assert_eq!(world.take_video(bo).len(), 5);
    world.assert_dense(bo);
}

#[test]
fn where_the_kernel_takes_no_trains_nothing_waits_for_one() {
    let mut world = World::new(20);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.take_video(bo);
    world.refuse_trains();
    assert_eq!(world.send_continuation(ana, &[false]), (1, None));
    assert_eq!(world.send_continuation(ana, &[false, true]), (2, None));
    world.assert_dense(bo);
}

#[test]
fn a_sender_that_spreads_its_frames_is_not_waited_for() {
    let mut world = World::new(21);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 5, &[0]);
    world.take_video(bo);
    let held = |world: &mut World| world.send_continuation(ana, &[false]).0 == 0;
    assert!(held(&mut world), "nothing is known of the sender");
    for _ in 0..40 {
        world.pass(HOLD * 4);
        world.send_continuation(ana, &[false]);
    }
    assert!(!held(&mut world));
    for _ in 0..20 {
        world.pass(HOLD / 4);
        world.send_continuation(ana, &[false]);
    }
    assert!(held(&mut world), "now it bursts");
}
