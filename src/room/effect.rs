//! What a room asks of its shard, beside sending datagrams.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{
    ParticipantKey,
    event::{AddressedEvent, Event},
    relay::RelayMessage,
};
use crate::base::id::{ParticipantId, RoomId, ShardId};

#[derive(Debug)]
pub enum Effect {
    Event(AddressedEvent),
    /// STUN checks to this ufrag belong to the participant.
    AddUfrag {
        ufrag: String,
        room: RoomId,
        participant: ParticipantKey,
    },
    RemoveUfrag {
        ufrag: String,
    },
    /// Datagrams from this address belong to the participant.
    AddAddress {
        address: SocketAddr,
        room: RoomId,
        participant: ParticipantKey,
    },
    RemoveAddress {
        address: SocketAddr,
    },
    /// To the part of the room on another shard.
    Relay {
        room: RoomId,
        to: ShardId,
        message: RelayMessage,
    },
}

/// In the order in which they must be applied.
#[derive(Debug, Default)]
pub struct Effects(Vec<Effect>);

impl Effects {
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    pub fn event(&mut self, room: RoomId, participant: ParticipantId, event: Event) {
        self.0.push(Effect::Event(AddressedEvent { room, participant, event }));
    }

    pub fn relay(&mut self, room: RoomId, to: ShardId, message: RelayMessage) {
        self.0.push(Effect::Relay { room, to, message });
    }

    /// Puts the events of each participant into one, since their queues count events, and before all else.
    ///
    /// Not for steps that end a participant: `Closed` stands alone and comes last.
    pub fn bundle(&mut self) {
        let mut events: BTreeMap<(RoomId, ParticipantId), Vec<Event>> = BTreeMap::new();
        let mut others = Vec::new();
        for effect in self.0.drain(..) {
            match effect {
                Effect::Event(AddressedEvent { room, participant, event }) => {
                    events.entry((room, participant)).or_default().push(event);
                }
                other => others.push(other),
            }
        }
        for ((room, participant), mut several) in events {
            let event = if several.len() == 1 { several.pop() } else { None };
            self.event(room, participant, event.unwrap_or(Event::Several(several)));
        }
        self.0.append(&mut others);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn drain(&mut self) -> impl Iterator<Item = Effect> {
        self.0.drain(..)
    }
}
