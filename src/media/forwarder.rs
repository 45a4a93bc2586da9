//! Turns packets of a publication into one subscriber's stream: chooses the layer, keeps the stream continuous.
//!
//! Knows nothing of encryption or addresses. Sequence numbers stay dense over switches and pauses, because a
//! receiver that misses many of them loses the SRTP rollover counter (RFC 3711 3.3.1).

use std::time::{Duration, Instant};

use self::filter::{Admission, LayerFilter, Numbers, Pass};
use super::{
    packet::{Descriptor, Facts, LayerId, MediaPacket},
    sent::SentRing,
};
use crate::{
    base::playout::PlayoutDelay,
    proto::{
        codec::{Codec, vp8, vp9},
        rtp::ExtensionBlock,
    },
};

mod filter;
#[cfg(test)]
mod tests;
mod write;

/// Two pictures are at least this far apart after a switch, even if they arrive together.
const MIN_STEP: Duration = Duration::from_millis(10);
/// A publisher's clock that is this far from the time that passed here has jumped, or its report was of another source.
const TRUST_SECONDS: u32 = 2;
/// Bytes of retransmission granted at once; refilled at `RTX_SHARE` of what is sent.
const RTX_BURST: u64 = 64 * 1024;

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
    pub playout_delay_ext: u8,
    pub capture_time_ext: u8,
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
    /// Highest temporal layer of the target, and of what is forwarded until the target begins.
    max_temporal: u8,
    meanwhile: u8,
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
    /// How long receivers are told to wait; `None` until there was a reason to say so.
    playout_delay: Option<PlayoutDelay>,
    /// Of the last packet; it begins with what all packets carry, in `common` bytes.
    extensions: ExtensionBlock,
    common: Option<usize>,
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
            meanwhile: u8::MAX,
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
            playout_delay: None,
            extensions: ExtensionBlock::default(),
            common: None,
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
            Some(_) => self.limit_filter(),
        }
    }

    /// The highest temporal layer to forward of the target, and of what is forwarded until the target begins;
    /// `u8::MAX` = all.
    pub fn set_max_temporal(&mut self, limit: u8, meanwhile: u8) {
        if (self.max_temporal, self.meanwhile) == (limit, meanwhile) {
            return;
        }
        (self.max_temporal, self.meanwhile) = (limit, meanwhile);
        if self.filter.is_none() {
            self.filter = filter_for(&self.config, limit.min(meanwhile));
            let newest =
                self.next_index.checked_sub(1).and_then(|last| last.checked_add_signed(-self.offset));
            if let (Some(filter), Some(newest), Some(_)) = (&mut self.filter, newest, self.current) {
                let picture = self.last_timestamp.wrapping_sub(self.timestamp_offset);
                let numbers = Numbers { offset: self.offset, picture: self.picture_offset };
                filter.join(self.base, numbers, newest, picture);
            }
        }
        self.limit_filter();
    }

    fn limit_filter(&mut self) {
        let Some(filter) = &mut self.filter else { return };
        // Where the layers share an encoding, the filter sees for itself whether it has reached the target.
        let arrived = self.config.svc || self.current.is_none() || self.current == self.target;
        filter.want_temporal(if arrived { self.max_temporal } else { self.meanwhile }, self.meanwhile);
    }

    /// How long the receiver should wait for what is missing before it shows a picture.
    pub fn set_playout_delay(&mut self, delay: PlayoutDelay) {
        if self.playout_delay.is_some() || delay != PlayoutDelay::default() {
            self.playout_delay = Some(delay);
            self.common = None;
        }
    }

    pub fn playout_delay(&self) -> PlayoutDelay {
        self.playout_delay.unwrap_or_default()
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

    /// The highest temporal layer of what is forwarded; `u8::MAX` = all.
    pub fn temporal(&self) -> u8 {
        self.filter.as_ref().and_then(|filter| filter.level()).map_or(u8::MAX, |level| level.temporal)
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
        self.common = None;
        self.current = None;
        self.target = None;
        (self.max_temporal, self.meanwhile) = (u8::MAX, u8::MAX);
        (self.mapped, self.aligned) = (None, None);
        self.sent = SentRing::new(self.config.codec.is_video());
    }

    /// Media packets and payload octets sent, as sender reports count them.
    pub fn sent_counts(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// Whether what is forwarded of a layer began with this packet.
    pub fn began_with(&self, layer: u8, sequence: u64) -> bool {
        self.current == Some(layer) && self.base == sequence
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
        self.limit_filter();
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

    pub fn allocated(&self) -> usize {
        self.sent.allocated() + self.filter.as_ref().map_or(0, |filter| filter.allocated())
    }
}

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
