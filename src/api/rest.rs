//! REST `/api/v1`: the same commands as the socket, one request each.

mod auth;
mod calls;
mod channels;
mod messages;

use axum::{
    Json, Router,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{error::Problem, identity, server::Peer, state::Front};
use crate::chat::{
    command::Command,
    error::{Code, ServiceError},
};

pub fn routes() -> Router<Front> {
    Router::new()
        .merge(auth::routes())
        .merge(channels::routes())
        .merge(messages::routes())
        .merge(calls::routes())
}

/// The caller of a request: extracted from its bearer token.
pub(super) struct Caller(pub identity::Bearer);

impl FromRequestParts<Front> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().cloned();
        let peer = peer.ok_or_else(|| Problem::new(Code::ServerUnavailable, "the connection is unknown"))?;
        if front.is_draining() {
            return Err(Problem::new(Code::ServerDraining, "the server is shutting down"));
        }
        Ok(Self(identity::from_headers(front, &parts.headers, peer.ip).await?))
    }
}

/// A JSON object as body, with our errors instead of axum's.
pub(super) struct Body(pub Map<String, Value>);

impl FromRequest<Front> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &Front) -> Result<Self, Problem> {
        let Json(value) = Json::<Value>::from_request(request, front).await.map_err(|rejection| {
            let status = rejection.status();
            let code = match status {
                StatusCode::PAYLOAD_TOO_LARGE => Code::LimitSize,
                _ => Code::ValidationFailed,
            };
            let message = match status {
                StatusCode::PAYLOAD_TOO_LARGE => "the body is too large",
                StatusCode::UNSUPPORTED_MEDIA_TYPE => "the body must be application/json",
                _ => "the body is not valid JSON",
            };
            Problem::with_status(code, status, message)
        })?;
        match value {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(ServiceError::invalid("body", "a JSON object").into()),
        }
    }
}

/// The query as a JSON object: numbers where they look like numbers.
pub(super) struct Params(pub Map<String, Value>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| ServiceError::invalid("query", "key=value pairs"))?;
        let mut map = Map::new();
        for (key, text) in pairs {
            let numeric = ["limit", "before", "after", "around", "afterRev"].contains(&key.as_str());
            let value = match text.parse::<u64>() {
                Ok(number) if numeric => number.into(),
                _ => text.into(),
            };
            map.insert(key, value);
        }
        Ok(Self(map))
    }
}

/// Decodes `op` from the fields and runs it. `{data}` is what the socket's ack would carry.
pub(super) async fn run(
    front: &Front,
    caller: &Caller,
    op: &str,
    fields: Map<String, Value>,
) -> Result<Value, Problem> {
    let command = Command::parse(op, Value::Object(fields))?;
    Ok(front.run("rest", &caller.0.actor, command).await?)
}

pub(super) fn data(value: Value) -> Response {
    Json(json!({ "data": value })).into_response()
}

pub(super) fn created(value: Value) -> Response {
    (StatusCode::CREATED, Json(json!({ "data": value }))).into_response()
}

/// `fields` plus one more.
pub(super) fn with(mut fields: Map<String, Value>, key: &str, value: impl Into<Value>) -> Map<String, Value> {
    fields.insert(key.to_owned(), value.into());
    fields
}

pub(super) fn decode<T: DeserializeOwned>(map: Map<String, Value>) -> Result<T, Problem> {
    serde_json::from_value(Value::Object(map))
        .map_err(|error| ServiceError::invalid("body", error.to_string()).into())
}
