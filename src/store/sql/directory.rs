//! The directory is carried out: accounts first, then who is in which channel because of them, all in one transaction.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use self::channels::{Move, Settings};

use super::{
    SqlStore,
    audit::{self, Entry},
    channels::{of_unit, shared},
    db::{Row, args},
    rows::{self, member_sql},
    writer::{Tx, Write},
};
use crate::{
    base::{
        id::{ChannelId, UserId},
        origin::Origin,
    },
    chat::{
        directory::{
            DirectoryAccount, DirectoryChange, DirectoryDepartment, DirectoryProject, DirectoryRole,
            DirectoryUser, username_from,
        },
        model::{ChannelKind, EXTERNAL, MemberRecord, MemberRole, WallMs},
    },
    store::{
        Cut, DirectoryCall, DirectoryDone, DirectoryItem, DirectoryStore, REMEMBERED_MS, Result, StoreError,
        Then,
    },
};

/// The account that acts for the directory. Nobody can be it: it is not active.
const ACCOUNT: &str = "convene:directory";

mod channels;

#[async_trait]
impl DirectoryStore for SqlStore {
    async fn sync_directory(&self, call: DirectoryCall, then: Then<DirectoryDone>) -> Result<DirectoryDone> {
        self.writer.submit(Sync(call), then).await
    }
}

struct Sync(DirectoryCall);

#[async_trait]
impl Write for Sync {
    type Out = DirectoryDone;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<DirectoryDone> {
        let DirectoryCall { change, signature, from, now } = self.0;
        once(db, &signature, now).await?;
        let by = account(db, now).await?;
        let mut work = Work { db, by, from, now, moves: BTreeMap::new(), items: Vec::new(), cut: Vec::new() };
        match change {
            DirectoryChange::Users(users) => {
                for (at, user) in users.into_iter().enumerate() {
                    work.user(&format!("users[{at}]"), user).await?;
                }
            }
            DirectoryChange::Departments(departments) => {
                for (at, department) in departments.into_iter().enumerate() {
                    work.department(&format!("departments[{at}]"), department).await?;
                }
            }
            DirectoryChange::Projects(projects) => {
                for (at, project) in projects.into_iter().enumerate() {
                    work.project(&format!("projects[{at}]"), project).await?;
                }
            }
        }
        work.finish().await
    }
}

async fn once(db: &mut Tx<'_>, signature: &str, now: WallMs) -> Result<()> {
    db.conn.run("DELETE FROM hook_calls WHERE at < $1", args![now - REMEMBERED_MS]).await?;
    let sql = "INSERT INTO hook_calls (signature, at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    match db.conn.run(sql, args![signature, now]).await? {
        0 => Err(StoreError::Duplicate),
        _ => Ok(()),
    }
}

async fn account(db: &mut Tx<'_>, now: WallMs) -> Result<UserId> {
    let sql = "SELECT id FROM users WHERE external_id = $1";
    if let Some(row) = db.conn.maybe(sql, args![ACCOUNT]).await? {
        return row.id("id");
    }
    let id = fresh_user(now);
    let username = free_username(db, "directory").await?;
    db.conn
        .run(
            "INSERT INTO users (id, username, name, kind, role, external_id, is_active, created_at) \
             VALUES ($1, $2, 'Directory', 'bot', 'member', $3, $4, $5)",
            args![id, username, ACCOUNT, false, now],
        )
        .await?;
    Ok(id)
}

fn fresh_user(now: WallMs) -> UserId {
    UserId::from_parts(u64::try_from(now).unwrap_or(0), rand::random())
}

async fn is_taken(db: &mut Tx<'_>, username: &str) -> Result<bool> {
    Ok(db.conn.maybe("SELECT id FROM users WHERE username = $1", args![username]).await?.is_some())
}

/// This one, or one like it.
async fn free_username(db: &mut Tx<'_>, wanted: &str) -> Result<String> {
    let mut username = wanted.to_owned();
    while is_taken(db, &username).await? {
        username = format!("{wanted}-{:04x}", rand::random::<u16>());
    }
    Ok(username)
}

fn invalid(path: &str, field: &str, rule: &'static str) -> StoreError {
    StoreError::Invalid { path: format!("{path}.{field}"), rule }
}

/// An account as far as the directory decides on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    id: UserId,
    username: String,
    name: String,
    external: bool,
    admin: bool,
    lead: bool,
    department: Option<String>,
    active: bool,
}

macro_rules! account_sql {
    ($tail:literal) => {
        concat!("SELECT id, username, name, kind, role, is_lead, department_id, is_active FROM users ", $tail)
    };
}

impl Account {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            username: row.text("username")?,
            name: row.text("name")?,
            external: row.text("kind")? == EXTERNAL,
            admin: row.text("role")? == "admin",
            lead: row.flag("is_lead")?,
            department: row.maybe_text("department_id")?,
            active: row.flag("is_active")?,
        })
    }

    /// In what is everybody's in the organisation.
    fn in_house(&self) -> bool {
        self.active && !self.external
    }

    fn role_in_department(&self) -> MemberRole {
        if self.lead { MemberRole::Admin } else { MemberRole::Member }
    }
}

struct Work<'a, 'c> {
    db: &'a mut Tx<'c>,
    by: UserId,
    from: Origin,
    now: WallMs,
    moves: BTreeMap<ChannelId, Move>,
    items: Vec<DirectoryItem>,
    cut: Vec<Cut>,
}

impl Work<'_, '_> {
    fn move_in(&mut self, channel: ChannelId) -> &mut Move {
        self.moves.entry(channel).or_default()
    }

    async fn by_external(&mut self, id: &str) -> Result<Option<Account>> {
        // Not even by its name can anybody reach the account of the directory.
        if id == ACCOUNT {
            return Ok(None);
        }
        let row = self.db.conn.maybe(account_sql!("WHERE external_id = $1"), args![id]).await?;
        row.as_ref().map(Account::read).transpose()
    }

    async fn log(&mut self, action: &str, target: String, detail: Value) -> Result<()> {
        audit::append(
            self.db,
            Entry { actor: self.by, from: self.from, action, target, detail, now: self.now },
        )
        .await
    }

    // --- people ---

    async fn user(&mut self, path: &str, told: DirectoryUser) -> Result<()> {
        let before = self.by_external(&told.id).await?;
        let after = self.told(path, &told, before.as_ref()).await?;
        let created = before.is_none();
        let changed = before.as_ref() != Some(&after);
        if changed {
            self.save(&told.id, &after, created).await?;
            self.follow(before.as_ref(), &after).await?;
            let detail = json!({
                "externalId": told.id, "created": created, "username": after.username, "name": after.name,
                "kind": if after.external { EXTERNAL } else { "internal" }, "admin": after.admin,
                "departmentId": after.department, "manager": after.lead, "active": after.active,
            });
            self.log("directory.user", after.id.to_string(), detail).await?;
        }
        self.items.push(DirectoryItem { id: told.id, target: after.id.to_string(), created, changed });
        Ok(())
    }

    /// The account as it is to be.
    async fn told(&mut self, path: &str, told: &DirectoryUser, before: Option<&Account>) -> Result<Account> {
        let name = told.name.as_deref().map(str::trim).map(str::to_owned);
        let mut after = match before {
            Some(before) => before.clone(),
            None => Account {
                id: fresh_user(self.now),
                username: String::new(),
                name: name.clone().ok_or_else(|| invalid(path, "name", "required of somebody new"))?,
                external: false,
                admin: false,
                lead: false,
                department: None,
                active: true,
            },
        };
        if told.id == ACCOUNT {
            return Err(invalid(path, "id", "not that of the directory"));
        }
        match &told.username {
            Some(username) if *username != after.username => {
                if is_taken(self.db, username).await? {
                    return Err(invalid(path, "username", "not taken by somebody else"));
                }
                after.username.clone_from(username);
            }
            None if before.is_none() => {
                after.username = free_username(self.db, &username_from(&told.id)).await?;
            }
            _ => {}
        }
        after.name = name.unwrap_or(after.name);
        after.external = told.kind.map_or(after.external, |kind| kind == DirectoryAccount::Client);
        after.department = told.department_id.clone().unwrap_or(after.department);
        after.active = told.active.unwrap_or(after.active);
        if let Some(role) = told.role {
            after.admin = role == DirectoryRole::Admin;
            after.lead = role == DirectoryRole::Manager;
        }
        if after.external && (after.admin || after.lead || after.department.is_some()) {
            return Err(invalid(
                path,
                "kind",
                "a client has no department and is nobody's manager or administrator",
            ));
        }
        Ok(after)
    }

    async fn save(&mut self, external_id: &str, after: &Account, created: bool) -> Result<()> {
        let kind = if after.external { EXTERNAL } else { "internal" };
        let role = if after.admin { "admin" } else { "member" };
        let args = args![
            after.id,
            &after.username,
            &after.name,
            kind,
            role,
            after.lead,
            &after.department,
            after.active,
            external_id,
            self.now
        ];
        let sql = match created {
            true => {
                "INSERT INTO users (id, username, name, kind, role, is_lead, department_id, is_active, external_id, \
                   created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
            }
            false => {
                "UPDATE users SET username = $2, name = $3, kind = $4, role = $5, is_lead = $6, \
                   department_id = $7, is_active = $8 WHERE id = $1 AND external_id = $9 AND created_at <= $10"
            }
        };
        self.db.conn.run(sql, args).await?;
        Ok(())
    }

    /// Who somebody is decides where it is.
    async fn follow(&mut self, before: Option<&Account>, after: &Account) -> Result<()> {
        let was_in_house = before.is_some_and(Account::in_house);
        if was_in_house != after.in_house() {
            for row in self.db.conn.all("SELECT id FROM channels WHERE kind = 'general'", args![]).await? {
                let general: ChannelId = row.id("id")?;
                match after.in_house() {
                    true => drop(self.move_in(general).join.insert(after.id, MemberRole::Member)),
                    false => drop(self.move_in(general).leave.insert(after.id)),
                }
            }
        }
        let old = before.and_then(|before| before.department.as_deref());
        if let Some(old) = old.filter(|old| !after.in_house() || after.department.as_deref() != Some(*old)) {
            self.leave_department(old, after.id).await?;
        }
        if let (true, Some(department)) = (after.in_house(), &after.department)
            && let Some(channel) = of_unit(&mut self.db.conn, (&Some(department.clone()), &None)).await?
        {
            let role = after.role_in_department();
            let there = self.move_in(channel);
            there.join.insert(after.id, role);
            if before.is_some_and(|before| before.lead != after.lead) {
                there.roles.insert(after.id, role);
            }
        }
        let Some(before) = before else { return Ok(()) };
        if after.external && !before.external {
            let sql = "SELECT c.id FROM channels c JOIN channel_members m ON m.channel_id = c.id \
                       WHERE m.user_id = $1 AND m.left_at IS NULL AND c.is_internal";
            for row in self.db.conn.all(sql, args![after.id]).await? {
                let channel = row.id("id")?;
                self.move_in(channel).leave.insert(after.id);
            }
        }
        let inactive = before.active && !after.active;
        let less = (before.admin && !after.admin) || (after.external && !before.external);
        if inactive || less {
            // Tokens say more than the account may.
            let sql = "UPDATE users SET token_epoch = token_epoch + 1 WHERE id = $1";
            self.db.conn.run(sql, args![after.id]).await?;
            self.cut.push(if inactive { Cut::Inactive(after.id) } else { Cut::Less(after.id) });
        }
        Ok(())
    }

    async fn leave_department(&mut self, department: &str, user: UserId) -> Result<()> {
        if let Some(channel) = of_unit(&mut self.db.conn, (&Some(department.to_owned()), &None)).await? {
            self.move_in(channel).leave.insert(user);
        }
        Ok(())
    }

    /// The accounts of a list.
    async fn accounts(
        &mut self,
        path: &str,
        field: &str,
        ids: &[String],
        internal: bool,
    ) -> Result<Vec<Account>> {
        let mut found = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            let field = format!("{field}[{at}]");
            let account = self.by_external(id).await?;
            let account = account.ok_or_else(|| invalid(path, &field, "somebody who is known"))?;
            if internal && account.external {
                return Err(invalid(path, &field, "not a client: the channel is internal"));
            }
            found.push(account);
        }
        Ok(found)
    }

    // --- departments ---

    async fn department(&mut self, path: &str, told: DirectoryDepartment) -> Result<()> {
        let unit = (Some(told.id.clone()), None);
        let settings = Settings {
            name: told.name,
            description: told.description,
            context: None,
            internal: None,
            archived: told.archived,
        };
        let channel = self.channel(path, ChannelKind::Department, unit, settings).await?;
        let managers = match &told.managers {
            Some(ids) => Some(self.accounts(path, "managers", ids, true).await?),
            None => None,
        };
        let mut wanted: BTreeMap<UserId, Account> = BTreeMap::new();
        wanted.extend(managers.iter().flatten().map(|one| (one.id, one.clone())));
        if let Some(ids) = &told.members {
            let members = self.accounts(path, "members", ids, true).await?;
            wanted.extend(members.into_iter().map(|one| (one.id, one)));
            for one in self.of_department(&told.id).await? {
                if !wanted.contains_key(&one.id) {
                    let sql = "UPDATE users SET department_id = NULL, is_lead = $2 WHERE id = $1";
                    self.db.conn.run(sql, args![one.id, false]).await?;
                    self.move_in(channel).leave.insert(one.id);
                }
            }
        }
        for one in wanted.values().filter(|one| one.department.as_ref() != Some(&told.id)) {
            if let Some(old) = &one.department {
                self.leave_department(old, one.id).await?;
            }
            let sql = "UPDATE users SET department_id = $2, is_lead = $3 WHERE id = $1";
            self.db.conn.run(sql, args![one.id, &told.id, false]).await?;
        }
        for mut one in self.of_department(&told.id).await? {
            let lead = managers.as_ref().map_or(one.lead, |all| all.iter().any(|other| other.id == one.id));
            if lead != one.lead {
                self.db.conn.run("UPDATE users SET is_lead = $2 WHERE id = $1", args![one.id, lead]).await?;
                one.lead = lead;
                let role = one.role_in_department();
                self.move_in(channel).roles.insert(one.id, role);
            }
            if one.in_house() {
                let role = one.role_in_department();
                self.move_in(channel).join.insert(one.id, role);
            }
        }
        Ok(())
    }

    async fn of_department(&mut self, id: &str) -> Result<Vec<Account>> {
        let sql = account_sql!("WHERE department_id = $1 ORDER BY id");
        self.db.conn.all(sql, args![id]).await?.iter().map(Account::read).collect()
    }

    // --- projects ---

    async fn project(&mut self, path: &str, told: DirectoryProject) -> Result<()> {
        let unit = (None, Some(told.id.clone()));
        let settings = Settings {
            name: told.name,
            description: told.description,
            context: told.context,
            internal: told.is_internal,
            archived: told.completed,
        };
        let channel = self.channel(path, ChannelKind::Project, unit, settings).await?;
        let internal = shared(&mut self.db.conn, channel).await?.is_internal;
        let managers = match &told.managers {
            Some(ids) => Some(self.accounts(path, "managers", ids, internal).await?),
            None => None,
        };
        let members = match &told.members {
            Some(ids) => Some(self.accounts(path, "members", ids, internal).await?),
            None => None,
        };
        let sql = member_sql!("WHERE m.channel_id = $1 AND m.left_at IS NULL ORDER BY m.user_id");
        let there = self.db.conn.all(sql, args![channel]).await?;
        let there = there.iter().map(rows::member).collect::<Result<Vec<MemberRecord>>>()?;
        let manages = |user: UserId| managers.iter().flatten().any(|one| one.id == user);
        let team: BTreeMap<UserId, bool> =
            [&managers, &members].into_iter().flatten().flatten().map(|one| (one.id, one.active)).collect();
        let clients = if internal { self.clients_in(channel).await? } else { Vec::new() };
        let to_join = self.move_in(channel);
        to_join.leave.extend(clients);
        for (user, _) in team.iter().filter(|(_, active)| **active) {
            let role = if manages(*user) { MemberRole::Admin } else { MemberRole::Member };
            to_join.join.insert(*user, role);
            if managers.is_some() {
                to_join.roles.insert(*user, role);
            }
        }
        for member in there.iter().filter(|member| member.role != MemberRole::Owner.as_str()) {
            if members.is_some() && !team.contains_key(&member.user) {
                to_join.leave.insert(member.user);
            } else if managers.is_some() && !manages(member.user) {
                to_join.roles.insert(member.user, MemberRole::Member);
            }
        }
        Ok(())
    }

    async fn clients_in(&mut self, channel: ChannelId) -> Result<Vec<UserId>> {
        let sql = "SELECT m.user_id FROM channel_members m JOIN users u ON u.id = m.user_id \
                   WHERE m.channel_id = $1 AND m.left_at IS NULL AND u.kind = 'client'";
        self.db.conn.all(sql, args![channel]).await?.iter().map(|row| row.id("user_id")).collect()
    }
}
