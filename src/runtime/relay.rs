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
