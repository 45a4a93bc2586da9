//! Offers: what a client starts and stops sending, and the answer it gets.

use super::{
    Context, ParticipantKey, PublicationKey, Room,
    command::{AutoSubscribe, Kind, SendLine, Source},
    effect::Effect,
    event::Event,
    participant::{Sending, StreamRef},
    publication::{NewPublication, Publication},
};
use crate::{
    base::id::TrackId,
    proto::sdp::{MediaKind, Offer, SdpError},
    transport::{ice::Credentials, negotiate::TransportFacts, session::Session},
};

impl Room {
    pub(super) fn offer(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        sdp: &str,
        generation: u64,
        lines: &[SendLine],
    ) {
        match self.negotiate(ctx, key, sdp, lines) {
            Ok((sdp, mid_to_track)) => {
                self.tell(ctx, key, Event::Answer { generation, sdp, mid_to_track });
                self.ask_for_sections(ctx, key);
            }
            Err(error) => {
                self.tell(ctx, key, Event::NegotiationFailed { generation, message: error.to_string() });
            }
        }
    }

    fn negotiate(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        sdp: &str,
        lines: &[SendLine],
    ) -> Result<(String, Vec<(String, TrackId)>), SdpError> {
        let offer = Offer::parse(sdp)?;
        let Some(participant) = self.participants.get_mut(key) else {
            return Err(SdpError::Unsupported("an offer after leaving"));
        };
        if let Some(session) = &participant.session
            && session.fingerprint() != offer.fingerprint
        {
            return Err(SdpError::Unsupported("a new certificate on a live connection: join again"));
        }
        let first = !participant.negotiator.has_offer();
        let ended = participant.negotiator.apply(&offer)?;
        participant.sections_asked = false;
        for sending in ended {
            if let Sending::Subscription(subscription) = sending {
                self.release_line(subscription);
            }
        }
        self.prepare_session(ctx, key, &offer);
        self.update_publications(ctx, key, lines);
        let auto = self.participants.get(key).map(|one| one.auto);
        match auto {
            Some(AutoSubscribe::Everything) => self.assign_lines(ctx, key),
            Some(AutoSubscribe::FirstOffer) if first => self.reserve_lines(ctx, key),
            _ => {}
        }
        self.review_decoding(ctx, key);
        self.answer(ctx, key)
    }

    fn answer(
        &self,
        ctx: &Context<'_>,
        key: ParticipantKey,
    ) -> Result<(String, Vec<(String, TrackId)>), SdpError> {
        let participant =
            self.participants.get(key).ok_or(SdpError::Unsupported("an offer after leaving"))?;
        let session = participant.session.as_ref().ok_or(SdpError::Missing("a session"))?;
        let sdp = participant.negotiator.answer(TransportFacts {
            credentials: session.ice().credentials(),
            fingerprint: ctx.environment.identity.fingerprint,
            candidates: &ctx.environment.candidates,
            tcp_candidates: &ctx.environment.tcp_candidates,
        });
        let mid_to_track = participant
            .negotiator
            .lines()
            .iter()
            .filter_map(|line| match line.sending.as_ref()? {
                (Sending::Subscription(subscription), _) => {
                    Some((line.mid().to_owned(), self.subscriptions.get(*subscription)?.track))
                }
                (Sending::Reserved, _) => None,
            })
            .collect();
        Ok((sdp, mid_to_track))
    }

    /// The client stopped receiving in a line: its subscription waits for another one.
    fn release_line(&mut self, key: super::SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        subscription.line = None;
        subscription.forwarder = None;
        if let Some(publication) = self.publications.get_mut(subscription.publication) {
            publication.fan_out.retain(|one| *one != key);
        }
        if let Some(participant) = self.participants.get_mut(subscription.subscriber) {
            participant.outgoing.retain(|_, one| *one != key);
        }
    }

    /// The first offer creates the session; new ICE credentials restart ICE and nothing else.
    fn prepare_session(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, offer: &Offer) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let restarted = match &participant.session {
            None => true,
            Some(session) => session.ice().remote_ufrag() != offer.ice_ufrag,
        };
        if !restarted {
            return;
        }
        let credentials = Credentials::generate(ctx.environment.shard, ctx.rng);
        let ufrag = credentials.ufrag.clone();
        ctx.effects.push(Effect::AddUfrag { ufrag, room: self.id, participant: key });
        match &mut participant.session {
            None => {
                let identity = ctx.environment.identity.clone();
                let remote = offer.ice_ufrag.clone();
                participant.session =
                    Some(Session::new(ctx.now, identity, credentials, remote, offer.fingerprint));
            }
            Some(session) => {
                if let Some(old) = session.restart_ice(credentials, offer.ice_ufrag.clone()) {
                    ctx.effects.push(Effect::RemoveUfrag { ufrag: old.ufrag });
                }
            }
        }
    }

    /// Compares what the client now sends with what it published before.
    fn update_publications(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, lines: &[SendLine]) {
        let Some(participant) = self.participants.get(key) else { return };
        // A line whose first codec is another one carries another track from now on.
        let published: Vec<(PublicationKey, String)> = participant
            .publications
            .iter()
            .filter_map(|one| Some((*one, self.publications.get(*one)?.mid.clone())))
            .collect();
        let recoded: Vec<PublicationKey> = published
            .iter()
            .filter(|(key, mid)| {
                let line = participant.negotiator.lines().iter().find(|line| line.mid() == mid);
                let first = line.and_then(|line| line.section.codecs.first());
                self.publications.get(*key).is_some_and(|one| {
                    first.is_some_and(|first| {
                        (first.codec, first.payload_type) != (one.codec, one.payload_type)
                    })
                })
            })
            .map(|(key, _)| *key)
            .collect();
        let offered: Vec<(usize, String, Kind, bool)> = participant
            .negotiator
            .lines()
            .iter()
            .enumerate()
            .filter_map(|(index, line)| {
                let kind = match line.section.kind {
                    MediaKind::Audio => Kind::Audio,
                    MediaKind::Video => Kind::Video,
                    MediaKind::Data | MediaKind::Other => return None,
                };
                let sends = !line.section.stopped
                    && line.section.direction.client_sends()
                    && !line.section.codecs.is_empty();
                Some((index, line.mid().to_owned(), kind, sends))
            })
            .collect();

        for (publication, mid) in &published {
            let sends = offered.iter().any(|(_, other, _, sends)| other == mid && *sends);
            let goes_on = sends && !recoded.contains(publication);
            if !goes_on {
                self.unpublish(ctx, *publication);
            }
        }
        let mut guess = SourceGuess::default();
        for (index, mid, kind, sends) in offered {
            let stated = lines.iter().find(|line| line.mid == mid);
            let guessed = guess.next(kind, sends);
            let source = stated.map(|line| line.source).or(guessed).filter(|source| kind_of(*source) == kind);
            let muted = stated.is_some_and(|line| line.muted);
            let continues =
                sends && published.iter().any(|(key, other)| *other == mid && !recoded.contains(key));
            if continues && let Some(stated) = stated {
                self.mute(ctx, key, stated.source, |one| one.muted = stated.muted);
            }
            let receiving = continues
                || sends && source.is_some_and(|source| self.publish(ctx, key, index, kind, source, muted));
            let Some(participant) = self.participants.get_mut(key) else { return };
            let redundant = participant.publications.iter().any(|one| {
                self.publications
                    .get(*one)
                    .is_some_and(|one| one.mid == mid && one.red_payload_type.is_some())
            });
            if let Some(line) = participant.negotiator.line_mut(index) {
                line.receiving = receiving;
                line.redundant = redundant;
            }
        }
        self.learn_streams(key);
    }

    /// `false` if the participant may not, or already publishes from this source.
    fn publish(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        index: usize,
        kind: Kind,
        source: Source,
        muted: bool,
    ) -> bool {
        let Some(participant) = self.participants.get(key) else { return false };
        let taken = participant
            .publications
            .iter()
            .any(|one| self.publications.get(*one).is_some_and(|one| one.source == source));
        if taken || !participant.grants.allows(source) {
            return false;
        }
        let Some(line) = participant.negotiator.lines().get(index) else { return false };
        let Some(codec) = line.section.codecs.first() else { return false };
        let publication = Publication::new(
            ctx.now,
            &NewPublication {
                track: TrackId::from_parts(ctx.rng.u64() >> 16, ctx.rng.u128()),
                owner: key,
                owner_id: participant.id,
                identity: participant.identity.clone(),
                kind,
                source,
                muted,
                section: &line.section,
                codec,
            },
        );
        let publication = self.publications.insert(publication);
        if let Some(participant) = self.participants.get_mut(key) {
            participant.publications.push(publication);
        }
        self.announce(ctx, publication);
        self.relay_publication(ctx, publication);
        true
    }

    /// Tells everybody else of a publication and subscribes them.
    pub(super) fn announce(&mut self, ctx: &mut Context<'_>, key: PublicationKey) {
        let Some(publication) = self.publications.get(key) else { return };
        let owner = publication.owner();
        self.tell_others(ctx, owner, &Event::TrackPublished(publication.info()));
        let others: Vec<_> = self.participants.keys().filter(|other| Some(*other) != owner).collect();
        for other in others {
            self.subscribe(ctx, other, key);
        }
        self.review_audible(ctx);
    }

    pub(super) fn unpublish(&mut self, ctx: &mut Context<'_>, key: PublicationKey) {
        let subscriptions: Vec<_> =
            self.subscriptions.iter().filter(|(_, one)| one.publication == key).map(|(key, _)| key).collect();
        for subscription in subscriptions {
            self.unsubscribe(subscription);
        }
        let Some(publication) = self.publications.remove(key) else { return };
        let owner = publication.owner();
        if let Some(owner) = owner.and_then(|owner| self.participants.get_mut(owner)) {
            owner.publications.retain(|one| *one != key);
            owner.streams.retain(|_, stream| stream.publication != key);
        }
        self.relay_unpublication(ctx, &publication);
        self.review_audible(ctx);
        let event = Event::TrackUnpublished {
            track: publication.track,
            participant: publication.owner_id,
            identity: publication.identity,
            kind: publication.kind,
            source: publication.source,
        };
        self.tell_others(ctx, owner, &event);
    }

    /// SSRCs that the SDP announces need no guessing when the first packet arrives.
    fn learn_streams(&mut self, key: ParticipantKey) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        participant.extensions = participant.negotiator.receive_extensions();
        for line in participant.negotiator.lines().iter().filter(|line| line.receiving) {
            if !line.section.layers.is_empty() {
                continue; // simulcast layers are named by their rid
            }
            let found = participant
                .publications
                .iter()
                .find(|one| self.publications.get(**one).is_some_and(|one| one.mid == line.mid()));
            let Some(publication) = found.copied() else { continue };
            let Some((ssrc, rtx)) = line.section.ssrcs.first().copied() else { continue };
            let stream = |repair| StreamRef { publication, layer: 0, repair };
            participant.streams.insert(ssrc, stream(false));
            if let Some(rtx) = rtx {
                participant.streams.insert(rtx, stream(true));
            }
            if let Some(encoding) = self.publications.get_mut(publication).and_then(|one| one.encoding_mut(0))
            {
                encoding.ssrc = Some(ssrc);
            }
        }
    }

    pub(super) fn mute(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        source: Source,
        change: impl FnOnce(&mut Publication),
    ) {
        let Some(participant) = self.participants.get(key) else { return };
        let found = participant
            .publications
            .iter()
            .find(|one| self.publications.get(**one).is_some_and(|one| one.source == source))
            .copied();
        if let Some(publication) = found {
            self.mute_publication(ctx, publication, change);
        }
    }

    pub(super) fn mute_publication(
        &mut self,
        ctx: &mut Context<'_>,
        key: PublicationKey,
        change: impl FnOnce(&mut Publication),
    ) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        let before = publication.is_muted();
        change(publication);
        let muted = publication.is_muted();
        if muted == before {
            return;
        }
        let event = Event::TrackMuted {
            track: publication.track,
            participant: publication.owner_id,
            identity: publication.identity.clone(),
            kind: publication.kind,
            source: publication.source,
            muted,
        };
        let owner = publication.owner();
        let subscriptions = publication.fan_out.clone();
        for subscription in subscriptions {
            if let Some(forwarder) =
                self.subscriptions.get_mut(subscription).and_then(|one| one.forwarder.as_mut())
            {
                forwarder.suspend();
            }
            if !muted {
                self.retarget(ctx, subscription);
            }
        }
        self.relay_mute(ctx, key);
        self.tell_others(ctx, owner, &event);
    }
}

/// Sources for clients that do not state them (WHIP): by order of the sending lines.
#[derive(Default)]
struct SourceGuess {
    audio: usize,
    video: usize,
}

impl SourceGuess {
    fn next(&mut self, kind: Kind, sends: bool) -> Option<Source> {
        if !sends {
            return None;
        }
        let (count, order) = match kind {
            Kind::Audio => (&mut self.audio, [Source::Mic, Source::ScreenAudio]),
            Kind::Video => (&mut self.video, [Source::Camera, Source::Screen]),
        };
        let source = order.get(*count).copied();
        *count += 1;
        source
    }
}

fn kind_of(source: Source) -> Kind {
    match source {
        Source::Mic | Source::ScreenAudio => Kind::Audio,
        Source::Camera | Source::Screen => Kind::Video,
    }
}
