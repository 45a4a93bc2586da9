//! Users and who shares a channel with whom.

use async_trait::async_trait;
use sqlx::SqlitePool;

use super::{
    channels::enter,
    rows::{self, unavailable, user_sql},
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, UserId},
    chat::model::{UserRecord, WallMs},
    store::{CreatedUser, NewUser, Result, StoreError},
};

pub(super) struct CreateUser(pub NewUser);

#[async_trait]
impl Write for CreateUser {
    type Out = CreatedUser;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<CreatedUser> {
        let new = self.0;
        sqlx::query(
            "INSERT INTO users (id, username, name, kind, role, external_id, password_hash, created_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.id.to_string())
        .bind(&new.username)
        .bind(&new.name)
        .bind(&new.kind)
        .bind(&new.role)
        .bind(&new.external_id)
        .bind(&new.password_hash)
        .bind(new.now)
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        let generals: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM channels WHERE kind = 'general' AND archived_at IS NULL ORDER BY id",
        )
        .fetch_all(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        let mut joined = Vec::with_capacity(generals.len());
        for channel in &generals {
            joined.push(enter(db, rows::id(channel)?, new.id, "member", new.now).await?);
        }
        let row = sqlx::query(user_sql!("WHERE u.id = ?"))
            .bind(new.id.to_string())
            .fetch_one(&mut *db.conn)
            .await
            .map_err(unavailable)?;
        Ok(CreatedUser { user: rows::user(&row)?, joined })
    }
}

pub(super) struct TouchUser {
    pub user: UserId,
    pub custom_status: Option<String>,
    pub now: WallMs,
}

#[async_trait]
impl Write for TouchUser {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        sqlx::query(
            "UPDATE users SET last_seen_at = ?, custom_status = COALESCE(?, custom_status) WHERE id = ?",
        )
        .bind(self.now)
        .bind(&self.custom_status)
        .bind(self.user.to_string())
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        Ok(())
    }
}

pub(super) async fn by_id(pool: &SqlitePool, id: UserId) -> Result<UserRecord> {
    let row = sqlx::query(user_sql!("WHERE u.id = ?")).bind(id.to_string()).fetch_one(pool).await;
    rows::user(&row.map_err(unavailable)?)
}

pub(super) async fn by_username(pool: &SqlitePool, username: &str) -> Result<(UserRecord, Option<String>)> {
    let row = sqlx::query(user_sql!("WHERE u.username = ?")).bind(username).fetch_one(pool).await;
    let row = row.map_err(unavailable)?;
    Ok((rows::user(&row)?, rows::maybe_text(&row, "password_hash")?))
}

pub(super) async fn by_external(pool: &SqlitePool, external: &str) -> Result<UserRecord> {
    let row = sqlx::query(user_sql!("WHERE u.external_id = ?")).bind(external).fetch_one(pool).await;
    rows::user(&row.map_err(unavailable)?)
}

pub(super) async fn list(
    pool: &SqlitePool,
    search: Option<&str>,
    after: Option<&str>,
    within: Option<ChannelId>,
    limit: u32,
) -> Result<Vec<UserRecord>> {
    let found = sqlx::query(user_sql!(
        "WHERE u.is_active = 1 AND (?1 IS NULL OR u.username > ?1) \
         AND (?2 IS NULL OR instr(lower(u.username), lower(?2)) > 0 OR instr(lower(u.name), lower(?2)) > 0) \
         AND (?3 IS NULL OR EXISTS (SELECT 1 FROM channel_members m \
              WHERE m.channel_id = ?3 AND m.user_id = u.id AND m.left_at IS NULL)) \
         ORDER BY u.username LIMIT ?4"
    ))
    .bind(after)
    .bind(search.filter(|text| !text.is_empty()))
    .bind(within.map(|id| id.to_string()))
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    found.iter().map(rows::user).collect()
}

pub(super) async fn sharing(pool: &SqlitePool, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
    let wanted = serde_json::to_string(others).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT value FROM json_each(?1) WHERE value = ?2 OR EXISTS ( \
           SELECT 1 FROM channel_members a JOIN channel_members b ON b.channel_id = a.channel_id \
           WHERE a.user_id = ?2 AND a.left_at IS NULL AND b.user_id = value AND b.left_at IS NULL)",
    )
    .bind(wanted)
    .bind(user.to_string())
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    ids.iter().map(|text| rows::id(text)).collect()
}

pub(super) async fn dm_peers(pool: &SqlitePool, user: UserId) -> Result<Vec<UserId>> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT b.user_id FROM channel_members a JOIN channels c ON c.id = a.channel_id AND c.kind = 'dm' \
         JOIN channel_members b ON b.channel_id = a.channel_id AND b.user_id <> a.user_id \
         WHERE a.user_id = ? AND a.left_at IS NULL ORDER BY b.user_id LIMIT 1000",
    )
    .bind(user.to_string())
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    ids.iter().map(|text| rows::id(text)).collect()
}
