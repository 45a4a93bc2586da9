//! One signalling session: its identity, its ring, and the socket it currently has. Pure.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    frame::{Class, OutFrame},
    outbox::{Outbox, Pushed},
    ring::Ring,
};
use crate::auth::grants::Actor;

/// Why a socket is told to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub close_code: u16,
    pub reason: &'static str,
    /// `session:invalid` goes out first.
    pub invalid: Option<&'static str>,
}

impl Cut {
    pub const REPLACED: Self = Self { close_code: 4002, reason: "session replaced", invalid: None };
    pub const SLOW: Self = Self { close_code: 4010, reason: "slow consumer", invalid: None };
    pub const DRAINING: Self = Self { close_code: 4012, reason: "draining", invalid: None };
    pub const EXPIRED: Self =
        Self { close_code: 4001, reason: "token expired", invalid: Some("auth.expired") };
    pub const FORGOTTEN: Self = Self { close_code: 4000, reason: "session closed", invalid: None };
}

/// Number of an attachment; a socket whose number is no longer current has been replaced.
pub type Generation = u64;

#[derive(Debug)]
pub struct SessionState {
    actor: Arc<Actor>,
    ring: Ring,
    outbox: Outbox,
    socket: Socket,
    generation: Generation,
    /// When the bearer's token is dead, in seconds since 1970.
    expires_s: u64,
    /// Closed by us: it may not resume and ends as soon as its socket is gone.
    doomed: bool,
}

#[derive(Debug)]
enum Socket {
    Attached { cut: Option<Cut> },
    Detached { since: Instant },
}

impl SessionState {
    /// A new session, attached.
    pub fn new(actor: Arc<Actor>, expires_s: u64) -> Self {
        Self {
            actor,
            ring: Ring::default(),
            outbox: Outbox::default(),
            socket: Socket::Attached { cut: None },
            generation: 1,
            expires_s,
            doomed: false,
        }
    }

    /// Takes a frame: reliable ones are numbered and kept, whether or not a socket is there.
    pub fn push(&mut self, frame: &OutFrame) -> Pushed {
        let frame = match frame.class {
            Class::Reliable => self.ring.push(frame),
            Class::Reply | Class::Ephemeral => frame.clone(),
        };
        let Socket::Attached { cut } = &mut self.socket else { return Pushed::Dropped };
        if cut.is_some() {
            return Pushed::Dropped;
        }
        let pushed = self.outbox.push(frame);
        if pushed == Pushed::Full {
            *cut = Some(Cut::SLOW);
        }
        pushed
    }

    /// The next frame for the socket `generation`, or why it must go.
    pub fn next(&mut self, generation: Generation) -> Result<Option<OutFrame>, Cut> {
        if generation != self.generation {
            return Err(Cut::REPLACED);
        }
        match self.socket {
            Socket::Attached { cut: Some(cut) } if cut == Cut::SLOW || self.outbox.is_empty() => Err(cut),
            Socket::Attached { .. } => Ok(self.outbox.pop()),
            Socket::Detached { .. } => Err(Cut::REPLACED),
        }
    }

    /// What happened so far is still delivered, then the socket goes.
    pub fn cut(&mut self, cut: Cut) {
        if let Socket::Attached { cut: current } = &mut self.socket {
            current.get_or_insert(cut);
        }
    }

    /// A new socket takes over; an old one, half-open or not, is replaced. Returns its number and the replay,
    /// or `None` if the ring no longer reaches back to `s` (the session is of no use any more).
    pub fn resume(&mut self, s: u64) -> Option<(Generation, Vec<OutFrame>)> {
        if self.doomed {
            return None;
        }
        let replay = self.ring.after(s)?;
        self.outbox.clear();
        self.generation += 1;
        self.socket = Socket::Attached { cut: None };
        Some((self.generation, replay))
    }

    /// The socket is gone. `false` if it had been replaced already.
    pub fn detach(&mut self, generation: Generation, now: Instant) -> bool {
        if generation != self.generation || !self.is_attached() {
            return false;
        }
        self.outbox.clear();
        self.socket = Socket::Detached { since: now };
        true
    }

    /// Never to resume.
    pub fn doom(&mut self) {
        self.doomed = true;
    }

    pub fn refresh(&mut self, actor: Arc<Actor>, expires_s: u64) {
        self.actor = actor;
        self.expires_s = expires_s;
    }

    pub fn actor(&self) -> Arc<Actor> {
        Arc::clone(&self.actor)
    }

    pub fn expires_s(&self) -> u64 {
        self.expires_s
    }

    /// Number of the current attachment.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    pub fn is_attached(&self) -> bool {
        matches!(self.socket, Socket::Attached { .. })
    }

    /// Detached for longer than the window, or doomed and detached?
    pub fn is_over(&self, now: Instant, window: Duration) -> bool {
        self.detached_since()
            .is_some_and(|since| self.doomed || now.saturating_duration_since(since) >= window)
    }

    /// Has the socket `generation` been told to go, or been replaced?
    pub fn is_cut(&self, generation: Generation) -> bool {
        generation != self.generation || !matches!(self.socket, Socket::Attached { cut: None })
    }

    pub fn detached_since(&self) -> Option<Instant> {
        match self.socket {
            Socket::Detached { since } => Some(since),
            Socket::Attached { .. } => None,
        }
    }

    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// Sequence of the newest reliable frame.
    pub fn last_s(&self) -> u64 {
        self.ring.last()
    }
}

#[cfg(test)]
mod tests;
