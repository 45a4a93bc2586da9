import { expect, test } from 'vitest';
import { systemText } from './system-text';

const line = (event: string, more: object = {}) => ({ event, users: [], count: 0, from: '', to: '', topic: '', ...more });
const people = (...names: string[]) => names.map((name, n) => ({ id: String(n), name }));

test('lines name people up to a point and then count them', () => {
  expect(systemText(line('joined', { users: people('Ana'), count: 1 }), '')).toBe('Ana joined.');
  expect(systemText(line('joined', { users: people('Ana', 'Bo'), count: 31 }), '')).toBe('Ana, Bo and 29 others joined.');
  expect(systemText(line('added', { users: people('Bo'), count: 1 }), 'Ana')).toBe('Ana added Bo.');
  expect(systemText(line('removed', { users: people('Bo', 'Cy'), count: 2 }), 'Ana')).toBe('Ana removed Bo and Cy.');
  expect(systemText(line('left', { users: people('Bo'), count: 1 }), 'Bo')).toBe('Bo left.');
});

test('changes say who made them, unless it was the directory', () => {
  expect(systemText(line('renamed', { from: 'a', to: 'b' }), 'Ana')).toBe('Ana renamed the channel from “a” to “b”.');
  expect(systemText(line('renamed', { from: 'a', to: 'b' }), '')).toBe('The channel was renamed from “a” to “b”.');
  expect(systemText(line('topic', { topic: 'x' }), 'Ana')).toBe('Ana set the topic: x');
  expect(systemText(line('archived'), '')).toBe('The channel was archived.');
  expect(systemText(line('something new'), 'Ana')).toBe('');
});
