//! Sender reports: the publisher's clock mapping in each subscriber's timestamps, so that lips stay with voices.
//!
//! A receiver pairs sound and picture by what the reports say of their timestamps. So a report follows every switch
//! at once, made from the last one of the new layer; and where the layers' clocks are known the switch itself keeps
//! the time of capture, so that the new report only confirms the old one.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use super::{Context, PublicationKey, Room, SubscriptionKey, publication::Publication};
use crate::{
    media::{
        clock::{compact, from_compact},
        forwarder::Forwarder,
    },
    proto::rtcp::CompoundBuilder,
};

/// Reports of one stream that a receiver may still refer to: it reports on the newest it has, about once a second.
const REMEMBERED: usize = 4;
/// Receivers need two reports before they can pair sound and picture, and a browser reports its sound only every five
/// seconds: the second one follows this long after the first.
const SECOND_AFTER: Duration = Duration::from_millis(300);
/// libwebrtc draws its line through the last twenty reports, at one in five seconds those of a minute and a half. After
/// a break in the publisher's line so many more follow, one at each look, or the old ones bend it for as long.
const REPEATS: u8 = 19;

/// What a subscriber was told of a stream's clock.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// How the forwarder translated timestamps then.
    mapping: Option<(u8, u32)>,
    /// Since when it does so.
    since: Option<Instant>,
    /// The layer that reports were of, and how often its line had broken.
    breaks: Option<(u8, u32)>,
    /// Reports that are still to be repeated.
    repeats: u8,
    /// (Middle of the NTP timestamp, when it was sent), oldest first.
    sent: ArrayVec<(u32, Instant), REMEMBERED>,
}

impl Told {
    /// The round trip of a report that came back (RFC 3550 6.4.1).
    pub fn round_trip(&self, now: Instant, last_sr: u32, delay: u32) -> Option<Duration> {
        let (_, sent) = self.sent.iter().rev().find(|(ntp, _)| *ntp == last_sr)?;
        Some(now.saturating_duration_since(*sent).saturating_sub(from_compact(delay)))
    }

    /// Whether the stream has come from the same layer for this long.
    pub fn is_steady(&self, now: Instant, span: Duration) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) >= span)
    }

    /// Whether the subscriber knows the clock: it was told twice, and what broke since was told often enough.
    pub fn is_known(&self) -> bool {
        self.sent.len() > 1 && self.repeats == 0
    }

    /// Notes how often the layer's line has broken by now.
    fn follow(&mut self, layer: u8, breaks: u32) {
        if self.breaks.is_some_and(|(of, before)| of == layer && before != breaks) {
            self.repeats = REPEATS;
        }
        self.breaks = Some((layer, breaks));
    }

    fn needs_second(&self, now: Instant) -> bool {
        let [(_, first)] = self.sent.as_slice() else { return false };
        now.saturating_duration_since(*first) >= SECOND_AFTER
    }

    fn remember(&mut self, now: Instant, ntp: u64) {
        if self.sent.is_full() {
            self.sent.remove(0);
        }
        self.sent.push((compact(ntp), now));
    }
}

impl Room {
    /// A report of the publisher came, from its session or from its shard.
    pub(super) fn pass_report(
        &mut self,
        ctx: &mut Context<'_>,
        key: PublicationKey,
        layer: u8,
        ntp: u64,
        rtp: u32,
    ) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        let Some(encoding) = publication.encoding_mut(layer) else { return };
        encoding.ingest.sender_report(ctx.now, ntp, rtp);
        let Some(clock) = encoding.ingest.clock().copied() else { return };
        // Lent for the walk: nothing on the way changes who receives.
        let fan_out = std::mem::take(&mut publication.fan_out);
        for subscription in &fan_out {
            self.send_report(ctx, *subscription, layer, (clock.ntp, clock.rtp));
        }
        if let Some(publication) = self.publications.get_mut(key) {
            publication.fan_out = fan_out;
        }
    }

    /// Tells a subscriber of a new mapping, which a switch or a pause has made, of the first one twice, and of one that
    /// follows a break until nothing else is remembered.
    pub(super) fn refresh_report(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let Some(forwarder) = &subscription.forwarder else { return };
        let mapping = forwarder.mapping().filter(|(layer, _)| forwarder.encoding() == Some(*layer));
        let Some((layer, _)) = mapping else { return };
        let Some(publication) = self.publications.get(subscription.publication) else { return };
        let encoding = publication.encoding(layer);
        subscription.told.follow(layer, encoding.map_or(0, |one| one.ingest.clock_breaks()));
        let known = mapping == subscription.told.mapping && !subscription.told.needs_second(ctx.now);
        if known && subscription.told.repeats == 0 {
            return;
        }
        subscription.told.repeats = subscription.told.repeats.saturating_sub(1);
        if subscription.told.mapping.map(|(told, _)| told) != Some(layer) {
            subscription.told.since = Some(ctx.now);
        }
        let clock = encoding.and_then(|one| one.ingest.clock());
        let Some(report) = clock.map(|one| one.extrapolate(ctx.now, publication.codec.clock_rate())) else {
            return; // the publisher's first report will do
        };
        self.send_report(ctx, key, layer, report);
    }

    fn send_report(
        &mut self,
        ctx: &mut Context<'_>,
        key: SubscriptionKey,
        layer: u8,
        (ntp, rtp): (u64, u32),
    ) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let Some(forwarder) = &subscription.forwarder else { return };
        if forwarder.encoding() != Some(layer) {
            return;
        }
        let Some(subscriber) = self.participants.get_mut(subscription.subscriber) else { return };
        let Some(session) = &mut subscriber.session else { return };
        let (packets, octets) = forwarder.sent_counts();
        let rtp = forwarder.translate_timestamp(rtp);
        let report = CompoundBuilder::sender(forwarder.config().ssrc, ntp, rtp, packets, octets);
        session.send_rtcp(&report, ctx.out);
        let told = &mut subscription.told;
        told.since = told.since.or(Some(ctx.now));
        told.mapping = forwarder.mapping();
        told.remember(ctx.now, ntp);
    }
}

/// While the forwarder waits for its target layer: the offset that keeps the time of capture.
pub(super) fn align(forwarder: &mut Forwarder, publication: &Publication, target: u8) {
    // Spatial layers of one encoding share its clock.
    let layer = if publication.is_svc() { 0 } else { target };
    if forwarder.encoding() == Some(layer) {
        return;
    }
    let offset = forwarder.mapping().and_then(|(mapped, offset)| {
        if mapped == layer {
            return Some(offset);
        }
        let known = publication.encoding(mapped)?.ingest.clock()?;
        let next = publication.encoding(layer)?.ingest.clock()?;
        Some(known.offset_for(offset, next, publication.codec.clock_rate()))
    });
    forwarder.align(offset);
}
