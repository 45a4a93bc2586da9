//! Time: handshakes, loss repair, feedback, liveness, speakers.

use std::{sync::Arc, time::Duration};

use super::{
    BUSY_TICK, CONNECTING_TICK, Context, IDLE_TICK, ParticipantKey, Room,
    event::{CloseReason, Event},
};
use crate::{
    base::id::ParticipantId,
    media::{nack::Manner, speaker::Speaking},
    proto::rtcp::CompoundBuilder,
};

/// Transport-wide feedback: the draft suggests 50–250 ms, libwebrtc uses 50–100.
const ARRIVAL_FEEDBACK: Duration = Duration::from_millis(50);
/// Receiver reports, as browsers send them for video.
const REPORTS: Duration = Duration::from_secs(1);
/// How often layers are re-chosen and changes reported; a part of how long a stopped layer freezes its viewers.
const REVIEW: Duration = Duration::from_millis(50);
/// Of these, the reviews that also look at what has settled, and at voices: they have no layers, only a clock that viewers
/// are told.
const ALL_EVERY: u32 = 4;
/// Who sends nothing has its turn in this interval.
const ROUND: Duration = Duration::from_millis(100);
/// Without media for this long, the room ticks slowly.
const BUSY_FOR: Duration = Duration::from_secs(2);

impl Room {
    /// Does what is due; `next_timeout` says when to call again.
    pub fn tick(&mut self, ctx: &mut Context<'_>) {
        if ctx.now < self.next_tick {
            return;
        }
        let connecting = self.tick_participants(ctx);
        if ctx.now >= self.next_review {
            self.next_review = ctx.now + REVIEW;
            self.review(ctx);
        }
        if let Some(speaking) = self.speakers.poll(ctx.now) {
            self.announce_speakers(ctx, &speaking);
        }
        let since_media = self.last_media.map(|last| ctx.now.saturating_duration_since(last));
        let interval = match since_media {
            Some(since) if since < BUSY_FOR => BUSY_TICK,
            _ if connecting => CONNECTING_TICK,
            _ => IDLE_TICK,
        };
        self.next_tick = ctx.now + interval;
    }

    /// Those with whom something may be due; in a round, all. Returns whether a handshake is under way.
    fn tick_participants(&mut self, ctx: &mut Context<'_>) -> bool {
        let mut looked_at = std::mem::take(&mut self.lively);
        let round = ctx.now >= self.next_round;
        if round {
            self.next_round = ctx.now + ROUND;
            looked_at.clear();
            looked_at.extend(self.participants.keys());
        }
        let mut connecting = false;
        looked_at.retain(|key| {
            let waits = !round && self.participants.get(*key).is_some_and(|one| one.may_wait(ctx.now));
            if !waits {
                connecting |= self.tick_participant(ctx, *key);
            }
            let Some(participant) = self.participants.get_mut(*key) else { return false };
            participant.lively = !participant.is_calm(ctx.now);
            participant.lively
        });
        for key in std::mem::replace(&mut self.lively, looked_at) {
            if !self.lively.contains(&key) {
                self.lively.push(key);
            }
        }
        connecting
    }

    /// Returns whether a handshake is under way.
    fn tick_participant(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) -> bool {
        let Some(participant) = self.participants.get_mut(key) else { return false };
        let Some(session) = &mut participant.session else { return false };
        let incoming = session.handle_timeout(ctx.now, ctx.out);
        let connected = session.is_connected();
        let expired = session.is_expired(ctx.now);
        let interrupted = connected && session.is_interrupted(ctx.now);
        self.incoming(ctx, key, incoming);
        if expired {
            self.remove(ctx, key, CloseReason::ConsentExpired);
            return false;
        }
        let Some(participant) = self.participants.get_mut(key) else { return false };
        if interrupted != participant.interrupted {
            participant.interrupted = interrupted;
            self.tell(ctx, key, if interrupted { Event::Interrupted } else { Event::Connected });
        }
        if connected {
            self.send_feedback(ctx, key);
            self.tick_downlink(ctx, key);
            self.tick_patience(ctx, key);
            self.watch_quality(ctx, key);
        }
        !connected
    }

    /// NACKs, repeated keyframe requests, receiver reports and arrival times for one publisher, in one packet.
    fn send_feedback(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let report_due = ctx.now >= participant.next_report;
        if report_due {
            participant.next_report = ctx.now + REPORTS;
        }
        let mut compound = CompoundBuilder::new(participant.rtcp_ssrc);
        let mut media_ssrc = 0;
        let mut published = participant.publications.iter().filter_map(|one| self.publications.get(*one));
        let manner = Manner {
            round_trip: participant.monitor.latest_round_trip(),
            // What one stream shows holds for all: a voice alone has too few packets to show it.
            lossy: published.any(|one| one.encodings.iter().any(|one| one.ingest.is_lossy(ctx.now))),
        };
        for publication in &participant.publications {
            let Some(publication) = self.publications.get_mut(*publication) else { continue };
            for (layer, encoding) in (0u8..).zip(&mut publication.encodings) {
                let Some(ssrc) = encoding.ssrc.filter(|_| encoding.ingest.has_started()) else { continue };
                media_ssrc = ssrc;
                let (wanted, gave_up) = encoding.ingest.poll_nack(ctx.now, manner);
                if !wanted.is_empty() {
                    ctx.stats.nacks_sent += wanted.len() as u64;
                    compound.nack(ssrc, &wanted);
                }
                if gave_up {
                    participant.monitor.gave_up();
                    encoding.gate.request();
                }
                if encoding.gate.poll(ctx.now, layer) {
                    ctx.stats.plis_sent += 1;
                    compound.pli(ssrc);
                }
                if report_due && let Some(report) = encoding.ingest.report(ctx.now, ssrc) {
                    compound.report(report);
                }
            }
        }
        if report_due && !compound.is_empty() {
            compound.reference_time(participant.monitor.reference_time(ctx.now));
        }
        if ctx.now >= participant.next_arrival_feedback && !participant.arrivals.is_empty() {
            participant.next_arrival_feedback = ctx.now + ARRIVAL_FEEDBACK;
            if let Some(feedback) = participant.arrivals.feedback(participant.rtcp_ssrc, media_ssrc) {
                compound.raw(&feedback);
            }
        }
        if compound.is_empty() {
            return;
        }
        if let Some(session) = &mut participant.session {
            session.send_rtcp(&compound.finish(), ctx.out);
        }
    }

    /// Layers come and go with the publisher's bandwidth: choose again.
    fn review(&mut self, ctx: &mut Context<'_>) {
        let mut looked_at = std::mem::take(&mut self.unsettled);
        for publication in self.publications.values_mut() {
            publication.observe_layers(ctx.now);
            if publication.looks_different(ctx.now) {
                looked_at.extend_from_slice(&publication.fan_out);
            }
        }
        self.reviews = self.reviews.wrapping_add(1);
        if self.reviews.is_multiple_of(ALL_EVERY) {
            looked_at.clear();
            looked_at.extend(self.subscriptions.keys());
        } else {
            looked_at.sort_unstable();
            looked_at.dedup();
        }
        looked_at.retain(|key| {
            self.retarget(ctx, *key);
            self.review_frames(ctx, *key);
            self.report_layers(ctx, *key);
            self.refresh_report(ctx, *key);
            let Some(subscription) = self.subscriptions.get_mut(*key) else { return false };
            subscription.unsettled = !subscription.has_settled();
            subscription.unsettled
        });
        self.unsettled = looked_at;
        let published: Vec<_> = self.publications.keys().collect();
        for key in published {
            self.review_wanted(ctx, key);
            self.review_relay(ctx, key);
        }
    }

    /// Of a participant here or of a publisher on another shard.
    fn identity_of(&self, id: ParticipantId) -> Option<Arc<str>> {
        let here = self.by_id.get(&id).and_then(|key| self.participants.get(*key));
        let elsewhere = || self.publications.values().find(|one| one.owner_id == id);
        here.map(|one| one.identity.clone()).or_else(|| elsewhere().map(|one| one.identity.clone()))
    }

    fn announce_speakers(&self, ctx: &mut Context<'_>, speaking: &Speaking) {
        let named: Vec<_> = speaking
            .speakers
            .iter()
            .filter_map(|(id, level)| Some((*id, self.identity_of(*id)?, *level)))
            .collect();
        let dominant = speaking.dominant.and_then(|id| Some((id, self.identity_of(id)?)));
        for participant in self.participants.values() {
            let event = Event::Speakers { speakers: named.clone(), dominant: dominant.clone() };
            ctx.effects.event(self.id, participant.id, event);
        }
    }
}
