//! Links for guests. Their codes are known by hashes only.

use async_trait::async_trait;

use super::{
    SqlStore,
    administration::{may_invite, may_see_invites},
    db::{Db, Row, args},
    guests::{self, depart},
    users::CreateUser,
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, InviteId, LoginId, UserId},
    chat::{
        invite::{GuestRecord, GuestState, InviteRecord},
        model::{Device, EXTERNAL, WallMs},
    },
    store::{
        ChannelAct, Decided, Departed, InviteStore, Knocked, LISTED_INVITES, MAX_INVITES, NewGuest,
        NewInvite, NewUser, Result, RevokedInvite, StoreError, Then, Welcomed, nothing,
    },
};

/// Guests who are seen off in one write.
const AT_ONCE: u32 = 200;

macro_rules! invite_sql {
    ($tail:literal) => {
        concat!(
            "SELECT i.id, i.channel_id, i.created_by, i.created_at, i.expires_at, i.max_uses, i.uses, ",
            "i.revoked_at, i.lobby, i.may_publish, i.may_chat, c.name AS channel_name, c.archived_at, ",
            "c.is_internal FROM invites i JOIN channels c ON c.id = i.channel_id ",
            $tail
        )
    };
}

#[async_trait]
impl InviteStore for SqlStore {
    async fn create_invite(&self, act: ChannelAct, new: NewInvite) -> Result<InviteRecord> {
        self.writer.submit(Create { act, new }, nothing()).await
    }

    async fn invites(&self, act: ChannelAct) -> Result<Vec<InviteRecord>> {
        let mut reader = self.readers.snapshot().await?;
        let mut conn = reader.db();
        may_see_invites(&mut conn, &act).await?;
        let sql = invite_sql!(
            "WHERE i.channel_id = $1 AND i.revoked_at IS NULL AND i.expires_at > $2 ORDER BY i.id DESC LIMIT $3"
        );
        let found = conn.all(sql, args![act.channel, act.now, LISTED_INVITES]).await?;
        found.iter().map(record).collect()
    }

    async fn invite(&self, id: InviteId) -> Result<InviteRecord> {
        let mut reader = self.readers.take().await?;
        record(&reader.db().one(invite_sql!("WHERE i.id = $1"), args![id]).await?)
    }

    async fn invite_by_hash(&self, hash: &str, now: WallMs) -> Result<(InviteRecord, String)> {
        let mut reader = self.readers.take().await?;
        let row = reader.db().one(invite_sql!("WHERE i.code_hash = $1"), args![hash]).await?;
        Ok((open(&row, now)?, row.text("channel_name")?))
    }

    async fn welcome(&self, new: NewGuest) -> Result<Welcomed> {
        self.writer.submit(Welcome(new), nothing()).await
    }

    async fn revoke_invite(
        &self,
        act: ChannelAct,
        id: InviteId,
        then: Then<RevokedInvite>,
    ) -> Result<RevokedInvite> {
        self.writer.submit(Revoke { act, id }, then).await
    }

    async fn see_guests_off(&self, now: WallMs, then: Then<Option<Departed>>) -> Result<Option<Departed>> {
        self.writer.submit(SeeOff(now), then).await
    }

    async fn guest(&self, user: UserId) -> Result<GuestRecord> {
        let mut reader = self.readers.take().await?;
        guests::find(&mut reader.db(), user).await
    }

    async fn knock(&self, user: UserId, now: WallMs, then: Then<Knocked>) -> Result<Knocked> {
        self.writer.submit(guests::Knock { user, now }, then).await
    }

    async fn end_knock(&self, user: UserId, then: Then<Option<Knocked>>) -> Result<Option<Knocked>> {
        self.writer.submit(guests::EndKnock(user), then).await
    }

    async fn knocking(&self, channel: Option<ChannelId>) -> Result<Vec<GuestRecord>> {
        let mut reader = self.readers.take().await?;
        guests::knocking(&mut reader.db(), channel).await
    }

    async fn decide(
        &self,
        act: ChannelAct,
        user: UserId,
        admit: bool,
        then: Then<Decided>,
    ) -> Result<Decided> {
        self.writer.submit(guests::Decide { act, user, admit }, then).await
    }
}

fn record(row: &Row) -> Result<InviteRecord> {
    let max_uses = row.maybe_int("max_uses")?;
    Ok(InviteRecord {
        id: row.id("id")?,
        channel: row.id("channel_id")?,
        by: row.id("created_by")?,
        created_at: row.int("created_at")?,
        expires_at: row.int("expires_at")?,
        max_uses: max_uses.map(|most| u32::try_from(most).unwrap_or(0)),
        uses: row.small("uses")?,
        revoked_at: row.maybe_int("revoked_at")?,
        lobby: row.flag("lobby")?,
        publish: row.flag("may_publish")?,
        chat: row.flag("may_chat")?,
    })
}

/// `State` if it lets nobody in: it has ended, or its channel is closed to them by now.
fn open(row: &Row, now: WallMs) -> Result<InviteRecord> {
    let invite = record(row)?;
    let closed = row.maybe_int("archived_at")?.is_some() || row.flag("is_internal")?;
    if closed || !invite.is_open(now) { Err(StoreError::State) } else { Ok(invite) }
}

async fn find(conn: &mut Db<'_>, id: InviteId) -> Result<InviteRecord> {
    record(&conn.one(invite_sql!("WHERE i.id = $1"), args![id]).await?)
}

struct Create {
    act: ChannelAct,
    new: NewInvite,
}

#[async_trait]
impl Write for Create {
    type Out = InviteRecord;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<InviteRecord> {
        let Self { act, new } = *self;
        let channel = may_invite(db, &act, "invite.create").await?;
        if channel.is_internal {
            return Err(StoreError::Denied);
        }
        if channel.archived_at.is_some() {
            return Err(StoreError::State);
        }
        if let Db::Postgres(_) = db.conn {
            // Another process may make one as well, and both would count what was there before.
            db.conn.one("SELECT id FROM channels WHERE id = $1 FOR UPDATE", args![act.channel]).await?;
        }
        let count = "SELECT COUNT(*) AS n FROM invites WHERE channel_id = $1 AND revoked_at IS NULL \
                     AND expires_at > $2 AND (max_uses IS NULL OR uses < max_uses)";
        if db.conn.one(count, args![act.channel, act.now]).await?.small("n")? >= MAX_INVITES {
            return Err(StoreError::Full);
        }
        db.conn
            .run(
                "INSERT INTO invites (id, channel_id, created_by, created_at, expires_at, max_uses, lobby, \
                   may_publish, may_chat, code_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                args![
                    new.id,
                    act.channel,
                    act.by,
                    act.now,
                    new.expires_at,
                    new.max_uses,
                    new.lobby,
                    new.publish,
                    new.chat,
                    &new.hash
                ],
            )
            .await?;
        find(&mut db.conn, new.id).await
    }
}

struct Welcome(NewGuest);

#[async_trait]
impl Write for Welcome {
    type Out = Welcomed;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Welcomed> {
        let new = self.0;
        // Another process may let somebody in by the last use.
        let sql = db.conn.pick(
            invite_sql!("WHERE i.code_hash = $1"),
            invite_sql!("WHERE i.code_hash = $1 FOR UPDATE OF i"),
        );
        let invite = open(&db.conn.one(sql, args![&new.hash]).await?, new.now)?;
        db.conn.run("UPDATE invites SET uses = uses + 1 WHERE id = $1", args![invite.id]).await?;
        let account = NewUser {
            id: new.user,
            username: new.username,
            name: new.name,
            role: "member".into(),
            kind: EXTERNAL.into(),
            external_id: None,
            password_hash: None,
            now: new.now,
        };
        let user = Box::new(CreateUser(account)).apply(db).await?.user;
        let expires_at = invite.guest_until(new.now);
        // It has no refresh token: nothing hashes to nothing.
        db.conn
            .run(
                "INSERT INTO sessions (id, user_id, device, client, ip, refresh_hash, rotated_at, created_at, \
                   last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, '', $6, $6, $6, $7)",
                args![
                    new.login,
                    user.id,
                    Device::default().as_str(),
                    &new.client,
                    new.from.text(),
                    new.now,
                    expires_at
                ],
            )
            .await?;
        let state = if invite.lobby { GuestState::Waiting } else { GuestState::Admitted };
        db.conn
            .run(
                "INSERT INTO guests (user_id, invite_id, channel_id, session_id, state, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                args![user.id, invite.id, invite.channel, new.login, state.as_str(), new.now, expires_at],
            )
            .await?;
        Ok(Welcomed { user, invite: find(&mut db.conn, invite.id).await?, expires_at })
    }
}

fn sign_ins(rows: &[Row]) -> Result<Vec<(UserId, LoginId)>> {
    rows.iter().map(|row| Ok((row.id("user_id")?, row.id("session_id")?))).collect()
}

struct Revoke {
    act: ChannelAct,
    id: InviteId,
}

#[async_trait]
impl Write for Revoke {
    type Out = RevokedInvite;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<RevokedInvite> {
        let Self { act, id } = *self;
        may_invite(db, &act, "invite.revoke").await?;
        // Another process may be letting somebody in by it.
        let sql =
            db.conn.pick(invite_sql!("WHERE i.id = $1"), invite_sql!("WHERE i.id = $1 FOR UPDATE OF i"));
        let invite = record(&db.conn.one(sql, args![id]).await?)?;
        if invite.channel != act.channel {
            return Err(StoreError::NotFound);
        }
        let nobody = Departed { by: act.by, guests: Vec::new(), there: None };
        if invite.revoked_at.is_some() {
            return Ok(RevokedInvite { invite, departed: nobody });
        }
        db.conn.run("UPDATE invites SET revoked_at = $1 WHERE id = $2", args![act.now, id]).await?;
        let here = "SELECT user_id, session_id FROM guests WHERE invite_id = $1 AND gone_at IS NULL ORDER BY user_id";
        let here = sign_ins(&db.conn.all(here, args![id]).await?)?;
        let departed = match here.is_empty() {
            true => nobody,
            false => depart(db, act.channel, here, Some(act.by), act.now).await?,
        };
        Ok(RevokedInvite { invite: find(&mut db.conn, id).await?, departed })
    }
}

struct SeeOff(WallMs);

#[async_trait]
impl Write for SeeOff {
    type Out = Option<Departed>;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Option<Departed>> {
        let now = self.0;
        let first = "SELECT g.channel_id FROM guests g LEFT JOIN sessions s ON s.id = g.session_id \
                     WHERE g.gone_at IS NULL AND (g.expires_at <= $1 OR s.id IS NULL OR s.revoked_at IS NOT NULL) \
                     ORDER BY g.channel_id LIMIT 1";
        let Some(row) = db.conn.maybe(first, args![now]).await? else { return Ok(None) };
        let channel: ChannelId = row.id("channel_id")?;
        let over = "SELECT g.user_id, g.session_id FROM guests g LEFT JOIN sessions s ON s.id = g.session_id \
                    WHERE g.channel_id = $2 AND g.gone_at IS NULL \
                      AND (g.expires_at <= $1 OR s.id IS NULL OR s.revoked_at IS NOT NULL) \
                    ORDER BY g.user_id LIMIT $3";
        let over = sign_ins(&db.conn.all(over, args![now, channel, AT_ONCE]).await?)?;
        depart(db, channel, over, None, now).await.map(Some)
    }
}
