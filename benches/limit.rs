//! What this machine's kernel allows: one publisher's packets to N sockets on loopback, without a server.
//!
//! Every server result is given as a ratio to the matching line of the same run, because absolute numbers
//! belong to one machine on one day. CPU is that of the sending thread alone (`schedstat`); receivers live on
//! another thread.
//!
//! `cargo bench --bench limit -- --json <file>` also writes the results as JSON.

use std::{
    hint::black_box,
    io::{IoSlice, IoSliceMut},
    net::SocketAddr,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use convene::{
    runtime::clock::now,
    transport::srtp::{Profile, SrtpOut},
};
use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rtc_srtp::config::SessionKeys;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

/// A full media packet on the wire, authentication tag included.
const SIZE: usize = 1200;
const HEADER: usize = 12;
const TAG: usize = 16;
const SUBSCRIBERS: usize = 50;
/// Packets a plain measurement sends.
const PACKETS: u64 = 200_000;
/// Packets that may be on their way to one receiver: the kernel's cap of 4 MiB per socket holds 1800.
const IN_FLIGHT: u64 = 400;
const SOCKET_BUFFER: usize = 4 << 20;
/// One GRO super-packet.
const BUFFER: usize = 64 << 10;
/// Without any packet for this long what is missing is lost.
const LOST: Duration = Duration::from_millis(300);
/// Long enough for 30 frames; the median of `RUNS` counts, because the machine is never quite idle.
const RUN: Duration = Duration::from_secs(1);
const RUNS: usize = 3;

#[derive(serde::Serialize)]
struct Line {
    name: String,
    cpu_us_per_packet: f64,
    /// If the sending thread had a core for itself and did nothing else.
    packets_per_second_per_core: f64,
    /// What really arrived per second of wall time.
    packets_per_second: f64,
    /// 1 = lossless; anything less makes the line worthless.
    delivered: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--json").skip(1);
    let json = arguments.next();
    let mut lines = Vec::new();
    let mut add = |line: Line| {
        let delay = match (line.p50_ms, line.p99_ms) {
            (Some(p50), Some(p99)) => format!("  p50 {p50:.2} p99 {p99:.2} ms"),
            _ => String::new(),
        };
        println!(
            "{:<44} {:>7.3} µs CPU  {:>9.0}/s/core  {:>8.0}/s  delivered {:.4}{delay}",
            line.name,
            line.cpu_us_per_packet,
            line.packets_per_second_per_core,
            line.packets_per_second,
            line.delivered
        );
        lines.push(line);
    };
    add(seal_alone());
    add(median(|| send("sendto", Means::To, false))?);
    add(median(|| send("send, one connected socket per receiver", Means::Connected, false))?);
    add(median(|| send("sendmmsg, one packet to each of 50", Means::Batch, false))?);
    add(median(|| send("GSO trains of 2", Means::Train(2), false))?);
    add(median(|| send("GSO trains of 8", Means::Train(8), false))?);
    add(median(|| send("GSO trains of 16", Means::Train(16), false))?);
    add(median(|| send("GSO trains of 8, GRO receivers", Means::Train(8), true))?);
    add(median(|| send("GSO trains of 16, GRO receivers", Means::Train(16), true))?);
    for load in LOADS {
        add(median(|| forward(load))?);
    }
    if let Some(path) = json {
        std::fs::write(&path, serde_json::to_string_pretty(&lines)?).context("write the JSON")?;
    }
    Ok(())
}

/// The whole line, not a mixture of several runs.
fn median(mut run: impl FnMut() -> anyhow::Result<Line>) -> anyhow::Result<Line> {
    let mut lines = (0..RUNS).map(|_| run()).collect::<anyhow::Result<Vec<_>>>()?;
    lines.sort_by(|a, b| a.cpu_us_per_packet.total_cmp(&b.cpu_us_per_packet));
    Ok(lines.swap_remove(RUNS / 2))
}

/// Time this thread has spent on a CPU. The kernel brings the number up to date at least every tick.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("scheduler statistics");
    let nanoseconds = text.split_ascii_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

fn line(name: &str, cpu: Duration, sent: u64, received: u64, wall: Duration, delays: &mut [u32]) -> Line {
    let us = cpu.as_secs_f64() * 1e6 / sent.max(1) as f64;
    delays.sort_unstable();
    let at = |q: f64| {
        let index = ((delays.len() as f64 * q) as usize).min(delays.len().checked_sub(1)?);
        delays.get(index).map(|us| f64::from(*us) / 1000.0)
    };
    Line {
        name: name.to_owned(),
        cpu_us_per_packet: us,
        packets_per_second_per_core: 1e6 / us,
        packets_per_second: received as f64 / wall.as_secs_f64(),
        delivered: received as f64 / sent.max(1) as f64,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
    }
}

fn keys(seed: usize) -> SessionKeys {
    let bytes = |length: usize| (0..length).map(|at| (seed * 31 + at) as u8).collect::<Vec<u8>>();
    SessionKeys {
        local_master_key: bytes(16),
        local_master_salt: bytes(12),
        remote_master_key: bytes(16),
        remote_master_salt: bytes(12),
    }
}

fn sealer(seed: usize) -> SrtpOut {
    SrtpOut::new(Profile::AeadAes128Gcm, &keys(seed)).expect("keys")
}

fn seal_alone() -> Line {
    let out = sealer(0);
    let mut slot = vec![0; SIZE];
    slot[0] = 0x80;
    let (started, before) = (now(), cpu());
    for index in 0..2 * PACKETS {
        black_box(out.seal(&mut slot, HEADER, SIZE - TAG, 9, index).expect("sealed"));
    }
    line("AES-128-GCM seal alone", cpu() - before, 2 * PACKETS, 2 * PACKETS, started.elapsed(), &mut [])
}

/// Sockets that count what they get; driven by the thread that owns them.
struct Receivers {
    poll: Poll,
    events: Events,
    sockets: Vec<UdpSocket>,
    addresses: Vec<SocketAddr>,
    /// `quinn-udp` turns GRO on for the socket it is made with: a plain receiver is read with another's state.
    state: UdpSocketState,
    buffers: Vec<u8>,
    received: Arc<AtomicU64>,
    /// Clock of the timestamps in the packets.
    start: Instant,
    delays: Vec<u32>,
}

impl Receivers {
    fn new(count: usize, gro: bool, start: Instant) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let state = UdpSocketState::new((&std::net::UdpSocket::bind("127.0.0.1:0")?).into())?;
        let mut sockets = Vec::new();
        for token in 0..count {
            let socket = bind()?;
            if gro {
                UdpSocketState::new((&socket).into())?;
            }
            let mut socket = UdpSocket::from_std(socket);
            poll.registry().register(&mut socket, Token(token), Interest::READABLE)?;
            sockets.push(socket);
        }
        let addresses = sockets.iter().map(UdpSocket::local_addr).collect::<Result<_, _>>()?;
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            sockets,
            addresses,
            state,
            buffers: vec![0; BATCH_SIZE * BUFFER],
            received: Arc::default(),
            start,
            delays: Vec::new(),
        })
    }

    fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }

    /// Reads every socket that becomes readable within `timeout`; returns how many packets there were.
    fn drain(&mut self, timeout: Duration, with_delays: bool) -> anyhow::Result<u64> {
        self.poll.poll(&mut self.events, Some(timeout))?;
        let mut total = 0;
        for event in &self.events {
            let Some(socket) = self.sockets.get(event.token().0) else { continue };
            while let Some(metas) = receive(&self.state, socket, &mut self.buffers) {
                let elapsed = self.start.elapsed().as_micros() as u32;
                for (meta, buffer) in metas.iter().zip(self.buffers.chunks(BUFFER)) {
                    for packet in buffer[..meta.len].chunks(meta.stride.max(1)) {
                        total += 1;
                        if with_delays {
                            let sent = u32::from_be_bytes(packet[4..8].try_into()?);
                            self.delays.push(elapsed.saturating_sub(sent));
                        }
                    }
                }
            }
        }
        self.received.fetch_add(total, Ordering::Release);
        Ok(total)
    }

    /// Reads until `done` says so and then until nothing has come for a while or everything is here.
    fn drain_until(&mut self, done: &AtomicBool, expected: &AtomicU64) -> anyhow::Result<Duration> {
        let started = now();
        let mut last = started;
        loop {
            if self.drain(Duration::from_millis(1), false)? > 0 {
                last = now();
            }
            if done.load(Ordering::Acquire)
                && (self.received() >= expected.load(Ordering::Acquire) || last.elapsed() > LOST)
            {
                return Ok(last - started);
            }
        }
    }
}

fn bind() -> anyhow::Result<std::net::UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    Ok(socket.into())
}

/// One batch; `None` when the socket is empty.
fn receive(state: &UdpSocketState, socket: &UdpSocket, buffers: &mut [u8]) -> Option<Vec<RecvMeta>> {
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let mut chunks = buffers.chunks_mut(BUFFER);
    let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
        std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
    let count = state.recv(socket.into(), &mut slices, &mut metas).ok()?;
    Some(metas[..count].to_vec())
}

fn transmit(contents: &[u8], to: SocketAddr, size: usize) -> Transmit<'_> {
    let segment_size = (contents.len() > size).then_some(size);
    Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None }
}

/// Ways of handing packets to the kernel.
#[derive(Clone, Copy)]
enum Means {
    To,
    Connected,
    /// One system call for all receivers.
    Batch,
    /// So many packets for one receiver at once.
    Train(usize),
}

/// Sends the same bytes to every receiver in turn, as fast as the receivers keep up.
fn send(name: &str, means: Means, gro: bool) -> anyhow::Result<Line> {
    let mut receivers = Receivers::new(SUBSCRIBERS, gro, now())?;
    let (done, expected) = (AtomicBool::new(false), AtomicU64::new(0));
    let (received, addresses) = (Arc::clone(&receivers.received), receivers.addresses.clone());
    thread::scope(|scope| {
        let sender = scope.spawn(|| -> anyhow::Result<(Duration, u64)> {
            // Told even if this thread fails, or the receivers would wait for ever.
            let _end = Finally(&done);
            let mut way = Way::new(means, &addresses)?;
            let (before, mut sent) = (cpu(), 0);
            while sent < PACKETS {
                sent += way.round(&addresses)?;
                wait_for_room(&received, sent, SUBSCRIBERS);
            }
            expected.store(sent, Ordering::Release);
            Ok((cpu() - before, sent))
        });
        let wall = receivers.drain_until(&done, &expected)?;
        let (cpu, sent) = sender.join().expect("the sender does not panic")?;
        Ok(line(name, cpu, sent, receivers.received(), wall, &mut []))
    })
}

/// A means with its sockets.
struct Way {
    means: Means,
    socket: std::net::UdpSocket,
    state: UdpSocketState,
    connected: Vec<std::net::UdpSocket>,
    contents: Vec<u8>,
}

impl Way {
    fn new(means: Means, addresses: &[SocketAddr]) -> anyhow::Result<Self> {
        let socket = bind()?;
        let state = UdpSocketState::new((&socket).into())?;
        let train = if let Means::Train(train) = means { train } else { 1 };
        anyhow::ensure!(state.max_gso_segments() >= train, "no segmentation offload here");
        let connected = addresses.iter().map(|address| {
            let socket = bind()?;
            socket.connect(address)?;
            Ok(socket)
        });
        let connected = connected.collect::<anyhow::Result<_>>()?;
        Ok(Self { means, socket, state, connected, contents: vec![7; train * SIZE] })
    }

    /// Once to every receiver; how many packets that were.
    fn round(&mut self, addresses: &[SocketAddr]) -> anyhow::Result<u64> {
        match self.means {
            Means::To => {
                for address in addresses {
                    self.socket.send_to(&self.contents, address)?;
                }
            }
            Means::Connected => {
                for socket in &self.connected {
                    socket.send(&self.contents)?;
                }
            }
            Means::Batch => self.batch(addresses)?,
            Means::Train(_) => {
                for address in addresses {
                    let train = transmit(&self.contents, *address, SIZE);
                    self.state.try_send((&self.socket).into(), &train)?;
                }
            }
        }
        Ok((addresses.len() * self.contents.len() / SIZE) as u64)
    }

    fn batch(&self, addresses: &[SocketAddr]) -> anyhow::Result<()> {
        let parts = [IoSlice::new(&self.contents)];
        let targets: Vec<SocketAddrAny> = addresses.iter().map(|one| SocketAddrAny::from(*one)).collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
            addresses.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<MMsgHdr<'_>> = targets
            .iter()
            .zip(&mut controls)
            .map(|(to, control)| MMsgHdr::new_with_addr(to, &parts, control))
            .collect();
        let sent = sendmmsg(&self.socket, &mut messages, SendFlags::empty())?;
        anyhow::ensure!(sent == addresses.len(), "only {sent} were sent");
        Ok(())
    }
}

struct Finally<'a>(&'a AtomicBool);

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Sleeps while the receivers are behind, so that nothing is lost; sleeping costs no CPU.
fn wait_for_room(received: &AtomicU64, sent: u64, subscribers: usize) {
    let mut last = (now(), 0);
    loop {
        let so_far = received.load(Ordering::Acquire);
        if so_far != last.1 {
            last = (now(), so_far);
        }
        // Lost packets never arrive: the result then says so instead of hanging.
        if sent - so_far < IN_FLIGHT * subscribers as u64 || last.0.elapsed() > LOST {
            return;
        }
        thread::sleep(Duration::from_micros(50));
    }
}

/// A forwarder without sessions, repair, congestion control: the least a server can do.
struct Load {
    name: &'static str,
    /// Packets per frame, one burst each.
    burst: usize,
    /// Wire size.
    size: usize,
    /// `None`: as fast as nothing is lost.
    frames_per_second: Option<u32>,
    subscribers: usize,
    /// One train per subscriber and frame, or every packet alone.
    trains: bool,
}

const LOADS: &[Load] = &[
    Load {
        name: "forwarder, 1 × 50, 600 packets/s",
        burst: 20,
        size: SIZE,
        frames_per_second: Some(30),
        subscribers: 50,
        trains: true,
    },
    Load {
        name: "forwarder, 1 × 50, 150 packets/s",
        burst: 5,
        size: SIZE,
        frames_per_second: Some(30),
        subscribers: 50,
        trains: true,
    },
    Load {
        name: "forwarder, 1 × 50, 270 packets/s",
        burst: 9,
        size: SIZE,
        frames_per_second: Some(30),
        subscribers: 50,
        trains: true,
    },
    Load {
        name: "forwarder, 1 × 50, 270 packets/s, no trains",
        burst: 9,
        size: SIZE,
        frames_per_second: Some(30),
        subscribers: 50,
        trains: false,
    },
    Load {
        name: "forwarder, 1 × 100, 150 packets/s",
        burst: 5,
        size: SIZE,
        frames_per_second: Some(30),
        subscribers: 100,
        trains: true,
    },
    Load {
        name: "forwarder, 10 × 9, 150 packets/s each",
        burst: 5,
        size: SIZE,
        frames_per_second: Some(300),
        subscribers: 9,
        trains: true,
    },
    Load {
        name: "forwarder, 10 × 9, 150 packets/s each, no trains",
        burst: 5,
        size: SIZE,
        frames_per_second: Some(300),
        subscribers: 9,
        trains: false,
    },
    Load {
        name: "forwarder, audio, 3 speakers × 50",
        burst: 1,
        size: 120,
        frames_per_second: Some(150),
        subscribers: 50,
        trains: true,
    },
    Load {
        name: "forwarder, 1 × 50, saturated",
        burst: 20,
        size: SIZE,
        frames_per_second: None,
        subscribers: 50,
        trains: true,
    },
];

fn forward(load: &Load) -> anyhow::Result<Line> {
    let start = now();
    let mut receivers = Receivers::new(load.subscribers, false, start)?;
    let addresses = receivers.addresses.clone();
    let port = bind()?;
    let to = port.local_addr()?;
    let ready = Barrier::new(2);
    thread::scope(|scope| {
        let forwarder = scope.spawn(|| forwarder(port, &addresses, load, &ready));
        ready.wait();
        let published = publish(&mut receivers, to, load, start);
        // A single byte ends the forwarder, whatever happened here.
        std::net::UdpSocket::bind("127.0.0.1:0")?.send_to(&[0], to)?;
        let (cpu, out) = forwarder.join().expect("the forwarder does not panic")?;
        let (published, wall) = published?;
        let expected = published * load.subscribers as u64;
        let mut result =
            line(load.name, cpu, out, receivers.received(), wall, &mut std::mem::take(&mut receivers.delays));
        // Against what was published: a forwarder that loses its input must not look lossless.
        result.delivered = receivers.received() as f64 / expected.max(1) as f64;
        Ok(result)
    })
}

/// The publisher and the receivers, on one thread so that they do not compete with each other.
fn publish(
    receivers: &mut Receivers,
    to: SocketAddr,
    load: &Load,
    start: Instant,
) -> anyhow::Result<(u64, Duration)> {
    let socket = bind()?;
    let state = UdpSocketState::new((&socket).into())?;
    let begun = now();
    let interval = load.frames_per_second.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate);
    let plain = load.size - TAG;
    let (mut published, mut next, mut last) = (0u64, begun, begun);
    let fan_out = load.subscribers as u64;
    loop {
        let ended = begun.elapsed() >= RUN;
        let in_flight = published * fan_out - receivers.received().min(published * fan_out);
        if !ended && now() >= next && in_flight < IN_FLIGHT * fan_out {
            let sent_us = (start.elapsed().as_micros() as u32).to_be_bytes();
            let mut frame = Vec::with_capacity(load.burst * plain);
            for index in 0..load.burst {
                let at = frame.len();
                frame.resize(at + plain, 7);
                frame[at] = 0x80;
                frame[at + 1] = if index + 1 == load.burst { 0xE0 } else { 0x60 };
                frame[at + 4..at + 8].copy_from_slice(&sent_us);
            }
            state.try_send((&socket).into(), &transmit(&frame, to, plain))?;
            published += load.burst as u64;
            next += interval;
        }
        let due = if interval.is_zero() { Duration::ZERO } else { next.saturating_duration_since(now()) };
        // Rounded up by the poll, to a millisecond: frames are a little late, never early.
        let received = receivers.drain(if ended { Duration::from_millis(1) } else { due }, true)?;
        if received > 0 {
            last = now();
        }
        let complete = receivers.received() >= published * fan_out;
        if last.elapsed() > LOST && (ended || interval.is_zero()) || ended && complete {
            return Ok((published, last - begun));
        }
    }
}

/// Waits for frames; every frame goes out as one train per subscriber. Returns its CPU time and packets sent.
fn forwarder(
    port: std::net::UdpSocket,
    addresses: &[SocketAddr],
    load: &Load,
    ready: &Barrier,
) -> anyhow::Result<(Duration, u64)> {
    let prepared = prepare(port, addresses.len());
    ready.wait();
    let (mut poll, socket, state, sealers) = prepared?;
    let mut events = Events::with_capacity(8);
    let mut buffers = vec![0; BATCH_SIZE * BUFFER];
    let mut frame: Vec<u8> = Vec::with_capacity(BUFFER);
    let mut train: Vec<u8> = Vec::with_capacity(BUFFER);
    let (before, mut out, mut sequence) = (cpu(), 0, 0u64);
    let plain = load.size - TAG;
    loop {
        poll.poll(&mut events, None)?;
        while let Some(metas) = receive(&state, &socket, &mut buffers) {
            for (meta, buffer) in metas.iter().zip(buffers.chunks(BUFFER)) {
                for packet in buffer[..meta.len].chunks(meta.stride.max(1)) {
                    if packet.len() < HEADER {
                        return Ok((cpu() - before, out));
                    }
                    frame.extend_from_slice(packet);
                    if packet[1] & 0x80 == 0 {
                        continue;
                    }
                    let count = frame.len() / plain;
                    for (ssrc, (address, sealer)) in addresses.iter().zip(&sealers).enumerate() {
                        train.clear();
                        for (index, packet) in (sequence..).zip(frame.chunks(plain)) {
                            let at = train.len();
                            train.extend_from_slice(packet);
                            train[at + 2..at + 4].copy_from_slice(&(index as u16).to_be_bytes());
                            train[at + 8..at + 12].copy_from_slice(&(ssrc as u32).to_be_bytes());
                            train.resize(at + load.size, 0);
                            sealer.seal(&mut train[at..], HEADER, plain, ssrc as u32, index)?;
                        }
                        let together = if load.trains { train.len() } else { load.size };
                        for part in train.chunks(together) {
                            state.try_send((&socket).into(), &transmit(part, *address, load.size))?;
                        }
                        out += count as u64;
                    }
                    sequence += count as u64;
                    frame.clear();
                }
            }
        }
    }
}

type Prepared = (Poll, UdpSocket, UdpSocketState, Vec<SrtpOut>);

fn prepare(port: std::net::UdpSocket, subscribers: usize) -> anyhow::Result<Prepared> {
    let state = UdpSocketState::new((&port).into())?;
    let mut socket = UdpSocket::from_std(port);
    let poll = Poll::new()?;
    poll.registry().register(&mut socket, Token(0), Interest::READABLE)?;
    Ok((poll, socket, state, (0..subscribers).map(sealer).collect()))
}
