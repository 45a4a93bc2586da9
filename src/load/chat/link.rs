//! One connection to `/ws`: the handshake by the library, from then on our own cheap frames.

use std::{
    cell::RefCell,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex,
    time::timeout,
};

use super::{
    super::signalling::ServerUrl,
    wire::{self, FrameReader, Incoming, Kind},
};

/// An answer the server owes us, also while ten thousand others ask.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of one read; one buffer per thread serves all connections.
const READ: usize = 64 * 1024;
/// The id of `session:hello`. Messages of a run count from 1 upwards and do not come near it.
const HELLO: u32 = u32::MAX;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// The server, its name looked up once.
#[derive(Debug, Clone)]
pub struct Door {
    pub url: ServerUrl,
    pub address: SocketAddr,
}

/// A connection, for whoever reads it.
pub struct Link {
    half: OwnedReadHalf,
    frames: FrameReader,
    writer: Arc<Writer>,
}

/// The sending half; whole frames, whoever sends.
pub struct Writer(Mutex<OwnedWriteHalf>);

/// The answer to `session:hello`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    pub session: String,
    pub resumed: bool,
}

/// A session to be taken up again.
#[derive(Debug, Clone, Copy)]
pub struct Resume<'a> {
    pub session: &'a str,
    /// The highest number seen.
    pub s: u64,
}

impl Writer {
    /// Sends frames made by `wire`. A future that is dropped may leave half a frame behind.
    pub async fn send(&self, frames: &[u8]) -> std::io::Result<()> {
        self.0.lock().await.write_all(frames).await
    }

    pub async fn command(&self, id: u32, op: &str, data: &Value) -> anyhow::Result<()> {
        let mut frame = Vec::new();
        wire::put_text(&mut frame, format!(r#"{{"op":"{op}","id":{id},"d":{data}}}"#).as_bytes());
        self.send(&frame).await.with_context(|| format!("send {op}"))
    }

    /// At once or not at all: the server pings again.
    fn pong(&self, payload: &[u8]) {
        let mut frame = Vec::new();
        wire::put_pong(&mut frame, payload);
        if let Ok(half) = self.0.try_lock() {
            let _ = half.try_write(&frame);
        }
    }
}

impl Link {
    pub async fn open(door: &Door) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(door.address).await.context("connect")?;
        stream.set_nodelay(true)?;
        let upgrade = tokio_tungstenite::client_async(format!("ws://{}/ws", door.url.authority), stream);
        let (socket, _) = timeout(ANSWER_DEADLINE, upgrade).await.context("no answer to the upgrade")??;
        // The server says nothing before the hello, so nothing is left in the library's buffer.
        let (half, writing) = socket.into_inner().into_split();
        Ok(Self { half, frames: FrameReader::default(), writer: Arc::new(Writer(Mutex::new(writing))) })
    }

    pub fn writer(&self) -> Arc<Writer> {
        Arc::clone(&self.writer)
    }

    /// Waits for bytes and hands on the texts that are complete with them. Cancel-safe.
    pub async fn read(&mut self, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
        std::future::poll_fn(|cx| SCRATCH.with_borrow_mut(|scratch| self.poll_read(cx, scratch, &mut each)))
            .await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        each: &mut impl FnMut(&[u8]),
    ) -> Poll<anyhow::Result<()>> {
        let mut buffer = ReadBuf::new(scratch);
        match Pin::new(&mut self.half).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(self.take(buffer.filled(), each)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn take(&mut self, bytes: &[u8], each: &mut impl FnMut(&[u8])) -> anyhow::Result<()> {
        if bytes.is_empty() {
            bail!("the server closed the connection");
        }
        let (writer, mut closed) = (&self.writer, None);
        self.frames.feed(bytes, |incoming| match incoming {
            Incoming::Text(text) => each(text),
            Incoming::Ping(payload) => writer.pong(payload),
            Incoming::Close(code) => closed = Some(code),
        })?;
        closed.map_or(Ok(()), |code| Err(anyhow!("the server closed the socket with {code}")))
    }

    /// Opens or resumes a session. `each` gets everything but the answer, the replay included.
    pub async fn hello(
        &mut self,
        token: &str,
        resume: Option<Resume<'_>>,
        each: impl FnMut(&[u8]),
    ) -> anyhow::Result<Admitted> {
        let mut hello = json!({"token": token, "device": "desktop", "client": "convene-load"});
        if let Some(Resume { session, s }) = resume {
            hello["resume"] = json!({"sessionId": session, "s": s});
        }
        let answer = self.call(HELLO, "session:hello", &hello, each).await?;
        let session = answer.get("sessionId").and_then(Value::as_str).context("no session id")?;
        Ok(Admitted { session: session.to_owned(), resumed: answer.get("resumed") == Some(&true.into()) })
    }

    /// Sends a command and waits for its answer; `each` gets what comes before and with it.
    pub async fn call(
        &mut self,
        id: u32,
        op: &str,
        data: &Value,
        mut each: impl FnMut(&[u8]),
    ) -> anyhow::Result<Value> {
        self.writer.command(id, op, data).await?;
        let mut answer = None;
        let waiting = async {
            while answer.is_none() {
                let mine = |text: &[u8]| match wire::kind(text) {
                    Kind::Ack(re) | Kind::Refusal(re) if re == id => {
                        answer = Some(serde_json::from_slice::<Value>(text));
                    }
                    _ => each(text),
                };
                self.read(mine).await?;
            }
            anyhow::Ok(())
        };
        timeout(ANSWER_DEADLINE, waiting)
            .await
            .map_err(|_| anyhow!("no answer to {op}"))?
            .with_context(|| op.to_owned())?;
        let mut answer = answer.context("no answer")??;
        match answer.get("ok") {
            Some(Value::Bool(true)) => Ok(answer["d"].take()),
            _ => bail!("{op} refused: {}", answer["e"]),
        }
    }
}
