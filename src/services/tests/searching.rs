//! Search: who finds what, and what a token leaves of it.

use super::*;

async fn say(house: &House, who: &Actor, channel: &str, content: &str) -> Value {
    let sent = house.ok(who, "message:send", json!({"channelId": channel, "content": content})).await;
    sent["message"].clone()
}

/// Until everything that was acknowledged can be found.
async fn settled(house: &House) {
    let mut look = tokio::time::interval(Duration::from_millis(10));
    let wait = async {
        while house.store.stats().search_lag_us > 0 {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the index catches up");
}

async fn found(house: &House, who: &Actor, ask: Value) -> Vec<String> {
    let answer = house.ok(who, "search:messages", ask).await;
    let hits = answer["hits"].as_array().unwrap();
    hits.iter().map(|hit| hit["message"]["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_find_what_was_said_with_the_places_and_their_own_marks() {
    let house = house(quick()).await;
    let (ana, bo, cy) = (house.person("ana").await, house.person("bo").await, house.person("cy").await);
    let dm = house.dm(&ana, &bo).await;
    let message = say(&house, &ana, &dm, "\u{1F44D} The plan, the whole plan").await;
    say(&house, &bo, "general", "no plan here").await;
    let react = json!({"messageId": message["id"], "emoji": "\u{1F44D}", "action": "add"});
    house.ok(&bo, "message:react", react).await;
    settled(&house).await;
    let answer = house.ok(&bo, "search:messages", json!({"q": "the plan "})).await;
    assert_eq!(answer["next"], Value::Null);
    let hits = answer["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0]["highlights"], json!([[3, 3], [7, 4], [13, 3], [23, 4]]));
    assert_eq!(
        (&hits[0]["message"]["id"], &hits[0]["message"]["reactions"][0]["me"]),
        (&message["id"], &json!(true))
    );
    assert_eq!(found(&house, &cy, json!({"q": "plan"})).await, ["no plan here"]);
    assert_eq!(
        house.code(&cy, "search:messages", json!({"q": "plan", "channelId": dm})).await,
        Code::NotFoundChannel
    );
    assert_eq!(found(&house, &cy, json!({"q": format!("plan in:{dm}")})).await, [] as [&str; 0]);
    assert_eq!(found(&house, &bo, json!({"q": "plan in:#general"})).await, ["no plan here"]);
    assert_eq!(found(&house, &bo, json!({"q": "plan in:general", "channelId": dm})).await, [] as [&str; 0]);
    assert_eq!(found(&house, &bo, json!({"q": "from:@BO in:general"})).await, ["no plan here"]);
    assert_eq!(found(&house, &bo, json!({"q": "plan from:nobody"})).await, [] as [&str; 0]);
    assert_eq!(found(&house, &bo, json!({"q": "from:bo", "senderId": ana.user})).await, [] as [&str; 0]);
    assert_eq!(found(&house, &bo, json!({"senderId": ana.user})).await.len(), 1, "needs no word");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_cursors_and_too_much_are_checked() {
    let house = house(quick()).await;
    let ana = house.person("ana").await;
    for n in 0..3 {
        say(&house, &ana, "general", &format!("note {n}")).await;
    }
    settled(&house).await;
    let page = house.ok(&ana, "search:messages", json!({"q": "note ", "limit": 2})).await;
    let next = page["next"].as_str().unwrap();
    assert_eq!(found(&house, &ana, json!({"q": "note ", "limit": 2, "cursor": next})).await, ["note 0"]);
    let today = crate::base::time::rfc3339(clock::wall_ms())[..10].to_owned();
    for (from, to, count) in [(today.as_str(), "9999-12-31", 3), ("2020-01-01", "2020-12-31", 0)] {
        assert_eq!(
            found(&house, &ana, json!({"q": "note ", "from": from, "to": to})).await.len(),
            count,
            "{from}"
        );
    }
    assert_eq!(found(&house, &ana, json!({"q": "note", "to": "2020-01-01T10:00:00Z"})).await.len(), 0);
    for (ask, path) in [
        (json!({"q": "note", "cursor": "junk"}), "cursor"),
        (json!({"q": "note", "cursor": MessageId::from_parts(1, 1)}), "cursor"),
        (json!({"q": "note", "from": "yesterday"}), "from"),
        (json!({"q": "note", "to": "2026-02-30"}), "to"),
        (json!({"q": "note", "limit": 0}), "limit"),
        (json!({"q": "x".repeat(201)}), "q"),
        (json!({"q": "w ".repeat(17)}), "q"),
        (json!({"q": "  !? "}), "q"),
    ] {
        let error = house.run(&ana, "search:messages", ask).await.unwrap_err();
        assert_eq!((error.code, error.details[0].path.as_str()), (Code::ValidationFailed, path));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_finds_only_what_it_may_see() {
    let house = house(quick()).await;
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    let dm = house.dm(&ana, &bo).await;
    say(&house, &ana, &dm, "word in the dm").await;
    say(&house, &ana, "general", "word in general").await;
    settled(&house).await;
    let bound = Actor {
        grants: Arc::new(Grants { room: Some(dm.clone()), ..Grants::default() }),
        ..second_device(&ana)
    };
    assert_eq!(found(&house, &ana, json!({"q": "word"})).await.len(), 2);
    assert_eq!(found(&house, &bound, json!({"q": "word"})).await, ["word in the dm"]);
    assert_eq!(found(&house, &bound, json!({"q": "word in:general"})).await, [] as [&str; 0]);
    assert_eq!(found(&house, &bound, json!({"q": "word", "channelId": dm})).await.len(), 1);
    let general = json!({"q": "word", "channelId": "general"});
    assert_eq!(house.code(&bound, "search:messages", general).await, Code::NotFoundChannel);
    let suggested = house.ok(&bound, "search:suggest", json!({"q": "gen"})).await;
    assert_eq!(suggested["channels"], json!([]));
    let mute = Actor { grants: Arc::new(Grants { chat: false, ..Grants::default() }), ..second_device(&ana) };
    for op in ["search:messages", "search:suggest"] {
        assert_eq!(house.code(&mute, op, json!({"q": "word"})).await, Code::PermDenied);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suggestions_begin_with_what_was_typed() {
    let house = house(quick()).await;
    let (ana, _) = (house.person("ana").await, house.person("gene").await);
    for name in ["Next Generation", "Regenerate"] {
        house.ok(&ana, "channel:create", json!({"type": "group", "name": name})).await;
    }
    let names = |answer: &Value, list: &str| -> Vec<String> {
        let all = answer[list].as_array().unwrap();
        all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let both = house.ok(&ana, "search:suggest", json!({"q": "gen"})).await;
    let mut channels = names(&both, "channels");
    channels.sort();
    assert_eq!(channels, ["Next Generation", "general"]);
    assert_eq!(names(&both, "users"), ["GENE"]);
    let people = house.ok(&ana, "search:suggest", json!({"q": "@Gé"})).await;
    assert_eq!(
        (names(&people, "channels").len(), names(&people, "users").len()),
        (0, 0),
        "accents count in names"
    );
    let rooms = house.ok(&ana, "search:suggest", json!({"q": "#next gen", "limit": 1})).await;
    assert_eq!(
        (names(&rooms, "channels"), names(&rooms, "users").len()),
        (vec!["Next Generation".into()], 0)
    );
}
