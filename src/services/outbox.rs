//! Events on their way out: names, payloads, audiences. Everything here runs in commit order and must not block.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    base::{
        id::{ChannelId, SessionId, UserId},
        time::rfc3339,
    },
    call::book::{Notice, To},
    chat::{
        broadcast::{Audience, Broadcast, OutEvent},
        model::{ChannelKind, MessageRecord, UserRecord},
    },
    store::{self, ChangedMessage, CreatedChannel, JoinedChannel, ReadMark, SentMessage},
};

/// In larger channels others are not told how far somebody has read.
const RECEIPTS_UP_TO: usize = 50;
const EXCERPT: usize = 100;

#[derive(Clone)]
pub(super) struct Outbox(pub Arc<dyn Broadcast>);

impl Outbox {
    pub(super) fn reliable(&self, to: Audience, name: &'static str, data: Value) {
        self.0.emit(to, OutEvent { name, reliable: true, data });
    }

    pub(super) fn ephemeral(&self, to: Audience, name: &'static str, data: Value) {
        self.0.emit(to, OutEvent { name, reliable: false, data });
    }

    pub(super) fn message_new(&self, sent: &SentMessage) {
        if sent.duplicate {
            return;
        }
        self.message_line(&sent.message, &sent.audience);
        let m = &sent.message;
        let mentioned: Vec<UserId> = m.mentions.iter().copied().filter(|user| *user != m.author).collect();
        if !mentioned.is_empty() {
            let data = json!({
                "messageId": m.id, "channelId": m.channel, "senderId": m.author, "senderName": m.author_name,
                "excerpt": m.content.chars().take(EXCERPT).collect::<String>(),
            });
            self.reliable(Audience::Users(mentioned.into()), "message:mention", data);
        }
    }

    pub(super) fn message_line(&self, message: &MessageRecord, audience: &store::Audience) {
        let data = json!({"channelId": message.channel, "message": message.to_json()});
        self.reliable(Audience::Users(audience.clone()), "message:new", data);
    }

    pub(super) fn message_edited(&self, edit: &ChangedMessage) {
        if edit.changed {
            let data = json!({"channelId": edit.message.channel, "message": edit.message.to_json()});
            self.reliable(Audience::Users(edit.audience.clone()), "message:edited", data);
        }
    }

    pub(super) fn message_deleted(&self, deletion: &ChangedMessage) {
        if deletion.changed {
            let m = &deletion.message;
            let data = json!({
                "channelId": m.channel, "messageId": m.id, "seq": m.seq, "rev": m.rev, "by": m.deleted_by,
            });
            self.reliable(Audience::Users(deletion.audience.clone()), "message:deleted", data);
        }
    }

    pub(super) fn message_reaction(&self, change: &ChangedMessage, by: UserId, emoji: &str, add: bool) {
        if change.changed {
            let m = &change.message;
            let action = if add { "add" } else { "remove" };
            let data = json!({
                "channelId": m.channel, "messageId": m.id, "emoji": emoji, "userId": by, "action": action,
                "count": m.reaction_count(emoji), "rev": m.rev,
            });
            self.reliable(Audience::Users(change.audience.clone()), "message:reaction", data);
        }
    }

    pub(super) fn message_pinned(&self, change: &ChangedMessage, by: UserId) {
        if change.changed {
            let m = &change.message;
            let data = json!({
                "channelId": m.channel, "messageId": m.id, "isPinned": m.pinned_at.is_some(), "by": by,
                "pinnedAt": m.pinned_at.map(rfc3339), "rev": m.rev,
            });
            self.reliable(Audience::Users(change.audience.clone()), "message:pinned", data);
        }
    }

    pub(super) fn read(&self, channel: ChannelId, user: UserId, mark: &ReadMark, now: i64) {
        if !mark.changed {
            return;
        }
        let data = json!({
            "channelId": channel, "threadId": null, "userId": user, "seq": mark.read_seq, "at": rfc3339(now),
        });
        self.reliable(Audience::Users([user].into()), "message:read_receipt", data.clone());
        if mark.kind != ChannelKind::General && mark.audience.len() <= RECEIPTS_UP_TO {
            let others: Vec<UserId> = mark.audience.iter().copied().filter(|other| *other != user).collect();
            self.ephemeral(Audience::Users(others.into()), "message:read_receipt", data);
        }
    }

    /// Each member gets the channel as it sees it: a dm carries the other one's name.
    pub(super) fn channel_created(&self, created: &CreatedChannel, by: &UserRecord) {
        if !created.created {
            return;
        }
        for user in created.audience.iter() {
            let mut channel = created.channel.clone();
            if *user != by.id {
                channel.role = "member".into();
                if channel.kind == ChannelKind::Dm {
                    channel.peer = Some((by.id, by.username.clone(), by.name.clone()));
                }
            }
            let data = json!({"channel": channel.to_json(Value::Null)});
            self.reliable(Audience::Users([*user].into()), "channel:created", data);
        }
    }

    pub(super) fn member_joined(&self, joined: &JoinedChannel) {
        let channel = json!({"channel": joined.channel.to_json(Value::Null)});
        self.reliable(Audience::Users([joined.member.user].into()), "channel:created", channel);
        let data = json!({
            "channelId": joined.channel.id, "member": joined.member.to_json(), "rev": joined.channel.rev,
        });
        self.reliable(Audience::Users(joined.audience.clone()), "channel:member_joined", data);
    }

    /// `members` as of the commit; notices without a commit never address the members.
    pub(super) fn notices(&self, notices: Vec<Notice>, members: Option<&store::Audience>) {
        for notice in notices {
            let to = match notice.to {
                To::Users(users) => Audience::Users(users.into()),
                To::UsersExcept(users, session) => Audience::UsersExcept(users.into(), session),
                To::Members => match members {
                    Some(members) => Audience::Users(members.clone()),
                    None => continue,
                },
            };
            self.reliable(to, notice.name, notice.data);
        }
    }

    pub(super) fn typing_start(&self, channel: ChannelId, user: UserId, username: &str, name: &str) {
        let data = json!({"channelId": channel, "userId": user, "username": username, "name": name});
        self.ephemeral(Audience::Focused { channel, except: Some(user) }, "typing:user_start", data);
    }

    pub(super) fn typing_stop(&self, channel: ChannelId, user: UserId) {
        let data = json!({"channelId": channel, "userId": user});
        self.ephemeral(Audience::Focused { channel, except: Some(user) }, "typing:user_stop", data);
    }

    pub(super) fn focus(&self, session: SessionId, channel: ChannelId) -> bool {
        self.0.focus(session, channel)
    }
}
