//! What `convene load chat` can be told.

use std::time::Duration;

use super::super::{args::duration, signalling::ServerUrl};

/// Measure the chat of a running server over real WebSockets
///
/// People are made by minted tokens and rooms by them; both stay, so measure a server of your own, with
/// `chat.rate_scale = 0` and `server.max_connections_per_ip = 0`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub mode: Mode,
}

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Mode {
    /// Messages to rooms: acknowledgements, deliveries, their delays, and whether each arrived once and in order
    FanOut(FanOut),
    /// What connections cost that only sit there
    Idle(Idle),
    /// All sockets are lost at once and come back with a resume, while somebody goes on writing
    Storm(Storm),
    /// What it costs that one person's status changes, among many connections
    Presence(Presence),
}

#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// The server, `http://host:port`
    #[arg(long, default_value = "http://127.0.0.1:7880")]
    pub url: ServerUrl,
    /// The server's process, for CPU and memory
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// Id of the signing key that tokens are minted with
    #[arg(long)]
    pub key_id: String,
    #[arg(long, env = "LOADTEST_KEY_SECRET", hide_env_values = true)]
    pub key_secret: String,
    /// Connections per person, as with several devices; at most 32
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub sessions: u32,
    /// Connections that are opened at the same time
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub at_once: u32,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub struct FanOut {
    #[command(flatten)]
    pub common: Common,
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// People in each room, at most 500
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub members: u32,
    /// Messages per second, over all rooms
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// Instead of a rate: every writer has this many messages under way, for the largest rate there is
    #[arg(long, conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub in_flight: Option<u32>,
    /// Connections per room that write; all if not said
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub writers: Option<u32>,
    /// Characters of a message
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub size: u32,
    /// Before measuring, at the same rate
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub warmup: Duration,
    /// How long to measure
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub duration: Duration,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Idle {
    #[command(flatten)]
    pub common: Common,
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// People in each room; every person is in one
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub members: u32,
    /// How long they sit there before memory is read
    #[arg(long, default_value = "3s", value_parser = duration)]
    pub duration: Duration,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Storm {
    #[command(flatten)]
    pub common: Common,
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// People in each room, who watch each other's presence; somebody writes to the first room
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub members: u32,
    /// Messages per second to the first room
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rate: u32,
    /// Writing before the sockets are cut
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub warmup: Duration,
    /// How long all may take to come back
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub patience: Duration,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Presence {
    #[command(flatten)]
    pub common: Common,
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// Connections that watch the one person
    #[arg(long, default_value_t = 100)]
    pub watchers: u32,
    /// Changes of the one person's status, one every 2.4 s
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..))]
    pub flips: u32,
}
