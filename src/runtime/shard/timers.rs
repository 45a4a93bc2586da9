//! When which room wants to be woken.

use std::{cmp::Reverse, collections::BinaryHeap, time::Instant};

use crate::{base::id::RoomId, room::Room};

/// A room and the wake-up that stands for it.
pub(super) struct Slot {
    pub room: Room,
    pub due: Option<Instant>,
}

/// Wake-ups by time. A room that wants to be woken earlier gets a second one; the first is then void, because it is
/// not the one in the room's slot. Thousands of rooms cost their own ticks and nothing else.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, RoomId)>>,
}

impl Timers {
    /// `due` is the slot's.
    pub fn set(&mut self, id: RoomId, due: &mut Option<Instant>, at: Instant) {
        if due.is_none_or(|due| at < due) {
            *due = Some(at);
            self.heap.push(Reverse((at, id)));
        }
    }

    /// Not later than the next wake-up that counts.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one that is due, void or not.
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, RoomId)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(one)| one)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::clock;

    #[test]
    fn an_earlier_wish_replaces_a_later_one_and_not_the_reverse() {
        let start = clock::now();
        let after = |ms| start + Duration::from_millis(ms);
        let room = RoomId::from_parts(1, 1);
        let mut timers = Timers::default();
        let mut due = None;
        assert_eq!(timers.next(), None);
        for ms in [20, 50, 10, 15] {
            timers.set(room, &mut due, after(ms));
        }
        assert_eq!((due, timers.next()), (Some(after(10)), Some(after(10))));
        assert_eq!(timers.pop(after(9)), None);
        assert_eq!(timers.pop(after(10)), Some((after(10), room)));
        due = None;
        timers.set(room, &mut due, after(40));
        assert_eq!(timers.pop(after(40)), Some((after(20), room)), "void: the slot says 40");
        assert_eq!(timers.pop(after(40)), Some((after(40), room)));
        assert_eq!(timers.pop(after(100)), None);
    }
}
