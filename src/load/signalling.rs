//! The native door as a client: REST login, then JSON frames on `/ws`.
//!
//! Plain HTTP only: the tool measures the server, not a TLS proxy in front of it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use crate::runtime::clock;

/// An answer the server owes us; slower is a failure of the run.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);
/// A login response is small; more is not one.
const MAX_HTTP_RESPONSE: u64 = 1 << 20;
/// The server cuts a silent client after 60 s.
const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Events kept while an ack is awaited; a server that sends more has lost its mind.
const MAX_QUEUED_EVENTS: usize = 65_536;

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// `host:port`, as in the Host header.
    pub authority: String,
}

impl std::str::FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("http://") else {
            return Err("expected http://host:port (no TLS: measure the server itself)".into());
        };
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '?', '#', '@']) {
            return Err("expected http://host:port without a path".into());
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        Ok(Self { authority: if has_port { authority.to_owned() } else { format!("{authority}:80") } })
    }
}

impl ServerUrl {
    pub async fn resolve(&self) -> anyhow::Result<SocketAddr> {
        let mut found =
            tokio::net::lookup_host(&self.authority).await.context("resolve the server's name")?;
        found.next().ok_or(anyhow!("{} has no address", self.authority))
    }

    /// `POST /api/v1/auth/login`; returns the token.
    pub async fn login(&self, username: &str, password: &str) -> anyhow::Result<String> {
        let body = json!({"username": username, "password": password});
        let response = timeout(ANSWER_DEADLINE, self.post("/api/v1/auth/login", &body)).await??;
        let token = response.pointer("/data/token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or(anyhow!("the login response has no token"))
    }

    /// `GET /metrics`.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        timeout(ANSWER_DEADLINE, self.request("GET", "/metrics", "", "")).await?
    }

    /// A REST request of the bearer of a token.
    pub async fn as_user(&self, token: &str, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let response = timeout(ANSWER_DEADLINE, self.request(method, path, &bearer, body)).await??;
        serde_json::from_str(&response).context("the response is not JSON")
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let response = self.request("POST", path, "", &body.to_string()).await?;
        serde_json::from_str(&response).context("the response is not JSON")
    }

    /// `headers` are whole lines.
    async fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.authority).await.context("connect")?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             {headers}Connection: close\r\n\r\n{body}",
            self.authority,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.take(MAX_HTTP_RESPONSE).read_to_string(&mut response).await?;
        let (head, body) = response.split_once("\r\n\r\n").ok_or(anyhow!("not an HTTP response"))?;
        let status = head.split_ascii_whitespace().nth(1).unwrap_or_default();
        if !status.starts_with('2') {
            bail!("{method} {path}: {status} {body}");
        }
        Ok(body.to_owned())
    }
}

/// One signalling session.
pub struct Session {
    socket: WebSocketStream<TcpStream>,
    next_id: u32,
    events: VecDeque<Event>,
    next_ping: Instant,
}

/// `{"ev", "d"}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    pub data: Value,
}

/// Field order matters: the server wants to see `op` before it decides how large the frame may be.
#[derive(serde::Serialize)]
struct Command<'a> {
    op: &'a str,
    id: u32,
    d: Value,
}

#[derive(serde::Deserialize)]
struct Frame {
    #[serde(default)]
    ev: Option<String>,
    #[serde(default)]
    re: Option<u32>,
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    d: Value,
    #[serde(default)]
    e: Value,
}

impl Session {
    pub async fn open(url: &ServerUrl, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(&url.authority).await.context("connect")?;
        stream.set_nodelay(true)?;
        let upgrade = tokio_tungstenite::client_async(format!("ws://{}/ws", url.authority), stream);
        let (socket, _) = timeout(ANSWER_DEADLINE, upgrade).await?.context("open /ws")?;
        let next_ping = clock::now() + PING_INTERVAL;
        let mut session = Self { socket, next_id: 0, events: VecDeque::new(), next_ping };
        let hello =
            json!({"token": token, "device": "desktop", "client": "convene-load", "capabilities": []});
        session.call("session:hello", hello).await.context("session:hello")?;
        Ok(session)
    }

    /// Sends a command and waits for its ack; events meanwhile are kept for `next_event`.
    pub async fn call(&mut self, op: &str, data: Value) -> anyhow::Result<Value> {
        let id = self.send(op, data).await?;
        let answer = async {
            loop {
                let frame = self.read().await?;
                match (frame.re, frame.ev) {
                    (Some(re), _) if re == id && frame.ok => return Ok(frame.d),
                    (Some(re), _) if re == id => bail!("{op} refused: {}", frame.e),
                    (Some(_), _) => {}
                    (None, Some(name)) => {
                        if name == "session:invalid" {
                            bail!("session refused: {}", frame.d);
                        }
                        if self.events.len() >= MAX_QUEUED_EVENTS {
                            bail!("too many events while waiting for {op}");
                        }
                        self.events.push_back(Event { name, data: frame.d });
                    }
                    (None, None) => {}
                }
            }
        };
        timeout(ANSWER_DEADLINE, answer).await.map_err(|_| anyhow!("no answer to {op}"))?
    }

    /// Sends a command without waiting; a refusal turns up as an error of `next_event`.
    pub async fn send(&mut self, op: &str, d: Value) -> anyhow::Result<u32> {
        self.next_id += 1;
        let frame = serde_json::to_string(&Command { op, id: self.next_id, d })?;
        self.socket.send(Message::text(frame)).await.with_context(|| format!("send {op}"))?;
        Ok(self.next_id)
    }

    /// The next event. Cancellation safe: what was read is either returned or still in the socket.
    pub async fn next_event(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let frame = self.read().await?;
            if let Some(name) = frame.ev {
                return Ok(Event { name, data: frame.d });
            }
            if frame.re.is_some() && !frame.ok {
                bail!("a command was refused: {}", frame.e);
            }
        }
    }

    /// Whose session it is; for a new session, whose other events do not matter.
    pub async fn user(&mut self) -> anyhow::Result<String> {
        let ready = async {
            loop {
                let event = self.next_event().await?;
                if event.name == "session:ready" {
                    let user = event.data.pointer("/user/id").and_then(Value::as_str);
                    return user.map(str::to_owned).ok_or(anyhow!("session:ready without a user"));
                }
            }
        };
        timeout(ANSWER_DEADLINE, ready).await?
    }

    /// For a session that only sends commands: what the server tells it meanwhile is not kept.
    pub fn forget_events(&mut self) {
        self.events.clear();
    }

    /// When `ping` is due.
    pub fn next_ping(&self) -> Instant {
        self.next_ping
    }

    pub async fn ping(&mut self) -> anyhow::Result<()> {
        self.next_ping = clock::now() + PING_INTERVAL;
        self.send("ping", json!({})).await.map(drop)
    }

    pub async fn close(mut self) {
        // The server notices a lost socket too.
        let _ = timeout(Duration::from_secs(1), self.socket.close(None)).await;
    }

    async fn read(&mut self) -> anyhow::Result<Frame> {
        loop {
            let message = self.socket.next().await.ok_or(anyhow!("the server closed the socket"))??;
            match message {
                Message::Text(text) => return serde_json::from_str(&text).context("not a frame of ours"),
                Message::Close(frame) => bail!("the server closed the socket: {frame:?}"),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let url = |text: &str| text.parse::<ServerUrl>().map(|url| url.authority);
        assert_eq!(url("http://127.0.0.1:7880"), Ok("127.0.0.1:7880".into()));
        assert_eq!(url("http://host/"), Ok("host:80".into()));
        assert_eq!(url("http://[::1]:7880"), Ok("[::1]:7880".into()));
        assert!(url("https://host").is_err());
        assert!(url("http://host/path").is_err());
        assert!(url("http://").is_err());
    }

    #[test]
    fn op_comes_first_in_a_command() {
        let text = serde_json::to_string(&Command { op: "rtc:offer", id: 1, d: json!({"a": 1}) }).unwrap();
        assert!(text.starts_with(r#"{"op":"rtc:offer","id":1"#));
    }
}
