//! Blocks, bans and reports. What a moderator does is written to the audit log in the same transaction.

use async_trait::async_trait;
use serde_json::json;

use super::{
    audit::{self, Entry},
    db::{Db, Row, args},
    logins,
    messages::find,
    rows::{self, user_sql},
    users::by_id,
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, ReportId, UserId},
    chat::{
        model::{UserRecord, WallMs},
        moderation::{BanRecord, ReportKind, ReportRecord, ReportState},
    },
    store::{
        Audience, Banned, MAX_BLOCKS, NewBan, NewReport, Reported, Resolution, Result, StoreError, Unban,
    },
};

pub(super) struct Block {
    pub user: UserId,
    pub other: UserId,
    pub blocked: bool,
    pub now: WallMs,
}

#[async_trait]
impl Write for Block {
    type Out = bool;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<bool> {
        let Self { user, other, blocked, now } = *self;
        if !blocked {
            let delete = "DELETE FROM user_blocks WHERE user_id = $1 AND blocked_id = $2";
            return Ok(db.conn.run(delete, args![user, other]).await? > 0);
        }
        by_id(&mut db.conn, other).await?;
        let done = db
            .conn
            .run(
                "INSERT INTO user_blocks (user_id, blocked_id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                args![user, other, now],
            )
            .await?;
        let count =
            db.conn.one("SELECT COUNT(*) AS n FROM user_blocks WHERE user_id = $1", args![user]).await?;
        if count.small("n")? > MAX_BLOCKS {
            return Err(StoreError::Full);
        }
        Ok(done > 0)
    }
}

pub(super) async fn blocks(
    conn: &mut Db<'_>,
    user: UserId,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserRecord>> {
    let found = conn
        .all(
            user_sql!(
                "JOIN user_blocks k ON k.blocked_id = u.id \
                 WHERE k.user_id = $1 AND ($2 IS NULL OR u.id > $2) ORDER BY u.id LIMIT $3"
            ),
            args![user, after, limit],
        )
        .await?;
    found.iter().map(rows::user).collect()
}

/// Whom the user blocks.
pub(super) async fn blocked(conn: &mut Db<'_>, user: UserId) -> Result<Vec<UserId>> {
    let sql = "SELECT blocked_id FROM user_blocks WHERE user_id = $1 ORDER BY blocked_id LIMIT $2";
    let found = conn.all(sql, args![user, MAX_BLOCKS]).await?;
    found.iter().map(|row| row.id("blocked_id")).collect()
}

/// Those of `others` who block the user.
pub(super) async fn blocking(conn: &mut Db<'_>, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
    let asked = serde_json::to_string(others).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    let sql = conn.pick(
        "SELECT k.user_id FROM user_blocks k WHERE k.blocked_id = $1 \
         AND k.user_id IN (SELECT w.value FROM json_each($2) w) ORDER BY k.user_id",
        "SELECT k.user_id FROM user_blocks k WHERE k.blocked_id = $1 \
         AND k.user_id IN (SELECT w.value FROM jsonb_array_elements_text($2::jsonb) AS w (value)) ORDER BY k.user_id",
    );
    let found = conn.all(sql, args![user, asked]).await?;
    found.iter().map(|row| row.id("user_id")).collect()
}

/// Members of the channel who blocked the user.
pub(super) async fn blockers(conn: &mut Db<'_>, channel: ChannelId, user: UserId) -> Result<Vec<UserId>> {
    let found = conn
        .all(
            "SELECT k.user_id FROM user_blocks k \
             JOIN channel_members m ON m.user_id = k.user_id AND m.channel_id = $1 AND m.left_at IS NULL \
             WHERE k.blocked_id = $2 ORDER BY k.user_id",
            args![channel, user],
        )
        .await?;
    found.iter().map(|row| row.id("user_id")).collect()
}

pub(super) async fn is_blocked_by(conn: &mut Db<'_>, user: UserId, by: UserId) -> Result<bool> {
    let sql = "SELECT at FROM user_blocks WHERE user_id = $1 AND blocked_id = $2";
    Ok(conn.maybe(sql, args![by, user]).await?.is_some())
}

macro_rules! report_sql {
    ($tail:literal) => {
        concat!(
            "SELECT id, message_id, channel_id, author_id, content, kind, reporter_id, reason, note, state, resolved_by, ",
            "resolved_at, resolution_note, created_at FROM reports ",
            $tail
        )
    };
}

pub(super) struct Report(pub NewReport);

#[async_trait]
impl Write for Report {
    type Out = Reported;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Reported> {
        let new = self.0;
        let message = find(&mut db.conn, new.message).await?;
        if !db.audience(message.channel).await?.contains(&new.reporter) {
            return Err(StoreError::NotFound);
        }
        let admins = administrators(db).await?;
        let before = db
            .conn
            .maybe(
                report_sql!("WHERE message_id = $1 AND reporter_id = $2"),
                args![new.message, new.reporter],
            )
            .await?;
        if let Some(row) = before {
            return Ok(Reported { report: record(&row)?, fresh: false, admins });
        }
        if message.deleted_at.is_some() || message.kind == "system" {
            return Err(StoreError::State);
        }
        db.conn
            .run(
                "INSERT INTO reports (id, message_id, channel_id, author_id, content, reporter_id, reason, note, \
                   created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                args![
                    new.id,
                    new.message,
                    message.channel,
                    message.author,
                    &message.content,
                    new.reporter,
                    &new.reason,
                    &new.note,
                    new.now
                ],
            )
            .await?;
        Ok(Reported { report: report(&mut db.conn, new.id).await?, fresh: true, admins })
    }
}

pub(super) async fn administrators(db: &mut Tx<'_>) -> Result<Audience> {
    let sql = "SELECT id FROM users WHERE role = 'admin' AND is_active ORDER BY id";
    let found = db.conn.all(sql, args![]).await?;
    Ok(found.iter().map(|row| row.id("id")).collect::<Result<Vec<UserId>>>()?.into())
}

pub(super) async fn report(conn: &mut Db<'_>, id: ReportId) -> Result<ReportRecord> {
    record(&conn.one(report_sql!("WHERE id = $1"), args![id]).await?)
}

/// Newest first; `before` is the last report of the page before.
pub(super) async fn reports(
    conn: &mut Db<'_>,
    state: Option<ReportState>,
    before: Option<ReportId>,
    limit: u32,
) -> Result<Vec<ReportRecord>> {
    let found = conn
        .all(
            report_sql!(
                "WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
            ),
            args![state.map(ReportState::as_str), before, limit],
        )
        .await?;
    found.iter().map(record).collect()
}

fn record(row: &Row) -> Result<ReportRecord> {
    Ok(ReportRecord {
        id: row.id("id")?,
        message: row.id("message_id")?,
        channel: row.id("channel_id")?,
        author: row.id("author_id")?,
        content: row.text("content")?,
        kind: row.word("kind", ReportKind::parse)?,
        reporter: row.maybe_id("reporter_id")?,
        reason: row.text("reason")?,
        note: row.text("note")?,
        state: row.word("state", ReportState::parse)?,
        resolved_by: row.maybe_id("resolved_by")?,
        resolved_at: row.maybe_int("resolved_at")?,
        resolution_note: row.text("resolution_note")?,
        created_at: row.int("created_at")?,
    })
}

pub(super) struct Resolve(pub Resolution);

#[async_trait]
impl Write for Resolve {
    type Out = ReportRecord;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ReportRecord> {
        let done = self.0;
        let changed = db
            .conn
            .run(
                "UPDATE reports SET state = $1, resolved_by = $2, resolved_at = $3, resolution_note = $4 \
                 WHERE id = $5 AND state = 'open'",
                args![done.state.as_str(), done.by, done.now, &done.note, done.report],
            )
            .await?;
        let report = report(&mut db.conn, done.report).await?;
        // Of two moderators the first one decided.
        if changed == 0 {
            return Err(StoreError::State);
        }
        let entry = Entry {
            actor: done.by,
            from: done.from,
            action: "report.resolve",
            target: report.id.to_string(),
            detail: json!({"resolution": report.state, "note": report.resolution_note}),
            now: done.now,
        };
        audit::append(db, entry).await?;
        Ok(report)
    }
}

pub(super) struct Ban(pub NewBan);

#[async_trait]
impl Write for Ban {
    type Out = Banned;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Banned> {
        let new = self.0;
        let user = by_id(&mut db.conn, new.user).await?;
        // Of two administrators neither shuts the other out; that is for whoever has the database.
        if user.is_admin() {
            return Err(StoreError::Denied);
        }
        db.conn
            .run(
                "INSERT INTO bans (user_id, banned_by, reason, at, until) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (user_id) DO UPDATE SET banned_by = excluded.banned_by, reason = excluded.reason, \
                   at = excluded.at, until = excluded.until",
                args![new.user, new.by, &new.reason, new.now, new.until],
            )
            .await?;
        // Tokens of before the ban are of no use after it either, and no session outlives it.
        logins::end_all(&mut db.conn, new.user, new.now).await?;
        db.conn.run("UPDATE users SET token_epoch = token_epoch + 1 WHERE id = $1", args![new.user]).await?;
        let entry = Entry {
            actor: new.by,
            from: new.from,
            action: "user.ban",
            target: new.user.to_string(),
            detail: json!({"reason": new.reason, "until": new.until}),
            now: new.now,
        };
        audit::append(db, entry).await?;
        let audience = sharers(db, new.user).await?;
        let user = by_id(&mut db.conn, new.user).await?;
        Ok(Banned { user, reason: new.reason, until: new.until, audience })
    }
}

async fn sharers(db: &mut Tx<'_>, user: UserId) -> Result<Audience> {
    let found = db
        .conn
        .all(
            "SELECT DISTINCT b.user_id FROM channel_members a \
             JOIN channel_members b ON b.channel_id = a.channel_id AND b.left_at IS NULL \
             WHERE a.user_id = $1 AND a.left_at IS NULL AND b.user_id <> $1 ORDER BY b.user_id",
            args![user],
        )
        .await?;
    Ok(found.iter().map(|row| row.id("user_id")).collect::<Result<Vec<UserId>>>()?.into())
}

pub(super) struct Lift(pub Unban);

#[async_trait]
impl Write for Lift {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        let Unban { user, by, from, now } = self.0;
        by_id(&mut db.conn, user).await?;
        if db.conn.run("DELETE FROM bans WHERE user_id = $1", args![user]).await? == 0 {
            return Err(StoreError::State);
        }
        let (target, detail) = (user.to_string(), json!({}));
        let entry = Entry { actor: by, from, action: "user.unban", target, detail, now };
        audit::append(db, entry).await
    }
}

/// Those in force, by user.
pub(super) async fn bans(
    conn: &mut Db<'_>,
    now: WallMs,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<BanRecord>> {
    let found = conn
        .all(
            "SELECT b.user_id, u.username, u.name, b.banned_by, b.reason, b.at, b.until \
             FROM bans b JOIN users u ON u.id = b.user_id \
             WHERE (b.until IS NULL OR b.until > $1) AND ($2 IS NULL OR b.user_id > $2) \
             ORDER BY b.user_id LIMIT $3",
            args![now, after, limit],
        )
        .await?;
    let read = |row: &Row| {
        Ok(BanRecord {
            user: row.id("user_id")?,
            username: row.text("username")?,
            name: row.text("name")?,
            by: row.id("banned_by")?,
            reason: row.text("reason")?,
            at: row.int("at")?,
            until: row.maybe_int("until")?,
        })
    };
    found.iter().map(read).collect()
}
