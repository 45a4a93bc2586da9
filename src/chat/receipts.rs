//! How often others are told how far somebody has read. Soft state, sans-I/O.
//!
//! Who scrolls moves its cursor many times a second. The first move is told at once, then one each interval, the latest;
//! the last is always told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::model::WallMs;
use crate::base::id::{ChannelId, MessageId, UserId};

/// Whose cursor, and of which timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub channel: ChannelId,
    pub user: UserId,
    /// The root, if it is the cursor of a thread.
    pub thread: Option<MessageId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub seq: u64,
    pub at: WallMs,
    /// The others in the channel when the cursor moved, without who left it since.
    pub to: Vec<UserId>,
}

#[derive(Debug)]
struct Entry {
    /// Not told again before this.
    until: Instant,
    waiting: Option<Receipt>,
}

#[derive(Debug)]
pub struct Receipts {
    every: Duration,
    entries: BTreeMap<Cursor, Entry>,
    /// When entries end that hold something back, and those that do not: only the former need a timer.
    due: BTreeSet<(Instant, Cursor)>,
    quiet: BTreeSet<(Instant, Cursor)>,
}

impl Receipts {
    pub fn new(every: Duration) -> Self {
        Self { every, entries: BTreeMap::new(), due: BTreeSet::new(), quiet: BTreeSet::new() }
    }

    /// The cursor moved. Returns what has to be told now; otherwise `expire` tells it later.
    pub fn moved(&mut self, now: Instant, cursor: Cursor, receipt: Receipt) -> Option<Receipt> {
        self.forget_quiet(now);
        if let Some(entry) = self.entries.get_mut(&cursor) {
            if entry.waiting.replace(receipt).is_none() {
                self.quiet.remove(&(entry.until, cursor));
                self.due.insert((entry.until, cursor));
            }
            return None;
        }
        // With that many readers at once nothing is held back: each is told, as often as it moves.
        if self.entries.len() < REMEMBERED {
            self.rest(now, cursor);
        }
        Some(receipt)
    }

    /// What was held back for long enough.
    pub fn expire(&mut self, now: Instant) -> Vec<(Cursor, Receipt)> {
        let mut told = Vec::new();
        while let Some((at, cursor)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, cursor));
            let waiting = self.entries.remove(&cursor).and_then(|entry| entry.waiting);
            self.rest(now, cursor);
            told.extend(waiting.map(|receipt| (cursor, receipt)));
        }
        self.forget_quiet(now);
        told
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The user is no member any more: nothing of it is told there, and nothing of others to it.
    pub fn expel(&mut self, channel: ChannelId, user: UserId) {
        let of = |user| Cursor { channel, user, thread: None };
        let mut own = Vec::new();
        for (cursor, entry) in self.entries.range_mut(of(FIRST)..) {
            if cursor.channel != channel {
                break;
            }
            if cursor.user == user {
                own.push(*cursor);
            } else if let Some(receipt) = &mut entry.waiting {
                receipt.to.retain(|other| *other != user);
            }
        }
        self.drop_waiting(&own);
    }

    /// Nothing that waits is told of the user any more.
    pub fn withdraw(&mut self, user: UserId) {
        let own: Vec<Cursor> =
            self.due.iter().map(|(_, cursor)| *cursor).filter(|c| c.user == user).collect();
        self.drop_waiting(&own);
    }

    fn drop_waiting(&mut self, cursors: &[Cursor]) {
        for cursor in cursors {
            if let Some(entry) = self.entries.get_mut(cursor)
                && entry.waiting.take().is_some()
            {
                self.due.remove(&(entry.until, *cursor));
                self.quiet.insert((entry.until, *cursor));
            }
        }
    }

    fn rest(&mut self, now: Instant, cursor: Cursor) {
        let until = now + self.every;
        self.entries.insert(cursor, Entry { until, waiting: None });
        self.quiet.insert((until, cursor));
    }

    fn forget_quiet(&mut self, now: Instant) {
        while let Some((at, cursor)) = self.quiet.first().copied().filter(|(at, _)| *at <= now) {
            self.quiet.remove(&(at, cursor));
            self.entries.remove(&cursor);
        }
    }
}

/// Cursors that moved within the last interval. Each holds at most the members of a small channel, 1 KiB; ten thousand
/// people who scroll need half of it.
const REMEMBERED: usize = 20_000;
const FIRST: UserId = UserId(ulid::Ulid(u128::MIN));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const EVERY: Duration = Duration::from_millis(500);

    fn user(n: u128) -> UserId {
        UserId::from_parts(1, n)
    }

    fn cursor(n: u128) -> Cursor {
        Cursor { channel: ChannelId::from_parts(1, 1), user: user(n), thread: None }
    }

    fn read(seq: u64) -> Receipt {
        Receipt { seq, at: 0, to: vec![user(8), user(9)] }
    }

    fn at(t0: Instant, ms: u64) -> Instant {
        t0 + Duration::from_millis(ms)
    }

    #[test]
    fn the_first_move_is_told_at_once_and_of_the_rest_the_latest() {
        let (mut receipts, t0) = (Receipts::new(EVERY), clock::now());
        assert_eq!(receipts.moved(t0, cursor(1), read(1)), Some(read(1)));
        assert_eq!(receipts.next_timeout(), None, "nothing waits, nothing wakes");
        for seq in 2..=9 {
            assert_eq!(receipts.moved(at(t0, 50 * seq), cursor(1), read(seq)), None);
        }
        assert_eq!(receipts.next_timeout(), Some(at(t0, 500)));
        assert!(receipts.expire(at(t0, 499)).is_empty());
        assert_eq!(receipts.expire(at(t0, 510)), [(cursor(1), read(9))]);
        assert_eq!(
            receipts.moved(at(t0, 520), cursor(1), read(10)),
            None,
            "half a second after the last one"
        );
        assert_eq!(receipts.next_timeout(), Some(at(t0, 1010)));
        assert_eq!(receipts.expire(at(t0, 1010)), [(cursor(1), read(10))]);
        assert_eq!(receipts.moved(at(t0, 1510), cursor(1), read(11)), Some(read(11)), "after a rest at once");
    }

    #[test]
    fn who_marks_unread_again_is_told_of_as_it_is_now() {
        let (mut receipts, t0) = (Receipts::new(EVERY), clock::now());
        receipts.moved(t0, cursor(1), read(9));
        receipts.moved(at(t0, 1), cursor(1), read(12));
        receipts.moved(at(t0, 2), cursor(1), read(3));
        assert_eq!(receipts.expire(at(t0, 500)), [(cursor(1), read(3))], "the last word, not the highest");
    }

    #[test]
    fn people_channels_and_threads_do_not_wait_for_each_other() {
        let (mut receipts, t0) = (Receipts::new(EVERY), clock::now());
        let thread = Cursor { thread: Some(MessageId::from_parts(1, 1)), ..cursor(1) };
        let elsewhere = Cursor { channel: ChannelId::from_parts(1, 2), ..cursor(1) };
        for one in [cursor(1), cursor(2), thread, elsewhere] {
            assert_eq!(receipts.moved(t0, one, read(1)), Some(read(1)));
        }
        receipts.moved(at(t0, 100), elsewhere, read(2));
        receipts.moved(at(t0, 100), thread, read(3));
        assert_eq!(receipts.expire(at(t0, 500)), [(thread, read(3)), (elsewhere, read(2))]);
    }

    #[test]
    fn nothing_that_waits_reaches_who_left_or_tells_of_who_took_it_back() {
        let (mut receipts, t0) = (Receipts::new(EVERY), clock::now());
        for one in [cursor(1), cursor(2), cursor(9)] {
            receipts.moved(t0, one, read(1));
            receipts.moved(t0, one, read(2));
        }
        receipts.expel(cursor(1).channel, user(9));
        receipts.withdraw(user(2));
        let left = Receipt { to: vec![user(8)], ..read(2) };
        assert_eq!(receipts.expire(at(t0, 500)), [(cursor(1), left)]);
        assert_eq!(receipts.moved(at(t0, 501), cursor(2), read(3)), Some(read(3)), "it may again");
    }

    #[test]
    fn a_crowd_is_told_of_without_being_remembered() {
        let (mut receipts, t0) = (Receipts::new(EVERY), clock::now());
        for n in 0..REMEMBERED as u128 {
            receipts.moved(t0, cursor(n), read(1));
        }
        let one_more = cursor(REMEMBERED as u128);
        for seq in [1, 2] {
            assert_eq!(receipts.moved(t0, one_more, read(seq)), Some(read(seq)), "none is lost");
        }
        assert_eq!((receipts.entries.len(), receipts.quiet.len()), (REMEMBERED, REMEMBERED));
        receipts.moved(at(t0, 500), one_more, read(3));
        assert_eq!((receipts.entries.len(), receipts.quiet.len()), (1, 1), "and forgotten in time");
    }
}
