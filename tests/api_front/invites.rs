//! Links for guests: what a stranger sees, how it comes in, what it may do there, and how that ends.

use std::time::Duration;

use convene::{
    auth::{grants::Grants, token::TokenKind},
    base::time::parse_rfc3339,
    runtime::clock,
};
use reqwest::{Client as Http, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    support::{Client, Server, until},
    whip::offer,
};

const DAY_MS: i64 = 24 * 3600 * 1000;

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or("ok"))
}

async fn show(server: &Server, code: &str) -> (u16, Value) {
    answer(Http::new().get(server.url(&format!("/api/v1/invites/{code}")))).await
}

async fn enter(server: &Server, code: &str, name: &str) -> (u16, Value) {
    let url = server.url(&format!("/api/v1/invites/{code}/guests"));
    answer(Http::new().post(url).json(&json!({"name": name}))).await
}

async fn run(server: &Server, token: &str, method: Method, path: &str) -> (u16, Value) {
    answer(Http::new().request(method, server.url(&format!("/api/v1{path}"))).bearer_auth(token)).await
}

/// A group of ana's and bo's, to which only ana may let others in.
struct Place {
    ana: Client,
    bo: Client,
    channel: String,
}

impl Place {
    async fn new(server: &Server) -> Self {
        let ((mut ana, _), (bo, ready)) = (server.session("ana").await, server.session("bo").await);
        let new = json!({
            "type": "group", "name": "standup", "private": true, "participants": [ready["user"]["id"]],
        });
        let made = ana.call(2, "channel:create", new).await.unwrap();
        let channel = made["channel"]["id"].as_str().unwrap().to_owned();
        Self { ana, bo, channel }
    }

    /// The link's id and its code.
    async fn link(&mut self, mut wish: Value) -> (String, String) {
        wish["channelId"] = self.channel.clone().into();
        let made = self.ana.call(3, "invite:create", wish).await.unwrap();
        (made["invite"]["id"].as_str().unwrap().to_owned(), made["code"].as_str().unwrap().to_owned())
    }
}

/// Somebody who came by a link.
struct Guest {
    token: String,
    id: String,
}

impl Guest {
    async fn new(server: &Server, code: &str, name: &str) -> Self {
        let (status, answer) = enter(server, code, name).await;
        assert_eq!(status, 201, "{answer}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { token: text(&answer["data"]["token"]), id: text(&answer["data"]["user"]["id"]) }
    }

    async fn socket(&self, server: &Server) -> (Client, Value) {
        let mut client = server.socket().await;
        client.send(json!({"op": "session:hello", "id": 1, "d": {"token": self.token}})).await;
        let ready = client.event("session:ready").await;
        client.ack(1).await.unwrap();
        (client, ready)
    }
}

#[tokio::test]
async fn a_stranger_sees_who_is_there_and_no_more() {
    let server = Server::start().await;
    let mut place = Place::new(&server).await;
    let (_, link) = place.link(json!({"expiresIn": 3600, "chat": false})).await;
    let (status, shown) = show(&server, &link).await;
    assert_eq!(status, 200, "{shown}");
    let shown = &shown["data"];
    assert_eq!(
        (&shown["channelName"], &shown["people"], &shown["count"]),
        (&json!("standup"), &json!([]), &json!(0))
    );
    assert_eq!(
        (&shown["lobby"], &shown["publish"], &shown["chat"]),
        (&json!(false), &json!(true), &json!(false))
    );
    let end = parse_rfc3339(shown["expiresAt"].as_str().unwrap()).unwrap() - clock::wall_ms();
    assert!((3_500_000..=3_600_000).contains(&end), "{end}");
    assert_eq!(shown["channelId"], place.channel.as_str(), "who is a member already can tell");
    assert_eq!(shown.as_object().unwrap().len(), 8, "{shown}");
    for client in [&mut place.ana, &mut place.bo] {
        client.call(4, "voice:join", json!({"channelId": place.channel})).await.unwrap();
    }
    let (_, shown) = show(&server, &link).await;
    let mut people: Vec<_> =
        shown["data"]["people"].as_array().unwrap().iter().map(Value::to_string).collect();
    people.sort();
    let names: Vec<String> = people.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!((names.len(), &shown["data"]["count"]), (2, &json!(2)), "{shown}");
    assert!(names[0].contains("ana") && names[1].contains("bo"), "{names:?}");
}

#[tokio::test]
async fn what_a_link_may_say_is_bounded_and_the_code_is_told_once() {
    let server = Server::start().await;
    let mut place = Place::new(&server).await;
    for (bad, path) in [
        (json!({"expiresIn": 299}), "expiresIn"),
        (json!({"expiresIn": 7_776_001}), "expiresIn"),
        (json!({"maxUses": 0}), "maxUses"),
        (json!({"maxUses": 1001}), "maxUses"),
        (json!({"maxUses": "many"}), "d"),
    ] {
        let mut wish = bad;
        wish["channelId"] = place.channel.clone().into();
        let error = place.ana.call(2, "invite:create", wish).await.unwrap_err();
        assert_eq!(
            (&error["code"], &error["details"][0]["path"]),
            (&json!("validation.failed"), &json!(path))
        );
    }
    let (id, link) = place.link(json!({})).await;
    let listed = place.ana.call(4, "invite:list", json!({"channelId": place.channel})).await.unwrap();
    assert_eq!(listed["invites"][0]["id"], id.as_str());
    let week = parse_rfc3339(listed["invites"][0]["expiresAt"].as_str().unwrap()).unwrap() - clock::wall_ms();
    assert!((6 * DAY_MS..=7 * DAY_MS).contains(&week), "{week}");
    assert!(!listed.to_string().contains(&link), "the code is told once");
    let hash = convene::auth::invite::InviteCode::read(&link).unwrap().hash();
    assert!(!listed.to_string().contains(&hash));
    for name in ["", "   ", "a\nb", "a\u{7}b", &"x".repeat(51)] {
        assert_eq!(code(&enter(&server, &link, name).await), (422, "validation.failed"), "{name:?}");
    }
    let nothing = Http::new().post(server.url(&format!("/api/v1/invites/{link}/guests"))).json(&json!({}));
    assert_eq!(answer(nothing).await.0, 422);
    let unchanged = place.ana.call(5, "invite:list", json!({"channelId": place.channel})).await.unwrap();
    assert_eq!(unchanged["invites"][0]["uses"], 0, "what is refused uses nothing up");
    Guest::new(&server, &link, &"ü".repeat(50)).await;
    let error = place.bo.call(6, "invite:create", json!({"channelId": place.channel})).await.unwrap_err();
    assert_eq!(error["code"], "perm.denied", "not of those who may add members");
    // Nor does a token for the room, whatever else it says.
    let host = Grants { room: Some(place.channel.clone()), admin: true, ..Grants::default() };
    let bound = server.token_with("ana", host, 600);
    let path = format!("/channels/{}/invites", place.channel);
    for method in [Method::GET, Method::POST] {
        assert_eq!(code(&run(&server, &bound, method, &path).await), (403, "perm.denied"));
    }
    let elsewhere = format!("/channels/general/invites/{id}");
    assert_eq!(
        code(&run(&server, &server.token("ana"), Method::DELETE, &elsewhere).await),
        (404, "not_found.invite"),
        "not a link of that channel"
    );
}

#[tokio::test]
async fn a_guest_is_in_the_room_and_nowhere_else() {
    let server = Server::start().await;
    let mut place = Place::new(&server).await;
    let (_, link) = place.link(json!({"maxUses": 5})).await;
    let (status, welcome) = enter(&server, &link, "  Gil  ").await;
    assert_eq!(status, 201, "{welcome}");
    let welcome = &welcome["data"];
    assert_eq!(
        (&welcome["channelId"], &welcome["user"]["name"], &welcome["user"]["kind"]),
        (&json!(place.channel), &json!("Gil"), &json!("client"))
    );
    let username = welcome["user"]["username"].as_str().unwrap();
    assert!(username.len() == 14 && username.starts_with("guest-"), "{username}");
    let end = parse_rfc3339(welcome["expiresAt"].as_str().unwrap()).unwrap() - clock::wall_ms();
    assert!((DAY_MS / 2 - 60_000..=DAY_MS / 2).contains(&end), "twelve hours: {end}");
    let gil = Guest {
        token: welcome["token"].as_str().unwrap().into(),
        id: welcome["user"]["id"].as_str().unwrap().into(),
    };
    let (mut socket, ready) = gil.socket(&server).await;
    assert_eq!(ready["channels"].as_array().unwrap().len(), 1);
    assert_eq!(ready["channels"][0]["id"], place.channel.as_str());
    let joined = place.bo.event("channel:member_joined").await;
    assert_eq!(joined["member"]["name"], "Gil");
    // It talks and is in the call.
    let say = json!({"channelId": place.channel, "content": "hello from outside"});
    socket.call(2, "message:send", say).await.unwrap();
    assert_eq!(place.bo.event("message:new").await["message"]["type"], "system");
    assert_eq!(place.bo.event("message:new").await["message"]["authorName"], "Gil");
    socket.call(3, "voice:join", json!({"channelId": place.channel})).await.unwrap();
    assert_eq!(place.bo.event("voice:user_joined").await["participant"]["name"], "Gil");

    let (mut cy, cy_ready) = server.session("cy").await;
    let (ana, cyd) = (server.session("ana").await.1["user"]["id"].clone(), cy_ready["user"]["id"].clone());
    for (op, data) in [
        ("user:list", json!({})),
        ("search:suggest", json!({"q": "an"})),
        ("dm:open", json!({"userId": ana})),
        ("channel:create", json!({"type": "group", "name": "mine"})),
        ("channel:member_add", json!({"channelId": place.channel, "userId": cyd})),
        ("call:start", json!({"channelId": place.channel, "type": "voice"})),
        ("invite:create", json!({"channelId": place.channel})),
        ("invite:list", json!({"channelId": place.channel})),
        ("session:list", json!({})),
        ("moderation:bans", json!({})),
    ] {
        let error = socket.call(4, op, data).await.unwrap_err();
        assert_eq!(error["code"], "perm.denied", "{op}");
    }
    for (op, data) in [
        ("channel:get", json!({"channelId": "general"})),
        ("channel:get_history", json!({"channelId": "general"})),
        ("voice:join", json!({"channelId": "general"})),
    ] {
        let error = socket.call(5, op, data).await.unwrap_err();
        assert_eq!(error["code"], "not_found.channel", "{op}");
    }
    let error = socket.call(6, "user:get", json!({"userId": cyd})).await.unwrap_err();
    assert_eq!(error["code"], "not_found.user", "nobody but those in the room");
    socket.call(7, "user:get", json!({"userId": ana})).await.unwrap();
    // Others do not find it either, and cannot take it along.
    let found = cy.call(2, "user:list", json!({"search": "gil"})).await.unwrap();
    assert_eq!(found["users"], json!([]));
    let alone = cy.call(3, "dm:open", json!({"userId": gil.id})).await.unwrap_err();
    assert!(alone["code"].as_str().unwrap().starts_with("not_found."), "{alone}");
    // What is said elsewhere it does not hear.
    cy.call(4, "message:send", json!({"channelId": "general", "content": "internal"})).await.unwrap();
    place.ana.call(9, "message:send", json!({"channelId": place.channel, "content": "here"})).await.unwrap();
    let heard = socket.event("message:new").await;
    assert_eq!((&heard["channelId"], &heard["message"]["content"]), (&json!(place.channel), &json!("here")));
    // A page that is loaded again goes on with the same token, and is the same guest.
    let (_, again) = gil.socket(&server).await;
    assert_eq!(again["user"]["id"], gil.id.as_str());
    let listed = place.ana.call(10, "invite:list", json!({"channelId": place.channel})).await.unwrap();
    assert_eq!(listed["invites"][0]["uses"], 1);
}

#[tokio::test]
async fn a_guest_does_what_its_link_says() {
    let server = Server::start().await;
    let mut place = Place::new(&server).await;
    let (_, silent) = place.link(json!({"chat": false, "publish": false})).await;
    let gil = Guest::new(&server, &silent, "Gil").await;
    let (mut socket, _) = gil.socket(&server).await;
    let say = json!({"channelId": place.channel, "content": "hello"});
    assert_eq!(socket.call(2, "message:send", say).await.unwrap_err()["code"], "perm.denied");
    let read = json!({"channelId": place.channel});
    assert_eq!(socket.call(3, "channel:get_history", read).await.unwrap_err()["code"], "perm.denied");
    socket.call(4, "voice:join", json!({"channelId": place.channel})).await.unwrap();
    let show = json!({"channelId": place.channel, "video": true});
    assert_eq!(socket.call(5, "voice:update", show).await.unwrap_err()["code"], "perm.denied");
    let whip = Http::new().post(server.url(&format!("/whip/{}", place.channel))).bearer_auth(&gil.token);
    let whip = whip.header("content-type", "application/sdp").body(offer("sendonly")).send().await.unwrap();
    assert_eq!(whip.status(), 403);
    // Whom nobody has let in does not come in by its token.
    let (_, lobby) = place.link(json!({"lobby": true})).await;
    let waiting = Guest::new(&server, &lobby, "Lou").await;
    for (method, path) in [
        (Method::GET, format!("/channels/{}", place.channel)),
        (Method::GET, format!("/channels/{}/messages", place.channel)),
        (Method::POST, format!("/channels/{}/messages", place.channel)),
    ] {
        let request = Http::new().request(method, server.url(&format!("/api/v1{path}")));
        let request = request.bearer_auth(&waiting.token).json(&json!({"content": "hi"}));
        assert_eq!(code(&answer(request).await), (403, "perm.denied"), "{path}");
    }
    let whep = Http::new().post(server.url(&format!("/whep/{}", place.channel))).bearer_auth(&waiting.token);
    let whep = whep.header("content-type", "application/sdp").body(offer("recvonly")).send().await.unwrap();
    assert_eq!(whep.status(), 403);
}

#[tokio::test]
async fn links_that_have_ended_and_links_that_never_were() {
    let server = Server::start().await;
    let mut place = Place::new(&server).await;
    let (_, once) = place.link(json!({"maxUses": 1})).await;
    // Two at once: one wins.
    let (first, second) = tokio::join!(enter(&server, &once, "Gil"), enter(&server, &once, "Lou"));
    let mut codes = [code(&first), code(&second)];
    codes.sort_unstable();
    assert_eq!(codes, [(201, "ok"), (410, "invite.gone")]);
    assert_eq!(code(&show(&server, &once).await), (410, "invite.gone"));
    let (id, taken_back) = place.link(json!({})).await;
    let done = place.ana.call(4, "invite:revoke", json!({"inviteId": id})).await.unwrap();
    assert!(done["invite"]["revokedAt"].is_string());
    let again = place.ana.call(5, "invite:revoke", json!({"inviteId": id})).await.unwrap();
    assert_eq!(again, done, "once more does no harm");
    for ended in [&taken_back, &once] {
        let answer = enter(&server, ended, "Max").await;
        assert_eq!(code(&answer), (410, "invite.gone"));
        assert!(!answer.1.to_string().contains(ended.as_str()));
    }
    let (id, expired) = place.link(json!({})).await;
    let database = rusqlite::Connection::open(server.folder.path().join("data/convene.db")).unwrap();
    let ends = "UPDATE invites SET expires_at = ?1 WHERE id = ?2";
    assert_eq!(database.execute(ends, (clock::wall_ms(), id)).unwrap(), 1);
    assert_eq!(code(&show(&server, &expired).await), (410, "invite.gone"));
    assert_eq!(code(&enter(&server, &expired, "Max").await), (410, "invite.gone"));
    let (_, other) = place.link(json!({})).await;
    let mut wrong = other.clone();
    wrong.replace_range(3..4, if other.as_bytes()[3] == b'x' { "y" } else { "x" });
    for unknown in [wrong.as_str(), "nope", &format!("{other}A"), "..%2f..%2fusers"] {
        let shown = show(&server, unknown).await;
        assert_eq!(code(&shown), (404, "not_found.invite"), "{unknown}");
        assert!(!shown.1.to_string().contains(unknown));
        assert_eq!(code(&enter(&server, unknown, "Max").await), (404, "not_found.invite"), "{unknown}");
    }
    place
        .ana
        .call(6, "channel:archive", json!({"channelId": place.channel, "archived": true}))
        .await
        .unwrap();
    assert_eq!(code(&show(&server, &other).await), (410, "invite.gone"));
    let error = place.ana.call(7, "invite:create", json!({"channelId": place.channel})).await.unwrap_err();
    assert_eq!(error["code"], "conflict.state");
    let error = place.ana.call(8, "invite:create", json!({"channelId": "general"})).await.unwrap_err();
    assert_eq!(error["code"], "perm.denied", "nobody is let into what is internal");
}

#[tokio::test]
async fn guesses_and_floods_are_turned_away() {
    let server = Server::start_with(|config| config.auth.failures_per_ip = 3).await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(show(&server, "AAAAAAAAAAAAAAAAAAAAAA").await.0);
    }
    assert_eq!(codes, [404, 404, 404, 429, 429]);
    let server = Server::start_with(|config| config.auth.invites_per_ip = 2).await;
    let mut place = Place::new(&server).await;
    let (_, link) = place.link(json!({})).await;
    assert_eq!(show(&server, &link).await.0, 200);
    assert_eq!(enter(&server, &link, "Gil").await.0, 201);
    let refused = enter(&server, &link, "Lou").await;
    assert_eq!(code(&refused), (429, "limit.rate"));
    assert!(refused.1["retryAfter"].as_u64() > Some(0));
}

#[tokio::test]
async fn a_link_that_is_taken_back_cuts_its_guests_within_a_second() {
    let server = Server::start().await;
    let mut place = Place::new(&server).await;
    let ((id, link), (_, other)) = (place.link(json!({})).await, place.link(json!({})).await);
    let (gil, lou) = (Guest::new(&server, &link, "Gil").await, Guest::new(&server, &other, "Lou").await);
    let ((mut cut, _), (mut stays, _)) = (gil.socket(&server).await, lou.socket(&server).await);
    for socket in [&mut cut, &mut stays] {
        socket.call(2, "voice:join", json!({"channelId": place.channel})).await.unwrap();
    }
    let whip = Http::new().post(server.url(&format!("/whip/{}", place.channel))).bearer_auth(&gil.token);
    let whip = whip.header("content-type", "application/sdp").body(offer("sendonly")).send().await.unwrap();
    assert_eq!(whip.status(), 201, "an encoder of the same guest");
    assert_eq!(server.app.front().media.participants(), 3);
    let gone = async {
        place.ana.call(4, "invite:revoke", json!({"inviteId": id})).await.unwrap();
        let (close, names) = cut.closed().await;
        assert_eq!((close, names.last().map(String::as_str)), (4001, Some("session:invalid")));
        until("only the other one has media", async || server.app.front().media.participants() == 1).await;
    };
    timeout(Duration::from_secs(1), gone).await.expect("gone within a second");
    assert_eq!(place.bo.event("channel:member_left").await["userId"], gil.id.as_str());
    assert_eq!(code(&run(&server, &gil.token, Method::GET, "/users/me").await), (401, "auth.revoked"));
    let mut back = server.socket().await;
    back.send(json!({"op": "session:hello", "d": {"token": gil.token}})).await;
    assert_eq!(back.event("session:invalid").await["code"], "auth.revoked");
    stays.call(3, "ping", json!({})).await.unwrap();
    let room = place.bo.call(5, "channel:get", json!({"channelId": place.channel})).await.unwrap();
    let members = room["members"].as_array().unwrap();
    assert!(members.iter().all(|member| member["userId"] != gil.id.as_str()), "{members:?}");
    assert_eq!(members.len(), 3);
}

#[tokio::test]
async fn a_guest_stays_no_longer_than_its_link_however_it_asks() {
    let server = Server::start_with(|config| config.auth.token_ttl = "1d".parse().unwrap()).await;
    let mut place = Place::new(&server).await;
    let (_, link) = place.link(json!({"expiresIn": 300})).await;
    let gil = Guest::new(&server, &link, "Gil").await;
    let (status, renewed) = run(&server, &gil.token, Method::POST, "/auth/refresh").await;
    assert_eq!(status, 200, "{renewed}");
    assert!(renewed["data"].get("refreshToken").is_none());
    let end = parse_rfc3339(renewed["data"]["expiresAt"].as_str().unwrap()).unwrap() - clock::wall_ms();
    assert!((200_000..=300_000).contains(&end), "{end}");
    // The renewed one is no wider.
    let token = renewed["data"]["token"].as_str().unwrap();
    assert_eq!(code(&run(&server, token, Method::GET, "/users").await), (403, "perm.denied"));
    // Signing out is the end of it.
    assert_eq!(run(&server, &gil.token, Method::POST, "/auth/logout").await.0, 200);
    assert_eq!(code(&run(&server, token, Method::GET, "/users/me").await), (401, "auth.revoked"));
    // An account from outside with a token of its own may run a channel, but nobody makes a guest of it.
    let eve = server.token_of(TokenKind::Client, "eve", Grants::default(), 600);
    let path = format!("/channels/{}/invites", place.channel);
    assert_eq!(code(&run(&server, &eve, Method::GET, &path).await), (404, "not_found.channel"));
}

#[tokio::test]
async fn a_guest_waits_until_it_is_let_in() {
    let server = Server::start().await;
    let mut place = Place::new(&server).await;
    let (_, link) = place.link(json!({"lobby": true})).await;
    let gil = Guest::new(&server, &link, "Gil").await;
    let (mut socket, ready) = gil.socket(&server).await;
    assert_eq!((&ready["lobby"], &ready["channels"]), (&json!("waiting"), &json!([])));
    let knock = place.ana.event("invite:knock").await;
    assert_eq!(
        (&knock["guest"], &knock["channelId"]),
        (&json!({"userId": gil.id, "name": "Gil"}), &json!(place.channel))
    );
    let listed = place.ana.call(4, "invite:list", json!({"channelId": place.channel})).await.unwrap();
    assert_eq!(listed["waiting"], json!([knock]), "for those who come later");
    let here = json!({"channelId": place.channel});
    for op in ["channel:get", "channel:join", "channel:get_history", "voice:join", "voice:get_participants"] {
        assert_eq!(socket.call(2, op, here.clone()).await.unwrap_err()["code"], "perm.denied", "{op}");
    }
    // What is said meanwhile it does not hear; another page of it is no other knock.
    place
        .ana
        .call(5, "message:send", json!({"channelId": place.channel, "content": "who is it?"}))
        .await
        .unwrap();
    let (_page, again) = gil.socket(&server).await;
    assert_eq!(again["lobby"], "waiting");
    let guest = json!({"channelId": place.channel, "userId": gil.id});
    let refused = place.bo.call(6, "invite:admit", guest.clone()).await.unwrap_err();
    assert_eq!(refused["code"], "perm.denied", "not one of the hosts");
    // Without an id: an event that comes before the answer is not passed over.
    place.ana.send(json!({"op": "invite:admit", "d": guest})).await;
    for (at, name) in ["invite:admitted", "channel:created"].into_iter().enumerate() {
        let frame = socket.next().await.unwrap();
        assert_eq!((frame["ev"].as_str(), frame["s"].as_u64()), (Some(name), Some(at as u64 + 1)), "{frame}");
    }
    let over = place.ana.event("invite:knock_over").await;
    assert_eq!((&over["outcome"], &over["userId"]), (&json!("admitted"), &json!(gil.id)));
    socket.call(3, "voice:join", here.clone()).await.unwrap();
    assert_eq!(place.bo.event("voice:user_joined").await["participant"]["name"], "Gil");
    let there = place.bo.call(7, "presence:get_bulk", json!({"userIds": [gil.id]})).await.unwrap();
    assert_eq!(there["presence"][0]["status"], "online");
    for op in ["invite:admit", "invite:refuse"] {
        assert_eq!(place.ana.call(8, op, guest.clone()).await.unwrap_err()["code"], "conflict.state", "{op}");
    }
    // From now on it comes straight in.
    let (_, ready) = gil.socket(&server).await;
    assert_eq!((ready.get("lobby"), &ready["channels"][0]["id"]), (None, &json!(place.channel)));
}

#[tokio::test]
async fn a_guest_who_is_not_wanted_is_sent_away_for_good() {
    let server = Server::start().await;
    let mut place = Place::new(&server).await;
    let (id, link) = place.link(json!({"lobby": true})).await;
    let (gil, lou) = (Guest::new(&server, &link, "Gil").await, Guest::new(&server, &link, "Lou").await);
    let ((mut socket, _), (mut other, _)) = (gil.socket(&server).await, lou.socket(&server).await);
    let guest = json!({"channelId": place.channel, "userId": gil.id});
    let sent_away = async {
        place.ana.send(json!({"op": "invite:refuse", "d": guest})).await;
        let invalid = socket.event("session:invalid").await;
        assert_eq!((&invalid["code"], socket.closed().await.0), (&json!("perm.denied"), 4001));
    };
    timeout(Duration::from_secs(1), sent_away).await.expect("at once");
    assert_eq!(place.ana.event("invite:knock_over").await["outcome"], "refused");
    assert_eq!(code(&run(&server, &gil.token, Method::GET, "/users/me").await), (401, "auth.revoked"));
    // Somebody who comes and goes is not asked about for longer.
    let kai = Guest::new(&server, &link, "Kai").await;
    let _socket = kai.socket(&server).await;
    assert_eq!(code(&run(&server, &kai.token, Method::POST, "/auth/logout").await).0, 200);
    let over = timeout(Duration::from_secs(1), place.ana.event("invite:knock_over")).await.expect("at once");
    assert_eq!((&over["userId"], &over["outcome"]), (&json!(kai.id), &json!("left")));
    // The other one still waits, until the link is taken back.
    other.call(2, "ping", json!({})).await.unwrap();
    place.ana.send(json!({"op": "invite:revoke", "d": {"inviteId": id}})).await;
    assert_eq!(other.closed().await.0, 4001);
    let over = place.ana.event("invite:knock_over").await;
    assert_eq!((&over["userId"], &over["outcome"]), (&json!(lou.id), &json!("left")));
    let listed = place.ana.call(6, "invite:list", json!({"channelId": place.channel})).await.unwrap();
    assert_eq!((&listed["waiting"], &listed["invites"]), (&json!([]), &json!([])));
}
