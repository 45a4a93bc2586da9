//! The thread that owns rooms: receive a batch, route, flush, sleep until the next timer.
//!
//! No tokio, no lock, no await, no allocation and no log line per packet. A panic inside a room ends that room only.

mod measure;
mod paths;
mod timers;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token};
use smallvec::SmallVec;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use self::{
    measure::{FORWARD_BOUNDS, LOOP_BOUNDS, Load, Traffic},
    timers::{Slot, Timers},
};
use super::{
    alarm::Alarm,
    clock,
    placement::Placement,
    ports::Ports,
    queue::{EventSender, HANDSHAKES},
    relay::{Inbox, Letter, Relays},
    stats::{HistogramData, ShardStats},
    tcp::{Handover, TcpPort},
    udp::UdpPort,
};
use crate::{
    base::{
        id::{ParticipantId, RoomId, ShardId},
        rng::Rng,
    },
    proto::{
        demux::{PacketKind, classify},
        stun::BindingRequest,
    },
    room::{
        Context, Environment, ParticipantKey, Room,
        command::{Addressed, Command},
        effect::{Effect, Effects},
        event::{AddressedEvent, CloseReason, Event},
        relay::RelayMessage,
        stats::{JOIN_BOUNDS, LOSS_BOUNDS, RTT_BOUNDS, RoomStats, SCORE_BOUNDS, Tally},
        train::{BUSY_HOLD, HOLD},
    },
    transport::{outbox::Outbox, remote, session::DropReason},
};

/// Batches taken before sending; keeps one flood from starving timers and commands.
const MAX_BATCHES: usize = 8;
/// Send early when this much waits: bounds memory and the delay of the first packet.
const FLUSH_BYTES: usize = 512 * 1024;
const MAX_COMMANDS: usize = 256;
/// Messages of other shards taken before sending; as many datagrams come in `MAX_BATCHES`.
const MAX_RELAYED: usize = 512;
/// Time for handshakes between two flushes. One signature takes about 0.2 ms: media waits for two at most.
const HANDSHAKE_BUDGET: Duration = Duration::from_micros(300);
/// Upper bound of one sleep, so that a stats request is never late.
const MAX_SLEEP: Duration = Duration::from_millis(500);

/// A shard that works more than this share of its time holds unfinished frames longer.
const BUSY_SHARE: f64 = 0.7;

/// How often a full queue to another shard is looked at after messages were lost.
const MEND_INTERVAL: Duration = Duration::from_millis(20);

const SOCKET: Token = Token(0);
pub const WAKE: Token = Token(1);
const ALARM: Token = Token(2);

/// What signalling sends to a shard.
pub enum Message {
    Join {
        addressed: Addressed,
        events: EventSender,
    },
    Command(Addressed),
    /// A TCP connection whose first frame names a session here.
    Connection(Box<Handover>),
    Stats(oneshot::Sender<ShardStats>),
    Shutdown,
}

/// Where datagrams of an address or ufrag go.
type Owner = (RoomId, ParticipantKey);

pub struct Shard {
    pub index: u16,
    pub port: UdpPort,
    pub poll: Poll,
    pub messages: Receiver<Message>,
    pub depth: Arc<AtomicU64>,
    pub relayed: Inbox,
    pub relays: Relays,
    pub environment: Environment,
    pub placement: Arc<Placement>,
    pub rng: Rng,
}

struct State {
    environment: Environment,
    placement: Arc<Placement>,
    depth: Arc<AtomicU64>,
    relayed: Inbox,
    relays: Relays,
    rng: Rng,
    rooms: HashMap<RoomId, Slot>,
    timers: Timers,
    addresses: HashMap<SocketAddr, Owner>,
    ufrags: HashMap<String, Owner>,
    events: BTreeMap<(RoomId, ParticipantId), EventSender>,
    out: Outbox,
    effects: Effects,
    stats: RoomStats,
    traffic: Traffic,
    /// When lost messages to other shards are looked at again.
    mend_at: Option<Instant>,
    /// Rooms with packets that wait for the rest of their frames.
    waiting: Vec<RoomId>,
    /// Those that are being flushed; empty between steps.
    flushing: Vec<RoomId>,
    load: Load,
    /// DTLS records that wait until media is sent, in order.
    handshakes: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Participants whose signalling is gone; they leave after the current step.
    deaf: Vec<(RoomId, ParticipantId)>,
    /// Connections that nobody uses any more; they are closed after the last words to them are sent.
    unused: Vec<SocketAddr>,
    /// Searches for senders that moved, since when.
    searches: (Instant, u32),
}

impl Shard {
    /// Runs until told to shut down.
    pub fn run(self) {
        let Self {
            index,
            port: mut udp,
            mut poll,
            messages,
            depth,
            relayed,
            relays,
            environment,
            placement,
            rng,
        } = self;
        if let Err(error) = poll.registry().register(udp.source(), SOCKET, Interest::READABLE) {
            error!(shard = index, %error, "the media socket cannot be polled; the shard stops");
            return;
        }
        let tcp = match poll.registry().try_clone() {
            Ok(registry) => TcpPort::new(registry, clock::now()),
            Err(error) => {
                error!(shard = index, %error, "no second handle of the poll; the shard stops");
                return;
            }
        };
        let mut port = Ports { udp, tcp };
        let mut alarm = match Alarm::new(&poll, ALARM) {
            Ok(alarm) => alarm,
            Err(error) => {
                error!(shard = index, %error, "no timer; the shard stops");
                return;
            }
        };
        let mut state = State::new(environment, placement, depth, (relayed, relays), rng);
        let mut events = Events::with_capacity(64);
        let mut pending = false;
        loop {
            let timeout = if pending { Duration::ZERO } else { state.sleep() };
            if let Err(error) = poll.poll(&mut events, Some(timeout))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                error!(shard = index, %error, "polling failed; the shard stops");
                return;
            }
            let woke = clock::now();
            state.environment.trains = port.takes_trains();
            port.tcp.wake(&events, woke);
            pending = state.receive(&mut port, woke);
            pending |= state.receive_streams(&mut port, woke);
            let (more, running) = state.take_messages(&mut port, &messages, index, woke);
            pending |= more;
            pending |= state.take_relayed(&mut port, woke);
            state.timers(woke);
            state.mend_relays(woke);
            // Before the own subscribers are served: the others can work meanwhile.
            state.relays.wake();
            let held = state.flush_rooms(&mut port, woke);
            state.flush(&mut port);
            let done = clock::now();
            pending |= state.handshakes(&mut port, done);
            state.relays.wake();
            state.close_unused(&mut port);
            alarm.set(done, held.filter(|_| !pending));
            if let Some(oldest) = state.stats.oldest_flushed.take() {
                state.traffic.forward.record(&FORWARD_BOUNDS, done.saturating_duration_since(oldest));
            }
            state.traffic.loops.record(&LOOP_BOUNDS, done.saturating_duration_since(woke));
            state.load.worked(woke, done);
            if !running {
                info!(shard = index, "media shard stopped");
                return;
            }
        }
    }
}

impl State {
    fn new(
        environment: Environment,
        placement: Arc<Placement>,
        depth: Arc<AtomicU64>,
        (relayed, relays): (Inbox, Relays),
        rng: Rng,
    ) -> Self {
        Self {
            environment,
            placement,
            depth,
            relayed,
            relays,
            rng,
            rooms: HashMap::new(),
            timers: Timers::default(),
            addresses: HashMap::new(),
            ufrags: HashMap::new(),
            events: BTreeMap::new(),
            out: Outbox::default(),
            effects: Effects::default(),
            stats: RoomStats::default(),
            traffic: Traffic::default(),
            mend_at: None,
            waiting: Vec::new(),
            flushing: Vec::new(),
            load: Load::new(clock::now()),
            handshakes: VecDeque::new(),
            deaf: Vec::new(),
            unused: Vec::new(),
            searches: (clock::now(), 0),
        }
    }

    fn sleep(&self) -> Duration {
        let next = self.timers.next().into_iter().chain(self.mend_at).min();
        next.map_or(MAX_SLEEP, |next| next.saturating_duration_since(clock::now()).min(MAX_SLEEP))
    }

    /// Drains the socket before anything is sent. Returns whether more may be waiting.
    fn receive(&mut self, port: &mut Ports, now: Instant) -> bool {
        for _ in 0..MAX_BATCHES {
            let more = port.receive(|from, datagram| self.datagram(now, from, datagram));
            if !more {
                return false;
            }
            if self.out.bytes() > FLUSH_BYTES {
                self.flush(port);
            }
        }
        true
    }

    fn datagram(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        self.traffic.packets_in += 1;
        self.traffic.bytes_in += datagram.len() as u64;
        let owner = match (self.addresses.get(&from), classify(datagram)) {
            // A new association may reuse an address: checks name their session.
            (_, PacketKind::Stun) | (None, _) => {
                let owner = self.owner_by_ufrag(datagram);
                match owner.or_else(|reason| self.owner_by_stream(now, datagram).ok_or(reason)) {
                    Ok(owner) => owner,
                    Err(reason) => {
                        self.stats.drop(reason);
                        return;
                    }
                }
            }
            (Some(_), PacketKind::Dtls) => {
                self.defer(from, datagram);
                return;
            }
            (Some(owner), _) => *owner,
        };
        self.step(owner.0, now, |room, ctx| room.datagram(ctx, owner.1, from, datagram));
    }

    /// Handshakes are signatures and key exchanges: they wait until the media of this wake-up is sent.
    fn defer(&mut self, from: SocketAddr, datagram: &[u8]) {
        if self.handshakes.len() < HANDSHAKES.capacity {
            self.handshakes.push_back((from, datagram.to_vec()));
        } else {
            self.stats.drop(DropReason::HandshakeOverflow);
        }
    }

    /// Goes on with handshakes for a short time. Returns whether more are waiting.
    fn handshakes(&mut self, port: &mut Ports, now: Instant) -> bool {
        if self.handshakes.is_empty() {
            return false;
        }
        while let Some((from, mut record)) = self.handshakes.pop_front() {
            if let Some(owner) = self.addresses.get(&from).copied() {
                self.step(owner.0, now, |room, ctx| room.datagram(ctx, owner.1, from, &mut record));
            }
            if clock::now().saturating_duration_since(now) >= HANDSHAKE_BUDGET {
                break;
            }
        }
        self.flush(port);
        !self.handshakes.is_empty()
    }

    fn owner_by_ufrag(&self, datagram: &[u8]) -> Result<Owner, DropReason> {
        match classify(datagram) {
            PacketKind::Stun => {
                let request = BindingRequest::parse(datagram).ok_or(DropReason::StunRefused)?;
                self.ufrags.get(&request.local_ufrag).copied().ok_or(DropReason::StunRefused)
            }
            PacketKind::Junk => Err(DropReason::Junk),
            PacketKind::Dtls | PacketKind::Rtp | PacketKind::Rtcp => Err(DropReason::UnknownAddress),
        }
    }

    /// Writes and sends the trains that are due. Returns when the next one is.
    fn flush_rooms(&mut self, port: &mut Ports, now: Instant) -> Option<Instant> {
        let hold = if self.load.share > BUSY_SHARE { BUSY_HOLD } else { HOLD };
        let mut next: Option<Instant> = None;
        std::mem::swap(&mut self.waiting, &mut self.flushing);
        while let Some(id) = self.flushing.pop() {
            let mut due = Some(now);
            while due.is_some_and(|due| due <= now) {
                due = None;
                self.step(id, now, |room, ctx| due = room.flush(ctx, hold));
                self.flush(port);
            }
            next = next.into_iter().chain(due).min();
        }
        next
    }

    /// Runs one step of a room; a panic in it closes the room and nothing else.
    fn step(&mut self, id: RoomId, now: Instant, work: impl FnOnce(&mut Room, &mut Context<'_>)) {
        let Some(Slot { room, due }) = self.rooms.get_mut(&id) else { return };
        let mut ctx = Context {
            now,
            environment: &self.environment,
            rng: &mut self.rng,
            out: &mut self.out,
            effects: &mut self.effects,
            stats: &mut self.stats,
        };
        // Sound because a room that panicked is discarded whole; counters and outbox stay consistent.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(room, &mut ctx)));
        self.timers.set(id, due, room.next_timeout());
        if room.has_waiting() && self.waiting.last() != Some(&id) && !self.waiting.contains(&id) {
            self.waiting.push(id);
        }
        let empty = room.is_empty();
        if outcome.is_err() {
            self.discard(id);
        } else if empty {
            self.rooms.remove(&id);
        }
        if !self.effects.is_empty() {
            self.apply_effects();
        }
    }

    fn discard(&mut self, id: RoomId) {
        error!(room = %id, "a room panicked and was closed");
        self.traffic.room_panics += 1;
        self.rooms.remove(&id);
        // To all: what the room has sent may still be on its way to a part that is made only now.
        for other in self.relays.others() {
            self.effects.relay(id, other, RelayMessage::Goodbye);
        }
        let unused = self.addresses.extract_if(|_, (room, _)| *room == id).map(|(address, _)| address);
        self.unused.extend(unused.filter(|address| remote::connection(address).is_some()));
        self.ufrags.retain(|_, (room, _)| *room != id);
        let participants: Vec<_> = self.events.keys().filter(|(room, _)| *room == id).copied().collect();
        for (room, participant) in participants {
            self.effects.event(room, participant, Event::Closed { reason: CloseReason::RoomFailed });
        }
    }

    fn apply_effects(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain() {
            match effect {
                Effect::Event(addressed) => self.deliver(addressed),
                Effect::AddUfrag { ufrag, room, participant } => {
                    self.ufrags.insert(ufrag, (room, participant));
                }
                Effect::RemoveUfrag { ufrag } => {
                    self.ufrags.remove(&ufrag);
                }
                Effect::AddAddress { address, room, participant } => {
                    self.addresses.insert(address, (room, participant));
                }
                Effect::RemoveAddress { address } => {
                    self.addresses.remove(&address);
                    if remote::connection(&address).is_some() {
                        self.unused.push(address);
                    }
                }
                Effect::Relay { room, to, message } => {
                    if !self.relays.send(room, to, message) {
                        self.stats.drop(DropReason::RelayOverflow);
                    }
                }
            }
        }
        self.effects = effects;
    }

    fn deliver(&mut self, addressed: AddressedEvent) {
        let key = (addressed.room, addressed.participant);
        let last = matches!(addressed.event, Event::Closed { .. });
        if let Some(sender) = self.events.get(&key)
            && sender.try_send(Box::new(addressed.event)).is_err()
            && !last
        {
            self.stats.drop(DropReason::EventOverflow);
            self.deaf.push(key);
        }
        if last && self.events.remove(&key).is_some() {
            self.placement.leave(addressed.room, addressed.participant);
        }
    }

    /// Messages of the same rooms on other shards. Returns whether more may be waiting.
    fn take_relayed(&mut self, port: &mut Ports, now: Instant) -> bool {
        for _ in 0..MAX_RELAYED {
            if self.out.bytes() > FLUSH_BYTES {
                self.flush(port);
            }
            let Some(envelope) = self.relayed.take() else { return false };
            let from = envelope.from;
            match envelope.letter {
                // A room that is not here says `Hello` itself when it comes.
                Letter::Room(room, message) => {
                    self.step(room, now, |room, ctx| room.relay(ctx, from, message));
                }
                Letter::Reset => {
                    let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
                    for room in rooms {
                        self.step(room, now, |room, ctx| room.relay(ctx, from, RelayMessage::Goodbye));
                    }
                }
            }
        }
        true
    }

    /// Makes good what overflowing queues to other shards broke.
    fn mend_relays(&mut self, now: Instant) {
        self.mend_at = None;
        for (room, track, layer) in self.relays.take_lost() {
            self.step(room, now, |room, ctx| room.relay_lost(ctx, track, layer));
        }
        for shard in self.relays.mended() {
            warn!(%shard, "another shard's queue was full; the links to it start afresh");
            let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
            for id in rooms {
                if self.placement.others(id, self.relays.own()).contains(&shard) {
                    self.step(id, now, |room, ctx| room.greet(ctx, &[shard]));
                }
            }
        }
        if self.relays.is_cut() {
            self.mend_at = Some(now + MEND_INTERVAL);
        }
    }

    /// Returns whether messages may be left, and whether to go on.
    fn take_messages(
        &mut self,
        port: &mut Ports,
        messages: &Receiver<Message>,
        index: u16,
        now: Instant,
    ) -> (bool, bool) {
        for _ in 0..MAX_COMMANDS {
            let message = messages.try_recv();
            if message.is_ok() {
                self.depth.fetch_sub(1, Ordering::Relaxed);
            }
            match message {
                Ok(Message::Join { addressed, events }) => self.join(addressed, events, now),
                Ok(Message::Command(addressed)) => self.command(addressed, now),
                Ok(Message::Connection(handover)) => port.tcp.adopt(*handover),
                Ok(Message::Stats(reply)) => {
                    let _ = reply.send(self.snapshot(index, port));
                }
                Ok(Message::Shutdown) | Err(TryRecvError::Disconnected) => {
                    self.close_all(now);
                    return (false, false);
                }
                Err(TryRecvError::Empty) => {
                    self.dismiss_deaf(now);
                    return (false, true);
                }
            }
        }
        self.dismiss_deaf(now);
        (true, true)
    }

    fn join(&mut self, addressed: Addressed, events: EventSender, now: Instant) {
        let key = (addressed.room, addressed.participant);
        if self.events.contains_key(&key) {
            self.placement.leave(addressed.room, addressed.participant);
            return;
        }
        self.events.insert(key, events);
        // Whichever part of a room comes later finds the other: both were placed before either was made.
        let mut others: Vec<ShardId> = Vec::new();
        if !self.rooms.contains_key(&addressed.room) {
            others = self.placement.others(addressed.room, self.relays.own());
            let room = Room::new(addressed.room, now);
            self.rooms.insert(addressed.room, Slot { room, due: None });
        }
        self.step(addressed.room, now, |room, ctx| {
            room.greet(ctx, &others);
            room.command(ctx, addressed.participant, addressed.command);
        });
    }

    fn command(&mut self, addressed: Addressed, now: Instant) {
        self.step(addressed.room, now, |room, ctx| {
            room.command(ctx, addressed.participant, addressed.command);
        });
    }

    /// Participants whose event queue overflowed or whose receiver is gone cannot take part any more.
    fn dismiss_deaf(&mut self, now: Instant) {
        for (room, participant) in std::mem::take(&mut self.deaf) {
            warn!(%room, %participant, "signalling does not read its events; the participant leaves");
            self.command(Addressed { room, participant, command: Command::Leave }, now);
        }
    }

    fn timers(&mut self, now: Instant) {
        // First all that are due: a room that wants to be woken at once again has its turn in the next round.
        let mut due: SmallVec<[RoomId; 8]> = SmallVec::new();
        while let Some((at, id)) = self.timers.pop(now) {
            if let Some(slot) = self.rooms.get_mut(&id).filter(|slot| slot.due == Some(at)) {
                slot.due = None;
                due.push(id);
            }
        }
        for id in due {
            self.step(id, now, |room, ctx| room.tick(ctx));
        }
    }

    fn close_all(&mut self, now: Instant) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in rooms {
            self.step(id, now, |room, ctx| room.close(ctx, CloseReason::Draining));
        }
        self.relays.wake();
    }

    fn flush(&mut self, port: &mut Ports) {
        let overflowed = self.out.take_overflowed();
        self.stats.drop_many(DropReason::SendOverflow, overflowed);
        if self.out.is_empty() && !port.tcp.has_touched() {
            return;
        }
        let report = port.flush(&mut self.out);
        self.traffic.packets_out += report.packets;
        self.traffic.bytes_out += report.bytes;
        self.traffic.sends += report.sends;
        self.stats.drop_many(DropReason::SendFailed, report.failed);
        self.stats.drop_many(DropReason::TcpOverflow, report.overflowed);
    }

    fn snapshot(&self, index: u16, port: &Ports) -> ShardStats {
        let (mut sessions, mut publications, mut subscriptions, mut links, mut paused) = (0, 0, 0, 0, 0);
        for Slot { room, .. } in self.rooms.values() {
            let counts = room.counts();
            sessions += counts.0 as u64;
            publications += counts.1 as u64;
            subscriptions += counts.2 as u64;
            links += room.links() as u64;
            paused += room.paused() as u64;
        }
        let stats = &self.stats;
        let drops = DropReason::ALL.iter().zip(stats.drops).map(|(reason, count)| (reason.as_str(), count));
        ShardStats {
            shard: index,
            rooms: self.rooms.len() as u64,
            sessions,
            publications,
            subscriptions,
            relay_links: links,
            paused,
            connections: port.tcp.count() as u64,
            command_queue_depth: self.depth.load(Ordering::Relaxed),
            relay_queue_depth: self.relayed.depth(),
            event_backlog: self.events.values().map(|one| (one.max_capacity() - one.capacity()) as u64).sum(),
            packets_in: self.traffic.packets_in,
            bytes_in: self.traffic.bytes_in,
            packets_out: self.traffic.packets_out,
            bytes_out: self.traffic.bytes_out,
            sends: self.traffic.sends,
            rtp_received: stats.rtp_received,
            rtp_forwarded: stats.rtp_forwarded,
            relay_received: stats.relay_received,
            relay_sent: stats.relay_sent,
            nacks_received: stats.nacks_received,
            nacks_sent: stats.nacks_sent,
            rtx_received: stats.rtx_received,
            rtx_sent: stats.rtx_sent,
            arrival_reports: stats.arrival_reports,
            probe_packets_sent: stats.probe_packets_sent,
            shares_raised: stats.shares_raised,
            shares_lowered: stats.shares_lowered,
            plis_received: stats.plis_received,
            plis_sent: stats.plis_sent,
            drops: drops.collect(),
            room_panics: self.traffic.room_panics,
            join_seconds: HistogramData {
                bounds: &JOIN_BOUNDS,
                counts: stats.join_counts.to_vec(),
                sum: stats.join_sum,
            },
            quality_score: tally(&SCORE_BOUNDS, &stats.quality_score),
            quality_loss: tally(&LOSS_BOUNDS, &stats.quality_loss),
            quality_rtt_seconds: tally(&RTT_BOUNDS, &stats.quality_rtt),
            forward_seconds: self.traffic.forward.data(&FORWARD_BOUNDS),
            loop_seconds: self.traffic.loops.data(&LOOP_BOUNDS),
        }
    }
}

fn tally<const SLOTS: usize>(bounds: &'static [f64], tally: &Tally<SLOTS>) -> HistogramData {
    HistogramData { bounds, counts: tally.counts.to_vec(), sum: tally.sum }
}

#[cfg(test)]
mod tests;
