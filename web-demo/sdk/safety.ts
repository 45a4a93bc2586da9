/** Whom I block, and what moderators did that concerns me. */
import { ask, nextOf } from './ask';
import { Emitter } from './emitter';
import type { Session } from './session';
import { read, readList, report as reportSchema, user as userSchema, type Report } from './wire';

export interface SafetyEvents {
  /** Whom I block. */
  blocks: void;
  /** I was removed from a channel; that it is gone comes next. */
  kicked: { channelId: string; reason: string };
  /** The last that I hear of this server. `until` is empty for good. */
  banned: { reason: string; until: string };
  userBanned: { userId: string; until: string };
  /** To administrators. */
  report: Report;
}

export class Safety {
  readonly events = new Emitter<SafetyEvents>();
  readonly #session: Session;
  #blocked = new Set<string>();
  /** What changed since the list was asked for: it may be older than that. */
  #since = new Map<string, boolean>();

  constructor(session: Session) {
    this.#session = session;
  }

  get blocked(): ReadonlySet<string> {
    return this.#blocked;
  }

  /** As it was last time, until the server says how it is. */
  restore(blocked: readonly string[]): void {
    this.#blocked = new Set(blocked);
    this.events.emit('blocks', undefined);
  }

  /** After every start of a session; a resumed one brings what changed by itself. */
  async load(): Promise<void> {
    const since = new Map<string, boolean>();
    this.#since = since;
    const blocked = new Set<string>();
    let cursor: string | null = null;
    do {
      const d = await ask(this.#session, 'user:blocks', { limit: 100, ...(cursor ? { cursor } : {}) });
      for (const one of readList(userSchema, d, 'users')) blocked.add(one.id);
      cursor = nextOf(d);
    } while (cursor);
    // Somebody else signed in, or a newer list is on its way.
    if (this.#since !== since) return;
    this.#blocked = blocked;
    for (const [userId, is] of since) this.#mark(userId, is);
    this.events.emit('blocks', undefined);
  }

  reset(): void {
    this.#since = new Map();
    this.#blocked = new Set();
    this.events.emit('blocks', undefined);
  }

  async block(userId: string): Promise<void> {
    await ask(this.#session, 'user:block', { userId });
    this.#changed(userId, true);
  }

  async unblock(userId: string): Promise<void> {
    await ask(this.#session, 'user:unblock', { userId });
    this.#changed(userId, false);
  }

  onEvent(ev: string, d: unknown): boolean {
    switch (ev) {
      case 'user:blocked':
      case 'user:unblocked':
        this.#changed((d as { userId: string }).userId, ev === 'user:blocked');
        return true;
      case 'moderation:kicked': {
        const { channelId, reason } = d as { channelId: string; reason?: string };
        this.events.emit('kicked', { channelId, reason: reason ?? '' });
        return true;
      }
      case 'moderation:banned': {
        const { reason, until } = d as { reason?: string; until?: string | null };
        this.events.emit('banned', { reason: reason ?? '', until: until ?? '' });
        return true;
      }
      case 'moderation:user_banned': {
        const { userId, until } = d as { userId: string; until?: string | null };
        this.events.emit('userBanned', { userId, until: until ?? '' });
        return true;
      }
      case 'moderation:report': {
        const one = read(reportSchema, (d as { report?: unknown }).report, ev);
        if (one) this.events.emit('report', one);
        return true;
      }
    }
    return ev === 'moderation:user_kicked';
  }

  #changed(userId: string, is: boolean): void {
    this.#since.set(userId, is);
    if (this.#blocked.has(userId) === is) return;
    this.#mark(userId, is);
    this.events.emit('blocks', undefined);
  }

  #mark(userId: string, is: boolean): void {
    const blocked = new Set(this.#blocked);
    if (is) blocked.add(userId);
    else blocked.delete(userId);
    this.#blocked = blocked;
  }
}
