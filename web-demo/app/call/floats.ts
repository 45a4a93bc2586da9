/** Reactions that are shown for a moment: a few of them as pictures, the rest as a number. Pure: time comes in. */

export const SHOWN_MS = 4_000;
export const AT_ONCE = 6;
/** Beyond this many different moments the last one takes the rest: a number of that size is read by nobody. */
const MOMENTS = 32;

export interface Float {
  id: number;
  userId: string;
  emoji: string;
  count: number;
}

interface Timed {
  until: number;
}

export class Floats {
  #shown: readonly (Float & Timed)[] = [];
  #more: readonly (Timed & { count: number })[] = [];
  #id = 0;

  /** The same list until something comes or goes. */
  get shown(): readonly Float[] {
    return this.#shown;
  }
  /** How many are not shown. */
  get more(): number {
    return this.#more.reduce((sum, one) => sum + one.count, 0);
  }

  add(now: number, userId: string, emoji: string, count: number): void {
    if (this.#shown.length >= AT_ONCE) return this.uncounted(now, count);
    this.#shown = [...this.#shown, { id: ++this.#id, userId, emoji, count, until: now + SHOWN_MS }];
  }

  uncounted(now: number, count: number): void {
    if (count <= 0) return;
    const until = now + SHOWN_MS;
    const last = this.#more.at(-1);
    if (last && this.#more.length >= MOMENTS) this.#more = [...this.#more.slice(0, -1), { until, count: last.count + count }];
    else this.#more = [...this.#more, { until, count }];
  }

  poll(now: number): void {
    const left = <T extends Timed>(all: readonly T[]) => (all.some((one) => one.until <= now) ? all.filter((one) => one.until > now) : all);
    this.#shown = left(this.#shown);
    this.#more = left(this.#more);
  }

  nextTimeout(): number | null {
    const times = [...this.#shown, ...this.#more].map((one) => one.until);
    return times.length > 0 ? Math.min(...times) : null;
  }
}
