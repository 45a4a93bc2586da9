//! SCTP over DTLS and the data channels in it (RFC 8831, RFC 8832), on `rtc-sctp` and `rtc-datachannel`.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use rtc_datachannel::message::{Message, message_channel_ack::DataChannelAck};
use rtc_sctp::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ServerConfig, StreamEvent, TransportConfig,
};
use rtc_shared::{
    TransportProtocol,
    marshal::{Marshal as _, Unmarshal as _},
};

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);
/// Largest data-channel message, also announced as `a=max-message-size`.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Channels one client may open.
const MAX_CHANNELS: usize = 16;
const MAX_LABEL: usize = 128;
/// A client that does not read loses messages beyond this.
const MAX_BUFFERED: usize = 256 * 1024;

/// A message that arrived on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub label: String,
    pub binary: bool,
    pub data: Vec<u8>,
}

pub struct Sctp {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    channels: BTreeMap<u16, String>,
}

impl Default for Sctp {
    fn default() -> Self {
        let transport = TransportConfig::default()
            .with_max_message_size(u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX))
            .with_max_receive_buffer_size(512 * 1024);
        let server = ServerConfig::new(transport);
        Self {
            endpoint: Endpoint::new(
                PEER,
                TransportProtocol::UDP,
                Arc::new(EndpointConfig::new()),
                Some(Arc::new(server)),
            ),
            association: None,
            channels: BTreeMap::new(),
        }
    }
}

impl Sctp {
    /// Feeds one decrypted DTLS record.
    pub fn handle(&mut self, now: Instant, packet: &[u8]) -> Vec<Received> {
        match self.endpoint.handle(now, PEER, None, Bytes::copy_from_slice(packet)) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                // A client that starts over replaces its association.
                self.association = Some((handle, association));
                self.channels.clear();
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((own, association)) = &mut self.association
                    && *own == handle
                {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.drain(now)
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Received> {
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(now);
        }
        self.drain(now)
    }

    /// When `handle_timeout` is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.association.as_ref().and_then(|(_, association)| association.poll_timeout())
    }

    pub fn has_channel(&self, label: &str) -> bool {
        self.channels.values().any(|known| known == label)
    }

    /// Sends on the first channel with this label. `false` if there is none or its buffer is full.
    pub fn send(&mut self, now: Instant, label: &str, binary: bool, data: &[u8]) -> bool {
        let Some((_, association)) = &mut self.association else { return false };
        let Some((id, _)) = self.channels.iter().find(|(_, known)| *known == label) else { return false };
        let Ok(mut stream) = association.stream(*id) else { return false };
        if data.len() > MAX_MESSAGE || stream.buffered_amount().unwrap_or(usize::MAX) > MAX_BUFFERED {
            return false;
        }
        let ppi = match (binary, data.is_empty()) {
            (true, false) => PayloadProtocolIdentifier::Binary,
            (true, true) => PayloadProtocolIdentifier::BinaryEmpty,
            (false, false) => PayloadProtocolIdentifier::String,
            (false, true) => PayloadProtocolIdentifier::StringEmpty,
        };
        let data = if data.is_empty() { &[0][..] } else { data };
        stream.write_with_ppi(now, data, ppi).is_ok()
    }

    /// The next packet for DTLS.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Vec<Bytes>> {
        let (_, association) = self.association.as_mut()?;
        match association.poll_transmit(now)?.message {
            Payload::RawEncode(packets) => Some(packets),
            _ => Some(Vec::new()),
        }
    }

    fn drain(&mut self, now: Instant) -> Vec<Received> {
        let mut received = Vec::new();
        let Some((handle, association)) = &mut self.association else { return received };
        while let Some(event) = association.poll_endpoint_event() {
            self.endpoint.handle_event(*handle, event);
        }
        let mut readable = Vec::new();
        let mut lost = false;
        while let Some(event) = association.poll() {
            match event {
                Event::Stream(StreamEvent::Readable { id } | StreamEvent::Opened { id }) => readable.push(id),
                Event::Stream(StreamEvent::Stopped { id, .. } | StreamEvent::Finished { id }) => {
                    self.channels.remove(&id);
                }
                Event::AssociationLost { .. } | Event::HandshakeFailed { .. } => lost = true,
                _ => {}
            }
        }
        for id in readable {
            read_stream(association, &mut self.channels, now, id, &mut received);
        }
        if lost {
            self.association = None;
            self.channels.clear();
        }
        received
    }
}

fn read_stream(
    association: &mut Association,
    channels: &mut BTreeMap<u16, String>,
    now: Instant,
    id: u16,
    received: &mut Vec<Received>,
) {
    let Ok(mut stream) = association.stream(id) else { return };
    while let Ok(Some(chunks)) = stream.read_sctp() {
        let Ok(payload) = chunks.to_payload(MAX_MESSAGE) else { continue };
        match chunks.ppi {
            PayloadProtocolIdentifier::Dcep => {
                let Ok(Message::DataChannelOpen(open)) = Message::unmarshal(&mut payload.freeze()) else {
                    continue;
                };
                let Ok(label) = String::from_utf8(open.label) else { continue };
                if channels.len() >= MAX_CHANNELS || label.len() > MAX_LABEL {
                    let _ = stream.stop(now);
                    continue;
                }
                channels.insert(id, label);
                if let Ok(ack) = Message::DataChannelAck(DataChannelAck).marshal() {
                    let _ = stream.write_with_ppi(now, &ack, PayloadProtocolIdentifier::Dcep);
                }
            }
            PayloadProtocolIdentifier::Unknown => {}
            ppi => {
                let Some(label) = channels.get(&id) else { continue };
                let binary =
                    matches!(ppi, PayloadProtocolIdentifier::Binary | PayloadProtocolIdentifier::BinaryEmpty);
                let empty = matches!(
                    ppi,
                    PayloadProtocolIdentifier::StringEmpty | PayloadProtocolIdentifier::BinaryEmpty
                );
                let data = if empty { Vec::new() } else { payload.to_vec() };
                received.push(Received { label: label.clone(), binary, data });
            }
        }
    }
}
