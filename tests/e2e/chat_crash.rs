//! Ack means durable: writers, readers, killed servers and databases, and a checker that knows every promise made.
//!
//! `CRASH_KILLS`, `CRASH_MESSAGES` (of all writers), `CRASH_RATE` (a second) and `CRASH_READERS` make it another one than
//! in the suite.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    time::Duration,
};

use convene::runtime::clock::now;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::support::{
    postgres::Postgres,
    random::Random,
    server::Server,
    socket::{Failure, Socket},
    token,
    wait::until,
};

const WRITERS: u64 = 16;
/// `CRASH_READERS`: all of them read in one thread, which two thousand messages a second to so many would fill.
const READERS: u64 = 64;
const PATIENCE: Duration = Duration::from_secs(60);
/// Readers look whether they are done when nothing comes for so long.
const QUIET: Duration = Duration::from_millis(500);

/// How a reader behaves between two looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Loses its connection only when the server does.
    Steady,
    /// Hangs up and resumes its session: what it missed is replayed from the ring.
    Restless,
    /// Hangs up and comes back as a new session: what it missed comes from `channel:sync`.
    Forgetful,
    /// Stops reading while its socket stays open, for longer than the ring remembers, then resumes.
    HalfOpen,
}

const HABITS: [Habit; 4] = [Habit::Steady, Habit::Restless, Habit::Forgetful, Habit::HalfOpen];

/// What the server acknowledged of a message, by nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Promise {
    id: String,
    seq: u64,
    content: String,
    /// What it became.
    edited: Option<String>,
}

/// A message as a reader has it: its revision, and a print of its id and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    rev: u64,
    print: u64,
}

fn print(id: &str, content: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, content).hash(&mut hasher);
    hasher.finish()
}

#[derive(Default)]
struct History {
    promises: RefCell<HashMap<String, Promise>>,
    acked: Cell<u64>,
    duplicates: Cell<u64>,
    refused: Cell<u64>,
    resumed: Cell<u64>,
    synced: Cell<u64>,
    truncated: Cell<u64>,
    /// The channel's revision when everything was written; 0 until then.
    end: Cell<u64>,
}

fn count(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

/// What writers and readers share.
struct World {
    server: RwLock<Server>,
    channel: String,
    history: History,
    messages: u64,
    /// Messages a second of all writers; 0: as fast as it goes.
    rate: u64,
}

fn size(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test]
async fn what_was_acknowledged_survives_killed_servers() {
    tokio::task::LocalSet::new().run_until(crash_test(None)).await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_killed_servers_and_databases() {
    let postgres = tokio::task::spawn_blocking(Postgres::start).await.expect("PostgreSQL starts");
    tokio::task::LocalSet::new().run_until(crash_test(Some(postgres))).await;
}

async fn crash_test(mut postgres: Option<Postgres>) {
    let mut random = Random::from_env("chat_crash");
    let url = postgres.as_ref().map(|one| one.url("convene"));
    let database = url.as_ref().map(|url| ("CONVENE_STORAGE_DATABASE_URL", url.as_str()));
    let settings: Vec<_> = [("CONVENE_CHAT_RATE_SCALE", "0")].into_iter().chain(database).collect();
    let server = Server::start(&settings).await;
    let reader_count = size("CRASH_READERS", READERS).max(1);
    let channel = create_channel(&server, reader_count).await;
    let kills = size("CRASH_KILLS", 8);
    let messages = size("CRASH_MESSAGES", 4_000) / WRITERS * WRITERS;
    let (history, rate) = (History::default(), size("CRASH_RATE", 0));
    let world = Rc::new(World { server: RwLock::new(server), channel, history, messages, rate });
    let started = now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|index| tokio::task::spawn_local(write(world.clone(), index, random.fork(index))))
        .collect();
    let readers: Vec<_> = (0..reader_count)
        .map(|index| tokio::task::spawn_local(read(world.clone(), index, random.fork(100 + index))))
        .collect();
    for kill in 1..=kills {
        let mark = messages * kill / (kills + 1);
        until("writers make progress", 4 * PATIENCE, async || {
            (world.history.acked.get() >= mark).then_some(())
        })
        .await;
        match postgres.take() {
            Some(mut database) if kill % 2 == 0 => {
                let restart = move || {
                    database.kill();
                    database.launch();
                    database
                };
                postgres = Some(tokio::task::spawn_blocking(restart).await.expect("PostgreSQL comes back"));
            }
            same => {
                postgres = same;
                // The write lock keeps new connections out, not the ones in flight: they are cut mid-sentence.
                let mut server = world.server.write().await;
                server.kill9();
                server.launch().await;
            }
        }
    }
    for writer in writers {
        writer.await.expect("a writer failed");
    }
    let took = started.elapsed();
    let promises = world.history.promises.borrow().clone();
    assert_eq!(promises.len() as u64, messages, "every message was acknowledged in the end");
    let (rest, contents) = whole_channel(&*world.server.read().await, &world.channel).await;
    // What a channel says about those who were added, before anybody wrote.
    let lines = (WRITERS + reader_count - 1).saturating_sub(FIRST);
    check(&promises, &rest, &contents, lines, messages);
    world.history.end.set(rest.values().map(|seen| seen.rev).max().unwrap_or(0));
    for (index, reader) in readers.into_iter().enumerate() {
        let seen = reader.await.expect("a reader failed");
        assert!(seen == rest, "reader {index} ({:?}) has another channel", HABITS[index % HABITS.len()]);
    }
    let History { duplicates, refused, resumed, synced, truncated, .. } = &world.history;
    println!(
        "chat_crash: {messages} messages acknowledged in {took:.1?} with {kills} kills; {} retries answered as \
         duplicates, {} refused meanwhile; {} sessions resumed, {} synced, {} loaded again",
        duplicates.get(),
        refused.get(),
        resumed.get(),
        synced.get(),
        truncated.get()
    );
    for (what, counter) in [
        ("no retry met a stored message", duplicates),
        ("no session was resumed", resumed),
        ("nobody synced", synced),
        ("nobody had to load the channel again", truncated),
    ] {
        assert!(counter.get() > 0, "{what}: the test is too tame");
    }
    assert!(postgres.is_none() || refused.get() > 0, "nobody noticed that the database was gone");
}

fn writer_name(index: u64) -> String {
    format!("writer-{index}")
}

fn reader_name(index: u64) -> String {
    format!("reader-{index}")
}

/// Members whom a channel is created with; the others are added one by one.
const FIRST: u64 = 40;

/// A group channel of its own with all writers and readers in it.
async fn create_channel(server: &Server, readers: u64) -> String {
    let mut owner = Socket::open(server, &token::good(&reader_name(0))).await;
    let mut members = Vec::new();
    let names = (0..WRITERS).map(writer_name).chain((1..readers).map(reader_name));
    for name in names {
        let member = Socket::open(server, &token::good(&name)).await;
        members.push(member.opening["d"]["user"]["id"].clone());
    }
    let first = usize::try_from(FIRST).expect("few").min(members.len());
    let (first, rest) = members.split_at(first);
    let made = owner
        .ok("channel:create", json!({"type": "group", "name": "Crash test", "participants": first}))
        .await;
    let channel = made["channel"]["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned();
    for user in rest {
        owner.ok("channel:member_add", json!({"channelId": channel, "userId": user})).await;
    }
    channel
}

/// Sends its messages one after the other; repeats each under the same nonce until it is acknowledged. Some are edited.
async fn write(world: Rc<World>, index: u64, mut random: Random) {
    let history = &world.history;
    let mut line = Line { world: world.clone(), token: token::good(&writer_name(index)), socket: None };
    let mut ticks = (world.rate > 0)
        .then(|| tokio::time::interval(Duration::from_micros(1_000_000 * WRITERS / world.rate)));
    for number in 0..world.messages / WRITERS {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        let nonce = format!("w{index}-{number}");
        let content = format!("{index}:{number}:{}", random.next());
        let body = json!({"channelId": world.channel, "content": content, "nonce": nonce});
        let promise = loop {
            // Hangs up without waiting now and then: the server may or may not have stored it.
            let Some(ack) = line.ask("message:send", &body, random.one_in(60)).await else { continue };
            if ack["duplicate"] == true {
                count(&history.duplicates);
            }
            let promise = Promise {
                id: ack["message"]["id"].as_str().expect("id in the ack").to_owned(),
                seq: ack["message"]["seq"].as_u64().expect("seq in the ack"),
                content: content.clone(),
                edited: None,
            };
            let mut promises = history.promises.borrow_mut();
            let known = promises.entry(nonce.clone()).or_insert_with(|| promise.clone());
            assert_eq!(*known, promise, "a retry of {nonce} was promised something else");
            history.acked.set(promises.len() as u64);
            if !random.one_in(50) {
                break promise; // otherwise an impatient client repeats what was acknowledged
            }
        };
        if random.one_in(20) {
            let content = format!("{index}:{number}:edited {}", random.next());
            let body = json!({"messageId": promise.id, "content": content});
            while line.ask("message:edit", &body, random.one_in(10)).await.is_none() {}
            let mut promises = history.promises.borrow_mut();
            promises.get_mut(&nonce).expect("it was promised").edited = Some(content);
        }
    }
}

/// A writer's connection, made again whenever it breaks.
struct Line {
    world: Rc<World>,
    token: String,
    socket: Option<Socket>,
}

impl Line {
    /// `None`: nobody knows whether it was done.
    async fn ask(&mut self, op: &str, body: &Value, hang_up: bool) -> Option<Value> {
        if self.socket.is_none() {
            self.socket = Some(connect(&self.world, &self.token, None).await);
        }
        let socket = self.socket.as_mut()?;
        let answer = match socket.cast(op, body.clone()).await {
            Ok(_) if hang_up => Err(Failure::Closed(None)),
            Ok(id) => socket.ack(id).await,
            Err(failure) => Err(failure),
        };
        socket.events.clear();
        match answer {
            Ok(ack) => Some(ack),
            Err(Failure::Closed(_)) => {
                self.socket = None;
                None
            }
            // The database is away.
            Err(failure) if failure.code() == "server.unavailable" => {
                count(&self.world.history.refused);
                None
            }
            Err(other) => panic!("{op} {body}: {other:?}"),
        }
    }
}

async fn connect(world: &World, token: &str, resume: Option<(&str, u64)>) -> Socket {
    until("a connection", 2 * PATIENCE, async || {
        let server = world.server.read().await;
        Socket::try_open(&server, token, resume).await.ok()
    })
    .await
}

/// What a reader knows of the channel.
#[derive(Default)]
struct Copy {
    messages: BTreeMap<u64, Seen>,
    /// Everything up to here is in it.
    rev: u64,
}

impl Copy {
    /// From a page or an event; either may come twice or be older than what is known.
    fn apply(&mut self, message: &Value) {
        let number = |name: &str| message[name].as_u64().unwrap_or_else(|| panic!("no {name} in {message}"));
        let text = |name: &str| message[name].as_str().unwrap_or_else(|| panic!("no {name} in {message}"));
        let found = Seen { rev: number("rev"), print: print(text("id"), text("content")) };
        let known = self.messages.entry(number("seq")).or_insert(found);
        assert!(known.rev != found.rev || *known == found, "message {} changed", number("seq"));
        if known.rev < found.rev {
            *known = found;
        }
    }

    /// Live events follow one another without a hole.
    fn follow(&mut self, event: &Value, channel: &str) {
        let message = &event["d"]["message"];
        let ours = matches!(event["ev"].as_str(), Some("message:new" | "message:edited"));
        if !ours || message["channelId"] != channel {
            return;
        }
        let rev = message["rev"].as_u64().expect("rev");
        assert!(rev <= self.rev + 1, "hole: revision {rev} came after {}", self.rev);
        self.rev = self.rev.max(rev);
        self.apply(message);
    }
}

/// Follows the channel until it has everything that was written.
async fn read(world: Rc<World>, index: u64, mut random: Random) -> BTreeMap<u64, Seen> {
    let token = token::good(&reader_name(index));
    let habit = HABITS[index as usize % HABITS.len()];
    let mut copy = Copy::default();
    let mut resume: Option<(String, u64)> = None;
    loop {
        let asked = resume.as_ref().map(|(id, s)| (id.as_str(), *s));
        let mut socket = connect(&world, &token, asked).await;
        if socket.resumed() {
            count(&world.history.resumed);
        } else if catch_up(&world, &mut socket, &mut copy).await.is_err() {
            resume = None;
            continue;
        }
        if listen(&world, &mut socket, &mut copy, habit, &mut random).await {
            return copy.messages;
        }
        resume = (habit != Habit::Forgetful).then(|| (socket.session_id.clone(), socket.last_s));
        if habit == Habit::HalfOpen {
            miss(&world, 700).await;
        }
        drop(socket);
        if habit == Habit::Forgetful {
            miss(&world, random.below(1_300)).await;
        }
    }
}

/// Until so many more messages are acknowledged, or all.
async fn miss(world: &World, messages: u64) {
    let wanted = (world.history.acked.get() + messages).min(world.messages);
    until("writers make progress", 4 * PATIENCE, async || {
        (world.history.acked.get() >= wanted).then_some(())
    })
    .await;
}

/// True when everything is there; false when the connection is over.
async fn listen(
    world: &World,
    socket: &mut Socket,
    copy: &mut Copy,
    habit: Habit,
    random: &mut Random,
) -> bool {
    let (mut heard, mut done) = (now(), 0);
    loop {
        while let Some(event) = socket.events.pop_front() {
            copy.follow(&event, &world.channel);
        }
        let end = world.history.end.get();
        if end > 0 && copy.rev >= end {
            return true;
        }
        // Whoever misses much comes back late: enough of it happens anyway.
        let patience = if habit == Habit::Restless { 150 } else { 400 };
        if habit != Habit::Steady && end == 0 && random.one_in(patience) && done > 0 {
            return false;
        }
        match socket.frame(QUIET).await {
            Ok(frame) => {
                socket.events.push_back(frame);
                (heard, done) = (now(), done + 1);
            }
            Err(Failure::Silent) => {
                let missing = end.saturating_sub(copy.rev);
                assert!(
                    heard.elapsed() < 2 * PATIENCE,
                    "{habit:?} lacks {missing} revisions and hears nothing"
                );
            }
            Err(_) => return false,
        }
    }
}

/// A new session: what happened meanwhile comes from the database.
async fn catch_up(world: &World, socket: &mut Socket, copy: &mut Copy) -> Result<(), Failure> {
    let channels = socket.opening["d"]["channels"].as_array().expect("channels");
    let ours = channels.iter().find(|one| one["id"] == world.channel.as_str()).expect("a member's channel");
    if ours["rev"].as_u64() == Some(copy.rev) {
        return Ok(());
    }
    let asked = json!({"channelId": world.channel, "afterRev": copy.rev});
    let answer = again(socket, "channel:sync", asked).await?;
    let rev = answer["rev"].as_u64().expect("rev");
    if answer["truncated"] == true {
        count(&world.history.truncated);
        reload(world, socket, copy).await?;
    } else {
        count(&world.history.synced);
        answer["messages"].as_array().expect("messages").iter().for_each(|message| copy.apply(message));
    }
    // What is newer is on its way.
    copy.rev = copy.rev.max(rev);
    let seqs = copy.messages.len() as u64;
    assert_eq!(copy.messages.keys().next_back().copied().unwrap_or(0), seqs, "a hole after catching up");
    Ok(())
}

/// The whole channel, page by page.
async fn reload(world: &World, socket: &mut Socket, copy: &mut Copy) -> Result<(), Failure> {
    copy.messages.clear();
    loop {
        let after = copy.messages.keys().next_back().copied().unwrap_or(0);
        let asked = json!({"channelId": world.channel, "after": after, "limit": 100});
        let page = again(socket, "channel:get_history", asked).await?;
        page["messages"].as_array().expect("messages").iter().for_each(|message| copy.apply(message));
        if page["hasMoreAfter"] != true {
            return Ok(());
        }
    }
}

/// Asks until the database is there.
async fn again(socket: &mut Socket, op: &str, body: Value) -> Result<Value, Failure> {
    let end = now() + PATIENCE;
    loop {
        match socket.call(op, body.clone()).await {
            Err(failure) if failure.code() == "server.unavailable" && now() < end => {}
            answer => return answer,
        }
    }
}

/// The whole channel over REST: what readers should have, and the contents of what people wrote.
async fn whole_channel(server: &Server, channel: &str) -> (BTreeMap<u64, Seen>, BTreeMap<u64, String>) {
    let token = token::good(&reader_name(0));
    let (mut copy, mut contents) = (Copy::default(), BTreeMap::new());
    loop {
        let after = copy.messages.keys().next_back().copied().unwrap_or(0);
        let page =
            server.get(&format!("/api/v1/channels/{channel}/messages?after={after}&limit=100"), &token).await;
        let messages = page["data"]["messages"].as_array().unwrap_or_else(|| panic!("no messages in {page}"));
        if messages.is_empty() {
            return (copy.messages, contents);
        }
        for message in messages {
            copy.apply(message);
            if message["type"] == "system" {
                continue;
            }
            let content = message["content"].as_str().expect("content").to_owned();
            contents.insert(message["seq"].as_u64().expect("seq"), content);
        }
    }
}

/// Nothing acknowledged is lost, nothing is there twice, `seq` is dense, authors keep their order.
fn check(
    promises: &HashMap<String, Promise>,
    rest: &BTreeMap<u64, Seen>,
    contents: &BTreeMap<u64, String>,
    lines: u64,
    messages: u64,
) {
    let dense = rest.keys().copied().eq(1..=lines + messages);
    assert!(dense, "seq is not dense, or a message was stored twice: {} of {lines} + {messages}", rest.len());
    assert!(contents.keys().copied().eq(lines + 1..=lines + messages), "not what people wrote: {contents:?}");
    for (nonce, promise) in promises {
        let stored = rest.get(&promise.seq).unwrap_or_else(|| panic!("{nonce} was acknowledged and is lost"));
        let content = promise.edited.as_ref().unwrap_or(&promise.content);
        assert_eq!(stored.print, print(&promise.id, content), "{nonce} is not what was promised");
    }
    let mut next = vec![0; WRITERS as usize];
    for content in contents.values() {
        let mut parts = content.split(':');
        let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok()).expect("a number");
        let (writer, index) = (number(), number());
        assert_eq!(index, next[writer], "writer {writer} is out of order");
        next[writer] += 1;
    }
}

/// The checker itself must notice each kind of broken promise.
mod the_checker_notices {
    use super::*;

    const MESSAGES: u64 = 64;

    struct Perfect {
        promises: HashMap<String, Promise>,
        rest: BTreeMap<u64, Seen>,
        contents: BTreeMap<u64, String>,
    }

    impl Perfect {
        fn new() -> Self {
            let mut one = Self { promises: HashMap::new(), rest: BTreeMap::new(), contents: BTreeMap::new() };
            for index in 0..MESSAGES {
                let (seq, content) = (index + 1, format!("{}:{}:0", index % WRITERS, index / WRITERS));
                one.rest.insert(seq, Seen { rev: seq, print: print(&seq.to_string(), &content) });
                one.contents.insert(seq, content.clone());
                let promise = Promise { id: seq.to_string(), seq, content, edited: None };
                one.promises.insert(format!("n{index}"), promise);
            }
            one
        }

        fn check(&self) {
            check(&self.promises, &self.rest, &self.contents, 0, MESSAGES);
        }
    }

    #[test]
    fn a_perfect_history_passes() {
        Perfect::new().check();
    }

    #[test]
    #[should_panic(expected = "not dense")]
    fn a_lost_message() {
        let mut one = Perfect::new();
        one.rest.remove(&MESSAGES);
        one.check();
    }

    #[test]
    #[should_panic(expected = "not dense")]
    fn a_doubled_message() {
        let mut one = Perfect::new();
        one.rest.insert(MESSAGES + 1, Seen { rev: 0, print: 0 });
        one.check();
    }

    #[test]
    #[should_panic(expected = "not what was promised")]
    fn a_lost_edit() {
        let mut one = Perfect::new();
        one.promises.get_mut("n5").expect("there").edited = Some("other".into());
        one.check();
    }

    #[test]
    #[should_panic(expected = "out of order")]
    fn a_swapped_pair() {
        let mut one = Perfect::new();
        let (a, b) = (one.contents[&1].clone(), one.contents[&(1 + WRITERS)].clone());
        one.contents.insert(1, b);
        one.contents.insert(1 + WRITERS, a);
        one.check();
    }

    #[test]
    #[should_panic(expected = "hole")]
    fn a_missed_event() {
        let mut copy = Copy { rev: 3, ..Copy::default() };
        let message = json!({"channelId": "c", "id": "m", "content": "", "seq": 5, "rev": 5});
        copy.follow(&json!({"ev": "message:new", "d": {"message": message}}), "c");
    }
}
