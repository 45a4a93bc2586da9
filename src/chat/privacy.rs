//! Who does not want to be seen by whom, and who keeps its reading to itself. Soft state, sans-I/O.
//!
//! A copy of what the database has of everybody who had a session here or said something of itself: what is told to many
//! asks it for each of them, so it may cost no query. It is kept as long as presence is, since what it hides is. A person
//! blocks a bounded number of others, which bounds it.

use std::collections::{BTreeSet, HashMap};

use crate::base::id::UserId;

#[derive(Debug, Default)]
struct Wishes {
    /// What follows is all that the database has.
    known: bool,
    blocks: BTreeSet<UserId>,
    /// Unblocked while the database was asked; what it answers may be older.
    unblocked: BTreeSet<UserId>,
    hides_reading: bool,
}

#[derive(Debug, Default)]
pub struct Privacy {
    people: HashMap<UserId, Wishes>,
    /// The same seen from the other side.
    blocked_by: HashMap<UserId, BTreeSet<UserId>>,
    /// How many hide their reading: mostly nobody has to be looked at.
    hiding: usize,
}

impl Privacy {
    pub fn knows(&self, user: UserId) -> bool {
        self.people.get(&user).is_some_and(|one| one.known)
    }

    /// The database will be asked about the user. What changes from now on is not lost.
    pub fn expect(&mut self, user: UserId) {
        self.people.entry(user).or_default();
    }

    /// What the database said after `expect`. Later answers say nothing new.
    pub fn learn(&mut self, user: UserId, blocked: &[UserId], hides_reading: bool) {
        let one = self.people.entry(user).or_default();
        if one.known {
            return;
        }
        one.known = true;
        let undone = std::mem::take(&mut one.unblocked);
        for other in blocked.iter().filter(|other| !undone.contains(other)) {
            self.blocked_by.entry(*other).or_default().insert(user);
            one.blocks.insert(*other);
        }
        self.set_hides_reading(user, hides_reading);
    }

    /// The user blocks the other one from now on, or does not. Nothing of somebody who is not expected.
    pub fn block(&mut self, user: UserId, other: UserId, blocked: bool) {
        let Some(one) = self.people.get_mut(&user) else { return };
        if blocked {
            one.blocks.insert(other);
            one.unblocked.remove(&other);
            self.blocked_by.entry(other).or_default().insert(user);
            return;
        }
        one.blocks.remove(&other);
        if !one.known {
            one.unblocked.insert(other);
        }
        if let Some(by) = self.blocked_by.get_mut(&other) {
            by.remove(&user);
            if by.is_empty() {
                self.blocked_by.remove(&other);
            }
        }
    }

    pub fn set_hides_reading(&mut self, user: UserId, hides: bool) {
        let Some(one) = self.people.get_mut(&user) else { return };
        match (std::mem::replace(&mut one.hides_reading, hides), hides) {
            (false, true) => self.hiding += 1,
            (true, false) => self.hiding -= 1,
            _ => {}
        }
    }

    /// Whether the user blocks this one.
    pub fn hides(&self, user: UserId, from: UserId) -> bool {
        self.people.get(&user).is_some_and(|one| one.blocks.contains(&from))
    }

    /// Everybody who blocks the user or is blocked by it, in order.
    pub fn apart(&self, user: UserId) -> Vec<UserId> {
        let blocks = self.people.get(&user).into_iter().flat_map(|one| &one.blocks);
        let by = self.blocked_by.get(&user).into_iter().flatten();
        let both: BTreeSet<UserId> = blocks.chain(by).copied().collect();
        both.into_iter().collect()
    }

    pub fn hides_reading(&self, user: UserId) -> bool {
        self.hiding > 0 && self.people.get(&user).is_some_and(|one| one.hides_reading)
    }

    /// Whether anybody at all hides its reading.
    pub fn anybody_hides_reading(&self) -> bool {
        self.hiding > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> [UserId; 3] {
        [1, 2, 3].map(|n| UserId::from_parts(1, n))
    }

    #[test]
    fn a_block_is_seen_from_both_sides_and_hides_one_way() {
        let [ana, bo, cy] = ids();
        let mut privacy = Privacy::default();
        privacy.learn(ana, &[bo], false);
        privacy.learn(cy, &[], false);
        privacy.block(cy, ana, true);
        assert!(privacy.hides(ana, bo) && !privacy.hides(bo, ana));
        assert_eq!((privacy.apart(ana), privacy.apart(bo)), (vec![bo, cy], vec![ana]));
        privacy.block(ana, bo, false);
        privacy.block(cy, ana, false);
        assert!(!privacy.hides(ana, bo));
        assert!(privacy.apart(ana).is_empty() && privacy.blocked_by.is_empty());
    }

    #[test]
    fn what_changes_while_the_database_is_asked_is_newer_than_its_answer() {
        let [ana, bo, cy] = ids();
        let mut privacy = Privacy::default();
        privacy.block(ana, bo, true);
        assert!(!privacy.hides(ana, bo), "of nobody in particular: the database will be asked");
        privacy.expect(ana);
        privacy.block(ana, bo, false);
        privacy.block(ana, cy, true);
        privacy.learn(ana, &[bo], false);
        assert!(privacy.knows(ana) && !privacy.hides(ana, bo) && privacy.hides(ana, cy));
        privacy.learn(ana, &[bo], true);
        assert!(!privacy.hides(ana, bo) && !privacy.hides_reading(ana), "an answer of another session");
        privacy.block(ana, bo, true);
        assert!(privacy.hides(ana, bo));
    }

    #[test]
    fn who_hides_its_reading_is_counted_once() {
        let [ana, bo, _] = ids();
        let mut privacy = Privacy::default();
        privacy.learn(ana, &[], true);
        privacy.learn(bo, &[], false);
        privacy.set_hides_reading(ana, true);
        assert!(privacy.hides_reading(ana) && !privacy.hides_reading(bo));
        privacy.set_hides_reading(ana, false);
        assert!(!privacy.anybody_hides_reading() && !privacy.hides_reading(ana));
    }
}
