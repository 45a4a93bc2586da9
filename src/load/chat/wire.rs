//! WebSocket frames as a client needs them, and the few fields of ours that are looked for in them. Pure.
//!
//! Thousands of receivers share a machine with the server that is measured: nothing is copied or decoded that need
//! not be. A text message that came in one frame is handed on where it lies in the read buffer.

/// What a server sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
    /// With its code, 0 if there was none.
    Close(u16),
}

/// Not RFC 6455, or not from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a frame that is none")]
pub struct Broken;

/// Bytes → frames. What is incomplete waits for its rest.
#[derive(Debug, Default)]
pub struct FrameReader {
    rest: Vec<u8>,
    /// The pieces of a message so far; the server cuts long ones.
    message: Vec<u8>,
}

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
/// The server's largest answers are a few hundred kilobytes.
const MAX_MESSAGE: usize = 16 << 20;
/// Buffers above this are given back once they are empty: there are as many as connections.
const KEPT: usize = 4 * 1024;

impl FrameReader {
    /// Takes what was read and hands on what is complete.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Incoming<'_>)) -> Result<(), Broken> {
        if self.rest.is_empty() {
            let used = self.frames(bytes, &mut each)?;
            self.rest.extend_from_slice(bytes.get(used..).unwrap_or_default());
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let used = self.frames(&rest, &mut each)?;
        rest.drain(..used);
        self.rest = rest;
        shrink(&mut self.rest);
        Ok(())
    }

    /// Hands on all complete frames; returns how many bytes they had.
    fn frames(&mut self, bytes: &[u8], each: &mut impl FnMut(Incoming<'_>)) -> Result<usize, Broken> {
        let mut left = bytes;
        while let Some(head) = Head::parse(left)? {
            let Some((frame, after)) = left.split_at_checked(head.size + head.payload) else { break };
            self.frame(head.first, frame.get(head.size..).unwrap_or_default(), each)?;
            left = after;
        }
        Ok(bytes.len() - left.len())
    }

    fn frame(
        &mut self,
        first: u8,
        payload: &[u8],
        each: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), Broken> {
        match (first & 0x0f, first & FIN != 0) {
            (TEXT, true) if self.message.is_empty() => each(Incoming::Text(payload)),
            (TEXT, _) if !self.message.is_empty() => return Err(Broken),
            (TEXT | CONTINUATION, last) => {
                if self.message.len() + payload.len() > MAX_MESSAGE {
                    return Err(Broken);
                }
                self.message.extend_from_slice(payload);
                if last {
                    each(Incoming::Text(&self.message));
                    self.message.clear();
                    shrink(&mut self.message);
                }
            }
            (PING, true) => each(Incoming::Ping(payload)),
            (PONG, true) => {}
            (CLOSE, true) => {
                let code = payload.first_chunk::<2>().map_or(0, |code| u16::from_be_bytes(*code));
                each(Incoming::Close(code));
            }
            _ => return Err(Broken),
        }
        Ok(())
    }
}

fn shrink(buffer: &mut Vec<u8>) {
    if buffer.is_empty() && buffer.capacity() > KEPT {
        *buffer = Vec::new();
    }
}

struct Head {
    first: u8,
    size: usize,
    payload: usize,
}

impl Head {
    /// `None` if the header is not there yet.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Broken> {
        let Some([first, second]) = bytes.first_chunk::<2>() else { return Ok(None) };
        if second & MASKED != 0 {
            return Err(Broken);
        }
        let long = bytes.get(2..).unwrap_or_default();
        let (size, payload) = match second & 0x7f {
            126 => match long.first_chunk::<2>() {
                Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
                None => return Ok(None),
            },
            127 => match long.first_chunk::<8>() {
                Some(length) => (10, u64::from_be_bytes(*length)),
                None => return Ok(None),
            },
            length => (2, u64::from(length)),
        };
        let payload = usize::try_from(payload).ok().filter(|size| *size <= MAX_MESSAGE).ok_or(Broken)?;
        Ok(Some(Self { first: *first, size, payload }))
    }
}

/// Adds a text frame. The mask is zero: RFC 6455 asks for an unpredictable one to protect proxies, of which a load
/// tool has none, and so the text need not be changed.
pub fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put(out, TEXT, text);
}

/// Adds the answer to a ping.
pub fn put_pong(out: &mut Vec<u8>, payload: &[u8]) {
    put(out, PONG, payload);
}

fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(FIN | opcode);
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        medium @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// What a frame of the protocol is, as far as a receiver cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{"re":…,"ok":true`
    Ack(u32),
    /// `{"re":…,"ok":false`
    Refusal(u32),
    MessageNew,
    PresenceChanged,
    Other,
}

/// Told by the first bytes: the server writes `re` and `ev` first.
pub fn kind(frame: &[u8]) -> Kind {
    if let Some(rest) = frame.strip_prefix(b"{\"re\":") {
        let (id, rest) = number(rest);
        return match (id.and_then(|id| u32::try_from(id).ok()), rest.starts_with(b",\"ok\":true")) {
            (Some(id), true) => Kind::Ack(id),
            (Some(id), false) => Kind::Refusal(id),
            (None, _) => Kind::Other,
        };
    }
    match frame.strip_prefix(b"{\"ev\":\"") {
        Some(rest) if rest.starts_with(b"message:new\"") => Kind::MessageNew,
        Some(rest) if rest.starts_with(b"presence:changed\"") => Kind::PresenceChanged,
        _ => Kind::Other,
    }
}

/// The number of a reliable event in its session.
pub fn session_seq(frame: &[u8]) -> Option<u64> {
    // At the very end: `},"s":17}`.
    let tail = frame.strip_suffix(b"}")?;
    let digits = tail.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, digits) = tail.split_at_checked(tail.len() - digits)?;
    head.ends_with(b",\"s\":").then(|| number(digits).0).flatten()
}

/// A message's number in its channel.
pub fn seq(frame: &[u8]) -> Option<u64> {
    number(after_last(frame, b"\"seq\":")?).0
}

/// A message's nonce. Text of people cannot look like it: its quotes are escaped.
pub fn nonce(frame: &[u8]) -> Option<&[u8]> {
    let rest = after_last(frame, b"\"nonce\":\"")?;
    rest.split(|byte| *byte == b'"').next()
}

/// From the end, where the fields are that matter.
fn after_last<'a>(frame: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = frame.windows(key.len()).rposition(|window| window.first() == key.first() && window == key)?;
    frame.get(at + key.len()..)
}

/// The leading decimal number, and what follows it.
pub fn number(text: &[u8]) -> (Option<u64>, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(digits).unwrap_or((text, &[]));
    let fold = |sum: Option<u64>, digit: &u8| sum?.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let value = if digits.is_empty() { None } else { digits.iter().fold(Some(0), fold) };
    (value, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..=125 => frame.push(short as u8),
            medium => {
                frame.push(126);
                frame.extend_from_slice(&(medium as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    fn texts(reader: &mut FrameReader, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let take = |incoming: Incoming<'_>| match incoming {
            Incoming::Text(text) => found.push(String::from_utf8(text.to_vec()).unwrap()),
            Incoming::Ping(payload) => found.push(format!("ping {}", payload.len())),
            Incoming::Close(code) => found.push(format!("close {code}")),
        };
        reader.feed(bytes, take).unwrap();
        found
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let long = "x".repeat(300);
        let mut stream = server_frame(FIN | TEXT, b"one");
        stream.extend(server_frame(FIN | PING, b"hey"));
        stream.extend(server_frame(TEXT, b"tw"));
        stream.extend(server_frame(CONTINUATION, b"o "));
        stream.extend(server_frame(FIN | PONG, b""));
        stream.extend(server_frame(FIN | CONTINUATION, long.as_bytes()));
        stream.extend(server_frame(FIN | CLOSE, &4010u16.to_be_bytes()));
        let wanted = ["one".to_owned(), "ping 3".into(), format!("two {long}"), "close 4010".into()];
        for size in [1, 2, 3, 7, 100, stream.len()] {
            let mut reader = FrameReader::default();
            let found: Vec<_> = stream.chunks(size).flat_map(|chunk| texts(&mut reader, chunk)).collect();
            assert_eq!(found, wanted, "in pieces of {size}");
            assert!(reader.rest.is_empty() && reader.message.is_empty());
        }
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        let masked = [FIN | TEXT, MASKED | 1, 0, 0, 0, 0, b'x'];
        let huge = [FIN | TEXT, 127, 0xff, 0, 0, 0, 0, 0, 0, 0];
        let mut twice = server_frame(TEXT, b"a");
        twice.extend(server_frame(FIN | TEXT, b"b"));
        for bytes in [&masked[..], &huge, &twice, &server_frame(FIN | 0x3, b"")] {
            assert_eq!(FrameReader::default().feed(bytes, |_| {}), Err(Broken), "{bytes:?}");
        }
    }

    #[test]
    fn the_server_s_library_reads_our_frames() {
        use tokio_tungstenite::tungstenite::{Message, WebSocket, protocol::Role};
        for size in [0, 125, 126, 65_535, 65_536] {
            let text = "y".repeat(size);
            let mut bytes = Vec::new();
            put_text(&mut bytes, text.as_bytes());
            let stream = std::io::Cursor::new(bytes);
            let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
            assert_eq!(socket.read().unwrap(), Message::text(text), "{size} bytes");
        }
    }

    #[test]
    fn fields_are_found_where_the_server_puts_them() {
        let message = br#"{"ev":"message:new","d":{"message":{"content":"\"seq\":9,\"nonce\":\"x\"","nonce":"1.2.3","rev":4,"seq":41,"threadId":null}},"s":7}"#;
        assert_eq!(kind(message), Kind::MessageNew);
        assert_eq!((seq(message), session_seq(message)), (Some(41), Some(7)));
        assert_eq!(nonce(message), Some(&b"1.2.3"[..]));
        assert_eq!(kind(br#"{"re":12,"ok":true,"d":{}}"#), Kind::Ack(12));
        assert_eq!(kind(br#"{"re":12,"ok":false,"e":{}}"#), Kind::Refusal(12));
        assert_eq!(kind(br#"{"ev":"presence:changed","d":[]}"#), Kind::PresenceChanged);
        assert_eq!(kind(br#"{"ev":"message:edited","d":{"seq":1},"s":3}"#), Kind::Other);
        assert_eq!(session_seq(br#"{"ev":"typing:user_stop","d":{"seq":1}}"#), None);
        assert_eq!(seq(br#"{"seq":99999999999999999999999}"#), None);
        assert_eq!((seq(b"{}"), nonce(b"{}"), session_seq(b"")), (None, None, None));
    }
}
