//! The web page, from inside the binary, with the headers that keep it safe.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use super::{error::Problem, state::Front};
use crate::chat::error::Code;

/// Empty if the page has not been built; debug builds read the folder at run time.
#[derive(RustEmbed)]
#[folder = "web-demo/dist"]
#[allow_missing = true]
struct Files;

/// Every `GET` that is no API route: a file of the page, or the page itself for its own routes.
pub async fn serve(front: &Front, method: &Method, uri: &Uri, request: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Problem::with_status(Code::OpUnknown, StatusCode::METHOD_NOT_ALLOWED, "no such operation")
            .into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let api =
        ["api/", "whip/", "whep/", "ws/"].iter().any(|prefix| path.starts_with(prefix)) || path == "api";
    if api {
        return Problem::with_status(Code::OpUnknown, StatusCode::NOT_FOUND, "no such resource")
            .into_response();
    }
    let (name, file) = match Files::get(path) {
        Some(file) if !path.is_empty() => (path, file),
        // A missing asset is missing; any other path is a view of the page.
        _ if path.starts_with("assets/")
            || path.rsplit('/').next().is_some_and(|last| last.contains('.')) =>
        {
            return (StatusCode::NOT_FOUND, "not found\n").into_response();
        }
        _ => match Files::get("index.html") {
            Some(file) => ("index.html", file),
            None => {
                return (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], NOT_BUILT)
                    .into_response();
            }
        },
    };
    let etag = etag_of(&file.metadata.sha256_hash());
    let fresh = request.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) == Some(etag.as_str());
    let mut response =
        if fresh { StatusCode::NOT_MODIFIED.into_response() } else { file.data.into_owned().into_response() };
    let headers = response.headers_mut();
    let mime = file.metadata.mimetype();
    let mime = if mime.starts_with("text/") { format!("{mime}; charset=utf-8") } else { mime.to_owned() };
    set(headers, header::CONTENT_TYPE, &mime);
    set(headers, header::ETAG, &etag);
    // Names under assets/ contain a hash of the content.
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(headers, header::CACHE_CONTROL, cache);
    set(headers, header::CONTENT_SECURITY_POLICY, &content_security_policy(front, request));
    set(headers, header::HeaderName::from_static("permissions-policy"), PERMISSIONS);
    set(headers, header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn etag_of(hash: &[u8]) -> String {
    use std::fmt::Write;
    hash.iter().take(16).fold(String::from("\""), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }) + "\""
}

/// No inline script or style, no foreign origin, Trusted Types (demo-ux.md 6).
fn content_security_policy(front: &Front, request: &HeaderMap) -> String {
    let host = request.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    let sockets = host.map(|host| {
        // Behind TLS only wss; plain ws is for a server without it.
        let tls = front.config.server.public_url.starts_with("https://");
        if tls { format!(" wss://{host}") } else { format!(" ws://{host} wss://{host}") }
    });
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
         media-src 'self' blob:; font-src 'self'; connect-src 'self'{}; worker-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types convene",
        sockets.unwrap_or_default()
    )
}

/// Nothing that could end a directive.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
}

const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), \
                           screen-wake-lock=(self), fullscreen=(self), picture-in-picture=(self), autoplay=(self), \
                           geolocation=(), payment=(), usb=()";

const NOT_BUILT: &str = "Convene is running, but its page has not been built.\n\
                         Build it with `make web` (or `make run`), then reload. The API is at /api/v1, the socket at /ws.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_cannot_break_the_policy() {
        for good in ["127.0.0.1:7880", "meet.example.org", "[::1]:7880"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "a; script-src *", "a b", "a'b", "a,b", "*"] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
