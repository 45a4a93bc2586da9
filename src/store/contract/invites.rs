//! Links for guests, and who comes and goes by them.

use super::*;
use crate::{
    base::id::{InviteId, LoginId},
    chat::invite::{GUEST_STAY_MS, GuestState, InviteRecord},
};

const HOUR: WallMs = 3_600_000;

fn act(channel: ChannelId, by: UserId, now: WallMs) -> ChannelAct {
    ChannelAct { channel, by, host: false, from: Origin::default(), now }
}

fn link(n: u128) -> NewInvite {
    NewInvite {
        id: InviteId::from_parts(6, n),
        expires_at: 100 * HOUR,
        max_uses: None,
        lobby: false,
        publish: true,
        chat: false,
        hash: format!("hash-{n}"),
    }
}

fn guest(n: u128, hash: &str, now: WallMs) -> NewGuest {
    NewGuest {
        hash: hash.into(),
        user: UserId::from_parts(6, n),
        username: format!("guest-{n:08x}"),
        name: format!("Guest {n}"),
        login: LoginId::from_parts(6, n),
        client: "a page".into(),
        from: std::net::IpAddr::from([192, 0, 2, 5]).into(),
        now,
    }
}

/// A group into which any member may let others.
async fn open_group(store: &dyn Store, n: u128, owner: UserId, member: UserId, internal: bool) -> ChannelId {
    let new = NewChannel {
        id: ChannelId::from_parts(6, n),
        slug: None,
        kind: ChannelKind::Group,
        name: format!("open {n}"),
        description: String::new(),
        is_private: false,
        is_voice: false,
        owner: Some(owner),
        members: vec![owner, member],
        dm_key: None,
        department: None,
        project: None,
        is_internal: internal,
        context: "{}".into(),
        now: 1,
    };
    store.create_channel(new, nothing()).await.unwrap().channel.id
}

async fn create(
    store: &dyn Store,
    channel: ChannelId,
    by: UserId,
    new: NewInvite,
) -> std::result::Result<InviteRecord, StoreError> {
    store.create_invite(act(channel, by, HOUR), new).await
}

pub(super) async fn all(store: &Arc<dyn Store>, [ana, bo, cy]: [UserId; 3]) {
    whoever_adds_members_makes_links(&**store, ana, bo, cy).await;
    so_many_links_and_no_more(&**store, ana, bo).await;
    the_last_use_is_one_guests(store, ana).await;
    a_guest_is_in_its_channel_only(&**store, ana, bo).await;
    a_link_that_is_taken_back_takes_its_guests_along(&**store, ana, bo, cy).await;
    guests_wait_until_somebody_decides(&**store, ana, bo, cy).await;
    guests_go_when_their_time_is_over(&**store, ana).await;
}

async fn whoever_adds_members_makes_links(store: &dyn Store, ana: UserId, bo: UserId, cy: UserId) {
    let private = group(store, 660, ana, &[bo]).await;
    let made = create(store, private, ana, NewInvite { max_uses: Some(3), ..link(1) }).await.unwrap();
    assert_eq!(
        (made.channel, made.by, made.created_at, made.expires_at, made.max_uses, made.uses),
        (private, ana, HOUR, 100 * HOUR, Some(3), 0)
    );
    assert!(made.publish && !made.chat && !made.lobby && made.revoked_at.is_none());
    assert_eq!(create(store, private, bo, link(2)).await.unwrap_err(), StoreError::Denied);
    assert_eq!(create(store, private, cy, link(2)).await.unwrap_err(), StoreError::NotFound);
    assert_eq!(store.invites(act(private, bo, HOUR)).await.unwrap_err(), StoreError::Denied);
    assert_eq!(store.invites(act(private, cy, HOUR)).await.unwrap_err(), StoreError::NotFound);
    let open = open_group(store, 661, ana, bo, false).await;
    let by_member = create(store, open, bo, link(2)).await.unwrap();
    let listed = store.invites(act(open, ana, HOUR)).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&by_member));
    assert_eq!(store.invite(by_member.id).await.unwrap(), by_member);
    // An administrator of the server is seen when it does so from outside.
    let host = ChannelAct { host: true, ..act(private, cy, HOUR) };
    let by_host = store.create_invite(host.clone(), link(3)).await.unwrap();
    let line = store.audit(None, 1).await.unwrap().remove(0);
    assert_eq!((line.action.as_str(), line.actor, line.target), ("invite.create", cy, private.to_string()));
    assert_eq!(store.invites(host).await.unwrap(), [by_host, made], "the newest first");

    let internal = open_group(store, 662, ana, bo, true).await;
    assert_eq!(create(store, internal, ana, link(4)).await.unwrap_err(), StoreError::Denied);
    let dm =
        store.channels(ana, ChannelQuery { kind: Some(ChannelKind::Dm), limit: 1, ..Default::default() });
    let dm = dm.await.unwrap()[0].id;
    assert_eq!(create(store, dm, ana, link(4)).await.unwrap_err(), StoreError::Denied);
    store.archive_channel(act(open, ana, HOUR), true, nothing()).await.unwrap();
    assert_eq!(create(store, open, ana, link(4)).await.unwrap_err(), StoreError::State);
    // What was made before lets nobody in meanwhile.
    let closed = store.invite_by_hash("hash-2", HOUR).await;
    assert_eq!(closed.unwrap_err(), StoreError::State);
    assert_eq!(store.welcome(guest(1, "hash-2", HOUR)).await.unwrap_err(), StoreError::State);
    store.archive_channel(act(open, ana, HOUR), false, nothing()).await.unwrap();
    let (found, name) = store.invite_by_hash("hash-2", HOUR).await.unwrap();
    assert_eq!((found, name.as_str()), (by_member, "open 661"));
    assert_eq!(store.invite_by_hash("hash-4", HOUR).await.unwrap_err(), StoreError::NotFound);
}

async fn so_many_links_and_no_more(store: &dyn Store, ana: UserId, bo: UserId) {
    let channel = group(store, 663, ana, &[bo]).await;
    for n in 0..u128::from(MAX_INVITES) {
        let expires_at = if n == 0 { 2 * HOUR } else { 100 * HOUR };
        create(store, channel, ana, NewInvite { expires_at, max_uses: Some(1), ..link(100 + n) })
            .await
            .unwrap();
    }
    assert_eq!(create(store, channel, ana, link(200)).await.unwrap_err(), StoreError::Full);
    // One that has ended makes room, whatever ended it.
    store.welcome(guest(100, "hash-101", HOUR)).await.unwrap();
    create(store, channel, ana, link(200)).await.unwrap();
    assert_eq!(create(store, channel, ana, link(201)).await.unwrap_err(), StoreError::Full);
    store.revoke_invite(act(channel, ana, HOUR), link(102).id, nothing()).await.unwrap();
    create(store, channel, ana, link(201)).await.unwrap();
    store.create_invite(act(channel, ana, 2 * HOUR), link(202)).await.unwrap();
    let listed = store.invites(act(channel, ana, 2 * HOUR)).await.unwrap();
    assert_eq!(listed.len(), MAX_INVITES as usize + 1, "the one that is used up has guests");
    assert!(listed.iter().all(|one| one.revoked_at.is_none() && one.expires_at > 2 * HOUR));
}

async fn the_last_use_is_one_guests(store: &Arc<dyn Store>, ana: UserId) {
    let channel = group(&**store, 664, ana, &[]).await;
    let one = NewInvite { max_uses: Some(1), ..link(300) };
    create(&**store, channel, ana, one).await.unwrap();
    // A name that is taken uses nothing up.
    let taken = NewGuest { username: "USER-1".into(), ..guest(300, "hash-300", HOUR) };
    assert_eq!(store.welcome(taken).await.unwrap_err(), StoreError::Duplicate);
    assert_eq!(store.invite(link(300).id).await.unwrap().uses, 0);
    let mut both = Vec::new();
    for n in [301, 302] {
        let store = store.clone();
        both.push(tokio::spawn(async move { store.welcome(guest(n, "hash-300", 2 * HOUR)).await }));
    }
    let mut answers = Vec::new();
    for one in both {
        answers.push(one.await.unwrap());
    }
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(std::result::Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 1));
    assert_eq!(lost[0].as_ref().unwrap_err(), &StoreError::State);
    let Welcomed { user, invite, expires_at } = won.into_iter().next().unwrap().unwrap();
    assert_eq!((invite.uses, invite.max_uses), (1, Some(1)));
    assert_eq!(expires_at, 2 * HOUR + GUEST_STAY_MS);
    assert_eq!((user.kind.as_str(), user.role.as_str(), user.external_id), ("client", "member", None));
    assert!(user.username.starts_with("guest-") && user.name.starts_with("Guest 30"));
    // Whoever lost left nothing behind.
    let other = [301, 302].map(|n| UserId::from_parts(6, n)).into_iter().find(|id| *id != user.id).unwrap();
    assert_eq!(store.user(other).await.unwrap_err(), StoreError::NotFound);
    let known = store.guest(user.id).await.unwrap();
    assert_eq!((known.channel, known.state, known.knocked_at), (channel, GuestState::Admitted, None));
    assert_eq!(store.guest(ana).await.unwrap_err(), StoreError::NotFound);
    let logins = store.logins(user.id, 3 * HOUR).await.unwrap();
    assert_eq!(logins.len(), 1);
    assert_eq!(
        (logins[0].expires_at, logins[0].client.as_str(), logins[0].ip.as_deref()),
        (expires_at, "a page", Some("192.0.2.5"))
    );
    let (_, hash) = store.credentials(&user.username).await.unwrap();
    assert_eq!(hash, None, "no password opens it");
    // Not longer than the link, and not after it.
    create(&**store, channel, ana, NewInvite { expires_at: 3 * HOUR, ..link(303) }).await.unwrap();
    let short = store.welcome(guest(303, "hash-303", 2 * HOUR)).await.unwrap();
    assert_eq!(short.expires_at, 3 * HOUR);
    assert_eq!(store.welcome(guest(304, "hash-303", 3 * HOUR)).await.unwrap_err(), StoreError::State);
    assert_eq!(store.welcome(guest(304, "hash-999", HOUR)).await.unwrap_err(), StoreError::NotFound);
}

async fn a_guest_is_in_its_channel_only(store: &dyn Store, ana: UserId, bo: UserId) {
    let (here, there) =
        (open_group(store, 665, ana, bo, false).await, open_group(store, 666, ana, bo, false).await);
    create(store, here, ana, link(400)).await.unwrap();
    create(store, here, ana, NewInvite { lobby: true, ..link(401) }).await.unwrap();
    let user = store.welcome(guest(400, "hash-400", HOUR)).await.unwrap().user.id;
    assert_eq!(store.role(here, user).await.unwrap_err(), StoreError::NotFound, "it has not come in yet");
    assert_eq!(store.add_member(there, user, HOUR, nothing()).await.unwrap_err(), StoreError::NotFound);
    let joined = store.add_member(here, user, HOUR, nothing()).await.unwrap();
    assert!(joined.added && joined.line.is_some() && joined.member.role == "member");
    // Whom nobody has let in stays outside.
    let waiting = store.welcome(guest(401, "hash-401", HOUR)).await.unwrap().user.id;
    assert_eq!(store.add_member(here, waiting, HOUR, nothing()).await.unwrap_err(), StoreError::Denied);
    // Nobody takes it along, and in the directory it is not found.
    let added = store.invite_member(act(there, ana, HOUR), user, nothing()).await;
    assert_eq!(added.unwrap_err(), StoreError::NoUser);
    let talk = NewChannel {
        id: ChannelId::from_parts(6, 667),
        slug: None,
        kind: ChannelKind::Dm,
        name: String::new(),
        description: String::new(),
        is_private: true,
        is_voice: false,
        owner: Some(ana),
        members: vec![ana, user],
        dm_key: Some(format!("{ana}:{user}")),
        department: None,
        project: None,
        is_internal: false,
        context: "{}".into(),
        now: 1,
    };
    assert_eq!(store.create_channel(talk, nothing()).await.unwrap_err(), StoreError::NotFound);
    assert_eq!(store.users(Some("guest-"), None, Within::default(), 9).await.unwrap(), []);
    let within = Within { channel: Some(here), known_to: None };
    let found = store.users(Some("guest-"), None, within, 9).await.unwrap();
    assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [user]);
    // Any member of this group makes links, but no guest does.
    assert_eq!(create(store, here, user, link(402)).await.unwrap_err(), StoreError::Denied);
    assert_eq!(store.invites(act(here, user, HOUR)).await.unwrap_err(), StoreError::Denied);
    let revoked = store.revoke_invite(act(here, user, HOUR), link(400).id, nothing()).await;
    assert_eq!(revoked.unwrap_err(), StoreError::Denied);
    assert!(create(store, here, bo, link(402)).await.is_ok());
    // Who was put out is let in again by a member only, and where it was.
    store.change_member(act(here, ana, HOUR), user, MemberChange::Remove, nothing()).await.unwrap();
    assert_eq!(store.add_member(here, user, HOUR, nothing()).await.unwrap_err(), StoreError::NotFound);
    assert!(store.invite_member(act(here, ana, HOUR), user, nothing()).await.unwrap().added);
}

async fn a_link_that_is_taken_back_takes_its_guests_along(
    store: &dyn Store,
    ana: UserId,
    bo: UserId,
    cy: UserId,
) {
    let channel = group(store, 668, ana, &[bo]).await;
    create(store, channel, ana, link(500)).await.unwrap();
    create(store, channel, ana, link(501)).await.unwrap();
    let mut guests = Vec::new();
    for (n, hash) in [(500, "hash-500"), (501, "hash-500"), (502, "hash-500"), (503, "hash-501")] {
        let user = store.welcome(guest(n, hash, HOUR)).await.unwrap().user.id;
        // One of them has not come in yet.
        if n != 502 {
            store.add_member(channel, user, HOUR, nothing()).await.unwrap();
        }
        guests.push(user);
    }
    let before = store.channel(channel, ana).await.unwrap();
    let revoke =
        |by: UserId, at: ChannelId, then| store.revoke_invite(act(at, by, 2 * HOUR), link(500).id, then);
    assert_eq!(revoke(bo, channel, nothing()).await.unwrap_err(), StoreError::Denied);
    assert_eq!(revoke(cy, channel, nothing()).await.unwrap_err(), StoreError::NotFound);
    let elsewhere = group(store, 669, ana, &[]).await;
    assert_eq!(revoke(ana, elsewhere, nothing()).await.unwrap_err(), StoreError::NotFound);
    let told = Arc::new(Mutex::new(false));
    let seen = told.clone();
    let then: Then<RevokedInvite> = Box::new(move |_| *seen.lock().unwrap() = true);
    let done = revoke(ana, channel, then).await.unwrap();
    assert!(*told.lock().unwrap());
    assert_eq!(done.invite.revoked_at, Some(2 * HOUR));
    let gone: Vec<UserId> = done.departed.guests.iter().map(|(user, _)| *user).collect();
    assert_eq!((gone.as_slice(), done.departed.by), (&guests[..3], ana));
    let there = done.departed.there.unwrap();
    assert_eq!(there.left.iter().map(|one| one.user).collect::<Vec<_>>(), guests[..2]);
    assert!(there.left.iter().all(|one| one.left_at == Some(2 * HOUR) && one.rev > before.rev));
    let mut stay = [ana, bo, guests[3]];
    stay.sort_unstable();
    assert_eq!(there.audience[..], stay[..]);
    assert!(
        matches!(
            &there.lines[..],
            [MessageRecord { line: Some(crate::chat::line::Line::Removed { count: 2, .. }), .. }]
        ),
        "{:?}",
        there.lines
    );
    for (at, user) in guests.iter().enumerate() {
        let lives = store.logins(*user, 2 * HOUR).await.unwrap().len();
        assert_eq!(lives, usize::from(at == 3), "guest {at}");
        assert_eq!(store.role(channel, *user).await.is_ok(), at == 3, "guest {at}");
    }
    assert_eq!(store.welcome(guest(504, "hash-500", 2 * HOUR)).await.unwrap_err(), StoreError::State);
    assert_eq!(store.invite_by_hash("hash-500", 2 * HOUR).await.unwrap_err(), StoreError::State);
    let again = revoke(ana, channel, nothing()).await.unwrap();
    assert_eq!((again.invite, again.departed.guests.len()), (done.invite, 0));
    // Over is over: nobody is seen off twice.
    let host = ChannelAct { host: true, ..act(channel, cy, 3 * HOUR) };
    store.revoke_invite(host, link(501).id, nothing()).await.unwrap();
    let line = store.audit(None, 1).await.unwrap().remove(0);
    assert_eq!((line.action.as_str(), line.actor, line.target), ("invite.revoke", cy, channel.to_string()));
    assert!(store.verify_audit().await.unwrap().whole);
}

async fn guests_go_when_their_time_is_over(store: &dyn Store, ana: UserId) {
    let channel = group(store, 670, ana, &[]).await;
    // Those of before stay out of this.
    while store.see_guests_off(200 * HOUR, nothing()).await.unwrap().is_some() {}
    create(store, channel, ana, NewInvite { expires_at: 300 * HOUR, ..link(600) }).await.unwrap();
    let mut guests = Vec::new();
    for (n, hours) in [(600, 200), (601, 205), (602, 205)] {
        let user = store.welcome(guest(n, "hash-600", hours * HOUR)).await.unwrap().user.id;
        store.add_member(channel, user, hours * HOUR, nothing()).await.unwrap();
        guests.push(user);
    }
    assert!(store.see_guests_off(211 * HOUR, nothing()).await.unwrap().is_none());
    // One has signed out, the first one's time is over.
    let out = Revocation {
        user: guests[1],
        which: Which::AllBut(None),
        by: guests[1],
        from: Origin::default(),
        now: 206 * HOUR,
    };
    store.revoke_logins(out, nothing()).await.unwrap();
    let gone = store.see_guests_off(212 * HOUR, nothing()).await.unwrap().unwrap();
    assert_eq!(gone.guests.iter().map(|(user, _)| *user).collect::<Vec<_>>(), guests[..2]);
    let there = gone.there.unwrap();
    assert_eq!((there.channel.id, there.left.len(), there.audience.len()), (channel, 2, 2));
    assert!(matches!(
        &there.lines[..],
        [MessageRecord { line: Some(crate::chat::line::Line::Left { count: 2, .. }), .. }]
    ));
    assert!(store.see_guests_off(212 * HOUR, nothing()).await.unwrap().is_none(), "nobody goes twice");
    assert!(store.role(channel, guests[2]).await.is_ok());
}

async fn guests_wait_until_somebody_decides(store: &dyn Store, ana: UserId, bo: UserId, cy: UserId) {
    let channel = group(store, 671, ana, &[bo]).await;
    create(store, channel, ana, NewInvite { lobby: true, ..link(700) }).await.unwrap();
    let mut guests = Vec::new();
    for n in 700..=700 + u128::from(MAX_KNOCKING) + 1 {
        guests.push(store.welcome(guest(n, "hash-700", 2 * HOUR)).await.unwrap().user.id);
    }
    let knock = |user: UserId, now: WallMs| store.knock(user, now, nothing());
    assert_eq!(knock(ana, 3 * HOUR).await.unwrap_err(), StoreError::NotFound, "no guest");
    let first = knock(guests[0], 3 * HOUR).await.unwrap();
    assert_eq!((first.fresh, &first.hosts[..]), (true, &[ana][..]), "who may let it in");
    assert_eq!((first.guest.state, first.guest.knocked_at), (GuestState::Waiting, Some(3 * HOUR)));
    let again = knock(guests[0], 4 * HOUR).await.unwrap();
    assert_eq!((again.fresh, again.guest.knocked_at), (false, Some(3 * HOUR)), "it goes on");
    for (at, user) in (1..).zip(&guests[1..MAX_KNOCKING as usize]) {
        knock(*user, 3 * HOUR + at).await.unwrap();
    }
    let [late, later] = guests[MAX_KNOCKING as usize..] else { panic!("two more") };
    assert_eq!(knock(late, 4 * HOUR).await.unwrap_err(), StoreError::Full);
    assert!(!knock(guests[1], 4 * HOUR).await.unwrap().fresh, "who is there stays");
    let listed = store.knocking(Some(channel)).await.unwrap();
    assert_eq!((listed.len(), listed[0].user, listed[0].name.as_str()), (50, guests[0], "Guest 700"));
    assert_eq!(store.knocking(None).await.unwrap().len(), 50);
    // One leaves: there is room for one.
    let gone = store.end_knock(guests[2], nothing()).await.unwrap().unwrap();
    assert_eq!((gone.guest.user, &gone.hosts[..]), (guests[2], &[ana][..]));
    assert!(store.end_knock(guests[2], nothing()).await.unwrap().is_none());
    assert!(knock(late, 4 * HOUR).await.unwrap().fresh);

    let decide =
        |by: UserId, user: UserId, admit| store.decide(act(channel, by, 5 * HOUR), user, admit, nothing());
    assert_eq!(decide(bo, guests[0], true).await.unwrap_err(), StoreError::Denied);
    assert_eq!(decide(cy, guests[0], true).await.unwrap_err(), StoreError::NotFound);
    assert_eq!(decide(ana, bo, true).await.unwrap_err(), StoreError::NoUser, "no guest");
    let elsewhere = group(store, 672, ana, &[]).await;
    let there = store.decide(act(elsewhere, ana, 5 * HOUR), guests[0], true, nothing()).await;
    assert_eq!(there.unwrap_err(), StoreError::NoUser, "no guest of that channel");
    let admitted = decide(ana, guests[0], true).await.unwrap();
    let joined = admitted.joined.unwrap();
    assert_eq!(
        (admitted.guest.state, joined.member.user, joined.added),
        (GuestState::Admitted, guests[0], true)
    );
    assert!(matches!(
        &joined.line,
        Some(MessageRecord { line: Some(crate::chat::line::Line::Added { count: 1, .. }), .. })
    ));
    assert_eq!(admitted.hosts.as_deref(), Some(&[ana][..]));
    assert_eq!(store.role(channel, guests[0]).await.unwrap(), "member");
    let refused = decide(ana, guests[1], false).await.unwrap();
    assert_eq!((refused.guest.state, refused.joined.is_some()), (GuestState::Refused, false));
    assert_eq!(store.logins(guests[1], 5 * HOUR).await.unwrap(), [], "signed out for good");
    for user in &guests[..2] {
        for admit in [true, false] {
            assert_eq!(decide(ana, *user, admit).await.unwrap_err(), StoreError::State, "decided before");
        }
        assert_eq!(knock(*user, 6 * HOUR).await.unwrap_err(), StoreError::State);
    }
    // Whoever has not knocked may be let in as well; nobody has to be told.
    assert_eq!(decide(ana, later, true).await.unwrap().hosts, None);
    // Nor is anybody let in whose time is over.
    let over = store.decide(act(channel, ana, 2 * HOUR + GUEST_STAY_MS), late, true, nothing()).await;
    assert_eq!(over.unwrap_err(), StoreError::State);
    store.revoke_invite(act(channel, ana, 6 * HOUR), link(700).id, nothing()).await.unwrap();
    assert_eq!(store.knocking(Some(channel)).await.unwrap(), []);
    assert_eq!(decide(ana, late, true).await.unwrap_err(), StoreError::State);
    assert_eq!(store.role(channel, guests[0]).await.unwrap_err(), StoreError::NotFound);
}
