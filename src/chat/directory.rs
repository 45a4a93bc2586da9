//! What a directory outside (an HR system, a CRM) tells of people, departments and projects. Bounded here; what it means
//! for accounts and channels is decided in the transaction that carries it out.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    error::ServiceError,
    limits::{self, chars, ensure},
};

/// People of one call.
pub const MAX_USERS: usize = 200;
/// Departments or projects of one call.
pub const MAX_UNITS: usize = 50;
/// Members that all departments or projects of one call name together.
pub const MAX_NAMED: usize = 2_000;

/// Which list a call brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryKind {
    Users,
    Departments,
    Projects,
}

/// One call, checked. All of it is carried out, or nothing.
#[derive(Debug, Clone)]
pub enum DirectoryChange {
    Users(Vec<DirectoryUser>),
    Departments(Vec<DirectoryDepartment>),
    Projects(Vec<DirectoryProject>),
}

/// What is absent stays as it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryUser {
    /// In the words of the directory, as in the `sub` of tokens.
    pub id: String,
    pub username: Option<String>,
    /// Required of somebody new.
    pub name: Option<String>,
    pub role: Option<DirectoryRole>,
    pub kind: Option<DirectoryAccount>,
    /// `null` = in none.
    #[serde(default, deserialize_with = "given")]
    pub department_id: Option<Option<String>>,
    pub active: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectoryRole {
    /// Of the server.
    Admin,
    /// Of the department it is in.
    Manager,
    Member,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectoryAccount {
    Internal,
    Client,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryDepartment {
    pub id: String,
    /// Required of a new one.
    pub name: Option<String>,
    pub description: Option<String>,
    /// All who are in it; others leave.
    pub members: Option<Vec<String>>,
    /// All who manage it; they are in it as well.
    pub managers: Option<Vec<String>>,
    pub archived: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryProject {
    pub id: String,
    /// Required of a new one.
    pub name: Option<String>,
    pub description: Option<String>,
    /// The whole team; others leave, except owners of the channel.
    pub members: Option<Vec<String>>,
    pub managers: Option<Vec<String>>,
    pub context: Option<Map<String, Value>>,
    /// Archives the channel, or takes it out of the archive.
    pub completed: Option<bool>,
    /// `false` lets external accounts be in the team.
    pub is_internal: Option<bool>,
}

/// Tells `null` from absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Users {
    users: Vec<DirectoryUser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Departments {
    departments: Vec<DirectoryDepartment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Projects {
    projects: Vec<DirectoryProject>,
}

impl DirectoryChange {
    pub fn parse(kind: DirectoryKind, body: Value) -> Result<Self, ServiceError> {
        limits::no_nul(&body)?;
        let wrong = |error: serde_json::Error| ServiceError::invalid("body", error.to_string());
        let change = match kind {
            DirectoryKind::Users => Self::Users(serde_json::from_value::<Users>(body).map_err(wrong)?.users),
            DirectoryKind::Departments => {
                Self::Departments(serde_json::from_value::<Departments>(body).map_err(wrong)?.departments)
            }
            DirectoryKind::Projects => {
                Self::Projects(serde_json::from_value::<Projects>(body).map_err(wrong)?.projects)
            }
        };
        change.check()?;
        Ok(change)
    }

    fn check(&self) -> Result<(), ServiceError> {
        match self {
            Self::Users(users) => {
                ensure((1..=MAX_USERS).contains(&users.len()), "users", "1..=200")?;
                no_repeats("users", users.iter().map(|user| &user.id))?;
                users.iter().enumerate().try_for_each(|(at, user)| user.check(&format!("users[{at}]")))
            }
            Self::Departments(departments) => {
                ensure((1..=MAX_UNITS).contains(&departments.len()), "departments", "1..=50")?;
                no_repeats("departments", departments.iter().map(|one| &one.id))?;
                let teams = departments.iter().map(|one| [&one.members, &one.managers]);
                named("departments", teams)?;
                departments.iter().enumerate().try_for_each(|(at, one)| {
                    unit(&format!("departments[{at}]"), &one.id, &one.name, &one.description)
                })
            }
            Self::Projects(projects) => {
                ensure((1..=MAX_UNITS).contains(&projects.len()), "projects", "1..=50")?;
                no_repeats("projects", projects.iter().map(|one| &one.id))?;
                named("projects", projects.iter().map(|one| [&one.members, &one.managers]))?;
                projects.iter().enumerate().try_for_each(|(at, one)| {
                    let path = format!("projects[{at}]");
                    let fits = one.context.as_ref().is_none_or(limits::fits_context);
                    ensure(fits, &format!("{path}.context"), "at most 2048 bytes of JSON")?;
                    unit(&path, &one.id, &one.name, &one.description)
                })
            }
        }
    }
}

impl DirectoryUser {
    fn check(&self, path: &str) -> Result<(), ServiceError> {
        external_id(&format!("{path}.id"), &self.id)?;
        if let Some(name) = &self.name {
            chars(&format!("{path}.name"), name.trim(), 1, limits::MAX_NAME)?;
        }
        if let Some(username) = &self.username {
            ensure(is_username(username), &format!("{path}.username"), "2..=32 of a-z 0-9 . _ -")?;
        }
        match &self.department_id {
            Some(Some(id)) => external_id(&format!("{path}.departmentId"), id),
            _ => Ok(()),
        }
    }
}

fn unit(path: &str, id: &str, name: &Option<String>, about: &Option<String>) -> Result<(), ServiceError> {
    external_id(&format!("{path}.id"), id)?;
    if let Some(name) = name {
        chars(&format!("{path}.name"), name.trim(), 2, limits::MAX_NAME)?;
    }
    let about = about.as_deref().unwrap_or_default();
    chars(&format!("{path}.description"), about, 0, limits::MAX_DESCRIPTION)
}

fn external_id(path: &str, id: &str) -> Result<(), ServiceError> {
    ensure(id.trim() == id, path, "no blanks around it")?;
    chars(path, id, 1, limits::MAX_EXTERNAL_ID)
}

fn named<'a>(
    path: &str,
    teams: impl Iterator<Item = [&'a Option<Vec<String>>; 2]>,
) -> Result<(), ServiceError> {
    let mut count = 0;
    for team in teams {
        for list in team.into_iter().flatten() {
            count += list.len();
            ensure(list.len() <= limits::MAX_PARTICIPANTS, path, "at most 500 in a list of people")?;
            list.iter().try_for_each(|id| external_id(path, id))?;
        }
    }
    ensure(count <= MAX_NAMED, path, "at most 2000 people in all")
}

fn no_repeats<'a>(path: &str, ids: impl Iterator<Item = &'a String>) -> Result<(), ServiceError> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        ensure(seen.insert(id), path, "each id once")?;
    }
    Ok(())
}

pub fn is_username(text: &str) -> bool {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    (2..=32).contains(&text.len()) && text.chars().all(valid)
}

/// A username out of whatever an integrator calls its user.
pub fn username_from(text: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c.to_ascii_lowercase() } else { '-' }
    };
    let name: String = text.chars().take(27).map(keep).collect();
    if name.len() < 2 { format!("user-{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(kind: DirectoryKind, body: Value) -> Option<String> {
        DirectoryChange::parse(kind, body).err().map(|error| error.details[0].path.clone())
    }

    #[test]
    fn null_takes_out_of_a_department_and_absent_leaves_it() {
        let parse = |user: Value| match DirectoryChange::parse(DirectoryKind::Users, json!({"users": [user]}))
        {
            Ok(DirectoryChange::Users(users)) => users[0].department_id.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(parse(json!({"id": "7"})), None);
        assert_eq!(parse(json!({"id": "7", "departmentId": null})), Some(None));
        assert_eq!(parse(json!({"id": "7", "departmentId": "d"})), Some(Some("d".into())));
    }

    #[test]
    fn what_is_wrong_is_named() {
        use DirectoryKind::{Departments, Projects, Users};
        let many: Vec<Value> = (0..201).map(|n| json!({"id": n.to_string()})).collect();
        for (kind, body, wrong) in [
            (Users, json!({"users": []}), "users"),
            (Users, json!({"users": many}), "users"),
            (Users, json!({"users": [{"id": "1"}, {"id": "1"}]}), "users"),
            (Users, json!({"users": [{"id": "1"}, {"id": " "}]}), "users[1].id"),
            (Users, json!({"users": [{"id": "1", "username": "A B"}]}), "users[0].username"),
            (Users, json!({"users": [{"id": "1", "departmentID": "x"}]}), "body"),
            (Users, json!({"users": [{"id": "1", "kind": "bot"}]}), "body"),
            (Departments, json!({"departments": [{"id": "1", "name": "x"}]}), "departments[0].name"),
            (Departments, json!({"departments": [{"id": "1", "members": vec!["a"; 501]}]}), "departments"),
            (
                Projects,
                json!({"projects": [{"id": "1", "context": {"a": "x".repeat(2048)}}]}),
                "projects[0].context",
            ),
            (Projects, json!({"projects": [{"id": "1", "name": "a\u{0}b"}]}), "d"),
        ] {
            assert_eq!(path(kind, body.clone()).as_deref(), Some(wrong), "{body}");
        }
        assert_eq!(path(Projects, json!({"projects": [{"id": "1", "completed": true}]})), None);
    }
}
