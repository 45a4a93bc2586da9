use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use mio::Poll;
use rtc_dtls::crypto_provider::{RTCCryptoProvider, providers::AwsLcRsProvider};
use rtc_stun::{
    attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME, ATTR_XORMAPPED_ADDRESS, RawAttribute},
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message as Stun, Setter, TransactionId},
    textattrs::TextAttribute,
    xoraddr::XorMappedAddress,
};
use tokio::sync::mpsc;

use super::*;
use crate::{
    base::{
        id::{ParticipantId, RoomId},
        playout::PlayoutDelay,
    },
    proto::framing::{Deframer, MAX_FRAME, prefix},
    room::{
        command::{AutoSubscribe, Command, MediaGrants},
        event::{CloseReason, Event as RoomEvent},
    },
    runtime::{
        clock,
        hub::{JoinRequest, MediaConfig, MediaHub},
        queue::EventReceiver,
        tcp::listener::{Limits, Permit},
    },
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A port without a shard, and the clients connected to it.
struct Bench {
    poll: Poll,
    port: TcpPort,
    listener: TcpListener,
}

impl Bench {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let port = TcpPort::new(poll.registry().try_clone().unwrap(), clock::now());
        Self { poll, port, listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    /// A client and how the port knows it.
    fn connect(&mut self) -> (TcpStream, SocketAddr) {
        let client = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let (stream, peer) = self.listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = mio::net::TcpStream::from_std(stream);
        let deadline = self.port.now + Duration::from_secs(10);
        self.port.adopt(Handover { stream, peer, deadline, permit: Permit::unlimited() });
        let address = self.port.connections.values().map(|one| one.address);
        (client, address.max_by_key(remote::connection).unwrap())
    }

    fn wake(&mut self, now: Instant) {
        let mut events = Events::with_capacity(16);
        self.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        self.port.wake(&events, now);
    }

    fn send(&mut self, to: &SocketAddr, contents: &[u8], segment: usize) -> SendReport {
        let mut report = SendReport::default();
        self.port.send(remote::connection(to).unwrap(), contents, segment, &mut report);
        self.port.flush(&mut report);
        report
    }

    /// Frames that come within `PATIENCE`, until there are `count` or a connection ends.
    fn frames(&mut self, count: usize, proof: Proof) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut found, until) = (Vec::new(), clock::now() + PATIENCE);
        while found.len() < count && self.port.ended.is_empty() {
            assert!(clock::now() < until, "only {} of {count} frames", found.len());
            let now = self.port.now;
            self.wake(now);
            self.port.receive(|from, frame| {
                found.push((from, frame.to_vec()));
                proof
            });
        }
        found
    }
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    [&prefix(datagram.len()).unwrap()[..], datagram].concat()
}

/// An RTP packet, as far as its first bytes go.
fn media(number: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&number.to_be_bytes());
    packet.resize(1_200, number.to_be_bytes()[3]);
    packet
}

/// What a client can read until nothing comes for a while or the other side closes.
fn read_frames(client: &mut TcpStream, enough: impl Fn(&[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
    let (mut deframer, mut found, mut buffer) = (Deframer::default(), Vec::new(), [0; 4096]);
    while !enough(&found) {
        let len = client.read(&mut buffer).expect("bytes in time");
        if len == 0 {
            break;
        }
        let verdict = deframer.push(&mut buffer[..len], |frame| {
            found.push(frame.to_vec());
            Verdict::GoOn
        });
        assert_eq!(verdict, Ok(Verdict::GoOn));
    }
    found
}

#[test]
fn frames_come_and_go_whole_and_know_their_connection() {
    let mut bench = Bench::new();
    let (mut one, first) = bench.connect();
    let (mut two, second) = bench.connect();
    assert_ne!(first, second);
    one.write_all(&framed(b"from one")).unwrap();
    two.write_all(&framed(b"from two")[..5]).unwrap();
    assert_eq!(bench.frames(1, Proof::Proven), [(first, b"from one".to_vec())]);
    two.write_all(&framed(b"from two")[5..]).unwrap();
    assert_eq!(bench.frames(1, Proof::Proven), [(second, b"from two".to_vec())]);
    // A train: datagrams of one size, the last shorter.
    let report = bench.send(&second, b"aaaabbbbcc", 4);
    assert_eq!((report.packets, report.bytes, report.overflowed), (3, 10, 0));
    let got = read_frames(&mut two, |found| found.len() == 3);
    assert_eq!(got, [b"aaaa".to_vec(), b"bbbb".to_vec(), b"cc".to_vec()]);
}

#[test]
fn a_client_that_reads_nothing_costs_its_own_packets_only() {
    let mut bench = Bench::new();
    let (mut slow, slow_address) = bench.connect();
    let (mut fast, fast_address) = bench.connect();
    let count = 20_000;
    let reader = std::thread::spawn(move || read_frames(&mut fast, |found| found.len() == count));
    let (mut overflowed, mut kept) = (0, 0);
    for number in 0..u32::try_from(count).unwrap() {
        let report = bench.send(&slow_address, &media(number), 1_200);
        overflowed += report.overflowed;
        kept += report.packets;
        while bench.send(&fast_address, &media(number), 1_200).overflowed > 0 {
            let now = bench.port.now;
            bench.wake(now);
            bench.port.flush(&mut SendReport::default());
        }
    }
    // Nobody waits for the slow one; what is kept for it is bounded by its buffer and the kernel's.
    assert!(overflowed > 10_000, "{overflowed}");
    // A check still fits where media does not.
    let check = [&[0, 1][..], &[0; 18]].concat();
    assert_eq!(bench.send(&slow_address, &media(0), 1_200).overflowed, 1);
    assert_eq!(bench.send(&slow_address, &check, 20).overflowed, 0);
    let until = clock::now() + PATIENCE;
    while bench.port.connections.values().any(|one| one.address == fast_address && one.has_waiting()) {
        assert!(clock::now() < until);
        let now = bench.port.now;
        bench.wake(now);
        bench.port.flush(&mut SendReport::default());
    }
    let fast = reader.join().unwrap();
    assert!(fast.iter().zip(0..).all(|(frame, number)| *frame == media(number)), "all of it, in order");

    // Once it reads again, what was kept arrives whole and in order, then new packets pass.
    let reader = std::thread::spawn(move || {
        read_frames(&mut slow, |found| found.last().is_some_and(|frame| frame[0] == 0))
    });
    let until = clock::now() + PATIENCE;
    while !reader.is_finished() {
        assert!(clock::now() < until);
        let now = bench.port.now;
        bench.wake(now);
        bench.port.flush(&mut SendReport::default());
    }
    let late = reader.join().unwrap();
    assert_eq!(late.len() as u64, kept + 1);
    let numbers: Vec<u32> =
        late.iter().take(late.len() - 1).map(|f| u32::from_be_bytes(f[2..6].try_into().unwrap())).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert_eq!(late[0], media(0));
}

#[test]
fn who_proves_nothing_is_cut_by_time_and_by_tries() {
    let mut bench = Bench::new();
    let (mut patient, address) = bench.connect();
    patient.write_all(&framed(b"junk")).unwrap();
    assert_eq!(bench.frames(1, Proof::None).len(), 1);
    let now = bench.port.now;
    bench.wake(now + Duration::from_secs(9));
    assert!(bench.port.take_ended().is_empty());
    bench.wake(now + Duration::from_secs(10));
    assert_eq!(bench.port.take_ended(), [address]);
    assert_eq!(patient.read(&mut [0; 1]).unwrap(), 0, "closed");

    let (mut busy, address) = bench.connect();
    busy.write_all(&framed(b"guess").repeat(100)).unwrap();
    assert_eq!(bench.frames(100, Proof::None).len(), usize::try_from(MAX_UNPROVEN).unwrap() + 1);
    assert_eq!(bench.port.take_ended(), [address]);
}

#[test]
fn silent_closed_and_nonsensical_connections_end() {
    let mut bench = Bench::new();
    let (mut silent, address) = bench.connect();
    silent.write_all(&framed(b"check")).unwrap();
    bench.frames(1, Proof::Proven);
    let now = bench.port.now;
    bench.wake(now + IDLE - Duration::from_secs(1));
    assert!(bench.port.take_ended().is_empty());
    bench.wake(now + IDLE + SWEEP);
    assert_eq!(bench.port.take_ended(), [address]);

    let (closed, address) = bench.connect();
    drop(closed);
    bench.frames(1, Proof::None);
    assert_eq!(bench.port.take_ended(), [address]);

    let (mut wild, address) = bench.connect();
    wild.write_all(&u16::try_from(MAX_FRAME + 1).unwrap().to_be_bytes()).unwrap();
    bench.frames(1, Proof::None);
    assert_eq!(bench.port.take_ended(), [address]);
    assert_eq!(bench.port.count(), 0);
    assert_eq!(bench.send(&address, b"late", 4).failed, 1);
}

#[test]
fn a_peer_that_takes_nothing_for_long_is_gone() {
    let mut bench = Bench::new();
    let (mut stuck, address) = bench.connect();
    stuck.write_all(&framed(b"check")).unwrap();
    bench.frames(1, Proof::Proven);
    while bench.send(&address, &media(1), 1_200).overflowed == 0 {}
    let now = bench.port.now;
    bench.wake(now + STUCK - Duration::from_secs(1));
    assert!(bench.port.take_ended().is_empty());
    bench.wake(now + STUCK + SWEEP);
    assert_eq!(bench.port.take_ended(), [address]);
}

/// A hub with one participant who has an answer.
struct Call {
    hub: MediaHub,
    ufrag: String,
    pwd: String,
    events: EventReceiver,
    /// Whose inbox is dropped leaves.
    _others: Vec<EventReceiver>,
    room: RoomId,
    participant: ParticipantId,
}

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:\
    13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=setup:actpass\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n\
    a=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

impl Call {
    async fn new(limits: Limits, room: u128) -> Self {
        let hub = MediaHub::start(MediaConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tcp: Some("127.0.0.1:0".parse().unwrap()),
            tcp_limits: limits,
            advertise: Vec::new(),
            shards: 2,
            audible: 0,
            playout_delay: PlayoutDelay::default(),
            max_participants_per_room: 9,
            spread_at: 0,
            trains: true,
            pin: false,
        })
        .unwrap();
        // Rooms go to the shard with less to do: the second one is on the second shard.
        let mut inboxes = Vec::new();
        for number in 1..=room {
            let (sender, inbox) = mpsc::channel(64);
            let request = JoinRequest {
                room: RoomId::from_parts(1, number),
                participant: ParticipantId::from_parts(1, number),
                identity: "someone".into(),
                grants: MediaGrants::ALL,
                auto: AutoSubscribe::Everything,
                playout_delay: None,
                events: sender,
            };
            hub.join(request).unwrap();
            inboxes.push(inbox);
        }
        let (mut events, ids) =
            (inboxes.pop().unwrap(), (RoomId::from_parts(1, room), ParticipantId::from_parts(1, room)));
        hub.send(ids.0, ids.1, Command::Offer { sdp: OFFER.into(), generation: 1, lines: Vec::new() })
            .unwrap();
        let sdp = loop {
            match *events.recv().await.expect("an answer") {
                RoomEvent::Answer { sdp, .. } => break sdp,
                RoomEvent::NegotiationFailed { message, .. } => panic!("{message}"),
                _ => {}
            }
        };
        let value = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let (ufrag, pwd) = (value("a=ice-ufrag:"), value("a=ice-pwd:"));
        let candidate = format!("{} typ host tcptype passive", hub.tcp_addr().unwrap().port());
        assert!(sdp.contains(&candidate), "{candidate} is not in {sdp}");
        Self { hub, ufrag, pwd, events, _others: inboxes, room: ids.0, participant: ids.1 }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.hub.tcp_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.set_nodelay(true).unwrap();
        client
    }

    fn check(&self, pwd: &str) -> Vec<u8> {
        let provider = AwsLcRsProvider::new();
        let integrity =
            MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), provider.crypto());
        let mut message = Stun::new();
        let setters: [Box<dyn Setter + '_>; 6] = [
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId([7; 12])),
            Box::new(TextAttribute::new(ATTR_USERNAME, format!("{}:abcd", self.ufrag))),
            Box::new(RawAttribute { typ: ATTR_USE_CANDIDATE, length: 0, value: Vec::new() }),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        message.build(&setters).unwrap();
        framed(&message.raw)
    }
}

fn mapped_address(frame: &[u8]) -> SocketAddr {
    let mut response = Stun::new();
    response.unmarshal_binary(frame).unwrap();
    assert_eq!(response.typ, BINDING_SUCCESS);
    let mut mapped = XorMappedAddress::default();
    mapped.get_from_as(&response, ATTR_XORMAPPED_ADDRESS).unwrap();
    SocketAddr::new(mapped.ip, mapped.port)
}

const NO_LIMITS: Limits = Limits { connections: 0, per_ip: 0 };

#[tokio::test]
async fn a_check_over_tcp_reaches_its_session_on_whichever_shard_and_leaving_closes() {
    for room in [1, 2] {
        let mut call = Call::new(NO_LIMITS, room).await;
        assert!(call.ufrag.starts_with(["00", "01"][usize::try_from(room - 1).unwrap()]), "{}", call.ufrag);
        let mut client = call.connect();
        // Byte by byte: the listener and the shard put it together.
        for byte in call.check(&call.pwd) {
            client.write_all(&[byte]).unwrap();
        }
        let answer = read_frames(&mut client, |found| !found.is_empty());
        assert_eq!(mapped_address(&answer[0]), client.local_addr().unwrap(), "as the client knows itself");
        client.write_all(&call.check(&call.pwd).repeat(3)).unwrap();
        assert_eq!(read_frames(&mut client, |found| found.len() == 3).len(), 3);

        call.hub.send(call.room, call.participant, Command::Leave).unwrap();
        assert!(read_frames(&mut client, |_| false).is_empty(), "closed by the server");
        loop {
            if matches!(*call.events.recv().await.unwrap(), RoomEvent::Closed { reason: CloseReason::Left }) {
                break;
            }
        }
        call.hub.shutdown().await;
        assert_eq!(call.hub.tcp_stats().unwrap().open, 0);
    }
}

#[tokio::test]
async fn guesses_get_no_answer_and_lose_their_connection() {
    let call = Call::new(NO_LIMITS, 1).await;
    let mut client = call.connect();
    let guess = call.check("a wrong password of some length");
    // The connection may end while we write.
    let _ = client.write_all(&guess.repeat(100));
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    assert_eq!(rest, [0u8; 0]);
    let drops: u64 = call.hub.stats().await.iter().flat_map(|one| &one.drops).map(|(_, count)| count).sum();
    assert_eq!(drops, u64::from(MAX_UNPROVEN) + 1);
    call.hub.shutdown().await;
}

#[tokio::test]
async fn strangers_are_refused_before_any_shard_hears_of_them() {
    let call = Call::new(Limits { connections: 4, per_ip: 3 }, 1).await;
    let refused =
        |why: &str| call.hub.tcp_stats().unwrap().refused.into_iter().find(|one| one.0 == why).unwrap().1;
    for junk in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0; 64]] {
        let mut client = call.connect();
        client.write_all(junk).unwrap();
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    assert_eq!(refused("not_stun"), 3);
    let quiet: Vec<TcpStream> = (0..3).map(|_| call.connect()).collect();
    let mut over = call.connect();
    let _ = over.read_to_end(&mut Vec::new());
    assert_eq!(refused("per_ip"), 1);
    drop(quiet);
    // Their places are free again.
    let until = clock::now() + PATIENCE;
    loop {
        let mut client = call.connect();
        let _ = client.write_all(&call.check(&call.pwd));
        if client.read(&mut [0; 64]).is_ok_and(|len| len > 0) {
            break;
        }
        assert!(clock::now() < until, "the places were never freed");
    }
    call.hub.shutdown().await;
}

/// RFC 8445 7.3.1.5 across transports: media goes where the client nominated last, and a closed connection is no path.
#[test]
fn ice_changes_between_udp_and_connections() {
    use crate::{
        base::rng::Rng,
        proto::stun::BindingRequest,
        transport::ice::{Credentials, IceLite},
    };
    let credentials = Credentials::generate(0x1f, &mut Rng::from_entropy([3; 32]));
    assert_eq!(Credentials::shard_of(&credentials.ufrag), Some(0x1f));
    let provider = AwsLcRsProvider::new();
    let mut ice = IceLite::new(credentials.clone(), "abcd".into());
    let peer: SocketAddr = "127.0.0.1:4000".parse().unwrap();
    let (first, second) = (remote::of_connection(peer, 1 << 32), remote::of_connection(peer, 3 << 32));
    let mut now = clock::now();
    let mut check = |ice: &mut IceLite, from: SocketAddr| {
        now += Duration::from_millis(50);
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            credentials.pwd.clone(),
            provider.crypto(),
        );
        let mut message = Stun::new();
        let setters: [Box<dyn Setter + '_>; 6] = [
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId([7; 12])),
            Box::new(TextAttribute::new(ATTR_USERNAME, format!("{}:abcd", credentials.ufrag))),
            Box::new(RawAttribute { typ: ATTR_USE_CANDIDATE, length: 0, value: Vec::new() }),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        message.build(&setters).unwrap();
        let mut request = BindingRequest::parse(&message.raw).unwrap();
        let checked = ice.handle(now, from, &mut request, provider.crypto()).unwrap();
        assert_eq!(mapped_address(&checked.response), peer);
    };
    for from in [peer, first, second, peer, second] {
        check(&mut ice, from);
        assert_eq!(ice.selected(), Some(from), "the last nomination counts");
    }
    ice.forget(second);
    assert_eq!(ice.selected(), Some(peer), "checked later than the other connection");
    assert!(!ice.knows(second) && ice.knows(first));
    // An address shown by media is good until a check is overdue, and for good after one.
    let elsewhere: SocketAddr = "127.0.0.1:4001".parse().unwrap();
    let shown = clock::now() + Duration::from_secs(60);
    assert_eq!(ice.moved(shown, elsewhere), Some(None));
    assert_eq!(ice.selected(), Some(elsewhere));
    assert!(ice.is_validated(shown + Duration::from_secs(9), elsewhere));
    assert!(!ice.is_validated(shown + Duration::from_secs(10), elsewhere));
    assert!(
        ice.is_validated(shown + Duration::from_secs(10), peer),
        "a check is good as long as consent lasts"
    );
    ice.forget(elsewhere);
    ice.forget(peer);
    ice.forget(first);
    assert_eq!(ice.selected(), None);
}
