import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { layerFor, Subscriptions, type Wish } from './subscriptions';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const make = () => {
  const sent: Wish[][] = [];
  let up = true;
  const subscriptions = new Subscriptions((wishes) => up && sent.push(wishes) > 0);
  return { subscriptions, sent, setUp: (v: boolean) => (up = v) };
};

describe('layerFor', () => {
  it('takes the lowest layer that fills the box', () => {
    expect(layerFor(0, undefined)).toBe('off');
    expect(layerFor(120, undefined)).toBe(0);
    expect(layerFor(300, undefined)).toBe(1);
    expect(layerFor(720, undefined)).toBe(2);
  });
  it('does not flutter at a boundary', () => {
    expect(layerFor(190, 0)).toBe(0);
    expect(layerFor(190, 1)).toBe(1);
    expect(layerFor(230, 0)).toBe(1);
    expect(layerFor(400, 1)).toBe(1);
    expect(layerFor(420, 1)).toBe(2);
  });
});

describe('subscriptions', () => {
  it('says everything of 100 ms in one message, and nothing twice', () => {
    const { subscriptions, sent } = make();
    subscriptions.show('a', 100, 0);
    subscriptions.show('b', 700, 1);
    vi.advanceTimersByTime(100);
    expect(sent).toEqual([[{ trackId: 'a', layer: 0, priority: 0 }, { trackId: 'b', layer: 2, priority: 1 }]]);
    subscriptions.show('a', 105, 0);
    vi.advanceTimersByTime(5_000);
    expect(sent).toHaveLength(1);
  });

  it('raises at once and lowers after a second', () => {
    const { subscriptions, sent } = make();
    subscriptions.show('a', 100, 0);
    vi.advanceTimersByTime(100);
    subscriptions.show('a', 700, 0);
    vi.advanceTimersByTime(100);
    expect(sent.at(-1)?.[0]?.layer).toBe(2);
    subscriptions.show('a', 0, 0);
    vi.advanceTimersByTime(900);
    expect(sent).toHaveLength(2);
    vi.advanceTimersByTime(300);
    expect(sent.at(-1)?.[0]?.layer).toBe('off');
  });

  it("puts the viewer's choice over the automatic one, and gives it back", () => {
    const { subscriptions, sent } = make();
    subscriptions.show('a', 700, 0);
    subscriptions.force('a', 0);
    vi.advanceTimersByTime(100);
    expect(sent.at(-1)?.[0]?.layer).toBe(0);
    subscriptions.force('a', null);
    vi.advanceTimersByTime(100);
    expect(sent.at(-1)?.[0]?.layer).toBe(2);
  });

  it('keeps what could not be sent', () => {
    const { subscriptions, sent, setUp } = make();
    setUp(false);
    subscriptions.show('a', 700, 0);
    vi.advanceTimersByTime(100);
    setUp(true);
    subscriptions.resend();
    vi.advanceTimersByTime(100);
    expect(sent).toHaveLength(1);
  });

  it('stops all video while nobody looks', () => {
    const { subscriptions, sent } = make();
    subscriptions.show('a', 700, 0);
    subscriptions.pause(true);
    vi.advanceTimersByTime(100);
    expect(sent.at(-1)?.[0]?.layer).toBe('off');
    subscriptions.pause(false);
    vi.advanceTimersByTime(100);
    expect(sent.at(-1)?.[0]?.layer).toBe(2);
  });
});
