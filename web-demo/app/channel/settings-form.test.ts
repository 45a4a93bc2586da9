import { expect, it, vi } from 'vitest';
import { channel as channelSchema, read } from '../../sdk/wire';

vi.mock('../client', () => ({ convene: {} }));
vi.mock('../moderation/acts', () => ({}));

const { changedSettings } = await import('./settings-form');

const channel = (more: object) => {
  const c = read(channelSchema, { id: 'c', kind: 'group', name: 'Old', topic: 'Talk', private: true, slowMode: 30, rev: 7, ...more }, 'channel');
  if (!c) throw new Error('no channel');
  return c;
};
const form = (fields: Record<string, string>): FormData => {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
};
const same = { name: 'Old', topic: 'Talk', description: '', private: 'on', slowMode: '30', retentionDays: '0' };

it('sends only what differs, with the revision that was shown', () => {
  expect(changedSettings(channel({}), form(same), 7)).toBe(null);
  expect(changedSettings(channel({}), form({ ...same, name: ' New ', topic: '', readOnly: 'on', slowMode: '0' }), 7)).toEqual({
    name: 'New', topic: '', readOnly: true, slowMode: 0, baseRev: 7,
  });
  // A box that is not ticked is in no form.
  const { private: _, ...open } = same;
  expect(changedSettings(channel({}), form(open), 7)).toEqual({ private: false, baseRev: 7 });
});

it('leaves alone what a general channel cannot be', () => {
  expect(changedSettings(channel({ kind: 'general', private: false }), form({ ...same, private: 'on' }), 7)).toBe(null);
});
