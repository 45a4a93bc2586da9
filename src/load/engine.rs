//! The media half of all bots: one thread, one socket per bot, one poll loop.
//!
//! A thread of its own because bots must be cheap and punctual: they share the machine with the server they
//! measure. One socket per bot because the server tells clients apart by their address. Sockets are read one
//! datagram at a time, as a phone does; GRO here would flatter the server's sending.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::{mpsc, oneshot};

use super::{
    engine_bot::{BotMedia, MediaPlan, Received},
    payload::MediaKind,
    peer::Offer,
    sink,
    totals::{Totals, Window},
};
use crate::runtime::clock;

/// Commands waiting for the thread. Full: the sender fails its bot.
const COMMANDS: usize = 4_096;
/// Readiness events per wake-up; more come with the next one.
const EVENTS: usize = 256;
/// The longest sleep, so that an error in a timeout cannot stop the thread for good.
const MAX_SLEEP: Duration = Duration::from_millis(100);
const WAKE: Token = Token(usize::MAX);

/// From signalling to media.
#[derive(Debug)]
pub enum Command {
    /// Make a connection; answered by `BotEvent::Offer`.
    Add {
        bot: u32,
        plan: MediaPlan,
        server: SocketAddr,
        events: mpsc::Sender<BotEvent>,
    },
    Answer {
        bot: u32,
        generation: u64,
        sdp: String,
    },
    Sections {
        bot: u32,
        audio: usize,
        video: usize,
    },
    /// Media of this track comes from that bot.
    Track {
        bot: u32,
        track: String,
        publisher: u32,
        kind: MediaKind,
    },
    Remove {
        bot: u32,
    },
    /// Delivery counts from now on.
    OpenWindow {
        deadline: Option<Duration>,
        done: oneshot::Sender<()>,
    },
    /// Frames that begin from now on do not count.
    CloseWindow {
        done: oneshot::Sender<()>,
    },
    Totals {
        done: oneshot::Sender<Totals>,
    },
}

/// From media to signalling.
#[derive(Debug)]
pub enum BotEvent {
    Offer(Offer),
    Connected(Instant),
    /// The first whole frame (a keyframe, if it is video).
    FirstMedia(Instant),
    Failed(String),
}

/// Cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    commands: SyncSender<Command>,
    waker: Arc<Waker>,
}

impl EngineHandle {
    pub fn send(&self, command: Command) -> anyhow::Result<()> {
        match self.commands.try_send(command) {
            Ok(()) => Ok(self.waker.wake()?),
            Err(TrySendError::Full(_)) => bail!("the media thread does not keep up"),
            Err(TrySendError::Disconnected(_)) => bail!("the media thread has ended"),
        }
    }

    pub async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> anyhow::Result<T> {
        let (done, answer) = oneshot::channel();
        self.send(command(done))?;
        answer.await.context("the media thread has ended")
    }
}

/// Starts the thread; it ends when the last handle is dropped.
pub fn start() -> anyhow::Result<(EngineHandle, JoinHandle<()>)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (commands, receiver) = sync_channel(COMMANDS);
    let engine = Engine {
        poll,
        commands: receiver,
        bots: BTreeMap::new(),
        start: clock::now(),
        window: None,
        buffer: vec![0; sink::BUFFER],
    };
    let thread = std::thread::Builder::new().name("load-media".into()).spawn(move || engine.run())?;
    Ok((EngineHandle { commands, waker }, thread))
}

struct Engine {
    poll: Poll,
    commands: Receiver<Command>,
    bots: BTreeMap<u32, BotMedia>,
    /// Zero of the clock in the markers.
    start: Instant,
    window: Option<Window>,
    buffer: Vec<u8>,
}

/// The last handle is gone.
struct Ended;

impl Engine {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let now = clock::now();
            let due = self.bots.values().map(BotMedia::next_due).min();
            let sleep = due.map_or(MAX_SLEEP, |due| due.saturating_duration_since(now).min(MAX_SLEEP));
            if self.poll.poll(&mut events, Some(sleep)).is_err() {
                // Interrupted by a signal; the next round sleeps again.
                continue;
            }
            for event in &events {
                if event.token() != WAKE
                    && let Ok(bot) = u32::try_from(event.token().0)
                {
                    self.read(bot);
                }
            }
            // Commands last: an answer read above may be what a command is waiting for, never the reverse.
            if self.commands().is_err() {
                break;
            }
            self.timeouts();
        }
        for bot in self.bots.values_mut() {
            bot.close();
        }
    }

    fn read(&mut self, bot: u32) {
        let Some(bot) = self.bots.get_mut(&bot) else { return };
        let mut received =
            Received { start: self.start, window: self.window.as_mut(), buffer: &mut self.buffer };
        bot.read(&mut received);
    }

    fn timeouts(&mut self) {
        let now = clock::now();
        for bot in self.bots.values_mut().filter(|bot| bot.next_due() <= now) {
            bot.handle_timeout(now, self.start, self.window.as_mut());
        }
    }

    fn commands(&mut self) -> Result<(), Ended> {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.command(command),
                Err(std::sync::mpsc::TryRecvError::Empty) => return Ok(()),
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return Err(Ended),
            }
        }
    }

    fn command(&mut self, command: Command) {
        let now = clock::now();
        match command {
            Command::Add { bot, plan, server, events } => {
                if let Err(error) = self.add(now, bot, plan, server, events.clone()) {
                    let _ = events.try_send(BotEvent::Failed(format!("{error:#}")));
                }
            }
            Command::Answer { bot, generation, sdp } => {
                self.with(bot, |bot| bot.answer(now, generation, sdp));
            }
            Command::Sections { bot, audio, video } => self.with(bot, |bot| bot.sections(now, audio, video)),
            Command::Track { bot, track, publisher, kind } => {
                self.with(bot, |bot| bot.know_track(track, publisher, kind));
            }
            Command::Remove { bot } => {
                if let Some(mut bot) = self.bots.remove(&bot) {
                    bot.close();
                }
            }
            Command::OpenWindow { deadline, done } => {
                let mut window = Window::open(now, self.next_frames());
                window.set_deadline(deadline.unwrap_or(Duration::MAX));
                for bot in self.bots.values_mut() {
                    bot.open_window(&window);
                }
                self.window = Some(window);
                let _ = done.send(());
            }
            Command::CloseWindow { done } => {
                let ends = self.next_frames();
                for bot in self.bots.values_mut() {
                    bot.close_window(&ends);
                }
                if let Some(window) = &mut self.window {
                    window.close(now, ends);
                }
                let _ = done.send(());
            }
            Command::Totals { done } => {
                let mut totals = self.window.as_ref().map(Totals::of).unwrap_or_default();
                for (id, bot) in &self.bots {
                    bot.add_to(*id, self.window.as_ref(), &mut totals);
                }
                let _ = done.send(totals);
            }
        }
    }

    fn with(&mut self, bot: u32, action: impl FnOnce(&mut BotMedia)) {
        if let Some(bot) = self.bots.get_mut(&bot) {
            action(bot);
        }
    }

    fn add(
        &mut self,
        now: Instant,
        id: u32,
        plan: MediaPlan,
        server: SocketAddr,
        events: mpsc::Sender<BotEvent>,
    ) -> anyhow::Result<()> {
        let mut bot = BotMedia::new(now, id, plan, server, events)?;
        let token = Token(usize::try_from(id).map_err(|_| anyhow!("too many bots"))?);
        self.poll.registry().register(bot.socket(), token, Interest::READABLE)?;
        if let Some(window) = &self.window {
            bot.open_window(window);
        }
        self.bots.insert(id, bot);
        Ok(())
    }

    /// What every source sends next.
    fn next_frames(&self) -> HashMap<(u32, MediaKind), u32> {
        self.bots
            .iter()
            .flat_map(|(id, bot)| bot.next_frames().map(|(kind, frame)| ((*id, kind), frame)))
            .collect()
    }
}
