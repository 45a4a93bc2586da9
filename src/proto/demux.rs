//! First-byte classification of datagrams on the shared port (RFC 7983, with RFC 5761 for RTCP).

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Junk,
}

/// Shorter datagrams than these cannot be what their first byte claims.
const MIN_STUN: usize = 20;
const MIN_DTLS: usize = 13;
const MIN_RTP: usize = 12;
const MIN_RTCP: usize = 8;

pub fn classify(datagram: &[u8]) -> PacketKind {
    let len = datagram.len();
    match datagram.first() {
        Some(0..=3) if len >= MIN_STUN => PacketKind::Stun,
        Some(20..=63) if len >= MIN_DTLS => PacketKind::Dtls,
        Some(128..=191) => match datagram.get(1) {
            Some(192..=223) if len >= MIN_RTCP => PacketKind::Rtcp,
            Some(_) if len >= MIN_RTP => PacketKind::Rtp,
            _ => PacketKind::Junk,
        },
        _ => PacketKind::Junk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_first_bytes() {
        let padded = |head: &[u8]| {
            let mut packet = head.to_vec();
            packet.resize(40, 0);
            packet
        };
        assert_eq!(classify(&padded(&[0, 1])), PacketKind::Stun);
        assert_eq!(classify(&padded(&[22, 254])), PacketKind::Dtls);
        assert_eq!(classify(&padded(&[0x80, 96])), PacketKind::Rtp);
        assert_eq!(classify(&padded(&[0x80, 0x80 | 96])), PacketKind::Rtp);
        assert_eq!(classify(&padded(&[0x81, 201])), PacketKind::Rtcp);
        assert_eq!(classify(&padded(&[70])), PacketKind::Junk);
        assert_eq!(classify(&[]), PacketKind::Junk);
        assert_eq!(classify(&[0x80, 96, 0]), PacketKind::Junk);
    }
}
