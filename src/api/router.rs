//! All routes and the layers around them.

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::{any, get},
};

use super::{health, page, rest, state::Front, whip, ws};
use crate::auth::invite::is_like_a_code;

pub fn build(front: Front) -> Router {
    Router::new()
        .route("/ws", any(ws::upgrade))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .nest("/api/v1", rest::routes().layer(DefaultBodyLimit::max(MAX_JSON_BODY)))
        .merge(whip::routes())
        .fallback(fallback)
        .layer(middleware::from_fn_with_state(front.clone(), around))
        .with_state(front)
}

async fn fallback(State(front): State<Front>, request: Request) -> Response {
    page::serve(&front, request.method(), request.uri(), request.headers()).await
}

/// Counts every request and adds the headers that every answer has.
async fn around(State(front): State<Front>, request: Request<Body>, next: Next) -> Response {
    let method = request.method().clone();
    let path = loggable(request.uri().path());
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    front.metrics.http(status);
    tracing::debug!(%method, path, status, "http");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

/// A path as a log may show it: without what lets somebody in.
fn loggable(path: &str) -> String {
    // Also what only resembles a code, such as one that lost a character on its way.
    if path.starts_with(INVITES) {
        return format!("{INVITES}…");
    }
    let shown = |part| if is_like_a_code(part) { "…" } else { part };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

const INVITES: &str = "/api/v1/invites/";
/// A message of 10 000 characters of four bytes each, escaped, still fits.
const MAX_JSON_BODY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::invite::InviteCode;

    #[test]
    fn codes_of_links_are_in_no_log() {
        let code = InviteCode::new([7; 16]);
        let code = code.expose();
        for path in [
            format!("/api/v1/invites/{code}"),
            format!("/api/v1/invites/{code}/guests"),
            format!("/api/v1/invites/{code}."),
            format!("/join/{code}"),
        ] {
            assert!(!loggable(&path).contains(code), "{path}");
        }
        for path in ["/", "/api/v1/channels/01HF7YAT00000000000000001A/invites", "/livez"] {
            assert_eq!(loggable(path), path);
        }
    }
}
