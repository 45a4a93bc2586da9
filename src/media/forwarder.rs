//! Turns packets of a publication into one subscriber's stream: chooses the layer, keeps the stream continuous.
//!
//! Knows nothing of encryption or addresses. Sequence numbers stay dense over switches and pauses, because a
//! receiver that misses many of them loses the SRTP rollover counter (RFC 3711 3.3.1).

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use self::filter::{Admission, LayerFilter, Numbers, Pass};
use super::{
    packet::{Descriptor, Facts, LayerId, MediaPacket},
    sent::{Sent, SentRing},
};
use crate::{
    base::seq::low16,
    proto::{
        codec::{Codec, av1, red, vp8, vp9},
        rtp::{ExtensionBlock, HeaderFields, write_header},
    },
};

mod filter;
#[cfg(test)]
mod tests;

/// Two pictures are at least this far apart after a switch, even if they arrive together.
const MIN_STEP: Duration = Duration::from_millis(10);
/// A publisher's clock that is this far from the time that passed here has jumped, or its report was of another source.
const TRUST_SECONDS: u32 = 2;
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
    /// The publication has one encoding, whose spatial layers are the layers to choose from.
    pub svc: bool,
    pub ssrc: u32,
    pub payload_type: u8,
    /// Of Opus with redundancy (RFC 2198), if the subscriber takes it.
    pub red: Option<u8>,
    /// (SSRC, payload type) of RFC 4588 retransmission.
    pub rtx: Option<(u32, u8)>,
    pub mid: String,
    pub mid_ext: u8,
    pub audio_level_ext: u8,
    pub orientation_ext: u8,
    /// Carries the number under which the subscriber reports each packet's arrival.
    pub transport_cc_ext: u8,
    pub dependency_ext: u8,
    /// `a=extmap-allow-mixed`: extensions may be longer than 16 bytes.
    pub long_extensions: bool,
}

/// Where a forwarded packet goes in the subscriber's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The encoding it comes from.
    pub layer: u8,
    /// 48-bit SRTP index; its low half is the sequence number.
    pub index: u64,
    pub timestamp: u32,
    /// With AV1 the frame number.
    pub picture_id: u16,
    /// With AV1 the level that decode targets are limited to, packed.
    pub tl0_pic_idx: u8,
    /// The last packet of its picture, as this subscriber gets it.
    pub marker: bool,
    /// Only a number that must not be missing: no payload is sent.
    pub blank: bool,
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
    max_temporal: u8,
    /// The encoding that is forwarded.
    current: Option<u8>,
    /// Set where layers of one encoding may be left out.
    filter: Option<Box<LayerFilter>>,
    /// First sequence of the current layer that belongs to this stretch.
    base: u64,
    /// out = in + offset.
    offset: i64,
    next_index: u64,
    timestamp_offset: u32,
    /// The layer that `timestamp_offset` is for, kept over pauses.
    mapped: Option<u8>,
    /// The offset that keeps the time of capture over the next switch, if it is known.
    aligned: Option<u32>,
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
        let video = config.codec.is_video();
        Self {
            filter: filter_for(&config, u8::MAX),
            config,
            target: None,
            max_temporal: u8::MAX,
            current: None,
            base: 0,
            offset: 0,
            next_index: u64::from(start & 0x7FFF),
            timestamp_offset: 0,
            mapped: None,
            aligned: None,
            last_timestamp: 0,
            last_sent_at: None,
            picture_offset: 0,
            last_picture: start,
            tl0_offset: 0,
            last_tl0: 0,
            sent: SentRing::new(video),
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
        match target {
            None => self.current = None,
            Some(layer) if self.config.svc => {
                if let Some(filter) = &mut self.filter {
                    filter.want_spatial(layer);
                }
            }
            Some(_) => {}
        }
    }

    /// The highest temporal layer to forward; `u8::MAX` = all.
    pub fn set_max_temporal(&mut self, limit: u8) {
        if self.max_temporal == limit {
            return;
        }
        self.max_temporal = limit;
        if let Some(filter) = &mut self.filter {
            filter.want_temporal(limit);
            return;
        }
        self.filter = filter_for(&self.config, limit);
        let newest = self.next_index.checked_sub(1).and_then(|last| last.checked_add_signed(-self.offset));
        if let (Some(filter), Some(newest), Some(_)) = (&mut self.filter, newest, self.current) {
            let picture = self.last_timestamp.wrapping_sub(self.timestamp_offset);
            let numbers = Numbers { offset: self.offset, picture: self.picture_offset };
            filter.join(self.base, numbers, newest, picture);
        }
    }

    pub fn target(&self) -> Option<u8> {
        self.target
    }

    pub fn max_temporal(&self) -> u8 {
        self.max_temporal
    }

    /// The layer that is forwarded.
    pub fn current(&self) -> Option<u8> {
        match &self.filter {
            Some(filter) if self.config.svc => self.current.and(filter.level()).map(|level| level.spatial),
            _ => self.current,
        }
    }

    /// The encoding that is forwarded; spatial layers of one encoding share it.
    pub fn encoding(&self) -> Option<u8> {
        self.current
    }

    /// The target can only be reached with a keyframe.
    pub fn awaits_keyframe(&self) -> bool {
        match (self.target, self.current()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(target), Some(current)) if self.config.svc => current < target,
            (Some(target), Some(current)) => current != target,
        }
    }

    /// The source stopped (muted, restarted): the next packet starts a new stretch.
    pub fn suspend(&mut self) {
        self.current = None;
    }

    /// Goes on with another track in the same stream: numbering continues, SSRC and mid stay.
    pub fn resume_with(&mut self, config: StreamConfig) {
        self.filter = filter_for(&config, u8::MAX);
        self.config = config;
        self.current = None;
        self.target = None;
        self.max_temporal = u8::MAX;
        (self.mapped, self.aligned) = (None, None);
        self.sent = SentRing::new(self.config.codec.is_video());
    }

    /// Media packets and payload octets sent, as sender reports count them.
    pub fn sent_counts(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// How timestamps of which layer become those of the subscriber's stream; `None` before the first packet.
    pub fn mapping(&self) -> Option<(u8, u32)> {
        self.mapped.map(|layer| (layer, self.timestamp_offset))
    }

    /// The offset to go on with when the target layer begins. Without, time goes on as it passed here, which
    /// moves the picture against its sound by what the packets of the two layers differ in delay.
    pub fn align(&mut self, offset: Option<u32>) {
        self.aligned = offset;
    }

    /// Packets were left out: the stream goes on with this one, without a gap in its numbers. Its clock ran on.
    pub fn skip_to(&mut self, sequence: u64) {
        if self.current.is_some() {
            self.base = sequence;
            self.offset = self.next_index.cast_signed().wrapping_sub(sequence.cast_signed());
        }
    }

    /// Translates a timestamp of the current layer, for sender reports.
    pub fn translate_timestamp(&self, timestamp: u32) -> u32 {
        timestamp.wrapping_add(self.timestamp_offset)
    }

    /// `layer` is the encoding the packet belongs to.
    pub fn decide(&mut self, now: Instant, layer: u8, packet: &MediaPacket<'_>) -> Verdict {
        if self.current != Some(layer) {
            if self.target != Some(layer) && !(self.config.svc && self.target.is_some()) {
                return Verdict::Drop;
            }
            if self.config.codec.is_video() && !packet.facts.keyframe {
                return Verdict::NeedKeyframe;
            }
            self.begin(now, layer, packet);
        } else if packet.sequence < self.base {
            return Verdict::Drop; // late, from before the switch
        }
        if self.filter.is_some() {
            return self.decide_layered(now, layer, packet);
        }
        let Some(index) = packet.sequence.checked_add_signed(self.offset) else { return Verdict::Drop };
        let placement = self.place(layer, index, &packet.facts);
        self.advance(now, &placement);
        Verdict::Forward(placement)
    }

    /// As `decide`, where layers of the encoding may be left out.
    fn decide_layered(&mut self, now: Instant, layer: u8, packet: &MediaPacket<'_>) -> Verdict {
        let Some(filter) = &mut self.filter else { return Verdict::Drop };
        let Pass { numbers, level, blank } = match filter.admit(packet) {
            Admission::Pass(pass) => pass,
            Admission::Drop => return Verdict::Drop,
            Admission::NeedKeyframe => return Verdict::NeedKeyframe,
        };
        let Some(index) = packet.sequence.checked_add_signed(numbers.offset) else { return Verdict::Drop };
        let facts = &packet.facts;
        let mut placement = self.place(layer, index, facts);
        let top = self.config.svc && facts.ends_frame() && facts.layer().spatial == level.spatial;
        placement.marker = (facts.marker || top) && !blank;
        placement.blank = blank;
        match &facts.descriptor {
            Descriptor::Vp8(_) => {
                placement.picture_id = facts.picture().wrapping_add(numbers.picture) & 0x7FFF
            }
            Descriptor::Av1(_) => placement.tl0_pic_idx = pack(level),
            _ => {}
        }
        self.advance(now, &placement);
        Verdict::Forward(placement)
    }

    fn advance(&mut self, now: Instant, placement: &Placement) {
        if placement.index >= self.next_index {
            self.next_index = placement.index + 1;
            self.last_timestamp = placement.timestamp;
            self.last_sent_at = Some(now);
            self.last_picture = placement.picture_id;
            self.last_tl0 = placement.tl0_pic_idx;
        }
    }

    /// Starts a stretch: everything continues where the last one ended.
    fn begin(&mut self, now: Instant, layer: u8, packet: &MediaPacket<'_>) {
        self.current = Some(layer);
        self.base = packet.sequence;
        self.offset = self.next_index.cast_signed().wrapping_sub(packet.sequence.cast_signed());
        let facts = &packet.facts;
        if let Some(last) = self.last_sent_at {
            let elapsed = now.saturating_duration_since(last).max(MIN_STEP);
            let rate = self.config.codec.clock_rate();
            let ticks = elapsed.as_micros() * u128::from(rate) / 1_000_000;
            #[expect(clippy::cast_possible_truncation, reason = "RTP time wraps by definition")]
            let passed = self.last_timestamp.wrapping_add(ticks as u32);
            let aligned = self.aligned.take().map(|offset| facts.timestamp.wrapping_add(offset));
            let timestamp =
                aligned.filter(|one| apart(*one, passed) <= rate * TRUST_SECONDS).map_or(passed, |one| {
                    // Of one picture in two layers the second is a picture of its own: time must not stand still.
                    if one.wrapping_sub(self.last_timestamp).cast_signed() > 0 {
                        one
                    } else {
                        self.last_timestamp.wrapping_add(1)
                    }
                });
            self.timestamp_offset = timestamp.wrapping_sub(facts.timestamp);
        }
        self.mapped = Some(layer);
        self.picture_offset = self.last_picture.wrapping_add(1).wrapping_sub(facts.picture());
        self.tl0_offset = self.last_tl0.wrapping_add(1).wrapping_sub(facts.tl0_pic_idx());
        if let Some(filter) = &mut self.filter {
            let numbers = Numbers { offset: self.offset, picture: self.picture_offset };
            filter.begin(packet.sequence, numbers);
        }
    }

    fn place(&self, layer: u8, index: u64, facts: &Facts) -> Placement {
        // Spelled out, since it is done for every packet of every subscriber.
        let (mut picture, mut tl0_pic_idx, mut bits) = (0u16, 0u8, 0x7FFF);
        match &facts.descriptor {
            Descriptor::Vp8(vp8::Descriptor { picture_id, tl0_pic_idx: tl0, .. })
            | Descriptor::Vp9(vp9::Descriptor { picture_id, tl0_pic_idx: tl0, .. }) => {
                if let Some(one) = picture_id {
                    picture = one.value;
                }
                if let Some(one) = tl0 {
                    tl0_pic_idx = *one;
                }
            }
            Descriptor::Av1(one) => (picture, bits) = (one.number, 0xFFFF),
            Descriptor::None | Descriptor::Red => {}
        }
        Placement {
            layer,
            index,
            timestamp: self.translate_timestamp(facts.timestamp),
            picture_id: picture.wrapping_add(self.picture_offset) & bits,
            tl0_pic_idx: tl0_pic_idx.wrapping_add(self.tl0_offset),
            marker: facts.marker,
            blank: false,
        }
    }

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
        let mut written = self.write_media(slot, &packet, at, sent.picture_id)?;
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

    pub fn allocated(&self) -> usize {
        self.sent.allocated() + self.filter.as_ref().map_or(0, |filter| filter.allocated())
    }
}

/// Longest element of the one-byte form (RFC 8285 4.2).
const MAX_SHORT: usize = 16;

fn filter_for(config: &StreamConfig, max_temporal: u8) -> Option<Box<LayerFilter>> {
    let layered = config.svc || (max_temporal != u8::MAX && config.codec.has_temporal_layers());
    layered.then(|| Box::new(LayerFilter::new(LayerId { spatial: u8::MAX, temporal: max_temporal })))
}

/// A level in one byte; more than 15 layers are all layers.
fn pack(level: LayerId) -> u8 {
    level.spatial.min(15) << 4 | level.temporal.min(15)
}

fn unpack(level: u8) -> LayerId {
    LayerId { spatial: level >> 4, temporal: level & 0x0F }
}

fn apart(one: u32, other: u32) -> u32 {
    one.wrapping_sub(other).cast_signed().unsigned_abs()
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
