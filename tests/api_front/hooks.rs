//! The directory's calls as they come over the wire: signed, once, in time; and what an account from outside sees.

use convene::{
    auth::{grants::Grants, hook, token::TokenKind},
    config::Secret,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, Server};

const SECRET: &str = "a secret of the directory, 32 bytes";

async fn server() -> Server {
    Server::start_with(|config| {
        config.hooks.secret = Secret::new(SECRET);
        config.chat.rate_scale = 0;
    })
    .await
}

fn now() -> u64 {
    convene::api::identity::now_s()
}

async fn hello(server: &Server, sub: &str) -> Client {
    let mut client = server.socket().await;
    client.send(json!({"op": "session:hello", "id": 1, "d": {"token": server.token(sub)}})).await;
    client.event("session:ready").await;
    client
}

struct Call<'a> {
    server: &'a Server,
    path: &'a str,
    body: String,
    time: u64,
    signature: String,
}

impl<'a> Call<'a> {
    fn new(server: &'a Server, path: &'a str, body: &Value) -> Self {
        let (body, time) = (body.to_string(), now());
        let signature = hook::sign(SECRET, time, body.as_bytes());
        Self { server, path, body, time, signature }
    }

    async fn send(&self) -> (StatusCode, Value) {
        let url = self.server.url(&format!("/api/v1/hooks/{}", self.path));
        let request = reqwest::Client::new()
            .post(url)
            .header("x-convene-timestamp", self.time.to_string())
            .header("x-convene-signature", &self.signature)
            .body(self.body.clone());
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

async fn told(server: &Server, path: &str, body: Value) -> Value {
    let (status, answer) = Call::new(server, path, &body).send().await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["data"]["results"].clone()
}

#[tokio::test]
async fn a_signed_call_makes_people_and_their_department() {
    let server = server().await;
    let people = json!({"users": [
        {"id": "7", "name": "Ana", "departmentId": "d", "role": "manager"}, {"id": "8", "name": "Bo", "departmentId": "d"},
    ]});
    let made = told(&server, "users", people).await;
    assert_eq!((made[0]["created"].as_bool(), made.as_array().map(Vec::len)), (Some(true), Some(2)));
    let mut ana = hello(&server, "7").await;
    let results = told(&server, "departments", json!({"departments": [{"id": "d", "name": "Dept"}]})).await;
    let created = ana.event("channel:created").await;
    assert_eq!(created["channel"]["id"], results[0]["target"]);
    assert_eq!(
        (&created["channel"]["role"], &created["channel"]["memberCount"]),
        (&json!("admin"), &json!(2))
    );
    let team =
        json!({"projects": [{"id": "p", "name": "Moon", "members": ["7", "8"], "context": {"key": "M-1"}}]});
    told(&server, "projects", team).await;
    assert_eq!(ana.event("channel:created").await["channel"]["context"]["key"], "M-1");
    told(&server, "projects", json!({"projects": [{"id": "p", "completed": true}]})).await;
    let line = ana.event("message:new").await;
    assert_eq!(line["message"]["system"], json!({"event": "archived"}));
}

#[tokio::test]
async fn calls_that_are_forged_late_or_repeated_are_refused() {
    let server = server().await;
    let body = json!({"users": [{"id": "7", "name": "Ana"}]});
    let good = || Call::new(&server, "users", &body);
    let code =
        |answer: (StatusCode, Value)| (answer.0.as_u16(), answer.1["code"].as_str().unwrap().to_owned());
    let forged = Call { signature: hook::sign("another secret of thirty-two bytes", now(), b"{}"), ..good() };
    assert_eq!(code(forged.send().await), (401, "auth.invalid".into()));
    let other_body = Call { body: json!({"users": [{"id": "8", "name": "Bo"}]}).to_string(), ..good() };
    assert_eq!(code(other_body.send().await), (401, "auth.invalid".into()));
    let old = now() - 301;
    let late = Call { time: old, signature: hook::sign(SECRET, old, body.to_string().as_bytes()), ..good() };
    assert_eq!(code(late.send().await), (401, "auth.expired".into()));
    let bare =
        reqwest::Client::new().post(server.url("/api/v1/hooks/users")).body("{}").send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let call = good();
    assert_eq!(call.send().await.0, StatusCode::OK);
    assert_eq!(code(call.send().await), (409, "conflict.duplicate".into()));
    // A call that failed changed nothing and may be tried again.
    let unknown = Call::new(
        &server,
        "departments",
        &json!({"departments": [{"id": "d", "name": "Dept", "members": ["9"]}]}),
    );
    let (status, answer) = unknown.send().await;
    assert_eq!((status.as_u16(), &answer["details"][0]["path"]), (422, &json!("departments[0].members[0]")));
    told(&server, "users", json!({"users": [{"id": "9", "name": "Cy"}]})).await;
    assert_eq!(unknown.send().await.0, StatusCode::OK);
    let large = json!({"users": [{"id": "7", "name": "x".repeat(300_000)}]});
    assert_eq!(code(Call::new(&server, "users", &large).send().await), (413, "limit.size".into()));
    let wide = Value::from("x".repeat(100_000));
    assert_eq!(Call::new(&server, "users", &wide).send().await.0, 422, "more than other requests may have");
    let junk = Call { body: "{".into(), signature: hook::sign(SECRET, now(), b"{"), ..good() };
    assert_eq!(code(junk.send().await), (400, "validation.failed".into()));
}

#[tokio::test]
async fn without_a_secret_there_are_no_hooks() {
    let server = Server::start_with(|_| {}).await;
    let call = Call::new(&server, "users", &json!({"users": [{"id": "7", "name": "Ana"}]}));
    assert_eq!(call.send().await.0, StatusCode::NOT_FOUND);
}

/// What is internal leaves no trace anywhere that an account from outside can look, over either carrier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_from_outside_sees_nothing_internal() {
    let server = server().await;
    let people = json!({"users": [
        {"id": "amy", "name": "Amy", "departmentId": "d"}, {"id": "ben", "name": "Ben", "departmentId": "d"},
        {"id": "eve", "name": "Eve", "kind": "client"},
    ]});
    told(&server, "users", people).await;
    let department =
        told(&server, "departments", json!({"departments": [{"id": "d", "name": "Secrets"}]})).await;
    let department = department[0]["target"].as_str().unwrap().to_owned();
    let token = server.token_of(TokenKind::Client, "eve", Grants { admin: true, ..Grants::default() }, 600);
    let mut eve = server.socket().await;
    eve.send(json!({"op": "session:hello", "id": 1, "d": {"token": token}})).await;
    let ready = eve.event("session:ready").await;
    assert_eq!((&ready["channels"], &ready["user"]["kind"]), (&json!([]), &json!("client")));
    let eve_id = ready["user"]["id"].clone();
    let mut ana = hello(&server, "amy").await;
    let shared = json!({"type": "group", "name": "Shared", "participants": [eve_id]});
    let shared = ana.call(2, "channel:create", shared).await.unwrap()["channel"]["id"].clone();
    let said = json!({"channelId": department, "content": "hidden treasure", "mentions": [eve_id]});
    let said = ana.call(3, "message:send", said).await.unwrap()["message"]["id"].clone();
    ana.call(4, "message:send", json!({"channelId": "general", "content": "hidden @channel"})).await.unwrap();
    ana.call(5, "message:send", json!({"channelId": shared, "content": "hidden for both"})).await.unwrap();
    let made = json!({"channelId": shared, "userId": eve_id, "role": "owner"});
    ana.call(6, "channel:member_role", made).await.unwrap();

    let http = reqwest::Client::new();
    let get = async |path: &str| -> Value {
        let answer =
            http.get(server.url(&format!("/api/v1{path}"))).bearer_auth(&token).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let names = |list: &Value, key: &str| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    for archived in ["false", "true"] {
        let listed = get(&format!("/channels?archived={archived}")).await;
        let expected: &[&str] = if archived == "false" { &["Shared"] } else { &[] };
        assert_eq!(names(&listed["data"]["channels"], "name"), expected);
    }
    assert_eq!(get("/channels?departmentId=d").await["data"]["channels"], json!([]));
    assert_eq!(names(&get("/users").await["data"]["users"], "username"), ["amy", "eve"]);
    let bo = ana.call(7, "user:list", json!({"search": "ben"})).await.unwrap()["users"][0]["id"].clone();
    assert_eq!(get(&format!("/users/{}", bo.as_str().unwrap())).await["code"], "not_found.user");
    assert_eq!(get("/search/suggest?q=b").await["data"]["users"], json!([]));
    assert_eq!(get("/search/suggest?q=sec").await["data"]["channels"], json!([]));
    crate::support::until("the search finds what is shared", async || {
        !get("/search?q=hidden").await["data"]["hits"].as_array().unwrap().is_empty()
    })
    .await;
    let hits = get("/search?q=hidden").await;
    assert_eq!(hits["data"]["hits"].as_array().unwrap().len(), 1);
    assert_eq!(hits["data"]["hits"][0]["message"]["channelId"], shared);
    for path in [
        format!("/channels/{department}"),
        "/channels/dept-d".into(),
        "/channels/general/messages".into(),
        format!("/channels/{department}/sync?afterRev=0"),
        format!("/search?q=hidden&channelId={department}"),
    ] {
        assert_eq!(get(&path).await["code"], "not_found.channel", "{path}");
    }
    assert_eq!(get(&format!("/messages/{}", said.as_str().unwrap())).await["code"], "not_found.message");
    assert_eq!(get("/admin/audit").await["code"], "perm.denied");
    for (id, op, data) in [
        (10, "channel:join", json!({"channelId": "general"})),
        (11, "presence:subscribe", json!({"channelId": department})),
        (12, "voice:join", json!({"channelId": department})),
        (13, "channel:member_add", json!({"channelId": department, "userId": eve_id})),
        (14, "channel:update", json!({"channelId": department, "topic": "mine"})),
    ] {
        assert_eq!(eve.call(id, op, data).await.unwrap_err()["code"], "not_found.channel", "{op}");
    }
    let watched = eve.call(20, "presence:subscribe", json!({"userIds": [bo]})).await.unwrap();
    assert_eq!(watched["presence"], json!([]));
    let taken = json!({"channelId": shared, "userId": bo});
    assert_eq!(eve.call(21, "channel:member_add", taken).await.unwrap_err()["code"], "not_found.user");
    // A token for the room opens nothing either.
    let room = Grants { room: Some("general".into()), ..Grants::default() };
    let room = server.token_of(TokenKind::Client, "eve", room, 600);
    let answer = http.get(server.url("/api/v1/channels/general")).bearer_auth(room).send().await.unwrap();
    assert_eq!(answer.status(), 404);
}
