//! How good connections are measured to be.

use std::time::Duration;

use super::{call, peer::View, world::World};
use crate::{
    base::quality::{Issue, Quality},
    room::event::Event,
};

/// The last score a participant was given since the events were last looked at.
fn quality(world: &mut World, who: usize) -> Option<Quality> {
    let events = world.events(who);
    events.into_iter().rev().find_map(|event| match event {
        Event::Quality(quality) => Some(quality),
        _ => None,
    })
}

/// So many seconds of voice, every `lost`-th packet of which is lost on the way to the server for good.
fn talk(world: &mut World, who: usize, seconds: usize, lost: usize) {
    world.peer(who).repairs_audio = false;
    for packet in 1..=seconds * 50 {
        if lost > 0 && packet % lost == 0 {
            world.lose_next_uplink(who, 1);
        }
        world.send_audio(who, 1, 30);
    }
}

#[test]
fn a_clean_uplink_scores_best_and_its_loss_is_named() {
    let mut world = World::new(70);
    let (ana, bo) = call(&mut world);
    talk(&mut world, ana, 6, 0);
    let good = quality(&mut world, ana).expect("a score after five seconds");
    assert!(good.score >= 84 && good.loss < 0.001 && good.issues.is_empty(), "{good:?}");
    talk(&mut world, ana, 11, 10);
    let bad = quality(&mut world, ana).unwrap();
    assert!((0.08..0.12).contains(&bad.loss), "{bad:?}");
    assert_eq!(bad.issues.codes(), ["high_loss_up"]);
    assert!(bad.score < 65, "{bad:?}");
    assert_eq!(quality(&mut world, bo), None, "nothing is known of who only listens and says nothing");
    let stats = world.stats();
    assert_eq!(stats.quality_score.counts.iter().sum::<u64>(), 3);
}

#[test]
fn repaired_video_loss_is_an_issue_of_its_own() {
    let mut world = World::new(71);
    let (ana, _) = call(&mut world);
    for frame in 0..360 {
        if frame % 10 == 0 {
            world.lose_next_uplink(ana, 1);
        }
        world.send_frames(ana, 1, 1, &[0]);
    }
    let quality = quality(&mut world, ana).unwrap();
    assert!(quality.issues.contains(Issue::HighLossUp), "{quality:?}");
    assert!(quality.loss < 0.02 && quality.score > 80, "and repair brings it back: {quality:?}");
}

#[test]
fn reports_of_a_subscriber_tell_its_loss_jitter_and_round_trip() {
    let mut world = World::new(72);
    let (ana, bo) = call(&mut world);
    let mut view = View { highest: 65_536, on_the_way: Duration::from_millis(80), ..View::default() };
    for _ in 0..12 {
        talk(&mut world, ana, 1, 0);
        world.send_frames(ana, 1, 1, &[0]);
        // The clock goes on with the pictures: one that jumped would be told again and again.
        let captured = (u64::from(world.peer(ana).timestamp) << 32) / 90_000;
        world.send_report(ana, 0, captured);
        world.advance(Duration::from_millis(200));
        world.peer(ana).pause_audio(Duration::from_millis(233));
        let now = world.now();
        let (audio, video) = (world.peer(bo).sounds[0].ssrc, world.peer(bo).video_ssrc);
        view.highest += 50;
        view.lost += 5;
        view.jitter = 48 * 60;
        world.peer(bo).receiver_report(now, audio, view);
        // The picture loses nothing.
        world.peer(bo).receiver_report(now, video, View { lost: 0, jitter: 90 * 60, ..view });
        world.settle();
    }
    let down = quality(&mut world, bo).expect("a score");
    assert!((0.09..0.11).contains(&down.loss), "{down:?}");
    assert!((59.0..61.0).contains(&down.jitter_ms), "{down:?}");
    let rtt = down.rtt_ms.expect("the reports were echoed");
    assert!((79.0..81.0).contains(&rtt), "{down:?}");
    assert_eq!(down.issues.codes(), ["high_loss_down", "high_jitter"]);
    assert!(quality(&mut world, ana).unwrap().issues.is_empty(), "the speaker's own connection is good");
}

#[test]
fn what_the_speaker_loses_is_not_blamed_on_the_listener() {
    let mut world = World::new(77);
    let (ana, bo) = call(&mut world);
    talk(&mut world, ana, 1, 0);
    let mut lost = 0;
    for _ in 0..11 {
        talk(&mut world, ana, 1, 10);
        lost += 5;
        // The listener sees the gaps, and nothing else is missing.
        let newest = *world.peer(bo).sounds.last().unwrap();
        let now = world.now();
        let highest = u32::from(newest.sequence);
        world.peer(bo).receiver_report(now, newest.ssrc, View { highest, lost, ..View::default() });
        world.settle();
    }
    let listener = quality(&mut world, bo).expect("it reports");
    assert!(listener.issues.is_empty() && listener.loss < 0.005, "{listener:?}");
    assert_eq!(quality(&mut world, ana).unwrap().issues.codes(), ["high_loss_up"]);
}

#[test]
fn a_publisher_answers_for_its_round_trip() {
    let mut world = World::new(73);
    let (ana, _) = call(&mut world);
    for _ in 0..11 {
        talk(&mut world, ana, 1, 0);
        world.advance(Duration::from_millis(50));
        let now = world.now();
        world.peer(ana).answer_reference(now, Duration::from_millis(0));
        world.settle();
    }
    let near = quality(&mut world, ana).unwrap().rtt_ms.expect("it answered");
    assert!(near < 1.0, "{near}");
    for _ in 0..11 {
        talk(&mut world, ana, 1, 0);
        let now = world.now();
        // All the time since was spent on the way, whatever that was.
        world.peer(ana).answer_reference(now, Duration::from_secs(5));
        world.settle();
    }
    let far = quality(&mut world, ana).unwrap();
    assert!(far.rtt_ms.unwrap() > 100.0, "{far:?}");
}

#[test]
fn pictures_that_cannot_be_decoded_are_freezes() {
    let mut world = World::new(74);
    let (ana, bo) = call(&mut world);
    world.send_frames(ana, 1, 90, &[0]);
    for _ in 0..12 {
        world.send_frames(ana, 1, 30, &[0]);
        let now = world.now();
        let (ssrc, highest) = (world.peer(bo).video_ssrc, 70_000);
        world.peer(bo).receiver_report(now, ssrc, View { highest, ..View::default() });
        world.peer(bo).pli();
        world.settle();
        world.send_report(ana, 0, 9 << 32);
    }
    let frozen = quality(&mut world, bo).expect("a score");
    assert_eq!(frozen.issues.codes(), ["freezes"]);
    assert!(frozen.score < 60, "{frozen:?}");
}

#[test]
fn what_was_never_sent_is_not_missing() {
    let mut world = World::new(75);
    let (ana, bo) = call(&mut world);
    let mut highest = 65_536;
    for _ in 0..12 {
        world.send_frames(ana, 1, 30, &[0]);
        // From before the first packet.
        let ssrc = world.peer(bo).video_ssrc;
        let oldest = *world.peer(bo).seen[&ssrc].first().unwrap();
        let now = world.now();
        highest += 30;
        world.peer(bo).receiver_report(now, ssrc, View { highest, ..View::default() });
        world.nack(bo, &[oldest.wrapping_sub(20)]);
    }
    let found = quality(&mut world, bo).expect("a score");
    assert!(found.loss == 0.0 && found.issues.is_empty(), "{found:?}");
    assert_eq!(world.stats().rtx_sent, 0);
}

#[test]
fn muted_and_silent_people_lose_nothing() {
    let mut world = World::new(76);
    let (ana, _) = call(&mut world);
    talk(&mut world, ana, 6, 0);
    // Discontinuous transmission: a packet every 400 ms, numbered without gaps.
    for _ in 0..20 {
        world.send_audio(ana, 1, 127);
        world.peer(ana).pause_audio(Duration::from_millis(380));
        world.advance(Duration::from_millis(380));
    }
    let quality = quality(&mut world, ana).unwrap();
    assert!(quality.loss < 0.001 && quality.issues.is_empty(), "{quality:?}");
}
