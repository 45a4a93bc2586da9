//! Packets of one subscriber on their way to the flush, and how they become trains.
//!
//! A datagram costs the kernel less than half if it comes in a train of equal sizes (UDP GSO). So packets wait for
//! the rest of their frame, for a millisecond at most and only if their sender sends frames in bursts; and nearly
//! equal sizes are made equal with RTP padding (RFC 3550 5.1). Payloads stay in the publisher's history until the
//! flush writes them into the send slot, once.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::{Context, ParticipantKey, Room, SubscriptionKey, participant::Participant, routing::Accepted};
use crate::{
    base::seq::low16,
    media::{
        forwarder::Placement,
        packet::{Descriptor, Facts, MediaPacket},
        redundancy::Audience,
    },
    proto::{codec::red, ext::CaptureTime},
    transport::session::DropReason,
};

/// How long the first packet of an unfinished frame waits for the others.
pub const HOLD: Duration = Duration::from_millis(1);
/// The same on a busy shard, where a longer train saves more than a millisecond costs.
pub const BUSY_HOLD: Duration = Duration::from_millis(2);
/// Padding of one packet. Browsers cut frames into packets that differ by one byte; audio packets by a few.
pub(super) const MAX_PADDING: usize = 16;
/// Packets of one train: the kernel takes 64, and one IP datagram about 60 kB.
const MAX_PACKETS: usize = 40;
/// Written before the shard sends: little enough to be still in the processor's cache, and for the first
/// subscribers not to wait for the last ones.
const MAX_WRITTEN: usize = 96 * 1024;
/// Packets that may wait for one subscriber; more are flushed at once. A history keeps several times as many.
const MAX_WAITING: usize = 64;
/// The same while the pacer holds them back: half a second of 8 Mb/s, and as many as a history keeps.
const MAX_PACED: usize = 400;

/// Packets without a history, which are never held: all of them are gone after a flush.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    payloads: Vec<u8>,
    packets: Vec<Noted>,
}

/// Of a packet in the scratch buffer, what is the same for everybody.
#[derive(Debug, Clone, Copy)]
struct Noted {
    start: usize,
    len: usize,
    audio_level: Option<u8>,
    captured: Option<CaptureTime>,
}

impl Scratch {
    /// Takes a packet in; returns its number.
    pub fn push(&mut self, packet: &MediaPacket<'_>) -> usize {
        let Facts { audio_level, captured, .. } = packet.facts;
        let (start, len) = (self.payloads.len(), packet.payload.len());
        self.payloads.extend_from_slice(packet.payload);
        self.packets.push(Noted { start, len, audio_level, captured });
        self.packets.len() - 1
    }

    /// The packet as somebody gets it: all of it, or only the primary encoding, which comes last.
    fn packet(&self, number: usize, sequence: u64, content: Content) -> Option<MediaPacket<'_>> {
        let Noted { start, len, audio_level, captured } = *self.packets.get(number)?;
        let (skipped, descriptor) = match content {
            Content::Plain => (0, Descriptor::None),
            Content::Redundant => (0, Descriptor::Red),
            Content::Primary { skipped } => (skipped, Descriptor::None),
        };
        let payload = self.payloads.get(start + usize::from(skipped)..start + len)?;
        let facts = Facts { audio_level, captured, descriptor, ..Facts::default() };
        Some(MediaPacket { sequence, facts, payload, dependencies: &[] })
    }

    fn clear(&mut self) {
        self.payloads.clear();
        self.packets.clear();
    }
}

/// What of a packet in the scratch buffer somebody gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Plain,
    /// RFC 2198 as it came.
    Redundant,
    /// Of RFC 2198 only what follows so many bytes.
    Primary {
        skipped: u16,
    },
}

/// Where the payload of a waiting packet is.
#[derive(Debug, Clone, Copy)]
enum Payload {
    /// In the publication's history of its layer.
    History,
    /// In the room's scratch buffer. `made_up`: the history does not have it, or not with these bytes.
    Scratch { number: u32, content: Content, made_up: bool },
}

/// A packet that was decided and numbered, but not yet written.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    subscription: SubscriptionKey,
    sequence: u64,
    at: Placement,
    payload: Payload,
    size: Size,
}

// They are written and read once per packet and subscriber.
const _: () = assert!(size_of::<Waiting>() <= 64, "a cache line");

/// Header and payload of a packet that may grow by padding or not.
#[derive(Debug, Clone, Copy)]
struct Size {
    len: u16,
    may_pad: bool,
}

impl Size {
    fn len(self) -> usize {
        usize::from(self.len)
    }
}

/// What waits for one subscriber.
#[derive(Debug, Default)]
pub(super) struct Train {
    waiting: Vec<Waiting>,
    /// Streams whose newest packet does not end its frame.
    open: SmallVec<[SubscriptionKey; 2]>,
    /// Among them is something that never waits.
    urgent: bool,
    since: Option<Instant>,
    /// What is left of a train waits until then: the path is slow.
    paced: Option<Instant>,
}

/// How fast a train leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// As the estimate of the path allows.
    Estimate,
    /// Whole: what it refers to will not stay.
    AtOnce,
}

impl Train {
    /// When to flush; `None` = now.
    fn due(&self, now: Instant, hold: Duration) -> Option<Instant> {
        if let Some(paced) = self.paced {
            return Some(paced).filter(|paced| !self.urgent && *paced > now);
        }
        let held = !self.urgent && !self.open.is_empty() && self.waiting.len() < MAX_WAITING;
        self.since.map(|since| since + hold).filter(|due| held && *due > now)
    }
}

impl Room {
    /// Takes a decided packet into the subscriber's train. `true` if the train is full and has to be flushed.
    pub(super) fn enqueue(
        &mut self,
        now: Instant,
        key: SubscriptionKey,
        accepted: &Accepted<'_>,
        at: Placement,
        scratch: usize,
    ) -> Option<ParticipantKey> {
        let subscription = self.subscriptions.get(key)?;
        let forwarder = subscription.forwarder.as_ref()?;
        let participant = self.participants.get_mut(subscription.subscriber)?;
        let video = forwarder.config().codec.is_video();
        let mut payload_len = if at.blank { 0 } else { accepted.packet.payload.len() };
        let payload = if video {
            Payload::History
        } else {
            let mut content = Content::Plain;
            if matches!(accepted.packet.facts.descriptor, Descriptor::Red) {
                content = Content::Redundant;
                if forwarder.config().red.is_none() {
                    let primary = red::primary(accepted.packet.payload)?.len();
                    let skipped = accepted.packet.payload.len() - primary;
                    content = Content::Primary { skipped: u16::try_from(skipped).ok()? };
                    payload_len = primary;
                }
            }
            let made_up = accepted.audience == Audience::Plain;
            Payload::Scratch { number: u32::try_from(scratch).ok()?, content, made_up }
        };
        let len = u16::try_from(forwarder.header_len(&accepted.packet, at) + payload_len).ok()?;
        if accepted.late {
            // The publisher's path took its time already: on a lossy path it is not asked for a second time.
            let loss = participant.loss();
            participant.patience.repaired(now, loss, key, low16(at.index));
            if participant.patience.has_copies() && !std::mem::replace(&mut participant.lively, true) {
                self.lively.push(subscription.subscriber);
            }
        }
        let train = &mut participant.train;
        if train.waiting.is_empty() {
            train.since = Some(now);
            self.waiting.push(subscription.subscriber);
        }
        train.waiting.push(Waiting {
            subscription: key,
            sequence: accepted.packet.sequence,
            at,
            payload,
            size: Size { len, may_pad: forwarder.may_pad() },
        });
        train.urgent |= !video;
        if at.marker {
            train.open.retain(|one| *one != key);
        } else if video && accepted.more_soon && !train.open.contains(&key) {
            train.open.push(key);
        }
        let most = if train.paced.is_some() { MAX_PACED } else { MAX_WAITING };
        (train.waiting.len() >= most).then_some(subscription.subscriber)
    }

    /// Whether anything waits for `flush`.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes trains that are complete or have waited for `hold`. Returns when to call again: that is `ctx.now` if
    /// the outbox should be sent first.
    pub fn flush(&mut self, ctx: &mut Context<'_>, hold: Duration) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let hold = if ctx.environment.trains { hold } else { Duration::ZERO };
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|key| {
            let mut due = self.participants.get(*key).and_then(|one| one.train.due(ctx.now, hold));
            if due.is_none() && ctx.out.bytes() >= MAX_WRITTEN {
                due = Some(ctx.now);
            }
            if due.is_none() {
                due = self.flush_train(ctx, *key, Pace::Estimate);
            }
            if let Some(due) = due {
                next = next.into_iter().chain([due]).min();
            }
            due.is_some()
        });
        self.waiting = waiting;
        if next.is_none_or(|next| next > ctx.now) {
            self.scratch.clear(); // only packets that are never held lie there
        }
        next
    }

    /// Writes everything: what follows may change who gets what.
    pub(super) fn flush_all(&mut self, ctx: &mut Context<'_>) {
        for key in std::mem::take(&mut self.waiting) {
            self.flush_train(ctx, key, Pace::AtOnce);
        }
        self.scratch.clear();
    }

    /// Writes and seals what waits for one subscriber, train by train. Returns when the rest may follow, if the pacer
    /// holds something back; never audio.
    pub(super) fn flush_train(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        pace: Pace,
    ) -> Option<Instant> {
        let participant = self.participants.get_mut(key)?;
        let train = &mut participant.train;
        ctx.stats.oldest_flushed = ctx.stats.oldest_flushed.into_iter().chain(train.since).min();
        (train.urgent, train.since, train.paced) = (false, None, None);
        train.open.clear();
        let mut waiting = std::mem::take(&mut train.waiting);
        let mut sent = 0;
        while let Some(rest) = waiting.get(sent..).filter(|rest| !rest.is_empty()) {
            let rest = match pace {
                Pace::AtOnce => rest,
                Pace::Estimate => self.affordable(ctx.now, key, rest),
            };
            if rest.is_empty() {
                break;
            }
            let (count, segment) = next_train(rest.iter().map(|one| one.size));
            let train = rest.get(..count.max(1)).unwrap_or(rest);
            self.send_train(ctx, key, train, segment);
            sent += train.len();
        }
        let paced = self.keep_back(ctx, key, &mut waiting, sent);
        if let Some(participant) = self.participants.get_mut(key) {
            participant.train.waiting = waiting;
        }
        paced
    }

    /// As many of these as the pacer lets go now.
    fn affordable<'a>(&mut self, now: Instant, key: ParticipantKey, rest: &'a [Waiting]) -> &'a [Waiting] {
        let Some(participant) = self.participants.get_mut(key) else { return rest };
        let Some(mut credit) = participant.downlink.pacer.credit(now) else { return rest };
        let fits = rest.iter().take_while(|one| {
            let fits = credit > 0;
            credit -= i64::from(one.size.len);
            fits
        });
        rest.get(..fits.count()).unwrap_or(rest)
    }

    /// Keeps what the pacer held back, without the audio of it, which is sent.
    fn keep_back(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        waiting: &mut Vec<Waiting>,
        sent: usize,
    ) -> Option<Instant> {
        if sent == waiting.len() {
            waiting.clear();
            return None;
        }
        waiting.drain(..sent);
        waiting.retain(|one| {
            let video = matches!(one.payload, Payload::History);
            if !video {
                self.send_train(ctx, key, std::slice::from_ref(one), 0);
            }
            video
        });
        let bytes: usize = waiting.iter().map(|one| one.size.len()).sum();
        let participant = self.participants.get_mut(key)?;
        let pacer = &mut participant.downlink.pacer;
        pacer.expect(ctx.now, bytes as u64);
        let until = pacer.next(ctx.now);
        participant.train.paced = (!waiting.is_empty()).then_some(until);
        participant.train.paced
    }

    /// Sends these, all but the last grown to the size of a segment.
    fn send_train(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, train: &[Waiting], segment: usize) {
        let Self { participants, publications, subscriptions, scratch, .. } = self;
        let Some(Participant { session: Some(session), downlink, .. }) = participants.get_mut(key) else {
            return;
        };
        let mut behind = train.len();
        for of_one in train.chunk_by(|one, next| one.subscription == next.subscription) {
            let Some(first) = of_one.first() else { continue };
            let subscription = subscriptions.get_mut(first.subscription);
            let publication = subscription.as_ref().and_then(|one| publications.get(one.publication));
            let Some(forwarder) = subscription.and_then(|one| one.forwarder.as_mut()) else {
                behind -= of_one.len();
                continue;
            };
            for one in of_one {
                behind -= 1;
                let pads = ctx.environment.trains && behind > 0;
                let padding = if pads { segment - one.size.len() } else { 0 };
                let packet = match one.payload {
                    Payload::History => publication
                        .and_then(|publication| publication.encoding(one.at.layer))
                        .and_then(|encoding| encoding.history.get(one.sequence)),
                    Payload::Scratch { number, content, .. } => usize::try_from(number)
                        .ok()
                        .and_then(|number| scratch.packet(number, one.sequence, content)),
                };
                let Some(packet) = packet else { continue };
                let transport = downlink.next_sequence();
                let sent = session.send_rtp(one.size.len() + padding, ctx.out, |slot| {
                    forwarder.write(slot, &packet, one.at, padding, transport)
                });
                let Some(len) = sent else {
                    ctx.stats.drop(DropReason::SendOverflow);
                    continue;
                };
                if forwarder.config().transport_cc_ext != 0 {
                    downlink.sent(ctx.now, len);
                }
                if let Payload::Scratch { made_up: false, .. } = one.payload {
                    forwarder.remember_audio(&one.at, one.sequence, padding, transport);
                }
                downlink.pacer.sent(len);
                ctx.stats.rtp_forwarded += 1;
            }
        }
    }
}

/// How many of the next packets make one train, and the size that all of them but the last are padded to.
fn next_train(sizes: impl Iterator<Item = Size>) -> (usize, usize) {
    let (mut count, mut segment, mut limit) = (0, 0, usize::MAX);
    for size in sizes.take(MAX_PACKETS) {
        let len = size.len();
        let wider = segment.max(len);
        if wider > limit {
            break; // one of those before cannot grow to the size of this train
        }
        (count, segment) = (count + 1, wider);
        limit = limit.min(len + if size.may_pad { MAX_PADDING } else { 0 });
    }
    (count, segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trains(sizes: &[u16], may_pad: bool) -> Vec<(usize, usize)> {
        let mut rest = sizes;
        let mut trains = Vec::new();
        while !rest.is_empty() {
            let train = next_train(rest.iter().map(|len| Size { len: *len, may_pad }));
            trains.push(train);
            rest = &rest[train.0..];
        }
        trains
    }

    #[test]
    fn nearly_equal_packets_and_one_shorter_last_make_a_train() {
        assert_eq!(trains(&[1100, 1100, 1101, 1101], true), [(4, 1101)]);
        assert_eq!(trains(&[1100, 1100, 1101, 300], true), [(4, 1101)]);
        assert_eq!(trains(&[1100, 300, 1100, 1100], true), [(2, 1100), (2, 1100)], "short ends a train");
        assert_eq!(trains(&[100, 116, 117], true), [(2, 116), (1, 117)]);
        assert_eq!(trains(&[100, 1100], true), [(1, 100), (1, 1100)]);
        assert_eq!(trains(&[80; 50], true), [(40, 80), (10, 80)]);
    }

    #[test]
    fn without_padding_only_equal_packets_and_a_shorter_last_go_together() {
        assert_eq!(trains(&[1100, 1100, 1101, 1101, 90], false), [(2, 1100), (3, 1101)]);
        assert_eq!(trains(&[1101, 1100, 1100], false), [(2, 1101), (1, 1100)]);
    }
}
