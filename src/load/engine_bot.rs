//! The media half of one bot: its socket, its connection, what it sends and what it checks.

use std::{
    collections::HashMap,
    io::ErrorKind,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use mio::net::UdpSocket;
use tokio::sync::mpsc;

use super::{
    check::{self, StreamCheck},
    engine::BotEvent,
    payload::MediaKind,
    peer::{Incoming, Offer, Peer, PeerPlan, PeerState, REPAIR_PAYLOAD_TYPE},
    sink::{Counted, Sink, SinkPlan},
    source::{AudioSource, OutPacket, VideoPlan, VideoSource},
    totals::{Totals, Window},
};
use crate::runtime::clock;

/// A burst of several frames to a bot must fit while its thread serves the others.
const SOCKET_BUFFER: usize = 1 << 20;
/// How soon a timeout that is already over is looked at again.
const MIN_SLEEP: Duration = Duration::from_millis(1);
/// Bots begin to send this much apart, so that their frames do not all fall on the same moment.
const STAGGER: Duration = Duration::from_micros(7_300);

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MediaPlan {
    pub video: Option<VideoPlan>,
    /// Publishes a microphone.
    pub audio: bool,
    /// Sends audio on it.
    pub speaks: bool,
    /// Or silence, packet by packet.
    pub murmurs: bool,
    /// Whether the bot watches the others.
    pub receives: bool,
    pub sink: Option<SinkPlan>,
    pub receive_audio: usize,
    pub receive_video: usize,
    /// Repairs as browsers do on a path of this round trip.
    pub round_trip: Option<Duration>,
}

/// What reading needs from the engine.
pub struct Received<'a> {
    pub start: Instant,
    pub window: Option<&'a mut Window>,
    pub buffer: &'a mut [u8],
}

pub struct BotMedia {
    id: u32,
    plan: MediaPlan,
    socket: UdpSocket,
    sink: Option<Sink>,
    peer: Peer,
    events: mpsc::Sender<BotEvent>,
    video: Option<VideoSource>,
    audio: Option<AudioSource>,
    watched: Watched,
    reported: PeerState,
    next_due: Instant,
}

/// Received media and its judgement.
#[derive(Default)]
struct Watched {
    tracks: HashMap<String, (u32, MediaKind)>,
    /// By SSRC.
    checks: HashMap<u32, StreamCheck>,
    /// Packets inside the window that were what was sent.
    verified: u64,
    /// Packets of tracks that nobody announced.
    unknown: u64,
    /// Set once, taken when reported.
    first_media: Option<Instant>,
    seen_first: bool,
    wants_video: bool,
    /// Not ours to judge: that it could be decrypted is all that is known of a packet.
    foreign: bool,
}

impl BotMedia {
    pub fn new(
        now: Instant,
        id: u32,
        plan: MediaPlan,
        server: SocketAddr,
        events: mpsc::Sender<BotEvent>,
    ) -> anyhow::Result<Self> {
        let (socket, local) = bind_towards(server).context("bind a UDP socket")?;
        let peer_plan = PeerPlan {
            video_layers: plan.video.map_or(0, |video| video.layers),
            audio: plan.audio,
            speaks: plan.speaks,
            receive_audio: plan.receive_audio,
            receive_video: plan.receive_video,
            round_trip: plan.round_trip,
        };
        let sink = plan.sink.map(|sink| Sink::new(&socket, sink, REPAIR_PAYLOAD_TYPE)).transpose()?;
        let (mut sink, arrivals) = sink.unzip();
        let mut peer = Peer::new(now, local, &peer_plan, arrivals)?;
        let offer = peer.offer(now)?;
        if let Some(sink) = &mut sink {
            sink.set_transport_cc_id(offer.transport_cc_id());
        }
        let mut bot = Self {
            id,
            plan,
            socket,
            sink,
            peer,
            events,
            video: None,
            audio: None,
            watched: Watched {
                wants_video: plan.receive_video > 0,
                foreign: plan.sink.is_some_and(|sink| sink.foreign),
                ..Watched::default()
            },
            reported: PeerState::Connecting,
            next_due: now,
        };
        bot.offered(Ok(Some(offer)));
        Ok(bot)
    }

    pub fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    pub fn next_due(&self) -> Instant {
        self.next_due
    }

    pub fn answer(&mut self, now: Instant, generation: u64, sdp: String) {
        let next = self.peer.answer(now, generation, sdp);
        self.offered(next);
        self.settle(now, None);
    }

    pub fn sections(&mut self, now: Instant, audio: usize, video: usize) {
        if self.plan.receives {
            let offer = self.peer.sections(now, audio, video);
            self.offered(offer);
        }
    }

    pub fn know_track(&mut self, track: String, publisher: u32, kind: MediaKind) {
        self.watched.tracks.insert(track, (publisher, kind));
    }

    /// Reads the socket until it is empty.
    pub fn read(&mut self, received: &mut Received<'_>) {
        let control = match self.sink.take() {
            Some(mut sink) => {
                let control = self.read_batches(&mut sink, received);
                self.sink = Some(sink);
                control
            }
            None => self.read_singly(received),
        };
        self.report_first_media();
        if control {
            self.settle(clock::now(), received.window.as_deref_mut());
        } else {
            self.reschedule(clock::now());
        }
    }

    /// Whether anything but media came.
    fn read_singly(&mut self, received: &mut Received<'_>) -> bool {
        let Received { start, window, buffer } = received;
        let mut control = false;
        loop {
            let (length, from) = match self.socket.recv_from(buffer) {
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Empty, or a port that was closed when we sent: both end the batch.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(_) => return control,
            };
            let now = clock::now();
            let Some(datagram) = buffer.get(..length) else { continue };
            control |= !is_media(datagram);
            if let Some(window) = window.as_deref_mut() {
                window.received(datagram.len(), is_media(datagram));
            }
            self.take_in(now, *start, from, datagram, window);
        }
    }

    /// As above, for a sink.
    fn read_batches(&mut self, sink: &mut Sink, received: &mut Received<'_>) -> bool {
        let Received { start, window, buffer } = received;
        let mut control = false;
        while let Some(batch) = sink.receive(&self.socket, buffer) {
            let now = clock::now();
            for (meta, datagram) in batch {
                control |= !is_media(datagram);
                if let Some(window) = window.as_deref_mut() {
                    window.received(datagram.len(), is_media(datagram));
                }
                if sink.take(now, datagram)
                    && let Some(whole) = self.take_in(now, *start, meta.addr, datagram, window)
                {
                    sink.saw_whole_frame(whole);
                }
            }
        }
        control
    }

    /// Through the full stack; the SSRC of a frame that became whole.
    fn take_in(
        &mut self,
        now: Instant,
        start: Instant,
        from: SocketAddr,
        datagram: &[u8],
        window: &mut Option<&mut Window>,
    ) -> Option<u32> {
        let watched = &mut self.watched;
        let elapsed_us = micros(now.saturating_duration_since(start));
        let mut whole = None;
        let result = self.peer.receive(now, from, datagram, |Incoming::Media { track, packet }| {
            if watched.packet(now, elapsed_us, track, &packet, window.as_deref_mut()) {
                whole = Some(packet.header.ssrc);
            }
        });
        if let Err(error) = result {
            self.fail(format!("receive: {error:#}"));
        }
        whole
    }

    pub fn handle_timeout(&mut self, now: Instant, start: Instant, window: Option<&mut Window>) {
        if self.peer.next_timeout().is_some_and(|due| due <= now)
            && let Err(error) = self.peer.handle_timeout(now)
        {
            self.fail(format!("timeout: {error:#}"));
        }
        let mut window = window;
        while let Some(packet) = self.poll_sources(now, micros(clock::now().saturating_duration_since(start)))
        {
            if let Some(window) = &mut window {
                window.sent((self.id, packet.kind), packet.layer);
            }
            if let Err(error) = self.peer.send(now, packet) {
                self.fail(format!("send: {error:#}"));
                break;
            }
        }
        self.settle(now, window);
    }

    pub fn open_window(&mut self, window: &Window) {
        for check in self.watched.checks.values_mut() {
            if let Some(first) = window.first(check.source()) {
                check.open_window(first);
            }
        }
        if let Some(sink) = &mut self.sink {
            sink.open_window();
        }
    }

    pub fn close_window(&mut self, ends: &HashMap<(u32, MediaKind), u32>) {
        for check in self.watched.checks.values_mut() {
            if let Some(end) = ends.get(&check.source()) {
                check.close_window(*end);
            }
        }
        if let Some(sink) = &mut self.sink {
            sink.close_window();
        }
    }

    /// What its sources send next, of those that others are to receive: silence may be left out.
    pub fn next_frames(&self) -> impl Iterator<Item = (MediaKind, u32)> {
        let video = self.video.as_ref().map(|video| (MediaKind::Video, video.next_frame()));
        let spoken = self.audio.as_ref().filter(|_| self.plan.speaks);
        let audio = spoken.map(|audio| (MediaKind::Audio, audio.next_frame()));
        video.into_iter().chain(audio)
    }

    pub fn add_to(&self, id: u32, window: Option<&Window>, totals: &mut Totals) {
        totals.unknown_packets += self.watched.unknown;
        if let Some(sink) = &self.sink {
            self.add_counts_to(id, sink, window, totals);
            return;
        }
        for check in self.watched.checks.values() {
            totals.add_check(id, check, window);
        }
        if let Some(window) = window.filter(|_| self.plan.receives) {
            totals.add_expected(id, window);
        }
    }

    /// Of a sink: what was counted, and the faults of the sample.
    fn add_counts_to(&self, id: u32, sink: &Sink, window: Option<&Window>, totals: &mut Totals) {
        for check in self.watched.checks.values() {
            totals.add_faults(id, check);
        }
        let mut by_source: HashMap<_, Counted> = HashMap::new();
        for (ssrc, counted) in sink.counted() {
            match self.watched.checks.get(&ssrc) {
                Some(check) => *by_source.entry(check.source()).or_default() += counted,
                None if self.watched.foreign => totals.add_foreign(counted),
                // Counted, but nothing of it could be attributed, let alone verified.
                None => totals.unknown_packets += counted.received,
            }
        }
        if let Some(window) = window {
            totals.add_counted(id, &by_source, window);
            totals.sinks.repairs += sink.repairs();
            totals.sinks.verified += self.watched.verified;
        }
    }

    pub fn close(&mut self) {
        self.peer.close();
        self.transmit();
    }

    fn poll_sources(&mut self, now: Instant, elapsed_us: u64) -> Option<OutPacket> {
        self.audio
            .as_mut()
            .and_then(|audio| audio.poll(now, elapsed_us))
            .or_else(|| self.video.as_mut().and_then(|video| video.poll(now, elapsed_us)))
    }

    /// After anything that may have changed the connection: state, keyframe requests, datagrams, timeouts.
    fn settle(&mut self, now: Instant, window: Option<&mut Window>) {
        let state = self.peer.update_state();
        if state != self.reported {
            self.reported = state;
            match state {
                PeerState::Connected => self.connected(now),
                PeerState::Failed => self.fail("the connection failed".into()),
                PeerState::Connecting => {}
            }
        }
        let mut requests = 0;
        while let Some(layer) = self.peer.poll_keyframe_request() {
            requests += 1;
            if let Some(video) = &mut self.video {
                video.request_keyframe(layer);
            }
        }
        if let Some(window) = window {
            window.keyframe_requests += requests;
        }
        self.transmit();
        self.reschedule(now);
    }

    fn connected(&mut self, now: Instant) {
        let start = now + STAGGER * (self.id % 16);
        self.video = self.plan.video.map(|plan| VideoSource::new(self.id, plan, start));
        self.audio = (self.plan.speaks || self.plan.murmurs).then(|| AudioSource::new(self.id, start));
        let _ = self.events.try_send(BotEvent::Connected(now));
    }

    fn report_first_media(&mut self) {
        if let Some(at) = self.watched.first_media.take() {
            let _ = self.events.try_send(BotEvent::FirstMedia(at));
        }
    }

    fn offered(&mut self, offer: anyhow::Result<Option<Offer>>) {
        match offer {
            Ok(Some(offer)) => {
                let _ = self.events.try_send(BotEvent::Offer(offer));
            }
            Ok(None) => {}
            Err(error) => self.fail(format!("negotiation: {error:#}")),
        }
    }

    fn fail(&mut self, why: String) {
        let _ = self.events.try_send(BotEvent::Failed(why));
    }

    fn transmit(&mut self) {
        while let Some((to, datagram)) = self.peer.poll_transmit() {
            // A full socket buffer loses the datagram, as a network would.
            let _ = self.socket.send_to(&datagram, to);
        }
    }

    fn reschedule(&mut self, now: Instant) {
        let sources = [
            self.video.as_ref().map(VideoSource::next_timeout),
            self.audio.as_ref().map(AudioSource::next_timeout),
        ];
        let connection = self.peer.next_timeout().map(|due| due.max(now + MIN_SLEEP));
        let due = sources.into_iter().flatten().chain(connection).min();
        self.next_due = due.unwrap_or(now + Duration::from_secs(1));
    }
}

impl Watched {
    /// Whether a frame that a receiver can begin with became whole.
    fn packet(
        &mut self,
        now: Instant,
        elapsed_us: u64,
        track: &str,
        packet: &rtc::rtp::Packet,
        window: Option<&mut Window>,
    ) -> bool {
        // Padding probes carry nothing to judge.
        if packet.payload.is_empty() {
            return false;
        }
        if self.foreign {
            self.verified += u64::from(window.is_some_and(|window| window.is_open()));
            return false;
        }
        let header = &packet.header;
        let check = match self.checks.entry(header.ssrc) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let Some(&(publisher, kind)) = self.tracks.get(track) else {
                    self.unknown += 1;
                    return false;
                };
                let mut check = StreamCheck::new(kind, publisher);
                if let Some(first) = window.as_deref().and_then(|window| window.first((publisher, kind))) {
                    check.open_window(first);
                }
                entry.insert(check)
            }
        };
        let kind = check.source().1;
        let accepted = check.receive(
            now,
            &check::Received {
                sequence: header.sequence_number,
                timestamp: header.timestamp,
                marker: header.marker,
                payload: &packet.payload,
            },
        );
        let Some(accepted) = accepted else { return false };
        if let Some(window) = window {
            self.verified += u64::from(window.is_open());
            window.arrived(now, Duration::from_micros(elapsed_us.saturating_sub(accepted.sent_us)));
        }
        let Some(frame) = accepted.completed else { return false };
        if !self.seen_first && (kind == MediaKind::Video && frame.keyframe || !self.wants_video) {
            self.seen_first = true;
            self.first_media = Some(now);
        }
        kind == MediaKind::Audio || frame.keyframe
    }
}

/// RFC 7983 and RFC 5761: RTP, but not RTCP.
fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [first, second, ..] if first >> 6 == 2 && !(64..=95).contains(&(second & 0x7f)))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A socket, and the address that the server sees: the one the kernel would use to reach it. Bound to every
/// address, because the media may live on another one than the web server.
fn bind_towards(server: SocketAddr) -> std::io::Result<(UdpSocket, SocketAddr)> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let route = std::net::UdpSocket::bind(any)?;
    route.connect(server)?;

    let socket = socket2::Socket::new(socket2::Domain::for_address(any), socket2::Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    // The kernel caps what it grants.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.bind(&any.into())?;
    let socket = UdpSocket::from_std(socket.into());
    let local = SocketAddr::new(route.local_addr()?.ip(), socket.local_addr()?.port());
    Ok((socket, local))
}
