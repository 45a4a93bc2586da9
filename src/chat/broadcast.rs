//! How the services reach sessions, without knowing what a socket is.

use std::sync::Arc;

use serde_json::Value;

use crate::base::id::{ChannelId, LoginId, SessionId, UserId};

/// Who gets an event.
#[derive(Debug, Clone)]
pub enum Audience {
    /// Every session of these users (for `Ch`, the service passes the channel's members).
    Users(Arc<[UserId]>),
    /// As `Users`, but not this one session.
    UsersExcept(Arc<[UserId]>, SessionId),
    Session(SessionId),
    /// My other sessions.
    OtherSessions {
        user: UserId,
        except: SessionId,
    },
    /// Sessions that focused the channel (`channel:join`), except those of these users, in order.
    Focused {
        channel: ChannelId,
        except: Arc<[UserId]>,
    },
    /// Sessions whose presence interest set contains the user.
    PresenceWatchers(UserId),
    /// Every session on this node.
    Everyone,
}

/// An event on its way out. Encoded once per carrier, shared by all receivers.
#[derive(Debug, Clone)]
pub struct OutEvent {
    /// `noun:past`, as in the protocol tables.
    pub name: &'static str,
    /// Reliable events carry the session sequence and are replayed on resume; others may be dropped.
    pub reliable: bool,
    pub data: Value,
}

/// Implemented by the gateway. Never blocks: each session has a bounded queue of its own.
///
/// Calls made one after the other by one caller for the same session arrive in that order.
pub trait Broadcast: Send + Sync {
    fn emit(&self, to: Audience, event: OutEvent);
    /// The session focuses the channel (at most 8); `false` if it already has 8 others.
    fn focus(&self, session: SessionId, channel: ChannelId) -> bool;
    fn unfocus(&self, session: SessionId, channel: ChannelId);
    /// The user is no member any more: its sessions lose their focus on the channel and the interest in its presence.
    fn expel(&self, user: UserId, channel: ChannelId);
    /// Replaces the session's presence interest set under `key` (a channel id, or `"users"`).
    fn watch_presence(&self, session: SessionId, key: &str, users: &[UserId]);
    fn unwatch_presence(&self, session: SessionId, key: &str);
    /// `presence:changed` of one user: the gateway batches these per session for up to 1 s (latest wins).
    /// Users for whom `hidden` is true are not told.
    fn presence_changed(&self, user: UserId, presence: Value, hidden: &dyn Fn(UserId) -> bool);
    /// The same for the sessions of one user alone, `to`, that follow it.
    fn presence_shown(&self, user: UserId, presence: Value, to: UserId);
    /// Cuts every session of the user with a close code of the protocol (`session:invalid` first).
    fn disconnect_user(&self, user: UserId, close_code: u16, code: &'static str);
    /// The same for the sessions of one sign-in of the user.
    fn disconnect_login(&self, user: UserId, login: LoginId, close_code: u16, code: &'static str);
}
