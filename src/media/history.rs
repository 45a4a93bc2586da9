//! The retransmission source of one encoding: recent packets in plain text, shared by all subscribers.

use super::packet::{Facts, MediaPacket};

/// 512 packets are 3 s of a 1.7 Mb/s camera, well beyond any useful retransmission.
const SLOTS: usize = 512;
/// Bytes kept per encoding: 1.2 s at 1.7 Mb/s. Doubling it doubles the memory of every publisher.
const MAX_BYTES: usize = 256 * 1024;
/// First allocation; small layers never grow beyond it.
const MIN_BYTES: usize = 32 * 1024;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    sequence: u64,
    /// Absolute position in the stream of all bytes ever written.
    start: u64,
    len: usize,
    facts: Facts,
}

/// A ring of packets over a ring of bytes; both grow on first use.
#[derive(Debug, Default)]
pub struct History {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    written: u64,
}

impl History {
    pub fn push(&mut self, packet: &MediaPacket<'_>) {
        let len = packet.payload.len();
        if len > MIN_BYTES {
            return;
        }
        self.make_room(len);
        let capacity = self.bytes.len() as u64;
        let mut offset = self.written % capacity;
        if offset + len as u64 > capacity {
            self.written += capacity - offset; // a packet never wraps
            offset = 0;
        }
        let range = to_index(offset)..to_index(offset) + len;
        let Some(place) = self.bytes.get_mut(range) else { return };
        place.copy_from_slice(packet.payload);
        let slot = Slot { sequence: packet.sequence, start: self.written, len, facts: packet.facts };
        self.written += len as u64;
        if let Some(place) = self.slots.get_mut(to_index(packet.sequence) % SLOTS) {
            *place = slot;
        }
    }

    pub fn get(&self, sequence: u64) -> Option<MediaPacket<'_>> {
        let slot = self.slots.get(to_index(sequence) % SLOTS)?;
        let capacity = self.bytes.len() as u64;
        if slot.sequence != sequence || slot.len == 0 || self.written - slot.start > capacity {
            return None;
        }
        let offset = to_index(slot.start % capacity);
        let payload = self.bytes.get(offset..offset + slot.len)?;
        Some(MediaPacket { sequence, facts: slot.facts, payload })
    }

    pub fn contains(&self, sequence: u64) -> bool {
        self.slots
            .get(to_index(sequence) % SLOTS)
            .is_some_and(|slot| slot.sequence == sequence && slot.len > 0)
    }

    /// Memory held, for the per-participant accounting.
    pub fn allocated(&self) -> usize {
        self.bytes.capacity() + self.slots.capacity() * size_of::<Slot>()
    }

    fn make_room(&mut self, len: usize) {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS];
            self.bytes = vec![0; MIN_BYTES];
            return;
        }
        // Growing is only possible before the ring wraps for the first time: positions stay valid.
        let full = self.written + len as u64 > self.bytes.len() as u64;
        if full && self.written <= self.bytes.len() as u64 && self.bytes.len() < MAX_BYTES {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "reduced modulo the ring right after")]
fn to_index(value: u64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u64, payload: &[u8]) -> MediaPacket<'_> {
        MediaPacket { sequence, facts: Facts { timestamp: 7, ..Facts::default() }, payload }
    }

    #[test]
    fn recent_packets_are_found_whole_and_old_ones_are_gone() {
        let mut history = History::default();
        let body = |n: u64| vec![u8::try_from(n % 251).unwrap(); 900 + usize::try_from(n % 200).unwrap()];
        for n in 1..=2_000 {
            history.push(&packet(n, &body(n)));
            let oldest_sure = n.saturating_sub(200).max(1);
            for m in [n, oldest_sure] {
                assert_eq!(history.get(m).unwrap().payload, body(m), "{m} after {n}");
            }
        }
        assert!(history.get(1).is_none());
        assert!(history.get(2_001).is_none());
        assert!(history.bytes.len() <= MAX_BYTES);
    }

    #[test]
    fn nothing_is_found_before_the_first_packet() {
        let history = History::default();
        assert!(history.get(0).is_none());
        assert!(!history.contains(0));
    }
}
