//! Limits per user and op (GCRA), as in the protocol tables.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::DefaultKeyedStateStore,
};

use super::{RateProfile, RateScale};
use crate::{
    base::id::UserId,
    chat::{
        command::Command,
        error::{Code, ServiceError},
    },
};

/// Op, burst, time in which a spent burst refills.
const TABLE: &[(&str, u32, Duration)] = &[
    ("channel:list", 30, Duration::from_secs(10)),
    ("channel:create", 20, Duration::from_secs(3600)),
    ("channel:get", 60, Duration::from_secs(60)),
    ("channel:update", 30, Duration::from_secs(60)),
    ("channel:archive", 30, Duration::from_secs(60)),
    ("channel:member_add", 60, Duration::from_secs(60)),
    ("channel:member_remove", 60, Duration::from_secs(60)),
    ("channel:member_role", 60, Duration::from_secs(60)),
    ("channel:set_notify", 60, Duration::from_secs(60)),
    ("channel:join", 50, Duration::from_secs(60)),
    ("channel:leave", 50, Duration::from_secs(60)),
    ("channel:get_history", 60, Duration::from_secs(10)),
    ("channel:sync", 120, Duration::from_secs(10)),
    ("message:send", 10, Duration::from_secs(5)),
    ("message:edit", 20, Duration::from_secs(60)),
    ("message:delete", 30, Duration::from_secs(60)),
    ("message:react", 30, Duration::from_secs(10)),
    ("message:pin", 20, Duration::from_secs(60)),
    ("message:unpin", 20, Duration::from_secs(60)),
    ("message:mark_read", 60, Duration::from_secs(10)),
    // Each counts through the members of a channel.
    ("message:get_read_receipts", 30, Duration::from_secs(60)),
    ("schedule:update", 30, Duration::from_secs(60)),
    ("schedule:cancel", 30, Duration::from_secs(60)),
    ("thread:list", 30, Duration::from_secs(10)),
    ("typing:start", 10, Duration::from_secs(10)),
    ("presence:update", 5, Duration::from_secs(30)),
    ("presence:get_bulk", 20, Duration::from_secs(10)),
    ("voice:update", 20, Duration::from_secs(5)),
    ("call:start", 20, Duration::from_secs(60)),
    ("call:invite", 20, Duration::from_secs(60)),
    // Each is something that somebody sees or hears at once.
    ("call:ask_unmute", 20, Duration::from_secs(60)),
    ("call:hand", 20, Duration::from_secs(10)),
    ("call:react", 10, Duration::from_secs(5)),
    ("call:lock", 20, Duration::from_secs(60)),
    ("invite:create", 20, Duration::from_secs(60)),
    ("invite:revoke", 30, Duration::from_secs(60)),
    ("invite:admit", 60, Duration::from_secs(60)),
    ("invite:refuse", 60, Duration::from_secs(60)),
    ("user:block", 30, Duration::from_secs(60)),
    ("user:unblock", 30, Duration::from_secs(60)),
    ("session:revoke", 30, Duration::from_secs(60)),
    ("message:report", 10, Duration::from_secs(3600)),
    ("moderation:kick_user", 60, Duration::from_secs(60)),
    ("moderation:timeout_user", 60, Duration::from_secs(60)),
    ("moderation:ban_user", 60, Duration::from_secs(60)),
    ("moderation:unban_user", 60, Duration::from_secs(60)),
    ("moderation:revoke_sessions", 60, Duration::from_secs(60)),
    // Each may read the whole log.
    ("moderation:audit", 30, Duration::from_secs(60)),
    ("admin:end_call", 60, Duration::from_secs(60)),
    // Each asks for a name per ring.
    ("admin:rings", 30, Duration::from_secs(60)),
    ("admin:cancel_ring", 60, Duration::from_secs(60)),
    ("dm:open", 30, Duration::from_secs(60)),
    // Somebody who types and looks at what comes.
    ("search:messages", 30, Duration::from_secs(10)),
    ("search:suggest", 60, Duration::from_secs(10)),
];
/// Every op the table does not name, each on its own.
const OTHERS: (u32, Duration) = (60, Duration::from_secs(10));
/// Where conversations are to be slow: what differs from the table.
const STRICT: &[(&str, u32, Duration)] = &[("message:send", 30, Duration::from_secs(60))];
const STRICT_OTHERS: (u32, Duration) = (100, Duration::from_secs(60));

type Limiter<C> =
    RateLimiter<UserId, DefaultKeyedStateStore<UserId>, C, NoOpMiddleware<<C as Clock>::Instant>>;

pub(super) struct Rates<C: Clock = DefaultClock> {
    by_op: HashMap<&'static str, Limiter<C>>,
    clock: C,
}

impl<C: Clock + Clone> Rates<C> {
    pub(super) fn new(scale: RateScale, profile: RateProfile, clock: C) -> Self {
        let (first, others) = match profile {
            RateProfile::Normal => (&[][..], OTHERS),
            RateProfile::Strict => (STRICT, STRICT_OTHERS),
        };
        let mut by_op = HashMap::new();
        if let RateScale::Times(times) = scale {
            for op in Command::OPS {
                let named = first.iter().chain(TABLE).find(|(name, ..)| name == op);
                let (burst, refill) = named.map_or(others, |(_, burst, refill)| (*burst, *refill));
                let burst = NonZeroU32::new(burst.saturating_mul(times)).unwrap_or(NonZeroU32::MIN);
                let quota = Quota::with_period(refill / burst.get());
                let quota = quota.unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX)).allow_burst(burst);
                let state = DefaultKeyedStateStore::default();
                by_op.insert(*op, RateLimiter::new(quota, state, clock.clone()));
            }
        }
        Self { by_op, clock }
    }

    pub(super) fn check(&self, user: UserId, op: &str) -> Result<(), ServiceError> {
        let Some(limiter) = self.by_op.get(op) else { return Ok(()) };
        limiter.check_key(&user).map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            ServiceError::new(Code::LimitRate, "too many requests").retry_after(wait)
        })
    }

    /// Forgets users whose buckets are full again.
    pub(super) fn prune(&self) {
        self.by_op.values().for_each(RateLimiter::retain_recent);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn normal() -> Rates {
        Rates::new(RateScale::Times(1), RateProfile::Normal, DefaultClock::default())
    }

    #[test]
    fn a_burst_passes_the_next_is_told_when_to_retry() {
        let (rates, ana, bo) = (normal(), UserId::from_parts(1, 1), UserId::from_parts(1, 2));
        for _ in 0..5 {
            assert_eq!(rates.check(ana, "presence:update"), Ok(()));
        }
        let refused = rates.check(ana, "presence:update").unwrap_err();
        assert_eq!(refused.code, Code::LimitRate);
        assert!(refused.retry_after.is_some_and(|wait| wait <= Duration::from_secs(6) && !wait.is_zero()));
        assert_eq!(rates.check(bo, "presence:update"), Ok(()));
        assert_eq!(rates.check(ana, "message:send"), Ok(()));
    }

    #[test]
    fn every_row_of_the_table_is_an_op_and_off_is_off() {
        for (op, ..) in TABLE.iter().chain(STRICT) {
            assert!(Command::OPS.contains(op), "{op}");
        }
        let rates = Rates::new(RateScale::Off, RateProfile::Normal, DefaultClock::default());
        assert!((0..1000).all(|_| rates.check(UserId::from_parts(1, 1), "message:send").is_ok()));
    }

    /// `30 / 60 s` of the protocol page: so many at once, and as many again in that time.
    fn promise(cell: &str) -> Option<(f64, f64)> {
        let (burst, refill) = cell.trim().split_once(" / ")?;
        let (count, unit) = refill.split_once(' ')?;
        let seconds = match unit {
            "s" => 1.0,
            "h" => 3600.0,
            _ => return None,
        };
        Some((burst.parse().ok()?, count.parse::<f64>().ok()? * seconds))
    }

    /// What the page says of each operation in a profile (a column); the empty name is all others.
    fn promised(column: usize) -> HashMap<String, (f64, f64)> {
        let page = include_str!("../../docs/protocol.md");
        let (_, section) = page.split_once("\n## Rates\n").expect("the page has the section");
        let section = section.split("\n## ").next().unwrap_or_default();
        let mut found = HashMap::new();
        for row in section.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.split('|').collect();
            let Some(promise) = cells.get(column).and_then(|cell| promise(cell)) else { continue };
            if cells[1].contains("all others") {
                found.insert(String::new(), promise);
            }
            for op in cells[1].split('`').skip(1).step_by(2) {
                assert!(found.insert(op.to_owned(), promise).is_none(), "{op} stands there twice");
            }
        }
        found
    }

    const OVERLOAD: Duration = Duration::from_secs(600);
    const STEP: Duration = Duration::from_millis(20);

    /// Somebody who tries fifty times a second for ten minutes.
    fn passed(rates: &Rates<FakeRelativeClock>, clock: &FakeRelativeClock, op: &str) -> f64 {
        let (user, mut passed, mut time) = (UserId::from_parts(1, 1), 0.0, Duration::ZERO);
        while time < OVERLOAD {
            if rates.check(user, op).is_ok() {
                passed += 1.0;
            }
            clock.advance(STEP);
            time += STEP;
        }
        passed
    }

    #[test]
    fn what_passes_under_overload_is_what_the_protocol_page_says() {
        for (profile, column) in [(RateProfile::Normal, 2), (RateProfile::Strict, 3)] {
            let promised = promised(column);
            let all: BTreeSet<&str> =
                promised.keys().map(String::as_str).filter(|op| !op.is_empty()).collect();
            let unknown: Vec<_> = all.iter().filter(|op| !Command::OPS.contains(op)).collect();
            assert!(unknown.is_empty() && all.len() >= TABLE.len(), "{unknown:?}, {} rows", all.len());
            let clock = FakeRelativeClock::default();
            let rates = Rates::new(RateScale::Times(1), profile, clock.clone());
            for op in Command::OPS {
                let (burst, refill) = *promised.get(*op).unwrap_or(&promised[""]);
                let expected = burst + burst * OVERLOAD.as_secs_f64() / refill;
                let passed = passed(&rates, &clock, op);
                let off = (passed - expected).abs() / expected;
                assert!(off <= 0.1, "{op}, {profile:?}: {passed} passed, {expected} were promised");
            }
        }
    }
}
