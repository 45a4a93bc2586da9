//! One room in memory: the room of the server, clients on the complete `rtc` stack, datagrams carried by hand on
//! a virtual clock. What is measured is the server's half only.
#![allow(dead_code, reason = "benchmarks and tests use different parts")]

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use convene::{
    base::{
        id::{ParticipantId, RoomId},
        playout::PlayoutDelay,
        rng::Rng,
    },
    load::{
        peer::{Incoming, Peer, PeerPlan, PeerState},
        source::{VideoPlan, VideoSource},
    },
    room::{
        Context, Environment, ParticipantKey, Room,
        command::{AutoSubscribe, Command, MediaGrants, SendLine, Source},
        effect::{Effect, Effects},
        event::Event,
        stats::RoomStats,
        train::HOLD,
    },
    runtime::clock,
    transport::{dtls::Identity, outbox::Outbox},
};

const SERVER: &str = "127.0.0.1:7882";
/// Nothing needs longer on a network without delay.
const PATIENCE: usize = 400;

struct Client {
    id: ParticipantId,
    key: Option<ParticipantKey>,
    address: SocketAddr,
    peer: Peer,
    received: u64,
}

pub struct Bench {
    now: Instant,
    room: Room,
    environment: Environment,
    rng: Rng,
    out: Outbox,
    effects: Effects,
    pub stats: RoomStats,
    /// Bytes the server's half holds, if allocations are counted.
    pub live_bytes: i64,
    /// Time the server's half has worked.
    pub worked: Duration,
    clients: Vec<Client>,
    /// Sent by `forward`, to arrive with the next `pass`.
    on_the_way: Vec<u8>,
    addressed: Vec<(SocketAddr, usize)>,
}

/// Room for what one `forward` sends, so that keeping it allocates nothing.
const MAX_SENT: usize = 8 * 1024 * 1024;
const MAX_DATAGRAMS: usize = 8 * 1024;

impl Bench {
    pub fn new() -> Self {
        let now = clock::now();
        Self {
            now,
            room: Room::new(RoomId::from_parts(1, 1), now),
            environment: Environment {
                identity: Identity::generate_default().expect("a certificate"),
                candidates: vec![SERVER.parse().expect("an address")],
                tcp_candidates: Vec::new(),
                shard: 0,
                trains: true,
                audible: 0,
                playout_delay: PlayoutDelay::default(),
            },
            rng: Rng::from_seed(7),
            out: Outbox::default(),
            effects: Effects::default(),
            stats: RoomStats::default(),
            live_bytes: 0,
            worked: Duration::ZERO,
            clients: Vec::new(),
            on_the_way: Vec::with_capacity(MAX_SENT),
            addressed: Vec::with_capacity(MAX_DATAGRAMS),
        }
    }

    /// A publisher of one camera layer, and so many who watch it. Connected and decoding when this returns.
    pub fn call(subscribers: usize) -> Self {
        let mut bench = Self::new();
        bench.join(&PeerPlan { video_layers: 1, ..PeerPlan::default() });
        for _ in 0..subscribers {
            bench.join(&PeerPlan { receive_video: 1, ..PeerPlan::default() });
        }
        bench
    }

    /// Returns the client's number.
    pub fn join(&mut self, plan: &PeerPlan) -> usize {
        let number = self.enter(plan);
        let offer = self.clients[number].peer.offer(self.now).expect("an offer");
        self.offer(number, offer);
        for _ in 0..PATIENCE {
            self.pass(Duration::from_millis(10));
            if self.clients[number].peer.update_state() == PeerState::Connected {
                return number;
            }
        }
        panic!("client {number} does not connect");
    }

    /// Joins without an offer: no media session yet.
    pub fn enter(&mut self, plan: &PeerPlan) -> usize {
        let number = self.clients.len();
        let address: SocketAddr = ([127, 0, 0, 1], 20_000 + u16::try_from(number).expect("few")).into();
        let id = ParticipantId::from_parts(1, number as u128 + 1);
        let peer = Peer::new(self.now, address, plan, None).expect("a peer");
        self.clients.push(Client { id, key: None, address, peer, received: 0 });
        let identity = Arc::from(format!("user{number}"));
        let join = Command::Join {
            identity,
            grants: MediaGrants::ALL,
            auto: AutoSubscribe::Everything,
            playout_delay: None,
        };
        self.command(number, join);
        number
    }

    fn offer(&mut self, number: usize, offer: convene::load::peer::Offer) {
        let lines = offer
            .sending
            .iter()
            .map(|(mid, source)| SendLine {
                mid: mid.clone(),
                source: if *source == "mic" { Source::Mic } else { Source::Camera },
                muted: false,
            })
            .collect();
        self.command(number, Command::Offer { sdp: offer.sdp, generation: offer.generation, lines });
    }

    fn command(&mut self, number: usize, command: Command) {
        let id = self.clients[number].id;
        self.step(|room, ctx| room.command(ctx, id, command));
    }

    /// Lets time pass: timers of both sides, and every datagram.
    pub fn pass(&mut self, time: Duration) {
        self.arrive();
        self.now += time;
        self.step(Room::tick);
        for number in 0..self.clients.len() {
            let peer = &mut self.clients[number].peer;
            peer.handle_timeout(self.now).expect("timeouts");
            while let Some((_, mut datagram)) = self.clients[number].peer.poll_transmit() {
                self.datagram(number, &mut datagram);
            }
        }
        for _ in 0..100 {
            let mut due = None;
            self.step(|room, ctx| due = room.flush(ctx, HOLD));
            self.deliver();
            if due.is_none_or(|due| due > self.now) {
                break;
            }
        }
    }

    fn datagram(&mut self, number: usize, datagram: &mut [u8]) {
        let Client { key: Some(key), address, .. } = self.clients[number] else { return };
        self.step(|room, ctx| room.datagram(ctx, key, address, datagram));
    }

    /// Datagrams of so many frames of the publisher, as they would come from its socket.
    pub fn frames(&mut self, frames: u32, packets_per_frame: usize) -> Vec<Vec<Vec<u8>>> {
        let bitrate = packets_per_frame as u64 * 1_150 * 8 * 30;
        let plan = VideoPlan { bitrate, packet_size: 1_200, fps: 30, layers: 1, burst: true };
        let mut source = VideoSource::new(0, plan, self.now);
        (0..frames)
            .map(|frame| {
                let now = self.now + Duration::from_secs(1) * frame / 30;
                let peer = &mut self.clients[0].peer;
                while let Some(packet) = source.poll(now, 0) {
                    peer.send(now, packet).expect("sent");
                }
                std::iter::from_fn(|| peer.poll_transmit()).map(|(_, datagram)| datagram.to_vec()).collect()
            })
            .collect()
    }

    /// The path that is measured: the packets of one frame in, sealed packets for everybody in the outbox.
    /// Returns how many datagrams are sent; they arrive with the next `pass`, since a room that hears nothing of its
    /// packets slows down.
    pub fn forward(&mut self, frame: &mut [Vec<u8>]) -> usize {
        let Client { key: Some(key), address, .. } = self.clients[0] else { return 0 };
        let mut ctx = Context {
            now: self.now,
            environment: &self.environment,
            rng: &mut self.rng,
            out: &mut self.out,
            effects: &mut self.effects,
            stats: &mut self.stats,
        };
        for datagram in frame {
            self.room.datagram(&mut ctx, key, address, datagram);
        }
        let mut datagrams = 0;
        let mut due = Some(self.now);
        while due.is_some_and(|due| due <= self.now) {
            due = self.room.flush(&mut ctx, HOLD);
            for entry in ctx.out.entries() {
                self.on_the_way.extend_from_slice(ctx.out.datagram(entry));
                self.addressed.push((entry.to, entry.len()));
            }
            datagrams += ctx.out.entries().len();
            ctx.out.clear(); // here the shard sends
        }
        datagrams
    }

    /// What clients received so far.
    pub fn received(&self) -> u64 {
        self.clients.iter().map(|client| client.received).sum()
    }

    /// As `forward`, but the datagrams arrive.
    pub fn forward_for_real(&mut self, frame: &mut [Vec<u8>]) {
        for datagram in frame {
            self.datagram(0, datagram);
        }
        self.pass(Duration::from_millis(33));
    }

    fn arrive(&mut self) {
        let server: SocketAddr = SERVER.parse().expect("an address");
        let mut rest = self.on_the_way.as_slice();
        for (to, len) in self.addressed.drain(..) {
            let (datagram, behind) = rest.split_at(len);
            rest = behind;
            if let Some(client) = self.clients.iter_mut().find(|one| one.address == to) {
                let received = &mut client.received;
                client
                    .peer
                    .receive(self.now, server, datagram, |Incoming::Media { .. }| *received += 1)
                    .expect("authentic");
            }
        }
        self.on_the_way.clear();
    }

    fn deliver(&mut self) {
        let datagrams: Vec<(SocketAddr, Vec<u8>)> =
            self.out.entries().iter().map(|entry| (entry.to, self.out.datagram(entry).to_vec())).collect();
        self.out.clear();
        let server: SocketAddr = SERVER.parse().expect("an address");
        for (to, datagram) in datagrams {
            let Some(client) = self.clients.iter_mut().find(|one| one.address == to) else { continue };
            let received = &mut client.received;
            client
                .peer
                .receive(self.now, server, &datagram, |Incoming::Media { .. }| *received += 1)
                .expect("authentic");
        }
    }

    fn step(&mut self, work: impl FnOnce(&mut Room, &mut Context<'_>)) {
        let mut ctx = Context {
            now: self.now,
            environment: &self.environment,
            rng: &mut self.rng,
            out: &mut self.out,
            effects: &mut self.effects,
            stats: &mut self.stats,
        };
        let room = &mut self.room;
        let begun = clock::now();
        let counted = allocation_counter::measure(|| work(room, &mut ctx));
        self.worked += begun.elapsed();
        self.live_bytes += counted.bytes_current;
        let effects: Vec<Effect> = self.effects.drain().collect();
        for effect in effects {
            match effect {
                Effect::AddUfrag { participant, .. } => {
                    // A ufrag is made for the offer that is being answered: the newest client without a key.
                    if let Some(client) = self.clients.iter_mut().find(|client| client.key.is_none()) {
                        client.key = Some(participant);
                    }
                }
                Effect::Event(addressed) => {
                    let found = self.clients.iter().position(|one| one.id == addressed.participant);
                    if let Some(number) = found {
                        self.event(number, addressed.event);
                    }
                }
                _ => {}
            }
        }
    }

    fn event(&mut self, number: usize, event: Event) {
        let peer = &mut self.clients[number].peer;
        let offer = match event {
            Event::Answer { generation, sdp, .. } => peer.answer(self.now, generation, sdp),
            Event::Sections { audio, video } => peer.sections(self.now, audio.into(), video.into()),
            Event::NegotiationFailed { message, .. } => panic!("refused: {message}"),
            _ => return,
        };
        if let Some(offer) = offer.expect("negotiation") {
            self.offer(number, offer);
        }
    }
}
