/** What a message said before it was edited. */
import * as v from 'valibot';
import { ask } from './ask';
import type { Session } from './session';
import { int, readList, text } from './wire';

export const revision = v.object({ editNo: int(), content: text(), editedBy: text(), editedAt: text() });
export type Revision = v.InferOutput<typeof revision>;

/** For its author and hosts of the channel. */
export async function listRevisions(session: Session, messageId: string): Promise<Revision[]> {
  return readList(revision, await ask(session, 'message:get_revisions', { messageId }), 'revisions');
}
