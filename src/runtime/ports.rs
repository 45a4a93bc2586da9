//! What a shard sends and receives through: its UDP port, and the TCP connections of those who have no UDP.

use std::net::SocketAddr;

use super::{
    tcp::{Proof, TcpPort},
    udp::{SendReport, UdpPort},
};
use crate::transport::{outbox::Outbox, remote};

pub struct Ports {
    pub udp: UdpPort,
    pub tcp: TcpPort,
}

impl Ports {
    /// One batch of datagrams. `false` when the socket is drained.
    pub fn receive(&mut self, mut handle: impl FnMut(SocketAddr, &mut [u8])) -> bool {
        self.udp.receive(|from, datagram| {
            // The kernel reports no such address; if it ever did, a datagram could pass for a connection.
            if remote::connection(&from).is_none() {
                handle(from, datagram);
            }
        })
    }

    /// A turn of each connection that has something. `false` when all are drained.
    pub fn receive_streams(&mut self, handle: impl FnMut(SocketAddr, &mut [u8]) -> Proof) -> bool {
        self.tcp.receive(handle)
    }

    /// Sends everything in order.
    pub fn flush(&mut self, outbox: &mut Outbox) -> SendReport {
        let Self { udp, tcp } = self;
        let mut report =
            udp.flush(outbox, |key, contents, segment, report| tcp.send(key, contents, segment, report));
        tcp.flush(&mut report);
        report
    }

    pub fn takes_trains(&self) -> bool {
        self.udp.takes_trains()
    }
}
