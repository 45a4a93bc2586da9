//! A database that is only read, beside whoever serves it: one moment of it, seen by nobody else.

use std::{fmt, path::PathBuf, str::FromStr};

use sqlx::{postgres::PgPoolOptions, sqlite::SqlitePoolOptions};

use super::{
    BUSY, POSTGRES_MIGRATIONS, PgConnectOptions, SQLITE_MIGRATIONS, SqliteConnectOptions,
    db::{Db, Reader, Readers, args, unavailable},
};
use crate::store::{Result, StoreError};

/// Where a database is.
#[derive(Clone)]
pub enum Address {
    Sqlite(PathBuf),
    /// With its password, so it is never printed.
    Postgres(String),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(path.into()));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.into()));
        }
        Err("sqlite:PATH or postgres://user:password@host/database")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("there is no database")]
    Missing,
    #[error("the database is not at the schema of this program: run `convene migrate` first")]
    Outdated,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All that is read from it is of one moment.
pub(super) struct Source {
    readers: Readers,
    snapshot: Reader,
}

impl Source {
    pub async fn open(address: &Address) -> std::result::Result<Self, SourceError> {
        let readers = match address {
            Address::Sqlite(path) => {
                if !path.is_file() {
                    return Err(SourceError::Missing);
                }
                let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
                let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
                Readers::Sqlite(pool.map_err(unavailable)?)
            }
            Address::Postgres(url) => {
                let options: PgConnectOptions = url.parse().map_err(unavailable)?;
                let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await;
                Readers::Postgres(pool.map_err(unavailable)?)
            }
        };
        let snapshot = readers.snapshot().await?;
        let mut source = Self { readers, snapshot };
        up_to_date(&mut source.db()).await?;
        Ok(source)
    }

    pub fn db(&mut self) -> Db<'_> {
        self.snapshot.db()
    }

    pub async fn close(self) {
        drop(self.snapshot);
        self.readers.close().await;
    }
}

async fn up_to_date(source: &mut Db<'_>) -> std::result::Result<(), SourceError> {
    let known = match source {
        Db::Local(_) | Db::Sqlite(_) => &SQLITE_MIGRATIONS,
        Db::Postgres(_) => &POSTGRES_MIGRATIONS,
    };
    let sql = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
    // A database that is not ours does not have the table.
    let rows = source.all(sql, args![]).await.map_err(|_| SourceError::Outdated)?;
    let done = rows.iter().map(|row| row.int("version")).collect::<Result<Vec<i64>>>()?;
    let current = done.iter().copied().eq(known.iter().map(|migration| migration.version));
    if current { Ok(()) } else { Err(SourceError::Outdated) }
}
