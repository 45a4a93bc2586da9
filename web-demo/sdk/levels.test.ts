import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Levels } from './levels';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('levels', () => {
  it('shows a ring as long as the server says so', () => {
    const levels = new Levels();
    const log: string[] = [];
    levels.events.on('speaking', ({ key, speaking }) => log.push(`${key} ${speaking}`));
    levels.onSpeakers([{ key: 'bo', level: 80 }]);
    vi.advanceTimersByTime(250);
    levels.onSpeakers([{ key: 'bo', level: 70 }, { key: 'cy', level: 90 }]);
    expect(log).toEqual(['bo true', 'cy true']);
    levels.onSpeakers([{ key: 'cy', level: 90 }]);
    expect(log).toEqual(['bo true', 'cy true', 'bo false']);
    levels.onSpeakers([]);
    expect(levels.speakers).toEqual([]);
  });

  it('does not believe a silent server for long', () => {
    const levels = new Levels();
    levels.onSpeakers([{ key: 'bo', level: 80 }]);
    vi.advanceTimersByTime(3_000);
    expect(levels.speakers).toEqual([]);
  });

  it('takes no ring of mine from the server, and none for a breath', () => {
    const levels = new Levels();
    levels.ownKey = 'me';
    levels.onSpeakers([{ key: 'me', level: 120 }, { key: 'bo', level: 3 }]);
    expect(levels.speakers).toEqual([]);
  });

  it('shows my own ring from my own microphone, and none once it is muted', () => {
    let loudness = 0.1;
    class Analyser {
      fftSize = 0;
      getFloatTimeDomainData = (samples: Float32Array) => samples.fill(loudness);
    }
    class Context {
      resume = () => Promise.resolve();
      close = () => Promise.resolve();
      createAnalyser = () => new Analyser();
      createMediaStreamSource = () => ({ connect: () => {}, disconnect: () => {} });
    }
    vi.stubGlobal('AudioContext', Context);
    vi.stubGlobal('MediaStream', class {});
    const levels = new Levels();
    levels.ownKey = 'me';
    const track = { enabled: true } as MediaStreamTrack;
    levels.measure(track);
    vi.advanceTimersByTime(80);
    expect(levels.speakers).toEqual([]);
    vi.advanceTimersByTime(40);
    expect(levels.speakers).toEqual(['me']);
    // What the server says of others is nothing about me.
    levels.onSpeakers([]);
    expect(levels.speakers).toEqual(['me']);
    loudness = 0;
    vi.advanceTimersByTime(360);
    expect(levels.speakers).toEqual(['me']);
    vi.advanceTimersByTime(80);
    expect(levels.speakers).toEqual([]);
    loudness = 0.1;
    vi.advanceTimersByTime(400);
    expect(levels.speakers).toEqual(['me']);
    track.enabled = false;
    levels.measure(track);
    expect(levels.speakers).toEqual([]);
    vi.advanceTimersByTime(400);
    expect(levels.speakers).toEqual([]);
    track.enabled = true;
    vi.advanceTimersByTime(400);
    expect(levels.speakers).toEqual(['me']);
    levels.measure(null);
    expect(levels.speakers).toEqual([]);
    levels.close();
    vi.unstubAllGlobals();
  });
});
