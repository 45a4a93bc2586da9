/** Who came and who went, told at most once in three seconds, and not where many come and go. Pure. */
export interface Told {
  came: readonly string[];
  went: readonly string[];
}

/** In larger calls nobody wants to know. */
export const MOST_PEOPLE = 8;
const APART_MS = 3_000;

export class ComingLines {
  #came: string[] = [];
  #went: string[] = [];
  #last = -Infinity;

  /** `people`: how many are in the call now. */
  note(people: number, name: string, came: boolean): void {
    if (people > MOST_PEOPLE) return this.clear();
    const [to, from] = came ? [this.#came, this.#went] : [this.#went, this.#came];
    // Who was away for a moment is not worth a word.
    const back = from.indexOf(name);
    if (back >= 0) from.splice(back, 1);
    else if (to.length < MOST_PEOPLE && !to.includes(name)) to.push(name);
  }

  /** What is told now; nothing if there is nothing, or the last was only just. */
  next(now: number): Told | null {
    if (this.dueAt() === null || now - this.#last < APART_MS) return null;
    const told = { came: this.#came, went: this.#went };
    this.#last = now;
    this.clear();
    return told;
  }

  /** When there is something to tell again. */
  dueAt(): number | null {
    return this.#came.length + this.#went.length > 0 ? this.#last + APART_MS : null;
  }

  clear(): void {
    this.#came = [];
    this.#went = [];
  }
}
