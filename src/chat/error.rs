//! The one error that every command returns, with its stable wire code.

use std::time::Duration;

/// Stable error codes; `as_str` is what goes on the wire, `http_status` what REST answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    AuthRequired,
    AuthInvalid,
    AuthExpired,
    AuthUserInactive,
    AuthBanned,
    PermDenied,
    PermNotMember,
    PermReadOnly,
    PermBlocked,
    PermTimeout,
    NotFoundChannel,
    NotFoundMessage,
    NotFoundUser,
    NotFoundCall,
    ValidationFailed,
    ConflictRev,
    ConflictDuplicate,
    ConflictState,
    LimitRate,
    LimitSize,
    LimitCount,
    CallFull,
    CallBusy,
    CallEnded,
    CallNotInCall,
    RtcNegotiation,
    ServerFull,
    ServerDraining,
    ServerUnavailable,
    OpUnknown,
}

impl Code {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthRequired => "auth.required",
            Self::AuthInvalid => "auth.invalid",
            Self::AuthExpired => "auth.expired",
            Self::AuthUserInactive => "auth.user_inactive",
            Self::AuthBanned => "auth.banned",
            Self::PermDenied => "perm.denied",
            Self::PermNotMember => "perm.not_member",
            Self::PermReadOnly => "perm.read_only",
            Self::PermBlocked => "perm.blocked",
            Self::PermTimeout => "perm.timeout",
            Self::NotFoundChannel => "not_found.channel",
            Self::NotFoundMessage => "not_found.message",
            Self::NotFoundUser => "not_found.user",
            Self::NotFoundCall => "not_found.call",
            Self::ValidationFailed => "validation.failed",
            Self::ConflictRev => "conflict.rev",
            Self::ConflictDuplicate => "conflict.duplicate",
            Self::ConflictState => "conflict.state",
            Self::LimitRate => "limit.rate",
            Self::LimitSize => "limit.size",
            Self::LimitCount => "limit.count",
            Self::CallFull => "call.full",
            Self::CallBusy => "call.busy",
            Self::CallEnded => "call.ended",
            Self::CallNotInCall => "call.not_in_call",
            Self::RtcNegotiation => "rtc.negotiation",
            Self::ServerFull => "server.full",
            Self::ServerDraining => "server.draining",
            Self::ServerUnavailable => "server.unavailable",
            Self::OpUnknown => "op.unknown",
        }
    }

    pub const fn http_status(self) -> u16 {
        match self {
            Self::AuthRequired | Self::AuthInvalid | Self::AuthExpired => 401,
            Self::AuthUserInactive
            | Self::AuthBanned
            | Self::PermDenied
            | Self::PermNotMember
            | Self::PermReadOnly
            | Self::PermBlocked
            | Self::PermTimeout => 403,
            Self::NotFoundChannel | Self::NotFoundMessage | Self::NotFoundUser | Self::NotFoundCall => 404,
            Self::ConflictRev | Self::ConflictDuplicate | Self::ConflictState => 409,
            Self::CallFull | Self::CallBusy | Self::CallNotInCall => 409,
            Self::CallEnded => 410,
            Self::LimitSize => 413,
            Self::ValidationFailed | Self::LimitCount | Self::RtcNegotiation => 422,
            Self::LimitRate => 429,
            Self::ServerFull | Self::ServerDraining | Self::ServerUnavailable => 503,
            Self::OpUnknown => 400,
        }
    }
}

/// One broken rule of a payload: `content: 1..=10000 chars`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    pub path: String,
    pub rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct ServiceError {
    pub code: Code,
    /// For people; never SQL, addresses or other internals.
    pub message: String,
    pub retry_after: Option<Duration>,
    pub details: Vec<Violation>,
}

impl ServiceError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, details: Vec::new() }
    }

    pub fn invalid(path: impl Into<String>, rule: impl Into<String>) -> Self {
        let (path, rule) = (path.into(), rule.into());
        Self {
            code: Code::ValidationFailed,
            message: format!("{path}: {rule}"),
            retry_after: None,
            details: vec![Violation { path, rule }],
        }
    }

    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}
