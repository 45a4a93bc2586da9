/** Frames of the plain WebSocket carrier and the shapes inside them. Unknown fields are ignored. */
import * as v from 'valibot';

export interface CommandFrame {
  op: string;
  id?: number;
  d: unknown;
}

export type ServerFrame =
  | { type: 'ack'; re: number; ok: true; d: unknown }
  | { type: 'ack'; re: number; ok: false; e: WireError }
  | { type: 'event'; ev: string; s: number | undefined; d: unknown };

const wireError = v.object({
  code: v.string(),
  message: v.optional(v.string(), ''),
  retryAfter: v.optional(v.nullable(v.number())),
  details: v.optional(v.unknown()),
});
export type WireError = v.InferOutput<typeof wireError>;

const serverFrame = v.union([
  v.pipe(
    v.object({ re: v.number(), ok: v.literal(true), d: v.optional(v.unknown()) }),
    v.transform((f): ServerFrame => ({ type: 'ack', re: f.re, ok: true, d: f.d ?? {} })),
  ),
  v.pipe(
    v.object({ re: v.number(), ok: v.literal(false), e: wireError }),
    v.transform((f): ServerFrame => ({ type: 'ack', re: f.re, ok: false, e: f.e })),
  ),
  v.pipe(
    v.object({ ev: v.string(), s: v.optional(v.nullable(v.number())), d: v.optional(v.unknown()) }),
    v.transform((f): ServerFrame => ({ type: 'event', ev: f.ev, s: f.s ?? undefined, d: f.d ?? {} })),
  ),
]);

/** `null` for anything that is not a frame of ours. */
export function decodeFrame(text: string): ServerFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const result = v.safeParse(serverFrame, value);
  return result.success ? result.output : null;
}

export const encodeFrame = (frame: CommandFrame): string => JSON.stringify(frame);

export const text = (fallback = '') => v.nullish(v.string(), fallback);
export const int = (fallback = 0) => v.nullish(v.number(), fallback);
export const flag = (fallback = false) => v.nullish(v.boolean(), fallback);
export const listOf = <S extends v.GenericSchema>(item: S) =>
  v.pipe(
    v.nullish(v.array(v.unknown()), []),
    // One malformed row must not hide the others.
    v.transform((rows) =>
      rows.flatMap((row): v.InferOutput<S>[] => {
        const result = v.safeParse(item, row);
        return result.success ? [result.output] : [];
      }),
    ),
  );

export const user = v.pipe(
  v.object({ id: v.string(), username: text(), name: text() }),
  v.transform((u) => ({ ...u, name: u.name || u.username })),
);
export type User = v.InferOutput<typeof user>;
/** A user with what matters to whoever administers the server. */
export const account = v.pipe(
  v.object({ id: v.string(), username: text(), name: text(), role: text('member'), kind: text('internal'), isActive: flag(true), createdAt: text() }),
  v.transform((u) => ({ ...u, name: u.name || u.username })),
);
export type Account = v.InferOutput<typeof account>;

export const presence = v.object({
  userId: v.string(),
  status: v.fallback(v.picklist(['online', 'away', 'dnd', 'invisible', 'offline']), 'offline'),
  customStatus: text(),
  device: text(),
  lastSeen: text(),
});
export type Presence = v.InferOutput<typeof presence>;

export const settings = v.object({
  lastSeenTo: v.fallback(v.picklist(['shared', 'nobody']), 'shared'),
  readReceipts: flag(true),
});
export type Settings = v.InferOutput<typeof settings>;

const callSummary = v.object({
  state: text(),
  mode: text(),
  type: text('voice'),
  endReason: text(),
  durationMs: int(),
});

const reaction = v.object({
  emoji: v.string(),
  count: int(),
  /** The first five. */
  users: listOf(v.string()),
  /** In answers only; see `withMine`. */
  me: flag(),
});
export type Reaction = v.InferOutput<typeof reaction>;

/** What a root shows of its thread. */
export const threadSummary = v.object({ id: v.string(), count: int(), lastSeq: int(), lastAt: text() });
export type ThreadSummary = v.InferOutput<typeof threadSummary>;

/** What the channel says of itself: who came or went, what changed. Fields that an event has not are empty. */
const systemLine = v.object({
  event: text(),
  users: listOf(v.object({ id: v.string(), name: text() })),
  count: int(),
  from: text(),
  to: text(),
  topic: text(),
});

export const message = v.pipe(
  v.object({
    id: v.string(),
    channelId: v.string(),
    /** The root, for a reply in its thread; `seq` counts there then. */
    threadId: text(),
    thread: v.nullish(threadSummary, null),
    seq: v.number(),
    rev: int(),
    type: text('text'),
    authorId: text(),
    authorName: text(),
    nonce: text(),
    content: text(),
    createdAt: text(),
    editedAt: text(),
    deletedAt: text(),
    callId: text(),
    call: v.nullish(callSummary, null),
    /** Of type `system`. */
    system: v.nullish(systemLine, null),
    reactions: listOf(reaction),
    pinnedAt: text(),
    pinnedBy: text(),
  }),
  v.transform(({ deletedAt, ...rest }) => ({ ...rest, deleted: deletedAt !== '' })),
);
export type Message = v.InferOutput<typeof message>;

/** A thread as I see it. */
export const thread = v.object({ root: message, following: flag(), readSeq: int(), unread: int(), mentions: int() });
export type Thread = v.InferOutput<typeof thread>;
/** A message of mine that waits for its time, or what became of it. */
export const scheduled = v.object({
  id: v.string(),
  channelId: text(),
  threadId: text(),
  replyTo: text(),
  content: text(),
  mentions: listOf(v.string()),
  sendAt: text(),
  state: v.picklist(['pending', 'sent', 'failed', 'cancelled']),
  /** Why it failed: a code. */
  error: text(),
  messageId: text(),
  rev: int(),
});
export type Scheduled = v.InferOutput<typeof scheduled>;
/** Where I am signed in. */
export const login = v.object({
  id: v.string(),
  device: text(),
  client: text(),
  ip: text(),
  createdAt: text(),
  lastUsedAt: text(),
  expiresAt: text(),
  /** Here. */
  current: flag(),
});
export type SignIn = v.InferOutput<typeof login>;
/** Somebody who has read a message; when, where that is known. */
export const reader = v.object({ userId: v.string(), at: text() });
export type Reader = v.InferOutput<typeof reader>;
/** A message that a search found, and where: start and length in the content. */
export const searchHit = v.object({
  message,
  highlights: listOf(v.tuple([v.number(), v.number()])),
});
export type SearchHit = v.InferOutput<typeof searchHit>;

export const voiceState = v.object({
  muted: flag(),
  deafened: flag(),
  video: flag(),
  screen: flag(),
  handRaised: flag(),
});
export type VoiceState = v.InferOutput<typeof voiceState>;

export const participant = v.object({
  userId: v.string(),
  name: text(),
  participantId: text(),
  voiceState: v.nullish(voiceState, {}),
  connection: text('connecting'),
  joinedAt: text(),
});
export type Participant = v.InferOutput<typeof participant>;

/** A call that runs or rings now. */
export const liveCall = v.object({
  callId: v.string(),
  channelId: v.string(),
  type: text('voice'),
  mode: text('ring'),
  state: text('ongoing'),
  initiatorId: text(),
  initiatorName: text(),
  startedAt: text(),
  answeredAt: text(),
  expiresAt: text(),
  ringing: listOf(v.string()),
  participants: listOf(participant),
  /** Who has a hand up, the first one first. */
  hands: listOf(v.string()),
  /** Nobody new comes in. */
  locked: flag(),
});
export type LiveCall = v.InferOutput<typeof liveCall>;

export const channel = v.object({
  id: v.string(),
  slug: text(),
  kind: text('group'),
  name: text(),
  description: text(),
  topic: text(),
  voice: flag(),
  readOnly: flag(),
  private: flag(),
  /** Seconds between two messages of a member; 0 = off. */
  slowMode: int(),
  /** Messages older than this are cleared; 0 = as the server says. */
  retentionDays: int(),
  archivedAt: text(),
  role: text('member'),
  /** Until when I may not write here. The server tells it with the members; here it is kept with the channel. */
  timeoutUntil: text(),
  lastSeq: int(),
  rev: int(),
  readSeq: int(),
  unread: int(),
  mentions: int(),
  /** Followed threads with something unread, and mentions in them. */
  threads: v.nullish(v.object({ unread: int(), mentions: int() }), { unread: 0, mentions: 0 }),
  memberCount: int(),
  /** No account from outside is in it. */
  isInternal: flag(),
  departmentId: text(),
  projectId: text(),
  notify: v.fallback(v.picklist(['all', 'mentions', 'none']), 'all'),
  mutedUntil: text(),
  /** User ids; empty for channels everybody is in. */
  members: listOf(v.string()),
  peer: v.nullish(user, null),
  lastMessageAt: text(),
  createdAt: text(),
});
export type Channel = v.InferOutput<typeof channel>;

export const notice = v.object({
  kind: v.picklist(['mention', 'direct', 'thread', 'missed_call']),
  channelId: v.string(),
  messageId: text(),
  threadId: text(),
  callId: text(),
  senderId: text(),
  senderName: text(),
  excerpt: text(),
});
export type Notice = v.InferOutput<typeof notice>;
export const badge = v.object({ unreadTotal: int(), mentions: int() });
export type Badge = v.InferOutput<typeof badge>;

const iceFields = {
  iceServers: listOf(
    v.object({
      urls: v.union([v.string(), v.array(v.string())]),
      username: v.optional(v.string()),
      credential: v.optional(v.string()),
    }),
  ),
  /** Seconds for which the credentials are good; 0 = for ever. */
  iceServersTtl: v.nullish(v.number(), 0),
};
/** Ack of `rtc:ice`; also part of `session:ready`. */
export const iceData = v.object(iceFields);
export type IceData = v.InferOutput<typeof iceData>;

export const SOURCES = ['mic', 'camera', 'screen', 'screen_audio'] as const;
export type Source = (typeof SOURCES)[number];

export const trackEvent = v.object({
  callId: text(),
  state: v.picklist(['published', 'unpublished', 'muted', 'unmuted']),
  trackId: v.string(),
  userId: text(),
  participantId: text(),
  kind: text(),
  source: v.picklist(SOURCES),
  codec: text(),
  layers: int(1),
  muted: flag(),
});
export type TrackEvent = v.InferOutput<typeof trackEvent>;

export const joinData = v.object({
  callId: v.string(),
  participantId: v.string(),
  participants: listOf(participant),
  call: v.nullish(liveCall, null),
  /** What the others publish already. */
  tracks: listOf(trackEvent),
  ...iceFields,
});
export type JoinData = v.InferOutput<typeof joinData>;

export const ready = v.object({
  ...iceFields,
  sessionId: v.string(),
  resumed: flag(),
  user: account,
  heartbeat: int(25_000),
  channels: listOf(channel),
  presence: listOf(presence),
  settings: v.nullish(settings, { lastSeenTo: 'shared', readReceipts: true }),
  activeCalls: listOf(liveCall),
  serverTime: text(),
  expiresAt: text(),
  /** `waiting`: a guest whom nobody has let in yet. */
  lobby: text(),
});
export type Ready = v.InferOutput<typeof ready>;

export const incomingCall = v.object({
  callId: v.string(),
  channelId: v.string(),
  type: text('voice'),
  initiator: user,
  expiresAt: text(),
});
export type IncomingCall = v.InferOutput<typeof incomingCall>;

export const answerEvent = v.object({
  callId: text(),
  sdp: v.string(),
  gen: v.number(),
  midToTrack: v.nullish(v.record(v.string(), v.string()), {}),
});
/** What went wrong without a command that could be answered so; `gen`: of an offer. */
export const errorEvent = v.object({ code: text(), message: text(), gen: v.nullish(v.number()) });
export const sectionsEvent = v.object({ callId: text(), audio: int(), video: int() });
export const layersEvent = v.object({
  callId: text(),
  trackId: v.string(),
  active: listOf(v.number()),
  current: v.nullish(v.number()),
  paused: flag(),
  /** To a publisher instead: its source, and the layers of it that somebody watches. */
  source: v.optional(v.picklist(['mic', 'camera', 'screen', 'screen_audio'])),
  wanted: v.optional(v.array(v.number())),
});
/** To a subscriber: this browser has no decoder for the track. */
export const unsupportedEvent = v.object({ callId: text(), trackId: v.string(), codec: text() });
/** To a publisher: somebody cannot decode what it sends; these codecs everybody can. */
export const codecsEvent = v.object({ callId: text(), trackId: v.string(), source: v.picklist(SOURCES), codecs: listOf(v.string()) });
export const rtcState = v.object({ callId: text(), participantId: text(), state: v.string(), reason: text() });

const speaker = v.object({ userId: text(), participantId: text(), level: int() });
export const speakersEvent = v.object({
  callId: text(),
  speakers: listOf(speaker),
  /** Who has the floor, silent or not. */
  dominant: v.nullish(v.object({ userId: text(), participantId: v.string() }), null),
});

/** How good somebody's connection is: score 0-100, shares from 0 to 1, times in ms. */
const quality = v.object({
  userId: text(),
  participantId: v.string(),
  score: v.number(),
  mos: v.nullish(v.number(), 0),
  loss: v.nullish(v.number(), 0),
  jitter: v.nullish(v.number(), 0),
  rtt: v.nullish(v.number(), null),
  issues: listOf(v.string()),
});
export type Quality = v.InferOutput<typeof quality>;
export const qualityEvent = v.object({ callId: text(), participants: listOf(quality) });

const stint = v.object({
  userId: text(),
  name: text(),
  stint: int(1),
  joinedAt: text(),
  leftAt: text(),
  hadVideo: flag(),
  hadScreen: flag(),
});
const invite = v.object({ userId: text(), name: text(), outcome: text() });
export const callRecord = v.object({
  id: v.string(),
  channelId: text(),
  type: text('voice'),
  mode: text(),
  state: text(),
  initiatorId: text(),
  initiatorName: text(),
  startedAt: text(),
  answeredAt: text(),
  endedAt: text(),
  endReason: text(),
  durationMs: int(),
  peakParticipants: int(),
  /** 0-100; `null` if nothing was measured. */
  avgQuality: v.nullish(v.number(), null),
  networkIssues: listOf(v.string()),
  participants: listOf(stint),
  invites: listOf(invite),
});
export type CallRecord = v.InferOutput<typeof callRecord>;

/** A message that somebody or a filter reported. */
export const report = v.object({
  id: v.string(),
  messageId: text(),
  channelId: text(),
  authorId: text(),
  /** As it was when it was reported. */
  content: text(),
  kind: v.fallback(v.picklist(['user', 'filter']), 'user'),
  /** Empty for a filter. */
  reporterId: text(),
  reason: text(),
  note: text(),
  state: v.fallback(v.picklist(['open', 'dismissed', 'actioned']), 'open'),
  resolvedBy: text(),
  resolvedAt: text(),
  resolutionNote: text(),
  createdAt: text(),
});
export type Report = v.InferOutput<typeof report>;

/** Reads a value by its schema; a mismatch is reported once per name and gives `null`. */
const reported = new Set<string>();
export function read<S extends v.GenericSchema>(schema: S, value: unknown, name: string): v.InferOutput<S> | null {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  if (!reported.has(name)) {
    reported.add(name);
    console.warn(`convene: unexpected shape of ${name}`, result.issues[0]?.message);
  }
  return null;
}

/** Rows under one of several keys, each read by the schema. */
export function readList<S extends v.GenericSchema>(schema: S, value: unknown, key: string): v.InferOutput<S>[] {
  const rows = Array.isArray(value) ? value : (value as Record<string, unknown> | null)?.[key];
  return v.parse(listOf(schema), Array.isArray(rows) ? rows : []);
}
