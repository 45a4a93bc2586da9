import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { look, READ_AFTER_MS, type Looking, type Reading } from './reading';

const at = (bottom: number, more: Partial<Looking> = {}): Looking => ({ visible: true, focused: true, bottom, readSeq: 4, ...more });

describe('what counts as read', () => {
  it('is what was at the bottom for a second', () => {
    const first = look(null, at(7), 1_000);
    expect(first).toEqual({ reading: { seq: 7, since: 1_000 }, upTo: 0, wakeInMs: READ_AFTER_MS });
    expect(look(first.reading, at(7), 1_999).upTo).toBe(0);
    expect(look(first.reading, at(7), 2_000)).toEqual({ reading: null, upTo: 7, wakeInMs: null });
  });

  it('is nothing while the tab is hidden, another window has the focus, or the end is out of view', () => {
    for (const away of [at(7, { visible: false }), at(7, { focused: false }), at(0)]) {
      expect(look({ seq: 7, since: 0 }, away, 5_000)).toEqual({ reading: null, upTo: 0, wakeInMs: null });
    }
  });

  it('begins again after a look away', () => {
    const { reading } = look(null, at(7), 0);
    const away = look(reading, at(7, { focused: false }), 500);
    const back = look(away.reading, at(7), 900);
    expect([back.upTo, back.wakeInMs]).toEqual([0, READ_AFTER_MS]);
  });

  it('gives what comes later its own second, and does not wait for silence', () => {
    const { reading } = look(null, at(7), 0);
    const more = look(reading, at(9), 600);
    expect(more.wakeInMs).toBe(400);
    expect(look(more.reading, at(9), 1_000)).toEqual({ reading: { seq: 9, since: 1_000 }, upTo: 7, wakeInMs: READ_AFTER_MS });
  });

  it('says nothing of what is read already', () => {
    expect(look(null, at(4), 0).reading).toBe(null);
    expect(look({ seq: 7, since: 0 }, at(7, { readSeq: 7 }), 5_000).upTo).toBe(0);
  });

  it('never goes back and never goes past what was shown, whatever happens', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 3_000 }), more: fc.integer({ min: 0, max: 3 }), looks: fc.boolean(), end: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let [now, last, readSeq] = [0, 5, 0];
        let shownLongEnough = 0;
        let since = 0;
        let reading: Reading | null = null;
        for (const one of steps) {
          // Time passes first, under the facts of before.
          now += one.wait;
          last += one.more;
          const bottom = one.looks && one.end ? last : 0;
          const verdict = look(reading, { visible: one.looks, focused: true, bottom, readSeq }, now);
          if (bottom === 0) since = now;
          shownLongEnough = bottom > 0 && now - since >= READ_AFTER_MS ? last : shownLongEnough;
          if (verdict.upTo > 0) {
            expect(verdict.upTo).toBeGreaterThan(readSeq);
            expect(verdict.upTo).toBeLessThanOrEqual(last);
            expect(shownLongEnough).toBeGreaterThan(0);
            readSeq = verdict.upTo;
          }
          reading = verdict.reading;
        }
      }),
    );
  });
});
