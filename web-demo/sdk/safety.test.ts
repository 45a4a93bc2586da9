import { beforeEach, describe, expect, it, vi } from 'vitest';
import { timeOut, updateChannel } from './administration';
import { Chat } from './chat';
import { auditLog, listReports, resolveReport } from './moderation';
import { MemoryOutboxStore } from './outbox';
import { Safety } from './safety';
import type { Session } from './session';
import { fakeSession, type Payload } from './session.fake';
import { channel as channelSchema, read } from './wire';

let asked: { op: string; d: Payload }[];
let answer: (op: string, d: Payload) => unknown;
let session: Session;

beforeEach(() => {
  answer = () => ({});
  ({ session, asked } = fakeSession((op, d) => answer(op, d)));
});

describe('blocks', () => {
  it('are read to the end, and what is heard meanwhile wins', async () => {
    const safety = new Safety(session);
    answer = (_, d) => {
      if (d['cursor']) return { users: [{ id: 'cy' }], next: null };
      safety.onEvent('user:unblocked', { userId: 'cy' });
      safety.onEvent('user:blocked', { userId: 'di' });
      return { users: [{ id: 'bo' }], next: 'more' };
    };
    await safety.load();
    expect([...safety.blocked].sort()).toEqual(['bo', 'di']);
  });

  it('are told once, whether the answer or the event comes first', async () => {
    const safety = new Safety(session);
    const told = vi.fn();
    safety.events.on('blocks', told);
    await safety.block('bo');
    safety.onEvent('user:blocked', { userId: 'bo' });
    expect(told).toHaveBeenCalledOnce();
    await safety.unblock('bo');
    expect([...safety.blocked]).toEqual([]);
    expect(asked.map(({ op }) => op)).toEqual(['user:block', 'user:unblock']);
  });
});

describe('moderation', () => {
  it('tells who was removed or banned, and why', () => {
    const safety = new Safety(session);
    const heard: unknown[] = [];
    safety.events.on('kicked', (d) => heard.push(d));
    safety.events.on('banned', (d) => heard.push(d));
    safety.onEvent('moderation:kicked', { channelId: 'c', reason: 'spam' });
    safety.onEvent('moderation:banned', { reason: 'more spam', until: null });
    expect(heard).toEqual([{ channelId: 'c', reason: 'spam' }, { reason: 'more spam', until: '' }]);
    expect(safety.onEvent('message:new', {})).toBe(false);
  });

  it('reads reports, decisions and the log', async () => {
    const row = { id: 'r', messageId: 'm', channelId: 'c', authorId: 'bo', content: 'words', kind: 'user', reporterId: null, reason: 'spam', note: '', state: 'open', createdAt: '' };
    answer = () => ({ reports: [row], next: 'n' });
    expect(await listReports(session, 'open')).toMatchObject({ rows: [{ id: 'r', content: 'words', reporterId: '' }], next: 'n' });
    answer = () => ({ report: { ...row, state: 'actioned', resolvedBy: 'ana' } });
    expect(await resolveReport(session, 'r', 'actioned')).toMatchObject({ state: 'actioned', resolvedBy: 'ana' });
    answer = () => ({ entries: [{ n: 1, at: '', actor: 'ana', action: 'user.ban', target: 'bo', ip: null, detail: { reason: 'spam' } }], next: null, chain: { whole: true, intact: 1 } });
    expect(await auditLog(session, { verify: true })).toMatchObject({ rows: [{ n: 1, detail: { reason: 'spam' } }], next: null, chain: { whole: true } });
    await timeOut(session, 'c', 'bo', null);
    await updateChannel(session, 'c', { slowMode: 30, baseRev: 4 });
    expect(asked.slice(-2)).toEqual([
      { op: 'moderation:timeout_user', d: { channelId: 'c', userId: 'bo', until: null, reason: '' } },
      { op: 'channel:update', d: { channelId: 'c', slowMode: 30, baseRev: 4 } },
    ]);
  });
});

describe('a channel', () => {
  const message = (id: string, seq: number, rev: number, more: object = {}) => ({
    id, channelId: 'c', seq, rev, type: 'text', authorId: 'bo', content: id, createdAt: '', ...more,
  });
  const member = (more: object) => ({ userId: 'ana', role: 'member', timeoutUntil: null, ...more });
  let chat: Chat;

  beforeEach(async () => {
    chat = new Chat(session, new MemoryOutboxStore());
    answer = (op) =>
      op === 'channel:get_history' ? { messages: [message('one', 1, 1), message('two', 2, 2)], hasMoreBefore: false, hasMoreAfter: false } : {};
    const c = read(channelSchema, { id: 'c', kind: 'group', name: 'c', lastSeq: 2, rev: 2, readSeq: 2, memberCount: 2, members: ['ana', 'bo'] }, 'channel');
    chat.onReady({ user: { id: 'ana', name: 'Ana', username: 'ana' }, channels: [c] } as never);
    await chat.open('c');
  });

  it('knows when I may write again, and what I may do', async () => {
    chat.onEvent('channel:member_updated', { channelId: 'c', rev: 3, member: member({ role: 'admin', timeoutUntil: '2030-01-01T00:00:00Z' }) });
    expect(chat.channel('c')).toMatchObject({ role: 'admin', timeoutUntil: '2030-01-01T00:00:00Z', rev: 3 });
    // New settings are the same for everybody and do not touch that.
    chat.onEvent('channel:updated', { channel: { id: 'c', kind: 'group', name: 'c', slowMode: 30, rev: 4 } });
    expect(chat.channel('c')).toMatchObject({ slowMode: 30, timeoutUntil: '2030-01-01T00:00:00Z', role: 'admin' });
    chat.onEvent('channel:member_updated', { channelId: 'c', rev: 5, member: member({ userId: 'bo', role: 'owner' }) });
    expect(chat.channel('c')?.role).toBe('admin');
    answer = () => ({ channel: { id: 'c', kind: 'group', name: 'c', rev: 5 }, members: [member({ timeoutUntil: null })] });
    await chat.lookUp('c');
    expect(chat.channel('c')?.timeoutUntil).toBe('');
    // An answer from before something was read makes it not unread again.
    answer = () => ({ channel: { id: 'c', kind: 'group', name: 'c', rev: 5, readSeq: 1, unread: 1 }, members: [] });
    await chat.lookUp('c');
    expect(chat.channel('c')).toMatchObject({ readSeq: 2, unread: 0 });
  });

  it('reads again what changed without an event', async () => {
    answer = (op, d) => {
      if (op !== 'channel:sync') return {};
      expect(d).toEqual({ channelId: 'c', afterRev: 2 });
      return { messages: [message('', 1, 3, { deletedAt: '2026-01-01T00:00:00Z' }), message('three', 3, 4)], members: [], rev: 4, lastSeq: 3, truncated: false };
    };
    chat.onEvent('message:new', { message: message('three', 3, 4) });
    await vi.waitFor(() => expect(chat.timeline('c').messages.map((m) => [m.content, m.deleted])).toEqual([['', true], ['two', false], ['three', false]]));
    const before = asked.length;
    chat.onEvent('message:deleted', { channelId: 'c', messageId: 'two', seq: 2, rev: 5, by: 'ana', thread: null });
    expect(chat.timeline('c').messages[1]).toMatchObject({ deleted: true, content: '' });
    expect(asked).toHaveLength(before);
  });

  it('reads again what was cleared after its time', async () => {
    answer = (op, d) => {
      if (op !== 'channel:sync') return {};
      expect(d).toEqual({ channelId: 'c', afterRev: 2 });
      return { messages: [message('', 1, 3, { deletedAt: '2026-01-01T00:00:00Z' })], members: [], rev: 3, lastSeq: 2, truncated: false };
    };
    chat.onEvent('channel:cleared', { channelId: 'c', rev: 3 });
    await vi.waitFor(() => expect(chat.timeline('c').messages.map((m) => [m.content, m.deleted])).toEqual([['', true], ['two', false]]));
    await vi.waitFor(() => expect(chat.channel('c')?.rev).toBe(3));
  });
});
