//! Rubbish at the WebSocket and HTTP doors. After every attack two ordinary people still talk.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    random::Random,
    server::Server,
    socket::{Socket, raw},
    tcp::Wire,
};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// Someone who says nothing is cut after this in these tests.
const HELLO_TIMEOUT: Duration = Duration::from_secs(1);
/// Plus what a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(6);

async fn server() -> Server {
    Server::start(&[("CONVENE_SERVER_HELLO_TIMEOUT", "1s"), ("CONVENE_CHAT_RATE_SCALE", "0")]).await
}

/// Two people who chat; `talk` proves that the server still serves them.
struct Bystanders {
    ana: Socket,
    bo: Socket,
    count: u32,
}

impl Bystanders {
    async fn meet(server: &Server) -> Self {
        Self { ana: Socket::login(server, "ana").await, bo: Socket::login(server, "bo").await, count: 0 }
    }

    async fn talk(&mut self, after: &str) {
        self.count += 1;
        let content = format!("still here {}", self.count);
        let body =
            json!({"channelId": "general", "content": content, "nonce": format!("talk-{}", self.count)});
        self.ana.call("message:send", body).await.unwrap_or_else(|e| panic!("after {after}: {e:?}"));
        let is_ours = |event: &Value| event["message"]["content"] == content.as_str();
        self.bo.event_where("message:new", Duration::from_secs(3), is_ours).await;
    }
}

#[tokio::test]
async fn rubbish_after_hello_gets_a_stable_error_or_a_close() {
    let mut server = server().await;
    let mut people = Bystanders::meet(&server).await;

    // Well-formed frames that make no sense: the socket stays, the error is stable.
    let mut socket = Socket::login(&server, "cy").await;
    socket.refused("no:such_op", json!({}), "op.unknown").await;
    socket.refused("message:send", json!({"channelId": "general"}), "validation.failed").await;
    socket.refused("message:send", json!([1, 2]), "validation.failed").await;
    socket
        .refused("message:send", json!({"channelId": 7, "content": {}, "nonce": []}), "validation.failed")
        .await;
    socket.refused("channel:get", json!({"channelId": "x".repeat(100)}), "not_found.channel").await;
    socket.refused("channel:get", json!({"channelId": "x".repeat(5000)}), "validation.failed").await;
    let long = json!({"channelId": "general", "content": "x".repeat(10_001), "nonce": "long"});
    socket.refused("message:send", long, "validation.failed").await;
    socket
        .refused("channel:join", json!({"channelId": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}), "not_found.channel")
        .await;
    socket.ok("ping", json!({})).await;
    people.talk("nonsense commands").await;

    // Frames that are no frames of the protocol.
    let nested = format!("{{\"op\":\"ping\",\"id\":1,\"d\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [
        "",
        "{",
        "null",
        "[]",
        "\"op\"",
        "{\"op\":1}",
        "{\"op\":\"ping\",\"id\":-1}",
        "{\"op\":\"ping\",\"id\":1e99}",
        &nested,
    ] {
        let mut wire = hello(&server).await;
        wire.frame(TEXT, text.as_bytes(), None).await;
        people.talk(&format!("text frame {:?}", &text[..text.len().min(30)])).await;
    }
    // Frames that WebSocket itself forbids, or that are too large: the socket is closed.
    let oversize = vec![b' '; 64 * 1024 + 1];
    let huge = 1 << 40;
    for (what, first, payload, claimed) in [
        ("invalid UTF-8", TEXT, &b"\xff\xfe\xfd"[..], None),
        ("oversize frame", TEXT, &oversize[..], None),
        ("a length of a terabyte", TEXT, &b"{"[..], Some(huge)),
        ("compressed bit without negotiation", 0xC1, &b"abc"[..], None),
        ("reserved opcode", 0x83, &b"abc"[..], None),
        ("continuation of nothing", 0x80, &b"abc"[..], None),
        ("oversize ping", 0x89, &[0; 200][..], None),
    ] {
        let mut wire = hello(&server).await;
        wire.frame(first, payload, claimed).await;
        assert!(wire.ended(PATIENCE).await, "{what}: the connection stays open");
        people.talk(what).await;
    }
    // An endless message in small fragments ends at the limit.
    let mut wire = hello(&server).await;
    wire.frame(0x01, b"{\"op\":\"", None).await;
    for _ in 0..600 {
        wire.frame(0x00, &[b'a'; 1000], None).await;
    }
    assert!(wire.ended(PATIENCE).await, "endless fragments");
    people.talk("endless fragments").await;

    // Seeded noise on the socket, text and binary.
    let mut random = Random::from_env("rubbish");
    for _ in 0..200 {
        let mut wire = Wire::upgraded(&server).await;
        let length = random.below(300) as usize;
        let noise = random.bytes(length);
        let first = if random.one_in(2) { TEXT } else { BINARY };
        wire.frame(first, &noise, None).await;
    }
    people.talk("noise").await;
    assert!(server.is_running());
}

/// A raw wire whose session is open.
async fn hello(server: &Server) -> Wire {
    let token = server.login("di").await;
    let mut wire = Wire::upgraded(server).await;
    let hello = json!({"op": "session:hello", "id": 0, "d": {"token": token, "device": "desktop", "client": "e2e", "capabilities": []}});
    wire.frame(TEXT, hello.to_string().as_bytes(), None).await;
    wire
}

#[tokio::test]
async fn an_oversize_frame_closes_with_the_documented_code() {
    let server = server().await;
    let mut socket = Socket::login(&server, "ana").await;
    let body = json!({"channelId": "general", "content": "x".repeat(70_000), "nonce": "n"});
    let _ = socket.cast("message:send", body).await;
    assert_eq!(socket.closed(PATIENCE).await, Some(4009));
    // An SDP may be larger than a chat frame, not larger than its own limit.
    let mut socket = Socket::login(&server, "ana").await;
    let sdp = |size: usize| json!({"callId": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "sdp": "v".repeat(size), "gen": 1, "tracks": []});
    socket.refused("rtc:offer", sdp(100_000), "call.not_in_call").await;
    let _ = socket.cast("rtc:offer", sdp(300_000)).await;
    assert_eq!(socket.closed(PATIENCE).await, Some(4009));
}

#[tokio::test]
async fn half_open_and_slow_connections_are_cut() {
    let mut server = server().await;
    let mut people = Bystanders::meet(&server).await;
    let mut silent = Wire::connect(&server).await;
    let mut half_request = Wire::connect(&server).await;
    half_request.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    let mut no_hello = Wire::upgraded(&server).await;
    let mut half_frame = Wire::upgraded(&server).await;
    half_frame.frame(TEXT, b"{\"op\":\"session:h", Some(4000)).await;
    let mut wrong_first = Wire::upgraded(&server).await;
    wrong_first.frame(TEXT, br#"{"op":"message:send","id":1,"d":{}}"#, None).await;
    let mut binary_first = Wire::upgraded(&server).await;
    binary_first.frame(BINARY, &[0; 64], None).await;

    for (what, wire) in [
        ("no hello", &mut no_hello),
        ("half a frame", &mut half_frame),
        ("another command first", &mut wrong_first),
        ("binary first", &mut binary_first),
    ] {
        assert!(wire.ended(HELLO_TIMEOUT + PATIENCE).await, "{what}: still open");
    }
    // Plain HTTP has its own, longer patience (10 s to send the request head).
    for (what, wire) in [("silence", &mut silent), ("half a request", &mut half_request)] {
        assert!(wire.ended(Duration::from_secs(20)).await, "{what}: still open");
    }
    people.talk("half-open connections").await;
    assert!(server.is_running());
}

#[tokio::test]
async fn pages_of_other_origins_may_not_connect() {
    let server = Server::start(&[("CONVENE_SERVER_ALLOWED_ORIGINS", "https://app.example.org")]).await;
    let port = server.http_addr().port();
    // With --dev any page of this machine may connect, such as a development server on another port.
    for origin in [server.url(""), "https://app.example.org".into(), "http://localhost:5173".into()] {
        assert!(raw(&server, Some(&origin)).await.is_ok(), "{origin} was refused");
    }
    for origin in [
        "null",
        "https://evil.example",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://app.example.org.evil.example",
        "https://evil-app.example.org",
        "https://sub.app.example.org",
        "https://app.example.orge",
        "https://app.example.org@evil.example",
        "https://APP.example.org.",
        &format!("http://127.0.0.1.evil.example:{port}"),
        &format!("http://127.0.0.1@evil.example:{port}"),
        "http://localhost.evil.example",
        "https://notlocalhost",
        "http://128.0.0.1",
        "ws://127.0.0.1",
        "file://",
        "chrome-extension://abcdef",
        "data:text/html,x",
        "http://",
        "%",
    ] {
        let refused = raw(&server, Some(origin)).await;
        let status = match refused {
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => answer.status().as_u16(),
            Err(other) => panic!("{origin}: {other}"),
            Ok(_) => panic!("{origin} may connect"),
        };
        assert_eq!(status, 403, "{origin}");
    }
}
