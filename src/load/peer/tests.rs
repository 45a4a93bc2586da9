//! A bot against a plain `rtc` connection that sends the video back, on a virtual clock and an impaired
//! network: proves bots, marker, checks and retransmission without our server.

use super::*;
use crate::{
    load::{
        check::{Received, StreamCheck},
        source::{VideoPlan, VideoSource},
    },
    netem::{GilbertElliott, Impair, Link},
    runtime::clock,
};

const STEP: Duration = Duration::from_millis(1);
const BOT: u32 = 3;
/// The bot ends the handshake first; what it sent at once would meet a mirror without keys.
const HANDSHAKE_END: Duration = Duration::from_millis(100);
const PLAN: VideoPlan = VideoPlan { bitrate: 1_500_000, packet_size: 1200, fps: 30, layers: 1, burst: false };

/// Answers the bot's offer and sends its video back on another SSRC.
struct Mirror {
    connection: RTCPeerConnection,
    local: SocketAddr,
    sender: RTCRtpSenderId,
    ssrc: u32,
    reflected: u64,
}

impl Mirror {
    fn new(now: Instant, local: SocketAddr) -> Self {
        let registry = Registry::new()
            .with(Slot::NackResponder, NackResponderBuilder::new().build())
            .with(Slot::Custom(rtx::SLOT), RtxRepair::new().0)
            .with(Slot::NackGenerator, NackGeneratorBuilder::new().with_interval(NACK_INTERVAL).build());
        let settings =
            SettingEngineBuilder::new().with_crypto_provider(Arc::new(AwsLcRsProvider::new())).build();
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_setting_engine(settings)
            .with_media_engine(media_engine(false).unwrap())
            .with_interceptor_registry(registry)
            .build(now)
            .unwrap();
        connection.add_local_candidate(candidate(local).unwrap()).unwrap();
        let encoding = encoding(None, vp8().rtp_codec, true);
        let ssrc = encoding.rtp_coding_parameters.ssrc.unwrap();
        let track = MediaStreamTrack::new(
            "mirror".into(),
            "back".into(),
            "back".into(),
            RtpCodecKind::Video,
            vec![encoding],
        );
        let init =
            RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Sendonly, ..Default::default() };
        let transceiver = connection.add_transceiver_from_track(track, Some(init)).unwrap();
        let sender = connection.rtp_transceiver(transceiver).unwrap().sender().unwrap();
        Self { connection, local, sender, ssrc, reflected: 0 }
    }

    fn answer(&mut self, now: Instant, offer: &Offer) -> String {
        let offer = RTCSessionDescription::offer(offer.sdp.clone()).unwrap();
        self.connection.set_remote_description(now, offer).unwrap();
        let answer = self.connection.create_answer(None).unwrap();
        self.connection.set_local_description(now, answer.clone()).unwrap();
        answer.sdp
    }

    fn receive(&mut self, now: Instant, from: SocketAddr, datagram: BytesMut) {
        let transport = TransportContext {
            local_addr: self.local,
            peer_addr: from,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        self.connection.handle_read(TaggedBytesMut { now, transport, message: datagram }).unwrap();
        while let Some(TaggedRTCMessage { message, .. }) = self.connection.poll_media_read() {
            if let RTCMessage::RtpPacket(_, mut packet) = message {
                packet.header.ssrc = self.ssrc;
                packet.header.extension = false;
                packet.header.extensions.clear();
                self.connection.rtp_sender(self.sender).unwrap().write_rtp(now, packet).unwrap();
                self.reflected += 1;
            }
        }
    }
}

struct Outcome {
    delivered: u64,
    check: StreamCheck,
    reflected: u64,
    lost: u64,
    packets: u64,
    connected_after: Duration,
}

/// Connects, then sends `frames` frames through the mirror.
fn run(up: Impair, down: Impair, frames: u32) -> Outcome {
    let start = clock::now();
    let (here, there): (SocketAddr, SocketAddr) =
        ("127.0.0.1:1001".parse().unwrap(), "127.0.0.1:1002".parse().unwrap());
    let plan = PeerPlan {
        video_layers: 1,
        audio: true,
        speaks: true,
        receive_audio: 0,
        receive_video: 1,
        ..PeerPlan::default()
    };
    let mut peer = Peer::new(start, here, &plan, None).unwrap();
    let mut mirror = Mirror::new(start, there);
    let offer = peer.offer(start).unwrap();
    assert_eq!(offer.sending.iter().map(|(_, source)| *source).collect::<Vec<_>>(), ["mic", "camera"]);
    let answer = mirror.answer(start, &offer);
    assert_eq!(peer.answer(start, offer.generation, answer).unwrap(), None);

    let (mut up, mut down) = (Link::new(up), Link::new(down));
    let mut source: Option<VideoSource> = None;
    let mut check = StreamCheck::new(MediaKind::Video, BOT);
    check.open_window(0);
    let mut connected_after = None;
    let (mut now, mut packets, mut done_at) = (start, 0, None);
    while done_at.is_none_or(|done| now < done) {
        now += STEP;
        assert!(now < start + Duration::from_secs(60), "not finished in time");
        peer.handle_timeout(now).unwrap();
        mirror.connection.handle_timeout(now).unwrap();
        if peer.update_state() == PeerState::Connected && source.is_none() {
            connected_after = Some(now - start);
            source = Some(VideoSource::new(BOT, PLAN, now + HANDSHAKE_END));
        }
        if let Some(source) = &mut source {
            while let Some(packet) = source.poll(now, 1) {
                packets += 1;
                peer.send(now, packet).unwrap();
            }
            if source.next_frame() > frames && done_at.is_none() {
                // Time for the last repairs.
                done_at = Some(now + Duration::from_secs(2));
            }
        }
        while let Some((_, datagram)) = peer.poll_transmit() {
            up.push(now, datagram);
        }
        while let Some(datagram) = up.pop(now) {
            mirror.receive(now, here, datagram);
        }
        while let Some(_event) = mirror.connection.poll_event() {}
        while let Some(out) = mirror.connection.poll_write() {
            down.push(now, out.message);
        }
        while let Some(datagram) = down.pop(now) {
            peer.receive(now, there, &datagram, |Incoming::Media { packet, .. }| {
                let received = Received {
                    sequence: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    marker: packet.header.marker,
                    payload: &packet.payload,
                };
                check.receive(now, &received);
            })
            .unwrap();
        }
    }
    check.close_window(frames);
    Outcome {
        delivered: check.delivered(),
        check,
        reflected: mirror.reflected,
        lost: up.counters().lost + down.counters().lost,
        packets,
        connected_after: connected_after.expect("connected"),
    }
}

#[test]
fn every_frame_comes_back_over_a_perfect_network() {
    let outcome = run(Impair::default(), Impair::default(), 90);
    assert_eq!(outcome.delivered, 90, "{:?} {:?}", outcome.check.faults(), outcome.check.last_fault());
    assert_eq!(outcome.check.faults(), Default::default(), "{:?}", outcome.check.last_fault());
    assert!(outcome.connected_after < Duration::from_secs(1), "{:?}", outcome.connected_after);
}

#[test]
fn lost_packets_are_repaired_by_retransmission_in_both_directions() {
    let lossy = |seed| Impair {
        loss: GilbertElliott::random(0.05),
        latency: Duration::from_millis(10),
        seed,
        ..Impair::default()
    };
    let outcome = run(lossy(1), lossy(2), 150);
    assert!(outcome.lost > 40, "the network lost only {}", outcome.lost);
    assert!(outcome.delivered >= 149, "{} of 150, {:?}", outcome.delivered, outcome.check.last_fault());
    let faults = outcome.check.faults();
    assert_eq!((faults.corrupt, faults.misplaced), (0, 0), "{:?}", outcome.check.last_fault());
    // Repairs that are asked for once more although they have arrived would show here.
    assert!(outcome.reflected < outcome.packets * 11 / 10, "{} of {}", outcome.reflected, outcome.packets);
}

#[test]
fn an_offer_with_three_layers_names_them_and_their_repair() {
    let now = clock::now();
    let plan = PeerPlan {
        video_layers: 3,
        audio: true,
        speaks: true,
        receive_audio: 1,
        receive_video: 2,
        ..PeerPlan::default()
    };
    let mut peer = Peer::new(now, "127.0.0.1:1001".parse().unwrap(), &plan, None).unwrap();
    let sdp = peer.offer(now).unwrap().sdp;
    for line in [
        "a=rid:q send",
        "a=rid:h send",
        "a=rid:f send",
        "a=simulcast:send q;h;f",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 transport-cc",
        SDES_REPAIR_RTP_STREAM_ID_URI,
        AUDIO_LEVEL_URI,
    ] {
        assert!(sdp.contains(line), "{line} is missing in\n{sdp}");
    }
    assert_eq!(sdp.matches("m=video").count(), 3);
    assert_eq!(sdp.matches("m=audio").count(), 2);
}

#[test]
fn stale_answers_are_ignored_and_more_sections_wait_for_the_answer() {
    let now = clock::now();
    let plan = PeerPlan { video_layers: 1, receive_video: 1, ..PeerPlan::default() };
    let mut peer = Peer::new(now, "127.0.0.1:1001".parse().unwrap(), &plan, None).unwrap();
    let mut mirror = Mirror::new(now, "127.0.0.1:1002".parse().unwrap());
    let offer = peer.offer(now).unwrap();
    let answer = mirror.answer(now, &offer);
    assert_eq!(peer.answer(now, offer.generation + 1, answer.clone()).unwrap(), None);
    assert_eq!(peer.sections(now, 0, 2).unwrap(), None, "an offer is on its way");
    let next = peer.answer(now, offer.generation, answer).unwrap().expect("the next offer");
    assert_eq!(next.generation, offer.generation + 1);
    assert_eq!(next.sdp.matches("m=video").count(), 4);
}

#[test]
fn candidates_are_handed_over_only_where_rtc_ignores_them() {
    let section = |direction: &str| {
        format!("m=audio 9\r\na=candidate:1 1 udp\r\na=end-of-candidates\r\na={direction}\r\n")
    };
    let ignored = |sdp: &str| ignored_candidates(sdp).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(ignored(&format!("v=0\r\n{}", section("inactive"))), ["1 1 udp"]);
    assert!(ignored(&(section("inactive") + &section("sendonly"))).is_empty());
}
