/** What a conversation says of itself in the list, and which one comes next. Pure. */
import type { Channel } from '../sdk/index';

const MOST = 99;

export interface UnreadMark {
  /** Something is there that was not read. */
  bold: boolean;
  /** What is for me in particular: mentions, and everything in a conversation between two. */
  count: number;
}

export const isMuted = (c: Pick<Channel, 'notify' | 'mutedUntil'>, now: number): boolean => c.notify === 'none' || Date.parse(c.mutedUntil) > now;

export function unreadMark(c: Pick<Channel, 'kind' | 'unread' | 'mentions' | 'notify' | 'mutedUntil'>, now: number): UnreadMark {
  // Of what is muted, only being mentioned is told.
  if (isMuted(c, now)) return { bold: c.mentions > 0, count: Math.min(MOST, c.mentions) };
  return { bold: c.unread > 0 || c.mentions > 0, count: Math.min(MOST, c.kind === 'dm' ? Math.max(c.unread, c.mentions) : c.mentions) };
}

/** From the one at `at`, forwards or backwards and round the end; `undefined` if there is none but that one. */
export function step<T>(list: readonly T[], at: number, by: 1 | -1, wanted: (one: T) => boolean = () => true): T | undefined {
  const n = list.length;
  // Outside of the list, forwards begins with the first and backwards with the last.
  const from = at >= 0 ? at : by === 1 ? -1 : n;
  for (let i = 1; i <= n; i++) {
    const index = (((from + by * i) % n) + n) % n;
    const one = list[index];
    if (index !== at && one !== undefined && wanted(one)) return one;
  }
  return undefined;
}
