//! The one error that every command returns, with its stable wire code.

use std::time::Duration;

macro_rules! codes {
    ($($name:ident = $text:literal $status:literal),+ $(,)?) => {
        /// Stable error codes; `as_str` is what goes on the wire, `http_status` what REST answers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($name),+ }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            pub const fn http_status(self) -> u16 {
                match self { $(Self::$name => $status),+ }
            }
        }
    };
}

codes! {
    AuthRequired = "auth.required" 401,
    AuthInvalid = "auth.invalid" 401,
    AuthExpired = "auth.expired" 401,
    AuthUserInactive = "auth.user_inactive" 403,
    AuthRevoked = "auth.revoked" 401,
    AuthBanned = "auth.banned" 403,
    PermDenied = "perm.denied" 403,
    PermNotMember = "perm.not_member" 403,
    PermReadOnly = "perm.read_only" 403,
    PermBlocked = "perm.blocked" 403,
    PermTimeout = "perm.timeout" 403,
    NotFoundChannel = "not_found.channel" 404,
    NotFoundMessage = "not_found.message" 404,
    NotFoundUser = "not_found.user" 404,
    NotFoundCall = "not_found.call" 404,
    NotFoundSession = "not_found.session" 404,
    NotFoundFilter = "not_found.filter" 404,
    NotFoundInvite = "not_found.invite" 404,
    ValidationFailed = "validation.failed" 422,
    ValidationFiltered = "validation.filtered" 422,
    ConflictRev = "conflict.rev" 409,
    ConflictDuplicate = "conflict.duplicate" 409,
    ConflictState = "conflict.state" 409,
    InviteGone = "invite.gone" 410,
    LimitRate = "limit.rate" 429,
    LimitSize = "limit.size" 413,
    LimitCount = "limit.count" 422,
    CallFull = "call.full" 409,
    CallBusy = "call.busy" 409,
    CallEnded = "call.ended" 410,
    CallNotInCall = "call.not_in_call" 409,
    CallLocked = "call.locked" 403,
    RtcNegotiation = "rtc.negotiation" 422,
    ServerFull = "server.full" 503,
    ServerDraining = "server.draining" 503,
    ServerUnavailable = "server.unavailable" 503,
    OpUnknown = "op.unknown" 400,
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
