import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../sdk/index';
import { estimate, toRows } from './group';

const at = (minutes: number) => new Date(Date.parse('2026-05-12T10:00:00') + minutes * 60_000).toISOString();
const message = (seq: number, authorId: string, minutes: number): Message => ({
  id: `m${seq}`, channelId: 'c', threadId: '', thread: null, seq, rev: seq, type: 'text', authorId, authorName: authorId, nonce: '', content: `text ${seq}`,
  createdAt: at(minutes), editedAt: '', callId: '', call: null, system: null, deleted: false, reactions: [], pinnedAt: '', pinnedBy: '',
});

describe('toRows', () => {
  it('heads a run of one author once, and again after a pause', () => {
    const rows = toRows([message(1, 'a', 0), message(2, 'a', 1), message(3, 'b', 2), message(4, 'b', 30)], null, 'me');
    expect(rows.map((r) => r.head)).toEqual([true, false, true, true]);
  });
  it('divides days', () => {
    const rows = toRows([message(1, 'a', 0), message(2, 'a', 1), message(3, 'a', 24 * 60)], null, 'me');
    expect(rows.map((r) => r.day)).toEqual([true, false, true]);
  });
  it('begins a thread with the day of its root, which stands above it', () => {
    const answers = [message(2, 'a', 1), message(3, 'a', 24 * 60)];
    expect(toRows(answers, null, 'me', { root: message(1, 'b', 0) }).map((r) => [r.day, r.head])).toEqual([[false, true], [true, true]]);
    expect(toRows(answers.slice(1), null, 'me', { root: message(1, 'b', 0) }).map((r) => r.day)).toEqual([true]);
  });
  it('draws one line above the first unread message of somebody else', () => {
    const rows = toRows([message(1, 'a', 0), message(2, 'me', 1), message(3, 'a', 2), message(4, 'a', 3)], 1, 'me');
    expect(rows.map((r) => r.line)).toEqual([false, false, true, false]);
  });
  it('draws no line when everything was read, nor where it would be further up', () => {
    expect(toRows([message(1, 'a', 0)], null, 'me').some((r) => r.line)).toBe(false);
    expect(toRows([message(5, 'a', 0), message(6, 'a', 1)], 2, 'me', { hasMoreBefore: true }).some((r) => r.line)).toBe(false);
  });
  it('never changes a row that is shown when older messages come above it', () => {
    const author = fc.constantFrom('a', 'b', 'me');
    const gap = fc.constantFrom(0, 1, 4, 7, 600, 24 * 60);
    fc.assert(
      fc.property(fc.array(fc.tuple(author, gap), { minLength: 2, maxLength: 40 }), fc.nat(), fc.option(fc.integer({ min: 0, max: 40 })), (list, cut, newAfter) => {
        let minutes = 0;
        const all = list.map(([who, wait], i) => message(i + 1, who, (minutes += wait)));
        const from = 1 + (cut % (all.length - 1));
        const shown = toRows(all.slice(from), newAfter, 'me', { hasMoreBefore: true });
        const later = new Map(toRows(all, newAfter, 'me').map((row) => [row.key, row]));
        for (const row of shown) {
          const { head, day } = later.get(row.key) ?? {};
          expect({ head, day }).toEqual({ head: row.head || later.get(row.key)?.line === true, day: row.day });
          expect(estimate(row)).toBeGreaterThan(0);
        }
      }),
    );
  });
});
