//! Where people are signed in. Tokens are known by their hashes only.

use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde_json::json;

use super::{
    SqlStore,
    audit::{self, Entry},
    db::{Db, Row, args},
    users::by_id,
    writer::{Tx, Write},
};
use crate::{
    base::{
        id::{LoginId, UserId},
        origin::Origin,
    },
    chat::model::{Device, LoginRecord, WallMs},
    store::{
        LoginStore, MAX_LOGINS, NewLogin, OpenedLogin, Result, Revocation, Rotated, Rotation, StoreError,
        Then, Which, nothing,
    },
};

/// Rows of one write.
const PORTION: u32 = 500;

macro_rules! login_sql {
    ($tail:literal) => {
        concat!(
            "SELECT id, user_id, device, client, ip, refresh_hash, previous_hash, rotated_at, created_at, ",
            "last_used_at, expires_at, revoked_at FROM sessions ",
            $tail
        )
    };
}

#[async_trait]
impl LoginStore for SqlStore {
    async fn open_login(&self, new: NewLogin, then: Then<OpenedLogin>) -> Result<OpenedLogin> {
        self.writer.submit(Open(new), then).await
    }

    async fn login(&self, id: LoginId) -> Result<LoginRecord> {
        let mut reader = self.readers.take().await?;
        record(&reader.db().one(login_sql!("WHERE id = $1"), args![id]).await?)
    }

    async fn rotate_login(&self, rotation: Rotation, then: Then<Rotated>) -> Result<Rotated> {
        self.writer.submit(Rotate(rotation), then).await
    }

    async fn touch_login(&self, id: LoginId, from: Origin, now: WallMs) -> Result<()> {
        self.writer.submit(Touch { id, from, now }, nothing()).await
    }

    async fn logins(&self, user: UserId, now: WallMs) -> Result<Vec<LoginRecord>> {
        let mut reader = self.readers.take().await?;
        let sql = login_sql!(
            "WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY last_used_at DESC, id DESC"
        );
        reader.db().all(sql, args![user, now]).await?.iter().map(record).collect()
    }

    async fn revoke_logins(&self, revocation: Revocation, then: Then<Vec<LoginId>>) -> Result<Vec<LoginId>> {
        self.writer.submit(Revoke(revocation), then).await
    }

    async fn expire_logins(&self, before: WallMs) -> Result<u64> {
        self.writer.submit(Expire(before), nothing()).await
    }
}

fn record(row: &Row) -> Result<LoginRecord> {
    Ok(LoginRecord {
        id: row.id("id")?,
        user: row.id("user_id")?,
        device: row.word("device", Device::parse)?,
        client: row.text("client")?,
        ip: row.maybe_text("ip")?,
        created_at: row.int("created_at")?,
        last_used_at: row.int("last_used_at")?,
        expires_at: row.int("expires_at")?,
        revoked_at: row.maybe_int("revoked_at")?,
    })
}

struct Open(NewLogin);

#[async_trait]
impl Write for Open {
    type Out = OpenedLogin;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<OpenedLogin> {
        let NewLogin { sign_in: new, expires_at, now } = self.0;
        let lives = db
            .conn
            .all(
                "SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 \
                 ORDER BY last_used_at DESC, id DESC",
                args![new.user, now],
            )
            .await?;
        let mut displaced = Vec::new();
        for row in lives.iter().skip(MAX_LOGINS as usize - 1) {
            displaced.push(row.id("id")?);
        }
        for id in &displaced {
            end(&mut db.conn, *id, now).await?;
        }
        db.conn
            .run(
                "INSERT INTO sessions (id, user_id, device, client, ip, refresh_hash, rotated_at, created_at, \
                   last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8)",
                args![
                    new.id,
                    new.user,
                    new.device.as_str(),
                    &new.client,
                    new.from.text(),
                    &new.hash,
                    now,
                    expires_at
                ],
            )
            .await?;
        let row = db.conn.one(login_sql!("WHERE id = $1"), args![new.id]).await?;
        Ok(OpenedLogin { login: record(&row)?, displaced })
    }
}

pub(super) async fn end(conn: &mut Db<'_>, id: LoginId, now: WallMs) -> Result<()> {
    let sql = "UPDATE sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    conn.run(sql, args![now, id]).await.map(drop)
}

/// All sessions of somebody who may not have any.
pub(super) async fn end_all(conn: &mut Db<'_>, user: UserId, now: WallMs) -> Result<()> {
    let sql = "UPDATE sessions SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL";
    conn.run(sql, args![now, user]).await.map(drop)
}

struct Rotate(Rotation);

#[async_trait]
impl Write for Rotate {
    type Out = Rotated;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Rotated> {
        let new = self.0;
        // Another process may hold the same token.
        let sql = db.conn.pick(login_sql!("WHERE id = $1"), login_sql!("WHERE id = $1 FOR UPDATE"));
        let row = db.conn.one(sql, args![new.login]).await?;
        let before = record(&row)?;
        if !before.lives(new.now) {
            return Err(StoreError::State);
        }
        let is = |hash: &str| verify_slices_are_equal(hash.as_bytes(), new.shown.as_bytes()).is_ok();
        let (current, rotated_at) = (row.text("refresh_hash")?, row.int("rotated_at")?);
        let lost = row.maybe_text("previous_hash")?.filter(|hash| is(hash) && rotated_at > new.lost_since);
        let (previous, rotated_at) = match lost {
            _ if is(&current) => (current, new.now),
            // Whoever got the answer that was lost is found out by using it, and the time does not begin anew.
            Some(hash) => (hash, rotated_at),
            None => {
                end(&mut db.conn, new.login, new.now).await?;
                return Ok(Rotated::Reused(before));
            }
        };
        db.conn
            .run(
                "UPDATE sessions SET refresh_hash = $1, previous_hash = $2, rotated_at = $3, last_used_at = $4, \
                   expires_at = $5, ip = COALESCE($6, ip) WHERE id = $7",
                args![
                    &new.next,
                    &previous,
                    rotated_at,
                    new.now,
                    new.expires_at,
                    new.from.text(),
                    new.login
                ],
            )
            .await?;
        let row = db.conn.one(login_sql!("WHERE id = $1"), args![new.login]).await?;
        Ok(Rotated::Done(record(&row)?))
    }
}

struct Touch {
    id: LoginId,
    from: Origin,
    now: WallMs,
}

#[async_trait]
impl Write for Touch {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        let sql = "UPDATE sessions SET last_used_at = $1, ip = COALESCE($2, ip) WHERE id = $3";
        db.conn.run(sql, args![self.now, self.from.text(), self.id]).await.map(drop)
    }
}

struct Revoke(Revocation);

#[async_trait]
impl Write for Revoke {
    type Out = Vec<LoginId>;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Vec<LoginId>> {
        let Revocation { user, which, by, from, now } = self.0;
        by_id(&mut db.conn, user).await?;
        let (one, but) = match which {
            Which::One(id) => (Some(id), None),
            Which::AllBut(id) => (None, id),
        };
        let rows = db
            .conn
            .all(
                "SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 \
                 AND ($3 IS NULL OR id = $3) AND ($4 IS NULL OR id <> $4) ORDER BY id",
                args![user, now, one, but],
            )
            .await?;
        let ended = rows.iter().map(|row| row.id("id")).collect::<Result<Vec<LoginId>>>()?;
        if one.is_some() && ended.is_empty() {
            return Err(StoreError::NotFound);
        }
        for id in &ended {
            end(&mut db.conn, *id, now).await?;
        }
        if by != user && !ended.is_empty() {
            let detail = json!({"sessions": ended});
            let entry =
                Entry { actor: by, from, action: "session.revoke", target: user.to_string(), detail, now };
            audit::append(db, entry).await?;
        }
        Ok(ended)
    }
}

struct Expire(WallMs);

#[async_trait]
impl Write for Expire {
    type Out = u64;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<u64> {
        db.conn
            .run(
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 \
                 OR revoked_at < $1 LIMIT $2)",
                args![self.0, PORTION],
            )
            .await
    }
}
