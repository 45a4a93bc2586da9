import { expect, it } from 'vitest';
import { parse, pathOf } from '../router';
import { t } from './texts';
import { overBy } from './stay';

it('the end of a session is told to a guest in words of its own', () => {
  const ends = { 'perm.denied': 'refused', 'auth.revoked': 'revoked', 'auth.user_inactive': 'revoked', 'auth.expired': 'expired', 'session.replaced': 'replaced' };
  for (const [code, how] of Object.entries(ends)) expect(overBy(code), code).toBe(how);
  for (const how of ['refused', 'unanswered', 'full', 'revoked', 'expired', 'replaced', 'left']) expect(t.guest.over[how]?.text, how).toBeTruthy();
});

it('a link is a path of the page, whatever its code is', () => {
  expect(parse('/j/abc-_1')).toEqual({ name: 'invite', code: 'abc-_1' });
  expect(parse(pathOf({ name: 'invite', code: 'a/b' }))).toEqual({ name: 'invite', code: 'a/b' });
  expect(parse('/j')).toEqual({ name: 'home' });
});
