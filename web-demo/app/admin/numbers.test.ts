import { describe, expect, it } from 'vitest';
import { bitrate, memory, span } from './numbers';

describe('figures', () => {
  it('have the unit that fits', () => {
    expect(bitrate(640_400)).toBe('640 kbit/s');
    expect(bitrate(1_150_000)).toMatch(/^1[.,][12] Mbit\/s$/);
    expect(bitrate(212_400_000)).toBe('212 Mbit/s');
    expect(bitrate(0)).toBe('0 kbit/s');
    expect(memory(96_000_000)).toContain('96');
    expect(memory(1_240_000_000)).toMatch(/1[.,]2/);
  });

  it('say lengths of time as people do', () => {
    expect(span('45s')).toEqual({ text: '45 seconds', ms: 45_000 });
    expect(span('30d')?.ms).toBe(30 * 86_400_000);
    expect(span('normal')).toBeNull();
    expect(span('')).toBeNull();
  });
});
