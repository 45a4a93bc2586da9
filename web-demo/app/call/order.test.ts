import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEARD_MS, HOLE_MS, Order, SWAP_AFTER_MS, type Member } from './order';

const person = (n: number, part: Partial<Member> = {}): Member => ({ key: `p${n}`, participantId: `p${n}`, userId: `u${n}`, kind: 'person', hand: false, ...part });
const self: Member = person(0, { key: 'me', participantId: 'me', userId: 'ume', kind: 'self' });
const screen: Member = { ...person(1), key: 'p1/screen', kind: 'screen' };
const people = (n: number) => Array.from({ length: n }, (_, i) => person(i + 1));

/** A call of `n` others on pages of `size`, long enough ago that nobody is remembered. */
function call(n: number, size: number, members: readonly Member[] = [...people(n), self]) {
  const order = new Order();
  order.update(0, members);
  const look = () => order.show(new Set(order.list.slice(0, size)));
  look();
  return { order, look, members };
}
const changed = (a: readonly string[], b: readonly string[]) => a.filter((key, i) => b[i] !== key);

/** Who said something when, how the page looks, and who talks off the page. */
const scene = fc
  .record({ n: fc.integer({ min: 3, max: 40 }), size: fc.integer({ min: 1, max: 25 }), seed: fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 40, maxLength: 40 }) })
  .chain((one) =>
    fc.record({
      n: fc.constant(one.n),
      size: fc.constant(one.size),
      heard: fc.constant(one.seed),
      hands: fc.array(fc.integer({ min: 1, max: one.n }), { maxLength: 5 }),
      pinned: fc.option(fc.integer({ min: 1, max: one.n }), { nil: null }),
      speaker: fc.integer({ min: 1, max: one.n }),
    }),
  );

function play({ n, size, heard, hands, pinned, speaker }: { n: number; size: number; heard: number[]; hands: number[]; pinned: number | null; speaker: number }, held = false) {
  const members = [...people(n).map((one, i) => ({ ...one, hand: hands.includes(i + 1) })), self];
  const { order, look } = call(n, size, members);
  if (pinned !== null) order.pin(`p${pinned}`);
  look();
  const at = 60_000;
  members.forEach((one, i) => {
    if (one.kind !== 'person' || (heard[i] ?? 0) === 0) return;
    order.speaks(heard[i] ?? 0, one.participantId, true);
    order.speaks(heard[i] ?? 0, one.participantId, false);
  });
  const before = order.list;
  const visible = new Set(before.slice(0, size));
  order.hold(held);
  order.dominant(at, `p${speaker}`);
  order.speaks(at, `p${speaker}`, true);
  const early = order.poll(at + SWAP_AFTER_MS - 1);
  const moved = order.poll(at + SWAP_AFTER_MS);
  return { order, before, after: order.list, visible, early, moved, at: at + SWAP_AFTER_MS, members };
}

describe('order', () => {
  it('is pinned, screens, as they joined, me last', () => {
    const { order } = call(3, 25, [screen, ...people(3), self]);
    expect(order.list).toEqual(['p1/screen', 'p1', 'p2', 'p3', 'me']);
    order.pin('p2');
    expect(order.list).toEqual(['p2', 'p1/screen', 'p1', 'p3', 'me']);
    order.pin(null);
    expect(order.list).toEqual(['p1/screen', 'p1', 'p2', 'p3', 'me']);
  });

  it('lets nobody move because somebody on the page speaks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.array(fc.tuple(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 1, max: 9_000 })), { maxLength: 60 }), (n, turns) => {
        const { order } = call(n, n + 1);
        const before = order.list;
        let now = 0;
        for (const [who, ms] of turns) {
          const id = `p${1 + (who % n)}`;
          order.dominant(now, id);
          order.speaks(now, id, true);
          now += ms;
          order.poll(now);
          order.speaks(now, id, false);
        }
        expect(order.list).toEqual(before);
      }),
    );
  });

  it('changes exactly two tiles when it swaps: the speaker and one who may go', () => {
    let swaps = 0;
    fc.assert(
      fc.property(scene, (one) => {
        const { before, after, visible, early, moved, at, members } = play(one);
        expect(early).toBe(false);
        const speaker = `p${one.speaker}`;
        if (!moved) {
          expect(after).toEqual(before);
          return;
        }
        swaps++;
        expect(visible.has(speaker)).toBe(false);
        const both = changed(before, after);
        expect(both).toHaveLength(2);
        const gone = both.find((key) => key !== speaker) ?? '';
        expect(after.indexOf(speaker)).toBe(before.indexOf(gone));
        expect(after.indexOf(gone)).toBe(before.indexOf(speaker));
        expect(visible.has(gone)).toBe(true);
        const index = members.findIndex((m) => m.key === gone);
        expect(members[index]).toMatchObject({ kind: 'person', hand: false });
        expect(gone).not.toBe(`p${one.pinned}`);
        const heardAt = (i: number) => one.heard[i] || -Infinity;
        expect(at - heardAt(index)).toBeGreaterThanOrEqual(HEARD_MS);
        // Nobody on the page who might have gone was silent for longer.
        members.forEach((m, i) => {
          if (m.kind === 'person' && !m.hand && visible.has(m.key) && m.key !== `p${one.pinned}`) expect(heardAt(i)).toBeGreaterThanOrEqual(heardAt(index));
        });
      }),
      { numRuns: 500 },
    );
    expect(swaps).toBeGreaterThan(50);
  });

  it('swaps nobody while the pointer or the focus is on the stage, and makes up for it', () => {
    let late = 0;
    fc.assert(
      fc.property(scene, (one) => {
        const free = play(one);
        const { order, before, after, at } = play(one, true);
        expect(after).toEqual(before);
        expect(order.poll(at + 60_000)).toBe(false);
        order.hold(false);
        expect(order.poll(at)).toBe(free.moved);
        expect(order.list).toEqual(free.after);
        if (free.moved) late++;
      }),
    );
    expect(late).toBeGreaterThan(5);
  });

  it('swaps in only who still speaks, and not a second time', () => {
    const { order } = call(6, 3);
    order.dominant(30_000, 'p6');
    expect(order.poll(40_000)).toBe(false);
    order.speaks(40_000, 'p6', true);
    expect(order.nextTimeout()).toBeLessThanOrEqual(40_000);
    expect(order.poll(40_000)).toBe(true);
    expect(order.list).toEqual(['p1', 'p2', 'p6', 'p4', 'p5', 'p3', 'me']);
    expect(order.poll(50_000)).toBe(false);
    expect(order.nextTimeout()).toBeNull();
  });

  it('waits until somebody on the page has been silent for long enough', () => {
    const { order } = call(3, 1);
    order.speaks(10_000, 'p1', false);
    order.dominant(12_000, 'p3');
    order.speaks(12_000, 'p3', true);
    expect(order.poll(20_000)).toBe(false);
    expect(order.nextTimeout()).toBe(10_000 + HEARD_MS);
    expect(order.poll(10_000 + HEARD_MS)).toBe(true);
    expect(order.list[0]).toBe('p3');
  });

  it('keeps the seat of who left for a moment, and then only the last one moves', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(), (n, who) => {
        const { order } = call(n, 25);
        const before = order.list;
        const gone = `p${1 + (who % n)}`;
        order.update(1_000, [...people(n).filter((one) => one.key !== gone), self]);
        expect(order.poll(1_000 + HOLE_MS - 1)).toBe(false);
        expect(order.list).toEqual(before);
        expect(order.nextTimeout()).toBe(1_000 + HOLE_MS);
        expect(order.poll(1_000 + HOLE_MS)).toBe(true);
        const expected = before.filter((key) => key !== 'me');
        const last = expected.pop() ?? '';
        if (last !== gone) expected[expected.indexOf(gone)] = last;
        expect(order.list).toEqual([...expected, 'me']);
      }),
    );
  });

  it('fills several empty seats and loses nobody', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.array(fc.nat(), { maxLength: 30 }), (n, leavers) => {
        const { order } = call(n, 25);
        const gone = new Set(leavers.map((who) => `p${1 + (who % n)}`));
        const stay = people(n).filter((one) => !gone.has(one.key));
        order.update(1_000, [...stay, self]);
        order.poll(1_000 + HOLE_MS);
        expect([...order.list].sort()).toEqual([...stay.map((one) => one.key), 'me'].sort());
        expect(order.list.at(-1)).toBe('me');
      }),
    );
  });

  it('gives the same seat to who comes back with a new connection', () => {
    const { order } = call(3, 25);
    order.update(1_000, [person(1), person(3), self]);
    order.update(1_500, [person(1), person(3), person(2, { key: 'again', participantId: 'again' }), self]);
    expect(order.list).toEqual(['p1', 'again', 'p3', 'me']);
    expect(order.poll(9_000)).toBe(false);
  });
});

describe('order in the speaker view', () => {
  const strip = (order: Order, mains: string[]) => order.list.filter((key) => !mains.includes(key));

  it('lets the strip stand still while the large one changes, and the grid finds its seats again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), (n, turns) => {
        const { order } = call(n, 25);
        const grid = order.list;
        let main = 'p1';
        order.lead([main]);
        for (const turn of turns) {
          const next = `p${1 + (turn % n)}`;
          const before = strip(order, [main]);
          order.lead([next]);
          const after = strip(order, [next]);
          // The one who was large sits where the one who is large sat.
          expect(after).toEqual(before.map((key) => (key === next ? main : key)));
          main = next;
        }
        order.lead([]);
        expect(order.list).toEqual(grid);
      }),
    );
  });

  it('moves one into the seat of the second large one', () => {
    const { order } = call(5, 25);
    order.lead(['p1']);
    order.lead(['p1', 'p3']);
    expect(strip(order, ['p1', 'p3'])).toEqual(['p2', 'p5', 'p4', 'me']);
    order.lead(['p3']);
    expect(strip(order, ['p3'])).toEqual(['p2', 'p1', 'p4', 'p5', 'me']);
  });

  it('never swaps away a large one', () => {
    const { order } = call(4, 25);
    order.lead(['p1']);
    order.show(new Set(['p1', 'p2']));
    order.speaks(1_000, 'p2', false);
    order.dominant(30_000, 'p4');
    order.speaks(30_000, 'p4', true);
    expect(order.poll(40_000)).toBe(true);
    expect(order.list.slice(0, 2)).toEqual(['p1', 'p4']);
  });
});
