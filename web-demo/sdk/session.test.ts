import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backoffDelay } from './backoff';
import { codeOf, ConveneError } from './errors';
import { Session, type SocketLike } from './session';

class FakeSocket implements SocketLike {
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: { op: string; id?: number; d: Record<string, unknown> }[] = [];
  closedWith: number | undefined;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  constructor() {
    FakeSocket.all.push(this);
  }
  send(data: string) {
    this.sent.push(JSON.parse(data));
  }
  close(code?: number) {
    this.closedWith = code;
    this.readyState = 3;
  }
  open() {
    this.readyState = 1;
    this.onopen?.(undefined as never);
  }
  receive(frame: unknown) {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }
  fail(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code, reason: '' });
  }
  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error('no socket');
    return socket;
  }
}

const READY = { sessionId: 'S1', user: { id: 'u', username: 'ana', name: 'Ana' }, heartbeat: 25_000 };
const start = () => {
  const session = new Session({ url: 'ws://x/ws', token: () => 'T', device: 'desktop', client: 'test', socket: () => new FakeSocket(), random: () => 0.5 });
  const events: string[] = [];
  session.events.on('event', ({ ev }) => events.push(ev));
  session.events.on('ready', () => events.push('READY'));
  session.events.on('resumed', () => events.push('RESUMED'));
  session.start();
  FakeSocket.last.open();
  return { session, events };
};
const becomeReady = () => FakeSocket.last.receive({ ev: 'session:ready', d: READY });

beforeEach(() => {
  FakeSocket.all = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe('session', () => {
  it('says hello first and is ready after the snapshot', () => {
    const { session, events } = start();
    expect(FakeSocket.last.sent[0]).toMatchObject({ op: 'session:hello', d: { token: 'T', device: 'desktop' } });
    expect(FakeSocket.last.sent[0]?.d['resume']).toBeUndefined();
    becomeReady();
    expect(session.status.phase).toBe('ready');
    expect(events).toEqual(['READY']);
  });

  it('resumes with the last sequence it saw and drops what it has', async () => {
    const { session, events } = start();
    becomeReady();
    FakeSocket.last.receive({ ev: 'message:new', s: 4, d: {} });
    FakeSocket.last.receive({ ev: 'typing:user_start', d: {} });
    FakeSocket.last.fail();
    expect(session.status.phase).toBe('waiting');
    await vi.advanceTimersByTimeAsync(300);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]?.d['resume']).toEqual({ sessionId: 'S1', s: 4 });
    FakeSocket.last.receive({ ev: 'message:new', s: 4, d: {} });
    FakeSocket.last.receive({ ev: 'message:edited', s: 5, d: {} });
    FakeSocket.last.receive({ ev: 'session:resumed', d: { replayed: 1 } });
    expect(events).toEqual(['READY', 'message:new', 'typing:user_start', 'message:edited', 'RESUMED']);
    expect(session.s).toBe(5);
  });

  it('finds out within seconds that a socket is dead when there is said to be no network, and believes an answer', async () => {
    const { session } = start();
    becomeReady();
    session.suspect();
    const ping = FakeSocket.last.sent.at(-1);
    expect(ping?.op).toBe('ping');
    FakeSocket.last.receive({ re: ping?.id, ok: true, d: {} });
    await vi.advanceTimersByTimeAsync(4_000);
    expect(session.status.phase).toBe('ready');
    session.suspect();
    await vi.advanceTimersByTimeAsync(2_900);
    expect(session.status.phase).toBe('ready');
    await vi.advanceTimersByTimeAsync(200);
    expect(session.status.phase).not.toBe('ready');
    // Nothing to ask while there is no socket: trying again is for when the network is back.
    const sockets = FakeSocket.last;
    session.suspect();
    expect(FakeSocket.last).toBe(sockets);
  });

  it('settles acks and errors by their id', async () => {
    const { session } = start();
    becomeReady();
    const good = session.request('message:send', { x: 1 });
    const bad = session.request('message:send', {});
    const [first, second] = FakeSocket.last.sent.slice(1);
    FakeSocket.last.receive({ re: second?.id, ok: false, e: { code: 'limit.rate', message: 'slow down', retryAfter: 400 } });
    FakeSocket.last.receive({ re: first?.id, ok: true, d: { done: true } });
    expect(await good).toEqual({ done: true });
    const error = await bad.catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'limit.rate', retryAfter: 400, transient: true });
  });

  it('fails open requests when the socket goes, and times out silent ones', async () => {
    const { session } = start();
    becomeReady();
    const lost = session.request('a').catch(codeOf);
    FakeSocket.last.fail();
    expect(await lost).toBe('client.offline');
    expect(await session.request('b').catch(codeOf)).toBe('client.offline');
    await vi.advanceTimersByTimeAsync(300);
    FakeSocket.last.open();
    becomeReady();
    const silent = session.request('c', {}, { timeoutMs: 1_000 }).catch(codeOf);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(await silent).toBe('client.timeout');
  });

  it('holds a waiting request until it is back', async () => {
    const { session } = start();
    const waiting = session.request('channel:get_history', {}, { wait: true });
    becomeReady();
    await vi.advanceTimersByTimeAsync(0);
    const frame = FakeSocket.last.sent.find((f) => f.op === 'channel:get_history');
    FakeSocket.last.receive({ re: frame?.id, ok: true, d: { messages: [] } });
    expect(await waiting).toEqual({ messages: [] });
  });

  it('finds a dead path by an unanswered ping', async () => {
    const { session } = start();
    becomeReady();
    const socket = FakeSocket.last;
    await vi.advanceTimersByTimeAsync(25_000);
    expect(socket.sent.at(-1)?.op).toBe('ping');
    await vi.advanceTimersByTimeAsync(8_001);
    expect(session.status.phase).toBe('waiting');
    expect(socket.closedWith).toBe(4000);
  });

  it('goes on pinging while pings are answered', async () => {
    start();
    becomeReady();
    const socket = FakeSocket.last;
    for (let i = 1; i <= 4; i++) {
      await vi.advanceTimersByTimeAsync(25_000);
      const pings = socket.sent.filter((f) => f.op === 'ping');
      expect(pings).toHaveLength(i);
      socket.receive({ re: pings.at(-1)?.id, ok: true, d: {} });
      await vi.advanceTimersByTimeAsync(0);
    }
  });

  it('stops for good when the token is refused', async () => {
    const { session } = start();
    FakeSocket.last.receive({ ev: 'session:invalid', d: { code: 'auth.expired' } });
    expect(session.status).toMatchObject({ phase: 'closed', code: 'auth.expired' });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it('waits as long as a draining server asks', async () => {
    const { session } = start();
    becomeReady();
    FakeSocket.last.receive({ ev: 'session:drain', d: { delay: 9_000 } });
    FakeSocket.last.fail(4012);
    await vi.advanceTimersByTimeAsync(8_900);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(FakeSocket.all).toHaveLength(2);
    expect(session.status.phase).toBe('connecting');
  });

  it('ignores garbage', () => {
    const { session } = start();
    becomeReady();
    for (const junk of ['', '{', '[]', '{"re":"x"}', '{"ev":5}', 'null']) FakeSocket.last.receive(junk);
    expect(session.status.phase).toBe('ready');
  });

  it('backs off from 1 s to 30 s, spread by half', () => {
    expect(backoffDelay(0, () => 0)).toBe(500);
    expect(backoffDelay(0, () => 1)).toBe(1_500);
    expect(backoffDelay(3, () => 0.5)).toBe(8_000);
    expect(backoffDelay(50, () => 0.5)).toBe(30_000);
  });
});

describe('an expired token', () => {
  const expire = () => FakeSocket.last.receive({ ev: 'session:invalid', d: { code: 'auth.expired' } });
  const renewing = (renew: () => Promise<unknown>) => {
    const session = new Session({ url: 'ws://x/ws', token: () => 'T', renew, device: 'desktop', client: 'test', socket: () => new FakeSocket(), random: () => 0.5 });
    session.start();
    FakeSocket.last.open();
    becomeReady();
    return session;
  };

  it('is replaced, and the session goes on where it was', async () => {
    const session = renewing(() => Promise.resolve());
    expire();
    expect(session.status.phase).toBe('waiting');
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    expect(FakeSocket.all.length).toBe(2);
    expect(FakeSocket.last.sent[0]?.d['resume']).toEqual({ sessionId: 'S1', s: 0 });
    FakeSocket.last.receive({ ev: 'session:resumed', d: { replayed: 0 } });
    expect(session.status.phase).toBe('ready');
  });

  it('ends the session where there is no other, or the other has expired too', async () => {
    const over = renewing(() => Promise.reject(new ConveneError('auth.revoked', '')));
    expire();
    await vi.advanceTimersByTimeAsync(0);
    expect([over.status.phase, over.status.code]).toEqual(['closed', 'auth.revoked']);
    const round = renewing(() => Promise.resolve());
    expire();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    expire();
    await vi.advanceTimersByTimeAsync(0);
    expect([round.status.phase, round.status.code]).toEqual(['closed', 'auth.expired']);
  });

  it('waits for a server that cannot be reached', async () => {
    const renew = vi.fn(() => Promise.reject(new ConveneError('client.offline', '')));
    const session = renewing(renew);
    expire();
    await vi.advanceTimersByTimeAsync(0);
    expect(session.status.phase).toBe('waiting');
    await vi.advanceTimersByTimeAsync(1_000);
    FakeSocket.last.open();
    expire();
    await vi.advanceTimersByTimeAsync(0);
    expect(renew).toHaveBeenCalledTimes(2);
  });
});
