/** Links for guests, as those see them who make them. The code of a link is told once, to whoever made it. */
import * as v from 'valibot';
import { ask } from './ask';
import { ConveneError } from './errors';
import type { Session } from './session';
import { flag, int, readList, text } from './wire';

const invite = v.object({
  id: v.string(),
  channelId: text(),
  createdBy: text(),
  createdAt: text(),
  expiresAt: text(),
  /** 0 = as often as one likes. */
  maxUses: int(),
  uses: int(),
  lobby: flag(),
  publish: flag(true),
  chat: flag(true),
});
export type Invite = v.InferOutput<typeof invite>;

const made = v.object({ invite, code: v.string() });

export interface InviteWish {
  /** Seconds. */
  expiresIn?: number;
  maxUses?: number;
  lobby?: boolean;
  publish?: boolean;
  chat?: boolean;
}

export async function createInvite(session: Session, channelId: string, wish: InviteWish = {}): Promise<{ invite: Invite; code: string }> {
  const result = v.safeParse(made, await ask(session, 'invite:create', { channelId, ...wish }));
  if (!result.success) throw new ConveneError('client.shape', 'The server gave an unexpected answer.');
  return result.output;
}

/** Those that still let somebody in, the newest first. */
export async function listInvites(session: Session, channelId: string): Promise<Invite[]> {
  return readList(invite, await ask(session, 'invite:list', { channelId }), 'invites');
}

/** Whoever came by it is cut off. */
export async function revokeInvite(session: Session, inviteId: string): Promise<void> {
  await ask(session, 'invite:revoke', { inviteId });
}
