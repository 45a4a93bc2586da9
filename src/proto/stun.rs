//! STUN as ICE-lite needs it (RFC 8489, RFC 8445 7.3): read binding requests, answer them.

use std::net::SocketAddr;

use rtc_dtls::crypto_provider::RTCCrypto;
use rtc_stun::{
    attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME},
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId},
    xoraddr::XorMappedAddress,
};

/// Longest USERNAME that ICE allows (RFC 8489 14.3: 508 bytes of UTF-8).
const MAX_USERNAME: usize = 508;
/// A binding request has no business being larger; checked before anything is allocated.
pub const MAX_REQUEST: usize = 1_280;

/// A binding request whose integrity has **not** been checked yet.
#[derive(Debug)]
pub struct BindingRequest {
    message: Message,
    /// Our half of USERNAME: names the session.
    pub local_ufrag: String,
    pub remote_ufrag: String,
    /// The controlling agent nominates this pair.
    pub use_candidate: bool,
}

impl BindingRequest {
    /// `None` for everything that is not a well-formed binding request with a USERNAME.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > MAX_REQUEST {
            return None;
        }
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        if message.typ != BINDING_REQUEST {
            return None;
        }
        let username = message.get(ATTR_USERNAME).ok().filter(|name| name.len() <= MAX_USERNAME)?;
        let username = String::from_utf8(username).ok()?;
        let (local, remote) = username.split_once(':')?;
        let (local_ufrag, remote_ufrag) = (local.to_owned(), remote.to_owned());
        let use_candidate = message.contains(ATTR_USE_CANDIDATE);
        Some(Self { message, local_ufrag, remote_ufrag, use_candidate })
    }

    /// Checks MESSAGE-INTEGRITY against our password, in constant time.
    pub fn is_authentic(&mut self, local_password: &str, crypto: &dyn RTCCrypto) -> bool {
        MessageIntegrity::check(&mut self.message, local_password.as_bytes(), crypto).is_ok()
    }

    /// The success response, never larger than what an authentic request can be made to carry.
    pub fn success(&self, from: SocketAddr, local_password: &str, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
        let address = XorMappedAddress { ip: from.ip(), port: from.port() };
        let integrity =
            MessageIntegrity::new_short_term_integrity_with_provider(local_password.to_owned(), crypto);
        let mut response = Message::new();
        let setters: [Box<dyn Setter + '_>; 5] = [
            Box::new(BINDING_SUCCESS),
            Box::new(TransactionId(self.message.transaction_id.0)),
            Box::new(address),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        response.build(&setters).ok()?;
        Some(response.raw)
    }
}

#[cfg(test)]
mod tests {
    use rtc_dtls::crypto_provider::{RTCCryptoProvider as _, providers::AwsLcRsProvider};
    use rtc_stun::textattrs::TextAttribute;

    use super::*;

    fn request(password: &str) -> Vec<u8> {
        let provider = AwsLcRsProvider::new();
        let integrity =
            MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), provider.crypto());
        let mut message = Message::new();
        let setters: [Box<dyn Setter + '_>; 5] = [
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId([7; 12])),
            Box::new(TextAttribute::new(ATTR_USERNAME, "ours:theirs".to_owned())),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        message.build(&setters).unwrap();
        message.raw
    }

    #[test]
    fn only_the_right_password_is_authentic() {
        let provider = AwsLcRsProvider::new();
        let mut request = BindingRequest::parse(&request("secret")).unwrap();
        assert_eq!((request.local_ufrag.as_str(), request.remote_ufrag.as_str()), ("ours", "theirs"));
        assert!(!request.use_candidate);
        assert!(request.is_authentic("secret", provider.crypto()));
        assert!(!request.is_authentic("guess", provider.crypto()));
    }

    #[test]
    fn the_response_carries_the_mapped_address() {
        let provider = AwsLcRsProvider::new();
        let request = BindingRequest::parse(&request("secret")).unwrap();
        let from: SocketAddr = "192.0.2.7:4242".parse().unwrap();
        let bytes = request.success(from, "secret", provider.crypto()).unwrap();
        let mut response = Message::new();
        response.unmarshal_binary(&bytes).unwrap();
        let mut mapped = XorMappedAddress::default();
        mapped.get_from_as(&response, rtc_stun::attributes::ATTR_XORMAPPED_ADDRESS).unwrap();
        assert_eq!((mapped.ip, mapped.port), (from.ip(), from.port()));
        assert_eq!(response.transaction_id.0, [7; 12]);
    }

    #[test]
    fn junk_and_other_messages_are_refused() {
        assert!(BindingRequest::parse(&[0; 20]).is_none());
        assert!(BindingRequest::parse(&[]).is_none());
        let bytes = request("secret");
        for len in 0..bytes.len() {
            assert!(BindingRequest::parse(&bytes[..len]).is_none(), "{len} bytes");
        }
    }
}
