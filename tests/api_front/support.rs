//! A server on free ports in a temporary folder, and a small socket client.

use std::{net::SocketAddr, time::Duration};

use convene::{
    app::App,
    auth::{
        grants::Grants,
        token::{NewToken, TokenKind, Tokens},
    },
    config::{AuthKey, Config, Secret},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

pub const SECRET: &str = "a-secret-of-more-than-32-bytes-for-tests";
pub const DEADLINE: Duration = Duration::from_secs(20);

pub struct Server {
    pub app: App,
    pub address: SocketAddr,
    pub tokens: Tokens,
    pub folder: tempfile::TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change).await
    }

    pub async fn start_in(folder: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.media.listen = "127.0.0.1:0".parse().unwrap();
        config.media.shards = 1;
        config.storage.data_dir = folder.path().join("data");
        config.auth.keys = vec![AuthKey { id: "main".into(), secret: Secret::new(SECRET) }];
        config.auth.failures_per_ip = 0;
        change(&mut config);
        let app = App::start(config, true).await.unwrap();
        let tokens = Tokens::new([("main", SECRET)], "convene", "convene");
        Self { address: app.address(), app, tokens, folder }
    }

    pub fn token(&self, sub: &str) -> String {
        self.token_with(sub, Grants::default(), 600)
    }

    pub fn token_with(&self, sub: &str, grants: Grants, ttl_s: u64) -> String {
        self.token_of(TokenKind::Internal, sub, grants, ttl_s)
    }

    pub fn token_of(&self, kind: TokenKind, sub: &str, grants: Grants, ttl_s: u64) -> String {
        let new = NewToken { sub: sub.into(), name: None, kind, grants, epoch: None, login: None, ttl_s };
        self.tokens.mint(new, None, convene::api::identity::now_s()).unwrap().0
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn socket(&self) -> Client {
        self.socket_from(None).await.unwrap()
    }

    /// `Err` = the HTTP status that refused the upgrade.
    pub async fn socket_from(&self, origin: Option<&str>) -> Result<Client, u16> {
        let mut request = format!("ws://{}/ws", self.address).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let config =
            WebSocketConfig::default().max_message_size(Some(16 << 20)).max_frame_size(Some(16 << 20));
        match tokio_tungstenite::connect_async_with_config(request, Some(config), true).await {
            Ok((stream, _)) => Ok(Client { stream, last_s: 0 }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// A socket with an open session, and its `session:ready`.
    pub async fn session(&self, user: &str) -> (Client, Value) {
        let mut client = self.socket().await;
        client.send(json!({"op": "session:hello", "id": 1, "d": {"token": self.token(user)}})).await;
        let ready = client.event("session:ready").await;
        client.ack(1).await.unwrap();
        (client, ready)
    }

    pub async fn resume(&self, user: &str, session: &str, s: u64) -> Client {
        let mut client = self.socket().await;
        let resume = json!({"sessionId": session, "s": s});
        client
            .send(json!({"op": "session:hello", "id": 1, "d": {"token": self.token(user), "resume": resume}}))
            .await;
        client
    }
}

pub struct Client {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Highest sequence seen.
    pub last_s: u64,
}

impl Client {
    pub async fn send(&mut self, frame: Value) {
        self.raw(Message::text(frame.to_string())).await;
    }

    pub async fn raw(&mut self, message: Message) {
        // The server may have closed already; what it said is read next.
        let _ = self.stream.send(message).await;
    }

    /// The next frame, or the close code.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = timeout(DEADLINE, self.stream.next()).await.expect("the server says nothing");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if let Some(s) = frame["s"].as_u64() {
                        assert_eq!(s, self.last_s + 1, "a gap before {frame}");
                        self.last_s = s;
                    }
                    return Ok(frame);
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let frame = self.next().await.unwrap_or_else(|code| panic!("closed ({code}) before {name}"));
            if frame["ev"] == name {
                return frame["d"].clone();
            }
        }
    }

    pub async fn ack(&mut self, id: u32) -> Result<Value, Value> {
        loop {
            let frame = self.next().await.unwrap_or_else(|code| panic!("closed ({code}) before ack {id}"));
            if frame["re"] == id {
                return if frame["ok"] == true { Ok(frame["d"].clone()) } else { Err(frame["e"].clone()) };
            }
        }
    }

    pub async fn call(&mut self, id: u32, op: &str, data: Value) -> Result<Value, Value> {
        self.send(json!({"op": op, "id": id, "d": data})).await;
        self.ack(id).await
    }

    /// Reads until the socket is closed; the code, and the names of the events before it.
    pub async fn closed(&mut self) -> (u16, Vec<String>) {
        let mut names = Vec::new();
        loop {
            match self.next().await {
                Ok(frame) => names.extend(frame["ev"].as_str().map(str::to_owned)),
                Err(code) => return (code, names),
            }
        }
    }
}

/// Waits until the condition holds.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let mut poll = tokio::time::interval(Duration::from_millis(10));
    let reached = timeout(DEADLINE, async {
        while !condition().await {
            poll.tick().await;
        }
    });
    reached.await.unwrap_or_else(|_| panic!("never happened: {what}"));
}
