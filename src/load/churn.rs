//! Coming and going: every bot makes a call, connects, leaves, and does it again. Memory has to come back.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use anyhow::bail;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    Args,
    bot::{self, BotSpec, Progress, Shared},
};
use crate::observe::process::Usage;

/// Cycles before memory is first looked at: caches fill, the allocator learns.
const WARM_UP: u32 = 500;
/// How long the server has to forget sessions and to give memory back; its resume window must be shorter.
const REST: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChurnReport {
    pub cycles: u32,
    pub failed: u32,
    pub first_failure: Option<String>,
    /// Resident memory of the server after the first 500 cycles, and after all of them.
    pub resident_bytes: (u64, u64),
    /// CPU of the server per cycle: sign-in, call, connection, and the end of all three.
    pub cpu_ms_per_cycle: f64,
}

impl fmt::Display for ChurnReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.resident_bytes;
        writeln!(f, "cycles             {} ({} failed)", self.cycles, self.failed)?;
        writeln!(f, "server             {:.2} ms CPU per cycle", self.cpu_ms_per_cycle)?;
        writeln!(f, "resident           {:.1} MB, then {:.1} MB", before as f64 / 1e6, after as f64 / 1e6)?;
        self.first_failure.iter().try_for_each(|why| writeln!(f, "failed: {why}"))
    }
}

struct Churn<'a> {
    shared: Arc<Shared>,
    tokens: &'a [String],
    rooms: &'a [String],
    plan: super::engine_bot::MediaPlan,
    failures: Vec<String>,
}

/// Needs `--idle`, `--rooms` and `--server-pid`.
pub async fn run(
    args: &Args,
    shared: Arc<Shared>,
    tokens: &[String],
    rooms: &[String],
) -> anyhow::Result<ChurnReport> {
    let (Some(pid), Some(plan)) = (args.server_pid, args.plans().pop()) else {
        bail!("--churn needs --server-pid and --idle");
    };
    let usage = || Usage::of(pid).ok_or_else(|| anyhow::anyhow!("cannot read /proc/{pid}"));
    let mut churn = Churn { shared, tokens, rooms, plan, failures: Vec::new() };
    churn.cycles(WARM_UP.min(args.churn)).await;
    tokio::time::sleep(REST).await;
    let before = usage()?;
    let rest = args.churn.saturating_sub(WARM_UP);
    churn.cycles(rest).await;
    let busy = usage()?;
    tokio::time::sleep(REST).await;
    let after = usage()?;
    Ok(ChurnReport {
        cycles: args.churn,
        failed: churn.failures.len() as u32,
        first_failure: churn.failures.first().cloned(),
        resident_bytes: (before.resident_bytes, after.resident_bytes),
        cpu_ms_per_cycle: busy.cpu_since(&before).as_secs_f64() * 1000.0 / f64::from(rest.max(1)),
    })
}

impl Churn<'_> {
    /// As many at a time as there are bots, each in a room of its own.
    async fn cycles(&mut self, count: u32) {
        let (sender, mut progress) = mpsc::channel(64);
        let mut tasks = JoinSet::new();
        let mut stops: HashMap<u32, watch::Sender<bool>> = HashMap::new();
        let mut left = count;
        for slot in 0..self.tokens.len() as u32 {
            if left > 0 {
                left -= 1;
                self.begin(slot, &sender, &mut tasks, &mut stops);
            }
        }
        // Cancel-safe: neither loses what is not taken.
        while !tasks.is_empty() {
            tokio::select! {
                Some(news) = progress.recv() => match news {
                    Progress::Connected(bot, _) => {
                        if let Some(stop) = stops.get(&bot) {
                            stop.send_replace(true);
                        }
                    }
                    Progress::Failed(_, why) => self.failures.push(why),
                    Progress::Did(..) | Progress::FirstMedia(..) => {}
                },
                Some(ended) = tasks.join_next() => match ended {
                    Ok(slot) if left > 0 => {
                        left -= 1;
                        self.begin(slot, &sender, &mut tasks, &mut stops);
                    }
                    Ok(_) => {}
                    Err(error) => self.failures.push(error.to_string()),
                }
            }
        }
        while let Ok(news) = progress.try_recv() {
            if let Progress::Failed(_, why) = news {
                self.failures.push(why);
            }
        }
    }

    fn begin(
        &self,
        slot: u32,
        sender: &mpsc::Sender<Progress>,
        tasks: &mut JoinSet<u32>,
        stops: &mut HashMap<u32, watch::Sender<bool>>,
    ) {
        let of = |list: &[String]| list.get(slot as usize).cloned().unwrap_or_default();
        let spec = BotSpec { id: slot, token: of(self.tokens), channel: of(self.rooms), plan: self.plan };
        let stop = watch::Sender::new(false);
        let life = bot::run(spec, Arc::clone(&self.shared), sender.clone(), stop.subscribe());
        stops.insert(slot, stop);
        tasks.spawn(async move {
            life.await;
            slot
        });
    }
}
