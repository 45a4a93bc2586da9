import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOST_ROWS, shown } from './window';

describe('rows that are there', () => {
  it('are those in view and some beyond, never too many', () => {
    expect(shown(100, 130, 400, [])).toEqual({ first: 90, last: 140, pinned: [] });
    expect(shown(0, 5, 6, [])).toEqual({ first: 0, last: 5, pinned: [] });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 399 }), fc.integer({ min: 0, max: 80 }), fc.array(fc.integer({ min: -1, max: 420 }), { maxLength: 3 }), (start, more, pins) => {
        const end = Math.min(399, start + more);
        const { first, last, pinned } = shown(start, end, 400, pins);
        expect(first).toBeLessThanOrEqual(start);
        expect(last).toBeGreaterThanOrEqual(end);
        expect(last - first + 1).toBeLessThanOrEqual(Math.max(MOST_ROWS, end - start + 1));
        for (const pin of pins) if (pin >= 0 && pin < 400) expect(pinned.includes(pin) || (pin >= first && pin <= last)).toBe(true);
        expect(new Set(pinned).size).toBe(pinned.length);
      }),
    );
  });
});
