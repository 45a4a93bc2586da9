//! A WebSocket of ours (RFC 6455) after its upgrade. The library reads it. What goes out is put together here: frames of
//! a server are neither masked nor compressed, and a crowd is mostly writing, from one buffer per thread instead of one
//! per connection.

use std::{
    cell::Cell,
    convert::Infallible,
    io,
    net::Shutdown,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::{
    extract::FromRequestParts,
    http::{Request, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::StreamExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::server::create_response,
        protocol::{Role, WebSocketConfig},
    },
};

use super::gateway::frame::OutFrame;

/// A request that may become a WebSocket. Rejects others with 426 or 400.
pub struct Upgrade {
    answer: Response,
    connection: OnUpgrade,
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let connection = parts.extensions.remove::<OnUpgrade>();
        let mut request = Request::new(());
        *request.method_mut() = parts.method.clone();
        *request.version_mut() = parts.version;
        *request.headers_mut() = parts.headers.clone();
        match (create_response(&request), connection) {
            (Ok(answer), Some(connection)) => {
                Ok(Self { answer: answer.map(|()| axum::body::Body::empty()), connection })
            }
            (Err(error), _) if !parts.headers.contains_key("upgrade") => {
                Err((StatusCode::UPGRADE_REQUIRED, [("upgrade", "websocket")], error.to_string())
                    .into_response())
            }
            (Err(error), _) => Err((StatusCode::BAD_REQUEST, error.to_string()).into_response()),
            (Ok(_), None) => Err(StatusCode::UPGRADE_REQUIRED.into_response()),
        }
    }
}

impl Upgrade {
    /// Answers 101 and hands the socket to `serve` as soon as the connection is free.
    pub fn serve<F>(
        self,
        max_message: usize,
        serve: impl FnOnce(Writer, Stream) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        tokio::spawn(async move {
            let upgraded = match self.connection.await {
                Ok(upgraded) => upgraded,
                Err(error) => {
                    tracing::debug!(%error, "the connection went before its upgrade");
                    return;
                }
            };
            match upgraded.downcast::<TokioIo<TcpStream>>() {
                Ok(parts) => {
                    let (writer, stream) = open(parts.io.into_inner(), parts.read_buf, max_message).await;
                    serve(writer, stream).await;
                }
                // The listener takes TCP only.
                Err(_) => tracing::error!("a WebSocket on something that is not TCP"),
            }
        });
        self.answer
    }
}

/// The two halves of a socket on which everything so far but `read` has been taken off.
async fn open(socket: TcpStream, read: Bytes, max_message: usize) -> (Writer, Stream) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    let (half, writer) = socket.into_split();
    // Copied: what the HTTP connection has read lies in a buffer of 8 KiB, which the library would keep for good.
    let read = read.to_vec();
    let socket = WebSocketStream::from_partially_read(Ears(half), read, Role::Server, Some(config)).await;
    let ping = Arc::new(Ping::default());
    let sending = Sending { half: writer, ping: Arc::clone(&ping), rest: Mutex::default() };
    (Writer(Arc::new(sending)), Stream { socket, ping })
}

/// The reading half for a library that would also like to answer.
struct Ears(OwnedReadHalf);

impl AsyncRead for Ears {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, into)
    }
}

/// Its answers to pings and closes would come into the middle of what the other half writes; that one gives its own.
impl AsyncWrite for Ears {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What the peer's latest ping said; older ones need no answer (RFC 6455, 5.5.3).
type Ping = Mutex<Option<Bytes>>;

/// What comes in.
pub struct Stream {
    socket: WebSocketStream<Ears>,
    ping: Arc<Ping>,
}

impl Stream {
    /// The next message. Cancel-safe. A ping is answered with the next write.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        let message = self.socket.next().await;
        if let Some(Ok(Message::Ping(said))) = &message {
            *self.ping.lock().unwrap_or_else(PoisonError::into_inner) = Some(said.clone());
        }
        message
    }
}

/// The sending half of a socket, for whoever has something to write. Writes at once what the kernel takes, and keeps
/// the rest.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Sending>);

#[derive(Debug)]
struct Sending {
    half: OwnedWriteHalf,
    ping: Arc<Ping>,
    rest: Mutex<Rest>,
}

/// What the kernel did not take: of a client that reads more slowly than it is written to.
#[derive(Debug, Default)]
struct Rest {
    bytes: Vec<u8>,
    /// How many of them have been taken since.
    taken: usize,
}

impl Writer {
    /// Writes the frames that `next` gives, until it has none or they are enough for one write. If the kernel did not
    /// take everything, `drained` has to be awaited before more is written, else memory grows. Frames of several
    /// callers are not mixed, and come in the order in which `next` was asked.
    pub fn write<E>(
        &self,
        mut next: impl FnMut() -> Result<Option<OutFrame>, E>,
    ) -> Result<Wrote, WriteError<E>> {
        let mut rest = self.rest();
        let mut buffer = BUFFER.take();
        buffer.clear();
        if let Some(said) = self.0.ping.lock().unwrap_or_else(PoisonError::into_inner).take() {
            control(&mut buffer, PONG, &said);
        }
        let mut frames = 0;
        let end = loop {
            if buffer.len() >= GATHERED {
                break Ok(true);
            }
            match next() {
                Ok(Some(frame)) => text(&mut buffer, &frame),
                Ok(None) => break Ok(false),
                Err(end) => break Err(WriteError::End(end)),
            }
            frames += 1;
        };
        let drained = rest.put(&self.0.half, &buffer);
        if buffer.capacity() <= KEPT {
            BUFFER.set(buffer);
        }
        let drained = drained.map_err(WriteError::Io)?;
        end.map(|more| Wrote { frames, more, drained })
    }

    /// Writes one frame.
    pub async fn send(&self, frame: OutFrame) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(frame.len() + MAX_HEAD);
        text(&mut buffer, &frame);
        self.put(&buffer).await
    }

    /// Until the kernel has everything. Cancel-safe.
    pub async fn drained(&self) -> io::Result<()> {
        while !self.rest().put(&self.0.half, &[])? {
            self.0.half.writable().await?;
        }
        Ok(())
    }

    /// Answers a ping of the peer, if there was one.
    pub async fn pong(&self) -> io::Result<()> {
        match self.write::<Infallible>(|| Ok(None)) {
            Ok(_) => self.drained().await,
            Err(WriteError::Io(error)) => Err(error),
            Err(WriteError::End(never)) => match never {},
        }
    }

    pub async fn ping(&self) -> io::Result<()> {
        self.control(PING, &[]).await
    }

    /// The last frame. Code 0: the peer gave none, and gets none.
    pub async fn close(&self, code: u16, reason: &str) -> io::Result<()> {
        let mut payload = Vec::new();
        if code != 0 {
            payload.extend_from_slice(&code.to_be_bytes());
            payload.extend_from_slice(reason.as_bytes());
        }
        self.control(CLOSE, &payload).await?;
        SockRef::from(self.0.half.as_ref()).shutdown(Shutdown::Write)
    }

    async fn control(&self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(MAX_CONTROL + MAX_HEAD);
        control(&mut frame, kind, payload);
        self.put(&frame).await
    }

    async fn put(&self, frames: &[u8]) -> io::Result<()> {
        self.rest().put(&self.0.half, frames)?;
        self.drained().await
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    /// Gives the kernel what waits, then whole frames. Returns whether it took everything.
    fn put(&mut self, half: &OwnedWriteHalf, frames: &[u8]) -> io::Result<bool> {
        let (waiting, waited) = give(half, self.bytes.get(self.taken..).unwrap_or_default())?;
        self.taken += waited;
        let left = match (waiting, frames) {
            ([], []) => frames,
            // Straight to the kernel, which nearly always takes everything; if not, what follows finds out why.
            ([], frames) => {
                let taken = SockRef::from(half.as_ref()).send(frames).unwrap_or_default();
                give(half, frames.get(taken..).unwrap_or_default())?.0
            }
            _ => frames,
        };
        if self.taken >= self.bytes.len() && left.is_empty() {
            *self = Self::default();
            return Ok(true);
        }
        self.bytes.extend_from_slice(left);
        Ok(false)
    }
}

/// What the kernel did not take, and how much it did.
fn give<'a>(half: &OwnedWriteHalf, mut bytes: &'a [u8]) -> io::Result<(&'a [u8], usize)> {
    let mut taken = 0;
    while !bytes.is_empty() {
        match half.try_write(bytes) {
            Ok(more) => {
                bytes = bytes.get(more..).unwrap_or_default();
                taken += more;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok((bytes, taken))
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrote {
    pub frames: u64,
    /// There may be more to write.
    pub more: bool,
    /// The kernel has all of it.
    pub drained: bool,
}

#[derive(Debug)]
pub enum WriteError<E> {
    /// Of the one who gave the frames. Those before it were written.
    End(E),
    Io(io::Error),
}

thread_local! {
    /// Where frames are put together before they are written.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn text(into: &mut Vec<u8>, frame: &OutFrame) {
    let (body, tail) = frame.parts();
    let len = body.len() + tail.len();
    into.push(FIN | TEXT);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ ..126), _) => into.push(short),
        (_, Ok(medium)) => {
            into.push(126);
            into.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            into.push(127);
            into.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    into.extend_from_slice(body.as_bytes());
    into.extend_from_slice(tail.as_bytes());
}

/// Control frames carry at most 125 bytes.
fn control(into: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    let payload = payload.get(..MAX_CONTROL).unwrap_or(payload);
    into.push(FIN | kind);
    into.extend(u8::try_from(payload.len()));
    into.extend_from_slice(payload);
}

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const MAX_CONTROL: usize = 125;
/// Of a frame that is not masked.
const MAX_HEAD: usize = 10;

/// A signalling frame is about 1 kB; the default of 128 KiB would be the largest part of an idle connection.
const READ_BUFFER: usize = 1024;
/// Bytes in one write, but for the frame that goes beyond.
const GATHERED: usize = 8 * 1024;
/// A buffer that a snapshot has made larger than this is given back.
const KEPT: usize = 64 * 1024;

#[cfg(test)]
pub(super) mod tests;
