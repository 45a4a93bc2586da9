/** How many tracks of each kind an offer has room to receive. */
import type { LiveCall, TrackEvent } from './wire';

export interface Places {
  audio: number;
  video: number;
}

/** Of each kind, in an offer that is made before the server has told who sends what. */
const MOST_AHEAD = 16;

/** Enough for the first offer to be the last one. */
export function placesFor(tracks: readonly TrackEvent[]): Places {
  const count = (kind: string) => tracks.filter((track) => track.kind === kind).length;
  return { audio: count('audio'), video: count('video') };
}

/** From what others see of a call: a guess, since the server asks for what is missing. */
export function placesAhead(call: LiveCall | undefined): Places {
  const participants = call?.participants ?? [];
  const pictures = participants.flatMap(({ voiceState }) => [voiceState?.video, voiceState?.screen]).filter(Boolean);
  const bound = (count: number) => Math.max(1, Math.min(count, MOST_AHEAD));
  return { audio: bound(participants.length), video: bound(pictures.length) };
}
