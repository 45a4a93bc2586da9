//! One WebRTC association: takes datagrams of one participant, gives decrypted media and data.
//!
//! Nothing else imports the DTLS and SCTP crates. DTLS and SRTP are accepted only from addresses that passed an
//! ICE check with integrity: a forged ClientHello from elsewhere must not disturb a session.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    dtls::{Dtls, DtlsEvent, Identity},
    ice::{CONSENT_TIMEOUT, Credentials, IceLite},
    outbox::Outbox,
    remote,
    sctp::{Received, Sctp},
    srtp::{MAX_OVERHEAD, Profile, SrtpError, SrtpIn, SrtpOut},
};
use crate::{
    media::forwarder::Written,
    proto::{
        demux::{PacketKind, classify},
        rtp::Header,
        sdp::Fingerprint,
        stun::BindingRequest,
    },
};

/// Silence after which others see the participant as interrupted.
pub const INTERRUPTED_AFTER: Duration = Duration::from_secs(5);
/// Silence of the known path after which media from elsewhere is taken for a move: several packets of sound.
const MOVED_AFTER: Duration = Duration::from_millis(100);
const NOT_VALIDATED: Incoming = Incoming::Dropped(DropReason::NotValidated);
/// Largest datagram we send: an Ethernet path minus tunnels.
pub const MAX_DATAGRAM: usize = 1_500;

/// Why a datagram was thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    Junk,
    UnknownAddress,
    StunRefused,
    NotValidated,
    NoKeys,
    Forged,
    Replayed,
    TooManyStreams,
    Malformed,
    UnknownStream,
    NotAllowed,
    Duplicate,
    SendOverflow,
    SendFailed,
    EventOverflow,
    RelayOverflow,
    HandshakeOverflow,
    TcpOverflow,
}

impl DropReason {
    pub const ALL: [Self; 18] = [
        Self::Junk,
        Self::UnknownAddress,
        Self::StunRefused,
        Self::NotValidated,
        Self::NoKeys,
        Self::Forged,
        Self::Replayed,
        Self::TooManyStreams,
        Self::Malformed,
        Self::UnknownStream,
        Self::NotAllowed,
        Self::Duplicate,
        Self::SendOverflow,
        Self::SendFailed,
        Self::EventOverflow,
        Self::RelayOverflow,
        Self::HandshakeOverflow,
        Self::TcpOverflow,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Junk => "junk",
            Self::UnknownAddress => "unknown_address",
            Self::StunRefused => "stun_refused",
            Self::NotValidated => "not_validated",
            Self::NoKeys => "no_keys",
            Self::Forged => "forged",
            Self::Replayed => "replayed",
            Self::TooManyStreams => "too_many_streams",
            Self::Malformed => "malformed",
            Self::UnknownStream => "unknown_stream",
            Self::NotAllowed => "not_allowed",
            Self::Duplicate => "duplicate",
            Self::SendOverflow => "send_overflow",
            Self::SendFailed => "send_failed",
            Self::EventOverflow => "event_overflow",
            Self::RelayOverflow => "relay_overflow",
            Self::HandshakeOverflow => "handshake_overflow",
            Self::TcpOverflow => "tcp_overflow",
        }
    }
}

/// What a datagram turned out to be.
#[derive(Debug)]
pub enum Incoming {
    /// Handled inside (checks, handshake).
    Nothing,
    /// A new address of this session, and perhaps one that it lost.
    Address {
        validated: SocketAddr,
        evicted: Option<SocketAddr>,
    },
    /// A decrypted RTP packet: the first `len` bytes of the buffer.
    Rtp {
        header: Header,
        len: usize,
    },
    /// Decrypted RTCP: the first `len` bytes of the buffer.
    Rtcp {
        len: usize,
    },
    Data(Vec<Received>),
    /// ICE and DTLS are up.
    Connected,
    /// The peer closed the connection.
    Closed,
    /// The handshake failed for good.
    Failed(String),
    Dropped(DropReason),
}

pub struct Session {
    identity: Identity,
    ice: IceLite,
    dtls: Dtls,
    srtp_in: Option<SrtpIn>,
    srtp_out: Option<SrtpOut>,
    profile: Option<Profile>,
    sctp: Option<Box<Sctp>>,
    created: Instant,
    last_heard: Instant,
    /// When something came from where we send to.
    last_on_path: Instant,
}

impl Session {
    pub fn new(
        now: Instant,
        identity: Identity,
        credentials: Credentials,
        remote_ufrag: String,
        fingerprint: Fingerprint,
    ) -> Self {
        Self {
            dtls: Dtls::new(identity.clone(), fingerprint),
            identity,
            ice: IceLite::new(credentials, remote_ufrag),
            srtp_in: None,
            srtp_out: None,
            profile: None,
            sctp: None,
            created: now,
            last_heard: now,
            last_on_path: now,
        }
    }

    /// Of the client's certificate, as signalled.
    pub fn fingerprint(&self) -> Fingerprint {
        self.dtls.client_fingerprint()
    }

    pub fn ice(&self) -> &IceLite {
        &self.ice
    }

    /// Restarts ICE; DTLS and SRTP go on. Returns credentials that are no longer valid.
    pub fn restart_ice(&mut self, credentials: Credentials, remote_ufrag: String) -> Option<Credentials> {
        self.ice.restart(credentials, remote_ufrag)
    }

    /// The connection behind an address ended.
    pub fn forget_address(&mut self, address: SocketAddr) {
        self.ice.forget(address);
    }

    pub fn is_connected(&self) -> bool {
        self.srtp_out.is_some()
    }

    /// The negotiated SRTP profile, once connected.
    pub fn profile(&self) -> Option<Profile> {
        self.profile
    }

    pub fn created(&self) -> Instant {
        self.created
    }

    pub fn is_interrupted(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_heard) >= INTERRUPTED_AFTER
    }

    /// RFC 7675: the peer no longer consents to be sent to (or never showed up).
    pub fn is_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_heard) >= CONSENT_TIMEOUT
    }

    pub fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &mut [u8],
        out: &mut Outbox,
    ) -> Incoming {
        let kind = classify(packet);
        if kind == PacketKind::Stun {
            return self.handle_stun(now, from, packet, out);
        }
        if !self.ice.is_validated(now, from) {
            return if kind == PacketKind::Rtp {
                self.handle_moved(now, from, packet)
            } else {
                NOT_VALIDATED
            };
        }
        match kind {
            PacketKind::Rtp => self.handle_rtp(now, from, packet),
            PacketKind::Rtcp => self.handle_rtcp(now, from, packet),
            PacketKind::Dtls => self.handle_dtls(now, packet, out),
            PacketKind::Stun | PacketKind::Junk => Incoming::Dropped(DropReason::Junk),
        }
    }

    fn handle_stun(&mut self, now: Instant, from: SocketAddr, packet: &[u8], out: &mut Outbox) -> Incoming {
        let Some(mut request) = BindingRequest::parse(packet) else {
            return Incoming::Dropped(DropReason::StunRefused);
        };
        let crypto = self.identity.provider().crypto();
        let Some(checked) = self.ice.handle(now, from, &mut request, crypto) else {
            return Incoming::Dropped(DropReason::StunRefused);
        };
        self.last_heard = now;
        if self.ice.selected() == Some(from) {
            self.last_on_path = now;
        }
        out.push(from, &checked.response);
        match checked.validated {
            Some(validated) => Incoming::Address { validated, evicted: checked.evicted },
            None => Incoming::Nothing,
        }
    }

    /// A packet from an address that passed no check. Only the client can have sealed it, and it was never seen
    /// before: if the known path is silent, the client is there now. Whoever copies packets on their way could as well
    /// copy checks, which name no address either.
    fn handle_moved(&mut self, now: Instant, from: SocketAddr, packet: &mut [u8]) -> Incoming {
        if !self.is_path_silent(now) || self.ice.knows(from) || remote::connection(&from).is_some() {
            return NOT_VALIDATED;
        }
        let Incoming::Rtp { .. } = self.handle_rtp(now, from, packet) else { return NOT_VALIDATED };
        match self.ice.moved(now, from) {
            // The packet itself is asked for again like any that was lost.
            Some(evicted) => Incoming::Address { validated: from, evicted },
            None => NOT_VALIDATED,
        }
    }

    /// Whether nothing comes any more from where we send to.
    fn is_path_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_on_path) >= MOVED_AFTER
    }

    /// An authentic packet. If the client speaks from another of its addresses than the one we send to, and only from
    /// there, that is its path now: the next nomination may be seconds away.
    fn heard(&mut self, now: Instant, from: SocketAddr) {
        self.last_heard = now;
        self.dtls.confirm();
        let on_path = self.ice.selected() == Some(from);
        if on_path || self.is_path_silent(now) && self.ice.follow(now, from) {
            self.last_on_path = now;
        }
    }

    fn handle_rtp(&mut self, now: Instant, from: SocketAddr, packet: &mut [u8]) -> Incoming {
        let Some(srtp) = &mut self.srtp_in else { return Incoming::Dropped(DropReason::NoKeys) };
        let Some(header) = Header::parse(packet) else { return Incoming::Dropped(DropReason::Malformed) };
        match srtp.open(&header, packet) {
            Ok(len) => {
                self.heard(now, from);
                Incoming::Rtp { header, len }
            }
            Err(error) => Incoming::Dropped(drop_reason(error)),
        }
    }

    fn handle_rtcp(&mut self, now: Instant, from: SocketAddr, packet: &mut [u8]) -> Incoming {
        let Some(srtp) = &mut self.srtp_in else { return Incoming::Dropped(DropReason::NoKeys) };
        match srtp.open_rtcp(packet) {
            Ok(len) => {
                self.heard(now, from);
                Incoming::Rtcp { len }
            }
            Err(error) => Incoming::Dropped(drop_reason(error)),
        }
    }

    fn handle_dtls(&mut self, now: Instant, packet: &[u8], out: &mut Outbox) -> Incoming {
        let events = match self.dtls.handle(now, packet) {
            Ok(events) => events,
            Err(error) => {
                self.flush_dtls(out);
                return Incoming::Failed(error.to_string());
            }
        };
        let mut result = Incoming::Nothing;
        let mut received = Vec::new();
        for event in events {
            match event {
                DtlsEvent::Connected { profile, keys } => {
                    match (SrtpIn::new(profile, &keys), SrtpOut::new(profile, &keys)) {
                        (Ok(srtp_in), Ok(srtp_out)) => {
                            self.srtp_in = Some(srtp_in);
                            self.srtp_out = Some(srtp_out);
                            self.profile = Some(profile);
                            self.last_heard = now;
                            result = Incoming::Connected;
                        }
                        _ => result = Incoming::Failed("SRTP keys could not be set up".to_owned()),
                    }
                }
                DtlsEvent::Data(data) => {
                    let sctp = self.sctp.get_or_insert_default();
                    received.extend(sctp.handle(now, &data));
                }
                DtlsEvent::Closed => result = Incoming::Closed,
            }
        }
        self.flush_sctp(now);
        self.flush_dtls(out);
        match result {
            Incoming::Nothing if !received.is_empty() => Incoming::Data(received),
            other => other,
        }
    }

    /// Timers: handshake and SCTP retransmission. Messages and failures come out as from `handle`.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Incoming {
        let mut result = Incoming::Nothing;
        if let Err(error) = self.dtls.handle_timeout(now) {
            result = Incoming::Failed(error.to_string());
        }
        if let Some(sctp) = &mut self.sctp
            && sctp.next_timeout().is_some_and(|due| now >= due)
        {
            let received = sctp.handle_timeout(now);
            if !received.is_empty() {
                result = Incoming::Data(received);
            }
            self.flush_sctp(now);
        }
        self.flush_dtls(out);
        result
    }

    /// Whether a data channel with this label is open.
    pub fn has_channel(&self, label: &str) -> bool {
        self.sctp.as_ref().is_some_and(|sctp| sctp.has_channel(label))
    }

    /// Sends on a data channel; dropped if it is not open or its buffer is full.
    pub fn send_data(
        &mut self,
        now: Instant,
        label: &str,
        binary: bool,
        data: &[u8],
        out: &mut Outbox,
    ) -> bool {
        let Some(sctp) = &mut self.sctp else { return false };
        let sent = sctp.send(now, label, binary, data);
        self.flush_sctp(now);
        self.flush_dtls(out);
        sent
    }

    /// Seals and queues a compound RTCP packet.
    pub fn send_rtcp(&mut self, compound: &[u8], out: &mut Outbox) -> bool {
        let (Some(srtp), Some(to)) = (&mut self.srtp_out, self.ice.selected()) else { return false };
        let Ok(sealed) = srtp.seal_rtcp(compound) else { return false };
        out.push(to, &sealed);
        true
    }

    /// Lends a send slot, seals what `fill` wrote into it and queues it. Returns the bytes on the wire.
    pub fn send_rtp(
        &self,
        payload_len: usize,
        out: &mut Outbox,
        fill: impl FnOnce(&mut [u8]) -> Option<Written>,
    ) -> Option<usize> {
        let (Some(srtp), Some(to)) = (&self.srtp_out, self.ice.selected()) else { return None };
        let capacity = (payload_len + HEADER_ROOM + MAX_OVERHEAD).min(MAX_DATAGRAM);
        out.push_with(to, capacity, |slot| {
            let room = slot.len().checked_sub(MAX_OVERHEAD)?;
            let written = fill(slot.get_mut(..room)?)?;
            srtp.seal(slot, written.header_len, written.len, written.ssrc, written.index).ok()
        })
    }

    /// Says goodbye on the DTLS level.
    pub fn close(&mut self, now: Instant, out: &mut Outbox) {
        self.dtls.close(now);
        self.flush_dtls(out);
    }

    fn flush_sctp(&mut self, now: Instant) {
        let Some(sctp) = &mut self.sctp else { return };
        while let Some(packets) = sctp.poll_transmit(now) {
            for packet in packets {
                self.dtls.write(now, &packet);
            }
        }
    }

    fn flush_dtls(&mut self, out: &mut Outbox) {
        while let Some(datagram) = self.dtls.poll_transmit() {
            if let Some(to) = self.ice.selected() {
                out.push(to, &datagram);
            }
        }
    }
}

/// Fixed header, our extension block and the RTX sequence number.
const HEADER_ROOM: usize = 12 + 36 + 2;

fn drop_reason(error: SrtpError) -> DropReason {
    match error {
        SrtpError::Replayed => DropReason::Replayed,
        SrtpError::TooManyStreams => DropReason::TooManyStreams,
        SrtpError::Short => DropReason::Malformed,
        SrtpError::Forged | SrtpError::Keys => DropReason::Forged,
    }
}
