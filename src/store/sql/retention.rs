//! Old messages and deleted ones lose what they said, in portions.
//!
//! No index by age: it would cost every message something for what most servers never use. `n` grows with the time, so
//! the rows of a span of time are found by halving, and each channel remembers until when it was gone through.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use super::{
    db::{Db, Readers, Row, args},
    messages::bump,
    writer::{Tx, Write, Writer},
};
use crate::{
    base::{
        id::{ChannelId, MessageId},
        time::DAY_MS,
    },
    chat::model::WallMs,
    store::{
        ClearPass, ClearRule, Cleared, ClearedChannel, Result, Then, nothing,
        retention::{ClearStage, Due},
    },
};

/// Messages of one write. Small in tests, so that there are several.
const PORTION: u32 = if cfg!(test) { 4 } else { 1_000 };
/// Rows that one statement looks at.
const WINDOW: i64 = if cfg!(test) { 9 } else { 20_000 };
/// A table smaller than this is gone through from its beginning.
const SMALL: i64 = 50_000;
/// Channels of one walk.
const DUE: u32 = 1_000;
/// A channel is gone through again when so much more has become old.
const STEP_MS: i64 = 3_600_000;
/// So far may clocks have been set back, for `n` to follow the time all the same.
const SLACK_MS: i64 = DAY_MS;

/// Days that the channel `c` keeps messages: its own or the server's (`$1`), whichever is shorter; 0 = for ever.
macro_rules! days {
    () => {
        "(CASE WHEN c.retention_days = 0 THEN $1 WHEN $1 = 0 OR c.retention_days < $1 THEN c.retention_days \
         ELSE $1 END)"
    };
}

/// A list of `n`s or ids as `$1`, in the words of either database.
macro_rules! among {
    ($conn:expr, $head:literal, $cast:literal, $tail:literal) => {
        $conn.pick(
            concat!($head, " IN (SELECT value FROM json_each($1))", $tail),
            concat!($head, " = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)", $cast, "))", $tail),
        )
    };
}

pub(super) async fn portion(
    readers: &Readers,
    writer: &Writer,
    (rule, pass): (ClearRule, ClearPass),
    then: Then<Vec<ClearedChannel>>,
) -> Result<Cleared> {
    let mut reader = readers.take().await?;
    let conn = &mut reader.db();
    let (found, stage) = match pass.stage {
        ClearStage::Deleted => {
            let found = deleted(conn, rule).await?;
            let more = found.len() == PORTION as usize;
            (found, Some(if more { ClearStage::Deleted } else { ClearStage::Look }))
        }
        ClearStage::Look => (Vec::new(), look(conn, rule).await?),
        ClearStage::Walk { due, after, last } if after < last => {
            let end = last.min(after.saturating_add(WINDOW));
            let found = expired(conn, rule, after, end).await?;
            let full = found.len() == PORTION as usize;
            let after = found.last().copied().filter(|_| full).unwrap_or(end);
            (found, Some(ClearStage::Walk { due, after, last }))
        }
        ClearStage::Walk { due, .. } => {
            drop(reader);
            writer.submit(Mark(due), nothing()).await?;
            return Ok(Cleared { messages: 0, next: Some(ClearPass { stage: ClearStage::Look }) });
        }
    };
    drop(reader);
    let messages = match found.is_empty() {
        true => 0,
        false => {
            let then = Box::new(move |gone: &Gone| then(&gone.channels));
            writer.submit(Clear { rule, found }, then).await?.messages
        }
    };
    Ok(Cleared { messages, next: stage.map(|stage| ClearPass { stage }) })
}

async fn deleted(conn: &mut Db<'_>, rule: ClearRule) -> Result<Vec<i64>> {
    let rows = conn
        .all(
            "SELECT n FROM messages WHERE deleted_at IS NOT NULL AND cleared_at IS NULL AND deleted_at < $1 \
             ORDER BY deleted_at LIMIT $2",
            args![rule.deleted_before, PORTION],
        )
        .await?;
    rows.iter().map(|row| row.int("n")).collect()
}

async fn expired(conn: &mut Db<'_>, rule: ClearRule, after: i64, end: i64) -> Result<Vec<i64>> {
    let sql = concat!(
        "SELECT m.n FROM messages m JOIN channels c ON c.id = m.channel_id WHERE m.n > $3 AND m.n <= $4 \
         AND m.cleared_at IS NULL AND ",
        days!(),
        " > 0 AND m.created_at < $2 - ",
        days!(),
        " * 86400000 ORDER BY m.n LIMIT $5"
    );
    let args = args![rule.default_days, rule.now, after, end, PORTION];
    conn.all(sql, args).await?.iter().map(|row| row.int("n")).collect()
}

/// The channels with something to clear, and the rows among which it is.
async fn look(conn: &mut Db<'_>, rule: ClearRule) -> Result<Option<ClearStage>> {
    let sql = concat!(
        "SELECT c.id, c.settings_rev, COALESCE(c.cleared_before, c.created_at) AS since, $2 - ",
        days!(),
        " * 86400000 AS cutoff FROM channels c WHERE c.last_seq > 0 AND ",
        days!(),
        " > 0 AND COALESCE(c.cleared_before, c.created_at) + $3 <= $2 - ",
        days!(),
        " * 86400000 ORDER BY since LIMIT $4"
    );
    let rows = conn.all(sql, args![rule.default_days, rule.now, STEP_MS, DUE]).await?;
    let (mut due, mut since, mut until) = (Vec::with_capacity(rows.len()), WallMs::MAX, WallMs::MIN);
    for row in &rows {
        let cutoff = row.int("cutoff")?;
        (since, until) = (since.min(row.int("since")?), until.max(cutoff));
        due.push(Due { channel: row.id("id")?, settings_rev: row.unsigned("settings_rev")?, cutoff });
    }
    if due.is_empty() {
        return Ok(None);
    }
    let ends = conn.one("SELECT MIN(n) AS first, MAX(n) AS last FROM messages", args![]).await?;
    let (Some(first), Some(last)) = (ends.maybe_int("first")?, ends.maybe_int("last")?) else {
        return Ok(Some(ClearStage::Walk { due, after: 0, last: 0 }));
    };
    if last - first < SMALL {
        return Ok(Some(ClearStage::Walk { due, after: first - 1, last }));
    }
    let after = place(conn, (first, last), since - SLACK_MS).await? - 1;
    let last = place(conn, (first, last), until + SLACK_MS).await?;
    Ok(Some(ClearStage::Walk { due, after, last }))
}

/// The first `n` that was created at this time or later; the one after the last if there is none.
async fn place(conn: &mut Db<'_>, (first, last): (i64, i64), at: WallMs) -> Result<i64> {
    let (mut low, mut high) = (first, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let sql = "SELECT n, created_at FROM messages WHERE n >= $1 ORDER BY n LIMIT 1";
        let row = conn.one(sql, args![middle]).await?;
        if row.int("created_at")? >= at {
            high = middle;
        } else {
            low = row.int("n")? + 1;
        }
    }
    Ok(low)
}

struct Clear {
    rule: ClearRule,
    found: Vec<i64>,
}

#[derive(Clone)]
struct Gone {
    /// How many lost their content.
    messages: u64,
    /// Where somebody may have seen it until now.
    channels: Vec<ClearedChannel>,
}

/// A row that is to lose its content.
struct Old {
    n: i64,
    id: MessageId,
    channel: ChannelId,
    root: Option<MessageId>,
    /// It is a tombstone already: nobody sees a difference.
    deleted: bool,
}

impl Old {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            n: row.int("n")?,
            id: row.id("id")?,
            channel: row.id("channel_id")?,
            root: row.maybe_id("thread_id")?,
            deleted: row.maybe_int("deleted_at")?.is_some(),
        })
    }
}

#[async_trait]
impl Write for Clear {
    type Out = Gone;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Gone> {
        let Self { rule, found } = *self;
        // The settings may have changed since it was found.
        let sql = db.conn.pick(
            concat!(
                "SELECT m.n, m.id, m.channel_id, m.thread_id, m.deleted_at FROM messages m \
                 JOIN channels c ON c.id = m.channel_id WHERE m.n IN (SELECT value FROM json_each($4)) \
                 AND m.cleared_at IS NULL AND (m.deleted_at < $3 OR (",
                days!(),
                " > 0 AND m.created_at < $2 - ",
                days!(),
                " * 86400000)) ORDER BY m.n"
            ),
            concat!(
                "SELECT m.n, m.id, m.channel_id, m.thread_id, m.deleted_at FROM messages m \
                 JOIN channels c ON c.id = m.channel_id \
                 WHERE m.n = ANY (ARRAY(SELECT jsonb_array_elements_text($4::jsonb)::bigint)) \
                 AND m.cleared_at IS NULL AND (m.deleted_at < $3 OR (",
                days!(),
                " > 0 AND m.created_at < $2 - ",
                days!(),
                " * 86400000)) ORDER BY m.n"
            ),
        );
        let args = args![rule.default_days, rule.now, rule.deleted_before, json!(found).to_string()];
        let rows = db.conn.all(sql, args).await?.iter().map(Old::read).collect::<Result<Vec<Old>>>()?;
        let mut fresh: BTreeMap<ChannelId, Vec<&Old>> = BTreeMap::new();
        for row in rows.iter().filter(|row| !row.deleted) {
            fresh.entry(row.channel).or_default().push(row);
        }
        let mut channels = Vec::with_capacity(fresh.len());
        for (channel, rows) in fresh {
            let rev = bury(db, channel, &rows, rule.now).await?;
            channels.push(ClearedChannel { channel, rev, audience: db.audience(channel).await? });
        }
        empty(&mut db.conn, &rows, rule.now).await?;
        Ok(Gone { messages: rows.len() as u64, channels })
    }
}

/// They become tombstones, all at one revision: who was away learns it from `sync` like any deletion.
async fn bury(db: &mut Tx<'_>, channel: ChannelId, rows: &[&Old], now: WallMs) -> Result<i64> {
    let rev = bump(db, channel).await?;
    let numbers = json!(rows.iter().map(|row| row.n).collect::<Vec<i64>>()).to_string();
    let conn = &mut db.conn;
    let sql = among!(conn, "UPDATE messages SET deleted_at = $2, rev = $3 WHERE n", "::bigint", "");
    conn.run(sql, args![&numbers, now, rev]).await?;
    let sql = among!(
        conn,
        "INSERT INTO search_dirty (n, rev) SELECT n, rev FROM messages WHERE n",
        "::bigint",
        " ON CONFLICT (n) DO UPDATE SET rev = excluded.rev"
    );
    conn.run(sql, args![&numbers]).await?;
    let mut fewer: BTreeMap<MessageId, i64> = BTreeMap::new();
    for root in rows.iter().filter_map(|row| row.root) {
        *fewer.entry(root).or_default() += 1;
    }
    for (root, count) in fewer {
        conn.run(
            "UPDATE messages SET thread_count = thread_count - $1, rev = $2 WHERE id = $3",
            args![count, rev, root],
        )
        .await?;
    }
    Ok(rev)
}

/// Nothing of what was said remains.
async fn empty(conn: &mut Db<'_>, rows: &[Old], now: WallMs) -> Result<()> {
    let ids = json!(rows.iter().map(|row| row.id).collect::<Vec<MessageId>>()).to_string();
    for sql in [
        among!(conn, "DELETE FROM message_revisions WHERE message_id", "", ""),
        among!(conn, "DELETE FROM reactions WHERE message_id", "", ""),
        among!(conn, "DELETE FROM mentions WHERE message_id", "", ""),
    ] {
        conn.run(sql, args![&ids]).await?;
    }
    let sql = among!(
        conn,
        "UPDATE messages SET content = '', mentions = '[]', mentions_all = FALSE, reactions = '[]', \
         pinned_at = NULL, pinned_by = NULL, nonce = NULL, nonce_hash = NULL, call_id = NULL, detail = NULL, \
         cleared_at = $2 WHERE id",
        "",
        ""
    );
    conn.run(sql, args![&ids, now]).await?;
    Ok(())
}

/// The channels of a walk have nothing left from before their time, unless their settings changed meanwhile.
struct Mark(Vec<Due>);

#[async_trait]
impl Write for Mark {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        for due in self.0 {
            db.conn
                .run(
                    "UPDATE channels SET cleared_before = $1 WHERE id = $2 AND settings_rev = $3",
                    args![due.cutoff, due.channel, due.settings_rev],
                )
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        ChannelAct, ChannelSettings, NewMessage, Store as _,
        contract::{people_in_a_group, text},
        sql::{SqlStore, SqliteConfig},
    };

    /// Thirty messages, one an hour, the first at 0; their channel keeps them for a day.
    async fn store() -> (tempfile::TempDir, SqlStore, ChannelAct) {
        let dir = tempfile::tempdir().unwrap();
        let config = SqliteConfig { path: dir.path().join("c.db"), full_sync: false };
        let store = SqlStore::sqlite(config).await.unwrap();
        let (users, channel) = people_in_a_group(&store, 2).await;
        for hour in 0..30_u32 {
            let now = WallMs::from(hour) * STEP_MS;
            let new = NewMessage { now, ..text(u128::from(hour), channel, users[0]) };
            store.send_message(new, nothing()).await.unwrap();
        }
        let act = ChannelAct { channel, by: users[0], host: false, from: Default::default(), now: 0 };
        let settings = ChannelSettings { retention_days: Some(1), ..ChannelSettings::default() };
        store.update_channel(act.clone(), settings, nothing()).await.unwrap();
        (dir, store, act)
    }

    #[tokio::test]
    async fn the_first_row_of_a_time_is_found_by_halving() {
        let (_dir, store, _) = store().await;
        let mut reader = store.readers.take().await.unwrap();
        for (at, n) in [
            (WallMs::MIN, 1),
            (0, 1),
            (1, 2),
            (7 * STEP_MS, 8),
            (7 * STEP_MS + 1, 9),
            (29 * STEP_MS, 30),
            (WallMs::MAX, 31),
        ] {
            assert_eq!(place(&mut reader.db(), (1, 30), at).await.unwrap(), n, "{at}");
        }
    }

    #[tokio::test]
    async fn what_may_stay_after_all_is_left_alone() {
        let (_dir, store, act) = store().await;
        let rule = ClearRule { default_days: 0, deleted_before: WallMs::MIN, now: DAY_MS + 5 * STEP_MS };
        let found = expired(&mut store.readers.take().await.unwrap().db(), rule, 0, 30).await.unwrap();
        assert_eq!(found, [1, 2, 3, 4], "a portion");
        let settings = ChannelSettings { retention_days: Some(0), ..ChannelSettings::default() };
        store.update_channel(act.clone(), settings, nothing()).await.unwrap();
        let clear = Clear { rule, found: found.clone() };
        assert_eq!(store.writer.submit(clear, nothing()).await.unwrap().messages, 0);
        // Nor is a channel ticked off whose settings are not those any more.
        let due = Due { channel: act.channel, settings_rev: 0, cutoff: 5 * STEP_MS };
        store.writer.submit(Mark(vec![due]), nothing()).await.unwrap();
        let settings = ChannelSettings { retention_days: Some(1), ..ChannelSettings::default() };
        store.update_channel(act, settings, nothing()).await.unwrap();
        assert!(matches!(
            look(&mut store.readers.take().await.unwrap().db(), rule).await.unwrap(),
            Some(ClearStage::Walk { after: 0, last: 30, .. })
        ));
        assert_eq!(store.writer.submit(Clear { rule, found }, nothing()).await.unwrap().messages, 4);
    }
}
