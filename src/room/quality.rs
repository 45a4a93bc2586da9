//! Measures how good each participant's connection is, once a second, and says so every five.
//!
//! The uplink is what its own packets tell on arrival. The downlink is what its receiver reports tell, what it asked
//! again and could not get, and its keyframe requests: a picture it cannot decode stands still.

use std::time::{Duration, Instant};

use super::{
    Context, ParticipantKey, Room, SubscriptionKey,
    command::{Kind, Source},
    event::Event,
    publication::Publication,
    subscription::Subscription,
};
use crate::{
    media::{
        clock::{compact, fixed_point, from_compact},
        ingest::Totals,
        quality::{Count, Flow, Meter, Second},
    },
    proto::rtcp::Reception,
};

const SAMPLE: Duration = Duration::from_secs(1);
/// The protocol's pace of `call:quality`.
const REPORT_EVERY: u32 = 5;
/// A keyframe request or a loss that was given up stands for a picture frozen this long: about what it takes to get
/// the keyframe over a usual path.
const FREEZE: Duration = Duration::from_millis(300);
/// Who just got a stream, or another layer of it, asks for keyframes without having seen a freeze.
const SETTLED: Duration = Duration::from_secs(2);
/// No path takes longer; what says so is an echo of something else.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(10);

/// What is known of one participant's connection.
#[derive(Debug)]
pub(super) struct Monitor {
    meter: Meter,
    current: Second,
    round_trips: (Duration, u32),
    /// Smoothed: down at once, up slowly.
    latest_round_trip: Option<Duration>,
    /// Sum and count of the reported jitters of this second, of sound: pictures are spread by their pacing.
    down_jitter: (Duration, u32),
    next_sample: Instant,
    samples: u32,
    origin: Instant,
}

/// What a subscriber has reported of a stream so far.
#[derive(Debug, Default)]
pub(super) struct Reported {
    last: Option<Last>,
    /// The newest number it asked for in vain.
    unanswered: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    highest: u32,
    lost: u32,
    /// How many packets had been sent when the report came.
    sent: u32,
}

impl Monitor {
    pub fn new(now: Instant) -> Self {
        Self {
            meter: Meter::default(),
            current: Second::default(),
            round_trips: (Duration::ZERO, 0),
            latest_round_trip: None,
            down_jitter: (Duration::ZERO, 0),
            next_sample: now + SAMPLE,
            samples: 0,
            origin: now,
        }
    }

    /// What a receiver reference time report carries (RFC 3611 4.4): any clock of ours will do.
    pub fn reference_time(&self, now: Instant) -> u64 {
        (1 << 32) + fixed_point(now.saturating_duration_since(self.origin))
    }

    /// The answer to one (RFC 3611 4.5).
    pub fn reference_answered(&mut self, now: Instant, last_rr: u32, delay: u32) {
        let elapsed = compact(self.reference_time(now)).wrapping_sub(last_rr).wrapping_sub(delay);
        self.round_trip(from_compact(elapsed));
    }

    fn round_trip(&mut self, took: Duration) {
        if took < MAX_ROUND_TRIP {
            self.round_trips.0 += took;
            self.round_trips.1 += 1;
            let before = self.latest_round_trip.unwrap_or(took);
            self.latest_round_trip = Some(if took < before { took } else { (before * 3 + took) / 4 });
        }
    }

    /// How long an answer takes, as of the last few; `None` before the first.
    pub fn latest_round_trip(&self) -> Option<Duration> {
        self.latest_round_trip
    }

    /// A loss on the uplink that repair did not bring back.
    pub fn gave_up(&mut self) {
        freeze(&mut self.current.up);
    }

    fn finish(&mut self) -> Second {
        let mean = |(sum, count): (Duration, u32)| (count > 0).then(|| sum / count.max(1));
        let mut second = std::mem::take(&mut self.current);
        second.rtt = mean(std::mem::take(&mut self.round_trips));
        second.down.jitter = mean(std::mem::take(&mut self.down_jitter));
        second
    }
}

fn freeze(flow: &mut Flow) {
    flow.frozen = (flow.frozen + FREEZE).min(SAMPLE);
}

impl Room {
    /// A subscriber's report on one of its streams.
    pub(super) fn reception(&mut self, now: Instant, key: ParticipantKey, report: &Reception) {
        let Some(subscription) = self.outgoing(key, report.ssrc) else { return };
        let Some(subscription) = self.subscriptions.get_mut(subscription) else { return };
        let Some(forwarder) = &subscription.forwarder else { return };
        if forwarder.config().ssrc != report.ssrc {
            return; // of the retransmissions
        }
        let Some(participant) = self.participants.get_mut(key) else { return };
        let monitor = &mut participant.monitor;
        if let Some(took) = subscription.told.round_trip(now, report.last_sr, report.delay) {
            monitor.round_trip(took);
        }
        let rate = u64::from(forwarder.config().codec.clock_rate().max(1));
        let jitter = Duration::from_micros(u64::from(report.jitter) * 1_000_000 / rate);
        // What the stream brought along is the publisher's.
        let source = forwarder.current().zip(self.publications.get(subscription.publication));
        let source = source.and_then(|(layer, publication)| publication.encoding(layer));
        if subscription.kind == Kind::Audio {
            let own = source.map_or(Duration::ZERO, |one| one.ingest.jitter());
            monitor.down_jitter.0 += jitter.saturating_sub(own);
            monitor.down_jitter.1 += 1;
        }
        let (sent, _) = forwarder.sent_counts();
        let this = Last { highest: report.highest, lost: report.total_lost, sent };
        let Some(last) = subscription.reported.last.replace(this) else { return };
        let expected = report.highest.wrapping_sub(last.highest);
        if expected == 0 || expected > u32::from(u16::MAX) {
            return; // nothing new, or a stream that began anew
        }
        // What the publisher's path lost is a gap here too, but was never sent. And what was sent is not yet lost if
        // it is on its way: both must say so.
        let lost = i64::from(report.total_lost) - i64::from(last.lost);
        let came = i64::from(expected) - lost;
        let unaccounted = i64::from(sent.wrapping_sub(last.sent)) - came;
        let lost = lost.min(unaccounted.max(0));
        let count = Count { expected: expected.into(), lost, missing: 0 };
        match subscription.kind {
            // Nothing brings lost sound back.
            Kind::Audio => monitor.current.down.audio.add(Count { missing: lost, ..count }),
            Kind::Video => monitor.current.down.video.add(count),
        }
    }

    /// A subscriber asked for a packet that it will not get.
    pub(super) fn unanswered(subscription: &mut Subscription, monitor: &mut Monitor, sequence: u16) {
        let newer = |last: u16| sequence.wrapping_sub(last).cast_signed() > 0;
        // It asks several times, and for older ones in between.
        if subscription.reported.unanswered.is_none_or(newer) {
            subscription.reported.unanswered = Some(sequence);
            monitor.current.down.video.missing += 1;
        }
    }

    /// A subscriber cannot decode what it gets.
    pub(super) fn undecodable(&mut self, now: Instant, key: ParticipantKey, subscription: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get(subscription) else { return };
        let Some(participant) = self.participants.get_mut(key) else { return };
        let flows = subscription.forwarder.as_ref().is_some_and(|one| one.current().is_some());
        if flows && subscription.told.is_steady(now, SETTLED) {
            freeze(&mut participant.monitor.current.down);
        }
    }

    /// Takes the sample of a second if it is due, and reports if enough have been taken.
    pub(super) fn watch_quality(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        if ctx.now < participant.monitor.next_sample {
            return;
        }
        participant.monitor.next_sample = ctx.now + SAMPLE;
        let mut second = participant.monitor.finish();
        for publication in &participant.publications {
            if let Some(publication) = self.publications.get_mut(*publication) {
                measure_uplink(publication, ctx.now, &mut second.up);
            }
        }
        let subscriptions = participant.subscriptions.iter().filter_map(|one| self.subscriptions.get(*one));
        second.limited = subscriptions
            .filter_map(|one| Some((one, self.publications.get(one.publication)?)))
            .any(|(subscription, publication)| is_limited(ctx.now, subscription, publication));
        let monitor = &mut participant.monitor;
        monitor.meter.add(second);
        monitor.samples += 1;
        if monitor.samples % REPORT_EVERY != 0 {
            return;
        }
        if let Some(quality) = monitor.meter.quality() {
            ctx.stats.quality(&quality);
            self.tell(ctx, key, Event::Quality(quality));
        }
    }
}

fn measure_uplink(publication: &mut Publication, now: Instant, up: &mut Flow) {
    let (kind, source) = (publication.kind, publication.source);
    for encoding in &mut publication.encodings {
        let totals = encoding.ingest.totals();
        let before = std::mem::replace(&mut encoding.sampled, totals);
        let count = since(before, totals);
        match kind {
            Kind::Audio => up.audio.add(count),
            Kind::Video => up.video.add(count),
        }
        // Pictures are spread by their pacing; only where there is no voice they must serve.
        let tells = source == Source::Mic || up.jitter.is_none();
        if count.expected > 0 && tells && encoding.ingest.is_alive(now) {
            up.jitter = Some(encoding.ingest.jitter());
        }
    }
}

fn since(before: Totals, now: Totals) -> Count {
    let grew = |now: u64, before: u64| now.cast_signed() - before.cast_signed();
    let expected = now.expected.saturating_sub(before.expected);
    let missing = grew(now.expected, before.expected) - grew(now.received, before.received);
    Count { expected, lost: missing + grew(now.repaired, before.repaired), missing }
}

/// It gets a lower layer than the best that it wants and that flows, or none, or fewer frames of it.
fn is_limited(now: Instant, subscription: &Subscription, publication: &Publication) -> bool {
    let Some(forwarder) = &subscription.forwarder else { return false };
    let wanted = subscription.wanted_layer.filter(|_| subscription.kind == Kind::Video);
    let best = wanted.filter(|_| !publication.is_muted()).map(|wish| publication.layer_for(now, wish));
    best.is_some_and(|best| {
        forwarder.target().is_none_or(|target| target < best)
            || subscription.max_temporal(publication, best)
                < publication.temporal_for(best, subscription.max_fps)
    })
}
