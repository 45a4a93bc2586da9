import { describe, expect, it } from 'vitest';
import * as rights from './rights';
import { channel as channelSchema, message as messageSchema, read, type Channel } from './wire';

const channel = (more: object): Channel => {
  const c = read(channelSchema, { id: 'c', kind: 'group', private: true, role: 'member', ...more }, 'channel');
  if (!c) throw new Error('no channel');
  return c;
};
const message = (more: object) => {
  const m = read(messageSchema, { id: 'm', channelId: 'c', seq: 1, authorId: 'bo', ...more }, 'message');
  if (!m) throw new Error('no message');
  return m;
};
const me = { id: 'me', role: 'member' };
const admin = { id: 'me', role: 'admin' };
const member = { userId: 'bo', role: 'member' };
const owner = { userId: 'cy', role: 'owner' };

describe('rights', () => {
  it('of members end at their own', () => {
    const c = channel({});
    expect([rights.maySetUp(c, me), rights.mayArchive(c, me), rights.mayAdd(c, me), rights.mayKick(c, me, member), rights.mayTimeOut(c, me, member), rights.mayChangeRole(c, me, member), rights.mayBan(me, member)]).toEqual(Array(7).fill(false));
    expect(rights.mayDelete(message({}), c, me)).toBe(false);
    expect(rights.mayDelete(message({ authorId: 'me' }), c, me)).toBe(true);
    expect(rights.mayReport(message({}), me)).toBe(true);
    expect(rights.mayReport(message({ authorId: 'me' }), me)).toBe(false);
    expect(rights.mayReport(message({ type: 'system', authorId: 'bo' }), me)).toBe(false);
    expect(rights.mayAdd(channel({ private: false }), me)).toBe(true);
  });

  it('of administrators of a channel end at other administrators', () => {
    const c = channel({ role: 'admin' });
    expect([rights.maySetUp(c, me), rights.mayAdd(c, me), rights.mayKick(c, me, member), rights.mayTimeOut(c, me, member)]).toEqual(Array(4).fill(true));
    expect([rights.mayKick(c, me, owner), rights.mayKick(c, me, { userId: 'di', role: 'admin' }), rights.mayArchive(c, me), rights.mayChangeRole(c, me, member)]).toEqual(Array(4).fill(false));
    expect(rights.mayDelete(message({}), c, me)).toBe(true);
  });

  it('of owners go over everybody, not over themselves', () => {
    const c = channel({ role: 'owner' });
    expect([rights.mayKick(c, me, owner), rights.mayTimeOut(c, me, owner), rights.mayChangeRole(c, me, owner), rights.mayArchive(c, me)]).toEqual(Array(4).fill(true));
    expect(rights.mayKick(c, me, { userId: 'me', role: 'owner' })).toBe(false);
    // Stepping down is a change of one's own role.
    expect(rights.mayChangeRole(c, me, { userId: 'me', role: 'owner' })).toBe(true);
  });

  it('of administrators of the server reach every channel, but not its messages', () => {
    const c = channel({ readOnly: true });
    expect([rights.maySetUp(c, admin), rights.mayArchive(c, admin), rights.mayKick(c, admin, owner)]).toEqual(Array(3).fill(true));
    expect([rights.mayDelete(message({}), c, admin), rights.mayWrite(c)]).toEqual([false, false]);
    expect([rights.mayBan(admin, member), rights.mayBan(admin, { userId: 'x', account: 'admin' }), rights.mayBan(admin, { userId: 'me' })]).toEqual([true, false, false]);
  });

  it('nobody administers a direct conversation, and nobody leaves a general channel', () => {
    const dm = channel({ kind: 'dm', role: 'owner' });
    expect([rights.maySetUp(dm, admin), rights.mayKick(dm, admin, member), rights.mayTimeOut(dm, admin, member), rights.mayAdd(dm, admin), rights.mayLeave(dm)]).toEqual(Array(5).fill(false));
    const general = channel({ kind: 'general', role: 'owner' });
    expect([rights.mayKick(general, me, member), rights.mayAdd(general, me), rights.mayLeave(general)]).toEqual(Array(3).fill(false));
    expect(rights.mayTimeOut(general, me, member)).toBe(true);
  });

  it('rest while a channel is archived, but for taking it out', () => {
    const c = channel({ role: 'owner', archivedAt: '2026-01-01T00:00:00Z' });
    expect([rights.mayWrite(c), rights.maySetUp(c, me), rights.mayAdd(c, me), rights.mayDelete(message({ authorId: 'me' }), c, me)]).toEqual(Array(4).fill(false));
    expect(rights.mayArchive(c, me)).toBe(true);
  });
});
