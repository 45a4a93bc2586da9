//! Parts of a room that are made, end, panic and lose messages in any order agree again in the end.

use std::collections::BTreeSet;

use super::{
    CAMERA, MIC,
    world::{SHARDS, Section, World},
};
use crate::{
    base::{
        id::{ShardId, TrackId},
        rng::Rng,
    },
    room::{
        command::{AutoSubscribe, Command, MediaGrants},
        event::Event,
        publication::Origin,
    },
};

const STEPS: usize = 80;

/// What somebody was told of is there.
#[derive(Default)]
struct View {
    who: usize,
    tracks: BTreeSet<TrackId>,
}

impl View {
    fn follow(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Joined { tracks } => self.tracks.extend(tracks.into_iter().map(|one| one.track)),
                Event::TrackPublished(one) => {
                    assert!(self.tracks.insert(one.track), "published twice");
                }
                Event::TrackUnpublished { track, .. } => {
                    assert!(self.tracks.remove(&track), "unpublished, but never published");
                }
                _ => {}
            }
        }
    }
}

fn shard(rng: &mut Rng) -> ShardId {
    ShardId(rng.u16() % SHARDS)
}

fn pick(rng: &mut Rng, from: &[View]) -> Option<usize> {
    (!from.is_empty()).then(|| usize::try_from(rng.u64() % from.len() as u64).unwrap())
}

fn run(seed: u64) {
    let mut rng = Rng::from_seed(seed);
    let mut world = World::new(seed);
    world.hold_letters = true;
    let mut here: Vec<View> = Vec::new();
    for _ in 0..STEPS {
        match rng.u64() % 16 {
            0..=3 if here.len() < 6 => {
                let on = shard(&mut rng);
                let who = world.join_on(on, MediaGrants::ALL, AutoSubscribe::Everything);
                here.push(View { who, ..View::default() });
                let events = world.events(who);
                here.last_mut().unwrap().follow(events);
            }
            4..=6 => {
                let Some(at) = pick(&mut rng, &here) else { continue };
                let events = world.events(here[at].who);
                here[at].follow(events);
                // An offer forgets the events before it in this world.
                let camera =
                    if rng.u64().is_multiple_of(2) { CAMERA } else { Section::Inactive { mid: "1" } };
                world.offer(here[at].who, &[MIC, camera]);
            }
            7 | 8 => {
                let Some(at) = pick(&mut rng, &here) else { continue };
                let gone = here.swap_remove(at);
                world.command(gone.who, Command::Leave);
            }
            9 => {
                let lost = shard(&mut rng);
                world.lose_shard(lost);
                here.retain(|one| world.shard_of(one.who) != lost);
            }
            10 => {
                let (from, to) = (shard(&mut rng), shard(&mut rng));
                world.cut(from, to);
            }
            11 => {
                let (from, to) = (shard(&mut rng), shard(&mut rng));
                world.mend(from, to);
            }
            _ => {
                for _ in 0..rng.u64() % 12 {
                    world.carry_one(rng.u64());
                }
            }
        }
    }
    for (from, to) in (0..SHARDS).flat_map(|a| (0..SHARDS).map(move |b| (ShardId(a), ShardId(b)))) {
        world.mend(from, to);
    }
    world.hold_letters = false;
    world.settle();
    for view in &mut here {
        let events = world.events(view.who);
        view.follow(events);
    }
    assert_agreement(&world, &here);
}

fn assert_agreement(world: &World, here: &[View]) {
    let rooms = world.rooms();
    let own = |one: &ShardId| {
        rooms[one].publications.values().filter(|one| one.owner().is_some()).map(|one| one.track)
    };
    let all: BTreeSet<TrackId> = rooms.keys().flat_map(own).collect();
    for (shard, room) in rooms {
        let known: Vec<TrackId> = room.publications.values().map(|one| one.track).collect();
        assert_eq!(known.len(), all.len(), "{shard} has some twice");
        assert_eq!(BTreeSet::from_iter(known), all, "what {shard} knows");
        let others: Vec<ShardId> = rooms.keys().copied().filter(|one| one != shard).collect();
        for publication in room.publications.values() {
            match publication.origin {
                Origin::Relay(home) => assert!(own(&home).any(|one| one == publication.track)),
                Origin::Local(_) => {
                    for encoding in &publication.encodings {
                        let mut to = encoding.relayed_to.clone();
                        to.sort();
                        if publication.codec.is_video() {
                            to.dedup();
                            assert_eq!(to.len(), encoding.relayed_to.len(), "no copy twice");
                            assert!(to.iter().all(|one| others.contains(one)));
                        } else {
                            assert_eq!(to, others, "audio goes to every other part once");
                        }
                    }
                }
            }
        }
    }
    for view in here {
        let mine = world.id(view.who);
        let room = &rooms[&world.shard_of(view.who)];
        let others = room.publications.values().filter(|one| one.owner_id != mine).map(|one| one.track);
        assert_eq!(view.tracks, others.collect(), "what a participant was told");
    }
}

#[test]
fn parts_of_a_room_agree_whatever_happened_between_them() {
    // The last ones found what the others did not.
    for seed in (0..300).chain([6_174, 26_656]) {
        eprintln!("seed {seed}"); // of the run that fails: the last one printed
        run(seed);
    }
}
