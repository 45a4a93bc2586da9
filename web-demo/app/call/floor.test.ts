import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALONE_MS, ENTER_MS, Floor, HOLD_MS } from './floor';

/** Tells of holders and lets the time pass; everything that was shown, with when. */
function watch(turns: readonly (readonly [at: number, id: string | null])[], until: number) {
  const floor = new Floor();
  const shown: { at: number; speakers: string }[] = [];
  const run = (to: number) => {
    for (let next = floor.nextTimeout(); next !== null && next <= to; next = floor.nextTimeout()) {
      if (!floor.poll(next)) throw new Error(`nothing was due at ${next}`);
      shown.push({ at: next, speakers: floor.speakers.join('|') });
    }
  };
  for (const [at, id] of turns) {
    run(at);
    floor.told(at, id);
  }
  run(until);
  return { floor, shown };
}

describe('floor', () => {
  it('shows who has the floor after a moment, and not who only coughed', () => {
    expect(watch([[0, 'bo']], 1_000).shown).toEqual([{ at: ENTER_MS, speakers: 'bo' }]);
    expect(watch([[0, 'bo'], [5_000, 'cy'], [5_050, 'bo']], 20_000).shown).toEqual([{ at: ENTER_MS, speakers: 'bo' }]);
  });

  it('keeps everybody for two seconds, whatever is told', () => {
    const told = fc.array(fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom('a', 'b', 'c', null)), { maxLength: 40 });
    fc.assert(
      fc.property(told, (steps) => {
        let now = 0;
        const { shown } = watch(steps.map(([ms, id]) => [(now += ms), id] as const), now + 60_000);
        shown.forEach(({ at }, i) => i > 0 && expect(at - (shown[i - 1]?.at ?? 0)).toBeGreaterThanOrEqual(HOLD_MS));
      }),
    );
  });

  it('keeps the last one while I speak', () => {
    const { floor } = watch([[0, 'bo'], [5_000, null]], 60_000);
    expect(floor.speakers).toEqual(['bo']);
  });

  it('shows both who alternate, in places that do not change, until a third has the floor', () => {
    const { shown } = watch([[0, 'bo'], [10_000, 'cy'], [13_000, 'bo'], [16_000, 'cy'], [19_000, 'di']], 20_000);
    expect(shown.map((one) => one.speakers)).toEqual(['bo', 'cy', 'cy|bo', 'cy|bo', 'di']);
  });

  it('shows one alone again who goes on talking', () => {
    const { shown } = watch([[0, 'bo'], [10_000, 'cy'], [13_000, 'bo']], 60_000);
    expect(shown.at(-1)).toEqual({ at: 13_000 + ENTER_MS + ALONE_MS, speakers: 'bo' });
  });

  it('takes an answer after a long time for no conversation of two', () => {
    const { shown } = watch([[0, 'bo'], [10_000, 'cy'], [20_000, 'bo']], 60_000);
    expect(shown.map((one) => one.speakers)).toEqual(['bo', 'cy', 'bo']);
  });

  it('forgets who left', () => {
    const { floor } = watch([[0, 'bo'], [10_000, 'cy'], [13_000, 'bo']], 14_000);
    floor.forget('cy');
    expect(floor.speakers).toEqual(['bo']);
    floor.forget('bo');
    expect(floor.speakers).toEqual([]);
    expect(floor.nextTimeout()).toBeNull();
  });
});
