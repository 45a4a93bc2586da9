/**
 * Who is shown large while the speaker view is on. Pure: who has the floor and time in, one or two people out.
 * The server decides who has the floor; this keeps the view calm when it goes back and forth.
 */
interface Held {
  id: string;
  since: number;
}

/** The server has waited for half a second of speech already; with this it is 600 ms. */
export const ENTER_MS = 100;
/** A view that changes faster cannot be followed. */
export const HOLD_MS = 2_000;
/** Who has the floor again within this time is in a conversation of two. */
export const ALTERNATE_MS = 4_000;
/** Who keeps the floor for so long is in it no more. */
export const ALONE_MS = 10_000;

export class Floor {
  #current: Held | null = null;
  #next: Held | null = null;
  #lost: { id: string; at: number } | null = null;
  #pair: readonly [string, string] | null = null;

  /** One, or two who alternate; the places of two do not change. */
  get speakers(): readonly string[] {
    return this.#pair ?? (this.#current ? [this.#current.id] : []);
  }

  /** The one of them who has the floor. */
  get current(): string | null {
    return this.#current?.id ?? null;
  }

  /** Who has the floor now; `null` if that is me or nobody, and then the last one stays. */
  told(now: number, id: string | null): void {
    if (id === null || id === this.#current?.id) this.#next = null;
    else if (id !== this.#next?.id) this.#next = { id, since: now };
  }

  /** Somebody left. */
  forget(id: string): void {
    if (this.#pair?.includes(id)) this.#pair = null;
    if (this.#current?.id === id) this.#current = null;
    if (this.#next?.id === id) this.#next = null;
    if (this.#lost?.id === id) this.#lost = null;
  }

  /** Does what is due; whether the view changes. */
  poll(now: number): boolean {
    const due = this.#due();
    if (this.#next && now >= due) {
      this.#take(now, this.#next.id);
      return true;
    }
    if (!this.#pair || !this.#current || now < this.#current.since + ALONE_MS) return false;
    this.#pair = null;
    this.#lost = null;
    return true;
  }

  nextTimeout(): number | null {
    const times = [...(this.#next ? [this.#due()] : []), ...(this.#pair && this.#current ? [this.#current.since + ALONE_MS] : [])];
    return times.length > 0 ? Math.min(...times) : null;
  }

  #due(): number {
    return Math.max((this.#next?.since ?? 0) + ENTER_MS, this.#current ? this.#current.since + HOLD_MS : 0);
  }

  #take(now: number, id: string): void {
    const before = this.#current;
    if (!this.#pair?.includes(id)) {
      const again = before && this.#lost?.id === id && now - this.#lost.at <= ALTERNATE_MS;
      this.#pair = again ? [before.id, id] : null;
    }
    this.#lost = before && { id: before.id, at: now };
    this.#current = { id, since: now };
    this.#next = null;
  }
}
