//! The qualities one picture can be sent in, from the cheapest to the best: what is given up first when bandwidth is
//! short, and what comes back first.

use super::allocator::{Step, Steps};

/// What people look for in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taste {
    /// Of cameras. Half the frames go before the size does; below that, a small picture that moves is better than
    /// a large one that jerks.
    Motion,
    /// Of screens. Text must stay legible, however seldom it changes.
    Detail,
}

/// Collects the steps of one picture, spatial layer by spatial layer, the lowest first.
#[derive(Debug)]
pub struct Ladder {
    taste: Taste,
    steps: Steps,
}

impl Ladder {
    pub fn new(taste: Taste) -> Self {
        Self { taste, steps: Steps::new() }
    }

    /// A spatial layer with so many temporal ones, of which those above `limit` are not wanted (`u8::MAX` = all are).
    /// `bps` tells what it costs up to and with a temporal layer, and is asked for `u8::MAX` if nothing is left out.
    pub fn add(&mut self, layer: u8, temporal_layers: u8, limit: u8, bps: impl Fn(u8) -> u64) {
        let all = temporal_layers.saturating_sub(1);
        let lowest = self.steps.is_empty();
        let top = limit.min(all);
        for temporal in 0..=top {
            let left_out = all - temporal;
            let worth_it = lowest || temporal == top || left_out <= 1 || self.taste == Taste::Detail;
            if !worth_it {
                continue;
            }
            // It stays the same step when further layers turn up.
            let temporal = if left_out == 0 { u8::MAX } else { temporal };
            // Measurements wobble; a better picture is never cheaper.
            let floor = self.steps.last().map_or(0, |step| step.bps);
            self.steps.push(Step { layer, temporal, bps: bps(temporal).max(floor) });
        }
    }

    pub fn into_steps(self) -> Steps {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three spatial layers of 100, 400 and 1600 kb/s, whose frames are of one size.
    fn steps(taste: Taste, temporal_layers: u8, limit: u8) -> Vec<(u8, u8, u64)> {
        let mut ladder = Ladder::new(taste);
        for layer in 0..3 {
            let all = 100 << (2 * layer);
            ladder.add(layer, temporal_layers, limit, |temporal| {
                all >> temporal_layers.saturating_sub(1).saturating_sub(temporal)
            });
        }
        ladder.into_steps().iter().map(|step| (step.layer, step.temporal, step.bps)).collect()
    }

    const ALL: u8 = u8::MAX;

    #[test]
    fn without_temporal_layers_only_the_size_changes() {
        for taste in [Taste::Motion, Taste::Detail] {
            assert_eq!(steps(taste, 1, ALL), [(0, ALL, 100), (1, ALL, 400), (2, ALL, 1600)]);
        }
    }

    #[test]
    fn a_camera_gives_up_half_its_frames_then_its_size() {
        assert_eq!(
            steps(Taste::Motion, 3, ALL),
            [(0, 0, 25), (0, 1, 50), (0, ALL, 100), (1, 1, 200), (1, ALL, 400), (2, 1, 800), (2, ALL, 1600)]
        );
    }

    #[test]
    fn a_screen_gives_up_all_its_frames_before_its_size() {
        let found: Vec<_> =
            steps(Taste::Detail, 2, ALL).into_iter().map(|(layer, temporal, _)| (layer, temporal)).collect();
        assert_eq!(found, [(0, 0), (0, ALL), (1, 0), (1, ALL), (2, 0), (2, ALL)]);
    }

    #[test]
    fn frames_that_nobody_wants_cost_nothing() {
        assert_eq!(steps(Taste::Motion, 3, 1), [(0, 0, 25), (0, 1, 50), (1, 1, 200), (2, 1, 800)]);
        assert_eq!(steps(Taste::Motion, 3, 0), [(0, 0, 25), (1, 0, 100), (2, 0, 400)]);
    }

    #[test]
    fn what_is_better_is_never_cheaper() {
        let mut ladder = Ladder::new(Taste::Motion);
        ladder.add(0, 1, ALL, |_| 300);
        ladder.add(1, 2, ALL, |temporal| if temporal == 0 { 250 } else { 500 });
        let rates: Vec<u64> = ladder.into_steps().iter().map(|step| step.bps).collect();
        assert_eq!(rates, [300, 300, 500]);
    }
}
