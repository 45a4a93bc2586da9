//! One ICE-TCP connection: its socket, its unfinished frame, and what waits to be written.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::net::TcpStream;

use super::listener::Permit;
use crate::proto::{
    demux::{PacketKind, classify},
    framing::{self, Deframer, PREFIX, Verdict},
};

/// Media that may wait in front of a slow network: 0.7 s of 1.5 Mb/s, and a keyframe of 720p. More would only arrive
/// later; the newest is dropped, as a router would, and congestion control slows the sender down.
const MEDIA_WAITING: usize = 128 * 1024;
/// Checks, handshakes and feedback have this much more: without them the path looks dead.
const WAITING: usize = MEDIA_WAITING + 32 * 1024;
/// Not yet sent bytes that the kernel holds on top: enough for one round of writing, little enough to keep the queue
/// where packets can still be dropped.
const KERNEL_WAITING: u32 = 32 * 1024;
/// A buffer that has grown beyond this is given back once it is empty.
const KEPT_BUFFER: usize = 32 * 1024;

pub(super) enum Read {
    /// Nothing is left for now.
    Drained,
    /// The turn is over.
    More,
    /// Closed, broken, or not worth reading any more.
    Ended,
}

pub(super) struct Connection {
    stream: TcpStream,
    /// As the rooms know it.
    pub address: SocketAddr,
    /// Whether it stands in the queue of readable ones.
    pub queued: bool,
    deframer: Deframer,
    waiting: Vec<u8>,
    /// Bytes of `waiting` that were written.
    written: usize,
    /// Since when the kernel takes nothing.
    blocked: Option<Instant>,
    touched: bool,
    /// Until when a check must have passed; `None` once one has.
    deadline: Option<Instant>,
    unproven: u32,
    last_read: Instant,
    _permit: Permit,
}

impl Connection {
    pub fn new(
        stream: TcpStream,
        address: SocketAddr,
        deadline: Instant,
        now: Instant,
        permit: Permit,
    ) -> Self {
        // Both only make it faster: without them packets wait longer.
        let _ = stream.set_nodelay(true);
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(KERNEL_WAITING);
        Self {
            stream,
            address,
            queued: false,
            deframer: Deframer::default(),
            waiting: Vec::new(),
            written: 0,
            blocked: None,
            touched: false,
            deadline: Some(deadline),
            unproven: 0,
            last_read: now,
            _permit: permit,
        }
    }

    pub fn source(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// A frame passed its check.
    pub fn prove(&mut self) {
        self.deadline = None;
    }

    /// Counts frames that proved nothing, until one does.
    pub fn doubt(&mut self) -> u32 {
        self.unproven += u32::from(self.deadline.is_some());
        self.unproven
    }

    pub fn is_dead(&self, now: Instant, idle: Duration, stuck: Duration) -> bool {
        let passed = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        self.deadline.is_some_and(|deadline| now >= deadline)
            || passed(self.last_read, idle)
            || self.blocked.is_some_and(|since| passed(since, stuck))
    }

    /// One turn: at most one buffer full.
    pub fn read(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        mut handle: impl FnMut(&mut Self, &mut [u8]) -> Verdict,
    ) -> Read {
        let len = match self.stream.read(buffer) {
            Ok(0) => return Read::Ended,
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Read::Drained,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Read::More,
            Err(_) => return Read::Ended,
        };
        self.last_read = now;
        let bytes = buffer.get_mut(..len).unwrap_or_default();
        // Out of `self` for the time being: frames are handed over together with the connection.
        let mut deframer = std::mem::take(&mut self.deframer);
        let verdict = deframer.push(bytes, |frame| handle(self, frame));
        self.deframer = deframer;
        match verdict {
            // Also after a short read: only `WouldBlock` says that an edge will come again.
            Ok(Verdict::GoOn) => Read::More,
            Ok(Verdict::Stop) | Err(_) => Read::Ended,
        }
    }

    /// Queues one datagram; `false` when it does not fit.
    pub fn queue(&mut self, datagram: &[u8]) -> bool {
        let limit = if classify(datagram) == PacketKind::Rtp { MEDIA_WAITING } else { WAITING };
        let waiting = self.waiting.len() - self.written;
        let Some(prefix) = framing::prefix(datagram.len()) else { return false };
        if waiting + PREFIX + datagram.len() > limit {
            return false;
        }
        self.waiting.extend_from_slice(&prefix);
        self.waiting.extend_from_slice(datagram);
        true
    }

    /// Whether it is to be written and nobody has said so yet.
    pub fn touch(&mut self) -> bool {
        let new = !self.touched && self.blocked.is_none() && self.written < self.waiting.len();
        self.touched |= new;
        new
    }

    #[cfg(test)]
    pub fn has_waiting(&self) -> bool {
        self.written < self.waiting.len()
    }

    /// The kernel takes bytes again. Returns whether some are waiting.
    pub fn unblock(&mut self) -> bool {
        // How long it is stuck counts from the last byte that went out: `write` says when it is stuck again.
        self.blocked.take().is_some() && self.touch()
    }

    pub fn write(&mut self, now: Instant) -> std::io::Result<()> {
        self.touched = false;
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked.get_or_insert(now);
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.written == self.waiting.len() {
            self.waiting.clear();
            self.waiting.shrink_to(KEPT_BUFFER);
            self.written = 0;
        } else if self.written > self.waiting.len() / 2 {
            self.waiting.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}
