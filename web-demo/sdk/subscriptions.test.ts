import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bucketFor, layerOf, neededHeight, Subscriptions, type Look, type Wish } from './subscriptions';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const make = () => {
  const sent: Wish[][] = [];
  let up = true;
  const subscriptions = new Subscriptions((wishes) => up && sent.push(wishes) > 0);
  const show = (id: string, height: number, look: Partial<Look> = {}) => subscriptions.show(id, { height, priority: 0, ...look });
  /** The layers of the newest message, by track. */
  const last = () => Object.fromEntries((sent.at(-1) ?? []).map((wish) => [wish.trackId, wish.layer]));
  return { subscriptions, sent, show, last, setUp: (v: boolean) => (up = v) };
};

describe('sizes', () => {
  it('takes the smallest bucket that holds the height', () => {
    expect([0, 120, 180, 300, 720, 900, 4_000].map((h) => bucketFor(h, 0))).toEqual([0, 180, 180, 360, 720, 1080, 1080]);
    expect([0, 180, 360, 720, 1080].map(layerOf)).toEqual(['off', 0, 1, 2, 2]);
  });

  it('stays in its bucket up to 15 % beyond', () => {
    expect(bucketFor(190, 180)).toBe(180);
    expect(bucketFor(206, 180)).toBe(180);
    expect(bucketFor(208, 180)).toBe(360);
    expect(bucketFor(190, 360)).toBe(360);
    expect(bucketFor(400, 360)).toBe(360);
    expect(bucketFor(415, 360)).toBe(720);
  });

  it('never flutters while a size trembles by less than 15 %', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 2_000 }), fc.array(fc.double({ min: 1, max: 1.14, noNaN: true }), { maxLength: 30 }), (base, trembles) => {
        let bucket = bucketFor(base, 0);
        let changes = 0;
        for (const factor of trembles) {
          const next = bucketFor(base * factor, bucket);
          if (next !== bucket) changes++;
          bucket = next;
        }
        expect(changes).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('counts device pixels up to two, and what the picture needs to fill its box', () => {
    expect(neededHeight({ w: 320, h: 180 }, 1, 'cover')).toBe(180);
    expect(neededHeight({ w: 320, h: 180 }, 3, 'cover')).toBe(360);
    expect(neededHeight({ w: 320, h: 90 }, 1, 'cover')).toBe(180);
    expect(neededHeight({ w: 160, h: 400 }, 1, 'contain')).toBe(90);
  });
});

describe('subscriptions', () => {
  it('says everything of 100 ms in one message, and nothing twice', () => {
    const { sent, show } = make();
    show('a', 100);
    show('b', 150, { priority: 1 });
    show('c', 0);
    vi.advanceTimersByTime(100);
    expect(sent).toEqual([[{ trackId: 'b', layer: 0, priority: 1 }, { trackId: 'a', layer: 0, priority: 0 }, { trackId: 'c', layer: 'off', priority: 0 }]]);
    show('a', 105);
    vi.advanceTimersByTime(5_000);
    expect(sent).toHaveLength(1);
  });

  it('asks for a new picture small, and for its size once it is there', () => {
    const { subscriptions, sent, show, last } = make();
    show('a', 700);
    show('a', 300);
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ a: 0 });
    vi.advanceTimersByTime(300);
    expect(sent).toHaveLength(1);
    subscriptions.arrived('a');
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ a: 1 });
    subscriptions.arrived('a');
    vi.advanceTimersByTime(5_000);
    expect(sent).toHaveLength(2);
  });

  it('waits a second for the small picture at most, for the large tile not at all, and never for what is read', () => {
    const { sent, show, last } = make();
    show('a', 700);
    show('large', 700, { priority: 2, urgent: true });
    show('screen', 700, { priority: 3, sharp: true });
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ a: 0, large: 0, screen: 2 });
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ large: 2 });
    vi.advanceTimersByTime(700);
    expect(sent).toHaveLength(2);
    vi.advanceTimersByTime(300);
    expect(last()).toEqual({ a: 2 });
  });

  it('hurries when a tile that is on its way becomes the large one', () => {
    const { show, last } = make();
    show('a', 700);
    vi.advanceTimersByTime(100);
    show('a', 700, { urgent: true });
    vi.advanceTimersByTime(200);
    expect(last()).toEqual({ a: 2 });
  });

  it('raises at once and lowers after a second', () => {
    const { sent, show, last } = make();
    show('a', 100);
    vi.advanceTimersByTime(100);
    show('a', 700);
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ a: 2 });
    show('a', 0);
    vi.advanceTimersByTime(900);
    expect(sent).toHaveLength(2);
    vi.advanceTimersByTime(300);
    expect(last()).toEqual({ a: 'off' });
  });

  it('does not stop what is back within a second', () => {
    const { subscriptions, sent, show } = make();
    show('a', 100);
    vi.advanceTimersByTime(100);
    subscriptions.hide('a');
    vi.advanceTimersByTime(900);
    show('a', 100);
    vi.advanceTimersByTime(5_000);
    expect(sent).toHaveLength(1);
  });

  it("puts the viewer's choice over the automatic one, and gives it back", () => {
    const { subscriptions, show, last } = make();
    show('a', 700, { sharp: true });
    subscriptions.force('a', 0);
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ a: 0 });
    subscriptions.force('a', null);
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ a: 2 });
  });

  it('keeps what could not be sent', () => {
    const { subscriptions, sent, show, setUp } = make();
    setUp(false);
    show('a', 100);
    vi.advanceTimersByTime(100);
    setUp(true);
    subscriptions.resend();
    vi.advanceTimersByTime(100);
    expect(sent).toHaveLength(1);
  });

  it('stops all video while nobody looks, and brings the large picture back first', () => {
    const { subscriptions, sent, show, last } = make();
    show('a', 100);
    show('large', 700, { priority: 2, sharp: true });
    vi.advanceTimersByTime(100);
    subscriptions.pause(true);
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ a: 'off', large: 'off' });
    subscriptions.pause(false);
    expect(last()).toEqual({ large: 2 });
    vi.advanceTimersByTime(100);
    expect(last()).toEqual({ a: 0 });
    expect(sent).toHaveLength(4);
  });

  it('brings all back at once where none is larger', () => {
    const { subscriptions, sent, show, last } = make();
    show('a', 100);
    show('b', 100);
    vi.advanceTimersByTime(100);
    subscriptions.pause(true);
    vi.advanceTimersByTime(100);
    subscriptions.pause(false);
    expect(last()).toEqual({ a: 0, b: 0 });
    vi.advanceTimersByTime(5_000);
    expect(sent).toHaveLength(3);
  });
});
