//! `Link`s between real UDP sockets: one listening port, one upstream socket per client address.
//!
//! The server sees one address per client, as behind a NAT. Each client has its own pair of links, seeded
//! by its number, so clients do not disturb each other's schedule.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    impair::Impair,
    link::{Counters, Link},
};
use crate::runtime::clock;

/// Clients at once; datagrams of further ones are dropped. Each holds a socket.
const MAX_FLOWS: usize = 4_096;
/// Datagrams waiting for one client's task. Full: the newest is dropped and counted, as a NIC would.
const FLOW_QUEUE: usize = 4_096;
/// Datagrams read from a socket before its links are served again.
const READ_BATCH: usize = 64;
/// Largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;

#[derive(Debug, Clone)]
pub struct ProxyConfig {
    pub listen: SocketAddr,
    pub to: SocketAddr,
    pub up: Impair,
    pub down: Impair,
    /// Sorted by time.
    pub steps: Vec<Step>,
}

/// What happens to the network `at` after the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub at: Duration,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// One direction behaves like this from now on.
    Impair(Direction, Impair),
    /// Every client has another address towards the server, as behind a NAT that forgot it.
    Rebind,
}

/// What the flows follow.
#[derive(Debug, Clone)]
struct Path {
    up: Impair,
    down: Impair,
    /// Counts up; a flow that sees another number opens a new upstream socket.
    address: u64,
}

/// As seen by a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct ProxyCounters {
    pub clients: u64,
    /// Datagrams refused because a task's queue or the client table was full.
    pub refused: u64,
    pub up: Counters,
    pub down: Counters,
}

/// A running proxy; dropping it ends it at once.
#[derive(Debug)]
pub struct Proxy {
    local_addr: SocketAddr,
    path: Arc<watch::Sender<Path>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<ProxyCounters>,
}

impl Proxy {
    pub async fn start(config: ProxyConfig) -> std::io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(config.listen).await?);
        let local_addr = socket.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let (path, followed) = watch::channel(Path { up: config.up, down: config.down, address: 0 });
        let path = Arc::new(path);

        let mut tasks = JoinSet::new();
        tasks.spawn(listen(socket, config.to, followed, stopped.clone()));
        tasks.spawn(follow(config.steps, Arc::clone(&path), stopped));
        Ok(Self { local_addr, path, stop, tasks })
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Changes both directions of every client from now on.
    pub fn set_impair(&self, up: Impair, down: Impair) {
        self.path.send_modify(|path| (path.up, path.down) = (up, down));
    }

    /// Gives every client another address towards the server.
    pub fn rebind(&self) {
        self.path.send_modify(|path| path.address += 1);
    }

    /// Ends all tasks and returns what they counted.
    pub async fn stop(mut self) -> ProxyCounters {
        self.stop.send_replace(true);
        let mut total = ProxyCounters::default();
        while let Some(ended) = self.tasks.join_next().await {
            total += ended.unwrap_or_default();
        }
        total
    }
}

impl std::ops::AddAssign for ProxyCounters {
    fn add_assign(&mut self, other: Self) {
        self.clients += other.clients;
        self.refused += other.refused;
        self.up += other.up;
        self.down += other.down;
    }
}

async fn follow(
    steps: Vec<Step>,
    path: Arc<watch::Sender<Path>>,
    mut stopped: watch::Receiver<bool>,
) -> ProxyCounters {
    let start = clock::now();
    for step in steps {
        // Both arms are cancellation safe: a timer, and a wait on a watched value.
        tokio::select! {
            () = tokio::time::sleep_until((start + step.at).into()) => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        path.send_modify(|path| match step.change {
            Change::Impair(Direction::Up, impair) => path.up = impair,
            Change::Impair(Direction::Down, impair) => path.down = impair,
            Change::Rebind => path.address += 1,
        });
    }
    ProxyCounters::default()
}

async fn listen(
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    followed: watch::Receiver<Path>,
    mut stopped: watch::Receiver<bool>,
) -> ProxyCounters {
    let mut flows: BTreeMap<SocketAddr, mpsc::Sender<Bytes>> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    let mut total = ProxyCounters::default();
    let mut buffer = vec![0u8; MAX_DATAGRAM];
    loop {
        // Cancellation safe: a datagram is either received whole or stays in the socket.
        let (length, client) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // An earlier send met a closed port; nothing is wrong with the socket.
                Err(_) => continue,
            },
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        if !flows.contains_key(&client) {
            if flows.len() >= MAX_FLOWS {
                total.refused += 1;
                continue;
            }
            let Ok(upstream) = connect(to).await else {
                total.refused += 1;
                continue;
            };
            let (sender, receiver) = mpsc::channel(FLOW_QUEUE);
            let flow =
                Flow::new(client, Arc::clone(&socket), (to, upstream), followed.clone(), total.clients);
            tasks.spawn(flow.run(receiver));
            flows.insert(client, sender);
            total.clients += 1;
        }
        let Some(flow) = flows.get(&client) else { continue };
        if flow.try_send(Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default())).is_err() {
            total.refused += 1;
        }
    }
    drop(flows);
    while let Some(ended) = tasks.join_next().await {
        total += ended.unwrap_or_default();
    }
    total
}

async fn connect(to: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match to {
        SocketAddr::V4(to) if to.ip().is_loopback() => ([127, 0, 0, 1], 0).into(),
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    Ok(socket)
}

/// One client's way to the server and back.
struct Flow {
    client: SocketAddr,
    listener: Arc<UdpSocket>,
    to: SocketAddr,
    upstream: UdpSocket,
    /// The number of its address.
    address: u64,
    followed: watch::Receiver<Path>,
    up: Link<Bytes>,
    down: Link<Bytes>,
}

impl Flow {
    fn new(
        client: SocketAddr,
        listener: Arc<UdpSocket>,
        (to, upstream): (SocketAddr, UdpSocket),
        mut followed: watch::Receiver<Path>,
        number: u64,
    ) -> Self {
        let Path { mut up, mut down, address } = followed.borrow_and_update().clone();
        up.seed = up.seed.wrapping_add(number.wrapping_mul(2));
        down.seed = down.seed.wrapping_add(number.wrapping_mul(2));
        Self { client, listener, to, upstream, address, followed, up: Link::new(up), down: Link::new(down) }
    }

    /// Ends when the listener forgets the client.
    async fn run(mut self, mut from_client: mpsc::Receiver<Bytes>) -> ProxyCounters {
        let mut buffer = vec![0u8; MAX_DATAGRAM];
        loop {
            let due = [self.up.next_timeout(), self.down.next_timeout()].into_iter().flatten().min();
            // Cancellation safe: channel and socket keep what is not taken, the rest are waits.
            tokio::select! {
                datagram = from_client.recv() => {
                    let Some(datagram) = datagram else { break };
                    self.up.push(clock::now(), datagram);
                    for _ in 0..READ_BATCH {
                        let Ok(datagram) = from_client.try_recv() else { break };
                        self.up.push(clock::now(), datagram);
                    }
                }
                received = self.upstream.recv(&mut buffer) => {
                    let mut received = received.ok();
                    for _ in 0..READ_BATCH {
                        let Some(length) = received else { break };
                        let datagram = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                        self.down.push(clock::now(), datagram);
                        received = self.upstream.try_recv(&mut buffer).ok();
                    }
                }
                changed = self.followed.changed() => {
                    if changed.is_ok() {
                        self.follow().await;
                    }
                }
                () = wait_until(due) => {}
            }
            self.deliver(clock::now()).await;
        }
        ProxyCounters { up: self.up.counters(), down: self.down.counters(), ..ProxyCounters::default() }
    }

    /// Takes over what changed. What was on its way back to the old address is lost with it.
    async fn follow(&mut self) {
        let Path { up, down, address } = self.followed.borrow_and_update().clone();
        self.up.set_impair(up);
        self.down.set_impair(down);
        if address != self.address
            && let Ok(upstream) = connect(self.to).await
        {
            (self.upstream, self.address) = (upstream, address);
        }
    }

    async fn deliver(&mut self, now: Instant) {
        // A send that fails is a datagram lost, as on any network.
        while let Some(datagram) = self.up.pop(now) {
            let _ = self.upstream.send(&datagram).await;
        }
        while let Some(datagram) = self.down.pop(now) {
            let _ = self.listener.send_to(&datagram, self.client).await;
        }
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netem::GilbertElliott;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// An echo server behind a proxy; returns the proxy and a client connected to it.
    async fn echo_behind(up: Impair, down: Impair, steps: Vec<Step>) -> (Proxy, UdpSocket) {
        let echo = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = echo.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0u8; 2048];
            while let Ok((length, from)) = echo.recv_from(&mut buffer).await {
                let _ = echo.send_to(&buffer[..length], from).await;
            }
        });
        let listen = "127.0.0.1:0".parse().unwrap();
        let proxy = Proxy::start(ProxyConfig { listen, to, up, down, steps }).await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(proxy.local_addr()).await.unwrap();
        (proxy, client)
    }

    async fn receive(client: &UdpSocket) -> u32 {
        let mut buffer = [0u8; 2048];
        let length =
            tokio::time::timeout(DEADLINE, client.recv(&mut buffer)).await.expect("an echo in time").unwrap();
        u32::from_be_bytes(buffer[..length].try_into().unwrap())
    }

    #[tokio::test]
    async fn two_clients_get_their_own_echoes_with_the_latency_of_both_ways() {
        let latency = Duration::from_millis(20);
        let late = Impair { latency, ..Impair::default() };
        let (proxy, one) = echo_behind(late.clone(), late, Vec::new()).await;
        let two = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        two.connect(proxy.local_addr()).await.unwrap();
        let start = clock::now();
        for n in 0..50u32 {
            one.send(&n.to_be_bytes()).await.unwrap();
            two.send(&(1000 + n).to_be_bytes()).await.unwrap();
        }
        for n in 0..50 {
            assert_eq!(receive(&one).await, n);
            assert_eq!(receive(&two).await, 1000 + n);
        }
        assert!(start.elapsed() >= 2 * latency);
        let counters = proxy.stop().await;
        assert_eq!((counters.clients, counters.up.delivered, counters.down.delivered), (2, 100, 100));
    }

    /// A server that tells each datagram's sender which port it came from.
    #[tokio::test]
    async fn a_rebound_client_comes_from_another_address_and_still_gets_its_answers() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = server.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0u8; 16];
            while let Ok((_, from)) = server.recv_from(&mut buffer).await {
                let _ = server.send_to(&u32::from(from.port()).to_be_bytes(), from).await;
            }
        });
        let (up, down) = (Impair::default(), Impair::default());
        let listen = "127.0.0.1:0".parse().unwrap();
        let proxy = Proxy::start(ProxyConfig { listen, to, up, down, steps: Vec::new() }).await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(proxy.local_addr()).await.unwrap();
        client.send(&[1]).await.unwrap();
        let first = receive(&client).await;
        client.send(&[1]).await.unwrap();
        assert_eq!(receive(&client).await, first);
        proxy.rebind();
        let end = clock::now() + DEADLINE;
        loop {
            client.send(&[1]).await.unwrap();
            if receive(&client).await != first {
                break;
            }
            assert!(clock::now() < end, "the address never changed");
        }
        assert_eq!(proxy.stop().await.clients, 1);
    }

    #[tokio::test]
    async fn the_same_seed_drops_the_same_datagrams() {
        let survivors = || async {
            let up = Impair { loss: GilbertElliott::random(0.3), seed: 11, ..Impair::default() };
            let (proxy, client) = echo_behind(up, Impair::default(), Vec::new()).await;
            for n in 0..200u32 {
                client.send(&n.to_be_bytes()).await.unwrap();
            }
            let mut link =
                Link::new(Impair { loss: GilbertElliott::random(0.3), seed: 11, ..Impair::default() });
            let now = clock::now();
            (0..200u32).for_each(|n| link.push(now, n.to_be_bytes()));
            let expected = link.counters().received - link.counters().lost;
            let mut got = Vec::new();
            for _ in 0..expected {
                got.push(receive(&client).await);
            }
            assert_eq!(proxy.stop().await.up.lost, 200 - expected);
            got
        };
        assert_eq!(survivors().await, survivors().await);
    }

    #[tokio::test]
    async fn a_step_changes_the_network_while_it_runs() {
        let change = Change::Impair(Direction::Up, Impair::default());
        let step = Step { at: Duration::from_millis(50), change };
        let dead = Impair { loss: GilbertElliott::random(1.0), ..Impair::default() };
        let (proxy, client) = echo_behind(dead, Impair::default(), vec![step]).await;
        let start = clock::now();
        let mut buffer = [0u8; 16];
        loop {
            client.send(&1u32.to_be_bytes()).await.unwrap();
            if tokio::time::timeout(Duration::from_millis(10), client.recv(&mut buffer)).await.is_ok() {
                break;
            }
            assert!(start.elapsed() < DEADLINE, "the step never happened");
        }
        let counters = proxy.stop().await;
        assert!(counters.up.lost > 0 && counters.up.delivered > 0, "{counters:?}");
    }
}
