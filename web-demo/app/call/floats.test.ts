import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AT_ONCE, Floats, SHOWN_MS } from './floats';

describe('reactions that float', () => {
  it('shows six, counts the rest, and forgets both', () => {
    const floats = new Floats();
    for (let i = 0; i < 10; i++) floats.add(i, `u${i}`, '👏', 2);
    expect([floats.shown.length, floats.more]).toEqual([AT_ONCE, 8]);
    floats.poll(SHOWN_MS);
    expect([floats.shown.length, floats.more]).toEqual([AT_ONCE - 1, 8]);
    floats.poll(SHOWN_MS + 6);
    expect([floats.shown.length, floats.more]).toEqual([0, 6]);
    floats.poll(SHOWN_MS + 9);
    expect([floats.more, floats.nextTimeout()]).toEqual([0, null]);
  });
  it('never shows more, loses none and is over in the end', () => {
    const row = fc.record({ wait: fc.nat(900), count: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 200 }), (rows) => {
        const floats = new Floats();
        let now = 0;
        for (const { wait, count } of rows) {
          now += wait;
          floats.poll(now);
          const before = floats.shown.reduce((sum, one) => sum + one.count, 0) + floats.more;
          floats.add(now, 'u', '🎉', count);
          expect(floats.shown.length).toBeLessThanOrEqual(AT_ONCE);
          expect(floats.shown.reduce((sum, one) => sum + one.count, 0) + floats.more).toBe(before + count);
          expect(new Set(floats.shown.map((one) => one.id)).size).toBe(floats.shown.length);
        }
        floats.poll(now + SHOWN_MS);
        expect([floats.shown.length, floats.more]).toEqual([0, 0]);
      }),
    );
  });
  it('stays the same list while nothing changes, so that nothing is rendered', () => {
    const floats = new Floats();
    floats.add(0, 'u', '👍', 1);
    const before = floats.shown;
    floats.poll(10);
    expect(floats.shown).toBe(before);
  });
});
