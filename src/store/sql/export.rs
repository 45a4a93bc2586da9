//! Everything that is stored of one person, or of one channel, line by line. What is secret (the hash of a password) and
//! what belongs to somebody else (who reported a message) stays out.

use std::io;

use serde_json::{Map, Value, json};

use super::{
    channels,
    db::{Arg, Db, Row, args},
    source::{Address, Source, SourceError},
    users,
};
use crate::{
    base::time::rfc3339,
    store::{Result, StoreError},
};

#[derive(Debug, Clone)]
pub enum Subject {
    /// User name, id, or the id of an integrator.
    User(String),
    /// Id or slug.
    Channel(String),
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("nobody and nothing has this name")]
    Unknown,
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("it cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rows read at a time; few in tests, so that portions join.
const PORTION: u32 = if cfg!(test) { 7 } else { 500 };

/// Hands over record by record and says how many there were. All are of one moment.
pub async fn export(
    address: &Address,
    of: &Subject,
    line: &mut (dyn FnMut(&Value) -> io::Result<()> + Send),
) -> std::result::Result<u64, ExportError> {
    let mut source = Source::open(address).await?;
    let exported = sections(&mut source.db(), of, line).await;
    source.close().await;
    exported
}

async fn sections(
    conn: &mut Db<'_>,
    of: &Subject,
    line: &mut (dyn FnMut(&Value) -> io::Result<()> + Send),
) -> std::result::Result<u64, ExportError> {
    let (subject, sections) = match of {
        Subject::User(name) => (user(conn, name).await?, OF_A_USER),
        Subject::Channel(name) => (channel(conn, name).await?, OF_A_CHANNEL),
    };
    let mut count = 0;
    for section in sections {
        let mut key: Vec<Arg> = section.key.iter().map(Shape::before_all).collect();
        loop {
            let mut args = args![&subject];
            args.append(&mut key);
            args.extend(args![PORTION]);
            let rows = conn.all(section.sql, args).await?;
            for row in &rows {
                line(&section.record(row)?)?;
                count += 1;
            }
            match rows.last() {
                Some(last) if rows.len() == PORTION as usize => key = section.place(last)?,
                _ => break,
            }
        }
    }
    Ok(count)
}

async fn user(conn: &mut Db<'_>, name: &str) -> std::result::Result<String, ExportError> {
    if let Some((user, _)) = known(users::by_username(conn, name).await)? {
        return Ok(user.id.to_string());
    }
    if let Ok(id) = name.parse()
        && let Some(user) = known(users::by_id(conn, id).await)?
    {
        return Ok(user.id.to_string());
    }
    let user = known(users::by_external(conn, name).await)?.ok_or(ExportError::Unknown)?;
    Ok(user.id.to_string())
}

async fn channel(conn: &mut Db<'_>, name: &str) -> std::result::Result<String, ExportError> {
    let (id, ..) = known(channels::resolve(conn, name).await)?.ok_or(ExportError::Unknown)?;
    Ok(id.to_string())
}

fn known<T>(found: Result<T>) -> std::result::Result<Option<T>, ExportError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Text,
    Int,
    /// Milliseconds since 1970; RFC 3339 on its way out.
    Time,
    Flag,
    /// Text that is JSON already.
    Json,
}
use Shape::{Flag, Int, Json, Text, Time};

impl Shape {
    /// Where the first portion begins.
    fn before_all(&self) -> Arg {
        match self {
            Self::Text | Self::Json => Arg::from(""),
            Self::Int | Self::Time | Self::Flag => Arg::from(-1_i64),
        }
    }

    fn value(self, row: &Row, column: &str) -> Result<Value> {
        Ok(match self {
            Self::Text => json!(row.maybe_text(column)?),
            Self::Int => json!(row.maybe_int(column)?),
            Self::Time => json!(row.maybe_int(column)?.map(rfc3339)),
            Self::Flag => json!(row.flag(column)?),
            Self::Json => serde_json::from_str(&row.text(column)?).unwrap_or(Value::Null),
        })
    }
}

/// Records of one kind: `$1` is whose they are, then come the key (`k1`, `k2`) of the last one and how many.
struct Section {
    record: &'static str,
    sql: &'static str,
    key: &'static [Shape],
    columns: &'static [(&'static str, Shape)],
}

impl Section {
    fn record(&self, row: &Row) -> Result<Value> {
        let mut record = Map::new();
        record.insert("record".into(), self.record.into());
        for (column, shape) in self.columns {
            record.insert((*column).into(), shape.value(row, column)?);
        }
        Ok(record.into())
    }

    fn place(&self, row: &Row) -> Result<Vec<Arg>> {
        let part = |(shape, name): (&Shape, &str)| {
            Ok(match shape {
                Shape::Text | Shape::Json => Arg::from(row.text(name)?),
                Shape::Int | Shape::Time | Shape::Flag => Arg::from(row.int(name)?),
            })
        };
        self.key.iter().zip(["k1", "k2"]).map(part).collect()
    }
}

const OF_A_USER: &[Section] = &[
    Section {
        record: "user",
        sql: "SELECT u.id AS k1, u.id AS \"id\", u.username AS \"username\", u.name AS \"name\", u.kind AS \"kind\", \
              u.role AS \"role\", u.external_id AS \"externalId\", u.department_id AS \"departmentId\", \
              u.is_lead AS \"isLead\", u.is_active AS \"isActive\", \
              u.custom_status AS \"customStatus\", u.status_emoji AS \"statusEmoji\", u.status_until AS \"statusUntil\", \
              u.status_pref AS \"statusPref\", u.last_seen_to AS \"lastSeenTo\", \
              u.read_receipts AS \"readReceipts\", u.created_at AS \"createdAt\", u.last_seen_at AS \"lastSeenAt\" \
              FROM users u WHERE u.id = $1 AND u.id > $2 ORDER BY u.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("id", Text),
            ("username", Text),
            ("name", Text),
            ("kind", Text),
            ("role", Text),
            ("externalId", Text),
            ("departmentId", Text),
            ("isLead", Flag),
            ("isActive", Flag),
            ("customStatus", Text),
            ("statusEmoji", Text),
            ("statusUntil", Time),
            ("statusPref", Text),
            ("lastSeenTo", Text),
            ("readReceipts", Flag),
            ("createdAt", Time),
            ("lastSeenAt", Time),
        ],
    },
    Section {
        record: "membership",
        sql: "SELECT m.channel_id AS k1, m.channel_id AS \"channelId\", c.slug AS \"slug\", c.kind AS \"kind\", \
              c.name AS \"name\", m.role AS \"role\", m.joined_at AS \"joinedAt\", m.left_at AS \"leftAt\", \
              m.read_seq AS \"readSeq\", m.read_at AS \"readAt\", m.notify AS \"notify\", \
              m.muted_until AS \"mutedUntil\", m.timeout_until AS \"timeoutUntil\", m.last_sent_at AS \"lastSentAt\" \
              FROM channel_members m JOIN channels c ON c.id = m.channel_id \
              WHERE m.user_id = $1 AND m.channel_id > $2 ORDER BY m.channel_id LIMIT $3",
        key: &[Text],
        columns: &[
            ("channelId", Text),
            ("slug", Text),
            ("kind", Text),
            ("name", Text),
            ("role", Text),
            ("joinedAt", Time),
            ("leftAt", Time),
            ("readSeq", Int),
            ("readAt", Time),
            ("notify", Text),
            ("mutedUntil", Time),
            ("timeoutUntil", Time),
            ("lastSentAt", Time),
        ],
    },
    Section {
        record: "channelCreated",
        sql: "SELECT c.id AS k1, c.id AS \"channelId\", c.slug AS \"slug\", c.kind AS \"kind\", c.name AS \"name\", \
              c.created_at AS \"createdAt\" FROM channels c \
              WHERE c.created_by = $1 AND c.id > $2 ORDER BY c.id LIMIT $3",
        key: &[Text],
        columns: &[("channelId", Text), ("slug", Text), ("kind", Text), ("name", Text), ("createdAt", Time)],
    },
    Section {
        record: "message",
        sql: "SELECT m.n AS k1, m.id AS \"id\", m.channel_id AS \"channelId\", m.thread_id AS \"threadId\", \
              m.seq AS \"seq\", m.type AS \"type\", m.content AS \"content\", m.reply_to AS \"replyTo\", \
              m.mentions AS \"mentions\", m.mentions_all AS \"mentionsAll\", m.call_id AS \"callId\", \
              COALESCE(m.detail, 'null') AS \"system\", m.edited_at AS \"editedAt\", m.deleted_at AS \"deletedAt\", m.pinned_at AS \"pinnedAt\", \
              m.created_at AS \"createdAt\" FROM messages m \
              WHERE m.author_id = $1 AND m.n > $2 ORDER BY m.n LIMIT $3",
        key: &[Int],
        columns: &[
            ("id", Text),
            ("channelId", Text),
            ("threadId", Text),
            ("seq", Int),
            ("type", Text),
            ("content", Text),
            ("replyTo", Text),
            ("mentions", Json),
            ("mentionsAll", Flag),
            ("callId", Text),
            ("system", Json),
            ("editedAt", Time),
            ("deletedAt", Time),
            ("pinnedAt", Time),
            ("createdAt", Time),
        ],
    },
    Section {
        record: "revision",
        sql: "SELECT r.message_id AS k1, r.edit_no AS k2, r.message_id AS \"messageId\", r.edit_no AS \"editNo\", \
              r.content AS \"content\", r.edited_at AS \"editedAt\" \
              FROM message_revisions r JOIN messages m ON m.id = r.message_id \
              WHERE m.author_id = $1 AND (r.message_id, r.edit_no) > ($2, $3) \
              ORDER BY r.message_id, r.edit_no LIMIT $4",
        key: &[Text, Int],
        columns: &[("messageId", Text), ("editNo", Int), ("content", Text), ("editedAt", Time)],
    },
    Section {
        record: "scheduled",
        sql: "SELECT d.id AS k1, d.id AS \"id\", d.channel_id AS \"channelId\", d.thread_id AS \"threadId\", \
              d.content AS \"content\", d.reply_to AS \"replyTo\", d.mentions AS \"mentions\", \
              d.send_at AS \"sendAt\", d.state AS \"state\", d.error AS \"error\", \
              d.message_id AS \"messageId\", d.created_at AS \"createdAt\" FROM scheduled_messages d \
              WHERE d.author_id = $1 AND d.id > $2 ORDER BY d.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("id", Text),
            ("channelId", Text),
            ("threadId", Text),
            ("content", Text),
            ("replyTo", Text),
            ("mentions", Json),
            ("sendAt", Time),
            ("state", Text),
            ("error", Text),
            ("messageId", Text),
            ("createdAt", Time),
        ],
    },
    Section {
        record: "reaction",
        sql: "SELECT r.n AS k1, r.message_id AS \"messageId\", r.emoji AS \"emoji\", r.at AS \"at\" \
              FROM reactions r WHERE r.user_id = $1 AND r.n > $2 ORDER BY r.n LIMIT $3",
        key: &[Int],
        columns: &[("messageId", Text), ("emoji", Text), ("at", Time)],
    },
    Section {
        record: "mention",
        sql: "SELECT t.channel_id AS k1, t.message_id AS k2, t.channel_id AS \"channelId\", \
              t.message_id AS \"messageId\" FROM mentions t \
              WHERE t.user_id = $1 AND (t.channel_id, t.message_id) > ($2, $3) \
              ORDER BY t.channel_id, t.message_id LIMIT $4",
        key: &[Text, Text],
        columns: &[("channelId", Text), ("messageId", Text)],
    },
    Section {
        record: "thread",
        sql: "SELECT t.channel_id AS k1, t.thread_id AS k2, t.channel_id AS \"channelId\", \
              t.thread_id AS \"threadId\", t.following AS \"following\", t.read_seq AS \"readSeq\" \
              FROM thread_members t WHERE t.user_id = $1 AND (t.channel_id, t.thread_id) > ($2, $3) \
              ORDER BY t.channel_id, t.thread_id LIMIT $4",
        key: &[Text, Text],
        columns: &[("channelId", Text), ("threadId", Text), ("following", Flag), ("readSeq", Int)],
    },
    Section {
        record: "callStarted",
        sql: "SELECT k.id AS k1, k.id AS \"callId\", k.channel_id AS \"channelId\", k.type AS \"type\", \
              k.mode AS \"mode\", k.state AS \"state\", k.started_at AS \"startedAt\", k.ended_at AS \"endedAt\" \
              FROM calls k WHERE k.initiator_id = $1 AND k.id > $2 ORDER BY k.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("callId", Text),
            ("channelId", Text),
            ("type", Text),
            ("mode", Text),
            ("state", Text),
            ("startedAt", Time),
            ("endedAt", Time),
        ],
    },
    Section {
        record: "callInvite",
        sql: "SELECT i.call_id AS k1, i.call_id AS \"callId\", i.outcome AS \"outcome\", i.at AS \"at\" \
              FROM call_invites i WHERE i.user_id = $1 AND i.call_id > $2 ORDER BY i.call_id LIMIT $3",
        key: &[Text],
        columns: &[("callId", Text), ("outcome", Text), ("at", Time)],
    },
    Section {
        record: "callStay",
        sql: "SELECT p.call_id AS k1, p.session_no AS k2, p.call_id AS \"callId\", p.session_no AS \"stint\", \
              p.joined_at AS \"joinedAt\", p.left_at AS \"leftAt\", p.leave_reason AS \"leaveReason\", \
              p.was_muted AS \"wasMuted\", p.had_video AS \"hadVideo\", p.had_screen AS \"hadScreen\", \
              p.mos_x100 AS \"mosX100\", p.loss_ppm AS \"lossPpm\", p.jitter_us AS \"jitterUs\", \
              p.rtt_us AS \"rttUs\", p.network_issues AS \"networkIssues\" FROM call_participants p \
              WHERE p.user_id = $1 AND (p.call_id, p.session_no) > ($2, $3) \
              ORDER BY p.call_id, p.session_no LIMIT $4",
        key: &[Text, Int],
        columns: &[
            ("callId", Text),
            ("stint", Int),
            ("joinedAt", Time),
            ("leftAt", Time),
            ("leaveReason", Text),
            ("wasMuted", Flag),
            ("hadVideo", Flag),
            ("hadScreen", Flag),
            ("mosX100", Int),
            ("lossPpm", Int),
            ("jitterUs", Int),
            ("rttUs", Int),
            ("networkIssues", Json),
        ],
    },
    Section {
        record: "block",
        sql: "SELECT b.blocked_id AS k1, b.blocked_id AS \"userId\", b.at AS \"at\" FROM user_blocks b \
              WHERE b.user_id = $1 AND b.blocked_id > $2 ORDER BY b.blocked_id LIMIT $3",
        key: &[Text],
        columns: &[("userId", Text), ("at", Time)],
    },
    Section {
        record: "ban",
        sql: "SELECT b.user_id AS k1, b.reason AS \"reason\", b.at AS \"at\", b.until AS \"until\" FROM bans b \
              WHERE b.user_id = $1 AND b.user_id > $2 ORDER BY b.user_id LIMIT $3",
        key: &[Text],
        columns: &[("reason", Text), ("at", Time), ("until", Time)],
    },
    Section {
        record: "filterAdded",
        sql: "SELECT f.id AS k1, f.word AS \"word\", f.action AS \"action\", f.created_at AS \"createdAt\" \
              FROM filters f WHERE f.created_by = $1 AND f.id > $2 ORDER BY f.id LIMIT $3",
        key: &[Text],
        columns: &[("word", Text), ("action", Text), ("createdAt", Time)],
    },
    Section {
        record: "inviteCreated",
        sql: "SELECT i.id AS k1, i.id AS \"id\", i.channel_id AS \"channelId\", i.created_at AS \"createdAt\", \
              i.expires_at AS \"expiresAt\", i.max_uses AS \"maxUses\", i.uses AS \"uses\", \
              i.revoked_at AS \"revokedAt\", i.lobby AS \"lobby\", i.may_publish AS \"publish\", \
              i.may_chat AS \"chat\" FROM invites i \
              WHERE i.created_by = $1 AND i.id > $2 ORDER BY i.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("id", Text),
            ("channelId", Text),
            ("createdAt", Time),
            ("expiresAt", Time),
            ("maxUses", Int),
            ("uses", Int),
            ("revokedAt", Time),
            ("lobby", Flag),
            ("publish", Flag),
            ("chat", Flag),
        ],
    },
    Section {
        record: "guest",
        sql: "SELECT g.user_id AS k1, g.channel_id AS \"channelId\", g.invite_id AS \"inviteId\", \
              g.state AS \"state\", g.created_at AS \"createdAt\", g.expires_at AS \"expiresAt\", \
              g.gone_at AS \"goneAt\" FROM guests g \
              WHERE g.user_id = $1 AND g.user_id > $2 ORDER BY g.user_id LIMIT $3",
        key: &[Text],
        columns: &[
            ("channelId", Text),
            ("inviteId", Text),
            ("state", Text),
            ("createdAt", Time),
            ("expiresAt", Time),
            ("goneAt", Time),
        ],
    },
    Section {
        record: "session",
        sql: "SELECT s.id AS k1, s.id AS \"id\", s.device AS \"device\", s.client AS \"client\", s.ip AS \"ip\", \
              s.created_at AS \"createdAt\", s.last_used_at AS \"lastUsedAt\", s.expires_at AS \"expiresAt\", \
              s.revoked_at AS \"revokedAt\" FROM sessions s \
              WHERE s.user_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("id", Text),
            ("device", Text),
            ("client", Text),
            ("ip", Text),
            ("createdAt", Time),
            ("lastUsedAt", Time),
            ("expiresAt", Time),
            ("revokedAt", Time),
        ],
    },
    Section {
        record: "reportMade",
        sql: "SELECT r.id AS k1, r.id AS \"id\", r.message_id AS \"messageId\", r.channel_id AS \"channelId\", \
              r.content AS \"content\", r.reason AS \"reason\", r.note AS \"note\", r.state AS \"state\", \
              r.created_at AS \"createdAt\" FROM reports r \
              WHERE r.reporter_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("id", Text),
            ("messageId", Text),
            ("channelId", Text),
            ("content", Text),
            ("reason", Text),
            ("note", Text),
            ("state", Text),
            ("createdAt", Time),
        ],
    },
    Section {
        record: "reportOfOwn",
        sql: "SELECT r.id AS k1, r.message_id AS \"messageId\", r.channel_id AS \"channelId\", \
              r.content AS \"content\", r.reason AS \"reason\", r.state AS \"state\", r.created_at AS \"createdAt\" \
              FROM reports r WHERE r.author_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("messageId", Text),
            ("channelId", Text),
            ("content", Text),
            ("reason", Text),
            ("state", Text),
            ("createdAt", Time),
        ],
    },
    Section {
        record: "audit",
        sql: "SELECT a.n AS k1, a.at AS \"at\", a.actor = $1 AS \"own\", a.action AS \"action\", \
              a.target AS \"target\", CASE WHEN a.actor = $1 THEN a.ip END AS \"ip\", a.detail AS \"detail\" \
              FROM audit_log a WHERE (a.actor = $1 OR a.target = $1) AND a.n > $2 ORDER BY a.n LIMIT $3",
        key: &[Int],
        columns: &[
            ("at", Time),
            ("own", Flag),
            ("action", Text),
            ("target", Text),
            ("ip", Text),
            ("detail", Json),
        ],
    },
];

/// As its members see it: what was deleted is not in it.
const OF_A_CHANNEL: &[Section] = &[
    Section {
        record: "channel",
        sql: "SELECT c.id AS k1, c.id AS \"id\", c.slug AS \"slug\", c.kind AS \"kind\", c.name AS \"name\", \
              c.description AS \"description\", c.topic AS \"topic\", c.is_private AS \"private\", \
              c.is_internal AS \"isInternal\", c.department_id AS \"departmentId\", \
              c.project_id AS \"projectId\", c.context AS \"context\", \
              c.created_at AS \"createdAt\", c.archived_at AS \"archivedAt\", c.last_seq AS \"lastSeq\", \
              c.rev AS \"rev\" FROM channels c WHERE c.id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("id", Text),
            ("slug", Text),
            ("kind", Text),
            ("name", Text),
            ("description", Text),
            ("topic", Text),
            ("private", Flag),
            ("isInternal", Flag),
            ("departmentId", Text),
            ("projectId", Text),
            ("context", Json),
            ("createdAt", Time),
            ("archivedAt", Time),
            ("lastSeq", Int),
            ("rev", Int),
        ],
    },
    Section {
        record: "member",
        sql: "SELECT m.user_id AS k1, m.user_id AS \"userId\", u.username AS \"username\", u.name AS \"name\", \
              m.role AS \"role\", m.joined_at AS \"joinedAt\", m.left_at AS \"leftAt\" \
              FROM channel_members m JOIN users u ON u.id = m.user_id \
              WHERE m.channel_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3",
        key: &[Text],
        columns: &[
            ("userId", Text),
            ("username", Text),
            ("name", Text),
            ("role", Text),
            ("joinedAt", Time),
            ("leftAt", Time),
        ],
    },
    Section {
        record: "message",
        sql: "SELECT m.n AS k1, m.id AS \"id\", m.thread_id AS \"threadId\", m.seq AS \"seq\", \
              m.author_id AS \"authorId\", u.username AS \"username\", m.type AS \"type\", \
              CASE WHEN m.deleted_at IS NULL THEN m.content ELSE '' END AS \"content\", m.reply_to AS \"replyTo\", \
              m.call_id AS \"callId\", COALESCE(m.detail, 'null') AS \"system\", \
              m.edited_at AS \"editedAt\", m.deleted_at AS \"deletedAt\", \
              m.pinned_at AS \"pinnedAt\", m.created_at AS \"createdAt\" \
              FROM messages m JOIN users u ON u.id = m.author_id \
              WHERE m.channel_id = $1 AND m.n > $2 ORDER BY m.n LIMIT $3",
        key: &[Int],
        columns: &[
            ("id", Text),
            ("threadId", Text),
            ("seq", Int),
            ("authorId", Text),
            ("username", Text),
            ("type", Text),
            ("content", Text),
            ("replyTo", Text),
            ("callId", Text),
            ("system", Json),
            ("editedAt", Time),
            ("deletedAt", Time),
            ("pinnedAt", Time),
            ("createdAt", Time),
        ],
    },
    Section {
        record: "reaction",
        sql: "SELECT r.n AS k1, r.message_id AS \"messageId\", r.user_id AS \"userId\", r.emoji AS \"emoji\", \
              r.at AS \"at\" FROM reactions r JOIN messages m ON m.id = r.message_id \
              WHERE m.channel_id = $1 AND r.n > $2 ORDER BY r.n LIMIT $3",
        key: &[Int],
        columns: &[("messageId", Text), ("userId", Text), ("emoji", Text), ("at", Time)],
    },
    Section {
        record: "call",
        sql: "SELECT k.id AS k1, k.id AS \"id\", k.type AS \"type\", k.mode AS \"mode\", k.state AS \"state\", \
              k.initiator_id AS \"initiatorId\", k.started_at AS \"startedAt\", k.ended_at AS \"endedAt\", \
              k.end_reason AS \"endReason\" FROM calls k \
              WHERE k.channel_id = $1 AND k.id > $2 ORDER BY k.id LIMIT $3",
        key: &[Text],
        columns: &[
            ("id", Text),
            ("type", Text),
            ("mode", Text),
            ("state", Text),
            ("initiatorId", Text),
            ("startedAt", Time),
            ("endedAt", Time),
            ("endReason", Text),
        ],
    },
];

/// Statements of the export of a person, for the test that no table with people in it is left out.
#[cfg(test)]
pub(super) fn statements() -> impl Iterator<Item = &'static str> {
    OF_A_USER.iter().map(|section| section.sql)
}
