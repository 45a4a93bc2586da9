//! What the network may do to a handshake, kept away from the library (RFC 6347 4.2.4).
//!
//! The library stops its timer as soon as it has seen any part of what it waits for, even one that it had before, and
//! gives up at a datagram it cannot read. So it gets each message of the client once, whole and in order, and what it
//! answers is repeated here: by a timer that starts early, and whenever the client shows that it waits.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::proto::dtls::{self, CHANGE_CIPHER_SPEC, HANDSHAKE, Message, Messages};

/// When a flight is first repeated. A round trip is mostly shorter; if not, about 1 kB was sent in vain.
const FIRST_REPEAT: Duration = Duration::from_millis(100);
/// The time between repetitions doubles up to this.
const MAX_REPEAT: Duration = Duration::from_millis(800);
/// A client that repeats itself is answered at once, but not more often: its copies may come together.
const MIN_REPEAT: Duration = Duration::from_millis(40);
/// A handshake that takes longer is given up; as long as consent lasts.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the last flight is repeated until something comes from the client: 75 bytes each.
const MAX_LAST_REPEATS: u32 = 4;
/// Sealed records that wait until there are keys. The client repeats what does not fit.
const MAX_SEALED: usize = 4;

/// Flights of one handshake, from the first datagram until both sides have keys.
#[derive(Debug, Default)]
pub struct Flights {
    began: Option<Instant>,
    messages: Messages,
    /// Came before what the keys are made of.
    sealed: Vec<Vec<u8>>,
    /// Of the records that are made here for the library.
    next_record: u64,
    flight: Option<Flight>,
}

/// What was said last.
#[derive(Debug)]
struct Flight {
    datagrams: Vec<BytesMut>,
    /// The message of the client that it answers.
    answers: u16,
    sent: Instant,
    wait: Duration,
    repeated: u32,
}

impl Flights {
    /// Takes in what a datagram has of the handshake. Returns whether the client waits for our flight once more.
    ///
    /// Anything else is passed over, alerts too: as long as there are no keys anybody can send them.
    pub fn push(&mut self, now: Instant, datagram: &[u8]) -> bool {
        self.began.get_or_insert(now);
        let mut waits = false;
        for record in dtls::records(datagram) {
            match (record.epoch, record.content) {
                (0, HANDSHAKE) => {
                    for fragment in dtls::fragments(record.body) {
                        // A client says more only after the whole flight.
                        self.flight.take_if(|flight| fragment.message > flight.answers);
                        let flight = self.flight.as_ref();
                        waits |=
                            flight.is_some_and(|one| fragment.message == one.answers && fragment.is_last());
                        self.messages.push(&fragment);
                    }
                }
                (1, _) if self.sealed.len() < MAX_SEALED => self.sealed.push(record.whole.to_vec()),
                _ => {}
            }
        }
        waits && self.flight.as_ref().is_some_and(|flight| now >= flight.sent + MIN_REPEAT)
    }

    /// The client's next message.
    pub fn pop(&mut self) -> Option<Message> {
        self.messages.pop()
    }

    /// A message as the library reads it.
    pub fn record(&mut self, message: &Message) -> Vec<u8> {
        self.plaintext(HANDSHAKE, &message.bytes)
    }

    /// What is sealed, once there are keys; behind the message that says so, whether it came or not.
    pub fn sealed(&mut self) -> Vec<Vec<u8>> {
        if self.sealed.is_empty() {
            return Vec::new();
        }
        let mut records = vec![self.plaintext(CHANGE_CIPHER_SPEC, &[1])];
        records.append(&mut self.sealed);
        records
    }

    /// What answers a message of the client, from now on repeated.
    pub fn sent(&mut self, now: Instant, answers: u16, datagrams: Vec<BytesMut>) {
        self.flight = Some(Flight { datagrams, answers, sent: now, wait: FIRST_REPEAT, repeated: 0 });
    }

    /// Both sides have keys, unless the last flight is lost. The client asks for it, but ever less often.
    pub fn end(&mut self, now: Instant, datagrams: Vec<BytesMut>) {
        *self = Self { began: self.began, ..Self::default() };
        self.sent(now, u16::MAX, datagrams);
    }

    /// Whether the last flight was repeated so often that asking is left to the client.
    pub fn is_spent(&self) -> bool {
        self.flight.as_ref().is_none_or(|flight| flight.repeated >= MAX_LAST_REPEATS)
    }

    /// The flight to repeat now because nothing came back, with the time doubled until the next time.
    pub fn due(&mut self, now: Instant) -> Option<Vec<BytesMut>> {
        let flight = self.flight.as_mut().filter(|flight| now >= flight.sent + flight.wait)?;
        flight.wait = (flight.wait * 2).min(MAX_REPEAT);
        self.repeat(now)
    }

    /// The flight to repeat now because the client waits for it.
    pub fn repeat(&mut self, now: Instant) -> Option<Vec<BytesMut>> {
        let flight = self.flight.as_mut()?;
        flight.sent = now;
        flight.repeated += 1;
        Some(flight.datagrams.clone())
    }

    pub fn is_hopeless(&self, now: Instant) -> bool {
        self.began.is_some_and(|began| now >= began + PATIENCE)
    }

    fn plaintext(&mut self, content: u8, body: &[u8]) -> Vec<u8> {
        self.next_record += 1;
        dtls::plaintext_record(content, self.next_record, body)
    }
}
