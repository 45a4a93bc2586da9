import { describe, expect, it } from 'vitest';
import { atMost, encodingsFor, withLayers } from './codecs';

describe('encodings', () => {
  it('sends three streams with temporal layers unless layers are to be inside one', () => {
    expect(encodingsFor('camera', {}).map((e) => [e.rid, e.scalabilityMode])).toEqual([
      ['q', 'L1T1'],
      ['h', 'L1T1'],
      ['f', 'L1T1'],
    ]);
    expect(encodingsFor('camera', { codec: 'h264' }).every((e) => e.scalabilityMode === undefined)).toBe(true);
    expect(encodingsFor('camera', { codec: 'vp9', scalabilityMode: 'L3T3_KEY' })).toHaveLength(1);
    expect(encodingsFor('mic', {})).toHaveLength(1);
  });

  it('stops streams that nobody watches', () => {
    const encodings = encodingsFor('camera', {});
    expect(withLayers(encodings, [0, 2], {})).toBe(true);
    expect(encodings.map((e) => e.active)).toEqual([true, false, true]);
  });

  it('sends small what is only watched large', () => {
    expect(atMost([0, 1, 2], undefined)).toEqual([0, 1, 2]);
    expect(atMost([0, 1, 2], 1)).toEqual([0, 1]);
    expect(atMost([2], 1)).toEqual([1]);
    expect(atMost([], 1)).toEqual([]);
  });

  it('leaves out layers of one stream from the top, keeping the sizes of the others', () => {
    const options = { scalabilityMode: 'L3T3_KEY' };
    const [only] = encodingsFor('camera', options);
    if (!only) throw new Error('an encoding');
    expect(withLayers([only], [0, 1, 2], options)).toBe(false);
    expect(withLayers([only], [0, 1], options)).toBe(true);
    expect([only.scalabilityMode, only.scaleResolutionDownBy]).toEqual(['L2T3_KEY', 2]);
    expect(withLayers([only], [0], options)).toBe(true);
    expect([only.scalabilityMode, only.scaleResolutionDownBy]).toEqual(['L1T3', 4]);
    expect(withLayers([only], [0, 2], options)).toBe(true);
    expect([only.scalabilityMode, only.scaleResolutionDownBy]).toEqual(['L3T3_KEY', 1]);
    expect(withLayers([{}], [0], {})).toBe(false);
  });
});
