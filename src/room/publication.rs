//! A track in a room: its encodings and who receives it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arrayvec::ArrayVec;

use super::{
    ParticipantKey, SubscriptionKey,
    command::{Kind, Source},
    event::TrackInfo,
    relay::RelayedTrack,
};
use crate::{
    base::id::{ParticipantId, ShardId, TrackId},
    media::{history::History, ingest::Ingest, keyframe::KeyframeGate},
    proto::{
        codec::Codec,
        sdp::{MAX_LAYERS, OfferCodec, OfferSection},
    },
};

/// One simulcast layer (or the only stream) of a publication.
pub(super) struct Encoding {
    pub rid: Option<String>,
    /// Learned from the SDP or from the first packets.
    pub ssrc: Option<u32>,
    pub ingest: Ingest,
    pub history: History,
    pub gate: KeyframeGate,
    /// When somebody last wanted this layer.
    pub watched_at: Option<Instant>,
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
    pub h264_profile: Option<String>,
    /// Lowest layer first.
    pub encodings: ArrayVec<Encoding, MAX_LAYERS>,
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
}

/// SSRCs one publication may use: three layers with RTX, and restarts.
pub(super) const MAX_STREAMS: usize = 16;

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
        // At first everything counts as watched: the publisher sends all layers until it is told better.
        let encoding = |rid| Encoding { watched_at: Some(now), ..Encoding::new(now, codec, rid) };
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
            h264_profile: (codec == Codec::H264).then(|| new.codec.h264_profile().1.to_owned()),
            encodings,
            fan_out: Vec::new(),
            told_wanted: (0u8..).zip(&new.section.layers).map(|(layer, _)| layer).collect(),
            muted: new.muted,
            forced_mute: false,
            told_flowing: Vec::new(),
            streams: 0,
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
            h264_profile: track.h264_profile,
            encodings: (0..layers).map(|_| Encoding::new(now, track.codec, None)).collect(),
            fan_out: Vec::new(),
            told_wanted: Vec::new(),
            muted: track.muted,
            forced_mute: false,
            told_flowing: track.flowing,
            streams: 0,
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
            layers: u8::try_from(self.encodings.len()).unwrap_or(1),
        }
    }

    pub fn layer_of(&self, rid: &[u8]) -> Option<u8> {
        let position = self
            .encodings
            .iter()
            .position(|one| one.rid.as_deref().is_some_and(|own| own.as_bytes() == rid))?;
        u8::try_from(position).ok()
    }

    pub fn encoding(&self, layer: u8) -> Option<&Encoding> {
        self.encodings.get(usize::from(layer))
    }

    pub fn encoding_mut(&mut self, layer: u8) -> Option<&mut Encoding> {
        self.encodings.get_mut(usize::from(layer))
    }

    /// Layers that packets arrive on, or could be had from the publisher's shard.
    pub fn alive_layers(&self, now: Instant) -> Vec<u8> {
        if let Origin::Relay(_) = self.origin {
            return self.told_flowing.clone();
        }
        let layers = (0u8..).zip(&self.encodings);
        layers.filter(|(_, one)| one.ingest.is_alive(now)).map(|(layer, _)| layer).collect()
    }

    /// Whether a subscriber can be served from this layer now.
    pub fn flows(&self, now: Instant, layer: u8) -> bool {
        let newest = self.encodings.iter().filter_map(|one| one.ingest.last_packet()).max();
        self.encoding(layer).is_some_and(|one| one.ingest.keeps_up(now, newest))
    }

    pub fn flowing_layers(&self, now: Instant) -> impl DoubleEndedIterator<Item = u8> {
        let count = u8::try_from(self.encodings.len()).unwrap_or(u8::MAX);
        (0..count).filter(move |layer| self.flows(now, *layer))
    }

    /// Layers that other shards get.
    pub fn relayed_layers(&self) -> impl Iterator<Item = u8> {
        (0u8..).zip(&self.encodings).filter(|(_, one)| !one.relayed_to.is_empty()).map(|(layer, _)| layer)
    }

    /// What to have relayed for these wishes: what was wished, the best that flows instead while it does not, and
    /// the lowest layer, which costs little and is there at once when the others stop.
    pub fn needed_from_home(&self, wishes: impl Iterator<Item = u8>) -> Vec<u8> {
        let top = u8::try_from(self.encodings.len().saturating_sub(1)).unwrap_or(0);
        let mut needed = Vec::new();
        for wish in wishes.map(|wish| wish.min(top)) {
            let instead = self.told_flowing.iter().copied().filter(|layer| *layer <= wish).max();
            needed.extend([0, wish].into_iter().chain(instead));
        }
        needed
    }

    /// Notes that these layers are needed. Returns the layers to send, if they differ from what was last told.
    pub fn review_watched(&mut self, now: Instant, needed: &[u8]) -> Option<Vec<u8>> {
        let mut wanted = Vec::new();
        for (layer, encoding) in (0u8..).zip(&mut self.encodings) {
            if needed.contains(&layer) {
                encoding.watched_at = Some(now);
            }
            if encoding.is_watched(now) {
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
        let top = u8::try_from(self.encodings.len().saturating_sub(1)).unwrap_or(0);
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
            history: History::default(),
            gate: KeyframeGate::default(),
            watched_at: None,
            relayed_to: Vec::new(),
        }
    }

    /// Somebody wants it, or did lately.
    pub fn is_watched(&self, now: Instant) -> bool {
        self.watched_at.is_some_and(|last| now.saturating_duration_since(last) < UNWATCHED_AFTER)
    }
}
