//! What tables there are, read from PostgreSQL's catalog: both schemas have the same columns, and only there a flag is
//! told from a number. So a table of a later migration is copied without anybody naming it here.

use std::collections::BTreeMap;

use super::db::{Arg, Db, Row, args};
use crate::store::{Result, StoreError};

/// Rebuilt from the messages, in a form of its own on each database.
const INDEX: [&str; 4] = ["messages_fts", "search_cursor", "search_days", "search_dirty"];
/// Which migrations ran: the target's own.
const MIGRATIONS: &str = "_sqlx_migrations";
/// Parameters of one statement. On SQLite each one is looked up among all their names, so long statements bind slowly.
const MAX_PARAMETERS: usize = 800;
const MAX_ROWS: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Flag,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    kind: Kind,
    /// Numbered by PostgreSQL itself.
    identity: bool,
}

#[derive(Debug, Clone, Default)]
struct Description {
    columns: Vec<Column>,
    /// Places of the columns of the primary key.
    key: Vec<usize>,
    /// Tables whose rows must be there first.
    after: Vec<String>,
}

/// A table and the statements that read and write it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub name: String,
    columns: Vec<Column>,
    key: Vec<usize>,
    /// Rows of a portion.
    pub portion: usize,
    first: &'static str,
    next: &'static str,
    insert_portion: Insert,
    insert_one: Insert,
    pub count: &'static str,
    pub look: &'static str,
    /// Keeps others from writing while PostgreSQL is filled.
    pub lock: &'static str,
    /// Lets PostgreSQL go on after the highest number.
    pub renumber: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
struct Insert {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Table {
    fn new(name: String, description: Description) -> Self {
        let Description { columns, key, .. } = description;
        let quoted = |at: &usize| columns.get(*at).map_or_else(String::new, |column| quote(&column.name));
        let names = (0..columns.len()).map(|at| quoted(&at)).collect::<Vec<_>>().join(", ");
        let order = key.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let portion = (MAX_PARAMETERS / columns.len().max(1)).clamp(1, MAX_ROWS);
        let select = |from: &str| {
            let table = quote(&name);
            statement(format!("SELECT {names} FROM {table} {from} ORDER BY {order} LIMIT {portion}"))
        };
        let numbered = columns.iter().find(|column| column.identity);
        let insert = |rows: usize| {
            let row = |row: usize| format!("({})", parameters(row * columns.len() + 1, columns.len()));
            let values = (0..rows).map(row).collect::<Vec<_>>().join(", ");
            let into = format!("INSERT INTO {} ({names})", quote(&name));
            // Only PostgreSQL would number rows against our will.
            let overriding = if numbered.is_some() { " OVERRIDING SYSTEM VALUE" } else { "" };
            Insert {
                sqlite: statement(format!("{into} VALUES {values}")),
                postgres: statement(format!("{into}{overriding} VALUES {values}")),
            }
        };
        let renumber = numbered.map(|column| {
            let (table, column) = (quote(&name), quote(&column.name));
            statement(format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{}'), MAX({column})) AS n FROM {table} \
                 HAVING MAX({column}) IS NOT NULL",
                column.trim_matches('"')
            ))
        });
        Self {
            portion,
            first: select(""),
            next: select(&format!("WHERE ({order}) > ({})", parameters(1, key.len()))),
            insert_portion: insert(portion),
            insert_one: insert(1),
            count: statement(format!("SELECT COUNT(*) AS n FROM {}", quote(&name))),
            look: statement(format!("SELECT 1 AS one FROM {} LIMIT 1", quote(&name))),
            lock: statement(format!("LOCK TABLE {} IN EXCLUSIVE MODE", quote(&name))),
            renumber,
            name,
            columns,
            key,
        }
    }

    /// The rows after one of them, in the order of the key; from the beginning if there is none.
    pub async fn read(&self, conn: &mut Db<'_>, after: Option<&Vec<Arg>>) -> Result<Vec<Vec<Arg>>> {
        let rows = match after {
            None => conn.all(self.first, args![]).await?,
            Some(last) => {
                let key = self.key.iter().filter_map(|at| last.get(*at).cloned()).collect();
                conn.all(self.next, key).await?
            }
        };
        rows.iter().map(|row| self.values(row)).collect()
    }

    fn values(&self, row: &Row) -> Result<Vec<Arg>> {
        let value = |column: &Column| {
            Ok(match column.kind {
                Kind::Int => Arg::from(row.maybe_int(&column.name)?),
                Kind::Text => Arg::from(row.maybe_text(&column.name)?),
                Kind::Flag => Arg::from(row.flag(&column.name)?),
            })
        };
        self.columns.iter().map(value).collect()
    }

    pub async fn write(&self, conn: &mut Db<'_>, rows: Vec<Vec<Arg>>) -> Result<()> {
        if rows.len() == self.portion {
            let sql = conn.pick(self.insert_portion.sqlite, self.insert_portion.postgres);
            conn.run(sql, rows.into_iter().flatten().collect()).await?;
            return Ok(());
        }
        let sql = conn.pick(self.insert_one.sqlite, self.insert_one.postgres);
        for row in rows {
            conn.run(sql, row).await?;
        }
        Ok(())
    }
}

/// Every table that holds what people wrote and did, those first that others refer to.
pub(super) async fn tables(postgres: &mut Db<'_>) -> Result<Vec<Table>> {
    let mut found = columns(postgres).await?;
    for row in postgres.all(KEYS, args![]).await? {
        let (table, name) = (row.text("t")?, row.text("c")?);
        let Some(description) = found.get_mut(&table) else { continue };
        let at = description.columns.iter().position(|column| column.name == name);
        description.key.extend(at);
    }
    for row in postgres.all(REFERENCES, args![]).await? {
        let (table, to) = (row.text("t")?, row.text("refers_to")?);
        if let Some(description) = found.get_mut(&table).filter(|_| table != to) {
            description.after.push(to);
        }
    }
    if let Some((name, _)) = found.iter().find(|(_, description)| description.key.is_empty()) {
        return Err(StoreError::Unavailable(format!("table {name} has no primary key to read it by")));
    }
    let mut ordered: Vec<Table> = Vec::new();
    while !found.is_empty() {
        let waits = |description: &Description| description.after.iter().any(|name| found.contains_key(name));
        let ready = found.iter().find(|(_, description)| !waits(description)).map(|(name, _)| name.clone());
        let next = ready.and_then(|name| found.remove_entry(&name));
        let Some((name, description)) = next else {
            return Err(StoreError::Unavailable("tables refer to each other in a circle".into()));
        };
        ordered.push(Table::new(name, description));
    }
    Ok(ordered)
}

async fn columns(postgres: &mut Db<'_>) -> Result<BTreeMap<String, Description>> {
    let mut found: BTreeMap<String, Description> = BTreeMap::new();
    for row in postgres.all(COLUMNS, args![]).await? {
        let (table, name, data_type) = (row.text("t")?, row.text("c")?, row.text("data_type")?);
        if table == MIGRATIONS || INDEX.contains(&table.as_str()) {
            continue;
        }
        let kind = match data_type.as_str() {
            "bigint" => Kind::Int,
            "text" => Kind::Text,
            "boolean" if !row.flag("nullable")? => Kind::Flag,
            other => {
                let why = format!("cannot copy column {table}.{name} of type {other}");
                return Err(StoreError::Unavailable(why));
            }
        };
        let column = Column { name, kind, identity: row.flag("identity")? };
        found.entry(table).or_default().columns.push(column);
    }
    Ok(found)
}

const COLUMNS: &str = "SELECT c.table_name::text AS t, c.column_name::text AS c, c.data_type::text AS data_type, \
     c.is_nullable = 'YES' AS nullable, c.is_identity = 'YES' AS identity FROM information_schema.columns c \
     JOIN information_schema.tables b ON b.table_schema = c.table_schema AND b.table_name = c.table_name \
     WHERE c.table_schema = current_schema() AND b.table_type = 'BASE TABLE' \
     ORDER BY c.table_name, c.ordinal_position";
const KEYS: &str = "SELECT k.table_name::text AS t, k.column_name::text AS c FROM information_schema.table_constraints c \
     JOIN information_schema.key_column_usage k ON k.constraint_schema = c.constraint_schema \
     AND k.constraint_name = c.constraint_name AND k.table_name = c.table_name \
     WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_schema = current_schema() \
     ORDER BY k.table_name, k.ordinal_position";
const REFERENCES: &str = "SELECT f.relname::text AS t, r.relname::text AS refers_to FROM pg_constraint c \
     JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid \
     WHERE c.contype = 'f' AND f.relnamespace = current_schema()::regnamespace";

fn parameters(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// Names come from our own schema; some of them are words of SQL.
fn quote(name: &str) -> String {
    format!("\"{name}\"")
}

/// Statements live as long as the program. Here they are a handful for each table, in a command that ends after it.
fn statement(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}
