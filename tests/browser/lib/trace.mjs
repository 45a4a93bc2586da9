// What a page's main thread did, from the browser's own trace. In CPU time: a machine that is busy with other things
// makes every task longer by the clock, and says nothing about the page.

const SCRIPT = new Set(['FunctionCall', 'EvaluateScript', 'RunMicrotasks', 'v8.callFunction']);
const TASK = 'ThreadControllerImpl::RunTask';

/** Runs `during` and sums up: frames, script in ms, and the longest task. */
export async function traced(page, during) {
  await page.evaluate(() => {
    window.__frames = 0;
    const count = () => (window.__frames++, requestAnimationFrame(count));
    requestAnimationFrame(count);
  });
  await page.tracing.start({ categories: ['toplevel', 'devtools.timeline', 'v8'] });
  const started = performance.now();
  await during();
  const seconds = (performance.now() - started) / 1_000;
  const frames = await page.evaluate(() => window.__frames);
  const { traceEvents } = JSON.parse(new TextDecoder().decode(await page.tracing.stop()));
  const thread = (event) => `${event.pid}/${event.tid}`;
  const complete = traceEvents.filter((event) => event.ph === 'X');
  const counts = new Map();
  for (const event of complete) if (event.name === 'FireAnimationFrame') counts.set(thread(event), (counts.get(thread(event)) ?? 0) + 1);
  const [main] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? [];
  const events = complete.filter((event) => thread(event) === main).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  if (events.length === 0 || events.every((event) => event.tdur === undefined)) throw new Error('the trace tells nothing of the main thread');
  let script = 0;
  let end = -Infinity;
  const longest = { cpu: 0, wall: 0 };
  for (const { name, ts, dur, tdur = 0 } of events) {
    if (name === TASK) {
      longest.cpu = Math.max(longest.cpu, tdur / 1_000);
      longest.wall = Math.max(longest.wall, dur / 1_000);
    }
    // The outermost only: calls inside of calls are counted with them.
    if (!SCRIPT.has(name) || ts < end) continue;
    end = ts + dur;
    script += tdur / 1_000;
  }
  return { seconds, frames, script, longest };
}
