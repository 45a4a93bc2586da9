//! Messages that leave in one system call (sendmmsg). Where they are single packets, as in galleries and of voices, a
//! fifth of their price is the call.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    os::fd::AsFd,
};

use arrayvec::ArrayVec;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

/// Messages of one call.
const MOST: usize = 64;

/// A datagram, or a train of several of `segment` bytes of which the last may be shorter.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub to: SocketAddr,
    pub contents: &'a [u8],
    pub segment: usize,
}

impl Message<'_> {
    pub fn packets(&self) -> u64 {
        self.contents.len().div_ceil(self.segment.max(1)) as u64
    }

    fn is_train(&self) -> bool {
        self.contents.len() > self.segment
    }
}

/// Messages to whomever that can share a call: the segments of all trains are of one size, since that is said once for
/// all, and no single packet is longer, for it would be cut.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    messages: ArrayVec<Message<'a>, MOST>,
    segment: Option<usize>,
    longest: usize,
}

impl<'a> Batch<'a> {
    pub fn messages(&self) -> &[Message<'a>] {
        &self.messages
    }

    /// Of its trains; `None` without any.
    pub fn segment(&self) -> Option<usize> {
        self.segment
    }

    /// Bytes of the longest single packet.
    pub fn longest(&self) -> usize {
        self.longest
    }

    pub fn takes(&self, message: &Message<'_>) -> bool {
        let fits = match (message.is_train(), self.segment) {
            (true, Some(segment)) => message.segment == segment,
            (true, None) => self.longest <= message.segment,
            (false, segment) => segment.is_none_or(|segment| message.contents.len() <= segment),
        };
        fits && !self.messages.is_full()
    }

    /// Only what it takes.
    pub fn push(&mut self, message: Message<'a>) {
        if message.is_train() {
            self.segment = Some(message.segment);
        } else {
            self.longest = self.longest.max(message.contents.len());
        }
        self.messages.push(message);
    }

    /// Sends the messages from that one on. Returns how many the kernel took before one that it did not.
    pub fn send(&self, socket: impl AsFd, from: usize) -> io::Result<usize> {
        let messages = self.messages.get(from..).unwrap_or_default();
        let parts: ArrayVec<_, MOST> = messages.iter().map(|one| [IoSlice::new(one.contents)]).collect();
        let targets: ArrayVec<_, MOST> = messages.iter().map(|one| SocketAddrAny::from(one.to)).collect();
        let mut controls: ArrayVec<SendAncillaryBuffer<'_, '_, '_>, MOST> =
            messages.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut headers: ArrayVec<MMsgHdr<'_>, MOST> = targets
            .iter()
            .zip(&parts)
            .zip(&mut controls)
            .map(|((to, parts), control)| MMsgHdr::new_with_addr(to, parts, control))
            .collect();
        Ok(sendmmsg(socket, &mut headers, SendFlags::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(contents: &[u8], segment: usize) -> Message<'_> {
        Message { to: "127.0.0.1:9".parse().unwrap(), contents, segment }
    }

    #[test]
    fn trains_of_one_size_and_what_is_no_longer_go_together() {
        let bytes = [0; 300];
        let single = |len: usize| message(&bytes[..len], len);
        let mut batch = Batch::default();
        batch.push(single(90));
        assert!(batch.takes(&single(299)), "singles of any size");
        assert!(batch.takes(&message(&bytes, 90)));
        assert!(!batch.takes(&message(&bytes, 89)), "the single would be cut");
        batch.push(message(&bytes, 100));
        assert!(batch.takes(&message(&bytes[..150], 100)));
        assert!(!batch.takes(&message(&bytes, 99)));
        assert!(batch.takes(&single(100)));
        assert!(!batch.takes(&single(101)));
        assert_eq!((batch.segment(), batch.longest()), (Some(100), 90));
        (2..MOST).for_each(|_| batch.push(single(10)));
        assert!(!batch.takes(&single(10)), "full");
    }
}
