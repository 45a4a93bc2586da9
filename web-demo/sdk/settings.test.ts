import { expect, test } from 'vitest';
import { fakeSession } from './session.fake';
import { OwnSettings } from './settings';

test('what one changes here and elsewhere is what one has', async () => {
  const { session, asked } = fakeSession(() => ({ presence: {}, settings: { lastSeenTo: 'shared', readReceipts: false } }));
  const own = new OwnSettings(session);
  const seen: unknown[] = [];
  own.events.on('change', (now) => seen.push(now));
  own.onReady({ lastSeenTo: 'nobody', readReceipts: true });
  await own.change({ readReceipts: false });
  expect(asked).toEqual([{ op: 'presence:update', d: { readReceipts: false } }]);
  expect(own.now).toEqual({ lastSeenTo: 'shared', readReceipts: false });
  expect(own.onEvent('user:settings', { lastSeenTo: 'nobody', readReceipts: true })).toBe(true);
  expect(own.onEvent('user:settings', 'nonsense')).toBe(true);
  expect(own.onEvent('user:blocked', {})).toBe(false);
  expect(own.now).toEqual({ lastSeenTo: 'nobody', readReceipts: true });
  expect(seen).toHaveLength(3);
});
