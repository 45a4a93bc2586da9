//! Limits per user and op (GCRA), as in the protocol tables.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};

use super::RateScale;
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
    ("user:block", 30, Duration::from_secs(60)),
    ("user:unblock", 30, Duration::from_secs(60)),
    ("message:report", 10, Duration::from_secs(3600)),
    ("moderation:kick_user", 60, Duration::from_secs(60)),
    ("moderation:timeout_user", 60, Duration::from_secs(60)),
    ("moderation:ban_user", 60, Duration::from_secs(60)),
    ("moderation:unban_user", 60, Duration::from_secs(60)),
    // Each may read the whole log.
    ("moderation:audit", 30, Duration::from_secs(60)),
    ("dm:open", 30, Duration::from_secs(60)),
    // Somebody who types and looks at what comes.
    ("search:messages", 30, Duration::from_secs(10)),
    ("search:suggest", 60, Duration::from_secs(10)),
];
/// Every op the table does not name, each on its own.
const OTHERS: (u32, Duration) = (60, Duration::from_secs(10));

pub(super) struct Rates {
    by_op: HashMap<&'static str, DefaultKeyedRateLimiter<UserId>>,
    clock: DefaultClock,
}

impl Rates {
    pub(super) fn new(scale: RateScale) -> Self {
        let mut by_op = HashMap::new();
        if let RateScale::Times(times) = scale {
            for op in Command::OPS {
                let named = TABLE.iter().find(|(name, ..)| name == op);
                let (burst, refill) = named.map_or(OTHERS, |(_, burst, refill)| (*burst, *refill));
                let burst = NonZeroU32::new(burst.saturating_mul(times)).unwrap_or(NonZeroU32::MIN);
                let quota = Quota::with_period(refill / burst.get());
                let quota = quota.unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX)).allow_burst(burst);
                by_op.insert(*op, DefaultKeyedRateLimiter::keyed(quota));
            }
        }
        Self { by_op, clock: DefaultClock::default() }
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
        self.by_op.values().for_each(DefaultKeyedRateLimiter::retain_recent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_the_next_is_told_when_to_retry() {
        let (rates, ana, bo) =
            (Rates::new(RateScale::Times(1)), UserId::from_parts(1, 1), UserId::from_parts(1, 2));
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
        for (op, ..) in TABLE {
            assert!(Command::OPS.contains(op), "{op}");
        }
        let rates = Rates::new(RateScale::Off);
        assert!((0..1000).all(|_| rates.check(UserId::from_parts(1, 1), "message:send").is_ok()));
    }
}
