import { describe, expect, it } from 'vitest';
import { AFTER_MUTE_MS, SILENT_AFTER_MS, SilenceWatch, TalkWatch, type MicSample } from './mic-watch';

const TICK = 100;
const sample = (now: number, rms: number, part: Partial<MicSample> = {}): MicSample => ({ now, rms, peak: rms * 2, trackMuted: false, ...part });

describe('SilenceWatch', () => {
  const firstSilent = (at: (now: number) => MicSample): number => {
    const watch = new SilenceWatch();
    for (let now = 0; now < 20_000; now += TICK) if (watch.feed(at(now))) return now;
    return -1;
  };
  it('tells after three seconds of nothing but zeros', () => expect(firstSilent((now) => sample(now, 0))).toBe(SILENT_AFTER_MS));
  it('tells after three seconds of a track that the browser muted', () => expect(firstSilent((now) => sample(now, 0.1, { trackMuted: true }))).toBe(SILENT_AFTER_MS));
  it('takes the noise of a quiet room for a working microphone', () => expect(firstSilent((now) => sample(now, 1e-5))).toBe(-1));
  it('begins anew after every sound', () => expect(firstSilent((now) => sample(now, now % 2_900 === 0 ? 0.1 : 0))).toBe(-1));
  it('is over with the first sound', () => {
    const watch = new SilenceWatch();
    watch.feed(sample(0, 0));
    expect(watch.feed(sample(SILENT_AFTER_MS, 0))).toBe(true);
    expect(watch.feed(sample(SILENT_AFTER_MS + TICK, 1e-4))).toBe(false);
  });
});

describe('TalkWatch', () => {
  const told = (muted: (now: number) => boolean, rms: (now: number) => number): number[] => {
    const watch = new TalkWatch();
    const at: number[] = [];
    for (let now = 0; now < 60_000; now += TICK) if (watch.feed(sample(now, rms(now)), muted(now))) at.push(now);
    return at;
  };
  const speech = () => 0.1;
  it('tells once while one stays muted, and not within ten seconds of muting', () => expect(told(() => true, speech)).toEqual([AFTER_MUTE_MS]));
  it('tells again the next time one is muted', () => expect(told((now) => now < 20_000 || now >= 25_000, speech)).toEqual([AFTER_MUTE_MS, 25_000 + AFTER_MUTE_MS]));
  it('never tells while one is heard', () => expect(told(() => false, speech)).toEqual([]));
  it('hears no speech in short noises', () => expect(told(() => true, (now) => (now % 1_000 < 300 ? 0.5 : 0))).toEqual([]));
  it('hears no speech in breath', () => expect(told(() => true, () => 0.005)).toEqual([]));
});
