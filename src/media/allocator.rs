//! Shares one subscriber's bandwidth among the pictures it wants. A pure function.
//!
//! Every picture first gets its lowest step, by priority; then all are raised in turn, one step at a time, the most
//! important first. So a small room of equals looks even, and a picture of high priority is the first to become sharp.

use smallvec::SmallVec;

/// A step up needs this share of its cost beyond the budget's use, or estimates that wobble switch layers.
const HEADROOM_PERCENT: u64 = 10;
/// A step that is held may cost so much more than the budget: frames vary, and an estimate dips.
const TOLERANCE_PERCENT: u64 = 5;

/// One quality of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub layer: u8,
    /// Highest temporal layer; `u8::MAX` = all.
    pub temporal: u8,
    pub bps: u64,
}

/// A picture that is wanted.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Higher is served first.
    pub priority: u8,
    /// What could be sent, from the cheapest to the best that is wanted.
    pub steps: SmallVec<[Step; 6]>,
    /// Index of the step that was given last.
    pub held: Option<usize>,
}

/// What each picture gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Index of the step for each ask; `None` = paused.
    pub steps: SmallVec<[Option<usize>; 8]>,
    pub used_bps: u64,
    /// What the next step up of anything would need in all; `None` if everybody has what it wants.
    pub next_bps: Option<u64>,
}

/// What there is to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// For the lowest steps; `None` = everybody gets one, whatever it costs.
    pub lowest_bps: Option<u64>,
    /// For everything together.
    pub bps: u64,
}

impl Budget {
    /// Four fifths: what fits into that is a clear yes.
    pub fn with_room_to_spare(self) -> Self {
        Self { lowest_bps: self.lowest_bps.map(|bps| bps / 5 * 4), bps: self.bps / 5 * 4 }
    }
}

pub fn allocate(budget: Budget, asks: &[Ask]) -> Allocation {
    let budget_bps = budget.bps;
    let mut order: SmallVec<[usize; 8]> = (0..asks.len()).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(asks.get(*index).map_or(0, |ask| ask.priority)), *index));
    let mut state = State { steps: asks.iter().map(|_| None).collect(), used: 0, refused: None };
    let tolerant = |bps: u64| bps.saturating_add(bps / 100 * TOLERANCE_PERCENT);
    for index in &order {
        let Some(ask) = asks.get(*index) else { continue };
        let lowest = match (budget.lowest_bps, ask.held) {
            (None, _) => u64::MAX,
            (Some(bps), Some(_)) => tolerant(bps),
            (Some(bps), None) => bps,
        };
        state.raise(ask, *index, lowest);
    }
    let generous = tolerant(budget_bps);
    // The pictures of one priority are raised together, a step at a time; then comes the next priority.
    let mut rest = order.as_slice();
    while let Some(first) = rest.first().and_then(|index| asks.get(*index)) {
        let same = rest
            .iter()
            .take_while(|index| asks.get(**index).is_some_and(|ask| ask.priority == first.priority));
        let (equals, others) = rest.split_at_checked(same.count().max(1)).unwrap_or((rest, &[]));
        while equals.iter().fold(false, |raised, index| {
            let ask = asks.get(*index);
            let held = ask.is_some_and(|ask| state.next_of(*index) <= ask.held);
            let one = state.given(*index)
                && ask.is_some_and(|ask| state.raise(ask, *index, if held { generous } else { budget_bps }));
            raised || one
        }) {}
        rest = others;
    }
    Allocation { steps: state.steps, used_bps: state.used, next_bps: state.refused }
}

struct State {
    steps: SmallVec<[Option<usize>; 8]>,
    used: u64,
    refused: Option<u64>,
}

impl State {
    fn given(&self, index: usize) -> bool {
        self.steps.get(index).copied().flatten().is_some()
    }

    fn next_of(&self, index: usize) -> Option<usize> {
        Some(self.steps.get(index).copied().flatten().map_or(0, |step| step + 1))
    }

    /// Gives the next step, if there is one and it fits.
    fn raise(&mut self, ask: &Ask, index: usize, budget: u64) -> bool {
        let Some(current) = self.steps.get_mut(index) else { return false };
        let next = current.map_or(0, |step| step + 1);
        let Some(step) = ask.steps.get(next) else { return false };
        let now = current.and_then(|step| ask.steps.get(step)).map_or(0, |step| step.bps);
        let more = step.bps.saturating_sub(now);
        let total = self.used.saturating_add(more);
        // A new step must fit with room to spare; the first one of a picture that had none too.
        let needed = if ask.held.is_some_and(|held| next <= held) {
            total
        } else {
            total.saturating_add(more / 100 * HEADROOM_PERCENT)
        };
        if needed > budget {
            self.refused = Some(self.refused.map_or(needed, |least| least.min(needed)));
            return false;
        }
        (*current, self.used) = (Some(next), total);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(priority: u8, rates: &[u64], held: Option<usize>) -> Ask {
        let steps =
            (0u8..).zip(rates).map(|(layer, bps)| Step { layer, temporal: u8::MAX, bps: *bps }).collect();
        Ask { priority, steps, held }
    }

    const CAMERA: [u64; 3] = [100_000, 400_000, 1_600_000];

    /// May pause.
    fn strict(bps: u64) -> Budget {
        Budget { lowest_bps: Some(bps), bps }
    }

    fn given(budget: u64, asks: &[Ask]) -> Vec<Option<usize>> {
        allocate(strict(budget), asks).steps.to_vec()
    }

    #[test]
    fn everybody_gets_a_little_before_anybody_gets_more() {
        let room = [ask(0, &CAMERA, None), ask(0, &CAMERA, None), ask(0, &CAMERA, None)];
        assert_eq!(given(350_000, &room), [Some(0), Some(0), Some(0)]);
        assert_eq!(given(250_000, &room), [Some(0), Some(0), None]);
        assert_eq!(given(1_000_000, &room), [Some(1), Some(1), Some(0)]);
        assert_eq!(given(6_000_000, &room), [Some(2), Some(2), Some(2)]);
    }

    #[test]
    fn the_important_picture_is_sharp_first() {
        let room = [ask(0, &CAMERA, None), ask(1, &CAMERA, None), ask(0, &CAMERA, None)];
        assert_eq!(given(2_100_000, &room), [Some(0), Some(2), Some(0)]);
        assert_eq!(given(110_000, &room), [None, Some(0), None]);
    }

    #[test]
    fn what_is_held_stays_and_what_is_new_needs_room() {
        assert_eq!(given(1_600_000, &[ask(0, &CAMERA, None)]), [Some(1)]);
        assert_eq!(given(1_600_000, &[ask(0, &CAMERA, Some(2))]), [Some(2)]);
        assert_eq!(given(1_530_000, &[ask(0, &CAMERA, Some(2))]), [Some(2)]);
        assert_eq!(given(1_500_000, &[ask(0, &CAMERA, Some(2))]), [Some(1)]);
    }

    #[test]
    fn the_next_step_is_named_for_probing() {
        let allocation = allocate(strict(500_000), &[ask(0, &CAMERA, None)]);
        assert_eq!(allocation.steps.to_vec(), [Some(1)]);
        assert_eq!(allocation.next_bps, Some(1_720_000));
        assert_eq!(allocate(strict(5_000_000), &[ask(0, &CAMERA, None)]).next_bps, None);
    }

    #[test]
    fn nobody_is_paused_on_a_guess() {
        let room = [ask(0, &[3_000_000], None), ask(0, &[3_000_000], None)];
        assert_eq!(
            allocate(Budget { lowest_bps: None, bps: 100_000 }, &room).steps.to_vec(),
            [Some(0), Some(0)]
        );
        assert_eq!(given(100_000, &room), [None, None]);
    }

    fn any_ask() -> impl Strategy<Value = Ask> {
        (0u8..4, proptest::collection::vec(1_000u64..2_000_000, 0..5), proptest::option::of(0usize..5))
            .prop_map(|(priority, mut rates, held)| {
                rates.sort_unstable();
                let held = held.filter(|held| *held < rates.len());
                ask(priority, &rates, held)
            })
    }

    proptest! {
        #[test]
        fn the_budget_holds_and_nobody_gets_what_it_did_not_ask_for(
            asks in proptest::collection::vec(any_ask(), 0..12),
            budget in 0u64..10_000_000,
        ) {
            let allocation = allocate(strict(budget), &asks);
            prop_assert_eq!(allocation.steps.len(), asks.len());
            let mut sum = 0;
            for (ask, step) in asks.iter().zip(&allocation.steps) {
                if let Some(step) = step {
                    prop_assert!(*step < ask.steps.len());
                    sum += ask.steps[*step].bps;
                }
            }
            prop_assert_eq!(sum, allocation.used_bps);
            prop_assert!(sum <= budget + budget / 100 * TOLERANCE_PERCENT);
            let satisfied = asks.iter().zip(&allocation.steps)
                .all(|(ask, step)| step.map_or(0, |step| step + 1) == ask.steps.len());
            prop_assert_eq!(satisfied, allocation.next_bps.is_none());
        }

        #[test]
        fn nobody_is_paused_for_a_better_picture_of_somebody_of_less_or_equal_importance(
            asks in proptest::collection::vec(any_ask(), 0..12),
            budget in 0u64..10_000_000,
        ) {
            let allocation = allocate(strict(budget), &asks);
            for (paused, _) in asks.iter().zip(&allocation.steps)
                .filter(|(ask, step)| step.is_none() && !ask.steps.is_empty())
            {
                for (better, step) in asks.iter().zip(&allocation.steps) {
                    let Some(step) = step else { continue };
                    if *step > 0 && better.priority <= paused.priority && paused.held.is_none() {
                        // It stayed without because its lowest step alone did not fit beside the lowest of others.
                        let lowest: u64 = asks.iter().zip(&allocation.steps)
                            .filter(|(_, step)| step.is_some()).map(|(ask, _)| ask.steps[0].bps).sum();
                        let needed = paused.steps[0].bps + paused.steps[0].bps / 100 * HEADROOM_PERCENT;
                        prop_assert!(lowest + needed > budget);
                    }
                }
            }
        }

        #[test]
        fn more_budget_never_gives_less_in_all(
            asks in proptest::collection::vec(any_ask(), 0..8),
            budget in 0u64..5_000_000,
            more in 0u64..5_000_000,
        ) {
            // Of equals with one ladder; with different ladders a cheaper step may have to give way.
            let asks: Vec<_> = asks.iter().map(|one| ask(0, &CAMERA, one.held.filter(|held| *held < 3))).collect();
            prop_assert!(
                allocate(strict(budget), &asks).used_bps
                    <= allocate(strict(budget + more), &asks).used_bps + budget / 100 * TOLERANCE_PERCENT
            );
        }
    }
}
