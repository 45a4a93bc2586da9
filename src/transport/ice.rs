//! The ICE-lite agent of one session (RFC 8445 2.5): answers checks, learns addresses, follows nominations.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use arrayvec::ArrayVec;
use rtc_dtls::crypto_provider::RTCCrypto;

use super::remote;
use crate::{base::rng::Rng, proto::stun::BindingRequest};

/// Remote addresses that may pass checks; a client has a handful of interfaces.
const MAX_PAIRS: usize = 16;
/// RFC 7675: consent is lost after this long without a check.
pub const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Browsers check a path that works every 2.5 s; an address from which none came after several is not theirs.
const CHECK_AFTER_MOVE: Duration = Duration::from_secs(10);
/// A pair that was not checked for this long makes room for a new one when there is none: two checks of a browser. It
/// comes back with its next check.
const STALE_PAIR: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

impl Credentials {
    /// Two digits name the shard, 8 characters the session on it (47 bits), 24 protect it (142 bits).
    pub fn generate(shard: u8, rng: &mut Rng) -> Self {
        Self { ufrag: format!("{shard:02x}{}", rng.token(8)), pwd: rng.token(24) }
    }

    /// The shard whose session a check names, as the check says.
    pub fn shard_of(ufrag: &str) -> Option<u8> {
        u8::from_str_radix(ufrag.get(..2)?, 16).ok()
    }
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    remote: SocketAddr,
    last_check: Instant,
    /// Came by an authentic packet instead of a check; a check must follow.
    unchecked: bool,
}

#[derive(Debug)]
pub struct IceLite {
    current: Credentials,
    /// Still valid while a restart is under way (RFC 8445 9).
    previous: Option<Credentials>,
    remote_ufrag: String,
    pairs: ArrayVec<Pair, MAX_PAIRS>,
    selected: Option<SocketAddr>,
    nominated: bool,
}

/// What an authentic check changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    pub response: Vec<u8>,
    /// An address that may speak from now on.
    pub validated: Option<SocketAddr>,
    /// An address that no longer may.
    pub evicted: Option<SocketAddr>,
}

impl IceLite {
    pub fn new(credentials: Credentials, remote_ufrag: String) -> Self {
        Self {
            current: credentials,
            previous: None,
            remote_ufrag,
            pairs: ArrayVec::new(),
            selected: None,
            nominated: false,
        }
    }

    pub fn credentials(&self) -> &Credentials {
        &self.current
    }

    pub fn remote_ufrag(&self) -> &str {
        &self.remote_ufrag
    }

    /// New credentials on both sides; the selected pair stays until the client nominates again.
    pub fn restart(&mut self, credentials: Credentials, remote_ufrag: String) -> Option<Credentials> {
        let dropped = self.previous.replace(std::mem::replace(&mut self.current, credentials));
        self.remote_ufrag = remote_ufrag;
        self.nominated = false;
        dropped
    }

    /// Local ufrags under which checks for this session may arrive.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(|one| one.ufrag.as_str())
    }

    /// Where media goes.
    pub fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    pub fn remotes(&self) -> impl Iterator<Item = SocketAddr> {
        self.pairs.iter().map(|pair| pair.remote)
    }

    pub fn knows(&self, from: SocketAddr) -> bool {
        self.pairs.iter().any(|pair| pair.remote == from)
    }

    /// DTLS and SRTP are accepted only from addresses that passed a check with integrity, or will soon (`moved`).
    pub fn is_validated(&self, now: Instant, from: SocketAddr) -> bool {
        let passed = |pair: &Pair| {
            !pair.unchecked || now.saturating_duration_since(pair.last_check) < CHECK_AFTER_MOVE
        };
        self.pairs.iter().any(|pair| pair.remote == from && passed(pair))
    }

    /// Media goes to another address that may speak. `false` if it may not.
    pub fn follow(&mut self, now: Instant, from: SocketAddr) -> bool {
        let may = self.is_validated(now, from);
        if may {
            self.selected = Some(from);
        }
        may
    }

    /// The client's address changed under way (a NAT forgot it): an authentic media packet came from a new one while
    /// the selected one is silent. Checks come every few seconds only; media follows at once, and for as long as it
    /// takes a check to come.
    ///
    /// Returns the address that made room for it; `None` if there is no room.
    pub fn moved(&mut self, now: Instant, from: SocketAddr) -> Option<Option<SocketAddr>> {
        let (Some(_), evicted) = self.touch(now, from) else { return None };
        if let Some(pair) = self.pairs.iter_mut().find(|pair| pair.remote == from) {
            pair.unchecked = true;
        }
        self.selected = Some(from);
        Some(evicted)
    }

    pub fn last_check(&self) -> Option<Instant> {
        self.pairs.iter().map(|pair| pair.last_check).max()
    }

    /// `None` for requests that are not authentic: they get no answer at all.
    pub fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        request: &mut BindingRequest,
        crypto: &dyn RTCCrypto,
    ) -> Option<Checked> {
        let credentials = [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|one| one.ufrag == request.local_ufrag)?;
        if !request.is_authentic(&credentials.pwd, crypto) {
            return None;
        }
        let response = request.success(remote::on_the_wire(from), &credentials.pwd, crypto)?;
        let is_current = credentials.ufrag == self.current.ufrag;
        let (validated, evicted) = self.touch(now, from);
        if self.selected.is_none() {
            self.selected = Some(from);
        }
        if is_current && request.use_candidate {
            self.selected = Some(from);
            if !self.nominated {
                self.nominated = true;
                self.previous = None;
            }
        }
        Some(Checked { response, validated, evicted })
    }

    /// An address that is gone for good (a closed connection). Media goes on to the address that was checked last,
    /// until the client nominates.
    pub fn forget(&mut self, address: SocketAddr) {
        self.pairs.retain(|pair| pair.remote != address);
        if self.selected == Some(address) {
            self.selected = self.pairs.iter().max_by_key(|pair| pair.last_check).map(|pair| pair.remote);
        }
    }

    fn touch(&mut self, now: Instant, from: SocketAddr) -> (Option<SocketAddr>, Option<SocketAddr>) {
        if let Some(pair) = self.pairs.iter_mut().find(|pair| pair.remote == from) {
            (pair.last_check, pair.unchecked) = (now, false);
            return (None, None);
        }
        let mut evicted = None;
        if self.pairs.is_full() {
            let selected = self.selected;
            let others = self.pairs.iter().enumerate().filter(|(_, pair)| Some(pair.remote) != selected);
            let oldest = others.min_by_key(|(_, pair)| pair.last_check);
            let is_stale = |pair: &Pair| now.saturating_duration_since(pair.last_check) > STALE_PAIR;
            let Some((stale, _)) = oldest.filter(|(_, pair)| is_stale(pair)) else { return (None, None) };
            evicted = Some(self.pairs.swap_remove(stale).remote);
        }
        self.pairs.push(Pair { remote: from, last_check: now, unchecked: false });
        (Some(from), evicted)
    }
}
