//! A database that was filled by the contract goes to PostgreSQL and back.

use std::path::Path;

use super::{server, *};
use crate::{
    runtime::clock,
    store::sql::{
        catalog,
        copy::{CopyError, copy},
        db::Arg,
        source::{Address, SourceError},
    },
};

fn file(path: &Path) -> Address {
    Address::Sqlite(path.to_owned())
}

/// Every row of every table, as text.
async fn content(store: &SqlStore, tables: &[catalog::Table]) -> Vec<(String, Vec<String>)> {
    let mut reader = store.readers.snapshot().await.unwrap();
    let mut found = Vec::new();
    for table in tables {
        let (mut rows, mut last) = (Vec::new(), None::<Vec<Arg>>);
        loop {
            let portion = table.read(&mut reader.db(), last.as_ref()).await.unwrap();
            let Some(end) = portion.last() else { break };
            last = Some(end.clone());
            rows.extend(portion.iter().map(|row| format!("{row:?}")));
        }
        found.push((table.name.clone(), rows));
    }
    found
}

async fn open(path: &Path) -> SqlStore {
    SqlStore::sqlite(SqliteConfig { path: path.to_owned(), full_sync: false }).await.unwrap()
}

/// Rows in the tables that the contract leaves empty, so that no table goes uncompared.
async fn fill_the_rest(store: &SqlStore) {
    store.next_epoch("one").await.unwrap();
    let (user, by) = (UserId::from_parts(1, 2), UserId::from_parts(1, 1));
    store.block(by, user, true, 5, nothing()).await.unwrap();
    let ban = NewBan { user, by, reason: "copied".into(), until: Some(9), from: Origin::default(), now: 5 };
    store.ban(ban, nothing()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_goes_to_postgres_and_back_and_every_row_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (first, last) = (dir.path().join("first.db"), dir.path().join("last.db"));
    crate::store::contract::all(Arc::new(open(&first).await)).await;
    let store = open(&first).await;
    fill_the_rest(&store).await;
    store.close().await;
    let server = server().await;
    let grown = Address::Postgres(server.url("convene"));

    let there = copy(&file(&first), &grown).await.unwrap();
    let empty: Vec<_> = there.tables.iter().filter(|(_, rows)| *rows == 0).collect();
    assert!(empty.is_empty() && there.tables.len() >= 16, "nothing to compare in {empty:?}");
    assert!(there.audit.whole && there.audit.intact > 1 && there.channels > 3, "{there:?}");
    let refused = copy(&file(&first), &grown).await.unwrap_err();
    assert!(matches!(refused, CopyError::NotEmpty(_)), "{refused}");
    let back = copy(&grown, &file(&last)).await.unwrap();
    assert_eq!(there, back);

    let store = SqlStore::postgres(&server.url("convene")).await.unwrap();
    let tables = catalog::tables(&mut store.readers.take().await.unwrap().db()).await.unwrap();
    let original = content(&open(&first).await, &tables).await;
    assert_eq!(original, content(&store, &tables).await);
    assert_eq!(original, content(&open(&last).await, &tables).await);

    // It goes on where the other one ended, and is searched again.
    let (ana, channel) = (UserId::from_parts(1, 1), ChannelId::from_parts(1, 1));
    let before = store.channel(channel, ana).await.unwrap();
    let new = crate::store::contract::text(77_000, channel, ana);
    let sent = store.send_message(new, nothing()).await.unwrap().message;
    assert_eq!((sent.seq, sent.rev), (before.last_seq + 1, before.rev + 1));
    let deadline = clock::now() + Duration::from_secs(20);
    while store.stats().search_lag_us > 0 {
        assert!(clock::now() < deadline, "the index does not catch up");
        tokio::task::yield_now().await;
    }
    let terms = crate::chat::search::Query::parse("brown fox").unwrap().terms;
    let query = SearchQuery {
        user: ana,
        terms,
        channels: None,
        authors: None,
        links: false,
        since: None,
        until: None,
        before: None,
        limit: 9,
    };
    assert!(!store.search(query).await.unwrap().messages.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_fails_leaves_the_target_empty() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.db");
    let store = open(&path).await;
    crate::store::contract::people_in_a_group(&store, 3).await;
    store.close().await;
    let server = server().await;
    let grown = Address::Postgres(server.url("convene"));
    // The last table that is written refuses its rows.
    let target = SqlStore::postgres(&server.url("convene")).await.unwrap();
    let tables = catalog::tables(&mut target.readers.take().await.unwrap().db()).await.unwrap();
    target.close().await;
    let after = |name: &str| tables.iter().position(|table| table.name == name).unwrap();
    assert!(after("users") < after("channels") && after("channels") < after("channel_members"));
    server.sql("convene", "ALTER TABLE channel_members ADD CHECK (joined_at < 0)");
    let failed = copy(&file(&path), &grown).await.unwrap_err();
    assert!(matches!(failed, CopyError::Store(_)), "{failed}");
    assert_eq!(server.sql("convene", "SELECT COUNT(*) FROM users"), "0");
    assert_eq!(server.sql("convene", "SELECT COUNT(*) FROM channels"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_none_is_refused_and_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.db");
    let nowhere = Address::Postgres("postgres://convene@127.0.0.1:1/convene".into());
    assert!(matches!(copy(&file(&path), &nowhere).await, Err(CopyError::Source(SourceError::Missing))));
    assert!(!path.exists());
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut conn = options.connect().await.unwrap();
    SQLITE_MIGRATIONS.run_to(3, &mut conn).await.unwrap();
    conn.close().await.unwrap();
    assert!(matches!(copy(&file(&path), &nowhere).await, Err(CopyError::Source(SourceError::Outdated))));
    assert!(matches!(copy(&file(&path), &file(&path)).await, Err(CopyError::SameKind)));
}

/// Tables in which nobody is named, or which the export of a channel is about.
const OF_NOBODY: [&str; 2] = ["hook_calls", "node_epochs"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_table_is_forgotten_by_the_export_of_a_person() {
    let server = server().await;
    let store = SqlStore::postgres(&server.url("convene")).await.unwrap();
    let tables = catalog::tables(&mut store.readers.take().await.unwrap().db()).await.unwrap();
    let statements = export::statements().collect::<Vec<_>>().join(" ");
    let words: BTreeSet<&str> = statements.split_whitespace().collect();
    let forgotten: Vec<&str> = tables
        .iter()
        .map(|table| table.name.as_str())
        .filter(|name| !words.contains(name) && !OF_NOBODY.contains(name))
        .collect();
    assert!(forgotten.is_empty(), "add a section to `export.rs` for {forgotten:?}");
}

/// Both databases are asked the same, and answer the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exports_of_both_databases_are_alike_and_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.db");
    crate::store::contract::all(Arc::new(open(&path).await)).await;
    let store = open(&path).await;
    fill_the_rest(&store).await;
    store.close().await;
    let server = server().await;
    let grown = Address::Postgres(server.url("convene"));
    copy(&file(&path), &grown).await.unwrap();
    let user = export::Subject::User("USER-1".into());
    let channel = export::Subject::Channel(ChannelId::from_parts(1, 1).to_string());
    for subject in [user, channel] {
        let mut both = Vec::new();
        for address in [&file(&path), &grown] {
            let mut lines = Vec::new();
            let mut line = |record: &serde_json::Value| {
                lines.push(record.to_string());
                Ok(())
            };
            let count = export::export(address, &subject, &mut line).await.unwrap();
            assert_eq!(count, lines.len() as u64);
            let whole: BTreeSet<&String> = lines.iter().collect();
            assert!(lines.len() > 100 && whole.len() == lines.len(), "records twice, or too few");
            both.push(lines);
        }
        assert_eq!(both[0], both[1]);
    }
    let nobody = export::Subject::User("nobody".into());
    let unknown = export::export(&grown, &nobody, &mut |_| Ok(())).await.unwrap_err();
    assert!(matches!(unknown, export::ExportError::Unknown), "{unknown}");
}
