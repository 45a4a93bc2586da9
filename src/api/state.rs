//! What every front door needs, built once by `app`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::Value;

use super::{
    gateway::registry::Registry,
    limits::{Connections, Gates},
    rtc::MediaDoor,
    whip::resource::Resources,
};
use crate::{
    auth::{grants::Actor, origin::OriginPolicy, token::Tokens},
    chat::{command::Command, error::ServiceError},
    config::Config,
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
    pub origins: OriginPolicy,
    pub gates: Gates,
    pub connections: Arc<Connections>,
    pub resources: Resources,
    pub metrics: Arc<Metrics>,
    pub draining: AtomicBool,
    pub in_flight: AtomicUsize,
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
        let result = self.services.execute(actor, command).await;
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

    /// What clients are told about STUN and TURN.
    pub fn ice_servers(&self) -> Value {
        self.config.ice_servers.iter().map(crate::config::IceServer::to_client).collect()
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
