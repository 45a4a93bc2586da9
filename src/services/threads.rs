//! Threads: following, listing; their messages go through the commands of all messages.

use serde_json::{Value, json};

use super::{Inner, StoredResult as _};
use crate::{
    auth::grants::Actor,
    base::id::{ChannelId, MessageId},
    chat::{
        command::ThreadList,
        error::{Code, ServiceError},
        limits::page,
        model::ThreadRecord,
    },
    store::{FollowedThread, ThreadQuery},
};

impl Inner {
    pub(super) async fn thread_get(&self, actor: &Actor, root: MessageId) -> Result<Value, ServiceError> {
        let found = self.store.thread(root, actor.user).await.or_not_found(Code::NotFoundMessage)?;
        if found.root.thread.is_some() {
            return Err(ServiceError::new(Code::ConflictState, "a reply has no thread of its own"));
        }
        Ok(json!({"thread": self.thread_json(actor, &found).await?}))
    }

    pub(super) async fn thread_follow(
        &self,
        actor: &Actor,
        root: MessageId,
        following: bool,
    ) -> Result<Value, ServiceError> {
        let (out, user) = (self.out.clone(), actor.user);
        let then = Box::new(move |done: &FollowedThread| out.thread_followed(user, done));
        self.store.follow_thread(root, user, following, then).await.or_not_found(Code::NotFoundMessage)?;
        Ok(json!({"threadId": root, "following": following}))
    }

    /// Newest reply first. The cursor is the time and id of the last thread of the page.
    pub(super) async fn thread_list(
        &self,
        actor: &Actor,
        channel: Option<ChannelId>,
        list: ThreadList,
    ) -> Result<Value, ServiceError> {
        let channel = match self.room_of(actor).await? {
            Some(room) => Some(room),
            None => channel,
        };
        let size = page(list.limit);
        let query = ThreadQuery {
            channel,
            unread: list.unread,
            before: list.cursor.as_deref().map(cursor).transpose()?,
            limit: size + 1,
        };
        let found = self.store.threads(actor.user, query).await.or_not_found(Code::NotFoundMessage)?;
        let more = found.len() > size as usize;
        let shown = found.get(..size as usize).unwrap_or(&found);
        let last = shown.last().filter(|_| more);
        let next = last.map(|one| format!("{}:{}", one.root.thread_last_at.unwrap_or(0), one.root.id));
        let mut threads = Vec::with_capacity(shown.len());
        for thread in shown {
            threads.push(self.thread_json(actor, thread).await?);
        }
        Ok(json!({"threads": threads, "next": next}))
    }

    async fn thread_json(&self, actor: &Actor, thread: &ThreadRecord) -> Result<Value, ServiceError> {
        Ok(json!({
            "root": self.message_json(actor, &thread.root).await?, "following": thread.following,
            "readSeq": thread.read_seq, "unread": thread.unread, "mentions": thread.mentions,
        }))
    }
}

fn cursor(text: &str) -> Result<(i64, MessageId), ServiceError> {
    let parts = text.split_once(':').and_then(|(at, root)| Some((at.parse().ok()?, root.parse().ok()?)));
    parts.ok_or_else(|| ServiceError::invalid("cursor", "not a cursor of ours"))
}
