//! Messages to rooms, at a rate or as fast as they are acknowledged.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use anyhow::Context as _;
use tokio::{sync::watch, task::JoinSet};

use super::{
    super::{histogram::Histogram, report::Quantiles},
    args,
    course::{self, Books, Course, Pen},
    ledger::Faults,
    link::Link,
    report::{ServerCost, line, percent, times},
    stage::{Stage, come_true, own_usage, server_usage},
};
use crate::runtime::clock;

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub connections: usize,
    pub rooms: usize,
    pub seconds: f64,
    /// Messages of the whole run, warm-up included.
    pub sent: u64,
    pub refused: u64,
    pub first_refusal: Option<String>,
    /// Messages that were never answered.
    pub unanswered: u64,
    pub acks_per_second: f64,
    /// From sending to the acknowledgement, which follows the commit.
    pub ack_ms: Quantiles,
    pub deliveries_per_second: f64,
    /// From sending to `message:new` at a member.
    pub delivery_ms: Quantiles,
    pub faults: Faults,
    /// Connections that did not last, and why the first did not.
    pub cut: usize,
    pub first_cut: Option<String>,
    /// How late the tool itself sent; absent without a rate.
    pub late_ms: Option<Quantiles>,
    pub server: Option<ServerCost>,
    pub deliveries_per_cpu_second: Option<f64>,
    pub tool_cpu_percent: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faults { lost, doubled, disordered, differing } = self.faults;
        line(
            f,
            "connections",
            format_args!("{} in {} rooms, {} cut", self.connections, self.rooms, self.cut),
        )?;
        line(
            f,
            "messages",
            format_args!("{} sent, {} refused, {} not answered", self.sent, self.refused, self.unanswered),
        )?;
        line(f, "acknowledged", format_args!("{:.0}/s, {}", self.acks_per_second, times(&self.ack_ms)))?;
        line(
            f,
            "delivered",
            format_args!("{:.0}/s, {}", self.deliveries_per_second, times(&self.delivery_ms)),
        )?;
        line(
            f,
            "faults",
            format_args!("{lost} lost, {doubled} doubled, {disordered} out of order, {differing} differing"),
        )?;
        if let Some(late) = &self.late_ms {
            line(f, "sent late by", times(late))?;
        }
        if let (Some(server), Some(each)) = (&self.server, self.deliveries_per_cpu_second) {
            line(f, "server", format_args!("{server}, {each:.0} deliveries per second of it"))?;
        }
        line(f, "load tool", format_args!("{:.0} % of a core", self.tool_cpu_percent))?;
        for why in self.first_refusal.iter().chain(&self.first_cut) {
            line(f, "first trouble", why)?;
        }
        Ok(())
    }
}

/// One connection, and what it has seen.
struct Member {
    link: Link,
    books: Books,
    /// Writes on whenever it is answered.
    pen: Option<Pen>,
    cut: Option<String>,
}

pub async fn run(args: &args::FanOut) -> anyhow::Result<Report> {
    let members = args.members as usize;
    let connections = args.rooms as usize * members * args.common.sessions as usize;
    let stage = Stage::set(&args.common, connections, members).await?;
    let course = Course::new(stage.rooms.len(), args.size);
    let in_room = members * stage.sessions;
    let writers = args.writers.map_or(in_room, |writers| (writers as usize).min(in_room));
    let mut pens = vec![Vec::new(); stage.rooms.len()];
    let mut crew = JoinSet::new();
    let stop = watch::Sender::new(false);
    for (number, (seat, link, _)) in stage.connect(connections).await?.into_iter().enumerate() {
        let pen = Pen { writer: link.writer(), channel: stage.room(seat)?.into() };
        let mine = pens.get_mut(seat.room).context("a seat without a room")?;
        let writes = mine.len() < writers;
        if writes {
            mine.push(pen.clone());
        }
        let pen = (writes && args.in_flight.is_some()).then_some(pen);
        let member = Member { link, books: Books::new(seat.room, number), pen, cut: None };
        crew.spawn(member.follow(Arc::clone(&course), stop.subscribe()));
    }
    // Room after room, so that a busy moment of one is spread over all.
    let pens: Vec<Pen> =
        (0..writers).flat_map(|n| pens.iter().filter_map(move |room| room.get(n))).cloned().collect();

    let enough = Arc::new(AtomicBool::new(false));
    let pacer = match args.in_flight {
        Some(messages) => {
            for pen in &pens {
                pen.write(&course, messages as usize).await?;
            }
            None
        }
        None => Some(tokio::spawn(course::pace(Arc::clone(&course), pens, args.rate, Arc::clone(&enough)))),
    };
    tokio::time::sleep(args.warmup).await;
    let before = (own_usage()?, server_usage(&args.common)?);
    course.open_window();
    let start = clock::now();
    tokio::time::sleep(args.duration).await;
    let counts = course.close_window();
    let seconds = clock::now().saturating_duration_since(start).as_secs_f64();
    let after = (own_usage()?, server_usage(&args.common)?);

    enough.store(true, Relaxed);
    course.writing.store(false, Relaxed);
    let late = match pacer {
        Some(pacer) => Some(pacer.await.context("the pacer")?),
        None => None,
    };
    let receivers = vec![in_room as u64; stage.rooms.len()];
    come_true(|| course.all_answered()).await;
    come_true(|| course.all_arrived(&receivers)).await;
    stop.send_replace(true);
    let ended = crew.join_all().await;

    let timed = course.sum();
    let refused = ended.iter().map(|member| member.books.refusals).sum();
    let acknowledged: u64 = ended.iter().map(|member| member.books.acknowledged.count).sum();
    let server = before.1.zip(after.1).map(|(before, after)| ServerCost::new(&before, &after, seconds));
    Ok(Report {
        connections,
        rooms: stage.rooms.len(),
        seconds,
        sent: course.sent(),
        refused,
        first_refusal: ended.iter().find_map(|member| member.books.first_refusal.clone()),
        unanswered: course.sent().saturating_sub(acknowledged + refused),
        acks_per_second: counts.acks as f64 / seconds,
        ack_ms: timed.ack_ms(),
        deliveries_per_second: counts.deliveries as f64 / seconds,
        delivery_ms: timed.delivery_ms(),
        faults: course::faults(stage.rooms.len(), ended.iter().map(|member| &member.books)),
        cut: ended.iter().filter(|member| member.cut.is_some()).count(),
        first_cut: ended.iter().find_map(|member| member.cut.clone()),
        late_ms: late.as_ref().map(|late: &Histogram| Quantiles::from(late)),
        deliveries_per_cpu_second: server.as_ref().map(|server| {
            counts.deliveries as f64 / (server.cpu_percent / 100.0 * seconds).max(f64::EPSILON)
        }),
        server,
        tool_cpu_percent: percent(&before.0, &after.0, seconds),
    })
}

impl Member {
    /// Reads until told to stop or cut off.
    async fn follow(mut self, course: Arc<Course>, mut stop: watch::Receiver<bool>) -> Self {
        let stopped = stop.wait_for(|stop| *stop);
        tokio::pin!(stopped);
        loop {
            let (link, books) = (&mut self.link, &mut self.books);
            // Cancel-safe: what was read is in the books.
            let read = tokio::select! {
                biased;
                read = link.read(|frame| books.take(frame, &course)) => read,
                _ = &mut stopped => break,
            };
            let answered = books.settle(&course);
            let wrote = match &self.pen {
                Some(pen) if answered > 0 && course.writing.load(Relaxed) => {
                    pen.write(&course, answered).await
                }
                _ => Ok(()),
            };
            if let Err(error) = read.and(wrote.map_err(Into::into)) {
                self.cut = Some(format!("{error:#}"));
                break;
            }
        }
        self
    }
}
