//! What an operator relies on: metrics, health, drain, and a configuration that explains itself.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use convene::runtime::clock::now;
use serde_json::{Value, json};

use crate::support::{
    ports::free_tcp_port,
    server::{Server, binary, run_to_end},
    socket::Socket,
    token,
    wait::until,
};

#[tokio::test]
async fn promtool_accepts_the_metrics() {
    let server = Server::start(&[]).await;
    let mut ana = Socket::login(&server, "ana").await;
    ana.ok("message:send", json!({"channelId": "general", "content": "counted", "nonce": "n"})).await;
    let text = server.metrics().await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by `make setup`");
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
    let output = promtool.wait_with_output().expect("ends");
    let words =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && words.trim().is_empty(), "promtool: {words}");
    // No identifiers as labels: a series per user would grow without end.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let labels =
            line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
        let values = labels.split('"').skip(1).step_by(2);
        for value in values {
            assert!(value.parse::<convene::base::id::UserId>().is_err(), "an id as a label: {line}");
        }
    }
}

#[tokio::test]
async fn health_speaks_per_component() {
    let server = Server::start(&[]).await;
    for path in ["/livez", "/readyz", "/health"] {
        let answer = reqwest::get(server.url(path)).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
    }
    let health: Value =
        reqwest::get(server.url("/health")).await.expect("answer").json().await.expect("JSON");
    assert!(health.to_string().contains("database"), "{health}");
}

#[tokio::test]
async fn sigterm_tells_the_clients_keeps_what_was_acked_and_exits_with_0() {
    let mut server = Server::start(&[("CONVENE_CHAT_RATE_SCALE", "0")]).await;
    let mut ana = Socket::login(&server, "ana").await;
    let mut bo = Socket::login(&server, "bo").await;
    let mut promised = Vec::new();
    for index in 0..50 {
        let body =
            json!({"channelId": "general", "content": format!("m{index}"), "nonce": format!("d{index}")});
        let id = ana.cast("message:send", body).await.expect("sent");
        if index == 40 {
            server.send_sigterm();
        }
        match ana.ack(id).await {
            Ok(ack) => promised.push((ack["message"]["id"].clone(), format!("m{index}"))),
            Err(_) => break, // draining: refusing is fine, forgetting is not
        }
    }
    assert!(promised.len() >= 40, "only {} were acknowledged before the signal", promised.len());
    let started = now();
    let drain = bo.event("session:drain", Duration::from_secs(5)).await;
    assert!(drain["delay"].is_u64(), "{drain}");
    assert_eq!(bo.closed(Duration::from_secs(30)).await, Some(4012));
    let status = server.wait_exit(Duration::from_secs(30)).await;
    assert_eq!(status.code(), Some(0), "exit {status}");
    println!("drained in {:?}", started.elapsed());

    server.launch().await;
    let page = server.get("/api/v1/channels/general/messages?limit=100", &server.login("bo").await).await;
    let stored = page["data"]["messages"].as_array().unwrap_or_else(|| panic!("no messages in {page}"));
    for (id, content) in promised {
        assert!(
            stored.iter().any(|m| m["id"] == id && m["content"] == content.as_str()),
            "{content} was lost"
        );
    }
}

#[tokio::test]
async fn a_second_sigterm_ends_at_once() {
    let mut server = Server::start(&[]).await;
    let _ana = Socket::login(&server, "ana").await;
    server.send_sigterm();
    let url = server.url("/readyz");
    until("not ready while draining", Duration::from_secs(2), async || match reqwest::get(&url).await {
        Ok(answer) => (!answer.status().is_success()).then_some(()),
        Err(_) => Some(()),
    })
    .await;
    if server.is_running() {
        server.send_sigterm();
    }
    server.wait_exit(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn all_mistakes_of_the_configuration_come_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("convene.toml");
    let text = "colour = 1\n[server]\nlisten = \"nowhere\"\nport = 1\n[calls]\nring_timeout = 5\n\
                [auth]\nkeys = [{ id = \"a\", secret = \"too-short-to-print\" }]\n";
    std::fs::write(&file, text).expect("written");
    let mut command = binary();
    command.args(["check-config", "--config"]).arg(&file).env("CONVENE_MEDIA_SHARDS", "many");
    let (code, said) = run_to_end(&mut command);
    assert!(code.is_some_and(|code| code != 0), "accepted: {said}");
    for mistake in
        ["colour", "server.listen", "server.port", "calls.ring_timeout", "auth.keys", "CONVENE_MEDIA_SHARDS"]
    {
        assert!(said.contains(mistake), "{mistake} is not mentioned in:\n{said}");
    }
    assert!(!said.contains("too-short-to-print"), "a secret is printed:\n{said}");

    std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:7880\"\n").expect("written");
    let (code, said) = run_to_end(binary().args(["check-config", "--config"]).arg(&file));
    assert_eq!(code, Some(0), "a good file is refused:\n{said}");
}

#[tokio::test]
async fn an_open_door_needs_a_key() {
    let folder = tempfile::tempdir().expect("folder");
    let open = format!("0.0.0.0:{}", free_tcp_port());
    let mut command = binary();
    command
        .arg("serve")
        .env("CONVENE_SERVER_LISTEN", &open)
        .env("CONVENE_MEDIA_LISTEN", "127.0.0.1:0")
        .env("CONVENE_STORAGE_DATA_DIR", folder.path().join("data"));
    let (code, said) = run_to_end(&mut command);
    assert!(code.is_some_and(|code| code != 0) && said.contains("auth.keys"), "code {code:?}:\n{said}");
    // Demo accounts have a known password: not even with a key.
    let (code, said) =
        run_to_end(command.arg("--dev").env("CONVENE_AUTH_KEYS", format!("k:{}", "s".repeat(40))));
    assert!(code.is_some_and(|code| code != 0) && said.contains("--dev"), "code {code:?}:\n{said}");
}

#[tokio::test]
async fn a_minted_token_opens_the_door() {
    let server = Server::start(&[]).await;
    let mut command = binary();
    command.args(["token", "--sub", "integrator-7"]).env(
        "CONVENE_AUTH_KEYS",
        format!("{}:{}", crate::support::server::KEY_ID, crate::support::server::KEY_SECRET),
    );
    let (code, said) = run_to_end(&mut command);
    assert_eq!(code, Some(0), "{said}");
    let minted =
        said.split_whitespace().find(|word| word.matches('.').count() == 2).expect("a token in the output");
    let mut minted = Socket::open(&server, minted).await;
    let mut ours = Socket::open(&server, &token::good("integrator-7")).await;
    assert_eq!(
        minted.opening["d"]["user"]["id"], ours.opening["d"]["user"]["id"],
        "same subject, same person"
    );
    minted.ok("ping", json!({})).await;
    ours.ok("ping", json!({})).await;
}

#[tokio::test]
async fn migrate_can_be_repeated() {
    let folder = tempfile::tempdir().expect("folder");
    for _ in 0..2 {
        let (code, said) =
            run_to_end(binary().arg("migrate").env("CONVENE_STORAGE_DATA_DIR", folder.path().join("data")));
        assert_eq!(code, Some(0), "{said}");
    }
}
