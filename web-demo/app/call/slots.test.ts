import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Slots } from './slots';

it('keeps the element of who stays, and needs no more elements than were ever on one page', () => {
  const pages = fc.array(fc.uniqueArray(fc.constantFrom(...'abcdefghij'), { maxLength: 6 }), { maxLength: 20 });
  fc.assert(
    fc.property(pages, (all) => {
      const slots = new Slots();
      let before = new Map<string, number>();
      let most = 0;
      for (const keys of all) {
        const now = slots.assign(keys);
        most = Math.max(most, keys.length);
        expect(now.map((one) => one.key).sort()).toEqual([...keys].sort());
        expect(new Set(now.map((one) => one.slot)).size).toBe(keys.length);
        for (const { key, slot } of now) {
          if (before.has(key)) expect(slot).toBe(before.get(key));
          expect(slot).toBeLessThan(most);
        }
        before = new Map(now.map(({ key, slot }) => [key, slot]));
      }
    }),
  );
});

it('gives the element of who goes to who comes', () => {
  const slots = new Slots();
  slots.assign(['a', 'b', 'c']);
  expect(slots.assign(['a', 'd', 'c'])).toEqual([{ slot: 0, key: 'a' }, { slot: 1, key: 'd' }, { slot: 2, key: 'c' }]);
});
