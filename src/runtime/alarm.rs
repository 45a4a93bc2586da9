//! A timer of the poll loop that is finer than its millisecond timeouts (timerfd).

use std::{io, os::fd::AsRawFd, time::Duration};

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
    armed: bool,
}

impl Alarm {
    pub fn new(poll: &Poll, token: Token) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, armed: false })
    }

    /// Wakes the loop after `delay` instead of whenever it was to wake it; `None` switches it off.
    pub fn set(&mut self, delay: Option<Duration>) {
        if delay.is_none() && !self.armed {
            return;
        }
        self.armed = delay.is_some();
        // Zero would switch it off.
        let delay = delay.map_or(Duration::ZERO, |delay| delay.max(Duration::from_micros(1)));
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

    #[test]
    fn it_wakes_once_each_time_it_is_set_and_not_when_switched_off() {
        let mut poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(&poll, Token(7)).unwrap();
        let mut events = Events::with_capacity(4);
        for _ in 0..3 {
            alarm.set(Some(Duration::from_micros(300)));
            poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
            assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [Token(7)]);
        }
        alarm.set(Some(Duration::from_millis(5)));
        alarm.set(None);
        poll.poll(&mut events, Some(Duration::from_millis(30))).unwrap();
        assert!(events.is_empty());
    }
}
