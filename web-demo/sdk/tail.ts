/**
 * What was on the page last time: the end of the last conversation, and the names around it. It is shown while the
 * server is still being reached, and brought up to date as after any absence.
 *
 * It is bounded in rows, in text and in age, one row for each account; signing out takes it away. Nothing that opens
 * anything is in it: no token, no session.
 */
import type { Chat } from './chat';
import type { Safety } from './safety';
import { account, channel as channelSchema, message as messageSchema, read, readList, user as userSchema, type Account, type Channel, type Message, type User } from './wire';

export interface Tail {
  userId: string;
  savedAt: number;
  me: Account;
  channelId: string;
  hasMoreBefore: boolean;
  channels: readonly Channel[];
  users: readonly User[];
  messages: readonly Message[];
  /** Whose messages are folded. */
  blocked: readonly string[];
}

export interface TailStore {
  get(userId: string): Promise<unknown>;
  put(row: { userId: string; savedAt: number }): Promise<void>;
  remove(userId: string): Promise<void>;
  /** Takes away what is older than this, whoever's it is. */
  expire(before: number): Promise<void>;
}

const MESSAGES = 50;
const CHANNELS = 200;
const USERS = 300;
const BLOCKED = 1_000;
/** Of all messages together: a tail of the longest ones is no megabyte. */
const TEXT = 200_000;
const OLDEST_MS = 7 * 86_400_000;
const SAVE_MS = 1_500;

/** What is kept of it all: the newest of each, and of the people those who are named. Pure. */
export function bounded(all: Omit<Tail, 'savedAt'>, savedAt: number): Tail {
  let room = TEXT;
  const messages: Message[] = [];
  for (const m of [...all.messages].reverse()) {
    room -= m.content.length;
    if (messages.length === MESSAGES || room < 0) break;
    messages.unshift(m);
  }
  const newest = [...all.channels].sort((a, b) => Number(b.id === all.channelId) - Number(a.id === all.channelId) || b.lastMessageAt.localeCompare(a.lastMessageAt));
  const channels = newest.slice(0, CHANNELS).map((c) => ({ ...c, members: c.members.slice(0, USERS) }));
  const authors = new Set(messages.map((m) => m.authorId));
  const peers = new Set(channels.flatMap((c) => (c.kind === 'dm' ? c.members : [])));
  const rank = (u: User) => (authors.has(u.id) ? 2 : peers.has(u.id) ? 1 : 0);
  const users = [...all.users].sort((a, b) => rank(b) - rank(a)).slice(0, USERS);
  return { ...all, savedAt, messages, hasMoreBefore: all.hasMoreBefore || messages.length < all.messages.length, channels, users, blocked: all.blocked.slice(0, BLOCKED) };
}

/** Of a row as it was stored, by whatever version of the page; nothing if it is of no use any more. Pure. */
export function revive(row: unknown, userId: string, now: number): Tail | null {
  const { savedAt, me, channelId, hasMoreBefore, channels, users, messages, blocked, userId: whose } = (row ?? {}) as Partial<Tail>;
  if (whose !== userId || typeof savedAt !== 'number' || now - savedAt > OLDEST_MS || typeof channelId !== 'string') return null;
  const who = read(account, me, 'tail');
  if (!who || !Array.isArray(messages)) return null;
  // As the wire says it: when it was deleted.
  const wired = messages.map((m: Message) => ({ ...m, deletedAt: m.deleted ? m.createdAt || '-' : '' }));
  return {
    userId,
    savedAt,
    me: who,
    channelId,
    hasMoreBefore: hasMoreBefore === true,
    channels: readList(channelSchema, channels, 'channels'),
    users: readList(userSchema, users, 'users'),
    messages: readList(messageSchema, wired, 'messages'),
    blocked: Array.isArray(blocked) ? blocked.filter((id) => typeof id === 'string') : [],
  };
}

export class TailKeeper {
  readonly #chat: Chat;
  readonly #safety: Safety;
  readonly #store: TailStore;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #me: Account | null = null;
  #saved = '';
  /** Where the account that is signed in now began; what was asked for before it is late. */
  #round = 0;

  constructor(chat: Chat, safety: Safety, store: TailStore) {
    this.#chat = chat;
    this.#safety = safety;
    this.#store = store;
    for (const name of ['timeline', 'channels'] as const) chat.events.on(name, () => this.#later());
    safety.events.on('blocks', () => this.#later());
  }

  /** Shows what was there last time. Gives who it is of, or nothing if there is none, or the server was quicker. */
  async restore(userId: string): Promise<Account | null> {
    const round = this.#round;
    const tail = revive(await this.#store.get(userId).catch(() => null), userId, Date.now());
    if (!tail || round !== this.#round || !this.#chat.restore(tail)) return null;
    this.#safety.restore(tail.blocked);
    return tail.me;
  }

  onReady(me: Account): void {
    this.#round++;
    this.#me = me;
    this.#later();
  }

  /** Signed out: nothing of this account stays here. */
  async forget(userId: string): Promise<void> {
    this.reset();
    if (userId) await this.#store.remove(userId).catch(() => undefined);
  }

  /** Rows that nobody came back for. */
  async expire(): Promise<void> {
    await this.#store.expire(Date.now() - OLDEST_MS).catch(() => undefined);
  }

  reset(): void {
    this.#round++;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#me = null;
    this.#saved = '';
  }

  #later(): void {
    if (!this.#me) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#save();
    }, SAVE_MS);
  }

  async #save(): Promise<void> {
    const me = this.#me;
    const channelId = this.#chat.shown;
    const timeline = this.#chat.timeline(channelId);
    // Somewhere in the past is no place to begin at.
    if (!me || !channelId || !timeline.loaded || timeline.hasMoreAfter) return;
    const { messages, hasMoreBefore } = timeline;
    const channel = this.#chat.channel(channelId);
    const state = `${channelId} ${channel?.rev} ${channel?.readSeq} ${messages.at(-1)?.id} ${this.#chat.channels.length}`;
    if (state === this.#saved) return;
    this.#saved = state;
    const all = { userId: me.id, me, channelId, hasMoreBefore, channels: this.#chat.channels, users: this.#chat.users, messages, blocked: [...this.#safety.blocked] };
    await this.#store.put(bounded(all, Date.now())).catch(() => undefined);
    // Signed out while it was written.
    if (this.#me?.id !== me.id) await this.#store.remove(me.id).catch(() => undefined);
  }
}

/** A database of its own: a tab with an earlier version of the page never holds up the others. */
export function browserTailStore(): TailStore {
  const db = import('idb').then(({ openDB }) =>
    openDB('convene-tail', 1, {
      upgrade(database) {
        database.createObjectStore('tails', { keyPath: 'userId' });
      },
    }),
  );
  db.catch(() => undefined); // each use tells of it
  return {
    get: async (userId) => (await db).get('tails', userId),
    put: async (row) => void (await (await db).put('tails', row)),
    remove: async (userId) => (await db).delete('tails', userId),
    expire: async (before) => {
      const tx = (await db).transaction('tails', 'readwrite');
      for (let at = await tx.store.openCursor(); at; at = await at.continue()) {
        if (((at.value as { savedAt?: number }).savedAt ?? 0) < before) await at.delete();
      }
      await tx.done;
    },
  };
}
