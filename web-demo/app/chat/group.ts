/** Turns a flat list of messages into what a reader sees: days, runs of one author, the "New" line. Pure. */
import type { Message } from '../../sdk/index';
import { dayKey } from '../format';

/** A message with what stands above it. What a row looks like depends on the message before it and on nothing else. */
export interface Row {
  key: string;
  message: Message;
  /** Begins a run of its author. */
  head: boolean;
  /** Begins a day. */
  day: boolean;
  /** Below the "New" line. */
  line: boolean;
}

/** Messages of one author within this time share a heading. */
const RUN_MS = 5 * 60_000;

/**
 * While there are older messages, the first one is not shown: what stands above it is not known yet, and its row would
 * change its height under the reader when they come. `root`: what the messages answer, which stands above them.
 */
export function toRows(messages: readonly Message[], newAfterSeq: number | null, me: string, { hasMoreBefore = false, root }: { hasMoreBefore?: boolean; root?: Message | undefined } = {}): Row[] {
  const rows: Row[] = [];
  let before: Message | null = null;
  let today = root && dayKey(root.createdAt);
  // The line is further up.
  let lined = newAfterSeq === null || (hasMoreBefore && (messages[0]?.seq ?? 0) > newAfterSeq);
  for (const message of messages) {
    const line = !lined && message.seq > (newAfterSeq ?? 0) && message.authorId !== me && message.type !== 'system';
    if (line) lined = true;
    const day = today !== dayKey(message.createdAt);
    today = dayKey(message.createdAt);
    const head =
      day ||
      line ||
      !before ||
      before.authorId !== message.authorId ||
      before.type !== message.type ||
      Date.parse(message.createdAt) - Date.parse(before.createdAt) > RUN_MS;
    if (before || !hasMoreBefore) rows.push({ key: message.id, message, head, day, line });
    before = message;
  }
  return rows;
}

const LINE_PX = 22;
const ROW_PX = 4;
const HEAD_PX = 36;
const DIVIDER_PX = 40;
/** What fits on a line of a column of usual width. */
const CHARS = 90;

/** About how high a row will be, before it was seen. */
export function estimate(row: Row): number {
  const lines = row.message.content.split('\n').reduce((sum, text) => sum + Math.max(1, Math.ceil(text.length / CHARS)), 0);
  return ROW_PX + lines * LINE_PX + (row.head ? HEAD_PX : 0) + (row.day ? DIVIDER_PX : 0) + (row.line ? DIVIDER_PX : 0);
}
