//! The API as documents: JSON Schemas of all that goes over the wire, and OpenAPI made from them and the table of
//! endpoints.
//!
//! Requests are described by the types that parse them. Answers and events are described by the types here, which
//! leave room for fields to come; `closed` takes that room away, and the tests hold what is really sent against it.

pub mod answers;
pub mod events;
pub mod objects;
pub mod openapi;
pub mod oversight;
pub mod requests;
pub mod socket;

use std::borrow::Cow;

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
    json_schema,
};
use serde_json::{Map, Value};

use crate::chat::error::Code;

/// Schemas of what the server says; named types become definitions below `path`.
pub fn outgoing(path: &'static str) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.contract = Contract::Serialize;
        settings.definitions_path = path.into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// Schemas of what the server takes, each whole in itself.
pub fn incoming() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// One of the stable codes.
#[derive(Debug)]
pub struct ErrorCode;

impl JsonSchema for ErrorCode {
    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        json_schema!({"type": "string", "enum": codes, "description": "Stable; for programs."})
    }
}

/// One broken rule of a payload.
#[derive(Debug, JsonSchema)]
pub struct Violation {
    pub path: String,
    pub rule: String,
}

/// Why a command failed, on the socket.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorObject {
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// ms
    #[schemars(skip_serializing_if = "absent")]
    pub retry_after: u64,
    #[schemars(skip_serializing_if = "absent")]
    pub details: Vec<Violation>,
    /// Connects what a user reports with a line in the server's log.
    #[schemars(skip_serializing_if = "absent")]
    pub trace_id: String,
}

/// Why a request failed (RFC 9457).
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    pub code: ErrorCode,
    /// For people.
    pub detail: String,
    /// Connects what a user reports with a line in the server's log.
    pub trace_id: String,
    #[schemars(skip_serializing_if = "absent")]
    pub details: Vec<Violation>,
    /// ms
    #[schemars(skip_serializing_if = "absent")]
    pub retry_after: u64,
}

/// The same schema, but what it does not name is refused. For tests: clients ignore what they do not know.
pub fn closed(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            fields.values_mut().for_each(closed);
        }
        Value::Array(items) => items.iter_mut().for_each(closed),
        _ => {}
    }
}

/// `{properties, required}` of an object's schema.
fn fields_of(schema: &Value) -> (Map<String, Value>, Vec<String>) {
    let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let required = schema.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    (properties, required)
}
