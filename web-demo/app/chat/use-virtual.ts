/**
 * Binds the virtual list of `@tanstack/virtual-core` to a scrolling element. The library is the only one that writes
 * where the element is scrolled to. Rows in view are laid out one below the other, so that one that grows pushes those
 * below it in the same frame.
 */
import type { RefObject } from 'preact';
import { useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { shown, type Shown } from './window';

type List = Virtualizer<HTMLElement, HTMLElement>;

interface Options {
  scroller: RefObject<HTMLElement | null>;
  keys: readonly string[];
  estimate: (index: number) => number;
  /** Whether somebody at the end goes on with what is appended. */
  follow: boolean;
  /** Closer to the end than this is the end; negative = nothing is. */
  endPx: number;
  paddingStart: number;
  paddingEnd: number;
  pinned: readonly string[];
}

export interface VirtualList {
  list: List;
  run: { first: number; last: number; top: number };
  /** Rows outside of the run, with their place in the run's measure. */
  pinned: { index: number; top: number }[];
  height: number;
}

/** Exactly: what is rounded would add up over a screenful. */
const heightOf = (element: HTMLElement): number => element.getBoundingClientRect().height;

export function useVirtual(options: Options): VirtualList {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const now = useRef(options);
  now.current = options;
  const window = useRef<Shown>({ first: 0, last: -1, pinned: [] });
  /** Where the reader was before every height changed. */
  const keep = useRef<{ key: string; into: number } | 'end' | null>(null);

  const settings = (): ConstructorParameters<typeof Virtualizer<HTMLElement, HTMLElement>>[0] => {
    const { scroller, keys, estimate, follow, endPx, paddingStart, paddingEnd, pinned } = options;
    return {
      count: keys.length,
      getScrollElement: () => scroller.current,
      getItemKey: (index) => keys[index] ?? index,
      estimateSize: estimate,
      anchorTo: 'end',
      followOnAppend: follow,
      scrollEndThreshold: endPx,
      paddingStart,
      paddingEnd,
      observeElementRect,
      observeElementOffset,
      scrollToFn: elementScroll,
      measureElement: (element, entry, list) => {
        const box = entry?.borderBoxSize[0];
        if (box) return box.blockSize;
        const known = list.itemSizeCache.get(keys[list.indexFromElement(element)] ?? '');
        return known ?? heightOf(element);
      },
      rangeExtractor: ({ startIndex, endIndex, count }) => {
        window.current = shown(startIndex, endIndex, count, pinned.map((key) => keys.indexOf(key)));
        const { first, last, pinned: others } = window.current;
        return [...Array.from({ length: last - first + 1 }, (_, i) => first + i), ...others];
      },
      onChange: () => again(undefined),
    };
  };

  const [list] = useState(() => {
    const made = new Virtualizer<HTMLElement, HTMLElement>(settings());
    // Also while somebody scrolls up, where the library would let the rows be pushed down.
    made.shouldAdjustScrollPositionOnItemSizeChange = (item, _, { itemSizeCache, scrollOffset }) =>
      (itemSizeCache.has(item.key) ? item.end : item.start + 1) <= (scrollOffset ?? 0);
    return made;
  });
  list.setOptions(settings());
  useLayoutEffect(() => list._didMount(), []);
  useLayoutEffect(() => {
    list._willUpdate();
    const place = keep.current;
    keep.current = null;
    if (place === 'end') list.scrollToEnd();
    else if (place) {
      const index = now.current.keys.indexOf(place.key);
      const item = index >= 0 ? list.measurementsCache[index] : undefined;
      if (item) list.scrollToOffset(item.start + place.into);
    }
  });

  // Another width wraps every text anew: heights that were measured before are none.
  useLayoutEffect(() => {
    const element = options.scroller.current;
    if (!element) return;
    let { clientWidth: width, clientHeight: height } = element;
    // Where one was before the list became lower, or its texts longer: neither is a scroll.
    let atEnd = true;
    const scrolled = () => (atEnd = list.isAtEnd());
    element.addEventListener('scroll', scrolled, { passive: true });
    const observer = new ResizeObserver(() => {
      // A banner, a longer text, a keyboard, a thread beside it: whoever is at the end stays there.
      if (now.current.endPx < 0) atEnd = false;
      const lower = element.clientHeight < height;
      height = element.clientHeight;
      if (element.clientWidth === width) {
        if (lower && atEnd) list.scrollToEnd();
        return;
      }
      width = element.clientWidth;
      const offset = list.scrollOffset ?? 0;
      const item = list.getVirtualItemForOffset(offset);
      keep.current = atEnd ? 'end' : item ? { key: String(item.key), into: offset - item.start } : null;
      list.measure();
      for (const row of list.elementsCache.values()) if (row.isConnected) list.resizeItem(list.indexFromElement(row), heightOf(row));
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', scrolled);
    };
  }, []);

  const items = list.getVirtualItems();
  if (items.length === 0) window.current = { first: 0, last: -1, pinned: [] };
  const { first, last, pinned } = window.current;
  const top = items.find((item) => item.index === first)?.start ?? 0;
  return {
    list,
    run: { first, last: Math.min(last, options.keys.length - 1), top },
    pinned: items.filter((item) => pinned.includes(item.index)).map((item) => ({ index: item.index, top: item.start - top })),
    height: list.getTotalSize(),
  };
}
