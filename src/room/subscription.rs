//! A participant's interest in a publication, and how it is served.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::{
    Context, ParticipantKey, PublicationKey, Room, SubscriptionKey,
    clock::{self, Told},
    command::{AutoSubscribe, Kind, Source, Wish},
    congestion::Share,
    event::Event,
    participant::Sending,
    publication::{Origin, Publication},
    quality::Reported,
};
use crate::{
    base::id::TrackId,
    media::forwarder::{Forwarder, StreamConfig},
    proto::sdp::{MediaKind, SendStream},
};

pub(super) struct Subscription {
    pub publication: PublicationKey,
    pub subscriber: ParticipantKey,
    pub track: TrackId,
    pub kind: Kind,
    /// Highest layer wanted; `None` = paused by the subscriber.
    pub wanted_layer: Option<u8>,
    /// Who is served first when bandwidth is short.
    pub priority: u8,
    /// What the subscriber's path leaves for it.
    pub share: Share,
    /// Highest frame rate wanted.
    pub max_fps: Option<u8>,
    /// Since when frames are left out that could be sent, had the codec let them in again.
    pub slow_since: Option<Instant>,
    /// Whether it is among those that every review looks at.
    pub unsettled: bool,
    /// The subscriber has no decoder for it.
    pub unsupported: bool,
    /// Set once an m-line carries it.
    pub forwarder: Option<Forwarder>,
    pub line: Option<usize>,
    /// The state last told to the subscriber.
    pub told_layers: Option<(SmallVec<[u8; 4]>, Option<u8>, bool)>,
    pub told: Told,
    pub reported: Reported,
}

impl Subscription {
    /// The highest spatial and temporal layer that the subscriber's path was last said to have room for.
    pub fn held(&self) -> Option<(u8, u8)> {
        match self.share {
            Share::UpTo(step) => Some((step.layer, step.temporal)),
            Share::Unlimited | Share::Paused => None,
        }
    }

    /// It gets what it is to get, and the subscriber knows its clock.
    pub fn has_settled(&self) -> bool {
        let Some(forwarder) = &self.forwarder else { return true };
        self.kind == Kind::Audio || !forwarder.awaits_keyframe() && self.told.is_known()
    }

    /// The highest temporal layer to send of a layer: as many pictures as are wanted and as there is room for.
    pub fn max_temporal(&self, publication: &Publication, layer: u8) -> u8 {
        if publication.temporal_layers(layer) < 2 {
            return u8::MAX;
        }
        publication.temporal_for(layer, self.max_fps).min(self.share.max_temporal(layer))
    }
}

/// Encoders let temporal layers in again every few frames, those of screens every ten seconds. Later than this, it takes
/// a keyframe.
const JOINED_WITHIN: Duration = Duration::from_secs(12);

/// Screens are read, cameras are looked at.
fn default_priority(source: Source) -> u8 {
    u8::from(source == Source::Screen)
}

impl Room {
    /// Creates the record; media flows once an m-line is assigned.
    pub(super) fn subscribe(
        &mut self,
        ctx: &mut Context<'_>,
        subscriber: ParticipantKey,
        publication: PublicationKey,
    ) {
        let (Some(participant), Some(published)) =
            (self.participants.get_mut(subscriber), self.publications.get(publication))
        else {
            return;
        };
        let excluded = published.owner() == Some(subscriber)
            || !participant.grants.subscribe
            || participant.auto == AutoSubscribe::Nothing;
        if excluded {
            return;
        }
        // A camera starts small so that a picture appears fast; whoever shows it larger says so.
        let small_start = participant.auto == AutoSubscribe::Everything && published.source == Source::Camera;
        let key = self.subscriptions.insert(Subscription {
            publication,
            subscriber,
            track: published.track,
            kind: published.kind,
            wanted_layer: Some(if small_start { 0 } else { u8::MAX }),
            priority: default_priority(published.source),
            share: Share::default(),
            max_fps: None,
            slow_since: None,
            unsettled: false,
            unsupported: false,
            forwarder: None,
            line: None,
            told_layers: None,
            told: Told::default(),
            reported: Reported::default(),
        });
        participant.subscriptions.push(key);
        if participant.auto == AutoSubscribe::FirstOffer {
            self.bind_reserved(ctx, subscriber);
            self.review_decoding(ctx, subscriber);
        } else {
            self.review_decoding(ctx, subscriber);
            self.ask_for_sections(ctx, subscriber);
        }
    }

    pub(super) fn unsubscribe(&mut self, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.remove(key) else { return };
        if let Some(publication) = self.publications.get_mut(subscription.publication) {
            publication.fan_out.retain(|one| *one != key);
        }
        let Some(participant) = self.participants.get_mut(subscription.subscriber) else { return };
        participant.subscriptions.retain(|one| *one != key);
        participant.outgoing.retain(|_, one| *one != key);
        let Some(index) = subscription.line else { return };
        let Some(line) = participant.negotiator.line_mut(index) else { return };
        if !line.sending.as_ref().is_some_and(|(sending, _)| *sending == Sending::Subscription(key)) {
            return;
        }
        if participant.auto == AutoSubscribe::FirstOffer {
            if let Some((sending, _)) = &mut line.sending {
                *sending = Sending::Reserved;
            }
            if let Some(forwarder) = subscription.forwarder {
                participant.parked.insert(index, forwarder);
            }
        } else {
            line.sending = None;
        }
    }

    /// Tells the client how many more receive sections it needs, once per offer.
    pub(super) fn ask_for_sections(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        if participant.sections_asked || !participant.negotiator.has_offer() {
            return;
        }
        let waiting = |kind: Kind| {
            participant
                .subscriptions
                .iter()
                .filter_map(|one| self.subscriptions.get(*one))
                .filter(|one| one.kind == kind && one.line.is_none() && !one.unsupported)
                .count()
        };
        let free = |kind: MediaKind| {
            participant.negotiator.lines().iter().filter(|line| line.is_free_for(kind)).count()
        };
        let (audio, video) = (waiting(Kind::Audio), waiting(Kind::Video));
        if audio + video == 0 {
            return;
        }
        let more =
            |waiting: usize, free: usize| u16::try_from(waiting.saturating_sub(free)).unwrap_or(u16::MAX);
        let event = Event::Sections {
            audio: more(audio, free(MediaKind::Audio)),
            video: more(video, free(MediaKind::Video)),
        };
        participant.sections_asked = true;
        self.tell(ctx, key, event);
    }

    /// Gives free m-lines of the client to subscriptions that wait for one.
    pub(super) fn assign_lines(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get(key) else { return };
        let waiting: Vec<_> = participant
            .subscriptions
            .iter()
            .filter(|one| self.subscriptions.get(**one).is_some_and(|one| one.line.is_none()))
            .copied()
            .collect();
        for subscription in waiting {
            let Some(participant) = self.participants.get_mut(key) else { return };
            let Some(waits) = self.subscriptions.get(subscription) else { continue };
            let Some(publication) = self.publications.get(waits.publication) else { continue };
            let wanted = media_kind(publication.kind);
            let index = participant.negotiator.lines().iter().position(|line| {
                line.is_free_for(wanted)
                    && line.codec_for(publication.codec, publication.profile.as_deref()).is_some()
            });
            let Some(index) = index else { continue };
            let stream = SendStream {
                ssrc: fresh_ssrc(ctx, participant.outgoing.keys()),
                rtx_ssrc: publication.codec.is_video().then(|| fresh_ssrc(ctx, participant.outgoing.keys())),
                cname: publication.owner_id.to_string(),
                stream_id: stream_id(publication),
                track_id: publication.track.to_string(),
            };
            self.bind(ctx, subscription, index, stream);
        }
    }

    /// Announces streams in every receive section ahead of the tracks that will use them.
    pub(super) fn reserve_lines(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let id = participant.id;
        for index in 0..participant.negotiator.lines().len() {
            let Some(line) = participant.negotiator.line_mut(index) else { continue };
            let video = line.section.kind == MediaKind::Video;
            if !line.is_free_for(MediaKind::Audio) && !line.is_free_for(MediaKind::Video) {
                continue;
            }
            let stream = SendStream {
                ssrc: ctx.rng.u32().max(1),
                rtx_ssrc: video.then(|| ctx.rng.u32().max(1)),
                cname: id.to_string(),
                stream_id: "room".to_owned(),
                track_id: format!("{}-{}", if video { "video" } else { "audio" }, line.section.mid),
            };
            line.sending = Some((Sending::Reserved, stream));
        }
        self.bind_reserved(ctx, key);
    }

    fn bind_reserved(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get(key) else { return };
        let waiting: Vec<_> = participant
            .subscriptions
            .iter()
            .filter(|one| self.subscriptions.get(**one).is_some_and(|one| one.line.is_none()))
            .copied()
            .collect();
        for subscription in waiting {
            let Some(participant) = self.participants.get(key) else { return };
            let Some(waits) = self.subscriptions.get(subscription) else { continue };
            let Some(publication) = self.publications.get(waits.publication) else { continue };
            let wanted = media_kind(publication.kind);
            let found = participant.negotiator.lines().iter().enumerate().find_map(|(index, line)| {
                let (sending, stream) = line.sending.as_ref()?;
                let fits = *sending == Sending::Reserved
                    && line.section.kind == wanted
                    && line.codec_for(publication.codec, publication.profile.as_deref()).is_some();
                fits.then(|| (index, stream.clone()))
            });
            if let Some((index, stream)) = found {
                self.bind(ctx, subscription, index, stream);
            }
        }
    }

    /// Connects a subscription with an m-line.
    fn bind(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey, index: usize, stream: SendStream) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let Some(participant) = self.participants.get_mut(subscription.subscriber) else { return };
        let Some(publication) = self.publications.get_mut(subscription.publication) else { return };
        let parked = participant.parked.remove(&index);
        let long_extensions = participant.negotiator.allows_mixed_extensions();
        let Some(line) = participant.negotiator.line_mut(index) else { return };
        let Some(codec) = line.codec_for(publication.codec, publication.profile.as_deref()) else {
            return;
        };
        let ids = line.section.extension_ids();
        let repeats = publication.codec.is_video() && codec.rtx.is_none();
        let config = StreamConfig {
            codec: publication.codec,
            svc: publication.is_svc(),
            ssrc: stream.ssrc,
            payload_type: codec.payload_type,
            red: codec.red,
            rtx: codec.rtx.zip(stream.rtx_ssrc).map(|(payload_type, ssrc)| (ssrc, payload_type)),
            mid: line.section.mid.clone(),
            mid_ext: ids.mid,
            audio_level_ext: ids.audio_level,
            orientation_ext: ids.video_orientation,
            // A packet that is repeated byte for byte must not get another number.
            transport_cc_ext: if repeats { 0 } else { ids.transport_cc },
            dependency_ext: ids.dependency_descriptor,
            // It changes with time, so that only what is repeated as a packet of its own may carry it.
            playout_delay_ext: if codec.rtx.is_some() { ids.playout_delay } else { 0 },
            capture_time_ext: ids.capture_time,
            long_extensions,
        };
        let mut stream = stream;
        if config.rtx.is_none() {
            stream.rtx_ssrc = None;
        }
        participant.downlink.share_soon();
        participant.outgoing.insert(config.ssrc, key);
        if let Some((ssrc, _)) = config.rtx {
            participant.outgoing.insert(ssrc, key);
        }
        line.sending = Some((Sending::Subscription(key), stream));
        subscription.line = Some(index);
        let mut forwarder = match parked {
            Some(mut forwarder) => {
                forwarder.resume_with(config);
                forwarder
            }
            None => Forwarder::new(config, ctx.rng.u16()),
        };
        forwarder.set_playout_delay(self.playout_delay.at_least(forwarder.playout_delay().min));
        subscription.forwarder = Some(forwarder);
        publication.fan_out.push(key);
        let publication = subscription.publication;
        self.retarget(ctx, key);
        self.review_wanted(ctx, publication);
    }

    pub(super) fn apply_wishes(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, wishes: &[Wish]) {
        for wish in wishes {
            let found = participant_subscription(self, key, wish.track);
            let Some(found) = found else { continue };
            let Some(subscription) = self.subscriptions.get_mut(found) else { continue };
            let Some(source) = self.publications.get(subscription.publication).map(|one| one.source) else {
                continue;
            };
            subscription.wanted_layer = wish.layer;
            subscription.priority = wish.priority.max(default_priority(source));
            subscription.max_fps = wish.max_fps;
            if let Some(participant) = self.participants.get_mut(key) {
                participant.downlink.share_soon();
            }
            let publication = subscription.publication;
            self.retarget(ctx, found);
            self.review_wanted(ctx, publication);
        }
    }

    /// Moves a subscription towards the best layer that its wish and the publisher allow.
    pub(super) fn retarget(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey) {
        if self.aim(ctx.now, key) {
            self.want_keyframe(ctx, key);
        }
    }

    /// Frames that were left out come back where the codec says that they can be joined. Not every encoder says so.
    pub(super) fn review_frames(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let Some(publication) = self.publications.get(subscription.publication) else { return };
        let Some(forwarder) = &subscription.forwarder else { return };
        let slow = forwarder.current().is_some_and(|layer| {
            let top = publication.temporal_layers(layer) - 1;
            let arrived = forwarder.target() == Some(layer);
            arrived && forwarder.temporal() < forwarder.max_temporal().min(top)
        });
        let since = subscription.slow_since.filter(|_| slow);
        subscription.slow_since = slow.then(|| since.unwrap_or(ctx.now));
        if since.is_some_and(|since| ctx.now.saturating_duration_since(since) >= JOINED_WITHIN) {
            subscription.slow_since = None;
            self.want_keyframe(ctx, key);
        }
    }

    /// Chooses the layer; `true` if it can only start with a keyframe.
    pub(super) fn aim(&mut self, now: Instant, key: SubscriptionKey) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return false };
        let Some(publication) = self.publications.get(subscription.publication) else { return false };
        let wish = subscription.wanted_layer.and_then(|wish| subscription.share.limit(wish));
        let target = wish.map(|wish| publication.layer_for(now, wish));
        let current = subscription.forwarder.as_ref().and_then(Forwarder::current);
        let [limit, meanwhile] = [target, current]
            .map(|layer| layer.map_or(u8::MAX, |layer| subscription.max_temporal(publication, layer)));
        let Some(forwarder) = &mut subscription.forwarder else { return false };
        let changes = forwarder.target() != target;
        if changes {
            forwarder.set_target(target);
        }
        if let Some(layer) = target {
            clock::align(forwarder, publication, layer);
        }
        forwarder.set_max_temporal(limit, meanwhile);
        let awaits = forwarder.awaits_keyframe();
        if (changes || awaits) && !std::mem::replace(&mut subscription.unsettled, true) {
            self.unsettled.push(key);
        }
        awaits
    }

    /// Dynacast: tells a publisher which of its layers somebody watches, or its shard which of them to relay. More
    /// at once, fewer after a while.
    pub(super) fn review_wanted(&mut self, ctx: &mut Context<'_>, key: PublicationKey) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        let subscriptions = &self.subscriptions;
        let wishes = publication
            .fan_out
            .iter()
            .filter_map(|one| subscriptions.get(*one).and_then(|one| one.wanted_layer));
        let owner = match publication.origin {
            Origin::Local(_) if publication.layer_count() < 2 => return,
            Origin::Local(owner) => owner,
            Origin::Relay(home) => {
                let needed = publication.needed_from_home(wishes);
                self.review_relayed(ctx, key, home, &needed);
                return;
            }
        };
        let wishes = wishes.chain(publication.relayed_layers());
        let needed = publication.needed(ctx.now, wishes);
        let Some(wanted) = publication.review_watched(ctx.now, &needed) else { return };
        let event = Event::Wanted { track: publication.track, source: publication.source, layers: wanted };
        self.tell(ctx, owner, event);
    }

    /// Tells a subscriber what it gets, when that changed.
    pub(super) fn report_layers(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let Some(publication) = self.publications.get(subscription.publication) else { return };
        let Some(forwarder) = &subscription.forwarder else { return };
        if subscription.kind == Kind::Audio {
            return;
        }
        let active = publication.alive_layers(ctx.now);
        let paused = subscription.wanted_layer.is_none() || subscription.share == Share::Paused;
        let state = (active, forwarder.current(), paused);
        if subscription.told_layers.as_ref() == Some(&state) {
            return;
        }
        let active = state.0.to_vec();
        let event = Event::Layers { track: subscription.track, active, current: state.1, paused };
        subscription.told_layers = Some(state);
        let subscriber = subscription.subscriber;
        self.tell(ctx, subscriber, event);
    }
}

fn participant_subscription(room: &Room, key: ParticipantKey, track: TrackId) -> Option<SubscriptionKey> {
    let participant = room.participants.get(key)?;
    participant
        .subscriptions
        .iter()
        .find(|one| room.subscriptions.get(**one).is_some_and(|one| one.track == track))
        .copied()
}

/// Clients play what one stream id holds in sync: a camera with its microphone, a screen with its sound.
fn stream_id(publication: &Publication) -> String {
    let set = match publication.source {
        Source::Mic | Source::Camera => "camera",
        Source::Screen | Source::ScreenAudio => "screen",
    };
    format!("{}|{set}", publication.owner_id)
}

fn fresh_ssrc<'a>(ctx: &mut Context<'_>, used: impl Iterator<Item = &'a u32>) -> u32 {
    let used: Vec<u32> = used.copied().collect();
    loop {
        let ssrc = ctx.rng.u32();
        if ssrc != 0 && !used.contains(&ssrc) {
            return ssrc;
        }
    }
}

pub(super) fn media_kind(kind: Kind) -> MediaKind {
    match kind {
        Kind::Audio => MediaKind::Audio,
        Kind::Video => MediaKind::Video,
    }
}
