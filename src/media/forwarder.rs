//! Turns packets of a publication into one subscriber's stream: chooses the layer, keeps the stream continuous.
//!
//! Knows nothing of encryption or addresses. Sequence numbers stay dense over switches and pauses, because a
//! receiver that misses many of them loses the SRTP rollover counter (RFC 3711 3.3.1).

use std::time::{Duration, Instant};

use super::{
    packet::{Facts, MediaPacket},
    sent::{Sent, SentRing},
};
use crate::{
    base::seq::low16,
    proto::{
        codec::Codec,
        rtp::{ExtensionBlock, HeaderFields, write_header},
    },
};

#[cfg(test)]
mod tests;

/// Two pictures are at least this far apart after a switch, even if they arrive together.
const MIN_STEP: Duration = Duration::from_millis(10);
/// Bytes of retransmission granted at once; refilled at `RTX_SHARE` of what is sent.
const RTX_BURST: u64 = 64 * 1024;
/// One byte in five may be a repair (media-engine: at most 20 % of the target rate).
const RTX_SHARE: u64 = 5;

/// The most that RTP padding can be.
pub const PROBE_PADDING: usize = 255;
const FIXED_HEADER: usize = 12;
const PADDING_BIT: u8 = 0x20;

/// How the subscriber negotiated the stream; fixed for its life.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    pub codec: Codec,
    pub ssrc: u32,
    pub payload_type: u8,
    /// (SSRC, payload type) of RFC 4588 retransmission.
    pub rtx: Option<(u32, u8)>,
    pub mid: String,
    pub mid_ext: u8,
    pub audio_level_ext: u8,
    pub orientation_ext: u8,
    /// Carries the number under which the subscriber reports each packet's arrival.
    pub transport_cc_ext: u8,
}

/// Where a forwarded packet goes in the subscriber's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The layer it comes from.
    pub layer: u8,
    /// 48-bit SRTP index; its low half is the sequence number.
    pub index: u64,
    pub timestamp: u32,
    pub picture_id: u16,
    pub tl0_pic_idx: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Forward(Placement),
    Drop,
    /// Dropped, and the wanted layer can only start with a keyframe.
    NeedKeyframe,
}

/// A packet in a send slot, ready to be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub header_len: usize,
    pub len: usize,
    pub ssrc: u32,
    pub index: u64,
}

#[derive(Debug)]
pub struct Forwarder {
    config: StreamConfig,
    target: Option<u8>,
    current: Option<u8>,
    /// First sequence of the current layer that belongs to this stretch.
    base: u64,
    /// out = in + offset.
    offset: i64,
    next_index: u64,
    timestamp_offset: u32,
    last_timestamp: u32,
    last_sent_at: Option<Instant>,
    picture_offset: u16,
    last_picture: u16,
    tl0_offset: u8,
    last_tl0: u8,
    sent: SentRing,
    next_rtx_index: u64,
    rtx_budget: u64,
    packets: u32,
    octets: u32,
    extensions: ExtensionBlock,
}

impl Forwarder {
    /// `start` seeds the sequence numbers; kept below 2^15 so that no receiver guesses a rollover.
    pub fn new(config: StreamConfig, start: u16) -> Self {
        Self {
            config,
            target: None,
            current: None,
            base: 0,
            offset: 0,
            next_index: u64::from(start & 0x7FFF),
            timestamp_offset: 0,
            last_timestamp: 0,
            last_sent_at: None,
            picture_offset: 0,
            last_picture: start,
            tl0_offset: 0,
            last_tl0: 0,
            sent: SentRing::default(),
            next_rtx_index: u64::from(start >> 1),
            rtx_budget: RTX_BURST,
            packets: 0,
            octets: 0,
            extensions: ExtensionBlock::default(),
        }
    }

    pub fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// The layer to move to; `None` pauses at once.
    pub fn set_target(&mut self, target: Option<u8>) {
        self.target = target;
        if target.is_none() {
            self.current = None;
        }
    }

    pub fn target(&self) -> Option<u8> {
        self.target
    }

    pub fn current(&self) -> Option<u8> {
        self.current
    }

    /// The source stopped (muted, restarted): the next packet starts a new stretch.
    pub fn suspend(&mut self) {
        self.current = None;
    }

    /// Goes on with another track in the same stream: numbering continues, SSRC and mid stay.
    pub fn resume_with(&mut self, config: StreamConfig) {
        self.config = config;
        self.current = None;
        self.target = None;
        self.sent = SentRing::default();
    }

    /// Media packets and payload octets sent, as sender reports count them.
    pub fn sent_counts(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// Translates a timestamp of the current layer, for sender reports.
    pub fn translate_timestamp(&self, timestamp: u32) -> u32 {
        timestamp.wrapping_add(self.timestamp_offset)
    }

    pub fn decide(&mut self, now: Instant, layer: u8, packet: &MediaPacket<'_>) -> Verdict {
        if self.current != Some(layer) {
            if self.target != Some(layer) {
                return Verdict::Drop;
            }
            if self.config.codec.is_video() && !packet.facts.keyframe {
                return Verdict::NeedKeyframe;
            }
            self.begin(now, layer, packet);
        } else if packet.sequence < self.base {
            return Verdict::Drop; // late, from before the switch
        }
        let Some(index) = packet.sequence.checked_add_signed(self.offset) else { return Verdict::Drop };
        let placement = self.place(layer, index, &packet.facts);
        if index >= self.next_index {
            self.next_index = index + 1;
            self.last_timestamp = placement.timestamp;
            self.last_sent_at = Some(now);
            self.last_picture = placement.picture_id;
            self.last_tl0 = placement.tl0_pic_idx;
        }
        Verdict::Forward(placement)
    }

    /// Starts a stretch: everything continues where the last one ended.
    fn begin(&mut self, now: Instant, layer: u8, packet: &MediaPacket<'_>) {
        self.current = Some(layer);
        self.base = packet.sequence;
        self.offset = self.next_index.cast_signed().wrapping_sub(packet.sequence.cast_signed());
        let facts = &packet.facts;
        if let Some(last) = self.last_sent_at {
            let elapsed = now.saturating_duration_since(last).max(MIN_STEP);
            let ticks = elapsed.as_micros() * u128::from(self.config.codec.clock_rate()) / 1_000_000;
            #[expect(clippy::cast_possible_truncation, reason = "RTP time wraps by definition")]
            let timestamp = self.last_timestamp.wrapping_add(ticks as u32);
            self.timestamp_offset = timestamp.wrapping_sub(facts.timestamp);
        }
        if let Some(descriptor) = facts.vp8 {
            if let Some(picture) = descriptor.picture_id {
                self.picture_offset = self.last_picture.wrapping_add(1).wrapping_sub(picture.value);
            }
            if let Some(tl0) = descriptor.tl0_pic_idx {
                self.tl0_offset = self.last_tl0.wrapping_add(1).wrapping_sub(tl0);
            }
        }
    }

    fn place(&self, layer: u8, index: u64, facts: &Facts) -> Placement {
        let descriptor = facts.vp8.unwrap_or_default();
        let picture = descriptor.picture_id.map_or(0, |picture| picture.value);
        Placement {
            layer,
            index,
            timestamp: self.translate_timestamp(facts.timestamp),
            picture_id: picture.wrapping_add(self.picture_offset) & 0x7FFF,
            tl0_pic_idx: descriptor.tl0_pic_idx.unwrap_or(0).wrapping_add(self.tl0_offset),
        }
    }

    /// Length of the header that `write` will make.
    pub fn header_len(&self, facts: &Facts) -> usize {
        let element =
            |wanted: bool, id: u8, len: usize| if wanted && (1..=14).contains(&id) { 1 + len } else { 0 };
        let elements = element(!self.config.mid.is_empty(), self.config.mid_ext, self.config.mid.len())
            + element(facts.audio_level.is_some(), self.config.audio_level_ext, 1)
            + element(facts.orientation.is_some(), self.config.orientation_ext, 1)
            + element(true, self.config.transport_cc_ext, 2);
        FIXED_HEADER + if elements == 0 { 0 } else { 4 + elements.next_multiple_of(4) }
    }

    /// Whether packets may be padded: one that is retransmitted byte for byte must not differ from the first time
    /// (GCM must never seal two texts under one index).
    pub fn may_pad(&self) -> bool {
        !self.config.codec.is_video() || self.config.rtx.is_some()
    }

    /// Writes the packet with so many bytes of padding (at most 255) into `slot` and remembers it for
    /// retransmission. `None` if the slot is too short. `transport` is the packet's transport-wide number.
    pub fn write(
        &mut self,
        slot: &mut [u8],
        packet: &MediaPacket<'_>,
        at: Placement,
        padding: usize,
        transport: u16,
    ) -> Option<Written> {
        let mut written = self.write_media(slot, packet, at, transport)?;
        if padding > 0 {
            written.len = pad(slot, written.len, padding)?;
        }
        self.packets = self.packets.wrapping_add(1);
        let size = u32::try_from(packet.payload.len()).unwrap_or(0);
        self.octets = self.octets.wrapping_add(size);
        if self.config.codec.is_video() {
            self.rtx_budget = RTX_BURST.min(self.rtx_budget + u64::from(size) / RTX_SHARE);
            let sent = Sent::new(at.layer, at.timestamp, at.picture_id, at.tl0_pic_idx);
            self.sent.push(at.index, packet.sequence, sent);
        }
        Some(written)
    }

    /// What a NACK for `sequence` refers to: the layer and the rewritten fields.
    pub fn lookup(&self, sequence: u16) -> Option<Sent> {
        self.sent.get(sequence).copied()
    }

    /// Writes a retransmission of a packet found in the history. `None` if the budget is used up.
    ///
    /// Without RTX the packet is repeated byte for byte: its index must not be sealed with other bytes.
    pub fn write_repair(
        &mut self,
        slot: &mut [u8],
        sequence: u16,
        sent: &Sent,
        packet: &MediaPacket<'_>,
        transport: u16,
    ) -> Option<Written> {
        let size = packet.payload.len() as u64;
        self.rtx_budget = self.rtx_budget.checked_sub(size)?;
        self.repeat(slot, sequence, sent, packet, transport)
    }

    /// Sends a packet again, whatever the budget.
    fn repeat(
        &mut self,
        slot: &mut [u8],
        sequence: u16,
        sent: &Sent,
        packet: &MediaPacket<'_>,
        transport: u16,
    ) -> Option<Written> {
        let at = Placement {
            layer: sent.layer,
            index: self.index_near(sequence)?,
            timestamp: sent.timestamp,
            picture_id: sent.picture_id,
            tl0_pic_idx: sent.tl0_pic_idx,
        };
        let Some((ssrc, payload_type)) = self.config.rtx else {
            return self.write_media(slot, packet, at, transport);
        };
        let index = self.next_rtx_index;
        self.next_rtx_index += 1;
        let fields = HeaderFields {
            marker: packet.facts.marker,
            payload_type,
            sequence: low16(index),
            timestamp: at.timestamp,
            ssrc,
        };
        self.fill_extensions(&packet.facts, transport);
        let header_len = write_header(slot, &fields, &self.extensions)?;
        let body = slot.get_mut(header_len..)?;
        let (original, body) = body.split_first_chunk_mut::<2>()?;
        *original = sequence.to_be_bytes();
        let len = write_payload(body, packet, at)?;
        Some(Written { header_len, len: header_len + 2 + len, ssrc, index })
    }

    /// Writes a packet that only probes the path: the one sent `back` packets ago once more, if `history` still has it,
    /// else padding. Needs RTX, since a receiver must be able to tell it from media.
    pub fn write_probe<'a>(
        &mut self,
        slot: &mut [u8],
        back: u64,
        history: impl FnOnce(&Sent) -> Option<MediaPacket<'a>>,
        transport: u16,
    ) -> Option<Written> {
        let (ssrc, payload_type) = self.config.rtx?;
        let sequence = self.next_index.checked_sub(1 + back).map(low16);
        if let Some(sequence) = sequence
            && let Some(sent) = self.lookup(sequence)
            && let Some(packet) = history(&sent)
        {
            return self.repeat(slot, sequence, &sent, &packet, transport);
        }
        let index = self.next_rtx_index;
        self.next_rtx_index += 1;
        let timestamp = self.last_timestamp;
        let fields = HeaderFields { marker: false, payload_type, sequence: low16(index), timestamp, ssrc };
        self.fill_extensions(&Facts::default(), transport);
        let header_len = write_header(slot, &fields, &self.extensions)?;
        let len = pad(slot, header_len, PROBE_PADDING)?;
        Some(Written { header_len, len, ssrc, index })
    }

    /// Whether a receiver can tell probes from media, and reports them.
    pub fn may_probe(&self) -> bool {
        self.config.rtx.is_some() && self.config.transport_cc_ext != 0
    }

    fn write_media(
        &mut self,
        slot: &mut [u8],
        packet: &MediaPacket<'_>,
        at: Placement,
        transport: u16,
    ) -> Option<Written> {
        let fields = HeaderFields {
            marker: packet.facts.marker,
            payload_type: self.config.payload_type,
            sequence: low16(at.index),
            timestamp: at.timestamp,
            ssrc: self.config.ssrc,
        };
        self.fill_extensions(&packet.facts, transport);
        let header_len = write_header(slot, &fields, &self.extensions)?;
        let len = write_payload(slot.get_mut(header_len..)?, packet, at)?;
        Some(Written { header_len, len: header_len + len, ssrc: self.config.ssrc, index: at.index })
    }

    fn fill_extensions(&mut self, facts: &Facts, transport: u16) {
        self.extensions.clear();
        self.extensions.push(self.config.transport_cc_ext, &transport.to_be_bytes());
        self.extensions.push(self.config.mid_ext, self.config.mid.as_bytes());
        if let Some(level) = facts.audio_level {
            self.extensions.push(self.config.audio_level_ext, &[level]);
        }
        if let Some(orientation) = facts.orientation {
            self.extensions.push(self.config.orientation_ext, &[orientation]);
        }
    }

    fn index_near(&self, sequence: u16) -> Option<u64> {
        let reference = self.next_index.checked_sub(1)?;
        let delta = sequence.wrapping_sub(low16(reference)).cast_signed();
        reference.checked_add_signed(i64::from(delta))
    }

    pub fn allocated(&self) -> usize {
        self.sent.allocated()
    }
}

/// Appends RTP padding (RFC 3550 5.1) and returns the new length.
fn pad(slot: &mut [u8], len: usize, padding: usize) -> Option<usize> {
    let count = u8::try_from(padding).ok()?;
    let (last, zeros) = slot.get_mut(len..len + padding)?.split_last_mut()?;
    zeros.fill(0);
    *last = count;
    *slot.first_mut()? |= PADDING_BIT;
    Some(len + padding)
}

fn write_payload(out: &mut [u8], packet: &MediaPacket<'_>, at: Placement) -> Option<usize> {
    let out = out.get_mut(..packet.payload.len())?;
    out.copy_from_slice(packet.payload);
    if let Some(descriptor) = packet.facts.vp8 {
        descriptor.rewrite(out, at.picture_id, at.tl0_pic_idx);
    }
    Some(out.len())
}
