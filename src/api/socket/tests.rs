use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use super::{super::gateway::frame::Class, *};

pub type Client = WebSocketStream<TcpStream>;

/// Both halves of a server's socket, and a client at its other end.
pub async fn pair() -> (Writer, Stream, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, server) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (writer, stream) = open(server.unwrap().0, Bytes::new(), 1 << 20).await;
    (writer, stream, WebSocketStream::from_raw_socket(client.unwrap(), Role::Client, None).await)
}

fn frame(len: usize) -> OutFrame {
    OutFrame::event("e", &serde_json::Value::String("é".repeat(len / 2)), Class::Reply)
}

/// All of `frames`, waiting where the kernel does.
async fn write_all(writer: &Writer, frames: impl IntoIterator<Item = OutFrame>) -> u64 {
    let mut frames: VecDeque<_> = frames.into_iter().collect();
    let mut count = 0;
    loop {
        let wrote = writer.write::<()>(|| Ok(frames.pop_front())).unwrap();
        count += wrote.frames;
        writer.drained().await.unwrap();
        if !wrote.more {
            return count;
        }
    }
}

/// The library's client reads every length: with one, two and eight bytes for it.
#[tokio::test]
async fn frames_of_every_length_arrive() {
    let (writer, _stream, mut client) = pair().await;
    let lens =
        [0, 90, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 65_500, 65_520, 65_536, 300_000];
    let texts: Vec<String> = lens.iter().map(|len| frame(*len).to_text()).collect();
    let writes = tokio::spawn(async move { write_all(&writer, lens.map(frame)).await });
    for text in texts {
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text(text));
    }
    assert_eq!(writes.await.unwrap(), 17);
}

#[tokio::test]
async fn frames_come_together_and_say_when_there_are_more() {
    let (writer, _stream, mut client) = pair().await;
    let mut frames = (0..100).map(|_| frame(200));
    let wrote = writer.write::<()>(|| Ok(frames.next())).unwrap();
    assert!(wrote.more && wrote.drained && wrote.frames > 30, "{wrote:?}");
    let ended = writer.write(|| if frames.len() > 60 { Ok(frames.next()) } else { Err("cut") });
    assert!(matches!(ended, Err(WriteError::End("cut"))), "{ended:?}");
    for _ in 0..40 {
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text(frame(200).to_text()));
    }
}

/// The kernel takes a part: the rest waits, nothing is torn, and whoever stops waiting can close all the same.
#[tokio::test]
async fn a_client_that_does_not_read_gets_whole_frames_later() {
    let (writer, _stream, mut client) = pair().await;
    let mut sent = 0_u32;
    loop {
        let wrote = writer.write::<()>(|| Ok(Some(frame(50_000)))).unwrap();
        sent += u32::try_from(wrote.frames).unwrap();
        if !wrote.drained {
            break;
        }
    }
    assert!(futures_util::poll!(std::pin::pin!(writer.drained())).is_pending());
    let closes = tokio::spawn(async move { writer.close(4010, "slow consumer").await });
    for _ in 0..sent {
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text(frame(50_000).to_text()));
    }
    let close = CloseFrame { code: CloseCode::from(4010), reason: "slow consumer".into() };
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Close(Some(close)));
    closes.await.unwrap().unwrap();
}

#[tokio::test]
async fn pings_are_answered_and_sent() {
    let (writer, mut stream, mut client) = pair().await;
    for said in ["old", "new"] {
        client.send(Message::Ping(said.into())).await.unwrap();
        assert!(matches!(stream.next().await, Some(Ok(Message::Ping(_)))));
    }
    let mut frame = Some(frame(10));
    writer.write::<()>(|| Ok(frame.take())).unwrap();
    writer.ping().await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("new".into()), "before all else");
    assert!(matches!(client.next().await, Some(Ok(Message::Text(_)))));
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Ping(Bytes::new()));
    client.flush().await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Message::Pong(_)))));
    client.send(Message::Ping("alone".into())).await.unwrap();
    stream.next().await;
    writer.pong().await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("alone".into()));
}

#[tokio::test]
async fn a_close_is_answered_once() {
    let (writer, mut stream, mut client) = pair().await;
    client.close(Some(CloseFrame { code: CloseCode::Away, reason: "bye".into() })).await.unwrap();
    let Some(Ok(Message::Close(Some(close)))) = stream.next().await else { panic!("no close") };
    writer.close(close.code.into(), "").await.unwrap();
    let answer = CloseFrame { code: CloseCode::Away, reason: "".into() };
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Close(Some(answer)));
    assert!(client.next().await.is_none(), "and the connection is closed");
}

#[tokio::test]
async fn what_came_with_the_request_is_read_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, server) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    // A masked text frame "hi", with a mask of zeros.
    let early = Bytes::from_static(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    let (_writer, mut stream) = open(server.unwrap().0, early, 100).await;
    assert_eq!(stream.next().await.unwrap().unwrap(), Message::text("hi"));
    drop(client);
    assert!(!matches!(stream.next().await, Some(Ok(_))));
}
