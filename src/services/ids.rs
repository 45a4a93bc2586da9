//! New identifiers: time-sortable, and growing within this process even inside one millisecond.

use std::sync::{Mutex, PoisonError};

use ulid::Ulid;

use crate::{
    base::id::{
        CallId, ChannelId, FilterId, InviteId, MessageId, ParticipantId, ReportId, ScheduleId, UserId,
    },
    runtime::clock,
};

#[derive(Default)]
pub(super) struct Ids {
    last: Mutex<Ulid>,
}

impl Ids {
    pub(super) fn user(&self) -> UserId {
        UserId(self.next())
    }

    pub(super) fn channel(&self) -> ChannelId {
        ChannelId(self.next())
    }

    pub(super) fn message(&self) -> MessageId {
        MessageId(self.next())
    }

    pub(super) fn report(&self) -> ReportId {
        ReportId(self.next())
    }

    pub(super) fn filter(&self) -> FilterId {
        FilterId(self.next())
    }

    pub(super) fn invite(&self) -> InviteId {
        InviteId(self.next())
    }

    pub(super) fn schedule(&self) -> ScheduleId {
        ScheduleId(self.next())
    }

    pub(super) fn call(&self) -> CallId {
        CallId(self.next())
    }

    pub(super) fn participant(&self) -> ParticipantId {
        ParticipantId(self.next())
    }

    fn next(&self) -> Ulid {
        let fresh = Ulid::from_parts(u64::try_from(clock::wall_ms()).unwrap_or(0), rand::random());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that stands still or steps back must not break the order.
        *last = if fresh.timestamp_ms() > last.timestamp_ms() {
            fresh
        } else {
            last.increment().unwrap_or(fresh)
        };
        *last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_within_a_millisecond() {
        let ids = Ids::default();
        let made: Vec<_> = (0..2000).map(|_| ids.message()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
