//! One bot's life: sign in, join, negotiate, follow the room, leave. Media is the engine's.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::{
    engine::{BotEvent, Command, EngineHandle},
    engine_bot::MediaPlan,
    payload::MediaKind,
    peer::Offer,
    signalling::{Event, ServerUrl, Session},
};
use crate::runtime::clock;

/// Events of one bot's media; the bot reads them at once. Full: they are lost and the bot never gets ready.
const BOT_EVENTS: usize = 64;

/// What all bots share.
pub struct Shared {
    pub url: ServerUrl,
    pub server: SocketAddr,
    /// Layer subscribers ask for; `None` leaves it to the server.
    pub layer: Option<u8>,
    pub foreign: bool,
    pub engine: EngineHandle,
    /// How far bots may go; all the way from the start unless the run is staged.
    pub stage: watch::Sender<Stage>,
    pub ramp: Duration,
    /// Participant id → bot, so that received media can be held against who should have sent it.
    pub participants: Mutex<HashMap<String, u32>>,
}

/// Steps of a join, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Sign in: socket and hello.
    Session,
    /// `voice:join`.
    Call,
    /// Offer, ICE, DTLS, answer.
    Media,
}

impl Shared {
    /// Until the bot may take the step; in a staged run its turn comes `ramp` after that of the bot before.
    async fn may(&self, bot: u32, stage: Stage) {
        let mut allowed = self.stage.subscribe();
        if *allowed.borrow() < stage {
            // The sender is ours: it cannot be gone.
            let _ = allowed.wait_for(|allowed| *allowed >= stage).await;
            tokio::time::sleep(self.ramp * bot).await;
        }
    }
}

#[derive(Debug, Clone)]
pub struct BotSpec {
    pub id: u32,
    pub token: String,
    pub channel: String,
    pub plan: MediaPlan,
}

/// What a bot tells the run.
#[derive(Debug)]
pub enum Progress {
    /// The bot has taken this step; `Connected` tells of the last.
    Did(u32, Stage),
    /// Time from `voice:join`, in a staged run from the offer.
    Connected(u32, Duration),
    FirstMedia(u32, Duration),
    /// The bot is out of the run.
    Failed(u32, String),
}

/// Runs until `stop`; failures are reported, not returned.
pub async fn run(
    spec: BotSpec,
    shared: Arc<Shared>,
    progress: mpsc::Sender<Progress>,
    stop: watch::Receiver<bool>,
) {
    let id = spec.id;
    if let Err(error) = live(spec, &shared, &progress, stop).await {
        // The run has ended if nobody listens.
        let _ = progress.send(Progress::Failed(id, format!("{error:#}"))).await;
    }
    let _ = shared.engine.send(Command::Remove { bot: id });
}

async fn live(
    spec: BotSpec,
    shared: &Shared,
    progress: &mpsc::Sender<Progress>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let session = Session::open(&shared.url, &spec.token).await?;
    let (events, mut media) = mpsc::channel(BOT_EVENTS);
    let mut bot = Bot { id: spec.id, shared, session, call: String::new(), participant: String::new() };
    progress.send(Progress::Did(spec.id, Stage::Session)).await?;

    shared.may(spec.id, Stage::Call).await;
    let mut start = clock::now();
    bot.join(&spec).await?;
    progress.send(Progress::Did(spec.id, Stage::Call)).await?;
    if *shared.stage.borrow() < Stage::Media {
        shared.may(spec.id, Stage::Media).await;
        start = clock::now();
    }
    shared.engine.send(Command::Add { bot: spec.id, plan: spec.plan, server: shared.server, events })?;
    loop {
        let next_ping = bot.session.next_ping();
        // Cancellation safe: channel, socket and watch keep what is not taken.
        tokio::select! {
            event = media.recv() => match event.ok_or(anyhow!("the media thread has dropped the bot"))? {
                BotEvent::Offer(offer) => bot.offer(offer).await?,
                BotEvent::Connected(at) => {
                    progress.send(Progress::Connected(spec.id, at.saturating_duration_since(start))).await?;
                }
                BotEvent::FirstMedia(at) => {
                    progress.send(Progress::FirstMedia(spec.id, at.saturating_duration_since(start))).await?;
                }
                BotEvent::Failed(why) => bail!(why),
            },
            event = bot.session.next_event() => bot.event(event?).await?,
            () = tokio::time::sleep_until(next_ping.into()) => bot.session.ping().await?,
            () = stopped(&mut stop) => break,
        }
    }
    bot.session.call("voice:leave", json!({"callId": bot.call})).await?;
    bot.session.close().await;
    Ok(())
}

struct Bot<'a> {
    id: u32,
    shared: &'a Shared,
    session: Session,
    call: String,
    participant: String,
}

impl Bot<'_> {
    async fn join(&mut self, spec: &BotSpec) -> anyhow::Result<()> {
        let request = json!({"channelId": spec.channel, "muted": !spec.plan.audio, "deafened": false});
        let joined = self.session.call("voice:join", request).await?;
        self.call = text(&joined, "callId")?;
        self.participant = text(&joined, "participantId")?;
        let mut participants = self.shared.participants.lock().unwrap_or_else(PoisonError::into_inner);
        participants.insert(self.participant.clone(), self.id);
        Ok(())
    }

    async fn offer(&mut self, offer: Offer) -> anyhow::Result<()> {
        let tracks: Vec<_> = offer
            .sending
            .iter()
            .map(|(mid, source)| json!({"mid": mid, "source": source, "muted": false}))
            .collect();
        let request =
            json!({"callId": self.call, "sdp": offer.sdp, "gen": offer.generation, "tracks": tracks});
        self.session.send("rtc:offer", request).await.map(drop)
    }

    async fn event(&mut self, event: Event) -> anyhow::Result<()> {
        let Event { name, data } = event;
        if data.get("callId").is_some_and(|call| call.as_str() != Some(&self.call)) {
            return Ok(());
        }
        match name.as_str() {
            "rtc:answer" => {
                let generation = data.get("gen").and_then(Value::as_u64).context("rtc:answer without gen")?;
                let sdp = text(&data, "sdp")?;
                self.shared.engine.send(Command::Answer { bot: self.id, generation, sdp })
            }
            "rtc:sections" => {
                let count = |key| data.get(key).and_then(Value::as_u64).unwrap_or(0).min(512) as usize;
                let (audio, video) = (count("audio"), count("video"));
                self.shared.engine.send(Command::Sections { bot: self.id, audio, video })
            }
            "rtc:track" => self.track(&data).await,
            "rtc:state" if data.get("state").and_then(Value::as_str) == Some("closed") => {
                bail!("the server closed the media session: {data}")
            }
            "session:drain" => bail!("the server is draining"),
            "error" => bail!("the server reports {data}"),
            _ => Ok(()),
        }
    }

    async fn track(&mut self, data: &Value) -> anyhow::Result<()> {
        if data.get("state").and_then(Value::as_str) != Some("published") {
            return Ok(());
        }
        let track = text(data, "trackId")?;
        let kind = match data.get("kind").and_then(Value::as_str) {
            Some("audio") => MediaKind::Audio,
            _ => MediaKind::Video,
        };
        let publisher = {
            let participants = self.shared.participants.lock().unwrap_or_else(PoisonError::into_inner);
            participants.get(&text(data, "participantId")?).copied()
        };
        match publisher {
            Some(publisher) => {
                let track = track.clone();
                self.shared.engine.send(Command::Track { bot: self.id, track, publisher, kind })?;
            }
            None if self.shared.foreign => {}
            // People may be in the room too; their media is not ours to judge.
            None => return Ok(()),
        }
        let of_others = publisher != Some(self.id);
        if let Some(layer) = self.shared.layer.filter(|_| kind == MediaKind::Video && of_others) {
            let wishes = json!([{"trackId": track, "layer": layer}]);
            self.session.send("rtc:subscribe", json!({"callId": self.call, "tracks": wishes})).await?;
        }
        Ok(())
    }
}

/// Returns when the run is over.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the run is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn text(data: &Value, key: &str) -> anyhow::Result<String> {
    data.get(key).and_then(Value::as_str).map(str::to_owned).ok_or(anyhow!("{key} is missing"))
}
