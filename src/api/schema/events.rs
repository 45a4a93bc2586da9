//! The payload of every event. One line of `EVENTS` makes an event part of the documents.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator};

use super::{
    answers::{Notify, Of, OneChannel, OneMessage, Pong},
    objects::{
        CallSummary, Channel, Connection, IceServer, Knocking, LiveCall, Member, Message, Participant,
        Person, Presence, Report, Scheduled, Settings, SharedChannel, ThreadSummary, Time, Track, User,
    },
};
use crate::{
    base::id::{CallId, ChannelId, MessageId, ParticipantId, SessionId, TrackId, UserId},
    call::model::{CallKind, CallState, EndReason, LeaveReason, VoiceState},
    chat::{
        command::{DeclineReason, ReactAction},
        model::ChannelKind,
    },
    room::command::Source,
};

/// Whether an event is numbered and replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Reliable,
    /// May be dropped for who reads too slowly.
    Ephemeral,
    /// Depends on who gets it.
    Either,
}

#[derive(Debug)]
pub struct EventType {
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    pub delivery: Delivery,
    pub payload: Of,
}

const fn event<T: JsonSchema>(name: &'static str, delivery: Delivery, summary: &'static str) -> EventType {
    EventType { name, summary, delivery, payload: SchemaGenerator::subschema_for::<T> }
}

const fn reliable<T: JsonSchema>(name: &'static str, summary: &'static str) -> EventType {
    event::<T>(name, Delivery::Reliable, summary)
}

const fn ephemeral<T: JsonSchema>(name: &'static str, summary: &'static str) -> EventType {
    event::<T>(name, Delivery::Ephemeral, summary)
}

/// Every event that a session can get.
pub static EVENTS: &[EventType] = &[
    // The session
    ephemeral::<Ready>("session:ready", "A new session and what it needs to begin"),
    ephemeral::<Resumed>("session:resumed", "The session goes on; what was missed came before this"),
    ephemeral::<Invalid>("session:invalid", "Why the socket is about to be closed"),
    ephemeral::<Drain>("session:drain", "The server shuts down: come back after the delay"),
    ephemeral::<Failure>("error", "What was sent without an id failed"),
    ephemeral::<Pong>("pong", "The answer to a ping without an id"),
    // Channels
    reliable::<OneChannel>("channel:created", "One is a member of a channel now"),
    reliable::<ChannelUpdated>("channel:updated", "A channel's settings changed"),
    reliable::<ChannelCleared>("channel:cleared", "Messages have lost what they said: sync"),
    reliable::<MemberChange>("channel:member_joined", "Somebody was added"),
    reliable::<MemberChange>("channel:member_updated", "A member's role or time-out changed"),
    reliable::<MemberLeft>("channel:member_left", "Somebody is not a member any more"),
    reliable::<MembersChanged>("channel:members_changed", "Many came, left or have another role: ask again"),
    reliable::<Notify>("channel:notify_set", "I changed what I want to be told"),
    // Messages
    reliable::<MessageNew>("message:new", "A message was written"),
    reliable::<MessageEdited>("message:edited", "A message was changed"),
    reliable::<MessageDeleted>("message:deleted", "A message was deleted"),
    reliable::<MessageReaction>("message:reaction", "A reaction was added or taken back"),
    reliable::<MessagePinned>("message:pinned", "A message was pinned, or not any more"),
    reliable::<MessageMention>("message:mention", "I was mentioned"),
    event::<ReadReceipt>("message:read_receipt", Delivery::Either, "Somebody has read up to there"),
    reliable::<NotificationNew>("notification:new", "Something is for me in particular"),
    reliable::<NotificationBadge>("notification:badge", "How much waits for me"),
    reliable::<ThreadFollowed>("thread:followed", "I follow a thread, or not any more"),
    reliable::<ScheduleChanged>(
        "schedule:changed",
        "A message of mine that waits was made, changed, sent, or failed",
    ),
    // Guests
    reliable::<Knocking>("invite:knock", "A guest waits to be let in"),
    reliable::<KnockOver>("invite:knock_over", "A guest waits no more"),
    reliable::<Admitted>("invite:admitted", "I was let in"),
    // Soft state
    ephemeral::<TypingStart>("typing:user_start", "Somebody types"),
    ephemeral::<TypingStop>("typing:user_stop", "Somebody does not type any more"),
    ephemeral::<Vec<Presence>>("presence:changed", "Presence of people changed"),
    // People and moderation
    reliable::<OfUser>("user:blocked", "I block somebody"),
    reliable::<OfUser>("user:unblocked", "I block somebody no more"),
    reliable::<Settings>("user:settings", "What I show of myself is different"),
    reliable::<OneReport>("moderation:report", "Somebody reported a message"),
    reliable::<UserKicked>("moderation:user_kicked", "A member was removed"),
    reliable::<Kicked>("moderation:kicked", "I was removed"),
    reliable::<UserBanned>("moderation:user_banned", "Somebody was banned"),
    reliable::<Banned>("moderation:banned", "I was banned"),
    // Calls
    reliable::<CallIncoming>("call:incoming", "A call rings for me"),
    reliable::<CallStarted>("call:started", "A call began in a channel"),
    reliable::<CallRinging>("call:ringing", "A device of somebody rings"),
    reliable::<CallAccepted>("call:accepted", "Somebody answered"),
    reliable::<CallDeclined>("call:declined", "Somebody declined"),
    reliable::<CallCancelled>("call:cancelled", "It does not ring any more"),
    reliable::<CallMissed>("call:missed", "I missed a call"),
    reliable::<CallUnanswered>("call:unanswered", "Somebody did not answer in time"),
    reliable::<ParticipantJoined>("call:participant_joined", "Somebody is in the call"),
    reliable::<ParticipantLeft>("call:participant_left", "Somebody left the call"),
    reliable::<ParticipantJoined>("voice:user_joined", "Somebody walked into the room"),
    reliable::<ParticipantLeft>("voice:user_left", "Somebody left the room"),
    reliable::<VoiceStateUpdate>("voice:state_update", "What of somebody's media is on, and its connection"),
    reliable::<CallMuted>("call:muted", "A host muted somebody, or has taken that back"),
    reliable::<UnmuteAsked>("call:unmute_asked", "A host asks me to switch the microphone on"),
    reliable::<CallHands>("call:hands", "Who has a hand up"),
    reliable::<CallLocked>("call:locked", "A call lets nobody new in, or everybody again"),
    ephemeral::<CallReactions>("call:reactions", "What people of a call show"),
    reliable::<CallEnded>("call:ended", "A call is over"),
    ephemeral::<Speakers>("call:speakers", "Who speaks"),
    ephemeral::<CallQuality>("call:quality", "How good the connections are"),
    // Media
    reliable::<RtcAnswer>("rtc:answer", "The answer to an offer"),
    reliable::<RtcSections>("rtc:sections", "Offer again with so many more sections to receive"),
    reliable::<Track>("rtc:track", "A track of somebody came, went or was muted"),
    reliable::<TrackUnsupported>("rtc:track_unsupported", "A track that this device cannot decode"),
    reliable::<RtcCodecs>("rtc:codecs", "Codecs that everybody can decode"),
    event::<RtcLayers>("rtc:layers", Delivery::Either, "Layers that come, or that are wanted"),
    reliable::<RtcState>("rtc:state", "The state of the media connection"),
];

pub fn find(name: &str) -> Option<&'static EventType> {
    EVENTS.iter().find(|event| event.name == name)
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    pub session_id: SessionId,
    pub resumed: bool,
    pub user: User,
    /// ms between two pings of the client.
    pub heartbeat: u64,
    pub limits: Limits,
    pub ice_servers: Vec<IceServer>,
    pub ice_servers_ttl: u64,
    pub channels: Vec<Channel>,
    pub presence: Vec<Presence>,
    pub settings: Settings,
    pub active_calls: Vec<LiveCall>,
    pub server_time: Time,
    pub expires_at: Time,
    /// Of a guest who has not been let in yet.
    #[schemars(skip_serializing_if = "absent")]
    pub lobby: InLobby,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InLobby {
    Waiting,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnockOver {
    pub channel_id: ChannelId,
    pub user_id: UserId,
    pub outcome: KnockOutcome,
    /// Who decided.
    pub by: Option<UserId>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KnockOutcome {
    Admitted,
    Refused,
    /// Its page was closed.
    Left,
    /// Nobody decided for ten minutes.
    Unanswered,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Admitted {
    pub channel_id: ChannelId,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Bytes.
    pub frame: u64,
    pub rtc_frame: u64,
    pub message_chars: u64,
    /// Frames that wait for a slow client.
    pub queue: u64,
    pub resume_ms: u64,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resumed {
    pub session_id: SessionId,
    /// How many frames came before.
    pub replayed: u64,
    pub server_time: Time,
    pub expires_at: Time,
}

#[derive(Debug, JsonSchema)]
pub struct Invalid {
    pub code: String,
    pub message: String,
}

#[derive(Debug, JsonSchema)]
pub struct Drain {
    /// ms
    pub delay: u64,
}

/// An error object, and for a failed negotiation which.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    #[serde(flatten)]
    pub error: super::ErrorObject,
    #[schemars(skip_serializing_if = "absent")]
    pub call_id: CallId,
    #[schemars(skip_serializing_if = "absent", rename = "gen")]
    pub generation: u64,
}

#[derive(Debug, JsonSchema)]
pub struct ChannelUpdated {
    pub channel: SharedChannel,
    pub rev: u64,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelCleared {
    pub channel_id: ChannelId,
    /// That of the tombstones.
    pub rev: u64,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberChange {
    pub channel_id: ChannelId,
    pub member: Member,
    pub rev: u64,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberLeft {
    pub channel_id: ChannelId,
    pub user_id: UserId,
    pub by: UserId,
    pub rev: u64,
    pub left_at: Option<Time>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembersChanged {
    pub channel_id: ChannelId,
    pub joined: u32,
    pub left: u32,
    pub changed: u32,
    pub rev: u64,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageNew {
    pub channel_id: ChannelId,
    pub message: Message,
    /// Of the root, for a reply.
    pub thread: Option<ThreadSummary>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageEdited {
    pub channel_id: ChannelId,
    #[serde(flatten)]
    pub edited: OneMessage,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageDeleted {
    pub channel_id: ChannelId,
    pub thread_id: Option<MessageId>,
    pub message_id: MessageId,
    pub seq: u64,
    pub rev: u64,
    pub by: Option<UserId>,
    pub thread: Option<ThreadSummary>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageReaction {
    pub channel_id: ChannelId,
    pub message_id: MessageId,
    pub emoji: String,
    pub user_id: UserId,
    pub action: ReactAction,
    pub count: u32,
    pub rev: u64,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagePinned {
    pub channel_id: ChannelId,
    pub message_id: MessageId,
    pub is_pinned: bool,
    pub by: UserId,
    pub pinned_at: Option<Time>,
    pub rev: u64,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageMention {
    pub message_id: MessageId,
    pub channel_id: ChannelId,
    pub thread_id: Option<MessageId>,
    pub sender_id: UserId,
    pub sender_name: String,
    pub excerpt: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    Mention,
    /// In a direct conversation.
    Direct,
    /// A reply in a thread that one follows.
    Thread,
    MissedCall,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationNew {
    pub kind: NotificationKind,
    pub channel_id: ChannelId,
    pub message_id: Option<MessageId>,
    pub thread_id: Option<MessageId>,
    pub call_id: Option<CallId>,
    pub sender_id: UserId,
    pub sender_name: String,
    pub excerpt: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationBadge {
    /// Messages of direct conversations, and mentions elsewhere.
    pub unread_total: u32,
    pub mentions: u32,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadReceipt {
    pub channel_id: ChannelId,
    pub thread_id: Option<MessageId>,
    pub user_id: UserId,
    pub seq: u64,
    pub at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThreadFollowed {
    pub channel_id: ChannelId,
    pub thread_id: MessageId,
    pub following: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleChanged {
    pub channel_id: ChannelId,
    pub scheduled: Scheduled,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypingStart {
    pub channel_id: ChannelId,
    pub thread_id: Option<MessageId>,
    pub user_id: UserId,
    pub username: String,
    pub name: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypingStop {
    pub channel_id: ChannelId,
    pub user_id: UserId,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfUser {
    pub user_id: UserId,
}

#[derive(Debug, JsonSchema)]
pub struct OneReport {
    pub report: Report,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserKicked {
    pub channel_id: ChannelId,
    pub user_id: UserId,
    pub by: UserId,
    pub reason: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kicked {
    pub channel_id: ChannelId,
    pub reason: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserBanned {
    pub user_id: UserId,
    pub until: Option<Time>,
}

#[derive(Debug, JsonSchema)]
pub struct Banned {
    pub reason: String,
    pub until: Option<Time>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallIncoming {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub channel_kind: ChannelKind,
    pub channel_name: String,
    #[serde(rename = "type")]
    pub kind: CallKind,
    pub initiator: Person,
    pub expires_at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallStarted {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub call: LiveCall,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallRinging {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub user_id: UserId,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallAccepted {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub user_id: UserId,
    pub participant_id: ParticipantId,
    pub answered_at: Option<Time>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallDeclined {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub user_id: UserId,
    pub reason: DeclineReason,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallCancelled {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub reason: EndReason,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallMissed {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub from: Person,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallUnanswered {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub user_id: UserId,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantJoined {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub participant: Participant,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantLeft {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub user_id: UserId,
    pub participant_id: ParticipantId,
    pub reason: LeaveReason,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoiceStateUpdate {
    pub channel_id: ChannelId,
    pub call_id: CallId,
    pub user_id: UserId,
    pub participant_id: ParticipantId,
    pub voice_state: VoiceState,
    pub connection: Connection,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallMuted {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub participant_id: ParticipantId,
    pub user_id: UserId,
    pub by: UserId,
    /// `false`: the host takes it back; whoever has wanted to be heard is heard again.
    pub muted: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmuteAsked {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub by: Person,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallHands {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    /// The first one first.
    pub hands: Vec<UserId>,
    /// Who raised or lowered one; nobody, if somebody with a hand up has left.
    pub by: Option<UserId>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallLocked {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub locked: bool,
    pub by: UserId,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallReactions {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub reactions: Vec<ShownReaction>,
    /// How many came besides.
    pub more: u32,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownReaction {
    pub user_id: UserId,
    pub emoji: String,
    pub count: u32,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallEnded {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub reason: EndReason,
    pub state: CallState,
    pub duration_ms: Option<u64>,
    pub summary: CallSummary,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Speakers {
    pub call_id: CallId,
    pub speakers: Vec<Speaker>,
    /// Who has the floor.
    pub dominant: Option<Somebody>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Speaker {
    pub user_id: UserId,
    pub participant_id: ParticipantId,
    #[schemars(range(max = 127))]
    pub level: u8,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Somebody {
    pub user_id: UserId,
    pub participant_id: ParticipantId,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallQuality {
    pub call_id: CallId,
    pub participants: Vec<Quality>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    pub user_id: UserId,
    pub participant_id: ParticipantId,
    #[serde(flatten)]
    pub values: super::objects::StintQuality,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RtcAnswer {
    pub call_id: CallId,
    pub sdp: String,
    #[serde(rename = "gen")]
    pub generation: u64,
    pub mid_to_track: BTreeMap<String, TrackId>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RtcSections {
    pub call_id: CallId,
    pub audio: u32,
    pub video: u32,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrackUnsupported {
    pub call_id: CallId,
    pub track_id: TrackId,
    pub codec: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RtcCodecs {
    pub call_id: CallId,
    pub track_id: TrackId,
    pub source: Source,
    pub codecs: Vec<String>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum RtcLayers {
    Coming(LayersComing),
    Wanted(LayersWanted),
}

/// To a subscriber.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayersComing {
    pub call_id: CallId,
    pub track_id: TrackId,
    pub active: Vec<u8>,
    pub current: Option<u8>,
    pub paused: bool,
}

/// To the publisher: only these need to be sent.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayersWanted {
    pub call_id: CallId,
    pub track_id: TrackId,
    pub source: Source,
    pub wanted: Vec<u8>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MediaState {
    Connected,
    Interrupted,
    Closed,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RtcState {
    pub call_id: CallId,
    /// Whose: a session that comes back at once may still be told of the seat it had.
    pub participant_id: ParticipantId,
    pub state: MediaState,
    /// Why it was closed.
    #[schemars(skip_serializing_if = "absent")]
    pub reason: String,
}
