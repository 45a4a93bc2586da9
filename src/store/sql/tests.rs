//! The contract on both databases, and what only one of them can do wrong.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use tokio::sync::Notify;

use super::*;

mod copying;
#[path = "../../../tests/support/ports.rs"]
mod ports;
#[path = "../../../tests/support/postgres.rs"]
mod postgres;
use postgres::Postgres;

async fn sqlite() -> (tempfile::TempDir, SqlStore) {
    let dir = tempfile::tempdir().unwrap();
    let store =
        SqlStore::sqlite(SqliteConfig { path: dir.path().join("c.db"), full_sync: true }).await.unwrap();
    (dir, store)
}

async fn server() -> Postgres {
    tokio::task::spawn_blocking(Postgres::start).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_the_contract() {
    let (_dir, store) = sqlite().await;
    crate::store::contract::all(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_keeps_the_contract() {
    let server = server().await;
    let store = SqlStore::postgres(&server.url("convene")).await.unwrap();
    crate::store::contract::all(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_on_one_database_send_what_is_scheduled_once() {
    let server = server().await;
    let open = async || Arc::new(SqlStore::postgres(&server.url("convene")).await.unwrap());
    crate::store::contract::each_is_sent_by_one_of([open().await, open().await]).await;
}

/// A table that is built again keeps its rows, and others still refer to it.
#[tokio::test]
async fn migrations_keep_what_was_stored_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut conn = options.connect().await.unwrap();
    SQLITE_MIGRATIONS.run_to(3, &mut conn).await.unwrap();
    let (user, channel) = (UserId::from_parts(1, 1), ChannelId::from_parts(1, 1));
    let general = ChannelId::from_parts(1, 2);
    for statement in [
        format!("INSERT INTO users (id, username, name, created_at) VALUES ('{user}', 'a', 'A', 1)"),
        format!(
            "INSERT INTO channels (id, kind, name, created_at, rev) VALUES ('{channel}', 'group', 'g', 1, 7)"
        ),
        format!("INSERT INTO channels (id, kind, created_at) VALUES ('{general}', 'general', 1)"),
        format!(
            "INSERT INTO channel_members (channel_id, user_id, role, joined_at) \
             VALUES ('{channel}', '{user}', 'owner', 1)"
        ),
        format!(
            "INSERT INTO messages (id, channel_id, seq, rev, author_id, content, created_at) \
             VALUES ('{}', '{channel}', 1, 7, '{user}', 'kept', 1)",
            MessageId::from_parts(1, 1)
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
    let store = SqlStore::sqlite(SqliteConfig { path, full_sync: false }).await.unwrap();
    let found = store.channel(channel, user).await.unwrap();
    assert_eq!(
        (found.name.as_str(), found.rev, found.slow_mode_s, found.notify.as_str()),
        ("g", 7, 0, "all")
    );
    assert_eq!(
        store.history(Timeline::Channel(channel), HistoryAt::Latest, 9).await.unwrap().messages[0].content,
        "kept"
    );
    assert_eq!(store.shared_channel(general).await.unwrap().kind, ChannelKind::General);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_refuses_to_change_the_audit_log() {
    let server = server().await;
    let store = SqlStore::postgres(&server.url("convene")).await.unwrap();
    let (users, channel) = crate::store::contract::people_in_a_group(&store, 2).await;
    let act = ChannelAct { channel, by: users[0], host: false, from: Origin::default(), now: 5 };
    let kick = MemberChange::Kick { reason: String::new() };
    store.change_member(act, users[1], kick, nothing()).await.unwrap();
    let mut rows = store.readers.take().await.unwrap();
    for statement in ["UPDATE audit_log SET detail = '{}'", "DELETE FROM audit_log", "TRUNCATE audit_log"] {
        let refused = rows.db().run(statement, args![]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{statement}");
    }
    assert_eq!(audit::verify(&mut rows.db()).await.unwrap(), AuditCheck { intact: 1, whole: true });
}

/// SQLite's readers cannot write at all, so somebody comes with a connection of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_refuses_to_change_the_audit_log_and_forgery_is_found() {
    let (dir, store) = sqlite().await;
    let (users, channel) = crate::store::contract::people_in_a_group(&store, 3).await;
    for user in &users[1..] {
        let act = ChannelAct { channel, by: users[0], host: false, from: Origin::default(), now: 5 };
        let kick = MemberChange::Kick { reason: String::new() };
        store.change_member(act, *user, kick, nothing()).await.unwrap();
    }
    let options = SqliteConnectOptions::new().filename(dir.path().join("c.db"));
    let mut conn = options.connect().await.unwrap();
    let forge = "UPDATE audit_log SET detail = '{}' WHERE n = 2";
    for statement in [forge, "DELETE FROM audit_log"] {
        let refused = Db::Sqlite(&mut conn).run(statement, args![]).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    assert_eq!(store.verify_audit().await.unwrap(), AuditCheck { intact: 2, whole: true });
    // Who owns the file can take the trigger away, but not make the hash fit without rewriting what follows.
    for statement in ["DROP TRIGGER audit_log_no_update", forge] {
        Db::Sqlite(&mut conn).run(statement, args![]).await.unwrap();
    }
    assert_eq!(store.verify_audit().await.unwrap(), AuditCheck { intact: 1, whole: false });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_schemas_have_the_same_columns() {
    let (_dir, embedded) = sqlite().await;
    let server = server().await;
    let grown = SqlStore::postgres(&server.url("convene")).await.unwrap();
    let columns = |sql: &'static str, store: Arc<SqlStore>| async move {
        let rows = store.readers.take().await.unwrap().db().all(sql, args![]).await.unwrap();
        let name = |row: &db::Row| (row.text("t").unwrap(), row.text("c").unwrap());
        rows.iter().map(name).collect::<BTreeSet<(String, String)>>()
    };
    let of_sqlite = columns(
        "SELECT m.name AS t, c.name AS c FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '%sqlx%' \
         AND m.name NOT LIKE 'messages_fts%'",
        Arc::new(embedded),
    );
    let of_postgres = columns(
        "SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '%sqlx%' AND table_name <> 'messages_fts'",
        Arc::new(grown),
    );
    let (of_sqlite, of_postgres) = (of_sqlite.await, of_postgres.await);
    assert!(of_sqlite.len() > 50, "{of_sqlite:?}");
    assert_eq!(of_sqlite, of_postgres);
}

/// What one run of writers saw.
#[derive(Default)]
struct Seen {
    /// Positions in the order in which they were told.
    told: Vec<u64>,
    acked: Vec<(String, u64)>,
}

/// Writes until told to stop, each message until it is acknowledged, always with the same nonce.
async fn insist(
    store: Arc<SqlStore>,
    seen: Arc<Mutex<Seen>>,
    author: UserId,
    channel: ChannelId,
    progress: Arc<Notify>,
    stop: Arc<AtomicBool>,
) {
    for n in 0_u128.. {
        if stop.load(Relaxed) {
            return;
        }
        let nonce = format!("{author}-{n}");
        loop {
            let new = NewMessage {
                id: MessageId::from_parts(7, rand::random()),
                channel,
                author,
                author_name: "A".into(),
                host: false,
                nonce: Some(nonce.clone()),
                nonce_hash: Some("h".into()),
                content: nonce.clone(),
                reply_to: None,
                thread: None,
                mentions: Vec::new(),
                mentions_all: false,
                here: Vec::new(),
                now: 1,
            };
            let told = seen.clone();
            let then: Then<SentMessage> = Box::new(move |sent| {
                if !sent.duplicate {
                    told.lock().unwrap().told.push(sent.message.seq);
                }
            });
            match store.send_message(new, then).await {
                Ok(sent) => {
                    seen.lock().unwrap().acked.push((nonce, sent.message.seq));
                    progress.notify_one();
                    break;
                }
                Err(StoreError::Unavailable(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_dies_in_the_middle_loses_and_doubles_nothing() {
    let mut server = server().await;
    let store = Arc::new(SqlStore::postgres(&server.url("convene")).await.unwrap());
    let (users, channel) = crate::store::contract::people_in_a_group(&*store, 6).await;
    let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
    let progress = Arc::new(Notify::new());
    let run = |user: &UserId| {
        let (store, seen, progress) = (store.clone(), seen.clone(), progress.clone());
        tokio::spawn(insist(store, seen, *user, channel, progress, stop.clone()))
    };
    let writers: Vec<_> = users.iter().map(run).collect();
    for _ in 0..5 {
        let before = seen.lock().unwrap().acked.len();
        while seen.lock().unwrap().acked.len() < before + 200 {
            progress.notified().await;
        }
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server.launch();
            server
        })
        .await
        .unwrap();
    }
    stop.store(true, Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let Seen { told, acked } = std::mem::take(&mut *seen.lock().unwrap());
    let mut stored = Vec::new();
    loop {
        let page = store
            .history(Timeline::Channel(channel), HistoryAt::After(stored.len() as u64), 100)
            .await
            .unwrap();
        stored.extend(page.messages.into_iter().map(|one| (one.content, one.seq)));
        if !page.more_after {
            break;
        }
    }
    let seqs: Vec<u64> = stored.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(seqs, (1..=stored.len() as u64).collect::<Vec<_>>(), "dense");
    let stored: BTreeSet<_> = stored.into_iter().collect();
    assert_eq!(stored, acked.into_iter().collect(), "acknowledged is stored, and nothing twice");
    assert_eq!(told, seqs, "each was told once, in order");
    assert!(store.stats().failed_writes > 0, "nothing was broken off");
}
