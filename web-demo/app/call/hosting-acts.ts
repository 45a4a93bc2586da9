/** Hands, reactions, and what hosts do. Each says what came of it, to those who see the page and to those who hear it. */
import { askUnmute, codeOf, lockCall, reactInCall, setHand, takeMuteBack } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { toast, toggleMic } from '../intents';
import { muteInCall, removeFromCall } from '../moderation/acts';
import { readCallReactions } from '../prefs';
import { me, unmuteAsked } from '../store';
import { t } from '../strings';
import { justMuted, myHand, nameInCall, offerLower, panel } from './hosting';

/** How long a mute can be taken back with one click; the server gives a little more. */
const UNDO_MS = 5_000;

async function attempt(run: () => Promise<unknown>, done = ''): Promise<boolean> {
  try {
    await run();
  } catch (error) {
    const code = codeOf(error);
    toast(t.hosting.errors[code] ?? t.hosting.failed, 'error');
    return false;
  }
  if (done) toast(done);
  return true;
}

const callId = (): string => convene.call.state.callId;

/** The event that follows says what came of it. */
export async function toggleHand(): Promise<void> {
  if (convene.call.state.phase !== 'joined') return;
  offerLower.value = false;
  await attempt(() => setHand(convene.session, callId(), myHand.peek() === 0));
}

export async function lowerHand(userId: string): Promise<void> {
  await attempt(() => setHand(convene.session, callId(), false, userId === me.peek()?.id ? undefined : userId));
}

export async function react(emoji: string): Promise<void> {
  if (await attempt(() => reactInCall(convene.session, callId(), emoji))) announce(t.hosting.youReacted(t.hosting.reactions[emoji] ?? emoji));
}

/** At once; for a moment it can be taken back. */
export async function mute(userId: string): Promise<void> {
  const name = nameInCall(userId);
  if (!(await muteInCall(userId))) return;
  justMuted.value = new Set(justMuted.value).add(userId);
  setTimeout(() => {
    const left = new Set(justMuted.value);
    left.delete(userId);
    justMuted.value = left;
  }, UNDO_MS);
  toast(t.hosting.muted(name), 'info', { label: t.hosting.undo, run: () => void undoMute(userId) }, UNDO_MS);
}

export async function undoMute(userId: string): Promise<void> {
  try {
    await takeMuteBack(convene.session, callId(), userId);
    toast(t.hosting.undone(nameInCall(userId)));
  } catch (error) {
    const code = codeOf(error);
    toast(code === 'conflict.state' ? t.hosting.undoLate : (t.hosting.errors[code] ?? t.hosting.failed), 'error');
  }
}

export async function askToUnmute(userId: string): Promise<void> {
  const name = nameInCall(userId);
  await attempt(() => askUnmute(convene.session, callId(), userId), t.hosting.asked(name));
}

export async function remove(userId: string): Promise<void> {
  const name = nameInCall(userId);
  if (await removeFromCall(userId)) toast(t.hosting.removed(name));
}

/** Everybody is told by the event, I am too. */
export async function lock(locked: boolean): Promise<void> {
  await attempt(() => lockCall(convene.session, callId(), locked));
}

/** Only a press here switches a microphone on. */
export async function answerUnmute(yes: boolean): Promise<void> {
  unmuteAsked.value = null;
  if (yes && !convene.local.state.micOn) await toggleMic();
}

export function toggleReadReactions(): void {
  readCallReactions.value = readCallReactions.value === 'on' ? 'off' : 'on';
  announce(readCallReactions.value === 'on' ? t.hosting.readOn : t.hosting.readOff);
}

/** What is open beside the stage, at most one. Closed, it gives the focus back to the button that opens it. */
export function togglePanel(which: 'people' | 'chat'): void {
  panel.value = panel.value === which ? null : which;
  if (panel.value === null) document.querySelector<HTMLElement>(`[data-testid=control-${which}]`)?.focus();
}
