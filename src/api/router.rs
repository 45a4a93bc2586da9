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
    let path = request.uri().path().to_owned();
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

/// A message of 10 000 characters of four bytes each, escaped, still fits.
const MAX_JSON_BODY: usize = 64 * 1024;
