//! All sockets are lost at once and come back; somebody goes on writing to one of the rooms.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::JoinSet,
};

use super::{
    super::{histogram::Histogram, report::Quantiles},
    args,
    course::{self, Books, Course, Pen},
    ledger::Faults,
    link::{Link, Resume},
    report::{line, times},
    stage::{Seat, Stage, come_true},
};
use crate::runtime::clock;

/// Between two attempts of a connection that was refused.
const RETRY: Duration = Duration::from_millis(200);
/// Ids of the commands a member sends beside its messages.
const SUBSCRIBE: u32 = 1;
const SYNC: u32 = 2;

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub connections: usize,
    /// From the cut until the last one was back.
    pub back_seconds: f64,
    /// From the cut until each one was back.
    pub back_ms: Quantiles,
    /// Sessions taken up again, and those that got a new one instead.
    pub resumed: usize,
    pub fresh: usize,
    /// Not back in time; the first reason.
    pub failed: usize,
    pub first_failure: Option<String>,
    /// Attempts that had to be repeated.
    pub retries: u64,
    /// Members of the room that is written to, and messages they fetched by `channel:sync`.
    pub members: usize,
    pub fetched: u64,
    pub faults: Faults,
    pub sent: u64,
    pub refused: u64,
    /// Acknowledgements before the cut, and from the cut until all were back.
    pub quiet_ack_ms: Quantiles,
    pub storm_ack_ms: Quantiles,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(
            f,
            "connections",
            format_args!(
                "{}, all back after {:.1} s ({} not)",
                self.connections, self.back_seconds, self.failed
            ),
        )?;
        line(f, "each back after", times(&self.back_ms))?;
        line(
            f,
            "sessions",
            format_args!("{} resumed, {} new, {} attempts repeated", self.resumed, self.fresh, self.retries),
        )?;
        line(f, "acknowledged", format_args!("before: {}", times(&self.quiet_ack_ms)))?;
        line(f, "", format_args!("meanwhile: {}", times(&self.storm_ack_ms)))?;
        let Faults { lost, doubled, disordered, differing } = self.faults;
        line(
            f,
            "messages",
            format_args!(
                "{} to {} members, {} fetched, {} refused",
                self.sent, self.members, self.fetched, self.refused
            ),
        )?;
        line(
            f,
            "faults",
            format_args!("{lost} lost, {doubled} doubled, {disordered} out of order, {differing} differing"),
        )?;
        self.first_failure.iter().try_for_each(|why| line(f, "first failure", why))
    }
}

/// Somebody whose socket will be cut.
struct Member {
    seat: Seat,
    session: String,
    books: Books,
    fetched: u64,
    retries: u64,
    back: Option<Duration>,
    resumed: bool,
    failure: Option<String>,
}

/// What members of a storm share.
struct Sky {
    stage: Stage,
    course: Arc<Course>,
    turns: Semaphore,
}

pub async fn run(args: &args::Storm) -> anyhow::Result<Report> {
    let connections = args.connections as usize;
    let stage = Stage::set(&args.common, connections, args.members as usize).await?;
    let course = Course::new(stage.rooms.len(), 60);
    let sky = Arc::new(Sky { turns: Semaphore::new(stage.at_once), course: Arc::clone(&course), stage });

    let done = watch::Sender::new(false);
    let (owner, signals) = Owner::new(&sky, args.rate, done.subscribe());
    let Signals { here, begin, enough, ended } = signals;
    let owner = std::thread::Builder::new().name("load-owner".into()).spawn(move || owner.run())?;
    // If it could not come, its thread says why.
    let is_here = here.await.is_ok();
    if !is_here {
        joined(owner)?;
        bail!("the owner of the first room left");
    }

    let cut = watch::Sender::new(false);
    let mut crew = JoinSet::new();
    let connected = sky.stage.connect(connections).await?;
    let members = stream::iter(connected.into_iter().enumerate())
        .map(|(number, (seat, link, session))| watch_room(&sky, number + 1, seat, link, session))
        .buffered(sky.stage.at_once)
        .try_collect::<Vec<_>>()
        .await?;
    for (member, link) in members {
        crew.spawn(member.until_cut(link, Arc::clone(&course), cut.subscribe()));
    }
    course.open_window();
    let _ = begin.send(());
    tokio::time::sleep(args.warmup).await;
    let quiet = course.close_window();
    course.forget_counts();

    let start = clock::now();
    course.open_window();
    cut.send_replace(true);
    let cut_off = crew.join_all().await;
    let mut crew = JoinSet::new();
    let back = Arc::new(Semaphore::new(0));
    for member in cut_off {
        let life = member.come_back(Arc::clone(&sky), start, Arc::clone(&back), done.subscribe());
        crew.spawn(life);
    }
    // The permits of those who are back, or have given up.
    let all = back.acquire_many(connections as u32);
    let in_time = tokio::time::timeout(args.patience, all).await.is_ok();
    course.close_window();
    let back_seconds = clock::now().saturating_duration_since(start).as_secs_f64();
    enough.store(true, Relaxed);
    let _ = ended.await;
    let receivers =
        |room: usize| sky.stage.seats(connections).filter(|seat| seat.room == room).count() as u64;
    let expected: Vec<u64> = std::iter::once(receivers(0) + 1).collect();
    come_true(|| course.all_answered()).await;
    if in_time {
        come_true(|| course.all_arrived(&expected)).await;
    }
    done.send_replace(true);
    let mut ended = Vec::new();
    while let Some(member) = crew.join_next().await {
        ended.push(member.context("a member")?);
    }
    let writer = joined(owner)?;

    let mut back_times = Histogram::default();
    ended.iter().filter_map(|member| member.back).for_each(|time| back_times.record(time));
    let storm = course.sum();
    let all_books = ended.iter().map(|member| &member.books).chain([&writer]);
    Ok(Report {
        connections,
        back_seconds,
        back_ms: Quantiles::from(&back_times),
        resumed: ended.iter().filter(|member| member.resumed).count(),
        fresh: ended.iter().filter(|member| member.back.is_some() && !member.resumed).count(),
        failed: ended.iter().filter(|member| member.back.is_none()).count(),
        first_failure: ended.iter().find_map(|member| member.failure.clone()),
        retries: ended.iter().map(|member| member.retries).sum(),
        members: receivers(0) as usize,
        fetched: ended.iter().map(|member| member.fetched).sum(),
        faults: course::faults(1, all_books.filter(|books| books.is_of(0))),
        sent: course.sent(),
        refused: writer.refusals,
        quiet_ack_ms: quiet.ack_ms(),
        storm_ack_ms: storm.ack_ms(),
    })
}

/// The owner of the first room, who writes, with a connection that stays. On a thread of its own: its answers would
/// wait there behind the tool's own thousands of sockets, and that is no wait for the server.
struct Owner {
    sky: Arc<Sky>,
    rate: u32,
    here: oneshot::Sender<()>,
    begin: oneshot::Receiver<()>,
    enough: Arc<AtomicBool>,
    ended: oneshot::Sender<()>,
    done: watch::Receiver<bool>,
}

/// The other ends: it is connected; it may write; it has written enough; it writes no more.
struct Signals {
    here: oneshot::Receiver<()>,
    begin: oneshot::Sender<()>,
    enough: Arc<AtomicBool>,
    ended: oneshot::Receiver<()>,
}

impl Owner {
    fn new(sky: &Arc<Sky>, rate: u32, done: watch::Receiver<bool>) -> (Self, Signals) {
        let (is_here, here) = oneshot::channel();
        let (begin, may_begin) = oneshot::channel();
        let (has_ended, ended) = oneshot::channel();
        let enough = Arc::new(AtomicBool::new(false));
        let signals = Signals { here, begin, enough: Arc::clone(&enough), ended };
        let sky = Arc::clone(sky);
        (Self { sky, rate, here: is_here, begin: may_begin, enough, ended: has_ended, done }, signals)
    }

    /// Until `done`. Returns what it has seen.
    fn run(self) -> anyhow::Result<Books> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.write())
    }

    async fn write(self) -> anyhow::Result<Books> {
        let (sky, seat) = (&self.sky, Seat { person: 0, room: 0 });
        let mut link = Link::open(&sky.stage.door).await?;
        link.hello(&sky.stage.person(seat)?.token, None, |_| {}).await?;
        let pen = Pen { writer: link.writer(), channel: sky.stage.room(seat)?.into() };
        let _ = self.here.send(());
        let reading = follow(link, Books::new(0, 0), Arc::clone(&sky.course), self.done);
        let writing = async {
            if self.begin.await.is_ok() {
                course::pace(Arc::clone(&sky.course), vec![pen], self.rate, self.enough).await;
            }
            let _ = self.ended.send(());
        };
        let (books, ()) = tokio::join!(reading, writing);
        Ok(books)
    }
}

fn joined(owner: JoinHandle<anyhow::Result<Books>>) -> anyhow::Result<Books> {
    owner.join().map_err(|_| anyhow!("the owner of the first room failed"))?
}

/// A new member wants to know who else of the room is there.
async fn watch_room(
    sky: &Sky,
    number: usize,
    seat: Seat,
    mut link: Link,
    session: String,
) -> anyhow::Result<(Member, Link)> {
    let mut books = Books::new(seat.room, number);
    let room = json!({"channelId": sky.stage.room(seat)?});
    link.call(SUBSCRIBE, "presence:subscribe", &room, |frame| books.take(frame, &sky.course)).await?;
    books.settle(&sky.course);
    let (back, failure) = (None, None);
    let member = Member { seat, session, books, fetched: 0, retries: 0, back, resumed: false, failure };
    Ok((member, link))
}

/// Reads until told to stop.
async fn follow(mut link: Link, mut books: Books, course: Arc<Course>, stop: watch::Receiver<bool>) -> Books {
    // Who was cut off stands in the books: messages are missing.
    let _ = read_on(&mut link, &mut books, &course, stop).await;
    books
}

/// Until told to stop, or cut off.
async fn read_on(
    link: &mut Link,
    books: &mut Books,
    course: &Course,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let stopped = stop.wait_for(|stop| *stop);
    tokio::pin!(stopped);
    loop {
        let read = tokio::select! {
            biased;
            read = link.read(|frame| books.take(frame, course)) => read,
            _ = &mut stopped => return Ok(()),
        };
        books.settle(course);
        read?;
    }
}

impl Member {
    /// The socket goes when this returns, without a farewell.
    async fn until_cut(mut self, link: Link, course: Arc<Course>, cut: watch::Receiver<bool>) -> Self {
        self.books = follow(link, self.books, course, cut).await;
        self
    }

    async fn come_back(
        mut self,
        sky: Arc<Sky>,
        start: Instant,
        back: Arc<Semaphore>,
        done: watch::Receiver<bool>,
    ) -> Self {
        let mut link = None;
        while link.is_none() && !*done.borrow() {
            match self.attempt(&sky).await {
                Ok(open) => link = Some(open),
                Err(error) => {
                    self.failure = Some(format!("{error:#}"));
                    self.retries += 1;
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        let Some(mut link) = link else { return self };
        self.back = Some(clock::now().saturating_duration_since(start));
        back.add_permits(1);
        self.failure = match read_on(&mut link, &mut self.books, &sky.course, done).await {
            Ok(()) => None,
            Err(error) => Some(format!("cut again: {error:#}")),
        };
        self
    }

    /// Connects and takes up the session; with a new one, loads what was missed as a page would.
    async fn attempt(&mut self, sky: &Sky) -> anyhow::Result<Link> {
        let _turn = sky.turns.acquire().await?;
        let token = &sky.stage.person(self.seat)?.token;
        let (course, books) = (&*sky.course, &mut self.books);
        let mut link = Link::open(&sky.stage.door).await?;
        let before = books.s;
        let resume = Resume { session: &self.session, s: before };
        // The events of a new session count from 1; whether it is one is only known with the answer.
        let mut frames = Vec::new();
        let admitted = link.hello(token, Some(resume), |frame| frames.push(frame.to_vec())).await?;
        if !admitted.resumed {
            books.s = 0;
        }
        frames.iter().for_each(|frame| books.take(frame, course));
        self.resumed = admitted.resumed;
        if !admitted.resumed {
            self.session = admitted.session;
            self.sync(&mut link, sky).await?;
        }
        self.books.settle(course);
        Ok(link)
    }

    async fn sync(&mut self, link: &mut Link, sky: &Sky) -> anyhow::Result<()> {
        let (course, books) = (&*sky.course, &mut self.books);
        let ask = json!({"channelId": sky.stage.room(self.seat)?, "afterRev": 0});
        let found = link.call(SYNC, "channel:sync", &ask, |frame| books.take(frame, course)).await?;
        if found.get("truncated") == Some(&Value::Bool(true)) {
            bail!("more was missed than channel:sync gives");
        }
        for message in found.get("messages").and_then(Value::as_array).into_iter().flatten() {
            let seq = message.get("seq").and_then(Value::as_u64).context("a message without seq")?;
            self.fetched += u64::from(books.fetched(seq, message.to_string().as_bytes(), course));
        }
        Ok(())
    }
}
