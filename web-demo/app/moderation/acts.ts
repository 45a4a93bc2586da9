/** What one does about others and about channels. Each says what came of it. */
import {
  archiveChannel, banUser, codeOf, isHost, kick, removeMember, setRole, timeOut, unbanUser, type Channel,
} from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { toast } from '../intents';
import { go } from '../router';
import * as store from '../store';
import { t } from '../strings';

export const errorText = (code: string): string => t.moderation.errors[code] ?? t.moderation.failed;

/** Gives the text of what went wrong, or nothing. */
export async function attempt(run: () => Promise<unknown>, done = ''): Promise<string> {
  try {
    await run();
  } catch (error) {
    return errorText(codeOf(error));
  }
  if (done) toast(done);
  return '';
}

/** The same where nothing is open that could show it. */
export async function tell(run: () => Promise<unknown>, done = ''): Promise<boolean> {
  const problem = await attempt(run, done);
  if (problem) toast(problem, 'error');
  return !problem;
}

export const ask = (what: store.Prompt): void => void (store.prompts.value = [...store.prompts.value, what]);
/** The one on top is over. */
export const answered = (): void => void (store.prompts.value = store.prompts.value.slice(0, -1));

/** That their messages fold, or unfold, is to be seen; it is only told to those who hear the page. */
export async function block(userId: string, name: string): Promise<void> {
  if (await tell(() => convene.safety.block(userId))) announce(t.person.blockedDone(name));
}

export async function unblock(userId: string, name: string): Promise<void> {
  if (await tell(() => convene.safety.unblock(userId))) announce(t.person.unblockedDone(name));
}

export const timeOutMember = (channel: Channel, userId: string, name: string, until: Date | null, reason: string): Promise<string> =>
  attempt(() => timeOut(convene.session, channel.id, userId, until, reason), until ? t.moderation.timedOut(name) : t.moderation.timeoutLifted(name));

export const kickMember = (channel: Channel, userId: string, name: string, reason: string): Promise<string> =>
  attempt(() => kick(convene.session, channel.id, userId, reason), t.moderation.kicked(name));

export const giveRole = async (channel: Channel, userId: string, name: string, role: 'member' | 'admin' | 'owner'): Promise<string> => {
  try {
    await setRole(convene.session, channel.id, userId, role);
  } catch (error) {
    return codeOf(error) === 'conflict.state' ? t.moderation.lastOwner : errorText(codeOf(error));
  }
  toast(t.moderation.roleSet(name, (t.person.roles[role] ?? role).toLowerCase()));
  return '';
};

export const ban = (userId: string, name: string, reason: string, until: Date | null): Promise<string> =>
  attempt(async () => {
    await banUser(convene.session, userId, reason, until);
    markBanned(userId, true);
  }, t.moderation.banned(name));

export const unban = (userId: string, name: string): Promise<boolean> =>
  tell(async () => {
    await unbanUser(convene.session, userId);
    markBanned(userId, false);
  }, t.person.unbannedDone(name));

export function markBanned(userId: string, is: boolean): void {
  const all = new Set(store.bannedUsers.value);
  if (is) all.add(userId);
  else all.delete(userId);
  store.bannedUsers.value = all;
}

export const muteInCall = (userId: string): Promise<boolean> => tell(() => convene.call.muteParticipant(userId));

export const removeFromCall = (userId: string): Promise<boolean> => tell(() => convene.call.kickParticipant(userId));

export const ringInCall = (userId: string): Promise<boolean> => tell(() => convene.call.invite([userId]));

export const endCall = (): Promise<boolean> => tell(() => convene.call.endForAll());

/** Who started the call, and hosts of its channel. */
export function hostsCall(): boolean {
  const { channelId } = convene.call.state;
  const channel = convene.chat.channel(channelId);
  return convene.rings.inChannel(channelId)?.initiatorId === store.me.value?.id || (channel !== undefined && isHost(channel));
}

export const archive = (channel: Channel, archived: boolean): Promise<string> =>
  attempt(() => archiveChannel(convene.session, channel.id, archived), archived ? t.channel.archivedDone : t.channel.restored);

/** The same where nothing is open that could show what went wrong. */
export const restore = (channel: Channel): Promise<boolean> => tell(() => archiveChannel(convene.session, channel.id, false), t.channel.restored);

export async function leaveChannel(channel: Channel): Promise<string> {
  try {
    await removeMember(convene.session, channel.id, store.me.value?.id ?? '');
  } catch (error) {
    return codeOf(error) === 'conflict.state' ? t.moderation.lastOwner : errorText(codeOf(error));
  }
  toast(t.channel.left(store.titleOf(channel)));
  go({ name: 'home' }, true);
  return '';
}
