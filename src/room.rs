//! Rooms: membership and policy over the media core. Sans-I/O.
//!
//! A room is owned by one shard and driven by it: datagrams, commands and time go in; datagrams (into the outbox)
//! and effects come out. All mutation is `&mut self`.

mod audible;
mod clock;
pub mod command;
mod congestion;
mod decoding;
pub mod effect;
pub mod event;
mod feedback;
mod negotiation;
mod participant;
mod patience;
mod publication;
mod quality;
pub mod relay;
mod routing;
pub mod stats;
mod subscription;
#[cfg(test)]
mod tests;
mod tick;
pub mod train;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use slotmap::{SlotMap, new_key_type};

use self::{
    audible::Audible,
    command::{AutoSubscribe, Command, MediaGrants},
    congestion::KnownPaths,
    effect::{Effect, Effects},
    event::{CloseReason, Event},
    participant::Participant,
    publication::{Origin, Publication},
    relay::Links,
    stats::RoomStats,
    subscription::Subscription,
    train::Scratch,
};
use crate::{
    base::{
        id::{ParticipantId, RoomId},
        playout::PlayoutDelay,
        rng::Rng,
    },
    media::speaker::SpeakerDetector,
    transport::{dtls::Identity, outbox::Outbox, session::Incoming},
};

new_key_type! {
    /// A participant within its room; the shard's address table holds it.
    pub struct ParticipantKey;
    pub(crate) struct PublicationKey;
    pub(crate) struct SubscriptionKey;
}

/// What rooms of a shard have in common.
#[derive(Clone)]
pub struct Environment {
    pub identity: Identity,
    /// Host candidates of the shard's port, best first.
    pub candidates: Vec<SocketAddr>,
    /// Where TCP connections are taken.
    pub tcp_candidates: Vec<SocketAddr>,
    /// Names the shard in the ufrags of its sessions.
    pub shard: u8,
    /// Whether the kernel takes trains of packets. Without, nothing is held or padded for them.
    pub trains: bool,
    /// So many microphones are forwarded at a time, the loudest; 0 = all.
    pub audible: usize,
    /// Of rooms that do not say.
    pub playout_delay: PlayoutDelay,
}

/// What a room may use during one step.
pub struct Context<'a> {
    pub now: Instant,
    pub environment: &'a Environment,
    pub rng: &'a mut Rng,
    pub out: &'a mut Outbox,
    pub effects: &'a mut Effects,
    pub stats: &'a mut RoomStats,
}

pub struct Room {
    id: RoomId,
    participants: SlotMap<ParticipantKey, Participant>,
    by_id: BTreeMap<ParticipantId, ParticipantKey>,
    publications: SlotMap<PublicationKey, Publication>,
    subscriptions: SlotMap<SubscriptionKey, Subscription>,
    speakers: SpeakerDetector,
    known_paths: KnownPaths,
    audible: Audible,
    /// What viewers are told to wait; bad paths raise the lower bound.
    playout_delay: PlayoutDelay,
    /// The parts of this room on other shards.
    links: Links,
    next_tick: Instant,
    /// Those with whom something may be due at any tick; all others have their turn in rounds.
    lively: Vec<ParticipantKey>,
    next_round: Instant,
    next_review: Instant,
    reviews: u32,
    /// Subscriptions that are on their way to another layer, or have to be told of one.
    unsettled: Vec<SubscriptionKey>,
    last_media: Option<Instant>,
    /// Subscribers with packets that wait for `flush`.
    waiting: Vec<ParticipantKey>,
    /// Payloads of waiting packets that have no history.
    scratch: Scratch,
}

/// The data channel whose messages come back to their sender.
const ECHO: &str = "convene-echo";
/// While media flows: loss is repaired and feedback sent at this pace.
const BUSY_TICK: Duration = Duration::from_millis(10);
/// While somebody connects: handshakes repeat lost flights after a second.
const CONNECTING_TICK: Duration = Duration::from_millis(50);
/// While nothing flows: only timeouts are watched.
const IDLE_TICK: Duration = Duration::from_millis(250);

impl Room {
    pub fn new(id: RoomId, now: Instant) -> Self {
        Self {
            id,
            participants: SlotMap::with_key(),
            by_id: BTreeMap::new(),
            publications: SlotMap::with_key(),
            subscriptions: SlotMap::with_key(),
            speakers: SpeakerDetector::default(),
            known_paths: KnownPaths::default(),
            audible: Audible::default(),
            playout_delay: PlayoutDelay::default(),
            links: Links::default(),
            next_tick: now,
            lively: Vec::new(),
            next_round: now,
            next_review: now,
            reviews: 0,
            unsettled: Vec::new(),
            last_media: None,
            waiting: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// (participants with a session, their publications, subscriptions)
    pub fn counts(&self) -> (usize, usize, usize) {
        let sessions = self.participants.values().filter(|one| one.session.is_some()).count();
        let local = |one: &&Publication| matches!(one.origin, Origin::Local(_));
        (sessions, self.publications.values().filter(local).count(), self.subscriptions.len())
    }

    /// How many pictures their subscribers' paths do not carry.
    pub fn paused(&self) -> usize {
        self.subscriptions.values().filter(|one| one.share == congestion::Share::Paused).count()
    }

    /// How many other parts of this room are known.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    pub fn next_timeout(&self) -> Instant {
        self.next_tick
    }

    pub fn command(&mut self, ctx: &mut Context<'_>, id: ParticipantId, command: Command) {
        self.flush_all(ctx);
        if let Command::Join { identity, grants, auto, playout_delay } = command {
            self.playout_delay = playout_delay.unwrap_or(ctx.environment.playout_delay);
            self.join(ctx, id, identity, grants, auto);
            return;
        }
        let Some(key) = self.by_id.get(&id).copied() else { return };
        match command {
            Command::Join { .. } => {}
            Command::Offer { sdp, generation, lines } => self.offer(ctx, key, &sdp, generation, &lines),
            // ICE-lite learns addresses from checks; a candidate has nothing to add.
            Command::Candidate { .. } => {}
            Command::Subscribe { wishes } => self.apply_wishes(ctx, key, &wishes),
            Command::Mute { source, muted } => self.mute(ctx, key, source, |one| one.muted = muted),
            Command::ForceMute { source, muted } => {
                self.mute(ctx, key, source, |one| one.forced_mute = muted)
            }
            Command::UpdateGrants { grants } => self.update_grants(ctx, key, grants),
            Command::Leave => self.remove(ctx, key, CloseReason::Left),
        }
        self.hurry(ctx.now);
    }

    /// A datagram from a known address, or a STUN message that names this participant.
    pub fn datagram(
        &mut self,
        ctx: &mut Context<'_>,
        key: ParticipantKey,
        from: SocketAddr,
        packet: &mut [u8],
    ) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        let Some(session) = &mut participant.session else { return };
        match session.handle(ctx.now, from, packet, ctx.out) {
            Incoming::Rtp { header, len } => {
                if let Some(plain) = packet.get(..len) {
                    self.rtp(ctx, key, &header, plain);
                }
            }
            Incoming::Rtcp { len } => {
                if let Some(plain) = packet.get(..len) {
                    self.rtcp(ctx, key, plain);
                }
            }
            other => self.incoming(ctx, key, other),
        }
    }

    /// Who sends this stream. A guess: what authenticates its packets is the session.
    pub fn sender_of(&self, ssrc: u32) -> Option<ParticipantKey> {
        self.participants.iter().find(|(_, one)| one.streams.contains_key(&ssrc)).map(|(key, _)| key)
    }

    /// An address is gone for good: the connection behind it ended.
    pub fn address_lost(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, address: SocketAddr) {
        if let Some(session) = self.participants.get_mut(key).and_then(|one| one.session.as_mut()) {
            session.forget_address(address);
        }
        ctx.effects.push(Effect::RemoveAddress { address });
    }

    fn incoming(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, incoming: Incoming) {
        match incoming {
            Incoming::Nothing | Incoming::Rtp { .. } | Incoming::Rtcp { .. } => {}
            Incoming::Address { validated, evicted } => {
                ctx.effects.push(Effect::AddAddress { address: validated, room: self.id, participant: key });
                if let Some(address) = evicted {
                    ctx.effects.push(Effect::RemoveAddress { address });
                }
                self.hurry(ctx.now);
            }
            Incoming::Data(messages) => {
                for message in messages {
                    if message.label == ECHO {
                        self.echo(ctx, key, &message);
                        continue;
                    }
                    self.deliver_data(ctx, Some(key), &message);
                    self.relay_data(ctx, message);
                }
            }
            Incoming::Connected => self.connected(ctx, key),
            Incoming::Closed => self.remove(ctx, key, CloseReason::PeerClosed),
            Incoming::Failed(_) => self.remove(ctx, key, CloseReason::SessionFailed),
            Incoming::Dropped(reason) => ctx.stats.drop(reason),
        }
    }

    fn join(
        &mut self,
        ctx: &mut Context<'_>,
        id: ParticipantId,
        identity: Arc<str>,
        grants: MediaGrants,
        auto: AutoSubscribe,
    ) {
        if self.by_id.contains_key(&id) {
            return;
        }
        let start_bps = self.known_paths.start_bps(ctx.now, &identity);
        let mut participant = Participant::new(ctx.now, id, identity, grants, auto, ctx.rng.u64());
        participant.downlink.start_bps = start_bps;
        let key = self.participants.insert(participant);
        self.by_id.insert(id, key);
        self.lively.push(key);
        let tracks = self.publications.values().map(Publication::info).collect();
        self.tell(ctx, key, Event::Joined { tracks });
        let existing: Vec<_> = self.publications.keys().collect();
        for publication in existing {
            self.subscribe(ctx, key, publication);
        }
    }

    fn connected(&mut self, ctx: &mut Context<'_>, key: ParticipantKey) {
        let Some(participant) = self.participants.get(key) else { return };
        ctx.stats.joined(ctx.now.saturating_duration_since(participant.joined_at));
        self.tell(ctx, key, Event::Connected);
        let subscriptions = participant_subscriptions(&self.participants, key);
        for subscription in subscriptions {
            self.want_keyframe(ctx, subscription);
        }
        self.hurry(ctx.now);
    }

    /// Removes a participant with everything it published and received.
    fn remove(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, reason: CloseReason) {
        self.flush_all(ctx);
        let publications = self.participants.get(key).map(|one| one.publications.clone()).unwrap_or_default();
        for publication in publications {
            self.unpublish(ctx, publication);
        }
        for subscription in participant_subscriptions(&self.participants, key) {
            self.unsubscribe(subscription);
        }
        let Some(mut participant) = self.participants.remove(key) else { return };
        self.by_id.remove(&participant.id);
        self.known_paths.remember(ctx.now, &participant);
        self.speakers.forget(participant.id);
        if let Some(session) = &mut participant.session {
            session.close(ctx.now, ctx.out);
            for ufrag in session.ice().ufrags() {
                ctx.effects.push(Effect::RemoveUfrag { ufrag: ufrag.to_owned() });
            }
            for address in session.ice().remotes() {
                ctx.effects.push(Effect::RemoveAddress { address });
            }
        }
        ctx.effects.event(self.id, participant.id, Event::Closed { reason });
        if self.is_empty() {
            self.part(ctx);
        }
    }

    /// Ends the room for everybody.
    pub fn close(&mut self, ctx: &mut Context<'_>, reason: CloseReason) {
        let everyone: Vec<_> = self.participants.keys().collect();
        for key in everyone {
            self.remove(ctx, key, reason);
        }
    }

    fn update_grants(&mut self, ctx: &mut Context<'_>, key: ParticipantKey, grants: MediaGrants) {
        let Some(participant) = self.participants.get_mut(key) else { return };
        participant.grants = grants;
        let forbidden: Vec<_> = participant
            .publications
            .iter()
            .filter(|one| {
                self.publications.get(**one).is_some_and(|publication| !grants.allows(publication.source))
            })
            .copied()
            .collect();
        for publication in forbidden {
            self.unpublish(ctx, publication);
        }
        if !grants.subscribe {
            for subscription in participant_subscriptions(&self.participants, key) {
                self.unsubscribe(subscription);
            }
        }
    }

    fn tell(&self, ctx: &mut Context<'_>, key: ParticipantKey, event: Event) {
        if let Some(participant) = self.participants.get(key) {
            ctx.effects.event(self.id, participant.id, event);
        }
    }

    fn tell_others(&self, ctx: &mut Context<'_>, not: Option<ParticipantKey>, event: &Event) {
        for (key, participant) in &self.participants {
            if Some(key) != not {
                ctx.effects.event(self.id, participant.id, event.clone());
            }
        }
    }

    fn hurry(&mut self, now: Instant) {
        self.next_tick = self.next_tick.min(now + BUSY_TICK);
    }
}

fn participant_subscriptions(
    participants: &SlotMap<ParticipantKey, Participant>,
    key: ParticipantKey,
) -> Vec<SubscriptionKey> {
    participants.get(key).map(|one| one.subscriptions.clone()).unwrap_or_default()
}
