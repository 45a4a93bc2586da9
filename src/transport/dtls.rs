//! The DTLS 1.2 server of one session (RFC 6347, RFC 5764) on `rtc-dtls`.
//!
//! Owns the choice of the SRTP profile: the library takes the client's order, browsers put AES-CM first, so the
//! ClientHello is read before the handshake starts and the configuration is narrowed to the best offered profile.

mod flights;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use aws_lc_rs::digest;
use bytes::BytesMut;
use rtc_dtls::{
    config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig},
    crypto::Certificate,
    crypto_provider::{RTCCryptoProvider, providers::AwsLcRsProvider},
    endpoint::{Endpoint, EndpointEvent},
    extension::extension_use_srtp::SrtpProtectionProfile,
    state::State,
};
use rtc_shared::{TransportProtocol, error::Error as RtcError};
use rtc_srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP, SessionKeys};

use self::flights::{Flights, LastFlight};
use super::srtp::Profile;
use crate::proto::{
    client_hello,
    dtls::{self, HANDSHAKE, Message},
    sdp::Fingerprint,
};

/// The library keys connections by address; a constant one lets a roaming client keep its connection.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);
const DTLS_MTU: usize = 1200;

/// A server certificate, shared by all sessions of a process, and the provider behind all cryptography.
#[derive(Clone)]
pub struct Identity {
    certificate: Arc<Certificate>,
    provider: Arc<dyn RTCCryptoProvider>,
    /// What a connection needs beyond its state once its handshake is over.
    connected: Arc<HandshakeConfig>,
    pub fingerprint: Fingerprint,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DtlsError {
    #[error("certificate: {0}")]
    Certificate(String),
    #[error("handshake: {0}")]
    Handshake(String),
    #[error("the client offers no SRTP profile that is supported")]
    NoProfile,
}

impl Identity {
    /// A fresh certificate on the aws-lc-rs provider, named explicitly: other crates may compile another one in.
    pub fn generate_default() -> Result<Self, DtlsError> {
        Self::generate(Arc::new(AwsLcRsProvider::new()))
    }

    /// A fresh self-signed ECDSA P-256 certificate.
    pub fn generate(provider: Arc<dyn RTCCryptoProvider>) -> Result<Self, DtlsError> {
        let certificate = Certificate::generate_self_signed(vec!["convene".to_owned()], provider.crypto())
            .map_err(|error| DtlsError::Certificate(error.to_string()))?;
        let der = certificate.certificate.first();
        let fingerprint = der
            .and_then(|der| sha256(der.as_ref()))
            .ok_or_else(|| DtlsError::Certificate("no certificate was generated".to_owned()))?;
        let connected = ConfigBuilder::default()
            .with_crypto_provider(provider.clone())
            .with_insecure_skip_verify(true)
            .with_mtu(DTLS_MTU)
            .build(true, None)
            .map_err(|error| DtlsError::Handshake(error.to_string()))?;
        Ok(Self {
            certificate: Arc::new(certificate),
            provider,
            connected: Arc::new(connected),
            fingerprint: Fingerprint(fingerprint),
        })
    }

    pub fn provider(&self) -> &dyn RTCCryptoProvider {
        self.provider.as_ref()
    }

    fn config(&self, profile: Profile, client: Fingerprint) -> Result<HandshakeConfig, DtlsError> {
        let profile = match profile {
            Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            Profile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        };
        // WebRTC certificates are self-signed: what counts is the fingerprint that came by signalling.
        let verify = move |chain: &[Vec<u8>], _: &[_]| {
            let matches = chain.first().and_then(|leaf| sha256(leaf)).is_some_and(|hash| {
                aws_lc_rs::constant_time::verify_slices_are_equal(&hash, &client.0).is_ok()
            });
            if matches { Ok(()) } else { Err(RtcError::Other("certificate fingerprint mismatch".to_owned())) }
        };
        ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![Certificate::clone(&self.certificate)])
            .with_srtp_protection_profiles(vec![profile])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_verify_peer_certificate(Some(Arc::new(verify)))
            .with_mtu(DTLS_MTU)
            .build(false, None)
            .map_err(|error| DtlsError::Handshake(error.to_string()))
    }
}

fn sha256(bytes: &[u8]) -> Option<[u8; 32]> {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().ok()
}

/// What a datagram led to.
#[derive(Debug)]
pub enum DtlsEvent {
    /// The handshake is over: SRTP keys for the chosen profile.
    Connected {
        profile: Profile,
        keys: SessionKeys,
    },
    /// A decrypted record: SCTP.
    Data(Vec<u8>),
    Closed,
}

pub struct Dtls {
    identity: Identity,
    client: Fingerprint,
    profile: Option<Profile>,
    /// Until there are keys.
    flights: Option<Box<Flights>>,
    /// Until the client is known to have them, too.
    last: Option<Box<LastFlight>>,
    library: Library,
    queued: VecDeque<BytesMut>,
    /// Of the records sent without keys. The library does not know of those that are repeated.
    next_plaintext: u64,
}

/// The library's part. What it keeps from a handshake is 12 kB, and who has no data channel never needs it again.
enum Library {
    Awake(Box<Endpoint>),
    /// Keys and numbers, as the library writes them down. Of the client nothing was taken under these keys but the end
    /// of its handshake, so that its replay window can start afresh.
    Asleep(Vec<u8>),
}

impl Dtls {
    pub fn new(identity: Identity, client: Fingerprint) -> Self {
        Self {
            identity,
            client,
            profile: None,
            flights: Some(Box::default()),
            last: None,
            library: Library::Awake(Box::new(Endpoint::new(PEER, TransportProtocol::UDP, None))),
            queued: VecDeque::new(),
            next_plaintext: 0,
        }
    }

    pub fn client_fingerprint(&self) -> Fingerprint {
        self.client
    }

    pub fn is_connected(&self) -> bool {
        self.flights.is_none()
    }

    /// Feeds a datagram from a validated address.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> Result<Vec<DtlsEvent>, DtlsError> {
        let Some(mut flights) = self.flights.take() else { return Ok(self.read_sealed(now, datagram)) };
        let events = self.advance(now, &mut flights, datagram);
        let connected = |event: &DtlsEvent| matches!(event, DtlsEvent::Connected { .. });
        if !events.as_ref().is_ok_and(|events| events.iter().any(connected)) {
            self.flights = Some(flights);
        }
        events
    }

    /// The client sent what only somebody with keys can have sent: nothing needs to be repeated any more.
    pub fn confirm(&mut self) {
        if self.last.is_some() {
            self.last = None;
        }
    }

    /// Hands the library what it waits for.
    fn advance(
        &mut self,
        now: Instant,
        flights: &mut Flights,
        datagram: &[u8],
    ) -> Result<Vec<DtlsEvent>, DtlsError> {
        if flights.push(now, datagram) {
            self.repeat(flights.repeat(now));
        }
        while let Some(message) = flights.pop() {
            if self.profile.is_none() {
                self.start(&message)?;
            }
            let record = flights.record(&message);
            self.read(now, &record)?;
            let answer = self.take_answer();
            if !answer.is_empty() {
                flights.sent(now, message.number, answer);
            }
        }
        let mut events = Vec::new();
        if self.has_keys() {
            for record in flights.sealed() {
                let mut more = match self.read(now, &record) {
                    Err(_) if self.last.is_some() => continue,
                    read => read?,
                };
                if matches!(more[..], [DtlsEvent::Connected { .. }]) {
                    let last = self.take_answer();
                    self.last = Some(Box::new(LastFlight::new(now, &last)));
                    self.sleep();
                }
                events.append(&mut more);
            }
        }
        Ok(events)
    }

    /// Chooses the SRTP profile by the client's first message.
    fn start(&mut self, hello: &Message) -> Result<(), DtlsError> {
        let offered = client_hello::srtp_profiles(hello.body());
        let profile = choose(&offered).ok_or(DtlsError::NoProfile)?;
        let config = self.identity.config(profile, self.client)?;
        if let Library::Awake(endpoint) = &mut self.library {
            endpoint.set_server_config(Some(Arc::new(config)));
        }
        self.profile = Some(profile);
        Ok(())
    }

    fn state(&self) -> Option<&State> {
        match &self.library {
            Library::Awake(endpoint) => endpoint.get_connection_state(PEER),
            Library::Asleep(_) => None,
        }
    }

    fn has_keys(&self) -> bool {
        let suite = self.state().and_then(State::cipher_suite);
        suite.is_some_and(|suite| suite.is_initialized())
    }

    /// Lets the library forget the handshake.
    fn sleep(&mut self) {
        let Some(Ok(state)) = self.state().map(State::marshal_binary) else { return };
        // It reads only what lies on such an address.
        if state.as_ptr().align_offset(align_of::<u128>()) == 0 {
            self.library = Library::Asleep(state);
        }
    }

    fn wake(&mut self, now: Instant) -> Option<&mut Endpoint> {
        if let Library::Asleep(bytes) = &self.library {
            let mut state = State::new(self.identity.provider.clone(), false);
            state.unmarshal_binary(bytes).ok()?;
            let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
            // Only a client's endpoint takes a state. The role is in the state; there is no handshake to play it in.
            endpoint.connect(now, PEER, self.identity.connected.clone(), Some(state)).ok()?;
            self.library = Library::Awake(Box::new(endpoint));
        }
        match &mut self.library {
            Library::Awake(endpoint) => Some(endpoint),
            Library::Asleep(_) => None,
        }
    }

    /// Only what is sealed counts now. A client that repeats the end of its handshake lost the end of ours.
    fn read_sealed(&mut self, now: Instant, datagram: &[u8]) -> Vec<DtlsEvent> {
        let mut events = Vec::new();
        for record in dtls::records(datagram).filter(|record| record.epoch > 0) {
            if record.content == HANDSHAKE {
                let last = self.last.as_mut().map_or(&[][..], |last| last.asked(now));
                self.queued.extend(last.iter().map(|one| BytesMut::from(&one[..])));
                continue;
            }
            // One bad record is the network's fault or an attacker's: drop it (RFC 6347 4.1.2.7).
            events.append(&mut self.read(now, record.whole).unwrap_or_default());
        }
        if !events.is_empty() {
            self.confirm();
        }
        events
    }

    fn read(&mut self, now: Instant, record: &[u8]) -> Result<Vec<DtlsEvent>, DtlsError> {
        let failed = |error: RtcError| DtlsError::Handshake(error.to_string());
        let endpoint = self.wake(now).ok_or_else(|| failed(RtcError::ErrConnClosed))?;
        let read = endpoint.read(now, PEER, None, BytesMut::from(record)).map_err(failed)?;
        let mut events = Vec::with_capacity(read.len());
        for event in read {
            match event {
                EndpointEvent::HandshakeComplete => events.push(self.export_keys()?),
                EndpointEvent::ApplicationData(data) => events.push(DtlsEvent::Data(data.to_vec())),
                EndpointEvent::PeerClosed => events.push(DtlsEvent::Closed),
                _ => {}
            }
        }
        Ok(events)
    }

    fn export_keys(&self) -> Result<DtlsEvent, DtlsError> {
        let profile = self.profile.ok_or(DtlsError::NoProfile)?;
        let failed = |error: RtcError| DtlsError::Handshake(error.to_string());
        let state = self.state().ok_or(DtlsError::NoProfile)?;
        let mut config = SrtpConfig { profile: profile.rtc(), ..SrtpConfig::default() };
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len())
            .map_err(failed)?;
        config.set_session_keys_from_keying_material(material.as_ref(), false).map_err(failed)?;
        Ok(DtlsEvent::Connected { profile, keys: config.keys })
    }

    /// Sends application data (SCTP).
    pub fn write(&mut self, now: Instant, data: &[u8]) {
        // Fails only without a connection; SCTP retransmits what was lost.
        let _ = self.wake(now).map(|endpoint| endpoint.write(now, PEER, data));
    }

    /// Repeats what was lost. An error means that the handshake was given up.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        if let Some(last) = &mut self.last {
            self.queued.extend(last.due(now).iter().map(|one| BytesMut::from(&one[..])));
        }
        let Some(flights) = &mut self.flights else { return Ok(()) };
        if flights.is_hopeless(now) {
            return Err(DtlsError::Handshake("the client does not go on".to_owned()));
        }
        let flight = flights.due(now);
        self.repeat(flight);
        Ok(())
    }

    /// Under new numbers: the client throws away what it has seen before.
    fn repeat(&mut self, flight: Option<Vec<BytesMut>>) {
        for mut datagram in flight.unwrap_or_default() {
            dtls::renumber(&mut datagram, &mut self.next_plaintext);
            self.queued.push_back(datagram);
        }
    }

    /// Says goodbye (`close_notify`).
    pub fn close(&mut self, now: Instant) {
        let _ = self.wake(now).map(|endpoint| endpoint.close(now));
    }

    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.queued.pop_front().or_else(|| self.take_transmit())
    }

    fn take_transmit(&mut self) -> Option<BytesMut> {
        let Library::Awake(endpoint) = &mut self.library else { return None };
        let mut datagram = endpoint.poll_transmit()?.message;
        dtls::renumber(&mut datagram, &mut self.next_plaintext);
        Some(datagram)
    }

    /// Sends what the library says, and keeps a copy.
    fn take_answer(&mut self) -> Vec<BytesMut> {
        let answer: Vec<BytesMut> = std::iter::from_fn(|| self.take_transmit()).collect();
        self.queued.extend(answer.iter().cloned());
        answer
    }
}

fn choose(offered: &[u16]) -> Option<Profile> {
    [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80]
        .into_iter()
        .find(|profile| offered.contains(&u16::from(profile.rtc() as u8)))
}

#[cfg(test)]
mod tests;
