//! Accounts that came by a link: where they may be, and how they go.

use async_trait::async_trait;

use super::{
    administration::may_invite,
    channels::{enter, member, shared},
    db::{Db, Row, args},
    lines,
    logins::end,
    messages::bump,
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, LoginId, UserId},
    chat::{
        invite::{GuestRecord, GuestState},
        line::Line,
        model::{MemberRole, WallMs},
    },
    store::{
        Audience, ChannelAct, Decided, Departed, DirectoryChannel, Knocked, MAX_KNOCKING, Result, StoreError,
    },
};

macro_rules! guest_sql {
    ($tail:literal) => {
        concat!(
            "SELECT g.user_id, u.name, g.channel_id, g.session_id, g.state, g.knocked_at ",
            "FROM guests g JOIN users u ON u.id = g.user_id ",
            $tail
        )
    };
}

fn record(row: &Row) -> Result<GuestRecord> {
    Ok(GuestRecord {
        user: row.id("user_id")?,
        name: row.text("name")?,
        channel: row.id("channel_id")?,
        login: row.id("session_id")?,
        state: row.word("state", GuestState::parse)?,
        knocked_at: row.maybe_int("knocked_at")?,
    })
}

pub(super) async fn find(conn: &mut Db<'_>, user: UserId) -> Result<GuestRecord> {
    record(&conn.one(guest_sql!("WHERE g.user_id = $1"), args![user]).await?)
}

pub(super) async fn knocking(conn: &mut Db<'_>, channel: Option<ChannelId>) -> Result<Vec<GuestRecord>> {
    let sql = guest_sql!(
        "WHERE g.state = 'waiting' AND g.knocked_at IS NOT NULL AND g.gone_at IS NULL AND ($1 IS NULL OR g.channel_id = $1) \
         ORDER BY g.knocked_at, g.user_id"
    );
    conn.all(sql, args![channel]).await?.iter().map(record).collect()
}

/// Members who may let somebody in.
async fn hosts(conn: &mut Db<'_>, channel: ChannelId) -> Result<Audience> {
    let rows = conn
        .all(
            "SELECT m.user_id FROM channel_members m JOIN channels c ON c.id = m.channel_id \
             WHERE m.channel_id = $1 AND m.left_at IS NULL \
               AND (m.role IN ('owner', 'admin') OR (c.kind = 'group' AND NOT c.is_private)) \
               AND NOT EXISTS (SELECT 1 FROM guests g WHERE g.user_id = m.user_id) ORDER BY m.user_id",
            args![channel],
        )
        .await?;
    rows.iter().map(|row| row.id("user_id")).collect::<Result<Vec<UserId>>>().map(Into::into)
}

pub(super) async fn is_guest(conn: &mut Db<'_>, user: UserId) -> Result<bool> {
    let sql = "SELECT user_id FROM guests WHERE user_id = $1";
    Ok(conn.maybe(sql, args![user]).await?.is_some())
}

/// `Denied` for a guest whom nobody has let in yet. Who is no guest has its token to say where it may go.
pub(super) async fn may_enter(conn: &mut Db<'_>, channel: ChannelId, user: UserId) -> Result<()> {
    let guest = match find(conn, user).await {
        Ok(guest) => guest,
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    match (guest.channel == channel, guest.state) {
        (true, GuestState::Admitted) => Ok(()),
        (true, _) => Err(StoreError::Denied),
        (false, _) => Err(StoreError::NotFound),
    }
}

/// Their sign-ins end, and so do their memberships of the channel. `by` removes them, or they go by themselves.
pub(super) async fn depart(
    db: &mut Tx<'_>,
    channel: ChannelId,
    guests: Vec<(UserId, LoginId)>,
    by: Option<UserId>,
    now: WallMs,
) -> Result<Departed> {
    let before = db.audience(channel).await?;
    let mut gone = Vec::new();
    for (user, login) in &guests {
        end(&mut db.conn, *login, now).await?;
        db.conn.run("UPDATE guests SET gone_at = $1 WHERE user_id = $2", args![now, *user]).await?;
        if before.binary_search(user).is_ok() {
            gone.push(*user);
        }
    }
    // Who speaks for all that go by themselves.
    let by = by.or_else(|| guests.first().map(|(user, _)| *user)).ok_or(StoreError::NotFound)?;
    if gone.is_empty() {
        return Ok(Departed { by, guests, there: None });
    }
    let rev = bump(db, channel).await?;
    for user in &gone {
        let sql = "UPDATE channel_members SET left_at = $1, rev = $2 WHERE channel_id = $3 AND user_id = $4";
        db.conn.run(sql, args![now, rev, channel, *user]).await?;
    }
    db.members.forget(channel);
    let mut left = Vec::with_capacity(gone.len());
    for user in &gone {
        left.push(member(&mut db.conn, channel, *user).await?);
    }
    let mut there = DirectoryChannel {
        channel: shared(&mut db.conn, channel).await?,
        created: false,
        updated: false,
        archived: false,
        joined: Vec::new(),
        left,
        changed: Vec::new(),
        lines: Vec::new(),
        audience: db.audience(channel).await?,
    };
    if lines::speaks(there.channel.kind) {
        let (users, count) = lines::people(db, &gone).await?;
        let removed = !guests.iter().any(|(user, _)| *user == by);
        let line = if removed { Line::Removed { users, count } } else { Line::Left { users, count } };
        there.lines.push(lines::write(db, channel, by, &line, now).await?);
    }
    Ok(Departed { by, guests, there: Some(there) })
}

pub(super) struct Knock {
    pub user: UserId,
    pub now: WallMs,
}

#[async_trait]
impl Write for Knock {
    type Out = Knocked;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Knocked> {
        let Self { user, now } = *self;
        let guest = find(&mut db.conn, user).await?;
        if guest.state != GuestState::Waiting {
            return Err(StoreError::State);
        }
        let hosts = hosts(&mut db.conn, guest.channel).await?;
        if guest.knocked_at.is_some() {
            return Ok(Knocked { guest, fresh: false, hosts });
        }
        if knocking(&mut db.conn, Some(guest.channel)).await?.len() >= MAX_KNOCKING as usize {
            return Err(StoreError::Full);
        }
        db.conn.run("UPDATE guests SET knocked_at = $1 WHERE user_id = $2", args![now, user]).await?;
        Ok(Knocked { guest: GuestRecord { knocked_at: Some(now), ..guest }, fresh: true, hosts })
    }
}

pub(super) struct EndKnock(pub UserId);

#[async_trait]
impl Write for EndKnock {
    type Out = Option<Knocked>;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Option<Knocked>> {
        let sql = "UPDATE guests SET knocked_at = NULL WHERE user_id = $1 AND knocked_at IS NOT NULL \
                   AND state = 'waiting'";
        if db.conn.run(sql, args![self.0]).await? == 0 {
            return Ok(None);
        }
        let guest = find(&mut db.conn, self.0).await?;
        let hosts = hosts(&mut db.conn, guest.channel).await?;
        Ok(Some(Knocked { guest, fresh: true, hosts }))
    }
}

pub(super) struct Decide {
    pub act: ChannelAct,
    pub user: UserId,
    pub admit: bool,
}

#[async_trait]
impl Write for Decide {
    type Out = Decided;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<Decided> {
        let Self { act, user, admit } = *self;
        let action = if admit { "invite.admit" } else { "invite.refuse" };
        let channel = may_invite(db, &act, action).await?;
        let known = find(&mut db.conn, user).await;
        let guest =
            known.map_err(|error| if error == StoreError::NotFound { StoreError::NoUser } else { error })?;
        if guest.channel != act.channel {
            return Err(StoreError::NoUser);
        }
        let state = if admit { GuestState::Admitted } else { GuestState::Refused };
        // Of two who decide at once one is first, in other processes too; and nobody lets in whose time is over.
        let sql = "UPDATE guests SET state = $1, decided_by = $2, knocked_at = NULL \
                   WHERE user_id = $3 AND state = 'waiting' AND gone_at IS NULL AND expires_at > $4";
        let decided = db.conn.run(sql, args![state.as_str(), act.by, user, act.now]).await?;
        let closed = admit && (channel.archived_at.is_some() || channel.is_internal);
        if decided == 0 || closed {
            return Err(StoreError::State);
        }
        let hosts = match guest.knocked_at {
            Some(_) => Some(hosts(&mut db.conn, act.channel).await?),
            None => None,
        };
        let mut joined = None;
        if admit {
            let mut entered = enter(db, act.channel, user, MemberRole::Member.as_str(), act.now).await?;
            if lines::speaks(channel.kind) {
                let (users, count) = lines::people(db, &[user]).await?;
                let line = Line::Added { users, count };
                entered.line = Some(lines::write(db, act.channel, act.by, &line, act.now).await?);
            }
            joined = Some(entered);
        } else {
            end(&mut db.conn, guest.login, act.now).await?;
            db.conn.run("UPDATE guests SET gone_at = $1 WHERE user_id = $2", args![act.now, user]).await?;
        }
        Ok(Decided { guest: GuestRecord { state, knocked_at: None, ..guest }, by: act.by, hosts, joined })
    }
}
