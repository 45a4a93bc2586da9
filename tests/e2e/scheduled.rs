//! Messages that wait for their time, and a server that is killed while it sends them: each is sent once.

use std::{collections::BTreeMap, time::Duration};

use convene::{base::time::rfc3339, runtime::clock::wall_ms};
use serde_json::{Value, json};

use crate::support::{server::Server, socket::Socket, token, wait::until};

const AUTHORS: usize = 3;
const EACH: usize = 60;
const KILLS: usize = 5;
/// From the first to the last.
const SPREAD_MS: i64 = 3_000;

#[tokio::test]
async fn a_killed_server_sends_each_scheduled_message_once() {
    let mut server = Server::start(&[("CONVENE_CHAT_RATE_SCALE", "0")]).await;
    // Late enough that all are scheduled before the first is due.
    let first = wall_ms() + 6_000;
    let mut wanted = BTreeMap::new();
    for author in 0..AUTHORS {
        let mut socket = Socket::open(&server, &token::good(&format!("later-{author}"))).await;
        for n in 0..EACH {
            let content = format!("{author}:{n}");
            let at =
                first + SPREAD_MS * i64::try_from(n).expect("small") / i64::try_from(EACH).expect("small");
            let data = json!({"channelId": "general", "content": content, "sendAt": rfc3339(at)});
            let made = socket.ok("message:send", data).await;
            wanted.insert(content, made["scheduled"]["id"].as_str().expect("an id").to_owned());
        }
    }
    assert!(wall_ms() < first, "scheduling took too long for this test");
    // Once before anything is due, then in the middle of it; the last time for longer than the rest takes.
    for kill in 0..KILLS {
        if kill > 0 {
            let mark = wanted.len() * kill / KILLS;
            until("some are sent", Duration::from_secs(30), async || {
                (sent(&server).await.len() >= mark).then_some(())
            })
            .await;
        }
        server.kill9();
        if kill + 1 == KILLS {
            until("all are due", Duration::from_secs(30), async || {
                (wall_ms() > first + SPREAD_MS).then_some(())
            })
            .await;
        }
        server.launch().await;
    }
    let all = until("all are sent", Duration::from_secs(30), async || {
        let all = sent(&server).await;
        (all.len() >= wanted.len()).then_some(all)
    })
    .await;
    let mut seen = BTreeMap::new();
    for message in &all {
        let text = |key: &str| message[key].as_str().expect(key).to_owned();
        assert_eq!(seen.insert(text("content"), text("nonce")), None, "sent twice: {message}");
    }
    assert_eq!(seen, wanted);
    // Of one author in the order of their times.
    for author in 0..AUTHORS {
        let prefix = format!("{author}:");
        let order: Vec<usize> = all
            .iter()
            .filter_map(|message| message["content"].as_str()?.strip_prefix(&prefix)?.parse().ok())
            .collect();
        assert_eq!(order, (0..EACH).collect::<Vec<_>>(), "author {author}");
    }
    let mut socket = Socket::open(&server, &token::good("later-0")).await;
    assert_eq!(socket.ok("schedule:list", json!({})).await["scheduled"], json!([]));
}

/// Everything in the channel, in order.
async fn sent(server: &Server) -> Vec<Value> {
    let reader = token::good("reader");
    let mut all: Vec<Value> = Vec::new();
    loop {
        let after = all.last().map_or(0, |message| message["seq"].as_u64().expect("seq"));
        let path = format!("/api/v1/channels/general/messages?after={after}&limit=100");
        let page = server.get(&path, &reader).await;
        all.extend(page["data"]["messages"].as_array().expect("messages").iter().cloned());
        if page["data"]["hasMoreAfter"] != true {
            return all;
        }
    }
}
