//! Channels and their members are administered. Who may is decided in the transaction that does it.

use serde_json::{Value, json};

use super::{Inner, StoredResult, bell::Ring};
use crate::{
    auth::grants::Actor,
    base::{
        id::{ChannelId, UserId},
        time::rfc3339,
    },
    chat::{
        broadcast::Audience,
        command::{ChannelSetNotify, ChannelUpdate, Command},
        error::{Code, ServiceError},
        model::MemberRole,
    },
    runtime::clock,
    store::{
        ChangedChannel, ChangedMember, ChannelAct, ChannelSettings, JoinedChannel, MemberChange, StoreError,
    },
};

/// The writer checks membership and rights of these.
pub(super) fn is_administration(command: &Command) -> bool {
    matches!(
        command,
        Command::ChannelUpdate(_)
            | Command::ChannelArchive(_)
            | Command::MemberAdd(_)
            | Command::MemberRemove(_)
            | Command::MemberRole(_)
            | Command::SetNotify(_)
            | Command::KickUser(_)
            | Command::TimeoutUser(_)
            | Command::InviteCreate(_)
            | Command::InviteList(_)
            | Command::InviteRevoke(_)
            | Command::InviteAdmit(_)
            | Command::InviteRefuse(_)
    )
}

/// After the commit something remains to be done that nobody else will do.
pub(super) fn has_aftermath(command: &Command) -> bool {
    matches!(
        command,
        Command::ChannelArchive(_)
            | Command::MemberRemove(_)
            | Command::KickUser(_)
            | Command::BanUser(_)
            | Command::SessionRevoke(_)
            | Command::RevokeSessions(_)
            | Command::InviteRevoke(_)
            | Command::InviteAdmit(_)
            | Command::InviteRefuse(_)
    )
}

impl Inner {
    pub(super) async fn channel_update(
        &self,
        actor: &Actor,
        channel: ChannelId,
        update: ChannelUpdate,
    ) -> Result<Value, ServiceError> {
        let settings = ChannelSettings {
            name: update.name.map(|name| name.trim().to_owned()),
            description: update.description,
            topic: update.topic,
            read_only: update.read_only,
            slow_mode_s: update.slow_mode,
            private: update.private,
            retention_days: update.retention_days,
            base_rev: update.base_rev,
        };
        let (act, out) = (self.act(actor, channel).await?, self.out.clone());
        let then = Box::new(move |change: &ChangedChannel| out.channel_updated(change));
        let done = self.store.update_channel(act, settings, then).await;
        self.seen_after(actor, done.or_not_found(Code::NotFoundChannel)?).await
    }

    pub(super) async fn channel_archive(
        &self,
        actor: &Actor,
        channel: ChannelId,
        archived: bool,
    ) -> Result<Value, ServiceError> {
        let (act, out) = (self.act(actor, channel).await?, self.out.clone());
        let then = Box::new(move |change: &ChangedChannel| out.channel_updated(change));
        let done = self.store.archive_channel(act, archived, then).await;
        let done = done.or_not_found(Code::NotFoundChannel)?;
        if archived {
            self.end_call_of(channel, actor.user).await;
        }
        self.seen_after(actor, done).await
    }

    /// The channel as the actor sees it; administrators of the server need not be members.
    async fn seen_after(&self, actor: &Actor, done: ChangedChannel) -> Result<Value, ServiceError> {
        let channel = match self.store.channel(done.channel.id, actor.user).await {
            Ok(own) => self.channel_json(&own),
            Err(StoreError::NotFound) => done.channel.to_shared_json(),
            Err(error) => return Err(super::store_error(error, Code::NotFoundChannel)),
        };
        Ok(json!({"channel": channel}))
    }

    pub(super) async fn member_add(
        &self,
        actor: &Actor,
        channel: ChannelId,
        user: UserId,
    ) -> Result<Value, ServiceError> {
        if let Err(unknown) = self.known(actor, &[user]).await {
            // Of a channel it does not see it learns no more than anybody else.
            self.store.role(channel, actor.user).await.or_not_found(Code::NotFoundChannel)?;
            return Err(unknown);
        }
        let (act, out) = (self.act(actor, channel).await?, self.out.clone());
        let then = Box::new(move |joined: &JoinedChannel| {
            if joined.added {
                out.member_joined(joined);
            }
        });
        let done = self.store.invite_member(act, user, then).await.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({"member": self.member_json(actor, &done.member).await?}))
    }

    pub(super) async fn member_remove(
        &self,
        actor: &Actor,
        channel: ChannelId,
        user: UserId,
    ) -> Result<Value, ServiceError> {
        let (act, out, by) = (self.act(actor, channel).await?, self.out.clone(), actor.user);
        let then = Box::new(move |change: &ChangedMember| out.member_left(change, by));
        let done = self.store.change_member(act, user, MemberChange::Remove, then).await;
        let done = done.or_not_found(Code::NotFoundChannel)?;
        self.after_removal(channel, user).await;
        Ok(json!({"member": self.member_json(actor, &done.member).await?}))
    }

    /// What a former member still had in the channel and the database knows nothing of.
    pub(super) async fn after_removal(&self, channel: ChannelId, user: UserId) {
        self.typing_stopped(channel, user);
        if let Some(call) = self.look(|book| book.in_channel(channel).map(|live| live.id)) {
            self.expel(call, user).await;
        }
    }

    pub(super) async fn member_role(
        &self,
        actor: &Actor,
        channel: ChannelId,
        user: UserId,
        role: MemberRole,
    ) -> Result<Value, ServiceError> {
        let (act, out) = (self.act(actor, channel).await?, self.out.clone());
        let then = Box::new(move |change: &ChangedMember| out.member_updated(change));
        let done = self.store.change_member(act, user, MemberChange::Role(role), then).await;
        let done = done.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({"member": self.member_json(actor, &done.member).await?}))
    }

    pub(super) async fn set_notify(
        &self,
        actor: &Actor,
        channel: ChannelId,
        wish: ChannelSetNotify,
    ) -> Result<Value, ServiceError> {
        let muted_until = wish.muted_until.map(|at| at.0);
        let data = json!({"channelId": channel, "pref": wish.pref, "mutedUntil": muted_until.map(rfc3339)});
        let (out, me) = (self.out.clone(), actor.user);
        let told = data.clone();
        let then = Box::new(move |(): &()| {
            out.reliable(Audience::Users([me].into()), "channel:notify_set", told);
            out.bell.ring(Ring::Read { user: me, always: true });
        });
        let done = self.store.set_notify(channel, me, wish.pref, muted_until, then).await;
        done.or_not_found(Code::NotFoundChannel)?;
        Ok(data)
    }

    pub(super) async fn act(&self, actor: &Actor, channel: ChannelId) -> Result<ChannelAct, ServiceError> {
        let host = actor.grants.admin || self.is_server_admin(actor).await?;
        Ok(ChannelAct { channel, by: actor.user, host, from: actor.from, now: clock::wall_ms() })
    }

    /// By account or by token; a token for one room gives power in that room only, and nobody from outside has it.
    pub(super) async fn is_server_admin(&self, actor: &Actor) -> Result<bool, ServiceError> {
        if actor.grants.room.is_some() {
            return Ok(false);
        }
        let user = self.user(actor.user).await?;
        Ok(!user.is_external() && (actor.grants.admin || user.is_admin()))
    }
}
