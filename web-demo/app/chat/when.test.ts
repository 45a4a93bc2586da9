import { describe, expect, it } from 'vitest';
import { fromField, presets, problemOf, toField } from './when';

const shown = (now: Date) => presets(now).map(({ key, at }) => `${key} ${toField(at)}`);

describe('times for later', () => {
  it('offers an hour, tomorrow morning and Monday morning', () => {
    // A Wednesday.
    expect(shown(new Date(2026, 0, 28, 16, 20, 33))).toEqual(['hour 2026-01-28T17:20', 'tomorrow 2026-01-29T09:00', 'monday 2026-02-02T09:00']);
    expect(shown(new Date(2026, 1, 2, 8, 0))).toEqual(['hour 2026-02-02T09:00', 'tomorrow 2026-02-03T09:00', 'monday 2026-02-09T09:00']);
    expect(shown(new Date(2026, 1, 1, 23, 30))).toEqual(['hour 2026-02-02T00:30', 'monday 2026-02-02T09:00']);
    expect(shown(new Date(2026, 11, 31, 12, 0))[1]).toBe('tomorrow 2027-01-01T09:00');
  });

  it('reads back what a field shows', () => {
    for (const at of [new Date(2026, 5, 1, 7, 5), new Date(2026, 5, 1, 7, 5, 9)]) expect(fromField(toField(at))).toEqual(at);
    for (const bad of ['', 'soon', '2026-13-01T00:00']) expect(fromField(bad)).toBeNull();
  });

  it('takes what the server takes', () => {
    const now = Date.UTC(2026, 0, 1);
    expect(problemOf(null, now)).toBe('missing');
    expect(problemOf(new Date(now), now)).toBe('past');
    expect(problemOf(new Date(now + 3_000), now)).toBe('');
    expect(problemOf(new Date(now + 366 * 86_400_000), now)).toBe('');
    expect(problemOf(new Date(now + 366 * 86_400_000 + 1), now)).toBe('far');
  });
});
