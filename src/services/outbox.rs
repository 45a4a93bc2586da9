//! Events on their way out: names, payloads, audiences. Everything here runs in commit order and must not block.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    bell::{Bell, Ring},
    privacy::{Discretion, receipt_json},
};
use crate::{
    base::{
        id::{ChannelId, LoginId, SessionId, UserId},
        time::rfc3339,
    },
    call::book::{Notice, To},
    chat::{
        broadcast::{Audience, Broadcast, OutEvent},
        error::Code,
        model::{ChannelKind, MessageRecord, ThreadSummary, UserRecord},
        receipts::{Cursor, Receipt},
        schedule::ScheduledRecord,
        typing::Typist,
    },
    store::{
        self, Banned, ChangedChannel, ChangedMember, ChangedMessage, ClearedChannel, CreatedChannel, Cut,
        DirectoryChannel, DirectoryDone, FollowedThread, JoinedChannel, ReadMark, Reported, SentMessage,
    },
};

/// In larger channels others are not told how far somebody has read.
pub(super) const RECEIPTS_UP_TO: usize = 50;
pub(super) const EXCERPT: usize = 100;
/// The close code for somebody who was thrown out.
const CLOSE_REMOVED: u16 = 4003;
/// The close code for a session that has ended, or whose token says more than is true now.
const CLOSE_UNAUTHORISED: u16 = 4001;
/// Changes of one call to one channel.
const TOLD_ONE_BY_ONE: usize = 20;

#[derive(Clone)]
pub(super) struct Outbox {
    /// To the sessions.
    pub carrier: Arc<dyn Broadcast>,
    /// What waits for people themselves.
    pub bell: Bell,
    /// Who is shown what of whom.
    pub discretion: Arc<Discretion>,
}

impl Outbox {
    pub(super) fn reliable(&self, to: Audience, name: &'static str, data: Value) {
        self.carrier.emit(to, OutEvent { name, reliable: true, data });
    }

    pub(super) fn ephemeral(&self, to: Audience, name: &'static str, data: Value) {
        self.carrier.emit(to, OutEvent { name, reliable: false, data });
    }

    pub(super) fn message_new(&self, sent: &SentMessage) {
        if sent.duplicate {
            return;
        }
        let m = &sent.message;
        let thread = sent.thread.as_ref().map(ThreadSummary::to_json);
        let data = json!({"channelId": m.channel, "message": m.to_json(), "thread": thread});
        self.reliable(Audience::Users(sent.audience.clone()), "message:new", data);
        let everybody = m.mentions_all && m.thread.is_none();
        let mentioned = if everybody { sent.audience.iter() } else { sent.mentioned.iter() };
        let mentioned: Vec<UserId> = mentioned.copied().filter(|user| *user != m.author).collect();
        if !mentioned.is_empty() {
            let data = json!({
                "messageId": m.id, "channelId": m.channel, "threadId": m.thread, "senderId": m.author, "senderName": m.author_name,
                "excerpt": m.content.chars().take(EXCERPT).collect::<String>(),
            });
            self.reliable(Audience::Users(mentioned.into()), "message:mention", data);
        }
        self.bell.said(sent);
    }

    pub(super) fn message_line(&self, message: &MessageRecord, audience: &store::Audience) {
        let data = json!({"channelId": message.channel, "message": message.to_json(), "thread": null});
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
                "channelId": m.channel, "threadId": m.thread, "messageId": m.id, "seq": m.seq, "rev": m.rev,
                "by": m.deleted_by, "thread": deletion.thread.as_ref().map(ThreadSummary::to_json),
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
        let cursor = Cursor { channel, user, thread: mark.thread };
        let data = receipt_json(cursor, mark.read_seq, now);
        self.reliable(Audience::Users([user].into()), "message:read_receipt", data);
        self.bell.ring(Ring::Read { user, always: mark.kind == ChannelKind::Dm });
        if mark.kind != ChannelKind::General && mark.audience.len() <= RECEIPTS_UP_TO {
            let to: Vec<UserId> = mark.audience.iter().copied().filter(|other| *other != user).collect();
            self.others_read(cursor, Receipt { seq: mark.read_seq, at: now, to });
        }
    }

    pub(super) fn thread_followed(&self, user: UserId, done: &FollowedThread) {
        if done.changed {
            let data = json!({"channelId": done.channel, "threadId": done.root, "following": done.following});
            self.reliable(Audience::Users([user].into()), "thread:followed", data);
        }
    }

    pub(super) fn schedule_changed(&self, scheduled: &ScheduledRecord) {
        let data = json!({"channelId": scheduled.channel, "scheduled": scheduled.to_json()});
        self.reliable(Audience::Users([scheduled.author].into()), "schedule:changed", data);
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
        let data = json!({"channelId": joined.channel.id, "rev": joined.channel.rev});
        self.of_member(&joined.audience, "channel:member_joined", &joined.member, data);
        if let Some(line) = &joined.line {
            self.message_line(line, &joined.audience);
        }
    }

    pub(super) fn channel_updated(&self, change: &ChangedChannel) {
        if change.changed {
            let data = json!({"channel": change.channel.to_shared_json(), "rev": change.channel.rev});
            self.reliable(Audience::Users(change.audience.clone()), "channel:updated", data);
            for line in &change.lines {
                self.message_line(line, &change.audience);
            }
        }
    }

    /// The last that whoever is gone hears of the channel: later events go to members as of their commits, and what
    /// follows no commit goes to those in focus.
    pub(super) fn member_left(&self, change: &ChangedMember, by: UserId) {
        let gone = change.member.user;
        self.carrier.expel(gone, change.channel);
        self.expelled(change.channel, gone);
        let data = json!({
            "channelId": change.channel, "userId": gone, "by": by, "rev": change.member.rev,
            "leftAt": change.member.left_at.map(rfc3339),
        });
        let everybody: Vec<UserId> = change.audience.iter().copied().chain([gone]).collect();
        self.reliable(Audience::Users(everybody.into()), "channel:member_left", data);
        if let Some(line) = &change.line {
            self.message_line(line, &change.audience);
        }
    }

    /// As `member_left`, and everybody learns that it was no leave.
    pub(super) fn member_kicked(&self, change: &ChangedMember, by: UserId, reason: &str) {
        let gone = change.member.user;
        let data = json!({"channelId": change.channel, "userId": gone, "by": by, "reason": reason});
        self.reliable(Audience::Users(change.audience.clone()), "moderation:user_kicked", data);
        let data = json!({"channelId": change.channel, "reason": reason});
        self.reliable(Audience::Users([gone].into()), "moderation:kicked", data);
        self.member_left(change, by);
    }

    pub(super) fn reported(&self, reported: &Reported) {
        if reported.fresh {
            let data = json!({"report": reported.report.to_json()});
            self.reliable(Audience::Users(reported.admins.clone()), "moderation:report", data);
        }
    }

    /// Why is between the user and the moderators. The last that the user hears of this server.
    pub(super) fn user_banned(&self, banned: &Banned) {
        let (user, until) = (banned.user.id, banned.until.map(rfc3339));
        let data = json!({"userId": user, "until": until});
        self.reliable(Audience::Users(banned.audience.clone()), "moderation:user_banned", data);
        let data = json!({"reason": banned.reason, "until": until});
        self.reliable(Audience::Users([user].into()), "moderation:banned", data);
        self.carrier.disconnect_user(user, CLOSE_REMOVED, Code::AuthBanned.as_str());
    }

    /// Few changes are told one by one; of many, members are told how many, and whoever looks asks again.
    pub(super) fn directory(&self, done: &DirectoryDone) {
        for there in &done.channels {
            self.directory_channel(there, done.by);
        }
        for cut in &done.cut {
            let (user, code) = match *cut {
                Cut::Inactive(user) => (user, Code::AuthUserInactive),
                Cut::Less(user) => (user, Code::AuthInvalid),
            };
            self.carrier.disconnect_user(user, CLOSE_UNAUTHORISED, code.as_str());
        }
    }

    pub(super) fn directory_channel(&self, there: &DirectoryChannel, by: UserId) {
        let id = there.channel.id;
        let everybody = || Audience::Users(there.audience.clone());
        for arrival in &there.joined {
            let channel = json!({"channel": there.seen_by(arrival).to_json(Value::Null)});
            self.reliable(Audience::Users([arrival.member.user].into()), "channel:created", channel);
        }
        let many = there.joined.len() + there.left.len() + there.changed.len() > TOLD_ONE_BY_ONE;
        for member in &there.left {
            self.carrier.expel(member.user, id);
            self.expelled(id, member.user);
            let data = json!({
                "channelId": id, "userId": member.user, "by": by, "rev": member.rev,
                "leftAt": member.left_at.map(rfc3339),
            });
            let mut to = vec![member.user];
            if !many {
                to.extend(there.audience.iter());
            }
            self.reliable(Audience::Users(to.into()), "channel:member_left", data);
        }
        if many {
            let rev = there.joined.iter().map(|one| &one.member).chain(&there.left).chain(&there.changed);
            let data = json!({
                "channelId": id, "joined": there.joined.len(), "left": there.left.len(),
                "changed": there.changed.len(), "rev": rev.map(|member| member.rev).max(),
            });
            if !there.created {
                self.reliable(everybody(), "channel:members_changed", data);
            }
        } else {
            let joined = there.joined.iter().filter(|_| !there.created).map(|one| &one.member);
            let told = joined.map(|member| ("channel:member_joined", member));
            let changed = there.changed.iter().map(|member| ("channel:member_updated", member));
            for (name, member) in told.chain(changed) {
                let data = json!({"channelId": id, "rev": member.rev});
                self.of_member(&there.audience, name, member, data);
            }
        }
        for line in &there.lines {
            self.message_line(line, &there.audience);
        }
        // Last: it carries the revision after all of this.
        if there.updated && !there.created {
            let data = json!({"channel": there.channel.to_shared_json(), "rev": there.channel.rev});
            self.reliable(everybody(), "channel:updated", data);
        }
    }

    /// Which messages, `channel:sync` says: they can be thousands.
    pub(super) fn cleared(&self, gone: &ClearedChannel) {
        let data = json!({"channelId": gone.channel, "rev": gone.rev});
        self.reliable(Audience::Users(gone.audience.clone()), "channel:cleared", data);
    }

    /// The last that the sockets of this sign-in hear.
    pub(super) fn login_ended(&self, user: UserId, login: LoginId, why: Code) {
        self.carrier.disconnect_login(user, login, CLOSE_UNAUTHORISED, why.as_str());
    }

    pub(super) fn member_updated(&self, change: &ChangedMember) {
        if change.changed {
            let data = json!({"channelId": change.channel, "rev": change.member.rev});
            self.of_member(&change.audience, "channel:member_updated", &change.member, data);
        }
    }

    /// `members` as of the commit; whoever is none any more hears nothing. Notices without a commit never address the members.
    pub(super) fn notices(&self, notices: Vec<Notice>, members: Option<&store::Audience>) {
        // Members are sorted.
        let still = |users: Vec<UserId>| -> Vec<UserId> {
            match members {
                Some(members) => {
                    users.into_iter().filter(|user| members.binary_search(user).is_ok()).collect()
                }
                None => users,
            }
        };
        for notice in notices {
            let to = match notice.to {
                To::Users(users) => Audience::Users(still(users).into()),
                To::UsersExcept(users, session) => Audience::UsersExcept(still(users).into(), session),
                To::Members => match members {
                    Some(members) => Audience::Users(members.clone()),
                    None => continue,
                },
            };
            if let ("call:missed", Audience::Users(users)) = (notice.name, &to)
                && let Some(channel) = notice.data["channelId"].as_str().and_then(|id| id.parse().ok())
            {
                let data = notice.data.clone();
                self.bell.ring(Ring::Missed { users: users.to_vec(), channel, data });
            }
            self.reliable(to, notice.name, notice.data);
        }
    }

    pub(super) fn typing_start(&self, channel: ChannelId, who: &Typist) {
        let data = json!({
            "channelId": channel, "threadId": who.thread, "userId": who.user, "username": who.username,
            "name": who.name,
        });
        self.ephemeral(self.not_apart(channel, who.user), "typing:user_start", data);
    }

    pub(super) fn typing_stop(&self, channel: ChannelId, user: UserId) {
        let data = json!({"channelId": channel, "userId": user});
        self.ephemeral(self.not_apart(channel, user), "typing:user_stop", data);
    }

    /// Who looks at the channel and may see the user type: neither blocks the other.
    fn not_apart(&self, channel: ChannelId, user: UserId) -> Audience {
        let mut except = self.discretion.wishes().apart(user);
        if let Err(place) = except.binary_search(&user) {
            except.insert(place, user);
        }
        Audience::Focused { channel, except: except.into() }
    }

    pub(super) fn focus(&self, session: SessionId, channel: ChannelId) -> bool {
        self.carrier.focus(session, channel)
    }
}
