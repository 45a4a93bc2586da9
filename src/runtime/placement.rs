//! Which shard a room lives on.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::base::id::RoomId;

#[derive(Debug, Clone, Copy)]
struct Entry {
    shard: usize,
    participants: u16,
}

#[derive(Debug, Default)]
struct State {
    rooms: BTreeMap<RoomId, Entry>,
    /// Participants per shard.
    load: Vec<usize>,
}

/// Rooms by shard. Locked when somebody joins or leaves, never per packet; the lock is held for a map look-up.
#[derive(Debug)]
pub struct Placement {
    state: Mutex<State>,
}

impl Placement {
    pub fn new(shards: usize) -> Self {
        Self { state: Mutex::new(State { rooms: BTreeMap::new(), load: vec![0; shards] }) }
    }

    /// The room's shard, or the least loaded one for a new room. `None` if the room is full.
    pub fn enter(&self, room: RoomId, limit: u16) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let least = (0..state.load.len()).min_by_key(|shard| state.load.get(*shard).copied())?;
        let entry = state.rooms.entry(room).or_insert(Entry { shard: least, participants: 0 });
        if entry.participants >= limit {
            return None;
        }
        entry.participants += 1;
        let shard = entry.shard;
        if let Some(load) = state.load.get_mut(shard) {
            *load += 1;
        }
        Some(shard)
    }

    /// A participant is gone.
    pub fn leave(&self, room: RoomId) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = state.rooms.get_mut(&room) else { return };
        entry.participants = entry.participants.saturating_sub(1);
        let (shard, empty) = (entry.shard, entry.participants == 0);
        if empty {
            state.rooms.remove(&room);
        }
        if let Some(load) = state.load.get_mut(shard) {
            *load = load.saturating_sub(1);
        }
    }

    pub fn shard_of(&self, room: RoomId) -> Option<usize> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rooms.get(&room).map(|entry| entry.shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_stay_and_new_ones_go_where_there_is_room() {
        let placement = Placement::new(2);
        let room = |n| RoomId::from_parts(1, n);
        assert_eq!(placement.enter(room(1), 3), Some(0));
        assert_eq!(placement.enter(room(1), 3), Some(0));
        assert_eq!(placement.enter(room(2), 3), Some(1));
        assert_eq!(placement.enter(room(1), 2), None, "full");
        placement.leave(room(1));
        placement.leave(room(1));
        assert_eq!(placement.shard_of(room(1)), None);
        assert_eq!(placement.enter(room(3), 3), Some(0));
    }
}
