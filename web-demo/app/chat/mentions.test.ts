import { describe, expect, it } from 'vitest';
import { callsMany, peopleToAsk } from './mentions';

describe('calling many', () => {
  it('reads a text as the server does', () => {
    for (const text of ['lunch, @here.', '(@here) and @channel!', '@here', 'now @channel', 'an odd ` and @here']) expect(callsMany(text), text).toBe(true);
    for (const text of ['me@here.org', '@hereafter @channels @channel-ops', '`@here`', '```\n@here\n```', 'hello', '@here.org', '@@here']) expect(callsMany(text), text).toBe(false);
  });
  it('asks only where it would disturb more than twenty', () => {
    expect(peopleToAsk('@here', { kind: 'group', memberCount: 21 })).toBe(21);
    expect(peopleToAsk('@here', { kind: 'group', memberCount: 20 })).toBe(0);
    expect(peopleToAsk('hello', { kind: 'group', memberCount: 500 })).toBe(0);
    expect(peopleToAsk('@here', { kind: 'dm', memberCount: 500 })).toBe(0);
  });
});
