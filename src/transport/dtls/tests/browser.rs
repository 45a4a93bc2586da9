//! A DTLS client that repeats its flights as browsers do, on the library's client.
//!
//! The library stops repeating once it has seen a part of the next flight, which no browser does. So it gets whole
//! flights only, and its timer is driven from here: after 50, 100, 200 ms, as BoringSSL under WebRTC.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use rtc_dtls::{
    config::{ConfigBuilder, ExtendedMasterSecretType},
    crypto::Certificate,
    crypto_provider::{RTCCryptoProvider, providers::AwsLcRsProvider},
    endpoint::{Endpoint, EndpointEvent},
    extension::extension_use_srtp::SrtpProtectionProfile,
};
use rtc_shared::TransportProtocol;

use crate::{proto::sdp::Fingerprint, transport::dtls::sha256};

const FIRST_WAIT: Duration = Duration::from_millis(50);
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY: u8 = 3;
const SERVER_HELLO_DONE: u8 = 14;
const HEADER: usize = 13;

pub struct Browser {
    dtls: Endpoint,
    pub fingerprint: Fingerprint,
    pub connected: bool,
    pub received: Vec<Vec<u8>>,
    pub closed: bool,
    out: VecDeque<Vec<u8>>,
    /// Of the plaintext records, which are numbered here.
    sent: u64,
    seen: u64,
    /// Records of the server's flight by message, and the first message of the next flight.
    flight: BTreeMap<u16, Vec<u8>>,
    next_message: u16,
    wait: Duration,
    due: Instant,
}

fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], 7882))
}

impl Browser {
    pub fn new(now: Instant) -> Self {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(AwsLcRsProvider::new());
        let certificate =
            Certificate::generate_self_signed(vec!["peer".to_owned()], provider.crypto()).unwrap();
        let fingerprint = Fingerprint(sha256(certificate.certificate[0].as_ref()).unwrap());
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            ])
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            // Whenever it is asked.
            .with_flight_interval(Duration::from_nanos(1))
            .build(true, None)
            .unwrap();
        let mut dtls = Endpoint::new(SocketAddr::from(([127, 0, 0, 1], 9)), TransportProtocol::UDP, None);
        dtls.connect(now, server(), Arc::new(config), None).unwrap();
        let mut browser = Self {
            dtls,
            fingerprint,
            connected: false,
            received: Vec::new(),
            closed: false,
            out: VecDeque::new(),
            sent: 0,
            seen: 0,
            flight: BTreeMap::new(),
            next_message: 0,
            wait: FIRST_WAIT,
            due: now + FIRST_WAIT,
        };
        browser.flush();
        browser
    }

    pub fn sent(&mut self) -> VecDeque<Vec<u8>> {
        std::mem::take(&mut self.out)
    }

    pub fn tick(&mut self, now: Instant) {
        if self.connected || now < self.due {
            return;
        }
        self.wait *= 2;
        self.due = now + self.wait;
        // The library gives up after seven repetitions; the test's patience ends later.
        let _ = self.dtls.handle_timeout(server(), now);
        self.flush();
    }

    pub fn handle(&mut self, now: Instant, datagram: &[u8]) {
        for record in records(datagram) {
            let [content, _, _, 0, 0, ..] = *record else {
                self.read(now, record);
                continue;
            };
            if content == HANDSHAKE {
                self.collect(now, record);
            } else {
                let record = renumbered(record, &mut self.seen);
                self.read(now, &record);
            }
        }
    }

    fn collect(&mut self, now: Instant, record: &[u8]) {
        let seq = u16::from_be_bytes([record[HEADER + 4], record[HEADER + 5]]);
        if seq < self.next_message {
            return;
        }
        self.flight.insert(seq, record.to_vec());
        let last =
            self.flight.iter().find(|(_, one)| matches!(one[HEADER], HELLO_VERIFY | SERVER_HELLO_DONE));
        let Some(last) = last.map(|(seq, _)| *seq) else { return };
        if !(self.next_message..=last).all(|seq| self.flight.contains_key(&seq)) {
            return;
        }
        self.next_message = last + 1;
        let mut whole = Vec::new();
        for record in std::mem::take(&mut self.flight).into_values() {
            whole.extend(renumbered(&record, &mut self.seen));
        }
        (self.wait, self.due) = (FIRST_WAIT, now + FIRST_WAIT);
        self.read(now, &whole);
    }

    fn read(&mut self, now: Instant, datagram: &[u8]) {
        for event in self.dtls.read(now, server(), None, BytesMut::from(datagram)).unwrap() {
            match event {
                EndpointEvent::HandshakeComplete => self.connected = true,
                EndpointEvent::ApplicationData(data) => self.received.push(data.to_vec()),
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
        self.flush();
    }

    pub fn write(&mut self, now: Instant, data: &[u8]) {
        self.dtls.write(now, server(), data).unwrap();
        self.flush();
    }

    pub fn close(&mut self, now: Instant) {
        self.dtls.close(now).unwrap();
        self.flush();
    }

    /// Numbers what the library wants to send. A ClientHello goes in two datagrams, as with a post-quantum key share.
    fn flush(&mut self) {
        while let Some(transmit) = self.dtls.poll_transmit() {
            let mut datagram = Vec::new();
            for record in records(&transmit.message) {
                if record[0] == HANDSHAKE && record[3..5] == [0, 0] && record[HEADER] == CLIENT_HELLO {
                    for half in halves(record) {
                        self.out.push_back(renumbered(&half, &mut self.sent));
                    }
                } else {
                    datagram.extend(renumbered(record, &mut self.sent));
                }
            }
            if !datagram.is_empty() {
                self.out.push_back(datagram);
            }
        }
    }
}

/// The records of a datagram, with their headers.
pub fn records(mut datagram: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while datagram.len() >= HEADER {
        let len = HEADER + usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
        let (record, rest) = datagram.split_at(len);
        records.push(record);
        datagram = rest;
    }
    records
}

/// Plaintext records get the next number; sealed ones keep theirs.
fn renumbered(record: &[u8], next: &mut u64) -> Vec<u8> {
    let mut record = record.to_vec();
    if record[3..5] == [0, 0] {
        record[5..11].copy_from_slice(&next.to_be_bytes()[2..]);
        *next += 1;
    }
    record
}

/// One message in two fragments.
fn halves(record: &[u8]) -> [Vec<u8>; 2] {
    let (header, body) = record[HEADER..].split_at(12);
    let fragment = |offset: usize, part: &[u8]| {
        let u24 = |n: usize| u32::try_from(n).unwrap().to_be_bytes()[1..].to_vec();
        let handshake = [header[..6].to_vec(), u24(offset), u24(part.len()), part.to_vec()].concat();
        let len = u16::try_from(handshake.len()).unwrap().to_be_bytes();
        [record[..11].to_vec(), len.to_vec(), handshake].concat()
    };
    let (first, second) = body.split_at(body.len() / 2);
    [fragment(0, first), fragment(first.len(), second)]
}
