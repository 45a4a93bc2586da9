//! One run of messages through rooms: what is sent, and what every connection sees of it.

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{
    super::{histogram::Histogram, report::Quantiles},
    ledger::{Digest, Faults, Ledger},
    link::Writer,
    wire::{self, Kind},
};
use crate::runtime::clock;

/// Counters that connections share, so that few of them wait for each other.
const SHARDS: usize = 16;

/// Shared by all connections of a run.
pub struct Course {
    epoch: Instant,
    /// Tells the messages of this run from those of an earlier one.
    run: u64,
    content: String,
    next: AtomicU64,
    counts: [Mutex<Counts>; SHARDS],
    /// What is measured, in µs of the run: messages sent from the first on, and before the second.
    from_us: AtomicU64,
    until_us: AtomicU64,
    /// Acknowledged messages per room.
    rooms: Vec<AtomicU64>,
    /// Acknowledged or refused.
    answered: AtomicU64,
    received: AtomicU64,
    /// Whether writers without a pacer go on.
    pub writing: AtomicBool,
}

/// What happened within the window.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    pub acks: u64,
    pub deliveries: u64,
    pub ack_times: Histogram,
    pub delivery_times: Histogram,
}

/// What a nonce says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    run: u64,
    message: u64,
    sent_us: u64,
}

impl Stamp {
    fn of(frame: &[u8]) -> Option<Self> {
        let (run, rest) = wire::number(wire::nonce(frame)?);
        let (message, rest) = wire::number(rest.strip_prefix(b".")?);
        let (sent_us, _) = wire::number(rest.strip_prefix(b".")?);
        Some(Self { run: run?, message: message?, sent_us: sent_us? })
    }
}

impl Course {
    /// Messages of `size` characters.
    pub fn new(rooms: usize, size: u32) -> Arc<Self> {
        Arc::new(Self {
            epoch: clock::now(),
            run: u64::try_from(clock::wall_ms()).unwrap_or(0),
            content: "lorem ipsum dolor sit amet ".chars().cycle().take(size as usize).collect(),
            next: AtomicU64::new(1),
            counts: Default::default(),
            from_us: AtomicU64::new(u64::MAX),
            until_us: AtomicU64::new(u64::MAX),
            rooms: (0..rooms).map(|_| AtomicU64::new(0)).collect(),
            answered: AtomicU64::new(0),
            received: AtomicU64::new(0),
            writing: AtomicBool::new(true),
        })
    }

    /// From now on it counts.
    pub fn open_window(&self) {
        self.from_us.store(self.now_us(), Relaxed);
        self.until_us.store(u64::MAX, Relaxed);
    }

    /// What is sent from now on does not count, what is under way does. Returns the counts so far.
    pub fn close_window(&self) -> Counts {
        self.until_us.store(self.now_us(), Relaxed);
        self.sum()
    }

    /// Everything of the window, late arrivals included.
    pub fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for shard in &self.counts {
            let counts = lock(shard);
            sum.acks += counts.acks;
            sum.deliveries += counts.deliveries;
            sum.ack_times.merge(&counts.ack_times);
            sum.delivery_times.merge(&counts.delivery_times);
        }
        sum
    }

    pub fn forget_counts(&self) {
        self.counts.iter().for_each(|shard| *lock(shard) = Counts::default());
    }

    pub fn sent(&self) -> u64 {
        self.next.load(Relaxed) - 1
    }

    pub fn all_answered(&self) -> bool {
        self.answered.load(Relaxed) >= self.sent()
    }

    /// Whether as many have arrived as were acknowledged, with that many receivers in each room.
    pub fn all_arrived(&self, receivers: &[u64]) -> bool {
        let expected: u64 = self.rooms.iter().zip(receivers).map(|(acked, n)| acked.load(Relaxed) * n).sum();
        self.received.load(Relaxed) >= expected
    }

    /// Adds the frame of a new message.
    fn put_message(&self, channel: &str, text: &mut String, out: &mut Vec<u8>) {
        let (number, now) = (self.next.fetch_add(1, Relaxed), self.now_us());
        text.clear();
        // Writing to a String cannot fail. `op` comes first: the server wants to see it before anything else.
        let _ = write!(
            text,
            r#"{{"op":"message:send","id":{},"d":{{"channelId":"{channel}","content":"{}","nonce":"{}.{number}.{now}"}}}}"#,
            number & 0x7fff_ffff,
            self.content,
            self.run,
        );
        wire::put_text(out, text.as_bytes());
    }

    fn now_us(&self) -> u64 {
        u64::try_from(clock::now().saturating_duration_since(self.epoch).as_micros()).unwrap_or(u64::MAX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody who writes to a room.
#[derive(Clone)]
pub struct Pen {
    pub writer: Arc<Writer>,
    pub channel: Arc<str>,
}

impl Pen {
    /// That many messages in one go.
    pub async fn write(&self, course: &Course, messages: usize) -> std::io::Result<()> {
        let (mut text, mut frames) = (String::new(), Vec::new());
        (0..messages).for_each(|_| course.put_message(&self.channel, &mut text, &mut frames));
        self.writer.send(&frames).await
    }
}

/// Sends at a steady rate, one pen after the other, until told to stop. Returns how late each message was.
pub async fn pace(course: Arc<Course>, pens: Vec<Pen>, rate: u32, stop: Arc<AtomicBool>) -> Histogram {
    let (start, mut late) = (clock::now(), Histogram::default());
    for (number, pen) in (0u64..).zip(pens.iter().cycle()) {
        let due = start + Duration::from_secs_f64(number as f64 / f64::from(rate));
        // The timer is coarse: what is due within the same millisecond goes at once.
        if due > clock::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        if stop.load(Relaxed) {
            break;
        }
        late.record(clock::now().saturating_duration_since(due));
        // A writer that was cut is seen by its reader; its message counts as never answered.
        let _ = pen.write(&course, 1).await;
    }
    late
}

/// What one connection has seen.
pub struct Books {
    room: usize,
    shard: usize,
    pub ledger: Ledger,
    pub acknowledged: Digest,
    pub refusals: u64,
    pub first_refusal: Option<String>,
    /// Highest number of a reliable event.
    pub s: u64,
    /// Of the read that is being taken in.
    now_us: Option<u64>,
    acks: Vec<u64>,
    deliveries: Vec<u64>,
    received: u64,
    answered: u64,
}

impl Books {
    pub fn new(room: usize, number: usize) -> Self {
        Self {
            room,
            shard: number % SHARDS,
            ledger: Ledger::default(),
            acknowledged: Digest::default(),
            refusals: 0,
            first_refusal: None,
            s: 0,
            now_us: None,
            acks: Vec::new(),
            deliveries: Vec::new(),
            received: 0,
            answered: 0,
        }
    }

    /// A frame as it came in.
    pub fn take(&mut self, frame: &[u8], course: &Course) {
        self.now_us.get_or_insert_with(|| course.now_us());
        match wire::kind(frame) {
            Kind::Ack(_) => {
                if let Some(stamp) = Stamp::of(frame).filter(|stamp| stamp.run == course.run) {
                    self.acknowledged.add(stamp.message);
                    self.acks.push(stamp.sent_us);
                    self.answered += 1;
                }
            }
            Kind::Refusal(_) => {
                self.refusals += 1;
                self.answered += 1;
                self.first_refusal.get_or_insert_with(|| String::from_utf8_lossy(frame).into_owned());
            }
            Kind::MessageNew => {
                self.follow(frame);
                if let (Some(seq), Some(stamp)) = (wire::seq(frame), Stamp::of(frame))
                    && stamp.run == course.run
                    && self.ledger.receive(seq, stamp.message)
                {
                    self.received += 1;
                    self.deliveries.push(stamp.sent_us);
                }
            }
            Kind::PresenceChanged | Kind::Other => self.follow(frame),
        }
    }

    /// Messages that were fetched, such as by `channel:sync`; how many of them were new.
    pub fn fetched(&mut self, seq: u64, nonce_frame: &[u8], course: &Course) -> bool {
        let stamp = Stamp::of(nonce_frame).filter(|stamp| stamp.run == course.run);
        let new = stamp.is_some_and(|stamp| self.ledger.fetch(seq, stamp.message));
        self.received += u64::from(new);
        new
    }

    /// Reliable events are numbered without gaps.
    fn follow(&mut self, frame: &[u8]) {
        if let Some(s) = wire::session_seq(frame) {
            self.ledger.faults.disordered += u64::from(s != self.s + 1);
            self.s = s;
        }
    }

    pub fn is_of(&self, room: usize) -> bool {
        self.room == room
    }

    /// The read is over: tells the others. Returns how many messages were answered.
    pub fn settle(&mut self, course: &Course) -> usize {
        let now = self.now_us.take().unwrap_or_default();
        let answered = std::mem::take(&mut self.answered);
        if answered > 0 {
            course.answered.fetch_add(answered, Relaxed);
            if let Some(room) = course.rooms.get(self.room) {
                room.fetch_add(self.acks.len() as u64, Relaxed);
            }
        }
        let received = std::mem::take(&mut self.received);
        if received > 0 {
            course.received.fetch_add(received, Relaxed);
        }
        let (from, until) = (course.from_us.load(Relaxed), course.until_us.load(Relaxed));
        if let (true, Some(shard)) = (now >= from, course.counts.get(self.shard)) {
            let mut counts = lock(shard);
            if now < until {
                counts.acks += self.acks.len() as u64;
                counts.deliveries += self.deliveries.len() as u64;
            }
            let counted = |sent: &&u64| (from..until).contains(*sent);
            for sent in self.acks.iter().filter(counted) {
                counts.ack_times.record_us(now.saturating_sub(*sent));
            }
            for sent in self.deliveries.iter().filter(counted) {
                counts.delivery_times.record_us(now.saturating_sub(*sent));
            }
        }
        self.acks.clear();
        self.deliveries.clear();
        usize::try_from(answered).unwrap_or(usize::MAX)
    }
}

/// Adds up what the members of rooms found: acknowledgements come to the writers, messages to everybody.
pub fn faults<'a>(rooms: usize, books: impl Iterator<Item = &'a Books> + Clone) -> Faults {
    let mut acknowledged = vec![Digest::default(); rooms];
    for book in books.clone() {
        if let Some(room) = acknowledged.get_mut(book.room) {
            *room += book.acknowledged;
        }
    }
    let mut faults = Faults::default();
    for book in books {
        if let Some(room) = acknowledged.get(book.room) {
            faults += book.ledger.close(room);
        }
    }
    faults
}

impl Counts {
    pub fn ack_ms(&self) -> Quantiles {
        Quantiles::from(&self.ack_times)
    }

    pub fn delivery_ms(&self) -> Quantiles {
        Quantiles::from(&self.delivery_times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(course: &Course, seq: u64, message: u64, s: u64, sent_us: u64) -> String {
        let nonce = format!("{}.{message}.{sent_us}", course.run);
        format!(r#"{{"ev":"message:new","d":{{"message":{{"nonce":"{nonce}","seq":{seq}}}}},"s":{s}}}"#)
    }

    fn ack(course: &Course, message: u64) -> String {
        format!(r#"{{"re":1,"ok":true,"d":{{"message":{{"nonce":"{}.{message}.0","seq":1}}}}}}"#, course.run)
    }

    #[test]
    fn a_message_we_write_is_one_we_recognise() {
        let course = Course::new(1, 10);
        let (mut text, mut frames) = (String::new(), Vec::new());
        course.put_message("room", &mut text, &mut frames);
        let command: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(command["d"]["content"], "lorem ipsu");
        let stamp = Stamp::of(text.as_bytes()).unwrap();
        assert_eq!((stamp.run, stamp.message), (course.run, 1));
        assert_eq!(course.sent(), 1);
        assert!(!course.all_answered());
    }

    #[test]
    fn members_of_a_room_are_judged_by_what_its_writers_were_told() {
        let course = Course::new(2, 1);
        let mut books: Vec<Books> =
            [0, 0, 1].into_iter().enumerate().map(|(n, r)| Books::new(r, n)).collect();
        for message in [7, 8] {
            books[0].take(ack(&course, message).as_bytes(), &course);
            books[0].take(event(&course, message - 6, message, message - 6, 0).as_bytes(), &course);
        }
        books[1].take(event(&course, 1, 7, 1, 0).as_bytes(), &course);
        assert_eq!(faults(2, books.iter()), Faults { lost: 1, ..Faults::default() });
        books[1].take(event(&course, 2, 8, 2, 0).as_bytes(), &course);
        assert_eq!(faults(2, books.iter()), Faults::default());
        let answered: usize = books.iter_mut().map(|books| books.settle(&course)).sum();
        assert_eq!(answered, 2);
        assert!(course.all_arrived(&[2, 1]) && !course.all_arrived(&[3, 1]));
    }

    #[test]
    fn a_gap_in_the_session_is_a_fault_whatever_the_event() {
        let course = Course::new(1, 1);
        let mut books = Books::new(0, 0);
        books.take(br#"{"ev":"channel:created","d":{},"s":1}"#, &course);
        books.take(br#"{"ev":"typing:user_stop","d":{}}"#, &course);
        assert!(!faults(1, [&books].into_iter()).any());
        books.take(br#"{"ev":"channel:created","d":{},"s":3}"#, &course);
        assert_eq!(faults(1, [&books].into_iter()).disordered, 1);
    }

    #[test]
    fn only_what_is_sent_within_the_window_is_timed() {
        let course = Course::new(1, 1);
        let mut books = Books::new(0, 0);
        books.take(event(&course, 1, 1, 1, 0).as_bytes(), &course);
        books.settle(&course);
        assert_eq!(course.sum().deliveries, 0, "before the window");
        course.open_window();
        books.take(event(&course, 2, 2, 2, 0).as_bytes(), &course);
        let sent = course.now_us();
        books.now_us = Some(sent + 500);
        books.take(event(&course, 3, 3, 3, sent).as_bytes(), &course);
        books.settle(&course);
        let counts = course.sum();
        assert_eq!((counts.deliveries, counts.delivery_ms().count), (2, 1), "both arrived, one was sent");
        assert_eq!(counts.delivery_ms().max, Some(0.5));
    }

    #[test]
    fn messages_of_another_run_do_not_count() {
        let course = Course::new(1, 1);
        let mut books = Books::new(0, 0);
        let other = Course { run: course.run + 1, ..Arc::into_inner(Course::new(1, 1)).unwrap() };
        books.take(event(&other, 1, 1, 1, 0).as_bytes(), &course);
        books.take(ack(&other, 1).as_bytes(), &course);
        assert_eq!((books.ledger.received.count, books.acknowledged.count, books.settle(&course)), (0, 0, 0));
    }
}
