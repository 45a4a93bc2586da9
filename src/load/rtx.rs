//! Retransmission (RFC 4588) the way browsers do it, as an interceptor: repairs what `rtc` 0.21.1 leaves open.
//!
//! Traps of `rtc` 0.21.1 that this works around:
//! - Its NACK responder sends RTX packets without any header extension. The RTX streams of RID simulcast are
//!   in no `a=ssrc` line, so a server can only place them by `mid` and `repaired-rtp-stream-id`
//!   (RFC 8852). The extensions are added here, learnt from the `mid` and `rtp-stream-id` of the media packets.
//! - It turns a received RTX packet back into the original behind the NACK generator, which therefore never
//!   learns that the repair arrived and asks again every interval until the packet is 512 behind. Here the
//!   original is restored before the generator sees it.
//! - It hands RTCP to the application only if the first packet of a compound names a stream: a PLI behind an
//!   empty receiver report is dropped. Keyframe requests are therefore taken out here.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Instant,
};

use bytes::Bytes;
use rtc::{
    interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket},
    rtcp::{
        self,
        payload_feedbacks::{
            full_intra_request::FullIntraRequest, picture_loss_indication::PictureLossIndication,
        },
    },
    rtp,
    sansio::Protocol,
    sdp::extmap::{SDES_MID_URI, SDES_REPAIR_RTP_STREAM_ID_URI, SDES_RTP_STREAM_ID_URI},
    shared::error::Error,
};

use super::nacks::Repeats;

/// Between the wire and the NACK responder (slot 4000): sees what the responder sends, and restores what
/// arrives before the NACK generator (slot 7000) looks at it.
pub const SLOT: usize = 3_500;
/// Keyframe requests between two polls; more would ask for the same frame again and are dropped.
const KEYFRAME_REQUESTS: usize = 64;

pub struct RtxRepair {
    /// SSRCs that should begin anew.
    keyframes: SyncSender<u32>,
    /// By media SSRC.
    sent: BTreeMap<u32, Sent>,
    /// RTX SSRC → media SSRC of `sent`.
    sent_rtx: BTreeMap<u32, u32>,
    /// By RTX SSRC.
    received: BTreeMap<u32, Original>,
    /// By media SSRC.
    seen: BTreeMap<u32, Seen>,
    /// Without, every request is answered.
    repeats: Option<Repeats>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

#[derive(Debug, Default)]
struct Sent {
    mid_id: Option<u8>,
    rid_id: Option<u8>,
    repaired_id: Option<u8>,
    mid: Option<Bytes>,
    rid: Option<Bytes>,
}

/// Which of the newest packets of a stream came: a repair of one that did is a probe of the server, which browsers
/// throw away too.
#[derive(Debug, Default)]
struct Seen {
    newest: Option<u16>,
    /// One bit per packet, the lowest for the newest.
    bits: u128,
}

impl Seen {
    /// False if the packet came before. What is too old to know is new.
    fn is_new(&mut self, sequence: u16) -> bool {
        let Some(newest) = self.newest else {
            (self.newest, self.bits) = (Some(sequence), 1);
            return true;
        };
        let ahead = sequence.wrapping_sub(newest);
        if ahead != 0 && ahead < 1 << 15 {
            self.newest = Some(sequence);
            self.bits = self.bits.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            return true;
        }
        let Some(bit) = 1u128.checked_shl(u32::from(newest.wrapping_sub(sequence))) else { return true };
        let is_new = self.bits & bit == 0;
        self.bits |= bit;
        is_new
    }
}

#[derive(Debug)]
struct Original {
    ssrc: u32,
    payload_type: u8,
}

impl RtxRepair {
    /// The interceptor, and where the SSRCs of requested keyframes come out.
    pub fn new() -> (Self, Receiver<u32>) {
        let (keyframes, requests) = sync_channel(KEYFRAME_REQUESTS);
        let repair = Self {
            keyframes,
            sent: BTreeMap::new(),
            sent_rtx: BTreeMap::new(),
            received: BTreeMap::new(),
            seen: BTreeMap::new(),
            repeats: None,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        };
        (repair, requests)
    }

    /// Packets are repeated at the pace of a browser.
    pub fn with_repeats(self, repeats: Option<Repeats>) -> Self {
        Self { repeats, ..self }
    }

    /// Whether a packet is new, or may be repeated now.
    fn may_go(&mut self, now: Instant, packet: &rtp::Packet) -> bool {
        let Some(repeats) = &mut self.repeats else { return true };
        let (ssrc, sequence) = (packet.header.ssrc, packet.header.sequence_number);
        match (self.sent_rtx.get(&ssrc), packet.payload.split_first_chunk::<2>()) {
            (Some(_), Some((original, _))) => repeats.may(now, ssrc, u16::from_be_bytes(*original)),
            _ => repeats.is_first(ssrc, sequence) || repeats.may(now, ssrc, sequence),
        }
    }

    fn keyframe_requests(&self, packets: &[Box<dyn rtcp::Packet>]) {
        for packet in packets {
            let packet = packet.as_any();
            if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
                let _ = self.keyframes.try_send(pli.media_ssrc);
            } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
                for entry in &fir.fir {
                    let _ = self.keyframes.try_send(entry.ssrc);
                }
            }
        }
    }

    /// Learns from a media packet, completes an RTX packet.
    fn outgoing(&mut self, packet: &mut rtp::Packet) {
        let header = &mut packet.header;
        if let Some(stream) = self.sent.get_mut(&header.ssrc) {
            if stream.mid.is_none() {
                stream.mid = stream.mid_id.and_then(|id| header.get_extension(id));
            }
            if stream.rid.is_none() {
                stream.rid = stream.rid_id.and_then(|id| header.get_extension(id));
            }
            return;
        }
        let Some(stream) = self.sent_rtx.get(&header.ssrc).and_then(|media| self.sent.get(media)) else {
            return;
        };
        for (id, value) in [(stream.mid_id, &stream.mid), (stream.repaired_id, &stream.rid)] {
            if let (Some(id), Some(value)) = (id, value) {
                // Fails only for ids and sizes that no negotiation can have produced.
                let _ = header.set_extension(id, value.clone());
            }
        }
    }

    /// False if the packet carries nothing new: padding on the RTX stream, or what came already.
    fn incoming(&mut self, packet: &mut rtp::Packet) -> bool {
        let Some(original) = self.received.get(&packet.header.ssrc) else {
            if let Some(seen) = self.seen.get_mut(&packet.header.ssrc) {
                seen.is_new(packet.header.sequence_number);
            }
            return true;
        };
        let Some((sequence, _)) = packet.payload.split_first_chunk::<2>() else { return false };
        packet.header.sequence_number = u16::from_be_bytes(*sequence);
        packet.header.ssrc = original.ssrc;
        packet.header.payload_type = original.payload_type;
        packet.header.padding = false;
        packet.payload = packet.payload.slice(2..);
        self.seen.get_mut(&original.ssrc).is_none_or(|seen| seen.is_new(packet.header.sequence_number))
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for RtxRepair {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut msg: TaggedPacket) -> Result<(), Error> {
        let keep = match &mut msg.message.packet {
            Packet::Rtp(packet) => self.incoming(packet),
            Packet::Rtcp(packets) => {
                self.keyframe_requests(packets);
                true
            }
            _ => true,
        };
        if keep {
            self.reads.push_back(msg);
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, mut msg: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &mut msg.message.packet {
            if !self.may_go(msg.now, packet) {
                return Ok(());
            }
            self.outgoing(packet);
        }
        self.writes.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }
}

impl Interceptor for RtxRepair {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        let id = |uri: &str| {
            let extension = info.rtp_header_extensions.iter().find(|extension| extension.uri == uri)?;
            u8::try_from(extension.id).ok()
        };
        let sent = Sent {
            mid_id: id(SDES_MID_URI),
            rid_id: id(SDES_RTP_STREAM_ID_URI),
            repaired_id: id(SDES_REPAIR_RTP_STREAM_ID_URI),
            ..Sent::default()
        };
        self.sent.insert(info.ssrc, sent);
        if let Some(rtx) = info.ssrc_rtx {
            self.sent_rtx.insert(rtx, info.ssrc);
        }
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.sent.remove(&info.ssrc);
        self.sent_rtx.retain(|_, media| *media != info.ssrc);
    }

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if let Some(rtx) = info.ssrc_rtx {
            self.received.insert(rtx, Original { ssrc: info.ssrc, payload_type: info.payload_type });
            self.seen.insert(info.ssrc, Seen::default());
        }
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.received.retain(|_, original| original.ssrc != info.ssrc);
        self.seen.remove(&info.ssrc);
    }
}

#[cfg(test)]
mod tests {
    use rtc::{
        interceptor::{AttributedPacket, RTPHeaderExtension},
        shared::TransportContext,
    };

    use super::*;
    use crate::runtime::clock;

    fn info() -> StreamInfo {
        let extension = |uri: &str, id| RTPHeaderExtension { uri: uri.into(), id };
        StreamInfo {
            ssrc: 10,
            ssrc_rtx: Some(11),
            payload_type: 96,
            payload_type_rtx: Some(97),
            rtp_header_extensions: vec![
                extension(SDES_MID_URI, 1),
                extension(SDES_RTP_STREAM_ID_URI, 2),
                extension(SDES_REPAIR_RTP_STREAM_ID_URI, 3),
            ],
            ..StreamInfo::default()
        }
    }

    fn packet(ssrc: u32, extensions: &[(u8, &'static str)], payload: &'static [u8]) -> rtp::Packet {
        let mut header =
            rtp::Header { version: 2, ssrc, payload_type: 97, sequence_number: 5, ..Default::default() };
        for (id, value) in extensions {
            header.set_extension(*id, Bytes::from_static(value.as_bytes())).unwrap();
        }
        rtp::Packet { header, payload: Bytes::from_static(payload) }
    }

    fn tagged(packet: rtp::Packet) -> TaggedPacket {
        TaggedPacket {
            now: clock::now(),
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtp(packet)),
        }
    }

    fn rtp_of(tagged: Option<TaggedPacket>) -> rtp::Packet {
        match tagged.map(|tagged| tagged.message.packet) {
            Some(Packet::Rtp(packet)) => packet,
            other => panic!("no RTP packet: {other:?}"),
        }
    }

    #[test]
    fn sent_rtx_packets_name_the_line_and_the_layer_they_repair() {
        let mut repair = RtxRepair::new().0;
        repair.bind_local_stream(&info());
        repair.handle_write(tagged(packet(10, &[(1, "0"), (2, "h")], b"media"))).unwrap();
        repair.handle_write(tagged(packet(10, &[], b"media"))).unwrap();
        repair.handle_write(tagged(packet(11, &[], b"\0\x05media"))).unwrap();
        let _ = (repair.poll_write(), repair.poll_write());
        let rtx = rtp_of(repair.poll_write());
        assert_eq!(rtx.header.get_extension(1).as_deref(), Some(b"0".as_slice()));
        assert_eq!(rtx.header.get_extension(3).as_deref(), Some(b"h".as_slice()));
        assert_eq!(rtx.header.get_extension(2), None, "a repair stream has no rid of its own");
    }

    #[test]
    fn keyframe_requests_behind_an_empty_report_are_found() {
        let (mut repair, requests) = RtxRepair::new();
        let report = rtcp::receiver_report::ReceiverReport::default();
        let pli = PictureLossIndication { sender_ssrc: 1, media_ssrc: 10 };
        let mut compound = tagged(packet(0, &[], b""));
        compound.message.packet = Packet::Rtcp(vec![Box::new(report), Box::new(pli)]);
        repair.handle_read(compound).unwrap();
        assert_eq!(requests.try_iter().collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn received_rtx_packets_become_the_original_and_empty_ones_vanish() {
        let mut repair = RtxRepair::new().0;
        repair.bind_remote_stream(&info());
        repair.handle_read(tagged(packet(11, &[], b""))).unwrap();
        repair.handle_read(tagged(packet(11, &[], b"\x01\x02media"))).unwrap();
        let original = rtp_of(repair.poll_read());
        assert_eq!((original.header.ssrc, original.header.payload_type), (10, 96));
        assert_eq!((original.header.sequence_number, &original.payload[..]), (0x0102, b"media".as_slice()));
        assert!(repair.poll_read().is_none());
    }
}
