//! Who is told which TURN credentials.

use convene::config::{IceServer, Secret};
use reqwest::{Client, Method};
use serde_json::json;

use crate::support::Server;

const URL: &str = "turn:turn.example.org:3478";

async fn server() -> Server {
    Server::start_with(|config| {
        config.turn.urls = vec![URL.into()];
        config.turn.secret = Secret::new("0123456789abcdef0123456789abcdef");
        config.ice_servers = vec![
            IceServer { urls: vec!["stun:stun.example.org".into()], ..IceServer::default() },
            IceServer {
                urls: vec!["turn:fixed.example.org".into()],
                username: "fixed".into(),
                credential: Secret::new("fixed-password"),
            },
        ];
    })
    .await
}

#[tokio::test]
async fn each_session_and_join_gets_credentials_of_its_user() {
    let server = server().await;
    let (mut ana, ready) = server.session("ana").await;
    let user = ready["user"]["id"].as_str().expect("an id").to_owned();
    let joined = ana.call(1, "voice:join", json!({"channelId": "general"})).await.expect("joins");
    let asked = ana.call(2, "rtc:ice", json!({"callId": joined["callId"]})).await.expect("answers");
    let now_s = convene::api::identity::now_s();
    for answer in [&ready, &joined, &asked] {
        assert_eq!(answer["iceServersTtl"], 3600, "{answer}");
        let servers = answer["iceServers"].as_array().expect("a list");
        assert_eq!(servers.len(), 3, "{answer}");
        let (expiry, name) =
            servers[2]["username"].as_str().and_then(|name| name.split_once(':')).expect("two parts");
        assert_eq!((name, &servers[2]["urls"]), (user.as_str(), &json!([URL])));
        let left = expiry.parse::<u64>().expect("seconds") - now_s;
        assert!((3590..=3600).contains(&left), "{left}");
        // 20 bytes of SHA-1 in base64.
        assert_eq!(servers[2]["credential"].as_str().map(str::len), Some(28));
    }
    let (_, other) = server.session("bo").await;
    assert_ne!(other["iceServers"][2]["credential"], ready["iceServers"][2]["credential"]);
}

#[tokio::test]
async fn strangers_hear_of_no_server_that_needs_a_password() {
    let server = server().await;
    let preflight =
        Client::new().request(Method::OPTIONS, server.url("/whip/general")).send().await.expect("answers");
    let links: Vec<_> =
        preflight.headers().get_all("link").iter().map(|link| link.to_str().expect("text")).collect();
    assert_eq!(links, ["<stun:stun.example.org>; rel=\"ice-server\""]);
}

#[tokio::test]
async fn without_turn_nothing_expires() {
    let server = Server::start().await;
    let (_, ready) = server.session("ana").await;
    assert_eq!((&ready["iceServers"], &ready["iceServersTtl"]), (&json!([]), &json!(0)));
}
