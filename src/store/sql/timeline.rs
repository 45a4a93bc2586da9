//! Pages of a timeline, and everything that changed in a channel.

use super::{
    db::{Db, args},
    rows::{self, member_sql, message_sql},
};
use crate::{
    base::id::ChannelId,
    store::{HistoryAt, HistoryPage, Result, SyncPage, Timeline},
};

pub(super) async fn history(
    conn: &mut Db<'_>,
    of: Timeline,
    at: HistoryAt,
    limit: u32,
) -> Result<HistoryPage> {
    match at {
        HistoryAt::Latest => before(conn, of, u64::MAX, limit).await,
        HistoryAt::Before(seq) => before(conn, of, seq, limit).await,
        HistoryAt::After(seq) => after(conn, of, seq, limit).await,
        HistoryAt::Around(seq) => {
            let half = limit / 2;
            let mut page = before(conn, of, seq, half).await?;
            let newer = after(conn, of, seq.saturating_sub(1), limit - half).await?;
            page.messages.extend(newer.messages);
            page.more_after = newer.more_after;
            Ok(page)
        }
    }
}

async fn before(conn: &mut Db<'_>, of: Timeline, seq: u64, limit: u32) -> Result<HistoryPage> {
    let found = match of {
        Timeline::Channel(channel) => {
            let sql = message_sql!(
                "WHERE m.channel_id = $1 AND m.thread_id IS NULL AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3"
            );
            conn.all(sql, args![channel, seq, limit + 1]).await?
        }
        Timeline::Thread(root) => {
            let sql = message_sql!("WHERE m.thread_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3");
            conn.all(sql, args![root, seq, limit + 1]).await?
        }
    };
    let mut messages = found.iter().map(rows::message).collect::<Result<Vec<_>>>()?;
    let more_before = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    messages.reverse();
    let newest = messages.last().map_or(seq.saturating_sub(1), |message| message.seq);
    let more_after = last_seq(conn, of).await? > newest;
    Ok(HistoryPage { messages, more_before, more_after })
}

async fn after(conn: &mut Db<'_>, of: Timeline, seq: u64, limit: u32) -> Result<HistoryPage> {
    let found = match of {
        Timeline::Channel(channel) => {
            let sql = message_sql!(
                "WHERE m.channel_id = $1 AND m.thread_id IS NULL AND m.seq > $2 ORDER BY m.seq LIMIT $3"
            );
            conn.all(sql, args![channel, seq, limit + 1]).await?
        }
        Timeline::Thread(root) => {
            let sql = message_sql!("WHERE m.thread_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3");
            conn.all(sql, args![root, seq, limit + 1]).await?
        }
    };
    let mut messages = found.iter().map(rows::message).collect::<Result<Vec<_>>>()?;
    let more_after = messages.len() > limit as usize;
    messages.truncate(limit as usize);
    // `seq` starts at 1 and has no gaps.
    let more_before = messages.first().map_or(seq > 0, |message| message.seq > 1);
    Ok(HistoryPage { messages, more_before, more_after })
}

async fn last_seq(conn: &mut Db<'_>, of: Timeline) -> Result<u64> {
    let row = match of {
        Timeline::Channel(id) => conn.one("SELECT last_seq FROM channels WHERE id = $1", args![id]).await?,
        Timeline::Thread(root) => {
            conn.one("SELECT thread_last_seq AS last_seq FROM messages WHERE id = $1", args![root]).await?
        }
    };
    row.unsigned("last_seq")
}

/// Must run inside one read transaction: `rev` and the rows belong together.
pub(super) async fn sync(
    conn: &mut Db<'_>,
    channel: ChannelId,
    after_rev: u64,
    limit: u32,
) -> Result<SyncPage> {
    let row = conn.one("SELECT last_seq, rev FROM channels WHERE id = $1", args![channel]).await?;
    let (last_seq, rev) = (row.unsigned("last_seq")?, row.unsigned("rev")?);
    let found = conn
        .all(
            message_sql!("WHERE m.channel_id = $1 AND m.rev > $2 ORDER BY m.rev LIMIT $3"),
            args![channel, after_rev, limit + 1],
        )
        .await?;
    if found.len() > limit as usize {
        return Ok(SyncPage { messages: Vec::new(), members: Vec::new(), rev, last_seq, truncated: true });
    }
    let changed = conn
        .all(
            member_sql!("WHERE m.channel_id = $1 AND m.rev > $2 ORDER BY m.rev LIMIT 1000"),
            args![channel, after_rev],
        )
        .await?;
    Ok(SyncPage {
        messages: found.iter().map(rows::message).collect::<Result<_>>()?,
        members: changed.iter().map(rows::member).collect::<Result<_>>()?,
        rev,
        last_seq,
        truncated: false,
    })
}
