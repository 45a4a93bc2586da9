import { describe, expect, it } from 'vitest';
import { places, type Place } from './places';

const place = (title: string, more: Partial<Place> = {}): Place => ({ id: title, title, unread: false, count: 0, lastAt: '', ...more });
const titles = (all: Place[], typed: string) => places(all, typed).map((one) => one.title);

describe('where to go', () => {
  const all = [place('general', { lastAt: '2026-01-03' }), place('design', { unread: true, lastAt: '2026-01-01' }), place('Bo', { unread: true, count: 2, lastAt: '2026-01-02' }), place('old-designs')];
  it('offers what waits for me first, then what was used last', () => {
    expect(titles(all, '')).toEqual(['Bo', 'design', 'general', 'old-designs']);
  });
  it('finds names by how they begin, by a word in them, and by their letters', () => {
    expect(titles(all, 'des')).toEqual(['design', 'old-designs']);
    expect(titles(all, '#des')).toEqual(['design', 'old-designs']);
    expect(titles(all, 'gnrl')).toEqual(['general']);
    expect(titles(all, 'x')).toEqual([]);
  });
  it('reads letters with and without marks alike', () => {
    expect(titles([place('Hana Kovář')], 'kovar')).toEqual(['Hana Kovář']);
  });
});
