//! The tokio-facing side of the shards: places rooms, carries commands in and events out.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self as mpsc_std, SyncSender},
    },
    thread::JoinHandle,
    time::Duration,
};

use mio::{Poll, Waker};
use tokio::sync::oneshot;

use super::{
    cores,
    placement::Placement,
    queue::{EventSender, SHARD_COMMANDS},
    relay::{self, Inbox, Outlet, Relays},
    shard::{Message, Shard, WAKE},
    stats::{ShardStats, TcpStats},
    tcp::listener::{Counters, Limits, Listener},
    udp::UdpPort,
};
use crate::{
    base::{
        id::{ParticipantId, RoomId, ShardId},
        playout::PlayoutDelay,
        rng::Rng,
    },
    room::{
        Environment,
        command::{Addressed, AutoSubscribe, Command, MediaGrants},
    },
    transport::dtls::Identity,
};

/// Settings of the media plane.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Shard `n` binds `listen.port() + n` (all 0 if the port is 0).
    pub listen: SocketAddr,
    /// Where TCP connections are taken, for all shards; `None` = nowhere.
    pub tcp: Option<SocketAddr>,
    pub tcp_limits: Limits,
    /// Addresses put into candidates instead of the bound one; the port is the shard's unless one is given.
    pub advertise: Vec<AdvertisedAddress>,
    /// Number of shard threads; 0 = one per core.
    pub shards: usize,
    pub max_participants_per_room: u16,
    /// Participants of one room on one shard; further ones go to another. 0 = a room never spreads.
    pub spread_at: u16,
    /// So many microphones of a room are forwarded at a time, the loudest; 0 = all.
    pub audible: usize,
    /// What viewers are told to wait in rooms that do not say.
    pub playout_delay: PlayoutDelay,
    /// Send in trains (UDP segmentation offload) where the kernel can.
    pub trains: bool,
    /// Keep each shard on a core of its own.
    pub pin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvertisedAddress {
    pub ip: std::net::IpAddr,
    /// `None` = the shard's own port; set when a port forward or test emulator stands in front. It is the first
    /// shard's, the others follow as they do behind it.
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
    pub playout_delay: Option<PlayoutDelay>,
    /// Bounded; a receiver that lets it fill up is closed (its participant leaves).
    pub events: EventSender,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct MediaHub {
    inner: Arc<Inner>,
}

struct Inner {
    shards: Vec<Handle>,
    listener: Mutex<Option<Listener>>,
    tcp: Option<(SocketAddr, Arc<Counters>)>,
    placement: Arc<Placement>,
    max_participants: u16,
    draining: AtomicBool,
}

/// The way to a shard.
#[derive(Clone)]
pub struct Mailbox {
    messages: SyncSender<Message>,
    waker: Arc<Waker>,
    /// Messages queued and not yet taken.
    depth: Arc<AtomicU64>,
}

struct Handle {
    mailbox: Mailbox,
    address: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Mailbox {
    pub fn send(&self, message: Message) -> Result<(), HubError> {
        self.depth.fetch_add(1, Ordering::Relaxed);
        if self.messages.try_send(message).is_err() {
            self.depth.fetch_sub(1, Ordering::Relaxed);
            return Err(HubError::Overloaded);
        }
        // A shard that cannot be woken looks at its queue within half a second.
        let _ = self.waker.wake();
        Ok(())
    }
}

impl MediaHub {
    /// Starts the shard threads. Fails if a port cannot be bound.
    pub fn start(config: MediaConfig) -> io::Result<Self> {
        let count = match config.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let identity = Identity::generate_default().map_err(io::Error::other)?;
        let count = u16::try_from(count).map_err(io::Error::other)?;
        let placement = Arc::new(Placement::new(count.into(), config.spread_at));
        let berths = (0..count).map(|_| Berth::new()).collect::<io::Result<Vec<_>>>()?;
        let outlets: Vec<Outlet> = berths.iter().map(|berth| berth.outlet.clone()).collect();
        // Bound first: its port goes into the candidates of every shard.
        let tcp = config.tcp.map(bind_tcp).transpose()?;
        let tcp_address = tcp.as_ref().map(std::net::TcpListener::local_addr).transpose()?;
        let mut shards: Vec<Handle> = Vec::with_capacity(berths.len());
        for (index, berth) in (0u16..).zip(berths) {
            let relays = Relays::new(ShardId(index), &outlets);
            shards.push(start_shard(index, &config, &identity, &placement, tcp_address, (berth, relays))?);
        }
        let mailboxes: Vec<Mailbox> = shards.iter().map(|handle| handle.mailbox.clone()).collect();
        let listener = tcp.map(|tcp| Listener::start(tcp, config.tcp_limits, mailboxes)).transpose()?;
        let inner = Inner {
            shards,
            tcp: listener.as_ref().map(|one| (one.address, Arc::clone(&one.counters))),
            listener: Mutex::new(listener),
            placement,
            max_participants: config.max_participants_per_room,
            draining: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Enters a room; `Event::Joined` arrives on `request.events`.
    pub fn join(&self, request: JoinRequest) -> Result<(), HubError> {
        if self.inner.draining.load(Ordering::Acquire) {
            return Err(HubError::Draining);
        }
        let JoinRequest { room, participant, identity, grants, auto, playout_delay, events } = request;
        let shard = self
            .inner
            .placement
            .enter(room, participant, self.inner.max_participants)
            .ok_or(HubError::RoomFull)?;
        let handle = self.inner.shards.get(usize::from(shard.0)).ok_or(HubError::Overloaded)?;
        let command = Command::Join { identity, grants, auto, playout_delay };
        let joined = handle
            .mailbox
            .send(Message::Join { addressed: Addressed { room, participant, command }, events });
        if joined.is_err() {
            self.inner.placement.leave(room, participant);
        }
        joined
    }

    /// Sends a command to a participant that joined. Unknown participants are ignored.
    pub fn send(&self, room: RoomId, participant: ParticipantId, command: Command) -> Result<(), HubError> {
        let Some(shard) = self.inner.placement.shard_of(room, participant) else { return Ok(()) };
        let handle = self.inner.shards.get(usize::from(shard.0)).ok_or(HubError::Overloaded)?;
        handle.mailbox.send(Message::Command(Addressed { room, participant, command }))
    }

    /// One entry per shard; a shard that does not answer within a second is missing.
    pub async fn stats(&self) -> Vec<ShardStats> {
        let mut replies = Vec::with_capacity(self.inner.shards.len());
        for handle in &self.inner.shards {
            let (reply, answer) = oneshot::channel();
            if handle.mailbox.send(Message::Stats(reply)).is_ok() {
                replies.push(answer);
            }
        }
        let mut stats = Vec::with_capacity(replies.len());
        for answer in replies {
            if let Ok(Ok(one)) = tokio::time::timeout(STATS_TIMEOUT, answer).await {
                stats.push(one);
            }
        }
        stats
    }

    /// Bound UDP addresses, one per shard.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.inner.shards.iter().map(|handle| handle.address).collect()
    }

    /// Where TCP connections are taken.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.inner.tcp.as_ref().map(|(address, _)| *address)
    }

    /// Numbers of the listener for TCP; `None` without one.
    pub fn tcp_stats(&self) -> Option<TcpStats> {
        self.inner.tcp.as_ref().map(|(_, counters)| counters.stats())
    }

    /// Refuse new joins, then close everything with `CloseReason::Draining` and stop the threads.
    pub async fn shutdown(&self) {
        self.inner.draining.store(true, Ordering::Release);
        for handle in &self.inner.shards {
            while handle.mailbox.send(Message::Shutdown).is_err() {
                // The queue is full of commands that will be answered with nothing: wait for a slot.
                tokio::time::sleep(Duration::from_millis(5)).await;
                if handle.is_finished() {
                    break;
                }
            }
        }
        let inner = self.inner.clone();
        // Joining a thread blocks; the threads end within one loop.
        let joined = tokio::task::spawn_blocking(move || {
            if let Some(listener) = inner.listener.lock().unwrap_or_else(PoisonError::into_inner).take() {
                listener.stop();
            }
            for handle in &inner.shards {
                let thread = handle.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(thread) = thread {
                    let _ = thread.join();
                }
            }
        });
        let _ = joined.await;
    }
}

impl Handle {
    fn is_finished(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

const STATS_TIMEOUT: Duration = Duration::from_secs(1);

/// What a shard needs before it runs, because the others hold its ends.
struct Berth {
    poll: Poll,
    waker: Arc<Waker>,
    outlet: Outlet,
    inbox: Inbox,
}

impl Berth {
    fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (outlet, inbox) = relay::queue(waker.clone());
        Ok(Self { poll, waker, outlet, inbox })
    }
}

fn start_shard(
    index: u16,
    config: &MediaConfig,
    identity: &Identity,
    placement: &Arc<Placement>,
    tcp: Option<SocketAddr>,
    (berth, relays): (Berth, Relays),
) -> io::Result<Handle> {
    let Berth { poll, waker, inbox: relayed, .. } = berth;
    let mut listen = config.listen;
    if listen.port() != 0 {
        let port = listen.port().checked_add(index).ok_or_else(|| io::Error::other("no UDP port left"))?;
        listen.set_port(port);
    }
    let port = UdpPort::bind(listen, config.trains)
        .map_err(|error| io::Error::new(error.kind(), format!("media UDP {listen}: {error}")))?;
    let address = port.local_addr()?;
    let (messages, inbox) = mpsc_std::sync_channel(SHARD_COMMANDS.capacity);
    let mut seed = [0u8; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| io::Error::other("no randomness"))?;
    let depth = Arc::new(AtomicU64::new(0));
    let shard = Shard {
        index,
        depth: depth.clone(),
        port,
        poll,
        messages: inbox,
        relayed,
        relays,
        environment: Environment {
            identity: identity.clone(),
            candidates: candidates(config, index, address)?,
            tcp_candidates: tcp.map_or_else(|| Ok(Vec::new()), |tcp| tcp_candidates(config, tcp))?,
            shard: u8::try_from(index).map_err(|_| io::Error::other("at most 256 shards"))?,
            trains: config.trains,
            audible: config.audible,
            playout_delay: config.playout_delay,
        },
        placement: placement.clone(),
        rng: Rng::from_entropy(seed),
    };
    let core = if config.pin { Some(cores::of_shard(index)?) } else { None };
    let thread = std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
        if let Some(error) = core.and_then(|core| cores::pin(core).err()) {
            tracing::warn!(shard = index, %error, "the shard runs on any core");
        }
        shard.run();
    })?;
    let mailbox = Mailbox { messages, waker, depth };
    Ok(Handle { mailbox, address, thread: Mutex::new(Some(thread)) })
}

/// With `SO_REUSEADDR`, which the standard library sets: a restarted server does not wait for old connections.
fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    std::net::TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("media TCP {address}: {error}")))
}

/// What goes into the answers of a shard: the configured addresses, or those of the host.
fn candidates(config: &MediaConfig, index: u16, bound: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if !config.advertise.is_empty() {
        let with_port = |one: &AdvertisedAddress| {
            let port = one.port.map_or(Some(bound.port()), |first| first.checked_add(index));
            Some(SocketAddr::new(one.ip, port?))
        };
        let all: Option<Vec<_>> = config.advertise.iter().map(with_port).collect();
        return all.ok_or_else(|| io::Error::other("no port left to advertise"));
    }
    of_host(bound)
}

/// The same addresses with the one TCP port. A forwarded UDP port says nothing about TCP: it is expected to be the
/// same outside.
fn tcp_candidates(config: &MediaConfig, bound: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if config.advertise.is_empty() {
        return of_host(bound);
    }
    let mut found: Vec<SocketAddr> = Vec::new();
    for one in &config.advertise {
        let candidate = SocketAddr::new(one.ip, bound.port());
        if !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    Ok(found)
}

fn of_host(bound: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if !bound.ip().is_unspecified() {
        return Ok(vec![bound]);
    }
    let mut found: Vec<SocketAddr> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| !interface.is_link_local() && interface.ip().is_ipv4() == bound.is_ipv4())
        .map(|interface| SocketAddr::new(interface.ip(), bound.port()))
        .collect();
    // Loopback last: it serves clients on this machine, and costs the others nothing.
    found.sort_by_key(|address| (address.ip().is_loopback(), *address));
    Ok(found)
}

#[cfg(test)]
mod tests;
