//! How long viewers should wait for what was lost: pictures that come late by a repair would freeze otherwise.
//!
//! A receiver knows only its own path. What the publisher's path loses reaches it a round trip later, and that looks
//! like nothing it has seen; so it is told by the playout-delay extension. On good networks nothing is said beyond what the room asks for, and
//! nothing waits.

use std::time::{Duration, Instant};

use super::{Context, ParticipantKey, Room, SubscriptionKey, command::Kind, participant::Participant};
use crate::media::bwe::Estimator;

/// How often it is reconsidered.
const REVIEW: Duration = Duration::from_millis(500);
/// Loss on a subscriber's path that makes it wait for repairs.
const LOSSY: f64 = 0.01;
/// A repair takes a round trip, and a moment to be noticed and asked for. At twice the loss, some take two.
const NOTICE: Duration = Duration::from_millis(30);
const VERY_LOSSY: f64 = 0.05;
/// Longer makes talk impossible.
const MAX_DELAY_MS: u16 = 500;
/// Down in small steps: each one is a picture that comes a little early.
const STEP_DOWN_MS: u16 = 10;
/// A second copy of a repair follows after so long where much is lost: far enough for a burst of loss to be over.
const SECOND_COPY: Duration = Duration::from_millis(30);
const MAX_COPIES: usize = 64;

/// What is due for a subscriber because its path loses packets.
#[derive(Debug, Default)]
pub(super) struct Patience {
    next_review: Option<Instant>,
    /// Repairs to be sent once more.
    copies: Vec<(Instant, SubscriptionKey, u16)>,
}

impl Patience {
    pub fn has_copies(&self) -> bool {
        !self.copies.is_empty()
    }

    /// A repair was sent; on a lossy path it is sent again. Bounded: what does not fit is asked for again.
    pub fn repaired(&mut self, now: Instant, loss: f64, key: SubscriptionKey, sequence: u16) {
        if loss > LOSSY && self.copies.len() < MAX_COPIES {
            self.copies.push((now + SECOND_COPY, key, sequence));
        }
    }
}

impl Room {
    pub(super) fn tick_patience(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        self.send_copies(ctx, key);
        let Some(participant) = self.participants.get_mut(key) else { return };
        if participant.patience.next_review.is_some_and(|due| ctx.now < due) {
            return;
        }
        participant.patience.next_review = Some(ctx.now + REVIEW);
        let down = participant.downlink.estimate().map_or(Duration::ZERO, repair_delay);
        let subscriptions = participant.subscriptions.clone();
        for key in subscriptions {
            let Some(subscription) = self.subscriptions.get_mut(key) else { continue };
            let Some(publication) = self.publications.get(subscription.publication) else { continue };
            let Some(forwarder) = &mut subscription.forwarder else { continue };
            // Sound follows its picture, and is repeated byte for byte: it must not carry what changes.
            if subscription.kind == Kind::Audio {
                continue;
            }
            let up = forwarder.encoding().and_then(|layer| publication.encoding(layer));
            let up = up.map_or(Duration::ZERO, |encoding| encoding.ingest.repair_delay(ctx.now));
            let wanted = u16::try_from((up + down).as_millis()).unwrap_or(u16::MAX).min(MAX_DELAY_MS);
            let before = forwarder.playout_delay().min;
            let least = wanted.max(before.saturating_sub(STEP_DOWN_MS));
            forwarder.set_playout_delay(self.playout_delay.at_least(least));
        }
    }

    fn send_copies(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let now = ctx.now;
        let mut due = Vec::new();
        participant.patience.copies.retain(|(at, key, sequence)| {
            let waits = *at > now;
            if !waits {
                due.push((*key, *sequence));
            }
            waits
        });
        for (key, sequence) in due {
            self.repair_again(ctx, key, sequence);
        }
    }
}

/// How late what a subscriber's own path loses is.
fn repair_delay(estimator: &Estimator) -> Duration {
    let loss = estimator.loss();
    let round_trip = estimator.rtt().unwrap_or_default();
    match loss {
        loss if loss > VERY_LOSSY => round_trip * 2 + NOTICE,
        loss if loss > LOSSY => round_trip + NOTICE,
        _ => Duration::ZERO,
    }
}

impl Participant {
    /// Share of packets lost on the way to it.
    pub(super) fn loss(&self) -> f64 {
        self.downlink.estimate().map_or(0.0, Estimator::loss)
    }
}
