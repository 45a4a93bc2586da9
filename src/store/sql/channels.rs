//! Channels, members, read cursors.

use super::{
    db::{Db, Row, args, containing},
    guests, lines,
    messages::bump,
    moderation::is_blocked_by,
    rows::{self, channel_sql, member_sql, shared_channel_sql},
    threads,
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, UserId},
    chat::{
        line::Line,
        model::{ChannelKind, ChannelRecord, EXTERNAL, MemberRecord, WallMs},
    },
    store::{
        ChannelQuery, CreatedChannel, JoinedChannel, NewChannel, ReadMark, ReadMove, Result, StoreError,
    },
};
use async_trait::async_trait;

/// Member ids are listed in a channel object up to this many.
const LISTED_MEMBERS: u32 = 500;

pub(super) struct CreateChannel(pub NewChannel);

#[async_trait]
impl Write for CreateChannel {
    type Out = CreatedChannel;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<CreatedChannel> {
        let mut new = self.0;
        new.is_internal |= new.kind.is_internal();
        if let (ChannelKind::Dm, Some(owner)) = (new.kind, new.owner) {
            for other in &new.members {
                if is_blocked_by(&mut db.conn, owner, *other).await? {
                    return Err(StoreError::Blocked);
                }
            }
        }
        if let Some(owner) = new.owner {
            fits(db, new.is_internal, owner).await?;
        }
        if of_unit(&mut db.conn, (&new.department, &new.project)).await?.is_some() {
            return Err(StoreError::Duplicate);
        }
        if let Some(existing) = find_existing(db, &new).await? {
            let audience = db.audience(existing).await?;
            let channel = as_owner(db, existing, new.owner).await?;
            return Ok(CreatedChannel { channel, audience, created: false });
        }
        db.conn
            .run(
                "INSERT INTO channels (id, slug, kind, name, description, dm_key, is_private, is_voice, created_by, \
                   created_at, department_id, project_id, is_internal, context, rev) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)",
                args![
                    new.id,
                    &new.slug,
                    new.kind.as_str(),
                    &new.name,
                    &new.description,
                    &new.dm_key,
                    new.is_private,
                    new.is_voice,
                    new.owner,
                    new.now,
                    &new.department,
                    &new.project,
                    new.is_internal,
                    &new.context
                ],
            )
            .await?;
        insert_members(db, &new).await?;
        db.members.forget(new.id);
        let audience = db.audience(new.id).await?;
        let channel = as_owner(db, new.id, new.owner).await?;
        Ok(CreatedChannel { channel, audience, created: true })
    }
}

/// The channel of a department or project, if it has one; the first that was made, if it has several.
pub(super) async fn of_unit(
    conn: &mut Db<'_>,
    (department, project): (&Option<String>, &Option<String>),
) -> Result<Option<ChannelId>> {
    if department.is_none() && project.is_none() {
        return Ok(None);
    }
    let found = conn
        .maybe(
            "SELECT id FROM channels WHERE (kind = 'department' AND department_id = $1) \
             OR (kind = 'project' AND project_id = $2) ORDER BY id LIMIT 1",
            args![department, project],
        )
        .await?;
    found.map(|row| row.id("id")).transpose()
}

/// `Denied` where external accounts are not let in and this is one.
pub(super) async fn fits(db: &mut Tx<'_>, internal: bool, user: UserId) -> Result<()> {
    match internal && is_external(&mut db.conn, user).await? {
        true => Err(StoreError::Denied),
        false => Ok(()),
    }
}

pub(super) async fn is_external(conn: &mut Db<'_>, user: UserId) -> Result<bool> {
    let row = conn.maybe("SELECT kind FROM users WHERE id = $1", args![user]).await?;
    Ok(row.map(|row| row.text("kind")).transpose()?.as_deref() == Some(EXTERNAL))
}

/// A dm by its key, a general channel by its slug.
async fn find_existing(db: &mut Tx<'_>, new: &NewChannel) -> Result<Option<ChannelId>> {
    let found = db
        .conn
        .maybe(
            "SELECT id FROM channels WHERE dm_key = $1 OR (slug = $2 AND kind = 'general')",
            args![&new.dm_key, &new.slug],
        )
        .await?;
    found.map(|row| row.id("id")).transpose()
}

async fn insert_members(db: &mut Tx<'_>, new: &NewChannel) -> Result<()> {
    if new.kind == ChannelKind::General {
        db.conn
            .run(
                "INSERT INTO channel_members (channel_id, user_id, role, joined_at, rev) \
             SELECT $1, id, 'member', $2, 1 FROM users WHERE is_active AND kind <> 'client'",
                args![new.id, new.now],
            )
            .await?;
        return Ok(());
    }
    for user in &new.members {
        fits(db, new.is_internal, *user).await?;
        let owns = Some(*user) == new.owner && new.kind != ChannelKind::Dm;
        let role = if owns { "owner" } else { "member" };
        let added = db
            .conn
            .run(
                "INSERT INTO channel_members (channel_id, user_id, role, joined_at, rev) \
             SELECT $1, id, $2, $3, 1 FROM users WHERE id = $4 AND is_active \
               AND NOT EXISTS (SELECT 1 FROM guests g WHERE g.user_id = users.id)",
                args![new.id, role, new.now, *user],
            )
            .await?;
        if added == 0 {
            return Err(StoreError::NotFound);
        }
    }
    Ok(())
}

/// The channel for its maker; the server's own channels are seen with no membership.
async fn as_owner(db: &mut Tx<'_>, id: ChannelId, owner: Option<UserId>) -> Result<ChannelRecord> {
    match owner {
        Some(owner) => load(&mut db.conn, id, owner).await,
        None => shared(&mut db.conn, id).await,
    }
}

pub(super) struct AddMember {
    pub channel: ChannelId,
    pub user: UserId,
    pub now: WallMs,
}

#[async_trait]
impl Write for AddMember {
    type Out = JoinedChannel;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<JoinedChannel> {
        let left = db
            .conn
            .maybe(
                "SELECT user_id FROM channel_members \
                 WHERE channel_id = $1 AND user_id = $2 AND left_at IS NOT NULL",
                args![self.channel, self.user],
            )
            .await?;
        // Whoever left or was removed is let in again by a member, not by a token.
        if left.is_some() {
            return Err(StoreError::NotFound);
        }
        guests::may_enter(&mut db.conn, self.channel, self.user).await?;
        let place =
            db.conn.one("SELECT kind, is_internal FROM channels WHERE id = $1", args![self.channel]).await?;
        if place.flag("is_internal")? && is_external(&mut db.conn, self.user).await? {
            return Err(StoreError::NotFound);
        }
        let mut joined = enter(db, self.channel, self.user, "member", self.now).await?;
        if joined.added && lines::speaks(rows::kind(&place)?) {
            let (users, count) = lines::people(db, &[self.user]).await?;
            let line = Line::Joined { users, count };
            joined.line = Some(lines::write(db, self.channel, self.user, &line, self.now).await?);
        }
        Ok(joined)
    }
}

/// Makes the user a member, unless it is one. A time-out survives leaving and coming back.
pub(super) async fn enter(
    db: &mut Tx<'_>,
    channel: ChannelId,
    user: UserId,
    role: &str,
    now: WallMs,
) -> Result<JoinedChannel> {
    let known = db.audience(channel).await?.binary_search(&user).is_ok();
    if !known {
        let place = db.conn.one("SELECT is_internal FROM channels WHERE id = $1", args![channel]).await?;
        fits(db, place.flag("is_internal")?, user).await?;
        let rev = bump(db, channel).await?;
        // History before the entry is visible but not unread.
        db.conn
            .run(
                "INSERT INTO channel_members (channel_id, user_id, role, joined_at, joined_seq, read_seq, rev) \
                 SELECT $1, $2, $3, $4, last_seq, last_seq, $5 FROM channels WHERE id = $1 \
                 ON CONFLICT (channel_id, user_id) DO UPDATE SET left_at = NULL, role = excluded.role, \
                   joined_at = excluded.joined_at, joined_seq = excluded.joined_seq, \
                   read_seq = excluded.read_seq, rev = excluded.rev",
                args![channel, user, role, now, rev],
            )
            .await?;
        db.members.entered(channel, user);
    }
    Ok(JoinedChannel {
        channel: load(&mut db.conn, channel, user).await?,
        member: member(&mut db.conn, channel, user).await?,
        audience: db.audience(channel).await?,
        added: !known,
        line: None,
    })
}

pub(super) struct MarkRead {
    pub channel: ChannelId,
    pub user: UserId,
    pub to: ReadMove,
    pub now: WallMs,
}

#[async_trait]
impl Write for MarkRead {
    type Out = ReadMark;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ReadMark> {
        let before = load(&mut db.conn, self.channel, self.user).await?;
        let target = self.to.target(before.read_seq, before.last_seq);
        let moved = target != before.read_seq;
        if moved {
            db.conn
                .run(
                    "UPDATE channel_members SET read_seq = $1, read_at = $2 WHERE channel_id = $3 AND user_id = $4",
                    args![target, self.now, self.channel, self.user],
                )
                .await?;
        }
        let threads = matches!(self.to, ReadMove::All)
            && threads::read_all(db, self.channel, self.user, self.now).await?;
        let changed = moved || threads;
        let after = if changed { load(&mut db.conn, self.channel, self.user).await? } else { before };
        Ok(ReadMark {
            thread: None,
            read_seq: after.read_seq,
            unread: after.unread,
            mentions: after.mentions,
            changed,
            kind: after.kind,
            audience: db.audience(self.channel).await?,
        })
    }
}

pub(super) async fn resolve(
    conn: &mut Db<'_>,
    name: &str,
) -> Result<(ChannelId, Option<String>, ChannelKind)> {
    // Crockford text is accepted in lower case too; a slug never looks like 26 of its characters.
    let id = name.parse::<ChannelId>().map_or_else(|_| name.to_owned(), |id| id.to_string());
    let row =
        conn.one("SELECT id, slug, kind FROM channels WHERE id = $1 OR slug = $2", args![id, name]).await?;
    Ok((row.id("id")?, row.maybe_text("slug")?, rows::kind(&row)?))
}

pub(super) async fn role(conn: &mut Db<'_>, channel: ChannelId, user: UserId) -> Result<String> {
    let row = conn
        .one(
            "SELECT role FROM channel_members WHERE channel_id = $1 AND user_id = $2 AND left_at IS NULL",
            args![channel, user],
        )
        .await?;
    row.text("role")
}

/// The channel as this member sees it; `NotFound` for everybody else.
pub(super) async fn load(conn: &mut Db<'_>, id: ChannelId, user: UserId) -> Result<ChannelRecord> {
    let row = conn
        .one(
            channel_sql!("WHERE m.channel_id = $1 AND m.user_id = $2 AND m.left_at IS NULL"),
            args![id, user],
        )
        .await?;
    let mut channel = record(&row)?;
    fill(conn, &mut channel, user).await?;
    Ok(channel)
}

/// The channel without anybody's view of it; membership is not checked.
pub(super) async fn shared(conn: &mut Db<'_>, id: ChannelId) -> Result<ChannelRecord> {
    record(&conn.one(shared_channel_sql!("WHERE c.id = $1"), args![id]).await?)
}

/// Of a member, or of somebody who was one.
pub(super) async fn member(conn: &mut Db<'_>, channel: ChannelId, user: UserId) -> Result<MemberRecord> {
    let row =
        conn.one(member_sql!("WHERE m.channel_id = $1 AND m.user_id = $2"), args![channel, user]).await?;
    rows::member(&row)
}

pub(super) async fn list(conn: &mut Db<'_>, user: UserId, query: ChannelQuery) -> Result<Vec<ChannelRecord>> {
    let found = conn
        .all(
            channel_sql!(
                "WHERE m.user_id = $1 AND m.left_at IS NULL AND (c.archived_at IS NOT NULL) = $6 \
         AND ($2 IS NULL OR c.kind = $2) AND ($3 IS NULL OR c.id > $3) \
         AND ($4 IS NULL OR lower(c.name) LIKE lower($4) ESCAPE '\\') \
         AND ($7 IS NULL OR c.project_id = $7) AND ($8 IS NULL OR c.department_id = $8) \
         ORDER BY c.id LIMIT $5"
            ),
            args![
                user,
                query.kind.map(ChannelKind::as_str),
                query.after,
                query.search.filter(|text| !text.is_empty()).as_deref().map(containing),
                query.limit,
                query.archived,
                query.project,
                query.department
            ],
        )
        .await?;
    let mut channels = found.iter().map(record).collect::<Result<Vec<_>>>()?;
    for channel in &mut channels {
        fill(conn, channel, user).await?;
    }
    Ok(channels)
}

/// Adds the member ids and the dm peer.
async fn fill(conn: &mut Db<'_>, channel: &mut ChannelRecord, user: UserId) -> Result<()> {
    if channel.kind == ChannelKind::General {
        return Ok(());
    }
    let found = conn
        .all(
            "SELECT m.user_id, u.username, u.name FROM channel_members m JOIN users u ON u.id = m.user_id \
         WHERE m.channel_id = $1 AND m.left_at IS NULL ORDER BY m.user_id LIMIT $2",
            args![channel.id, LISTED_MEMBERS],
        )
        .await?;
    for row in &found {
        let member: UserId = row.id("user_id")?;
        channel.members.push(member);
        // A dm with oneself has oneself as peer.
        if channel.kind == ChannelKind::Dm && (member != user || found.len() == 1) {
            channel.peer = Some((member, row.text("username")?, row.text("name")?));
        }
    }
    Ok(())
}

pub(super) async fn members(conn: &mut Db<'_>, channel: ChannelId) -> Result<Vec<MemberRecord>> {
    let found = conn
        .all(member_sql!("WHERE m.channel_id = $1 AND m.left_at IS NULL ORDER BY m.user_id"), args![channel])
        .await?;
    found.iter().map(rows::member).collect()
}

fn record(row: &Row) -> Result<ChannelRecord> {
    Ok(ChannelRecord {
        id: row.id("id")?,
        slug: row.maybe_text("slug")?,
        kind: rows::kind(row)?,
        name: row.text("name")?,
        description: row.text("description")?,
        topic: row.text("topic")?,
        is_private: row.flag("is_private")?,
        is_voice: row.flag("is_voice")?,
        is_read_only: row.flag("is_read_only")?,
        slow_mode_s: row.small("slow_mode_s")?,
        retention_days: row.small("retention_days")?,
        department_id: row.maybe_text("department_id")?,
        project_id: row.maybe_text("project_id")?,
        is_internal: row.flag("is_internal")?,
        context: row.text("context")?,
        archived_at: row.maybe_int("archived_at")?,
        last_seq: row.unsigned("last_seq")?,
        rev: row.unsigned("rev")?,
        last_message_at: row.maybe_int("last_message_at")?,
        created_at: row.int("created_at")?,
        member_count: row.small("member_count")?,
        members: Vec::new(),
        role: row.text("role")?,
        read_seq: row.unsigned("read_seq")?,
        unread: row.small("unread")?,
        mentions: row.small("mentions")?,
        thread_unread: row.small("thread_unread")?,
        thread_mentions: row.small("thread_mentions")?,
        notify: row.text("notify")?,
        muted_until: row.maybe_int("muted_until")?,
        peer: None,
    })
}
