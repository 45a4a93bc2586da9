import { describe, expect, it, vi } from 'vitest';
import { Drafts, JournaledDraftStore, MemoryDraftStore } from './drafts';
import { Journal } from './journal';
import { FakeStorage } from './storage.fake';

const stores = (store: MemoryDraftStore, ...texts: string[]) =>
  vi.waitFor(() => expect([...store.rows.values()].map((row) => row.text).sort()).toEqual(texts));
const reload = async (store: MemoryDraftStore, user = 'u') => {
  const drafts = new Drafts(store);
  await drafts.open(user);
  return drafts;
};

describe('drafts', () => {
  it('are there after a reload, each in its place and only for whom they are', async () => {
    const store = new MemoryDraftStore();
    const drafts = await reload(store);
    drafts.set('c1', 'half a sen');
    drafts.set('t1', 'a reply');
    drafts.set('c1', 'half a sentence');
    await stores(store, 'a reply', 'half a sentence');
    const again = await reload(store);
    expect([again.get('c1'), again.get('t1'), again.get('c2')]).toEqual(['half a sentence', 'a reply', '']);
    expect((await reload(store, 'other')).get('c1')).toBe('');
  });

  it('are there after a reload at any moment, before the database has them', async () => {
    const storage = new FakeStorage();
    const others = storage.length;
    const database = new MemoryDraftStore();
    const open = async (store: MemoryDraftStore, user = 'u') => {
      const drafts = new Drafts(new JournaledDraftStore(store, new Journal('convene.draft.', storage)));
      await drafts.open(user);
      return drafts;
    };
    const stuck = new MemoryDraftStore();
    stuck.put = () => new Promise(() => {});
    const drafts = await open(stuck);
    drafts.set('c1', 'half a sen');
    drafts.set('c1', 'half a sentence');
    drafts.set('c2', 'gone');
    drafts.set('c2', '');
    expect((await open(database, 'other')).get('c1')).toBe('');
    const again = await open(database);
    expect([again.get('c1'), again.get('c2')]).toEqual(['half a sentence', '']);
    await stores(database, 'half a sentence');
    await vi.waitFor(() => expect(storage.length).toBe(others));
    // What the database has is not noted any more, and what was typed since is.
    again.set('c1', '');
    await stores(database);
    expect((await open(database)).get('c1')).toBe('');
  });

  it('stay in the store until the outbox has the text', async () => {
    const store = new MemoryDraftStore();
    const drafts = await reload(store);
    drafts.set('c1', 'precious');
    await stores(store, 'precious');
    let stored = () => {};
    const done = drafts.sent('c1', new Promise<void>((resolve) => (stored = resolve)));
    expect(drafts.get('c1')).toBe('');
    expect((await reload(store)).get('c1')).toBe('precious');
    stored();
    await done;
    await stores(store);
    expect((await reload(store)).get('c1')).toBe('');
  });

  it('keep what is typed while the message before it is stored', async () => {
    const store = new MemoryDraftStore();
    const drafts = await reload(store);
    drafts.set('c1', 'first');
    let stored = () => {};
    const done = drafts.sent('c1', new Promise<void>((resolve) => (stored = resolve)));
    drafts.set('c1', 'second');
    stored();
    await done;
    await stores(store, 'second');
  });

  it('what comes late from the store never replaces what was typed', async () => {
    const store = new MemoryDraftStore();
    await store.put('u', 'c1', 'old');
    await store.put('u', 'c2', 'other');
    const drafts = new Drafts(store);
    const changed: string[] = [];
    drafts.events.on('change', (place) => changed.push(place));
    const opening = drafts.open('u');
    drafts.set('c1', 'new');
    await opening;
    expect([drafts.get('c1'), drafts.get('c2'), changed]).toEqual(['new', 'other', ['c2']]);
  });

  it('what the outbox has is no draft any more, though the page ended before its row was gone', async () => {
    const store = new MemoryDraftStore();
    for (const [place, text] of [['c1', 'sent '], ['c2', 'sent'], ['t1', 'a reply']] as const) await store.put('u', place, text);
    const item = { nonce: 'n', userId: 'u', channelId: 'c1', content: 'sent', createdAt: 0, order: 0, state: 'queued' as const, code: '' };
    const drafts = new Drafts(store);
    await drafts.open('u', Promise.resolve([item, { ...item, threadId: 't1', content: 'a reply' }]));
    expect(['c1', 'c2', 't1'].map((place) => drafts.get(place))).toEqual(['', 'sent', '']);
    expect(store.rows.size).toBe(1);
  });

  it('text that comes back from the outbox stands before what is there', async () => {
    const drafts = await reload(new MemoryDraftStore());
    drafts.set('c1', 'now');
    drafts.restore('c1', 'refused');
    expect(drafts.get('c1')).toBe('refused\nnow');
  });

  it('a store that fails loses nothing of the page', async () => {
    const full = vi.fn(async () => Promise.reject(new Error('full')));
    const broken = { all: async () => [], put: full, remove: full };
    const drafts = new Drafts(broken);
    await drafts.open('u');
    drafts.set('c1', 'a');
    await vi.waitFor(() => expect(full).toHaveBeenCalledTimes(1));
    drafts.set('c1', 'ab');
    await vi.waitFor(() => expect(full).toHaveBeenCalledTimes(2));
    expect(drafts.get('c1')).toBe('ab');
  });
});
