/** What one shows of oneself, on all of one's devices. */
import { Emitter } from './emitter';
import type { Session } from './session';
import { read, settings as settingsSchema, type Settings } from './wire';

export class OwnSettings {
  readonly events = new Emitter<{ change: Settings }>();
  readonly #session: Session;
  #now: Settings = { lastSeenTo: 'shared', readReceipts: true };

  constructor(session: Session) {
    this.#session = session;
  }

  get now(): Settings {
    return this.#now;
  }

  onReady(settings: Settings): void {
    this.#set(settings);
  }

  onEvent(ev: string, d: unknown): boolean {
    if (ev !== 'user:settings') return false;
    this.#take(d);
    return true;
  }

  /** Without read receipts one sees those of others neither. */
  async change(wish: Partial<Settings>): Promise<void> {
    const answer = await this.#session.request('presence:update', wish);
    this.#take((answer as { settings?: unknown }).settings);
  }

  #take(d: unknown): void {
    const settings = read(settingsSchema, d, 'settings');
    if (settings) this.#set(settings);
  }

  #set(settings: Settings): void {
    this.#now = settings;
    this.events.emit('change', settings);
  }
}
