//! Who can decode what: a subscriber that cannot show a track is told so, and its publisher which codecs would do.

use super::{
    Context, ParticipantKey, PublicationKey, Room, SubscriptionKey,
    event::Event,
    participant::{Participant, Sending},
    publication::{Origin, Publication},
    relay::RelayMessage,
    subscription::media_kind,
};
use crate::{
    base::id::ShardId,
    proto::{codec::Codec, sdp::MediaKind},
    transport::negotiate::Line,
};

impl Participant {
    /// The lines that say what it can receive of a kind. None before it has offered to receive any.
    fn receiving_lines(&self, kind: MediaKind) -> impl Iterator<Item = &Line<Sending>> {
        self.negotiator.lines().iter().filter(move |line| {
            line.section.kind == kind && !line.section.stopped && line.section.direction.client_receives()
        })
    }

    /// `None` while that is unknown.
    pub(super) fn can_decode(&self, kind: MediaKind, codec: Codec, profile: Option<&str>) -> Option<bool> {
        let mut lines = self.receiving_lines(kind).peekable();
        lines.peek()?;
        Some(lines.any(|line| line.codec_for(codec, profile).is_some()))
    }
}

impl Publication {
    fn fits(&self, subscriber: &Participant) -> Option<bool> {
        subscriber.can_decode(media_kind(self.kind), self.codec, self.profile.as_deref())
    }
}

impl Room {
    /// Looks again at what a participant can decode, after its offer or a new publication.
    pub(super) fn review_decoding(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get(key) else { return };
        let changed: Vec<(SubscriptionKey, PublicationKey, bool)> = participant
            .subscriptions
            .iter()
            .filter_map(|one| {
                let subscription = self.subscriptions.get(*one)?;
                let publication = self.publications.get(subscription.publication)?;
                let unsupported = subscription.line.is_none() && publication.fits(participant) == Some(false);
                (unsupported != subscription.unsupported).then_some((
                    *one,
                    subscription.publication,
                    unsupported,
                ))
            })
            .collect();
        for (key, publication, unsupported) in changed {
            let Some(subscription) = self.subscriptions.get_mut(key) else { continue };
            subscription.unsupported = unsupported;
            let (track, subscriber) = (subscription.track, subscription.subscriber);
            if let Some(codec) =
                self.publications.get(publication).map(|one| one.codec).filter(|_| unsupported)
            {
                self.tell(ctx, subscriber, Event::TrackUnsupported { track, codec: codec.name() });
                self.tell_codecs(ctx, publication);
            }
        }
    }

    /// Tells a publisher which codecs everybody who receives the track could decode, if somebody cannot decode it.
    fn tell_codecs(&mut self, ctx: &mut Context<'_>, key: PublicationKey) {
        let Some(publication) = self.publications.get(key) else { return };
        let kind = media_kind(publication.kind);
        let subscribers: Vec<&Participant> = self
            .subscriptions
            .values()
            .filter(|one| one.publication == key)
            .filter_map(|one| self.participants.get(one.subscriber))
            .collect();
        // A profile of another codec is not known before it is offered: the default one then.
        let by_all = |codec: Codec| {
            let here = subscribers.iter().all(|one| one.can_decode(kind, codec, None) != Some(false));
            here && publication.decodable_elsewhere.iter().all(|(_, codecs)| codecs.contains(&codec))
        };
        let codecs: Vec<Codec> = Codec::ALL
            .into_iter()
            .filter(|one| {
                one.is_video() == publication.codec.is_video() && *one != publication.codec && by_all(*one)
            })
            .collect();
        let Some(publication) = self.publications.get_mut(key) else { return };
        if publication.told_codecs == codecs {
            return;
        }
        publication.told_codecs.clone_from(&codecs);
        let (track, source) = (publication.track, publication.source);
        match publication.origin {
            Origin::Local(owner) => {
                let codecs = codecs.into_iter().map(Codec::name).collect();
                self.tell(ctx, owner, Event::CodecsWanted { track, source, codecs });
            }
            Origin::Relay(home) => {
                ctx.effects.relay(self.id, home, RelayMessage::CodecsWanted { track, codecs });
            }
        }
    }

    /// Somebody on another shard cannot decode a track that is published here.
    pub(super) fn relayed_codecs(
        &mut self,
        ctx: &mut Context<'_>,
        key: PublicationKey,
        from: ShardId,
        codecs: Vec<Codec>,
    ) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        publication.decodable_elsewhere.retain(|(shard, _)| *shard != from);
        publication.decodable_elsewhere.push((from, codecs));
        self.tell_codecs(ctx, key);
    }
}
