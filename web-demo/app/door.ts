/** What is known before anybody is inside: the page of the sign-in needs no more than this. */
import { signal } from '@preact/signals';

export const signedIn = signal(false);
export const signOutReason = signal('');
/** Why this account may not come in any more; `until` is empty for good, and `null` where nobody said. */
export const banned = signal<{ reason: string; until: string | null } | null>(null);
/** A call is going on, whatever is shown. */
export const callGoesOn = signal(false);

/** Where the token is kept: per tab, so that two tabs can be two people. */
export const TOKEN_KEY = 'convene.token';
