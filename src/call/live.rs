//! A call while it lives, and its JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::model::{CallKind, CallMode, CallState, VoiceState};
use crate::base::{
    id::{CallId, ChannelId, LoginId, ParticipantId, SessionId, UserId},
    playout::PlayoutDelay,
    time::rfc3339,
};

/// Both clocks at one moment: deadlines are monotonic, rows and payloads carry wall time.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub instant: Instant,
    pub wall_ms: i64,
}

impl Now {
    pub fn wall_after(&self, wait: Duration) -> i64 {
        self.wall_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: UserId,
    pub username: String,
    pub name: String,
    /// As what of its sign-ins it acts.
    pub login: Option<LoginId>,
}

impl Person {
    /// `{id, username, name}`
    pub fn to_json(&self) -> Value {
        json!({"id": self.id, "username": self.username, "name": self.name})
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    Connecting,
    Connected,
    Interrupted,
}

impl Connection {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A phone that rings: one per user, however many devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    pub until: Instant,
    pub expires_at: i64,
    /// A device said that it shows the call.
    pub confirmed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveParticipant {
    pub id: ParticipantId,
    pub person: Person,
    pub session: SessionId,
    pub voice: VoiceState,
    pub connection: Connection,
    pub joined_at: i64,
    pub had_video: bool,
    pub had_screen: bool,
    /// The socket is lost; the stint ends at this time unless it comes back.
    pub leave_at: Option<Instant>,
    pub host_mute: Option<HostMute>,
    /// The media plane lets nothing of the microphone through until its owner says that it is on.
    pub force_muted: bool,
}

/// A microphone that was on was muted by a host, which can take it back for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMute {
    pub by: UserId,
    pub at: Instant,
}

impl LiveParticipant {
    /// `{userId, name, participantId, voiceState, connection, joinedAt}`
    pub fn to_json(&self) -> Value {
        json!({
            "userId": self.person.id, "name": self.person.name, "participantId": self.id,
            "voiceState": self.voice, "connection": self.connection.as_str(), "joinedAt": rfc3339(self.joined_at),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCall {
    pub id: CallId,
    pub channel: ChannelId,
    pub channel_kind: &'static str,
    pub channel_name: String,
    pub kind: CallKind,
    pub mode: CallMode,
    pub state: CallState,
    pub initiator: Person,
    pub started_at: i64,
    pub answered_at: Option<i64>,
    pub ends_at: Instant,
    /// As it was started with; `None` = as the server does.
    pub playout_delay: Option<PlayoutDelay>,
    /// Ring mode with one person left: when the call ends if nobody comes.
    pub alone_until: Option<Instant>,
    pub rings: BTreeMap<UserId, Ring>,
    pub participants: Vec<LiveParticipant>,
    /// Who wants to say something, the first one first: people, not devices.
    pub hands: Vec<UserId>,
    /// Nobody new comes in.
    pub locked: bool,
    /// Who was in it and was not removed: a locked call stays open to them.
    pub been: BTreeSet<UserId>,
    pub peak: u32,
    /// How those who were rung and are not any more answered.
    pub declined: u32,
    pub busy: u32,
    pub missed: u32,
}

impl LiveCall {
    /// `{callId, channelId, type, mode, state, initiatorId, initiatorName, startedAt, answeredAt, expiresAt,
    /// ringing[userIds], participants[], hands[userIds], locked, playoutDelay?}`
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "callId": self.id, "channelId": self.channel, "type": self.kind, "mode": self.mode, "state": self.state,
            "initiatorId": self.initiator.id, "initiatorName": self.initiator.name,
            "startedAt": rfc3339(self.started_at), "answeredAt": self.answered_at.map(rfc3339),
            "expiresAt": self.rings.values().map(|ring| ring.expires_at).max().map(rfc3339),
            "ringing": self.rings.keys().collect::<Vec<_>>(), "participants": self.participants_json(),
            "hands": self.hands, "locked": self.locked,
        });
        if let Some(delay) = self.playout_delay {
            json["playoutDelay"] = json!(delay);
        }
        json
    }

    pub fn participants_json(&self) -> Vec<Value> {
        self.participants.iter().map(LiveParticipant::to_json).collect()
    }

    pub fn in_session(&self, session: SessionId) -> Option<&LiveParticipant> {
        self.participants.iter().find(|p| p.session == session)
    }

    pub fn has_user(&self, user: UserId) -> bool {
        self.participants.iter().any(|p| p.person.id == user)
    }

    /// The people in the call, each once, sorted.
    pub fn users(&self) -> Vec<UserId> {
        let mut users: Vec<_> = self.participants.iter().map(|p| p.person.id).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// The moment this call next needs attention.
    pub fn next_timeout(&self) -> Option<Instant> {
        let rings = self.rings.values().map(|ring| ring.until);
        let lost = self.participants.iter().filter_map(|p| p.leave_at);
        let whole = self.alone_until.into_iter().chain([self.ends_at]);
        rings.chain(lost).chain(whole).min()
    }
}
