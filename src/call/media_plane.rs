//! How the call service places people into media rooms, without knowing shards or sockets.

use crate::{
    auth::grants::Actor,
    base::{
        id::{CallId, ParticipantId},
        playout::PlayoutDelay,
    },
};

/// Implemented by the front doors over the media hub.
///
/// Media state comes back through `CallService::media_event`.
pub trait MediaPlane: Send + Sync {
    /// Creates the participant in the call's room. `actor.session` is where its `rtc:*` events go.
    /// `playout_delay` is the call's, if it has its own.
    fn join(
        &self,
        call: CallId,
        participant: ParticipantId,
        actor: &Actor,
        playout_delay: Option<PlayoutDelay>,
    ) -> Result<(), MediaUnavailable>;
    fn leave(&self, call: CallId, participant: ParticipantId);
    /// A host muted the participant's microphone.
    fn force_mute(&self, call: CallId, participant: ParticipantId, muted: bool);
    /// `voice:update`: what the participant says of its own sources.
    fn set_muted(&self, call: CallId, participant: ParticipantId, muted: bool);
}

/// No shard could take the participant: overloaded or draining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no media shard can take the participant")]
pub struct MediaUnavailable;

/// What the media plane reports about a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaState {
    /// ICE and DTLS are up.
    Connected,
    /// Silent for 5 s.
    Interrupted,
    /// Closed by the other end, which is how browsers hang up.
    HungUp,
    /// Gone for good (consent expired, session failed, room failed).
    Closed,
}
