//! What failures mean to a client.

use crate::{
    base::time::rfc3339,
    chat::{
        command::Command,
        error::{Code, ServiceError},
    },
    store::{self, StoreError},
};

/// What a store error means to a client; `missing` is the code for rows that are absent or invisible.
pub(super) fn store_error(error: StoreError, missing: Code) -> ServiceError {
    match error {
        StoreError::NotFound => ServiceError::new(missing, "no such thing, or not visible to you"),
        StoreError::Duplicate => ServiceError::new(Code::ConflictDuplicate, "it exists already"),
        StoreError::StaleRev(rev) => {
            ServiceError::new(Code::ConflictRev, format!("it changed meanwhile, it is at revision {rev}"))
        }
        StoreError::State => ServiceError::new(Code::ConflictState, "not possible in this state"),
        StoreError::Denied => ServiceError::new(Code::PermDenied, "you may not do this"),
        StoreError::ReadOnly => ServiceError::new(Code::PermReadOnly, "only administrators may write here"),
        StoreError::TimedOut(until) => {
            let until = rfc3339(until);
            ServiceError::new(Code::PermTimeout, format!("you may not write here until {until}"))
        }
        StoreError::Slow(wait_ms) => ServiceError::new(Code::LimitRate, "the channel is in slow mode")
            .retry_after(std::time::Duration::from_millis(wait_ms)),
        StoreError::Blocked => ServiceError::new(Code::PermBlocked, "this person has blocked you"),
        StoreError::NoUser => ServiceError::new(Code::NotFoundUser, "no such user here"),
        StoreError::Invalid { path, rule } => ServiceError::invalid(path, rule),
        StoreError::Full => ServiceError::new(Code::LimitCount, "there are as many as there may be"),
        StoreError::Unavailable(why) => {
            tracing::error!(%why, "the store failed");
            let retry = std::time::Duration::from_secs(1);
            ServiceError::new(Code::ServerUnavailable, "the database is unavailable").retry_after(retry)
        }
    }
}

pub(super) trait StoredResult<T> {
    fn or_not_found(self, missing: Code) -> Result<T, ServiceError>;
}

impl<T> StoredResult<T> for store::Result<T> {
    fn or_not_found(self, missing: Code) -> Result<T, ServiceError> {
        self.map_err(|error| store_error(error, missing))
    }
}

/// A message or call in a channel one may not see does not exist.
pub(super) fn hide(error: ServiceError, command: &Command) -> ServiceError {
    if error.code != Code::NotFoundChannel {
        return error;
    }
    match command.name() {
        name if name.starts_with("message:") && name != "message:mark_read" && name != "message:send" => {
            ServiceError::new(Code::NotFoundMessage, "no such message")
        }
        name if name.starts_with("thread:") && name != "thread:list" => {
            ServiceError::new(Code::NotFoundMessage, "no such message")
        }
        name if name.starts_with("schedule:") && name != "schedule:list" => {
            ServiceError::new(Code::NotFoundMessage, "no such message")
        }
        "invite:revoke" => ServiceError::new(Code::NotFoundInvite, "no such link"),
        name if name.starts_with("call:") && name != "call:start" && name != "call:history" => {
            ServiceError::new(Code::NotFoundCall, "no such call")
        }
        _ => error,
    }
}
