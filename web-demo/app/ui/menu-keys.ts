/** The keys of an open menu: arrows, Home and End go through its items, Escape and Tab close it. */
export function menuKeys(event: KeyboardEvent, close: () => void, { sideways = false } = {}): void {
  const menu = event.currentTarget as Element;
  const all = [...menu.querySelectorAll<HTMLElement>('[role=menuitem]')];
  const now = all.indexOf(document.activeElement as HTMLElement);
  const step = (by: number) => (now + by + all.length) % all.length;
  const to: Record<string, number> = { ArrowDown: step(1), ArrowUp: step(-1), Home: 0, End: all.length - 1 };
  if (sideways) {
    const forward = getComputedStyle(menu).direction === 'rtl' ? -1 : 1;
    Object.assign(to, { ArrowRight: step(forward), ArrowLeft: step(-forward) });
  }
  const next = to[event.key];
  if (next !== undefined) all[next]?.focus();
  else if (event.key === 'Escape' || event.key === 'Tab') close();
  else return;
  // Neither what is around the menu nor the page's shortcuts get it.
  event.stopPropagation();
  if (event.key !== 'Tab') event.preventDefault();
}
