//! A track in a room: its encodings and who receives it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arrayvec::ArrayVec;
use smallvec::SmallVec;

use super::{
    ParticipantKey, SubscriptionKey,
    command::{Kind, Source},
    event::TrackInfo,
    relay::RelayedTrack,
};
use crate::{
    base::id::{ParticipantId, ShardId, TrackId},
    media::{
        clock::CaptureClock,
        history::History,
        ingest::{Ingest, Totals},
        keyframe::KeyframeGate,
        layers::{LayerMeter, MAX_SPATIAL},
        packet::Facts,
        redundancy::Redundancy,
        steadiness::Steadiness,
    },
    proto::{
        codec::{Codec, av1},
        sdp::{MAX_LAYERS, OfferCodec, OfferSection},
    },
};

/// One simulcast layer (or the only stream, which may have spatial layers inside) of a publication.
pub(super) struct Encoding {
    pub rid: Option<String>,
    /// Learned from the SDP or from the first packets.
    pub ssrc: Option<u32>,
    pub ingest: Ingest,
    pub history: History,
    pub gate: KeyframeGate,
    pub layers: LayerMeter,
    /// The template structure that dependency descriptors refer to.
    pub structure: Option<Box<av1::Structure>>,
    pub redundancy: Redundancy,
    pub steadiness: Steadiness,
    pub capture: CaptureClock,
    /// When quality was last measured.
    pub sampled: Totals,
    /// Shards that get its packets.
    pub relayed_to: Vec<ShardId>,
}

/// Where a publication's packets come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From a session in this room.
    Local(ParticipantKey),
    /// From the part of the room on another shard, where its publisher is.
    Relay(ShardId),
}

pub(super) struct Publication {
    pub track: TrackId,
    pub origin: Origin,
    pub owner_id: ParticipantId,
    /// Of the owner.
    pub identity: Arc<str>,
    pub kind: Kind,
    pub source: Source,
    pub mid: String,
    pub codec: Codec,
    pub payload_type: u8,
    pub rtx_payload_type: Option<u8>,
    /// Payload type of Opus with redundancy, if that is what was asked for.
    pub red_payload_type: Option<u8>,
    /// Of codecs that decoders may support in part only.
    pub profile: Option<String>,
    /// Lowest layer first.
    pub encodings: ArrayVec<Encoding, MAX_LAYERS>,
    /// When somebody last wanted each layer.
    pub watched: [Option<Instant>; MAX_LAYERS],
    /// The codecs that the publisher was last told to choose from, because somebody cannot decode this one.
    pub told_codecs: Vec<Codec>,
    /// What everybody on another shard can decode, where somebody cannot decode this.
    pub decodable_elsewhere: Vec<(ShardId, Vec<Codec>)>,
    /// Subscriptions that have a forwarder.
    pub fan_out: Vec<SubscriptionKey>,
    /// The layers the publisher was last told to send; at first it sends all.
    pub told_wanted: Vec<u8>,
    pub muted: bool,
    pub forced_mute: bool,
    /// Layers that arrive where the publisher is: as last told to other shards, or as last told by its shard.
    pub told_flowing: Vec<u8>,
    /// SSRCs learned so far; bounded against floods.
    pub streams: usize,
    /// What reviews choose by, at the last of them.
    looks: Looks,
}

/// Layers as bits, and how often their clocks have broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Looks {
    flowing: u8,
    alive: u8,
    breaks: u32,
}

/// SSRCs one publication may use: three layers with RTX, and restarts.
pub(super) const MAX_STREAMS: usize = 16;

/// Highest layer inside a stream that is told apart.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const MAX_TOP: u8 = MAX_SPATIAL as u8 - 1;

/// Who publishes what.
pub(super) struct NewPublication<'a> {
    pub track: TrackId,
    pub owner: ParticipantKey,
    pub owner_id: ParticipantId,
    pub identity: Arc<str>,
    pub kind: Kind,
    pub source: Source,
    pub muted: bool,
    pub section: &'a OfferSection,
    pub codec: &'a OfferCodec,
}

impl Publication {
    pub fn new(now: Instant, new: &NewPublication<'_>) -> Self {
        let codec = new.codec.codec;
        let encoding = |rid| Encoding::new(now, codec, rid);
        let mut encodings: ArrayVec<_, MAX_LAYERS> = new
            .section
            .layers
            .iter()
            .take(MAX_LAYERS)
            .map(|layer| encoding(Some(layer.rid.clone())))
            .collect();
        if encodings.is_empty() {
            encodings.push(encoding(None));
        }
        Self {
            track: new.track,
            origin: Origin::Local(new.owner),
            owner_id: new.owner_id,
            identity: new.identity.clone(),
            kind: new.kind,
            source: new.source,
            mid: new.section.mid.clone(),
            codec,
            payload_type: new.codec.payload_type,
            rtx_payload_type: new.codec.rtx,
            red_payload_type: new.codec.red.filter(|_| new.source == Source::Mic),
            profile: new.codec.profile().map(str::to_owned),
            encodings,
            // At first everything counts as watched: the publisher sends all layers until it is told better.
            watched: [Some(now); MAX_LAYERS],
            told_codecs: Vec::new(),
            decodable_elsewhere: Vec::new(),
            fan_out: Vec::new(),
            told_wanted: (0u8..).zip(&new.section.layers).map(|(layer, _)| layer).collect(),
            muted: new.muted,
            forced_mute: false,
            told_flowing: Vec::new(),
            streams: 0,
            looks: Looks::default(),
        }
    }

    /// A track whose publisher is on another shard. Nothing of it arrives until somebody here wants it.
    pub fn relayed(now: Instant, from: ShardId, track: RelayedTrack) -> Self {
        let layers = usize::from(track.layers).clamp(1, MAX_LAYERS);
        Self {
            track: track.track,
            origin: Origin::Relay(from),
            owner_id: track.owner,
            identity: track.identity,
            kind: track.kind,
            source: track.source,
            mid: String::new(),
            codec: track.codec,
            payload_type: 0,
            rtx_payload_type: None,
            red_payload_type: None,
            profile: track.profile,
            watched: [None; MAX_LAYERS],
            told_codecs: Vec::new(),
            decodable_elsewhere: Vec::new(),
            encodings: (0..layers).map(|_| Encoding::new(now, track.codec, None)).collect(),
            fan_out: Vec::new(),
            told_wanted: Vec::new(),
            muted: track.muted,
            forced_mute: false,
            told_flowing: track.flowing,
            streams: 0,
            looks: Looks::default(),
        }
    }

    /// The publisher, if its session is here.
    pub fn owner(&self) -> Option<ParticipantKey> {
        match self.origin {
            Origin::Local(owner) => Some(owner),
            Origin::Relay(_) => None,
        }
    }

    pub fn is_muted(&self) -> bool {
        self.muted || self.forced_mute
    }

    pub fn info(&self) -> TrackInfo {
        TrackInfo {
            track: self.track,
            participant: self.owner_id,
            identity: self.identity.clone(),
            kind: self.kind,
            source: self.source,
            muted: self.is_muted(),
            codec: self.codec.name(),
            layers: self.layer_count(),
        }
    }

    /// Whether its layers are spatial layers of one stream rather than streams.
    pub fn is_svc(&self) -> bool {
        self.encodings.len() == 1 && self.codec.is_scalable()
    }

    /// How many layers there are to choose from. Those inside a stream are known once they were seen.
    pub fn layer_count(&self) -> u8 {
        match self.encodings.first() {
            Some(only) if self.is_svc() => only.layers.spatial_layers(),
            _ => u8::try_from(self.encodings.len()).unwrap_or(1).max(1),
        }
    }

    fn top_layer(&self) -> u8 {
        self.layer_count() - 1
    }

    /// The layer a packet of an encoding belongs to.
    pub fn layer_of_packet(&self, encoding: u8, facts: &Facts) -> u8 {
        if self.is_svc() { facts.layer().spatial.min(MAX_TOP) } else { encoding }
    }

    /// Whether packets of this type are its media, repairs of it, or redundant media.
    pub fn takes(&self, payload_type: u8) -> bool {
        self.payload_type == payload_type
            || [self.rtx_payload_type, self.red_payload_type].contains(&Some(payload_type))
    }

    pub fn layer_of(&self, rid: &[u8]) -> Option<u8> {
        let position = self
            .encodings
            .iter()
            .position(|one| one.rid.as_deref().is_some_and(|own| own.as_bytes() == rid))?;
        u8::try_from(position).ok()
    }

    /// The stream that a layer comes in.
    pub fn encoding(&self, layer: u8) -> Option<&Encoding> {
        let own = self.encodings.get(usize::from(layer));
        if own.is_none() && self.is_svc() { self.encodings.first() } else { own }
    }

    /// A layer's frame is complete.
    pub fn framed(&mut self, layer: u8) {
        if self.encodings.len() > 1 {
            let others =
                self.encodings.iter_mut().enumerate().filter(|(index, _)| *index != usize::from(layer));
            others.for_each(|(_, one)| one.ingest.overtake());
        }
    }

    pub fn encoding_mut(&mut self, layer: u8) -> Option<&mut Encoding> {
        let index = if self.is_svc() { 0 } else { usize::from(layer) };
        self.encodings.get_mut(index)
    }

    /// Bits per second of a layer without the temporal layers above `temporal`, and with the lower spatial layers if
    /// it needs them.
    pub fn bitrate_bps(&self, now: Instant, layer: u8, temporal: u8) -> u64 {
        let Some(encoding) = self.encoding(layer) else { return 0 };
        if !self.codec.is_video() {
            return encoding.ingest.bitrate_bps();
        }
        let spatial = if self.is_svc() { layer } else { u8::MAX };
        encoding.layers.bitrate_bps(now, spatial, temporal)
    }

    /// The highest temporal layer of a layer that keeps to a frame rate.
    pub fn temporal_for(&self, layer: u8, max_fps: Option<u8>) -> u8 {
        let encoding = max_fps.zip(self.encoding(layer));
        encoding.map_or(u8::MAX, |(fps, encoding)| encoding.layers.temporal_for(fps))
    }

    /// How many temporal layers a layer has, as far as was seen.
    pub fn temporal_layers(&self, layer: u8) -> u8 {
        self.encoding(layer).map_or(1, |encoding| encoding.layers.temporal_layers())
    }

    /// Layers that packets arrive on, or could be had from the publisher's shard.
    pub fn alive_layers(&self, now: Instant) -> SmallVec<[u8; 4]> {
        if let Origin::Relay(_) = self.origin {
            return SmallVec::from_slice(&self.told_flowing);
        }
        (0..self.layer_count()).filter(|layer| self.is_alive(now, *layer)).collect()
    }

    fn is_alive(&self, now: Instant, layer: u8) -> bool {
        let Some(encoding) = self.encoding(layer) else { return false };
        if !self.is_svc() {
            return encoding.ingest.is_alive(now);
        }
        Ingest::was_alive_at(now, encoding.layers.last_packet(layer))
    }

    /// Whether subscribers should be served from this layer now.
    pub fn flows(&self, now: Instant, layer: u8) -> bool {
        self.arrives(now, layer) && !self.is_avoided(now, layer)
    }

    /// Stopped too often lately. Layers inside a stream may: their viewers go on with the others at once.
    fn is_avoided(&self, now: Instant, layer: u8) -> bool {
        !self.is_svc() && self.encoding(layer).is_some_and(|one| one.steadiness.is_avoided(now))
    }

    /// Whether packets of this layer come, as new as those of the others.
    pub fn arrives(&self, now: Instant, layer: u8) -> bool {
        let newest = self.encodings.iter().filter_map(|one| one.ingest.last_packet()).max();
        let Some(encoding) = self.encoding(layer) else { return false };
        if !self.is_svc() {
            return encoding.ingest.keeps_up(now, newest);
        }
        let last = encoding.layers.last_packet(layer);
        Ingest::was_alive_at(now, last) && encoding.ingest.kept_up(last, newest)
    }

    pub fn flowing_layers(&self, now: Instant) -> impl DoubleEndedIterator<Item = u8> {
        (0..self.layer_count()).filter(move |layer| self.flows(now, *layer))
    }

    /// Layers that other shards get.
    pub fn relayed_layers(&self) -> impl Iterator<Item = u8> {
        (0..self.layer_count())
            .filter(|layer| self.encoding(*layer).is_some_and(|one| !one.relayed_to.is_empty()))
    }

    /// What to have relayed for these wishes: what was wished, the best that flows instead while it does not, and
    /// the lowest layer, which costs little and is there at once when the others stop.
    pub fn needed_from_home(&self, wishes: impl Iterator<Item = u8>) -> Vec<u8> {
        let top = self.top_layer();
        let mut needed = Vec::new();
        for wish in wishes.map(|wish| wish.min(top)) {
            let instead = self.told_flowing.iter().copied().filter(|layer| *layer <= wish).max();
            needed.extend([0, wish].into_iter().chain(instead));
        }
        needed
    }

    /// Notes which layers come and which stop.
    pub fn observe_layers(&mut self, now: Instant) {
        if self.is_svc() || self.encodings.len() < 2 || self.owner().is_none() {
            return;
        }
        let silent = self.is_muted();
        for layer in 0..self.layer_count() {
            let comes = self.arrives(now, layer);
            // If all stop, it is not this layer's fault.
            let others = (0..self.layer_count()).any(|other| other != layer && self.arrives(now, other));
            let missed = others && !silent && self.told_wanted.contains(&layer);
            let thin = comes && self.is_thin(now, layer);
            if let Some(encoding) = self.encoding_mut(layer) {
                encoding.steadiness.observe(now, comes, missed);
                if thin {
                    encoding.steadiness.fades(now);
                }
            }
        }
    }

    /// Whether something changed since the last review that its subscribers depend on. Never of voices.
    pub fn looks_different(&mut self, now: Instant) -> bool {
        if self.kind == Kind::Audio {
            return false;
        }
        let bits = |layers: &mut dyn Iterator<Item = u8>| {
            layers.fold(0, |bits, layer| bits | 1u8.checked_shl(layer.into()).unwrap_or(0))
        };
        let breaks = self.encodings.iter().map(|one| one.ingest.clock_breaks());
        let looks = Looks {
            flowing: bits(&mut self.flowing_layers(now)),
            alive: bits(&mut self.alive_layers(now).into_iter()),
            breaks: breaks.fold(0, u32::wrapping_add),
        };
        std::mem::replace(&mut self.looks, looks) != looks
    }

    /// Whether the publisher's path loses so much that its browser may stop a layer any time.
    fn is_lossy(&self, now: Instant) -> bool {
        self.encodings.iter().any(|one| one.ingest.repair_delay(now) > Duration::ZERO)
    }

    /// Of four times the pixels it has hardly more bits than the layer below: that is no better picture, and on a lossy
    /// path the last the browser does before it stops the layer.
    fn is_thin(&self, now: Instant, layer: u8) -> bool {
        let Some(below) = layer.checked_sub(1).filter(|below| self.arrives(now, *below)) else {
            return false;
        };
        let bps = |layer| self.encoding(layer).map_or(0, |one| one.ingest.bitrate_bps());
        self.is_lossy(now) && bps(layer) * 2 < bps(below) * 3
    }

    /// What the publisher should send for these wishes. While a layer does not come, those below it stand in: the
    /// next one is a better picture than the smallest, and may be all that the publisher ever sends. The lowest is
    /// always sent, so that a newcomer sees something. On a lossy path the layer below is kept ready.
    pub fn needed(&self, now: Instant, wishes: impl Iterator<Item = u8>) -> Vec<u8> {
        let top = self.top_layer();
        let enough = if self.is_lossy(now) { 2 } else { 1 };
        let mut needed = vec![0];
        for wish in wishes.map(|wish| wish.min(top)) {
            let mut expected = 0;
            for layer in (0..=wish).rev().filter(|layer| !self.is_avoided(now, *layer)) {
                if expected < enough {
                    needed.push(layer);
                }
                let comes = self.encoding(layer).is_none_or(|one| one.steadiness.is_expected(now));
                expected += u8::from(comes);
            }
        }
        needed
    }

    /// Notes that these layers are needed. Returns the layers to send, if they differ from what was last told.
    pub fn review_watched(&mut self, now: Instant, needed: &[u8]) -> Option<Vec<u8>> {
        let mut wanted = Vec::new();
        for layer in 0..self.layer_count() {
            let given_up = self.encoding(layer).is_some_and(|one| one.steadiness.is_given_up(now));
            let Some(watched) = self.watched.get_mut(usize::from(layer)) else { break };
            if needed.contains(&layer) {
                *watched = Some(now);
            } else if given_up {
                // The uplink it would take is better spent on the layer that stands in.
                *watched = None;
            }
            // Somebody wants it, or did lately.
            if watched.is_some_and(|last| now.saturating_duration_since(last) < UNWATCHED_AFTER) {
                wanted.push(layer);
            }
        }
        if wanted == self.told_wanted {
            return None;
        }
        self.told_wanted.clone_from(&wanted);
        Some(wanted)
    }

    /// The best layer for a wish: the highest flowing one not above it, else the lowest flowing one.
    pub fn layer_for(&self, now: Instant, wish: u8) -> u8 {
        let top = self.top_layer();
        self.flowing_layers(now)
            .rfind(|layer| *layer <= wish)
            .or_else(|| self.flowing_layers(now).next())
            .unwrap_or_else(|| wish.min(top))
    }
}

/// A layer nobody watches is switched off after this long; shorter, and flicking through views costs keyframes.
const UNWATCHED_AFTER: Duration = Duration::from_secs(5);

impl Encoding {
    fn new(now: Instant, codec: Codec, rid: Option<String>) -> Self {
        Self {
            rid,
            ssrc: None,
            ingest: Ingest::new(now, codec.clock_rate(), codec.is_video()),
            history: History::new(codec.is_video()),
            gate: KeyframeGate::default(),
            layers: LayerMeter::new(now),
            structure: None,
            redundancy: Redundancy::default(),
            steadiness: Steadiness::default(),
            capture: CaptureClock::default(),
            sampled: Totals::default(),
            relayed_to: Vec::new(),
        }
    }
}
