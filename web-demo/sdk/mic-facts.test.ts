import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, isOn, isSending, SILENT, type MicAct, type MicFacts } from './mic-facts';

const act = fc.oneof(
  fc.record({ kind: fc.constant('want' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('moderate' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('device' as const), ok: fc.boolean() }),
  fc.record({ kind: fc.constant('pause' as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant('deafen' as const), on: fc.boolean() }),
);
const run = (acts: MicAct[], from: MicFacts = SILENT) => acts.reduce(after, from);
const heard: MicFacts = { ...SILENT, intent: true, device: true };

describe('the facts of a microphone', () => {
  it('sends only if I want, no host muted me, the device works and something arrives', () => {
    expect(isSending(heard)).toBe(true);
    for (const one of [{ intent: false }, { moderated: true }, { device: false }, { paused: true }]) expect(isSending({ ...heard, ...one })).toBe(false);
  });
  it('is never switched on by anything but my own will', () => {
    fc.assert(
      fc.property(fc.array(act), act, (acts, last) => {
        const before = run(acts);
        if (!isOn(before) && isOn(after(before, last))) {
          // A host that takes a mute back gives the word to my will again, whatever that is.
          if (last.kind === 'moderate') expect(before.intent && !last.on).toBe(true);
          else expect(last.kind === 'want' || last.kind === 'deafen').toBe(true);
          // Hearing again only restores what I wanted before.
          if (last.kind === 'deafen') expect(before.beforeDeafen).toBe(true);
        }
      }),
    );
  });
  it('stays muted by a host until I switch it on, or the host takes it back', () => {
    fc.assert(
      fc.property(fc.array(act.filter((a) => !(a.kind === 'want' && a.on) && !(a.kind === 'moderate' && !a.on))), (acts) => {
        expect(isOn(run(acts, run([{ kind: 'moderate', on: true }], heard)))).toBe(false);
      }),
    );
    expect(isOn(run([{ kind: 'moderate', on: true }, { kind: 'want', on: true }], heard))).toBe(true);
    expect(isOn(run([{ kind: 'moderate', on: true }, { kind: 'moderate', on: false }], heard))).toBe(true);
    expect(isOn(run([{ kind: 'moderate', on: true }, { kind: 'want', on: false }, { kind: 'moderate', on: false }], heard))).toBe(false);
  });
  it('restores what was wanted before everything was silenced', () => {
    fc.assert(
      fc.property(fc.boolean(), (intent) => {
        const silenced = run([{ kind: 'deafen', on: true }, { kind: 'deafen', on: true }], { ...heard, intent });
        expect(isOn(silenced)).toBe(false);
        expect(isOn(after(silenced, { kind: 'deafen', on: false }))).toBe(intent);
      }),
    );
  });
  it('keeps a microphone that was switched on while all was silent', () => {
    expect(isOn(run([{ kind: 'want', on: false }, { kind: 'deafen', on: true }, { kind: 'want', on: true }, { kind: 'deafen', on: false }], heard))).toBe(true);
  });
  it('does not undo a host by hearing again', () => {
    expect(isOn(run([{ kind: 'deafen', on: true }, { kind: 'moderate', on: true }, { kind: 'deafen', on: false }], heard))).toBe(false);
  });
});
