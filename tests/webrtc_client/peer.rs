//! A publisher and a watcher on the async API, and the WHIP or WHEP resource they talk through.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use convene::runtime::clock::now;
use rtc::{
    interceptor::{Attribute, Interceptor, Packet, Slot, StreamInfo, TaggedPacket},
    peer_connection::{
        configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8, MediaEngine},
        transport::RTCDtlsTransportState,
    },
    rtcp::payload_feedbacks::{
        full_intra_request::FullIntraRequest, picture_loss_indication::PictureLossIndication,
    },
    rtp,
    rtp_transceiver::{
        RTCRtpTransceiverDirection, RTCRtpTransceiverInit,
        rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind},
    },
    sansio::Protocol,
    shared::error::Error,
};
use webrtc::{
    media_stream::{
        MediaStreamTrack,
        track_local::{TrackLocal, TrackLocalEvent, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
        RTCPeerConnectionState, RTCSessionDescription, Registry, StatsSelector,
        register_default_interceptors, transport::DtlsTransport,
    },
};

use super::{
    PATIENCE,
    media::{AUDIO_SSRC, VIDEO_SSRC},
    support::{server::Server, wait::until},
};

/// Above all interceptors of the library: they have acted on the RTCP that is narrowed down here.
const SLOT: usize = 14_000;

/// Vouches for keyframe requests, so that they reach the application, and drops the RTCP around them: the
/// library asks the first packet of a compound which track it is about.
#[derive(Default)]
struct KeyframeRequests {
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for KeyframeRequests {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(compound) = &mut packet.message.packet {
            compound.retain(|part| {
                let part = part.as_any();
                part.is::<PictureLossIndication>() || part.is::<FullIntraRequest>()
            });
            if compound.is_empty() {
                return Ok(());
            }
            packet.message.add(Attribute::DeliverToApplication);
        }
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for KeyframeRequests {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

/// What the connection reported so far.
#[derive(Default)]
struct Seen {
    gathered: AtomicBool,
    state: Mutex<RTCPeerConnectionState>,
    keyframe_requests: AtomicUsize,
    audio: Mutex<Vec<rtp::Packet>>,
    video: Mutex<Vec<rtp::Packet>>,
    video_track: Mutex<Option<Arc<dyn TrackRemote>>>,
}

struct Handler(Arc<Seen>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.0.gathered.store(state == RTCIceGatheringState::Complete, Ordering::Release);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        *self.0.state.lock().unwrap() = state;
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let seen = Arc::clone(&self.0);
        let video = track.kind().await == RtpCodecKind::Video;
        if video {
            *seen.video_track.lock().unwrap() = Some(Arc::clone(&track));
        }
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let packets = if video { &seen.video } else { &seen.audio };
                    packets.lock().unwrap().push(packet);
                }
            }
        });
    }
}

/// SHA-256 of the other side's certificate as SDP writes it, and the SRTP protection profile.
#[derive(Debug)]
pub struct Security {
    pub fingerprint: String,
    pub srtp: String,
}

/// One connection.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    seen: Arc<Seen>,
    /// Of a publisher.
    pub tracks: Option<Tracks>,
}

#[derive(Clone)]
pub struct Tracks {
    pub audio: Arc<TrackLocalStaticRTP>,
    pub video: Arc<TrackLocalStaticRTP>,
}

impl Peer {
    async fn new() -> Self {
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().expect("default codecs");
        let registry = register_default_interceptors(Registry::new(), &mut engine)
            .expect("default interceptors")
            .with(Slot::from(SLOT), KeyframeRequests::default());
        let seen = Arc::new(Seen::default());
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler(Arc::clone(&seen))))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .expect("a connection");
        Self { connection: Arc::new(connection), seen, tracks: None }
    }

    /// Sends one voice and one picture track, and listens for keyframe requests.
    pub async fn publisher() -> Self {
        let mut peer = Self::new().await;
        let audio = local_track(RtpCodecKind::Audio, MIME_TYPE_OPUS, 48_000, 2, AUDIO_SSRC);
        let video = local_track(RtpCodecKind::Video, MIME_TYPE_VP8, 90_000, 0, VIDEO_SSRC);
        for track in [&audio, &video] {
            let track = Arc::clone(track) as Arc<dyn TrackLocal>;
            let init = direction(RTCRtpTransceiverDirection::Sendonly);
            peer.connection.add_transceiver_from_track(track, init).await.expect("a sending section");
        }
        let (feedback, seen) = (Arc::clone(&video), Arc::clone(&peer.seen));
        tokio::spawn(async move {
            while let Some(TrackLocalEvent::OnRtcpPacket(packets)) = feedback.poll().await {
                seen.keyframe_requests.fetch_add(packets.len(), Ordering::AcqRel);
            }
        });
        peer.tracks = Some(Tracks { audio, video });
        peer
    }

    /// Receives one track of each kind.
    pub async fn watcher() -> Self {
        let peer = Self::new().await;
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            let init = direction(RTCRtpTransceiverDirection::Recvonly);
            peer.connection.add_transceiver_from_kind(kind, init).await.expect("a receiving section");
        }
        peer
    }

    /// The offer with every candidate in it.
    async fn offer(&self) -> String {
        let offer = self.connection.create_offer(None).await.expect("an offer");
        self.connection.set_local_description(offer).await.expect("its own offer");
        until("every candidate is known", PATIENCE, async || {
            self.seen.gathered.load(Ordering::Acquire).then_some(())
        })
        .await;
        self.connection.local_description().await.expect("set above").sdp
    }

    pub fn state(&self) -> RTCPeerConnectionState {
        *self.seen.state.lock().unwrap()
    }

    /// All sections share one transport.
    async fn transport(&self) -> Arc<dyn DtlsTransport> {
        let transport = match self.connection.get_senders().await.first() {
            Some(sender) => sender.transport().await,
            None => self.connection.get_receivers().await.first().expect("media came").transport().await,
        };
        transport.expect("the connection lives").expect("negotiated")
    }

    pub async fn dtls_state(&self) -> RTCDtlsTransportState {
        self.transport().await.state().await.expect("the connection lives")
    }

    pub async fn security(&self) -> Security {
        let chain = self.transport().await.get_remote_certificates().await.expect("the connection lives");
        let certificate = chain.first().expect("the handshake is over");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        let bytes: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let report = self.connection.get_stats(now(), StatsSelector::None).await;
        let srtp = report.transport().expect("negotiated").srtp_cipher.clone();
        Security { fingerprint: bytes.join(":"), srtp }
    }

    /// Received so far, in order of arrival.
    pub fn audio(&self) -> Vec<rtp::Packet> {
        self.seen.audio.lock().unwrap().clone()
    }

    pub fn video(&self) -> Vec<rtp::Packet> {
        self.seen.video.lock().unwrap().clone()
    }

    /// Keyframe requests received so far.
    pub fn keyframe_requests(&self) -> usize {
        self.seen.keyframe_requests.load(Ordering::Acquire)
    }

    /// For sources, which outlive the borrow of the peer.
    pub fn keyframe_counter(&self) -> impl Fn() -> usize + Send + use<> {
        let seen = Arc::clone(&self.seen);
        move || seen.keyframe_requests.load(Ordering::Acquire)
    }

    /// Sends a PLI about the received video.
    pub async fn ask_for_keyframe(&self, media_ssrc: u32) {
        let track = self.seen.video_track.lock().unwrap().clone().expect("video came");
        let request = PictureLossIndication { sender_ssrc: 0, media_ssrc };
        track.write_rtcp(vec![Box::new(request)]).await.expect("connected");
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the API takes an option")]
fn direction(direction: RTCRtpTransceiverDirection) -> Option<RTCRtpTransceiverInit> {
    Some(RTCRtpTransceiverInit { direction, ..Default::default() })
}

fn local_track(
    kind: RtpCodecKind,
    mime: &str,
    clock_rate: u32,
    channels: u16,
    ssrc: u32,
) -> Arc<TrackLocalStaticRTP> {
    let codec = RTCRtpCodec { mime_type: mime.to_owned(), clock_rate, channels, ..Default::default() };
    let rtp_coding_parameters = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    let coding = RTCRtpEncodingParameters { rtp_coding_parameters, codec, ..Default::default() };
    let id = format!("{kind}");
    let track = MediaStreamTrack::new("stream".to_owned(), id.clone(), id, kind, vec![coding]);
    Arc::new(TrackLocalStaticRTP::new(track))
}

/// What a POST created.
pub struct Resource {
    url: String,
    token: String,
    pub answer: String,
}

impl Resource {
    /// Offers at the door (`whip` or `whep`) of the channel `general` and takes the answer.
    pub async fn create(server: &Server, door: &str, token: &str, peer: &Peer) -> Self {
        Self::create_in(server, door, "general", token, peer).await
    }

    /// The same in another channel.
    pub async fn create_in(server: &Server, door: &str, channel: &str, token: &str, peer: &Peer) -> Self {
        let response = reqwest::Client::new()
            .post(server.url(&format!("/{door}/{channel}")))
            .bearer_auth(token)
            .header("content-type", "application/sdp")
            .body(peer.offer().await)
            .send()
            .await
            .expect("an answer");
        let status = response.status();
        let location =
            response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = response.text().await.expect("text");
        assert_eq!(status, 201, "{answer}");
        let description = RTCSessionDescription::answer(answer.clone()).expect("an SDP answer");
        peer.connection
            .set_remote_description(description)
            .await
            .unwrap_or_else(|error| panic!("the answer is refused: {error}\n{answer}"));
        Self { url: server.url(&location.expect("a location")), token: token.to_owned(), answer }
    }

    /// The status of a DELETE.
    pub async fn delete(&self) -> u16 {
        let request = reqwest::Client::new().delete(&self.url).bearer_auth(&self.token);
        request.send().await.expect("an answer").status().as_u16()
    }
}
