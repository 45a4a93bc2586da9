//! A WebSocket of ours (RFC 6455) after its upgrade: small buffers, long messages in pieces.

use axum::{
    extract::FromRequestParts,
    http::{Request, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::server::create_response,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

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
    pub fn serve<F>(self, max_message: usize, serve: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(GATHERED)
            .max_write_buffer_size(MAX_WRITE_BUFFER)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        tokio::spawn(async move {
            match self.connection.await {
                Ok(upgraded) => {
                    let io = TokioIo::new(upgraded);
                    serve(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await).await;
                }
                Err(error) => tracing::debug!(%error, "the connection went before its upgrade"),
            }
        });
        self.answer
    }
}

/// The sending half of a socket.
pub struct Writer {
    sink: SplitSink<Socket, Message>,
    /// A message was given up half way: no other may follow, only the close.
    torn: bool,
}

pub fn split(socket: Socket) -> (Writer, SplitStream<Socket>) {
    let (sink, stream) = socket.split();
    (Writer { sink, torn: false }, stream)
}

impl Writer {
    /// Takes a text message. Short ones are gathered until `flush`; a long one is written in pieces, because the write
    /// buffer keeps its largest size as long as the socket lives: a snapshot of a hundred people would cost every idle
    /// connection 32 kB. A message whose future is dropped is torn.
    pub async fn feed(&mut self, text: String) -> Result<(), Error> {
        if self.torn {
            return Ok(());
        }
        if text.len() <= PIECE {
            return self.sink.feed(Message::Text(text.into())).await;
        }
        self.torn = true;
        let mut rest = Bytes::from(text);
        let mut kind = Data::Text;
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(PIECE));
            let frame = Frame::message(piece, OpCode::Data(kind), rest.is_empty());
            self.sink.send(Message::Frame(frame)).await?;
            kind = Data::Continue;
        }
        self.torn = false;
        Ok(())
    }

    pub async fn flush(&mut self) -> Result<(), Error> {
        self.sink.flush().await
    }

    pub async fn ping(&mut self) -> Result<(), Error> {
        self.sink.send(Message::Ping(Bytes::new())).await
    }

    /// The last frame: `None` answers the peer's own close.
    pub async fn close(&mut self, frame: Option<CloseFrame>) -> Result<(), Error> {
        match frame {
            Some(frame) => self.sink.send(Message::Close(Some(frame))).await,
            None => self.sink.close().await,
        }
    }
}

/// A signalling frame is about 1 kB; the default of 128 KiB would be the largest part of an idle connection.
const READ_BUFFER: usize = 1024;
/// Bytes of a message in one frame; an ordinary event is shorter. It is what the write buffer of an idle connection
/// keeps.
const PIECE: usize = 1024;
/// Bytes of short messages that wait for each other before they are written: a dozen. Only connections that get many
/// at once come to have such a buffer.
const GATHERED: usize = 8 * 1024;
/// What the library may hold back when the peer does not read: a few pieces, because the loops wait for room
/// before they feed more.
const MAX_WRITE_BUFFER: usize = 64 * 1024;
