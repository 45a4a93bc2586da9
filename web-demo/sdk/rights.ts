/** Who may do what, so that nobody is offered what the server would refuse. The server decides all the same. */
import type { Account, Channel, Message } from './wire';

export type Role = 'member' | 'admin' | 'owner';
/** Who acts. */
export type Actor = Pick<Account, 'id' | 'role'>;
/** Whom it is about. */
export interface Target {
  userId: string;
  role: string;
}

const RANKS: readonly string[] = ['member', 'admin', 'owner'];
const rank = (role: string): number => Math.max(0, RANKS.indexOf(role));

export const isServerAdmin = (me: Actor | null): boolean => me?.role === 'admin';

/** What its role in the channel gives somebody: to delete, to pin, to write where others may only read. */
export const isHost = (c: Channel): boolean => c.kind !== 'dm' && rank(c.role) >= rank('admin');

/** In the settings and among the members of a channel an administrator of the server is like an owner. */
export const roleIn = (c: Channel, me: Actor | null): Role => {
  if (c.kind === 'dm') return 'member';
  return isServerAdmin(me) ? 'owner' : ((RANKS[rank(c.role)] ?? 'member') as Role);
};

export const mayWrite = (c: Channel): boolean => !c.archivedAt && (!c.readOnly || isHost(c));

export const mayDelete = (m: Message, c: Channel, me: Actor | null): boolean =>
  !m.deleted && !c.archivedAt && ((m.authorId === me?.id && m.type !== 'system') || isHost(c));

/** Own words and those of the channel are not reported. */
export const mayReport = (m: Message, me: Actor | null): boolean => !m.deleted && m.type === 'text' && m.authorId !== me?.id;

export const maySetUp = (c: Channel, me: Actor | null): boolean => !c.archivedAt && rank(roleIn(c, me)) >= rank('admin');

export const mayArchive = (c: Channel, me: Actor | null): boolean => roleIn(c, me) === 'owner';

export const mayAdd = (c: Channel, me: Actor | null): boolean =>
  c.kind !== 'dm' && c.kind !== 'general' && !c.archivedAt && ((c.kind === 'group' && !c.private) || rank(roleIn(c, me)) >= rank('admin'));

export const mayLeave = (c: Channel): boolean => c.kind !== 'dm' && c.kind !== 'general';

/** Owners are above everybody, administrators above members. */
const above = (c: Channel, me: Actor | null, target: Target): boolean => {
  const mine = roleIn(c, me);
  return target.userId !== me?.id && (mine === 'owner' || (mine === 'admin' && target.role === 'member'));
};

export const mayKick = (c: Channel, me: Actor | null, target: Target): boolean =>
  c.kind !== 'dm' && c.kind !== 'general' && above(c, me, target);

export const mayTimeOut = (c: Channel, me: Actor | null, target: Target): boolean => c.kind !== 'dm' && above(c, me, target);

export const mayChangeRole = (c: Channel, me: Actor | null, target: Target): boolean =>
  c.kind !== 'dm' && !c.archivedAt && roleIn(c, me) === 'owner' && (target.userId !== me?.id || target.role === 'owner');

/** Not oneself, and no other administrator as far as that is known. */
export const mayBan = (me: Actor | null, target: { userId: string; account?: string }): boolean =>
  isServerAdmin(me) && target.userId !== me?.id && target.account !== 'admin';
