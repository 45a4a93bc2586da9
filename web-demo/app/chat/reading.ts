/** When something counts as read: it was the bottom row, on a page that is looked at, for a moment. Pure. */

/** How long the last row must be in view before it counts as read. */
export const READ_AFTER_MS = 1_000;

export interface Looking {
  visible: boolean;
  focused: boolean;
  /** The `seq` of the last row while it is in view and nothing newer exists; 0 otherwise. */
  bottom: number;
  readSeq: number;
}

/** What is being read, and since when. */
export interface Reading {
  seq: number;
  since: number;
}

export interface Verdict {
  reading: Reading | null;
  /** Read up to here; 0 = nothing new. */
  upTo: number;
  /** When to look again without anything having happened. */
  wakeInMs: number | null;
}

const NOTHING: Verdict = { reading: null, upTo: 0, wakeInMs: null };

/**
 * Newer rows do not start the moment again: in a lively channel nothing would ever be read. They have their own moment
 * after it.
 */
export function look(before: Reading | null, at: Looking, now: number): Verdict {
  const shown = at.visible && at.focused ? at.bottom : 0;
  if (shown <= at.readSeq) return NOTHING;
  const goesOn = before !== null && before.seq > at.readSeq && before.seq <= shown;
  const reading = goesOn ? before : { seq: shown, since: now };
  const left = reading.since + READ_AFTER_MS - now;
  if (left > 0) return { reading, upTo: 0, wakeInMs: left };
  const next = reading.seq < shown ? { seq: shown, since: now } : null;
  return { reading: next, upTo: reading.seq, wakeInMs: next ? READ_AFTER_MS : null };
}
