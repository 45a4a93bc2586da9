//! Shares one subscriber's bandwidth among the pictures it wants. A pure function.
//!
//! Every picture first gets its lowest step, by priority; then all are raised in turn, one step at a time, the most
//! important first. So a small room of equals looks even, and a picture of high priority is the first to become sharp.

use smallvec::SmallVec;

/// A step up needs this share of its cost beyond the budget's use, or estimates that wobble switch layers.
const HEADROOM_PERCENT: u64 = 10;
/// A step that is held may cost so much more than the budget: frames vary, and an estimate dips.
const TOLERANCE_PERCENT: u64 = 5;

/// The qualities of one picture, from the cheapest to the best; `ladder` makes them.
pub type Steps = SmallVec<[Step; 8]>;

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
    pub steps: Steps,
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
    /// Who has a picture keeps its lowest step, whatever it costs.
    pub keeps: bool,
    /// For everything together.
    pub bps: u64,
}

impl Budget {
    /// Four fifths: what fits into that is a clear yes.
    pub fn with_room_to_spare(self) -> Self {
        Self { lowest_bps: self.lowest_bps.map(|bps| bps / 5 * 4), bps: self.bps / 5 * 4, ..self }
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
            (Some(_), Some(_)) if budget.keeps => u64::MAX,
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
mod tests;
