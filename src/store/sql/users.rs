//! Users and who shares a channel with whom.

use super::{
    channels::enter,
    db::{Db, args, containing},
    rows::{self, user_sql},
    writer::{Tx, Write},
};
use crate::{
    base::id::UserId,
    chat::{
        command::PresenceStatus,
        model::{EXTERNAL, SelfStatus, UserRecord, WallMs},
    },
    store::{CreatedUser, NewUser, Result, StoreError, Within},
};
use async_trait::async_trait;

pub(super) struct CreateUser(pub NewUser);

#[async_trait]
impl Write for CreateUser {
    type Out = CreatedUser;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<CreatedUser> {
        let new = self.0;
        db.conn
            .run(
                "INSERT INTO users (id, username, name, kind, role, external_id, password_hash, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                args![
                    new.id,
                    new.username.to_lowercase(),
                    &new.name,
                    &new.kind,
                    &new.role,
                    &new.external_id,
                    &new.password_hash,
                    new.now
                ],
            )
            .await?;
        // Archived ones too: they may come back.
        let generals = match new.kind == EXTERNAL {
            true => Vec::new(),
            false => {
                db.conn.all("SELECT id FROM channels WHERE kind = 'general' ORDER BY id", args![]).await?
            }
        };
        let mut joined = Vec::with_capacity(generals.len());
        for row in &generals {
            joined.push(enter(db, row.id("id")?, new.id, "member", new.now).await?);
        }
        let row = db.conn.one(user_sql!("WHERE u.id = $1"), args![new.id]).await?;
        Ok(CreatedUser { user: rows::user(&row)?, joined })
    }
}

pub(super) struct TouchUsers {
    pub users: Vec<UserId>,
    pub now: WallMs,
}

#[async_trait]
impl Write for TouchUsers {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        for user in self.users {
            db.conn.run("UPDATE users SET last_seen_at = $1 WHERE id = $2", args![self.now, user]).await?;
        }
        Ok(())
    }
}

pub(super) struct SetStatus {
    pub user: UserId,
    pub status: SelfStatus,
}

#[async_trait]
impl Write for SetStatus {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        let status = self.status;
        let rows = db
            .conn
            .run(
                "UPDATE users SET status_pref = $1, custom_status = $2, status_emoji = $3, status_until = $4, \
                   last_seen_to = $5 WHERE id = $6",
                args![
                    status.wish.map(PresenceStatus::as_str),
                    status.text,
                    status.emoji,
                    status.until,
                    if status.hides_last_seen { "nobody" } else { "shared" },
                    self.user
                ],
            )
            .await?;
        if rows == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }
}

pub(super) struct SetReadReceipts {
    pub user: UserId,
    pub on: bool,
}

#[async_trait]
impl Write for SetReadReceipts {
    type Out = bool;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<bool> {
        let before = by_id(&mut db.conn, self.user).await?;
        let sql = "UPDATE users SET read_receipts = $1 WHERE id = $2";
        db.conn.run(sql, args![self.on, self.user]).await?;
        Ok(before.hides_reading == self.on)
    }
}

pub(super) async fn by_id(conn: &mut Db<'_>, id: UserId) -> Result<UserRecord> {
    let row = conn.one(user_sql!("WHERE u.id = $1"), args![id]).await?;
    rows::user(&row)
}

pub(super) async fn by_username(conn: &mut Db<'_>, username: &str) -> Result<(UserRecord, Option<String>)> {
    let row = conn.one(user_sql!("WHERE u.username = $1"), args![username.to_lowercase()]).await?;
    Ok((rows::user(&row)?, row.maybe_text("password_hash")?))
}

pub(super) async fn by_external(conn: &mut Db<'_>, external: &str) -> Result<UserRecord> {
    let row = conn.one(user_sql!("WHERE u.external_id = $1"), args![external]).await?;
    rows::user(&row)
}

pub(super) async fn list(
    conn: &mut Db<'_>,
    search: Option<&str>,
    after: Option<&str>,
    within: Within,
    limit: u32,
) -> Result<Vec<UserRecord>> {
    let pattern = search.filter(|text| !text.is_empty()).map(containing);
    let found = conn
        .all(
            user_sql!(
                "WHERE u.is_active AND ($1 IS NULL OR u.username > $1) \
                 AND ($3 IS NOT NULL OR NOT EXISTS (SELECT 1 FROM guests g WHERE g.user_id = u.id)) \
                 AND ($2 IS NULL OR lower(u.username) LIKE lower($2) ESCAPE '\\' \
                      OR lower(u.name) LIKE lower($2) ESCAPE '\\') \
                 AND ($3 IS NULL OR EXISTS (SELECT 1 FROM channel_members m \
                      WHERE m.channel_id = $3 AND m.user_id = u.id AND m.left_at IS NULL)) \
                 AND ($5 IS NULL OR u.id = $5 OR EXISTS (SELECT 1 FROM channel_members a \
                      JOIN channel_members b ON b.channel_id = a.channel_id \
                      WHERE a.user_id = $5 AND a.left_at IS NULL AND b.user_id = u.id AND b.left_at IS NULL)) \
                 ORDER BY u.username LIMIT $4"
            ),
            args![after, pattern, within.channel, limit, within.known_to],
        )
        .await?;
    found.iter().map(rows::user).collect()
}

pub(super) async fn sharing(conn: &mut Db<'_>, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
    let wanted = serde_json::to_string(others).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    let sql = conn.pick(
        "SELECT w.value AS id FROM json_each($1) w WHERE w.value = $2 OR EXISTS ( \
           SELECT 1 FROM channel_members a JOIN channel_members b ON b.channel_id = a.channel_id \
           WHERE a.user_id = $2 AND a.left_at IS NULL AND b.user_id = w.value AND b.left_at IS NULL)",
        "SELECT w.value AS id FROM jsonb_array_elements_text($1::jsonb) AS w (value) WHERE w.value = $2 OR EXISTS ( \
           SELECT 1 FROM channel_members a JOIN channel_members b ON b.channel_id = a.channel_id \
           WHERE a.user_id = $2 AND a.left_at IS NULL AND b.user_id = w.value AND b.left_at IS NULL)",
    );
    let found = conn.all(sql, args![wanted, user]).await?;
    found.iter().map(|row| row.id("id")).collect()
}

pub(super) async fn dm_peers(conn: &mut Db<'_>, user: UserId) -> Result<Vec<UserId>> {
    let found = conn
        .all(
            "SELECT b.user_id FROM channel_members a JOIN channels c ON c.id = a.channel_id AND c.kind = \
        'dm' JOIN channel_members b ON b.channel_id = a.channel_id AND b.user_id <> a.user_id WHERE \
        a.user_id = $1 AND a.left_at IS NULL ORDER BY b.user_id LIMIT 1000",
            args![user],
        )
        .await?;
    found.iter().map(|row| row.id("user_id")).collect()
}
