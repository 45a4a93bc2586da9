//! The embedded database: WAL, one writer task with group commit, a pool of readers.

use std::path::PathBuf;

use super::{Result, StoreError};

#[derive(Debug, Clone)]
pub struct SqliteConfig {
    pub path: PathBuf,
    /// `synchronous=FULL`: survives power loss, not only a crash, at about half the write rate.
    pub full_sync: bool,
}

/// Implements `Store`.
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens or creates the file and brings its schema up to date.
    pub async fn open(_config: SqliteConfig) -> Result<Self> {
        Err(StoreError::Unavailable("not yet".into()))
    }
}
