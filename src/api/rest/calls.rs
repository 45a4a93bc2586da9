//! Call history, and ending a call.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use serde_json::Map;

use super::{Caller, Params, data, run, with};
use crate::api::{error::Problem, state::Front};

pub(super) fn routes() -> Router<Front> {
    Router::new()
        .route("/calls", get(list))
        .route("/calls/{id}", get(one))
        .route("/calls/{id}/end", post(end))
}

async fn list(
    State(front): State<Front>,
    caller: Caller,
    Params(query): Params,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "call:history", query).await?))
}

async fn one(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "call:get", with(Map::new(), "callId", id)).await?))
}

async fn end(
    State(front): State<Front>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(data(run(&front, &caller, "call:end", with(Map::new(), "callId", id)).await?))
}
