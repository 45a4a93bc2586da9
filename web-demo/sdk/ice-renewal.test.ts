import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Emitter } from './emitter';
import { renewIceServers } from './ice-renewal';
import type { MediaLink } from './media-link';

const HOUR = 3_600;
const servers = (username: string) => [{ urls: ['turn:turn.example.org'], username, credential: 'secret' }];
const answer = (username: string, iceServersTtl = HOUR) => ({ iceServers: servers(username), iceServersTtl });

/** As much of a connection as renewal needs. */
class Link {
  state = 'connected';
  readonly events = new Emitter<{ state: string }>();
  readonly given: unknown[] = [];
  setIceServers(fresh: unknown): void {
    this.given.push(fresh);
  }
  close(): void {
    this.state = 'closed';
    this.events.emit('state', 'closed');
  }
}

let link: Link;
const renew = (ttl: number, ask: (timeoutMs: number) => Promise<unknown>) => renewIceServers(link as unknown as MediaLink, ttl, ask);
const seconds = (n: number) => vi.advanceTimersByTimeAsync(n * 1_000);

beforeEach(() => {
  vi.useFakeTimers();
  link = new Link();
});
afterEach(() => void vi.useRealTimers());

test('credentials are renewed at half their time, again and again', async () => {
  let asked = 0;
  renew(HOUR, () => Promise.resolve(answer(`at ${++asked}`)));
  await seconds(HOUR / 2 - 1);
  expect(asked).toBe(0);
  await seconds(1);
  expect(link.given).toEqual([servers('at 1')]);
  await seconds(HOUR / 2);
  expect(link.given).toEqual([servers('at 1'), servers('at 2')]);
});

test('the time of the fresh ones counts, not that of the first', async () => {
  let asked = 0;
  renew(HOUR, () => Promise.resolve(answer(`at ${++asked}`, HOUR / 6)));
  await seconds(HOUR / 2);
  await seconds(HOUR / 12);
  expect(asked).toBe(2);
});

test('what fails is asked again while the old ones still work', async () => {
  const patience: number[] = [];
  renew(HOUR, (timeoutMs) => {
    patience.push(timeoutMs);
    return patience.length < 3 ? Promise.reject(new Error('offline')) : Promise.resolve(answer('at last'));
  });
  await seconds(HOUR - 1);
  expect(link.given).toEqual([servers('at last')]);
  expect(patience).toHaveLength(3);
  expect(patience[0]).toBe((HOUR / 4) * 1_000);
});

test('an answer that is none changes nothing, and is asked for again', async () => {
  let asked = 0;
  renew(HOUR, () => Promise.resolve(++asked === 1 ? { iceServers: 'none' } : answer('good')));
  await seconds(HOUR / 2);
  expect(link.given).toEqual([]);
  await seconds(HOUR / 2);
  expect(link.given).toEqual([servers('good')]);
});

test('nobody asks for a connection that is closed, also not when it closes while the answer is on its way', async () => {
  let asked = 0;
  let arrive: (answer: unknown) => void = () => {};
  renew(HOUR, () => (asked++, new Promise((resolve) => (arrive = resolve))));
  await seconds(HOUR / 2);
  link.close();
  arrive(answer('too late'));
  await seconds(HOUR * 10);
  expect(asked).toBe(1);

  link = new Link();
  renew(HOUR, () => (asked++, Promise.resolve(answer('never'))));
  link.close();
  await seconds(HOUR * 10);
  expect(asked).toBe(1);
});

test('credentials without an end are left alone', async () => {
  renew(0, () => Promise.reject(new Error('nobody asked')));
  await seconds(HOUR * 24);
  expect(link.given).toEqual([]);
});
