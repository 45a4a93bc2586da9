//! Links for guests, for those who have nothing but the link: what is behind it, and the way in.
//!
//! The code is a secret in the path. It is in no log (`router::loggable`), no error and no metric.

use axum::{
    Extension, Router,
    extract::{RawPathParams, State, rejection::RawPathParamsRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Body,
    auth::{client_name, not_draining},
    data, decode,
};
use crate::{
    api::{
        error::Problem,
        identity::{self, time_text},
        server::Peer,
        state::Front,
    },
    chat::error::{Code, ServiceError},
    services::Arriving,
};

pub(super) fn routes() -> Router<Front> {
    Router::new().route("/invites/{code}", get(show)).route("/invites/{code}/guests", post(enter))
}

type Params = Result<RawPathParams, RawPathParamsRejection>;

async fn show(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    path: Params,
) -> Result<Response, Problem> {
    not_draining(&front)?;
    front.gates.invite(peer.ip)?;
    let shown = front.services.show_invite(&code(path)?).await;
    Ok(data(shown.map_err(|error| counted(&front, &peer, error))?))
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

async fn enter(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    path: Params,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    not_draining(&front)?;
    front.gates.invite(peer.ip)?;
    let Named { name } = decode(body)?;
    let name = name.trim().to_owned();
    let fits = (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if !fits {
        return Err(ServiceError::invalid("name", "1..=50 chars in one line").into());
    }
    // Before anything is written: without a key there would be a guest who cannot come in.
    identity::can_sign(&front)?;
    let arriving = Arriving {
        name,
        login: identity::new_login_id(),
        client: client_name(None, &headers)?,
        from: peer.ip.into(),
    };
    let login = arriving.login;
    let guest = front.services.welcome(&code(path)?, arriving).await;
    let guest = guest.map_err(|error| counted(&front, &peer, error))?;
    let (token, claims) = identity::issue_to_guest(&front, &guest, login)?;
    let answer = data(json!({
        "token": token, "expiresAt": time_text(claims.exp), "user": guest.user.to_json(),
        "channelId": guest.channel,
    }));
    Ok((StatusCode::CREATED, answer).into_response())
}

fn code(path: Params) -> Result<String, Problem> {
    let params = path.map_err(|_| ServiceError::invalid("path", "UTF-8"))?;
    Ok(params.iter().map(|(_, value)| value.to_owned()).next().unwrap_or_default())
}

/// Whoever guesses is turned away like whoever makes tokens up.
fn counted(front: &Front, peer: &Peer, error: ServiceError) -> ServiceError {
    match error.code {
        Code::NotFoundInvite => front.gates.token_refused(peer.ip, error),
        _ => error,
    }
}

/// Characters; longer ones do not fit below a picture.
const MAX_NAME: usize = 50;
