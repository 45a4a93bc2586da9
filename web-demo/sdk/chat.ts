/** Channels and their timelines, kept right by events while connected and by reloading after a gap. */
import { Emitter } from './emitter';
import { codeOf, ConveneError } from './errors';
import { Outbox, type OutboxStore } from './outbox';
import type { Session } from './session';
import { withMine as withMyReactions, withReaction, type Reacted } from './reactions';
import { Threads } from './threads';
import { withMine, type Membership, type Receipts, type SearchPage, type SearchQuery, type Suggestions } from './chat-types';
import * as tl from './timeline';
import type { Timeline } from './timeline';
import type { Tail } from './tail';
import {
  channel as channelSchema,
  message as messageSchema,
  read,
  readList,
  reader as readerSchema,
  threadSummary,
  searchHit as hitSchema,
  user as userSchema,
  type Channel,
  type Message,
  type Ready,
  type User,
} from './wire';

export interface ChatEvents {
  channels: void;
  users: void;
  /** Of a channel or a thread. */
  timeline: string;
  message: Message;
  /** Somebody else reacted to a message of mine. */
  reaction: { message: Message; emoji: string; userId: string };
  /** Something was pinned or unpinned in the channel. */
  pins: string;
  /** Somebody came to the channel, left it, or may do other things there. */
  members: string;
  /** The channel is shown; the ack tells who types there now. */
  joined: { channelId: string; d: unknown };
}

/** In larger channels nobody asks for all the members only to know about oneself. */
const LOOK_AMONG = 200;

interface Page {
  messages: Message[];
  hasMoreBefore: boolean;
  hasMoreAfter: boolean;
}

export class Chat {
  readonly events = new Emitter<ChatEvents>();
  readonly outbox: Outbox;
  readonly threads: Threads;
  readonly #session: Session;
  #channels = new Map<string, Channel>();
  #users = new Map<string, User>();
  #timelines = new Map<string, Timeline>();
  #loading = new Map<string, Promise<void>>();
  #focused = new Set<string>();
  /** Channels of which I know whether I may write there. */
  #looked = new Set<string>();
  /** Who is more than a member, of the channels that were looked up. */
  #roles = new Map<string, Map<string, string>>();
  #me = '';
  #shown = '';
  #fresh = false;

  constructor(session: Session, store: OutboxStore) {
    this.#session = session;
    this.threads = new Threads(session, {
      timeline: (id) => this.timeline(id),
      load: (id) => this.loadTail(id),
      forget: (id) => void this.#timelines.delete(id),
      counted: (counts) => this.#countThreads(counts),
      learn: (messages) => this.#learnAuthors(messages),
    });
    this.outbox = new Outbox({
      store,
      online: () => session.status.phase === 'ready',
      send: (item) => {
        const { channelId, threadId, content, nonce } = item;
        const sent = session.request('message:send', { channelId, ...(threadId ? { threadId } : {}), content, nonce, type: 'text' });
        // Since when, and for how long, is among the members.
        sent.catch((error: unknown) => codeOf(error) === 'perm.timeout' && void this.lookUp(channelId).catch(() => {}));
        return sent;
      },
    });
    this.outbox.events.on('sent', ({ message }) => this.#live(message));
    session.events.on('status', (status) => {
      if (status.phase === 'ready') this.outbox.flush();
    });
  }

  get channels(): readonly Channel[] {
    return [...this.#channels.values()];
  }
  get users(): readonly User[] {
    return [...this.#users.values()];
  }
  channel(id: string): Channel | undefined {
    return this.#channels.get(id);
  }
  user(id: string): User | undefined {
    return this.#users.get(id);
  }
  /** Of a channel, or of an open thread by its root. */
  timeline(id: string): Timeline {
    return this.#timelines.get(id) ?? tl.emptyTimeline(id);
  }
  get me(): string {
    return this.#me;
  }
  /** The channel that was opened last. */
  get shown(): string {
    return this.#shown;
  }
  /** The server has said how things are; before, they are as they were last time. */
  get fresh(): boolean {
    return this.#fresh;
  }

  /** What was there last time, until the server says what is there now. `false` if it was quicker. */
  restore(tail: Tail): boolean {
    if (this.#fresh) return false;
    this.#me = tail.userId;
    this.learn(tail.users);
    this.#channels = new Map(tail.channels.map((c) => [c.id, c]));
    for (const c of tail.channels) this.#learnPeer(c);
    this.events.emit('channels', undefined);
    this.#set(tl.withTail(this.timeline(tail.channelId), tail.messages, tail.hasMoreBefore));
    void this.outbox.open(tail.userId);
    return true;
  }

  /** A fresh snapshot: channels whose `rev` moved while away are read again where they are open. */
  onReady(ready: Ready): void {
    // Another account than the one of last time has nothing of it.
    if (this.#me && this.#me !== ready.user.id) this.reset();
    this.#me = ready.user.id;
    this.#fresh = true;
    this.learn([ready.user]);
    const before = this.#channels;
    this.#channels = new Map(ready.channels.map((c) => [c.id, c]));
    this.#looked.clear();
    for (const c of ready.channels) this.#learnPeer(c);
    for (const [id, timeline] of [...this.#timelines]) {
      const channelOfThread = this.threads.channelOf(id);
      if (channelOfThread && this.#channels.has(channelOfThread)) {
        if (this.#channels.get(channelOfThread)?.rev !== before.get(channelOfThread)?.rev) void this.loadTail(id).catch(() => {});
        continue;
      }
      const now = this.#channels.get(id);
      if (!now) {
        this.#timelines.delete(id);
        this.events.emit('timeline', id);
      } else if (now.rev !== before.get(id)?.rev || now.lastSeq !== tl.lastSeq(timeline)) {
        void this.#catchUp(id, before.get(id)?.rev);
      }
    }
    for (const id of this.#focused) {
      this.#join(id);
      // The connection was lost before its first page came.
      if (!this.timeline(id).loaded) void this.loadTail(id).catch(() => {});
    }
    this.events.emit('channels', undefined);
    void this.outbox.open(ready.user.id).then(() => this.outbox.flush());
  }

  reset(): void {
    this.#channels.clear();
    this.#users.clear();
    this.#timelines.clear();
    this.#focused.clear();
    this.#looked.clear();
    this.#roles.clear();
    this.threads.reset();
    this.#me = '';
    this.#shown = '';
    this.#fresh = false;
    this.outbox.close();
    this.events.emit('channels', undefined);
    this.events.emit('users', undefined);
  }

  onEvent(ev: string, d: unknown): boolean {
    switch (ev) {
      case 'message:new':
      case 'message:edited': {
        const raw = (d as { message?: unknown }).message;
        const m = read(messageSchema, raw, ev);
        if (!m) return true;
        if (ev === 'message:new') {
          this.#live(m);
          this.#summarise(m.channelId, m.rev, (d as { thread?: unknown }).thread);
          if (m.threadId) this.threads.replied(m, m.authorId === this.#me);
          this.events.emit('message', m);
        } else this.#change(m);
        return true;
      }
      case 'message:deleted': {
        const { channelId, messageId, rev, thread } = d as { channelId: string; messageId: string; rev?: number; thread?: unknown };
        const known = this.#find(channelId, messageId);
        if (known) this.#change({ ...known, rev: rev ?? known.rev + 1, deleted: true, content: '', reactions: [], pinnedAt: '' });
        this.#touch(channelId, { rev: rev ?? 0 });
        this.#summarise(channelId, rev ?? 0, thread);
        // What is deleted is not pinned any more.
        this.events.emit('pins', channelId);
        return true;
      }
      case 'message:reaction': {
        const change = d as Reacted & { channelId: string; messageId: string };
        const known = this.#find(change.channelId, change.messageId);
        this.#mark(change, (one) => withReaction(one, change, this.#me));
        if (known?.authorId === this.#me && change.action === 'add' && change.userId !== this.#me) {
          this.events.emit('reaction', { message: known, emoji: change.emoji, userId: change.userId });
        }
        return true;
      }
      case 'message:pinned': {
        const change = d as { channelId: string; messageId: string; rev: number; isPinned: boolean; pinnedAt: string | null; by: string };
        const pinned = { pinnedAt: change.pinnedAt ?? '', pinnedBy: change.isPinned ? change.by : '' };
        this.#mark(change, (known) => (change.rev < known.rev ? known : { ...known, ...pinned, rev: change.rev }));
        this.events.emit('pins', change.channelId);
        return true;
      }
      case 'channel:created': {
        this.#addChannel((d as { channel?: unknown }).channel, ev);
        return true;
      }
      case 'channel:updated': {
        const shared = read(channelSchema, (d as { channel?: unknown }).channel, ev);
        const known = shared && this.#channels.get(shared.id);
        if (!known) return true;
        // What differs between members is not in it.
        const { members, role, readSeq, unread, mentions, threads, peer, notify, mutedUntil, timeoutUntil } = known;
        this.#missed(known, shared.rev);
        this.#channels.set(known.id, {
          ...shared, members, role, readSeq, unread, mentions, threads, peer, notify, mutedUntil, timeoutUntil,
          lastSeq: Math.max(known.lastSeq, shared.lastSeq), rev: Math.max(known.rev, shared.rev),
        });
        this.events.emit('channels', undefined);
        return true;
      }
      case 'channel:notify_set': {
        const { channelId, pref, mutedUntil } = d as { channelId: string; pref: Channel['notify']; mutedUntil: string | null };
        const c = this.#channels.get(channelId);
        if (c) this.#channels.set(channelId, { ...c, notify: pref, mutedUntil: mutedUntil ?? '' });
        this.events.emit('channels', undefined);
        return true;
      }
      case 'channel:cleared': {
        const { channelId, rev } = d as { channelId: string; rev: number };
        // Known only when it is done: after a lost connection the rest is asked for again.
        void this.#catchUp(channelId, this.#channels.get(channelId)?.rev).then(() => this.#touch(channelId, { rev }));
        return true;
      }
      case 'channel:members_changed': {
        // Too many to be told one by one.
        const { channelId } = d as { channelId: string };
        void this.#fetchChannel(channelId).then(() => this.events.emit('members', channelId));
        return true;
      }
      case 'channel:member_updated': {
        const { channelId, member, rev } = d as { channelId: string; rev?: number; member?: Membership };
        const c = this.#channels.get(channelId);
        if (c && member?.userId === this.#me) this.#channels.set(channelId, withMine(c, member));
        if (member) this.#roles.get(channelId)?.set(member.userId, member.role ?? 'member');
        this.#touch(channelId, { rev: rev ?? 0 });
        this.events.emit('members', channelId);
        return true;
      }
      case 'channel:member_left': {
        const { channelId, userId } = d as { channelId?: string; userId?: string };
        if (channelId && userId === this.#me) {
          this.#channels.delete(channelId);
          this.#timelines.delete(channelId);
          this.events.emit('channels', undefined);
        } else if (channelId && userId) {
          const c = this.#channels.get(channelId);
          if (c) {
            const members = c.members.filter((id) => id !== userId);
            this.#channels.set(channelId, { ...c, members, memberCount: Math.max(0, c.memberCount - 1) });
            this.#touch(channelId, { rev: (d as { rev?: number }).rev ?? 0 });
            this.events.emit('members', channelId);
          }
        }
        return true;
      }
      case 'channel:member_joined': {
        const { channelId, member, rev } = d as { channelId: string; rev?: number; member?: { userId: string; username: string; name: string } };
        const c = this.#channels.get(channelId);
        if (!c || !member) return true;
        this.learn([{ id: member.userId, username: member.username, name: member.name }]);
        if (!c.members.includes(member.userId)) {
          const members = c.kind === 'general' ? c.members : [...c.members, member.userId];
          this.#channels.set(channelId, { ...c, members, memberCount: c.memberCount + 1 });
        }
        this.#touch(channelId, { rev: rev ?? 0 });
        this.events.emit('members', channelId);
        return true;
      }
      case 'message:read_receipt': {
        const { channelId, threadId, userId, seq } = d as { channelId: string; threadId?: string | null; userId: string; seq: number };
        if (threadId) {
          if (userId === this.#me) this.threads.read(threadId, seq);
          return true;
        }
        const c = this.#channels.get(channelId);
        // Read on another device of mine.
        if (c && userId === this.#me && seq > c.readSeq) {
          this.#channels.set(channelId, { ...c, readSeq: seq, ...(seq >= c.lastSeq ? { unread: 0, mentions: 0 } : {}) });
          this.events.emit('channels', undefined);
        }
        return true;
      }
      case 'message:mention': {
        const { channelId, threadId } = d as { channelId: string; threadId?: string | null };
        const c = this.#channels.get(channelId);
        if (threadId) this.threads.recount();
        else if (c) this.#channels.set(channelId, { ...c, mentions: c.mentions + 1 });
        this.events.emit('channels', undefined);
        return true;
      }
      case 'thread:followed': {
        const { threadId, following } = d as { threadId: string; following: boolean };
        this.threads.followed(threadId, following);
        return true;
      }
    }
    return false;
  }

  /** Remembers people seen in any payload. */
  learn(users: readonly User[]): void {
    let changed = false;
    for (const u of users) {
      const known = this.#users.get(u.id);
      const name = u.name || known?.name || '';
      const username = u.username || known?.username || '';
      if (!name && !username) continue;
      if (known && known.name === name && known.username === username) continue;
      this.#users.set(u.id, { id: u.id, name: name || username, username });
      changed = true;
    }
    if (changed) this.events.emit('users', undefined);
  }

  async loadPeople(): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < 5; page++) {
      const d = await this.#session.request('user:list', { limit: 100, ...(cursor ? { cursor } : {}) }, { wait: true });
      this.learn(readList(userSchema, d, 'users'));
      cursor = (d as { next?: string | null }).next ?? undefined;
      if (!cursor) return;
    }
  }

  /** The channel is shown: follow typing and presence there, and load its newest page once. */
  async open(channelId: string): Promise<void> {
    this.#focused.add(channelId);
    this.#shown = channelId;
    if (this.#session.status.phase === 'ready') this.#join(channelId);
    const c = this.#channels.get(channelId);
    if (c && c.kind !== 'dm' && c.memberCount <= LOOK_AMONG && !this.#looked.has(channelId)) void this.lookUp(channelId).catch(() => {});
    if (!this.#timelines.get(channelId)?.loaded) await this.loadTail(channelId);
  }

  /** Reads a channel again, by its id or its slug, and my part in it. Archived ones, which are in no list, are found as well. */
  lookUp(ref: string): Promise<void> {
    return this.#once(`channel ${ref}`, async () => {
      const d = await this.#session.request('channel:get', { channelId: ref }, { wait: true });
      const c = this.#addChannel((d as { channel?: unknown }).channel, 'channel:get ack');
      const members = (d as { members?: Membership[] }).members ?? [];
      const mine = members.find((one) => one.userId === this.#me);
      if (!c) return;
      this.#looked.add(c.id);
      this.#roles.set(c.id, new Map(members.map((one) => [one.userId, one.role ?? 'member'])));
      const now = this.#channels.get(c.id);
      if (!mine || !now) return;
      this.#channels.set(c.id, withMine(now, mine));
      this.events.emit('channels', undefined);
    });
  }

  /** As far as it is known; in large channels everybody counts as a member. */
  roleOf(channelId: string, userId: string): string {
    return this.#roles.get(channelId)?.get(userId) ?? 'member';
  }

  close(channelId: string): void {
    // Whoever comes back comes to the present.
    if (this.timeline(channelId).hasMoreAfter) this.#timelines.delete(channelId);
    if (!this.#focused.delete(channelId)) return;
    if (this.#session.status.phase === 'ready') void this.#session.request('channel:leave', { channelId }).catch(() => {});
  }

  loadTail(channelId: string): Promise<void> {
    return this.#once(`tail ${channelId}`, async () => {
      const page = await this.#page(channelId, {});
      this.#set(tl.withTail(this.timeline(channelId), page.messages, page.hasMoreBefore));
    });
  }

  loadOlder(channelId: string): Promise<void> {
    const t = this.timeline(channelId);
    if (!t.loaded || !t.hasMoreBefore) return Promise.resolve();
    return this.#once(`older ${channelId}`, async () => {
      const page = await this.#page(channelId, { before: tl.firstSeq(t) });
      this.#set(tl.withOlder(this.timeline(channelId), page.messages, page.hasMoreBefore));
    });
  }

  loadNewer(channelId: string): Promise<void> {
    const t = this.timeline(channelId);
    if (!t.loaded || !t.hasMoreAfter) return Promise.resolve();
    return this.#once(`newer ${channelId}`, async () => {
      const page = await this.#page(channelId, { after: tl.lastSeq(t) });
      this.#set(tl.withNewer(this.timeline(channelId), page.messages, page.hasMoreAfter));
    });
  }

  /** Makes the window one that has this message in it. */
  loadAround(channelId: string, seq: number): Promise<void> {
    const t = this.timeline(channelId);
    if (t.messages.some((m) => m.seq === seq)) return Promise.resolve();
    return this.#once(`around ${channelId} ${seq}`, async () => {
      const page = await this.#page(channelId, { around: seq });
      this.#set(tl.withAround(this.timeline(channelId), page.messages, page));
    });
  }

  /** Any message I may see. */
  async message(id: string): Promise<Message> {
    const d = await this.#session.request('message:get', { messageId: id }, { wait: true });
    const m = read(messageSchema, (d as { message?: unknown }).message, 'message:get ack');
    if (!m) throw new ConveneError('client.malformed', 'message:get');
    this.#learnAuthors([m]);
    return m;
  }

  send(channelId: string, content: string, threadId = ''): Promise<unknown> {
    return this.outbox.add(channelId, content, threadId);
  }

  async edit(message: Message, content: string): Promise<void> {
    const d = await this.#session.request('message:edit', { messageId: message.id, content, baseRev: message.rev });
    const m = read(messageSchema, (d as { message?: unknown }).message ?? d, 'message:edit ack');
    if (m) this.#change(m);
  }

  async remove(message: Pick<Message, 'id'>): Promise<void> {
    await this.#session.request('message:delete', { messageId: message.id });
  }

  /** Adds my reaction, or takes it back. */
  async react(message: Message, emoji: string): Promise<void> {
    const mine = message.reactions.some((one) => one.emoji === emoji && one.me);
    await this.#session.request('message:react', { messageId: message.id, emoji, action: mine ? 'remove' : 'add' });
  }

  async pin(message: Message, pinned: boolean): Promise<void> {
    await this.#session.request(pinned ? 'message:pin' : 'message:unpin', { messageId: message.id });
  }

  async receipts(message: Message): Promise<Receipts> {
    const d = await this.#session.request('message:get_read_receipts', { messageId: message.id });
    return { readers: readList(readerSchema, d, 'readers'), count: (d as { count?: number }).count ?? 0 };
  }

  /** Newest pin first. */
  async pins(channelId: string): Promise<Message[]> {
    const d = await this.#session.request('channel:get_pins', { channelId }, { wait: true });
    const pinned = readList(messageSchema, d, 'messages');
    this.#learnAuthors(pinned);
    return pinned;
  }

  async search(query: SearchQuery): Promise<SearchPage> {
    const d = await this.#session.request('search:messages', query, { wait: true });
    const hits = readList(hitSchema, d, 'hits');
    this.#learnAuthors(hits.map((hit) => hit.message));
    return { hits, next: (d as { next?: string | null }).next ?? null };
  }

  /** Channels of mine and people with a name of which a word begins so. */
  async suggest(q: string): Promise<Suggestions> {
    const d = await this.#session.request('search:suggest', { q }, { wait: true });
    return { channels: readList(channelSchema, d, 'channels'), users: readList(userSchema, d, 'users') };
  }

  /** Who owns or administers a channel pins there; in a direct conversation both do. */
  mayPin(c: Channel): boolean {
    return c.kind === 'dm' || c.role === 'owner' || c.role === 'admin';
  }

  async createChannel(name: string, participants: string[], kind: string): Promise<Channel | null> {
    const d = await this.#session.request('channel:create', { type: kind, name, participants, private: true });
    return this.#addChannel((d as { channel?: unknown }).channel, 'channel:create ack');
  }

  async openDm(userId: string): Promise<Channel | null> {
    const known = this.channels.find((c) => c.kind === 'dm' && this.peerOf(c) === userId);
    if (known) return known;
    const d = await this.#session.request('dm:open', { userId });
    return this.#addChannel((d as { channel?: unknown }).channel, 'dm:open ack');
  }

  /** The other person of a direct conversation. */
  peerOf(c: Channel): string {
    if (c.kind !== 'dm') return '';
    return c.peer?.id || c.members.find((id) => id !== this.#me) || '';
  }

  /** What I want to be told of a channel; `mutedUntil` is RFC 3339, or empty. */
  async setNotify(channelId: string, pref: Channel['notify'], mutedUntil = ''): Promise<void> {
    await this.#session.request('channel:set_notify', { channelId, pref, ...(mutedUntil ? { mutedUntil } : {}) });
  }

  /** Everything up to `upTo`, or up to the newest message, was seen. */
  markRead(channelId: string, upTo = Infinity): void {
    const c = this.#channels.get(channelId);
    if (!c) return;
    const seq = Math.min(upTo, c.lastSeq);
    if (c.readSeq >= seq) return;
    const left = seq < c.lastSeq ? { unread: Math.min(c.unread, c.lastSeq - seq) } : { unread: 0, mentions: 0 };
    this.#channels.set(channelId, { ...c, readSeq: seq, ...left });
    this.events.emit('channels', undefined);
    void this.#session.request('message:mark_read', { channelId, seq }).catch(() => {});
  }

  async #page(id: string, range: { before?: number; after?: number; around?: number }): Promise<Page> {
    const channelOfThread = this.threads.channelOf(id);
    const where = channelOfThread ? { channelId: channelOfThread, threadId: id } : { channelId: id };
    const d = await this.#session.request('channel:get_history', { ...where, limit: tl.PAGE, ...range }, { wait: true });
    const flags = d as { hasMoreBefore?: boolean; hasMoreAfter?: boolean };
    const messages = readList(messageSchema, d, 'messages');
    this.#learnAuthors(messages);
    return { messages, hasMoreBefore: flags.hasMoreBefore ?? false, hasMoreAfter: flags.hasMoreAfter ?? false };
  }

  #once(key: string, run: () => Promise<void>): Promise<void> {
    const running = this.#loading.get(key);
    if (running) return running;
    const promise = run().finally(() => this.#loading.delete(key));
    this.#loading.set(key, promise);
    return promise;
  }

  /** After an absence: read the open window again, then what came after it. */
  #catchUp(channelId: string, afterRev?: number): Promise<void> {
    return this.#once(`catchup ${channelId}`, async () => {
      try {
        const t = this.timeline(channelId);
        if (!t.loaded) return;
        if (afterRev !== undefined && (await this.#sync(t, afterRev))) return;
        if (t.hasMoreAfter || t.messages.length === 0) return await this.loadTail(channelId);
        let after = tl.firstSeq(t) - 1;
        let fresh: Message[] = [];
        for (let round = 0; round < tl.MAX_WINDOW / tl.PAGE; round++) {
          const page = await this.#page(channelId, { after });
          fresh = tl.merge(fresh, page.messages);
          const last = page.messages.at(-1);
          if (!page.hasMoreAfter || !last) {
            this.#set({ ...tl.withTail(this.timeline(channelId), fresh, t.hasMoreBefore) });
            return;
          }
          after = last.seq;
        }
        await this.loadTail(channelId);
      } catch (error) {
        console.warn('convene: could not catch up', codeOf(error));
      }
    });
  }

  /** Everything that changed after `afterRev`; false if the server wants the page read again. */
  async #sync(t: Timeline, afterRev: number): Promise<boolean> {
    const d = await this.#session.request('channel:sync', { channelId: t.id, afterRev }, { wait: true });
    if ((d as { truncated?: boolean }).truncated) return false;
    const all = readList(messageSchema, d, 'messages');
    this.#learnAuthors(all);
    const changed = all.filter((m) => !m.threadId);
    const now = this.timeline(t.id);
    const first = tl.firstSeq(now);
    if (now.hasMoreAfter) {
      // A detached window takes changes to its own rows only.
      this.#set(changed.reduce(tl.withChanged, now));
    } else {
      this.#set(tl.withNewer(now, changed.filter((m) => m.seq >= first || first === 0), false));
    }
    return true;
  }

  #live(m: Message): void {
    this.#learnAuthors([m]);
    if (m.authorId === this.#me && m.nonce) this.outbox.settle(m.nonce);
    const { timeline, gap } = tl.withLive(this.timeline(tl.placeOf(m)), m);
    if (timeline.loaded) this.#set(timeline);
    if (m.threadId) {
      if (gap) void this.loadTail(m.threadId).catch(() => {});
      this.#touch(m.channelId, { rev: m.rev });
      return;
    }
    if (gap) void this.#catchUp(m.channelId, this.#channels.get(m.channelId)?.rev);
    this.#touch(m.channelId, {
      lastSeq: m.seq,
      rev: m.rev,
      // Lines of the channel are nobody's messages, and no news.
      ...(m.type === 'system' ? {} : { at: m.createdAt, own: m.authorId === this.#me }),
      counts: m.type !== 'call' && m.type !== 'system' && m.authorId !== this.#me,
    });
  }

  #mark(at: { channelId: string; messageId: string; rev: number }, change: (known: Message) => Message): void {
    const known = this.#find(at.channelId, at.messageId);
    if (known) this.#change(change(known));
    this.#touch(at.channelId, { rev: at.rev });
  }

  /** In the channel's window, or in one of its open threads. */
  #find(channelId: string, messageId: string): Message | undefined {
    for (const id of [channelId, ...this.threads.openIn(channelId)]) {
      const found = this.timeline(id).messages.find((m) => m.id === messageId);
      if (found) return found;
    }
    return undefined;
  }

  /** A reply came or went: what its root says of the thread. */
  #summarise(channelId: string, rev: number, raw: unknown): void {
    const thread = raw ? read(threadSummary, raw, 'thread') : null;
    if (!thread) return;
    const root = this.#find(channelId, thread.id);
    if (root && rev >= root.rev) this.#change({ ...root, thread, rev });
  }

  #countThreads(counts: ReadonlyMap<string, Channel['threads']>): void {
    for (const [id, c] of this.#channels) {
      const threads = counts.get(id) ?? { unread: 0, mentions: 0 };
      if (threads.unread !== c.threads.unread || threads.mentions !== c.threads.mentions) this.#channels.set(id, { ...c, threads });
    }
    this.events.emit('channels', undefined);
  }

  #change(changed: Message): void {
    const t = this.#timelines.get(tl.placeOf(changed));
    const m = withMyReactions(changed, t?.messages.find((one) => one.id === changed.id), this.#me);
    if (t) this.#set(tl.withChanged(t, m));
    this.threads.rootChanged(m);
    this.#touch(m.channelId, { rev: m.rev });
  }

  #touch(channelId: string, seen: { lastSeq?: number; rev?: number; at?: string; own?: boolean; counts?: boolean }): void {
    const c = this.#channels.get(channelId);
    if (!c) {
      void this.#fetchChannel(channelId);
      return;
    }
    this.#missed(c, seen.rev ?? 0);
    const lastSeq = Math.max(c.lastSeq, seen.lastSeq ?? 0);
    const isNew = lastSeq > c.lastSeq;
    this.#channels.set(channelId, {
      ...c,
      lastSeq,
      rev: Math.max(c.rev, seen.rev ?? 0),
      lastMessageAt: isNew && seen.at ? seen.at : c.lastMessageAt,
      unread: seen.own ? 0 : isNew && seen.counts ? Math.min(100, c.unread + 1) : c.unread,
      readSeq: seen.own ? lastSeq : c.readSeq,
    });
    this.events.emit('channels', undefined);
  }

  /**
   * Every change of a channel takes the next `rev`, so a step is a change that no event told of: texts that were cleared
   * after their time. They are gone from the page with the next thing that happens, and not only after a reconnect.
   */
  #missed(c: Channel, rev: number): void {
    if (rev > c.rev + 1 && this.timeline(c.id).loaded) void this.#catchUp(c.id, c.rev);
  }

  #set(t: Timeline): void {
    this.#timelines.set(t.id, t);
    this.events.emit('timeline', t.id);
  }

  #addChannel(raw: unknown, name: string): Channel | null {
    const c = read(channelSchema, raw, name);
    if (!c) return null;
    const known = this.#channels.get(c.id);
    // An answer can be older than what was read here since.
    const counts = known && known.readSeq > c.readSeq ? { readSeq: known.readSeq, unread: known.unread, mentions: known.mentions } : {};
    this.#channels.set(c.id, { ...c, ...counts, timeoutUntil: known?.timeoutUntil ?? '' });
    this.#learnPeer(c);
    this.events.emit('channels', undefined);
    return c;
  }

  #fetchChannel(channelId: string): Promise<void> {
    return this.lookUp(channelId).catch(() => {});
  }

  #join(channelId: string): void {
    void this.#session
      .request('channel:join', { channelId })
      .then((d) => this.events.emit('joined', { channelId, d }))
      .catch(() => {});
  }

  #learnPeer(c: Channel): void {
    if (c.peer) this.learn([c.peer]);
  }

  #learnAuthors(messages: readonly Message[]): void {
    this.learn(messages.filter((m) => m.authorName).map((m) => ({ id: m.authorId, username: '', name: m.authorName })));
  }
}
