import { describe, expect, it } from 'vitest';
import { colourIndex, dayLabel, duration, initials, timer } from './format';
import { parse, pathOf, type Route } from './router';
import { t } from './chat/texts';

describe('names and times', () => {
  it('takes the first grapheme of the first and last word', () => {
    expect(initials('Ana Maria Oliveira')).toBe('AO');
    expect(initials('bo')).toBe('B');
    expect(initials('👩‍👩‍👧 Kovář')).toBe('👩‍👩‍👧K');
    expect(initials('  ')).toBe('?');
  });
  it('gives a person the same colour every time', () => {
    expect(colourIndex('01J')).toBe(colourIndex('01J'));
    const used = new Set(Array.from({ length: 200 }, (_, i) => colourIndex(`user-${i}`)));
    expect(used.size).toBe(8);
  });
  it('counts calls in clock form', () => {
    expect(timer(65_000)).toBe('1:05');
    expect(timer(3_723_000)).toBe('1:02:03');
    expect(timer(-5)).toBe('0:00');
  });
  it('says durations in the largest useful unit', () => {
    expect(duration(40_000)).toMatch(/^40/);
    expect(duration(24 * 60_000)).toMatch(/^24/);
    expect(duration(65 * 60_000)).toMatch(/1.*5/);
  });
  it('names the two last days', () => {
    const now = Date.parse('2026-05-12T12:00:00');
    expect(dayLabel(now, now)).toBe(t.chat.today);
    expect(dayLabel(now - 86_400_000, now)).toBe(t.chat.yesterday);
    expect(dayLabel('nonsense', now)).toBe('');
  });
});

describe('routes', () => {
  it('read back what they write', () => {
    const routes: Route[] = [
      { name: 'home' },
      { name: 'channel', ref: 'général/1' },
      { name: 'dm', ref: '01J' },
      { name: 'lobby', ref: 'x', video: true },
      { name: 'lobby', ref: 'x', video: false },
      { name: 'call' },
      { name: 'calls' },
    ];
    for (const route of routes) {
      const [path = '', search = ''] = pathOf(route).split('?');
      expect(parse(path, search)).toEqual(route);
    }
  });
  it('survive a broken escape', () => {
    expect(parse('/c/%E0%A4%A')).toEqual({ name: 'home' });
  });
});

describe('texts', () => {
  it('agree in number', () => {
    expect(t.chat.newMessages(1)).toBe('1 new message');
    expect(t.chat.newMessages(4)).toBe('4 new messages');
    expect(t.chat.typing(['Bo'])).toBe('Bo is typing…');
    expect(t.chat.typing(['Bo', 'Cy'])).toBe('Bo and Cy are typing…');
    expect(t.chat.typing(['a', 'b', 'c', 'd'])).toBe('Several people are typing…');
  });
});
