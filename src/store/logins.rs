//! Where people are signed in, as the store takes and answers it.

use async_trait::async_trait;

use super::{Result, Then};
use crate::{
    base::{
        id::{LoginId, UserId},
        origin::Origin,
    },
    chat::model::{LoginRecord, SignIn, WallMs},
};

/// Places where one person is signed in; the one not used for longest gives way.
pub const MAX_LOGINS: u32 = 50;

#[derive(Debug, Clone)]
pub struct NewLogin {
    pub sign_in: SignIn,
    pub expires_at: WallMs,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct OpenedLogin {
    pub login: LoginRecord,
    /// Those that gave way to it.
    pub displaced: Vec<LoginId>,
}

/// A refresh token is exchanged for the next one.
#[derive(Debug, Clone)]
pub struct Rotation {
    pub login: LoginId,
    /// Of the token that was shown. Only one of ours gets this far.
    pub shown: String,
    pub next: String,
    pub from: Origin,
    pub expires_at: WallMs,
    /// The token before the current one is still taken if the current one was made after this: its answer was lost.
    pub lost_since: WallMs,
    pub now: WallMs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    Done(LoginRecord),
    /// A token that was used before: somebody has a copy. The session has ended.
    Reused(LoginRecord),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    One(LoginId),
    AllBut(Option<LoginId>),
}

#[derive(Debug, Clone)]
pub struct Revocation {
    pub user: UserId,
    pub which: Which,
    /// Somebody else than the user leaves a line in the audit log.
    pub by: UserId,
    pub from: Origin,
    pub now: WallMs,
}

#[async_trait]
pub trait LoginStore: Send + Sync {
    async fn open_login(&self, new: NewLogin, then: Then<OpenedLogin>) -> Result<OpenedLogin>;
    /// Also one that has ended.
    async fn login(&self, id: LoginId) -> Result<LoginRecord>;
    /// `State` if it has ended.
    async fn rotate_login(&self, rotation: Rotation, then: Then<Rotated>) -> Result<Rotated>;
    /// It was used now, from there.
    async fn touch_login(&self, id: LoginId, from: Origin, now: WallMs) -> Result<()>;
    /// Those of a user that have not ended, the last one used first.
    async fn logins(&self, user: UserId, now: WallMs) -> Result<Vec<LoginRecord>>;
    /// Which ones it ended. `NotFound` if there is no such user, or no such session of the user.
    async fn revoke_logins(&self, revocation: Revocation, then: Then<Vec<LoginId>>) -> Result<Vec<LoginId>>;
    /// Forgets some of those that were over before this; how many.
    async fn expire_logins(&self, before: WallMs) -> Result<u64>;
}
