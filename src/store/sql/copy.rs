//! Everything of one database into an empty one of the other kind: tables in the order of their references, portion by
//! portion, in one transaction of the target that counts what it wrote before it commits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{
    SqlStore, SqliteConfig, audit,
    catalog::{self, Table},
    db::{Db, args},
    source::{Address, Source, SourceError},
    writer::{Tx, Write},
};
use crate::{
    base::id::ChannelId,
    store::{AuditCheck, Result, Store as _, StoreError, nothing},
};

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the source: {0}")]
    Source(#[from] SourceError),
    #[error("the target is not empty: table {0} has rows in it")]
    NotEmpty(String),
    #[error("one of the two must be SQLite and the other PostgreSQL; see `convene backup` and pg_dump")]
    SameKind,
    #[error("what was written is not what was read, so nothing was kept: {0}")]
    Differs(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was copied and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Tables and their rows, in the order in which they were written.
    pub tables: Vec<(String, u64)>,
    /// Whose `last_seq`, `rev` and messages are the same on both sides.
    pub channels: usize,
    pub audit: AuditCheck,
}

/// Nothing else may write to either; the source is not changed.
pub async fn copy(from: &Address, to: &Address) -> std::result::Result<Copied, CopyError> {
    if matches!(
        (from, to),
        (Address::Sqlite(_), Address::Sqlite(_)) | (Address::Postgres(_), Address::Postgres(_))
    ) {
        return Err(CopyError::SameKind);
    }
    let source = Source::open(from).await?;
    let target = match to {
        Address::Sqlite(path) => {
            SqlStore::sqlite(SqliteConfig { path: path.clone(), full_sync: true }).await?
        }
        Address::Postgres(url) => SqlStore::postgres(url).await?,
    };
    let objection = Arc::new(Mutex::new(None));
    let fill = Fill { source, objection: objection.clone() };
    let copied = target.writer.submit(fill, nothing()).await;
    target.close().await;
    let objection = objection.lock().unwrap_or_else(PoisonError::into_inner).take();
    copied.map_err(|error| objection.unwrap_or(CopyError::Store(error)))
}

struct Fill {
    source: Source,
    /// Why the write failed, in more words than its error has.
    objection: Arc<Mutex<Option<CopyError>>>,
}

#[async_trait]
impl Write for Fill {
    type Out = Copied;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Copied> {
        let Self { mut source, objection } = *self;
        let copied = fill(&mut source.db(), &mut db.conn).await;
        source.close().await;
        copied.map_err(|error| match error {
            CopyError::Store(error) => error,
            other => {
                *objection.lock().unwrap_or_else(PoisonError::into_inner) = Some(other);
                StoreError::State
            }
        })
    }
}

async fn fill(source: &mut Db<'_>, target: &mut Db<'_>) -> std::result::Result<Copied, CopyError> {
    let tables = match (&source, &target) {
        (Db::Postgres(_), _) => catalog::tables(source).await?,
        _ => catalog::tables(target).await?,
    };
    for table in &tables {
        if let Db::Postgres(_) = target {
            target.run(table.lock, args![]).await?;
        }
        if target.maybe(table.look, args![]).await?.is_some() {
            return Err(CopyError::NotEmpty(table.name.clone()));
        }
    }
    for table in &tables {
        stream(table, source, target).await?;
    }
    compare(&tables, source, target).await
}

async fn stream(table: &Table, source: &mut Db<'_>, target: &mut Db<'_>) -> Result<()> {
    let mut last = None;
    loop {
        let rows = table.read(source, last.as_ref()).await?;
        let Some(end) = rows.last().cloned() else { break };
        let more = rows.len() == table.portion;
        table.write(target, rows).await?;
        if !more {
            break;
        }
        last = Some(end);
    }
    if let (Db::Postgres(_), Some(renumber)) = (&target, table.renumber) {
        target.all(renumber, args![]).await?;
    }
    Ok(())
}

async fn compare(
    tables: &[Table],
    source: &mut Db<'_>,
    target: &mut Db<'_>,
) -> std::result::Result<Copied, CopyError> {
    let mut counted = Vec::with_capacity(tables.len());
    for table in tables {
        let there = source.one(table.count, args![]).await?.unsigned("n")?;
        let here = target.one(table.count, args![]).await?.unsigned("n")?;
        if there != here {
            return Err(CopyError::Differs(format!("{}: {there} rows, {here} arrived", table.name)));
        }
        counted.push((table.name.clone(), here));
    }
    let (there, here) = (channels(source).await?, channels(target).await?);
    if let Some((channel, _)) = there.iter().find(|(channel, ends)| here.get(*channel) != Some(*ends)) {
        return Err(CopyError::Differs(format!("channel {channel} ends elsewhere")));
    }
    let (there, audit) = (audit::verify(source).await?, audit::verify(target).await?);
    if there != audit {
        return Err(CopyError::Differs("the audit log".into()));
    }
    Ok(Copied { tables: counted, channels: here.len(), audit })
}

/// Where a channel and what is in it end: `last_seq`, `rev`, and the highest of both among its messages.
type Ends = (u64, u64, Option<i64>, Option<i64>);

async fn channels(conn: &mut Db<'_>) -> Result<BTreeMap<ChannelId, Ends>> {
    let rows = conn
        .all(
            "SELECT c.id, c.last_seq, c.rev, (SELECT MAX(m.rev) FROM messages m WHERE m.channel_id = c.id) AS top_rev, \
               (SELECT MAX(m.seq) FROM messages m WHERE m.channel_id = c.id AND m.thread_id IS NULL) AS top_seq \
             FROM channels c",
            args![],
        )
        .await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let ends = (
            row.unsigned("last_seq")?,
            row.unsigned("rev")?,
            row.maybe_int("top_rev")?,
            row.maybe_int("top_seq")?,
        );
        found.insert(row.id("id")?, ends);
    }
    Ok(found)
}
