//! A member behind a path that is slow, long or lossy.

use std::time::{Duration, Instant};

use super::world::{Member, World};
use crate::netem::link::Link;

/// As browsers report: often enough to follow, seldom enough to be cheap.
const REPORT: Duration = Duration::from_millis(50);

#[derive(Clone)]
struct Carried {
    sent: Instant,
    bytes: Vec<u8>,
}

impl AsRef<[u8]> for Carried {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

pub struct Path {
    link: Link<Carried>,
    next_report: Option<Instant>,
    /// How long the newest datagram took, and when it took more than half a second in all.
    pub delay: Duration,
    pub late: Duration,
    last: Option<Instant>,
    pub bytes: u64,
}

impl Path {
    pub fn push(&mut self, now: Instant, datagram: &[u8]) {
        self.link.push(now, Carried { sent: now, bytes: datagram.to_vec() });
    }

    pub fn overflowed(&self) -> u64 {
        self.link.counters().overflowed
    }
}

impl Member {
    pub(super) fn follow_path(&mut self, now: Instant) {
        let Some(path) = &mut self.path else { return };
        while let Some(carried) = path.link.pop(now) {
            path.delay = now - carried.sent;
            path.bytes += carried.bytes.len() as u64;
            self.peer.handle(now, &carried.bytes);
        }
        if path.delay > Duration::from_millis(500) {
            path.late += path.last.map_or(Duration::ZERO, |last| now - last);
        }
        path.last = Some(now);
        let due = *path.next_report.get_or_insert(now);
        if now >= due && self.peer.connected {
            path.next_report = Some(now + REPORT);
            self.peer.report_arrivals();
        }
    }
}

impl World {
    /// Puts a path in front of somebody who reports arrivals; has to be called before its offer.
    pub fn reports_arrivals(&mut self, who: usize) {
        self.members[who].peer.reports_arrivals = true;
    }

    /// From now on datagrams to `who` go through this network.
    pub fn impair(&mut self, who: usize, text: &str) {
        let impair: crate::netem::impair::Impair = text.parse().unwrap();
        let member = &mut self.members[who];
        match &mut member.path {
            Some(path) => path.link.set_impair(impair),
            None => {
                member.path = Some(Path {
                    link: Link::new(impair),
                    next_report: None,
                    delay: Duration::ZERO,
                    late: Duration::ZERO,
                    last: None,
                    bytes: 0,
                });
            }
        }
    }

    pub fn path(&self, who: usize) -> &Path {
        self.members[who].path.as_ref().unwrap()
    }

    /// Sizes of the frames from now on, lowest layer first.
    pub fn frame_bytes(&mut self, who: usize, bytes: [usize; 3]) {
        self.members[who].peer.frame_bytes = bytes;
    }

    /// What the server believes of the path to somebody: bits per second, and its queue.
    pub fn estimate(&self, who: usize) -> Option<(u64, Duration)> {
        let room = &self.rooms()[&self.shard_of(who)];
        let estimator = room.participants[self.key(who)].downlink.estimate()?;
        Some((estimator.bps(), estimator.queue_delay()))
    }

    pub fn probes(&self, who: usize) -> usize {
        self.members[who].peer.probes
    }
}
