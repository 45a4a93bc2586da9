//! What one member of a room has got of it: every message once, in order, or what is wrong. Pure.

use std::collections::BTreeSet;

/// Missing numbers remembered one by one; one beyond it that comes late is taken for a double.
const REMEMBERED: usize = 4_096;

/// Messages that were acknowledged, or received: how many, and which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    pub count: u64,
    /// A sum that does not depend on the order: two sets of as many messages differ in it unless by a chance of
    /// 2^-64.
    sum: u64,
}

impl Digest {
    pub fn add(&mut self, message: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(scatter(message));
    }
}

impl std::ops::AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The finaliser of SplitMix64: neighbouring numbers get unrelated values.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The books of one receiver in one room.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Highest `seq` so far.
    last: u64,
    missing: BTreeSet<u64>,
    pub faults: Faults,
    pub received: Digest,
}

/// Things that must not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Faults {
    /// Acknowledged and never delivered to somebody.
    pub lost: u64,
    pub doubled: u64,
    /// After one with a higher number.
    pub disordered: u64,
    /// Receivers that got as many messages as were acknowledged, but not the same ones.
    pub differing: u64,
}

impl Faults {
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// Why the figures of a run must not be believed.
    pub fn trouble(&self) -> Option<String> {
        let Self { lost, doubled, disordered, differing } = self;
        self.any().then(|| {
            format!("{lost} messages lost, {doubled} doubled, {disordered} out of order, {differing} receivers with others")
        })
    }
}

impl std::ops::AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.differing += other.differing;
    }
}

impl Ledger {
    /// A message as it came in. `true` if it is new.
    pub fn receive(&mut self, seq: u64, message: u64) -> bool {
        if seq <= self.last {
            if !self.missing.remove(&seq) {
                self.faults.doubled += 1;
                return false;
            }
            self.faults.disordered += 1;
        } else {
            self.skip_to(seq);
        }
        self.received.add(message);
        true
    }

    /// A message that the client fetched itself (`channel:sync`). Not new ones are expected.
    pub fn fetch(&mut self, seq: u64, message: u64) -> bool {
        if seq > self.last {
            self.skip_to(seq);
        } else if !self.missing.remove(&seq) {
            return false;
        }
        self.received.add(message);
        true
    }

    fn skip_to(&mut self, seq: u64) {
        let gap = self.last + 1..seq;
        let room = REMEMBERED.saturating_sub(self.missing.len());
        self.missing.extend(gap.take(room));
        self.last = seq;
    }

    /// What was wrong in the end, given what was acknowledged in the room.
    pub fn close(&self, acknowledged: &Digest) -> Faults {
        let mut faults = self.faults;
        faults.lost += acknowledged.count.saturating_sub(self.received.count);
        let same_count = acknowledged.count == self.received.count;
        faults.differing += u64::from(same_count && acknowledged.sum != self.received.sum);
        // More than was acknowledged: somebody's nonce was stored twice, or a refused message was delivered.
        faults.doubled += self.received.count.saturating_sub(acknowledged.count);
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seqs: &[u64]) -> Ledger {
        let mut ledger = Ledger::default();
        for seq in seqs {
            ledger.receive(*seq, 100 + seq);
        }
        ledger
    }

    fn sent(messages: impl IntoIterator<Item = u64>) -> Digest {
        let mut digest = Digest::default();
        messages.into_iter().for_each(|message| digest.add(message));
        digest
    }

    #[test]
    fn all_in_order_is_without_fault() {
        let ledger = after(&[1, 2, 3, 4]);
        // Acknowledgements may come in another order than deliveries.
        assert_eq!(ledger.close(&sent([104, 101, 103, 102])), Faults::default());
    }

    #[test]
    fn a_gap_is_a_loss_also_at_the_start_and_at_the_end() {
        for seqs in [&[1, 2, 4][..], &[2, 3, 4], &[1, 2, 3]] {
            let ledger = after(seqs);
            let lost = Faults { lost: 1, ..Faults::default() };
            assert_eq!(ledger.close(&sent(101..=104)), lost, "{seqs:?}");
        }
    }

    #[test]
    fn a_message_twice_is_counted_and_not_taken_for_another() {
        let doubled = Faults { doubled: 1, ..Faults::default() };
        assert_eq!(after(&[1, 2, 2, 3]).close(&sent(101..=103)), doubled);
        // The same message under two numbers: the numbers alone would not tell.
        let mut ledger = after(&[1, 2]);
        ledger.receive(3, 102);
        assert_eq!(ledger.close(&sent(101..=102)), doubled);
    }

    #[test]
    fn a_late_message_is_disorder_and_no_loss() {
        let late = Faults { disordered: 1, ..Faults::default() };
        assert_eq!(after(&[1, 3, 2]).close(&sent(101..=103)), late);
    }

    #[test]
    fn another_message_in_the_place_of_one_is_seen() {
        let mut ledger = after(&[1, 2]);
        ledger.receive(3, 999);
        assert_eq!(ledger.close(&sent(101..=103)), Faults { differing: 1, ..Faults::default() });
    }

    #[test]
    fn what_is_fetched_fills_gaps_without_being_a_fault() {
        let mut ledger = after(&[1, 2, 5]);
        assert!(!ledger.fetch(2, 102), "known");
        assert!(ledger.fetch(3, 103) && ledger.fetch(4, 104) && ledger.fetch(6, 106));
        assert_eq!(ledger.close(&sent(101..=106)), Faults::default());
    }

    #[test]
    fn a_gap_too_long_to_remember_is_a_loss_all_the_same() {
        let size = 10 * REMEMBERED as u64;
        let ledger = after(&[1, size]);
        assert_eq!(ledger.missing.len(), REMEMBERED);
        assert_eq!(ledger.close(&sent(101..=100 + size)).lost, size - 2);
    }
}
