//! What operators do to a database besides serving it, through the binary and while a server runs.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    postgres::Postgres,
    server::{Server, binary, run_to_end},
    socket::Socket,
    wait::until,
};

/// Runs beside the server that this test talks to.
async fn run(mut command: Command) -> (Option<i32>, String) {
    tokio::task::spawn_blocking(move || run_to_end(&mut command)).await.expect("ran")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn init(folder: &Path, more: &[&str]) -> Command {
    let mut command = binary();
    command.current_dir(folder).args(["init", "--data-dir", "data"]).args(more);
    command
}

/// Every message of the channel, oldest first.
async fn history(server: &Server, channel: &str) -> Vec<Value> {
    let token = server.login("ana").await;
    let mut found: Vec<Value> = Vec::new();
    loop {
        let after = found.len();
        let path = format!("/api/v1/channels/{channel}/messages?after={after}&limit=100");
        let page = server.get(&path, &token).await;
        found.extend(page["data"]["messages"].as_array().unwrap_or_else(|| panic!("{page}")).iter().cloned());
        if page["data"]["hasMoreAfter"] != true {
            return found;
        }
    }
}

#[tokio::test]
async fn init_founds_a_server_once() {
    let mut server = Server::prepare(&[]);
    let folder = server.folder().to_owned();
    let (code, said) = run(init(&folder, &[])).await;
    assert_eq!(code, Some(0), "{said}");
    let file = folder.join("convene.toml");
    assert_eq!(mode(&file), 0o600, "the key is for its owner only");
    let written = fs::read_to_string(&file).expect("text");
    let password =
        said.lines().find_map(|line| line.split("shown this once: ").nth(1)).expect("a password").to_owned();
    let (code, said) = run_to_end(binary().args(["check-config", "--config"]).arg(&file));
    assert_eq!(code, Some(0), "{said}");

    let (code, said) = run(init(&folder, &[])).await;
    assert!(code != Some(0) && said.contains("convene.toml"), "overwritten: {said}");
    assert_eq!(fs::read_to_string(&file).expect("text"), written);
    let (code, said) = run(init(&folder, &["--config", "other.toml"])).await;
    assert!(code != Some(0) && said.contains("accounts already"), "{said}");
    assert!(!folder.join("other.toml").exists(), "a configuration without a database");

    server.launch().await;
    let body = json!({"username": "admin", "password": password});
    let answer = server.post("/api/v1/auth/login", None, &body).await;
    assert_eq!(answer["data"]["user"]["role"], "admin", "{answer}");
    let token = answer["data"]["token"].as_str().expect("a token");
    let general = server.get("/api/v1/channels/general", token).await;
    assert_eq!(general["data"]["channel"]["kind"], "general", "{general}");
}

#[tokio::test]
async fn init_takes_a_password_from_standard_input() {
    let mut server = Server::prepare(&[]);
    let mut child = init(server.folder(), &["--admin", "root", "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    child.stdin.take().expect("piped").write_all(b"correct horse battery\n").expect("written");
    let out = child.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && !said.contains("correct horse"), "{said}");
    server.launch().await;
    let body = json!({"username": "root", "password": "correct horse battery"});
    let answer = server.post("/api/v1/auth/login", None, &body).await;
    assert_eq!(answer["data"]["user"]["role"], "admin", "{answer}");
}

#[tokio::test]
async fn an_export_has_what_a_person_said_and_no_secrets() {
    let server = Server::start(&[]).await;
    let (mut ana, mut bo) = (Socket::login(&server, "ana").await, Socket::login(&server, "bo").await);
    let say = |text: &str| json!({"channelId": "general", "content": text});
    let first = ana.ok("message:send", say("first words")).await["message"]["id"].clone();
    ana.ok("message:edit", json!({"messageId": first, "content": "better words"})).await;
    let gone = ana.ok("message:send", say("words to regret")).await["message"]["id"].clone();
    ana.ok("message:delete", json!({"messageId": gone})).await;
    let other = bo.ok("message:send", say("words of bo")).await["message"]["id"].clone();
    ana.ok("message:react", json!({"messageId": other, "emoji": "👍", "action": "add"})).await;

    let export = |args: &[&str]| {
        let mut command = binary();
        command.arg("export").args(args).env("CONVENE_STORAGE_DATA_DIR", server.folder().join("data"));
        command
    };
    let file = server.folder().join("ana.jsonl");
    let path = file.to_str().expect("text");
    let (code, said) = run(export(&["--user", "ana", "--out", path])).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(mode(&file), 0o600);
    let text = fs::read_to_string(&file).expect("text");
    assert!(!text.contains("argon2") && !text.contains("password"), "a secret: {text}");
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |kind: &str, key: &str| -> Vec<String> {
        let values = records.iter().filter(|one| one["record"] == kind).map(|one| one[key].clone());
        values.map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(of("user", "username"), ["ana"]);
    assert_eq!(of("message", "content"), ["better words", "words to regret"]);
    assert_eq!(of("revision", "content"), ["first words"]);
    assert_eq!(of("reaction", "emoji"), ["👍"]);
    assert!(of("membership", "slug").contains(&"general".to_owned()));

    let (code, said) = run(export(&["--user", "ana", "--out", path])).await;
    assert!(code != Some(0) && said.contains("ana.jsonl"), "overwritten: {said}");
    let (code, said) = run(export(&["--user", "nobody-here"])).await;
    assert!(code != Some(0) && said.contains("nobody"), "{said}");
    // As members see it: without what was deleted.
    let (code, said) = run(export(&["--channel", "general"])).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("words of bo") && said.contains("better words"), "{said}");
    assert!(!said.contains("regret") && !said.contains("argon2"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_people_write_is_whole() {
    let server = Server::start(&[("CONVENE_CHAT_RATE_SCALE", "0")]).await;
    let mut ana = Socket::login(&server, "ana").await;
    let (written, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = {
        let (written, stop) = (written.clone(), stop.clone());
        tokio::spawn(async move {
            while !stop.load(Relaxed) {
                ana.ok("message:send", json!({"channelId": "general", "content": "x".repeat(500)})).await;
                written.fetch_add(1, Relaxed);
            }
        })
    };
    let enough = |least: u64| {
        let written = written.clone();
        until("messages", Duration::from_secs(30), async move || {
            (written.load(Relaxed) >= least).then_some(())
        })
    };
    enough(300).await;
    let copies = tempfile::tempdir().expect("folder");
    fs::create_dir(copies.path().join("data")).expect("made");
    let file = copies.path().join("data/convene.db");
    let backup = || {
        let mut command = binary();
        command.args(["backup", "--data-dir"]).arg(server.folder().join("data")).arg("--out").arg(&file);
        command
    };
    let promised = written.load(Relaxed);
    let (code, said) = run(backup()).await;
    let later = written.load(Relaxed);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(mode(&file), 0o600);
    enough(later + 50).await;
    let size = fs::metadata(&file).expect("it is there").len();
    let (code, said) = run(backup()).await;
    assert!(code != Some(0) && said.contains("exists"), "overwritten: {said}");
    assert_eq!(fs::metadata(&file).expect("it is there").len(), size);
    stop.store(true, Relaxed);
    writer.await.expect("the writer was not disturbed");

    let mut restored = Server::prepare(&[]);
    fs::rename(copies.path().join("data"), restored.folder().join("data")).expect("moved");
    restored.launch().await;
    let found = history(&restored, "general").await;
    let seqs: Vec<u64> = found.iter().filter_map(|one| one["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=found.len() as u64).collect::<Vec<_>>(), "dense");
    let count = found.len() as u64;
    assert!((promised..=later + 1).contains(&count), "{count} of {promised} before and {later} after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_moves_to_postgres() {
    let mut server = Server::start(&[]).await;
    let mut ana = Socket::login(&server, "ana").await;
    for text in ["one", "two", "three"] {
        ana.ok("message:send", json!({"channelId": "general", "content": text})).await;
    }
    let before = history(&server, "general").await;
    server.kill9();
    let postgres = tokio::task::spawn_blocking(Postgres::start).await.expect("PostgreSQL");
    let (from, to) = (server.folder().join("data/convene.db"), postgres.url("convene"));
    let copy = |to: &str| {
        let mut command = binary();
        command.args(["db", "copy", "--from", &format!("sqlite:{}", from.display()), "--to", to]);
        command
    };
    let (code, said) = run(copy(&to)).await;
    assert!(code == Some(0) && said.contains("counted on both sides"), "{said}");
    let (code, said) = run(copy(&to)).await;
    assert!(code != Some(0) && said.contains("not empty"), "{said}");
    let (code, said) = run(copy("mysql://somewhere")).await;
    assert!(code != Some(0) && said.contains("sqlite:PATH"), "{said}");
    server.set("CONVENE_STORAGE_DATABASE_URL", &to);
    server.launch().await;
    assert_eq!(history(&server, "general").await, before);
}
