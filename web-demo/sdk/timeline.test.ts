import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as tl from './timeline';
import type { Message } from './wire';

const message = (seq: number, rev = seq, content = ''): Message => ({
  id: `m${seq}`, channelId: 'c', threadId: '', thread: null, seq, rev, type: 'text', authorId: 'a', authorName: 'A', nonce: '', content, createdAt: '', editedAt: '', callId: '', call: null, system: null, deleted: false, reactions: [], pinnedAt: '', pinnedBy: '',
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
const seqs = (t: tl.Timeline) => t.messages.map((m) => m.seq);

describe('timeline', () => {
  it('appends what follows and reports what is missing', () => {
    const t = tl.withTail(tl.emptyTimeline('c'), range(1, 5), false);
    expect(seqs(tl.withLive(t, message(6)).timeline)).toEqual([1, 2, 3, 4, 5, 6]);
    const gap = tl.withLive(t, message(8));
    expect(gap.gap).toBe(true);
    expect(seqs(gap.timeline)).toEqual([1, 2, 3, 4, 5]);
  });

  it('goes to another place and counts what comes while it is there', () => {
    const tail = tl.withTail(tl.emptyTimeline('c'), range(90, 99), true);
    const around = tl.withAround(tail, range(10, 14), { hasMoreBefore: true, hasMoreAfter: true });
    expect(seqs(around)).toEqual([10, 11, 12, 13, 14]);
    const { timeline, gap } = tl.withLive(around, message(100));
    expect([seqs(timeline).at(-1), timeline.newBelow, gap]).toEqual([14, 1, false]);
    expect(tl.withLive(timeline, { ...message(101), type: 'system' }).timeline.newBelow).toBe(1);
    expect(seqs(tl.withNewer(timeline, range(15, 16), true))).toEqual([10, 11, 12, 13, 14, 15, 16]);
  });

  it('takes a repeated message once', () => {
    const t = tl.withTail(tl.emptyTimeline('c'), range(1, 3), false);
    expect(seqs(tl.withLive(t, message(3)).timeline)).toEqual([1, 2, 3]);
  });

  it('never lets an old revision replace a newer one', () => {
    const t = tl.withTail(tl.emptyTimeline('c'), [message(1, 9, 'new')], false);
    expect(tl.withChanged(t, message(1, 4, 'old')).messages[0]?.content).toBe('new');
    expect(tl.withOlder(t, [message(1, 4, 'old')], false).messages[0]?.content).toBe('new');
  });

  it('holds at most the window and knows that there is more below', () => {
    let t = tl.withTail(tl.emptyTimeline('c'), range(951, 1000), true);
    for (let before = 951; before > 1 && t.messages.length < tl.MAX_WINDOW + 50; before -= 50) {
      t = tl.withOlder(t, range(before - 50, before - 1), before - 50 > 1);
      if (t.hasMoreAfter) break;
    }
    expect(t.messages).toHaveLength(tl.MAX_WINDOW);
    expect(t.hasMoreAfter).toBe(true);
    const live = tl.withLive(t, message(1001));
    expect(live.timeline.newBelow).toBe(1);
    expect(live.timeline.messages).toBe(t.messages);
  });

  it('pages both ways and never holds more than the window', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), (ways) => {
        let t = tl.withTail(tl.emptyTimeline('c'), range(2951, 3000), true);
        for (const older of ways) {
          const [first, last] = [tl.firstSeq(t), tl.lastSeq(t)];
          t = older ? tl.withOlder(t, range(Math.max(1, first - 50), first - 1), first > 51) : tl.withNewer(t, range(last + 1, Math.min(3000, last + 50)), last + 50 < 3000);
          const got = seqs(t);
          expect(got.length).toBeLessThanOrEqual(tl.MAX_WINDOW);
          expect(got).toEqual(range(got[0] ?? 0, got.at(-1) ?? 0).map((m) => m.seq));
          expect(t.hasMoreAfter).toBe(got.at(-1) !== 3000);
        }
      }),
    );
  });

  it('is dense and in order whatever pages come, in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 60 })), { maxLength: 12 }), (pages) => {
        let t = tl.withTail(tl.emptyTimeline('c'), range(290, 300), true);
        for (const [from, n] of pages) t = tl.withOlder(t, range(from, Math.min(300, from + n)), true);
        const got = seqs(t);
        expect(new Set(got).size).toBe(got.length);
        expect([...got].sort((a, b) => a - b)).toEqual(got);
      }),
    );
  });
});
