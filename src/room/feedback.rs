//! RTCP: what subscribers and publishers report, and keyframe requests.

use super::{
    Context, ParticipantKey, PublicationKey, Room, SubscriptionKey,
    participant::Participant,
    publication::{Origin, Publication},
    subscription::Subscription,
    train::MAX_PADDING,
};
use crate::{
    media::forwarder::Forwarder,
    proto::{
        rtcp::{self, CompoundBuilder, Feedback},
        twcc::report::ArrivalReport,
    },
    transport::session::DropReason,
};

impl Room {
    pub(super) fn rtcp(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, compound: &[u8]) {
        for packet in rtcp::packets(compound) {
            if let Some(report) = packet.and_then(ArrivalReport::parse) {
                self.arrival_report(ctx, key, &report);
                continue;
            }
            let Some(feedback) = packet.and_then(rtcp::parse) else {
                ctx.stats.drop(DropReason::Malformed);
                return;
            };
            self.feedback(ctx, key, feedback);
        }
    }

    fn feedback(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, feedback: Vec<Feedback>) {
        for one in feedback {
            match one {
                Feedback::KeyframeWanted { ssrc } => {
                    ctx.stats.plis_received += 1;
                    if let Some(subscription) = self.outgoing(key, ssrc) {
                        self.undecodable(ctx.now, key, subscription);
                        self.want_keyframe(ctx, subscription);
                    }
                }
                Feedback::Nack { ssrc, sequences } => {
                    ctx.stats.nacks_received += sequences.len() as u64;
                    if let Some(subscription) = self.outgoing(key, ssrc) {
                        self.repair(ctx, subscription, &sequences);
                    }
                }
                Feedback::SenderReport { ssrc, ntp, rtp } => self.sender_report(ctx, key, ssrc, ntp, rtp),
                Feedback::Remb { bitrate_bps } => self.remb(ctx, key, bitrate_bps),
                Feedback::Reception(report) => self.reception(ctx.now, key, &report),
                Feedback::ReferenceAnswered { ssrc, last_rr, delay } => {
                    if let Some(participant) = self.participants.get_mut(key)
                        && participant.rtcp_ssrc == ssrc
                    {
                        participant.monitor.reference_answered(ctx.now, last_rr, delay);
                    }
                }
                Feedback::Bye { .. } => {}
            }
        }
    }

    pub(super) fn outgoing(&self, key: ParticipantKey, ssrc: u32) -> Option<SubscriptionKey> {
        self.participants.get(key)?.outgoing.get(&ssrc).copied()
    }

    /// Sends a repair once more, in case it was lost too.
    pub(super) fn repair_again(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey, sequence: u16) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let Some(publication) = self.publications.get(subscription.publication) else { return };
        let Some(subscriber) = self.participants.get_mut(subscription.subscriber) else { return };
        if !subscription.forwarder.as_ref().is_some_and(Forwarder::may_repair_twice) {
            return;
        }
        if repair_one(ctx, subscriber, subscription, publication, sequence).is_some() {
            ctx.stats.rtx_sent += 1;
        }
    }

    /// Answers a NACK from the publisher's history.
    fn repair(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey, sequences: &[u16]) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let Some(publication) = self.publications.get(subscription.publication) else { return };
        let Some(subscriber) = self.participants.get_mut(subscription.subscriber) else { return };
        for sequence in sequences {
            if repair_one(ctx, subscriber, subscription, publication, *sequence).is_some() {
                ctx.stats.rtx_sent += 1;
                let loss = subscriber.loss();
                subscriber.patience.repaired(ctx.now, loss, key, *sequence);
            } else if subscription.forwarder.as_ref().is_some_and(|one| one.lookup(*sequence).is_some()) {
                // What the publisher's path lost was never sent to begin with.
                Self::unanswered(subscription, &mut subscriber.monitor, *sequence);
            }
        }
    }

    /// Passes the publisher's clock mapping on, in each subscriber's timestamps, so that lip sync survives.
    fn sender_report(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, ssrc: u32, ntp: u64, rtp: u32) {
        let Some(stream) = self.participants.get(key).and_then(|one| one.streams.get(&ssrc)).copied() else {
            return;
        };
        self.relay_report(ctx, stream.publication, stream.layer, ntp, rtp);
        self.pass_report(ctx, stream.publication, stream.layer, ntp, rtp);
    }

    /// The subscriber cannot go on without a keyframe of the layer it is to get.
    pub(super) fn want_keyframe(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get(key) else { return };
        let Some(forwarder) = &subscription.forwarder else { return };
        let connected = self
            .participants
            .get(subscription.subscriber)
            .is_some_and(super::participant::Participant::is_connected);
        let Some(layer) = forwarder.target().filter(|_| connected) else { return };
        self.request_keyframe(ctx, subscription.publication, layer);
    }

    /// Coalesced and rate-limited by the encoding's gate.
    pub(super) fn request_keyframe(&mut self, ctx: &mut Context<'_>, key: PublicationKey, layer: u8) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        if !publication.codec.is_video() || publication.is_muted() {
            return;
        }
        let origin = publication.origin;
        let Some(encoding) = publication.encoding_mut(layer) else { return };
        encoding.gate.request();
        let owner = match origin {
            Origin::Local(owner) => owner,
            Origin::Relay(_) => return self.relay_keyframe_request(ctx, key, layer),
        };
        let Some(ssrc) = encoding.ssrc else { return };
        if !encoding.gate.poll(ctx.now, layer) {
            return;
        }
        let Some(owner) = self.participants.get_mut(owner) else { return };
        let mut compound = CompoundBuilder::new(owner.rtcp_ssrc);
        compound.pli(ssrc);
        ctx.stats.plis_sent += 1;
        if let Some(session) = &mut owner.session {
            session.send_rtcp(&compound.finish(), ctx.out);
        }
    }
}

fn repair_one(
    ctx: &mut Context<'_>,
    subscriber: &mut Participant,
    subscription: &mut Subscription,
    publication: &Publication,
    sequence: u16,
) -> Option<()> {
    let session = subscriber.session.as_ref()?;
    let forwarder = subscription.forwarder.as_mut()?;
    let sent = forwarder.lookup(sequence)?;
    let encoding = publication.encoding(sent.layer)?;
    let highest = encoding.ingest.highest()?;
    let packet = encoding.history.get(sent.source_near(highest))?;
    let downlink = &mut subscriber.downlink;
    let transport = downlink.next_sequence();
    let write = |slot: &mut [u8]| forwarder.write_repair(slot, sequence, &sent, &packet, transport);
    let len = session.send_rtp(packet.len() + MAX_PADDING, ctx.out, write)?;
    if forwarder.config().transport_cc_ext != 0 {
        if forwarder.repairs_are_new() {
            downlink.sent(ctx.now, len);
        } else if !forwarder.config().codec.is_video() {
            downlink.repeated(sent.transport());
        }
    }
    downlink.pacer.sent(len);
    Some(())
}
