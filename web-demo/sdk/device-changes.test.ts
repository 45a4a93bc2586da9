import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verdictOf, type Connected } from './device-changes';

const of = (...ids: string[]): Connected[] => ids.map((deviceId) => ({ deviceId, label: `The ${deviceId}` }));

describe('verdictOf', () => {
  it('tells that the one in use is gone', () => {
    expect(verdictOf({ list: of('built-in'), before: of('built-in', 'headset'), chosen: 'headset', current: 'headset' })).toEqual({ kind: 'lost', label: 'The headset' });
  });
  it('goes back to the one that was picked', () => {
    expect(verdictOf({ list: of('built-in', 'headset'), before: of('built-in'), chosen: 'headset', current: 'built-in' })).toEqual({ kind: 'back', device: of('headset')[0] });
  });
  it('offers a new one', () => {
    expect(verdictOf({ list: of('built-in', 'usb'), before: of('built-in'), chosen: '', current: 'built-in' })).toEqual({ kind: 'new', device: of('usb')[0] });
  });
  it('does not offer the system default as if it were another device', () => {
    expect(verdictOf({ list: of('built-in', 'default'), before: of('built-in'), chosen: '', current: 'built-in' })).toBeNull();
  });
  it('takes the names that come with the permission for no news', () => {
    const nameless = [{ deviceId: 'a', label: '' }];
    expect(verdictOf({ list: of('a', 'b'), before: nameless, chosen: '', current: 'a' })).toBeNull();
  });
  it('says nothing before the first look and while no device is in use', () => {
    expect(verdictOf({ list: of('a'), before: null, chosen: '', current: 'a' })).toBeNull();
    expect(verdictOf({ list: of('a', 'b'), before: of('a'), chosen: '', current: '' })).toBeNull();
  });

  const ids = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'default'));
  const id = fc.constantFrom<string>('', 'a', 'b', 'c', 'd');
  it('never goes to a device that nobody picked, and never to one that is not there', () => {
    fc.assert(
      fc.property(ids, ids, id, id, (list, before, chosen, current) => {
        const verdict = verdictOf({ list: of(...list), before: of(...before), chosen, current });
        if (verdict?.kind === 'back') expect([verdict.device.deviceId, list.includes(chosen)]).toEqual([chosen, true]);
        if (verdict?.kind === 'new') expect(list.includes(verdict.device.deviceId) && !before.includes(verdict.device.deviceId)).toBe(true);
        if (verdict?.kind === 'lost') expect(list.includes(current)).toBe(false);
      }),
    );
  });
  it('is silent while nothing changes', () => {
    fc.assert(
      fc.property(ids, id, id, (list, chosen, current) => {
        expect(verdictOf({ list: of(...list), before: of(...list), chosen, current })).toBeNull();
      }),
    );
  });
});
