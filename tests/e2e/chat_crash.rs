//! Ack means durable: writers, killed servers, and a checker that knows every promise made.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::{Mutex, RwLock};

use crate::support::{
    random::Random,
    server::Server,
    socket::{Failure, Socket},
    token,
    wait::until,
};

const WRITERS: u64 = 8;
const MESSAGES_PER_WRITER: u64 = 1250;
const TOTAL: u64 = WRITERS * MESSAGES_PER_WRITER;
const KILLS: u64 = 10;

/// What the server acknowledged, by nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Promise {
    id: String,
    seq: u64,
    content: String,
}

/// A message as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    id: String,
    content: String,
}

#[derive(Default)]
struct History {
    promises: Mutex<HashMap<String, Promise>>,
    acked: AtomicU64,
    duplicates: AtomicU64,
    reconnects: AtomicU64,
}

#[tokio::test]
async fn acked_messages_survive_ten_kills_in_one_order_for_everybody() {
    tokio::task::LocalSet::new().run_until(crash_test()).await;
}

async fn crash_test() {
    let mut random = Random::from_env("chat_crash");
    let server = Arc::new(RwLock::new(Server::start(&[("CONVENE_CHAT_RATE_SCALE", "0")]).await));
    let channel = create_channel(&*server.read().await).await;
    let history = Arc::new(History::default());

    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (server, history, channel) = (server.clone(), history.clone(), channel.clone());
        let random = random.fork(writer);
        writers.push(tokio::task::spawn_local(write(writer, server, history, channel, random)));
    }
    let steady = tokio::task::spawn_local(read(server.clone(), channel.clone(), random.fork(100), 0));
    let restless = tokio::task::spawn_local(read(server.clone(), channel.clone(), random.fork(101), 150));

    for kill in 1..=KILLS {
        let mark = TOTAL * kill / (KILLS + 1);
        until("writers make progress", Duration::from_secs(120), async || {
            (history.acked.load(Ordering::Relaxed) >= mark).then_some(())
        })
        .await;
        // The write lock keeps new connections out, not the ones in flight: they are cut mid-sentence.
        let mut server = server.write().await;
        server.kill9();
        server.launch().await;
    }
    for writer in writers {
        writer.await.expect("a writer failed");
    }
    let promises = history.promises.lock().await.clone();
    assert_eq!(promises.len() as u64, TOTAL, "every message was acknowledged in the end");

    let rest = rest_history(&*server.read().await, &channel).await;
    check(&promises, &rest);
    for (name, reader) in [("steady", steady), ("restless", restless)] {
        let live = reader.await.expect("a reader failed");
        assert_eq!(live.len(), rest.len(), "{name} reader");
        assert!(live == rest, "the {name} reader saw another order than the history");
    }
    println!(
        "chat_crash: {TOTAL} acknowledged, {KILLS} kills, {} reconnects, {} retries answered as duplicates",
        history.reconnects.load(Ordering::Relaxed),
        history.duplicates.load(Ordering::Relaxed),
    );
    assert!(
        history.duplicates.load(Ordering::Relaxed) > 0,
        "no retry met a stored message: the test is too tame"
    );
}

fn subject(writer: u64) -> String {
    format!("writer-{writer}")
}

/// A group channel of its own with all writers and readers in it.
async fn create_channel(server: &Server) -> String {
    let mut owner = Socket::open(server, &token::good("reader-0")).await;
    let mut members = Vec::new();
    let names = (0..WRITERS).map(subject).chain([String::from("reader-150")]);
    for name in names {
        let member = Socket::open(server, &token::good(&name)).await;
        members.push(member.opening["d"]["user"]["id"].clone());
    }
    let channel = owner
        .ok("channel:create", json!({"type": "group", "name": "Crash test", "participants": members}))
        .await;
    let channel = channel.get("channel").unwrap_or(&channel);
    channel["id"].as_str().unwrap_or_else(|| panic!("no id in {channel}")).to_owned()
}

/// Sends its messages one after the other; repeats each under the same nonce until it is acknowledged.
async fn write(
    writer: u64,
    server: Arc<RwLock<Server>>,
    history: Arc<History>,
    channel: String,
    mut random: Random,
) {
    let token = token::good(&subject(writer));
    let mut socket = None;
    for index in 0..MESSAGES_PER_WRITER {
        let nonce = format!("w{writer}-{index}");
        let content = format!("{writer}:{index}:{}", random.next());
        let body = json!({"channelId": channel, "content": content, "nonce": nonce});
        loop {
            if socket.is_none() {
                history.reconnects.fetch_add(1, Ordering::Relaxed);
                socket = Some(connect(&server, &token).await);
            }
            let Some(open) = socket.as_mut() else { continue };
            let Ok(id) = open.cast("message:send", body.clone()).await else {
                socket = None;
                continue;
            };
            if random.one_in(60) {
                // Hang up without waiting: the server may or may not have stored it.
                socket = None;
                continue;
            }
            match open.ack(id).await {
                Ok(ack) => {
                    remember(&history, &nonce, &content, &ack).await;
                    open.events.clear();
                    if random.one_in(50) {
                        continue; // an impatient client repeats what was already acknowledged
                    }
                    break;
                }
                Err(Failure::Closed(_)) => socket = None,
                Err(other) => panic!("writer {writer}, message {index}: {other:?}"),
            }
        }
    }
}

async fn connect(server: &RwLock<Server>, token: &str) -> Socket {
    until("a connection", Duration::from_secs(60), async || {
        let server = server.read().await;
        Socket::try_open(&server, token, None).await.ok()
    })
    .await
}

async fn remember(history: &History, nonce: &str, content: &str, ack: &Value) {
    let promise = Promise {
        id: ack["message"]["id"].as_str().expect("id in the ack").to_owned(),
        seq: ack["message"]["seq"].as_u64().expect("seq in the ack"),
        content: content.to_owned(),
    };
    if ack["duplicate"] == true {
        history.duplicates.fetch_add(1, Ordering::Relaxed);
    }
    let mut promises = history.promises.lock().await;
    match promises.get(nonce) {
        Some(earlier) => assert_eq!(*earlier, promise, "a retry of {nonce} was promised something else"),
        None => {
            promises.insert(nonce.to_owned(), promise);
            history.acked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Follows the channel live, resumes or fills gaps from the history, until it has everything.
/// `restless`: hangs up after about that many events.
async fn read(
    server: Arc<RwLock<Server>>,
    channel: String,
    mut random: Random,
    restless: u64,
) -> BTreeMap<u64, Seen> {
    let token = token::good(&format!("reader-{restless}"));
    let mut seen: BTreeMap<u64, Seen> = BTreeMap::new();
    let mut resume: Option<(String, u64)> = None;
    'connection: loop {
        let mut socket = until("a reader's connection", Duration::from_secs(60), async || {
            let server = server.read().await;
            let resume = resume.as_ref().map(|(id, s)| (id.as_str(), *s));
            Socket::try_open(&server, &token, resume).await.ok()
        })
        .await;
        if !socket.resumed() {
            // A new session: what happened meanwhile comes from the database.
            if fill(&mut socket, &channel, &mut seen).await.is_err() {
                resume = None;
                continue 'connection;
            }
        }
        loop {
            while let Some(event) = socket.events.pop_front() {
                if event["ev"] == "message:new" {
                    take(&mut seen, &event["d"]["message"], &channel);
                }
            }
            if seen.len() as u64 == TOTAL {
                return seen;
            }
            if restless > 0 && random.one_in(restless) {
                resume = Some((socket.session_id.clone(), socket.last_s));
                continue 'connection;
            }
            match socket.frame(Duration::from_secs(60)).await {
                Ok(frame) => socket.events.push_back(frame),
                Err(Failure::Silent) => {
                    panic!("reader {restless} has {} of {TOTAL} and hears nothing", seen.len())
                }
                Err(_) => {
                    resume = Some((socket.session_id.clone(), socket.last_s));
                    continue 'connection;
                }
            }
        }
    }
}

/// Pages forward from the last message seen.
async fn fill(socket: &mut Socket, channel: &str, seen: &mut BTreeMap<u64, Seen>) -> Result<(), Failure> {
    loop {
        let after = seen.keys().next_back().copied().unwrap_or(0);
        let page = socket
            .call("channel:get_history", json!({"channelId": channel, "after": after, "limit": 100}))
            .await?;
        let messages = page["messages"].as_array().expect("messages");
        for message in messages {
            take(seen, message, channel);
        }
        if page["hasMoreAfter"] != true {
            return Ok(());
        }
    }
}

/// A message may arrive twice (history, then live), never with another content, never leaving a hole.
fn take(seen: &mut BTreeMap<u64, Seen>, message: &Value, channel: &str) {
    if message["channelId"] != channel {
        return;
    }
    let seq = message["seq"].as_u64().expect("seq");
    let found = Seen {
        id: message["id"].as_str().expect("id").to_owned(),
        content: message["content"].as_str().expect("content").to_owned(),
    };
    let last = seen.keys().next_back().copied().unwrap_or(0);
    assert!(seq <= last + 1, "hole: {seq} came after {last}");
    if let Some(earlier) = seen.insert(seq, found.clone()) {
        assert_eq!(earlier, found, "message {seq} changed");
    }
}

/// The whole channel over REST, oldest first.
async fn rest_history(server: &Server, channel: &str) -> BTreeMap<u64, Seen> {
    let token = token::good("reader-0");
    let mut seen = BTreeMap::new();
    loop {
        let after = seen.keys().next_back().copied().unwrap_or(0);
        let page =
            server.get(&format!("/api/v1/channels/{channel}/messages?after={after}&limit=100"), &token).await;
        let messages = page["data"]["messages"].as_array().unwrap_or_else(|| panic!("no messages in {page}"));
        if messages.is_empty() {
            return seen;
        }
        for message in messages {
            take(&mut seen, message, channel);
        }
    }
}

/// Nothing acknowledged is lost, nothing is there twice, `seq` is dense, authors keep their order.
fn check(promises: &HashMap<String, Promise>, rest: &BTreeMap<u64, Seen>) {
    let seqs: Vec<u64> = rest.keys().copied().collect();
    assert_eq!(seqs, (1..=TOTAL).collect::<Vec<_>>(), "seq is not dense, or a message was stored twice");
    for (nonce, promise) in promises {
        let stored = rest.get(&promise.seq).unwrap_or_else(|| panic!("{nonce} was acknowledged and is lost"));
        assert_eq!((&stored.id, &stored.content), (&promise.id, &promise.content), "{nonce}");
    }
    let mut next = vec![0; WRITERS as usize];
    for seen in rest.values() {
        let mut parts = seen.content.split(':').map(|part| part.parse::<usize>().expect("numbers"));
        let (writer, index) = (parts.next().expect("writer"), parts.next().expect("index"));
        assert_eq!(index, next[writer], "writer {writer} is out of order");
        next[writer] += 1;
    }
}

/// The checker itself must notice each kind of broken promise.
mod the_checker_notices {
    use super::*;

    fn perfect() -> (HashMap<String, Promise>, BTreeMap<u64, Seen>) {
        let mut rest = BTreeMap::new();
        let mut promises = HashMap::new();
        for index in 0..TOTAL {
            let (seq, content) = (index + 1, format!("{}:{}:0", index % WRITERS, index / WRITERS));
            rest.insert(seq, Seen { id: seq.to_string(), content: content.clone() });
            promises.insert(format!("n{index}"), Promise { id: seq.to_string(), seq, content });
        }
        (promises, rest)
    }

    #[test]
    fn a_perfect_history_passes() {
        let (promises, rest) = perfect();
        check(&promises, &rest);
    }

    #[test]
    #[should_panic(expected = "not dense")]
    fn a_lost_message() {
        let (promises, mut rest) = perfect();
        rest.remove(&TOTAL);
        check(&promises, &rest);
    }

    #[test]
    #[should_panic(expected = "not dense")]
    fn a_doubled_message() {
        let (promises, mut rest) = perfect();
        rest.insert(TOTAL + 1, Seen { id: "again".into(), content: "0:0:0".into() });
        check(&promises, &rest);
    }

    #[test]
    #[should_panic(expected = "left: ")]
    fn a_promise_about_another_message() {
        let (mut promises, rest) = perfect();
        promises.get_mut("n5").expect("there").content = "other".into();
        check(&promises, &rest);
    }

    #[test]
    #[should_panic(expected = "out of order")]
    fn a_swapped_pair() {
        let (_, mut rest) = perfect();
        let (a, b) = (rest[&1].clone(), rest[&(1 + WRITERS)].clone());
        rest.insert(1, b);
        rest.insert(1 + WRITERS, a);
        check(&HashMap::new(), &rest);
    }
}
