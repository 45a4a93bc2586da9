/** Turns a flat list of messages into what a reader sees: days, runs of one author, the "New" line. Pure. */
import type { Message } from '../../sdk/index';
import { dayKey } from '../format';

export type Row =
  | { type: 'day'; key: string; at: string }
  | { type: 'new'; key: string }
  | { type: 'message'; key: string; message: Message; head: boolean };

/** Messages of one author within this time share a heading. */
const RUN_MS = 5 * 60_000;

export function toRows(messages: readonly Message[], newAfterSeq: number | null, me: string): Row[] {
  const rows: Row[] = [];
  let before: Message | null = null;
  let lined = false;
  for (const message of messages) {
    const newDay = !before || dayKey(before.createdAt) !== dayKey(message.createdAt);
    if (newDay) rows.push({ type: 'day', key: `day-${dayKey(message.createdAt)}`, at: message.createdAt });
    const line = newAfterSeq !== null && !lined && message.seq > newAfterSeq && message.authorId !== me && message.type !== 'system';
    if (line) {
      lined = true;
      rows.push({ type: 'new', key: 'new' });
    }
    const head =
      newDay ||
      line ||
      !before ||
      before.authorId !== message.authorId ||
      before.type !== message.type ||
      Date.parse(message.createdAt) - Date.parse(before.createdAt) > RUN_MS;
    rows.push({ type: 'message', key: message.id, message, head });
    before = message;
  }
  return rows;
}

export type Part = { type: 'text'; text: string } | { type: 'link'; text: string; href: string };

const CANDIDATE = /\bhttps?:\/\/[^\s<>"]+/gi;
const TRAILING = /[),.;:!?\]'"]+$/;

/** Splits a text at its web addresses. Only http and https become links. */
export function linkify(text: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const raw = match[0].replace(TRAILING, '');
    if (!URL.canParse(raw)) continue;
    const { protocol, href } = new URL(raw);
    if (protocol !== 'http:' && protocol !== 'https:') continue;
    if (match.index > at) parts.push({ type: 'text', text: text.slice(at, match.index) });
    parts.push({ type: 'link', text: raw, href });
    at = match.index + raw.length;
  }
  if (at < text.length) parts.push({ type: 'text', text: text.slice(at) });
  return parts;
}
