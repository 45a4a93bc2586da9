/** What a message on its way says of itself. Pure. */
import type { OutboxItem } from '../../sdk/index';

const CLOCK_AFTER_MS = 700;
const WAITING_AFTER_MS = 10_000;

export type Sending = 'fresh' | 'sending' | 'slow' | 'waiting' | 'failed';

/** Most are gone before a clock would be seen. */
export function sendingState(item: Pick<OutboxItem, 'state' | 'code'>, ageMs: number): Sending {
  if (item.state === 'failed') return 'failed';
  if (item.code === 'limit.rate') return 'slow';
  if (ageMs >= WAITING_AFTER_MS) return 'waiting';
  return ageMs >= CLOCK_AFTER_MS ? 'sending' : 'fresh';
}

/** After how long its age alone makes it say something else; `null` = never. */
export function changesAfter(ageMs: number): number | null {
  const next = [CLOCK_AFTER_MS, WAITING_AFTER_MS].find((at) => at > ageMs);
  return next === undefined ? null : next - ageMs;
}
