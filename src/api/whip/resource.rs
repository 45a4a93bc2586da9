//! Live WHIP and WHEP resources. Each ends with its participant.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, mpsc::error::TryRecvError};

use crate::{
    api::state::Front,
    auth::grants::Actor,
    base::id::{CallId, ParticipantId, UserId},
    room::event::Event,
    runtime::queue::EventReceiver,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Publish,
    Watch,
}

impl Direction {
    pub const fn path(self) -> &'static str {
        match self {
            Self::Publish => "whip",
            Self::Watch => "whep",
        }
    }
}

/// One participant steered over HTTP.
pub struct Resource {
    pub direction: Direction,
    pub channel: String,
    pub actor: Actor,
    pub call: CallId,
    pub participant: ParticipantId,
    /// The offer in force; an ICE restart changes its credentials.
    pub offer: String,
    pub events: EventReceiver,
    generation: u64,
    tag: u64,
}

impl Resource {
    pub fn new(
        direction: Direction,
        channel: String,
        actor: Actor,
        call: CallId,
        participant: ParticipantId,
        offer: String,
        events: EventReceiver,
    ) -> Self {
        Self {
            direction,
            channel,
            actor,
            call,
            participant,
            offer,
            events,
            generation: 0,
            tag: rand::random(),
        }
    }

    pub fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// Names the ICE session.
    pub fn etag(&self) -> String {
        format!("\"{:016x}\"", self.tag)
    }

    pub fn new_etag(&mut self) {
        self.tag = rand::random();
    }
}

/// Requests on one resource run one after the other.
pub type Slot = Arc<AsyncMutex<Resource>>;

#[derive(Default)]
pub struct Resources(Mutex<HashMap<String, Entry>>);

struct Entry {
    slot: Slot,
    owner: UserId,
    channel: String,
}

impl Resources {
    /// Keeps the resource until its participant is gone; `None` = no room.
    pub fn insert(&self, front: Front, resource: Resource) -> Option<String> {
        let id = format!("{:032x}", rand::random::<u128>());
        let (owner, channel) = (resource.actor.user, resource.channel.clone());
        let slot = Arc::new(AsyncMutex::new(resource));
        {
            let mut all = self.lock();
            if all.len() >= MAX_RESOURCES {
                return None;
            }
            all.insert(id.clone(), Entry { slot: Arc::clone(&slot), owner, channel });
        }
        tokio::spawn(watch(front, id.clone(), slot));
        Some(id)
    }

    pub fn get(&self, id: &str) -> Option<(Slot, UserId, String)> {
        self.lock().get(id).map(|entry| (Arc::clone(&entry.slot), entry.owner, entry.channel.clone()))
    }

    pub fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drains the events nobody waits for and ends the resource with its participant.
async fn watch(front: Front, id: String, slot: Slot) {
    let mut tick = tokio::time::interval(DRAIN_INTERVAL);
    loop {
        tick.tick().await;
        if front.resources.get(&id).is_none() {
            return;
        }
        // A request that negotiates reads the events itself meanwhile.
        let Ok(mut resource) = slot.try_lock() else { continue };
        let closed = loop {
            match resource.events.try_recv().as_deref() {
                Ok(Event::Closed { .. }) | Err(TryRecvError::Disconnected) => break true,
                Ok(_) => {}
                Err(TryRecvError::Empty) => break false,
            }
        };
        if closed {
            tracing::info!(resource = resource.direction.path(), "resource ended with its participant");
            front.resources.remove(&id);
            return;
        }
    }
}

/// Bounds memory; each is a participant with media, so real limits are met long before.
const MAX_RESOURCES: usize = 10_000;
/// 256 queued events last for many intervals at the speaker rate of 4/s.
const DRAIN_INTERVAL: std::time::Duration = std::time::Duration::from_millis(250);
