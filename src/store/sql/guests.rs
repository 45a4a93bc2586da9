//! Accounts that came by a link: where they may be, and how they go.

use super::{
    channels::{member, shared},
    db::{Db, args},
    lines,
    logins::end,
    messages::bump,
    writer::Tx,
};
use crate::{
    base::id::{ChannelId, LoginId, UserId},
    chat::{line::Line, model::WallMs},
    store::{Departed, DirectoryChannel, Result, StoreError},
};

pub(super) async fn is_guest(conn: &mut Db<'_>, user: UserId) -> Result<bool> {
    let sql = "SELECT user_id FROM guests WHERE user_id = $1";
    Ok(conn.maybe(sql, args![user]).await?.is_some())
}

/// `Denied` for a guest whom nobody has let in yet. Who is no guest has its token to say where it may go.
pub(super) async fn may_enter(conn: &mut Db<'_>, channel: ChannelId, user: UserId) -> Result<()> {
    let sql = "SELECT channel_id, state FROM guests WHERE user_id = $1";
    let Some(row) = conn.maybe(sql, args![user]).await? else { return Ok(()) };
    match (row.id::<ChannelId>("channel_id")? == channel, row.text("state")?.as_str()) {
        (true, "admitted") => Ok(()),
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
