//! What a browser asks for again, and when: libwebrtc's `NackRequester`, and its sender's `RtpPacketHistory`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Requests for one packet at most.
const MAX_TRIES: u8 = 10;
/// How often it looks what is overdue.
const LOOK: Duration = Duration::from_millis(20);
/// More missing packets than this are forgotten.
const MAX_GAP: u16 = 1_000;

/// The receiving half: a gap is asked for at once, and again each round trip.
pub struct Nacks {
    round_trip: Duration,
    newest: BTreeMap<u32, u16>,
    /// When each was asked for last, and how often.
    missing: BTreeMap<(u32, u16), (Instant, u8)>,
    next_look: Option<Instant>,
}

impl Nacks {
    pub fn new(round_trip: Duration) -> Self {
        Self { round_trip, newest: BTreeMap::new(), missing: BTreeMap::new(), next_look: None }
    }

    /// A packet came, by whatever way. Returns what to ask for now.
    pub fn arrived(&mut self, now: Instant, ssrc: u32, sequence: u16) -> Vec<u16> {
        self.missing.remove(&(ssrc, sequence));
        let newest = *self.newest.entry(ssrc).or_insert(sequence);
        let ahead = sequence.wrapping_sub(newest);
        if ahead == 0 || ahead >= 1 << 15 {
            return Vec::new();
        }
        self.newest.insert(ssrc, sequence);
        let gap: Vec<u16> = (1..ahead.min(MAX_GAP)).map(|back| sequence.wrapping_sub(back)).rev().collect();
        for skipped in &gap {
            self.missing.insert((ssrc, *skipped), (now, 1));
        }
        gap
    }

    /// What is overdue, by stream.
    pub fn overdue(&mut self, now: Instant) -> BTreeMap<u32, Vec<u16>> {
        let mut overdue: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
        if self.next_look.is_some_and(|due| now < due) {
            return overdue;
        }
        self.next_look = Some(now + LOOK);
        self.missing.retain(|_, (_, tries)| *tries < MAX_TRIES);
        for ((ssrc, sequence), (asked, tries)) in &mut self.missing {
            if now - *asked >= self.round_trip {
                (*asked, *tries) = (now, *tries + 1);
                overdue.entry(*ssrc).or_default().push(*sequence);
            }
        }
        overdue
    }
}

/// The sending half: a packet is repeated once per round trip, however often it is asked for.
pub struct Repeats {
    round_trip: Duration,
    last: BTreeMap<(u32, u16), Instant>,
}

impl Repeats {
    pub fn new(round_trip: Duration) -> Self {
        Self { round_trip, last: BTreeMap::new() }
    }

    pub fn may(&mut self, now: Instant, ssrc: u32, sequence: u16) -> bool {
        let may = self.last.get(&(ssrc, sequence)).is_none_or(|last| now - *last >= self.round_trip);
        if may {
            self.last.insert((ssrc, sequence), now);
        }
        may
    }
}
