//! Finding messages by their words, and the index for it.
//!
//! Newest first is the order of `n`, which is the order of the index as well: FTS5 walks its lists backwards and stops
//! after a page, however common a word is. Who may read what is a mark in the index too, so that a search does not walk
//! through what others say among themselves; what decides is the channel of the message itself.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    db::{Arg, Db, Row, args},
    rows::{self, message_sql},
    writer::{Tx, Write},
};
use crate::{
    base::{
        id::{ChannelId, MessageId, UserId},
        time::DAY_MS,
    },
    chat::{
        model::WallMs,
        search::{Term, has_link, highlights, words},
    },
    store::{Found, Result, SearchQuery, StoreError},
};

/// Messages of one write. The writer is held for some 3 ms; people who send at that moment feel it.
pub(super) const BATCH: u32 = 100;
/// Pages of the index that are merged with each portion at most; a portion adds about four, which are merged about four
/// times until they lie in the largest segment.
const MERGED_PAGES: u32 = 32;
/// Bytes of text of one write, for the same reason: a hundred messages of ten thousand characters take a fifth of a second.
const BATCH_BYTES: usize = 256 * 1024;
/// So many of the newest messages with the words are looked at before the index is asked for channels as well, which
/// costs as much as looking at these. Small in tests, so that they go both ways.
const GLANCE: u32 = if cfg!(test) { 3 } else { 2_000 };
/// More channels than this are not named to the index: looking each of them up would cost more than it saves.
const NAMED_CHANNELS: usize = 128;

pub(super) async fn find(conn: &mut Db<'_>, query: SearchQuery) -> Result<Found> {
    let SearchQuery { user, terms, channels, limit, .. } = &query;
    let rows = conn
        .all("SELECT channel_id FROM channel_members WHERE user_id = $1 AND left_at IS NULL", args![*user]);
    let mut readable: Vec<ChannelId> =
        rows.await?.iter().map(|row| row.id("channel_id")).collect::<Result<_>>()?;
    if let Some(wanted) = channels {
        readable.retain(|channel| wanted.contains(channel));
    }
    let Some((first, last)) = range(conn, &query).await? else { return Ok(Found::default()) };
    if readable.is_empty() || query.authors.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Found::default());
    }
    let walk = Walk { query: &query, readable: &readable, first, last };
    let found = match walk.glance(conn).await? {
        Some(found) => found,
        None => walk.all(conn).await?,
    };
    let mut places = found.iter().map(|row| row.int("n")).collect::<Result<Vec<i64>>>()?;
    let more = places.len() > *limit as usize;
    places.truncate(*limit as usize);
    let sql = conn.pick(
        message_sql!("WHERE m.n IN (SELECT value FROM json_each($1)) ORDER BY m.n DESC"),
        message_sql!(
            "WHERE m.n = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint)) ORDER BY m.n DESC"
        ),
    );
    let found = conn.all(sql, args![json!(places).to_string()]).await?;
    let mut messages = found.iter().map(rows::message).collect::<Result<Vec<_>>>()?;
    let next = messages.last().filter(|_| more).map(|message| message.id);
    // An edit that the index has not heard of yet: the old words do not find it any more.
    messages.retain(|message| highlights(&message.content, terms).is_some());
    Ok(Found { messages, next })
}

/// Through the index, backwards.
struct Walk<'a> {
    query: &'a SearchQuery,
    readable: &'a [ChannelId],
    first: i64,
    last: i64,
}

impl Walk<'_> {
    /// Only through the newest messages with these words, whoever may read them. Mostly they are enough: all that
    /// there are of a rare word, a page of a common one. `None` if they are not.
    async fn glance(&self, conn: &mut Db<'_>) -> Result<Option<Vec<Row>>> {
        let Self { query, first, last, .. } = *self;
        let expression = expression(conn, query, &[]);
        // PostgreSQL's planner knows how common words are, and which way is the shorter one.
        if matches!(conn, Db::Postgres(_)) || query.channels.is_some() || expression.is_empty() {
            return Ok(None);
        }
        let mut args = self.args(expression.clone());
        args.extend(args![GLANCE]);
        let found = conn
            .all(
                "SELECT m.n AS n FROM (SELECT rowid AS n FROM messages_fts \
                 WHERE messages_fts MATCH $1 AND rowid >= $2 AND rowid <= $3 ORDER BY rowid DESC LIMIT $8) f \
                 CROSS JOIN messages m ON m.n = f.n \
                 WHERE m.channel_id IN (SELECT value FROM json_each($4)) AND m.deleted_at IS NULL \
                 AND m.created_at >= $5 AND m.created_at < $6 ORDER BY f.n DESC LIMIT $7",
                args,
            )
            .await?;
        if found.len() > query.limit as usize {
            return Ok(Some(found));
        }
        let seen = "SELECT COUNT(*) AS n FROM (SELECT 1 FROM messages_fts \
             WHERE messages_fts MATCH $1 AND rowid >= $2 AND rowid <= $3 LIMIT $4)";
        let seen = conn.one(seen, args![expression, first, last, GLANCE]).await?.small("n")?;
        Ok((seen < GLANCE).then_some(found))
    }

    /// Through what the index has of the channels that may be read.
    async fn all(&self, conn: &mut Db<'_>) -> Result<Vec<Row>> {
        let nothing_else = expression(conn, self.query, &[]).is_empty();
        let few = nothing_else || self.query.channels.is_some() || self.readable.len() <= NAMED_CHANNELS;
        let expression = expression(conn, self.query, if few { self.readable } else { &[] });
        if let Db::Postgres(_) = conn {
            // A plan for all words would be a bad one for most.
            conn.run("SET LOCAL plan_cache_mode = force_custom_plan", args![]).await?;
        }
        let sql = conn.pick(
            "SELECT m.n AS n FROM messages_fts CROSS JOIN messages m ON m.n = messages_fts.rowid \
             WHERE messages_fts MATCH $1 AND messages_fts.rowid >= $2 AND messages_fts.rowid <= $3 \
             AND m.channel_id IN (SELECT value FROM json_each($4)) AND m.deleted_at IS NULL \
             AND m.created_at >= $5 AND m.created_at < $6 ORDER BY messages_fts.rowid DESC LIMIT $7",
            "SELECT m.n AS n FROM messages_fts f JOIN messages m ON m.n = f.n \
             WHERE f.words @@ $1::tsquery AND f.n >= $2 AND f.n <= $3 \
             AND m.channel_id IN (SELECT jsonb_array_elements_text($4::jsonb)) AND m.deleted_at IS NULL \
             AND m.created_at >= $5 AND m.created_at < $6 ORDER BY f.n DESC LIMIT $7",
        );
        conn.all(sql, self.args(expression)).await
    }

    fn args(&self, expression: String) -> Vec<Arg> {
        let Self { query, readable, first, last } = *self;
        let (since, until) = (query.since.unwrap_or(i64::MIN), query.until.unwrap_or(i64::MAX));
        args![expression, first, last, json!(readable).to_string(), since, until, query.limit + 1]
    }
}

/// The first and the last `n` to look at; `None` if there is nothing between.
async fn range(conn: &mut Db<'_>, query: &SearchQuery) -> Result<Option<(i64, i64)>> {
    let (mut first, mut last) = (0, i64::MAX);
    if let Some(since) = query.since {
        let sql = "SELECT MIN(first_n) AS n FROM search_days WHERE day >= $1";
        let Some(n) = conn.one(sql, args![since.div_euclid(DAY_MS)]).await?.maybe_int("n")? else {
            return Ok(None);
        };
        first = n;
    }
    if let Some(until) = query.until {
        let sql = "SELECT MAX(last_n) AS n FROM search_days WHERE day <= $1";
        let Some(n) = conn.one(sql, args![until.div_euclid(DAY_MS)]).await?.maybe_int("n")? else {
            return Ok(None);
        };
        last = n;
    }
    if let Some(before) = query.before {
        let n = conn.one("SELECT n FROM messages WHERE id = $1", args![before]).await?.int("n")?;
        last = last.min(n - 1);
    }
    Ok((first <= last).then_some((first, last)))
}

/// What the index is asked, in the language of its database. Words are letters and digits (`chat::search`), so
/// nothing in quotes can be anything else than a word.
fn expression(conn: &Db<'_>, query: &SearchQuery, channels: &[ChannelId]) -> String {
    let mut marks: Vec<Vec<Mark>> = Vec::new();
    marks.extend(query.authors.as_ref().map(|users| users.iter().map(|user| Mark::Author(*user)).collect()));
    marks.extend(query.links.then(|| vec![Mark::Link]));
    if !channels.is_empty() {
        marks.push(channels.iter().map(|channel| Mark::Channel(*channel)).collect());
    }
    match conn {
        Db::Local(_) | Db::Sqlite(_) => {
            let term = |term: &Term| {
                format!("words : \"{}\"{}", term.words.join(" "), if term.prefix { " *" } else { "" })
            };
            let any = |marks: &Vec<Mark>| {
                let marks: Vec<String> = marks.iter().map(|mark| format!("\"{}\"", mark.text(""))).collect();
                format!("marks : ({})", marks.join(" OR "))
            };
            query.terms.iter().map(term).chain(marks.iter().map(any)).collect::<Vec<_>>().join(" AND ")
        }
        Db::Postgres(_) => {
            let term = |term: &Term| {
                let words: Vec<String> = term.words.iter().map(|word| format!("'{word}'")).collect();
                format!("({}{})", words.join(" <-> "), if term.prefix { ":*" } else { "" })
            };
            let any = |marks: &Vec<Mark>| {
                let marks: Vec<String> = marks.iter().map(|mark| format!("'{}'", mark.text(":"))).collect();
                format!("({})", marks.join(" | "))
            };
            query.terms.iter().map(term).chain(marks.iter().map(any)).collect::<Vec<_>>().join(" & ")
        }
    }
}

/// What the index knows of a message besides its words.
#[derive(Debug, Clone, Copy)]
enum Mark {
    Channel(ChannelId),
    Author(UserId),
    Link,
}

impl Mark {
    /// A column of its own on SQLite, where ids are words; on PostgreSQL the colon tells them from words.
    fn text(self, colon: &str) -> String {
        match self {
            Self::Channel(channel) => format!("c{colon}{channel}"),
            Self::Author(user) => format!("u{colon}{user}"),
            Self::Link => format!("{colon}link"),
        }
    }
}

/// The text of the message changed: its entry has to follow. Runs in the transaction that changes it.
pub(super) async fn mark_dirty(conn: &mut Db<'_>, message: MessageId) -> Result<()> {
    conn.run(
        "INSERT INTO search_dirty (n, rev) SELECT n, rev FROM messages WHERE id = $1 \
         ON CONFLICT (n) DO UPDATE SET rev = excluded.rev",
        args![message],
    )
    .await?;
    Ok(())
}

/// An entry of the index, ready to be written: the writer has no time for cutting words.
#[derive(Debug, Clone)]
struct Entry {
    n: i64,
    created_at: WallMs,
    /// Of its text.
    bytes: usize,
    /// As the database takes it out of JSON.
    row: Value,
}

impl Entry {
    /// `None` for what is not to be found: calls, and what was deleted.
    fn read(row: &Row, conn: &Db<'_>) -> Result<Option<Self>> {
        if row.maybe_text("type")?.as_deref() != Some("text") || row.maybe_int("deleted_at")?.is_some() {
            return Ok(None);
        }
        let (n, content) = (row.int("n")?, row.text("content")?);
        let mut marks = vec![Mark::Channel(row.id("channel_id")?), Mark::Author(row.id("author_id")?)];
        marks.extend(has_link(&content).then_some(Mark::Link));
        let created_at = row.int("created_at")?;
        Ok(Some(Self { n, created_at, bytes: content.len(), row: Self::row(conn, n, &content, &marks) }))
    }

    fn row(conn: &Db<'_>, n: i64, content: &str, marks: &[Mark]) -> Value {
        let words = words(content);
        match conn {
            Db::Local(_) | Db::Sqlite(_) => {
                let words: Vec<&str> = words.iter().map(|word| word.folded.as_str()).collect();
                let marks: Vec<String> = marks.iter().map(|mark| mark.text("")).collect();
                json!([n, words.join(" "), marks.join(" ")])
            }
            Db::Postgres(_) => {
                let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
                for (place, word) in (1..=MAX_PLACE).zip(&words) {
                    places.entry(&word.folded).or_default().push(place.to_string());
                }
                let words = places.iter().map(|(word, places)| format!("'{word}':{}", places.join(",")));
                let marks = marks.iter().map(|mark| format!("'{}'", mark.text(":")));
                json!([n, words.chain(marks).collect::<Vec<_>>().join(" ")])
            }
        }
    }
}

/// PostgreSQL counts no further; the longest message has fewer words.
const MAX_PLACE: u32 = 16_383;

/// What the index is behind with, as much of it as one write takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Backlog {
    /// Where the index ended when this was read, and where it ends after the write.
    cursor: i64,
    upto: i64,
    fresh: Vec<Entry>,
    /// With the revision that was read: a later one has to be done again.
    changed: Vec<(i64, u64, Option<Entry>)>,
    /// There may be more.
    full: bool,
}

impl Backlog {
    pub fn is_full(&self) -> bool {
        self.full
    }

    pub fn is_empty(&self) -> bool {
        self.upto == self.cursor && self.changed.is_empty()
    }
}

pub(super) async fn backlog(conn: &mut Db<'_>) -> Result<Backlog> {
    let cursor = conn.one("SELECT n FROM search_cursor", args![]).await?.int("n")?;
    let mut backlog = Backlog { cursor, upto: cursor, ..Backlog::default() };
    let mut bytes = 0;
    let rows = conn
        .all(
            "SELECT n, channel_id, author_id, type, content, deleted_at, created_at FROM messages \
             WHERE n > $1 ORDER BY n LIMIT $2",
            args![cursor, BATCH],
        )
        .await?;
    for row in &rows {
        let entry = Entry::read(row, conn)?;
        bytes += entry.as_ref().map_or(0, |entry| entry.bytes);
        if bytes > BATCH_BYTES && backlog.upto > cursor {
            backlog.full = true;
            return Ok(backlog);
        }
        backlog.upto = row.int("n")?;
        backlog.fresh.extend(entry);
    }
    backlog.full = rows.len() >= BATCH as usize;
    // Those behind the cursor come as fresh ones.
    let rows = conn
        .all(
            "SELECT d.n AS n, d.rev AS rev, m.channel_id, m.author_id, m.type, m.content, m.deleted_at, m.created_at \
             FROM search_dirty d LEFT JOIN messages m ON m.n = d.n WHERE d.n <= $1 ORDER BY d.n LIMIT $2",
            args![cursor, BATCH],
        )
        .await?;
    for row in &rows {
        let entry = Entry::read(row, conn)?;
        bytes += entry.as_ref().map_or(0, |entry| entry.bytes);
        if bytes > BATCH_BYTES && !backlog.is_empty() {
            backlog.full = true;
            break;
        }
        backlog.changed.push((row.int("n")?, row.unsigned("rev")?, entry));
    }
    backlog.full |= rows.len() >= BATCH as usize;
    Ok(backlog)
}

/// How many messages were indexed. `State` if somebody else was faster.
#[async_trait]
impl Write for Backlog {
    type Out = u64;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<u64> {
        let conn = &mut db.conn;
        let moved =
            conn.run("UPDATE search_cursor SET n = $1 WHERE n = $2", args![self.upto, self.cursor]).await?;
        if moved == 0 {
            return Err(StoreError::State);
        }
        if !self.changed.is_empty() {
            let stale: Vec<i64> = self.changed.iter().map(|(n, ..)| *n).collect();
            let sql = conn.pick(
                "DELETE FROM messages_fts WHERE rowid IN (SELECT value FROM json_each($1))",
                "DELETE FROM messages_fts WHERE n = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))",
            );
            conn.run(sql, args![json!(stale).to_string()]).await?;
        }
        for (n, rev, _) in &self.changed {
            conn.run("DELETE FROM search_dirty WHERE n = $1 AND rev = $2", args![*n, *rev]).await?;
        }
        let changed = self.changed.iter().filter_map(|(.., entry)| entry.as_ref());
        let rows: Vec<&Value> = self.fresh.iter().chain(changed).map(|entry| &entry.row).collect();
        let sql = conn.pick(
            "INSERT INTO messages_fts (rowid, words, marks) \
             SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') \
             FROM json_each($1)",
            "INSERT INTO messages_fts (n, words) SELECT (value ->> 0)::bigint, (value ->> 1)::tsvector \
             FROM jsonb_array_elements($1::jsonb)",
        );
        let count = rows.len() as u64;
        conn.run(sql, args![json!(rows).to_string()]).await?;
        if !matches!(conn, Db::Postgres(_)) {
            let merge = "INSERT INTO messages_fts (messages_fts, rank) VALUES ('merge', $1)";
            conn.run(merge, args![MERGED_PAGES]).await?;
        }
        let mut days: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for entry in &self.fresh {
            let day = days.entry(entry.created_at.div_euclid(DAY_MS)).or_insert((entry.n, entry.n));
            day.1 = entry.n;
        }
        for (day, (first, last)) in days {
            conn.run(
                "INSERT INTO search_days (day, first_n, last_n) VALUES ($1, $2, $3) \
                 ON CONFLICT (day) DO UPDATE SET last_n = excluded.last_n",
                args![day, first, last],
            )
            .await?;
        }
        Ok(count)
    }
}
