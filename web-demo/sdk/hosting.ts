/** Hands, reactions, and what hosts do in a call. */
import * as v from 'valibot';
import { ask } from './ask';
import type { Session } from './session';
import { flag, int, listOf, read, text } from './wire';

const handsChanged = v.object({ hands: listOf(v.string()), by: text() });
/** `by` is empty if somebody with a hand up has left. */
export type HandsChanged = v.InferOutput<typeof handsChanged>;
const lockChanged = v.object({ locked: flag(), by: text() });
export type LockChanged = v.InferOutput<typeof lockChanged>;
const reactions = v.object({
  reactions: listOf(v.object({ userId: v.string(), emoji: v.string(), count: int(1) })),
  /** How many came besides. */
  more: int(),
});
export type Reactions = v.InferOutput<typeof reactions>;
const unmuteAsked = v.object({ by: v.object({ id: v.string(), name: text() }) });
export interface UnmuteAsked {
  userId: string;
  name: string;
}

export type Hosted =
  | { ev: 'hands'; d: HandsChanged }
  | { ev: 'locked'; d: LockChanged }
  | { ev: 'reactions'; d: Reactions }
  | { ev: 'unmuteAsked'; d: UnmuteAsked };

/** What an event of a call says about all this; nothing, if it is about something else. */
export function hosted(ev: string, raw: unknown): Hosted | null {
  switch (ev) {
    case 'call:hands': {
      const d = read(handsChanged, raw, ev);
      return d && { ev: 'hands', d };
    }
    case 'call:locked': {
      const d = read(lockChanged, raw, ev);
      return d && { ev: 'locked', d };
    }
    case 'call:reactions': {
      const d = read(reactions, raw, ev);
      return d && { ev: 'reactions', d };
    }
    case 'call:unmute_asked': {
      const d = read(unmuteAsked, raw, ev);
      return d && { ev: 'unmuteAsked', d: { userId: d.by.id, name: d.by.name } };
    }
    default:
      return null;
  }
}

/** One's own hand; a host lowers that of somebody else by naming them. */
export const setHand = (session: Session, callId: string, raised: boolean, userId?: string): Promise<unknown> =>
  ask(session, 'call:hand', { callId, raised, ...(userId ? { userId } : {}) });

export const reactInCall = (session: Session, callId: string, emoji: string): Promise<unknown> => ask(session, 'call:react', { callId, emoji });

/** Nobody can be unmuted; one can be asked to. */
export const askUnmute = (session: Session, callId: string, userId: string): Promise<unknown> => ask(session, 'call:ask_unmute', { callId, userId });

/** Within a few seconds, and only one's own. */
export const takeMuteBack = (session: Session, callId: string, userId: string): Promise<unknown> =>
  ask(session, 'call:mute_participant', { callId, userId, muted: false });

export const lockCall = (session: Session, callId: string, locked: boolean): Promise<unknown> => ask(session, 'call:lock', { callId, locked });
