//! The list of unwanted words, and what it reports.

use async_trait::async_trait;
use serde_json::json;

use super::{
    SqlStore,
    audit::{self, Entry},
    db::{Row, args},
    messages::find,
    moderation::{administrators, report},
    writer::{Tx, Write},
};
use crate::{
    chat::filter::{FilterAction, FilterRecord},
    store::{FilterStore, MAX_FILTERS, NewFilter, NewFlag, OldFilter, Reported, Result, StoreError, Then},
};

#[async_trait]
impl FilterStore for SqlStore {
    async fn filters(&self) -> Result<Vec<FilterRecord>> {
        let mut reader = self.readers.take().await?;
        let sql = "SELECT id, word, action, created_by, created_at FROM filters ORDER BY word, id";
        reader.db().all(sql, args![]).await?.iter().map(record).collect()
    }

    async fn add_filter(&self, new: NewFilter, then: Then<FilterRecord>) -> Result<FilterRecord> {
        self.writer.submit(Add(new), then).await
    }

    async fn remove_filter(&self, old: OldFilter, then: Then<FilterRecord>) -> Result<FilterRecord> {
        self.writer.submit(Remove(old), then).await
    }

    async fn flag(&self, new: NewFlag, then: Then<Reported>) -> Result<Reported> {
        self.writer.submit(Flag(new), then).await
    }
}

fn record(row: &Row) -> Result<FilterRecord> {
    Ok(FilterRecord {
        id: row.id("id")?,
        word: row.text("word")?,
        action: row.word("action", FilterAction::parse)?,
        by: row.id("created_by")?,
        created_at: row.int("created_at")?,
    })
}

struct Add(NewFilter);

#[async_trait]
impl Write for Add {
    type Out = FilterRecord;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<FilterRecord> {
        let new = self.0;
        let row = db
            .conn
            .one(
                "INSERT INTO filters (id, word, action, created_by, created_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (word) DO UPDATE SET action = excluded.action, created_by = excluded.created_by, \
                   created_at = excluded.created_at RETURNING id, word, action, created_by, created_at",
                args![new.id, &new.word, new.action.as_str(), new.by, new.now],
            )
            .await?;
        if db.conn.one("SELECT COUNT(*) AS n FROM filters", args![]).await?.small("n")? > MAX_FILTERS {
            return Err(StoreError::Full);
        }
        let filter = record(&row)?;
        let entry = Entry {
            actor: new.by,
            from: new.from,
            action: "filter.add",
            target: filter.id.to_string(),
            detail: json!({"word": filter.word, "action": filter.action}),
            now: new.now,
        };
        audit::append(db, entry).await?;
        Ok(filter)
    }
}

struct Remove(OldFilter);

#[async_trait]
impl Write for Remove {
    type Out = FilterRecord;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<FilterRecord> {
        let old = self.0;
        let sql = "DELETE FROM filters WHERE id = $1 RETURNING id, word, action, created_by, created_at";
        let filter = record(&db.conn.one(sql, args![old.id]).await?)?;
        let entry = Entry {
            actor: old.by,
            from: old.from,
            action: "filter.remove",
            target: filter.id.to_string(),
            detail: json!({"word": filter.word, "action": filter.action}),
            now: old.now,
        };
        audit::append(db, entry).await?;
        Ok(filter)
    }
}

struct Flag(NewFlag);

#[async_trait]
impl Write for Flag {
    type Out = Reported;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Reported> {
        let new = self.0;
        let message = find(&mut db.conn, new.message).await?;
        if message.deleted_at.is_some() {
            return Err(StoreError::State);
        }
        let admins = administrators(db).await?;
        // Of what a moderator has decided nothing new is said until the message says something else.
        let known = "SELECT id FROM reports WHERE message_id = $1 AND kind = 'filter' \
                     AND (state = 'open' OR content = $2) ORDER BY id DESC LIMIT 1";
        let before = db.conn.maybe(known, args![new.message, &message.content]).await?;
        let id = match &before {
            Some(row) => row.id("id")?,
            None => new.id,
        };
        if before.is_some() {
            let sql = "UPDATE reports SET content = $1, note = $2 WHERE id = $3";
            db.conn.run(sql, args![&message.content, &new.note, id]).await?;
        } else {
            db.conn
                .run(
                    "INSERT INTO reports (id, message_id, channel_id, author_id, content, kind, reason, note, \
                       created_at) VALUES ($1, $2, $3, $4, $5, 'filter', 'filter', $6, $7)",
                    args![
                        id,
                        new.message,
                        message.channel,
                        message.author,
                        &message.content,
                        &new.note,
                        new.now
                    ],
                )
                .await?;
        }
        Ok(Reported { report: report(&mut db.conn, id).await?, fresh: before.is_none(), admins })
    }
}
