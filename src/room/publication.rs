//! A track in a room: its encodings and who receives it.

use std::{sync::Arc, time::Instant};

use arrayvec::ArrayVec;

use super::{
    ParticipantKey, SubscriptionKey,
    command::{Kind, Source},
    event::TrackInfo,
};
use crate::{
    base::id::{ParticipantId, TrackId},
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
    pub watched_at: Instant,
}

pub(super) struct Publication {
    pub track: TrackId,
    pub owner: ParticipantKey,
    pub owner_id: ParticipantId,
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
    pub kind: Kind,
    pub source: Source,
    pub muted: bool,
    pub section: &'a OfferSection,
    pub codec: &'a OfferCodec,
}

impl Publication {
    pub fn new(now: Instant, new: &NewPublication<'_>) -> Self {
        let codec = new.codec.codec;
        let encoding = |rid: Option<String>| Encoding {
            rid,
            ssrc: None,
            ingest: Ingest::new(now, codec.clock_rate(), codec.is_video()),
            history: History::default(),
            gate: KeyframeGate::default(),
            watched_at: now,
        };
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
            owner: new.owner,
            owner_id: new.owner_id,
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
            streams: 0,
        }
    }

    pub fn is_muted(&self) -> bool {
        self.muted || self.forced_mute
    }

    pub fn info(&self, identity: Arc<str>) -> TrackInfo {
        TrackInfo {
            track: self.track,
            participant: self.owner_id,
            identity,
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

    /// Layers that packets arrive on.
    pub fn alive_layers(&self, now: Instant) -> impl Iterator<Item = u8> {
        (0u8..).zip(&self.encodings).filter(move |(_, one)| one.ingest.is_alive(now)).map(|(layer, _)| layer)
    }

    /// Whether a subscriber can be served from this layer now.
    pub fn flows(&self, now: Instant, layer: u8) -> bool {
        let newest = self.encodings.iter().filter_map(|one| one.ingest.last_packet()).max();
        self.encoding(layer).is_some_and(|one| one.ingest.keeps_up(now, newest))
    }

    fn flowing_layers(&self, now: Instant) -> impl DoubleEndedIterator<Item = u8> {
        let count = u8::try_from(self.encodings.len()).unwrap_or(u8::MAX);
        (0..count).filter(move |layer| self.flows(now, *layer))
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
