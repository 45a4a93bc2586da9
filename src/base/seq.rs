//! Sequence numbers: 16 bit on the wire, 64 bit inside.

/// Reconstructs the 64-bit sequence of a 16-bit counter that wraps.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeqExtender {
    highest: Option<u64>,
}

impl SeqExtender {
    /// Packets up to 32767 behind the highest are taken as late, others as new.
    ///
    /// The first value starts in the second cycle so that late packets never go below zero.
    pub fn extend(&mut self, seq: u16) -> u64 {
        let Some(highest) = self.highest else {
            let first = u64::from(seq) + (1 << 16);
            self.highest = Some(first);
            return first;
        };
        let extended = nearest(highest, seq);
        if extended > highest {
            self.highest = Some(extended);
        }
        extended
    }

    /// As `extend`, but learns nothing.
    pub fn peek(&self, seq: u16) -> Option<u64> {
        self.highest.map(|highest| nearest(highest, seq))
    }

    /// Learns a value that is extended already.
    pub fn follow(&mut self, extended: u64) {
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
    }

    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// The value with these low 16 bits that is nearest to `reference`.
fn nearest(reference: u64, seq: u16) -> u64 {
    let delta = seq.wrapping_sub(low16(reference)).cast_signed();
    reference.saturating_add_signed(i64::from(delta))
}

/// The wire form of an extended sequence.
#[expect(clippy::cast_possible_truncation, reason = "the wire carries the low 16 bits")]
pub const fn low16(extended: u64) -> u16 {
    extended as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wraps_forward_and_late_packets_stay_behind() {
        let mut seq = SeqExtender::default();
        let a = seq.extend(65_534);
        assert_eq!(seq.extend(65_535), a + 1);
        assert_eq!(seq.extend(1), a + 3);
        assert_eq!(seq.extend(0), a + 2);
        assert_eq!(seq.highest(), Some(a + 3));
    }

    proptest! {
        #[test]
        fn steps_below_half_the_range_are_followed(start: u16, steps in proptest::collection::vec(1u16..32_000, 1..50)) {
            let mut seq = SeqExtender::default();
            let mut expected = seq.extend(start);
            let mut wire = start;
            for step in steps {
                wire = wire.wrapping_add(step);
                expected += u64::from(step);
                prop_assert_eq!(seq.extend(wire), expected);
            }
        }
    }
}
