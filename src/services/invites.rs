//! Links that let people in who have no account: made, shown, followed, taken back.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Inner, Services, StoredResult, logins::finish, permit::Place};
use crate::{
    auth::{
        grants::{Actor, Grants},
        invite::InviteCode,
    },
    base::{
        id::{ChannelId, InviteId, LoginId},
        origin::Origin,
        time::rfc3339,
    },
    chat::{
        command::{ChannelRef, InviteCreate, InviteRevoke},
        error::{Code, ServiceError},
        invite::{GuestRecord, InviteRecord},
        lobby::Over,
        model::{UserRecord, WallMs},
    },
    runtime::clock,
    store::{self, Departed, NewGuest, NewInvite, RevokedInvite, StoreError},
};

/// Long enough for a meeting of next week.
const DEFAULT_EXPIRY_S: u32 = 7 * 24 * 3600;
/// People in the call whom a stranger is told by name; with more, how many there are is told anyway.
const NAMED: usize = 5;
/// Of 2^32 usernames a taken one is met rarely, and not this often in a row.
const ATTEMPTS: u32 = 4;

/// Somebody who follows a link.
#[derive(Debug, Clone)]
pub struct Arriving {
    pub name: String,
    /// The sign-in that its token will be of.
    pub login: LoginId,
    /// What its client calls itself.
    pub client: String,
    pub from: Origin,
}

/// A guest, and what its token may say.
#[derive(Debug, Clone)]
pub struct Guest {
    pub user: UserRecord,
    pub channel: ChannelId,
    pub grants: Grants,
    pub expires_at: WallMs,
}

impl Services {
    /// What is behind a link: `{channelId, channelName, people[≤5 names], count, lobby, publish, chat, expiresAt}`.
    /// `invite.gone` if it lets nobody in any more, `not_found.invite` if there never was one. A member who follows the
    /// link is told by the id that it needs no link.
    pub async fn show_invite(&self, code: &str) -> Result<Value, ServiceError> {
        let code = InviteCode::read(code).ok_or_else(unknown)?;
        let found = self.inner.store.invite_by_hash(&code.hash(), clock::wall_ms()).await;
        let (invite, channel_name) = found.map_err(refused)?;
        let (people, count) = self.inner.people_in_call(invite.channel);
        Ok(json!({
            "channelId": invite.channel, "channelName": channel_name, "people": people, "count": count,
            "lobby": invite.lobby, "publish": invite.publish, "chat": invite.chat,
            "expiresAt": rfc3339(invite.expires_at),
        }))
    }

    /// Makes the account of a guest and counts the use of the link; errors as above.
    pub async fn welcome(&self, code: &str, arriving: Arriving) -> Result<Guest, ServiceError> {
        let code = InviteCode::read(code).ok_or_else(unknown)?;
        let inner = self.inner.clone();
        // Somebody who hangs up must not use it up for nothing: the answer is all that is left to be given.
        finish(async move {
            for _ in 0..ATTEMPTS {
                let new = NewGuest {
                    hash: code.hash(),
                    user: inner.ids.user(),
                    username: format!("guest-{:08x}", rand::random::<u32>()),
                    name: arriving.name.clone(),
                    login: arriving.login,
                    client: arriving.client.clone(),
                    from: arriving.from,
                    now: clock::wall_ms(),
                };
                match inner.store.welcome(new).await {
                    Ok(welcomed) => {
                        let store::Welcomed { user, invite, expires_at } = welcomed;
                        let grants = grants(&invite);
                        return Ok(Guest { user, channel: invite.channel, grants, expires_at });
                    }
                    Err(StoreError::Duplicate) => {}
                    Err(error) => return Err(refused(error)),
                }
            }
            Err(ServiceError::new(Code::ConflictDuplicate, "no free username"))
        })
        .await
    }
}

/// The room and nothing else, and of it what the link gives.
fn grants(invite: &InviteRecord) -> Grants {
    Grants {
        room: Some(invite.channel.to_string()),
        publish: invite.publish,
        chat: invite.chat,
        guest: true,
        ..Grants::default()
    }
}

fn unknown() -> ServiceError {
    ServiceError::new(Code::NotFoundInvite, "there is no such link")
}

/// Whoever has the code knows that there was such a link.
fn refused(error: StoreError) -> ServiceError {
    match error {
        StoreError::NotFound => unknown(),
        StoreError::State => {
            ServiceError::new(Code::InviteGone, "this link does not let anybody in any more")
        }
        other => super::store_error(other, Code::NotFoundInvite),
    }
}

impl Inner {
    pub(super) async fn invite_create(
        &self,
        actor: &Actor,
        channel: ChannelId,
        create: InviteCreate,
    ) -> Result<Value, ServiceError> {
        let act = self.act(actor, channel).await?;
        let code = InviteCode::new(rand::random());
        let span_ms = i64::from(create.expires_in.unwrap_or(DEFAULT_EXPIRY_S)) * 1000;
        let new = NewInvite {
            id: self.ids.invite(),
            expires_at: act.now.saturating_add(span_ms),
            max_uses: create.max_uses,
            lobby: create.lobby,
            publish: create.publish,
            chat: create.chat,
            hash: code.hash(),
        };
        let made = self.store.create_invite(act, new).await.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({"invite": made.to_json(), "code": code.expose()}))
    }

    pub(super) async fn invite_list(&self, actor: &Actor, channel: ChannelId) -> Result<Value, ServiceError> {
        let act = self.act(actor, channel).await?;
        let found = self.store.invites(act).await.or_not_found(Code::NotFoundChannel)?;
        let waiting = self.store.knocking(Some(channel)).await.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({
            "invites": found.iter().map(InviteRecord::to_json).collect::<Vec<_>>(),
            "waiting": waiting.iter().map(GuestRecord::knock_json).collect::<Vec<_>>(),
        }))
    }

    pub(super) async fn invite_revoke(
        self: &Arc<Self>,
        actor: &Actor,
        channel: ChannelId,
        id: InviteId,
    ) -> Result<Value, ServiceError> {
        let (act, here) = (self.act(actor, channel).await?, self.clone());
        let then = Box::new(move |revoked: &RevokedInvite| here.guests_departed(&revoked.departed));
        let done = self.store.revoke_invite(act, id, then).await.or_not_found(Code::NotFoundInvite)?;
        self.clear_after(channel, &done.departed).await;
        Ok(json!({"invite": done.invite.to_json()}))
    }

    /// Guests whose time is over are no members any more. Their sockets ended with their tokens.
    pub(super) async fn see_guests_off(self: &Arc<Self>) -> store::Result<bool> {
        let here = self.clone();
        let then = Box::new(move |departed: &Option<Departed>| {
            if let Some(departed) = departed {
                here.guests_departed(departed);
            }
        });
        let done = self.store.see_guests_off(clock::wall_ms(), then).await?;
        if let Some(departed) = &done
            && let Some(there) = &departed.there
        {
            self.clear_after(there.channel.id, departed).await;
        }
        Ok(done.is_some())
    }

    /// In commit order. What is let in no more cannot follow what was cut.
    fn guests_departed(&self, departed: &Departed) {
        if let Some(there) = &departed.there {
            self.out.directory_channel(there, departed.by);
        }
        for (user, login) in &departed.guests {
            self.cut(*user, &[*login]);
        }
    }

    /// What the database knows nothing of: seats, and with them the media.
    async fn clear_after(&self, channel: ChannelId, departed: &Departed) {
        for (user, login) in &departed.guests {
            self.after_removal(channel, *user).await;
            self.clear_seats(&[*login]).await;
            self.end_knock(*user, Over::Left).await;
        }
    }

    pub(super) async fn of_invite(&self, actor: &Actor, one: &InviteRevoke) -> Result<Place, ServiceError> {
        let invite = self.store.invite(one.invite_id).await.or_not_found(Code::NotFoundInvite)?;
        let place = self.named(actor, &ChannelRef(invite.channel.to_string())).await?;
        match self.maybe_named(actor, one.channel_id.as_ref()).await? {
            Some(named) if named.id != place.id => Err(unknown()),
            _ => Ok(place),
        }
    }

    /// Who is in the channel's call now: some names, and how many people.
    fn people_in_call(&self, channel: ChannelId) -> (Vec<String>, usize) {
        self.look(|book| {
            let Some(live) = book.in_channel(channel) else { return (Vec::new(), 0) };
            let users = live.users();
            let name = |user| live.participants.iter().find(|one| one.person.id == user);
            let names = users.iter().filter_map(|user| name(*user)).map(|one| one.person.name.clone());
            (names.take(NAMED).collect(), users.len())
        })
    }
}
