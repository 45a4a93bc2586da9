//! One way to speak to either database.
//!
//! Statements are written once, in the SQL that SQLite and PostgreSQL share, with `$1`-style parameters that both
//! take; the few that cannot be are chosen by [`Db::pick`]. Both schemas therefore have the same columns: ids, words
//! and JSON are text, times are milliseconds in 64-bit integers.

use std::str::FromStr;

use rusqlite::types::FromSql;
use sqlx::{
    Decode, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction, Type,
    pool::PoolConnection, postgres::PgRow, sqlite::SqliteRow,
};

use super::local::{Local, LocalRow};
use crate::{
    base::id::{CallId, ChannelId, FilterId, InviteId, LoginId, MessageId, ParticipantId, ReportId, UserId},
    store::{Result, StoreError},
};

/// The value of a parameter.
#[derive(Debug, Clone)]
pub(super) enum Arg {
    Int(Option<i64>),
    Text(Option<String>),
    Flag(bool),
}

/// The parameters of a statement, `$1` first.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$($crate::store::sql::db::Arg::from($arg)),*] };
}
pub(super) use args;

macro_rules! arg_from {
    ($($type:ty as $value:ident => $arg:expr),+ $(,)?) => {
        $(impl From<$type> for Arg {
            fn from($value: $type) -> Self {
                $arg
            }
        })+
    };
}
arg_from! {
    bool as value => Self::Flag(value),
    i64 as value => Self::Int(Some(value)),
    u32 as value => Self::Int(Some(value.into())),
    // Positions and revisions stay far below 2^63; a client's larger number means "the end".
    u64 as value => Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX))),
    Option<i64> as value => Self::Int(value),
    Option<u32> as value => Self::Int(value.map(i64::from)),
    String as value => Self::Text(Some(value)),
    &String as value => Self::Text(Some(value.clone())),
    &str as value => Self::Text(Some(value.to_owned())),
    Option<String> as value => Self::Text(value),
    &Option<String> as value => Self::Text(value.clone()),
    Option<&str> as value => Self::Text(value.map(str::to_owned)),
}

macro_rules! id_args {
    ($($id:ty),+) => {
        $(impl From<$id> for Arg {
            fn from(id: $id) -> Self {
                Self::Text(Some(id.to_string()))
            }
        }
        impl From<Option<$id>> for Arg {
            fn from(id: Option<$id>) -> Self {
                Self::Text(id.map(|id| id.to_string()))
            }
        })+
    };
}
id_args!(UserId, ChannelId, MessageId, CallId, ParticipantId, ReportId, LoginId, FilterId, InviteId);

/// A borrowed connection.
pub(super) enum Db<'c> {
    /// SQLite, for the writer.
    Local(&'c mut Local),
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

macro_rules! query {
    ($database:ty, $sql:expr, $args:expr) => {{
        let mut query = sqlx::query::<$database>($sql);
        for arg in $args {
            query = match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Text(value) => query.bind(value.map(without_nul)),
                Arg::Flag(value) => query.bind(value),
            };
        }
        query
    }};
}

/// PostgreSQL's texts cannot hold it. Commands with it are refused; this is for names in tokens of integrators.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

impl Db<'_> {
    /// Rows affected.
    pub async fn run(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64> {
        match self {
            Self::Local(conn) => conn.run(sql, args),
            Self::Sqlite(conn) => {
                let done = query!(Sqlite, sql, args).execute(&mut **conn).await;
                done.map(|done| done.rows_affected()).map_err(unavailable)
            }
            Self::Postgres(conn) => {
                let done = query!(Postgres, sql, args).execute(&mut **conn).await;
                done.map(|done| done.rows_affected()).map_err(unavailable)
            }
        }
    }

    pub async fn all(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>> {
        match self {
            Self::Local(conn) => Ok(conn.rows(sql, args, usize::MAX)?.into_iter().map(Row::Local).collect()),
            Self::Sqlite(conn) => {
                let rows = query!(Sqlite, sql, args).fetch_all(&mut **conn).await.map_err(unavailable)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(conn) => {
                let rows = query!(Postgres, sql, args).fetch_all(&mut **conn).await.map_err(unavailable)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    pub async fn maybe(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Option<Row>> {
        match self {
            Self::Local(conn) => Ok(conn.rows(sql, args, 1)?.pop().map(Row::Local)),
            Self::Sqlite(conn) => {
                let row = query!(Sqlite, sql, args).fetch_optional(&mut **conn).await;
                Ok(row.map_err(unavailable)?.map(Row::Sqlite))
            }
            Self::Postgres(conn) => {
                let row = query!(Postgres, sql, args).fetch_optional(&mut **conn).await;
                Ok(row.map_err(unavailable)?.map(Row::Postgres))
            }
        }
    }

    /// `NotFound` if there is none.
    pub async fn one(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Row> {
        self.maybe(sql, args).await?.ok_or(StoreError::NotFound)
    }

    /// The statement in the words of this database.
    pub fn pick(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Local(_) | Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }
}

/// An answer's row.
pub(super) enum Row {
    Local(LocalRow),
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn get<T>(&self, column: &str) -> Result<T>
    where
        T: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>
            + FromSql,
    {
        match self {
            Self::Local(row) => row.get(column),
            Self::Sqlite(row) => sqlx::Row::try_get(row, column).map_err(unavailable),
            Self::Postgres(row) => sqlx::Row::try_get(row, column).map_err(unavailable),
        }
    }

    pub fn text(&self, column: &str) -> Result<String> {
        self.get(column)
    }

    pub fn maybe_text(&self, column: &str) -> Result<Option<String>> {
        self.get(column)
    }

    pub fn int(&self, column: &str) -> Result<i64> {
        self.get(column)
    }

    pub fn maybe_int(&self, column: &str) -> Result<Option<i64>> {
        self.get(column)
    }

    pub fn unsigned(&self, column: &str) -> Result<u64> {
        Ok(u64::try_from(self.int(column)?).unwrap_or(0))
    }

    pub fn small(&self, column: &str) -> Result<u32> {
        Ok(u32::try_from(self.int(column)?).unwrap_or(0))
    }

    pub fn flag(&self, column: &str) -> Result<bool> {
        self.get(column)
    }

    pub fn id<T: FromStr>(&self, column: &str) -> Result<T> {
        parse_id(&self.text(column)?)
    }

    pub fn maybe_id<T: FromStr>(&self, column: &str) -> Result<Option<T>> {
        self.maybe_text(column)?.as_deref().map(parse_id).transpose()
    }

    /// A word of one of our enums.
    pub fn word<T>(&self, column: &str, parse: fn(&str) -> Option<T>) -> Result<T> {
        parse(&self.text(column)?).ok_or_else(|| StoreError::Unavailable(format!("unknown word in {column}")))
    }

    pub fn maybe_word<T>(&self, column: &str, parse: fn(&str) -> Option<T>) -> Result<Option<T>> {
        Ok(self.maybe_text(column)?.as_deref().and_then(parse))
    }
}

/// Connections for reading.
pub(super) enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Readers {
    /// For one statement.
    pub async fn take(&self) -> Result<Reader> {
        match self {
            Self::Sqlite(pool) => pool.acquire().await.map(Reader::Sqlite).map_err(unavailable),
            Self::Postgres(pool) => pool.acquire().await.map(Reader::Postgres).map_err(unavailable),
        }
    }

    /// For several that must see the same moment.
    pub async fn snapshot(&self) -> Result<Reader> {
        match self {
            Self::Sqlite(pool) => pool.begin().await.map(Reader::SqliteSnapshot).map_err(unavailable),
            Self::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                pool.begin_with(begin).await.map(Reader::PostgresSnapshot).map_err(unavailable)
            }
        }
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A connection on loan from the pool.
pub(super) enum Reader {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
    SqliteSnapshot(Transaction<'static, Sqlite>),
    PostgresSnapshot(Transaction<'static, Postgres>),
}

impl Reader {
    pub fn db(&mut self) -> Db<'_> {
        match self {
            Self::Sqlite(conn) => Db::Sqlite(conn),
            Self::Postgres(conn) => Db::Postgres(conn),
            Self::SqliteSnapshot(snapshot) => Db::Sqlite(snapshot),
            Self::PostgresSnapshot(snapshot) => Db::Postgres(snapshot),
        }
    }
}

/// Details go to the log with the error, never to a client.
pub(super) fn unavailable(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::RowNotFound => StoreError::NotFound,
        sqlx::Error::Database(db) if db.is_unique_violation() => StoreError::Duplicate,
        _ => StoreError::Unavailable(error.to_string()),
    }
}

pub(super) fn parse_id<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| StoreError::Unavailable("a stored id is malformed".into()))
}

/// Words that must occur, as a pattern for `LIKE … ESCAPE '\'`.
pub(super) fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
