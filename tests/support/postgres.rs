//! A PostgreSQL of our own: a fresh cluster in a temporary folder, on a free loopback port, ended by its process id.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::ports::free_tcp_port;

/// Seconds.
const PATIENCE: &str = "60";

pub struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
    runs: bool,
}

impl Postgres {
    /// A new cluster with an empty database `convene`. Blocks for a second or two.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_tcp_port();
        // PostgreSQL refuses to run as root.
        if let Some((uid, gid)) = unprivileged() {
            chown(folder.path(), Some(uid), Some(gid)).expect("the folder belongs to postgres");
        }
        let mut one = Self { folder, port, runs: false };
        let made = one
            .tool("initdb")
            .args(["--no-sync", "--auth=trust", "--username=convene", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(one.data())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        one.launch();
        one.sql("postgres", "CREATE DATABASE convene");
        one
    }

    /// `postgres://…` of a database in it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://convene@127.0.0.1:{}/{database}", self.port)
    }

    /// Returns when it takes connections.
    pub fn launch(&mut self) {
        let settings = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100",
            self.port
        );
        self.control(&["start", "-w", "-t", PATIENCE, "-l", "log", "-o", &settings]);
        self.runs = true;
    }

    /// Every connection is cut at once, as by a crash; the next start recovers.
    pub fn kill(&mut self) {
        if std::mem::take(&mut self.runs) {
            self.control(&["stop", "-w", "-t", PATIENCE, "-m", "immediate"]);
        }
    }

    /// `pg_ctl` knows the process by the file it keeps in the data folder.
    fn control(&self, args: &[&str]) {
        let mut command = self.tool("pg_ctl");
        command.args(args).arg("-D").arg(self.data());
        // What it starts must not keep our pipes open.
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("pg_ctl runs");
        assert!(done.success(), "pg_ctl {}: {}", args[0], self.log());
    }

    pub fn sql(&self, database: &str, statement: &str) -> String {
        let (ok, said) = self.psql(database, statement);
        assert!(ok, "{statement}: {said}");
        said.trim().to_owned()
    }

    fn psql(&self, database: &str, statement: &str) -> (bool, String) {
        let out = self
            .tool("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-c", statement])
            .output()
            .expect("psql runs");
        let said = if out.status.success() { out.stdout } else { out.stderr };
        (out.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(binaries().join(name));
        command.stdin(Stdio::null()).current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((uid, gid)) = unprivileged() {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Debian keeps each version in a folder of its own, outside the path.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|one| one.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").exists());
    folders.sort();
    folders.pop().unwrap_or_else(|| Path::new("/usr/bin").to_path_buf())
}

/// The user `postgres`, if we are root.
fn unprivileged() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let user =
        nix::unistd::User::from_name("postgres").ok().flatten().expect("the package makes the user postgres");
    Some((user.uid.as_raw(), user.gid.as_raw()))
}
