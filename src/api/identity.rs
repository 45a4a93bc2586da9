//! From a bearer token to an `Actor`.

use std::{net::IpAddr, sync::Arc};

use axum::http::{HeaderMap, header};

use super::state::Front;
use crate::{
    auth::{
        grants::{Actor, Device, Grants},
        token::{Claims, NewToken, TokenError, TokenKind},
    },
    base::id::{LoginId, SessionId},
    chat::{
        error::{Code, ServiceError},
        model::{UserRecord, WallMs},
    },
    runtime::clock,
    services::{ExternalUser, Guest},
};

/// A checked token.
#[derive(Debug)]
pub struct Bearer {
    pub actor: Actor,
    pub user: UserRecord,
    pub claims: Claims,
    /// When the session that it is of is over, if nobody refreshes it.
    pub login_ends: Option<WallMs>,
}

/// Checks a token and finds its user. Every refusal looks alike, except "expired".
pub async fn authenticate(
    front: &Front,
    token: &str,
    device: Device,
    session: SessionId,
    ip: IpAddr,
) -> Result<Bearer, ServiceError> {
    let result = check(front, token, (device, session), ip).await;
    result.map_err(|error| match error.code {
        Code::AuthInvalid | Code::AuthExpired => front.gates.token_refused(ip, error),
        _ => error,
    })
}

async fn check(
    front: &Front,
    token: &str,
    (device, session): (Device, SessionId),
    ip: IpAddr,
) -> Result<Bearer, ServiceError> {
    let claims = front.tokens.verify(token, now_s()).map_err(|error| match error {
        TokenError::Invalid => invalid(),
        TokenError::Expired => ServiceError::new(Code::AuthExpired, "the token has expired"),
    })?;
    let external = ExternalUser {
        sub: claims.sub.clone(),
        name: claims.name.clone(),
        username: None,
        outside: claims.kind == TokenKind::Client,
    };
    let user = front.services.ensure_user(&external).await.map_err(|error| match error.code {
        Code::NotFoundUser => invalid(),
        _ => error,
    })?;
    if !user.is_active {
        return Err(ServiceError::new(Code::AuthUserInactive, "the account is not active"));
    }
    let login_ends = match claims.login {
        Some(login) => Some(front.services.live_login(login, user.id).await?.expires_at),
        None => None,
    };
    if claims.epoch.is_some_and(|epoch| epoch != user.token_epoch) {
        return Err(invalid());
    }
    let actor = Actor {
        user: user.id,
        username: user.username.as_str().into(),
        name: user.name.as_str().into(),
        session,
        device,
        grants: Arc::new(claims.grants.clone()),
        login: claims.login,
        from: ip.into(),
    };
    Ok(Bearer { actor, user, claims, login_ends })
}

/// The actor of one HTTP request.
pub async fn from_headers(front: &Front, headers: &HeaderMap, ip: IpAddr) -> Result<Bearer, ServiceError> {
    let token =
        bearer(headers).ok_or_else(|| ServiceError::new(Code::AuthRequired, "a bearer token is required"))?;
    authenticate(front, token, Device::Desktop, new_session_id(), ip).await
}

/// `Authorization: Bearer …`; exactly one such header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.trim())
}

/// A token for somebody who logged in.
pub fn issue(front: &Front, user: &UserRecord, login: LoginId) -> Result<(String, Claims), ServiceError> {
    let new = NewToken {
        sub: user.id.to_string(),
        name: None,
        kind: TokenKind::default(),
        grants: Grants { admin: user.is_admin(), ..Grants::default() },
        epoch: Some(user.token_epoch),
        login: Some(login),
        ttl_s: front.config.auth.token_ttl.get().as_secs().max(1),
    };
    sign(front, new)
}

/// A token for somebody who came by a link: as long as it may stay, since it gets no other one.
pub fn issue_to_guest(
    front: &Front,
    guest: &Guest,
    login: LoginId,
) -> Result<(String, Claims), ServiceError> {
    let new = NewToken {
        sub: guest.user.id.to_string(),
        name: None,
        kind: TokenKind::Client,
        grants: guest.grants.clone(),
        epoch: Some(guest.user.token_epoch),
        login: Some(login),
        ttl_s: seconds_until(guest.expires_at),
    };
    sign(front, new)
}

/// Whether tokens can be made here.
pub fn can_sign(front: &Front) -> Result<(), ServiceError> {
    if front.tokens.can_sign() { Ok(()) } else { Err(no_key()) }
}

/// The same rights once more, but not for longer than the session it is of.
pub fn reissue(front: &Front, bearer: &Bearer) -> Result<(String, Claims), ServiceError> {
    let ttl_s = front.config.auth.token_ttl.get().as_secs().max(1);
    let ttl_s = bearer.login_ends.map_or(ttl_s, |end| ttl_s.min(seconds_until(end)));
    let new = NewToken {
        sub: bearer.user.id.to_string(),
        name: None,
        kind: TokenKind::default(),
        grants: bearer.claims.grants.clone(),
        epoch: Some(bearer.user.token_epoch),
        login: bearer.actor.login,
        ttl_s,
    };
    sign(front, new)
}

/// A refresh token and its hash.
pub fn mint_refresh(front: &Front, login: LoginId) -> Result<(String, String), ServiceError> {
    front.refresh_tokens.mint(login, rand::random()).ok_or_else(no_key)
}

/// How long a session lives that nobody refreshes.
pub fn session_ttl_ms(front: &Front) -> i64 {
    i64::try_from(front.config.auth.session_ttl.get().as_millis()).unwrap_or(i64::MAX)
}

fn sign(front: &Front, new: NewToken) -> Result<(String, Claims), ServiceError> {
    front.tokens.mint(new, None, now_s()).map_err(|_| no_key())
}

fn no_key() -> ServiceError {
    ServiceError::new(Code::ServerUnavailable, "the server has no key to sign tokens with (auth.keys)")
}

fn invalid() -> ServiceError {
    ServiceError::new(Code::AuthInvalid, "the token is not valid")
}

/// Whole seconds that are left of it.
fn seconds_until(end: WallMs) -> u64 {
    u64::try_from(end / 1000).unwrap_or(0).saturating_sub(now_s())
}

pub fn now_s() -> u64 {
    u64::try_from(clock::wall_ms() / 1000).unwrap_or(0)
}

pub fn new_session_id() -> SessionId {
    SessionId::from_parts(u64::try_from(clock::wall_ms()).unwrap_or(0), rand::random())
}

pub fn new_login_id() -> LoginId {
    LoginId::from_parts(u64::try_from(clock::wall_ms()).unwrap_or(0), rand::random())
}

/// RFC 3339 of seconds since 1970.
pub fn time_text(seconds: u64) -> String {
    crate::base::time::rfc3339(i64::try_from(seconds.min(MAX_TIME_S) * 1000).unwrap_or(i64::MAX))
}

/// The end of the year 9999: later times cannot be written.
const MAX_TIME_S: u64 = 253_402_300_799;
