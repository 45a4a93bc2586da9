//! What every front door needs, built once by `app`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::{Map, Value};

use super::{
    gateway::registry::Registry,
    identity::now_s,
    limits::{Connections, Gates},
    oversight::{self, Vitals},
    probe::Tests,
    rtc::MediaDoor,
    whip::resource::Resources,
};
use crate::{
    auth::{grants::Actor, origin::OriginPolicy, refresh::RefreshTokens, token::Tokens, turn_rest},
    base::id::{SessionId, UserId},
    chat::{command::Command, error::ServiceError},
    config::{Config, IceServer, Secret},
    observe::metrics::Metrics,
    runtime::{clock, hub::MediaHub},
    services::Services,
};

/// Cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub services: Services,
    pub registry: Arc<Registry>,
    pub media: Arc<MediaDoor>,
    pub hub: MediaHub,
    pub tokens: Tokens,
    pub refresh_tokens: RefreshTokens,
    pub origins: OriginPolicy,
    pub gates: Gates,
    pub connections: Arc<Connections>,
    pub resources: Resources,
    pub metrics: Arc<Metrics>,
    pub draining: AtomicBool,
    pub in_flight: AtomicUsize,
    pub tests: Tests,
    pub vitals: Vitals,
}

impl Front {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
        self.metrics.draining.set(1);
    }

    /// Runs a command, counted and timed. `door` names the front door in metrics.
    pub async fn run(
        &self,
        door: &'static str,
        actor: &Actor,
        command: Command,
    ) -> Result<Value, ServiceError> {
        let _guard = self.busy();
        let (name, started) = (command.name(), clock::now());
        let mut result = self.services.execute(actor, command).await;
        // What only the front doors know is filled in here.
        if let Ok(Value::Object(answer)) = &mut result {
            match name {
                "admin:overview" => oversight::put_overview(self, answer).await,
                "admin:policy" => oversight::put_policy(&self.config, answer),
                // Services know who joins, not which relays there are nor what is sent: answers of joins have empty
                // places for them.
                _ if answer.contains_key("iceServers") => {
                    self.put_ice_servers(answer, actor.user);
                    self.put_tracks(answer, actor.session).await;
                }
                _ => {}
            }
        }
        let took = clock::now().saturating_duration_since(started);
        let error = result.as_ref().err().map(|error| error.code.as_str());
        self.metrics.command(name, door, error, took);
        tracing::debug!(door, op = name, user = %actor.user, error, took_ms = took.as_millis(), "command");
        result
    }

    /// Work that a drain waits for.
    pub fn busy(&self) -> Busy {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        Busy(self.clone())
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// What a client is told about STUN and TURN, with credentials of its own. Strangers hear of no server that needs
    /// some.
    pub fn ice_servers(&self, user: Option<UserId>) -> Vec<IceServer> {
        let mut servers = self.config.ice_servers.clone();
        let Some(user) = user else {
            servers.retain(|server| server.username.is_empty());
            return servers;
        };
        let turn = &self.config.turn;
        if turn.is_on() {
            let made =
                turn_rest::credentials(turn.secret.expose(), &user.to_string(), now_s(), turn.ttl.get());
            servers.push(IceServer {
                urls: turn.urls.clone(),
                username: made.username,
                credential: Secret::new(made.password),
            });
        }
        servers
    }

    /// The same in an answer, with the seconds after which they are worth nothing (0 = never).
    pub fn put_ice_servers(&self, answer: &mut Map<String, Value>, user: UserId) {
        let turn = &self.config.turn;
        let ttl = if turn.is_on() { turn.ttl.get().as_secs() } else { 0 };
        answer.insert(
            "iceServers".into(),
            self.ice_servers(Some(user)).iter().map(IceServer::to_client).collect(),
        );
        answer.insert("iceServersTtl".into(), ttl.into());
    }

    async fn put_tracks(&self, answer: &mut Map<String, Value>, session: SessionId) {
        let call = answer.get("callId").and_then(Value::as_str).and_then(|call| call.parse().ok());
        if let Some(call) = call {
            answer.insert("tracks".into(), self.media.found_on_entry(session, call).await.into());
        }
    }
}

impl std::ops::Deref for Front {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

pub struct Busy(Front);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}
