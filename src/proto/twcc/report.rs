//! The sending half: reads what a receiver reports of our packets.

use std::time::Duration;

/// One feedback packet: which of `count` packets from `base` on arrived, and when.
///
/// Borrowed from the RTCP packet; `packets` walks it without copying.
#[derive(Debug, Clone, Copy)]
pub struct ArrivalReport<'a> {
    pub base: u16,
    /// How many packets it tells of. Names at most 65 535, but never more than its chunks can.
    pub count: u16,
    /// Multiples of 64 ms on the receiver's clock; wraps at 24 bits.
    pub reference: u32,
    chunks: &'a [u8],
}

/// Payload type and format of the packet.
const RTPFB: u8 = 205;
const FORMAT: u8 = 15;
const HEADER: usize = 20;
/// Of `ArrivalReport::reference`.
pub const REFERENCE_TICK: Duration = Duration::from_millis(64);
const DELTA_TICK_US: i64 = 250;

impl<'a> ArrivalReport<'a> {
    /// Reads one RTCP packet with its header; `None` if it is something else or broken.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let (head, mut rest) = packet.split_first_chunk::<HEADER>()?;
        let [first, kind, l0, l1, _, _, _, _, _, _, _, _, b0, b1, c0, c1, r0, r1, r2, _] = *head;
        if first & 0xDF != 0x80 | FORMAT || kind != RTPFB {
            return None;
        }
        let len = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        rest = rest.get(..len.checked_sub(HEADER)?)?;
        if first & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            rest = rest.get(..rest.len().checked_sub(padding)?)?;
        }
        Some(Self {
            base: u16::from_be_bytes([b0, b1]),
            count: u16::from_be_bytes([c0, c1]),
            reference: u32::from_be_bytes([0, r0, r1, r2]),
            chunks: rest,
        })
    }

    /// Every packet in order: its number, and when it arrived in µs after the reference time.
    ///
    /// `None` for the whole if chunks or deltas are missing: half a report would look like loss.
    pub fn packets(&self) -> Option<impl Iterator<Item = (u16, Option<i64>)> + use<'a>> {
        let chunks = self.chunks_len()?;
        let (chunks, deltas) = self.chunks.split_at_checked(chunks)?;
        let needed: usize = Symbols::new(chunks, self.count).map(Symbol::delta_len).sum();
        if deltas.len() < needed {
            return None;
        }
        let (mut deltas, mut at, mut sequence) = (deltas, 0i64, self.base);
        Some(Symbols::new(chunks, self.count).map(move |symbol| {
            let number = sequence;
            sequence = sequence.wrapping_add(1);
            let (delta, rest) = match symbol {
                Symbol::Missing => return (number, None),
                Symbol::Small => {
                    deltas.split_first().map_or((0, deltas), |(one, rest)| (i64::from(*one), rest))
                }
                Symbol::Large => deltas
                    .split_first_chunk::<2>()
                    .map_or((0, deltas), |(two, rest)| (i64::from(i16::from_be_bytes(*two)), rest)),
            };
            deltas = rest;
            at += delta * DELTA_TICK_US;
            (number, Some(at))
        }))
    }

    /// Bytes of chunks that tell of `count` packets.
    fn chunks_len(&self) -> Option<usize> {
        let (mut told, mut len) = (0usize, 0);
        while told < usize::from(self.count) {
            let chunk = *self.chunks.get(len..)?.first_chunk::<2>()?;
            told += chunk_len(u16::from_be_bytes(chunk));
            len += 2;
            if chunk == [0, 0] {
                return None; // a run of nothing would never end
            }
        }
        Some(len)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Missing,
    Small,
    Large,
}

impl Symbol {
    /// The reserved value has no meaning and no delta.
    fn of(bits: u16) -> Self {
        match bits & 3 {
            1 => Self::Small,
            2 => Self::Large,
            _ => Self::Missing,
        }
    }

    fn delta_len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }
}

/// How many packets a chunk tells of.
fn chunk_len(chunk: u16) -> usize {
    match chunk >> 14 {
        0 | 1 => usize::from(chunk & 0x1FFF),
        2 => 14,
        _ => 7,
    }
}

struct Symbols<'a> {
    chunks: &'a [u8],
    chunk: u16,
    /// Left in `chunk`.
    left: usize,
    remaining: u16,
}

impl<'a> Symbols<'a> {
    fn new(chunks: &'a [u8], count: u16) -> Self {
        Self { chunks, chunk: 0, left: 0, remaining: count }
    }
}

impl Iterator for Symbols<'_> {
    type Item = Symbol;

    fn next(&mut self) -> Option<Symbol> {
        self.remaining = self.remaining.checked_sub(1)?;
        while self.left == 0 {
            let (chunk, rest) = self.chunks.split_first_chunk::<2>()?;
            self.chunks = rest;
            self.chunk = u16::from_be_bytes(*chunk);
            self.left = chunk_len(self.chunk);
        }
        self.left -= 1;
        Some(match self.chunk >> 14 {
            0 | 1 => Symbol::of(self.chunk >> 13),
            2 => Symbol::of(self.chunk >> self.left & 1),
            _ => Symbol::of(self.chunk >> (2 * self.left)),
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::{SymbolTypeTcc, TransportLayerCc};

    use super::*;
    use crate::proto::twcc::ArrivalRecorder;

    fn read(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
        ArrivalReport::parse(packet).unwrap().packets().unwrap().collect()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the epoch")]
    fn what_the_recorder_writes_is_read_back() {
        let epoch = std::time::Instant::now();
        let at = |ms| epoch + Duration::from_millis(ms);
        let mut recorder = ArrivalRecorder::new(epoch);
        recorder.record(at(130), 65_534);
        recorder.record(at(133), 65_535);
        recorder.record(at(131), 1);
        let packet = recorder.feedback(1, 2).unwrap();
        let report = ArrivalReport::parse(&packet).unwrap();
        assert_eq!((report.base, report.count, report.reference), (65_534, 4, 2));
        assert_eq!(
            read(&packet),
            vec![(65_534, Some(2_000)), (65_535, Some(5_000)), (0, None), (1, Some(3_000))]
        );
    }

    #[test]
    fn all_three_kinds_of_chunks_are_read() {
        // A run of three small ones, a vector of one-bit symbols, a vector of two-bit symbols.
        let run = 0x2000u16 | 3;
        let ones = 0x8000u16 | (0b10_1000_0000_0000);
        let twos = 0xC000u16 | (0b10_00_01_00_00_00_00);
        let mut packet = vec![0x8F, 205, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, 20, 0, 0, 1, 0];
        for chunk in [run, ones, twos] {
            packet.extend_from_slice(&chunk.to_be_bytes());
        }
        packet.extend_from_slice(&[4, 4, 4, 8, 8, 0xFF, 0xF0, 40]);
        packet.extend_from_slice(&[0, 0, 0, 0, 0, 2]);
        packet[0] |= 0x20;
        let seen: Vec<_> = read(&packet).into_iter().filter(|(_, at)| at.is_some()).collect();
        assert_eq!(
            seen,
            vec![
                (10, Some(1_000)),
                (11, Some(2_000)),
                (12, Some(3_000)),
                (13, Some(5_000)),
                (15, Some(7_000)),
                (27, Some(3_000)),
                (29, Some(13_000)),
            ]
        );
    }

    proptest! {
        #[test]
        fn junk_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut packet = vec![0x8F, 205, 0, 0];
            packet.extend_from_slice(&bytes);
            packet[3] = u8::try_from(bytes.len() / 4).unwrap();
            if let Some(packets) = ArrivalReport::parse(&packet).and_then(|report| report.packets()) {
                prop_assert!(packets.count() <= usize::from(u16::MAX));
            }
        }

        /// Differential: where `rtc-rtcp` decodes a packet, this view sees the same arrivals.
        #[test]
        fn agrees_with_the_rtcp_crate(bytes in proptest::collection::vec(any::<u8>(), 20..60), count in 1u16..40) {
            let mut packet = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10];
            packet.extend_from_slice(&count.to_be_bytes());
            packet.extend_from_slice(&[0, 0, 1, 0]);
            packet.extend_from_slice(&bytes);
            packet.resize(packet.len().next_multiple_of(4), 0);
            packet[3] = u8::try_from(packet.len() / 4 - 1).unwrap();
            let Ok(theirs) = rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(&packet)) else { return Ok(()) };
            let Some(theirs) = theirs[0].as_any().downcast_ref::<TransportLayerCc>() else { return Ok(()) };
            let Some(ours) = ArrivalReport::parse(&packet).unwrap().packets() else { return Ok(()) };
            let ours: Vec<i64> = {
                let mut last = 0;
                ours.filter_map(|(_, at)| at).map(|at| { let delta = at - last; last = at; delta }).collect()
            };
            let deltas: Vec<i64> = theirs
                .recv_deltas
                .iter()
                .filter(|one| one.type_tcc_packet != SymbolTypeTcc::PacketReceivedWithoutDelta)
                .map(|one| one.delta)
                .collect();
            // They do not stop at `count` inside the last chunk; we do.
            prop_assert!(deltas.starts_with(&ours), "{ours:?} {deltas:?}");
        }
    }
}
