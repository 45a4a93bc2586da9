//! The writer's connection: its transactions, and what becomes of one whose connection broke.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use super::{
    db::{Db, args, unavailable},
    local::Local,
};
use crate::{
    runtime::clock,
    store::{Result, StoreError},
};

/// For so long the writer tries to reach the database again before it gives up the commands of the broken batch.
/// Those that come meanwhile wait in its queue.
const RECONNECT_FOR: Duration = Duration::from_secs(20);
const RECONNECT_EVERY: Duration = Duration::from_millis(200);
/// A server that has not noticed yet that we are gone calls our transaction "in progress".
const STATUS_EVERY: Duration = Duration::from_millis(50);

/// What became of a transaction that did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not committed.
    Lost,
    /// COMMIT was sent, and no answer came.
    Unknown,
    Committed,
}

pub(super) type Ended = std::result::Result<(), (Fate, StoreError)>;

pub(super) enum Connection {
    Sqlite(Box<Local>),
    Postgres(Box<Postgres>),
}

pub(super) struct Postgres {
    options: PgConnectOptions,
    /// `None` after it broke.
    conn: Option<PgConnection>,
    /// Of the transaction under way.
    xid: Option<String>,
}

impl Connection {
    pub fn postgres(options: PgConnectOptions, conn: PgConnection) -> Self {
        Self::Postgres(Box::new(Postgres { options, conn: Some(conn), xid: None }))
    }

    pub fn db(&mut self) -> Result<Db<'_>> {
        match self {
            Self::Sqlite(conn) => Ok(Db::Local(conn)),
            Self::Postgres(own) => own.db(),
        }
    }

    pub async fn begin(&mut self) -> Result<()> {
        if let Self::Postgres(own) = self {
            if own.conn.is_none() {
                own.reconnect().await?;
            }
            own.xid = None;
        }
        let mut db = self.db()?;
        db.run(db.pick("BEGIN IMMEDIATE", "BEGIN"), args![]).await?;
        if let Self::Postgres(own) = self {
            let row = own.db()?.one("SELECT pg_current_xact_id()::text AS xid", args![]).await?;
            own.xid = Some(row.text("xid")?);
        }
        Ok(())
    }

    async fn end(&mut self, sql: &'static str) -> Result<()> {
        self.db()?.run(sql, args![]).await.map(|_| ())
    }

    pub async fn commit(&mut self) -> Ended {
        let unanswered = match self {
            // An error of SQLite's COMMIT is an answer.
            Self::Sqlite(_) => Fate::Lost,
            Self::Postgres(_) => Fate::Unknown,
        };
        self.end("COMMIT").await.map_err(|error| (unanswered, error))?;
        if let Self::Sqlite(local) = self {
            local.committed();
        }
        Ok(())
    }

    pub async fn rollback(&mut self) -> Ended {
        self.end("ROLLBACK").await.map_err(|error| (Fate::Lost, error))
    }

    /// Makes the connection usable again, and finds out what is not known. Never says `Unknown` back: after the last
    /// attempt the commands are refused, and a client that repeats one with its nonce learns the truth.
    pub async fn recover(&mut self, fate: Fate) -> Fate {
        // A database that rolled back by itself (disk full, connection lost) refuses this.
        let usable = self.end("ROLLBACK").await.is_ok();
        let Self::Postgres(own) = self else { return Fate::Lost };
        if usable && fate == Fate::Lost {
            return Fate::Lost;
        }
        own.conn = None;
        if let Err(error) = own.reconnect().await {
            tracing::error!(%error, "the database cannot be reached");
            return Fate::Lost;
        }
        if fate == Fate::Lost { Fate::Lost } else { own.status().await }
    }

    pub async fn close(self) {
        let closed = match self {
            Self::Sqlite(conn) => conn.close(),
            Self::Postgres(own) => match own.conn {
                Some(conn) => conn.close().await.map_err(unavailable),
                None => Ok(()),
            },
        };
        if let Err(error) = closed {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

impl Postgres {
    fn db(&mut self) -> Result<Db<'_>> {
        let conn = self.conn.as_mut().ok_or_else(|| StoreError::Unavailable("not connected".into()))?;
        Ok(Db::Postgres(conn))
    }

    async fn reconnect(&mut self) -> Result<()> {
        let deadline = clock::now() + RECONNECT_FOR;
        loop {
            match self.options.connect().await {
                Ok(conn) => {
                    self.conn = Some(conn);
                    tracing::info!("connected to the database again");
                    return Ok(());
                }
                Err(error) if clock::now() >= deadline => return Err(unavailable(error)),
                Err(_) => tokio::time::sleep(RECONNECT_EVERY).await,
            }
        }
    }

    async fn status(&mut self) -> Fate {
        let Some(xid) = self.xid.take() else { return Fate::Lost };
        let deadline = clock::now() + RECONNECT_FOR;
        while clock::now() < deadline {
            match self.ask_status(&xid).await.as_deref() {
                Ok("committed") => return Fate::Committed,
                Ok("in progress") => tokio::time::sleep(STATUS_EVERY).await,
                Ok(_) => return Fate::Lost,
                Err(error) => {
                    tracing::error!(%error, "the fate of a transaction cannot be asked");
                    return Fate::Lost;
                }
            }
        }
        Fate::Lost
    }

    /// Empty for one so old that it is forgotten.
    async fn ask_status(&mut self, xid: &str) -> Result<String> {
        let row = self.db()?.one("SELECT pg_xact_status($1::text::xid8) AS status", args![xid]).await?;
        Ok(row.maybe_text("status")?.unwrap_or_default())
    }
}
