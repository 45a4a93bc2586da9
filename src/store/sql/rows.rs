//! Rows to records, and the columns that they need.

use super::db::Row;
use crate::{
    call::model::{CallKind, CallMode, CallState, CallSummary, EndReason},
    chat::{
        command::PresenceStatus,
        model::{ChannelKind, MemberRecord, MessageRecord, SelfStatus, ThreadSummary, UserRecord},
    },
    runtime::clock,
    store::Result,
};

/// A message with its author (`u`) and its call (`k`); the tail starts at WHERE.
macro_rules! message_sql {
    ($tail:literal) => {
        concat!(
            "SELECT m.id, m.channel_id, m.thread_id, m.seq, m.rev, m.author_id, u.name AS author_name, m.nonce, m.type, m.content, ",
            "m.reply_to, m.mentions, m.call_id, m.edit_count, m.edited_at, m.deleted_at, m.deleted_by, m.created_at, ",
            "m.reactions, m.pinned_at, m.pinned_by, m.mentions_all, m.detail, ",
            "m.thread_count, m.thread_last_seq, m.thread_last_at, ",
            "k.state AS call_state, k.mode AS call_mode, k.type AS call_type, k.end_reason AS call_reason, ",
            "k.duration_ms AS call_duration ",
            "FROM messages m JOIN users u ON u.id = m.author_id LEFT JOIN calls k ON k.id = m.call_id ",
            $tail
        )
    };
}

macro_rules! user_sql {
    ($tail:literal) => {
        concat!(
            "SELECT u.id, u.username, u.name, u.kind, u.role, u.external_id, u.is_active, u.department_id, u.custom_status, ",
            "u.status_pref, u.status_emoji, u.status_until, u.last_seen_to, u.read_receipts, u.created_at, u.last_seen_at, u.token_epoch, u.password_hash, ",
            "CASE WHEN b.user_id IS NULL THEN NULL ELSE COALESCE(b.until, 9223372036854775807) END AS banned_until ",
            "FROM users u LEFT JOIN bans b ON b.user_id = u.id ",
            $tail
        )
    };
}

macro_rules! member_sql {
    ($tail:literal) => {
        concat!(
            "SELECT m.user_id, u.username, u.name, m.role, m.read_seq, m.rev, m.left_at, m.timeout_until, u.read_receipts ",
            "FROM channel_members m JOIN users u ON u.id = m.user_id ",
            $tail
        )
    };
}

/// What all members see alike of a channel `c`.
macro_rules! channel_columns {
    () => {
        concat!(
            "SELECT c.id, c.slug, c.kind, c.name, c.description, c.topic, c.is_private, c.is_voice, c.is_read_only, ",
            "c.slow_mode_s, c.retention_days, c.department_id, c.project_id, c.is_internal, c.context, c.archived_at, ",
            "c.last_seq, c.rev, c.last_message_at, c.created_at, ",
            "(SELECT COUNT(*) FROM channel_members x ",
            "WHERE x.channel_id = c.id AND x.left_at IS NULL) AS member_count, ",
        )
    };
}

/// A channel as the member `m` sees it. Unread counts stop at 100; lines of calls and of the
/// channel are not something to read.
macro_rules! channel_sql {
    ($tail:literal) => {
        concat!(
            $crate::store::sql::rows::channel_columns!(),
            "m.role, m.read_seq, m.notify, m.muted_until, ",
            "(SELECT COUNT(*) FROM (SELECT 1 FROM messages s WHERE s.channel_id = c.id AND s.thread_id IS NULL ",
            "AND s.seq > m.read_seq ",
            "AND s.deleted_at IS NULL AND s.author_id <> m.user_id AND s.type NOT IN ('call', 'system') LIMIT 100) AS few) AS unread, ",
            "(SELECT COUNT(*) FROM mentions t WHERE t.user_id = m.user_id AND t.channel_id = c.id ",
            "AND t.thread_id IS NULL AND t.seq > m.read_seq) ",
            "+ (SELECT COUNT(*) FROM messages a WHERE a.channel_id = c.id AND a.mentions_all AND a.thread_id IS NULL ",
            "AND a.seq > m.read_seq AND a.author_id <> m.user_id AND a.deleted_at IS NULL) AS mentions, ",
            "(SELECT COUNT(*) FROM thread_members f JOIN messages r ON r.id = f.thread_id ",
            "WHERE f.user_id = m.user_id AND f.channel_id = c.id AND f.following ",
            "AND r.thread_last_seq > f.read_seq) AS thread_unread, ",
            "(SELECT COUNT(*) FROM mentions t JOIN thread_members f ON f.user_id = t.user_id ",
            "AND f.channel_id = t.channel_id AND f.thread_id = t.thread_id ",
            "WHERE t.user_id = m.user_id AND t.channel_id = c.id AND t.seq > f.read_seq) AS thread_mentions ",
            "FROM channel_members m JOIN channels c ON c.id = m.channel_id ",
            $tail
        )
    };
}

/// A channel as nobody in particular sees it.
macro_rules! shared_channel_sql {
    ($tail:literal) => {
        concat!(
            $crate::store::sql::rows::channel_columns!(),
            "'' AS role, CAST(0 AS BIGINT) AS read_seq, ",
            "'all' AS notify, CAST(NULL AS BIGINT) AS muted_until, ",
            "CAST(0 AS BIGINT) AS unread, CAST(0 AS BIGINT) AS mentions, CAST(0 AS BIGINT) AS thread_unread, ",
            "CAST(0 AS BIGINT) AS thread_mentions FROM channels c ",
            $tail
        )
    };
}

pub(super) use {channel_columns, channel_sql, member_sql, message_sql, shared_channel_sql, user_sql};

pub(super) fn thread_summary(row: &Row, root: &str) -> Result<ThreadSummary> {
    Ok(ThreadSummary {
        root: row.id(root)?,
        count: row.small("thread_count")?,
        last_seq: row.unsigned("thread_last_seq")?,
        last_at: row.maybe_int("thread_last_at")?.unwrap_or(0),
    })
}

pub(super) fn kind(row: &Row) -> Result<ChannelKind> {
    row.word("kind", ChannelKind::parse)
}

pub(super) fn user(row: &Row) -> Result<UserRecord> {
    Ok(UserRecord {
        id: row.id("id")?,
        username: row.text("username")?,
        name: row.text("name")?,
        kind: row.text("kind")?,
        role: row.text("role")?,
        external_id: row.maybe_text("external_id")?,
        is_active: row.flag("is_active")?,
        department_id: row.maybe_text("department_id")?,
        status: status(row)?,
        hides_reading: !row.flag("read_receipts")?,
        created_at: row.int("created_at")?,
        last_seen_at: row.maybe_int("last_seen_at")?,
        token_epoch: row.int("token_epoch")?,
        banned_until: row.maybe_int("banned_until")?,
    })
}

/// A custom status that is over is not there, although nobody has taken it out of the row.
fn status(row: &Row) -> Result<SelfStatus> {
    let mut status = SelfStatus {
        wish: row.maybe_word("status_pref", PresenceStatus::parse)?,
        text: row.text("custom_status")?,
        emoji: row.text("status_emoji")?,
        until: row.maybe_int("status_until")?,
        hides_last_seen: row.text("last_seen_to")? == "nobody",
    };
    if status.until.is_some_and(|until| until <= clock::wall_ms()) {
        status.clear_custom();
    }
    Ok(status)
}

pub(super) fn member(row: &Row) -> Result<MemberRecord> {
    Ok(MemberRecord {
        user: row.id("user_id")?,
        username: row.text("username")?,
        name: row.text("name")?,
        role: row.text("role")?,
        read_seq: row.unsigned("read_seq")?,
        rev: row.unsigned("rev")?,
        left_at: row.maybe_int("left_at")?,
        timeout_until: row.maybe_int("timeout_until")?,
        hides_reading: !row.flag("read_receipts")?,
    })
}

pub(super) fn message(row: &Row) -> Result<MessageRecord> {
    let call_summary = match row.maybe_word("call_state", CallState::parse)? {
        None => None,
        Some(state) => Some(CallSummary {
            state,
            mode: row.word("call_mode", CallMode::parse)?,
            kind: row.word("call_type", CallKind::parse)?,
            end_reason: row.maybe_word("call_reason", EndReason::parse)?,
            duration_ms: row.maybe_int("call_duration")?,
        }),
    };
    Ok(MessageRecord {
        id: row.id("id")?,
        channel: row.id("channel_id")?,
        seq: row.unsigned("seq")?,
        rev: row.unsigned("rev")?,
        author: row.id("author_id")?,
        author_name: row.text("author_name")?,
        thread: row.maybe_id("thread_id")?,
        nonce: row.maybe_text("nonce")?,
        kind: row.text("type")?,
        line: row.maybe_text("detail")?.and_then(|text| serde_json::from_str(&text).ok()),
        content: row.text("content")?,
        reply_to: row.maybe_id("reply_to")?,
        mentions: serde_json::from_str(&row.text("mentions")?).unwrap_or_default(),
        mentions_all: row.flag("mentions_all")?,
        thread_count: row.small("thread_count")?,
        thread_last_seq: row.unsigned("thread_last_seq")?,
        thread_last_at: row.maybe_int("thread_last_at")?,
        call: row.maybe_id("call_id")?,
        call_summary,
        edit_count: row.small("edit_count")?,
        edited_at: row.maybe_int("edited_at")?,
        deleted_at: row.maybe_int("deleted_at")?,
        deleted_by: row.maybe_id("deleted_by")?,
        reactions: serde_json::from_str(&row.text("reactions")?).unwrap_or_default(),
        pinned_at: row.maybe_int("pinned_at")?,
        pinned_by: row.maybe_id("pinned_by")?,
        created_at: row.int("created_at")?,
    })
}
