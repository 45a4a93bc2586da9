/** What a token says that its bearer may do. The server decides; this is for what is offered. */
import * as v from 'valibot';
import { flag } from './wire';

const claims = v.object({
  grants: v.object({ guest: flag(), publish: flag(true), chat: flag(true) }),
});

export interface Grants {
  /** Came by a link: rings, looks for and invites nobody. */
  guest: boolean;
  /** Sends sound and pictures. */
  publish: boolean;
  chat: boolean;
}

export const FULL_GRANTS: Grants = { guest: false, publish: true, chat: true };

/** How the server names the accounts of guests. Nobody writes to them alone, and nobody rings them. */
export const isGuestName = (username: string): boolean => /^guest-[0-9a-f]{8}$/.test(username);

/** Of what is no token of ours, or says nothing, everything. */
export function grantsOf(token: string | null): Grants {
  try {
    const body = (token ?? '').split('.')[1] ?? '';
    const result = v.safeParse(claims, JSON.parse(atob(body.replace(/-/g, '+').replace(/_/g, '/'))));
    return result.success ? result.output.grants : FULL_GRANTS;
  } catch {
    return FULL_GRANTS;
  }
}
