/** Commands by their published types: a wrong name or payload does not compile. */
import type { Session } from './session';
import type { Answers, Commands } from './types.gen';

/** The answer is as it came; whoever asks reads it with a schema. */
export const ask = <K extends keyof Commands & keyof Answers>(session: Session, op: K, d: Commands[K]): Promise<unknown> =>
  session.request(op, d, { wait: true });

/** The `next` of a page. */
export const nextOf = (d: unknown): string | null => (d as { next?: string | null }).next ?? null;
