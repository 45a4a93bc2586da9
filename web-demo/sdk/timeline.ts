/**
 * A window over the messages of one channel or thread, ordered by `seq`. Pure: every function gives a new window.
 * Never more than `MAX_WINDOW` rows; the far end is dropped and can be paged in again.
 */
import type { Message } from './wire';

export const MAX_WINDOW = 400;
export const PAGE = 50;

export interface Timeline {
  /** Of the channel, or of the root of a thread. */
  id: string;
  messages: readonly Message[];
  hasMoreBefore: boolean;
  /** The window ends before the newest message; live ones are counted, not appended. */
  hasMoreAfter: boolean;
  newBelow: number;
  loaded: boolean;
}

export const emptyTimeline = (id: string): Timeline => ({
  id,
  messages: [],
  hasMoreBefore: false,
  hasMoreAfter: false,
  newBelow: 0,
  loaded: false,
});

/** The timeline a message belongs to. */
export const placeOf = (m: Pick<Message, 'channelId' | 'threadId'>): string => m.threadId || m.channelId;

export const firstSeq = (t: Timeline): number => t.messages[0]?.seq ?? 0;
export const lastSeq = (t: Timeline): number => t.messages.at(-1)?.seq ?? 0;

/** Joins two lists by `seq`; for the same row the higher `rev` wins. */
export function merge(a: readonly Message[], b: readonly Message[]): Message[] {
  const bySeq = new Map<number, Message>();
  for (const m of a) bySeq.set(m.seq, m);
  for (const m of b) {
    const known = bySeq.get(m.seq);
    if (!known || m.rev >= known.rev) bySeq.set(m.seq, m);
  }
  return [...bySeq.values()].sort((x, y) => x.seq - y.seq);
}

export function withTail(t: Timeline, page: readonly Message[], hasMoreBefore: boolean): Timeline {
  return { ...t, messages: merge([], page), hasMoreBefore, hasMoreAfter: false, newBelow: 0, loaded: true };
}

export function withOlder(t: Timeline, page: readonly Message[], hasMoreBefore: boolean): Timeline {
  const all = merge(t.messages, page);
  const messages = all.slice(0, MAX_WINDOW);
  return { ...t, messages, hasMoreBefore, hasMoreAfter: t.hasMoreAfter || messages.length < all.length };
}

export function withNewer(t: Timeline, page: readonly Message[], hasMoreAfter: boolean): Timeline {
  const all = merge(t.messages, page);
  const messages = all.slice(-MAX_WINDOW);
  return {
    ...t,
    messages,
    hasMoreBefore: t.hasMoreBefore || messages.length < all.length,
    hasMoreAfter,
    newBelow: hasMoreAfter ? t.newBelow : 0,
  };
}

/** Another place of the channel: nothing of the window before is kept, for what lies between is not known. */
export function withAround(t: Timeline, page: readonly Message[], more: { hasMoreBefore: boolean; hasMoreAfter: boolean }): Timeline {
  const { hasMoreBefore, hasMoreAfter } = more;
  return { ...t, messages: merge([], page), hasMoreBefore, hasMoreAfter, newBelow: 0, loaded: true };
}

export type LiveResult = { timeline: Timeline; gap: boolean };

/** A new message came in. `gap` says that something between is missing and must be fetched. */
export function withLive(t: Timeline, m: Message): LiveResult {
  if (!t.loaded) return { timeline: t, gap: false };
  const last = lastSeq(t);
  if (m.seq <= last) {
    const known = t.messages.some((x) => x.seq === m.seq);
    return { timeline: known ? withChanged(t, m) : { ...t, messages: merge(t.messages, [m]) }, gap: false };
  }
  // Lines of the channel are no news.
  if (t.hasMoreAfter) return { timeline: m.type === 'system' ? t : { ...t, newBelow: t.newBelow + 1 }, gap: false };
  if (m.seq > last + 1 && t.messages.length > 0) return { timeline: t, gap: true };
  return { timeline: withNewer(t, [m], false), gap: false };
}

/** An edit or a tombstone; older revisions than the known one are ignored. */
export function withChanged(t: Timeline, m: Message): Timeline {
  const at = t.messages.findIndex((x) => x.id === m.id);
  const known = t.messages[at];
  if (!known || m.rev < known.rev) return t;
  return { ...t, messages: t.messages.with(at, m) };
}
