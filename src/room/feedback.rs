//! RTCP: what subscribers and publishers report, and keyframe requests.

use super::train::MAX_PADDING;
use super::{Context, ParticipantKey, PublicationKey, Room, SubscriptionKey, publication::Origin};
use crate::proto::{
    rtcp::{self, CompoundBuilder, Feedback},
    twcc::report::ArrivalReport,
};
use crate::{media::bwe::Cluster, transport::session::DropReason};

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
                Feedback::Reception { .. } | Feedback::Bye { .. } => {}
            }
        }
    }

    fn outgoing(&self, key: ParticipantKey, ssrc: u32) -> Option<SubscriptionKey> {
        self.participants.get(key)?.outgoing.get(&ssrc).copied()
    }

    /// Answers a NACK from the publisher's history.
    fn repair(&mut self, ctx: &mut Context<'_>, key: SubscriptionKey, sequences: &[u16]) {
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let Some(publication) = self.publications.get(subscription.publication) else { return };
        let Some(forwarder) = &mut subscription.forwarder else { return };
        let Some(subscriber) = self.participants.get_mut(subscription.subscriber) else { return };
        let Some(session) = &subscriber.session else { return };
        let downlink = &mut subscriber.downlink;
        for sequence in sequences {
            let Some(sent) = forwarder.lookup(*sequence) else { continue };
            let Some(encoding) = publication.encoding(sent.layer) else { continue };
            let Some(highest) = encoding.ingest.highest() else { continue };
            let Some(packet) = encoding.history.get(sent.source_near(highest)) else { continue };
            let transport = downlink.next_sequence();
            let repaired = session.send_rtp(packet.len() + MAX_PADDING, ctx.out, |slot| {
                forwarder.write_repair(slot, *sequence, &sent, &packet, transport)
            });
            if let Some(len) = repaired {
                if forwarder.repairs_are_new() && forwarder.config().transport_cc_ext != 0 {
                    downlink.sent(ctx.now, len, Cluster::NONE);
                }
                downlink.pacer.sent(len);
                ctx.stats.rtx_sent += 1;
            }
        }
    }

    /// Passes the publisher's clock mapping on, in each subscriber's timestamps, so that lip sync survives.
    fn sender_report(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, ssrc: u32, ntp: u64, rtp: u32) {
        let Some(stream) = self.participants.get(key).and_then(|one| one.streams.get(&ssrc)).copied() else {
            return;
        };
        let Some(publication) = self.publications.get_mut(stream.publication) else { return };
        if let Some(encoding) = publication.encoding_mut(stream.layer) {
            encoding.ingest.sender_report(ctx.now, ntp);
        }
        self.relay_report(ctx, stream.publication, stream.layer, ntp, rtp);
        self.pass_report(ctx, stream.publication, stream.layer, ntp, rtp);
    }

    pub(super) fn pass_report(
        &mut self,
        ctx: &mut Context<'_>,
        publication: PublicationKey,
        layer: u8,
        ntp: u64,
        rtp: u32,
    ) {
        let Some(publication) = self.publications.get(publication) else { return };
        for key in &publication.fan_out {
            let Some(subscription) = self.subscriptions.get(*key) else { continue };
            let Some(forwarder) = &subscription.forwarder else { continue };
            if forwarder.encoding() != Some(layer) {
                continue;
            }
            let Some(subscriber) = self.participants.get_mut(subscription.subscriber) else { continue };
            let Some(session) = &mut subscriber.session else { continue };
            let (packets, octets) = forwarder.sent_counts();
            let rtp = forwarder.translate_timestamp(rtp);
            let report = CompoundBuilder::sender(forwarder.config().ssrc, ntp, rtp, packets, octets);
            session.send_rtcp(&report, ctx.out);
        }
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
