//! What publishers are told to send, and what viewers get when they send less.

use super::{
    CAMERA, MIC, SEES_ONE,
    world::{FIRST, World},
};
use crate::{
    base::id::ShardId,
    room::{
        command::{AutoSubscribe, Command, MediaGrants, Wish},
        event::Event,
    },
};

const FPS: usize = 30;

/// A browser that encodes these layers at most, and of them those it is told to send.
struct Publisher {
    who: usize,
    able: Vec<u8>,
    wanted: Vec<u8>,
}

impl Publisher {
    fn new(world: &mut World, able: &[u8]) -> Self {
        let who = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.offer(who, &[MIC, CAMERA]);
        world.connect(who);
        Self { who, able: able.to_vec(), wanted: vec![0, 1, 2] }
    }

    fn send(&mut self, world: &mut World, tenths: usize) {
        for _ in 0..tenths {
            let told = world.events(self.who).into_iter().filter_map(|event| match event {
                Event::Wanted { layers, .. } => Some(layers),
                _ => None,
            });
            self.wanted = told.last().unwrap_or(std::mem::take(&mut self.wanted));
            let sent: Vec<u8> = self.able.iter().copied().filter(|one| self.wanted.contains(one)).collect();
            world.send_frames(self.who, 1, FPS / 10, &sent);
        }
    }
}

fn viewer(world: &mut World, shard: ShardId, layer: u8) -> usize {
    let who = world.join_on(shard, MediaGrants::ALL, AutoSubscribe::Everything);
    world.offer(who, &SEES_ONE);
    world.connect(who);
    wish(world, who, layer);
    who
}

fn wish(world: &mut World, who: usize, layer: u8) {
    let track = world.tracks(who)[1];
    let wishes = vec![Wish { track, layer: Some(layer), max_fps: None, priority: 0 }];
    world.command(who, Command::Subscribe { wishes });
}

/// The layers of the frames that came since the last call, without repetitions.
fn layers(world: &mut World, who: usize) -> Vec<u8> {
    let mut layers: Vec<u8> = world.take_video(who).iter().map(|frame| frame.layer).collect();
    layers.dedup();
    layers
}

/// Browsers send no third layer of a small camera, whatever they announced.
#[test]
fn who_wishes_for_a_layer_that_never_comes_gets_the_best_there_is() {
    for shard in [FIRST, ShardId(1)] {
        let mut world = World::new(61);
        let mut ana = Publisher::new(&mut world, &[0, 1]);
        let bo = viewer(&mut world, shard, 2);
        ana.send(&mut world, 120);
        assert_eq!(layers(&mut world, bo).last(), Some(&1), "{shard:?}");
        ana.send(&mut world, 100);
        assert_eq!(layers(&mut world, bo), [1], "{shard:?}: and it stays");

        wish(&mut world, bo, 0);
        ana.send(&mut world, 120); // two shards wait twice
        assert_eq!(ana.wanted, [0], "{shard:?}: nobody wants more any longer");
        wish(&mut world, bo, 2);
        ana.send(&mut world, 30);
        assert_eq!(layers(&mut world, bo).last(), Some(&1), "{shard:?}: after it had been switched off, too");
    }
}

#[test]
fn a_layer_that_stops_is_replaced_by_one_that_was_switched_off() {
    for shard in [FIRST, ShardId(1)] {
        let mut world = World::new(62);
        let mut ana = Publisher::new(&mut world, &[0, 1, 2]);
        let bo = viewer(&mut world, shard, 2);
        ana.send(&mut world, 100);
        assert_eq!(ana.wanted, [0, 2], "{shard:?}");
        layers(&mut world, bo);
        // Its uplink or its processor does not suffice any more.
        ana.able = vec![0, 1];
        ana.send(&mut world, 30);
        assert_eq!(layers(&mut world, bo).last(), Some(&1), "{shard:?}");
        ana.able = vec![0, 1, 2];
        ana.send(&mut world, 200); // what stopped is not trusted at once, and two shards wait twice
        assert_eq!(layers(&mut world, bo).last(), Some(&2), "{shard:?}");
        assert_eq!(ana.wanted, [0, 2], "{shard:?}: and the substitute rests again");
    }
}

#[test]
fn a_layer_that_is_switched_on_brings_no_others_along() {
    let mut world = World::new(63);
    let mut ana = Publisher::new(&mut world, &[0, 1, 2]);
    let bo = viewer(&mut world, FIRST, 0);
    ana.send(&mut world, 80);
    assert_eq!(ana.wanted, [0]);
    // It takes an encoder a while to start.
    ana.able = vec![0, 1];
    wish(&mut world, bo, 2);
    ana.send(&mut world, 6);
    ana.able = vec![0, 1, 2];
    ana.send(&mut world, 20);
    assert_eq!(layers(&mut world, bo), [0, 2], "without a stop between");
    assert_eq!(ana.wanted, [0, 2]);
}
