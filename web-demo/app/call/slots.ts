/**
 * Which element shows which tile. A tile keeps its element while it is on the page, and one that comes takes the
 * element of one that went: a `<video>` is set up once and only changes its source.
 */
export class Slots {
  #slotOf = new Map<string, number>();

  /** The slots of exactly these keys, in the order of the slots. */
  assign(keys: readonly string[]): { slot: number; key: string }[] {
    const kept = new Map([...this.#slotOf].filter(([key]) => keys.includes(key)));
    const taken = new Set(kept.values());
    let free = 0;
    for (const key of keys) {
      if (kept.has(key)) continue;
      while (taken.has(free)) free++;
      taken.add(free);
      kept.set(key, free);
    }
    this.#slotOf = kept;
    return [...kept].map(([key, slot]) => ({ slot, key })).sort((a, b) => a.slot - b.slot);
  }
}
