//! JSON frames of the native door (protocol.md 1). Pure: text in, text out.

use std::{borrow::Cow, fmt::Write as _, num::NonZeroU64, sync::Arc};

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use crate::chat::{
    command::Command,
    error::{Code, ServiceError},
};

/// A command as it came in; `data` is not decoded yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    pub op: String,
    pub id: Option<u32>,
    pub data: Value,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// Larger than its kind may be: the socket is closed.
    Oversize,
    /// Not a frame; the id is the sender's, if one could be read.
    Malformed { id: Option<u32> },
}

/// Checks the size, then decodes. Nothing larger than `MAX_FRAME` is parsed unless its first key says that it
/// is media signalling.
pub fn parse(text: &str) -> Result<Incoming, FrameError> {
    if text.len() > MAX_RTC_FRAME || (text.len() > MAX_FRAME && !starts_as_rtc(text)) {
        return Err(FrameError::Oversize);
    }
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        op: Cow<'a, str>,
        id: Option<u32>,
        #[serde(borrow)]
        d: Option<&'a RawValue>,
    }
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|_| FrameError::Malformed { id: None })?;
    if text.len() > MAX_FRAME && !wire.op.starts_with("rtc:") {
        return Err(FrameError::Oversize);
    }
    // The depth of `d` is limited by the decoder (128 levels).
    let data = match wire.d {
        Some(raw) => serde_json::from_str(raw.get()).map_err(|_| FrameError::Malformed { id: wire.id })?,
        None => Value::Null,
    };
    Ok(Incoming { op: wire.op.into_owned(), id: wire.id, data })
}

/// `{"op":"rtc:` with any white space, without parsing.
fn starts_as_rtc(text: &str) -> bool {
    let mut rest = text;
    for token in ["{", "\"op\"", ":", "\"rtc:"] {
        let Some(after) = rest.trim_start().strip_prefix(token) else { return false };
        rest = after;
    }
    true
}

/// A frame on its way out: encoded once, shared by all its receivers. Only the session sequence differs, so
/// `body` lacks the closing brace.
#[derive(Debug, Clone)]
pub struct OutFrame {
    body: Arc<str>,
    s: Option<NonZeroU64>,
    pub class: Class,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Replayed on resume.
    Reliable,
    /// The answer to a command; lost with the socket.
    Reply,
    /// May be dropped.
    Ephemeral,
}

impl OutFrame {
    pub fn event(name: &str, data: &Value, class: Class) -> Self {
        #[derive(Serialize)]
        struct Event<'a> {
            ev: &'a str,
            d: &'a Value,
        }
        Self::encode(&Event { ev: name, d: data }, class)
    }

    pub fn ack(id: u32, result: Result<&Value, &Value>) -> Self {
        #[derive(Serialize)]
        struct Ack<'a> {
            re: u32,
            ok: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            d: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            e: Option<&'a Value>,
        }
        let ack = Ack { re: id, ok: result.is_ok(), d: result.ok(), e: result.err() };
        Self::encode(&ack, Class::Reply)
    }

    fn encode(frame: &impl Serialize, class: Class) -> Self {
        // Keys are text and numbers finite: it cannot fail.
        let text = serde_json::to_string(frame).unwrap_or_else(|_| "{}".into());
        Self { body: text.strip_suffix('}').unwrap_or("{").into(), s: None, class }
    }

    /// `s` counts from 1.
    pub fn numbered(&self, s: u64) -> Self {
        Self { s: NonZeroU64::new(s), ..self.clone() }
    }

    /// The number, if it has one.
    pub fn s(&self) -> Option<u64> {
        self.s.map(NonZeroU64::get)
    }

    /// Size in queues and rings.
    pub fn len(&self) -> usize {
        Self::len_of(&self.body)
    }

    pub fn len_of(body: &str) -> usize {
        body.len() + TAIL_BYTES
    }

    /// What all receivers share.
    pub fn body(&self) -> Arc<str> {
        Arc::clone(&self.body)
    }

    /// A frame that was kept by its body, with its number.
    pub fn reliable(body: Arc<str>, s: u64) -> Self {
        Self { body, s: NonZeroU64::new(s), class: Class::Reliable }
    }

    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The text for the socket: what all receivers share, and what follows for this one.
    pub fn parts(&self) -> (&str, ArrayString<MAX_TAIL>) {
        let mut tail = ArrayString::new();
        // It fits: the longest number has 20 digits.
        let _ = match self.s {
            Some(s) => write!(tail, ",\"s\":{s}}}"),
            None => write!(tail, "}}"),
        };
        (&self.body, tail)
    }

    /// The text as one.
    pub fn to_text(&self) -> String {
        let (body, tail) = self.parts();
        [body, &tail].concat()
    }
}

/// The error object of the protocol.
pub fn error_json(error: &ServiceError, trace_id: &str) -> Value {
    let mut json = json!({ "code": error.code.as_str(), "message": error.message, "traceId": trace_id });
    if let Some(wait) = error.retry_after {
        json["retryAfter"] = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into();
    }
    if !error.details.is_empty() {
        json["details"] = json!(error.details);
    }
    json
}

impl FrameError {
    pub fn to_service_error(self) -> ServiceError {
        match self {
            Self::Oversize => ServiceError::new(Code::LimitSize, "the frame is too large"),
            Self::Malformed { .. } => ServiceError::new(
                Code::ValidationFailed,
                "the frame is not {\"op\":text, \"id\":number, \"d\":object}",
            ),
        }
    }
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Not text, too large, or no frame.
    NoFrame,
    Refused(Code),
    Command(&'static str),
}

/// Entry for the fuzzer: the way of a frame up to the services, and the way of its answer back. No input may panic.
pub fn fuzz_frame(data: &[u8]) -> Fate {
    let Ok(text) = std::str::from_utf8(data) else { return Fate::NoFrame };
    let answer = |id: Option<u32>, error: &ServiceError| {
        let json = error_json(error, "trace");
        let text = OutFrame::ack(id.unwrap_or_default(), Err(&json)).to_text();
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "an answer that is not JSON: {text}");
    };
    let frame = match parse(text) {
        Ok(frame) => frame,
        Err(error) => {
            let id = if let FrameError::Malformed { id } = error { id } else { None };
            answer(id, &error.to_service_error());
            return Fate::NoFrame;
        }
    };
    let echo = OutFrame::event(&frame.op, &frame.data, Class::Reliable).numbered(1).to_text();
    assert!(serde_json::from_str::<Value>(&echo).is_ok(), "an event that is not JSON: {echo}");
    match Command::parse(&frame.op, frame.data) {
        Ok(command) => {
            assert_eq!(command.name(), frame.op);
            Fate::Command(command.name())
        }
        Err(error) => {
            answer(frame.id, &error);
            Fate::Refused(error.code)
        }
    }
}

/// Ordinary commands. Twice as much would double what a hostile client makes us parse.
pub const MAX_FRAME: usize = 64 * 1024;
/// Media signalling: an SDP of a large call.
pub const MAX_RTC_FRAME: usize = 256 * 1024;
/// `,"s":N}`
const TAIL_BYTES: usize = 16;
/// The same with the largest number there is.
const MAX_TAIL: usize = 26;

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_decode() {
        let frame = parse(r#"{"op":"message:send","id":17,"d":{"content":"hi"}}"#).unwrap();
        assert_eq!(
            frame,
            Incoming { op: "message:send".into(), id: Some(17), data: json!({"content": "hi"}) }
        );
        let bare = parse(r#" {"d":null,"op":"ping","later":1} "#).unwrap();
        assert_eq!(bare, Incoming { op: "ping".into(), id: None, data: Value::Null });
    }

    #[test]
    fn junk_is_malformed_and_keeps_the_id_where_possible() {
        let deep = format!(r#"{{"op":"x","id":5,"d":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(parse(&deep), Err(FrameError::Malformed { id: Some(5) }));
        let very_deep = "[".repeat(60_000);
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "\u{0}",
            "{",
            "{\"op\":1}",
            "{\"op\":\"x\",\"id\":-1}",
            "{\"op\":\"x\",\"id\":4294967296}",
            "{\"op\":\"x\",\"id\":1.5}",
            "{\"op\":\"x\",\"op\":\"y\"}",
            "{\"op\":\"x\",\"d\":}",
            "{\"op\":\"x\"} trailing",
            "{'op':'x'}",
            &very_deep,
        ] {
            assert_eq!(parse(text), Err(FrameError::Malformed { id: None }), "{:.40}", text);
        }
    }

    #[test]
    fn size_is_judged_before_anything_is_parsed() {
        let pad = "x".repeat(MAX_FRAME);
        assert_eq!(parse(&pad), Err(FrameError::Malformed { id: None }));
        assert_eq!(parse(&format!("{pad}x")), Err(FrameError::Oversize));
        assert_eq!(parse(&format!(r#"{{"op":"message:send","d":"{pad}"}}"#)), Err(FrameError::Oversize));
        assert!(parse(&format!(r#"{{ "op" : "rtc:offer","d":"{pad}"}}"#)).is_ok());
        assert_eq!(parse(&format!(r#"{{"d":"{pad}","op":"rtc:offer"}}"#)), Err(FrameError::Oversize));
        assert_eq!(
            parse(&format!(r#"{{"op":"rtc:x","op":"message:send","d":"{pad}"}}"#)),
            Err(FrameError::Malformed { id: None })
        );
        let huge = "x".repeat(MAX_RTC_FRAME);
        assert_eq!(parse(&format!(r#"{{"op":"rtc:offer","d":"{huge}"}}"#)), Err(FrameError::Oversize));
    }

    #[test]
    fn out_frames_share_the_body_and_differ_in_the_sequence() {
        let frame = OutFrame::event("message:new", &json!({"a": 1}), Class::Reliable);
        let parsed: Value = serde_json::from_str(&frame.numbered(7).to_text()).unwrap();
        assert_eq!(parsed, json!({"ev": "message:new", "d": {"a": 1}, "s": 7}));
        let longest = frame.numbered(u64::MAX).to_text();
        assert!(longest.ends_with(",\"s\":18446744073709551615}"), "{longest}");
        assert_eq!(longest.len(), longest.capacity());
        let plain: Value = serde_json::from_str(&frame.to_text()).unwrap();
        assert_eq!(plain, json!({"ev": "message:new", "d": {"a": 1}}));
        let ack: Value = serde_json::from_str(&OutFrame::ack(3, Ok(&Value::Null)).to_text()).unwrap();
        assert_eq!(ack, json!({"re": 3, "ok": true, "d": null}));
    }
}
