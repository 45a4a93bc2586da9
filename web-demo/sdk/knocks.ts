/** Guests who wait to be let in: those whom I may let in, or I myself. */
import * as v from 'valibot';
import { ask } from './ask';
import { Emitter } from './emitter';
import { codeOf } from './errors';
import type { Session } from './session';
import { read, readList, text, type Ready } from './wire';

const knock = v.object({
  guest: v.pipe(
    v.object({ userId: v.string(), name: text() }),
    v.transform(({ userId, name }) => ({ userId, name })),
  ),
  channelId: v.string(),
  at: text(),
});
export type Knock = v.InferOutput<typeof knock>;

const over = v.object({ channelId: v.string(), userId: v.string(), outcome: text(), by: text() });
export type KnockOver = v.InferOutput<typeof over>;

export interface KnockEvents {
  change: void;
  /** Somebody came to the door. */
  knock: Knock;
  /** It was decided, by whomever, or nobody will decide any more. */
  over: KnockOver & { name: string };
  /** To a guest: it is in, or the knock is over and nobody answered. */
  admitted: { channelId: string };
  unanswered: { outcome: string };
}

/** The server lets 50 wait at a channel; of more channels than these nobody looks at all the doors at once. */
const MOST_CHANNELS = 20;
const MOST_WAITING = 200;

export class Knocks {
  readonly events = new Emitter<KnockEvents>();
  readonly #session: Session;
  #waiting: Knock[] = [];
  /** Channels that were asked about, the last one last: they are asked about again after a new start. */
  #asked = new Set<string>();
  /** What was told while a list was on its way: the list may be older. By channel. */
  #news = new Map<string, { came: Knock[]; gone: Set<string> }>();
  #me = '';
  /** I am a guest, and nobody has let me in yet. */
  outside = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** First come, first shown. */
  get waiting(): readonly Knock[] {
    return this.#waiting;
  }

  onReady(ready: Ready): void {
    this.#me = ready.user.id;
    this.outside = ready.lobby === 'waiting';
    const there = new Set(ready.channels.map((c) => c.id));
    for (const id of this.#asked) if (!there.has(id)) this.#asked.delete(id);
    this.#put(this.#waiting.filter((one) => there.has(one.channelId)));
    // A copy: looking moves a channel to the end.
    for (const id of [...this.#asked]) void this.look(id);
  }

  /** Who waits there now. For those who may let somebody in; others are refused, and nobody asks again for them. */
  async look(channelId: string): Promise<void> {
    this.#remember(channelId);
    const news = { came: [] as Knock[], gone: new Set<string>() };
    this.#news.set(channelId, news);
    try {
      const listed = readList(knock, await ask(this.#session, 'invite:list', { channelId }), 'waiting');
      if (this.#news.get(channelId) !== news) return;
      const here = [...listed, ...news.came].filter((one) => !news.gone.has(one.guest.userId));
      const elsewhere = this.#waiting.filter((one) => one.channelId !== channelId);
      this.#put([...elsewhere, ...here.filter((one, i) => here.findIndex((other) => other.guest.userId === one.guest.userId) === i)]);
    } catch (error) {
      if (/^(perm|not_found|conflict)\./.test(codeOf(error))) this.#asked.delete(channelId);
    } finally {
      if (this.#news.get(channelId) === news) this.#news.delete(channelId);
    }
  }

  onEvent(ev: string, d: unknown): boolean {
    switch (ev) {
      case 'invite:knock': {
        const one = read(knock, d, ev);
        if (!one) return true;
        const news = this.#news.get(one.channelId);
        news?.came.push(one);
        news?.gone.delete(one.guest.userId);
        this.#remember(one.channelId);
        // Who knocks once more is no second person.
        if (this.#waiting.some((known) => known.guest.userId === one.guest.userId)) return true;
        this.#put([...this.#waiting, one]);
        this.events.emit('knock', one);
        return true;
      }
      case 'invite:knock_over': {
        const what = read(over, d, ev);
        if (!what) return true;
        if (what.userId === this.#me) {
          this.events.emit('unanswered', { outcome: what.outcome });
          return true;
        }
        this.#news.get(what.channelId)?.gone.add(what.userId);
        const known = this.#waiting.find((one) => one.guest.userId === what.userId);
        this.#put(this.#waiting.filter((one) => one.guest.userId !== what.userId));
        if (known) this.events.emit('over', { ...what, name: known.guest.name });
        return true;
      }
      case 'invite:admitted': {
        this.outside = false;
        this.events.emit('admitted', d as { channelId: string });
        return true;
      }
    }
    return false;
  }

  /** The answer of the server to all who may decide takes it from the list. */
  async decide({ channelId, guest }: Knock, admit: boolean): Promise<void> {
    const what = { channelId, userId: guest.userId };
    try {
      await (admit ? ask(this.#session, 'invite:admit', what) : ask(this.#session, 'invite:refuse', what));
    } catch (error) {
      // Nobody waits there any more, whatever is shown here.
      if (/^(not_found|conflict)\./.test(codeOf(error))) this.#put(this.#waiting.filter((one) => one.guest.userId !== guest.userId));
      throw error;
    }
  }

  reset(): void {
    this.#asked.clear();
    this.#news.clear();
    this.#me = '';
    this.outside = false;
    this.#put([]);
  }

  #remember(channelId: string): void {
    this.#asked.delete(channelId);
    this.#asked.add(channelId);
    const [first] = this.#asked;
    if (this.#asked.size > MOST_CHANNELS && first) this.#asked.delete(first);
  }

  #put(waiting: Knock[]): void {
    const same = waiting.length === this.#waiting.length && waiting.every((one, i) => one === this.#waiting[i]);
    this.#waiting = waiting.slice(0, MOST_WAITING);
    if (!same) this.events.emit('change', undefined);
  }
}
