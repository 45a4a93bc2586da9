//! The native door on axum: one socket, its hello, and its two loops. Decisions live in `gateway`.

use std::{io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    extract::{Extension, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};
use tokio_tungstenite::tungstenite::{self, Message, protocol::CloseFrame};

use super::{
    error::{Problem, trace_id},
    gateway::{
        frame::{self, Class, FrameError, Incoming, OutFrame, error_json},
        registry::{Attachment, Session},
        session::{Cut, SessionState},
    },
    identity::{self, Bearer, new_session_id, time_text},
    limits::{FrameLimit, FrameVerdict},
    probe,
    race::race,
    server::Peer,
    socket::{Stream, Upgrade, WriteError, Writer},
    state::{Busy, Front},
};
use crate::{
    auth::grants::Device,
    base::{id::SessionId, time::rfc3339},
    chat::{
        command::Command,
        error::{Code, ServiceError},
    },
    runtime::clock,
};

/// `GET /ws`.
pub async fn upgrade(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    socket: Upgrade,
) -> Response {
    if front.is_draining() {
        return Problem::new(Code::ServerDraining, "the server is shutting down").into_response();
    }
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or("null"));
    if !front.origins.allows(text(header::ORIGIN), text(header::HOST)) {
        return Problem::new(Code::PermDenied, "this origin may not connect").into_response();
    }
    socket.serve(MAX_MESSAGE, move |writer, stream| serve(front, peer, writer, stream))
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer closed or vanished; the code it gave, 0 if none.
    Gone(u16),
    Close(Cut),
}

const fn close(close_code: u16, reason: &'static str) -> End {
    End::Close(Cut { close_code, reason, invalid: None })
}

const OVERSIZE: End = close(4009, "frame too large");
const RATE: End = close(4008, "too many frames");
const IDLE: End = close(4000, "no frame for too long");
const NO_HELLO: End = close(4001, "no hello in time");

async fn serve(front: Front, peer: Peer, writer: Writer, mut stream: Stream) {
    let limit = FrameLimit::new(front.config.chat.rate_scale, clock::now());
    let hello_timeout = front.config.server.hello_timeout.get();
    let hello = match timeout(hello_timeout, read_hello(&front, &writer, &mut stream)).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(end)) => return finish(&front, &writer, end).await,
        Err(_) => return finish(&front, &writer, NO_HELLO).await,
    };
    // What is needed for a moment only does not stay part of the socket's task: those live long and are many.
    let (attachment, first) = match Box::pin(admit(&front, peer.ip, hello)).await {
        Ok(admitted) => admitted,
        Err(error) => {
            front.metrics.hello("refused");
            let data = json!({"code": error.code.as_str(), "message": error.message});
            let _ = write(&front, &writer, OutFrame::event("session:invalid", &data, Class::Reply)).await;
            let code = match error.code {
                Code::LimitRate => 4008,
                Code::AuthBanned => 4003,
                _ if error.code.as_str().starts_with("auth.") => 4001,
                _ => 4000,
            };
            return finish(&front, &writer, close(code, error.code.as_str())).await;
        }
    };
    let session = Arc::clone(&attachment.session);
    let (worker, commands) = mpsc::channel(COMMAND_QUEUE);
    tokio::spawn(work(front.clone(), Arc::clone(&session), peer.ip, commands));
    let reader = Reader { front: &front, session: &session, worker, limit };
    // Both loops may be dropped at any point: frames not yet written are in the ring, commands in the worker.
    let end = {
        let writing = pin!(write_loop(&front, &writer, &attachment, first));
        race(writing, pin!(reader.run(&mut stream))).await
    };
    session.take_back(attachment.generation);
    tracing::debug!(session = %session.id, ?end, "socket ended");
    if session.update(|state| state.detach(attachment.generation, clock::now())) {
        Box::pin(front.services.session_detached(&session.actor())).await;
        if session.read(SessionState::is_attached) {
            // A new socket came meanwhile; whatever order the services heard it in, this is the truth.
            Box::pin(front.services.session_attached(&session.actor())).await;
        }
    }
    finish(&front, &writer, end).await;
}

#[derive(Deserialize)]
struct HelloData {
    token: String,
    #[serde(default)]
    device: Device,
    resume: Option<ResumeData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResumeData {
    session_id: String,
    #[serde(default)]
    s: u64,
}

struct Hello {
    id: Option<u32>,
    data: HelloData,
}

/// Waits for `session:hello`; only `ping` may come before it.
async fn read_hello(front: &Front, writer: &Writer, stream: &mut Stream) -> Result<Hello, End> {
    for _ in 0..MAX_FRAMES_BEFORE_HELLO {
        let text = match read(stream).await? {
            Message::Text(text) => text,
            Message::Ping(_) => {
                writer.pong().await.map_err(|_| End::Gone(0))?;
                continue;
            }
            Message::Pong(_) => continue,
            Message::Binary(_) => {
                return Err(refuse(front, writer, Code::ValidationFailed, "text frames only").await);
            }
            Message::Close(frame) => return Err(End::Gone(close_code(frame.as_ref()))),
            // The library keeps these to itself when it reads.
            Message::Frame(_) => continue,
        };
        front.metrics.ws_frame_in();
        let frame = match frame::parse(text.as_str()) {
            Ok(frame) => frame,
            Err(FrameError::Oversize) => return Err(OVERSIZE),
            Err(error) => {
                let message = error.to_service_error().message;
                return Err(refuse(front, writer, Code::ValidationFailed, &message).await);
            }
        };
        match (frame.op.as_str(), serde_json::from_value(frame.data)) {
            ("session:hello", Ok(data)) => return Ok(Hello { id: frame.id, data }),
            ("session:hello", Err(error)) => {
                return Err(refuse(front, writer, Code::ValidationFailed, &error.to_string()).await);
            }
            ("ping", _) => write(front, writer, pong(frame.id, &Value::Null)).await?,
            _ => return Err(refuse(front, writer, Code::AuthRequired, "say session:hello first").await),
        }
    }
    Err(RATE)
}

async fn refuse(front: &Front, writer: &Writer, code: Code, message: &str) -> End {
    front.metrics.hello("refused");
    let data = json!({"code": code.as_str(), "message": message});
    let _ = write(front, writer, OutFrame::event("session:invalid", &data, Class::Reply)).await;
    close(4001, code.as_str())
}

/// Checks the token and resumes or opens the session. Returns what is written before anything else.
async fn admit(front: &Front, ip: IpAddr, hello: Hello) -> Result<(Attachment, Vec<OutFrame>), ServiceError> {
    let _busy = front.busy();
    // Nobody closes it; without a turn it would go on all the same.
    let _turn = front.registry.admissions.acquire().await;
    if front.is_draining() {
        return Err(ServiceError::new(Code::ServerDraining, "the server is shutting down"));
    }
    let Hello { id, data } = hello;
    let bearer = identity::authenticate(front, &data.token, data.device, new_session_id(), ip).await?;
    let expires_s = bearer.claims.dead_at_s();
    let resumed = data.resume.and_then(|resume| {
        let id: SessionId = resume.session_id.parse().ok()?;
        front.registry.resume(id, resume.s, &bearer.actor, expires_s)
    });
    let (attachment, mut first, is_resumed) = match resumed {
        Some(mut attachment) => {
            // Its sign-in may have ended since the token was looked at.
            if let Err(error) = front.services.check_login(&bearer.actor) {
                attachment.session.disconnect(4001, error.code.as_str());
                return Err(error);
            }
            front.metrics.hello("resumed");
            front.services.session_attached(&attachment.session.actor()).await;
            let mut first = std::mem::take(&mut attachment.replay);
            let data = json!({
                "sessionId": attachment.session.id, "replayed": first.len(),
                "serverTime": rfc3339(clock::wall_ms()), "expiresAt": time_text(bearer.claims.exp),
            });
            first.push(OutFrame::event("session:resumed", &data, Class::Reply));
            (attachment, first, true)
        }
        None => {
            let (attachment, ready) = open(front, bearer).await?;
            (attachment, vec![ready], false)
        }
    };
    if let Some(id) = id {
        first
            .push(OutFrame::ack(id, Ok(&json!({"sessionId": attachment.session.id, "resumed": is_resumed}))));
    }
    Ok((attachment, first))
}

/// A new session. Events that happen while the snapshot is read wait in its queue.
async fn open(front: &Front, bearer: Bearer) -> Result<(Attachment, OutFrame), ServiceError> {
    let actor = Arc::new(bearer.actor);
    let expires_s = bearer.claims.dead_at_s();
    let attachment = front
        .registry
        .open(Arc::clone(&actor), expires_s)
        .ok_or_else(|| ServiceError::new(Code::LimitCount, "too many sessions of one user"))?;
    if let Ok(room) = front.services.room_of(&actor).await {
        attachment.session.set_hearing(&actor.grants, room);
    }
    let mut ready = match front.services.session_opened(&actor).await {
        Ok(ready) => ready,
        Err(error) => {
            front.registry.close(actor.session);
            return Err(error);
        }
    };
    let server = &front.config.server;
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let ours = json!({
        "sessionId": actor.session, "resumed": false, "heartbeat": ms(server.ping_interval.get()),
        "limits": {
            "frame": frame::MAX_FRAME, "rtcFrame": frame::MAX_RTC_FRAME, "messageChars": 10_000,
            "queue": super::gateway::outbox::MAX_FRAMES, "resumeMs": ms(server.resume_window.get()),
        },
        "serverTime": rfc3339(clock::wall_ms()),
        "expiresAt": time_text(bearer.claims.exp),
    });
    if let (Value::Object(ready), Value::Object(ours)) = (&mut ready, ours) {
        ready.extend(ours);
        front.put_ice_servers(ready, actor.user);
    }
    front.metrics.hello("new");
    tracing::info!(session = %actor.session, user = %actor.user, "session opened");
    Ok((attachment, OutFrame::event("session:ready", &ready, Class::Reply)))
}

/// Session queue → socket. Ends when the session says so or the socket takes nothing any more.
async fn write_loop(front: &Front, writer: &Writer, attachment: &Attachment, first: Vec<OutFrame>) -> End {
    for frame in first {
        if let Err(end) = write(front, writer, frame).await {
            return end;
        }
    }
    let ping_every = front.config.server.ping_interval.get();
    let (session, generation) = (&attachment.session, attachment.generation);
    session.lend(generation, writer);
    let quiet = tokio::time::sleep(ping_every);
    tokio::pin!(quiet);
    loop {
        match write_queued(front, writer, attachment).await {
            Ok(0) => {}
            Ok(frames) => front.registry.wrote(session, generation, frames),
            Err(end) => return end,
        }
        // A wake-up may have been used up while writing: look again before waiting.
        if session.has_work(generation) {
            continue;
        }
        // Cancel-safe: a wake-up that comes first leaves a permit behind.
        tokio::select! {
            biased;
            () = attachment.wake.notified() => {}
            () = &mut quiet => {
                if let Err(end) = guarded(front, attachment, writer.ping()).await {
                    return end;
                }
                quiet.as_mut().reset((clock::now() + ping_every).into());
            }
        }
    }
}

/// Writes what is queued, all of it in as few writes as possible. Returns how many frames that were.
async fn write_queued(front: &Front, writer: &Writer, attachment: &Attachment) -> Result<u64, End> {
    let mut frames = 0;
    loop {
        let wrote = attachment.session.write(attachment.generation, writer).map_err(|error| match error {
            WriteError::End(cut) => End::Close(cut),
            WriteError::Io(_) => End::Gone(0),
        })?;
        frames += wrote.frames;
        if !wrote.drained {
            guarded(front, attachment, writer.drained()).await?;
        }
        if !wrote.more {
            return Ok(frames);
        }
    }
}

/// A write that has to wait, and ends early when the session is cut meanwhile (its queue overflowed).
async fn guarded<F>(front: &Front, attachment: &Attachment, write: F) -> Result<(), End>
where
    F: Future<Output = io::Result<()>>,
{
    let overflowed = async {
        loop {
            attachment.wake.notified().await;
            if attachment.session.is_cut(attachment.generation) {
                break;
            }
        }
    };
    tokio::select! {
        biased;
        result = write => result.map_err(|_| End::Gone(0)),
        () = overflowed => Err(attachment.session.next(attachment.generation).err().map_or(
            End::Close(Cut::SLOW), End::Close)),
        () = tokio::time::sleep(front.config.server.write_timeout.get()) => Err(End::Close(Cut::SLOW)),
    }
}

async fn write(front: &Front, writer: &Writer, frame: OutFrame) -> Result<(), End> {
    front.metrics.ws_frames_out(1);
    match timeout(front.config.server.write_timeout.get(), writer.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone(0)),
        Err(_) => Err(End::Close(Cut::SLOW)),
    }
}

async fn read(stream: &mut Stream) -> Result<Message, End> {
    use tungstenite::error::{CapacityError, Error};
    match stream.next().await {
        Some(Ok(message)) => Ok(message),
        Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Err(OVERSIZE),
        Some(Err(Error::Utf8(_))) => Err(close(1007, "invalid UTF-8")),
        Some(Err(_)) | None => Err(End::Gone(0)),
    }
}

fn close_code(frame: Option<&CloseFrame>) -> u16 {
    frame.map_or(0, |frame| frame.code.into())
}

/// Socket → commands.
struct Reader<'a> {
    front: &'a Front,
    session: &'a Arc<Session>,
    worker: mpsc::Sender<Box<(Incoming, Busy)>>,
    limit: FrameLimit,
}

impl Reader<'_> {
    async fn run(mut self, stream: &mut Stream) -> End {
        let idle = self.front.config.server.idle_timeout.get();
        loop {
            let message = match timeout(idle, read(stream)).await {
                Ok(Ok(message)) => message,
                Ok(Err(end)) => return end,
                Err(_) => return IDLE,
            };
            let text = match message {
                Message::Text(text) => text,
                message @ (Message::Ping(_) | Message::Pong(_)) => {
                    if self.limit.frame(clock::now()) == FrameVerdict::Cut {
                        return RATE;
                    }
                    if matches!(message, Message::Ping(_)) {
                        // The other loop answers.
                        self.session.update(|_| ());
                    }
                    continue;
                }
                Message::Binary(_) => {
                    let error = ServiceError::new(Code::ValidationFailed, "text frames only");
                    if self.junk(None, &error) {
                        return RATE;
                    }
                    continue;
                }
                Message::Close(frame) => return End::Gone(close_code(frame.as_ref())),
                Message::Frame(_) => continue,
            };
            self.front.metrics.ws_frame_in();
            match frame::parse(text.as_str()) {
                Ok(frame) => match self.limit.frame(clock::now()) {
                    FrameVerdict::Pass => self.dispatch(frame),
                    FrameVerdict::Refuse => {
                        let error = ServiceError::new(Code::LimitRate, "too many frames")
                            .retry_after(Duration::from_secs(1));
                        self.answer(frame.id, Err(&error));
                    }
                    FrameVerdict::Cut => return RATE,
                },
                Err(FrameError::Oversize) => return OVERSIZE,
                Err(error @ FrameError::Malformed { id }) => {
                    if self.junk(id, &error.to_service_error()) {
                        return RATE;
                    }
                }
            }
        }
    }

    /// `ping` and `rtc:*` at once, everything else in order through the worker.
    fn dispatch(&self, frame: Incoming) {
        match frame.op.as_str() {
            "ping" => self.front.registry.push(self.session, &pong(frame.id, &frame.data)),
            "session:hello" => {
                let error = ServiceError::new(Code::ConflictState, "the session is open already");
                self.answer(frame.id, Err(&error));
            }
            // Relay credentials run out in long calls.
            "rtc:ice" => {
                let mut answer = serde_json::Map::new();
                self.front.put_ice_servers(&mut answer, self.session.user);
                self.answer(frame.id, Ok(&Value::Object(answer)));
            }
            op if op.starts_with("rtc:") => {
                let result = self.front.media.command(self.session.id, op, frame.data);
                self.answer(frame.id, result.as_ref());
            }
            _ if self.front.is_draining() => {
                let error = ServiceError::new(Code::ServerDraining, "the server is shutting down");
                self.answer(frame.id, Err(&error));
            }
            _ => {
                // Counted from here on, so that a drain waits for what waits.
                if let Err(refused) = self.worker.try_send(Box::new((frame, self.front.busy()))) {
                    let error = ServiceError::new(Code::LimitRate, "too many commands are waiting")
                        .retry_after(Duration::from_millis(200));
                    self.answer(refused.into_inner().0.id, Err(&error));
                }
            }
        }
    }

    /// Answers nonsense; `true` = enough of it.
    fn junk(&mut self, id: Option<u32>, error: &ServiceError) -> bool {
        if self.limit.junk(clock::now()) == FrameVerdict::Cut {
            return true;
        }
        self.answer(id, Err(error));
        false
    }

    fn answer(&self, id: Option<u32>, result: Result<&Value, &ServiceError>) {
        answer(self.front, self.session, id, result);
    }
}

/// The commands of one socket, one after the other. Goes on after the socket is lost: what was accepted runs.
async fn work(
    front: Front,
    session: Arc<Session>,
    ip: IpAddr,
    mut commands: mpsc::Receiver<Box<(Incoming, Busy)>>,
) {
    while let Some(command) = commands.recv().await {
        let (Incoming { op, id, data }, _busy) = *command;
        let turn = session.commands.lock().await;
        let result = if op == "token:refresh" {
            Box::pin(refresh(&front, &session, ip, data)).await
        } else if op == "net:test" {
            Box::pin(probe::answer(&front, &session, data)).await
        } else {
            match Command::parse(&op, data) {
                Ok(command) => Box::pin(front.run("ws", &session.actor(), command)).await,
                Err(error) => Err(error),
            }
        };
        answer(&front, &session, id, result.as_ref());
        drop(turn);
    }
}

fn answer(front: &Front, session: &Session, id: Option<u32>, result: Result<&Value, &ServiceError>) {
    let error = result.as_ref().err().map(|error| error_json(error, &trace_id()));
    let frame = match (id, result, &error) {
        (Some(id), Ok(value), _) => OutFrame::ack(id, Ok(value)),
        (Some(id), Err(_), Some(error)) => OutFrame::ack(id, Err(error)),
        (None, Err(_), Some(error)) => OutFrame::event("error", error, Class::Reply),
        _ => return,
    };
    front.registry.push(session, &frame);
}

/// `token:refresh`: same user, new rights and a later end.
async fn refresh(front: &Front, session: &Session, ip: IpAddr, data: Value) -> Result<Value, ServiceError> {
    let token = data
        .get("token")
        .and_then(Value::as_str)
        .ok_or_else(|| ServiceError::invalid("token", "required"))?;
    let device = session.actor().device;
    let bearer = identity::authenticate(front, token, device, session.id, ip).await?;
    if bearer.actor.user != session.user {
        return Err(ServiceError::new(Code::AuthInvalid, "the token is of another user"));
    }
    let room = front.services.room_of(&bearer.actor).await?;
    front.media.regrant(session.id, &bearer.actor.grants);
    session.set_hearing(&bearer.actor.grants, room);
    let actor = Arc::new(bearer.actor);
    session.update(|state| state.refresh(Arc::clone(&actor), bearer.claims.dead_at_s()));
    // Whoever ended it meanwhile did not find this socket.
    if let Err(error) = front.services.check_login(&actor) {
        session.disconnect(4001, error.code.as_str());
        return Err(error);
    }
    Ok(json!({"expiresAt": time_text(bearer.claims.exp)}))
}

fn pong(id: Option<u32>, data: &Value) -> OutFrame {
    // Only a number or a short text comes back.
    let t = data.get("t").filter(|t| t.is_number() || t.as_str().is_some_and(|text| text.len() <= 64));
    let data = json!({"t": t, "serverTime": rfc3339(clock::wall_ms())});
    match id {
        Some(id) => OutFrame::ack(id, Ok(&data)),
        None => OutFrame::event("pong", &data, Class::Reply),
    }
}

/// Says why, then closes.
async fn finish(front: &Front, writer: &Writer, end: End) {
    match end {
        End::Gone(code) => {
            front.metrics.ws_closed(code);
            let _ = timeout(CLOSE_TIMEOUT, writer.close(code, "")).await;
        }
        End::Close(cut) => {
            front.metrics.ws_closed(cut.close_code);
            let _ = timeout(CLOSE_TIMEOUT, async {
                if let Some(code) = cut.invalid {
                    let data = json!({"code": code, "message": cut.reason});
                    writer.send(OutFrame::event("session:invalid", &data, Class::Reply)).await?;
                }
                writer.close(cut.close_code, cut.reason).await
            })
            .await;
        }
    }
}

/// Above the largest frame we take, so that a slightly larger one still gets its close code.
const MAX_MESSAGE: usize = 2 * frame::MAX_RTC_FRAME;
/// Commands of a session that may wait; beyond it the client is told to slow down.
const COMMAND_QUEUE: usize = 64;
const MAX_FRAMES_BEFORE_HELLO: usize = 8;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
