//! The answer of every command. One line of `OPS` makes an operation part of all documents.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    objects::{
        AuditEntry, Ban, CallRecord, Chain, Channel, Empty, FilteredWord, IceServer, InviteLink, Knocking,
        LiveCall, Login, Member, Message, Never, Participant, Presence, Reader, Report, Revision, Scheduled,
        SeenChannel, Settings, Thread, Time, Track, Typist, User,
    },
    oversight::{OneRunningCall, Overview, Policy, RunningCalls, RunningRings},
};
use crate::{
    base::id::{CallId, ChannelId, LoginId, MessageId, ParticipantId, ReportId, SessionId, UserId},
    call::model::VoiceState,
    chat::model::NotifyPref,
};

/// A type's schema, as a reference to a definition where it has a name.
pub type Of = fn(&mut SchemaGenerator) -> Schema;

/// What the documents say of an operation besides its payload.
#[derive(Debug)]
pub struct Op {
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    pub answer: Of,
}

const fn op<T: JsonSchema>(name: &'static str, summary: &'static str) -> Op {
    Op { name, summary, answer: SchemaGenerator::subschema_for::<T> }
}

/// Every command that REST or the socket takes.
pub static OPS: &[Op] = &[
    // Channels
    op::<Channels>("channel:list", "Channels one is a member of"),
    op::<OneChannel>("channel:create", "Make a channel, or find or make a direct conversation"),
    op::<ChannelAndMembers>("channel:get", "A channel and its members"),
    op::<OneSeenChannel>("channel:update", "Change a channel's settings"),
    op::<OneSeenChannel>("channel:archive", "Archive a channel, or take it out of the archive"),
    op::<OneMember>("channel:member_add", "Add somebody to a channel"),
    op::<OneMember>("channel:member_remove", "Remove somebody from a channel, or leave it"),
    op::<OneMember>("channel:member_role", "Change what a member may do"),
    op::<Notify>("channel:set_notify", "What one wants to be told of a channel"),
    op::<Entered>("channel:join", "Look at a channel: typing is told from now on"),
    op::<Empty>("channel:leave", "Look away from a channel"),
    op::<History>("channel:get_history", "A page of a channel's messages, or of a thread's replies"),
    op::<Sync>("channel:sync", "What of a channel changed after a revision"),
    op::<Messages>("channel:get_pins", "Pinned messages, the newest pin first"),
    // Messages
    op::<SentOrScheduled>("message:send", "Write a message, now or (with `sendAt`) later"),
    op::<OneMessage>("message:edit", "Change a message of one's own"),
    op::<OneMessage>("message:delete", "Delete a message; its tombstone stays"),
    op::<Reacted>("message:react", "Add or take back a reaction"),
    op::<OneMessage>("message:pin", "Pin a message"),
    op::<OneMessage>("message:unpin", "Take a pin away"),
    op::<OneMessage>("message:get", "One message"),
    op::<Revisions>("message:get_revisions", "Earlier texts of a message"),
    op::<Readers>("message:get_read_receipts", "Who has read a message"),
    op::<ScheduledMessages>("schedule:list", "One's messages that wait for their time, or failed"),
    op::<OneScheduled>("schedule:update", "Change a message that waits"),
    op::<OneScheduled>("schedule:cancel", "Do not send a message that waits"),
    op::<ReadCursor>("message:mark_read", "Move one's read cursor"),
    op::<Reported>("message:report", "Report a message to the moderators"),
    // Threads
    op::<OneThread>("thread:get", "A thread"),
    op::<Threads>("thread:list", "Threads one follows, the last reply first"),
    op::<Followed>("thread:follow", "Follow a thread"),
    op::<Followed>("thread:unfollow", "Follow a thread no more"),
    // Search
    op::<Hits>("search:messages", "Search messages, the newest first"),
    op::<Suggestions>("search:suggest", "Channels and people whose name begins like this"),
    // Soft state
    op::<Empty>("typing:start", "One is typing"),
    op::<Empty>("typing:stop", "One is not typing any more"),
    op::<Typists>("typing:get_active", "Who is typing in a channel"),
    op::<OnePresence>("presence:update", "Change one's status"),
    op::<Empty>("presence:heartbeat", "How long nobody has touched the device"),
    op::<Subscribed>("presence:subscribe", "Be told of people's presence"),
    op::<Empty>("presence:unsubscribe", "Be told of it no more"),
    op::<Presences>("presence:get_bulk", "Presence of several people"),
    // Rooms and calls
    op::<Started>("voice:join", "Walk into a channel's room"),
    op::<Empty>("voice:leave", "Leave the room"),
    op::<OneVoiceState>("voice:update", "Say what of one's media is on"),
    op::<InCall>("voice:get_participants", "Who is in a channel's call"),
    op::<Started>("call:start", "Ring people of a channel"),
    op::<Empty>("call:ringing", "One's device rings"),
    op::<Joined>("call:accept", "Answer a call"),
    op::<Empty>("call:decline", "Decline a call"),
    op::<Empty>("call:cancel", "Give up a call that nobody has answered"),
    op::<Joined>("call:join", "Join a call that is going on"),
    op::<Empty>("call:leave", "Leave a call"),
    op::<Empty>("call:end", "End a call for everybody"),
    op::<Invited>("call:invite", "Ring more people"),
    op::<Empty>("call:mute_participant", "Mute somebody's microphone"),
    op::<Empty>("call:kick_participant", "Take somebody out of a call"),
    op::<Empty>("call:ask_unmute", "Ask somebody to switch the microphone on"),
    op::<Hands>("call:hand", "Raise or lower a hand"),
    op::<Empty>("call:react", "Show everybody in a call an emoji for a moment"),
    op::<Empty>("call:lock", "Let nobody new into a call, or everybody again"),
    op::<OneCall>("call:get", "A call, live or past"),
    op::<Calls>("call:history", "Past and live calls, the newest first"),
    // People
    op::<OneChannel>("dm:open", "Find or make the direct conversation with somebody"),
    op::<Users>("user:list", "People with an account"),
    op::<OneUser>("user:get", "One person"),
    op::<Empty>("user:block", "Block somebody"),
    op::<Empty>("user:unblock", "Block somebody no more"),
    op::<Users>("user:blocks", "Whom one blocks"),
    op::<Sessions>("session:list", "Where one is signed in, the last used first"),
    op::<Empty>("session:revoke", "Sign out somewhere else, or everywhere else"),
    // Guests
    op::<MadeInvite>("invite:create", "Make a link that lets people in who have no account"),
    op::<Invites>("invite:list", "Links of a channel that have not ended, the newest first, and who waits"),
    op::<OneMember>("invite:admit", "Let a guest in who waits"),
    op::<Empty>("invite:refuse", "Send a guest away who waits"),
    op::<OneInvite>("invite:revoke", "End a link, and the stay of those who came by it"),
    // Moderation
    op::<OneMember>("moderation:kick_user", "Remove a member and say why"),
    op::<OneMember>("moderation:timeout_user", "Keep a member from writing for a while, or no more"),
    op::<Reports>("moderation:reports", "What was reported, the newest first"),
    op::<OneReport>("moderation:resolve", "Decide a report"),
    op::<Banned>("moderation:ban_user", "Ban somebody from the server"),
    op::<Empty>("moderation:unban_user", "Lift a ban"),
    op::<Bans>("moderation:bans", "Bans in force"),
    op::<Filters>("moderation:filters", "Words that are not wanted in messages"),
    op::<OneFilter>("moderation:filter_add", "Add a word, or change what is done about it"),
    op::<Empty>("moderation:filter_remove", "Take a word from the list"),
    op::<Sessions>("moderation:sessions", "Where somebody is signed in"),
    op::<Empty>("moderation:revoke_sessions", "Sign somebody out"),
    op::<AuditLog>("moderation:audit", "The log of what moderators did, the newest first"),
    // The server
    op::<Overview>("admin:overview", "The server in numbers"),
    op::<Policy>("admin:policy", "How the server is set up"),
    op::<RunningCalls>("admin:calls", "Live calls of all channels, the worst connection first"),
    op::<OneRunningCall>("admin:call", "A live call and the connections of its people"),
    op::<Empty>("admin:end_call", "End any call for everybody"),
    op::<RunningRings>("admin:rings", "Who is being rung"),
    op::<Empty>("admin:cancel_ring", "Let a call ring no more"),
];

/// Commands about the session itself and its media.
pub static SESSION_OPS: &[Op] = &[
    op::<Greeted>("session:hello", "Open or resume a session"),
    op::<Pong>("ping", "The session lives; what time is it?"),
    op::<Refreshed>("token:refresh", "Go on with a newer token"),
    op::<IceServers>("rtc:ice", "STUN and TURN servers with fresh credentials"),
    op::<Empty>("rtc:offer", "Negotiate the media of a call"),
    op::<Empty>("rtc:candidate", "A candidate of one's own"),
    op::<Empty>("rtc:subscribe", "Which layers of which tracks to send"),
    op::<Sdp>("net:test", "A media session of no call, to try paths with"),
];

pub fn find(name: &str) -> Option<&'static Op> {
    OPS.iter().chain(SESSION_OPS).find(|op| op.name == name)
}

#[derive(Debug, JsonSchema)]
pub struct Channels {
    pub channels: Vec<Channel>,
    pub next: Option<String>,
}

#[derive(Debug, JsonSchema)]
pub struct OneChannel {
    pub channel: Channel,
}

#[derive(Debug, JsonSchema)]
pub struct OneSeenChannel {
    pub channel: SeenChannel,
}

#[derive(Debug, JsonSchema)]
pub struct ChannelAndMembers {
    pub channel: Channel,
    pub members: Vec<Member>,
}

#[derive(Debug, JsonSchema)]
pub struct OneMember {
    pub member: Member,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notify {
    pub channel_id: crate::base::id::ChannelId,
    pub pref: NotifyPref,
    pub muted_until: Option<Time>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entered {
    pub channel: Channel,
    pub last_seq: u64,
    pub rev: u64,
    pub typing: Vec<Typist>,
    pub presence: Vec<Presence>,
    pub call: Option<LiveCall>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// By `seq`, the lowest first.
    pub messages: Vec<Message>,
    pub has_more_before: bool,
    pub has_more_after: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sync {
    /// By `rev`, the lowest first; tombstones included.
    pub messages: Vec<Message>,
    pub members: Vec<Member>,
    pub rev: u64,
    pub last_seq: u64,
    /// Too much has changed: load the last page again.
    pub truncated: bool,
}

#[derive(Debug, JsonSchema)]
pub struct Messages {
    pub messages: Vec<Message>,
}

#[derive(Debug, JsonSchema)]
pub struct OneMessage {
    pub message: Message,
}

#[derive(Debug, JsonSchema)]
pub struct Sent {
    pub message: Message,
    /// A retry: this is the message of the first attempt.
    pub duplicate: bool,
}

#[derive(Debug, JsonSchema)]
pub struct LaterSent {
    pub scheduled: Scheduled,
    pub duplicate: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "it is never built")]
pub enum SentOrScheduled {
    Sent(Sent),
    Scheduled(LaterSent),
}

#[derive(Debug, JsonSchema)]
pub struct OneScheduled {
    pub scheduled: Scheduled,
}

#[derive(Debug, JsonSchema)]
pub struct ScheduledMessages {
    /// The next one first.
    pub scheduled: Vec<Scheduled>,
}

#[derive(Debug, JsonSchema)]
pub struct Readers {
    /// The last one first; empty in large channels.
    #[schemars(length(max = 100))]
    pub readers: Vec<Reader>,
    pub count: u32,
}

#[derive(Debug, JsonSchema)]
pub struct Reacted {
    pub count: u32,
    pub rev: u64,
}

#[derive(Debug, JsonSchema)]
pub struct Revisions {
    pub revisions: Vec<Revision>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadCursor {
    pub read_seq: u64,
    #[schemars(range(max = 100))]
    pub unread: u32,
    pub mentions: u32,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    pub report_id: ReportId,
}

#[derive(Debug, JsonSchema)]
pub struct OneThread {
    pub thread: Thread,
}

#[derive(Debug, JsonSchema)]
pub struct Threads {
    pub threads: Vec<Thread>,
    pub next: Option<String>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    pub thread_id: MessageId,
    pub following: bool,
}

#[derive(Debug, JsonSchema)]
pub struct Hits {
    pub hits: Vec<Hit>,
    pub next: Option<String>,
}

#[derive(Debug, JsonSchema)]
pub struct Hit {
    pub message: Message,
    /// Start and length in UTF-16 code units of `content`.
    pub highlights: Vec<(u32, u32)>,
}

#[derive(Debug, JsonSchema)]
pub struct Suggestions {
    pub channels: Vec<Channel>,
    pub users: Vec<User>,
}

#[derive(Debug, JsonSchema)]
pub struct Typists {
    pub users: Vec<Typist>,
}

#[derive(Debug, JsonSchema)]
pub struct OnePresence {
    pub presence: Presence,
    pub settings: Settings,
}

#[derive(Debug, JsonSchema)]
pub struct Presences {
    pub presence: Vec<Presence>,
}

#[derive(Debug, JsonSchema)]
pub struct Subscribed {
    pub presence: Vec<Presence>,
    /// How many of the channel's members are there.
    pub online: Option<u32>,
}

/// A seat in a call.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    pub success: bool,
    pub call_id: CallId,
    pub participant_id: ParticipantId,
    pub participants: Vec<Participant>,
    /// What the others publish already, as `rtc:track` tells it once more afterwards.
    pub tracks: Vec<Track>,
    pub ice_servers: Vec<IceServer>,
    /// Seconds the credentials are good for, 0 = for ever.
    pub ice_servers_ttl: u64,
    pub token: Never,
    pub server_url: Never,
    pub call: LiveCall,
}

#[derive(Debug, JsonSchema)]
pub struct Started {
    #[serde(flatten)]
    pub seat: Joined,
    /// The channel had a live call already.
    pub existing: bool,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OneVoiceState {
    pub voice_state: VoiceState,
}

#[derive(Debug, JsonSchema)]
pub struct Hands {
    /// Who has a hand up, the first one first.
    pub hands: Vec<UserId>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InCall {
    pub call_id: Option<CallId>,
    pub participants: Vec<Participant>,
}

#[derive(Debug, JsonSchema)]
pub struct Invited {
    pub invited: Vec<UserId>,
}

#[derive(Debug, JsonSchema)]
pub struct OneCall {
    pub call: CallRecord,
}

#[derive(Debug, JsonSchema)]
pub struct Calls {
    pub calls: Vec<CallRecord>,
    pub next: Option<String>,
}

#[derive(Debug, JsonSchema)]
pub struct Users {
    pub users: Vec<User>,
    pub next: Option<String>,
}

#[derive(Debug, JsonSchema)]
pub struct OneUser {
    pub user: User,
}

#[derive(Debug, JsonSchema)]
pub struct Sessions {
    pub sessions: Vec<Login>,
}

#[derive(Debug, JsonSchema)]
pub struct Filters {
    /// By word. Those of the configuration are not among them.
    pub filters: Vec<FilteredWord>,
}

#[derive(Debug, JsonSchema)]
pub struct OneFilter {
    pub filter: FilteredWord,
}

#[derive(Debug, JsonSchema)]
pub struct Reports {
    pub reports: Vec<Report>,
    pub next: Option<String>,
}

#[derive(Debug, JsonSchema)]
pub struct OneReport {
    pub report: Report,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Banned {
    pub user_id: UserId,
    /// `null` = for good.
    pub until: Option<Time>,
}

#[derive(Debug, JsonSchema)]
pub struct Bans {
    pub bans: Vec<Ban>,
    pub next: Option<String>,
}

#[derive(Debug, JsonSchema)]
pub struct AuditLog {
    pub entries: Vec<AuditEntry>,
    pub next: Option<String>,
    /// If it was asked for.
    #[schemars(skip_serializing_if = "absent")]
    pub chain: Chain,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Greeted {
    pub session_id: SessionId,
    pub resumed: bool,
}

/// What was sent comes back.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum Echo {
    Number(f64),
    Text(#[schemars(length(max = 64))] String),
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    pub t: Option<Echo>,
    pub server_time: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refreshed {
    pub expires_at: Time,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IceServers {
    pub ice_servers: Vec<IceServer>,
    pub ice_servers_ttl: u64,
}

#[derive(Debug, JsonSchema)]
pub struct Sdp {
    pub sdp: String,
}

#[derive(Debug, JsonSchema)]
pub struct MadeInvite {
    pub invite: InviteLink,
    /// The secret of the link; it is told this once.
    pub code: String,
}

#[derive(Debug, JsonSchema)]
pub struct Invites {
    #[schemars(length(max = 200))]
    pub invites: Vec<InviteLink>,
    /// The first one first.
    #[schemars(length(max = 50))]
    pub waiting: Vec<Knocking>,
}

#[derive(Debug, JsonSchema)]
pub struct OneInvite {
    pub invite: InviteLink,
}

/// What is behind a link.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownInvite {
    pub channel_id: ChannelId,
    pub channel_name: String,
    /// Names of people who are in the call now.
    #[schemars(length(max = 5))]
    pub people: Vec<String>,
    /// How many people are in the call now.
    pub count: u32,
    /// One waits until somebody lets one in.
    pub lobby: bool,
    pub publish: bool,
    pub chat: bool,
    pub expires_at: Time,
}

/// What a guest gets. There is no refresh token: a page that is loaded again goes on with this one.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    pub token: String,
    pub expires_at: Time,
    pub user: User,
    pub channel_id: ChannelId,
}

/// What a login gets.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    pub token: String,
    pub expires_at: Time,
    pub user: User,
    /// This and the next two: of a session of ours, for those who log in or show a refresh token.
    #[schemars(skip_serializing_if = "absent")]
    pub session_id: LoginId,
    /// Good for one use.
    #[schemars(skip_serializing_if = "absent")]
    pub refresh_token: String,
    #[schemars(skip_serializing_if = "absent")]
    pub refresh_expires_at: Time,
}
