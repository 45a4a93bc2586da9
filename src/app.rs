//! The composition root: the only place that sees every layer. Builds, serves, drains.

mod demo;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};

use anyhow::Context;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::{
    api::{
        self,
        gateway::{
            frame::{Class, OutFrame},
            registry::Registry,
            session::Cut,
        },
        identity::now_s,
        limits::{Connections, Gates},
        oversight::Vitals,
        rtc::MediaDoor,
        state::{Front, Parts},
    },
    auth::{origin::OriginPolicy, refresh::RefreshTokens, token::Tokens},
    call::media_plane::MediaPlane,
    chat::{
        broadcast::Broadcast,
        filter::{Filter, FilterAction, WordFilter},
    },
    config::{self, Config, Synchronous},
    observe::metrics::Metrics,
    runtime::{
        clock,
        hub::{AdvertisedAddress, MediaConfig, MediaHub},
        tcp::listener::Limits,
    },
    services::{CallConfig, RateProfile, RateScale, Services, ServicesConfig},
    store::{
        Store,
        sql::{SqlStore, SqliteConfig, source::Address},
    },
};

pub use demo::{DEMO_PASSWORD, DEMO_USERS};

/// A running server.
pub struct App {
    front: Front,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Of the registry; they end with this.
    _rounds: JoinSet<()>,
}

impl App {
    /// Opens the database, starts shards and services, binds, and begins to serve.
    pub async fn start(config: Config, dev: bool) -> anyhow::Result<Self> {
        let store = open_store(&config).await?;
        let hub = MediaHub::start(media_config(&config))
            .with_context(|| format!("cannot listen for media on {}", config.media.listen))?;
        let listener = TcpListener::bind(config.server.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.server.listen))?;
        let address = listener.local_addr()?;
        let metrics = Arc::new(Metrics::new());
        let registry = Registry::new(Arc::clone(&metrics));
        let media = MediaDoor::new(hub.clone(), Arc::clone(&registry));
        let services = Services::start(
            store,
            Arc::clone(&registry) as Arc<dyn Broadcast>,
            Arc::clone(&media) as Arc<dyn MediaPlane>,
            services_config(&config),
        )
        .await
        .context("the services cannot start")?;
        media.connect(services.clone());
        if dev {
            demo::create_accounts(&services).await?;
        }
        let keys = config.auth.keys.iter().map(|key| (key.id.as_str(), key.secret.expose()));
        let tokens = Tokens::new(keys, &config.auth.issuer, &config.auth.audience);
        let secrets = config.auth.keys.iter().map(|key| key.secret.expose());
        let refresh_tokens = RefreshTokens::new(secrets);
        let origins = std::iter::once(config.server.public_url.as_str())
            .chain(config.server.allowed_origins.iter().map(String::as_str));
        let front = Front::new(Parts {
            origins: OriginPolicy::new(origins, dev),
            gates: Gates::new(&config.auth),
            connections: Connections::new(&config.server),
            resources: Default::default(),
            draining: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            tests: Default::default(),
            vitals: Vitals::new(clock::wall_ms()),
            services,
            registry,
            media,
            hub,
            tokens,
            refresh_tokens,
            metrics,
            config,
        });
        let (stop, stopped) = watch::channel(false);
        let router = api::router::build(front.clone());
        let tasks = vec![
            tokio::spawn(api::server::run(listener, router, front.clone(), stopped.clone())),
            tokio::spawn(housekeeping(front.clone(), stopped)),
        ];
        let rounds = front.registry.rounds().collect();
        Ok(Self { front, address, stop, tasks, _rounds: rounds })
    }

    /// The bound HTTP address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn front(&self) -> &Front {
        &self.front
    }

    /// SIGTERM: nobody new, everybody told, work in flight finished, media closed, the writer flushed.
    pub async fn drain(mut self) {
        let front = &self.front;
        let server = &front.config.server;
        tracing::info!(connections = front.registry.attached().len(), "draining");
        front.start_draining();
        self.tell_clients();
        let quiet = wait_until(|| front.in_flight() == 0 && front.registry.counts().2 == 0);
        if timeout(server.drain_timeout.get(), quiet).await.is_err() {
            tracing::warn!(in_flight = front.in_flight(), "work in flight was not finished in time");
        }
        front.hub.shutdown().await;
        front.services.drain().await;
        for session in front.registry.attached() {
            session.update(|state| state.cut(Cut::DRAINING));
        }
        let closed = wait_until(|| front.registry.counts().1 == 0);
        if timeout(CLOSE_PATIENCE, closed).await.is_err() {
            tracing::warn!("some sockets did not close in time");
        }
        let _ = self.stop.send(true);
        for task in self.tasks.drain(..) {
            let _ = timeout(Duration::from_secs(1), task).await;
        }
        tracing::info!("stopped");
    }

    /// Each client gets its own delay, so that they do not all come back at once: the more, the wider.
    fn tell_clients(&self) {
        let sessions = self.front.registry.attached();
        let count = u64::try_from(sessions.len()).unwrap_or(u64::MAX).max(1);
        let most = u64::try_from(self.front.config.server.drain_spread.get().as_millis()).unwrap_or(u64::MAX);
        let spread = count.saturating_mul(DRAIN_MS_PER_CLIENT).min(most);
        for (index, session) in (0_u64..).zip(sessions) {
            let delay = spread.saturating_mul(index) / count;
            let frame = OutFrame::event("session:drain", &json!({ "delay": delay }), Class::Reply);
            self.front.registry.push(&session, &frame);
        }
    }
}

/// Where the database of this configuration is.
pub fn database(config: &Config) -> Address {
    match config.storage.database_url.expose() {
        "" => Address::Sqlite(config.storage.data_dir.join(DATABASE_FILE)),
        url => Address::Postgres(url.to_owned()),
    }
}

/// Creates or updates the database.
pub async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let url = config.storage.database_url.expose();
    if !url.is_empty() {
        // The error must not quote the address: it holds a password.
        let store = SqlStore::postgres(url).await.context("cannot open the PostgreSQL database")?;
        return Ok(Arc::new(store));
    }
    let folder = &config.storage.data_dir;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the data folder {}", folder.display()))?;
    let path = folder.join(DATABASE_FILE);
    let full_sync = config.storage.synchronous == Synchronous::Full;
    let store = SqlStore::sqlite(SqliteConfig { path: path.clone(), full_sync })
        .await
        .with_context(|| format!("cannot open the database {}", path.display()))?;
    Ok(Arc::new(store))
}

/// In the data folder.
const DATABASE_FILE: &str = "convene.db";

/// The beat of everything that has no timer of its own.
async fn housekeeping(front: Front, mut stop: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(BEAT);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beats = 0_u64;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        beats += 1;
        if beats.is_multiple_of(PRESENCE_BEATS) {
            front.registry.flush_presence();
        }
        let window = front.config.server.resume_window.get();
        for actor in front.registry.sweep(clock::now(), now_s(), window) {
            front.services.session_closed(&actor).await;
        }
        if beats.is_multiple_of(GATE_BEATS) {
            front.gates.sweep();
        }
    }
}

async fn wait_until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn media_config(config: &Config) -> MediaConfig {
    let advertise = config.media.advertise.iter().map(|a| AdvertisedAddress { ip: a.ip, port: a.port });
    MediaConfig {
        listen: config.media.listen,
        tcp: config.media.tcp_listen(),
        tcp_limits: Limits {
            connections: config.media.tcp_max_connections,
            per_ip: config.media.tcp_max_connections_per_ip,
        },
        advertise: advertise.collect(),
        shards: config.media.shards,
        max_participants_per_room: config.media.max_participants,
        spread_at: config.media.spread_at,
        trains: config.media.trains,
        audible: config.media.audible,
        playout_delay: config.media.playout_delay(),
        pin: config.media.pin,
    }
}

fn services_config(config: &Config) -> ServicesConfig {
    let defaults = ServicesConfig::default();
    let edit_window = config.chat.edit_window.get();
    ServicesConfig {
        allow_unknown_users: config.auth.allow_unknown_users,
        rate: match config.chat.rate_scale {
            0 => RateScale::Off,
            times => RateScale::Times(times),
        },
        rate_profile: match config.chat.rate_profile {
            config::RateProfile::Normal => RateProfile::Normal,
            config::RateProfile::Strict => RateProfile::Strict,
        },
        calls: CallConfig {
            ring_timeout: config.calls.ring_timeout.get(),
            alone_timeout: config.calls.alone_timeout.get(),
            max_duration: config.calls.max_duration.get(),
            disconnect_grace: config.calls.grace.get(),
            heartbeat: config.calls.heartbeat.get(),
            max_participants: config.media.max_participants.into(),
            ..defaults.calls
        },
        presence_grace: config.chat.presence_grace.get(),
        typing_ttl: config.chat.typing_ttl.get(),
        edit_window: (!edit_window.is_zero()).then_some(edit_window),
        retention_days: config.chat.retention_days,
        deleted_grace: config.chat.deleted_grace.get(),
        filters: filters(&config.chat),
        ..defaults
    }
}

/// The words of the configuration.
fn filters(chat: &config::Chat) -> Vec<Arc<dyn Filter>> {
    let lists = [
        (&chat.filter_block, FilterAction::Block),
        (&chat.filter_mask, FilterAction::Mask),
        (&chat.filter_flag, FilterAction::Flag),
    ];
    let words = lists.iter().flat_map(|(list, action)| list.iter().map(|word| (word.as_str(), *action)));
    vec![Arc::new(WordFilter::new(words))]
}

/// Twice a second: half the promised batching time of presence.
const BEAT: Duration = Duration::from_millis(500);
/// Presence goes out once a second.
const PRESENCE_BEATS: u64 = 2;
/// Once a minute.
const GATE_BEATS: u64 = 120;
/// A restarted server takes in about a hundred clients a second without their noticing.
const DRAIN_MS_PER_CLIENT: u64 = 10;
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
