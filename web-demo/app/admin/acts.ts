/** What administrators do to calls and accounts. Each says what came of it. */
import { banUser, closeCall, codeOf, unbanUser } from '../../sdk/index';
import { convene } from '../client';
import { toast } from '../intents';
import { attempt, errorText, markBanned, tell } from '../moderation/acts';
import { t } from './texts';

/** Somebody else may have been faster. */
export async function closeRoom(callId: string, name: string): Promise<void> {
  try {
    await closeCall(convene.session, callId);
    toast(t.admin.closed(name));
  } catch (error) {
    const code = codeOf(error);
    const over = code === 'not_found.call' || code === 'call.ended';
    toast(over ? t.admin.over : errorText(code), over ? 'info' : 'error');
  }
}

/** For good, until somebody enables it again. */
export const disable = (userId: string, name: string, reason: string): Promise<string> =>
  attempt(async () => {
    await banUser(convene.session, userId, reason, null);
    markBanned(userId, true);
  }, t.admin.disabled(name));

export const enable = (userId: string, name: string): Promise<boolean> =>
  tell(async () => {
    await unbanUser(convene.session, userId);
    markBanned(userId, false);
  }, t.admin.enabled(name));
