//! Repairs at the pace of browsers, on a path whose round trip is known: what `rtc`'s own generator and responder do not
//! do. Those ask every interval and answer every time, which on a long path is a flood of repairs.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use rtc::{
    interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket},
    rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers},
    sansio::Protocol,
    shared::{TransportContext, error::Error},
};

/// How often overdue packets are looked for, and how often one is asked for at most: as libwebrtc does.
const LOOK: Duration = Duration::from_millis(20);
const MAX_TRIES: u8 = 10;
/// A longer gap is a stream that began anew.
const MAX_GAP: u16 = 1_000;

/// Asks for what is missing: at once when the gap shows, and again each round trip.
pub struct Nacks {
    round_trip: Duration,
    streams: BTreeMap<u32, Stream>,
    next_look: Option<Instant>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

#[derive(Default)]
struct Stream {
    newest: Option<u16>,
    /// When each was asked for last, and how often.
    missing: BTreeMap<u16, (Instant, u8)>,
}

impl Nacks {
    pub fn new(round_trip: Duration) -> Self {
        Self {
            round_trip,
            streams: BTreeMap::new(),
            next_look: None,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        }
    }

    fn arrived(&mut self, now: Instant, ssrc: u32, sequence: u16) {
        let Some(stream) = self.streams.get_mut(&ssrc) else { return };
        stream.missing.remove(&sequence);
        let newest = *stream.newest.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(newest);
        if ahead == 0 || ahead >= 1 << 15 {
            return;
        }
        stream.newest = Some(sequence);
        if ahead == 1 || ahead > MAX_GAP {
            return;
        }
        let gap: Vec<u16> = (1..ahead).map(|step| newest.wrapping_add(step)).collect();
        stream.missing.extend(gap.iter().map(|skipped| (*skipped, (now, 1))));
        self.next_look.get_or_insert(now + LOOK);
        self.ask(now, ssrc, &gap);
    }

    fn ask(&mut self, now: Instant, ssrc: u32, wanted: &[u16]) {
        let nack = TransportLayerNack {
            sender_ssrc: 0,
            media_ssrc: ssrc,
            nacks: nack_pairs_from_sequence_numbers(wanted),
        };
        self.writes.push_back(TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtcp(vec![Box::new(nack)])),
        });
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Nacks {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &msg.message.packet {
            self.arrived(msg.now, packet.header.ssrc, packet.header.sequence_number);
        }
        self.reads.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.next_look.is_none_or(|due| now < due) {
            return Ok(());
        }
        let mut overdue = Vec::new();
        for (ssrc, stream) in &mut self.streams {
            stream.missing.retain(|_, (_, tries)| *tries < MAX_TRIES);
            let mut wanted = Vec::new();
            for (sequence, (asked, tries)) in &mut stream.missing {
                if now.saturating_duration_since(*asked) >= self.round_trip {
                    (*asked, *tries) = (now, *tries + 1);
                    wanted.push(*sequence);
                }
            }
            if !wanted.is_empty() {
                overdue.push((*ssrc, wanted));
            }
        }
        for (ssrc, wanted) in overdue {
            self.ask(now, ssrc, &wanted);
        }
        let waits = self.streams.values().any(|stream| !stream.missing.is_empty());
        self.next_look = waits.then_some(now + LOOK);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.next_look
    }
}

impl Interceptor for Nacks {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        // An answer makes all receivers new; what is missing stays missing.
        self.streams.entry(info.ssrc).or_default();
    }

    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

/// What a sender repeated lately: a packet goes once per round trip, however often it is asked for.
#[derive(Debug)]
pub struct Repeats {
    round_trip: Duration,
    last: BTreeMap<(u32, u16), Instant>,
    order: VecDeque<(u32, u16)>,
    sent: BTreeMap<u32, BTreeSet<u16>>,
}

/// Repeats remembered; more than a second's.
const REMEMBERED: usize = 256;
/// Packets of a stream that are told from repeats of them.
const SENT: usize = 1_024;

impl Repeats {
    pub fn new(round_trip: Duration) -> Self {
        Self { round_trip, last: BTreeMap::new(), order: VecDeque::new(), sent: BTreeMap::new() }
    }

    /// Whether a packet is sent for the first time: without RTX a repeat is the packet itself.
    pub fn is_first(&mut self, ssrc: u32, sequence: u16) -> bool {
        let sent = self.sent.entry(ssrc).or_default();
        if sent.len() >= SENT {
            // Those half of the numbers away are the oldest.
            sent.retain(|one| sequence.wrapping_sub(*one) < (SENT / 2) as u16);
        }
        sent.insert(sequence)
    }

    /// Whether a packet may be repeated now.
    pub fn may(&mut self, now: Instant, ssrc: u32, sequence: u16) -> bool {
        let key = (ssrc, sequence);
        if self.last.get(&key).is_some_and(|last| now.saturating_duration_since(*last) < self.round_trip) {
            return false;
        }
        if self.last.insert(key, now).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.last.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rtc::rtp;

    use super::*;
    use crate::runtime::clock;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    fn asked(nacks: &mut Nacks) -> Vec<u16> {
        let mut asked = Vec::new();
        while let Some(tagged) = nacks.poll_write() {
            let Packet::Rtcp(packets) = tagged.message.packet else { panic!("not RTCP") };
            let nack = packets[0].as_any().downcast_ref::<TransportLayerNack>().expect("a NACK");
            asked.extend(nack.nacks.iter().flat_map(|pair| pair.packet_list()));
        }
        asked
    }

    #[test]
    fn a_gap_is_asked_for_at_once_and_again_each_round_trip() {
        let start = clock::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut nacks = Nacks::new(ROUND_TRIP);
        nacks.bind_remote_stream(&StreamInfo { ssrc: 5, ..StreamInfo::default() });
        let comes = |nacks: &mut Nacks, ms, sequence_number| {
            let header = rtp::Header { version: 2, ssrc: 5, sequence_number, ..Default::default() };
            let packet = rtp::Packet { header, payload: Bytes::new() };
            let message = AttributedPacket::new(Packet::Rtp(packet));
            let tagged = TaggedPacket { now: at(ms), transport: TransportContext::default(), message };
            nacks.handle_read(tagged).unwrap();
        };
        comes(&mut nacks, 0, 65_534);
        assert_eq!(nacks.poll_timeout(), None);
        comes(&mut nacks, 1, 1);
        assert_eq!(asked(&mut nacks), [65_535, 0]);
        comes(&mut nacks, 2, 0);
        let mut times = Vec::new();
        for ms in 2..2_000 {
            nacks.handle_timeout(at(ms)).unwrap();
            times.extend(asked(&mut nacks).into_iter().map(|sequence| (ms, sequence)));
        }
        assert_eq!(times[..2], [(61, 65_535), (121, 65_535)]);
        assert_eq!(times.len(), usize::from(MAX_TRIES) - 1);
        assert_eq!(nacks.poll_timeout(), None, "given up");
    }

    #[test]
    fn a_packet_is_repeated_once_per_round_trip() {
        let now = clock::now();
        let mut repeats = Repeats::new(ROUND_TRIP);
        assert!(repeats.is_first(5, 9) && !repeats.is_first(5, 9) && repeats.is_first(6, 9));
        let answered: Vec<u32> =
            (0..20).filter(|n| repeats.may(now + Duration::from_millis(10) * *n, 5, 9)).collect();
        assert_eq!(answered, [0, 5, 10, 15]);
        for sequence in 0..5_000 {
            repeats.may(now, 7, sequence);
            repeats.is_first(7, sequence);
        }
        assert!(repeats.last.len() <= REMEMBERED && repeats.sent[&7].len() <= SENT);
    }
}
