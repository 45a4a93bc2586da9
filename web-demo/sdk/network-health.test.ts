import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RemoteTrack } from './call-state';
import { factsOf, NetworkRule, type NetworkFacts } from './network-health';
import type { LinkStats } from './stats';
import type { Quality } from './wire';

const WELL: NetworkFacts = { slow: false, starved: false, busy: false };
const SLOW: NetworkFacts = { ...WELL, slow: true };
const STARVED: NetworkFacts = { ...WELL, slow: true, starved: true };

/** Runs the rule with a step each second; gives the word after each. */
function words(rule: NetworkRule, from: number, seconds: number, facts: NetworkFacts) {
  return Array.from({ length: seconds + 1 }, (_, i) => rule.step(from + i * 1_000, facts).word);
}

describe('the words', () => {
  test('slow is said after eight seconds, and no more when it was well for five', () => {
    const rule = new NetworkRule();
    expect(words(rule, 0, 9, SLOW)).toEqual([...Array(8).fill('fine'), 'slow', 'slow']);
    expect(words(rule, 10_000, 5, WELL)).toEqual(['slow', 'slow', 'slow', 'slow', 'slow', 'fine']);
  });

  test('a bad moment is not worth a word, nor a good one in bad times', () => {
    const rule = new NetworkRule();
    words(rule, 0, 7, SLOW);
    expect(rule.step(7_500, WELL).word).toBe('fine');
    expect(words(rule, 8_000, 7, SLOW)).toEqual(Array(8).fill('fine'));
    expect(rule.step(16_000, SLOW).word).toBe('slow');
    expect(rule.step(17_000, WELL).word).toBe('slow');
    expect(rule.step(18_000, SLOW).word).toBe('slow');
  });

  test('sound only after fifteen seconds, and pictures return when it was well for ten', () => {
    const rule = new NetworkRule();
    expect(words(rule, 0, 15, STARVED)).toEqual([...Array(8).fill('fine'), ...Array(7).fill('slow'), 'starved']);
    expect(words(rule, 16_000, 10, WELL)).toEqual([...Array(10).fill('starved'), 'fine']);
  });

  test('pictures that came back too early stay away for longer each time, but never for ever', () => {
    const rule = new NetworkRule();
    let now = 0;
    const away = () => {
      while (rule.step((now += 1_000), STARVED).word !== 'starved');
      const from = now;
      while (rule.step((now += 1_000), WELL).word === 'starved');
      return Math.round((now - from) / 1_000) - 1;
    };
    expect([away(), away(), away(), away(), away(), away()]).toEqual([10, 20, 40, 80, 120, 120]);
    for (let i = 0; i < 61; i++) rule.step((now += 1_000), WELL);
    expect(away()).toBe(10);
  });

  test('a busy computer is told of after ten seconds, and at once no more', () => {
    const rule = new NetworkRule();
    const busy = { ...WELL, busy: true };
    expect([0, 9_000, 10_000].map((at) => rule.step(at, busy).busy)).toEqual([false, false, true]);
    expect(rule.step(11_000, WELL)).toEqual({ word: 'fine', busy: false });
  });

  test('whatever comes: nothing is said before its time, and all is well in the end', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 60 }), (samples) => {
        const rule = new NetworkRule();
        let [slowFor, starvedFor] = [0, 0];
        samples.forEach(([slow, starved], i) => {
          const before = rule.step(i * 1_000, { slow: slow || starved, starved, busy: false }).word;
          slowFor = slow || starved ? slowFor + 1 : 0;
          starvedFor = starved ? starvedFor + 1 : 0;
          if (i < 8) expect(before).toBe('fine');
          if (slowFor > 8) expect(before).not.toBe('fine');
          if (starvedFor > 15) expect(before).toBe('starved');
        });
        const end = words(rule, samples.length * 1_000, 130, WELL);
        expect(end.at(-1)).toBe('fine');
      }),
    );
  });
});

describe('the facts', () => {
  const row = (part: Partial<Quality> = {}): Quality => ({ userId: 'u', participantId: 'p', score: 80, mos: 4.2, loss: 0, jitter: 0, rtt: 20, issues: [], ...part });
  const camera = (part: Partial<RemoteTrack> = {}): RemoteTrack => ({ trackId: 't', userId: 'u2', participantId: 'p2', kind: 'video', source: 'camera', muted: false, codec: 'VP8', layers: 3, current: 1, paused: false, unsupported: false, ...part });
  const stats = (limited: string): LinkStats => ({
    rttMs: 1, inKbps: 0, outKbps: 0, arrived: 0,
    tracks: [{ key: 'camera/f', direction: 'out', kind: 'video', source: 'camera', rid: 'f', width: 0, height: 0, fps: 0, kbps: 0, loss: 0, jitterMs: 0, framesDecoded: 0, freezes: 0, codec: '', limited }],
  });

  test('come from what the server measured of me', () => {
    expect(factsOf(null, [camera()], null)).toEqual(WELL);
    expect(factsOf(row(), [camera()], null)).toEqual(WELL);
    for (const issue of ['low_bandwidth', 'high_loss_down']) expect(factsOf(row({ issues: [issue] }), [camera()], null)).toEqual(SLOW);
    expect(factsOf(row({ score: 40 }), [camera()], null)).toEqual(SLOW);
    // A computer that has too little time is no slow network.
    expect(factsOf(row({ issues: ['freezes', 'high_loss_up'] }), [camera()], null)).toEqual(WELL);
  });

  test('pictures cost the sound: much is lost, answers take for ever, or the server sends none of them already', () => {
    expect(factsOf(row({ issues: ['high_loss_down'], loss: 0.12 }), [], null)).toEqual(STARVED);
    expect(factsOf(row({ issues: ['low_bandwidth'], rtt: 2_000 }), [], null)).toEqual(STARVED);
    expect(factsOf(row({ issues: ['low_bandwidth'] }), [camera({ paused: true }), camera({ trackId: 'x', muted: true })], null)).toEqual(STARVED);
    expect(factsOf(row({ issues: ['low_bandwidth'] }), [camera({ paused: true }), camera({ trackId: 'x' })], null)).toEqual(SLOW);
  });

  test('the encoder says itself when it has too little time', () => {
    expect(factsOf(null, [], stats('cpu')).busy).toBe(true);
    expect(factsOf(null, [], stats('bandwidth')).busy).toBe(false);
  });
});
