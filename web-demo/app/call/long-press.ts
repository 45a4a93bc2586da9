/** A finger that stays opens the menu of what it is on. Browsers that send `contextmenu` for it do the same; others do not. */
const HOLD_MS = 500;
/** Further than this, and it is a swipe. */
const MOVE_PX = 10;

/** Listens until the returned function is called. */
export function longPress(area: HTMLElement, held: (target: EventTarget | null) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let from = { x: 0, y: 0 };
  const stop = () => clearTimeout(timer);
  const down = (event: PointerEvent) => {
    stop();
    // A button has a press of its own.
    const button = event.target instanceof Element && event.target.closest('button, select');
    if (event.pointerType !== 'touch' || !event.isPrimary || button) return;
    from = { x: event.clientX, y: event.clientY };
    const { target } = event;
    timer = setTimeout(() => held(target), HOLD_MS);
  };
  const move = (event: PointerEvent) => {
    if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > MOVE_PX) stop();
  };
  const ends = ['pointerup', 'pointercancel', 'pointerleave'] as const;
  area.addEventListener('pointerdown', down);
  area.addEventListener('pointermove', move, { passive: true });
  for (const name of ends) area.addEventListener(name, stop);
  return () => {
    stop();
    area.removeEventListener('pointerdown', down);
    area.removeEventListener('pointermove', move);
    for (const name of ends) area.removeEventListener(name, stop);
  };
}
