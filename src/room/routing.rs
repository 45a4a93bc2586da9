//! The packet path: from one publisher's decrypted packet to every subscriber's send slot.

use std::time::Instant;

use super::{
    Context, ParticipantKey, PublicationKey, Room, SubscriptionKey,
    command::Source,
    participant::{MAX_STREAM_NAMES, Participant, StreamName, StreamRef},
    publication::MAX_STREAMS,
    train::Pace,
};
use crate::{
    media::{
        forwarder::Verdict,
        nack::REORDER_WAIT,
        packet::{Descriptor, Facts, MediaPacket},
        redundancy::{Audience, Redundancy},
    },
    proto::{
        codec::{Codec, red},
        ext::ExtensionValues,
        rtp::Header,
    },
    transport::{sctp, session::DropReason},
};

/// A packet that found its encoding.
pub(super) struct Accepted<'a> {
    pub publication: PublicationKey,
    /// The encoding.
    pub layer: u8,
    pub packet: MediaPacket<'a>,
    pub broken: bool,
    /// The first packet of a layer that had been silent or behind.
    pub revived: bool,
    /// The rest of its frame can be expected at once.
    pub more_soon: bool,
    /// It came after packets that follow it, usually by a repair.
    pub late: bool,
    pub audience: Audience,
}

impl Room {
    pub(super) fn rtp(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, header: &Header, packet: &[u8]) {
        ctx.stats.rtp_received += 1;
        match self.accept(ctx, key, header, packet) {
            Ok(Some(accepted)) => {
                self.relay_media(ctx, &accepted);
                self.forward(ctx, &accepted);
            }
            Ok(None) => {}
            Err(reason) => ctx.stats.drop(reason),
        }
        self.last_media = Some(ctx.now);
    }

    /// Hands a packet to those who receive it here.
    pub(super) fn forward(&mut self, ctx: &mut Context<'_>, accepted: &Accepted<'_>) {
        if self.audible.is_crowded() && !self.is_heard(ctx.now, accepted) {
            return;
        }
        if accepted.revived {
            self.aim_again(ctx, accepted.publication);
        }
        if matches!(accepted.packet.facts.descriptor, Descriptor::Red) {
            self.forward_redundant(ctx, accepted);
        } else {
            self.distribute(ctx, accepted);
        }
    }

    /// Those who take no redundancy get what was lost before the packet out of it.
    fn forward_redundant(&mut self, ctx: &mut Context<'_>, accepted: &Accepted<'_>) {
        let later = &accepted.packet;
        let Some(redundancy) = self.redundancy(accepted) else { return };
        let (audience, lowest) = redundancy.arrived(later.sequence);
        for lost in lowest..later.sequence {
            if let Some(packet) = self.redundancy(accepted).and_then(|one| one.make_up(lost, later)) {
                self.distribute(ctx, &Accepted { packet, audience: Audience::Plain, ..*accepted });
            }
        }
        self.distribute(ctx, &Accepted { audience, ..*accepted });
    }

    fn redundancy(&mut self, accepted: &Accepted<'_>) -> Option<&mut Redundancy> {
        let encoding = self.publications.get_mut(accepted.publication)?.encoding_mut(accepted.layer)?;
        Some(&mut encoding.redundancy)
    }

    /// Finds the encoding and takes the packet into its books. `None` for packets that carry no media.
    fn accept<'a>(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        header: &Header,
        packet: &'a [u8],
    ) -> Result<Option<Accepted<'a>>, DropReason> {
        let participant = self.participants.get_mut(key).ok_or(DropReason::UnknownStream)?;
        let values = ExtensionValues::read(&participant.extensions, header.extensions(packet));
        if let Some(sequence) = values.transport_cc {
            participant.arrivals.record(ctx.now, sequence);
        }
        participant.flows(ctx.now);
        if !std::mem::replace(&mut participant.lively, true) {
            self.lively.push(key);
        }
        let stream = match participant.streams.get(&header.ssrc) {
            Some(stream) => *stream,
            None => self.learn_stream(key, header, &values).ok_or(DropReason::UnknownStream)?,
        };
        let publication = self.publications.get_mut(stream.publication).ok_or(DropReason::UnknownStream)?;
        let payload = header.payload(packet).ok_or(DropReason::Malformed)?;
        let codec = publication.codec;
        let expected =
            if stream.repair { publication.rtx_payload_type } else { Some(publication.payload_type) };
        let redundant = !stream.repair && publication.red_payload_type == Some(header.payload_type);
        if expected != Some(header.payload_type) && !redundant {
            return Err(DropReason::UnknownStream);
        }
        if redundant && red::primary(payload).is_none() {
            return Err(DropReason::Malformed);
        }
        let muted = publication.is_muted();
        let svc = publication.is_svc();
        let mut revived = !svc && !publication.arrives(ctx.now, stream.layer);
        let encoding = publication.encoding_mut(stream.layer).ok_or(DropReason::UnknownStream)?;
        let size = packet.len();
        let (sequence, broken, payload) = if stream.repair {
            ctx.stats.rtx_received += 1;
            // Padding-only packets on the repair stream probe the network: nothing to forward.
            let Some((original, payload)) = payload.split_first_chunk::<2>() else { return Ok(None) };
            let sequence = encoding
                .ingest
                .repaired(ctx.now, u16::from_be_bytes(*original), header.marker, size)
                .ok_or(DropReason::Duplicate)?;
            (sequence, false, payload)
        } else {
            let arrival = encoding.ingest.arrived(ctx.now, header, size);
            if arrival.gap {
                self.next_tick = self.next_tick.min(ctx.now + REORDER_WAIT);
            }
            (arrival.sequence, arrival.broken, payload)
        };
        let late = stream.repair || Some(sequence) < encoding.ingest.highest();
        let more_soon = !header.marker && encoding.ingest.comes_in_bursts();
        let dependencies = values.dependency_descriptor.filter(|_| codec == Codec::Av1).unwrap_or_default();
        let mut facts = if dependencies.is_empty() {
            Facts::of(codec, payload)
        } else {
            Facts::of_av1(payload, dependencies, &mut encoding.structure)
        };
        facts.timestamp = header.timestamp;
        facts.marker = header.marker;
        facts.audio_level = values.audio_level;
        facts.orientation = values.video_orientation;
        facts.captured = encoding.capture.of(&facts, values.capture_time, codec.clock_rate());
        if redundant {
            facts.descriptor = Descriptor::Red;
        }
        if header.marker && !late {
            publication.framed(stream.layer);
        }
        if svc {
            revived = facts.announced_spatial() > 0
                || !publication.arrives(ctx.now, publication.layer_of_packet(stream.layer, &facts));
        }
        let encoding = publication.encoding_mut(stream.layer).ok_or(DropReason::UnknownStream)?;
        let packet = MediaPacket { sequence, facts, payload, dependencies };
        if codec.is_video() {
            encoding.layers.count(ctx.now, &facts, size);
            if encoding.history.contains(sequence) {
                return Err(DropReason::Duplicate);
            }
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
        if muted {
            return Ok(None);
        }
        let (publication, layer) = (stream.publication, stream.layer);
        let audience = Audience::Everybody;
        Ok(Some(Accepted { publication, layer, packet, broken, revived, more_soon, late, audience }))
    }

    /// A layer came to life, usually with a keyframe: whoever waits for it takes that one.
    fn aim_again(&mut self, ctx: &Context<'_>, key: PublicationKey) {
        let subscriptions = self.publications.get(key).map(|one| one.fan_out.clone()).unwrap_or_default();
        for subscription in subscriptions {
            self.aim(ctx.now, subscription);
        }
    }

    fn distribute(&mut self, ctx: &mut Context<'_>, accepted: &Accepted<'_>) {
        let Some(publication) = self.publications.get_mut(accepted.publication) else { return };
        let mut keyframe_wanted = accepted.broken;
        let scratch = if publication.codec.is_video() { 0 } else { self.scratch.push(&accepted.packet) };
        // Lent for the walk: nothing on the way changes who receives.
        let fan_out = std::mem::take(&mut publication.fan_out);
        for key in &fan_out {
            match self.decide(ctx.now, *key, accepted) {
                Verdict::Forward(at) => {
                    if let Some(full) = self.enqueue(ctx.now, *key, accepted, at, scratch) {
                        self.flush_train(ctx, full, Pace::AtOnce);
                        self.waiting.retain(|one| *one != full);
                    }
                }
                Verdict::NeedKeyframe => keyframe_wanted = true,
                Verdict::Drop => {}
            }
        }
        if let Some(publication) = self.publications.get_mut(accepted.publication) {
            publication.fan_out = fan_out;
        }
        if keyframe_wanted {
            self.request_keyframe(ctx, accepted.publication, accepted.layer);
        }
        if accepted.packet.facts.keyframe {
            self.catch_up(ctx, accepted);
        }
    }

    /// The first packet of a keyframe came late, after packets that nobody who waited for it could be sent: they
    /// follow now. Nobody could repair them, since they were never sent.
    fn catch_up(&mut self, ctx: &mut Context<'_>, accepted: &Accepted<'_>) {
        let Accepted { publication: key, layer, .. } = *accepted;
        let first = accepted.packet.sequence;
        let Some(publication) = self.publications.get(key) else { return };
        let Some(highest) = publication.encoding(layer).and_then(|one| one.ingest.highest()) else { return };
        if highest <= first {
            return;
        }
        let begun = |key: &SubscriptionKey| {
            let forwarder = self.subscriptions.get(*key).and_then(|one| one.forwarder.as_ref());
            forwarder.is_some_and(|one| one.began_with(layer, first))
        };
        let begun: Vec<_> = publication.fan_out.iter().filter(|key| begun(key)).copied().collect();
        if begun.is_empty() {
            return;
        }
        for sequence in first + 1..=highest {
            let encoding = self.publications.get(key).and_then(|one| one.encoding(layer));
            let Some(later) = encoding.and_then(|one| one.history.get(sequence)) else { continue };
            let (payload, dependencies) = (later.payload.to_vec(), later.dependencies.to_vec());
            let packet = MediaPacket { payload: &payload, dependencies: &dependencies, ..later };
            let later = Accepted { packet, more_soon: sequence < highest, ..*accepted };
            for key in &begun {
                let Verdict::Forward(at) = self.decide(ctx.now, *key, &later) else { continue };
                if let Some(full) = self.enqueue(ctx.now, *key, &later, at, 0) {
                    self.flush_train(ctx, full, Pace::AtOnce);
                    self.waiting.retain(|one| *one != full);
                }
            }
        }
    }

    fn decide(&mut self, now: Instant, key: SubscriptionKey, accepted: &Accepted<'_>) -> Verdict {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return Verdict::Drop };
        let Some(forwarder) = &mut subscription.forwarder else { return Verdict::Drop };
        let connected = self.participants.get(subscription.subscriber).is_some_and(Participant::is_connected);
        if !connected {
            return Verdict::Drop;
        }
        if !matches!(accepted.audience, Audience::Everybody) {
            let wanted = if forwarder.config().red.is_some() { Audience::Redundant } else { Audience::Plain };
            if accepted.audience != wanted {
                return Verdict::Drop;
            }
        }
        forwarder.decide(now, accepted.layer, &accepted.packet)
    }

    /// The first packets of a stream say by their extensions what they are (RFC 8852, RFC 9143). Senders stop saying so
    /// once a report acknowledged it, and do not start again for another publication in the same line, such as the
    /// same camera in another codec: what an SSRC said once counts until it says something else.
    fn learn_stream(
        &mut self,
        key: ParticipantKey,
        header: &Header,
        values: &ExtensionValues<'_>,
    ) -> Option<StreamRef> {
        let participant = self.participants.get_mut(key)?;
        let said = participant.stream_names.get(&header.ssrc);
        let rid = values.rid.or(values.repaired_rid).or_else(|| said?.rid.as_deref().map(str::as_bytes));
        let of_mid = |mid: &[u8]| {
            participant
                .publications
                .iter()
                .find(|one| self.publications.get(**one).is_some_and(|one| one.mid.as_bytes() == mid))
                .copied()
        };
        let of_payload_type = || {
            let mut fitting = participant
                .publications
                .iter()
                .filter(|one| self.publications.get(**one).is_some_and(|one| one.takes(header.payload_type)));
            let only = fitting.next().copied();
            if fitting.next().is_some() { None } else { only }
        };
        let key = match values.mid {
            Some(mid) => of_mid(mid)?,
            None => said.and_then(|said| of_mid(said.mid.as_bytes())).or_else(of_payload_type)?,
        };
        let publication = self.publications.get_mut(key)?;
        // What is still on its way in the codec of before says nothing of this publication.
        if publication.streams >= MAX_STREAMS || !publication.takes(header.payload_type) {
            return None;
        }
        let simulcast = publication.encodings.len() > 1;
        let layer = match rid {
            Some(rid) => publication.layer_of(rid).or((!simulcast).then_some(0))?,
            // Without a rid, only a publication with one encoding is unambiguous.
            None if simulcast => return None,
            None => 0,
        };
        let repair = publication.rtx_payload_type == Some(header.payload_type);
        let mid = publication.mid.clone();
        let encoding = publication.encoding_mut(layer)?;
        if !repair && encoding.ssrc.replace(header.ssrc).is_some_and(|before| before != header.ssrc) {
            encoding.ingest.forget_clock();
        }
        let name = StreamName { mid, rid: encoding.rid.clone() };
        publication.streams += 1;
        let stream = StreamRef { publication: key, layer, repair };
        participant.streams.insert(header.ssrc, stream);
        if participant.stream_names.len() < MAX_STREAM_NAMES {
            participant.stream_names.insert(header.ssrc, name);
        }
        Some(stream)
    }

    /// A data-channel message goes to everybody else who has a channel of that name.
    /// Back to where it came from: how long that takes and how much is lost is what a client wants to know.
    pub(super) fn echo(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, message: &sctp::Received) {
        if let Some(session) = self.participants.get_mut(key).and_then(|one| one.session.as_mut()) {
            session.send_data(ctx.now, &message.label, message.binary, &message.data, ctx.out);
        }
    }

    pub(super) fn deliver_data(
        &mut self,
        ctx: &mut Context<'_>,
        from: Option<ParticipantKey>,
        message: &sctp::Received,
    ) {
        for (key, participant) in &mut self.participants {
            let Some(session) = &mut participant.session else { continue };
            if Some(key) != from && session.has_channel(&message.label) {
                session.send_data(ctx.now, &message.label, message.binary, &message.data, ctx.out);
            }
        }
    }
}
