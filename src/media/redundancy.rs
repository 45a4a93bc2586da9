//! Lost audio packets that later ones bring along (RFC 2198), for subscribers who take plain Opus only.

use super::packet::{Facts, MediaPacket};
use crate::proto::codec::red;

/// Packets this old are not made up any more: their moment has passed in the jitter buffer.
const MAX_AGE: u64 = 4;
/// Of so many newest packets it is known which were made up: the real ones may come late after all, and must not be
/// sent under a number that was sealed with other bytes. What is even later goes to nobody who might have got it.
const REMEMBERED: u64 = 64;

#[derive(Debug, Default)]
pub struct Redundancy {
    newest: Option<u64>,
    /// One bit per packet before the newest, the lowest for the one right before.
    made_up: u64,
}

/// Who a packet with redundancy still has to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Everybody,
    /// Who takes plain Opus: the packet was made up of a later one.
    Plain,
    /// Who takes redundancy: the others got it made up already.
    Redundant,
}

impl Redundancy {
    /// Takes note of a packet. Returns who it is for, and the lowest sequence that may have to be made up from it.
    pub fn arrived(&mut self, sequence: u64) -> (Audience, u64) {
        let Some(newest) = self.newest.replace(sequence) else { return (Audience::Everybody, sequence) };
        if let Some(step @ 1..) = sequence.checked_sub(newest) {
            let step = u32::try_from(step).unwrap_or(u32::MAX);
            self.made_up = self.made_up.checked_shl(step).unwrap_or(0);
            return (Audience::Everybody, (newest + 1).max(sequence.saturating_sub(MAX_AGE)));
        }
        self.newest = Some(newest);
        let nobody_has_it = bit(newest, sequence).is_some_and(|bit| self.made_up & bit == 0);
        (if nobody_has_it { Audience::Everybody } else { Audience::Redundant }, sequence)
    }

    /// The packet of that sequence, if `later` has a copy of it.
    pub fn make_up<'a>(&mut self, sequence: u64, later: &MediaPacket<'a>) -> Option<MediaPacket<'a>> {
        let age = usize::try_from(later.sequence.checked_sub(sequence)?).ok()?;
        let block = red::copy(later.payload, age)?;
        self.made_up |= bit(later.sequence, sequence)?;
        let timestamp = later.facts.timestamp.wrapping_sub(u32::from(block.timestamp_offset));
        let facts = Facts { timestamp, audio_level: later.facts.audio_level, ..Facts::default() };
        Some(MediaPacket { sequence, facts, payload: block.payload, dependencies: &[] })
    }
}

/// The bit of a packet among those before the newest; `None` if it is too old or the newest itself.
fn bit(newest: u64, sequence: u64) -> Option<u64> {
    let age = newest.checked_sub(sequence)?;
    (1..=REMEMBERED).contains(&age).then(|| 1 << (age - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5 bytes of the frame before (960 ticks), then the newest.
    const PAYLOAD: [u8; 12] = [0x80 | 111, 0x0F, 0x00, 5, 111, 1, 1, 1, 1, 1, 2, 2];

    fn packet(sequence: u64) -> MediaPacket<'static> {
        let facts = Facts { timestamp: 96_000, ..Facts::default() };
        MediaPacket { sequence, facts, payload: &PAYLOAD, dependencies: &[] }
    }

    #[test]
    fn a_lost_packet_is_made_up_once() {
        let mut redundancy = Redundancy::default();
        assert_eq!(redundancy.arrived(10), (Audience::Everybody, 10));
        assert_eq!(redundancy.arrived(11), (Audience::Everybody, 11), "nothing missing");
        assert_eq!(redundancy.arrived(14), (Audience::Everybody, 12));
        assert!(redundancy.make_up(12, &packet(14)).is_none(), "only one copy is on board");
        let made = redundancy.make_up(13, &packet(14)).unwrap();
        assert_eq!((made.sequence, made.payload, made.facts.timestamp), (13, &[1u8; 5][..], 95_040));
        assert_eq!(redundancy.arrived(13).0, Audience::Redundant, "the real one comes after all");
        assert_eq!(redundancy.arrived(12).0, Audience::Everybody, "this one nobody has seen");
        assert_eq!(redundancy.arrived(15), (Audience::Everybody, 15));
        assert_eq!(redundancy.arrived(60), (Audience::Everybody, 56));
        assert_eq!(redundancy.arrived(13).0, Audience::Redundant, "however late");
        assert_eq!(redundancy.arrived(12).0, Audience::Everybody);
        assert_eq!(redundancy.arrived(100), (Audience::Everybody, 96));
        assert_eq!(redundancy.arrived(12).0, Audience::Redundant, "too long ago to know");
    }

    #[test]
    fn a_long_silence_is_not_made_up() {
        let mut redundancy = Redundancy::default();
        redundancy.arrived(10);
        assert_eq!(redundancy.arrived(1_000), (Audience::Everybody, 996));
    }
}
