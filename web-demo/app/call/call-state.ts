/** What the call view shows, apart from the call itself. Survives leaving the view. */
import { computed, effect, signal } from '@preact/signals';
import type { Participant, RemoteTrack } from '../../sdk/index';
import { convene } from '../client';
import { layoutMode } from '../prefs';
import { call, local } from '../store';
import { Floor } from './floor';
import { gradeOf, type Grade } from './quality';

export const callStatsOpen = signal(false);
export const pinned = signal<string | null>(null);
/** The one who has the floor, never me; participant id. */
export const dominant = signal<string | null>(null);
/** Who is large in the speaker view: participant ids, two if they talk with each other. */
export const speakers = signal<readonly string[]>([]);
export const page = signal(0);
/** Goes up when the viewer chose a quality; the choices themselves are kept by the client. */
export const choices = signal(0);
/** Goes up when received media came to another place. */
export const received = computed(() => call.value.received);

export interface TileModel {
  key: string;
  source: 'camera' | 'screen';
  participant: Participant;
  self: boolean;
  /** What comes from others. */
  track: RemoteTrack | null;
  /** My camera. */
  own: MediaStreamTrack | null;
  muted: boolean;
  /** In the queue of those who have a hand up, from 1; 0 = no hand. */
  hand: number;
  grade: Grade | null;
}

let known: readonly TileModel[] = [];

/** The same tiles are the same objects, so that only what changed is rendered again. */
function kept(next: TileModel[]): readonly TileModel[] {
  const before = new Map(known.map((tile) => [tile.key, tile]));
  const all = next.map((tile) => {
    const old = before.get(tile.key);
    return old && (Object.keys(tile) as (keyof TileModel)[]).every((name) => old[name] === tile[name]) ? old : tile;
  });
  if (all.length !== known.length || all.some((tile, i) => tile !== known[i])) known = all;
  return known;
}

/** Everything that has a tile: screens, people as they joined, me last. */
export const tiles = computed<readonly TileModel[]>(() => {
  const { participants, tracks, participantId, quality, hands } = call.value;
  const { cameraTrack, micOn, micTrack } = local.value;
  const bySource = new Map(tracks.map((track) => [`${track.participantId}/${track.source}`, track]));
  const screens: TileModel[] = [];
  const others: TileModel[] = [];
  const mine: TileModel[] = [];
  for (const participant of participants) {
    const id = participant.participantId;
    const self = id === participantId;
    const mic = bySource.get(`${id}/mic`);
    const score = quality.get(id)?.score;
    const muted = self ? !micOn || !micTrack : (mic?.muted ?? true) || participant.voiceState.muted === true;
    (self ? mine : others).push({
      key: `${id}/camera`,
      source: 'camera',
      participant,
      self,
      track: self ? null : (bySource.get(`${id}/camera`) ?? null),
      own: self ? cameraTrack : null,
      muted,
      hand: hands.indexOf(participant.userId) + 1,
      grade: score === undefined ? null : gradeOf(score),
    });
    const screen = bySource.get(`${id}/screen`) ?? null;
    // My own screen is the thumbnail beside "You are sharing": as a tile it would show itself without end.
    if (!self && screen) screens.push({ key: `${id}/screen`, source: 'screen', participant, self, track: screen, own: null, muted: false, hand: 0, grade: null });
  }
  return kept([...screens, ...others, ...mine]);
});

export const tilesByKey = computed(() => new Map(tiles.value.map((tile) => [tile.key, tile])));

const sharedScreen = computed(() => tiles.value.find((tile) => tile.source === 'screen')?.key ?? null);

/** A shared screen or a pin wants the large place, whatever view was chosen. */
export const effectiveLayout = computed<'grid' | 'speaker'>(() => {
  if (forcedGrid.value) return 'grid';
  const wantsSpace = pinned.value !== null || sharedScreen.value !== null;
  return wantsSpace ? 'speaker' : layoutMode.value;
});

/** Set by switching to the grid during a share; ends with that share. */
export const forcedGrid = signal(false);

const NOBODY: readonly string[] = [];
let lastMains = NOBODY;

/** The large tiles of the speaker view; none in the grid, which stands still whoever speaks. */
export const mainKeys = computed<readonly string[]>(() => {
  if (effectiveLayout.value === 'grid') return NOBODY;
  const all = tiles.value;
  const chosen = (pinned.value && tilesByKey.value.has(pinned.value) ? pinned.value : null) ?? sharedScreen.value;
  const talking = chosen ? [chosen] : speakers.value.map((id) => `${id}/camera`).filter((key) => tilesByKey.value.has(key));
  const anybody = all.find((tile) => !tile.self) ?? all[0];
  const next = talking.length > 0 || !anybody ? talking : [anybody.key];
  if (next.length !== lastMains.length || next.some((key, i) => key !== lastMains[i])) lastMains = next;
  return lastMains;
});

export function togglePin(key: string): void {
  pinned.value = pinned.value === key ? null : key;
  forcedGrid.value = false;
}

export function cycleLayout(): void {
  if (effectiveLayout.value === 'speaker') {
    pinned.value = null;
    if (sharedScreen.value !== null) forcedGrid.value = true;
    layoutMode.value = 'grid';
  } else {
    forcedGrid.value = false;
    layoutMode.value = 'speaker';
  }
}

/** Follows who has the floor while a call runs; starts once. The server waits out coughs and flutter. */
function followDominant(): void {
  let floor = new Floor();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const settle = () => {
    const now = performance.now();
    floor.poll(now);
    dominant.value = floor.current;
    if (floor.speakers.join() !== speakers.peek().join()) speakers.value = [...floor.speakers];
    clearTimeout(timer);
    const next = floor.nextTimeout();
    if (next !== null) timer = setTimeout(settle, Math.max(0, next - now));
  };
  convene.call.events.on('dominant', (holder) => {
    floor.told(performance.now(), holder === convene.call.state.participantId ? null : holder);
    settle();
  });
  effect(() => {
    if (call.value.phase === 'idle') {
      floor = new Floor();
      pinned.value = null;
      page.value = 0;
      forcedGrid.value = false;
    } else if (pinned.value && !tilesByKey.value.has(pinned.value)) pinned.value = null;
    if (forcedGrid.value && sharedScreen.value === null) forcedGrid.value = false;
    const here = new Set(call.value.participants.map((one) => one.participantId));
    for (const id of [...floor.speakers]) if (!here.has(id)) floor.forget(id);
    settle();
  });
}

followDominant();
