/** The large parts of the page, and the way between them: F6 and Shift+F6. */

/** In the order in which one goes through them; an element says by `data-region` which it is. */
export const REGIONS = ['stage', 'toolbar', 'panel', 'sidebar', 'main'] as const;
export type Region = (typeof REGIONS)[number];

/** Where one enters a part that one has not been in yet, the best first; otherwise at the first place a Tab would go to. */
const ENTRY: Record<Region, readonly string[]> = {
  stage: ['[tabindex="0"]'],
  toolbar: ['[tabindex="0"]'],
  panel: ['textarea'],
  sidebar: ['[aria-current=page]'],
  main: ['textarea', 'h1[tabindex]'],
};
const PLACES = 'a[href], button, input, select, textarea, summary, [tabindex]';

/** The next one of those that are there, and around the end. `null` where there is no other. */
export function nextRegion(there: readonly Region[], at: Region | null, by: 1 | -1): Region | null {
  const all = REGIONS.filter((one) => there.includes(one));
  const now = at ? all.indexOf(at) : -1;
  if (now < 0) return (by > 0 ? all[0] : all.at(-1)) ?? null;
  const next = all[(now + by + all.length) % all.length];
  return next && next !== at ? next : null;
}

/** Where one was last in each part. */
const last = new WeakMap<Element, HTMLElement>();

const partOf = (element: Element | null): HTMLElement | null => element?.closest<HTMLElement>('[data-region]') ?? null;
const nameOf = (part: HTMLElement): Region | null => REGIONS.find((one) => one === part.dataset['region']) ?? null;
const canTake = (element: HTMLElement): boolean => element.checkVisibility({ visibilityProperty: true }) && !element.matches(':disabled');

/** A part within another one is not of it. */
const own = (part: HTMLElement, selector: string): HTMLElement[] =>
  [...part.querySelectorAll<HTMLElement>(selector)].filter((element) => partOf(element) === part && canTake(element));

function entryOf(part: HTMLElement): HTMLElement | null {
  const before = last.get(part);
  if (before?.isConnected && partOf(before) === part && canTake(before)) return before;
  const name = nameOf(part);
  for (const selector of name ? ENTRY[name] : []) {
    const [found] = own(part, selector);
    if (found) return found;
  }
  return own(part, PLACES).find((element) => element.tabIndex >= 0) ?? null;
}

/** Goes there; `false` where there is nowhere to go, so that the key keeps what it does in the browser. */
export function goToRegion(by: 1 | -1): boolean {
  if (document.querySelector('dialog:modal')) return false;
  const entries = new Map<Region, HTMLElement>();
  for (const part of document.querySelectorAll<HTMLElement>('[data-region]')) {
    const [name, entry] = [nameOf(part), entryOf(part)];
    if (name && entry && !entries.has(name)) entries.set(name, entry);
  }
  const here = partOf(document.activeElement);
  const next = nextRegion([...entries.keys()], here && nameOf(here), by);
  if (!next) return false;
  entries.get(next)?.focus();
  return true;
}

export function rememberRegions(): () => void {
  const note = ({ target }: FocusEvent) => {
    const part = target instanceof HTMLElement ? partOf(target) : null;
    if (part) last.set(part, target as HTMLElement);
  };
  addEventListener('focusin', note);
  return () => removeEventListener('focusin', note);
}
