import { describe, expect, it } from 'vitest';
import { placesAhead, placesFor } from './places';
import { liveCall, read, trackEvent, type TrackEvent } from './wire';

const track = (kind: string): TrackEvent => read(trackEvent, { state: 'published', trackId: kind, kind, source: kind === 'audio' ? 'mic' : 'camera' }, 'rtc:track')!;

const call = (states: object[]) =>
  read(liveCall, { callId: 'c', channelId: 'x', participants: states.map((voiceState, i) => ({ userId: `${i}`, voiceState })) }, 'call')!;

describe('places in an offer', () => {
  it('are as many as there are tracks', () => {
    expect(placesFor([])).toEqual({ audio: 0, video: 0 });
    expect(placesFor([track('audio'), track('video'), track('video')])).toEqual({ audio: 1, video: 2 });
  });

  it('are guessed from who is there, camera and screen each', () => {
    expect(placesAhead(call([{ video: true }, { video: true, screen: true }, {}]))).toEqual({ audio: 3, video: 3 });
  });

  it('are one of each for a call of which nothing is known, and not too many for a large one', () => {
    expect(placesAhead(undefined)).toEqual({ audio: 1, video: 1 });
    expect(placesAhead(call(Array.from({ length: 60 }, () => ({ video: true }))))).toEqual({ audio: 16, video: 16 });
  });
});
