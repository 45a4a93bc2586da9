//! Channel and message commands.

use serde_json::{Value, json};

use super::{Inner, StoredResult, members_of, permit::is_host, store_error};
use crate::{
    auth::grants::Actor,
    base::id::{ChannelId, MessageId, UserId},
    chat::{
        command::{ChannelCreate, ChannelHistory, ChannelList, MarkRead, MessageEdit, MessageSend},
        error::{Code, ServiceError},
        limits::page,
        mentions,
        model::{ChannelKind, ChannelRecord, RevisionRecord, UserRecord},
    },
    runtime::clock,
    store::{
        ChangedMessage, ChannelQuery, CreatedChannel, HistoryAt, MessageChange, NewChannel, NewMessage,
        ReadMark, ReadMove, SentMessage, StoreError, Timeline,
    },
};

/// `@here` names so many at most; with more people online it means everybody.
const HERE_UP_TO: usize = 200;
/// Presences shown on entering a channel.
const SHOWN_PRESENCES: usize = 200;

impl Inner {
    pub(super) async fn channel_list(&self, actor: &Actor, list: ChannelList) -> Result<Value, ServiceError> {
        let size = page(list.limit);
        if let Some(room) = self.room_of(actor).await? {
            let channel = self.channel(actor, room).await?;
            return Ok(json!({"channels": [self.channel_json(&channel)], "next": null}));
        }
        let after = list.cursor.as_deref().map(str::parse).transpose();
        let query = ChannelQuery {
            kind: list.kind,
            project: list.project_id,
            department: list.department_id,
            search: list.search,
            archived: list.archived,
            after: after.map_err(|_| ServiceError::invalid("cursor", "not a cursor of ours"))?,
            limit: size + 1,
        };
        let channels = self.store.channels(actor.user, query).await.or_not_found(Code::NotFoundChannel)?;
        let more = channels.len() > size as usize;
        let shown = channels.get(..size as usize).unwrap_or(&channels);
        let next = shown.last().filter(|_| more).map(|channel| channel.id);
        Ok(json!({"channels": shown.iter().map(|c| self.channel_json(c)).collect::<Vec<_>>(), "next": next}))
    }

    pub(super) async fn channel_create(
        &self,
        actor: &Actor,
        create: ChannelCreate,
    ) -> Result<Value, ServiceError> {
        match create.kind {
            ChannelKind::Dm => {
                let other = create.participants.first().copied().unwrap_or(actor.user);
                return self.dm_open(actor, other).await;
            }
            ChannelKind::General | ChannelKind::Department | ChannelKind::Project
                if !self.is_server_admin(actor).await? =>
            {
                return Err(ServiceError::new(Code::PermDenied, "only administrators make such channels"));
            }
            _ => {}
        }
        self.known(actor, &create.participants).await?;
        let slug = create.slug();
        let mut members = create.participants;
        members.push(actor.user);
        members.sort_unstable();
        members.dedup();
        let new = NewChannel {
            id: self.ids.channel(),
            slug,
            kind: create.kind,
            name: create.name.trim().to_owned(),
            description: create.description.unwrap_or_default(),
            is_private: create.private,
            is_voice: create.voice,
            owner: Some(actor.user),
            members,
            dm_key: None,
            department: create.department_id,
            project: create.project_id,
            is_internal: create.is_internal.unwrap_or(create.kind.is_of_a_unit()),
            context: create.context.map_or_else(|| "{}".into(), |context| Value::Object(context).to_string()),
            now: clock::wall_ms(),
        };
        self.make_channel(actor, new).await
    }

    /// Find or create.
    pub(super) async fn dm_open(&self, actor: &Actor, other: UserId) -> Result<Value, ServiceError> {
        self.known(actor, &[other]).await?;
        let (low, high) = (actor.user.min(other), actor.user.max(other));
        let mut members = vec![low, high];
        members.dedup();
        let new = NewChannel {
            id: self.ids.channel(),
            slug: None,
            kind: ChannelKind::Dm,
            name: String::new(),
            description: String::new(),
            is_private: true,
            is_voice: false,
            owner: Some(actor.user),
            members,
            dm_key: Some(format!("{low}:{high}")),
            department: None,
            project: None,
            is_internal: false,
            context: "{}".into(),
            now: clock::wall_ms(),
        };
        self.make_channel(actor, new).await
    }

    async fn make_channel(&self, actor: &Actor, new: NewChannel) -> Result<Value, ServiceError> {
        let (out, by) = (self.out.clone(), self.user(actor.user).await?);
        let then = Box::new(move |created: &CreatedChannel| out.channel_created(created, &by));
        let created = self.store.create_channel(new, then).await.or_not_found(Code::NotFoundUser)?;
        Ok(json!({"channel": self.channel_json(&created.channel)}))
    }

    pub(super) async fn channel_get(&self, actor: &Actor, id: ChannelId) -> Result<Value, ServiceError> {
        let channel = self.channel(actor, id).await?;
        let members = self.store.members(id).await.or_not_found(Code::NotFoundChannel)?;
        let members = self.members_json(actor, &members).await?;
        Ok(json!({"channel": self.channel_json(&channel), "members": members}))
    }

    pub(super) async fn channel_join(&self, actor: &Actor, id: ChannelId) -> Result<Value, ServiceError> {
        if !self.out.focus(actor.session, id) {
            return Err(ServiceError::new(Code::LimitCount, "at most 8 channels in focus"));
        }
        // After the focus: a removal that comes before it is seen here, one that comes later takes the focus away.
        let channel = self.channel(actor, id).await;
        if channel.is_err() {
            self.out.carrier.unfocus(actor.session, id);
        }
        let channel = channel?;
        let members = members_of(&*self.store, id).await?;
        let shown = members.get(..SHOWN_PRESENCES).unwrap_or(&members);
        Ok(json!({
            "channel": self.channel_json(&channel), "lastSeq": channel.last_seq, "rev": channel.rev,
            "typing": self.typing_json(actor.user, id), "presence": self.presences(actor.user, shown),
            "call": self.live_json(id),
        }))
    }

    pub(super) fn channel_leave(&self, actor: &Actor, id: ChannelId) -> Value {
        self.out.carrier.unfocus(actor.session, id);
        self.typing_stopped(id, actor.user);
        json!({})
    }

    pub(super) async fn history(
        &self,
        actor: &Actor,
        id: ChannelId,
        ask: ChannelHistory,
    ) -> Result<Value, ServiceError> {
        let at = match (ask.before, ask.after, ask.around) {
            (Some(seq), ..) => HistoryAt::Before(seq),
            (_, Some(seq), _) => HistoryAt::After(seq),
            (.., Some(seq)) => HistoryAt::Around(seq),
            _ => HistoryAt::Latest,
        };
        let of = match ask.thread_id {
            Some(root) => Timeline::Thread(self.root_in(id, root).await?),
            None => Timeline::Channel(id),
        };
        let found = self.store.history(of, at, page(ask.limit)).await.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({
            "messages": self.messages_json(actor, &found.messages).await?,
            "hasMoreBefore": found.more_before, "hasMoreAfter": found.more_after,
        }))
    }

    pub(super) async fn sync(
        &self,
        actor: &Actor,
        id: ChannelId,
        after_rev: u64,
    ) -> Result<Value, ServiceError> {
        let found = self.store.sync(id, after_rev).await.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({
            "messages": self.messages_json(actor, &found.messages).await?,
            "members": self.members_json(actor, &found.members).await?,
            "rev": found.rev, "lastSeq": found.last_seq, "truncated": found.truncated,
        }))
    }

    pub(super) async fn send(
        &self,
        actor: &Actor,
        id: ChannelId,
        send: MessageSend,
    ) -> Result<Value, ServiceError> {
        let nonce_hash = send.nonce.is_some().then(|| fingerprint(id, &send));
        if let Some(at) = send.send_at {
            return self.schedule(actor, id, send, (at.0, nonce_hash)).await;
        }
        let (content, suspicion) = self.filtered(send.content)?;
        let mut new = NewMessage {
            id: self.ids.message(),
            channel: id,
            author: actor.user,
            author_name: actor.name.to_string(),
            host: actor.grants.admin,
            nonce: send.nonce,
            nonce_hash,
            content,
            reply_to: send.reply_to,
            thread: send.thread_id,
            mentions: send.mentions,
            mentions_all: false,
            here: Vec::new(),
            now: clock::wall_ms(),
        };
        self.address(&mut new).await?;
        let out = self.out.clone();
        let then = Box::new(move |sent: &SentMessage| {
            out.message_new(sent);
            suspicion.report(sent.message.id);
        });
        let sent = self.store.send_message(new, then).await.map_err(|error| match error {
            StoreError::Duplicate => {
                ServiceError::new(Code::ConflictDuplicate, "the nonce was used for another message")
            }
            other => store_error(other, Code::NotFoundChannel),
        })?;
        self.typing_stopped(id, actor.user);
        Ok(json!({"message": sent.message.to_json(), "duplicate": sent.duplicate}))
    }

    /// Whom its words address as things are now.
    pub(super) async fn address(&self, new: &mut NewMessage) -> Result<(), ServiceError> {
        let keywords = mentions::keywords(&new.content);
        let here = if keywords.here { self.online_members(new.channel).await? } else { Vec::new() };
        new.mentions.sort_unstable();
        new.mentions.dedup();
        new.mentions_all = keywords.channel || here.len() > HERE_UP_TO;
        new.here = if here.len() > HERE_UP_TO { Vec::new() } else { here };
        Ok(())
    }

    pub(super) async fn edit(&self, actor: &Actor, edit: MessageEdit) -> Result<Value, ServiceError> {
        let now = clock::wall_ms();
        if let Some(window) = self.config.edit_window {
            let message = self.store.message(edit.message_id).await.or_not_found(Code::NotFoundMessage)?;
            let until =
                message.created_at.saturating_add(i64::try_from(window.as_millis()).unwrap_or(i64::MAX));
            if now > until && message.author == actor.user {
                return Err(ServiceError::new(Code::PermTimeout, "too late to edit"));
            }
        }
        let out = self.out.clone();
        let (content, suspicion) = self.filtered(edit.content)?;
        let then = Box::new(move |edit: &ChangedMessage| {
            out.message_edited(edit);
            suspicion.report(edit.message.id);
        });
        let change = MessageChange {
            message: edit.message_id,
            by: actor.user,
            moderator: actor.grants.admin,
            from: actor.from,
            now,
        };
        let done = self.store.edit_message(change, content, edit.base_rev, then).await;
        let done = done.or_not_found(Code::NotFoundMessage)?;
        Ok(json!({"message": self.message_json(actor, &done.message).await?}))
    }

    pub(super) async fn delete(
        &self,
        actor: &Actor,
        id: MessageId,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let out = self.out.clone();
        let then = Box::new(move |deletion: &ChangedMessage| out.message_deleted(deletion));
        let moderator = is_host(actor, role);
        let change =
            MessageChange { message: id, by: actor.user, moderator, from: actor.from, now: clock::wall_ms() };
        let done = self.store.delete_message(change, then).await.or_not_found(Code::NotFoundMessage)?;
        Ok(json!({"message": done.message.to_json()}))
    }

    pub(super) async fn revisions(
        &self,
        actor: &Actor,
        id: MessageId,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let message = self.store.message(id).await.or_not_found(Code::NotFoundMessage)?;
        if message.author != actor.user && !is_host(actor, role) {
            return Err(ServiceError::new(Code::PermDenied, "only for the author and moderators"));
        }
        // What was deleted is gone, its earlier texts too.
        let found = match message.deleted_at {
            Some(_) => Vec::new(),
            None => self.store.revisions(id).await.or_not_found(Code::NotFoundMessage)?,
        };
        Ok(json!({"revisions": found.iter().map(RevisionRecord::to_json).collect::<Vec<_>>()}))
    }

    pub(super) async fn mark_read(
        &self,
        actor: &Actor,
        id: ChannelId,
        mark: MarkRead,
    ) -> Result<Value, ServiceError> {
        let to = match (mark.seq, mark.message_id, mark.unread_from) {
            (Some(seq), ..) => ReadMove::UpTo(seq),
            (_, Some(message), _) => {
                let message = self.store.message(message).await.or_not_found(Code::NotFoundMessage)?;
                if message.channel != id || message.thread != mark.thread_id {
                    return Err(ServiceError::new(Code::NotFoundMessage, "no such message"));
                }
                ReadMove::UpTo(message.seq)
            }
            (.., Some(seq)) => ReadMove::UnreadFrom(seq),
            _ if mark.all => ReadMove::All,
            _ => return Err(ServiceError::invalid("seq", "one of seq, messageId, unreadFrom, all")),
        };
        // What it wishes, although over REST there may have been no session.
        self.viewer(actor).await?;
        let (out, user, now) = (self.out.clone(), actor.user, clock::wall_ms());
        let then = Box::new(move |mark: &ReadMark| out.read(id, user, mark, now));
        let done = match mark.thread_id {
            Some(root) => {
                let root = self.root_in(id, root).await?;
                self.store.mark_thread_read(root, user, to, now, then).await
            }
            None => self.store.mark_read(id, user, to, now, then).await,
        };
        let done = done.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({"readSeq": done.read_seq, "unread": done.unread, "mentions": done.mentions}))
    }

    /// The root of a thread, if it belongs to the channel.
    async fn root_in(&self, channel: ChannelId, root: MessageId) -> Result<MessageId, ServiceError> {
        let message = self.store.message(root).await.or_not_found(Code::NotFoundMessage)?;
        if message.channel != channel || message.thread.is_some() {
            return Err(ServiceError::new(Code::NotFoundMessage, "no such thread in this channel"));
        }
        Ok(root)
    }

    async fn online_members(&self, channel: ChannelId) -> Result<Vec<UserId>, ServiceError> {
        let mut members = members_of(&*self.store, channel).await?;
        let presence = self.presence();
        members.retain(|user| presence.is_there(*user));
        Ok(members)
    }

    pub(super) async fn channel(&self, actor: &Actor, id: ChannelId) -> Result<ChannelRecord, ServiceError> {
        self.store.channel(id, actor.user).await.or_not_found(Code::NotFoundChannel)
    }

    pub(super) fn channel_json(&self, channel: &ChannelRecord) -> Value {
        channel.to_json(self.live_json(channel.id))
    }

    /// What `session:ready` tells: who I am, my channels, my dm partners, live calls of my channels.
    pub(super) async fn snapshot(&self, actor: &Actor, user: &UserRecord) -> Result<Value, ServiceError> {
        let channels = match self.room_of(actor).await? {
            Some(room) => vec![self.channel(actor, room).await?],
            None => {
                let all = ChannelQuery { limit: 1000, ..ChannelQuery::default() };
                self.store.channels(actor.user, all).await.or_not_found(Code::NotFoundChannel)?
            }
        };
        let peers: Vec<UserId> =
            channels.iter().filter_map(|c| c.peer.as_ref()).map(|(id, ..)| *id).collect();
        let calls: Vec<Value> = channels
            .iter()
            .map(|channel| self.live_json(channel.id))
            .filter(|call| !call.is_null())
            .collect();
        Ok(json!({
            "user": user.to_json(), "channels": channels.iter().map(|c| self.channel_json(c)).collect::<Vec<_>>(),
            "presence": self.presences(actor.user, &peers), "activeCalls": calls,
            "settings": user.status.settings_json(user.hides_reading),
        }))
    }
}

/// Tells a retry from another message under the same nonce.
fn fingerprint(channel: ChannelId, send: &MessageSend) -> String {
    let body = json!([channel, send.thread_id, send.content, send.reply_to, send.mentions]).to_string();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
