/** Messages of mine that wait for their time, or failed when it came. The server sends them; here they are only kept in view. */
import { Emitter } from './emitter';
import { ConveneError } from './errors';
import type { Session } from './session';
import { read, readList, scheduled as scheduledSchema, type Scheduled } from './wire';

/** An answer that was lost is asked for again, under the same nonce. */
const ATTEMPTS = 3;
const RETRY_MS = 1_500;

export interface ScheduleEvents {
  change: void;
  /** Its time came and it was not allowed: `error` says why. */
  failed: Scheduled;
}

export interface ScheduleOptions {
  /** The root, for a reply in its thread. */
  threadId?: string;
  replyTo?: string;
  mentions?: string[];
}

export class Schedule {
  readonly events = new Emitter<ScheduleEvents>();
  readonly #session: Session;
  #items = new Map<string, Scheduled>();
  /** What changed since the list was asked for: it may be older than that. */
  #since = new Map<string, Scheduled>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** All that wait or failed, the next one first. */
  get all(): Scheduled[] {
    return [...this.#items.values()].sort((a, b) => a.sendAt.localeCompare(b.sendAt) || a.id.localeCompare(b.id));
  }

  /** Those of a channel's own timeline, or of a thread. */
  in(channelId: string, threadId = ''): Scheduled[] {
    return this.all.filter((one) => one.channelId === channelId && one.threadId === threadId);
  }

  /** After every start of a session; a resumed one brings what changed by itself. */
  async load(): Promise<void> {
    const since = new Map<string, Scheduled>();
    this.#since = since;
    const d = await this.#session.request('schedule:list', {}, { wait: true });
    // Somebody else signed in, or a newer list is on its way.
    if (this.#since !== since) return;
    this.#items = new Map(readList(scheduledSchema, d, 'scheduled').map((one) => [one.id, one]));
    for (const one of since.values()) this.#keep(one);
    this.events.emit('change', undefined);
  }

  reset(): void {
    this.#since = new Map();
    this.#items.clear();
    this.events.emit('change', undefined);
  }

  async add(channelId: string, content: string, at: Date, options: ScheduleOptions = {}): Promise<Scheduled | null> {
    const command = { channelId, content, type: 'text', sendAt: at.toISOString(), nonce: crypto.randomUUID(), ...options };
    for (let attempt = 1; ; attempt++) {
      try {
        return this.#take(await this.#session.request('message:send', command, { wait: true }), 'message:send ack');
      } catch (error) {
        if (!(error instanceof ConveneError) || !error.transient || attempt >= ATTEMPTS) throw error;
        const pause = error.retryAfter ?? RETRY_MS;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /** One that failed needs a new time, and waits again then. */
  async update(id: string, change: { content?: string; at?: Date; mentions?: string[] }): Promise<Scheduled | null> {
    const { at, ...rest } = change;
    const d = await this.#session.request('schedule:update', { scheduleId: id, ...rest, ...(at ? { sendAt: at.toISOString() } : {}) });
    return this.#take(d, 'schedule:update ack');
  }

  async cancel(id: string): Promise<void> {
    this.#take(await this.#session.request('schedule:cancel', { scheduleId: id }), 'schedule:cancel ack');
  }

  onEvent(ev: string, d: unknown): boolean {
    if (ev !== 'schedule:changed') return false;
    const before = this.#items.get((d as { scheduled?: { id?: string } }).scheduled?.id ?? '');
    const now = this.#take(d, ev);
    if (now?.state === 'failed' && before?.state !== 'failed') this.events.emit('failed', now);
    return true;
  }

  #take(d: unknown, name: string): Scheduled | null {
    const one = read(scheduledSchema, (d as { scheduled?: unknown }).scheduled, name);
    if (!one) return null;
    // Acks and events of one change come in either order.
    const known = this.#items.get(one.id) ?? this.#since.get(one.id);
    if (known && known.rev >= one.rev) return one;
    this.#since.set(one.id, one);
    this.#keep(one);
    this.events.emit('change', undefined);
    return one;
  }

  /** What is over is not kept. */
  #keep(one: Scheduled): void {
    if (one.state === 'pending' || one.state === 'failed') this.#items.set(one.id, one);
    else this.#items.delete(one.id);
  }
}
