import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Voice } from './voice';

const TICK = 40;
/** When it was on, in ms, for loud and quiet stretches. */
function listen(stretches: readonly (readonly [loud: boolean, ms: number])[]): { on: number[]; ticks: { at: number; loud: boolean; on: boolean }[] } {
  const voice = new Voice();
  const ticks: { at: number; loud: boolean; on: boolean }[] = [];
  let at = 0;
  for (const [loud, ms] of stretches) for (const end = at + ms; at < end; at += TICK) ticks.push({ at, loud, on: voice.hear(at, loud) });
  return { on: ticks.filter((tick) => tick.on).map((tick) => tick.at), ticks };
}

it('is on within 80 to 100 ms of speech, and off 400 ms after it', () => {
  const { on } = listen([[true, 400], [false, 1_000]]);
  expect(on[0]).toBe(80);
  // The last loud moment was at 360.
  expect(on.at(-1)).toBe(360 + 360);
});

it('takes a click for nothing, and a pause between words for none', () => {
  expect(listen([[true, 80], [false, 1_000]]).on).toEqual([]);
  const { ticks } = listen([[true, 200], [false, 320], [true, 40], [false, 320], [true, 40]]);
  expect(ticks.slice(2).every((tick) => tick.on)).toBe(true);
});

it('is never on without 80 ms of speech before, nor off within 400 ms of it', () => {
  const stretch = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 800 }));
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 30 }), (stretches) => {
      const { ticks } = listen(stretches);
      ticks.forEach((tick, i) => {
        const before = ticks[i - 1];
        if (tick.on && !before?.on) expect(ticks.slice(i - 2, i + 1).map((one) => one.loud)).toEqual([true, true, true]);
        if (!tick.on && before?.on) expect(ticks.filter((one) => one.at > tick.at - 400 && one.at <= tick.at).some((one) => one.loud)).toBe(false);
      });
    }),
  );
});

it('is off at once when the microphone is muted', () => {
  const voice = new Voice();
  for (const at of [0, 40, 80]) voice.hear(at, true);
  voice.reset();
  expect(voice.hear(120, false)).toBe(false);
  expect(voice.hear(160, true)).toBe(false);
});
