//! What a call of the directory makes of channels: their settings, and who comes and goes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Work, invalid};
use crate::{
    base::id::{ChannelId, UserId},
    chat::{
        command::slug,
        line::Line,
        model::{ChannelKind, ChannelRecord, MemberRole},
    },
    store::{
        Arrival, DirectoryChannel, DirectoryDone, DirectoryItem, NewChannel, Result,
        sql::{
            channels::{CreateChannel, of_unit, shared},
            db::args,
            lines,
            messages::bump,
            rows,
            writer::Write as _,
        },
    },
};

/// Member ids are listed in a channel object up to this many.
const LISTED_MEMBERS: usize = 500;

/// What is to become of a channel.
#[derive(Debug, Default)]
pub(super) struct Move {
    pub join: BTreeMap<UserId, MemberRole>,
    pub leave: BTreeSet<UserId>,
    /// Of who is there already. Owners stay owners.
    pub roles: BTreeMap<UserId, MemberRole>,
    pub created: bool,
    pub updated: bool,
    pub archived: bool,
    pub said: Vec<Line>,
    /// The entry of the call that is about it.
    pub item: Option<usize>,
}

/// New settings of a channel; what is `None` stays.
pub(super) struct Settings {
    pub name: Option<String>,
    pub description: Option<String>,
    pub context: Option<Map<String, Value>>,
    pub internal: Option<bool>,
    pub archived: Option<bool>,
}

impl Work<'_, '_> {
    /// The channel of a department or project: made, or its settings changed.
    pub(super) async fn channel(
        &mut self,
        path: &str,
        kind: ChannelKind,
        (department, project): (Option<String>, Option<String>),
        settings: Settings,
    ) -> Result<ChannelId> {
        let id = department.clone().or_else(|| project.clone()).unwrap_or_default();
        let known = of_unit(&mut self.db.conn, (&department, &project)).await?;
        let (channel, created) = match known {
            Some(channel) => (channel, false),
            None => {
                let name = settings.name.as_deref().map(str::trim).map(str::to_owned);
                let name = name.ok_or_else(|| invalid(path, "name", "required of a new one"))?;
                let wanted = slug(department.as_deref(), project.as_deref());
                let sql = "SELECT id FROM channels WHERE slug = $1";
                let taken = self.db.conn.maybe(sql, args![&wanted]).await?.is_some();
                let new = NewChannel {
                    id: ChannelId::from_parts(u64::try_from(self.now).unwrap_or(0), rand::random()),
                    slug: wanted.filter(|_| !taken),
                    kind,
                    name,
                    description: settings.description.clone().unwrap_or_default(),
                    is_private: true,
                    is_voice: false,
                    owner: None,
                    members: Vec::new(),
                    dm_key: None,
                    department,
                    project,
                    is_internal: settings.internal.unwrap_or(true),
                    context: "{}".into(),
                    now: self.now,
                };
                (Box::new(CreateChannel(new)).apply(self.db).await?.channel.id, true)
            }
        };
        let item = self.items.len();
        self.items.push(DirectoryItem { id, target: channel.to_string(), created, changed: created });
        let there = self.move_in(channel);
        (there.created, there.item) = (created, Some(item));
        self.settle(channel, settings).await?;
        Ok(channel)
    }

    async fn settle(&mut self, channel: ChannelId, settings: Settings) -> Result<()> {
        let before = shared(&mut self.db.conn, channel).await?;
        let mut after = before.clone();
        after.name = settings.name.map_or(after.name, |name| name.trim().to_owned());
        after.description = settings.description.unwrap_or(after.description);
        after.context = settings.context.map_or(after.context, |context| Value::Object(context).to_string());
        after.is_internal = settings.internal.unwrap_or(after.is_internal);
        if let Some(archived) = settings.archived {
            after.archived_at = archived.then_some(before.archived_at.unwrap_or(self.now));
        }
        if after == before {
            return Ok(());
        }
        self.db
            .conn
            .run(
                "UPDATE channels SET name = $1, description = $2, context = $3, is_internal = $4, archived_at = $5, \
                   rev = rev + 1, settings_rev = rev + 1 WHERE id = $6",
                args![
                    &after.name,
                    &after.description,
                    &after.context,
                    after.is_internal,
                    after.archived_at,
                    channel
                ],
            )
            .await?;
        let now_archived = after.archived_at.is_some();
        let there = self.move_in(channel);
        there.updated = true;
        if before.name != after.name {
            there.said.push(Line::Renamed { from: before.name, to: after.name });
        }
        if before.archived_at.is_some() != now_archived {
            there.archived = now_archived;
            there.said.push(if now_archived { Line::Archived {} } else { Line::Restored {} });
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<DirectoryDone> {
        let mut channels = Vec::new();
        for (channel, there) in std::mem::take(&mut self.moves) {
            let item = there.item;
            let Some(done) = self.carry_out(channel, there).await? else { continue };
            if let Some(item) = item.and_then(|at| self.items.get_mut(at)) {
                item.changed = true;
                let action = match done.channel.kind {
                    ChannelKind::Department => "directory.department",
                    _ => "directory.project",
                };
                let detail = json!({
                    "externalId": item.id, "created": done.created, "name": done.channel.name,
                    "archived": done.channel.archived_at.is_some(), "joined": done.joined.len(),
                    "left": done.left.len(), "roles": done.changed.len(),
                });
                let target = item.target.clone();
                self.log(action, target, detail).await?;
            }
            channels.push(done);
        }
        Ok(DirectoryDone { by: self.by, items: self.items, channels, cut: self.cut })
    }

    /// `None` if everything was so already.
    async fn carry_out(&mut self, channel: ChannelId, there: Move) -> Result<Option<DirectoryChannel>> {
        let Move { join, leave, roles, created, updated, archived, mut said, .. } = there;
        let before = self.db.audience(channel).await?;
        let is_in = |user: &UserId| before.binary_search(user).is_ok();
        // Out of one list and into another of the same call: it is in.
        let leave: Vec<UserId> =
            leave.into_iter().filter(|user| is_in(user) && !join.contains_key(user)).collect();
        let join: Vec<(UserId, MemberRole)> = join.into_iter().filter(|(user, _)| !is_in(user)).collect();
        let mut moved = Vec::new();
        for (user, role) in roles.into_iter().filter(|(user, _)| is_in(user) && !leave.contains(user)) {
            let sql = "SELECT role FROM channel_members WHERE channel_id = $1 AND user_id = $2";
            let now = self.db.conn.one(sql, args![channel, user]).await?.word("role", MemberRole::parse)?;
            if now != role && now != MemberRole::Owner {
                moved.push((user, role));
            }
        }
        if join.is_empty() && leave.is_empty() && moved.is_empty() && !updated && !created {
            return Ok(None);
        }
        let (mut joined, mut left, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        if !(join.is_empty() && leave.is_empty() && moved.is_empty()) {
            let rev = bump(self.db, channel).await?;
            for user in &leave {
                let sql = "UPDATE channel_members SET left_at = $1, rev = $2 WHERE channel_id = $3 AND user_id = $4";
                self.db.conn.run(sql, args![self.now, rev, channel, *user]).await?;
                left.push(self.arrival(channel, *user).await?.member);
            }
            for (user, role) in &join {
                // History before the entry is visible but not unread.
                self.db
                    .conn
                    .run(
                        "INSERT INTO channel_members (channel_id, user_id, role, joined_at, joined_seq, read_seq, rev) \
                         SELECT $1, $2, $3, $4, last_seq, last_seq, $5 FROM channels WHERE id = $1 \
                         ON CONFLICT (channel_id, user_id) DO UPDATE SET left_at = NULL, role = excluded.role, \
                           joined_at = excluded.joined_at, joined_seq = excluded.joined_seq, \
                           read_seq = excluded.read_seq, rev = excluded.rev",
                        args![channel, *user, role.as_str(), self.now, rev],
                    )
                    .await?;
                joined.push(self.arrival(channel, *user).await?);
            }
            for (user, role) in &moved {
                let sql =
                    "UPDATE channel_members SET role = $1, rev = $2 WHERE channel_id = $3 AND user_id = $4";
                self.db.conn.run(sql, args![role.as_str(), rev, channel, *user]).await?;
                changed.push(self.arrival(channel, *user).await?.member);
            }
            self.db.members.forget(channel);
        }
        let audience = self.db.audience(channel).await?;
        let mut record = shared(&mut self.db.conn, channel).await?;
        if lines::speaks(record.kind) && !created {
            let users: Vec<UserId> = join.iter().map(|(user, _)| *user).collect();
            if !users.is_empty() {
                let (users, count) = lines::people(self.db, &users).await?;
                said.push(Line::Joined { users, count });
            }
            if !leave.is_empty() {
                let (users, count) = lines::people(self.db, &leave).await?;
                said.push(Line::Left { users, count });
            }
        }
        let mut told = Vec::with_capacity(said.len());
        if !created && lines::speaks(record.kind) {
            for line in &said {
                told.push(lines::write(self.db, channel, self.by, line, self.now).await?);
            }
        }
        // After the lines: settings were read before them.
        record = shared(&mut self.db.conn, channel).await?;
        // Listed as in every channel object; of a general channel nobody is.
        if record.kind != ChannelKind::General {
            record.members = audience.iter().copied().take(LISTED_MEMBERS).collect();
        }
        Ok(Some(DirectoryChannel {
            channel: record,
            created,
            updated,
            archived,
            joined,
            left,
            changed,
            lines: told,
            audience,
        }))
    }

    async fn arrival(&mut self, channel: ChannelId, user: UserId) -> Result<Arrival> {
        let sql = "SELECT m.user_id, u.username, u.name, m.role, m.read_seq, m.rev, m.left_at, m.timeout_until, \
                   m.notify, m.muted_until, u.read_receipts FROM channel_members m JOIN users u ON u.id = m.user_id \
                   WHERE m.channel_id = $1 AND m.user_id = $2";
        let row = self.db.conn.one(sql, args![channel, user]).await?;
        Ok(Arrival {
            member: rows::member(&row)?,
            notify: row.text("notify")?,
            muted_until: row.maybe_int("muted_until")?,
        })
    }
}

impl DirectoryChannel {
    /// The channel as somebody sees it who came in now.
    pub fn seen_by(&self, arrival: &Arrival) -> ChannelRecord {
        let mut seen = self.channel.clone();
        seen.role.clone_from(&arrival.member.role);
        seen.read_seq = arrival.member.read_seq;
        seen.notify.clone_from(&arrival.notify);
        seen.muted_until = arrival.muted_until;
        seen
    }
}
