/** Whether somebody speaks, from loud and quiet moments: a click is no word, and a breath is no end. Pure. */
const ATTACK_MS = 80;
const HOLD_MS = 400;

export class Voice {
  #loudSince: number | null = null;
  #lastLoud = -Infinity;
  #on = false;

  hear(now: number, loud: boolean): boolean {
    if (loud) {
      this.#loudSince ??= now;
      this.#lastLoud = now;
      if (now - this.#loudSince >= ATTACK_MS) this.#on = true;
    } else {
      this.#loudSince = null;
      if (now - this.#lastLoud >= HOLD_MS) this.#on = false;
    }
    return this.#on;
  }

  reset(): void {
    this.#loudSince = null;
    this.#on = false;
  }
}
