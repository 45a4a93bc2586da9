import { expect, it } from 'vitest';
import { moves } from './flip';
import { arrange, type StageInput } from './layout';

const stage = (keys: string[], part: Partial<StageInput> = {}) => arrange({ keys, width: 1280, height: 720, mode: 'grid', mains: [], page: 0, phone: false, ...part }).places;
const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);

it('moves nobody while nothing changes, and one tile for a swap with somebody off the page', () => {
  const before = stage(keys);
  expect(moves(before, stage(keys))).toEqual([]);
  const swapped = keys.map((key) => ({ k2: 'k29', k29: 'k2' })[key] ?? key);
  expect(moves(before, stage(swapped))).toEqual([{ key: 'k29', from: null, to: before.get('k2') }]);
});

it('knows where a tile stood', () => {
  const before = stage(['a', 'b']);
  expect(moves(before, stage(['b', 'a']))).toEqual([
    { key: 'b', from: before.get('b'), to: before.get('a') },
    { key: 'a', from: before.get('a'), to: before.get('b') },
  ]);
});
