//! Media between the parts of a room: which layers cross, keyframes, reports, data.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    super::{Context, PublicationKey, Room, command::Source, publication::Origin, routing::Accepted},
    RelayMessage,
};
use crate::{
    base::id::{ShardId, TrackId},
    media::{
        packet::{Facts, MediaPacket},
        redundancy::Audience,
    },
    transport::{sctp, session::DropReason},
};

impl Room {
    /// Sends a publisher's packet to the shards that want its layer: one copy, shared by all of them.
    ///
    /// Spatial layers of one stream cross together. To leave some out here, the numbers would have to close up over
    /// them and a late packet of theirs to cross as a blank, per shard; all to spare a copy in memory.
    pub(in crate::room) fn relay_media(&self, ctx: &mut Context<'_>, accepted: &Accepted<'_>) {
        let Some(publication) = self.publications.get(accepted.publication) else { return };
        let Some(encoding) = publication.encoding(accepted.layer) else { return };
        if encoding.relayed_to.is_empty() {
            return;
        }
        let MediaPacket { payload, dependencies, .. } = accepted.packet;
        let payload: Arc<[u8]> = if dependencies.is_empty() {
            Arc::from(payload)
        } else {
            [dependencies, payload].concat().into()
        };
        for to in &encoding.relayed_to {
            let message = RelayMessage::Media {
                track: publication.track,
                layer: accepted.layer,
                sequence: accepted.packet.sequence,
                dependencies: u8::try_from(dependencies.len()).unwrap_or_default(),
                facts: accepted.packet.facts,
                payload: payload.clone(),
            };
            ctx.stats.relay_sent += 1;
            ctx.effects.relay(self.id, *to, message);
        }
    }

    /// The way of a packet from another shard: as `rtp`, without what concerns the publisher's own stream.
    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    pub(super) fn relayed_media(
        &mut self,
        ctx: &mut Context<'_>,
        from: ShardId,
        track: TrackId,
        layer: u8,
        sequence: u64,
        dependencies: u8,
        facts: Facts,
        payload: &[u8],
    ) {
        ctx.stats.relay_received += 1;
        let Some(key) = self.relayed_track(from, track) else { return };
        let Some(publication) = self.publications.get_mut(key) else { return };
        let (video, muted) = (publication.codec.is_video(), publication.is_muted());
        let revived = facts.announced_spatial() > 0
            || !publication.arrives(ctx.now, publication.layer_of_packet(layer, &facts));
        if facts.marker {
            publication.framed(layer);
        }
        let Some(encoding) = publication.encoding_mut(layer) else { return };
        let Some((dependencies, payload)) = payload.split_at_checked(usize::from(dependencies)) else {
            return;
        };
        let packet = MediaPacket { sequence, facts, payload, dependencies };
        encoding.ingest.relayed(ctx.now, sequence, facts.marker, payload.len());
        let late = Some(packet.sequence) < encoding.ingest.highest();
        let more_soon = !facts.marker && encoding.ingest.comes_in_bursts();
        if video {
            if encoding.history.contains(sequence) {
                ctx.stats.drop(DropReason::Duplicate);
                return;
            }
            encoding.layers.count(ctx.now, &facts, payload.len());
            encoding.history.push(&packet);
            if facts.keyframe {
                encoding.gate.satisfied();
            }
        } else {
            encoding.history.push(&packet);
            let voice = publication.source == Source::Mic && !muted;
            if let Some(level) = facts.audio_level.filter(|_| voice) {
                self.speakers.heard(ctx.now, publication.owner_id, level);
            }
        }
        self.last_media = Some(ctx.now);
        if !muted {
            // What the publisher's shard could not repair it has asked a keyframe for.
            let audience = Audience::Everybody;
            let accepted = Accepted {
                publication: key,
                layer,
                packet,
                broken: false,
                revived,
                more_soon,
                late,
                audience,
            };
            self.forward(ctx, &accepted);
        }
    }

    /// Another shard wants these layers and no others.
    pub(super) fn relay_layers(
        &mut self,
        ctx: &mut Context<'_>,
        key: PublicationKey,
        to: ShardId,
        layers: &[u8],
    ) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        if !publication.codec.is_video() {
            return;
        }
        let mut started = Vec::new();
        for (layer, encoding) in (0u8..).zip(&mut publication.encodings) {
            let relayed = encoding.relayed_to.contains(&to);
            match (layers.contains(&layer), relayed) {
                (true, false) => {
                    encoding.relayed_to.push(to);
                    started.push(layer);
                }
                (false, true) => encoding.relayed_to.retain(|one| *one != to),
                _ => {}
            }
        }
        let begins = !started.is_empty();
        started.retain(|layer| publication.flows(ctx.now, *layer));
        if begins {
            self.relay_clocks(ctx, key, to);
        }
        for layer in started {
            self.request_keyframe(ctx, key, layer);
        }
        self.review_wanted(ctx, key);
    }

    /// The dynacast of a relay publication: its shard sends only what somebody here watches.
    pub(in crate::room) fn review_relayed(
        &mut self,
        ctx: &mut Context<'_>,
        key: PublicationKey,
        home: ShardId,
        needed: &[u8],
    ) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        if !publication.codec.is_video() {
            return;
        }
        if let Some(layers) = publication.review_watched(ctx.now, needed) {
            let track = publication.track;
            ctx.effects.relay(self.id, home, RelayMessage::LayersWanted { track, layers });
        }
    }

    /// What is due from time to time: repeated keyframe requests, and news of layers that came or went.
    pub(in crate::room) fn review_relay(&mut self, ctx: &mut Context<'_>, key: PublicationKey) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        if !publication.codec.is_video() {
            return;
        }
        if let Origin::Relay(_) = publication.origin {
            for layer in (0u8..).take(publication.encodings.len()) {
                self.relay_keyframe_request(ctx, key, layer);
            }
            return;
        }
        let layers: Vec<u8> = publication.flowing_layers(ctx.now).collect();
        if layers != publication.told_flowing {
            publication.told_flowing.clone_from(&layers);
            let track = publication.track;
            self.tell_links(ctx, &RelayMessage::Flowing { track, layers });
        }
    }

    /// Asks the publisher's shard, if a request is outstanding and due.
    pub(in crate::room) fn relay_keyframe_request(
        &mut self,
        ctx: &mut Context<'_>,
        key: PublicationKey,
        layer: u8,
    ) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        let (origin, track) = (publication.origin, publication.track);
        let Some(encoding) = publication.encoding_mut(layer) else { return };
        if let Origin::Relay(home) = origin
            && encoding.gate.poll(ctx.now, layer)
        {
            ctx.effects.relay(self.id, home, RelayMessage::KeyframeWanted { track, layer });
        }
    }

    /// A packet of this layer did not fit into the queue to a shard: what follows it there cannot be decoded, and
    /// nobody there has it for a NACK.
    pub fn relay_lost(&mut self, ctx: &mut Context<'_>, track: TrackId, layer: u8) {
        if let Some(key) = self.own_track(track) {
            self.request_keyframe(ctx, key, layer);
        }
    }

    /// Tells the clock of a layer to all shards that get any: they may switch to it.
    pub(in crate::room) fn relay_report(
        &self,
        ctx: &mut Context<'_>,
        key: PublicationKey,
        layer: u8,
        ntp: u64,
        rtp: u32,
    ) {
        let Some(publication) = self.publications.get(key) else { return };
        let mut told: SmallVec<[ShardId; 8]> = SmallVec::new();
        for to in publication.encodings.iter().flat_map(|one| &one.relayed_to) {
            if !told.contains(to) {
                told.push(*to);
                let message = RelayMessage::SenderReport { track: publication.track, layer, ntp, rtp };
                ctx.effects.relay(self.id, *to, message);
            }
        }
    }

    /// What the publisher has reported so far, for a shard that begins to get a layer.
    pub(super) fn relay_clocks(&self, ctx: &mut Context<'_>, key: PublicationKey, to: ShardId) {
        let Some(publication) = self.publications.get(key) else { return };
        let rate = publication.codec.clock_rate();
        for (layer, encoding) in (0u8..).zip(&publication.encodings) {
            let Some(clock) = encoding.ingest.clock() else { continue };
            let (ntp, rtp) = clock.extrapolate(ctx.now, rate);
            let message = RelayMessage::SenderReport { track: publication.track, layer, ntp, rtp };
            ctx.effects.relay(self.id, to, message);
        }
    }

    pub(in crate::room) fn relay_data(&self, ctx: &mut Context<'_>, message: sctp::Received) {
        if self.links.known.is_empty() {
            return;
        }
        let payload = Arc::from(message.data);
        let message = RelayMessage::Data { label: Arc::from(message.label), binary: message.binary, payload };
        self.tell_links(ctx, &message);
    }

    pub(super) fn relayed_data(&mut self, ctx: &mut Context<'_>, label: &str, binary: bool, payload: &[u8]) {
        let message = sctp::Received { label: label.to_owned(), binary, data: payload.to_vec() };
        self.deliver_data(ctx, None, &message);
    }
}
