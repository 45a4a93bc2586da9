//! Packets on their way: when each was sent, until the receiver tells of it.

use super::probe::Cluster;

/// Packets remembered at most: two seconds of 20 Mb/s. 8 bytes each.
const MAX_OUTSTANDING: usize = 4096;
const MIN_OUTSTANDING: usize = 64;
/// A packet that nobody told of for so long makes room without the ring growing.
const FORGET_AFTER_US: i64 = 1_500_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Empty,
    InFlight,
    /// Sent again with the same number, so that nobody can tell which of them arrives.
    Repeated,
    Arrived,
    Lost,
}

impl State {
    /// Nothing was told of it yet.
    fn is_open(self) -> bool {
        matches!(self, Self::InFlight | Self::Repeated)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Low half of the µs since the start.
    sent: u32,
    bytes: u16,
    cluster: Cluster,
    state: State,
}

/// A packet that a report tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// µs since the start.
    pub sent: i64,
    pub bytes: usize,
    pub cluster: Cluster,
    /// An earlier report called it lost.
    pub revived: bool,
    /// It was sent more than once: when it arrived says nothing of how long it took.
    pub repeated: bool,
}

/// A ring by transport-wide sequence number.
#[derive(Debug, Default)]
pub struct Outstanding {
    slots: Vec<Slot>,
    next: u16,
    /// Beyond this many steps back the ring holds nothing.
    count: usize,
}

impl Outstanding {
    pub fn next_sequence(&self) -> u16 {
        self.next
    }

    pub fn push(&mut self, sent: i64, bytes: usize, cluster: Cluster) {
        self.make_room(sent);
        let slot = Slot {
            sent: low32(sent),
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            cluster,
            state: State::InFlight,
        };
        let next = self.next;
        if let Some(place) = self.slot_mut(next) {
            *place = slot;
        }
        self.next = next.wrapping_add(1);
        self.count = (self.count + 1).min(self.slots.len());
    }

    /// Notes what became of a packet; `None` if that was known, or the packet is not.
    pub fn settle(&mut self, sequence: u16, now: i64, arrived: bool) -> Option<Settled> {
        let behind = usize::from(self.next.wrapping_sub(sequence));
        if behind == 0 || behind > self.count {
            return None;
        }
        let slot = self.slot_mut(sequence)?;
        let before = slot.state;
        let news = match before {
            State::InFlight | State::Repeated => true,
            State::Lost => arrived,
            State::Arrived | State::Empty => false,
        };
        if !news {
            return None;
        }
        slot.state = if arrived { State::Arrived } else { State::Lost };
        let age = low32(now).wrapping_sub(slot.sent).cast_signed();
        Some(Settled {
            sent: now - i64::from(age),
            bytes: usize::from(slot.bytes),
            cluster: slot.cluster,
            revived: before == State::Lost,
            repeated: before == State::Repeated,
        })
    }

    /// A packet was sent once more under its number.
    pub fn repeated(&mut self, sequence: u16) {
        let behind = usize::from(self.next.wrapping_sub(sequence));
        if behind == 0 || behind > self.count {
            return;
        }
        if let Some(slot) = self.slot_mut(sequence).filter(|slot| slot.state == State::InFlight) {
            slot.state = State::Repeated;
        }
    }

    /// The newest packet that nothing is known of.
    pub fn newest_unsettled(&self) -> Option<u16> {
        let newest = self.next.wrapping_sub(1);
        let index = self.index(newest)?;
        self.slots.get(index).filter(|slot| slot.state.is_open()).map(|_| newest)
    }

    /// Doubles the ring while it would overwrite what may still be told of.
    fn make_room(&mut self, now: i64) {
        let next = self.next;
        let len = self.slots.len();
        let recent = |slot: &Slot| {
            slot.state.is_open()
                && i64::from(low32(now).wrapping_sub(slot.sent).cast_signed()) < FORGET_AFTER_US
        };
        let full = self.index(next).and_then(|index| self.slots.get(index)).is_none_or(recent);
        if !full || len >= MAX_OUTSTANDING {
            return;
        }
        let grown = if len == 0 { MIN_OUTSTANDING } else { len * 2 };
        let mut slots = vec![Slot::default(); grown];
        for back in 1..=self.count {
            let Ok(back) = u16::try_from(back) else { break };
            let sequence = next.wrapping_sub(back);
            let old = self.index(sequence).and_then(|index| self.slots.get(index)).copied();
            if let (Some(old), Some(place)) = (old, slots.get_mut(usize::from(sequence) & (grown - 1))) {
                *place = old;
            }
        }
        self.slots = slots;
    }

    /// Lengths are powers of two, so that numbering goes on over the wrap.
    fn index(&self, sequence: u16) -> Option<usize> {
        self.slots.len().checked_sub(1).map(|mask| usize::from(sequence) & mask)
    }

    fn slot_mut(&mut self, sequence: u16) -> Option<&mut Slot> {
        let index = self.index(sequence)?;
        self.slots.get_mut(index)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low half is what is kept")]
fn low32(value: i64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_is_settled_once_over_growth_and_wrap() {
        let mut outstanding = Outstanding { next: 65_000, ..Outstanding::default() };
        let first = outstanding.next_sequence();
        for number in 0..1_000i64 {
            outstanding.push(number * 1_000, 100 + usize::try_from(number).unwrap(), Cluster::default());
        }
        for number in 0..1_000u16 {
            let settled = outstanding.settle(first.wrapping_add(number), 1_000_000, true).unwrap();
            assert_eq!(settled.sent, i64::from(number) * 1_000);
            assert_eq!(settled.bytes, 100 + usize::from(number));
            assert_eq!(outstanding.settle(first.wrapping_add(number), 1_000_000, true), None);
        }
        assert_eq!(outstanding.settle(outstanding.next_sequence(), 0, true), None, "not sent yet");
        assert_eq!(outstanding.settle(first.wrapping_sub(1), 0, true), None, "never sent");
        assert_eq!(outstanding.newest_unsettled(), None);
    }

    #[test]
    fn a_late_packet_takes_its_loss_back() {
        let mut outstanding = Outstanding::default();
        outstanding.push(5, 100, Cluster::default());
        assert!(!outstanding.settle(0, 10, false).unwrap().revived);
        assert_eq!(outstanding.settle(0, 20, false), None);
        assert!(outstanding.settle(0, 30, true).unwrap().revived);
        assert_eq!(outstanding.settle(0, 40, true), None);
    }

    #[test]
    fn a_packet_sent_twice_is_told_apart() {
        let mut outstanding = Outstanding::default();
        for number in 0..3 {
            outstanding.push(number, 100, Cluster::default());
        }
        outstanding.repeated(0);
        outstanding.settle(1, 10, false);
        outstanding.repeated(1);
        outstanding.repeated(3);
        let settled = |number| outstanding.settle(number, 60_000, true).unwrap();
        let told = [0, 1, 2].map(settled).map(|one| (one.repeated, one.revived));
        assert_eq!(told, [(true, false), (false, true), (false, false)]);
    }

    #[test]
    fn it_stays_bounded_when_nothing_is_told() {
        let mut outstanding = Outstanding::default();
        for number in 0..100_000i64 {
            outstanding.push(number, 100, Cluster::default());
        }
        assert_eq!(outstanding.slots.len(), MAX_OUTSTANDING);
        let mut slow = Outstanding::default();
        for number in 0..100_000i64 {
            slow.push(number * 50_000, 100, Cluster::default());
        }
        assert_eq!(slow.slots.len(), MIN_OUTSTANDING, "what is old makes room");
    }
}
