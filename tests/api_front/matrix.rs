//! Every command by everybody, over both carriers, on both databases: what is answered, and who hears of it.
//!
//! A command without a row fails `every_command_has_a_row`. Each case has a fresh channel `C` with the owner anna
//! and the member bob, and in it a message of bob's, a reply of bob's in its thread, and, where the row asks for one, a call.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use convene::{
    api::rest::endpoints::{ENDPOINTS, Endpoint, Fixed},
    auth::{grants::Grants, token::TokenKind},
    base::time::{DAY_MS, rfc3339},
    chat::command::Command,
    config::Secret,
    runtime::clock,
};
use serde_json::{Map, Value, json};

use self::rows::{Call, ROWS, Row, To};
use crate::{
    contract::CONTRACT,
    postgres::Postgres,
    support::{Client, Server},
};

/// Who asks. The order is that of the codes in a row; the last two get what its outsider gets, if it does not say else.
const ROLES: [Role; 8] = [
    Role { name: "owner", user: "anna", grants: Grant::Plain },
    Role { name: "member", user: "bob", grants: Grant::Plain },
    Role { name: "outsider", user: "cyd", grants: Grant::Plain },
    // Host powers do not make a member.
    Role { name: "host from outside", user: "dia", grants: Grant::Host },
    Role { name: "member without chat", user: "bob", grants: Grant::NoChat },
    Role { name: "member in another room", user: "bob", grants: Grant::Elsewhere },
    // Not of the organisation: no token makes more of it.
    Role { name: "external account", user: "eve", grants: Grant::Plain },
    Role { name: "external host", user: "eve", grants: Grant::Host },
];
const OWNER: usize = 0;
const MEMBER: usize = 1;
const OUTSIDER: usize = 2;
const HOST: usize = 3;
const NO_CHAT: usize = 4;
const ELSEWHERE: usize = 5;
const EXTERNAL: usize = 6;
/// Who listens.
const LISTENERS: [(&str, usize); 6] = [
    ("owner", OWNER),
    ("member", MEMBER),
    ("outsider", OUTSIDER),
    ("member without chat", NO_CHAT),
    ("member elsewhere", ELSEWHERE),
    ("external account", EXTERNAL),
];

struct Role {
    name: &'static str,
    user: &'static str,
    grants: Grant,
}

enum Grant {
    Plain,
    Host,
    NoChat,
    Elsewhere,
}

#[derive(Clone, Copy, PartialEq)]
enum Carrier {
    Socket,
    Rest,
}

struct World {
    server: Server,
    http: reqwest::Client,
    tokens: Vec<String>,
    sessions: Vec<Client>,
    users: BTreeMap<&'static str, String>,
    /// Events of each session that nobody has asked for yet.
    heard: Vec<BTreeSet<String>>,
    /// Where what was sent and the documents do not agree.
    wrong: BTreeSet<String>,
    next: u32,
}

impl World {
    async fn open(database: Option<String>) -> Self {
        let server = Server::start_with(|config| {
            config.chat.rate_scale = 0;
            config.storage.database_url = Secret::new(database.unwrap_or_default());
        })
        .await;
        let mut world = Self {
            http: reqwest::Client::new(),
            tokens: Vec::new(),
            sessions: Vec::new(),
            users: BTreeMap::new(),
            heard: vec![BTreeSet::new(); ROLES.len()],
            wrong: BTreeSet::new(),
            next: 100,
            server,
        };
        for role in &ROLES {
            let elsewhere = Grants { room: Some("general".into()), ..Grants::default() };
            let grants = match role.grants {
                Grant::Plain => Grants::default(),
                Grant::Host => Grants { admin: true, ..Grants::default() },
                Grant::NoChat => Grants { chat: false, ..Grants::default() },
                Grant::Elsewhere => elsewhere,
            };
            let kind = if role.user == "eve" { TokenKind::Client } else { TokenKind::Internal };
            let token = world.server.token_of(kind, role.user, grants, 600);
            let mut session = world.server.socket().await;
            session.send(json!({"op": "session:hello", "id": 1, "d": {"token": token}})).await;
            let ready = session.event("session:ready").await;
            world.wrong.extend(CONTRACT.frame(&json!({"ev": "session:ready", "d": ready})));
            let greeted = session.ack(1).await.unwrap();
            world.wrong.extend(CONTRACT.answer("session:hello", &greeted));
            world.users.insert(role.user, ready["user"]["id"].as_str().unwrap().to_owned());
            world.tokens.push(token);
            world.sessions.push(session);
        }
        world
    }

    async fn command(&mut self, role: usize, op: &str, data: Value) -> Result<Value, Value> {
        self.next += 1;
        let id = self.next;
        self.sessions[role].send(json!({"op": op, "id": id, "d": data})).await;
        loop {
            let frame = self.sessions[role].next().await.expect("the session lives");
            self.wrong.extend(CONTRACT.frame(&frame));
            if frame["re"] == id {
                if frame["ok"] != true {
                    return Err(frame["e"].clone());
                }
                self.wrong.extend(CONTRACT.answer(op, &frame["d"]));
                self.wrong.extend(CONTRACT.taken(op, &data));
                return Ok(frame["d"].clone());
            }
            self.note(role, &frame);
        }
    }

    /// Without a sequence are those that may be dropped: typing, presence. Media comes when it is ready, and notifications
    /// when they are counted.
    fn note(&mut self, session: usize, frame: &Value) {
        if let (Some(name), true) = (frame["ev"].as_str(), frame["s"].is_u64())
            && !["rtc:", "notification:"].iter().any(|noun| name.starts_with(noun))
        {
            self.heard[session].insert(name.to_owned());
        }
    }

    async fn must(&mut self, role: usize, op: &str, data: Value) -> Value {
        self.command(role, op, data).await.unwrap_or_else(|error| panic!("{op}: {error}"))
    }

    /// The names in a row's payload and what they stand for.
    async fn scene(&mut self, row: &Row) -> BTreeMap<&'static str, Value> {
        let members = json!([self.users["bob"]]);
        let made = json!({"type": "group", "name": "scene", "participants": members, "private": true, "isInternal": true});
        let channel = self.must(OWNER, "channel:create", made).await["channel"]["id"].clone();
        let said = self.must(MEMBER, "message:send", json!({"channelId": channel, "content": "hi"})).await;
        let message = said["message"]["id"].clone();
        let reply = json!({"channelId": channel, "content": "re", "threadId": message});
        let reply = self.must(MEMBER, "message:send", reply).await["message"]["id"].clone();
        let mut names =
            BTreeMap::from([("$channel", channel.clone()), ("$message", message), ("$reply", reply)]);
        for (user, id) in [("$ana", "anna"), ("$bo", "bob"), ("$cy", "cyd"), ("$eve", "eve")] {
            names.insert(user, self.users[id].clone().into());
        }
        if row.data.contains("$ed") || row.data.contains("$banned") {
            // Somebody new each time, who sits nowhere.
            self.next += 1;
            let token = self.server.token(&format!("ed-{}", self.next));
            let me =
                self.http.get(self.server.url("/api/v1/users/me")).bearer_auth(token).send().await.unwrap();
            let me: Value = me.json().await.unwrap();
            names.insert("$ed", me["data"]["id"].clone());
        }
        if row.data.contains("$banned") {
            self.must(HOST, "moderation:ban_user", json!({"userId": names["$ed"]})).await;
            names.insert("$banned", names["$ed"].clone());
        }
        if row.data.contains("$later") || row.data.contains("$schedule") {
            names.insert("$later", rfc3339(clock::wall_ms() + DAY_MS).into());
        }
        if row.data.contains("$schedule") {
            let waits = json!({"channelId": channel, "content": "later", "sendAt": names["$later"]});
            let waits = self.must(MEMBER, "message:send", waits).await["scheduled"]["id"].clone();
            names.insert("$schedule", waits);
        }
        if row.data.contains("$report") {
            let report = json!({"messageId": names["$message"], "reason": "spam"});
            names.insert("$report", self.must(OWNER, "message:report", report).await["reportId"].clone());
        }
        if row.data.contains("$open") {
            // Like the scene's channel, but for people from outside too.
            let open = json!({"type": "group", "name": "open", "participants": members, "private": true});
            let open = self.must(OWNER, "channel:create", open).await["channel"]["id"].clone();
            let made = self.must(OWNER, "invite:create", json!({"channelId": open})).await;
            names.insert("$invite", made["invite"]["id"].clone());
            if row.data.contains("$waits") {
                let link = self.must(OWNER, "invite:create", json!({"channelId": open, "lobby": true})).await;
                let path = format!("/api/v1/invites/{}/guests", link["code"].as_str().unwrap());
                let come = self.http.post(self.server.url(&path)).json(&json!({"name": "Gil"})).send().await;
                let guest: Value = come.unwrap().json().await.unwrap();
                names.insert("$waits", guest["data"]["user"]["id"].clone());
            }
            names.insert("$open", open);
        }
        if row.data.contains("$filter") {
            self.next += 1;
            let word = json!({"word": format!("unwanted {}", self.next), "action": "flag"});
            let filter = self.must(HOST, "moderation:filter_add", word).await["filter"]["id"].clone();
            names.insert("$filter", filter);
        }
        if row.call != Call::None {
            let rung = json!([self.users["bob"]]);
            let start = json!({"channelId": channel, "type": "voice", "participantIds": rung});
            let call = self.must(OWNER, "call:start", start).await["callId"].clone();
            if row.call == Call::Ongoing {
                self.must(MEMBER, "call:accept", json!({"callId": call})).await;
            }
            names.insert("$call", call);
        }
        names
    }

    /// Everything that was on its way to a session: the names of the reliable events.
    async fn heard(&mut self, session: usize) -> BTreeSet<String> {
        self.next += 1;
        let id = self.next;
        self.sessions[session].send(json!({"op": "ping", "id": id, "d": {}})).await;
        loop {
            let frame = self.sessions[session].next().await.expect("the session lives");
            self.wrong.extend(CONTRACT.frame(&frame));
            if frame["re"] == id {
                self.wrong.extend(CONTRACT.answer("ping", &frame["d"]));
                return std::mem::take(&mut self.heard[session]);
            }
            self.note(session, &frame);
        }
    }

    async fn request(
        &mut self,
        role: usize,
        endpoint: &Endpoint,
        data: &Map<String, Value>,
    ) -> Result<Value, Value> {
        let mut rest = data.clone();
        for (name, _) in endpoint.fixed.iter().filter(|(_, value)| *value != Fixed::Given) {
            rest.remove(*name);
        }
        let mut path = endpoint.path.to_owned();
        for (name, value) in data {
            let hole = format!("{{{name}}}");
            if path.contains(&hole) {
                path = path.replace(&hole, value.as_str().unwrap());
                rest.remove(name);
            }
        }
        let url = self.server.url(&format!("/api/v1{path}"));
        let mut request = self.http.request(endpoint.method.clone(), url).bearer_auth(&self.tokens[role]);
        if endpoint.has_query() {
            let flat = |value: &Value| match value {
                Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            request = request.query(&rest.iter().map(|(k, v)| (k, flat(v))).collect::<Vec<_>>());
        } else {
            request = request.json(&rest);
        }
        let response = request.send().await.unwrap();
        let good = response.status().is_success();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap_or_else(|error| panic!("{path}: {status}: {error}"));
        self.wrong.extend(CONTRACT.response(endpoint, status, &body));
        if good { Ok(body["data"].clone()) } else { Err(body) }
    }
}

fn filled(data: &Value, names: &BTreeMap<&'static str, Value>) -> Value {
    match data {
        Value::String(text) if text.starts_with('$') => {
            names.get(text.as_str()).unwrap_or_else(|| panic!("no {text} in the scene")).clone()
        }
        Value::Array(items) => items.iter().map(|item| filled(item, names)).collect(),
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), filled(v, names))).collect(),
        other => other.clone(),
    }
}

/// The request of a command: the one whose fixed fields the payload has.
fn endpoint(op: &str, data: &Value) -> Option<&'static Endpoint> {
    let has = |(name, value): &(&str, Fixed)| match value {
        Fixed::Text(text) => data[*name] == *text,
        Fixed::Flag(flag) => data[*name] == *flag,
        Fixed::Null => data[*name].is_null(),
        Fixed::Given => !data[*name].is_null(),
    };
    ENDPOINTS.iter().find(|one| one.op == op && one.fixed.iter().all(has))
}

/// Who hears what, for the first role that may.
fn expected(row: &Row, actor: usize) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut heard: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for (listener, at) in LISTENERS {
        let for_user = |to: &To| match to {
            To::Members => [OWNER, MEMBER, NO_CHAT, ELSEWHERE].contains(&at),
            To::Owner => at == OWNER,
            To::Member => [MEMBER, NO_CHAT, ELSEWHERE].contains(&at),
            To::Outsider => at == OUTSIDER,
            To::Actor => ROLES[at].user == ROLES[actor].user,
            To::OtherDevices => at != actor && ROLES[at].user == ROLES[actor].user,
        };
        let is_chat =
            |name: &str| ["message:", "schedule:", "thread:"].iter().any(|noun| name.starts_with(noun));
        // Their tokens let them hear less than their user may.
        let granted = |name: &str| match at {
            NO_CHAT => !is_chat(name),
            ELSEWHERE => name.starts_with("user:") || name == "moderation:user_banned",
            _ => true,
        };
        let names = row.heard.iter().filter(|(name, to)| for_user(to) && granted(name));
        heard.insert(listener, names.map(|(name, _)| (*name).to_owned()).collect());
    }
    heard
}

async fn run(database: Option<String>, carrier: Carrier) -> Vec<String> {
    let mut world = World::open(database).await;
    let mut wrong = Vec::new();
    for row in ROWS {
        let template: Value =
            serde_json::from_str(row.data).unwrap_or_else(|error| panic!("{}: {error}", row.op));
        let endpoint = endpoint(row.op, &template);
        if carrier == Carrier::Rest && endpoint.is_none() {
            continue;
        }
        let mut told = false;
        for (at, role) in ROLES.iter().enumerate() {
            let names = world.scene(row).await;
            if let Some((op, data)) = row.after {
                let _ = world.must(OWNER, op, filled(&serde_json::from_str(data).unwrap(), &names)).await;
            }
            for session in 0..ROLES.len() {
                world.heard(session).await;
            }
            let data = filled(&template, &names);
            let answer = match (carrier, endpoint) {
                (Carrier::Rest, Some(endpoint)) => {
                    world.request(at, endpoint, data.as_object().unwrap()).await
                }
                _ => world.command(at, row.op, data).await,
            };
            let code = match &answer {
                Ok(_) => "ok",
                Err(error) => error["code"].as_str().unwrap_or("?"),
            };
            let promised = row.codes.get(at).copied().unwrap_or(row.external);
            if code != promised {
                wrong.push(format!("{} by {}: {code}, not {promised}", row.op, role.name));
            }
            let mut heard = BTreeMap::new();
            for (listener, session) in LISTENERS {
                heard.insert(listener, world.heard(session).await);
            }
            let expected = match answer {
                Ok(_) if !told && row.by.is_none_or(|by| by == at) => {
                    told = true;
                    expected(row, at)
                }
                Ok(_) => heard.clone(),
                // Who is refused leaves no trace.
                Err(_) => LISTENERS.iter().map(|(name, _)| (*name, BTreeSet::new())).collect(),
            };
            if heard != expected {
                wrong.push(format!("{} by {}: heard {heard:?}, not {expected:?}", row.op, role.name));
            }
            assert!(at + 1 < ROLES.len() || told, "nobody may {}", row.op);
            if let Some(call) = names.get("$call") {
                let _ = world.command(OWNER, "call:end", json!({"callId": call})).await;
            }
        }
    }
    wrong.extend(world.wrong);
    wrong
}

#[test]
fn every_command_has_a_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.op).collect();
    assert_eq!(rows, Command::OPS.iter().copied().collect::<BTreeSet<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_over_sockets() {
    assert_eq!(run(None, Carrier::Socket).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_over_rest() {
    assert_eq!(run(None, Carrier::Rest).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_over_sockets() {
    let database = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    assert_eq!(run(Some(database.url("convene")), Carrier::Socket).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_over_rest() {
    let database = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    assert_eq!(run(Some(database.url("convene")), Carrier::Rest).await, Vec::<String>::new());
}
