//! The one TCP port of the media plane: takes connections, waits for their first frame, finds their shard.
//!
//! A thread of its own, so that strangers who only connect cost the shards nothing. The first frame is looked at but
//! not taken (`MSG_PEEK`): nothing is kept per connection but its socket. Everything that is not a binding request to
//! a ufrag of ours is closed without a word.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use mio::{
    Events, Interest, Poll, Token, Waker,
    net::{TcpListener, TcpStream},
};
use slotmap::{Key, KeyData, SlotMap, new_key_type};

use super::Handover;
use crate::{
    proto::{
        demux::{PacketKind, classify},
        framing::{PREFIX, announced},
        stun::{BindingRequest, MAX_REQUEST},
    },
    runtime::{clock, hub::Mailbox, shard::Message, stats::TcpStats},
    transport::ice::Credentials,
};

/// From the connection to a check that passed.
const PROOF_TIME: Duration = Duration::from_secs(10);
/// How often late ones are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// After an error of `accept` (no file descriptors left): trying at once would only burn the processor.
const REST: Duration = Duration::from_millis(100);
/// Accepted in one go before those that wait have their turn.
const MAX_ACCEPTS: usize = 64;

const LISTENER: Token = Token(0);
const WAKE: Token = Token(1);

new_key_type! {
    struct WaitingKey;
}

/// 0 = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub connections: u64,
    /// Per IPv4 address, and per IPv6 network of one household (/64).
    pub per_ip: u64,
}

/// Why a connection was closed before any shard saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The limit of all connections.
    Full,
    PerIp,
    /// No first frame in time.
    Late,
    /// The first frame is no binding request.
    NotStun,
    /// No such shard, or it takes no more.
    NoShard,
}

impl Refusal {
    pub const ALL: [Self; 5] = [Self::Full, Self::PerIp, Self::Late, Self::NotStun, Self::NoShard];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::PerIp => "per_ip",
            Self::Late => "late",
            Self::NotStun => "not_stun",
            Self::NoShard => "no_shard",
        }
    }
}

/// Numbers of the listener; one thread writes, others look.
#[derive(Debug, Default)]
pub struct Counters {
    open: AtomicU64,
    accepted: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Counters {
    pub fn stats(&self) -> TcpStats {
        let refused = Refusal::ALL.iter().zip(&self.refused);
        TcpStats {
            open: self.open.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: refused.map(|(why, count)| (why.as_str(), count.load(Ordering::Relaxed))).collect(),
        }
    }

    fn refuse(&self, why: Refusal) {
        if let Some(count) = self.refused.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Lives as long as its connection, wherever that is.
#[derive(Debug)]
pub struct Permit {
    counters: Arc<Counters>,
    of_ip: Arc<AtomicU64>,
}

#[cfg(test)]
impl Permit {
    pub(super) fn unlimited() -> Self {
        let counters = Arc::<Counters>::default();
        counters.open.fetch_add(1, Ordering::Relaxed);
        Self { counters, of_ip: Arc::new(AtomicU64::new(1)) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.counters.open.fetch_sub(1, Ordering::Relaxed);
        self.of_ip.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A running listener.
pub struct Listener {
    pub address: SocketAddr,
    pub counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<()>,
}

impl Listener {
    /// Listens on a bound socket and gives connections to `shards`.
    pub fn start(listener: std::net::TcpListener, limits: Limits, shards: Vec<Mailbox>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let counters = Arc::new(Counters::default());
        let stop = Arc::new(AtomicBool::new(false));
        let state = Acceptor {
            poll,
            listener,
            limits,
            shards,
            counters: Arc::clone(&counters),
            waiting: SlotMap::with_key(),
            of_ips: HashMap::new(),
        };
        let stopped = Arc::clone(&stop);
        let thread =
            std::thread::Builder::new().name("media-tcp".into()).spawn(move || state.run(&stopped))?;
        Ok(Self { address, counters, stop, waker, thread })
    }

    /// Closes the port. Connections that have a shard stay open.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        if self.waker.wake().is_ok() {
            let _ = self.thread.join();
        }
    }
}

/// A connection without a shard.
struct Waiting {
    stream: TcpStream,
    peer: SocketAddr,
    deadline: Instant,
    permit: Permit,
}

struct Acceptor {
    poll: Poll,
    listener: TcpListener,
    limits: Limits,
    shards: Vec<Mailbox>,
    counters: Arc<Counters>,
    waiting: SlotMap<WaitingKey, Waiting>,
    of_ips: HashMap<IpAddr, Arc<AtomicU64>>,
}

impl Acceptor {
    fn run(mut self, stop: &AtomicBool) {
        let mut events = Events::with_capacity(256);
        let (mut knocking, mut next_sweep) = (true, clock::now() + SWEEP);
        let mut pause = Duration::ZERO;
        while !stop.load(Ordering::Acquire) {
            let timeout = if knocking { pause } else { SWEEP };
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "polling failed; no more media connections over TCP");
                return;
            }
            let now = clock::now();
            for event in &events {
                match event.token() {
                    LISTENER => knocking = true,
                    WAKE => {}
                    token => self.look(WaitingKey::from(KeyData::from_ffi(token.0 as u64))),
                }
            }
            if knocking {
                (knocking, pause) = self.accept(now);
            }
            if now >= next_sweep {
                next_sweep = now + SWEEP;
                self.sweep(now);
            }
        }
    }

    /// Takes connections. Returns whether more may be waiting, and how long to rest first.
    fn accept(&mut self, now: Instant) -> (bool, Duration) {
        for _ in 0..MAX_ACCEPTS {
            match self.listener.accept() {
                Ok((stream, peer)) => self.admit(stream, peer, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (false, Duration::ZERO),
                // The client was faster gone than taken.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return (true, REST),
            }
        }
        (true, Duration::ZERO)
    }

    /// Limits come before everything else.
    fn admit(&mut self, mut stream: TcpStream, peer: SocketAddr, now: Instant) {
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        let over = |count: u64, limit: u64| limit != 0 && count >= limit;
        if over(self.counters.open.load(Ordering::Relaxed), self.limits.connections) {
            return self.counters.refuse(Refusal::Full);
        }
        let of_ip = Arc::clone(self.of_ips.entry(household(peer.ip())).or_default());
        if over(of_ip.load(Ordering::Relaxed), self.limits.per_ip) {
            return self.counters.refuse(Refusal::PerIp);
        }
        of_ip.fetch_add(1, Ordering::Relaxed);
        self.counters.open.fetch_add(1, Ordering::Relaxed);
        let permit = Permit { counters: Arc::clone(&self.counters), of_ip };
        let key = self.waiting.insert_with_key(|key| {
            let token = Token(usize::try_from(key.data().as_ffi()).unwrap_or(usize::MAX));
            // One that cannot be polled is closed as late.
            let _ = self.poll.registry().register(&mut stream, token, Interest::READABLE);
            Waiting { stream, peer, deadline: now + PROOF_TIME, permit }
        });
        self.look(key);
    }

    /// Looks at what has come, and decides as soon as it can.
    fn look(&mut self, key: WaitingKey) {
        let Some(waiting) = self.waiting.get_mut(key) else { return };
        let mut buffer = [0u8; PREFIX + MAX_REQUEST];
        let seen = match waiting.stream.peek(&mut buffer) {
            Ok(0) => None,
            Ok(len) => buffer.get(..len),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return;
            }
            Err(_) => None,
        };
        let Some(seen) = seen else {
            self.waiting.remove(key);
            return;
        };
        match shard_named_in(seen) {
            First::Unfinished => {}
            First::Refused => self.refuse(key, Refusal::NotStun),
            First::Shard(shard) => self.hand_over(key, shard),
        }
    }

    fn hand_over(&mut self, key: WaitingKey, shard: u8) {
        let Some(mailbox) = self.shards.get(usize::from(shard)) else {
            return self.refuse(key, Refusal::NoShard);
        };
        let Some(Waiting { mut stream, peer, deadline, permit }) = self.waiting.remove(key) else { return };
        if self.poll.registry().deregister(&mut stream).is_err() {
            return;
        }
        let handover = Box::new(Handover { stream, peer, deadline, permit });
        if mailbox.send(Message::Connection(handover)).is_err() {
            self.counters.refuse(Refusal::NoShard);
        }
    }

    fn refuse(&mut self, key: WaitingKey, why: Refusal) {
        // Counted first: whoever sees the connection end finds it in the books.
        if self.waiting.contains_key(key) {
            self.counters.refuse(why);
            self.waiting.remove(key);
        }
    }

    fn sweep(&mut self, now: Instant) {
        let late: Vec<WaitingKey> =
            self.waiting.iter().filter(|(_, one)| now >= one.deadline).map(|(key, _)| key).collect();
        for key in late {
            self.refuse(key, Refusal::Late);
        }
        self.of_ips.retain(|_, open| open.load(Ordering::Relaxed) > 0);
    }
}

/// What the first bytes of a connection say.
#[derive(Debug, PartialEq, Eq)]
enum First {
    Unfinished,
    Refused,
    Shard(u8),
}

fn shard_named_in(bytes: &[u8]) -> First {
    let len = match announced(bytes) {
        Ok(Some(len @ 1..=MAX_REQUEST)) => len,
        Ok(None) => return First::Unfinished,
        Ok(Some(_)) | Err(_) => return First::Refused,
    };
    let frame = bytes.get(PREFIX..).unwrap_or_default();
    // The type of a STUN message begins with two zero bits, the length is a multiple of four (RFC 8489 5).
    if frame.first().is_some_and(|first| *first > 3) || !len.is_multiple_of(4) {
        return First::Refused;
    }
    let Some(frame) = frame.get(..len) else { return First::Unfinished };
    if classify(frame) != PacketKind::Stun {
        return First::Refused;
    }
    let request = BindingRequest::parse(frame);
    request
        .and_then(|request| Credentials::shard_of(&request.local_ufrag))
        .map_or(First::Refused, First::Shard)
}

/// An IPv6 household has a whole /64 to itself.
fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_counted_once() {
        let of = |text: &str| household(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn what_can_be_no_check_is_refused_with_its_first_bytes() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            &[0x16, 3, 1, 2, 0],
            &[0, 0],
            &[0xff, 0xff],
            &[0, 100, 0x80],
            &[0, 101],
            &[0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        ] {
            assert_eq!(shard_named_in(bytes), First::Refused, "{bytes:?}");
        }
        for bytes in [&[][..], &[0], &[0, 100], &[0, 100, 0, 1]] {
            assert_eq!(shard_named_in(bytes), First::Unfinished, "{bytes:?}");
        }
    }
}
