/** What is known before anybody is inside: the page of the sign-in needs no more than this. */
import { computed, signal } from '@preact/signals';
import { route } from './router';

export const signedIn = signal(false);
export const signOutReason = signal('');
/** Why this account may not come in any more; `until` is empty for good, and `null` where nobody said. */
export const banned = signal<{ reason: string; until: string | null } | null>(null);
/** A call is going on, whatever is shown. */
export const callGoesOn = signal(false);

/** Where the token is kept: per tab, so that two tabs can be two people. */
export const TOKEN_KEY = 'convene.token';

/** Who opened a link for guests has an account after all. */
export const signingIn = signal(false);
/** A link for guests is open, and whoever opened it is asked how to come in. */
export const atGuestDoor = computed(() => route.value.name === 'invite' && (signedIn.value || (!signingIn.value && !banned.value)));
