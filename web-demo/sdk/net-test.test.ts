import { describe, expect, it } from 'vitest';
import { emptyResults, median, onlyWay, uploaded, verdictOf, type NetResult, type NetStep } from './net-test';

const results = (parts: Partial<Record<NetStep, NetResult>>) => ({ ...emptyResults(), signalling: { state: 'ok' as const }, ...parts });
const ok = (rttMs = 20, loss = 0): NetResult => ({ state: 'ok', rttMs, loss });
const failed: NetResult = { state: 'failed' };

describe('the verdict', () => {
  it('is that of the best way that works', () => {
    expect(verdictOf(results({ udp: ok(), tcp: ok(), turn: ok() }))).toBe('good');
    expect(verdictOf(results({ udp: failed, tcp: ok(), turn: ok() }))).toBe('tcp');
    expect(verdictOf(results({ udp: failed, tcp: failed, turn: ok() }))).toBe('relay');
    expect(verdictOf(results({ udp: failed, tcp: failed, turn: { state: 'skipped' } }))).toBe('blocked');
    expect(verdictOf({ ...results({ udp: ok() }), signalling: failed })).toBe('offline');
  });

  it('says when a way works badly', () => {
    expect(verdictOf(results({ udp: ok(400) }))).toBe('weak');
    expect(verdictOf(results({ udp: ok(20, 0.1) }))).toBe('weak');
    expect(verdictOf(results({ udp: ok(20, 0.01) }))).toBe('good');
    expect(verdictOf(results({ udp: ok(), upload: { state: 'weak', kbps: 90 } }))).toBe('weak');
    expect(verdictOf(results({ udp: ok(), upload: { state: 'skipped' } }))).toBe('good');
  });
});

describe('the ways', () => {
  const sdp = ['v=0', 'a=candidate:1 1 udp 9 192.0.2.1 7882 typ host', 'a=candidate:2 1 tcp 5 192.0.2.1 7881 typ host tcptype passive', 'a=end-of-candidates', ''].join('\r\n');

  it('see only their own candidates', () => {
    expect(onlyWay(sdp, 'udp')).not.toContain('7881');
    expect(onlyWay(sdp, 'udp')).toContain('7882');
    expect(onlyWay(sdp, 'turn')).toBe(onlyWay(sdp, 'udp'));
    expect(onlyWay(sdp, 'tcp')).toContain('7881');
    expect(onlyWay(sdp, 'tcp')).not.toContain('7882');
    expect(onlyWay(sdp, 'tcp')).toContain('a=end-of-candidates');
  });
});

it('takes the middle of times', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([])).toBe(0);
});

describe('what a line carries', () => {
  it('is what came back in the time it took', () => {
    expect(uploaded(901, 901, 2_400)).toEqual({ state: 'ok', kbps: 3_000, loss: 0 });
    expect(uploaded(63, 63, 2_480)).toEqual({ state: 'weak', kbps: 200, loss: 0 });
    expect(uploaded(1_000, 901, 2_400)).toMatchObject({ state: 'weak', kbps: 3_000 });
    expect(uploaded(1_000, 901, 2_400).loss).toBeCloseTo(0.099);
  });

  it('is not known where nothing came back', () => {
    expect(uploaded(500, 0, 0).state).toBe('failed');
    expect(uploaded(500, 1, 0).state).toBe('failed');
  });
});
