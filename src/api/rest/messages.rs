//! One message.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::Response,
    routing::{get, put},
};
use serde_json::{Map, Value};

use super::{Body, Caller, data, run, with};
use crate::{
    api::{error::Problem, state::Front},
    chat::error::ServiceError,
};

pub(super) fn routes() -> Router<Front> {
    Router::new()
        .route("/messages/{id}", get(one).patch(edit).delete(delete))
        .route("/messages/{id}/revisions", get(revisions))
        .route("/messages/{id}/reactions/{emoji}", put(react).delete(unreact))
}

async fn one(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:get", with(Map::new(), "messageId", id)).await?))
}

async fn revisions(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:get_revisions", with(Map::new(), "messageId", id)).await?))
}

/// `If-Match: rev` is the base revision.
async fn edit(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let mut fields = with(body, "messageId", id);
    if let Some(rev) = headers.get(header::IF_MATCH) {
        let rev = rev.to_str().ok().and_then(|text| text.trim_matches('"').parse::<u64>().ok());
        fields = with(
            fields,
            "baseRev",
            rev.ok_or_else(|| ServiceError::invalid("If-Match", "a revision number"))?,
        );
    }
    Ok(data(run(&front, &caller, "message:edit", fields).await?))
}

async fn react(
    State(front): State<Front>,
    caller: Caller,
    Path((id, emoji)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:react", reaction(id, emoji, "add")).await?))
}

async fn unreact(
    State(front): State<Front>,
    caller: Caller,
    Path((id, emoji)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:react", reaction(id, emoji, "remove")).await?))
}

fn reaction(id: String, emoji: String, action: &str) -> Map<String, Value> {
    with(with(with(Map::new(), "messageId", id), "emoji", emoji), "action", action)
}

async fn delete(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:delete", with(Map::new(), "messageId", id)).await?))
}
