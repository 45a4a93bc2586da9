/** Where tiles go. Pure: sizes in, rectangles out. */
export interface Rect {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface GridOptions {
  gap: number;
  minW: number;
  minH: number;
  /** Widest tile. */
  maxAspect: number;
  /** Narrowest tile. */
  minAspect: number;
  maxPerPage: number;
  /** Columns used so far; they stay unless the gain is real. */
  previousCols?: number | undefined;
}

export const WIDE: GridOptions = { gap: 12, minW: 240, minH: 135, maxAspect: 16 / 9, minAspect: 4 / 3, maxPerPage: 25 };
export const PHONE: GridOptions = { gap: 8, minW: 150, minH: 112, maxAspect: 16 / 9, minAspect: 3 / 4, maxPerPage: 8 };

/** A new column count must enlarge tiles by this much to be worth moving everybody. */
const WORTH_MOVING = 1.08;

export interface Grid {
  cols: number;
  rects: Rect[];
}

interface Fit {
  cols: number;
  rows: number;
  w: number;
  h: number;
  empty: number;
}

function fit(n: number, cols: number, width: number, height: number, o: GridOptions): Fit {
  const rows = Math.ceil(n / cols);
  const cellW = (width - o.gap * (cols - 1)) / cols;
  const cellH = (height - o.gap * (rows - 1)) / rows;
  let [w, h] = [Math.max(0, cellW), Math.max(0, cellH)];
  if (w > h * o.maxAspect) w = h * o.maxAspect;
  else if (w < h * o.minAspect) h = w / o.minAspect;
  return { cols, rows, w, h, empty: cols * rows - n };
}

export function gridFit(n: number, width: number, height: number, o: GridOptions): Fit {
  let best = fit(n, 1, width, height, o);
  for (let cols = 2; cols <= n; cols++) {
    const next = fit(n, cols, width, height, o);
    const gain = next.w * next.h - best.w * best.h;
    if (gain > 0.5 || (Math.abs(gain) <= 0.5 && next.empty < best.empty)) best = next;
  }
  if (o.previousCols && o.previousCols <= n && o.previousCols !== best.cols) {
    const kept = fit(n, o.previousCols, width, height, o);
    if (best.w * best.h < kept.w * kept.h * WORTH_MOVING) best = kept;
  }
  return best;
}

export function grid(n: number, width: number, height: number, o: GridOptions): Grid {
  if (n <= 0 || width <= 0 || height <= 0) return { cols: 0, rects: [] };
  const { cols, rows, w, h } = gridFit(n, width, height, o);
  const top = (height - (rows * h + (rows - 1) * o.gap)) / 2;
  const rects: Rect[] = [];
  for (let i = 0; i < n; i++) {
    const row = Math.floor(i / cols);
    const inRow = row === rows - 1 ? n - row * cols : cols;
    const left = (width - (inRow * w + (inRow - 1) * o.gap)) / 2;
    rects.push({ x: left + (i - row * cols) * (w + o.gap), y: top + row * (h + o.gap), w, h });
  }
  return { cols, rects };
}

/** How many tiles fit on one page at their smallest. */
export function perPage(width: number, height: number, o: GridOptions): number {
  const cols = Math.max(1, Math.floor((width + o.gap) / (o.minW + o.gap)));
  const rows = Math.max(1, Math.floor((height + o.gap) / (o.minH + o.gap)));
  return Math.max(1, Math.min(o.maxPerPage, cols * rows));
}

export interface Stage {
  /** Rectangles by tile key; a tile without one is not shown. */
  places: Map<string, Rect>;
  cols: number;
  pages: number;
  page: number;
  /** Where "+3" stands for the tiles that found no place in the filmstrip. */
  more: { count: number; rect: Rect } | null;
}

export interface StageInput {
  keys: readonly string[];
  width: number;
  height: number;
  mode: 'grid' | 'speaker';
  /** The large ones in the speaker view: one, or two who talk with each other. */
  mains: readonly string[];
  page: number;
  phone: boolean;
  /** On a page of the grid, where there is room; a phone has its own number. */
  most?: number;
  previousCols?: number | undefined;
}

export function arrange(input: StageInput): Stage {
  const options: GridOptions = { ...(input.phone ? PHONE : { ...WIDE, maxPerPage: input.most ?? WIDE.maxPerPage }), previousCols: input.previousCols };
  const { keys, width, height } = input;
  if (width <= 0 || height <= 0 || keys.length === 0) return { places: new Map(), cols: 0, pages: 1, page: 0, more: null };
  const large = input.mains.filter((key) => keys.includes(key));
  if (input.mode === 'speaker' && large.length > 0 && keys.length > 1) return speaker(input, large, options);
  const size = perPage(width, height, options);
  const pages = Math.ceil(keys.length / size);
  const page = Math.max(0, Math.min(input.page, pages - 1));
  const shown = keys.slice(page * size, (page + 1) * size);
  const { cols, rects } = grid(shown.length, width, height, options);
  return { places: zip(shown, rects), cols, pages, page, more: null };
}

/** One or two large tiles; the others in a strip beside them, or under them where the stage is tall. */
function speaker({ keys, width, height }: StageInput, large: readonly string[], o: GridOptions): Stage {
  const others = keys.filter((key) => !large.includes(key));
  const side = width > height * 1.15 && width >= 640;
  const w = side ? Math.round(Math.min(260, Math.max(160, width * 0.18))) : Math.min(160, Math.max(96, (width - o.gap * 2) / 3));
  const h = side ? w / o.maxAspect : w / (4 / 3);
  const [room, size] = side ? [height, h] : [width, w];
  const slots = Math.max(1, Math.floor((room + o.gap) / (size + o.gap)));
  const used = Math.min(slots, others.length);
  const start = (room - (used * size + (used - 1) * o.gap)) / 2;
  const slot = (i: number): Rect => {
    const at = start + i * (size + o.gap);
    return side ? { x: width - w, y: at, w, h } : { x: at, y: height - h, w, h };
  };
  const overflow = others.length > slots;
  const shown = overflow ? others.slice(0, slots - 1) : others;
  const places = zip(shown, shown.map((_, i) => slot(i)));
  const stripW = used > 0 && side ? w + o.gap : 0;
  const stripH = used > 0 && !side ? h + o.gap : 0;
  const area = { x: 0, y: 0, w: width - stripW, h: height - stripH };
  for (const [key, rect] of zip(large, halves(area, large.length, o.gap))) places.set(key, rect);
  const more = overflow ? { count: others.length - shown.length, rect: slot(slots - 1) } : null;
  return { places, cols: 0, pages: 1, page: 0, more };
}

/** Side by side, or one above the other where that leaves more of the faces. */
function halves(area: Rect, count: number, gap: number): Rect[] {
  if (count < 2) return [area];
  if (area.w >= area.h) {
    const w = (area.w - gap) / 2;
    return [{ ...area, w }, { ...area, x: area.x + w + gap, w }];
  }
  const h = (area.h - gap) / 2;
  return [{ ...area, h }, { ...area, y: area.y + h + gap, h }];
}

function zip(keys: readonly string[], rects: readonly Rect[]): Map<string, Rect> {
  const places = new Map<string, Rect>();
  keys.forEach((key, i) => {
    const rect = rects[i];
    if (rect) places.set(key, rect);
  });
  return places;
}

/** The same from right to left. Rectangles count from the left in every language. */
export function mirrored(layout: Stage, width: number): Stage {
  const flip = (r: Rect): Rect => ({ ...r, x: width - r.x - r.w });
  return {
    ...layout,
    places: new Map([...layout.places].map(([key, rect]) => [key, flip(rect)])),
    more: layout.more && { ...layout.more, rect: flip(layout.more.rect) },
  };
}

/** Tiles move by transform alone, so that the browser can do it without layout. */
export const place = (r: Rect): Record<string, string> => ({
  width: `${r.w}px`,
  height: `${r.h}px`,
  transform: `translate(${r.x}px, ${r.y}px)`,
});

export type Direction = 'left' | 'right' | 'up' | 'down';

/** The next tile for an arrow key: the nearest in the same row or column, or at least above or below. */
export function neighbour(places: ReadonlyMap<string, Rect>, from: string, direction: Direction): string | null {
  const origin = places.get(from);
  if (!origin) return null;
  const sign = direction === 'left' || direction === 'up' ? -1 : 1;
  const across = direction === 'left' || direction === 'right';
  let best: { key: string; cost: number } | null = null;
  for (const [key, rect] of places) {
    const dx = rect.x + rect.w / 2 - (origin.x + origin.w / 2);
    const dy = rect.y + rect.h / 2 - (origin.y + origin.h / 2);
    const [along, beside] = across ? [dx * sign, Math.abs(dy)] : [dy * sign, Math.abs(dx)];
    const inLine = across ? beside < (rect.h + origin.h) / 2 : beside < (rect.w + origin.w) / 2;
    if (key === from || along <= 1 || (across && !inLine)) continue;
    const cost = along + beside + (inLine ? 0 : FAR);
    if (!best || cost < best.cost) best = { key, cost };
  }
  return best?.key ?? null;
}

/** More than any stage is wide. */
const FAR = 100_000;

export const sameRect = (a: Rect | null | undefined, b: Rect | null | undefined): boolean =>
  a === b || (a != null && b != null && a.x === b.x && a.y === b.y && a.w === b.w && a.h === b.h);
