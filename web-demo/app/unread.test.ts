import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { step, unreadMark } from './unread';

const NOW = Date.parse('2026-05-12T10:00:00Z');
const mark = (over: Partial<Parameters<typeof unreadMark>[0]>) => unreadMark({ kind: 'group', unread: 0, mentions: 0, notify: 'all', mutedUntil: '', ...over }, NOW);

describe('marks of a conversation', () => {
  it('bold is unread, the number is what is for me', () => {
    expect(mark({})).toEqual({ bold: false, count: 0 });
    expect(mark({ unread: 5 })).toEqual({ bold: true, count: 0 });
    expect(mark({ unread: 5, mentions: 2 })).toEqual({ bold: true, count: 2 });
    expect(mark({ kind: 'dm', unread: 5 })).toEqual({ bold: true, count: 5 });
    expect(mark({ kind: 'dm', unread: 100 })).toEqual({ bold: true, count: 99 });
  });
  it('what is muted has neither, except where I am mentioned', () => {
    for (const muted of [{ notify: 'none' as const }, { mutedUntil: '2026-05-12T11:00:00Z' }]) {
      expect(mark({ unread: 5, ...muted })).toEqual({ bold: false, count: 0 });
      expect(mark({ kind: 'dm', unread: 5, ...muted })).toEqual({ bold: false, count: 0 });
      expect(mark({ unread: 5, mentions: 1, ...muted })).toEqual({ bold: true, count: 1 });
    }
    expect(mark({ unread: 5, mutedUntil: '2026-05-12T09:00:00Z' }).bold).toBe(true);
  });
});

describe('the next one', () => {
  it('goes round both ways and from outside of the list', () => {
    expect([step('abc'.split(''), 0, 1), step('abc'.split(''), 0, -1), step('abc'.split(''), -1, 1), step('abc'.split(''), -1, -1)]).toEqual(['b', 'c', 'a', 'c']);
    expect(step(['a'], 0, 1)).toBe(undefined);
    expect(step([], -1, 1)).toBe(undefined);
  });
  it('visits each of those wanted once before it comes back', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 20 }), fc.constantFrom(1 as const, -1 as const), (wanted, by) => {
        const list = wanted.map((_, i) => i);
        const seen = new Set<number>();
        for (let at = -1; ; ) {
          const next = step(list, at, by, (i) => wanted[i] === true && !seen.has(i));
          if (next === undefined) break;
          seen.add((at = next));
        }
        expect(seen.size).toBe(wanted.filter(Boolean).length);
      }),
    );
  });
});
