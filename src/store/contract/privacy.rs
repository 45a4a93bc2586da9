//! What people hide of themselves: whether they are seen by whom they block, and how far they have read.

use super::*;
use crate::store::Receipts;

pub(super) async fn all(store: &dyn Store, people: [UserId; 3]) {
    blocks_are_known_from_both_sides(store, people).await;
    who_hides_its_reading_is_not_counted_and_does_not_see(store, people).await;
}

async fn blocks_are_known_from_both_sides(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    for other in [cy, bo] {
        store.block(ana, other, true, 5, nothing()).await.unwrap();
    }
    assert_eq!(store.blocked(ana).await.unwrap(), [bo, cy]);
    assert!(store.blocked(bo).await.unwrap().is_empty());
    assert_eq!(store.blocking(bo, &[ana, cy]).await.unwrap(), [ana]);
    assert!(store.blocking(bo, &[cy, bo]).await.unwrap().is_empty(), "of those who are asked about");
    assert!(store.blocking(ana, &[bo, cy]).await.unwrap().is_empty(), "one way");
    assert!(store.blocking(bo, &[]).await.unwrap().is_empty());
    for other in [bo, cy] {
        store.block(ana, other, false, 6, nothing()).await.unwrap();
    }
    assert!(store.blocked(ana).await.unwrap().is_empty());
}

async fn who_hides_its_reading_is_not_counted_and_does_not_see(
    store: &dyn Store,
    [ana, bo, cy]: [UserId; 3],
) {
    let channel = group(store, 180, ana, &[bo, cy]).await;
    let root = store.send_message(text(180_000, channel, ana), nothing()).await.unwrap().message;
    let reply = |n| NewMessage { thread: Some(root.id), ..text(n, channel, ana) };
    store.send_message(reply(180_001), nothing()).await.unwrap();
    for user in [bo, cy] {
        store.follow_thread(root.id, user, true, nothing()).await.unwrap();
    }
    let reply = store.send_message(reply(180_002), nothing()).await.unwrap().message;
    for user in [bo, cy] {
        store.mark_read(channel, user, ReadMove::All, 900, nothing()).await.unwrap();
    }
    let hides = |members: &[MemberRecord]| members.iter().map(|one| one.hides_reading).collect::<Vec<_>>();
    assert_eq!(hides(&store.members(channel).await.unwrap()), [false; 3]);
    assert!(!store.user(bo).await.unwrap().hides_reading, "unless one says else");

    let told = Arc::new(Mutex::new(Vec::new()));
    for (on, changed) in [(false, true), (false, false)] {
        let told = told.clone();
        let then = Box::new(move |changed: &bool| told.lock().unwrap().push(*changed));
        assert_eq!(store.set_read_receipts(bo, on, then).await.unwrap(), changed);
    }
    assert_eq!(*told.lock().unwrap(), [true, false]);
    let nobody = store.set_read_receipts(UserId::from_parts(9, 9), false, nothing()).await;
    assert_eq!(nobody.unwrap_err(), StoreError::NotFound);
    assert!(store.user(bo).await.unwrap().hides_reading);
    assert_eq!(hides(&store.members(channel).await.unwrap()), [false, true, false]);
    store.set_status(bo, SelfStatus::default()).await.unwrap();
    assert!(store.user(bo).await.unwrap().hides_reading, "a status does not touch it");

    let of = |who: &[UserId]| Receipts {
        readers: who.iter().map(|user| (*user, Some(900))).collect(),
        count: u32::try_from(who.len()).unwrap(),
    };
    for message in [root.id, reply.id] {
        for (viewer, seen) in [(ana, vec![cy]), (cy, vec![cy]), (bo, vec![bo])] {
            assert_eq!(store.read_receipts(message, viewer, 50).await.unwrap(), of(&seen));
            let uncounted = Receipts { readers: Vec::new(), ..of(&seen) };
            assert_eq!(store.read_receipts(message, viewer, 2).await.unwrap(), uncounted, "nor as a number");
        }
    }
    assert!(store.set_read_receipts(bo, true, nothing()).await.unwrap());
    for message in [root.id, reply.id] {
        assert_eq!(store.read_receipts(message, bo, 50).await.unwrap(), of(&[bo, cy]));
    }
}
