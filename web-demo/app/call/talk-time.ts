/** Whether somebody with a hand up has got the word already. Pure: voices and time in. */

/** So long, and it is no question in between. */
export const TALKED_MS = 5_000;
/** A pause between two sentences is none for longer than this. */
export const PAUSE_MS = 2_000;

export class TalkTime {
  #talked = 0;
  #since: number | null = null;
  #stopped = -Infinity;

  /** A hand went up, or down: what was said before does not count. */
  reset(): void {
    this.#talked = 0;
    this.#stopped = -Infinity;
    if (this.#since !== null) this.#since = null;
  }

  speaks(now: number, on: boolean): void {
    if (on === (this.#since !== null)) return;
    if (on) {
      if (now - this.#stopped > PAUSE_MS) this.#talked = 0;
      this.#since = now;
      return;
    }
    this.#talked += now - (this.#since ?? now);
    this.#since = null;
    this.#stopped = now;
  }

  talked(now: number): boolean {
    return this.#talked + (this.#since === null ? 0 : now - this.#since) >= TALKED_MS;
  }

  /** When it will have been long enough, if nobody stops. */
  nextTimeout(): number | null {
    return this.#since === null ? null : this.#since + Math.max(0, TALKED_MS - this.#talked);
  }
}
