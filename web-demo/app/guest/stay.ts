/** The guest of this tab: by which link it came, and how far it got. Kept per tab, like its token. */
import { signal } from '@preact/signals';

const KEY = 'convene.guest';

export interface Stay {
  code: string;
  channelId: string;
  channelName: string;
}

/** Ways in which a stay is over; each has a text of its own. */
export type StayOver = 'refused' | 'unanswered' | 'full' | 'revoked' | 'expired' | 'replaced' | 'left';
/** `entering`: on the way in, or on the way back after the page was loaded again. */
export type GuestPhase = 'form' | 'entering' | 'waiting' | StayOver;

function kept(): Stay | null {
  try {
    const { code, channelId, channelName } = JSON.parse(sessionStorage.getItem(KEY) ?? '') as Partial<Stay>;
    return code && channelId ? { code, channelId, channelName: channelName ?? '' } : null;
  } catch {
    return null;
  }
}

export const stay = signal<Stay | null>(kept());
export const guestPhase = signal<GuestPhase>(stay.peek() ? 'entering' : 'form');

export function keepStay(now: Stay | null): void {
  stay.value = now;
  if (now) sessionStorage.setItem(KEY, JSON.stringify(now));
  else sessionStorage.removeItem(KEY);
}

/** What a session that was closed for good means for a guest. */
export function overBy(code: string): StayOver {
  switch (code) {
    case 'perm.denied':
      return 'refused';
    case 'auth.revoked':
    case 'auth.user_inactive':
      return 'revoked';
    case 'session.replaced':
      return 'replaced';
    default:
      return 'expired';
  }
}
