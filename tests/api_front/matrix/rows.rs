//! The table itself.

use super::{MEMBER, OUTSIDER};

/// A command, a payload that is good, what each role gets for it, and what those who listen hear when it works.
pub struct Row {
    pub op: &'static str,
    /// JSON; `$channel`, `$message` and so on stand for what is in the scene.
    pub data: &'static str,
    /// `ok` or the error's code: owner, member, outsider, host from outside, member without chat, member elsewhere.
    pub codes: [&'static str; 6],
    /// The same for an account that is not of the organisation, whatever its token says.
    pub external: &'static str,
    pub heard: &'static [(&'static str, To)],
    pub call: Call,
    /// The role whose doing is listened to; the first that may, if none is said.
    pub by: Option<usize>,
    /// What the owner does just before.
    pub after: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum To {
    /// Owner and member.
    Members,
    Owner,
    Member,
    Outsider,
    /// Who did it, wherever it sits.
    Actor,
    OtherDevices,
}

/// The owner's call in the channel, which rings the member.
#[derive(Clone, Copy, PartialEq)]
pub enum Call {
    None,
    Ringing,
    Ongoing,
}

const fn row(op: &'static str, data: &'static str, codes: [&'static str; 6]) -> Row {
    Row { op, data, codes, external: codes[OUTSIDER], heard: &[], call: Call::None, by: None, after: None }
}

impl Row {
    const fn heard(mut self, heard: &'static [(&'static str, To)]) -> Self {
        self.heard = heard;
        self
    }

    const fn external(mut self, code: &'static str) -> Self {
        self.external = code;
        self
    }

    const fn by(mut self, role: usize) -> Self {
        self.by = Some(role);
        self
    }

    const fn after(mut self, op: &'static str, data: &'static str) -> Self {
        self.after = Some((op, data));
        self
    }

    const fn during(mut self, call: Call) -> Self {
        self.call = call;
        self
    }
}

const OK: &str = "ok";
const DENIED: &str = "perm.denied";
const NO_CHANNEL: &str = "not_found.channel";
const NO_MESSAGE: &str = "not_found.message";
const NO_CALL: &str = "not_found.call";
const NO_INVITE: &str = "not_found.invite";
const NO_USER: &str = "not_found.user";

const ALL: [&str; 6] = [OK; 6];
/// Seen by members, whatever their token says of chat.
const MEMBERS: [&str; 6] = [OK, OK, NO_CHANNEL, NO_CHANNEL, OK, NO_CHANNEL];
/// As `MEMBERS`, but chat.
const CHAT: [&str; 6] = [OK, OK, NO_CHANNEL, NO_CHANNEL, DENIED, NO_CHANNEL];
/// Chat about a message.
const MESSAGE: [&str; 6] = [OK, OK, NO_MESSAGE, NO_MESSAGE, DENIED, NO_MESSAGE];
/// Chat about something that nobody but the member knows of.
const OF_MEMBER: [&str; 6] = [NO_MESSAGE, OK, NO_MESSAGE, NO_MESSAGE, DENIED, NO_MESSAGE];

/// Not with a token that is for one room.
const ANYWHERE: [&str; 6] = [OK, OK, OK, OK, OK, DENIED];
/// Who runs a channel, and who administers the server.
const HOSTS: [&str; 6] = [OK, DENIED, NO_CHANNEL, OK, DENIED, NO_CHANNEL];
/// Who administers the server.
const SERVER: [&str; 6] = [DENIED, DENIED, DENIED, OK, DENIED, DENIED];

pub static ROWS: &[Row] = &[
    // Channels
    row("channel:list", "{}", ALL),
    row("channel:create", r#"{"type": "group", "name": "new"}"#, [OK, OK, OK, OK, OK, DENIED])
        .heard(&[("channel:created", To::Actor)]),
    row(
        "channel:create",
        r#"{"type": "group", "name": "new", "isInternal": true}"#,
        [OK, OK, OK, OK, OK, DENIED],
    )
    .external(DENIED)
    .heard(&[("channel:created", To::Actor)]),
    row(
        "channel:create",
        r#"{"type": "group", "name": "new", "participants": ["$ana"]}"#,
        [OK, OK, OK, OK, OK, DENIED],
    )
    .external(NO_USER)
    .by(MEMBER)
    .heard(&[("channel:created", To::Actor), ("channel:created", To::Owner)]),
    row("channel:get", r#"{"channelId": "$channel"}"#, MEMBERS),
    row("channel:join", r#"{"channelId": "$channel"}"#, MEMBERS),
    row("channel:leave", r#"{"channelId": "$channel"}"#, MEMBERS),
    row("channel:get_history", r#"{"channelId": "$channel"}"#, CHAT),
    row("channel:get_history", r#"{"channelId": "$channel", "threadId": "$message"}"#, CHAT),
    row("channel:sync", r#"{"channelId": "$channel", "afterRev": 1}"#, CHAT),
    row("channel:get_pins", r#"{"channelId": "$channel"}"#, CHAT),
    // Who administers the server, does so in channels it is not in.
    row("channel:update", r#"{"channelId": "$channel", "topic": "news"}"#, HOSTS)
        .heard(&[("channel:updated", To::Members), ("message:new", To::Members)]),
    row("channel:archive", r#"{"channelId": "$channel", "archived": true}"#, HOSTS)
        .heard(&[("channel:updated", To::Members), ("message:new", To::Members)]),
    row("channel:archive", r#"{"channelId": "$channel", "archived": false}"#, HOSTS),
    row("channel:member_add", r#"{"channelId": "$channel", "userId": "$cy"}"#, HOSTS).heard(&[
        ("channel:member_joined", To::Members),
        ("message:new", To::Members),
        ("channel:created", To::Outsider),
        ("channel:member_joined", To::Outsider),
        ("message:new", To::Outsider),
    ]),
    row(
        "channel:member_remove",
        r#"{"channelId": "$channel", "userId": "$bo"}"#,
        [OK, OK, NO_CHANNEL, OK, DENIED, NO_CHANNEL],
    )
    .heard(&[("channel:member_left", To::Members), ("message:new", To::Owner)]),
    row("channel:member_role", r#"{"channelId": "$channel", "userId": "$bo", "role": "admin"}"#, HOSTS)
        .heard(&[("channel:member_updated", To::Members)]),
    // Guests: by whoever adds members, but nobody from outside is in an internal channel.
    row("invite:create", r#"{"channelId": "$open", "expiresIn": 300, "maxUses": 2, "lobby": true}"#, HOSTS),
    row("invite:create", r#"{"channelId": "$open"}"#, HOSTS),
    row("invite:list", r#"{"channelId": "$open"}"#, HOSTS),
    row(
        "invite:revoke",
        r#"{"channelId": "$open", "inviteId": "$invite"}"#,
        [OK, DENIED, NO_INVITE, OK, DENIED, NO_INVITE],
    ),
    row("invite:admit", r#"{"channelId": "$open", "userId": "$waits"}"#, HOSTS)
        .heard(&[("channel:member_joined", To::Members), ("message:new", To::Members)]),
    row("invite:refuse", r#"{"channelId": "$open", "userId": "$waits"}"#, HOSTS),
    row("channel:set_notify", r#"{"channelId": "$channel", "pref": "mentions"}"#, CHAT)
        .heard(&[("channel:notify_set", To::Actor)]),
    row("moderation:kick_user", r#"{"channelId": "$channel", "userId": "$bo"}"#, HOSTS).heard(&[
        ("moderation:user_kicked", To::Owner),
        ("moderation:kicked", To::Member),
        ("channel:member_left", To::Members),
        ("message:new", To::Owner),
    ]),
    row(
        "moderation:timeout_user",
        r#"{"channelId": "$channel", "userId": "$bo", "until": "2100-01-01T00:00:00Z"}"#,
        HOSTS,
    )
    .heard(&[("channel:member_updated", To::Members)]),
    row("moderation:timeout_user", r#"{"channelId": "$channel", "userId": "$bo", "until": null}"#, HOSTS)
        .heard(&[("channel:member_updated", To::Members)]),
    // Messages
    row("message:send", r#"{"channelId": "$channel", "content": "hello"}"#, CHAT)
        .heard(&[("message:new", To::Members)]),
    row("message:send", r#"{"channelId": "$channel", "threadId": "$message", "content": "@channel"}"#, CHAT)
        .heard(&[("message:new", To::Members), ("message:mention", To::Member)]),
    row(
        "message:send",
        r#"{"channelId": "$channel", "content": "hi", "mentions": ["$bo", "$cy", "$eve"]}"#,
        CHAT,
    )
    .heard(&[("message:new", To::Members), ("message:mention", To::Member)]),
    row("message:send", r#"{"channelId": "$channel", "content": "later", "sendAt": "$later"}"#, CHAT)
        .heard(&[("schedule:changed", To::Actor)]),
    row("schedule:list", "{}", [OK, OK, OK, OK, DENIED, OK]),
    row("schedule:list", r#"{"channelId": "$channel"}"#, CHAT),
    row("schedule:update", r#"{"scheduleId": "$schedule", "content": "better"}"#, OF_MEMBER)
        .heard(&[("schedule:changed", To::Actor)]),
    row("schedule:cancel", r#"{"scheduleId": "$schedule"}"#, OF_MEMBER)
        .heard(&[("schedule:changed", To::Actor)]),
    row(
        "message:edit",
        r#"{"messageId": "$message", "content": "better"}"#,
        [DENIED, OK, NO_MESSAGE, NO_MESSAGE, DENIED, NO_MESSAGE],
    )
    .heard(&[("message:edited", To::Members)]),
    row("message:delete", r#"{"messageId": "$message"}"#, MESSAGE).heard(&[("message:deleted", To::Members)]),
    row("message:delete", r#"{"messageId": "$reply"}"#, MESSAGE).heard(&[("message:deleted", To::Members)]),
    row("message:react", r#"{"messageId": "$message", "emoji": "👍", "action": "add"}"#, MESSAGE)
        .heard(&[("message:reaction", To::Members)]),
    row("message:react", r#"{"messageId": "$message", "emoji": "👍", "action": "remove"}"#, MESSAGE),
    row(
        "message:pin",
        r#"{"channelId": "$channel", "messageId": "$message"}"#,
        [OK, DENIED, NO_MESSAGE, NO_MESSAGE, DENIED, NO_MESSAGE],
    )
    .heard(&[("message:pinned", To::Members)]),
    row(
        "message:unpin",
        r#"{"channelId": "$channel", "messageId": "$message"}"#,
        [OK, DENIED, NO_MESSAGE, NO_MESSAGE, DENIED, NO_MESSAGE],
    ),
    row("message:get", r#"{"messageId": "$message"}"#, MESSAGE),
    row("message:get_revisions", r#"{"messageId": "$message"}"#, MESSAGE),
    row("message:mark_read", r#"{"channelId": "$channel", "seq": 1}"#, CHAT)
        .heard(&[("message:read_receipt", To::Actor)]),
    row("message:mark_read", r#"{"channelId": "$channel", "threadId": "$message", "seq": 1}"#, CHAT)
        .heard(&[("message:read_receipt", To::Actor)]),
    row("message:get_read_receipts", r#"{"messageId": "$message"}"#, MESSAGE),
    row("message:report", r#"{"messageId": "$message", "reason": "spam"}"#, MESSAGE),
    // Threads
    row("thread:get", r#"{"threadId": "$message"}"#, MESSAGE),
    row("thread:list", "{}", [OK, OK, OK, OK, DENIED, OK]),
    row("thread:list", r#"{"channelId": "$channel"}"#, CHAT),
    row("thread:follow", r#"{"threadId": "$message"}"#, MESSAGE).heard(&[("thread:followed", To::Actor)]),
    row("thread:unfollow", r#"{"threadId": "$message"}"#, MESSAGE),
    // Search
    row("search:messages", r#"{"q": "hi"}"#, [OK, OK, OK, OK, DENIED, OK]),
    row("search:messages", r#"{"q": "hi", "channelId": "$channel"}"#, CHAT),
    row("search:suggest", r#"{"q": "an"}"#, [OK, OK, OK, OK, DENIED, OK]),
    // Soft state
    row("typing:start", r#"{"channelId": "$channel"}"#, CHAT),
    row("typing:stop", r#"{"channelId": "$channel"}"#, CHAT),
    row("typing:get_active", r#"{"channelId": "$channel"}"#, CHAT),
    row("presence:update", r#"{"status": "online"}"#, ALL),
    row("presence:heartbeat", r#"{"idleMs": 0}"#, ALL),
    row("presence:subscribe", r#"{"userIds": ["$ana", "$bo"]}"#, ALL),
    row("presence:subscribe", r#"{"channelId": "$channel"}"#, MEMBERS),
    row("presence:unsubscribe", r#"{"userIds": []}"#, ALL),
    row("presence:get_bulk", r#"{"userIds": ["$ana", "$bo"]}"#, ALL),
    // Rooms
    row("voice:join", r#"{"channelId": "$channel"}"#, MEMBERS)
        .heard(&[("call:started", To::Members), ("voice:user_joined", To::Members)]),
    row(
        "voice:leave",
        r#"{"channelId": "$channel"}"#,
        [OK, OK, NO_CHANNEL, NO_CHANNEL, "call.not_in_call", NO_CHANNEL],
    )
    .during(Call::Ongoing)
    .heard(&[("call:participant_left", To::Members)]),
    row(
        "voice:update",
        r#"{"channelId": "$channel", "muted": true}"#,
        [OK, "call.not_in_call", NO_CHANNEL, NO_CHANNEL, "call.not_in_call", NO_CHANNEL],
    )
    .during(Call::Ringing)
    .heard(&[("voice:state_update", To::Owner)]),
    row("voice:get_participants", r#"{"channelId": "$channel"}"#, MEMBERS),
    // Calls
    row(
        "call:start",
        r#"{"channelId": "$channel", "type": "voice", "participantIds": ["$ana", "$bo"]}"#,
        MEMBERS,
    )
    .heard(&[
        ("call:started", To::Members),
        ("call:incoming", To::Member),
        ("call:participant_joined", To::Members),
    ]),
    row("call:ringing", r#"{"callId": "$call"}"#, ["conflict.state", OK, NO_CALL, NO_CALL, OK, NO_CALL])
        .during(Call::Ringing)
        .heard(&[("call:ringing", To::Owner)]),
    row("call:accept", r#"{"callId": "$call"}"#, [OK, OK, NO_CALL, NO_CALL, OK, NO_CALL])
        .during(Call::Ringing)
        .by(MEMBER)
        .heard(&[
            ("call:accepted", To::Owner),
            ("call:accepted", To::OtherDevices),
            ("call:participant_joined", To::Members),
        ]),
    row("call:decline", r#"{"callId": "$call"}"#, ["conflict.state", OK, NO_CALL, NO_CALL, OK, NO_CALL])
        .during(Call::Ringing)
        .heard(&[("call:declined", To::Members), ("call:ended", To::Members), ("message:new", To::Members)]),
    row("call:cancel", r#"{"callId": "$call"}"#, [OK, DENIED, NO_CALL, NO_CALL, DENIED, NO_CALL])
        .during(Call::Ringing)
        .heard(&[("call:cancelled", To::Member), ("call:ended", To::Members), ("message:new", To::Members)]),
    row("call:join", r#"{"callId": "$call"}"#, [OK, OK, NO_CALL, NO_CALL, OK, NO_CALL]).during(Call::Ongoing),
    row("call:leave", r#"{"callId": "$call"}"#, [OK, OK, NO_CALL, NO_CALL, "call.not_in_call", NO_CALL])
        .during(Call::Ongoing)
        .heard(&[("call:participant_left", To::Members)]),
    row("call:end", r#"{"callId": "$call"}"#, [OK, DENIED, NO_CALL, NO_CALL, DENIED, NO_CALL])
        .during(Call::Ongoing)
        .heard(&[("call:ended", To::Members), ("message:new", To::Members)]),
    row("call:invite", r#"{"callId": "$call", "userIds": ["$bo"]}"#, [OK, OK, NO_CALL, NO_CALL, OK, NO_CALL])
        .during(Call::Ongoing),
    row(
        "call:mute_participant",
        r#"{"callId": "$call", "userId": "$bo"}"#,
        [OK, DENIED, NO_CALL, NO_CALL, DENIED, NO_CALL],
    )
    .during(Call::Ongoing)
    .heard(&[("call:muted", To::Members), ("voice:state_update", To::Members)]),
    row(
        "call:kick_participant",
        r#"{"callId": "$call", "userId": "$bo"}"#,
        [OK, DENIED, NO_CALL, NO_CALL, DENIED, NO_CALL],
    )
    .during(Call::Ongoing)
    .heard(&[("call:participant_left", To::Members)]),
    row(
        "call:mute_participant",
        r#"{"callId": "$call", "userId": "$bo", "muted": false}"#,
        [OK, DENIED, NO_CALL, NO_CALL, DENIED, NO_CALL],
    )
    .during(Call::Ongoing)
    .after("call:mute_participant", r#"{"callId": "$call", "userId": "$bo"}"#)
    .heard(&[("call:muted", To::Members)]),
    row(
        "call:ask_unmute",
        r#"{"callId": "$call", "userId": "$bo"}"#,
        [OK, DENIED, NO_CALL, NO_CALL, DENIED, NO_CALL],
    )
    .during(Call::Ongoing)
    .heard(&[("call:unmute_asked", To::Member)]),
    row("call:hand", r#"{"callId": "$call", "raised": true}"#, [OK, OK, NO_CALL, NO_CALL, OK, NO_CALL])
        .during(Call::Ongoing)
        .heard(&[("call:hands", To::Members), ("voice:state_update", To::Members)]),
    row(
        "call:hand",
        r#"{"callId": "$call", "raised": false, "userId": "$bo"}"#,
        [OK, OK, NO_CALL, NO_CALL, OK, NO_CALL],
    )
    .during(Call::Ongoing),
    row("call:react", r#"{"callId": "$call", "emoji": "👏"}"#, [OK, OK, NO_CALL, NO_CALL, OK, NO_CALL])
        .during(Call::Ongoing),
    row(
        "call:lock",
        r#"{"callId": "$call", "locked": true}"#,
        [OK, DENIED, NO_CALL, NO_CALL, DENIED, NO_CALL],
    )
    .during(Call::Ongoing)
    .heard(&[("call:locked", To::Members)]),
    row("call:get", r#"{"callId": "$call"}"#, [OK, OK, NO_CALL, NO_CALL, OK, NO_CALL]).during(Call::Ongoing),
    row("call:history", "{}", ALL),
    row("call:history", r#"{"channelId": "$channel"}"#, MEMBERS),
    // People
    row("dm:open", r#"{"userId": "$cy"}"#, [OK, OK, OK, OK, OK, DENIED])
        .external(NO_USER)
        .heard(&[("channel:created", To::Owner), ("channel:created", To::Outsider)]),
    row("user:list", "{}", ALL),
    row("user:get", r#"{"userId": "$ana"}"#, ALL).external(NO_USER),
    row("user:block", r#"{"userId": "$ed"}"#, ANYWHERE).heard(&[("user:blocked", To::Actor)]),
    row("user:blocks", "{}", ANYWHERE),
    row("user:unblock", r#"{"userId": "$ed"}"#, ANYWHERE),
    row("session:list", "{}", ANYWHERE),
    // Its effects are in `logins.rs`; a session that is not mine is none.
    row("session:revoke", r#"{"others": true}"#, ANYWHERE),
    // The server
    row("moderation:reports", "{}", SERVER),
    row("moderation:resolve", r#"{"reportId": "$report", "resolution": "dismissed"}"#, SERVER),
    row("moderation:ban_user", r#"{"userId": "$ed", "reason": "spam"}"#, SERVER)
        .heard(&[("moderation:user_banned", To::Members), ("moderation:user_banned", To::Outsider)]),
    row("moderation:unban_user", r#"{"userId": "$banned"}"#, SERVER),
    row("moderation:bans", "{}", SERVER),
    row("moderation:filters", "{}", SERVER),
    row("moderation:filter_add", r#"{"word": "unwanted", "action": "mask"}"#, SERVER),
    row("moderation:filter_remove", r#"{"filterId": "$filter"}"#, SERVER),
    row("moderation:sessions", r#"{"userId": "$ed"}"#, SERVER),
    row("moderation:revoke_sessions", r#"{"userId": "$ed"}"#, SERVER),
    row("moderation:audit", "{}", SERVER),
    row("admin:overview", "{}", SERVER),
    row("admin:policy", "{}", SERVER),
    row("admin:calls", r#"{"limit": 5}"#, SERVER).during(Call::Ongoing),
    row("admin:call", r#"{"callId": "$call"}"#, SERVER).during(Call::Ongoing),
    row("admin:rings", "{}", SERVER).during(Call::Ringing),
    row("admin:cancel_ring", r#"{"callId": "$call"}"#, SERVER).during(Call::Ringing).heard(&[
        ("call:cancelled", To::Member),
        ("call:ended", To::Members),
        ("message:new", To::Members),
    ]),
    row("admin:cancel_ring", r#"{"callId": "$call", "userId": "$bo"}"#, SERVER)
        .during(Call::Ringing)
        .heard(&[("call:cancelled", To::Member), ("call:ended", To::Members), ("message:new", To::Members)]),
    row("admin:end_call", r#"{"callId": "$call"}"#, SERVER)
        .during(Call::Ongoing)
        .heard(&[("call:ended", To::Members), ("message:new", To::Members)]),
];
