//! Answers to administrators about what the server does at the moment.

use schemars::JsonSchema;

use super::objects::{Connection, StintQuality, Time};
use crate::{
    base::id::{CallId, ChannelId, ParticipantId, UserId},
    call::model::{CallKind, CallMode, CallState, VoiceState},
    chat::model::ChannelKind,
};

/// The server in numbers.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    pub version: String,
    pub started_at: Time,
    /// People with an open connection, each once.
    pub people: u32,
    /// Their connections.
    pub connections: u32,
    pub calls: u32,
    /// Those of them that nobody has answered yet.
    pub ringing: u32,
    /// People in calls, each once.
    pub people_in_calls: u32,
    /// Share of all cores, 0 to 1; `null` in the first answer after a while, since it takes two readings.
    pub cpu: Option<f64>,
    pub cores: u32,
    /// Resident bytes of the process.
    pub memory: Option<u64>,
    /// Media from people, bit/s; `null` as `cpu`.
    pub received_bitrate: Option<u64>,
    /// Media to people, bit/s; `null` as `cpu`.
    pub sent_bitrate: Option<u64>,
}

/// How the server is set up. Nothing of it can be changed while it runs.
#[derive(Debug, JsonSchema)]
pub struct Policy {
    #[schemars(length(max = 64))]
    pub settings: Vec<PolicySetting>,
}

#[derive(Debug, JsonSchema)]
pub struct PolicySetting {
    /// As in the file of the configuration, such as `auth.token_ttl`.
    pub name: String,
    pub value: PolicyValue,
    /// It is not what it is by default.
    pub changed: bool,
}

/// Times as in the file (`45s`, `30d`); of lists how long they are.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum PolicyValue {
    Flag(bool),
    Number(u64),
    Text(String),
}

/// A live call, without what is said in it.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningCall {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub channel_kind: ChannelKind,
    /// `null` for a direct conversation: whose it is is told to nobody else.
    pub channel_name: Option<String>,
    #[serde(rename = "type")]
    pub kind: CallKind,
    pub mode: CallMode,
    pub state: CallState,
    pub started_at: Time,
    /// Each once, however many devices.
    pub people: u32,
    /// For whom it rings.
    pub ringing: u32,
    /// That are on.
    pub microphones: u32,
    pub cameras: u32,
    pub screens: u32,
    /// The last five seconds of whoever has it worst; `null` before.
    pub worst: Option<StintQuality>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningParticipant {
    pub participant_id: ParticipantId,
    /// This and the name are `null` in a direct conversation.
    pub user_id: Option<UserId>,
    pub name: Option<String>,
    pub connection: Connection,
    pub voice_state: VoiceState,
    pub joined_at: Time,
    /// Of the last five seconds.
    pub quality: Option<StintQuality>,
}

#[derive(Debug, JsonSchema)]
pub struct RunningCalls {
    /// The one with the worst connection first.
    #[schemars(length(max = 100))]
    pub calls: Vec<RunningCall>,
    /// All there are.
    pub count: u32,
}

#[derive(Debug, JsonSchema)]
pub struct OneRunningCall {
    pub call: RunningCall,
    /// The one with the worst connection first.
    #[schemars(length(max = 100))]
    pub participants: Vec<RunningParticipant>,
}

/// Somebody is being rung.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningRing {
    pub call_id: CallId,
    pub channel_id: ChannelId,
    pub channel_kind: ChannelKind,
    /// This, the names and ids of people are `null` in a direct conversation.
    pub channel_name: Option<String>,
    #[serde(rename = "type")]
    pub kind: CallKind,
    pub caller_id: Option<UserId>,
    pub caller_name: Option<String>,
    pub user_id: Option<UserId>,
    pub name: Option<String>,
    pub since: Time,
    pub expires_at: Time,
    /// A device of the person shows it.
    pub shown: bool,
}

#[derive(Debug, JsonSchema)]
pub struct RunningRings {
    /// The one that ends next first.
    #[schemars(length(max = 100))]
    pub rings: Vec<RunningRing>,
    /// All there are.
    pub count: u32,
}
