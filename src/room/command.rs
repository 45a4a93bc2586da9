//! What a front door may ask of a room.

use std::sync::Arc;

use crate::base::{
    id::{ParticipantId, TrackId},
    playout::PlayoutDelay,
};

/// What one participant may do with media; a narrowed copy of the token's grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaGrants {
    pub publish_microphone: bool,
    pub publish_camera: bool,
    pub publish_screen: bool,
    pub subscribe: bool,
}

impl MediaGrants {
    pub const ALL: Self =
        Self { publish_microphone: true, publish_camera: true, publish_screen: true, subscribe: true };

    pub fn allows(&self, source: Source) -> bool {
        match source {
            Source::Mic => self.publish_microphone,
            Source::Camera => self.publish_camera,
            Source::Screen | Source::ScreenAudio => self.publish_screen,
        }
    }
}

/// Where a track comes from. Each source of a participant is a publication of its own.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Mic,
    Camera,
    Screen,
    ScreenAudio,
}

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Audio,
    Video,
}

/// The client's statement of what it sends on an m-line of its offer. Lines without one are guessed
/// from their order: first audio is the microphone, first video the camera, second video the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendLine {
    pub mid: String,
    pub source: Source,
    pub muted: bool,
}

/// What a subscriber wishes for one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub track: TrackId,
    /// `None` pauses the track; otherwise the highest spatial layer wanted, 0 = lowest.
    pub layer: Option<u8>,
    /// Highest frame rate wanted; `None` = no limit.
    pub max_fps: Option<u8>,
    /// Who is served first when bandwidth is short; higher first.
    pub priority: u8,
}

/// How tracks reach a participant without an explicit `Command::Subscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoSubscribe {
    /// Audio at once, video at the lowest layer until a wish says otherwise (native door).
    Everything,
    /// Everything, at the highest layer, limited to the receive sections its first offer has (WHEP).
    FirstOffer,
    /// Publish only (WHIP).
    Nothing,
}

/// Addressed to one participant of one room.
#[derive(Debug, Clone)]
pub enum Command {
    /// Enter the room; creates it if needed. Answered by `Event::Joined`. All who enter a room say the same
    /// `playout_delay`, since each may be the first on its shard; `None` is the server's.
    Join { identity: Arc<str>, grants: MediaGrants, auto: AutoSubscribe, playout_delay: Option<PlayoutDelay> },
    /// SDP offer (≤ 256 KiB). Answered by `Event::Answer` or `Event::NegotiationFailed` with the same `gen`.
    Offer { sdp: String, generation: u64, lines: Vec<SendLine> },
    /// A trickled candidate of the client. ICE-lite learns addresses from checks, so this only validates.
    Candidate { candidate: String },
    /// Ask for layers, or pause and resume.
    Subscribe { wishes: Vec<Wish> },
    /// Tell others that a published source is muted or not. Media of a muted track is dropped here too.
    Mute { source: Source, muted: bool },
    /// A host silences a participant's source until the host or the session ends it.
    ForceMute { source: Source, muted: bool },
    /// The grants changed; publications that are no longer allowed end.
    UpdateGrants { grants: MediaGrants },
    /// Leave the room. Answered by `Event::Closed`.
    Leave,
}

/// A command with its address.
#[derive(Debug, Clone)]
pub struct Addressed {
    pub room: crate::base::id::RoomId,
    pub participant: ParticipantId,
    pub command: Command,
}
