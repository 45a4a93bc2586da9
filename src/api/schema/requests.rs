//! The payload of every command that is none of the services: sessions, media, logins.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::answers;
use crate::{
    auth::grants::Device,
    base::id::{CallId, TrackId},
    chat::command::Command,
    room::command::Source,
};

/// The payload of an operation of the socket; `None` for one that there is not.
pub fn payload(op: &str, generator: &mut SchemaGenerator) -> Option<Schema> {
    let schema = match op {
        "session:hello" => Hello::json_schema(generator),
        "ping" => Ping::json_schema(generator),
        "token:refresh" => Token::json_schema(generator),
        "rtc:ice" => json_schema!({"type": "object"}),
        "rtc:offer" => Offer::json_schema(generator),
        "rtc:candidate" => Candidate::json_schema(generator),
        "rtc:subscribe" => Subscribe::json_schema(generator),
        "net:test" => answers::Sdp::json_schema(generator),
        _ => return Command::schema(op, generator),
    };
    Some(schema)
}

#[derive(Debug, JsonSchema)]
pub struct Credentials {
    #[schemars(length(max = 256))]
    pub username: String,
    #[schemars(length(max = 1024))]
    pub password: String,
    #[schemars(default)]
    pub device: Device,
    /// What the client calls itself, for the list of sessions; absent, its `User-Agent`.
    #[schemars(length(max = 200))]
    pub client: Option<String>,
}

/// What a guest is called.
#[derive(Debug, JsonSchema)]
pub struct GuestName {
    #[schemars(length(min = 1, max = 50))]
    pub name: String,
}

/// What `/auth/refresh` and `/auth/logout` may say instead of a bearer token.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WithRefreshToken {
    pub refresh_token: Option<String>,
}

#[derive(Debug, JsonSchema)]
pub struct Hello {
    pub token: String,
    #[schemars(default)]
    pub device: Device,
    /// Name and version of the client; for people.
    pub client: Option<String>,
    pub capabilities: Option<Vec<String>>,
    pub resume: Option<Resume>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resume {
    pub session_id: String,
    /// The highest sequence seen.
    #[schemars(default)]
    pub s: u64,
}

#[derive(Debug, JsonSchema)]
pub struct Ping {
    /// A number or a short text; it comes back.
    pub t: Option<Value>,
}

#[derive(Debug, JsonSchema)]
pub struct Token {
    pub token: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    pub call_id: CallId,
    #[schemars(length(max = 262_144))]
    pub sdp: String,
    #[schemars(default, rename = "gen")]
    pub generation: u64,
    /// What each sending section carries.
    #[schemars(default, length(max = 512))]
    pub tracks: Vec<Line>,
}

#[derive(Debug, JsonSchema)]
pub struct Line {
    pub mid: String,
    pub source: Source,
    #[schemars(default)]
    pub muted: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    pub call_id: CallId,
    /// Empty or absent: there are no more.
    #[schemars(default, length(max = 1024))]
    pub candidate: String,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    pub call_id: CallId,
    #[schemars(length(max = 512))]
    pub tracks: Vec<Wish>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Wish {
    pub track_id: TrackId,
    pub layer: Layer,
    pub max_fps: Option<u8>,
    #[schemars(default)]
    pub priority: u8,
}

/// 0, 1, 2 or `off`.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum Layer {
    Number(#[schemars(range(max = 2))] u8),
    Word(Off),
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Off {
    Off,
}
