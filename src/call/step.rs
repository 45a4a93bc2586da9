//! The durable part of a transition: everything in one step commits together or not at all.

use super::model::{
    CallKind, CallMode, CallState, EndReason, InviteOutcome, LeaveReason, StintQuality, VoiceState,
};
use crate::base::{
    id::{CallId, ChannelId, MessageId, ParticipantId, UserId},
    origin::Origin,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStep {
    pub call: CallId,
    pub channel: ChannelId,
    /// Milliseconds since 1970.
    pub now: i64,
    /// Creates the call; `expect` is ignored.
    pub create: Option<NewCall>,
    /// The states the row must be in for the step to apply.
    pub expect: &'static [CallState],
    pub state: Option<CallState>,
    pub answered: bool,
    pub ended: Option<EndReason>,
    pub invites: Vec<(UserId, InviteOutcome)>,
    pub left: Vec<StintEnd>,
    pub joined: Vec<StintStart>,
    pub peak_participants: u32,
    /// With `ended`: leaves a line of type `call` in the channel, written by the initiator.
    pub message: Option<MessageId>,
    /// Leaves a line in the audit log.
    pub act: Option<CallAct>,
}

/// What an administrator does to a call that need not be its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAct {
    pub by: UserId,
    pub from: Origin,
    /// `noun.verb`
    pub action: &'static str,
    /// If it was about one of the people.
    pub user: Option<UserId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    pub kind: CallKind,
    pub mode: CallMode,
    pub state: CallState,
    pub initiator: UserId,
    /// Which process owns the call; filled in by the service.
    pub node: String,
    pub epoch: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StintStart {
    pub participant: ParticipantId,
    pub user: UserId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StintEnd {
    pub participant: ParticipantId,
    pub reason: LeaveReason,
    pub voice: VoiceState,
    pub had_video: bool,
    pub had_screen: bool,
    /// Filled in by the service.
    pub quality: Option<StintQuality>,
}

impl CallStep {
    pub fn new(call: CallId, channel: ChannelId, now: i64) -> Self {
        Self {
            call,
            channel,
            now,
            create: None,
            expect: &[CallState::Ringing, CallState::Ongoing],
            state: None,
            answered: false,
            ended: None,
            invites: Vec::new(),
            left: Vec::new(),
            joined: Vec::new(),
            peak_participants: 0,
            message: None,
            act: None,
        }
    }
}
