import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConveneError, offline } from './errors';
import { MemoryOutboxStore, Outbox, type OutboxItem } from './outbox';

const ack = (item: OutboxItem, seq: number) => ({
  message: { id: `m${seq}`, channelId: item.channelId, seq, rev: seq, authorId: 'u', authorName: 'Ana', nonce: item.nonce, content: item.content, createdAt: '' },
});

let online = true;
let send: (item: OutboxItem) => Promise<unknown>;
let nonce = 0;
const make = async (store = new MemoryOutboxStore()) => {
  const outbox = new Outbox({ store, online: () => online, send: (item) => send(item), newNonce: () => `n${nonce++}` });
  await outbox.open('u');
  return { outbox, store };
};
const settle = () => vi.advanceTimersByTimeAsync(10_000);

beforeEach(() => {
  online = true;
  nonce = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe('outbox', () => {
  it('sends one after the other and keeps the order', async () => {
    const log: string[] = [];
    const answers: (() => void)[] = [];
    send = (item) =>
      new Promise((resolve) => {
        log.push(item.content);
        answers.push(() => resolve(ack(item, log.length)));
      });
    const { outbox, store } = await make();
    for (const text of ['a', 'b', 'c']) void outbox.add('c1', text);
    for (const sent of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      await settle();
      expect(log).toEqual(sent);
      answers.at(-1)?.();
    }
    await settle();
    expect(log).toEqual(['a', 'b', 'c']);
    expect(outbox.items('c1')).toEqual([]);
    expect(store.items.size).toBe(0);
  });

  it('keeps the nonce through lost answers', async () => {
    const nonces: string[] = [];
    send = async (item) => {
      nonces.push(item.nonce);
      if (nonces.length < 3) throw new ConveneError('client.timeout', '');
      return ack(item, 1);
    };
    const { outbox } = await make();
    await outbox.add('c1', 'hello');
    await settle();
    expect(nonces).toEqual(['n0', 'n0', 'n0']);
    expect(outbox.items('c1')).toEqual([]);
  });

  it('waits while offline and leaves nothing behind', async () => {
    online = false;
    const log: string[] = [];
    send = async (item) => {
      log.push(item.content);
      return ack(item, log.length);
    };
    const { outbox } = await make();
    await outbox.add('c1', 'one');
    await outbox.add('c1', 'two');
    await settle();
    expect(log).toEqual([]);
    online = true;
    outbox.flush();
    await settle();
    expect(log).toEqual(['one', 'two']);
  });

  it('sets a refused message aside with its text and goes on', async () => {
    send = async (item) => {
      if (item.content === 'bad') throw new ConveneError('perm.read_only', '');
      return ack(item, 1);
    };
    const { outbox } = await make();
    await outbox.add('c1', 'bad');
    await outbox.add('c1', 'good');
    await settle();
    expect(outbox.items('c1')).toMatchObject([{ content: 'bad', state: 'failed', code: 'perm.read_only' }]);
    expect(await outbox.discard('n0')).toBe('bad');
    expect(outbox.items('c1')).toEqual([]);
  });

  it('sends after a reload what was not acknowledged before it', async () => {
    const store = new MemoryOutboxStore();
    online = true;
    send = async () => {
      online = false;
      throw offline();
    };
    const first = await make(store);
    await first.outbox.add('c1', 'kept');
    await settle();
    online = true;
    const sent: string[] = [];
    send = async (item) => {
      sent.push(`${item.nonce} ${item.content}`);
      return ack(item, 1);
    };
    await make(store);
    await settle();
    expect(sent).toEqual(['n0 kept']);
  });

  it('is done when the broadcast comes before the ack', async () => {
    send = () => new Promise(() => {});
    const { outbox, store } = await make();
    const item = await outbox.add('c1', 'x');
    outbox.settle(item.nonce);
    await settle();
    expect(outbox.items('c1')).toEqual([]);
    expect(store.items.size).toBe(0);
  });
});
