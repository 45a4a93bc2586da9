import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Chat } from './chat';
import { MemoryOutboxStore } from './outbox';
import { fakeSession, type Payload } from './session.fake';
import { channel as channelSchema, read } from './wire';

let asked: { op: string; d: Payload }[];
let answers: Record<string, unknown>;
let chat: Chat;

const message = (id: string, seq: number, rev: number, more: object = {}) => ({
  id, channelId: 'c', threadId: null, thread: null, seq, rev, type: 'text', authorId: 'bo', authorName: 'Bo', content: id, createdAt: '', ...more,
});
const reply = (id: string, seq: number, rev: number, more: object = {}) => message(id, seq, rev, { threadId: 'root', ...more });
const summary = (count: number) => ({ id: 'root', count, lastSeq: count, lastAt: '2026-01-01T00:00:00Z' });
const texts = (id: string) => chat.timeline(id).messages.map((m) => m.content);

beforeEach(async () => {
  vi.useFakeTimers();
  const root = message('root', 1, 1);
  answers = {
    'channel:get_history': { messages: [root], hasMoreBefore: false, hasMoreAfter: false },
    'thread:get': { thread: { root, following: true, readSeq: 0, unread: 0, mentions: 0 } },
    'thread:list': { threads: [], next: null },
  };
  const fake = fakeSession((op, d) =>
    op === 'channel:get_history' && d['threadId'] ? { messages: [], hasMoreBefore: false, hasMoreAfter: false } : (answers[op] ?? {}),
  );
  asked = fake.asked;
  chat = new Chat(fake.session, new MemoryOutboxStore());
  const channel = read(channelSchema, { id: 'c', slug: 'c', kind: 'group', name: 'c', lastSeq: 1, rev: 1, readSeq: 1 }, 'channel');
  chat.onReady({ user: { id: 'ana', name: 'Ana', username: 'ana' }, channels: [channel] } as never);
  await chat.open('c');
});
afterEach(() => vi.useRealTimers());

describe('threads', () => {
  it('keeps replies out of the channel and counts them at their root', () => {
    chat.onEvent('message:new', { message: reply('r1', 1, 2), thread: summary(1) });
    expect(texts('c')).toEqual(['root']);
    expect(chat.timeline('c').messages[0]?.thread?.count).toBe(1);
    // A gap in the channel's own sequence would be a reload.
    chat.onEvent('message:new', { message: message('next', 2, 3), thread: null });
    expect(texts('c')).toEqual(['root', 'next']);
    expect(chat.channel('c')).toMatchObject({ lastSeq: 2, rev: 3, unread: 1 });
    chat.onEvent('message:deleted', { channelId: 'c', threadId: 'root', messageId: 'r1', seq: 1, rev: 4, thread: summary(0) });
    expect(chat.timeline('c').messages[0]?.thread?.count).toBe(0);
  });

  it('shows an open thread live, and reads it again after a gap', async () => {
    const root = chat.timeline('c').messages[0];
    if (!root) throw new Error('no root');
    await chat.threads.open(root);
    chat.onEvent('message:new', { message: reply('r1', 1, 2), thread: summary(1) });
    expect(texts('root')).toEqual(['r1']);
    chat.onEvent('message:edited', { message: reply('r1', 1, 3, { content: 'better' }) });
    expect(texts('root')).toEqual(['better']);
    asked.length = 0;
    chat.onEvent('message:new', { message: reply('r3', 3, 5), thread: summary(3) });
    expect(asked[0]).toMatchObject({ op: 'channel:get_history', d: { channelId: 'c', threadId: 'root' } });
  });

  it('reads a thread to its end, once, and counts what is unread again', async () => {
    const root = chat.timeline('c').messages[0];
    if (!root) throw new Error('no root');
    await chat.threads.open(root);
    answers['thread:list'] = { threads: [{ root, following: true, readSeq: 0, unread: 2, mentions: 1 }] };
    chat.onEvent('message:new', { message: reply('r1', 1, 2), thread: summary(1) });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(chat.channel('c')?.threads).toEqual({ unread: 1, mentions: 1 });
    answers['thread:list'] = { threads: [] };
    chat.threads.markRead('root');
    chat.threads.markRead('root');
    expect(asked.filter((one) => one.op === 'message:mark_read').map((one) => one.d)).toEqual([{ channelId: 'c', threadId: 'root', seq: 1 }]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(chat.channel('c')?.threads.unread).toBe(0);
  });

  it('sends to the thread in order of its own', async () => {
    await chat.send('c', 'in the thread', 'root');
    await vi.advanceTimersByTimeAsync(0);
    expect(asked.find((one) => one.op === 'message:send')?.d).toMatchObject({ channelId: 'c', threadId: 'root', content: 'in the thread' });
  });
});
