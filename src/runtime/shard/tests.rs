use mio::Waker;
use tokio::sync::mpsc;

use super::*;
use crate::{
    base::playout::PlayoutDelay,
    room::command::{AutoSubscribe, MediaGrants},
    runtime::{
        queue::EventReceiver,
        relay::{Envelope, queue},
    },
    transport::dtls::Identity,
};

const ROOM: u128 = 7;

/// Two shards without threads or sockets: each runs when the test says so.
struct Pair {
    shards: [State; 2],
    port: Ports,
    placement: Arc<Placement>,
    _polls: Vec<Poll>,
    _events: Vec<EventReceiver>,
}

impl Pair {
    fn new() -> Self {
        let placement = Arc::new(Placement::new(2, 1));
        let polls: Vec<Poll> = (0..2).map(|_| Poll::new().unwrap()).collect();
        let ends: Vec<_> =
            polls.iter().map(|poll| queue(Arc::new(Waker::new(poll.registry(), WAKE).unwrap()))).collect();
        let outlets: Vec<_> = ends.iter().map(|(outlet, _)| outlet.clone()).collect();
        let mut states = (0u16..).zip(ends).map(|(index, (_, inbox))| {
            let environment = Environment {
                identity: Identity::generate_default().unwrap(),
                candidates: Vec::new(),
                tcp_candidates: Vec::new(),
                shard: 0,
                trains: true,
                audible: 0,
                playout_delay: PlayoutDelay::default(),
            };
            let relays = Relays::new(ShardId(index), &outlets);
            let depth = Arc::new(AtomicU64::new(0));
            State::new(environment, placement.clone(), depth, (inbox, relays), Rng::from_entropy([1; 32]))
        });
        let shards = [states.next().unwrap(), states.next().unwrap()];
        drop(states);
        let udp = UdpPort::bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
        let registry = polls[0].registry().try_clone().unwrap();
        let port = Ports { udp, tcp: TcpPort::new(registry, clock::now()) };
        Self { shards, port, placement, _polls: polls, _events: Vec::new() }
    }

    /// Places a participant, as the hub does before the shard hears of it.
    fn enter(&self, participant: u128) -> ShardId {
        self.placement.enter(room(), who(participant), 9).unwrap()
    }

    fn join(&mut self, shard: usize, participant: u128) {
        let (sender, inbox) = mpsc::channel(64);
        self._events.push(inbox);
        let command = Command::Join {
            identity: Arc::from("someone"),
            grants: MediaGrants::ALL,
            auto: AutoSubscribe::Everything,
            playout_delay: None,
        };
        let addressed = Addressed { room: room(), participant: who(participant), command };
        self.shards[shard].join(addressed, sender, clock::now());
    }

    fn leave(&mut self, shard: usize, participant: u128) {
        let command = Command::Leave;
        self.shards[shard]
            .command(Addressed { room: room(), participant: who(participant), command }, clock::now());
    }

    /// Lets both take what waits for them until nothing does.
    fn talk(&mut self) {
        while self.shards.iter().any(|one| one.relayed.depth() > 0) {
            for shard in &mut self.shards {
                shard.take_relayed(&mut self.port, clock::now());
            }
        }
    }

    fn links(&self, shard: usize) -> usize {
        self.shards[shard].rooms[&room()].room.links()
    }

    /// What waits for a shard; it never sees it.
    fn intercept(&mut self, shard: usize) -> Vec<String> {
        let relayed = &self.shards[shard].relayed;
        std::iter::from_fn(|| relayed.take())
            .map(|Envelope { letter, .. }| match letter {
                Letter::Reset => "Reset".to_owned(),
                Letter::Room(_, message) => format!("{message:?}"),
            })
            .collect()
    }
}

fn room() -> RoomId {
    RoomId::from_parts(1, ROOM)
}

fn who(n: u128) -> ParticipantId {
    ParticipantId::from_parts(1, n)
}

#[test]
fn two_parts_find_each_other_whichever_comes_first_and_say_goodbye() {
    for order in [[0, 1], [1, 0]] {
        for talk_between in [false, true] {
            let mut pair = Pair::new();
            assert_eq!([pair.enter(0), pair.enter(1)], [ShardId(0), ShardId(1)]);
            for shard in order {
                pair.join(shard, shard as u128);
                if talk_between {
                    pair.talk();
                }
            }
            pair.talk();
            assert_eq!([pair.links(0), pair.links(1)], [1, 1]);
            let [first, second] = order;
            pair.leave(first, first as u128);
            assert_eq!(pair.intercept(second), ["Goodbye"], "{order:?} {talk_between}");
            assert_eq!(pair.shards[first].rooms.len(), 0);
            pair.leave(second, second as u128);
            assert!(pair.placement.others(room(), ShardId(9)).is_empty());
        }
    }
}

#[test]
fn a_room_that_panics_on_one_shard_ends_there_only_and_the_other_is_told() {
    let mut pair = Pair::new();
    assert_eq!([pair.enter(0), pair.enter(1)], [ShardId(0), ShardId(1)]);
    pair.join(0, 0);
    pair.join(1, 1);
    pair.talk();
    pair.shards[0].step(room(), clock::now(), |_, _| panic!("on purpose"));
    assert_eq!(pair.intercept(1), ["Goodbye"]);
    assert_eq!((pair.shards[0].rooms.len(), pair.shards[1].rooms.len()), (0, 1));
    assert_eq!(pair.placement.shard_of(room(), who(0)), None);
    assert_eq!(pair.placement.shard_of(room(), who(1)), Some(ShardId(1)));
}

#[test]
fn after_lost_messages_the_parts_greet_again() {
    let mut pair = Pair::new();
    assert_eq!([pair.enter(0), pair.enter(1)], [ShardId(0), ShardId(1)]);
    pair.join(0, 0);
    pair.join(1, 1);
    pair.talk();
    while pair.shards[0].relays.send(RoomId::from_parts(1, 8), ShardId(1), RelayMessage::Hello) {}
    pair.leave(0, 0);
    assert_eq!(pair.enter(2), ShardId(0));
    pair.join(0, 2);
    assert!(pair.intercept(1).iter().all(|message| message == "Hello"), "the goodbye is lost");
    pair.shards[0].mend_relays(clock::now());
    assert_eq!(pair.shards[1].relayed.depth(), 2);
    pair.talk();
    assert_eq!([pair.links(0), pair.links(1)], [1, 1], "the new part is known");
}

#[test]
fn a_part_whose_goodbye_was_lost_is_forgotten_all_the_same() {
    let mut pair = Pair::new();
    assert_eq!([pair.enter(0), pair.enter(1)], [ShardId(0), ShardId(1)]);
    pair.join(0, 0);
    pair.join(1, 1);
    pair.talk();
    assert_eq!(pair.links(1), 1);
    while pair.shards[0].relays.send(RoomId::from_parts(1, 8), ShardId(1), RelayMessage::Hello) {}
    pair.leave(0, 0);
    pair.intercept(1);
    assert_eq!(pair.links(1), 1);
    pair.shards[0].mend_relays(clock::now());
    pair.talk();
    assert_eq!(pair.links(1), 0);
}
