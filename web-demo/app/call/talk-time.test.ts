import { describe, expect, it } from 'vitest';
import { PAUSE_MS, TALKED_MS, TalkTime } from './talk-time';

describe('who has a hand up and speaks', () => {
  it('has got the word after five seconds, pauses between sentences left out', () => {
    const talk = new TalkTime();
    talk.speaks(0, true);
    talk.speaks(3_000, false);
    expect(talk.talked(3_000)).toBe(false);
    talk.speaks(3_000 + PAUSE_MS, true);
    expect(talk.nextTimeout()).toBe(3_000 + PAUSE_MS + (TALKED_MS - 3_000));
    expect(talk.talked(3_000 + PAUSE_MS + 1_999)).toBe(false);
    expect(talk.talked(3_000 + PAUSE_MS + 2_000)).toBe(true);
  });
  it('has not by a word now and then', () => {
    const talk = new TalkTime();
    for (let at = 0; at < 60_000; at += 4_000) {
      talk.speaks(at, true);
      talk.speaks(at + 1_500, false);
      expect(talk.talked(at + 1_500)).toBe(false);
    }
    expect(talk.nextTimeout()).toBe(null);
  });
  it('begins anew with the hand', () => {
    const talk = new TalkTime();
    talk.speaks(0, true);
    talk.reset();
    expect([talk.talked(TALKED_MS), talk.nextTimeout()]).toEqual([false, null]);
    talk.speaks(TALKED_MS, true);
    talk.speaks(TALKED_MS, true);
    expect(talk.talked(2 * TALKED_MS)).toBe(true);
  });
});
