/** How the others' video is looked at, from where it stands on the stage. Pure. */
import { neededHeight, type Look } from '../../sdk/index';
import type { TileModel } from './call-state';
import type { Rect } from './layout';

/** What is left out last when there is too little room for all: a screen is read, a speaker is listened to. */
const SCREEN = 3;
const LARGE = 2;
const REST = 0;

export function attention(
  tiles: readonly TileModel[],
  places: ReadonlyMap<string, Rect>,
  { mains, pinned, dominant, density }: { mains: readonly string[]; pinned: string | null; dominant: string | null; density: number },
): Map<string, Look> {
  const looks = new Map<string, Look>();
  for (const { key, track, source, participant, self } of tiles) {
    if (self || !track) continue;
    const rect = places.get(key);
    if (!rect || track.muted) {
      looks.set(track.trackId, { height: 0, priority: REST });
      continue;
    }
    const screen = source === 'screen';
    const main = mains.includes(key);
    const height = neededHeight(rect, density, screen || main ? 'contain' : 'cover');
    const urgent = main || key === pinned || participant.participantId === dominant;
    looks.set(track.trackId, { height, priority: screen ? SCREEN : urgent ? LARGE : REST, urgent, sharp: screen });
  }
  return looks;
}
