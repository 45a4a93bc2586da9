//! REST `/api/v1`: the same commands as the socket, one request each.

mod auth;
pub mod endpoints;
mod hooks;
mod invites;

use axum::{
    Json, Router,
    extract::{
        FromRequest, FromRequestParts, Query, RawPathParams, Request, State,
        rejection::RawPathParamsRejection,
    },
    http::{HeaderMap, Method, StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use self::endpoints::{ENDPOINTS, Endpoint, Fixed, Header};
use super::{error::Problem, identity, server::Peer, state::Front};
use crate::chat::{
    command::Command,
    error::{Code, ServiceError},
};

pub fn routes() -> Router<Front> {
    let others = auth::routes().merge(hooks::routes()).merge(invites::routes()).merge(super::docs::routes());
    ENDPOINTS.iter().fold(others, |router, endpoint| {
        let answer = move |State(front): State<Front>, caller: Caller, path: PathNames, request: Request| {
            answer(front, endpoint, caller, path, request)
        };
        router.route(endpoint.path, on(filter(&endpoint.method), answer))
    })
}

fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

type PathNames = Result<RawPathParams, RawPathParamsRejection>;

/// Gathers the fields of the command, runs it. `{data}` is what the socket's ack would carry.
async fn answer(
    front: Front,
    endpoint: &'static Endpoint,
    caller: Caller,
    path: PathNames,
    request: Request,
) -> Result<Response, Problem> {
    let params = path.map_err(|_| ServiceError::invalid("path", "UTF-8"))?;
    let headers = request.headers().clone();
    let mut fields = if endpoint.has_query() {
        let (mut parts, _) = request.into_parts();
        Params::from_request_parts(&mut parts, &front).await?.0
    } else if has_body(&headers) {
        Body::from_request(request, &front).await?.0
    } else {
        Map::new()
    };
    if let Some((name, header)) = endpoint.header {
        take_header(&headers, name, header, &mut fields)?;
    }
    for (name, value) in endpoint.fixed {
        let value = match value {
            Fixed::Text(text) => Value::from(*text),
            Fixed::Flag(flag) => Value::from(*flag),
            Fixed::Null => Value::Null,
            Fixed::Given if fields.get(*name).is_some_and(|value| !value.is_null()) => continue,
            Fixed::Given => return Err(ServiceError::invalid(*name, "required").into()),
        };
        fields.insert((*name).to_owned(), value);
    }
    // Last: what the path says is what the request is about.
    fields.extend(params.iter().map(|(name, value)| (name.to_owned(), Value::from(value))));
    let command = Command::parse(endpoint.op, Value::Object(fields))?;
    let value = front.run("rest", &caller.0.actor, command).await?;
    let repeated = value.get("duplicate").and_then(Value::as_bool).unwrap_or(false);
    let status = if endpoint.created && !repeated { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, data(value)).into_response())
}

/// A request without one leaves all fields to their defaults.
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(axum::http::header::CONTENT_LENGTH);
    headers.contains_key(axum::http::header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

fn take_header(
    headers: &HeaderMap,
    name: &'static str,
    header: Header,
    fields: &mut Map<String, Value>,
) -> Result<(), Problem> {
    let Some(value) = headers.get(name) else { return Ok(()) };
    let text = value.to_str().map_err(|_| ServiceError::invalid(name, "visible ASCII"))?;
    match header {
        Header::Text(field) => {
            if fields.get(field).is_some_and(|given| given != text) {
                return Err(ServiceError::invalid(field, format!("equal to the header {name}")).into());
            }
            fields.insert(field.to_owned(), text.into());
        }
        Header::Revision(field) => {
            let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
            let digits = bare.bytes().all(|byte| byte.is_ascii_digit());
            let rev: Option<u64> = bare.parse().ok().filter(|_| digits);
            let rev = rev.ok_or_else(|| ServiceError::invalid(name, "a revision number"))?;
            fields.insert(field.to_owned(), rev.into());
        }
    }
    Ok(())
}

/// The caller of a request: extracted from its bearer token.
pub(super) struct Caller(pub identity::Bearer);

impl FromRequestParts<Front> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().cloned();
        let peer = peer.ok_or_else(|| Problem::new(Code::ServerUnavailable, "the connection is unknown"))?;
        if front.is_draining() {
            return Err(Problem::new(Code::ServerDraining, "the server is shutting down"));
        }
        Ok(Self(identity::from_headers(front, &parts.headers, peer.ip).await?))
    }
}

/// A JSON object as body, with our errors instead of axum's.
pub(super) struct Body(pub Map<String, Value>);

impl FromRequest<Front> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &Front) -> Result<Self, Problem> {
        let Json(value) = Json::<Value>::from_request(request, front).await.map_err(|rejection| {
            let status = rejection.status();
            let code = match status {
                StatusCode::PAYLOAD_TOO_LARGE => Code::LimitSize,
                _ => Code::ValidationFailed,
            };
            let message = match status {
                StatusCode::PAYLOAD_TOO_LARGE => "the body is too large",
                StatusCode::UNSUPPORTED_MEDIA_TYPE => "the body must be application/json",
                _ => "the body is not valid JSON",
            };
            Problem::with_status(code, status, message)
        })?;
        match value {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(ServiceError::invalid("body", "a JSON object").into()),
        }
    }
}

/// The query as a JSON object: numbers, flags and lists where fields of that name are.
pub(super) struct Params(pub Map<String, Value>);

const NUMBERS: &[&str] = &["limit", "before", "after", "around", "afterRev"];
const FLAGS: &[&str] = &["archived", "unread", "verify"];
/// Separated by commas.
const LISTS: &[&str] = &["userIds"];

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| ServiceError::invalid("query", "key=value pairs"))?;
        let mut map = Map::new();
        for (key, text) in pairs {
            let name = key.as_str();
            let value = match (text.parse::<u64>(), text.parse::<bool>()) {
                (Ok(number), _) if NUMBERS.contains(&name) => number.into(),
                (_, Ok(flag)) if FLAGS.contains(&name) => flag.into(),
                _ if LISTS.contains(&name) => {
                    text.split(',').filter(|item| !item.is_empty()).map(Value::from).collect()
                }
                _ => text.into(),
            };
            map.insert(key, value);
        }
        Ok(Self(map))
    }
}

pub(super) fn data(value: Value) -> Response {
    Json(json!({ "data": value })).into_response()
}

pub(super) fn decode<T: DeserializeOwned>(map: Map<String, Value>) -> Result<T, Problem> {
    serde_json::from_value(Value::Object(map))
        .map_err(|error| ServiceError::invalid("body", error.to_string()).into())
}
