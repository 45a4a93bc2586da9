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
/// How often the last flight is repeated by itself, 75 bytes each; later only for a client that asks.
const UNASKED: u32 = 4;
/// How often in all: anybody may have sent what looks as if a client asked.
const MAX_LAST: u32 = 20;
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

    /// What is sealed, once there are keys: the end of the handshake first, behind the message that says that keys
    /// are used, whether it came or not.
    pub fn sealed(&mut self) -> Vec<Vec<u8>> {
        if self.sealed.is_empty() {
            return Vec::new();
        }
        let mut records = vec![self.plaintext(CHANGE_CIPHER_SPEC, &[1])];
        self.sealed.sort_by_key(|record| record.first() != Some(&HANDSHAKE));
        records.append(&mut self.sealed);
        records
    }

    /// What answers a message of the client, from now on repeated.
    pub fn sent(&mut self, now: Instant, answers: u16, datagrams: Vec<BytesMut>) {
        self.flight = Some(Flight { datagrams, answers, sent: now, wait: FIRST_REPEAT });
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

/// The server's last flight: the client needs it, but will not say that it is missing, only repeat its own, ever less
/// often. So it is repeated until something comes that takes keys, byte for byte: who has it sees a copy.
#[derive(Debug)]
pub struct LastFlight {
    datagrams: Vec<Box<[u8]>>,
    sent: Instant,
    wait: Duration,
    repeated: u32,
}

impl LastFlight {
    pub fn new(now: Instant, datagrams: &[BytesMut]) -> Self {
        let datagrams = datagrams.iter().map(|one| one.as_ref().into()).collect();
        Self { datagrams, sent: now, wait: FIRST_REPEAT, repeated: 0 }
    }

    /// What to send now because nothing came back.
    pub fn due(&mut self, now: Instant) -> &[Box<[u8]>] {
        if self.repeated >= UNASKED || now < self.sent + self.wait {
            return &[];
        }
        self.wait = (self.wait * 2).min(MAX_REPEAT);
        self.repeat(now)
    }

    /// What to send now to a client that seems to ask.
    pub fn asked(&mut self, now: Instant) -> &[Box<[u8]>] {
        if self.repeated >= MAX_LAST || now < self.sent + MIN_REPEAT {
            return &[];
        }
        self.repeat(now)
    }

    fn repeat(&mut self, now: Instant) -> &[Box<[u8]>] {
        self.sent = now;
        self.repeated += 1;
        &self.datagrams
    }
}
