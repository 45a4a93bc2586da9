//! One person's status changes, and a few of many connections watch it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context as _;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    args,
    report::line,
    stage::{Seat, Stage, server_usage},
    wire::{self, Kind},
};

/// Nobody needs a room of more people for this.
const MEMBERS: usize = 50;
/// A change, and as long without one; the server gathers changes for up to a second.
const SPAN: Duration = Duration::from_millis(1_200);

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub connections: usize,
    pub watchers: usize,
    pub flips: u32,
    /// `presence:changed` frames that came to the watchers, and that should have.
    pub heard: u64,
    pub expected: u64,
    /// The same at connections that do not watch.
    pub overheard: u64,
    /// CPU of the server per second without any change: timers, sweeps.
    pub idle_cpu_ms: f64,
    /// CPU of the server per change, beyond that: the difference of two medians.
    pub cpu_ms_per_flip: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "connections", format_args!("{}, {} of them watch", self.connections, self.watchers))?;
        line(
            f,
            "changes",
            format_args!(
                "{}, heard {} of {} times, {} by others",
                self.flips, self.heard, self.expected, self.overheard
            ),
        )?;
        line(f, "server, idle", format_args!("{:.2} ms CPU per second", self.idle_cpu_ms))?;
        line(f, "per change", format_args!("{:.2} ms CPU beyond that", self.cpu_ms_per_flip))
    }
}

pub async fn run(args: &args::Presence) -> anyhow::Result<Report> {
    let connections = args.connections as usize;
    let watchers = (args.watchers as usize).min(connections.saturating_sub(1));
    let usage = || server_usage(&args.common)?.context("give --server-pid: its CPU is the question");
    usage()?;
    let stage = Stage::set(&args.common, connections, MEMBERS).await?;
    let star = stage.person(Seat { person: 0, room: 0 })?.user.clone();
    let (heard, overheard) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut links = stage.connect(connections).await?.into_iter();
    let (_, mut flipper, _) = links.next().context("nobody is connected")?;
    let mut crew = JoinSet::new();
    for (number, (_, mut link, _)) in links.enumerate() {
        let watches = number < watchers;
        if watches {
            link.call(1, "presence:subscribe", &json!({"userIds": [star]}), |_| {}).await?;
        }
        let count = Arc::clone(if watches { &heard } else { &overheard });
        crew.spawn(async move {
            let take = |frame: &[u8]| {
                if wire::kind(frame) == Kind::PresenceChanged {
                    count.fetch_add(1, Relaxed);
                }
            };
            while link.read(take).await.is_ok() {}
        });
    }
    // Until what the connecting left behind is done.
    tokio::time::sleep(2 * SPAN).await;
    heard.store(0, Relaxed);
    overheard.store(0, Relaxed);
    // By turns, because other things have a beat too: all connections are pinged when they have been silent for long.
    let (mut quiet, mut changed) = (Vec::new(), Vec::new());
    for flip in 0..args.flips {
        let start = usage()?;
        tokio::time::sleep(SPAN).await;
        let between = usage()?;
        let status = if flip % 2 == 0 { "away" } else { "online" };
        flipper.call(flip + 1, "presence:update", &json!({"status": status}), |_| {}).await?;
        tokio::time::sleep(SPAN).await;
        quiet.push(between.cpu_since(&start));
        changed.push(usage()?.cpu_since(&between));
    }
    let (quiet, changed) = (median_ms(quiet), median_ms(changed));
    Ok(Report {
        connections,
        watchers,
        flips: args.flips,
        heard: heard.load(Relaxed),
        expected: watchers as u64 * u64::from(args.flips),
        overheard: overheard.load(Relaxed),
        idle_cpu_ms: quiet / SPAN.as_secs_f64(),
        cpu_ms_per_flip: changed - quiet,
    })
}

/// The middle one, in milliseconds.
fn median_ms(mut spans: Vec<Duration>) -> f64 {
    spans.sort_unstable();
    spans.get(spans.len() / 2).map_or(0.0, |span| span.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_disturbed_span_does_not_matter() {
        let spans = [3, 1, 900, 2, 4].map(Duration::from_millis);
        assert_eq!(median_ms(spans.to_vec()), 3.0);
        assert_eq!(median_ms(Vec::new()), 0.0);
    }
}
