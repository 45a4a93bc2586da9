//! Administration of channels: settings, archive, members and their roles. Rights are checked in the transaction.

use super::{
    audit::{self, Entry},
    channels::{enter, is_external, member, shared},
    db::{Db, args},
    guests, lines,
    messages::bump,
    writer::{Tx, Write},
};
use crate::{
    base::id::{ChannelId, UserId},
    chat::{
        line::Line,
        model::{ChannelKind, ChannelRecord, MemberRole, NotifyPref, WallMs},
    },
    store::{
        ChangedChannel, ChangedMember, ChannelAct, ChannelSettings, JoinedChannel, MemberChange, Result,
        StoreError,
    },
};
use async_trait::async_trait;
use serde_json::{Value, json};

/// The channel of an act, and what the actor may do there.
struct Ground {
    channel: ChannelRecord,
    rank: MemberRole,
    /// Whether the actor is in it.
    member: bool,
}

/// `NotFound` for strangers. A direct conversation has nobody who could administer it.
async fn survey(conn: &mut Db<'_>, act: &ChannelAct) -> Result<Ground> {
    let own = rank(conn, act.channel, act.by).await?;
    if own.is_none() && is_external(conn, act.by).await? {
        return Err(StoreError::NotFound);
    }
    let rank = if act.host { MemberRole::Owner } else { own.ok_or(StoreError::NotFound)? };
    let channel = shared(conn, act.channel).await?;
    match channel.kind {
        ChannelKind::Dm if own.is_none() => Err(StoreError::NotFound),
        ChannelKind::Dm => Err(StoreError::Denied),
        _ => Ok(Ground { channel, rank, member: own.is_some() }),
    }
}

/// An administrator of the server who acts where it is no member leaves a line in the audit log.
async fn ground(db: &mut Tx<'_>, act: &ChannelAct, action: &str) -> Result<Ground> {
    let ground = survey(&mut db.conn, act).await?;
    if !ground.member {
        log(db, act, action, act.channel.to_string(), json!({})).await?;
    }
    Ok(ground)
}

impl Ground {
    /// Any member of a public group, hosts of every other channel but general ones.
    fn may_add(&self) -> Result<()> {
        let open = self.channel.kind == ChannelKind::Group && !self.channel.is_private;
        let may = self.channel.kind != ChannelKind::General && (open || self.rank >= MemberRole::Admin);
        require(may, StoreError::Denied)
    }
}

/// The channel, if the actor may let people in who have no account: as it may add members, unless it is a guest itself.
async fn invites_there(conn: &mut Db<'_>, ground: Ground, by: UserId) -> Result<ChannelRecord> {
    require(!guests::is_guest(conn, by).await?, StoreError::Denied)?;
    ground.may_add()?;
    Ok(ground.channel)
}

/// For whoever only looks.
pub(super) async fn may_see_invites(conn: &mut Db<'_>, act: &ChannelAct) -> Result<ChannelRecord> {
    let ground = survey(conn, act).await?;
    invites_there(conn, ground, act.by).await
}

pub(super) async fn may_invite(db: &mut Tx<'_>, act: &ChannelAct, action: &str) -> Result<ChannelRecord> {
    let ground = ground(db, act, action).await?;
    invites_there(&mut db.conn, ground, act.by).await
}

async fn log(db: &mut Tx<'_>, act: &ChannelAct, action: &str, target: String, detail: Value) -> Result<()> {
    audit::append(db, Entry { actor: act.by, from: act.from, action, target, detail, now: act.now }).await
}

/// `None` = not a member.
async fn rank(conn: &mut Db<'_>, channel: ChannelId, user: UserId) -> Result<Option<MemberRole>> {
    let row = conn
        .maybe(
            "SELECT role FROM channel_members WHERE channel_id = $1 AND user_id = $2 AND left_at IS NULL",
            args![channel, user],
        )
        .await?;
    row.map(|row| row.word("role", MemberRole::parse)).transpose()
}

fn require(holds: bool, error: StoreError) -> Result<()> {
    if holds { Ok(()) } else { Err(error) }
}

pub(super) struct UpdateChannel {
    pub act: ChannelAct,
    pub settings: ChannelSettings,
}

#[async_trait]
impl Write for UpdateChannel {
    type Out = ChangedChannel;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedChannel> {
        let Self { act, settings } = *self;
        let Ground { channel, rank, .. } = ground(db, &act, "channel.update").await?;
        require(rank >= MemberRole::Admin, StoreError::Denied)?;
        require(channel.archived_at.is_none(), StoreError::ReadOnly)?;
        // Everybody is in a general channel: it cannot be private.
        require(settings.private.is_none() || channel.kind != ChannelKind::General, StoreError::Denied)?;
        let row = db.conn.one("SELECT settings_rev FROM channels WHERE id = $1", args![act.channel]).await?;
        let settings_rev = row.unsigned("settings_rev")?;
        if settings.base_rev.is_some_and(|base| base < settings_rev) {
            return Err(StoreError::StaleRev(channel.rev));
        }
        let mut wanted = channel.clone();
        wanted.name = settings.name.unwrap_or(wanted.name);
        wanted.description = settings.description.unwrap_or(wanted.description);
        wanted.topic = settings.topic.unwrap_or(wanted.topic);
        wanted.is_read_only = settings.read_only.unwrap_or(wanted.is_read_only);
        wanted.slow_mode_s = settings.slow_mode_s.unwrap_or(wanted.slow_mode_s);
        wanted.is_private = settings.private.unwrap_or(wanted.is_private);
        wanted.retention_days = settings.retention_days.unwrap_or(wanted.retention_days);
        let audience = db.audience(act.channel).await?;
        if wanted == channel {
            return Ok(ChangedChannel { channel, changed: false, audience, lines: Vec::new() });
        }
        db.conn
            .run(
                "UPDATE channels SET name = $1, description = $2, topic = $3, is_read_only = $4, slow_mode_s = $5, \
                   is_private = $6, retention_days = $7, rev = rev + 1, settings_rev = rev + 1 WHERE id = $8",
                args![
                    &wanted.name,
                    &wanted.description,
                    &wanted.topic,
                    wanted.is_read_only,
                    wanted.slow_mode_s,
                    wanted.is_private,
                    wanted.retention_days,
                    act.channel
                ],
            )
            .await?;
        let after = shared(&mut db.conn, act.channel).await?;
        let mut lines = Vec::new();
        for line in said(&channel, &wanted) {
            lines.push(lines::write(db, act.channel, act.by, &line, act.now).await?);
        }
        Ok(ChangedChannel { channel: after, changed: true, audience, lines })
    }
}

/// What the channel says of its new settings.
pub(super) fn said(before: &ChannelRecord, after: &ChannelRecord) -> Vec<Line> {
    let mut said = Vec::new();
    if !lines::speaks(after.kind) {
        return said;
    }
    if before.name != after.name {
        said.push(Line::Renamed { from: before.name.clone(), to: after.name.clone() });
    }
    if before.topic != after.topic {
        said.push(Line::Topic { topic: after.topic.clone() });
    }
    said
}

pub(super) struct ArchiveChannel {
    pub act: ChannelAct,
    pub archived: bool,
}

#[async_trait]
impl Write for ArchiveChannel {
    type Out = ChangedChannel;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedChannel> {
        let Self { act, archived } = *self;
        let Ground { channel, rank, .. } = ground(db, &act, "channel.archive").await?;
        require(rank == MemberRole::Owner, StoreError::Denied)?;
        let audience = db.audience(act.channel).await?;
        if channel.archived_at.is_some() == archived {
            return Ok(ChangedChannel { channel, changed: false, audience, lines: Vec::new() });
        }
        db.conn
            .run(
                "UPDATE channels SET archived_at = $1, rev = rev + 1, settings_rev = rev + 1 WHERE id = $2",
                args![archived.then_some(act.now), act.channel],
            )
            .await?;
        let after = shared(&mut db.conn, act.channel).await?;
        let mut lines = Vec::new();
        if lines::speaks(channel.kind) {
            let line = if archived { Line::Archived {} } else { Line::Restored {} };
            lines.push(lines::write(db, act.channel, act.by, &line, act.now).await?);
        }
        Ok(ChangedChannel { channel: after, changed: true, audience, lines })
    }
}

pub(super) struct InviteMember {
    pub act: ChannelAct,
    pub user: UserId,
}

#[async_trait]
impl Write for InviteMember {
    type Out = JoinedChannel;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<JoinedChannel> {
        let Self { act, user } = *self;
        let ground = ground(db, &act, "channel.member_add").await?;
        ground.may_add()?;
        require(ground.channel.archived_at.is_none(), StoreError::ReadOnly)?;
        // A guest is one of its own channel only.
        let known = "SELECT id FROM users WHERE id = $1 AND is_active AND NOT EXISTS \
                     (SELECT 1 FROM guests g WHERE g.user_id = users.id AND g.channel_id <> $2)";
        let known = db.conn.maybe(known, args![user, act.channel]).await?;
        require(known.is_some(), StoreError::NoUser)?;
        let mut joined = enter(db, act.channel, user, MemberRole::Member.as_str(), act.now).await?;
        if joined.added {
            let (users, count) = lines::people(db, &[user]).await?;
            let line =
                if user == act.by { Line::Joined { users, count } } else { Line::Added { users, count } };
            joined.line = Some(lines::write(db, act.channel, act.by, &line, act.now).await?);
        }
        Ok(joined)
    }
}

pub(super) struct ChangeMember {
    pub act: ChannelAct,
    pub user: UserId,
    pub change: MemberChange,
}

#[async_trait]
impl Write for ChangeMember {
    type Out = ChangedMember;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<ChangedMember> {
        let Self { act, user, change } = *self;
        let Ground { channel, rank, .. } = ground(db, &act, "channel.member_change").await?;
        let theirs = self::rank(&mut db.conn, act.channel, user).await?.ok_or(StoreError::NoUser)?;
        // Owners are above everybody, other owners too; administrators above members only.
        let above = rank == MemberRole::Owner || (rank == MemberRole::Admin && theirs == MemberRole::Member);
        let leaves_owner = match &change {
            MemberChange::Remove => {
                // Everybody is in a general channel.
                require(channel.kind != ChannelKind::General, StoreError::Denied)?;
                require(above || user == act.by, StoreError::Denied)?;
                true
            }
            MemberChange::Role(role) => {
                require(rank == MemberRole::Owner, StoreError::Denied)?;
                require(channel.archived_at.is_none(), StoreError::ReadOnly)?;
                if *role == theirs {
                    return done(db, act.channel, user, false).await;
                }
                *role != MemberRole::Owner
            }
            MemberChange::Kick { .. } => {
                require(channel.kind != ChannelKind::General, StoreError::Denied)?;
                require(above && user != act.by, StoreError::Denied)?;
                true
            }
            MemberChange::Timeout { .. } => {
                require(above && user != act.by, StoreError::Denied)?;
                false
            }
        };
        if leaves_owner && theirs == MemberRole::Owner {
            keeps_an_owner(db, act.channel, user, &change).await?;
        }
        let rev = bump(db, act.channel).await?;
        match &change {
            MemberChange::Remove | MemberChange::Kick { .. } => {
                db.conn
                    .run(
                        "UPDATE channel_members SET left_at = $1, rev = $2 WHERE channel_id = $3 AND user_id = $4",
                        args![act.now, rev, act.channel, user],
                    )
                    .await?;
                db.members.forget(act.channel);
            }
            MemberChange::Role(role) => {
                db.conn
                    .run(
                        "UPDATE channel_members SET role = $1, rev = $2 WHERE channel_id = $3 AND user_id = $4",
                        args![role.as_str(), rev, act.channel, user],
                    )
                    .await?;
            }
            MemberChange::Timeout { until, .. } => {
                db.conn
                    .run(
                        "UPDATE channel_members SET timeout_until = $1, rev = $2 \
                         WHERE channel_id = $3 AND user_id = $4",
                        args![*until, rev, act.channel, user],
                    )
                    .await?;
            }
        }
        match &change {
            MemberChange::Kick { reason } => {
                let detail = json!({"channelId": act.channel, "reason": reason});
                log(db, &act, "member.kick", user.to_string(), detail).await?;
            }
            MemberChange::Timeout { until, reason } => {
                let detail = json!({"channelId": act.channel, "until": until, "reason": reason});
                log(db, &act, "member.timeout", user.to_string(), detail).await?;
            }
            MemberChange::Remove | MemberChange::Role(_) => {}
        }
        let mut done = done(db, act.channel, user, true).await?;
        if matches!(change, MemberChange::Remove | MemberChange::Kick { .. }) && lines::speaks(channel.kind) {
            let (users, count) = lines::people(db, &[user]).await?;
            let line =
                if user == act.by { Line::Left { users, count } } else { Line::Removed { users, count } };
            done.line = Some(lines::write(db, act.channel, act.by, &line, act.now).await?);
        }
        Ok(done)
    }
}

/// The last owner hands the channel over before it steps down; alone it may leave.
async fn keeps_an_owner(
    db: &mut Tx<'_>,
    channel: ChannelId,
    user: UserId,
    change: &MemberChange,
) -> Result<()> {
    let row = db
        .conn
        .one(
            "SELECT COUNT(*) AS others, COALESCE(SUM(CASE WHEN role = 'owner' THEN 1 ELSE 0 END), 0) AS owners \
             FROM channel_members WHERE channel_id = $1 AND user_id <> $2 AND left_at IS NULL",
            args![channel, user],
        )
        .await?;
    let alone = row.int("others")? == 0 && *change == MemberChange::Remove;
    require(alone || row.int("owners")? > 0, StoreError::State)
}

async fn done(db: &mut Tx<'_>, channel: ChannelId, user: UserId, changed: bool) -> Result<ChangedMember> {
    Ok(ChangedMember {
        channel,
        member: member(&mut db.conn, channel, user).await?,
        changed,
        audience: db.audience(channel).await?,
        line: None,
    })
}

pub(super) struct SetNotify {
    pub channel: ChannelId,
    pub user: UserId,
    pub pref: NotifyPref,
    pub muted_until: Option<WallMs>,
}

#[async_trait]
impl Write for SetNotify {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        let done = db
            .conn
            .run(
                "UPDATE channel_members SET notify = $1, muted_until = $2 \
                 WHERE channel_id = $3 AND user_id = $4 AND left_at IS NULL",
                args![self.pref.as_str(), self.muted_until, self.channel, self.user],
            )
            .await?;
        require(done == 1, StoreError::NotFound)
    }
}
