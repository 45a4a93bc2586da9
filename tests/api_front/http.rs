//! REST, the page, health, metrics and the HTTP side of WHIP.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use convene::{
    base::time::{DAY_MS, rfc3339},
    runtime::clock,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, until};

async fn body(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn login_gives_a_token_that_opens_every_door() {
    let server = Server::start().await;
    let http = Client::new();
    let login = |username: &str, password: &str| {
        http.post(server.url("/api/v1/auth/login"))
            .json(&json!({"username": username, "password": password}))
            .send()
    };
    let (status, granted) = body(login("ana", "convene-demo").await.unwrap()).await;
    assert_eq!(status, 200, "{granted}");
    let token = granted["data"]["token"].as_str().unwrap();
    assert_eq!(granted["data"]["user"]["username"], "ana");
    let me = http.get(server.url("/api/v1/users/me")).bearer_auth(token).send().await.unwrap();
    assert_eq!(body(me).await.1["data"]["username"], "ana");
    let again = http.post(server.url("/api/v1/auth/refresh")).bearer_auth(token).send().await.unwrap();
    assert!(body(again).await.1["data"]["token"].is_string());
    let mut socket = server.socket().await;
    socket.send(json!({"op": "session:hello", "id": 1, "d": {"token": token}})).await;
    assert_eq!(socket.event("session:ready").await["user"]["username"], "ana");
    // A wrong password and an unknown name look alike.
    let (wrong, a) = body(login("ana", "nope").await.unwrap()).await;
    let (unknown, b) = body(login("nobody-here", "nope").await.unwrap()).await;
    assert_eq!((wrong, unknown), (401, 401));
    assert_eq!((&a["code"], &a["detail"]), (&b["code"], &b["detail"]));
}

#[tokio::test]
async fn logins_are_limited() {
    let server = Server::start_with(|config| config.auth.login_per_account = 3).await;
    let http = Client::new();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let request =
            http.post(server.url("/api/v1/auth/login")).json(&json!({"username": "bo", "password": "x"}));
        let response = request.send().await.unwrap();
        let retry = response.headers().contains_key("retry-after");
        statuses.push((response.status().as_u16(), retry));
    }
    assert_eq!(statuses[..3], [(401, false); 3]);
    assert_eq!(statuses[3..], [(429, true); 2]);
}

#[tokio::test]
async fn what_was_said_is_found_over_rest() {
    let server = Server::start().await;
    let http = Client::new();
    let token = server.token("ana");
    let get = |path: &str| http.get(server.url(path)).bearer_auth(&token).send();
    let sent = http
        .post(server.url("/api/v1/channels/general/messages"))
        .bearer_auth(&token)
        .json(&json!({"content": "Room 42 is the answer"}))
        .send();
    assert_eq!(sent.await.unwrap().status(), 201);
    until("it is indexed", async || {
        let (status, answer) =
            body(get("/api/v1/search?q=42&channelId=general&limit=5").await.unwrap()).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"]["hits"][0]["highlights"] == json!([[5, 2]])
    })
    .await;
    let (status, refused) = body(get("/api/v1/search?q=").await.unwrap()).await;
    assert_eq!((status, &refused["code"]), (422, &json!("validation.failed")));
    let (_, answer) = body(get("/api/v1/search/suggest?q=gen").await.unwrap()).await;
    assert_eq!(answer["data"]["channels"][0]["slug"], "general");
    let metrics = http.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nconvene_search_failures_total 0\n"), "{metrics}");
    let indexed = metrics.lines().find_map(|line| line.strip_prefix("convene_search_indexed_total "));
    assert!(indexed.is_some_and(|count| count != "0"), "{indexed:?}");
}

#[tokio::test]
async fn messages_travel_over_rest() {
    let server = Server::start().await;
    let http = Client::new();
    let (ana, bo) = (server.token("ana"), server.token("bo"));
    let channels = http.get(server.url("/api/v1/channels")).bearer_auth(&ana).send().await.unwrap();
    let (status, channels) = body(channels).await;
    assert_eq!(status, 200, "{channels}");
    let send = |token: &str, key: &str, text: &str| {
        http.post(server.url("/api/v1/channels/general/messages"))
            .bearer_auth(token)
            .header("idempotency-key", key)
            .json(&json!({"content": text}))
            .send()
    };
    let (status, first) = body(send(&ana, "k1", "hello").await.unwrap()).await;
    assert_eq!(status, 201, "{first}");
    let (status, again) = body(send(&ana, "k1", "hello").await.unwrap()).await;
    assert_eq!((status, &again["data"]["duplicate"]), (200, &json!(true)));
    assert_eq!(again["data"]["message"]["id"], first["data"]["message"]["id"]);
    let (status, misuse) = body(send(&ana, "k1", "other").await.unwrap()).await;
    assert_eq!((status, misuse["code"].as_str()), (409, Some("conflict.duplicate")));
    let id = first["data"]["message"]["id"].as_str().unwrap();
    let url = server.url(&format!("/api/v1/messages/{id}"));
    let rev = first["data"]["message"]["rev"].as_u64().unwrap();
    let patch = |token: &str, rev: u64| {
        http.patch(&url)
            .bearer_auth(token)
            .header("if-match", rev.to_string())
            .json(&json!({"content": "edited"}))
            .send()
    };
    assert_eq!(body(patch(&bo, rev).await.unwrap()).await.0, 403);
    assert_eq!(body(patch(&ana, rev).await.unwrap()).await.0, 200);
    let (status, stale) = body(patch(&ana, rev).await.unwrap()).await;
    assert_eq!((status, stale["code"].as_str()), (409, Some("conflict.rev")));
    let history = http
        .get(server.url("/api/v1/channels/general/messages?limit=10"))
        .bearer_auth(&bo)
        .send()
        .await
        .unwrap();
    let (_, history) = body(history).await;
    assert_eq!(history["data"]["messages"][0]["content"], "edited", "{history}");
    assert_eq!(body(http.delete(&url).bearer_auth(&ana).send().await.unwrap()).await.0, 200);
}

#[tokio::test]
async fn errors_are_problems_with_stable_codes() {
    let server = Server::start().await;
    let http = Client::new();
    let ana = server.token("ana");
    let get = |path: &str| http.get(server.url(path)).bearer_auth(&ana);
    let post = |path: &str| http.post(server.url(path)).bearer_auth(&ana);
    let cases = [
        (http.get(server.url("/api/v1/users/me")), 401, "auth.required"),
        (http.get(server.url("/api/v1/users/me")).bearer_auth("junk"), 401, "auth.invalid"),
        (
            http.get(server.url("/api/v1/users/me")).header("authorization", "Basic YTpi"),
            401,
            "auth.required",
        ),
        (get("/api/v1/channels/nope"), 404, "not_found.channel"),
        (get("/api/v1/calls/01ARZ3NDEKTSV4RRFFQ69G5FAV"), 404, "not_found.call"),
        (get("/api/v1/messages/not-an-id"), 422, "validation.failed"),
        (get("/api/v1/nope"), 404, "op.unknown"),
        (post("/api/v1/channels/general/messages").json(&json!({"content": ""})), 422, "validation.failed"),
        (post("/api/v1/channels/general/messages").json(&json!([1])), 422, "validation.failed"),
        (
            post("/api/v1/channels/general/messages").header("content-type", "application/json").body("{"),
            400,
            "validation.failed",
        ),
        (post("/api/v1/channels/general/messages").body("{}"), 415, "validation.failed"),
        (
            post("/api/v1/channels/general/messages").json(&json!({"content": "x".repeat(70_000)})),
            413,
            "limit.size",
        ),
    ];
    for (index, (request, status, code)) in cases.into_iter().enumerate() {
        let response = request.send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let (got, problem) = body(response).await;
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "case {index}: {problem}");
        assert_eq!(kind, "application/problem+json", "case {index}");
        assert_eq!(problem["status"], status, "case {index}");
        assert!(problem["traceId"].is_string());
    }
}

#[tokio::test]
async fn whip_refuses_what_it_cannot_take() {
    let server = Server::start().await;
    let http = Client::new();
    let post = |token: &str, kind: &str, text: String| {
        http.post(server.url("/whip/general"))
            .bearer_auth(token)
            .header("content-type", kind)
            .body(text)
            .send()
    };
    let ana = server.token("ana");
    let sdp =
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".to_owned();
    for (token, kind, text, status) in [
        ("junk", "application/sdp", sdp.clone(), 401),
        (ana.as_str(), "application/json", sdp.clone(), 415),
        (ana.as_str(), "application/sdp", "hello".into(), 400),
        (ana.as_str(), "application/sdp", "v=0\r\n".into(), 400),
        (ana.as_str(), "application/sdp", format!("{sdp}a={}", "x".repeat(300 * 1024)), 413),
    ] {
        assert_eq!(post(token, kind, text).await.unwrap().status().as_u16(), status, "{kind} {status}");
    }
    let muted =
        server.token_with("cy", convene::auth::grants::Grants { publish: false, ..Default::default() }, 60);
    assert_eq!(post(&muted, "application/sdp", sdp).await.unwrap().status(), StatusCode::FORBIDDEN);
    let gone = http.delete(server.url("/whip/general/0123")).bearer_auth(&ana).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let options = http.request(reqwest::Method::OPTIONS, server.url("/whip/general")).send().await.unwrap();
    assert_eq!(options.headers()["accept-post"], "application/sdp");
    assert_eq!(server.app.front().resources.len(), 0);
}

#[tokio::test]
async fn a_schedule_needs_a_time_and_a_repeated_request_makes_no_second_one() {
    let server = Server::start().await;
    let (http, token) = (Client::new(), server.token("ana"));
    let post = |data: Value| {
        let request = http.post(server.url("/api/v1/schedules")).bearer_auth(&token);
        request.header("idempotency-key", "k").json(&data).send()
    };
    for missing in [json!({}), json!({"sendAt": null})] {
        let mut data = missing;
        data["channelId"] = "general".into();
        data["content"] = "now?".into();
        let (status, problem) = body(post(data).await.unwrap()).await;
        assert_eq!((status, &problem["details"][0]["path"]), (422, &json!("sendAt")), "{problem}");
    }
    let at = rfc3339(clock::wall_ms() + DAY_MS);
    let data = json!({"channelId": "general", "content": "later", "sendAt": at});
    let (status, made) = body(post(data.clone()).await.unwrap()).await;
    assert_eq!((status, &made["data"]["scheduled"]["sendAt"]), (201, &json!(at)), "{made}");
    let (status, again) = body(post(data).await.unwrap()).await;
    let id = &made["data"]["scheduled"]["id"];
    assert_eq!((status, &again["data"]["scheduled"]["id"]), (200, id));
    let one = server.url(&format!("/api/v1/schedules/{}", id.as_str().unwrap()));
    let patch = http.patch(&one).bearer_auth(&token).json(&json!({"content": "better"})).send();
    assert_eq!(body(patch.await.unwrap()).await.1["data"]["scheduled"]["content"], "better");
    let list = http.get(server.url("/api/v1/schedules")).bearer_auth(&token).send();
    assert_eq!(body(list.await.unwrap()).await.1["data"]["scheduled"].as_array().unwrap().len(), 1);
    let gone = http.delete(&one).bearer_auth(&token).send().await.unwrap();
    assert_eq!(body(gone).await.1["data"]["scheduled"]["state"], "cancelled");
    let history = http.get(server.url("/api/v1/channels/general/messages")).bearer_auth(&token).send();
    assert_eq!(body(history.await.unwrap()).await.1["data"]["messages"], json!([]));
}

#[tokio::test]
async fn pages_and_answers_carry_the_security_headers() {
    let server = Server::start().await;
    let page = reqwest::get(server.url("/some/view")).await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let missing = reqwest::get(server.url("/assets/none.js")).await.unwrap();
    assert_eq!(missing.status(), 404);
    for path in ["/../Cargo.toml", "/..%2fCargo.toml", "/assets/../../Cargo.toml"] {
        let text = reqwest::get(server.url(path)).await.unwrap().text().await.unwrap();
        assert!(!text.contains("[package]"), "{path}");
    }
}

#[tokio::test]
async fn health_and_metrics_tell_the_state() {
    let server = Server::start().await;
    let (mut client, _) = server.session("ana").await;
    client
        .call(5, "message:send", json!({"channelId": "general", "content": "x", "nonce": "m"}))
        .await
        .unwrap();
    assert_eq!(reqwest::get(server.url("/livez")).await.unwrap().status(), 200);
    let (_, health) = body(reqwest::get(server.url("/health")).await.unwrap()).await;
    assert_eq!(health["components"]["database"]["status"], "ok", "{health}");
    assert_eq!(health["components"]["signalling"]["connections"], 1);
    let text = reqwest::get(server.url("/metrics")).await.unwrap().text().await.unwrap();
    for expected in [
        "convene_ws_connections 1",
        "convene_messages_total{door=\"ws\"} 1",
        "convene_ws_hellos_total{outcome=\"new\"} 1",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: promtool is not installed (Debian package prometheus)");
        return;
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn the_documents_are_for_everybody_and_are_fetched_once() {
    let server = Server::start().await;
    let http = Client::new();
    let document = http.get(server.url("/api/v1/openapi.json")).send().await.unwrap();
    assert_eq!(document.headers()["content-type"], "application/json");
    let etag = document.headers()["etag"].clone();
    let (status, api) = body(document).await;
    assert_eq!((status, &api["openapi"]), (200, &json!("3.1.0")));
    assert_eq!(api["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let again =
        http.get(server.url("/api/v1/openapi.json")).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    for (path, mime) in
        [("docs", "text/html"), ("docs/page.js", "text/javascript"), ("docs/page.css", "text/css")]
    {
        let page = http.get(server.url(&format!("/api/v1/{path}"))).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with(mime), "{path}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    }
    // What every operation says it needs.
    let (status, refused) = body(http.get(server.url("/api/v1/channels")).send().await.unwrap()).await;
    assert_eq!((status, &refused["code"]), (401, &json!("auth.required")));
}
