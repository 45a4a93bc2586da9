//! Records and handshake messages of DTLS 1.2 (RFC 6347 4.1, 4.2): taken apart, put together, in order.
//!
//! Knows no keys: only messages of epoch 0 are understood, and of those only where they begin and end.

use std::collections::BTreeMap;

pub const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// What a client says before its keys count: hello, certificate, certificate verify, key exchange.
const OF_CLIENTS: [u8; 4] = [CLIENT_HELLO, 11, 15, 16];
/// The longest message that is put together; a browser's hello has about 1.5 kB, a long RSA certificate 2 kB.
const MAX_MESSAGE: usize = 8 * 1024;
/// Messages ahead of the next one that are kept; a client's flight has three.
const MAX_AHEAD: u16 = 4;
/// Pieces of one message that are remembered; what is cut finer does not come from a network.
const MAX_PIECES: usize = 64;

/// One record with its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub content: u8,
    pub epoch: u16,
    /// Without the epoch.
    pub sequence: u64,
    pub body: &'a [u8],
    pub whole: &'a [u8],
}

impl<'a> Record<'a> {
    /// The first record of some bytes, and what follows it.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, _) = bytes.split_first_chunk::<RECORD_HEADER>()?;
        let [content, _, _, e0, e1, s0, s1, s2, s3, s4, s5, l0, l1] = *header;
        let len = RECORD_HEADER + usize::from(u16::from_be_bytes([l0, l1]));
        let (whole, rest) = bytes.split_at_checked(len)?;
        let record = Self {
            content,
            epoch: u16::from_be_bytes([e0, e1]),
            sequence: u64::from_be_bytes([0, 0, s0, s1, s2, s3, s4, s5]),
            body: whole.get(RECORD_HEADER..)?,
            whole,
        };
        Some((record, rest))
    }
}

/// The records of a datagram, up to the first that is cut off.
pub fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let (record, after) = Record::split(rest)?;
        rest = after;
        Some(record)
    })
}

/// A record of epoch 0.
pub fn plaintext_record(content: u8, sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut record = vec![content, 0xFE, 0xFD, 0, 0];
    record.extend(sequence.to_be_bytes().get(2..).unwrap_or_default());
    record.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
    record.extend(body);
    record
}

/// Gives the records of epoch 0 the next numbers. Sealed ones keep theirs: the seal covers it.
pub fn renumber(datagram: &mut [u8], next: &mut u64) {
    let mut rest = datagram;
    while let Some((record, _)) = Record::split(rest) {
        let (epoch, len) = (record.epoch, record.whole.len());
        let Some((record, after)) = rest.split_at_mut_checked(len) else { return };
        if epoch == 0 {
            if let (Some(place), Some(number)) = (record.get_mut(5..11), next.to_be_bytes().get(2..)) {
                place.copy_from_slice(number);
            }
            *next += 1;
        }
        rest = after;
    }
}

/// A part of a handshake message, or all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    kind: u8,
    length: usize,
    /// Of the message in its handshake.
    pub message: u16,
    offset: usize,
    bytes: &'a [u8],
}

impl Fragment<'_> {
    /// Whether the message ends here.
    pub fn is_last(&self) -> bool {
        self.offset + self.bytes.len() == self.length
    }
}

/// The fragments of a handshake record of epoch 0 that a client may have sent.
pub fn fragments(record: &[u8]) -> impl Iterator<Item = Fragment<'_>> {
    let mut rest = record;
    std::iter::from_fn(move || {
        let (header, after) = rest.split_first_chunk::<MESSAGE_HEADER>()?;
        let [kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = *header;
        let (bytes, after) = after.split_at_checked(u24([f0, f1, f2]))?;
        rest = after;
        Some(Fragment {
            kind,
            length: u24([l0, l1, l2]),
            message: u16::from_be_bytes([s0, s1]),
            offset: u24([o0, o1, o2]),
            bytes,
        })
    })
    .filter(|one| OF_CLIENTS.contains(&one.kind) && (one.kind == CLIENT_HELLO || one.message > 0))
}

/// Puts a client's messages together: each once, whole and in order, whatever the network did to their fragments.
#[derive(Debug, Default)]
pub struct Messages {
    next: u16,
    parts: BTreeMap<u16, Part>,
}

#[derive(Debug)]
struct Part {
    kind: u8,
    body: Vec<u8>,
    received: Vec<(usize, usize)>,
}

impl Messages {
    pub fn push(&mut self, fragment: &Fragment<'_>) {
        let Fragment { kind, length, message, offset, bytes } = *fragment;
        let ahead = self.next..self.next.saturating_add(MAX_AHEAD);
        if length > MAX_MESSAGE || !ahead.contains(&message) {
            return;
        }
        let part = self.parts.entry(message).or_insert_with(|| Part::new(kind, length));
        if part.kind != kind || part.body.len() != length {
            *part = Part::new(kind, length);
        }
        part.push(offset, bytes);
    }

    /// The next message in order once it is whole, with a header as if it had come in one piece.
    pub fn pop(&mut self) -> Option<Message> {
        let part = self.parts.get_mut(&self.next).filter(|part| part.is_whole())?;
        let length = u32::try_from(part.body.len()).unwrap_or(0).to_be_bytes();
        let length = length.get(1..).unwrap_or_default();
        let mut bytes = vec![part.kind];
        bytes.extend(length);
        bytes.extend(self.next.to_be_bytes());
        bytes.extend([0; 3]);
        bytes.extend(length);
        bytes.extend(&part.body);
        let message = Message { number: self.next, bytes };
        self.parts.remove(&self.next);
        self.next += 1;
        Some(message)
    }
}

/// A whole handshake message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub number: u16,
    /// Header and body.
    pub bytes: Vec<u8>,
}

impl Message {
    pub fn body(&self) -> &[u8] {
        self.bytes.get(MESSAGE_HEADER..).unwrap_or_default()
    }
}

impl Part {
    fn new(kind: u8, length: usize) -> Self {
        Self { kind, body: vec![0; length], received: Vec::new() }
    }

    fn push(&mut self, offset: usize, bytes: &[u8]) {
        let span = (offset, offset + bytes.len());
        let Some(place) = self.body.get_mut(span.0..span.1) else { return };
        if self.received.len() < MAX_PIECES && !self.received.contains(&span) {
            place.copy_from_slice(bytes);
            self.received.push(span);
            self.received.sort_unstable();
        }
    }

    fn is_whole(&self) -> bool {
        let covered = self
            .received
            .iter()
            .fold(0, |covered, (start, end)| if *start <= covered { covered.max(*end) } else { covered });
        !self.received.is_empty() && covered >= self.body.len()
    }
}

fn u24([a, b, c]: [u8; 3]) -> usize {
    (usize::from(a) << 16) | (usize::from(b) << 8) | usize::from(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, message: u16, body: &[u8], from: usize, to: usize) -> Vec<u8> {
        let u24 = |n: usize| u32::try_from(n).unwrap().to_be_bytes()[1..].to_vec();
        let handshake =
            [vec![kind], u24(body.len()), message.to_be_bytes().to_vec(), u24(from), u24(to - from)].concat();
        plaintext_record(HANDSHAKE, 7, &[handshake, body[from..to].to_vec()].concat())
    }

    fn push(messages: &mut Messages, datagram: &[u8]) {
        for record in records(datagram) {
            for fragment in fragments(record.body) {
                messages.push(&fragment);
            }
        }
    }

    fn body(len: usize) -> Vec<u8> {
        (0..=255).cycle().take(len).collect()
    }

    #[test]
    fn fragments_in_any_order_twice_and_cut_differently() {
        let body = body(100);
        let mut messages = Messages::default();
        for (from, to) in [(40, 90), (40, 90), (80, 100), (0, 10)] {
            push(&mut messages, &record(1, 0, &body, from, to));
            assert_eq!(messages.pop(), None);
        }
        push(&mut messages, &record(1, 0, &body, 5, 60));
        let message = messages.pop().unwrap();
        assert_eq!((message.number, message.body()), (0, &body[..]));
        let whole = record(1, 0, &body, 0, 100);
        assert_eq!(message.bytes, whole[RECORD_HEADER..]);
        push(&mut messages, &whole);
        assert_eq!(messages.pop(), None, "once");
    }

    #[test]
    fn messages_come_in_order() {
        let (hello, certificate, keys) = (body(30), body(50), body(33));
        let mut messages = Messages::default();
        push(&mut messages, &record(16, 2, &keys, 0, 33));
        push(&mut messages, &[record(1, 0, &hello, 0, 30), record(16, 9, &keys, 0, 33)].concat());
        assert_eq!(messages.pop().map(|one| one.number), Some(0));
        assert_eq!(messages.pop(), None);
        push(&mut messages, &record(11, 1, &certificate, 0, 50));
        assert_eq!(messages.pop().map(|one| one.number), Some(1));
        assert_eq!(messages.pop().map(|one| one.number), Some(2));
        assert_eq!(messages.pop(), None, "nothing is kept from too far ahead");
    }

    #[test]
    fn what_no_client_says_is_not_kept() {
        let mut messages = Messages::default();
        let mut huge = record(1, 0, &body(30), 0, 30);
        huge[RECORD_HEADER + 1] = 0xFF; // claims a message of 16 MB
        for junk in [huge, vec![22; 200], record(2, 0, &body(9), 0, 9), record(16, 0, &body(9), 0, 9)] {
            push(&mut messages, &junk);
            assert_eq!(messages.pop(), None);
        }
        assert!(messages.parts.is_empty());
        let whole = record(1, 0, &body(30), 0, 30);
        for len in 0..whole.len() {
            assert_eq!(records(&whole[..len]).count(), 0, "{len} bytes");
        }
    }

    #[test]
    fn only_plaintext_is_renumbered() {
        let mut sealed = plaintext_record(23, 5, &[1; 20]);
        sealed[4] = 1;
        let plain = plaintext_record(20, 1, &[1]);
        let mut datagram = [plain.clone(), sealed.clone(), plain, vec![22; 5]].concat();
        let mut next = 0x0102_0304_0506;
        renumber(&mut datagram, &mut next);
        let numbers: Vec<u64> = records(&datagram).map(|record| record.sequence).collect();
        assert_eq!(numbers, [0x0102_0304_0506, 5, 0x0102_0304_0507]);
        assert_eq!(next, 0x0102_0304_0508);
    }
}
