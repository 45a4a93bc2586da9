/** Tiles that changed places are drawn at the new one at once and slide there from the old one, by transform alone. */
import { sameRect, type Rect } from './layout';

const MOVE_MS = 180;
const FADE_MS = 120;

export interface Move {
  key: string;
  /** Where it stood; `null` if it was not on the page. */
  from: Rect | null;
  to: Rect;
}

/** What changed between two pictures of the stage. */
export function moves(before: ReadonlyMap<string, Rect>, after: ReadonlyMap<string, Rect>): Move[] {
  const all: Move[] = [];
  for (const [key, to] of after) {
    const from = before.get(key) ?? null;
    if (!sameRect(from, to)) all.push({ key, from, to });
  }
  return all;
}

export function slide(area: HTMLElement, all: readonly Move[]): void {
  if (all.length === 0 || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const elements = new Map([...area.children].map((child) => [(child as HTMLElement).dataset['key'], child]));
  for (const { key, from, to } of all) {
    const element = elements.get(key);
    if (!from) element?.animate([{ opacity: 0 }, { opacity: 1 }], FADE_MS);
    else {
      const start = `translate(${from.x}px, ${from.y}px) scale(${from.w / to.w}, ${from.h / to.h})`;
      element?.animate([{ transform: start }, { transform: `translate(${to.x}px, ${to.y}px)` }], { duration: MOVE_MS, easing: 'ease-out' });
    }
  }
}
