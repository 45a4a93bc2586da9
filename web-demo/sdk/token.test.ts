import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Emitter } from './emitter';
import type { Session, SessionEvents } from './session';
import { TokenKeeper } from './token';

interface Asked {
  body: { refreshToken?: string };
  bearer: string | null;
}

let asked: Asked[] = [];
let answers: (() => Response | Promise<Response>)[] = [];
const granted = (n: number, refreshToken: string | undefined = `r${n}`) => () =>
  Response.json({ data: { token: `t${n}`, expiresAt: new Date(Date.now() + 3_600_000).toISOString(), user: { id: 'u', username: 'ana', name: 'Ana' }, sessionId: 'S', refreshToken } });
const refused = (code: string) => () => Response.json({ code }, { status: 401 });

function page(refreshToken: string | null = 'r0') {
  const events = new Emitter<SessionEvents>();
  const requests: unknown[] = [];
  const session = { events, now: () => Date.now(), request: (_op: string, d: unknown) => Promise.resolve(requests.push(d)) } as unknown as Session;
  const kept = { token: 't0' as string | null, refreshToken };
  const tokens = {
    get: () => kept.token,
    set: (token: string) => void (kept.token = token),
    getRefresh: () => kept.refreshToken,
    setRefresh: (token: string) => void (kept.refreshToken = token),
  };
  return { keeper: new TokenKeeper(session, '', tokens), events, requests, kept };
}

beforeEach(() => {
  [asked, answers] = [[], []];
  vi.useFakeTimers();
  vi.stubGlobal('fetch', async (_url: string, init: RequestInit) => {
    asked.push({ body: JSON.parse(String(init.body)) as Asked['body'], bearer: new Headers(init.headers).get('authorization') });
    const answer = answers.shift();
    if (!answer) throw new TypeError('offline');
    return answer();
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the token keeper', () => {
  it('shows a refresh token once and keeps the next one', async () => {
    const { keeper, kept } = page();
    answers = [granted(1), granted(2)];
    const [a, b] = await Promise.all([keeper.renew(), keeper.renew()]);
    expect(a).toBe(b);
    expect(asked).toEqual([{ body: { refreshToken: 'r0' }, bearer: null }]);
    await keeper.renew();
    expect(asked[1]?.body).toEqual({ refreshToken: 'r1' });
    expect(kept).toEqual({ token: 't2', refreshToken: 'r2' });
  });

  it('renews a token by itself where there is no other', async () => {
    const { keeper, kept } = page(null);
    answers = [granted(1, undefined)];
    answers[0] = () => Response.json({ data: { token: 't1', user: { id: 'u', username: 'ana', name: 'Ana' } } });
    await keeper.renew();
    expect(asked).toEqual([{ body: {}, bearer: 'Bearer t0' }]);
    expect(kept).toEqual({ token: 't1', refreshToken: null });
  });

  it('asks in time, and again with the same token when the answer was lost', async () => {
    const { events, requests, kept } = page();
    events.emit('ready', { expiresAt: new Date(Date.now() + 1_000_000).toISOString() } as never);
    await vi.advanceTimersByTimeAsync(740_000);
    expect(asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(15_000);
    answers = [granted(1)];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked.map((one) => one.body.refreshToken)).toEqual(['r0', 'r0']);
    expect(requests).toEqual([{ token: 't1' }]);
    expect(kept).toEqual({ token: 't1', refreshToken: 'r1' });
  });

  it('does not ask again where the session is over', async () => {
    const { events } = page();
    events.emit('ready', { expiresAt: new Date(Date.now() + 10_000).toISOString() } as never);
    answers = [refused('auth.revoked'), granted(1)];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.length).toBe(1);
  });

  it('forgets an answer for somebody who signed out meanwhile', async () => {
    const { keeper, kept } = page();
    answers = [granted(1)];
    const late = keeper.renew();
    await Promise.resolve();
    kept.token = null;
    await expect(late).rejects.toThrow();
    expect(kept).toEqual({ token: null, refreshToken: 'r0' });
  });
});
