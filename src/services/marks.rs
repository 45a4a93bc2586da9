//! Reactions and pins, and messages as one reader sees them.

use serde_json::{Value, json};

use super::{Inner, StoredResult as _, permit::is_host};
use crate::{
    auth::grants::Actor,
    base::id::{ChannelId, MessageId},
    chat::{
        command::{MessagePin, MessageReact, ReactAction},
        error::{Code, ServiceError},
        model::{ChannelKind, MessageRecord},
    },
    runtime::clock,
    store::{ChangedMessage, MessageChange},
};

impl Inner {
    pub(super) async fn react(&self, actor: &Actor, react: MessageReact) -> Result<Value, ServiceError> {
        let add = react.action == ReactAction::Add;
        let (out, by, emoji) = (self.out.clone(), actor.user, react.emoji.clone());
        let then = Box::new(move |change: &ChangedMessage| out.message_reaction(change, by, &emoji, add));
        let change = MessageChange {
            message: react.message_id,
            by,
            moderator: actor.grants.admin,
            from: actor.from,
            now: clock::wall_ms(),
        };
        let done = self.store.react(change, react.emoji.clone(), add, then).await;
        let done = done.or_not_found(Code::NotFoundMessage)?;
        Ok(json!({"count": done.message.reaction_count(&react.emoji), "rev": done.message.rev}))
    }

    /// Hosts pin; in a direct conversation both do.
    pub(super) async fn pin(
        &self,
        actor: &Actor,
        (channel, role): (ChannelId, &str),
        pin: MessagePin,
        pinned: bool,
    ) -> Result<Value, ServiceError> {
        if !is_host(actor, role) && self.channel(actor, channel).await?.kind != ChannelKind::Dm {
            return Err(ServiceError::new(Code::PermDenied, "only for owners and administrators"));
        }
        let (out, by) = (self.out.clone(), actor.user);
        let then = Box::new(move |change: &ChangedMessage| out.message_pinned(change, by));
        let change = MessageChange {
            message: pin.message_id,
            by,
            moderator: true,
            from: actor.from,
            now: clock::wall_ms(),
        };
        let done = self.store.pin(change, pinned, then).await.or_not_found(Code::NotFoundMessage)?;
        Ok(json!({"message": self.message_json(actor, &done.message).await?}))
    }

    pub(super) async fn pins(&self, actor: &Actor, channel: ChannelId) -> Result<Value, ServiceError> {
        let found = self.store.pins(channel).await.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({"messages": self.messages_json(actor, &found).await?}))
    }

    pub(super) async fn message_json(
        &self,
        actor: &Actor,
        message: &MessageRecord,
    ) -> Result<Value, ServiceError> {
        let mut shown = self.messages_json(actor, std::slice::from_ref(message)).await?;
        Ok(shown.pop().unwrap_or_default())
    }

    /// Messages with `me: true` at the reader's own reactions. Events go to many readers and do not have it.
    pub(super) async fn messages_json(
        &self,
        actor: &Actor,
        messages: &[MessageRecord],
    ) -> Result<Vec<Value>, ServiceError> {
        // The summary names only the first who reacted.
        let beyond = |message: &&MessageRecord| {
            let mut reactions = message.reactions.iter();
            reactions.any(|one| one.count as usize > one.users.len() && !one.users.contains(&actor.user))
        };
        let unclear: Vec<MessageId> = messages.iter().filter(beyond).map(|message| message.id).collect();
        let own = if unclear.is_empty() {
            Vec::new()
        } else {
            self.store.own_reactions(actor.user, &unclear).await.or_not_found(Code::NotFoundMessage)?
        };
        let mine = |message: &MessageRecord, at: usize| {
            message.reactions.get(at).is_some_and(|one| {
                one.users.contains(&actor.user)
                    || own.iter().any(|(id, emoji)| *id == message.id && *emoji == one.emoji)
            })
        };
        let show = |message: &MessageRecord| {
            let mut json = message.to_json();
            let reactions = json.get_mut("reactions").and_then(Value::as_array_mut);
            for (at, reaction) in reactions.into_iter().flatten().enumerate() {
                if let Some(reaction) = reaction.as_object_mut().filter(|_| mine(message, at)) {
                    reaction.insert("me".into(), true.into());
                }
            }
            json
        };
        Ok(messages.iter().map(show).collect())
    }
}
