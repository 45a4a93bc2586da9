//! Logging in, refreshing, and who I am.

use axum::{
    Extension, Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, Caller, data, decode};
use crate::{
    api::{
        error::Problem,
        identity::{self, time_text},
        server::Peer,
        state::Front,
    },
    auth::token::Claims,
    chat::{
        error::{Code, ServiceError},
        model::UserRecord,
    },
};

pub(super) fn routes() -> Router<Front> {
    Router::new()
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/users/me", get(me))
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

async fn login(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    Body(body): Body,
) -> Result<Response, Problem> {
    if front.is_draining() {
        return Err(Problem::new(Code::ServerDraining, "the server is shutting down"));
    }
    let credentials: Credentials = decode(body)?;
    if credentials.username.len() > MAX_NAME || credentials.password.len() > MAX_PASSWORD {
        return Err(ServiceError::invalid("password", "too long").into());
    }
    front.gates.login(peer.ip, &credentials.username)?;
    let result = front.services.login(credentials.username.trim(), &credentials.password).await;
    front.metrics.login(result.is_ok());
    let user = result?;
    let issued = identity::issue(&front, &user)?;
    Ok(granted(&user, issued))
}

async fn refresh(State(front): State<Front>, Caller(bearer): Caller) -> Result<Response, Problem> {
    let issued = identity::reissue(&front, &bearer)?;
    Ok(granted(&bearer.user, issued))
}

async fn me(Caller(bearer): Caller) -> Response {
    data(bearer.user.to_json())
}

fn granted(user: &UserRecord, (token, claims): (String, Claims)) -> Response {
    let body: Value = json!({ "token": token, "expiresAt": time_text(claims.exp), "user": user.to_json() });
    data(body)
}

const MAX_NAME: usize = 256;
/// Hashing cost grows with the length only a little, but not for free.
const MAX_PASSWORD: usize = 1024;
