//! Who may write to a channel right now: archived, read-only, time-outs, slow mode, blocks. Checked in the transaction that
//! writes, so that neither two sockets of one member nor a change of the rules can be raced.

use super::{
    db::{Row, args},
    moderation::blockers,
    rows,
    writer::Tx,
};
use crate::{
    base::id::{ChannelId, UserId},
    chat::model::{ChannelKind, MemberRole, WallMs},
    store::{MessageChange, NewMessage, Result, StoreError},
};

/// What is done to a message that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    /// Editing and pinning.
    Write,
    /// Also where only hosts write.
    React,
    /// Taking back what one said is possible as long as anything can be changed.
    Delete,
}

/// A message takes its place: may its author do that? Also moves the author's cursor, since who writes has read (a
/// reply moves the cursor of its thread only).
/// `place` is the channel's row.
pub(super) async fn sent(db: &mut Tx<'_>, new: &NewMessage, place: &Row) -> Result<()> {
    if place.maybe_int("archived_at")?.is_some() {
        return Err(StoreError::ReadOnly);
    }
    let slow_ms = i64::from(place.small("slow_mode_s")?) * 1000;
    let before = if slow_ms > 0 { last_sent(db, new).await? } else { None };
    let author = db
        .conn
        .one(
            "UPDATE channel_members SET read_seq = CASE WHEN $5 THEN read_seq ELSE $1 END, read_at = $2, \
               last_sent_at = $2 \
             WHERE channel_id = $3 AND user_id = $4 AND left_at IS NULL RETURNING role, timeout_until",
            args![place.int("last_seq")?, new.now, new.channel, new.author, new.thread.is_some()],
        )
        .await?;
    let host = new.host || is_host(&author)?;
    if place.flag("is_read_only")? && !host {
        return Err(StoreError::ReadOnly);
    }
    timed_out(&author, new.now)?;
    not_blocked(db, place, new.channel, new.author).await?;
    match before.map(|at| at.saturating_add(slow_ms).saturating_sub(new.now)) {
        // A clock that was set back must not silence anybody for longer than slow mode does.
        Some(wait) if wait > 0 && !host => Err(StoreError::Slow(wait.min(slow_ms).unsigned_abs())),
        _ => Ok(()),
    }
}

async fn last_sent(db: &mut Tx<'_>, new: &NewMessage) -> Result<Option<WallMs>> {
    let row = db
        .conn
        .one(
            "SELECT last_sent_at FROM channel_members WHERE channel_id = $1 AND user_id = $2",
            args![new.channel, new.author],
        )
        .await?;
    row.maybe_int("last_sent_at")
}

/// A member changes a message of the channel.
pub(super) async fn touch(
    db: &mut Tx<'_>,
    change: &MessageChange,
    channel: ChannelId,
    touch: Touch,
) -> Result<()> {
    let row = db
        .conn
        .one(
            "SELECT c.kind, c.archived_at, c.is_read_only, m.role, m.timeout_until \
             FROM channels c JOIN channel_members m ON m.channel_id = c.id \
             WHERE c.id = $1 AND m.user_id = $2 AND m.left_at IS NULL",
            args![channel, change.by],
        )
        .await?;
    if row.maybe_int("archived_at")?.is_some() {
        return Err(StoreError::ReadOnly);
    }
    if touch == Touch::Delete {
        return Ok(());
    }
    if touch == Touch::Write && row.flag("is_read_only")? && !change.moderator && !is_host(&row)? {
        return Err(StoreError::ReadOnly);
    }
    timed_out(&row, change.now)?;
    not_blocked(db, &row, channel, change.by).await
}

/// In a direct conversation either side can shut the other one up; elsewhere blocks change nothing.
async fn not_blocked(db: &mut Tx<'_>, place: &Row, channel: ChannelId, user: UserId) -> Result<()> {
    let direct = rows::kind(place)? == ChannelKind::Dm;
    if direct && !blockers(&mut db.conn, channel, user).await?.is_empty() {
        return Err(StoreError::Blocked);
    }
    Ok(())
}

fn is_host(member: &Row) -> Result<bool> {
    Ok(member.word("role", MemberRole::parse)? >= MemberRole::Admin)
}

fn timed_out(member: &Row, now: WallMs) -> Result<()> {
    match member.maybe_int("timeout_until")? {
        Some(until) if until > now => Err(StoreError::TimedOut(until)),
        _ => Ok(()),
    }
}
