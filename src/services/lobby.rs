//! Guests who wait to be let in. Who waits is in the database; for how long yet, here.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Inner, StoredResult, soft};
use crate::{
    auth::grants::Actor,
    base::id::{ChannelId, UserId},
    chat::{
        broadcast::Audience,
        error::{Code, ServiceError},
        invite::GuestState,
        lobby::{Lobby, Over},
        model::{UserRecord, WallMs},
    },
    runtime::clock,
    store::{Decided, Knocked, Store, StoreError},
};

/// What guests who wait are told, and whose sockets are there.
pub(super) struct Waiting(Mutex<Lobby>);

impl Waiting {
    /// Those who knocked when the process before ended: their pages come back, or their knocks end soon.
    pub(super) async fn of(store: &dyn Store) -> Result<Self, ServiceError> {
        let mut lobby = Lobby::default();
        let (now, wall) = (clock::now(), clock::wall_ms());
        for guest in store.knocking(None).await.or_not_found(Code::NotFoundUser)? {
            lobby.knock(now, guest.user, since(guest.knocked_at, wall));
        }
        Ok(Self(Mutex::new(lobby)))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.lobby().next_timeout()
    }

    fn lobby(&self) -> MutexGuard<'_, Lobby> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn since(at: Option<WallMs>, wall: WallMs) -> Duration {
    Duration::from_millis(u64::try_from(wall.saturating_sub(at.unwrap_or(wall))).unwrap_or(0))
}

impl Inner {
    /// Whether the guest has not been let in yet.
    pub(super) async fn is_kept_waiting(&self, actor: &Actor) -> Result<bool, ServiceError> {
        match self.store.guest(actor.user).await {
            Ok(guest) => Ok(guest.state == GuestState::Waiting),
            // A token of an integrator that says so: there is nothing to wait for.
            Err(StoreError::NotFound) => Ok(false),
            Err(error) => Err(error).or_not_found(Code::NotFoundUser),
        }
    }

    /// A session of a guest who waits: it knocks. Of the channel it is told nothing.
    pub(super) async fn wait_in_lobby(
        self: &Arc<Self>,
        actor: &Actor,
        user: &UserRecord,
    ) -> Result<Value, ServiceError> {
        // For when it is let in.
        self.know(user).await?;
        self.presence().seed(soft::moment(), user.id, user.status.clone(), user.last_seen_at);
        let (here, me) = (self.clone(), actor.clone());
        // In commit order: whoever decides at once meets a knock that it can end.
        let then = Box::new(move |knocked: &Knocked| here.knocked(&me, knocked));
        let knocked = self.store.knock(actor.user, clock::wall_ms(), then).await;
        match knocked {
            Ok(_) => self.wake.notify_one(),
            // It was decided meanwhile: the client comes again, and in.
            Err(StoreError::State) => {
                return Err(ServiceError::new(Code::ServerUnavailable, "try again")
                    .retry_after(Duration::from_millis(100)));
            }
            Err(error) => return Err(error).or_not_found(Code::NotFoundUser),
        }
        Ok(json!({
            "user": user.to_json(), "channels": [], "presence": [], "activeCalls": [],
            "settings": user.status.settings_json(user.hides_reading), "lobby": "waiting",
        }))
    }

    fn knocked(&self, actor: &Actor, knocked: &Knocked) {
        {
            let mut lobby = self.waiting.lobby();
            let waited = since(knocked.guest.knocked_at, clock::wall_ms());
            lobby.knock(clock::now(), actor.user, waited);
            lobby.attached(actor.user, actor.session, actor.device);
        }
        if knocked.fresh {
            let to = Audience::Users(knocked.hosts.clone());
            self.out.reliable(to, "invite:knock", knocked.guest.knock_json());
        }
    }

    pub(super) fn back_in_lobby(&self, actor: &Actor) {
        if actor.grants.guest {
            self.waiting.lobby().attached(actor.user, actor.session, actor.device);
        }
    }

    pub(super) fn away_from_lobby(&self, actor: &Actor) {
        if actor.grants.guest && self.waiting.lobby().detached(clock::now(), actor.user, actor.session) {
            self.wake.notify_one();
        }
    }

    pub(super) async fn decide_on_guest(
        self: &Arc<Self>,
        actor: &Actor,
        channel: ChannelId,
        user: UserId,
        admit: bool,
    ) -> Result<Value, ServiceError> {
        let (act, here) = (self.act(actor, channel).await?, self.clone());
        let then = Box::new(move |decided: &Decided| here.decided(decided));
        let done = self.store.decide(act, user, admit, then).await;
        let done = done.or_not_found(Code::NotFoundChannel)?;
        Ok(match &done.joined {
            Some(joined) => json!({"member": self.member_json(actor, &joined.member).await?}),
            None => json!({}),
        })
    }

    /// In commit order. The guest learns first that it is in, then what it is in.
    fn decided(&self, decided: &Decided) {
        let guest = &decided.guest;
        let sessions = self.waiting.lobby().end(guest.user);
        match &decided.joined {
            Some(joined) => {
                let data = json!({"channelId": guest.channel});
                self.out.reliable(Audience::Users([guest.user].into()), "invite:admitted", data);
                self.out.member_joined(joined);
                for (session, device) in sessions {
                    let flipped = self.presence().attached(guest.user, session, device);
                    self.presence_changed(guest.user, flipped);
                }
            }
            None => self.turn_away(guest.user, guest.login),
        }
        if let Some(hosts) = &decided.hosts {
            let outcome = if decided.joined.is_some() { "admitted" } else { "refused" };
            let data = json!({
                "channelId": guest.channel, "userId": guest.user, "outcome": outcome, "by": decided.by,
            });
            self.out.reliable(Audience::Users(hosts.clone()), "invite:knock_over", data);
        }
    }

    /// Those who waited too long, or whose pages are gone.
    pub(super) async fn forget_knocks(&self) {
        let over = self.waiting.lobby().expire(clock::now());
        for (user, why) in over {
            self.end_knock(user, why).await;
        }
    }

    /// Nobody has decided, and nobody will.
    pub(super) async fn end_knock(&self, user: UserId, why: Over) {
        self.waiting.lobby().end(user);
        let out = self.out.clone();
        let then = Box::new(move |over: &Option<Knocked>| {
            let Some(Knocked { guest, hosts, .. }) = over else { return };
            let data = json!({
                "channelId": guest.channel, "userId": guest.user, "outcome": why.as_str(), "by": null,
            });
            let everybody: Vec<UserId> = hosts.iter().copied().chain([guest.user]).collect();
            out.reliable(Audience::Users(everybody.into()), "invite:knock_over", data);
        });
        if let Err(error) = self.store.end_knock(user, then).await {
            tracing::warn!(%error, "a guest who waits no more is still shown as waiting");
        }
    }
}
