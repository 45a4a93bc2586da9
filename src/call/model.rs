//! Calls as rows and as JSON: states, reasons, stints, invites.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{
    id::{CallId, ChannelId, MessageId, ParticipantId, UserId},
    quality::{Issues, score_of},
    time::rfc3339,
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// `None` for a word that is not ours.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// What the initiator asked for; both kinds carry any media.
    #[derive(Default)]
    CallKind { #[default] Voice = "voice", Video = "video" }
}

words! {
    /// Ringing calls (`call:*`) and rooms one walks into (`voice:*`).
    CallMode { Ring = "ring", Room = "room" }
}

words! {
    /// protocol.md 5.6. The last six are final.
    CallState {
        Ringing = "ringing", Ongoing = "ongoing", Completed = "completed", Cancelled = "cancelled",
        Rejected = "rejected", Missed = "missed", Busy = "busy", Failed = "failed",
    }
}

impl CallState {
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Ringing | Self::Ongoing)
    }
}

words! {
    EndReason {
        LastLeft = "last_left", HostEnded = "host_ended", MaxDuration = "max_duration",
        AloneTimeout = "alone_timeout", NodeLost = "node_lost", Cancelled = "cancelled",
        Declined = "declined", Busy = "busy", NoAnswer = "no_answer", Failed = "failed",
        /// By an administrator of the server who need not be in it.
        AdminEnded = "admin_ended",
    }
}

words! {
    InviteOutcome {
        Ringing = "ringing", Accepted = "accepted", Declined = "declined", Missed = "missed",
        Busy = "busy", Cancelled = "cancelled",
    }
}

words! {
    /// Why a stint ended.
    LeaveReason {
        Left = "left", Disconnected = "disconnected", MediaLost = "media_lost", Kicked = "kicked",
        Replaced = "replaced", CallEnded = "call_ended", NodeLost = "node_lost",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoiceState {
    pub muted: bool,
    pub deafened: bool,
    pub video: bool,
    pub screen: bool,
    pub hand_raised: bool,
}

/// What a call leaves on its line in the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSummary {
    pub state: CallState,
    pub mode: CallMode,
    pub kind: CallKind,
    pub end_reason: Option<EndReason>,
    pub duration_ms: Option<i64>,
}

impl CallSummary {
    pub fn to_json(&self) -> Value {
        json!({
            "state": self.state, "mode": self.mode, "type": self.kind, "endReason": self.end_reason,
            "durationMs": self.duration_ms,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    pub id: CallId,
    pub channel: ChannelId,
    pub kind: CallKind,
    pub mode: CallMode,
    pub state: CallState,
    pub initiator: UserId,
    pub initiator_name: String,
    pub started_at: i64,
    pub answered_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub end_reason: Option<EndReason>,
    pub duration_ms: Option<i64>,
    pub peak_participants: u32,
    /// 0 to 100; `None` while it lives, and if nothing was measured.
    pub avg_quality: Option<u8>,
    /// Of anybody in it.
    pub network_issues: Issues,
    pub message: Option<MessageId>,
    pub stints: Vec<StintRecord>,
    pub invites: Vec<InviteRecord>,
}

impl CallRecord {
    /// `{id, channelId, type, mode, state, initiatorId, initiatorName, startedAt, answeredAt, endedAt, endReason,
    /// durationMs, peakParticipants, avgQuality, networkIssues, messageId, participants[stints], invites[]}`.
    /// `durationMs` runs from the answer (ring) or the start (room) to the end; null if never answered.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "channelId": self.channel, "type": self.kind, "mode": self.mode, "state": self.state,
            "initiatorId": self.initiator, "initiatorName": self.initiator_name,
            "startedAt": rfc3339(self.started_at), "answeredAt": self.answered_at.map(rfc3339),
            "endedAt": self.ended_at.map(rfc3339), "endReason": self.end_reason,
            "durationMs": self.duration_ms, "peakParticipants": self.peak_participants,
            "avgQuality": self.avg_quality, "networkIssues": self.network_issues.codes(),
            "messageId": self.message,
            "participants": self.stints.iter().map(StintRecord::to_json).collect::<Vec<_>>(),
            "invites": self.invites.iter().map(InviteRecord::to_json).collect::<Vec<_>>(),
        })
    }
}

/// One stay of one person in a call; leaving and coming back makes a second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StintRecord {
    pub participant: ParticipantId,
    pub user: UserId,
    pub name: String,
    pub session_no: u32,
    pub joined_at: i64,
    pub left_at: Option<i64>,
    pub leave_reason: Option<LeaveReason>,
    pub had_video: bool,
    pub had_screen: bool,
    pub quality: Option<StintQuality>,
}

impl StintRecord {
    /// `{participantId, userId, name, stint, joinedAt, leftAt, leaveReason, hadVideo, hadScreen, quality}`
    pub fn to_json(&self) -> Value {
        json!({
            "participantId": self.participant, "userId": self.user, "name": self.name,
            "stint": self.session_no, "joinedAt": rfc3339(self.joined_at),
            "leftAt": self.left_at.map(rfc3339), "leaveReason": self.leave_reason,
            "hadVideo": self.had_video, "hadScreen": self.had_screen,
            "quality": self.quality.as_ref().map(StintQuality::to_json),
        })
    }
}

/// Averages over a stay; a sample covers five seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StintQuality {
    pub samples: u32,
    pub mos_x100: u32,
    pub loss_ppm: u32,
    pub jitter_us: u32,
    pub rtt_us: Option<u32>,
    pub issues: Issues,
}

impl StintQuality {
    pub fn mos(&self) -> f64 {
        f64::from(self.mos_x100) / 100.0
    }

    /// 0 to 100.
    pub fn score(&self) -> u8 {
        #[expect(clippy::cast_possible_truncation, reason = "two digits after the point")]
        let mos = self.mos() as f32;
        score_of(mos)
    }

    /// `{score, mos, loss, jitter, rtt, issues}`, as `call:quality` has them.
    pub fn to_json(&self) -> Value {
        let millis = |micros: u32| f64::from(micros) / 1_000.0;
        json!({
            "score": self.score(), "mos": self.mos(), "loss": f64::from(self.loss_ppm) / 1_000_000.0,
            "jitter": millis(self.jitter_us), "rtt": self.rtt_us.map(millis), "issues": self.issues.codes(),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteRecord {
    pub user: UserId,
    pub name: String,
    pub outcome: InviteOutcome,
    pub at: i64,
}

impl InviteRecord {
    /// `{userId, name, outcome, at}`
    pub fn to_json(&self) -> Value {
        json!({"userId": self.user, "name": self.name, "outcome": self.outcome, "at": rfc3339(self.at)})
    }
}
