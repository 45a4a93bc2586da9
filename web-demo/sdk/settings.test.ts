import { expect, test } from 'vitest';
import type { Session } from './session';
import { OwnSettings } from './settings';

test('what one changes here and elsewhere is what one has', async () => {
  const asked: unknown[] = [];
  const session = {
    request: async (op: string, d: object) => {
      asked.push([op, d]);
      return { presence: {}, settings: { lastSeenTo: 'shared', readReceipts: false } };
    },
  } as unknown as Session;
  const own = new OwnSettings(session);
  const seen: unknown[] = [];
  own.events.on('change', (now) => seen.push(now));
  own.onReady({ lastSeenTo: 'nobody', readReceipts: true });
  await own.change({ readReceipts: false });
  expect(asked).toEqual([['presence:update', { readReceipts: false }]]);
  expect(own.now).toEqual({ lastSeenTo: 'shared', readReceipts: false });
  expect(own.onEvent('user:settings', { lastSeenTo: 'nobody', readReceipts: true })).toBe(true);
  expect(own.onEvent('user:settings', 'nonsense')).toBe(true);
  expect(own.onEvent('user:blocked', {})).toBe(false);
  expect(own.now).toEqual({ lastSeenTo: 'nobody', readReceipts: true });
  expect(seen).toHaveLength(3);
});
