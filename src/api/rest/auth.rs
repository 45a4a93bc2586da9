//! Logging in and out, staying logged in, and who I am.

use axum::{
    Extension, Router,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, header},
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Body, Caller, data, decode, has_body};
use crate::{
    api::{
        error::Problem,
        identity::{self, time_text},
        server::Peer,
        state::Front,
    },
    auth::{grants::Device, token::Claims},
    base::time::rfc3339,
    chat::{
        error::{Code, ServiceError},
        model::{LoginRecord, SignIn, UserRecord},
    },
};

pub(super) fn routes() -> Router<Front> {
    Router::new()
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(logout))
        .route("/users/me", get(me))
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
    #[serde(default)]
    device: Device,
    client: Option<String>,
}

async fn login(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    not_draining(&front)?;
    let credentials: Credentials = decode(body)?;
    if credentials.username.len() > MAX_NAME || credentials.password.len() > MAX_PASSWORD {
        return Err(ServiceError::invalid("password", "too long").into());
    }
    let client = client_name(credentials.client, &headers)?;
    front.gates.login(peer.ip, &credentials.username)?;
    let result = front.services.login(credentials.username.trim(), &credentials.password).await;
    front.metrics.login(result.is_ok());
    let user = result?;
    let id = identity::new_login_id();
    let (refresh, hash) = identity::mint_refresh(&front, id)?;
    // Before anything is written: without a key there would be a session that nobody can use.
    let issued = identity::issue(&front, &user, id)?;
    let sign_in =
        SignIn { id, user: user.id, device: credentials.device, client, from: peer.ip.into(), hash };
    let login = front.services.open_login(sign_in, identity::session_ttl_ms(&front)).await?;
    Ok(granted(&user, issued, Some((&login, refresh))))
}

/// With a refresh token in the body, or with a token that is still good and gets no such token.
async fn refresh(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    not_draining(&front)?;
    front.gates.refresh(peer.ip)?;
    let (caller, shown) = asked(&front, request).await?;
    let Some(shown) = shown else {
        let bearer = caller?.0;
        let issued = identity::reissue(&front, &bearer)?;
        if let Some(login) = bearer.actor.login {
            front.services.touch_login(login, peer.ip.into()).await?;
        }
        return Ok(granted(&bearer.user, issued, None));
    };
    let refused = |error: ServiceError| match error.code {
        Code::AuthInvalid | Code::AuthRevoked => front.gates.token_refused(peer.ip, error),
        _ => error,
    };
    let shown = front.refresh_tokens.read(&shown).ok_or_else(|| refused(not_one_of_ours()))?;
    let (refresh, next) = identity::mint_refresh(&front, shown.login)?;
    let ttl_ms = identity::session_ttl_ms(&front);
    let rotated = front.services.rotate_login(shown.login, (shown.hash, next), peer.ip.into(), ttl_ms).await;
    let (user, login) = rotated.map_err(refused)?;
    let issued = identity::issue(&front, &user, login.id)?;
    Ok(granted(&user, issued, Some((&login, refresh))))
}

/// Ends the session of the refresh token in the body, or the one the token was made for. One that has ended is fine.
async fn logout(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    let (caller, shown) = asked(&front, request).await?;
    let ended = match shown {
        Some(shown) => {
            front.gates.refresh(peer.ip)?;
            let shown = front.refresh_tokens.read(&shown);
            let shown = shown.ok_or_else(|| front.gates.token_refused(peer.ip, not_one_of_ours()))?;
            front.services.login_user(shown.login).await?.map(|user| (user, shown.login))
        }
        None => match caller {
            Ok(Caller(bearer)) => bearer.actor.login.map(|login| (bearer.actor.user, login)),
            Err(problem) if problem.error.code == Code::AuthRevoked => None,
            Err(problem) => return Err(problem),
        },
    };
    if let Some((user, login)) = ended {
        front.services.end_login(user, login, peer.ip.into()).await?;
    }
    Ok(data(json!({})))
}

async fn me(Caller(bearer): Caller) -> Response {
    data(bearer.user.to_json())
}

/// Who sends the request, and the refresh token in it. A body may say it all.
async fn asked(
    front: &Front,
    request: Request,
) -> Result<(Result<Caller, Problem>, Option<String>), Problem> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        refresh_token: Option<String>,
    }
    let (mut parts, body) = request.into_parts();
    let fields = if has_body(&parts.headers) {
        Body::from_request(Request::from_parts(parts.clone(), body), front).await?.0
    } else {
        Map::new()
    };
    let Asked { refresh_token } = decode(fields)?;
    let caller = match &refresh_token {
        // Nobody is asked for what is not needed, and maybe not good any more.
        Some(_) => Err(not_one_of_ours().into()),
        None => Caller::from_request_parts(&mut parts, front).await,
    };
    Ok((caller, refresh_token))
}

pub(super) fn not_draining(front: &Front) -> Result<(), Problem> {
    if front.is_draining() {
        return Err(Problem::new(Code::ServerDraining, "the server is shutting down"));
    }
    Ok(())
}

fn not_one_of_ours() -> ServiceError {
    ServiceError::new(Code::AuthInvalid, "the refresh token is not valid")
}

/// What the client calls itself; otherwise its browser or library does.
pub(super) fn client_name(said: Option<String>, headers: &HeaderMap) -> Result<String, ServiceError> {
    if let Some(said) = said {
        if said.chars().count() > MAX_CLIENT || said.chars().any(char::is_control) {
            return Err(ServiceError::invalid("client", "0..=200 chars in one line"));
        }
        return Ok(said.trim().to_owned());
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Ok(agent.unwrap_or_default().chars().filter(|c| !c.is_control()).take(MAX_CLIENT).collect())
}

fn granted(
    user: &UserRecord,
    (token, claims): (String, Claims),
    session: Option<(&LoginRecord, String)>,
) -> Response {
    let mut body: Value =
        json!({ "token": token, "expiresAt": time_text(claims.exp), "user": user.to_json() });
    if let Some((login, refresh)) = session {
        body["sessionId"] = json!(login.id);
        body["refreshToken"] = refresh.into();
        body["refreshExpiresAt"] = rfc3339(login.expires_at).into();
    }
    data(body)
}

const MAX_NAME: usize = 256;
/// Hashing cost grows with the length only a little, but not for free.
const MAX_PASSWORD: usize = 1024;
/// Names of browsers are long.
const MAX_CLIENT: usize = 200;
