/** What the views read: signals fed by the client. Nothing here talks to the network. */
import { computed, signal } from '@preact/signals';
import { FINE, grantsOf, isGuestName } from '../sdk/index';
import type { Account, Badge, CallSnapshot, Channel, ConnectionView, DeviceList, Knock, LinkStats, LiveCall, LocalSnapshot, Message, Presence, Ring, Scheduled, SessionStatus, UnmuteAsked, User } from '../sdk/index';
import { convene, tokens } from './client';
import { signedIn } from './door';
import { compareNames } from './format';
import { t } from './strings';
import { unreadMark } from './unread';

export { banned, signedIn, signOutReason } from './door';

export interface Toast {
  id: number;
  text: string;
  tone: 'info' | 'error';
  action?: { label: string; run: () => void };
}

export const me = signal<Account | null>(null);
export const status = signal<SessionStatus>(convene.session.status);
export const everReady = signal(false);
/** What was there last time is shown, while the server is still being reached. */
export const restored = signal(false);
export const channels = signal<readonly Channel[]>([]);
export const users = signal<readonly User[]>([]);
export const presences = signal<ReadonlyMap<string, Presence>>(new Map());
export const timelineTick = signal<Record<string, number>>({});
export const typingTick = signal(0);
/** The root of the thread that is shown. */
export const threadOpen = signal('');
export const threadTick = signal(0);
/** Messages of mine that wait for their time, everywhere. */
export const scheduled = signal<readonly Scheduled[]>([]);
export const badge = signal<Badge>({ unreadTotal: 0, mentions: 0 });
export const rings = signal<readonly Ring[]>([]);
export const activeCalls = signal<readonly LiveCall[]>([]);
export const local = signal<LocalSnapshot>(convene.local.state);
export const call = signal<CallSnapshot>(convene.call.state);
/** What to say of a lost connection. */
export const connection = signal<ConnectionView>(FINE);
/** The call is in a small window beside the page, or in one of the browser. */
export const pipOpen = signal(false);
export const devices = signal<DeviceList>(convene.local.devices);
/** The settings of microphone, camera and sound. */
export const devicesOpen = signal(false);
/** I talk, and nobody hears it. */
export const talkBubble = signal(false);
/** Who has asked me to unmute, and waits for it. */
export const unmuteAsked = signal<UnmuteAsked | null>(null);
export const callStats = signal<LinkStats | null>(null);
/** Whom I block. */
export const blocked = signal<ReadonlySet<string>>(new Set());
/** Who is banned, as far as it was heard or read. */
export const bannedUsers = signal<ReadonlySet<string>>(new Set());
/** To administrators: how many reports wait for a decision. */
export const openReports = signal(0);
/** What is asked above the view. */
export type Prompt =
  | { kind: 'report' | 'revisions'; message: Message }
  | { kind: 'timeout' | 'kick'; channel: Channel; userId: string; name: string }
  | { kind: 'role'; channel: Channel; userId: string; name: string; role: string }
  | { kind: 'ban'; userId: string; name: string }
  | { kind: 'signIns'; userId: string; name: string }
  | { kind: 'blocks' | 'archived' | 'ring' }
  | { kind: 'channel' | 'links'; channelId: string };
/** The last one is on top. */
export const prompts = signal<readonly Prompt[]>([]);
export const toasts = signal<readonly Toast[]>([]);
export const helpOpen = signal(false);
export const searchOpen = signal(false);
/** A message to be shown: its list scrolls to it and marks it. */
/** `place`: the channel, or the root of the thread, in whose timeline the message is. */
export const jumpTo = signal<{ place: string; messageId: string } | null>(null);
export const marked = signal('');
/** The list of this channel or thread goes to its newest message; a new object each time. */
export const toPresent = signal({ place: '' });
/** A message that calls many people waits for a yes. */
export const askedMany = signal<{ people: number; send: () => void } | null>(null);
/** The call I have just left, and how I was in it. */
export const rejoin = signal<{ callId: string; channelId: string; until: number; mic: boolean; camera: boolean } | null>(null);

/** Guests whom I may let in, the first one first. */
export const knocks = signal<readonly Knock[]>([]);
/** What my token says that I may do. */
export const grants = computed(() => {
  // Another token comes with another sign-in.
  void [signedIn.value, me.value];
  return grantsOf(tokens.get());
});
export const isGuest = computed(() => grants.value.guest);

export const inCall = computed(() => call.value.phase !== 'idle');
export const usersById = computed(() => new Map(users.value.map((u) => [u.id, u])));
export const channelsById = computed(() => new Map(channels.value.map((c) => [c.id, c])));

export const roomChannels = computed(() =>
  channels.value.filter((c) => c.kind !== 'dm' && !c.archivedAt).sort((a, b) => compareNames(a.name, b.name)),
);
/** Conversations with something in them, and the one that is open, newest first. */
export const dmChannels = computed(() =>
  channels.value.filter((c) => c.kind === 'dm').sort((a, b) => b.lastMessageAt.localeCompare(a.lastMessageAt) || compareNames(titleOf(a), titleOf(b))),
);
export const people = computed(() =>
  users.value.filter((u) => u.id !== me.value?.id && !isGuestName(u.username)).sort((a, b) => compareNames(a.name, b.name)),
);

export function nameOf(userId: string, fallback = ''): string {
  if (userId && userId === me.value?.id) return me.value.name;
  return usersById.value.get(userId)?.name || fallback || t.someone;
}

export function titleOf(c: Channel): string {
  if (c.kind !== 'dm') return c.name || c.slug;
  const peer = convene.chat.peerOf(c);
  return (peer && usersById.value.get(peer)?.name) || c.peer?.name || c.name || t.someone;
}

export const presenceOf = (userId: string): Presence['status'] =>
  (userId === me.value?.id && status.value.phase === 'ready' ? ownStatus.value : presences.value.get(userId)?.status) ?? 'offline';

export const ownStatus = signal<Presence['status']>('online');

export const isUnread = (c: Channel): boolean => unreadMark(c, Date.now()).bold;

export function findChannel(ref: string): Channel | undefined {
  // Many channels have no slug.
  if (!ref) return undefined;
  return channelsById.value.get(ref) ?? channels.value.find((c) => c.slug === ref);
}

export const refOf = (c: Channel): string => c.slug || c.id;

export const callInChannel = (channelId: string): LiveCall | undefined => activeCalls.value.find((c) => c.channelId === channelId);

/** Connects the client's events to the signals, once. */
export function connectStore(): void {
  const { session, chat, presence, typing, schedule, notices, safety, knocks: door, rings: ringBook, local: media, call: theCall, events } = convene;
  session.events.on('status', (s) => {
    status.value = s;
    if (s.phase === 'ready') everReady.value = true;
  });
  events.on('me', (user) => {
    me.value = user;
    const own = presence.all.get(user.id)?.status;
    if (own && own !== 'offline') ownStatus.value = own;
  });
  chat.events.on('channels', () => (channels.value = chat.channels));
  chat.events.on('users', () => (users.value = chat.users));
  const tick = (id: string) => (timelineTick.value = { ...timelineTick.value, [id]: (timelineTick.value[id] ?? 0) + 1 });
  chat.events.on('timeline', tick);
  chat.outbox.events.on('change', tick);
  chat.threads.events.on('change', () => threadTick.value++);
  presence.events.on('change', () => (presences.value = new Map(presence.all)));
  typing.events.on('change', () => typingTick.value++);
  ringBook.events.on('change', () => {
    rings.value = ringBook.ringing;
    activeCalls.value = ringBook.active;
    if (rejoin.value && !ringBook.active.some((c) => c.callId === rejoin.value?.callId)) rejoin.value = null;
  });
  door.events.on('change', () => (knocks.value = door.waiting));
  schedule.events.on('change', () => (scheduled.value = schedule.all));
  notices.events.on('badge', (now) => (badge.value = now));
  safety.events.on('blocks', () => (blocked.value = safety.blocked));
  media.events.on('change', (s) => {
    local.value = s;
    if (s.micOn) talkBubble.value = false;
  });
  media.events.on('devices', (list) => (devices.value = list));
  convene.reconnect.events.on('change', (view) => (connection.value = view));
  theCall.events.on('change', (s) => {
    call.value = s;
    if (s.phase === 'idle') callStats.value = null;
  });
  theCall.events.on('stats', (s) => (callStats.value = s));
}
