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

const text = (fallback = '') => v.nullish(v.string(), fallback);
const int = (fallback = 0) => v.nullish(v.number(), fallback);
const flag = (fallback = false) => v.nullish(v.boolean(), fallback);
const listOf = <S extends v.GenericSchema>(item: S) =>
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

export const presence = v.object({
  userId: v.string(),
  status: v.fallback(v.picklist(['online', 'away', 'dnd', 'invisible', 'offline']), 'offline'),
  customStatus: text(),
  device: text(),
  lastSeen: text(),
});
export type Presence = v.InferOutput<typeof presence>;

export const message = v.pipe(
  v.object({
    id: v.string(),
    channelId: v.string(),
    seq: v.number(),
    rev: int(),
    type: text('text'),
    authorId: text(),
    authorName: text(),
    author: v.nullish(user),
    nonce: text(),
    content: text(),
    createdAt: text(),
    editedAt: text(),
    deletedAt: text(),
    deleted: flag(),
    callId: text(),
  }),
  v.transform(({ author, authorId, authorName, deleted, deletedAt, ...rest }) => ({
    ...rest,
    authorId: authorId || author?.id || '',
    authorName: authorName || author?.name || '',
    deleted: deleted || deletedAt !== '',
  })),
);
export type Message = v.InferOutput<typeof message>;

export const activeCall = v.pipe(
  v.object({
    callId: text(),
    id: text(),
    channelId: v.string(),
    type: text('voice'),
    state: text('ongoing'),
    mode: text('ring'),
    initiator: v.nullish(v.union([v.string(), v.object({ id: v.string() })])),
    initiatorId: text(),
    startedAt: text(),
    expiresAt: text(),
    participants: listOf(v.pipe(v.unknown(), v.transform(participantOf), v.custom<Participant>((p) => p !== null))),
    /** Set when this user is being rung by the call. */
    ringing: flag(),
  }),
  v.transform(({ id, callId, initiator, initiatorId, ...rest }) => ({
    ...rest,
    callId: callId || id,
    initiatorId: initiatorId || (typeof initiator === 'string' ? initiator : (initiator?.id ?? '')),
  })),
);
export type ActiveCall = v.InferOutput<typeof activeCall>;

export const channel = v.pipe(
  v.object({
    id: v.string(),
    slug: text(),
    type: text(),
    kind: text(),
    name: text(),
    description: text(),
    topic: text(),
    lastSeq: int(),
    rev: int(),
    readSeq: int(),
    unread: int(),
    mentions: int(),
    memberCount: int(),
    members: listOf(v.union([v.pipe(v.string(), v.transform((id) => ({ id, username: '', name: '' }))), user, memberUser()])),
    peer: v.nullish(user),
    peerId: text(),
    lastMessageAt: text(),
  }),
  v.transform(({ kind, type, peer, peerId, ...rest }) => ({
    ...rest,
    kind: kind || type || 'group',
    peer: peer ?? null,
    peerId: peerId || peer?.id || '',
  })),
);
export type Channel = v.InferOutput<typeof channel>;

function memberUser() {
  return v.pipe(
    v.object({ userId: v.string(), username: text(), name: text() }),
    v.transform((m) => ({ id: m.userId, username: m.username, name: m.name || m.username })),
  );
}

export const voiceState = v.object({
  muted: flag(),
  deafened: flag(),
  video: flag(),
  screen: flag(),
  handRaised: flag(),
});
export type VoiceState = v.InferOutput<typeof voiceState>;

const participant = v.object({
  userId: v.string(),
  username: text(),
  name: text(),
  participantId: text(),
  voiceState: v.nullish(voiceState, { muted: false }),
  joinedAt: text(),
});
export type Participant = v.InferOutput<typeof participant>;
export const NO_VOICE_STATE: VoiceState = {
  muted: false,
  deafened: false,
  video: false,
  screen: false,
  handRaised: false,
};

/** Participants arrive as objects, or in summaries as bare user ids. */
export function participantOf(value: unknown): Participant | null {
  const row = typeof value === 'string' ? { userId: value } : value;
  const result = v.safeParse(participant, row);
  return result.success ? result.output : null;
}

export const joinData = v.object({
  callId: v.string(),
  channelId: text(),
  participantId: text(),
  startedAt: text(),
  existing: flag(),
  participants: listOf(participant),
  iceServers: listOf(
    v.object({
      urls: v.union([v.string(), v.array(v.string())]),
      username: v.optional(v.string()),
      credential: v.optional(v.string()),
    }),
  ),
});
export type JoinData = v.InferOutput<typeof joinData>;

export const ready = v.object({
  sessionId: v.string(),
  resumed: flag(),
  user,
  heartbeat: int(25_000),
  channels: listOf(channel),
  presence: listOf(presence),
  activeCalls: listOf(activeCall),
  serverTime: text(),
});
export type Ready = v.InferOutput<typeof ready>;

export const incomingCall = v.pipe(
  v.object({
    callId: v.string(),
    channelId: v.string(),
    type: text('voice'),
    initiator: v.union([v.string(), v.pipe(v.object({ id: text(), userId: text(), username: text(), name: text() }))]),
    expiresAt: text(),
  }),
  v.transform(({ initiator, ...rest }) => ({
    ...rest,
    initiatorId: typeof initiator === 'string' ? initiator : initiator.id || initiator.userId,
    initiatorName: typeof initiator === 'string' ? '' : initiator.name || initiator.username,
  })),
);
export type IncomingCall = v.InferOutput<typeof incomingCall>;

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

export const answerEvent = v.object({
  callId: text(),
  sdp: v.string(),
  gen: v.number(),
  midToTrack: v.nullish(v.record(v.string(), v.string()), {}),
});
export const sectionsEvent = v.object({ callId: text(), audio: int(), video: int() });
export const layersEvent = v.object({
  callId: text(),
  trackId: v.string(),
  active: listOf(v.number()),
  current: v.nullish(v.number()),
  paused: flag(),
  layers: v.nullish(v.array(v.number())),
});
export const rtcState = v.object({ callId: text(), state: v.string(), reason: text() });

export const speaker = v.object({ userId: text(), participantId: text(), level: int() });
/** `call:speakers` is a bare list or `{callId, speakers}`. */
export function speakersOf(data: unknown): v.InferOutput<typeof speaker>[] {
  const list = Array.isArray(data) ? data : ((data as { speakers?: unknown } | null)?.speakers ?? []);
  return v.parse(listOf(speaker), Array.isArray(list) ? list : []);
}

const stint = v.object({
  userId: text(),
  name: text(),
  username: text(),
  joinedAt: text(),
  leftAt: text(),
});
const invite = v.object({ userId: text(), name: text(), outcome: text() });
export const callRecord = v.pipe(
  v.object({
    id: text(),
    callId: text(),
    channelId: text(),
    type: text('voice'),
    mode: text(),
    state: text(),
    initiatorId: text(),
    initiator: v.nullish(v.union([v.string(), v.object({ id: v.string() })])),
    startedAt: text(),
    answeredAt: text(),
    endedAt: text(),
    endReason: text(),
    duration: int(),
    durationMs: v.nullish(v.number()),
    participants: listOf(stint),
    invites: listOf(invite),
  }),
  v.transform(({ id, callId, initiator, initiatorId, duration, durationMs, ...rest }) => ({
    ...rest,
    id: id || callId,
    initiatorId: initiatorId || (typeof initiator === 'string' ? initiator : (initiator?.id ?? '')),
    durationMs: durationMs ?? duration,
  })),
);
export type CallRecord = v.InferOutput<typeof callRecord>;

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
