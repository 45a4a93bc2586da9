//! The queues between shards: what the parts of a large room tell each other, and nothing else.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use mio::Waker;

use super::queue::RELAY;
use crate::{
    base::id::{RoomId, ShardId, TrackId},
    room::relay::{RelayMessage, Weight},
};

/// What one shard sends another.
pub struct Envelope {
    pub from: ShardId,
    pub letter: Letter,
}

pub enum Letter {
    Room(RoomId, RelayMessage),
    /// Messages were lost: every room forgets the sender; those it still has say `Hello` behind this.
    Reset,
}

/// A shard's own queue.
pub struct Inbox {
    receiver: Receiver<Envelope>,
    depth: Arc<AtomicU64>,
}

impl Inbox {
    pub fn take(&self) -> Option<Envelope> {
        let envelope = self.receiver.try_recv().ok()?;
        self.depth.fetch_sub(1, Ordering::Relaxed);
        Some(envelope)
    }

    pub fn depth(&self) -> u64 {
        self.depth.load(Ordering::Relaxed)
    }
}

/// The way into a shard's queue.
#[derive(Clone)]
pub struct Outlet {
    sender: SyncSender<Envelope>,
    depth: Arc<AtomicU64>,
    waker: Arc<Waker>,
}

/// The queue of a shard that `waker` wakes.
pub fn queue(waker: Arc<Waker>) -> (Outlet, Inbox) {
    let (sender, receiver) = sync_channel(RELAY.capacity);
    let depth = Arc::new(AtomicU64::new(0));
    (Outlet { sender, depth: depth.clone(), waker }, Inbox { receiver, depth })
}

impl Outlet {
    /// `false` if the queue is too full for a message of this weight.
    fn send(&self, from: ShardId, letter: Letter) -> bool {
        let capacity = RELAY.capacity as u64;
        let share = match &letter {
            Letter::Reset => capacity,
            Letter::Room(_, message) => match message.weight() {
                Weight::State => capacity,
                Weight::Media => capacity / 4 * 3,
                Weight::Data => capacity / 4,
            },
        };
        if self.depth.fetch_add(1, Ordering::Relaxed) < share
            && self.sender.try_send(Envelope { from, letter }).is_ok()
        {
            return true;
        }
        self.depth.fetch_sub(1, Ordering::Relaxed);
        false
    }
}

/// One shard's ways to all others.
pub struct Relays {
    own: ShardId,
    ways: Vec<Way>,
    /// Layers of which a packet was lost on the way, until `take_lost`.
    lost: BTreeSet<(RoomId, TrackId, u8)>,
}

struct Way {
    outlet: Outlet,
    /// Something was queued since the last wake-up.
    queued: bool,
    /// A message of state was lost: nothing goes this way until the link can start afresh.
    cut: bool,
}

impl Relays {
    /// `outlets` of all shards, in order.
    pub fn new(own: ShardId, outlets: &[Outlet]) -> Self {
        let way = |outlet: &Outlet| Way { outlet: outlet.clone(), queued: false, cut: false };
        Self { own, ways: outlets.iter().map(way).collect(), lost: BTreeSet::new() }
    }

    pub fn own(&self) -> ShardId {
        self.own
    }

    pub fn others(&self) -> impl Iterator<Item = ShardId> {
        let own = self.own;
        (0u16..).zip(&self.ways).map(|(index, _)| ShardId(index)).filter(move |one| *one != own)
    }

    /// Queues a message. `false` if it was dropped.
    pub fn send(&mut self, room: RoomId, to: ShardId, message: RelayMessage) -> bool {
        let Some(way) = self.ways.get_mut(usize::from(to.0)) else { return false };
        let weight = message.weight();
        let layer = match message {
            RelayMessage::Media { track, layer, .. } => Some((room, track, layer)),
            _ => None,
        };
        if !way.cut && way.outlet.send(self.own, Letter::Room(room, message)) {
            way.queued = true;
            return true;
        }
        way.cut |= weight == Weight::State;
        self.lost.extend(layer);
        false
    }

    /// Wakes the shards for which something was queued, once per loop and not per packet.
    pub fn wake(&mut self) {
        for way in &mut self.ways {
            if std::mem::take(&mut way.queued) {
                // A shard that cannot be woken looks at its queue within half a second.
                let _ = way.outlet.waker.wake();
            }
        }
    }

    /// Layers that need a keyframe because of what was dropped.
    pub fn take_lost(&mut self) -> BTreeSet<(RoomId, TrackId, u8)> {
        std::mem::take(&mut self.lost)
    }

    /// Shards to which the links may start afresh: their queue has room again.
    pub fn mended(&mut self) -> Vec<ShardId> {
        let mut mended = Vec::new();
        for (index, way) in (0u16..).zip(&mut self.ways) {
            let room = way.outlet.depth.load(Ordering::Relaxed) < RELAY.capacity as u64 / 2;
            if way.cut && room && way.outlet.send(self.own, Letter::Reset) {
                (way.cut, way.queued) = (false, true);
                mended.push(ShardId(index));
            }
        }
        mended
    }

    pub fn is_cut(&self) -> bool {
        self.ways.iter().any(|way| way.cut)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll, Token};

    use super::*;
    use crate::media::packet::Facts;

    const OWN: ShardId = ShardId(0);
    const OTHER: ShardId = ShardId(1);

    /// Two shards; the second does not read unless the test does.
    fn pair() -> (Relays, Inbox, Poll) {
        let poll = || Poll::new().unwrap();
        let (own, other) = (poll(), poll());
        let waker = |poll: &Poll| Arc::new(Waker::new(poll.registry(), Token(1)).unwrap());
        let (first, _) = queue(waker(&own));
        let (second, inbox) = queue(waker(&other));
        (Relays::new(OWN, &[first, second]), inbox, other)
    }

    fn room() -> RoomId {
        RoomId::from_parts(1, 1)
    }

    fn track() -> TrackId {
        TrackId::from_parts(1, 2)
    }

    fn media(layer: u8) -> RelayMessage {
        let payload = Arc::from([1, 2, 3].as_slice());
        RelayMessage::Media {
            track: track(),
            layer,
            sequence: 7,
            dependencies: 0,
            facts: Facts::default(),
            payload,
        }
    }

    fn data() -> RelayMessage {
        RelayMessage::Data { label: Arc::from("board"), binary: false, payload: Arc::from([].as_slice()) }
    }

    fn send_while(relays: &mut Relays, message: impl Fn() -> RelayMessage) -> usize {
        (0..).take_while(|_| relays.send(room(), OTHER, message())).count()
    }

    #[test]
    fn each_weight_has_its_share_and_a_lost_packet_names_its_layer() {
        let (mut relays, inbox, _poll) = pair();
        assert_eq!(send_while(&mut relays, data), RELAY.capacity / 4);
        assert_eq!(relays.take_lost().len(), 0, "data needs no keyframe");
        assert_eq!(send_while(&mut relays, || media(0)), RELAY.capacity / 2);
        assert!(!relays.send(room(), OTHER, media(2)));
        assert_eq!(Vec::from_iter(relays.take_lost()), [(room(), track(), 0), (room(), track(), 2)]);
        assert!(!relays.is_cut(), "the parts still agree");
        assert_eq!(inbox.depth(), RELAY.capacity as u64 / 4 * 3);
        assert!(relays.send(room(), OTHER, RelayMessage::Hello), "state has room left");
        assert!(inbox.take().is_some() && inbox.take().is_some());
        assert!(relays.send(room(), OTHER, media(0)), "and media again");
    }

    #[test]
    fn a_link_that_lost_state_is_silent_until_it_can_start_afresh() {
        let (mut relays, inbox, _poll) = pair();
        assert_eq!(send_while(&mut relays, || RelayMessage::Goodbye), RELAY.capacity);
        assert!(relays.is_cut());
        for _ in 0..=RELAY.capacity / 2 {
            assert_eq!(relays.mended(), [], "the queue is still half full");
            assert!(matches!(inbox.take().unwrap().letter, Letter::Room(_, RelayMessage::Goodbye)));
            assert!(
                !relays.send(room(), OTHER, RelayMessage::Welcome),
                "what follows a loss is not understood"
            );
        }
        assert_eq!(relays.mended(), [OTHER]);
        assert_eq!((relays.mended(), relays.is_cut()), (vec![], false), "once");
        assert!(relays.send(room(), OTHER, RelayMessage::Hello));
        let rest: Vec<Envelope> = std::iter::from_fn(|| inbox.take()).collect();
        assert_eq!(inbox.depth(), 0);
        let [.., reset, hello] = &rest[..] else { panic!("{} messages", rest.len()) };
        assert!(matches!(reset.letter, Letter::Reset) && reset.from == OWN);
        assert!(matches!(hello.letter, Letter::Room(_, RelayMessage::Hello)));
    }

    #[test]
    fn the_other_shard_is_woken_once_for_all_that_was_queued() {
        let (mut relays, _inbox, mut poll) = pair();
        let mut events = Events::with_capacity(8);
        let mut woken = |relays: &mut Relays| {
            relays.wake();
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            events.iter().count()
        };
        assert_eq!(woken(&mut relays), 0, "nothing was queued");
        for _ in 0..10 {
            assert!(relays.send(room(), OTHER, media(0)));
        }
        assert_eq!(woken(&mut relays), 1);
        assert_eq!(woken(&mut relays), 0);
    }

    #[test]
    fn a_shard_that_is_gone_is_no_error() {
        let (mut relays, inbox, _poll) = pair();
        drop(inbox);
        assert!(!relays.send(room(), OTHER, media(0)));
        assert!(!relays.send(room(), ShardId(9), media(0)));
        relays.wake();
    }
}
