import { afterEach, describe, expect, it, vi } from 'vitest';
import { FULL_GRANTS, grantsOf } from './grants';
import { enterAsGuest, showInvite } from './guests';

const CODE = 'abcdefghijklmnopqrst-_';
const token = (claims: unknown): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;

afterEach(() => void vi.unstubAllGlobals());

const server = (status: number, body: unknown) => {
  const asked = vi.fn(async (_url: string, _init?: RequestInit) => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal('fetch', asked);
  return asked;
};

describe('a link', () => {
  it('says what is behind it', async () => {
    const asked = server(200, { data: { channelId: 'c', channelName: 'Design review', people: ['Ana'], count: 4, lobby: true, publish: false, chat: true, expiresAt: '' } });
    expect(await showInvite('', CODE)).toMatchObject({ channelName: 'Design review', people: ['Ana'], count: 4, lobby: true, publish: false });
    expect(asked.mock.calls[0]?.[0]).toBe(`/api/v1/invites/${CODE}`);
  });

  it('gives a token for a name', async () => {
    const asked = server(201, { data: { token: 't', user: { id: 'u', username: 'guest-1', name: 'Maya' }, channelId: 'c' } });
    expect(await enterAsGuest('', CODE, 'Maya')).toMatchObject({ token: 't', channelId: 'c', user: { name: 'Maya' } });
    expect(asked.mock.calls[0]).toMatchObject([`/api/v1/invites/${CODE}/guests`, { method: 'POST', body: '{"name":"Maya"}' }]);
  });

  it('that is none is not asked for', async () => {
    const asked = server(200, {});
    for (const bad of ['', 'short', '../../auth/logout?x=1234', `${CODE}a`]) await expect(showInvite('', bad)).rejects.toMatchObject({ code: 'not_found.invite' });
    expect(asked).not.toHaveBeenCalled();
  });

  it('fails with the codes of the server, and with one of its own for an answer of another shape', async () => {
    server(410, { code: 'invite.gone', detail: 'over' });
    await expect(showInvite('', CODE)).rejects.toMatchObject({ code: 'invite.gone' });
    server(201, { data: { token: 7 } });
    await expect(enterAsGuest('', CODE, 'Maya')).rejects.toMatchObject({ code: 'client.shape' });
  });
});

describe('what a token allows', () => {
  it('is read from it', () => {
    expect(grantsOf(token({ sub: 'ü–😀', grants: { room: 'c', guest: true, publish: false, chat: false } }))).toEqual({ guest: true, publish: false, chat: false });
    expect(grantsOf(token({ grants: { room: 'c' } }))).toEqual(FULL_GRANTS);
  });

  it('is everything where it says nothing, and where it is none of ours', () => {
    for (const one of [null, '', 'opaque', 'a.b.c', 'a.!!.c', token({}), token('text')]) expect(grantsOf(one)).toEqual(FULL_GRANTS);
  });
});
