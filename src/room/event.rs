//! What a room tells the front doors. Every event is addressed to one participant.

use std::sync::Arc;

use super::command::{Kind, Source};
use crate::base::{
    id::{ParticipantId, RoomId, TrackId},
    quality::Quality,
};

/// A publication as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    pub track: TrackId,
    pub participant: ParticipantId,
    pub identity: Arc<str>,
    pub kind: Kind,
    pub source: Source,
    pub muted: bool,
    /// Codec name as in the SDP: `opus`, `VP8`, `VP9`, `AV1`, `H264`.
    pub codec: &'static str,
    /// How many layers there are to choose from: of simulcast, or spatial layers seen so far in one stream.
    pub layers: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The participant asked to leave.
    Left,
    /// The media path was silent for the consent period (30 s), or never came up.
    ConsentExpired,
    /// The client closed the connection, as browsers do when a page goes or leaves a call.
    PeerClosed,
    /// DTLS or another part of the session failed for good.
    SessionFailed,
    /// The room was discarded after a panic inside it.
    RoomFailed,
    /// The server is shutting down.
    Draining,
}

#[derive(Debug, Clone)]
pub enum Event {
    /// The answer to `Join`: everything published so far.
    Joined {
        tracks: Vec<TrackInfo>,
    },
    Answer {
        generation: u64,
        sdp: String,
        mid_to_track: Vec<(String, TrackId)>,
    },
    NegotiationFailed {
        generation: u64,
        message: String,
    },
    /// The client should re-offer with so many more receive sections (0/0: just re-offer).
    Sections {
        audio: u16,
        video: u16,
    },
    TrackPublished(TrackInfo),
    TrackUnpublished {
        track: TrackId,
        participant: ParticipantId,
        identity: Arc<str>,
        kind: Kind,
        source: Source,
    },
    TrackMuted {
        track: TrackId,
        participant: ParticipantId,
        identity: Arc<str>,
        kind: Kind,
        source: Source,
        muted: bool,
    },
    /// To a subscriber: what it gets of a track. `current` is `None` while nothing is forwarded.
    Layers {
        track: TrackId,
        active: Vec<u8>,
        current: Option<u8>,
        paused: bool,
    },
    /// To a publisher: which layers somebody watches; the others need not be sent.
    Wanted {
        track: TrackId,
        source: Source,
        layers: Vec<u8>,
    },
    /// To a subscriber: it has no decoder for this track, so nothing of it will come.
    TrackUnsupported {
        track: TrackId,
        codec: &'static str,
    },
    /// To a publisher: somebody cannot decode this track; these codecs all of its subscribers could.
    CodecsWanted {
        track: TrackId,
        source: Source,
        codecs: Vec<&'static str>,
    },
    /// Who speaks, loudest first; level 0–127 where 127 is loudest.
    Speakers {
        speakers: Vec<(ParticipantId, Arc<str>, u8)>,
        /// Who has the floor, silent or not.
        dominant: Option<(ParticipantId, Arc<str>)>,
    },
    /// How good the participant's own connection is; every five seconds.
    Quality(Quality),
    /// ICE and DTLS are up: media can flow.
    Connected,
    /// No packet for 5 s; `Connected` follows if it recovers, `Closed` after 30 s.
    Interrupted,
    /// At once, in this order: the tracks of a part of the room that came or went.
    Several(Vec<Event>),
    /// The last event of a participant.
    Closed {
        reason: CloseReason,
    },
}

#[derive(Debug, Clone)]
pub struct AddressedEvent {
    pub room: RoomId,
    pub participant: ParticipantId,
    pub event: Event,
}
