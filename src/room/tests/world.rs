//! A room with clients around it, on a virtual clock. Its parts may live on several shards.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rtc_dtls::crypto_provider::providers::AwsLcRsProvider;

use super::{
    frame::Frame,
    offer::{offer_text, send_line},
    path::{Path, Uplink, Wire},
    peer::{self, Peer},
};
use crate::{
    base::{
        id::{ParticipantId, RoomId, ShardId, TrackId},
        playout::PlayoutDelay,
        rng::Rng,
    },
    room::{
        Context, Environment, ParticipantKey, Room,
        command::{AutoSubscribe, Command, MediaGrants},
        effect::{Effect, Effects},
        event::Event,
        relay::RelayMessage,
        stats::RoomStats,
        train::HOLD,
    },
    transport::{dtls::Identity, outbox::Outbox, srtp::Profile},
};

/// How many there may be.
pub const SHARDS: u16 = 3;

/// Where participants join if nothing else is said.
pub const FIRST: ShardId = ShardId(0);

/// One m-line of a test offer.
#[derive(Debug, Clone, Copy)]
pub enum Section {
    Mic { mid: &'static str },
    Camera { mid: &'static str, layers: &'static [&'static str] },
    Screen { mid: &'static str },
    ReceiveAudio { mid: &'static str },
    ReceiveVideo { mid: &'static str },
    Inactive { mid: &'static str },
}

pub(super) struct Member {
    id: ParticipantId,
    shard: ShardId,
    pub peer: Peer,
    /// What carries datagrams to it; without, they arrive at once.
    pub path: Option<Path>,
    /// What carries datagrams from it.
    pub uplink: Option<Uplink>,
    pub wire: Wire,
    events: Vec<Event>,
    tracks: Vec<TrackId>,
    lose_up: usize,
    lose_down: usize,
}

pub struct World {
    now: Instant,
    next_check: Instant,
    pub step: Duration,
    /// The part of each shard that has one.
    rooms: BTreeMap<ShardId, Room>,
    /// On their way between shards.
    letters: VecDeque<(ShardId, ShardId, RelayMessage)>,
    /// Layers of the media packets that crossed; audio is layer 0 too.
    crossed: Vec<u8>,
    /// So many media packets are lost between the shards; their shard is told, as it is by a full queue.
    pub lose_relayed: usize,
    /// Letters wait for `carry_one`.
    pub hold_letters: bool,
    /// Ways on which everything is lost.
    cut: BTreeSet<(ShardId, ShardId)>,
    environment: Environment,
    rng: Rng,
    out: Outbox,
    effects: Effects,
    stats: RoomStats,
    pub(super) members: Vec<Member>,
    addresses: BTreeMap<SocketAddr, (ShardId, ParticipantKey)>,
    ufrags: BTreeMap<String, (ShardId, ParticipantKey)>,
    pub only_aes_cm: bool,
    /// What those who join say of the room.
    pub playout_delay: Option<PlayoutDelay>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "the origin of the virtual clock; only differences matter")]
    pub fn new(seed: u64) -> Self {
        let now = Instant::now();
        let environment = Environment {
            identity: Identity::generate(Arc::new(AwsLcRsProvider::new())).unwrap(),
            candidates: vec![peer::SERVER.parse().unwrap()],
            tcp_candidates: Vec::new(),
            shard: 0,
            trains: true,
            audible: 0,
            playout_delay: PlayoutDelay::default(),
        };
        Self {
            now,
            next_check: now + Duration::from_secs(2),
            step: Duration::from_millis(10),
            rooms: BTreeMap::new(),
            letters: VecDeque::new(),
            crossed: Vec::new(),
            lose_relayed: 0,
            hold_letters: false,
            cut: BTreeSet::new(),
            environment,
            rng: Rng::from_seed(seed),
            out: Outbox::default(),
            effects: Effects::default(),
            stats: RoomStats::default(),
            members: Vec::new(),
            addresses: BTreeMap::new(),
            ufrags: BTreeMap::new(),
            only_aes_cm: false,
            playout_delay: None,
        }
    }

    pub fn join(&mut self, grants: MediaGrants, auto: AutoSubscribe) -> usize {
        self.join_on(FIRST, grants, auto)
    }

    /// Joins the part of the room on this shard, which is made if needed.
    pub fn join_on(&mut self, shard: ShardId, grants: MediaGrants, auto: AutoSubscribe) -> usize {
        self.join_with(shard, self.members.len(), grants, auto)
    }

    /// Joins once more, as the same person.
    pub fn join_as(&mut self, who: usize) -> usize {
        self.join_with(self.members[who].shard, who, MediaGrants::ALL, AutoSubscribe::Everything)
    }

    fn join_with(
        &mut self,
        shard: ShardId,
        person: usize,
        grants: MediaGrants,
        auto: AutoSubscribe,
    ) -> usize {
        let who = self.members.len();
        let port = 40_000 + u16::try_from(who).unwrap();
        self.members.push(Member {
            id: ParticipantId::from_parts(1, who as u128 + 1),
            shard,
            peer: Peer::new(self.now, port, self.only_aes_cm),
            path: None,
            uplink: None,
            wire: Wire::default(),
            events: Vec::new(),
            tracks: Vec::new(),
            lose_up: 0,
            lose_down: 0,
        });
        let identity = Arc::from(format!("user{person}"));
        let others: Vec<ShardId> =
            if self.rooms.contains_key(&shard) { vec![] } else { self.rooms.keys().copied().collect() };
        let id = self.members[who].id;
        let (now, playout_delay) = (self.now, self.playout_delay);
        self.rooms.entry(shard).or_insert_with(|| Room::new(RoomId::from_parts(1, 1), now));
        self.step(shard, |room, ctx| {
            room.greet(ctx, &others);
            room.command(ctx, id, Command::Join { identity, grants, auto, playout_delay });
        });
        self.settle();
        who
    }

    /// The part on this shard is discarded without a word, as after a panic; all other shards are told.
    pub fn lose_shard(&mut self, shard: ShardId) {
        if self.rooms.remove(&shard).is_none() {
            return;
        }
        for to in (0..SHARDS).map(ShardId).filter(|one| *one != shard) {
            self.write_letter(shard, to, RelayMessage::Goodbye);
        }
        self.settle();
    }

    /// The link to a shard starts afresh, as after lost messages.
    pub fn greet(&mut self, shard: ShardId, other: ShardId) {
        self.step(shard, |room, ctx| room.greet(ctx, &[other]));
        self.settle();
    }

    /// From now on everything is lost on this way, as after a message of state that found the queue full.
    pub fn cut(&mut self, from: ShardId, to: ShardId) {
        if from != to {
            self.cut.insert((from, to));
        }
    }

    /// The queue has room again: what a shard does then.
    pub fn mend(&mut self, from: ShardId, to: ShardId) {
        if self.cut.remove(&(from, to)) {
            self.write_letter(from, to, RelayMessage::Goodbye);
            if self.rooms.contains_key(&to) {
                self.greet(from, to);
            }
        }
    }

    /// Delivers the oldest letter of one of the ways.
    pub fn carry_one(&mut self, pick: u64) {
        let ways: Vec<_> =
            BTreeSet::from_iter(self.letters.iter().map(|(from, to, _)| (*from, *to))).into_iter().collect();
        if ways.is_empty() {
            return;
        }
        let way = ways[usize::try_from(pick % ways.len() as u64).unwrap()];
        let oldest = self.letters.iter().position(|(from, to, _)| (*from, *to) == way).unwrap();
        let (from, to, message) = self.letters.remove(oldest).unwrap();
        self.step(to, |room, ctx| room.relay(ctx, from, message));
    }

    fn write_letter(&mut self, from: ShardId, to: ShardId, message: RelayMessage) {
        if !self.cut.contains(&(from, to)) {
            self.letters.push_back((from, to, message));
        }
    }

    pub fn rooms(&self) -> &BTreeMap<ShardId, Room> {
        &self.rooms
    }

    pub fn shard_of(&self, who: usize) -> ShardId {
        self.members[who].shard
    }

    /// Layers of the media packets that crossed since the last call.
    pub fn take_crossed(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.crossed)
    }

    /// (sessions, publications, subscriptions) of a shard's part.
    pub fn counts(&self, shard: ShardId) -> (usize, usize, usize) {
        self.rooms[&shard].counts()
    }

    pub fn command(&mut self, who: usize, command: Command) {
        let (id, shard) = (self.members[who].id, self.members[who].shard);
        self.step(shard, |room, ctx| room.command(ctx, id, command));
        self.settle();
    }

    /// Returns the answer.
    pub fn offer(&mut self, who: usize, sections: &[Section]) -> String {
        self.offer_muted(who, sections, false)
    }

    pub fn offer_muted(&mut self, who: usize, sections: &[Section], muted: bool) -> String {
        let peer = &self.members[who].peer;
        let sdp = offer_text(peer, sections);
        let lines = sections.iter().filter_map(|section| send_line(section, muted)).collect();
        self.members[who].events.clear();
        self.command(who, Command::Offer { sdp, generation: 1, lines });
        let member = &mut self.members[who];
        let answer = member.events.iter().find_map(|event| match event {
            Event::Answer { sdp, mid_to_track, .. } => Some((sdp.clone(), mid_to_track.clone())),
            Event::NegotiationFailed { message, .. } => panic!("refused: {message}"),
            _ => None,
        });
        let (sdp, mid_to_track) = answer.expect("an answer");
        member.peer.learn_repairs(&sdp);
        member.tracks = mid_to_track.into_iter().map(|(_, track)| track).collect();
        sdp
    }

    pub fn connect(&mut self, who: usize) {
        self.check(who);
        self.members[who].peer.start_dtls();
        self.settle();
        assert!(self.members[who].peer.connected, "the handshake completes");
        assert!(self.events(who).iter().any(|event| matches!(event, Event::Connected)));
    }

    fn check(&mut self, who: usize) {
        let (key, shard) = (self.key(who), self.members[who].shard);
        let credentials =
            self.rooms[&shard].participants[key].session.as_ref().unwrap().ice().credentials().clone();
        self.members[who].peer.check(&credentials.ufrag, &credentials.pwd);
        self.settle();
    }

    pub fn restart_ice(&mut self, who: usize, sections: &[Section], address: &str) {
        self.members[who].peer.ufrag = "restarted".to_owned();
        self.offer(who, sections);
        self.members[who].peer.address = address.parse().unwrap();
        self.check(who);
    }

    /// The client's packets come from another address from now on, and it knows nothing of that.
    pub fn rebind(&mut self, who: usize, address: &str) {
        self.members[who].peer.address = address.parse().unwrap();
    }

    /// Where media to this client goes.
    pub fn target(&self, who: usize) -> String {
        let room = &self.rooms[&self.members[who].shard];
        let session = room.participants[self.key(who)].session.as_ref().unwrap();
        session.ice().selected().unwrap().to_string()
    }

    /// A media packet of the client that somebody on the way keeps.
    pub fn steal_packet(&mut self, who: usize) -> Vec<u8> {
        self.members[who].peer.send_audio(30);
        self.members[who].peer.outgoing.pop_front().unwrap()
    }

    pub(super) fn key(&self, who: usize) -> ParticipantKey {
        let member = &self.members[who];
        self.rooms[&member.shard].by_id[&member.id]
    }

    pub fn id(&self, who: usize) -> ParticipantId {
        self.members[who].id
    }

    pub fn profile(&self, who: usize) -> Option<Profile> {
        self.rooms[&self.members[who].shard].participants[self.key(who)].session.as_ref().unwrap().profile()
    }

    pub fn send_frames(&mut self, who: usize, per_tick: usize, ticks: usize, layers: &[u8]) {
        for _ in 0..ticks {
            for _ in 0..per_tick {
                self.members[who].peer.send_frame(layers);
            }
            self.settle();
            self.advance(Duration::from_millis(33));
        }
    }

    /// Packets that continue the last frame, without a flush of what may wait. Returns how many datagrams the
    /// server wants to send right away, and when it wants to be called again.
    pub fn send_continuation(&mut self, who: usize, markers: &[bool]) -> (usize, Option<Instant>) {
        let (key, shard) = (self.key(who), self.members[who].shard);
        for marker in markers {
            self.members[who].peer.send_continuation(*marker);
        }
        let from = self.members[who].peer.address;
        while let Some(mut datagram) = self.members[who].peer.outgoing.pop_front() {
            self.step(shard, |room, ctx| room.datagram(ctx, key, from, &mut datagram));
        }
        self.flush()
    }

    pub fn flush(&mut self) -> (usize, Option<Instant>) {
        let mut due = None;
        self.step_all(|room, ctx| due = due.or(room.flush(ctx, HOLD)));
        let datagrams = self.out.entries().len();
        self.deliver();
        (datagrams, due)
    }

    /// How many microphones are forwarded; 0 = all.
    pub fn limit_audible(&mut self, count: usize) {
        self.environment.audible = count;
    }

    pub fn refuse_trains(&mut self) {
        self.environment.trains = false;
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    pub fn send_audio(&mut self, who: usize, packets: usize, level: u8) {
        for _ in 0..packets {
            self.members[who].peer.send_audio(level);
            self.settle();
            self.advance(Duration::from_millis(20));
        }
    }

    pub fn take_video(&mut self, who: usize) -> Vec<Frame> {
        std::mem::take(&mut self.members[who].peer.frames)
    }

    pub fn peer(&mut self, who: usize) -> &mut Peer {
        &mut self.members[who].peer
    }

    /// Packets of other codecs than VP8, as they come from the publisher.
    pub fn send_raw(&mut self, who: usize, mid: &str, packets: &[peer::Raw]) {
        for packet in packets {
            self.members[who].peer.send_raw(mid, packet);
        }
        self.settle();
    }

    pub fn take_raw(&mut self, who: usize) -> Vec<peer::Raw> {
        std::mem::take(&mut self.members[who].peer.raw)
    }

    pub fn take_audio(&mut self, who: usize) -> usize {
        std::mem::take(&mut self.members[who].peer.audio)
    }

    pub fn events(&mut self, who: usize) -> Vec<Event> {
        std::mem::take(&mut self.members[who].events)
    }

    pub fn tracks(&self, who: usize) -> Vec<TrackId> {
        self.members[who].tracks.clone()
    }

    pub fn stats(&self) -> &RoomStats {
        &self.stats
    }

    pub fn plis_of_layer(&self, who: usize, layer: u8) -> usize {
        self.members[who].peer.plis.iter().filter(|ssrc| **ssrc == peer::media_ssrc(layer)).count()
    }

    pub fn repairs_sent_by(&self, who: usize) -> u64 {
        self.members[who].peer.repairs
    }

    pub fn lose_next_uplink(&mut self, who: usize, packets: usize) {
        self.members[who].lose_up = packets;
    }

    pub fn lose_next_downlink(&mut self, who: usize, packets: usize) {
        self.members[who].lose_down = packets;
    }

    /// Sequence numbers between the first and last received that never came.
    pub fn missing_video(&self, who: usize) -> Vec<u16> {
        let peer = &self.members[who].peer;
        let Some(seen) = peer.seen.get(&peer.video_ssrc) else { return Vec::new() };
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Vec::new() };
        (*first..=*last).filter(|sequence| !seen.contains(sequence)).collect()
    }

    pub fn assert_dense(&self, who: usize) {
        assert_eq!(self.missing_video(who), Vec::<u16>::new());
    }

    pub fn nack(&mut self, who: usize, sequences: &[u16]) {
        self.members[who].peer.nack(sequences);
        self.settle();
    }

    pub fn send_report(&mut self, who: usize, layer: u8, ntp: u64) {
        self.members[who].peer.send_report(layer, ntp);
        self.settle();
    }

    /// The clock mappings somebody received, and the timestamp of the newest video packet.
    pub fn reports(&self, who: usize) -> (&[(u64, u32)], u32) {
        let peer = &self.members[who].peer;
        (&peer.reports, peer.video_timestamp)
    }

    /// A message between shards that nobody sent here.
    pub fn post(&mut self, from: ShardId, to: ShardId, message: RelayMessage) {
        self.letters.push_back((from, to, message));
        self.settle();
    }

    pub fn open_channel(&mut self, who: usize, label: &'static str) {
        self.members[who].peer.open_channel(self.now, label);
        self.settle();
        self.advance(Duration::from_millis(500));
    }

    pub fn say(&mut self, who: usize, text: &str) {
        self.members[who].peer.say(self.now, text);
        self.settle();
        self.advance(Duration::from_millis(500));
    }

    pub fn heard(&self, who: usize) -> &[String] {
        &self.members[who].peer.messages
    }

    pub fn silence(&mut self, who: usize) {
        self.members[who].peer.silent = true;
    }

    pub fn is_empty(&self) -> bool {
        self.rooms.values().all(Room::is_empty) && self.addresses.is_empty() && self.ufrags.is_empty()
    }

    pub fn forged_client_hello(&self) -> Vec<u8> {
        let mut attacker = Peer::new(self.now, 50_000, false);
        attacker.start_dtls();
        attacker.outgoing.pop_front().expect("a ClientHello")
    }

    pub fn inject(&mut self, who: usize, from: &str, datagram: &[u8]) {
        let (key, shard) = (self.key(who), self.members[who].shard);
        let mut packet = datagram.to_vec();
        let from = from.parse().unwrap();
        self.step(shard, |room, ctx| room.datagram(ctx, key, from, &mut packet));
    }

    pub fn inject_own_address(&mut self, who: usize, datagram: &[u8]) {
        let from = self.members[who].peer.address.to_string();
        self.inject(who, &from, datagram);
    }

    /// Time passes in steps of 10 ms, or finer; clients that are not silent keep their consent fresh.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while self.now < until {
            self.now = (self.now + self.step).min(until);
            self.step_all(Room::tick);
            for member in &mut self.members {
                member.peer.flush_sctp(self.now);
                member.follow_path(self.now);
            }
            self.follow_uplinks();
            self.settle();
            if self.now >= self.next_check {
                self.next_check = self.now + Duration::from_secs(2);
                for who in 0..self.members.len() {
                    let alive = self.is_in(who);
                    if alive && !self.members[who].peer.silent && self.members[who].peer.connected {
                        self.check(who);
                    }
                }
            }
        }
    }

    fn is_in(&self, who: usize) -> bool {
        let member = &self.members[who];
        self.rooms.get(&member.shard).is_some_and(|room| room.by_id.contains_key(&member.id))
    }

    fn step_all(&mut self, mut work: impl FnMut(&mut Room, &mut Context<'_>)) {
        let shards: Vec<ShardId> = self.rooms.keys().copied().collect();
        for shard in shards {
            self.step(shard, &mut work);
        }
    }

    fn step(&mut self, shard: ShardId, work: impl FnOnce(&mut Room, &mut Context<'_>)) {
        let Some(room) = self.rooms.get_mut(&shard) else { return };
        let mut ctx = Context {
            now: self.now,
            environment: &self.environment,
            rng: &mut self.rng,
            out: &mut self.out,
            effects: &mut self.effects,
            stats: &mut self.stats,
        };
        work(room, &mut ctx);
        if room.is_empty() {
            self.rooms.remove(&shard);
        }
        for effect in self.effects.drain() {
            match effect {
                Effect::Event(addressed) => {
                    if let Some(member) = self.members.iter_mut().find(|one| one.id == addressed.participant)
                    {
                        match addressed.event {
                            Event::Several(events) => member.events.extend(events),
                            event => member.events.push(event),
                        }
                    }
                }
                Effect::AddUfrag { ufrag, participant, .. } => {
                    self.ufrags.insert(ufrag, (shard, participant));
                }
                Effect::RemoveUfrag { ufrag } => {
                    assert!(self.ufrags.remove(&ufrag).is_some(), "a ufrag is removed once");
                }
                Effect::AddAddress { address, participant, .. } => {
                    self.addresses.insert(address, (shard, participant));
                }
                Effect::RemoveAddress { address } => {
                    assert!(self.addresses.remove(&address).is_some(), "an address is removed once");
                }
                Effect::Relay { to, message, .. } if !self.cut.contains(&(shard, to)) => {
                    self.letters.push_back((shard, to, message));
                }
                Effect::Relay { .. } => {}
            }
        }
    }

    /// Carries datagrams both ways until nothing moves.
    pub fn settle(&mut self) {
        for _ in 0..200 {
            let mut moved = false;
            for who in 0..self.members.len() {
                while let Some(mut datagram) = self.members[who].peer.outgoing.pop_front() {
                    moved = true;
                    let member = &mut self.members[who];
                    if member.lose_up > 0 && datagram[0] & 0xC0 == 0x80 {
                        member.lose_up -= 1;
                        continue;
                    }
                    match &mut member.uplink {
                        Some(uplink) => uplink.push(self.now, datagram),
                        None => self.hand_in(who, &mut datagram),
                    }
                }
            }
            moved |= self.carry_letters();
            self.step_all(|room, ctx| {
                room.flush(ctx, Duration::ZERO);
            });
            moved |= self.deliver();
            if !moved {
                return;
            }
        }
        panic!("datagrams never settle");
    }

    /// A datagram of somebody reaches the server.
    pub(super) fn hand_in(&mut self, who: usize, datagram: &mut [u8]) {
        let (from, shard) = (self.members[who].peer.address, self.members[who].shard);
        if self.is_in(who) {
            let key = self.key(who);
            self.step(shard, |room, ctx| room.datagram(ctx, key, from, datagram));
        }
    }

    fn carry_letters(&mut self) -> bool {
        if self.hold_letters {
            return false;
        }
        let moved = !self.letters.is_empty();
        while let Some((from, to, message)) = self.letters.pop_front() {
            if let RelayMessage::Media { track, layer, .. } = &message {
                let (track, layer) = (*track, *layer);
                if self.lose_relayed > 0 {
                    self.lose_relayed -= 1;
                    self.step(from, |room, ctx| room.relay_lost(ctx, track, layer));
                    continue;
                }
                self.crossed.push(layer);
            }
            self.step(to, |room, ctx| room.relay(ctx, from, message));
        }
        moved
    }

    fn deliver(&mut self) -> bool {
        let datagrams: Vec<(SocketAddr, Vec<u8>)> =
            self.out.entries().iter().map(|entry| (entry.to, self.out.datagram(entry).to_vec())).collect();
        self.out.clear();
        for (to, datagram) in &datagrams {
            let Some(member) = self.members.iter_mut().find(|one| one.peer.address == *to) else { continue };
            let is_rtp = datagram[0] & 0xC0 == 0x80 && !(192..224).contains(&datagram[1]);
            if is_rtp {
                member.wire.sent(datagram);
            }
            if member.lose_down > 0 && is_rtp {
                member.lose_down -= 1;
                continue;
            }
            if member.peer.silent {
                continue;
            }
            match &mut member.path {
                Some(path) => path.push(self.now, datagram),
                None => member.peer.handle(self.now, datagram),
            }
        }
        !datagrams.is_empty()
    }
}
