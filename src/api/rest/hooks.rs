//! Signed calls of a directory outside: who there is, in which department, on which project.

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use serde_json::Value;

use super::data;
use crate::{
    api::{error::Problem, identity::now_s, server::Peer, state::Front},
    auth::hook::{self, HookError},
    chat::{
        directory::{DirectoryChange, DirectoryKind},
        error::{Code, ServiceError},
    },
    runtime::clock,
};

/// A call of 200 people, or of departments with 2000 names.
const MAX_BODY: usize = 256 * 1024;
const TIMESTAMP: &str = "x-convene-timestamp";
const SIGNATURE: &str = "x-convene-signature";

pub(super) fn routes() -> Router<Front> {
    let of = |kind: DirectoryKind| {
        post(
            move |State(front): State<Front>,
                  Extension(peer): Extension<Peer>,
                  headers: HeaderMap,
                  body: Result<Bytes, BytesRejection>| receive(front, peer, kind, headers, body),
        )
    };
    Router::new()
        .route("/hooks/users", of(DirectoryKind::Users))
        .route("/hooks/departments", of(DirectoryKind::Departments))
        .route("/hooks/projects", of(DirectoryKind::Projects))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn receive(
    front: Front,
    peer: Peer,
    kind: DirectoryKind,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let _busy = front.busy();
    let started = clock::now();
    let done = handle(&front, &peer, kind, &headers, body).await;
    let error = done.as_ref().err().map(|problem| problem.error.code.as_str());
    let took = clock::now().saturating_duration_since(started);
    front.metrics.command(name(kind), "rest", error, took);
    done.map(data)
}

async fn handle(
    front: &Front,
    peer: &Peer,
    kind: DirectoryKind,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Value, Problem> {
    let secret = front.config.hooks.secret.expose();
    if secret.is_empty() {
        return Err(Problem::with_status(Code::OpUnknown, StatusCode::NOT_FOUND, "there are no hooks here"));
    }
    if front.is_draining() {
        return Err(Problem::new(Code::ServerDraining, "the server is shutting down"));
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::LimitSize, "the body is too large"),
        status => Problem::with_status(Code::ValidationFailed, status, "the body cannot be read"),
    })?;
    let one = |name: &str| {
        let mut all = headers.get_all(name).iter();
        let (value, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
        Some(value)
    };
    let refused = |error: ServiceError| Problem::from(front.gates.token_refused(peer.ip, error));
    let (Some(timestamp), Some(signature)) = (one(TIMESTAMP), one(SIGNATURE)) else {
        return Err(refused(ServiceError::new(
            Code::AuthRequired,
            "a timestamp and a signature are required",
        )));
    };
    // Before anything of the body is looked at.
    let signature = hook::verify(secret, timestamp, signature, &body, now_s()).map_err(|error| {
        let code = match error {
            HookError::Signature => Code::AuthInvalid,
            HookError::Time => Code::AuthExpired,
        };
        refused(ServiceError::new(code, error.to_string()))
    })?;
    let value: Value = serde_json::from_slice(&body).map_err(|_| {
        Problem::with_status(Code::ValidationFailed, StatusCode::BAD_REQUEST, "the body is not valid JSON")
    })?;
    let change = DirectoryChange::parse(kind, value)?;
    Ok(front.services.sync_directory(change, signature, peer.ip.into()).await?)
}

const fn name(kind: DirectoryKind) -> &'static str {
    match kind {
        DirectoryKind::Users => "hooks:users",
        DirectoryKind::Departments => "hooks:departments",
        DirectoryKind::Projects => "hooks:projects",
    }
}
