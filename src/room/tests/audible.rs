//! Which microphones are forwarded in large rooms.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::command::{AutoSubscribe, Command, MediaGrants, Source},
    MIC, Section,
    peer::Sound,
    world::World,
};
use crate::{base::id::ShardId, room::event::Event};

const SPEECH: u8 = 30;
const SILENCE: u8 = 127;
const LIMIT: usize = 5;
const PEOPLE: usize = 20;

/// People with microphones, and one who only listens.
fn meeting(world: &mut World, listener_on: ShardId) -> (Vec<usize>, usize) {
    world.limit_audible(LIMIT);
    let people: Vec<usize> = (0..PEOPLE)
        .map(|_| {
            let who = world.join(MediaGrants::ALL, AutoSubscribe::Nothing);
            world.offer(who, &[MIC]);
            world.connect(who);
            who
        })
        .collect();
    let listener = world.join_on(listener_on, MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(listener, &MIDS.map(|mid| Section::ReceiveAudio { mid }));
    world.connect(listener);
    (people, listener)
}

const MIDS: [&str; PEOPLE] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18",
    "19",
];

/// Everybody sends a packet every 20 ms, at these levels.
fn go_on(world: &mut World, people: &[usize], ms: u64, level: impl Fn(usize) -> u8) {
    for _ in 0..ms / 20 {
        for who in people {
            world.peer(*who).send_audio(level(*who));
        }
        world.settle();
        world.advance(Duration::from_millis(20));
    }
}

fn take(world: &mut World, who: usize) -> BTreeMap<u32, Vec<Sound>> {
    let mut streams = BTreeMap::<u32, Vec<Sound>>::new();
    for sound in std::mem::take(&mut world.peer(who).sounds) {
        streams.entry(sound.ssrc).or_default().push(sound);
    }
    streams
}

fn assert_dense(all: &BTreeMap<u32, Vec<Sound>>) {
    for sounds in all.values() {
        for pair in sounds.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "no gap and no step back");
            let ticks = u128::from(pair[1].timestamp.wrapping_sub(pair[0].timestamp));
            let passed = (pair[1].at - pair[0].at).as_millis() * 48;
            assert!(ticks.abs_diff(passed) <= 48, "the clock ran on: {ticks} ticks in {passed}");
        }
    }
}

fn speaks(speakers: &[usize]) -> impl Fn(usize) -> u8 {
    move |who| if speakers.contains(&who) { SPEECH } else { SILENCE }
}

fn three_of_twenty(world: &mut World, listener_on: ShardId) {
    let (people, listener) = meeting(world, listener_on);
    go_on(world, &people, 1_000, speaks(&[]));
    assert_eq!(world.take_audio(listener), 0, "nobody has said anything");

    go_on(world, &people, 2_000, speaks(&[1, 2, 3]));
    let mut heard = take(world, listener);
    assert_eq!(heard.len(), 3, "three speak");
    assert!(heard.values().all(|sounds| sounds.len() == 100), "every packet of theirs");

    // Two go on, the third falls silent, a fourth begins.
    let began = world.now();
    go_on(world, &people, 4_000, speaks(&[1, 2, 9]));
    let later = take(world, listener);
    let (new, known): (BTreeMap<u32, Vec<Sound>>, _) =
        later.into_iter().partition(|(ssrc, _)| !heard.contains_key(ssrc));
    let first = new.values().next().expect("the fourth is heard")[0];
    assert_eq!((new.len(), first.level), (1, SPEECH));
    assert!(first.at - began <= Duration::from_millis(40), "its first word, at once");
    let mut lengths: Vec<_> = known.values().map(Vec::len).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [99, 200, 200], "the third is kept for two seconds");

    // It comes back into the same stream, where it left off.
    go_on(world, &people, 1_000, speaks(&[3]));
    for (ssrc, sounds) in known.into_iter().chain(new).chain(take(world, listener)) {
        heard.entry(ssrc).or_default().extend(sounds);
    }
    assert_eq!(heard.len(), 4);
    assert_dense(&heard);
}

#[test]
fn of_twenty_people_those_who_speak_are_heard() {
    three_of_twenty(&mut World::new(80), ShardId(0));
}

#[test]
fn another_shard_decides_for_its_own_listeners() {
    let mut world = World::new(81);
    three_of_twenty(&mut world, ShardId(1));
    assert!(world.take_crossed().len() > PEOPLE * 350, "it hears all levels");
}

#[test]
fn with_few_microphones_all_are_heard_and_none_jumps_when_people_leave() {
    let mut world = World::new(82);
    let (people, listener) = meeting(&mut world, ShardId(0));
    go_on(&mut world, &people, 500, speaks(&[0]));
    assert_eq!(take(&mut world, listener).len(), 1);
    for who in &people[LIMIT..] {
        world.command(*who, Command::Leave);
    }
    go_on(&mut world, &people[..LIMIT], 500, speaks(&[]));
    let mut all = take(&mut world, listener);
    assert_eq!(all.len(), LIMIT, "all of them, silent as they are");
    // One more comes, and goes again.
    let guest = world.join(MediaGrants::ALL, AutoSubscribe::Nothing);
    world.offer(guest, &[MIC]);
    world.connect(guest);
    go_on(&mut world, &people[..LIMIT], 500, speaks(&[]));
    assert_eq!(take(&mut world, listener).len(), 0, "now it is a large room");
    world.command(guest, Command::Leave);
    go_on(&mut world, &people[..LIMIT], 500, speaks(&[]));
    for (ssrc, sounds) in take(&mut world, listener) {
        all.entry(ssrc).or_default().extend(sounds);
    }
    assert!(
        all.values().all(|sounds| sounds.len() == 50),
        "{:?}",
        all.values().map(Vec::len).collect::<Vec<_>>()
    );
    assert_dense(&all);
}

#[test]
fn six_who_speak_at_once_are_five_and_the_loudest_among_them() {
    let mut world = World::new(83);
    let (people, listener) = meeting(&mut world, ShardId(0));
    go_on(&mut world, &people, 500, speaks(&[0, 1, 2, 3, 4]));
    assert_eq!(take(&mut world, listener).len(), LIMIT);
    go_on(&mut world, &people, 500, speaks(&[0, 1, 2, 3, 4, 5]));
    assert_eq!(take(&mut world, listener).values().filter(|one| one.len() == 25).count(), LIMIT);
    go_on(&mut world, &people, 500, |who| if who == 6 { SPEECH - 15 } else { speaks(&[0, 1, 2, 3, 4])(who) });
    let heard = take(&mut world, listener);
    assert!(heard.values().flatten().any(|sound| sound.level == SPEECH - 15), "the loudest is");
    assert!(heard.values().filter(|one| one.len() >= 20).count() <= LIMIT);
}

#[test]
fn a_mute_in_a_large_room_leaves_no_gap() {
    let mut world = World::new(84);
    let (people, listener) = meeting(&mut world, ShardId(0));
    go_on(&mut world, &people, 500, speaks(&[0]));
    world.command(people[0], Command::Mute { source: Source::Mic, muted: true });
    go_on(&mut world, &people, 3_000, speaks(&[0]));
    world.command(people[0], Command::Mute { source: Source::Mic, muted: false });
    go_on(&mut world, &people, 500, speaks(&[0]));
    let heard = take(&mut world, listener);
    assert_eq!(heard.values().map(Vec::len).collect::<Vec<_>>(), [50]);
    assert_dense(&heard);
}

#[test]
fn who_has_the_floor_is_announced_to_all() {
    let mut world = World::new(85);
    let (people, listener) = meeting(&mut world, ShardId(1));
    go_on(&mut world, &people, 3_000, speaks(&[4]));
    let floor = |events: Vec<Event>| {
        events.into_iter().rev().find_map(|event| match event {
            Event::Speakers { dominant, .. } => Some(dominant.map(|(id, _)| id)),
            _ => None,
        })
    };
    let id = world.id(people[4]);
    for who in [people[0], listener] {
        assert_eq!(floor(world.events(who)), Some(Some(id)));
    }
    go_on(&mut world, &people, 3_000, speaks(&[7]));
    let id = world.id(people[7]);
    assert_eq!(floor(world.events(listener)), Some(Some(id)));
}
