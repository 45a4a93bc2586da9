import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ComingLines, MOST_PEOPLE } from './coming-lines';

test('the first is told at once, the next ones together after three seconds', () => {
  const lines = new ComingLines();
  lines.note(2, 'Ana', true);
  expect(lines.next(0)).toEqual({ came: ['Ana'], went: [] });
  lines.note(3, 'Bo', true);
  lines.note(4, 'Cy', true);
  lines.note(3, 'Ana', false);
  expect([lines.next(2_999), lines.dueAt()]).toEqual([null, 3_000]);
  expect(lines.next(3_000)).toEqual({ came: ['Bo', 'Cy'], went: ['Ana'] });
  expect([lines.next(9_000), lines.dueAt()]).toEqual([null, null]);
});

test('in a large call nothing is told, nor what was waiting', () => {
  const lines = new ComingLines();
  lines.note(2, 'Ana', true);
  lines.next(0);
  lines.note(MOST_PEOPLE, 'Bo', true);
  lines.note(MOST_PEOPLE + 1, 'Cy', true);
  expect(lines.next(10_000)).toBe(null);
});

test('who was away for a moment is not worth a word', () => {
  const lines = new ComingLines();
  lines.note(2, 'Ana', false);
  lines.note(3, 'Ana', true);
  expect(lines.next(0)).toBe(null);
});

test('never more than one in three seconds, and never more names than people', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(900), fc.nat(30), fc.boolean()), { maxLength: 100 }), (events) => {
      const lines = new ComingLines();
      let [now, last] = [0, -Infinity];
      for (const [wait, who, came] of events) {
        now += wait;
        lines.note(5, `p${who}`, came);
        const told = lines.next(now);
        if (!told) continue;
        expect(now - last).toBeGreaterThanOrEqual(3_000);
        expect(told.came.length).toBeLessThanOrEqual(MOST_PEOPLE);
        expect(told.went.length).toBeLessThanOrEqual(MOST_PEOPLE);
        expect(told.came.filter((name) => told.went.includes(name))).toEqual([]);
        last = now;
      }
    }),
  );
});
