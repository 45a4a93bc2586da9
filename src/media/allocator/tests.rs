use proptest::prelude::*;

use super::*;
use crate::media::ladder::{Ladder, Taste};

fn ask(priority: u8, rates: &[u64], held: Option<usize>) -> Ask {
    let steps = (0u8..).zip(rates).map(|(layer, bps)| Step { layer, temporal: u8::MAX, bps: *bps }).collect();
    Ask { priority, steps, held }
}

const CAMERA: [u64; 3] = [100_000, 400_000, 1_600_000];

/// May pause.
fn strict(bps: u64) -> Budget {
    Budget { lowest_bps: Some(bps), keeps: false, bps }
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
        allocate(Budget { lowest_bps: None, keeps: false, bps: 100_000 }, &room).steps.to_vec(),
        [Some(0), Some(0)]
    );
    assert_eq!(given(100_000, &room), [None, None]);
}

/// A camera of 100, 400 and 1600 kb/s whose frames are of one size, in three temporal layers.
fn layered(taste: Taste, priority: u8, held: Option<usize>) -> Ask {
    let mut ladder = Ladder::new(taste);
    for layer in 0..3u8 {
        ladder.add(layer, 3, u8::MAX, |temporal| CAMERA[usize::from(layer)] >> 2u8.saturating_sub(temporal));
    }
    Ask { priority, steps: ladder.into_steps(), held }
}

fn best(ask: &Ask, budget: u64) -> Option<(u8, u8)> {
    let index = given(budget, std::slice::from_ref(ask))[0]?;
    ask.steps.get(index).map(|step| (step.layer, step.temporal))
}

#[test]
fn frames_go_before_the_size_does() {
    const ALL: u8 = u8::MAX;
    let camera = layered(Taste::Motion, 0, Some(6));
    let found = [2_000_000, 1_200_000, 600_000, 300_000, 150_000, 60_000, 30_000, 10_000]
        .map(|budget| best(&camera, budget));
    assert_eq!(
        found.map(|one| one.unwrap_or((9, 9))),
        [(2, ALL), (2, 1), (1, ALL), (1, 1), (0, ALL), (0, 1), (0, 0), (9, 9)]
    );
    let screen = layered(Taste::Detail, 0, Some(8));
    let found = [2_000_000, 1_200_000, 600_000, 300_000].map(|budget| best(&screen, budget));
    assert_eq!(found.map(|one| one.unwrap_or((9, 9))), [(2, ALL), (2, 1), (2, 0), (1, 1)]);
}

#[test]
fn a_crowd_moves_evenly() {
    let room =
        [layered(Taste::Motion, 0, None), layered(Taste::Motion, 0, None), layered(Taste::Motion, 1, None)];
    assert_eq!(given(80_000, &room), [Some(0), Some(0), Some(0)]);
    assert_eq!(given(170_000, &room), [Some(0), Some(0), Some(2)], "the important one first");
    assert_eq!(given(2_450_000, &room), [Some(4), Some(4), Some(6)]);
}

/// Spatial and temporal layers of a picture, and what they cost.
fn any_ladder() -> impl Strategy<Value = Steps> {
    let taste = prop_oneof![Just(Taste::Motion), Just(Taste::Detail)];
    (taste, 1u8..5, 0usize..4, proptest::collection::vec(1_000u64..700_000, 12)).prop_map(
        |(taste, temporal_layers, layers, rates)| {
            let mut ladder = Ladder::new(taste);
            for (layer, rates) in (0u8..).zip(rates.chunks(4)).take(layers) {
                ladder.add(layer, temporal_layers, u8::MAX, |temporal| {
                    rates.iter().take(usize::from(temporal.min(3)) + 1).sum::<u64>() << layer
                });
            }
            ladder.into_steps()
        },
    )
}

fn any_ask() -> impl Strategy<Value = Ask> {
    (0u8..4, any_ladder(), proptest::option::of(0usize..12)).prop_map(|(priority, steps, held)| {
        let held = held.filter(|held| *held < steps.len());
        Ask { priority, steps, held }
    })
}

fn cost(ask: &Ask, step: Option<usize>) -> u64 {
    step.and_then(|step| ask.steps.get(step)).map_or(0, |step| step.bps)
}

fn tolerated(budget: u64) -> u64 {
    budget + budget / 100 * TOLERANCE_PERCENT
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
        prop_assert!(sum <= tolerated(budget));
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

    /// On a guess, and where more is carried than may be used, only the lowest steps may cost more than there is.
    #[test]
    fn nothing_but_the_lowest_steps_goes_beyond_the_budget(
        asks in proptest::collection::vec(any_ask(), 0..12),
        lowest in proptest::option::of(0u64..10_000_000),
        budget in 0u64..10_000_000,
    ) {
        let allocation = allocate(Budget { lowest_bps: lowest, keeps: false, bps: budget }, &asks);
        let raised = allocation.steps.iter().any(|step| step.is_some_and(|step| step > 0));
        prop_assert!(allocation.used_bps <= tolerated(budget) || !raised);
        prop_assert!(allocation.used_bps <= tolerated(lowest.unwrap_or(u64::MAX / 200).max(budget)));
    }

    #[test]
    fn more_budget_never_gives_less_of_one_picture(
        ask in any_ask(),
        budget in 0u64..5_000_000,
        more in 0u64..5_000_000,
    ) {
        let asks = [ask];
        prop_assert!(given(budget, &asks) <= given(budget + more, &asks));
    }

    #[test]
    fn more_budget_never_gives_less_in_all(
        ladder in any_ladder(),
        held in proptest::collection::vec(proptest::option::of(0usize..12), 0..8),
        budget in 0u64..5_000_000,
        more in 0u64..5_000_000,
    ) {
        // Of equals with one ladder; with different ladders a cheaper step may have to give way.
        let ask = |held: &Option<usize>| {
            let held = held.filter(|held| *held < ladder.len());
            Ask { priority: 0, steps: ladder.clone(), held }
        };
        let asks: Vec<Ask> = held.iter().map(ask).collect();
        let [less, more] = [budget, budget + more].map(|budget| allocate(strict(budget), &asks).used_bps);
        let largest = ladder.iter().zip(ladder.iter().skip(1)).map(|(one, next)| next.bps - one.bps).max();
        prop_assert!(less <= more + largest.unwrap_or(0) + budget / 100 * TOLERANCE_PERCENT);
    }

    /// What is refused to somebody is given to nobody of less importance, unless that is what it lacks in any case.
    #[test]
    fn the_important_picture_is_served_first(
        asks in proptest::collection::vec(any_ask(), 0..12),
        budget in 0u64..10_000_000,
    ) {
        let allocation = allocate(strict(budget), &asks);
        let pairs = || asks.iter().zip(&allocation.steps);
        for (important, step) in pairs().filter(|(_, step)| step.is_some()) {
            let Some(next) = important.steps.get(step.map_or(0, |step| step + 1)) else { continue };
            let raised = |(one, step): &(&Ask, &Option<usize>)| {
                one.priority < important.priority && step.is_some_and(|step| step > 0)
            };
            if !pairs().any(|pair| raised(&pair)) {
                continue;
            }
            // Even with all less important ones at their lowest it would not have fitted.
            let others: u64 = pairs()
                .map(|(one, step)| if one.priority < important.priority {
                    cost(one, step.map(|_| 0))
                } else {
                    cost(one, *step)
                })
                .sum();
            let more = next.bps - cost(important, *step);
            prop_assert!(others + more + more / 100 * HEADROOM_PERCENT > budget);
        }
    }

    /// Sharing the same once more changes nothing: nothing swings between two steps by itself.
    #[test]
    fn an_allocation_stays_while_nothing_changes(
        asks in proptest::collection::vec(any_ask(), 0..12),
        lowest in proptest::option::of(0u64..10_000_000),
        budget in 0u64..10_000_000,
    ) {
        let budget = Budget { lowest_bps: lowest, keeps: false, bps: budget };
        let first = allocate(budget, &asks);
        let held: Vec<Ask> = asks
            .iter()
            .zip(&first.steps)
            .map(|(ask, step)| Ask { held: *step, ..ask.clone() })
            .collect();
        let again = allocate(budget, &held);
        prop_assert_eq!((again.steps, again.used_bps), (first.steps, first.used_bps));
    }

    /// An estimate that dips by less than the tolerance takes nothing away from one picture, and one that rises by
    /// less than the headroom gives nothing that the dip would take back.
    #[test]
    fn an_estimate_that_wobbles_changes_one_picture_once_at_most(
        ask in any_ask(),
        budget in 10_000u64..5_000_000,
        wobble in proptest::collection::vec(0u64..=4, 1..20),
    ) {
        let mut ask = ask;
        let mut changes = 0;
        ask.held = given(budget, std::slice::from_ref(&ask))[0];
        for percent in wobble {
            let now = given(budget - budget / 100 * percent, std::slice::from_ref(&ask))[0];
            changes += usize::from(now != ask.held);
            ask.held = now;
        }
        prop_assert!(changes <= 1, "{changes} changes");
    }
}
