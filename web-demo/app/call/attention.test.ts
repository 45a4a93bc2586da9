import { describe, expect, it } from 'vitest';
import { attention } from './attention';
import type { TileModel } from './call-state';

const tile = (id: string, part: { muted?: boolean; source?: 'camera' | 'screen'; self?: boolean } = {}): TileModel => {
  const source = part.source ?? 'camera';
  const track = { trackId: `t-${id}-${source}`, muted: part.muted ?? false };
  return { key: `${id}/${source}`, source, self: part.self ?? false, participant: { participantId: id }, track } as unknown as TileModel;
};
const rect = { x: 0, y: 0, w: 320, h: 180 };
const facts = { mains: [], pinned: null, dominant: null, density: 1 };

describe('attention', () => {
  it('is for what stands on the page, and nothing comes of the rest', () => {
    const looks = attention([tile('a'), tile('b'), tile('c', { muted: true }), tile('me', { self: true })], new Map([['a/camera', rect], ['c/camera', rect]]), facts);
    expect([...looks]).toMatchObject([
      ['t-a-camera', { height: 180 }],
      ['t-b-camera', { height: 0 }],
      ['t-c-camera', { height: 0 }],
    ]);
  });

  it('asks for as many pixels as the picture has on the screen', () => {
    const height = (density: number, mains: string[], box = rect) => attention([tile('a')], new Map([['a/camera', box]]), { ...facts, mains, density }).get('t-a-camera')?.height;
    expect(height(2, [])).toBe(360);
    // A tile is filled and cut; the large one is shown whole.
    expect(height(1, [], { ...rect, h: 240 })).toBe(240);
    expect(height(1, ['a/camera'], { ...rect, h: 240 })).toBe(180);
  });

  it('gives a screen the last room, then the large, the pinned and the one who speaks', () => {
    const all = [tile('s', { source: 'screen' }), tile('a'), tile('b'), tile('c'), tile('d')];
    const looks = attention(all, new Map(all.map((one) => [one.key, rect])), { ...facts, mains: ['a/camera'], pinned: 'b/camera', dominant: 'c' });
    expect([...looks.values()].map((look) => look.priority)).toEqual([3, 2, 2, 2, 0]);
    expect([...looks.values()].map((look) => look.urgent)).toEqual([false, true, true, true, false]);
    expect(looks.get('t-s-screen')?.sharp).toBe(true);
  });

  it('is for the one in the small window too, wherever the stage is, and for no more than is looked at', () => {
    const small = { key: 'b/camera', height: 240 };
    const away = attention([tile('a'), tile('b')], new Map(), { ...facts, small });
    expect([...away.values()].map((look) => [look.height, look.priority])).toEqual([[0, 0], [240, 2]]);
    const both = attention([tile('b')], new Map([['b/camera', { ...rect, w: 1280, h: 720 }]]), { ...facts, small });
    expect(both.get('t-b-camera')?.height).toBe(720);
    expect(attention([tile('b', { muted: true })], new Map(), { ...facts, small }).get('t-b-camera')?.height).toBe(0);
  });

  it('leaves out cameras or screens to save data, each on its own', () => {
    const all = [tile('s', { source: 'screen' }), tile('a'), tile('b')];
    const heights = (without: { cameras?: boolean; screens?: boolean }) =>
      [...attention(all, new Map(all.map((one) => [one.key, rect])), { ...facts, without, small: { key: 'b/camera', height: 90 } }).values()].map((look) => look.height);
    expect(heights({})).toEqual([180, 180, 180]);
    expect(heights({ cameras: true })).toEqual([180, 0, 0]);
    expect(heights({ screens: true })).toEqual([0, 180, 180]);
  });
});
