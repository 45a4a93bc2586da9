//! How long receivers wait before they show a picture: the bounds of the playout-delay extension (webrtc.org).

use serde::{Deserialize, Serialize};

/// What receivers keep to when nobody tells them.
const USUAL_MAX_MS: u16 = 10_000;
/// The extension counts in steps, in 12 bits.
const STEP_MS: u16 = 10;
const MOST_MS: u16 = 0xFFF * STEP_MS;

/// Bounds in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlayoutDelay {
    pub min: u16,
    pub max: u16,
}

/// Bytes of the extension's value.
pub const WIRE_LEN: usize = 3;

impl Default for PlayoutDelay {
    fn default() -> Self {
        Self { min: 0, max: USUAL_MAX_MS }
    }
}

impl PlayoutDelay {
    /// What is wrong with the bounds: which of them, and the rule.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(self) -> Result<(), (&'static str, &'static str)> {
        for (name, value) in [("min", self.min), ("max", self.max)] {
            if value > MOST_MS || value % STEP_MS != 0 {
                return Err((name, "0..=40950 ms in steps of 10"));
            }
        }
        if self.min <= self.max { Ok(()) } else { Err(("min", "at most max")) }
    }

    /// The same, but with at least so much patience as far as the upper bound allows it.
    #[must_use]
    pub fn at_least(self, least: u16) -> Self {
        Self { min: least.min(self.max).max(self.min), ..self }
    }

    /// As the extension carries it: 12 bits each.
    pub fn to_wire(self) -> [u8; WIRE_LEN] {
        let steps = |ms: u16| u32::from(ms.min(MOST_MS) / STEP_MS);
        let [_, wire @ ..] = (steps(self.min) << 12 | steps(self.max)).to_be_bytes();
        wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_steps_of_ten_that_fit_twelve_bits_in_order() {
        for (min, max) in [(0, 0), (0, 40_950), (40_950, 40_950), (200, 400)] {
            assert_eq!(PlayoutDelay { min, max }.check(), Ok(()));
        }
        for (min, max, wrong) in [
            (0, 40_960, "max"),
            (40_960, 40_960, "min"),
            (5, 100, "min"),
            (0, 99, "max"),
            (300, 200, "min"),
            (10_010, PlayoutDelay::default().max, "min"),
        ] {
            assert_eq!(
                PlayoutDelay { min, max }.check().map_err(|(name, _)| name),
                Err(wrong),
                "{min}–{max}"
            );
        }
    }

    #[test]
    fn patience_raises_the_lower_bound_up_to_the_upper_one() {
        let room = PlayoutDelay { min: 100, max: 300 };
        for (least, min) in [(0, 100), (90, 100), (150, 150), (500, 300)] {
            assert_eq!(room.at_least(least), PlayoutDelay { min, max: 300 });
        }
    }

    #[test]
    fn the_wire_has_twelve_bits_for_each() {
        assert_eq!(PlayoutDelay { min: 0x123 * 10, max: 0x456 * 10 }.to_wire(), [0x12, 0x34, 0x56]);
        assert_eq!(PlayoutDelay { min: 19, max: u16::MAX }.to_wire(), [0, 0x1F, 0xFF]);
    }
}
