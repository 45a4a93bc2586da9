//! Rows to records, and database errors to `StoreError`.

use std::str::FromStr;

use sqlx::{Row, sqlite::SqliteRow};

use crate::{
    call::model::{CallKind, CallMode, CallState, CallSummary, EndReason},
    chat::model::{ChannelKind, MemberRecord, MessageRecord, UserRecord},
    store::{Result, StoreError},
};

/// A message with its author (`u`) and its call (`k`); the tail starts at WHERE.
macro_rules! message_sql {
    ($tail:literal) => {
        concat!(
            "SELECT m.id, m.channel_id, m.seq, m.rev, m.author_id, u.name AS author_name, m.nonce, m.type, m.content, ",
            "m.reply_to, m.mentions, m.call_id, m.edit_count, m.edited_at, m.deleted_at, m.deleted_by, m.created_at, ",
            "m.reactions, m.pinned_at, m.pinned_by, ",
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
            "SELECT u.id, u.username, u.name, u.kind, u.role, u.external_id, u.is_active, u.custom_status, ",
            "u.created_at, u.last_seen_at, u.token_epoch, u.password_hash FROM users u ",
            $tail
        )
    };
}

macro_rules! member_sql {
    ($tail:literal) => {
        concat!(
            "SELECT m.user_id, u.username, u.name, m.role, m.read_seq, m.rev, m.left_at ",
            "FROM channel_members m JOIN users u ON u.id = m.user_id ",
            $tail
        )
    };
}

/// A channel as the member `m` sees it. Unread counts stop at 100; a call line is not something to read.
macro_rules! channel_sql {
    ($tail:literal) => {
        concat!(
            "SELECT c.id, c.slug, c.kind, c.name, c.description, c.topic, c.is_private, c.is_voice, c.is_read_only, ",
            "c.last_seq, c.rev, c.last_message_at, c.created_at, m.role, m.read_seq, ",
            "(SELECT COUNT(*) FROM channel_members x WHERE x.channel_id = c.id AND x.left_at IS NULL) AS member_count, ",
            "(SELECT COUNT(*) FROM (SELECT 1 FROM messages s WHERE s.channel_id = c.id AND s.seq > m.read_seq ",
            "AND s.deleted_at IS NULL AND s.author_id <> m.user_id AND s.type <> 'call' LIMIT 100)) AS unread, ",
            "(SELECT COUNT(*) FROM mentions t WHERE t.user_id = m.user_id AND t.channel_id = c.id ",
            "AND t.seq > m.read_seq) AS mentions ",
            "FROM channel_members m JOIN channels c ON c.id = m.channel_id ",
            $tail
        )
    };
}

pub(super) use {channel_sql, member_sql, message_sql, user_sql};

/// Details go to the log with the error, never to a client.
pub(super) fn unavailable(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::RowNotFound => StoreError::NotFound,
        sqlx::Error::Database(db) if db.is_unique_violation() => StoreError::Duplicate,
        _ => StoreError::Unavailable(error.to_string()),
    }
}

pub(super) fn id<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| StoreError::Unavailable("a stored id is malformed".into()))
}

pub(super) fn text(row: &SqliteRow, column: &str) -> Result<String> {
    row.try_get(column).map_err(unavailable)
}

pub(super) fn maybe_text(row: &SqliteRow, column: &str) -> Result<Option<String>> {
    row.try_get(column).map_err(unavailable)
}

pub(super) fn int(row: &SqliteRow, column: &str) -> Result<i64> {
    row.try_get(column).map_err(unavailable)
}

pub(super) fn maybe_int(row: &SqliteRow, column: &str) -> Result<Option<i64>> {
    row.try_get(column).map_err(unavailable)
}

pub(super) fn unsigned(row: &SqliteRow, column: &str) -> Result<u64> {
    Ok(u64::try_from(int(row, column)?).unwrap_or(0))
}

pub(super) fn small(row: &SqliteRow, column: &str) -> Result<u32> {
    Ok(u32::try_from(int(row, column)?).unwrap_or(0))
}

pub(super) fn flag(row: &SqliteRow, column: &str) -> Result<bool> {
    Ok(int(row, column)? != 0)
}

pub(super) fn row_id<T: FromStr>(row: &SqliteRow, column: &str) -> Result<T> {
    id(&text(row, column)?)
}

pub(super) fn maybe_id<T: FromStr>(row: &SqliteRow, column: &str) -> Result<Option<T>> {
    maybe_text(row, column)?.as_deref().map(id).transpose()
}

/// A word of one of our enums.
pub(super) fn word<T>(row: &SqliteRow, column: &str, parse: fn(&str) -> Option<T>) -> Result<T> {
    parse(&text(row, column)?).ok_or_else(|| StoreError::Unavailable(format!("unknown word in {column}")))
}

pub(super) fn maybe_word<T>(
    row: &SqliteRow,
    column: &str,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    Ok(maybe_text(row, column)?.as_deref().and_then(parse))
}

pub(super) fn kind(row: &SqliteRow, column: &str) -> Result<ChannelKind> {
    word(row, column, |text| match text {
        "dm" => Some(ChannelKind::Dm),
        "group" => Some(ChannelKind::Group),
        "general" => Some(ChannelKind::General),
        _ => None,
    })
}

pub(super) fn user(row: &SqliteRow) -> Result<UserRecord> {
    Ok(UserRecord {
        id: row_id(row, "id")?,
        username: text(row, "username")?,
        name: text(row, "name")?,
        kind: text(row, "kind")?,
        role: text(row, "role")?,
        external_id: maybe_text(row, "external_id")?,
        is_active: flag(row, "is_active")?,
        custom_status: text(row, "custom_status")?,
        created_at: int(row, "created_at")?,
        last_seen_at: maybe_int(row, "last_seen_at")?,
        token_epoch: int(row, "token_epoch")?,
    })
}

pub(super) fn member(row: &SqliteRow) -> Result<MemberRecord> {
    Ok(MemberRecord {
        user: row_id(row, "user_id")?,
        username: text(row, "username")?,
        name: text(row, "name")?,
        role: text(row, "role")?,
        read_seq: unsigned(row, "read_seq")?,
        rev: unsigned(row, "rev")?,
        left_at: maybe_int(row, "left_at")?,
    })
}

pub(super) fn message(row: &SqliteRow) -> Result<MessageRecord> {
    let call_summary = match maybe_word(row, "call_state", CallState::parse)? {
        None => None,
        Some(state) => Some(CallSummary {
            state,
            mode: word(row, "call_mode", CallMode::parse)?,
            kind: word(row, "call_type", CallKind::parse)?,
            end_reason: maybe_word(row, "call_reason", EndReason::parse)?,
            duration_ms: maybe_int(row, "call_duration")?,
        }),
    };
    Ok(MessageRecord {
        id: row_id(row, "id")?,
        channel: row_id(row, "channel_id")?,
        seq: unsigned(row, "seq")?,
        rev: unsigned(row, "rev")?,
        author: row_id(row, "author_id")?,
        author_name: text(row, "author_name")?,
        nonce: maybe_text(row, "nonce")?,
        kind: text(row, "type")?,
        content: text(row, "content")?,
        reply_to: maybe_id(row, "reply_to")?,
        mentions: serde_json::from_str(&text(row, "mentions")?).unwrap_or_default(),
        call: maybe_id(row, "call_id")?,
        call_summary,
        edit_count: small(row, "edit_count")?,
        edited_at: maybe_int(row, "edited_at")?,
        deleted_at: maybe_int(row, "deleted_at")?,
        deleted_by: maybe_id(row, "deleted_by")?,
        reactions: serde_json::from_str(&text(row, "reactions")?).unwrap_or_default(),
        pinned_at: maybe_int(row, "pinned_at")?,
        pinned_by: maybe_id(row, "pinned_by")?,
        created_at: int(row, "created_at")?,
    })
}
