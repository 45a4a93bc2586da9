/** Who came to the call and who went, between two looks. Pure. */
import type { Participant } from '../../sdk/index';

export interface Coming {
  userId: string;
  name: string;
  came: boolean;
}

type Present = Pick<Participant, 'participantId' | 'userId' | 'name'>;

/** Nobody comes with the first look: they were there. With `null` the call is over, and nobody goes. */
export function comings(before: readonly Present[] | null, now: readonly Present[] | null, me: string): Coming[] {
  if (!before || !now) return [];
  const had = new Set(before.map((one) => one.participantId));
  const has = new Set(now.map((one) => one.participantId));
  const said = (came: boolean) => (one: Present): Coming[] => (one.userId === me ? [] : [{ userId: one.userId, name: one.name, came }]);
  return [
    ...now.filter((one) => !had.has(one.participantId)).flatMap(said(true)),
    ...before.filter((one) => !has.has(one.participantId)).flatMap(said(false)),
  ];
}
