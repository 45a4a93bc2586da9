/** Reconnect delays: 1 → 30 s, doubled each time, spread by ±50 % so that a crowd does not return at once. */
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

export function backoffDelay(attempt: number, random: () => number = Math.random, longest = LONGEST_MS): number {
  const base = Math.min(longest, FIRST_MS * 2 ** Math.max(0, Math.min(attempt, 16)));
  return Math.round(base * (0.5 + random()));
}
