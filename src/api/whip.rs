//! WHIP (RFC 9725) and WHEP: publish to and watch a channel's voice room over plain HTTP.
//!
//! A resource is a participant with a session of its own; offers and answers go to the same room commands.

pub mod resource;
pub mod sdp;

use std::time::Duration;

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

use self::resource::{Direction, Resource};
use super::{error::Problem, identity, rtc::Tap, server::Peer, state::Front};
use crate::{
    base::id::{CallId, ParticipantId, UserId},
    chat::{command::Command, error::Code},
    room::{
        command::{AutoSubscribe, Command as RoomCommand},
        event::Event,
    },
    runtime::queue::PARTICIPANT_EVENTS,
};

pub fn routes() -> Router<Front> {
    Router::new()
        .route("/whip/{channel}", post(publish).options(preflight))
        .route("/whep/{channel}", post(watch).options(preflight))
        .route("/whip/{channel}/{resource}", axum::routing::patch(patch).delete(delete).options(preflight))
        .route("/whep/{channel}/{resource}", axum::routing::patch(patch).delete(delete).options(preflight))
        .layer(DefaultBodyLimit::max(MAX_SDP))
}

async fn publish(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let result = create(&front, &peer, Direction::Publish, channel, &headers, body).await;
    finish(&front, &headers, result)
}

async fn watch(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let result = create(&front, &peer, Direction::Watch, channel, &headers, body).await;
    finish(&front, &headers, result)
}

async fn create(
    front: &Front,
    peer: &Peer,
    direction: Direction,
    channel: String,
    headers: &HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    check_origin(front, headers)?;
    if front.is_draining() {
        return Err(Problem::new(Code::ServerDraining, "the server is shutting down"));
    }
    let bearer = identity::from_headers(front, headers, peer.ip).await?;
    let offer = text_body(headers, "application/sdp", body)?;
    sdp::check_offer(&offer)
        .map_err(|rule| Problem::with_status(Code::RtcNegotiation, StatusCode::BAD_REQUEST, rule))?;
    let (sender, events) = mpsc::channel(PARTICIPANT_EVENTS.capacity);
    let session = bearer.actor.session;
    let publish = direction == Direction::Publish;
    let auto = if publish { AutoSubscribe::Nothing } else { AutoSubscribe::FirstOffer };
    let tap = Tap { auto, publish, subscribe: !publish, events: sender };
    front.media.tap(session, tap);
    // From here on every way out must remove the tap and leave the call.
    let joined = join(front, &bearer.actor, &channel, publish).await;
    front.media.untap(session);
    let (call, participant) = joined?;
    let mut resource =
        Resource::new(direction, channel.clone(), bearer.actor.clone(), call, participant, offer, events);
    match negotiate(front, &mut resource).await {
        Ok(answer) => {
            let etag = resource.etag();
            let id = front
                .resources
                .insert(front.clone(), resource)
                .ok_or_else(|| Problem::new(Code::ServerFull, "too many WHIP and WHEP resources"));
            let id = match id {
                Ok(id) => id,
                Err(problem) => {
                    leave(front, &bearer.actor, call).await;
                    return Err(problem);
                }
            };
            let location = format!("/{}/{}/{id}", direction.path(), sdp::path_segment(&channel));
            let mut response = (StatusCode::CREATED, answer).into_response();
            set(response.headers_mut(), header::CONTENT_TYPE, "application/sdp");
            set(response.headers_mut(), header::LOCATION, &location);
            set(response.headers_mut(), header::ETAG, &etag);
            add_ice_links(front, Some(bearer.actor.user), response.headers_mut());
            Ok(response)
        }
        Err(problem) => {
            leave(front, &bearer.actor, call).await;
            Err(problem)
        }
    }
}

async fn join(
    front: &Front,
    actor: &crate::auth::grants::Actor,
    channel: &str,
    publish: bool,
) -> Result<(CallId, ParticipantId), Problem> {
    if (publish && !actor.grants.publish) || (!publish && !actor.grants.subscribe) {
        return Err(Problem::new(Code::PermDenied, "the token does not allow this"));
    }
    let command = Command::parse("voice:join", json!({ "channelId": channel }))?;
    let data = front.run("whip", actor, command).await?;
    let id = |key: &str| data.get(key).and_then(Value::as_str);
    match (id("callId").and_then(|t| t.parse().ok()), id("participantId").and_then(|t| t.parse().ok())) {
        (Some(call), Some(participant)) => Ok((call, participant)),
        _ => Err(Problem::new(Code::ServerUnavailable, "the call could not be joined")),
    }
}

/// Leaves the call of a resource; it may have ended already.
pub(super) async fn leave(front: &Front, actor: &crate::auth::grants::Actor, call: CallId) {
    match Command::parse("call:leave", json!({ "callId": call })) {
        Ok(command) => {
            if let Err(error) = front.run("whip", actor, command).await {
                tracing::debug!(code = error.code.as_str(), "resource had left already");
            }
        }
        Err(error) => tracing::warn!(%error, "call:leave refused its own id"),
    }
}

/// Sends the resource's offer and waits for the answer.
async fn negotiate(front: &Front, resource: &mut Resource) -> Result<String, Problem> {
    let generation = resource.next_generation();
    let command = RoomCommand::Offer { sdp: resource.offer.clone(), generation, lines: Vec::new() };
    front.media.send(resource.call, resource.participant, command)?;
    let answer = async {
        while let Some(event) = resource.events.recv().await {
            match *event {
                Event::Answer { generation: g, sdp, .. } if g == generation => return Ok(sdp),
                Event::NegotiationFailed { generation: g, message } if g == generation => {
                    return Err(Problem::new(Code::RtcNegotiation, message));
                }
                Event::Closed { .. } => break,
                _ => {}
            }
        }
        Err(Problem::new(Code::ServerUnavailable, "the media plane closed the participant"))
    };
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(result) => result,
        Err(_) => Err(Problem::new(Code::ServerUnavailable, "the media plane did not answer in time")),
    }
}

async fn patch(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    Path((channel, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let result = patch_resource(&front, &peer, &channel, &id, &headers, body).await;
    finish(&front, &headers, result)
}

async fn patch_resource(
    front: &Front,
    peer: &Peer,
    channel: &str,
    id: &str,
    headers: &HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    let slot = own_resource(front, peer, channel, id, headers).await?;
    let text = text_body(headers, "application/trickle-ice-sdpfrag", body)?;
    let fragment = sdp::parse_fragment(&text)
        .map_err(|rule| Problem::with_status(Code::ValidationFailed, StatusCode::BAD_REQUEST, rule))?;
    let mut resource = slot.lock().await;
    let restart = fragment
        .credentials
        .as_ref()
        .is_some_and(|new| Some(new) != sdp::credentials(&resource.offer).as_ref());
    let condition = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    match condition {
        None => {
            return Err(Problem::with_status(
                Code::ConflictRev,
                StatusCode::PRECONDITION_REQUIRED,
                "If-Match with the ETag of the resource is required",
            ));
        }
        // RFC 9725 4.4.2: a restart may match any state, trickling only the one it belongs to.
        Some("*") if restart => {}
        Some(tag) if tag == resource.etag() => {}
        Some(_) => {
            return Err(Problem::with_status(
                Code::ConflictRev,
                StatusCode::PRECONDITION_FAILED,
                "the ICE session has changed",
            ));
        }
    }
    if let (true, Some(new)) = (restart, &fragment.credentials) {
        let before = std::mem::take(&mut resource.offer);
        resource.offer = sdp::with_credentials(&before, new);
        let answer = match negotiate(front, &mut resource).await {
            Ok(answer) => answer,
            Err(problem) => {
                resource.offer = before;
                return Err(problem);
            }
        };
        resource.new_etag();
        trickle(front, &resource, &fragment.candidates);
        let mut response = (StatusCode::OK, sdp::answer_fragment(&answer)).into_response();
        set(response.headers_mut(), header::CONTENT_TYPE, "application/trickle-ice-sdpfrag");
        set(response.headers_mut(), header::ETAG, &resource.etag());
        return Ok(response);
    }
    trickle(front, &resource, &fragment.candidates);
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn trickle(front: &Front, resource: &Resource, candidates: &[String]) {
    for candidate in candidates {
        let command = RoomCommand::Candidate { candidate: candidate.clone() };
        // ICE-lite learns addresses from checks: a lost candidate costs nothing.
        let _ = front.media.send(resource.call, resource.participant, command);
    }
}

async fn delete(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    Path((channel, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let slot = own_resource(&front, &peer, &channel, &id, &headers).await?;
        front.resources.remove(&id);
        let (actor, call) = {
            let resource = slot.lock().await;
            (resource.actor.clone(), resource.call)
        };
        leave(&front, &actor, call).await;
        Ok(StatusCode::OK.into_response())
    };
    let result = result.await;
    finish(&front, &headers, result)
}

/// The caller's resource; somebody else's looks like none.
async fn own_resource(
    front: &Front,
    peer: &Peer,
    channel: &str,
    id: &str,
    headers: &HeaderMap,
) -> Result<resource::Slot, Problem> {
    check_origin(front, headers)?;
    let bearer = identity::from_headers(front, headers, peer.ip).await?;
    let missing = || Problem::with_status(Code::NotFoundCall, StatusCode::NOT_FOUND, "no such resource");
    let (slot, owner, of) = front.resources.get(id).ok_or_else(missing)?;
    if owner != bearer.actor.user || of != channel {
        return Err(missing());
    }
    Ok(slot)
}

/// CORS preflight and discovery of the accepted type.
async fn preflight(State(front): State<Front>, headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if check_origin(&front, &headers).is_err() {
        return finish(&front, &headers, check_origin(&front, &headers).map(|()| response));
    }
    let out = response.headers_mut();
    set(out, HeaderName::from_static("accept-post"), "application/sdp");
    set(out, header::ACCESS_CONTROL_ALLOW_METHODS, "POST, PATCH, DELETE, OPTIONS");
    set(out, header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-match");
    set(out, header::ACCESS_CONTROL_MAX_AGE, "600");
    // Nobody has said who asks.
    add_ice_links(&front, None, out);
    finish(&front, &headers, Ok(response))
}

fn check_origin(front: &Front, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("null"));
    if front.origins.allows(text(header::ORIGIN), text(header::HOST)) {
        return Ok(());
    }
    Err(Problem::new(Code::PermDenied, "this origin may not connect"))
}

/// Allowed pages of other origins may read the answer.
fn finish(front: &Front, headers: &HeaderMap, result: Result<Response, Problem>) -> Response {
    let mut response = result.unwrap_or_else(IntoResponse::into_response);
    if let Some(origin) = headers.get(header::ORIGIN)
        && check_origin(front, headers).is_ok()
    {
        let out = response.headers_mut();
        out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        set(out, header::ACCESS_CONTROL_EXPOSE_HEADERS, "location, etag, link");
        set(out, header::VARY, "origin");
    }
    response
}

fn text_body(
    headers: &HeaderMap,
    expected: &str,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<String, Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !given.split(';').next().is_some_and(|mime| mime.trim().eq_ignore_ascii_case(expected)) {
        let message = format!("the body must be {expected}");
        return Err(Problem::with_status(
            Code::ValidationFailed,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message,
        ));
    }
    let bytes = body.map_err(|_| {
        Problem::with_status(
            Code::LimitSize,
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is larger than 256 KiB",
        )
    })?;
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        Problem::with_status(Code::ValidationFailed, StatusCode::BAD_REQUEST, "the body is not UTF-8")
    })
}

/// `Link: <stun:…>; rel="ice-server"`, credentials as RFC 9725 4.6 says.
fn add_ice_links(front: &Front, user: Option<UserId>, headers: &mut HeaderMap) {
    for server in &front.ice_servers(user) {
        for url in &server.urls {
            let mut link = format!("<{url}>; rel=\"ice-server\"");
            if !server.username.is_empty() {
                let quote = |text: &str| text.replace(['"', '\\'], "");
                link.push_str(&format!(
                    "; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
                    quote(&server.username),
                    quote(server.credential.expose())
                ));
            }
            if let Ok(value) = HeaderValue::from_str(&link) {
                headers.append(header::LINK, value);
            }
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

const MAX_SDP: usize = 256 * 1024;
/// A shard answers within milliseconds; this is for one that is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
