//! A plain WebSocket client of the native door, written against docs/protocol.md and nothing else.

use std::{collections::VecDeque, time::Duration};

use convene::runtime::clock::now;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use super::server::Server;

/// Longer than any honest answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a call did not return an acknowledgement.
#[derive(Debug)]
pub enum Failure {
    /// The server answered with an error object.
    Refused(Value),
    /// The socket ended; the close code if there was one.
    Closed(Option<u16>),
    /// Nothing came within the patience.
    Silent,
}

impl Failure {
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(error) => error["code"].as_str().unwrap_or("no code"),
            Self::Closed(_) => "closed",
            Self::Silent => "silent",
        }
    }
}

/// One session over one socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u32,
    /// Events in order of arrival that nobody waited for yet.
    pub events: VecDeque<Value>,
    /// `session:ready`, or `session:resumed` after a resume.
    pub opening: Value,
    /// Last session sequence seen; what a resume continues from.
    pub last_s: u64,
    pub session_id: String,
}

/// Opens the TCP and WebSocket layers only.
pub async fn raw(
    server: &Server,
    origin: Option<&str>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, tokio_tungstenite::tungstenite::Error> {
    let mut request = server.ws_url().into_client_request()?;
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", HeaderValue::from_str(origin).expect("header value"));
    }
    connect_async(request).await.map(|(stream, _)| stream)
}

impl Socket {
    /// Connects and says hello with the token.
    pub async fn open(server: &Server, token: &str) -> Self {
        Self::try_open(server, token, None).await.unwrap_or_else(|e| panic!("hello refused: {e:?}"))
    }

    /// Logs a demo account in and connects.
    pub async fn login(server: &Server, username: &str) -> Self {
        let token = server.login(username).await;
        Self::open(server, &token).await
    }

    /// `resume`: session id and last sequence seen.
    pub async fn try_open(
        server: &Server,
        token: &str,
        resume: Option<(&str, u64)>,
    ) -> Result<Self, Failure> {
        let stream = timeout(PATIENCE, raw(server, None)).await.map_err(|_| Failure::Silent)?;
        let stream = stream.map_err(|_| Failure::Closed(None))?;
        let mut socket = Self {
            stream,
            next_id: 0,
            events: VecDeque::new(),
            opening: Value::Null,
            last_s: 0,
            session_id: String::new(),
        };
        let mut hello = json!({"token": token, "device": "desktop", "client": "e2e", "capabilities": []});
        if let Some((session, s)) = resume {
            hello["resume"] = json!({"sessionId": session, "s": s});
            socket.session_id = session.to_owned();
            socket.last_s = s;
        }
        let id = socket.cast("session:hello", hello).await?;
        loop {
            let frame = socket.frame(PATIENCE).await?;
            if frame["re"] == id && frame["ok"] == false {
                return Err(Failure::Refused(frame["e"].clone()));
            }
            match frame["ev"].as_str() {
                Some("session:ready") => {
                    socket.session_id = frame["d"]["sessionId"].as_str().expect("sessionId").to_owned();
                    socket.last_s = 0;
                    socket.opening = frame;
                    return Ok(socket);
                }
                // Replayed frames come first, then this.
                Some("session:resumed") => {
                    socket.opening = frame;
                    return Ok(socket);
                }
                Some("session:invalid") => return Err(Failure::Refused(frame["d"].clone())),
                Some(_) => socket.keep(frame),
                None => {}
            }
        }
    }

    pub fn resumed(&self) -> bool {
        self.opening["ev"] == "session:resumed"
    }

    /// Sends a command and waits for its acknowledgement; events in between are kept.
    pub async fn call(&mut self, op: &str, data: Value) -> Result<Value, Failure> {
        let id = self.cast(op, data).await?;
        self.ack(id).await
    }

    /// As `call`, for commands that must succeed.
    pub async fn ok(&mut self, op: &str, data: Value) -> Value {
        self.call(op, data.clone()).await.unwrap_or_else(|e| panic!("{op} {data} failed: {e:?}"))
    }

    /// As `call`, for commands that must be refused with the code.
    pub async fn refused(&mut self, op: &str, data: Value, code: &str) {
        match self.call(op, data).await {
            Ok(answer) => panic!("{op} was accepted: {answer}"),
            Err(failure) => assert_eq!(failure.code(), code, "{op}: {failure:?}"),
        }
    }

    /// Sends without waiting; returns the id to wait for.
    pub async fn cast(&mut self, op: &str, data: Value) -> Result<u32, Failure> {
        self.next_id += 1;
        let id = self.next_id;
        // `op` first, as the protocol asks of frames over 64 KiB.
        let text = format!("{{\"op\":{},\"id\":{id},\"d\":{data}}}", Value::from(op));
        self.send_text(text).await?;
        Ok(id)
    }

    pub async fn ack(&mut self, id: u32) -> Result<Value, Failure> {
        let end = now() + PATIENCE;
        loop {
            let frame = self.frame(end.saturating_duration_since(now())).await?;
            if frame["re"] == id {
                return if frame["ok"] == true {
                    Ok(frame["d"].clone())
                } else {
                    Err(Failure::Refused(frame["e"].clone()))
                };
            }
            self.keep(frame);
        }
    }

    /// The next event of that name within the deadline (earlier kept ones count); others are kept.
    pub async fn event(&mut self, name: &str, deadline: Duration) -> Value {
        self.event_where(name, deadline, |_| true).await
    }

    pub async fn event_where(
        &mut self,
        name: &str,
        deadline: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = now() + deadline;
        loop {
            let found = self.events.iter().position(|e| e["ev"] == name && wanted(&e["d"]));
            if let Some(event) = found.and_then(|at| self.events.remove(at)) {
                return event["d"].clone();
            }
            match self.frame(end.saturating_duration_since(now())).await {
                Ok(frame) => self.keep(frame),
                Err(failure) => {
                    let seen: Vec<&str> = self.events.iter().filter_map(|e| e["ev"].as_str()).collect();
                    panic!("no {name} within {deadline:?} ({failure:?}); kept events: {seen:?}")
                }
            }
        }
    }

    /// The next frame of any kind.
    pub async fn frame(&mut self, patience: Duration) -> Result<Value, Failure> {
        loop {
            match timeout(patience, self.stream.next()).await {
                Err(_) => return Err(Failure::Silent),
                Ok(None | Some(Err(_))) => return Err(Failure::Closed(None)),
                Ok(Some(Ok(Message::Close(reason)))) => {
                    return Err(Failure::Closed(reason.map(|r| u16::from(r.code))));
                }
                Ok(Some(Ok(Message::Text(text)))) => {
                    let frame: Value = serde_json::from_str(&text).expect("the server speaks JSON");
                    if let Some(s) = frame["s"].as_u64() {
                        assert!(s == self.last_s + 1 || self.last_s == 0, "gap: s={s} after {}", self.last_s);
                        self.last_s = s;
                    }
                    return Ok(frame);
                }
                Ok(Some(Ok(_))) => {}
            }
        }
    }

    async fn send_text(&mut self, text: String) -> Result<(), Failure> {
        self.stream.send(Message::text(text)).await.map_err(|_| Failure::Closed(None))
    }

    fn keep(&mut self, frame: Value) {
        if frame["ev"].is_string() {
            self.events.push_back(frame);
        }
    }

    /// Waits until the server closes; the close code.
    pub async fn closed(&mut self, deadline: Duration) -> Option<u16> {
        let end = now() + deadline;
        loop {
            match self.frame(end.saturating_duration_since(now())).await {
                Ok(frame) => self.keep(frame),
                Err(Failure::Closed(code)) => return code,
                Err(other) => panic!("not closed within {deadline:?}: {other:?}"),
            }
        }
    }
}
