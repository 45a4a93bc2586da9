import { Ban, Clock, KeyRound, MessageSquare, Phone, ShieldCheck, ShieldOff, UserMinus, UserRoundCog, UserRoundX } from 'lucide';
import type { ComponentChildren } from 'preact';
import { isGuestName, isServerAdmin, mayBan, mayChangeRole, mayKick, mayTimeOut } from '../../sdk/index';
import { convene } from '../client';
import { openDm, startCall } from '../intents';
import { bannedUsers, blocked, isGuest, me, usersById } from '../store';
import { t } from '../strings';
import { MenuButton, type MenuItem } from '../ui/menu';
import { ask, block, unban, unblock } from './acts';

interface Person {
  userId: string;
  name: string;
  /** Where one met: what may be done there is offered as well. */
  channelId?: string | undefined;
  /** In that channel, if it is known for certain. */
  role?: string | undefined;
  /** In the server: `admin` is not banned by another one. */
  account?: string | undefined;
}

export function personItems({ userId, name, channelId = '', role, account }: Person): (MenuItem | false | undefined)[] {
  const channel = convene.chat.channel(channelId);
  const self = userId === me.value?.id;
  const inside = channel !== undefined && (channel.kind === 'general' || channel.members.length === 0 || channel.members.includes(userId));
  const reachable = !self && !isGuestName(usersById.value.get(userId)?.username ?? '');
  const target = { userId, role: role ?? (channel ? convene.chat.roleOf(channel.id, userId) : 'member') };
  const isBlocked = blocked.value.has(userId);
  const isBanned = bannedUsers.value.has(userId);
  const call = async () => {
    const dm = await openDm(userId);
    if (dm) await startCall(dm, false);
  };
  // Guests reach nobody alone, and keep no lists.
  if (isGuest.value) return [];
  return [
    reachable && { key: 'message', label: t.person.message, icon: MessageSquare, run: () => void openDm(userId) },
    reachable && !isBlocked && { key: 'call', label: t.person.call, icon: Phone, run: () => void call() },
    !self &&
      (isBlocked
        ? { key: 'unblock', label: t.person.unblock, icon: ShieldCheck, run: () => void unblock(userId, name) }
        : { key: 'block', label: t.person.block, icon: ShieldOff, run: () => void block(userId, name) }),
    inside && mayChangeRole(channel, me.value, target) && { key: 'role', label: t.person.role, icon: UserRoundCog, run: () => ask({ kind: 'role', channel, userId, name, role: target.role }) },
    inside && mayTimeOut(channel, me.value, target) && { key: 'timeout', label: t.person.timeout, icon: Clock, run: () => ask({ kind: 'timeout', channel, userId, name }) },
    inside && mayKick(channel, me.value, target) && { key: 'kick', label: t.person.kick, icon: UserMinus, danger: true, run: () => ask({ kind: 'kick', channel, userId, name }) },
    isServerAdmin(me.value) && { key: 'sign-ins', label: t.person.signIns, icon: KeyRound, run: () => ask({ kind: 'signIns', userId, name }) },
    mayBan(me.value, { userId, ...(account ? { account } : {}) }) &&
      (isBanned
        ? { key: 'unban', label: t.person.unban, icon: UserRoundX, run: () => void unban(userId, name) }
        : { key: 'ban', label: t.person.ban, icon: Ban, danger: true, run: () => ask({ kind: 'ban', userId, name }) }),
  ];
}

interface Props extends Person {
  children: ComponentChildren;
  class?: string;
  testid?: string;
  /** A button of its own beside the name. */
  more?: boolean;
  /** A second way beside the name, for those who point. */
  picture?: boolean;
  /** What is offered before the rest. */
  extra?: () => (MenuItem | false | undefined)[];
}

/** Somebody's name or picture, with what one can do. Where there is nothing, it is only a name. */
export function PersonMenu({ children, class: cls = '', testid, more, picture, extra, ...person }: Props) {
  const items = () => [...(extra?.() ?? []), ...personItems(person)];
  if (!person.userId || !items().some(Boolean)) return <>{!more && children}</>;
  return (
    <MenuButton
      label={more || person.userId === me.value?.id ? t.person.more(person.name) : t.person.menu(person.name)}
      class={more ? `icon-btn ${cls}` : `person-button ${cls}`}
      testid={testid ?? 'person-menu'}
      {...(picture ? { picture, tabIndex: -1 } : {})}
      items={items}
    >
      {children}
    </MenuButton>
  );
}
