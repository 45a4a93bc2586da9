//! What a search finds, and what not; the same on every database.

use super::*;
use crate::{chat::search::Query, runtime::clock};

/// A user's search in its first page.
fn ask(user: UserId, q: &str) -> SearchQuery {
    let Query { terms, links, since, until, .. } = Query::parse(q).unwrap();
    SearchQuery { user, terms, channels: None, authors: None, links, since, until, before: None, limit: 50 }
}

async fn contents(store: &dyn Store, query: SearchQuery) -> Vec<String> {
    store.search(query).await.unwrap().messages.into_iter().map(|message| message.content).collect()
}

/// Until everything that was acknowledged is in the index.
async fn settled(store: &dyn Store) {
    let deadline = clock::now() + std::time::Duration::from_secs(10);
    let mut look = tokio::time::interval(std::time::Duration::from_millis(10));
    while store.stats().search_lag_us > 0 {
        assert!(clock::now() < deadline, "the index does not catch up");
        look.tick().await;
    }
}

struct Speaker<'a> {
    store: &'a dyn Store,
    user: UserId,
    channel: ChannelId,
}

impl Speaker<'_> {
    async fn says(&self, n: u128, content: &str, now: WallMs) -> MessageId {
        let new = NewMessage { content: content.into(), now, ..text(50_000 + n, self.channel, self.user) };
        self.store.send_message(new, nothing()).await.unwrap().message.id
    }

    fn change(&self, message: MessageId) -> MessageChange {
        MessageChange { message, by: self.user, moderator: false, from: Origin::default(), now: 99 }
    }
}

const DAY: WallMs = 86_400_000;

pub(super) async fn all(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    let (shared, own) = (group(store, 51, ana, &[bo]).await, group(store, 52, ana, &[]).await);
    let in_shared = Speaker { store, user: ana, channel: shared };
    let in_own = Speaker { store, user: ana, channel: own };
    words_phrases_and_beginnings(&in_shared, bo).await;
    edits_and_deletions_count_at_once(&in_shared, bo).await;
    only_members_find(&in_shared, &in_own, [bo, cy]).await;
    filters_hold_together(&in_shared, &in_own, bo).await;
    pages_stay_while_messages_come(&in_shared, bo).await;
    whatever_is_typed_is_no_error(store, ana).await;
}

async fn words_phrases_and_beginnings(speaker: &Speaker<'_>, bo: UserId) {
    let texts = [
        "The quick brown fox",
        "A fox that is quick, is it not the best?",
        "Ångström's café — crème brûlée",
        "mail ana@example.org or see snake_case and don't",
        "東京タワーで会う",
        "Привет, МИР; ΛΌΓΟΣ",
    ];
    for (n, content) in texts.iter().enumerate() {
        speaker.says(n as u128, content, 10).await;
    }
    // More than a page of the writer, and more words than one message usually has.
    speaker.says(40, &"loud ".repeat(2_000), 10).await;
    speaker.says(41, &"x".repeat(10_000), 10).await;
    settled(speaker.store).await;
    let found = |q: &'static str| contents(speaker.store, ask(bo, q));
    for (q, expected) in [
        ("fox", &[1, 0][..]),
        ("the ", &[1, 0]),
        ("quick FOX ", &[1, 0]),
        ("\"quick brown\"", &[0]),
        ("\"brown quick\"", &[]),
        ("\"fox that is\" best", &[1]),
        ("qui", &[1, 0]),
        ("qui ", &[]),
        ("\"qui\"", &[]),
        ("angstrom CAFE", &[2]),
        ("brûl", &[2]),
        ("BRULEE ", &[2]),
        ("example.org", &[3]),
        ("snake_cas", &[3]),
        ("snake_ca", &[]),
        ("don't ", &[3]),
        ("\"don t\"", &[3]),
        ("タワー", &[4]),
        ("京東", &[]),
        ("мир ", &[5]),
        ("λογος ", &[5]),
        ("absent", &[]),
        ("fox absent", &[]),
    ] {
        let expected: Vec<&str> = expected.iter().map(|n| texts[*n]).collect();
        assert_eq!(found(q).await, expected, "{q}");
    }
    assert_eq!(found("\"loud loud loud\"").await.len(), 1);
    assert_eq!(contents(speaker.store, ask(bo, &"x".repeat(200))).await.len(), 1, "cut alike");
}

async fn edits_and_deletions_count_at_once(speaker: &Speaker<'_>, bo: UserId) {
    let Speaker { store, .. } = speaker;
    let id = speaker.says(100, "meet at noon", 10).await;
    settled(*store).await;
    let found = |q: &'static str| contents(*store, ask(bo, q));
    assert_eq!(found("noon ").await.len(), 1);
    for content in ["meet at one", "meet at two", "meet at three"] {
        store.edit_message(speaker.change(id), content.into(), None, nothing()).await.unwrap();
        assert_eq!(found("noon ").await, [] as [&str; 0], "the old text, before the index knows");
    }
    settled(*store).await;
    assert_eq!(found("noon ").await, [] as [&str; 0]);
    assert_eq!(found("two ").await, [] as [&str; 0]);
    assert_eq!(found("three ").await, ["meet at three"]);
    // Changed before it was indexed at all.
    let fresh = speaker.says(101, "first thought", 10).await;
    store.edit_message(speaker.change(fresh), "second thought".into(), None, nothing()).await.unwrap();
    settled(*store).await;
    assert_eq!(found("thought ").await, ["second thought"]);
    store.delete_message(speaker.change(fresh), nothing()).await.unwrap();
    assert_eq!(found("thought ").await, [] as [&str; 0]);
    settled(*store).await;
    store.delete_message(speaker.change(id), nothing()).await.unwrap();
    settled(*store).await;
    assert_eq!(found("three ").await, [] as [&str; 0]);
    assert!(store.stats().search_indexed > 0 && store.stats().search_failures == 0);
}

async fn only_members_find(shared: &Speaker<'_>, own: &Speaker<'_>, [bo, cy]: [UserId; 2]) {
    let store = shared.store;
    shared.says(200, "the secret of both", 10).await;
    own.says(201, "the secret of one", 10).await;
    settled(store).await;
    assert_eq!(contents(store, ask(own.user, "secret")).await, ["the secret of one", "the secret of both"]);
    assert_eq!(contents(store, ask(bo, "secret")).await, ["the secret of both"]);
    assert_eq!(contents(store, ask(cy, "secret")).await, [] as [&str; 0]);
    let within = |user, channel| SearchQuery { channels: Some(vec![channel]), ..ask(user, "secret") };
    assert_eq!(
        contents(store, within(bo, own.channel)).await,
        [] as [&str; 0],
        "asking for it does not help"
    );
    assert_eq!(contents(store, within(bo, shared.channel)).await, ["the secret of both"]);
    assert_eq!(
        contents(store, SearchQuery { channels: Some(Vec::new()), ..ask(bo, "secret") }).await.len(),
        0
    );
    store.add_member(shared.channel, cy, 20, nothing()).await.unwrap();
    assert_eq!(
        contents(store, ask(cy, "secret")).await,
        ["the secret of both"],
        "who joins reads what was said"
    );
}

async fn filters_hold_together(shared: &Speaker<'_>, own: &Speaker<'_>, bo: UserId) {
    let (store, ana) = (shared.store, shared.user);
    let other = Speaker { store, user: bo, channel: shared.channel };
    // 2020-01-01 and the days after it. A clock that once was wrong hides nothing.
    let first = 18_262 * DAY;
    shared.says(300, "report monday", first).await;
    other.says(301, "report tuesday https://example.org/x", first + DAY).await;
    shared.says(302, "report future", first + 4_000 * DAY).await;
    own.says(303, "report wednesday", first + 2 * DAY).await;
    settled(store).await;
    let found = |query: SearchQuery| contents(store, query);
    let of = |users: &[UserId], q: &str| SearchQuery { authors: Some(users.to_vec()), ..ask(ana, q) };
    assert_eq!(found(of(&[bo], "report")).await, ["report tuesday https://example.org/x"]);
    assert_eq!(found(of(&[ana, bo], "report")).await.len(), 4);
    assert_eq!(found(of(&[], "report")).await, [] as [&str; 0]);
    let by_bo = SearchQuery { channels: Some(vec![shared.channel]), ..of(&[bo], "") };
    assert_eq!(found(by_bo).await, ["report tuesday https://example.org/x"], "no word at all");
    assert_eq!(found(ask(ana, "has:link report")).await, ["report tuesday https://example.org/x"]);
    assert_eq!(found(ask(ana, "report before:2020-01-02")).await, ["report monday"]);
    assert_eq!(found(ask(ana, "report after:2020-01-02")).await, ["report wednesday", "report future"]);
    assert_eq!(
        found(ask(ana, "report after:2019-12-31 before:2020-01-03")).await,
        ["report tuesday https://example.org/x", "report monday"]
    );
    assert_eq!(found(ask(ana, "after:2020-01-02 before:2021-01-01")).await, ["report wednesday"]);
    assert_eq!(found(ask(ana, "report before:1971-01-01 after:1970-02-02")).await, [] as [&str; 0]);
    let tuesday = first + DAY;
    let exact = |since, until| SearchQuery { since: Some(since), until: Some(until), ..ask(ana, "report") };
    assert_eq!(found(exact(tuesday, tuesday + 1)).await.len(), 1);
    assert_eq!(found(exact(tuesday + 1, tuesday + 2)).await.len(), 0);
}

async fn pages_stay_while_messages_come(speaker: &Speaker<'_>, bo: UserId) {
    let store = speaker.store;
    for n in 0..7 {
        speaker.says(400 + n, &format!("paged {n}"), 10).await;
    }
    settled(store).await;
    let mut seen = Vec::new();
    let mut query = SearchQuery { limit: 3, ..ask(bo, "paged ") };
    for round in 0.. {
        let page = store.search(query.clone()).await.unwrap();
        seen.extend(page.messages.iter().map(|message| message.content.clone()));
        speaker.says(420 + round, "paged later", 10).await;
        settled(store).await;
        let Some(next) = page.next else { break };
        query.before = Some(next);
    }
    assert_eq!(seen, (0..7).rev().map(|n| format!("paged {n}")).collect::<Vec<_>>());
    let unknown = SearchQuery { before: Some(MessageId::from_parts(5, 5)), ..ask(bo, "paged") };
    assert_eq!(store.search(unknown).await.unwrap_err(), StoreError::NotFound);
}

/// Whatever means something in the language of a database.
async fn whatever_is_typed_is_no_error(store: &dyn Store, ana: UserId) {
    for q in [
        "NEAR(a b)",
        "a AND",
        "OR",
        "NOT x",
        "\"",
        "\"\"\"",
        "'",
        "it''s",
        "a*",
        "*",
        "^a",
        "a:b",
        "words:a",
        "{a b}:c",
        "a + b",
        "-a",
        "(",
        ")",
        "\\",
        "a\\'b",
        ":*",
        "a & b | !c",
        "<->",
        "a <2> b",
        "'a':1A",
        "%_",
        "é",
        "ﷺ ½ ŉ",
        "🎉",
        "c:01ARZ3NDEKTSV4RRFFQ69G5FAV",
        ":link",
        "--",
        "; DROP TABLE messages",
    ] {
        for q in [q.to_owned(), format!("{q} {q} "), format!("\"{q}")] {
            store.search(ask(ana, &q)).await.unwrap_or_else(|error| panic!("{q}: {error}"));
        }
    }
}
