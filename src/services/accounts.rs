//! Accounts: passwords, tokens of integrators, creation.

use std::time::Duration;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    ExternalUser, Inner, NewAccount, PasswordCost, ServicesConfig, general_channel, ids::Ids, members_of,
    moderation::not_banned, store_error,
};
use crate::{
    auth::grants::Actor,
    base::id::UserId,
    chat::{
        command::UserList,
        directory::{is_username, username_from},
        error::{Code, ServiceError},
        limits::page,
        model::{EXTERNAL, UserRecord},
    },
    runtime::clock,
    store::{CreatedUser, NewUser, Store, StoreError, Within, nothing},
};

/// How long a login may wait for its turn at the hash; beyond it the server is overloaded.
const HASH_WAIT: Duration = Duration::from_secs(5);
/// A longer password would be an attack on the hash, not a password.
const MAX_PASSWORD: usize = 1024;

/// Argon2id off the async threads, a few at a time.
pub(super) struct Passwords {
    turns: Semaphore,
    params: Params,
    /// Verified when the user is unknown, so that both answers take the same work.
    decoy: String,
}

impl Passwords {
    pub(super) async fn new(cost: PasswordCost) -> Result<Self, ServiceError> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(|_| broken())?;
        let mut passwords =
            Self { turns: Semaphore::new(cost.parallel.max(1)), params, decoy: String::new() };
        passwords.decoy = passwords.hash("nobody has this password".into()).await?;
        Ok(passwords)
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, ServiceError> {
        if password.len() > MAX_PASSWORD || password.is_empty() {
            return Err(ServiceError::invalid("password", "1..=1024 bytes"));
        }
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        self.work(move || {
            let hash: PasswordHash = argon.hash_password(password.as_bytes()).map_err(|_| broken())?;
            Ok(hash.to_string())
        })
        .await?
    }

    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, ServiceError> {
        if password.len() > MAX_PASSWORD {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        self.work(move || {
            let parsed = PasswordHash::new(&hash).map_err(|_| broken())?;
            let right = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(right && known)
        })
        .await?
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let turn = tokio::time::timeout(HASH_WAIT, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(ServiceError::new(Code::ServerUnavailable, "too many logins").retry_after(HASH_WAIT));
        };
        tokio::task::spawn_blocking(job).await.map_err(|_| broken())
    }
}

fn broken() -> ServiceError {
    ServiceError::new(Code::ServerUnavailable, "password hashing failed")
}

impl Inner {
    pub(super) async fn login(&self, username: &str, password: &str) -> Result<UserRecord, ServiceError> {
        let found = match self.store.credentials(username.trim()).await {
            Ok((user, hash)) => Some((user, hash)),
            Err(StoreError::NotFound) => None,
            Err(error) => return Err(store_error(error, Code::NotFoundUser)),
        };
        let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
        let right = self.passwords.verify(password.to_owned(), hash).await?;
        match found {
            Some((user, _)) if right && user.is_active => {
                not_banned(&user)?;
                Ok(user)
            }
            Some(_) if right => Err(ServiceError::new(Code::AuthUserInactive, "the account is disabled")),
            _ => Err(ServiceError::new(Code::AuthInvalid, "wrong name or password")),
        }
    }

    pub(super) async fn ensure_user(&self, external: &ExternalUser) -> Result<UserRecord, ServiceError> {
        if let Some(known) = self.known_user(&external.sub).await? {
            return active(known);
        }
        if !self.config.allow_unknown_users {
            return Err(ServiceError::new(Code::AuthInvalid, "unknown user"));
        }
        let wanted = external.username.as_deref().unwrap_or(&external.sub);
        let name = external.name.as_deref().map_or(external.sub.as_str(), str::trim);
        let base = username_from(wanted);
        for attempt in 0..4u32 {
            let username =
                if attempt == 0 { base.clone() } else { format!("{base}-{:04x}", rand::random::<u16>()) };
            let new = NewUser {
                id: self.ids.user(),
                username,
                name: name.chars().take(100).collect(),
                role: "member".into(),
                kind: if external.outside { EXTERNAL } else { "internal" }.into(),
                external_id: Some(external.sub.clone()),
                password_hash: None,
                now: clock::wall_ms(),
            };
            match self.insert_user(new).await {
                Ok(user) => return Ok(user),
                // Either the name is taken, or another connection of the same user was faster.
                Err(StoreError::Duplicate) => {
                    if let Some(known) = self.known_user(&external.sub).await? {
                        return active(known);
                    }
                }
                Err(error) => return Err(store_error(error, Code::NotFoundUser)),
            }
        }
        Err(ServiceError::new(Code::ConflictDuplicate, "no free username"))
    }

    /// By our id, by external id, by username. Who can sign tokens is trusted to name any user.
    async fn known_user(&self, sub: &str) -> Result<Option<UserRecord>, ServiceError> {
        if let Ok(id) = sub.parse::<UserId>() {
            let by_id = optional(self.store.user(id).await)?;
            if by_id.is_some() {
                return Ok(by_id);
            }
        }
        match optional(self.store.user_by_external(sub).await)? {
            Some(user) => Ok(Some(user)),
            None => optional(self.store.user_by_username(sub).await),
        }
    }

    pub(super) async fn create_user(&self, account: NewAccount) -> Result<UserRecord, ServiceError> {
        let new = new_user(&self.passwords, self.ids.user(), account).await?;
        self.insert_user(new).await.map_err(taken)
    }

    async fn insert_user(&self, new: NewUser) -> Result<UserRecord, StoreError> {
        let out = self.out.clone();
        let then = Box::new(move |created: &CreatedUser| {
            for joined in created.joined.iter().filter(|joined| joined.added) {
                out.member_joined(joined);
            }
        });
        Ok(self.store.create_user(new, then).await?.user)
    }

    pub(super) async fn user_list(&self, actor: &Actor, query: UserList) -> Result<Value, ServiceError> {
        let size = page(query.limit);
        let within = self.within(actor).await?;
        let mut users = self
            .store
            .users(query.search.as_deref(), query.cursor.as_deref(), within, size + 1)
            .await
            .map_err(|error| store_error(error, Code::NotFoundUser))?;
        let more = users.len() > size as usize;
        users.truncate(size as usize);
        let next = users.last().filter(|_| more).map(|user| user.username.clone());
        Ok(json!({"users": self.users_json(actor, &users).await?, "next": next}))
    }

    pub(super) async fn user_get(&self, actor: &Actor, id: UserId) -> Result<Value, ServiceError> {
        if let Some(room) = self.room_of(actor).await?
            && !members_of(&*self.store, room).await?.contains(&id)
        {
            return Err(ServiceError::new(Code::NotFoundUser, "no such user"));
        }
        self.known(actor, &[id]).await?;
        let mut shown = self.users_json(actor, &[self.user(id).await?]).await?;
        Ok(json!({"user": shown.pop()}))
    }

    /// Among whom the actor may look for people.
    pub(super) async fn within(&self, actor: &Actor) -> Result<Within, ServiceError> {
        let external = self.user(actor.user).await?.is_external();
        Ok(Within { channel: self.room_of(actor).await?, known_to: external.then_some(actor.user) })
    }

    /// To somebody from outside nobody exists but those it shares a channel with.
    pub(super) async fn known(&self, actor: &Actor, users: &[UserId]) -> Result<(), ServiceError> {
        if users.is_empty() || !self.user(actor.user).await?.is_external() {
            return Ok(());
        }
        let known = self.store.sharing(actor.user, users).await;
        let known = known.map_err(|error| store_error(error, Code::NotFoundUser))?;
        match users.iter().all(|user| known.contains(user)) {
            true => Ok(()),
            false => Err(ServiceError::new(Code::NotFoundUser, "no such user")),
        }
    }

    pub(super) async fn user(&self, id: UserId) -> Result<UserRecord, ServiceError> {
        self.store.user(id).await.map_err(|error| store_error(error, Code::NotFoundUser))
    }
}

/// Before anything is served: the general channel and its administrator. `conflict.state` if somebody is there already.
pub(super) async fn found(
    store: &dyn Store,
    config: &ServicesConfig,
    account: NewAccount,
) -> Result<UserRecord, ServiceError> {
    let missing = |error| store_error(error, Code::NotFoundUser);
    if !store.users(None, None, Within::default(), 1).await.map_err(missing)?.is_empty() {
        return Err(ServiceError::new(Code::ConflictState, "the database has accounts already"));
    }
    let (ids, passwords) = (Ids::default(), Passwords::new(config.password).await?);
    let administrator = new_user(&passwords, ids.user(), NewAccount { admin: true, ..account }).await?;
    if let Some(slug) = &config.general_channel {
        let general = general_channel(ids.channel(), slug);
        store.create_channel(general, nothing()).await.map_err(missing)?;
    }
    Ok(store.create_user(administrator, nothing()).await.map_err(taken)?.user)
}

async fn new_user(passwords: &Passwords, id: UserId, account: NewAccount) -> Result<NewUser, ServiceError> {
    if !is_username(&account.username) {
        return Err(ServiceError::invalid("username", "2..=32 of a-z 0-9 . _ -"));
    }
    let name = if account.name.trim().is_empty() { &account.username } else { account.name.trim() };
    if name.chars().count() > 100 {
        return Err(ServiceError::invalid("name", "1..=100 chars"));
    }
    let password_hash = match account.password {
        Some(password) => Some(passwords.hash(password).await?),
        None => None,
    };
    Ok(NewUser {
        id,
        name: name.to_owned(),
        username: account.username.clone(),
        role: if account.admin { "admin" } else { "member" }.into(),
        kind: "internal".into(),
        external_id: None,
        password_hash,
        now: clock::wall_ms(),
    })
}

fn taken(error: StoreError) -> ServiceError {
    match error {
        StoreError::Duplicate => ServiceError::new(Code::ConflictDuplicate, "the username is taken"),
        other => store_error(other, Code::NotFoundUser),
    }
}

/// The user, unless it may not use the server.
pub(super) fn active(user: UserRecord) -> Result<UserRecord, ServiceError> {
    if !user.is_active {
        return Err(ServiceError::new(Code::AuthUserInactive, "the account is disabled"));
    }
    not_banned(&user)?;
    Ok(user)
}

fn optional<T>(found: Result<T, StoreError>) -> Result<Option<T>, ServiceError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(store_error(error, Code::NotFoundUser)),
    }
}
