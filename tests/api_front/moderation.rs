//! Administration and moderation through the real doors: REST, sockets that are cut, media that is gone.

use std::time::Duration;

use convene::auth::grants::Grants;
use reqwest::{Client as Http, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    support::{Server, until},
    whip::offer,
};

struct Caller<'a> {
    server: &'a Server,
    http: Http,
    token: String,
}

impl<'a> Caller<'a> {
    fn new(server: &'a Server, token: String) -> Self {
        Self { server, http: Http::new(), token }
    }

    fn admin(server: &'a Server) -> Self {
        let grants = Grants { admin: true, ..Grants::default() };
        Self::new(server, server.token_with("root", grants, 600))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.server.url(&format!("/api/v1{path}"))).bearer_auth(&self.token)
    }

    async fn run(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.run(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer["data"].clone()
    }

    async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let (status, answer) = self.run(method, path, body).await;
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn me(&self) -> String {
        self.ok(Method::GET, "/users/me", Value::Null).await["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn channels_are_administered_over_rest() {
    let server = Server::start().await;
    let ana = Caller::new(&server, server.token("ana"));
    let bo = Caller::new(&server, server.token("bo"));
    let bo_id = bo.me().await;
    let group = json!({"type": "group", "name": "plans", "private": true});
    let made = ana.ok(Method::POST, "/channels", group).await;
    let channel = format!("/channels/{}", made["channel"]["id"].as_str().unwrap());
    let rev = made["channel"]["rev"].as_u64().unwrap();
    let (mut socket, _) = server.session("bo").await;
    let (status, _) = ana.run(Method::POST, &format!("{channel}/members"), json!({"userId": bo_id})).await;
    assert_eq!(status, 201);
    assert_eq!(socket.event("channel:created").await["channel"]["name"], "plans");
    let with_rev = |rev: u64| {
        let request = ana.request(Method::PATCH, &channel).header("if-match", rev.to_string());
        request.json(&json!({"topic": format!("as of {rev}")})).send()
    };
    assert_eq!(with_rev(rev).await.unwrap().status(), 200, "a new member makes no settings stale");
    assert_eq!(with_rev(rev).await.unwrap().status(), 409);
    assert_eq!(socket.event("channel:updated").await["channel"]["topic"], format!("as of {rev}"));
    let member = format!("{channel}/members/{bo_id}");
    ana.ok(Method::PATCH, &member, json!({"role": "admin"})).await;
    bo.ok(Method::PUT, &format!("{channel}/notify"), json!({"pref": "none"})).await;
    let archive = bo.refused(Method::DELETE, &channel, Value::Null).await;
    assert_eq!(archive, (403, "perm.denied".into()));
    ana.ok(Method::DELETE, &channel, Value::Null).await;
    let list = ana.ok(Method::GET, "/channels?archived=true", Value::Null).await;
    assert_eq!(list["channels"].as_array().unwrap().len(), 1);
    let sent = bo.refused(Method::POST, &format!("{channel}/messages"), json!({"content": "x"})).await;
    assert_eq!(sent, (403, "perm.read_only".into()));
    ana.ok(Method::POST, &format!("{channel}/restore"), Value::Null).await;
    bo.ok(Method::DELETE, &member, Value::Null).await;
    assert_eq!(socket.event("channel:member_left").await["userId"], bo_id);
    assert_eq!(bo.refused(Method::GET, &channel, Value::Null).await, (404, "not_found.channel".into()));
}

/// Sockets in focus are told what belongs to no commit; a removal takes the focus away.
#[tokio::test]
async fn a_removed_member_is_not_told_who_types() {
    let server = Server::start().await;
    let ana = Caller::new(&server, server.token("ana"));
    let (mut socket, ready) = server.session("bo").await;
    let bo_id = ready["user"]["id"].as_str().unwrap();
    let group = json!({"type": "group", "name": "plans", "participants": [bo_id]});
    let id = ana.ok(Method::POST, "/channels", group).await["channel"]["id"].clone();
    socket.call(2, "channel:join", json!({"channelId": id})).await.unwrap();
    let (mut typist, _) = server.session("ana").await;
    typist.call(2, "typing:start", json!({"channelId": id})).await.unwrap();
    socket.event("typing:user_start").await;
    typist.call(3, "typing:stop", json!({"channelId": id})).await.unwrap();
    socket.event("typing:user_stop").await;
    let remove = json!({"channelId": id, "userId": bo_id});
    typist.call(4, "channel:member_remove", remove).await.unwrap();
    socket.event("channel:member_left").await;
    typist.call(5, "typing:start", json!({"channelId": id})).await.unwrap();
    typist.call(6, "message:send", json!({"channelId": "general", "content": "after"})).await.unwrap();
    let next = socket.next().await.unwrap();
    assert_eq!(next["ev"], "message:new", "and nothing in between: {next}");
    let error = socket.call(3, "channel:join", json!({"channelId": id})).await.unwrap_err();
    assert_eq!(error["code"], "not_found.channel");
}

#[tokio::test]
async fn a_banned_user_is_gone_within_a_second() {
    let server = Server::start().await;
    let admin = Caller::admin(&server);
    let (mut socket, ready) = server.session("bo").await;
    let user = ready["user"]["id"].as_str().unwrap().to_owned();
    let bo = Caller::new(&server, server.token("bo"));
    // A token as the server itself gives out: it carries the epoch.
    let renewed = bo.ok(Method::POST, "/auth/refresh", Value::Null).await;
    let own = Caller::new(&server, renewed["token"].as_str().unwrap().to_owned());
    socket.call(2, "voice:join", json!({"channelId": "general"})).await.unwrap();
    let whip = || {
        let request = Http::new().post(server.url("/whip/general")).bearer_auth(server.token("bo"));
        request.header("content-type", "application/sdp").body(offer("sendonly")).send()
    };
    assert_eq!(whip().await.unwrap().status(), 201, "an encoder of the same person");
    assert_eq!(server.app.front().media.participants(), 2);
    let path = format!("/admin/bans/{user}");
    assert_eq!(bo.refused(Method::PUT, &path, json!({})).await, (403, "perm.denied".into()));
    admin.ok(Method::PUT, &path, json!({"reason": "spam"})).await;
    let gone = timeout(Duration::from_secs(1), async {
        let closed = socket.closed().await;
        until("no media", async || server.app.front().media.participants() == 0).await;
        closed
    });
    let (code, names) = gone.await.expect("gone within a second");
    assert_eq!(code, 4003);
    assert_eq!(names[names.len() - 2..], ["moderation:banned", "session:invalid"]);
    for caller in [&bo, &own] {
        assert_eq!(caller.refused(Method::GET, "/users/me", Value::Null).await, (403, "auth.banned".into()));
    }
    // Neither by resume nor anew.
    let mut again = server.resume("bo", ready["sessionId"].as_str().unwrap(), 0).await;
    let refused = again.event("session:invalid").await;
    assert_eq!((refused["code"].as_str(), again.closed().await.0), (Some("auth.banned"), 4003));
    assert_eq!(whip().await.unwrap().status(), 403);
    let log = admin.ok(Method::GET, "/admin/audit?verify=true&limit=1", Value::Null).await;
    assert_eq!((&log["entries"][0]["action"], &log["chain"]["whole"]), (&json!("user.ban"), &json!(true)));
    admin.ok(Method::DELETE, &path, Value::Null).await;
    assert_eq!(bo.me().await, user, "without an epoch it counts again");
    let old = own.refused(Method::GET, "/users/me", Value::Null).await;
    assert_eq!(old, (401, "auth.invalid".into()), "what was given out before the ban is worth nothing");
}

#[tokio::test]
async fn the_log_knows_where_an_administrator_came_from() {
    let server =
        Server::start_with(|config| config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]).await;
    let admin = Caller::admin(&server);
    let bo = Caller::new(&server, server.token("bo"));
    let path = format!("/admin/bans/{}", bo.me().await);
    let ban = admin.request(Method::PUT, &path).header("x-forwarded-for", "203.0.113.9").json(&json!({}));
    assert_eq!(ban.send().await.unwrap().status(), 200);
    let mut socket = server.socket().await;
    socket.send(json!({"op": "session:hello", "id": 1, "d": {"token": admin.token}})).await;
    socket.ack(1).await.unwrap();
    let user = path.rsplit_once('/').unwrap().1;
    socket.call(2, "moderation:unban_user", json!({"userId": user})).await.unwrap();
    let log = socket.call(3, "moderation:audit", json!({"verify": true})).await.unwrap();
    let seen: Vec<_> =
        log["entries"].as_array().unwrap().iter().map(|one| (&one["action"], &one["ip"])).collect();
    let (unban, ban) = (json!("user.unban"), json!("user.ban"));
    assert_eq!(seen, [(&unban, &json!("127.0.0.1")), (&ban, &json!("203.0.113.9"))]);
    assert_eq!(log["chain"], json!({"whole": true, "intact": 2}));
}

#[tokio::test]
async fn safety_travels_over_rest() {
    let server = Server::start().await;
    let (ana, bo) = (Caller::new(&server, server.token("ana")), Caller::new(&server, server.token("bo")));
    let admin = Caller::admin(&server);
    let (ana_id, bo_id) = (ana.me().await, bo.me().await);
    let (block, dm) = (format!("/users/{bo_id}/block"), json!({"userId": ana_id}));
    ana.ok(Method::PUT, &block, Value::Null).await;
    assert_eq!(bo.refused(Method::POST, "/dms", dm.clone()).await, (403, "perm.blocked".into()));
    let blocks = ana.ok(Method::GET, "/users/me/blocks", Value::Null).await;
    assert_eq!(blocks["users"][0]["id"], bo_id);
    ana.ok(Method::DELETE, &block, Value::Null).await;
    bo.ok(Method::POST, "/dms", dm).await;
    let sent = bo.ok(Method::POST, "/channels/general/messages", json!({"content": "buy"})).await;
    let report = format!("/messages/{}/report", sent["message"]["id"].as_str().unwrap());
    let (status, answer) = ana.run(Method::POST, &report, json!({"reason": "spam"})).await;
    assert_eq!(status, 201, "{answer}");
    let open = admin.ok(Method::GET, "/admin/reports?state=open", Value::Null).await;
    assert_eq!(open["reports"][0]["content"], "buy");
    let resolve = format!("/admin/reports/{}/resolve", answer["data"]["reportId"].as_str().unwrap());
    admin.ok(Method::POST, &resolve, json!({"resolution": "actioned"})).await;
    let group = json!({"type": "group", "name": "plans", "participants": [bo_id]});
    let made = ana.ok(Method::POST, "/channels", group).await;
    let channel = format!("/channels/{}", made["channel"]["id"].as_str().unwrap());
    let member = format!("{channel}/members/{bo_id}");
    ana.ok(Method::PUT, &format!("{member}/timeout"), json!({"until": "2999-01-01T00:00:00Z"})).await;
    let say = json!({"content": "x"});
    let messages = format!("{channel}/messages");
    let silenced = bo.refused(Method::POST, &messages, say.clone()).await;
    assert_eq!(silenced, (403, "perm.timeout".into()));
    ana.ok(Method::DELETE, &format!("{member}/timeout"), Value::Null).await;
    bo.ok(Method::POST, &messages, say).await;
    ana.ok(Method::POST, &format!("{member}/kick"), json!({"reason": "enough"})).await;
    assert_eq!(bo.refused(Method::GET, &channel, Value::Null).await, (404, "not_found.channel".into()));
    assert_eq!(admin.ok(Method::GET, "/admin/bans", Value::Null).await["bans"], json!([]));
    let nobody = bo.refused(Method::GET, "/admin/audit", Value::Null).await;
    assert_eq!(nobody, (403, "perm.denied".into()));
}

#[tokio::test]
async fn the_server_is_watched_over_rest_and_a_ring_is_cancelled() {
    let server = Server::start().await;
    let (ana, bo) = (Caller::new(&server, server.token("ana")), Caller::new(&server, server.token("bo")));
    let admin = Caller::admin(&server);
    let bo_id = bo.me().await;
    let group = json!({"type": "group", "name": "plans", "participants": [bo_id], "private": true});
    let group = ana.ok(Method::POST, "/channels", group).await["channel"]["id"].clone();
    let mut socket = server.socket().await;
    socket.send(json!({"op": "session:hello", "id": 1, "d": {"token": ana.token}})).await;
    socket.ack(1).await.unwrap();
    let call = socket.call(2, "call:start", json!({"channelId": group})).await.unwrap()["callId"].clone();
    let overview = admin.ok(Method::GET, "/admin/overview", Value::Null).await;
    assert_eq!(
        (&overview["people"], &overview["calls"], &overview["ringing"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        (&overview["cpu"], &overview["sentBitrate"]),
        (&Value::Null, &Value::Null),
        "it takes two looks"
    );
    assert!(overview["memory"].as_u64().unwrap() > 1_000_000, "{overview}");
    let policy = admin.ok(Method::GET, "/admin/policy", Value::Null).await;
    let settings = policy["settings"].as_array().unwrap();
    assert!(settings.iter().any(|one| one["name"] == "calls.ring_timeout" && one["value"] == "45s"));
    let call = call.as_str().unwrap();
    let ring = format!("/admin/calls/{call}/rings/{bo_id}");
    for (method, path) in [
        (Method::GET, "/admin/overview".to_owned()),
        (Method::GET, "/admin/policy".to_owned()),
        (Method::GET, "/admin/calls".to_owned()),
        (Method::GET, format!("/admin/calls/{call}")),
        (Method::POST, format!("/admin/calls/{call}/end")),
        (Method::GET, "/admin/rings".to_owned()),
        (Method::DELETE, ring.clone()),
    ] {
        assert_eq!(bo.refused(method, &path, Value::Null).await, (403, "perm.denied".into()), "{path}");
    }
    assert_eq!(admin.ok(Method::GET, "/admin/rings", Value::Null).await["rings"][0]["userId"], bo_id);
    admin.ok(Method::DELETE, &ring, Value::Null).await;
    assert_eq!(socket.event("call:ended").await["reason"], "cancelled");
    let gone = admin.refused(Method::GET, &format!("/admin/calls/{call}"), Value::Null).await;
    assert_eq!(gone, (404, "not_found.call".into()));
}
