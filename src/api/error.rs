//! Service errors as HTTP answers (RFC 9457) and trace ids.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::chat::error::{Code, ServiceError};

/// An error on its way to an HTTP client.
#[derive(Debug)]
pub struct Problem {
    pub error: ServiceError,
    /// Overrides the status of the code where HTTP has a better word (415, 412, 428).
    pub status: Option<StatusCode>,
}

impl Problem {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { error: ServiceError::new(code, message), status: None }
    }

    pub fn with_status(code: Code, status: StatusCode, message: impl Into<String>) -> Self {
        Self { error: ServiceError::new(code, message), status: Some(status) }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        Self { error, status: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.error.code;
        let status = self
            .status
            .or_else(|| StatusCode::from_u16(code.http_status()).ok())
            .unwrap_or(StatusCode::BAD_REQUEST);
        let trace = trace_id();
        if status.is_server_error() {
            tracing::warn!(code = code.as_str(), trace, message = self.error.message, "request failed");
        }
        let mut body = json!({
            "type": "about:blank", "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(), "code": code.as_str(), "detail": self.error.message, "traceId": trace,
        });
        if !self.error.details.is_empty() {
            body["details"] = json!(self.error.details);
        }
        if let Some(wait) = self.error.retry_after {
            body["retryAfter"] = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into();
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.error.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Connects what a user reports with a line in the log.
pub fn trace_id() -> String {
    format!("{:012x}", rand::random::<u64>() >> 16)
}
