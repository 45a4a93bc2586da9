//! The retransmission source of one encoding: recent packets in plain text, shared by all subscribers.

use super::packet::{Facts, MediaPacket};

/// Video time worth keeping (90 kHz): a repair that comes later helps no viewer.
const KEEP_TICKS: i32 = 90_000;
/// Bytes kept per encoding at most: 1.2 s at 1.7 Mb/s. Doubling it doubles the memory of every publisher.
const MAX_BYTES: usize = 256 * 1024;
const MAX_SLOTS: usize = 512;
/// First allocation; small layers hardly grow beyond it.
const MIN_BYTES: usize = 16 * 1024;
const MIN_SLOTS: usize = 64;
/// Of audio: half a second at 48 kHz, in a quarter of the memory.
const KEEP_AUDIO_TICKS: i32 = 24_000;
const MIN_AUDIO_BYTES: usize = 4 * 1024;
const MIN_AUDIO_SLOTS: usize = 32;
/// More than any datagram.
const MAX_PACKET: usize = 4 * 1024;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    sequence: u64,
    /// Absolute position in the stream of all bytes ever written.
    start: u64,
    len: u16,
    /// How much of it is the dependency descriptor.
    dependencies: u8,
    facts: Facts,
}

/// A ring of packets over a ring of bytes. Both double while one turn of them is shorter than `KEEP_TICKS`: a small
/// layer keeps as much time as a large one, in less memory.
#[derive(Debug)]
pub struct History {
    audio: bool,
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    written: u64,
    /// Of the packet at the start of the byte ring.
    turn_began: u32,
}

impl History {
    pub fn new(video: bool) -> Self {
        Self { audio: !video, slots: Vec::new(), bytes: Vec::new(), written: 0, turn_began: 0 }
    }

    pub fn push(&mut self, packet: &MediaPacket<'_>) {
        let len = packet.len();
        if len > MAX_PACKET {
            return;
        }
        self.make_room(packet);
        let capacity = self.bytes.len() as u64;
        let mut offset = self.written % capacity;
        if offset + len as u64 > capacity {
            self.written += capacity - offset; // a packet never wraps
            offset = 0;
        }
        if offset == 0 {
            self.turn_began = packet.facts.timestamp;
        }
        self.put(packet, offset);
    }

    /// Dependencies and payload, one behind the other.
    fn put(&mut self, packet: &MediaPacket<'_>, offset: u64) {
        let len = packet.len();
        let range = to_index(offset)..to_index(offset) + len;
        let Some(place) = self.bytes.get_mut(range) else { return };
        let Some((dependencies, payload)) = place.split_at_mut_checked(packet.dependencies.len()) else {
            return;
        };
        dependencies.copy_from_slice(packet.dependencies);
        payload.copy_from_slice(packet.payload);
        let sequence = packet.sequence;
        let slot = Slot {
            sequence,
            start: self.written,
            len: u16::try_from(len).unwrap_or_default(),
            dependencies: u8::try_from(packet.dependencies.len()).unwrap_or_default(),
            facts: packet.facts,
        };
        self.written += len as u64;
        let slots = self.slots.len();
        if let Some(place) = self.slots.get_mut(to_index(sequence) % slots) {
            *place = slot;
        }
    }

    pub fn get(&self, sequence: u64) -> Option<MediaPacket<'_>> {
        let slot = self.slot(sequence)?;
        self.packet(slot)
    }

    pub fn contains(&self, sequence: u64) -> bool {
        self.slot(sequence).is_some()
    }

    /// Memory held, for the per-participant accounting.
    pub fn allocated(&self) -> usize {
        self.bytes.capacity() + self.slots.capacity() * size_of::<Slot>()
    }

    fn slot(&self, sequence: u64) -> Option<&Slot> {
        let index = to_index(sequence).checked_rem(self.slots.len())?;
        self.slots.get(index).filter(|slot| slot.sequence == sequence && slot.len > 0)
    }

    fn packet(&self, slot: &Slot) -> Option<MediaPacket<'_>> {
        let whole = self.whole(slot)?;
        let (dependencies, payload): (&[u8], &[u8]) = match slot.dependencies {
            0 => (&[], whole),
            len => whole.split_at_checked(usize::from(len))?,
        };
        Some(MediaPacket { sequence: slot.sequence, facts: slot.facts, payload, dependencies })
    }

    /// The bytes, unless later packets lie over them.
    fn whole(&self, slot: &Slot) -> Option<&[u8]> {
        let capacity = self.bytes.len() as u64;
        if slot.len == 0 || self.written - slot.start > capacity {
            return None;
        }
        let offset = to_index(slot.start % capacity);
        self.bytes.get(offset..offset + usize::from(slot.len))
    }

    fn make_room(&mut self, packet: &MediaPacket<'_>) {
        if self.slots.is_empty() {
            let (slots, bytes) =
                if self.audio { (MIN_AUDIO_SLOTS, MIN_AUDIO_BYTES) } else { (MIN_SLOTS, MIN_BYTES) };
            self.slots = vec![Slot::default(); slots];
            self.bytes = vec![0; bytes];
            return;
        }
        // Moving changes positions: look again until nothing has to grow.
        loop {
            let (slots, bytes) = self.wanted_size(packet);
            if (slots, bytes) == (self.slots.len(), self.bytes.len()) {
                return;
            }
            self.grow(slots, bytes);
        }
    }

    fn wanted_size(&self, packet: &MediaPacket<'_>) -> (usize, usize) {
        let keep = if self.audio { KEEP_AUDIO_TICKS } else { KEEP_TICKS };
        let young = |timestamp: u32| packet.facts.timestamp.wrapping_sub(timestamp).cast_signed() < keep;
        let (slots, bytes) = (self.slots.len(), self.bytes.len());
        let replaced = self.slots.get(to_index(packet.sequence) % slots);
        let more_slots =
            slots < MAX_SLOTS && replaced.is_some_and(|slot| slot.len > 0 && young(slot.facts.timestamp));
        let offset = to_index(self.written % bytes as u64);
        let wraps = offset + packet.len() > bytes || (offset == 0 && self.written > 0);
        let more_bytes = bytes < MAX_BYTES && wraps && young(self.turn_began);
        (if more_slots { slots * 2 } else { slots }, if more_bytes { bytes * 2 } else { bytes })
    }

    /// Moves what is there into larger rings. Rare: a layer doubles at most four times.
    fn grow(&mut self, slots: usize, bytes: usize) {
        let mut old: Vec<&Slot> = self.slots.iter().filter(|slot| self.whole(slot).is_some()).collect();
        old.sort_unstable_by_key(|slot| slot.start);
        let mut grown = Self {
            audio: self.audio,
            slots: vec![Slot::default(); slots],
            bytes: vec![0; bytes],
            written: 0,
            turn_began: old.first().map_or(self.turn_began, |slot| slot.facts.timestamp),
        };
        for slot in old {
            if let Some(packet) = self.packet(slot) {
                grown.put(&packet, grown.written);
            }
        }
        *self = grown;
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
        at(sequence, 7, payload)
    }

    fn at(sequence: u64, timestamp: u32, payload: &[u8]) -> MediaPacket<'_> {
        MediaPacket { sequence, facts: Facts { timestamp, ..Facts::default() }, payload, dependencies: &[] }
    }

    /// A stream of so many packets of `len` bytes per second; returns how many of them the history holds at the end.
    fn kept(history: &mut History, first: u64, per_second: u64, len: usize) -> usize {
        let count = per_second * 6;
        for n in 0..count {
            let timestamp = u32::try_from((first + n) * 90_000 / per_second % (1 << 32)).unwrap();
            let body = vec![u8::try_from(n % 251).unwrap(); len];
            history.push(&at(first + n, timestamp, &body));
            let recent = n.saturating_sub(per_second / 3);
            let found = history.get(first + recent).unwrap();
            assert_eq!((found.payload.len(), u64::from(found.payload[0])), (len, recent % 251));
        }
        (0..count).filter(|n| history.get(first + n).is_some()).count()
    }

    #[test]
    fn every_layer_keeps_about_a_second_in_the_memory_that_takes() {
        for (per_second, len, limit_kb) in
            [(30, 400, 24), (75, 700, 80), (160, 1_150, 320), (500, 1_150, 320)]
        {
            let mut history = History::new(true);
            let kept = kept(&mut history, 70_000, per_second, len);
            let second = usize::try_from(per_second).unwrap();
            assert!(kept >= second.min(200), "{per_second}/s: {kept}");
            assert!(history.allocated() <= limit_kb * 1_024, "{per_second}/s: {}", history.allocated());
        }
    }

    #[test]
    fn a_layer_that_grows_later_gets_its_room() {
        let mut history = History::new(true);
        kept(&mut history, 70_000, 30, 300);
        let small = history.allocated();
        assert!(kept(&mut history, 80_000, 150, 1_100) >= 150);
        assert!(history.allocated() > 4 * small);
    }

    #[test]
    fn recent_packets_are_found_whole_and_old_ones_are_gone() {
        let mut history = History::new(true);
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
    fn dependencies_come_back_beside_the_payload() {
        let mut history = History::new(true);
        for n in 1..=200u64 {
            let dependencies = vec![u8::try_from(n % 7).unwrap(); usize::try_from(n % 60).unwrap()];
            let body = vec![9; 400];
            history.push(&MediaPacket {
                dependencies: &dependencies,
                ..at(n, 3_000 * u32::try_from(n).unwrap(), &body)
            });
            let found = history.get(n).unwrap();
            assert_eq!((found.dependencies, found.payload), (&dependencies[..], &body[..]));
        }
        assert_eq!(history.get(190).unwrap().dependencies.len(), 10, "also after growing");
    }

    #[test]
    fn nothing_is_found_before_the_first_packet() {
        let history = History::new(true);
        assert!(history.get(0).is_none());
        assert!(!history.contains(0));
    }
}
