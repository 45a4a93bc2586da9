/* Written by `make schemas` from docs/schemas/socket.json. Edits are lost. */

export type ChannelKind = ('dm' | 'group' | 'department' | 'project') | 'general';
/**
 * Ringing calls (`call:*`) and rooms one walks into (`voice:*`).
 */
export type CallMode = 'ring' | 'room';
/**
 * protocol.md 5.6. The last six are final.
 */
export type CallState =
  'ringing' | 'ongoing' | 'completed' | 'cancelled' | 'rejected' | 'missed' | 'busy' | 'failed';
/**
 * What the initiator asked for; both kinds carry any media.
 */
export type CallKind = 'voice' | 'video';
export type Connection = 'connecting' | 'connected' | 'interrupted';
/**
 * Times as in the file (`45s`, `30d`); of lists how long they are.
 */
export type PolicyValue = boolean | number | string;
export type Kind = 'audio' | 'video';
/**
 * Where a track comes from. Each source of a participant is a publication of its own.
 */
export type Source = 'mic' | 'camera' | 'screen' | 'screen_audio';
export type TrackState = 'published' | 'unpublished' | 'muted' | 'unmuted';
export type EndReason =
  | (
      | 'last_left'
      | 'host_ended'
      | 'max_duration'
      | 'alone_timeout'
      | 'node_lost'
      | 'cancelled'
      | 'declined'
      | 'busy'
      | 'no_answer'
      | 'failed'
    )
  | 'admin_ended';
export type InviteOutcome = 'ringing' | 'accepted' | 'declined' | 'missed' | 'busy' | 'cancelled';
/**
 * Why a stint ended.
 */
export type LeaveReason =
  'left' | 'disconnected' | 'media_lost' | 'kicked' | 'replaced' | 'call_ended' | 'node_lost';
/**
 * Administrators who are no members see less.
 */
export type SeenChannel = Channel | SharedChannel;
/**
 * What of a channel a member wants to be told of when it does not look.
 */
export type NotifyPref = 'all' | 'mentions' | 'none';
/**
 * What a member may do; later ones may do more.
 */
export type MemberRole = 'member' | 'admin' | 'owner';
/**
 * The author of the message did it, unless the directory is its author.
 */
export type Line =
  | {
      count: number;
      event: 'joined';
      users: Named[];
    }
  | {
      count: number;
      event: 'added';
      users: Named[];
    }
  | {
      count: number;
      event: 'left';
      users: Named[];
    }
  | {
      count: number;
      event: 'removed';
      users: Named[];
    }
  | {
      event: 'renamed';
      from: string;
      to: string;
    }
  | {
      event: 'topic';
      topic: string;
    }
  | {
      event: 'archived';
    }
  | {
      event: 'restored';
    };
export type MessageKind = 'text' | 'call' | 'system';
export type Device = 'desktop' | 'mobile' | 'tablet';
export type Status = ('online' | 'away' | 'dnd' | 'offline') | 'invisible';
export type SentOrScheduled = Sent | LaterSent;
/**
 * Stable; for programs.
 */
export type ErrorCode =
  | 'auth.required'
  | 'auth.invalid'
  | 'auth.expired'
  | 'auth.user_inactive'
  | 'auth.revoked'
  | 'auth.banned'
  | 'perm.denied'
  | 'perm.not_member'
  | 'perm.read_only'
  | 'perm.blocked'
  | 'perm.timeout'
  | 'not_found.channel'
  | 'not_found.message'
  | 'not_found.user'
  | 'not_found.call'
  | 'not_found.session'
  | 'not_found.filter'
  | 'not_found.invite'
  | 'validation.failed'
  | 'validation.filtered'
  | 'conflict.rev'
  | 'conflict.duplicate'
  | 'conflict.state'
  | 'invite.gone'
  | 'limit.rate'
  | 'limit.size'
  | 'limit.count'
  | 'call.full'
  | 'call.busy'
  | 'call.ended'
  | 'call.not_in_call'
  | 'call.locked'
  | 'rtc.negotiation'
  | 'server.full'
  | 'server.draining'
  | 'server.unavailable'
  | 'op.unknown';
export type ScheduleState = 'pending' | 'sent' | 'failed' | 'cancelled';
export type FilterAction = 'flag' | 'mask' | 'block';
/**
 * Who reported.
 */
export type ReportKind = 'user' | 'filter';
/**
 * What became of a report.
 */
export type ReportState = 'open' | 'dismissed' | 'actioned';
/**
 * What was sent comes back.
 */
export type Echo = number | string;
/**
 * Who is told when a person was last there.
 */
export type LastSeenTo = 'nobody' | 'shared';
export type AccountKind = 'internal' | 'client' | 'bot';
export type AccountRole = 'admin' | 'member';
export type DeclineReason = 'declined' | 'busy';
export type KnockOutcome = ('admitted' | 'refused') | 'left' | 'unanswered';
export type ReactAction = 'add' | 'remove';
export type NotificationKind = ('mention' | 'missed_call') | 'direct' | 'thread';
export type RtcLayers = LayersComing | LayersWanted;
export type MediaState = 'connected' | 'interrupted' | 'closed';
export type InLobby = 'waiting';

/**
 * All that goes over the wire.
 */
export interface Wire {
  commands: Commands;
  answers: Answers;
  events: Events;
}
export interface Commands {
  /**
   * A live call and the connections of its people
   */
  'admin:call': {
    callId: string;
  };
  /**
   * Live calls of all channels, the worst connection first
   */
  'admin:calls': {
    limit?: number | null;
  };
  /**
   * Let a call ring no more
   */
  'admin:cancel_ring': {
    callId: string;
    /**
     * Whose ring; absent, all of the call.
     */
    userId?: string | null;
  };
  /**
   * End any call for everybody
   */
  'admin:end_call': {
    callId: string;
  };
  /**
   * The server in numbers
   */
  'admin:overview': {};
  /**
   * How the server is set up
   */
  'admin:policy': {};
  /**
   * Who is being rung
   */
  'admin:rings': {
    limit?: number | null;
  };
  /**
   * Answer a call
   */
  'call:accept': {
    callId: string;
    deafened?: boolean;
    /**
     * A new seat even where this session has one: its media is broken, and a new connection needs a new seat.
     */
    fresh?: boolean;
    muted?: boolean;
  };
  /**
   * Ask somebody to switch the microphone on
   */
  'call:ask_unmute': {
    callId: string;
    userId: string;
  };
  /**
   * Give up a call that nobody has answered
   */
  'call:cancel': {
    callId: string;
  };
  /**
   * Decline a call
   */
  'call:decline': {
    callId: string;
    reason?: 'declined' | 'busy';
  };
  /**
   * End a call for everybody
   */
  'call:end': {
    callId: string;
  };
  /**
   * A call, live or past
   */
  'call:get': {
    callId: string;
  };
  /**
   * Raise or lower a hand
   */
  'call:hand': {
    callId: string;
    raised: boolean;
    /**
     * Whose hand a host lowers; none is one's own.
     */
    userId?: string | null;
  };
  /**
   * Past and live calls, the newest first
   */
  'call:history': {
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
    cursor?: string | null;
    filter?: 'all' | 'missed';
    limit?: number | null;
  };
  /**
   * Ring more people
   */
  'call:invite': {
    callId: string;
    userIds: string[];
  };
  /**
   * Join a call that is going on
   */
  'call:join': {
    callId: string;
    deafened?: boolean;
    /**
     * A new seat even where this session has one: its media is broken, and a new connection needs a new seat.
     */
    fresh?: boolean;
    muted?: boolean;
  };
  /**
   * Take somebody out of a call
   */
  'call:kick_participant': {
    callId: string;
    userId: string;
  };
  /**
   * Leave a call
   */
  'call:leave': {
    callId: string;
  };
  /**
   * Let nobody new into a call, or everybody again
   */
  'call:lock': {
    callId: string;
    locked: boolean;
  };
  /**
   * Mute somebody's microphone
   */
  'call:mute_participant': {
    callId: string;
    /**
     * `false` takes back one's own mute of a moment ago.
     */
    muted?: boolean;
    userId: string;
  };
  /**
   * Show everybody in a call an emoji for a moment
   */
  'call:react': {
    callId: string;
    /**
     * One emoji.
     */
    emoji: string;
  };
  /**
   * One's device rings
   */
  'call:ringing': {
    callId: string;
  };
  /**
   * Ring people of a channel
   */
  'call:start': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    deafened?: boolean;
    muted?: boolean;
    participantIds?: string[];
    /**
     * Of the call that it starts.
     */
    playoutDelay?: {
      max?: number;
      min?: number;
    } | null;
    /**
     * What the initiator asked for; both kinds carry any media.
     */
    type?: 'voice' | 'video';
  };
  /**
   * Archive a channel, or take it out of the archive
   */
  'channel:archive': {
    archived: boolean;
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * Make a channel, or find or make a direct conversation
   */
  'channel:create': {
    /**
     * What there is to know of the project or department; at most 2048 bytes of JSON.
     */
    context?: {
      [k: string]: unknown;
    } | null;
    /**
     * Which department or project it is of, in the words of whoever keeps them.
     */
    departmentId?: string | null;
    description?: string | null;
    /**
     * No external account is let in. Channels of departments and general ones are so always, those of projects unless
     * this is `false`, groups if it is `true`.
     */
    isInternal?: boolean | null;
    name?: string;
    participants?: string[];
    private?: boolean;
    projectId?: string | null;
    type: ('dm' | 'group' | 'department' | 'project') | 'general';
    voice?: boolean;
  };
  /**
   * A channel and its members
   */
  'channel:get': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * A page of a channel's messages, or of a thread's replies
   */
  'channel:get_history': {
    after?: number | null;
    around?: number | null;
    before?: number | null;
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    limit?: number | null;
    /**
     * The root of a thread: its replies instead of the channel's own timeline.
     */
    threadId?: string | null;
  };
  /**
   * Pinned messages, the newest pin first
   */
  'channel:get_pins': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * Look at a channel: typing is told from now on
   */
  'channel:join': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * Look away from a channel
   */
  'channel:leave': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * Channels one is a member of
   */
  'channel:list': {
    /**
     * Those that are archived instead of those in use.
     */
    archived?: boolean;
    cursor?: string | null;
    departmentId?: string | null;
    limit?: number | null;
    projectId?: string | null;
    search?: string | null;
    type?: (('dm' | 'group' | 'department' | 'project') | 'general') | null;
  };
  /**
   * Add somebody to a channel
   */
  'channel:member_add': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    userId: string;
  };
  /**
   * Remove somebody from a channel, or leave it
   */
  'channel:member_remove': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    userId: string;
  };
  /**
   * Change what a member may do
   */
  'channel:member_role': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    /**
     * What a member may do; later ones may do more.
     */
    role: 'member' | 'admin' | 'owner';
    userId: string;
  };
  /**
   * What one wants to be told of a channel
   */
  'channel:set_notify': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    mutedUntil?: string | null;
    /**
     * What of a channel a member wants to be told of when it does not look.
     */
    pref: 'all' | 'mentions' | 'none';
  };
  /**
   * What of a channel changed after a revision
   */
  'channel:sync': {
    afterRev?: number;
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * Change a channel's settings
   */
  'channel:update': {
    baseRev?: number | null;
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    description?: string | null;
    name?: string | null;
    private?: boolean | null;
    readOnly?: boolean | null;
    /**
     * 0 = as the server says.
     */
    retentionDays?: number | null;
    /**
     * Seconds; 0 = off.
     */
    slowMode?: number | null;
    topic?: string | null;
  };
  /**
   * Find or make the direct conversation with somebody
   */
  'dm:open': {
    userId: string;
  };
  /**
   * Let a guest in who waits
   */
  'invite:admit': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    userId: string;
  };
  /**
   * Make a link that lets people in who have no account
   */
  'invite:create': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    /**
     * Guests may read and write messages.
     */
    chat?: boolean;
    /**
     * Seconds; 7 days if it is not said.
     */
    expiresIn?: number | null;
    /**
     * Guests wait until somebody lets them in.
     */
    lobby?: boolean;
    /**
     * How many guests may come by it; absent, there is no limit.
     */
    maxUses?: number | null;
    /**
     * Guests may send sound and pictures.
     */
    publish?: boolean;
  };
  /**
   * Links of a channel that have not ended, the newest first, and who waits
   */
  'invite:list': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * Send a guest away who waits
   */
  'invite:refuse': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    userId: string;
  };
  /**
   * End a link, and the stay of those who came by it
   */
  'invite:revoke': {
    /**
     * If given, the link has to be of it.
     */
    channelId?: string | null;
    inviteId: string;
  };
  /**
   * Delete a message; its tombstone stays
   */
  'message:delete': {
    messageId: string;
  };
  /**
   * Change a message of one's own
   */
  'message:edit': {
    baseRev?: number | null;
    content: string;
    messageId: string;
  };
  /**
   * One message
   */
  'message:get': {
    messageId: string;
  };
  /**
   * Who has read a message
   */
  'message:get_read_receipts': {
    messageId: string;
  };
  /**
   * Earlier texts of a message
   */
  'message:get_revisions': {
    messageId: string;
  };
  /**
   * Move one's read cursor
   */
  'message:mark_read': {
    /**
     * To the end, and the threads I follow in the channel too.
     */
    all?: boolean;
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    messageId?: string | null;
    /**
     * Read up to and including this position.
     */
    seq?: number | null;
    /**
     * The cursor of a thread instead of the channel's.
     */
    threadId?: string | null;
    /**
     * Explicit mark-unread: this position and everything after it is unread again.
     */
    unreadFrom?: number | null;
  };
  /**
   * Pin a message
   */
  'message:pin': {
    /**
     * If given, the message has to be in it.
     */
    channelId?: string | null;
    messageId: string;
  };
  /**
   * Add or take back a reaction
   */
  'message:react': {
    action: 'add' | 'remove';
    /**
     * One grapheme, or `:name:`.
     */
    emoji: string;
    messageId: string;
  };
  /**
   * Report a message to the moderators
   */
  'message:report': {
    messageId: string;
    note?: string;
    reason: string;
  };
  /**
   * Write a message, now or (with `sendAt`) later
   */
  'message:send': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    content: string;
    mentions?: string[];
    nonce?: string | null;
    replyTo?: string | null;
    /**
     * Not now, but then.
     */
    sendAt?: string | null;
    /**
     * The root, for a reply in its thread.
     */
    threadId?: string | null;
  };
  /**
   * Take a pin away
   */
  'message:unpin': {
    /**
     * If given, the message has to be in it.
     */
    channelId?: string | null;
    messageId: string;
  };
  /**
   * The log of what moderators did, the newest first
   */
  'moderation:audit': {
    cursor?: string | null;
    limit?: number | null;
    /**
     * Also follow the chain from its beginning.
     */
    verify?: boolean;
  };
  /**
   * Ban somebody from the server
   */
  'moderation:ban_user': {
    reason?: string;
    /**
     * Absent = for good.
     */
    until?: string | null;
    userId: string;
  };
  /**
   * Bans in force
   */
  'moderation:bans': {
    cursor?: string | null;
    limit?: number | null;
  };
  /**
   * Add a word, or change what is done about it
   */
  'moderation:filter_add': {
    action: 'flag' | 'mask' | 'block';
    /**
     * A word or a phrase; case and accents make no difference.
     */
    word: string;
  };
  /**
   * Take a word from the list
   */
  'moderation:filter_remove': {
    filterId: string;
  };
  /**
   * Words that are not wanted in messages
   */
  'moderation:filters': {};
  /**
   * Remove a member and say why
   */
  'moderation:kick_user': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    reason?: string;
    userId: string;
  };
  /**
   * What was reported, the newest first
   */
  'moderation:reports': {
    cursor?: string | null;
    limit?: number | null;
    state?: ('open' | 'dismissed' | 'actioned') | null;
  };
  /**
   * Decide a report
   */
  'moderation:resolve': {
    note?: string;
    reportId: string;
    resolution: 'dismissed' | 'actioned';
  };
  /**
   * Sign somebody out
   */
  'moderation:revoke_sessions': {
    sessionId?: string | null;
    userId: string;
  };
  /**
   * Where somebody is signed in
   */
  'moderation:sessions': {
    userId: string;
  };
  /**
   * Keep a member from writing for a while, or no more
   */
  'moderation:timeout_user': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    reason?: string;
    /**
     * `null` lifts it.
     */
    until?: string | null;
    userId: string;
  };
  /**
   * Lift a ban
   */
  'moderation:unban_user': {
    userId: string;
  };
  /**
   * A media session of no call, to try paths with
   */
  'net:test': {
    sdp: string;
  };
  /**
   * The session lives; what time is it?
   */
  ping: {
    /**
     * A number or a short text; it comes back.
     */
    t?: {
      [k: string]: unknown;
    };
  };
  /**
   * Presence of several people
   */
  'presence:get_bulk': {
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
    userIds?: string[];
  };
  /**
   * How long nobody has touched the device
   */
  'presence:heartbeat': {
    idleMs?: number;
  };
  /**
   * Be told of people's presence
   */
  'presence:subscribe': {
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
    userIds?: string[];
  };
  /**
   * Be told of it no more
   */
  'presence:unsubscribe': {
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
    userIds?: string[];
  };
  /**
   * Change one's status
   */
  'presence:update': {
    /**
     * Absent = unchanged, `null` is not told apart from absent; an empty `type` clears it.
     */
    activity?: {
      details?: string;
      name?: string;
      type: string;
    } | null;
    /**
     * Absent = unchanged, empty = cleared. Comes with its emoji and its end; without them it has none.
     */
    customStatus?: string | null;
    /**
     * One grapheme, or `:name:`.
     */
    emoji?: string | null;
    lastSeenTo?: ('nobody' | 'shared') | null;
    /**
     * Whether others learn how far the person has read, and it how far they have.
     */
    readReceipts?: boolean | null;
    status?: 'online' | 'away' | 'dnd' | 'invisible' | null;
    until?: string | null;
  };
  /**
   * A candidate of one's own
   */
  'rtc:candidate': {
    callId: string;
    /**
     * Empty or absent: there are no more.
     */
    candidate?: string;
  };
  /**
   * STUN and TURN servers with fresh credentials
   */
  'rtc:ice': {};
  /**
   * Negotiate the media of a call
   */
  'rtc:offer': {
    callId: string;
    gen?: number;
    sdp: string;
    /**
     * What each sending section carries.
     */
    tracks?: {
      mid: string;
      muted?: boolean;
      /**
       * Where a track comes from. Each source of a participant is a publication of its own.
       */
      source: 'mic' | 'camera' | 'screen' | 'screen_audio';
    }[];
  };
  /**
   * Which layers of which tracks to send
   */
  'rtc:subscribe': {
    callId: string;
    tracks: {
      /**
       * 0, 1, 2 or `off`.
       */
      layer: number | 'off';
      maxFps?: number | null;
      priority?: number;
      trackId: string;
    }[];
  };
  /**
   * Do not send a message that waits
   */
  'schedule:cancel': {
    scheduleId: string;
  };
  /**
   * One's messages that wait for their time, or failed
   */
  'schedule:list': {
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
  };
  /**
   * Change a message that waits
   */
  'schedule:update': {
    content?: string | null;
    mentions?: string[] | null;
    scheduleId: string;
    sendAt?: string | null;
  };
  /**
   * Search messages, the newest first
   */
  'search:messages': {
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
    cursor?: string | null;
    /**
     * RFC 3339 or a date, which means its beginning here and its end in `to`.
     */
    from?: string | null;
    limit?: number | null;
    /**
     * Words, phrases and filters (`chat::search`).
     */
    q?: string;
    senderId?: string | null;
    to?: string | null;
  };
  /**
   * Channels and people whose name begins like this
   */
  'search:suggest': {
    limit?: number | null;
    /**
     * The beginning of a name; `#` asks for channels only, `@` for people.
     */
    q: string;
  };
  /**
   * Open or resume a session
   */
  'session:hello': {
    capabilities?: string[] | null;
    /**
     * Name and version of the client; for people.
     */
    client?: string | null;
    device?: 'desktop' | 'mobile' | 'tablet';
    resume?: {
      /**
       * The highest sequence seen.
       */
      s?: number;
      sessionId: string;
    } | null;
    token: string;
  };
  /**
   * Where one is signed in, the last used first
   */
  'session:list': {};
  /**
   * Sign out somewhere else, or everywhere else
   */
  'session:revoke': {
    others?: boolean;
    sessionId?: string | null;
  };
  /**
   * Follow a thread
   */
  'thread:follow': {
    threadId: string;
  };
  /**
   * A thread
   */
  'thread:get': {
    threadId: string;
  };
  /**
   * Threads one follows, the last reply first
   */
  'thread:list': {
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
    cursor?: string | null;
    limit?: number | null;
    unread?: boolean;
  };
  /**
   * Follow a thread no more
   */
  'thread:unfollow': {
    threadId: string;
  };
  /**
   * Go on with a newer token
   */
  'token:refresh': {
    token: string;
  };
  /**
   * Who is typing in a channel
   */
  'typing:get_active': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * One is typing
   */
  'typing:start': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    threadId?: string | null;
  };
  /**
   * One is not typing any more
   */
  'typing:stop': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    threadId?: string | null;
  };
  /**
   * Block somebody
   */
  'user:block': {
    userId: string;
  };
  /**
   * Whom one blocks
   */
  'user:blocks': {
    cursor?: string | null;
    limit?: number | null;
  };
  /**
   * One person
   */
  'user:get': {
    userId: string;
  };
  /**
   * People with an account
   */
  'user:list': {
    cursor?: string | null;
    limit?: number | null;
    search?: string | null;
  };
  /**
   * Block somebody no more
   */
  'user:unblock': {
    userId: string;
  };
  /**
   * Who is in a channel's call
   */
  'voice:get_participants': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
  };
  /**
   * Walk into a channel's room
   */
  'voice:join': {
    /**
     * A channel named by its id or its slug.
     */
    channelId: string;
    deafened?: boolean;
    muted?: boolean;
    /**
     * Of the call that it starts.
     */
    playoutDelay?: {
      max?: number;
      min?: number;
    } | null;
  };
  /**
   * Leave the room
   */
  'voice:leave': {
    callId?: string | null;
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
  };
  /**
   * Say what of one's media is on
   */
  'voice:update': {
    callId?: string | null;
    /**
     * A channel named by its id or its slug.
     */
    channelId?: string | null;
    deafened?: boolean | null;
    handRaised?: boolean | null;
    muted?: boolean | null;
    screen?: boolean | null;
    video?: boolean | null;
  };
}
export interface Answers {
  'admin:call': OneRunningCall;
  'admin:calls': RunningCalls;
  'admin:cancel_ring': Empty;
  'admin:end_call': Empty;
  'admin:overview': Overview;
  'admin:policy': Policy;
  'admin:rings': RunningRings;
  'call:accept': Joined;
  'call:ask_unmute': Empty;
  'call:cancel': Empty;
  'call:decline': Empty;
  'call:end': Empty;
  'call:get': OneCall;
  'call:hand': Hands;
  'call:history': Calls;
  'call:invite': Invited;
  'call:join': Joined;
  'call:kick_participant': Empty;
  'call:leave': Empty;
  'call:lock': Empty;
  'call:mute_participant': Empty;
  'call:react': Empty;
  'call:ringing': Empty;
  'call:start': Started;
  'channel:archive': OneSeenChannel;
  'channel:create': OneChannel;
  'channel:get': ChannelAndMembers;
  'channel:get_history': History;
  'channel:get_pins': Messages;
  'channel:join': Entered;
  'channel:leave': Empty;
  'channel:list': Channels;
  'channel:member_add': OneMember;
  'channel:member_remove': OneMember;
  'channel:member_role': OneMember;
  'channel:set_notify': Notify;
  'channel:sync': Sync;
  'channel:update': OneSeenChannel;
  'dm:open': OneChannel;
  'invite:admit': OneMember;
  'invite:create': MadeInvite;
  'invite:list': Invites;
  'invite:refuse': Empty;
  'invite:revoke': OneInvite;
  'message:delete': OneMessage;
  'message:edit': OneMessage;
  'message:get': OneMessage;
  'message:get_read_receipts': Readers;
  'message:get_revisions': Revisions;
  'message:mark_read': ReadCursor;
  'message:pin': OneMessage;
  'message:react': Reacted;
  'message:report': Reported;
  'message:send': SentOrScheduled;
  'message:unpin': OneMessage;
  'moderation:audit': AuditLog;
  'moderation:ban_user': Banned;
  'moderation:bans': Bans;
  'moderation:filter_add': OneFilter;
  'moderation:filter_remove': Empty;
  'moderation:filters': Filters;
  'moderation:kick_user': OneMember;
  'moderation:reports': Reports;
  'moderation:resolve': OneReport;
  'moderation:revoke_sessions': Empty;
  'moderation:sessions': Sessions;
  'moderation:timeout_user': OneMember;
  'moderation:unban_user': Empty;
  'net:test': Sdp;
  ping: Pong;
  'presence:get_bulk': Presences;
  'presence:heartbeat': Empty;
  'presence:subscribe': Subscribed;
  'presence:unsubscribe': Empty;
  'presence:update': OnePresence;
  'rtc:candidate': Empty;
  'rtc:ice': IceServers;
  'rtc:offer': Empty;
  'rtc:subscribe': Empty;
  'schedule:cancel': OneScheduled;
  'schedule:list': ScheduledMessages;
  'schedule:update': OneScheduled;
  'search:messages': Hits;
  'search:suggest': Suggestions;
  'session:hello': Greeted;
  'session:list': Sessions;
  'session:revoke': Empty;
  'thread:follow': Followed;
  'thread:get': OneThread;
  'thread:list': Threads;
  'thread:unfollow': Followed;
  'token:refresh': Refreshed;
  'typing:get_active': Typists;
  'typing:start': Empty;
  'typing:stop': Empty;
  'user:block': Empty;
  'user:blocks': Users;
  'user:get': OneUser;
  'user:list': Users;
  'user:unblock': Empty;
  'voice:get_participants': InCall;
  'voice:join': Started;
  'voice:leave': Empty;
  'voice:update': OneVoiceState;
}
export interface OneRunningCall {
  call: RunningCall;
  /**
   * The one with the worst connection first.
   */
  participants: RunningParticipant[];
}
/**
 * A live call, without what is said in it.
 */
export interface RunningCall {
  callId: string;
  cameras: number;
  channelId: string;
  channelKind: ChannelKind;
  /**
   * `null` for a direct conversation: whose it is is told to nobody else.
   */
  channelName: string | null;
  /**
   * That are on.
   */
  microphones: number;
  mode: CallMode;
  /**
   * Each once, however many devices.
   */
  people: number;
  /**
   * For whom it rings.
   */
  ringing: number;
  screens: number;
  startedAt: string;
  state: CallState;
  type: CallKind;
  /**
   * The last five seconds of whoever has it worst; `null` before.
   */
  worst: StintQuality | null;
}
export interface StintQuality {
  /**
   * `high_loss_up`, `high_rtt` and so on; new ones may come.
   */
  issues: string[];
  /**
   * ms
   */
  jitter: number;
  /**
   * Share of packets, 0 to 1.
   */
  loss: number;
  mos: number;
  /**
   * ms
   */
  rtt: number | null;
  score: number;
}
export interface RunningParticipant {
  connection: Connection;
  joinedAt: string;
  name: string | null;
  participantId: string;
  /**
   * Of the last five seconds.
   */
  quality: StintQuality | null;
  /**
   * This and the name are `null` in a direct conversation.
   */
  userId: string | null;
  voiceState: VoiceState;
}
export interface VoiceState {
  deafened: boolean;
  handRaised: boolean;
  muted: boolean;
  screen: boolean;
  video: boolean;
}
export interface RunningCalls {
  /**
   * The one with the worst connection first.
   */
  calls: RunningCall[];
  /**
   * All there are.
   */
  count: number;
}
export interface Empty {}
/**
 * The server in numbers.
 */
export interface Overview {
  calls: number;
  /**
   * Their connections.
   */
  connections: number;
  cores: number;
  /**
   * Share of all cores, 0 to 1; `null` in the first answer after a while, since it takes two readings.
   */
  cpu: number | null;
  /**
   * Resident bytes of the process.
   */
  memory: number | null;
  /**
   * People with an open connection, each once.
   */
  people: number;
  /**
   * People in calls, each once.
   */
  peopleInCalls: number;
  /**
   * Media from people, bit/s; `null` as `cpu`.
   */
  receivedBitrate: number | null;
  /**
   * Those of them that nobody has answered yet.
   */
  ringing: number;
  /**
   * Media to people, bit/s; `null` as `cpu`.
   */
  sentBitrate: number | null;
  startedAt: string;
  version: string;
}
/**
 * How the server is set up. Nothing of it can be changed while it runs.
 */
export interface Policy {
  settings: PolicySetting[];
}
export interface PolicySetting {
  /**
   * It is not what it is by default.
   */
  changed: boolean;
  /**
   * As in the file of the configuration, such as `auth.token_ttl`.
   */
  name: string;
  value: PolicyValue;
}
export interface RunningRings {
  /**
   * All there are.
   */
  count: number;
  /**
   * The one that ends next first.
   */
  rings: RunningRing[];
}
/**
 * Somebody is being rung.
 */
export interface RunningRing {
  callId: string;
  callerId: string | null;
  callerName: string | null;
  channelId: string;
  channelKind: ChannelKind;
  /**
   * This, the names and ids of people are `null` in a direct conversation.
   */
  channelName: string | null;
  expiresAt: string;
  name: string | null;
  /**
   * A device of the person shows it.
   */
  shown: boolean;
  since: string;
  type: CallKind;
  userId: string | null;
}
/**
 * A seat in a call.
 */
export interface Joined {
  call: LiveCall;
  callId: string;
  iceServers: IceServer[];
  /**
   * Seconds the credentials are good for, 0 = for ever.
   */
  iceServersTtl: number;
  participantId: string;
  participants: Participant[];
  serverUrl: null;
  success: boolean;
  token: null;
  /**
   * What the others publish already, as `rtc:track` tells it once more afterwards.
   */
  tracks: Track[];
}
export interface LiveCall {
  answeredAt: string | null;
  callId: string;
  channelId: string;
  /**
   * While it still rings for somebody.
   */
  expiresAt: string | null;
  /**
   * Who has a hand up, the first one first.
   */
  hands: string[];
  initiatorId: string;
  initiatorName: string;
  /**
   * Nobody new comes in.
   */
  locked: boolean;
  mode: CallMode;
  participants: Participant[];
  playoutDelay?: PlayoutDelay;
  ringing: string[];
  startedAt: string;
  state: CallState;
  type: CallKind;
}
export interface Participant {
  connection: Connection;
  joinedAt: string;
  name: string;
  participantId: string;
  userId: string;
  voiceState: VoiceState;
}
/**
 * Bounds in ms.
 */
export interface PlayoutDelay {
  max: number;
  min: number;
}
export interface IceServer {
  credential?: string;
  urls: string[];
  username?: string;
}
/**
 * A media track of somebody in the call.
 */
export interface Track {
  callId: string;
  codec?: string;
  kind: Kind;
  layers?: number;
  muted?: boolean;
  participantId: string;
  source: Source;
  state: TrackState;
  trackId: string;
  userId: string;
}
export interface OneCall {
  call: CallRecord;
}
/**
 * A call as history keeps it.
 */
export interface CallRecord {
  answeredAt: string | null;
  avgQuality: number | null;
  channelId: string;
  durationMs: number | null;
  endReason: EndReason | null;
  endedAt: string | null;
  id: string;
  initiatorId: string;
  initiatorName: string;
  invites: Invite[];
  messageId: string | null;
  mode: CallMode;
  networkIssues: string[];
  participants: Stint[];
  peakParticipants: number;
  startedAt: string;
  state: CallState;
  type: CallKind;
}
export interface Invite {
  at: string;
  name: string;
  outcome: InviteOutcome;
  userId: string;
}
/**
 * One stay of one person in a call.
 */
export interface Stint {
  hadScreen: boolean;
  hadVideo: boolean;
  joinedAt: string;
  leaveReason: LeaveReason | null;
  leftAt: string | null;
  name: string;
  participantId: string;
  quality: StintQuality | null;
  stint: number;
  userId: string;
}
export interface Hands {
  /**
   * Who has a hand up, the first one first.
   */
  hands: string[];
}
export interface Calls {
  calls: CallRecord[];
  next: string | null;
}
export interface Invited {
  invited: string[];
}
/**
 * A seat in a call.
 */
export interface Started {
  call: LiveCall;
  callId: string;
  /**
   * The channel had a live call already.
   */
  existing: boolean;
  iceServers: IceServer[];
  /**
   * Seconds the credentials are good for, 0 = for ever.
   */
  iceServersTtl: number;
  participantId: string;
  participants: Participant[];
  serverUrl: null;
  success: boolean;
  token: null;
  /**
   * What the others publish already, as `rtc:track` tells it once more afterwards.
   */
  tracks: Track[];
}
export interface OneSeenChannel {
  channel: SeenChannel;
}
/**
 * A channel as one of its members sees it.
 */
export interface Channel {
  archivedAt: string | null;
  call: LiveCall | null;
  /**
   * What there is to know of the project or department.
   */
  context: {
    [k: string]: unknown;
  };
  createdAt: string;
  departmentId: string | null;
  description: string;
  id: string;
  /**
   * No external account is in it.
   */
  isInternal: boolean;
  kind: ChannelKind;
  lastMessageAt: string | null;
  lastSeq: number;
  memberCount: number;
  /**
   * The first 500; none of a general channel.
   */
  members: string[];
  mentions: number;
  mutedUntil: string | null;
  name: string;
  notify: NotifyPref;
  /**
   * The other one of a dm.
   */
  peer: Person | null;
  private: boolean;
  projectId: string | null;
  readOnly: boolean;
  readSeq: number;
  /**
   * Messages older than this are cleared; 0 = as the server says.
   */
  retentionDays: number;
  rev: number;
  role: MemberRole;
  /**
   * Seconds between two messages of a member; 0 = off.
   */
  slowMode: number;
  slug: string | null;
  threads: UnreadThreads;
  topic: string;
  unread: number;
  voice: boolean;
}
/**
 * A person in few words.
 */
export interface Person {
  id: string;
  name: string;
  username: string;
}
/**
 * Followed threads with something unread, and mentions in them.
 */
export interface UnreadThreads {
  mentions: number;
  unread: number;
}
/**
 * A channel without what differs between its members.
 */
export interface SharedChannel {
  archivedAt: string | null;
  /**
   * What there is to know of the project or department.
   */
  context: {
    [k: string]: unknown;
  };
  createdAt: string;
  departmentId: string | null;
  description: string;
  id: string;
  /**
   * No external account is in it.
   */
  isInternal: boolean;
  kind: ChannelKind;
  lastMessageAt: string | null;
  lastSeq: number;
  memberCount: number;
  name: string;
  private: boolean;
  projectId: string | null;
  readOnly: boolean;
  /**
   * Messages older than this are cleared; 0 = as the server says.
   */
  retentionDays: number;
  rev: number;
  /**
   * Seconds between two messages of a member; 0 = off.
   */
  slowMode: number;
  slug: string | null;
  topic: string;
  voice: boolean;
}
export interface OneChannel {
  channel: Channel;
}
export interface ChannelAndMembers {
  channel: Channel;
  members: Member[];
}
export interface Member {
  leftAt: string | null;
  name: string;
  /**
   * Null where it is hidden: theirs or mine.
   */
  readSeq: number | null;
  rev: number;
  role: MemberRole;
  timeoutUntil: string | null;
  userId: string;
  username: string;
}
export interface History {
  hasMoreAfter: boolean;
  hasMoreBefore: boolean;
  /**
   * By `seq`, the lowest first.
   */
  messages: Message[];
}
export interface Message {
  authorId: string;
  authorName: string;
  call: CallSummary | null;
  callId: string | null;
  channelId: string;
  content: string;
  createdAt: string;
  /**
   * Set on a tombstone, which has no content any more.
   */
  deletedAt: string | null;
  deletedBy: string | null;
  editCount: number;
  editedAt: string | null;
  id: string;
  mentions: string[];
  mentionsAll: boolean;
  nonce: string | null;
  pinnedAt: string | null;
  pinnedBy: string | null;
  reactions: Reaction[];
  replyTo: string | null;
  rev: number;
  seq: number;
  /**
   * Of a `system` message.
   */
  system: Line | null;
  /**
   * Of a root that was replied to.
   */
  thread: ThreadSummary | null;
  /**
   * The root, of a reply.
   */
  threadId: string | null;
  type: MessageKind;
}
export interface CallSummary {
  durationMs: number | null;
  endReason: EndReason | null;
  mode: CallMode;
  state: CallState;
  type: CallKind;
}
export interface Reaction {
  count: number;
  emoji: string;
  /**
   * Mine is among them; in answers only.
   */
  me?: boolean;
  /**
   * The first five.
   */
  users: string[];
}
/**
 * Somebody in a line, under the name of that moment.
 */
export interface Named {
  id: string;
  name: string;
}
export interface ThreadSummary {
  /**
   * Replies that are not deleted.
   */
  count: number;
  id: string;
  lastAt: string;
  lastSeq: number;
}
export interface Messages {
  messages: Message[];
}
export interface Entered {
  call: LiveCall | null;
  channel: Channel;
  lastSeq: number;
  presence: Presence[];
  rev: number;
  typing: Typist[];
}
export interface Presence {
  activity: Activity | null;
  customStatus: string;
  device: Device | null;
  emoji: string;
  lastSeen: string | null;
  status: Status;
  /**
   * When the two before end.
   */
  until: string | null;
  userId: string;
}
export interface Activity {
  details: string;
  name: string;
  type: string;
}
export interface Typist {
  name: string;
  threadId: string | null;
  userId: string;
  username: string;
}
export interface Channels {
  channels: Channel[];
  next: string | null;
}
export interface OneMember {
  member: Member;
}
export interface Notify {
  channelId: string;
  mutedUntil: string | null;
  pref: NotifyPref;
}
export interface Sync {
  lastSeq: number;
  members: Member[];
  /**
   * By `rev`, the lowest first; tombstones included.
   */
  messages: Message[];
  rev: number;
  /**
   * Too much has changed: load the last page again.
   */
  truncated: boolean;
}
export interface MadeInvite {
  /**
   * The secret of the link; it is told this once.
   */
  code: string;
  invite: InviteLink;
}
/**
 * A link that lets people in who have no account.
 */
export interface InviteLink {
  channelId: string;
  /**
   * Guests may read and write messages.
   */
  chat: boolean;
  createdAt: string;
  createdBy: string;
  expiresAt: string;
  id: string;
  /**
   * Guests wait until somebody lets them in.
   */
  lobby: boolean;
  /**
   * `null` = as often as one likes.
   */
  maxUses: number | null;
  /**
   * Guests may send sound and pictures.
   */
  publish: boolean;
  revokedAt: string | null;
  uses: number;
}
export interface Invites {
  invites: InviteLink[];
  /**
   * The first one first.
   */
  waiting: Knocking[];
}
/**
 * A guest who waits to be let in.
 */
export interface Knocking {
  at: string;
  channelId: string;
  guest: NamedUser;
}
export interface NamedUser {
  name: string;
  userId: string;
}
export interface OneInvite {
  invite: InviteLink;
}
export interface OneMessage {
  message: Message;
}
export interface Readers {
  count: number;
  /**
   * The last one first; empty in large channels.
   */
  readers: Reader[];
}
/**
 * Who has read a message.
 */
export interface Reader {
  /**
   * When the cursor moved last, if that is known.
   */
  at: string | null;
  userId: string;
}
export interface Revisions {
  revisions: Revision[];
}
/**
 * One earlier text of an edited message.
 */
export interface Revision {
  content: string;
  editNo: number;
  editedAt: string;
  editedBy: string;
}
export interface ReadCursor {
  mentions: number;
  readSeq: number;
  unread: number;
}
export interface Reacted {
  count: number;
  rev: number;
}
export interface Reported {
  reportId: string;
}
export interface Sent {
  /**
   * A retry: this is the message of the first attempt.
   */
  duplicate: boolean;
  message: Message;
}
export interface LaterSent {
  duplicate: boolean;
  scheduled: Scheduled;
}
/**
 * A message that waits for its time.
 */
export interface Scheduled {
  channelId: string;
  /**
   * Empty once it is sent or cancelled, as are the mentions.
   */
  content: string;
  createdAt: string;
  /**
   * Why it failed.
   */
  error: ErrorCode | null;
  id: string;
  mentions: string[];
  /**
   * What became of it.
   */
  messageId: string | null;
  replyTo: string | null;
  rev: number;
  sendAt: string;
  state: ScheduleState;
  threadId: string | null;
  updatedAt: string;
}
export interface AuditLog {
  chain?: Chain;
  entries: AuditEntry[];
  next: string | null;
}
/**
 * If it was asked for.
 */
export interface Chain {
  intact: number;
  whole: boolean;
}
export interface AuditEntry {
  /**
   * `noun.verb`
   */
  action: string;
  actor: string;
  at: string;
  detail: {
    [k: string]: unknown;
  };
  hash: string;
  ip: string | null;
  n: number;
  prevHash: string;
  target: string;
}
export interface Banned {
  /**
   * `null` = for good.
   */
  until: string | null;
  userId: string;
}
export interface Bans {
  bans: Ban[];
  next: string | null;
}
export interface Ban {
  at: string;
  by: string;
  name: string;
  reason: string;
  /**
   * `null` = for good.
   */
  until: string | null;
  userId: string;
  username: string;
}
export interface OneFilter {
  filter: FilteredWord;
}
/**
 * A word that is not wanted.
 */
export interface FilteredWord {
  action: FilterAction;
  by: string;
  createdAt: string;
  id: string;
  word: string;
}
export interface Filters {
  /**
   * By word. Those of the configuration are not among them.
   */
  filters: FilteredWord[];
}
export interface Reports {
  next: string | null;
  reports: Report[];
}
export interface Report {
  authorId: string;
  channelId: string;
  /**
   * As it was when it was reported.
   */
  content: string;
  createdAt: string;
  id: string;
  kind: ReportKind;
  messageId: string;
  note: string;
  reason: string;
  /**
   * `null` for a filter.
   */
  reporterId: string | null;
  resolutionNote: string;
  resolvedAt: string | null;
  resolvedBy: string | null;
  state: ReportState;
}
export interface OneReport {
  report: Report;
}
export interface Sessions {
  sessions: Login[];
}
/**
 * Where somebody is signed in.
 */
export interface Login {
  /**
   * What the client calls itself.
   */
  client: string;
  createdAt: string;
  /**
   * The one that asks.
   */
  current: boolean;
  device: Device;
  expiresAt: string;
  id: string;
  /**
   * Where it was last refreshed from.
   */
  ip: string | null;
  /**
   * When it was last refreshed.
   */
  lastUsedAt: string;
}
export interface Sdp {
  sdp: string;
}
export interface Pong {
  serverTime: string;
  t: Echo | null;
}
export interface Presences {
  presence: Presence[];
}
export interface Subscribed {
  /**
   * How many of the channel's members are there.
   */
  online: number | null;
  presence: Presence[];
}
export interface OnePresence {
  presence: Presence;
  settings: Settings;
}
/**
 * What one shows of oneself; for oneself.
 */
export interface Settings {
  lastSeenTo: LastSeenTo;
  /**
   * Without them one sees those of others neither.
   */
  readReceipts: boolean;
}
export interface IceServers {
  iceServers: IceServer[];
  iceServersTtl: number;
}
export interface OneScheduled {
  scheduled: Scheduled;
}
export interface ScheduledMessages {
  /**
   * The next one first.
   */
  scheduled: Scheduled[];
}
export interface Hits {
  hits: Hit[];
  next: string | null;
}
export interface Hit {
  /**
   * Start and length in UTF-16 code units of `content`.
   */
  highlights: [number, number][];
  message: Message;
}
export interface Suggestions {
  channels: Channel[];
  users: User[];
}
export interface User {
  avatar: null;
  createdAt: string;
  customStatus: string;
  /**
   * In the words of the directory.
   */
  departmentId: string | null;
  id: string;
  isActive: boolean;
  kind: AccountKind;
  lastSeen: string | null;
  name: string;
  role: AccountRole;
  username: string;
}
export interface Greeted {
  resumed: boolean;
  sessionId: string;
}
export interface Followed {
  following: boolean;
  threadId: string;
}
export interface OneThread {
  thread: Thread;
}
export interface Thread {
  following: boolean;
  mentions: number;
  readSeq: number;
  root: Message;
  unread: number;
}
export interface Threads {
  next: string | null;
  threads: Thread[];
}
export interface Refreshed {
  expiresAt: string;
}
export interface Typists {
  users: Typist[];
}
export interface Users {
  next: string | null;
  users: User[];
}
export interface OneUser {
  user: User;
}
export interface InCall {
  callId: string | null;
  participants: Participant[];
}
export interface OneVoiceState {
  voiceState: VoiceState;
}
export interface Events {
  'call:accepted': CallAccepted;
  'call:cancelled': CallCancelled;
  'call:declined': CallDeclined;
  'call:ended': CallEnded;
  'call:hands': CallHands;
  'call:incoming': CallIncoming;
  'call:locked': CallLocked;
  'call:missed': CallMissed;
  'call:muted': CallMuted;
  'call:participant_joined': ParticipantJoined;
  'call:participant_left': ParticipantLeft;
  'call:quality': CallQuality;
  'call:reactions': CallReactions;
  'call:ringing': CallRinging;
  'call:speakers': Speakers;
  'call:started': CallStarted;
  'call:unanswered': CallUnanswered;
  'call:unmute_asked': UnmuteAsked;
  'channel:cleared': ChannelCleared;
  'channel:created': OneChannel;
  'channel:member_joined': MemberChange;
  'channel:member_left': MemberLeft;
  'channel:member_updated': MemberChange;
  'channel:members_changed': MembersChanged;
  'channel:notify_set': Notify;
  'channel:updated': ChannelUpdated;
  error: Failure;
  'invite:admitted': Admitted;
  'invite:knock': Knocking;
  'invite:knock_over': KnockOver;
  'message:deleted': MessageDeleted;
  'message:edited': MessageEdited;
  'message:mention': MessageMention;
  'message:new': MessageNew;
  'message:pinned': MessagePinned;
  'message:reaction': MessageReaction;
  'message:read_receipt': ReadReceipt;
  'moderation:banned': Banned2;
  'moderation:kicked': Kicked;
  'moderation:report': OneReport2;
  'moderation:user_banned': UserBanned;
  'moderation:user_kicked': UserKicked;
  'notification:badge': NotificationBadge;
  'notification:new': NotificationNew;
  pong: Pong;
  'presence:changed': Presence[];
  'rtc:answer': RtcAnswer;
  'rtc:codecs': RtcCodecs;
  'rtc:layers': RtcLayers;
  'rtc:sections': RtcSections;
  'rtc:state': RtcState;
  'rtc:track': Track;
  'rtc:track_unsupported': TrackUnsupported;
  'schedule:changed': ScheduleChanged;
  'session:drain': Drain;
  'session:invalid': Invalid;
  'session:ready': Ready;
  'session:resumed': Resumed;
  'thread:followed': ThreadFollowed;
  'typing:user_start': TypingStart;
  'typing:user_stop': TypingStop;
  'user:blocked': OfUser;
  'user:settings': Settings;
  'user:unblocked': OfUser;
  'voice:state_update': VoiceStateUpdate;
  'voice:user_joined': ParticipantJoined;
  'voice:user_left': ParticipantLeft;
}
export interface CallAccepted {
  answeredAt: string | null;
  callId: string;
  channelId: string;
  participantId: string;
  userId: string;
}
export interface CallCancelled {
  callId: string;
  channelId: string;
  reason: EndReason;
}
export interface CallDeclined {
  callId: string;
  channelId: string;
  reason: DeclineReason;
  userId: string;
}
export interface CallEnded {
  callId: string;
  channelId: string;
  durationMs: number | null;
  reason: EndReason;
  state: CallState;
  summary: CallSummary;
}
export interface CallHands {
  /**
   * Who raised or lowered one; nobody, if somebody with a hand up has left.
   */
  by: string | null;
  callId: string;
  channelId: string;
  /**
   * The first one first.
   */
  hands: string[];
}
export interface CallIncoming {
  callId: string;
  channelId: string;
  channelKind: ChannelKind;
  channelName: string;
  expiresAt: string;
  initiator: Person;
  type: CallKind;
}
export interface CallLocked {
  by: string;
  callId: string;
  channelId: string;
  locked: boolean;
}
export interface CallMissed {
  callId: string;
  channelId: string;
  from: Person;
}
export interface CallMuted {
  by: string;
  callId: string;
  channelId: string;
  /**
   * `false`: the host takes it back; whoever has wanted to be heard is heard again.
   */
  muted: boolean;
  participantId: string;
  userId: string;
}
export interface ParticipantJoined {
  callId: string;
  channelId: string;
  participant: Participant;
}
export interface ParticipantLeft {
  callId: string;
  channelId: string;
  participantId: string;
  reason: LeaveReason;
  userId: string;
}
export interface CallQuality {
  callId: string;
  participants: Quality[];
}
export interface Quality {
  /**
   * `high_loss_up`, `high_rtt` and so on; new ones may come.
   */
  issues: string[];
  /**
   * ms
   */
  jitter: number;
  /**
   * Share of packets, 0 to 1.
   */
  loss: number;
  mos: number;
  participantId: string;
  /**
   * ms
   */
  rtt: number | null;
  score: number;
  userId: string;
}
export interface CallReactions {
  callId: string;
  channelId: string;
  /**
   * How many came besides.
   */
  more: number;
  reactions: ShownReaction[];
}
export interface ShownReaction {
  count: number;
  emoji: string;
  userId: string;
}
export interface CallRinging {
  callId: string;
  channelId: string;
  userId: string;
}
export interface Speakers {
  callId: string;
  /**
   * Who has the floor.
   */
  dominant: Somebody | null;
  speakers: Speaker[];
}
export interface Somebody {
  participantId: string;
  userId: string;
}
export interface Speaker {
  level: number;
  participantId: string;
  userId: string;
}
export interface CallStarted {
  call: LiveCall;
  callId: string;
  channelId: string;
}
export interface CallUnanswered {
  callId: string;
  channelId: string;
  userId: string;
}
export interface UnmuteAsked {
  by: Person;
  callId: string;
  channelId: string;
}
export interface ChannelCleared {
  channelId: string;
  /**
   * That of the tombstones.
   */
  rev: number;
}
export interface MemberChange {
  channelId: string;
  member: Member;
  rev: number;
}
export interface MemberLeft {
  by: string;
  channelId: string;
  leftAt: string | null;
  rev: number;
  userId: string;
}
export interface MembersChanged {
  changed: number;
  channelId: string;
  joined: number;
  left: number;
  rev: number;
}
export interface ChannelUpdated {
  channel: SharedChannel;
  rev: number;
}
/**
 * An error object, and for a failed negotiation which.
 */
export interface Failure {
  callId?: string;
  code: ErrorCode;
  details?: Violation[];
  gen?: number;
  /**
   * For people.
   */
  message: string;
  /**
   * ms
   */
  retryAfter?: number;
  /**
   * Connects what a user reports with a line in the server's log.
   */
  traceId?: string;
}
/**
 * One broken rule of a payload.
 */
export interface Violation {
  path: string;
  rule: string;
}
export interface Admitted {
  channelId: string;
}
export interface KnockOver {
  /**
   * Who decided.
   */
  by: string | null;
  channelId: string;
  outcome: KnockOutcome;
  userId: string;
}
export interface MessageDeleted {
  by: string | null;
  channelId: string;
  messageId: string;
  rev: number;
  seq: number;
  thread: ThreadSummary | null;
  threadId: string | null;
}
export interface MessageEdited {
  channelId: string;
  message: Message;
}
export interface MessageMention {
  channelId: string;
  excerpt: string;
  messageId: string;
  senderId: string;
  senderName: string;
  threadId: string | null;
}
export interface MessageNew {
  channelId: string;
  message: Message;
  /**
   * Of the root, for a reply.
   */
  thread: ThreadSummary | null;
}
export interface MessagePinned {
  by: string;
  channelId: string;
  isPinned: boolean;
  messageId: string;
  pinnedAt: string | null;
  rev: number;
}
export interface MessageReaction {
  action: ReactAction;
  channelId: string;
  count: number;
  emoji: string;
  messageId: string;
  rev: number;
  userId: string;
}
export interface ReadReceipt {
  at: string;
  channelId: string;
  seq: number;
  threadId: string | null;
  userId: string;
}
export interface Banned2 {
  reason: string;
  until: string | null;
}
export interface Kicked {
  channelId: string;
  reason: string;
}
export interface OneReport2 {
  report: Report;
}
export interface UserBanned {
  until: string | null;
  userId: string;
}
export interface UserKicked {
  by: string;
  channelId: string;
  reason: string;
  userId: string;
}
export interface NotificationBadge {
  mentions: number;
  /**
   * Messages of direct conversations, and mentions elsewhere.
   */
  unreadTotal: number;
}
export interface NotificationNew {
  callId: string | null;
  channelId: string;
  excerpt: string;
  kind: NotificationKind;
  messageId: string | null;
  senderId: string;
  senderName: string;
  threadId: string | null;
}
export interface RtcAnswer {
  callId: string;
  gen: number;
  midToTrack: {
    [k: string]: string;
  };
  sdp: string;
}
export interface RtcCodecs {
  callId: string;
  codecs: string[];
  source: Source;
  trackId: string;
}
/**
 * To a subscriber.
 */
export interface LayersComing {
  active: number[];
  callId: string;
  current: number | null;
  paused: boolean;
  trackId: string;
}
/**
 * To the publisher: only these need to be sent.
 */
export interface LayersWanted {
  callId: string;
  source: Source;
  trackId: string;
  wanted: number[];
}
export interface RtcSections {
  audio: number;
  callId: string;
  video: number;
}
export interface RtcState {
  callId: string;
  /**
   * Whose: a session that comes back at once may still be told of the seat it had.
   */
  participantId: string;
  /**
   * Why it was closed.
   */
  reason?: string;
  state: MediaState;
}
export interface TrackUnsupported {
  callId: string;
  codec: string;
  trackId: string;
}
export interface ScheduleChanged {
  channelId: string;
  scheduled: Scheduled;
}
export interface Drain {
  /**
   * ms
   */
  delay: number;
}
export interface Invalid {
  code: string;
  message: string;
}
export interface Ready {
  activeCalls: LiveCall[];
  channels: Channel[];
  expiresAt: string;
  /**
   * ms between two pings of the client.
   */
  heartbeat: number;
  iceServers: IceServer[];
  iceServersTtl: number;
  limits: Limits;
  /**
   * Of a guest who has not been let in yet.
   */
  lobby?: 'waiting';
  presence: Presence[];
  resumed: boolean;
  serverTime: string;
  sessionId: string;
  settings: Settings;
  user: User;
}
export interface Limits {
  /**
   * Bytes.
   */
  frame: number;
  messageChars: number;
  /**
   * Frames that wait for a slow client.
   */
  queue: number;
  resumeMs: number;
  rtcFrame: number;
}
export interface Resumed {
  expiresAt: string;
  /**
   * How many frames came before.
   */
  replayed: number;
  serverTime: string;
  sessionId: string;
}
export interface ThreadFollowed {
  channelId: string;
  following: boolean;
  threadId: string;
}
export interface TypingStart {
  channelId: string;
  name: string;
  threadId: string | null;
  userId: string;
  username: string;
}
export interface TypingStop {
  channelId: string;
  userId: string;
}
export interface OfUser {
  userId: string;
}
export interface VoiceStateUpdate {
  callId: string;
  channelId: string;
  connection: Connection;
  participantId: string;
  userId: string;
  voiceState: VoiceState;
}
/**
 * What following the audit log from its beginning has found.
 */
export interface Chain1 {
  intact: number;
  whole: boolean;
}
/**
 * Why a command failed, on the socket.
 */
export interface ErrorObject {
  code: ErrorCode;
  details?: Violation[];
  /**
   * For people.
   */
  message: string;
  /**
   * ms
   */
  retryAfter?: number;
  /**
   * Connects what a user reports with a line in the server's log.
   */
  traceId?: string;
}
