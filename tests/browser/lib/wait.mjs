// The only place where a browser test lets time pass.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';

const STEP_MS = 50;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks again until `look` returns something truthy; throws with `what` and the last look at the deadline. */
export async function until(what, ms, look) {
  const end = performance.now() + ms;
  let last;
  for (;;) {
    try {
      last = await look();
      if (last) return last;
    } catch (error) {
      // A page that is navigating has nothing to look at yet.
      last = error;
    }
    if (performance.now() >= end) {
      const seen = last instanceof Error ? last.stack : JSON.stringify(last);
      throw new Error(`not within ${ms} ms: ${what}; last seen: ${seen}`);
    }
    await pause(STEP_MS);
  }
}

/** Looks again until `look` returns what equals `wanted`; at the deadline both are told. */
export async function untilEqual(what, ms, look, wanted) {
  let last;
  try {
    await until(what, ms, async () => isDeepStrictEqual((last = await look()), wanted));
  } catch {
    assert.deepEqual(last, wanted, `not within ${ms} ms: ${what}`);
  }
}

/** A measuring window: what is measured is a difference over time, so time has to pass. */
export async function measureFor(ms, sample, step = 500) {
  const samples = [];
  const end = performance.now() + ms;
  for (;;) {
    samples.push(await sample());
    const left = end - performance.now();
    if (left <= 0) return samples;
    await pause(Math.min(left, step));
  }
}
