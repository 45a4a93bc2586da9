import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnnouncerQueue, GAP_MS } from './queue';

const make = () =>
  new AnnouncerQueue({
    messages: (n, where) => `${n} new messages in ${where}`,
    reactions: (n, emoji) => `${n} reactions ${emoji.join('')}`,
    rung: (names, state) => `${names.join(', ')}: ${state}`,
    rungMany: (n, state) => `${n} people: ${state}`,
  });

/** Everything that is said until nothing waits any more, with when. */
function listen(queue: AnnouncerQueue, from: number, until = Infinity): [number, string][] {
  const heard: [number, string][] = [];
  for (let at: number | null = from; at !== null && at < until; ) {
    const said = queue.next(at);
    if (said.polite !== null) heard.push([at, said.polite]);
    at = said.at;
  }
  return heard;
}

describe('the announcer', () => {
  it('says one thing after the other, with a pause', () => {
    const queue = make();
    for (const text of ['a', 'b', 'c']) queue.say(text);
    expect(listen(queue, 0)).toEqual([[0, 'a'], [GAP_MS, 'b'], [2 * GAP_MS, 'c']]);
  });

  it('keeps the newest when there is too much', () => {
    const queue = make();
    for (let i = 0; i < 9; i++) queue.say(String(i));
    expect(listen(queue, 0).map(([, text]) => text)).toEqual(['4', '5', '6', '7', '8']);
  });

  it('tells together what becomes of those who are rung, and only what is still so', () => {
    const queue = make();
    for (let i = 0; i < 9; i++) queue.ring(`u${i}`, `Person ${i}`, i < 4 ? 'Notified' : 'Ringing', i * 50);
    queue.ring('u4', 'Person 4', 'Declined', 500);
    queue.forgetRing('u8');
    // What somebody does has its word at once, however many are rung.
    queue.say('Person 1 is pinned');
    expect(listen(queue, 500)).toEqual([
      [500, 'Person 1 is pinned'],
      [1_500, '4 people: Notified'],
      [1_500 + GAP_MS, 'Person 4: Declined'],
      [1_500 + 2 * GAP_MS, 'Person 5, Person 6, Person 7: Ringing'],
    ]);
    queue.ring('u1', 'Person 1', 'No answer', 10_000);
    queue.ring('u2', 'Person 1', 'No answer', 10_100);
    expect(listen(queue, 10_100).map(([, text]) => text)).toEqual(['Person 1, Person 1: No answer']);
  });

  it('says up to three messages in five seconds, and sums up more', () => {
    const few = make();
    for (const at of [0, 2_000, 4_000]) few.message('c', 'design', `m${at}`, at);
    expect(listen(few, 4_000).map(([, text]) => text)).toEqual(['m0', 'm2000', 'm4000']);

    const many = make();
    for (let i = 0; i < 8; i++) many.message('c', 'design', `m${i}`, i * 100);
    expect(listen(many, 700)).toEqual([[5_000, '8 new messages in design']]);
  });

  it('counts in the sum only what was not said, and begins anew after it', () => {
    const queue = make();
    queue.message('c', 'design', 'first', 0);
    expect(listen(queue, 0)).toEqual([[0, 'first']]);
    for (const at of [1_000, 1_100, 1_200, 1_300]) queue.message('c', 'design', `m${at}`, at);
    expect(listen(queue, 1_300)).toEqual([[5_000, '4 new messages in design']]);
    queue.message('c', 'design', 'later', 20_000);
    expect(listen(queue, 20_000)).toEqual([[20_000, 'later']]);
  });

  it('sums up each conversation for itself', () => {
    const queue = make();
    for (let i = 0; i < 5; i++) queue.message('c', 'design', 'x', 0);
    queue.message('d', 'Bo', 'hello', 0);
    expect(listen(queue, 0).map(([, text]) => text)).toEqual(['hello', '5 new messages in design']);
  });

  it('puts reactions of three seconds together', () => {
    const queue = make();
    queue.reaction('Bo reacted 👍', '👍', 0);
    expect(listen(queue, 0)).toEqual([[3_000, 'Bo reacted 👍']]);
    for (const emoji of ['👍', '🎉', '👍']) queue.reaction('x', emoji, 10_000);
    expect(listen(queue, 10_000)).toEqual([[13_000, '3 reactions 👍🎉']]);
  });

  it('is silent about who comes and goes among more than eight, and says one in three seconds', () => {
    const queue = make();
    queue.presence('Ana came', 9, 0);
    queue.presence('Bo came', 8, 0);
    queue.presence('Cy came', 8, 2_999);
    queue.presence('Di came', 8, 3_000);
    expect(listen(queue, 3_000).map(([, text]) => text)).toEqual(['Bo came', 'Di came']);
  });

  it('interrupts at once, whatever waits', () => {
    const queue = make();
    queue.say('a');
    queue.next(0);
    queue.say('b');
    queue.interrupt('muted', 'You were muted');
    expect(queue.next(1)).toMatchObject({ polite: null, assertive: 'You were muted' });
    expect(queue.next(2).assertive).toBe(null);
  });

  it('never talks faster than the pause, loses no message, and always comes to an end', () => {
    const event = fc.record({ wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 4_000 })), kind: fc.constantFrom('message', 'reaction', 'say'), place: fc.constantFrom('c', 'd', 'e', 'f') });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const queue = make();
        const heard: [number, string][] = [];
        let now = 0;
        let messages = 0;
        for (const one of events) {
          const then = now + one.wait;
          heard.push(...listen(queue, now, then));
          now = then;
          if (one.kind === 'message') {
            messages++;
            queue.message(one.place, one.place, 'message', now);
          } else if (one.kind === 'reaction') queue.reaction('r', '👍', now);
          else queue.say('s');
        }
        heard.push(...listen(queue, now));
        for (let i = 1; i < heard.length; i++) expect((heard[i]?.[0] ?? 0) - (heard[i - 1]?.[0] ?? 0)).toBeGreaterThanOrEqual(GAP_MS);
        const told = heard.reduce((sum, [, text]) => sum + (text === 'message' ? 1 : Number(/^(\d+) new/.exec(text)?.[1] ?? 0)), 0);
        expect(told).toBe(messages);
      }),
      { numRuns: 1_000 },
    );
  });
});
