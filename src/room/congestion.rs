//! What a subscriber's path carries, and what it gets of it: feeds the estimator, shares the estimate among the
//! subscriber's pictures, and probes for more where somebody wants more.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use smallvec::SmallVec;

use super::{
    Context, ParticipantKey, Room, SubscriptionKey,
    command::{Kind, Source},
    participant::Participant,
};
use crate::{
    media::{
        allocator::{Ask, Budget, Step, Steps, allocate},
        bwe::{Cluster, Estimator, START_BPS},
        ladder::{Ladder, Taste},
        pacer::Pacer,
    },
    proto::twcc::report::ArrivalReport,
};

/// How often bandwidth is shared anew if nothing happens.
const SHARE: Duration = Duration::from_millis(100);
/// The same for who watches nothing.
const IDLE_SHARE: Duration = Duration::from_millis(500);
/// Too little for the smallest pictures for so long: then one of them is paused. Its return costs a keyframe and looks
/// worse than a queue that drains in a moment, and most shortages are over sooner.
const PAUSE_AFTER: Duration = Duration::from_secs(2);
/// A fall by so many percent is acted on at once.
const FALL_PERCENT: u64 = 10;
/// Before a first probe: the start estimate is for the first pictures.
const FIRST_PROBE: Duration = Duration::from_millis(300);
/// Between probes that succeed, and at most between those that do not.
const NEXT_PROBE: Duration = Duration::from_millis(500);
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(3);
/// Up and soon down again: the path does not carry it, so the next try waits, longer each time.
const RELAPSE: Duration = Duration::from_secs(6);
const MAX_PENALTY: Duration = Duration::from_secs(15);
/// A probe is so many bursts, one per tick of a busy room: long enough to measure, too short to hurt.
const PROBE_BURSTS: u32 = 4;
/// One more than a probe is judged by: the first burst may be a single packet.
const PROBE_PACKETS: u32 = 5;
const PROBE_GAP: Duration = Duration::from_millis(10);
/// A probe aims at most at so many times the estimate: beyond, it only floods.
const MAX_STEP: u64 = 4;
/// Datagrams of one burst at most.
const MAX_BURST: usize = 80;
/// Assumed of layers that have not been measured yet.
const UNMEASURED_BPS: [u64; 3] = [150_000, 500_000, 1_700_000];
/// Of one voice.
const VOICE_BPS: u64 = 40_000;

/// People whose path is remembered after they left a room.
const MAX_REMEMBERED: usize = 256;
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// Of what it was: the path may have changed.
const TRUST_PERCENT: u64 = 80;
/// A remembered path starts within these.
const MIN_START_BPS: u64 = 300_000;
const MAX_START_BPS: u64 = 5_000_000;

/// What the paths of people carried who were here lately, so that they start with the right picture.
#[derive(Debug, Default)]
pub(super) struct KnownPaths(BTreeMap<Arc<str>, (u64, Instant)>);

impl KnownPaths {
    pub fn remember(&mut self, now: Instant, participant: &Participant) {
        let Some(estimator) = participant.downlink.estimate() else { return };
        self.0.retain(|_, (_, at)| now.saturating_duration_since(*at) < REMEMBERED_FOR);
        if self.0.len() < MAX_REMEMBERED {
            self.0.insert(participant.identity.clone(), (estimator.bps(), now));
        }
    }

    /// Where the estimate for this identity starts.
    pub fn start_bps(&self, now: Instant, identity: &str) -> Option<u64> {
        let (bps, at) = self.0.get(identity)?;
        let fresh = now.saturating_duration_since(*at) < REMEMBERED_FOR;
        fresh.then(|| (bps / 100 * TRUST_PERCENT).clamp(MIN_START_BPS, MAX_START_BPS))
    }
}

/// One subscriber's path.
#[derive(Debug, Default)]
pub(super) struct Downlink {
    /// Made with the first packet that has a transport-wide number, or with the first REMB.
    estimator: Option<Box<Estimator>>,
    pub pacer: Pacer,
    /// Where the estimate starts: what an earlier session of the same participant found.
    pub start_bps: Option<u64>,
    next_share: Option<Instant>,
    shared_bps: u64,
    /// Since when it is not enough for the smallest pictures that are sent.
    short_since: Option<Instant>,
    probing: Probing,
}

#[derive(Debug, Default)]
struct Probing {
    next: Option<Instant>,
    interval: Duration,
    running: Option<Running>,
    /// What would be needed, at the last look.
    wanted_bps: Option<u64>,
    raised_at: Option<Instant>,
    penalty: Duration,
}

#[derive(Debug)]
struct Running {
    cluster: Cluster,
    bps: u64,
    bursts: u32,
    next: Instant,
    /// Sent since it began, media included: together they are what the path shall carry.
    sent: u64,
    packets: u32,
}

impl Downlink {
    /// The number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.estimator.as_ref().map_or(0, |estimator| estimator.next_sequence())
    }

    /// A packet with that number was sent.
    pub fn sent(&mut self, now: Instant, bytes: usize) {
        let cluster = match &mut self.probing.running {
            Some(running) => {
                running.sent += bytes as u64;
                running.packets += 1;
                running.cluster
            }
            None => Cluster::NONE,
        };
        self.estimator_from(now).sent(now, bytes, cluster);
    }

    /// A probe is under way, or due as soon as the path may be probed.
    pub fn is_probing(&self, now: Instant) -> bool {
        let Probing { running, next, .. } = &self.probing;
        self.wants_probe() && (running.is_some() || next.is_none_or(|next| now >= next))
    }

    /// A probe is under way, or more is wanted than is known to be there.
    pub fn wants_probe(&self) -> bool {
        let Probing { running, wanted_bps, .. } = &self.probing;
        let estimate = || self.estimator.as_ref().map_or(0, |one| one.bps());
        running.is_some() || wanted_bps.is_some_and(|wanted| wanted > estimate())
    }

    /// What is wanted changed: the bandwidth is shared anew at the next tick.
    pub fn share_soon(&mut self) {
        self.next_share = None;
    }

    /// The packet with this number was sent again as it was.
    pub fn repeated(&mut self, sequence: u16) {
        if let Some(estimator) = &mut self.estimator {
            estimator.repeated(sequence);
        }
    }

    fn estimator_from(&mut self, now: Instant) -> &mut Estimator {
        let start = self.start_bps.unwrap_or(START_BPS);
        self.estimator.get_or_insert_with(|| Box::new(Estimator::new(now, start)))
    }

    /// `None` as long as nothing is known.
    pub fn estimate(&self) -> Option<&Estimator> {
        self.estimator.as_deref().filter(|estimator| estimator.is_informed())
    }

    fn has_fallen(&self) -> bool {
        let shared = self.shared_bps - self.shared_bps / 100 * FALL_PERCENT;
        self.estimate().is_some_and(|estimator| estimator.usable_bps() < shared)
    }
}

/// What a subscription may have of the subscriber's bandwidth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Share {
    /// Nothing is known of the path.
    #[default]
    Unlimited,
    UpTo(Step),
    /// Not even the lowest layer fits.
    Paused,
}

impl Share {
    /// The highest layer of a wish that may be sent.
    pub fn limit(self, wish: u8) -> Option<u8> {
        match self {
            Self::Unlimited => Some(wish),
            Self::UpTo(step) => Some(wish.min(step.layer)),
            Self::Paused => None,
        }
    }

    /// The highest temporal layer of a layer that may be sent. Of one that is too large only the base layer, until
    /// a smaller one has begun.
    pub fn max_temporal(self, layer: u8) -> u8 {
        match self {
            Self::UpTo(step) => match layer.cmp(&step.layer) {
                Ordering::Less => u8::MAX,
                Ordering::Equal => step.temporal,
                Ordering::Greater => 0,
            },
            Self::Unlimited | Self::Paused => u8::MAX,
        }
    }

    /// What it comes to where `top` is the highest layer: the highest spatial and temporal layer.
    fn level(self, top: u8) -> Option<(u8, u8)> {
        self.limit(top).map(|layer| (layer, self.max_temporal(layer)))
    }
}

impl Room {
    /// The subscriber reports which packets arrived when.
    pub(super) fn arrival_report(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        report: &ArrivalReport<'_>,
    ) {
        ctx.stats.arrival_reports += 1;
        let Some(participant) = self.participants.get_mut(key) else { return };
        let Some(estimator) = &mut participant.downlink.estimator else { return };
        estimator.report(ctx.now, report);
        self.follow_estimate(ctx, key);
    }

    /// The subscriber says itself what its path carries.
    pub(super) fn remb(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, bps: u64) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        participant.downlink.estimator_from(ctx.now).remb(bps);
        self.follow_estimate(ctx, key);
    }

    fn follow_estimate(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let downlink = &mut participant.downlink;
        if let Some(bps) = downlink.estimate().map(Estimator::usable_bps) {
            downlink.pacer.set_rate(ctx.now, bps);
        }
        if downlink.has_fallen() {
            self.share_bandwidth(ctx, key);
        }
    }

    /// What is due for one subscriber's path.
    pub(super) fn tick_downlink(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let Some(estimator) = &mut participant.downlink.estimator else { return };
        estimator.tick(ctx.now);
        if participant.downlink.next_share.is_none_or(|due| ctx.now >= due) {
            self.share_bandwidth(ctx, key);
        }
        self.probe(ctx, key);
    }

    /// Decides for each picture of a subscriber how much of it is sent.
    fn share_bandwidth(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let downlink = &mut participant.downlink;
        downlink.next_share = Some(ctx.now + SHARE);
        let Some(estimator) = downlink.estimate() else { return };
        let (carried, usable) = (estimator.bps(), estimator.usable_bps());
        let (may_pause, lost) = (estimator.is_limited(), estimator.loss().min(0.3));
        let (asked, asks, voices) = self.asks(ctx.now, key);
        if asks.is_empty() {
            self.wants_nothing(ctx.now, key);
            return;
        }
        // What is repaired is paid from the same purse, and voices come first.
        let left = |bps: u64| ((bps as f64 * (1.0 - lost)) as u64).saturating_sub(voices);
        let mut budget =
            Budget { lowest_bps: may_pause.then(|| left(carried)), keeps: false, bps: left(usable) };
        let mut allocation = allocate(budget, &asks);
        let Some(participant) = self.participants.get_mut(key) else { return };
        let downlink = &mut participant.downlink;
        let pauses =
            asks.iter().zip(&allocation.steps).any(|(ask, step)| ask.held.is_some() && step.is_none());
        if !pauses {
            downlink.short_since = None;
        } else if ctx.now < *downlink.short_since.get_or_insert(ctx.now) + PAUSE_AFTER {
            budget.keeps = true;
            allocation = allocate(budget, &asks);
        }
        downlink.shared_bps = usable;
        // After a relapse only a clear yes counts: a quarter to spare.
        let convincing = allocation.used_bps.saturating_mul(5) / 4;
        let penalised = downlink.probing.is_penalised(ctx.now) && convincing > budget.bps;
        let cautious = penalised.then(|| allocate(budget.with_room_to_spare(), &asks));
        // What is sent beyond the estimate should be found out about soon, too.
        let used = Some(allocation.used_bps).filter(|used| *used > budget.bps);
        let next = if penalised { Some(convincing) } else { allocation.next_bps.or(used) };
        downlink.probing.wanted_bps = next.map(|next| (next + voices) * 11 / 10);
        let (mut raised, mut lowered) = (false, false);
        for (position, ((subscription, ask), step)) in
            asked.into_iter().zip(&asks).zip(&allocation.steps).enumerate()
        {
            let (before, mut after) = (ask.held, *step);
            // It relapsed a moment ago. But a small picture is better than none.
            if let Some(cautious) = &cautious
                && before < after
                && (before.is_some() || ask.steps.len() < 2)
            {
                let sure = cautious.steps.get(position).copied().flatten();
                after = after.min(sure).max(before);
            }
            raised |= before < after;
            lowered |= before > after;
            let share =
                after.and_then(|step| ask.steps.get(step)).map_or(Share::Paused, |step| Share::UpTo(*step));
            self.give(ctx, subscription, share);
        }
        if let Some(participant) = self.participants.get_mut(key) {
            participant.downlink.probing.shared(ctx.now, raised, lowered);
        }
    }

    fn wants_nothing(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let downlink = &mut participant.downlink;
        downlink.next_share = Some(now + IDLE_SHARE);
        downlink.shared_bps = downlink.estimate().map_or(0, Estimator::usable_bps);
        downlink.probing.wanted_bps = None;
        downlink.short_since = None;
        downlink.probing.shared(now, false, false);
    }

    /// The pictures somebody wants, with what they cost, and what its voices cost.
    fn asks(
        &self,
        now: Instant,
        key: ParticipantKey,
    ) -> (SmallVec<[SubscriptionKey; 8]>, SmallVec<[Ask; 8]>, u64) {
        let (mut asked, mut asks, mut voices) = (SmallVec::new(), SmallVec::new(), 0);
        let subscriptions =
            self.participants.get(key).map(|one| one.subscriptions.as_slice()).unwrap_or_default();
        for key in subscriptions {
            let Some(subscription) = self.subscriptions.get(*key) else { continue };
            let Some(publication) = self.publications.get(subscription.publication) else { continue };
            if subscription.forwarder.is_none() || publication.is_muted() {
                continue;
            }
            if subscription.kind == Kind::Audio {
                let flows = publication.encoding(0).is_some_and(|one| one.ingest.is_alive(now));
                voices += if flows { VOICE_BPS } else { 0 };
                continue;
            }
            let Some(wish) = subscription.wanted_layer else { continue };
            let steps = publication.steps(now, wish, subscription.max_fps);
            let held = subscription
                .held()
                .and_then(|held| steps.iter().rposition(|step| (step.layer, step.temporal) <= held));
            asked.push(*key);
            asks.push(Ask { priority: subscription.priority, steps, held });
        }
        (asked, asks, voices)
    }

    fn give(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey, share: Share) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let before = std::mem::replace(&mut subscription.share, share);
        let Some(publication) = self.publications.get(subscription.publication) else { return };
        // A limit that is no layer's limit changes nothing: at first, nothing is limited.
        let top = publication.layer_count().saturating_sub(1);
        let (before, after) = (before.level(top), share.level(top));
        if before == after {
            return;
        }
        let down = before > after;
        ctx.stats.shares_lowered += u64::from(down);
        ctx.stats.shares_raised += u64::from(!down);
        let current = subscription.forwarder.as_ref().and_then(|one| one.current());
        if current > share.limit(top) && self.is_too_much(ctx.now, key) {
            // Waiting for the keyframe of the lower layer would fill the queue with what nobody will see in time.
            if let Some(forwarder) = self.subscriptions.get_mut(key).and_then(|one| one.forwarder.as_mut()) {
                forwarder.suspend();
            }
        }
        self.retarget(ctx, key);
        self.report_layers(ctx, key);
    }

    /// Whether what is sent now costs far more than what may be sent.
    fn is_too_much(&self, now: Instant, key: SubscriptionKey) -> bool {
        let Some(subscription) = self.subscriptions.get(key) else { return false };
        let Some(publication) = self.publications.get(subscription.publication) else { return false };
        let Some(participant) = self.participants.get(subscription.subscriber) else { return false };
        let Some(estimator) = participant.downlink.estimate() else { return false };
        if publication.is_svc() {
            return false; // it needs no keyframe to go down
        }
        let Some(current) = subscription.forwarder.as_ref().and_then(|one| one.current()) else {
            return false;
        };
        let cost = publication.bitrate_bps(now, current, subscription.max_temporal(publication, current));
        cost > estimator.bps() * 3 / 2
    }

    /// Sends a part of a running probe, or starts one where more bandwidth would make a better picture.
    fn probe(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let Downlink { estimator: Some(estimator), probing, .. } = &mut participant.downlink else { return };
        if probing.running.is_none() {
            let Some(wanted) = probing.wanted_bps.filter(|wanted| *wanted > estimator.bps()) else {
                probing.next = None;
                return;
            };
            let due = *probing.next.get_or_insert(ctx.now + FIRST_PROBE);
            if ctx.now < due || !estimator.may_probe() {
                return;
            }
            let reached = probing.interval.is_zero();
            probing.interval =
                if reached { NEXT_PROBE } else { (probing.interval * 2).min(MAX_PROBE_INTERVAL) };
            probing.next = Some(ctx.now + probing.interval);
            // Ticks are never early, so that a probe comes out a little slower than meant.
            let bps = (wanted * 3 / 2).min(estimator.bps() * MAX_STEP);
            let cluster = estimator.start_cluster();
            probing.running = Some(Running { cluster, bps, bursts: 0, next: ctx.now, sent: 0, packets: 0 });
        }
        let Some(running) = probing.running.as_mut().filter(|running| ctx.now >= running.next) else {
            return;
        };
        running.bursts += 1;
        running.next = ctx.now + PROBE_GAP;
        let due = running.bps / 8 * PROBE_GAP.as_millis() as u64 / 1_000 * u64::from(running.bursts);
        let missing = due.saturating_sub(running.sent);
        // At a low rate it takes longer until there are packets enough to judge by.
        let judged = running.packets >= PROBE_PACKETS || running.bursts >= PROBE_BURSTS * 4;
        let over = running.bursts >= PROBE_BURSTS && judged;
        self.send_probe(ctx, key, usize::try_from(missing).unwrap_or(0));
        if let Some(participant) = self.participants.get_mut(key).filter(|_| over) {
            participant.downlink.probing.running = None;
        }
    }

    fn send_probe(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, bytes: usize) {
        let Self { participants, publications, subscriptions, .. } = self;
        let Some(participant) = participants.get_mut(key) else { return };
        let Participant { session: Some(session), subscriptions: own, downlink, .. } = participant else {
            return;
        };
        let chosen = own.iter().copied().find(|key| {
            let forwarder = subscriptions.get(*key).and_then(|one| one.forwarder.as_ref());
            forwarder.is_some_and(|one| one.may_probe())
        });
        let Some(subscription) = chosen.and_then(|key| subscriptions.get_mut(key)) else { return };
        let Some(publication) = publications.get(subscription.publication) else { return };
        let Some(forwarder) = &mut subscription.forwarder else { return };
        let (mut sent, mut back) = (0, 0);
        while sent < bytes && back < MAX_BURST {
            let transport = downlink.next_sequence();
            let wrote = session.send_rtp(MAX_PROBE, ctx.out, |slot| {
                let packet = |sent: &crate::media::sent::Sent| {
                    let encoding = publication.encoding(sent.layer)?;
                    encoding.history.get(sent.source_near(encoding.ingest.highest()?))
                };
                forwarder.write_probe(slot, back as u64, packet, transport)
            });
            let Some(len) = wrote else { break };
            downlink.sent(ctx.now, len);
            downlink.pacer.sent(len);
            ctx.stats.probe_packets_sent += 1;
            sent += len;
            back += 1;
        }
    }
}

/// Payloads are no longer.
const MAX_PROBE: usize = 1_400;

impl Probing {
    fn is_penalised(&self, now: Instant) -> bool {
        self.raised_at.is_some_and(|at| now.saturating_duration_since(at) < self.penalty)
    }

    /// Notes what the last sharing did.
    fn shared(&mut self, now: Instant, raised: bool, lowered: bool) {
        let since_raise = self.raised_at.map(|at| now.saturating_duration_since(at));
        if lowered {
            if since_raise.is_some_and(|since| since < RELAPSE + self.penalty) {
                self.penalty = (self.penalty * 2).clamp(RELAPSE, MAX_PENALTY);
                self.raised_at = Some(now);
            }
            self.interval = Duration::ZERO;
        } else if since_raise.is_some_and(|since| since > RELAPSE + 2 * self.penalty) {
            self.penalty = Duration::ZERO;
        }
        if raised {
            self.raised_at = Some(now);
            self.interval = Duration::ZERO;
            self.next = Some(now + NEXT_PROBE);
        }
    }
}

impl super::publication::Publication {
    /// What can be sent for a wish, from the cheapest.
    pub(super) fn steps(&self, now: Instant, wish: u8, max_fps: Option<u8>) -> Steps {
        let taste = if self.source == Source::Screen { Taste::Detail } else { Taste::Motion };
        let mut ladder = Ladder::new(taste);
        let lowest = self.flowing_layers(now).next();
        for layer in self.flowing_layers(now).filter(|layer| *layer <= wish || Some(*layer) == lowest) {
            if self.bitrate_bps(now, layer, u8::MAX) == 0 {
                let assumed = UNMEASURED_BPS.get(usize::from(layer)).copied().unwrap_or(0);
                ladder.add(layer, 1, u8::MAX, |_| assumed);
                continue;
            }
            let limit = self.temporal_for(layer, max_fps);
            ladder.add(layer, self.temporal_layers(layer), limit, |temporal| {
                self.bitrate_bps(now, layer, temporal)
            });
        }
        ladder.into_steps()
    }
}
