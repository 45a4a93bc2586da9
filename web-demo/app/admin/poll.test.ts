import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { poll } from './poll';

const EVERY = 5_000;

function stage() {
  let hidden = false;
  let changed = () => {};
  const answers: (() => void)[] = [];
  const sight = {
    hidden: () => hidden,
    onChange: (listener: () => void) => {
      changed = listener;
      return () => (changed = () => {});
    },
  };
  const ask = vi.fn(() => new Promise<void>((resolve) => answers.push(resolve)));
  const answer = async () => {
    answers.shift()?.();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { sight, ask, answer, show: (is: boolean) => ((hidden = !is), changed()) };
}

describe('asking again and again', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits for the answer, then for a while', async () => {
    const { sight, ask, answer } = stage();
    poll(ask, EVERY, sight);
    await vi.advanceTimersByTimeAsync(3 * EVERY);
    expect(ask).toHaveBeenCalledTimes(1);
    await answer();
    await vi.advanceTimersByTimeAsync(EVERY - 1);
    expect(ask).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('stops while nobody sees it, and starts at once when somebody does', async () => {
    const { sight, ask, answer, show } = stage();
    poll(ask, EVERY, sight);
    await answer();
    show(false);
    await vi.advanceTimersByTimeAsync(10 * EVERY);
    expect(ask).toHaveBeenCalledTimes(1);
    show(true);
    expect(ask).toHaveBeenCalledTimes(2);
    show(false);
    await answer();
    await vi.advanceTimersByTimeAsync(10 * EVERY);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('asks at once when it is told to, but never twice at a time', async () => {
    const { sight, ask, answer } = stage();
    const polling = poll(ask, EVERY, sight);
    polling.again();
    expect(ask).toHaveBeenCalledTimes(1);
    await answer();
    polling.again();
    expect(ask).toHaveBeenCalledTimes(2);
    await answer();
    polling.stop();
    polling.again();
    await vi.advanceTimersByTimeAsync(10 * EVERY);
    expect(ask).toHaveBeenCalledTimes(2);
  });
});
