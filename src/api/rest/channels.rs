//! Channels and their timelines.

use axum::{
    Router,
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
    routing::{get, post, put},
};
use serde_json::{Map, Value};

use super::{Body, Caller, Params, created, data, run, with};
use crate::{
    api::{error::Problem, state::Front},
    chat::error::ServiceError,
};

pub(super) fn routes() -> Router<Front> {
    Router::new()
        .route("/channels", get(list).post(create))
        .route("/channels/{id}", get(one))
        .route("/channels/{id}/join", post(one))
        .route("/channels/{id}/leave", post(leave))
        .route("/channels/{id}/messages", get(history).post(send))
        .route("/channels/{id}/sync", get(sync))
        .route("/channels/{id}/read", post(mark_read))
        .route("/channels/{id}/pins", get(pins))
        .route("/channels/{id}/pins/{message}", put(pin).delete(unpin))
}

async fn list(
    State(front): State<Front>,
    caller: Caller,
    Params(query): Params,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "channel:list", query).await?))
}

async fn create(State(front): State<Front>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    Ok(created(run(&front, &caller, "channel:create", body).await?))
}

/// Also `join`: focus belongs to sockets, so here it only reads.
async fn one(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "channel:get", on(id)).await?))
}

async fn leave(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "channel:leave", on(id)).await?))
}

async fn history(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
    Params(query): Params,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "channel:get_history", with(query, "channelId", id)).await?))
}

async fn sync(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
    Params(query): Params,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "channel:sync", with(query, "channelId", id)).await?))
}

/// `Idempotency-Key` is the nonce; a nonce in the body must agree with it.
async fn send(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let mut fields = with(body, "channelId", id);
    if let Some(key) = headers.get("idempotency-key") {
        let key = key.to_str().map_err(|_| ServiceError::invalid("Idempotency-Key", "visible ASCII"))?;
        if fields.get("nonce").is_some_and(|nonce| nonce != key) {
            return Err(ServiceError::invalid("nonce", "equal to Idempotency-Key").into());
        }
        fields = with(fields, "nonce", key);
    }
    let value = run(&front, &caller, "message:send", fields).await?;
    let duplicate = value.get("duplicate").and_then(Value::as_bool).unwrap_or(false);
    Ok(if duplicate { data(value) } else { created(value) })
}

async fn mark_read(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:mark_read", with(body, "channelId", id)).await?))
}

async fn pins(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "channel:get_pins", on(id)).await?))
}

async fn pin(
    State(front): State<Front>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:pin", with(on(id), "messageId", message)).await?))
}

async fn unpin(
    State(front): State<Front>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:unpin", with(on(id), "messageId", message)).await?))
}

fn on(id: String) -> Map<String, Value> {
    with(Map::new(), "channelId", id)
}
