//! Where people are signed in: refresh tokens, and what ends with a session.

use std::time::Duration;

use convene::auth::grants::Grants;
use reqwest::{Client as Http, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    support::{Client, Server, until},
    whip::offer,
};

/// Somebody signed in.
struct Login<'a> {
    server: &'a Server,
    http: Http,
    id: String,
    token: String,
    refresh: String,
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_owned()
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

async fn post(server: &Server, path: &str, body: Value) -> (u16, Value) {
    answer(Http::new().post(server.url(&format!("/api/v1/auth/{path}"))).json(&body)).await
}

async fn refresh(server: &Server, token: &str) -> Result<Value, String> {
    let (status, answer) = post(server, "refresh", json!({"refreshToken": token})).await;
    if status == 200 { Ok(answer["data"].clone()) } else { Err(text(&answer, "code")) }
}

impl<'a> Login<'a> {
    async fn new(server: &'a Server, username: &str, client: &str) -> Self {
        let body =
            json!({"username": username, "password": "convene-demo", "client": client, "device": "tablet"});
        let (status, answer) = post(server, "login", body).await;
        assert_eq!(status, 200, "{answer}");
        let granted = &answer["data"];
        Self {
            server,
            http: Http::new(),
            id: text(granted, "sessionId"),
            token: text(granted, "token"),
            refresh: text(granted, "refreshToken"),
        }
    }

    async fn run(&self, method: Method, path: &str) -> (u16, Value) {
        let url = self.server.url(&format!("/api/v1{path}"));
        answer(self.http.request(method, url).bearer_auth(&self.token)).await
    }

    /// `ok`, or the code of the refusal.
    async fn code(&self, method: Method, path: &str) -> String {
        let (status, answer) = self.run(method, path).await;
        if status == 200 { "ok".into() } else { text(&answer, "code") }
    }

    async fn lives(&self) -> bool {
        match self.code(Method::GET, "/users/me").await.as_str() {
            "ok" => true,
            "auth.revoked" => false,
            other => panic!("{other}"),
        }
    }

    async fn socket(&self) -> Client {
        let mut client = self.server.socket().await;
        client.send(json!({"op": "session:hello", "id": 1, "d": {"token": self.token}})).await;
        client.event("session:ready").await;
        client.ack(1).await.unwrap();
        client
    }

    async fn sessions(&self) -> Vec<Value> {
        let (status, answer) = self.run(Method::GET, "/users/me/sessions").await;
        assert_eq!(status, 200, "{answer}");
        answer["data"]["sessions"].as_array().unwrap().clone()
    }
}

/// The last things a socket hears when its session ends.
async fn assert_signed_out(socket: &mut Client) {
    let (code, names) = socket.closed().await;
    assert_eq!((code, names.last().map(String::as_str)), (4001, Some("session:invalid")));
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_and_the_new_one_goes_on() {
    let server = Server::start().await;
    let login = Login::new(&server, "ana", "a page").await;
    let second = refresh(&server, &login.refresh).await.unwrap();
    assert_eq!(second["sessionId"], login.id.as_str(), "the same session");
    assert_ne!(second["refreshToken"], login.refresh.as_str());
    assert_eq!(second["user"]["username"], "ana");
    let third = refresh(&server, &text(&second, "refreshToken")).await.unwrap();
    assert!(login.lives().await, "the tokens of before are still good");
    let url = server.url("/api/v1/users/me");
    let (status, me) = answer(Http::new().get(url).bearer_auth(text(&third, "token"))).await;
    assert_eq!((status, &me["data"]["username"]), (200, &json!("ana")));
    let listed = login.sessions().await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let one = &listed[0];
    assert_eq!(
        (&one["id"], &one["client"], &one["device"], &one["current"], &one["ip"]),
        (&json!(login.id), &json!("a page"), &json!("tablet"), &json!(true), &json!("127.0.0.1"))
    );
}

#[tokio::test]
async fn a_lost_answer_does_not_sign_anybody_out() {
    let server = Server::start().await;
    let login = Login::new(&server, "ana", "").await;
    let lost = refresh(&server, &login.refresh).await.unwrap();
    let again = refresh(&server, &login.refresh).await.unwrap();
    assert_ne!(lost["refreshToken"], again["refreshToken"]);
    refresh(&server, &text(&again, "refreshToken")).await.unwrap();
    assert!(login.lives().await);
    // Whoever found the lost one gives itself away.
    let thief = refresh(&server, &text(&lost, "refreshToken")).await.unwrap_err();
    assert_eq!((thief.as_str(), login.lives().await), ("auth.revoked", false));
}

#[tokio::test]
async fn a_token_that_was_used_up_ends_its_session_and_no_other() {
    let server = Server::start().await;
    let (stolen, other) = (Login::new(&server, "ana", "").await, Login::new(&server, "ana", "").await);
    let (mut cut, mut stays) = (stolen.socket().await, other.socket().await);
    let second = refresh(&server, &stolen.refresh).await.unwrap();
    let third = refresh(&server, &text(&second, "refreshToken")).await.unwrap();
    assert_eq!(refresh(&server, &stolen.refresh).await.unwrap_err(), "auth.revoked");
    timeout(Duration::from_secs(1), assert_signed_out(&mut cut)).await.expect("cut within a second");
    assert_eq!(refresh(&server, &text(&third, "refreshToken")).await.unwrap_err(), "auth.revoked");
    assert!(!stolen.lives().await && other.lives().await);
    stays.call(2, "ping", json!({})).await.unwrap();
    refresh(&server, &other.refresh).await.unwrap();
}

#[tokio::test]
async fn signing_out_takes_sockets_seats_and_tokens_along_within_a_second() {
    let server = Server::start().await;
    let (here, there) = (Login::new(&server, "bo", "here").await, Login::new(&server, "bo", "there").await);
    let (mut socket, mut stays) = (here.socket().await, there.socket().await);
    for session in [&mut socket, &mut stays] {
        session.call(2, "voice:join", json!({"channelId": "general"})).await.unwrap();
    }
    let whip = here.http.post(server.url("/whip/general")).bearer_auth(&here.token);
    let whip = whip.header("content-type", "application/sdp").body(offer("sendonly")).send();
    assert_eq!(whip.await.unwrap().status(), 201, "an encoder of the same sign-in");
    assert_eq!(server.app.front().media.participants(), 3);
    let gone = async {
        assert_eq!(here.code(Method::POST, "/auth/logout").await, "ok");
        assert_signed_out(&mut socket).await;
        until("only the other one has media", async || server.app.front().media.participants() == 1).await;
    };
    timeout(Duration::from_secs(1), gone).await.expect("gone within a second");
    assert!(!here.lives().await && there.lives().await);
    assert_eq!(here.code(Method::POST, "/auth/refresh").await, "auth.revoked");
    assert_eq!(refresh(&server, &here.refresh).await.unwrap_err(), "auth.revoked");
    assert_eq!(here.code(Method::POST, "/auth/logout").await, "ok", "once more does no harm");
    let call = stays.call(3, "voice:get_participants", json!({"channelId": "general"})).await.unwrap();
    assert_eq!(call["participants"].as_array().unwrap().len(), 1);
    // Nor does the old token open a socket again.
    let mut again = server.socket().await;
    again.send(json!({"op": "session:hello", "d": {"token": here.token}})).await;
    assert_eq!(again.event("session:invalid").await["code"], "auth.revoked");
    assert_eq!(again.closed().await.0, 4001);
    let error = stays.call(4, "token:refresh", json!({"token": here.token})).await.unwrap_err();
    assert_eq!(error["code"], "auth.revoked");
    // A refresh token is enough to sign out, when the other one is long over.
    let (status, _) = post(&server, "logout", json!({"refreshToken": there.refresh})).await;
    assert_eq!((status, there.lives().await), (200, false));
    assert_signed_out(&mut stays).await;
}

#[tokio::test]
async fn sessions_are_ended_one_by_one_all_others_and_by_administrators() {
    let server = Server::start().await;
    let mut logins = Vec::new();
    for n in 0..4 {
        logins.push(Login::new(&server, "cy", &format!("client {n}")).await);
    }
    let me = &logins[0];
    assert_eq!(me.sessions().await.len(), 4);
    let path = |login: &Login| format!("/users/me/sessions/{}", login.id);
    assert_eq!(me.code(Method::DELETE, &path(&logins[1])).await, "ok");
    assert_eq!(me.code(Method::DELETE, &path(&logins[1])).await, "not_found.session");
    assert!(!logins[1].lives().await && logins[2].lives().await);
    let stranger = Login::new(&server, "bo", "").await;
    assert_eq!(stranger.code(Method::DELETE, &path(&logins[2])).await, "not_found.session");
    // Over the socket: all but the one that asks.
    let (mut socket, mut other) = (me.socket().await, logins[2].socket().await);
    let both = json!({"sessionId": logins[2].id, "others": true});
    for bad in [json!({}), both] {
        let error = socket.call(2, "session:revoke", bad).await.unwrap_err();
        assert_eq!(error["code"], "validation.failed");
    }
    socket.call(3, "session:revoke", json!({"others": true})).await.unwrap();
    assert_signed_out(&mut other).await;
    let left = socket.call(4, "session:list", json!({})).await.unwrap();
    let left = left["sessions"].as_array().unwrap().clone();
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!(me.id)));
    // An administrator sees and ends what is somebody else's; that is in the log.
    let user = text(&me.run(Method::GET, "/users/me").await.1["data"], "id");
    let of_user = format!("/admin/users/{user}/sessions");
    assert_eq!(stranger.code(Method::GET, &of_user).await, "perm.denied");
    assert_eq!(stranger.code(Method::DELETE, &of_user).await, "perm.denied");
    let admin = Login {
        token: server.token_with("root", Grants { admin: true, ..Grants::default() }, 600),
        ..Login::new(&server, "ana", "").await
    };
    let (_, seen) = admin.run(Method::GET, &of_user).await;
    assert_eq!(seen["data"]["sessions"][0]["client"], "client 0");
    assert_eq!(admin.code(Method::DELETE, &format!("{of_user}/{}", stranger.id)).await, "not_found.session");
    assert_eq!(admin.code(Method::DELETE, &of_user).await, "ok");
    assert_signed_out(&mut socket).await;
    let (_, log) = admin.run(Method::GET, "/admin/audit?limit=1&verify=true").await;
    let (line, chain) = (&log["data"]["entries"][0], &log["data"]["chain"]);
    assert_eq!(
        (&line["action"], &line["target"], &line["ip"], &chain["whole"]),
        (&json!("session.revoke"), &json!(user), &json!("127.0.0.1"), &json!(true))
    );
}

#[tokio::test]
async fn tokens_of_integrators_have_no_session_and_go_on() {
    let server = Server::start().await;
    let token = server.token("ana");
    let call = |method: Method, path: &str| {
        let url = server.url(&format!("/api/v1{path}"));
        answer(Http::new().request(method, url).bearer_auth(&token))
    };
    let (status, renewed) = call(Method::POST, "/auth/refresh").await;
    assert_eq!(status, 200, "{renewed}");
    assert!(renewed["data"]["token"].is_string() && renewed["data"].get("refreshToken").is_none());
    let login = Login::new(&server, "ana", "a page").await;
    let (_, listed) = call(Method::GET, "/users/me/sessions").await;
    let listed = listed["data"]["sessions"].as_array().unwrap().clone();
    assert_eq!((listed.len(), &listed[0]["current"]), (1, &json!(false)));
    let (mut socket, _) = server.session("ana").await;
    // All sign-ins of the person end; this is none of them.
    assert_eq!(call(Method::DELETE, "/users/me/sessions").await.0, 200);
    assert_eq!(call(Method::POST, "/auth/logout").await.0, 200);
    assert!(!login.lives().await);
    assert_eq!(call(Method::GET, "/users/me").await.0, 200);
    socket.call(2, "ping", json!({})).await.unwrap();
}

#[tokio::test]
async fn guesses_are_refused_and_counted_and_end_nobodys_session() {
    let server = Server::start_with(|config| config.auth.failures_per_ip = 3).await;
    let login = Login::new(&server, "ana", "").await;
    let mut guess = login.refresh.clone();
    guess.replace_range(40..41, if guess.as_bytes()[40] == b'x' { "y" } else { "x" });
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(refresh(&server, &guess).await.unwrap_err());
    }
    assert_eq!(codes[..3], ["auth.invalid", "auth.invalid", "auth.invalid"]);
    assert_eq!(codes[3..], ["limit.rate", "limit.rate"]);
    refresh(&server, &login.refresh).await.expect("its owner does not notice");
    let server = Server::start_with(|config| config.auth.refresh_per_ip = 2).await;
    let login = Login::new(&server, "ana", "").await;
    let second = refresh(&server, &login.refresh).await.unwrap();
    let third = refresh(&server, &text(&second, "refreshToken")).await.unwrap();
    assert_eq!(refresh(&server, &text(&third, "refreshToken")).await.unwrap_err(), "limit.rate");
    let (status, answer) = post(&server, "refresh", json!({"refreshToken": 5})).await;
    assert_eq!((status, text(&answer, "code").as_str()), (429, "limit.rate"));
}

#[tokio::test]
async fn a_ban_ends_the_sessions_for_good() {
    let server = Server::start().await;
    let login = Login::new(&server, "bo", "").await;
    let user = text(&login.run(Method::GET, "/users/me").await.1["data"], "id");
    let admin = server.token_with("root", Grants { admin: true, ..Grants::default() }, 600);
    let ban = |method: Method| {
        let url = server.url(&format!("/api/v1/admin/bans/{user}"));
        answer(Http::new().request(method, url).bearer_auth(&admin).json(&json!({})))
    };
    assert_eq!(ban(Method::PUT).await.0, 200);
    assert_eq!(refresh(&server, &login.refresh).await.unwrap_err(), "auth.banned");
    assert_eq!(ban(Method::DELETE).await.0, 200);
    assert_eq!(refresh(&server, &login.refresh).await.unwrap_err(), "auth.revoked");
    assert!(!login.lives().await);
}
