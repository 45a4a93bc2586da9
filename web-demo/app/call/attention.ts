/** How the others' video is looked at, from where it stands on the stage. Pure. */
import { neededHeight, type Look } from '../../sdk/index';
import type { TileModel } from './call-state';
import type { Rect } from './layout';

/** What is left out last when there is too little room for all: a screen is read, a speaker is listened to. */
const SCREEN = 3;
const LARGE = 2;
const REST = 0;

interface Facts {
  mains: readonly string[];
  pinned: string | null;
  dominant: string | null;
  density: number;
  /** In a window of its own, beside whatever the stage shows. */
  small?: { key: string; height: number } | null;
  /** What is not received, to save data. */
  without?: { cameras?: boolean; screens?: boolean };
}

export function attention(
  tiles: readonly TileModel[],
  places: ReadonlyMap<string, Rect>,
  { mains, pinned, dominant, density, small = null, without = {} }: Facts,
): Map<string, Look> {
  const looks = new Map<string, Look>();
  for (const { key, track, source, participant, self } of tiles) {
    if (self || !track) continue;
    const rect = places.get(key);
    const aside = small?.key === key ? small.height : 0;
    const saved = source === 'screen' ? without.screens : without.cameras;
    if ((!rect && aside === 0) || track.muted || saved) {
      looks.set(track.trackId, { height: 0, priority: REST });
      continue;
    }
    const screen = source === 'screen';
    const main = mains.includes(key);
    const height = Math.max(aside, rect ? neededHeight(rect, density, screen || main ? 'contain' : 'cover') : 0);
    const urgent = main || aside > 0 || key === pinned || participant.participantId === dominant;
    looks.set(track.trackId, { height, priority: screen ? SCREEN : urgent ? LARGE : REST, urgent, sharp: screen });
  }
  return looks;
}
