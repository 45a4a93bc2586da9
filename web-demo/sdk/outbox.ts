/**
 * Messages on their way out. Each keeps its nonce through retries, reconnects and reloads, so the
 * server stores it once; a timeline's messages leave one after the other, in the order of writing.
 */
import { Emitter } from './emitter';
import { ConveneError } from './errors';
import { message as messageSchema, read, type Message } from './wire';

export interface OutboxItem {
  nonce: string;
  userId: string;
  channelId: string;
  /** The root, for a reply; rows of earlier versions have none. */
  threadId?: string;
  content: string;
  createdAt: number;
  order: number;
  state: 'queued' | 'sending' | 'failed';
  code: string;
}

/** The timeline it goes to. */
export const placeOf = (item: OutboxItem): string => item.threadId || item.channelId;

export interface OutboxStore {
  all(userId: string): Promise<OutboxItem[]>;
  put(item: OutboxItem): Promise<void>;
  remove(nonce: string): Promise<void>;
}

export class MemoryOutboxStore implements OutboxStore {
  readonly items = new Map<string, OutboxItem>();
  async all(userId: string): Promise<OutboxItem[]> {
    return [...this.items.values()].filter((i) => i.userId === userId);
  }
  async put(item: OutboxItem): Promise<void> {
    this.items.set(item.nonce, { ...item });
  }
  async remove(nonce: string): Promise<void> {
    this.items.delete(nonce);
  }
}

export interface OutboxEvents {
  change: string;
  sent: { item: OutboxItem; message: Message };
}

export interface OutboxOptions {
  store: OutboxStore;
  send: (item: OutboxItem) => Promise<unknown>;
  /** Whether it is worth trying at all. */
  online: () => boolean;
  newNonce?: () => string;
}

/** A wait after an answer that was lost, before the same nonce is sent again. */
const RETRY_MS = 1_500;

export class Outbox {
  readonly events = new Emitter<OutboxEvents>();
  readonly #options: OutboxOptions;
  #items: OutboxItem[] = [];
  #busy = new Set<string>();
  #order = 0;
  #userId = '';
  #leftBehind: Promise<readonly OutboxItem[]> = Promise.resolve([]);

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Of a channel, or of a thread by its root. */
  items(place: string): OutboxItem[] {
    return this.#items.filter((item) => placeOf(item) === place);
  }

  /** What an earlier page had left behind when this one was opened, sent since then or not. */
  get leftBehind(): Promise<readonly OutboxItem[]> {
    return this.#leftBehind;
  }

  /** Loads what an earlier page left behind. */
  async open(userId: string): Promise<void> {
    if (this.#userId === userId) return;
    this.#userId = userId;
    this.#leftBehind = this.#options.store.all(userId);
    const stored = await this.#leftBehind;
    const known = new Set(this.#items.map((item) => item.nonce));
    const old = stored
      .filter((item) => !known.has(item.nonce))
      .map((item) => ({ ...item, state: item.state === 'sending' ? ('queued' as const) : item.state }));
    old.sort((a, b) => a.createdAt - b.createdAt || a.order - b.order);
    this.#order = Math.max(this.#order, ...old.map((item) => item.order + 1), 0);
    this.#items = [...old, ...this.#items];
    for (const id of new Set(old.map(placeOf))) this.events.emit('change', id);
    this.flush();
  }

  close(): void {
    const places = new Set(this.#items.map(placeOf));
    this.#items = [];
    this.#userId = '';
    for (const id of places) this.events.emit('change', id);
  }

  async add(channelId: string, content: string, threadId = ''): Promise<OutboxItem> {
    const item: OutboxItem = {
      nonce: (this.#options.newNonce ?? (() => crypto.randomUUID()))(),
      userId: this.#userId,
      channelId,
      threadId,
      content,
      createdAt: Date.now(),
      order: this.#order++,
      state: 'queued',
      code: '',
    };
    this.#items.push(item);
    this.events.emit('change', placeOf(item));
    await this.#options.store.put(item);
    this.flush();
    return item;
  }

  async retry(nonce: string): Promise<void> {
    const item = this.#items.find((i) => i.nonce === nonce);
    if (!item || item.state !== 'failed') return;
    await this.#update(item, 'queued', '');
    this.flush();
  }

  /** The user gave up on it; its text is returned so that it can go back to the composer. */
  async discard(nonce: string): Promise<string> {
    const item = this.#items.find((i) => i.nonce === nonce);
    if (!item) return '';
    await this.#remove(item);
    return item.content;
  }

  /** The broadcast of our own message may come before its ack, or instead of it. */
  settle(nonce: string): void {
    const item = this.#items.find((i) => i.nonce === nonce);
    if (item) void this.#remove(item);
  }

  flush(): void {
    if (!this.#options.online()) return;
    for (const place of new Set(this.#items.map(placeOf))) void this.#drain(place);
  }

  async #drain(place: string): Promise<void> {
    if (this.#busy.has(place)) return;
    this.#busy.add(place);
    try {
      for (;;) {
        const item = this.#items.find((i) => placeOf(i) === place && i.state !== 'failed');
        if (!item || !this.#options.online()) return;
        await this.#update(item, 'sending', '');
        try {
          const ack = await this.#options.send(item);
          const sent = read(messageSchema, (ack as { message?: unknown }).message ?? ack, 'message:send ack');
          if (sent) this.events.emit('sent', { item, message: sent });
          await this.#remove(item);
        } catch (error) {
          const failure = error instanceof ConveneError ? error : new ConveneError('client.unknown', String(error));
          if (!failure.transient) {
            await this.#update(item, 'failed', failure.code);
            continue;
          }
          await this.#update(item, 'queued', failure.code);
          if (!this.#options.online()) return;
          await new Promise((resolve) => setTimeout(resolve, failure.retryAfter ?? RETRY_MS));
        }
      }
    } finally {
      this.#busy.delete(place);
    }
  }

  async #update(item: OutboxItem, state: OutboxItem['state'], code: string): Promise<void> {
    if (!this.#items.includes(item)) return;
    item.state = state;
    item.code = code;
    this.events.emit('change', placeOf(item));
    if (state !== 'sending') await this.#options.store.put(item);
  }

  async #remove(item: OutboxItem): Promise<void> {
    if (!this.#items.includes(item)) return;
    this.#items = this.#items.filter((i) => i !== item);
    this.events.emit('change', placeOf(item));
    await this.#options.store.remove(item.nonce);
  }
}
