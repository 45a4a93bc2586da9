//! Writes the packets of a subscriber's stream: media, repairs, probes.

use arrayvec::ArrayVec;

use super::{Forwarder, Placement, RTX_BURST, Written, unpack};
use crate::{
    base::{playout, seq::low16},
    media::{
        packet::{Descriptor, Facts, MediaPacket},
        sent::Sent,
    },
    proto::{
        codec::{av1, red},
        ext::CaptureTime,
        rtp::{HeaderFields, write_header},
    },
};

/// One repair for two bytes of media: at 20 % loss on both sides of the server a subscriber misses every third packet.
/// With less, a picture stands still for want of one packet. That a path has room for it is the pacer's concern.
const RTX_SHARE: u64 = 2;
/// The most that RTP padding can be.
const PROBE_PADDING: usize = 255;
const FIXED_HEADER: usize = 12;
const PADDING_BIT: u8 = 0x20;
/// Longest element of the one-byte form (RFC 8285 4.2).
const MAX_SHORT: usize = 16;

impl Forwarder {
    /// Length of the header that `write` will make.
    pub fn header_len(&self, packet: &MediaPacket<'_>, at: Placement) -> usize {
        let facts = &packet.facts;
        let mut dependencies = 0;
        if self.config.dependency_ext != 0 {
            dependencies = self.dependencies(packet, at).map_or(0, |one| one.len());
        }
        let prefix = if dependencies > MAX_SHORT { 2 } else { 1 };
        let element = |wanted: bool, id: u8, len: usize| {
            if wanted && (1..=14).contains(&id) { prefix + len } else { 0 }
        };
        let elements = element(!self.config.mid.is_empty(), self.config.mid_ext, self.config.mid.len())
            + element(facts.audio_level.is_some(), self.config.audio_level_ext, 1)
            + element(facts.orientation.is_some(), self.config.orientation_ext, 1)
            + element(true, self.config.transport_cc_ext, 2)
            + element(self.playout_delay.is_some(), self.config.playout_delay_ext, playout::WIRE_LEN)
            + element(facts.captured.is_some(), self.config.capture_time_ext, CaptureTime::LEN)
            + element(dependencies > 0, self.config.dependency_ext, dependencies);
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
        self.rtx_budget = RTX_BURST.min(self.rtx_budget + u64::from(size) / RTX_SHARE);
        if self.config.codec.is_video() && !at.blank {
            self.sent.push(at.index, packet.sequence, Sent::new(&at));
        }
        Some(written)
    }

    /// Remembers how an audio packet was written, for `write_repair`. Not to be called for packets that the history
    /// may come to hold with other bytes.
    pub fn remember_audio(&mut self, at: &Placement, source: u64, padding: usize, transport: u16) {
        let Ok(padding) = u8::try_from(padding) else { return };
        let written = Placement { picture_id: transport, tl0_pic_idx: padding, ..*at };
        self.sent.push(at.index, source, Sent::new(&written));
    }

    /// Whether repairs are packets of their own, with a transport-wide number.
    pub fn repairs_are_new(&self) -> bool {
        self.config.rtx.is_some()
    }

    /// Whether there is budget to spare, so that a repair sent twice leaves enough for those that are asked for.
    pub fn may_repair_twice(&self) -> bool {
        self.rtx_budget > RTX_BURST / 2
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
            marker: sent.marker,
            blank: false,
        };
        let Some((ssrc, payload_type)) = self.config.rtx else {
            return self.write_again(slot, sent, packet, at);
        };
        let index = self.next_rtx_index;
        self.next_rtx_index += 1;
        let fields = HeaderFields {
            marker: at.marker,
            payload_type,
            sequence: low16(index),
            timestamp: at.timestamp,
            ssrc,
        };
        self.fill_extensions(&packet.facts, transport);
        if self.config.dependency_ext != 0 {
            self.fill_dependencies(packet, at);
        }
        let header_len = write_header(slot, &fields, &self.extensions)?;
        let body = slot.get_mut(header_len..)?;
        let (original, body) = body.split_first_chunk_mut::<2>()?;
        *original = sequence.to_be_bytes();
        let len = write_payload(body, packet, at)?;
        Some(Written { header_len, len: header_len + 2 + len, ssrc, index })
    }

    /// The same bytes once more.
    fn write_again(
        &mut self,
        slot: &mut [u8],
        sent: &Sent,
        packet: &MediaPacket<'_>,
        at: Placement,
    ) -> Option<Written> {
        if self.config.codec.is_video() {
            return self.write_media(slot, packet, at, 0); // without RTX it is neither numbered nor padded
        }
        let mut packet = *packet;
        if matches!(packet.facts.descriptor, Descriptor::Red) && self.config.red.is_none() {
            packet.payload = red::primary(packet.payload)?;
        }
        let mut written = self.write_media(slot, &packet, at, sent.transport())?;
        let padding = usize::from(sent.tl0_pic_idx);
        if padding > 0 {
            written.len = pad(slot, written.len, padding)?;
        }
        Some(written)
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
        let payload_type = match (&packet.facts.descriptor, self.config.red) {
            (Descriptor::Red, Some(red)) => red,
            _ => self.config.payload_type,
        };
        let fields = HeaderFields {
            marker: at.marker,
            payload_type,
            sequence: low16(at.index),
            timestamp: at.timestamp,
            ssrc: self.config.ssrc,
        };
        self.fill_extensions(&packet.facts, transport);
        if self.config.dependency_ext != 0 {
            self.fill_dependencies(packet, at);
        }
        let header_len = write_header(slot, &fields, &self.extensions)?;
        let len = write_payload(slot.get_mut(header_len..)?, packet, at)?;
        Some(Written { header_len, len: header_len + len, ssrc: self.config.ssrc, index: at.index })
    }

    fn fill_extensions(&mut self, facts: &Facts, transport: u16) {
        match self.common {
            Some(common) if self.extensions.rewind(common) => {
                if self.config.transport_cc_ext != 0 {
                    self.extensions.set_first(transport.to_be_bytes());
                }
            }
            _ => self.common = Some(self.fill_common(transport)),
        }
        if let Some(level) = facts.audio_level {
            self.extensions.push(self.config.audio_level_ext, &[level]);
        }
        if let Some(orientation) = facts.orientation {
            self.extensions.push(self.config.orientation_ext, &[orientation]);
        }
        // As the publisher said it, also of its clock's offset: the sender reports that go with it are by that clock.
        if let Some(captured) = facts.captured {
            self.extensions.push(self.config.capture_time_ext, &captured.to_bytes());
        }
    }

    /// Elements that differ between packets in the transport-wide number at most, which comes first.
    fn fill_common(&mut self, transport: u16) -> usize {
        self.extensions.clear();
        self.extensions.push(self.config.transport_cc_ext, &transport.to_be_bytes());
        self.extensions.push(self.config.mid_ext, self.config.mid.as_bytes());
        if let Some(delay) = self.playout_delay {
            self.extensions.push(self.config.playout_delay_ext, &delay.to_wire());
        }
        self.extensions.elements_len()
    }

    fn fill_dependencies(&mut self, packet: &MediaPacket<'_>, at: Placement) {
        if let Some(dependencies) = self.dependencies(packet, at) {
            self.extensions.push(self.config.dependency_ext, &dependencies);
        }
    }

    /// The dependency descriptor as this subscriber gets it: in its numbering, and saying on the first packet of a
    /// frame which decode targets are left if some are not.
    fn dependencies(
        &self,
        packet: &MediaPacket<'_>,
        at: Placement,
    ) -> Option<ArrayVec<u8, { av1::MAX_DESCRIPTOR }>> {
        if packet.dependencies.is_empty() || at.blank {
            return None;
        }
        let Descriptor::Av1(frame) = &packet.facts.descriptor else { return None };
        // Without RTX a packet is repeated byte for byte, also when the structure has changed since.
        let filter = self.filter.as_deref().filter(|_| frame.begins_frame && self.config.rtx.is_some());
        let active = filter.and_then(|filter| filter.targets(unpack(at.tl0_pic_idx)));
        let rewritten = av1::rewrite(packet.dependencies, at.picture_id, active)
            .or_else(|| av1::rewrite(packet.dependencies, at.picture_id, None))?;
        (rewritten.len() <= MAX_SHORT || self.config.long_extensions).then_some(rewritten)
    }

    fn index_near(&self, sequence: u16) -> Option<u64> {
        let reference = self.next_index.checked_sub(1)?;
        let delta = sequence.wrapping_sub(low16(reference)).cast_signed();
        reference.checked_add_signed(i64::from(delta))
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
    if at.blank {
        return Some(0);
    }
    let out = out.get_mut(..packet.payload.len())?;
    out.copy_from_slice(packet.payload);
    match &packet.facts.descriptor {
        Descriptor::Vp8(descriptor) => descriptor.rewrite(out, at.picture_id, at.tl0_pic_idx),
        Descriptor::Vp9(descriptor) => descriptor.rewrite(out, at.picture_id, at.tl0_pic_idx),
        Descriptor::None | Descriptor::Av1(_) | Descriptor::Red => {}
    }
    Some(out.len())
}
