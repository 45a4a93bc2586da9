//! A cheap receiver: counts every RTP packet by its clear header and shows the full stack only a sample.
//!
//! A bot that decrypts everything needs more CPU per packet than the server does, so that the server cannot be
//! saturated from one other core. What is counted here really arrived; that it is what was sent is known for
//! the sample, and for everything until the first whole frame of a stream. A sink never asks for a repair:
//! what is missing stays missing. It sends no receiver reports, but transport-wide feedback (`feedback`).

mod feedback;

use std::{
    collections::BTreeMap,
    io::IoSliceMut,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Instant,
};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};

pub use self::feedback::SinkFeedback;

/// One packet of this many is decrypted and checked. Twice as many would halve what a sink saves.
const SAMPLE: u64 = 64;
/// A stream without a whole frame after this many packets is counted like the others and never "seen": the
/// bot then reports that it had no media.
const PATIENCE: u64 = 4_096;
/// Arrivals between two feedback packets: 100 ms of 300 000 packets/s. More are left out, as if lost.
const ARRIVALS: usize = 32_768;
/// A GRO super-packet; without GRO one datagram.
const CHUNK: usize = 64 * 1024;
/// Both kinds of buffer a bot's thread needs to read any sink.
pub const BUFFER: usize = BATCH_SIZE * CHUNK;

/// How a subscriber reads when it is a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkPlan {
    /// Let the kernel join packets of a train; real clients do not, and it flatters the server's sending.
    pub gro: bool,
    /// Nothing of what comes is ours to judge: there is no first frame to wait for.
    pub foreign: bool,
}

pub struct Sink {
    state: UdpSocketState,
    metas: [RecvMeta; BATCH_SIZE],
    arrivals: SyncSender<Arrival>,
    transport_cc_id: Option<u8>,
    repair_payload_type: u8,
    foreign: bool,
    streams: BTreeMap<u32, Stream>,
    repairs: u64,
}

/// A packet with a transport-wide sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub at: Instant,
    pub ssrc: u32,
    pub sequence: u16,
}

#[derive(Debug, Default)]
struct Stream {
    counted: u64,
    whole: bool,
    sequences: Sequences,
}

/// What a sink counted of one stream inside the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// From the first to the last sequence number.
    pub expected: u64,
    pub received: u64,
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.expected += other.expected;
        self.received += other.received;
    }
}

impl Sink {
    /// For `socket`; the receiver is what `SinkFeedback` reads.
    pub fn new(
        socket: &UdpSocket,
        plan: SinkPlan,
        repair_payload_type: u8,
    ) -> std::io::Result<(Self, Receiver<Arrival>)> {
        // Making a state turns GRO on for the socket it is made with; a plain one is read with another's.
        let state = if plan.gro {
            UdpSocketState::new(socket.into())?
        } else {
            UdpSocketState::new((&std::net::UdpSocket::bind("127.0.0.1:0")?).into())?
        };
        let (arrivals, receiver) = sync_channel(ARRIVALS);
        let sink = Self {
            state,
            metas: [RecvMeta::default(); BATCH_SIZE],
            arrivals,
            transport_cc_id: None,
            repair_payload_type,
            foreign: plan.foreign,
            streams: BTreeMap::new(),
            repairs: 0,
        };
        Ok((sink, receiver))
    }

    pub fn set_transport_cc_id(&mut self, id: Option<u8>) {
        self.transport_cc_id = id;
    }

    /// Reads one batch into `buffer`; `None` when the socket is empty.
    pub fn receive<'a>(
        &mut self,
        socket: &UdpSocket,
        buffer: &'a mut [u8],
    ) -> Option<impl Iterator<Item = (RecvMeta, &'a [u8])> + use<'a>> {
        let metas = loop {
            let mut chunks = buffer.chunks_mut(CHUNK);
            let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            match self.state.recv(socket.into(), &mut slices, &mut self.metas) {
                Ok(count) => break self.metas.into_iter().take(count),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                Err(_) => return None,
            }
        };
        let chunks: &'a [u8] = buffer;
        Some(metas.zip(chunks.chunks(CHUNK)).flat_map(|(meta, chunk)| {
            let datagrams = chunk.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1));
            datagrams.map(move |datagram| (meta, datagram))
        }))
    }

    /// Counts a datagram; whether the full stack shall see it.
    pub fn take(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(header) = Header::read(datagram, self.transport_cc_id) else { return true };
        if let Some(sequence) = header.transport_cc {
            let _ = self.arrivals.try_send(Arrival { at: now, ssrc: header.ssrc, sequence });
        }
        if header.payload_type == self.repair_payload_type {
            self.repairs += 1;
            return false;
        }
        let stream = self.streams.entry(header.ssrc).or_default();
        stream.sequences.take(header.sequence);
        let judged = self.foreign || stream.whole || stream.counted >= PATIENCE;
        let show = !judged || stream.counted.is_multiple_of(SAMPLE);
        stream.counted += 1;
        show
    }

    /// A whole frame of the stream passed the full stack: from now on a sample is enough.
    pub fn saw_whole_frame(&mut self, ssrc: u32) {
        self.streams.entry(ssrc).or_default().whole = true;
    }

    pub fn open_window(&mut self) {
        self.repairs = 0;
        for stream in self.streams.values_mut() {
            stream.sequences.open_window();
        }
    }

    pub fn close_window(&mut self) {
        for stream in self.streams.values_mut() {
            stream.sequences.close_window();
        }
    }

    /// Every stream by SSRC.
    pub fn counted(&self) -> impl Iterator<Item = (u32, Counted)> {
        self.streams.iter().map(|(ssrc, stream)| (*ssrc, stream.sequences.counted()))
    }

    /// Packets on repair streams since the window opened.
    pub fn repairs(&self) -> u64 {
        self.repairs
    }
}

/// Sequence numbers of one stream, and which of them came.
#[derive(Debug, Default)]
struct Sequences {
    highest: Option<u64>,
    /// One bit per number, for the newest 1024: a repeated packet must not stand in for a lost one.
    seen: [u64; 16],
    /// Numbers above this one count.
    base: Option<u64>,
    /// Numbers above this one do not.
    end: Option<u64>,
    received: u64,
}

impl Sequences {
    fn take(&mut self, sequence: u16) {
        let extended = match self.highest {
            // One lap up, so that packets before the first one have a number too.
            None => u64::from(sequence) + 0x1_0000,
            Some(highest) => {
                highest.saturating_add_signed(i64::from(sequence.wrapping_sub(highest as u16) as i16))
            }
        };
        let highest = self.highest.unwrap_or(extended - 1);
        let newest = highest.max(extended);
        if newest - extended >= 1024 {
            return;
        }
        // What slides out of the memory was for numbers 1024 older.
        let fresh = highest.max(newest.saturating_sub(1024)) + 1..=newest;
        for number in fresh {
            self.set(number, false);
        }
        self.highest = Some(newest);
        self.base.get_or_insert(extended - 1);
        if !self.set(extended, true)
            && self.base.is_some_and(|base| extended > base)
            && self.end.is_none_or(|end| extended <= end)
        {
            self.received += 1;
        }
    }

    /// Returns what it was before.
    fn set(&mut self, number: u64, seen: bool) -> bool {
        let bit = 1 << (number % 64);
        let Some(word) = self.seen.get_mut((number / 64 % 16) as usize) else { return true };
        let before = *word & bit != 0;
        *word = if seen { *word | bit } else { *word & !bit };
        before
    }

    fn open_window(&mut self) {
        (self.base, self.end, self.received) = (self.highest, None, 0);
    }

    fn close_window(&mut self) {
        self.end = self.highest;
    }

    fn counted(&self) -> Counted {
        let last = self.end.or(self.highest).unwrap_or(0);
        Counted { expected: last.saturating_sub(self.base.unwrap_or(last)), received: self.received }
    }
}

/// The clear part of an RTP packet (RFC 3550 5.1); extensions in either form of RFC 8285.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    payload_type: u8,
    sequence: u16,
    ssrc: u32,
    transport_cc: Option<u16>,
}

impl Header {
    /// `None` for anything that is not RTP.
    fn read(datagram: &[u8], transport_cc_id: Option<u8>) -> Option<Self> {
        let (&[first, second, s0, s1, _, _, _, _, c0, c1, c2, c3], rest) =
            datagram.split_first_chunk::<12>()?;
        if first >> 6 != 2 || (64..=95).contains(&(second & 0x7f)) {
            return None;
        }
        let transport_cc = transport_cc_id
            .filter(|_| first & 0x10 != 0)
            .and_then(|id| transport_sequence(rest.get(usize::from(first & 0x0f) * 4..)?, id));
        Some(Self {
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            transport_cc,
        })
    }
}

/// The two bytes of extension `id` in the block at the start of `bytes`.
fn transport_sequence(bytes: &[u8], id: u8) -> Option<u16> {
    let (&[p0, p1, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
    let mut rest = rest.get(..usize::from(u16::from_be_bytes([l0, l1])) * 4)?;
    let two_byte = match u16::from_be_bytes([p0, p1]) {
        0xBEDE => false,
        0x1000..=0x100f => true,
        _ => return None,
    };
    loop {
        let (&head, tail) = rest.split_first()?;
        if head == 0 {
            rest = tail;
            continue;
        }
        let (element, length, tail) = if two_byte {
            let (&length, tail) = tail.split_first()?;
            (head, usize::from(length), tail)
        } else {
            (head >> 4, usize::from(head & 0x0f) + 1, tail)
        };
        let (value, after) = tail.split_at_checked(length)?;
        if element == id {
            return value.try_into().ok().map(u16::from_be_bytes);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn packet(sequence: u16, ssrc: u32, payload_type: u8) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(ssrc.to_be_bytes());
        packet.extend([7; 40]);
        packet
    }

    fn sink() -> (Sink, Receiver<Arrival>) {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Sink::new(&socket, SinkPlan { gro: false, foreign: false }, 97).unwrap()
    }

    #[test]
    fn gaps_repeats_and_strays_are_told_apart_across_the_wrap() {
        let mut sequences = Sequences::default();
        for sequence in [65_530, 65_531, 65_531, 65_533, 65_535, 0, 3, 2, 2] {
            sequences.take(sequence);
        }
        // 65530 to 3 are ten numbers; 65532, 65534 and 1 never came.
        assert_eq!(sequences.counted(), Counted { expected: 10, received: 7 });
        sequences.take(65_532);
        assert_eq!(sequences.counted(), Counted { expected: 10, received: 8 }, "late, but here");
    }

    #[test]
    fn a_gap_longer_than_the_memory_is_counted_in_full() {
        let mut sequences = Sequences::default();
        for sequence in (0..100).chain(5_000..5_100) {
            sequences.take(sequence);
        }
        assert_eq!(sequences.counted(), Counted { expected: 5_100, received: 200 });
        sequences.take(200);
        assert_eq!(sequences.counted().received, 200, "too old to know whether it is a repeat");
    }

    #[test]
    fn only_the_window_counts_and_what_comes_late_belongs_to_it() {
        let mut sequences = Sequences::default();
        (0..10).for_each(|sequence| sequences.take(sequence));
        sequences.open_window();
        sequences.take(9);
        [10, 11, 13].into_iter().for_each(|sequence| sequences.take(sequence));
        sequences.close_window();
        [14, 15].into_iter().for_each(|sequence| sequences.take(sequence));
        assert_eq!(sequences.counted(), Counted { expected: 4, received: 3 });
        sequences.take(12);
        assert_eq!(sequences.counted(), Counted { expected: 4, received: 4 });
    }

    #[test]
    fn everything_is_shown_until_a_whole_frame_and_a_sample_afterwards() {
        let (mut sink, _arrivals) = sink();
        let now = clock::now();
        let shown = |range: std::ops::Range<u16>, sink: &mut Sink| {
            range.filter(|sequence| sink.take(now, &packet(*sequence, 5, 96))).count()
        };
        assert_eq!(shown(0..64, &mut sink), 64);
        sink.saw_whole_frame(5);
        assert_eq!(shown(64..640, &mut sink), 9);
        assert_eq!(sink.counted().collect::<Vec<_>>(), [(5, Counted { expected: 640, received: 640 })]);
    }

    #[test]
    fn of_foreign_media_only_a_sample_is_shown_from_the_start() {
        let (mut sink, _arrivals) = sink();
        sink.foreign = true;
        let shown = (0..128).filter(|sequence| sink.take(clock::now(), &packet(*sequence, 5, 96))).count();
        assert_eq!(shown, 2);
        assert_eq!(sink.counted().collect::<Vec<_>>(), [(5, Counted { expected: 128, received: 128 })]);
    }

    #[test]
    fn repairs_count_apart_and_control_goes_to_the_stack() {
        let (mut sink, _arrivals) = sink();
        let now = clock::now();
        assert!(!sink.take(now, &packet(1, 6, 97)), "a repair");
        assert!(sink.take(now, &packet(1, 6, 72)), "RTCP has no sequence numbers");
        assert!(sink.take(now, &[22, 254, 253, 0]), "DTLS");
        assert_eq!((sink.repairs(), sink.counted().count()), (1, 0));
    }

    #[test]
    fn the_transport_sequence_is_found_in_both_forms() {
        let mut short = packet(1, 5, 96);
        short[0] |= 0x10;
        short.splice(12.., [0xBE, 0xDE, 0, 2, 0x10, b'0', 0, 0x31, 1, 2, 0, 0]);
        let mut long = short.clone();
        long.splice(12.., [0x10, 0x00, 0, 2, 1, 1, b'0', 3, 2, 1, 2, 0]);
        for datagram in [short, long] {
            assert_eq!(Header::read(&datagram, Some(3)).unwrap().transport_cc, Some(0x0102));
            assert_eq!(Header::read(&datagram, Some(4)).unwrap().transport_cc, None);
            for length in 0..datagram.len() {
                let _ = Header::read(&datagram[..length], Some(3));
            }
            let (mut sink, arrivals) = sink();
            sink.set_transport_cc_id(Some(3));
            let at = clock::now();
            sink.take(at, &datagram);
            assert_eq!(arrivals.try_recv(), Ok(Arrival { at, ssrc: 5, sequence: 0x0102 }));
        }
    }
}
