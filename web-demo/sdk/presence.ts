/** Who is there. One interest set for everyone the page lists; the server sends changes in batches. */
import { Emitter } from './emitter';
import type { Session } from './session';
import { presence as presenceSchema, readList, type Presence } from './wire';

export type Status = 'online' | 'away' | 'dnd' | 'invisible';

const MAX_WATCHED = 500;

export class PresenceBook {
  readonly events = new Emitter<{ change: void }>();
  readonly #session: Session;
  #rows = new Map<string, Presence>();
  #watched: string[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  of(userId: string): Presence['status'] {
    return this.#rows.get(userId)?.status ?? 'offline';
  }
  get all(): ReadonlyMap<string, Presence> {
    return this.#rows;
  }

  onReady(rows: readonly Presence[]): void {
    this.#rows.clear();
    this.#merge(rows);
    this.#subscribe();
  }

  /** What changed while the socket was lost is not told again. */
  onResumed(): void {
    this.#subscribe();
  }

  onEvent(ev: string, d: unknown): boolean {
    if (ev === 'presence:changed') {
      this.#merge(readList(presenceSchema, d, 'presence'));
      return true;
    }
    return false;
  }

  /** Replaces the interest set. */
  watch(userIds: readonly string[]): void {
    const next = [...new Set(userIds)].sort().slice(0, MAX_WATCHED);
    if (next.join() === this.#watched.join()) return;
    this.#watched = next;
    this.#subscribe();
  }

  async setStatus(status: Status): Promise<void> {
    await this.#session.request('presence:update', { status });
  }

  heartbeat(idleMs: number): void {
    this.#session.tell('presence:heartbeat', { idleMs });
  }

  reset(): void {
    this.#rows.clear();
    this.#watched = [];
    this.events.emit('change', undefined);
  }

  #subscribe(): void {
    if (this.#watched.length === 0 || this.#session.status.phase !== 'ready') return;
    void this.#session
      .request('presence:subscribe', { userIds: this.#watched })
      .then((d) => this.#merge(readList(presenceSchema, d, 'presence')))
      .catch(() => {});
  }

  #merge(rows: readonly Presence[]): void {
    for (const row of rows) this.#rows.set(row.userId, row);
    this.events.emit('change', undefined);
  }
}
