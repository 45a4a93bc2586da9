import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrange, grid, neighbour, perPage, PHONE, WIDE, type Rect } from './layout';

const EPS = 0.01;
const apart = (a: Rect, b: Rect) =>
  a.x + a.w <= b.x + EPS || b.x + b.w <= a.x + EPS || a.y + a.h <= b.y + EPS || b.y + b.h <= a.y + EPS;

const sizes = { n: fc.integer({ min: 1, max: 49 }), w: fc.integer({ min: 320, max: 2560 }), h: fc.integer({ min: 240, max: 1440 }) };

describe('grid', () => {
  it('keeps every tile inside the stage and apart from the others', () => {
    fc.assert(
      fc.property(sizes.n, sizes.w, sizes.h, (n, w, h) => {
        const { rects } = grid(n, w, h, WIDE);
        expect(rects).toHaveLength(n);
        rects.forEach((r, i) => {
          expect(r.w > 0 && r.x >= -EPS && r.y >= -EPS && r.x + r.w <= w + EPS && r.y + r.h <= h + EPS).toBe(true);
          expect(rects.slice(i + 1).every((other) => apart(r, other))).toBe(true);
        });
      }),
    );
  });

  it('holds the aspect of tiles between 4:3 and 16:9', () => {
    fc.assert(
      fc.property(sizes.n, sizes.w, sizes.h, (n, w, h) => {
        for (const r of grid(n, w, h, WIDE).rects) {
          expect(r.w / r.h).toBeGreaterThanOrEqual(4 / 3 - EPS);
          expect(r.w / r.h).toBeLessThanOrEqual(16 / 9 + EPS);
        }
      }),
    );
  });

  it('centres the last row', () => {
    const { rects } = grid(5, 1280, 720, WIDE);
    const last = rects.filter((r) => Math.abs(r.y - (rects[4]?.y ?? 0)) < EPS);
    const left = Math.min(...last.map((r) => r.x));
    const right = 1280 - Math.max(...last.map((r) => r.x + r.w));
    expect(left).toBeCloseTo(right, 3);
  });

  it('keeps the columns when the gain is small', () => {
    // 4 tiles: 2 columns are best here, but not by 8 % over 3 on this shape.
    let found = false;
    for (let w = 400; w < 2400 && !found; w += 7) {
      const best = grid(7, w, 600, WIDE).cols;
      for (const previousCols of [best - 1, best + 1]) {
        if (grid(7, w, 600, { ...WIDE, previousCols }).cols === previousCols) found = true;
      }
    }
    expect(found).toBe(true);
    expect(grid(4, 1600, 300, { ...WIDE, previousCols: 1 }).cols).toBe(4);
  });
});

describe('arrange', () => {
  const keys = (n: number) => Array.from({ length: n }, (_, i) => `k${i}`);
  const input = { width: 1000, height: 700, mains: ['k0'], page: 0, phone: false } as const;

  it('pages what does not fit and clamps the page', () => {
    const stage = arrange({ ...input, keys: keys(60), mode: 'grid', page: 99 });
    const size = perPage(1000, 700, WIDE);
    expect(stage.pages).toBe(Math.ceil(60 / size));
    expect(stage.page).toBe(stage.pages - 1);
    expect(stage.places.size).toBe(60 - size * stage.page);
  });

  it('shows at most eight tiles on a phone page', () => {
    expect(arrange({ ...input, width: 390, height: 700, phone: true, keys: keys(20), mode: 'grid' }).places.size).toBeLessThanOrEqual(8);
    expect(perPage(390, 2000, PHONE)).toBe(8);
  });

  it('gives the main tile most of the stage and never loses anybody', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), sizes.w, sizes.h, (n, width, height) => {
        const stage = arrange({ ...input, width, height, keys: keys(n), mode: 'speaker' });
        expect(stage.places.size + (stage.more?.count ?? 0)).toBe(n);
        const main = stage.places.get('k0');
        for (const [key, rect] of stage.places) if (key !== 'k0' && main) expect(main.w * main.h).toBeGreaterThan(rect.w * rect.h);
      }),
    );
  });

  it('gives nothing a place on a stage without size', () => {
    expect(arrange({ ...input, width: 0, keys: keys(3), mode: 'grid' }).places.size).toBe(0);
  });

  it('gives two who talk with each other the same room, and the strip stays as it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 40 }), sizes.w, sizes.h, (n, width, height) => {
        const one = arrange({ ...input, width, height, keys: keys(n), mode: 'speaker' });
        const two = arrange({ ...input, width, height, keys: keys(n), mode: 'speaker', mains: ['k0', 'k1'] });
        const [a, b] = [two.places.get('k0'), two.places.get('k1')];
        expect(a && b && apart(a, b) && Math.abs(a.w * a.h - b.w * b.h) < 1).toBe(true);
        expect(two.places.size + (two.more?.count ?? 0)).toBe(n);
        expect(one.places.size + (one.more?.count ?? 0)).toBe(n);
        const all = [...two.places.values()];
        all.forEach((rect, i) => expect(all.slice(i + 1).every((other) => apart(rect, other))).toBe(true));
      }),
    );
  });

  it('leaves the whole stage to two who are alone on it', () => {
    const { places } = arrange({ ...input, width: 1012, keys: keys(2), mode: 'speaker', mains: ['k0', 'k1'] });
    expect([...places.values()].map((rect) => rect.w)).toEqual([500, 500]);
  });

  it('fills up to 49 places where that was chosen and there is room', () => {
    const wide = { ...input, width: 1900, height: 1100, keys: keys(60), mode: 'grid' } as const;
    expect(arrange(wide).places.size).toBe(25);
    expect(arrange({ ...wide, most: 49 }).places.size).toBe(49);
    expect(arrange({ ...wide, width: 390, phone: true, most: 49 }).places.size).toBeLessThanOrEqual(8);
  });
});

describe('neighbour', () => {
  const { places } = arrange({ keys: ['a', 'b', 'c', 'd', 'e'], width: 1280, height: 720, mode: 'grid', mains: [], page: 0, phone: false });

  it('goes along the row and the column, and not over the edge', () => {
    expect(neighbour(places, 'a', 'right')).toBe('b');
    expect(neighbour(places, 'b', 'left')).toBe('a');
    expect(neighbour(places, 'a', 'left')).toBeNull();
    expect(neighbour(places, 'a', 'down')).toBe('d');
    expect(neighbour(places, 'e', 'up')).toBe('b');
    expect(neighbour(places, 'd', 'left')).toBeNull();
    expect(neighbour(places, 'e', 'down')).toBeNull();
  });

  it('reaches every tile from every other one', () => {
    const reached = new Set(['e']);
    for (const key of reached) {
      for (const direction of ['left', 'right', 'up', 'down'] as const) {
        const next = neighbour(places, key, direction);
        if (next) reached.add(next);
      }
    }
    expect(reached.size).toBe(5);
  });
});
