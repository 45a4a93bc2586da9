import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PushToTalk, TAIL_MS } from './push-to-talk';
import { after, isOn, SILENT } from './mic-facts';

describe('PushToTalk', () => {
  it('talks while held, and for a tail after it', () => {
    const said: boolean[] = [];
    const talk = new PushToTalk((on) => said.push(on));
    talk.press();
    talk.press();
    expect(said).toEqual([true]);
    talk.release(1_000);
    talk.tick(1_000 + TAIL_MS - 1);
    expect(said).toEqual([true]);
    talk.tick(1_000 + TAIL_MS);
    expect(said).toEqual([true, false]);
  });
  it('goes on when pressed again within the tail', () => {
    const said: boolean[] = [];
    const talk = new PushToTalk((on) => said.push(on));
    talk.press();
    talk.release(0);
    talk.press();
    talk.tick(TAIL_MS * 2);
    expect([talk.state, said]).toEqual(['talking', [true]]);
  });
  it('always ends muted, whatever happens in between', () => {
    const step = fc.oneof(fc.constantFrom('press' as const, 'release' as const, 'stop' as const, 'tick' as const));
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(400))), fc.constantFrom('stop', 'release'), (steps, end) => {
        let on = false;
        let now = 0;
        const talk = new PushToTalk((next) => (on = next));
        for (const [what, later] of steps) {
          now += later;
          if (what === 'release') talk.release(now);
          else if (what === 'tick') talk.tick(now);
          else talk[what]();
        }
        if (end === 'stop') talk.stop();
        else {
          talk.release(now);
          talk.tick(now + TAIL_MS);
        }
        expect([on, talk.state, talk.nextAt]).toEqual([false, 'idle', null]);
      }),
    );
  });
  it('does not turn a host’s mute into an open microphone', () => {
    let facts = { ...SILENT, device: true };
    const talk = new PushToTalk((on) => (facts = after(facts, { kind: 'want', on })));
    talk.press();
    facts = after(facts, { kind: 'moderate', on: true });
    talk.press();
    expect(isOn(facts)).toBe(false);
    talk.release(0);
    talk.tick(TAIL_MS);
    expect(isOn(facts)).toBe(false);
    // A new press is a new decision.
    talk.press();
    expect(isOn(facts)).toBe(true);
  });
});
