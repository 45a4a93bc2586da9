//! SQLite for the writer: called directly, on the writer's own thread.
//!
//! The pool of readers goes through sqlx, whose SQLite lives on another thread: each statement costs two wake-ups, some
//! 80 µs on a busy machine. A reader does not notice; a writer with five statements a message spends most of its time
//! in them.

use std::{
    collections::HashMap,
    fs::File,
    io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{
    CachedStatement, Connection, ErrorCode, OpenFlags,
    ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE},
    types::{FromSql, FromSqlError, Value},
};

use super::{BUSY, STATEMENTS, SqliteConfig, db::Arg};
use crate::store::{Result, StoreError};

/// What the log may grow to before the writer itself moves it into the database, in pages of 4 KiB: the other thread
/// has moved nearly all of it by then. Only then, or in a quiet moment, the log begins from the start again.
const LOG_PAGES: u32 = 65_536;
/// How often the other thread moves it.
const MOVED_EVERY: Duration = Duration::from_millis(250);
/// Of the log, a page of the database and its head.
const FRAME: u64 = 4096 + 24;
/// Somewhat more than what a writer at its limit puts into the log until the next time.
const AHEAD: u64 = 16 << 20;
/// Linux reads no more than its readahead for one advice, whatever the advice says.
const ADVICE: u64 = 128 << 10;

/// An open database file.
pub(super) struct Local {
    conn: Connection,
    mover: LogMover,
    /// By the statement's text, which is `'static`.
    shapes: HashMap<&'static str, Arc<Shape>>,
}

/// What a statement takes and gives.
#[derive(Debug)]
struct Shape {
    /// For each of SQLite's parameters, which are numbered as they occur, the argument: `$2` is the second.
    arguments: Vec<usize>,
    columns: Vec<Box<str>>,
}

/// A row of an answer.
pub(super) struct LocalRow {
    shape: Arc<Shape>,
    values: Vec<Value>,
}

impl Local {
    /// The file must exist, with its schema.
    pub fn open(config: &SqliteConfig) -> Result<Self> {
        let conn = connect(config)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        conn.pragma_update(None, "foreign_keys", "ON").map_err(unavailable)?;
        Ok(Self {
            conn,
            mover: LogMover::start(connect(config)?, log_of(&config.path))?,
            shapes: HashMap::new(),
        })
    }

    /// There is something in the log.
    pub fn committed(&self) {
        self.mover.wake();
    }

    pub fn close(self) -> Result<()> {
        drop(self.mover);
        self.conn.close().map_err(|(_, error)| unavailable(error))
    }

    /// Rows affected.
    pub fn run(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64> {
        let (mut statement, shape) = self.prepare(sql, args)?;
        if shape.columns.is_empty() {
            return statement.raw_execute().map(|rows| rows as u64).map_err(unavailable);
        }
        let mut rows = statement.raw_query();
        while rows.next().map_err(unavailable)?.is_some() {}
        drop(rows);
        drop(statement);
        Ok(self.conn.changes())
    }

    /// At most so many rows; the statement runs to its end all the same.
    pub fn rows(&mut self, sql: &'static str, args: Vec<Arg>, most: usize) -> Result<Vec<LocalRow>> {
        let (mut statement, shape) = self.prepare(sql, args)?;
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(unavailable)? {
            if found.len() == most {
                continue;
            }
            let values = (0..shape.columns.len()).map(|at| row.get(at)).collect::<rusqlite::Result<_>>();
            found.push(LocalRow { shape: shape.clone(), values: values.map_err(unavailable)? });
        }
        Ok(found)
    }

    fn prepare(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<(CachedStatement<'_>, Arc<Shape>)> {
        let mut statement = self.conn.prepare_cached(sql).map_err(unavailable)?;
        let shape = match self.shapes.get(sql) {
            Some(known) => known.clone(),
            None => {
                let shape = Arc::new(Shape::of(&statement)?);
                self.shapes.insert(sql, shape.clone());
                shape
            }
        };
        let mut args: Vec<_> = args.into_iter().map(Some).collect();
        for (index, argument) in shape.arguments.iter().enumerate() {
            // Each name is one parameter, however often it occurs.
            let arg = args.get_mut(*argument).and_then(Option::take);
            let arg = arg.ok_or_else(|| StoreError::Unavailable(format!("no argument ${}", argument + 1)))?;
            statement.raw_bind_parameter(index + 1, value(arg)).map_err(unavailable)?;
        }
        Ok((statement, shape))
    }
}

fn connect(config: &SqliteConfig) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&config.path, flags).map_err(unavailable)?;
    conn.busy_timeout(BUSY).map_err(unavailable)?;
    let synchronous = if config.full_sync { "FULL" } else { "NORMAL" };
    for (pragma, value) in [("journal_mode", "WAL"), ("synchronous", synchronous)] {
        conn.pragma_update(None, pragma, value).map_err(unavailable)?;
    }
    conn.pragma_update(None, "wal_autocheckpoint", LOG_PAGES).map_err(unavailable)?;
    // What a statement may have to take back is not worth a file: one of the search index fills 64 kB with it.
    conn.pragma_update(None, "temp_store", "MEMORY").map_err(unavailable)?;
    Ok(conn)
}

/// Moves the log into the database beside the writer, which would wait for the disk some ten milliseconds twice a
/// second otherwise.
struct LogMover {
    work: Option<mpsc::SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LogMover {
    fn start(conn: Connection, log: PathBuf) -> Result<Self> {
        let (work, wanted) = mpsc::sync_channel(1);
        let run = move || {
            while wanted.recv().is_ok() {
                // Passive: it waits for nobody, and nobody for it. What it does not reach is left to the next time.
                match conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1)) {
                    Ok(frames) => {
                        if let Err(error) = prefetch(&log, u64::try_from(frames).unwrap_or(0)) {
                            tracing::debug!(%error, "the log of the database was not looked at ahead");
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the log of the database could not be moved into it");
                    }
                }
                thread::park_timeout(MOVED_EVERY);
            }
        };
        let thread = thread::Builder::new().name("sqlite-log".into()).spawn(run);
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { work: Some(work), thread: Some(thread) })
    }

    fn wake(&self) {
        // Full: it knows.
        let _ = self.work.as_ref().map(|work| work.try_send(()));
    }
}

fn log_of(database: &Path) -> PathBuf {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Has the kernel read what the writer will overwrite next, here or from the start of the log. Frames begin and end in
/// the middle of pages: what is no longer in memory of those, the writer would have to wait for.
fn prefetch(log: &Path, frames: u64) -> io::Result<()> {
    // SQLite's locks are on other files: closing this one takes none of them away.
    let log = File::open(log)?;
    for start in [0, frames * FRAME] {
        for part in 0..AHEAD / ADVICE {
            let offset = start + part * ADVICE;
            rustix::fs::fadvise(&log, offset, NonZeroU64::new(ADVICE), rustix::fs::Advice::WillNeed)?;
        }
    }
    Ok(())
}

impl Drop for LogMover {
    fn drop(&mut self) {
        drop(self.work.take());
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Shape {
    fn of(statement: &CachedStatement<'_>) -> Result<Self> {
        let argument = |index| {
            let name = statement.parameter_name(index).unwrap_or_default();
            let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
            let number = number.and_then(|number| number.checked_sub(1));
            number.ok_or_else(|| StoreError::Unavailable(format!("a parameter is called {name:?}, not $1")))
        };
        Ok(Self {
            arguments: (1..=statement.parameter_count()).map(argument).collect::<Result<_>>()?,
            columns: statement.column_names().into_iter().map(Into::into).collect(),
        })
    }
}

impl LocalRow {
    pub fn get<T: FromSql>(&self, column: &str) -> Result<T> {
        let at = self.shape.columns.iter().position(|name| **name == *column);
        let value = at.and_then(|at| self.values.get(at));
        let value = value.ok_or_else(|| StoreError::Unavailable(format!("no column {column}")))?;
        T::column_result(value.into())
            .map_err(|error: FromSqlError| StoreError::Unavailable(format!("column {column}: {error}")))
    }
}

fn value(arg: Arg) -> Value {
    match arg {
        Arg::Int(value) => value.map_or(Value::Null, Value::Integer),
        Arg::Text(value) => value.map_or(Value::Null, Value::Text),
        Arg::Flag(value) => Value::Integer(value.into()),
    }
}

/// Details go to the log with the error, never to a client.
fn unavailable(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error() {
        Some(sqlite)
            if sqlite.code == ErrorCode::ConstraintViolation
                && [SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY]
                    .contains(&sqlite.extended_code) =>
        {
            StoreError::Duplicate
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}
