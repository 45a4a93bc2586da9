import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Chat } from './chat';
import { ConveneError } from './errors';
import { MemoryOutboxStore } from './outbox';
import { Schedule } from './schedule';
import type { Session } from './session';
import { fakeSession, type Payload } from './session.fake';
import { message as messageSchema, read } from './wire';

let asked: { op: string; d: Payload }[];
let answer: (op: string, d: Payload) => unknown;
let session: Session;
let schedule: Schedule;

const row = (id: string, rev: number, more: object = {}) => ({
  id, channelId: 'c', threadId: null, content: id, mentions: [], sendAt: '2030-01-01T00:00:00.000Z', state: 'pending', error: null, messageId: null, rev, ...more,
});
const changed = (id: string, rev: number, more: object = {}) =>
  schedule.onEvent('schedule:changed', { channelId: 'c', scheduled: row(id, rev, more) });
const ids = () => schedule.all.map((one) => one.id);

beforeEach(() => {
  vi.useFakeTimers();
  answer = () => ({});
  ({ session, asked } = fakeSession((op, d) => answer(op, d)));
  schedule = new Schedule(session);
});
afterEach(() => vi.useRealTimers());

describe('scheduled messages', () => {
  it('are those that wait or failed, by their time and place', async () => {
    answer = () => ({
      scheduled: [row('b', 1), row('a', 1), row('reply', 1, { threadId: 'root', sendAt: '2029-01-01T00:00:00.000Z' })],
    });
    await schedule.load();
    expect(ids()).toEqual(['reply', 'a', 'b']);
    expect(schedule.in('c').map((one) => one.id)).toEqual(['a', 'b']);
    expect(schedule.in('c', 'root').map((one) => one.id)).toEqual(['reply']);
    changed('a', 2, { state: 'sent', content: '', messageId: 'm' });
    changed('b', 2, { state: 'cancelled', content: '' });
    expect(ids()).toEqual(['reply']);
    expect(schedule.onEvent('message:new', {})).toBe(false);
  });

  it('keep the newest revision, whichever way it came', async () => {
    changed('a', 3, { content: 'newest' });
    answer = () => ({ scheduled: row('a', 2, { content: 'older' }) });
    await schedule.update('a', { content: 'older' });
    expect(schedule.all[0]?.content).toBe('newest');
    // A list that was read before what is heard while it comes.
    answer = () => {
      changed('a', 4, { state: 'cancelled', content: '' });
      changed('new', 1);
      return { scheduled: [row('a', 3), row('b', 1)] };
    };
    await schedule.load();
    expect(ids()).toEqual(['b', 'new']);
    answer = () => ({ scheduled: [row('b', 1)] });
    await schedule.load();
    expect(ids()).toEqual(['b']);
  });

  it('say that one failed, once', () => {
    const failed = vi.fn();
    schedule.events.on('failed', failed);
    changed('a', 1);
    changed('a', 2, { state: 'failed', error: 'perm.timeout' });
    changed('a', 2, { state: 'failed', error: 'perm.timeout' });
    expect(failed).toHaveBeenCalledOnce();
    expect(failed.mock.calls[0]?.[0]).toMatchObject({ id: 'a', error: 'perm.timeout' });
    expect(ids()).toEqual(['a']);
  });

  it('ask again under the same nonce when an answer is lost, and not when it is a no', async () => {
    let lost = 1;
    answer = (_, d) => {
      if (lost-- > 0) throw new ConveneError('client.timeout', 'lost');
      return { scheduled: row('a', 1, { content: d['content'] }), duplicate: true };
    };
    const at = new Date('2030-01-01T10:00:00Z');
    const added = schedule.add('c', 'later', at, { threadId: 'root' });
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await added)?.content).toBe('later');
    expect(asked).toHaveLength(2);
    expect(asked[0]?.d).toMatchObject({ channelId: 'c', threadId: 'root', content: 'later', sendAt: '2030-01-01T10:00:00.000Z' });
    expect(asked[1]?.d['nonce']).toBe(asked[0]?.d['nonce']);
    answer = () => {
      throw new ConveneError('limit.count', 'full');
    };
    await expect(schedule.add('c', 'more', at)).rejects.toMatchObject({ code: 'limit.count' });
    expect(asked).toHaveLength(3);
  });

  it('are told a new time and are cancelled', async () => {
    changed('a', 1);
    answer = () => ({ scheduled: row('a', 2, { sendAt: '2031-01-01T00:00:00.000Z' }) });
    await schedule.update('a', { at: new Date('2031-01-01T00:00:00Z') });
    expect(asked[0]).toEqual({ op: 'schedule:update', d: { scheduleId: 'a', sendAt: '2031-01-01T00:00:00.000Z' } });
    answer = () => ({ scheduled: row('a', 3, { state: 'cancelled', content: '' }) });
    await schedule.cancel('a');
    expect(ids()).toEqual([]);
  });
});

describe('receipts', () => {
  it('name readers, or only count them', async () => {
    const chat = new Chat(session, new MemoryOutboxStore());
    const message = read(messageSchema, { id: 'm', channelId: 'c', seq: 1 }, 'message');
    if (!message) throw new Error('no message');
    answer = () => ({ readers: [{ userId: 'bo', at: '2026-01-01T00:00:00Z' }, { userId: 'cy', at: null }], count: 2 });
    expect(await chat.receipts(message)).toEqual({
      readers: [{ userId: 'bo', at: '2026-01-01T00:00:00Z' }, { userId: 'cy', at: '' }],
      count: 2,
    });
    expect(asked[0]).toEqual({ op: 'message:get_read_receipts', d: { messageId: 'm' } });
    answer = () => ({ readers: [], count: 230 });
    expect(await chat.receipts(message)).toEqual({ readers: [], count: 230 });
  });
});
