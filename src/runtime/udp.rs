//! The UDP port of one shard: batches in (recvmmsg, GRO), trains out (GSO), through `quinn-udp`; many trains in one call
//! (sendmmsg).

mod batch;

use std::{
    cell::Cell,
    io::{self, IoSliceMut},
    net::SocketAddr,
};

use arrayvec::ArrayVec;
use mio::net::UdpSocket;
use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use self::batch::{Batch, Message};

use crate::transport::{
    outbox::{Entry, Outbox},
    remote,
};

/// Kernel buffers: 4 MiB hold 20 ms of 1.6 Gb/s. The kernel may grant less (net.core.{r,w}mem_max).
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// Datagrams asked for after a batch that was not full. Each one asked for costs preparation, whether it comes or
/// not, and most wake-ups bring one or two.
const FEW: usize = 4;
/// One GRO super-packet.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// A train must fit one IP datagram before segmentation.
const MAX_TRAIN: usize = 60_000;
/// Largest packet that rides in a train: the smallest MTU of IPv6 (1280) without headers. A train of segments that do
/// not fit the device is refused, and one refusal ends trains for everybody: no publisher may bring that about.
const MAX_SEGMENT: usize = 1_232;
/// Segments the kernel takes at once (UDP_MAX_SEGMENTS of older kernels).
const MAX_SEGMENTS: usize = 64;

pub struct UdpPort {
    socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<u8>,
    /// How many datagrams to ask for next.
    batch: usize,
    trains: bool,
    /// What the socket cuts messages into that do not say so themselves; 0 = nothing.
    segment: Cell<usize>,
}

/// What was sent and what was not.
#[derive(Debug, Default, Clone, Copy)]
pub struct SendReport {
    pub packets: u64,
    pub bytes: u64,
    pub failed: u64,
    /// Did not fit in front of a slow TCP connection.
    pub overflowed: u64,
    /// Trains and single packets; packets / sends is the mean length of a train.
    pub sends: u64,
}

impl UdpPort {
    /// `trains`: whether to use segmentation offload where the kernel has it.
    pub fn bind(address: SocketAddr, trains: bool) -> io::Result<Self> {
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
            batch: FEW,
            trains,
            segment: Cell::new(0),
        })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Receives one batch and hands over each datagram. `false` when the socket is drained: a batch that is not
    /// full has drained it.
    pub fn receive(&mut self, mut handle: impl FnMut(SocketAddr, &mut [u8])) -> bool {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let asked = self.batch;
        let received = {
            let mut slices: ArrayVec<IoSliceMut<'_>, BATCH_SIZE> =
                self.buffers.chunks_mut(RECEIVE_BUFFER).take(asked).map(IoSliceMut::new).collect();
            match self.state.recv((&self.socket).into(), &mut slices, &mut metas) {
                Ok(received) => received,
                Err(error) => {
                    self.batch = FEW;
                    return error.kind() == io::ErrorKind::Interrupted;
                }
            }
        };
        let full = received == asked;
        self.batch = if full { BATCH_SIZE } else { FEW };
        for (meta, buffer) in metas.iter().take(received).zip(self.buffers.chunks_mut(RECEIVE_BUFFER)) {
            let Some(data) = buffer.get_mut(..meta.len) else { continue };
            for datagram in data.chunks_mut(meta.stride.max(1)) {
                handle(meta.addr, datagram);
            }
        }
        full
    }

    /// Sends everything in order. Neighbours of one destination and size leave as one train, straight from the
    /// outbox: rooms queue what belongs together together. What goes to connections is handed to `stream`, with the
    /// connection's key and the length of all datagrams but the last.
    pub fn flush(
        &mut self,
        outbox: &mut Outbox,
        mut stream: impl FnMut(u64, &[u8], usize, &mut SendReport),
    ) -> SendReport {
        let mut report = SendReport::default();
        let mut rest = outbox.entries();
        let mut batch = Batch::default();
        while let Some(first) = rest.first() {
            let count = if self.takes_trains() { run_length(rest) } else { 1 };
            let (run, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let message = Message { to: first.to, contents: outbox.run(run), segment: first.len() };
            match remote::connection(&first.to) {
                None => {
                    if !batch.takes(&message) {
                        send_batch(self, &batch, &mut report);
                        batch = Batch::default();
                    }
                    batch.push(message);
                }
                Some(key) => stream(key, message.contents, message.segment, &mut report),
            }
            rest = behind;
        }
        send_batch(self, &batch, &mut report);
        drop(batch);
        outbox.clear();
        report
    }

    /// The size of segments of messages that do not say it themselves.
    fn cut_into(&self, segment: usize) -> io::Result<()> {
        if self.segment.get() != segment {
            setsockopt(&self.socket, UdpGsoSegment, &i32::try_from(segment).unwrap_or(0))?;
            self.segment.set(segment);
        }
        Ok(())
    }

    /// Whether trains are wanted and the kernel has not refused them.
    pub fn takes_trains(&self) -> bool {
        self.trains && self.state.max_gso_segments() > 1
    }
}

/// What can be said to the kernel.
trait Kernel {
    /// One datagram, or several of `segment` bytes of which the last may be shorter.
    fn send(&self, to: SocketAddr, contents: &[u8], segment: Option<usize>) -> io::Result<()>;
    /// As many of these as go in a row, at least one.
    fn send_many(&self, batch: &Batch<'_>, from: usize) -> io::Result<usize>;
    fn takes_trains(&self) -> bool;
}

impl Kernel for UdpPort {
    fn send(&self, to: SocketAddr, contents: &[u8], segment: Option<usize>) -> io::Result<()> {
        if segment.is_none() {
            self.cut_into(0)?;
        }
        let transmit = Transmit { destination: to, ecn: None, contents, segment_size: segment, src_ip: None };
        self.state.try_send((&self.socket).into(), &transmit)
    }

    fn send_many(&self, batch: &Batch<'_>, from: usize) -> io::Result<usize> {
        let cut = self.segment.get();
        let passes = match batch.segment() {
            Some(segment) => segment == cut,
            // What is no longer than a segment is not cut, so that one setting does for a while.
            None => cut == 0 || self.takes_trains() && batch.longest() <= cut,
        };
        if !passes {
            self.cut_into(batch.segment().unwrap_or(0))?;
        }
        batch.send(&self.socket, from)
    }

    fn takes_trains(&self) -> bool {
        Self::takes_trains(self)
    }
}

/// Many messages with few calls. Where the kernel stops, that message is tried alone, which says what is wrong with it.
fn send_batch(kernel: &impl Kernel, batch: &Batch<'_>, report: &mut SendReport) {
    let mut messages = batch.messages();
    while let Some((first, behind)) = messages.split_first() {
        let together = messages.len() > 1 && (batch.segment().is_none() || kernel.takes_trains());
        let from = batch.messages().len() - messages.len();
        let sent = if together { kernel.send_many(batch, from).unwrap_or(0) } else { 0 };
        for message in messages.iter().take(sent) {
            report.sends += 1;
            report.packets += message.packets();
            report.bytes += message.contents.len() as u64;
        }
        messages = match messages.get(sent..) {
            Some(rest) if sent > 0 => rest,
            _ => {
                send(kernel, first.to, first.segment, first.contents, report);
                behind
            }
        };
    }
}

fn send(kernel: &impl Kernel, to: SocketAddr, segment: usize, contents: &[u8], report: &mut SendReport) {
    let count = contents.len().div_ceil(segment.max(1)) as u64;
    report.sends += 1;
    match kernel.send(to, contents, (count > 1).then_some(segment)) {
        Ok(()) => {
            report.packets += count;
            report.bytes += contents.len() as u64;
        }
        // The kernel or the network card refused segmentation (EIO, EINVAL) and `quinn-udp` has turned it off: one by
        // one, now and from here on.
        Err(_) if count > 1 && !kernel.takes_trains() => {
            for datagram in contents.chunks(segment) {
                send(kernel, to, segment, datagram, report);
            }
        }
        // A full socket buffer (EAGAIN, ENOBUFS) or an unreachable peer: media is not worth waiting for, the receiver
        // asks again for what it misses. A train is taken whole or not at all.
        Err(_) => report.failed += count,
    }
}

/// How many entries from the front leave together: one destination, equal sizes, only the last shorter.
fn run_length(entries: &[Entry]) -> usize {
    let Some(first) = entries.first() else { return 0 };
    if first.len() > MAX_SEGMENT {
        return 1;
    }
    let limit = MAX_SEGMENTS.min(MAX_TRAIN / first.len().max(1)).max(1);
    let mut count = 1;
    for next in entries.iter().take(limit).skip(1) {
        if next.to != first.to || next.len() > first.len() || next.is_empty() {
            break;
        }
        count += 1;
        if next.len() < first.len() {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trains_arrive_as_the_packets_that_were_queued() {
        assert_eq!(sends(true), 4);
    }

    #[test]
    fn a_batch_that_is_not_full_was_the_last_and_a_full_one_asks_for_more() {
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut port = UdpPort::bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
        let to = port.local_addr().unwrap();
        for count in [1, FEW, FEW + 1, FEW + BATCH_SIZE + 3] {
            (0..count).for_each(|_| assert_eq!(sender.send_to(b"x", to).unwrap(), 1));
            let mut seen = 0;
            let mut calls = 1;
            while port.receive(|_, datagram| seen += datagram.len()) {
                calls += 1;
            }
            assert_eq!(seen, count);
            let needed = if count < FEW { 1 } else { 1 + (count - FEW) / BATCH_SIZE + 1 };
            assert_eq!(calls, needed, "{count} datagrams");
        }
    }

    #[test]
    fn without_segmentation_everything_arrives_too() {
        assert_eq!(sends(false), 9);
    }

    /// Refuses as scripted: `Some` is the error for the next train, singles pass.
    #[derive(Default)]
    struct Scripted {
        refusal: Cell<Option<io::ErrorKind>>,
        offload: Cell<bool>,
        sent: std::cell::RefCell<Vec<usize>>,
        /// Of this length it takes nothing.
        stuck: Option<usize>,
        calls: Cell<usize>,
    }

    impl Kernel for Scripted {
        fn send(&self, _: SocketAddr, contents: &[u8], segment: Option<usize>) -> io::Result<()> {
            let stuck = self.stuck == Some(contents.len()) && segment.is_none();
            match self.refusal.get().filter(|_| segment.is_some() || stuck) {
                Some(kind) => {
                    self.offload.set(self.offload.get() && kind != io::ErrorKind::InvalidInput);
                    Err(kind.into())
                }
                None => {
                    self.sent.borrow_mut().push(contents.len());
                    Ok(())
                }
            }
        }

        fn send_many(&self, batch: &Batch<'_>, from: usize) -> io::Result<usize> {
            self.calls.set(self.calls.get() + 1);
            let messages = &batch.messages()[from..];
            let goes = messages.iter().take_while(|one| Some(one.contents.len()) != self.stuck);
            let went: Vec<usize> = goes.map(|one| one.contents.len()).collect();
            self.sent.borrow_mut().extend(&went);
            if went.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(went.len()) }
        }

        fn takes_trains(&self) -> bool {
            self.offload.get()
        }
    }

    fn scripted(refusal: Option<io::ErrorKind>) -> (SendReport, Vec<usize>) {
        let kernel = Scripted { refusal: refusal.into(), offload: true.into(), ..Scripted::default() };
        let mut report = SendReport::default();
        send(&kernel, "127.0.0.1:9".parse().unwrap(), 100, &[7; 250], &mut report);
        (report, kernel.sent.into_inner())
    }

    #[test]
    fn a_refused_train_goes_one_by_one_and_a_full_buffer_drops_it_whole() {
        let (report, sent) = scripted(None);
        assert_eq!((report.packets, report.failed, report.sends, sent), (3, 0, 1, vec![250]));
        let (report, sent) = scripted(Some(io::ErrorKind::InvalidInput));
        assert_eq!((report.packets, report.failed, sent), (3, 0, vec![100, 100, 50]));
        let (report, sent) = scripted(Some(io::ErrorKind::WouldBlock));
        assert_eq!((report.packets, report.failed, sent), (0, 3, vec![]));
    }

    #[test]
    fn what_the_kernel_does_not_take_is_the_only_thing_lost_of_a_batch() {
        let bytes = [7; 250];
        let mut batch = Batch::default();
        for len in [10, 20, 30, 20, 40] {
            batch.push(Message { to: "127.0.0.1:9".parse().unwrap(), contents: &bytes[..len], segment: len });
        }
        let refusal = Cell::new(Some(io::ErrorKind::WouldBlock));
        let kernel = Scripted { stuck: Some(20), refusal, ..Scripted::default() };
        let mut report = SendReport::default();
        send_batch(&kernel, &batch, &mut report);
        assert_eq!((report.packets, report.failed, report.bytes, report.sends), (3, 2, 80, 5));
        assert_eq!(kernel.sent.into_inner(), [10, 30, 40]);
        assert_eq!(kernel.calls.get(), 4, "the last goes alone");
    }

    #[test]
    fn segments_of_trains_do_not_cut_what_follows() {
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
        let to = receiver.local_addr().unwrap();
        let mut port = UdpPort::bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
        let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut outbox = Outbox::default();
        // By turns to two, as to the members of a room, so that there is more than one message.
        let sizes: [&[usize]; 6] = [&[200, 200, 200], &[150], &[400], &[300, 300], &[1_400], &[90, 90]];
        for sizes in sizes {
            for to in [to, other] {
                sizes.iter().for_each(|size| outbox.push(to, &vec![7; *size]));
            }
            let report = port.flush(&mut outbox, |_, _, _, _| unreachable!("no connections here"));
            assert_eq!((report.packets, report.failed, report.sends), (2 * sizes.len() as u64, 0, 2));
        }
        let mut buffer = [0u8; 2_000];
        for size in sizes.into_iter().flatten() {
            assert_eq!(receiver.recv_from(&mut buffer).unwrap().0, *size);
        }
    }

    #[test]
    fn packets_that_may_not_fit_the_device_never_ride_in_trains() {
        let mut outbox = Outbox::default();
        let to = "127.0.0.1:9".parse().unwrap();
        let runs = |outbox: &Outbox| run_length(outbox.entries());
        (0..3).for_each(|_| outbox.push(to, &[0; MAX_SEGMENT]));
        assert_eq!(runs(&outbox), 3);
        outbox.clear();
        (0..3).for_each(|_| outbox.push(to, &[0; MAX_SEGMENT + 1]));
        assert_eq!(runs(&outbox), 1);
    }

    fn sends(trains: bool) -> u64 {
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
        let mut port = UdpPort::bind("127.0.0.1:0".parse().unwrap(), trains).unwrap();
        let mut outbox = Outbox::default();
        let to = receiver.local_addr().unwrap();
        let sizes = [100usize, 100, 100, 40, 60, 60, 100, 1, 1];
        for (n, size) in sizes.iter().enumerate() {
            outbox.push(to, &vec![u8::try_from(n).unwrap(); *size]);
        }
        let report = port.flush(&mut outbox, |_, _, _, _| unreachable!("no connections here"));
        assert_eq!((report.packets, report.failed), (9, 0));
        assert!(outbox.is_empty());
        let mut buffer = [0u8; 2_000];
        for (n, size) in sizes.iter().enumerate() {
            let (len, _) = receiver.recv_from(&mut buffer).unwrap();
            assert_eq!((len, usize::from(buffer[0])), (*size, n));
        }
        report.sends
    }
}
