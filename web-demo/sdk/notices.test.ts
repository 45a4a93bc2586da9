import { expect, test } from 'vitest';
import { Notices } from './notices';

test('notices and badges are read, and malformed ones are passed over', () => {
  const notices = new Notices();
  const seen: string[] = [];
  notices.events.on('notice', (n) => seen.push(`${n.kind} ${n.senderName}`));
  notices.events.on('badge', (b) => seen.push(`${b.unreadTotal}/${b.mentions}`));
  const told = { channelId: 'c', messageId: 'm', threadId: null, callId: null, senderId: 'u', senderName: 'Ana', excerpt: 'hi' };
  expect(notices.onEvent('notification:new', { ...told, kind: 'mention' })).toBe(true);
  expect(notices.onEvent('notification:new', { ...told, kind: 'something else' })).toBe(true);
  expect(notices.onEvent('notification:badge', { unreadTotal: 3, mentions: 1 })).toBe(true);
  expect(notices.onEvent('message:new', {})).toBe(false);
  expect(seen).toEqual(['mention Ana', '3/1']);
  notices.reset();
  expect(notices.badge).toEqual({ unreadTotal: 0, mentions: 0 });
});
