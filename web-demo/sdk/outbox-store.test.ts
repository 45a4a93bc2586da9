import { describe, expect, it } from 'vitest';
import { Journal } from './journal';
import { MemoryOutboxStore, type OutboxItem } from './outbox';
import { JournaledOutboxStore } from './outbox-store';
import { FakeStorage } from './storage.fake';

const item = (nonce: string, more: Partial<OutboxItem> = {}): OutboxItem => ({
  nonce,
  userId: 'ana',
  channelId: 'c1',
  content: nonce,
  createdAt: 0,
  order: 0,
  state: 'queued',
  code: '',
  ...more,
});
const never = () => new Promise<never>(() => undefined);
const journalIn = (storage: Storage | null) => new Journal('convene.outbox.', storage);
const refused = () => Promise.reject(new Error('refused'));

describe('the store of the outbox', () => {
  it('has what was put in the same moment, though the database never came to it', async () => {
    const storage = new FakeStorage();
    const journal = journalIn(storage);
    const slow = Object.assign(new MemoryOutboxStore(), { put: never });
    void new JournaledOutboxStore(slow, journal).put(item('n1'));
    void new JournaledOutboxStore(slow, journal).put(item('n2', { userId: 'bo' }));
    const reloaded = new JournaledOutboxStore(new MemoryOutboxStore(), journal);
    expect(await reloaded.all('ana')).toEqual([item('n1')]);
    await reloaded.remove('n1');
    expect(await reloaded.all('ana')).toEqual([]);
  });

  it('keeps it once, in the database, as soon as that has it', async () => {
    const [storage, database] = [new FakeStorage(), new MemoryOutboxStore()];
    const journal = journalIn(storage);
    const store = new JournaledOutboxStore(database, journal);
    await store.put(item('n1'));
    expect(storage.length).toBe(1);
    expect([...database.items.keys()]).toEqual(['n1']);
    void new JournaledOutboxStore(Object.assign(new MemoryOutboxStore(), { put: never }), journal).put(item('n1', { state: 'failed' }));
    expect(await store.all('ana')).toEqual([item('n1', { state: 'failed' })]);
  });

  it('does without either of them', async () => {
    const storage = new FakeStorage();
    const journal = journalIn(storage);
    const none = { all: refused, put: refused, remove: refused };
    const noted = new JournaledOutboxStore(none, journal);
    await noted.put(item('n1'));
    expect(await noted.all('ana')).toEqual([item('n1')]);
    await noted.remove('n1');
    expect(storage.length).toBe(1);
    const stored = new JournaledOutboxStore(new MemoryOutboxStore(), journalIn(null));
    await stored.put(item('n1'));
    expect(await stored.all('ana')).toEqual([item('n1')]);
    storage.setItem = () => {
      throw new Error('full');
    };
    await noted.put(item('n2'));
    expect(await noted.all('ana')).toEqual([]);
  });
});
