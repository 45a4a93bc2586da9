/** Threads: which are open, how far they are read, which have something new. Their messages live in `Chat`. */
import { Emitter } from './emitter';
import type { Session } from './session';
import { lastSeq, type Timeline } from './timeline';
import { read, readList, thread as threadSchema, type Channel, type Message, type Thread } from './wire';

/** Replies come in bursts; unread threads are counted again once after one. */
const RECOUNT_AFTER_MS = 800;

export interface ThreadsHost {
  timeline: (id: string) => Timeline;
  load: (id: string) => Promise<void>;
  forget: (id: string) => void;
  /** Unread threads by channel; channels that are not in it have none. */
  counted: (counts: ReadonlyMap<string, Channel['threads']>) => void;
  learn: (messages: readonly Message[]) => void;
}

export class Threads {
  /** A thread, by its root: opened, closed, followed, read, or its root changed. */
  readonly events = new Emitter<{ change: string }>();
  readonly #session: Session;
  readonly #host: ThreadsHost;
  #open = new Map<string, Thread>();
  #recount: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, host: ThreadsHost) {
    this.#session = session;
    this.#host = host;
  }

  get(rootId: string): Thread | undefined {
    return this.#open.get(rootId);
  }

  /** Empty unless the thread is open. */
  channelOf(rootId: string): string {
    return this.#open.get(rootId)?.root.channelId ?? '';
  }

  openIn(channelId: string): string[] {
    return [...this.#open.values()].filter((one) => one.root.channelId === channelId).map((one) => one.root.id);
  }

  /** Shows a thread: its state, and its newest page. */
  async open(root: Message): Promise<void> {
    if (!this.#open.has(root.id)) this.#put({ root, following: false, readSeq: 0, unread: 0, mentions: 0 });
    const d = await this.#session.request('thread:get', { threadId: root.id }, { wait: true });
    const found = read(threadSchema, (d as { thread?: unknown }).thread, 'thread:get ack');
    if (found && this.#open.has(root.id)) this.#put(found);
    await this.#host.load(root.id);
  }

  close(rootId: string): void {
    if (!this.#open.delete(rootId)) return;
    this.#host.forget(rootId);
    this.events.emit('change', rootId);
  }

  reset(): void {
    clearTimeout(this.#recount);
    this.#recount = undefined;
    this.#open.clear();
  }

  /** The threads I follow, the one replied to last first. */
  async list(channelId?: string): Promise<Thread[]> {
    const d = await this.#session.request('thread:list', { limit: 50, ...(channelId ? { channelId } : {}) }, { wait: true });
    const found = readList(threadSchema, d, 'threads');
    this.#host.learn(found.map((one) => one.root));
    return found;
  }

  async follow(rootId: string, following: boolean): Promise<void> {
    await this.#session.request(following ? 'thread:follow' : 'thread:unfollow', { threadId: rootId });
    this.followed(rootId, following);
  }

  /** Everything up to `upTo`, or all that is there, was seen. */
  markRead(rootId: string, upTo = Infinity): void {
    const known = this.#open.get(rootId);
    const last = lastSeq(this.#host.timeline(rootId));
    const seq = Math.min(upTo, last);
    if (!known || seq <= known.readSeq) return;
    this.#put({ ...known, readSeq: seq, ...(seq < last ? { unread: Math.min(known.unread, last - seq) } : { unread: 0, mentions: 0 }) });
    void this.#session
      .request('message:mark_read', { channelId: known.root.channelId, threadId: rootId, seq })
      .then(() => this.recount())
      .catch(() => {});
  }

  /** Counts unread threads again, soon. */
  recount(): void {
    this.#recount ??= setTimeout(() => {
      this.#recount = undefined;
      void this.#count().catch(() => {});
    }, RECOUNT_AFTER_MS);
  }

  replied(reply: Message, own: boolean): void {
    const known = this.#open.get(reply.threadId);
    if (known && own) this.#put({ ...known, following: true, readSeq: Math.max(known.readSeq, reply.seq) });
    else if (known) this.#put({ ...known, unread: Math.min(100, known.unread + 1) });
    if (!own) this.recount();
  }

  /** Read on another device of mine. */
  read(rootId: string, seq: number): void {
    const known = this.#open.get(rootId);
    if (known && seq > known.readSeq) this.#put({ ...known, readSeq: seq, unread: 0, mentions: 0 });
    this.recount();
  }

  followed(rootId: string, following: boolean): void {
    const known = this.#open.get(rootId);
    if (known) this.#put({ ...known, following });
    this.recount();
  }

  rootChanged(m: Message): void {
    const known = this.#open.get(m.id);
    if (known && m.rev >= known.root.rev) this.#put({ ...known, root: m });
  }

  async #count(): Promise<void> {
    const d = await this.#session.request('thread:list', { unread: true, limit: 100 });
    const counts = new Map<string, Channel['threads']>();
    for (const one of readList(threadSchema, d, 'threads')) {
      const before = counts.get(one.root.channelId) ?? { unread: 0, mentions: 0 };
      counts.set(one.root.channelId, { unread: before.unread + 1, mentions: before.mentions + one.mentions });
    }
    this.#host.counted(counts);
  }

  #put(thread: Thread): void {
    this.#open.set(thread.root.id, thread);
    this.events.emit('change', thread.root.id);
  }
}
