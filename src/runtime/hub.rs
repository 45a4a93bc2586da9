//! The tokio-facing side of the shards: places rooms, carries commands in and events out.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::mpsc;

use super::stats::ShardStats;
use crate::{
    base::id::{ParticipantId, RoomId},
    room::{
        command::{AutoSubscribe, Command, MediaGrants},
        event::Event,
    },
};

/// Settings of the media plane.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Shard `n` binds `listen.port() + n` (all 0 if the port is 0).
    pub listen: SocketAddr,
    /// Addresses put into candidates instead of the bound one; the port is the shard's unless one is given.
    pub advertise: Vec<AdvertisedAddress>,
    /// Number of shard threads; 0 = one per core.
    pub shards: usize,
    pub max_participants_per_room: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvertisedAddress {
    pub ip: std::net::IpAddr,
    /// `None` = the shard's own port; set when a port forward or test emulator stands in front.
    pub port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    #[error("the media shard is overloaded")]
    Overloaded,
    #[error("the server is draining")]
    Draining,
    #[error("the room is full")]
    RoomFull,
}

/// Everything needed to enter a room.
#[derive(Debug)]
pub struct JoinRequest {
    pub room: RoomId,
    pub participant: ParticipantId,
    pub identity: Arc<str>,
    pub grants: MediaGrants,
    pub auto: AutoSubscribe,
    /// Bounded; a receiver that lets it fill up is closed (its participant leaves).
    pub events: mpsc::Sender<Event>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct MediaHub {}

impl MediaHub {
    /// Starts the shard threads. Fails if a port cannot be bound.
    pub fn start(_config: MediaConfig) -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Enters a room; `Event::Joined` arrives on `request.events`.
    pub fn join(&self, _request: JoinRequest) -> Result<(), HubError> {
        Err(HubError::Overloaded)
    }

    /// Sends a command to a participant that joined. Unknown participants are ignored.
    pub fn send(&self, _room: RoomId, _participant: ParticipantId, _command: Command) -> Result<(), HubError> {
        Err(HubError::Overloaded)
    }

    /// One entry per shard; a shard that does not answer within a second is missing.
    pub async fn stats(&self) -> Vec<ShardStats> {
        Vec::new()
    }

    /// Bound UDP addresses, one per shard.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// Refuse new joins, then close everything with `CloseReason::Draining` and stop the threads.
    pub async fn shutdown(&self) {}
}
