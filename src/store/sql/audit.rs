//! The audit log: append-only (by trigger), each line hashed together with the one before it.

use serde_json::Value;

use super::{
    db::{Db, Row, args},
    writer::Tx,
};
use crate::{
    base::{id::UserId, origin::Origin},
    chat::{model::WallMs, moderation::AuditRecord},
    store::{AuditCheck, Result},
};

/// What was done, in the transaction that does it.
pub(super) struct Entry<'a> {
    pub actor: UserId,
    pub from: Origin,
    pub action: &'a str,
    pub target: String,
    pub detail: Value,
    pub now: WallMs,
}

/// Lines read at a time when the chain is verified.
const PAGE: u32 = 500;

macro_rules! audit_sql {
    ($tail:literal) => {
        concat!("SELECT n, at, actor, action, target, ip, detail, prev_hash, hash FROM audit_log ", $tail)
    };
}

pub(super) async fn append(db: &mut Tx<'_>, entry: Entry<'_>) -> Result<()> {
    if let Db::Postgres(_) = db.conn {
        // Another process may write as well; the line before ours must stay the line before ours.
        db.conn.run("LOCK TABLE audit_log IN EXCLUSIVE MODE", args![]).await?;
    }
    let last = db.conn.maybe("SELECT n, hash FROM audit_log ORDER BY n DESC LIMIT 1", args![]).await?;
    let (n, prev_hash) = match last {
        Some(row) => (row.unsigned("n")? + 1, row.text("hash")?),
        None => (1, String::new()),
    };
    let mut line = AuditRecord {
        n,
        at: entry.now,
        actor: entry.actor,
        action: entry.action.to_owned(),
        target: entry.target,
        ip: entry.from.text(),
        detail: entry.detail.to_string(),
        prev_hash,
        hash: String::new(),
    };
    line.hash = line.expected_hash();
    db.conn
        .run(
            "INSERT INTO audit_log (n, at, actor, action, target, ip, detail, prev_hash, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            args![
                line.n,
                line.at,
                line.actor,
                &line.action,
                &line.target,
                &line.ip,
                &line.detail,
                &line.prev_hash,
                &line.hash
            ],
        )
        .await?;
    Ok(())
}

/// Newest first; `before` is the number of the last line of the page before.
pub(super) async fn page(conn: &mut Db<'_>, before: Option<u64>, limit: u32) -> Result<Vec<AuditRecord>> {
    let before = before.unwrap_or(u64::MAX);
    let found = conn.all(audit_sql!("WHERE n < $1 ORDER BY n DESC LIMIT $2"), args![before, limit]).await?;
    found.iter().map(record).collect()
}

/// Follows the chain from its beginning. Lines cut off at the end are not noticed: nothing refers to them.
pub(super) async fn verify(conn: &mut Db<'_>) -> Result<AuditCheck> {
    let (mut n, mut hash) = (0, String::new());
    loop {
        let found = conn.all(audit_sql!("WHERE n > $1 ORDER BY n LIMIT $2"), args![n, PAGE]).await?;
        if found.is_empty() {
            return Ok(AuditCheck { intact: n, whole: true });
        }
        for row in &found {
            let line = record(row)?;
            if !line.follows(n, &hash) {
                return Ok(AuditCheck { intact: n, whole: false });
            }
            (n, hash) = (line.n, line.hash);
        }
    }
}

fn record(row: &Row) -> Result<AuditRecord> {
    Ok(AuditRecord {
        n: row.unsigned("n")?,
        at: row.int("at")?,
        actor: row.id("actor")?,
        action: row.text("action")?,
        target: row.text("target")?,
        ip: row.maybe_text("ip")?,
        detail: row.text("detail")?,
        prev_hash: row.text("prev_hash")?,
        hash: row.text("hash")?,
    })
}
