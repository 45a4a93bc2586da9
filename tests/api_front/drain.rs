//! SIGTERM's choreography, without the signal.

use std::time::Duration;

use serde_json::json;

use crate::support::{DEADLINE, Server};

#[tokio::test]
async fn a_drain_tells_clients_and_finishes_what_it_accepted() {
    let server = Server::start_with(|config| config.chat.rate_scale = 0).await;
    let (mut ana, _) = server.session("ana").await;
    let (mut bo, _) = server.session("bo").await;
    for n in 0..30 {
        let data = json!({"channelId": "general", "content": "x", "nonce": format!("d{n}")});
        ana.send(json!({"op": "message:send", "id": n, "d": data})).await;
    }
    // The first ack shows that the rest is under way.
    ana.ack(0).await.unwrap();
    let ready_url = server.url("/readyz");
    let front = server.app.front().clone();
    let Server { app, folder, .. } = server;
    let drain = tokio::spawn(app.drain());
    crate::support::until("draining", async || front.is_draining()).await;
    if let Ok(response) = reqwest::get(&ready_url).await {
        assert_eq!(response.status(), 503);
    }
    assert!(bo.event("session:drain").await["delay"].is_u64());
    assert_eq!(bo.closed().await.0, 4012);
    let (mut answered, mut accepted) = (1, 1);
    let code = loop {
        match ana.next().await {
            Ok(frame) => {
                answered += u32::from(frame["re"].is_u64());
                accepted += u32::from(frame["ok"] == true);
                if frame["ok"] == false {
                    assert_eq!(frame["e"]["code"], "server.draining");
                }
            }
            Err(code) => break code,
        }
    };
    assert_eq!(code, 4012);
    assert!(accepted <= answered && answered <= 30, "{accepted} {answered}");
    tokio::time::timeout(DEADLINE.max(Duration::from_secs(30)), drain)
        .await
        .expect("the drain hangs")
        .unwrap();
    // Acknowledged = durable: a new server on the same folder has exactly the accepted ones.
    let again = Server::start_in(folder, |_| {}).await;
    let (mut reader, _) = again.session("bo").await;
    let page =
        reader.call(2, "channel:get_history", json!({"channelId": "general", "limit": 100})).await.unwrap();
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(accepted as usize));
}
