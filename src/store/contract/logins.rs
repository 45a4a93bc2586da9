//! Where people are signed in.

use super::*;
use crate::{
    base::id::LoginId,
    chat::model::{Device, LoginRecord, SignIn},
};

const MINUTE: WallMs = 60_000;

fn id(n: u128) -> LoginId {
    LoginId::from_parts(7, n)
}

fn new(n: u128, user: UserId, now: WallMs) -> NewLogin {
    let sign_in = SignIn {
        id: id(n),
        user,
        device: Device::Mobile,
        client: "a phone".into(),
        from: std::net::IpAddr::from([192, 0, 2, 7]).into(),
        hash: format!("first-{n}"),
    };
    NewLogin { sign_in, expires_at: now + 100 * MINUTE, now }
}

fn rotation(n: u128, shown: &str, next: &str, now: WallMs) -> Rotation {
    Rotation {
        login: id(n),
        shown: shown.into(),
        next: next.into(),
        from: Origin::default(),
        expires_at: now + 100 * MINUTE,
        lost_since: now - MINUTE,
        now,
    }
}

fn revocation(user: UserId, which: Which, by: UserId) -> Revocation {
    Revocation { user, which, by, from: std::net::IpAddr::from([192, 0, 2, 9]).into(), now: 500 }
}

pub(super) async fn all(store: &dyn Store, [ana, bo, cy]: [UserId; 3]) {
    a_token_is_good_once(store, ana).await;
    a_lost_answer_is_forgiven_for_a_while(store, ana).await;
    sessions_end_one_by_one_and_together(store, ana, bo, cy).await;
    the_oldest_gives_way(store, bo).await;
    what_is_over_is_forgotten(store, cy).await;
}

async fn rotate(store: &dyn Store, rotation: Rotation) -> Result<Rotated> {
    store.rotate_login(rotation, nothing()).await
}

fn done(rotated: Result<Rotated>) -> LoginRecord {
    match rotated {
        Ok(Rotated::Done(login)) => login,
        other => panic!("{other:?}"),
    }
}

async fn a_token_is_good_once(store: &dyn Store, user: UserId) {
    let opened = store.open_login(new(1, user, 100), nothing()).await.unwrap();
    assert_eq!(opened.displaced, []);
    let login = opened.login;
    assert_eq!(
        (login.user, login.device, login.client.as_str(), login.ip.as_deref()),
        (user, Device::Mobile, "a phone", Some("192.0.2.7"))
    );
    let later = 100 + 10 * MINUTE;
    let login = done(rotate(store, rotation(1, "first-1", "second", later)).await);
    assert_eq!((login.created_at, login.last_used_at, login.expires_at), (100, later, later + 100 * MINUTE));
    assert_eq!(login.ip.as_deref(), Some("192.0.2.7"), "an unknown address replaces none");
    done(rotate(store, rotation(1, "second", "third", later + 10 * MINUTE)).await);
    // Long after the answer was there: a copy.
    let again = rotate(store, rotation(1, "second", "mine", later + 12 * MINUTE)).await;
    assert!(matches!(again, Ok(Rotated::Reused(login)) if login.id == id(1)));
    // It took everything with it.
    for token in ["third", "second", "mine"] {
        let refused = rotate(store, rotation(1, token, "next", later + 13 * MINUTE)).await;
        assert_eq!(refused.unwrap_err(), StoreError::State, "{token}");
    }
    assert!(store.login(id(1)).await.unwrap().revoked_at.is_some());
    let unknown = rotate(store, rotation(99, "first-99", "next", 200)).await;
    assert_eq!(unknown.unwrap_err(), StoreError::NotFound);
    // Over is over, whatever the token.
    store.open_login(new(2, user, 100), nothing()).await.unwrap();
    let refused = rotate(store, rotation(2, "first-2", "next", 100 + 100 * MINUTE)).await;
    assert_eq!(refused.unwrap_err(), StoreError::State);
}

async fn a_lost_answer_is_forgiven_for_a_while(store: &dyn Store, user: UserId) {
    store.open_login(new(3, user, 100), nothing()).await.unwrap();
    done(rotate(store, rotation(3, "first-3", "lost", 1_000)).await);
    done(rotate(store, rotation(3, "first-3", "lost too", 1_000 + MINUTE / 2)).await);
    done(rotate(store, rotation(3, "first-3", "here", 1_000 + MINUTE - 1)).await);
    // The time counts from the first use; what was lost is not good for the one who found it.
    let late = rotate(store, rotation(3, "first-3", "late", 1_000 + MINUTE)).await;
    assert!(matches!(late, Ok(Rotated::Reused(_))), "{late:?}");
    store.open_login(new(4, user, 100), nothing()).await.unwrap();
    done(rotate(store, rotation(4, "first-4", "stolen", 1_000)).await);
    done(rotate(store, rotation(4, "first-4", "owned", 1_001)).await);
    let thief = rotate(store, rotation(4, "stolen", "next", 1_002)).await;
    assert!(matches!(thief, Ok(Rotated::Reused(_))), "{thief:?}");
    let owner = rotate(store, rotation(4, "owned", "next", 1_003)).await;
    assert_eq!(owner.unwrap_err(), StoreError::State);
}

async fn ids(store: &dyn Store, user: UserId, now: WallMs) -> Vec<LoginId> {
    store.logins(user, now).await.unwrap().iter().map(|login| login.id).collect()
}

async fn sessions_end_one_by_one_and_together(store: &dyn Store, ana: UserId, bo: UserId, admin: UserId) {
    let revoke = |revocation| store.revoke_logins(revocation, nothing());
    revoke(revocation(ana, Which::AllBut(None), ana)).await.unwrap();
    for n in 10..14 {
        store.open_login(new(n, ana, 200 + n as WallMs), nothing()).await.unwrap();
    }
    store.open_login(new(20, bo, 300), nothing()).await.unwrap();
    store.touch_login(id(10), std::net::IpAddr::from([192, 0, 2, 8]).into(), 400).await.unwrap();
    assert_eq!(ids(store, ana, 450).await, [id(10), id(13), id(12), id(11)]);
    assert_eq!(store.login(id(10)).await.unwrap().ip.as_deref(), Some("192.0.2.8"));
    assert_eq!(revoke(revocation(ana, Which::One(id(12)), ana)).await.unwrap(), [id(12)]);
    // Not of somebody else, and not twice.
    for one in [id(20), id(12), id(99)] {
        let refused = revoke(revocation(ana, Which::One(one), ana)).await.unwrap_err();
        assert_eq!(refused, StoreError::NotFound, "{one}");
    }
    assert_eq!(revoke(revocation(ana, Which::AllBut(Some(id(10))), ana)).await.unwrap(), [id(11), id(13)]);
    assert_eq!(ids(store, ana, 450).await, [id(10)]);
    let lines = store.audit(None, 1).await.unwrap();
    assert!(lines.iter().all(|line| line.action != "session.revoke"), "one's own sessions are one's own");
    assert_eq!(revoke(revocation(ana, Which::AllBut(None), admin)).await.unwrap(), [id(10)]);
    let line = store.audit(None, 1).await.unwrap().remove(0);
    assert_eq!(
        (line.action.as_str(), line.actor, line.target, line.ip.as_deref()),
        ("session.revoke", admin, ana.to_string(), Some("192.0.2.9"))
    );
    assert!(line.detail.contains(&id(10).to_string()));
    assert!(store.verify_audit().await.unwrap().whole);
    assert_eq!(ids(store, bo, 450).await, [id(20)]);
    let nobody = revoke(revocation(UserId::from_parts(9, 9), Which::AllBut(None), admin)).await;
    assert_eq!(nobody.unwrap_err(), StoreError::NotFound);
}

async fn the_oldest_gives_way(store: &dyn Store, user: UserId) {
    for n in 0..u128::from(MAX_LOGINS) - 1 {
        let opened = store.open_login(new(100 + n, user, 1_000 + n as WallMs), nothing()).await.unwrap();
        assert_eq!(opened.displaced, [], "{n}");
    }
    let opened = store.open_login(new(200, user, 2_000), nothing()).await.unwrap();
    assert_eq!(opened.displaced, [id(20)]);
    assert_eq!(ids(store, user, 2_000).await.len(), MAX_LOGINS as usize);
}

async fn what_is_over_is_forgotten(store: &dyn Store, user: UserId) {
    store.open_login(new(300, user, 0), nothing()).await.unwrap();
    store.open_login(new(301, user, 50 * MINUTE), nothing()).await.unwrap();
    let mut gone = 0;
    loop {
        match store.expire_logins(100 * MINUTE + 1).await.unwrap() {
            0 => break,
            some => gone += some,
        }
    }
    assert_eq!(gone, 10, "those that were ended, and one that was over");
    assert_eq!(store.login(id(300)).await.unwrap_err(), StoreError::NotFound);
    assert!(store.login(id(301)).await.is_ok());
    assert_eq!(store.login(id(1)).await.unwrap_err(), StoreError::NotFound);
}
