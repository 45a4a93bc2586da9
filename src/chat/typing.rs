//! Who is typing where. Soft state with a time limit; sans-I/O.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::base::id::{ChannelId, MessageId, SessionId, UserId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typist {
    pub user: UserId,
    pub username: String,
    pub name: String,
    /// The root, if it types a reply in a thread. One is in one place of a channel at a time.
    pub thread: Option<MessageId>,
}

#[derive(Debug)]
struct Entry {
    typist: Typist,
    session: SessionId,
    until: Instant,
}

#[derive(Debug)]
pub struct Typing {
    ttl: Duration,
    entries: BTreeMap<(ChannelId, UserId), Entry>,
}

impl Typing {
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, entries: BTreeMap::new() }
    }

    /// True if this is news: a repeat only prolongs and is not told to anyone.
    pub fn start(&mut self, now: Instant, channel: ChannelId, session: SessionId, typist: Typist) -> bool {
        let (user, thread) = (typist.user, typist.thread);
        let entry = Entry { session, until: now + self.ttl, typist };
        self.entries.insert((channel, user), entry).is_none_or(|before| before.typist.thread != thread)
    }

    /// True if the user was typing there.
    pub fn stop(&mut self, channel: ChannelId, user: UserId) -> bool {
        self.entries.remove(&(channel, user)).is_some()
    }

    /// The session is gone: where its user stopped typing.
    pub fn drop_session(&mut self, session: SessionId) -> Vec<(ChannelId, UserId)> {
        self.take(|entry| entry.session == session)
    }

    /// Who has been silent for the time to live.
    pub fn expire(&mut self, now: Instant) -> Vec<(ChannelId, UserId)> {
        self.take(|entry| entry.until <= now)
    }

    pub fn active(&self, channel: ChannelId) -> Vec<&Typist> {
        let of_channel = self.entries.range((channel, MIN)..=(channel, MAX));
        of_channel.map(|(_, entry)| &entry.typist).collect()
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.entries.values().map(|entry| entry.until).min()
    }

    fn take(&mut self, gone: impl Fn(&Entry) -> bool) -> Vec<(ChannelId, UserId)> {
        let keys: Vec<_> =
            self.entries.iter().filter(|(_, entry)| gone(entry)).map(|(key, _)| *key).collect();
        for key in &keys {
            self.entries.remove(key);
        }
        keys
    }
}

const MIN: UserId = UserId(ulid::Ulid(u128::MIN));
const MAX: UserId = UserId(ulid::Ulid(u128::MAX));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn typist(n: u128) -> Typist {
        Typist { user: UserId::from_parts(1, n), username: "ana".into(), name: "Ana".into(), thread: None }
    }

    #[test]
    fn a_repeat_prolongs_without_being_news() {
        let (mut typing, t0) = (Typing::new(Duration::from_secs(6)), clock::now());
        let (channel, session) = (ChannelId::from_parts(1, 1), SessionId::from_parts(1, 1));
        assert!(typing.start(t0, channel, session, typist(1)));
        assert!(!typing.start(t0 + Duration::from_secs(4), channel, session, typist(1)));
        assert!(typing.expire(t0 + Duration::from_secs(6)).is_empty());
        assert_eq!(typing.next_timeout(), Some(t0 + Duration::from_secs(10)));
        assert_eq!(typing.expire(t0 + Duration::from_secs(10)), [(channel, typist(1).user)]);
        assert_eq!(typing.next_timeout(), None);
    }

    #[test]
    fn channels_and_sessions_are_kept_apart() {
        let (mut typing, t0) = (Typing::new(Duration::from_secs(6)), clock::now());
        let (a, b) = (ChannelId::from_parts(1, 1), ChannelId::from_parts(1, 2));
        let (s, t) = (SessionId::from_parts(1, 1), SessionId::from_parts(1, 2));
        typing.start(t0, a, s, typist(1));
        typing.start(t0, a, t, typist(2));
        typing.start(t0, b, s, typist(1));
        assert_eq!(typing.active(a).len(), 2);
        assert_eq!(typing.drop_session(s).len(), 2);
        assert_eq!(typing.active(a), [&typist(2)]);
        assert!(!typing.stop(b, typist(1).user));
    }
}
