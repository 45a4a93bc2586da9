//! WHIP and WHEP resources over HTTP, up to the point where media would flow.

use reqwest::{Client, RequestBuilder, StatusCode};

use crate::support::Server;

const FINGERPRINT: &str =
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99";

pub fn offer(direction: &str) -> String {
    let lines = [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=msid-semantic: WMS",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789012345678901",
        "a=ice-options:trickle",
        &format!("a=fingerprint:sha-256 {FINGERPRINT}"),
        "a=setup:actpass",
        "a=mid:0",
        &format!("a={direction}"),
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
    ];
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

const TRICKLE: &str =
    "a=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host\r\na=end-of-candidates\r\n";
const RESTART: &str = "a=ice-ufrag:wxyz\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n";

struct Live {
    url: String,
    etag: String,
}

async fn create(server: &Server, door: &str, direction: &str) -> Live {
    let response = Client::new()
        .post(server.url(&format!("/{door}/general")))
        .bearer_auth(server.token("ana"))
        .header("content-type", "application/sdp")
        .body(offer(direction))
        .send()
        .await
        .unwrap();
    let status = response.status();
    let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    let (location, etag, kind, link) =
        (header("location"), header("etag"), header("content-type"), header("link"));
    let answer = response.text().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    assert_eq!(kind.as_deref(), Some("application/sdp"));
    assert!(
        answer.starts_with("v=0") && answer.contains("a=ice-lite") && answer.contains("a=setup:passive"),
        "{answer}"
    );
    assert!(link.unwrap().contains("rel=\"ice-server\""));
    let location = location.unwrap();
    assert!(location.starts_with(&format!("/{door}/general/")), "{location}");
    Live { url: server.url(&location), etag: etag.unwrap() }
}

fn patch(server: &Server, live: &Live, tag: Option<&str>, body: &'static str) -> RequestBuilder {
    let request = Client::new()
        .patch(&live.url)
        .bearer_auth(server.token("ana"))
        .header("content-type", "application/trickle-ice-sdpfrag")
        .body(body);
    match tag {
        Some(tag) => request.header("if-match", tag),
        None => request,
    }
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

async fn server() -> Server {
    Server::start_with(|config| {
        config.ice_servers = vec![convene::config::IceServer {
            urls: vec!["stun:stun.example.org:3478".into()],
            ..Default::default()
        }];
    })
    .await
}

#[tokio::test]
async fn a_publisher_trickles_restarts_and_leaves() {
    let server = server().await;
    let live = create(&server, "whip", "sendonly").await;
    assert_eq!(status(patch(&server, &live, Some(&live.etag), TRICKLE)).await, 204);
    assert_eq!(status(patch(&server, &live, None, TRICKLE)).await, 428);
    assert_eq!(status(patch(&server, &live, Some("\"other\""), TRICKLE)).await, 412);
    assert_eq!(status(patch(&server, &live, Some("*"), TRICKLE)).await, 412);
    assert_eq!(status(patch(&server, &live, Some(&live.etag), "nonsense")).await, 400);
    let wrong_type = Client::new().patch(&live.url).bearer_auth(server.token("ana")).body(TRICKLE);
    assert_eq!(status(wrong_type).await, 415);

    let restart = patch(&server, &live, Some("*"), RESTART).send().await.unwrap();
    assert_eq!(restart.status(), 200);
    let tag = restart.headers()["etag"].to_str().unwrap().to_owned();
    assert_ne!(tag, live.etag);
    let fragment = restart.text().await.unwrap();
    assert!(fragment.contains("a=ice-ufrag:") && fragment.contains("a=ice-pwd:"), "{fragment}");
    assert_eq!(
        status(patch(&server, &live, Some(&live.etag), TRICKLE)).await,
        412,
        "the old ICE session is over"
    );
    assert_eq!(status(patch(&server, &live, Some(&tag), TRICKLE)).await, 204);

    let delete = |user: &str| Client::new().delete(&live.url).bearer_auth(server.token(user));
    assert_eq!(status(delete("bo")).await, 404, "somebody else's resource");
    assert_eq!(status(Client::new().delete(&live.url)).await, 401);
    assert_eq!(status(delete("ana")).await, 200);
    assert_eq!(status(delete("ana")).await, 404);
}

#[tokio::test]
async fn a_viewer_is_answered_and_a_drain_ends_it() {
    let server = server().await;
    let live = create(&server, "whep", "recvonly").await;
    assert_eq!(server.app.front().resources.len(), 1);
    assert_eq!(status(patch(&server, &live, Some(&live.etag), TRICKLE)).await, 204);
    let front = server.app.front().clone();
    let Server { app, folder, .. } = server;
    app.drain().await;
    crate::support::until("the resource is gone", async || front.resources.is_empty()).await;
    drop(folder);
}

#[tokio::test]
async fn an_unacceptable_offer_leaves_nothing_behind() {
    let server = server().await;
    let broken = offer("sendonly").replace("a=fingerprint", "a=x-fingerprint");
    let request = Client::new()
        .post(server.url("/whip/general"))
        .bearer_auth(server.token("ana"))
        .header("content-type", "application/sdp")
        .body(broken);
    assert_eq!(status(request).await, 422);
    let front = server.app.front();
    assert!(front.resources.is_empty());
    crate::support::until("the participant left", async || front.media.participants() == 0).await;
}
