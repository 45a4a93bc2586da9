import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BACK_MS, BANNER_MS, NOTICE_MS, PANEL_MS, Reconnect, type ConnectionFacts } from './reconnect';

const T0 = 1_000_000;
const facts = (part: Partial<ConnectionFacts> = {}): ConnectionFacts => ({ signallingLostAt: 0, mediaLostAt: 0, online: true, inCall: true, ...part });
const both = facts({ signallingLostAt: T0, mediaLostAt: T0 });
const after = (ms: number, given: ConnectionFacts) => new Reconnect().step(T0 + ms, given);

describe('the reconnect table', () => {
  it.each([
    [0, 'fine', false],
    [NOTICE_MS - 1, 'fine', false],
    [NOTICE_MS, 'reconnecting', false],
    [BANNER_MS - 1, 'reconnecting', false],
    [BANNER_MS, 'lost', true],
    [PANEL_MS - 1, 'lost', true],
    [PANEL_MS, 'stuck', true],
    [3_600_000, 'stuck', true],
  ])('after %d ms without both: %s, sending paused: %s', (ms, stage, pauseSending) => {
    expect(after(ms, both)).toMatchObject({ stage, pauseSending, reason: 'server', receiving: false });
  });

  it('says that it is back for two seconds, and then nothing', () => {
    const machine = new Reconnect();
    machine.step(T0 + BANNER_MS, both);
    const at = T0 + BANNER_MS + 700;
    expect(machine.step(at, facts())).toMatchObject({ stage: 'back', pauseSending: false });
    expect(machine.nextAt).toBe(at + BACK_MS);
    expect(machine.step(at + BACK_MS - 1, facts()).stage).toBe('back');
    expect(machine.step(at + BACK_MS, facts()).stage).toBe('fine');
    expect(machine.nextAt).toBeNull();
  });
  it('says nothing of a blink', () => {
    const machine = new Reconnect();
    machine.step(T0 + NOTICE_MS - 1, both);
    expect(machine.step(T0 + NOTICE_MS, facts()).stage).toBe('fine');
  });
  it('begins again when it is lost while it says that it is back', () => {
    const machine = new Reconnect();
    machine.step(T0 + BANNER_MS, both);
    machine.step(T0 + BANNER_MS + 1, facts());
    const again = T0 + BANNER_MS + 10;
    expect(machine.step(again, facts({ mediaLostAt: again })).stage).toBe('fine');
    expect(machine.step(again + NOTICE_MS, facts({ mediaLostAt: again })).stage).toBe('reconnecting');
  });
  it('covers no stage that still shows what arrives, and pauses nothing then', () => {
    expect(after(PANEL_MS * 2, facts({ signallingLostAt: T0 }))).toEqual({ stage: 'lost', reason: 'server', receiving: true, pauseSending: false });
  });
  it('guesses what is broken', () => {
    expect(after(PANEL_MS, facts({ mediaLostAt: T0 })).reason).toBe('calls');
    expect(after(PANEL_MS, both).reason).toBe('server');
    expect(after(PANEL_MS, { ...both, online: false }).reason).toBe('offline');
  });
  it('knows no media outside a call', () => {
    expect(after(PANEL_MS, facts({ mediaLostAt: T0, inCall: false })).stage).toBe('fine');
    expect(after(PANEL_MS, facts({ signallingLostAt: T0, inCall: false }))).toMatchObject({ stage: 'lost', pauseSending: false });
  });

  it('only ever gets worse while it lasts, and can be driven by its own times alone', () => {
    const order = ['fine', 'reconnecting', 'lost', 'stuck'];
    fc.assert(
      fc.property(fc.array(fc.nat(20_000), { maxLength: 40 }), (waits) => {
        const machine = new Reconnect();
        let [now, worst] = [T0, 0];
        for (const wait of waits) {
          const { nextAt } = machine;
          const stage = machine.view.stage;
          now += wait;
          const seen = order.indexOf(machine.step(now, both).stage);
          expect(seen).toBeGreaterThanOrEqual(worst);
          if (nextAt !== null && now < nextAt) expect(machine.view.stage).toBe(stage);
          worst = seen;
        }
      }),
    );
  });
});
