//! What is for somebody in particular is told, as far as it wants to hear it.

use super::*;

struct Room {
    house: House,
    ana: Actor,
    bo: Actor,
    channel: Value,
}

async fn room() -> Room {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    for who in [&ana, &bo] {
        house.services.session_opened(who).await.unwrap();
    }
    let made = json!({"type": "group", "name": "room", "participants": [bo.user]});
    let channel = house.ok(&ana, "channel:create", made).await["channel"]["id"].clone();
    Room { house, ana, bo, channel }
}

impl Room {
    async fn say(&self, who: &Actor, channel: &Value, fields: Value) -> Value {
        let mut data = json!({"channelId": channel, "content": "hello"});
        data.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.house.ok(who, "message:send", data).await["message"].clone()
    }

    async fn wish(&self, fields: Value) {
        let mut data = json!({"channelId": self.channel, "pref": "all"});
        data.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.house.ok(&self.bo, "channel:set_notify", data).await;
    }

    fn kinds(&self, who: &Actor) -> Vec<String> {
        let told = self.house.seen.of(who, "notification:new");
        told.iter().map(|data| data["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until so much was told to bo, all before this being told by then.
    async fn told(&self, kinds: &[&str]) {
        self.house.seen.until("a notification", |_| self.kinds(&self.bo).len() >= kinds.len()).await;
        assert_eq!(self.kinds(&self.bo), kinds);
    }

    async fn badge(&self, total: u32, mentions: u32) {
        let wanted = json!({"unreadTotal": total, "mentions": mentions});
        let last = |seen: &Recorder| seen.of(&self.bo, "notification:badge").last() == Some(&wanted);
        self.house.seen.until(&format!("the badge {wanted}"), last).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mentions_dms_and_followed_threads_are_told_and_nothing_else() {
    let room = room().await;
    let Room { house, ana, bo, channel } = &room;
    room.say(ana, channel, json!({})).await;
    let said = room.say(ana, channel, json!({"mentions": [bo.user]})).await;
    room.told(&["mention"]).await;
    let told = house.seen.of(bo, "notification:new")[0].clone();
    assert_eq!(
        (&told["messageId"], &told["senderName"], &told["excerpt"]),
        (&said["id"], &json!("ANA"), &json!("hello"))
    );
    room.badge(1, 1).await;
    let root = room.say(bo, channel, json!({})).await;
    room.say(ana, channel, json!({"threadId": root["id"]})).await;
    room.told(&["mention", "thread"]).await;
    let dm = Value::from(house.dm(ana, bo).await);
    room.say(ana, &dm, json!({})).await;
    room.say(ana, &dm, json!({})).await;
    room.told(&["mention", "thread", "direct", "direct"]).await;
    // Writing moved the cursor past the mention; what is direct waits.
    room.badge(2, 0).await;
    let call = house
        .ok(ana, "call:start", json!({"channelId": dm, "type": "voice", "participantIds": [bo.user]}))
        .await;
    house.ok(ana, "call:cancel", json!({"callId": call["callId"]})).await;
    house.ok(bo, "message:mark_read", json!({"channelId": dm, "all": true})).await;
    room.badge(0, 0).await;
    assert!(room.kinds(ana).is_empty(), "nobody is told of what it said itself");
    room.say(ana, channel, json!({"content": "@channel"})).await;
    room.told(&["mention", "thread", "direct", "direct", "mention"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wishes_mutes_blocks_and_do_not_disturb_are_kept() {
    let room = room().await;
    let Room { house, ana, bo, channel } = &room;
    let mention = json!({"mentions": [bo.user]});
    let root = room.say(bo, channel, json!({})).await;
    let reply = json!({"threadId": root["id"]});
    let mut told = Vec::new();
    for (wish, expected) in [
        (json!({"pref": "mentions"}), &["mention"][..]),
        (json!({"pref": "none"}), &[]),
        (json!({"pref": "all", "mutedUntil": "2999-01-01T00:00:00Z"}), &[]),
        (json!({"pref": "all"}), &["mention", "thread"]),
    ] {
        room.wish(wish).await;
        room.say(ana, channel, mention.clone()).await;
        room.say(ana, channel, reply.clone()).await;
        told.extend(expected);
        // The queue keeps its order: after this one nothing of before can come.
        let dm = Value::from(house.dm(ana, bo).await);
        room.say(ana, &dm, json!({})).await;
        told.push("direct");
        room.told(&told).await;
    }
    house.ok(bo, "presence:update", json!({"status": "dnd"})).await;
    let before = house.seen.of(bo, "notification:badge").len();
    room.say(ana, channel, mention.clone()).await;
    house.seen.until("the badge", |seen| seen.of(bo, "notification:badge").len() > before).await;
    room.told(&told).await;
    house.ok(bo, "presence:update", json!({"status": "online"})).await;
    house.ok(bo, "user:block", json!({"userId": ana.user})).await;
    room.say(ana, channel, mention).await;
    let cy = house.person("cy").await;
    let dm = Value::from(house.dm(&cy, bo).await);
    room.say(&cy, &dm, json!({})).await;
    told.push("direct");
    room.told(&told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_call_is_told() {
    let config = ServicesConfig {
        calls: CallConfig { ring_timeout: Duration::from_millis(50), ..quick().calls },
        ..quick()
    };
    let house = house(config).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    house.services.session_opened(&bo).await.unwrap();
    let dm = house.dm(&ana, &bo).await;
    let start = json!({"channelId": dm, "type": "voice", "participantIds": [bo.user]});
    let call = house.ok(&ana, "call:start", start).await["callId"].clone();
    house.seen.until("it is told", |seen| !seen.of(&bo, "notification:new").is_empty()).await;
    let told = house.seen.of(&bo, "notification:new")[0].clone();
    assert_eq!(
        (&told["kind"], &told["callId"], &told["senderName"]),
        (&json!("missed_call"), &call, &json!("ANA"))
    );
}

/// A message that is for nobody in particular asks the database nothing: rings are counted, not timed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_messages_to_a_crowd_ring_for_nobody() {
    let room = room().await;
    let (bell, mut rings) = bell::Bell::new();
    let said = room.say(&room.ana, &room.channel, json!({})).await;
    let id = said["id"].as_str().unwrap().parse().unwrap();
    let crowd: Vec<UserId> = (0..10_000).map(|n| UserId::from_parts(1, n)).collect();
    let sent = store::SentMessage {
        message: room.house.store.message(id).await.unwrap(),
        thread: None,
        mentioned: Vec::new(),
        direct: false,
        duplicate: false,
        audience: crowd.into(),
    };
    for _ in 0..100 {
        bell.said(&sent);
    }
    assert!(rings.try_recv().is_err());
    bell.said(&store::SentMessage { mentioned: vec![room.bo.user], ..sent });
    assert!(rings.try_recv().is_ok());
}
