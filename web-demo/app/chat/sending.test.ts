import { describe, expect, it } from 'vitest';
import { changesAfter, sendingState } from './sending';

const queued = { state: 'queued' as const, code: '' };

describe('a message on its way', () => {
  it('shows a clock after 700 ms and that it waits after ten seconds', () => {
    expect([0, 699, 700, 9_999, 10_000].map((age) => sendingState(queued, age))).toEqual(['fresh', 'fresh', 'sending', 'sending', 'waiting']);
  });
  it('is told to be slowed down, or that it failed, at once', () => {
    expect(sendingState({ state: 'queued', code: 'limit.rate' }, 0)).toBe('slow');
    expect(sendingState({ state: 'failed', code: 'perm.read_only' }, 0)).toBe('failed');
  });
  it('needs to be looked at only when it would say something else', () => {
    let age = 0;
    const seen = [sendingState(queued, age)];
    for (let wait = changesAfter(age); wait !== null; wait = changesAfter(age)) {
      expect(sendingState(queued, age + wait - 1)).toBe(seen.at(-1));
      age += wait;
      seen.push(sendingState(queued, age));
    }
    expect(seen).toEqual(['fresh', 'sending', 'waiting']);
  });
});
