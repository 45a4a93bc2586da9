//! The OpenAPI document and a page to browse it. Both are public: they say nothing of this server but its version.

use axum::{
    Router,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{schema::openapi, state::Front};

pub(super) fn routes() -> Router<Front> {
    Router::new()
        .route(
            "/openapi.json",
            get(async |headers: HeaderMap| serve(&headers, "application/json", &openapi::TEXT)),
        )
        .route("/docs", get(async |headers: HeaderMap| serve(&headers, "text/html; charset=utf-8", PAGE)))
        .route(
            "/docs/page.js",
            get(async |headers: HeaderMap| serve(&headers, "text/javascript; charset=utf-8", SCRIPT)),
        )
        .route(
            "/docs/page.css",
            get(async |headers: HeaderMap| serve(&headers, "text/css; charset=utf-8", STYLE)),
        )
}

fn serve(request: &HeaderMap, mime: &'static str, text: &'static str) -> Response {
    let etag = etag(text);
    let fresh = request.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) == Some(etag.as_str());
    let mut response = if fresh { StatusCode::NOT_MODIFIED.into_response() } else { text.into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn etag(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let hex: String = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
const PAGE: &str = include_str!("docs/page.html");
const SCRIPT: &str = include_str!("docs/page.js");
const STYLE: &str = include_str!("docs/page.css");
