//! One direction of an impaired path, sans I/O: `push` datagrams in, `pop` what is due.
//!
//! Deterministic: the same seed and the same input give the same output at the same times. Every datagram
//! draws the same number of random values whatever happens to it, so changing one parameter does not
//! reshuffle the fate of the others.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    time::{Duration, Instant},
};

use super::{
    impair::{Impair, REORDER_MIN_DELAY},
    rng::Rng,
};

/// Datagrams on the way at once; more are dropped and counted as overflow. 65 536 full-size datagrams are
/// about 80 MB, or 0.8 s of a gigabit link.
const MAX_IN_FLIGHT: usize = 65_536;

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counters {
    pub received: u64,
    pub received_bytes: u64,
    pub delivered: u64,
    pub delivered_bytes: u64,
    /// Dropped by the loss model.
    pub lost: u64,
    /// Dropped because the bottleneck's queue (or the emulator) was full.
    pub overflowed: u64,
    pub duplicated: u64,
    pub reordered: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.received_bytes += other.received_bytes;
        self.delivered += other.delivered;
        self.delivered_bytes += other.delivered_bytes;
        self.lost += other.lost;
        self.overflowed += other.overflowed;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }
}

/// `T` is the datagram; it is cloned only for duplicates.
#[derive(Debug)]
pub struct Link<T> {
    impair: Impair,
    rng: Rng,
    in_bad_state: bool,
    in_flight: BinaryHeap<InFlight<T>>,
    next_order: u64,
    /// Datagrams in the bottleneck's queue: when each has left it, and its size.
    queued: VecDeque<(Instant, u64)>,
    queued_bytes: u64,
    /// The due time of the last datagram that kept its place; later ones are not due before it.
    last_in_order: Option<Instant>,
    counters: Counters,
}

impl<T: AsRef<[u8]> + Clone> Link<T> {
    pub fn new(impair: Impair) -> Self {
        Self {
            rng: Rng::new(impair.seed),
            impair,
            in_bad_state: false,
            in_flight: BinaryHeap::new(),
            next_order: 0,
            queued: VecDeque::new(),
            queued_bytes: 0,
            last_in_order: None,
            counters: Counters::default(),
        }
    }

    /// Changes the impairment from now on; datagrams on the way keep their due times and the random
    /// sequence goes on (the new seed is not used).
    pub fn set_impair(&mut self, impair: Impair) {
        self.impair = impair;
        self.in_bad_state = false;
    }

    pub fn push(&mut self, now: Instant, datagram: T) {
        let size = datagram.as_ref().len() as u64;
        self.counters.received += 1;
        self.counters.received_bytes += size;

        let fate = self.draw();
        if fate.lost {
            self.counters.lost += 1;
            return;
        }
        let Some(left_bottleneck) = self.pass_bottleneck(now, size) else {
            self.counters.overflowed += 1;
            return;
        };

        let due = left_bottleneck + self.impair.latency + self.impair.jitter.mul_f64(fate.jitter);
        let due = if fate.reordered {
            self.counters.reordered += 1;
            due + self.impair.jitter.max(REORDER_MIN_DELAY)
        } else {
            let due = self.last_in_order.map_or(due, |last| due.max(last));
            self.last_in_order = Some(due);
            due
        };
        if fate.duplicated {
            self.counters.duplicated += 1;
            self.schedule(due, datagram.clone());
        }
        self.schedule(due, datagram);
    }

    /// The next datagram that is due at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        if self.next_timeout().is_none_or(|due| due > now) {
            return None;
        }
        let datagram = self.in_flight.pop()?.datagram;
        self.counters.delivered += 1;
        self.counters.delivered_bytes += datagram.as_ref().len() as u64;
        Some(datagram)
    }

    /// When `pop` has something next.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.in_flight.peek().map(|next| next.due)
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn draw(&mut self) -> Fate {
        let [state, loss, jitter, reorder, duplicate] = std::array::from_fn(|_| self.rng.unit());
        let model = self.impair.loss;
        let leaves = if self.in_bad_state { model.to_good } else { model.to_bad };
        if state < leaves {
            self.in_bad_state = !self.in_bad_state;
        }
        Fate {
            lost: loss < if self.in_bad_state { model.loss_bad } else { model.loss_good },
            jitter,
            reordered: reorder < self.impair.reorder,
            duplicated: duplicate < self.impair.duplicate,
        }
    }

    /// When the datagram has been serialised onto the bottleneck, or `None` if its queue is full.
    fn pass_bottleneck(&mut self, now: Instant, size: u64) -> Option<Instant> {
        while let Some(&(left, bytes)) = self.queued.front()
            && left <= now
        {
            self.queued.pop_front();
            self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
        }
        let Some(link) = self.impair.link else { return Some(now) };
        if self.queued_bytes + size > link.buffer_bytes.max(size) {
            return None;
        }
        let start = self.queued.back().map_or(now, |&(left, _)| left.max(now));
        let left =
            start + Duration::from_secs_f64(size as f64 * 8.0 / link.rate_bits_per_second.max(1) as f64);
        self.queued.push_back((left, size));
        self.queued_bytes += size;
        Some(left)
    }

    fn schedule(&mut self, due: Instant, datagram: T) {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            self.counters.overflowed += 1;
            return;
        }
        self.in_flight.push(InFlight { due, order: self.next_order, datagram });
        self.next_order += 1;
    }
}

/// What the random draws say about one datagram.
struct Fate {
    lost: bool,
    /// Share of the configured jitter.
    jitter: f64,
    reordered: bool,
    duplicated: bool,
}

/// Ordered so that the heap's maximum is the earliest; equal times keep the order of arrival.
#[derive(Debug)]
struct InFlight<T> {
    due: Instant,
    order: u64,
    datagram: T,
}

impl<T> Ord for InFlight<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

impl<T> PartialOrd for InFlight<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for InFlight<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for InFlight<T> {}

#[cfg(test)]
mod tests;
