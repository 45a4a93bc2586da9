//! How long a search takes among a million messages on SQLite, and how long they take to be indexed.
//!
//! `cargo bench --bench search [messages]`. Half of the channels are not the searcher's.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use convene::{
    base::id::{ChannelId, MessageId, UserId},
    chat::{model::ChannelKind, search::Query},
    runtime::clock,
    store::{
        HistoryAt, NewChannel, NewMessage, NewUser, SearchQuery, Store, Timeline, nothing,
        sql::{SqlStore, SqliteConfig},
    },
};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use serde_json::json;
use sqlx::{Connection as _, sqlite::SqliteConnectOptions};

const MESSAGES: u64 = 1_000_000;
const CHANNELS: u128 = 40;
const VOCABULARY: usize = 50_000;
const ROUNDS: usize = 200;
/// 2023-11-14; a message every ten seconds.
const START_MS: u64 = 1_700_000_000_000;
const EVERY_MS: u64 = 10_000;
const DAY_MS: u64 = 86_400_000;

#[tokio::main]
async fn main() {
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(MESSAGES);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = SqliteConfig { path: dir.path().join("search.db"), full_sync: false };
    let (ana, bo) = people_and_channels(&config).await;
    fill(&config, count, [ana, bo]).await;

    let started = clock::now();
    let store = SqlStore::sqlite(config.clone()).await.expect("it opens");
    let mut look = tokio::time::interval(Duration::from_millis(20));
    while store.stats().search_lag_us > 0 {
        look.tick().await;
    }
    let took = started.elapsed();
    let stats = store.stats();
    let (rate, longest) =
        (stats.search_indexed as f64 / took.as_secs_f64(), stats.commit_us_max as f64 / 1e3);
    println!("{count} messages indexed in {took:.1?}, {rate:.0} a second; longest portion {longest:.1} ms");
    let bytes = std::fs::metadata(&config.path).map_or(0, |file| file.len());
    println!("{} bytes of database for each message\n", bytes / count.max(1));

    let day = |back: u64| {
        convene::base::time::rfc3339((START_MS + EVERY_MS * count - back * DAY_MS) as i64)[..10].to_owned()
    };
    let few = |query: SearchQuery| SearchQuery { user: bo, ..query };
    let by_bo = |query: SearchQuery| SearchQuery { authors: Some(vec![bo]), ..query };
    let here =
        |query: SearchQuery| SearchQuery { channels: Some(vec![ChannelId::from_parts(1, 0)]), ..query };
    println!("{:<46} {:>5} {:>9} {:>9} {:>9}", "", "hits", "p50", "p99", "max");
    timed(&store, "a rare word", |n| (format!("word{} ", 20_000 + n), ask(ana))).await;
    timed(&store, "a word in a fifth of all messages", |_| ("common ".into(), ask(ana))).await;
    timed(&store, "two of them", |_| ("common usual ".into(), ask(ana))).await;
    timed(&store, "one of them, by a member of one small channel", |_| ("common ".into(), few(ask(ana))))
        .await;
    timed(&store, "one of them, only in one channel", |_| ("common ".into(), here(ask(ana)))).await;
    timed(&store, "one of them, by a rare author", |_| ("common ".into(), by_bo(ask(ana)))).await;
    timed(&store, "one of them, on a day long ago", |_| {
        (format!("common after:{} before:{} ", day(91), day(89)), ask(ana))
    })
    .await;
    timed(&store, "a phrase", |_| ("\"common usual\"".into(), ask(ana))).await;
    timed(&store, "a phrase of rare words", |n| (format!("\"word{n} common\""), ask(ana))).await;
    for length in 3..=6 {
        let prefix = "common".get(..length).unwrap_or_default();
        timed(&store, &format!("what begins with {prefix}"), |_| (prefix.to_owned(), ask(ana))).await;
    }
    timed(&store, "what half of all words begin with", |_| ("wor".to_owned(), ask(ana))).await;
    timed(&store, "everything with a link", |_| ("has:link".into(), ask(ana))).await;
    let mut times = Vec::new();
    for n in 0..ROUNDS as u64 {
        let at = HistoryAt::Before(count / CHANNELS as u64 / ROUNDS as u64 * n + 60);
        let started = clock::now();
        let page =
            store.history(Timeline::Channel(ChannelId::from_parts(1, 0)), at, 50).await.expect("a page");
        times.push(started.elapsed());
        black_box(page);
    }
    print("a page of history", 50, times);
    store.close().await;
}

fn ask(user: UserId) -> SearchQuery {
    SearchQuery {
        user,
        terms: Vec::new(),
        channels: None,
        authors: None,
        links: false,
        since: None,
        until: None,
        before: None,
        limit: 50,
    }
}

async fn timed(store: &SqlStore, what: &str, query: impl Fn(usize) -> (String, SearchQuery)) {
    let (mut times, mut hits) = (Vec::new(), 0);
    for n in 0..ROUNDS {
        let (text, query) = query(n);
        let Query { terms, links, since, until, .. } = Query::parse(&text).expect("it is short");
        let query = SearchQuery { terms, links, since, until, ..query };
        let started = clock::now();
        let found = store.search(query).await.expect("an answer");
        times.push(started.elapsed());
        hits = found.messages.len();
    }
    print(what, hits, times);
}

fn print(what: &str, hits: usize, mut times: Vec<Duration>) {
    times.sort_unstable();
    let ms = |at: usize| times.get(at.min(times.len() - 1)).map_or(0.0, |took| took.as_secs_f64() * 1e3);
    let (p50, p99, max) = (ms(times.len() / 2), ms(times.len() * 99 / 100), ms(times.len()));
    println!("{what:<46} {hits:>5} {p50:>6.2} ms {p99:>6.2} ms {max:>6.2} ms");
}

/// Ana is a member of the first half of the channels, bo of the last of these, where little is said.
async fn people_and_channels(config: &SqliteConfig) -> (UserId, UserId) {
    let store = SqlStore::sqlite(config.clone()).await.expect("it opens");
    let mut ids = Vec::new();
    for (n, name) in ["ana", "bo", "others"].into_iter().enumerate() {
        let new = NewUser {
            id: UserId::from_parts(1, n as u128),
            username: name.into(),
            name: name.into(),
            role: "member".into(),
            kind: "internal".into(),
            external_id: None,
            password_hash: None,
            now: 1,
        };
        ids.push(store.create_user(new, nothing()).await.expect("a user").user.id);
    }
    let (ana, bo, others) = (ids[0], ids[1], ids[2]);
    for n in 0..CHANNELS {
        let members = match n {
            n if n == CHANNELS / 2 - 1 => vec![ana, bo],
            n if n < CHANNELS / 2 => vec![ana],
            _ => vec![others],
        };
        let new = NewChannel {
            department: None,
            project: None,
            is_internal: false,
            context: "{}".into(),
            id: ChannelId::from_parts(1, n),
            slug: None,
            kind: ChannelKind::Group,
            name: format!("channel {n}"),
            description: String::new(),
            is_private: true,
            is_voice: false,
            owner: Some(members[0]),
            members,
            dm_key: None,
            now: 1,
        };
        store.create_channel(new, nothing()).await.expect("a channel");
    }
    // The paths of the program, once.
    let new = NewMessage {
        host: false,
        thread: None,
        mentions_all: false,
        here: Vec::new(),
        id: MessageId::from_parts(1, 1),
        channel: ChannelId::from_parts(1, CHANNELS / 2 - 1),
        author: bo,
        author_name: "bo".into(),
        nonce: None,
        nonce_hash: None,
        content: "common ground".into(),
        reply_to: None,
        mentions: Vec::new(),
        now: START_MS as i64,
    };
    store.send_message(new, nothing()).await.expect("a message");
    store.close().await;
    (ana, bo)
}

/// As many messages as nobody wants to send one by one, past the program.
async fn fill(config: &SqliteConfig, count: u64, authors: [UserId; 2]) {
    let options = SqliteConnectOptions::new().filename(&config.path);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.expect("it opens");
    let started: Instant = clock::now();
    let mut random = SmallRng::seed_from_u64(7);
    let mut seqs = [1_u64; CHANNELS as usize];
    let mut at = 0;
    while at < count {
        let rows: Vec<_> = (at..count.min(at + 5_000))
            .map(|n| {
                let channel = loop {
                    let channel = random.random_range(0..CHANNELS as usize);
                    // Bo's is a quiet one.
                    if channel != CHANNELS as usize / 2 - 1 || random.random_ratio(1, 1000) {
                        break channel;
                    }
                };
                seqs[channel] += 1;
                let author = if random.random_ratio(1, 10_000) { authors[1] } else { authors[0] };
                json!([
                    MessageId::from_parts(START_MS + n * EVERY_MS, u128::from(n)),
                    ChannelId::from_parts(1, channel as u128),
                    seqs[channel],
                    author,
                    sentence(&mut random),
                    START_MS + n * EVERY_MS
                ])
            })
            .collect();
        at += 5_000;
        sqlx::query(
            "INSERT INTO messages (id, channel_id, seq, rev, author_id, content, created_at) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 2, value ->> 3, value ->> 4, value ->> 5 \
             FROM json_each($1)",
        )
        .bind(json!(rows).to_string())
        .execute(&mut conn)
        .await
        .expect("rows");
    }
    println!("{count} messages stored in {:.1?}", started.elapsed());
    sqlx::query(
        "UPDATE channels SET last_seq = (SELECT MAX(seq) FROM messages m WHERE m.channel_id = channels.id)",
    )
    .execute(&mut conn)
    .await
    .expect("counted");
    conn.close().await.expect("it closes");
}

/// Ten words as people use them: few often, most rarely.
fn sentence(random: &mut SmallRng) -> String {
    let mut words = Vec::new();
    for _ in 0..random.random_range(3..18) {
        let place: f64 = random.random();
        words.push(format!("word{}", ((VOCABULARY as f64).powf(place)) as usize));
    }
    for often in ["common", "usual"] {
        if random.random_ratio(1, 5) {
            let at = random.random_range(0..=words.len());
            words.insert(at, often.into());
        }
    }
    if random.random_ratio(1, 50) {
        words.push("https://example.org/page".into());
    }
    words.join(" ")
}
