//! The UDP port of one shard: batches in (recvmmsg, GRO), trains out (GSO), through `quinn-udp`.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use crate::transport::outbox::{Entry, Outbox};

/// Kernel buffers: 4 MiB hold 20 ms of 1.6 Gb/s. The kernel may grant less (net.core.{r,w}mem_max).
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// One GRO super-packet.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// A train must fit one IP datagram before segmentation.
const MAX_TRAIN: usize = 60_000;

pub struct UdpPort {
    socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<u8>,
    train: Vec<u8>,
    order: Vec<usize>,
}

/// What was sent and what was not.
#[derive(Debug, Default, Clone, Copy)]
pub struct SendReport {
    pub packets: u64,
    pub bytes: u64,
    pub failed: u64,
}

impl UdpPort {
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new((&socket).into())?;
        // Smaller buffers work, with more loss under load: not an error.
        let _ = state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER);
        let _ = state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER);
        Ok(Self {
            socket: UdpSocket::from_std(socket),
            state,
            buffers: vec![0; BATCH_SIZE * RECEIVE_BUFFER],
            train: Vec::with_capacity(RECEIVE_BUFFER),
            order: Vec::new(),
        })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Receives one batch and hands over each datagram. `false` when the socket is drained.
    pub fn receive(&mut self, mut handle: impl FnMut(SocketAddr, &mut [u8])) -> bool {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let received = {
            let mut chunks = self.buffers.chunks_mut(RECEIVE_BUFFER);
            let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            match self.state.recv((&self.socket).into(), &mut slices, &mut metas) {
                Ok(received) => received,
                Err(error) => return error.kind() == io::ErrorKind::Interrupted,
            }
        };
        for (meta, buffer) in metas.iter().take(received).zip(self.buffers.chunks_mut(RECEIVE_BUFFER)) {
            let Some(data) = buffer.get_mut(..meta.len) else { continue };
            for datagram in data.chunks_mut(meta.stride.max(1)) {
                handle(meta.addr, datagram);
            }
        }
        true
    }

    /// Sends everything, grouped by destination; order within a destination is kept.
    pub fn flush(&mut self, outbox: &mut Outbox) -> SendReport {
        let mut report = SendReport::default();
        let entries = outbox.entries();
        self.order.clear();
        self.order.extend(0..entries.len());
        self.order.sort_by_key(|index| entries.get(*index).map(|entry| entry.to));
        let order = std::mem::take(&mut self.order);
        let mut rest = order.iter().filter_map(|index| entries.get(*index)).peekable();
        let max_segments = self.state.max_gso_segments().max(1);
        while let Some(first) = rest.next() {
            self.train.clear();
            self.train.extend_from_slice(outbox.datagram(first));
            let mut segments = 1;
            while let Some(next) = rest.next_if(|next| {
                fits(first, next, segments, max_segments)
                    && self.train.len() == segments * first.len()
                    && self.train.len() + next.len() <= MAX_TRAIN
            }) {
                self.train.extend_from_slice(outbox.datagram(next));
                segments += 1;
            }
            self.send(first, segments, &mut report);
        }
        self.order = order;
        outbox.clear();
        report
    }

    fn send(&self, first: &Entry, segments: usize, report: &mut SendReport) {
        let transmit = Transmit {
            destination: first.to,
            ecn: None,
            contents: &self.train,
            segment_size: (segments > 1).then_some(first.len()),
            src_ip: None,
        };
        match self.state.try_send((&self.socket).into(), &transmit) {
            Ok(()) => {
                report.packets += segments as u64;
                report.bytes += self.train.len() as u64;
            }
            // The kernel refused segmentation and `quinn-udp` has turned it off: send one by one.
            Err(_) if segments > 1 && self.state.max_gso_segments() <= 1 => {
                for datagram in self.train.chunks(first.len()) {
                    let single = Transmit { contents: datagram, segment_size: None, ..transmit.clone() };
                    match self.state.try_send((&self.socket).into(), &single) {
                        Ok(()) => {
                            report.packets += 1;
                            report.bytes += datagram.len() as u64;
                        }
                        Err(_) => report.failed += 1,
                    }
                }
            }
            // A full socket buffer or an unreachable peer: media is not worth waiting for.
            Err(_) => report.failed += segments as u64,
        }
    }
}

/// A train has one destination and equal sizes; only its last packet may be shorter.
fn fits(first: &Entry, next: &Entry, segments: usize, max_segments: usize) -> bool {
    next.to == first.to && next.len() <= first.len() && segments < max_segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trains_arrive_as_the_packets_that_were_queued() {
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
        let mut port = UdpPort::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut outbox = Outbox::default();
        let to = receiver.local_addr().unwrap();
        let sizes = [100usize, 100, 100, 40, 60, 60, 100, 1, 1];
        for (n, size) in sizes.iter().enumerate() {
            outbox.push(to, &vec![u8::try_from(n).unwrap(); *size]);
        }
        let report = port.flush(&mut outbox);
        assert_eq!((report.packets, report.failed), (9, 0));
        assert!(outbox.is_empty());
        let mut buffer = [0u8; 2_000];
        for (n, size) in sizes.iter().enumerate() {
            let (len, _) = receiver.recv_from(&mut buffer).unwrap();
            assert_eq!((len, usize::from(buffer[0])), (*size, n));
        }
    }
}
