import { describe, expect, it } from 'vitest';
import { nextRegion, REGIONS } from './regions';

describe('the way between the parts of the page', () => {
  it('goes through all of them in their order, and around', () => {
    const seen = [];
    let at = nextRegion(REGIONS, null, 1);
    for (let i = 0; i < REGIONS.length; i++) {
      seen.push(at);
      at = nextRegion(REGIONS, at, 1);
    }
    expect(seen).toEqual(['stage', 'toolbar', 'panel', 'sidebar', 'main']);
    expect(at).toBe('stage');
  });

  it('goes back the same way', () => {
    expect(nextRegion(REGIONS, 'stage', -1)).toBe('main');
    expect(nextRegion(REGIONS, 'main', -1)).toBe('sidebar');
    expect(nextRegion(REGIONS, null, -1)).toBe('main');
  });

  it('leaves out what is not there, whatever the order in which it is found', () => {
    expect(nextRegion(['main', 'sidebar'], 'main', 1)).toBe('sidebar');
    expect(nextRegion(['main', 'sidebar'], 'sidebar', 1)).toBe('main');
    // What one was in has gone.
    expect(nextRegion(['main', 'sidebar'], 'panel', 1)).toBe('sidebar');
  });

  it('stays where there is nothing else', () => {
    expect(nextRegion(['main'], 'main', 1)).toBeNull();
    expect(nextRegion([], null, 1)).toBeNull();
  });
});
