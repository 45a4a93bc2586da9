import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { AudioLines, ChevronLeft, ChevronRight } from 'lucide';
import { pinTile } from './acts';
import { mostPerPage } from '../prefs';
import { nameOf } from '../store';
import { isRtl } from '../language';
import { t } from '../strings';
import { IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { cycleLayout, effectiveLayout, mainKeys, page, pinned, tilesByKey } from './call-state';
import { moves, slide } from './flip';
import { longPress } from './long-press';
import { arrange, mirrored, neighbour, place, sameRect, type Direction, type Rect, type Stage as Layout } from './layout';
import { FloatingReactions } from './reactions';
import { drawn, holdStage, offPage, seats } from './seating';
import { Slots } from './slots';
import { Tile } from './tile';

const PHONE_WIDTH = 700;
const NOWHERE: ReadonlyMap<string, Rect> = new Map();
const ARROWS: Record<string, Direction> = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' };

interface Drawn {
  width: number;
  height: number;
  count: number;
  cols: number;
  places: ReadonlyMap<string, Rect>;
}

export function Stage() {
  const area = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const last = useRef<Drawn | null>(null);
  const slots = useRef<Slots | null>(null);
  const focused = useSignal<string | null>(null);
  const held = useRef({ pointer: false, focus: false });
  const hold = (part: Partial<typeof held.current>) => {
    Object.assign(held.current, part);
    holdStage(held.current.pointer || held.current.focus);
  };

  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    const unpress = longPress(element, (target) => {
      const tile = tileOf(target);
      if (tile) openMenu(tile);
    });
    return () => {
      observer.disconnect();
      unpress();
      drawn(NOWHERE);
      holdStage(false);
    };
  }, []);

  const keys = seats.value;
  const tiles = tilesByKey.value;
  const mode = effectiveLayout.value;
  const mains = mainKeys.value;
  const before = last.current;
  const planned = arrange({
    keys,
    ...size,
    mode,
    mains,
    page: page.value,
    phone: size.width < PHONE_WIDTH,
    most: Number(mostPerPage.value),
    // Columns are only kept while the number of people is the same.
    previousCols: before && before.count === keys.length && before.cols > 0 ? before.cols : undefined,
  });
  const stage = isRtl() ? mirrored(planned, size.width) : planned;
  const places = unmoved(before?.places, stage.places);
  const shown = (slots.current ??= new Slots()).assign([...places.keys()].filter((key) => tiles.has(key)));
  const tabStop = shown.some(({ key }) => key === focused.value) ? focused.value : ([...places.keys()].find((key) => tiles.has(key)) ?? null);

  useLayoutEffect(() => {
    const same = before?.width === size.width && before.height === size.height;
    if (same && area.current && before.places !== places) slide(area.current, moves(before.places, places));
    last.current = { ...size, count: keys.length, cols: stage.cols, places };
    drawn(places);
  });

  const focus = (key: string | null | undefined) => {
    const element = [...(area.current?.children ?? [])].find((child) => (child as HTMLElement).dataset['key'] === key);
    if (!element) return false;
    (element as HTMLElement).focus();
    return true;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const tile = tileOf(event.target);
    const key = tile?.dataset['key'];
    if (!tile || !key || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    const own = event.target === tile;
    const direction = ARROWS[event.key];
    const ends = { Home: shownOrder(places)[0], End: shownOrder(places).at(-1) }[event.key];
    if (direction || ends) {
      if (!focus(ends ?? (direction && neighbour(places, key, direction)))) return;
    } else if (event.key === 'PageDown' || event.key === 'PageUp') turnPage(stage, event.key === 'PageDown' ? 1 : -1);
    else if (own && (event.key === 'Enter' || event.key.toLowerCase() === 'p')) pinTile(key);
    else if (own && ((event.key === 'F10' && event.shiftKey) || event.key === 'ContextMenu')) openMenu(tile);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      class="stage"
      data-mode={mode}
      data-testid="stage"
      data-region="stage"
      onPointerEnter={() => hold({ pointer: true })}
      onPointerLeave={() => hold({ pointer: false })}
      // Where a finger once tapped is no place that somebody works at.
      onFocusIn={(e) => hold({ focus: e.target instanceof Element && e.target.matches(':focus-visible') })}
      onFocusOut={() => hold({ focus: false })}
    >
      <div
        class="stage-area"
        ref={area}
        onKeyDown={onKeyDown}
        onFocusIn={(e) => (focused.value = tileOf(e.target)?.dataset['key'] ?? focused.value)}
        onContextMenu={(e) => {
          const tile = tileOf(e.target);
          if (!tile) return;
          e.preventDefault();
          openMenu(tile);
        }}
      >
        {shown.map(({ slot, key }) => {
          const [tile, rect] = [tiles.get(key), places.get(key)];
          return tile && rect && <Tile key={slot} tile={tile} rect={rect} main={mains.includes(key)} pinned={pinned.value === key} tabStop={key === tabStop} />;
        })}
        {stage.more && (
          <button type="button" class="tile stage-more" style={place(stage.more.rect)} onClick={cycleLayout} aria-label={t.call.showAll(stage.more.count)}>
            +{stage.more.count}
          </button>
        )}
        <Edge />
        <FloatingReactions places={places} />
      </div>
      {stage.pages > 1 && (
        <div class="stage-pages">
          <IconButton icon={ChevronLeft} class="flip-rtl" label={t.call.previous} disabled={stage.page === 0} onClick={() => turnPage(stage, -1)} />
          <span>{t.call.page(stage.page + 1, stage.pages)}</span>
          <IconButton icon={ChevronRight} class="flip-rtl" label={t.call.next} disabled={stage.page >= stage.pages - 1} onClick={() => turnPage(stage, 1)} />
        </div>
      )}
    </div>
  );
}

/** Who speaks although nobody sees them. It is no announcement: screen readers hear them already. */
function Edge() {
  const tile = offPage.value === null ? undefined : tilesByKey.value.get(`${offPage.value}/camera`);
  if (!tile) return null;
  return (
    <div class="stage-edge" data-testid="off-page-speaker" data-participant={tile.participant.participantId}>
      <Icon node={AudioLines} size={15} />
      <span dir="auto">{t.call.speaking(nameOf(tile.participant.userId, tile.participant.name))}</span>
    </div>
  );
}

function turnPage(stage: Layout, by: number): void {
  page.value = Math.max(0, Math.min(stage.pages - 1, stage.page + by));
}

const tileOf = (target: EventTarget | null) => (target instanceof Element ? target.closest<HTMLElement>('.tile[data-key]') : null);

/** The menu stands in the tile; a second press of the key must not close it. */
function openMenu(tile: HTMLElement): void {
  const button = tile.querySelector<HTMLButtonElement>('[data-testid=tile-menu]');
  if (button?.ariaExpanded !== 'true') button?.click();
}

/** As one reads: rows, then columns. */
const shownOrder = (places: ReadonlyMap<string, Rect>): string[] => [...places].sort(([, a], [, b]) => a.y - b.y || (isRtl() ? b.x - a.x : a.x - b.x)).map(([key]) => key);

/** What stands where it stood keeps its rectangle, and all of it if nothing moved: then nothing is rendered. */
function unmoved(before: ReadonlyMap<string, Rect> | undefined, after: ReadonlyMap<string, Rect>): ReadonlyMap<string, Rect> {
  if (!before) return after;
  const next = new Map([...after].map(([key, rect]) => [key, sameRect(before.get(key), rect) ? (before.get(key) ?? rect) : rect]));
  const same = next.size === before.size && [...next].every(([key, rect]) => before.get(key) === rect);
  return same ? before : next;
}
