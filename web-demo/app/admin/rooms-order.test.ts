import { describe, expect, it } from 'vitest';
import type { RunningCall } from '../../sdk/index';
import { held, pressed, sorted } from './rooms-order';

const call = (callId: string, parts: Partial<RunningCall> = {}): RunningCall => ({
  callId, channelId: '', channelKind: 'group', channelName: callId, mode: 'room', state: 'ongoing', startedAt: '2026-01-01T00:00:00Z',
  people: 2, ringing: 0, microphones: 0, cameras: 0, screens: 0, worst: null, ...parts,
});
const worst = (score: number) => ({ worst: { score, loss: 0, jitter: 0, rtt: null, issues: [] } });
const ids = (calls: RunningCall[]) => calls.map((one) => one.callId).join('');

describe('the order of live calls', () => {
  const calls = [call('a', worst(90)), call('b', { ...worst(20), people: 9 }), call('c'), call('d', { ...worst(90), channelName: '', startedAt: '2025-01-01T00:00:00Z' })];

  it('has the worst connection first, and those without one last', () => {
    expect(ids(sorted(calls, { by: 'worst', reversed: false }))).toBe('badc');
    expect(ids(sorted(calls, { by: 'worst', reversed: true }))).toBe('cadb');
  });

  it('goes by any column, direct calls without a name last', () => {
    expect(ids(sorted(calls, { by: 'people', reversed: false }))).toBe('bacd');
    expect(ids(sorted(calls, { by: 'name', reversed: false }))).toBe('abcd');
    expect(ids(sorted(calls, { by: 'since', reversed: false }))).toBe('dabc');
  });

  it('is turned round by the second press on a column', () => {
    const once = pressed({ by: 'worst', reversed: false }, 'people');
    expect(once).toEqual({ by: 'people', reversed: false });
    expect(pressed(once, 'people')).toEqual({ by: 'people', reversed: true });
  });

  it('holds still while somebody is at it: new calls come last, ended ones leave no gap', () => {
    expect(ids(held(calls, ['c', 'x', 'a']))).toBe('cabd');
  });
});
