//! Who may knock how often: connections per address, frames per socket, logins, refused tokens.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};

use crate::{
    chat::error::{Code, ServiceError},
    config::{Auth, Server},
};

/// A token bucket that is told the time.
#[derive(Debug)]
pub struct Bucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    last: Instant,
}

impl Bucket {
    pub fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        Self { burst: burst.into(), per_second: per_second.into(), tokens: burst.into(), last: now }
    }

    pub fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = self.last.max(now);
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// What one socket may send. Beyond `soft` a frame is answered with `limit.rate`; beyond `hard` the socket is
/// closed (4008).
#[derive(Debug)]
pub struct FrameLimit {
    soft: Bucket,
    hard: Bucket,
    off: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameVerdict {
    Pass,
    Refuse,
    Cut,
}

impl FrameLimit {
    /// `scale` multiplies; 0 = no limit.
    pub fn new(scale: u32, now: Instant) -> Self {
        let times = |n: u32| n.saturating_mul(scale);
        Self {
            soft: Bucket::new(times(SOFT_BURST), times(SOFT_PER_SECOND), now),
            hard: Bucket::new(times(HARD_BURST), times(HARD_PER_SECOND), now),
            off: scale == 0,
        }
    }

    pub fn frame(&mut self, now: Instant) -> FrameVerdict {
        if self.off {
            return FrameVerdict::Pass;
        }
        if !self.hard.take(now) {
            return FrameVerdict::Cut;
        }
        if self.soft.take(now) { FrameVerdict::Pass } else { FrameVerdict::Refuse }
    }

    /// A frame that made no sense costs as much as twenty good ones.
    pub fn junk(&mut self, now: Instant) -> FrameVerdict {
        if !self.off && (0..JUNK_COST).any(|_| !self.hard.take(now)) {
            FrameVerdict::Cut
        } else {
            FrameVerdict::Refuse
        }
    }
}

/// Counts open TCP connections. A permit lives as long as its connection, upgraded or not.
#[derive(Debug)]
pub struct Connections {
    open: Mutex<HashMap<IpAddr, usize>>,
    max: usize,
    max_per_ip: usize,
}

#[derive(Debug)]
pub struct Permit {
    connections: Arc<Connections>,
    ip: IpAddr,
}

impl Connections {
    pub fn new(server: &Server) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            max: unlimited_if_zero(server.max_connections),
            max_per_ip: unlimited_if_zero(server.max_connections_per_ip),
        })
    }

    pub fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Permit> {
        let mut open = self.lock();
        let total: usize = open.values().sum();
        let mine = open.entry(ip).or_default();
        if total >= self.max || *mine >= self.max_per_ip {
            if *mine == 0 {
                open.remove(&ip);
            }
            return None;
        }
        *mine += 1;
        Some(Permit { connections: Arc::clone(self), ip })
    }

    pub fn total(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        if let Some(mine) = open.get_mut(&self.ip) {
            *mine -= 1;
            if *mine == 0 {
                open.remove(&self.ip);
            }
        }
    }
}

/// Logins and refused tokens.
pub struct Gates {
    login_ip: Option<DefaultKeyedRateLimiter<IpAddr>>,
    login_account: Option<DefaultKeyedRateLimiter<String>>,
    refresh_ip: Option<DefaultKeyedRateLimiter<IpAddr>>,
    invite_ip: Option<DefaultKeyedRateLimiter<IpAddr>>,
    failures: Option<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Gates {
    pub fn new(auth: &Auth) -> Self {
        fn keyed<K: Clone + Eq + std::hash::Hash>(per_minute: u32) -> Option<DefaultKeyedRateLimiter<K>> {
            NonZeroU32::new(per_minute).map(|n| RateLimiter::keyed(Quota::per_minute(n)))
        }
        Self {
            login_ip: keyed(auth.login_per_ip),
            login_account: keyed(auth.login_per_account),
            refresh_ip: keyed(auth.refresh_per_ip),
            invite_ip: keyed(auth.invites_per_ip),
            failures: keyed(auth.failures_per_ip),
        }
    }

    pub fn login(&self, ip: IpAddr, account: &str) -> Result<(), ServiceError> {
        check(self.login_ip.as_ref(), &ip)?;
        // Bounded: the key comes from outside.
        let key: String = account.trim().to_lowercase().chars().take(64).collect();
        check(self.login_account.as_ref(), &key)
    }

    pub fn refresh(&self, ip: IpAddr) -> Result<(), ServiceError> {
        check(self.refresh_ip.as_ref(), &ip)
    }

    /// Somebody looks at a link for guests, or comes in by it.
    pub fn invite(&self, ip: IpAddr) -> Result<(), ServiceError> {
        check(self.invite_ip.as_ref(), &ip)
    }

    /// Called for a refused token; the answer replaces the refusal once there are too many.
    pub fn token_refused(&self, ip: IpAddr, refusal: ServiceError) -> ServiceError {
        check(self.failures.as_ref(), &ip).err().unwrap_or(refusal)
    }

    /// Forgets those who have been quiet; called once a minute.
    pub fn sweep(&self) {
        for gate in [&self.login_ip, &self.refresh_ip, &self.invite_ip, &self.failures].into_iter().flatten()
        {
            gate.retain_recent();
        }
        if let Some(gate) = &self.login_account {
            gate.retain_recent();
        }
    }
}

fn check<K: Clone + Eq + std::hash::Hash>(
    gate: Option<&DefaultKeyedRateLimiter<K>>,
    key: &K,
) -> Result<(), ServiceError> {
    let Some(gate) = gate else { return Ok(()) };
    gate.check_key(key).map_err(|refused| {
        let wait = refused.wait_time_from(gate.clock().now()).max(Duration::from_millis(1));
        ServiceError::new(Code::LimitRate, "too many attempts; try again later").retry_after(wait)
    })
}

fn unlimited_if_zero(n: usize) -> usize {
    if n == 0 { usize::MAX } else { n }
}

/// Far above what a page does (a busy reader sends about 5 frames/s), far below what hurts.
const SOFT_BURST: u32 = 400;
const SOFT_PER_SECOND: u32 = 60;
/// A client that does not stop after refusals is hostile.
const HARD_BURST: u32 = 1200;
const HARD_PER_SECOND: u32 = 200;
/// With the burst above, sixty malformed frames end a socket.
const JUNK_COST: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn frames_are_refused_first_and_then_cut() {
        let now = clock::now();
        let mut limit = FrameLimit::new(1, now);
        let verdicts: Vec<_> = (0..=HARD_BURST).map(|_| limit.frame(now)).collect();
        assert_eq!(verdicts.iter().filter(|v| **v == FrameVerdict::Pass).count(), SOFT_BURST as usize);
        assert_eq!(verdicts.last(), Some(&FrameVerdict::Cut));
        assert_eq!(limit.frame(now + Duration::from_secs(1)), FrameVerdict::Pass);
        let mut off = FrameLimit::new(0, now);
        assert!((0..5000).all(|_| off.frame(now) == FrameVerdict::Pass));
    }

    #[test]
    fn junk_ends_a_socket_soon() {
        let now = clock::now();
        let mut limit = FrameLimit::new(1, now);
        let before_cut = (0..1000).take_while(|_| limit.junk(now) == FrameVerdict::Refuse).count();
        assert_eq!(before_cut, (HARD_BURST / JUNK_COST) as usize);
    }

    #[test]
    fn permits_bound_connections_in_total_and_per_address() {
        let server = Server { max_connections: 3, max_connections_per_ip: 2, ..Server::default() };
        let connections = Connections::new(&server);
        let (a, b): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let first = connections.admit(a);
        let second = connections.admit(a);
        assert!(first.is_some() && second.is_some() && connections.admit(a).is_none());
        let third = connections.admit(b);
        assert!(third.is_some() && connections.admit(b).is_none());
        drop(first);
        assert!(connections.admit(b).is_some());
        drop((second, third));
        assert_eq!(connections.total(), 0);
    }

    #[test]
    fn logins_are_limited_per_account_and_per_address() {
        let gates = Gates::new(&Auth { login_per_ip: 5, login_per_account: 2, ..Auth::default() });
        let (a, b): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        assert!(gates.login(a, "ana").is_ok() && gates.login(b, " ANA ").is_ok());
        let refused = gates.login(b, "ana").unwrap_err();
        assert_eq!(refused.code, Code::LimitRate);
        assert!(refused.retry_after.is_some());
        assert!((0..4).all(|n| gates.login(a, &format!("u{n}")).is_ok()));
        assert!(gates.login(a, "u9").is_err());
    }
}
