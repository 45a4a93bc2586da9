/** Links that let people in who have no account: what the one who has the link asks, before there is a session. */
import * as v from 'valibot';
import { ConveneError } from './errors';
import { answerOf, post } from './rest';
import { account, flag, int, listOf, text } from './wire';

const shown = v.object({
  channelId: text(),
  channelName: text(),
  /** Names of some of those who are in the call now. */
  people: listOf(v.string()),
  /** How many there are. */
  count: int(),
  /** Somebody has to let one in. */
  lobby: flag(),
  /** Without it one only listens. */
  publish: flag(true),
  chat: flag(true),
  expiresAt: text(),
});
/** What is behind a link. */
export type ShownInvite = v.InferOutput<typeof shown>;

const welcome = v.object({ token: v.string(), user: account, channelId: v.string() });
export type Welcome = v.InferOutput<typeof welcome>;

/** The server takes no longer ones. */
export const LONGEST_GUEST_NAME = 50;

const CODE = /^[A-Za-z0-9_-]{22}$/;

const urlOf = (base: string, code: string): string => {
  // What cannot be a code is not asked for: it may be anything that somebody pasted.
  if (!CODE.test(code)) throw new ConveneError('not_found.invite', 'not a code');
  return `${base}/api/v1/invites/${code}`;
};

export async function showInvite(base: string, code: string): Promise<ShownInvite> {
  return checked(shown, await answerOf(urlOf(base, code)));
}

/** Uses the link once. The token is all a guest ever gets: there is none to refresh it with. */
export async function enterAsGuest(base: string, code: string, name: string): Promise<Welcome> {
  return checked(welcome, await post(`${urlOf(base, code)}/guests`, { name }));
}

function checked<S extends v.GenericSchema>(schema: S, data: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, data);
  if (!result.success) throw new ConveneError('client.shape', 'The server gave an unexpected answer.');
  return result.output;
}
