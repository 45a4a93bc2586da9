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
  #active = new Map<string, Map<string, { name: string; threadId: string; timer: ReturnType<typeof setTimeout> }>>();
  #sentAt = new Map<string, number>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** In the channel's own timeline, or in one of its threads. */
  in(channelId: string, threadId = ''): { userId: string; name: string }[] {
    const all = [...(this.#active.get(channelId) ?? [])];
    return all.filter(([, one]) => one.threadId === threadId).map(([userId, { name }]) => ({ userId, name }));
  }

  /** Called on every input of the composer. */
  input(channelId: string, threadId = ''): void {
    const now = Date.now();
    const place = threadId || channelId;
    if (now - (this.#sentAt.get(place) ?? 0) < REPEAT_MS) return;
    this.#sentAt.set(place, now);
    this.#session.tell('typing:start', threadId ? { channelId, threadId } : { channelId });
  }

  /** The draft was sent or emptied. Sending clears it on the server by itself. */
  ended(channelId: string, sent: boolean, threadId = ''): void {
    if (!this.#sentAt.delete(threadId || channelId) || sent) return;
    this.#session.tell('typing:stop', { channelId });
  }

  onEvent(ev: string, d: unknown): boolean {
    const { channelId, threadId, userId, username, name } = d as Record<string, string | null | undefined>;
    if (ev === 'typing:user_start' && channelId && userId) {
      this.#clear(channelId, userId);
      const users = this.#active.get(channelId) ?? new Map();
      users.set(userId, { name: name ?? username ?? '', threadId: threadId ?? '', timer: setTimeout(() => this.#stop(channelId, userId), SHOWN_MS) });
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
