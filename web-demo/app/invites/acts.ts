/** Links for guests: made, copied, taken back. */
import { codeOf, createInvite, type Invite, type InviteWish } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { errorText } from '../moderation/acts';
import { t } from '../strings';

export interface NewLink {
  invite: Invite;
  url: string;
}

export const linkOf = (code: string): string => `${location.origin}/j/${code}`;

/** The link, or the text of what went wrong. */
export async function makeLink(channelId: string, wish: InviteWish = {}): Promise<NewLink | string> {
  try {
    const { invite, code } = await createInvite(convene.session, channelId, wish);
    return { invite, url: linkOf(code) };
  } catch (error) {
    return errorText(codeOf(error));
  }
}

/** Says whether it worked: without a secure context, or refused, it does not. */
export async function copyLink(url: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(url);
  } catch {
    announce(t.invites.notCopied);
    return false;
  }
  announce(t.invites.copied);
  return true;
}
