//! The HTTP side, the data folder and the log.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{secret::Secret, span::Span};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address of HTTP and WebSocket.
    pub listen: SocketAddr,
    /// How browsers reach this server, such as `https://meet.example.org`; empty = as the request says.
    pub public_url: String,
    /// More web origins whose pages may connect, such as `https://app.example.org`. `public_url` and
    /// pages served from here are always allowed.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// TCP connections in total; more are closed at once. 0 = no limit.
    pub max_connections: usize,
    /// TCP connections per address. 0 = no limit.
    pub max_connections_per_ip: usize,
    /// A socket that has not said hello by then is closed.
    pub hello_timeout: Span,
    /// How often clients are asked to ping.
    pub ping_interval: Span,
    /// A socket without any frame for this long is dead.
    pub idle_timeout: Span,
    /// How long a session waits for its socket to come back.
    pub resume_window: Span,
    /// A socket that takes no bytes for this long is cut (the session may resume).
    pub write_timeout: Span,
    /// On SIGTERM: how long work in flight may take before everything is closed anyway.
    pub drain_timeout: Span,
    /// On SIGTERM: clients are told to come back spread over at most this long.
    pub drain_spread: Span,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7880)),
            public_url: String::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_connections: 20_000,
            max_connections_per_ip: 1_000,
            hello_timeout: Span::secs(10),
            ping_interval: Span::secs(25),
            idle_timeout: Span::secs(60),
            resume_window: Span::secs(120),
            write_timeout: Span::secs(10),
            drain_timeout: Span::secs(20),
            drain_spread: Span::secs(30),
        }
    }
}

impl Server {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        if !self.public_url.is_empty() && !is_origin(&self.public_url) {
            mistakes.push(format!(
                "server.public_url: {:?} is not of the form https://host[:port] without a path",
                self.public_url
            ));
        }
        for origin in &self.allowed_origins {
            if !is_origin(origin) {
                mistakes.push(format!(
                    "server.allowed_origins: {origin:?} is not of the form https://host[:port] without a path"
                ));
            }
        }
        for (name, span) in [
            ("hello_timeout", self.hello_timeout),
            ("ping_interval", self.ping_interval),
            ("idle_timeout", self.idle_timeout),
            ("resume_window", self.resume_window),
            ("write_timeout", self.write_timeout),
        ] {
            if span.get().is_zero() {
                mistakes.push(format!("server.{name}: must be longer than 0"));
            }
        }
        if self.idle_timeout <= self.ping_interval {
            mistakes.push("server.idle_timeout: must be longer than server.ping_interval".into());
        }
        if self.drain_timeout > Span::secs(25) {
            mistakes.push("server.drain_timeout: at most 25s, so that the process ends within 30s".into());
        }
    }
}

/// `scheme://host[:port]`, nothing else.
fn is_origin(text: &str) -> bool {
    let Some(host) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    !host.is_empty()
        && host.parse::<hyper::http::uri::Authority>().is_ok()
        && !host.contains(['/', '?', '#', '@', '*', ' '])
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// Folder of the database.
    pub data_dir: PathBuf,
    /// `postgres://user:password@host/database`; empty = SQLite in `data_dir`.
    pub database_url: Secret,
    /// SQLite durability: `normal` survives a crash of the process, `full` also a power cut.
    pub synchronous: Synchronous,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./data"),
            database_url: Secret::default(),
            synchronous: Synchronous::Normal,
        }
    }
}

impl Storage {
    /// Never quotes the address: it holds a password.
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        let url = self.database_url.expose();
        let known = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        if !url.is_empty() && !known {
            mistakes.push("storage.database_url: postgres://user:password@host/database, or empty".into());
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    Normal,
    Full,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `auto` = for people on a terminal, JSON otherwise.
    pub format: LogFormat,
    /// What is logged, such as `info` or `info,convene::api=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: "info".into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Human,
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_origins_pass() {
        for good in ["https://a.example", "http://127.0.0.1:7880", "http://[::1]:7880"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in
            ["a.example", "https://", "https://a/", "https://u@a", "ws://a", "https://*", "https://a?x"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
