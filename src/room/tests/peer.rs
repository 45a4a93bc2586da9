//! A client built from webrtc-rs parts: DTLS client, `rtc-srtp` contexts, STUN checks. Independent of our own SRTP.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use rtc_datachannel::message::{
    Message as Dcep,
    message_channel_open::{ChannelType, DataChannelOpen},
};
use rtc_dtls::{
    config::{ConfigBuilder, ExtendedMasterSecretType},
    crypto::Certificate,
    crypto_provider::{RTCCryptoProvider, providers::AwsLcRsProvider},
    endpoint::{Endpoint, EndpointEvent},
    extension::extension_use_srtp::SrtpProtectionProfile,
};
use rtc_rtcp::{
    extended_report::{DLRRReport, DLRRReportBlock, ExtendedReport, ReceiverReferenceTimeReportBlock},
    reception_report::ReceptionReport,
};
use rtc_sctp::{
    Association, ClientConfig, DatagramEvent, EndpointConfig, Event as SctpEvent, Payload,
    PayloadProtocolIdentifier, StreamEvent, TransportConfig,
};
use rtc_shared::{TransportProtocol, marshal::Marshal as _};
use rtc_srtp::{
    config::{Config, LABEL_EXTRACTOR_DTLS_SRTP},
    context::Context,
    protection_profile::ProtectionProfile,
};
use rtc_stun::{
    attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME, RawAttribute},
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, Message, Setter, TransactionId},
    textattrs::TextAttribute,
};

use super::frame::{self, Frame, Order};
use super::nacks::{Nacks, Repeats};
use crate::{
    base::playout::PlayoutDelay,
    media::clock,
    proto::{
        codec::Codec,
        demux::{PacketKind, classify},
        rtcp::{self, Feedback},
        rtp::{ExtensionBlock, Header, HeaderFields, write_header},
        twcc::ArrivalRecorder,
    },
};

pub const SERVER: &str = "192.0.2.10:7882";
pub const MID_EXT: u8 = 1;
pub const RID_EXT: u8 = 2;
pub const REPAIRED_EXT: u8 = 3;
pub const LEVEL_EXT: u8 = 4;
pub const TRANSPORT_EXT: u8 = 5;
pub const DEPENDENCY_EXT: u8 = 6;
pub const PLAYOUT_EXT: u8 = 9;
/// Payload of a full packet.
const FULL: usize = 1_100;
/// Where a video payload has the number of the packet.
const NUMBERED: std::ops::Range<usize> = 10..14;
/// Packets that are worth asking for.
const NACK_WINDOW: u16 = 100;

/// An audio packet as a receiver sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub level: u8,
    pub at: Instant,
}

/// What a receiver report says.
#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    pub highest: u32,
    pub lost: u32,
    pub jitter: u32,
    pub on_the_way: Duration,
}

/// A packet as it came, of a codec that our frames are not made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Raw {
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Vec<u8>,
    pub dependencies: Vec<u8>,
}

impl Raw {
    fn of(header: &Header, plain: &[u8], payload: &[u8]) -> Self {
        let dependencies = header.extensions(plain).find(|(id, _)| *id == DEPENDENCY_EXT);
        Self {
            payload_type: header.payload_type,
            sequence: header.sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            payload: payload.to_vec(),
            dependencies: dependencies.map(|(_, value)| value.to_vec()).unwrap_or_default(),
        }
    }
}

pub struct Peer {
    /// Best first.
    pub video_codecs: Vec<Codec>,
    pub takes_red: bool,
    pub raw: Vec<Raw>,
    /// VP8 as it came, too.
    pub keeps_raw: bool,
    pub address: SocketAddr,
    pub ufrag: String,
    pub fingerprint: String,
    provider: Arc<dyn RTCCryptoProvider>,
    dtls: Endpoint,
    seal: Option<Context>,
    open: Option<Context>,
    pub connected: bool,
    pub outgoing: VecDeque<Vec<u8>>,
    pub plis: Vec<u32>,
    /// Clock mappings received: (NTP, RTP).
    pub reports: Vec<(u64, u32)>,
    /// The newest of each stream: its NTP time, and when it came.
    report_times: BTreeMap<u32, (u64, Instant)>,
    /// The newest reference time, and when it came.
    reference: Option<(u32, u64, Instant)>,
    pub repairs: u64,
    sent: BTreeMap<(u32, u16), Vec<u8>>,
    next_rtx: u16,
    sequences: BTreeMap<u32, u16>,
    /// Its frames are of three temporal layers.
    pub layered: bool,
    orders: [Order; 3],
    /// Sizes of the frames of each layer; 0 = a few bytes.
    pub frame_bytes: [usize; 3],
    /// Size of a piece of sound; 0 = a few bytes.
    pub word_bytes: usize,
    /// What it will report of the packets that came.
    pub arrivals: ArrivalRecorder,
    pub frames: Vec<Frame>,
    pub audio: usize,
    pub reports_arrivals: bool,
    /// How long it was told to wait, by the newest picture.
    pub playout_delay: Option<PlayoutDelay>,
    /// Under which id it offers times of capture; 0 = not at all.
    pub capture_ext: u8,
    /// The time of capture that its next frames and sounds carry.
    pub stamp: Vec<u8>,
    /// Times of capture that came: payload type, timestamp, value.
    pub captured: Vec<(u8, u32, Vec<u8>)>,
    /// Packets that only probed the path.
    pub probes: usize,
    /// Their bytes.
    pub probed: u64,
    pub sounds: Vec<Sound>,
    /// Sequence numbers of the video stream, primary and repaired.
    pub seen: BTreeMap<u32, BTreeSet<u16>>,
    /// Media stream of each RTX stream, as the answers say.
    pub repairs_of: BTreeMap<u32, u32>,
    /// Put into the frames it sends.
    pub tag: u8,
    /// Copies and strangers are thrown away, as a browser does, instead of failing the test.
    pub forgiving: bool,
    /// Its streams say their names; browsers stop when a report acknowledged them.
    pub names_streams: bool,
    /// It has what a server asks for; without, lost audio stays lost.
    pub repairs_audio: bool,
    /// Asks for what is missing by itself, as a browser does.
    pub nacks: Option<Nacks>,
    /// Repeats packets no more often than a browser does; without, whenever it is asked.
    pub repeats: Option<Repeats>,
    /// How many media packets it has made: each carries its number, if it is long enough.
    pub made: u32,
    /// When each of somebody else's came first, by whatever way.
    pub came: BTreeMap<u32, Instant>,
    pub video_ssrc: u32,
    /// Of the newest video packet.
    pub video_timestamp: u32,
    pub silent: bool,
    /// Of the newest frame, by the clock that all layers share.
    pub timestamp: u32,
    /// What each layer adds to it.
    pub bases: [u32; 3],
    audio_timestamp: u32,
    picture: u16,
    sctp: Option<(rtc_sctp::Endpoint, Association)>,
    channel: Option<&'static str>,
    pub messages: Vec<String>,
}

pub fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 111,
        Codec::Vp8 => 96,
        Codec::Vp9 => 98,
        Codec::Av1 => 45,
        Codec::H264 => 102,
    }
}

/// Of RFC 4588 retransmission, for codecs that are offered with it.
pub fn repair_type(codec: Codec) -> Option<u8> {
    match codec {
        Codec::Vp8 => Some(97),
        Codec::Vp9 => Some(99),
        Codec::Av1 => Some(46),
        Codec::Opus | Codec::H264 => None,
    }
}

pub fn media_ssrc(layer: u8) -> u32 {
    5_000 + u32::from(layer)
}

fn rtx_ssrc(layer: u8) -> u32 {
    6_000 + u32::from(layer)
}

const CHANNEL: u16 = 2;
const AUDIO_SSRC: u32 = 4_000;
const LAYERS: [&str; 3] = ["q", "h", "f"];

impl Peer {
    pub fn new(now: Instant, port: u16, only_aes_cm: bool) -> Self {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(AwsLcRsProvider::new());
        let certificate =
            Certificate::generate_self_signed(vec!["peer".to_owned()], provider.crypto()).unwrap();
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.certificate[0].as_ref());
        let fingerprint: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        // Browsers put AES-CM first.
        let mut profiles = vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80];
        if !only_aes_cm {
            profiles.push(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm);
        }
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider.clone())
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(profiles)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .build(true, None)
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut dtls = Endpoint::new(address, TransportProtocol::UDP, None);
        dtls.connect(now, SERVER.parse().unwrap(), Arc::new(config), None).unwrap();
        Self {
            video_codecs: vec![Codec::Vp8],
            takes_red: false,
            raw: Vec::new(),
            keeps_raw: false,
            address,
            ufrag: format!("peer{port}"),
            fingerprint: fingerprint.join(":"),
            provider,
            dtls,
            seal: None,
            open: None,
            connected: false,
            outgoing: VecDeque::new(),
            plis: Vec::new(),
            reports: Vec::new(),
            report_times: BTreeMap::new(),
            reference: None,
            repairs: 0,
            sent: BTreeMap::new(),
            next_rtx: 100,
            sequences: BTreeMap::new(),
            layered: false,
            orders: Default::default(),
            frame_bytes: [0; 3],
            word_bytes: 0,
            arrivals: ArrivalRecorder::new(now),
            frames: Vec::new(),
            audio: 0,
            reports_arrivals: false,
            playout_delay: None,
            capture_ext: 0,
            stamp: Vec::new(),
            captured: Vec::new(),
            probes: 0,
            probed: 0,
            seen: BTreeMap::new(),
            repairs_of: BTreeMap::new(),
            tag: 0,
            forgiving: false,
            names_streams: true,
            repairs_audio: true,
            nacks: None,
            repeats: None,
            made: 0,
            came: BTreeMap::new(),
            sounds: Vec::new(),
            video_ssrc: 0,
            video_timestamp: 0,
            silent: false,
            timestamp: 9_000,
            bases: [0; 3],
            audio_timestamp: u32::MAX - 20_000,
            picture: 100,
            sctp: None,
            channel: None,
            messages: Vec::new(),
        }
    }

    pub fn check(&mut self, server_ufrag: &str, server_pwd: &str) {
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            server_pwd.to_owned(),
            self.provider.crypto(),
        );
        let mut message = Message::new();
        let username = TextAttribute::new(ATTR_USERNAME, format!("{server_ufrag}:{}", self.ufrag));
        let nominate = RawAttribute { typ: ATTR_USE_CANDIDATE, length: 0, value: vec![] };
        let setters: [Box<dyn Setter + '_>; 6] = [
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId([9; 12])),
            Box::new(username),
            Box::new(nominate),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        message.build(&setters).unwrap();
        self.outgoing.push_back(message.raw);
    }

    pub fn start_dtls(&mut self) {
        self.flush_dtls();
    }

    fn flush_dtls(&mut self) {
        while let Some(transmit) = self.dtls.poll_transmit() {
            self.outgoing.push_back(transmit.message.to_vec());
        }
    }

    pub fn handle(&mut self, now: Instant, datagram: &[u8]) {
        match classify(datagram) {
            PacketKind::Dtls => self.handle_dtls(now, datagram),
            PacketKind::Rtp => self.handle_rtp(now, datagram),
            PacketKind::Rtcp => self.handle_rtcp(now, datagram),
            PacketKind::Stun => {}
            PacketKind::Junk => panic!("the server sent junk"),
        }
    }

    fn handle_dtls(&mut self, now: Instant, datagram: &[u8]) {
        let server = SERVER.parse().unwrap();
        let events = match self.dtls.read(now, server, None, BytesMut::from(datagram)) {
            Ok(events) => events,
            Err(_) if self.forgiving => return, // a copy of the goodbye
            Err(error) => panic!("{error}"),
        };
        for event in events {
            if let EndpointEvent::ApplicationData(data) = &event {
                self.handle_sctp(now, Bytes::copy_from_slice(data));
            }
            if !matches!(event, EndpointEvent::HandshakeComplete) {
                continue;
            }
            let state = self.dtls.get_connection_state(server).unwrap();
            let profile = match state.srtp_protection_profile() {
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
                _ => ProtectionProfile::Aes128CmHmacSha1_80,
            };
            let mut config = Config { profile, ..Config::default() };
            let material = state
                .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len())
                .unwrap();
            config.set_session_keys_from_keying_material(material.as_ref(), true).unwrap();
            let keys = &config.keys;
            let crypto = self.provider.crypto();
            let context =
                |key: &[u8], salt: &[u8]| Context::new(key, salt, profile, None, None, crypto).unwrap();
            self.seal = Some(context(&keys.local_master_key, &keys.local_master_salt));
            self.open = Some(context(&keys.remote_master_key, &keys.remote_master_salt));
            self.connected = true;
        }
        self.flush_dtls();
    }

    /// Starts SCTP and opens a data channel once it is up (RFC 8832).
    pub fn open_channel(&mut self, now: Instant, label: &'static str) {
        let endpoint_config = Arc::new(EndpointConfig::new());
        let mut endpoint =
            rtc_sctp::Endpoint::new(self.address, TransportProtocol::UDP, endpoint_config, None);
        let config = ClientConfig::new(TransportConfig::default());
        let (_, association) = endpoint.connect(now, config, SERVER.parse().unwrap()).unwrap();
        self.sctp = Some((endpoint, association));
        self.channel = Some(label);
        self.flush_sctp(now);
    }

    pub fn say(&mut self, now: Instant, text: &str) {
        let (_, association) = self.sctp.as_mut().unwrap();
        let mut stream = association.stream(CHANNEL).unwrap();
        stream.write_with_ppi(now, text.as_bytes(), PayloadProtocolIdentifier::String).unwrap();
        self.flush_sctp(now);
    }

    fn handle_sctp(&mut self, now: Instant, packet: Bytes) {
        let Some((endpoint, association)) = &mut self.sctp else { return };
        if let Some((_, DatagramEvent::AssociationEvent(event))) =
            endpoint.handle(now, SERVER.parse().unwrap(), None, packet)
        {
            association.handle_event(event);
        }
        while let Some(event) = association.poll() {
            match event {
                SctpEvent::Connected => {
                    let open = Dcep::DataChannelOpen(DataChannelOpen {
                        channel_type: ChannelType::Reliable,
                        priority: 0,
                        reliability_parameter: 0,
                        label: self.channel.unwrap().as_bytes().to_vec(),
                        protocol: Vec::new(),
                    });
                    let mut stream =
                        association.open_stream(CHANNEL, PayloadProtocolIdentifier::Dcep).unwrap();
                    let open = open.marshal().unwrap();
                    stream.write_with_ppi(now, &open, PayloadProtocolIdentifier::Dcep).unwrap();
                }
                SctpEvent::Stream(StreamEvent::Readable { id }) => {
                    let mut stream = association.stream(id).unwrap();
                    while let Ok(Some(chunks)) = stream.read_sctp() {
                        if chunks.ppi == PayloadProtocolIdentifier::String {
                            let text = chunks.to_payload(1_000).unwrap().to_vec();
                            self.messages.push(String::from_utf8(text).unwrap());
                        }
                    }
                }
                _ => {}
            }
        }
        self.flush_sctp(now);
    }

    pub fn flush_sctp(&mut self, now: Instant) {
        let Some((_, association)) = &mut self.sctp else { return };
        if association.poll_timeout().is_some_and(|due| due <= now) {
            association.handle_timeout(now);
        }
        while let Some(transmit) = association.poll_transmit(now) {
            let Payload::RawEncode(packets) = transmit.message else { continue };
            for packet in packets {
                self.dtls.write(now, SERVER.parse().unwrap(), &packet).unwrap();
            }
        }
        self.flush_dtls();
    }

    fn handle_rtp(&mut self, now: Instant, datagram: &[u8]) {
        let plain = match self.open.as_mut().unwrap().decrypt_rtp(datagram) {
            Ok(plain) => plain,
            Err(_) if self.forgiving => return,
            Err(error) => panic!("not authentic: {error}"),
        };
        let header = Header::parse(&plain).unwrap();
        if let Some((_, value)) = header.extensions(&plain).find(|(id, _)| *id == PLAYOUT_EXT) {
            let [high, middle, low] = *value else { panic!("{value:?}") };
            let (min, max) =
                (u16::from_be_bytes([high, middle]) >> 4, u16::from_be_bytes([middle & 0xF, low]));
            self.playout_delay = Some(PlayoutDelay { min: min * 10, max: max * 10 });
        }
        if let Some((_, value)) = header.extensions(&plain).find(|(id, _)| *id == TRANSPORT_EXT) {
            self.arrivals.record(now, u16::from_be_bytes(value.try_into().unwrap()));
        }
        if let Some((_, value)) = header.extensions(&plain).find(|(id, _)| *id == self.capture_ext) {
            self.captured.push((header.payload_type, header.timestamp, value.to_vec()));
        }
        let payload = header.payload(&plain).unwrap();
        match header.payload_type {
            63 | 111 | 98 | 45 | 102 => {
                let seen = self.seen.entry(header.ssrc).or_default();
                if !seen.insert(header.sequence) {
                    assert!(self.forgiving, "sequence {} twice", header.sequence);
                    return;
                }
                if matches!(header.payload_type, 63 | 111) {
                    self.took(now, header.ssrc, header.sequence, payload.get(..4));
                    self.audio += 1;
                } else {
                    self.video_ssrc = header.ssrc;
                }
                if let Some((_, level)) = header.extensions(&plain).find(|(id, _)| *id == LEVEL_EXT) {
                    self.sounds.push(Sound {
                        ssrc: header.ssrc,
                        sequence: header.sequence,
                        timestamp: header.timestamp,
                        level: level[0],
                        at: now,
                    });
                }
                self.raw.push(Raw::of(&header, &plain, payload));
            }
            96 => {
                self.video_ssrc = header.ssrc;
                self.video_timestamp = header.timestamp;
                let seen = self.seen.entry(header.ssrc).or_default();
                if !seen.insert(header.sequence) {
                    // Late, after its own repair.
                    assert!(self.forgiving, "sequence {} twice", header.sequence);
                    return;
                }
                if payload.is_empty() {
                    return; // only its number counts
                }
                if self.keeps_raw {
                    self.raw.push(Raw::of(&header, &plain, payload));
                    return;
                }
                self.took(now, header.ssrc, header.sequence, payload.get(NUMBERED));
                self.frames.push(Frame::parse(header.ssrc, header.timestamp, payload));
            }
            97 | 99 | 46 if payload.is_empty() => {
                self.probes += 1;
                self.probed += datagram.len() as u64;
            }
            97 | 99 | 46 => {
                let original = u16::from_be_bytes([payload[0], payload[1]]);
                let ssrc = self.repairs_of.get(&header.ssrc).copied().unwrap_or(self.video_ssrc);
                if !self.seen.entry(ssrc).or_default().insert(original) {
                    // Probes repeat what was sent; only with transport-wide feedback is there any.
                    assert!(self.reports_arrivals, "repaired {original} twice");
                    self.probes += 1;
                    self.probed += datagram.len() as u64;
                    return;
                }
                self.took(now, ssrc, original, payload[2..].get(NUMBERED));
                self.frames.push(Frame::parse(ssrc, header.timestamp, &payload[2..]));
            }
            other => panic!("payload type {other}"),
        }
    }

    /// A packet came that had not come before.
    fn took(&mut self, now: Instant, ssrc: u32, sequence: u16, number: Option<&[u8]>) {
        if let Some(number) = number {
            self.came.entry(u32::from_be_bytes(number.try_into().unwrap())).or_insert(now);
        }
        let wanted = self.nacks.as_mut().map(|nacks| nacks.arrived(now, ssrc, sequence)).unwrap_or_default();
        self.ask(ssrc, &wanted);
    }

    /// Asks again for what is overdue.
    pub fn ask_again(&mut self, now: Instant) {
        for (ssrc, wanted) in self.nacks.as_mut().map(|nacks| nacks.overdue(now)).unwrap_or_default() {
            self.ask(ssrc, &wanted);
        }
    }

    fn ask(&mut self, ssrc: u32, wanted: &[u16]) {
        if !wanted.is_empty() {
            let mut compound = rtcp::CompoundBuilder::new(1);
            compound.nack(ssrc, wanted);
            self.send_rtcp(&compound.finish());
        }
    }

    fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let plain = match self.open.as_mut().unwrap().decrypt_rtcp(datagram) {
            Ok(plain) => plain,
            Err(_) if self.forgiving => return,
            Err(error) => panic!("not authentic: {error}"),
        };
        self.note_reference_times(now, &plain);
        for feedback in rtcp::parse(&plain).expect("well-formed RTCP") {
            match feedback {
                Feedback::KeyframeWanted { ssrc } => self.plis.push(ssrc),
                Feedback::SenderReport { ssrc, ntp, rtp } => {
                    self.reports.push((ntp, rtp));
                    self.report_times.insert(ssrc, (ntp, now));
                }
                Feedback::Nack { ssrc, sequences } => {
                    for sequence in sequences {
                        if self.repeats.as_mut().is_none_or(|repeats| repeats.may(now, ssrc, sequence)) {
                            self.repair(ssrc, sequence);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Answers a NACK with RTX that names its layer by `repaired-rid`.
    fn repair(&mut self, ssrc: u32, sequence: u16) {
        let Some(original) = self.sent.get(&(ssrc, sequence)).cloned() else { return };
        if ssrc == AUDIO_SSRC {
            // As browsers do: the packet itself once more.
            if self.repairs_audio {
                let sealed = self.seal.as_mut().unwrap().encrypt_rtp(&original).unwrap();
                self.outgoing.push_back(sealed.to_vec());
                self.repairs += 1;
            }
            return;
        }
        let layer = u8::try_from(ssrc - 5_000).unwrap();
        let header = Header::parse(&original).unwrap();
        let mut ext = ExtensionBlock::default();
        ext.push(MID_EXT, b"1");
        ext.push(REPAIRED_EXT, LAYERS[usize::from(layer)].as_bytes());
        self.next_rtx = self.next_rtx.wrapping_add(1);
        let fields = HeaderFields {
            marker: header.marker,
            payload_type: 97,
            sequence: self.next_rtx,
            timestamp: header.timestamp,
            ssrc: rtx_ssrc(layer),
        };
        let mut body = sequence.to_be_bytes().to_vec();
        body.extend_from_slice(&original[header.payload_start..]);
        self.repairs += 1;
        self.send(&fields, &ext, &body);
    }

    fn send(&mut self, fields: &HeaderFields, ext: &ExtensionBlock, body: &[u8]) {
        let mut packet = vec![0u8; 320];
        let len = write_header(&mut packet, fields, ext).unwrap();
        packet.truncate(len);
        packet.extend_from_slice(body);
        self.sent.insert((fields.ssrc, fields.sequence), packet.clone());
        let sealed = self.seal.as_mut().unwrap().encrypt_rtp(&packet).unwrap();
        self.outgoing.push_back(sealed.to_vec());
    }

    /// A packet of the lowest layer that continues the frame sent before it.
    pub fn send_continuation(&mut self, marker: bool) {
        let ssrc = media_ssrc(0);
        let [high, low] = self.picture.to_be_bytes();
        let body = [0x80, 0xC0, 0x80 | high, low, 7, 1, 0, 0, 0, 0];
        let sequence = self.next_sequence(ssrc);
        let fields = HeaderFields { marker, payload_type: 96, sequence, timestamp: self.timestamp, ssrc };
        self.send(&fields, &ExtensionBlock::default(), &body);
    }

    /// One single-packet VP8 frame on each layer; a keyframe where the server asked for one.
    pub fn send_frame(&mut self, layers: &[u8]) {
        self.begin_picture();
        self.send_layers(layers);
    }

    pub fn begin_picture(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(3_000);
        self.picture = self.picture.wrapping_add(1) & 0x7FFF;
    }

    /// These layers of the picture begun last.
    pub fn send_layers(&mut self, layers: &[u8]) {
        for layer in layers {
            let ssrc = media_ssrc(*layer);
            let started = self.sequences.contains_key(&ssrc);
            let asked = self.plis.iter().position(|pli| *pli == ssrc).map(|at| self.plis.swap_remove(at));
            let keyframe = !started || asked.is_some();
            let order = self.orders.get_mut(usize::from(*layer)).filter(|_| self.layered);
            let order = order.map(|order| order.next(keyframe));
            let mut head = frame::head(self.picture, keyframe, order, *layer, self.tag);
            let simulcast = layers.len() > 1 || self.sequences.keys().any(|ssrc| *ssrc > media_ssrc(0));
            let mut ext = ExtensionBlock::default();
            if self.names_streams {
                ext.push(MID_EXT, b"1");
            }
            if self.names_streams && (simulcast || *layer == 0) {
                ext.push(RID_EXT, LAYERS[usize::from(*layer)].as_bytes());
            }
            ext.push(self.capture_ext, &self.stamp);
            let mut left = self.frame_bytes[usize::from(*layer)].max(head.len());
            while left > 0 {
                let mut body = head.clone();
                body.resize(left.min(FULL).max(head.len()), 0);
                left = left.saturating_sub(FULL);
                head[0] = 0x80; // what follows does not start the picture
                if let Some(number) = body.get_mut(NUMBERED) {
                    number.copy_from_slice(&self.made.to_be_bytes());
                    self.made += 1;
                }
                let sequence = self.next_sequence(ssrc);
                let marker = left == 0;
                let fields =
                    HeaderFields { marker, payload_type: 96, sequence, timestamp: self.own(*layer), ssrc };
                self.send(&fields, &ext, &body);
            }
        }
    }

    pub fn send_audio(&mut self, level: u8) {
        let mut ext = ExtensionBlock::default();
        ext.push(MID_EXT, b"0");
        ext.push(LEVEL_EXT, &[level]);
        ext.push(self.capture_ext, &self.stamp);
        let sequence = self.next_sequence(AUDIO_SSRC);
        self.audio_timestamp = self.audio_timestamp.wrapping_add(960);
        let fields = HeaderFields {
            marker: false,
            payload_type: 111,
            sequence,
            timestamp: self.audio_timestamp,
            ssrc: AUDIO_SSRC,
        };
        let mut body = self.made.to_be_bytes().to_vec();
        body.resize(self.word_bytes.max(body.len()), 0);
        self.made += 1;
        self.send(&fields, &ext, &body);
    }

    /// A packet of any codec; its number goes on from the last of the stream. Returns what it was.
    pub fn send_raw(&mut self, mid: &str, raw: &Raw) -> u16 {
        self.send_raw_layer(mid, None, raw)
    }

    /// The same for a layer of simulcast.
    pub fn send_raw_layer(&mut self, mid: &str, layer: Option<u8>, raw: &Raw) -> u16 {
        let video = media_ssrc(layer.unwrap_or(0));
        let ssrc = if matches!(raw.payload_type, 63 | 111) { AUDIO_SSRC } else { video };
        let mut ext = ExtensionBlock::default();
        ext.push(MID_EXT, mid.as_bytes());
        if let Some(layer) = layer {
            ext.push(RID_EXT, LAYERS[usize::from(layer)].as_bytes());
        }
        ext.push(DEPENDENCY_EXT, &raw.dependencies);
        let sequence = self.next_sequence(ssrc);
        let fields = HeaderFields {
            marker: raw.marker,
            payload_type: raw.payload_type,
            sequence,
            timestamp: raw.timestamp,
            ssrc,
        };
        self.send(&fields, &ext, &raw.payload);
        sequence
    }

    /// A sender report of a layer that maps its newest frame to `ntp`.
    pub fn send_report(&mut self, layer: u8, ntp: u64) {
        let report = rtcp::CompoundBuilder::sender(media_ssrc(layer), ntp, self.own(layer), 1, 1);
        self.send_rtcp(&report);
    }

    /// The newest frame's timestamp on a layer.
    fn own(&self, layer: u8) -> u32 {
        self.timestamp.wrapping_add(self.bases[usize::from(layer)])
    }

    fn send_rtcp(&mut self, compound: &[u8]) {
        let sealed = self.seal.as_mut().unwrap().encrypt_rtcp(compound).unwrap();
        self.outgoing.push_back(sealed.to_vec());
    }

    /// Transport-wide feedback for what arrived since the last.
    pub fn report_arrivals(&mut self) {
        let Some(feedback) = self.arrivals.feedback(1, self.video_ssrc) else { return };
        let sealed = self.seal.as_mut().unwrap().encrypt_rtcp(&feedback).unwrap();
        self.outgoing.push_back(sealed.to_vec());
    }

    /// Asks for what is missing in the last packets of each stream.
    pub fn nack_missing(&mut self) {
        for (ssrc, seen) in &self.seen {
            let (Some(first), Some(last)) = (seen.first(), seen.last()) else { continue };
            let from = last.saturating_sub(NACK_WINDOW).max(*first);
            let missing: Vec<u16> = (from..*last).filter(|one| !seen.contains(one)).collect();
            if missing.is_empty() {
                continue;
            }
            let mut compound = rtcp::CompoundBuilder::new(1);
            compound.nack(*ssrc, &missing);
            let sealed = self.seal.as_mut().unwrap().encrypt_rtcp(&compound.finish()).unwrap();
            self.outgoing.push_back(sealed.to_vec());
        }
    }

    pub fn learn_repairs(&mut self, answer: &str) {
        for group in answer.lines().filter_map(|line| line.strip_prefix("a=ssrc-group:FID ")) {
            let mut both = group.split_whitespace().map(|ssrc| ssrc.parse().unwrap());
            if let (Some(media), Some(repair)) = (both.next(), both.next()) {
                self.repairs_of.insert(repair, media);
            }
        }
    }

    /// A receiver report on a stream. It echoes the sender report that came last, as kept for the time since.
    pub fn receiver_report(&mut self, now: Instant, ssrc: u32, view: View) {
        let (ntp, at) = self.report_times.get(&ssrc).copied().unwrap_or((0, now));
        let mut compound = rtcp::CompoundBuilder::new(1);
        compound.report(ReceptionReport {
            ssrc,
            fraction_lost: 0,
            total_lost: view.lost,
            last_sequence_number: view.highest,
            jitter: view.jitter,
            last_sender_report: clock::compact(ntp),
            delay: clock::compact(clock::fixed_point(now.duration_since(at).saturating_sub(view.on_the_way))),
        });
        // A compound that says nothing else.
        self.send_rtcp(&compound.finish());
    }

    fn note_reference_times(&mut self, now: Instant, compound: &[u8]) {
        let packets = rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(compound)).unwrap();
        for packet in &packets {
            let Some(report) = packet.as_any().downcast_ref::<ExtendedReport>() else { continue };
            for block in &report.reports {
                if let Some(block) = block.as_any().downcast_ref::<ReceiverReferenceTimeReportBlock>() {
                    self.reference = Some((report.sender_ssrc, block.ntp_timestamp, now));
                    if self.repeats.is_some() {
                        self.answer_reference(now, Duration::ZERO);
                    }
                }
            }
        }
    }

    /// Answers the last reference time, which was `on_the_way` of the time since.
    pub fn answer_reference(&mut self, now: Instant, on_the_way: Duration) {
        let (ssrc, ntp, at) = self.reference.expect("the server asked");
        let kept = now.duration_since(at).saturating_sub(on_the_way);
        let dlrr = clock::compact(clock::fixed_point(kept));
        let block =
            DLRRReportBlock { reports: vec![DLRRReport { ssrc, last_rr: clock::compact(ntp), dlrr }] };
        let report = ExtendedReport { sender_ssrc: 1, reports: vec![Box::new(block)] };
        self.send_rtcp(&report.marshal().unwrap());
    }

    /// The microphone sends nothing for a while (discontinuous transmission); its clock runs on.
    pub fn pause_audio(&mut self, span: Duration) {
        let ticks = span.as_millis() * 48;
        self.audio_timestamp = self.audio_timestamp.wrapping_add(u32::try_from(ticks).unwrap());
    }

    pub fn pli(&mut self) {
        let mut compound = rtcp::CompoundBuilder::new(1);
        compound.pli(self.video_ssrc);
        self.send_rtcp(&compound.finish());
    }

    pub fn nack(&mut self, sequences: &[u16]) {
        let mut compound = rtcp::CompoundBuilder::new(1);
        compound.nack(self.video_ssrc, sequences);
        self.send_rtcp(&compound.finish());
    }

    fn next_sequence(&mut self, ssrc: u32) -> u16 {
        // Starts near the wrap, so that every test crosses it.
        let sequence = self.sequences.entry(ssrc).or_insert(65_530);
        *sequence = sequence.wrapping_add(1);
        *sequence
    }
}
