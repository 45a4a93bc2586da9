//! Where people are signed in: listed, kept alive by refresh tokens, ended.
//!
//! Whatever ends one also ends what lives by it: its sockets, its seats in calls, the commands that wait.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use super::{Inner, Services, StoredResult as _, accounts::active};
use crate::{
    auth::grants::Actor,
    base::{
        id::{LoginId, UserId},
        origin::Origin,
    },
    call::model::LeaveReason,
    chat::{
        command::{RevokeSessions, SessionRevoke},
        error::{Code, ServiceError},
        lobby::Over,
        model::{LoginRecord, SignIn, UserRecord, WallMs},
    },
    runtime::clock,
    store::{NewLogin, OpenedLogin, Revocation, Rotated, Rotation, StoreError, Which},
};

/// For how long an ended session is remembered here. Commands that were let in before are over by then; new ones meet
/// the database.
const REMEMBERED_MS: i64 = 10 * 60 * 1000;
/// A client that lost the answer to a refresh may show its token once more. Twice as long would give a thief more time,
/// but no more chances: the next use of the other's token ends the session.
const LOST_ANSWER_MS: i64 = 60 * 1000;
/// What has ended is kept for as long: a token that is used again is a line in the log then, not an unknown one.
const KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

/// Sessions that this process ended lately.
#[derive(Default)]
pub(super) struct Ended(Mutex<HashMap<LoginId, WallMs>>);

impl Ended {
    fn add(&self, login: LoginId) {
        self.all().insert(login, clock::wall_ms());
    }

    pub(super) fn check(&self, actor: &Actor) -> Result<(), ServiceError> {
        match actor.login {
            Some(login) if self.all().contains_key(&login) => Err(revoked()),
            _ => Ok(()),
        }
    }

    pub(super) fn prune(&self) {
        let now = clock::wall_ms();
        self.all().retain(|_, at| at.saturating_add(REMEMBERED_MS) > now);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<LoginId, WallMs>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn revoked() -> ServiceError {
    ServiceError::new(Code::AuthRevoked, "this session has ended; sign in again")
}

impl Services {
    /// Without a refresh it is over after `ttl_ms`.
    pub async fn open_login(&self, sign_in: SignIn, ttl_ms: i64) -> Result<LoginRecord, ServiceError> {
        let inner = self.inner.clone();
        finish(async move {
            let (user, here, now) = (sign_in.user, inner.clone(), clock::wall_ms());
            let new = NewLogin { sign_in, expires_at: now.saturating_add(ttl_ms), now };
            let then = Box::new(move |opened: &OpenedLogin| here.cut(user, &opened.displaced));
            let opened = inner.store.open_login(new, then).await.or_not_found(Code::NotFoundUser)?;
            inner.clear_seats(&opened.displaced).await;
            Ok(opened.login)
        })
        .await
    }

    /// The session a token was made for, if it goes on.
    pub async fn live_login(&self, id: LoginId, user: UserId) -> Result<LoginRecord, ServiceError> {
        let login = self.inner.store.login(id).await;
        match login.or_not_found(Code::AuthRevoked) {
            Ok(login) if login.user == user && login.lives(clock::wall_ms()) => Ok(login),
            Ok(_) => Err(revoked()),
            Err(error) if error.code == Code::AuthRevoked => Err(revoked()),
            Err(error) => Err(error),
        }
    }

    /// Whether it was ended here since its token was looked at.
    pub fn check_login(&self, actor: &Actor) -> Result<(), ServiceError> {
        self.inner.ended.check(actor)
    }

    /// A refresh token of ours was shown; `next` is the hash of the one that takes its place.
    pub async fn rotate_login(
        &self,
        login: LoginId,
        (shown, next): (String, String),
        from: Origin,
        ttl_ms: i64,
    ) -> Result<(UserRecord, LoginRecord), ServiceError> {
        let inner = self.inner.clone();
        finish(async move {
            let now = clock::wall_ms();
            let known = inner.store.login(login).await.or_not_found(Code::AuthInvalid)?;
            // Whoever is banned or disabled gets no new token, and keeps the old one for afterwards.
            let user = inner.user(known.user).await.and_then(active)?;
            let rotation = Rotation {
                login,
                shown,
                next,
                from,
                expires_at: now.saturating_add(ttl_ms),
                lost_since: now - LOST_ANSWER_MS,
                now,
            };
            let here = inner.clone();
            let then = Box::new(move |rotated: &Rotated| {
                if let Rotated::Reused(login) = rotated {
                    here.cut(login.user, &[login.id]);
                }
            });
            match inner.store.rotate_login(rotation, then).await {
                Ok(Rotated::Done(login)) => Ok((user, login)),
                Ok(Rotated::Reused(login)) => {
                    tracing::warn!(user = %login.user, session = %login.id, "a refresh token was used twice: its session has ended");
                    inner.clear_seats(&[login.id]).await;
                    Err(revoked())
                }
                Err(StoreError::State) => Err(revoked()),
                Err(error) => Err(error).or_not_found(Code::AuthInvalid),
            }
        })
        .await
    }

    /// Whose it is, if there is one of this id.
    pub async fn login_user(&self, id: LoginId) -> Result<Option<UserId>, ServiceError> {
        match self.inner.store.login(id).await {
            Ok(login) => Ok(Some(login.user)),
            Err(StoreError::NotFound) => Ok(None),
            Err(error) => Err(error).or_not_found(Code::AuthInvalid),
        }
    }

    /// It was used by its access token.
    pub async fn touch_login(&self, login: LoginId, from: Origin) -> Result<(), ServiceError> {
        let touched = self.inner.store.touch_login(login, from, clock::wall_ms()).await;
        touched.or_not_found(Code::AuthRevoked)
    }

    /// Its own user signs out; of what has ended before nothing is said.
    pub async fn end_login(&self, user: UserId, login: LoginId, from: Origin) -> Result<(), ServiceError> {
        let inner = self.inner.clone();
        finish(async move {
            let now = clock::wall_ms();
            let revocation = Revocation { user, which: Which::One(login), by: user, from, now };
            match inner.revoke(revocation).await {
                Ok(()) => {}
                Err(error) if error.code == Code::NotFoundSession => return Ok(()),
                Err(error) => return Err(error),
            }
            // A guest who goes away from the door: nobody is asked about it any more.
            inner.end_knock(user, Over::Left).await;
            Ok(())
        })
        .await
    }
}

/// Somebody who hangs up must not leave it half done.
pub(super) async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
) -> Result<T, ServiceError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| Err(ServiceError::new(Code::ServerUnavailable, "the request failed")))
}

impl Inner {
    pub(super) async fn session_list(&self, actor: &Actor) -> Result<Value, ServiceError> {
        self.sessions_of(actor.user, actor.login).await
    }

    pub(super) async fn session_revoke(
        self: &Arc<Self>,
        actor: &Actor,
        revoke: SessionRevoke,
    ) -> Result<Value, ServiceError> {
        let which = match revoke.session_id {
            Some(id) => Which::One(id),
            None => Which::AllBut(actor.login),
        };
        let (user, now) = (actor.user, clock::wall_ms());
        self.revoke(Revocation { user, which, by: user, from: actor.from, now }).await?;
        Ok(json!({}))
    }

    pub(super) async fn user_sessions(&self, actor: &Actor, user: UserId) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        self.user(user).await?;
        self.sessions_of(user, actor.login).await
    }

    pub(super) async fn revoke_user_sessions(
        self: &Arc<Self>,
        actor: &Actor,
        revoke: RevokeSessions,
    ) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let which = revoke.session_id.map_or(Which::AllBut(None), Which::One);
        let (user, now) = (revoke.user_id, clock::wall_ms());
        self.user(user).await?;
        self.revoke(Revocation { user, which, by: actor.user, from: actor.from, now }).await?;
        Ok(json!({}))
    }

    async fn sessions_of(&self, user: UserId, current: Option<LoginId>) -> Result<Value, ServiceError> {
        let found = self.store.logins(user, clock::wall_ms()).await.or_not_found(Code::NotFoundUser)?;
        let sessions: Vec<Value> =
            found.iter().map(|login| login.to_json(Some(login.id) == current)).collect();
        Ok(json!({"sessions": sessions}))
    }

    async fn revoke(self: &Arc<Self>, revocation: Revocation) -> Result<(), ServiceError> {
        let (user, here) = (revocation.user, self.clone());
        let then = Box::new(move |ended: &Vec<LoginId>| here.cut(user, ended));
        let ended = self.store.revoke_logins(revocation, then).await.or_not_found(Code::NotFoundSession)?;
        self.clear_seats(&ended).await;
        Ok(())
    }

    /// In this order: what is let in no more cannot follow what was cut.
    pub(super) fn cut(&self, user: UserId, logins: &[LoginId]) {
        for login in logins {
            self.ended.add(*login);
            self.out.login_ended(user, *login, Code::AuthRevoked);
        }
    }

    /// The same for a guest who is not let in.
    pub(super) fn turn_away(&self, user: UserId, login: LoginId) {
        self.ended.add(login);
        self.out.login_ended(user, login, Code::PermDenied);
    }

    /// Their media ends with the seats.
    pub(super) async fn clear_seats(&self, logins: &[LoginId]) {
        for login in logins {
            for (call, session) in self.look(|book| book.of_login(*login)) {
                let left = self
                    .desk
                    .ask(None, move |book, now| book.leave(now, call, session, LeaveReason::Disconnected))
                    .await;
                if let Err(error) = left {
                    tracing::debug!(%call, %error, "the seat of an ended session was empty already");
                }
            }
        }
    }

    /// What has ended long enough ago is forgotten.
    pub(super) async fn expire_logins(&self, now: WallMs) -> crate::store::Result<u64> {
        self.store.expire_logins(now - KEPT_MS).await
    }
}
