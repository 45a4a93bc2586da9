//! Connections that only sit there: what each costs the server.

use std::fmt;

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::{
    args,
    report::{ServerCost, line},
    stage::{Stage, server_usage},
};
use crate::runtime::clock;

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub connections: usize,
    pub rooms: usize,
    /// To connect them all and open their sessions.
    pub connect_seconds: f64,
    /// CPU of the server for that, per connection.
    pub connect_cpu_ms: f64,
    /// Before the first connection, with all accounts and rooms made.
    pub resident_before_bytes: u64,
    pub resident_bytes: u64,
    /// Growth of resident memory per connection, and of the part of it that is heap and stacks.
    pub bytes_per_connection: f64,
    pub heap_bytes_per_connection: f64,
    /// Connections that did not last.
    pub cut: usize,
    /// While they sit there.
    pub server: ServerCost,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(
            f,
            "connections",
            format_args!("{} of people in {} rooms, {} cut", self.connections, self.rooms, self.cut),
        )?;
        line(
            f,
            "to connect",
            format_args!("{:.1} s, {:.2} ms CPU each", self.connect_seconds, self.connect_cpu_ms),
        )?;
        let (before, after) = (self.resident_before_bytes as f64 / 1e6, self.resident_bytes as f64 / 1e6);
        line(f, "resident", format_args!("{before:.1} MB, then {after:.1} MB"))?;
        let (all, heap) = (self.bytes_per_connection / 1e3, self.heap_bytes_per_connection / 1e3);
        line(f, "per connection", format_args!("{all:.2} kB, of it {heap:.2} kB heap and stacks"))?;
        line(f, "server, idle", self.server)
    }
}

pub async fn run(args: &args::Idle) -> anyhow::Result<Report> {
    let connections = args.connections as usize;
    let usage = || server_usage(&args.common)?.context("give --server-pid: its memory is the question");
    usage()?;
    let stage = Stage::set(&args.common, connections, args.members as usize).await?;
    let before = usage()?;
    let start = clock::now();
    let mut crew = JoinSet::new();
    for (_, mut link, _) in stage.connect(connections).await? {
        // Pings are answered; everything else is nobody's business here.
        crew.spawn(async move { while link.read(|_| {}).await.is_ok() {} });
    }
    let connect_seconds = clock::now().saturating_duration_since(start).as_secs_f64();
    let connected = usage()?;
    tokio::time::sleep(args.duration).await;
    let after = usage()?;
    let grown = |before: u64, after: u64| (after as f64 - before as f64) / connections as f64;
    let mut cut = 0;
    while crew.try_join_next().is_some() {
        cut += 1;
    }
    Ok(Report {
        connections,
        rooms: stage.rooms.len(),
        connect_seconds,
        connect_cpu_ms: connected.cpu_since(&before).as_secs_f64() * 1000.0 / connections as f64,
        resident_before_bytes: before.resident_bytes,
        resident_bytes: after.resident_bytes,
        bytes_per_connection: grown(before.resident_bytes, after.resident_bytes),
        heap_bytes_per_connection: grown(before.anonymous_bytes, after.anonymous_bytes),
        cut,
        server: ServerCost::new(&connected, &after, args.duration.as_secs_f64()),
    })
}
