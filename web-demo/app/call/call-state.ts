/** What the call view shows, apart from the call itself. Survives leaving the view. */
import { computed, effect, signal } from '@preact/signals';
import type { Participant, RemoteTrack } from '../../sdk/index';
import { convene } from '../client';
import { layoutMode } from '../prefs';
import { call } from '../store';

export const callStatsOpen = signal(false);
export const pinned = signal<string | null>(null);
/** The one who has the floor, never me; participant id. */
export const dominant = signal<string | null>(null);
export const page = signal(0);
/** Goes up when the viewer chose a quality; the choices themselves are kept by the client. */
export const choices = signal(0);

export interface TileModel {
  key: string;
  source: 'camera' | 'screen';
  participant: Participant;
  self: boolean;
  track: RemoteTrack | null;
}

/** Everything with a place on the stage: pinned first, then screens, then people as they joined, me last. */
export const tiles = computed<TileModel[]>(() => {
  const { participants, tracks, participantId } = call.value;
  const screens: TileModel[] = [];
  const others: TileModel[] = [];
  const mine: TileModel[] = [];
  for (const participant of participants) {
    const self = participant.participantId === participantId;
    const of = (source: 'camera' | 'screen') =>
      tracks.find((t) => t.participantId === participant.participantId && t.source === source) ?? null;
    const id = participant.participantId;
    (self ? mine : others).push({ key: `${id}/camera`, source: 'camera', participant, self, track: of('camera') });
    const screen = of('screen');
    // My own screen is the thumbnail beside "You are sharing": as a tile it would show itself without end.
    if (!self && screen) screens.push({ key: `${id}/screen`, source: 'screen', participant, self, track: screen });
  }
  const all = [...screens, ...others, ...mine];
  const at = all.findIndex((tile) => tile.key === pinned.value);
  const pin = all[at];
  return pin ? [pin, ...all.filter((tile) => tile !== pin)] : all;
});

export const micOf = (participantId: string): RemoteTrack | undefined =>
  call.value.tracks.find((t) => t.participantId === participantId && t.source === 'mic');

/** A shared screen or a pin wants the large place, whatever view was chosen. */
export const effectiveLayout = computed<'grid' | 'speaker'>(() => {
  if (forcedGrid.value) return 'grid';
  const wantsSpace = pinned.value !== null || tiles.value.some((tile) => tile.source === 'screen' && !tile.self);
  return wantsSpace ? 'speaker' : layoutMode.value;
});

/** Set by switching to the grid during a share; ends with that share. */
export const forcedGrid = signal(false);

export const mainKey = computed<string | null>(() => {
  const all = tiles.value;
  const pin = all.find((tile) => tile.key === pinned.value);
  if (pin) return pin.key;
  const screen = all.find((tile) => tile.source === 'screen' && !tile.self);
  if (screen) return screen.key;
  const speaker = all.find((tile) => tile.participant.participantId === dominant.value && !tile.self && tile.source === 'camera');
  return (speaker ?? all.find((tile) => !tile.self) ?? all[0])?.key ?? null;
});

export function togglePin(key: string): void {
  pinned.value = pinned.value === key ? null : key;
}

export function cycleLayout(): void {
  if (effectiveLayout.value === 'speaker') {
    pinned.value = null;
    if (tiles.value.some((tile) => tile.source === 'screen' && !tile.self)) forcedGrid.value = true;
    layoutMode.value = 'grid';
  } else {
    forcedGrid.value = false;
    layoutMode.value = 'speaker';
  }
}

/** Follows who has the floor while a call runs; starts once. The server waits out coughs and flutter. */
export function followDominant(): void {
  convene.call.events.on('dominant', (holder) => {
    if (holder && holder !== call.value.participantId) dominant.value = holder;
  });
  effect(() => {
    if (call.value.phase === 'idle') {
      dominant.value = null;
      pinned.value = null;
      page.value = 0;
      forcedGrid.value = false;
    } else if (pinned.value && !tiles.value.some((tile) => tile.key === pinned.value)) pinned.value = null;
    if (forcedGrid.value && !tiles.value.some((tile) => tile.source === 'screen' && !tile.self)) forcedGrid.value = false;
  });
}

followDominant();
