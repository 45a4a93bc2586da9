import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Levels } from './levels';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('levels', () => {
  it('shows a ring while somebody is loud and for a moment after', () => {
    const levels = new Levels();
    const log: string[] = [];
    levels.events.on('speaking', ({ key, speaking }) => log.push(`${key} ${speaking}`));
    levels.onSpeakers([{ key: 'bo', level: 80 }]);
    vi.advanceTimersByTime(250);
    levels.onSpeakers([{ key: 'bo', level: 70 }]);
    expect(log).toEqual(['bo true']);
    levels.onSpeakers([]);
    vi.advanceTimersByTime(300);
    expect(levels.isSpeaking('bo')).toBe(true);
    vi.advanceTimersByTime(300);
    expect(log).toEqual(['bo true', 'bo false']);
  });

  it('ends a ring although others go on talking', () => {
    const levels = new Levels();
    levels.onSpeakers([{ key: 'bo', level: 80 }]);
    for (let i = 0; i < 8; i++) {
      vi.advanceTimersByTime(250);
      levels.onSpeakers([{ key: 'cy', level: 90 }]);
    }
    expect(levels.speakers).toEqual(['cy']);
  });

  it('does not believe a silent server for long', () => {
    const levels = new Levels();
    levels.onSpeakers([{ key: 'bo', level: 80 }]);
    vi.advanceTimersByTime(3_000);
    expect(levels.speakers).toEqual([]);
  });

  it('takes no ring of mine from the server, and none for a breath', () => {
    const levels = new Levels();
    levels.ownKey = 'me';
    levels.onSpeakers([{ key: 'me', level: 120 }, { key: 'bo', level: 3 }]);
    expect(levels.speakers).toEqual([]);
  });
});
