//! How a TCP peer looks where everything knows UDP addresses: as an IPv6 address that no UDP socket reports.
//!
//! The key of the connection travels in the fields for flow label and scope. The kernel leaves the flow label of a
//! received datagram at 0, so no datagram can claim to come from a connection; a connection that was closed and one
//! that was opened from the same port differ. On the UDP path all of it costs one comparison per train.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// The address of connection `key` of `peer`. The upper half of a key is never 0.
pub fn of_connection(peer: SocketAddr, key: u64) -> SocketAddr {
    let ip = match peer.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let [upper, lower] = [key >> 32, key & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(0));
    debug_assert!(upper != 0, "a key that looks like UDP");
    SocketAddr::V6(SocketAddrV6::new(ip, peer.port(), upper, lower))
}

/// The connection behind an address; `None` for UDP.
pub fn connection(address: &SocketAddr) -> Option<u64> {
    match address {
        SocketAddr::V6(v6) if v6.flowinfo() != 0 => {
            Some(u64::from(v6.flowinfo()) << 32 | u64::from(v6.scope_id()))
        }
        _ => None,
    }
}

/// The address as others see it: IPv4 as such, and nothing of ours in it.
pub fn on_the_wire(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_recognised_and_its_peer_is_kept() {
        for text in ["192.0.2.7:4000", "[2001:db8::1]:4000"] {
            let peer: SocketAddr = text.parse().unwrap();
            assert_eq!(connection(&peer), None);
            let one = of_connection(peer, 0x7_0000_0003);
            assert_eq!(connection(&one), Some(0x7_0000_0003));
            assert_eq!(on_the_wire(one), peer);
            assert_ne!(one, of_connection(peer, 0x9_0000_0003), "the same port again is another connection");
        }
        let mapped: SocketAddr = "[::ffff:192.0.2.7]:1".parse().unwrap();
        assert_eq!(on_the_wire(mapped).to_string(), "192.0.2.7:1");
    }
}
