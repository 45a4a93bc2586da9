//! The list of unwanted words, and what it reports.

use super::*;
use crate::{
    base::id::{FilterId, ReportId},
    chat::{filter::FilterAction, moderation::ReportKind},
};

pub(super) async fn all(store: &dyn Store, [ana, bo, _]: [UserId; 3]) {
    let add = |n: u128, word: &str, action| {
        let id = FilterId::from_parts(8, n);
        let new = NewFilter { id, word: word.into(), action, by: ana, from: Origin::default(), now: 40 };
        store.add_filter(new, nothing())
    };
    let first = add(1, "darn", FilterAction::Mask).await.unwrap();
    add(2, "bother", FilterAction::Block).await.unwrap();
    let again = add(3, "darn", FilterAction::Flag).await.unwrap();
    assert_eq!((again.id, again.action), (first.id, FilterAction::Flag), "one word, one action");
    let listed = store.filters().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|one| (one.word.as_str(), one.action)).collect();
    assert_eq!(listed, [("bother", FilterAction::Block), ("darn", FilterAction::Flag)]);
    let remove = |id| {
        let old = OldFilter { id, by: ana, from: Origin::default(), now: 41 };
        store.remove_filter(old, nothing())
    };
    assert_eq!(remove(first.id).await.unwrap(), again);
    assert_eq!(remove(first.id).await.unwrap_err(), StoreError::NotFound);
    let lines = store.audit(None, 2).await.unwrap();
    let actions: Vec<_> = lines.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["filter.remove", "filter.add"]);

    let channel = group(store, 880, bo, &[ana]).await;
    let sent = store.send_message(text(88_000, channel, bo), nothing()).await.unwrap().message;
    let flag = |n: u128, note: &str| {
        let id = ReportId::from_parts(8, n);
        store.flag(NewFlag { id, message: sent.id, note: note.into(), now: 42 }, nothing())
    };
    let made = flag(1, "darn").await.unwrap();
    assert!(made.fresh);
    let report = &made.report;
    assert_eq!((report.kind, report.reporter, report.author), (ReportKind::Filter, None, bo));
    assert_eq!((report.content.as_str(), report.note.as_str()), (sent.content.as_str(), "darn"));
    // The same once more is the same report; people report beside it.
    let again = flag(2, "darn, bother").await.unwrap();
    assert_eq!(
        (again.fresh, again.report.id, again.report.note.as_str()),
        (false, report.id, "darn, bother")
    );
    let by_hand = NewReport {
        id: ReportId::from_parts(8, 3),
        message: sent.id,
        reporter: ana,
        reason: "rude".into(),
        note: String::new(),
        now: 43,
    };
    let by_hand = store.report(by_hand, nothing()).await.unwrap();
    assert_eq!((by_hand.fresh, by_hand.report.kind), (true, ReportKind::User));
    let resolution = Resolution {
        report: report.id,
        by: ana,
        from: Origin::default(),
        state: ReportState::Dismissed,
        note: String::new(),
        now: 44,
    };
    store.resolve_report(resolution).await.unwrap();
    assert!(!flag(4, "darn").await.unwrap().fresh, "what was decided is decided");
    let change =
        MessageChange { message: sent.id, by: bo, moderator: false, from: Origin::default(), now: 45 };
    store.edit_message(change.clone(), "worse".into(), None, nothing()).await.unwrap();
    let other = flag(5, "worse").await.unwrap();
    assert_eq!((other.fresh, other.report.content.as_str()), (true, "worse"));
    store.delete_message(change, nothing()).await.unwrap();
    assert_eq!(flag(6, "worse").await.unwrap_err(), StoreError::State);
}
