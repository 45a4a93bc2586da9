/** Keeps the order of the tiles, and tells the client how each is looked at. Runs beside the views, like the call itself. */
import { effect, signal } from '@preact/signals';
import { convene } from '../client';
import { saveCameras, saveScreens } from '../prefs';
import { call } from '../store';
import { attention } from './attention';
import { dominant, mainKeys, pinned, tiles, tilesByKey } from './call-state';
import type { Rect } from './layout';
import { Order } from './order';

/** Who is off the page is named until this long after the last word. */
const EDGE_MS = 1_000;

/** Keys of tiles in their order; one whose tile is gone is an empty seat. */
export const seats = signal<readonly string[]>([]);
/** Where tiles stand, as drawn last; nothing while no stage is shown. */
/** Who is in the small window, and how large. */
export const aside = signal<{ key: string; height: number } | null>(null);
const places = signal<ReadonlyMap<string, Rect>>(new Map());
/** Who speaks and is not on this page; participant id. */
export const offPage = signal<string | null>(null);

let order = new Order();
let timer: ReturnType<typeof setTimeout> | undefined;
let edgeTimer: ReturnType<typeof setTimeout> | undefined;
let floor: string | null = null;

/** What the stage has drawn. */
export function drawn(now: ReadonlyMap<string, Rect>): void {
  if (places.peek() === now) return;
  places.value = now;
  order.show(new Set(now.keys()));
  settle();
  watchEdge();
}

/** The pointer or the focus is on the stage, or no longer. */
export function holdStage(held: boolean): void {
  order.hold(held);
  settle();
}

function settle(): void {
  const now = performance.now();
  order.poll(now);
  const next = order.list;
  if (next.length !== seats.peek().length || next.some((key, i) => key !== seats.peek()[i])) seats.value = next;
  clearTimeout(timer);
  const due = order.nextTimeout();
  if (due !== null) timer = setTimeout(settle, Math.max(0, due - now));
}

function watchEdge(): void {
  const { levels } = convene.call;
  const shown = places.peek();
  const away = (id: string) => id !== levels.ownKey && shown.size > 0 && tilesByKey.peek().has(`${id}/camera`) && !shown.has(`${id}/camera`);
  const current = offPage.peek();
  const speaking = levels.speakers.filter(away);
  if (current !== null && !away(current)) offPage.value = null;
  if (speaking.length > 0) {
    clearTimeout(edgeTimer);
    edgeTimer = undefined;
    if (current === null || !speaking.includes(current)) offPage.value = speaking[0] ?? null;
  } else if (offPage.peek() !== null) edgeTimer ??= setTimeout(() => ((edgeTimer = undefined), (offPage.value = null)), EDGE_MS);
}

function start(): void {
  convene.call.levels.events.on('speaking', ({ key, speaking }) => {
    if (key === convene.call.levels.ownKey) return;
    order.speaks(performance.now(), key, speaking);
    settle();
    watchEdge();
  });
  convene.call.events.on('dominant', (holder) => {
    if (holder === floor) return;
    floor = holder;
    order.dominant(performance.now(), holder === convene.call.state.participantId ? null : holder);
    settle();
  });
  effect(() => {
    if (call.value.phase === 'idle') {
      order = new Order();
      floor = null;
    }
    const members = tiles.value.map((tile) => ({
      key: tile.key,
      participantId: tile.participant.participantId,
      userId: tile.participant.userId,
      kind: tile.self ? ('self' as const) : tile.source === 'screen' ? ('screen' as const) : ('person' as const),
      hand: tile.hand > 0,
    }));
    order.update(performance.now(), members);
    order.pin(pinned.value);
    order.lead(mainKeys.value);
    settle();
  });
  effect(() => {
    const facts = { mains: mainKeys.value, pinned: pinned.value, dominant: dominant.value, density: devicePixelRatio, small: aside.value, without: { cameras: saveCameras.value === 'on', screens: saveScreens.value === 'on' } };
    for (const [trackId, look] of attention(tiles.value, places.value, facts)) convene.call.subscriptions.show(trackId, look);
  });
}

start();
