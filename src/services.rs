//! The services behind every front door: they authorise, change durable state, and tell those who must know.
//!
//! Knows no socket and no SQL. Front doors decode to a `Command`, call `execute`, and encode what comes back.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    auth::grants::Actor,
    base::id::{CallId, ParticipantId, UserId},
    call::media_plane::{MediaPlane, MediaState},
    chat::{broadcast::Broadcast, command::Command, error::ServiceError, model::UserRecord},
    store::Store,
};

mod config;

pub use config::{CallConfig, PasswordCost, RateScale, ServicesConfig};

/// Cheap to clone.
#[derive(Clone)]
pub struct Services {
    _inner: Arc<()>,
}

/// The identity in a token minted by an integrator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExternalUser {
    /// The `sub` claim: one of our user ids, a known external id, a username, or something new.
    pub sub: String,
    pub name: Option<String>,
    pub username: Option<String>,
}

/// An account to create (`serve --dev`, tests, later administration).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAccount {
    /// 2-32 of `a-z 0-9 . _ -`.
    pub username: String,
    pub name: String,
    /// `None` = cannot log in with a password.
    pub password: Option<String>,
    pub admin: bool,
}

impl Services {
    /// Makes the general channel, ends the calls a dead predecessor left behind, starts the timers.
    pub async fn start(
        _store: Arc<dyn Store>,
        _broadcast: Arc<dyn Broadcast>,
        _media: Arc<dyn MediaPlane>,
        _config: ServicesConfig,
    ) -> Result<Self, ServiceError> { unimplemented!() }

    /// Every non-session command of every front door.
    ///
    /// When it returns, the change is committed and the events it caused have been handed to `Broadcast`.
    pub async fn execute(&self, _actor: &Actor, _command: Command) -> Result<Value, ServiceError> { unimplemented!() }

    /// A session starts: `{user, channels[], presence[], activeCalls[]}` for `session:ready`.
    pub async fn session_opened(&self, _actor: &Actor) -> Result<Value, ServiceError> { unimplemented!() }

    /// The socket came back by resume.
    pub async fn session_attached(&self, _actor: &Actor) { }

    /// The socket is lost, the session may still resume.
    pub async fn session_detached(&self, _actor: &Actor) { }

    /// The session is gone for good.
    pub async fn session_closed(&self, _actor: &Actor) { }

    /// A callee's session received `call:incoming`; the initiator is told `call:ringing`.
    pub async fn incoming_acked(&self, _actor: &Actor, _call: CallId) { }

    pub async fn media_event(&self, _call: CallId, _participant: ParticipantId, _state: MediaState) { }

    /// `auth.invalid` for an unknown name and for a wrong password alike, after the same work.
    pub async fn login(&self, _username: &str, _password: &str) -> Result<UserRecord, ServiceError> { unimplemented!() }

    /// The user a token of an integrator speaks of; created if unknown and allowed.
    pub async fn ensure_user(&self, _external: &ExternalUser) -> Result<UserRecord, ServiceError> { unimplemented!() }

    pub async fn user(&self, _id: UserId) -> Result<UserRecord, ServiceError> { unimplemented!() }

    /// `conflict.duplicate` if the username is taken.
    pub async fn create_user(&self, _account: NewAccount) -> Result<UserRecord, ServiceError> { unimplemented!() }

    /// A round trip to the database, for health checks.
    pub async fn ping(&self) -> Result<(), ServiceError> { unimplemented!() }

    /// Ends gracefully: queued writes are committed, timers stop.
    pub async fn drain(&self) { }
}
