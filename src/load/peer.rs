//! One bot's WebRTC connection on the sans-I/O `rtc` crate: offers, answers, RTP in and out. No sockets, no
//! clock, and none of the server's own media code: a bug there must not meet the same bug here.
//!
//! Traps of `rtc` 0.21.1:
//! - A received stream must be in an `a=ssrc` line of the answer as soon as there is more than one section:
//!   without it `set_remote_description` fails, and the `mid` extension alone is not used to find the section
//!   (only together with `rid`).
//! - RTX needs `a=ssrc-group:FID`, otherwise retransmissions are dropped unseen.
//! - Every answer makes all receivers new: the first packet afterwards opens its track again and the NACK
//!   generator forgets what was missing.
//! - `RTCRtpSender::write_rtp` takes no RTP header but checks it: payload type and extension ids must be the
//!   negotiated ones, and `mid`/`rid` are not added for you.
//! - `handle_write` of the connection does the same without the checks; the track id of the message is unused.
//! - ICE checks are 200 ms apart by default and the nomination waits for the next one, which alone makes a join
//!   take 400 ms.
//! - Candidates in inactive sections are ignored: whom nobody sends to yet would never connect.
//! - Registering the same codec without its `video/rtx` partner silently turns retransmission off.

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use bytes::{Bytes, BytesMut};
use rtc::{
    crypto::providers::AwsLcRsProvider,
    dtls::extension::extension_use_srtp::SrtpProtectionProfile,
    interceptor::{
        NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry, SenderReportBuilder,
        Slot, TwccReceiverBuilder, TwccSenderBuilder,
    },
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection, RTCPeerConnectionBuilder,
        configuration::{
            media_engine::{MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine},
            setting_engine::SettingEngineBuilder,
        },
        event::RTCPeerConnectionEvent,
        message::{RTCMessage, TaggedRTCMessage},
        sdp::RTCSessionDescription,
        state::RTCPeerConnectionState,
        transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate, RTCIceCandidateInit},
    },
    rtp,
    rtp_transceiver::{
        RTCRtpSenderId, RTCRtpTransceiverDirection, RTCRtpTransceiverId, RTCRtpTransceiverInit,
        rtp_sender::{
            RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
            RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
        },
    },
    sansio::Protocol as _,
    sdp::extmap::{
        AUDIO_LEVEL_URI, SDES_MID_URI, SDES_REPAIR_RTP_STREAM_ID_URI, SDES_RTP_STREAM_ID_URI,
        TRANSPORT_CC_URI,
    },
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};

use super::{
    nacks::{Nacks, Repeats},
    payload::MediaKind,
    rtx::{self, RtxRepair},
    sink::{Arrival, SinkFeedback},
    source::OutPacket,
};

/// Simulcast rids from the smallest layer to the largest.
pub const RIDS: [&str; 3] = ["q", "h", "f"];
/// How long after a loss is seen it is asked for, and asked for again. The generator knows no round-trip time:
/// on slower paths it asks twice and the report counts the second repair as a duplicate.
const NACK_INTERVAL: Duration = Duration::from_millis(20);
/// Join times should be the server's, not those of a patient client.
const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// Together with the interval: a candidate is tried for 5 s.
const ICE_MAX_CHECKS: u16 = 250;
/// Repairs asked for per packet, as libwebrtc does.
const MAX_NACKS: u16 = 10;
/// Packets of a stream that carry `mid` and `rid`; browsers stop at the first receiver report too.
const NAMED_PACKETS: u32 = 300;
const VIDEO_PAYLOAD_TYPE: u8 = 96;
/// On which retransmissions arrive.
pub const REPAIR_PAYLOAD_TYPE: u8 = 97;
/// Voice activity bit and -20 dBov.
const SPEECH: [u8; 1] = [0x80 | 20];
/// No voice, -127 dBov.
const SILENCE: [u8; 1] = [127];

/// What the bot wants of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerPlan {
    /// Camera layers to send; 0 = none.
    pub video_layers: usize,
    pub audio: bool,
    /// Whether the audio packets say that they are speech.
    pub speaks: bool,
    /// Receive sections of the first offer.
    pub receive_audio: usize,
    pub receive_video: usize,
    /// Repairs as browsers do on a path of this round trip, of sound too.
    pub round_trip: Option<Duration>,
}

/// A first or repeated offer for `rtc:offer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub sdp: String,
    pub generation: u64,
    /// `mid` and source of every sending section.
    pub sending: Vec<(String, &'static str)>,
}

impl Offer {
    /// Under which id the offer knows transport-wide sequence numbers; all sections share it.
    pub fn transport_cc_id(&self) -> Option<u8> {
        self.sdp.lines().find_map(|line| {
            let (id, uri) = line.strip_prefix("a=extmap:")?.split_once(' ')?;
            (uri.trim() == TRANSPORT_CC_URI).then(|| id.parse().ok())?
        })
    }
}

/// What a datagram brought.
#[derive(Debug)]
pub enum Incoming<'a> {
    Media { track: &'a str, packet: rtp::Packet },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    Connecting,
    Connected,
    Failed,
}

pub struct Peer {
    connection: RTCPeerConnection,
    local: SocketAddr,
    video: Option<Sending>,
    audio: Option<Sending>,
    keyframes: Receiver<u32>,
    generation: u64,
    awaiting_answer: bool,
    /// Receive sections asked for while an offer was on its way.
    more: Option<(usize, usize)>,
    state: PeerState,
}

/// A sending section.
struct Sending {
    transceiver: RTCRtpTransceiverId,
    source: &'static str,
    streams: Vec<SendingStream>,
    payload_type: u8,
    mid: Bytes,
    mid_id: Option<u8>,
    rid_id: Option<u8>,
    level_id: Option<u8>,
    speaks: bool,
}

struct SendingStream {
    ssrc: u32,
    rid: Option<Bytes>,
    sent: u32,
}

impl Peer {
    /// `local` is the address of the bot's socket, and its only candidate. With `arrivals` the peer sees only a
    /// sample of what is received, so that nothing in it may draw conclusions from gaps.
    pub fn new(
        now: Instant,
        local: SocketAddr,
        plan: &PeerPlan,
        arrivals: Option<Receiver<Arrival>>,
    ) -> anyhow::Result<Self> {
        let (repair, keyframes) = RtxRepair::new();
        let registry = Registry::new()
            .with(Slot::TwccSender, TwccSenderBuilder::new().build())
            .with(Slot::Custom(rtx::SLOT), repair.with_repeats(plan.round_trip.map(Repeats::new)))
            .with(Slot::NackResponder, NackResponderBuilder::new().build())
            .with(Slot::SenderReport, SenderReportBuilder::new().build());
        let registry = match arrivals {
            Some(arrivals) => registry.with(Slot::TwccReceiver, SinkFeedback::new(arrivals)),
            None => match plan.round_trip {
                Some(round_trip) => registry.with(Slot::NackGenerator, Nacks::new(round_trip)),
                None => registry.with(
                    Slot::NackGenerator,
                    NackGeneratorBuilder::new()
                        .with_interval(NACK_INTERVAL)
                        .with_max_nacks_per_packet(MAX_NACKS)
                        .build(),
                ),
            }
            .with(Slot::TwccReceiver, TwccReceiverBuilder::new().build())
            .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build()),
        };
        let settings = SettingEngineBuilder::new()
            .with_crypto_provider(Arc::new(AwsLcRsProvider::new()))
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .with_ice_connection_attempts(Some(ICE_CHECK_INTERVAL), Some(ICE_MAX_CHECKS))
            .build();
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_setting_engine(settings)
            .with_media_engine(media_engine(plan.round_trip.is_some())?)
            .with_interceptor_registry(registry)
            .build(now)?;
        connection.add_local_candidate(candidate(local)?)?;

        let audio = plan.audio.then(|| Sending::audio(&mut connection, plan.speaks)).transpose()?;
        let video = (plan.video_layers > 0)
            .then(|| Sending::video(&mut connection, plan.video_layers))
            .transpose()?;
        let mut peer = Self {
            connection,
            local,
            video,
            audio,
            keyframes,
            generation: 0,
            awaiting_answer: false,
            more: None,
            state: PeerState::Connecting,
        };
        peer.add_receivers(plan.receive_audio, plan.receive_video)?;
        Ok(peer)
    }

    /// Makes an offer; not while another one waits for its answer.
    pub fn offer(&mut self, now: Instant) -> anyhow::Result<Offer> {
        let offer = self.connection.create_offer(None).context("create offer")?;
        self.connection.set_local_description(now, offer.clone()).context("set local offer")?;
        self.awaiting_answer = true;
        self.generation += 1;
        let mut sending = Vec::new();
        for section in [&mut self.audio, &mut self.video].into_iter().flatten() {
            let mid = self
                .connection
                .rtp_transceiver(section.transceiver)
                .and_then(|transceiver| transceiver.mid().clone())
                .ok_or(anyhow!("a sending section has no mid"))?;
            section.mid = Bytes::copy_from_slice(mid.as_bytes());
            sending.push((mid, section.source));
        }
        Ok(Offer { sdp: offer.sdp, generation: self.generation, sending })
    }

    /// Takes the answer to the offer of `generation`; others are stale. Returns the next offer if more
    /// sections were asked for meanwhile.
    pub fn answer(&mut self, now: Instant, generation: u64, sdp: String) -> anyhow::Result<Option<Offer>> {
        if generation != self.generation || !self.awaiting_answer {
            return Ok(None);
        }
        let ignored: Vec<_> = ignored_candidates(&sdp).map(str::to_owned).collect();
        let answer = RTCSessionDescription::answer(sdp).context("parse answer")?;
        self.connection.set_remote_description(now, answer).context("set remote answer")?;
        self.awaiting_answer = false;
        for candidate in ignored {
            let init = RTCIceCandidateInit { candidate, ..Default::default() };
            self.connection.add_remote_candidate(init).context("add candidate")?;
        }
        for section in [&mut self.audio, &mut self.video].into_iter().flatten() {
            section.learn(&mut self.connection)?;
        }
        match self.more.take() {
            Some((audio, video)) => self.sections(now, audio, video),
            None => Ok(None),
        }
    }

    /// The server needs more receive sections.
    pub fn sections(&mut self, now: Instant, audio: usize, video: usize) -> anyhow::Result<Option<Offer>> {
        if self.awaiting_answer {
            // What the server asks for again after our next offer replaces what it asked for before.
            let (audio_before, video_before) = self.more.unwrap_or_default();
            self.more = Some((audio.max(audio_before), video.max(video_before)));
            return Ok(None);
        }
        self.add_receivers(audio, video)?;
        self.offer(now).map(Some)
    }

    /// Feeds one datagram; media packets go to `sink`.
    pub fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        mut sink: impl FnMut(Incoming<'_>),
    ) -> anyhow::Result<()> {
        self.connection.handle_read(TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: self.local,
                peer_addr: from,
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            },
            message: BytesMut::from(datagram),
        })?;
        while let Some(TaggedRTCMessage { message, .. }) = self.connection.poll_media_read() {
            if let RTCMessage::RtpPacket(track, packet) = message {
                sink(Incoming::Media { track: track.as_str(), packet });
            }
        }
        Ok(())
    }

    /// The layer of the camera that a PLI or FIR asked a keyframe for.
    pub fn poll_keyframe_request(&mut self) -> Option<usize> {
        while let Ok(ssrc) = self.keyframes.try_recv() {
            let streams = self.video.as_ref().map_or(&[][..], |video| &video.streams);
            if let Some(layer) = streams.iter().position(|stream| stream.ssrc == ssrc) {
                return Some(layer);
            }
        }
        None
    }

    /// Sends one media packet; before the connection is up it is dropped by `rtc`.
    pub fn send(&mut self, now: Instant, out: OutPacket) -> anyhow::Result<()> {
        let section = match out.kind {
            MediaKind::Audio => self.audio.as_mut(),
            MediaKind::Video => self.video.as_mut(),
        };
        let packet =
            section.and_then(|section| section.packet(out)).ok_or(anyhow!("nothing to send it on"))?;
        let message = RTCMessage::RtpPacket(String::new(), packet);
        self.connection.handle_write(TaggedRTCMessage { now, message })?;
        Ok(())
    }

    /// The next datagram to put on the wire.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, BytesMut)> {
        let out = self.connection.poll_write()?;
        Some((out.transport.peer_addr, out.message))
    }

    /// Follows the state of the connection; call after datagrams that are not media, and after timeouts.
    pub fn update_state(&mut self) -> PeerState {
        while let Some(event) = self.connection.poll_event() {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event {
                self.state = match state {
                    RTCPeerConnectionState::Connected => PeerState::Connected,
                    RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => PeerState::Failed,
                    _ => self.state,
                };
            }
        }
        self.state
    }

    pub fn next_timeout(&mut self) -> Option<Instant> {
        self.connection.poll_timeout()
    }

    pub fn handle_timeout(&mut self, now: Instant) -> anyhow::Result<()> {
        Ok(self.connection.handle_timeout(now)?)
    }

    /// Says goodbye; the last datagrams come out of `poll_transmit`.
    pub fn close(&mut self) {
        // Nothing can be done about a connection that cannot even close.
        let _ = self.connection.close();
    }

    fn add_receivers(&mut self, audio: usize, video: usize) -> anyhow::Result<()> {
        let kinds = std::iter::repeat_n(RtpCodecKind::Audio, audio)
            .chain(std::iter::repeat_n(RtpCodecKind::Video, video));
        for kind in kinds {
            self.connection.add_transceiver_from_kind(kind, None)?;
        }
        Ok(())
    }
}

impl Sending {
    fn audio(connection: &mut RTCPeerConnection, speaks: bool) -> anyhow::Result<Self> {
        let encodings = vec![encoding(None, opus().rtp_codec, false)];
        Ok(Self { speaks, ..Self::new(connection, RtpCodecKind::Audio, "mic", encodings)? })
    }

    fn video(connection: &mut RTCPeerConnection, layers: usize) -> anyhow::Result<Self> {
        let encodings = match layers {
            1 => vec![encoding(None, vp8().rtp_codec, true)],
            _ => RIDS.iter().take(layers).map(|rid| encoding(Some(rid), vp8().rtp_codec, true)).collect(),
        };
        Self::new(connection, RtpCodecKind::Video, "camera", encodings)
    }

    fn new(
        connection: &mut RTCPeerConnection,
        kind: RtpCodecKind,
        source: &'static str,
        encodings: Vec<RTCRtpEncodingParameters>,
    ) -> anyhow::Result<Self> {
        let streams = encodings
            .iter()
            .map(|encoding| {
                let coding = &encoding.rtp_coding_parameters;
                let rid = (!coding.rid.is_empty()).then(|| Bytes::copy_from_slice(coding.rid.as_bytes()));
                Some(SendingStream { ssrc: coding.ssrc?, rid, sent: 0 })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or(anyhow!("an encoding without SSRC"))?;
        let track = MediaStreamTrack::new("bot".into(), source.into(), source.into(), kind, encodings);
        let init =
            RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Sendonly, ..Default::default() };
        let transceiver = connection.add_transceiver_from_track(track, Some(init))?;
        Ok(Self {
            transceiver,
            source,
            streams,
            payload_type: 0,
            mid: Bytes::new(),
            mid_id: None,
            rid_id: None,
            level_id: None,
            speaks: false,
        })
    }

    /// Payload type and extension ids as answered.
    fn learn(&mut self, connection: &mut RTCPeerConnection) -> anyhow::Result<()> {
        let sender: RTCRtpSenderId = connection
            .rtp_transceiver(self.transceiver)
            .and_then(|transceiver| transceiver.sender())
            .ok_or(anyhow!("the sender is gone"))?;
        let mut sender = connection.rtp_sender(sender).ok_or(anyhow!("the sender is gone"))?;
        let parameters = &sender.get_parameters().rtp_parameters;
        let codec = parameters
            .codecs
            .iter()
            .find(|codec| !codec.rtp_codec.mime_type.eq_ignore_ascii_case(MIME_TYPE_RTX))
            .ok_or(anyhow!("the server answered {} without a codec", self.source))?;
        self.payload_type = codec.payload_type;
        let id = |uri: &str| {
            let extension = parameters.header_extensions.iter().find(|extension| extension.uri == uri)?;
            u8::try_from(extension.id).ok()
        };
        (self.mid_id, self.rid_id, self.level_id) =
            (id(SDES_MID_URI), id(SDES_RTP_STREAM_ID_URI), id(AUDIO_LEVEL_URI));
        Ok(())
    }

    fn packet(&mut self, out: OutPacket) -> Option<rtp::Packet> {
        let stream = self.streams.get_mut(out.layer)?;
        let mut header = rtp::Header {
            version: 2,
            payload_type: self.payload_type,
            sequence_number: out.sequence,
            timestamp: out.timestamp,
            ssrc: stream.ssrc,
            marker: out.marker,
            ..Default::default()
        };
        if stream.sent < NAMED_PACKETS || out.keyframe_start {
            set(&mut header, self.mid_id, &self.mid);
            if let Some(rid) = &stream.rid {
                set(&mut header, self.rid_id, rid);
            }
        }
        if out.kind == MediaKind::Audio {
            let level = if self.speaks { &SPEECH } else { &SILENCE };
            set(&mut header, self.level_id, &Bytes::from_static(level));
        }
        stream.sent = stream.sent.saturating_add(1);
        Some(rtp::Packet { header, payload: out.payload })
    }
}

/// The candidates of an answer all of whose sections are inactive.
fn ignored_candidates(sdp: &str) -> impl Iterator<Item = &str> {
    let count = |line: &str| sdp.lines().filter(|found| found.starts_with(line)).count();
    let all_inactive = count("m=") == count("a=inactive");
    let candidates = sdp.lines().filter_map(|line| line.strip_prefix("a=")?.strip_prefix("candidate:"));
    candidates.filter(move |_| all_inactive)
}

fn set(header: &mut rtp::Header, id: Option<u8>, value: &Bytes) {
    if let Some(id) = id {
        // Fails only for ids and sizes that no negotiation can have produced.
        let _ = header.set_extension(id, value.clone());
    }
}

fn encoding(rid: Option<&str>, codec: RTCRtpCodec, rtx: bool) -> RTCRtpEncodingParameters {
    RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            rid: rid.unwrap_or_default().to_owned(),
            ssrc: Some(rand::random()),
            rtx: rtx.then(|| RTCRtpRtxParameters { ssrc: rand::random() }),
            fec: None,
        },
        active: true,
        codec,
        ..Default::default()
    }
}

fn candidate(local: SocketAddr) -> anyhow::Result<RTCIceCandidateInit> {
    let host = CandidateHostConfig {
        base_config: CandidateConfig {
            network: "udp".to_owned(),
            address: local.ip().to_string(),
            port: local.port(),
            component: 1,
            ..Default::default()
        },
        ..Default::default()
    };
    Ok(RTCIceCandidate::from(&host.new_candidate_host()?).to_json()?)
}

fn media_engine(repairs_audio: bool) -> anyhow::Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    let mut opus = opus();
    if repairs_audio {
        opus.rtp_codec.rtcp_feedback.push(RTCPFeedback { typ: "nack".to_owned(), parameter: String::new() });
    }
    engine.register_codec(opus, RtpCodecKind::Audio)?;
    engine.register_codec(vp8(), RtpCodecKind::Video)?;
    engine.register_codec(rtx(), RtpCodecKind::Video)?;
    let extensions = [
        (SDES_MID_URI, RtpCodecKind::Audio),
        (AUDIO_LEVEL_URI, RtpCodecKind::Audio),
        (TRANSPORT_CC_URI, RtpCodecKind::Audio),
        (SDES_MID_URI, RtpCodecKind::Video),
        (SDES_RTP_STREAM_ID_URI, RtpCodecKind::Video),
        (SDES_REPAIR_RTP_STREAM_ID_URI, RtpCodecKind::Video),
        (TRANSPORT_CC_URI, RtpCodecKind::Video),
    ];
    for (uri, kind) in extensions {
        engine.register_header_extension(
            RTCRtpHeaderExtensionCapability { uri: uri.to_owned() },
            kind,
            None,
        )?;
    }
    Ok(engine)
}

fn opus() -> RTCRtpCodecParameters {
    codec(111, MIME_TYPE_OPUS, 48_000, 2, "minptime=10;useinbandfec=1", &[("transport-cc", "")])
}

fn vp8() -> RTCRtpCodecParameters {
    let feedback = [("goog-remb", ""), ("transport-cc", ""), ("ccm", "fir"), ("nack", ""), ("nack", "pli")];
    codec(VIDEO_PAYLOAD_TYPE, MIME_TYPE_VP8, 90_000, 0, "", &feedback)
}

fn rtx() -> RTCRtpCodecParameters {
    codec(REPAIR_PAYLOAD_TYPE, MIME_TYPE_RTX, 90_000, 0, &format!("apt={VIDEO_PAYLOAD_TYPE}"), &[])
}

fn codec(
    payload_type: u8,
    mime_type: &str,
    clock_rate: u32,
    channels: u16,
    fmtp: &str,
    feedback: &[(&str, &str)],
) -> RTCRtpCodecParameters {
    let rtcp_feedback = feedback
        .iter()
        .map(|(typ, parameter)| RTCPFeedback { typ: (*typ).to_owned(), parameter: (*parameter).to_owned() })
        .collect();
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback,
        },
        payload_type,
    }
}

#[cfg(test)]
mod tests;
