//! Which shards a room lives on, and which of them each participant.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::base::id::{ParticipantId, RoomId, ShardId};

/// Where a participant is, and how often it entered: a second entry may overtake the end of the first.
#[derive(Debug, Clone, Copy)]
struct Seat {
    shard: ShardId,
    entries: u16,
}

#[derive(Debug, Default)]
struct Entry {
    /// Shards with participants and how many, in the order in which the room came to them.
    shards: Vec<(ShardId, u16)>,
    seats: BTreeMap<ParticipantId, Seat>,
}

#[derive(Debug)]
struct State {
    rooms: BTreeMap<RoomId, Entry>,
    /// Participants per shard.
    load: Vec<usize>,
}

/// Rooms by shard. Locked when somebody joins or leaves, never per packet; the lock is held for a map look-up.
#[derive(Debug)]
pub struct Placement {
    state: Mutex<State>,
    /// Participants of one room that fill a shard; further ones go to another. 0 = a room stays on one shard.
    spread_at: u16,
}

impl Placement {
    pub fn new(shards: usize, spread_at: u16) -> Self {
        Self { state: Mutex::new(State { rooms: BTreeMap::new(), load: vec![0; shards] }), spread_at }
    }

    /// The shard for a participant. `None` if the room is full.
    ///
    /// A room fills the shards it has before it takes another: each shard more costs a copy of the media. When all
    /// are full, the least loaded takes the rest.
    pub fn enter(&self, room: RoomId, participant: ParticipantId, limit: u16) -> Option<ShardId> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { rooms, load } = &mut *state;
        if rooms.get(&room).is_some_and(|entry| entry.participants() >= limit) {
            return None;
        }
        let entry = rooms.entry(room).or_default();
        let shard = match entry.seats.get(&participant) {
            Some(seat) => seat.shard,
            None => entry.choose(load, self.spread_at)?,
        };
        entry.seats.entry(participant).or_insert(Seat { shard, entries: 0 }).entries += 1;
        match entry.shards.iter_mut().find(|(one, _)| *one == shard) {
            Some((_, count)) => *count += 1,
            None => entry.shards.push((shard, 1)),
        }
        if let Some(load) = load.get_mut(usize::from(shard.0)) {
            *load += 1;
        }
        Some(shard)
    }

    /// A participant is gone.
    pub fn leave(&self, room: RoomId, participant: ParticipantId) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { rooms, load } = &mut *state;
        let Some(entry) = rooms.get_mut(&room) else { return };
        let Some(seat) = entry.seats.get_mut(&participant) else { return };
        let shard = seat.shard;
        seat.entries -= 1;
        if seat.entries == 0 {
            entry.seats.remove(&participant);
        }
        if let Some((_, count)) = entry.shards.iter_mut().find(|(one, _)| *one == shard) {
            *count -= 1;
        }
        entry.shards.retain(|(_, count)| *count > 0);
        if entry.shards.is_empty() {
            rooms.remove(&room);
        }
        if let Some(load) = load.get_mut(usize::from(shard.0)) {
            *load = load.saturating_sub(1);
        }
    }

    pub fn shard_of(&self, room: RoomId, participant: ParticipantId) -> Option<ShardId> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Some(state.rooms.get(&room)?.seats.get(&participant)?.shard)
    }

    /// The other shards that have participants of this room, or will have them at once.
    pub fn others(&self, room: RoomId, shard: ShardId) -> Vec<ShardId> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = state.rooms.get(&room) else { return Vec::new() };
        entry.shards.iter().map(|(one, _)| *one).filter(|one| *one != shard).collect()
    }
}

impl Entry {
    fn participants(&self) -> u16 {
        self.shards.iter().map(|(_, count)| *count).sum()
    }

    /// Where the next participant goes.
    fn choose(&self, load: &[usize], spread_at: u16) -> Option<ShardId> {
        let open = |count: u16| spread_at == 0 || count < spread_at;
        if let Some((shard, _)) = self.shards.iter().find(|(_, count)| open(*count)) {
            return Some(*shard);
        }
        let shards = || (0u16..).map(ShardId).zip(load);
        let fresh = shards().filter(|(one, _)| self.shards.iter().all(|(known, _)| known != one));
        let least = fresh.min_by_key(|(_, load)| **load).or_else(|| shards().min_by_key(|(_, load)| **load));
        least.map(|(shard, _)| shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ShardId = ShardId(0);
    const B: ShardId = ShardId(1);
    const C: ShardId = ShardId(2);

    fn room(n: u128) -> RoomId {
        RoomId::from_parts(1, n)
    }

    fn who(n: u128) -> ParticipantId {
        ParticipantId::from_parts(1, n)
    }

    #[test]
    fn rooms_stay_and_new_ones_go_where_there_is_room() {
        let placement = Placement::new(2, 100);
        assert_eq!(placement.enter(room(1), who(1), 3), Some(A));
        assert_eq!(placement.enter(room(1), who(2), 3), Some(A));
        assert_eq!(placement.enter(room(2), who(3), 3), Some(B));
        assert_eq!(placement.enter(room(1), who(4), 2), None, "full");
        assert_eq!(placement.shard_of(room(1), who(4)), None);
        placement.leave(room(1), who(1));
        placement.leave(room(1), who(2));
        assert_eq!(placement.shard_of(room(1), who(1)), None);
        assert_eq!(placement.enter(room(3), who(1), 3), Some(A));
    }

    #[test]
    fn a_large_room_fills_one_shard_after_the_other_and_refills_the_first() {
        let placement = Placement::new(3, 2);
        assert_eq!(placement.enter(room(9), who(90), 9), Some(A));
        assert_eq!(placement.enter(room(9), who(91), 9), Some(A));
        let enter = |n| placement.enter(room(1), who(n), 6);
        assert_eq!([enter(1), enter(2)], [Some(B), Some(B)]);
        assert_eq!([enter(3), enter(4)], [Some(C), Some(C)], "the least loaded");
        assert_eq!([enter(5), enter(6)], [Some(A), Some(A)]);
        assert_eq!(enter(7), None, "the limit is of the room, not of a shard");
        assert_eq!(placement.shard_of(room(1), who(3)), Some(C));
        assert_eq!(placement.others(room(1), C), [B, A]);
        placement.leave(room(1), who(1));
        placement.leave(room(1), who(6));
        assert_eq!(placement.enter(room(1), who(8), 6), Some(B));
        placement.leave(room(1), who(5));
        assert_eq!(placement.others(room(1), C), [B], "nobody is left on the third");
    }

    #[test]
    fn when_every_shard_is_full_the_least_loaded_takes_the_rest() {
        let placement = Placement::new(2, 1);
        assert_eq!(placement.enter(room(9), who(90), 9), Some(A));
        let enter = |n| placement.enter(room(1), who(n), 9);
        assert_eq!([enter(1), enter(2), enter(3), enter(4)], [Some(B), Some(A), Some(B), Some(A)]);
    }

    #[test]
    fn zero_keeps_every_room_on_one_shard() {
        let placement = Placement::new(2, 0);
        for n in 0..300 {
            assert_eq!(placement.enter(room(1), who(n), 1_000), Some(A));
        }
        assert_eq!(placement.others(room(1), A), []);
    }

    #[test]
    fn a_second_entry_of_a_participant_lands_on_its_shard_and_survives_the_end_of_the_first() {
        let placement = Placement::new(2, 1);
        assert_eq!(placement.enter(room(1), who(1), 9), Some(A));
        assert_eq!(placement.enter(room(1), who(1), 9), Some(A));
        placement.leave(room(1), who(1));
        assert_eq!(placement.shard_of(room(1), who(1)), Some(A));
        placement.leave(room(1), who(1));
        placement.leave(room(1), who(1));
        assert_eq!(placement.shard_of(room(1), who(1)), None);
        assert_eq!(placement.enter(room(2), who(2), 9), Some(A), "the load is exact");
    }
}
