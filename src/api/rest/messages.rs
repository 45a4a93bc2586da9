//! One message.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::Response,
    routing::get,
};
use serde_json::Map;

use super::{Body, Caller, data, run, with};
use crate::{
    api::{error::Problem, state::Front},
    chat::error::ServiceError,
};

pub(super) fn routes() -> Router<Front> {
    Router::new()
        .route("/messages/{id}", get(one).patch(edit).delete(delete))
        .route("/messages/{id}/revisions", get(revisions))
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

async fn delete(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "message:delete", with(Map::new(), "messageId", id)).await?))
}
