//! A timer of the poll loop that is finer than its millisecond timeouts (timerfd).

use std::{
    io,
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use mio::{Interest, Poll, Token, unix::SourceFd};
use rustix::{
    fd::OwnedFd,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

/// Wakes the poll loop once. Registered edge-triggered: nothing has to be read from it.
pub struct Alarm {
    timer: OwnedFd,
    due: Option<Instant>,
}

impl Alarm {
    pub fn new(poll: &Poll, token: Token) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, due: None })
    }

    /// Wakes the loop at `due` instead of whenever it was to wake it; `None` switches it off.
    pub fn set(&mut self, now: Instant, due: Option<Instant>) {
        // Set again once it is over: it may have gone off before the loop was ready for it.
        if self.due == due && due.is_none_or(|due| due > now) {
            return;
        }
        let gone_off = self.due.is_some_and(|due| due <= now);
        self.due = due;
        if due.is_none() && gone_off {
            return;
        }
        // Zero would switch it off.
        let delay = due
            .map_or(Duration::ZERO, |due| due.saturating_duration_since(now).max(Duration::from_micros(1)));
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(delay.subsec_nanos()),
            },
        };
        // It fails for invalid arguments only; the loop's own timeout is the second line.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
    }
}

#[cfg(test)]
mod tests {
    use mio::Events;

    use super::*;
    use crate::runtime::clock;

    #[test]
    fn it_wakes_once_each_time_it_is_set_and_not_when_switched_off() {
        let mut poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(&poll, Token(7)).unwrap();
        let mut events = Events::with_capacity(4);
        for _ in 0..3 {
            let now = clock::now();
            alarm.set(now, Some(now + Duration::from_micros(300)));
            poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
            assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [Token(7)]);
        }
        let now = clock::now();
        alarm.set(now, Some(now + Duration::from_millis(5)));
        alarm.set(now, None);
        poll.poll(&mut events, Some(Duration::from_millis(30))).unwrap();
        assert!(events.is_empty());
    }
}
