//! Channels, members, read cursors.

use async_trait::async_trait;
use sqlx::{SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{
    rows::{
        self, channel_sql, flag, int, maybe_int, maybe_text, member_sql, row_id, small, text, unavailable,
        unsigned,
    },
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, UserId},
    chat::model::{ChannelKind, ChannelRecord, MemberRecord, WallMs},
    store::{
        ChannelQuery, CreatedChannel, JoinedChannel, NewChannel, ReadMark, ReadMove, Result, StoreError,
    },
};

/// Member ids are listed in a channel object up to this many.
const LISTED_MEMBERS: i64 = 500;

pub(super) struct CreateChannel(pub NewChannel);

#[async_trait]
impl Write for CreateChannel {
    type Out = CreatedChannel;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<CreatedChannel> {
        let new = self.0;
        if let Some(existing) = find_existing(db, &new).await? {
            let audience = db.audience(existing).await?;
            let channel = as_owner(db, existing, new.owner).await?;
            return Ok(CreatedChannel { channel, audience, created: false });
        }
        sqlx::query(
            "INSERT INTO channels (id, slug, kind, name, description, dm_key, is_private, is_voice, created_by, \
             created_at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        )
        .bind(new.id.to_string())
        .bind(&new.slug)
        .bind(new.kind.as_str())
        .bind(&new.name)
        .bind(&new.description)
        .bind(&new.dm_key)
        .bind(new.is_private)
        .bind(new.is_voice)
        .bind(new.owner.map(|id| id.to_string()))
        .bind(new.now)
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        insert_members(db, &new).await?;
        db.members.forget(new.id);
        let audience = db.audience(new.id).await?;
        let channel = as_owner(db, new.id, new.owner).await?;
        Ok(CreatedChannel { channel, audience, created: true })
    }
}

/// A dm by its key, a general channel by its slug.
async fn find_existing(db: &mut Tx<'_>, new: &NewChannel) -> Result<Option<ChannelId>> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT id FROM channels WHERE dm_key = ?1 OR (slug = ?2 AND kind = 'general')")
            .bind(&new.dm_key)
            .bind(&new.slug)
            .fetch_optional(&mut *db.conn)
            .await
            .map_err(unavailable)?;
    found.as_deref().map(rows::id).transpose()
}

async fn insert_members(db: &mut Tx<'_>, new: &NewChannel) -> Result<()> {
    if new.kind == ChannelKind::General {
        sqlx::query(
            "INSERT INTO channel_members (channel_id, user_id, role, joined_at, rev) \
             SELECT ?1, id, 'member', ?2, 1 FROM users WHERE is_active = 1",
        )
        .bind(new.id.to_string())
        .bind(new.now)
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        return Ok(());
    }
    for user in &new.members {
        let role =
            if Some(*user) == new.owner && new.kind == ChannelKind::Group { "owner" } else { "member" };
        let added = sqlx::query(
            "INSERT INTO channel_members (channel_id, user_id, role, joined_at, rev) \
             SELECT ?1, id, ?2, ?3, 1 FROM users WHERE id = ?4 AND is_active = 1",
        )
        .bind(new.id.to_string())
        .bind(role)
        .bind(new.now)
        .bind(user.to_string())
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        if added.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
    }
    Ok(())
}

/// The channel for its maker; the server's own channels are seen with no membership.
async fn as_owner(db: &mut Tx<'_>, id: ChannelId, owner: Option<UserId>) -> Result<ChannelRecord> {
    match owner {
        Some(owner) => load(db.conn, id, owner).await,
        None => {
            let row = sqlx::query(
                "SELECT c.id, c.slug, c.kind, c.name, c.description, c.topic, c.is_private, c.is_voice, \
                 c.is_read_only, c.last_seq, c.rev, c.last_message_at, c.created_at, '' AS role, 0 AS read_seq, \
                 0 AS member_count, 0 AS unread, 0 AS mentions FROM channels c WHERE c.id = ?",
            )
            .bind(id.to_string())
            .fetch_one(&mut *db.conn)
            .await
            .map_err(unavailable)?;
            record(&row)
        }
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
        enter(db, self.channel, self.user, "member", self.now).await
    }
}

/// Makes the user a member, unless it is one.
pub(super) async fn enter(
    db: &mut Tx<'_>,
    channel: ChannelId,
    user: UserId,
    role: &str,
    now: WallMs,
) -> Result<JoinedChannel> {
    let known = db.audience(channel).await?.contains(&user);
    if !known {
        let rev: i64 = sqlx::query_scalar("UPDATE channels SET rev = rev + 1 WHERE id = ? RETURNING rev")
            .bind(channel.to_string())
            .fetch_one(&mut *db.conn)
            .await
            .map_err(unavailable)?;
        // History before the entry is visible but not unread.
        sqlx::query(
            "INSERT INTO channel_members (channel_id, user_id, role, joined_at, joined_seq, read_seq, rev) \
             SELECT ?1, ?2, ?3, ?4, last_seq, last_seq, ?5 FROM channels WHERE id = ?1 \
             ON CONFLICT (channel_id, user_id) DO UPDATE SET left_at = NULL, rev = excluded.rev",
        )
        .bind(channel.to_string())
        .bind(user.to_string())
        .bind(role)
        .bind(now)
        .bind(rev)
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        db.members.forget(channel);
    }
    let row = sqlx::query(member_sql!("WHERE m.channel_id = ? AND m.user_id = ?"))
        .bind(channel.to_string())
        .bind(user.to_string())
        .fetch_one(&mut *db.conn)
        .await
        .map_err(unavailable)?;
    Ok(JoinedChannel {
        channel: load(db.conn, channel, user).await?,
        member: rows::member(&row)?,
        audience: db.audience(channel).await?,
        added: !known,
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
        let before = load(db.conn, self.channel, self.user).await?;
        let target = match self.to {
            ReadMove::UpTo(seq) => before.read_seq.max(seq.min(before.last_seq)),
            ReadMove::UnreadFrom(seq) => seq.saturating_sub(1).min(before.last_seq),
        };
        let changed = target != before.read_seq;
        let after = if changed {
            sqlx::query(
                "UPDATE channel_members SET read_seq = ?, read_at = ? WHERE channel_id = ? AND user_id = ?",
            )
            .bind(signed(target))
            .bind(self.now)
            .bind(self.channel.to_string())
            .bind(self.user.to_string())
            .execute(&mut *db.conn)
            .await
            .map_err(unavailable)?;
            load(db.conn, self.channel, self.user).await?
        } else {
            before
        };
        Ok(ReadMark {
            read_seq: after.read_seq,
            unread: after.unread,
            mentions: after.mentions,
            changed,
            kind: after.kind,
            audience: db.audience(self.channel).await?,
        })
    }
}

/// Positions and revisions stay far below 2^63; a client's larger number means "the end".
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) async fn resolve(
    pool: &SqlitePool,
    name: &str,
) -> Result<(ChannelId, Option<String>, ChannelKind)> {
    // Crockford text is accepted in lower case too; a slug never looks like 26 of its characters.
    let id = name.parse::<ChannelId>().map_or_else(|_| name.to_owned(), |id| id.to_string());
    let row = sqlx::query(
        "SELECT id, slug, kind FROM channels WHERE (id = ?1 OR slug = ?2) AND archived_at IS NULL",
    )
    .bind(id)
    .bind(name)
    .fetch_one(pool)
    .await
    .map_err(unavailable)?;
    Ok((row_id(&row, "id")?, maybe_text(&row, "slug")?, rows::kind(&row, "kind")?))
}

/// The channel as this member sees it; `NotFound` for everybody else.
pub(super) async fn load(conn: &mut SqliteConnection, id: ChannelId, user: UserId) -> Result<ChannelRecord> {
    let row = sqlx::query(channel_sql!("WHERE m.channel_id = ? AND m.user_id = ? AND m.left_at IS NULL"))
        .bind(id.to_string())
        .bind(user.to_string())
        .fetch_one(&mut *conn)
        .await
        .map_err(unavailable)?;
    let mut channel = record(&row)?;
    fill(conn, &mut channel, user).await?;
    Ok(channel)
}

pub(super) async fn list(
    conn: &mut SqliteConnection,
    user: UserId,
    query: ChannelQuery,
) -> Result<Vec<ChannelRecord>> {
    let found = sqlx::query(channel_sql!(
        "WHERE m.user_id = ?1 AND m.left_at IS NULL AND c.archived_at IS NULL \
         AND (?2 IS NULL OR c.kind = ?2) AND (?3 IS NULL OR c.id > ?3) \
         AND (?4 IS NULL OR instr(lower(c.name), lower(?4)) > 0) ORDER BY c.id LIMIT ?5"
    ))
    .bind(user.to_string())
    .bind(query.kind.map(ChannelKind::as_str))
    .bind(query.after.map(|id| id.to_string()))
    .bind(query.search.filter(|text| !text.is_empty()))
    .bind(query.limit)
    .fetch_all(&mut *conn)
    .await
    .map_err(unavailable)?;
    let mut channels = found.iter().map(record).collect::<Result<Vec<_>>>()?;
    for channel in &mut channels {
        fill(conn, channel, user).await?;
    }
    Ok(channels)
}

/// Adds the member ids and the dm peer.
async fn fill(conn: &mut SqliteConnection, channel: &mut ChannelRecord, user: UserId) -> Result<()> {
    if channel.kind == ChannelKind::General {
        return Ok(());
    }
    let found = sqlx::query(
        "SELECT m.user_id, u.username, u.name FROM channel_members m JOIN users u ON u.id = m.user_id \
         WHERE m.channel_id = ? AND m.left_at IS NULL ORDER BY m.user_id LIMIT ?",
    )
    .bind(channel.id.to_string())
    .bind(LISTED_MEMBERS)
    .fetch_all(&mut *conn)
    .await
    .map_err(unavailable)?;
    for row in &found {
        let member: UserId = row_id(row, "user_id")?;
        channel.members.push(member);
        // A dm with oneself has oneself as peer.
        if channel.kind == ChannelKind::Dm && (member != user || found.len() == 1) {
            channel.peer = Some((member, text(row, "username")?, text(row, "name")?));
        }
    }
    Ok(())
}

pub(super) async fn members(conn: &mut SqliteConnection, channel: ChannelId) -> Result<Vec<MemberRecord>> {
    let found = sqlx::query(member_sql!("WHERE m.channel_id = ? AND m.left_at IS NULL ORDER BY m.user_id"))
        .bind(channel.to_string())
        .fetch_all(conn)
        .await
        .map_err(unavailable)?;
    found.iter().map(rows::member).collect()
}

fn record(row: &SqliteRow) -> Result<ChannelRecord> {
    Ok(ChannelRecord {
        id: row_id(row, "id")?,
        slug: maybe_text(row, "slug")?,
        kind: rows::kind(row, "kind")?,
        name: text(row, "name")?,
        description: text(row, "description")?,
        topic: text(row, "topic")?,
        is_private: flag(row, "is_private")?,
        is_voice: flag(row, "is_voice")?,
        is_read_only: flag(row, "is_read_only")?,
        last_seq: unsigned(row, "last_seq")?,
        rev: unsigned(row, "rev")?,
        last_message_at: maybe_int(row, "last_message_at")?,
        created_at: int(row, "created_at")?,
        member_count: small(row, "member_count")?,
        members: Vec::new(),
        role: text(row, "role")?,
        read_seq: unsigned(row, "read_seq")?,
        unread: small(row, "unread")?,
        mentions: small(row, "mentions")?,
        peer: None,
    })
}
