//! `convene load`: bots that join a real server and check every frame they get.
//!
//! Bots use the `rtc` crate and none of our own transport or media code, so that they are a second opinion.
//! `bot` is the signalling half of one bot (tokio), `engine` the media half of all (one thread); `source` makes
//! frames, `check` judges them, `totals` and `report` add up. `chat` is a tool of its own, for messages.

pub mod args;
mod bot;
pub mod chat;
mod chat_probe;
mod check;
mod churn;
mod engine;
mod engine_bot;
mod histogram;
mod nacks;
pub mod payload;
pub mod peer;
pub mod report;
mod rooms;
mod rtx;
mod scrape;
mod signalling;
mod sink;
pub mod source;
mod token;
mod totals;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

pub use self::{args::Args, report::Report};
use self::{
    bot::{BotSpec, Progress, Shared, Stage},
    chat_probe::{Acks, ChatProbe},
    churn::ChurnReport,
    engine::Command,
    histogram::Histogram,
    report::{Join, PunctualReport, Quantiles, Readings, SinkReport, Steps},
    scrape::Sends,
};
use crate::{observe::process::Usage, runtime::clock};

/// Retransmissions and the last frames of paced senders still count for this long.
const DRAIN: Duration = Duration::from_secs(1);
/// Progress of bots; each sends at most five.
const PROGRESS: usize = 1_024;
/// How long bots may take to say goodbye.
const LEAVE_DEADLINE: Duration = Duration::from_secs(5);
/// Failures listed in the report; the number is complete.
const LISTED_FAILURES: usize = 20;

/// Joins all bots, measures, leaves. `Err` if no measurement was possible.
pub async fn run(args: Args) -> anyhow::Result<Outcome> {
    let mistakes = args.mistakes();
    if !mistakes.is_empty() {
        bail!("{}", mistakes.join("; "));
    }
    let own = std::process::id();
    let mut tokens = token::for_bots(&args).await?;
    let chat_token = if args.chat_rate > 0 { tokens.pop() } else { None };
    let talkative = (args.bots() - args.idle) as usize;
    let rooms = rooms::make(&args, tokens.get(talkative..).unwrap_or_default()).await?;
    // After the sign-in: hashing passwords takes memory that has nothing to do with calls.
    let server_before_joins = server_usage(&args)?;
    let (engine, _thread) = engine::start()?;
    let shared = Arc::new(Shared {
        url: args.url.clone(),
        server: args.url.resolve().await?,
        layer: args.simulcast.then_some(args.layer),
        foreign: args.foreign,
        engine,
        stage: watch::Sender::new(if args.staged { Stage::Session } else { Stage::Media }),
        ramp: args.ramp,
        participants: Mutex::new(HashMap::new()),
    });

    if args.churn > 0 {
        return Ok(Outcome::Churn(churn::run(&args, shared, &tokens, &rooms).await?));
    }
    let mut crew = Crew::new(Arc::clone(&shared));
    let steps = crew.join_all(&args, tokens, &rooms, server_before_joins).await?;
    let server_after_joins = server_usage(&args)?;
    crew.progress_until(clock::now() + args.warmup, |_| false).await;
    if crew.connected.is_empty() {
        bail!("no bot got in: {}", crew.failures.first().map_or("no answer in time", String::as_str));
    }

    let chat = match chat_token {
        Some(token) => Some(ChatProbe::open(&args.url, &token, &args.channel, args.chat_rate).await?),
        None => None,
    };
    let sends_before = sends(&args).await;
    // A script that disturbs the measurement on purpose waits for this line.
    eprintln!("measuring");
    let stop = watch::Sender::new(false);
    let chat = chat.map(|probe| tokio::spawn(probe.run(stop.subscribe())));
    shared.engine.ask(|done| Command::OpenWindow { deadline: args.deadline, done }).await?;
    let before = (usage_of(own)?, server_usage(&args)?);
    crew.progress_until(clock::now() + args.duration, |_| false).await;
    shared.engine.ask(|done| Command::CloseWindow { done }).await?;
    let after = (usage_of(own)?, server_usage(&args)?);
    stop.send_replace(true);
    let acks = match chat {
        Some(task) => Some(task.await?.context("the chat probe")?),
        None => None,
    };
    let packets_per_send =
        sends(&args).await.zip(sends_before).and_then(|(after, before)| after.packets_per_send_since(before));
    crew.progress_until(clock::now() + DRAIN, |_| false).await;
    let totals = shared.engine.ask(|done| Command::Totals { done }).await?;

    let readings = Readings { own: (before.0, after.0), server_before_joins, server: before.1.zip(after.1) };
    let join = Join {
        connected: Quantiles::from(&crew.connected_times),
        first_media: Quantiles::from(&crew.first_media_times),
        server_cpu_ms: server_before_joins
            .zip(server_after_joins)
            .map(|(before, after)| after.cpu_since(&before).as_secs_f64() * 1000.0 / crew.joins()),
        steps,
        with_media: args.publishers + args.meeting > 0,
    };
    let failures = crew.leave().await;
    let mut report = Report::new(args.bots(), failures, &totals, join, &readings);
    report.sink = args.sink.then(|| SinkReport::new(&totals));
    report.punctual = args.deadline.map(|deadline| PunctualReport::new(deadline, &totals));
    report.chat_ack_ms = acks.as_ref().map(|Acks { times }| Quantiles::from(times));
    report.packets_per_send = packets_per_send;
    report.failures.truncate(LISTED_FAILURES);
    if let Some(path) = &args.out {
        std::fs::write(path, serde_json::to_string_pretty(&report)?).context("write the report")?;
    }
    Ok(Outcome::Media(Box::new(report)))
}

/// What a run was about.
#[derive(Debug, serde::Serialize)]
#[serde(untagged)]
pub enum Outcome {
    Media(Box<Report>),
    Churn(ChurnReport),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media(report) => report.fmt(f),
            Self::Churn(churn) => churn.fmt(f),
        }
    }
}

/// Runs, prints the report, and fails if less than `--min-delivered` arrived or bots fell out.
pub async fn run_and_print(args: Args) -> anyhow::Result<()> {
    let (json, min_delivered) = (args.json, args.min_delivered);
    let outcome = run(args).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print!("{outcome}");
    }
    let report = match outcome {
        Outcome::Media(report) => report,
        Outcome::Churn(churn) if churn.failed > 0 => bail!("{} cycles failed", churn.failed),
        Outcome::Churn(_) => return Ok(()),
    };
    match min_delivered {
        Some(min) if report.lossless() < min => {
            bail!("delivered {:.4}, wanted at least {min}", report.lossless())
        }
        Some(_) if report.failed > 0 => bail!("{} bots failed", report.failed),
        _ => Ok(()),
    }
}

/// The bots' tasks and what they have told so far.
struct Crew {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Progress>,
    progress: mpsc::Receiver<Progress>,
    stop: watch::Sender<bool>,
    /// Bots that have opened their session, and those that have joined.
    did: [HashSet<u32>; 2],
    connected: HashSet<u32>,
    seen_media: HashSet<u32>,
    failed: HashSet<u32>,
    failures: Vec<String>,
    connected_times: Histogram,
    first_media_times: Histogram,
    /// Joined when nobody sent yet: its first media is late for no fault of the server.
    first_sender: Option<u32>,
}

impl Crew {
    fn new(shared: Arc<Shared>) -> Self {
        let (sender, progress) = mpsc::channel(PROGRESS);
        Self {
            shared,
            tasks: JoinSet::new(),
            sender,
            progress,
            stop: watch::Sender::new(false),
            did: Default::default(),
            connected: HashSet::new(),
            seen_media: HashSet::new(),
            failed: HashSet::new(),
            failures: Vec::new(),
            connected_times: Histogram::default(),
            first_media_times: Histogram::default(),
            first_sender: None,
        }
    }

    /// Senders first; receivers follow when those are connected, so that their join time is the server's.
    async fn join_all(
        &mut self,
        args: &Args,
        tokens: Vec<String>,
        rooms: &[String],
        before: Option<Usage>,
    ) -> anyhow::Result<Option<Steps>> {
        let deadline = clock::now() + args.join_timeout;
        let plans = args.plans();
        let alone = args.meeting > 0 && args.publishers == 0;
        self.first_sender = alone.then_some(0);
        let senders: HashSet<u32> = (0..args.publishers).collect();
        let mut watchers = HashSet::new();
        for ((id, plan), token) in (0u32..).zip(plans).zip(tokens) {
            if plan.receives {
                if watchers.is_empty() && !args.staged {
                    self.progress_until(deadline, |crew| senders.is_subset(&crew.arrived())).await;
                }
                if args.publishers + args.meeting > u32::from(alone && id == 0) {
                    watchers.insert(id);
                }
            }
            let idle_before = id.checked_sub(args.bots() - args.idle);
            let room = idle_before.and_then(|idle| rooms.get(idle as usize));
            let channel = room.unwrap_or(&args.channel).clone();
            let spec = BotSpec { id, token, channel, plan };
            self.tasks.spawn(bot::run(
                spec,
                Arc::clone(&self.shared),
                self.sender.clone(),
                self.stop.subscribe(),
            ));
            self.progress_until(clock::now() + args.ramp, |_| false).await;
        }
        let all: HashSet<u32> = (0..args.bots()).collect();
        let mut readings = vec![before];
        for (step, next) in [(0, Stage::Call), (1, Stage::Media)].into_iter().filter(|_| args.staged) {
            self.progress_until(deadline, |crew| {
                crew.did
                    .get(step)
                    .is_some_and(|did| all.iter().all(|bot| did.contains(bot) || crew.failed.contains(bot)))
            })
            .await;
            readings.push(server_usage(args)?);
            self.shared.stage.send_replace(next);
        }
        self.progress_until(deadline, |crew| {
            let media: HashSet<u32> = crew.seen_media.union(&crew.failed).copied().collect();
            all.is_subset(&crew.arrived()) && watchers.is_subset(&media)
        })
        .await;
        let arrived = self.arrived();
        let outside = all.difference(&arrived).map(|id| format!("bot {id}: not connected in time"));
        let outside: Vec<_> = outside.collect();
        let blind = watchers.difference(&self.seen_media).filter(|id| self.connected.contains(id));
        let blind: Vec<_> = blind.map(|id| format!("bot {id}: no media in time")).collect();
        self.failures.extend(outside);
        self.failures.extend(blind);
        readings.push(server_usage(args)?);
        let [Some(start), Some(opened), Some(joined), Some(connected)] = readings.as_slice() else {
            return Ok(None);
        };
        let each = |from: &Usage, to: &Usage| to.cpu_since(from).as_secs_f64() * 1000.0 / self.joins();
        Ok(Some(Steps {
            session_cpu_ms: each(start, opened),
            call_cpu_ms: each(opened, joined),
            media_cpu_ms: each(joined, connected),
        }))
    }

    /// For a mean: at least one.
    fn joins(&self) -> f64 {
        self.connected.len().max(1) as f64
    }

    /// Connected, or given up.
    fn arrived(&self) -> HashSet<u32> {
        self.connected.union(&self.failed).copied().collect()
    }

    /// Takes in what bots tell until `deadline`, or until `enough`.
    async fn progress_until(&mut self, deadline: Instant, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            match tokio::time::timeout_at(deadline.into(), self.progress.recv()).await {
                Ok(Some(progress)) => self.take(progress),
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Did(bot, stage) => {
                if let Some(did) = self.did.get_mut(stage as usize) {
                    did.insert(bot);
                }
            }
            Progress::Connected(bot, time) => {
                self.connected.insert(bot);
                self.connected_times.record(time);
            }
            Progress::FirstMedia(bot, time) => {
                self.seen_media.insert(bot);
                if self.first_sender != Some(bot) {
                    self.first_media_times.record(time);
                }
            }
            Progress::Failed(bot, why) => {
                self.failed.insert(bot);
                self.failures.push(format!("bot {bot}: {why}"));
            }
        }
    }

    async fn leave(mut self) -> Vec<String> {
        self.stop.send_replace(true);
        let all_left = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LEAVE_DEADLINE, all_left).await.is_err() {
            self.failures.push("some bots could not leave in time".into());
        }
        while let Ok(progress) = self.progress.try_recv() {
            self.take(progress);
        }
        self.failures
    }
}

/// Nothing if the server does not count its sends or keeps its metrics to itself.
async fn sends(args: &Args) -> Option<Sends> {
    Sends::read(&args.url.metrics().await.ok()?)
}

fn server_usage(args: &Args) -> anyhow::Result<Option<Usage>> {
    args.server_pid.map(usage_of).transpose()
}

fn usage_of(pid: u32) -> anyhow::Result<Usage> {
    Usage::of(pid).with_context(|| format!("cannot read /proc/{pid}"))
}
