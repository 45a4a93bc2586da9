//! Unwanted words, by configuration and as administrators keep them, through every way a text comes in.

use convene::{auth::grants::Grants, base::time::rfc3339, runtime::clock};
use serde_json::{Value, json};

use crate::support::{Client, Server, until};

async fn admin(server: &Server) -> Client {
    let mut client = server.socket().await;
    let token = server.token_with("root", Grants { admin: true, ..Grants::default() }, 600);
    client.send(json!({"op": "session:hello", "id": 1, "d": {"token": token}})).await;
    client.ack(1).await.unwrap();
    client
}

async fn say(client: &mut Client, text: &str) -> Result<String, String> {
    let sent = client.call(7, "message:send", json!({"channelId": "general", "content": text})).await;
    let content = |sent: Value| sent["message"]["content"].as_str().unwrap().to_owned();
    sent.map(content).map_err(|error| error["code"].as_str().unwrap().to_owned())
}

async fn reports(admin: &mut Client) -> Vec<(String, String)> {
    let found = admin.call(8, "moderation:reports", json!({"state": "open"})).await.unwrap();
    let of = |one: &Value| {
        assert_eq!((&one["kind"], &one["reporterId"]), (&json!("filter"), &Value::Null));
        (one["content"].as_str().unwrap().to_owned(), one["note"].as_str().unwrap().to_owned())
    };
    found["reports"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test]
async fn words_are_refused_masked_and_reported_wherever_they_are_said() {
    let server = Server::start_with(|config| {
        config.chat.filter_block = vec!["forbidden".into()];
        config.chat.filter_mask = vec!["darn".into()];
        config.chat.filter_flag = vec!["hmm".into()];
        config.chat.rate_scale = 0;
    })
    .await;
    let mut admin = admin(&server).await;
    let (mut bo, _) = server.session("bo").await;
    assert_eq!(say(&mut bo, "FORBIDDEN fruit").await.unwrap_err(), "validation.filtered");
    assert_eq!(say(&mut bo, "the forbiddenness of Darnley").await.unwrap(), "the forbiddenness of Darnley");
    // What others get, and what is stored, is what the sender is told.
    assert_eq!(say(&mut bo, "Darn it").await.unwrap(), "**** it");
    let heard = loop {
        let heard = admin.event("message:new").await["message"]["content"].clone();
        if heard != "the forbiddenness of Darnley" {
            break heard;
        }
    };
    assert_eq!(heard, "**** it");
    assert_eq!(say(&mut bo, "hmm, darn").await.unwrap(), "hmm, ****");
    until("it is reported", async || reports(&mut admin).await == [("hmm, ****".into(), "hmm".into())]).await;
    // A retry is the same message, however it was changed on its way.
    let nonce = json!({"channelId": "general", "content": "darn nonce", "nonce": "n"});
    let first = bo.call(2, "message:send", nonce.clone()).await.unwrap();
    let again = bo.call(3, "message:send", nonce).await.unwrap();
    assert_eq!((&again["duplicate"], &again["message"]["id"]), (&json!(true), &first["message"]["id"]));
    let id = &first["message"]["id"];
    let edit = |text: &str| json!({"messageId": id, "content": text});
    let refused = bo.call(4, "message:edit", edit("forbidden")).await.unwrap_err();
    assert_eq!(refused["code"], "validation.filtered");
    assert_eq!(refused["details"][0]["path"], "content");
    let edited = bo.call(5, "message:edit", edit("darn, hmm")).await.unwrap();
    assert_eq!(edited["message"]["content"], "****, hmm");
    until("so is the edit", async || reports(&mut admin).await.len() == 2).await;
}

#[tokio::test]
async fn administrators_keep_a_list_and_it_counts_from_the_next_message_on() {
    let server = Server::start_with(|config| config.chat.rate_scale = 0).await;
    let mut admin = admin(&server).await;
    let (mut bo, _) = server.session("bo").await;
    assert_eq!(say(&mut bo, "spam eggs").await.unwrap(), "spam eggs");
    let word = |word: &str, action: &str| json!({"word": word, "action": action});
    for bad in [word("?!", "mask"), word("", "mask"), word("x", "eat"), word(&"x".repeat(101), "mask")] {
        let refused = admin.call(2, "moderation:filter_add", bad).await.unwrap_err();
        assert_eq!(refused["code"], "validation.failed");
    }
    let refused = bo.call(2, "moderation:filter_add", word("eggs", "block")).await.unwrap_err();
    assert_eq!(refused["code"], "perm.denied");
    let spam = admin.call(3, "moderation:filter_add", word(" Spam Eggs ", "block")).await.unwrap();
    assert_eq!(spam["filter"]["word"], "Spam Eggs");
    assert_eq!(say(&mut bo, "spam, EGGS").await.unwrap_err(), "validation.filtered");
    assert_eq!(say(&mut bo, "eggs, spam").await.unwrap(), "eggs, spam");
    // What waits is judged when it is scheduled and again when its time comes.
    let later = |text: &str, ms: i64| json!({"channelId": "general", "content": text, "sendAt": rfc3339(clock::wall_ms() + ms)});
    let refused = bo.call(4, "message:send", later("spam eggs", 60_000)).await.unwrap_err();
    assert_eq!(refused["code"], "validation.filtered");
    let waits = bo.call(5, "message:send", later("just ham", 60_000)).await.unwrap();
    let id = waits["scheduled"]["id"].clone();
    let update = json!({"scheduleId": id, "content": "spam eggs"});
    let refused = bo.call(6, "schedule:update", update).await.unwrap_err();
    assert_eq!(refused["code"], "validation.filtered");
    let soon = json!({"scheduleId": id, "sendAt": rfc3339(clock::wall_ms() + 2_500)});
    bo.call(9, "schedule:update", soon).await.unwrap();
    admin.call(4, "moderation:filter_add", word("ham", "block")).await.unwrap();
    loop {
        let changed = bo.event("schedule:changed").await["scheduled"].clone();
        if changed["state"] == "failed" {
            assert_eq!(changed["error"], "validation.filtered");
            break;
        }
    }
    let respelled = admin.call(7, "moderation:filter_add", word("spam ÉGGS", "block")).await.unwrap();
    assert_eq!(respelled["filter"]["id"], spam["filter"]["id"], "the same words");
    let listed = admin.call(5, "moderation:filters", json!({})).await.unwrap();
    let words: Vec<_> = listed["filters"].as_array().unwrap().iter().map(|one| one["word"].clone()).collect();
    assert_eq!(words, ["Spam Eggs", "ham"]);
    let gone = json!({"filterId": spam["filter"]["id"]});
    admin.call(6, "moderation:filter_remove", gone.clone()).await.unwrap();
    assert_eq!(say(&mut bo, "spam eggs").await.unwrap(), "spam eggs");
    let unknown = admin.call(9, "moderation:filter_remove", gone).await.unwrap_err();
    assert_eq!(unknown["code"], "not_found.filter");
    // The list outlives the process.
    let Server { app, folder, .. } = server;
    app.drain().await;
    let server = Server::start_in(folder, |_| {}).await;
    let (mut bo, _) = server.session("bo").await;
    assert_eq!(say(&mut bo, "ham").await.unwrap_err(), "validation.filtered");
}
