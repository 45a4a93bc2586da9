import { describe, expect, test } from 'vitest';
import { Chat } from './chat';
import { MemoryOutboxStore } from './outbox';
import { Safety } from './safety';
import { fakeSession } from './session.fake';
import { bounded, revive, TailKeeper, type Tail, type TailStore } from './tail';
import { account, channel, message, ready, type Channel, type Message } from './wire';
import * as v from 'valibot';

const me = v.parse(account, { id: 'u1', username: 'ana', name: 'Ana' });
const room = (id: string, more: object = {}): Channel => v.parse(channel, { id, name: id, rev: 3, lastSeq: 3, lastMessageAt: '2026-05-01T00:00:00Z', ...more });
const said = (seq: number, content = `text ${seq}`, more: object = {}): Message => v.parse(message, { id: `m${seq}`, channelId: 'c1', seq, rev: seq, authorId: 'u2', content, createdAt: '2026-05-01T00:00:00Z', ...more });
const all = (part: Partial<Tail> = {}) => ({ userId: 'u1', me, channelId: 'c1', hasMoreBefore: false, channels: [room('c1')], users: [{ id: 'u2', name: 'Bo', username: 'bo' }], messages: [said(1), said(2), said(3)], blocked: [], ...part });

class MemoryTails implements TailStore {
  rows = new Map<string, { userId: string; savedAt: number }>();
  get = async (userId: string) => structuredClone(this.rows.get(userId));
  put = async (row: { userId: string; savedAt: number }) => void this.rows.set(row.userId, structuredClone(row));
  remove = async (userId: string) => void this.rows.delete(userId);
  expire = async (before: number) => this.rows.forEach((row, id) => row.savedAt < before && this.rows.delete(id));
}

const client = (store: TailStore) => {
  const { session, asked } = fakeSession((op) => (op === 'channel:sync' ? { messages: [said(4)], truncated: false } : { messages: [] }));
  const chat = new Chat(session, new MemoryOutboxStore());
  const safety = new Safety(session);
  return { chat, safety, keeper: new TailKeeper(chat, safety, store), asked };
};
const welcome = (rev: number) => v.parse(ready, { sessionId: 's', user: { id: 'u1', username: 'ana', name: 'Ana' }, channels: [{ id: 'c1', name: 'c1', rev, lastSeq: rev }] });

describe('what is kept', () => {
  test('is the end of the conversation, bounded in rows and in text', () => {
    const many = Array.from({ length: 400 }, (_, i) => said(i + 1));
    const tail = bounded(all({ messages: many }), 1);
    expect([tail.messages.length, tail.messages[0]?.seq, tail.messages.at(-1)?.seq, tail.hasMoreBefore]).toEqual([50, 351, 400, true]);
    const long = bounded(all({ messages: Array.from({ length: 50 }, (_, i) => said(i + 1, 'x'.repeat(20_000))) }), 1);
    expect(long.messages.map((m) => m.seq)).toEqual([41, 42, 43, 44, 45, 46, 47, 48, 49, 50]);
  });

  test('of many channels the newest, and always the one that was open', () => {
    const channels = Array.from({ length: 500 }, (_, i) => room(`r${i}`, { lastMessageAt: new Date(1_700_000_000_000 + i * 1_000).toISOString() }));
    const tail = bounded(all({ channelId: 'r0', channels }), 1);
    expect([tail.channels.length, tail.channels[0]?.id, tail.channels[1]?.id]).toEqual([200, 'r0', 'r499']);
    const users = Array.from({ length: 1_000 }, (_, i) => ({ id: `x${i}`, name: `X ${i}`, username: `x${i}` }));
    const named = bounded(all({ users: [...users, { id: 'u2', name: 'Bo', username: 'bo' }] }), 1).users;
    expect([named.length, named[0]?.id]).toEqual([300, 'u2']);
  });

  test('is read back as it was, and what was deleted stays deleted', () => {
    const row = structuredClone(bounded(all({ messages: [said(1), said(2, '', { deletedAt: '2026-05-02T00:00:00Z' })] }), 1_000));
    const tail = revive(row, 'u1', 2_000);
    expect(tail?.messages).toEqual(row.messages);
    expect(tail?.messages[1]?.deleted).toBe(true);
    expect(tail?.channels).toEqual(row.channels);
    expect(tail?.me).toEqual(me);
  });

  test('is of no use to others, after a week, or if it is no such row', () => {
    const row = bounded(all(), 1_000);
    expect(revive(row, 'u2', 2_000)).toBe(null);
    expect(revive(row, 'u1', 1_000 + 8 * 86_400_000)).toBe(null);
    for (const other of [undefined, null, {}, { ...row, me: 7 }, { ...row, messages: 'no' }, { ...row, savedAt: '' }]) expect(revive(other, 'u1', 2_000)).toBe(null);
    expect(revive({ ...row, messages: [{ nothing: 1 }, row.messages[0]] }, 'u1', 2_000)?.messages).toHaveLength(1);
  });
});

describe('what is shown', () => {
  test('is there before the server, and is brought up to date by what changed since', async () => {
    const store = new MemoryTails();
    await store.put(bounded(all({ blocked: ['u9'] }), Date.now()));
    const { chat, safety, keeper, asked } = client(store);
    expect(await keeper.restore('u1')).toEqual(me);
    expect([chat.timeline('c1').messages.length, chat.channels.length, chat.user('u2')?.name, chat.fresh, safety.blocked.has('u9')]).toEqual([3, 1, 'Bo', false, true]);
    chat.onReady(welcome(4));
    expect(chat.fresh).toBe(true);
    await expect.poll(() => chat.timeline('c1').messages.map((m) => m.seq)).toEqual([1, 2, 3, 4]);
    expect(asked.filter(({ op }) => op.startsWith('channel:') && op !== 'channel:join').map(({ op, d }) => [op, d['afterRev']])).toEqual([['channel:sync', 3]]);
  });

  test('is not what the server said already, nor what was of another account', async () => {
    const store = new MemoryTails();
    await store.put(bounded(all(), Date.now()));
    const { chat, keeper } = client(store);
    chat.onReady(welcome(4));
    expect(await keeper.restore('u1')).toBe(null);
    expect(chat.timeline('c1').loaded).toBe(false);
    const second = client(store);
    await second.keeper.restore('u1');
    second.chat.onReady(v.parse(ready, { sessionId: 's', user: { id: 'u7', username: 'cy', name: 'Cy' }, channels: [{ id: 'c1', name: 'c1', rev: 3, lastSeq: 3 }] }));
    expect(second.chat.timeline('c1').loaded).toBe(false);
  });

  test('is gone after signing out, also if that comes while it is read', async () => {
    const store = new MemoryTails();
    await store.put(bounded(all(), Date.now()));
    const { chat, keeper } = client(store);
    const late = keeper.restore('u1');
    await keeper.forget('u1');
    expect(await late).toBe(null);
    expect([chat.timeline('c1').loaded, store.rows.size]).toEqual([false, 0]);
    await store.put({ userId: 'old', savedAt: 1 });
    await keeper.expire();
    expect(store.rows.size).toBe(0);
  });
});
