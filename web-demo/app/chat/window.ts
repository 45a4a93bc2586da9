/** Which rows of a long list are there as elements. Pure. */

/** Elements of rows at once, the pinned ones aside, however fast somebody scrolls. */
export const MOST_ROWS = 56;
/** Rows beyond the edges, where there is room for them. */
const AHEAD = 10;

export interface Shown {
  /** One run, laid out one below the other. */
  first: number;
  last: number;
  /** Elsewhere, and kept: what has the focus or is being written in. */
  pinned: number[];
}

/** `start` and `end` are in view; a screen that shows more rows than `MOST_ROWS` gets them all. */
export function shown(start: number, end: number, count: number, pinned: readonly number[]): Shown {
  const spare = Math.max(0, MOST_ROWS - (end - start + 1));
  const ahead = Math.min(AHEAD, Math.floor(spare / 2));
  const first = Math.max(0, start - ahead);
  const last = Math.min(count - 1, end + ahead);
  return { first, last, pinned: [...new Set(pinned)].filter((i) => i >= 0 && i < count && (i < first || i > last)).sort((a, b) => a - b) };
}
