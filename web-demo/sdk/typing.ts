/** Who is typing where. Ephemeral on both ends: a lost stop is repaired by the time limit. */
import { Emitter } from './emitter';
import type { Session } from './session';

/** The server forgets after 6 s; a little more here, so that its stop normally comes first. */
const SHOWN_MS = 6_500;
/** The protocol's limit on repeats. */
const REPEAT_MS = 3_000;

export class Typing {
  readonly events = new Emitter<{ change: string }>();
  readonly #session: Session;
  #active = new Map<string, Map<string, { name: string; timer: ReturnType<typeof setTimeout> }>>();
  #sentAt = new Map<string, number>();

  constructor(session: Session) {
    this.#session = session;
  }

  in(channelId: string): { userId: string; name: string }[] {
    return [...(this.#active.get(channelId) ?? [])].map(([userId, { name }]) => ({ userId, name }));
  }

  /** Called on every input of the composer. */
  input(channelId: string): void {
    const now = Date.now();
    if (now - (this.#sentAt.get(channelId) ?? 0) < REPEAT_MS) return;
    this.#sentAt.set(channelId, now);
    this.#session.tell('typing:start', { channelId });
  }

  /** The draft was sent or emptied. Sending clears it on the server by itself. */
  ended(channelId: string, sent: boolean): void {
    if (!this.#sentAt.delete(channelId) || sent) return;
    this.#session.tell('typing:stop', { channelId });
  }

  onEvent(ev: string, d: unknown): boolean {
    const { channelId, userId, username, name } = d as Record<string, string | undefined>;
    if (ev === 'typing:user_start' && channelId && userId) {
      this.#clear(channelId, userId);
      const users = this.#active.get(channelId) ?? new Map();
      users.set(userId, { name: name ?? username ?? '', timer: setTimeout(() => this.#stop(channelId, userId), SHOWN_MS) });
      this.#active.set(channelId, users);
      this.events.emit('change', channelId);
      return true;
    }
    if (ev === 'typing:user_stop' && channelId && userId) {
      this.#stop(channelId, userId);
      return true;
    }
    return false;
  }

  /** Their message arrived: they are done. */
  wrote(channelId: string, userId: string): void {
    this.#stop(channelId, userId);
  }

  #stop(channelId: string, userId: string): void {
    if (this.#clear(channelId, userId)) this.events.emit('change', channelId);
  }

  #clear(channelId: string, userId: string): boolean {
    const users = this.#active.get(channelId);
    const entry = users?.get(userId);
    if (!users || !entry) return false;
    clearTimeout(entry.timer);
    users.delete(userId);
    return true;
  }
}
