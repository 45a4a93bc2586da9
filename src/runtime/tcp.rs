//! ICE-TCP connections of one shard (RFC 6544 passive, framed by RFC 4571): read in turns, written without waiting.
//!
//! `listener` takes connections and finds their shard; here they are datagrams from and to addresses (`remote`), as if
//! they were UDP. A connection that takes no bytes holds up nobody: what it should get waits in a buffer of its own,
//! and what does not fit is dropped.

mod connection;
pub mod listener;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Registry, Token, event::Event, net::TcpStream};
use slotmap::{Key, KeyData, SlotMap, new_key_type};

use self::connection::{Connection, Read};
use super::udp::SendReport;
use crate::{proto::framing::Verdict, transport::remote};

new_key_type! {
    struct ConnectionKey;
}

/// Bytes taken from one connection before the next has its turn; also the buffer they are read into.
const READ_BUFFER: usize = 64 * 1024;
/// Connections read per wake-up; the others have their turn in the next one, after media was sent.
const MAX_TURNS: usize = 32;
/// A connection from which nothing came for this long is dead: checks come every few seconds (RFC 7675).
const IDLE: Duration = Duration::from_secs(30);
/// A peer whose window stays shut for this long is gone.
const STUCK: Duration = Duration::from_secs(10);
/// How often dead connections are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// Frames a connection may send before one of them passed a check. Clients send a handful of checks per address;
/// who guesses passwords does so at the price of a connection each.
const MAX_UNPROVEN: u32 = 16;

/// A connection whose first frame names a session of the shard it is given to. Nothing has been read from it.
pub struct Handover {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    /// A check must have passed by then.
    pub deadline: Instant,
    pub permit: listener::Permit,
}

/// What a frame showed about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The address belongs to a session now.
    Proven,
    None,
}

pub struct TcpPort {
    registry: Registry,
    connections: SlotMap<ConnectionKey, Connection>,
    /// Those that may have more to read, in order.
    readable: VecDeque<ConnectionKey>,
    /// Those that got something to send since the last flush.
    touched: Vec<ConnectionKey>,
    /// Addresses that ended by themselves, for the rooms to know.
    ended: Vec<SocketAddr>,
    buffer: Vec<u8>,
    next_sweep: Option<Instant>,
    /// Of the current wake-up.
    now: Instant,
}

impl TcpPort {
    pub fn new(registry: Registry, now: Instant) -> Self {
        Self {
            registry,
            now,
            connections: SlotMap::with_key(),
            readable: VecDeque::new(),
            touched: Vec::new(),
            ended: Vec::new(),
            buffer: Vec::new(),
            next_sweep: None,
        }
    }

    /// Connections that are open.
    pub fn count(&self) -> usize {
        self.connections.len()
    }

    /// A wake-up begins: what the poll said about connections, and those whose time is over.
    pub fn wake(&mut self, events: &Events, now: Instant) {
        self.now = now;
        for event in events.iter().filter(|event| owns(event.token())) {
            self.note(event);
        }
        self.sweep();
    }

    /// Takes over a connection.
    pub fn adopt(&mut self, handover: Handover) {
        let now = self.now;
        // Most servers never see one: the buffer comes with the first.
        self.buffer.resize(READ_BUFFER, 0);
        let Handover { stream, peer, deadline, permit } = handover;
        let key = self.connections.insert_with_key(|key| {
            let address = remote::of_connection(peer, key.data().as_ffi());
            Connection::new(stream, address, deadline, now, permit)
        });
        let Some(connection) = self.connections.get_mut(key) else { return };
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.registry.register(connection.source(), token(key), both).is_err() {
            self.connections.remove(key);
            return;
        }
        // The first frame is there already.
        connection.queued = true;
        self.readable.push_back(key);
        self.next_sweep.get_or_insert(now + SWEEP);
    }

    fn note(&mut self, event: &Event) {
        let key = ConnectionKey::from(KeyData::from_ffi(event.token().0 as u64));
        let Some(connection) = self.connections.get_mut(key) else { return };
        if event.is_writable() && connection.unblock() {
            self.touched.push(key);
        }
        if (event.is_readable() || event.is_read_closed() || event.is_error()) && !connection.queued {
            connection.queued = true;
            self.readable.push_back(key);
        }
    }

    /// Reads from connections that have something, each in its turn, and hands over their frames.
    /// Returns whether more may be waiting.
    pub fn receive(&mut self, mut handle: impl FnMut(SocketAddr, &mut [u8]) -> Proof) -> bool {
        for _ in 0..self.readable.len().min(MAX_TURNS) {
            let Some(key) = self.readable.pop_front() else { break };
            let Some(connection) = self.connections.get_mut(key) else { continue };
            connection.queued = false;
            let (address, mut over) = (connection.address, false);
            let read = connection.read(self.now, &mut self.buffer, |connection, frame| {
                match handle(address, frame) {
                    Proof::Proven => connection.prove(),
                    Proof::None => over = connection.doubt() > MAX_UNPROVEN,
                }
                if over { Verdict::Stop } else { Verdict::GoOn }
            });
            match read {
                Read::Drained => {}
                Read::More => {
                    connection.queued = true;
                    self.readable.push_back(key);
                }
                Read::Ended => self.end(key),
            }
        }
        !self.readable.is_empty()
    }

    /// Queues datagrams of `segment` bytes, of which the last may be shorter, to the connection behind `to`.
    pub fn send(&mut self, key: u64, contents: &[u8], segment: usize, report: &mut SendReport) {
        let key = ConnectionKey::from(KeyData::from_ffi(key));
        let segment = segment.max(1);
        let Some(connection) = self.connections.get_mut(key) else {
            report.failed += contents.len().div_ceil(segment) as u64;
            return;
        };
        for datagram in contents.chunks(segment) {
            if connection.queue(datagram) {
                report.packets += 1;
                report.bytes += datagram.len() as u64;
            } else {
                report.overflowed += 1;
            }
        }
        if connection.touch() {
            self.touched.push(key);
        }
    }

    /// Writes what was queued, as far as the kernel takes it.
    pub fn flush(&mut self, report: &mut SendReport) {
        while let Some(key) = self.touched.pop() {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            report.sends += 1;
            if connection.write(self.now).is_err() {
                self.end(key);
            }
        }
    }

    /// Closes the connection behind an address that nobody uses any more, after one last attempt to send what waits.
    pub fn close(&mut self, address: &SocketAddr) {
        let Some(key) = remote::connection(address) else { return };
        let key = ConnectionKey::from(KeyData::from_ffi(key));
        if let Some(mut connection) = self.connections.remove(key) {
            let _ = connection.write(self.now);
            let _ = self.registry.deregister(connection.source());
        }
    }

    /// Ends connections that proved nothing in time, fell silent or take nothing.
    fn sweep(&mut self) {
        let now = self.now;
        if self.next_sweep.is_none_or(|at| now < at) {
            return;
        }
        let dead: Vec<ConnectionKey> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_dead(now, IDLE, STUCK))
            .map(|(key, _)| key)
            .collect();
        for key in dead {
            self.end(key);
        }
        self.next_sweep = (!self.connections.is_empty()).then(|| now + SWEEP);
    }

    /// Whether something waits for `flush`.
    pub fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Addresses whose connections ended since the last call.
    pub fn take_ended(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.ended)
    }

    fn end(&mut self, key: ConnectionKey) {
        if let Some(mut connection) = self.connections.remove(key) {
            let _ = self.registry.deregister(connection.source());
            self.ended.push(connection.address);
        }
    }
}

fn owns(token: Token) -> bool {
    token.0 as u64 > u64::from(u32::MAX)
}

/// The key in full: its upper half is never 0, which keeps clear of the shard's own tokens.
fn token(key: ConnectionKey) -> Token {
    Token(usize::try_from(key.data().as_ffi()).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
