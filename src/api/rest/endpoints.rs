//! Every command that has a request of its own, one row each. Routes, documents and the permission tests read this
//! table, so a row is all there is to add.

use axum::http::Method;

/// One request, and the command it runs. Segments in braces are fields of the command, under their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub method: Method,
    /// Below `/api/v1`.
    pub path: &'static str,
    pub op: &'static str,
    /// Fields the request has by its meaning: `("action", Fixed::Text("add"))` for a PUT of a reaction.
    pub fixed: &'static [(&'static str, Fixed)],
    /// A header that carries a field.
    pub header: Option<(&'static str, Header)>,
    /// 201 instead of 200 (for a repeated message it stays 200).
    pub created: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixed {
    Text(&'static str),
    Flag(bool),
    Null,
    /// Whatever the request says, but it has to say it.
    Given,
}

/// What becomes of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// A text; a field of that name in the body must agree.
    Text(&'static str),
    /// A number, quoted or not.
    Revision(&'static str),
}

impl Endpoint {
    const fn new(method: Method, path: &'static str, op: &'static str) -> Self {
        Self { method, path, op, fixed: &[], header: None, created: false }
    }

    const fn created(mut self) -> Self {
        self.created = true;
        self
    }

    const fn fixed(mut self, fixed: &'static [(&'static str, Fixed)]) -> Self {
        self.fixed = fixed;
        self
    }

    const fn header(mut self, name: &'static str, header: Header) -> Self {
        self.header = Some((name, header));
        self
    }

    /// Whether fields come from the query; otherwise from a JSON object as body.
    pub fn has_query(&self) -> bool {
        self.method == Method::GET || self.method == Method::DELETE
    }
}

const fn get(path: &'static str, op: &'static str) -> Endpoint {
    Endpoint::new(Method::GET, path, op)
}

const fn post(path: &'static str, op: &'static str) -> Endpoint {
    Endpoint::new(Method::POST, path, op)
}

const fn put(path: &'static str, op: &'static str) -> Endpoint {
    Endpoint::new(Method::PUT, path, op)
}

const fn patch(path: &'static str, op: &'static str) -> Endpoint {
    Endpoint::new(Method::PATCH, path, op)
}

const fn delete(path: &'static str, op: &'static str) -> Endpoint {
    Endpoint::new(Method::DELETE, path, op)
}

/// `If-Match: rev` is the base revision.
const BASE_REV: (&str, Header) = ("if-match", Header::Revision("baseRev"));
/// `Idempotency-Key` is the nonce.
const NONCE: (&str, Header) = ("idempotency-key", Header::Text("nonce"));

pub static ENDPOINTS: &[Endpoint] = &[
    // People
    get("/users", "user:list"),
    get("/users/{userId}", "user:get"),
    get("/users/me/blocks", "user:blocks"),
    put("/users/{userId}/block", "user:block"),
    delete("/users/{userId}/block", "user:unblock"),
    get("/users/me/sessions", "session:list"),
    delete("/users/me/sessions", "session:revoke").fixed(&[("others", Fixed::Flag(true))]),
    delete("/users/me/sessions/{sessionId}", "session:revoke"),
    post("/dms", "dm:open"),
    put("/presence", "presence:update"),
    get("/presence", "presence:get_bulk"),
    // Messages that wait for their time
    get("/schedules", "schedule:list"),
    post("/schedules", "message:send").fixed(&[("sendAt", Fixed::Given)]).header(NONCE.0, NONCE.1).created(),
    patch("/schedules/{scheduleId}", "schedule:update"),
    delete("/schedules/{scheduleId}", "schedule:cancel"),
    // Channels
    get("/channels", "channel:list"),
    post("/channels", "channel:create").created(),
    get("/channels/{channelId}", "channel:get"),
    patch("/channels/{channelId}", "channel:update").header(BASE_REV.0, BASE_REV.1),
    delete("/channels/{channelId}", "channel:archive").fixed(&[("archived", Fixed::Flag(true))]),
    post("/channels/{channelId}/restore", "channel:archive").fixed(&[("archived", Fixed::Flag(false))]),
    post("/channels/{channelId}/members", "channel:member_add").created(),
    patch("/channels/{channelId}/members/{userId}", "channel:member_role"),
    delete("/channels/{channelId}/members/{userId}", "channel:member_remove"),
    post("/channels/{channelId}/members/{userId}/kick", "moderation:kick_user"),
    put("/channels/{channelId}/members/{userId}/timeout", "moderation:timeout_user"),
    delete("/channels/{channelId}/members/{userId}/timeout", "moderation:timeout_user")
        .fixed(&[("until", Fixed::Null)]),
    get("/channels/{channelId}/invites", "invite:list"),
    post("/channels/{channelId}/invites", "invite:create").created(),
    delete("/channels/{channelId}/invites/{inviteId}", "invite:revoke"),
    post("/channels/{channelId}/guests/{userId}/admit", "invite:admit"),
    post("/channels/{channelId}/guests/{userId}/refuse", "invite:refuse"),
    put("/channels/{channelId}/notify", "channel:set_notify"),
    get("/channels/{channelId}/messages", "channel:get_history"),
    post("/channels/{channelId}/messages", "message:send").header(NONCE.0, NONCE.1).created(),
    get("/channels/{channelId}/sync", "channel:sync"),
    post("/channels/{channelId}/read", "message:mark_read"),
    get("/channels/{channelId}/pins", "channel:get_pins"),
    put("/channels/{channelId}/pins/{messageId}", "message:pin"),
    delete("/channels/{channelId}/pins/{messageId}", "message:unpin"),
    get("/channels/{channelId}/typing", "typing:get_active"),
    get("/channels/{channelId}/call", "voice:get_participants"),
    // Messages
    get("/messages/{messageId}", "message:get"),
    patch("/messages/{messageId}", "message:edit").header(BASE_REV.0, BASE_REV.1),
    delete("/messages/{messageId}", "message:delete"),
    get("/messages/{messageId}/revisions", "message:get_revisions"),
    get("/messages/{messageId}/receipts", "message:get_read_receipts"),
    put("/messages/{messageId}/reactions/{emoji}", "message:react").fixed(&[("action", Fixed::Text("add"))]),
    delete("/messages/{messageId}/reactions/{emoji}", "message:react")
        .fixed(&[("action", Fixed::Text("remove"))]),
    post("/messages/{messageId}/report", "message:report").created(),
    get("/search", "search:messages"),
    get("/search/suggest", "search:suggest"),
    // Threads
    get("/threads", "thread:list"),
    get("/threads/{threadId}", "thread:get"),
    put("/threads/{threadId}/follow", "thread:follow"),
    delete("/threads/{threadId}/follow", "thread:unfollow"),
    // Calls
    get("/calls", "call:history"),
    get("/calls/{callId}", "call:get"),
    post("/calls/{callId}/end", "call:end"),
    post("/calls/{callId}/cancel", "call:cancel"),
    post("/calls/{callId}/decline", "call:decline"),
    post("/calls/{callId}/invites", "call:invite"),
    post("/calls/{callId}/participants/{userId}/mute", "call:mute_participant")
        .fixed(&[("muted", Fixed::Flag(true))]),
    delete("/calls/{callId}/participants/{userId}/mute", "call:mute_participant")
        .fixed(&[("muted", Fixed::Flag(false))]),
    post("/calls/{callId}/participants/{userId}/ask-unmute", "call:ask_unmute"),
    delete("/calls/{callId}/participants/{userId}", "call:kick_participant"),
    put("/calls/{callId}/hand", "call:hand").fixed(&[("raised", Fixed::Flag(true))]),
    delete("/calls/{callId}/hand", "call:hand").fixed(&[("raised", Fixed::Flag(false))]),
    // A host, of somebody.
    delete("/calls/{callId}/hands/{userId}", "call:hand").fixed(&[("raised", Fixed::Flag(false))]),
    post("/calls/{callId}/reactions", "call:react"),
    put("/calls/{callId}/lock", "call:lock").fixed(&[("locked", Fixed::Flag(true))]),
    delete("/calls/{callId}/lock", "call:lock").fixed(&[("locked", Fixed::Flag(false))]),
    // Administrators
    get("/admin/reports", "moderation:reports"),
    post("/admin/reports/{reportId}/resolve", "moderation:resolve"),
    get("/admin/bans", "moderation:bans"),
    put("/admin/bans/{userId}", "moderation:ban_user"),
    delete("/admin/bans/{userId}", "moderation:unban_user"),
    get("/admin/filters", "moderation:filters"),
    post("/admin/filters", "moderation:filter_add").created(),
    delete("/admin/filters/{filterId}", "moderation:filter_remove"),
    get("/admin/users/{userId}/sessions", "moderation:sessions"),
    delete("/admin/users/{userId}/sessions", "moderation:revoke_sessions"),
    delete("/admin/users/{userId}/sessions/{sessionId}", "moderation:revoke_sessions"),
    get("/admin/audit", "moderation:audit"),
    get("/admin/overview", "admin:overview"),
    get("/admin/policy", "admin:policy"),
    get("/admin/calls", "admin:calls"),
    get("/admin/calls/{callId}", "admin:call"),
    post("/admin/calls/{callId}/end", "admin:end_call"),
    get("/admin/rings", "admin:rings"),
    delete("/admin/calls/{callId}/rings", "admin:cancel_ring"),
    delete("/admin/calls/{callId}/rings/{userId}", "admin:cancel_ring"),
];

/// Commands that are about the session which sends them, so that a request without one could not mean anything.
pub const OF_A_SESSION: &[(&str, &str)] = &[
    ("channel:join", "focus of a session"),
    ("channel:leave", "focus of a session"),
    ("typing:start", "ends with the session that types"),
    ("typing:stop", "as typing:start"),
    ("presence:heartbeat", "of a session"),
    ("presence:subscribe", "what a session is told"),
    ("presence:unsubscribe", "what a session is told"),
    ("voice:join", "a seat in a call belongs to a session, which negotiates its media"),
    ("voice:leave", "as voice:join"),
    ("voice:update", "as voice:join"),
    ("call:start", "the caller takes a seat, as voice:join"),
    ("call:ringing", "a device rings"),
    ("call:accept", "as voice:join"),
    ("call:join", "as voice:join"),
    ("call:leave", "as voice:join"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chat::command::Command;

    #[test]
    fn every_command_is_here_or_needs_a_session() {
        let here: BTreeSet<&str> = ENDPOINTS.iter().map(|one| one.op).collect();
        let sessions: BTreeSet<&str> = OF_A_SESSION.iter().map(|(op, _)| *op).collect();
        assert_eq!(here.intersection(&sessions).collect::<Vec<_>>(), Vec::<&&str>::new());
        let all: BTreeSet<&str> = Command::OPS.iter().copied().collect();
        assert_eq!(here.union(&sessions).copied().collect::<BTreeSet<_>>(), all);
    }
}
