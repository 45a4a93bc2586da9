//! A member behind a path that is slow, long or lossy.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::world::{Member, World};
use crate::{
    base::seq::SeqExtender,
    netem::{
        link::{Counters, Link},
        tcp::{self, Tcp},
    },
    proto::rtp::Header,
};

/// As browsers report: often enough to follow, seldom enough to be cheap.
const REPORT: Duration = Duration::from_millis(50);

#[derive(Clone)]
struct Carried {
    sent: Instant,
    bytes: Vec<u8>,
    /// Of the flow that shares the path.
    foreign: bool,
}

impl AsRef<[u8]> for Carried {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

pub struct Path {
    link: Link<Carried>,
    next_report: Option<Instant>,
    /// How long the newest datagram took, and when it took more than half a second in all.
    pub delay: Duration,
    pub late: Duration,
    last: Option<Instant>,
    /// The longest that a datagram waited or took, since somebody last looked.
    pub longest: Duration,
    pub bytes: u64,
    /// Somebody else's flow through the same bottleneck.
    pub tcp: Option<Tcp>,
}

impl Path {
    pub fn push(&mut self, now: Instant, datagram: &[u8]) {
        self.link.push(now, Carried { sent: now, bytes: datagram.to_vec(), foreign: false });
    }

    pub fn overflowed(&self) -> u64 {
        self.link.counters().overflowed
    }

    pub fn counters(&self) -> Counters {
        self.link.counters()
    }
}

/// What carries datagrams from somebody to the server.
pub struct Uplink(Link<Vec<u8>>);

impl Uplink {
    pub fn push(&mut self, now: Instant, datagram: Vec<u8>) {
        self.0.push(now, datagram);
    }
}

/// What the server sent to somebody, as anybody on the way can see it. Holds for every test.
#[derive(Default)]
pub struct Wire(BTreeMap<u32, Stream>);

struct Stream {
    /// What was sent under each number.
    sent: BTreeMap<u64, Vec<u8>>,
    extender: SeqExtender,
    /// Of the newest packet.
    timestamp: u32,
}

impl Wire {
    pub fn sent(&mut self, datagram: &[u8]) {
        let header = Header::parse(datagram).expect("RTP");
        let stream = self.0.entry(header.ssrc).or_insert_with(|| Stream {
            sent: BTreeMap::new(),
            extender: SeqExtender::default(),
            timestamp: header.timestamp,
        });
        let newest = stream.extender.highest();
        let sequence = stream.extender.extend(header.sequence);
        // Audio is repaired by the same packet once more; other bytes under one number would break the cipher.
        let before = stream.sent.insert(sequence, datagram.to_vec());
        let audio = matches!(header.payload_type, 63 | 111);
        assert!(
            before.is_none_or(|before| audio && before == datagram),
            "{:x}: sequence {sequence} is used twice",
            header.ssrc
        );
        let Some(newest) = newest.filter(|newest| sequence > *newest) else { return };
        assert!(sequence - newest < MAX_JUMP, "{:x}: a jump from {newest} to {sequence}", header.ssrc);
        let backwards = header.timestamp.wrapping_sub(stream.timestamp).cast_signed() < 0;
        assert!(
            RTX.contains(&header.payload_type) || !backwards,
            "{:x}: time goes back at {sequence}",
            header.ssrc
        );
        stream.timestamp = header.timestamp;
    }
}

/// A receiver that misses more loses track of rollovers.
const MAX_JUMP: u64 = 1_000;
const RTX: [u8; 3] = [97, 99, 46];

impl Member {
    pub(super) fn follow_path(&mut self, now: Instant) {
        self.peer.ask_again(now);
        let Some(path) = &mut self.path else { return };
        if let Some(tcp) = &mut path.tcp {
            tcp.send(now, &mut path.link, || Carried {
                sent: now,
                bytes: vec![0; tcp::PACKET],
                foreign: true,
            });
        }
        while let Some(carried) = path.link.pop(now) {
            if let Some(tcp) = path.tcp.as_mut().filter(|_| carried.foreign) {
                tcp.arrived();
                continue;
            }
            path.delay = now - carried.sent;
            path.longest = path.longest.max(path.delay);
            path.bytes += carried.bytes.len() as u64;
            self.peer.handle(now, &carried.bytes);
        }
        if path.delay > Duration::from_millis(500) {
            path.late += path.last.map_or(Duration::ZERO, |last| now - last);
        }
        path.last = Some(now);
        let due = *path.next_report.get_or_insert(now);
        if now >= due && self.peer.connected {
            path.next_report = Some(now + REPORT);
            self.peer.report_arrivals();
            if self.peer.forgiving && self.peer.nacks.is_none() {
                self.peer.nack_missing();
            }
        }
    }
}

impl World {
    /// Puts a path in front of somebody who reports arrivals; has to be called before its offer.
    pub fn reports_arrivals(&mut self, who: usize) {
        self.members[who].peer.reports_arrivals = true;
    }

    /// For simulations: who it is, what it sends, and that it behaves as a browser.
    pub fn prepare(&mut self, who: usize, tag: u8, frame_bytes: [usize; 3]) {
        let peer = &mut self.members[who].peer;
        (peer.tag, peer.frame_bytes, peer.forgiving, peer.reports_arrivals) = (tag, frame_bytes, true, true);
    }

    /// One frame on its way, without waiting for what comes of it.
    pub fn put_frame(&mut self, who: usize, layers: &[u8]) {
        self.members[who].peer.send_frame(layers);
    }

    pub fn put_audio(&mut self, who: usize, level: u8) {
        self.members[who].peer.send_audio(level);
    }

    /// From now on datagrams to `who` go through this network.
    pub fn impair(&mut self, who: usize, text: &str) {
        let impair: crate::netem::impair::Impair = text.parse().unwrap();
        let member = &mut self.members[who];
        match &mut member.path {
            Some(path) => path.link.set_impair(impair),
            None => {
                member.path = Some(Path {
                    link: Link::new(impair),
                    next_report: None,
                    delay: Duration::ZERO,
                    late: Duration::ZERO,
                    last: None,
                    longest: Duration::ZERO,
                    bytes: 0,
                    tcp: None,
                });
            }
        }
    }

    /// From now on datagrams of `who` go through this network.
    pub fn impair_up(&mut self, who: usize, text: &str) {
        let impair: crate::netem::impair::Impair = text.parse().unwrap();
        match &mut self.members[who].uplink {
            Some(uplink) => uplink.0.set_impair(impair),
            none => *none = Some(Uplink(Link::new(impair))),
        }
    }

    /// Hands in what has come through by now.
    pub(super) fn follow_uplinks(&mut self) {
        let now = self.now();
        for who in 0..self.members.len() {
            while let Some(mut datagram) =
                self.members[who].uplink.as_mut().and_then(|uplink| uplink.0.pop(now))
            {
                self.hand_in(who, &mut datagram);
            }
        }
    }

    pub fn path(&self, who: usize) -> &Path {
        self.members[who].path.as_ref().unwrap()
    }

    pub fn path_mut(&mut self, who: usize) -> &mut Path {
        self.members[who].path.as_mut().unwrap()
    }

    /// Sizes of the frames from now on, lowest layer first.
    pub fn frame_bytes(&mut self, who: usize, bytes: [usize; 3]) {
        self.members[who].peer.frame_bytes = bytes;
    }

    /// What the server believes of the path to somebody: bits per second, and its queue.
    pub fn estimate(&self, who: usize) -> Option<(u64, Duration)> {
        let room = &self.rooms()[&self.shard_of(who)];
        let estimator = room.participants[self.key(who)].downlink.estimate()?;
        Some((estimator.bps(), estimator.queue_delay()))
    }

    /// For the message of a failed test: what somebody gets and why.
    pub fn describe(&self, who: usize) -> String {
        let room = &self.rooms()[&self.shard_of(who)];
        let participant = &room.participants[self.key(who)];
        let mut text = format!("{:?}\n", participant.downlink);
        for subscription in participant.subscriptions.iter().map(|key| &room.subscriptions[*key]) {
            let publication = &room.publications[subscription.publication];
            let forwarder = subscription.forwarder.as_ref();
            text += &format!(
                "{:?} wants {:?} gets {:?} target {:?} current {:?} flows {:?} muted {}\n",
                subscription.kind,
                subscription.wanted_layer,
                subscription.share,
                forwarder.and_then(|one| one.target()),
                forwarder.and_then(|one| one.current()),
                publication.flowing_layers(self.now()).collect::<Vec<_>>(),
                publication.is_muted(),
            );
        }
        text
    }

    pub fn probes(&self, who: usize) -> usize {
        self.members[who].peer.probes
    }
}
