/** A channel's members and settings. */
import * as v from 'valibot';
import { ask, nextOf } from './ask';
import type { Session } from './session';
import type { Commands } from './types.gen';
import { channel as channelSchema, int, readList, text, type Channel } from './wire';

export const member = v.object({
  userId: v.string(),
  username: text(),
  name: text(),
  role: text('member'),
  readSeq: int(),
  rev: int(),
  leftAt: text(),
  /** Until when it may not write. */
  timeoutUntil: text(),
});
export type Member = v.InferOutput<typeof member>;

/** What is to change; what is absent stays. */
export type ChannelSettings = Omit<Commands['channel:update'], 'channelId'>;

export async function channelMembers(session: Session, channelId: string): Promise<Member[]> {
  return readList(member, await ask(session, 'channel:get', { channelId }), 'members').filter((one) => !one.leftAt);
}

export async function addMember(session: Session, channelId: string, userId: string): Promise<void> {
  await ask(session, 'channel:member_add', { channelId, userId });
}

/** Somebody else, or oneself: then it is leaving. */
export async function removeMember(session: Session, channelId: string, userId: string): Promise<void> {
  await ask(session, 'channel:member_remove', { channelId, userId });
}

export async function setRole(session: Session, channelId: string, userId: string, role: 'member' | 'admin' | 'owner'): Promise<void> {
  await ask(session, 'channel:member_role', { channelId, userId, role });
}

/** Removes a member, who is told why. */
export async function kick(session: Session, channelId: string, userId: string, reason: string): Promise<void> {
  await ask(session, 'moderation:kick_user', { channelId, userId, reason });
}

/** Keeps a member from writing until then; `null` lifts it. */
export async function timeOut(session: Session, channelId: string, userId: string, until: Date | null, reason = ''): Promise<void> {
  await ask(session, 'moderation:timeout_user', { channelId, userId, until: until?.toISOString() ?? null, reason });
}

export async function updateChannel(session: Session, channelId: string, settings: ChannelSettings): Promise<void> {
  await ask(session, 'channel:update', { channelId, ...settings });
}

export async function archiveChannel(session: Session, channelId: string, archived: boolean): Promise<void> {
  await ask(session, 'channel:archive', { channelId, archived });
}

/** Channels of mine that were archived. */
export async function archivedChannels(session: Session, cursor?: string): Promise<{ channels: Channel[]; next: string | null }> {
  const d = await ask(session, 'channel:list', { archived: true, ...(cursor ? { cursor } : {}) });
  return { channels: readList(channelSchema, d, 'channels'), next: nextOf(d) };
}
