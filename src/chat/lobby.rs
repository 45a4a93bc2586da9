//! Guests who wait to be let in, as far as their sockets go. Soft state with time limits; sans-I/O.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    auth::grants::Device,
    base::id::{SessionId, UserId},
};

/// Somebody who waits in vain for longer has been forgotten; hosts would stop looking at what is always there.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// A page that is loaded again, or a network that changes, is back by then.
pub const AWAY: Duration = Duration::from_secs(60);

/// Why a knock is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Its socket was gone for `AWAY`.
    Left,
    /// Nobody answered for `PATIENCE`.
    Unanswered,
}

impl Over {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Unanswered => "unanswered",
        }
    }
}

#[derive(Debug)]
struct Knock {
    until: Instant,
    sessions: BTreeMap<SessionId, Device>,
    /// Since when it has no socket.
    away: Option<Instant>,
}

impl Knock {
    fn over_at(&self) -> (Instant, Over) {
        let away = self.away.map(|since| since + AWAY).filter(|at| *at < self.until);
        away.map_or((self.until, Over::Unanswered), |at| (at, Over::Left))
    }
}

#[derive(Debug, Default)]
pub struct Lobby {
    knocks: BTreeMap<UserId, Knock>,
}

impl Lobby {
    /// Somebody knocks, or is heard again after a restart: it has been waiting for so long already.
    pub fn knock(&mut self, now: Instant, user: UserId, waited: Duration) {
        let until = now + PATIENCE.saturating_sub(waited);
        let knock = Knock { until, sessions: BTreeMap::new(), away: Some(now) };
        self.knocks.entry(user).or_insert(knock);
    }

    /// A socket of somebody who may be waiting is there.
    pub fn attached(&mut self, user: UserId, session: SessionId, device: Device) {
        if let Some(knock) = self.knocks.get_mut(&user) {
            knock.sessions.insert(session, device);
            knock.away = None;
        }
    }

    /// It is gone. True if the time limit changed by it.
    pub fn detached(&mut self, now: Instant, user: UserId, session: SessionId) -> bool {
        let Some(knock) = self.knocks.get_mut(&user) else { return false };
        knock.sessions.remove(&session);
        let leaves = knock.sessions.is_empty() && knock.away.is_none();
        if leaves {
            knock.away = Some(now);
        }
        leaves
    }

    /// It waits for an answer no more: the sockets it has.
    pub fn end(&mut self, user: UserId) -> Vec<(SessionId, Device)> {
        self.knocks.remove(&user).map_or_else(Vec::new, |knock| knock.sessions.into_iter().collect())
    }

    /// Whose time is over.
    pub fn expire(&mut self, now: Instant) -> Vec<(UserId, Over)> {
        let over = self.knocks.iter().map(|(user, knock)| (*user, knock.over_at()));
        let over: Vec<_> =
            over.filter(|(_, (at, _))| *at <= now).map(|(user, (_, why))| (user, why)).collect();
        for (user, _) in &over {
            self.knocks.remove(user);
        }
        over
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.knocks.values().map(|knock| knock.over_at().0).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn who(n: u128) -> (UserId, SessionId) {
        (UserId::from_parts(1, n), SessionId::from_parts(2, n))
    }

    #[test]
    fn a_knock_ends_after_ten_minutes_or_a_minute_without_a_socket() {
        let (now, mut lobby) = (clock::now(), Lobby::default());
        let ((gil, page), (lou, phone)) = (who(1), who(2));
        for (user, session) in [(gil, page), (lou, phone)] {
            lobby.knock(now, user, Duration::ZERO);
            lobby.attached(user, session, Device::Mobile);
        }
        assert_eq!(lobby.next_timeout(), Some(now + PATIENCE));
        let later = now + Duration::from_secs(100);
        assert!(lobby.detached(later, gil, page) && !lobby.detached(later, gil, page));
        assert_eq!(lobby.expire(later + AWAY - Duration::from_millis(1)), []);
        assert_eq!(lobby.expire(later + AWAY), [(gil, Over::Left)]);
        assert_eq!(lobby.expire(now + PATIENCE), [(lou, Over::Unanswered)]);
        assert_eq!((lobby.next_timeout(), lobby.end(gil)), (None, vec![]));
    }

    #[test]
    fn whoever_comes_back_in_time_goes_on_waiting_and_gains_nothing() {
        let (now, mut lobby, (gil, page)) = (clock::now(), Lobby::default(), who(1));
        lobby.knock(now, gil, Duration::ZERO);
        lobby.attached(gil, page, Device::Mobile);
        let other = who(2).1;
        lobby.attached(gil, other, Device::Mobile);
        assert!(!lobby.detached(now, gil, page), "another page is there");
        assert!(lobby.detached(now, gil, other));
        let back = now + AWAY / 2;
        lobby.knock(back, gil, Duration::ZERO);
        lobby.attached(gil, page, Device::Mobile);
        assert_eq!(lobby.expire(now + PATIENCE - Duration::from_millis(1)), []);
        assert_eq!(lobby.expire(now + PATIENCE), [(gil, Over::Unanswered)]);
        lobby.knock(back, gil, Duration::ZERO);
        lobby.attached(gil, page, Device::Mobile);
        assert_eq!(lobby.end(gil), [(page, Device::Mobile)]);
    }

    #[test]
    fn after_a_restart_the_rest_of_the_time_is_left() {
        let (now, mut lobby) = (clock::now(), Lobby::default());
        let ((gil, page), (lou, _)) = (who(1), who(2));
        lobby.knock(now, gil, Duration::from_secs(500));
        lobby.knock(now, lou, Duration::from_secs(500));
        lobby.attached(gil, page, Device::Mobile);
        assert_eq!(lobby.expire(now + AWAY), [(lou, Over::Left)]);
        assert_eq!(lobby.expire(now + Duration::from_secs(100)), [(gil, Over::Unanswered)]);
        assert!(lobby.end(lou).is_empty() && lobby.end(gil).is_empty());
    }
}
