//! A copy of the SQLite file while others write to it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions as _, Connection as _};

use super::{
    BUSY, SqliteConnectOptions,
    db::{Db, args, unavailable},
};
use crate::store::{Result, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("there is no database at {0}")]
    Missing(PathBuf),
    #[error("{0} exists already; a backup never overwrites")]
    Exists(PathBuf),
    #[error("the name of the backup is not Unicode")]
    Name,
    #[error("the copy is damaged, so it was not kept: {0}")]
    Damaged(String),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The database as of one moment, checked, in a file only its owner may read. Its size in bytes.
///
/// It is written under another name first: what has the name of a backup is a whole one, or empty.
pub async fn backup(from: &Path, to: &Path) -> std::result::Result<u64, BackupError> {
    if !from.is_file() {
        return Err(BackupError::Missing(from.to_owned()));
    }
    match create(to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(to.to_owned()));
        }
        made => made?,
    };
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let done = write(from, &part).await.and_then(|size| {
        fs::rename(&part, to)?;
        // The name has to survive a power cut as well as the content.
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(size)
    });
    if done.is_err() {
        for file in [to, &part] {
            // It may not have come to this file.
            let _ = fs::remove_file(file);
        }
    }
    done
}

async fn write(from: &Path, part: &Path) -> std::result::Result<u64, BackupError> {
    // Left by one that was killed: nobody else has a claim to this name.
    if part.exists() {
        fs::remove_file(part)?;
    }
    let file = create(part)?;
    let mut conn = open(from).await?;
    let name = part.to_str().ok_or(BackupError::Name)?;
    let copied = Db::Sqlite(&mut conn).run("VACUUM INTO $1", args![name]).await;
    conn.close().await.map_err(unavailable)?;
    copied?;
    let mut copy = open(part).await?;
    let found = Db::Sqlite(&mut copy).all("PRAGMA integrity_check", args![]).await;
    copy.close().await.map_err(unavailable)?;
    let said = found?.iter().map(|row| row.text("integrity_check")).collect::<Result<Vec<_>>>()?;
    if said != ["ok"] {
        return Err(BackupError::Damaged(said.join("; ")));
    }
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Conversations are nobody else's business.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

async fn open(path: &Path) -> Result<sqlx::SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
    options.disable_statement_logging().connect().await.map_err(unavailable)
}
