//! Threads: who hears what, what is refused, and the words that address many.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reply_is_heard_by_the_channel_and_counted_at_its_root() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let root = house.ok(&ana, "message:send", json!({"channelId": "general", "content": "lunch?"})).await;
    let root = root["message"]["id"].clone();
    let reply = json!({"channelId": "general", "threadId": root, "content": "yes", "nonce": "r1"});
    let sent = house.ok(&bo, "message:send", reply.clone()).await;
    assert_eq!((&sent["message"]["threadId"], &sent["message"]["seq"]), (&root, &json!(1)));
    assert_eq!(house.ok(&bo, "message:send", reply).await["duplicate"], true);
    let elsewhere = json!({"channelId": "general", "content": "yes", "nonce": "r1"});
    assert_eq!(house.code(&bo, "message:send", elsewhere).await, Code::ConflictDuplicate, "another timeline");

    let heard = house.seen.of(&ana, "message:new");
    let told = &heard[1];
    assert_eq!((&told["message"]["threadId"], &told["thread"]["count"]), (&root, &json!(1)));
    assert_eq!(told["message"]["rev"].as_u64(), heard[0]["message"]["rev"].as_u64().map(|rev| rev + 1));

    let main = house.ok(&ana, "channel:get_history", json!({"channelId": "general"})).await;
    assert_eq!(main["messages"].as_array().unwrap().len(), 1);
    assert_eq!(main["messages"][0]["thread"]["count"], 1);
    let replies = json!({"channelId": "general", "threadId": root});
    let replies = house.ok(&ana, "channel:get_history", replies).await;
    assert_eq!(replies["messages"][0]["content"], "yes");

    let listed = house.ok(&ana, "thread:list", json!({"unread": true})).await;
    assert_eq!((&listed["threads"][0]["root"]["id"], &listed["threads"][0]["unread"]), (&root, &json!(1)));
    let mark = json!({"channelId": "general", "threadId": root, "seq": 1});
    assert_eq!(house.ok(&ana, "message:mark_read", mark).await["unread"], 0);
    let receipt = &house.seen.of(&ana, "message:read_receipt")[0];
    assert_eq!((&receipt["threadId"], &receipt["seq"]), (&root, &json!(1)));
    assert_eq!(house.ok(&ana, "thread:list", json!({"unread": true})).await["threads"], json!([]));

    house.ok(&bo, "message:delete", json!({"messageId": sent["message"]["id"]})).await;
    let gone = &house.seen.of(&ana, "message:deleted")[0];
    assert_eq!((&gone["threadId"], &gone["thread"]["count"]), (&root, &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thread_is_as_private_as_its_channel() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let dm = house.dm(&ana, &bo).await;
    let root = house.ok(&ana, "message:send", json!({"channelId": dm, "content": "psst"})).await;
    let root = root["message"]["id"].clone();
    let send = |channel: &str| json!({"channelId": channel, "threadId": root, "content": "hi"});
    assert_eq!(house.code(&cy, "message:send", send(&dm)).await, Code::NotFoundChannel);
    // Through a channel that cy may see.
    for (op, mut data) in [
        ("message:send", send("general")),
        ("channel:get_history", json!({"channelId": "general"})),
        ("message:mark_read", json!({"channelId": "general", "seq": 1})),
    ] {
        data["threadId"] = root.clone();
        assert!(
            [Code::NotFoundMessage, Code::NotFoundChannel].contains(&house.code(&cy, op, data).await),
            "{op}"
        );
    }
    for op in ["thread:get", "thread:follow", "thread:unfollow"] {
        assert_eq!(house.code(&cy, op, json!({"threadId": root})).await, Code::NotFoundMessage, "{op}");
    }
    let reply = house.ok(&bo, "message:send", send(&dm)).await;
    let no_root = json!({"threadId": reply["message"]["id"]});
    assert_eq!(house.code(&bo, "thread:follow", no_root.clone()).await, Code::ConflictState);
    assert_eq!(house.code(&bo, "thread:get", no_root).await, Code::ConflictState);
    assert_eq!(house.ok(&cy, "thread:list", json!({})).await["threads"], json!([]));
    let own = second_device(&bo);
    house.ok(&bo, "thread:unfollow", json!({"threadId": root})).await;
    assert_eq!(house.seen.of(&own, "thread:followed")[0]["following"], false);
    assert!(house.seen.of(&ana, "thread:followed").is_empty(), "nobody else's business");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn channel_and_here_reach_whom_they_say() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    house.services.session_opened(&bo).await.unwrap();
    let send = |text: &str| json!({"channelId": "general", "content": text});
    house.ok(&ana, "message:send", send("mail me@here.org, or `@channel`")).await;
    assert!(house.seen.of(&bo, "message:mention").is_empty());
    house.ok(&ana, "message:send", send("@here coffee")).await;
    assert_eq!(house.seen.of(&bo, "message:mention").len(), 1);
    assert!(house.seen.of(&cy, "message:mention").is_empty(), "cy is not there");
    house.ok(&ana, "message:send", send("@channel news")).await;
    assert_eq!(house.seen.of(&bo, "message:mention").len(), 2);
    assert_eq!(house.seen.of(&cy, "message:mention").len(), 1);
    assert!(house.seen.of(&ana, "message:mention").is_empty(), "not oneself");
    let general = house.ok(&cy, "channel:get", json!({"channelId": "general"})).await;
    assert_eq!(general["channel"]["mentions"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_types_in_one_place_of_a_channel() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let root = house.ok(&ana, "message:send", json!({"channelId": "general", "content": "a"})).await;
    let root = root["message"]["id"].clone();
    for thread in [json!(null), root.clone(), root.clone()] {
        house.ok(&bo, "typing:start", json!({"channelId": "general", "threadId": thread})).await;
    }
    let heard = house.seen.of(&ana, "typing:user_start");
    let threads: Vec<&Value> = heard.iter().map(|one| &one["threadId"]).collect();
    assert_eq!(threads, [&json!(null), &root], "a repeat is no news, another place is");
    let active = house.ok(&ana, "typing:get_active", json!({"channelId": "general"})).await;
    assert_eq!(active["users"][0]["threadId"], root);
}
