//! Links for guests and who came by them, as the store takes and answers it.

use async_trait::async_trait;

use super::{Audience, ChannelAct, DirectoryChannel, JoinedChannel, Result, Then};
use crate::{
    base::{
        id::{ChannelId, InviteId, LoginId, UserId},
        origin::Origin,
    },
    chat::{
        invite::{GuestRecord, InviteRecord},
        model::{UserRecord, WallMs},
    },
};

/// Links of one channel that still let somebody in.
pub const MAX_INVITES: u32 = 50;
/// Guests who knock at one channel at a time.
pub const MAX_KNOCKING: u32 = 50;
/// Links of one list, the newest: those that are used up are in it as well.
pub const LISTED_INVITES: u32 = 200;

#[derive(Debug, Clone)]
pub struct NewInvite {
    pub id: InviteId,
    pub expires_at: WallMs,
    pub max_uses: Option<u32>,
    pub lobby: bool,
    pub publish: bool,
    pub chat: bool,
    /// Of the code.
    pub hash: String,
}

/// Somebody who has a code wants in.
#[derive(Debug, Clone)]
pub struct NewGuest {
    /// Of the code.
    pub hash: String,
    pub user: UserId,
    pub username: String,
    pub name: String,
    /// The sign-in that its token is of.
    pub login: LoginId,
    /// What its client calls itself.
    pub client: String,
    pub from: Origin,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct Welcomed {
    pub user: UserRecord,
    pub invite: InviteRecord,
    /// When its sign-in is over.
    pub expires_at: WallMs,
}

/// Guests whose time is over.
#[derive(Debug, Clone)]
pub struct Departed {
    /// Who says so.
    pub by: UserId,
    pub guests: Vec<(UserId, LoginId)>,
    /// What changed in the channel; `None` if none of them was a member.
    pub there: Option<DirectoryChannel>,
}

/// Somebody knocks, or does not any more.
#[derive(Debug, Clone)]
pub struct Knocked {
    pub guest: GuestRecord,
    /// False if it did so before.
    pub fresh: bool,
    /// Who may let it in.
    pub hosts: Audience,
}

#[derive(Debug, Clone)]
pub struct Decided {
    /// As it is now.
    pub guest: GuestRecord,
    pub by: UserId,
    /// Whom to tell, if it knocked.
    pub hosts: Option<Audience>,
    /// Of one who was let in.
    pub joined: Option<JoinedChannel>,
}

#[derive(Debug, Clone)]
pub struct RevokedInvite {
    pub invite: InviteRecord,
    pub departed: Departed,
}

#[async_trait]
pub trait InviteStore: Send + Sync {
    /// By whoever may add members, guests excepted. `Denied` in dms and internal channels, `State` in archived ones,
    /// `Full` beyond `MAX_INVITES`.
    async fn create_invite(&self, act: ChannelAct, new: NewInvite) -> Result<InviteRecord>;
    /// Those that are neither revoked nor expired, the newest first. For the same people.
    async fn invites(&self, act: ChannelAct) -> Result<Vec<InviteRecord>>;
    async fn invite(&self, id: InviteId) -> Result<InviteRecord>;
    /// By the hash of its code, and the name of its channel. `State` if it lets nobody in any more.
    async fn invite_by_hash(&self, hash: &str, now: WallMs) -> Result<(InviteRecord, String)>;
    /// Makes the account and its sign-in and counts the use, or nothing of it. `State` as above, `Duplicate` if the
    /// username is taken.
    async fn welcome(&self, new: NewGuest) -> Result<Welcomed>;
    /// By the same people as it is made. Its guests are members no more and their sign-ins are over; of a link that was
    /// revoked before nothing changes.
    async fn revoke_invite(
        &self,
        act: ChannelAct,
        id: InviteId,
        then: Then<RevokedInvite>,
    ) -> Result<RevokedInvite>;
    /// The guests of one channel whose sign-ins are over are members of it no more; `None` if there are none anywhere.
    async fn see_guests_off(&self, now: WallMs, then: Then<Option<Departed>>) -> Result<Option<Departed>>;
    /// `NotFound` if the account is not a guest's.
    async fn guest(&self, user: UserId) -> Result<GuestRecord>;
    /// A guest who waits knocks; if it does already, it goes on. `State` if it does not wait, `Full` beyond
    /// `MAX_KNOCKING`.
    async fn knock(&self, user: UserId, now: WallMs, then: Then<Knocked>) -> Result<Knocked>;
    /// It knocks no more, and nobody has decided. `None` if it did not knock.
    async fn end_knock(&self, user: UserId, then: Then<Option<Knocked>>) -> Result<Option<Knocked>>;
    /// Who knocks, in one channel or anywhere, the first one first.
    async fn knocking(&self, channel: Option<ChannelId>) -> Result<Vec<GuestRecord>>;
    /// A guest who waits is let in, or sent away with its sign-in. By the same people as links are made. `NoUser` if it is
    /// no guest of the channel, `State` if that was decided before.
    async fn decide(
        &self,
        act: ChannelAct,
        user: UserId,
        admit: bool,
        then: Then<Decided>,
    ) -> Result<Decided>;
}
